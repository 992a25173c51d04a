"""The figures of trained parameters and of the MNIST log draw what they are given, big or tiny."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from actgrid import scores
from actgrid.data import load, mnist_float_bytes
from actgrid.figures import parameters, published_log, seen, style, training

FAMILIES = {
    **{"affine": "trained", "relu": "rectifier", "isru": "sigmoidal", "srelu": "trained"},
    **{"brelu_autograd": "autograd", "silu": "smooth", "prelu": "trained", "swish": "trained"},
    **{"brelu": "rectifier", "soft_exponential": "trained"},
}
NAMES = list(FAMILIES)[:5]
TRAINED = {"affine": ["alpha", "beta"], "srelu": ["left", "left_slope", "gap", "right_slope"]}
LOGS = {"leaky_relu": 5, "relu": 25, "tanh": 5}  # published as -> epochs published
MEANS, SDS = {"train": 33.3, "test": 33.8}, {"train": 78.6, "test": 79.2}
PREPARED = Path(__file__).parents[1] / "data/prepared"
pytestmark = pytest.mark.filterwarnings("error")

SAVE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_figures_training import figures
from actgrid.figures import style
for name, figure in figures(2, 2, 3).items():
    style.save(figure, Path(sys.argv[2]) / name)
"""


def means_table(seeds, epochs, names, part="test"):
    """Learning curves of one pair; only the `part` held out is measured, and training."""
    random = np.random.default_rng(0)
    keys = [
        ("s", "d", "net", name, seed, "ok", epoch, 0.5)
        for name in names
        for seed in range(seeds)
        for epoch in range(1, epochs + 1)
    ]
    table = pd.DataFrame(keys, columns=[*scores.RUN, "status", "epoch", "seconds"])
    table = table.assign(**dict.fromkeys(scores.METRICS, np.nan))
    for metric, ends in (("loss", (0.02, 6.0)), ("accuracy", (0.1, 0.99))):
        for side in ("train", part):
            table[f"{side}_{metric}"] = random.uniform(*ends, len(table))
    return scores.epoch_means(table)


def tracks_table(seeds, epochs, trained=TRAINED, layers=4):
    """Parameters first, as records.parameter_tracks gives them, and in another order of names."""
    random = np.random.default_rng(0)
    keys = [
        (name, seed, epoch, layer, parameter)
        for name in sorted(trained, reverse=True)
        for parameter in trained[name]
        for seed in range(seeds)
        for epoch in range(epochs + 1)
        for layer in range(1, layers + 1)
    ]
    table = pd.DataFrame(keys, columns=["activation", "seed", "epoch", "layer", "parameter"])
    return table.assign(value=random.normal(size=len(table)))


def cells_table(epochs, logs=LOGS, seeds=5):
    """Two data sets; one more activation, of which nothing is published."""
    random = np.random.default_rng(0)
    rows = [
        (dataset, f"{name}_autograd" if name in logs else name, name, epoch, metric)
        for dataset in (published_log.NORMALISED, published_log.FED)
        for name in [*logs, "gelu"]
        for epoch in range(1, epochs + 1)
        for metric in ("train_accuracy", "valid_accuracy", "train_loss", "valid_loss")
    ]
    columns = ["dataset", "activation", "published_as", "epoch", "metric"]
    cells = pd.DataFrame(rows, columns=columns).assign(ours_n=seeds)
    cells["ours_mean"] = random.uniform(0.1, 0.9, len(cells))
    half = 0.1 if seeds > 1 else np.nan
    cells["ours_low"], cells["ours_high"] = cells["ours_mean"] - half, cells["ours_mean"] + half
    last = cells["published_as"].map(logs).fillna(0)
    known = (cells["dataset"] == published_log.FED) & (cells["epoch"] <= last)
    cells["published"] = random.uniform(0.1, 0.9, len(cells))
    cells.loc[~known, "published"] = np.nan
    return cells


def digits(count):
    return np.random.default_rng(0).integers(0, 256, (count, 28, 28), dtype=np.uint8)


def figures(seeds, epochs, count):
    """One of each: `count` activations, panels and digits, or as many as there are."""
    names = list(FAMILIES)[:count]
    trained = dict(list(TRAINED.items())[:count])
    logs = dict(list(LOGS.items())[:count])
    return {
        "training": training.training(means_table(seeds, epochs, names), FAMILIES),
        "parameters": parameters.parameters(tracks_table(seeds, epochs, trained), FAMILIES),
        "published_log": published_log.published_log(cells_table(epochs, logs, seeds)),
        "seen": seen.seen(digits(min(count, 4)), seen.levels(MEANS, SDS)),
    }


def labels_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def title_of(ax):
    return ax.get_title(loc="left")


