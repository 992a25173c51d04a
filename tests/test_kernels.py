"""Our kernels against torch's own and against float64; bfloat16 near it, refused where it fails."""

import copy
import logging
import math

import pytest
import torch
from test_experiment import LEARNED, run, table
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from actgrid import activations, architectures, experiment, kernels
from actgrid.activations import pieces, piecewise
from actgrid.architectures import ARCHITECTURES
from actgrid.architectures.initialisation import initialise
from actgrid.optimizers import SGD

LARGE = (256, 200, 100)  # rows, inputs, outputs: more multiplications than kernels.LEAST


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def layer(inputs, outputs, bias=True):
    return initialise(nn.Linear(inputs, outputs, bias), torch.Generator().manual_seed(0))


def passes(module, x, *parameters):
    """The output, and the gradients of the input and of the parameters."""
    x = x.clone().requires_grad_()
    y = module(x)
    gradient = drawn(*y.shape, seed=1).to(y.dtype)
    return [y, *torch.autograd.grad(y, [x, *(parameters or module.parameters())], gradient)]


PRODUCTS = {"mm", "addmm", "addmm_", "_linear_pointwise"}  # of matrices


class Calls(TorchDispatchMode):
    """The names of the operations within it."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.append(function.overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


def taken(monkeypatch):
    """A list that grows with every forward pass of a layer that is taken for a large one."""
    calls, forward = [], kernels._Product.forward
    note = staticmethod(lambda *a: calls.append(1) or forward(*a))
    monkeypatch.setattr(kernels._Product, "forward", note)
    return calls


# --- linear layers ------------------------------------------------------------------------------


AVAILABLE = {
    "mkl": torch.backends.mkl.is_available(),
    "onednn": torch.backends.mkldnn.is_available(),
}


@pytest.fixture(params=AVAILABLE)
def library(request, monkeypatch):
    """The library of large products, as if the processor were one for it."""
    if not AVAILABLE[request.param]:
        pytest.skip(f"no {request.param}")
    monkeypatch.setattr(kernels, "mkl_is_wide", lambda: request.param == "mkl")
    return request.param


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("turned", [True, False])
def test_a_large_layer_is_ours_and_as_near_to_float64_as_torchs(bias, turned, library, monkeypatch):
    rows, inputs, outputs = LARGE
    plain, calls = layer(inputs, outputs, bias), taken(monkeypatch)
    ours = kernels.prepare(nn.Sequential(copy.deepcopy(plain)), "float32")
    x = drawn(inputs, rows).t() if turned else drawn(rows, inputs)
    exact = passes(copy.deepcopy(plain).double(), x.double())
    for own, torchs, true in zip(passes(ours, x), passes(plain, x), exact, strict=True):
        distance = (own - true).abs().max()
        assert own.dtype == torch.float32 and distance <= 4 * (torchs - true).abs().max()
    assert len(calls) == 1


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_step_of_sgd_is_the_same_where_the_gradient_is_left_as_factors(library, momentum):
    rows, inputs, outputs = LARGE
    plain, x = layer(inputs, outputs), drawn(rows, inputs)
    ours = kernels.prepare(nn.Sequential(copy.deepcopy(plain)), "float32")
    for model, optimizer in ((plain, torch.optim.SGD), (ours, SGD)):
        updates = optimizer(model.parameters(), 0.1, momentum)
        for _ in range(3):
            loss = model(x).square().mean()
            updates.zero_grad()
            loss.backward()
            written = model is plain or library == "onednn" or momentum
            assert (next(model.parameters()).grad is not None) == bool(written)
            updates.step()
    for own, torchs in zip(ours.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(own, torchs, atol=1e-6) and own.factors is None
    assert passes(ours, x)[2].norm() > 0  # between steps there is a gradient as ever
    fresh = SGD(plain.parameters(), 0.1, momentum)
    fresh.step()  # with the gradients that are there


@pytest.mark.parametrize("first", [True, False])
def test_the_first_layers_input_is_given_no_gradient(first, library):
    rows, inputs, outputs = LARGE
    model = kernels.prepare(nn.Sequential(layer(inputs, outputs)), "float32")
    x = drawn(rows, inputs).requires_grad_(not first)
    with Calls() as seen:
        model(x).sum().backward()
    assert sum(name in PRODUCTS for name in seen.names) == (
        2 if first else 3
    )  # forward, the weight's gradient, the input's


@pytest.mark.parametrize("shape", [(8, 200), (2, 256, 200), (0, 200), (256, 200)])
def test_small_empty_and_other_inputs_are_torchs_to_the_last_bit(shape, monkeypatch):
    monkeypatch.setattr(kernels, "mkl_is_wide", lambda: False)  # whose weights lie otherwise
    dtype = torch.float64 if shape == (256, 200) else torch.float32
    plain, calls, x = layer(200, 100).to(dtype), taken(monkeypatch), drawn(*shape).to(dtype)
    ours = kernels.prepare(nn.Sequential(copy.deepcopy(plain)), "float32")
    assert all(map(torch.equal, passes(ours, x), passes(plain, x)))
    assert not calls


@pytest.mark.parametrize(
    ("processor", "width", "mkl"),
    [
        ("Intel(R) Xeon(R) CPU @ 2.50GHz", "AVX512", True),
        ("AMD EPYC", "AVX512", False),
        ("AMD EPYC", "AVX2", True),
    ],
)
def test_mkl_multiplies_where_it_takes_the_whole_width(processor, width, mkl, monkeypatch):
    monkeypatch.setattr(kernels, "processor", lambda: processor)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: width)
    assert kernels.mkl_is_wide.__wrapped__() == (mkl and torch.backends.mkl.is_available())


def test_nan_and_infinity_go_through(library):
    rows, inputs, outputs = LARGE
    ours = kernels.prepare(nn.Sequential(layer(inputs, outputs)), "float32")
    x = drawn(rows, inputs)
    x[3, 0], x[5, 0] = math.nan, math.inf
    y = ours(x)
    assert y[3].isnan().all() and not y[5].isfinite().any() and y[[4, 6]].isfinite().all()


# --- a convolution ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1, 3, 3), (1, 5, 2), (3, 1, 1), (2, 3, 4)])
def test_a_single_small_convolution_is_ours_and_as_near_to_float64_as_torchs(shape):
    channels, *kernel = shape
    plain = initialise(nn.Conv2d(channels, 7, kernel), torch.Generator().manual_seed(0))
    ours = kernels.prepare(nn.Sequential(copy.deepcopy(plain)), "float32")
    x, found = drawn(40, channels, 12, 9), []
    gradient = drawn(*plain(x).shape, seed=1)
    for layer in (ours, plain, copy.deepcopy(plain).double()):
        dtype = next(layer.parameters()).dtype
        y = layer(x.to(dtype))
        found.append([y, *torch.autograd.grad(y, layer.parameters(), gradient.to(dtype))])
    assert type(ours[0]) is kernels.Convolution
    for own, torchs, true in zip(*found, strict=True):
        assert own.shape == true.shape
        assert (own - true).abs().max() <= 4 * (torchs - true).abs().max() + 1e-6


OTHERS = {
    "stride": {"stride": 2},
    "padding": {"padding": 1},
    "padding in words": {"padding": "same"},
    "dilation": {"dilation": 2},
    "groups": {"groups": 2},
    "no bias": {"bias": False},
    "many weights": {"in_channels": 4},
}


@pytest.mark.parametrize("what", OTHERS)
def test_another_convolution_stays_torchs(what):
    settings = {"in_channels": 2, "out_channels": 4, "kernel_size": 3} | OTHERS[what]
    assert type(kernels.prepare(nn.Sequential(nn.Conv2d(**settings)), "float32")[0]) is nn.Conv2d


def test_a_convolution_of_what_needs_a_gradient_is_torchs():
    plain, x = nn.Conv2d(1, 4, 3), drawn(5, 1, 9, 9)
    ours = kernels.prepare(nn.Sequential(copy.deepcopy(plain)), "float32")
    assert all(map(torch.equal, passes(ours, x), passes(plain, x)))


# --- networks -----------------------------------------------------------------------------------


def built(name, new_activation=nn.ReLU):
    """An architecture, initialised, and a batch for it."""
    shape = (1, 28, 28) if ARCHITECTURES[name] != "tabular" else (10,)
    model = architectures.build(name, lambda width: new_activation(), shape, 10)
    return initialise(model, torch.Generator().manual_seed(0)), drawn(300, *shape)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_prepared_network_is_the_same_network(name):
    """Same names and weights, same output and gradients to rounding, in every architecture.

    Of a smooth activation: at a kink the smallest difference can turn a unit on or off.
    """
    plain, x = built(name, nn.SiLU)
    ours = kernels.prepare(copy.deepcopy(plain), "float32")
    assert all(map(torch.equal, plain.state_dict().values(), ours.state_dict().values()))
    assert list(plain.state_dict()) == list(ours.state_dict())
    found = []
    for model in (plain, ours):
        torch.manual_seed(0)  # of dropout
        found.append(passes(model, x[:64]))
    for one, other in zip(*found, strict=True):
        assert (one - other).norm() <= 3e-4 * max(1, one.norm())  # before BatchNorm biases get 0
    plain, ours = plain.eval(), ours.eval()
    assert torch.allclose(plain(x), ours(x), rtol=1e-3, atol=1e-5)


def test_channels_come_last_where_convolutions_follow_each_other():
    for name, last in (("resnet_norm", True), ("plain", True), ("small_conv", False)):
        model = kernels.prepare(built(name)[0], "float32")
        weights = [
            m.weight for m in model.modules() if isinstance(m, nn.Conv2d) and m.in_channels > 1
        ]
        assert all(w.is_contiguous(memory_format=torch.channels_last) == last for w in weights)


def test_the_layers_of_an_activation_are_left_alone():
    module = activations.from_config(LEARNED)
    model = kernels.prepare(nn.Sequential(nn.Linear(4, 4), module), "float32", apart=[module])
    assert type(model[0]) is kernels.Linear
    inner = [m for m in module.modules() if isinstance(m, nn.Linear)]
    assert inner and {type(m) for m in inner} == {nn.Linear}


@pytest.mark.parametrize("architecture", ["small", "small_conv", "resnet_norm"])
def test_a_run_learns_the_same_by_torchs_kernels_and_by_ours(images, architecture, monkeypatch):
    how = {"architecture": architecture, "learning_rate": 0.005}
    ours = run(images, {"function": "relu"}, **how).history
    monkeypatch.setattr(kernels, "prepare", lambda model, *_, **__: model)
    plain = run(images, {"function": "relu"}, **how).history
    for one, other in zip(ours, plain, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, rel=1e-3)
        assert one.test_accuracy == pytest.approx(other.test_accuracy, abs=2 / 70)


# --- bfloat16 -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["small", "resnet_norm", "mlp_48_24"])
def test_in_bfloat16_the_weights_and_the_output_stay_float32(name):
    plain, x = built(name)
    half, seen = kernels.prepare(copy.deepcopy(plain), "bfloat16"), set()
    for module in half.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda m, inputs, y: seen.add(y.dtype))
    y, *gradients = passes(half, x, *half.parameters())
    assert seen == {torch.bfloat16} and y.dtype == torch.float32
    assert {t.dtype for t in (*gradients, *half.state_dict().values())} <= {
        torch.float32,
        torch.int64,
    }
    assert list(half.state_dict()) == list(plain.state_dict())
    exact = plain(x)
    assert 0 < (y - exact).norm() / exact.norm() < 0.03  # 8 bits, over some layers
    for module in half.modules():
        assert not getattr(module, "weight", torch.ones(1)).isnan().any()


def test_a_run_in_bfloat16_learns_as_in_float32_and_says_so(images):
    few = {"epochs": 6, "diagnostics": True}
    single, half = (run(images, {"function": "hill", "peak": 0.25}, precision=p, **few)
                    for p in ("float32", "bfloat16"))  # fmt: skip
    assert half.facts["settings"]["protocol"]["precision"] == "bfloat16"
    last = half.history[-1]
    assert last.train_loss != single.history[-1].train_loss
    assert last.test_accuracy == pytest.approx(single.history[-1].test_accuracy, abs=0.1)
    assert last.test_accuracy > 0.5 and len(half.layers) == len(single.layers) > 0


@pytest.mark.parametrize("function", ["learned", "transfer"])
def test_what_has_a_table_is_refused_in_bfloat16(function):
    with pytest.raises(ValueError, match=f"bfloat16.*{function}.*float32"):
        run(table(), {**LEARNED, "function": function}, "mlp_48_24", precision="bfloat16")


@pytest.mark.parametrize("fast", [True, False])
def test_a_processor_without_bfloat16_is_warned_of(fast, monkeypatch, caplog):
    monkeypatch.setattr(kernels, "fast_bfloat16", lambda: fast)
    with caplog.at_level(logging.WARNING):
        kernels.prepare(built("small")[0], "float32")
        assert not caplog.records
        kernels.prepare(built("small")[0], "bfloat16")
    assert [r for r in caplog.records if "slow" in r.message] == caplog.records
    assert bool(caplog.records) != fast


def test_the_processor_is_known():
    assert kernels.fast_bfloat16() in (True, False)


# --- processes, pieces --------------------------------------------------------------------------


def test_a_process_that_trains_is_settled(monkeypatch):
    settled = []
    monkeypatch.setattr(kernels, "settle", lambda: settled.append(1))
    experiment.prepare_process(torch.get_num_threads())
    assert settled == [1]


PIECES = {
    "hill": {"knots": [(0, 0), (0.25, 1), (1, 0)]},
    "valley": {"knots": [(-2, 0), (-1, -1), (1, 1), (2, 0)], "at_knot": "zero"},
    "ends": {"knots": [(-1, 2), (1, 0.5)], "left_slope": -1, "right_slope": 2},
    "constant": {"knots": [(0, 3)]},
    "nothing": {"knots": [(0, 0)]},
}
ORDERS = {
    "rows": lambda x: x,
    "channels last": lambda x: x.contiguous(memory_format=torch.channels_last),
    "turned": lambda x: x.transpose(1, 2),
    "every other": lambda x: x[:, :, ::2],
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", PIECES)
def test_large_tensors_taken_by_parts_are_the_same_to_the_last_bit(shape, order, monkeypatch):
    module, x = piecewise.PiecewiseLinear(**PIECES[shape]), drawn(3, 5, 4, 6)
    x.view(-1)[:6] = torch.tensor([0, 0.25, 1, -1, -2, math.nan])
    x = ORDERS[order](x)
    both = []
    for chunk in (10**9, 7):
        monkeypatch.setattr(pieces, "CHUNK", chunk)
        leaf = x.detach().requires_grad_()
        y = module(leaf)
        both += [(y, *torch.autograd.grad(y, leaf, drawn(*y.shape, seed=1)))]
    for whole, by_parts in zip(*both, strict=True):
        assert torch.equal(whole[~x.isnan()], by_parts[~x.isnan()]) and whole.shape == x.shape
    assert all(torch.equal(y.isnan(), x.isnan()) for y, _ in both)


@pytest.mark.parametrize(("slope", "passes"), [(1.0, []), (0.5, ["mul"])])
def test_a_line_through_0_of_slope_1_is_x_itself(slope, passes):
    with Calls() as seen:
        piecewise.slope_relu(slope)(drawn(4, 4))
    assert [name for name in seen.names if name in ("mul", "add")] == passes


BOUNDED = {  # knots, how many bounds the lines are; None: f is no bound of its lines
    "hill": ([(0, 0), (0.25, 1), (1, 0)], 4),
    "two hills": ([(-2, 0), (-1, 1), (0, 0), (1, 1), (2, 0)], 6),
    "a knot without a bend": ([(-1, 0), (0, 1), (0.5, 1.5), (1, 0)], 4),
    "valley": ([(-2, 0), (-1, -1), (1, 1), (2, 0)], None),
    "jump": ([(0, 0), (0, 1)], None),
    "constant": ([(0, 3), (1, 3)], None),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", BOUNDED)
def test_lines_that_bound_each_other_are_the_sum_of_their_pieces(shape, dtype):
    knots, count = BOUNDED[shape]
    module = piecewise.PiecewiseLinear(knots)
    assert (module.bends and len(module.bends)) == count
    if not count:
        return
    x = torch.cat([torch.linspace(-4, 4, 999), torch.tensor([math.inf, -math.inf])]).to(dtype)
    found, nan = module(x), module(torch.full((3,), math.nan, dtype=dtype))
    assert nan.isnan().all()
    module.bends, module._ways = None, {}
    assert torch.allclose(found, module(x), rtol=0, atol=4 * torch.finfo(dtype).eps)
    assert not found[x.abs() > 2.001].any()  # exactly 0 outside, at infinity too


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_slope_is_not_rounded_before_it_multiplies_the_gradient(dtype):
    module = piecewise.PiecewiseLinear([(-1, 0), (0, 1), (3, 0), (4, 7)])  # -1/3 has no end
    x, gradient = torch.rand(500).mul_(2.9).add_(0.05).to(dtype), drawn(500).to(dtype)
    (found,) = torch.autograd.grad(module(x.requires_grad_()), x, gradient)
    assert torch.equal(found, (gradient.float() * (-1 / 3)).to(dtype))
