"""Traps of single activations without trained parameters, and gradients written by hand."""

import math

import pytest
import torch

from actgrid import activations
from actgrid.activations import formulas

HALVES = (torch.bfloat16, torch.float16)
DTYPES = (torch.float64, torch.float32, *HALVES)
TWINS = {  # hand-written function -> torch's own, constants
    "relu_autograd": ("relu", {}),
    "tanh_autograd": ("tanh", {}),
    "leaky_relu_autograd": ("leaky_relu", {"negative_slope": 0.3}),
    "brelu_autograd": ("brelu", {}),
}
HALF = {  # function, whose square or product overflows in half precision on the way -> at 300
    "isru": 300 / math.sqrt(90001),
    "isrlu": 300.0,
    "squareplus": (300 + math.sqrt(90004)) / 2,
    "snake": 300 + math.sin(300) ** 2,
}


def numbers(*shape, dtype=torch.float32, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to(dtype)


def backward(module, x, gradient):
    """The module's values, and the gradient for x that `gradient` brings about."""
    x = x.clone().requires_grad_()
    y = module(x)
    return y.detach(), torch.autograd.grad(y, x, gradient)[0]


def slopes(module, x):
    return backward(module, x, torch.ones_like(x))[1]


# --- hand-written gradients ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", TWINS)
def test_a_hand_written_gradient_is_torchs_to_the_last_bit_at_kinks_too(name, dtype):
    """In half precision to rounding: torch's kernels round once there, ours after every step."""
    twin, constants = TWINS[name]
    ours, theirs = activations.make(name, **constants), activations.make(twin, **constants)
    special = torch.tensor([0.0, -0.0, 1.0, -1.0, 100.0, -100.0, 1e-7, -1e-7, math.inf]).to(dtype)
    plain = numbers(64, 9, dtype=dtype)
    digits = 4 * torch.finfo(dtype).eps if dtype in HALVES else 0
    for x in (plain, plain.t(), torch.stack([special, -special]), plain.reshape(8, 8, 3, 3)):
        gradient = numbers(*x.shape, dtype=dtype, seed=1)
        both = zip(backward(ours, x, gradient), backward(theirs, x, gradient), strict=True)
        assert all(torch.allclose(got, want, rtol=digits, atol=digits) for got, want in both)


@pytest.mark.parametrize("name", TWINS)
def test_a_hand_written_gradient_passes_gradcheck(name):
    module = activations.make(name)
    x = (numbers(6, 5, dtype=torch.float64) + 0.01).requires_grad_()
    assert torch.autograd.gradcheck(module, x)


@pytest.mark.parametrize("name", TWINS)
def test_a_hand_written_function_keeps_its_output_and_nothing_else(name):
    kept = []

    def pack(tensor):
        kept.append(tensor.untyped_storage().data_ptr())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        y = activations.make(name)(numbers(4, 6).requires_grad_())
    assert kept == [y.untyped_storage().data_ptr()]


@pytest.mark.parametrize("slope", [0, -0.1, 1.5, math.nan])
def test_hand_written_leaky_relu_refuses_slopes_that_its_maximum_gets_wrong(slope):
    with pytest.raises(ValueError, match=r"negative_slope = .*above 0 and at most 1"):
        activations.make("leaky_relu_autograd", negative_slope=slope)


# --- brelu --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["brelu", "brelu_autograd"])
@pytest.mark.parametrize("shape", [(8, 5), (3, 4, 6, 7), (5, 2, 3), (2, 1)])
def test_brelu_keeps_the_positive_part_in_even_units_the_negative_in_odd_ones(name, shape):
    x, got = numbers(*shape), activations.make(name)(numbers(*shape))
    for unit in range(shape[1]):
        part = x[:, unit]
        assert torch.equal(got[:, unit], part.clamp(max=0) if unit % 2 else part.clamp(min=0))


@pytest.mark.parametrize("name", ["brelu", "brelu_autograd"])
def test_brelu_treats_all_examples_alike_and_values_without_units_as_unit_0(name):
    module, x = activations.make(name), numbers(7, 4)
    assert torch.equal(module(x.flip(0)), module(x).flip(0))
    assert torch.equal(module(x[0]), x[0].relu()) and torch.equal(module(x[0, 0]), x[0, 0].relu())


# --- randomised leaky relu ----------------------------------------------------------------------


def test_rrelu_draws_a_slope_a_value_in_training_and_takes_the_mean_in_evaluation():
    module = activations.make("rrelu", lower=0.25, upper=0.5)
    x = torch.cat([-torch.ones(4000), torch.ones(100)])
    torch.manual_seed(3)
    first, second = -module(x), -module(x)
    assert (first[4000:] == -1).all() and not torch.equal(first, second)
    drawn = first[:4000]
    assert 0.25 <= drawn.min() < 0.26 and 0.49 < drawn.max() <= 0.5
    assert drawn.mean().item() == pytest.approx(0.375, abs=0.005)
    torch.manual_seed(3)
    assert torch.equal(-module(x), first)
    assert (module.eval()(x)[:4000] == -0.375).all()


# --- numbers that go wrong easily ---------------------------------------------------------------


def test_squareplus_keeps_its_digits_far_below_0():
    x = torch.tensor([-1e2, -1e3, -1e4, -1e6])
    y, slope = backward(activations.make("squareplus"), x, torch.ones(4))
    assert y.tolist() == pytest.approx([-1 / v for v in x.tolist()], rel=2e-4)  # b / (4 |x|)
    assert slope.tolist() == pytest.approx([1 / v**2 for v in x.tolist()], rel=4e-4)


def test_snake_at_alpha_0_is_x_and_near_0_close_to_it():
    x = numbers(50, dtype=torch.float64)
    y, slope = backward(activations.make("snake", alpha=0.0), x, torch.ones(50).double())
    assert torch.equal(y, x) and (slope == 1).all()
    for alpha in (1e-3, -1e-3, 1e-9):
        y, slope = backward(activations.make("snake", alpha=alpha), x, torch.ones(50).double())
        assert torch.allclose(y, x + alpha * x**2, atol=abs(alpha) ** 2, rtol=0)
        assert torch.allclose(slope, 1 + 2 * alpha * x, atol=50 * abs(alpha) ** 2, rtol=0)


def test_telu_is_x_from_where_its_gate_is_1_and_its_slope_has_no_step_there():
    module = activations.make("telu")
    x = torch.tensor([3.999, 4.0, 4.001, 50.0, 1000.0], dtype=torch.float64)
    assert torch.equal(module(x), x)
    assert slopes(module, x).tolist() == pytest.approx([1] * 5, abs=1e-15)


@pytest.mark.parametrize("name", ["isru", "isrlu"])
def test_isru_reaches_its_limit_without_overflow(name):
    module = activations.make(name, alpha=4.0)
    x = torch.tensor([-1e20, -1e38, -math.inf])
    y, slope = backward(module, x, torch.ones(3))
    assert y.tolist() == [-0.5] * 3 and slope.abs().max() < 1e-20


def test_isrlu_is_x_with_slope_1_from_0_on():
    x = torch.tensor([0.0, 1e-30, 1.0, 1e38, math.inf])
    y, slope = backward(activations.make("isrlu"), x, torch.ones(5))
    assert torch.equal(y, x) and (slope == 1).all()


@pytest.mark.parametrize("dtype", HALVES)
@pytest.mark.parametrize("name", HALF)
def test_half_precision_takes_no_harm_from_squares_on_the_way(name, dtype):
    y, slope = backward(activations.make(name), torch.tensor([300.0]).to(dtype), None)
    assert y.dtype == slope.dtype == dtype
    assert y.item() == pytest.approx(HALF[name], rel=torch.finfo(dtype).eps)
    assert slope.isfinite().all()


def test_relu_squared_overflows_in_float16_where_it_says_so():
    x = torch.tensor([255.0, 256.0], dtype=torch.float16)
    y, slope = backward(activations.make("relu_squared"), x, torch.ones_like(x))
    assert y.tolist() == [65024, math.inf] and slope.tolist() == [510, 512]


@pytest.mark.parametrize("name", ["elu", "celu", "selu", "sigmoid", "tanh", "softplus", "mish"])
def test_no_exponential_overflows_into_value_or_gradient(name):
    x = torch.tensor([-1e4, -200.0, -89.0, 89.0, 200.0, 1e4])
    y, slope = backward(activations.make(name), x, torch.ones(6))
    assert y.isfinite().all() and slope.isfinite().all()


def test_the_tanh_form_of_gelu_is_as_near_to_gelu_as_its_docstring_says():
    x = torch.linspace(-6, 6, 20001, dtype=torch.float64)
    gap = (activations.make("gelu_tanh")(x) - activations.make("gelu")(x)).abs().max()
    assert 4.7e-4 < gap < 4.8e-4


@pytest.mark.parametrize(
    ("name", "constant"),
    [("isru", "alpha"), ("isrlu", "alpha"), ("squareplus", "b")],
)
@pytest.mark.parametrize("value", [0, -1.0, math.nan])
def test_constants_that_leave_the_real_numbers_are_refused(name, constant, value):
    with pytest.raises(ValueError, match=f"{constant} = .*: must be above 0"):
        activations.make(name, **{constant: value})


def test_a_slope_is_worked_out_only_where_a_gradient_is_wanted():
    asked = []
    for x in (numbers(5), numbers(5).requires_grad_()):
        formulas.Elementwise.apply(x, lambda wide: (wide + 1, lambda: asked.append(1) or wide))
        assert len(asked) == x.requires_grad
