"""The figures of the comparison draw the tables that they are given, from two rows to ninety."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

from actgrid import scores
from actgrid.figures import compared, cost, critical, dots, forest, heatmap, ranks, style

KINDS = ("rectifier", "leaky", "hill", "smooth", "learned_relu", "transfer", "own", "bump")
NETWORKS = [
    *(("fashion_mnist", name) for name in ("small", "resnet_norm", "mlp_512_256_256_128")),
    *(("covertype", name) for name in ("mlp_48_24", "mlp_96_48_32")),
    ("banknote", "banknote_mlp"),
]
pytestmark = pytest.mark.filterwarnings("error")

SAVE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_figures_comparison import figures
from actgrid.figures import style
for name, figure in figures(8, 3).items():
    style.save(figure, Path(sys.argv[2]) / name)
"""


def families(count):
    """relu and names as long as they get, of every kind in turn."""
    names = ["relu", *(f"learned_gelu_medium_{i}" for i in range(1, count))]
    return {name: KINDS[i % len(KINDS)] for i, name in enumerate(names)}


def cells_table(count, networks, seeds=3):
    """relu's rivals in every network; the last one never ended well, the one before it once."""
    random = np.random.default_rng(0)
    rivals = list(families(count))[1:]
    rows = [(*network, name) for network in NETWORKS[:networks] for name in rivals]
    cells = pd.DataFrame(rows, columns=["dataset", "architecture", "activation"])
    cells["difference"] = random.standard_t(1, len(cells)).clip(-30, 30) / 40
    cells["failures"] = 0
    last, before = (cells["activation"] == name for name in rivals[:-3:-1])
    cells.loc[last, ["failures", "difference"]] = [seeds, np.nan]
    cells.loc[before, "failures"] = 1
    return cells.assign(n=seeds - cells["failures"], study="s", metric="test_accuracy")


def comparison_table(cells):
    """Mean and interval over the cells, as the table has them."""
    groups = cells.groupby("activation", sort=False)
    n, mean, sd = (getattr(groups["difference"], how)() for how in ("count", "mean", "std"))
    half = sd * scores.t_factor(n.where(n > 1)) / np.sqrt(n)
    table = {"cells": groups.size(), "failures": groups["failures"].sum()}
    table |= {"mean_difference": mean, "low": mean - half, "high": mean + half}
    return pd.DataFrame(table).reset_index()


def rankings_table(count, studies, seeds=3):
    random = np.random.default_rng(0)
    rows = [(f"study_{i}", name) for i in range(studies) for name in families(count)]
    table = pd.DataFrame(rows, columns=["study", "activation"]).assign(cells=2, n=2 * seeds)
    table["mean_rank"] = random.uniform(1, count, len(table))
    table["iqm"] = random.uniform(0.8, 0.95, len(table))
    half = 0.02 if seeds > 1 else np.nan
    return table.assign(iqm_low=table["iqm"] - half, iqm_high=table["iqm"] + half, friedman_p=0.01)


def pairs_table(ranking, apart):
    """ranking: name -> mean rank; apart: the pairs that are told apart."""
    names = list(ranking)
    rows = [
        (a, b, ranking[a], ranking[b], 7, 2**-6, (a, b) in apart)
        for place, a in enumerate(names)
        for b in names[place + 1 :]
    ]
    columns = ["a", "b", "rank_a", "rank_b", "cells", "smallest_p", "apart"]
    return pd.DataFrame(rows, columns=columns)


def epochs_table(count, networks, seeds=3, auc=False):
    random = np.random.default_rng(0)
    keys = [
        ("s", *network, name, seed, "ok", 1, 0.5)
        for network in NETWORKS[:networks]
        for name in families(count)
        for seed in range(seeds)
    ]
    table = pd.DataFrame(keys, columns=[*scores.RUN, "status", "epoch", "seconds"])
    table = table.assign(**(dict.fromkeys(scores.METRICS, np.nan) | {"test_loss": 1.0}))
    table["test_accuracy"] = random.uniform(0.85, 0.9, len(table))
    if auc:
        table["test_auc"] = random.uniform(0.95, 0.99, len(table))
    return table


def cost_table(count):
    table = pd.DataFrame({"activation": list(families(count))})
    table["forward_backward"] = np.linspace(1, 30, len(table))
    large, small = (
        table.assign(shape="20000x48", elements=960000),
        table.assign(forward_backward=1.0),
    )
    return pd.concat([small.assign(shape="64x512", elements=32768), large], ignore_index=True)


