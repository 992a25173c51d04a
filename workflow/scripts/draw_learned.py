"""Draw the learned activations of one base, with the CSV."""

from pathlib import Path

import pandas as pd

from actgrid.figures import shapes, style

curves = pd.read_csv(snakemake.input.curves)
own = (curves["base"] == snakemake.wildcards.base) & (curves["evaluation"] == "tabulated")
style.save(shapes.shape_grid(curves[own]), Path(snakemake.output[0]).with_suffix(""))
curves[own].to_csv(snakemake.output[3], index=False)
