"""Formulas from text: what they mean, what is refused and where, and that nothing is executed."""

import math
import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_activations import NUMPY

from actgrid import activations
from actgrid.activations import expressions
from actgrid.activations.expressions import parse
from actgrid.activations.vocabulary import FUNCTIONS, ExpressionError


def refused(formula, **constants):
    with pytest.raises(ExpressionError) as caught:
        parse(formula, constants)
    return str(caught.value)


TREES = {
    "x": "x",
    "-x ** 2": ("negate", ("**", "x", 2.0)),
    "x ** -2 ** 2": ("**", "x", -4.0),
    "1 - x - 2": ("-", ("-", 1.0, "x"), 2.0),
    "x / 2 * 4": ("*", ("/", "x", 2.0), 4.0),
    "x * -x": ("*", "x", ("negate", "x")),
    "2 * pi * x": ("*", 2 * math.pi, "x"),
    "sqrt(2 / pi) * x": ("*", math.sqrt(2 / math.pi), "x"),
    "1e-3 * x + .5": ("+", ("*", 0.001, "x"), 0.5),
    "beta * x": ("*", 1.7, "x"),
    "where(x <= 0, -1, x)": ("where", ("<=", "x", 0.0), -1.0, "x"),
    "clamp(x, -1, 1)": ("clamp", "x", -1.0, 1.0),
}


@pytest.mark.parametrize("formula", TREES)
def test_a_formula_is_read_as_it_is_meant(formula):
    assert parse(formula, {"beta": 1.7} if "beta" in formula else {}) == TREES[formula]


def test_a_mistake_is_shown_at_its_place_with_the_nearest_name():
    problem, formula, mark = refused("x * sigmod(beta * x)", beta=2.0).split("\n")
    assert problem.startswith("unknown name 'sigmod' at position 5; did you mean 'sigmoid'? Known:")
    assert "x, pi, e, beta, abs, exp" in problem
    assert (formula, mark) == ("    x * sigmod(beta * x)", "        ^")


# (formula, words of the message, position or None)
WRONG = [
    ("__import__('os')", '"\'" has no meaning', 12),
    ("x.__class__", "'.' has no meaning", 2),
    ("x[0]", "'[' has no meaning", 2),
    ("lambda: x", "':' has no meaning", 7),
    ('"x" * 9999', "'\"' has no meaning", 1),
    ("eval(x)", "unknown name 'eval'", 1),
    ("open(x)", "unknown name 'open'", 1),
    ("(x := 1)", "':' has no meaning", 4),
    ("f'{x}'", "has no meaning", 2),
    ("exp(x=1)", "'=' has no meaning", 6),
    ("exp(*x)", "missing before '*'", 5),
    ("x # more", "'#' has no meaning", 3),
    ("x\n+ 1", "'\\n' has no meaning", 2),
    ("x\0", "'\\x00' has no meaning", 2),
    ("x\t+ 1", "'\\t' has no meaning", 2),
    ("x * ２", "'２' has no meaning", 5),
    ("х", "'х' has no meaning", 1),  # Cyrillic
    ("ｅxp(x)", "'ｅ' has no meaning", 1),
    ("x ^ 2", "'^' has no meaning at position 3; a power is written **", 3),
    ("x % 2", "'%' has no meaning", 3),
    ("", "0 characters", None),
    ("   ", "not blank", None),
    ("x" * 100_000, "100000 characters", None),
    ("x +", "missing before 'the end'", 4),
    ("x ++ 1", "missing before '+'", 4),
    ("x // 2", "missing before '/'", 4),
    ("x)", "')' is one too many", 2),
    ("(x", "')' is missing before 'the end'", 3),
    ("x, 1", "',' is one too many", 2),
    ("2x", "an operator is missing before 'x'", 2),
    ("0x10 * x", "an operator is missing before 'x10'", 2),
    ("min(x,)", "missing before ')'", 7),
    ("min(x 1)", "')' is missing before '1'", 7),
    ("exp()", "missing before ')'", 5),
    ("exp(x, x)", "exp takes 1 and not 2", 1),
    ("relu * x", "'relu' is a function", 1),
    ("x(2)", "'x' is no function", 1),
    ("1 + 2", "does not depend on x", 1),
    ("2 ** x", "a ** x is exp(x * log(a))", 3),
    ("x ** 17", "exponent 17 is beyond 16", 3),
    ("9 ** 9 ** 9", "beyond 16", 3),
    ("10 ** 10 ** 10 * x", "beyond 16", 4),
    ("1e999 * x", "'1e999' gives no finite number", 1),
    ("1e300 * 1e300 * x", "'*' gives no finite number", 7),
    ("nan", "unknown name 'nan'", 1),
    ("inf * x", "unknown name 'inf'", 1),
    ("x / 0", "division by 0", 3),
    ("x / (1 - 1)", "division by 0", 3),
    ("log(0) * x", "'log' gives no finite number", 1),
    ("sqrt(-1) * x", "'sqrt' gives no finite number", 1),
    ("x > 0", "as where's first argument only", 3),
    ("(x > 0) * x", "as where's first argument only", 4),
    ("where(0 < x < 1, 1, 2)", "as where's first argument only", 13),
    ("where(x, 1, 2)", "where needs a condition", 8),
    ("where(0 > 1, x, 0)", "the condition does not depend on x", 9),
    ("(" * 60 + "x" + ")" * 60, "more than 50 parts", 51),
    ("-" * 80 + "x", "more than 50 parts", 51),
    ("abs(" * 100 + "x", "more than 50 parts", 201),
]


