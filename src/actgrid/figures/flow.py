"""What goes on inside networks: gradients layer by layer, and histograms of their activations."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator

from actgrid.figures import style

SHOWN = {  # what a heat map may show: the part of the network, the column, and what that is
    "gradient": ("weights", "gradient_rms", "weights' gradient"),
    "preactivation": ("activation", "preactivation_rms", "pre-activations"),
}
COLOURS = "viridis"
EMPTY = "0.85"  # a cell that has no logarithm
MARKS = {  # why it has none: the legend's words -> marker, and whether it is so
    "0 in a run": ("$0$", lambda sizes: sizes == 0),
    "not finite in a run": ("x", lambda sizes: ~np.isfinite(sizes)),
}
BEFORE = "0.8"  # histograms before training
NONE = "no run with diagnostics: nothing to draw"


@style.styled
def gradient_flow(means: pd.DataFrame, what: str = "gradient") -> Figure:
    """Heat maps of one network: a panel an activation, x epoch, y layer, layer 1 at the bottom.

    The colour is log10 of a root mean square, the geometric mean over seeds, on one scale for all
    panels. Grey with a mark: 0, or not finite, in a run; grey without one: no run ended well.
    means: rows of `flow.layer_means`. what: a key of SHOWN.
    Raises ValueError for several data sets or architectures.
    """
    part, column, name = SHOWN[what]
    rows = means[means["part"] == part]
    if rows.empty:
        return style.message(NONE)
    style.single(rows["dataset"], "data set")
    style.single(rows["architecture"], "architecture")
    figure, axes = _panels(rows)
    scale = _scale(rows[column])
    for ax, (activation, cells) in zip(axes, rows.groupby("activation", sort=False), strict=True):
        draw(cells, column, scale, ax)
        ax.set_title(activation, loc="left", pad=10 if rows["failures"].any() else 3)
    style.label_outer(axes, "epoch", "layer")
    for axis, values in ((axes[0].xaxis, rows["epoch"]), (axes[0].yaxis, rows["layer"])):
        axis.set_major_locator(FixedLocator(sorted(set(values)), nbins=6))
    mesh = axes[0].collections[0]
    _colour_bar(figure, mesh, rf"$\log_{{10}}$ of the root mean square of the {name}")
    figure.legend(handles=_mark_legend(rows, column), loc="lower right", ncols=2)
    return figure


def draw(cells: pd.DataFrame, column: str, scale: Normalize, ax: Axes) -> Axes:
    """One panel of `gradient_flow`."""
    sizes = cells.pivot(index="layer", columns="epoch", values=column)
    edges = [[*(axis - 0.5), axis[-1] + 0.5] for axis in (sizes.columns, sizes.index)]
    look = {"cmap": COLOURS, "norm": scale, "edgecolors": "face", "linewidth": 0.1}
    ax.pcolormesh(*edges, _logarithms(sizes), **look)
    ax.set_facecolor(EMPTY)
    good = cells[cells["n"] > 0]
    for marker, is_so in MARKS.values():
        marked = good[is_so(good[column])]
        ax.scatter(marked["epoch"], marked["layer"], marker=marker, s=7, c="black", lw=0.4)
    failures = cells["failures"].max()
    if failures:
        note = f"{failures} of {failures + cells['n'].max()} runs diverged"
        look = {"color": style.WARNING_COLOUR, "fontsize": 6, "transform": ax.transAxes}
        ax.text(0, 1.03, note, **look)
    return ax


@style.styled
def activation_histograms(histograms: pd.DataFrame, families: Mapping[str, str]) -> Figure:
    """What leaves the first, the middle and the last activation layer of one network.

    Rows: activations; grey: before training; outline in the family's colour: after the last epoch.
    Each histogram is as high as its highest bin, each panel has its own x axis.
    histograms: rows of `flow.histograms`; families: activation -> family.
    Raises ValueError for several data sets or architectures.
    """
    if histograms.empty:
        return style.message(NONE)
    style.single(histograms["dataset"], "data set")
    style.single(histograms["architecture"], "architecture")
    names, layers = list(dict.fromkeys(histograms["activation"])), _ends(histograms["layer"])
    figure, axes = style.grid(
        len(names) * len(layers),
        columns=len(layers),
        panel=(1.55, 0.52),
        gaps=(0.22, 0.24),
        margins=(1.05, 0.1, 0.6, 0.25),
        share=False,
    )
    cells = [(name, layer) for name in names for layer in layers]
    for ax, (name, layer) in zip(axes, cells, strict=True):
        here = (histograms["activation"] == name) & (histograms["layer"] == layer)
        draw_histograms(histograms[here], style.family_colour(families[name]), ax)
    for ax, name in zip(axes[:: len(layers)], names, strict=True):
        ax.set_ylabel(name, rotation=0, ha="right", va="center")
    for ax, layer in zip(axes, layers, strict=False):
        ax.set_title(f"activation layer {layer}")
    figure.legend(handles=_histogram_legend(histograms), loc="lower center", ncols=2)
    return figure


def draw_histograms(rows: pd.DataFrame, colour: tuple[float, float, float], ax: Axes) -> Axes:
    """One panel: one layer of one run, at each of its epochs."""
    for epoch, bins in rows.groupby("epoch"):
        edges = [*bins["low"], bins["high"].iloc[-1]]
        look = {"color": colour, "lw": 1.0} if epoch else {"color": BEFORE, "fill": True}
        ax.stairs(bins["share"] / bins["share"].max(), edges, **look)
    ax.set(ylim=(0, 1.05), yticks=[])
    ax.spines["left"].set_visible(False)
    ax.locator_params(axis="x", nbins=4)
    ax.tick_params(labelsize=6, pad=1.5)
    return ax


def _panels(rows: pd.DataFrame) -> tuple[Figure, list[Axes]]:
    """A panel an activation, in a figure of the text's width; room for notes where runs failed."""
    count, room = rows["activation"].nunique(), 0.1 if rows["failures"].any() else 0.0
    right = style.WIDTH - 0.4 - 1.18 * min(count, 5) + 0.08
    return style.grid(
        count,
        columns=5,
        panel=(1.1, 1.1),
        gaps=(0.08, 0.25 + room),
        margins=(0.4, right, 1.0, 0.2 + room),
    )


