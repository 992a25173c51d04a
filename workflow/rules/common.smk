# Checks the config, expands it to runs, and holds the small helpers of the rules.
import functools
import hashlib
import json
import os
import re
import sys
from pathlib import Path

from actgrid import config_file, grid
from actgrid.activations import ACTIVATIONS, SHARED
from actgrid.architectures import ARCHITECTURES
from actgrid.config import ConfigError, check


def one_of(names):
    """A regular expression for one of these names, or for nothing."""
    return "|".join(sorted(map(re.escape, names))) or "(?!)"


def read(name, *see):
    """A YAML file of the project."""
    return config_file.read(Path(workflow.basedir) / name, *see)


def is_learned(run):
    """Whether a run learns its activation."""
    return config["activations"][run.activation]["function"] in SHARED


try:
    checked = check(config, read("workflow/schemas/config.schema.yaml"))
except ConfigError as error:
    sys.exit(str(error))

SHORT = {name for name, entry in config["activations"].items() if "function" not in entry}
config |= checked
OWN = SHORT | {name for name, entry in config["activations"].items() if ACTIVATIONS[entry["function"]] == "own"}
PLANNED, MISSING = grid.expand(config), {}


include: "partial.smk"


RUNS = [run for run in PLANNED if run not in MISSING]
PAIRS = grid.pairs(config)
RUNS_OF = {pair: [] for pair in PAIRS}
for run in RUNS:
    RUNS_OF[run.dataset, run.architecture].append(run)
STUDIES = grid.cells(config)
AFTER = OWN | {name for name, entry in config["activations"].items() if entry["function"] == "transfer"}
LEARNED = [run for run in RUNS if is_learned(run)]


wildcard_constraints:
    dataset=one_of({run.dataset for run in PLANNED}),
    architecture=one_of({run.architecture for run in PLANNED}),
    activation=one_of({run.activation for run in PLANNED}),
    seed="[0-9]+",


onstart:
    note_cluster()
    refuse_leftovers()
    # Snakemake 9 starts one more endless one-second timer with every finished job, and each tick
    # runs the scheduler: after some hundred jobs that takes a core. The timers serve the rate
    # limit of submissions, which jobs on this machine do not need.
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


def modules(*names):
    """Source files of the package that a rule's result depends on: edited, they rerun it."""
    return [f"src/actgrid/{name}.py" for name in names]


@functools.cache
def get_digest(*files):
    """sha256 of the content of files, cut to 16 digits."""
    content = b"".join(Path(file).read_bytes() for file in files)
    return hashlib.sha256(content).hexdigest()[:16]


@functools.cache
def get_run_source(architecture, activation):
    """Modules that one run's numbers depend on; registries of names are left out."""
    entry = config["activations"][activation]
    function = entry["function"]
    return modules(
        "experiment",
        "kernels",
        *("training", "checkpoint", "steps", "devices"),
        "diagnostics",
        "optimizers",
        "metrics",
        "protocol",
        "architectures/initialisation",
        f"architectures/{ARCHITECTURES[architecture]}",
        *get_function_modules(entry),
        *(["activations/graph"] if function in SHARED else []),
        *(["activations/subnetwork"] if "matched_to" in entry else []),
    ) + ["workflow/scripts/train_run.py", *get_imported(entry)]


@functools.cache
def get_settings(dataset, architecture, activation):
    """As JSON what a run's numbers depend on: its slice of the config and a digest of its source.

    Among the inputs the source would cost the workflow more time than the runs themselves do.
    """
    settings = grid.settings(config, STUDIES[dataset, architecture, activation], activation)
    source = get_digest(*get_run_source(architecture, activation))
    return json.dumps(settings | {"source": source})


def get_made_before(wildcards):
    """The check of one's own activation, or the saved activation that a run takes over."""
    if wildcards.activation in OWN:
        return "<results>/checks/{activation}.json"
    return grid.entry_of(config, wildcards.activation)["source"]


def get_runs(name):
    """Input function: the files `name` of all runs of a (dataset, architecture) pair."""
    return lambda wildcards: [f"<results>/runs/{run.path}/{name}" for run in RUNS_OF[tuple(wildcards)]]


def get_tables(name):
    """Input function: the tables `name` of the pairs of a data set."""
    return lambda wildcards: [
        f"<results>/{dataset}/{architecture}/{name}"
        for dataset, architecture in PAIRS
        if dataset == wildcards.dataset
    ]


def get_missing():
    """(dataset, architecture, activation, seed, why, log) of the runs that a partial grid goes without."""
    results = config["pathvars"]["results"]
    return [
        (run.dataset, run.architecture, run.activation, run.seed, why, f"logs/{results}/{run.path}.log")
        for run, why in MISSING.items()
    ]


def get_studies(wildcards):
    """activation -> study, of the cells of a (dataset, architecture) pair."""
    return {cell[2]: study for cell, study in STUDIES.items() if cell[:2] == tuple(wildcards)[:2]}


def of_pairs(pattern):
    """`pattern` filled with every (dataset, architecture) pair of the grid."""
    return [pattern.format(dataset=dataset, architecture=name) for dataset, name in PAIRS]


def studies_of(source):
    """The studies that reproduce a source work."""
    return [name for name, study in config["studies"].items() if study["source"] == source]


def of_source(source, pattern):
    """`pattern` filled with every (dataset, architecture) pair of a source work's studies."""
    pairs = grid.pairs(config, studies_of(source))
    filled = (pattern.format(dataset=dataset, architecture=name) for dataset, name in pairs)
    return list(dict.fromkeys(filled))


def of_learned(name):
    """The files `name` of all runs that learn their activation."""
    return [f"<results>/runs/{run.path}/{name}" for run in LEARNED]


def get_published(source):
    """The tables of results published by a source work that the grid's studies name."""
    studies = [config["studies"][name] for name in studies_of(source)]
    return sorted({study["published"] for study in studies if study.get("published")})


def get_drawn_activations():
    """Entries of the fixed functions that the grid trains, in the order of its studies."""
    kept = [run for run in PLANNED if run not in MISSING or run.activation not in OWN]
    entries = {run.activation: config["activations"][run.activation] for run in kept}
    learned = ("learned", "transfer")
    return {
        name: get_shown(name)
        for name, entry in entries.items()
        if entry["function"] not in learned and "matched_to" not in entry
    }


def get_shown(activation):
    """What its graph and its cost depend on: its entry, of the presentation the family alone."""
    return grid.entry_of(config, activation) | {"family": get_families()[activation]}


def get_activation_source():
    """Modules that the graphs of the activations depend on."""
    drawn = get_drawn_activations().values()
    used = sorted({name for entry in drawn for name in get_function_modules(entry)})
    return modules("activations/graph", *used) + [file for entry in drawn for file in get_imported(entry)]


def get_families():
    """activation -> family, which is its colour."""
    return {name: entry["family"] for name, entry in config["activations"].items()}
