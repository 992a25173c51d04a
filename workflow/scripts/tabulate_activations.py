"""Values and derivatives of every activation of the grid, for its graph."""

import pandas as pd

from actgrid import activations
from actgrid.activations.graph import graph

tables = []
for name, entry in snakemake.params.activations.items():
    constants = {k: v for k, v in entry.items() if k not in ("function", "family", "published_as")}
    module = activations.make(entry["function"], **constants)
    table = pd.DataFrame(graph(module))
    tables.append(table.assign(activation=name, family=entry["family"]))
pd.concat(tables).to_csv(snakemake.output[0], index=False)
