"""Draw accuracy over depth, with the CSV."""

from pathlib import Path

import pandas as pd

from actgrid.figures import flow, style

final = pd.read_csv(snakemake.input.final)
final = final[final["study"].isin(snakemake.params.studies)]
style.save(flow.depth(final, snakemake.params.families), Path(snakemake.output[0]).with_suffix(""))
final.to_csv(snakemake.output[3], index=False)
