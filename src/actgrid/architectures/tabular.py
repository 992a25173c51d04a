"""Fully connected networks for tables of features, with BatchNorm."""

import math

from torch import nn

DROPOUT = 0.4  # probability that a unit is left out of a training step


def mlp_48_24(new_activation, input_shape, outputs: int, extra_parameters: int = 0) -> nn.Module:
    """`normalised_mlp` with hidden layers of 48 and 24 units: the covertype study's small one."""
    return normalised_mlp([48, 24], new_activation, input_shape, outputs, extra_parameters)


def mlp_48_24_16(new_activation, input_shape, outputs: int, extra_parameters: int = 0) -> nn.Module:
    """`normalised_mlp` with hidden layers of 48, 24 and 16 units: that study's medium one."""
    return normalised_mlp([48, 24, 16], new_activation, input_shape, outputs, extra_parameters)


def mlp_96_48_32(new_activation, input_shape, outputs: int, extra_parameters: int = 0) -> nn.Module:
    """`normalised_mlp` with hidden layers of 96, 48 and 32 units: that study's large one."""
    return normalised_mlp([96, 48, 32], new_activation, input_shape, outputs, extra_parameters)


def normalised_mlp(widths, new_activation, input_shape, outputs: int, extra_parameters: int = 0):
    """BatchNorm of the inputs; (Linear, BatchNorm, activation) a hidden layer; Linear.

    Shape: (N, *) -> (N, outputs). With `extra_parameters` all hidden layers are widened by one
    factor, so that the network has about so many trained scalars more: see `widened`.
    """
    inputs = math.prod(input_shape)
    layers, before = [nn.Flatten(), nn.BatchNorm1d(inputs)], inputs
    for width in widened(widths, inputs, outputs, extra_parameters):
        layers += [nn.Linear(before, width), nn.BatchNorm1d(width), new_activation(width)]
        before = width
    return nn.Sequential(*layers, nn.Linear(before, outputs))


def widened(widths, inputs: int, outputs: int, extra_parameters: int) -> list[int]:
    """The widths times the factor of 1 or more that comes closest to `extra_parameters` more."""
    target = count(widths, inputs, outputs) + extra_parameters
    tried = ([round(width * (1 + step / 500)) for width in widths] for step in range(2000))
    return min(tried, key=lambda w: abs(count(w, inputs, outputs) - target))


def count(widths, inputs: int, outputs: int) -> int:
    """Trained scalars of a `normalised_mlp`: weights, biases, and two for each normalised unit."""
    before = [inputs, *widths]
    linear = sum((a + 1) * b for a, b in zip(before, [*widths, outputs], strict=True))
    return linear + 2 * sum(before)


def banknote_mlp(new_activation, input_shape, outputs: int) -> nn.Module:
    """`dropout_mlp` of 8, 9 and 5 units: the four linear layers of the banknote study's text.

    The text does not give their widths; these are the first three of the network in its code.
    """
    return dropout_mlp([8, 9, 5], new_activation, input_shape, outputs)


def banknote_mlp_5(new_activation, input_shape, outputs: int) -> nn.Module:
    """`dropout_mlp` of 8, 9, 5 and 4 units: the five linear layers of that study's code."""
    return dropout_mlp([8, 9, 5, 4], new_activation, input_shape, outputs)


def dropout_mlp(widths, new_activation, input_shape, outputs: int) -> nn.Module:
    """(Linear, activation, BatchNorm, Dropout 0.4) a hidden layer; Linear.

    Shape: (N, *) -> (N, outputs).
    """
    layers, before = [nn.Flatten()], math.prod(input_shape)
    for width in widths:
        layers += [nn.Linear(before, width), new_activation(width)]
        layers += [nn.BatchNorm1d(width), nn.Dropout(DROPOUT)]
        before = width
    return nn.Sequential(*layers, nn.Linear(before, outputs))
