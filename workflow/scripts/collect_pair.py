"""Gather the runs of one (dataset, architecture) pair into tidy tables."""

import json
from pathlib import Path

import pandas as pd

from actgrid import records, scores

given, out = snakemake.input, snakemake.output
documents = [json.loads(Path(file).read_text()) for file in given.runs]
texts = {name: [Path(file).read_text() for file in given[name]] for name in ("epochs", "layers")}
runs = records.runs_frame(snakemake.params.studies, documents, texts["epochs"])
runs.to_csv(out.runs, index=False)
for name in texts:
    with open(out[name], "w") as file:
        file.writelines(records.tidy(runs, texts[name]))
with open(out.confusion, "w") as file:
    file.writelines(records.tidy(runs, list(map(records.confusion_text, documents))))
final = scores.summarise(pd.read_csv(out.epochs))
scores.with_constant(final, runs).to_csv(out.final, index=False)
