"""Activations that are small networks: tabulated against exact, far inputs, gradients, files."""

import copy
import math
import warnings

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call

from actgrid import activations, architectures
from actgrid.activations import subnetwork
from actgrid.activations.subnetwork import Interpolation, Weights, batch_norm, locate, spread
from actgrid.architectures.initialisation import initialise

BASES = tuple(subnetwork.BASES)
SIZES = {"small": [16, 8], "medium": [32, 16], "large": [32, 16, 8]}
CASES = [(base, size) for base in BASES for size in SIZES]
# shares of the largest; those of relu arise in the intervals of its kinks
VALUE_ERROR = {"tanh": 1e-5, "gelu": 1e-5, "relu": 1e-3}
WEIGHT_ERROR = {"tanh": 1e-5, "gelu": 2e-5, "relu": 5e-3}
STATISTICS_ERROR = {"tanh": 1e-5, "gelu": 1e-4, "relu": 2e-3}  # relative
NODES = torch.tensor([-3.0, -1.0, 0.0, 0.5, 2.0, 7.0], dtype=torch.float64)


def new(base, layers=(8, 4), evaluation="tabulated", seed=0):
    """A learned activation in float64 with drawn weights."""
    module = activations.make("learned", base=base, layers=list(layers), evaluation=evaluation)
    return initialise(module, torch.Generator().manual_seed(seed)).double()


def twins(base, size):
    """The same activation, tabulated and exact."""
    tabulated = new(base, SIZES[size])
    exact = copy.deepcopy(tabulated)
    exact.evaluation = "exact"
    return tabulated, exact


def drawn(*shape, seed=1, scale=1.5):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=torch.float64, generator=generator) * scale


def trained(module, x):
    """One training pass: values, gradients to x and to the weights; the statistics are updated."""
    x = x.clone().requires_grad_()
    y = module.train()(x)
    (y - x.detach().cos()).square().mean().backward()
    return y.detach(), x.grad, {name: p.grad for name, p in module.named_parameters()}


def seen(module, batches=20):
    """The module in evaluation mode, with statistics of some batches."""
    for seed in range(batches):
        module.train()(drawn(200, seed=seed))
    return module.eval()


def apart(values, right):
    """The largest error, as a share of the largest value."""
    return (values - right).abs().max() / right.abs().max()


def bare(gradients):
    """The names of biases in front of a BatchNorm, which takes them off again."""
    last = max(int(name.split(".")[1]) for name in gradients)
    return [f"network.{n}.bias" for n in range(0, last, 3)]


# --- tabulated against exact --------------------------------------------------------------------


@pytest.mark.parametrize(("base", "size"), CASES)
def test_tabulated_trains_as_exact(base, size):
    tabulated, exact = twins(base, size)
    x = drawn(500, 24)
    (y, to_x, weights), (y_exact, to_x_exact, weights_exact) = (
        trained(module, x) for module in (tabulated, exact)
    )
    assert apart(y, y_exact) < VALUE_ERROR[base]
    # a slope is that of its interval: off by its width, and only there at a kink
    errors = (to_x - to_x_exact).abs().flatten() / to_x_exact.abs().max()
    assert errors.quantile(0.95) < 0.005
    largest = max(gradient.abs().max() for gradient in weights_exact.values())
    for name, gradient in weights_exact.items():
        assert (weights[name] - gradient).abs().max() < WEIGHT_ERROR[base] * largest, name
    for name in bare(weights):
        assert max(g[name].abs().max() for g in (weights, weights_exact)) < 1e-12, name


@pytest.mark.parametrize(("base", "size"), CASES)
def test_tabulated_keeps_the_statistics_of_exact_and_evaluates_as_exact(base, size):
    tabulated, exact = map(seen, twins(base, size))
    theirs = dict(exact.named_buffers())
    for name, buffer in tabulated.named_buffers():
        assert torch.allclose(buffer, theirs[name], rtol=STATISTICS_ERROR[base], atol=1e-6), name
    assert tabulated.network[1].num_batches_tracked == 20
    exact.load_state_dict(tabulated.state_dict())
    x = drawn(500, 24, seed=99)
    assert apart(tabulated(x), exact(x)) < VALUE_ERROR[base]


