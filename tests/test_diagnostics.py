"""Rows on the layers of networks: by hand, in the right order, and without a trace in the run."""

import copy
import math

import numpy as np
import pytest
import torch
from test_experiment import BINARY, LEARNED, run, table, without_seconds
from torch import nn

from actgrid import activations, architectures, grid, records
from actgrid.diagnostics import (
    BINS,
    SHARES,
    Layers,
    activation_measures,
    parameters,
    preactivations,
)
from actgrid.experiment import generator
from actgrid.training import Tensors

DISTRIBUTION = ["norm", "rms", "q00", "q01", "q05", "q25", "q50", "q75", "q95", "q99", "q100"]
STATES = ["mean", "variance", "dead", "saturated", "low", "high"]
PLACES = ["epoch", "part", "layer"]
RELU, AFFINE = {"function": "relu"}, {"function": "affine"}


def columns(*distributions):
    return [f"{name}_{measure}" for name in distributions for measure in DISTRIBUTION]


def rows_of(model, modules, probe, loss="cross_entropy", epoch=0):
    """The rows of one moment: (part, layer) -> row."""
    layers = Layers(model, modules, probe, loss)
    layers.take(epoch)
    return {(row["part"], row["layer"]): row for row in layers.rows}


# --- values -------------------------------------------------------------------------------------

X = np.array([[1.0, 2.0], [-1.0, 0.5], [0.5, -1.5], [2.0, 1.0]])
LABELS = np.array([0, 1, 1, 0])
W1, B1 = np.array([[1.0, -0.5], [0.25, 0.75], [0.5, 0.5]]), np.array([0.1, -0.2, -100.0])
W2, B2 = np.array([[0.5, -1.0, 2.0], [-0.5, 1.0, 1.0]]), np.array([0.0, 0.3])


