"""The shape of learned activations in numbers, against functions worked out by hand."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats
from scipy.special import ndtr

from actgrid import fits, shape_claims, shapes

EDGE = stats.norm.ppf(0.995)  # of the middle 99 % of a standard normal distribution
WIDTH = 2 * EDGE


def preactivations(scale=1.0, shift=0.0):
    """Normal pre-activations."""
    shares = np.linspace(0, 1, 1001)
    values = stats.norm.ppf(np.clip(shares, 1e-4, 1 - 1e-4))
    values = np.sort(scale * values + shift)
    return pd.DataFrame({"quantile": shares, "all": values, "layer_1": values})


def graph(f, df=None, reach=10.0):
    x = np.linspace(-reach, reach, 2001)
    return pd.DataFrame({"x": x, "f": f(x), "df": df(x) if df else np.gradient(f(x), x)})


def mapped(points, entering, a=1.0, b=0.0, c=1.0, d=0.0):
    """The same activation seen by a network in which x is a x + b and y is c y + d."""
    new = pd.DataFrame({"x": a * points["x"] + b, "f": c * points["f"] + d})
    new["df"] = points["df"] * c / a
    values = np.sort(a * entering["all"] + b)
    return new.sort_values("x", ignore_index=True), entering.assign(all=values)


def measured(f, df=None, reach=10.0):
    return shapes.measure(graph(f, df, reach), preactivations())


def gelu(x):
    return x * ndtr(x)


def crooked(x):
    """Two extrema, no symmetry, like nothing on the list."""
    return np.tanh(2 * x - 1) + np.exp(-((x + 1) ** 2)) + 0.1 * x


# --- measures of one run ------------------------------------------------------------------------


def test_absolute_value():
    row = measured(np.abs, np.sign)
    assert row["low"] == pytest.approx(-EDGE) and row["high"] == pytest.approx(EDGE)
    assert row["centre"] == pytest.approx(0, abs=1e-12)
    truncated = math.sqrt(1 - 2 * EDGE * stats.norm.pdf(EDGE) / 0.99)  # SD of the middle 99 %
    assert row["scale"] == pytest.approx(truncated, rel=1e-3)
    assert (row["monotone"], row["extrema"], row["main_kind"]) == (False, 1, "min")
    assert row["main_x"] == pytest.approx(0, abs=1e-9) and row["central_offset"] < 1e-9
    slopes = [row["slope_left"], row["slope_right"], row["asymmetry"]]
    assert slopes == pytest.approx([1, 1, 1], abs=5e-3)  # points lie 0.01 apart, one on the kink
    assert row["level_difference"] == pytest.approx(0, abs=1e-12)
    for where in ("end", "graph"):
        for side in ("left", "right"):
            assert row[f"{where}_slope_{side}"] == pytest.approx(1)
            assert row[f"{where}_curvature_{side}"] == 0
    assert row["nearest"] == "absolute" and row["nearest_distance"] < 1e-6


def test_tanh():
    row = measured(np.tanh, lambda x: 1 / np.cosh(x) ** 2)
    assert (row["monotone"], row["extrema"], row["places"]) == (True, 0, "")
    assert math.isnan(row["main_x"]) and row["main_kind"] == ""
    assert math.isnan(row["central_offset"])
    assert row["asymmetry"] == pytest.approx(1)
    tail = 0.025 * WIDTH
    secant = (np.tanh(EDGE) - np.tanh(EDGE - tail)) / tail
    bend = (np.cosh(EDGE - tail) ** -2 - np.cosh(EDGE) ** -2) / tail * WIDTH
    for side in ("left", "right"):
        assert row[f"end_slope_{side}"] == pytest.approx(secant, rel=1e-3)
        assert row[f"end_curvature_{side}"] == pytest.approx(bend, rel=1e-2)
        assert row[f"graph_slope_{side}"] < 1e-7 and row[f"graph_curvature_{side}"] < 1e-6
    assert 0.99 < row["level_difference"] < 1
    assert row["nearest"] == "tanh" and row["nearest_distance"] < 1e-4
    found = [abs(row["a"]), row["b"], abs(row["c"]), row["d"]]
    assert found == pytest.approx([1, 0, 1, 0], abs=1e-3)


def test_shifted_parabola():
    row = measured(lambda x: (x - 0.7) ** 2, lambda x: 2 * (x - 0.7))
    assert row["extrema"] == 1 and row["places"].endswith(" min")
    assert row["main_x"] == pytest.approx(0.7, abs=WIDTH / 1000)
    assert row["central_offset"] == pytest.approx(0.7 / row["scale"], abs=0.01)

    def mean_slope(low, high):
        slope, _ = integrate.quad(lambda x: 2 * abs(x - 0.7) * stats.norm.pdf(x), low, high)
        return slope / (ndtr(high) - ndtr(low))

    left, right = mean_slope(-EDGE, 0.7), mean_slope(0.7, EDGE)
    assert row["slope_left"] == pytest.approx(left, rel=0.01)
    assert row["slope_right"] == pytest.approx(right, rel=0.02)  # 48 points
    assert row["asymmetry"] == pytest.approx(left / right, rel=0.02)
    steepest = 2 * (EDGE + 0.7)
    for side, end in (("left", -EDGE), ("right", EDGE)):
        assert row[f"end_curvature_{side}"] == pytest.approx(2 * WIDTH / steepest)
        inside = end - math.copysign(WIDTH / 80, end)  # the secant's slope is that of its middle
        slope = 2 * abs(inside - 0.7) / steepest
        assert row[f"end_slope_{side}"] == pytest.approx(slope, rel=1e-3)
    assert row["graph_curvature_left"] == pytest.approx(2 * WIDTH / steepest)
    assert row["graph_slope_left"] == pytest.approx(2 * (9.75 + 0.7) / steepest)
    levels = [(inside - 0.7) ** 2 for inside in (-EDGE + WIDTH / 80, EDGE - WIDTH / 80)]
    difference = (levels[0] - levels[1]) / (EDGE + 0.7) ** 2
    assert row["level_difference"] == pytest.approx(difference, rel=1e-3)
    assert row["nearest"] == "square" and row["nearest_distance"] < 1e-4
    assert -row["b"] / row["a"] == pytest.approx(0.7, abs=1e-3)
    assert row["c"] * row["a"] ** 2 == pytest.approx(1, rel=1e-3)


def test_two_minima():
    row = measured(lambda x: (x**2 - 1) ** 2)  # the hump is 1 high, the range (EDGE^2 - 1)^2 = 32
    places = [part.split() for part in row["places"].split("; ")]
    assert [kind for _, kind in places] == ["min", "max", "min"] and row["extrema"] == 3
    assert [float(x) for x, _ in places] == pytest.approx([-1, 0, 1], abs=WIDTH / 1000)
    assert row["main_kind"] == "max" and row["central_offset"] < 0.01


@pytest.mark.parametrize(("height", "count"), [(0.03, 0), (0.05, 2)])
def test_an_extremum_counts_from_a_prominence_of_two_percent(height, count):
    """A zigzag: up, down by `height`, up; f's range is about 2."""
    knots = [-20, 0, height, 20]
    levels = [-20, 0, -height, 20 - 2 * height]
    row = shapes.measure(graph(lambda x: np.interp(x, knots, levels)), preactivations(0.4))
    assert not row["monotone"] and row["extrema"] == count


