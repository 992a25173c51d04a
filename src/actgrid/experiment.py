"""One run of the grid: the only place where data, network, activation and protocol meet."""

import copy
import ctypes
import hashlib
import io
import warnings
from dataclasses import dataclass

import torch
from torch import nn

from actgrid import activations, architectures, devices, kernels
from actgrid.activations.graph import graph
from actgrid.architectures.initialisation import initialise
from actgrid.diagnostics import PROBE, Layers, preactivations
from actgrid.protocol import Protocol
from actgrid.provenance import Watch, device_name, processor, provenance
from actgrid.training import EVALUATION_BATCH, Epoch, Parts, Tensors, confusion, train

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
TABULATED = ("learned", "transfer")  # their tables have no room in bfloat16
GRAPH_REACH, GRAPH_POINTS = 10.0, 2001  # of a learned activation's graph: -10 to 10 at least


@dataclass(frozen=True)
class Result:
    """What a run leaves: a row per epoch, rows on its layers (diagnostics.Layers), what run.json
    holds, and the learned activation if any.

    facts["status"] is "ok" or "diverged".
    """

    history: list[Epoch]
    layers: list[dict]
    facts: dict
    learned: "Learned | None" = None


@dataclass(frozen=True)
class Learned:
    """A learned activation: its file for torch.load, its graph, and what enters it.

    graph: rows x, f, df in evaluation mode. preactivations: see diagnostics.preactivations.
    """

    saved: bytes
    graph: list[dict]
    preactivations: list[dict]


@devices.memory_explained()
def run_one(run, settings: dict, data, on_epoch=lambda epoch: None, kept=None) -> Result:
    """Train the cell `run`.

    `settings` (grid.settings) holds the slices of the config that belong to this run: `activation`
    (function and constants), `protocol`, `device`, `cuda_graphs` and `diagnostics`. `data` is a
    prepared data set (data.load). The same run gives the same history on the same machine, whatever
    runs beside it: initialisation, order and dropout have seeds of their own, drawn from the run's
    seed. With a `kept` checkpoint.Checkpoint it goes on where it was cut off, with the same
    history; the seconds of its processes up to their last checkpoints are added.
    Raises ValueError for constants or a precision that do not fit, a device that is not there, and
    one whose memory is full.
    """
    watch = Watch()
    protocol, device = Protocol(**settings["protocol"]), devices.choose(settings["device"])
    devices.prepare(device)
    model, modules = network(run, settings["activation"], data, protocol)
    parts, model = parts_of(data, protocol, device), model.to(device)
    if kept:
        kept.about = _about(run, settings, data, device)
        kept.parts = {"watch": watch, **devices.generators(device)}
    history, layers = _trained(run, model, modules, parts, protocol, settings, on_epoch, kept)
    facts = {
        "status": "diverged" if any(epoch.diverged for epoch in history) else "ok",
        "parameters": architectures.parameter_count(model),
        **watch.state_dict(),
        "diagnostics_seconds": layers.seconds,
        "confusion": _confusions(run, model, parts.test, len(data.classes), protocol.batch_size),
        "settings": settings,
        "threads": torch.get_num_threads(),
        "data_sha256": data.sha256,
    } | provenance(device)
    shared = settings["activation"]["function"] in activations.SHARED
    learned = _learned(model, modules[-1], parts, protocol, history) if shared else None
    return Result(history, layers.rows, facts, learned)


def _about(run, settings, data, device):
    """What numbers depend on beside the network as initialised; see Checkpoint."""
    return {
        "run": [run.architecture, run.seed],
        "settings": settings,
        "data": data.sha256,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "device": device_name(device),
        "processor": processor(),
    }


def _trained(run, model, modules, parts, protocol, settings, on_epoch, kept):
    """The history of the training, and the rows on the layers taken on the way."""
    probe = parts.training.first(PROBE) if settings["diagnostics"] else None
    layers = Layers(model, modules, probe, protocol.loss)
    layers.take(0)

    def after(epoch):
        layers.take(epoch.epoch)
        on_epoch(epoch)

    torch.manual_seed(derived_seed(run.seed, "dropout"))  # nn.Dropout takes no generator
    order, graphs = generator(run.seed, "order"), settings["cuda_graphs"]
    if kept:
        kept.parts["layers"] = layers
    return train(model, parts, protocol, order, after, graphs, kept), layers


