"""The training loop and its parts: optimizers and figures against torch and by hand, early stop."""

import copy
import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score
from torch import nn

from actgrid import training
from actgrid.metrics import Meter, predicted, roc_auc
from actgrid.optimizers import SGD, Adam
from actgrid.protocol import Protocol
from actgrid.training import (
    LOSSES,
    Best,
    Epoch,
    Parts,
    Tensors,
    batches,
    confusion,
    evaluate,
    train,
)

CPU = torch.device("cpu")
PLAIN = Protocol(
    optimizer="sgd",
    learning_rate=0.05,
    momentum=0.0,
    batch_size=32,
    epochs=2,
    shuffle=False,
    loss="cross_entropy",
    precision="float32",
)
MONITORED = replace(
    PLAIN, optimizer="adam", loss="binary_cross_entropy", monitor="valid_auc", epochs=12
)


def drawn(n, seed, classes=2):
    """Four features and labels that only their signs tell, with some noise."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 4, generator=generator)
    noise = torch.randn(n, generator=generator)
    return Tensors(x, ((x.sum(1) + noise).clamp(0, classes - 1)).ceil().long())


def parts(classes=2, validation=90):
    return Parts(drawn(130, 0, classes), drawn(validation, 1, classes), drawn(70, 2, classes))


def network(outputs=1):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, outputs))


def order():
    return torch.Generator().manual_seed(0)


# --- batches, optimizers, losses ----------------------------------------------------------------


def test_batches_hold_every_example_once_and_scale_bytes():
    bytes_ = torch.arange(10, dtype=torch.uint8).reshape(10, 1) * 25
    data = Tensors(bytes_, torch.arange(10))
    plain = list(batches(data, 4))
    assert [len(labels) for _, labels in plain] == [4, 4, 2]
    assert torch.equal(torch.cat([x for x, _ in plain]), bytes_.float() / 255)
    generator = torch.Generator().manual_seed(0)
    shuffled = [torch.cat([y for _, y in batches(data, 4, True, generator)]) for _ in range(2)]
    assert all(sorted(o.tolist()) == list(range(10)) for o in shuffled)
    assert not torch.equal(*shuffled)
    floats = Tensors(torch.tensor([[300.0]]), torch.tensor([0]))
    assert next(iter(batches(floats, 1)))[0].item() == 300.0


@pytest.mark.parametrize(("count", "left"), [(0, 0), (1, 1), (130, 130), (512, 130)])
def test_the_first_examples_or_all_if_there_are_fewer(count, left):
    data = drawn(130, 0)
    first = data.first(count)
    assert len(first) == left
    assert torch.equal(first.inputs, data.inputs[:left])
    assert torch.equal(first.labels, data.labels[:left])


OPTIMIZERS = {
    "sgd": (lambda p: SGD(p, 0.1), lambda p: torch.optim.SGD(p, 0.1)),
    "momentum": (lambda p: SGD(p, 0.1, 0.9), lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)),
    "adam": (lambda p: Adam(p, 0.05), lambda p: torch.optim.Adam(p, 0.05)),
}


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_optimizers_follow_torchs_for_50_steps(kind):
    generator = torch.Generator().manual_seed(0)
    start, target = (torch.randn(5, generator=generator) for _ in range(2))
    paths = []
    for optimizer_of in OPTIMIZERS[kind]:
        w, idle = start.clone().requires_grad_(), torch.ones(2, requires_grad=True)
        optimizer, path = optimizer_of([w, idle]), []
        for step in range(50):
            optimizer.zero_grad()
            pull = (w - target) ** 2 * torch.tensor([1.0, 0.1, 1e-3, 1e-6, 0.0])
            (pull.sum() * math.cos(step)).backward()  # a gradient of either sign
            optimizer.step()
            path.append(w.detach().clone())
        assert torch.equal(idle, torch.ones(2)), "moved without a gradient"
        paths.append(torch.stack(path))
    assert torch.allclose(*paths, rtol=1e-6, atol=1e-6)


def test_optimizers_leave_what_is_not_trained_alone():
    w, fixed = torch.ones(2, requires_grad=True), torch.ones(2)
    for optimizer in (SGD([w, fixed], 0.1), Adam([w, fixed], 0.1)):
        optimizer.zero_grad()
        w.sum().backward()
        optimizer.step()
        assert torch.equal(fixed, torch.ones(2)) and len(optimizer.parameters) == 1
    assert (w < 0.85).all()


def test_binary_cross_entropy_equals_torchs_and_that_of_two_classes():
    logits, labels = torch.randn(50, 1) * 5, torch.arange(50) % 2
    ours = LOSSES["binary_cross_entropy"](logits, labels)
    assert ours.item() == nn.BCEWithLogitsLoss()(logits[:, 0], labels.float()).item()
    two = torch.cat([torch.zeros_like(logits), logits], 1)
    assert torch.allclose(ours, LOSSES["cross_entropy"](two, labels))


# --- figures ------------------------------------------------------------------------------------


def test_meter_weighs_batches_by_their_size():
    meter = Meter()
    meter.add(torch.eye(3), torch.tensor([0, 1, 0]), torch.tensor(1.0))
    meter.add(torch.eye(3)[:1], torch.tensor([0]), torch.tensor(5.0))
    assert meter.result() == (3 / 4, 2.0)
    meter.add(torch.eye(3)[:2], torch.tensor([0, 0]), torch.tensor(3.0))
    assert meter.result() == (1 / 2, 3.0)  # the others are forgotten


def test_a_single_logit_says_1_above_0():
    logits = torch.tensor([[-0.1], [0.0], [0.1]])
    assert predicted(logits).tolist() == [False, False, True]
    meter = Meter()
    meter.add(logits, torch.tensor([0, 1, 1]), torch.tensor(0.5))
    assert meter.result() == (2 / 3, 0.5)


def test_roc_auc_by_hand():
    """Pairs of a 1 and a 0: 4 won, 1 tied, 1 lost of 6."""
    scores, labels = torch.tensor([0.9, 0.5, 0.2, 0.5, 0.1]), torch.tensor([1, 1, 1, 0, 0])
    assert roc_auc(scores, labels) == pytest.approx((4 + 1 / 2) / 6)
    assert roc_auc(-scores, labels) == pytest.approx(1 - (4 + 1 / 2) / 6)
    assert roc_auc(torch.zeros(5), labels) == 0.5
    assert roc_auc(labels.float(), labels) == 1.0


class Says(nn.Module):
    """Logits that stand in the input."""

    def forward(self, x):
        return x


# logits, labels, classes, row: class, column: class that it is taken for
CONFUSIONS = [
    ([[2, 1], [0, 1], [3, 9], [5, 4]], [0, 0, 1, 1], 2, [[1, 1], [1, 1]]),
    ([[1, 2, 3], [9, 2, 3], [1, 9, 3], [1, 2, 9], [1, 2, 9]], [2, 0, 0, 0, 2], 3,
     [[1, 1, 1], [0, 0, 0], [0, 0, 2]]),
    ([[0.1], [-0.1], [0.0], [7.0]], [1, 1, 0, 0], 2, [[1, 1], [1, 1]]),  # of one logit
    ([[math.nan, math.nan]], [1], 2, [[0, 0], [1, 0]]),  # diverged: counted all the same
]  # fmt: skip


@pytest.mark.parametrize(("logits", "labels", "classes", "expected"), CONFUSIONS)
@pytest.mark.parametrize("batch", [1, 3, 500])
def test_confusions_by_hand(logits, labels, classes, expected, batch):
    data = Tensors(torch.tensor(logits, dtype=torch.float32), torch.tensor(labels))
    assert confusion(Says(), data, classes, batch) == expected


@pytest.mark.parametrize("mode", [True, False])
def test_confusions_are_those_of_the_mode_that_the_network_is_in(mode):
    """Their diagonal is the accuracy, their rows the classes."""
    model, data = network(3), drawn(90, 1, 3)
    with torch.no_grad():
        right = (copy.deepcopy(model).train(mode)(data.inputs).argmax(1) == data.labels).sum()
    counts = torch.tensor(confusion(model.train(mode), data, 3))
    assert model.training is mode
    assert counts.trace() == right and counts.sum() == 90
    assert torch.equal(counts.sum(1), data.labels.bincount(minlength=3))


LABELLED = st.lists(st.tuples(st.integers(-4, 4), st.booleans()), min_size=2, max_size=40)


@settings(deadline=None)
@given(LABELLED.filter(lambda pairs: len({label for _, label in pairs}) == 2))
def test_roc_auc_agrees_with_scikit_learn_ties_and_all(pairs):
    scores, labels = (torch.tensor(column) for column in zip(*pairs, strict=True))
    assert roc_auc(scores / 3, labels.long()) == pytest.approx(roc_auc_score(labels, scores))


def test_roc_auc_of_many_scores_agrees_with_scikit_learn():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 2, (50_000,), generator=generator)
    scores = (torch.randn(50_000, generator=generator) + labels).round(decimals=3)
    expected = roc_auc_score(labels, scores)
    assert roc_auc(scores, labels) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("scores", "labels"),
    [([0.1, 0.2], [1, 1]), ([0.1, 0.2], [0, 0]), ([0.1, math.nan], [0, 1])],
    ids=["no zeros", "no ones", "a score is NaN"],
)
def test_roc_auc_is_nan_where_there_is_none(scores, labels):
    assert math.isnan(roc_auc(torch.tensor(scores), torch.tensor(labels)))


def test_roc_auc_takes_infinite_scores_as_the_largest():
    scores = torch.tensor([-math.inf, 0.0, math.inf, math.inf])
    assert roc_auc(scores, torch.tensor([0, 0, 1, 1])) == 1.0


def test_divergence_is_nan_or_infinity_in_any_figure_that_was_measured():
    fine = Epoch(1, 0.5, 1.0)
    assert not fine.diverged and not replace(fine, test_loss=1.0, valid_auc=0.5).diverged
    for figure in ("train_loss", "valid_loss", "valid_auc", "test_loss"):
        for value in (math.nan, math.inf):
            assert replace(fine, **{figure: value}).diverged, figure


# --- the loop -----------------------------------------------------------------------------------


def test_evaluation_does_not_train():
    model, data = network(), parts()
    before = copy.deepcopy(model.state_dict())
    accuracy, loss, auc = evaluate(model, data.test, MONITORED)
    assert all(map(torch.equal, before.values(), model.state_dict().values()))
    with torch.no_grad():
        logits = model.eval()(data.test.inputs)[:, 0]
    labels = data.test.labels
    assert accuracy == pytest.approx(((logits > 0) == labels).float().mean().item())
    assert loss == pytest.approx(LOSSES["binary_cross_entropy"](logits[:, None], labels).item())
    assert auc == pytest.approx(roc_auc_score(labels, logits))


def test_figures_do_not_depend_on_the_batches_of_evaluation(monkeypatch):
    whole = evaluate(network(), parts().test, MONITORED)
    monkeypatch.setattr(training, "EVALUATION_BATCH", 1)
    assert evaluate(network(), parts().test, MONITORED) == pytest.approx(whole)


def test_without_a_monitor_every_epoch_is_tested_and_the_last_one_stays():
    model, states = network(3), []
    data = parts(classes=3)
    history = train(model, data, PLAIN, None, lambda e: states.append(state_of(model)))
    assert [epoch.epoch for epoch in history] == [1, 2]
    assert all(map(torch.equal, states[-1].values(), model.state_dict().values()))
    for epoch in history:
        assert None not in (epoch.valid_loss, epoch.test_accuracy, epoch.test_loss)
        assert epoch.valid_auc is epoch.test_auc is None  # of three classes there is none
        assert epoch.seconds > 0


def test_without_a_validation_part_nothing_is_said_of_it():
    for epoch in train(network(3), parts(3, validation=0), PLAIN, None):
        assert epoch.valid_accuracy is epoch.valid_loss is epoch.valid_auc is None
        assert epoch.test_loss is not None


def state_of(model):
    return copy.deepcopy(model.state_dict())


def watched(protocol, monkeypatch, model, classes=2):
    """(history, the model's state after each epoch, its states when the test set was used)."""
    data, states, tested = parts(classes), [], []

    def counted(model, chosen, protocol):
        tested.extend([state_of(model)] if chosen is data.test else [])
        return evaluate(model, chosen, protocol)

    monkeypatch.setattr(training, "evaluate", counted)
    history = train(model, data, protocol, order(), lambda e: states.append(state_of(model)))
    return history, states, tested


@pytest.mark.parametrize("patience", [None, 1, 3, 100])
def test_the_best_epoch_is_restored_and_tested_once(patience, monkeypatch):
    protocol = replace(MONITORED, patience=patience, shuffle=True)
    model = network()
    history, states, tested = watched(protocol, monkeypatch, model)
    scores = [epoch.valid_auc for epoch in history]
    best = scores.index(max(scores))
    assert best + 1 < len(history), "the last epoch is the best: the test shows nothing"
    assert len(history) == (12 if patience in (None, 100) else best + 1 + patience)
    assert all(map(torch.equal, states[best].values(), model.state_dict().values()))
    assert len(tested) == 1
    assert all(map(torch.equal, states[best].values(), tested[0].values()))
    for row, epoch in enumerate(history):
        figures = (epoch.test_accuracy, epoch.test_loss, epoch.test_auc)
        assert (None not in figures) if row == best else figures == (None, None, None)
    row = history[best]
    again = evaluate(model, parts().test, protocol)
    assert (row.test_accuracy, row.test_loss, row.test_auc) == again


class Constant(nn.Module):
    """A collapsed network: it says the same of every example."""

    def __init__(self):
        super().__init__()
        self.logit = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return self.logit.expand(len(x), 1)


def test_of_equal_epochs_the_first_is_the_best(monkeypatch):
    """AUC 0.5 in every epoch is a result and no failure."""
    history, states, _ = watched(replace(MONITORED, patience=3), monkeypatch, model := Constant())
    assert [epoch.valid_auc for epoch in history] == [0.5] * 4
    assert history[0].test_auc == 0.5 and history[3].test_auc is None
    assert model.logit == states[0]["logit"] != states[3]["logit"]
    assert not any(epoch.diverged for epoch in history)


# monitored figure, its values, the best epoch, epochs run with a patience of 2
WATCHED = [
    ("valid_loss", [3.0, 1.0, 2.0, 1.5, 0.5], 2, 4),
    ("valid_loss", [3.0, 1.0, 2.0, 0.5, 0.7], 4, 5),
    ("valid_loss", [1.0, 1.0, 1.0, 1.0, 1.0], 1, 3),
    ("valid_loss", [0.0, 1e300, 5.0, 7.0, 7.0], 1, 3),
    ("valid_auc", [0.3, 0.1, 0.2, 0.9, 0.1], 1, 3),
    ("valid_auc", [0.3, 0.4, 0.2, 0.9, 0.1], 4, 5),
]


@pytest.mark.parametrize(("monitor", "values", "best", "run"), WATCHED)
def test_of_a_loss_the_lowest_is_the_best_of_an_auc_the_highest(monitor, values, best, run):
    model = nn.Linear(1, 1, bias=False)
    watch = Best(replace(MONITORED, monitor=monitor, patience=2))
    for number, value in enumerate(values, 1):
        nn.init.constant_(model.weight, number)
        if watch.over(model, replace(Epoch(number, 0.5, 1.0), **{monitor: value})):
            break
    assert (watch.epoch, number) == (best, run)
    assert watch.state["weight"].item() == best  # a copy: the weights went on


@pytest.mark.parametrize(
    ("loss", "outputs", "rate"), [("binary_cross_entropy", 1, 0.1), ("cross_entropy", 3, 0.03)]
)
def test_the_epoch_with_the_lowest_validation_loss_is_restored(loss, outputs, rate, monkeypatch):
    protocol = replace(MONITORED, monitor="valid_loss", loss=loss, learning_rate=rate, epochs=20)
    model = network(outputs)
    history, states, tested = watched(protocol, monkeypatch, model, max(outputs, 2))
    losses = [epoch.valid_loss for epoch in history]
    best = losses.index(min(losses))
    assert 0 < best < 19 and len(history) == 20, "the first or last is the best: nothing is shown"
    assert len(tested) == 1
    for state in (model.state_dict(), tested[0]):
        assert all(map(torch.equal, states[best].values(), state.values()))
    assert [epoch.test_loss is not None for epoch in history] == [n == best for n in range(20)]


def test_a_validation_loss_that_is_infinite_ends_the_run(monkeypatch):
    model = network()

    def poison(epoch):
        nn.init.constant_(model[3].weight, 1e38)

    protocol = replace(MONITORED, monitor="valid_loss", epochs=5)
    history = train(model, parts(), protocol, order(), poison)
    assert len(history) == 2 and history[-1].diverged
    assert all(epoch.test_loss is None for epoch in history)


def test_a_run_that_diverges_stops_without_a_test(monkeypatch):
    model, data, states = network(), parts(), []

    def poison(epoch):
        states.append(epoch)
        if epoch.epoch == 3:
            nn.init.constant_(model[0].weight, math.nan)

    history = train(model, data, replace(MONITORED, patience=10), order(), poison)
    assert [epoch.diverged for epoch in history] == [False, False, False, True] and len(states) == 4
    assert all(epoch.test_loss is None for epoch in history)
