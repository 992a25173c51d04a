"""Try candidate widths of small_conv by the published protocol; writes the report's CSV.

The widths behind the published numbers are unknown. Run from the project's root:
python benchmarks/small_conv_widths.py resources/small_conv_widths.csv (about an hour on one core).
"""

import csv
import sys

import torch
import yaml

from actgrid import activations, data
from actgrid.architectures.convolutional import small_conv
from actgrid.architectures.initialisation import initialise
from actgrid.experiment import generator, parts_of, prepare_process
from actgrid.protocol import Protocol
from actgrid.training import train

SEED = 0
PUBLISHED = {"relu": 0.7778, "slope_relu_0.5": 0.4642, "slope_relu_1.5": 0.8145}
CANDIDATES = (  # channels, units, activation
    (64, (128, 64), "relu"),
    (64, (128, 64), "slope_relu_0.5"),
    (64, (128, 64), "slope_relu_1.5"),
    (32, (128, 64), "relu"),
    (32, (128, 64), "slope_relu_0.5"),
    (32, (512, 512), "relu"),
    (32, (256, 128), "relu"),
    (16, (128, 64), "relu"),
)


def trial(channels, units, entry, dataset, protocol):
    """The epochs of one candidate."""
    model = small_conv(
        lambda width: activations.from_config(entry), (1, 28, 28), 10, channels, units
    )
    initialise(model, generator(SEED, "init"))
    parts = parts_of(dataset, protocol, torch.device("cpu"))
    return train(model, parts, protocol, generator(SEED, "order"))


def main(path):
    """Run all candidates."""
    prepare_process(threads=1)
    with open("config.yaml") as file:
        config = yaml.safe_load(file)
    protocol = Protocol(**config["studies"]["handmade"]["protocol"])
    dataset = data.load("data/prepared/fashion_mnist")
    with open(path, "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        header = ["channels", "units", "activation", "epoch", "train_accuracy", "test_accuracy"]
        writer.writerow([*header, "published_test_accuracy"])
        for channels, units, name in CANDIDATES:
            names = [channels, "-".join(map(str, units)), name]
            for e in trial(channels, units, config["activations"][name], dataset, protocol):
                figures = [e.epoch, round(e.train_accuracy, 4), round(e.test_accuracy, 4)]
                writer.writerow([*names, *figures, PUBLISHED[name]])


if __name__ == "__main__":
    main(sys.argv[1])
