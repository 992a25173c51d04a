"""Precision, recall and F1 of every cell and of the linear baseline."""

import pandas as pd

from actgrid import classification

files = [*snakemake.input.confusion, *snakemake.input.baseline]
counts = pd.concat([pd.read_csv(file, keep_default_na=False) for file in files])
classification.summarise(counts).to_csv(snakemake.output[0], index=False)
