"""Gather the runs of one (dataset, architecture) pair into tidy tables."""

import json
from pathlib import Path

import pandas as pd

from actgrid import records, scores

given, out = snakemake.input, snakemake.output
documents = [json.loads(Path(file).read_text()) for file in given.runs]
runs = records.runs_frame(snakemake.params.studies, documents)
epochs = records.tidy(runs, [pd.read_csv(file) for file in given.epochs])
runs.to_csv(out.runs, index=False)
epochs.to_csv(out.epochs, index=False)
scores.summarise(epochs).to_csv(out.final, index=False)
records.tidy(runs, [pd.read_csv(file) for file in given.layers]).to_csv(out.layers, index=False)
records.tidy(runs, records.confusion_frames(documents)).to_csv(out.confusion, index=False)
