"""Config files read strictly: what a lenient reader takes in silence is refused; free of torch."""

import json
from pathlib import Path

import yaml

from actgrid.config import SEE, ConfigError, refusal

LARGEST = 500_000  # bytes of a file
DEEPEST = 50  # lists and mappings within one another
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
RUNS_CODE = "__use_yte__"  # with this key the workflow engine runs Python that stands in the file


class _Fault(Exception):
    """What is wrong with a file, and where in it."""


def fault(*paths) -> str | None:
    """What is wrong with the first of these files that cannot be used; None where all can."""
    try:
        for path in paths:
            read(path)
    except ConfigError as error:
        return str(error)
    return None


def read(path, see: str = SEE) -> dict:
    """The mapping in a YAML or JSON file.

    Raises ConfigError, which names the file and the line, for what is no such file, and for a key
    that stands twice, an alias within its own anchor, a tag that asks for more than plain values.
    """
    try:
        return _mapping(_text(Path(path)))
    except _Fault as problem:
        raise refusal(str(path), [f"  {problem}"], see) from None


def _text(path):
    """The file's text; a device or a pipe is not read."""
    try:
        if not path.is_file():
            raise _Fault("it is a folder." if path.is_dir() else "there is no such file.")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        raise _Fault(f"cannot be read: {error}") from error
    if len(content) > LARGEST:
        raise _Fault(f"{len(content):,} bytes; allowed are {LARGEST:,}.")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise _Fault(f"line {line}: byte 0x{byte:02x}; the file must be text in UTF-8.") from error


def _mapping(text):
    """The text's mapping, by the rules of JSON where it is JSON, else by those of YAML."""
    try:
        found = json.loads(text, object_pairs_hook=_once)
    except RecursionError as error:
        raise _Fault("lists or mappings too deep within one another.") from error
    except ValueError:
        found = _yaml(text)
    if not isinstance(found, dict):
        has = "nothing" if found is None else f"a {type(found).__name__}"
        raise _Fault(f"holds {has}; it must hold keys with values, such as `grid: mine`.")
    if RUNS_CODE in found:
        raise _Fault(f"key {RUNS_CODE!r}: Python code in a config is refused.")
    return found


def _once(pairs):
    """A JSON object, if no key stands twice in it."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _Fault(f"key {twice!r} stands twice in one mapping; only the last would count.")
    return found


def _yaml(text):
    """The text's value; whatever PyYAML stumbles over is a fault of the text."""
    try:
        _check_depth(text)
        loader = LOADER(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check_keys(node)
        return loader.construct_document(node)
    except _Fault:
        raise
    except yaml.MarkedYAMLError as error:
        raise _Fault(_located(error)) from error
    except yaml.reader.ReaderError as error:
        raise _Fault(f"{_control(text)}; the file must be plain text.") from error
    except Exception as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())
        raise _Fault(f"a value that YAML cannot read: {said[:200]}") from error


def _check_depth(text):
    """Raise _Fault before a parser goes so deep that it ends the process."""
    depth = 0
    for event in yaml.parse(text, LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            where = f"line {_line(event)}: more than {DEEPEST}"
            raise _Fault(f"{where} lists or mappings within one another.")


def _control(text):
    """Where the first character stands that YAML takes for no text."""
    found = yaml.reader.Reader.NON_PRINTABLE.search(text)
    line = text.count("\n", 0, found.start()) + 1
    return f"line {line}: control character 0x{ord(found[0]):02x}"


def _located(error):
    mark, problem = error.problem_mark, " ".join(filter(None, (error.context, error.problem)))
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    hint = "; indent with spaces, not with tabs" if "start any token" in problem else ""
    return f"{where}{problem}{hint}."


def _check_keys(top):
    """Raise _Fault for a key that stands twice in a mapping, an alias within its own anchor."""
    done, todo = set(), [(top, ())]
    while todo:
        node, around = todo.pop()
        if id(node) in around:
            raise _Fault(f"line {_line(node)}: an anchor holds an alias of itself.")
        if id(node) in done or isinstance(node, yaml.ScalarNode):
            continue
        done.add(id(node))
        if isinstance(node, yaml.MappingNode):
            _check_once(node)
        parts = [p for item in node.value for p in (item if isinstance(item, tuple) else [item])]
        todo += [(part, (*around, id(node))) for part in parts]


def _check_once(mapping):
    first = {}
    for key, _ in mapping.value:
        if not isinstance(key, yaml.ScalarNode):
            raise _Fault(f"line {_line(key)}: a list or a mapping can be no key.")
        before = first.setdefault((key.tag, key.value), key)
        if before is not key:
            raise _Fault(
                f"line {_line(key)}: key {key.value[:60]!r} stands a second time, the first is in "
                f"line {_line(before)}; only the last would count."
            )


def _line(node):
    return node.start_mark.line + 1
