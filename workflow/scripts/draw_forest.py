"""Draw the differences of all activations to the baseline over networks, with the CSV."""

from pathlib import Path

import pandas as pd

from actgrid.figures import forest, style

params = snakemake.params
comparison = pd.read_csv(snakemake.input.comparison)
cells = pd.read_csv(snakemake.input.cells)
figure = forest.forest(comparison, cells, params.families, params.baseline)
style.save(figure, Path(snakemake.output[0]).with_suffix(""))
comparison.to_csv(snakemake.output[3], index=False)
