"""What the check of an activation found, as text; free of torch."""

import pandas as pd

from actgrid import markdown

REACH, POINTS = 4.0, 1025  # of the graph: steps of 1/128
ROUNDS = 7  # of the measurement of the time
AT = (-4, -2, -1, -0.5, 0, 0.5, 1, 2, 4)


def describe(name: str, entry: dict, facts: dict, points: pd.DataFrame, costs: pd.DataFrame) -> str:
    """The text of one activation: what it is, f and f' at a few x, what was found, what it costs.

    facts: activations.checks.examine. points: x, f, df. costs: rows of cost.measure.
    """
    said = ", ".join(f"{key}: {value}" for key, value in entry.items())
    parts = [f"{name}  ({said})", values(points), findings(facts), spent(costs)]
    return "\n\n".join(parts) + "\n"


def values(points: pd.DataFrame) -> str:
    """f and f' at the points nearest to AT."""
    rows = (points.loc[(points["x"] - x).abs().idxmin()] for x in AT)
    lines = [
        (f"{x:g}", f"{row['f']:.6g}", f"{row['df']:.6g}") for x, row in zip(AT, rows, strict=True)
    ]
    return "\n".join("{:>8}{:>13}{:>13}".format(*line) for line in [("x", "f", "f'"), *lines])


def findings(facts: dict) -> str:
    """A line for each thing that was found."""
    low, high = facts["range"]
    least, most = facts["slopes"]
    far = ", ".join(f"{value} at {x}" for x, value in facts["far"].items())
    half = [dtype for dtype, kept in facts["half"].items() if kept]
    rows = {
        "trained parameters": facts["parameters"],
        "on [-10, 10]": f"f from {low:.4g} to {high:.4g}, f' from {least:.4g} to {most:.4g}",
        "kinks there": breaks(facts["kinks"]),
        "jumps there": breaks(facts["jumps"]),
        "on [-100, 100]": "infinite in places" if facts["overflows"] else "finite",
        "far away": far,
        "f' against differences": f"at most {facts['difference']:.1e} off beyond rounding",
        "half precision": " and ".join(half) or "no",
    }
    return "\n".join(f"{title:<24}{text}" for title, text in rows.items())


def breaks(found: list) -> str:
    """How many, and the first of them."""
    count, places = found
    more = " ..." if count > len(places) else ""
    return f"{count} at {', '.join(f'{x:g}' for x in places)}{more}" if count else "none"


def spent(costs: pd.DataFrame) -> str:
    """Time and memory beside relu's, a line for each shape."""
    return "\n".join(
        f"{'cost on ' + row['shape']:<24}{row['forward_backward']:.2f} times relu's time "
        f"({markdown.interval('', 2)(row)}), saves {row['saved_bytes']:.3g} bytes an element "
        f"({row['saved_ratio']:.3g} times relu's)"
        for row in costs.to_dict("records")
    )
