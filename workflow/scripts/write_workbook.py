"""Write one data set's styled spreadsheet."""

from pathlib import Path

import pandas as pd

from actgrid import tables

epochs = pd.concat(map(pd.read_csv, snakemake.input.epochs))
final = pd.read_csv(snakemake.input.final)
book = tables.workbook(epochs, final, snakemake.wildcards.dataset)
Path(snakemake.output[0]).write_bytes(book)
