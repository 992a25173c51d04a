"""The reference of config.yaml as Markdown, made of its schema; free of torch."""

import ast
from importlib.util import find_spec
from pathlib import Path

import yaml

from actgrid.activations import ACTIVATIONS
from actgrid.architectures import ARCHITECTURES
from actgrid.data import DATASETS
from actgrid.markdown import ABSENT, table

ANY = "NAME"  # stands for the name that an entry is given
LONG = 60  # characters of an example
INTRODUCTION = """# The config, key by key

Made of `workflow/schemas/config.schema.yaml` by `make docs`; do not edit. The examples are values
of `config.yaml`, which has the source of each value beside it. `NAME` is a name of your choice."""
CONSTANTS = """## Functions of activations, and their constants

An entry of `activations` gives the constants as further keys, those with a default if it likes."""
KINDS = {
    **{"string": "text", "integer": "whole number", "number": "number", "array": "list"},
    **{"boolean": "true or false", "object": "mapping", "null": "null"},
}
LIMITS = {
    **{"minimum": "at least {}", "exclusiveMinimum": "above {}", "maximum": "at most {}"},
    **{"exclusiveMaximum": "below {}", "pattern": "`{}`", "maxLength": "at most {} characters"},
    **dict.fromkeys(("minItems", "minProperties"), "at least {} in it"),
    "maxItems": "at most {} in it",
}
PARTS = ("allOf", "anyOf", "oneOf")


def document(schema: dict, config: dict) -> str:
    """A section with a table for every mapping of the config, then the names that it may use.

    schema: a JSON schema of the config with a description of every key; config: a whole one.
    """
    levels = list(_levels(_resolved(schema, schema)))
    parts = [INTRODUCTION, *(_section(path, node, config) for path, node in levels)]
    parts.append("## Names of data sets\n\n" + _codes(DATASETS))
    parts.append("## Names of networks\n\n" + _codes(ARCHITECTURES))
    return "\n\n".join([*parts, CONSTANTS, _functions()])


def _resolved(node, schema):
    """A part of the schema with what each $ref names in its place.

    Where both say what the value is, that of the definition becomes its `about`.
    """
    if isinstance(node, list):
        return [_resolved(part, schema) for part in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        own = {key: value for key, value in node.items() if key != "$ref"}
        target = schema
        for key in node["$ref"].removeprefix("#/").split("/"):
            target = target[key]
        about = {"about": target["description"]} if {"description"} <= own.keys() & target else {}
        node = {**target, **about, **own}
    return {key: _resolved(value, schema) for key, value in node.items()}


def _levels(node, path=()):
    """(path, node) of every mapping with known keys, from the outermost inwards."""
    properties = _properties(node)
    if properties:
        yield path, node
    for key, child in properties.items():
        yield from _levels(child, (*path, key))
    if isinstance(others := node.get("additionalProperties"), dict):
        yield from _levels(others, (*path, ANY))


def _properties(node):
    """Key -> its node, those of alternatives too."""
    parts = [node.get("then", {}), node.get("else", {})]
    parts += [part for key in PARTS for part in node.get(key, ())]
    found = {key: child for part in parts if part for key, child in _properties(part).items()}
    return found | node.get("properties", {})


def _section(path, node, config):
    title = f"## `{'.'.join(path)}`" if path else "## The top level"
    names = ("Key", "Kind", "Allowed", "Needed", "What it says", "Example")
    rows = [
        (
            f"`{key}`",
            _kind(child),
            _allowed(child) or ABSENT,
            _needed(key, child, node),
            _escaped(child.get("description", ABSENT)),
            _example(_values(config, (*path, key))),
        )
        for key, child in _properties(node).items()
    ]
    return f"{title}\n\n{table(dict.fromkeys(names, 'l'), rows)}"


def _kind(node):
    alternatives = [_kind(part) for key in PARTS for part in node.get(key, ())]
    named = node.get("type", [])
    kinds = [KINDS[name] for name in ([named] if isinstance(named, str) else named)]
    if "enum" in node:
        kinds = ["one of these"]
    elif kinds == ["list"] and "items" in node:
        kinds = [f"list: {_kind(node['items'])}"]
    return " or ".join(dict.fromkeys([*kinds, *alternatives])) or "any"


def _allowed(node):
    said = [_codes(node["enum"])] if "enum" in node else []
    said += [_escaped(node["about"])] if "about" in node else []
    limits = {key: node[key] for key in LIMITS if key in node}
    if "about" in node:
        limits.pop("pattern", None)  # said in words
    said += [LIMITS[key].format(_in_cell(limit)) for key, limit in limits.items()]
    said += ["no two alike"] if node.get("uniqueItems") else []
    if items := node.get("items"):
        about = {"about": items["description"]} if "description" in items else {}
        each = _allowed(about | items)
        said += [f"each: {each}"] if each else []
    return "; ".join(said)


def _needed(key, child, node):
    if key in node.get("required", ()):
        return "yes"
    for branch, word in (("then", "if"), ("else", "unless")):
        if key in node.get(branch, {}).get("required", ()):
            return f"{word} {_condition(node['if'])} is given"
    return f"default {_code(child['default'])}" if "default" in child else "no"


def _condition(node):
    """What the `if` of a schema asks for, in words."""
    said = [" and ".join(f"`{key}`" for key in node["required"])] if "required" in node else []
    said += [f"without {_condition(node['not'])}"] if "not" in node else []
    said += [" or ".join(map(_condition, node[key])) for key in ("anyOf", "oneOf") if key in node]
    return " ".join([*said, *map(_condition, node.get("allOf", ()))])


def _values(config, path):
    """All values that a config has at a path."""
    values = [config]
    for step in path:
        mappings = [value for value in values if isinstance(value, dict)]
        values = [v for m in mappings for k, v in m.items() if step in (ANY, k)]
    return values


def _example(values):
    """The first value that is not null, unless it is a mapping, which has a section of its own."""
    found = [value for value in values if value is not None] or values
    return _code(found[0]) if found and not isinstance(found[0], dict) else ABSENT


def _code(value):
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    text = text.removesuffix("\n").removesuffix("\n...")
    return f"`{_in_cell(text if len(text) <= LONG else text[: LONG - 2] + ' …')}`"


def _codes(values):
    return ", ".join(map(_code, values))


def _in_cell(value):
    """Text that stays in its cell of a table; a pattern without what only its checker needs."""
    return str(value).removesuffix(r"(?!\n)").replace("|", r"\|")


def _escaped(text):
    """Text in its cell, its asterisks no emphasis."""
    return _in_cell(text).replace("*", r"\*")


def _functions():
    rows = []
    for name, module in ACTIVATIONS.items():
        function = _definition(name, module)
        constants = ", ".join(f"`{_in_cell(constant)}`" for constant in _constants(function.args))
        first, *_ = ast.get_docstring(function).splitlines()
        rows.append((f"`{name}`", constants or ABSENT, _escaped(first)))
    return table(dict.fromkeys(("Function", "Constants", "What it computes"), "l"), rows)


def _definition(name, module):
    """The function's syntax tree; its module is not imported, which would bring torch."""
    body = ast.parse(Path(find_spec(f"actgrid.activations.{module}").origin).read_text()).body
    return next(node for node in body if getattr(node, "name", "") == name)


def _constants(arguments):
    """Each constant as it stands in the signature: name, type, default."""
    missing = len(arguments.args) - len(arguments.defaults)
    defaults = [""] * missing + [f" = {ast.unparse(d)}" for d in arguments.defaults]
    return [ast.unparse(a) + d for a, d in zip(arguments.args, defaults, strict=True)]
