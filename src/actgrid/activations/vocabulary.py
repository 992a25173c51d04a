"""What formulas consist of: names, signs, numbers; and the error that shows what is wrong."""

import math
import operator
import re
from typing import NamedTuple

COMPARISONS = ("<", "<=", ">", ">=")
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
OPERATORS |= {"**": math.pow, "negate": operator.neg}
SMOOTH = "exp expm1 log log1p sqrt sin cos tan tanh sinh cosh asinh atan erf"
FUNCTIONS = {  # name -> (how many arguments, its value for numbers)
    "abs": (1, abs),
    **{name: (1, getattr(math, name)) for name in SMOOTH.split()},
    "sigmoid": (1, lambda x: (1 + math.tanh(x / 2)) / 2),
    "softplus": (1, lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x)))),
    "relu": (1, lambda x: max(x, 0.0)),
    "min": (2, min),
    "max": (2, max),
    "clamp": (3, lambda x, low, high: min(max(x, low), high)),
    "where": (3, lambda condition, yes, no: yes if condition else no),
}
VALUES = {"pi": math.pi, "e": math.e}
NAME = "[A-Za-z_][A-Za-z0-9_]*"
TOKEN = re.compile(
    r"(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    rf"|(?P<name>{NAME})|(?P<sign>\*\*|<=|>=|[-+*/(),<>])"
)
HINTS = {"^": "; a power is written **.", "=": "; conditions are <, <=, > and >=, within where."}


class ExpressionError(ValueError):
    """A text that is no formula; the message shows it with a mark at the place, where there is one.

    at: characters before the place.
    """

    def __init__(self, problem: str, formula: str = "", at: int | None = None, hint: str = "."):
        if at is not None:
            shown = "".join(c if c.isprintable() else "?" for c in formula)
            problem, hint = f"{problem} at position {at + 1}", f"{hint}\n    {shown}\n    "
            hint += " " * at + "^"
        super().__init__(problem + hint)


class Token(NamedTuple):
    """A number, a name or a sign; `kind` says which, or is "end"."""

    kind: str
    text: str
    at: int


def tokens(formula: str) -> list[Token]:
    """The parts of a formula in their order, "end" last. Raises ExpressionError."""
    found, at = [], 0
    while at < len(formula):
        match = TOKEN.match(formula, at)
        if match:
            found.append(Token(match.lastgroup, match[0], at))
        elif formula[at] != " ":
            character, hint = formula[at], HINTS.get(formula[at], ".")
            raise ExpressionError(f"{character!r} has no meaning", formula, at, hint)
        at = match.end() if match else at + 1
    return [*found, Token("end", "the end", at)]
