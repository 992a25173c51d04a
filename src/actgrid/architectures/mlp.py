"""Fully connected networks without normalisation."""

import math

from torch import nn


def small(new_activation, input_shape, outputs: int) -> nn.Module:
    """`fully_connected`, hidden layers of 512 and 512 units: `small` of custom_act_funcs."""
    return fully_connected([512, 512], new_activation, input_shape, outputs)


def mlp_128_64(new_activation, input_shape, outputs: int) -> nn.Module:
    """`fully_connected`, hidden layers of 128 and 64 units: the MNIST study's network."""
    return fully_connected([128, 64], new_activation, input_shape, outputs)


def mlp_512_256_256_128(new_activation, input_shape, outputs: int) -> nn.Module:
    """`fully_connected`, five linear layers: the shallower network of the gradient study."""
    return fully_connected([512, 256, 256, 128], new_activation, input_shape, outputs)


def mlp_deep(new_activation, input_shape, outputs: int) -> nn.Module:
    """`fully_connected`, twelve linear layers, 216 units in each hidden one.

    On 28 x 28 images it has about as many parameters as `mlp_512_256_256_128` (1 % more), so that
    the two differ in depth alone.
    """
    return fully_connected([216] * 11, new_activation, input_shape, outputs)


def mlp_deep_he(new_activation, input_shape, outputs: int) -> nn.Module:
    """`mlp_deep` with weights from U(-b, b), b = sqrt(6 / fan_in): variance 2 / fan_in.

    He et al. 2015: signals keep their size through layers of ReLU, while from PyTorch's default
    they shrink by about sqrt(6) a layer.
    """
    model = mlp_deep(new_activation, input_shape, outputs)
    for layer in model:
        if isinstance(layer, nn.Linear):
            layer.gain = math.sqrt(6)
    return model


def fully_connected(widths, new_activation, input_shape, outputs: int) -> nn.Module:
    """(Linear, activation) a hidden layer; Linear. Shape: (N, *) -> (N, outputs)."""
    layers, before = [nn.Flatten()], math.prod(input_shape)
    for width in widths:
        layers += [nn.Linear(before, width), new_activation(width)]
        before = width
    return nn.Sequential(*layers, nn.Linear(before, outputs))
