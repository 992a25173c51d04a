"""Time the training against a plain loop, and activations against relu; prints and writes a CSV.

CPU seconds of interleaved rounds, each way in a process of its own that stays. Run from the
project's root, FashionMNIST prepared: python benchmarks/training.py benchmarks/results.csv
(about five minutes on an idle machine).
"""

import functools
import multiprocessing
import statistics
import sys
import time
from dataclasses import replace

import baseline
import pandas as pd
import torch
import yaml

from actgrid import activations, architectures, data, grid
from actgrid.experiment import network, parts_of, prepare_process
from actgrid.kernels import fast_bfloat16
from actgrid.protocol import Protocol
from actgrid.provenance import processor
from actgrid.training import train

EXAMPLES = {"small": 12_000, "small_conv": 1_920, "resnet_norm": 960}  # trained on in a round
ALL = 60_000  # training examples of an epoch; a sixth as many are tested in either case
WAYS = {  # our precision or None, threads; 0: as many as torch takes by default
    "baseline": (None, 0),
    "baseline_one_thread": (None, 1),
    "float32": ("float32", 1),
}
if fast_bfloat16():  # elsewhere it takes ten times as long
    WAYS["bfloat16"] = ("bfloat16", 1)
ACTIVATIONS = (
    *("relu", "offset_relu_1.0", "hill_0.25", "leaky_relu_0.1", "tent", "double_hill"),
    *("elu", "gelu", "tanh", "mish"),
)
ROUNDS = 5
COLUMNS = [
    *("network", "activation", "way", "threads", "examples", "rounds", "cpu_seconds"),
    *("times_baseline", "times_one_thread", "times_relu", "processor", "torch"),
]


@functools.cache
def prepared():
    """The config and the data set, read once a process."""
    with open("config.yaml") as file:
        return yaml.safe_load(file), data.load("data/prepared/fashion_mnist")


@functools.cache
def subject(architecture, activation, precision, threads, examples, tested):
    """A function that trains a network for one epoch and tests it."""
    config, dataset = prepared()
    if len(dataset.train_y) != ALL:
        raise ValueError(f"{dataset.name} has {len(dataset.train_y)} training examples, not {ALL}")
    settings = grid.settings(config, "handmade", activation)
    limits = {"train_examples": examples, "test_examples": tested, "epochs": 1}
    protocol = Protocol(**settings["protocol"] | limits)
    if precision is None:
        torch.set_num_threads(threads or torch.get_num_threads())
        new = activations.factory(settings["activation"])
        model = architectures.build(architecture, new, (1, 28, 28), 10)
        loaders = baseline.loaders(dataset, examples, tested, protocol.batch_size)
        return lambda: baseline.epoch(model, *loaders, protocol.learning_rate)
    prepare_process(threads)
    protocol = replace(protocol, precision=precision)
    run = grid.Run("handmade", "fashion_mnist", architecture, activation, 0)
    model, _ = network(run, settings["activation"], dataset, protocol)
    parts = parts_of(dataset, protocol, torch.device("cpu"))
    return lambda: train(model, parts, protocol, None)


def seconds(*what) -> float:
    """CPU seconds of this process for one call of a subject."""
    call = subject(*what)
    start = time.process_time()
    call()
    return time.process_time() - start


def rounds(subjects: dict, pools: dict) -> dict[str, list[float]]:
    """Name -> CPU seconds of each round, the order turned round every time; the first is left out.

    subjects: name -> (pool, arguments of `subject`).
    """
    times = {name: [] for name in subjects}
    for number in range(ROUNDS + 1):
        for name in list(subjects)[:: 1 if number % 2 else -1]:
            pool, what = subjects[name]
            times[name].append(pools[pool].apply(seconds, what))
    return {name: values[1:] for name, values in times.items()}


def ratio(times, one, other) -> float:
    """Median of the rounds' ratios, to two decimals."""
    return round(statistics.median(a / b for a, b in zip(times[one], times[other], strict=True)), 2)


def ways(architecture, pools):
    """Rows: an epoch of one network by all WAYS, scaled to all examples."""
    examples = EXAMPLES[architecture]
    what = {
        name: (name, (architecture, "relu", *way, examples, examples // 6))
        for name, way in WAYS.items()
    }
    times = rounds(what, pools)
    for name, (_, threads) in WAYS.items():
        yield {
            "network": architecture, "activation": "relu", "way": name,
            "threads": threads or torch.get_num_threads(), "examples": examples,
            "cpu_seconds": round(statistics.median(times[name]) * ALL / examples, 2),
            "times_baseline": ratio(times, "baseline", name),
            "times_one_thread": ratio(times, "baseline_one_thread", name),
        }  # fmt: skip


def functions(architecture, pools):
    """Rows: training alone with each of ACTIVATIONS, against relu."""
    examples = EXAMPLES[architecture] // 2
    what = {
        name: ("float32", (architecture, name, "float32", 1, examples, 1)) for name in ACTIVATIONS
    }
    times = rounds(what, pools)
    for name in ACTIVATIONS:
        yield {
            "network": architecture, "activation": name, "way": "float32", "threads": 1,
            "examples": examples, "times_relu": ratio(times, name, "relu"),
            "cpu_seconds": round(statistics.median(times[name]) * ALL / examples, 2),
        }  # fmt: skip


def main(path):
    """All rows. cpu_seconds: of an epoch, scaled to all examples, in `ways` with its test pass.

    times_baseline, times_one_thread: how many times as fast as the two baselines; of the first one,
    threads that wait for each other count as well, and on a busy machine they wait long.
    times_relu: how many times as long as with relu.
    """
    pools = {name: multiprocessing.get_context("spawn").Pool(1) for name in WAYS}
    rows = [row for name in EXAMPLES for row in ways(name, pools)]
    rows += [row for name in ("small", "small_conv") for row in functions(name, pools)]
    about = {"rounds": ROUNDS, "processor": processor(), "torch": torch.__version__}
    table = pd.DataFrame([row | about for row in rows], columns=COLUMNS)
    table.to_csv(path, index=False)
    print(table.drop(columns=["processor", "torch"]).to_string(index=False, na_rep=""))


if __name__ == "__main__":
    main(sys.argv[1])
