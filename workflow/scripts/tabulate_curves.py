"""The graph of every learned activation where it is drawn, with the density of what enters it."""

import pandas as pd

from actgrid import learned

tables = []
runs, files = snakemake.params.runs, (snakemake.input.graphs, snakemake.input.preactivations)
for run, *pair in zip(runs, *files, strict=True):
    names = learned.labels(snakemake.params.activations, run.architecture, run.activation)
    curve = learned.curve(*map(pd.read_csv, pair))
    tables.append(curve.assign(**names, seed=run.seed))
pd.concat(tables).to_csv(snakemake.output[0], index=False)
