"""What no config may hold, whatever its keys, so that a check ends and its message is short."""

VALUES = 50_000  # those behind an alias count as often as it is used
DEPTH = 50  # lists and mappings within one another
CHARACTERS = 10_000  # of a text or a key
BITS = 4_000  # of a whole number: some 1,200 digits
RUNS = 1_000_000  # of a grid


class _Excess(Exception):
    """What is too large, and where."""


def excess(config) -> list[str]:
    """What is too large in nested lists and mappings; a line, or none."""
    try:
        count = _count(config, {}, ())
    except _Excess as problem:
        return [f"  {problem}"]
    return [f"  (top level): {count:.2g} values; at most {VALUES:,}."] if count > VALUES else []


def too_many_runs(config: dict) -> list[str]:
    """A line where a grid has more runs than any workflow plans."""
    keys = ("datasets", "architectures", "activations", "seeds")
    count = 0
    for study in config["studies"].values():
        runs = 1
        for key in keys:
            runs *= len(study[key])
        count += runs
    return [f"  studies: {count:,} runs; at most {RUNS:,}."] if count > RUNS else []


def place(path) -> str:
    """The keys that lead to a value, joined by full stops; none that could be no name is bare."""
    return ".".join(map(_shown, path)) or "(top level)"


def short(value) -> str:
    """Its repr, cut to a part of a line."""
    text = repr(value)
    return text if len(text) < 80 else text[:76] + " ..."


def _shown(key):
    text = str(key)
    return text if len(text) < 80 and text.isprintable() else short(key)


def _count(value, known, path):
    """How many values there are; `known` has those of what was looked at, by its id."""
    if len(path) > DEPTH:
        raise _Excess(f"{place(path[:5])} ...: more than {DEPTH} levels deep.")
    if not isinstance(value, dict | list | tuple | set):
        return _one(value, path)
    if id(value) not in known:
        inner = value.items() if isinstance(value, dict) else enumerate(value)
        counts = [_one(key, path) + _count(part, known, (*path, key)) for key, part in inner]
        known[id(value)] = 1 + sum(counts)
    return known[id(value)]


def _one(value, path):
    if isinstance(value, str | bytes) and len(value) > CHARACTERS:
        raise _Excess(f"{place(path)} = {short(value[:80])}: more than {CHARACTERS:,} characters.")
    if isinstance(value, int) and value.bit_length() > BITS:
        raise _Excess(f"{place(path)}: a whole number of {value.bit_length():,} bits.")
    return 1
