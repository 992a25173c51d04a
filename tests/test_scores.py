"""Statistics over seeds and the comparison with published figures, against hand-worked numbers."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from actgrid import scores

PUBLISHED = Path(__file__).parents[1] / "resources/published/custom_act_funcs_final_epoch.csv"


VALID, TEST = (
    [f"{part}_{figure}" for figure in ("accuracy", "loss", "auc")] for part in ("valid", "test")
)
COLUMNS = [*scores.RUN, "status", "epoch", "train_accuracy", "train_loss", *VALID, *TEST, "seconds"]
PARTS = ("mean", "sd", "low", "high")
NAN = math.nan


def run(activation, seed, accuracies, status="ok", architecture="small", valid=NAN):
    """Rows of one run: test accuracy as given, training accuracy 0.1 higher, loss 1 - accuracy.

    Without a validation part, or with figures so much higher than the test's.
    """
    return [
        ("s", "d", architecture, activation, seed, status, epoch)
        + (value + 0.1, 0.9 - value, value + valid, 1 - value - valid, value / 2 + valid)
        + (value, 1 - value, value / 2 if valid == valid else NAN, 10.0 * epoch)
        for epoch, value in enumerate(accuracies, start=1)
    ]


def epochs_table(*runs):
    return pd.DataFrame([row for rows in runs for row in rows], columns=COLUMNS)


def monitored(best, *accuracies, **other):
    """Rows of a run whose epoch `best` was restored: the only one that was tested."""
    table = epochs_table(run("learned", accuracies=accuracies, valid=0.05, **other))
    table.loc[table["epoch"] != best, TEST] = NAN
    return table


@pytest.fixture
def epochs():
    return epochs_table(
        run("tent", 0, [0.2, 0.70]),
        run("tent", 1, [0.2, 0.72]),
        run("tent", 2, [0.2, 0.77]),
        run("hill", 0, [0.5, 0.6]),
        run("hill", 1, [math.nan], status="diverged"),
        run("bump", 0, [math.inf], status="diverged"),
        run("bump", 1, [math.nan], status="diverged"),
    )


def test_t_interval_worked_by_hand(epochs):
    tent = scores.summarise(epochs).set_index("activation").loc["tent"]
    # mean 0.73; deviations -.03 -.01 .04: sd = sqrt(.0026 / 2); t(0.975, 2) = 4.302653 from a table
    half = 4.302653 * math.sqrt(0.0013) / math.sqrt(3)
    assert tent["n"] == 3 and tent["failures"] == 0
    assert tent["test_accuracy_mean"] == pytest.approx(0.73)
    assert tent["test_accuracy_sd"] == pytest.approx(math.sqrt(0.0013))
    assert tent["test_accuracy_low"] == pytest.approx(0.73 - half, abs=1e-7)
    assert tent["test_accuracy_high"] == pytest.approx(0.73 + half, abs=1e-7)
    assert tent["train_accuracy_mean"] == pytest.approx(0.83)
    assert tent["seconds_mean"] == pytest.approx(15)


def test_interval_agrees_with_scipy_for_every_metric():
    values = np.random.default_rng(0).uniform(0.6, 0.8, 5)
    table = epochs_table(
        *(run("tent", seed, [value], valid=0.05) for seed, value in enumerate(values))
    )
    row = scores.summarise(table).iloc[0]
    for metric in scores.METRICS:
        interval = stats.ttest_1samp(table[metric], 0).confidence_interval(0.95)
        assert row[f"{metric}_low"] == pytest.approx(interval.low)
        assert row[f"{metric}_high"] == pytest.approx(interval.high)


def test_intervals_of_any_figures_over_any_groups_in_order_of_appearance():
    rows = pd.DataFrame(
        {
            "group": ["z", "a", "z", "a", "z", "m"],
            "class": [0, 0, 0, 1, 0, 0],
            "f1": [0.5, 0.25, 0.75, 1.0, 0.9, 0.1],
            "recall": [0.5, NAN, NAN, 0.2, 0.8, NAN],
        },
        index=[7] * 6,
    )
    table = scores.intervals(rows, ["group", "class"], ["f1", "recall"])
    assert list(table.index) == [("z", 0), ("a", 0), ("a", 1), ("m", 0)]
    parts = [f"{figure}_{part}" for figure in ("f1", "recall") for part in PARTS]
    assert list(table) == ["n", *parts] and table["n"].tolist() == [3, 1, 1, 1]
    for figure, values in (("f1", [0.5, 0.75, 0.9]), ("recall", [0.5, 0.8])):
        interval = stats.ttest_1samp(values, 0).confidence_interval(0.95)
        found = table.loc[("z", 0), [f"{figure}_{part}" for part in PARTS]].tolist()
        expected = [np.mean(values), np.std(values, ddof=1), interval.low, interval.high]
        assert found == pytest.approx(expected)
    assert table["f1_mean"].tolist()[1:] == [0.25, 1.0, 0.1]
    assert table[["f1_sd", "f1_low", "f1_high"]].iloc[1:].isna().all(axis=None)
    assert table["recall_mean"].isna().tolist() == [False, True, False, True]


def test_no_digit_of_the_summary_hangs_on_how_a_frame_lies_in_memory():
    values = np.random.default_rng(0).uniform(0.6, 0.8, 400)
    together = epochs_table(*(run("tent", seed, [value]) for seed, value in enumerate(values)))
    apart = together.assign(**together)  # each column in a block of its own
    tables = [scores.summarise(frame) for frame in (together, apart)]
    pd.testing.assert_frame_equal(*tables, check_exact=True)


def test_columns_order_and_cells_that_failed(epochs):
    table = scores.summarise(epochs)
    metrics = [f"{m}_{p}" for m in scores.METRICS for p in PARTS]
    assert list(table) == [*scores.CELL, "n", "failures", *metrics, "seconds_mean"]
    assert list(table["activation"]) == ["tent", "hill", "bump"]  # not sorted
    assert table[["n", "failures"]].to_numpy().tolist() == [[3, 0], [1, 1], [0, 2]]
    one, none = table.iloc[1], table.iloc[2]
    assert one["test_accuracy_mean"] == 0.6
    assert one[["test_accuracy_sd", "test_accuracy_low", "test_loss_high"]].isna().all()
    assert none[metrics].isna().all() and none["seconds_mean"] == 10


def test_no_run_is_lost_without_being_counted(epochs):
    """One that says "ok" and has no test figure is no good run; it is a failure."""
    lost = epochs.copy()
    lost.loc[(lost["activation"] == "tent") & (lost["seed"] == 1), ["test_loss"]] = NAN
    table = scores.summarise(lost)
    assert table[["n", "failures"]].to_numpy().tolist() == [[2, 1], [1, 1], [0, 2]]
    runs = epochs.drop_duplicates(scores.RUN)
    assert table[["n", "failures"]].to_numpy().sum() == len(runs)


def test_runs_of_one_class_are_counted_and_stay_in_the_mean(epochs):
    runs = epochs.drop_duplicates(scores.RUN)[scores.RUN]
    runs = runs.assign(constant_epoch=pd.array([2, None, 1, *[None] * 4], dtype="Int64"))
    final = scores.summarise(epochs)
    table = scores.with_constant(final, runs)
    assert list(table)[:7] == [*scores.CELL, "n", "failures", "constant"]
    assert table["constant"].tolist() == [2, 0, 0]
    pd.testing.assert_frame_equal(table.drop(columns="constant"), final)


def test_order_kept_when_every_run_failed_or_architectures_alternate():
    bad = epochs_table(run("b", 0, [0.1], status="diverged"))
    assert scores.summarise(bad)[["n", "failures"]].to_numpy().tolist() == [[0, 1]]
    assert scores.epoch_means(bad).empty and scores.final_rows(bad).empty
    mixed = epochs_table(
        run("z", 0, [0.1], architecture="wide"),
        run("a", 0, [0.1], architecture="narrow"),
        run("a", 0, [0.1], architecture="wide"),
    )
    cells = scores.summarise(mixed)[["architecture", "activation"]]
    assert cells.to_numpy().tolist() == [["wide", "z"], ["narrow", "a"], ["wide", "a"]]


def test_final_rows_and_epoch_means(epochs):
    pieces = pd.concat([epochs, epochs.assign(architecture="wide")])  # an index with duplicates
    assert len(scores.final_rows(pieces)) == 8
    assert scores.final_rows(epochs)["test_accuracy"].tolist() == [0.70, 0.72, 0.77, 0.6]
    means = scores.epoch_means(epochs)
    assert means["epoch"].tolist() == [1, 2, 1, 2] and means["n"].tolist() == [3, 3, 1, 1]
    assert means["test_accuracy_mean"].to_numpy() == pytest.approx([0.2, 0.73, 0.5, 0.6])
    last = means.iloc[1]
    assert last["test_accuracy_low"] == scores.summarise(epochs)["test_accuracy_low"][0]
    assert means["seconds_mean"].tolist() == [10, 20, 10, 20]


def test_where_the_validation_was_monitored_the_tested_epoch_is_the_final_one():
    table = pd.concat(
        [
            monitored(2, 0.2, 0.7, 0.6, seed=0),
            monitored(1, 0.8, 0.1, seed=1),
            monitored(3, 0.2, 0.5, 0.9, seed=2),
            # it diverged before it was tested, or after: neither has a final epoch
            monitored(None, 0.5, NAN, seed=3, status="diverged"),
            monitored(1, 0.5, NAN, seed=4, status="diverged"),
        ]
    )
    final = scores.final_rows(table)
    assert final[["seed", "epoch"]].to_numpy().tolist() == [[0, 2], [1, 1], [2, 3]]
    assert final["test_accuracy"].tolist() == [0.7, 0.8, 0.9]
    row = scores.summarise(table).iloc[0]
    assert (row["n"], row["failures"]) == (3, 2)
    assert row["test_accuracy_mean"] == pytest.approx(0.8)
    assert row["test_auc_mean"] == pytest.approx(0.4)
    assert row["valid_accuracy_mean"] == pytest.approx(0.85)  # of the same epochs
    assert row["train_accuracy_mean"] == pytest.approx(0.9)
    assert row["seconds_mean"] == pytest.approx((3 * 30 + 2 * 60) / (3 * 2 + 2 * 3))


def test_a_metric_that_some_runs_did_not_measure_has_the_interval_of_the_others():
    """Two runs restored epoch 1, a third one epoch 2."""
    table = pd.concat(
        [
            monitored(1, 0.6, 0.2, seed=0),
            monitored(1, 0.8, 0.3, seed=1),
            monitored(2, 0.1, 0.7, seed=2),
        ]
    )
    first, second = scores.epoch_means(table).to_dict("records")
    assert (first["n"], second["n"]) == (3, 3)
    interval = stats.ttest_1samp([0.6, 0.8], 0).confidence_interval(0.95)
    assert first["test_accuracy_low"] == pytest.approx(interval.low)
    assert first["test_accuracy_high"] == pytest.approx(interval.high)
    interval = stats.ttest_1samp([0.65, 0.85, 0.15], 0).confidence_interval(0.95)
    assert first["valid_accuracy_low"] == pytest.approx(interval.low)
    assert second["test_accuracy_mean"] == 0.7 and math.isnan(second["test_accuracy_low"])


def test_figures_that_no_run_has_stay_empty(epochs):
    for table in (scores.summarise(epochs), scores.epoch_means(epochs)):
        never = [c for c in table if c.startswith("valid") or "auc" in c]
        assert len(never) == 16 and table[never].isna().all(axis=None)


def published_table(*rows):
    columns = ["architecture", "activation", "train_accuracy_mean", "train_accuracy_std"]
    return pd.DataFrame(rows, columns=[*columns, "test_accuracy_mean", "test_accuracy_std", "runs"])


def test_compare_by_hand(epochs):
    published = published_table(
        ("small", "Tent", 0.83, 0.03, 0.75, 0.03, 5),
        ("small", "Hill", 0.70, 0.01, 0.55, 0.01, 5),
        ("small", "Bump", 0.70, 0.01, 0.60, 0.01, 5),  # all of ours diverged
        ("other", "Tent", 0.83, 0.03, 0.75, 0.03, 5),  # no such architecture of ours
    )
    names = {"tent": "Tent", "hill": "Hill", "bump": "Bump"}
    table = scores.compare(scores.summarise(epochs), published, names)
    assert list(table) == scores.REPRODUCTION
    assert table["metric"].tolist() == ["test_accuracy"] * 2 + ["train_accuracy"] * 2
    tent, hill = table.iloc[0], table.iloc[1]
    assert (tent["activation"], tent["published_as"]) == ("tent", "Tent")
    assert tent["difference"] == pytest.approx(-0.02)  # ours - published
    error = math.sqrt(0.0013 / 3 + 0.03**2 / 5)
    assert tent["tolerance"] == pytest.approx(3 * error + 0.005) and tent["agrees"]
    # one run of ours: the published sd stands in, 0.01 over 1 run and over 5 runs
    assert math.isnan(hill["ours_sd"]) and hill["ours_n"] == 1 and hill["published_n"] == 5
    assert hill["tolerance"] == pytest.approx(3 * math.sqrt(0.01**2 + 0.01**2 / 5) + 0.005)
    assert hill["difference"] == pytest.approx(0.05) and not hill["agrees"]


def test_compare_leaves_out_what_was_never_published(epochs):
    table = scores.compare(scores.summarise(epochs), published_table(), {"tent": "Tent"})
    assert table.empty and list(table) == scores.REPRODUCTION
    assert scores.agreement(table).empty
    assert list(scores.agreement(table)) == scores.AGREEMENT


def test_agreement_by_hand():
    reproduction = pd.DataFrame(
        {
            "architecture": ["a"] * 4 + ["b"] * 2,
            "metric": "test_accuracy",
            "ours_mean": [1.0, 2, 3, 4, 1, 2],
            "published_mean": [2.0, 1, 4, 3, 1, 2],
            "agrees": [True, True, True, False, False, False],
        }
    )
    reproduction["difference"] = reproduction["ours_mean"] - reproduction["published_mean"]
    first, second = scores.agreement(reproduction).to_dict("records")
    assert (first["cells"], first["agree"], first["share"]) == (4, 3, 0.75)
    assert first["mean_abs_difference"] == 1
    assert first["rank_correlation"] == pytest.approx(1 - 6 * 4 / (4 * 15))  # 1 - 6 sum d^2/(n^3-n)
    assert second["share"] == 0 and math.isnan(second["rank_correlation"])


def test_the_authors_two_runs_against_each_other():
    published = pd.read_csv(PUBLISHED)
    table = scores.replicate_agreement(published).set_index("metric")
    assert list(table["architecture"]) == ["resnet_norm"] * 2
    first = published[published["architecture"] == "resnet_norm"]["test_accuracy_mean"]
    second = published[published["architecture"] == "resnet_norm_replicate"]["test_accuracy_mean"]
    apart = np.abs(first.to_numpy() - second.to_numpy())
    row = table.loc["test_accuracy"]
    assert row["cells"] == 20 and row["agree"] == 20
    assert row["mean_abs_difference"] == pytest.approx(apart.mean())
    assert row["mean_abs_difference"] == pytest.approx(0.0011, abs=5e-4)
    expected = stats.spearmanr(first, second).statistic
    assert row["rank_correlation"] == pytest.approx(expected)
