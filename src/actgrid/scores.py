"""Statistics over seeds and the comparison with published figures: tables in, tables out.

Accuracies are shares in [0, 1]. No function writes, reads or changes its input.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import special

CELL = ["study", "dataset", "architecture", "activation"]
RUN = [*CELL, "seed"]
METRICS = [
    *("train_accuracy", "test_accuracy", "train_loss", "test_loss"),
    *("valid_accuracy", "valid_loss", "valid_auc", "test_auc"),
]
COMPARED = ["test_accuracy", "train_accuracy"]
CONFIDENCE = 0.95
STANDARD_ERRORS = 3  # two results agree when they lie this close ...
MARGIN = 0.005  # ... plus half a percentage point of accuracy

REPRODUCTION = [
    *("dataset", "architecture", "activation", "published_as", "metric"),
    *("ours_mean", "ours_sd", "ours_n", "published_mean", "published_sd", "published_n"),
    *("difference", "tolerance", "agrees"),
]
AGREEMENT = [
    *("architecture", "metric", "cells", "agree", "share"),
    *("mean_abs_difference", "rank_correlation"),
]


def final_rows(epochs: pd.DataFrame) -> pd.DataFrame:
    """The epoch that counts of every run that ended well: the last one with test figures.

    That is the last epoch, or the restored one where the validation was monitored. One row per run,
    columns and order of `epochs`.
    """
    tested = epochs[(epochs["status"] == "ok") & epochs["test_loss"].notna()].reset_index(drop=True)
    return tested.loc[tested.groupby(RUN, sort=False)["epoch"].idxmax()]


def summarise(epochs: pd.DataFrame) -> pd.DataFrame:
    """Final epoch of every cell (study, dataset, architecture, activation) in order of appearance.

    Per metric: `_mean`, `_sd` (n - 1 in the denominator), `_low` and `_high` (95 % t interval of
    the mean over seeds); all but the mean are empty for n < 2. `n` counts the runs averaged,
    `failures` all others: those that diverged; a cell without a good run keeps its row.
    `seconds_mean`: seconds per epoch, over all epochs of all runs of the cell, diverged ones too.
    """
    final = final_rows(epochs)
    final = final.assign(**final)  # each column by itself: the last bit of a mean hangs on that
    cells = epochs.groupby(CELL, sort=False)["seconds"].mean().rename("seconds_mean")
    table = intervals(final, CELL, METRICS).reindex(cells.index).assign(seconds_mean=cells)
    table["n"] = table["n"].fillna(0).astype(int)
    table["failures"] = epochs.groupby(CELL)["seed"].nunique() - table["n"]
    counts = ["n", "failures"]
    return table[[*counts, *_interval_columns(), "seconds_mean"]].reset_index()


def with_constant(final: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """`summarise` with the column `constant` after `failures`: how many of the n runs averaged end
    with one class for every test example; runs: of `records.runs_frame`."""
    constant = runs.groupby(CELL)["constant_epoch"].count().rename("constant")
    table = final.join(constant, on=CELL)
    return table[[*CELL, "n", "failures", "constant", *final.columns[len(CELL) + 2 :]]]


def epoch_means(epochs: pd.DataFrame) -> pd.DataFrame:
    """The learning curves: as `summarise`, but a row per cell and epoch, over the good runs only.

    Columns: the cell's, epoch, n, the metrics' mean, sd, low and high, seconds_mean.
    """
    finished = epochs[epochs["status"] == "ok"]
    keys = [*CELL, "epoch"]
    seconds = finished.groupby(keys, sort=False)["seconds"].mean()
    return intervals(finished, keys, METRICS).assign(seconds_mean=seconds).reset_index()


def compare(
    final: pd.DataFrame, published: pd.DataFrame, published_as: Mapping[str, str]
) -> pd.DataFrame:
    """Our final cells against published ones, on test and training accuracy.

    final: rows of `summarise` for the data set that `published` is about. published: architecture,
    activation, runs, {metric}_mean and {metric}_std. published_as: our activation -> theirs.
    Cells without a result of ours, or without a published one, are left out.

    difference = ours - published; a cell agrees when |difference| <= 3 SE + 0.005, with
    SE = sqrt(sd_ours^2 / n_ours + sd_published^2 / n_published). With one run of ours there is no
    SD of ours: the published SD stands in for it.
    """
    ours = final[final["n"] > 0].assign(published_as=final["activation"].map(published_as))
    theirs = published.rename(columns={"activation": "published_as", "runs": "published_n"})
    both = ours.merge(theirs, on=["architecture", "published_as"], suffixes=("_ours", "_theirs"))
    table = pd.concat([_compare_metric(both, metric) for metric in COMPARED], ignore_index=True)
    return table[REPRODUCTION]


def agreement(reproduction: pd.DataFrame) -> pd.DataFrame:
    """How well ours and published agree, per architecture and metric.

    Columns: cells, agree (how many), share, mean_abs_difference, and rank_correlation (Spearman's,
    over activations; empty for fewer than 3 cells or when all of one side are equal).
    """
    groups = reproduction.groupby(["architecture", "metric"], sort=False)
    rows = [(*key, *_agreement(cells)) for key, cells in groups]
    return pd.DataFrame(rows, columns=AGREEMENT)


def replicate_agreement(
    published: pd.DataFrame,
    architecture: str = "resnet_norm",
    replicate: str = "resnet_norm_replicate",
) -> pd.DataFrame:
    """The yardstick for `agreement`: the author's second run against the first, by that rule."""
    second = published[published["architecture"] == replicate].rename(columns={"runs": "n"})
    second = second.rename(columns=lambda name: name.replace("_std", "_sd"))
    second = second.assign(dataset="", architecture=architecture)
    names = {name: name for name in second["activation"]}
    return agreement(compare(second, published, names))


