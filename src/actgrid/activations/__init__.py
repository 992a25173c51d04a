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


PRESENTATION = ("family", "published_as")  # keys of a config entry that are no constants


def make(name: str, **constants):
    """A new module of the activation `name`. Shape: (*) -> (*).

    Raises registry.UnknownName for an unknown name, ValueError for constants that do not fit.
    """
    function = registry.load("activation function", name, ACTIVATIONS, __name__)
    try:
        return function(**constants)
    except TypeError as error:
        raise ValueError(f"activation function {name!r}: {error}") from None


def from_config(entry: dict):
    """A new module of an entry of the config: `function`, its constants, PRESENTATION keys."""
    skipped = ("function", *PRESENTATION)
    return make(entry["function"], **{k: v for k, v in entry.items() if k not in skipped})
