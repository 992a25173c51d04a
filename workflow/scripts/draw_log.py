"""Draw ours against the published log, epoch by epoch, with the CSV."""

from pathlib import Path

import pandas as pd

from actgrid.figures import published_log, style

cells = pd.read_csv(snakemake.input.cells)
style.save(published_log.published_log(cells), Path(snakemake.output[0]).with_suffix(""))
cells.to_csv(snakemake.output[3], index=False)
