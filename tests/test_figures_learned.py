"""The figures of learned activations draw what they are given, whole grid or single run."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from actgrid.figures import parity, reference, shapes, style

GRID = [(b, o, i) for b in shapes.BASES for o in shapes.SIZES for i in shapes.SIZES]
pytestmark = pytest.mark.filterwarnings("error")

SAVE = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_figures_learned import GRID, figures
from actgrid.figures import style
for name, figure in figures(GRID[:2], 1).items():
    style.save(figure, Path(sys.argv[2]) / name)
"""


def curves_table(cells, seeds):
    """A hump a run, of its own height and width, before a normal density."""
    x = np.linspace(-10, 10, 401)
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi) * (abs(x) < 5)
    runs = []
    for cell, (base, outer, inner) in enumerate(cells):
        for seed in range(seeds):
            height, width = 1 + seed + 0.1 * cell, 1 + 0.2 * seed
            f = height * np.exp(-((x / width) ** 2)) + seed
            run = pd.DataFrame({"x": x, "f": f, "df": np.gradient(f, x), "density": density})
            names = {"base": base, "outer": outer, "inner": inner, "seed": seed}
            runs.append(run.assign(evaluation="tabulated", **names))
    return pd.concat(runs, ignore_index=True)


def seeds_table(cells, seeds):
    """A difference for every comparison, combination and seed."""
    random = np.random.default_rng(0)
    rows = [
        (comparison, *cell, seed, random.normal(0.01, 0.003))
        for comparison in ("base", "matched")
        for cell in cells
        for seed in range(seeds)
    ]
    return pd.DataFrame(
        rows, columns=["comparison", "base", "outer", "inner", "seed", "difference"]
    )


def differences_table(seeds, half=0.002):
    groups = seeds.groupby(["comparison", "base", "outer", "inner"], sort=False)["difference"]
    table = groups.agg(n="size", mean="mean").reset_index()
    half = half if table["n"].max() > 1 else np.nan
    return table.assign(low=table["mean"] - half, high=table["mean"] + half)


def cells_table(cells, seeds):
    random = np.random.default_rng(0)
    table = pd.DataFrame(cells, columns=["base", "outer", "inner"])
    table["published"] = random.uniform(0.92, 0.97, len(cells))
    table["ours_mean"] = table["published"] + random.normal(0, 0.003, len(cells))
    spread = 0.002 if seeds > 1 else np.nan
    low, high = table["ours_mean"] - spread, table["ours_mean"] + 2 * spread
    return table.assign(ours_low=low, ours_high=high, n=seeds)


def points_table(names=("gelu", "tanh", "relu")):
    x = np.linspace(-4, 4, 81)
    tables = [pd.DataFrame({"x": x, "f": x * k, "df": k}) for k in range(1, len(names) + 1)]
    return pd.concat(t.assign(activation=n) for t, n in zip(tables, names, strict=True))


def figures(cells, seeds):
    curves, differences = curves_table(cells, seeds), seeds_table(cells, seeds)
    by_base = {f"shapes_{base}": rows for base, rows in curves.groupby("base")}
    return {name: shapes.shape_grid(rows) for name, rows in by_base.items()} | {
        "overview": shapes.overview(curves),
        "reference": reference.reference(points_table()),
        "parity": parity.parity(differences_table(differences), differences),
        "published": parity.published(cells_table(cells, seeds)),
    }


def lines(ax, style="-"):
    """The curves of a panel, without its zero lines."""
    return [line for line in ax.lines if len(line.get_xdata()) > 2 and line.get_ls() == style]


