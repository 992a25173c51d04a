"""Activations against the baseline: every column by hand, failures counted, seeds never pooled."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from actgrid import comparison
from actgrid.scores import CELL, RUN

NAN = math.nan
COLUMNS = [*RUN, "status", "epoch", "test_accuracy", "test_loss", "test_auc"]


def cell(activation, *values, architecture="net", dataset="d", study="s", auc=False, first=0):
    """Two epochs a run, the second with the given score; None diverged in its first epoch."""
    rows = []
    for seed, value in enumerate(values, start=first):
        names = (study, dataset, architecture, activation, seed)
        if value is None:
            rows.append((*names, "diverged", 1, NAN, NAN, NAN))
            continue
        figures = (0.99, 0.5, value) if auc else (value, 0.5, NAN)
        rows += [(*names, "ok", 1, 0.1, 0.9, NAN), (*names, "ok", 2, *figures)]
    return rows


def table(*cells):
    return pd.DataFrame([row for rows in cells for row in rows], columns=COLUMNS)


def differences(*cells, leave_out=()):
    return comparison.cell_differences(comparison.scored(table(*cells), leave_out), "relu")


def overall(*cells):
    runs = comparison.scored(table(*cells))
    found = comparison.cell_differences(runs, "relu")
    rng = np.random.default_rng(0)
    return comparison.overall(runs, found, "relu", rng).set_index("activation")


def test_the_score_is_the_last_epochs_auc_where_the_pair_has_it_else_its_accuracy():
    runs = comparison.scored(
        table(
            cell("relu", 0.8, None, dataset="covertype", auc=True),
            cell("relu", 0.6, dataset="banknote", first=7),
        )
    )
    assert list(runs) == [*RUN, "metric", "score"]
    assert runs["metric"].tolist() == ["test_auc", "test_auc", "test_accuracy"]
    assert runs["score"].tolist() == pytest.approx([0.8, NAN, 0.6], nan_ok=True)
    assert runs["seed"].tolist() == [0, 1, 7]


def test_a_cell_by_hand():
    found = differences(cell("relu", 0.5, 0.6, 0.7), cell("tanh", 0.8, 0.9, 0.7, None))
    assert list(found) == comparison.DIFFERENCES and len(found) == 1
    row = found.iloc[0]
    assert row[[*CELL, "metric"]].tolist() == ["s", "d", "net", "tanh", "test_accuracy"]
    assert row[["n", "failures", "baseline_n"]].tolist() == [3, 1, 3]
    # both SDs 0.1, 4 degrees of freedom: 2.776445 from a table
    half = 2.776445 * math.sqrt(0.01 / 3 + 0.01 / 3)
    columns = ["score", "score_sd", "baseline_score", "difference", "low", "high"]
    assert row[columns].tolist() == pytest.approx([0.8, 0.1, 0.6, 0.2, 0.2 - half, 0.2 + half])
    assert row["seed_correlation"] == pytest.approx(-0.5)  # of (.5 .6 .7) and (.8 .9 .7)
    assert row["outcome"] == "tie"


def test_outcomes_are_decided_by_the_interval_alone():
    found = differences(
        cell("relu", 0.50, 0.51, 0.52),
        cell("up", 0.60, 0.61, 0.62),
        cell("down", 0.40, 0.41, 0.42),
        cell("wide", 0.40, 0.60, 0.80),
        cell("single", 0.90),
    ).set_index("activation")
    assert found["outcome"].tolist()[:3] == ["win", "loss", "tie"]
    assert found.loc[["up", "wide"], "low"].tolist() == pytest.approx(
        [
            stats.ttest_ind(a, [0.5, 0.51, 0.52], equal_var=False).confidence_interval().low
            for a in ([0.6, 0.61, 0.62], [0.4, 0.6, 0.8])
        ]
    )
    single = found.loc["single"]
    assert single["difference"] == pytest.approx(0.39) and single["n"] == 1
    assert single[["score_sd", "low", "high", "seed_correlation", "outcome"]].isna().all()


def test_a_cell_whose_every_run_failed_keeps_its_row_and_is_a_loss():
    row = differences(cell("relu", 0.5, 0.6), cell("selu", None, None, None)).iloc[0]
    assert row[["n", "failures", "baseline_n", "outcome"]].tolist() == [0, 3, 2, "loss"]
    assert row[["score", "difference", "low", "high"]].isna().all()
    failed = differences(cell("relu", None, None), cell("selu", 0.5, 0.6)).iloc[0]
    assert failed["score"] == 0.55 and failed["baseline_n"] == 0
    assert failed[["baseline_score", "difference", "low"]].isna().all()
    assert failed["outcome"] == "win"
    both = differences(cell("relu", None), cell("selu", None)).iloc[0]
    assert both[["difference", "outcome"]].isna().all()


def test_cells_meet_the_baseline_of_their_pair_whatever_its_study():
    found = differences(
        cell("tanh", 0.7, study="other"),
        cell("tanh", 0.2, architecture="alone"),  # no relu there
        cell("tanh", 0.2, dataset="bad"),
        cell("relu", 0.6, dataset="bad"),
        cell("relu", 0.6),
        leave_out=["bad"],
    )
    assert found[[*CELL]].to_numpy().tolist() == [["other", "d", "net", "tanh"]]
    assert found["difference"].tolist() == pytest.approx([0.1])


def test_only_seeds_that_both_have_are_correlated():
    row = differences(
        cell("relu", 0.1, 0.2, 0.3, 0.5, first=2), cell("tanh", None, 0.9, 0.4, 0.6, 0.5, 0.1)
    ).iloc[0]  # seeds 2 to 5 and 1 to 5
    expected = np.corrcoef([0.1, 0.2, 0.3, 0.5], [0.4, 0.6, 0.5, 0.1])[0, 1]
    assert row["seed_correlation"] == pytest.approx(expected)
    same = differences(cell("relu", 0.5, 0.5, 0.5), cell("tanh", 0.5, 0.6, 0.7)).iloc[0]
    two = differences(cell("relu", 0.5, 0.6, 0.7), cell("tanh", 0.5, 0.6)).iloc[0]
    assert np.isnan([same["seed_correlation"], two["seed_correlation"]]).all()


NETS = ["a", "b", "c", "e"]


def four_cells(name="tanh", seeds=1):
    """Four networks; the means of `name` differ from relu's by .1 .2 -.3 .4 on average."""
    shifts = dict(zip(NETS, (0.1, 0.2, -0.3, 0.4), strict=True))
    return [
        cell(activation, *([0.49 + shift, 0.51 + shift] * seeds), architecture=net)
        for net in NETS
        for activation, shift in (("relu", 0), (name, shifts[net]))
    ]


