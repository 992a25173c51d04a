"""Draw the paths of trained activation parameters of one architecture, with their CSV."""

from pathlib import Path

import pandas as pd

from actgrid import records
from actgrid.figures import parameters, style

tracks = records.parameter_tracks(pd.read_csv(snakemake.input.layers))
figure = parameters.parameters(tracks, snakemake.params.families)
style.save(figure, Path(snakemake.output[0]).with_suffix(""))
tracks.to_csv(snakemake.output[3], index=False)