@pytest.mark.parametrize(
    ("far", "tolerance"),
    [(0.5, 1e-3), (50, 1e-3), (500, 5e-3)],  # relative; the table is wide there
)
@pytest.mark.parametrize("base", BASES)
def test_few_scalars_far_out_are_met_as_exactly(base, far, tolerance):
    tabulated, exact = twins(base, "medium")
    x = drawn(500, 24)
    x[0, 0], x[1, 1] = far, -far
    (y, _, weights), (y_exact, _, weights_exact) = (trained(m, x) for m in (tabulated, exact))
    assert apart(y, y_exact) < tolerance
    ours, theirs = (torch.cat([g.flatten() for g in w.values()]) for w in (weights, weights_exact))
    assert (ours - theirs).norm() < 0.01 * theirs.norm()
    for name, buffer in tabulated.named_buffers():
        assert torch.allclose(
            buffer, exact.get_buffer(name), rtol=max(tolerance, STATISTICS_ERROR[base]), atol=1e-5
        ), name


@pytest.mark.parametrize("base", BASES)
def test_beyond_the_table_lines_go_on_and_means_are_kept(base):
    """The variance is not: a batch wholly out there ends as NaN, which makes the run diverged."""
    tabulated, exact = twins(base, "medium")
    x = drawn(500, 24)
    x[0, 0], x[1, 1], x[2, 2] = 5000, -5000, 4000
    y, to_x, weights = trained(tabulated, x)
    trained(exact, x)
    assert all(t.isfinite().all() for t in (y, to_x, *weights.values()))
    ours, theirs = (module.network[1].running_mean for module in (tabulated, exact))
    assert torch.allclose(ours, theirs, rtol=1e-9)
    exact.load_state_dict(tabulated.state_dict())
    assert apart(tabulated.eval()(x), exact.eval()(x)) < 0.002
    assert tabulated.train()(5000 + drawn(50)).isnan().all()


# --- shapes, dtypes, what is no number ----------------------------------------------------------


@pytest.mark.parametrize("evaluation", ["tabulated", "exact"])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(12,), (6, 2), (2, 3, 2, 1), (12, 1)])
def test_any_shape_and_memory_layout_is_a_bag_of_scalars(evaluation, training, shape):
    x = drawn(12)
    expected = new("gelu", evaluation=evaluation).train(training)(x)
    module = new("gelu", evaluation=evaluation).train(training)
    assert torch.allclose(module(x.view(shape)), expected.view(shape), rtol=1e-12)
    module = new("gelu", evaluation=evaluation).train(training)
    turned = x.view(shape).transpose(0, -1)  # not contiguous, as a channels-last batch
    assert torch.allclose(module(turned), expected.view(shape).transpose(0, -1), rtol=1e-12)


@pytest.mark.parametrize("base", BASES)
def test_one_scalar(base):
    """It has no variance: exact training refuses as BatchNorm does, tabulated takes 0."""
    tabulated, exact = twins(base, "small")
    for shape in ((), (1,), (1, 1)):
        x = torch.full(shape, 0.3, dtype=torch.float64)
        assert tabulated.train()(x).isfinite() and tabulated(x).shape == shape
        with pytest.raises(ValueError, match="more than 1 value"):
            exact.train()(x)
        exact.load_state_dict(tabulated.state_dict())
        assert torch.allclose(tabulated.eval()(x), exact.eval()(x), atol=VALUE_ERROR[base])


