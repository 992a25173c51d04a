"""Every activation of config.yaml against an independent formula, gradients, kinks, NaN.

Trained ones here as they start; what training does to them is in test_trainable.py, traps of single
functions and hand-written gradients are in test_formulas.py. Those that are networks themselves are
in test_subnetwork.py.
"""

import decimal
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from actgrid import activations, registry, shorthand
from actgrid.activations.graph import graph

ENTRIES = shorthand.resolve(yaml.safe_load(Path("config.yaml").read_text()))["activations"]
OWN = {"formula", "imported"}  # what users write; none need be in the config
NETWORKS = {"learned", "transfer"}
CONFIG = {
    key: entry
    for key, entry in ENTRIES.items()
    if entry["function"] not in NETWORKS and "matched_to" not in entry
}
CONSTANTS = {key: activations.constants(entry) for key, entry in CONFIG.items()}


BESIDE_JUMP = (math.nextafter(0.75, -1), math.nextafter(0.75, 2))  # of hill_published


def new(key, dtype=torch.float32):
    return activations.from_config(CONFIG[key]).to(dtype).eval()  # rrelu draws in training


def single(value):
    """The float32 number nearest to `value`: what a parameter starts as."""
    return torch.tensor(value).item()


def interpolate(knots):
    """Linear interpolation, constant outside: an independent formula for the knots."""

    def f(x):
        if x <= knots[0][0]:
            return knots[0][1]
        for (xa, ya), (xb, yb) in zip(knots, knots[1:], strict=False):
            if x <= xb:
                return ya + (x - xa) / (xb - xa) * (yb - ya)
        return knots[-1][1]

    return f


def published_hill(p):
    def f(x):
        if 0 <= x < 0.75:
            return x / p
        return (1 - x) / (1 - p) if 0.75 <= x <= 1 else 0.0

    return f


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def softplus(x):
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def elu(x, alpha=1.0):
    return x if x > 0 else alpha * math.expm1(x)


def leaky(slope):
    return lambda x: x if x > 0 else slope * x


def squareplus(x, b):
    """Exact fractions of the root, so that no digit is lost where x is far below 0."""
    with decimal.localcontext(prec=50):
        x = decimal.Decimal(x)
        return float((x + (x * x + decimal.Decimal(b)).sqrt()) / 2)


def quotient(x):
    a = [single(c) for c in (0.029797, 0.618462, 2.320968, 3.044599, 1.479629, 0.249658)]
    b = [single(c) for c in (1.141173, 4.382269, 0.868195, 0.345291)]
    below = 1 + sum(abs(c * x**k) for k, c in enumerate(b, 1))
    return sum(c * x**k for k, c in enumerate(a)) / below


NUMPY = {name: getattr(np, name) for name in dir(np)} | {
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "erf": math.erf,
    "sigmoid": sigmoid,
    "softplus": softplus,
    "relu": lambda x: max(x, 0.0),
    "min": np.minimum,
    "max": np.maximum,
    "clamp": np.clip,
}


def by_numpy(expression, constants):
    """A formula evaluated by Python itself: its syntax is a part of Python's."""
    return lambda x: float(eval(expression, NUMPY | constants | {"x": np.float64(x)}))


