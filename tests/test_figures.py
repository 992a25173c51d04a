"""The figures draw the numbers that they are handed, fit the page and give the same bytes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from actgrid import scores
from actgrid.figures import agreement, bars, curves, graphs, style

FAMILIES = {
    **{"relu": "rectifier", "neg_relu": "rectifier", "tent": "tent", "tent_flat_xs": "tent"},
    "hill_published_0.25": "hill_published",
}
FAILED = "tent"
pytestmark = pytest.mark.filterwarnings("error")

SAVE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_figures import epochs_table, figures
from actgrid.figures import style
for name, figure in figures(epochs_table(2, 2)).items():
    style.save(figure, Path(sys.argv[2]) / name)
"""


def epochs_table(seeds, epochs):
    """One architecture; every run of `tent` diverges in its first epoch."""
    random = np.random.default_rng(0)
    columns = [*scores.RUN, "status", "epoch", "train_accuracy", "test_accuracy"]
    rows = [
        ("s", "d", "small", name, seed, "diverged" if name == FAILED else "ok")
        + (epoch, *random.uniform(0.5, 0.9, 2), 0.5, 0.5, 1.0)
        for name in FAMILIES
        for seed in range(seeds)
        for epoch in range(1, 2 if name == FAILED else epochs + 1)
    ]
    table = pd.DataFrame(rows, columns=[*columns, "train_loss", "test_loss", "seconds"])
    return table.assign(**dict.fromkeys(set(scores.METRICS) - set(table), np.nan))


def points_table(names):
    """Two pieces with a jump at 0."""
    x = np.array([-3.0, 0.0, 0.0, 3.0])
    table = pd.DataFrame({"x": x, "f": [0, 0, 1, 4], "df": [0, 0, 1, 1], "piece": [0, 0, 1, 1]})
    return pd.concat(table.assign(activation=name, family="slope") for name in names)


def reproduction_table(cells=20, agreeing=5):
    """Two architectures, `cells` in each; the first `agreeing` of each agree."""
    random = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "dataset": "d",
            "architecture": np.repeat(["small", "resnet_norm"], cells),
            "activation": [f"hill_published_0.{i}" for i in range(cells)] * 2,
            "ours_mean": random.uniform(0.3, 0.9, 2 * cells),
            "ours_sd": 0.02,
            "ours_n": 4,
            "published_mean": random.uniform(0.3, 0.9, 2 * cells),
            "published_sd": 0.03,
            "published_n": 9,
            "agrees": [index < agreeing for index in range(cells)] * 2,
        }
    )
    metrics = [table.assign(metric=name) for name in ("test_accuracy", "train_accuracy")]
    return pd.concat(metrics, ignore_index=True)


def figures(epochs):
    final, seeds = scores.summarise(epochs), scores.final_rows(epochs)
    return {
        "bars": bars.final_bars(final, seeds, FAMILIES),
        "curves": curves.learning_curves(scores.epoch_means(epochs), FAMILIES),
        "graphs": graphs.graph_grid(points_table(FAMILIES)),
        "agreement": agreement.agreement_scatter(reproduction_table()),
    }


@pytest.fixture(scope="module", params=[(5, 3), (2, 2), (1, 1)], ids=lambda p: f"{p[0]} seeds")
def epochs(request):
    return epochs_table(*request.param)


@pytest.fixture
def drawn_bars(epochs):
    final, seeds = scores.summarise(epochs), scores.final_rows(epochs)
    return final[final["n"] > 0], seeds, bars.draw(final, seeds, FAMILIES, Figure().subplots())


def test_bars_start_at_zero_and_end_at_the_means(drawn_bars):
    good, _, ax = drawn_bars
    assert len(ax.containers) == 4  # bars and whiskers of two metrics
    for metric, patches in zip(bars.METRICS, ax.containers[::2], strict=True):
        assert [patch.get_x() for patch in patches] == [0] * len(good)
        widths = [patch.get_width() for patch in patches]
        assert widths == pytest.approx(good[f"{metric}_mean"].tolist())
    assert ax.get_xlim() == (0, 1) and ax.yaxis_inverted()


def test_whiskers_are_the_t_interval(drawn_bars):
    good, _, ax = drawn_bars
    for metric, container in zip(bars.METRICS, ax.containers[1::2], strict=True):
        segments = container.lines[2][0].get_segments()
        ends = np.array([segment[:, 0] for segment in segments if len(segment)]).reshape(-1, 2)
        expected = good[[f"{metric}_low", f"{metric}_high"]].to_numpy()
        np.testing.assert_allclose(ends[~np.isnan(ends).any(axis=1)], expected[good["n"] > 1])


def test_seed_dots_baseline_and_failures(drawn_bars):
    good, seeds, ax = drawn_bars
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    assert labels == list(FAMILIES)
    for metric, dots in zip(bars.METRICS, ax.collections[1::2], strict=True):
        places = dots.get_offsets()
        assert places[:, 0].tolist() == pytest.approx(seeds[metric].tolist())
    ticks = dict(zip(labels, ax.get_yticks(), strict=True))
    rows = seeds["activation"].map(ticks).to_numpy()
    assert (abs(places[:, 1] - rows) < 0.4).all()
    relu = good.set_index("activation")["test_accuracy_mean"]["relu"]
    assert [line.get_xdata()[0] for line in ax.lines if line.get_ls() == "--"] == [relu]
    runs = seeds["seed"].nunique()
    assert [text.get_text() for text in ax.texts] == [f"{runs} of {runs} runs diverged"]