def t_factor(n):
    """Standard errors from the mean of n values to the end of its 95 % t interval; NaN for one."""
    return special.stdtrit(n - 1, (1 + CONFIDENCE) / 2)  # stats.t.ppf; scipy.stats loads slowly


def _interval_columns(metrics=METRICS) -> list[str]:
    return [f"{metric}_{part}" for metric in metrics for part in ("mean", "sd", "low", "high")]


def intervals(rows: pd.DataFrame, keys: list[str], metrics: list[str]) -> pd.DataFrame:
    """n, then mean, sd, low and high of every metric, over the rows (one a run) of each group.

    n counts the rows; a metric that was not measured in all of them has an interval of those alone.
    """
    groups = rows.groupby(keys, sort=False)
    n, mean, sd = groups.size(), groups[metrics].mean(), groups[metrics].std()
    measured = groups[metrics].count()
    half = sd * (t_factor(measured) / np.sqrt(measured))
    parts = {"mean": mean, "sd": sd, "low": mean - half, "high": mean + half}
    named = [part.add_suffix(f"_{name}") for name, part in parts.items()]
    return pd.concat([n.rename("n"), *named], axis=1)[["n", *_interval_columns(metrics)]]


def _compare_metric(both: pd.DataFrame, metric: str) -> pd.DataFrame:
    table = both.assign(
        metric=metric,
        ours_mean=both[f"{metric}_mean_ours"],
        ours_sd=both[f"{metric}_sd"],
        ours_n=both["n"],
        published_mean=both[f"{metric}_mean_theirs"],
        published_sd=both[f"{metric}_std"],
    )
    table["difference"] = table["ours_mean"] - table["published_mean"]
    spread = table["ours_sd"].fillna(table["published_sd"])
    error = np.sqrt(spread**2 / table["ours_n"] + table["published_sd"] ** 2 / table["published_n"])
    table["tolerance"] = STANDARD_ERRORS * error + MARGIN
    table["agrees"] = table["difference"].abs() <= table["tolerance"]
    return table


def _agreement(cells: pd.DataFrame) -> tuple[int, int, float, float, float]:
    agree = int(cells["agrees"].sum())
    rank = np.nan
    if len(cells) >= 3:
        rank = cells["ours_mean"].corr(cells["published_mean"], method="spearman")
    return len(cells), agree, agree / len(cells), cells["difference"].abs().mean(), rank