def figures(count, networks, seeds=3):
    known, cells = families(count), cells_table(count, networks, seeds)
    epochs = epochs_table(count, networks, seeds)
    one = epochs[epochs["architecture"] == NETWORKS[0][1]]
    named = {name: place for place, name in enumerate(list(known)[:12], start=1)}
    priced = cost.priced(scores.summarise(epochs), cost_table(count))
    return {
        "forest": forest.forest(comparison_table(cells), cells, known, "relu"),
        "heatmap": heatmap.heatmap(cells, known, "relu"),
        "ranks": ranks.ranks(rankings_table(count, networks, seeds), known),
        "critical": critical.critical_difference(pairs_table(named, []), known),
        "cost": cost.cost_accuracy(priced, known),
        "sorted": dots.sorted_dots(scores.summarise(one), scores.final_rows(one), known, "relu"),
    }


def labels(ax):
    return [tick.get_text() for tick in ax.get_yticklabels()]


def places(collection):
    return np.asarray(collection.get_offsets())


def ends_of(whiskers):
    """(low, high) of each whisker that is there."""
    return [segment[:, 0] for segment in whiskers.get_segments() if len(segment)]


def rows_of(whiskers):
    return [segment[0, 1] for segment in whiskers.get_segments() if len(segment)]


# --- what they share ----------------------------------------------------------------------------


def test_activations_stand_family_by_family_in_the_configs_order():
    known = {"relu": "rectifier", "hill": "hill", "brelu": "rectifier", "tent": "tent"}
    assert compared.by_family(["tent", "brelu", "hill", "relu", "hill"], known) == [
        *("relu", "brelu", "hill", "tent")
    ]


@pytest.mark.parametrize("rows", [1, 45, 46, 91])
def test_many_rows_stand_in_two_blocks_of_like_height(rows):
    parts = [range(rows)[part] for part in compared.blocks(rows)]
    assert [row for part in parts for row in part] == list(range(rows))
    assert len(parts) == (1 if rows <= 45 else 2) and abs(len(parts[0]) - len(parts[-1])) <= 1


def test_limits_leave_out_what_is_far_below():
    low, high = compared.near_best(pd.Series([0.1, 0.86, 0.87, 0.88, 0.89]))
    assert 0.1 < low < 0.86 and 0.89 < high < 0.9
    low, high = compared.near_best(pd.Series([0.1, 0.1, 0.1, 0.9]))
    assert low < 0.1  # half of them are there
    low, high = compared.near_best(pd.Series([0.5, 0.5]))
    assert low < 0.5 < high


# --- forest -------------------------------------------------------------------------------------


def drawn_forest(count=7, networks=6):
    cells = cells_table(count, networks)
    table = comparison_table(cells)
    (ax,) = forest.forest(table, cells, families(count), "relu").axes
    return cells, table.sort_values("mean_difference", ascending=False).reset_index(), ax


def test_forest_is_sorted_with_the_mean_the_interval_and_every_cell():
    cells, table, ax = drawn_forest()
    assert [label.partition(" ")[0] for label in labels(ax)] == table["activation"].to_list()
    *points, whiskers, means, _, _ = ax.collections
    good = table["mean_difference"].notna()
    found = places(means)[good]
    np.testing.assert_allclose(found[:, 0], table["mean_difference"][good])
    assert found[:, 1].tolist() == list(range(good.sum()))
    low, high = ax.get_xlim()
    known = table[["low", "high"]].dropna().clip(low, high)
    np.testing.assert_allclose(ends_of(whiskers), known)
    assert rows_of(whiskers) == known.index.to_list()
    rows = {name: row for row, name in enumerate(table["activation"])}
    assert len(points) == cells["dataset"].nunique()
    for dots_, (_, group) in zip(points, cells.groupby("dataset", sort=False), strict=True):
        np.testing.assert_array_equal(places(dots_)[:, 1], group["activation"].map(rows))
        np.testing.assert_array_equal(places(dots_)[:, 0], group["difference"])


def test_forest_holds_all_cells_and_cuts_whiskers_with_an_arrowhead():
    cells, table, ax = drawn_forest(networks=2)
    low, high = ax.get_xlim()
    assert low < cells["difference"].min() and cells["difference"].max() < high
    for arrows, edge, cut in zip(
        ax.collections[-2:], (low, high), (table["low"] < low, table["high"] > high), strict=True
    ):
        assert places(arrows).tolist() == [[edge, row] for row in np.flatnonzero(cut)]
        assert cut.any()