FORMULAS = {  # one row a function: constants -> scalar function
    "sigmoid": lambda: sigmoid,
    "softsign": lambda: lambda x: x / (1 + abs(x)),
    "hard_tanh": lambda: lambda x: min(max(x, -1.0), 1.0),
    "isru": lambda alpha: lambda x: x / math.hypot(1, math.sqrt(alpha) * x),
    "isrlu": lambda alpha: lambda x: x if x > 0 else x / math.hypot(1, math.sqrt(alpha) * x),
    "rrelu": lambda lower, upper: leaky((lower + upper) / 2),
    "elu": lambda alpha: lambda x: elu(x, alpha),
    "celu": lambda alpha: lambda x: alpha * elu(x / alpha),
    "selu": lambda: lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772),
    "gelu_tanh": lambda: (
        lambda x: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    ),
    "silu": lambda: lambda x: x * sigmoid(x),
    "mish": lambda: lambda x: x * math.tanh(softplus(x)),
    "telu": lambda: lambda x: x * math.tanh(math.exp(min(x, 700.0))),
    "smish": lambda: lambda x: x * math.tanh(math.log1p(sigmoid(x))),
    "hard_swish": lambda: lambda x: x * min(max(x + 3, 0), 6) / 6,
    "softplus": lambda beta: lambda x: softplus(beta * x) / beta,
    "squareplus": lambda b: lambda x: squareplus(x, b),
    "snake": lambda alpha: lambda x: x + math.sin(alpha * x) ** 2 / alpha,
    "relu_squared": lambda: lambda x: max(x, 0.0) ** 2,
    "brelu": lambda: lambda x: max(x, 0.0),  # of unit 0
    "prelu": lambda start, per: leaky(start),
    "swish": lambda beta: lambda x: x * sigmoid(beta * x),
    "affine": lambda alpha, beta: lambda x: alpha + beta * x,
    "soft_exponential": lambda alpha: lambda x: x,  # at 0
    "srelu": lambda: leaky(single(0.2)),
    "apl": lambda hinges: lambda x: max(x, 0.0),
    "rational": lambda: quotient,
    "star_relu": lambda scale, bias: lambda x: single(scale) * max(x, 0.0) ** 2 + single(bias),
    "relu_autograd": lambda: lambda x: max(x, 0.0),
    "tanh_autograd": lambda: math.tanh,
    "leaky_relu_autograd": lambda negative_slope: leaky(negative_slope),
    "brelu_autograd": lambda: lambda x: max(x, 0.0),  # of unit 0
    "tanh": lambda: math.tanh,
    "gelu": lambda: lambda x: x * math.erfc(-x / math.sqrt(2)) / 2,
    "relu": lambda: lambda x: max(x, 0.0),
    "neg_relu": lambda: lambda x: min(x, 0.0),
    "slope_relu": lambda slope: lambda x: slope * max(x, 0.0),
    "offset_relu": lambda offset: lambda x: x + offset if x > 0 else 0.0,
    "leaky_relu": lambda negative_slope: leaky(negative_slope),
    "hill": lambda peak: interpolate([(0, 0), (peak, 1), (1, 0)]),
    "hill_published": lambda peak: published_hill(peak),
    "piecewise_linear": lambda knots, at_knot=None: interpolate(knots),
    "formula": by_numpy,
}
KNOWN = [key for key, entry in CONFIG.items() if entry["function"] in FORMULAS]
KINKS = {  # function -> [(x, f(x), f'(x))] at its kinks, at 0 if it has none; constants given
    "tanh": ({}, [(0, 0, 1)]),
    "gelu": ({}, [(0, 0, 0.5)]),
    "relu": ({}, [(0, 0, 0)]),
    "neg_relu": ({}, [(0, 0, 1)]),
    "slope_relu": ({"slope": 1.5}, [(0, 0, 0)]),
    "offset_relu": ({"offset": 0.5}, [(0, 0, 0)]),
    "leaky_relu": ({"negative_slope": 0.2}, [(0, 0, 0.2)]),
    "hill": ({"peak": 0.25}, [(0, 0, 0), (0.25, 1, 4), (1, 0, -4 / 3)]),
    "hill_published": ({"peak": 0.25}, [(0, 0, 4), (0.75, 1 / 3, -4 / 3), (1, 0, 0)]),
    "piecewise_linear": ({"knots": [[-1, 0], [0, 1], [1, 0]]}, [(-1, 0, 0), (0, 1, 1), (1, 0, -1)]),
    "sigmoid": ({}, [(0, 0.5, 0.25)]),
    "softsign": ({}, [(0, 0, 1)]),
    "hard_tanh": ({}, [(-1, -1, 0), (1, 1, 0)]),
    "isru": ({"alpha": 2.0}, [(0, 0, 1)]),
    "isrlu": ({"alpha": 2.0}, [(0, 0, 1)]),
    "rrelu": ({"lower": 0.1, "upper": 0.3}, [(0, 0, 0.2)]),
    "elu": ({"alpha": 2.0}, [(0, 0, 2)]),
    "celu": ({"alpha": 2.0}, [(0, 0, 1)]),
    "selu": ({}, [(0, 0, 1.7580993408473766)]),
    "gelu_tanh": ({}, [(0, 0, 0.5)]),
    "silu": ({}, [(0, 0, 0.5)]),
    "mish": ({}, [(0, 0, 0.6)]),
    "telu": ({}, [(0, 0, math.tanh(1))]),
    "smish": ({}, [(0, 0, 5 / 13)]),
    "hard_swish": ({}, [(-3, 0, 0), (3, 3, 1)]),
    "softplus": ({"beta": 2.0}, [(0, math.log(2) / 2, 0.5)]),
    "squareplus": ({"b": 9.0}, [(0, 1.5, 0.5)]),
    "snake": ({"alpha": 2.0}, [(0, 0, 1)]),
    "relu_squared": ({}, [(0, 0, 0)]),
    "brelu": ({}, [(0, 0, 0)]),
    "prelu": ({"start": 0.5}, [(0, 0, 0.5)]),
    "swish": ({"beta": 2.0}, [(0, 0, 0.5)]),
    "affine": ({"alpha": 1.0, "beta": 2.0}, [(0, 1, 2)]),
    "soft_exponential": ({}, [(0, 0, 1)]),
    "srelu": ({}, [(0, 0, single(0.2)), (1, 1, 1)]),
    "apl": ({}, [(0, 0, 0)]),
    "rational": ({}, [(0, single(0.029797), single(0.618462))]),
    "star_relu": ({"scale": 0.5, "bias": -0.25}, [(0, -0.25, 0)]),
    "relu_autograd": ({}, [(0, 0, 0)]),
    "tanh_autograd": ({}, [(0, 0, 1)]),
    "leaky_relu_autograd": ({"negative_slope": 0.2}, [(0, 0, 0.2)]),
    "brelu_autograd": ({}, [(0, 0, 0)]),
    "formula": (
        {"expression": "max(min(x, 1), -2) + where(x < 0, 0, x)", "constants": {}},
        [(-2, -2, 0), (0, 0, 2), (1, 2, 1)],
    ),
}
TRAINED = {"prelu", "swish", "affine", "star_relu", "apl", "srelu", "soft_exponential", "rational"}
GATES = {"gelu_tanh", "silu", "mish", "telu", "smish", "hard_swish", "swish"}  # x times a gate
NAN_AT_INFINITY = {*GATES, "softsign", "snake", "affine", "apl", "rational", "formula"}  # or limit


