"""The figures on what goes on inside networks draw what they are given, whole grid or one run."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from actgrid import flow, scores
from actgrid.figures import depth, style
from actgrid.figures import flow as flow_figures

FAMILIES = {
    **{"sigmoid": "sigmoidal", "tanh": "tanh", "relu": "rectifier", "leaky_relu": "leaky"},
    **{"elu": "smooth", "silu": "smooth", "swish": "trained", "selu": "smooth"},
    **{"gelu": "gelu", "mish": "smooth"},
}
NETWORKS = {"mlp_512_256_256_128": 5, "mlp_deep": 12, "mlp_deep_he": 12}  # weight layers
FULL = (tuple(FAMILIES), 5, 20, tuple(NETWORKS))
TINY = (("sigmoid", "relu"), 1, 2, ("mlp_deep",))
pytestmark = pytest.mark.filterwarnings("error")

SAVE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_figures_flow import figures, tables, TINY
from actgrid.figures import style
for name, figure in figures(*tables(*TINY)).items():
    style.save(figure, Path(sys.argv[2]) / name)
"""


def layers_table(names, seeds, epochs, networks):
    """layers.csv of runs that all end well: numbers of every size."""
    random = np.random.default_rng(0)
    cells = [
        ("s", "d", network, name, seed, "ok", epoch, part, layer)
        for network in networks
        for name in names
        for seed in range(seeds)
        for epoch in range(epochs + 1)
        for part, last in (("weights", NETWORKS[network]), ("activation", NETWORKS[network] - 1))
        for layer in range(1, last + 1)
    ]
    table = pd.DataFrame(cells, columns=[*scores.RUN, "status", "epoch", "part", "layer"])
    table[flow.SIZES] = 10 ** random.uniform(-9, -1, (len(table), len(flow.SIZES)))
    table[flow.MEASURES] = random.uniform(0, 0.6, (len(table), len(flow.MEASURES)))
    table["low"], table["high"] = -random.uniform(0, 1, len(table)), 10.0
    bins = random.uniform(0, 0.07, (len(table), 30))
    return pd.concat(
        [table, pd.DataFrame(bins, columns=[f"bin_{i}" for i in range(1, 31)])], axis=1
    )


def epochs_table(layers):
    """The last epochs of those runs."""
    random = np.random.default_rng(1)
    table = layers[[*scores.RUN, "status"]].drop_duplicates().reset_index(drop=True)
    metrics = dict.fromkeys(scores.METRICS, 0.5)
    table = table.assign(epoch=1, seconds=1.0, **metrics)
    return table.assign(test_accuracy=random.uniform(0.1, 0.9, len(table)))


def with_failures(rows, name, seeds=()):
    """The runs of an activation, all or those of some seeds, diverged."""
    chosen = (rows["activation"] == name) & (rows["seed"].isin(seeds) | (not seeds))
    return rows.assign(status=rows["status"].where(~chosen, "diverged"))


def tables(*grid):
    layers = layers_table(*grid)
    epochs = epochs_table(layers)
    means, histograms = flow.layer_means(layers), flow.histograms(layers)
    return means, histograms, scores.summarise(epochs), scores.final_rows(epochs)


def of(rows, network):
    return rows[rows["architecture"] == network]


def figures(means, histograms, final, seeds):
    network = means["architecture"].iloc[-1]
    return {
        "gradient": flow_figures.gradient_flow(of(means, network)),
        "preactivation": flow_figures.gradient_flow(of(means, network), "preactivation"),
        "histograms": flow_figures.activation_histograms(of(histograms, network), FAMILIES),
        "units": depth.units(flow.over_layers(means), FAMILIES),
        "depth": depth.depth(final, seeds, FAMILIES),
    }


@pytest.fixture(scope="module", params=[FULL, TINY], ids=["full", "tiny"])
def made(request):
    return tables(*request.param)


def titles(axes):
    return [ax.get_title(loc=side) for ax in axes for side in ("left", "center") if
            ax.get_title(loc=side)]  # fmt: skip


def entries(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


# --- heat maps ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "part", "column", "layers"),
    [("gradient", "weights", "gradient_rms", 12),
     ("preactivation", "activation", "preactivation_rms", 11)],
)  # fmt: skip
def test_heat_maps_show_log10_with_layer_1_at_the_bottom_on_one_scale(
    made, what, part, column, layers
):
    means = of(made[0], "mlp_deep").query("part == @part")
    *axes, bar = flow_figures.gradient_flow(means, what).axes
    names, epochs = list(dict.fromkeys(means["activation"])), means["epoch"].max()
    assert titles(axes) == names and flow_figures.SHOWN[what][2] in bar.get_xlabel()
    for ax, name in zip(axes, names, strict=True):
        rows = means[means["activation"] == name].sort_values(["layer", "epoch"])
        mesh = ax.collections[0]
        np.testing.assert_allclose(np.ravel(mesh.get_array()), np.log10(rows[column]))
        assert ax.get_ylim() == (0.5, layers + 0.5) and ax.get_xlim() == (-0.5, epochs + 0.5)
        ends = np.log10([means[column].min(), means[column].max()])
        assert (mesh.norm.vmin, mesh.norm.vmax) == pytest.approx(tuple(ends))