def test_a_plateau_is_one_extremum_and_a_flat_side_none():
    row = measured(lambda x: np.minimum(np.maximum(1 - np.abs(x), 0), 0.5))
    assert (row["extrema"], row["main_kind"]) == (1, "max")
    assert row["main_x"] == pytest.approx(0, abs=WIDTH / 1000)
    relu = measured(lambda x: np.maximum(x, 0), lambda x: 1.0 * (x > 0))
    assert (relu["extrema"], relu["monotone"]) == (0, True)
    assert relu["asymmetry"] == math.inf and relu["end_slope_left"] == 0


@pytest.mark.parametrize("a", [2.0, -2.0])
def test_relu_is_found_behind_an_affine_map_and_a_reflection(a):
    row = measured(lambda x: 3 - 1.5 * np.maximum(a * x + 1, 0))
    assert row["nearest"] == "relu" and row["nearest_distance"] < 1e-3
    assert row["distance_relu"] == row["nearest_distance"]
    assert -row["b"] / row["a"] == pytest.approx(
        -1 / a, abs=5e-3
    )  # the kink; points lie 0.01 apart
    assert row["c"] * row["a"] == pytest.approx(-1.5 * a, rel=5e-3)  # the slope
    assert row["d"] == pytest.approx(3, abs=0.01)


