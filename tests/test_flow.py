"""Tables on what goes on inside networks: hand-worked numbers, failures, seeds and layers."""

import math

import numpy as np
import pandas as pd
import pytest

from actgrid import flow, scores

CELL = {"study": "s", "dataset": "d", "architecture": "net"}
pytestmark = pytest.mark.filterwarnings("error")


def row(activation="relu", seed=0, status="ok", epoch=0, part="weights", layer=1, **measures):
    names = {**CELL, "activation": activation, "seed": seed, "status": status}
    known = dict.fromkeys([*flow.SIZES, *flow.MEASURES, "low", "high"], np.nan)
    return names | {"epoch": epoch, "part": part, "layer": layer} | known | measures


def weights(norm, **names):
    return row(gradient_norm=norm, gradient_rms=norm / 10, **names)


def units(mean=0.0, dead=0.0, saturated=0.0, **names):
    return row(part="activation", mean=mean, dead=dead, saturated=saturated, **names)


def layer_means(*rows):
    return flow.layer_means(pd.DataFrame(rows))


def final_table(activations, n=1, failures=0):
    """As `scores.summarise` gives it; the accuracies are 0.7, 0.6 and 0.8."""
    rows = [(*CELL.values(), name, n, failures, 0.7, 0.6, 0.8) for name in activations]
    return pd.DataFrame(rows, columns=[*scores.CELL, *flow.OUTCOME])


# --- layer_means --------------------------------------------------------------------------------


def test_gradients_have_the_geometric_mean_and_the_extremes_of_the_seeds():
    (found,) = layer_means(*(weights(v, seed=i) for i, v in enumerate((1e-6, 1e-3, 1.0)))).to_dict(
        "records"
    )
    assert found["gradient_norm"] == pytest.approx(1e-3)
    assert found["gradient_rms"] == pytest.approx(1e-4)
    assert (found["gradient_norm_low"], found["gradient_norm_high"]) == (1e-6, 1.0)
    assert (found["n"], found["failures"]) == (3, 0)
    assert math.isnan(found["dead"]) and math.isnan(found["preactivation_rms"])


@pytest.mark.parametrize(
    ("values", "expected"),
    [((0.0, 1.0), 0.0), ((0.0, 0.0), 0.0), ((np.nan, 1.0), np.nan), ((0.0, np.nan), np.nan),
     ((np.inf, 1.0), np.inf)],
)  # fmt: skip
def test_a_zero_or_a_nan_of_one_seed_is_seen(values, expected):
    table = layer_means(*(weights(v, seed=i) for i, v in enumerate(values)))
    np.testing.assert_array_equal(table["gradient_norm"], [expected])


def test_units_have_plain_means_over_seeds():
    (found,) = layer_means(
        units(0.2, dead=0.1, saturated=0.5, seed=0), units(0.4, dead=0.3, saturated=0.7, seed=1)
    ).to_dict("records")
    assert [found[key] for key in flow.STATES] == pytest.approx([0.3, 0.2, 0.6])


def test_rows_keep_parts_layers_epochs_and_activations_apart_in_their_order():
    rows = [
        make(1.0 + layer, activation=name, epoch=epoch, layer=layer)
        for name in ("tanh", "relu")
        for epoch in (0, 1)
        for make in (weights, units)
        for layer in (1, 2)
    ]
    table = layer_means(*rows)
    expected = pd.DataFrame(rows)[flow.KEYS]
    pd.testing.assert_frame_equal(table[flow.KEYS], expected)
    assert (table["n"] == 1).all()


def test_diverged_runs_are_left_out_and_counted_and_their_cell_keeps_its_rows():
    table = layer_means(
        weights(1.0, seed=0),
        *(weights(v, seed=1, status="diverged", epoch=e) for e, v in enumerate((9.0, np.nan))),
        weights(9.0, activation="selu", status="diverged"),
    )
    table = table.set_index(["activation", "epoch"])
    assert table.loc[("relu", 0), ["n", "failures", "gradient_norm"]].tolist() == [1, 1, 1.0]
    for cell, failures in ((("relu", 1), 1), (("selu", 0), 1)):
        assert table.loc[cell, ["n", "failures"]].tolist() == [0, failures]
        assert math.isnan(table.loc[cell, "gradient_norm"])


def test_an_index_that_repeats_itself_changes_nothing():
    """Tables of several networks, concatenated as they are."""
    rows = [weights(v, seed=i) for i, v in enumerate((1e-6, 1.0))]
    rows += [weights(1.0, activation="tanh"), units(0.5), units(-0.25, activation="tanh")]
    table = pd.DataFrame(rows)
    repeated = table.set_axis([0] * len(table))
    found = flow.layer_means(repeated)
    pd.testing.assert_frame_equal(found, flow.layer_means(table))
    doubled = found.set_axis([0] * len(found))
    pd.testing.assert_frame_equal(flow.over_layers(doubled), flow.over_layers(found))


