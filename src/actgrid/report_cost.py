"""Table of the report on what activations cost; free of torch."""

import pandas as pd

from actgrid.markdown import decimals, interval, of_rows


def cost_table(cost: pd.DataFrame) -> str:
    """Time of both passes as a multiple of relu's with its interval, on every shape, and the bytes
    kept for an element of the last shape; a row an activation, the cheapest there first.

    cost: of `cost.measure`.
    """
    shapes = list(dict.fromkeys(cost["shape"]))
    last = shapes[-1] if shapes else ""
    wide = cost.pivot(index="activation", columns="shape")
    wide.columns = [f"{shape} {measure}" for measure, shape in wide.columns]
    order = cost[cost["shape"] == last].sort_values("forward_backward")["activation"]
    return of_rows(
        wide.reindex(order).reset_index(),
        ("Activation", "l", "activation"),
        *(column for shape in shapes for column in _times(shape)),
        ("Saved, bytes", "r", decimals(f"{last} saved_bytes", 1)),
        ("With the output", "r", decimals(f"{last} held_bytes", 1)),
    )


def _times(shape):
    shown = shape.replace("x", " × ")
    yield f"Time, {shown}", "r", decimals(f"{shape} forward_backward", 2)
    yield f"95 % interval, {shown}", "r", interval(f"{shape} ", 2)


TABLES = (cost_table,)