def column(figure, place, columns):
    return figure.axes[place::columns]


# --- training -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("part", "name"), [("valid", "validation"), ("test", "test")])
def test_training_has_a_pair_of_panels_an_activation_and_names_what_is_held_out(part, name):
    means = means_table(5, 25, NAMES, part)
    figure = training.training(means, FAMILIES)
    assert [title_of(ax) for ax in figure.axes] == [t for n in NAMES for t in (n, "")]
    assert labels_of(figure) == ["training", name, "95 % t interval"]
    for place, ax in enumerate(figure.axes):
        activation, metric = NAMES[place // 2], ("loss", "accuracy")[place % 2]
        rows = means[means["activation"] == activation]
        assert ax.get_ylabel() == metric
        for line, side in zip(ax.lines, ("train", part), strict=True):
            assert line.get_xdata().tolist() == list(range(1, 26))
            assert line.get_ydata().tolist() == rows[f"{side}_{metric}_mean"].tolist()
            assert line.get_color() == style.family_colour(FAMILIES[activation])
        assert [line.is_dashed() for line in ax.lines] == [False, True]


def test_training_bands_are_the_interval():
    means = means_table(5, 3, ["relu"])
    colour = style.family_colour("rectifier")
    ax = training.draw(means, "accuracy", "test", colour, Figure().subplots())
    for band, side in zip(ax.collections, ("train", "test"), strict=True):
        corners = set(band.get_paths()[0].vertices[:, 1])
        for end in ("low", "high"):
            assert set(means[f"{side}_accuracy_{end}"]) <= corners


def test_training_axes_are_those_of_all_means_whatever_the_bands():
    means = means_table(2, 5, NAMES)
    means.loc[means["activation"] == "isru", "test_loss_mean"] *= 10
    means["test_loss_high"] *= 1000
    axes = training.training(means, FAMILIES).axes
    for metric, panels in (("loss", axes[::2]), ("accuracy", axes[1::2])):
        assert len({(*ax.get_xlim(), *ax.get_ylim(), ax.get_yscale()) for ax in panels}) == 1
        values = means[[f"train_{metric}_mean", f"test_{metric}_mean"]]
        low, high = panels[0].get_ylim()
        assert low < values.min(axis=None) and values.max(axis=None) < high
    assert axes[0].get_yscale() == "log" and axes[1].get_yscale() == "linear"
    assert high < 1.1 and axes[0].get_ylim()[1] < 1.2 * means["test_loss_mean"].max()


@pytest.mark.parametrize(("epochs", "ticks"), [(1, [1]), (2, [1, 2]), (25, [10, 20])])
def test_training_ticks_are_whole_epochs_and_short_lines_have_dots(epochs, ticks):
    figure = training.training(means_table(1, epochs, ["relu"]), FAMILIES)
    assert labels_of(figure) == ["training", "test"]  # one seed has no interval
    for ax in figure.axes:
        low, high = ax.get_xlim()
        assert [tick for tick in ax.get_xticks() if low <= tick <= high] == ticks
        assert {line.get_marker() for line in ax.lines} == {"." if epochs < 5 else ""}


@pytest.mark.parametrize("ends", [(2.0, 2.2), (1.2, 6.0), (0.03, 0.9), (1e-4, 5.0), (0.5, 0.5)])
def test_a_loss_axis_has_a_few_plain_ticks_at_any_range(ends):
    means = means_table(1, 2, ["relu"])
    means["train_loss_mean"] = means["test_loss_mean"] = ends
    ax = training.training(means, FAMILIES).axes[0]
    low, high = ax.get_ylim()
    ticks = [tick for tick in ax.get_yticks() if low <= tick <= high]
    assert 2 <= len(ticks) <= 7
    texts = ax.yaxis.get_major_formatter().format_ticks(ticks)
    assert list(map(float, texts)) == pytest.approx(ticks)


def test_training_shows_one_pair():
    means = means_table(2, 2, ["relu"])
    two = pd.concat([means, means.assign(architecture="other")])
    with pytest.raises(ValueError, match=r"one architecture, got 2: \['net', 'other'\]"):
        training.training(two, FAMILIES)
    with pytest.raises(ValueError, match="one data set"):
        training.training(pd.concat([means, means.assign(dataset="other")]), FAMILIES)


# --- parameters ---------------------------------------------------------------------------------


def test_parameters_have_a_panel_each_in_the_order_of_the_families():
    tracks = tracks_table(3, 20)
    figure = parameters.parameters(tracks, FAMILIES)
    panels = [(name, parameter) for name in FAMILIES for parameter in TRAINED.get(name, ())]
    assert [title_of(ax) for ax in figure.axes] == [": ".join(panel) for panel in panels]
    assert labels_of(figure) == ["layer 1", "layer 2", "layer 3", "layer 4", "one seed"]
    shades = parameters.layer_colours([1, 2, 3, 4])
    for ax, (name, parameter) in zip(figure.axes, panels, strict=True):
        of_panel = tracks[(tracks["activation"] == name) & (tracks["parameter"] == parameter)]
        lines = iter(ax.lines)
        for layer, rows in of_panel.groupby("layer"):
            paths = rows.pivot(index="epoch", columns="seed", values="value")
            for drawn in [*(paths[seed] for seed in paths), paths.mean(axis=1)]:
                line = next(lines)
                assert line.get_xdata().tolist() == list(range(21))
                assert line.get_ydata() == pytest.approx(drawn.to_numpy())
                assert line.get_color() == shades[layer]
            assert line.get_lw() > 2 * ax.lines[0].get_lw() and line.get_alpha() is None
        assert next(lines, None) is None


def test_layer_colours_get_lighter_layer_by_layer():
    for layers in ([1], [1, 2], list(range(1, 12))):
        shades = parameters.layer_colours(layers)
        assert list(shades) == layers
        brightness = [0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in shades.values()]
        assert (np.diff(brightness) > 0).all()


def test_parameters_have_value_limits_of_their_own():
    tracks = tracks_table(2, 9)
    tracks.loc[tracks["parameter"] == "gap", "value"] *= 1000
    by_title = {title_of(ax): ax for ax in parameters.parameters(tracks, FAMILIES).axes}
    assert by_title["srelu: gap"].get_ylim()[1] > 100 > by_title["affine: beta"].get_ylim()[1]


def test_an_activation_without_a_family_is_refused():
    with pytest.raises(ValueError, match="srelu"):
        parameters.parameters(tracks_table(1, 1), {"affine": "trained"})


# --- the published log --------------------------------------------------------------------------


def test_published_log_has_a_column_per_activation_with_something_published():
    cells = cells_table(25)
    figure = published_log.published_log(cells)
    names = [f"{name}_autograd" for name in LOGS]
    assert [title_of(ax) for ax in figure.axes] == [*names, "", "", ""]
    assert [ax.get_ylabel() for ax in figure.axes] == ["accuracy", "", "", "loss", "", ""]
    for place, (name, published) in enumerate(LOGS.items()):
        rows = cells[cells["published_as"] == name]
        for metric, ax in zip(("accuracy", "loss"), column(figure, place, 3), strict=True):
            lines = iter(ax.lines)
            for part in ("train", "valid"):
                of_part = rows[rows["metric"] == f"{part}_{metric}"]
                for dataset in (published_log.NORMALISED, published_log.FED):
                    ours = of_part[of_part["dataset"] == dataset]
                    line = next(lines)
                    assert line.get_ydata().tolist() == ours["ours_mean"].tolist()
                    assert line.get_color() == published_log.COLOURS[dataset]
                    assert line.is_dashed() == (part == "valid")
                dots = next(lines)
                theirs = of_part["published"].dropna()
                assert dots.get_xdata().tolist() == list(range(1, published + 1))
                assert dots.get_ydata().tolist() == theirs.tolist()
                assert dots.get_mfc() == {"train": "black", "valid": "white"}[part]
            assert next(lines, None) is None and len(ax.collections) == 4


def test_published_log_limits_hold_lines_and_dots_and_not_the_bands():
    cells = cells_table(25)
    cells["ours_high"] += 100
    cells.loc[cells["metric"] == "valid_loss", "published"] *= 5
    figure = published_log.published_log(cells)
    for ax in figure.axes[:3]:
        assert ax.get_ylim() == (0, 1)
    drawn = cells[cells["activation"] != "gelu"]
    losses = drawn.loc[drawn["metric"].str.endswith("loss"), ["ours_mean", "published"]]
    for ax in figure.axes[3:]:
        assert ax.get_ylim() == (0, 1.05 * losses.max(axis=None))
        assert ax.get_xscale() == "log" and ax.get_xlim()[1] > 25
        texts = ax.xaxis.get_major_formatter().format_ticks(ax.get_xticks()[:5])
        assert texts == ["1", "2", "5", "10", "25"]


def test_published_log_says_what_is_what():
    labels = labels_of(published_log.published_log(cells_table(2)))
    kinds = ("fed as published", "published log", "fed as meant")
    assert labels == [f"{kind}, {part}" for kind in kinds for part in ("training", "validation")]


# --- what was seen ------------------------------------------------------------------------------


def test_levels_are_the_bytes_of_every_grey():
    table = seen.levels(MEANS, SDS)
    assert table.groupby("part", sort=False).size().to_dict() == {"train": 256, "test": 256}
    for row in table.iloc[::37].itertuples():
        expected = (np.float32(row.grey) - np.float32(MEANS[row.part])) / np.float32(SDS[row.part])
        assert np.array(expected, "<f4").tobytes() == bytes(row[4:]) and row.value == expected


def test_bytes_are_those_that_the_data_set_has():
    images, table = digits(3), seen.levels(MEANS, SDS)
    for part in ("train", "test"):
        expected = mnist_float_bytes.float_bytes(images[:, None], MEANS[part], SDS[part])[:, 0]
        for image, known in zip(images, expected, strict=True):
            np.testing.assert_array_equal(seen.as_bytes(image, table, part), known)


@pytest.mark.skipif(
    not (PREPARED / "mnist_float_bytes").exists() or not (PREPARED / "mnist").exists(),
    reason="MNIST is not prepared",
)
def test_the_digits_drawn_are_those_that_networks_were_given():
    plain, read = (load(PREPARED / name) for name in ("mnist", "mnist_float_bytes"))
    facts, read_facts = (
        json.loads((PREPARED / name / "meta.json").read_text())
        for name in ("mnist", "mnist_float_bytes")
    )
    table = seen.levels(read_facts["mean"], read_facts["sd"])
    for part in ("train", "test"):
        images = getattr(plain, f"{part}_x")[:20, 0]
        given = getattr(read, f"{part}_x")[:20, 0]
        for digit, known in zip(seen.greys(images, facts["mean"], facts["sd"]), given, strict=True):
            np.testing.assert_array_equal(seen.as_bytes(digit, table, part), known)


def test_greys_undo_the_normalisation():
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    normalised = ((pixels - 33.3) / 78.6).astype(np.float32)
    found = seen.greys(normalised, 33.3, 78.6)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, pixels)


