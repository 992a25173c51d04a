"""Train all learned activations for an epoch by both evaluations; writes the report's CSV.

Full covertype data, a process of its own for each training. Run from the project's root:
python benchmarks/learned_evaluation.py resources/learned_evaluation.csv (about half an hour).
"""

import csv
import itertools
import multiprocessing
import resource
import sys

import yaml

from actgrid import data, grid
from actgrid.experiment import prepare_process, run_one
from actgrid.learned import INNER, OUTER

EPOCHS = 1
WAYS = {  # evaluation, seed, threads; a second thread changes the order of summation, no more
    "tabulated": ("tabulated", 0, 1),
    "rounded": ("tabulated", 0, 2),
    "exact": ("exact", 0, 1),
    "other_seed": ("tabulated", 1, 1),
}


def trial(config, architecture, name, evaluation, seed, threads):
    """Training loss and validation AUC of the last epoch, processor seconds an epoch, peak MB."""
    prepare_process(threads)
    settings = grid.settings(config, "learned", name)
    settings["activation"]["evaluation"] = evaluation
    settings["protocol"] |= {"epochs": EPOCHS}
    run = grid.Run("", "covertype", architecture, name, seed)
    result = run_one(run, settings, data.load("data/prepared/covertype"))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = result.facts["cpu_seconds"] / EPOCHS  # the one test at the end included
    last = result.history[-1]
    return {"loss": last.train_loss, "auc": last.valid_auc, "seconds": seconds, "mb": peak}


def main(path):
    """A row per combination: EPOCHS, then loss, auc, seconds and mb of each of the WAYS."""
    with open("config.yaml") as file:
        config = yaml.safe_load(file)
    bases = ("tanh", "relu", "gelu")
    columns = [f"{way}_{figure}" for way in WAYS for figure in ("loss", "auc", "seconds", "mb")]
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(
            file, ["base", "outer", "inner", "epochs", *columns], lineterminator="\n"
        )
        writer.writeheader()
        for base, (architecture, outer), inner in itertools.product(
            bases, OUTER.items(), INNER.values()
        ):
            row = {"base": base, "outer": outer, "inner": inner, "epochs": EPOCHS}
            for way, how in WAYS.items():
                name = f"learned_{base}_{inner}"
                with multiprocessing.get_context("spawn").Pool(1) as pool:
                    found = pool.apply(trial, (config, architecture, name, *how))
                row |= {f"{way}_{figure}": round(value, 6) for figure, value in found.items()}
            writer.writerow(row)
            file.flush()


if __name__ == "__main__":
    main(sys.argv[1])
