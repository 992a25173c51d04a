"""Registry of activation functions: name -> the module here that defines a function of that name.

Importing this package does not import torch; `make` imports only the module that it needs.
"""

from actgrid import registry

ACTIVATIONS = {
    "relu": "fixed",
    "leaky_relu": "fixed",
    "piecewise_linear": "piecewise",
    "neg_relu": "piecewise",
    "slope_relu": "piecewise",
    "offset_relu": "piecewise",
    "hill": "piecewise",
    "hill_published": "piecewise",
}


def make(name: str, **constants):
    """A new module of the activation `name`. Shape: (*) -> (*).

    Raises registry.UnknownName for an unknown name, ValueError for constants that do not fit.
    """
    function = registry.load("activation function", name, ACTIVATIONS, __name__)
    try:
        return function(**constants)
    except TypeError as error:
        raise ValueError(f"activation function {name!r}: {error}") from None
