"""What an activation costs beside torch's relu: the time of its passes, the memory between them."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
import torch
from scipy.stats import binom
from torch import nn

from actgrid import activations, kernels
from actgrid.provenance import device_name, processor

SHAPES = ((64, 512), (20000, 48))  # (examples, units): a layer of `small`, one of `mlp_48_24`
ROUNDS = 31
LEAST, SECONDS = 7, 0.5  # rounds of a slow activation: at least so many, no more after so long
BLOCK = 3e-4  # seconds of calls that are timed as one
CONFIDENCE = 0.95
CPU = torch.device("cpu")
COLUMNS = [
    *("activation", "function", "family", "shape", "elements", "forward_backward", "low", "high"),
    *("forward", "nanoseconds", "saved_bytes", "saved_ratio", "held_bytes", "rounds", "device"),
    *("processor", "threads"),
]


def measure(
    entries: dict[str, dict],
    shapes=SHAPES,
    rounds: int = ROUNDS,
    device: torch.device = CPU,
    clock: Callable[[], float] | None = None,
) -> pd.DataFrame:
    """A row of COLUMNS for each of the config's `entries` and each shape; entries: name -> entry.

    forward_backward, forward: the time of those passes as a multiple of that of torch's relu,
    median of the rounds; low to high: a 95 % interval of the first median, NaN below 6 rounds.
    nanoseconds: both passes, an element. saved_bytes, held_bytes: see `memory`; saved_ratio: the
    first as a multiple of relu's. x is standard normal float32 of shape (N, C); modules are new,
    in training mode. clock: seconds, None takes that of `clock_of`.
    """
    clock = clock or clock_of(device)
    about = {"device": device_name(device), "processor": processor()}
    about["threads"] = torch.get_num_threads()
    rows = [
        {"activation": name, "function": entry["function"], "family": entry["family"]}
        | beside_relu(entry, shape, rounds, device, clock)
        | about
        for name, entry in entries.items()
        for shape in shapes
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def clock_of(device: torch.device) -> Callable[[], float]:
    """Seconds: of a GPU once it has done what it was given; on a CPU those that this process takes
    of it, so that what else runs counts little."""

    def finished():
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return finished if device.type == "cuda" else time.process_time


def beside_relu(entry, shape, rounds, device, clock) -> dict:
    """What one activation costs on one shape."""
    kernels.settle()
    relu, ours = subjects([{"function": "relu"}, entry], shape, device)
    times = compare(ours, relu, rounds, clock)
    forward, both = times[:, 1] / times[:, 0], times[:, 3] / times[:, 2]
    low, high = interval(both)
    spent, of_relu = memory(ours), memory(relu)
    return {
        "shape": "x".join(map(str, shape)),
        "elements": ours.x.numel(),
        "forward_backward": np.median(both),
        "low": low,
        "high": high,
        "forward": np.median(forward),
        "nanoseconds": np.median(times[:, 3]) / ours.x.numel() * 1e9,
        **asdict(spent),
        "saved_ratio": spent.saved_bytes / of_relu.saved_bytes,
        "rounds": len(times),
    }


@dataclass
class Subject:
    """A module with its input and the gradient of its output, and the passes that are timed."""

    module: nn.Module
    x: torch.Tensor
    gradient: torch.Tensor

    def forward(self):
        return self.module(self.x)

    def both(self):
        wanted = [self.x, *self.module.parameters()]
        torch.autograd.grad(self.module(self.x), wanted, self.gradient, allow_unused=True)


def subjects(entries, shape, device) -> list[Subject]:
    """A new module of each entry, all with the same tensors."""
    draw = torch.Generator().manual_seed(0)
    x, gradient = (torch.randn(*shape, generator=draw).to(device) for _ in range(2))
    modules = (activations.factory(entry)(shape[1]).to(device) for entry in entries)
    return [Subject(module, x.requires_grad_(), gradient) for module in modules]


def compare(ours: Subject, relu: Subject, rounds: int, clock) -> np.ndarray:
    """Seconds a call, (rounds, 4): forward of relu and ours, both passes of relu and ours.

    The order turns round with every round: what runs second finds another cache.
    """
    calls = (relu.forward, ours.forward, relu.both, ours.both)
    counts = [max(1, int(BLOCK / max(seconds(call, 1, clock), 1e-9))) for call in calls]
    end, times, order = clock() + SECONDS, [], range(4)
    while len(times) < rounds and (len(times) < LEAST or clock() < end):
        spent = {i: seconds(calls[i], counts[i], clock) for i in order}
        times.append([spent[i] for i in range(4)])
        order = order[::-1]
    return np.array(times)


def seconds(call, count: int, clock) -> float:
    """Mean time of `count` calls, after one that is not timed."""
    call()
    start = clock()
    for _ in range(count):
        call()
    return (clock() - start) / count


def interval(values) -> tuple[float, float]:
    """An interval of the median, free of a distribution: the k-th lowest to the k-th highest.

    k is the largest for which it covers the median with 95 % or more; NaN where none does.
    """
    k = int(binom.ppf((1 - CONFIDENCE) / 2, len(values), 0.5))
    ranked = np.sort(values)
    return (ranked[k - 1], ranked[-k]) if k else (math.nan, math.nan)


@dataclass
class Memory:
    """Bytes an element of the input."""

    saved_bytes: float
    held_bytes: float


def memory(of: Subject) -> Memory:
    """What autograd saves of a forward pass, and that with the output, which the next layer saves.

    Each storage counts once, x and the output as well; parameters and buffers, there anyway, do
    not. These are sums of storages, not a peak: that would be the allocator's, not the function's.
    """
    own = _storages([*of.module.parameters(), *of.module.buffers()])
    kept = []  # holds what is saved, so that no address is used twice
    with torch.autograd.graph.saved_tensors_hooks(kept.append, lambda _: None):
        y = of.forward()
    saved = {key: size for key, size in _storages(kept).items() if key not in own}
    totals = (sum(sizes.values()) for sizes in (saved, saved | _storages([y])))
    return Memory(*(total / of.x.numel() for total in totals))


def _storages(tensors):
    """Address -> bytes of the storages of tensors."""
    storages = [tensor.untyped_storage() for tensor in tensors]
    return {storage.data_ptr(): storage.nbytes() for storage in storages}
