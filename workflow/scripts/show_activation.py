"""Show one activation: its graph, its numbers, its cost beside relu's."""

import json
from pathlib import Path

import pandas as pd

from actgrid import activations, checked, cost
from actgrid.activations.graph import graph
from actgrid.figures import checked as figure
from actgrid.figures import style

name, (entry, family) = snakemake.wildcards.activation, snakemake.params
facts = json.loads(Path(snakemake.input.facts).read_text())
module = activations.from_config(entry).eval()
points = pd.DataFrame(graph(module, -checked.REACH, checked.REACH, checked.POINTS))
costs = cost.measure({name: entry | {"family": family}}, rounds=checked.ROUNDS)
style.save(figure.sheet(points, name, family), Path(snakemake.output[0]).with_suffix(""))
Path(snakemake.output[0]).write_text(checked.describe(name, entry, facts, points, costs))
