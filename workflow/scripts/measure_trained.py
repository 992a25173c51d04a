"""What networks with trained activations get right, and where their parameters end."""

import pandas as pd

from actgrid import classification, records

given, out = snakemake.input, snakemake.output
files = [*given.confusion, *given.baseline]
counts = pd.concat([pd.read_csv(file, keep_default_na=False) for file in files])
classification.summarise(counts).to_csv(out.classification, index=False)
tracks = pd.concat([records.parameter_tracks(pd.read_csv(file)) for file in given.layers])
last = tracks["epoch"] == tracks["epoch"].max()
tracks[last].to_csv(out.parameters, index=False)
