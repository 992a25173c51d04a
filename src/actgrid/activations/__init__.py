"""Registry of activation functions: name -> the module here that defines a function of that name.

Importing this package does not import torch; `make` imports only the module that it needs.
"""

import inspect

from actgrid import registry

ACTIVATIONS = {
    "sigmoid": "fixed",
    "tanh": "fixed",
    "softsign": "fixed",
    "hard_tanh": "fixed",
    "gelu": "fixed",
    "gelu_tanh": "fixed",
    "relu": "fixed",
    "leaky_relu": "fixed",
    "rrelu": "fixed",
    "elu": "fixed",
    "celu": "fixed",
    "selu": "fixed",
    "silu": "fixed",
    "mish": "fixed",
    "hard_swish": "fixed",
    "softplus": "fixed",
    "telu": "formulas",
    "smish": "formulas",
    "squareplus": "formulas",
    "isru": "formulas",
    "isrlu": "formulas",
    "snake": "formulas",
    "relu_squared": "formulas",
    "brelu": "formulas",
    "prelu": "trainable",
    "swish": "trainable",
    "affine": "trainable",
    "star_relu": "trainable",
    "apl": "trainable",
    "srelu": "parametric",
    "soft_exponential": "parametric",
    "rational": "rational",
    "relu_autograd": "autograd",
    "tanh_autograd": "autograd",
    "leaky_relu_autograd": "autograd",
    "brelu_autograd": "autograd",
    "piecewise_linear": "piecewise",
    "neg_relu": "piecewise",
    "slope_relu": "piecewise",
    "offset_relu": "piecewise",
    "hill": "piecewise",
    "hill_published": "piecewise",
    "learned": "subnetwork",
    "transfer": "subnetwork",
    "formula": "own",
    "imported": "own",
}

SHARED = ("learned",)  # one module serves all layers of a network
PRESENTATION = ("family", "published_as", "studies")  # keys of an entry without effect on a run
ABOUT_NETWORK = ("matched_to",)  # keys that change the network around the activation


def make(name: str, width: int = 1, **constants):
    """A new module of the activation `name`. Shape: (*) -> (*).

    Its `config` is a dictionary of the function's name and all constants, defaults too. `width`,
    the channels or units of its layer, goes to functions that have such an argument.
    Raises registry.UnknownName for an unknown name, ValueError for constants that do not fit.
    """
    function = registry.load("activation function", name, ACTIVATIONS, __name__)
    signature = inspect.signature(function)
    layer = {"width": width} if "width" in signature.parameters else {}
    try:
        bound = signature.bind(**constants, **layer)
        bound.apply_defaults()
        module = function(**bound.arguments)
    except TypeError as error:
        raise ValueError(f"activation function {name!r}: {error}") from None
    shown = {key: value for key, value in bound.arguments.items() if key not in layer}
    module.config = {"function": name, **shown}
    return module


def from_config(entry: dict):
    """A new module of an entry of the config; keys that are no constants are left aside."""
    return make(entry["function"], **constants(entry))


def constants(entry: dict) -> dict:
    """The constants of an entry's function."""
    skipped = ("function", *PRESENTATION, *ABOUT_NETWORK)
    return {key: value for key, value in entry.items() if key not in skipped}


def factory(entry: dict):
    """new_activation(width) for a network: a new module a layer, or one for all if it is SHARED."""
    if entry["function"] not in SHARED:
        return lambda width: from_config({**entry, "width": width})
    module = from_config(entry)
    return lambda width: module
