"""The shape of a learned activation in numbers: extrema, slopes, ends, and what it resembles.

Only what affine maps of x and y (reflections too) leave alone says something about a function: see
`fits`. Marked "not kept" is what such maps change, be it only by exchanging left and right.
"""

import numpy as np
import pandas as pd
from scipy.signal import find_peaks

from actgrid import fits

PROMINENCE = 0.02  # of f's range: what an extremum must rise above both of its sides to count
TAIL = 0.025  # of the width, at each side: where the ends are looked at
STEPS = 1000  # of the range, on which extrema are found; of a tail, TAIL as many
ROUNDING = 1e-9  # of f's range
TIE = 4  # decimals of a distance; to these, equally near standard functions are told apart by order
MEASURES = (
    *("monotone", "extrema", "places", "main_x", "main_kind", "central_offset"),
    *("slope_left", "slope_right", "asymmetry", "level_difference"),
    *(
        f"{where}_{what}_{side}"
        for where in ("end", "graph")
        for side in ("left", "right")
        for what in ("slope", "curvature")
    ),
    *("nearest", "nearest_distance", "a", "b", "c", "d"),
    *(f"distance_{name}" for name in fits.STANDARD),
)


def measure(graph: pd.DataFrame, preactivations: pd.DataFrame) -> dict:
    """The measures of one run, from its graph.csv and preactivations.csv.

    All within low to high, the range of the middle 99 % of the pre-activations; means are weighted
    by their density; slopes are absolute.
    - low, high, centre, scale: that range, mean and SD of the pre-activations in it (not kept)
    - monotone: no step back but for rounding
    - extrema: how many have a prominence of 2 % of f's range; places: "-0.31 max; 1.2 min" or ""
    - main_x, main_kind: the extremum nearest x = 0, else NaN and "" (not kept)
    - central_offset: of the extremum nearest `centre`, its distance from there / scale
    - slope_left, slope_right: mean slopes left and right of main_x, or of 0 (not kept)
    - asymmetry: the larger of them / the smaller
    - level_difference: of f in the two tails, the outer 2.5 % of the range / f's range
    - end_slope_left, _right: mean slope in the tails of the range / largest slope in the range;
      graph_slope_left, _right: the same in the outer 2.5 % of the graph
    - end_curvature_left, _right, graph_curvature_left, _right: there, mean |f''| * (high - low) /
      largest slope
    - nearest, nearest_distance, a, b, c, d: the standard function nearest after the best affine
      fit, f(x) ~ c g(a x + b) + d; the simpler of equally near ones
    - distance_{name}: to each standard function; the run's own base is among them
    A function that is constant there, or not finite, has no shape: all after `scale` is NaN.
    Raises ValueError when the graph does not cover the range.
    """
    sample = fits.sample(graph, preactivations)
    centre, scale = float(sample.x.mean()), float(sample.x.std())
    row = {"low": sample.low, "high": sample.high, "centre": centre, "scale": scale}
    if not sample.has_shape():
        return row | dict.fromkeys(MEASURES, np.nan)
    found = extrema(sample)
    row |= _extrema(sample, found, centre, scale)
    main = row["main_x"] if found else 0.0
    return row | _slopes(sample, main) | _ends(sample) | _nearest(sample)


def extrema(sample: fits.Sample) -> list[tuple[float, str]]:
    """(x, "max" or "min") of the prominent local extrema inside the range, from left to right.

    A plateau counts once, in its middle. x is exact to a thousandth of the range.
    """
    x, f = _dense(sample)
    found = []
    for sign, kind in ((1, "max"), (-1, "min")):
        places, _ = find_peaks(sign * f, prominence=PROMINENCE * np.ptp(f))
        found += [(float(x[place]), kind) for place in places]
    return sorted(found)


def _extrema(sample, found, centre, scale) -> dict:
    _, f = _dense(sample)
    steps, noise = np.diff(f), ROUNDING * np.ptp(f)
    main_x, main_kind = min(found, key=lambda e: abs(e[0]), default=(np.nan, ""))
    offsets = [abs(x - centre) / scale for x, _ in found]
    return {
        "monotone": bool((steps >= -noise).all() or (steps <= noise).all()),
        "extrema": len(found),
        "places": "; ".join(f"{x:.4g} {kind}" for x, kind in found),
        "main_x": main_x,
        "main_kind": main_kind,
        "central_offset": min(offsets, default=np.nan),
    }


def _slopes(sample, main: float) -> dict:
    """Of the sides of x = main; a side without pre-activations has no slope."""
    slopes = np.abs(sample.df)
    sides = slopes[sample.x < main], slopes[sample.x > main]
    left, right = (float(side.mean()) if len(side) else np.nan for side in sides)
    with np.errstate(divide="ignore"):  # a flat side: infinite
        asymmetry = np.maximum(left, right) / np.minimum(left, right)
    return {"slope_left": left, "slope_right": right, "asymmetry": float(asymmetry)}


def _ends(sample) -> dict:
    x, f = _dense(sample)
    steepest = np.abs(np.interp(x, sample.curve[0], sample.curve[2])).max()
    spans = {"end": (sample.low, sample.high), "graph": (sample.curve[0, 0], sample.curve[0, -1])}
    row, levels = {}, []
    for name, (low, high) in spans.items():
        width = TAIL * (high - low)
        for side, start in (("left", low), ("right", high - width)):
            level, slope, curvature = _tail(sample, start, start + width)
            levels.append(level)
            row[f"{name}_slope_{side}"] = slope / steepest
            row[f"{name}_curvature_{side}"] = curvature * (sample.high - sample.low) / steepest
    return {"level_difference": float(abs(levels[0] - levels[1]) / np.ptp(f))} | row


def _tail(sample, low: float, high: float) -> tuple[float, float, float]:
    """Mean f, absolute mean slope and mean |f''| from low to high."""
    x = np.linspace(low, high, round(TAIL * STEPS) + 1)
    f, df = (np.interp(x, sample.curve[0], row) for row in sample.curve[1:])
    slope = abs(f[-1] - f[0]) / (high - low)
    return float(f.mean()), float(slope), float(np.abs(np.diff(df)).sum() / (high - low))


def _nearest(sample) -> dict:
    found = fits.standard(sample)
    nearest = min(found, key=lambda name: round(found[name].distance, TIE))
    best = found[nearest]._asdict()
    best = {"nearest": nearest, "nearest_distance": best.pop("distance")} | best
    return best | {f"distance_{name}": one.distance for name, one in found.items()}


def _dense(sample) -> tuple[np.ndarray, np.ndarray]:
    """x and f at even steps of the range."""
    x = np.linspace(sample.low, sample.high, STEPS + 1)
    return x, np.interp(x, sample.curve[0], sample.curve[1])
