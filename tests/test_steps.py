"""What a GPU asks of a training step, shown without one: nothing waits, graphs change nothing."""

import contextlib
from types import SimpleNamespace

import pytest
import torch
from test_experiment import BINARY, LEARNED, run, table, without_seconds
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from actgrid import activations, architectures, kernels, steps
from actgrid.activations import ACTIVATIONS, parametric, subnetwork
from actgrid.architectures import ARCHITECTURES
from actgrid.metrics import Meter
from actgrid.protocol import Protocol
from actgrid.training import LOSSES, OPTIMIZERS, Tensors, train_epoch

CONSTANTS = {
    "slope_relu": {"slope": 0.5},
    "offset_relu": {"offset": 0.5},
    "hill": {"peak": 0.25},
    "hill_published": {"peak": 0.25},
    "piecewise_linear": {"knots": [[-1, 0], [0, 1], [0, 2], [1, 0]], "at_knot": "zero"},
    "learned": {"base": "tanh", "layers": [8, 4]},
    "formula": {
        "expression": "where(x > 0, max(x, 1) ** 2, where(x < -1, 0, 0.5))",
        "constants": {},
    },
    "imported": {"target": "torch.nn:RReLU", "constants": {}},
}


@pytest.fixture(scope="module")
def entries(tmp_path_factory):
    """An entry for each function of the registry."""
    path = tmp_path_factory.mktemp("learned") / "activation.pt"
    torch.save(activations.from_config(LEARNED).document({}), path)
    constants = CONSTANTS | {"transfer": {"source": str(path)}}
    return {name: {"function": name} | constants.get(name, {}) for name in ACTIVATIONS}


class Device(TorchDispatchMode):
    """Stands for a GPU, in the place of "meta": reading a value of it is an error of torch's own.

    `mixed`: operations on tensors of it and of the host.
    """

    def __init__(self):
        super().__init__()
        self.mixed = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        tensors = [t for t in tree_leaves((args, kwargs, result)) if isinstance(t, torch.Tensor)]
        if len({t.device.type for t in tensors}) > 1:
            self.mixed.append(str(function))
        return result


SHAPES = {"small_conv": (1, 28, 28), "banknote_mlp": (4,)}
COPIES = ["aten._to_copy.default"]  # the order of the examples, drawn on the host: once an epoch


def protocol_of(optimizer, **others):
    given = {"learning_rate": 0.05, "momentum": 0.9, "batch_size": 16, "epochs": 1}
    given |= {"shuffle": True, "loss": "cross_entropy", "precision": "float32"}
    return Protocol(optimizer, **given | others)


def epoch_on_device(entry, architecture, protocol, kind=steps.Step):
    """What an epoch of 40 examples, in batches of 16, 16 and 8, mixes; it must not wait."""
    device = torch.device("meta")
    shape = SHAPES.get(architecture, (1, 28, 28))
    outputs = 1 if protocol.loss == "binary_cross_entropy" else 3
    made = []
    new = activations.factory(entry)
    model = architectures.build(
        architecture, lambda w: made.append(new(w)) or made[-1], shape, outputs
    )
    model = kernels.prepare(model, protocol.precision, apart=made).to(device)
    inputs = torch.empty(40, *shape, device=device)
    data = Tensors(inputs, torch.empty(40, dtype=torch.int64, device=device))
    optimizer = OPTIMIZERS[protocol.optimizer](model, protocol)
    step = kind(model, LOSSES[protocol.loss], optimizer)
    with Device() as seen:
        train_epoch(step, data, protocol, torch.Generator().manual_seed(0))
    assert all(
        parameter.grad is not None for parameter in model.parameters() if parameter.requires_grad
    )
    return seen.mixed


@pytest.fixture
def unread(monkeypatch):
    """The figures of an epoch are read once, at its end: here not at all."""
    monkeypatch.setattr(Meter, "result", lambda meter: (0.0, 0.0))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("architecture", SHAPES)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_no_activation_waits_for_the_device(name, architecture, optimizer, entries, unread):
    mixed = epoch_on_device(entries[name], architecture, protocol_of(optimizer))
    assert mixed == COPIES


