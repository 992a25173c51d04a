"""Loss and accuracy during training, of one architecture: a pair of panels per activation."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import Locator, LogLocator, MaxNLocator, NullLocator, StrMethodFormatter

from actgrid.figures import style

METRICS = ("loss", "accuracy")  # from left to right within a pair
HELD_OUT = {"valid": "validation", "test": "test"}
DASHES = (0, (3, 1.2))
GREY = style.FAMILY_COLOURS["rectifier"]
FEW = 5  # epochs: a line of fewer has dots
BAND = {"alpha": 0.18, "lw": 0}


@style.styled
def training(means: pd.DataFrame, families: Mapping[str, str]) -> Figure:
    """Means over epochs with the columns _low and _high as a light band; losses on a log scale.

    means: rows of `scores.epoch_means` of one architecture and data set, in config order. Held out
    (dashed) is the validation part or, where there is none, the test part. families: activation ->
    family, the colours. A metric has the same axes in all panels, which suit the means: bands
    beyond them are cut. Raises ValueError for several architectures or data sets.
    """
    if means.empty:
        return style.message("no run ended well: no training to draw")
    style.single(means["dataset"], "data set")
    style.single(means["architecture"], "architecture")
    held_out = "valid" if means["valid_loss_mean"].notna().any() else "test"
    names = list(dict.fromkeys(means["activation"]))
    figure, axes = style.grid(
        len(METRICS) * len(names),
        columns=2 * len(METRICS),
        panel=(1.08, 0.95),
        gaps=(0.46, 0.28),
        margins=(0.48, 0.1, 0.65, 0.25),
        share=False,
    )
    panels = [(name, metric) for name in names for metric in METRICS]
    for ax, (name, metric) in zip(axes, panels, strict=True):
        rows = means[means["activation"] == name]
        draw(rows, metric, held_out, style.family_colour(families[name]), ax)
        ax.set_title(name if metric == METRICS[0] else "", loc="left")
    for first, metric in enumerate(METRICS):
        both = means[[f"{part}_{metric}_mean" for part in ("train", held_out)]]
        _frame(axes[first :: len(METRICS)], metric, means["epoch"], both)
    for ax in axes[: -2 * len(METRICS)]:  # those with a panel under them
        ax.tick_params(labelbottom=False)
    for ax in axes[-2 * len(METRICS) :]:
        ax.set_xlabel("epoch")
    figure.legend(handles=_legend(means, held_out), loc="lower center", ncols=3)
    return figure


def draw(
    rows: pd.DataFrame, metric: str, held_out: str, colour: tuple[float, float, float], ax: Axes
) -> Axes:
    """One panel: a metric of one activation, of the training part and of the one held out."""
    for part, dashes, dots in (("train", "-", "full"), (held_out, DASHES, "none")):
        column = f"{part}_{metric}"
        measured = rows[rows[f"{column}_mean"].notna()]
        low, high = measured[f"{column}_low"], measured[f"{column}_high"]
        ax.fill_between(measured["epoch"], low, high, color=colour, **BAND)
        look = {"color": colour, "ls": dashes, "fillstyle": dots}
        look["marker"] = "." if len(measured) < FEW else ""
        ax.plot(measured["epoch"], measured[f"{column}_mean"], **look)
    return ax


def _frame(axes: list[Axes], metric: str, epochs: pd.Series, means: pd.DataFrame) -> None:
    """The same limits and ticks for all panels of a metric; a logarithmic scale for the loss."""
    beside = max(0.03 * (epochs.max() - epochs.min()), 0.25)
    low, high = means.min(axis=None), means.max(axis=None)
    room = max(0.05 * (high - low), 0.01)
    limits = (low / 1.15, high * 1.15) if metric == "loss" else (low - room, high + room)
    for ax in axes:
        if metric == "loss":
            ax.set_yscale("log", nonpositive="clip")
            ax.yaxis.set_major_locator(_ticks(high / low))
            ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            ax.yaxis.set_minor_locator(NullLocator())
        ax.set(xlim=(epochs.min() - beside, epochs.max() + beside), ylim=limits)
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1, steps=(1, 2, 5, 10)))
        ax.set_ylabel(metric, labelpad=2.5)


def _ticks(ratio: float) -> Locator:
    """Ticks for a logarithmic axis from one value to `ratio` times that."""
    if ratio < 10:
        return MaxNLocator(4)
    return LogLocator(subs=(1, 2, 5) if ratio < 50 else (1,), numticks=6)


def _legend(means: pd.DataFrame, held_out: str) -> list:
    handles = [
        Line2D([], [], color=GREY, label="training"),
        Line2D([], [], color=GREY, ls=DASHES, label=HELD_OUT[held_out]),
    ]
    if means["train_loss_low"].notna().any():
        handles.append(Patch(color=GREY, **BAND, label="95 % t interval"))
    return handles
