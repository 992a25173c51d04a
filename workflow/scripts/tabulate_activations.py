"""Values and derivatives of every activation of the grid, for its graph."""

import pandas as pd

from actgrid import activations
from actgrid.activations.graph import graph

tables = []
for name, entry in snakemake.params.activations.items():
    table = pd.DataFrame(graph(activations.from_config(entry)))
    tables.append(table.assign(activation=name, family=entry["family"]))
pd.concat(tables).to_csv(snakemake.output[0], index=False)
