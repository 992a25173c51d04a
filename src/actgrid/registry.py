"""Look names up in plain-dict registries; free of torch, so that a dry run stays fast."""

import ast
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path


class UnknownName(ValueError):
    """A name that is in no registry; the message lists the known ones and the nearest."""


def nearest(name: str, known) -> str:
    """A hint such as `; did you mean 'relu'?`, a full stop when nothing known comes close."""
    match = get_close_matches(str(name), [str(k) for k in known], n=1)
    return f"; did you mean {match[0]!r}?" if match else "."


def require(kind: str, name: str, known) -> None:
    """Raise UnknownName unless `name` is one of `known`."""
    if name not in known:
        listed = ", ".join(sorted(map(str, known)))
        raise UnknownName(f"unknown {kind} {name!r}{nearest(name, known)} Known: {listed}.")


def load(kind: str, name: str, modules: dict[str, str], package: str):
    """The object `name` from the module of `package` that `modules` says defines it."""
    require(kind, name, modules)
    return getattr(import_module(f"{package}.{modules[name]}"), name)


def signature(name: str, modules: dict[str, str], package: str) -> dict[str, tuple[str, bool]]:
    """Argument -> (its type, whether it is needed) of the function `name`, read from its source.

    The type is the annotation, else the name of the default's type, else empty. The module is not
    imported: it would bring torch.
    """
    body = _source(f"{package}.{modules[name]}")
    (function,) = (n for n in body if isinstance(n, ast.FunctionDef) and n.name == name)
    arguments, defaults = function.args.args, function.args.defaults
    defaults = [None] * (len(arguments) - len(defaults)) + defaults
    return {
        a.arg: (_type(a.annotation, d), d is None) for a, d in zip(arguments, defaults, strict=True)
    }


@cache
def _source(module):
    return ast.parse(Path(find_spec(module).origin).read_text()).body


def _type(annotation, default):
    if annotation:
        return ast.unparse(annotation)
    return type(ast.literal_eval(default)).__name__ if default else ""
