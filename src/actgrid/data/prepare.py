"""Write the prepared folder of a data set so that it is whole or not there."""

import io
import json
import os
import shutil

import numpy as np

from actgrid.data import ARRAYS


def write(folder, arrays, meta):
    """Write the six arrays, one .npy file each, and meta.json into the folder.

    Everything is written under .part first, then renamed, meta.json last: arrays of one set beside
    the meta.json of another, or none, are not accepted, those of the same set are. Raises OSError,
    with ENOSPC as its errno when the disk is full.
    """
    part = folder / ".part"
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        for key in ARRAYS:
            (part / f"{key}.npy").write_bytes(npy_bytes(arrays[key]))
        (part / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")
        for name in (*(f"{key}.npy" for key in ARRAYS), "meta.json"):
            os.replace(part / name, folder / name)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def npy_bytes(array):
    """The .npy file of an array; np.save to a file would hide the errno of a full disk."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array))
    return buffer.getbuffer()