def test_cells_without_a_logarithm_are_marked_and_explained():
    layers = layers_table(*TINY)
    relu = (layers["activation"] == "relu") & (layers["part"] == "weights") & (layers["epoch"] == 1)
    layers.loc[relu & (layers["layer"] == 3), "gradient_rms"] = 0.0
    layers.loc[relu & (layers["layer"] == 4), "gradient_rms"] = np.nan
    layers.loc[relu & (layers["layer"] == 5), "gradient_rms"] = np.inf
    figure = flow_figures.gradient_flow(flow.layer_means(layers))
    assert entries(figure) == ["0 in a run", "not finite in a run"]
    sigmoid, relu, _ = figure.axes
    assert [len(c.get_offsets()) for c in sigmoid.collections[1:]] == [0, 0]
    zero, others = (c.get_offsets().tolist() for c in relu.collections[1:])
    assert zero == [[1, 3]] and others == [[1, 4], [1, 5]]
    shown = np.isfinite(relu.collections[0].get_array().filled(np.nan))
    assert shown.sum() == shown.size - 3
    assert entries(flow_figures.gradient_flow(flow.layer_means(layers_table(*TINY)))) == []


def test_diverged_runs_are_noted_and_a_cell_without_a_good_one_stays_grey():
    grid = (("sigmoid", "relu", "selu"), 3, 2, ("mlp_deep",))
    layers = with_failures(with_failures(layers_table(*grid), "selu"), "relu", (1,))
    figure = flow_figures.gradient_flow(flow.layer_means(layers))
    notes = [[text.get_text() for text in ax.texts] for ax in figure.axes[:3]]
    assert notes == [[], ["1 of 3 runs diverged"], ["3 of 3 runs diverged"]]
    selu = figure.axes[2].collections
    assert selu[0].get_array().mask.all() and not any(len(c.get_offsets()) for c in selu[1:])
    nothing = layers_table(*TINY).assign(status="diverged")
    assert flow_figures.gradient_flow(flow.layer_means(nothing)).axes[0].texts


# --- histograms ---------------------------------------------------------------------------------


def test_histograms_of_the_first_middle_and_last_layer_each_to_its_own_maximum(made):
    histograms = of(made[1], "mlp_deep")
    figure = flow_figures.activation_histograms(histograms, FAMILIES)
    names = list(dict.fromkeys(histograms["activation"]))
    assert [ax.get_ylabel() for ax in figure.axes[::3]] == names
    assert titles(figure.axes) == [f"activation layer {layer}" for layer in (1, 6, 11)]
    cells = [(name, layer) for name in names for layer in (1, 6, 11)]
    last = histograms["epoch"].max()
    for ax, (name, layer) in zip(figure.axes, cells, strict=True):
        for epoch, drawn in zip((0, last), ax.patches, strict=True):
            rows = histograms[histograms["activation"] == name]
            rows = rows[(rows["layer"] == layer) & (rows["epoch"] == epoch)]
            values, edges, _ = drawn.get_data()
            np.testing.assert_allclose(values, rows["share"] / rows["share"].max())
            np.testing.assert_allclose(edges, [*rows["low"], rows["high"].iloc[-1]])
        before, after = ax.patches
        assert before.get_fill() and not after.get_fill()
        assert after.get_edgecolor()[:3] == style.family_colour(FAMILIES[name])
    assert entries(figure) == ["before training", f"after epoch {last}"]


@pytest.mark.parametrize(
    ("count", "shown"), [(1, [1]), (2, [1, 2]), (4, [1, 2, 4]), (5, [1, 3, 5])]
)
def test_few_layers_are_shown_once_each(count, shown):
    histograms = tables(*TINY)[1]
    histograms = histograms[histograms["layer"] <= count]
    figure = flow_figures.activation_histograms(histograms, FAMILIES)
    assert titles(figure.axes) == [f"activation layer {layer}" for layer in shown]


def test_histograms_before_training_alone():
    histograms = tables(*TINY)[1].query("epoch == 0")
    figure = flow_figures.activation_histograms(histograms, FAMILIES)
    assert {len(ax.patches) for ax in figure.axes} == {1} and entries(figure) == ["before training"]


# --- units --------------------------------------------------------------------------------------


def test_units_have_a_row_a_share_a_column_a_network_and_a_line_an_activation(made):
    shares = flow.over_layers(made[0])
    figure = depth.units(shares, FAMILIES)
    networks, names = (list(dict.fromkeys(shares[k])) for k in ("architecture", "activation"))
    assert titles(figure.axes) == networks
    cells = [(share, network) for share in ("dead", "saturated") for network in networks]
    for ax, (share, network) in zip(figure.axes, cells, strict=True):
        for name, line in zip(names, ax.lines, strict=True):
            rows = of(shares, network).query("activation == @name")
            assert line.get_xdata().tolist() == rows["epoch"].tolist()
            assert line.get_ydata().tolist() == rows[share].tolist()
            assert line.get_color() == style.family_colour(FAMILIES[name])
        low, high = ax.get_ylim()
        assert low == 0 and high >= shares[["dead", "saturated"]].max().max()
    labels = [ax.get_ylabel() for ax in figure.axes[:: len(networks)]]
    assert labels == ["dead units", "saturated activations"] and entries(figure) == names


