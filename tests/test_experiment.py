"""Whole runs: against plain torch, same seed same numbers, what a learned activation leaves."""

import io
import math
from dataclasses import astuple, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from sklearn.metrics import confusion_matrix
from torch import nn

from actgrid import activations, architectures, experiment, grid, records
from actgrid.activations.subnetwork import LearnedActivation
from actgrid.architectures.initialisation import initialise
from actgrid.data import Dataset
from actgrid.protocol import Protocol
from actgrid.training import Tensors

ROOT = Path(__file__).parents[1]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
PROTOCOL = {
    "optimizer": "sgd",
    "learning_rate": 0.05,
    "momentum": 0.0,
    "batch_size": 32,
    "epochs": 2,
    "shuffle": False,
    "loss": "cross_entropy",
    "precision": "float32",
}
BINARY = {
    "optimizer": "adam",
    "learning_rate": 0.01,
    "batch_size": 100,
    "epochs": 8,
    "shuffle": True,
    "loss": "binary_cross_entropy",
    "monitor": "valid_auc",
    "patience": 2,
}
LEARNED = {"function": "learned", "base": "tanh", "layers": [8, 4]}
CPU = torch.device("cpu")
CPU_ONLY = {"device": "cpu", "cuda_graphs": False}


def table(rows=(400, 150, 150)):
    """Training, validation and test part of two classes that a curved line parts, with noise."""
    rng = np.random.default_rng(0)

    def drawn(n):
        x = rng.normal(size=(n, 4)).astype(np.float32)
        return x, (x[:, 0] * x[:, 1] + rng.normal(size=n) > 0).astype(np.uint8)

    arrays = [array for n in rows for array in drawn(n)]
    return Dataset("toy", *arrays, ("no", "yes"), "1" * 64)


def run(data, activation, seed=3, architecture="small", diagnostics=False, place=CPU_ONLY,
        **protocol):  # fmt: skip
    cell = SimpleNamespace(architecture=architecture, seed=seed)
    settings = {"activation": activation, "protocol": PROTOCOL | protocol, **place}
    return experiment.run_one(cell, settings | {"diagnostics": diagnostics}, data)


def without_seconds(result):
    """epochs.csv but for the one column that no two runs share."""
    return records.epochs_text([replace(epoch, seconds=0.0) for epoch in result.history])


# --- one run ------------------------------------------------------------------------------------


def test_a_run_equals_plain_torch(images):
    """The same network trained by torch.optim and a hand-written loop, figure by figure."""
    result = run(images, {"function": "relu"})
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512),
        nn.ReLU(), nn.Linear(512, 4),
    )  # fmt: skip
    initialise(model, experiment.generator(3, "init"))
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    x, y = torch.tensor(images.train_x / 255.0).float(), torch.tensor(images.train_y).long()
    tx, ty = torch.tensor(images.test_x / 255.0).float(), torch.tensor(images.test_y).long()
    for epoch in result.history:
        losses, correct = [], 0
        for start in range(0, 200, 32):
            xb, yb = x[start : start + 32], y[start : start + 32]
            loss = nn.functional.cross_entropy(model(xb), yb)
            correct += (model(xb).argmax(1) == yb).sum().item()
            losses.append(loss.item() * len(yb))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        assert epoch.train_accuracy == correct / 200
        assert epoch.train_loss == pytest.approx(sum(losses) / 200, rel=1e-6)
        assert epoch.test_accuracy == (model(tx).argmax(1) == ty).float().mean().item()
    facts = result.facts
    assert facts["status"] == "ok" and facts["cpu_seconds"] > 0 and facts["device"] == "cpu"
    assert facts["data_sha256"] == images.sha256 and facts["settings"]["protocol"] == PROTOCOL
    assert facts["parameters"] == 784 * 512 + 512 + 512 * 512 + 512 + 512 * 4 + 4
    assert facts["confusion"] == {"evaluation": confusion_matrix(ty, model(tx).argmax(1)).tolist()}
    assert result.learned is None and result.layers == [] and facts["diagnostics_seconds"] < 0.1


@pytest.mark.parametrize("architecture", ["small", "resnet_norm"])
def test_slope_one_trains_bit_for_bit_as_relu(images, architecture):
    few = {"train_examples": 64, "test_examples": 10, "architecture": architecture}
    relu = run(images, {"function": "relu"}, **few)
    slope = run(images, {"function": "slope_relu", "slope": 1.0}, **few)
    assert without_seconds(relu) == without_seconds(slope)


