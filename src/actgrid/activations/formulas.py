"""Activations without trained parameters that torch.nn does not have, with derivatives by hand.

Half precision is computed in float32 and rounded once. Those that are x times a gate (telu, smish)
give NaN at -infinity, as torch's silu and mish do.
"""

from functools import partial

import torch
from torch import nn
from torch.autograd.function import once_differentiable

FAR = 1e9  # from FAR / sqrt(alpha) on, isru is its limit to the last digit


class Elementwise(torch.autograd.Function):
    """y = f(x) by a formula: x -> (f(x), a function that gives f'(x)); only f'(x) is kept."""

    @staticmethod
    def forward(ctx, x, formula):
        y, slope = formula(x.to(torch.promote_types(x.dtype, torch.float32)))
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(slope().to(x.dtype))
        return y.to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        (slope,) = ctx.saved_tensors
        return gradient * slope, None


class Formula(nn.Module):
    """The module of a formula, its constants bound. Shape: (*) -> (*)."""

    def __init__(self, formula, **constants):
        super().__init__()
        self.formula, self.constants = partial(formula, **constants), constants

    def forward(self, x):
        return Elementwise.apply(x, self.formula)

    def extra_repr(self):
        return ", ".join(
            [self.formula.func.__name__, *(f"{k}={v}" for k, v in self.constants.items())]
        )


class BReLU(nn.Module):
    """The module of `brelu`."""

    def forward(self, x):
        if x.dim() < 2:
            return torch.relu(x)
        signs = x.new_ones(x.shape[1], *(1 for _ in x.shape[2:]))
        signs[1::2] = -1
        return torch.relu(x * signs) * signs


def telu() -> nn.Module:
    """x * tanh(e^x); smooth. Fernandez and Mali 2024; TanhExp of Liu and Di 2020. (*) -> (*)."""
    return Formula(_telu)


def _telu(x):
    near = x.clamp(max=4)  # tanh(e^4) is 1 in float64
    growth = near.exp()
    gate = growth.tanh()
    return x * gate, lambda: torch.addcmul(gate, near * growth, 1 - gate * gate)


def smish() -> nn.Module:
    """x * tanh(ln(1 + sigmoid(x))); smooth. Wang et al. 2022. Shape: (*) -> (*)."""
    return Formula(_smish)


def _smish(x):
    """tanh(ln u) = (u^2 - 1) / (u^2 + 1), and u = 1 + sigmoid(x) makes u^2 - 1 a product."""
    s = x.sigmoid()
    excess = s * (s + 2)
    gate = excess / (excess + 2)
    return x * gate, lambda: gate + 4 * x * s * (1 - s * s) / (excess + 2).square()


def squareplus(b: float = 4.0) -> nn.Module:
    """(x + sqrt(x^2 + b)) / 2, b > 0; smooth. Barron 2021. Shape: (*) -> (*).

    Computed as max(x, 0) + (b/2) / (sqrt(x^2 + b) + |x|): no difference of large numbers.
    """
    return Formula(_squareplus, b=_positive("b", b))


def _squareplus(x, b):
    root = x.square().add_(b).sqrt_()
    y = (root + x.abs()).reciprocal_().mul_(b / 2).add_(x.clamp(min=0))
    return y, lambda: y / root


def isru(alpha: float = 1.0) -> nn.Module:
    """x / sqrt(1 + alpha * x^2), alpha > 0; smooth. Carlile et al. 2017. Shape: (*) -> (*)."""
    return Formula(_isru, alpha=_positive("alpha", alpha))


def _isru(x, alpha):
    near = x.clamp(-FAR / alpha**0.5, FAR / alpha**0.5)
    inverse = near.square().mul_(alpha).add_(1).rsqrt_()
    return near * inverse, lambda: inverse.pow(3)


def isrlu(alpha: float = 1.0) -> nn.Module:
    """x for x >= 0, else x / sqrt(1 + alpha * x^2), alpha > 0; gradient 1 at 0.

    Carlile et al. 2017. Shape: (*) -> (*).
    """
    return Formula(_isrlu, alpha=_positive("alpha", alpha))


def _isrlu(x, alpha):
    below = x.clamp(-FAR / alpha**0.5, 0)
    inverse = below.square().mul_(alpha).add_(1).rsqrt_()
    return torch.addcmul(x.clamp(min=0), below, inverse), lambda: inverse.pow(3)


def snake(alpha: float = 1.0) -> nn.Module:
    """x + sin^2(alpha * x) / alpha, any alpha; x at alpha = 0; smooth. Ziyin et al. 2020.

    NaN at infinity, where the sine has no limit. Shape: (*) -> (*).
    """
    return Formula(_snake, alpha=alpha)


def _snake(x, alpha):
    sine = (x * alpha).sin()
    y = torch.addcmul(x, sine, sine, value=1 / alpha if alpha else 0)
    return y, lambda: (x * (2 * alpha)).sin_().add_(1)


def relu_squared() -> nn.Module:
    """max(x, 0)^2; gradient 0 at 0. So et al. 2021 (Primer). Shape: (*) -> (*).

    float16 overflows to infinity from x = 256 on.
    """
    return Formula(_relu_squared)


def _relu_squared(x):
    positive = x.clamp(min=0)
    return positive.square(), lambda: positive * 2


def brelu() -> nn.Module:
    """max(x, 0) in even units, -max(-x, 0) in odd ones; gradient 0 at 0. Eidnes and Nokland 2017.

    Units are counted from 0 along axis 1, (N, C, *) -> (N, C, *), never over the batch; an x of
    fewer axes is values of unit 0.
    """
    return BReLU()


def _positive(name, value):
    if not value > 0:
        raise ValueError(f"{name} = {value!r}: must be above 0")
    return value
