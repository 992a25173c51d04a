"""The numbers that decide what was said of learned activations, and how alike their runs are."""

from collections.abc import Iterable, Iterator
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from actgrid import fits
from actgrid.scores import CONFIDENCE, t_factor

NEAR = 0.5  # SDs of the pre-activations
STEEPER = 1.5  # times the mean slope of the other side
APART = 0.1  # of f's range, between the levels at the two ends
MOST = 1000  # pairs of a base's runs that are compared, more than the full grid has; drawn evenly
OVER = ("seeds", "sizes", "start")
SPREAD = ["base", "over", "pairs", "mean", "low", "high"]
CLAIMS = ["claim", "statement", "group", "value", "low", "high", "n"]

# what each number is, and of which kind its interval
STATEMENTS = {
    "alike": "tanh-based functions are the most alike: mean distance between runs of different "
    "sizes; n pairs, jackknife interval",
    "alike_difference": "by how much the mean distance is larger than with tanh; n pairs, "
    "interval of independent differences",
    "extra_extrema": "ReLU- and GELU-based functions have extra extrema unless the outer network "
    "is large: share of runs with two or more; Wilson interval",
    "extremum_near_zero": f"nearly all have an extremum near 0: share of runs with one at |x| <= "
    f"{NEAR} SD of the pre-activations; Wilson interval",
    "extremum_near_centre": f"the same whatever shift BatchNorm adds: one within {NEAR} SD of the "
    "mean pre-activation; Wilson interval",
    "one_side_steeper": "one side of the extremum is steeper: share, of the runs that have one, "
    f"with a mean slope {STEEPER} times the other side's; Wilson interval",
    "levels_differ": "one side ends higher: share, of the runs with an extremum, whose ends lie "
    f"{APART:.0%} of the function's range apart; Wilson interval",
    "end_slope": "tanh levels off at the ends of the pre-activations: slope there (the steeper "
    "end) / largest slope; t interval over runs",
    "end_curvature": "ReLU runs straight there, GELU is slightly bent: |f''| (the more bent end, "
    "kinks included) * width of the pre-activations / largest slope; t interval over runs",
    "graph_slope": "the slope beyond the pre-activations, at the edges of the graph; t interval "
    "over runs",
    "graph_curvature": "the curvature beyond the pre-activations, at the edges of the graph; t "
    "interval over runs",
}


def spread(runs: Iterable[tuple]) -> pd.DataFrame:
    """How far apart a base's functions lie: mean distance (`fits.distance`) over pairs of runs.

    runs: (base, outer, inner, seed, graph, preactivations), one of each cell and seed. A row per
    base and `over`: "seeds" (pairs of one outer and inner size), "sizes" (pairs of different ones
    that did not start from the same activation network), "start" (pairs that did: of one inner
    size and seed, in different outer networks).
    pairs: how many, of at most MOST a base; those with a function without a shape are left out.
    low, high: 95 % t interval by the jackknife that leaves out one run, hence all of its pairs, at
    a time; empty where too few pairs would remain.
    """
    samples: dict[str, list] = {}
    for base, outer, inner, seed, graph, preactivations in runs:
        one = (outer, (inner, seed), fits.sample(graph, preactivations))
        samples.setdefault(base, []).append(one)
    rows = []
    for base, own in samples.items():
        pairs = _pairs(own)
        for over in OVER:
            chosen = pairs[pairs["over"] == over]
            rows.append((base, over, len(chosen), *_jackknife(chosen)))
    return pd.DataFrame(rows, columns=SPREAD)


def claims(shapes: pd.DataFrame, spread: pd.DataFrame) -> pd.DataFrame:
    """The numbers that decide each claim; a row a number: CLAIMS.

    shapes: a row of `shapes.measure` per run, with base and outer; spread: of `spread`. group: a
    base, base/outer, or all. value: a mean or a share in [0, 1] over n runs (pairs), those without
    a shape left out; low, high: its 95 % interval, empty for a mean of one.
    """
    shaped = shapes[shapes["extrema"].notna()].reset_index(drop=True)
    rows = [*_alike(spread), *_shares(shaped), *_ends(shaped)]
    table = pd.DataFrame(rows, columns=[c for c in CLAIMS if c != "statement"])
    return table.assign(statement=table["claim"].map(STATEMENTS))[CLAIMS]


