"""Draw every activation with its derivative."""

from pathlib import Path

import pandas as pd

from actgrid.figures import graphs, style

points = pd.read_csv(snakemake.input.points)
style.save(graphs.graph_grid(points), Path(snakemake.output[0]).with_suffix(""))
