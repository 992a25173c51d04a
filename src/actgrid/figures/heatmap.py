"""Differences to the baseline as a map: activations against networks."""

from collections.abc import Callable, Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from actgrid.figures import compared, style

COLOURS = "RdBu"  # red is worse, blue is better
PAIR = ["dataset", "architecture"]
MARKS = {  # the legend's words -> marker, and which cells have it
    "no run ended well": ("x", lambda cells: cells["n"].eq(0)),
    "some runs diverged": (
        ".",
        lambda cells: cells["difference"].notna() & (cells["failures"] > 0),
    ),
}
FEW = 8  # columns: fewer do not fill the width
LETTER = 0.055  # inches: a letter of a network's name


@style.styled
def heatmap(cells: pd.DataFrame, families: Mapping[str, str], baseline: str) -> Figure:
    """A row an activation, family by family; a column an architecture on a data set.

    cells: dataset, architecture, activation, n and failures (runs that ended well and not),
    difference (empty for n = 0). families: activation -> family, the order. One colour scale about
    0 serves all, linear up to THRESHOLD and logarithmic beyond. What was not trained has no box.
    """
    if cells.empty:
        return style.message(compared.NONE)
    names = compared.by_family(cells["activation"], families)
    columns = _columns(cells)
    parts = [names[part] for part in compared.blocks(len(names))]
    labels = [f"{architecture}, {dataset}" for dataset, architecture in columns]
    room = 0.75 + LETTER * max(map(len, labels))
    height = compared.row_height(len(parts[0]), room)
    size = (style.WIDTH, room + height * len(parts[0]))
    figure = Figure(figsize=size, layout="constrained")
    scale = _scale(cells["difference"])
    axes = figure.subplots(1, len(parts), squeeze=False)[0]
    for ax, part in zip(axes, parts, strict=True):
        draw(cells, part, columns, scale, ax)
        compared.set_rows(ax, part, len(parts[0]), height)
        ax.set_xticks(range(len(columns)), labels, rotation=90, fontsize=6)
        _part(ax.axhline, [families[name] for name in part])
        _part(ax.axvline, [dataset for dataset, _ in columns])
    _colour_bar(figure, list(axes), baseline)
    _mark_legend(figure, cells)
    return figure


def draw(
    cells: pd.DataFrame,
    names: list[str],
    columns: list[tuple[str, str]],
    scale: SymLogNorm,
    ax: Axes,
) -> Axes:
    """The boxes of some activations with their marks; columns: (data set, architecture)."""
    here = cells[cells["activation"].isin(names)]
    across = [columns.index(pair) for pair in here[PAIR].itertuples(index=False, name=None)]
    down = [names.index(name) for name in here["activation"]]
    corners = zip(across, down, strict=True)
    boxes = [Rectangle((x - 0.5, y - 0.5), 1, 1) for x, y in corners]
    mesh = PatchCollection(boxes, cmap=COLOURS, norm=scale, ec="0.6", lw=0.4, clip_on=False)
    mesh.set_array(here["difference"].to_numpy())
    ax.add_collection(mesh)
    places = pd.DataFrame({"x": across, "y": down}, index=here.index)
    for marker, is_so in MARKS.values():
        marked = places[is_so(here)]
        ax.scatter(marked["x"], marked["y"], marker=marker, c="black", s=9, lw=0.6)
    ax.set_xlim(-0.5, max(len(columns), FEW) - 0.5)
    ax.tick_params(axis="x", length=0, top=True, bottom=False, labeltop=True, labelbottom=False)
    ax.spines[:].set_visible(False)
    return ax


def _scale(differences: pd.Series) -> SymLogNorm:
    most = max(differences.abs().max(), 1.2 * compared.THRESHOLD)
    return SymLogNorm(compared.THRESHOLD, vmin=-most, vmax=most)


def _columns(cells: pd.DataFrame) -> list[tuple[str, str]]:
    """(data set, architecture), one data set after the other."""
    pairs = cells[PAIR].drop_duplicates().groupby("dataset", sort=False)
    return [pair for _, rows in pairs for pair in rows.itertuples(index=False, name=None)]


def _part(line: Callable, groups: list[str]) -> None:
    """A thin line wherever the group changes; line: axhline or axvline of the axes."""
    for place, (before, after) in enumerate(zip(groups, groups[1:], strict=False)):
        if before != after:
            line(place + 0.5, color="0.8", lw=0.4, zorder=0)


def _colour_bar(figure: Figure, axes: list[Axes], baseline: str) -> None:
    place = {"location": "bottom", "shrink": 0.6, "anchor": (0.0, 1.0), "aspect": 40, "pad": 0.01}
    bar = figure.colorbar(axes[0].collections[0], ax=axes, **place)
    scale = bar.mappable.norm
    shown = [tick for tick in compared.TICKS if scale.vmin <= tick <= scale.vmax]
    bar.set_ticks(shown, labels=map(compared.signed, shown), minor=False)
    bar.ax.minorticks_off()
    bar.set_label(f"score minus {baseline}'s", fontsize=7)


def _mark_legend(figure: Figure, cells: pd.DataFrame) -> None:
    handles = [
        Line2D([], [], marker=marker, color="black", ls="", ms=3, label=label)
        for label, (marker, is_so) in MARKS.items()
        if is_so(cells).any()
    ]
    if handles:
        figure.legend(handles=handles, loc="lower right")