@pytest.mark.parametrize(
    ("name", "f", "slope"),
    [
        ("identity", lambda x: 2 - 3 * x, -3),
        ("gelu", lambda x: 1 - gelu(-1.5 * x + 0.3), None),
        ("tanh", lambda x: 1 / (1 + np.exp(-x)), None),  # the sigmoid
        ("softplus", lambda x: 5 - 2 * np.logaddexp(0, 1 - 2 * x), None),
        ("gaussian", lambda x: 4 - np.exp(-((x - 0.5) ** 2) / 2), None),
    ],
)
def test_standard_functions_are_found(name, f, slope):
    row = measured(f)
    assert row["nearest"] == name and row["nearest_distance"] < 1e-3
    x = np.linspace(-EDGE, EDGE, 50)
    fitted = row["c"] * fits.STANDARD[name].function(row["a"] * x + row["b"]) + row["d"]
    assert fitted == pytest.approx(f(x), abs=5e-3)
    assert slope is None or row["a"] * row["c"] == pytest.approx(slope)


SIDES = [name for name in shapes.MEASURES if name.endswith("_left")]
KEPT = ("monotone", "extrema", "central_offset", "asymmetry", "level_difference")


@pytest.mark.parametrize("f", [crooked, gelu])
def test_affine_maps_change_no_measure_but_those_marked(f):
    points, entering = graph(f), preactivations(1.2, 0.3)
    row = shapes.measure(points, entering)
    other = shapes.measure(*mapped(points, entering, a=-0.5, c=-2, d=3))
    for name in (*KEPT, *(f"distance_{name}" for name in fits.STANDARD)):
        assert other[name] == pytest.approx(row[name], rel=1e-6, abs=1e-4), name
    assert other["nearest"] == row["nearest"]
    for left in SIDES:
        right, factor = left.replace("_left", "_right"), 4 if left == "slope_left" else 1
        assert other[left] == pytest.approx(factor * row[right], rel=1e-6, abs=1e-12), left
        assert other[right] == pytest.approx(factor * row[left], rel=1e-6, abs=1e-12), right
    assert other["main_x"] == pytest.approx(-row["main_x"] / 2)
    assert {row["main_kind"], other["main_kind"]} == {"min", "max"}


@pytest.mark.parametrize(
    ("points", "entering"),
    [
        (graph(lambda x: np.full_like(x, 0.7)), preactivations()),
        (graph(lambda x: 0.7 + 1e-12 * x), preactivations()),
        (graph(lambda x: np.where(x > 1, np.nan, x), np.ones_like), preactivations()),
        (graph(lambda x: np.where(x > 9, np.inf, x), np.ones_like), preactivations()),
        (graph(np.abs), preactivations(0.0, 0.3)),
        (graph(np.abs), preactivations().assign(all=np.nan)),
    ],
    ids=["constant", "rounding", "NaN", "infinite", "one input", "no input"],
)
def test_what_has_no_shape_has_no_measures(points, entering):
    row = shapes.measure(points, entering)
    assert list(row) == list(measured(np.abs))
    assert not [name for name in shapes.MEASURES if not math.isnan(row[name])]
    without = fits.sample(points, entering)
    assert math.isnan(fits.distance(without, fits.sample(graph(np.abs), preactivations())))
    assert math.isnan(fits.fit(without, fits.STANDARD["relu"]).distance)


