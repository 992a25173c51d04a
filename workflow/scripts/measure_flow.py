"""Gradients and activations of every layer, over seeds; what they say of each activation."""

import pandas as pd

from actgrid import flow

layers = pd.concat(map(pd.read_csv, snakemake.input.layers))
means = flow.layer_means(layers)
means.to_csv(snakemake.output.means, index=False)
summary = flow.flow_summary(layers, pd.read_csv(snakemake.input.final))
summary.to_csv(snakemake.output.summary, index=False)
flow.histograms(layers).to_csv(snakemake.output.histograms, index=False)