def quantile(values, share):
    """Linear between the order statistics next to it."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = ordered[math.floor(place)]
    return below + (ordered[math.ceil(place)] - below) * (place - math.floor(place))


def spread(values, name):
    """The measures of a distribution, by hand."""
    values = values.ravel().tolist()
    norm = math.sqrt(sum(value**2 for value in values))
    numbers = [norm, norm / math.sqrt(len(values)), *(quantile(values, s) for s in SHARES)]
    return dict(zip(columns(name), numbers, strict=True))


def two_layers():
    """A ReLU network of the weights above in float64; its third hidden unit is always off."""
    model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)).double()
    for layer, weight, bias in ((model[0], W1, B1), (model[2], W2, B2)):
        layer.weight.data, layer.bias.data = torch.tensor(weight), torch.tensor(bias)
    return model


def test_a_network_of_two_layers_by_hand():
    """Backpropagation of the mean cross-entropy, written out."""
    x = X @ W1.T + B1
    y = np.maximum(x, 0)
    shares = np.exp(y @ W2.T + B2)
    to_logits = (shares / shares.sum(1, keepdims=True) - np.eye(2)[LABELS]) / 4
    to_x = to_logits @ W2 * (x > 0)
    low, high = 0.0, y.max()
    places = np.minimum((y.ravel() / high * BINS).astype(int), BINS - 1)
    expected = {
        ("weights", 1): spread(to_x.T @ X, "gradient"),
        ("weights", 2): spread(to_logits.T @ y, "gradient"),
        ("activation", 1): {
            **spread(to_x, "gradient"),
            **spread(x, "preactivation"),
            "mean": y.sum() / 12,
            "variance": ((y - y.sum() / 12) ** 2).sum() / 11,
            "dead": 1 / 3,
            "saturated": np.count_nonzero(x <= 0) / 12,
            **{"low": low, "high": high},
            **{f"bin_{n + 1}": np.count_nonzero(places == n) / 12 for n in range(BINS)},
        },
    }
    model = two_layers()
    rows = rows_of(model, [model[1]], Tensors(torch.tensor(X), torch.tensor(LABELS)), epoch=7)
    assert list(rows) == list(expected)
    for (part, layer), values in expected.items():
        row = rows[part, layer]
        assert list(row) == [*PLACES, *values] and row["epoch"] == 7
        assert [row[key] for key in values] == pytest.approx([*values.values()], rel=1e-6)
    assert rows["activation", 1]["variance"] > 0 < rows["weights", 1]["gradient_norm"]


def measured(function, x, **constants):
    """Measures of an activation at pre-activations x; the loss is the sum of its values."""
    module = activations.make(function, **constants).eval()
    x = torch.tensor(x, requires_grad=True)
    y = module(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    return activation_measures(module, x, y, gradient)


@pytest.mark.parametrize(
    ("function", "constants", "x", "saturated"),
    [
        ("tanh", {}, [[0.0, 1.0, 5.0, -5.0]], 2 / 4),  # 1 - tanh(5)^2 = 0.00018
        ("tanh_autograd", {}, [[0.0, 1.0, 5.0, -5.0]], 2 / 4),
        ("sigmoid", {}, [[0.0, 5.0, 6.0, -6.0]], 2 / 4),  # 0.0066 at 5, 0.0025 at 6
        ("relu", {}, [[-1.0, 0.0, 1.0, 2.0]], 2 / 4),
        ("leaky_relu", {"negative_slope": 0.01}, [[-9.0, 9.0]], 0),
        ("leaky_relu", {"negative_slope": 0.004}, [[-9.0, 9.0]], 1 / 2),
        ("neg_relu", {}, [[-9.0, 9.0, 9.0]], 2 / 3),
        ("slope_relu", {"slope": -1.0}, [[-9.0, 9.0, 9.0]], 1 / 3),  # steep is not saturated
        ("affine", {}, [[-9.0, 9.0]], 1),  # 0 everywhere at the start
    ],
)
def test_a_scalar_is_saturated_where_the_slope_is_next_to_0(function, constants, x, saturated):
    assert measured(function, x, **constants)["saturated"] == pytest.approx(saturated)


@pytest.mark.parametrize(
    ("x", "dead"),
    [
        ([[-1.0, -1.0], [-1.0, 1.0]], 1 / 2),  # the second unit is off for one example only
        ([[-1.0, -2.0], [-3.0, -4.0]], 1),
        ([[[[-1.0, -1.0]], [[-1.0, 1.0]], [[2.0, 2.0]], [[3.0, 3.0]]]], 1 / 4),  # of channels
    ],
)
def test_a_unit_is_dead_that_is_0_for_every_example_and_everywhere(x, dead):
    assert measured("relu", x)["dead"] == dead
    assert measured("tanh", x)["dead"] == 0


def bins_of(measures):
    return [value for name, value in measures.items() if name.startswith("bin_")]


@pytest.mark.parametrize("function", ["relu", "tanh", "gelu", "hill_published"])
def test_histograms_are_shares_from_the_lowest_to_the_highest_value(function):
    constants = {"peak": 0.25} if function == "hill_published" else {}
    x = torch.randn(200, 7, 3, generator=torch.Generator().manual_seed(0))
    measures = measured(function, x.tolist(), **constants)
    y = activations.make(function, **constants)(x).numpy()
    assert (measures["low"], measures["high"]) == (y.min(), y.max())
    assert len(bins_of(measures)) == BINS and sum(bins_of(measures)) == pytest.approx(1)
    assert bins_of(measures) == pytest.approx(np.histogram(y, BINS)[0] / y.size, abs=2 / y.size)


def test_one_value_has_a_histogram_all_the_same():
    measures = measured("relu", [[-1.0, -2.0]])
    assert measures["low"] == measures["high"] == 0
    assert sorted(bins_of(measures)) == [0] * (BINS - 1) + [1]


@pytest.mark.parametrize(
    "x", [[[1.0, math.nan]], [[1.0, math.inf]], [[-3e38, 3e38]]], ids=["NaN", "inf", "too wide"]
)
@pytest.mark.filterwarnings("error")
def test_where_there_is_no_histogram_its_shares_are_nan(x):
    assert all(map(math.isnan, bins_of(measured("leaky_relu", x, negative_slope=1.0))))


# --- in order -----------------------------------------------------------------------------------


class Place(nn.Module):
    """A constant, the number of the module in the order in which they were made."""

    def __init__(self, place):
        super().__init__()
        self.place = nn.Parameter(torch.tensor(float(place)))

    def forward(self, x):
        return x * 0 + self.place


def built(name, new_activation, examples=3):
    """A network of the architecture with PyTorch's own start, its activations, and a probe."""
    made = []
    tables = {"banknote_mlp": 4, "banknote_mlp_5": 4, "mlp_48_24": 10, "mlp_48_24_16": 10}
    shape = (tables[name],) if name in tables else (10,) if name == "mlp_96_48_32" else (1, 28, 28)
    torch.manual_seed(0)
    model = architectures.build(
        name, lambda width: made.append(new_activation(len(made) + 1)) or made[-1], shape, 3
    )
    return model, made, Tensors(torch.rand(examples, *shape), torch.arange(examples) % 3)


