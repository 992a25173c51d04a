"""Precision, recall and F1 against scikit-learn and by hand; the linear baseline."""

import io
import math
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import accuracy_score, precision_recall_fscore_support

from actgrid import classification, data, records, scores

ROOT = Path(__file__).parents[1]
PREPARED = ROOT / "data/prepared/banknote"
FIGURES = ["precision", "recall", "f1", "accuracy"]


def run(*matrices, seed=0, status="ok", activation="affine", modes=("evaluation", "training")):
    """Rows of one run: a matrix (class, predicted class) for each of the modes, as collected."""
    documents = [{"confusion": dict(zip(modes, matrices, strict=False))}]
    names = {"study": "banknotes", "dataset": "banknote", "architecture": "banknote_mlp"}
    names |= {"activation": activation, "seed": seed, "status": status}
    texts = list(map(records.confusion_text, documents))
    return pd.read_csv(io.StringIO("".join(records.tidy(pd.DataFrame([names]), texts))))


def test_figures_by_hand():
    """Class 0: 6 of 8 found, 6 of 9 rightly so; class 1: 9 of 12, 9 of 11."""
    table = classification.per_class(run([[6, 2], [3, 9]]))
    names = [*scores.RUN, "mode", "class"]
    assert list(table) == [*names, *FIGURES, "support"]
    assert table[names].to_numpy().tolist() == [
        ["banknotes", "banknote", "banknote_mlp", "affine", 0, "evaluation", c] for c in (0, 1)
    ]
    first, second = table[[*FIGURES, "support"]].to_numpy().tolist()
    assert first == pytest.approx([6 / 9, 6 / 8, 12 / 17, 15 / 20, 8])
    assert second == pytest.approx([9 / 11, 9 / 12, 18 / 23, 15 / 20, 12])


MATRICES = st.integers(2, 4).flatmap(
    lambda n: st.lists(
        st.lists(st.integers(0, 9), min_size=n, max_size=n).filter(any), min_size=n, max_size=n
    )
)


@settings(deadline=None, max_examples=60)
@given(MATRICES, MATRICES)
def test_figures_agree_with_scikit_learn(one, two):
    """Two modes with matrices of their own; every class has an example, if not a prediction."""
    table = classification.per_class(run(one, two))
    for mode, matrix in (("evaluation", one), ("training", two)):
        cells = [
            (a, p) for a, row in enumerate(matrix) for p, n in enumerate(row) for _ in range(n)
        ]
        actual, predicted = zip(*cells, strict=True)
        expected = precision_recall_fscore_support(
            actual, predicted, labels=range(len(matrix)), zero_division=0
        )
        found = table[table["mode"] == mode]
        for figure, values in zip(["precision", "recall", "f1", "support"], expected, strict=True):
            assert found[figure].tolist() == pytest.approx(values.tolist()), figure
        right = accuracy_score(actual, predicted)
        assert found["accuracy"].tolist() == pytest.approx([right] * len(matrix))


def test_a_class_that_is_never_predicted_has_precision_0_and_one_without_examples_no_recall():
    never, absent = [[0, 4], [0, 5]], [[4, 1], [0, 0]]
    table = classification.per_class(run(never, absent)).set_index(["mode", "class"])
    assert table.loc[("evaluation", 0), FIGURES].tolist() == [0, 0, 0, 5 / 9]
    assert table.loc[("evaluation", 1), FIGURES].tolist() == [5 / 9, 1, 10 / 14, 5 / 9]
    row = table.loc[("training", 1)]
    assert (row["precision"], row["f1"], row["support"]) == (0, 0, 0) and math.isnan(row["recall"])


def test_runs_that_diverged_are_left_out():
    good = run([[6, 2], [3, 9]])
    both = pd.concat([run([[8, 0], [12, 0]], seed=1, status="diverged"), good])
    pd.testing.assert_frame_equal(classification.per_class(both), classification.per_class(good))
    assert set(classification.summarise(both)["n"]) == {1}
    nothing = classification.summarise(good.assign(status="diverged"))
    assert nothing.empty and "f1_mean" in nothing


@pytest.fixture
def seeds():
    """Two activations, of one three seeds, of the other one, in both modes."""
    rng = np.random.default_rng(0)
    cells = [("affine", seed) for seed in (2, 0, 1)] + [("relu", 0)]
    return pd.concat(
        [
            run(*rng.integers(1, 50, (2, 2, 2)).tolist(), seed=seed, activation=activation)
            for activation, seed in cells
        ]
    )


