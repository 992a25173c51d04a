"""The shape of every learned activation in numbers, how alike they are, and what that decides."""

import pandas as pd

from actgrid import learned, shape_claims, shapes

rows, runs = [], []
files = zip(snakemake.input.graphs, snakemake.input.preactivations, strict=True)
for run, pair in zip(snakemake.params.runs, files, strict=True):
    names = learned.labels(snakemake.params.activations, run.architecture, run.activation)
    graph, preactivations = map(pd.read_csv, pair)
    place = {"dataset": run.dataset, "architecture": run.architecture, "activation": run.activation}
    rows.append(place | names | {"seed": run.seed} | shapes.measure(graph, preactivations))
    if names.pop("evaluation") == "tabulated":
        runs.append((*names.values(), run.seed, graph, preactivations))
table, spread = pd.DataFrame(rows), shape_claims.spread(runs)
table.to_csv(snakemake.output.shapes, index=False)
spread.to_csv(snakemake.output.spread, index=False)
of_tabulated = table[table["evaluation"] == "tabulated"]
shape_claims.claims(of_tabulated, spread).to_csv(snakemake.output.claims, index=False)
