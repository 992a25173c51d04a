"""What networks see of digits whose float32 pixels are read as bytes, and why parts differ."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from actgrid.figures import style

PARTS = {"train": "read as bytes,\ntraining image", "test": "read as bytes,\nevaluation image"}
PLAIN = "as it is"
BYTES = ["byte_1", "byte_2", "byte_3", "byte_4"]
GREYS = (0, 64, 128, 255)  # of the column beside the digits
SCALE = {"cmap": "gray", "vmin": 0, "vmax": 255, "interpolation": "nearest"}
LINE = {"color": style.FAMILY_COLOURS["offset"], "lw": 1.0, "ls": (0, (3, 1.2))}


def greys(images: np.ndarray, mean: float, sd: float) -> np.ndarray:
    """Pixels, uint8 from 0 to 255, of images whose pixels are (pixel - mean) / sd. Any shape."""
    return np.rint(images * np.float64(sd) + mean).astype(np.uint8)


def levels(means: Mapping[str, float], sds: Mapping[str, float]) -> pd.DataFrame:
    """Every grey as (grey - mean) / sd in float32, and its bytes: part, grey, value, BYTES.

    means, sds: part ("train", "test") -> of all its pixels. Bytes are in little-endian order.
    """
    grey = np.arange(256)
    tables = []
    for part in PARTS:
        value = (grey.astype("<f4") - np.float32(means[part])) / np.float32(sds[part])
        table = pd.DataFrame(value.view(np.uint8).reshape(256, len(BYTES)), columns=BYTES)
        tables.append(table.assign(part=part, grey=grey, value=value))
    return pd.concat(tables, ignore_index=True)[["part", "grey", "value", *BYTES]]


def as_bytes(digit: np.ndarray, levels: pd.DataFrame, part: str) -> np.ndarray:
    """What a network is given of a digit (H, W) in a part: the bytes of its first quarter."""
    first = digit.ravel()[: digit.size // len(BYTES)]
    return _bytes_of(first, levels, part).reshape(digit.shape)


@style.styled
def seen(digits: np.ndarray, levels: pd.DataFrame) -> Figure:
    """A column per digit: as it is, then read as bytes, as an image of either part.

    digits: (n, H, W) uint8. levels: the table of `levels`. The last column has GREYS, and the bytes
    of each in either part. Of a digit, what is above the dashed line is read.
    """
    columns = len(digits) + 1
    figure, axes = style.grid(
        (1 + len(PARTS)) * columns,
        columns=columns,
        panel=(min(0.92, 5.2 / columns - 0.12), 0.92),
        gaps=(0.12, 0.12),
        margins=(1.1, 0.12, 0.1, 0.25),
        share=False,
    )
    rows = {PLAIN: (*digits, np.array(GREYS)[:, None])}
    for part, label in PARTS.items():
        given = (as_bytes(digit, levels, part) for digit in digits)
        rows[label] = (*given, _bytes_of(GREYS, levels, part))
    images = [(label, image) for label, row in rows.items() for image in row]
    for ax, (label, image) in zip(axes, images, strict=True):
        draw(image, ax)
        ax.set_ylabel(label, rotation=0, ha="right", va="center")
        ax.label_outer()
    for ax in axes[: columns - 1]:
        ax.axhline(digits.shape[1] / len(BYTES) - 0.5, **LINE)
    for ax in axes[columns - 1 :: columns]:
        _number(ax)
    axes[columns - 1].set_title("four greys")
    return figure


def draw(image: np.ndarray, ax: Axes) -> Axes:
    """One panel: an image (H, W) of bytes, black for 0, white for 255."""
    ax.imshow(image, **SCALE)
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=True, color="0.5", linewidth=0.4)
    return ax


def _bytes_of(greys: Iterable[int], levels: pd.DataFrame, part: str) -> np.ndarray:
    """n greys -> their bytes in a part, (n, 4) uint8."""
    return levels[levels["part"] == part].set_index("grey")[BYTES].loc[list(greys)].to_numpy()


def _number(ax: Axes) -> None:
    """The value of each cell of a small image as a number."""
    values = ax.images[0].get_array()
    ax.set(aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        colour = "black" if value > 127 else "white"
        ax.text(column, row, str(value), color=colour, fontsize=6, ha="center", va="center")
