"""Draw histograms of the activations in layers of one architecture, with the CSV."""

from pathlib import Path

import pandas as pd

from actgrid.figures import flow, style

names = snakemake.wildcards
table = pd.read_csv(snakemake.input.histograms)
own = (table["dataset"] == names.dataset) & (table["architecture"] == names.architecture)
figure = flow.activation_histograms(table[own], snakemake.params.families)
style.save(figure, Path(snakemake.output[0]).with_suffix(""))
table[own].to_csv(snakemake.output[3], index=False)
