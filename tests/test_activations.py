"""Every fixed activation of config.yaml against an independent formula, gradients, kinks, NaN.

Those that are networks themselves are in test_subnetwork.py.
"""

import math
from pathlib import Path

import pytest
import torch
import yaml

from actgrid import activations, registry
from actgrid.activations.graph import graph

ENTRIES = yaml.safe_load(Path("config.yaml").read_text())["activations"]
NETWORKS = {"learned", "transfer"}
CONFIG = {
    key: entry
    for key, entry in ENTRIES.items()
    if entry["function"] not in NETWORKS and "matched_to" not in entry
}
CONSTANTS = {key: activations.constants(entry) for key, entry in CONFIG.items()}


BESIDE_JUMP = (math.nextafter(0.75, -1), math.nextafter(0.75, 2))  # of hill_published


def new(key):
    return activations.from_config(CONFIG[key])


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


FORMULAS = {  # one row a function: constants -> scalar function
    "tanh": lambda: math.tanh,
    "gelu": lambda: lambda x: x * math.erfc(-x / math.sqrt(2)) / 2,
    "relu": lambda: lambda x: max(x, 0.0),
    "neg_relu": lambda: lambda x: min(x, 0.0),
    "slope_relu": lambda slope: lambda x: slope * max(x, 0.0),
    "offset_relu": lambda offset: lambda x: x + offset if x > 0 else 0.0,
    "leaky_relu": lambda negative_slope: lambda x: x if x > 0 else negative_slope * x,
    "hill": lambda peak: interpolate([(0, 0), (peak, 1), (1, 0)]),
    "hill_published": lambda peak: published_hill(peak),
    "piecewise_linear": lambda knots, at_knot=None: interpolate(knots),
}
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
}


def evaluate(module, points, dtype=torch.float64):
    x = torch.tensor(points, dtype=dtype, requires_grad=True)
    y = module(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    return y.detach(), gradient


def test_every_registered_function_has_formula_kinks_and_a_config_entry():
    used = {entry["function"] for entry in ENTRIES.values()}
    assert used == set(activations.ACTIVATIONS) == set(FORMULAS) | NETWORKS
    assert set(FORMULAS) == set(KINKS)


def test_constants_are_what_remains_of_an_entry():
    entry = {"function": "leaky_relu", "negative_slope": 0.5, "family": "f", "published_as": "p"}
    assert activations.constants({**entry, "matched_to": "x"}) == {"negative_slope": 0.5}
    assert activations.from_config(entry)(torch.tensor(-2.0)) == -1


@pytest.mark.parametrize("key", CONFIG)
def test_a_fixed_activation_is_a_module_of_its_own_in_every_layer(key):
    new_activation = activations.factory(CONFIG[key])
    assert new_activation(3) is not new_activation(3)
    assert not list(new_activation(3).parameters())


@pytest.mark.parametrize("key", CONFIG)
def test_values_and_gradients(key):
    points = [i / 16 + 0.003 for i in range(-48, 48)] + [-100.0, 100.0, 0.0, -1.0, 1.0, 0.75]
    formula = FORMULAS[CONFIG[key]["function"]](**CONSTANTS[key])
    y, gradient = evaluate(new(key), points)
    assert y.tolist() == pytest.approx([formula(x) for x in points], abs=1e-14)
    away = torch.tensor(points[:96], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(new(key), away, eps=1e-6, atol=1e-7)
    step = 1e-6
    slopes = [(formula(x + step) - formula(x - step)) / (2 * step) for x in points[:96]]
    assert gradient[:96].tolist() == pytest.approx(slopes, abs=1e-6)


@pytest.mark.parametrize("function", KINKS)
def test_convention_at_kinks(function):
    constants, expected = KINKS[function]
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        y, gradient = evaluate(
            activations.make(function, **constants), [p[0] for p in expected], dtype
        )
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
    module, x = new(key), torch.linspace(-3, 3, 60).to(dtype).reshape(3, 4, 5)
    before = x.clone()
    assert module(x).shape == x.shape and module(x).dtype == dtype
    turned, few = module(x.transpose(0, 2)), 16 * torch.finfo(dtype).eps  # kernels differ
    assert torch.allclose(turned, module(x).transpose(0, 2), rtol=0, atol=few)
    assert torch.equal(x, before), "input changed in place"
    y, gradient = evaluate(module, [-100.0, 100.0], dtype)
    assert y.isfinite().all() and gradient.isfinite().all()
    # long enough for a vectorised kernel, which may treat NaN otherwise than the scalar one
    assert module(torch.full((70,), math.nan, dtype=dtype)).isnan().all()


@pytest.mark.parametrize("key", [key for key in CONFIG if key != "gelu"])
def test_infinity_is_the_limit(key):
    formula = FORMULAS[CONFIG[key]["function"]](**CONSTANTS[key])
    y, _ = evaluate(new(key), [-math.inf, math.inf] * 20, torch.float32)
    for got, x in zip(y.tolist(), (-1e30, 1e30), strict=False):
        want = formula(x)
        assert got == (math.copysign(math.inf, want) if abs(want) > 1e20 else want)


def test_gelu_of_infinity_is_never_a_wrong_number():
    """torch's kernels multiply infinity by 0, or do not: which one depends on the processor."""
    y = new("gelu")(torch.tensor([-math.inf, math.inf] * 20))
    assert not y[1::2].isfinite().any()
    assert (y[::2].isnan() | (y[::2] == 0)).all()


@pytest.mark.parametrize("key", CONFIG)
def test_pieces_tile_the_line_in_every_dtype(key):
    """Between and at the knots of the dtype every x is in one piece: no gap, no overlap."""
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        knots = [x for x, _ in CONSTANTS[key].get("knots", [[0, 0], [0.25, 0], [0.75, 0], [1, 0]])]
        here = torch.tensor(knots, dtype=dtype)
        around = torch.cat([here * (1 - 2**-7), here, here * (1 + 2**-7)])
        got = new(key)(around).double()
        want = new(key)(around.double())
        assert torch.allclose(got, want, atol=0.03, rtol=0.02), (dtype, got - want)


@pytest.mark.parametrize("key", CONFIG)
def test_saves_no_more_than_relu_and_a_mask(key):
    x = torch.randn(1000, requires_grad=True)
    saved = {}

    def pack(tensor):
        saved[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = new(key)(x)
    assert y.requires_grad and sum(saved.values()) <= x.nbytes + x.numel()


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
