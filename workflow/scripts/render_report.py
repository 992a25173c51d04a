"""Fill the report's or the supplement's templates with the tables' numbers and render them."""

import os
from pathlib import Path

import pandas as pd
import yaml

from actgrid import rendering, report, shorthand, summary

given, out = snakemake.input, Path(snakemake.output[0])
groups = {
    name: {Path(file).stem: pd.read_csv(file) for file in given[name]}
    for name in ("tables", "trials", *report.WORKS)
}
text = report.fill(
    {Path(file).name: Path(file).read_text() for file in given.templates},
    **(tables := groups.pop("tables")) | {name: frames or None for name, frames in groups.items()},
    config=snakemake.params.config,
    full=shorthand.resolve(yaml.safe_load(Path(given.base).read_text())),
    figures=os.path.relpath(snakemake.params.config["pathvars"]["figures"], out.parent),
)
layout, when = Path("workflow/report"), summary.timestamp(tables["runs"])
engine = rendering.render(text, out.parent, layout, Path(given.bibliography), when, out.stem)
Path(snakemake.log[0]).write_text(f"PDF by {engine['engine']} {engine['version']}\n")
