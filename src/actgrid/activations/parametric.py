"""Activations with trained parameters whose derivatives are written by hand.

One set of parameters a layer, shared by all its units and by no other layer. Of the forward pass
x is kept, and nothing else. Half precision is computed in float32. Shape: (*) -> (*).
"""

import math

import torch
from torch import nn
from torch.autograd.function import once_differentiable

EDGE = 1e-3  # soft_exponential: how near to 0 the argument of its logarithm may come
TOP = 50.0  # soft_exponential: the largest exponent
TINY, SMALL = 1e-30, 0.5  # |alpha| as good as 0; |alpha| up to which small z need a series
NEAR = 0.125  # |z| up to which the series is used


def srelu() -> nn.Module:
    """t_l + a_l (x - t_l) for x <= t_l; x; t_r + a_r (x - t_r) for x >= t_r. Jin et al. 2016.

    Trained from t_l = 0, a_l = 0.2, t_r = 1, a_r = 1; t_r is t_l + |gap|. The gradient at t_l is
    a_l, at t_r a_r. At the start a_r = 1 leaves t_r without a gradient: it moves once a_r has.
    """
    return SReLU()


class SReLU(nn.Module):
    """The module of `srelu`."""

    def __init__(self):
        super().__init__()
        self.left, self.left_slope = _scalar(0.0), _scalar(0.2)
        self.gap, self.right_slope = _scalar(1.0), _scalar(1.0)

    def forward(self, x):
        right = self.left + self.gap.abs()
        return ThreePieces.apply(x, self.left, right, self.left_slope, self.right_slope)


class ThreePieces(torch.autograd.Function):
    """srelu of x and its four parameters; x is all that is kept."""

    @staticmethod
    def forward(ctx, x, left, right, left_slope, right_slope):
        ctx.save_for_backward(x, left, right, left_slope, right_slope)
        middle = torch.minimum(x, right)
        torch.maximum(middle, left, out=middle)
        middle += left_slope * (x - left).clamp_(max=0)
        return middle.add_(right_slope * (x - right).clamp_(min=0))

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        x, left, right, left_slope, right_slope = ctx.saved_tensors
        below = torch.le(x, left, out=torch.empty_like(x)).mul_(gradient)
        above = torch.ge(x, right, out=torch.empty_like(x)).mul_(gradient)
        to_left, to_right = (1 - left_slope) * below.sum(), (1 - right_slope) * above.sum()
        to_left_slope = (below * (x - left)).sum()
        to_right_slope = (above * (x - right)).sum()
        to_x = gradient + below.mul_(left_slope - 1) + above.mul_(right_slope - 1)
        return to_x, to_left, to_right, to_left_slope, to_right_slope


def soft_exponential(alpha: float = 0.0) -> nn.Module:
    """-ln(1 - a (x + a)) / a for a < 0; x for a = 0; (e^(a x) - 1) / a + a for a > 0.

    a is trained from `alpha`. Godfrey and Gashler 2015. Smooth in x and in a; at a = 0 the gradient
    for a is 1 + x^2 / 2. For a < 0 f ends at x = 1/a - a: from where 1 - a (x + a) falls below 1e-3
    its value is held, with gradient 0 for x. For a > 0 it is held from a x = 50 on, so that it
    stays finite in float32; float16 overflows to infinity above 65504.
    """
    return SoftExponential(alpha)


class SoftExponential(nn.Module):
    """The module of `soft_exponential`."""

    def __init__(self, alpha):
        super().__init__()
        self.alpha = _scalar(alpha)

    def forward(self, x):
        return Stretch.apply(_wide(x), self.alpha).to(x.dtype)


class Stretch(torch.autograd.Function):
    """soft_exponential of x and alpha: v(z) / alpha, with alpha on top where it is above 0.

    z = alpha * w, w = x + alpha and v = -ln(1 - z) below 0, w = x and v = e^z - 1 above. The
    gradient for alpha is v'(z) below 0 and 1 above, plus (z v'(z) - v(z)) / alpha^2; of that
    difference next to nothing is left for a small z, so there it is w^2 times a series in z.
    """

    @staticmethod
    def forward(ctx, x, alpha):
        ctx.save_for_backward(x, alpha)
        if x.device.type != "cpu":
            return _unread(x, alpha)
        a = alpha.item()
        if abs(a) <= TINY:
            return x + a
        z = x * a
        if a < 0:
            return z.add_(a * a).clamp_(max=1 - EDGE).neg_().log1p_().div_(-a)
        return z.clamp_(max=TOP).expm1_().div_(a).add_(a)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        x, alpha = ctx.saved_tensors
        if x.device.type != "cpu":
            slope, steep = _unread_derivatives(x, alpha)
            return gradient * slope, (gradient * steep).sum()
        a = alpha.item()
        if abs(a) <= TINY:
            return gradient, (gradient * (1 + x * x / 2)).sum()
        z, v, slope = (_logarithm if a < 0 else _exponential)(x, a)
        curve = (z * slope - v) / (a * a)
        if abs(a) < SMALL:
            curve = torch.where(z.abs() < NEAR, _series(x, z, a, a < 0), curve)
        return gradient * slope, (gradient * (curve + (slope if a < 0 else 1))).sum()


def _unread(x, a):
    """soft_exponential where reading a would wait for a GPU: every piece, then the one chosen."""
    below, above = (v / a for _, v, _ in (_logarithm(x, a), _exponential(x, a)))
    return torch.where(a.abs() <= TINY, x + a, torch.where(a < 0, below, above + a))


def _unread_derivatives(x, a):
    """Its derivatives for x and for a, likewise."""
    pieces = []
    for function, negative in ((_logarithm, True), (_exponential, False)):
        z, v, slope = function(x, a)
        near = (z.abs() < NEAR) & (a.abs() < SMALL)
        curve = torch.where(near, _series(x, z, a, negative), (z * slope - v) / (a * a))
        pieces.append(torch.stack((slope, curve + (slope if negative else 1))))
    still = torch.stack((torch.ones_like(x), 1 + x * x / 2))
    return torch.where(a.abs() <= TINY, still, torch.where(a < 0, *pieces))


def _logarithm(x, a):
    """z, v(z), v'(z) for a < 0, v' being 0 where v is held."""
    z = x * a + a * a
    inside = torch.le(z, 1 - EDGE, out=torch.empty_like(z))
    z = z.clamp_(max=1 - EDGE)
    return z, -torch.log1p(-z), inside.div_(1 - z)


def _exponential(x, a):
    """z, v(z), v'(z) for a > 0, v' being 0 where v is held."""
    z = x * a
    inside = torch.le(z, TOP, out=torch.empty_like(z))
    z = z.clamp_(max=TOP)
    return z, z.expm1(), inside.mul_(z.exp())


def _series(x, z, a, negative):
    """(z v'(z) - v(z)) / a^2 for |z| < NEAR: w^2 * sum of c_k z^k."""
    terms = math.ceil(math.log(torch.finfo(z.dtype).eps, NEAR))
    below, above = (lambda k: (k + 1) / (k + 2)), (lambda k: 1 / (math.factorial(k) * (k + 2)))
    near, total = z.clamp(-NEAR, NEAR), torch.zeros_like(z)
    for k in reversed(range(terms)):
        total.mul_(near).add_((below if negative else above)(k))
    return total.mul_((x + a if negative else x).square())


def _wide(x):
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _scalar(start):
    return nn.Parameter(torch.tensor(float(start)))
