"""What the figures of the comparison share: order, blocks of rows, scale and legends."""

from collections.abc import Iterable, Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from actgrid.figures import style

THRESHOLD = 0.01  # up to here a scale of differences is linear, beyond it logarithmic
TICKS = (-1, -0.1, -0.01, 0, 0.01, 0.1, 1)
TALLEST = 45  # rows; more of them stand in two blocks
ROW = 0.16  # inches: a row, where there is room
FAR = 4  # times the gap from the best score to the median: what is further below is cut
ABREAST = 6  # handles of a legend
LINE = 0.15  # inches: a line of a legend
NONE = "no activation was trained in a network together with the baseline"
CUT = {"s": 7, "clip_on": False, "lw": 0}  # the arrowhead where a whisker is cut


def by_family(names: Iterable[str], families: Mapping[str, str]) -> list[str]:
    """Each name once, family by family; families and names in the order of `families`."""
    order = list(dict.fromkeys(families.values())).index
    wanted = set(names)
    return sorted((name for name in families if name in wanted), key=lambda n: order(families[n]))


def blocks(rows: int) -> list[slice]:
    """Where to cut so many rows: into one block or, where they are many, into two."""
    if rows <= TALLEST:
        return [slice(0, rows)]
    half = (rows + 1) // 2
    return [slice(0, half), slice(half, rows)]


def row_height(rows: float, room: float) -> float:
    """Inches for each of so many rows in a figure that needs `room` inches beside them."""
    return min(ROW, (style.MAX_HEIGHT - room) / rows)


def font(height: float) -> float:
    """Points of the letters in a row so many inches high."""
    return min(6.5, 72 * height * 0.82)


def set_rows(ax: Axes, labels: list[str], rows: int, height: float) -> None:
    """Names beside the rows, from the top, on axes with room for `rows` rows."""
    ax.set_yticks(range(len(labels)), labels, fontsize=font(height))
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(rows - 0.4, -0.6)


def difference_axis(ax: Axes, limits: tuple[float, float]) -> None:
    """The scale of differences on x, with a line at 0."""
    ax.set_xscale("symlog", linthresh=THRESHOLD)
    ax.set_xticks(TICKS, map(signed, TICKS), fontsize=6)
    ax.set_xticks([], minor=True)
    ax.set_xlim(limits)
    ax.axvline(0, color="black", lw=0.7, zorder=1)


def signed(difference: float) -> str:
    """0.01 -> "+.01", short as there is little room; 0 has no sign."""
    return f"{difference:+g}".replace("0.", ".") if difference else "0"


def near_best(scores: pd.Series) -> tuple[float, float]:
    """Limits around the scores; those far below, by the gap from best to median, are left out."""
    best, median = scores.max(), scores.median()
    low = max(scores.min(), best - max(FAR * (best - median), 0.01))
    room = max(0.06 * (best - low), 0.002)
    return low - room, best + room


def whiskers(rows: pd.DataFrame, middle: str, colours: list, limits: tuple, ax: Axes) -> None:
    """Intervals `low` to `high` about the column `middle`, a row each; cut at the limits."""
    ends = rows[["low", "high"]].clip(*limits)
    ax.hlines(range(len(rows)), ends["low"], ends["high"], color=colours, lw=0.9, zorder=2)
    ax.scatter(rows[middle], range(len(rows)), marker="|", s=28, c=colours, lw=1.4, zorder=3)
    below = rows["low"].fillna(rows[middle]) < limits[0]
    above = rows["high"].fillna(rows[middle]) > limits[1]
    for edge, arrow, cut in ((limits[0], "<", below), (limits[1], ">", above)):
        places = [place for place, is_cut in enumerate(cut) if is_cut]
        chosen = [colours[place] for place in places]
        ax.scatter([edge] * len(places), places, marker=arrow, c=chosen, **CUT)


def family_legend(names: Iterable[str], families: Mapping[str, str]) -> list[Patch]:
    """A patch for the family of each name, each family once."""
    present = dict.fromkeys(families[name] for name in names)
    return [Patch(color=style.family_colour(family), label=family) for family in present]


def legend(figure: Figure, handles: list, loc: str = "outside lower center") -> None:
    """The handles, row by row, under a figure that has `legend_room` for them."""
    columns = min(ABREAST, len(handles))
    look = {"handlelength": 1.4, "columnspacing": 1.2, "fontsize": 6.5}
    figure.legend(handles=handles, loc=loc, ncols=columns, **look)


def legend_room(handles: list) -> float:
    """Inches that `legend` takes."""
    return LINE * -(-len(handles) // ABREAST) + 0.1