def test_a_restored_epoch_that_cannot_be_tested_is_no_good_run():
    data = table()
    data.test_x[0] = np.inf
    restored = run(data, {"function": "relu"}, **BINARY | {"architecture": "mlp_48_24"})
    assert restored.facts["status"] == "diverged"
    tested = [epoch for epoch in restored.history if epoch.test_loss is not None]
    assert [epoch.diverged for epoch in tested] == [True]


def test_a_diverged_run_is_finished_and_recorded(images):
    result = run(images, {"function": "relu"}, learning_rate=1e20, epochs=5)
    assert result.facts["status"] == "diverged" and result.history[-1].diverged
    assert len(result.history) < 5 and not any(epoch.diverged for epoch in result.history[:-1])
    text = records.epochs_text(result.history)
    assert "nan" in text or "inf" in text
    assert sum(map(sum, result.facts["confusion"]["evaluation"])) == 70


def test_limits_take_the_first_examples_of_each_part():
    protocol = Protocol(**PROTOCOL, train_examples=50, valid_examples=20)
    data = table()
    parts = experiment.parts_of(data, protocol, CPU)
    assert [len(part) for part in vars(parts).values()] == [50, 20, 150]
    assert torch.equal(parts.training.labels, torch.tensor(data.train_y[:50]).long())
    assert torch.equal(parts.validation.inputs, torch.tensor(data.valid_x[:20]))
    assert parts.test.labels.dtype == torch.int64


def test_a_network_that_collapsed_is_a_result(monkeypatch):
    """AUC 0.5 from beginning to end: recorded as it is, not as a failure."""

    class Nothing(nn.Module):
        def forward(self, x):
            return x * 0

    monkeypatch.setattr(activations, "from_config", lambda entry: Nothing())
    result = run(table(), {"function": "relu"}, architecture="mlp_48_24", **BINARY)
    assert result.facts["status"] == "ok" and len(result.history) == 3
    assert {epoch.valid_auc for epoch in result.history} == {0.5}
    assert result.history[0].test_auc == 0.5
    assert ",0.5," in without_seconds(result)


# --- what becomes of the test examples -----------------------------------------------------------


def counted(model, inputs, labels):
    """Confusions of a network of two classes on a test part of one feature."""
    test = Tensors(torch.tensor(inputs)[:, None], torch.tensor(labels))
    return experiment._confusions(SimpleNamespace(seed=3), model, test, 2, 500)


def normalised(*layers):
    """BatchNorm that has seen nothing, `layers`, and class 1 above -0.1."""
    linear = nn.Linear(1, 2)
    linear.weight.data, linear.bias.data = torch.tensor([[0.0], [1.0]]), torch.tensor([0.0, 0.1])
    return nn.Sequential(nn.BatchNorm1d(1), *layers, linear)


FAR = [10.0] * 600 + [20.0] * 600, [0] * 600 + [1] * 600  # inputs, classes; more than one batch


def test_training_mode_has_the_statistics_of_the_whole_test_set():
    """As it is, the network finds all inputs far above 0; among themselves half are below."""
    counts = counted(normalised(nn.Dropout(0.0)), *FAR)
    assert counts == {"evaluation": [[0, 600], [0, 600]], "training": [[600, 0], [0, 600]]}


def test_training_mode_has_dropout():
    """With every feature left out, all that remains is the bias, which says class 1."""
    counts = counted(normalised(nn.Dropout(1.0)), *FAR)
    assert counts["training"] == [[0, 600], [0, 600]]
    (left,) = counted(normalised(nn.Dropout(0.5)), *FAR)["training"][:1]
    assert 240 < left[1] < 360  # of the first class, where no dropout leaves none


def test_the_modes_differ_in_networks_with_dropout_only():
    assert list(counted(normalised(), *FAR)) == ["evaluation"]


def test_counting_leaves_the_network_as_it_was():
    model = normalised(nn.Dropout(0.5))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    first = counted(model, *FAR)
    torch.manual_seed(1)  # the state of the global generator must not matter
    assert counted(model, *FAR) == first
    assert all(map(torch.equal, before.values(), model.state_dict().values()))


def test_confusions_of_runs_hold_every_test_example_and_the_tested_accuracy(banknotes):
    dropped = run(banknotes, {"function": "affine"}, architecture="banknote_mlp_5", batch_size=300)
    restored = run(table(), {"function": "relu"}, architecture="mlp_48_24", **BINARY)
    for result, tests, modes in ((dropped, 275, 2), (restored, 150, 1)):
        (tested,) = [e.test_accuracy for e in result.history if e.test_loss is not None][-1:]
        matrices = [np.array(matrix) for matrix in result.facts["confusion"].values()]
        assert len(matrices) == modes and {matrix.sum() for matrix in matrices} == {tests}
        assert np.trace(matrices[0]) / tests == tested
    assert restored.history[-1].test_loss is None, "the last epoch is the best: nothing is shown"