@pytest.mark.parametrize("base", BASES)
def test_float32_agrees_with_float64(base):
    module = seen(new(base, SIZES["medium"]))
    x = drawn(2000)
    for training, tolerance in ((False, 1e-5), (True, 2e-4)):
        single = copy.deepcopy(module).float().train(training)
        y = single(x.float())
        assert y.dtype == torch.float32
        assert torch.allclose(y.double(), module.train(training)(x), atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("base", BASES)
def test_half_precision_trains_to_nan_not_to_wrong_numbers(base, dtype):
    """The table's nodes do not fit into it; a run in bfloat16 is refused."""
    assert new(base).to(dtype)(drawn(100).to(dtype)).isnan().all()


@pytest.mark.parametrize("kind", ["tabulated", "exact", "frozen"])
@pytest.mark.parametrize("base", BASES)
def test_nan_and_infinity_stay_where_they_are(base, kind):
    module = seen(new(base))
    module.evaluation = "exact" if kind == "exact" else "tabulated"
    module = subnetwork.Frozen(module) if kind == "frozen" else module
    x = drawn(100)
    expected, bad = module(x), {3: math.nan, 50: math.inf, 70: -math.inf}
    for place, value in bad.items():
        x[place] = value
    y = module(x)
    assert y[3].isnan()
    if kind != "exact":  # that has a limit where the base has one; a table has a straight end
        assert not y[[50, 70]].isfinite().any()
    rest = [n for n in range(100) if n not in bad]
    assert torch.allclose(y[rest], expected[rest], rtol=1e-12)


@pytest.mark.parametrize("evaluation", ["tabulated", "exact"])
def test_nan_in_training_is_everywhere_as_it_enters_the_statistics(evaluation):
    for bad in (math.nan, math.inf, -math.inf):
        module, x = new("tanh", evaluation=evaluation), drawn(100)
        x[3] = bad
        assert module(x).isnan().all() and not module.network[1].running_mean.isfinite().all()


# --- the table ----------------------------------------------------------------------------------


def test_nodes_increase_from_end_to_end_with_one_at_0():
    nodes = subnetwork.table_nodes()
    assert len(nodes) == subnetwork.INTERVALS + 1 and (nodes.diff() > 0).all()
    assert nodes[[0, -1]].tolist() == pytest.approx([-1000, 1000], rel=1e-4)
    assert nodes[subnetwork.INTERVALS // 2] == 0 and torch.allclose(nodes, -nodes.flip(0))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_each_scalar_is_in_its_interval_and_the_outer_ones_reach_on(dtype):
    nodes = subnetwork.table_nodes().to(dtype)
    x = torch.cat([drawn(5000, scale=s) for s in (0.01, 1, 10, 300)]).to(dtype)
    x = x[x.abs() < nodes[-1]]
    index = locate(x, nodes)
    slack = 1e-5 * (1 + x.abs())  # rounding may pass a node by a hair, where both lines meet
    assert (nodes[index] <= x + slack).all() and (x - slack <= nodes[index + 1]).all()
    ends = torch.tensor([-1e30, -5000, 5000, 1e30], dtype=dtype)
    assert locate(ends, nodes).tolist() == [0, 0, len(nodes) - 2, len(nodes) - 2]


SCALARS = st.lists(st.floats(-1e4, 1e4), min_size=1, max_size=30)


@settings(deadline=None)
@given(SCALARS, st.randoms(use_true_random=False))
def test_spread_keeps_mass_and_moment(scalars, random):
    x = torch.tensor(scalars, dtype=torch.float64)
    nodes = subnetwork.table_nodes().double()
    for mass in (None, torch.tensor([random.uniform(-2, 2) for _ in scalars]).double()):
        sums = spread(locate(x, nodes), x, nodes, mass)
        weights = torch.ones_like(x) if mass is None else mass
        scale = weights.abs().sum().item() * (1 + x.abs().max().item())
        assert sums.sum().item() == pytest.approx(weights.sum().item(), abs=1e-9 * scale)
        assert (sums @ nodes).item() == pytest.approx((weights @ x).item(), abs=1e-9 * scale)


def test_spread_by_hand():
    x = torch.tensor([-2.5, 0.0, 0.0, 1.25, 2.0], dtype=torch.float64)
    index = torch.tensor([0, 2, 2, 3, 4])
    assert spread(index, x, NODES).tolist() == [0.75, 0.25, 2.0, 0.5, 1.5, 0.0]
    mass = torch.tensor([4.0, 1.0, -1.0, 2.0, 10.0], dtype=torch.float64)
    assert spread(index, x, NODES, mass).tolist() == [3.0, 1.0, 0.0, 1.0, 11.0, 0.0]


@pytest.mark.parametrize("counts", [[3, 1, 4, 2], [1, 0, 1, 1], [0, 0, 0, 1]])
def test_batch_norm_equals_torchs_where_each_node_stands_for_so_many_scalars(counts):
    ours, torchs = (nn.BatchNorm1d(3).double() for _ in range(2))
    for layer in (ours, torchs):
        layer.weight.data, layer.bias.data = drawn(3, seed=5), drawn(3, seed=6)
    v = drawn(4, 3).requires_grad_()
    weights, pull = torch.tensor(counts, dtype=torch.float64), drawn(4, 3, seed=7)
    y = batch_norm(ours, v, weights, sum(counts))
    if sum(counts) == 1:  # torch's refuses
        assert torch.allclose(y[3], ours.bias) and (ours.running_var == 0.9).all()
        return
    each = torch.repeat_interleave(torch.arange(4), torch.tensor(counts))
    y_torch = torchs(v[each])
    assert torch.allclose(y[each], y_torch)
    for name, buffer in ours.named_buffers():
        assert torch.allclose(buffer, torchs.get_buffer(name)), name
    loss, loss_torch = (weights[:, None] * pull * y).sum(), (pull[each] * y_torch).sum()
    gradients = torch.autograd.grad(loss, [v, *ours.parameters()])
    assert all(
        map(torch.allclose, gradients, torch.autograd.grad(loss_torch, [v, *torchs.parameters()]))
    )


# --- gradients against finite differences -------------------------------------------------------

AWAY = torch.tensor([-4.2, -2.0, -0.5, 0.2, 0.3, 1.0, 5.0, 9.0], dtype=torch.float64)  # from NODES
INDEX = torch.tensor([0, 0, 1, 2, 2, 3, 4, 4])


def test_gradients_of_the_weights():
    x = AWAY.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: Weights.apply(x, INDEX, NODES), x)


def test_gradients_of_the_interpolation():
    values = drawn(6).requires_grad_()
    x = AWAY.view(2, 4).clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda *a: Interpolation.apply(*a, INDEX, NODES), (x, values))
    y = Interpolation.apply(x, values, INDEX, NODES).flatten()[1:-1]  # inside
    assert y[0].item() == pytest.approx((values[0] + values[1]).item() / 2)  # -2 is half-way
    # no gradient is worked out that nobody asked for
    (to_x,) = torch.autograd.grad(Interpolation.apply(x, values.detach(), INDEX, NODES).sum(), x)
    slopes = values.detach().diff() / NODES.diff()
    assert torch.allclose(to_x.flatten(), slopes[INDEX])


