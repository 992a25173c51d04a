"""Hold the hand-differentiated activations against the published log, epoch by epoch."""

import pandas as pd

from actgrid import published_log, scores

means = pd.concat([scores.epoch_means(pd.read_csv(file)) for file in snakemake.input.epochs])
empty = pd.DataFrame(columns=["activation", "epoch", *published_log.METRICS])
published = pd.concat([empty, *map(pd.read_csv, snakemake.input.published)])
cells = published_log.against_log(means, published, snakemake.params.activations)
cells.to_csv(snakemake.output[0], index=False)
