"""The grid: from the config to its runs, and each run's slice of the config; free of torch."""

import itertools
from dataclasses import astuple, dataclass

from actgrid.activations import PRESENTATION


@dataclass(frozen=True, order=True)
class Run:
    """One cell of the grid; `dataset/architecture/activation/seed` name its folder."""

    study: str
    dataset: str
    architecture: str
    activation: str
    seed: int

    @property
    def path(self) -> str:
        """The run's folder below results/runs."""
        return "/".join(map(str, astuple(self)[1:]))


def expand(config: dict) -> list[Run]:
    """All runs of a checked config, in the order of the config."""
    return [
        Run(name, *cell)
        for name, study in config["studies"].items()
        for cell in itertools.product(
            study["datasets"], study["architectures"], study["activations"], study["seeds"]
        )
    ]


def settings(config: dict, study: str, activation: str) -> dict:
    """What the result of a run depends on, apart from its four names and the code."""
    entry = config["activations"][activation]
    return {
        "activation": {k: v for k, v in entry.items() if k not in PRESENTATION},
        "protocol": config["studies"][study]["protocol"],
        "device": config["device"],
    }


def pairs(config: dict) -> dict[tuple[str, str], str]:
    """(dataset, architecture) -> the one study that it belongs to."""
    return {
        (dataset, architecture): name
        for name, study in config["studies"].items()
        for dataset, architecture in itertools.product(study["datasets"], study["architectures"])
    }
