"""The graph of every activation with its derivative, in a grid with shared axes."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from actgrid.figures import style

X_LIMITS = (-2.5, 2.5)
Y_LIMITS = (-2.5, 3.25)  # shows the highest peak, 3, and cuts the steepest lines and derivatives


@style.styled
def graph_grid(points: pd.DataFrame) -> Figure:
    """f (solid) and f' (dashed) of each activation, in order of appearance; values beyond are cut.

    points: activation, family, x, f, df, piece; a line joins the points of one piece only, so that
    a jump stays a jump.
    """
    names = list(dict.fromkeys(points["activation"]))
    figure, axes = style.grid(
        len(names), columns=5, panel=(1.12, 0.95), gaps=(0.1, 0.2), margins=(0.25, 0.05, 0.45, 0.2)
    )
    for ax, (name, rows) in zip(axes, points.groupby("activation", sort=False), strict=True):
        draw(rows, ax)
        ax.set_title(name, fontsize=6.5, pad=2)
    axes[0].set(xlim=X_LIMITS, ylim=Y_LIMITS, xticks=(-2, 0, 2), yticks=(-2, 0, 2))
    black = {"color": "black", "lw": 1.0}
    handles = [
        Line2D([], [], **black, label="f(x)"),
        Line2D([], [], **black, ls="--", label="f'(x)"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=2)
    return figure


def draw(rows: pd.DataFrame, ax: Axes) -> Axes:
    """One panel: the pieces of one activation and of its derivative."""
    colour = style.family_colour(style.single(rows["family"], "family"))
    ax.axhline(0, color="0.85", lw=0.5, zorder=0)
    ax.axvline(0, color="0.85", lw=0.5, zorder=0)
    for _, piece in rows.groupby("piece", sort=False):
        ax.plot(piece["x"], piece["df"], color=style.lighter(colour, 0.3), ls=(0, (3, 1.5)), lw=0.9)
        ax.plot(piece["x"], piece["f"], color=colour, lw=1.3)
    ax.tick_params(labelsize=6, pad=1.5)
    return ax