def test_a_graph_that_ends_before_the_pre_activations_is_refused():
    with pytest.raises(ValueError, match=r"spans x = -2 to 2, .* in -2.57\d+ to 2.57\d+"):
        measured(np.abs, reach=2.0)


# --- distances ----------------------------------------------------------------------------------


def test_distance_worked_by_hand():
    """x uniform in [-1, 1]: cov(x, relu) = 1/6, var(x) = 1/3, var(relu) = 1/6 - 1/16: r^2 = 0.8."""
    shares = np.linspace(0, 1, 1001)
    uniform = pd.DataFrame({"quantile": shares, "all": (2 * shares - 1) / 0.99})
    relu = fits.sample(graph(lambda x: np.maximum(x, 0)), uniform)
    found = fits.fit(relu, fits.STANDARD["identity"])
    assert found.distance == pytest.approx(math.sqrt(0.2), rel=1e-3)
    assert found.a * found.c == pytest.approx(0.5, rel=1e-3)  # cov / var
    parabola = fits.sample(graph(np.square), uniform)
    assert fits.fit(parabola, fits.STANDARD["identity"]).distance == pytest.approx(1)


def test_distance_is_of_forms_and_the_same_both_ways():
    points, entering = graph(crooked), preactivations()
    first = fits.sample(points, entering)
    image = fits.sample(*mapped(points, entering, a=-1.5, b=0.2, c=0.3, d=7))
    assert fits.distance(first, image) < 1e-3
    bowl = fits.sample(graph(lambda x: (x - 0.2) ** 2), entering)
    apart = fits.distance(first, bowl)
    assert 0.2 < apart < 1 and fits.distance(bowl, first) == apart
    assert fits.distance(image, bowl) == pytest.approx(apart, abs=2e-3)


def test_other_functions_are_compared_beyond_their_graph_as_straight_lines():
    line = fits.sample(graph(lambda x: 2 * x + 1, reach=2.7), preactivations())
    form = fits._as_form(line)
    assert form.function(np.array([-2.8, 2.8])) == pytest.approx([1 - 5.6 * EDGE, 1 + 5.6 * EDGE])


# --- spread over runs ---------------------------------------------------------------------------


@pytest.fixture
def on_a_line(monkeypatch):
    """Runs are points on a line, their distance is that of the points; None has no shape."""
    monkeypatch.setattr(fits, "sample", lambda points, entering: points)
    monkeypatch.setattr(
        fits, "distance", lambda a, b: math.nan if None in (a, b) else float(abs(a - b))
    )


def test_jackknife_worked_by_hand(on_a_line):
    runs = [("relu", "small", "small", seed, at, None) for seed, at in enumerate((0, 1, 3, None))]
    seeds, sizes, _ = shape_claims.spread(runs).to_dict("records")
    assert (seeds["base"], seeds["over"], seeds["pairs"]) == ("relu", "seeds", 3)
    assert seeds["mean"] == 2  # of 1, 3, 2; without one run: 2, 3, 1
    half = 4.302653 * math.sqrt(2 / 3 * 2)  # t(0.975, 2)
    assert seeds["low"] == pytest.approx(2 - half) and seeds["high"] == pytest.approx(2 + half)
    assert (sizes["over"], sizes["pairs"]) == ("sizes", 0) and math.isnan(sizes["mean"])


def test_pairs_within_and_between_cells(on_a_line):
    cells = {("small", "small"): (0, 1), ("small", "large"): (10, 12), ("large", "large"): (20,)}
    runs = [("gelu", *cell, seed, at, None) for cell, all_at in cells.items()
            for seed, at in enumerate(all_at)]  # fmt: skip
    runs.append(("tanh", "small", "small", 0, 5, None))
    table = shape_claims.spread(runs).set_index(["base", "over"])
    assert list(table.reset_index()) == shape_claims.SPREAD
    assert table["pairs"].tolist() == [2, 7, 1, 0, 0, 0]
    assert table.loc[("gelu", "seeds"), "mean"] == 1.5
    between = [10, 12, 9, 11, 20, 19, 8]
    assert table.loc[("gelu", "sizes"), "mean"] == pytest.approx(np.mean(between))
    assert table.loc[("gelu", "start"), "mean"] == 10  # one inner size and seed, another outer
    assert table.loc["tanh", ["mean", "low", "high"]].isna().all(axis=None)


