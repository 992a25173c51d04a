"""Draw the bar chart of final-epoch accuracy of one architecture, with its CSV."""

from pathlib import Path

import pandas as pd

from actgrid import scores
from actgrid.figures import bars, style

final = pd.read_csv(snakemake.input.final)
seeds = scores.final_rows(pd.read_csv(snakemake.input.epochs))
figure = bars.final_bars(final, seeds, snakemake.params.families)
style.save(figure, Path(snakemake.output[0]).with_suffix(""))
final.to_csv(snakemake.output[3], index=False)
