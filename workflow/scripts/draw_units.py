"""Draw the shares of dead and of saturated units over the epochs, with the CSV."""

from pathlib import Path

import pandas as pd

from actgrid import flow
from actgrid.figures import depth, style

shares = flow.over_layers(pd.read_csv(snakemake.input.means))
style.save(
    depth.units(shares, snakemake.params.families), Path(snakemake.output[0]).with_suffix("")
)
shares.to_csv(snakemake.output[3], index=False)
