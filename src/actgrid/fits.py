"""How alike two functions are when only their form counts: affine fits and what they leave over.

A learned activation stands between a BatchNorm, whose scale and shift can undo any affine map of x,
and a linear layer, which can undo one of y; both may be reflections. Activations that such maps
turn into one another do the same in a network, so f(x) is compared with c g(a x + b) + d at the
best a, b, c, d.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.ndimage import minimum_filter
from scipy.optimize import minimize
from scipy.special import ndtr

SHARE = 0.99  # of the pre-activations: the middle ones, where a function is looked at
POINTS = 200  # of a sample, all equally probable: their plain mean is weighted by density
STARTS = 3  # hollows of a grid that are looked into
FLAT = 1e-9  # a function that varies by no more than this share of its size is a constant


class Sample(NamedTuple):
    """A function where its network uses it: x, f, df (POINTS,) at equally probable x.

    low, high: the range that holds SHARE of the pre-activations. curve: x, f, df (3, points) of the
    whole graph.
    """

    x: np.ndarray
    f: np.ndarray
    df: np.ndarray
    low: float
    high: float
    curve: np.ndarray

    def has_shape(self) -> bool:
        """Whether the graph is finite, and f no constant where the network uses it."""
        if not np.isfinite(self.curve).all():
            return False
        return bool(np.ptp(self.f) > FLAT * np.abs(self.f).max())  # False where x is NaN


class Form(NamedTuple):
    """A function g to be fitted as g(size * (z - place)), z from -1 at low to 1 at high.

    sizes, places: even grids of where to look; the best fit lies within them. mirrored: g(-x) is no
    c g(x) + d, so that negative sizes are tried as well.
    """

    function: Callable[[np.ndarray], np.ndarray]
    sizes: np.ndarray
    places: np.ndarray
    mirrored: bool = False


class Fit(NamedTuple):
    """f(x) ~ c g(a x + b) + d and the distance that is left, 0 (equal) to 1 (no help)."""

    distance: float
    a: float
    b: float
    c: float
    d: float


# The kink, turn or bend stays in sight, and neither so wide that every function is a line nor so
# narrow that softplus and GELU are ReLU; where a factor in x is one in y, a single size does.
ANY_SIZE, ONE_SIZE = np.geomspace(0.5, 20, 12), np.ones(1)
IN_SIGHT, MIDDLE = np.linspace(-1, 1, 25), np.zeros(1)
# of another run's function: the two ranges laid upon one another, then stretched and shifted a bit
NEAR_SIZE, NEAR_PLACE = np.geomspace(0.5, 2, 9), np.linspace(-0.4, 0.4, 13)

# One of each form: line, kink, V, parabola, S, soft kink, soft kink with a dip, bump. The sigmoid
# is tanh by an affine map, SiLU is GELU to a distance of 0.01, and so is leaky ReLU (0.01) ReLU.
STANDARD = {
    "identity": Form(np.positive, ONE_SIZE, MIDDLE),
    "relu": Form(lambda x: np.maximum(x, 0), ONE_SIZE, IN_SIGHT, mirrored=True),
    "absolute": Form(np.abs, ONE_SIZE, IN_SIGHT),
    "square": Form(np.square, ONE_SIZE, IN_SIGHT),
    "tanh": Form(np.tanh, ANY_SIZE, IN_SIGHT),
    "softplus": Form(lambda x: np.logaddexp(0, x), ANY_SIZE, IN_SIGHT, mirrored=True),
    "gelu": Form(lambda x: x * ndtr(x), ANY_SIZE, IN_SIGHT, mirrored=True),
    "gaussian": Form(lambda x: np.exp(-np.square(x)), ANY_SIZE, IN_SIGHT),
}


def sample(graph: pd.DataFrame, preactivations: pd.DataFrame) -> Sample:
    """The function of graph.csv (x, f, df) at equally probable values of preactivations.csv.

    preactivations: quantile, all. Raises ValueError when the graph does not cover the range.
    """
    shares, values = preactivations["quantile"], preactivations["all"]
    tail = (1 - SHARE) / 2
    low, high = np.interp([tail, 1 - tail], shares, values)
    x = np.interp(tail + SHARE * (np.arange(POINTS) + 0.5) / POINTS, shares, values)
    curve = graph[["x", "f", "df"]].to_numpy(float).T
    if low < curve[0, 0] or high > curve[0, -1]:
        raise ValueError(
            f"the graph spans x = {curve[0, 0]:g} to {curve[0, -1]:g}, but {SHARE:.0%} of the "
            f"pre-activations lie in {low:g} to {high:g}: graph.csv must reach as far"
        )
    f, df = (np.interp(x, curve[0], row) for row in curve[1:])
    return Sample(x, f, df, float(low), float(high), curve)


def fit(sample: Sample, form: Form) -> Fit:
    """The best c g(a x + b) + d: c and d by least squares, a and b by a grid and Nelder-Mead.

    distance = sqrt(mean squared residual) / SD of f, both weighted by the density of the
    pre-activations. All NaN for a function without a shape.
    """
    if not sample.has_shape():
        return Fit(*[np.nan] * 5)
    signs = (1, -1) if form.mirrored else (1,)
    fits = [_fit(sample, form._replace(sizes=sign * form.sizes)) for sign in signs]
    return min(fits, key=lambda found: found.distance)


def standard(sample: Sample) -> dict[str, Fit]:
    """The best fit of each standard function."""
    return {name: fit(sample, form) for name, form in STANDARD.items()}


def distance(first: Sample, second: Sample) -> float:
    """0 (equal up to affine maps of x and y) to 1: mean of both fits, of second to first and back.

    NaN when either has no shape.
    """
    if not (first.has_shape() and second.has_shape()):
        return np.nan
    return (fit(first, _as_form(second)).distance + fit(second, _as_form(first)).distance) / 2


def _as_form(sample: Sample) -> Form:
    """The function over z, continued by a straight line at each end of its graph."""
    middle, half = _middle_and_half(sample)
    x, f, df = sample.curve
    outwards = np.array([x[0] - x[-1], x[-1] - x[0]])
    left, right = f[[0, -1]] + df[[0, -1]] * outwards
    z = (np.r_[x[0] + outwards[0], x, x[-1] + outwards[1]] - middle) / half
    values = np.r_[left, f, right]
    return Form(lambda at: np.interp(at, z, values), NEAR_SIZE, NEAR_PLACE, mirrored=True)


def _fit(sample: Sample, form: Form) -> Fit:
    """With sizes of one sign."""
    middle, half = _middle_and_half(sample)
    z, f = (sample.x - middle) / half, (sample.f - sample.f.mean()) / sample.f.std()
    size, place = _best(z, f, form)
    a, b = size / half, -size * (middle / half + place)
    values = form.function(a * sample.x + b)
    c, left = _regress(values, f)
    c = float(c) * sample.f.std()
    d = sample.f.mean() - c * values.mean()
    return Fit(float(left), float(a), float(b), float(c), float(d))


def _best(z: np.ndarray, f: np.ndarray, form: Form) -> tuple[float, float]:
    """Size and place of the closest fit: the hollows of the grid, the deepest refined.

    The refinement counts in steps of the grids, at whose ends np.interp holds it.
    """

    def size_and_place(steps):
        grids = zip(steps, (form.sizes, form.places), strict=True)
        return [np.interp(step, np.arange(len(grid)), grid) for step, grid in grids]

    def left_over(steps):
        size, place = size_and_place(steps)
        return _regress(form.function(size * (z - place)), f)[1]

    tried = form.function(form.sizes[:, None, None] * (z - form.places[:, None]))
    table = _regress(tried, f)[1]
    hollows = np.argwhere(table == minimum_filter(table, 3, mode="nearest"))
    starts = sorted(hollows.tolist(), key=lambda steps: table[*steps])[:STARTS]
    refined = [_descend(left_over, np.array(start), table.shape) for start in starts]
    return size_and_place(min(refined, key=lambda found: found.fun).x)


def _descend(function, start: np.ndarray, shape: tuple[int, int]):
    """Nelder-Mead from one step of the grid along each axis, away from its end."""
    steps = np.diag(np.where(start + 1 < shape, 1.0, -1.0))
    simplex = start + np.vstack([np.zeros(2), steps])
    options = {"initial_simplex": simplex, "xatol": 1e-3, "fatol": 1e-6}
    return minimize(function, start, method="Nelder-Mead", options=options)


def _regress(values: np.ndarray, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least-squares factor of values for f, which has mean 0 and SD 1, and RMS of what is left.

    Shape: values (*, POINTS), f (POINTS,) -> (*), (*).
    """
    centred = values - values.mean(-1, keepdims=True)
    power = np.square(centred).sum(-1) / f.size
    product = centred @ f / f.size
    factor = product / np.where(power > 0, power, np.inf)
    return factor, np.sqrt(np.maximum(1 - factor * product, 0))


def _middle_and_half(sample: Sample) -> tuple[float, float]:
    return (sample.low + sample.high) / 2, (sample.high - sample.low) / 2
