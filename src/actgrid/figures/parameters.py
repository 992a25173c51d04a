"""Where the trained parameters of activations went, epoch by epoch."""

from collections.abc import Mapping

import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from actgrid.figures import style

COLUMNS = 3
LINE = 0.15  # inches: a line of the legend
SEED = {"lw": 0.5, "alpha": 0.4}
FEW = 5  # epochs: a line of fewer has dots

Colours = dict[int, tuple[float, float, float]]  # of layers


@style.styled
def parameters(tracks: pd.DataFrame, families: Mapping[str, str]) -> Figure:
    """A panel per activation and parameter: its value over epochs, of each layer a colour.

    tracks: rows of `records.parameter_tracks` of one architecture and data set: activation, seed,
    epoch (0: before training), layer, parameter, value. A thin line a seed, a thick one their mean.
    families: its keys are the order of the activations. Each panel has value limits of its own.
    Raises ValueError for an activation that is not among them.
    """
    if tracks.empty:
        return style.message("no activation has a trained parameter")
    colours = layer_colours(sorted(set(tracks["layer"])))
    order = list(families).index
    panels = tracks.groupby(["activation", "parameter"], sort=False)
    panels = sorted(panels, key=lambda panel: order(panel[0][0]))  # a parameter's rows come first
    handles, abreast = _legend(colours, tracks), 2 * min(len(panels), COLUMNS)
    figure, axes = style.grid(
        len(panels),
        columns=COLUMNS,
        panel=(1.55, 1.2),
        gaps=(0.46, 0.3),
        margins=(0.58, 0.12, 0.5 + LINE * -(-len(handles) // abreast), 0.25),
        share=False,
    )
    for ax, (name, rows) in zip(axes, panels, strict=True):
        draw(rows, colours, ax)
        ax.set_title(": ".join(name), loc="left")
    for ax in axes[:-COLUMNS]:  # those with a panel under them
        ax.tick_params(labelbottom=False)
    style.label_outer(axes, "epoch", "value")
    figure.align_ylabels(axes)
    figure.legend(handles=handles, loc="lower center", ncols=abreast)
    return figure


def draw(rows: pd.DataFrame, colours: Colours, ax: Axes) -> Axes:
    """One panel: the paths of one parameter, the means on top."""
    for layer, paths in rows.groupby("layer"):
        marker = "." if paths["epoch"].nunique() < FEW else ""
        for _, path in paths.groupby("seed"):
            ax.plot(path["epoch"], path["value"], color=colours[layer], **SEED)
        mean = paths.groupby("epoch")["value"].mean()
        ax.plot(mean.index, mean, color=colours[layer], lw=1.4, marker=marker, zorder=3)
    ax.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1, steps=(1, 2, 5, 10)))
    ax.locator_params(axis="y", nbins=5)
    return ax


def layer_colours(layers: list[int]) -> Colours:
    """Layer -> colour, the first one the darkest; of even steps in lightness."""
    return dict(zip(layers, seaborn.color_palette("viridis", len(layers)), strict=True))


def _legend(colours: Colours, tracks: pd.DataFrame) -> list[Line2D]:
    handles = [Line2D([], [], color=c, lw=1.4, label=f"layer {n}") for n, c in colours.items()]
    if tracks["seed"].nunique() > 1:
        handles.append(Line2D([], [], color="0.4", **SEED, label="one seed"))
    return handles
