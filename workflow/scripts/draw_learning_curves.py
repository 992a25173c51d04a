"""Draw the learning curves of one architecture, with their CSV."""

from pathlib import Path

import pandas as pd

from actgrid import scores
from actgrid.figures import curves, style

means = scores.epoch_means(pd.read_csv(snakemake.input.epochs))
figure = curves.learning_curves(means, snakemake.params.families)
style.save(figure, Path(snakemake.output[0]).with_suffix(""))
means.to_csv(snakemake.output[3], index=False)
