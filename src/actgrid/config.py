"""Checks of the config, before any job starts; free of torch."""

import ast
import math
import re
import sys

from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from actgrid import registry, shorthand
from actgrid.activations import ACTIVATIONS, constants
from actgrid.activations.expressions import ExpressionError, parse
from actgrid.architectures import ARCHITECTURES
from actgrid.crosschecks import cells, compared, matched, protocols, transferred, unknown
from actgrid.data import DATASETS

SEE = "See config.yaml for what each key means, workflow/schemas/config.schema.yaml for all rules."
SHOWN = 5  # problems named in one message
CROSSCHECKS = (cells, compared, matched, transferred, protocols)


class ConfigError(ValueError):
    """The config cannot be used; the message names key, value, what is allowed, where to look."""


def check(config: dict, schema: dict) -> dict:
    """The config with its short entries spelled out (shorthand.resolve).

    Raises ConfigError with everything that is wrong with it, up to SHOWN problems.
    """
    problems = against_schema(config, schema) or shorthand.problems(config)
    resolved = {} if problems else shorthand.resolve(config)
    if problems := problems or _against_package(resolved):
        raise refusal("config", problems, SEE)
    return resolved


def refusal(what: str, problems: list[str], see: str) -> ConfigError:
    """The error that names what is wrong with a file, up to SHOWN problems, and where to look."""
    more = [f"... and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
    return ConfigError("\n".join([f"{what} not usable:", *problems[:SHOWN], *more, see]))


def against_schema(config, schema):
    """What a config, or another such file, breaks of its schema; a line each."""
    checker = Draft202012Validator.TYPE_CHECKER.redefine(  # 1.0 is no integer: seeds are paths
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    validator = extend(Draft202012Validator, type_checker=checker)(schema)
    errors = sorted(validator.iter_errors(config), key=lambda e: [str(p) for p in e.absolute_path])
    return [_explain(error) for error in errors]


def _explain(error):
    key = ".".join(map(str, error.absolute_path)) or "(top level)"
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        others = [name for name in error.instance if name not in known]
        hints = " ".join(f"unknown key {n!r}{registry.nearest(n, known)}" for n in others)
        return f"  {key}: {hints} Allowed: {', '.join(known)}."
    if error.validator == "required":
        return f"  {key}: {error.message}; required: {', '.join(error.validator_value)}."
    rule = f"{error.validator} {error.validator_value}"
    what = f" ({error.schema['description']})" if "description" in error.schema else ""
    return f"  {key} = {_short(error.instance)}: allowed is {rule}{what}."


def _short(value):
    text = repr(value)
    return text if len(text) < 80 else text[:76] + " ..."


def _against_package(config):
    names = [
        problem
        for study, entry in config["studies"].items()
        for key, known in (
            ("datasets", DATASETS),
            ("architectures", ARCHITECTURES),
            ("activations", config["activations"]),
        )
        for problem in unknown(f"studies.{study}.{key}", key[:-1], entry[key], known)
    ]
    entries = [
        problem
        for name, entry in config["activations"].items()
        for problem in _activation(f"activations.{name}", entry)
    ]
    checks = () if names or entries else CROSSCHECKS
    found = [problem for crosscheck in checks for problem in crosscheck(config)]
    return names + entries + found + _numbers(config) + _folders(config)


def _activation(key, entry):
    """Problems of one entry: its function's name; constants unknown, missing or of wrong type."""
    function = entry["function"]
    problems = list(unknown(f"{key}.function", "activation function", [function], ACTIVATIONS))
    if problems:
        return problems
    takes = registry.signature(function, ACTIVATIONS, "actgrid.activations")
    given = constants(entry)
    wrong = [k for k in given if k not in takes]
    said = [f"unknown constant {k!r}{registry.nearest(k, takes)}" for k in wrong]
    said += [f"constant {k!r} is missing." for k in takes if takes[k][1] and k not in given]
    taken = ", ".join(takes) or "no constants"
    problems = [f"  {key}: {' '.join(said)} {function} takes {taken}."] if said else []
    problems += [
        f"  {key}.{k} = {_short(v)}: must be {problem}."
        for k, v in given.items()
        if k in takes and (problem := _not_of_type(takes[k][0], v))
    ]
    return problems or list(OWN.get(function, lambda key, **_: ())(key, **given))


def _formula(key, expression, constants):
    """Problems of a formula and the numbers in it."""
    wrong = [k for k, value in constants.items() if not _number(value)]
    yield from (f"  {key}.{k} = {_short(constants[k])}: must be {FINITE}." for k in wrong)
    try:
        _ = wrong or parse(expression, constants)
    except ExpressionError as error:
        yield f"  {key}.formula: {error}".replace("\n", "\n  ")


def _import(key, target, constants):
    """Problems of what is imported, as far as its text and its constants show them."""
    if not re.fullmatch(TARGET, target, re.ASCII):
        yield f"  {key}.import = {_short(target)}: must be package.module:Name."
    for k, value in constants.items():
        if not (isinstance(value, str | bool) or _number(value)):
            yield f"  {key}.{k} = {_short(value)}: must be {FINITE}, a word, true or false."
        if not (isinstance(k, str) and k.isidentifier()):
            yield f"  {key}: constant {_short(k)} can be no argument's name."


LARGEST = sys.float_info.max  # a whole number may be larger, and no float holds it
FINITE = f"a finite number of at most {LARGEST:.2g}"
OWN = {"formula": _formula, "imported": _import}
TARGET = r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*"


def _not_of_type(kind, value):
    """What a constant must be, when `value` is not that; `kind` as the signature has it."""
    if kind.startswith("Literal"):
        allowed = ast.literal_eval(kind.removeprefix("Literal"))
        return "" if value in allowed else f"one of {', '.join(allowed)}"
    what, fits = CONSTANTS.get(kind, ("", lambda value: True))
    return "" if fits(value) else what


def _number(value):
    return type(value) in (int, float) and abs(value) <= LARGEST


def _points(value):
    return isinstance(value, list) and all(
        isinstance(point, list) and len(point) == 2 and all(map(_number, point)) for point in value
    )


def _widths(value):
    return isinstance(value, list) and value and all(type(w) is int and w >= 1 for w in value)


CONSTANTS = {  # type in the function's signature -> what is allowed, and whether a value is that
    "float": (FINITE, _number),
    "int": ("a whole number of 1 or more", lambda value: type(value) is int and value >= 1),
    "str": ("a word", lambda value: isinstance(value, str)),
    "dict": ("values by name", lambda value: isinstance(value, dict)),
    "list": ("a list of points [x, y], all numbers finite", _points),
    "list[int]": ("a list of widths, whole numbers of 1 or more", _widths),
}


def _folders(config):
    """Results, figures and report must not get in each other's way."""
    folders = config["pathvars"]
    return [
        f"  pathvars.{key} = {folder!r}: must be a folder of its own, not one of {others}."
        for key, folder in folders.items()
        if folder in (others := ["report", *(f for k, f in folders.items() if k != key)])
    ]


def _numbers(config):
    """NaN passes every bound of the schema, so it is looked for here."""
    return [
        f"  studies.{study}.protocol.{key} = {value}: must be a finite number."
        for study, entry in config["studies"].items()
        for key, value in entry["protocol"].items()
        if isinstance(value, float) and not math.isfinite(value)
    ]
