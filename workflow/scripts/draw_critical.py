"""Draw the critical-difference diagram of the activations named for it, with the CSV."""

from pathlib import Path

import pandas as pd

from actgrid.figures import critical, style

pairs = pd.read_csv(snakemake.input.pairs)
figure = critical.critical_difference(pairs, snakemake.params.families)
style.save(figure, Path(snakemake.output[0]).with_suffix(""))
pairs.to_csv(snakemake.output[3], index=False)
