"""Fetch one data set from the first source that serves it, and write its prepared files."""

import signal
import sys
from pathlib import Path

from actgrid.data.sources import FetchError, fetch

signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # clean up before leaving
with open(snakemake.log[0], "w", buffering=1) as log:
    try:
        fetch(
            snakemake.wildcards.dataset,
            snakemake.params.raw,
            Path(snakemake.output[0]).parent,
            lambda line: print(line, file=log),
        )
    except FetchError as error:
        print(error, file=log)
        sys.exit(str(error))
