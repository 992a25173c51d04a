"""Plain convolutional networks."""

from torch import nn


def small_conv(
    new_activation, input_shape, outputs: int, channels=64, units=(128, 64)
) -> nn.Module:
    """3x3 convolution without padding and two linear layers, an activation after each; Linear.

    Shape: (N, C, H, W) -> (N, outputs). The `small_conv` network of custom_act_funcs, whose widths
    were never published; `channels` and `units` are the ones that reproduce its ReLU result best.
    """
    depth, height, width = input_shape
    return nn.Sequential(
        nn.Conv2d(depth, channels, 3),
        new_activation(channels),
        nn.Flatten(),
        nn.Linear(channels * (height - 2) * (width - 2), units[0]),
        new_activation(units[0]),
        nn.Linear(units[0], units[1]),
        new_activation(units[1]),
        nn.Linear(units[1], outputs),
    )