# --- histograms ---------------------------------------------------------------------------------


def histogram(low, high, shares, **names):
    bins = {f"bin_{number}": share for number, share in enumerate(shares, 1)}
    return units(low=low, high=high, **bins, **names)


def test_histograms_are_those_of_the_first_good_seed_at_its_first_and_last_epoch():
    rows = [
        histogram(-1.0, 3.0, (0.1 * seed, 1 - 0.1 * seed), seed=seed, epoch=epoch, layer=layer)
        | {"status": "diverged" if seed == 2 else "ok"}
        for seed in (4, 3, 2)
        for epoch in (0, 1, 2)
        for layer in (1, 2)
    ]
    table = flow.histograms(pd.DataFrame([weights(1.0, seed=3), *rows]))
    assert set(table["seed"]) == {3}
    cells = table[["epoch", "layer"]].drop_duplicates().to_numpy().tolist()
    assert cells == [[0, 1], [0, 2], [2, 1], [2, 2]]
    first = table.iloc[:2]
    assert first[["low", "high", "share"]].to_numpy().tolist() == [
        [-1, 1, pytest.approx(0.3)], [1, 3, pytest.approx(0.7)]
    ]  # fmt: skip


def test_a_layer_with_one_value_has_the_range_that_torch_counts_in():
    torch = pytest.importorskip("torch")
    shares = torch.histc(torch.full((8,), 5.0), 4) / 8
    table = flow.histograms(pd.DataFrame([histogram(5.0, 5.0, shares.tolist())]))
    assert table["low"].tolist() == [4, 4.5, 5, 5.5] and table["high"].iloc[-1] == 6
    (full,) = table[table["share"] > 0].to_dict("records")
    assert full["low"] <= 5 <= full["high"] and full["share"] == 1


def test_values_that_are_not_finite_have_no_histogram():
    rows = [histogram(0.0, np.inf, (np.nan, np.nan)), histogram(0.0, 1.0, (0.5, 0.5), layer=2)]
    assert flow.histograms(pd.DataFrame(rows))["layer"].tolist() == [2, 2]


def test_the_bins_are_those_of_diagnostics():
    torch = pytest.importorskip("torch")
    from actgrid.diagnostics import BINS, activation_measures

    values = torch.linspace(-2, 4, 601, requires_grad=True).reshape(-1, 1)
    measures = activation_measures(torch.nn.Identity(), values, values, torch.ones_like(values))
    table = flow.histograms(pd.DataFrame([row(part="activation", **measures)]))
    assert len(table) == BINS and table["share"].sum() == pytest.approx(1)
    counted, edges = np.histogram(values.detach().numpy(), BINS)
    np.testing.assert_allclose(table["low"], edges[:-1], atol=1e-6)
    np.testing.assert_allclose(table["share"], counted / 601, atol=0.002)


# --- over layers, and the summary ---------------------------------------------------------------


def three_layers():
    """Gradients 1e-5, 1e-3, 1e-2 and units at the start; all alike after epoch 3."""
    start = [weights(v, layer=layer) for layer, v in enumerate((1e-5, 1e-3, 1e-2), 1)]
    start += [units(-0.6, 0.1, 0.0, layer=1), units(0.2, 0.3, 0.4, layer=2)]
    end = [weights(2.0, layer=layer, epoch=3) for layer in (1, 2, 3)]
    end += [units(0.5, 0.2, 0.1, layer=layer, epoch=3) for layer in (1, 2)]
    return [*end, *start[::-1]]  # in any order


def test_over_layers_by_hand():
    table = flow.over_layers(layer_means(*three_layers())).set_index("epoch")
    assert table["gradient_ratio"].to_dict() == pytest.approx({0: -3, 3: 0})
    assert table.loc[0, flow.STATES].tolist() == pytest.approx([-0.2, 0.2, 0.2])
    largest = [f"{state}_largest" for state in flow.STATES]
    assert table.loc[0, largest].tolist() == pytest.approx([0.6, 0.3, 0.4])
    assert table.loc[3, ["n", "failures"]].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [(0.0, 1.0, -np.inf), (1.0, 0.0, np.inf), (0.0, 0.0, np.nan), (np.nan, 1.0, np.nan)],
)
def test_a_gradient_of_zero_makes_the_ratio_infinite(first, last, expected):
    table = flow.over_layers(layer_means(weights(first), weights(last, layer=2), units()))
    np.testing.assert_array_equal(table["gradient_ratio"], [expected])