def test_forest_says_how_many_networks_and_what_diverged():
    _, _, ax = drawn_forest()
    assert labels(ax)[-1] == "learned_gelu_medium_6 (6; 18 failed)"  # no mean: the last
    red = [label for label in ax.get_yticklabels() if label.get_color() == style.WARNING_COLOUR]
    assert sorted(label.get_text() for label in red) == [
        *("learned_gelu_medium_5 (6; 6 failed)", "learned_gelu_medium_6 (6; 18 failed)")
    ]
    assert "learned_gelu_medium_1 (6)" in labels(ax)


# --- heat map -----------------------------------------------------------------------------------


def boxes(ax):
    """(row, column) -> value, of the boxes drawn."""
    (mesh,) = (c for c in ax.collections if c.get_array() is not None)
    corners = [path.vertices.min(axis=0) + 0.5 for path in mesh.get_paths()]
    names, columns = labels(ax), [tick.get_text() for tick in ax.get_xticklabels()]
    keys = [(names[round(y)], columns[round(x)]) for x, y in corners]
    return dict(zip(keys, mesh.get_array().filled(np.nan), strict=True)), mesh


@pytest.mark.parametrize("count", [7, 60])
def test_heatmap_has_a_box_for_each_cell_and_none_for_what_was_not_trained(count):
    cells = cells_table(count, 6).sample(frac=0.6, random_state=0)
    figure = heatmap.heatmap(cells, families(count), "relu")
    blocks = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
    assert len(blocks) == (2 if count > 46 else 1)
    found = {key: value for ax in blocks for key, value in boxes(ax)[0].items()}
    expected = {
        (row.activation, f"{row.architecture}, {row.dataset}"): row.difference
        for row in cells.itertuples()
    }
    assert found == pytest.approx(expected, nan_ok=True)
    names = [name for ax in blocks for name in labels(ax)]
    assert names == compared.by_family(cells["activation"], families(count))


def test_heatmap_colours_are_about_zero_and_told_apart_by_the_sign():
    ax, *_ = heatmap.heatmap(cells_table(9, 6), families(9), "relu").axes
    values, mesh = boxes(ax)
    assert mesh.norm.vmin == -mesh.norm.vmax and mesh.norm(0) == 0.5
    colours = mesh.cmap(mesh.norm(np.array([-0.05, 0.0, 0.05])))
    assert colours[0][0] > colours[0][2] and colours[2][2] > colours[2][0]
    np.testing.assert_allclose(colours[1][:3], 0.97, atol=0.01)


def test_heatmap_keeps_data_sets_together_and_marks_failures():
    cells = cells_table(7, 6).sort_values("architecture")
    figure = heatmap.heatmap(cells, families(7), "relu")
    ax = figure.axes[0]
    datasets = [tick.get_text().split(", ")[1] for tick in ax.get_xticklabels()]
    assert len([a for a, b in zip(datasets, datasets[1:], strict=False) if a != b]) == 2
    crosses, points = ax.collections[1:]
    for marks, name in ((crosses, "learned_gelu_medium_6"), (points, "learned_gelu_medium_5")):
        assert {labels(ax)[int(row)] for row in places(marks)[:, 1]} == {name}
        assert len(places(marks)) == 6
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == ["no run ended well", "some runs diverged"]


# --- ranks --------------------------------------------------------------------------------------


def test_ranks_have_a_pair_of_panels_a_study_the_best_on_top():
    table = rankings_table(6, 3)
    figure = ranks.ranks(table, families(6))
    assert [text.get_text() for text in figure.texts] == [
        f"study_{i}: 2 networks, Friedman's p = 0.01" for i in range(3)
    ]
    for place, (_, rows) in enumerate(table.groupby("study")):
        rows = rows.sort_values("mean_rank")
        left, right = figure.axes[2 * place : 2 * place + 2]
        assert labels(left) == rows["activation"].to_list() and not any(labels(right))
        np.testing.assert_allclose(places(left.collections[0])[:, 0], rows["mean_rank"])
        whiskers, middles = right.collections
        np.testing.assert_allclose(ends_of(whiskers), rows[["iqm_low", "iqm_high"]])
        np.testing.assert_allclose(places(middles)[:, 0], rows["iqm"])
        colours = [to_rgba(style.family_colour(families(6)[n])) for n in rows["activation"]]
        np.testing.assert_allclose(left.collections[0].get_facecolors(), colours)


def test_ranks_leave_out_a_study_of_one_activation_and_an_empty_p():
    table = rankings_table(4, 2).assign(friedman_p=np.nan, cells=1)
    table = table[(table["study"] == "study_0") | (table["activation"] == "relu")]
    figure = ranks.ranks(table, families(4))
    assert [text.get_text() for text in figure.texts] == ["study_0: 1 network"]


