"""Tables of the report itself: works, protocols and the comparison; free of torch."""

import pandas as pd

from actgrid.markdown import decimals, interval, number, of_rows, table
from actgrid.report_claims import WORK_NAMES
from actgrid.summary import in_words, protocol_of, sources

ABSENT_SETTINGS = {"monitor": "nothing", "patience": "no limit"}

SUBJECTS = {  # source -> what it is about, and what it reports; facts of the works
    "customactfuncs": (
        "ReLU changed by hand in one property at a time: slope, jump at 0, leak, hills",
        "mean accuracies of 20 functions in 4 networks",
    ),
    "learnedactivation": (
        "a small network learned as the activation, three bases and sizes, on covertype",
        "27 validation AUCs; graphs; statements in words",
    ),
    "trainedparameters": (
        "$\\alpha + \\beta x$ with both trained, on banknotes",
        "one classification report; curves",
    ),
    "autogradfunctions": (
        "ReLU, tanh and leaky ReLU with derivatives written by hand, on MNIST",
        "a training log of 35 epochs; statements",
    ),
    "activationzoo": (
        "notes on six standard activations as modules",
        "statements in words, no number",
    ),
}


def works_table(config: dict) -> str:
    """The works of a grid: name and reference, subject, what it reports."""
    rows = [(f"{WORK_NAMES[key]} [@{key}]", *SUBJECTS[key]) for key in sources(config)]
    return table(dict.fromkeys(("Work", "Subject", "Reports"), "l"), rows)


def protocols_table(config: dict) -> str:
    """The settings of every work's protocol, a column a work."""
    protocols = {source: protocol_of(config, source) for source in sources(config)}
    keys = dict.fromkeys(key for protocol in protocols.values() for key in protocol)
    rows = [
        (key.replace("_", " "), *(_setting(key, of.get(key)) for of in protocols.values()))
        for key in keys
    ]
    return table({"Setting": "l"} | dict.fromkeys(map(WORK_NAMES.get, protocols), "l"), rows)


def _setting(key, value):
    return in_words(value or ABSENT_SETTINGS.get(key, value)).replace("_", " ")


def comparison_table(compared: pd.DataFrame, most: int | None = None) -> str:
    """Activations against the baseline, those in the most cells first, then by mean difference.

    most: show so many rows only; None shows all.
    """
    keys = ["cells", "mean_difference"]
    ordered = compared.sort_values(keys, ascending=False, kind="stable").head(most)
    return of_rows(
        ordered,
        ("Activation", "l", "activation"),
        ("Cells", "r", _cells),
        ("Failed", "r", "failures"),
        ("Difference", "r", decimals("mean_difference", 3)),
        ("95 % interval", "r", interval("", 3)),
        ("Win / tie / loss", "r", lambda row: f"{row['wins']} / {row['ties']} / {row['losses']}"),
        ("Effect", "r", decimals("effect_size", 2)),
        ("P(better)", "r", decimals("improvement", 2)),
        ("p", "r", decimals("p", 3)),
        ("p, Holm", "r", decimals("p_holm", 3)),
    )


def _cells(row):
    return f"{row['cells']} ({row['failed_cells']} failed)" if row["failed_cells"] else row["cells"]


def rankings_table(rankings: pd.DataFrame) -> str:
    """Mean rank and interquartile mean of every activation within its study."""
    return of_rows(
        rankings.sort_values(["study", "mean_rank"], kind="stable"),
        ("Study", "l", "study"),
        ("Activation", "l", "activation"),
        ("Cells", "r", "cells"),
        ("Runs", "r", "n"),
        ("Mean rank", "r", decimals("mean_rank", 1)),
        ("IQM", "r", decimals("iqm", 3)),
        ("95 % interval", "r", interval("iqm_", 3)),
    )


def failures_table(failures: pd.DataFrame) -> str:
    """Cells with runs that failed: how, how many of how many, and when."""
    return of_rows(
        failures,
        ("Data set", "l", "dataset"),
        ("Network", "l", "architecture"),
        ("Activation", "l", "activation"),
        ("Failure", "l", "failure"),
        ("Runs", "r", lambda row: f"{row['failed']} of {row['runs']}"),
        ("In epochs", "r", _epochs),
    )


def _epochs(row):
    first, last = (number(row[name], 0) for name in ("first_epoch", "last_epoch"))
    return first if first == last else f"{first} to {last}"


def holes_in(runs: pd.DataFrame, missing: pd.DataFrame) -> str:
    """One sentence on the runs that are missing; empty where none is."""
    if missing.empty:
        return ""
    count = f"{len(missing):,} of {len(runs) + len(missing):,} runs"
    return f"Incomplete: {count} are missing (`missing.csv`). "


def missing_table(missing: pd.DataFrame) -> str:
    """How many runs of which network are missing, and why."""
    keys = ["dataset", "architecture", "why"]
    counts = missing.groupby(keys, sort=False).agg(
        runs=("seed", "size"), activations=("activation", "nunique")
    )
    return of_rows(
        counts.reset_index(),
        ("Data set", "l", "dataset"),
        ("Network", "l", "architecture"),
        ("Runs", "r", "runs"),
        ("Activations", "r", "activations"),
        ("Why", "l", "why"),
    )


TABLES = (
    *(works_table, protocols_table, comparison_table),
    *(rankings_table, failures_table, holes_in, missing_table),
)
