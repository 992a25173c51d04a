"""Faster kernels for the same network: linear layers, channels last, bfloat16."""

import functools
import logging

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
    for layer in model.modules():
        if type(layer) is nn.Linear and layer not in skipped:
            layer.__class__ = Linear
            if mkl_is_wide() and precision == "float32":
                layer.weight.data = layer.weight.data.t().contiguous().t()  # see Linear
    if precision == "bfloat16":
        model.__class__ = Bfloat16
        if not fast_bfloat16():
            LOG.warning("bfloat16 is slow here: the processor has neither AVX512-BF16 nor AMX")
    convolutions = sum(isinstance(layer, nn.Conv2d) for layer in model.modules())
    if convolutions > 1:  # after a single one a linear layer would have to turn it all round
        model.to(memory_format=torch.channels_last)
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
    """MKL, torch's default, uses AVX-512 where there is one: on processors of its maker's."""
    return torch.backends.mkl.is_available() and "intel" in processor().lower()


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


def settle() -> None:
    """Make the time of expm1 and log1p, on a CPU, independent of what ran before.

    On AVX-512 they load the constant -0.0 under a mask. The mask is empty but for x = -0.0, and as
    long as nothing has read the constant's page of memory, the processor takes some 150 ns for
    each vector to find that it need not: elu, selu, celu and softplus take ten times as long.
    """
    torch.expm1(torch.full((64,), -0.0))
