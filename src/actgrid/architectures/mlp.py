"""Fully connected networks."""

import math

from torch import nn


def small(new_activation, input_shape, outputs: int) -> nn.Module:
    """Linear 512, activation, Linear 512, activation, Linear. Shape: (N, *) -> (N, outputs).

    784-512-512-10 on 28 x 28 images: the `small` network of custom_act_funcs.
    """
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(math.prod(input_shape), 512),
        new_activation(512),
        nn.Linear(512, 512),
        new_activation(512),
        nn.Linear(512, outputs),
    )
