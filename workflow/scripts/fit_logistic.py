"""Fit a logistic regression to a data set, and count its predictions."""

from pathlib import Path

from actgrid import classification, data

counts = classification.logistic_regression(data.load(Path(snakemake.input.data).parent))
counts.to_csv(snakemake.output[0], index=False)