def entries(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


# --- graphs -------------------------------------------------------------------------------------


def test_shape_grid_has_a_panel_a_cell_with_f_df_and_density_of_every_seed():
    table = curves_table(GRID[:9], 5)
    figure = shapes.shape_grid(table.sample(frac=1, random_state=0).sort_values("x"))
    assert len(figure.axes) == 9
    for ax, (_, outer, inner) in zip(figure.axes, GRID, strict=False):
        rows = table[(table["outer"] == outer) & (table["inner"] == inner)]
        shown = rows[abs(rows["x"]) <= 3]
        for column, dashes in (("f", "-"), ("df", "--")):
            drawn = [line.get_ydata().tolist() for line in lines(ax, dashes)]
            assert drawn == [run[column].tolist() for _, run in shown.groupby("seed")]
        assert len(ax.collections) == 5
        assert ax.get_xlim() == (-3, 3) and ax.get_ylim() == figure.axes[0].get_ylim()
    assert [ax.get_title() for ax in figure.axes[:3]] == [
        f"activation network {size}" for size in shapes.SIZES
    ]
    assert [ax.get_ylabel() for ax in figure.axes[::3]] == [
        f"outer network {size}" for size in shapes.SIZES
    ]
    assert entries(figure)[3:] == [f"seed {seed}" for seed in range(5)]


def test_the_density_is_a_third_of_the_panel_high_on_one_scale_for_all():
    table = curves_table(GRID[:2], 1)
    table.loc[table["inner"] == "medium", "density"] /= 2
    figure = shapes.shape_grid(table)
    areas = [ax.collections[0].get_paths()[0].vertices for ax in figure.axes]
    heights = [corners[:, 1].max() for corners in areas]
    assert heights == pytest.approx([1 / 3, 1 / 6])


def test_the_same_seed_has_the_same_shade_and_shades_have_one_hue():
    table = curves_table(GRID[:2], 3)
    only_last = (table["inner"] == "medium") & (table["seed"] < 2)
    first, second = shapes.shape_grid(table[~only_last]).axes
    assert [line.get_color() for line in lines(second)] == [lines(first)[2].get_color()]
    shades = shapes.seed_shades(range(5), to_rgb("#1a86e0"))
    lightness = [sum(shade) for shade in shades.values()]
    assert np.diff(lightness).min() > 0.1
    assert shapes.seed_shades([7], to_rgb("#1a86e0"))[7] == pytest.approx(
        to_rgb("#1a86e0"), abs=0.01
    )


def test_y_limits_show_all_of_the_usual_runs_and_do_not_follow_one_that_is_far_off():
    table = curves_table(GRID[:9], 5)
    usual = shapes.shape_grid(table).axes[0].get_ylim()
    assert usual[0] < 0 and usual[1] > table["f"].max()
    wild = table.copy()
    wild.loc[
        (wild["inner"] == "large") & (wild["outer"] == "small") & (wild["seed"] == 0), "f"
    ] *= 99
    assert shapes.shape_grid(wild).axes[0].get_ylim()[1] < 2 * usual[1]


def test_cells_that_were_not_run_are_said_and_absent_sizes_take_no_room():
    cells = [("relu", "small", "medium"), ("relu", "large", "medium"), ("relu", "large", "large")]
    figure = shapes.shape_grid(curves_table(cells, 1))
    words = [[text.get_text() for text in ax.texts] for ax in figure.axes]
    assert words == [[], ["not run"], [], []]
    assert [ax.get_title() for ax in figure.axes[:2]] == [
        "activation network medium", "activation network large"
    ]  # fmt: skip


def test_overview_has_every_combination_standardised_in_one_frame():
    table = curves_table(GRID, 2)
    figure = shapes.overview(table)
    assert len(figure.axes) == 27 and not any(ax.texts for ax in figure.axes)
    assert [ax.get_title() for ax in figure.axes[:3]] == list(shapes.BASES)
    names = [ax.get_ylabel() for ax in figure.axes[::3]]
    assert names[:2] == ["outer small\nactivation small", "outer small\nactivation medium"]
    assert len({ax.get_ylim() for ax in figure.axes}) == 1
    for index, ax in enumerate(figure.axes):
        base, (outer, inner) = shapes.BASES[index % 3], divmod(index // 3, 3)
        rows = shapes.of(table, base=base, outer=shapes.SIZES[outer], inner=shapes.SIZES[inner])
        for line, (_, run) in zip(lines(ax), rows.groupby("seed"), strict=True):
            weights = run["density"][abs(run["x"]) <= 3]
            f = run["f"][abs(run["x"]) <= 3]
            slope, _ = np.polyfit(f, line.get_ydata(), 1)
            np.testing.assert_allclose(
                line.get_ydata(), slope * (f - f.iloc[0]) + line.get_ydata()[0]
            )
            assert np.average(line.get_ydata(), weights=weights) == pytest.approx(0, abs=0.01)
            assert slope > 0


def test_standardised_by_hand():
    run = pd.DataFrame({"f": [5.0, 1.0, 3.0, 90.0], "density": [0.0, 0.5, 0.5, 0.0]})
    assert shapes.standardised(run).tolist() == [3.0, -1.0, 1.0, 88.0]
    assert shapes.standardised(run.assign(density=0.0)).mean() == pytest.approx(0)
    assert shapes.standardised(run.assign(f=0.1)).tolist() == pytest.approx([0] * 4)


def test_reference_has_the_three_functions_in_order_with_their_formulas():
    figure = reference.reference(points_table())
    assert [ax.get_title() for ax in figure.axes] == list(reference.TITLES.values())
    slopes = [2, 3, 1]  # of tanh, relu, gelu in the table
    for ax, slope in zip(figure.axes, slopes, strict=True):
        (f,), (df,) = lines(ax), lines(ax, "--")
        np.testing.assert_allclose(f.get_ydata(), slope * f.get_xdata())
        assert set(df.get_ydata()) == {slope}
        assert ax.get_xlim() == (-3, 3) and ax.get_ylim() == figure.axes[0].get_ylim()
    assert entries(figure) == ["f(x)", "f'(x)"]


# --- scores -------------------------------------------------------------------------------------


def test_parity_has_a_row_a_combination_with_mean_interval_and_seeds():
    seeds = seeds_table(GRID, 5)
    table = differences_table(seeds)
    figure = parity.parity(table, seeds)
    assert [ax.get_title(loc="left") for ax in figure.axes] == [
        "base tanh",
        "base relu",
        "base gelu",
    ]
    for ax, base in zip(figure.axes, shapes.BASES, strict=True):
        labels = [text.get_text() for text in ax.get_yticklabels()]
        assert labels == [f"outer {o}, activation {i}" for b, o, i in GRID if b == base]
        assert ax.get_xlim() == figure.axes[0].get_xlim() and ax.yaxis_inverted()
        hollow = []
        for container, name in zip(ax.containers, ("base", "matched"), strict=True):
            rows = shapes.of(table, base=base, comparison=name)
            marks, _, (bars,) = container.lines
            assert marks.get_xdata().tolist() == rows["mean"].tolist()
            assert abs(marks.get_ydata() - np.arange(9)).max() < 0.5
            ends = [segment[:, 0].tolist() for segment in bars.get_segments()]
            np.testing.assert_allclose(ends, rows[["low", "high"]])
            hollow.append(marks.get_markerfacecolor() == "white")
            shown = {x for dots in ax.collections for x in np.asarray(dots.get_offsets())[:, 0]}
            assert set(shapes.of(seeds, base=base, comparison=name)["difference"]) <= shown
        assert hollow == [False, True]
        assert any(set(line.get_xdata()) == {0} for line in ax.lines)
    assert entries(figure)[-2:] == ["one seed", "95 % t interval"] and len(entries(figure)) == 4


def test_parity_cuts_whiskers_far_beyond_the_dots_with_an_arrowhead():
    seeds = seeds_table(GRID[:3], 2)
    seen = differences_table(seeds)
    wide = seen.assign(high=seen["high"].where(seen.index != 1, 5.0))
    (ax,), (cut,) = parity.parity(seen, seeds).axes, parity.parity(wide, seeds).axes
    low, high = ax.get_xlim()
    assert low < min(0, seen["low"].min()) and high > seen["high"].max()
    assert cut.get_xlim()[1] < 0.1

    def heads(panel):
        edges = panel.get_xlim()
        places = [place for dots in panel.collections for place in np.asarray(dots.get_offsets())]
        return [place[1] for place in places if place[0] in edges]

    assert heads(ax) == []
    np.testing.assert_allclose(heads(cut), [1 - 0.16])


def test_parity_of_one_seed_and_one_comparison():
    seeds = shapes.of(seeds_table(GRID[9:10], 1), comparison="base")
    figure = parity.parity(differences_table(seeds), seeds)
    assert entries(figure) == ["against the base in the same network", "one seed"]
    (ax,) = figure.axes
    assert ax.containers[0].lines[0].get_ydata().tolist() == [0]


def test_published_places_every_cell_with_colour_shape_and_whisker():
    table = cells_table(GRID, 5)
    figure = parity.published(table)
    (ax,) = figure.axes
    assert ax.get_xlim() == ax.get_ylim() and len(ax.containers) == 27
    for container, (_, cell) in zip(ax.containers, table.iterrows(), strict=True):
        mark, _, (bar,) = container.lines
        assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (cell["published"], cell["ours_mean"])
        assert mark.get_marker() == parity.MARKERS[cell["outer"]]
        assert mark.get_color() == shapes.base_colour(cell["base"])
        ends = bar.get_segments()[0][:, 1]
        np.testing.assert_allclose(ends, [cell["ours_low"], cell["ours_high"]])
    assert len(entries(figure)) == 9
    (identity,) = [line for line in ax.lines if line.get_label().startswith("_child0")]
    assert identity.get_slope() == 1 and identity.get_xy1() == (1, 1)


def test_published_leaves_out_cells_without_a_score():
    table = cells_table(GRID[:3], 1)
    table.loc[0, "ours_mean"] = np.nan
    assert len(parity.published(table).axes[0].containers) == 2
    assert parity.published(table.iloc[:1]).texts


# --- all ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cells", "seeds"), [(GRID, 5), (GRID[9:11], 7), (GRID[:1], 1)], ids=["full", "two", "one"]
)
def test_figures_fit_the_page_and_nothing_is_cut(fit, cells, seeds):
    drawn = figures(cells, seeds)
    fit(lambda: drawn)
    for name, figure in drawn.items():
        (legend,) = figure.legends
        panels = [ax.get_tightbbox() for ax in figure.axes]
        assert not [b for b in panels if b.overlaps(legend.get_window_extent())], name


def test_nothing_to_draw_is_said_in_words():
    curves, seeds = curves_table(GRID[:1], 1).iloc[:0], seeds_table(GRID[:1], 1).iloc[:0]
    empty = seeds.assign(n=1, mean=0.0, low=0.0, high=0.0)
    for figure in (
        shapes.shape_grid(curves),
        shapes.overview(curves),
        parity.parity(empty, seeds),
        parity.published(cells_table(GRID, 1).iloc[:0]),
    ):
        assert figure.texts and not figure.axes


def test_wrong_input_is_named():
    table = curves_table(GRID[8:10], 1)
    with pytest.raises(ValueError, match=r"one base, got 2: \['tanh', 'relu'\]"):
        shapes.shape_grid(table)
    both = pd.concat([table, table.assign(evaluation="exact")])
    with pytest.raises(ValueError, match="one evaluation, got 2"):
        shapes.overview(both)
    with pytest.raises(ValueError, match=r"outer 'huge' .* known: \['small', 'medium', 'large'\]"):
        shapes.overview(table.assign(outer="huge"))
    with pytest.raises(ValueError, match=r"activation 'silu' .* known: \['tanh', 'relu', 'gelu'\]"):
        reference.reference(points_table(("silu",)))
    seeds = seeds_table(GRID[:1], 1).replace("matched", "wider")
    with pytest.raises(ValueError, match="comparison 'wider'"):
        parity.parity(differences_table(seeds), seeds)


def test_learned_families_and_their_bases_have_colours_of_their_own():
    names = ("tanh", "gelu", "matched", "transfer")
    learned = [f"learned_{base}" for base in shapes.BASES]
    colours = [style.family_colour(name) for name in (*names, *learned)]
    gaps = [np.linalg.norm(np.subtract(a, b)) for a in colours for b in colours if a is not b]
    assert style.OTHER_COLOUR not in colours and min(gaps) > 0.2


def test_same_bytes_in_another_process(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
    for name, figure in figures(GRID[:2], 1).items():
        style.save(figure, here / name)
    command = [sys.executable, "-c", SAVE, str(Path(__file__).parent), str(there)]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "1"})
    files = sorted(file.name for file in here.iterdir())
    assert len(files) == 5 * len(style.METADATA)
    assert files == sorted(file.name for file in there.iterdir())
    assert [n for n in files if (here / n).read_bytes() != (there / n).read_bytes()] == []
