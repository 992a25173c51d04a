"""Write made-up results of a grid, to try what comes after the training on any number of runs.

Run from the project's root: python benchmarks/fake_results.py OVERLAY.yaml
Every cell is trained once, for one epoch on a few made-up examples. Its runs have the files that
this leaves, with drawn figures of as many epochs as the protocol says; a hundredth has diverged.
"""

import json
import math
import sys
import zlib
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import yaml
from snakemake.utils import update_config

from actgrid import grid, records
from actgrid.architectures import ARCHITECTURES
from actgrid.config import check
from actgrid.data import ARRAYS, DATASETS, Dataset
from actgrid.experiment import prepare_process, run_one

EXAMPLES = 24  # that a cell is trained on
SHAPES = {"covertype": (10,), "banknote": (4,)}  # of an example; other sets are images
WITHOUT_VALIDATION = ("fashion_mnist", "banknote")
SLOW, QUICK = ("convolutional", "residual"), "mlp_128_64"  # modules of networks, a network
STOPPED = (50, 100)  # epochs between which patience ends a run


def load(overlay: str) -> dict:
    """The checked config of the project with an overlay."""
    config = yaml.safe_load(Path("config.yaml").read_text())
    update_config(config, yaml.safe_load(Path(overlay).read_text()))
    schema = yaml.safe_load(Path("workflow/schemas/config.schema.yaml").read_text())
    return config | check(config, schema)


def dataset(name: str) -> Dataset:
    """Made-up examples with the shape and the classes of a data set."""
    shape, classes = SHAPES.get(name, (1, 28, 28)), import_module(DATASETS[name]).CLASSES
    inputs = np.random.default_rng(0).standard_normal((EXAMPLES, *shape), dtype=np.float32)
    arrays = {
        key: (np.arange(EXAMPLES) % len(classes)).astype(np.uint8) if key[-1] == "y" else inputs
        for key in ARRAYS
    }
    if name in WITHOUT_VALIDATION:
        arrays |= {key: arrays[key][:0] for key in ("valid_x", "valid_y")}
    return Dataset(name, **arrays, classes=classes, sha256="0" * 64)


def trained(run, settings: dict):
    """The result of one epoch of a cell, or of a quick network in the place of a slow one."""
    short = {"epochs": 1, "monitor": None, "batch_size": EXAMPLES}
    changed = settings | {"protocol": settings["protocol"] | short}
    if ARCHITECTURES[run.architecture] in SLOW:
        run = replace(run, architecture=QUICK)
    result = run_one(run, changed, dataset(run.dataset))
    result.facts["settings"] = settings
    return result


def drawn(run, protocol: dict, first) -> list:
    """A history with drawn figures; first: an epoch that was really measured."""
    rng = np.random.default_rng(zlib.crc32(run.path.encode()))
    count = int(rng.integers(*STOPPED)) if protocol.get("patience") else protocol["epochs"]
    measured = [name for name, value in asdict(first).items() if value is not None][1:]
    level = 0.7 + 0.1 * rng.random() + 0.1 * (zlib.crc32(run.activation.encode()) % 9) / 9
    rising = level * (1 - 0.5 * np.exp(-np.arange(1, count + 1) / 5))
    figures = rising[:, None] + 0.01 * rng.standard_normal((count, len(measured)))
    rows = np.clip(figures, 0, 1).tolist()
    history = [
        replace(first, epoch=number, **dict(zip(measured, row, strict=True)))
        for number, row in enumerate(rows, 1)
    ]
    if protocol.get("monitor"):
        untested = dict.fromkeys(("test_accuracy", "test_loss", "test_auc"))
        history[:-1] = [replace(epoch, **untested) for epoch in history[:-1]]
    if zlib.crc32(run.path.encode()) % 100 == 0:
        history[-1] = replace(history[-1], train_loss=math.nan)
    return history


def spread(layers: list[dict], epochs: int) -> list[dict]:
    """The rows of two moments, repeated for every epoch and the one before the first."""
    moments = [[row for row in layers if row["epoch"] == moment] for moment in (0, 1)]
    return [row | {"epoch": n} for n in range(epochs + 1) for row in moments[n % 2]]


def varied(runs: list, settings: dict):
    """(run, its files as name -> content) of the runs of one cell."""
    result, texts = trained(runs[0], settings), {}
    for run in runs:
        history = drawn(run, settings["protocol"], result.history[0])
        status = "diverged" if history[-1].diverged else "ok"
        if len(history) not in texts:  # the same layers for all runs of that length
            texts[len(history)] = records.files(
                run, replace(result, layers=spread(result.layers, len(history)))
            )
        own = {"epochs": records.epochs_text(history)}
        own["run"] = records.run_text(run, result.facts | {"status": status})
        yield run, texts[len(history)] | {name: text.encode() for name, text in own.items()}


def write(config: dict) -> int:
    """Write the files of all runs; how many runs there are."""
    names = {"run": "run.json", "activation": "activation.pt"}
    results, runs = Path(config["pathvars"]["results"]), grid.expand(config)
    cells = {}
    for run in runs:
        cells.setdefault((run.study, run.dataset, run.architecture, run.activation), []).append(run)
    for (study, _, _, activation), members in cells.items():
        for run, files in varied(members, grid.settings(config, study, activation)):
            folder = results / "runs" / run.path
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                (folder / names.get(name, f"{name}.csv")).write_bytes(content)
    return len(runs)


if __name__ == "__main__":
    prepare_process(threads=1)
    print(json.dumps({"runs": write(load(sys.argv[1]))}))