# --- critical difference ------------------------------------------------------------------------


def test_a_bar_joins_neighbours_of_which_no_two_are_told_apart():
    ranking = {"c": 3.0, "a": 1.0, "d": 4.0, "b": 2.0, "e": 5.0}
    apart = [("c", "a"), ("a", "d"), ("a", "e"), ("b", "e")]
    pairs = pairs_table(ranking, apart)
    assert critical.mean_ranks(pairs) == {name: ranking[name] for name in "abcde"}
    assert critical.alike(pairs) == [["a", "b"], ["b", "c", "d"], ["c", "d", "e"]]
    everyone = [(a, b) for a in ranking for b in ranking]
    assert critical.alike(pairs_table(ranking, everyone)) == []
    assert critical.alike(pairs_table(ranking, [])) == [list("abcde")]


def test_the_diagram_names_ranks_bars_and_the_smallest_p():
    known = dict.fromkeys("abcde", "smooth")
    ranking = {name: place for place, name in enumerate("abcde", start=1)}
    pairs = pairs_table(ranking, [("a", "e")])
    (ax,) = critical.critical_difference(pairs, known).axes
    assert [t.get_text() for t in ax.texts] == [
        f"{name} {rank:.2f}" for name, rank in ranking.items()
    ]
    assert ax.get_xlabel() == "mean rank over 7 networks; the smallest possible p is 0.016"
    bars = [line.get_xdata() for line in ax.lines if line.get_lw() > 2]
    np.testing.assert_allclose(bars, [[0.94, 4.06], [1.94, 5.06]])


# --- cost ---------------------------------------------------------------------------------------


def priced_table(accuracies, costs):
    names = list(families(len(accuracies)))
    final = pd.DataFrame({"activation": names, "test_accuracy_mean": accuracies, "n": 3})
    final = final.assign(
        dataset="d", architecture="net", test_accuracy_low=0.1, test_accuracy_high=1
    )
    table = {"activation": names, "forward_backward": costs, "shape": "9x9", "elements": 81}
    return cost.priced(final, pd.DataFrame(table))


def test_the_front_is_what_nothing_as_cheap_surpasses():
    rows = priced_table([0.80, 0.85, 0.85, 0.84, 0.90, 0.80], [1.0, 2.0, 3.0, 2.5, 9.0, 1.0])
    assert rows["front"].tolist() == [True, True, False, False, True, False]  # the first of equals
    rows = priced_table([0.9, 0.8, 0.7, 0.6, 0.5], [1, 2, 3, 4, 5])
    assert rows["front"].tolist() == [True, False, False, False, False]


def test_cost_is_that_of_the_largest_shape_and_few_activations_make_no_panel():
    rows = cost.priced(scores.summarise(epochs_table(6, 2)), cost_table(6))
    assert set(rows["shape"]) == {"20000x48"} and rows["forward_backward"].max() == 30
    assert rows.groupby("architecture")["front"].any().all() and len(rows) == 12
    assert cost.priced(scores.summarise(epochs_table(4, 2)), cost_table(4)).empty
    assert cost.priced(scores.summarise(epochs_table(6, 2)), cost_table(6).iloc[:0]).empty


def test_cost_draws_every_activation_and_names_the_front():
    rows = priced_table([0.80, 0.85, 0.82, 0.10, 0.86, 0.84], [1.0, 2.0, 3.0, 2.5, 9.0, 5.0])
    (ax,) = cost.cost_accuracy(rows, families(6)).axes
    circles, arrows = ax.collections[:2]
    np.testing.assert_array_equal(places(circles)[:, 0], [1.0, 2.0, 3.0, 9.0, 5.0])
    np.testing.assert_array_equal(places(circles)[:, 1], [0.80, 0.85, 0.82, 0.86, 0.84])
    assert places(arrows).tolist() == [[2.5, ax.get_ylim()[0]]]
    names = list(families(6))
    assert [text.get_text() for text in ax.texts] == [names[0], names[1], names[4]]
    assert ax.get_xscale() == "log" and ax.get_xlabel() == "time on 9x9, relu = 1"
    assert ax.lines[0].get_ydata().tolist() == [0.80, 0.85, 0.86, 0.86]


