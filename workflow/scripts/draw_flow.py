"""Draw how gradients flow through the layers of one architecture, with the CSV."""

from pathlib import Path

import pandas as pd

from actgrid.figures import flow, style

names = snakemake.wildcards
means = pd.read_csv(snakemake.input.means)
own = (means["dataset"] == names.dataset) & (means["architecture"] == names.architecture)
style.save(flow.gradient_flow(means[own]), Path(snakemake.output[0]).with_suffix(""))
means[own].to_csv(snakemake.output[3], index=False)
