"""Where raw files can come from; each origin puts them into a folder, unverified.

An origin is called with an own work folder (which may not exist yet) and its arguments; it
returns the folder that holds the files. It raises SourceError when it cannot serve them, and
OSError with ENOSPC when the disk is full. None of them can hang: a process that shows no
progress is killed, one that is only slow is not.
"""

import contextlib
import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from actgrid.data import child

STALL_SECONDS = 8  # without any progress: a Python download
APT_STALL_SECONDS = 15  # apt-get writes nothing while it sorts its lists
APT_STALE = "Unable to locate package|no installation candidate|404 |Can't find a source"


class SourceError(Exception):
    """This source cannot serve the data; the next one is to be tried."""


def torchvision(work, name):
    """The mirrors and checksums that torchvision.datasets.<name> knows."""
    return _python(work, "torchvision", name)


def openml(work, number, n_train):
    """An OpenML data set; starts from a copy of the user's openml cache, where there is one."""
    folder = Path("org/openml/www/datasets") / number
    known, copy = _openml_cache() / folder, work / "cache" / folder
    if known.is_dir():
        copy.mkdir(parents=True)
        for file in known.iterdir():
            if file.suffix in (".xml", ".pq", ".arff"):  # not openml's pickles
                shutil.copyfile(file, copy / file.name)
    return _python(work, "openml", number, n_train)


def installed(_work, folder):
    """Files that a Debian package has installed."""
    if not Path(folder).is_dir():
        raise SourceError("no such folder")
    return Path(folder)


def debian(work, package, folder):
    """The Debian package, downloaded and unpacked; needs no root and changes nothing outside."""
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise SourceError(f"{tool} is not on this machine")
    work.mkdir(parents=True)
    try:
        _apt(work, "download", package)
    except SourceError as error:
        if not re.search(APT_STALE, str(error)):
            raise
        _refreshed_download(work, package)
    run(["dpkg", "-x", next(work.glob("*.deb")).name, "."], work, APT_STALL_SECONDS)
    return work / folder


ORIGINS = {
    "torchvision": (torchvision, "torchvision's mirrors of {}"),
    "openml": (openml, "OpenML data set {}"),
    "installed": (installed, "files in {}"),
    "debian": (debian, "apt-get download {}"),
}


def run(command, work, stall):
    """Run a command in the folder; its output.

    Raises SourceError when it fails, or when nothing in the folder grows for `stall` seconds.
    """
    output = work / "output.txt"
    with open(output, "wb") as file:
        process = subprocess.Popen(
            command, cwd=work, env=_environment(work), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=file, stderr=subprocess.STDOUT,
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
    size, since = -1, time.monotonic()
    while process.poll() is None:
        if (now := _size(work)) != size:
            size, since = now, time.monotonic()
        if time.monotonic() - since > stall:
            raise SourceError(f"no progress for {stall} s, stopped")
        time.sleep(0.1)


def _size(folder):
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):  # it may be gone again
            total += path.lstat().st_size
    return total


def _failure(text, status, work):
    full = re.search("No space left on device|Disk quota exceeded", text)
    # on a full disk the message itself may be lost
    if full or status == child.NO_SPACE or shutil.disk_usage(work).free < 100_000:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(work))
    lines = [line for line in text.splitlines() if line.strip()] or [f"exit status {status}"]
    errors = [line for line in lines if line.startswith(("E: ", "Error: "))] or lines[-1:]
    return SourceError(" ".join(errors)[:400])


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


def _python(work, *arguments):
    work.mkdir(parents=True, exist_ok=True)
    run([sys.executable, "-P", "-m", child.__name__, *arguments], work, STALL_SECONDS)
    return work


def _openml_cache():
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "openml"
    return Path(os.environ.get("OPENML_CACHE_DIR") or default)


def _apt(work, *arguments):
    settings = [
        f'Dir::Cache "{work}/apt-cache";',
        'Acquire::http::Timeout "6"; Acquire::https::Timeout "6"; Acquire::Retries "0";',
        "#clear APT::Update::Pre-Invoke;",
        "#clear APT::Update::Post-Invoke;",
        "#clear APT::Update::Post-Invoke-Success;",
    ]
    if os.getuid() == 0:  # else apt's own user is tried, which cannot write here, and it warns
        settings.append('APT::Sandbox::User "root";')
    if (work / "apt-lists").is_dir():
        settings.append(f'Dir::State::Lists "{work}/apt-lists";')
    (work / "apt.conf").write_text("\n".join(settings) + "\n")
    run(["apt-get", "-q", "-c", str(work / "apt.conf"), *arguments], work, APT_STALL_SECONDS)


def _refreshed_download(work, package):
    """The lists of packages are missing or old: get new ones, our own, and try again."""
    (work / "apt-lists" / "partial").mkdir(parents=True)
    failure = "done"
    try:
        _apt(work, "update", "-o", "APT::Update::Error-Mode=any")
    except SourceError as error:  # one broken repository need not matter
        failure = error
    try:
        _apt(work, "download", package)
    except SourceError as error:
        raise SourceError(f"{error} (apt-get update: {failure})") from error
