"""What the runs with learned activations show: against their bases, frozen elsewhere, published."""

import numpy as np
import pandas as pd
from scipy import stats

from actgrid.scores import RUN, final_rows, t_factor

# the sizes' names in the source work
OUTER = {"mlp_48_24": "small", "mlp_48_24_16": "medium", "mlp_96_48_32": "large"}
INNER = {(16, 8): "small", (32, 16): "medium", (32, 16, 8): "large"}
LABELS = ["base", "outer", "inner", "evaluation"]
COLLAPSED = 0.55  # a validation AUC below this: the network tells nothing apart

PLACE = ["dataset", "architecture", "seed"]
PUBLISHED = ["base_activation", "outer_network", "activation_network", "validation_roc_auc"]
COMPARED = ["dataset", "architecture", "comparison", "activation", "against"]
DRAWN = np.linspace(-3, 3, 601)  # where the source work drew its graphs


def labels(activations: dict, architecture: str, activation: str) -> dict:
    """base, outer, inner and evaluation of a cell whose activation is, or came from, a learned one.

    Sizes that the source work does not have go by the architecture's name and the widths.
    """
    entry = activations[origin(activations, activation)]
    widths = entry["layers"]
    return {
        "base": entry["base"],
        "outer": OUTER.get(architecture, architecture),
        "inner": INNER.get(tuple(widths), "-".join(map(str, widths))),
        "evaluation": entry.get("evaluation", "tabulated"),
    }


def labelled(rows: pd.DataFrame, activations: dict) -> pd.DataFrame:
    """`rows` (architecture, activation, ...) with the columns LABELS."""
    cells = zip(rows["architecture"], rows["activation"], strict=True)
    named = [labels(activations, *cell) for cell in cells]
    return rows.join(pd.DataFrame(named, columns=LABELS, index=rows.index))


def origin(activations: dict, activation: str) -> str:
    """The learned activation behind a transferred or matched one; itself if it is one."""
    entry = activations[activation]
    if entry["function"] == "transfer":
        return entry["source"].split("/")[2]
    return entry.get("matched_to", activation)


def comparisons(activations: dict) -> pd.DataFrame:
    """Which activations are held against which: comparison, activation, against.

    base: a learned one (tabulated) against the fixed function within it; matched: against that
    function in a network widened to as many parameters; exact: against the same by exact
    evaluation; transfer: a frozen one, elsewhere, against its base.
    """
    functions = {name: entry["function"] for name, entry in activations.items()}
    rows = []
    for name, entry in activations.items():
        behind = activations[origin(activations, name)]
        if functions[name] == "transfer":
            rows.append(("transfer", name, behind["base"]))
        elif functions[name] == "learned" and entry.get("evaluation") != "exact":
            rows.append(("base", name, entry["base"]))
            rows += [("exact", name, other) for other, twin in activations.items()
                     if functions[other] == "learned" and twin.get("evaluation") == "exact"
                     and [twin[k] for k in ("base", "layers")]
                     == [entry[k] for k in ("base", "layers")]]  # fmt: skip
        elif "matched_to" in entry and entry["function"] == behind["base"]:
            rows.append(("matched", entry["matched_to"], name))
    return pd.DataFrame(rows, columns=["comparison", "activation", "against"])


def differences(epochs: pd.DataFrame, activations: dict) -> pd.DataFrame:
    """A row per comparison and seed: both runs' score and their difference.

    The score (column metric) is the test AUC where there is one, else the test accuracy. Only
    seeds for which both runs ended well are compared: they share split, order and, but for widened
    networks, the initial weights.
    """
    rows = scored(epochs)
    against = rows.rename(columns={"activation": "against", "score": "score_against"})
    table = comparisons(activations).merge(rows, on="activation")
    table = table.merge(against, on=[*PLACE, "metric", "against"])
    table = labelled(table, activations)
    return table.assign(difference=table["score"] - table["score_against"])


def scored(epochs: pd.DataFrame) -> pd.DataFrame:
    """dataset, architecture, seed, activation, metric and score of every run that ended well."""
    rows = final_rows(epochs)
    has_auc = rows["test_auc"].notna()
    rows = rows.assign(
        metric=np.where(has_auc, "test_auc", "test_accuracy"),
        score=rows["test_auc"].where(has_auc, rows["test_accuracy"]),
    )
    return rows[[*PLACE, "activation", "metric", "score"]]


def parity(differences: pd.DataFrame) -> pd.DataFrame:
    """Mean difference of every comparison over its seeds: n, mean, sd, low, high (95 % t)."""
    return intervals(differences, [*COMPARED, "metric", *LABELS], "difference")