def test_curves_are_the_means_with_the_baseline_in_every_panel(epochs):
    means = scores.epoch_means(epochs)
    panels = {ax.get_title(loc="left"): ax for ax in curves.learning_curves(means, FAMILIES).axes}
    assert list(panels) == ["rectifier", "tent", "hill_published"]
    for family, ax in panels.items():
        names = [n for n, f in FAMILIES.items() if f == family and n not in ("relu", FAILED)]
        lines = [line for line in ax.lines if len(line.get_xdata())]
        for name, line in zip(["relu", *names], lines, strict=True):
            rows = means[means["activation"] == name]
            assert line.get_xdata().tolist() == rows["epoch"].tolist()
            assert line.get_ydata().tolist() == rows["test_accuracy_mean"].tolist()
        labels = [text.get_text() for text in ax.get_legend().get_texts()]
        assert labels == ["relu", *names]


def test_band_is_the_interval():
    means = scores.epoch_means(epochs_table(5, 3))
    ax = curves.draw(means, [], style.family_colour("tent"), Figure().subplots())
    rows = means[means["activation"] == "relu"]
    corners = ax.collections[0].get_paths()[0].vertices[:, 1]
    for column in ("test_accuracy_low", "test_accuracy_high"):
        assert set(rows[column]) <= set(corners)


def test_nothing_to_draw_is_said_in_words():
    none = epochs_table(2, 2).assign(status="diverged")
    empty = reproduction_table().iloc[:0]
    for figure in (
        curves.learning_curves(scores.epoch_means(none), FAMILIES),
        agreement.agreement_scatter(empty),
    ):
        assert figure.texts and not figure.axes
    bars.final_bars(scores.summarise(none), scores.final_rows(none), FAMILIES)
    only_relu = epochs_table(2, 2).query("activation == 'relu'")
    assert len(curves.learning_curves(scores.epoch_means(only_relu), FAMILIES).axes) == 1


@pytest.mark.parametrize("count", [1, 4, 7, 60])
def test_graphs_have_a_panel_each_and_keep_jumps(count):
    names = [f"hill_published_0.{i}" for i in range(count)]
    figure = graphs.graph_grid(points_table(names))
    assert [ax.get_title() for ax in figure.axes] == names
    for ax in figure.axes:
        pieces = [line for line in ax.lines if line.get_lw() == 1.3]
        assert [line.get_ydata().tolist() for line in pieces] == [[0, 0], [1, 4]]
        assert ax.get_xlim() == graphs.X_LIMITS and ax.get_ylim() == graphs.Y_LIMITS


def test_agreement_points_whiskers_and_labels():
    table = reproduction_table()
    cells = table[(table["metric"] == "test_accuracy") & (table["architecture"] == "small")]
    ax = agreement.agreement_scatter(table).axes[0]
    points = np.asarray(ax.collections[-1].get_offsets())
    expected = cells[["published_mean", "ours_mean"]].to_numpy()
    np.testing.assert_array_equal(np.sort(points, axis=0), np.sort(expected, axis=0))
    across, up = (bar.get_segments() for bar in ax.containers[0].lines[2])
    assert [np.ptp(s[:, 0]) / 2 for s in across] == pytest.approx([0.03 / 3] * len(cells))
    assert [np.ptp(s[:, 1]) / 2 for s in up] == pytest.approx([0.02 / 2] * len(cells))
    labels = {text.get_text() for text in ax.texts}
    assert labels == set(cells.loc[~cells["agrees"], "activation"])
    heights = [text.get_position()[1] for text in ax.texts]
    assert np.diff(heights).min() > 0.049 and heights[0] >= 0 and heights[-1] <= 1


def test_agreement_with_one_run_of_ours_has_no_upright_whisker():
    table = reproduction_table().assign(ours_n=1, ours_sd=np.nan)
    up = agreement.agreement_scatter(table).axes[0].containers[0].lines[2][1]
    assert np.isnan([s[:, 1] for s in up.get_segments() if len(s)]).all()


def test_figures_fit_the_page_and_nothing_is_cut(epochs, fit):
    fit(lambda: figures(epochs))


def test_wrong_input_is_named():
    table = epochs_table(2, 2)
    two = pd.concat([table, table.assign(architecture="plain")])
    with pytest.raises(ValueError, match=r"one architecture, got 2: \['small', 'plain'\]"):
        curves.learning_curves(scores.epoch_means(two), FAMILIES)
    with pytest.raises(ValueError, match="one architecture"):
        bars.final_bars(scores.summarise(two), scores.final_rows(two), FAMILIES)


def test_a_family_of_ones_own_is_drawn_in_a_colour_that_no_other_has():
    own = style.family_colour("bump")
    assert own not in style.FAMILY_COLOURS.values()
    figure = curves.learning_curves(
        scores.epoch_means(epochs_table(2, 2)), {**FAMILIES, "neg_relu": "bump"}
    )
    assert "bump" in {ax.get_title(loc=side) for ax in figure.axes for side in ("left", "center")}


def test_same_bytes_in_another_process(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    for name, figure in figures(epochs_table(2, 2)).items():
        style.save(figure, here / name)
    command = [sys.executable, "-c", SAVE, str(Path(__file__).parent), str(there)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "1"})
    names = [f"{n}.{k}" for n in ("agreement", "bars", "curves", "graphs") for k in style.METADATA]
    for folder in (here, there):
        assert sorted(file.name for file in folder.iterdir()) == sorted(names)
    assert [n for n in names if (here / n).read_bytes() != (there / n).read_bytes()] == []


def test_a_save_that_fails_leaves_nothing(tmp_path, monkeypatch):
    def half_a_file(self, path, **_):
        Path(path).write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", half_a_file)
    with pytest.raises(OSError, match="disk full"):
        style.save(Figure(), tmp_path / "figure_0.25")
    assert not list(tmp_path.iterdir())
