"""What the constants of an activation may be, by the types in its function's signature."""

import ast
import sys

LARGEST = sys.float_info.max  # a whole number may be larger, and no float holds it
FINITE = f"a finite number of at most {LARGEST:.2g}"
MOST = 10_000  # units of a layer, hinges: more is a slip


def not_of_type(kind: str, value) -> str:
    """What a constant must be, when `value` is not that; `kind` as the signature has it."""
    if kind.startswith("Literal"):
        allowed = ast.literal_eval(kind.removeprefix("Literal"))
        return "" if value in allowed else f"one of {', '.join(allowed)}"
    what, fits = CONSTANTS.get(kind, ("", lambda value: True))
    return "" if fits(value) else what


def is_number(value) -> bool:
    """Whether a value is a number that a float holds, and not infinite or NaN."""
    return type(value) in (int, float) and abs(value) <= LARGEST


def _whole(value):
    return type(value) is int and 1 <= value <= MOST


def _points(value):
    return isinstance(value, list) and all(
        isinstance(point, list) and len(point) == 2 and all(map(is_number, point))
        for point in value
    )


def _widths(value):
    return isinstance(value, list) and value and all(map(_whole, value))


CONSTANTS = {  # type in the function's signature -> what is allowed, and whether a value is that
    "float": (FINITE, is_number),
    "int": (f"a whole number of 1 or more, at most {MOST:,}", _whole),
    "str": ("a word", lambda value: isinstance(value, str)),
    "dict": ("values by name", lambda value: isinstance(value, dict)),
    "list": ("a list of points [x, y], all numbers finite", _points),
    "list[int]": (f"a list of widths, whole numbers of 1 or more, at most {MOST:,}", _widths),
}
