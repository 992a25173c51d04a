"""Runs and their curves for the interactive page, in whole numbers; no torch."""

import math

import numpy as np
import pandas as pd

from actgrid import scores

PAIR = ["dataset", "architecture"]
SHOWN = ["test_accuracy", "test_auc", "test_loss", "train_accuracy"]  # figures of cells and runs
UNIT = 1e-4  # numbers are whole multiples of this in the page
POINTS = 60  # at most so many epochs of a curve, besides the first


def kept_epochs(epochs: pd.DataFrame) -> dict[tuple, list]:
    """(data set, architecture) -> the epochs of its curves that the page holds.

    All where no run is longer than POINTS, else the first and every k-th with the smallest k that
    leaves at most POINTS.
    """
    longest = epochs.groupby(PAIR, sort=False)["epoch"].max()
    steps = {pair: math.ceil(last / POINTS) for pair, last in longest.items()}
    return {
        pair: list(dict.fromkeys([1, *range(step, longest[pair] + 1, step)]))
        for pair, step in steps.items()
    }


def run_rows(tables: dict, pairs: dict) -> list[dict]:
    """A dict per run: the index of its cell, seed, status, final figures and curves."""
    epochs, final = tables["epochs"], tables["final_epoch"]
    index = {cell: i for i, cell in enumerate(final[scores.CELL].itertuples(False, None))}
    ended = scores.final_rows(epochs).set_index(scores.RUN)[SHOWN].to_dict("index")
    sizes = tables["runs"].set_index(scores.RUN)["parameters"].to_dict()
    drawn = {}
    for pair, rows in epochs.groupby(PAIR, sort=False):
        drawn |= curves(rows, pairs[pair])
    of_run = epochs.groupby(scores.RUN, sort=False)
    facts = of_run.agg(status=("status", "first"), n=("epoch", "size"), seconds=("seconds", "mean"))
    return [
        {
            "cell": index[run[:-1]],
            "seed": int(run[-1]),
            "status": status,
            "epochs": n,
            "seconds": in_units(seconds),
            "parameters": int(sizes[run]),
            **{m: in_units(ended[run][m]) if run in ended else None for m in SHOWN},
            "curves": drawn[run],
        }
        for run, status, n, seconds in facts.itertuples(name=None)
    ]


def curves(rows: pd.DataFrame, kept: list[int]) -> dict[tuple, dict[str, list]]:
    """run -> metric -> values at the kept epochs; what was measured but once is no curve.

    rows: the epochs of some runs, the first among the kept ones.
    """
    of_run = rows.groupby(scores.RUN, sort=False)
    counts = of_run[scores.METRICS].count()
    measured = (counts > 1) | counts.eq(of_run.size(), axis=0)
    chosen = rows[rows["epoch"].isin(kept)]
    values = {m: np.array([in_units(v) for v in chosen[m]], dtype=object) for m in scores.METRICS}
    places = chosen.groupby(scores.RUN, sort=False).indices
    return {
        run: {m: values[m][places[run]].tolist() for m, is_curve in found.items() if is_curve}
        for run, found in measured.to_dict("index").items()
    }


def in_units(value: float) -> int | None:
    """A number in units of UNIT; None for one that is not finite."""
    return round(value / UNIT) if math.isfinite(value) else None
