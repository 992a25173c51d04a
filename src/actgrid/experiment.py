"""One run of the grid: the only place where data, network, activation and protocol meet."""

import ctypes
import hashlib
import time
import warnings

import torch

from actgrid import activations, architectures
from actgrid.architectures.initialisation import initialise
from actgrid.protocol import Protocol
from actgrid.provenance import provenance
from actgrid.training import Tensors, train

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def run_one(run, settings: dict, data, on_epoch=lambda epoch: None):
    """Train the cell `run` and return (history, facts).

    `settings` (grid.settings) holds the slices of the config that belong to this run: `activation`
    (function and constants), `protocol` and `device`. `data` is a prepared data set (data.load).
    The same run gives the same history on the same machine, whatever runs beside it:
    initialisation and order come from generators of their own, seeded by the run's seed.
    facts: what run.json holds; status is "ok" or "diverged".
    Raises ValueError for constants that do not fit, or a device that is not there.
    """
    wall, cpu = time.perf_counter(), time.process_time()
    protocol, device = Protocol(**settings["protocol"]), choose_device(settings["device"])
    model = _network(run, settings["activation"], data).to(device)
    history = train(
        model,
        tensors(data.train_x, data.train_y, protocol.train_examples, device),
        tensors(data.test_x, data.test_y, protocol.test_examples, device),
        protocol,
        generator(run.seed, "order"),
        on_epoch,
    )
    facts = {
        "status": "diverged" if history[-1].diverged else "ok",
        "parameters": architectures.parameter_count(model),
        "wall_seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "settings": settings,
        "threads": torch.get_num_threads(),
        "data_sha256": data.sha256,
    }
    return history, facts | provenance(device)


def generator(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator of its own for each purpose ("init", "order", ...) of one seed."""
    digest = hashlib.sha256(f"{purpose} {seed}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)


def tensors(inputs, labels, limit: int | None, device: torch.device) -> Tensors:
    """The first `limit` examples (None: all) on the device; on a CPU they share the memory map."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the map is read-only, and only read
        x, y = torch.from_numpy(inputs[:limit]), torch.from_numpy(labels[:limit])
    return Tensors(x.to(device), y.to(device, torch.int64))


def prepare_process(threads: int) -> None:
    """Settings of a process that trains: its threads, and memory that malloc keeps for itself.

    glibc gives freed blocks of this size back to the system at once; fetching them anew for every
    batch costs a tenth of a small network's time.
    """
    torch.set_num_threads(threads)
    torch.backends.cudnn.deterministic = True
    mallopt = getattr(ctypes.CDLL(None), "mallopt", lambda *_: 0)
    for option in (M_MMAP_THRESHOLD, M_TRIM_THRESHOLD):
        mallopt(option, 1 << 30)


def choose_device(name: str) -> torch.device:
    """ "auto" is the GPU where there is one, else the CPU; other names go to torch as they are."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name != "cpu" and not torch.cuda.is_available():
        raise ValueError(f"device = {name!r}: no GPU here; use 'auto' or 'cpu' in config.yaml")
    return torch.device(name)


def _network(run, activation: dict, data):
    shape = data.train_x.shape[1:]
    model = architectures.build(
        run.architecture,
        lambda width: activations.from_config(activation),
        shape,
        len(data.classes),
    )
    return initialise(model, generator(run.seed, "init"))
