"""Hold learned activations against bases, exact evaluation, other tasks and published AUCs."""

import pandas as pd

from actgrid import learned

activations, out = snakemake.params.activations, snakemake.output
epochs = pd.read_csv(snakemake.input.epochs)
differences = learned.differences(epochs, activations)
cells = learned.parity(differences)
differences.to_csv(out.differences, index=False)
cells.to_csv(out.parity, index=False)
learned.overall(cells).to_csv(out.overall, index=False)
learned.evaluations(epochs, activations).to_csv(out.evaluations, index=False)
learned.collapsed(epochs).to_csv(out.collapsed, index=False)
tables = [pd.read_csv(file) for file in snakemake.input.published]
published = pd.concat([pd.DataFrame(columns=learned.PUBLISHED), *tables])
learned.against_published(epochs, published, activations).to_csv(out.published, index=False)
