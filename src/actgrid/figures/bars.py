"""Final-epoch accuracy of every activation in one architecture, as horizontal bars from zero."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from actgrid.figures import style

METRICS = ("test_accuracy", "train_accuracy")  # from top to bottom within an activation
THICKNESS = 0.38
FAMILY_GAP = 0.35


@style.styled
def final_bars(final: pd.DataFrame, seeds: pd.DataFrame, families: Mapping[str, str]) -> Figure:
    """Test (full colour) and training accuracy (light) of one architecture on one data set.

    final: rows of `scores.summarise`, in the order to be drawn. seeds: rows of `scores.final_rows`,
    the dots. families: activation -> family, the colours. Whiskers are the columns _low and _high.
    Raises ValueError for several architectures or data sets.
    """
    style.single(final["dataset"], "data set")
    style.single([*final["architecture"], *seeds["architecture"]], "architecture")
    places = _places([families[name] for name in final["activation"]])
    height = min(0.195 * (places[-1] + 1) + 1.45, style.MAX_HEIGHT)
    figure = Figure(figsize=(style.WIDTH, height), layout="constrained")
    draw(final, seeds, families, figure.subplots())
    figure.legend(handles=_legend(final, families), loc="outside lower center", ncols=3)
    return figure


def draw(final: pd.DataFrame, seeds: pd.DataFrame, families: Mapping[str, str], ax: Axes) -> Axes:
    """The bars of `final_bars` on given axes, without the legend."""
    names = list(final["activation"])
    places = _places([families[name] for name in names])
    row_of = dict(zip(names, places, strict=True))
    for metric, shift in zip(METRICS, (-THICKNESS / 2, THICKNESS / 2), strict=True):
        _draw_metric(ax, final, families, metric, places + shift)
        dots = [row_of[name] + shift for name in seeds["activation"]] + _spread(seeds)
        ax.scatter(seeds[metric], dots, s=3.5, c="white", ec="black", lw=0.4, zorder=4)
    _mark_failures(ax, final, places)
    baseline = final.loc[final["activation"] == style.BASELINE, "test_accuracy_mean"].dropna()
    for value in baseline:
        ax.axvline(value, color="black", lw=0.7, ls=(0, (4, 2)), zorder=3)
    ax.set_yticks(places, names)
    ax.tick_params(axis="y", length=0)
    ax.set(xlim=(0, 1), ylim=(places[-1] + 0.6, -0.6), xlabel="accuracy after the last epoch")
    return ax


def _places(families: list[str]) -> np.ndarray:
    """Where each activation stands, top to bottom: one apart, a little more between families."""
    changes = [before != after for before, after in zip(families, families[1:], strict=False)]
    return np.arange(len(families)) + FAMILY_GAP * np.cumsum([0, *changes])


def _draw_metric(ax, final, families, metric, places) -> None:
    has_result = (final["n"] > 0).to_numpy()
    cells, places = final[has_result], places[has_result]
    mean = cells[f"{metric}_mean"]
    colours = [style.family_colour(families[name]) for name in cells["activation"]]
    if metric == "train_accuracy":
        colours = [style.lighter(colour) for colour in colours]
    ax.barh(places, mean, THICKNESS, color=colours, label=metric)
    whiskers = [mean - cells[f"{metric}_low"], cells[f"{metric}_high"] - mean]
    ax.errorbar(mean, places, xerr=whiskers, fmt="none", ecolor="black", elinewidth=0.7, capsize=1)


def _spread(seeds: pd.DataFrame) -> pd.Series:
    """A small vertical offset per seed, so that equal values stay apart."""
    rank = seeds.groupby("activation", sort=False).cumcount()
    runs = seeds.groupby("activation", sort=False)["seed"].transform("size")
    return 0.2 * ((rank + 0.5) / runs - 0.5)


def _mark_failures(ax: Axes, final: pd.DataFrame, places: np.ndarray) -> None:
    box = {"fc": "white", "ec": "none", "pad": 0.8}
    for (_, cell), place in zip(final.iterrows(), places, strict=True):
        if cell["failures"] > 0:
            note = f"{cell['failures']} of {cell['n'] + cell['failures']} runs diverged"
            colour = style.WARNING_COLOUR
            ax.text(0.01, place, note, color=colour, fontsize=6, va="center", bbox=box, zorder=5)


def _legend(final: pd.DataFrame, families: Mapping[str, str]) -> list:
    grey = style.FAMILY_COLOURS["rectifier"]
    dot = {"marker": "o", "ls": "", "ms": 2.5, "mfc": "white", "mec": "black", "mew": 0.4}
    handles = [
        Patch(color=grey, label="test"),
        Patch(color=style.lighter(grey), label="training"),
        Line2D([], [], **dot, label="one seed"),
    ]
    if (final["n"] > 1).any():
        handles.append(Line2D([], [], color="black", lw=0.7, label="95 % t interval"))
    if style.BASELINE in set(final.loc[final["n"] > 0, "activation"]):
        label = f"{style.BASELINE}, test"
        handles.append(Line2D([], [], color="black", lw=0.7, ls=(0, (4, 2)), label=label))
    present = dict.fromkeys(families[name] for name in final["activation"])
    return handles + [Patch(color=style.family_colour(name), label=name) for name in present]
