"""Every activation against a baseline named beforehand: cell by cell, and over the cells.

A cell is (study, dataset, architecture, activation). Seeds say how sure a cell is; a test between
activations counts cells, never seeds: pooled as if independent, they would find too much.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from actgrid import inference
from actgrid.scores import CELL, RUN, final_rows

PAIR = ["dataset", "architecture"]
METRICS = ["test_auc", "test_accuracy"]
READ = [*RUN, "status", "epoch", "test_loss", *METRICS]  # all that is looked at of epochs.csv
DIFFERENCES = [
    *(*CELL, "metric", "n", "failures", "score", "score_sd", "baseline_n", "baseline_score"),
    *("difference", "low", "high", "seed_correlation", "outcome"),
]
COMPARISON = [
    *("activation", "cells", "auc_cells", "failed_cells", "runs", "failures"),
    *("mean_difference", "low", "high", "effect_size", "wins", "ties", "losses"),
    *("p", "smallest_p", "p_holm", "improvement", "improvement_low", "improvement_high"),
]
FAILURES = [*CELL, "failure", "failed", "runs", "first_epoch", "last_epoch"]


def scored(epochs: pd.DataFrame, leave_out: Sequence[str] = ()) -> pd.DataFrame:
    """A row per run: its names, metric and score (NaN where it diverged); order of appearance.

    metric: test_auc in a (dataset, architecture) pair whose runs have it, else test_accuracy.
    leave_out: data sets that take no part.
    """
    rows = epochs[~epochs["dataset"].isin(leave_out)]
    runs = rows[RUN].drop_duplicates()
    runs = runs.merge(final_rows(rows)[[*RUN, *METRICS]], how="left", on=RUN)
    has_auc = runs.groupby(PAIR)["test_auc"].transform("count") > 0
    score = runs["test_auc"].where(has_auc, runs["test_accuracy"])
    return runs[RUN].assign(metric=np.where(has_auc, *METRICS), score=score)


def cell_differences(runs: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """A row per cell in a (dataset, architecture) pair where the baseline ran, but its own.

    runs: of `scored`. n, score, score_sd: the cell's good runs, their mean and SD (n - 1);
    failures: its diverged runs, in no mean. difference = score - baseline_score; low, high: its
    95 % Welch interval over seeds, empty if either n < 2. seed_correlation: Pearson's, over the
    seeds that both have; empty for fewer than 3. outcome: win or loss where the interval lies above
    or below 0, else tie; empty without one. A cell whose every run failed keeps its row (n = 0),
    has no difference, and is a loss; where the baseline's every run failed and the cell's did
    not, it is a win.
    """
    yardsticks = dict(list(runs[runs["activation"] == baseline].groupby(PAIR)))
    others = runs[runs["activation"] != baseline]
    rows = [
        (*cell, rows["metric"].iloc[0], *_against(rows, yardsticks[cell[1:3]]))
        for cell, rows in others.groupby(CELL, sort=False)
        if cell[1:3] in yardsticks
    ]
    return pd.DataFrame(rows, columns=DIFFERENCES)


def overall(
    runs: pd.DataFrame, cells: pd.DataFrame, baseline: str, generator: np.random.Generator
) -> pd.DataFrame:
    """A row per activation, over its `cells` (of `cell_differences`); runs: of `scored`.

    auc_cells: cells whose score is an AUC, not an accuracy (mean_difference has both in one mean;
    wins and improvement do not mind); failed_cells: without a difference, as all runs failed.
    mean_difference: of cell means; low, high: 95 % t interval over cells. effect_size: matched-
    pairs rank-biserial. wins, ties, losses: the cells' outcomes. p: Wilcoxon's signed rank over
    cells; smallest_p: the least that so many cells allow; p_holm: Holm's over the activations
    whose cells allow p < .05 at all, empty for the others. improvement: P(better than the
    baseline), a failed run being worse than any other, with a bootstrap interval over seeds.
    Cells of one data set are not independent: p is too small rather than too large.
    """
    scores = {key: rows["score"] for key, rows in runs.groupby([*PAIR, "activation"])}
    rows = [
        (name, *_summary(group), *_improvement(group, scores, baseline, generator))
        for name, group in cells.groupby("activation", sort=False)
    ]
    table = pd.DataFrame(rows, columns=[c for c in COMPARISON if c != "p_holm"])
    decidable = table["smallest_p"].astype(float) < inference.LEVEL
    adjusted = inference.holm(table["p"].where(decidable))
    return table.assign(p_holm=adjusted)[COMPARISON]


def failures(runs: pd.DataFrame) -> pd.DataFrame:
    """A row per cell and failure: failed of how many runs, and in which epochs.

    runs: of `records.runs_frame`. failure: "diverged", or "constant", which is one class for every
    test example at the end. first_epoch, last_epoch: the earliest and the latest of a run's.
    """
    every = runs.groupby(CELL, sort=False).size().rename("runs")
    found = []
    for failure in ("diverged", "constant"):
        ends = runs.dropna(subset=f"{failure}_epoch").groupby(CELL, sort=False)[f"{failure}_epoch"]
        table = ends.agg(failed="size", first_epoch="min", last_epoch="max")
        found.append(table.assign(failure=failure).join(every).reset_index())
    return pd.concat(found, ignore_index=True)[FAILURES]


def _against(rows, yardstick):
    """The columns of a cell after its metric; both frames: the runs of one cell."""
    own, base = (frame.set_index("seed")["score"] for frame in (rows, yardstick))
    good, theirs = own.dropna(), base.dropna()
    low, high = inference.welch(good.to_numpy(), theirs.to_numpy())
    with np.errstate(divide="ignore", invalid="ignore"):  # of equal scores: NaN
        correlation = good.corr(theirs, min_periods=3)
    difference = good.mean() - theirs.mean()
    summary = (len(good), len(own) - len(good), good.mean(), good.std(), len(theirs), theirs.mean())
    return *summary, difference, low, high, correlation, _outcome(*summary[::4], low, high)


def _outcome(n, baseline_n, low, high):
    if 0 in (n, baseline_n) and n != baseline_n:
        return "loss" if n == 0 else "win"
    if np.isnan(low):
        return None
    return "win" if low > 0 else "loss" if high < 0 else "tie"


def _summary(cells):
    """From cells to smallest_p: what an activation's rows of `cell_differences` say together."""
    known = cells["difference"].dropna().to_numpy()
    failed, runs = cells["failures"].sum(), (cells["n"] + cells["failures"]).sum()
    aucs = (cells["metric"] == "test_auc").sum()
    counts = (len(cells), aucs, len(cells) - len(known), runs, failed)
    mean = known.mean() if len(known) else np.nan
    outcomes = ((cells["outcome"] == name).sum() for name in ("win", "tie", "loss"))
    effect = (mean, *inference.t_interval(known), inference.rank_biserial(known), *outcomes)
    return *counts, *effect, inference.signed_rank(known), inference.smallest_p(len(known))


def _improvement(cells, scores, baseline, generator):
    """improvement and its interval; scores: (dataset, architecture, activation) -> the runs'."""
    pairs = [
        [scores[*pair, name].fillna(-np.inf).to_numpy() for name in (activation, baseline)]
        for *pair, activation in cells[[*PAIR, "activation"]].itertuples(index=False)
    ]
    return inference.improvement(pairs, generator)