def test_seen_has_a_column_per_digit_and_one_of_greys():
    images, table = digits(4), seen.levels(MEANS, SDS)
    axes = seen.seen(images, table).axes
    shown = [np.asarray(ax.images[0].get_array()) for ax in axes]
    np.testing.assert_array_equal(shown[:4], images)
    for first, part in ((5, "train"), (10, "test")):
        expected = [seen.as_bytes(image, table, part) for image in images]
        np.testing.assert_array_equal(shown[first : first + 4], expected)
        of_part = table[(table["part"] == part) & table["grey"].isin(seen.GREYS)]
        np.testing.assert_array_equal(shown[first + 4], of_part[seen.BYTES])
    assert [ax.get_ylabel() for ax in axes[::5]] == [seen.PLAIN, *seen.PARTS.values()]
    assert {ax.images[0].get_clim() for ax in axes} == {(0, 255)}
    assert [len(ax.lines) for ax in axes] == [1, 1, 1, 1] + [0] * 11
    assert [list(line.get_ydata()) for line in axes[0].lines] == [[6.5, 6.5]]  # seven rows are read
    for ax, image in zip(axes[4::5], shown[4::5], strict=True):
        assert [text.get_text() for text in ax.texts] == [str(value) for value in image.ravel()]


# --- all ----------------------------------------------------------------------------------------


