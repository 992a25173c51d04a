"""The critical-difference diagram: mean ranks, and which activations cannot be told apart."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from actgrid.figures import style

STEP = 0.17  # inches: a line of names
BAR = 0.6  # of a line: a bar over activations that cannot be told apart
EDGE = 0.7  # the rank where the line begins
NONE = "no two of the activations named for the diagram were trained in the same networks"


@style.styled
def critical_difference(pairs: pd.DataFrame, families: Mapping[str, str]) -> Figure:
    """Mean ranks on a line, 1 the best; a bar joins activations of which no two are told apart.

    pairs: a row per two activations: a, b, rank_a, rank_b, cells, smallest_p (that so many cells
    allow), apart. families: activation -> family, the colours.
    """
    if pairs.empty:
        return style.message(NONE)
    ranks, groups = mean_ranks(pairs), alike(pairs)
    lines = BAR * (len(groups) + 1) + (len(ranks) + 1) // 2
    size = (style.WIDTH, 0.6 + STEP * lines)
    figure = Figure(figsize=size, layout="constrained")
    ax = draw(ranks, groups, families, figure.subplots())
    first = pairs.iloc[0]
    cells = f"{first['cells']} network{'s' if first['cells'] > 1 else ''}"
    ax.set_xlabel(f"mean rank over {cells}; the smallest possible p is {first['smallest_p']:.2g}")
    return figure


def draw(
    ranks: Mapping[str, float], groups: list[list[str]], families: Mapping[str, str], ax: Axes
) -> Axes:
    """The diagram: names of the better half on the left, of the others on the right."""
    count, bars = len(ranks), BAR * (len(groups) + 1)
    half = (count + 1) // 2
    for place, (name, rank) in enumerate(ranks.items()):
        on_left = place < half
        depth = bars + 0.2 + (place if on_left else count - 1 - place)
        edge = EDGE if on_left else count + 1 - EDGE
        ax.plot([rank, rank, edge], [0, depth, depth], color=style.family_colour(families[name]))
        beside = {"xytext": (-3 if on_left else 3, 0), "textcoords": "offset points"}
        beside |= {"ha": "right" if on_left else "left", "va": "center", "fontsize": 7}
        ax.annotate(f"{name} {rank:.2f}", (edge, depth), **beside)
    for place, group in enumerate(groups, start=1):
        ends = [ranks[group[0]] - 0.06, ranks[group[-1]] + 0.06]
        ax.plot(ends, [BAR * place] * 2, color="black", lw=2.2, solid_capstyle="butt")
    ax.set(xlim=(EDGE, count + 1 - EDGE), ylim=(bars + half - 0.3, 0))
    ax.set(xticks=range(1, count + 1), yticks=[])
    ax.xaxis.set_label_position("top")
    ax.xaxis.tick_top()
    ax.spines[["left", "bottom"]].set_visible(False)
    ax.spines["top"].set_visible(True)
    return ax


def mean_ranks(pairs: pd.DataFrame) -> dict[str, float]:
    """activation -> mean rank, the best first; equal ranks in the order of `pairs`."""
    ranks = {}
    for end in ("a", "b"):
        ranks |= dict(zip(pairs[end], pairs[f"rank_{end}"], strict=True))
    return dict(sorted(ranks.items(), key=lambda item: item[1]))


def alike(pairs: pd.DataFrame) -> list[list[str]]:
    """The longest runs of neighbours in rank of which no two are apart, from the best on."""
    names = list(mean_ranks(pairs))
    told = pairs[pairs["apart"].astype(bool)]
    apart = {frozenset(pair) for pair in zip(told["a"], told["b"], strict=True)}
    groups = []
    for start, name in enumerate(names):
        group = [name]
        for other in names[start + 1 :]:
            if any(frozenset((member, other)) in apart for member in group):
                break
            group.append(other)
        groups.append(group)
    ends = [None, *(group[-1] for group in groups)]  # a group within the one before ends with it
    return [g for g, end in zip(groups, ends, strict=False) if len(g) > 1 and g[-1] != end]