# --- sorted dots --------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["test_accuracy", "test_auc"])
def test_sorted_dots_show_the_score_that_counts_the_best_on_top(metric):
    epochs = epochs_table(6, 1, auc=metric == "test_auc")
    final, seeds = scores.summarise(epochs), scores.final_rows(epochs)
    (ax,) = dots.sorted_dots(final, seeds, families(6), "relu").axes
    rows = final.sort_values(f"{metric}_mean", ascending=False)
    assert labels(ax) == rows["activation"].to_list()
    assert ax.get_xlabel().startswith(dots.LABELS[metric])
    whiskers, means, _, _, points = ax.collections
    np.testing.assert_allclose(places(means)[:, 0], rows[f"{metric}_mean"])
    np.testing.assert_allclose(places(points)[:, 0], seeds[metric])
    nearest = np.rint(places(points)[:, 1]).astype(int)
    assert [labels(ax)[row] for row in nearest] == seeds["activation"].to_list()
    expected = rows[[f"{metric}_low", f"{metric}_high"]].clip(*ax.get_xlim())
    np.testing.assert_allclose(ends_of(whiskers), expected)
    (line,) = ax.lines
    assert line.get_xdata()[0] == final.set_index("activation")[f"{metric}_mean"]["relu"]


def test_sorted_dots_say_what_diverged_and_what_is_off_the_axis():
    epochs = epochs_table(7, 1)
    names = list(families(7))
    epochs.loc[epochs["activation"] == names[3], "test_accuracy"] = 0.1
    epochs.loc[epochs["activation"] == names[4], "status"] = "diverged"
    final, seeds = scores.summarise(epochs), scores.final_rows(epochs)
    (ax,) = dots.sorted_dots(final, seeds, families(7), "relu").axes
    assert {labels(ax)[int(t.get_position()[1])]: t.get_text() for t in ax.texts} == {
        names[3]: "0.100",
        names[4]: "3 of 3 runs diverged",
    }
    assert places(ax.collections[2]).tolist() == [[ax.get_xlim()[0], 5]]  # its arrowhead
    two = final.assign(architecture=["a", *["b"] * 6])
    with pytest.raises(ValueError, match="one architecture"):
        dots.sorted_dots(two, seeds, families(7), "relu")


# --- all ----------------------------------------------------------------------------------------


def test_nothing_to_compare_is_said_in_words():
    cells, known = cells_table(4, 2).iloc[:0], families(4)
    none = epochs_table(4, 1).assign(status="diverged")
    for figure in (
        forest.forest(comparison_table(cells_table(4, 2)).iloc[:0], cells, known, "relu"),
        heatmap.heatmap(cells, known, "relu"),
        ranks.ranks(rankings_table(4, 1).iloc[:0], known),
        critical.critical_difference(pairs_table({"relu": 1}, []), known),
        cost.cost_accuracy(cost.priced(scores.summarise(none), cost_table(4)), known),
        dots.sorted_dots(scores.summarise(none), scores.final_rows(none), known, "relu"),
    ):
        assert figure.texts and not figure.axes


@pytest.mark.parametrize("size", [(90, 6), (30, 3), (5, 6, 1), (3, 1, 1)], ids=str)
def test_figures_fit_the_page_and_nothing_is_cut(size, fit):
    fit(lambda: figures(*size))


def test_the_letters_of_ninety_rows_can_be_read():
    for figure in (figures(90, 6)[name] for name in ("forest", "heatmap")):
        assert min(tick.get_fontsize() for tick in figure.axes[0].get_yticklabels()) >= 5


def test_same_bytes_in_another_process(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    for name, figure in figures(8, 3).items():
        style.save(figure, here / name)
    command = [sys.executable, "-c", SAVE, str(Path(__file__).parent), str(there)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "1"})
    names = [f"{name}.{kind}" for name in figures(8, 3) for kind in style.METADATA]
    for folder in (here, there):
        assert sorted(file.name for file in folder.iterdir()) == sorted(names)
    assert [n for n in names if (here / n).read_bytes() != (there / n).read_bytes()] == []


def test_a_forest_without_a_difference():
    """Of a cell whose every run failed there is a row, and nothing in it."""
    none = {"difference": np.nan, "outcome": "loss", "n": 0, "failures": 2}
    cells = pd.DataFrame([{"dataset": "d", "architecture": "net", "activation": "elu"} | none])
    ends = dict.fromkeys(("mean_difference", "low", "high"), np.nan)
    rows = pd.DataFrame([{"activation": "elu", "cells": 1, "failures": 2} | ends])
    figure = forest.forest(rows, cells, {"elu": "smooth", "relu": "rectifier"}, "relu")
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["elu (1; 2 failed)"]
