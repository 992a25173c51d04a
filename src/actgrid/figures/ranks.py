"""Activations ranked within each study: mean ranks beside interquartile means."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from actgrid.figures import compared, style

SHOWN = {"mean_rank": "mean rank", "iqm": "interquartile mean"}  # the panels of a pair
HEAD, FOOT = 0.2, 0.2  # inches: the title above a pair of panels, the numbers below
LABEL = 0.15  # inches: the names of the axes, under the last pair
GAP = 0.16  # inches: between panels, and beside them
LETTER = 0.0085  # inches: a letter of a name, for each point of its size
NONE = "no study has two activations that were trained in the same networks"

Box = tuple[float, float, float, float]  # left, bottom, width, height in inches


@style.styled
def ranks(rankings: pd.DataFrame, families: Mapping[str, str]) -> Figure:
    """A pair of panels a study, the best mean rank on top: mean rank, and IQM with its interval.

    rankings: study, activation, cells, mean_rank, iqm, iqm_low, iqm_high, friedman_p
    (empty where there is none). families: activation -> family, the colours. Each panel has axes
    of its own; a study of one activation has no panel.
    """
    groups = [rows for _, rows in rankings.groupby("study", sort=False) if len(rows) > 1]
    if not groups:
        return style.message(NONE)
    parts = _blocks([rows.sort_values("mean_rank", kind="stable") for rows in groups])
    handles = _legend(pd.concat(groups), families)
    room = 0.05 + compared.legend_room(handles)
    height = min(_row_height(part, room) for part in parts)
    tallest = max(_height(part, height) for part in parts)
    figure = Figure(figsize=(style.WIDTH, room + tallest))
    width = style.WIDTH / len(parts)
    for index, part in enumerate(parts):
        _draw_block(part, families, (index * width, room, width, tallest), height, figure)
    compared.legend(figure, handles, loc="lower center")
    return figure


def draw(rows: pd.DataFrame, column: str, families: Mapping[str, str], ax: Axes) -> Axes:
    """One panel: `mean_rank` as dots or `iqm` with its interval, from the top."""
    places = range(len(rows))
    colours = [style.family_colour(families[name]) for name in rows["activation"]]
    if column == "mean_rank":
        ax.scatter(rows[column], places, c=colours, s=9, lw=0)
    else:
        ax.hlines(places, rows[f"{column}_low"], rows[f"{column}_high"], color=colours, lw=0.9)
        ax.scatter(rows[column], places, marker="|", s=22, c=colours, lw=1.3)
    ax.grid(axis="y", color="0.9", lw=0.4)
    ax.set_axisbelow(True)
    ax.margins(x=0.08)
    ax.xaxis.set_major_locator(MaxNLocator(3, integer=column == "mean_rank", min_n_ticks=2))
    ax.tick_params(axis="x", labelsize=6, pad=1.5)
    return ax


def _blocks(studies: list[pd.DataFrame]) -> list[list[pd.DataFrame]]:
    """The studies in one block or, where they have many rows, in two of like height."""
    heights = [_height([study], compared.ROW) for study in studies]
    if sum(heights) <= compared.ROW * compared.TALLEST or len(studies) == 1:
        return [studies]
    half = min(range(1, len(heights)), key=lambda cut: max(sum(heights[:cut]), sum(heights[cut:])))
    return [studies[:half], studies[half:]]


def _row_height(studies: list[pd.DataFrame], room: float) -> float:
    rows = sum(map(len, studies))
    return compared.row_height(rows, room + LABEL + (HEAD + FOOT) * len(studies))


def _height(studies: list[pd.DataFrame], row: float) -> float:
    return LABEL + sum(HEAD + FOOT + row * len(study) for study in studies)


def _draw_block(
    studies: list[pd.DataFrame], families: Mapping[str, str], place: Box, row: float, figure: Figure
) -> None:
    """The studies one below the other in a part of the figure, with rows of one height."""
    left, bottom, width, height = place
    letters = max(study["activation"].map(len).max() for study in studies)
    names = LETTER * compared.font(row) * letters + GAP
    panel = (width - names - 2 * GAP) / 2
    top = bottom + height
    for study in studies:
        low = top - HEAD - row * len(study)
        _title(study, left + 0.05, top - HEAD + 0.04, figure)
        for column, start in zip(SHOWN, (left + names, left + names + panel + GAP), strict=True):
            ax = figure.add_axes(_share(figure, (start, low, panel, row * len(study))))
            draw(study, column, families, ax)
            labels = list(study["activation"]) if column == "mean_rank" else [""] * len(study)
            compared.set_rows(ax, labels, len(study), row)
            ax.set_xlabel(SHOWN[column] if study is studies[-1] else "", fontsize=6.5, labelpad=1)
        top = low - FOOT


def _share(figure: Figure, box: Box) -> Box:
    """Inches as shares of the figure's width and height."""
    width, height = figure.get_size_inches()
    return box[0] / width, box[1] / height, box[2] / width, box[3] / height


def _title(study: pd.DataFrame, left: float, bottom: float, figure: Figure) -> None:
    """Study, networks, and Friedman's p where there is one; left and bottom in inches."""
    first = study.iloc[0]
    title = f"{first['study']}: {first['cells']} network{'s' if first['cells'] > 1 else ''}"
    if pd.notna(first["friedman_p"]):
        title += f", Friedman's p = {first['friedman_p']:.2g}"
    figure.text(*_share(figure, (left, bottom, 0, 0))[:2], title, fontsize=7)


def _legend(rankings: pd.DataFrame, families: Mapping[str, str]) -> list:
    handles = []
    if rankings["iqm_low"].notna().any():
        handles.append(Line2D([], [], color="black", lw=0.9, label="95 % interval"))
    names = compared.by_family(rankings["activation"], families)
    return handles + compared.family_legend(names, families)
