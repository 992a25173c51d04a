"""Piecewise-linear activations: one mechanism, described by knots, and the named ones on it."""

import functools
import math

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable

AT_KNOT = ("left", "right", "zero")
ATEN = torch.ops.aten
CHUNK = 2**17  # scalars that a CPU takes through all pieces at once, so that they stay in its cache


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
        self.pieces = _pieces(knots, left_slope, right_slope)
        self._terms = {}  # dtype -> [(low, high, slope, intercept)], bounds exclusive

    def terms(self, dtype):
        """f as a sum of (slope * x + intercept) over low < x < high, bounds exact in `dtype`."""
        if dtype not in self._terms:
            self._terms[dtype] = [
                _exclusive(piece, self.at_knot, dtype) for piece in self.pieces if any(piece[2:])
            ]
            if self.at_knot == "zero":
                left_values = dict(reversed(self.knots))  # at a jump the first of two counts
                self._terms[dtype] += [_point(x, y, dtype) for x, y in left_values.items() if y]
        return self._terms[dtype]

    def forward(self, x):
        terms = self.terms(x.dtype)
        carried = any(slope and math.inf in (-low, high) for low, high, slope, _ in terms)
        if carried and len(terms) == 1:  # autograd alone does it as well
            return _value(x, *terms[0])
        return _Sum.apply(x, terms, carried)

    def extra_repr(self):
        return f"pieces={self.pieces}, at_knot={self.at_knot!r}"


class _Sum(torch.autograd.Function):
    """The terms' sum; its gradient is the sum of their slopes, each between its bounds.

    carried: a sloped end takes NaN through.
    """

    @staticmethod
    def forward(ctx, x, terms, carried):
        ctx.save_for_backward(x)
        ctx.sloped = [term for term in terms if term[2]]

        def parts(x):
            yield from (functools.partial(_value, x, *term) for term in terms)
            if not carried:
                yield functools.partial(torch.clamp, x, 0, 0)

        return _summed(parts, x)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        def parts(x, gradient):
            for low, high, slope, _ in ctx.sloped:
                yield lambda out: _select(gradient, x, low, high, out).mul_(slope)  # noqa: B023

        if not ctx.sloped:
            return torch.zeros_like(gradient), None, None
        return _summed(parts, *ctx.saved_tensors, gradient), None, None


def _summed(parts, *tensors):
    """The sum of what parts(*tensors) write into out=; by chunks if large and on a CPU."""
    x = tensors[0]
    out = torch.empty_like(x)  # dense, in the order of x if x is
    if x.device.type != "cpu" or x.numel() <= CHUNK:
        return _add_up(parts(*tensors), out, torch.empty_like(out))
    alike = [t if t.stride() == out.stride() else torch.empty_like(out).copy_(t) for t in tensors]
    flat = [t.as_strided((t.numel(),), (1,)).split(CHUNK) for t in (out, *alike)]
    spare = out.new_empty(CHUNK)
    for chunk, *chunks in zip(*flat, strict=True):
        _add_up(parts(*chunks), chunk, spare[: len(chunk)])
    return out


def _add_up(parts, out, spare):
    next(parts)(out=out)
    for part in parts:
        out.add_(part(out=spare))
    return out


def _value(x, low, high, slope, intercept, out=None):
    """slope * x + intercept between the bounds of a term, else 0; differentiable without `out`."""
    if not slope:
        return _select(out.fill_(intercept), x, low, high, out)
    line = x if slope == 1 else torch.mul(x, slope, out=out)
    line = torch.add(line, intercept, out=out) if intercept else line
    return _select(line, x.detach(), low, high, out)


def _select(line, x, low, high, out=None):
    """`line` where low < x < high, else 0; `out` may be `line`.

    The backward kernels of threshold and hardtanh are just that, vectorised, as is their own
    derivative; on a CPU comparisons and torch.where take ten times as long.
    """
    kernel, bounds = ATEN.hardtanh_backward, (x, low, high)
    if math.inf in (-low, high):
        kernel, bounds = ATEN.threshold_backward, (x, low) if high == math.inf else (-x, -high)
    if out is None:
        return kernel.default(line, *bounds)
    return kernel.grad_input(line, *bounds, grad_input=out)


def _pieces(knots, left_slope, right_slope):
    """Knots -> [(low, high, slope, intercept)] from left to right; constant pieces have slope 0."""
    (x0, y0), (xn, yn) = knots[0], knots[-1]
    pieces = [(-math.inf, x0, float(left_slope), y0 - left_slope * x0)]
    for (xa, ya), (xb, yb) in zip(knots, knots[1:], strict=False):
        if xb > xa:
            slope = (yb - ya) / (xb - xa)
            pieces.append((xa, xb, slope, ya - slope * xa))
    return pieces + [(xn, math.inf, float(right_slope), yn - right_slope * xn)]


def _exclusive(piece, at_knot, dtype):
    """The piece, bounds rounded to `dtype`; a bound that it owns is moved outwards by one step."""
    low, high, slope, intercept = piece
    low = _round(low, dtype, -math.inf if at_knot == "right" else None)
    high = _round(high, dtype, math.inf if at_knot == "left" else None)
    return low, high, slope, intercept


def _point(x, y, dtype):
    """The constant y at x alone."""
    return _round(x, dtype, -math.inf), _round(x, dtype, math.inf), 0.0, y


def _round(bound, dtype, towards=None):
    """The number of `dtype` nearest to `bound`, or that one's neighbour `towards` +-infinity."""
    here = torch.tensor(bound, dtype=torch.float64).to(dtype)
    if math.isinf(bound) or towards is None:
        return here.item()
    if dtype == torch.float16:  # torch.nextafter has no float16
        return float(np.nextafter(np.float16(here), np.float16(towards)))
    return torch.nextafter(here, torch.tensor(towards, dtype=dtype)).item()


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
