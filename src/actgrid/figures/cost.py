"""What an activation costs against what it brings: accuracy over time, with the Pareto front."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, MaxNLocator, NullLocator, StrMethodFormatter

from actgrid.figures import compared, style

NETWORK = ["dataset", "architecture"]
COST = ["activation", "shape", "forward_backward"]
SCORE = ["test_accuracy_mean", "test_accuracy_low", "test_accuracy_high"]
FEWEST = 5  # activations in a panel
STEPS = (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)  # ticks of the cost
FRONT = {"color": "black", "lw": 0.7, "drawstyle": "steps-post", "zorder": 2}
GAP = 0.085  # of a panel's height: between names
NONE = f"no network has {FEWEST} activations whose cost was measured"


def priced(final: pd.DataFrame, cost: pd.DataFrame) -> pd.DataFrame:
    """A row per activation and network: test accuracy, cost, and whether it is on the front.

    final: rows of `scores.summarise`. cost: activation, shape, elements, forward_backward, the time
    of both passes relative to torch's relu, of which the largest shape counts: on small ones the
    call takes most of the time. front: nothing in the network that costs as little or less is
    better. Only networks with FEWEST activations whose cost is known.
    """
    largest = cost[cost["elements"] == cost["elements"].max()]
    rows = final[final["n"] > 0].merge(largest[COST], on="activation")[[*NETWORK, *COST, *SCORE]]
    rows = rows[rows.groupby(NETWORK)["activation"].transform("size") >= FEWEST]
    order = {"forward_backward": True, SCORE[0]: False}
    rising = rows.sort_values(list(order), ascending=list(order.values()), kind="stable")
    best = rising.groupby(NETWORK)[SCORE[0]].cummax()
    before = best.groupby([rising[name] for name in NETWORK]).shift(fill_value=-np.inf)
    return rows.assign(front=rising[SCORE[0]] > before)


@style.styled
def cost_accuracy(rows: pd.DataFrame, families: Mapping[str, str]) -> Figure:
    """A panel a network: x time relative to torch's relu (log), y mean test accuracy.

    rows: of `priced`. families: activation -> family, the colours. The line is the Pareto front;
    its members are named, and they alone have their interval. What lies far below the others is an
    arrowhead at the lower edge.
    """
    if rows.empty:
        return style.message(NONE)
    panels = dict(list(rows.groupby(NETWORK, sort=False)))
    shape = style.single(rows["shape"], "shape")
    handles = _legend(rows, families)
    figure, axes = style.grid(
        len(panels),
        columns=3,
        panel=(1.53, 1.5),
        gaps=(0.5, 0.5),
        margins=(0.58, 0.12, 0.45 + compared.legend_room(handles), 0.35),
        share=False,
    )
    for ax, (pair, cells) in zip(axes, panels.items(), strict=True):
        draw(cells, families, ax)
        ax.set_title(":\n".join(pair), loc="left", fontsize=7)
    style.label_outer(axes, f"time on {shape}, relu = 1", "test accuracy")
    compared.legend(figure, handles, loc="lower center")
    return figure


def draw(cells: pd.DataFrame, families: Mapping[str, str], ax: Axes) -> Axes:
    """One panel: the activations of one network."""
    low, high = compared.near_best(cells["test_accuracy_mean"])
    far = cells["test_accuracy_mean"] < low
    colours = np.array([style.family_colour(families[name]) for name in cells["activation"]])
    cost, score = cells["forward_backward"], cells["test_accuracy_mean"].clip(low)
    for marker, chosen in (("o", ~far), ("v", far)):
        look = {"s": 13, "lw": 0, "zorder": 3, "clip_on": False}
        ax.scatter(cost[chosen], score[chosen], marker=marker, c=colours[chosen], **look)
    _scale(cost, (low, high), ax)
    _draw_front(cells[cells["front"]].sort_values("forward_backward"), families, ax)
    return ax


def _scale(cost: pd.Series, limits: tuple[float, float], ax: Axes) -> None:
    """A logarithmic axis with room for names on the left; above, room for the highest name."""
    first, last = cost.min(), cost.max()
    width = max(np.log(last / first), np.log(2))
    ax.set_xscale("log")
    ax.set_xlim(first * np.exp(-0.9 * width), last * np.exp(0.08 * width))
    steps = [step for step in STEPS if 0.8 * first <= step <= last]
    ax.xaxis.set_major_locator(FixedLocator(steps[:: 1 + len(steps) // 6]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    ax.set_ylim(limits[0], limits[1] + 0.15 * (limits[1] - limits[0]))
    ax.yaxis.set_major_locator(MaxNLocator(4))


def _draw_front(members: pd.DataFrame, families: Mapping[str, str], ax: Axes) -> None:
    """The line, the intervals, and each member's name on its left, where no point can be."""
    (first, last), (low, high) = ax.get_xlim(), ax.get_ylim()
    x, y = members["forward_backward"], members["test_accuracy_mean"].clip(low)
    ax.plot([*x, last], [*y, y.iloc[-1]], **FRONT)
    colours = [style.lighter(style.family_colour(families[n])) for n in members["activation"]]
    ends = members[SCORE[1:]].clip(low, high)
    ax.vlines(x, *ends.to_numpy().T, color=colours, lw=1.2, zorder=1)
    across = np.log(x / first) / np.log(last / first) - 0.03
    heights = _spread(((y - low) / (high - low)).to_numpy())
    for name, *place in zip(members["activation"], across, heights, strict=True):
        look = {"ha": "right", "va": "center", "fontsize": 5.5}
        ax.text(*place, name, transform=ax.transAxes, **look)


def _spread(heights: np.ndarray) -> np.ndarray:
    """Rising heights in [0, 1], moved up until a gap is between all, or down from the top."""
    gap = min(GAP, 1 / len(heights))
    steps = gap * np.arange(len(heights))
    upward = np.maximum.accumulate(heights - steps) + steps
    return np.minimum(upward, 1 - steps[::-1])


def _legend(rows: pd.DataFrame, families: Mapping[str, str]) -> list:
    handles = [Line2D([], [], color="black", lw=0.7, label="Pareto front")]
    if rows["test_accuracy_low"].notna().any():
        handles.append(Line2D([], [], color="0.5", lw=1.2, label="95 % t interval"))
    names = compared.by_family(rows["activation"], families)
    return handles + compared.family_legend(names, families)
