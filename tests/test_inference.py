"""Intervals, tests and resampling: against hand-worked numbers, scipy, and their own promises."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from actgrid import inference, scores

REPEATS = 4000


@pytest.fixture
def rng():
    return np.random.default_rng(20)


# --- by hand ------------------------------------------------------------------------------------


def test_t_interval_by_hand():
    # mean 3, sd sqrt(10 / 4); t(0.975, 4) = 2.776445 from a table
    half = 2.776445 * math.sqrt(2.5) / math.sqrt(5)
    assert inference.t_interval(np.arange(1.0, 6)) == pytest.approx((3 - half, 3 + half))


def test_welch_by_hand():
    # v_a = 1 / 3, v_b = 16 / 3; freedom = (17/3)^2 / ((1/3)^2 / 2 + (16/3)^2 / 2) = 578 / 257
    a, b = np.array([4.0, 5, 6]), np.array([-4.0, 0, 4])
    half = stats.t.ppf(0.975, 578 / 257) * math.sqrt(17 / 3)
    assert inference.welch(a, b) == pytest.approx((5 - half, 5 + half))
    assert inference.welch(b, a) == pytest.approx((-5 - half, -5 + half))


@pytest.mark.parametrize(
    ("differences", "p", "effect"),
    [
        ([1.0, 2, 3, 4, 5, 6], 2 / 64, 1),
        ([-1.0, -2, -3, -4, -5, -6], 2 / 64, -1),
        # ranks 1 2 3 4, the third below 0: 7 - 3 = 4 of 10; 7 or more in 5 of 16 sign patterns
        ([0.1, 0.2, -0.3, 0.4], 10 / 16, 0.4),
        # ties: ranks 2 2 2 4; sum below 0 is 2 or less in 4 patterns of 16
        ([0.5, -0.5, 0.5, 0.9], 8 / 16, 0.6),
        ([0.0, 3, 0, 4], 2 / 4, 1),  # zeros drop out
        ([0.3], 1, 1),
        ([0.0, 0, 0], 1, 0),
        ([0.1 + 0.2 - 0.3, 0.0], 1, 0),  # 5.6e-17: no difference
    ],
)
def test_signed_rank_and_its_effect_size_by_hand(differences, p, effect):
    assert inference.signed_rank(np.array(differences)) == pytest.approx(p)
    assert inference.rank_biserial(np.array(differences)) == pytest.approx(effect)


def test_nothing_to_test_has_neither_p_nor_effect():
    empty = np.array([])
    found = inference.signed_rank(empty), inference.rank_biserial(empty), inference.smallest_p(0)
    assert np.isnan(found).all()


def test_smallest_p_is_reached_when_all_differences_have_one_sign():
    for n in range(1, 9):
        reached = inference.signed_rank(np.arange(1.0, n + 1))
        assert inference.smallest_p(n) == pytest.approx(reached) == pytest.approx(2 / 2**n)
    assert inference.smallest_p(5) > 0.05 > inference.smallest_p(6)


def test_holm_by_hand():
    # .005 * 4, .01 * 3, .03 * 2, then .04 * 1 is raised to the .06 before it
    found = inference.holm(np.array([0.01, np.nan, 0.04, 0.03, 0.005]))
    assert found == pytest.approx([0.03, np.nan, 0.06, 0.06, 0.02], nan_ok=True)
    assert inference.holm([0.6, 0.7]).tolist() == [1, 1]
    assert inference.holm([]).tolist() == [] and np.isnan(inference.holm([np.nan])).all()


def test_improvement_by_hand(rng):
    # 3 > 1, 3 > 2, 1 = 1 (half), 1 < 2: 2.5 of 4; the second cell: a failed run loses, two are even
    cells = [
        (np.array([3.0, 1]), np.array([1.0, 2])),
        (np.array([5.0, -np.inf]), np.array([-np.inf, 4])),
    ]
    value, low, high = inference.improvement(cells, rng)
    assert value == pytest.approx((2.5 / 4 + (1 + 1 + 0.5 + 0) / 4) / 2)
    assert 0 <= low < value < high <= 1


def test_iqm_counts_the_ends_of_the_middle_half_in_part():
    assert inference.iqm(np.array([9.0, 1, 2, 3])) == pytest.approx(2.5)  # (2 + 3) / 2
    # of five values 1.25 are cut at either end: (0.75 * 2 + 3 + 0.75 * 7) / 2.5
    assert inference.iqm(np.array([7.0, 2, 90, 3, -50])) == pytest.approx(9.75 / 2.5)
    assert inference.iqm(np.array([4.0])) == 4


def test_stretched_by_hand():
    draws = np.linspace(0, 1, 1001)  # percentiles .025 and .975
    t, z = 2.306004, 1.959964  # of a table, 8 degrees of freedom
    half = 0.475 * math.sqrt(5 / 4) * t / z
    assert inference.stretched(draws, [5, 5]) == pytest.approx((0.5 - half, 0.5 + half), rel=1e-5)
    few = 0.475 * math.sqrt(2) * stats.t.ppf(0.975, 5) / z  # the smallest n; 4 + 1 of freedom
    assert inference.stretched(draws, [5, 2]) == pytest.approx((0.5 - few, 0.5 + few), rel=1e-5)


def test_too_little_to_judge_from_has_no_interval(rng):
    one, two = np.array([0.5]), np.array([0.5, 0.6])
    found = [inference.t_interval(one), inference.t_interval(one[:0])]
    found += [inference.welch(one, two), inference.welch(two, one), inference.welch(two, one[:0])]
    found += [inference.iqm_interval([two, one], rng), inference.iqm_interval([one], rng)]
    found += [inference.improvement([(two, one)], rng)[1:]]
    found += [inference.improvement([(two + 1, two)], rng)[1:]]  # wins only: no spread to see
    assert np.isnan(found).all()


def test_equal_scores_make_an_interval_of_no_width():
    same = np.full(3, 0.5)
    assert inference.welch(same, same - 0.25) == (0.25, 0.25)
    assert inference.t_interval(same) == (0.5, 0.5)


# --- against scipy ------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(5, 5), (3, 20), (2, 2)])
def test_intervals_and_tests_agree_with_scipy(rng, sizes):
    for _ in range(20):
        a, b = (rng.normal(size=n) * spread for n, spread in zip(sizes, (1, 4), strict=True))
        welch = stats.ttest_ind(a, b, equal_var=False).confidence_interval()
        assert inference.welch(a, b) == pytest.approx((welch.low, welch.high))
        one = stats.ttest_1samp(b, 0).confidence_interval()
        assert inference.t_interval(b) == pytest.approx((one.low, one.high))
        assert inference.signed_rank(b) == pytest.approx(stats.wilcoxon(b, method="exact").pvalue)
        a, b = a.round(), b.round()  # with ties
        u = stats.mannwhitneyu(a, b).statistic / a.size / b.size
        assert inference.improvement([(a, b)], rng)[0] == pytest.approx(u)


def test_iqm_agrees_with_scipy_where_n_is_a_multiple_of_four(rng):
    for n in (4, 8, 100):
        values = rng.normal(size=(7, n))
        assert inference.iqm(values) == pytest.approx(stats.trim_mean(values, 0.25, axis=1))


def test_the_same_generator_gives_the_same_interval(rng):
    cells = [rng.normal(size=5), rng.normal(size=5)]
    twice = [inference.iqm_interval(cells, np.random.default_rng(3)) for _ in range(2)]
    assert twice[0] == twice[1] != inference.iqm_interval(cells, np.random.default_rng(4))
    pairs = [tuple(cells)]
    twice = [inference.improvement(pairs, np.random.default_rng(3)) for _ in range(2)]
    assert twice[0] == twice[1]


# --- what the intervals promise -----------------------------------------------------------------


def coverage(truth, intervals):
    low, high = np.array(list(intervals)).T
    return np.mean((low <= truth) & (truth <= high))


def test_t_intervals_in_cells_of_five_seeds_cover_95_percent(rng):
    values = rng.normal(0.7, 0.01, REPEATS * 5)
    frame = pd.DataFrame({"cell": np.repeat(np.arange(REPEATS), 5), "accuracy": values})
    table = scores.intervals(frame, ["cell"], ["accuracy"])
    covered = coverage(0.7, table[["accuracy_low", "accuracy_high"]].to_numpy())
    assert 0.93 < covered < 0.97


@pytest.mark.parametrize(("sizes", "sds"), [((5, 5), (1, 1)), ((5, 5), (1, 6)), ((3, 20), (4, 1))])
def test_welch_intervals_cover_95_percent_whatever_the_sds(rng, sizes, sds):
    a, b = (rng.normal(0, sd, (REPEATS, n)) for n, sd in zip(sizes, sds, strict=True))
    assert 0.93 < coverage(0, map(inference.welch, a + 0.5, b + 0.5)) < 0.97


@pytest.mark.parametrize("cells", [2, 3, 9])
def test_t_intervals_over_cells_cover_95_percent(rng, cells):
    """Cells differ in their true difference (SD 0.05), and have 5 seeds (SD 0.02) either side."""
    true = rng.normal(0.1, 0.05, (REPEATS, cells))
    means = true + rng.normal(0, 0.02 * math.sqrt(2 / 5), (REPEATS, cells))
    assert 0.93 < coverage(0.1, map(inference.t_interval, means)) < 0.97


def test_seeds_pooled_as_if_they_were_cells_would_cover_far_less(rng):
    true = rng.normal(0.1, 0.05, (REPEATS, 3, 1))
    pooled = (true + rng.normal(0, 0.02, (REPEATS, 3, 5))).reshape(REPEATS, 15)
    assert coverage(0.1, map(inference.t_interval, pooled)) < 0.75


# levels of the cells, in SDs of a cell; what the 95 % interval of 5 seeds a cell really covers
LEVELS = [([0, 0], 0.93, 0.97), ([0, 1, 2], 0.93, 0.97), ([0] * 5, 0.93, 0.97),
          ([0, 10, 20], 0.90, 0.95), ([0], 0.95, 0.99)]  # fmt: skip


@pytest.mark.parametrize(("levels", "least", "most"), LEVELS, ids=lambda value: str(value))
def test_the_widened_bootstrap_covers_what_it_says(monkeypatch, rng, levels, least, most):
    monkeypatch.setattr(inference, "DRAWS", 300)
    level = np.array(levels, dtype=float)[:, None]
    truth = inference.iqm((level + stats.norm.ppf((np.arange(5000) + 0.5) / 5000)).ravel())
    samples = level + rng.normal(size=(REPEATS, len(levels), 5))
    assert least < coverage(truth, (inference.iqm_interval(list(s), rng) for s in samples)) < most


@pytest.mark.parametrize(("shift", "least", "most"), [(0, 0.93, 0.98), (1, 0.93, 0.97)])
def test_the_interval_of_the_improvement_covers_what_it_says(monkeypatch, rng, shift, least, most):
    monkeypatch.setattr(inference, "DRAWS", 300)
    truth = stats.norm.cdf(shift / math.sqrt(2))
    samples = rng.normal(size=(REPEATS, 3, 2, 5)) + np.array([[shift], [0]])
    found = [inference.improvement([tuple(cell) for cell in s], rng)[1:] for s in samples]
    assert least < coverage(truth, found) < most