def overall(cells: pd.DataFrame) -> pd.DataFrame:
    """`parity` over cells, per dataset, comparison and base: what the cells' means say together.

    n cells, mean, sd, low, high (95 % t over the cells), wins and losses (cells with a mean above
    or below 0), and Wilcoxon's signed-rank p over the cells (empty for fewer than 6). Cells of
    one data set share it: the p is too small rather than too large.
    """
    keys = ["dataset", "comparison", "base", "metric"]
    groups = cells.groupby(keys, sort=False)["mean"]
    extra = pd.DataFrame(
        {
            "wins": groups.agg(lambda means: int((means > 0).sum())),
            "losses": groups.agg(lambda means: int((means < 0).sum())),
            "p": groups.agg(lambda m: stats.wilcoxon(m).pvalue if len(m) > 5 else np.nan),
        }
    )
    return intervals(cells, keys, "mean").merge(extra.reset_index(), on=keys)


def intervals(rows: pd.DataFrame, keys: list[str], value: str) -> pd.DataFrame:
    """n, mean, sd, low and high (95 % t interval; empty for one row) of a column in each group."""
    groups = rows.groupby(keys, sort=False)[value]
    table = groups.agg(n="size", mean="mean", sd="std").reset_index()
    half = t_factor(table["n"]) * table["sd"] / np.sqrt(table["n"])
    return table.assign(low=table["mean"] - half, high=table["mean"] + half)


def against_published(
    epochs: pd.DataFrame, published: pd.DataFrame, activations: dict
) -> pd.DataFrame:
    """Our validation AUC (tabulated runs) beside the published one, a row per combination.

    published: the columns PUBLISHED; without a row the comparison has none. Columns:
    base, outer, inner, published, n, ours_mean, ours_sd, ours_low, ours_high, difference.
    """
    rows = final_rows(epochs)
    learned = {r for r, e in activations.items() if e["function"] == "learned"}
    rows = labelled(rows[rows["activation"].isin(learned)], activations)
    rows = rows[rows["evaluation"] == "tabulated"]
    keys = ["base", "outer", "inner"]
    ours = intervals(rows, keys, "valid_auc").rename(
        columns={name: f"ours_{name}" for name in ("mean", "sd", "low", "high")}
    )
    theirs = published.set_axis([*keys, "published"], axis=1)
    table = theirs.merge(ours, on=keys)
    return table.assign(difference=table["ours_mean"] - table["published"])


def evaluations(epochs: pd.DataFrame, activations: dict) -> pd.DataFrame:
    """Tabulated against exact evaluation: a row per cell and seed trained both ways.

    score, score_against: test AUC, tabulated and exact; seed_sd: SD of the tabulated cell's over
    its seeds; pooled_sd: that of all such cells together (root mean square); epochs,
    epochs_against: trained; seconds, seconds_against: median of an epoch; ratio: how many times
    faster.
    """
    table = differences(epochs, activations).query("comparison == 'exact'")
    cell = ["dataset", "architecture", "activation"]
    sds = scored(epochs).groupby(cell)["score"].std().rename("seed_sd")
    tabulated = comparisons(activations).query("comparison == 'base'")["activation"]
    pooled = np.sqrt((sds[sds.index.isin(tabulated, level="activation")] ** 2).mean())
    table = table.join(sds, on=cell).assign(pooled_sd=pooled)
    seconds = epochs.groupby([*PLACE, "activation"])["seconds"].agg(epochs="size", seconds="median")
    for suffix, column in (("", "activation"), ("_against", "against")):
        table = table.join(seconds.add_suffix(suffix), on=[*PLACE, column])
    return table.assign(ratio=table["seconds_against"] / table["seconds"])


def collapsed(epochs: pd.DataFrame) -> pd.DataFrame:
    """Runs that diverged, or whose best validation AUC stayed below COLLAPSED; a row each."""
    rows = epochs.groupby([*RUN, "status"], sort=False)["valid_auc"].max().reset_index()
    return rows[(rows["status"] != "ok") | (rows["valid_auc"] < COLLAPSED)]


def curve(graph: pd.DataFrame, preactivations: pd.DataFrame) -> pd.DataFrame:
    """A run's graph where it is drawn: x, f, df, and the density of pre-activations at x.

    The density is the share of the scalars within a bin of 0.1 around x, per unit of x.
    """
    share = np.interp([DRAWN - 0.05, DRAWN + 0.05], preactivations["all"],
                      preactivations["quantile"], left=0, right=1)  # fmt: skip
    columns = {name: np.interp(DRAWN, graph["x"], graph[name]) for name in ("f", "df")}
    return pd.DataFrame({"x": DRAWN, **columns, "density": (share[1] - share[0]) / 0.1})
