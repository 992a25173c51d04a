"""The grid: from the config to its runs, and each run's slice of the config; free of torch."""

import itertools
from dataclasses import dataclass

from actgrid import registry
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
        return f"{self.dataset}/{self.architecture}/{self.activation}/{self.seed}"


def expand(config: dict) -> list[Run]:
    """All runs of a checked config, in the order of the config."""
    return [
        Run(name, *cell)
        for name, study in config["studies"].items()
        for cell in itertools.product(
            study["datasets"], study["architectures"], activations_of(config, name), study["seeds"]
        )
    ]


def activations_of(config: dict, study: str) -> list[str]:
    """The activations of a study: those that it lists, then those that name it, each once."""
    entries = config["activations"].items()
    named = (name for name, entry in entries if study in entry.get("studies", ()))
    return list(dict.fromkeys([*config["studies"][study]["activations"], *named]))


def entry_of(config: dict, activation: str) -> dict:
    """The activation's entry without presentation.

    Its `matched_to` becomes that entry, its `source` the file of the saved activation. Raises
    registry.UnknownName.
    """
    entries = config["activations"]
    registry.require("activation", activation, entries)
    entry = {k: v for k, v in entries[activation].items() if k not in PRESENTATION}
    if "matched_to" in entry:
        matched = entries[entry["matched_to"]]
        entry["matched_to"] = {k: v for k, v in matched.items() if k not in PRESENTATION}
    if entry["function"] == "transfer":
        entry["source"] = f"{config['pathvars']['results']}/runs/{entry['source']}/activation.pt"
    return entry


def settings(config: dict, study: str, activation: str) -> dict:
    """What the result of a run depends on, apart from its four names and the code."""
    return {
        "activation": entry_of(config, activation),
        "protocol": config["studies"][study]["protocol"],
        "device": config["device"],
        "cuda_graphs": config["cuda_graphs"],
        "diagnostics": config["studies"][study].get("diagnostics", False),
    }


def without(config: dict, missing) -> dict:
    """The config with its studies cut to what the other runs of the grid have.

    A data set, architecture, activation or seed without a run is left out of its study's list, and
    so is a study without a run; `expand` may still hold a missing run between others.
    """
    there: dict[str, list[Run]] = {}
    for run in expand(config):
        if run not in missing:
            there.setdefault(run.study, []).append(run)
    studies = {name: config["studies"][name] | _lists(runs) for name, runs in there.items()}
    return config | {"studies": studies}


def _lists(runs):
    """The lists of a study that has these runs."""
    names = {"datasets": "dataset", "architectures": "architecture"}
    names |= {"activations": "activation", "seeds": "seed"}
    return {key: list(dict.fromkeys(getattr(run, of) for run in runs)) for key, of in names.items()}


def cells(config: dict) -> dict[tuple[str, str, str], str]:
    """(dataset, architecture, activation) -> the one study that it belongs to."""
    return {
        cell: name
        for name, study in config["studies"].items()
        for cell in itertools.product(
            study["datasets"], study["architectures"], activations_of(config, name)
        )
    }


def pairs(config: dict, studies: list[str] | None = None) -> dict[tuple[str, str], dict]:
    """(dataset, architecture) -> the protocol that the studies with that pair share.

    studies: those to look at, None all.
    """
    return {
        pair: study["protocol"]
        for name, study in config["studies"].items()
        if studies is None or name in studies
        for pair in itertools.product(study["datasets"], study["architectures"])
    }