# --- seeds --------------------------------------------------------------------------------------


def repeated(data, activation, **settings):
    """Texts of a run, of the same one again and of one with another seed."""
    texts = []
    for noise, seed in enumerate((3, 3, 4)):
        torch.manual_seed(noise)  # the state of the global generator must not matter
        texts.append(without_seconds(run(data, activation, seed, **settings)))
    return texts


def test_same_seed_same_bytes_other_seed_other_numbers(images):
    first, again, other = repeated(images, {"function": "relu"}, shuffle=True)
    assert first == again != other
    assert first != without_seconds(run(images, {"function": "relu"}, seed=3))


def test_same_seed_same_bytes_with_dropout(banknotes):
    protocol = {"optimizer": "adam", "learning_rate": 0.01, "batch_size": 1097, "epochs": 3}
    first, again, other = repeated(
        banknotes, {"function": "gelu"}, architecture="banknote_mlp", **protocol
    )
    assert first == again != other


def test_dropout_has_a_seed_of_its_own(banknotes, monkeypatch):
    """Two runs that differ in the dropout alone differ in numbers."""
    protocol = {"batch_size": 1097, "epochs": 2, "architecture": "banknote_mlp"}
    first = run(banknotes, {"function": "gelu"}, **protocol)
    seeds = experiment.derived_seed
    monkeypatch.setattr(experiment, "derived_seed", lambda s, p: seeds(s, p) + (p == "dropout"))
    assert without_seconds(run(banknotes, {"function": "gelu"}, **protocol)) != without_seconds(
        first
    )


@pytest.mark.parametrize("evaluation", ["tabulated", "exact"])
def test_same_seed_same_bytes_of_a_learned_activation(evaluation):
    entry = {**LEARNED, "evaluation": evaluation}
    first, again, other = repeated(table(), entry, architecture="mlp_48_24", **BINARY)
    assert first == again != other


def test_streams_differ_by_purpose_and_seed():
    purposes = ("init", "activation", "order", "dropout")
    seeds = [experiment.derived_seed(s, purpose) for s in range(3) for purpose in purposes]
    assert len(set(seeds)) == 12 and all(0 <= seed < 2**63 for seed in seeds)
    draws = [torch.rand(1, generator=experiment.generator(0, p)).item() for p in purposes]
    assert len(set(draws)) == 4


def started(activation, seed=3, architecture="mlp_48_24_16"):
    """The network of a run before its training, and the activation of its last layer."""
    cell = SimpleNamespace(architecture=architecture, seed=seed)
    protocol = Protocol(**PROTOCOL | BINARY)
    model, modules = experiment.network(cell, activation, table(), protocol)
    return model, modules[-1]


def outer_weights(model):
    return [layer.weight for layer in model if isinstance(layer, nn.Linear)]


def test_fixed_learned_and_exact_runs_of_one_seed_start_from_the_same_network():
    fixed, _ = started({"function": "tanh"})
    learned, module = started(LEARNED)
    exact, twin = started({**LEARNED, "evaluation": "exact"})
    for model in (learned, exact):
        assert all(map(torch.equal, outer_weights(fixed), outer_weights(model)))
    assert all(map(torch.equal, module.parameters(), twin.parameters()))
    _, other = started(LEARNED, seed=4)
    assert not torch.equal(module.network[0].weight, other.network[0].weight)
    _, elsewhere = started(LEARNED, architecture="mlp_48_24")
    assert all(map(torch.equal, module.parameters(), elsewhere.parameters()))


# --- learned activations ------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["tabulated", "exact"])
def learned(request):
    """A finished run that learned its activation."""
    entry = {**LEARNED, "evaluation": request.param}
    return run(table(), entry, architecture="mlp_48_24", **BINARY)


def test_tabulated_and_exact_runs_end_close_to_one_another():
    rows = [
        run(table(), {**LEARNED, "evaluation": e}, architecture="mlp_48_24", **BINARY).history[0]
        for e in ("tabulated", "exact")
    ]
    figures = [np.array([f for f in astuple(row)[:-1] if f is not None]) for row in rows]
    assert np.allclose(*figures, atol=0.01)