@pytest.mark.parametrize("name", architectures.ARCHITECTURES)
def test_activations_are_counted_in_the_order_of_the_forward_pass(name):
    """What passes through a layer and the parameters of its activation stand in one row."""
    model, made, probe = built(name, Place)
    rows = rows_of(model, made, probe)
    found = [row for (part, _), row in rows.items() if part == "activation"]
    assert [row["layer"] for row in found] == list(range(1, len(made) + 1))
    for row in found:
        assert row["mean"] == row["low"] == row["high"] == row["layer"] == row["parameter_place"]


@pytest.mark.parametrize("name", architectures.ARCHITECTURES)
def test_weights_are_counted_in_the_order_of_the_forward_pass(name):
    """Gradients of loss.backward() in the order in which the layers are called."""
    model, made, probe = built(name, lambda place: nn.Tanh())
    rows = rows_of(model, made, probe)
    twin, called = copy.deepcopy(model).eval(), []
    for layer in twin.modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            layer.register_forward_hook(lambda layer, *_: called.append(layer.weight))
    nn.functional.cross_entropy(twin(probe.inputs), probe.labels).backward()
    norms = [weight.grad.norm().item() for weight in called]
    found = [row["gradient_norm"] for (part, _), row in rows.items() if part == "weights"]
    assert found == pytest.approx(norms, rel=1e-4) and len(set(found)) == len(norms)
    assert all(math.isfinite(v) for row in rows.values() for v in row.values() if v != row["part"])


def test_one_module_for_all_layers_has_a_row_for_each():
    module = activations.from_config(LEARNED)
    model, _, probe = built("mlp_48_24", lambda place: module)
    rows = rows_of(model, [module, module], probe)
    assert list(rows) == [("weights", 1), ("weights", 2), ("weights", 3),
                          ("activation", 1), ("activation", 2)]  # fmt: skip
    assert rows["activation", 1]["preactivation_rms"] != rows["activation", 2]["preactivation_rms"]
    assert not [key for row in rows.values() for key in row if key.startswith("parameter_")]


# --- without a trace ----------------------------------------------------------------------------


