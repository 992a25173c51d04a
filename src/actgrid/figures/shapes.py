"""Graphs of the activations that were learned: one base with f', or all on one page."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from actgrid.figures import style

BASES = ("tanh", "relu", "gelu")
SIZES = ("small", "medium", "large")  # of the outer network, and of the activation network
RUN = ["base", "outer", "inner", "seed"]
X_LIMITS = (-3.0, 3.0)
TICKS = (-2, 0, 2)
CUT = 0.025  # share of all points of f that may lie beyond the shared y limits, at either end
AREA = 1 / 3  # of a panel's height: the highest density of the figure
SHADE = 0.3  # opacity of the densities of all seeds on top of one another
LINE = 0.15  # inches: a line of the legend
GREY = (0.5, 0.5, 0.5)
DASHES = (0, (3, 1.5))
NONE = "no activation was learned: no graph to draw"

Colour = tuple[float, float, float]


@style.styled
def shape_grid(curves: pd.DataFrame) -> Figure:
    """f (solid) and f' (dashed) of one base; rows: outer network, columns: activation network.

    curves: base, outer, inner, evaluation, seed, x, f, df, density (of the pre-activations, per
    unit of x); one row a point. A seed is a shade; the densities, behind, have a scale of their
    own. f is drawn as it is, although it is known up to an affine map only; the y limits suit f,
    and what is beyond is cut. Raises ValueError for several bases or evaluations.
    """
    if curves.empty:
        return style.message(NONE)
    style.single(curves["evaluation"], "evaluation")
    base = style.single(curves["base"], "base")
    outers, inners = known(curves["outer"], SIZES, "outer"), known(curves["inner"], SIZES, "inner")
    shades = seed_shades(curves["seed"], base_colour(base))
    handles, abreast = _legend(shades), (1, 2, 4)[len(inners) - 1]
    figure, axes = style.grid(
        len(outers) * len(inners),
        columns=len(inners),
        panel=(1.8, 1.8),
        gaps=(0.1, 0.12),
        margins=(0.55, 0.05, 0.65 + LINE * -(-len(handles) // abreast), 0.25),
    )
    shown = curves[curves["x"].between(*X_LIMITS)]
    cells = [(outer, inner) for outer in outers for inner in inners]
    for ax, (outer, inner) in zip(axes, cells, strict=True):
        draw(of(shown, outer=outer, inner=inner), shades, shown["density"].max(), ax)
    axes[0].set(xlim=X_LIMITS, ylim=_limits(shown), xticks=TICKS)
    rows = [f"outer network {outer}" for outer in outers]
    _name(axes, rows, [f"activation network {inner}" for inner in inners])
    figure.legend(handles=handles, title=f"base {base}", loc="lower center", ncols=abreast)
    return figure


def draw(rows: pd.DataFrame, shades: dict[int, Colour], peak: float, ax: Axes) -> Axes:
    """One panel: the runs of one cell; the density `peak` is drawn a third of the panel high."""
    _start(rows, ax)
    opacity = 1 - (1 - SHADE) ** (1 / len(shades))
    for seed, run in rows.groupby("seed"):
        height = AREA * run["density"] / (peak or 1.0)
        place = {"transform": ax.get_xaxis_transform(), "zorder": 0.5}
        ax.fill_between(run["x"], height, color=GREY, alpha=opacity, lw=0, **place)
        ax.plot(run["x"], run["df"], color=style.lighter(shades[seed], 0.3), lw=0.6, ls=DASHES)
        ax.plot(run["x"], run["f"], color=shades[seed], lw=1.0)
    return ax


@style.styled
def overview(curves: pd.DataFrame) -> Figure:
    """f of every combination, standardised: a column a base, a row a pair of network sizes.

    curves: as for `shape_grid`, at even points. From each run's f its mean is subtracted, and the
    rest divided by its standard deviation, both weighted by the density.
    Raises ValueError for several evaluations.
    """
    if curves.empty:
        return style.message(NONE)
    style.single(curves["evaluation"], "evaluation")
    bases, sizes = known(curves["base"], BASES, "base"), pairs(curves)
    handles, abreast = _seed_lines(seed_shades(curves["seed"], GREY)), 3 * len(bases)
    figure, axes = style.grid(
        len(sizes) * len(bases),
        columns=len(bases),
        panel=(1.6, 0.8),
        gaps=(0.1, 0.06),
        margins=(1.25, 0.05, 0.45 + LINE * -(-len(handles) // abreast), 0.25),
    )
    runs = curves.groupby(RUN, sort=False)
    table = pd.concat(run.assign(f=standardised(run)) for _, run in runs)
    shown = table[table["x"].between(*X_LIMITS)]
    cells = [(base, *pair) for pair in sizes for base in bases]
    for ax, (base, outer, inner) in zip(axes, cells, strict=True):
        shades = seed_shades(curves["seed"], base_colour(base))
        _draw_small(of(shown, base=base, outer=outer, inner=inner), shades, ax)
    axes[0].set(xlim=X_LIMITS, ylim=_limits(shown), xticks=TICKS)
    _name(axes, [f"outer {outer}\nactivation {inner}" for outer, inner in sizes], bases)
    for ax in axes:
        ax.yaxis.label.set(rotation=0, ha="right", va="center", fontsize=7)
    figure.legend(handles=handles, loc="lower center", ncols=abreast)
    return figure


def standardised(run: pd.DataFrame) -> pd.Series:
    """f of one run with density-weighted mean 0 and standard deviation 1; 0 for a constant f."""
    weights = run["density"] if run["density"].any() else None  # None: all points alike
    centred = run["f"] - np.average(run["f"], weights=weights)
    deviation = np.sqrt(np.average(centred**2, weights=weights))
    return centred / deviation if deviation > 1e-9 * run["f"].abs().max() else 0 * centred


def known(values: Iterable[str], order: tuple[str, ...], what: str) -> list[str]:
    """Those of `order` that occur, in its order; ValueError when anything else occurs."""
    present = set(values)
    if unknown := sorted(present - set(order)):
        raise ValueError(f"{what} {unknown[0]!r} has no place in the figure; known: {list(order)}")
    return [name for name in order if name in present]


def of(rows: pd.DataFrame, **values: str) -> pd.DataFrame:
    """The rows with these values in these columns."""
    for column, value in values.items():
        rows = rows[rows[column] == value]
    return rows


def pairs(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """(outer, inner) that occur, from small to large."""
    present = set(zip(rows["outer"], rows["inner"], strict=True))
    outers, inners = known(rows["outer"], SIZES, "outer"), known(rows["inner"], SIZES, "inner")
    return [(o, i) for o in outers for i in inners if (o, i) in present]


def base_colour(base: str) -> Colour:
    """The colour of a base and of what was learned from it."""
    return style.family_colour(f"learned_{base}")


def seed_shades(seeds: Iterable[int], colour: Colour) -> dict[int, Colour]:
    """Seed -> shade of the colour, from dark to light; the colour itself for one seed."""
    names = sorted(set(seeds))
    ends = [tuple(0.25 * part for part in colour), colour, style.lighter(colour, 0.65)]
    shades = seaborn.blend_palette(ends, 2 * len(names) + 1)[1::2]
    return dict(zip(names, shades, strict=True))


def zero_lines(ax: Axes) -> None:
    """The axes of the coordinate system, light."""
    ax.axhline(0, color="0.85", lw=0.5, zorder=0)
    ax.axvline(0, color="0.85", lw=0.5, zorder=0)


def _start(rows: pd.DataFrame, ax: Axes) -> None:
    """Zero lines; or, where there is no run, words that say so."""
    if rows.empty:
        place = {"transform": ax.transAxes, "ha": "center", "va": "center"}
        ax.text(0.5, 0.5, "not run", color="0.4", **place)
    else:
        zero_lines(ax)


def _draw_small(rows: pd.DataFrame, shades: dict[int, Colour], ax: Axes) -> None:
    _start(rows, ax)
    for seed, run in rows.groupby("seed"):
        ax.plot(run["x"], run["f"], color=shades[seed], lw=0.9)


def _limits(shown: pd.DataFrame) -> tuple[float, float]:
    """Around 0 and all of f but the few points that lie farthest off."""
    low, high = min(0.0, shown["f"].quantile(CUT)), max(0.0, shown["f"].quantile(1 - CUT))
    room = max(0.1 * (high - low), 0.01)
    return low - room, high + room


def _name(axes: list[Axes], rows: list[str], columns: list[str]) -> None:
    """Each row's name at its left, each column's above it, and x below the lowest panels."""
    style.label_outer(axes, "x", "")
    for ax, name in zip(axes[:: len(columns)], rows, strict=True):
        ax.set_ylabel(name)
    for ax, name in zip(axes, columns, strict=False):
        ax.set_title(name)


def _legend(shades: dict[int, Colour]) -> list:
    handles = [
        Line2D([], [], color="black", label="f(x)"),
        Line2D([], [], color="black", lw=0.8, ls=DASHES, label="f'(x)"),
        Patch(color=style.lighter(GREY, 1 - SHADE), label="density of pre-activations"),
    ]
    return handles + _seed_lines(shades)


def _seed_lines(shades: dict[int, Colour]) -> list[Line2D]:
    return [Line2D([], [], color=shade, label=f"seed {seed}") for seed, shade in shades.items()]
