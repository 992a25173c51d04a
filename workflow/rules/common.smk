# Checks the config, expands it to runs, and holds the small helpers of the rules.
import re
import sys
from pathlib import Path

import yaml

from actgrid import grid
from actgrid.activations import ACTIVATIONS, SHARED
from actgrid.architectures import ARCHITECTURES
from actgrid.config import ConfigError, check

try:
    check(config, yaml.safe_load((Path(workflow.basedir) / "workflow/schemas/config.schema.yaml").read_text()))
except ConfigError as error:
    sys.exit(str(error))

RUNS = grid.expand(config)
PAIRS = grid.pairs(config)
STUDIES = grid.cells(config)
LEARNED = [run for run in RUNS if config["activations"][run.activation]["function"] in SHARED]


wildcard_constraints:
    dataset="|".join(sorted({re.escape(run.dataset) for run in RUNS})),
    architecture="|".join(sorted({re.escape(run.architecture) for run in RUNS})),
    activation="|".join(sorted({re.escape(run.activation) for run in RUNS})),
    seed="[0-9]+",


onstart:
    # Snakemake 9 starts one more endless one-second timer with every finished job, and each tick
    # runs the scheduler: after some hundred jobs that takes a core. The timers serve the rate
    # limit of submissions, which jobs on this machine do not need.
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


def modules(*names):
    """Source files of the package that a rule's result depends on: edited, they rerun it."""
    return [f"src/actgrid/{name}.py" for name in names]


def get_run_source(wildcards):
    """Modules that one run's numbers depend on; registries of names are left out."""
    function = config["activations"][wildcards.activation]["function"]
    return modules(
        "experiment",
        "training",
        "diagnostics",
        "optimizers",
        "metrics",
        "protocol",
        "architectures/initialisation",
        f"architectures/{ARCHITECTURES[wildcards.architecture]}",
        f"activations/{ACTIVATIONS[function]}",
    )


def get_settings(wildcards):
    """The slice of the config that one run's numbers depend on."""
    cell = (wildcards.dataset, wildcards.architecture, wildcards.activation)
    return grid.settings(config, STUDIES[cell], wildcards.activation)


def get_learned_before(wildcards):
    """The saved activation that a run takes over from another run, if it does."""
    activation = get_settings(wildcards)["activation"]
    return [activation["source"]] if activation["function"] == "transfer" else []


def get_runs(name):
    """Input function: the files `name` of all runs of a (dataset, architecture) pair."""

    def of_pair(wildcards):
        pair = (wildcards.dataset, wildcards.architecture)
        chosen = [run for run in RUNS if (run.dataset, run.architecture) == pair]
        return [f"<results>/runs/{run.path}/{name}" for run in chosen]

    return of_pair


def get_studies(wildcards):
    """activation -> study, of the cells of a (dataset, architecture) pair."""
    return {cell[2]: study for cell, study in STUDIES.items() if cell[:2] == tuple(wildcards)[:2]}


def of_pairs(pattern):
    """`pattern` filled with every (dataset, architecture) pair of the grid."""
    return [pattern.format(dataset=dataset, architecture=name) for dataset, name in PAIRS]


def get_published():
    """The tables of published results that the grid's studies name."""
    studies = config["studies"].values()
    return sorted({study["published"] for study in studies if study.get("published")})


def get_figures():
    """Every figure of the report, without extension."""
    figures = ["<figures>/activations"]
    for kind in ("final_epoch", "learning_curves"):
        figures += of_pairs(f"<figures>/{{dataset}}/{{architecture}}/{kind}")
    return figures + (["<figures>/published"] if get_published() else [])


def get_final_output():
    """What `snakemake` without a target makes."""
    tables = ["runs", "epochs", "final_epoch"]
    datasets = sorted({run.dataset for run in RUNS})
    return [
        *(f"<results>/{name}.csv" for name in tables),
        *(f"<results>/{dataset}.ods" for dataset in datasets),
        *(f"{figure}.pdf" for figure in get_figures()),
        *(f"report/report.{extension}" for extension in ("md", "tex", "pdf", "html")),
    ]


def get_used_activations():
    """Entries of the activations that the grid trains, in the order of its studies."""
    return {run.activation: config["activations"][run.activation] for run in RUNS}


def get_activation_source():
    """Modules that the graphs of the activations depend on."""
    functions = {entry["function"] for entry in get_used_activations().values()}
    used = sorted({ACTIVATIONS[function] for function in functions})
    return modules("activations/graph", *(f"activations/{name}" for name in used))


def get_families():
    """activation -> family, which is its colour."""
    return {name: entry["family"] for name, entry in config["activations"].items()}


def get_reproduction():
    """The comparison with published figures, if the grid has any."""
    return ["<results>/reproduction.csv", "<results>/agreement.csv"] if get_published() else []
