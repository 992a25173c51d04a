"""Comparisons of learned activations, on hand-worked numbers."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from actgrid import grid, learned, scores, shorthand

CONFIG = shorthand.resolve(yaml.safe_load(Path("config.yaml").read_text()))
ACTIVATIONS = CONFIG["activations"]
PUBLISHED = pd.read_csv("resources/published/learned_activation_auc.csv")
NAN = float("nan")


def epochs(results, dataset="covertype", study="learned", seconds=1.0):
    """Three epochs a run, the second being the restored one, which alone is tested.

    results: (architecture, activation) -> the test AUC of each seed, which is 0.01 below the
    validation's; None for a run that diverges in its second epoch.
    """
    rows = []
    for (architecture, activation), values in results.items():
        for seed, value in enumerate(values):
            run = (study, dataset, architecture, activation, seed)
            status, steps = ("ok", (-0.1, 0, -0.02)) if value else ("diverged", (0, NAN))
            for number, step in enumerate(steps, 1):
                valid, test = (value or 0.8) + 0.01 + step, NAN if step else value or NAN
                rows.append((*run, status, number, valid, test, seconds * number**2))
    columns = [*scores.RUN, "status", "epoch", "valid_auc", "test_auc", "seconds"]
    table = pd.DataFrame(rows, columns=columns)
    table = table.assign(test_accuracy=table["test_auc"] - 0.1, test_loss=1 - table["test_auc"])
    return table.assign(**dict.fromkeys(set(scores.METRICS) - set(table), NAN))


def without_validation(results, **names):
    """The same where no validation is monitored: accuracies, tested after every epoch."""
    table = epochs(results, **names)
    tested = table[["test_accuracy", "test_loss"]].fillna(0.3)
    return table.assign(valid_auc=NAN, test_auc=NAN, **tested).query("epoch < 3")


def small(**results):
    """(mlp_48_24, activation) -> values of its seeds."""
    return {("mlp_48_24", name): values for name, values in results.items()}


def compared(results):
    return learned.differences(epochs(results), ACTIVATIONS)


def every(value):
    """A made-up value of every run of config.yaml's networks for covertype."""
    cells = {}
    for run in grid.expand(CONFIG):
        if run.dataset == "covertype":
            seeds = cells.setdefault((run.architecture, run.activation), [])
            seeds.append(value(run))
    return epochs(cells)


# --- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (("mlp_48_24", "learned_tanh_small"), ("tanh", "small", "small", "tabulated")),
        (("mlp_48_24_16", "learned_relu_medium"), ("relu", "medium", "medium", "tabulated")),
        (("mlp_96_48_32", "learned_gelu_large_exact"), ("gelu", "large", "large", "exact")),
        (("mlp_96_48_32", "gelu_matched_small"), ("gelu", "large", "small", "tabulated")),
        (("banknote_mlp", "transfer_tanh_large"), ("tanh", "banknote_mlp", "large", "tabulated")),
        (("resnet_norm", "own"), ("gelu", "resnet_norm", "5-4", "tabulated")),
    ],
)
def test_labels_are_the_source_works_sizes_or_our_own_names(cell, expected):
    own = {"own": {"function": "learned", "base": "gelu", "layers": [5, 4], "family": "f"}}
    assert tuple(learned.labels(ACTIVATIONS | own, *cell).values()) == expected


def test_every_learned_activation_of_the_config_is_compared_four_times():
    table = learned.comparisons(ACTIVATIONS)
    assert table["comparison"].value_counts().to_dict() == dict.fromkeys(
        ("base", "matched", "exact", "transfer"), 9
    )
    assert not table.duplicated().any()
    of_one = table[table["activation"].str.endswith("gelu_medium")].set_index("comparison")
    assert of_one["against"].to_dict() == {
        "base": "gelu",
        "matched": "gelu_matched_medium",
        "exact": "learned_gelu_medium_exact",
        "transfer": "gelu",
    }


