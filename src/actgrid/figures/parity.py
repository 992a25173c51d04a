"""Learned activations held against fixed ones, and our scores of them against the published."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from actgrid.figures import style
from actgrid.figures.shapes import BASES, SIZES, base_colour, known, of, pairs

COMPARISONS = {  # what the fixed activation is: in the legend, and its marker
    "base": ("base in the same network", "o"),
    "matched": ("base in a network of as many parameters", "s"),
    "transfer": ("base, the learned one being frozen", "D"),
}
ROW = 0.23  # inches
DOT = {"s": 4, "c": "white", "ec": "black", "lw": 0.4}  # one seed
MARKERS = {"small": "o", "medium": "s", "large": "^"}  # outer network
DIAMETERS = {"small": 3.0, "medium": 4.5, "large": 6.0}  # activation network, in points


@style.styled
def parity(differences: pd.DataFrame, seeds: pd.DataFrame) -> Figure:
    """Test ROC AUC, learned minus fixed activation, of every combination: a panel a base.

    differences: comparison, base, outer, inner, n, mean, low, high (no interval for n = 1).
    seeds: comparison, base, outer, inner, seed, difference; the small dots. Whiskers far beyond
    all dots are cut, with an arrowhead. Raises ValueError for an unknown comparison, base or size.
    """
    if differences.empty:
        return style.message("no learned activation has a fixed one to be held against")
    panels = {base: of(differences, base=base) for base in _bases(differences)}
    heights = [len(pairs(rows)) + 0.6 for rows in panels.values()]
    figure = Figure(figsize=(style.WIDTH, 1.1 + ROW * sum(heights)), layout="constrained")
    axes = figure.subplots(len(panels), sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    names = known(differences["comparison"], tuple(COMPARISONS), "comparison")
    dots = pd.concat([differences["mean"], seeds["difference"], pd.Series([0.0])])
    limits = _limits(dots, differences[["low", "high"]])
    for ax, (base, rows) in zip(axes, panels.items(), strict=True):
        draw(rows, of(seeds, base=base), names, limits, ax)
        ax.set_title(f"base {base}", loc="left")
    axes[-1].set(xlim=limits, xlabel="test ROC AUC, learned minus fixed activation")
    legend = _difference_legend(names, differences["n"].max() > 1)
    figure.legend(handles=legend, loc="outside lower center", ncols=2)
    return figure


def draw(
    rows: pd.DataFrame,
    seeds: pd.DataFrame,
    comparisons: list[str],
    limits: tuple[float, float],
    ax: Axes,
) -> Axes:
    """One panel: the combinations of one base, each comparison a little below the one before."""
    sizes = pairs(rows)
    for index, name in enumerate(comparisons):
        shift = 0.32 * (index - (len(comparisons) - 1) / 2)
        places = {pair: place + shift for place, pair in enumerate(sizes)}
        _draw_comparison(name, rows, seeds, places, limits, ax)
    ax.axvline(0, color="black", lw=0.7, zorder=1)
    for place, (before, after) in enumerate(zip(sizes, sizes[1:], strict=False)):
        if before[0] != after[0]:
            ax.axhline(place + 0.5, color="0.85", lw=0.5, zorder=0)
    ax.set_yticks(range(len(sizes)), [f"outer {o}, activation {i}" for o, i in sizes])
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(sizes) - 0.4, -0.6)
    return ax


@style.styled
def published(cells: pd.DataFrame) -> Figure:
    """Validation ROC AUC: published (one seed) on x, the mean of ours on y.

    cells: base, outer, inner, published, ours_mean, ours_low, ours_high (the whisker; none where
    empty), n. Cells without one of the scores are left out; whiskers far beyond the points are cut
    at the panel's edge. Raises ValueError for an unknown base or size.
    """
    cells = cells.dropna(subset=["published", "ours_mean"])
    if cells.empty:
        return style.message("no cell has a published counterpart")
    figure, (ax,) = style.grid(
        1, columns=1, panel=(3.85, 3.85), gaps=(0, 0), margins=(0.65, 1.8, 0.45, 0.1)
    )
    ax.axline((1, 1), slope=1, color="0.6", lw=0.7, zorder=0)
    for base in _bases(cells):
        for outer, inner in pairs(of(cells, base=base)):
            rows = of(cells, base=base, outer=outer, inner=inner)
            look = {"fmt": MARKERS[outer], "ms": DIAMETERS[inner], "color": base_colour(base)}
            ends = [rows["ours_mean"] - rows["ours_low"], rows["ours_high"] - rows["ours_mean"]]
            place = (rows["published"], rows["ours_mean"])
            ax.errorbar(*place, yerr=ends, elinewidth=0.7, mec="white", mew=0.4, **look)
    points = pd.concat([cells["published"], cells["ours_mean"]])
    limits = _limits(points, cells[["ours_low", "ours_high"]])
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.set(xlabel="published validation ROC AUC", ylabel="our validation ROC AUC")
    ax.locator_params(nbins=6)
    figure.legend(handles=_cell_legend(cells), loc="center right")
    return figure


def _bases(rows: pd.DataFrame) -> list[str]:
    return known(rows["base"], BASES, "base")


def _limits(dots: pd.Series, ends: pd.DataFrame) -> tuple[float, float]:
    """Around all dots, and around the whiskers' ends up to half the dots' range further out."""
    width = max(dots.max() - dots.min(), 0.01)
    every = pd.concat([dots, *(ends[column] for column in ends)])
    low = max(every.min(), dots.min() - 0.5 * width)
    high = min(every.max(), dots.max() + 0.5 * width)
    return low - 0.05 * width, high + 0.05 * width


def _draw_comparison(name, rows, seeds, places, limits, ax) -> None:
    """Whiskers, means and seeds of one comparison; places: (outer, inner) -> height."""
    cells, dots = of(rows, comparison=name), of(seeds, comparison=name)
    colour = base_colour(style.single(rows["base"], "base"))
    heights, dot_heights = (
        [places[pair] for pair in zip(table["outer"], table["inner"], strict=True)]
        for table in (cells, dots)
    )
    ax.scatter(dots["difference"], dot_heights, zorder=4, **DOT)
    look = _look(name) | {"color": colour, "elinewidth": 0.8}
    ends = [cells["mean"] - cells["low"], cells["high"] - cells["mean"]]
    ax.errorbar(cells["mean"], heights, xerr=ends, zorder=3, **look)
    ends = ((limits[0], "<", cells["low"] < limits[0]), (limits[1], ">", cells["high"] > limits[1]))
    for edge, arrow, cut in ends:
        beyond = pd.Series(heights, cells.index)[cut]
        ax.scatter([edge] * len(beyond), beyond, s=6, marker=arrow, color=colour, clip_on=False)


def _look(comparison: str) -> dict:
    """The marker of a comparison, filled for the first only."""
    filled = {} if comparison == "base" else {"mfc": "white"}
    return {"fmt": COMPARISONS[comparison][1], "ms": 3.5, "mew": 0.8, **filled}


def _difference_legend(comparisons: list[str], intervals: bool) -> list[Line2D]:
    handles = []
    for name in comparisons:
        look = _look(name)
        look |= {"marker": look.pop("fmt"), "ls": "", "color": "0.3"}
        handles.append(Line2D([], [], label=f"against the {COMPARISONS[name][0]}", **look))
    dot = {"marker": "o", "ls": "", "ms": 2, "mfc": "white", "mec": "black", "mew": 0.4}
    handles.append(Line2D([], [], label="one seed", **dot))
    if intervals:
        handles.append(Line2D([], [], color="0.3", lw=0.8, label="95 % t interval"))
    return handles


def _cell_legend(cells: pd.DataFrame) -> list[Line2D]:
    outers, inners = known(cells["outer"], SIZES, "outer"), known(cells["inner"], SIZES, "inner")
    looks = [(f"base {b}", {"marker": "o", "color": base_colour(b)}) for b in _bases(cells)]
    looks += [(f"outer network {o}", {"marker": MARKERS[o], "color": "0.3"}) for o in outers]
    for inner in inners:
        look = {"marker": "o", "color": "0.7", "ms": DIAMETERS[inner]}
        looks.append((f"activation network {inner}", look))
    return [Line2D([], [], ls="", label=label, **{"ms": 4.5} | look) for label, look in looks]
