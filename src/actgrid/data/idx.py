"""The IDX format of the MNIST family: strict reading, writing, and the six arrays."""

import gzip
import struct
import zlib

import numpy as np

MNIST_FILES = {
    "train_x": "train-images-idx3-ubyte",
    "train_y": "train-labels-idx1-ubyte",
    "test_x": "t10k-images-idx3-ubyte",
    "test_y": "t10k-labels-idx1-ubyte",
}


def parse(content, ndim):
    """Bytes of an IDX file of unsigned bytes -> uint8 array with ndim dimensions.

    Raises ValueError unless magic number, dimensions and length all fit.
    """
    head = 4 + 4 * ndim
    if len(content) < head:
        raise ValueError(f"IDX header cut short: {len(content)} bytes, needs {head}")
    magic, *shape = struct.unpack(f">{1 + ndim}I", content[:head])
    if magic != 0x0800 + ndim:
        raise ValueError(f"IDX magic number {magic:#010x}, expected {0x0800 + ndim:#010x}")
    size = head + int(np.prod(shape, dtype=object))
    if len(content) != size:
        raise ValueError(f"IDX of shape {tuple(shape)} has {len(content)} bytes, expected {size}")
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape)


def build(array):
    """uint8 array -> bytes of its IDX file; the inverse of parse."""
    if array.dtype != np.uint8:
        raise ValueError(f"IDX needs uint8, got {array.dtype}")
    head = struct.pack(f">{1 + array.ndim}I", 0x0800 + array.ndim, *array.shape)
    return head + array.tobytes()


def unpack(content):
    """Bytes of a file, gzipped or plain -> plain bytes.

    Raises ValueError when the gzip stream is damaged or cut short.
    """
    if not content.startswith(b"\x1f\x8b"):
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"damaged gzip file: {error}") from error


def mnist_arrays(contents):
    """The four IDX files (name -> plain bytes) -> (the six arrays, nothing more for meta.json).

    Images become (N, 1, H, W) uint8, labels (N,) uint8; the validation part is empty.
    Raises ValueError when a file is malformed or images and labels differ in number.
    """
    read = {key: contents[name] for key, name in MNIST_FILES.items()}
    arrays = {key: parse(read[key], 3 if key.endswith("x") else 1) for key in read}
    for split in ("train", "test"):
        images, labels = arrays[f"{split}_x"], arrays[f"{split}_y"]
        if len(images) != len(labels):
            raise ValueError(f"{split}: {len(images)} images but {len(labels)} labels")
        arrays[f"{split}_x"] = images[:, None]  # (N, H, W) -> (N, 1, H, W)
    arrays |= {"valid_x": arrays["train_x"][:0], "valid_y": arrays["train_y"][:0]}
    return arrays, {}
