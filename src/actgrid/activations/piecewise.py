"""Piecewise-linear activations: one mechanism, described by knots, and the named ones on it."""

import math

from torch import nn

from actgrid.activations import pieces

AT_KNOT = ("left", "right", "zero")


class PiecewiseLinear(nn.Module):
    """f(x) through `knots` [(x0, y0), (x1, y1), ...], straight in between. Shape: (*) -> (*).

    Left of the first knot f has slope `left_slope`, right of the last one `right_slope`; 0 means
    constant. Two knots at one x are a jump. `at_knot` says which piece a knot's own x belongs to,
    value and gradient alike: "left" (so relu's gradient at 0 is 0, as in torch) or "right";
    "zero" takes the left piece's value and gradient 0.
    NaN in, NaN out; a constant end is constant at infinity too. Any floating dtype, any device.
    For the backward pass x is saved, once, and nothing else: as many bytes as torch's relu saves.

    Raises ValueError where knots are missing, not finite, not in order, or thrice at one x.
    """

    def __init__(self, knots, left_slope=0.0, right_slope=0.0, at_knot="left"):
        super().__init__()
        knots = _checked(knots, (left_slope, right_slope), at_knot)
        self.knots, self.at_knot = knots, at_knot
        self.pieces = pieces.pieces(knots, left_slope, right_slope)
        self.bends = pieces.bends(knots, self.pieces)
        self._ways = {}  # (dtype, device) -> pieces.Way

    def terms(self, dtype):
        """f as a sum of (slope * x + intercept) over low < x < high, bounds exact in `dtype`."""
        terms = [pieces.exclusive(p, self.at_knot, dtype) for p in self.pieces if any(p[2:])]
        if self.at_knot == "zero":
            left_values = dict(reversed(self.knots))  # at a jump the first of two counts
            terms += [pieces.point(x, y, dtype) for x, y in left_values.items() if y]
        return terms

    def forward(self, x):
        way = self._ways.get((x.dtype, x.device))
        if way is None:
            way = self._ways[x.dtype, x.device] = pieces.Way(self.terms(x.dtype), self.bends, x)
        if way.carried and len(way.terms) == 1:  # autograd alone does it as well
            return way.value(x, *way.terms[0])
        return pieces.Pieces.apply(x, way)

    def extra_repr(self):
        return f"pieces={self.pieces}, at_knot={self.at_knot!r}"


def _checked(knots, slopes, at_knot):
    if at_knot not in AT_KNOT:
        raise ValueError(f"at_knot = {at_knot!r}: must be one of {', '.join(AT_KNOT)}")
    knots = [(float(x), float(y)) for x, y in knots]
    xs = [x for x, _ in knots]
    if not knots or not all(map(math.isfinite, [v for k in knots for v in k] + list(slopes))):
        raise ValueError(f"knots = {knots}: at least one [x, y], all numbers finite")
    if xs != sorted(xs) or any(xs.count(x) > 2 for x in xs):
        raise ValueError(f"knots = {knots}: x must increase; two at one x are a jump, not three")
    return knots


def piecewise_linear(knots: list, left_slope=0.0, right_slope=0.0, at_knot="left") -> nn.Module:
    """Straight lines through `knots` [[x, y], ...]; see PiecewiseLinear. Shape: (*) -> (*)."""
    return PiecewiseLinear(knots, left_slope, right_slope, at_knot)


def neg_relu() -> nn.Module:
    """min(x, 0); gradient 1 at 0. NegReLU of custom_act_funcs. Shape: (*) -> (*)."""
    return PiecewiseLinear([(0, 0)], left_slope=1)


def slope_relu(slope: float) -> nn.Module:
    """slope * max(x, 0); gradient 0 at 0. Dslope of custom_act_funcs. Shape: (*) -> (*)."""
    return PiecewiseLinear([(0, 0)], right_slope=slope)


def offset_relu(offset: float) -> nn.Module:
    """x + offset if x > 0 else 0: a jump at 0, gradient 0 there. DiffYRelu of custom_act_funcs."""
    return PiecewiseLinear([(0, 0), (0, offset)], right_slope=1)


def hill(peak: float) -> nn.Module:
    """x/peak on [0, peak], (1-x)/(1-peak) on [peak, 1], 0 outside; peak in (0, 1).

    The tent that custom_act_funcs meant with PosHill. Shape: (*) -> (*).
    """
    return PiecewiseLinear([(0, 0), (_inside(peak), 1), (1, 0)])


def hill_published(peak: float) -> nn.Module:
    """x/peak on [0, 0.75), (1-x)/(1-peak) on [0.75, 1], 0 outside; peak in (0, 1).

    PosHill as custom_act_funcs ran it: the switch stayed at 0.75 whatever the peak, so that for
    peak 0.25 the function rises to 3 before it drops. Shape: (*) -> (*).
    """
    falling = 0.25 / (1 - _inside(peak))
    return PiecewiseLinear([(0, 0), (0.75, 0.75 / peak), (0.75, falling), (1, 0)], at_knot="right")


def _inside(peak):
    if not 0 < peak < 1:
        raise ValueError(f"peak = {peak!r}: must lie between 0 and 1")
    return peak