def evaluate(module, points, dtype=torch.float64):
    x = torch.tensor(points, dtype=dtype, requires_grad=True)
    y = module(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    return y.detach(), gradient


def test_every_registered_function_has_formula_kinks_and_a_config_entry():
    used = {entry["function"] for entry in ENTRIES.values()}
    assert used | OWN == set(activations.ACTIVATIONS) == set(FORMULAS) | NETWORKS | OWN
    assert set(FORMULAS) == set(KINKS)


def test_constants_are_what_remains_of_an_entry():
    entry = {"function": "leaky_relu", "negative_slope": 0.5, "family": "f", "published_as": "p"}
    assert activations.constants({**entry, "matched_to": "x"}) == {"negative_slope": 0.5}
    assert activations.from_config(entry)(torch.tensor(-2.0)) == -1


@pytest.mark.parametrize("key", CONFIG)
def test_an_activation_is_a_module_of_its_own_in_every_layer(key):
    new_activation = activations.factory(CONFIG[key])
    first, second = new_activation(3), new_activation(3)
    assert first is not second
    if CONFIG[key]["function"] != "imported":
        assert bool(list(first.parameters())) == (CONFIG[key]["function"] in TRAINED)
    places = [p.data_ptr() for module in (first, second) for p in module.parameters()]
    assert len(places) == len(set(places))


@pytest.mark.parametrize("key", ENTRIES)
def test_the_config_spells_out_all_constants(key):
    function = ENTRIES[key]["function"]
    takes = registry.signature(function, activations.ACTIVATIONS, "actgrid.activations")
    if function not in ("piecewise_linear", "transfer"):
        assert set(activations.constants(ENTRIES[key])) == set(takes)


@pytest.mark.parametrize("key", [k for k in ENTRIES if ENTRIES[k]["function"] != "transfer"])
def test_a_modules_config_makes_it_again_and_is_no_state(key):
    module = activations.factory(ENTRIES[key])(3)
    given = {"function": ENTRIES[key]["function"], **activations.constants(ENTRIES[key])}
    assert {name: module.config[name] for name in given} == given
    assert type(activations.from_config(module.config)) is type(module)
    assert not [name for name in module.state_dict() if "config" in name]


def test_a_modules_config_has_defaults_and_no_width():
    assert activations.make("leaky_relu").config == {
        "function": "leaky_relu",
        "negative_slope": 0.01,
    }
    config = {"function": "prelu", "start": 0.5, "per": "layer"}
    assert activations.make("prelu", start=0.5, width=7).config == config


def test_the_width_of_its_layer_reaches_a_function_that_asks_for_it():
    per_channel = {"function": "prelu", "per": "channel"}
    assert activations.factory(per_channel)(5).weight.shape == (5,)
    assert activations.factory({"function": "prelu"})(5).weight.shape == (1,)
    takes = registry.signature("prelu", activations.ACTIVATIONS, "actgrid.activations")
    assert list(takes) == ["start", "per"], "the width is no constant of the config"


@pytest.mark.parametrize("key", KNOWN)
def test_values_and_gradients(key):
    points = [i / 16 + 0.003 for i in range(-48, 48)] + [-100.0, 100.0, 0.0, -1.0, 1.0, 0.75]
    formula = FORMULAS[CONFIG[key]["function"]](**CONSTANTS[key])
    module = new(key, torch.float64)
    y, gradient = evaluate(module, points)
    assert y.tolist() == pytest.approx([formula(x) for x in points], abs=1e-14, rel=1e-14)
    away = torch.tensor(points[:96], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(module, away, eps=1e-6, atol=1e-7)
    step = 1e-6
    slopes = [(formula(x + step) - formula(x - step)) / (2 * step) for x in points[:96]]
    assert gradient[:96].tolist() == pytest.approx(slopes, abs=1e-6)


@pytest.mark.parametrize("function", KINKS)
def test_convention_at_kinks(function):
    constants, expected = KINKS[function]
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        module = activations.make(function, **constants).to(dtype).eval()
        y, gradient = evaluate(module, [p[0] for p in expected], dtype)
        tolerance = 4 * torch.finfo(dtype).eps
        assert y.tolist() == pytest.approx([p[1] for p in expected], rel=tolerance), dtype
        assert gradient.tolist() == pytest.approx([p[2] for p in expected], rel=tolerance), dtype


@pytest.mark.parametrize("key", [k for k in CONFIG if k.startswith("tent_flat")])
def test_flat_tents_have_no_gradient_at_their_knots_and_the_tents_values(key):
    points = [x for x, _ in CONSTANTS[key]["knots"]] + [-0.1, 0.1]
    y, gradient = evaluate(new(key), points)
    plain, slopes = evaluate(new(key.replace("tent_flat", "tent")), points)
    assert torch.equal(y, plain)
    assert gradient[:3].tolist() == [0, 0, 0]
    assert torch.equal(gradient[3:], slopes[3:]) and gradient[3:].all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("key", CONFIG)
def test_shape_dtype_nan_and_far_values(key, dtype):
    if CONFIG[key]["function"] in OWN and dtype.itemsize == 2:
        pytest.skip("in half precision one's own may overflow; its check reports it")
    module, x = new(key, dtype), torch.linspace(-3, 3, 60).to(dtype).reshape(3, 4, 5)
    before = x.clone()
    assert module(x).shape == x.shape and module(x).dtype == dtype
    turned, few = module(x.transpose(0, 2)), 16 * torch.finfo(dtype).eps  # kernels differ
    assert torch.allclose(turned, module(x).transpose(0, 2), rtol=0, atol=few)
    assert torch.equal(x, before), "input changed in place"
    y, gradient = evaluate(module, [-100.0, 100.0], dtype)
    assert y.isfinite().all() and gradient.isfinite().all()
    # long enough for a vectorised kernel, which may treat NaN otherwise than the scalar one
    if "where" not in CONSTANTS[key].get("expression", ""):
        assert module(torch.full((70,), math.nan, dtype=dtype)).isnan().all()


@pytest.mark.parametrize("key", [key for key in KNOWN if key != "gelu"])
def test_infinity_is_the_limit(key):
    """Or NaN where a product of infinity and 0 is in the formula: never a wrong number."""
    function = CONFIG[key]["function"]
    formula = FORMULAS[function](**CONSTANTS[key])
    y, _ = evaluate(new(key), [-math.inf, math.inf] * 20, torch.float32)
    for got, x in zip(y.tolist(), (-1e30, 1e30) * 20, strict=True):
        want = formula(x)
        limit = math.copysign(math.inf, want) if abs(want) > 1e20 else pytest.approx(want)
        assert got == limit or (function in NAN_AT_INFINITY and math.isnan(got))


def test_gelu_of_infinity_is_never_a_wrong_number():
    """torch's kernels multiply infinity by 0, or do not: which one depends on the processor."""
    y = new("gelu")(torch.tensor([-math.inf, math.inf] * 20))
    assert not y[1::2].isfinite().any()
    assert (y[::2].isnan() | (y[::2] == 0)).all()


@pytest.mark.parametrize("key", [key for key in CONFIG if CONFIG[key]["function"] not in OWN])
def test_pieces_tile_the_line_in_every_dtype(key):
    """Between and at the knots of the dtype every x is in one piece: no gap, no overlap."""
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        knots = [x for x, _ in CONSTANTS[key].get("knots", [[0, 0], [0.25, 0], [0.75, 0], [1, 0]])]
        here = torch.tensor(knots, dtype=dtype)
        around = torch.cat([here * (1 - 2**-7), here, here * (1 + 2**-7)])
        got = new(key, dtype)(around).double()
        want = new(key, torch.float64)(around.double())
        assert torch.allclose(got, want, atol=0.03, rtol=0.02), (dtype, got - want)


SAVED = {"rrelu": 2, "softsign": 2, "swish": 2, "star_relu": 2, "apl": 3}  # tensors


@pytest.mark.parametrize("key", [key for key in CONFIG if CONFIG[key]["function"] not in OWN])
def test_saves_no_more_than_relu_and_a_mask_unless_said_so(key):
    x = torch.randn(1000, requires_grad=True)
    saved = {}

    def pack(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = activations.from_config(CONFIG[key])(x)
    tensors, parameters = SAVED.get(CONFIG[key]["function"], 1), 100
    assert y.requires_grad and sum(saved.values()) <= tensors * x.nbytes + x.numel() + parameters


def test_mechanism_agrees_with_torchs_own_kernels():
    x = torch.randn(5000, requires_grad=True)
    for slope, theirs in ((0.0, torch.nn.ReLU()), (0.3, torch.nn.LeakyReLU(0.3))):
        ours = activations.make("piecewise_linear", knots=[[0, 0]], left_slope=slope, right_slope=1)
        assert torch.equal(ours(x), theirs(x))
        gradients = [torch.autograd.grad(f(x).sum(), x)[0] for f in (ours, theirs)]
        assert torch.equal(*gradients)


@pytest.mark.parametrize(
    "constants, part",
    [
        ({"knots": []}, "at least one"),
        ({"knots": [[1, 0], [0, 0]]}, "must increase"),
        ({"knots": [[0, 0], [0, 1], [0, 2]]}, "not three"),
        ({"knots": [[0, math.nan]]}, "finite"),
        ({"knots": [[0, 0]], "left_slope": math.inf}, "finite"),
        ({"knots": [[0, 0]], "at_knot": "middle"}, "left, right, zero"),
        ({"nots": [[0, 0]]}, "nots"),
    ],
)
def test_bad_constants_are_refused(constants, part):
    with pytest.raises(ValueError, match=part):
        activations.make("piecewise_linear", **constants)


def test_unknown_name_lists_known_and_nearest():
    with pytest.raises(registry.UnknownName, match="did you mean 'slope_relu'.*hill_published"):
        activations.make("slop_relu")


def test_graph_has_kinks_both_sides_of_a_jump_and_slopes():
    rows = graph(activations.make("hill_published", peak=0.25), low=-1, high=2, points=7)
    assert [row["x"] for row in rows] == sorted({-1, -0.5, 0, 0.5, 1, 1.5, 2, *BESIDE_JUMP, 0.75})
    at = {row["x"]: row for row in rows}
    below, above = (at[x] for x in BESIDE_JUMP)
    assert (below["piece"], at[0.75]["piece"], above["piece"]) == (0, 1, 1)
    assert (below["f"], above["f"]) == (pytest.approx(3), pytest.approx(1 / 3))
    assert (at[0.5]["df"], at[0.75]["df"], at[-0.5]["df"]) == (4, pytest.approx(-4 / 3), 0)


@pytest.mark.parametrize("peak", [0, 1, -1, 2])
def test_hill_needs_its_peak_inside(peak):
    for function in ("hill", "hill_published"):
        with pytest.raises(ValueError, match="between 0 and 1"):
            activations.make(function, peak=peak)
