"""The tables of the report on what the source works say; free of torch."""

import pandas as pd

from actgrid.judgement import VERDICTS, one
from actgrid.markdown import ABSENT, number, table

WORK_NAMES = {  # source -> its name in tables
    "customactfuncs": "A, hand-made",
    "learnedactivation": "B, learned",
    "trainedparameters": "C, trained",
    "autogradfunctions": "D, by hand",
    "activationzoo": "E, standard",
}
SHOWN = 4  # parts of the evidence; of more the one that decides, on a defect their range


def judged_table(claims: pd.DataFrame) -> str:
    """Every statement with rule, numbers and verdict, and why or what is missing, work by work."""
    header = dict.fromkeys(("Statement", "Rule", "Numbers", "Verdict"), "l")
    named = claims.astype({"label": object}).fillna({"label": ""})  # no label: read as NaN
    rows = []
    for source, own in named.groupby("source", sort=False):
        rows.append((f"**{WORK_NAMES[source]}**", "", "", ""))
        rows += map(_judged, own.to_dict("records"))
    return table(header, rows)


def _judged(row):
    why = _missing(row["missing"]) if pd.isna(row["why"]) else row["why"]
    return row["claim"], row["rule"], _numbers(row), f"**{row['verdict']}**. {why}"


def _missing(text):
    """What is missing, of much the first thing."""
    first, *others = text.split("; ")
    return f"{first}, and {len(others)} more (`claims.csv`)" if others else first


def _numbers(row):
    """The evidence, and that on a defect after it."""
    if pd.isna(row["evidence"]):
        return ABSENT
    few = row["parts"] <= SHOWN
    found = row["evidence"] if few else f"{one(row)}, the deciding one of {row['parts']:.0f}"
    if pd.isna(row["defect_evidence"]):
        return found
    return f"{found}. {row['defect_measure']}: {_on_defect(row)}"


def _on_defect(row):
    if row["defect_parts"] <= SHOWN:
        return row["defect_evidence"]
    low, high = (number(row[f"defect_{end}"], 3) for end in ("smallest", "largest"))
    return f"{row['defect_parts']:.0f} numbers from {low} to {high}"


def verdict_counts_table(claims: pd.DataFrame) -> str:
    """How many statements of each work got which verdict; the last row sums up."""
    counts = pd.crosstab(claims["source"], claims["verdict"])
    counts = counts.reindex(claims["source"].unique()).reindex(columns=VERDICTS, fill_value=0)
    counts = counts.rename(index=WORK_NAMES)
    counts.loc["all"] = counts.sum()
    header = {"Work": "l", "Statements": "r"} | dict.fromkeys(VERDICTS, "r")
    return table(header, ((name, row.sum(), *row) for name, row in counts.iterrows()))


TABLES = (judged_table, verdict_counts_table)
