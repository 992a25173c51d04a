"""What the source work said of learned activations: a rule for each statement, its verdict."""

import pandas as pd

from actgrid.markdown import number

PAR = 0.005  # of test AUC: a mean difference above -PAR counts as on par
ALMOST_ALL = 0.9  # of the runs
FLAT = 0.05  # of the largest slope: a slope below is none; likewise a curvature
BASES = ("tanh", "relu", "gelu")
SIZES = ("small", "medium", "large")  # of the outer network
HOLDS, FAILS, OPEN = "holds", "does not hold", "undecided"


def verdicts(claims: pd.DataFrame, overall: pd.DataFrame) -> list[tuple[str, str, str, str]]:
    """(statement, rule, numbers, verdict) of each statement.

    claims: of `shape_claims.claims`; overall: of `learned.overall`. A statement without a run that
    bears on it is "not run", one with too few for an interval undecided.
    """
    values = {
        (row["claim"], row["group"]): (row["value"], row["low"], row["high"])
        for row in claims.to_dict("records")
    }
    parts = {
        (row["dataset"], row["comparison"], row["base"]): (row["mean"], row["low"], row["high"])
        for row in overall.to_dict("records")
    }
    base = {key[2]: part for key, part in parts.items() if key[1] == "base"}
    moved = {f"{key[0]}, {key[2]}": part for key, part in parts.items() if key[1] == "transfer"}
    return [
        _row("Learned functions do as well as their bases",
             f"mean difference of test AUC above −{PAR} for every base",
             base, [at_least(part, -PAR) for part in base.values()]),
        _row("They do not hold up on another task",
             "mean difference of test accuracy below 0 for every base and data set",
             moved, [below(part, 0) for part in moved.values()]),
        _alike(values),
        _extra_extrema(values),
        _share(values, "extremum_near_zero", "Almost all have an extremum near 0",
               f"share with one within half an SD of 0 at least {ALMOST_ALL}"),
        _share(values, "one_side_steeper", "One side of it is steeper than the other",
               f"share with 1.5 times the mean slope at least {ALMOST_ALL}"),
        _end(values, "graph_slope", "tanh", below, "At the edges tanh levels off"),
        _end(values, "graph_curvature", "relu", below, "At the edges ReLU is straight"),
        _end(values, "end_curvature", "gelu", at_least, "Towards them GELU is slightly curved"),
    ]  # fmt: skip


def at_least(part, bound: float) -> str:
    """Whether (value, low, high) lies at or above a bound, by its interval."""
    _, low, high = part
    return HOLDS if low >= bound else FAILS if high < bound else OPEN


def below(part, bound: float) -> str:
    """Whether (value, low, high) lies below a bound, by its interval."""
    return {HOLDS: FAILS, FAILS: HOLDS, OPEN: OPEN}[at_least(part, bound)]


def together(found: list[str]) -> str:
    """The verdict on a statement with several parts, all of which it asserts."""
    if not found:
        return "not run"
    if FAILS not in found:
        return OPEN if OPEN in found else HOLDS
    some = f" in {found.count(FAILS)} of {len(found)} parts"
    return FAILS + (some if set(found) != {FAILS} else "")


def _row(statement, rule, parts, found):
    said = "; ".join(f"{name} {_shown(part)}" for name, part in parts.items())
    return statement, rule, said or "none", together(found)


def _shown(part):
    value, low, high = (number(x, 3) for x in part)
    return f"{value} ({low} to {high})"


def _alike(values):
    parts = {f"{b} − tanh": values[key] for b in BASES[1:]
             if (key := ("alike_difference", f"{b} - tanh")) in values}  # fmt: skip
    found = [at_least(part, 0) for part in parts.values()]
    rule = "mean distance between sizes larger than with tanh for both others"
    return _row("tanh-based functions are the most alike", rule, parts, found)


def _extra_extrema(values):
    parts, found = {}, []
    for base in BASES:
        shares = {o: values.get(("extra_extrema", f"{base}/{o}")) for o in SIZES}
        parts |= {f"{base} {outer}": share for outer, share in shares.items() if share}
        if shares["large"] and base != "tanh":
            found += [_more(shares[o], shares["large"]) for o in SIZES[:2] if shares[o]]
    statement = "ReLU- and GELU-based ones have extra extrema unless the outer network is large"
    rule = "share with two or more larger than with the large network, small and medium"
    return _row(statement, rule, parts, found)


def _more(part, other):
    """Whether a share is larger than another: by intervals that do not overlap."""
    return HOLDS if part[1] > other[2] else FAILS if part[2] < other[1] else OPEN


def _share(values, claim, statement, rule):
    parts = {key[1]: part for key, part in values.items() if key[0] == claim}
    found = [at_least(parts["all"], ALMOST_ALL)] if "all" in parts else []
    return _row(statement, rule, parts, found)


def _end(values, claim, base, rule, statement):
    parts = {key[1]: part for key, part in values.items() if key[0] == claim}
    found = [rule(parts[base], FLAT)] if base in parts else []
    words = "below" if rule is below else "at least"
    return _row(statement, f"{claim.replace('_', ' ')} of {base} {words} {FLAT}", parts, found)