@pytest.mark.parametrize(("formula", "words", "position"), WRONG, ids=lambda v: repr(v)[:30])
def test_what_is_no_formula_is_refused_at_its_place(formula, words, position):
    start = time.process_time()
    said = refused(formula)
    assert time.process_time() - start < 0.5
    assert words in said
    if position:
        problem, shown, mark = said.split("\n")
        assert f"at position {position}" in problem
        assert mark.index("^") - 4 == position - 1 and len(shown) == len(formula) + 4


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("gamma", 1.0, "constant 'gamma' does not occur in the formula 'x'"),
        ("x", 1.0, "the name has a meaning already"),
        ("pi", 3.0, "the name has a meaning already"),
        ("tanh", 1.0, "the name has a meaning already"),
        ("βeta", 1.0, "a name is letters a to z"),
        (5, 1.0, "a name is letters a to z"),
        ("beta", math.nan, "not a finite number"),
        ("beta", math.inf, "not a finite number"),
        ("beta", 10**400, r"beta' is 10+\.\.\.0+, not a finite number"),
    ],
)
def test_constants_that_do_not_fit_are_refused(name, value, words):
    with pytest.raises(ExpressionError, match=words):
        parse("x", {name: value})


@settings(max_examples=400, deadline=2000)
@given(
    st.one_of(
        st.text(max_size=600),
        st.lists(
            st.sampled_from(
                [
                    *FUNCTIONS,
                    "x",
                    "pi",
                    "2",
                    "1e9",
                    "(",
                    ")",
                    "**",
                    "-",
                    "*",
                    "/",
                    ",",
                    "<",
                    " ",
                    "(",
                ]
            ),
            max_size=60,
        ).map("".join),
    )
)
def test_any_text_is_a_formula_or_refused_by_one_kind_of_error(text):
    try:
        tree = parse(text, {})
    except ExpressionError:
        return
    assert not isinstance(tree, float)


