"""Draw all learned activations on one page, with the CSV."""

from pathlib import Path

import pandas as pd

from actgrid.figures import shapes, style

curves = pd.read_csv(snakemake.input.curves).query("evaluation == 'tabulated'")
style.save(shapes.overview(curves), Path(snakemake.output[0]).with_suffix(""))
curves.to_csv(snakemake.output[3], index=False)
