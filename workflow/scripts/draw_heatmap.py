"""Draw the difference to the baseline in every cell as a map, with the CSV."""

from pathlib import Path

import pandas as pd

from actgrid.figures import heatmap, style

params = snakemake.params
cells = pd.read_csv(snakemake.input.cells)
figure = heatmap.heatmap(cells, params.families, params.baseline)
style.save(figure, Path(snakemake.output[0]).with_suffix(""))
cells.to_csv(snakemake.output[3], index=False)