def state(model):
    """All that training could notice: weights, statistics, gradients, modes, hooks, randomness."""
    return (
        [value.tolist() for value in model.state_dict().values()],
        [p.grad if p.grad is None else p.grad.tolist() for p in model.parameters()],
        [p.requires_grad for p in model.parameters()],
        [module.training for module in model.modules()],
        [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.modules()],
        torch.get_rng_state().tolist(),
        torch.is_grad_enabled(),
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("graded", [True, False])
def test_taking_rows_leaves_the_network_as_it_was(training, graded):
    """Of a network with dropout, BatchNorm and an activation that draws its slopes."""
    model, made, probe = built("banknote_mlp", lambda place: activations.make("rrelu"), 16)
    model.train(training)
    if graded:
        model(probe.inputs).sum().backward()
    before = state(model)
    layers = Layers(model, made, probe, "cross_entropy")
    layers.take(0)
    seconds = layers.seconds
    layers.take(1)
    assert state(model) == before
    first, second = (
        [{**row, "epoch": None} for row in layers.rows if row["epoch"] == epoch] for epoch in (0, 1)
    )
    assert first == second and 0 < seconds < layers.seconds


# data, architecture, activation, protocol
SWITCHED = [
    ("images", "small", {"function": "swish"}, {"shuffle": True}),
    ("banknotes", "banknote_mlp", AFFINE, {"optimizer": "adam", "batch_size": 300}),
    ("banknotes", "banknote_mlp_5", {"function": "rrelu"}, {"shuffle": True, "batch_size": 300}),
    ("table", "mlp_48_24", RELU, BINARY),
    ("table", "mlp_48_24", LEARNED, BINARY | {"epochs": 2}),
]


@pytest.mark.parametrize(("data", "architecture", "activation", "protocol"), SWITCHED)
def test_a_run_gives_the_same_bytes_with_and_without(
    request, data, architecture, activation, protocol
):
    data = table() if data == "table" else request.getfixturevalue(data)
    off, on = (
        run(data, activation, architecture=architecture, diagnostics=diagnostics, **protocol)
        for diagnostics in (False, True)
    )
    assert without_seconds(off) == without_seconds(on)
    assert off.facts["confusion"] == on.facts["confusion"]
    moments = list(range(len(on.history) + 1))
    assert list(dict.fromkeys(row["epoch"] for row in on.layers)) == moments
    assert on.facts["diagnostics_seconds"] > off.facts["diagnostics_seconds"]


def test_the_rows_before_training_are_those_of_the_start_and_then_they_change(banknotes):
    result = run(banknotes, RELU, architecture="banknote_mlp", diagnostics=True)
    again = run(banknotes, RELU, architecture="banknote_mlp", diagnostics=True, learning_rate=0.1)
    moments = {}
    for number, found in enumerate((result, again)):
        for row in found.layers:
            moments.setdefault((number, row["epoch"]), []).append(row)
    assert moments[0, 0] == moments[1, 0] and moments[0, 1] != moments[1, 1]
    assert {len(rows) for rows in moments.values()} == {4 + 3}
    norms = [moments[0, epoch][0]["gradient_norm"] for epoch in range(3)]
    assert len(set(norms)) == 3


# --- trained parameters -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (AFFINE, {"alpha": 0.0, "beta": 0.0}),
        ({"function": "swish", "beta": 1.5}, {"beta": 1.5}),
        ({"function": "prelu", "start": 0.25, "per": "layer"}, {"weight": 0.25}),
        ({"function": "prelu", "start": 0.5, "per": "channel"}, {"weight_1": 0.5, "weight_2": 0.5}),
        ({"function": "apl", "hinges": 2}, {"slopes_1": 0.0, "slopes_2": 0.0, "places_1": -1.0,
                                            "places_2": 1.0}),
        (RELU, {}),
        ({"function": "relu_autograd"}, {}),
        (LEARNED, {}),  # a network itself
    ],
    ids=lambda part: part.get("function", ""),
)  # fmt: skip
def test_trained_parameters_by_name(entry, expected):
    module = activations.factory(entry)(2)
    assert parameters(module) == {f"parameter_{name}": value for name, value in expected.items()}


@pytest.mark.parametrize("diagnostics", [False, True])
def test_parameters_are_followed_from_before_training_on(banknotes, diagnostics):
    result = run(
        banknotes, AFFINE, architecture="banknote_mlp", diagnostics=diagnostics,
        optimizer="adam", epochs=3,
    )  # fmt: skip
    names = ["parameter_alpha", "parameter_beta"]
    rows = [row for row in result.layers if row["part"] == "activation"]
    assert [(row["epoch"], row["layer"]) for row in rows] == [
        (epoch, layer) for epoch in range(4) for layer in (1, 2, 3)
    ]
    values = np.array([[row[name] for name in names] for row in rows])
    assert (values[:3] == 0).all() and (values[3:, 1] != 0).all()
    assert len({tuple(row) for row in values[3:]}) == 9
    if not diagnostics:
        assert rows == result.layers and {tuple(row) for row in rows} == {(*PLACES, *names)}


