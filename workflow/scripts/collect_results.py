"""Put the tables of all (dataset, architecture) pairs under one another."""

import pandas as pd

tables = [pd.read_csv(file, dtype=str, keep_default_na=False) for file in snakemake.input]
pd.concat(tables).to_csv(snakemake.output[0], index=False)
