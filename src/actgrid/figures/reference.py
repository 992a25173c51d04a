"""The activations that the learned ones are built from: their graphs, derivatives and formulas."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from actgrid.figures import style
from actgrid.figures.shapes import BASES, DASHES, TICKS, X_LIMITS, base_colour, known, zero_lines

TITLES = {
    "tanh": r"$\tanh(x) = (e^x - e^{-x})\,/\,(e^x + e^{-x})$",
    "relu": r"$\mathrm{ReLU}(x) = \max(x, 0)$",
    "gelu": r"$\mathrm{GELU}(x) = x\,\Phi(x)$",
}


@style.styled
def reference(points: pd.DataFrame) -> Figure:
    """f (solid) and f' (dashed) of tanh, ReLU and GELU, a panel each, on shared axes.

    points: activation, x, f, df; one row a point. Phi is the standard normal distribution function.
    Raises ValueError for another activation.
    """
    names = known(points["activation"], BASES, "activation")
    figure, axes = style.grid(
        len(names), columns=3, panel=(1.85, 1.5), gaps=(0.15, 0.0), margins=(0.3, 0.05, 0.6, 0.3)
    )
    for ax, name in zip(axes, names, strict=True):
        rows, colour = points[points["activation"] == name], base_colour(name)
        zero_lines(ax)
        ax.plot(rows["x"], rows["df"], color=style.lighter(colour, 0.3), ls=DASHES)
        ax.plot(rows["x"], rows["f"], color=colour, lw=1.3)
        ax.set_title(TITLES[name])
    axes[0].set(xlim=X_LIMITS, xticks=TICKS)
    style.label_outer(axes, "x", "")
    handles = [
        Line2D([], [], color="black", label="f(x)"),
        Line2D([], [], color="black", ls=DASHES, label="f'(x)"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=2)
    return figure
