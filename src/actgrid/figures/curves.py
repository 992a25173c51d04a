"""Learning curves of one architecture: a panel per family, the baseline in grey in each."""

from collections.abc import Mapping

import pandas as pd
import seaborn
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from actgrid.figures import style

MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p")


@style.styled
def learning_curves(means: pd.DataFrame, families: Mapping[str, str]) -> Figure:
    """Mean test accuracy over epochs, with the columns _low and _high as a light band.

    means: rows of `scores.epoch_means` of one architecture and data set, in config order.
    families: activation -> family. Activations without a good run have no row and no line.
    Raises ValueError for several architectures or data sets.
    """
    if means.empty:
        return style.message("no run ended well: no learning curve to draw")
    style.single(means["dataset"], "data set")
    style.single(means["architecture"], "architecture")
    panels = _panels(list(dict.fromkeys(means["activation"])), families)
    figure, axes = style.grid(
        len(panels), columns=2, panel=(1.5, 1.2), gaps=(1.55, 0.3), margins=(0.5, 1.25, 0.4, 0.25)
    )
    for ax, (family, names) in zip(axes, panels.items(), strict=True):
        draw(means, names, style.family_colour(family), ax)
        ax.set_title(family, loc="left")
    style.label_outer(axes, "epoch", "test accuracy")
    axes[0].set_ylim(_limits(means["test_accuracy_mean"]))
    axes[0].set_xlim(means["epoch"].min() - 0.25, means["epoch"].max() + 0.25)
    axes[0].xaxis.set_major_locator(FixedLocator(sorted(set(means["epoch"])), nbins=6))
    return figure


def draw(
    means: pd.DataFrame, names: list[str], colour: tuple[float, float, float], ax: Axes
) -> Axes:
    """One panel: the activations in shades of `colour`, under them the baseline in grey."""
    _draw_baseline(means, ax)
    rows = means[means["activation"].isin(names)]
    shades = seaborn.blend_palette([style.lighter(colour, 0.35), colour, _darker(colour)], 10)
    picked = [shades[round(9 * (i + 0.5) / len(names) - 0.5)] for i in range(len(names))]
    for name, shade in zip(names, picked, strict=True):
        _draw_band(rows[rows["activation"] == name], shade, ax)
    if names:
        markers = [MARKERS[i % len(MARKERS)] for i in range(len(names))]
        seaborn.lineplot(
            rows,
            x="epoch",
            y="test_accuracy_mean",
            hue="activation",
            style="activation",
            hue_order=names,
            style_order=names,
            palette=picked,
            markers=markers,
            dashes=False,
            estimator=None,  # the means are in the table
            markersize=3.5,
            markeredgewidth=0.3,
            ax=ax,
        )
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=6, handlelength=2)
    return ax


def _panels(names: list[str], families: Mapping[str, str]) -> dict[str, list[str]]:
    """Family -> its activations but for the baseline, which needs no panel unless it is alone."""
    others = [name for name in names if name != style.BASELINE]
    panels: dict[str, list[str]] = {}
    for name in others:
        panels.setdefault(families[name], []).append(name)
    return panels or {families[style.BASELINE]: []}


def _draw_baseline(means: pd.DataFrame, ax: Axes) -> None:
    rows = means[means["activation"] == style.BASELINE]
    if rows.empty:
        return
    _draw_band(rows, style.BASELINE_COLOUR, ax)
    line = {"color": style.BASELINE_COLOUR, "ls": "--", "marker": ".", "ms": 4}
    ax.plot(rows["epoch"], rows["test_accuracy_mean"], **line, label=style.BASELINE)


def _draw_band(rows: pd.DataFrame, colour: object, ax: Axes) -> None:
    low, high = rows["test_accuracy_low"], rows["test_accuracy_high"]
    ax.fill_between(rows["epoch"], low, high, color=colour, alpha=0.18, lw=0)


def _darker(colour: tuple[float, float, float]) -> tuple[float, float, float]:
    return tuple(0.45 * part for part in colour)


def _limits(means: pd.Series) -> tuple[float, float]:
    """From the means, with some room: bands of two or three seeds can be wider than the panel."""
    room = max(0.05 * (means.max() - means.min()), 0.01)
    return means.min() - room, means.max() + room
