"""Gather the runs of one (dataset, architecture) pair into tidy tables."""

import json
from pathlib import Path

import pandas as pd

from actgrid import records, scores

documents = [json.loads(Path(file).read_text()) for file in snakemake.input.runs]
runs = records.runs_frame(snakemake.params.studies, documents)
epochs = records.epochs_frame(runs, [pd.read_csv(f) for f in snakemake.input.epochs])
runs.to_csv(snakemake.output.runs, index=False)
epochs.to_csv(snakemake.output.epochs, index=False)
scores.summarise(epochs).to_csv(snakemake.output.final, index=False)
