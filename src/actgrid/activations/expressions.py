"""Formulas of x, from their text to a tree; free of torch. Nothing of a text is ever executed.

    sum     = product {("+" | "-") product}
    product = signed {("*" | "/") signed}
    signed  = "-" signed | power
    power   = atom ["**" signed]
    atom    = number | name | name "(" sum {"," sum} ")" | "(" sum ")"

The first argument of `where` is a comparison, sum ("<" | "<=" | ">" | ">=") sum. A tree is "x", a
number, or (operation, tree, ...); parts without x are numbers already.
"""

import math
import re
import reprlib
import sys

from actgrid import registry
from actgrid.activations.vocabulary import (
    COMPARISONS,
    FUNCTIONS,
    NAME,
    OPERATORS,
    VALUES,
    ExpressionError,
    tokens,
)  # fmt: skip

LONGEST, DEEPEST, HIGHEST = 500, 50, 16  # characters, parts within parts, exponent


def parse(formula: str, constants: dict[str, float]):
    """The tree of a formula of x in which the names of `constants` stand for their numbers.

    Raises ExpressionError for what is no such formula, does not depend on x, leaves a constant
    unused, or has a part without x that is no finite number.
    """
    if not formula.strip() or len(formula) > LONGEST:
        raise ExpressionError(f"{len(formula)} characters: a formula has 1 to {LONGEST}, not blank")
    _check_constants(constants)
    parts = tokens(formula)
    tree = _Parser(formula, parts, VALUES | constants).whole()
    if isinstance(tree, float):
        raise ExpressionError("the formula does not depend on x", formula, 0)
    used = {token.text for token in parts}
    for name in constants.keys() - used:
        raise ExpressionError(f"constant {name!r} does not occur in the formula {formula!r}")
    return tree


def _check_constants(constants):
    for name, value in constants.items():
        if not (isinstance(name, str) and re.fullmatch(NAME, name)):
            raise ExpressionError(f"constant {name!r}: a name is letters a to z, digits and _")
        if name in ("x", *VALUES, *FUNCTIONS):
            raise ExpressionError(f"constant {name!r}: the name has a meaning already")
        if not abs(value) <= sys.float_info.max:
            shown = reprlib.repr(value)
            raise ExpressionError(f"constant {name!r} is {shown}, not a finite number")


class _Parser:
    """Recursive descent through the tokens; a method for each line of the grammar above."""

    def __init__(self, formula, tokens, values):
        self.formula, self.tokens, self.values = formula, iter(tokens), values
        self.known = ["x", *values, *FUNCTIONS]
        self.depth, self.token = 0, next(self.tokens)

    def whole(self):
        tree, (kind, text, _) = self.sum(), self.token
        if kind in ("number", "name") or text == "(":
            self.refuse(f"an operator is missing before {text!r}", self.token)
        self.expect("the end", f"{text!r} is one too many")
        return tree

    def sum(self):
        return self.chain(self.product, "+", "-")

    def product(self):
        return self.chain(self.signed, "*", "/")

    def chain(self, part, *signs):
        tree = part()
        while self.token.text in signs:
            sign = self.take()
            right = part()
            if sign.text == "/" and right == 0:
                self.refuse("division by 0", sign)
            tree = self.made(sign, sign.text, tree, right)
        return tree

    def signed(self):
        self.depth += 1
        if self.depth > DEEPEST:
            self.refuse(f"more than {DEEPEST} parts within one another", self.token)
        minus = self.take() if self.token.text == "-" else None
        tree = self.made(minus, "negate", self.signed()) if minus else self.power()
        self.depth -= 1
        return tree

    def power(self):
        base = self.atom()
        if self.token.text != "**":
            return base
        sign, exponent = self.take(), self.signed()
        if not isinstance(exponent, float):
            self.refuse("the exponent is no constant", sign, "; a ** x is exp(x * log(a)).")
        if abs(exponent) > HIGHEST:
            self.refuse(f"exponent {exponent:g} is beyond {HIGHEST}", sign)
        return self.made(sign, "**", base, exponent)

    def atom(self):
        token = self.take()
        if token.kind == "number":
            return self.finite(float(token.text), token)
        if token.kind == "name":
            return self.call(token) if self.token.text == "(" else self.value(token)
        if token.text != "(":
            self.refuse(f"a number, a name or '(' is missing before {token.text!r}", token)
        tree = self.sum()
        self.expect(")")
        return tree

    def value(self, token):
        if token.text in FUNCTIONS:
            self.refuse(f"{token.text!r} is a function, {token.text}(...)", token)
        self.require(token)
        return "x" if token.text == "x" else float(self.values[token.text])

    def call(self, name):
        self.require(name)
        if name.text not in FUNCTIONS:
            self.refuse(f"{name.text!r} is no function", name)
        self.take()
        arguments = [self.condition() if name.text == "where" else self.sum()]
        while self.token.text == ",":
            self.take()
            arguments.append(self.sum())
        self.expect(")")
        count = FUNCTIONS[name.text][0]
        if len(arguments) != count:
            self.refuse(f"{name.text} takes {count} and not {len(arguments)} arguments", name)
        return self.made(name, name.text, *arguments)

    def condition(self):
        left = self.sum()
        if self.token.text not in COMPARISONS:
            self.refuse("where needs a condition such as x > 0 first", self.token)
        sign, right = self.take(), self.sum()
        if isinstance(left, float) and isinstance(right, float):
            self.refuse("the condition does not depend on x", sign)
        return sign.text, left, right

    def made(self, token, operation, *parts):
        """The tree of an operation, or its value where no part of it holds x."""
        if not all(isinstance(part, float) for part in parts):
            return operation, *parts
        apply = OPERATORS[operation] if operation in OPERATORS else FUNCTIONS[operation][1]
        try:
            value = apply(*parts)
        except (ArithmeticError, ValueError):
            value = math.nan
        return self.finite(value, token)

    def finite(self, value, token):
        if not math.isfinite(value):
            self.refuse(f"{token.text!r} gives no finite number", token)
        return value

    def take(self):
        token, self.token = self.token, next(self.tokens, self.token)
        return token

    def expect(self, text, otherwise=""):
        if self.token.text in COMPARISONS:
            self.refuse("a comparison stands as where's first argument only", self.token)
        if self.token.text != text:
            missing = f"{text!r} is missing before {self.token.text!r}"
            self.refuse(otherwise or missing, self.token)
        self.take()

    def require(self, name):
        if name.text not in self.known:
            hint = f"{registry.nearest(name.text, self.known)} Known: {', '.join(self.known)}."
            self.refuse(f"unknown name {name.text!r}", name, hint)

    def refuse(self, problem, token, hint="."):
        raise ExpressionError(problem, self.formula, token.at, hint)