def test_over_cells_by_hand():
    found = overall(*four_cells())
    assert list(found) == comparison.COMPARISON[1:]
    row = found.loc["tanh"]
    counts = ["cells", "auc_cells", "failed_cells", "runs", "failures"]
    assert row[counts].tolist() == [4, 0, 0, 8, 0]
    interval = stats.ttest_1samp([0.1, 0.2, -0.3, 0.4], 0).confidence_interval()
    columns = ["mean_difference", "low", "high", "effect_size"]
    assert row[columns].tolist() == pytest.approx([0.1, interval.low, interval.high, 0.4])
    assert row[["wins", "ties", "losses"]].tolist() == [3, 0, 1]
    assert row[["p", "smallest_p"]].tolist() == pytest.approx([10 / 16, 2 / 16])
    assert np.isnan(row["p_holm"])  # four cells can never give p < .05
    assert row["improvement"] == pytest.approx(3 / 4)
    assert np.isnan(row["improvement_low"])  # every run of a cell lies on one side


def test_seeds_are_not_cells():
    few, many = (overall(*four_cells(seeds=seeds)).loc["tanh"] for seeds in (1, 10))
    assert many["runs"] == 10 * few["runs"]
    columns = ["cells", "mean_difference", "low", "high", "effect_size", "p", "smallest_p"]
    assert many[columns].tolist() == pytest.approx(few[columns].tolist())


def test_holm_counts_the_activations_whose_cells_can_decide():
    nets = [f"net{number}" for number in range(7)]
    shifts = {"up": 0.1, "down": -0.2, "even": 0.0}
    cells = [
        cell(name, 0.5 + shift + 0.001 * number, 0.5 + shift, architecture=net)
        for number, net in enumerate(nets)
        for name, shift in {"relu": 0, **shifts}.items()
    ]
    found = overall(*cells, cell("rare", 0.9, 0.8, architecture="net0"))
    assert found["p"].tolist() == pytest.approx([2 / 128, 2 / 128, 1, 1])
    assert found["p_holm"].tolist() == pytest.approx([6 / 128, 6 / 128, 1, NAN], nan_ok=True)
    assert found.loc["even", ["effect_size", "mean_difference"]].tolist() == [0, 0]
    assert found.loc["even", "improvement"] == 0.5


