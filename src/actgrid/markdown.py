"""Markdown of the report's numbers and tables; free of torch."""

from collections.abc import Iterable

import pandas as pd

ABSENT = "–"


def number(value: float, digits: int = 4) -> str:
    """A number with so many decimals, a dash where there is none."""
    return ABSENT if pd.isna(value) else f"{value:z.{digits}f}".replace("-", "−")


def rounded(value: float) -> str:
    """A number with two significant digits, above 1,000 as a power of ten."""
    if pd.isna(value):
        return ABSENT
    digits, _, power = f"{value:.1e}".partition("e")
    big = abs(int(power)) > 3
    return f"{digits} · 10^{int(power)}^" if big else f"{float(f'{value:.2g}'):g}"


def percent(share: float) -> str:
    """A share in [0, 1] as whole percent."""
    return ABSENT if pd.isna(share) else f"{100 * share:.0f} %"


def listed(names: Iterable) -> str:
    """a, b and c."""
    *most, last = map(str, names)
    return f"{', '.join(most)} and {last}" if most else last


def table(header: dict[str, str], rows: Iterable[Iterable[str]]) -> str:
    """A pipe table; header: column title -> alignment, "l" or "r"."""
    rules = [":---" if side == "l" else "---:" for side in header.values()]
    lines = [header, rules, *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def of_rows(frame: pd.DataFrame, *columns) -> str:
    """A table of a frame; column: (title, alignment, key of the row or function of the row)."""
    header = {title: side for title, side, _ in columns}
    values = [value for _, _, value in columns]
    rows = frame.to_dict("records")
    return table(header, ([v(r) if callable(v) else r[v] for v in values] for r in rows))


def decimals(key: str, digits: int = 4):
    """A column as a number with so many decimals."""
    return lambda row: number(row[key], digits)


def interval(prefix: str, digits: int = 4):
    """low to high, of the columns {prefix}low and {prefix}high."""

    def text(row) -> str:
        low, high = number(row[f"{prefix}low"], digits), number(row[f"{prefix}high"], digits)
        return ABSENT if ABSENT in (low, high) else f"{low} to {high}"

    return text
