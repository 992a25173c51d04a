"""Gradients and activations of every layer, over seeds; what they say of each activation."""

import pandas as pd

from actgrid import flow

tables = (pd.read_csv(file, usecols=flow.is_used) for file in snakemake.input.layers)
layers = pd.concat(tables)
means = flow.layer_means(layers)
means.to_csv(snakemake.output.means, index=False)
summary = flow.flow_summary(layers, pd.read_csv(snakemake.input.final))
summary.to_csv(snakemake.output.summary, index=False)
flow.histograms(layers).to_csv(snakemake.output.histograms, index=False)
