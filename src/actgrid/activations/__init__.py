"""Registry of activation functions: name -> the module here that defines a function of that name.

Importing this package does not import torch; `make` imports only the module that it needs.
"""

from actgrid import registry

ACTIVATIONS = {
    "tanh": "fixed",
    "gelu": "fixed",
    "relu": "fixed",
    "leaky_relu": "fixed",
    "piecewise_linear": "piecewise",
    "neg_relu": "piecewise",
    "slope_relu": "piecewise",
    "offset_relu": "piecewise",
    "hill": "piecewise",
    "hill_published": "piecewise",
    "learned": "subnetwork",
    "transfer": "subnetwork",
}

SHARED = ("learned",)  # one module serves all layers of a network
PRESENTATION = ("family", "published_as")  # keys of a config entry without effect on a run
ABOUT_NETWORK = ("matched_to",)  # keys that change the network around the activation


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
    """A new module of an entry of the config; keys that are no constants are left aside."""
    return make(entry["function"], **constants(entry))


def constants(entry: dict) -> dict:
    """The constants of an entry's function."""
    skipped = ("function", *PRESENTATION, *ABOUT_NETWORK)
    return {key: value for key, value in entry.items() if key not in skipped}


def factory(entry: dict):
    """new_activation(width) for a network: a new module a layer, or one for all if it is SHARED."""
    if entry["function"] not in SHARED:
        return lambda width: from_config(entry)
    module = from_config(entry)
    return lambda width: module
