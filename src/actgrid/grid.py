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
    """What the result of a run depends on, apart from its four names and the code.

    The activation's `matched_to` becomes that entry, its `source` the file of the saved activation.
    """
    entries = config["activations"]
    entry = {k: v for k, v in entries[activation].items() if k not in PRESENTATION}
    if "matched_to" in entry:
        matched = entries[entry["matched_to"]]
        entry["matched_to"] = {k: v for k, v in matched.items() if k not in PRESENTATION}
    if entry["function"] == "transfer":
        entry["source"] = f"{config['pathvars']['results']}/runs/{entry['source']}/activation.pt"
    return {
        "activation": entry,
        "protocol": config["studies"][study]["protocol"],
        "device": config["device"],
        "diagnostics": config["studies"][study].get("diagnostics", False),
    }


def cells(config: dict) -> dict[tuple[str, str, str], str]:
    """(dataset, architecture, activation) -> the one study that it belongs to."""
    return {(run.dataset, run.architecture, run.activation): run.study for run in expand(config)}


def pairs(config: dict, studies: list[str] | None = None) -> dict[tuple[str, str], dict]:
    """(dataset, architecture) -> the protocol that the studies with that pair share.

    studies: those to look at, None all.
    """
    return {
        (run.dataset, run.architecture): config["studies"][run.study]["protocol"]
        for run in expand(config)
        if studies is None or run.study in studies
    }
