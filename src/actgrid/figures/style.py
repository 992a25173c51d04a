"""One look for all figures: sizes, fonts, a colour per family, and saving with the same bytes."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import matplotlib
import seaborn
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

WIDTH = 6.3  # inches: the text width of an A4 page
MAX_HEIGHT = 8.5  # inches
BASELINE = "relu"
BASELINE_COLOUR = "#8c8c8c"
WARNING_COLOUR = "#b30000"

_BLUE, _ORANGE, _GREEN, _RED, _PURPLE, _BROWN, *_, _SKY = seaborn.color_palette("colorblind")
FAMILY_COLOURS = {
    "rectifier": to_rgb("#404040"),
    "slope": _BLUE,
    "offset": _ORANGE,
    "leaky": _GREEN,
    "hill": _RED,
    "hill_published": _BROWN,
    "tent": _PURPLE,
    "double_hill": _SKY,
    "valley_hill": to_rgb("#661100"),
    "tanh": to_rgb("#01135e"),  # darker than what is learned from it, as rectifier and gelu are
    "gelu": to_rgb("#400a3a"),
    "learned_tanh": to_rgb("#1a86e0"),
    "learned_relu": to_rgb("#e86800"),
    "learned_gelu": to_rgb("#b0109a"),
    "matched": to_rgb("#7cc48c"),
    "transfer": to_rgb("#d8cb40"),
    "sigmoidal": to_rgb("#962677"),
    "smooth": to_rgb("#5e58be"),
    "squared": to_rgb("#715417"),
    "periodic": to_rgb("#dda1cf"),
    "trained": to_rgb("#dd753d"),
    "autograd": to_rgb("#869ff7"),
    "own": to_rgb("#2d0fff"),
}

OTHER_COLOUR = to_rgb("#00807a")  # families of one's own; a line above gives one its colour

RC = {
    **seaborn.axes_style("ticks"),
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same letters everywhere
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.title_fontsize": 7,
    "legend.frameon": False,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.0,
    "savefig.dpi": 180,
    "pdf.fonttype": 42,  # text stays text
    "svg.fonttype": "path",  # looks the same without the font
    "svg.hashsalt": "actgrid",  # the same ids in every run
}

# Without dates and version numbers the same figure gives the same bytes.
METADATA = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}

Draw = TypeVar("Draw", bound=Callable[..., Figure])


def styled(draw: Draw) -> Draw:
    """Decorator: draw with the settings above and leave matplotlib's own settings alone."""
    return matplotlib.rc_context(RC)(draw)


def family_colour(family: str) -> tuple[float, float, float]:
    """The RGB colour of a family of activations; all families without one share a teal."""
    return FAMILY_COLOURS.get(family, OTHER_COLOUR)


def lighter(colour: tuple[float, float, float], share: float = 0.55) -> tuple[float, float, float]:
    """The colour mixed with white; `share` is the white's, from 0 to 1."""
    return tuple(part + (1 - part) * share for part in colour)


def single(values: Iterable[str], what: str) -> str:
    """The one value that all rows have in common; ValueError when there is none or several."""
    names = list(dict.fromkeys(values))
    if len(names) != 1:
        raise ValueError(f"the figure shows one {what}, got {len(names)}: {names}")
    return names[0]


def grid(
    count: int,
    columns: int,
    panel: tuple[float, float],
    gaps: tuple[float, float],
    margins: tuple[float, float, float, float],
    share: bool = True,
) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels, row by row; places left over at the end stay empty.

    In inches: panel (width, height), gaps (between columns, between rows) and margins (left, right,
    bottom, top). Panels get lower where the figure would be higher than MAX_HEIGHT.
    """
    columns = min(columns, count)
    rows = -(-count // columns)
    (width, height), (across, down), (left, right, bottom, top) = panel, gaps, margins
    height = min(height, (MAX_HEIGHT - bottom - top + down) / rows - down)
    total = left + right + columns * (width + across) - across
    high = bottom + top + rows * (height + down) - down
    figure = Figure(figsize=(total, high))
    place = {"left": left / total, "right": 1 - right / total}
    place |= {"bottom": bottom / high, "top": 1 - top / high}
    place |= {"wspace": across / width, "hspace": down / height}
    panels = figure.subplots(
        rows, columns, sharex=share, sharey=share, squeeze=False, gridspec_kw=place
    )
    for ax in panels.flat[count:]:
        ax.remove()
    for ax in panels.flat[max(count - columns, 0) : count]:
        ax.tick_params(labelbottom=True)  # also above a place that stays empty
    return figure, list(panels.flat[:count])


def message(text: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    figure = Figure(figsize=(WIDTH, 1.0))
    figure.text(0.5, 0.5, text, ha="center", va="center", fontsize=8)
    return figure


def label_outer(axes: list[Axes], x: str, y: str) -> None:
    """Axis labels for a grid: y at its left edge, x below the panels with nothing under them."""
    columns = axes[0].get_subplotspec().get_gridspec().ncols
    for index, ax in enumerate(axes):
        ax.set_ylabel(y if index % columns == 0 else "")
        ax.set_xlabel(x if index + columns >= len(axes) else "")


@matplotlib.rc_context(RC)
def save(figure: Figure, stem: Path) -> None:
    """Write stem.pdf, stem.svg and stem.png; the same figure gives the same bytes.

    Each file is written under a temporary name in the same folder and renamed when whole.
    """
    for kind, metadata in METADATA.items():
        temporary = stem.with_name(f".{stem.name}.{kind}.part")
        try:
            figure.savefig(temporary, format=kind, metadata=metadata)
            os.replace(temporary, stem.with_name(f"{stem.name}.{kind}"))
        finally:
            temporary.unlink(missing_ok=True)