def test_intervals_over_seeds_are_those_of_scipy(seeds):
    of_runs = classification.per_class(seeds)
    table = classification.summarise(seeds)
    parts = [f"{figure}_{part}" for figure in FIGURES for part in ("mean", "sd", "low", "high")]
    assert list(table) == [*scores.CELL, "mode", "class", "n", *parts]
    assert table["activation"].tolist() == ["affine"] * 4 + ["relu"] * 4
    for row in table.to_dict("records"):
        own = of_runs[
            (of_runs["activation"] == row["activation"])
            & (of_runs["mode"] == row["mode"])
            & (of_runs["class"] == row["class"])
        ]
        assert row["n"] == len(own) == (3 if row["activation"] == "affine" else 1)
        for figure in FIGURES:
            assert row[f"{figure}_mean"] == pytest.approx(own[figure].mean())
            if len(own) == 1:
                assert all(math.isnan(row[f"{figure}_{part}"]) for part in ("sd", "low", "high"))
                continue
            interval = stats.ttest_1samp(own[figure], 0).confidence_interval(0.95)
            assert row[f"{figure}_sd"] == pytest.approx(own[figure].std(ddof=1))
            assert row[f"{figure}_low"] == pytest.approx(interval.low)
            assert row[f"{figure}_high"] == pytest.approx(interval.high)


def test_the_order_of_the_rows_does_not_matter(seeds):
    keys = [*scores.CELL, "mode", "class"]
    shuffled = classification.summarise(seeds.sample(frac=1, random_state=0))
    expected = classification.summarise(seeds).sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(shuffled.sort_values(keys, ignore_index=True), expected)


# --- the linear baseline ------------------------------------------------------------------------


def through_csv(counts):
    """As the next rule reads it."""
    return pd.read_csv(io.StringIO(counts.to_csv(index=False)), keep_default_na=False)


def test_the_baseline_is_counted_as_a_run_is(seeds):
    """On images of three classes parted by lines: no error, and rows that fit beside others."""
    x = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]] * 10, dtype=np.float32)
    x += np.random.default_rng(0).normal(size=x.shape).astype(np.float32)
    y = np.arange(30, dtype=np.uint8) % 3
    toy = SimpleNamespace(name="toy", classes=("a", "b", "c"), train_x=x.reshape(-1, 1, 2, 1),
                          train_y=y, test_x=x[:20].reshape(-1, 1, 2, 1), test_y=y[:20])  # fmt: skip
    counts = through_csv(classification.logistic_regression(toy))
    assert set(counts) == set(seeds) and len(counts) == 9
    matrix = counts.pivot(index="actual", columns="predicted", values="examples").to_numpy()
    assert matrix.tolist() == [[7, 0, 0], [0, 7, 0], [0, 0, 6]]
    table = classification.summarise(pd.concat([seeds, counts]))
    assert table["activation"].tolist()[-3:] == ["none"] * 3
    assert table["f1_mean"].tolist()[-3:] == [1, 1, 1]


def test_the_baseline_is_the_maximum_of_the_likelihood():
    """One feature: the border lies where the fitted log-odds, a + b x, are 0."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=2000)
    y = (rng.random(2000) < 1 / (1 + np.exp(-(0.7 + 1.5 * x)))).astype(np.uint8)
    w = np.zeros(2)
    for _ in range(30):  # Newton's steps
        p = 1 / (1 + np.exp(-(w[0] + w[1] * x)))
        design = np.stack([np.ones_like(x), x], axis=1)
        w += np.linalg.solve((design.T * (p * (1 - p))) @ design, design.T @ (y - p))
    at = -w[0] / w[1] + np.array([-0.003, 0.003])
    toy = SimpleNamespace(name="toy", classes=("a", "b"), train_x=x[:, None], train_y=y,
                          test_x=at[:, None], test_y=np.array([0, 1]))  # fmt: skip
    counts = classification.logistic_regression(toy)
    assert counts["examples"].tolist() == [1, 0, 0, 1]


def test_a_line_parts_the_banknotes_all_but_a_few(banknotes):
    """0.989 in the split of the study: 3 of 275 notes on the wrong side."""
    counts = classification.logistic_regression(banknotes)
    assert counts["examples"].sum() == 275
    accuracy = classification.per_class(counts)["accuracy"]
    assert accuracy.tolist() == pytest.approx([0.989] * 2, abs=0.004)
    again = classification.logistic_regression(banknotes)
    pd.testing.assert_frame_equal(counts, again)


@pytest.mark.skipif(not PREPARED.exists(), reason="the banknotes are not prepared here")
def test_the_prepared_banknotes_give_the_same_counts(banknotes):
    prepared = data.load(PREPARED)
    counts = [classification.logistic_regression(notes) for notes in (prepared, banknotes)]
    pd.testing.assert_frame_equal(*counts)
