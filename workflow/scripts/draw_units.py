"""Draw the shares of dead and of saturated units over the epochs, with the CSV."""

from pathlib import Path

import pandas as pd

from actgrid.figures import flow, style

means = pd.read_csv(snakemake.input.means).query("part == 'activation'")
style.save(flow.units(means, snakemake.params.families), Path(snakemake.output[0]).with_suffix(""))
means.to_csv(snakemake.output[3], index=False)