def test_of_many_runs_some_pairs_stand_for_all_and_always_the_same(on_a_line, monkeypatch):
    runs = [("relu", "small", "small", seed, seed, None) for seed in range(60)]
    exact = shape_claims.spread(runs[:45]).iloc[0]
    assert exact["pairs"] == 990 and exact["mean"] == pytest.approx(46 / 3)  # (n + 1) / 3
    some, again = (shape_claims.spread(runs).iloc[0] for _ in range(2))
    assert some["pairs"] == shape_claims.MOST < 60 * 59 / 2 and some.equals(again)
    assert some["low"] < 61 / 3 < some["high"]


def test_one_pair_has_a_mean_and_no_interval(on_a_line):
    row = shape_claims.spread(
        [("relu", "s", "s", 0, 1, None), ("relu", "s", "s", 1, 4, None)]
    ).iloc[0]
    assert row["mean"] == 3 and math.isnan(row["low"]) and math.isnan(row["high"])


def test_spread_of_real_functions():
    """The same function in three reflections against three different ones."""
    points, entering = graph(crooked), preactivations()
    maps = [{}, {"a": -1.0}, {"a": 2.0, "c": -1.0, "d": 1.0}]
    others = [crooked, gelu, np.abs]
    runs = [("tanh", "small", str(i), 0, *mapped(points, entering, **m))
            for i, m in enumerate(maps)]  # fmt: skip
    runs += [("relu", "small", str(i), 0, graph(f), entering) for i, f in enumerate(others)]
    table = shape_claims.spread(runs).set_index(["base", "over"])
    assert table.loc[("tanh", "sizes"), "mean"] < 2e-3
    assert table.loc[("relu", "sizes"), "mean"] > 0.2


# --- claims -------------------------------------------------------------------------------------


def shapes_table():
    """Four ReLU- and two tanh-based runs, and one without a shape."""
    columns = ["base", "outer", "extrema", "main_x", "central_offset", "asymmetry"]
    rows = [
        ("relu", "small", 3, 0.4, 0.1, 2.0, 0.3),
        ("relu", "small", 2, 0.9, 0.6, 1.2, 0.05),
        ("relu", "large", 1, -0.9, 0.2, np.inf, 0.5),
        ("relu", "large", 0, np.nan, np.nan, 1.8, 1.0),
        ("tanh", "small", 1, -1.1, 0.5, 1.5, 0.1),
        ("tanh", "small", 1, 0.0, 0.0, 1.0, 0.0),
        ("relu", "small", np.nan, np.nan, np.nan, np.nan, np.nan),
    ]
    table = pd.DataFrame(rows, columns=[*columns, "level_difference"]).assign(scale=2.0)
    for claim in ("end_slope", "end_curvature", "graph_slope", "graph_curvature"):
        table[f"{claim}_left"] = [0.1, 0.5, 0.2, 0.2, 0.0, 0.3, np.nan]
        table[f"{claim}_right"] = [0.4, 0.1, 0.6, 0.9, 0.1, 0.0, np.nan]
    return table


SPREAD = pd.DataFrame(
    [
        ("relu", "seeds", 4, 0.2, 0.1, 0.3),
        ("relu", "sizes", 8, 0.5, 0.46, 0.54),
        ("tanh", "seeds", 4, 0.1, 0.0, 0.2),
        ("tanh", "sizes", 8, 0.2, 0.17, 0.23),
    ],
    columns=shape_claims.SPREAD,
)


def claimed(table, spread=SPREAD):
    return shape_claims.claims(table, spread).set_index(["claim", "group"])


