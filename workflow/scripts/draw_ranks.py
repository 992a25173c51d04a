"""Draw mean ranks and interquartile means of each study, with their CSV."""

from pathlib import Path

import pandas as pd

from actgrid.figures import ranks, style

rankings = pd.read_csv(snakemake.input.rankings)
figure = ranks.ranks(rankings, snakemake.params.families)
style.save(figure, Path(snakemake.output[0]).with_suffix(""))
rankings.to_csv(snakemake.output[3], index=False)
