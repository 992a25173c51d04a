"""Plain numpy arrays out of a pickle that is not trusted; nothing else is imported or called."""

import gzip
import pickle

import numpy as np

# what a pickled array calls, as old and new numpy name it
_RECONSTRUCT = np.empty(0).__reduce__()[0]
ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy._core.multiarray", "_reconstruct"): _RECONSTRUCT,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


class ArrayUnpickler(pickle.Unpickler):
    """An Unpickler that knows the names in ALLOWED only."""

    def find_class(self, module, name):
        """What the pickle may call; raises UnpicklingError for every other name."""
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"the pickle asks for {module}.{name}; refused")
        return ALLOWED[module, name]


def read(file):
    """The object in an open, gzipped pickle of Python 2 or 3: arrays in tuples, lists, dicts.

    Raises ValueError when the file is damaged or holds anything else.
    """
    try:
        with gzip.open(file) as plain:
            return ArrayUnpickler(plain, encoding="latin1").load()
    except Exception as error:  # a damaged pickle can raise anything
        raise ValueError(f"no gzipped pickle of plain arrays: {error}") from error
