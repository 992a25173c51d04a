"""Fetch a data set: try its sources in order, verify by content, prepare the arrays.

The module of a data set (see DATASETS) says CLASSES, FILES (alternatives, each raw name -> sha256
of the unpacked content; None: its structure alone is known), SOURCES (origin and its arguments, see
origins.py), arrays(contents) -> (the six arrays, what else is to stand in meta.json), and RAW where
its raw files are those of another data set: the name of their folder.
"""

import contextlib
import difflib
import fcntl
import hashlib
import importlib
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

from actgrid.data import DATASETS, fingerprint, idx, prepare
from actgrid.data.child import disk_full
from actgrid.data.origins import ORIGINS
from actgrid.data.process import SourceError


class FetchError(Exception):
    """The data set cannot be had; the message says why and what to do."""


def fetch(name, raw_dir, prepared_dir, log):
    """Get a data set and write the seven prepared files into prepared_dir; returns its meta.

    Files that the user put into raw_dir/<name, or RAW> come first; what another source gave is
    kept there, unpacked, unless that folder is read-only. log is called with one line a step.
    Raises FetchError: unknown name, no source served the data, disk full, folder not writable.
    """
    module = _module(name)
    raw = Path(raw_dir).absolute() / getattr(module, "RAW", name)
    prepared = Path(prepared_dir).absolute()
    try:
        raw.mkdir(parents=True, exist_ok=True)
        prepared.mkdir(parents=True, exist_ok=True)
        with _alone(raw, log), _alone(prepared, log):
            return _fetch(name, module, raw, prepared, log)
    except OSError as error:
        if disk_full(error):
            raise FetchError(_full(name, raw, prepared)) from error
        raise FetchError(f"{name}: {error}") from error


def _fetch(name, module, raw, prepared, log):
    failures = []
    for label, origin in _candidates(module, raw):
        log(f"{name}: trying {label}")
        try:
            files, arrays, facts = _from(origin, module, raw, prepared, log)
        except SourceError as error:
            log(f"{name}: {label}: {error}")
            failures.append(f"{label}: {error}")
            continue
        meta = {
            "name": name, "classes": list(module.CLASSES), "files": files,
            "sha256": fingerprint(arrays), "source": label,
            "sizes": {key: len(arrays[f"{key}_y"]) for key in ("train", "valid", "test")},
            "fetched": datetime.now(UTC).isoformat(timespec="seconds"), **facts,
        }  # fmt: skip
        prepare.write(prepared, arrays, meta)
        log(f"{name}: verified, from {label}; prepared in {prepared}")
        return meta
    raise FetchError(_nothing(name, module, raw, failures))


def _candidates(module, raw):
    """(label, function of a work folder -> folder with the files), in the order of trying."""
    yield f"files in {raw}", lambda work: raw
    for origin, *arguments in module.SOURCES:
        function, label = ORIGINS[origin]
        yield label.format(*arguments), lambda work, f=function, a=arguments: f(work, *a)


def _from(origin, module, raw, prepared, log):
    """Verified files (name -> sha256) of one origin, arrays, further facts; keeps the files."""
    part = (raw if os.access(raw, os.W_OK) else prepared) / ".part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        folder = origin(part)
        contents, (arrays, facts) = _usable(folder, module)
        if folder != raw:
            _keep(contents | _notes(contents, module), raw, log)
    except (ValueError, OSError) as error:
        if disk_full(error):
            raise
        raise SourceError(str(error)) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    return files, arrays, facts


def _usable(folder, module):
    """Contents (name -> plain bytes) of the first alternative of FILES that makes arrays; those."""
    failures = []
    for files in module.FILES:
        try:
            contents = {name: read(folder, name, sha256) for name, sha256 in files.items()}
            return contents, module.arrays(contents)
        except ValueError as error:
            failures.append(str(error))
    raise ValueError("; ".join(failures))


def read(folder, name, sha256):
    """Plain content of folder/name or folder/name.gz, whichever has the sha256.

    sha256 None: that of folder/name.sha256 if there is such a file (see _notes), else any.
    Raises ValueError that says what is wrong with the file.
    """
    wrong, note = [], folder / f"{name}.sha256"
    if sha256 is None and note.is_file():
        sha256 = note.read_text().partition(" ")[0]
    for path in (folder / name, folder / f"{name}.gz"):
        if not path.is_file():
            continue
        try:
            content = idx.unpack(path.read_bytes())
        except ValueError as error:
            wrong.append(f"{path.name}: {error}")
            continue
        found = hashlib.sha256(content).hexdigest()
        if sha256 in (found, None):
            return content
        wrong.append(f"{path.name}: content has sha256 {found}, expected {sha256}")
    raise ValueError("; ".join(wrong) or f"{name} (or {name}.gz) is missing")


def _notes(contents, module):
    """NAME.sha256 for each file that the module knows by its structure only.

    As fetched it came over https; by its note a later change of a single number is noticed.
    """
    known = {name for files in module.FILES for name, sha256 in files.items() if sha256}
    digests = {name: hashlib.sha256(contents[name]).hexdigest() for name in contents.keys() - known}
    return {f"{name}.sha256": f"{digest}  {name}\n".encode() for name, digest in digests.items()}


def _keep(contents, raw, log):
    """Put verified files where the next fetch looks first; never over a file of the user."""
    if not os.access(raw, os.W_OK):
        log(f"{raw}: read-only, nothing is kept there")
        return
    part = raw / ".part" / "keep"
    part.mkdir(parents=True)
    left = []  # the user's, which no note of ours vouches for
    for name, content in contents.items():
        if (raw / name).exists() or (raw / name.removesuffix(".sha256")) in left:
            left.append(raw / name)
            log(f"{raw / name}: left as it is, though it is not the expected file")
            continue
        (part / name).write_bytes(content)
        os.replace(part / name, raw / name)


@contextlib.contextmanager
def _alone(folder, log):
    """Hold the folder's lock, so that two fetches at once do the work one after the other."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        log(f"waiting for another fetch that is at work in {folder}")
        fcntl.flock(handle, fcntl.LOCK_EX)
    except OSError as error:  # some network file systems have no locks
        log(f"no lock on {folder}: {error}")
    try:
        yield
    finally:
        os.close(handle)


def _module(name):
    if name not in DATASETS:
        near = difflib.get_close_matches(name, DATASETS, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise FetchError(f"unknown data set {name!r}; known: {', '.join(sorted(DATASETS))}{hint}")
    return importlib.import_module(DATASETS[name])


def _full(name, raw, prepared):
    return (
        f"{name}: the disk is full, so no further source was tried and nothing half-written was "
        f"kept. Free about 400 MB for {raw} and {prepared}, and run again."
    )


def _nothing(name, module, raw, failures):
    tried = [f"  {number}. {failure}" for number, failure in enumerate(failures, 1)]
    known = {name: sha256 for files in module.FILES for name, sha256 in files.items() if sha256}
    files = [f"  {name:<28}{sha256}" for name, sha256 in known.items()]
    return "\n".join([
        f"{name}: none of the {len(failures)} sources gave the data:", *tried,
        f"To place it by hand, put these files, plain or gzipped (name + .gz), into {raw}",
        "and run again. sha256 of the unpacked content:", *files,
        "DATA.md names the places to get them.",
    ])  # fmt: skip
