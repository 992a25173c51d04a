"""Draw learned against fixed activations on the same networks, with the CSV."""

from pathlib import Path

import pandas as pd

from actgrid.figures import parity, style

cells, seeds = (
    pd.read_csv(file).query("comparison in ['base', 'matched']")
    for file in (snakemake.input.cells, snakemake.input.seeds)
)
style.save(parity.parity(cells, seeds), Path(snakemake.output[0]).with_suffix(""))
cells.to_csv(snakemake.output[3], index=False)
