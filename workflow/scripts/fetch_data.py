"""Fetch one data set from the first source that serves it, and write its prepared files."""

import signal
import sys
from pathlib import Path

from actgrid.data.sources import FetchError, fetch

dataset, raw, array, log = sys.argv[1:]
signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # clean up before leaving
with open(log, "w", buffering=1) as lines:
    try:
        fetch(dataset, raw, Path(array).parent, lambda line: print(line, file=lines))
    except FetchError as error:
        print(error, file=lines)
        sys.exit(str(error))
