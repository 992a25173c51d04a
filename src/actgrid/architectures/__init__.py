"""Registry of network architectures: name -> the module here that defines a builder of that name.

A builder takes new_activation(width), which makes one activation module per layer, the shape of
one example, and the number of classes. Importing this package does not import torch.
"""

from actgrid import registry

ARCHITECTURES = {
    "small": "mlp",
    "small_conv": "convolutional",
    "resnet_norm": "residual",
    "resnet_no_norm": "residual",
    "plain": "residual",
}


def build(name: str, new_activation, input_shape, classes: int):
    """A new network of the architecture `name`. Shape: (N, *input_shape) -> (N, classes).

    `new_activation(width)` is called once per activation layer, `width` being its channels or
    units, so that no two layers share a module. Raises registry.UnknownName for unknown names.
    """
    builder = registry.load("architecture", name, ARCHITECTURES, __name__)
    return builder(new_activation, tuple(input_shape), classes)


def parameter_count(model) -> int:
    """Number of trained scalars of a network."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
