"""What a network's layers show: gradients, units and histograms over runs; tables in, tables out.

`layers`: rows of `diagnostics.Layers` with the run's names and status in front (layers.csv).
"""

import numpy as np
import pandas as pd

from actgrid.scores import CELL, RUN, intervals

KEYS = [*CELL, "part", "layer", "epoch"]
SIZES = ["gradient_norm", "gradient_rms", "preactivation_rms"]
MEASURES = ["preactivation_q50", "mean", "variance", "dead", "saturated"]
STATES = ["mean", "dead", "saturated"]  # of a layer's activations, in the summary
BIN = "bin_"  # before the number of a histogram's share
OUTCOME = ["n", "failures", *(f"test_accuracy_{part}" for part in ("mean", "low", "high"))]


def is_used(column: str) -> bool:
    """Whether a column of layers.csv is looked at here; of those of diagnostics a third is not."""
    known = {*KEYS, "seed", "status", *SIZES, *MEASURES, "low", "high"}
    return column in known or column.startswith(BIN)


def layer_means(layers: pd.DataFrame) -> pd.DataFrame:
    """A row per cell, part, layer and epoch, over the runs that ended well; order of appearance.

    n: those runs; failures: the cell's runs that diverged. SIZES: geometric mean over seeds, 0
    where one seed's is 0 and NaN where one's is NaN, with `_low` and `_high`, the smallest and the
    largest seed (NaN aside). MEASURES: means over seeds. A cell without a good run keeps its rows,
    without numbers. What a part does not have is empty.
    """
    good = layers[layers["status"] == "ok"]
    groups = good.groupby(KEYS, sort=False)
    ends = {"low": groups[SIZES].min(), "high": groups[SIZES].max()}
    named = [table.add_suffix(f"_{name}") for name, table in ends.items()]
    tables = [groups.size().rename("n"), _geometric_means(good), *named, groups[MEASURES].mean()]
    rows = layers.groupby(KEYS, sort=False).size().index
    table = pd.concat(tables, axis=1).reindex(rows).reset_index()
    diverged = layers[layers["status"] != "ok"].groupby(CELL)["seed"].nunique().rename("failures")
    table = table.join(diverged, on=CELL).fillna({"n": 0, "failures": 0})
    sizes = [f"{size}{end}" for size in SIZES for end in ("", "_low", "_high")]
    counts = {"n": int, "failures": int}
    return table[[*KEYS, *counts, *sizes, *MEASURES]].astype(counts)


def histograms(layers: pd.DataFrame) -> pd.DataFrame:
    """The activations of each cell's first good seed, before training and after its last epoch.

    A row a bin: the cell, seed, layer, epoch, low and high (the bin's edges) and its share of the
    layer's activations. Of one seed: several have histograms of different ranges. A layer with one
    value only has a range that goes on by 1 to either side, as torch.histc counts it; a layer with
    values that are not finite has no rows.
    """
    rows = layers[(layers["status"] == "ok") & (layers["part"] == "activation")]
    rows = rows[rows["seed"] == rows.groupby(CELL)["seed"].transform("min")]
    epochs = rows.groupby(CELL)["epoch"]
    ends = (rows["epoch"] == 0) | (rows["epoch"] == epochs.transform("max"))
    rows = rows[ends].reset_index(drop=True)
    bins = [name for name in rows.columns if name.startswith(BIN)]
    names = [*CELL, "seed", "layer", "epoch", "low", "high"]
    table = rows.rename(columns={name: number for number, name in enumerate(bins)})
    table = table.melt(names, range(len(bins)), "bin", "share", ignore_index=False)
    table = table.sort_index(kind="stable").dropna(subset="share").reset_index(drop=True)
    single = (table["low"] == table["high"]).astype(float)
    start, width = table["low"] - single, (table["high"] - table["low"] + 2 * single) / len(bins)
    number = table.pop("bin").astype(int)
    return table.assign(low=start + number * width, high=start + (number + 1) * width)


def over_layers(means: pd.DataFrame) -> pd.DataFrame:
    """A row per cell and epoch with a good run: the layers of `layer_means` together.

    gradient_ratio: log10 of the gradient's root mean square in the first weight layer over that in
    the last (below 0: it vanishes on its way back; layers of different size compare). mean, dead
    and saturated: means over the layers of activations, all alike; `_largest`: the largest
    absolute value of a layer.
    """
    good, keys = means[means["n"] > 0], [*CELL, "epoch"]
    counts = good.groupby(keys, sort=False)[["n", "failures"]].first()
    return pd.concat([counts, _over_layers(good, keys)], axis=1).reset_index()


def flow_summary(layers: pd.DataFrame, final: pd.DataFrame) -> pd.DataFrame:
    """A row per cell of `layers`: n, failures, test accuracy, and what its layers show.

    final: rows of `scores.summarise`, of other cells too. The measures of `run_states`: mean over
    seeds, with `_low` and `_high`, its 95 % t interval, which for one seed is empty and for a share
    may go below 0. Empty without a good run, and where one run's is NaN.
    """
    runs = run_states(layers)
    known = runs.where(runs.notna().groupby(CELL).transform("all"))
    table = intervals(known.reset_index(), CELL, list(runs)).rename(
        columns=lambda name: name.removesuffix("_mean")
    )
    outcome = final.set_index(CELL)[OUTCOME]
    outcome = outcome[outcome.index.isin(layers.set_index(CELL).index)]
    ends = [f"{measure}{end}" for measure in runs for end in ("", "_low", "_high")]
    return outcome.join(table[ends]).reset_index()


def run_states(layers: pd.DataFrame) -> pd.DataFrame:
    """A row per good run, which is the index: the measures of `over_layers`, in this run alone.

    Before training (`_start`) and after the run's last epoch (`_end`); dead_change: the second
    less the first.
    """
    table = _over_layers(layers[layers["status"] == "ok"], [*RUN, "epoch"]).reset_index()
    epochs = table.groupby(RUN)["epoch"]
    ends = {"start": epochs.transform("min"), "end": epochs.transform("max")}
    states = [
        table[table["epoch"] == epoch].drop(columns="epoch").set_index(RUN).add_suffix(f"_{name}")
        for name, epoch in ends.items()
    ]
    runs = pd.concat(states, axis=1)
    return runs.assign(dead_change=runs["dead_end"] - runs["dead_start"])


def _over_layers(rows: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """The measures of `over_layers`; keys: what the layers of one network at one epoch share."""
    rows = rows.sort_values("layer", kind="stable")
    sizes = rows[rows["part"] == "weights"].groupby(keys, sort=False)["gradient_rms"]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.log10(sizes.first(skipna=False) / sizes.last(skipna=False))
    units = rows[rows["part"] == "activation"]
    groups = units.groupby(keys, sort=False)
    largest = units.assign(**units[STATES].abs()).groupby(keys, sort=False)[STATES].max()
    tables = [ratio.rename("gradient_ratio"), groups[STATES].mean()]
    return pd.concat([*tables, largest.add_suffix("_largest")], axis=1)


def _geometric_means(rows: pd.DataFrame) -> pd.DataFrame:
    with np.errstate(divide="ignore"):  # log 0 = -inf, which makes the mean 0
        logs = rows.assign(**np.log(rows[SIZES]))
    return np.exp(logs.groupby(KEYS, sort=False)[SIZES].mean(skipna=False))
