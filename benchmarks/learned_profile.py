"""Learned activations, tabulated beside exact: CPU seconds, peak memory, and where the time goes.

An epoch of LIMITS of covertype, a process of its own for each training. Run from the project's
root, covertype prepared: python benchmarks/learned_profile.py benchmarks/learned.csv (minutes).
All 27 combinations by whole epochs: learned_evaluation.py.
"""

import itertools
import multiprocessing
import sys

import pandas as pd
import yaml
from learned_evaluation import trial
from torch.profiler import ProfilerActivity, profile

LIMITS = {"train_examples": 60_000, "valid_examples": 6_000, "test_examples": 6_000}
CELLS = {"small": "mlp_48_24", "large": "mlp_96_48_32"}  # size of both networks -> the outer one
WAYS = ("tabulated", "exact")
OPERATIONS = 8  # that are named in a profile


def measured(*what) -> list[dict]:
    """A row on the whole training, then the operations that take most, as shares of CPU time."""
    found = trial(*what)
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        trial(*what)
    times = {entry.key: entry.self_cpu_time_total for entry in seen.key_averages()}
    most = sorted(times, key=times.get, reverse=True)[:OPERATIONS]
    total = sum(times.values())
    whole = {"cpu_seconds": round(found["seconds"], 3), "peak_mb": round(found["mb"])}
    shares = ({"operation": name, "share": round(times[name] / total, 3)} for name in most)
    return [{"operation": "all", "share": 1.0} | whole, *shares]


def rows(config, base, size):
    """The rows of both ways, in processes of their own; a network and an activation of one size."""
    for way in WAYS:
        place = {"base": base, "outer": size, "inner": size, "evaluation": way}
        what = (config, CELLS[size], f"learned_{base}_{size}", way, 0, 1)
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            yield from (place | row for row in pool.apply(measured, what))


def main(path):
    """All combinations, one after the other."""
    with open("config.yaml") as file:
        config = yaml.safe_load(file)
    config["studies"]["learned"]["protocol"] |= LIMITS
    table = []
    for base, size in itertools.product(("tanh", "relu", "gelu"), CELLS):
        table += rows(config, base, size)
        pd.DataFrame(table).to_csv(path, index=False)
    whole = pd.DataFrame(table).query("operation == 'all'")
    print(whole.drop(columns=["operation", "share"]).to_string(index=False))


if __name__ == "__main__":
    main(sys.argv[1])
