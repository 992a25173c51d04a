"""PyTorch's default initialisation, drawn from a generator that is handed over."""

import math

import torch
from torch import nn


@torch.no_grad()
def initialise(model: nn.Module, generator: torch.Generator, apart=()) -> nn.Module:
    """Weights and biases of Linear and Conv2d from U(-b, b), b = 1/sqrt(fan_in), in place.

    That is torch's default (Kaiming uniform with a = sqrt(5)). The bound of the weights is
    multiplied by the attribute `gain` of a layer to which its architecture gave one. Other layers
    keep their constant start (BatchNorm: 1 and 0). Layers are drawn in the order of
    model.modules(), without those within the modules `apart`, so that networks that differ only in
    their activation start from the same weights, even if the activation has weights of its own.
    """
    skipped = {layer for module in apart for layer in module.modules()}
    for layer in model.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)) and layer not in skipped:
            bound = 1 / math.sqrt(layer.weight[0].numel())
            gain = getattr(layer, "gain", 1.0)
            layer.weight.uniform_(-gain * bound, gain * bound, generator=generator)
            if layer.bias is not None:
                layer.bias.uniform_(-bound, bound, generator=generator)
    return model
