"""Draw loss and accuracy over the epochs of one architecture, with their CSV."""

from pathlib import Path

import pandas as pd

from actgrid import scores
from actgrid.figures import style, training

epochs = pd.read_csv(snakemake.input.epochs)
means = scores.epoch_means(epochs[epochs["study"].isin(snakemake.params.studies)])
figure = training.training(means, snakemake.params.families)
style.save(figure, Path(snakemake.output[0]).with_suffix(""))
means.to_csv(snakemake.output[3], index=False)
