"""Final scores of one network, the best on top: dots and intervals on an enlarged axis."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from actgrid.figures import compared, style

LABELS = {"test_auc": "test ROC AUC", "test_accuracy": "test accuracy"}
BASELINE = {"color": "black", "lw": 0.7, "ls": (0, (4, 2))}
BOX = {"fc": "white", "ec": "none", "pad": 0.6}
DOT = {"s": 4, "c": "white", "ec": "black", "lw": 0.4}  # one seed


@style.styled
def sorted_dots(
    final: pd.DataFrame, seeds: pd.DataFrame, families: Mapping[str, str], baseline: str
) -> Figure:
    """A row an activation, the best mean on top: mean, interval, seeds; a line at the baseline.

    Test ROC AUC where it was measured, else test accuracy. The axis shows the best ones large; what
    lies far below has an arrowhead and its mean in numbers. final: rows of `scores.summarise`;
    seeds: rows of `scores.final_rows`; families: activation -> family, the colours.
    Raises ValueError for several architectures or data sets.
    """
    style.single(final["dataset"], "data set")
    style.single([*final["architecture"], *seeds["architecture"]], "architecture")
    metric = "test_auc" if final["test_auc_mean"].notna().any() else "test_accuracy"
    rows = final.rename(columns=lambda name: name.removeprefix(f"{metric}_"))
    rows = rows.sort_values("mean", ascending=False, kind="stable")
    if rows["mean"].isna().all():
        return style.message("no run ended well")
    handles = _legend(rows, families, baseline)
    room = 0.5 + compared.legend_room(handles)
    height = compared.row_height(len(rows), room)
    size = (style.WIDTH, room + height * len(rows))
    figure = Figure(figsize=size, layout="constrained")
    ax = draw(rows, seeds.rename(columns={metric: "score"}), families, figure.subplots())
    compared.set_rows(ax, list(rows["activation"]), len(rows), height)
    for value in rows.loc[rows["activation"] == baseline, "mean"].dropna():
        ax.axvline(value, **BASELINE, zorder=1)
    ax.set_xlabel(f"{LABELS[metric]} after the last epoch", fontsize=7)
    compared.legend(figure, handles)
    return figure


def draw(rows: pd.DataFrame, seeds: pd.DataFrame, families: Mapping[str, str], ax: Axes) -> Axes:
    """The rows, from the top, without names. rows: activation, mean, low, high, n, failures."""
    limits = compared.near_best(seeds["score"])
    colours = [style.family_colour(families[name]) for name in rows["activation"]]
    near = (rows["mean"] >= limits[0]).to_list()
    compared.whiskers(rows, "mean", colours, limits, ax)
    places = {name: place for place, name in enumerate(rows["activation"])}
    heights = seeds["activation"].map(places) + _spread(seeds)
    ax.scatter(seeds["score"], heights, zorder=4, **DOT)
    ax.set_xlim(limits)
    for place, (_, row) in enumerate(rows.iterrows()):
        _note(row, place, near[place], ax)
    ax.grid(axis="y", color="0.9", lw=0.4)
    ax.set_axisbelow(True)
    return ax


def _spread(seeds: pd.DataFrame) -> pd.Series:
    """A small vertical offset per seed, so that equal scores stay apart."""
    groups = seeds.groupby("activation", sort=False)["seed"]
    return 0.5 * ((groups.cumcount() + 0.5) / groups.transform("size") - 0.5)


def _note(row: pd.Series, place: int, is_shown: bool, ax: Axes) -> None:
    """Beside the left edge: how many runs diverged, and a mean that lies off the axis."""
    notes = [] if is_shown or row["n"] == 0 else [f"{row['mean']:.3f}"]
    if row["failures"]:
        notes.append(f"{row['failures']} of {row['n'] + row['failures']} runs diverged")
    colour = style.WARNING_COLOUR if row["failures"] else "black"
    look = {"fontsize": 6, "va": "center", "transform": ax.get_yaxis_transform(), "zorder": 5}
    if notes:
        ax.text(0.012, place, ", ".join(notes), color=colour, bbox=BOX, **look)


def _legend(rows: pd.DataFrame, families: Mapping[str, str], baseline: str) -> list:
    dot = {"marker": "o", "ls": "", "ms": 2, "mfc": "white", "mec": "black", "mew": 0.4}
    handles = [
        Line2D([], [], marker="|", color="black", ls="", ms=5, mew=1.4, label="mean"),
        Line2D([], [], label="one seed", **dot),
    ]
    if (rows["n"] > 1).any():
        handles.append(Line2D([], [], color="black", lw=0.9, label="95 % t interval"))
    if baseline in set(rows.loc[rows["n"] > 0, "activation"]):
        handles.append(Line2D([], [], label=baseline, **BASELINE))
    names = compared.by_family(rows["activation"], families)
    return handles + compared.family_legend(names, families)
