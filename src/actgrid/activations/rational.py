"""A trained quotient of two polynomials, its derivatives written by hand."""

import torch
from torch import nn
from torch.autograd.function import once_differentiable

# The least-squares fit to leaky_relu(0.01) on 601 points from -3 to 3
NUMERATOR = (0.029797, 0.618462, 2.320968, 3.044599, 1.479629, 0.249658)  # a_0 ... a_5
DENOMINATOR = (1.141173, 4.382269, 0.868195, 0.345291)  # b_1 ... b_4


def rational() -> nn.Module:
    """(a_0 + a_1 x + ... + a_5 x^5) / (1 + |b_1 x| + |b_2 x^2| + |b_3 x^3| + |b_4 x^4|).

    Trained from the least-squares fit to leaky_relu(0.01) on [-3, 3]. Molina et al. 2020 (safe
    PAU, 5/4). The gradient of |b_j x^j| is 0 at x = 0 and at b_j = 0. Finite up to |x| = 1e7 in
    float32; x^5 overflows beyond.
    """
    return Rational()


class Rational(nn.Module):
    """The module of `rational`."""

    def __init__(self):
        super().__init__()
        self.numerator = nn.Parameter(torch.tensor(NUMERATOR))
        self.denominator = nn.Parameter(torch.tensor(DENOMINATOR))

    def forward(self, x):
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        return Quotient.apply(wide, self.numerator, self.denominator).to(x.dtype)


class Quotient(torch.autograd.Function):
    """rational of x and its coefficients."""

    @staticmethod
    def forward(ctx, x, numerator, denominator):
        ctx.save_for_backward(x, numerator, denominator)
        return _polynomial(x, numerator).div_(_below(x, denominator))

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        x, numerator, denominator = ctx.saved_tensors
        below = _below(x, denominator)
        y = _polynomial(x, numerator).div_(below)
        share = gradient / below
        size = x.abs()
        orders = torch.arange(1, len(numerator), dtype=x.dtype, device=x.device)
        rise = _polynomial(x, numerator[1:] * orders)
        steep = _polynomial(size, denominator.abs() * orders[: len(denominator)])
        to_x = rise.sub_(steep.mul_(x.sign()).mul_(y)).mul_(share)
        moments = _moments(share, x, len(numerator))
        weights = _moments(share.mul_(y), size, len(denominator) + 1)[1:]
        return to_x, moments, -denominator.sign() * weights


def _polynomial(x, coefficients):
    """The sum of coefficients[k] * x^k, by Horner's rule."""
    *rest, last = coefficients
    total = torch.zeros_like(x).add_(last)
    for coefficient in reversed(rest):
        torch.addcmul(coefficient, total, x, out=total)
    return total


def _below(x, denominator):
    size = x.abs()
    return _polynomial(size, denominator.abs()).mul_(size).add_(1)


def _moments(weights, x, count):
    """Sums of weights * x^k for k < count."""
    sums = [weights.sum()]
    for _ in range(count - 1):
        weights = weights * x
        sums.append(weights.sum())
    return torch.stack(sums)