def test_nothing_to_draw_is_said_in_words():
    empty = cells_table(2).assign(published=np.nan)
    for figure in (
        training.training(means_table(1, 1, ["relu"]).iloc[:0], FAMILIES),
        parameters.parameters(tracks_table(1, 1).iloc[:0], FAMILIES),
        published_log.published_log(empty),
    ):
        assert figure.texts and not figure.axes


@pytest.mark.parametrize("size", [(5, 25, 10), (2, 300, 3), (1, 2, 1), (1, 1, 2)], ids=str)
def test_figures_fit_the_page_and_nothing_is_cut(size, fit):
    fit(lambda: figures(*size))


def test_families_have_colours_apart():
    colours = list(style.FAMILY_COLOURS.values())
    for place, colour in enumerate(colours):
        for other in colours[place + 1 :]:
            assert np.abs(np.subtract(colour, other)).max() > 0.05
        assert colour != style.OTHER_COLOUR


def test_same_bytes_in_another_process(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    for name, figure in figures(2, 2, 3).items():
        style.save(figure, here / name)
    command = [sys.executable, "-c", SAVE, str(Path(__file__).parent), str(there)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "1"})
    drawn = ("parameters", "published_log", "seen", "training")
    names = [f"{name}.{kind}" for name in drawn for kind in style.METADATA]
    for folder in (here, there):
        assert sorted(file.name for file in folder.iterdir()) == sorted(names)
    assert [n for n in names if (here / n).read_bytes() != (there / n).read_bytes()] == []