def test_exact_is_compared_with_tabulated_of_the_same_base_and_sizes_only():
    entry = {"function": "learned", "base": "relu", "layers": [4]}
    entries = {"a": entry | {"family": "f"}, "b": entry | {"family": "other"}}
    entries["c"] = entry | {"evaluation": "exact"}
    entries |= {"d": entries["c"] | {"layers": [5]}, "e": entries["c"] | {"base": "tanh"}}
    table = learned.comparisons(entries).query("comparison == 'exact'")
    assert table[["activation", "against"]].values.tolist() == [["a", "c"], ["b", "c"]]


def test_matched_is_the_base_and_no_other_function_in_the_widened_network():
    relu = {"function": "learned", "base": "relu", "layers": [4]}
    entries = {"a": relu, "b": {"function": "relu", "matched_to": "a"}}
    entries["c"] = {"function": "gelu", "matched_to": "a"}
    table = learned.comparisons(entries).query("comparison == 'matched'")
    assert table[["activation", "against"]].values.tolist() == [["a", "b"]]


def test_the_config_has_a_partner_for_every_cell():
    names = {run.activation for run in grid.expand(CONFIG)}
    table = learned.comparisons(ACTIVATIONS)
    assert {*table["activation"], *table["against"]} <= names
    cells = learned.parity(learned.differences(every(lambda run: 0.9), ACTIVATIONS))
    assert cells["comparison"].value_counts().to_dict() == dict.fromkeys(
        ("base", "matched", "exact"), 27
    )


# --- differences, cells, and cells together -----------------------------------------------------


def test_differences_are_paired_by_seed_and_leave_a_diverged_partner_out():
    table = compared(
        small(relu=[0.90, 0.94, None, 0.80], learned_relu_small=[0.91, 0.97, 0.99, None])
    )
    assert table["seed"].tolist() == [0, 1] and set(table["metric"]) == {"test_auc"}
    assert table["score"].tolist() == [0.91, 0.97]
    assert table["score_against"].tolist() == [0.90, 0.94]
    assert table["difference"].tolist() == pytest.approx([0.01, 0.03])
    assert table[learned.LABELS].drop_duplicates().values.tolist() == [
        ["relu", "small", "small", "tabulated"]
    ]


def test_runs_meet_on_their_own_network_and_data_whatever_the_study():
    here = epochs(small(relu=[0.90], learned_relu_small=[0.91]))
    other_network = epochs({("mlp_96_48_32", "relu"): [0.5]}, study="other")
    moved = without_validation(
        {("small", "relu"): [0.70], ("small", "transfer_relu_small"): [0.66]},
        dataset="fashion_mnist",
        study="transfer",
    )
    moved.loc[moved["activation"] == "relu", "study"] = "handmade"
    table = learned.differences(pd.concat([here, other_network, moved]), ACTIVATIONS)
    found = table[["dataset", "comparison", "metric", "difference"]].values.tolist()
    assert found == [
        ["covertype", "base", "test_auc", pytest.approx(0.01)],
        ["fashion_mnist", "transfer", "test_accuracy", pytest.approx(-0.04)],
    ]


def test_an_interval_is_that_of_the_paired_t_test():
    ours, base = [0.91, 0.97, 0.95, 0.93], [0.90, 0.94, 0.96, 0.91]
    (cell,) = learned.parity(compared(small(relu=base, learned_relu_small=ours))).to_dict("records")
    test = stats.ttest_rel(ours, base)
    interval = test.confidence_interval(0.95)
    assert cell["n"] == 4 and cell["mean"] == pytest.approx(0.0125)
    assert [cell["low"], cell["high"]] == pytest.approx([interval.low, interval.high])
    assert cell["mean"] / cell["sd"] * 2 == pytest.approx(test.statistic)


def test_one_seed_has_a_mean_and_no_interval():
    (cell,) = learned.parity(compared(small(tanh=[0.9], learned_tanh_small=[0.92]))).to_dict(
        "records"
    )
    assert (cell["n"], cell["mean"]) == (1, pytest.approx(0.02))
    assert np.isnan([cell["sd"], cell["low"], cell["high"]]).all()


def cells_with(means, base="relu", comparison="base"):
    place = {"dataset": "covertype", "comparison": comparison, "base": base, "metric": "test_auc"}
    return pd.DataFrame([place | {"mean": mean} for mean in means])


