"""Ranks, interquartile means and critical pairs: against hand-worked numbers and scipy."""

import math
import time

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from actgrid import aggregates, comparison
from actgrid.scores import RUN

NAN = math.nan
CHANCE = {"d": 0.1, "c": 0.5}


def cell(activation, *scores, net="net", dataset="d", study="s", metric="test_accuracy"):
    """A run per score, as `comparison.scored` has them; None diverged."""
    return [
        (study, dataset, net, activation, seed, metric, NAN if score is None else score)
        for seed, score in enumerate(scores)
    ]


def runs(*cells):
    return pd.DataFrame([r for rows in cells for r in rows], columns=[*RUN, "metric", "score"])


def rankings(*cells):
    return aggregates.rankings(runs(*cells), CHANCE, "relu", np.random.default_rng(0))


def test_a_normalised_score_is_0_by_guessing_and_1_if_perfect():
    found = aggregates.normalised(
        runs(
            cell("relu", 0.1, 1.0, 0.55, None),
            cell("relu", 0.5, 0.75, 0.0, dataset="c"),
            cell("relu", 0.5, 0.9, dataset="d", net="auc", metric="test_auc"),
        ),
        CHANCE,
    )
    expected = [0, 1, 0.5, 0, 0, 0.5, -1, 0, 0.8]
    assert found["value"].tolist() == pytest.approx(expected)
    assert found["value"].min() > aggregates.LAST


def test_a_panel_by_hand():
    found = rankings(
        cell("relu", 0.5, 0.6), cell("relu", 0.9, 0.9, net="deep"),
        cell("tanh", 0.8, 0.7), cell("tanh", 0.9, 0.9, net="deep"),
        cell("selu", 0.9, 0.9), cell("selu", None, None, net="deep"),
        cell("elu", 0.1, None), cell("elu", 0.05, 0.05, net="deep"),
    ).set_index("activation")  # fmt: skip
    assert list(found) == [c for c in aggregates.RANKINGS if c != "activation"]
    # net: selu, tanh, relu, elu; deep: relu and tanh even, elu below chance, selu last all the same
    assert found["mean_rank"].to_dict() == {"relu": 2.25, "tanh": 1.75, "selu": 2.5, "elu": 3.5}
    assert found[["cells", "n"]].to_numpy().tolist() == [[2, 4]] * 4
    assert found["failures"].tolist() == [0, 0, 2, 1]
    # the middle two of four normalised scores, failed runs as 0
    middle = {"relu": (5 + 8) / 18, "tanh": (7 + 8) / 18, "selu": (0 + 8) / 18, "elu": -0.5 / 18}
    assert found["iqm"].to_dict() == pytest.approx(middle)
    ranks = [[3, 2, 1, 4], [1.5, 1.5, 4, 3]]
    p = stats.friedmanchisquare(*np.transpose(ranks)).pvalue
    assert found["friedman_p"].tolist() == pytest.approx([p] * 4)


def test_iqm_agrees_with_scipy_over_runs_and_cells():
    rng = np.random.default_rng(1)
    values = rng.uniform(0.1, 1, (4, 5))
    found = rankings(*(cell("relu", *row, net=f"net{i}") for i, row in enumerate(values)))
    expected = stats.trim_mean((values.ravel() - 0.1) / 0.9, 0.25)
    row = found.iloc[0]
    assert row["iqm"] == pytest.approx(expected)
    assert row["iqm_low"] < expected < row["iqm_high"] <= 1


def test_the_interval_is_of_the_seeds_not_of_the_cells():
    """Cells far apart, seeds close together: drawn anew within cells, nothing moves far."""
    cells = [cell("relu", 0.3, 0.31, 0.32), cell("relu", 0.9, 0.91, 0.92, net="deep")]
    row = rankings(*cells).iloc[0]
    assert row["iqm_high"] - row["iqm_low"] < 0.05
    above = rankings(cell("relu", 0.97, 0.99, 1.0, 1.0)).iloc[0]
    assert above["iqm_high"] == 1  # no score is above


def test_a_study_is_ranked_on_the_pairs_that_all_its_activations_share():
    found = rankings(
        cell("relu", 0.5, 0.6), cell("tanh", 0.6, 0.7), cell("elu", 0.7, 0.8),
        cell("relu", 0.1, 0.1, net="deep"), cell("tanh", 0.9, 0.9, net="deep"),
    )  # fmt: skip
    assert found["cells"].tolist() == [1, 1, 1] and found["n"].tolist() == [2, 2, 2]
    assert found["mean_rank"].tolist() == [3, 2, 1]
    assert found["friedman_p"].isna().all()


def test_the_baseline_joins_a_study_without_it_where_it_ran_in_all_its_pairs():
    found = rankings(
        cell("relu", 0.5, 0.6, 0.7), cell("tanh", 0.6, 0.7, study="other"),
        cell("gelu", 0.5, 0.5, net="far", study="third"),
        cell("elu", 0.5, study="fourth"), cell("elu", 0.5, net="deep", study="fourth"),
    )  # fmt: skip
    panels = found.groupby("study")["activation"].agg(list).to_dict()
    assert panels == {
        "s": ["relu"],
        "other": ["tanh", "relu"],
        "third": ["gelu"],
        "fourth": ["elu"],
    }
    assert found.set_index(["study", "activation"]).loc[("other", "relu"), "n"] == 3