def test_parameters_are_those_of_the_module_at_that_moment():
    model, made, probe = built("mlp_128_64", lambda place: activations.make("swish"))
    layers = Layers(model, made, None, "cross_entropy")
    for epoch, start in ((0, 1.0), (1, -2.5)):
        made[1].beta.data.fill_(start)
        layers.take(epoch)
    found = [(row["epoch"], row["layer"], row["parameter_beta"]) for row in layers.rows]
    assert found == [(0, 1, 1.0), (0, 2, 1.0), (1, 1, 1.0), (1, 2, -2.5)]


@pytest.mark.parametrize("activation", [RELU, LEARNED], ids=["fixed", "learned"])
def test_there_are_no_rows_where_nothing_is_asked_for_and_nothing_tracked(activation):
    result = run(table(), activation, architecture="mlp_48_24", **BINARY | {"epochs": 1})
    assert result.layers == []
    written = records.files(grid.Run("", "d", "a", "b", 0), result)["layers"]
    assert written == b"epoch,part,layer\n"


# --- networks of every kind ---------------------------------------------------------------------


@pytest.mark.filterwarnings("error")
def test_a_network_that_diverges_has_rows_to_the_end(images):
    result = run(images, RELU, learning_rate=1e20, epochs=5, diagnostics=True)
    assert result.facts["status"] == "diverged"
    last = [row for row in result.layers if row["epoch"] == len(result.history)]
    assert len(last) == 3 + 2 and math.isnan(last[0]["gradient_norm"])
    assert b"nan" in records.files(grid.Run("", "d", "a", "b", 0), result)["layers"]


def test_a_network_of_one_logit_has_the_gradients_of_its_own_loss():
    model = nn.Sequential(nn.Linear(2, 1)).double()
    model[0].weight.data, model[0].bias.data = torch.tensor([[0.5, -1.0]]), torch.tensor([0.25])
    model.double()
    logits = X @ [0.5, -1.0] + 0.25
    expected = ((1 / (1 + np.exp(-logits)) - LABELS)[:, None] * X).mean(0)
    probe = Tensors(torch.tensor(X), torch.tensor(LABELS))
    ((place, row),) = rows_of(model, [], probe, "binary_cross_entropy").items()
    assert place == ("weights", 1)
    assert [row["gradient_q00"], row["gradient_q100"]] == pytest.approx(sorted(expected))


def test_images_of_bytes_are_measured_as_they_are_trained_on(images):
    """The first 512 training examples at most, scaled to [0, 1]."""
    few = run(images, RELU, diagnostics=True, epochs=1, train_examples=64).layers
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 512))
    bound = 1 / 28
    model[1].weight.data.uniform_(-bound, bound, generator=(draw := generator(3, "init")))
    model[1].bias.data.uniform_(-bound, bound, generator=draw)
    x = model(torch.tensor(images.train_x[:64]) / 255)
    assert few[3]["preactivation_rms"] == pytest.approx(x.square().mean().sqrt().item(), rel=1e-5)
    many = run(images, RELU, diagnostics=True, epochs=1).layers
    assert many[3]["preactivation_rms"] != few[3]["preactivation_rms"]


# --- what enters a learned activation -----------------------------------------------------------


def test_preactivations_by_hand_whatever_the_mode_and_the_batches():
    """Layer 1 sees the input, layer 2 the double of it; dropout is off."""
    shared = nn.ReLU()
    double = nn.Linear(1, 1, bias=False)
    nn.init.constant_(double.weight, 2.0)
    model = nn.Sequential(shared, nn.Dropout(0.5), double, shared).train()
    inputs = torch.arange(1001.0)[torch.randperm(1001)][:, None]
    data = Tensors(inputs, torch.zeros(1001))
    rows = preactivations(model, shared, data, 1001)
    assert [row["layer_1"] for row in rows] == list(range(1001))
    assert [row["layer_2"] for row in rows] == list(range(0, 2002, 2))
    both = sorted([*range(1001), *range(0, 2002, 2)])
    assert [row["all"] for row in rows] == [both[2001 * n // 1000] for n in range(1001)]
    assert preactivations(model, shared, data, 300) == rows
    assert not shared._forward_pre_hooks
