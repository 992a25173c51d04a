"""Differences of every activation to the baseline, over all networks that both were trained in."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from actgrid.figures import compared, style

MARKERS = "os^Dv<>pPX"  # of a data set


@style.styled
def forest(
    comparison: pd.DataFrame, cells: pd.DataFrame, families: Mapping[str, str], baseline: str
) -> Figure:
    """A row an activation, the best mean on top: the mean over cells, its interval, the cells.

    comparison: activation, cells, failures, mean_difference, low, high (no interval for one cell).
    cells: dataset, activation, difference, of each (data set, architecture), the small markers.
    families: activation -> family, the colours. The scale is linear from -THRESHOLD to THRESHOLD
    and logarithmic beyond; whiskers beyond all cells are cut, with an arrowhead.
    """
    if comparison.empty:
        return style.message(compared.NONE)
    rows = comparison.sort_values("mean_difference", ascending=False, kind="stable")
    parts = [rows[part] for part in compared.blocks(len(rows))]
    markers = dict(zip(dict.fromkeys(cells["dataset"]), MARKERS, strict=False))
    handles = _legend(rows, markers, families)
    room = 0.5 + compared.legend_room(handles)
    height = compared.row_height(len(parts[0]), room)
    size = (style.WIDTH, room + height * len(parts[0]))
    figure = Figure(figsize=size, layout="constrained")
    limits = _limits(cells["difference"])
    for ax, part in zip(figure.subplots(1, len(parts), squeeze=False)[0], parts, strict=True):
        draw(part, cells, families, markers, limits, ax)
        compared.set_rows(ax, _labels(part), len(parts[0]), height)
        _redden(ax, part)
        ax.set_xlabel(f"score minus {baseline}'s", fontsize=7)
    compared.legend(figure, handles)
    return figure


def draw(
    rows: pd.DataFrame,
    cells: pd.DataFrame,
    families: Mapping[str, str],
    markers: Mapping[str, str],
    limits: tuple[float, float],
    ax: Axes,
) -> Axes:
    """One block of `forest`, without names. markers: data set -> marker."""
    places = {name: place for place, name in enumerate(rows["activation"])}
    colours = [style.family_colour(families[name]) for name in places]
    here = cells[cells["activation"].isin(places)]
    for dataset, dots in here.groupby("dataset", sort=False):
        edges = [colours[places[name]] for name in dots["activation"]]
        look = {"c": "white", "ec": edges, "lw": 0.6, "s": 8, "zorder": 4, "clip_on": False}
        ax.scatter(
            dots["difference"], dots["activation"].map(places), marker=markers[dataset], **look
        )
    compared.difference_axis(ax, limits)
    compared.whiskers(rows, "mean_difference", colours, limits, ax)
    for place in range(4, len(rows), 5):
        ax.axhline(place + 0.5, color="0.9", lw=0.4, zorder=0)
    return ax


def _limits(differences: pd.Series) -> tuple[float, float]:
    """Around all cells and 0, on both sides at least to where the scale is linear."""
    least = 1.2 * compared.THRESHOLD
    low, high = differences.fillna(0).agg(["min", "max"])
    return min(1.3 * low, -least), max(1.3 * high, least)


def _labels(rows: pd.DataFrame) -> list[str]:
    notes = [
        f"{cells}; {failures} failed" if failures else f"{cells}"
        for cells, failures in zip(rows["cells"], rows["failures"], strict=True)
    ]
    return [f"{name} ({note})" for name, note in zip(rows["activation"], notes, strict=True)]


def _redden(ax: Axes, rows: pd.DataFrame) -> None:
    for label, failures in zip(ax.get_yticklabels(), rows["failures"], strict=True):
        if failures:
            label.set_color(style.WARNING_COLOUR)


def _legend(rows: pd.DataFrame, markers: Mapping[str, str], families: Mapping[str, str]) -> list:
    look = {"ls": "", "ms": 3, "mfc": "white", "mec": "black", "mew": 0.6}
    handles = [Line2D([], [], marker="|", color="black", ls="", ms=5, mew=1.4, label="mean")]
    if rows["low"].notna().any():
        handles.append(Line2D([], [], color="black", lw=0.9, label="95 % t interval"))
    handles += [Line2D([], [], marker=m, label=name, **look) for name, m in markers.items()]
    ordered = compared.by_family(rows["activation"], families)
    return handles + compared.family_legend(ordered, families)
