"""From intervals to verdicts: rules with a bound, and what several parts say together."""

from operator import ge, gt, le, lt

import pandas as pd

from actgrid.markdown import number

HOLDS, FAILS = "holds", "does not hold"
OPEN = "undecided: too few runs"
DEFECT = "explained by a defect"
NOT_ENOUGH = "not enough runs"
VERDICTS = (HOLDS, FAILS, OPEN, DEFECT, NOT_ENOUGH)

BOUNDS = {  # kind of rule -> (the end of an interval that decides, how it must lie to the bound)
    "above": ("low", gt),
    "at_least": ("low", ge),
    "below": ("high", lt),
    "at_most": ("high", le),
}
OPPOSITE = {"above": "at_most", "at_most": "above", "below": "at_least", "at_least": "below"}
OF = {"all": "in every part", "any": "in one part at least"}


def bounds(rule: dict) -> list[tuple[str, float]]:
    """(kind, bound) of a rule such as {above: 0, of: all}; `within: [a, b]` has two."""
    ends = [*zip(("at_least", "at_most"), rule["within"], strict=True)] if "within" in rule else []
    return ends + [(kind, rule[kind]) for kind in BOUNDS if kind in rule]


def decide(rule: dict, part: dict) -> str:
    """Whether a part {low, high} keeps a rule, by its whole interval; OPEN without an interval."""
    said = [_against(part, *one) for one in bounds(rule)]
    return FAILS if FAILS in said else OPEN if OPEN in said else HOLDS


def judge(rule: dict, parts: pd.DataFrame) -> tuple[str, dict]:
    """The verdict on all parts (or on any) together, and the part that decides it.

    parts: rows with low and high. `of: all`, the default: one part that fails is enough to fail;
    `of: any`: one that holds is enough to hold. The deciding part: of those with that verdict the
    one with the least to spare, or the most for `any`.
    """
    first, last = (FAILS, HOLDS) if rule.get("of", "all") == "all" else (HOLDS, FAILS)
    rows = parts.to_dict("records")
    found = [decide(rule, row) for row in rows]
    verdict = next(said for said in (first, OPEN, last) if said in found)
    chosen = [row for row, said in zip(rows, found, strict=True) if said == verdict]
    end = min if first == FAILS else max
    return verdict, end(chosen, key=lambda row: _to_spare(rule, row))


def in_words(rule: dict, measure: str) -> str:
    """measure, the bound, and what its parts must do where the rule says it."""
    if "within" in rule:
        said = "within " + " to ".join(map(_plain, rule["within"]))
    else:
        said = ", ".join(f"{kind.replace('_', ' ')} {_plain(x)}" for kind, x in bounds(rule))
    return f"{measure}: {said}" + (f", {OF[rule['of']]}" if "of" in rule else "")


def shown(parts: pd.DataFrame) -> str:
    """label value (low to high), n = 5; ... of every part."""
    rows = parts.to_dict("records")
    counts = ["" if pd.isna(row["n"]) else f", n = {row['n']:.0f}" for row in rows]
    return "; ".join(f"{one(row)}{n}" for row, n in zip(rows, counts, strict=True))


def one(part: dict) -> str:
    """label value (low to high) of one part; a plain number without an interval."""
    value, low, high = (number(part[key], 3) for key in ("value", "low", "high"))
    interval = f" ({low} to {high})" if low != high else ""
    return f"{part['label']} {value}{interval}".strip()


def _against(part, kind, bound):
    for name, verdict in ((kind, HOLDS), (OPPOSITE[kind], FAILS)):
        end, lies = BOUNDS[name]
        if lies(part[end], bound):  # never with a NaN
            return verdict
    return OPEN


def _to_spare(rule, part):
    """How far the interval keeps from the nearest bound; below 0 where it does not keep it."""
    ends = [(part[BOUNDS[kind][0]], bound, kind) for kind, bound in bounds(rule)]
    spare = [end - x if kind in ("above", "at_least") else x - end for end, x, kind in ends]
    return -float("inf") if pd.isna(spare).any() else min(spare)


def _plain(bound):
    return f"{bound:g}".replace("-", "−")
