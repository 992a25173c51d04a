"""Runs a script to its exit status; by itself, python -m actgrid.warm.script SCRIPT [ARGUMENT...].

The process then ends at once: libraries that are unloaded one by one, CUDA's above all, take time,
and 100 MB that are not used before.
"""

import contextlib
import os
import runpy
import sys


def called(script):
    """The exit status of a script, its output written."""
    status = 0
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as stop:
        status = stop.code or 0
        if not isinstance(status, int):
            sys.stderr.write(f"{status}\n")
            status = 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    return status & 0xFF


if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    os._exit(called(sys.argv[0]))
