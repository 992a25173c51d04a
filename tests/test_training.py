"""The training loop and a whole run: against plain torch, same seed same numbers, divergence."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from actgrid import experiment, records
from actgrid.data import Dataset
from actgrid.metrics import Meter
from actgrid.optimizers import SGD
from actgrid.protocol import Protocol
from actgrid.training import Epoch, Tensors, batches, evaluate, train

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
CPU = torch.device("cpu")


@pytest.fixture
def data():
    """200 + 70 images of four bright quadrants: learnable, and no multiple of the batch size."""
    rng = np.random.default_rng(0)

    def images(n):
        labels = rng.integers(0, 4, n).astype(np.uint8)
        x = rng.integers(0, 60, (n, 1, 28, 28)).astype(np.uint8)
        for image, label in zip(x, labels, strict=True):
            image[0, 14 * (label // 2) :, 14 * (label % 2) :] += 120
        return x, labels

    return Dataset("toy", *images(200), *images(70), tuple("abcd"), "0" * 64)


def run(data, activation, seed=3, architecture="small", **protocol):
    cell = SimpleNamespace(architecture=architecture, seed=seed)
    settings = {"activation": activation, "protocol": PROTOCOL | protocol, "device": "cpu"}
    return experiment.run_one(cell, settings, data)


def without_seconds(history):
    return [
        (e.epoch, e.train_accuracy, e.train_loss, e.test_accuracy, e.test_loss) for e in history
    ]


def test_a_run_equals_plain_torch(data):
    """The same network trained by torch.optim and a hand-written loop, figure by figure."""
    history, facts = run(data, {"function": "relu"})
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 512),
        torch.nn.ReLU(), torch.nn.Linear(512, 4),
    )  # fmt: skip
    from actgrid.architectures.initialisation import initialise

    initialise(model, experiment.generator(3, "init"))
    optimizer = torch.optim.SGD(model.parameters(), 0.05)
    x, y = torch.tensor(data.train_x / 255.0).float(), torch.tensor(data.train_y).long()
    tx, ty = torch.tensor(data.test_x / 255.0).float(), torch.tensor(data.test_y).long()
    for epoch in history:
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
    assert facts["status"] == "ok" and facts["cpu_seconds"] > 0 and facts["device"] == "cpu"
    assert facts["data_sha256"] == data.sha256 and facts["settings"]["protocol"] == PROTOCOL
    assert facts["parameters"] == 784 * 512 + 512 + 512 * 512 + 512 + 512 * 4 + 4


def test_same_seed_same_bytes_other_seed_other_numbers(data):
    torch.manual_seed(1)
    first = run(data, {"function": "relu"}, shuffle=True)[0]
    torch.manual_seed(2)  # the global generator must not matter
    assert without_seconds(first) == without_seconds(
        run(data, {"function": "relu"}, shuffle=True)[0]
    )
    assert without_seconds(first) != without_seconds(
        run(data, {"function": "relu"}, seed=4, shuffle=True)[0]
    )
    assert without_seconds(first) != without_seconds(run(data, {"function": "relu"})[0])


@pytest.mark.parametrize("architecture", ["small", "resnet_norm"])
def test_slope_one_trains_bit_for_bit_as_relu(data, architecture):
    few = {"train_examples": 64, "test_examples": 10}
    relu = run(data, {"function": "relu"}, architecture=architecture, **few)[0]
    slope = run(data, {"function": "slope_relu", "slope": 1.0}, architecture=architecture, **few)[0]
    assert without_seconds(relu) == without_seconds(slope)


def test_a_diverged_run_is_finished_and_recorded(data):
    history, facts = run(data, {"function": "relu"}, learning_rate=1e20, epochs=5)
    assert facts["status"] == "diverged" and history[-1].diverged
    assert len(history) < 5 and not any(epoch.diverged for epoch in history[:-1])
    assert "nan" in records.epochs_text(history) or "inf" in records.epochs_text(history)


def test_limits_take_the_first_examples(data):
    some = experiment.tensors(data.train_x, data.train_y, 50, CPU)
    assert len(some) == 50 and torch.equal(some.labels, torch.tensor(data.train_y[:50]).long())
    assert len(experiment.tensors(data.train_x, data.train_y, None, CPU)) == 200


def test_batches_hold_every_example_once_and_scale_bytes():
    bytes_ = torch.arange(10, dtype=torch.uint8).reshape(10, 1) * 25
    data = Tensors(bytes_, torch.arange(10))
    plain = list(batches(data, 4))
    assert [len(labels) for _, labels in plain] == [4, 4, 2]
    assert torch.equal(torch.cat([x for x, _ in plain]), bytes_.float() / 255)
    order = torch.Generator().manual_seed(0)
    shuffled = [torch.cat([y for _, y in batches(data, 4, True, order)]) for _ in range(2)]
    assert all(sorted(o.tolist()) == list(range(10)) for o in shuffled)
    assert not torch.equal(*shuffled)
    floats = Tensors(torch.tensor([[300.0]]), torch.tensor([0]))
    assert next(iter(batches(floats, 1)))[0].item() == 300.0


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_follows_torchs(momentum):
    torch.manual_seed(0)
    start, target = torch.randn(5), torch.randn(5)
    paths = []
    for kind in (SGD, lambda p, lr, m: torch.optim.SGD(p, lr, momentum=m)):
        w = start.clone().requires_grad_()
        optimizer = kind([w], 0.1, momentum)
        for _ in range(4):
            optimizer.zero_grad()
            ((w - target) ** 4).sum().backward()
            optimizer.step()
        paths.append(w.detach())
    assert torch.allclose(*paths, rtol=1e-6)


def test_meter_weighs_batches_by_their_size():
    meter = Meter(CPU)
    meter.add(torch.eye(3), torch.tensor([0, 1, 0]), torch.tensor(1.0))
    meter.add(torch.eye(3)[:1], torch.tensor([0]), torch.tensor(5.0))
    assert meter.result() == (3 / 4, 2.0)


def test_evaluation_does_not_train(data):
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.BatchNorm1d(784), torch.nn.Linear(784, 4)
    )
    before = [t.clone() for t in model.state_dict().values()]
    test = experiment.tensors(data.test_x, data.test_y, None, CPU)
    evaluate(model, test, Protocol(**PROTOCOL))
    assert all(map(torch.equal, before, model.state_dict().values()))
    seen = []
    train(model, test, test, Protocol(**PROTOCOL), None, seen.append)
    assert [epoch.epoch for epoch in seen] == [1, 2]


def test_divergence_is_nan_or_infinity_in_either_loss():
    fine = Epoch(1, 0.5, 1.0, 0.5, 1.0, 0.1)
    assert not fine.diverged
    for train_loss, test_loss in ((math.nan, 1.0), (1.0, math.inf)):
        assert Epoch(1, 0.5, train_loss, 0.5, test_loss, 0.1).diverged


def test_streams_differ_by_purpose_and_seed():
    draws = {
        (seed, purpose): torch.rand(1, generator=experiment.generator(seed, purpose)).item()
        for seed in range(3)
        for purpose in ("init", "order")
    }
    assert len(set(draws.values())) == 6


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_device_that_is_not_there_is_refused_and_auto_falls_back():
    assert experiment.choose_device("auto") == experiment.choose_device("cpu") == CPU
    with pytest.raises(ValueError, match="device = 'cuda:1': no GPU here; use 'auto' or 'cpu'"):
        experiment.choose_device("cuda:1")
