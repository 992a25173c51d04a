"""Activations with trained parameters: whose they are, their gradients, what training does."""

import decimal
import math
from decimal import Decimal

import numpy as np
import pytest
import torch
from scipy.optimize import least_squares
from torch import nn
from torch.func import functional_call

from actgrid import activations, architectures
from actgrid.activations import rational
from actgrid.constant_types import CONSTANTS
from actgrid.optimizers import SGD, Adam


def fill(module, **values):
    """The module with other values of its parameters."""
    parameters = dict(module.named_parameters())
    assert set(values) == set(parameters)
    with torch.no_grad():
        for name, value in values.items():
            parameters[name].copy_(torch.tensor(value, dtype=torch.float64))
    return module


def prelu(x, weight):
    return x if x > 0 else weight[0] * x


def swish(x, beta):
    return x / (1 + math.exp(-beta * x))


def affine(x, alpha, beta):
    return alpha + beta * x


def star_relu(x, scale, bias):
    return scale * max(x, 0) ** 2 + bias


def apl(x, slopes, places):
    hinges = zip(slopes, places, strict=True)
    return max(x, 0) + sum(a * max(0, -x + b) for a, b in hinges)


def srelu(x, left, left_slope, gap, right_slope):
    right = left + abs(gap)
    if x >= right:
        return right + right_slope * (x - right)
    return left + left_slope * (x - left) if x <= left else x


def soft_exponential(x, alpha):
    if alpha < 0:
        return -math.log(1 - alpha * (x + alpha)) / alpha
    return (math.exp(alpha * x) - 1) / alpha + alpha if alpha else x


def pau(x, numerator, denominator):
    below = 1 + sum(abs(b * x**k) for k, b in enumerate(denominator, 1))
    return sum(a * x**k for k, a in enumerate(numerator)) / below


CASES = [  # (constants, formula, values of the parameters)
    ({"function": "prelu"}, prelu, {"weight": [-0.5]}),
    ({"function": "swish"}, swish, {"beta": 1.5}),
    ({"function": "swish"}, swish, {"beta": -0.7}),
    ({"function": "affine"}, affine, {"alpha": 0.3, "beta": -1.2}),
    ({"function": "star_relu"}, star_relu, {"scale": -0.5, "bias": 2.0}),
    ({"function": "apl"}, apl, {"slopes": [0.3, -0.2], "places": [0.4, -1.1]}),
    ({"function": "apl", "hinges": 1}, apl, {"slopes": [0.3], "places": [0.4]}),
    (
        {"function": "srelu"},
        srelu,
        {"left": -0.6, "left_slope": 0.4, "gap": 1.1, "right_slope": 2.0},
    ),
    (
        {"function": "srelu"},
        srelu,
        {"left": 0.2, "left_slope": -0.4, "gap": -0.7, "right_slope": 0.1},
    ),
    *(
        ({"function": "soft_exponential"}, soft_exponential, {"alpha": a})
        for a in (-0.3, -0.05, 0.0, 0.05, 0.3, 0.9)
    ),
    (
        {"function": "rational"},
        pau,
        {"numerator": [0.1, -0.6, 2.0, 3.0, -1.5, 0.25], "denominator": [-1.1, 0.4, 0.9, -0.3]},
    ),
]
STARTS = [
    {"function": "prelu"},
    {"function": "prelu", "per": "channel"},
    {"function": "swish"},
    {"function": "affine"},
    {"function": "star_relu"},
    {"function": "apl"},
    {"function": "srelu"},
    {"function": "soft_exponential"},
    {"function": "rational"},
]
IN_THE_SECOND_STEP = {"places", "gap"}  # apl and srelu: without a gradient where they start


def name(entry):
    return "-".join(map(str, entry.values())) if isinstance(entry, dict) else ""


