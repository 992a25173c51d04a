"""Faster kernels for the same network: linear layers, a convolution, channels last, bfloat16."""

import functools
import logging
import math

import torch
from torch import nn
from torch.autograd.function import once_differentiable

from actgrid.provenance import processor

LOG = logging.getLogger(__name__)
LEAST = 2**21  # multiplications; below that the call costs more than it saves


def prepare(model: nn.Sequential, precision: str, apart=()) -> nn.Sequential:
    """`model`, in place, with the kernels of this module; its parameters and their names stay.

    In float32 results change by rounding only: sums are taken in another order. Within the modules
    `apart` no layer is replaced.
    """
    skipped = {layer for module in apart for layer in module.modules()}
    layers = [layer for layer in model.modules() if layer not in skipped]
    for layer in layers:
        if type(layer) is nn.Linear:
            layer.__class__ = Linear
            if mkl_is_wide() and precision == "float32":
                layer.weight.data = layer.weight.data.t().contiguous().t()  # see Linear
    if precision == "bfloat16":
        model.__class__ = Bfloat16
        if not fast_bfloat16():
            LOG.warning("bfloat16 is slow here: the processor has neither AVX512-BF16 nor AMX")
    convolutions = [layer for layer in layers if type(layer) is nn.Conv2d]
    if len(convolutions) > 1:  # after a single one a linear layer would have to turn it all round
        model.to(memory_format=torch.channels_last)
    elif convolutions and Convolution.can_be(*convolutions):
        convolutions[0].__class__ = Convolution
    return model


class Bfloat16(nn.Sequential):
    """Layers in a row, products and what comes of them in bfloat16. Shape: as without.

    torch's automatic casting: weights, their gradients and updates, the statistics of BatchNorm
    and the loss stay float32; linear layers and convolutions, and the activations between them,
    are bfloat16. The output is float32.
    """

    def forward(self, x):
        with torch.autocast(x.device.type, torch.bfloat16):
            return super().forward(x).float()


def fast_bfloat16() -> bool:
    """The processor multiplies bfloat16 itself."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


@functools.cache
def mkl_is_wide() -> bool:
    """MKL, torch's default, uses the whole width of the processor: AVX-512 on its maker's alone."""
    full = torch.backends.cpu.get_cpu_capability() != "AVX512" or "intel" in processor().lower()
    return full and torch.backends.mkl.is_available()


class Linear(nn.Linear):
    """x W^T + b. Shape: (N, inputs) -> (N, outputs).

    Large float32 products on a CPU are MKL's where that takes the whole width of the processor,
    else oneDNN's. MKL is faster by a quarter when W^T, rather than W, lies in memory row by row.
    Small ones and others are torch's own.

    While W has a list `factors` (optimizers.SGD), the gradient of a large layer that is MKL's goes
    there as (gradient of the output, x), whose product it is, and need not be written.
    """

    def forward(self, x):
        large = x.numel() * self.out_features >= LEAST
        if large and x.dim() == 2 and usable(x) and usable(self.weight):
            return _Product.apply(x, self.weight, self.bias)
        return super().forward(x)


def usable(x) -> bool:
    """Products with this tensor are ours."""
    if x.dtype != torch.float32 or not x.is_cpu or torch.is_autocast_enabled("cpu"):
        return False
    return mkl_is_wide() or hasattr(torch.ops.mkldnn, "_linear_pointwise")


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        ctx.save_for_backward(x, weight)
        if not mkl_is_wide():
            return _by_onednn(x, weight, bias)
        return x.mm(weight.t()) if bias is None else torch.addmm(bias, x, weight.t())

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        x, weight = ctx.saved_tensors
        to_x, to_weight, to_bias = ctx.needs_input_grad
        product = torch.mm if mkl_is_wide() else lambda a, b: _by_onednn(a, b.t())
        return (
            product(gradient, weight) if to_x else None,
            _gradient(product, weight, gradient, x) if to_weight else None,
            gradient.sum(0) if to_bias else None,
        )


def _gradient(product, weight, gradient, x):
    """gradient^T x, in memory as the weight is; None if its factors were left with the weight."""
    if not mkl_is_wide():
        return product(gradient.t(), x)
    if (factors := getattr(weight, "factors", None)) is None:
        return product(x.t(), gradient).t()
    factors.append((gradient, x))


def _by_onednn(a, b, bias=None):
    """a b^T + bias."""
    return torch.ops.mkldnn._linear_pointwise(a, b, bias, "none", [], "")


class Convolution(nn.Conv2d):
    """A convolution with few weights a unit, no padding. Shape: (N, C, H, W) -> (N, O, H', W').

    Of a float32 input on a CPU that needs no gradient: one product of (W, bias) with the patches
    and a row of ones forward, one backward. oneDNN's gradient of W takes four times as long.
    """

    PLAIN = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    MOST = 31  # weights a unit; the patches are as many times larger than the input

    @classmethod
    def can_be(cls, layer: nn.Conv2d) -> bool:
        """`layer` computes what this class does, with as few weights."""
        plain = all(getattr(layer, name) == value for name, value in cls.PLAIN.items())
        return plain and layer.bias is not None and layer.weight[0].numel() <= cls.MOST

    def forward(self, x):
        if x.dim() != 4 or x.requires_grad or not usable(x) or not usable(self.weight):
            return super().forward(x)
        return _PatchProduct.apply(x, self.weight, self.bias)


class _PatchProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias):
        patches = _patches(x, *weight.shape[2:])
        ctx.save_for_backward(patches)
        ctx.shape = weight.shape
        rows = torch.cat([weight.flatten(1), bias[:, None]], 1)
        return rows.matmul(patches).unflatten(2, (x.shape[2] - weight.shape[2] + 1, -1))

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        (patches,) = ctx.saved_tensors
        product = patches.bmm(gradient.flatten(2).transpose(1, 2)).sum(0)
        return None, product[:-1].t().reshape(ctx.shape), product[-1]


def _patches(x, *kernel):
    """(N, C, H, W) -> (N, C * height * width of the kernel + 1, H' * W'); the last row is 1."""
    windows = x.unfold(2, kernel[0], 1).unfold(3, kernel[1], 1).permute(0, 1, 4, 5, 2, 3)
    weights, places = math.prod(windows.shape[1:4]), math.prod(windows.shape[4:])
    patches = x.new_ones(len(x), weights + 1, places)
    patches[:, :-1].view(windows.shape).copy_(windows)
    return patches


def settle() -> None:
    """Make the time of expm1 and log1p, on a CPU, independent of what ran before.

    On AVX-512 they load the constant -0.0 under a mask. The mask is empty but for x = -0.0, and as
    long as nothing has read the constant's page of memory, the processor takes some 150 ns for
    each vector to find that it need not: elu, selu, celu and softplus take ten times as long.
    """
    torch.expm1(torch.full((64,), -0.0))
