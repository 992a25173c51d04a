"""Our results against the published ones, a panel per architecture, with the identity line."""

import numpy as np
import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from actgrid.figures import style

AGREES, DISAGREES = "agrees", "does not agree"
COLOURS = {AGREES: style.FAMILY_COLOURS["slope"], DISAGREES: style.WARNING_COLOUR}
MARKERS = {AGREES: "o", DISAGREES: "X"}
LEADER = {
    **{"arrowstyle": "-", "lw": 0.3, "color": style.WARNING_COLOUR},
    **{"relpos": (0, 0.5), "patchA": None, "shrinkA": 1},  # starts at the name's left edge
}
LABEL_GAP = 0.055  # of the panel's height


@style.styled
def agreement_scatter(reproduction: pd.DataFrame) -> Figure:
    """Test accuracy: published on x, ours on y, whiskers SD / sqrt(n) both ways.

    reproduction: the table of `scores.compare` for one data set. Cells that do not agree are
    crosses with their activation's name in a column beside the panel.
    """
    cells = reproduction[reproduction["metric"] == "test_accuracy"]
    if cells.empty:
        return style.message("no cell has a published counterpart")
    style.single(cells["dataset"], "data set")
    panels = cells.groupby("architecture", sort=False)
    figure, axes = style.grid(
        panels.ngroups,
        columns=2,
        panel=(1.65, 1.65),
        gaps=(1.5, 0.7),
        margins=(0.5, 1.0, 0.65, 0.25),
        share=False,
    )
    for ax, (architecture, rows) in zip(axes, panels, strict=True):
        draw(rows, ax)
        share = f"{rows['agrees'].sum()} of {len(rows)} agree"
        ax.set_title(f"{architecture}: {share}", loc="left")
    style.label_outer(axes, "published test accuracy", "our test accuracy")
    figure.legend(handles=_legend(), loc="lower center", ncols=2)
    return figure


def draw(rows: pd.DataFrame, ax: Axes) -> Axes:
    """One panel: the cells of one architecture."""
    rows = rows.sort_values("agrees", ascending=False, kind="stable")  # crosses on top
    errors = {"xerr": rows["published_sd"] / np.sqrt(rows["published_n"])}
    errors["yerr"] = rows["ours_sd"] / np.sqrt(rows["ours_n"])  # empty for one run: no whisker
    ax.axline((0, 0), slope=1, color="0.6", lw=0.7, zorder=0)
    ax.errorbar(
        rows["published_mean"],
        rows["ours_mean"],
        **errors,
        fmt="none",
        ecolor="0.4",
        elinewidth=0.6,
    )
    verdict = rows["agrees"].map({True: AGREES, False: DISAGREES})
    seaborn.scatterplot(
        x=rows["published_mean"],
        y=rows["ours_mean"],
        hue=verdict,
        style=verdict,
        palette=COLOURS,
        markers=MARKERS,
        s=18,
        legend=False,
        ax=ax,
    )
    limits = _limits(rows)
    ax.set(xlim=limits, ylim=limits, aspect="equal")
    ax.locator_params(nbins=5)
    _label(rows[~rows["agrees"]].sort_values("ours_mean"), limits, ax)
    return ax


def _legend() -> list[Line2D]:
    look = {"ls": "", "ms": 4, "mec": "white", "mew": 0.3}
    return [Line2D([], [], marker=MARKERS[v], color=COLOURS[v], label=v, **look) for v in MARKERS]


def _limits(rows: pd.DataFrame) -> tuple[float, float]:
    both = rows[["published_mean", "ours_mean"]].to_numpy()
    room = max(0.06 * np.ptp(both), 0.01)
    return both.min() - room, both.max() + room


def _label(rows: pd.DataFrame, limits: tuple[float, float], ax: Axes) -> None:
    """Names in a column right of the panel, each with a thin line to its point."""
    if rows.empty:
        return
    wanted = (rows["ours_mean"].to_numpy() - limits[0]) / (limits[1] - limits[0])
    for (_, cell), height in zip(rows.iterrows(), _spread(wanted), strict=True):
        ax.annotate(
            cell["activation"],
            (cell["published_mean"], cell["ours_mean"]),
            xytext=(1.04, height),
            textcoords="axes fraction",
            fontsize=6,
            va="center",
            arrowprops=LEADER,
        )


def _spread(heights: np.ndarray) -> np.ndarray:
    """Sorted heights in [0, 1], moved apart to at least a gap between neighbours."""
    gap = min(LABEL_GAP, 1 / len(heights))
    steps = gap * np.arange(len(heights))
    upward = np.maximum.accumulate(heights - steps) + steps
    return np.minimum(upward, 1 - steps[::-1])
