"""Activations with trained parameters, one set a layer, shared by all its units.

Each module has parameters of its own, so that no two layers share any. Shape: (*) -> (*).
"""

from typing import Literal

import torch
from torch import nn


def prelu(
    start: float = 0.25, per: Literal["layer", "channel"] = "layer", *, width: int = 1
) -> nn.Module:
    """x if x > 0 else a * x, a trained from `start`; gradient a at 0. He et al. 2015.

    One a for the layer, or one for each of the `width` channels of axis 1: (N, width, *). The
    dtype of x must be that of a.
    """
    return nn.PReLU(width if per == "channel" else 1, init=start)


def swish(beta: float = 1.0) -> nn.Module:
    """x / (1 + e^(-b * x)), b trained from `beta`. Ramachandran et al. 2017."""
    return Swish(beta)


class Swish(nn.Module):
    """The module of `swish`."""

    def __init__(self, beta):
        super().__init__()
        self.beta = _scalar(beta)

    def forward(self, x):
        return x * torch.sigmoid(self.beta * x)


def affine(alpha: float = 0.0, beta: float = 0.0) -> nn.Module:
    """a + b * x, trained from `alpha` and `beta`. The banknote study's own activation."""
    return Affine(alpha, beta)


class Affine(nn.Module):
    """The module of `affine`."""

    def __init__(self, alpha, beta):
        super().__init__()
        self.alpha, self.beta = _scalar(alpha), _scalar(beta)

    def forward(self, x):
        return self.alpha + self.beta * x


def star_relu(scale: float = 0.8944, bias: float = -0.4472) -> nn.Module:
    """s * max(x, 0)^2 + b, trained from `scale` and `bias`; gradient 0 at 0. Yu et al. 2022.

    At the start the mean is 0 and the variance 1 for a standard normal x.
    """
    return StarReLU(scale, bias)


class StarReLU(nn.Module):
    """The module of `star_relu`."""

    def __init__(self, scale, bias):
        super().__init__()
        self.scale, self.bias = _scalar(scale), _scalar(bias)

    def forward(self, x):
        return self.scale * torch.relu(x).square() + self.bias


def apl(hinges: int = 2) -> nn.Module:
    """max(x, 0) + the sum of a_s * max(b_s - x, 0) over the hinges s, a and b trained.

    a starts at 0, b evenly over [-1, 1]; gradient 0 of each max at its kink. Agostinelli et al.
    2015, who have an a and a b a unit; here they are the layer's. The places b move once the
    slopes a have left 0.
    """
    return APL(hinges)


class APL(nn.Module):
    """The module of `apl`."""

    def __init__(self, hinges):
        super().__init__()
        self.slopes = nn.Parameter(torch.zeros(hinges))
        self.places = nn.Parameter(torch.linspace(-1, 1, hinges))

    def forward(self, x):
        y = torch.relu(x)
        for slope, place in zip(self.slopes, self.places, strict=True):
            y = y + slope * torch.relu(place - x)
        return y


def _scalar(start):
    return nn.Parameter(torch.tensor(float(start)))
