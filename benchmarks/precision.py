"""Train the same runs by torch's own kernels, by ours and in bfloat16; writes a CSV of accuracies.

ReLU on FashionMNIST by the protocol of the study handmade. Run from the project's root:
python benchmarks/precision.py benchmarks/precision.csv (about ten minutes on one core).
"""

import csv
import sys
from unittest import mock

import yaml

from actgrid import data, grid, kernels
from actgrid.experiment import prepare_process, run_one

RUNS = (  # network, seeds, training examples, epochs
    ("small", (0, 1, 2), 60_000, 5),
    ("small_conv", (0,), 12_000, 5),
    ("resnet_norm", (0,), 12_000, 3),
)
WAYS = ("float32_torch", "float32", "bfloat16")
PLAIN = mock.patch.object(kernels, "prepare", lambda model, *_, **__: model)


def trial(config, dataset, architecture, seed, way, limits):
    """The epochs of one run."""
    settings = grid.settings(config, "handmade", "relu") | {"device": "cpu"}
    settings["protocol"] = settings["protocol"] | limits | {"precision": way.removesuffix("_torch")}
    run = grid.Run("handmade", "fashion_mnist", architecture, "relu", seed)
    if way == "float32_torch":
        with PLAIN:
            return run_one(run, settings, dataset).history
    return run_one(run, settings, dataset).history


def main(path):
    """A row per epoch of each run."""
    prepare_process(threads=1)
    with open("config.yaml") as file:
        config = yaml.safe_load(file)
    dataset = data.load("data/prepared/fashion_mnist")
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        names = ["network", "seed", "train_examples", "way", "epoch", "train_accuracy"]
        writer.writerow([*names, "train_loss", "test_accuracy", "test_loss"])
        for architecture, seeds, examples, epochs in RUNS:
            limits = {"train_examples": examples, "epochs": epochs}
            for seed, way in ((seed, way) for seed in seeds for way in WAYS):
                for e in trial(config, dataset, architecture, seed, way, limits):
                    figures = (e.train_accuracy, e.train_loss, e.test_accuracy, e.test_loss)
                    row = [architecture, seed, examples, way, e.epoch]
                    writer.writerow([*row, *(round(figure, 6) for figure in figures)])
                file.flush()


if __name__ == "__main__":
    main(sys.argv[1])