def _scale(sizes: pd.Series) -> Normalize:
    logarithms = _logarithms(sizes).dropna()
    if logarithms.empty:
        return Normalize(-1, 0)
    return Normalize(logarithms.min(), logarithms.max())


def _logarithms(sizes):
    """log10 where there is a finite one, else NaN."""
    return np.log10(sizes.where((sizes > 0) & (sizes < np.inf)))


def _colour_bar(figure: Figure, mesh, label: str) -> None:
    width, height = figure.get_size_inches()
    place = (0.4 / width, 0.38 / height, 3.2 / width, 0.1 / height)
    bar = figure.colorbar(mesh, cax=figure.add_axes(place), orientation="horizontal", label=label)
    bar.solids.set_edgecolor("face")


def _mark_legend(rows: pd.DataFrame, column: str) -> list[Line2D]:
    good = rows[rows["n"] > 0]
    return [
        Line2D([], [], marker=marker, color="black", ls="", ms=3, label=label)
        for label, (marker, is_so) in MARKS.items()
        if is_so(good[column]).any()
    ]


def _ends(layers: pd.Series) -> list[int]:
    """The first, the middle and the last of them, each once."""
    known = sorted(set(layers))
    return sorted({known[0], known[(len(known) - 1) // 2], known[-1]})


def _histogram_legend(histograms: pd.DataFrame) -> list[Patch]:
    last = histograms["epoch"].max()
    handles = [Patch(color=BEFORE, label="before training")]
    if last:
        handles.append(Patch(fill=False, ec="black", label=f"after epoch {last}"))
    return handles
