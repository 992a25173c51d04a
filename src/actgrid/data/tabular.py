"""Tables of numbers: reading, splitting at random, scaling."""

import io

import numpy as np

PARTS = ("test", "valid", "train")  # in the order in which they are drawn


def read(content, columns, header=False):
    """Bytes of a CSV file -> the given columns, (N, columns) float64.

    Raises ValueError when there is no row, or one with too few columns or with no number.
    """
    table = np.loadtxt(
        io.BytesIO(content), delimiter=",", skiprows=int(header), usecols=columns, ndmin=2
    )
    if not np.isfinite(table).all():
        raise ValueError("the table holds values that are no finite numbers")
    return table


def split(x, y, seed, n_test, n_valid=0):
    """x (N, features) and y (N,) -> the six arrays, in float64 and uint8, in drawn order.

    A permutation drawn with the seed: its first n_test rows are the test part, the next n_valid
    the validation part, the rest the training part. Raises ValueError when no rest is left.
    """
    if n_test + n_valid >= len(x):
        raise ValueError(f"{len(x)} rows cannot hold out {n_test} + {n_valid} and train on some")
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(x))
    rows = dict(zip(PARTS, np.split(order, [n_test, n_test + n_valid]), strict=True))
    inputs = {f"{part}_x": x[chosen] for part, chosen in rows.items()}
    return inputs | {f"{part}_y": y[chosen].astype(np.uint8) for part, chosen in rows.items()}


def standardised(arrays):
    """(x - mean) / sd; mean and sd, (features,), are the training part's (sd: of a population).

    Returns (the six arrays, mean, sd). Raises ValueError when a feature is constant.
    """
    mean, sd = arrays["train_x"].mean(0), arrays["train_x"].std(0)
    if not sd.all():
        raise ValueError("a feature has the same value in all training rows")
    scaled = {k: (v - mean) / sd if k.endswith("x") else v for k, v in arrays.items()}
    return scaled, mean, sd


def as_float32(arrays):
    """The six arrays with the inputs in float32."""
    return {k: v.astype(np.float32) if k.endswith("x") else v for k, v in arrays.items()}
