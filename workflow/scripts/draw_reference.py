"""Draw the base functions of the learned activations, with the CSV."""

from pathlib import Path

import pandas as pd

from actgrid.figures import reference, style

points = pd.read_csv(snakemake.input.points)
points = points[points["activation"].isin(reference.BASES)]
style.save(reference.reference(points), Path(snakemake.output[0]).with_suffix(""))
points.to_csv(snakemake.output[3], index=False)
