"""Run a program in a folder of its own, and kill it when it makes no progress."""

import contextlib
import ctypes
import errno
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from actgrid.data import child

LARGEST = 2 * 10**9  # bytes in a work folder; the largest data set takes a tenth
LONGEST = 1800  # seconds that a source may take, however steady its progress
PRCTL, PR_SET_PDEATHSIG = getattr(ctypes.CDLL(None), "prctl", lambda *_: 0), 1  # Linux only


class SourceError(Exception):
    """This source cannot serve the data; the next one is to be tried."""


def run(command, work, stall, **environment):
    """Run a command in the folder, with some variables of the environment changed; its output.

    Raises SourceError when it fails, when nothing in the folder grows for `stall` seconds, or when
    it takes LONGEST or fills more than LARGEST.
    """
    output = work / "output.txt"
    with open(output, "wb") as file:
        process = subprocess.Popen(
            command, cwd=work, env=_environment(work) | environment, start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
            preexec_fn=_end_with_parent,
        )  # fmt: skip
    try:
        _wait(process, work, stall)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    text = output.read_text(errors="replace")
    if process.returncode:
        raise _failure(text, process.returncode, work)
    return text


def _wait(process, work, stall):
    size, start = -1, time.monotonic()
    since = start
    while process.poll() is None:
        if (now := _size(work)) != size:
            size, since = now, time.monotonic()
        if time.monotonic() - since > stall:
            raise SourceError(f"no progress for {stall} s, stopped")
        if time.monotonic() - start > LONGEST:
            raise SourceError(f"not done after {LONGEST} s, stopped")
        if size > LARGEST:
            raise SourceError(f"more than {LARGEST:,} bytes, stopped")
        time.sleep(0.1)


def _end_with_parent():
    """In the new process: die when this one is killed, which cannot clean up then."""
    PRCTL(PR_SET_PDEATHSIG, signal.SIGKILL)


def _size(folder):
    """Bytes in the files of a folder; what vanishes meanwhile, files or folders, is passed over."""
    total = 0
    for parent, _, files in os.walk(folder):
        for name in files:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_size
    return total


def _failure(text, status, work):
    full = re.search("No space left on device|Disk quota exceeded", text)
    # on a full disk the message itself may be lost
    if full or status == child.NO_SPACE or shutil.disk_usage(work).free < 100_000:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(work))
    lines = [line for line in text.splitlines() if line.strip()] or [f"exit status {status}"]
    errors = [line for line in lines if line.startswith(("E: ", "Error: ", "ERROR: "))]
    return SourceError(" ".join(errors or lines[-1:])[:400])


def _environment(work):
    """Ours, with every folder that the programs write to inside the work folder."""
    home = str(work / "home")
    os.makedirs(home, exist_ok=True)
    path = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH")]
    return os.environ | {
        "HOME": home, "TMPDIR": home, "XDG_CACHE_HOME": home, "XDG_CONFIG_HOME": home,
        "OPENML_CACHE_DIR": str(work / "cache"),
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "LC_ALL": "C.UTF-8",
        "RES_OPTIONS": "timeout:2 attempts:1",  # a silent name server must not take half a minute
    }  # fmt: skip
