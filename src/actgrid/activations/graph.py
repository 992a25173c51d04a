"""An activation as numbers to draw: f and f' on a grid of points."""

import math

import torch


def graph(module, low: float = -3.0, high: float = 3.0, points: int = 601) -> list[dict]:
    """Rows x, f, df, piece in float64; `piece` counts the jumps passed, so that none is joined.

    Kinks and both sides of a jump are among the points. The module is used as it is: in its mode
    and with its parameters.
    """
    knots = [x for x, _ in getattr(module, "knots", ()) if low <= x <= high]
    jumps = sorted({x for x in knots if knots.count(x) == 2})
    sides = [math.nextafter(x, direction) for x in jumps for direction in (low, high)]
    xs = sorted({*torch.linspace(low, high, points, dtype=torch.float64).tolist(), *knots, *sides})
    x = torch.tensor(xs, dtype=torch.float64, requires_grad=True)
    f = module.double()(x)
    (df,) = torch.autograd.grad(f.sum(), x)
    right = getattr(module, "at_knot", "left") == "right"
    return [
        {"x": a, "f": b, "df": c, "piece": sum(j <= a if right else j < a for j in jumps)}
        for a, b, c in zip(xs, f.tolist(), df.tolist(), strict=True)
    ]
