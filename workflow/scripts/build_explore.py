"""Put all runs, their curves and their activations into the interactive page."""

from pathlib import Path

import pandas as pd
import yaml

from actgrid import explore, shorthand

given = snakemake.input
text = explore.page(
    {Path(file).name: Path(file).read_text() for file in given.parts},
    {Path(file).stem: pd.read_csv(file) for file in given.tables},
    {Path(file).stem: pd.read_csv(file) for file in [given.points, *given.learned]},
    config=snakemake.params.config,
    full=shorthand.resolve(yaml.safe_load(Path(given.base).read_text())),
)
for file in snakemake.output:
    Path(file).write_text(text)
