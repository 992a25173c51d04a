"""Put the tables of all (dataset, architecture) pairs under one another."""

from contextlib import ExitStack

from actgrid import records

with ExitStack() as opened:
    tables = [opened.enter_context(open(file, "rb")) for file in snakemake.input]
    opened.enter_context(open(snakemake.output[0], "wb")).writelines(records.stacked(tables))
