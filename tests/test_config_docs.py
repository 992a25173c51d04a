"""The reference of the config: the committed file is what the schema gives, and it is whole."""

import re
from pathlib import Path

import pytest
import yaml

from actgrid import config_docs, registry
from actgrid.activations import ACTIVATIONS
from actgrid.protocol import Protocol

ROOT = Path(__file__).parents[1]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
FULL = yaml.safe_load((ROOT / "config.yaml").read_text())


def properties(node):
    """(key, its node) of every key that a schema describes, however deep."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "properties":
                yield from value.items()
            yield from properties(value)
    elif isinstance(node, list):
        for value in node:
            yield from properties(value)


def sections(text):
    """Title -> the rows of its table, each a list of cells."""
    found = {}
    for block in text.split("\n## ")[1:]:
        title, _, body = block.partition("\n")
        lines = [line for line in body.splitlines() if line.startswith("| ")][2:]
        found[title] = [re.split(r" (?<!\\)\| ", line.strip("| ")) for line in lines]
    return found


def told(schema, config=None):
    """Key -> what the cells beside it say, of a schema's top level."""
    text = config_docs.document({"type": "object", **schema}, config or {})
    return {row[0].strip("`"): row[1:] for row in sections(text)["The top level"]}


def test_the_committed_file_is_what_the_schema_and_the_config_give():
    committed = (ROOT / "docs/config.md").read_text()
    assert committed == config_docs.document(SCHEMA, FULL) + "\n", "run `make docs`"


def test_every_key_is_described_in_one_line():
    described = list(properties(SCHEMA))
    assert len(described) > 35
    for key, node in described:
        text = node.get("description", "")
        assert 5 < len(text) < 130 and "\n" not in text and not text.endswith("."), key


def test_every_key_has_a_row_of_six_cells_and_every_mapping_a_table():
    found = sections(config_docs.document(SCHEMA, FULL))
    for title in ("pathvars", "comparison", "studies.NAME", "studies.NAME.protocol"):
        assert found[f"`{title}`"]
    tables = [rows for title, rows in found.items() if title[0] == "`" or "top" in title]
    assert {len(row) for rows in tables for row in rows} == {6}
    shown = [row[0].strip("`") for rows in tables for row in rows]
    assert sorted(shown) == sorted(key for key, _ in properties(SCHEMA))


def test_defaults_are_those_of_the_code():
    keys = SCHEMA["$defs"]["protocol"]["properties"]
    given = {key: node["default"] for key, node in keys.items() if "default" in node}
    fields = Protocol.__dataclass_fields__.values()
    assert given == {f.name: f.default for f in fields if f.default is not f.default_factory}
    assert SCHEMA["$defs"]["study"]["properties"]["diagnostics"]["default"] is False


def test_every_constant_of_every_function_is_listed():
    rows = sections(config_docs.document(SCHEMA, FULL))[
        "Functions of activations, and their constants"
    ]
    assert [row[0].strip("`") for row in rows] == list(ACTIVATIONS)
    for name, constants, first in rows:
        takes = registry.signature(name.strip("`"), ACTIVATIONS, "actgrid.activations")
        listed = re.findall(r"`(\w+)[^`]*`", constants)
        assert listed == list(takes) and len(first) > 5
        needed = [key for key, (_, is_needed) in takes.items() if is_needed]
        assert needed == re.findall(r"`(\w+)(?:: [^=`]*)?`", constants)
    assert "`negative_slope: float = 0.01`" in [row[1] for row in rows]


@pytest.mark.parametrize(
    ("node", "kind", "allowed"),
    [
        ({"type": "integer", "minimum": 1}, "whole number", "at least 1"),
        ({"type": ["number", "null"], "exclusiveMinimum": 0, "maximum": 9}, "number or null",
         "above 0; at most 9"),
        ({"enum": [None, "a"]}, "one of these", "`null`, `a`"),
        ({"type": "string", "pattern": "^(a|b)$(?!\\n)"}, "text", r"`^(a\|b)$`"),
        ({"type": "array", "uniqueItems": True, "maxItems": 3, "items": {"type": "integer",
          "minimum": 0}}, "list: whole number", "at most 3 in it; no two alike; each: at least 0"),
        ({"$ref": "#/$defs/name", "description": "own"}, "text", "letters; at most 8 characters"),
        ({"type": "array", "items": {"$ref": "#/$defs/name"}}, "list: text",
         "each: letters; at most 8 characters"),
        ({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "number"}}]},
         "text or list: number", "–"),
        ({"description": "anything"}, "any", "–"),
    ],
)  # fmt: skip
def test_kinds_and_limits_are_said_in_words(node, kind, allowed):
    name = {"type": "string", "description": "letters", "maxLength": 8, "pattern": "^[a-z]+$"}
    (cells,) = told({"properties": {"key": node}, "$defs": {"name": name}}).values()
    assert cells[:2] == [kind, allowed]
    assert cells[3] == node.get("description", "letters" if "$ref" in node else "–")


def test_what_is_needed_and_when():
    text = {"type": "string"}
    said = told({
        "required": ["a"],
        "if": {"anyOf": [{"required": ["d"]}, {"required": ["e"], "not": {"required": ["a"]}}]},
        "then": {"required": ["b"]},
        "else": {"required": ["c"], "properties": {"f": text}},
        "properties": dict.fromkeys("abcd", text) | {"e": {"type": "string", "default": "x"}},
    })  # fmt: skip
    assert {key: cells[2] for key, cells in said.items()} == {
        "a": "yes", "b": "if `d` or `e` without `a` is given",
        "c": "unless `d` or `e` without `a` is given", "d": "no", "e": "default `x`", "f": "no",
    }  # fmt: skip


def test_an_example_is_the_first_value_of_the_config_that_is_not_null():
    entries = {"type": "object", "properties": {"x": {"type": "string"}}}
    schema = {"type": "object", "properties": {"top": {"additionalProperties": entries}}}

    def example(*values):
        config = {"top": {str(n): {"x": value} for n, value in enumerate(values)}}
        return sections(config_docs.document(schema, config))["`top.NAME`"][0][-1]

    assert example(None, 0.5, 2) == "`0.5`" and example(None) == "`null`" and example() == "–"
    assert example([1, None]) == "`[1, null]`" and example("a|b") == r"`a\|b`"
    long = example(list(range(100)))
    assert long.endswith(" …`") and len(long) <= config_docs.LONG + 2


def test_asterisks_in_a_description_are_no_emphasis_and_bars_end_no_cell():
    said = told({"properties": {"a": {"description": "x * |y|, (*) -> (*)"}}})
    assert said["a"][3] == r"x \* \|y\|, (\*) -> (\*)"
