"""Ranks and aggregates of activations that were trained on the same cells.

`runs`: of `comparison.scored`. `chance`: data set -> the accuracy of guessing, 1 / classes.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import stats

from actgrid import inference
from actgrid.comparison import PAIR

CHANCE_AUC = 0.5
LAST = -2.0  # score of a cell whose every run failed: below the lowest, which is -1
RANKINGS = [
    *("study", "activation", "cells", "n", "failures", "mean_rank"),
    *("iqm", "iqm_low", "iqm_high", "friedman_p"),
]
CRITICAL = ["a", "b", "rank_a", "rank_b", "cells", "p", "smallest_p", "p_holm", "apart"]


def normalised(runs: pd.DataFrame, chance: Mapping[str, float]) -> pd.DataFrame:
    """`runs` with the column value = (score - chance) / (1 - chance): 0 guesses, 1 is perfect.

    Chance is 1 / classes for an accuracy, 0.5 for an AUC. A failed run has 0, it is not left out.
    """
    guess = runs["dataset"].map(chance).where(runs["metric"] == "test_accuracy", CHANCE_AUC)
    return runs.assign(value=((runs["score"] - guess) / (1 - guess)).fillna(0.0))


def rankings(
    runs: pd.DataFrame, chance: Mapping[str, float], baseline: str, generator: np.random.Generator
) -> pd.DataFrame:
    """A row per study and activation, over the (dataset, architecture) pairs that all share.

    The baseline joins a study that lacks it where it ran in all these pairs under another. n:
    runs, failed ones too. mean_rank: of the cell means of `normalised` scores, over the pairs (1
    is best, ties averaged, a cell whose every run failed is last). iqm: interquartile mean of the
    scores of all runs; iqm_low, iqm_high: 95 % bootstrap interval over seeds within cells, empty if
    a cell has one run. friedman_p: of equal ranks, per study; needs 3 activations and 2 pairs.
    """
    values = normalised(runs, chance)
    rows = [
        (study, *row)
        for study, panel in _panels(values, baseline)
        for row in _panel_rows(panel, generator)
    ]
    return pd.DataFrame(rows, columns=RANKINGS)


def critical_pairs(
    runs: pd.DataFrame, chance: Mapping[str, float], diagram: Sequence[str]
) -> pd.DataFrame:
    """The critical-difference diagram of Demsar 2006: a row per two activations of `diagram`.

    Those that were run together: the most in one (dataset, architecture) pair. Over the pairs that
    all of these share (cells): rank_a and rank_b, mean ranks among them; p, Wilcoxon's signed rank
    of the differences of cell means; smallest_p, the least that so many cells allow; p_holm over
    all rows; apart: p_holm < .05.
    """
    values = normalised(runs, chance)
    table = _cell_means(shared(_together(values[values["activation"].isin(diagram)])))
    ranks = _ranks(table).mean()
    names = [name for name in diagram if name in table] if len(table) else []
    n, least = len(table), inference.smallest_p(len(table))
    rows = [
        (a, b, ranks[a], ranks[b], n, inference.signed_rank(table[a] - table[b]), least)
        for a, b in combinations(names, 2)
    ]
    frame = pd.DataFrame(rows, columns=CRITICAL[:-2])
    adjusted = inference.holm(frame["p"])
    return frame.assign(p_holm=adjusted, apart=adjusted < inference.LEVEL)


def shared(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs in those (dataset, architecture) pairs in which all activations of `runs` ran."""
    names = runs.groupby(PAIR)["activation"].transform("nunique")
    return runs[names == runs["activation"].nunique()]


def friedman_p(ranked: pd.DataFrame) -> float:
    """Friedman's p (chi-squared) of scores (cells, activations).

    NaN for fewer than 3 activations or 2 cells, or where all are equal.
    """
    if ranked.shape[0] < 2 or ranked.shape[1] < 3:
        return np.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(stats.friedmanchisquare(*ranked.to_numpy().T).pvalue)


def _together(values):
    """The runs of those activations that stand in the pair with the most of them."""
    groups = [set(rows["activation"]) for _, rows in values.groupby(PAIR, sort=False)]
    return values[values["activation"].isin(max(groups, key=len, default=set()))]


def _panels(values, baseline) -> Iterator[tuple[str, pd.DataFrame]]:
    """(study, its runs in shared pairs, and the baseline's there)."""
    yardstick = values[values["activation"] == baseline]
    for study, rows in values.groupby("study", sort=False):
        own = shared(rows)
        pairs = own[PAIR].drop_duplicates()
        base = yardstick[yardstick["study"] != study].merge(pairs, on=PAIR)
        joins = len(base[PAIR].drop_duplicates()) == len(pairs)
        yield study, pd.concat([own, base]) if joins else own


def _panel_rows(panel, generator):
    """The rows of `rankings` of one study, after its name."""
    table = _cell_means(panel)
    ranks, p = _ranks(table), friedman_p(_ranks(table))
    for name, rows in panel.groupby("activation", sort=False):
        cells = [group.to_numpy() for _, group in rows.groupby(PAIR)["value"]]
        low, high = inference.iqm_interval(cells, generator)
        middle = inference.iqm(np.concatenate(cells))
        failed = rows["score"].isna().sum()
        yield name, len(cells), len(rows), failed, ranks[name].mean(), middle, low, min(high, 1), p


def _cell_means(values):
    """(cells, activations): means over runs; LAST where every run failed."""
    groups = values.groupby([*PAIR, "activation"], sort=False)
    means = groups["value"].mean().where(groups["score"].count() > 0, LAST)
    return means.unstack("activation")


def _ranks(table):
    """Ranks within each cell, 1 for the highest, ties averaged."""
    return (-table.round(inference.DIGITS)).rank(axis=1)