@pytest.mark.parametrize("evaluation", ["tabulated", "exact"])
@pytest.mark.parametrize("base", BASES)
def test_gradients_of_the_whole_through_the_statistics(base, evaluation):
    module = new(base, [3, 2], evaluation)
    names, parameters = zip(*module.named_parameters(), strict=True)
    x = (drawn(9, seed=4) + 0.0017).requires_grad_()

    def values(x, *parameters):
        return functional_call(module, dict(zip(names, parameters, strict=True)), (x,))

    assert torch.autograd.gradcheck(values, (x, *parameters), eps=1e-7, atol=1e-5)


# --- files and frozen functions -----------------------------------------------------------------


@pytest.fixture
def saved(tmp_path):
    """A module in evaluation mode and the file of it that a run leaves."""
    module = seen(activations.make("learned", base="gelu", layers=[8, 4]).double()).float()
    torch.save(module.document({"epoch": 7, "valid_auc": 0.9}), tmp_path / "activation.pt")
    return module, tmp_path / "activation.pt"


def test_a_saved_activation_is_plain_data_and_comes_back_as_it_was(saved):
    module, path = saved
    document = torch.load(path, weights_only=True)
    assert list(document) == ["base", "layers", "evaluation", "state_dict", "scores"]
    assert document["scores"] == {"epoch": 7, "valid_auc": 0.9}
    assert "nodes" not in document["state_dict"]  # the same for all
    again, x = subnetwork.load(path), drawn(100).float()
    assert not again.training and all(p.requires_grad for p in again.parameters())
    assert (again.base, again.layers, again.evaluation) == ("gelu", [8, 4], "tabulated")
    assert torch.equal(again(x), module(x))


def foreign(path, document):
    """Writes files that hold no learned activation; name -> how."""
    whole = path.read_bytes()
    return {
        "text": lambda: path.write_text("hello\n"),
        "table": lambda: path.write_text("x,f\n1,2\n"),
        "empty": lambda: path.write_bytes(b""),
        "cut": lambda: path.write_bytes(whole[:500]),
        "missing": path.unlink,
        "tensor": lambda: torch.save(torch.zeros(3), path),
        "list": lambda: torch.save([1], path),
        "code": lambda: torch.save({"base": path}, path),  # no plain value: not unpickled
        "bare": lambda: torch.save(document["state_dict"], path),
        "base": lambda: torch.save({**document, "base": "sine"}, path),
        "layers": lambda: torch.save({**document, "layers": [9, 4]}, path),
        "state": lambda: torch.save({**document, "state_dict": [1]}, path),
    }