def test_what_is_saved_is_the_activation_of_the_restored_epoch(learned):
    saved = torch.load(io.BytesIO(learned.learned.saved), weights_only=True)
    (tested,) = [epoch for epoch in learned.history if epoch.test_auc is not None]
    assert tested.valid_auc == max(epoch.valid_auc for epoch in learned.history)
    assert saved["scores"] == {
        "epoch": tested.epoch, "valid_auc": tested.valid_auc, "test_auc": tested.test_auc,
    }  # fmt: skip
    entry = learned.facts["settings"]["activation"]
    assert {key: saved[key] for key in ("base", "layers", "evaluation")} == {
        key: entry[key] for key in ("base", "layers", "evaluation")
    }
    assert tested.epoch < len(learned.history), "the last epoch is the best: nothing is shown"
    short = run(table(), entry, architecture="mlp_48_24", **BINARY | {"epochs": tested.epoch})
    again = torch.load(io.BytesIO(short.learned.saved), weights_only=True)["state_dict"]
    assert all(map(torch.equal, saved["state_dict"].values(), again.values()))


def test_the_graph_is_that_of_the_saved_activation_by_exact_evaluation(learned, tmp_path):
    saved = torch.load(io.BytesIO(learned.learned.saved), weights_only=True)
    module = LearnedActivation("tanh", [8, 4], "exact")
    module.load_state_dict(saved["state_dict"])
    rows = learned.learned.graph
    x = torch.tensor([row["x"] for row in rows], dtype=torch.float64)
    assert len(rows) == 2001 and list(rows[0]) == ["x", "f", "df"]
    assert x[0] <= -10 and x[-1] >= 10 and (x.diff() > 0).all()
    f = module.double().eval()(x)
    assert f.tolist() == pytest.approx([row["f"] for row in rows], abs=1e-9)
    slopes = np.gradient([row["f"] for row in rows], x.numpy())
    assert np.allclose(slopes[1:-1], [row["df"] for row in rows][1:-1], atol=0.01)


def test_the_preactivations_are_what_enters_each_layer_of_the_validation_part(learned):
    rows = learned.learned.preactivations
    assert list(rows[0]) == ["quantile", "all", "layer_1", "layer_2"] and len(rows) == 1001
    assert [rows[n]["quantile"] for n in (0, 500, 1000)] == [0, 0.5, 1]
    for layer in ("all", "layer_1", "layer_2"):
        values = [row[layer] for row in rows]
        assert values == sorted(values) and all(map(math.isfinite, values))
    for end, pick in ((0, min), (-1, max)):
        assert rows[end]["all"] == pick(rows[end]["layer_1"], rows[end]["layer_2"])


@pytest.mark.parametrize("evaluation", ["tabulated", "exact"])
def test_a_learned_run_that_diverges_is_recorded(evaluation):
    """With a rate so large the weights overflow; the run ends, its files are written."""
    wild = BINARY | {"optimizer": "sgd", "learning_rate": 1e30}
    entry = {**LEARNED, "base": "relu", "evaluation": evaluation}
    result = run(table(), entry, architecture="mlp_48_24", **wild)
    assert result.facts["status"] == "diverged"
    contents = records.files(grid.Run("", "d", "a", "b", 0), result)
    assert set(contents) == {"run", "epochs", "layers", "activation", "graph", "preactivations"}
    saved = torch.load(io.BytesIO(contents["activation"]), weights_only=True)
    assert saved["scores"]["test_auc"] is None


def test_a_run_takes_over_what_another_one_learned(learned, banknotes, tmp_path):
    path = tmp_path / "activation.pt"
    path.write_bytes(learned.learned.saved)
    entry = {"function": "transfer", "source": str(path)}
    result = run(banknotes, entry, architecture="banknote_mlp", batch_size=1097)
    assert result.facts["status"] == "ok" and result.learned is None
    fixed = run(banknotes, {"function": "tanh"}, architecture="banknote_mlp", batch_size=1097)
    assert result.facts["parameters"] == fixed.facts["parameters"]
    path.write_text("something else")
    with pytest.raises(ValueError, match="activation.pt holds no learned activation"):
        run(banknotes, entry, architecture="banknote_mlp", batch_size=1097)


MATCHED = [name for name, entry in CONFIG["activations"].items() if "matched_to" in entry]


@pytest.mark.parametrize("architecture", CONFIG["studies"]["learned"]["architectures"])
@pytest.mark.parametrize("name", MATCHED)
def test_a_matched_network_has_as_many_parameters_as_the_learned_one(name, architecture):
    """Within 2 %, for all 3 x 3 x 3 of the config."""
    target = CONFIG["activations"][name]["matched_to"]
    counts = [
        architectures.parameter_count(started(entry, architecture=architecture)[0])
        for entry in (
            grid.settings(CONFIG, "learned", name)["activation"],
            grid.settings(CONFIG, "learned", target)["activation"],
        )
    ]
    assert counts[0] == pytest.approx(counts[1], rel=0.02)
    fixed = {"function": CONFIG["activations"][name]["function"]}
    plain, _ = started(fixed, architecture=architecture)
    assert counts[0] > architectures.parameter_count(plain)
