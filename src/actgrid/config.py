"""Checks of the config, before any job starts; free of torch."""

import itertools
import math

from jsonschema import Draft202012Validator
from jsonschema.validators import extend

from actgrid import registry
from actgrid.activations import ACTIVATIONS, PRESENTATION
from actgrid.architectures import ARCHITECTURES
from actgrid.data import DATASETS

SEE = "See config.yaml for what each key means, workflow/schemas/config.schema.yaml for all rules."
SHOWN = 5  # problems named in one message


class ConfigError(ValueError):
    """The config cannot be used; the message names key, value, what is allowed, where to look."""


def check(config: dict, schema: dict) -> None:
    """Raise ConfigError with everything that is wrong with `config`, up to SHOWN problems."""
    problems = _against_schema(config, schema) or _against_package(config)
    if problems:
        more = [f"... and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        raise ConfigError("\n".join(["config not usable:", *problems[:SHOWN], *more, SEE]))


def _against_schema(config, schema):
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
        unknown = [name for name in error.instance if name not in known]
        hints = " ".join(f"unknown key {n!r}{registry.nearest(n, known)}" for n in unknown)
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
        for problem in _unknown(f"studies.{study}.{key}", key[:-1], entry[key], known)
    ]
    functions = [
        problem
        for name, entry in config["activations"].items()
        for problem in _activation(f"activations.{name}", entry)
    ]
    return names + functions + _pairs_twice(config) + _numbers(config) + _folders(config)


def _unknown(key, kind, names, known):
    for name in names:
        try:
            registry.require(kind, name, known)
        except registry.UnknownName as error:
            yield f"  {key}: {error}"


def _activation(key, entry):
    """Problems of one entry: its function's name; constants unknown, missing or of wrong type."""
    function = entry["function"]
    problems = list(_unknown(f"{key}.function", "activation function", [function], ACTIVATIONS))
    if problems:
        return problems
    takes = registry.signature(function, ACTIVATIONS, "actgrid.activations")
    given = {k: v for k, v in entry.items() if k not in (*PRESENTATION, "function")}
    wrong = [k for k in given if k not in takes]
    said = [f"unknown constant {k!r}{registry.nearest(k, takes)}" for k in wrong]
    said += [f"constant {k!r} is missing." for k in takes if takes[k][1] and k not in given]
    taken = ", ".join(takes) or "no constants"
    problems = [f"  {key}: {' '.join(said)} {function} takes {taken}."] if said else []
    return problems + [
        f"  {key}.{k} = {_short(v)}: must be {CONSTANTS[kind][0]}."
        for k, v in given.items()
        if k in takes and (kind := takes[k][0]) in CONSTANTS and not CONSTANTS[kind][1](v)
    ]


def _number(value):
    return type(value) in (int, float) and abs(value) < math.inf


def _points(value):
    return isinstance(value, list) and all(
        isinstance(point, list) and len(point) == 2 and all(map(_number, point)) for point in value
    )


CONSTANTS = {  # type in the function's signature -> what is allowed, and whether a value is that
    "float": ("a finite number", _number),
    "str": ("a word", lambda value: isinstance(value, str)),
    "list": ("a list of points [x, y], all numbers finite", _points),
}


def _pairs_twice(config):
    owner, problems = {}, []
    for study, entry in config["studies"].items():
        for pair in itertools.product(entry["datasets"], entry["architectures"]):
            if pair in owner:
                where = f"studies.{owner[pair]} and studies.{study}"
                problems.append(
                    f"  {where} both hold {pair}; a (dataset, architecture) pair may "
                    "stand in one study only, since it names the runs' folders."
                )
            owner.setdefault(pair, study)
    return problems


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
