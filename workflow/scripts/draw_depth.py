"""Draw accuracy over depth, with the CSV."""

from pathlib import Path

import pandas as pd

from actgrid import scores
from actgrid.figures import depth, style

final, epochs = (
    table[table["study"].isin(snakemake.params.studies)]
    for table in map(pd.read_csv, (snakemake.input.final, snakemake.input.epochs))
)
figure = depth.depth(final, scores.final_rows(epochs), snakemake.params.families)
style.save(figure, Path(snakemake.output[0]).with_suffix(""))
final.to_csv(snakemake.output[3], index=False)