def test_summary_has_start_end_and_the_accuracy_of_the_cells_with_layers_alone():
    final = final_table(["tanh", "relu"])
    (found,) = flow.flow_summary(pd.DataFrame(three_layers()), final).to_dict("records")
    assert found["activation"] == "relu"
    assert (found["gradient_ratio_start"], found["gradient_ratio_end"]) == pytest.approx((-3, 0))
    assert (found["mean_start"], found["mean_largest_start"]) == pytest.approx((-0.2, 0.6))
    assert (found["dead_end"], found["saturated_largest_end"]) == pytest.approx((0.2, 0.1))
    assert [found[f"test_accuracy_{part}"] for part in ("mean", "low", "high")] == [0.7, 0.6, 0.8]


def summary(*rows, n=2):
    """The only cell of the summary of such layers."""
    (found,) = flow.flow_summary(pd.DataFrame(rows), final_table(["relu"], n)).to_dict("records")
    return found


def ends(found, measure):
    return [found[f"{measure}{end}"] for end in ("", "_low", "_high")]


def two_seeds():
    """First layers 1e-3 and 1e-1 times the last; layers' means that add up to 0 over the seeds."""
    start = [weights(1e-3, seed=0), weights(1e-1, seed=1)]
    start += [weights(1.0, seed=seed, layer=2) for seed in (0, 1)]
    start += [units(0.3, dead=0.1, seed=0), units(-0.1, dead=0.3, seed=0, layer=2)]
    start += [units(-0.3, dead=0.0, seed=1), units(0.1, dead=0.2, seed=1, layer=2)]
    return [*start, *(units(dead=0.1, seed=seed, epoch=3) for seed in (0, 1))]


def test_two_seeds_have_a_t_interval_of_what_each_run_measures():
    """Half of it is 12.7062 |a - b| / 2 for a and b."""
    found, half = summary(*two_seeds()), 12.7062 / 2
    for measure, mean, apart in (
        ("gradient_ratio_start", -2, 2),  # -3 and -1
        ("dead_start", 0.15, 0.1),  # 0.2 and 0.1; it may pass below 0
        ("dead_end", 0.1, 0),
        ("dead_change", -0.05, 0.1),  # -0.1 and 0
        ("mean_start", 0, 0.2),  # 0.1 and -0.1
        ("mean_largest_start", 0.3, 0),  # in each run, though the layer's mean over seeds is 0
    ):
        expected = [mean, mean - half * apart, mean + half * apart]
        assert ends(found, measure) == pytest.approx(expected, abs=1e-5), measure
    assert found["dead_start_low"] < 0


def test_the_means_are_those_of_the_means_over_seeds():
    means = flow.over_layers(layer_means(*two_seeds())).set_index("epoch")
    found = summary(*two_seeds())
    for measure in ("gradient_ratio", *flow.STATES):
        assert found[f"{measure}_start"] == pytest.approx(means.loc[0, measure]), measure


def test_one_seed_has_no_interval():
    found = summary(*three_layers(), n=1)
    assert found["gradient_ratio_start"] == pytest.approx(-3)
    measured = [name for name in found if name.endswith(("_low", "_high"))]
    assert len(measured) == 32
    known = {name for name in measured if not math.isnan(found[name])}
    assert known == {"test_accuracy_low", "test_accuracy_high"}


@pytest.mark.parametrize(("first", "expected"), [(0.0, -np.inf), (np.nan, np.nan)])
def test_a_gradient_of_zero_or_nan_in_one_seed_leaves_no_interval(first, expected):
    rows = [weights(1.0, seed=seed, layer=2) for seed in (0, 1, 2)]
    rows += [weights(v, seed=seed) for seed, v in enumerate((0.1, first, 0.2))]
    found = summary(*rows, units(), n=3)
    np.testing.assert_array_equal(ends(found, "gradient_ratio_end"), [expected, np.nan, np.nan])


def test_every_run_ends_at_its_own_last_epoch():
    rows = [units(dead=0.1 * epoch, seed=seed, epoch=epoch) for seed, last in ((0, 1), (1, 3))
            for epoch in range(last + 1)]  # fmt: skip
    assert summary(*rows)["dead_end"] == pytest.approx((0.1 + 0.3) / 2)


def test_summary_keeps_a_cell_without_a_good_run():
    rows = [weights(1.0), units(0.1), weights(1.0, activation="selu", status="diverged")]
    final = pd.concat([final_table(["selu"], n=0, failures=1), final_table(["relu"])])
    table = flow.flow_summary(pd.DataFrame(rows), final).set_index("activation")
    assert list(table.index) == ["selu", "relu"]
    assert table["failures"].to_dict() == {"selu": 1, "relu": 0}
    assert table["mean_end"].isna().to_dict() == {"selu": True, "relu": False}
    assert table.loc["selu", ["dead_change", "dead_end_low"]].isna().all()
    (alone,) = flow.flow_summary(pd.DataFrame(rows[2:]), final).to_dict("records")
    assert (alone["activation"], alone["n"]) == ("selu", 0) and math.isnan(alone["mean_end"])