def _pairs(samples: list[tuple]) -> pd.DataFrame:
    """first, second (positions in the list), over, distance; no row for a NaN. See MOST."""
    pairs = list(combinations(range(len(samples)), 2))
    if len(pairs) > MOST:
        drawn = np.random.default_rng(0).choice(len(pairs), MOST, replace=False)
        pairs = [pairs[number] for number in sorted(drawn)]
    rows = [
        (i, j, _over(samples[i], samples[j]), fits.distance(samples[i][-1], samples[j][-1]))
        for i, j in pairs
    ]
    return pd.DataFrame(rows, columns=["first", "second", "over", "distance"]).dropna()


def _over(first: tuple, second: tuple) -> str:
    """What two runs (outer, (inner, seed), ...) of a base differ in; one of OVER."""
    if first[1] == second[1]:
        return "start"
    return "seeds" if (first[0], first[1][0]) == (second[0], second[1][0]) else "sizes"


def _jackknife(pairs: pd.DataFrame) -> tuple[float, float, float]:
    """Mean distance and the interval from leaving out each run in turn."""
    if pairs.empty:
        return np.nan, np.nan, np.nan
    ends, distances = pairs[["first", "second"]].to_numpy().T, pairs["distance"].to_numpy()
    runs = np.unique(ends)
    kept = [(ends != run).all(axis=0) for run in runs]
    mean, n = float(distances.mean()), len(runs)
    if not all(keep.any() for keep in kept):
        return mean, np.nan, np.nan
    without = np.array([distances[keep].mean() for keep in kept])
    error = np.sqrt((n - 1) / n * np.square(without - without.mean()).sum())
    half = float(t_factor(n) * error)
    return mean, mean - half, mean + half


def _alike(spread: pd.DataFrame) -> Iterator[tuple]:
    sizes = spread[spread["over"] == "sizes"].set_index("base")
    for base, row in sizes.iterrows():
        yield "alike", base, row["mean"], row["low"], row["high"], row["pairs"]
    for base in sizes.index.drop("tanh") if "tanh" in sizes.index else ():
        rows = sizes.loc[[base, "tanh"]]
        value = rows["mean"].iloc[0] - rows["mean"].iloc[1]
        half = np.sqrt(np.square(rows["high"] - rows["mean"]).sum(skipna=False))
        pairs = rows["pairs"].sum()
        yield "alike_difference", f"{base} - tanh", value, value - half, value + half, pairs


def _shares(shaped: pd.DataFrame) -> Iterator[tuple]:
    """Of the runs for which the question arises, those for which the answer is yes."""
    bent = shaped[shaped["extrema"] >= 1]
    answers = {
        "extra_extrema": shaped["extrema"] >= 2,
        "extremum_near_zero": shaped["main_x"].abs() <= NEAR * shaped["scale"],
        "extremum_near_centre": shaped["central_offset"] <= NEAR,
        "one_side_steeper": bent["asymmetry"].dropna() >= STEEPER,
        "levels_differ": bent["level_difference"] >= APART,
    }
    for claim, yes in answers.items():
        for group, chosen in _groups(shaped.loc[yes.index], by_outer=claim == "extra_extrema"):
            count, n = int(yes[chosen].sum()), len(chosen)
            wilson = stats.binomtest(count, n).proportion_ci(CONFIDENCE, "wilson")
            yield claim, group, count / n, wilson.low, wilson.high, n


def _ends(shaped: pd.DataFrame) -> Iterator[tuple]:
    """Per base, the mean of the larger of the two ends."""
    for claim in ("end_slope", "end_curvature", "graph_slope", "graph_curvature"):
        larger = shaped[[f"{claim}_left", f"{claim}_right"]].max(axis=1)
        for base, index in shaped.groupby("base", sort=False).groups.items():
            values = larger[index]
            mean, n = values.mean(), len(values)
            half = t_factor(n) * values.std() / np.sqrt(n)
            yield claim, base, mean, mean - half, mean + half, n


def _groups(rows: pd.DataFrame, by_outer: bool) -> Iterator[tuple[str, pd.Index]]:
    """("base/outer", its rows) of each, or ("all", all rows) and those of each base."""
    if by_outer:
        groups = rows.groupby(["base", "outer"], sort=False).groups
        yield from (("/".join(key), index) for key, index in groups.items())
    elif len(rows):
        yield "all", rows.index
        yield from rows.groupby("base", sort=False).groups.items()
