"""Fill the report's template with the tables' numbers and render it in all formats."""

import os
from pathlib import Path

import pandas as pd
import yaml

from actgrid import rendering, report, summary

runs, final = (pd.read_csv(file) for file in snakemake.input.tables)
cells, agreement = [pd.read_csv(file) for file in snakemake.input.reproduction] or (None, None)
config, out = snakemake.params.config, Path(snakemake.output[0]).parent
tables = {"runs": runs, "final": final, "cells": cells, "agreement": agreement}
text = report.fill(
    Path(snakemake.input.template).read_text(),
    **tables,
    trials=pd.read_csv(snakemake.input.trials),
    config=config,
    full=yaml.safe_load(Path(snakemake.input.base).read_text()),
    figures=os.path.relpath(config["pathvars"]["figures"], out),
)
templates, bibliography = Path("workflow/report"), Path(snakemake.input.bibliography)
engine = rendering.render(text, out, templates, bibliography, summary.timestamp(runs))
Path(snakemake.log[0]).write_text(f"PDF by {engine['engine']} {engine['version']}\n")
