"""Gather the runs of one (dataset, architecture) pair into tidy tables."""

import json
from pathlib import Path

import pandas as pd

from actgrid import records, scores

given, out = snakemake.input, snakemake.output
documents = [json.loads(Path(file).read_text()) for file in given.runs]
runs = records.runs_frame(snakemake.params.studies, documents)
runs.to_csv(out.runs, index=False)
for name in ("epochs", "layers"):
    texts = [Path(file).read_text() for file in given[name]]
    with open(out[name], "w") as file:
        file.writelines(records.tidy(runs, texts))
with open(out.confusion, "w") as file:
    file.writelines(records.tidy(runs, list(map(records.confusion_text, documents))))
scores.summarise(pd.read_csv(out.epochs)).to_csv(out.final, index=False)
