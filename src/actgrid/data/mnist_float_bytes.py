"""MNIST as the networks of the work on hand-written autograd functions really saw it.

That work normalised the images in place, as float32, training and evaluation images separately;
the loader, made for bytes, then read the first 784 bytes of each image's buffer as its pixels.
"""

import numpy as np

from actgrid.data import idx, mnist

RAW = "mnist"  # folder under data/raw: the files are those of mnist
CLASSES, FILES, SOURCES, VALIDATION = mnist.CLASSES, mnist.FILES, mnist.SOURCES, mnist.VALIDATION


def arrays(contents):
    """The four IDX files (name -> plain bytes) -> (the six arrays, facts for meta.json).

    x (N, 1, 28, 28) uint8, see float_bytes; y (N,) uint8; valid_x, valid_y are test_x, test_y.
    The facts `mean` and `sd` are those of each part. Raises ValueError as idx does.
    """
    found, _ = idx.mnist_arrays(contents)
    facts = {"mean": {}, "sd": {}, "valid": mnist.SAME}
    for part in ("train", "test"):
        mean, sd = mnist.moments(found[f"{part}_x"], ddof=1)
        facts["mean"][part], facts["sd"][part] = mean, sd
        found[f"{part}_x"] = float_bytes(found[f"{part}_x"], mean, sd)
    return mnist.tested_twice(found), facts


def float_bytes(images, mean, sd):
    """The first bytes of (pixel - mean) / sd, little-endian float32, as images of that shape.

    images (N, 1, H, W) uint8 -> (N, 1, H, W) uint8, four bytes of each pixel of the first quarter.
    """
    level = np.arange(256, dtype=np.float32)
    level = (level - np.float32(mean)) / np.float32(sd)
    as_bytes = level.astype("<f4").view(np.uint8).reshape(256, 4)
    pixels = images.reshape(len(images), -1)
    return as_bytes[pixels[:, : pixels.shape[1] // 4]].reshape(images.shape)
