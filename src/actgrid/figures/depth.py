"""Activations in shallow and deep networks: dead and saturated units over epochs, accuracy."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter

from actgrid.figures import style

SHARES = {"dead": "dead units", "saturated": "saturated activations"}
TICKS = (0, 0.01, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1)
MARKERS = "os^Dv<>pPX"  # of an activation; of a network
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))  # within a family
NETWORKS = {  # in the legend
    "mlp_512_256_256_128": "mlp_512_256_256_128: 5 linear layers",
    "mlp_deep": "mlp_deep: 12 linear layers",
    "mlp_deep_he": "mlp_deep_he: 12 linear layers, He's start",
}
ENLARGED = 0.08  # accuracy below the best mean, from where on a panel enlarges
ROW = 0.36  # inches: an activation
DOT = {"s": 3.5, "c": "white", "ec": "black", "lw": 0.4}  # one seed


@style.styled
def units(shares: pd.DataFrame, families: Mapping[str, str]) -> Figure:
    """Shares of dead units and of saturated activations over epochs; a column a network.

    The scale goes by square roots, so that a few per cent are seen beside a half.
    shares: rows of `flow.over_layers` of one data set; families: activation -> family, the colours.
    Activations without a good run have no row and no line. Raises ValueError for several data sets.
    """
    if shares.empty:
        return style.message("no run with diagnostics: nothing to draw")
    style.single(shares["dataset"], "data set")
    looks = _looks(list(dict.fromkeys(shares["activation"])), families)
    networks = dict(list(shares.groupby("architecture", sort=False)))
    figure, axes = _unit_panels(len(networks))
    cells = [(share, network) for share in SHARES for network in networks]
    for ax, (share, network) in zip(axes, cells, strict=True):
        draw_units(networks[network], share, looks, ax)
        ax.set_title(network if ax in axes[: len(networks)] else "")
    style.label_outer(axes, "epoch", "")
    for ax, label in zip(axes[:: len(networks)], SHARES.values(), strict=True):
        ax.set_ylabel(label)
    _scale_shares(axes[0], shares[list(SHARES)].max().max())
    axes[0].xaxis.set_major_locator(FixedLocator(sorted(set(shares["epoch"])), nbins=6))
    handles = [Line2D([], [], label=name, **look) for name, look in looks.items()]
    figure.legend(handles=handles, loc="lower center", ncols=5, handlelength=3.2)
    return figure


def draw_units(rows: pd.DataFrame, share: str, looks: dict[str, dict], ax: Axes) -> Axes:
    """One panel of `units`: `dead` or `saturated` in one network, a line an activation."""
    step = 1 + rows["epoch"].nunique() // 6  # fewer markers than points, at other epochs a line
    for name, line in rows.groupby("activation", sort=False):
        every = (list(looks).index(name) % step, step)
        ax.plot(line["epoch"], line[share], markevery=every, clip_on=False, **looks[name])
    return ax


@style.styled
def depth(final: pd.DataFrame, seeds: pd.DataFrame, families: Mapping[str, str]) -> Figure:
    """Test accuracy of every activation in every network on one data set: mean, interval, seeds.

    A row an activation, in the order of `final`, in it a marker a network. The right panel enlarges
    the best results; what is worse by more than ENLARGED is in the left one alone.
    final: rows of `scores.summarise`; seeds: rows of `scores.final_rows`, the dots; families:
    activation -> family, the colours. Raises ValueError for several data sets.
    """
    style.single(final["dataset"], "data set")
    names = list(dict.fromkeys(final["activation"]))
    height = 1.0 + ROW * len(names) + 0.15 * final["architecture"].nunique()
    figure = Figure(figsize=(style.WIDTH, min(height, style.MAX_HEIGHT)), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for ax in (left, right):
        draw_depth(final, seeds, families, ax)
    _say_failures(final, _places(final), left)
    best = final["test_accuracy_mean"].max()
    left.set(xlim=(0, 1), xlabel="test accuracy")
    if best > 0:  # not without a good run
        right.set_xlim(best - ENLARGED, best + 0.02)
    right.set_xlabel("test accuracy, enlarged")
    figure.legend(handles=_depth_legend(final), loc="outside lower center", ncols=2)
    return figure


def draw_depth(
    final: pd.DataFrame, seeds: pd.DataFrame, families: Mapping[str, str], ax: Axes
) -> Axes:
    """One panel of `depth`, without limits and legend."""
    places, markers = _places(final), _markers(final)
    for _, cell in final[final["n"] > 0].iterrows():
        name, network, mean = cell[["activation", "architecture", "test_accuracy_mean"]]
        ends = [[mean - cell["test_accuracy_low"]], [cell["test_accuracy_high"] - mean]]
        look = {"marker": markers[network], "ms": 4.5, "mec": "white", "mew": 0.4}
        look |= {"color": style.family_colour(families[name]), "elinewidth": 0.8}
        ax.errorbar([mean], [places[name, network]], xerr=ends, **look)
    cells = zip(seeds["activation"], seeds["architecture"], strict=True)
    heights = [places[cell] for cell in cells]
    ax.scatter(seeds["test_accuracy"], heights, zorder=4, **DOT)
    names = list(dict.fromkeys(final["activation"]))
    for place in range(1, len(names)):
        ax.axhline(place - 0.5, color="0.88", lw=0.5, zorder=0)
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(names) - 0.5, -0.5)
    return ax


def _unit_panels(networks: int) -> tuple[Figure, list[Axes]]:
    """A row a share, a column a network, in a figure of the text's width."""
    width = min(1.75, 5.55 / networks - 0.12)
    right = style.WIDTH - 0.65 - networks * (width + 0.12) + 0.12
    return style.grid(
        len(SHARES) * networks,
        columns=networks,
        panel=(width, 1.4),
        gaps=(0.12, 0.15),
        margins=(0.65, right, 0.95, 0.25),
    )


