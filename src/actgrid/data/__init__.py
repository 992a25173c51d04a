"""Prepared data sets: names, and reading them back; needs numpy only, never the network."""

import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

# data set -> the module that says what it holds and where it comes from
DATASETS = {
    "fashion_mnist": "actgrid.data.fashion_mnist",
    "mnist": "actgrid.data.mnist",
    "mnist_float_bytes": "actgrid.data.mnist_float_bytes",
    "covertype": "actgrid.data.covertype",
    "banknote": "actgrid.data.banknote",
}

ARRAYS = ("train_x", "train_y", "valid_x", "valid_y", "test_x", "test_y")

# files as this process, or the one that it was forked from, has read them -> their fingerprint()
VERIFIED = {}
SETTLED = 2.0  # seconds after which another write is sure to change the ctime


@dataclass(frozen=True)
class Dataset:
    """One prepared data set; the arrays are read-only memory maps.

    *_x: inputs; images (N, C, H, W), uint8 from 0 to 255 or normalised float32; tables
        (N, features) float32.
    *_y: (N,) uint8, index into classes.
    valid_x, valid_y: the validation part; without one N = 0.
    sha256: fingerprint() of the six arrays.
    """

    name: str
    train_x: np.ndarray
    train_y: np.ndarray
    valid_x: np.ndarray
    valid_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray
    classes: tuple[str, ...]
    sha256: str


def load(folder):
    """Read a prepared folder (six .npy files and meta.json) and verify its content.

    Files that have not been written to since they were last read here are not read again.
    Raises ValueError when a file is missing, cut short, or not what meta.json says, or when the
    folder has the name of another data set.
    """
    folder = Path(folder)
    try:
        meta = json.loads((folder / "meta.json").read_text())
        name, classes, expected = meta["name"], tuple(meta["classes"]), meta["sha256"]
        arrays = {key: np.load(folder / f"{key}.npy", mmap_mode="r") for key in ARRAYS}
        found = _verified(folder, arrays)
    except (OSError, ValueError, EOFError, KeyError, TypeError) as error:
        raise _unusable(folder, f"{type(error).__name__}: {error}") from error
    if name != folder.absolute().name:
        raise _unusable(folder, f"it holds the data set {name!r}")
    if found != expected:
        raise _unusable(folder, f"the arrays have sha256 {found}, meta.json says {expected}")
    return Dataset(name=name, **arrays, classes=classes, sha256=found)


def _verified(folder, arrays):
    """fingerprint() of the arrays, known or taken; every write to a file changes its ctime."""
    facts = [os.stat(folder / f"{key}.npy") for key in ARRAYS]
    files = str([(f.st_dev, f.st_ino, f.st_size, f.st_mtime_ns, f.st_ctime_ns) for f in facts])
    if files in VERIFIED:
        return VERIFIED[files]
    found = fingerprint(arrays)
    if max(f.st_ctime for f in facts) < time.time() - SETTLED:
        VERIFIED[files] = found
    return found


def fingerprint(arrays):
    """sha256 (hex) over the six arrays in the order of ARRAYS.

    Each counts with one line "name dtype shape", then its values in C order.
    """
    digest = hashlib.sha256()
    for key in ARRAYS:
        array = np.ascontiguousarray(arrays[key])
        digest.update(f"{key} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8))
    return digest.hexdigest()


def _unusable(folder, reason):
    return ValueError(
        f"prepared data in {folder} cannot be used: {reason}. "
        "Remove that folder and prepare the data set again (DATA.md says how)."
    )
