"""Our training against a published log of it, epoch by epoch."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator, StrMethodFormatter

from actgrid.figures import style

ROWS = ("accuracy", "loss")
PARTS = {"train": "training", "valid": "validation"}
DASHES = {"train": "-", "valid": (0, (3, 1.2))}
FED, NORMALISED = "mnist_float_bytes", "mnist"  # the images as published, and as they were meant
LABELS = {FED: "fed as published", NORMALISED: "fed as meant"}
COLOURS = {FED: style.FAMILY_COLOURS["slope"], NORMALISED: style.FAMILY_COLOURS["offset"]}
DOT = {"color": "black", "ls": "", "marker": "o", "ms": 3, "mew": 0.6}
FACES = {"train": "black", "valid": "white"}
EPOCHS = (1, 2, 5, 10, 25, 50, 100, 250, 500)  # ticks
LINE = 0.15  # inches: a line of the legend


@style.styled
def published_log(cells: pd.DataFrame) -> Figure:
    """Lines: ours, mean over seeds, with the interval as a band; dots: the published log.

    cells: rows of `published_log.against_log`: dataset, activation, epoch, metric, ours_mean,
    ours_low, ours_high, published (empty where nothing is). A column per activation with something
    published, accuracy above loss; epochs on a log scale: most happens in the first ones.
    """
    names = list(dict.fromkeys(cells.loc[cells["published"].notna(), "activation"]))
    if not names:
        return style.message("no activation has a published log")
    shown, handles = cells[cells["activation"].isin(names)], _legend()
    abreast = min(len(names), 3)
    figure, axes = style.grid(
        len(ROWS) * len(names),
        columns=len(names),
        panel=(min(1.75, 5.85 / len(names) - 0.2), 1.6),
        gaps=(0.2, 0.15),
        margins=(0.5, 0.12, 0.5 + LINE * -(-len(handles) // abreast), 0.25),
        share=False,
    )
    panels = [(row, name) for row in ROWS for name in names]
    for ax, (row, name) in zip(axes, panels, strict=True):
        draw(shown[shown["activation"] == name], row, ax)
        _frame(shown, row, ax)
        ax.set(xlabel="epoch", ylabel=row)
        ax.label_outer()
    for ax, name in zip(axes, names, strict=False):
        ax.set_title(name, loc="left")
    figure.legend(handles=handles, loc="lower center", ncols=abreast)
    return figure


def draw(cells: pd.DataFrame, row: str, ax: Axes) -> Axes:
    """One panel: accuracy or loss of one activation, of both data sets, and the published dots."""
    for part, dashes in DASHES.items():
        of_part = cells[cells["metric"] == f"{part}_{row}"]
        for dataset in (NORMALISED, FED):  # the second on top
            ours, colour = of_part[of_part["dataset"] == dataset], COLOURS[dataset]
            low, high = ours["ours_low"], ours["ours_high"]
            ax.fill_between(ours["epoch"], low, high, color=colour, alpha=0.18, lw=0)
            ax.plot(ours["epoch"], ours["ours_mean"], color=colour, ls=dashes)
        dots = of_part[of_part["published"].notna()]
        ax.plot(dots["epoch"], dots["published"], **DOT, mfc=FACES[part], zorder=3)
    return ax


def _frame(cells: pd.DataFrame, row: str, ax: Axes) -> None:
    """Limits and ticks that the panels of a row have in common; bands beyond them are cut."""
    losses = cells.loc[cells["metric"].str.endswith("loss"), ["ours_mean", "published"]]
    top = 1.0 if row == "accuracy" else 1.05 * losses.max(axis=None)
    ax.set_xscale("log")
    ax.set(xlim=(0.9, 1.1 * cells["epoch"].max()), ylim=(0, top))
    ax.xaxis.set_major_locator(FixedLocator(EPOCHS))
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.xaxis.set_minor_locator(NullLocator())


def _legend() -> list[Line2D]:
    lines = {
        dataset: [
            Line2D([], [], color=COLOURS[dataset], ls=dashes, label=f"{label}, {PARTS[part]}")
            for part, dashes in DASHES.items()
        ]
        for dataset, label in LABELS.items()
    }
    dots = [Line2D([], [], **DOT, mfc=FACES[p], label=f"published log, {PARTS[p]}") for p in PARTS]
    return [*lines[FED], *dots, *lines[NORMALISED]]
