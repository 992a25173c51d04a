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

from actgrid import activations, architectures, experiment, grid, records
from actgrid.activations.subnetwork import LearnedActivation
from actgrid.architectures.initialisation import initialise
from actgrid.data import Dataset, banknote
from actgrid.diagnostics import preactivations
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


@pytest.fixture
def images():
    """200 + 70 images of four bright quadrants: learnable, and no multiple of the batch size."""
    rng = np.random.default_rng(0)

    def drawn(n):
        labels = rng.integers(0, 4, n).astype(np.uint8)
        x = rng.integers(0, 60, (n, 1, 28, 28)).astype(np.uint8)
        for image, label in zip(x, labels, strict=True):
            image[0, 14 * (label // 2) :, 14 * (label % 2) :] += 120
        return x, labels

    return Dataset("toy", *drawn(200), *drawn(0), *drawn(70), tuple("abcd"), "0" * 64)


def table(rows=(400, 150, 150)):
    """Training, validation and test part of two classes that a curved line parts, with noise."""
    rng = np.random.default_rng(0)

    def drawn(n):
        x = rng.normal(size=(n, 4)).astype(np.float32)
        return x, (x[:, 0] * x[:, 1] + rng.normal(size=n) > 0).astype(np.uint8)

    arrays = [array for n in rows for array in drawn(n)]
    return Dataset("toy", *arrays, ("no", "yes"), "1" * 64)


@pytest.fixture(scope="module")
def banknotes():
    """The real data, from the file in the repository."""
    (name,) = banknote.FILES[0]
    arrays, _ = banknote.arrays({name: (ROOT / "resources" / name).read_bytes()})
    return Dataset("banknote", **arrays, classes=banknote.CLASSES, sha256="2" * 64)


def run(data, activation, seed=3, architecture="small", **protocol):
    cell = SimpleNamespace(architecture=architecture, seed=seed)
    settings = {"activation": activation, "protocol": PROTOCOL | protocol, "device": "cpu"}
    return experiment.run_one(cell, settings, data)


def without_seconds(result):
    """epochs.csv but for the one column that no two runs share."""
    return records.epochs_text([replace(epoch, seconds=0.0) for epoch in result.history])


# --- one run ------------------------------------------------------------------------------------


def test_a_run_equals_plain_torch(images):
    """The same network trained by torch.optim and a hand-written loop, figure by figure."""
    result = run(images, {"function": "relu"})
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 512),
        torch.nn.ReLU(), torch.nn.Linear(512, 4),
    )  # fmt: skip
    initialise(model, experiment.generator(3, "init"))
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    x, y = torch.tensor(images.train_x / 255.0).float(), torch.tensor(images.train_y).long()
    tx, ty = torch.tensor(images.test_x / 255.0).float(), torch.tensor(images.test_y).long()
    for epoch in result.history:
        losses, correct = [], 0
        for start in range(0, 200, 32):
            xb, yb = x[start : start + 32], y[start : start + 32]
            loss = torch.nn.functional.cross_entropy(model(xb), yb)
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
    assert result.learned is None


@pytest.mark.parametrize("architecture", ["small", "resnet_norm"])
def test_slope_one_trains_bit_for_bit_as_relu(images, architecture):
    few = {"train_examples": 64, "test_examples": 10, "architecture": architecture}
    relu = run(images, {"function": "relu"}, **few)
    slope = run(images, {"function": "slope_relu", "slope": 1.0}, **few)
    assert without_seconds(relu) == without_seconds(slope)


def test_a_diverged_run_is_finished_and_recorded(images):
    result = run(images, {"function": "relu"}, learning_rate=1e20, epochs=5)
    assert result.facts["status"] == "diverged" and result.history[-1].diverged
    assert len(result.history) < 5 and not any(epoch.diverged for epoch in result.history[:-1])
    text = records.epochs_text(result.history)
    assert "nan" in text or "inf" in text


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

    class Nothing(torch.nn.Module):
        def forward(self, x):
            return x * 0

    monkeypatch.setattr(activations, "from_config", lambda entry: Nothing())
    result = run(table(), {"function": "relu"}, architecture="mlp_48_24", **BINARY)
    assert result.facts["status"] == "ok" and len(result.history) == 3
    assert {epoch.valid_auc for epoch in result.history} == {0.5}
    assert result.history[0].test_auc == 0.5
    assert ",0.5," in without_seconds(result)


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
    """The network of a run before its training, and its activation."""
    cell = SimpleNamespace(architecture=architecture, seed=seed)
    protocol = Protocol(**PROTOCOL | BINARY)
    return experiment._network(cell, activation, table(), protocol)


def outer_weights(model):
    return [layer.weight for layer in model if isinstance(layer, torch.nn.Linear)]


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


def test_preactivations_by_hand_whatever_the_mode_and_the_batches():
    """Layer 1 sees the input, layer 2 the double of it; dropout is off."""
    shared = torch.nn.ReLU()
    double = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.constant_(double.weight, 2.0)
    model = torch.nn.Sequential(shared, torch.nn.Dropout(0.5), double, shared).train()
    inputs = torch.arange(1001.0)[torch.randperm(1001)][:, None]
    data = Tensors(inputs, torch.zeros(1001))
    rows = preactivations(model, shared, data, 1001)
    assert [row["layer_1"] for row in rows] == list(range(1001))
    assert [row["layer_2"] for row in rows] == list(range(0, 2002, 2))
    both = sorted([*range(1001), *range(0, 2002, 2)])
    assert [row["all"] for row in rows] == [both[2001 * n // 1000] for n in range(1001)]
    assert preactivations(model, shared, data, 300) == rows
    assert not shared._forward_pre_hooks


@pytest.mark.parametrize("evaluation", ["tabulated", "exact"])
def test_a_learned_run_that_diverges_is_recorded(evaluation):
    """With a rate so large the weights overflow; the run ends, its files are written."""
    wild = BINARY | {"optimizer": "sgd", "learning_rate": 1e30}
    entry = {**LEARNED, "base": "relu", "evaluation": evaluation}
    result = run(table(), entry, architecture="mlp_48_24", **wild)
    assert result.facts["status"] == "diverged"
    contents = records.files(grid.Run("", "d", "a", "b", 0), result)
    assert set(contents) == {"run", "epochs", "activation", "graph", "preactivations"}
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


# --- the device ---------------------------------------------------------------------------------


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused_and_auto_falls_back():
    assert experiment.choose_device("auto") == experiment.choose_device("cpu") == CPU
    with pytest.raises(ValueError, match="device = 'cuda:1': no GPU here; use 'auto' or 'cpu'"):
        experiment.choose_device("cuda:1")
