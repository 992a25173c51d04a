"""Draw the final epoch of one architecture, as bars from 0 and as sorted dots, with their CSV."""

from pathlib import Path

import pandas as pd

from actgrid import scores
from actgrid.figures import bars, dots, style

params, folder = snakemake.params, Path(snakemake.output[0]).parent
final = pd.read_csv(snakemake.input.final)
seeds = scores.final_rows(pd.read_csv(snakemake.input.epochs))
figures = {
    "final_epoch": bars.final_bars(final, seeds, params.families),
    "sorted": dots.sorted_dots(final, seeds, params.families, params.baseline),
}
for name, figure in figures.items():
    style.save(figure, folder / name)
    final.to_csv(folder / f"{name}.csv", index=False)
