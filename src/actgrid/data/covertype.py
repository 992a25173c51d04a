"""Covertype as two balanced classes: its files, where they come from, how they become arrays.

Blackard and Dean 1999; CC BY 4.0; see DATA.md. Label 1 is cover type 2, lodgepole pine; label 0
is a sample of all other types, as large.
"""

import numpy as np

from actgrid.data import tabular

CLASSES = ("other cover type", "lodgepole pine")
FEATURES = (
    "Elevation", "Aspect", "Slope",
    "Horizontal_Distance_To_Hydrology", "Vertical_Distance_To_Hydrology",
    "Horizontal_Distance_To_Roadways", "Hillshade_9am", "Hillshade_Noon", "Hillshade_3pm",
    "Horizontal_Distance_To_Fire_Points",
)  # fmt: skip
TYPE_COLUMN, LODGEPOLE = 54, 2  # of covtype.data: its last column, and the type that is label 1
PER_CLASS = 283_301  # rows: all of cover type 2
ELEVATION = (2142, 3433)  # metres: lowest and highest row of cover type 2, of no other type
HELD_OUT = 50_000  # rows of the test part, and again of the validation part
VALIDATION = HELD_OUT  # rows of the validation part, which a protocol may monitor
SAMPLE_SEED, SPLIT_SEED = 0, 1

# one of them is enough; OpenML's sample is known by its structure only
FILES = (
    {"openml_44121.csv": None},
    {"covtype.data": "0a9371cef7c964b5475d6053cc3e0894a5aa6f65ad1ed3ecb01c45aa96217945"},
)

# tried in this order after the files under data/raw; each is (origin, its arguments)
SOURCES = (
    ("openml", "44121", "table"),
    ("sklearn",),
    (
        "pip", "scikit-multiflow==0.4.1",
        "ed4f791107cb7f789f0bb0620c50e743a4d397905146a4d06c62eb98607aa101",
        "scikit-multiflow-0.4.1/src/skmultiflow/data/datasets/covtype.csv", "covtype.data",
    ),
)  # fmt: skip


def arrays(contents, held_out=HELD_OUT):
    """One of the FILES (name -> plain bytes) -> (the six arrays, facts for meta.json).

    x (N, 10) float32, each feature scaled to mean 0 and standard deviation 1 of the training
    part; y (N,) uint8. Raises ValueError when the file is not what it should be.
    """
    ((name, content),) = contents.items()
    x, y = sampled(content) if name.startswith("openml") else rebuilt(content)
    parts = tabular.split(x, y, SPLIT_SEED, held_out, held_out)
    parts, mean, sd = tabular.standardised(parts)
    facts = {
        "features": list(FEATURES), "mean": mean.tolist(), "sd": sd.tolist(),
        "sample_seed": None if name.startswith("openml") else SAMPLE_SEED, "split_seed": SPLIT_SEED,
    }  # fmt: skip
    return tabular.as_float32(parts), facts


def rebuilt(content):
    """covtype.data -> x (N, 10), y (N,): cover type 2 against as many drawn of the rest.

    The rows stay in the order of the file.
    """
    table = tabular.read(content, (*range(len(FEATURES)), TYPE_COLUMN))
    lodgepole = table[:, -1] == LODGEPOLE
    chosen, rest = np.flatnonzero(lodgepole), np.flatnonzero(~lodgepole)
    draw = np.random.Generator(np.random.PCG64(SAMPLE_SEED))
    drawn = draw.choice(rest, len(chosen), replace=False)
    rows = np.sort(np.concatenate([chosen, drawn]))
    return table[rows, :-1], lodgepole[rows]


def sampled(content, per_class=PER_CLASS):
    """OpenML's own sample -> x (N, 10), y (N,); which class is cover type 2 its elevations say.

    Raises ValueError unless both classes have per_class rows, and one the known elevations.
    """
    table = tabular.read(content, range(len(FEATURES) + 1))
    x, y = table[:, :-1], table[:, -1]
    counts = [int((y == label).sum()) for label in (0, 1)]
    if counts != [per_class] * 2 or len(y) != 2 * per_class:
        raise ValueError(f"{len(y)} rows, {counts} of class 0 and 1; expected {per_class} of each")
    for label in (0, 1):
        elevation = x[y == label, 0]
        if (elevation.min(), elevation.max()) == ELEVATION:
            return x, y == label
    raise ValueError(f"no class has elevations from {ELEVATION[0]} to {ELEVATION[1]} m")
