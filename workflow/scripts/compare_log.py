"""Hold hand-differentiated activations against the published log and against torch's own."""

import pandas as pd

from actgrid import published_log, scores

entries, out = snakemake.params.activations, snakemake.output
epochs = pd.read_csv(snakemake.input.epochs)
own = epochs[epochs["study"].isin(snakemake.params.studies)]
empty = pd.DataFrame(columns=["activation", "epoch", *published_log.METRICS])
published = pd.concat([empty, *map(pd.read_csv, snakemake.input.published)])
cells = published_log.against_log(scores.epoch_means(own), published, entries)
cells.to_csv(out.log, index=False)
published_log.checkpoints(own).to_csv(out.checkpoints, index=False)
published_log.twins(epochs, entries).to_csv(out.twins, index=False)
