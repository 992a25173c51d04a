"""How straight pieces between knots are computed: the fewest passes over x that give f and f'."""

import math

import numpy as np
import torch
from torch.autograd.function import once_differentiable

ATEN = torch.ops.aten
CHUNK = 2**16  # scalars that a CPU takes through all pieces at once, so that they stay in its cache


class Way:
    """What is to be done at each x of one dtype on one device.

    terms: f as the sum of slope * x + intercept over low < x < high, (low, high, slope, intercept).
    bends: f by bounds, see `bends`; None where it cannot be. Intercepts are tensors () there, and
    in terms too, but for half precision, where products and sums would be of rounded ones; in
    terms an intercept of 0 is None.
    """

    def __init__(self, terms, bends, like):
        self.wide = like.dtype in (torch.float32, torch.float64)
        self.terms = [(*term, self._constant(y, like) if y else None) for *term, y in terms]
        self.sloped = [term[:3] for term in self.terms if term[2]]
        self.carried = any(math.inf in (-low, high) for low, high, _ in self.sloped)  # NaN
        self.bends = None
        if bends and self.wide:
            self.bends = [(slope, self._constant(y, like), bound) for slope, y, bound in bends]

    def _constant(self, number, like):
        return like.new_tensor(number) if self.wide else number

    def line(self, x, slope, intercept, out=None):
        """slope * x + intercept; x itself where that is all."""
        if intercept is None:
            return x if slope == 1 else torch.mul(x, slope, out=out)
        if self.wide:
            return torch.add(intercept, x, alpha=slope, out=out)
        return torch.add(torch.mul(x, slope, out=out), intercept, out=out)

    def value(self, x, low, high, slope, intercept, out=None):
        """A term at x; differentiable without `out`."""
        if not slope:
            return select(out.fill_(intercept), x, low, high, out)
        line = self.line(x, slope, intercept, out)
        return select(line, x.detach(), low, high, out)

    def bent(self, out, spare, x):
        """Write f into `out`, line by line."""
        (slope, y, _), *others = self.bends
        found = self.line(x, slope, y, out) if slope else y
        for slope, y, bound in others:
            found = bound(found, self.line(x, slope, y, spare) if slope else y, out=out)

    def summed(self, out, spare, x):
        """Write f into `out`, term by term."""
        target = out
        for term in self.terms:
            self.value(x, *term, out=target)
            if target is spare:
                out.add_(spare)
            target = spare
        if not self.carried:
            torch.clamp(x, 0, 0, out=target)
            if target is spare:
                out.add_(spare)

    def steep(self, out, spare, x, gradient):
        """Write f'(x) * gradient into `out`."""
        (low, high, slope), *others = self.sloped
        select(gradient, x, low, high, out).mul_(slope)
        for low, high, slope in others:
            part = select(gradient, x, low, high, spare)
            if self.wide:
                out.add_(part, alpha=slope)
            else:
                out.add_(part.mul_(slope))


class Pieces(torch.autograd.Function):
    """f by a Way; saves x and nothing else."""

    @staticmethod
    def forward(ctx, x, way):
        ctx.save_for_backward(x)
        ctx.way = way
        return by_chunks(way.bent if way.bends else way.summed, x)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        if not ctx.way.sloped:
            return torch.zeros_like(gradient), None
        return by_chunks(ctx.way.steep, *ctx.saved_tensors, gradient), None


def by_chunks(fill, *tensors):
    """What fill(out, spare, *tensors) writes into `out`; on a CPU chunk by chunk if large."""
    x = tensors[0]
    out = torch.empty_like(x)  # dense, in the order of x if x is
    if x.device.type != "cpu" or x.numel() <= CHUNK:
        fill(out, torch.empty_like(out), *tensors)
        return out
    alike = [t if t.stride() == out.stride() else torch.empty_like(out).copy_(t) for t in tensors]
    flat = [t.as_strided((t.numel(),), (1,)).split(CHUNK) for t in (out, *alike)]
    spare = out.new_empty(CHUNK)
    for chunk, *chunks in zip(*flat, strict=True):
        fill(chunk, spare[: len(chunk)], *chunks)
    return out


def select(line, x, low, high, out=None):
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


def pieces(knots, left_slope, right_slope):
    """Knots -> [(low, high, slope, intercept)] from left to right; constant pieces have slope 0."""
    (x0, y0), (xn, yn) = knots[0], knots[-1]
    between = [(-math.inf, x0, float(left_slope), y0 - left_slope * x0)]
    for (xa, ya), (xb, yb) in zip(knots, knots[1:], strict=False):
        if xb > xa:
            slope = (yb - ya) / (xb - xa)
            between.append((xa, xb, slope, ya - slope * xa))
    return between + [(xn, math.inf, float(right_slope), yn - right_slope * xn)]


def bends(knots, pieces):
    """f as lines from left to right, each an upper or a lower bound of what there is before it.

    [(slope, intercept, bound)]: the first line, then torch.maximum or torch.minimum of what there
    is and the next one. None where f jumps, is constant, or a line crosses what lies left of it.
    """
    (_, _, slope, intercept), *others = pieces
    found = [(slope, intercept, None)]
    for x, _, slope, intercept in others:
        before = [slope * x_k + intercept - y for x_k, y in knots if x_k < x]
        before.append(pieces[0][2] - slope)  # far to the left
        if slope > found[-1][0] and max(before) <= 0:
            found.append((slope, intercept, torch.maximum))
        elif slope < found[-1][0] and min(before) >= 0:
            found.append((slope, intercept, torch.minimum))
        elif slope != found[-1][0]:
            return None
    jumps = len({x for x, _ in knots}) < len(knots)
    return None if jumps or not any(slope for slope, *_ in found) else found


def exclusive(piece, at_knot, dtype):
    """The piece, bounds rounded to `dtype`; a bound that it owns is moved outwards by one step."""
    low, high, slope, intercept = piece
    low = _round(low, dtype, -math.inf if at_knot == "right" else None)
    high = _round(high, dtype, math.inf if at_knot == "left" else None)
    return low, high, slope, intercept


def point(x, y, dtype):
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
