"""Checks of the config, before any job starts; free of torch."""

import math
import re

from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from actgrid import limits, registry, shorthand
from actgrid.activations import ACTIVATIONS, constants
from actgrid.activations.expressions import ExpressionError, parse
from actgrid.architectures import ARCHITECTURES
from actgrid.constant_types import FINITE, is_number, not_of_type
from actgrid.crosschecks import cells, compared, matched, protocols, transferred, unknown
from actgrid.data import DATASETS
from actgrid.limits import place, short

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
    """What a config, or another such file, breaks of its schema; a line each.

    Of one that is too large for any check only that is said.
    """
    if problems := limits.excess(config):
        return problems
    checker = Draft202012Validator.TYPE_CHECKER.redefine(  # 1.0 is no integer: seeds are paths
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    validator = extend(Draft202012Validator, type_checker=checker)(schema)
    errors = sorted(validator.iter_errors(config), key=lambda e: [str(p) for p in e.absolute_path])
    return [_explain(error) for error in errors]


def _explain(error):
    key = place(error.absolute_path)
    if error.validator == "additionalProperties":
        known = error.schema["properties"]
        others = [name for name in error.instance if name not in known]
        return f"  {key}: {_unknown('key', others, known)} Allowed: {', '.join(known)}."
    if error.validator == "required":
        return f"  {key}: {error.message}; required: {', '.join(error.validator_value)}."
    rule = f"{error.validator} {error.validator_value}"
    what = f" ({error.schema['description']})" if "description" in error.schema else ""
    return f"  {key} = {short(error.instance)}: allowed is {rule}{what}.{_meant(error)}"


def _unknown(kind, names, known):
    """The first of the names that are not known, each with the nearest that is."""
    more = f" ... and {len(names) - SHOWN} more." if len(names) > SHOWN else ""
    said = (f"unknown {kind} {short(n)}{registry.nearest(n, known)}" for n in names[:SHOWN])
    return " ".join(said) + more


def _meant(error):
    """A hint where YAML has read a number such as 1e-3 as a word."""
    value = error.instance
    if error.validator == "type" and isinstance(value, str) and re.fullmatch(EXPONENT, value):
        return f" YAML takes {value} for a word; instead of 1e-3 write 1.0e-3."
    return ""


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
    if large := limits.too_many_runs(config):
        return names + entries + large
    checks = () if names or entries else CROSSCHECKS
    found = [problem for crosscheck in checks for problem in crosscheck(config)]
    return names + entries + found + _alike(config) + _numbers(config) + _folders(config)


def _activation(key, entry):
    """Problems of one entry: its function's name; constants unknown, missing or of wrong type."""
    function = entry["function"]
    problems = list(unknown(f"{key}.function", "activation function", [function], ACTIVATIONS))
    if problems:
        return problems
    takes = registry.signature(function, ACTIVATIONS, "actgrid.activations")
    given = constants(entry)
    wrong = [k for k in given if k not in takes]
    said = [_unknown("constant", wrong, takes)] if wrong else []
    said += [f"constant {k!r} is missing." for k in takes if takes[k][1] and k not in given]
    taken = ", ".join(takes) or "no constants"
    problems = [f"  {key}: {' '.join(said)} {function} takes {taken}."] if said else []
    problems += [
        f"  {key}.{k} = {short(v)}: must be {problem}."
        for k, v in given.items()
        if k in takes and (problem := not_of_type(takes[k][0], v))
    ]
    return problems or list(OWN.get(function, lambda key, **_: ())(key, **given))


def _formula(key, expression, constants):
    """Problems of a formula and the numbers in it."""
    wrong = [k for k, value in constants.items() if not is_number(value)]
    yield from (f"  {key}.{place([k])} = {short(constants[k])}: must be {FINITE}." for k in wrong)
    try:
        _ = wrong or parse(expression, constants)
    except ExpressionError as error:
        yield f"  {key}.formula: {error}".replace("\n", "\n  ")


def _import(key, target, constants):
    """Problems of what is imported, as far as its text and its constants show them."""
    if not re.fullmatch(TARGET, target, re.ASCII):
        yield f"  {key}.import = {short(target)}: must be package.module:Name."
    for k, value in constants.items():
        if not (isinstance(value, str | bool) or is_number(value)):
            said = f"{key}.{place([k])} = {short(value)}"
            yield f"  {said}: must be {FINITE}, a word, true or false."
        if not (isinstance(k, str) and k.isidentifier()):
            yield f"  {key}: constant {short(k)} can be no argument's name."


OWN = {"formula": _formula, "imported": _import}
EXPONENT = r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+"
TARGET = r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*"
PROJECT = (  # folders that hold no generated files of a grid
    *("benchmarks", "config", "data", "docs", "profiles", "resources", "src", "tests"),
    *("workflow", "logs"),
)


def _alike(config):
    """Activations whose folders are one where a file system knows no case."""
    lower = {}
    pairs = [(name, lower.setdefault(name.lower(), name)) for name in config["activations"]]
    return [
        f"  activations.{name}: differs from {other} in its case alone; name it otherwise."
        for name, other in pairs
        if name != other
    ]


def _folders(config):
    """Results, figures and report must not get in each other's way, nor in the project's own."""
    folders = config["pathvars"]
    inside = [(key, folder, folder.partition("/")[0]) for key, folder in folders.items()]
    return [
        f"  pathvars.{key} = {folder!r}: must not be in {top}, which is the project's own."
        for key, folder, top in inside
        if top.lower() in PROJECT
    ] + [
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
