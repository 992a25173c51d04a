"""Registry of network architectures: name -> the module here that defines a builder of that name.

A builder takes new_activation(width), which makes one activation module per layer, the shape of
one example, and the number of outputs. Importing this package does not import torch.
"""

from actgrid import registry

ARCHITECTURES = {
    "small": "mlp",
    "small_conv": "convolutional",
    "resnet_norm": "residual",
    "resnet_no_norm": "residual",
    "plain": "residual",
    "mlp_48_24": "tabular",
    "mlp_48_24_16": "tabular",
    "mlp_96_48_32": "tabular",
    "banknote_mlp": "tabular",
    "banknote_mlp_5": "tabular",
    "mlp_128_64": "mlp",
    "mlp_512_256_256_128": "mlp",
    "mlp_deep": "mlp",
    "mlp_deep_he": "mlp",
}


def build(name: str, new_activation, input_shape, outputs: int, extra_parameters: int = 0):
    """A new network of the architecture `name`. Shape: (N, *input_shape) -> (N, outputs).

    `new_activation(width)` is called once per activation layer, `width` being its channels or
    units. `extra_parameters` asks for a network widened by about so many trained scalars.
    Raises registry.UnknownName for unknown names, TypeError for one that cannot be widened.
    """
    builder = registry.load("architecture", name, ARCHITECTURES, __name__)
    wider = {"extra_parameters": extra_parameters} if extra_parameters else {}
    return builder(new_activation, tuple(input_shape), outputs, **wider)


def parameter_count(model) -> int:
    """Number of trained scalars of a network."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
