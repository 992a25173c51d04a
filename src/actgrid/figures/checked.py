"""The graph of one activation and of its derivative, large."""

import pandas as pd
from matplotlib.figure import Figure

from actgrid.figures import graphs, style


@style.styled
def sheet(points: pd.DataFrame, name: str, family: str) -> Figure:
    """f (solid) and f' (dashed) over all points, uncut. points: x, f, df, piece."""
    figure = Figure(figsize=(4.2, 3.0), layout="constrained")
    ax = graphs.draw(points.assign(family=family), figure.subplots())
    ax.set(title=name, xlabel="x", ylabel="f(x), dashed f'(x)")
    return figure