@pytest.mark.parametrize("kind", [steps.Step, steps.Recorded])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("name", ["relu", "learned"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_no_network_waits_for_the_device(architecture, name, optimizer, kind, entries, unread):
    assert epoch_on_device(entries[name], architecture, protocol_of(optimizer), kind) == COPIES


def test_neither_the_order_nor_the_loss_waits_for_the_device(entries, unread):
    protocol = protocol_of("adam", shuffle=False, loss="binary_cross_entropy")
    assert epoch_on_device(entries["relu"], "banknote_mlp", protocol) == []


WAITING = [  # what an activation may not do, and what is said of it
    (lambda x: x * x.mean().item(), "item"),
    (lambda x: x if x.sum() > 0 else -x, "item"),
    (lambda x: x + x[x > 0].sum(), "nonzero|dynamic|Meta|meta"),
    (lambda x: x.cpu().to(x.device), "meta tensor"),
]


@pytest.mark.parametrize(("function", "said"), WAITING)
def test_what_waits_for_the_device_is_found(function, said, monkeypatch, unread):
    monkeypatch.setattr(torch, "relu", function)
    with pytest.raises((RuntimeError, NotImplementedError), match=said):
        epoch_on_device({"function": "star_relu"}, "banknote_mlp", protocol_of("sgd"))


def test_what_is_copied_to_the_device_in_every_step_is_found(monkeypatch, unread):
    monkeypatch.setattr(torch, "relu", lambda x: x * torch.ones(x.shape[1]).to(x.device))
    found = epoch_on_device({"function": "star_relu"}, "banknote_mlp", protocol_of("sgd"))
    assert len(found) == len(COPIES) + 3 * 3  # of three layers in three steps


# --- what a GPU computes in another way ---------------------------------------------------------


@pytest.mark.parametrize("alpha", [-2.0, -0.7, -0.3, -1e-3, -1e-31, 0.0, 1e-4, 0.2, 0.49, 1.5])
def test_soft_exponential_is_the_same_without_reading_alpha(alpha):
    x = torch.linspace(-40, 40, 4001, dtype=torch.float64, requires_grad=True)
    a = torch.tensor(alpha, dtype=torch.float64, requires_grad=True)
    expected = parametric.Stretch.apply(x, a)
    to_x, to_a = torch.autograd.grad(expected.sum(), (x, a))
    with torch.no_grad():
        slope, steep = parametric._unread_derivatives(x, a)
        assert torch.allclose(parametric._unread(x, a), expected, rtol=1e-14, atol=1e-14)
    assert torch.allclose(slope, to_x, rtol=1e-13)
    assert torch.allclose(steep.sum(), to_a, rtol=1e-11)


def test_sums_of_a_table_are_the_same_without_bincount():
    draw = torch.Generator().manual_seed(0)
    index = torch.randint(0, 50, (3000,), generator=draw, dtype=torch.int32)
    mass = torch.randn(3000, generator=draw)
    by_bincount = subnetwork.summed(index, mass, 60)
    by_hand = torch.stack([mass[index == number].sum() for number in range(60)])
    assert torch.allclose(by_bincount, by_hand, atol=1e-5)
    assert torch.equal(by_bincount, torch.zeros(60).index_add_(0, index, mass))


# --- recorded steps -----------------------------------------------------------------------------

RECORDED = {"device": "cpu", "cuda_graphs": True}
ADAM = {"optimizer": "adam", "learning_rate": 0.01}
MOMENTUM = {"momentum": 0.9, "shuffle": True}
WHOLE = BINARY | {"patience": None}  # on another processor the best epoch may be another one
RUNS = [  # 400 examples in batches of 32 or 100; fewer of images; with a smaller last batch or not
    ("small", {"function": "relu"}, MOMENTUM),
    ("small_conv", {"function": "rrelu"}, ADAM | {"train_examples": 40, "test_examples": 10}),
    ("resnet_norm", {"function": "relu"}, {"train_examples": 40, "test_examples": 10}),
    ("banknote_mlp", {"function": "soft_exponential"}, ADAM),
    ("banknote_mlp_5", {"function": "affine"}, WHOLE),
    ("mlp_48_24", LEARNED, WHOLE),
    ("mlp_48_24", LEARNED, MOMENTUM),
    ("small", {"function": "relu"}, {"precision": "bfloat16"}),
]


@pytest.mark.parametrize(("architecture", "activation", "protocol"), RUNS)
def test_recorded_steps_train_bit_for_bit_as_plain_ones(architecture, activation, protocol, images):
    """Dropout and rrelu draw the same numbers, BatchNorm keeps the same statistics."""
    data = table() if architecture[:3] in ("ban", "mlp") else images
    plain, recorded = (
        run(data, activation, architecture=architecture, **place, **{"epochs": 5} | protocol)
        for place in ({}, {"place": RECORDED})
    )
    assert without_seconds(plain) == without_seconds(recorded)
    assert plain.layers == recorded.layers and len(plain.history) > 3
    assert recorded.facts["settings"]["cuda_graphs"] is True
    if plain.learned:
        assert plain.learned.saved == recorded.learned.saved


class Fake:
    """torch.cuda as far as recording needs it, of a GPU that does nothing; `log` says what it was
    asked for."""

    def __init__(self, log, broken=None):
        self.log, self.broken = log, broken
        self.CUDAGraph = lambda: SimpleNamespace(replay=lambda: log.append("replay"))
        self.Stream = self.current_stream = lambda: SimpleNamespace(wait_stream=lambda other: None)

    @contextlib.contextmanager
    def graph(self, graph):
        self.log.append("record")
        yield
        if self.broken:
            raise self.broken

    @contextlib.contextmanager
    def stream(self, stream):
        self.log.append("aside")
        yield


def on_fake_gpu(monkeypatch, sizes, broken=None):
    """What a GPU is asked for in steps of batches of these sizes; the sums that the steps saw."""
    log, sums, results = [], [], []
    monkeypatch.setattr(torch, "cuda", Fake(log, broken))
    recordings = {}
    for number, size in enumerate(sizes):
        batch = torch.full((size, 2), float(number)), torch.zeros(size)

        def step(inputs, labels):
            log.append(len(inputs))
            sums.append(inputs.sum().item())
            return inputs, labels

        if size not in recordings:
            recordings[size] = steps.Recording(step, *batch)
            recordings[size].graphs = True
        result, _ = recordings[size](*batch)
        assert result.tolist() == batch[0].tolist()  # of this batch, a replay as well
        results.append(result)
    for number, result in enumerate(results):  # copies: no later step has written over them
        assert {*result.flatten().tolist()} == {number}
    return log, sums


def test_a_gpu_makes_three_steps_of_a_size_then_records_one_and_repeats_it(monkeypatch):
    log, sums = on_fake_gpu(monkeypatch, [4, 4, 2, 4, 4, 2, 2, 4, 2])
    first = [*("aside", 4), *("aside", 4), *("aside", 2), *("aside", 4)]
    first += [*("record", 4, "replay"), *("aside", 2), *("aside", 2), "replay"]
    assert log == [*first, *("record", 2, "replay")]
    assert sums == [
        0,
        8,
        8,
        24,
        32,
        20,
        24,
        32,
    ]  # each step saw its own batch; the eighth is a replay


def test_what_cannot_be_recorded_is_told_what_is_out_of_memory_stays_so(monkeypatch):
    broken = RuntimeError("CUDA error: operation not permitted when stream is capturing\nmore")
    with pytest.raises(ValueError, match=r"cuda_graphs = true: no graph .*\(CUDA error: .*ing\)$"):
        on_fake_gpu(monkeypatch, [4] * 5, broken)
    with pytest.raises(torch.OutOfMemoryError):
        on_fake_gpu(monkeypatch, [4] * 5, torch.OutOfMemoryError("CUDA out of memory."))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize(("architecture", "activation", "protocol"), RUNS)
def test_on_a_gpu_recorded_steps_train_as_plain_ones(architecture, activation, protocol, images):
    data = table() if architecture[:3] in ("ban", "mlp") else images
    plain, again, recorded = (
        run(data, activation, architecture=architecture, **{"epochs": 5} | protocol,
            place={"device": "cuda", "cuda_graphs": graphs}).history
        for graphs in (False, False, True)
    )  # fmt: skip
    losses = [[epoch.train_loss for epoch in history] for history in (plain, again, recorded)]
    assert losses[0] == losses[1]
    assert losses[0] == pytest.approx(losses[2], rel=1e-3)