KINDS = ("text", "table", "empty", "cut", "missing", "tensor", "list", "code", "bare", "base",
         "layers", "state")  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_something_else_is_refused_by_name(saved, kind):
    _, path = saved
    foreign(path, torch.load(path))[kind]()
    with warnings.catch_warnings(), pytest.raises(ValueError) as caught:
        warnings.simplefilter("ignore")  # torch's, on indexing a tensor by a word
        activations.make("transfer", source=str(path))
    assert str(caught.value).startswith(f"{path} holds no learned activation: ")
    assert "\n" not in str(caught.value)


def test_a_frozen_activation_learns_nothing_and_follows_no_mode(saved):
    module, path = saved
    frozen = activations.make("transfer", source=path)
    assert not list(frozen.parameters())
    x = drawn(50, 3).float()
    expected = module(x)
    for training in (True, False):
        assert torch.equal(frozen.train(training)(x), expected)
        assert torch.equal(frozen(x + 5), module(x + 5)), "statistics of a batch were used"
    before = copy.deepcopy(frozen.state_dict())
    frozen.train()(100 * x)
    assert all(map(torch.equal, before.values(), frozen.state_dict().values()))


@pytest.mark.parametrize("base", BASES)
def test_gradients_pass_through_a_frozen_activation(base):
    frozen = subnetwork.Frozen(seen(new(base)))
    x = (drawn(20) + 0.0017).requires_grad_()
    assert torch.autograd.gradcheck(frozen, x, eps=1e-7)


def test_a_frozen_activation_serves_a_convolutional_network(saved):
    new_activation = activations.factory({"function": "transfer", "source": str(saved[1])})
    network = architectures.build("small_conv", new_activation, (1, 6, 6), 10)
    fixed = architectures.build("small_conv", lambda width: nn.ReLU(), (1, 6, 6), 10)
    assert architectures.parameter_count(network) == architectures.parameter_count(fixed)
    assert network[1] is not network[4]
    initialise(network, torch.Generator().manual_seed(0))
    logits = network.train()(drawn(5, 1, 6, 6).float())
    nn.functional.cross_entropy(logits, torch.arange(5)).backward()
    assert logits.shape == (5, 10)
    assert all(p.grad.isfinite().all() and p.grad.any() for p in network.parameters())


# --- one for all layers, bad constants ----------------------------------------------------------


def test_a_learned_activation_is_one_for_all_layers_and_counted_once():
    factory = activations.factory({"function": "learned", "base": "tanh", "layers": [16, 8]})
    network = nn.Sequential(nn.Linear(4, 5), factory(5), nn.Linear(5, 6), factory(6))
    assert network[1] is network[3]
    by_hand = (2 * 16 + 2 * 16) + (17 * 8 + 2 * 8) + 9
    assert sum(p.numel() for p in factory(7).parameters()) == by_hand == 225
    assert sum(p.numel() for p in network.parameters()) == 25 + 36 + by_hand
    other = activations.factory({"function": "learned", "base": "tanh", "layers": [16, 8]})
    assert other(5) is not network[1], "shared between networks"


@pytest.mark.parametrize(
    ("constants", "part"),
    [
        ({"base": "sigmoid", "layers": [8]}, "base = 'sigmoid': must be one of tanh, relu, gelu"),
        *(({"base": "tanh", "layers": widths}, "hidden widths, whole numbers of 1 or more")
          for widths in ([], [0], [-3], [1.5], [True])),
        ({"base": "tanh", "layers": [8], "evaluation": "fast"}, "must be tabulated or exact"),
        ({"base": "tanh"}, "layers"),
        ({"base": "tanh", "layers": [8], "bias": True}, "bias"),
    ],
)  # fmt: skip
def test_bad_constants_are_refused(constants, part):
    with pytest.raises(ValueError, match=part):
        activations.make("learned", **constants)
