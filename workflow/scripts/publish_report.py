"""Copy the grid's report to report/report.*, with its paths to the figures adjusted."""

import os
import shutil
from pathlib import Path

from actgrid.whole import whole

for source, target in zip(map(Path, snakemake.input), map(Path, snakemake.output), strict=True):
    with whole(target) as temporary:
        if target.suffix in (".md", ".tex"):
            here, there = (
                os.path.relpath(snakemake.params.figures, f.parent) for f in (source, target)
            )
            temporary.write_text(source.read_text().replace(f"{here}/", f"{there}/"))
        else:
            shutil.copyfile(source, temporary)
