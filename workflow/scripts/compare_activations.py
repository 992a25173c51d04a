"""Hold every activation against the baseline, rank those with the same cells, list what failed."""

from importlib import import_module

import numpy as np
import pandas as pd

from actgrid import aggregates, comparison
from actgrid.data import DATASETS

settings, out = snakemake.params.settings, snakemake.output
generator = np.random.default_rng(0)  # for the bootstrap: the same runs, the same tables
epochs = pd.read_csv(snakemake.input.epochs, usecols=comparison.READ)
runs = comparison.scored(epochs, settings["leave_out"])
chance = {name: 1 / len(import_module(DATASETS[name]).CLASSES) for name in set(runs["dataset"])}
cells = comparison.cell_differences(runs, settings["baseline"])
cells.to_csv(out.cells, index=False)
over_cells = comparison.overall(runs, cells, settings["baseline"], generator)
over_cells.to_csv(out.comparison, index=False)
ranked = aggregates.rankings(runs, chance, settings["baseline"], generator)
ranked.to_csv(out.rankings, index=False)
aggregates.critical_pairs(runs, chance, settings["diagram"]).to_csv(out.critical, index=False)
comparison.failures(pd.read_csv(snakemake.input.runs)).to_csv(out.failures, index=False)
