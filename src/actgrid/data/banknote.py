"""Banknote authentication: its file, where it comes from, how it becomes arrays.

Lohweg 2013; CC BY 4.0; see DATA.md.
"""

import hashlib
from pathlib import Path

from actgrid.data import tabular

CLASSES = ("class 0", "class 1")  # the source does not say which notes are the forged ones
FEATURES = ("variance", "skewness", "curtosis", "entropy")  # of the wavelet-transformed image
# sha256 of the numbers: the table in the order of the file, 1372 x 5 float64
VALUES = "87d26d560b7ebb9c7327612d1f66962b8e7d08e34c2ac91f85d507974cecae26"
TEST_ROWS = 275  # a fifth
SPLIT_SEED = 10  # the smallest for which the test part has the published 155 and 120 rows

# one of them is enough
FILES = (
    {"banknote_authentication.csv":
     "7b9761900b6790e701187575023820e087aff14f337e29141eb485f2cc914d74"},
    {"openml_1462.csv": None},  # verified by VALUES
)  # fmt: skip

# tried in this order after the files under data/raw; each is (origin, its arguments)
SOURCES = (
    ("installed", str(Path(__file__).parents[3] / "resources")),
    ("openml", "1462", "table"),
)


def arrays(contents):
    """One of the FILES (name -> plain bytes) -> (the six arrays, facts for meta.json).

    x (N, 4) float32, not scaled; y (N,) uint8; the validation part is empty.
    Raises ValueError when the numbers are not those of the data set.
    """
    ((name, content),) = contents.items()
    table = tabular.read(content, range(5), header=not name.startswith("openml"))
    found = hashlib.sha256(table.tobytes()).hexdigest()
    if found != VALUES:
        raise ValueError(f"{name}: the numbers have sha256 {found}, expected {VALUES}")
    parts = tabular.split(table[:, :-1], table[:, -1], SPLIT_SEED, TEST_ROWS)
    return tabular.as_float32(parts), {"features": list(FEATURES), "split_seed": SPLIT_SEED}
