"""Fill the report's templates with the tables' numbers and render it in all formats."""

import os
from pathlib import Path

import pandas as pd
import yaml

from actgrid import rendering, report, summary


def frames(files):
    """Name without extension -> table, of CSV files."""
    return {Path(file).stem: pd.read_csv(file) for file in files}


given, out = snakemake.input, Path(snakemake.output[0]).parent
tables = frames((*given.tables, *given.reproduction))
works = ("learned", "trained", "autograd", "gradients")
text = report.fill(
    {Path(file).name: Path(file).read_text() for file in given.templates},
    **{"reproduction": None, "agreement": None, **tables, "trials": frames(given.trials)},
    **{name: frames(given[name]) or None for name in works},
    config=snakemake.params.config,
    full=yaml.safe_load(Path(given.base).read_text()),
    figures=os.path.relpath(snakemake.params.config["pathvars"]["figures"], out),
)
templates, bibliography = Path("workflow/report"), Path(given.bibliography)
engine = rendering.render(text, out, templates, bibliography, summary.timestamp(tables["runs"]))
Path(snakemake.log[0]).write_text(f"PDF by {engine['engine']} {engine['version']}\n")
