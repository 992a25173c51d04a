"""Activations of one's own: formulas written in the config, and what other packages define."""

import importlib
import inspect
import sys
from pathlib import Path

import torch
from torch import nn

from actgrid.activations.expressions import parse


class Formula(nn.Module):
    """f(x) by torch's operations, one after another; see `formula`."""

    def __init__(self, expression, constants):
        super().__init__()
        self.expression, self.constants = expression, dict(constants)
        self.value = _compiled(parse(expression, constants))

    def forward(self, x):
        return self.value(x)

    def extra_repr(self):
        return ", ".join([self.expression, *(f"{k}={v}" for k, v in self.constants.items())])


def formula(expression: str, constants: dict) -> nn.Module:
    """A formula of x, such as x * sigmoid(beta * x); `constants` are numbers by name. (*) -> (*).

    Computed in the dtype of x. The gradient is autograd's: of min, max and clamp with a number 0 at
    the number itself, of `where` that of both parts, so that log(x) within it gives NaN at x <= 0
    even where it is not taken. `where` with x = NaN takes its last argument.
    Raises expressions.ExpressionError, a ValueError, for a text that is no formula.
    """
    return Formula(expression, constants)


def _compiled(tree):
    """A tree of expressions.parse as a function of a tensor."""
    if isinstance(tree, float):
        return lambda x: tree
    if tree == "x":
        return lambda x: x
    operation, *parts = tree
    make = _filled if operation == "where" else _compiled
    apply, parts = OPERATIONS[operation], [make(part) for part in parts]
    return lambda x: apply(*(part(x) for part in parts))


def _filled(tree):
    """The same, a number as a tensor of x's dtype: torch.where would take the default one."""
    return (lambda x: x.new_full((), tree)) if isinstance(tree, float) else _compiled(tree)


def _smaller(a, b):
    if isinstance(a, float):
        a, b = b, a
    return a.clamp(max=b) if isinstance(b, float) else torch.minimum(a, b)


def _larger(a, b):
    if isinstance(a, float):
        a, b = b, a
    return a.clamp(min=b) if isinstance(b, float) else torch.maximum(a, b)


def _clamped(x, low, high):
    numbers = isinstance(x, float) and isinstance(low, float)
    return _smaller(max(x, low) if numbers else _larger(x, low), high)


OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "**": lambda a, b: a**b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "negate": torch.neg,
    "softplus": nn.functional.softplus,
    "min": _smaller,
    "max": _larger,
    "clamp": _clamped,
    "where": torch.where,
    **{name: getattr(torch, name) for name in ("abs", "erf", "exp", "expm1", "log", "log1p")},
    **{name: getattr(torch, name) for name in ("sqrt", "sin", "cos", "tan", "tanh", "sinh")},
    **{name: getattr(torch, name) for name in ("cosh", "asinh", "atan", "sigmoid", "relu")},
}


def imported(target: str, constants: dict, *, width: int = 1) -> nn.Module:
    """The module that `target`, a class or function "package.module:Name", makes of `constants`.

    package.module is installed, or lies in the folder that the program runs in. `width`, the
    channels or units of its layer, goes to a target that has such an argument.
    Raises ValueError where there is no such target, or it makes no torch.nn.Module.
    """
    make = _found(*target.split(":"))
    try:
        layer = {"width": width} if "width" in inspect.signature(make).parameters else {}
        module = make(**constants, **layer)
    except Exception as error:  # whatever the foreign code stumbles over
        raise ValueError(f"{target} with {constants}: {_told(error)}") from error
    if not isinstance(module, nn.Module):
        raise ValueError(f"{target} makes a {type(module).__name__}, not a torch.nn.Module")
    if hasattr(module, "config"):
        raise ValueError(f"{target}: its attribute `config` needs another name; it is used here")
    return module


def _found(path, name):
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.append(here)
    try:
        module = importlib.import_module(path)
    except Exception as error:  # whatever the foreign code stumbles over
        where = "it must be installed, or lie in the folder where this runs"
        raise ValueError(f"module {path!r} cannot be imported ({_told(error)}); {where}") from error
    if not callable(getattr(module, name, None)):
        names = ", ".join(n for n, v in vars(module).items() if callable(v) and n[0] != "_")
        raise ValueError(f"module {path!r} has no class or function {name!r}; it has {names}")
    return getattr(module, name)


def _told(error):
    return f"{type(error).__name__}: {error}"