def test_failures_stay_in_the_comparison():
    found = overall(
        cell("relu", 0.5, 0.52), cell("relu", 0.5, 0.52, architecture="deep"),
        cell("relu", 0.8, 0.8, dataset="covertype", auc=True),
        cell("elu", 0.6, None), cell("elu", None, None, architecture="deep"),
        cell("elu", 0.9, 0.7, dataset="covertype", auc=True),
    ).loc["elu"]  # fmt: skip
    counts = ["cells", "auc_cells", "failed_cells", "runs", "failures"]
    assert found[counts].tolist() == [3, 1, 1, 6, 3]
    assert found["mean_difference"] == pytest.approx((0.09 + 0.0) / 2)  # of two cells
    assert found[["wins", "ties", "losses"]].tolist() == [0, 1, 1]  # one run has no interval
    assert found["smallest_p"] == 0.5
    assert found["improvement"] == pytest.approx((0.5 + 0 + 0.5) / 3)


def test_an_activation_that_only_failed():
    found = overall(cell("relu", 0.0, 0.52), cell("elu", None, None)).loc["elu"]
    assert found[["cells", "failed_cells", "failures", "losses"]].tolist() == [1, 1, 2, 1]
    assert found[["mean_difference", "low", "effect_size", "p", "smallest_p"]].isna().all()
    assert found["improvement"] == 0


def as_runs(epochs):
    """The columns of runs.csv that tell of failures."""
    runs = epochs.groupby([*CELL, "seed"], sort=False).agg(
        status=("status", "first"), end=("epoch", "max")
    )
    diverged = runs.pop("end").where(runs["status"] != "ok").astype("Int64")
    constant = pd.Series(pd.NA, runs.index, "Int64")
    return runs.assign(diverged_epoch=diverged, constant_epoch=constant).reset_index()


def test_where_and_when_runs_failed():
    epochs = table(cell("elu", 0.5, None, None), cell("relu", 0.5), cell("selu", None))
    late = pd.DataFrame(
        [("s", "d", "net", "elu", 9, "diverged", epoch, 0.1, 0.1, NAN) for epoch in (1, 2, 3)],
        columns=COLUMNS,
    )
    runs = as_runs(pd.concat([epochs, late]))
    runs.loc[runs["activation"] == "relu", "constant_epoch"] = 2
    found = comparison.failures(runs)
    assert list(found) == comparison.FAILURES
    assert found.to_numpy().tolist() == [
        ["s", "d", "net", "elu", "diverged", 3, 4, 1, 3],
        ["s", "d", "net", "selu", "diverged", 1, 1, 1, 1],
        ["s", "d", "net", "relu", "constant", 1, 1, 2, 2],
    ]


@pytest.mark.parametrize("cells", [[], [cell("relu", 0.5)], [cell("tanh", 0.5, 0.6)]])
def test_nothing_to_compare_leaves_the_headers(cells):
    epochs = table(*cells)
    runs = comparison.scored(epochs)
    found = comparison.cell_differences(runs, "relu")
    assert list(found) == comparison.DIFFERENCES and found.empty
    over = comparison.overall(runs, found, "relu", np.random.default_rng(0))
    assert list(over) == comparison.COMPARISON and over.empty
    failed = comparison.failures(as_runs(epochs))
    assert list(failed) == comparison.FAILURES and failed.empty


def test_one_cell_of_one_seed():
    row = overall(cell("relu", 0.5), cell("tanh", 0.7)).loc["tanh"]
    assert row[["mean_difference", "p", "smallest_p"]].tolist() == pytest.approx([0.2, 1, 1])
    assert row[["low", "high", "p_holm", "improvement_low", "improvement_high"]].isna().all()
    assert row[["wins", "ties", "losses", "improvement"]].tolist() == [0, 0, 0, 1]


def test_no_function_changes_what_it_is_given():
    epochs = table(*four_cells(), cell("elu", None))
    before = epochs.copy()
    runs = comparison.scored(epochs)
    kept, found = runs.copy(), comparison.cell_differences(runs, "relu")
    comparison.overall(runs, found, "relu", np.random.default_rng(0))
    comparison.failures(as_runs(epochs))
    pd.testing.assert_frame_equal(epochs, before)
    pd.testing.assert_frame_equal(runs, kept)