def generic(*shape, dtype=torch.float64, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


@pytest.mark.parametrize(("entry", "formula", "values"), CASES, ids=name)
def test_values_with_trained_parameters(entry, formula, values):
    module = fill(activations.from_config(entry).double(), **values)
    points = [i / 16 + 0.003 for i in range(-32, 48)]
    want = [formula(x, **values) for x in points]
    got = module(torch.tensor(points, dtype=torch.float64)).tolist()
    assert got == pytest.approx(want, abs=1e-13, rel=1e-13)
    single = module.float()(torch.tensor(points)).tolist()
    assert single == pytest.approx(want, abs=2e-6, rel=2e-6)


@pytest.mark.parametrize(("entry", "formula", "values"), CASES, ids=name)
def test_gradients_for_x_and_for_every_parameter(entry, formula, values):
    module = fill(activations.from_config(entry).double(), **values)
    names, parameters = zip(*module.named_parameters(), strict=True)

    def apply(x, *parameters):
        return functional_call(module, dict(zip(names, parameters, strict=True)), (x,))

    x = (generic(5, 3) / 2 + 0.003).requires_grad_()
    assert torch.autograd.gradcheck(apply, (x, *parameters), eps=1e-6, atol=1e-7)
    (for_x,) = torch.autograd.grad(apply(x, *parameters).sum(), x)
    step = 1e-6
    points = x.detach().flatten().tolist()
    slopes = [
        (formula(v + step, **values) - formula(v - step, **values)) / (2 * step) for v in points
    ]
    assert for_x.flatten().tolist() == pytest.approx(slopes, abs=1e-7)


@pytest.mark.parametrize("entry", STARTS, ids=name)
def test_layers_have_parameters_of_their_own_each_registered_once(entry):
    new = activations.factory(entry)
    network = nn.Sequential(
        nn.Linear(4, 3, bias=False), new(3), nn.Linear(3, 2, bias=False), new(2)
    )
    parameters = list(network.named_parameters())
    assert len({p.data_ptr() for _, p in parameters}) == len(parameters)
    of_layer = [[n for n, _ in parameters if n.startswith(f"{k}.")] for k in (1, 3)]
    assert len(of_layer[0]) == len(of_layer[1]) == len(list(new(3).parameters())) > 0
    assert set(network.state_dict()) == {n for n, _ in parameters}


@pytest.mark.parametrize("optimizer", [SGD, Adam])
@pytest.mark.parametrize("entry", STARTS, ids=name)
def test_a_step_of_training_changes_every_parameter(entry, optimizer):
    module = activations.factory(entry)(6)
    before = {key: p.detach().clone() for key, p in module.named_parameters()}
    x, target = (generic(40, 6, dtype=torch.float32, seed=seed) for seed in (0, 1))
    updates = optimizer(module.parameters(), 0.1)
    for step in (1, 2):
        updates.zero_grad()
        (module(x) - target).square().mean().backward()
        updates.step()
        moved = {key for key, p in module.named_parameters() if (p != before[key]).all()}
        assert moved == set(before) - (IN_THE_SECOND_STEP if step == 1 else set())


@pytest.mark.parametrize("entry", STARTS, ids=name)
def test_a_gradient_for_a_parameter_is_the_sum_over_all_units(entry):
    module = activations.factory({**entry, "per": "layer"} if "per" in entry else entry)(4).double()
    x = generic(3, 4, 2, 5)
    whole = torch.autograd.grad(module(x).sum(), list(module.parameters()))
    parts = [torch.autograd.grad(module(row).sum(), list(module.parameters())) for row in x]
    for got, *rows in zip(whole, *parts, strict=True):
        assert torch.allclose(got, sum(rows))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("entry", STARTS, ids=name)
def test_shapes_dtypes_far_values_and_nan(entry, dtype):
    module = activations.factory(entry)(2).to(dtype)
    for shape in ((3, 2), (3, 2, 4, 5)):
        y = module(generic(*shape, dtype=dtype))
        assert y.shape == shape and y.dtype == dtype
    x = torch.tensor([[-100.0, 100.0], [100.0, -100.0]], dtype=dtype, requires_grad=True)
    y = module(x)
    y.sum().backward()
    assert y.isfinite().all() and x.grad.isfinite().all()
    assert all(p.grad.isfinite().all() and p.grad.dtype == dtype for p in module.parameters())
    assert module(torch.full((35, 2), math.nan, dtype=dtype)).isnan().all()


# --- prelu --------------------------------------------------------------------------------------


def test_prelu_a_channel_has_a_slope_for_each_channel_of_axis_1():
    module = fill(activations.make("prelu", per="channel", width=3), weight=[0.0, 0.5, 2.0])
    for shape in ((2, 3), (2, 3, 4, 4)):
        y = module(-torch.ones(shape))
        assert [y[:, k].unique().tolist() for k in range(3)] == [[0.0], [-0.5], [-2.0]]
    assert fill(activations.make("prelu", start=0.1), weight=[0.1])(torch.tensor(-1.0)) == -0.1


# --- soft exponential ---------------------------------------------------------------------------

ALPHAS = [sign * size for size in (1e-8, 1e-4, 1e-2, 0.3, 0.49, 0.51, 0.9) for sign in (1, -1)]
POINTS = (-2.0, -0.5, -0.1, -1e-3, 0.0, 1e-3, 0.1, 0.5, 3.0, 20.0)


def exact(x, alpha):
    """soft_exponential in decimal numbers."""
    if alpha < 0:
        return -(1 - alpha * (x + alpha)).ln() / alpha
    return ((alpha * x).exp() - 1) / alpha + alpha


def exact_gradients(x, alpha):
    """Its value, and its slopes in x and in alpha as differences of 60-digit numbers."""
    with decimal.localcontext(prec=60):
        x, alpha, step = Decimal(x), Decimal(alpha), Decimal("1e-25")
        in_x = (exact(x + step, alpha) - exact(x - step, alpha)) / (2 * step)
        in_alpha = (exact(x, alpha + step) - exact(x, alpha - step)) / (2 * step)
        return tuple(map(float, (exact(x, alpha), in_x, in_alpha)))


def soft_gradients(module, x):
    x = torch.tensor([x], dtype=module.alpha.dtype, requires_grad=True)
    y = module(x)
    return (y.item(), *(g.item() for g in torch.autograd.grad(y, (x, module.alpha))))


@pytest.mark.parametrize(("dtype", "digits"), [(torch.float64, 4e-15), (torch.float32, 2e-6)])
@pytest.mark.parametrize("alpha", ALPHAS)
def test_soft_exponential_keeps_its_digits_for_every_alpha(alpha, dtype, digits):
    module = activations.make("soft_exponential", alpha=alpha).to(dtype)
    alpha = module.alpha.item()
    inside = [x for x in POINTS if alpha > 0 or 1 - alpha * (x + alpha) > 0.01]
    for x in inside:
        got = soft_gradients(module, x)
        x = torch.tensor(x, dtype=dtype).item()
        assert got == pytest.approx(exact_gradients(x, alpha), rel=digits, abs=digits), x


@pytest.mark.parametrize("alpha", [0.0, 1e-12, -1e-12, 1e-31, -1e-31, 1e-300])
def test_soft_exponential_at_0_has_the_gradient_of_both_sides(alpha):
    module = activations.make("soft_exponential", alpha=alpha).double()
    for x in POINTS:
        assert soft_gradients(module, x) == pytest.approx((x, 1, 1 + x * x / 2), abs=1e-8)


@pytest.mark.parametrize("wanted", [-0.5, 0.5])
def test_soft_exponential_leaves_0_towards_what_fits(wanted):
    module = activations.make("soft_exponential")
    x = torch.linspace(-1, 2, 200)
    target = torch.tensor([soft_exponential(v, wanted) for v in x.tolist()])
    updates = SGD(module.parameters(), 0.01)
    for _ in range(300):
        updates.zero_grad()
        (module(x) - target).square().mean().backward()
        updates.step()
    assert module.alpha.item() == pytest.approx(wanted, abs=0.01)


@pytest.mark.parametrize("alpha", [-0.01, -0.5, -1.0, -3.0])
def test_soft_exponential_is_held_where_its_logarithm_would_end(alpha):
    module = activations.make("soft_exponential", alpha=alpha).double()
    end = 1 / alpha - alpha
    held = math.log(1e-3) / -alpha
    for x in (end - 5e-4 / alpha, end, end - 1, -1e6):
        value, in_x, in_alpha = soft_gradients(module, x)
        assert (value, in_x) == (pytest.approx(held), 0)
        assert in_alpha == pytest.approx(math.log(1e-3) / alpha**2)
    value, in_x, _ = soft_gradients(module, end - 2e-3 / alpha)  # still free
    assert value > held and in_x == pytest.approx(500, rel=1e-4)


@pytest.mark.parametrize("alpha", [1e-3, 0.4, 0.6, 1.0, 5.0, -1e-3, -0.4, -0.6, -1.0, -5.0])
def test_soft_exponential_stays_finite_far_out(alpha):
    module = activations.make("soft_exponential", alpha=alpha)
    x = torch.tensor([-1e4, -100.0, 100.0, 1e4], requires_grad=True)
    y = module(x)
    y.sum().backward()
    assert y.isfinite().all() and x.grad.isfinite().all() and module.alpha.grad.isfinite()
    assert module(torch.full((40,), math.nan)).isnan().all()


# --- srelu --------------------------------------------------------------------------------------


def test_srelu_has_no_jump_at_its_kinks_and_takes_the_outer_slopes_there():
    values = {"left": -0.5, "left_slope": 0.25, "gap": -1.5, "right_slope": 3.0}
    module = fill(activations.make("srelu").double(), **values)
    for kink, slopes in ((-0.5, [0.25, 0.25, 1]), (1.0, [1, 3, 3])):
        beside = [math.nextafter(kink, -9), kink, math.nextafter(kink, 9)]
        x = torch.tensor(beside, dtype=torch.float64, requires_grad=True)
        y = module(x)
        assert y.tolist() == pytest.approx([kink] * 3, abs=1e-15)
        assert torch.autograd.grad(y.sum(), x)[0].tolist() == slopes


def test_srelu_keeps_its_kinks_in_order_however_far_they_are_pushed():
    module = fill(activations.make("srelu"), left=0.5, left_slope=0.0, gap=-0.25, right_slope=0.0)
    x = torch.linspace(-2, 2, 401)
    assert torch.equal(module(x), x.clamp(0.5, 0.75))


# --- rational -----------------------------------------------------------------------------------


def fit(numerator, denominator):
    """Least squares for leaky_relu(0.01) on 601 points from -3 to 3, from a start of one's own."""
    x = np.linspace(-3, 3, 601)
    powers, sizes = np.vander(x, 6, increasing=True), np.vander(abs(x), 5, increasing=True)[:, 1:]

    def misfit(c):
        return powers @ c[:6] / (1 + sizes @ abs(c[6:])) - np.where(x > 0, x, 0.01 * x)

    found = least_squares(misfit, [*numerator, *denominator], xtol=1e-15, ftol=1e-15, gtol=1e-15)
    return found.x, abs(found.fun).max()


def test_rational_starts_at_the_least_squares_fit_to_leaky_relu():
    found, largest = fit([0.05, 0.5, 0.5, 0, 0, 0], [0.5, 0.5, 0.1, 0.1])
    assert found[:6] == pytest.approx(rational.NUMERATOR, abs=5e-6)
    assert abs(found[6:]) == pytest.approx(rational.DENOMINATOR, abs=5e-6)
    x = torch.linspace(-3, 3, 601)
    gap = activations.make("rational")(x) - activations.make("leaky_relu")(x)
    assert gap.abs().max().item() == pytest.approx(largest, abs=1e-5) and largest < 0.03


def test_rational_is_finite_as_far_as_it_says():
    module = activations.make("rational")
    x = torch.tensor([-1e7, 1e7], requires_grad=True)
    y = module(x)
    y.sum().backward()
    slope = rational.NUMERATOR[5] / rational.DENOMINATOR[3]
    assert y.tolist() == pytest.approx([-1e7 * slope, 1e7 * slope], rel=1e-4)
    assert x.grad.tolist() == pytest.approx([slope, slope], rel=1e-4)


# --- apl ----------------------------------------------------------------------------------------


def test_apl_spreads_its_hinges_and_starts_as_relu():
    module = activations.make("apl", hinges=5)
    assert module.places.tolist() == [-1, -0.5, 0, 0.5, 1]
    x = torch.linspace(-2, 2, 41)
    assert torch.equal(module(x), x.relu())


@pytest.mark.parametrize("hinges", [0, -1, 2.0, True, "2", None])
def test_the_config_takes_whole_numbers_of_hinges(hinges):
    what, fits = CONSTANTS["int"]
    assert not fits(hinges) and fits(1) and "whole number" in what


def test_the_affine_network_starts_where_no_gradient_is_more_than_rounding():
    """With beta = 0 nothing passes; what the last alpha and beta get shrinks with the precision."""
    x = torch.rand(200, 4, generator=torch.Generator().manual_seed(0))
    labels = (x.sum(1) > 2).long()
    sizes = {}
    for dtype in (torch.float32, torch.float64):
        torch.manual_seed(0)
        new = activations.factory({"function": "affine"})
        model = architectures.build("banknote_mlp", new, (4,), 2).to(dtype)
        torch.nn.functional.cross_entropy(model(x.to(dtype)), labels).backward()
        own = [m for m in model.modules() if hasattr(m, "beta")]
        sizes[dtype] = [max(m.alpha.grad.abs(), m.beta.grad.abs()).item() for m in own]
    assert sizes[torch.float32][:2] == sizes[torch.float64][:2] == [0, 0]
    assert sizes[torch.float64][2] < 1e-6 * sizes[torch.float32][2] < 1e-9
