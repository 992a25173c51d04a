"""Tables of the report on learned activations; free of torch."""

import pandas as pd

from actgrid.markdown import decimals, interval, listed, number, of_rows, table


def learned_published_table(cells: pd.DataFrame) -> str:
    """Validation AUC of every combination, ours and published."""
    return of_rows(
        cells,
        ("Base", "l", "base"),
        ("Outer", "l", "outer"),
        ("Activation", "l", "inner"),
        ("n", "r", "n"),
        ("Ours", "r", decimals("ours_mean")),
        ("SD", "r", decimals("ours_sd")),
        ("Published", "r", decimals("published")),
        ("Difference", "r", decimals("difference")),
    )


def parity_table(cells: pd.DataFrame) -> str:
    """Mean differences of test AUC against the base and the matched network, a row a cell."""
    keys = ["base", "outer", "inner"]
    base, matched = (cells[cells["comparison"] == name] for name in ("base", "matched"))
    both = base.merge(matched[[*keys, "mean", "low", "high"]], on=keys, how="left",
                      suffixes=("", "_matched"))  # fmt: skip
    both = both.rename(columns={"low_matched": "matched_low", "high_matched": "matched_high"})
    return of_rows(
        both,
        ("Base", "l", "base"),
        ("Outer", "l", "outer"),
        ("Activation", "l", "inner"),
        ("n", "r", "n"),
        ("Against base", "r", decimals("mean")),
        ("95 % interval", "r", interval("")),
        ("Against matched", "r", decimals("mean_matched")),
        ("95 % interval, matched", "r", interval("matched_")),
    )


def overall_table(rows: pd.DataFrame) -> str:
    """Differences over cells, per data set, comparison and base."""
    return of_rows(
        rows,
        ("Data set", "l", "dataset"),
        ("Against", "l", "comparison"),
        ("Base", "l", "base"),
        ("Score", "l", lambda row: row["metric"].replace("_", " ")),
        ("Cells", "r", "n"),
        ("Mean difference", "r", decimals("mean")),
        ("95 % interval", "r", interval("")),
        ("Better", "r", "wins"),
        ("Worse", "r", "losses"),
        ("p", "r", decimals("p", 3)),
    )


def transfer_table(cells: pd.DataFrame) -> str:
    """Test accuracy of frozen learned functions minus that of their bases, a row a cell."""
    return of_rows(
        cells,
        ("Data set", "l", "dataset"),
        ("Network", "l", "architecture"),
        ("Function", "l", "activation"),
        ("Against", "l", "against"),
        ("n", "r", "n"),
        ("Difference", "r", decimals("mean")),
        ("SD", "r", decimals("sd")),
        ("95 % interval", "r", interval("")),
    )


def evaluation_table(rows: pd.DataFrame) -> str:
    """Tabulated against exact evaluation, a row per run trained both ways."""
    return of_rows(
        rows,
        ("Network", "l", "architecture"),
        ("Activation", "l", "activation"),
        ("Seed", "r", "seed"),
        ("Tabulated", "r", decimals("score")),
        ("Exact", "r", decimals("score_against")),
        ("Difference", "r", decimals("difference")),
        ("SD of seeds", "r", decimals("seed_sd")),
        ("Epochs", "r", lambda row: f"{row['epochs']} / {row['epochs_against']}"),
        ("s/epoch", "r", lambda row: f"{row['seconds']:.2f} / {row['seconds_against']:.1f}"),
        ("Faster", "r", lambda row: f"{row['ratio']:.0f} ×"),
    )


def trial_evaluation_table(trials: pd.DataFrame) -> str:
    """All combinations trained a little by both evaluations, a row each."""
    return of_rows(
        trials,
        ("Base", "l", "base"),
        ("Outer", "l", "outer"),
        ("Activation", "l", "inner"),
        ("Tabulated", "r", decimals("tabulated_loss")),
        ("Rounded", "r", decimals("rounded_loss")),
        ("Exact", "r", decimals("exact_loss")),
        ("Other seed", "r", decimals("other_seed_loss")),
        ("s, tabulated", "r", decimals("tabulated_seconds", 2)),
        ("s, exact", "r", decimals("exact_seconds", 1)),
        ("MB, tabulated", "r", decimals("tabulated_mb", 0)),
        ("MB, exact", "r", decimals("exact_mb", 0)),
    )


def shape_table(shapes: pd.DataFrame) -> str:
    """Shape measures, means over the runs of a base and an outer size."""
    groups = shapes.groupby(["base", "outer"], sort=False)
    rows = [
        (
            *key,
            len(rows),
            number(rows["extrema"].mean(), 1),
            number(rows["asymmetry"].median(), 1),
            number(rows[["end_slope_left", "end_slope_right"]].max(axis=1).mean(), 2),
            number(rows[["end_curvature_left", "end_curvature_right"]].max(axis=1).mean(), 2),
            listed(f"{name} {n}" for name, n in rows["nearest"].value_counts().items()),
            number(rows["nearest_distance"].mean(), 3),
        )
        for key, rows in groups
    ]
    header = ("Extrema", "Asymmetry", "End slope", "End curvature")
    right = dict.fromkeys(header, "r")
    titles = {"Base": "l", "Outer": "l", "Runs": "r", **right, "Nearest": "l", "Distance": "r"}
    return table(titles, rows)


def spread_table(spread: pd.DataFrame) -> str:
    """How far apart the functions of a base are, and in what the pairs of runs differ."""
    words = {
        "seeds": "the seed alone",
        "sizes": "a size, and the start",
        "start": "the outer network, from one start",
    }
    return of_rows(
        spread,
        ("Base", "l", "base"),
        ("Pairs of runs that differ in", "l", lambda row: words[row["over"]]),
        ("Pairs", "r", "pairs"),
        ("Mean distance", "r", decimals("mean", 3)),
        ("95 % interval", "r", interval("", 3)),
    )


def claim_table(claims: pd.DataFrame) -> str:
    """The numbers that decide the claims about shapes, a row each."""
    return of_rows(
        claims,
        ("Claim", "l", lambda row: row["claim"].replace("_", " ")),
        ("Group", "l", "group"),
        ("Value", "r", decimals("value", 3)),
        ("95 % interval", "r", interval("", 3)),
        ("n", "r", "n"),
    )


TABLES = (
    *(learned_published_table, parity_table, overall_table, transfer_table, evaluation_table),
    *(trial_evaluation_table, shape_table, spread_table, claim_table),
)
