"""The table of the report on what the source works say; free of torch."""

import pandas as pd

from actgrid.markdown import ABSENT, table


def judged_table(claims: pd.DataFrame) -> str:
    """Every statement with its numbers, verdict, and why, or what is missing for one."""
    header = dict.fromkeys(("Statement", "Numbers", "Verdict", "Why"), "l")
    rows = [
        (
            f"{row['claim']} [@{row['source']}]",
            _or(row["evidence"], ABSENT),
            row["verdict"],
            _or(row["why"], row["missing"]),
        )
        for row in claims.to_dict("records")
    ]
    return table(header, rows)


def _or(text, other):
    return other if pd.isna(text) else text


TABLES = (judged_table,)