def test_shares_worked_by_hand():
    table = claimed(shapes_table())
    expected = {
        ("extra_extrema", "relu/small"): (2, 2),
        ("extra_extrema", "relu/large"): (0, 2),
        ("extra_extrema", "tanh/small"): (0, 2),
        ("extremum_near_zero", "all"): (4, 6),  # |x| <= 0.5 * 2
        ("extremum_near_zero", "relu"): (3, 4),
        ("extremum_near_centre", "all"): (4, 6),
        ("extremum_near_centre", "tanh"): (2, 2),
        ("one_side_steeper", "all"): (3, 5),  # the run without an extremum does not count
        ("one_side_steeper", "relu"): (2, 3),
        ("levels_differ", "relu"): (2, 3),
        ("levels_differ", "tanh"): (1, 2),
    }
    for key, (count, n) in expected.items():
        row, share = table.loc[key], count / n
        assert (row["value"], row["n"]) == (pytest.approx(share), n), key
        z2 = stats.norm.ppf(0.975) ** 2
        middle, half = share + z2 / (2 * n), math.sqrt(z2 * (share * (1 - share) + z2 / 4 / n) / n)
        assert row["low"] == pytest.approx((middle - half) / (1 + z2 / n), abs=1e-12)
        assert row["high"] == pytest.approx((middle + half) / (1 + z2 / n), abs=1e-12)


def test_ends_are_means_of_the_larger_end():
    table = claimed(shapes_table())
    larger = {"relu": [0.4, 0.5, 0.6, 0.9], "tanh": [0.1, 0.3]}
    for claim in ("end_slope", "end_curvature", "graph_slope", "graph_curvature"):
        for base, values in larger.items():
            row, interval = table.loc[(claim, base)], stats.ttest_1samp(values, 0)
            interval = interval.confidence_interval(0.95)
            assert row[["value", "n"]].tolist() == pytest.approx([np.mean(values), len(values)])
            assert row[["low", "high"]].tolist() == pytest.approx([*interval])


def test_alikeness_and_its_difference_from_tanh():
    table = claimed(shapes_table())
    assert table.loc[("alike", "tanh"), ["value", "low", "high", "n"]].tolist() == [
        *(0.2, 0.17, 0.23, 8)
    ]
    difference = table.loc[("alike_difference", "relu - tanh")]
    assert difference["value"] == pytest.approx(0.3) and difference["n"] == 16
    assert difference["low"] == pytest.approx(0.25) and difference["high"] == pytest.approx(0.35)
    without = claimed(shapes_table(), SPREAD[SPREAD["base"] == "relu"])
    assert "alike_difference" not in without.index and ("alike", "relu") in without.index


def test_every_number_has_its_statement_and_a_file_gives_the_same_numbers():
    shapes_frame = shapes_table()
    table = shape_claims.claims(shapes_frame, SPREAD)
    assert list(table) == shape_claims.CLAIMS and table["statement"].notna().all()
    assert set(table["claim"]) == set(shape_claims.STATEMENTS)
    text = io.StringIO(shapes_frame.to_csv(index=False))
    pd.testing.assert_frame_equal(shape_claims.claims(pd.read_csv(text), SPREAD), table)


def test_claims_of_one_run_and_of_none_with_a_shape():
    table = claimed(shapes_table().iloc[:1])
    assert table.loc[("end_slope", "relu"), "value"] == 0.4
    assert math.isnan(table.loc[("end_slope", "relu"), "low"])
    assert table.loc[("one_side_steeper", "all"), "n"] == 1
    none = shape_claims.claims(shapes_table().iloc[-1:], SPREAD)
    assert set(none["claim"]) == {"alike", "alike_difference"}


def test_measures_of_runs_go_into_the_claims():
    functions = [("tanh", np.tanh), ("relu", np.abs), ("gelu", crooked)]
    rows = [{"base": base, "outer": "small"} | measured(f) for base, f in functions]
    table = claimed(pd.DataFrame(rows))
    assert table.loc[("extra_extrema", "gelu/small"), "value"] == 1
    assert table.loc[("extremum_near_zero", "relu"), "value"] == 1
    assert table.loc[("graph_slope", "tanh"), "value"] < 1e-7