def test_no_two_activations_look_alike():
    figure = depth.units(flow.over_layers(tables(*FULL)[0]), FAMILIES)
    lines = figure.legends[0].get_lines()
    looks = [(line.get_color(), line.get_linestyle(), line.get_marker()) for line in lines]
    smooth = [line for line in lines if line.get_color() == style.family_colour("smooth")]
    assert len(set(looks)) == len({look[2] for look in looks}) == 10
    assert len({str(line._unscaled_dash_pattern) for line in smooth}) == len(smooth) == 4


def test_shares_that_are_all_zero_are_drawn():
    shares = flow.over_layers(tables(*TINY)[0]).assign(dead=0.0, saturated=0.0)
    assert depth.units(shares, FAMILIES).axes[0].get_ylim() == (0, 0.01)


# --- depth --------------------------------------------------------------------------------------


def test_depth_has_the_mean_interval_and_seeds_of_every_network_in_both_panels(made):
    _, _, final, seeds = made
    figure = depth.depth(final, seeds, FAMILIES)
    networks, names = (list(dict.fromkeys(final[k])) for k in ("architecture", "activation"))
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == names
    for ax in figure.axes:
        assert ax.yaxis_inverted() and len(ax.containers) == len(final)
        for (_, cell), bar in zip(final.iterrows(), ax.containers, strict=True):
            point, _, (whisker,) = bar.lines
            (x,), (y,) = point.get_data()
            assert x == cell["test_accuracy_mean"]
            assert abs(y - names.index(cell["activation"])) < 0.4
            assert point.get_marker() == depth.MARKERS[networks.index(cell["architecture"])]
            ends = whisker.get_segments()[0][:, 0] if cell["n"] > 1 else []
            expected = cell[["test_accuracy_low", "test_accuracy_high"]] if cell["n"] > 1 else []
            np.testing.assert_allclose(np.array(ends, float), np.array(expected, float))
        dots = ax.collections[-1].get_offsets()
        assert dots[:, 0].tolist() == seeds["test_accuracy"].tolist()
    heights = [bar.lines[0].get_ydata()[0] for bar in ax.containers]
    assert len(set(heights)) == len(final)
    left, right = figure.axes
    best = final["test_accuracy_mean"].max()
    assert left.get_xlim() == (0, 1) and right.get_xlim()[0] == pytest.approx(best - 0.08)
    interval = ["95 % t interval"] if final["n"].max() > 1 else []
    named = [depth.NETWORKS[name] for name in networks]
    assert entries(figure) == [*named, "one seed", *interval]


def test_depth_says_what_diverged():
    epochs = with_failures(epochs_table(layers_table(*TINY)), "sigmoid")
    figure = depth.depth(scores.summarise(epochs), scores.final_rows(epochs), FAMILIES)
    left, right = figure.axes
    assert [text.get_text() for text in left.texts] == ["mlp_deep: 1 of 1 runs diverged"]
    assert len(left.containers) == 1 and not right.texts
    none = epochs.assign(status="diverged")
    none = depth.depth(scores.summarise(none), scores.final_rows(none), FAMILIES)
    assert len(none.axes[0].texts) == 2


# --- all ----------------------------------------------------------------------------------------


def test_figures_fit_the_page_and_nothing_is_cut(made, fit):
    fit(lambda: figures(*made))


def test_nothing_to_draw_is_said_in_words():
    means, histograms, *_ = (table.iloc[:0] for table in tables(*TINY))
    for figure in (
        flow_figures.gradient_flow(means),
        flow_figures.activation_histograms(histograms, FAMILIES),
        depth.units(flow.over_layers(means), FAMILIES),
    ):
        assert figure.texts and not figure.axes


def test_wrong_input_is_named():
    means, histograms, final, seeds = tables(TINY[0], 1, 1, tuple(NETWORKS)[:2])
    with pytest.raises(ValueError, match="one architecture, got 2"):
        flow_figures.gradient_flow(means)
    with pytest.raises(ValueError, match="one architecture, got 2"):
        flow_figures.activation_histograms(histograms, FAMILIES)
    final.loc[0, "dataset"] = "e"
    with pytest.raises(ValueError, match="one data set, got 2"):
        depth.depth(final, seeds, FAMILIES)
    shares = flow.over_layers(means)
    shares.loc[0, "dataset"] = "e"
    with pytest.raises(ValueError, match="one data set, got 2"):
        depth.units(shares, FAMILIES)


def test_same_bytes_in_another_process(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    for name, figure in figures(*tables(*TINY)).items():
        style.save(figure, here / name)
    command = [sys.executable, "-c", SAVE, str(Path(__file__).parent), str(there)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "1"})
    files = sorted(file.name for file in here.iterdir())
    assert len(files) == 15 and files == sorted(file.name for file in there.iterdir())
    assert [n for n in files if (here / n).read_bytes() != (there / n).read_bytes()] == []
