"""Draw our scores of learned activations, with SD, against the published ones, with the CSV."""

from pathlib import Path

import pandas as pd

from actgrid.figures import parity, style

cells = pd.read_csv(snakemake.input.cells)
around = {"ours_low": cells["ours_mean"] - cells["ours_sd"]}
cells = cells.assign(**around, ours_high=cells["ours_mean"] + cells["ours_sd"])
style.save(parity.published(cells), Path(snakemake.output[0]).with_suffix(""))
cells.to_csv(snakemake.output[3], index=False)