def _looks(names: list[str], families: Mapping[str, str]) -> dict[str, dict]:
    """Each activation's line: its family's colour, dashes within the family, its own marker."""
    looks = {}
    for index, name in enumerate(names):
        before = sum(families[other] == families[name] for other in names[:index])
        looks[name] = {
            "color": style.family_colour(families[name]),
            "ls": DASHES[before % len(DASHES)],
            "marker": MARKERS[index % len(MARKERS)],
            **{"lw": 0.9, "ms": 3.5, "mec": "white", "mew": 0.3},
        }
    return looks


def _scale_shares(ax: Axes, highest: float) -> None:
    """From 0 to the highest share, by square roots; for all panels, which share this axis."""
    ax.set_yscale("function", functions=(_signed_root, lambda root: root * abs(root)))
    ax.set_ylim(0, max(1.1 * highest, 0.01))
    ax.yaxis.set_major_locator(FixedLocator(TICKS))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _signed_root(share):
    return np.sign(share) * np.sqrt(np.abs(share))


def _markers(final: pd.DataFrame) -> dict[str, str]:
    return dict(zip(dict.fromkeys(final["architecture"]), MARKERS, strict=False))


def _places(final: pd.DataFrame) -> dict[tuple[str, str], float]:
    """(activation, architecture) -> height: rows are one apart, the networks within them."""
    networks = list(dict.fromkeys(final["architecture"]))
    shifts = [0.7 * ((i + 0.5) / len(networks) - 0.5) for i in range(len(networks))]
    return {
        (name, network): row + shift
        for row, name in enumerate(dict.fromkeys(final["activation"]))
        for network, shift in zip(networks, shifts, strict=True)
    }


def _say_failures(final: pd.DataFrame, places: dict, ax: Axes) -> None:
    for _, cell in final[final["failures"] > 0].iterrows():
        note = f"{cell['failures']} of {cell['n'] + cell['failures']} runs diverged"
        place = places[cell["activation"], cell["architecture"]]
        look = {"color": style.WARNING_COLOUR, "fontsize": 6, "va": "center"}
        ax.text(0.01, place, f"{cell['architecture']}: {note}", **look)


def _depth_legend(final: pd.DataFrame) -> list[Line2D]:
    look = {"color": "0.3", "ls": "", "ms": 4.5, "mec": "white", "mew": 0.4}
    handles = [
        Line2D([], [], marker=marker, label=NETWORKS.get(name, name), **look)
        for name, marker in _markers(final).items()
    ]
    dot = {"marker": "o", "ls": "", "ms": 2, "mfc": "white", "mec": "black", "mew": 0.4}
    handles.append(Line2D([], [], label="one seed", **dot))
    if final["n"].max() > 1:
        handles.append(Line2D([], [], color="0.3", lw=0.8, label="95 % t interval"))
    return handles