def test_cells_together_give_wins_an_interval_over_cells_and_wilcoxons_p():
    means = [0.010, 0.004, -0.002, 0.008, 0.001, 0.003, -0.0005]
    tied = cells_with([0.002, -0.002, 0.0], base="tanh")
    relu, tanh = learned.overall(pd.concat([cells_with(means), tied])).to_dict("records")
    interval = stats.ttest_1samp(means, 0).confidence_interval(0.95)
    assert (relu["base"], relu["n"], relu["wins"], relu["losses"]) == ("relu", 7, 5, 2)
    assert relu["mean"] == pytest.approx(sum(means) / 7)
    assert [relu["low"], relu["high"]] == pytest.approx([interval.low, interval.high])
    assert relu["p"] == pytest.approx(stats.wilcoxon(means).pvalue)
    assert (tanh["base"], tanh["n"], tanh["wins"], tanh["losses"]) == ("tanh", 3, 1, 1)


@pytest.mark.parametrize(
    ("means", "p"),
    [
        ([0.01 * k for k in range(1, 6)], NAN),  # 5 cells: no p could be below 0.05
        ([0.01 * k for k in range(1, 7)], 2 / 2**6),  # all 6 of one sign
        ([0.0] * 6, 1.0),  # no difference anywhere
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value")
def test_p_of_cells_by_hand(means, p):
    assert learned.overall(cells_with(means))["p"].tolist() == pytest.approx([p], nan_ok=True)


def test_a_grid_without_partners_gives_empty_tables_with_their_columns():
    alone = epochs(small(learned_relu_small=[0.9, 0.91]))
    differences = learned.differences(alone, ACTIVATIONS)
    cells = learned.parity(differences)
    tables = [differences, cells, learned.overall(cells), learned.evaluations(alone, ACTIVATIONS)]
    assert [len(table) for table in tables] == [0] * 4
    full = compared(small(relu=[0.9], learned_relu_small=[0.9]))
    assert list(differences) == list(full) and list(cells) == list(learned.parity(full))
    assert list(tables[2]) == list(learned.overall(learned.parity(full)))


# --- exact evaluation ---------------------------------------------------------------------------


def test_evaluations_hold_both_ways_of_a_run_side_by_side():
    tabulated = epochs(small(learned_relu_small=[0.90, 0.92]), seconds=0.5)
    exact = epochs(small(learned_relu_small_exact=[0.901]), seconds=10.0).query("epoch < 3")
    (row,) = learned.evaluations(pd.concat([tabulated, exact]), ACTIVATIONS).to_dict("records")
    assert (row["activation"], row["against"]) == ("learned_relu_small", "learned_relu_small_exact")
    assert (row["seed"], row["score"], row["score_against"]) == (0, 0.90, 0.901)
    assert row["difference"] == pytest.approx(-0.001)
    assert row["seed_sd"] == pytest.approx(0.02 / 2**0.5)  # of 0.90 and 0.92
    assert (row["epochs"], row["epochs_against"]) == (3, 2)
    assert (row["seconds"], row["seconds_against"]) == (2.0, 25.0)  # medians
    assert row["ratio"] == pytest.approx(12.5)


def test_the_sd_over_seeds_does_not_ask_for_a_base():
    results = small(learned_relu_small=[0.90, 0.92, None], learned_relu_small_exact=[0.9])
    for base in ({}, small(relu=[0.9, None, 0.9])):
        table = learned.evaluations(epochs(results | base), ACTIVATIONS)
        assert table["seed_sd"].tolist() == pytest.approx([0.02 / 2**0.5])
    table = learned.evaluations(
        epochs(small(learned_relu_small=[0.9], learned_relu_small_exact=[0.9])), ACTIVATIONS
    )
    assert table["seed_sd"].isna().tolist() == [True]


def test_the_pooled_sd_is_that_of_all_tabulated_cells():
    results = small(learned_relu_small=[0.90, 0.92], learned_relu_small_exact=[0.9, 0.99])
    results |= {("mlp_96_48_32", "learned_tanh_large"): [0.95, 0.99], ("mlp_48_24", "relu"): [1, 2]}
    table = learned.evaluations(epochs(results), ACTIVATIONS)
    pooled = ((0.02**2 / 2 + 0.04**2 / 2) / 2) ** 0.5
    assert table["pooled_sd"].tolist() == pytest.approx([pooled] * 2)


# --- collapsed runs, published scores, curves ---------------------------------------------------


def test_collapsed_are_runs_that_diverged_or_tell_nothing_apart():
    table = epochs(small(tanh=[0.5, 0.9], relu=[None, 0.9], gelu=[0.541]))
    tested_only = without_validation({("small", "relu"): [0.1]}, dataset="fashion_mnist")
    found = learned.collapsed(pd.concat([table, tested_only]))
    assert found[["activation", "seed", "status", "valid_auc"]].values.tolist() == [
        ["tanh", 0, "ok", pytest.approx(0.51)],
        ["relu", 0, "diverged", pytest.approx(0.81)],  # the best before
    ]
    assert learned.collapsed(epochs(small(tanh=[0.9]))).empty
    nothing = table[table["status"] == "diverged"].assign(valid_auc=NAN)
    assert learned.collapsed(nothing)["valid_auc"].isna().tolist() == [True]


def test_all_27_published_scores_meet_ours():
    def value(run):
        exact = run.activation.endswith("exact")
        return 0.5 if exact else 0.9 + 0.001 * run.seed + 0.01 * ("medium" in run.activation)

    table = learned.against_published(every(value), PUBLISHED, ACTIVATIONS)
    assert len(table) == len(PUBLISHED) == 27
    keys = ["base", "outer", "inner"]
    assert table[[*keys, "published"]].values.tolist() == PUBLISHED.values.tolist()
    assert (table["n"] == 5).all()
    expected = 0.912 + 0.01 * (table["inner"] == "medium")  # validation, of the restored epoch
    assert table["ours_mean"].tolist() == pytest.approx(expected.tolist())
    spread = np.std([0, 0.001, 0.002, 0.003, 0.004], ddof=1)
    assert table["ours_sd"].tolist() == pytest.approx([spread] * 27)
    half = stats.t.ppf(0.975, 4) * spread / 5**0.5
    assert (table["ours_high"] - table["ours_mean"]).tolist() == pytest.approx([half] * 27)
    row = table[(table[keys] == ["relu", "large", "small"]).all(axis=1)].iloc[0]
    assert row["published"] == 0.9688 and row["difference"] == pytest.approx(0.912 - 0.9688)


def test_without_a_published_table_there_is_no_row_and_every_column():
    ours = epochs(small(learned_relu_small=[0.9, 0.91]))
    none = pd.DataFrame(columns=learned.PUBLISHED)
    table = learned.against_published(ours, none, ACTIVATIONS)
    assert table.empty
    assert list(table) == list(learned.against_published(ours, PUBLISHED, ACTIVATIONS))


def test_a_combination_that_is_not_published_is_left_out():
    ours = epochs(
        {("mlp_48_24", "learned_relu_small"): [0.9], ("mlp_9", "learned_relu_small"): [1]}
    )
    table = learned.against_published(ours, PUBLISHED, ACTIVATIONS)
    assert table[["base", "outer", "inner", "n"]].values.tolist() == [["relu", "small", "small", 1]]


@pytest.mark.parametrize("scale", [0.1, 1.0, 4.0])
def test_the_density_of_a_curve_integrates_to_the_share_within_it(scale):
    quantile = np.linspace(0, 1, 1001)
    values = scale * stats.norm.ppf(np.clip(quantile, 1e-4, 1 - 1e-4))
    x = np.linspace(-10, 10, 2001)
    graph = pd.DataFrame({"x": x, "f": np.sin(x), "df": np.cos(x)})
    curve = learned.curve(graph, pd.DataFrame({"quantile": quantile, "all": values}))
    assert (curve["x"].min(), curve["x"].max(), len(curve)) == (-3, 3, 601)
    share = np.trapezoid(curve["density"], curve["x"])
    assert share == pytest.approx(stats.norm.cdf(3 / scale) - stats.norm.cdf(-3 / scale), abs=2e-3)
    assert curve["f"].tolist() == pytest.approx(np.sin(curve["x"]).tolist(), abs=1e-4)
    assert curve["df"].tolist() == pytest.approx(np.cos(curve["x"]).tolist(), abs=1e-4)
    far = curve[curve["x"].abs() > values.max() + 0.05]
    assert (far["density"] == 0).all()
