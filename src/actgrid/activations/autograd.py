"""Standard activations as torch.autograd.Function, their derivatives written by hand.

Each keeps one tensor, its own output, which the next layer keeps anyway. On a CPU a mask is made
as numbers of the dtype of x: comparisons that give booleans, and torch.where, take many times as
long. Gradients are those of torch's own functions to the last bit, at kinks too.
"""

import torch
from torch import nn
from torch.autograd.function import once_differentiable


class Handwritten(nn.Module):
    """The module of a torch.autograd.Function and its constants. Shape: (*) -> (*)."""

    def __init__(self, function, *constants):
        super().__init__()
        self.function, self.constants = function, constants

    def forward(self, x):
        return self.function.apply(x, *self.constants)

    def extra_repr(self):
        return ", ".join([self.function.__name__, *map(str, self.constants)])


def relu_autograd() -> nn.Module:
    """max(x, 0); gradient 0 at 0. Nair and Hinton 2010. Shape: (*) -> (*)."""
    return Handwritten(ReLU)


class ReLU(torch.autograd.Function):
    """f' = 1 where y > 0, else 0."""

    @staticmethod
    def forward(ctx, x):
        y = x.clamp(min=0)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        return y.sign().mul_(gradient)


def tanh_autograd() -> nn.Module:
    """(e^x - e^-x) / (e^x + e^-x). Shape: (*) -> (*)."""
    return Handwritten(Tanh)


class Tanh(torch.autograd.Function):
    """f' = 1 - y^2."""

    @staticmethod
    def forward(ctx, x):
        y = x.tanh()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        return torch.addcmul(y.new_ones(()), y, y, value=-1).mul_(gradient)


def leaky_relu_autograd(negative_slope: float = 0.01) -> nn.Module:
    """x if x > 0 else negative_slope * x, which must lie in (0, 1]; gradient negative_slope at 0.

    Maas et al. 2013. Shape: (*) -> (*). Raises ValueError for another slope.
    """
    if not 0 < negative_slope <= 1:
        raise ValueError(f"negative_slope = {negative_slope!r}: must be above 0 and at most 1")
    return Handwritten(LeakyReLU, negative_slope)


class LeakyReLU(torch.autograd.Function):
    """y = max(x, negative_slope * x); f' = 1 where y > 0, else negative_slope."""

    @staticmethod
    def forward(ctx, x, negative_slope):
        y = x * negative_slope
        torch.maximum(x, y, out=y)
        ctx.save_for_backward(y)
        ctx.negative_slope = negative_slope
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        slope = torch.gt(y, 0, out=torch.empty_like(y)).clamp_(min=ctx.negative_slope)
        return slope.mul_(gradient), None


def brelu_autograd() -> nn.Module:
    """max(x, 0) in even units, -max(-x, 0) in odd ones; gradient 0 at 0. Eidnes and Nokland 2017.

    Units are counted from 0 along axis 1, (N, C, *) -> (N, C, *), never over the batch; an x of
    fewer axes is values of unit 0.
    """
    return Handwritten(BReLU)


class BReLU(torch.autograd.Function):
    """f' = 1 where y is not 0, else 0."""

    @staticmethod
    def forward(ctx, x):
        units = x.shape[1] if x.dim() > 1 else 1
        bounds = x.new_zeros(2, units)
        bounds[0, 1::2], bounds[1, ::2] = -torch.inf, torch.inf
        low, high = bounds.view(2, *x.shape[1:2], *(1 for _ in x.shape[2:]))
        y = x.clamp(low, high)
        ctx.save_for_backward(y)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        (y,) = ctx.saved_tensors
        return torch.ne(y, 0, out=torch.empty_like(y)).mul_(gradient)