def test_equal_scores_share_a_rank_though_their_last_bits_differ():
    found = rankings(cell("relu", 0.1 + 0.2), cell("tanh", 0.3), cell("elu", 0.2))
    assert found["mean_rank"].tolist() == [1.5, 1.5, 3]


def test_friedman_needs_three_activations_two_cells_and_some_difference():
    def p(*rows):
        return aggregates.friedman_p(pd.DataFrame(rows))

    assert math.isnan(p([1, 2, 3])) and math.isnan(p([1, 2], [1, 2]))
    assert math.isnan(p([2, 2, 2], [2, 2, 2]))
    # ranks in full agreement over 3 cells: chi-squared 6 with 2 degrees of freedom
    assert p([1, 2, 3], [1, 2, 3], [1, 2, 3]) == pytest.approx(math.exp(-3))


def test_critical_pairs_by_hand():
    nets = [f"net{number}" for number in range(7)]
    shifts = {"relu": 0.5, "tanh": 0.6, "gelu": 0.65, "elu": 0.9}
    cells = [
        cell(name, shift + 0.001 * number * shift, net=net)
        for number, net in enumerate(nets)
        for name, shift in shifts.items()
    ]
    cells += [cell("relu", 0.9, net="alone")]  # not shared
    found = aggregates.critical_pairs(runs(*cells), CHANCE, ["tanh", "elu", "relu", "absent"])
    assert list(found) == aggregates.CRITICAL
    pairs = [("tanh", "elu", 2, 1), ("tanh", "relu", 2, 3), ("elu", "relu", 1, 3)]
    assert found[["a", "b", "rank_a", "rank_b"]].to_numpy().tolist() == [list(p) for p in pairs]
    assert found["cells"].tolist() == [7] * 3
    assert found["p"].tolist() == found["smallest_p"].tolist() == pytest.approx([2 / 128] * 3)
    assert found["p_holm"].tolist() == pytest.approx([6 / 128] * 3)
    assert found["apart"].tolist() == [True] * 3


def test_an_activation_that_was_run_elsewhere_does_not_empty_the_diagram():
    cells = [cell(name, 0.5, net=net) for net in "ab" for name in ("relu", "tanh", "elu")]
    cells += [cell("gelu", 0.5, net="far"), cell("relu", 0.5, net="far"), cell("elu", 0.9, net="x")]
    found = aggregates.critical_pairs(runs(*cells), CHANCE, ["gelu", "elu", "tanh", "relu"])
    named = found[["a", "b", "cells"]].to_numpy().tolist()
    assert named == [["elu", "tanh", 2], ["elu", "relu", 2], ["tanh", "relu", 2]]


def test_few_cells_tell_nothing_apart():
    cells = [cell(name, score, net=net)
             for net in "abc" for name, score in (("relu", 0.1), ("tanh", 0.9))]  # fmt: skip
    row = aggregates.critical_pairs(runs(*cells), CHANCE, ["relu", "tanh"]).iloc[0]
    assert row[["p", "smallest_p", "apart"]].tolist() == [0.25, 0.25, False]


def test_a_cell_that_failed_counts_against_its_activation():
    cells = [cell("relu", 0.05, net=net) for net in "abc"]
    cells += [cell("selu", None, net=net) for net in "abc"]
    row = aggregates.critical_pairs(runs(*cells), CHANCE, ["relu", "selu"]).iloc[0]
    assert row[["rank_a", "rank_b", "p"]].tolist() == [1, 2, 0.25]


@pytest.mark.parametrize(
    "cells", [[], [cell("relu", 0.5)], [cell("relu", 0.5), cell("tanh", 0.5, net="other")]]
)
def test_nothing_to_compare_leaves_the_headers(cells):
    found = aggregates.critical_pairs(runs(*cells), CHANCE, ["relu", "tanh"])
    assert list(found) == aggregates.CRITICAL and found.empty
    ranked = rankings(*cells)
    assert list(ranked) == aggregates.RANKINGS
    assert len(ranked) == (1 if len(cells) == 1 else 0)


def test_all_tables_of_two_thousand_runs_take_seconds():
    rng = np.random.default_rng(0)
    epochs = pd.DataFrame(
        [
            ("s", "d", f"net{net}", "relu" if a == 0 else f"a{a}", seed, "ok", 1, score, 0.5, NAN)
            for net in range(5)
            for a in range(80)
            for seed, score in enumerate(rng.uniform(0.2, 0.9, 5))
        ],
        columns=[*RUN, "status", "epoch", "test_accuracy", "test_loss", "test_auc"],
    )
    start = time.perf_counter()
    scored = comparison.scored(epochs)
    cells = comparison.cell_differences(scored, "relu")
    comparison.overall(scored, cells, "relu", rng)
    aggregates.rankings(scored, CHANCE, "relu", rng)
    aggregates.critical_pairs(scored, CHANCE, [f"a{number}" for number in range(1, 13)])
    assert time.perf_counter() - start < 15  # two seconds on an idle core
    assert len(scored) == 2000 and len(cells) == 395