ONE = sorted(name for name, (count, _) in FUNCTIONS.items() if count == 1)
FORMULAS = st.recursive(
    st.one_of(st.just("x"), st.floats(-3, 3).map(lambda value: f"({value!r})")),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map("({0[0]} {0[1]} {0[2]})".format),
        st.tuples(inner, st.integers(0, 3)).map("({0[0]}) ** {0[1]}".format),
        st.tuples(st.sampled_from(ONE), inner).map("{0[0]}({0[1]})".format),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(
            "{0[0]}({0[1]}, {0[2]})".format
        ),
        st.tuples(inner, st.sampled_from(["<", "<=", ">", ">="]), inner, inner).map(
            "where(x + {0[0]} {0[1]} 0.5, {0[2]}, {0[3]})".format
        ),
        st.tuples(inner, inner, inner).map("clamp({0[0]}, {0[1]}, {0[2]})".format),
        inner.map("-{}".format),
    ),
    max_leaves=6,
)
POINTS = [-2.3, -0.7, 0.0, 0.4, 1.9]


def by_numpy(formula, x):
    """Its value by Python's own evaluation; NaN where that has none."""
    try:
        with np.errstate(all="ignore"):
            return float(eval(formula, NUMPY | {"x": np.float64(x)}))
    except (ArithmeticError, ValueError):
        return math.nan


@settings(max_examples=200, deadline=None)
@given(FORMULAS)
def test_a_formula_has_the_value_that_numpy_finds(formula):
    try:
        module = activations.make("formula", expression=formula, constants={})
    except ExpressionError:
        return
    x = torch.tensor(POINTS, dtype=torch.float64)
    for at, got in zip(POINTS, module(x).tolist(), strict=True):
        want = by_numpy(formula, at)
        if 1e-6 < abs(want) < 1e6:
            assert got == pytest.approx(want, rel=1e-6), (formula, at)


def test_every_function_is_evaluated_as_in_numpy_and_has_a_gradient_in_every_dtype():
    for name, (count, value) in FUNCTIONS.items():
        formula = {1: f"{name}(x)", 2: f"{name}(x, 0.3)", 3: f"{name}(x, 0.2, 0.4)"}[count]
        formula = "where(x > 0.3, x, 2 * x)" if name == "where" else formula
        for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
            x = torch.tensor([0.25, 0.75], dtype=dtype, requires_grad=True)
            y = activations.make("formula", expression=formula, constants={})(x)
            y.sum().backward()
            assert y.dtype == dtype and x.grad.isfinite().all()
            want = [by_numpy(formula, 0.25), by_numpy(formula, 0.75)]
            assert y.tolist() == pytest.approx(want, rel=8 * torch.finfo(dtype).eps)
        if count == 1:
            assert value(0.25) == pytest.approx(by_numpy(formula, 0.25), rel=1e-14)


def test_numbers_within_where_keep_the_dtype_and_the_digits():
    module = activations.make("formula", expression="where(x > 0, 0.1, x)", constants={})
    x = torch.ones(3, dtype=torch.float64)
    assert module(x).dtype == torch.float64 and module(x).tolist() == [0.1] * 3


@pytest.mark.parametrize(
    "formula",
    [
        *("clamp(x, -1, 1)", "clamp(1, 2, x)", "clamp(2, 1, x)", "x + clamp(1, 0.5, x)"),
        *("clamp(1, x, 2)", "clamp(1, x, x + 1)", "clamp(x, x / 2, 1)", "clamp(-x, x, 2 * x)"),
    ],
)
def test_clamp_takes_x_at_each_of_its_places(formula):
    module = activations.make("formula", expression=formula, constants={})
    got = module(torch.tensor(POINTS, dtype=torch.float64)).tolist()
    assert got == pytest.approx([by_numpy(formula, at) for at in POINTS], rel=1e-14)


def test_the_longest_formula_is_evaluated():
    formula = "x" + " + x" * ((expressions.LONGEST - 1) // 4)
    module = activations.make("formula", expression=formula, constants={})
    assert module(torch.tensor(1.0)).item() == formula.count("x")


def test_a_formula_shows_itself():
    module = activations.make("formula", expression="beta * x", constants={"beta": 2.0})
    assert repr(module) == "Formula(beta * x, beta=2.0)"
    assert module.config == {
        "function": "formula", "expression": "beta * x", "constants": {"beta": 2.0},
    }  # fmt: skip