def _confusions(run, model, test, classes, batch):
    """Test examples by class and predicted class: in evaluation mode and, of a network with
    dropout, in training mode too (dropout on, BatchNorm of the whole test set as one batch)."""
    counts = {"evaluation": confusion(model.eval(), test, classes, max(EVALUATION_BATCH, batch))}
    if any(isinstance(layer, nn.Dropout) for layer in model.modules()):
        torch.manual_seed(derived_seed(run.seed, "test dropout"))
        model = copy.deepcopy(model).train()  # a pass changes BatchNorm's running statistics
        counts["training"] = confusion(model, test, classes, len(test))
    return counts


def derived_seed(seed: int, purpose: str) -> int:
    """A seed of its own for each purpose ("init", "order", ...) of one seed."""
    digest = hashlib.sha256(f"{purpose} {seed}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def generator(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator of its own for each purpose of one seed."""
    return torch.Generator().manual_seed(derived_seed(seed, purpose))


def tensors(inputs, labels, limit: int | None, device: torch.device) -> Tensors:
    """The first `limit` examples (None: all) on the device; on a CPU they share the memory map."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the map is read-only, and only read
        x, y = torch.from_numpy(inputs[:limit]), torch.from_numpy(labels[:limit])
    return Tensors(x.to(device), y.to(device, torch.int64))


def parts_of(data, protocol, device):
    """The parts of a prepared data set on the device, each cut as the protocol says."""
    return Parts(
        tensors(data.train_x, data.train_y, protocol.train_examples, device),
        tensors(data.valid_x, data.valid_y, protocol.valid_examples, device),
        tensors(data.test_x, data.test_y, protocol.test_examples, device),
    )


def prepare_process(threads: int) -> None:
    """Settings of a process that trains: its threads, memory that malloc keeps, kernels.settle.

    glibc gives freed blocks of this size back to the system at once; fetching them anew for every
    batch costs a tenth of a small network's time.
    """
    torch.set_num_threads(threads)
    torch.backends.cudnn.deterministic = True
    mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda *_: 0)
    for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
        mallopt(option, 1 << 30)
    kernels.settle()


def network(run, activation: dict, data, protocol):
    """The initialised network of a run, and its activation modules in the order of its layers."""
    if protocol.precision == "bfloat16" and activation["function"] in TABULATED:
        raise ValueError(f"precision = 'bfloat16': {activation['function']!r} needs float32")
    new_activation, made = activations.factory(activation), []

    def remembered(width):
        made.append(new_activation(width))
        return made[-1]

    outputs = 1 if protocol.loss == "binary_cross_entropy" else len(data.classes)
    shape, extra = data.train_x.shape[1:], _extra_parameters(activation)
    model = architectures.build(run.architecture, remembered, shape, outputs, extra)
    initialise(model, generator(run.seed, "init"), apart=made)
    for module in dict.fromkeys(made):
        initialise(module, generator(run.seed, "activation"))
    return kernels.prepare(model, protocol.precision, apart=made), made


def _extra_parameters(activation):
    """Trained scalars of the learned activation that the network is to be matched to."""
    if "matched_to" not in activation:
        return 0
    return architectures.parameter_count(activations.from_config(activation["matched_to"]))


def _learned(model, module, parts, protocol, history):
    data = parts.validation if len(parts.validation) else parts.test
    inputs = preactivations(model, module, data, protocol.batch_size)
    best = max(history, key=lambda epoch: epoch.test_loss is not None and epoch.epoch)
    scores = {key: getattr(best, key) for key in ("epoch", "valid_auc", "test_auc")}
    exact = copy.deepcopy(module).cpu().eval()
    exact.evaluation = "exact"
    reach = max(GRAPH_REACH, *(abs(row["all"]) for row in (inputs[1], inputs[-2])))
    points = graph(exact, -reach, reach, GRAPH_POINTS)
    curve = [{key: row[key] for key in ("x", "f", "df")} for row in points]
    torch.save(module.document(scores), saved := io.BytesIO())
    return Learned(saved.getvalue(), curve, inputs)
