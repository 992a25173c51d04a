"""Judge what the source works say, where the grid has the runs for it."""

from pathlib import Path

import pandas as pd
import yaml

from actgrid import claims, shorthand

given = snakemake.input
files = [*given.tables, *given.trained, *given.autograd, *given.gradients]
table = claims.judge(
    yaml.safe_load(Path(given.claims).read_text()),
    {Path(file).stem: pd.read_csv(file) for file in files},
    pd.read_csv(given.runs),
    snakemake.params.config,
    shorthand.resolve(yaml.safe_load(Path(given.base).read_text())),
)
table.to_csv(snakemake.output[0], index=False)
