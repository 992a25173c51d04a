"""The interactive page: the tables' numbers, nothing loaded, usable by mouse and by keyboard."""

import copy
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import browser
import numpy as np
import pandas as pd
import pytest
import yaml

from actgrid import explore, grid, learned, scores

ROOT = Path(__file__).parents[1]
FULL = yaml.safe_load((ROOT / "config.yaml").read_text())
PARTS = {p.name: p.read_text() for p in sorted((ROOT / "workflow/report/explore").iterdir())}
EVIL = "</script><script>alert(1)</script>"


# --- made-up results ----------------------------------------------------------------------------


def small_config(**activations):
    """Two networks on one data set, three activations, three seeds, five epochs."""
    study = FULL["studies"]["handmade"] | {
        "architectures": ["small", "plain"],
        "activations": ["relu", "tanh", "tent", *activations],
        "seeds": [0, 1, 2],
    }
    return FULL | {
        "grid": "test",
        "studies": {"handmade": study},
        "activations": FULL["activations"] | activations,
    }


def epochs_of(config, count=lambda run: 5, **columns):
    """The epochs table of a grid: accuracies that rise, losses that fall, all runs different."""
    rng, tables = np.random.default_rng(0), []
    for run in grid.expand(config):
        epoch = np.arange(1, count(run) + 1)
        level = 0.5 + 0.3 * rng.random() + 0.15 * epoch / len(epoch)
        names = {key: getattr(run, key) for key in scores.RUN}
        measured = {m: level if "accuracy" in m else 2 - 2 * level for m in scores.METRICS[:4]}
        rest = dict.fromkeys(scores.METRICS[4:], np.nan) | {"seconds": 0.5}
        tables.append(pd.DataFrame(names | {"status": "ok", "epoch": epoch} | measured | rest))
    return pd.concat(tables, ignore_index=True).assign(**columns)


def tables_of(epochs):
    """The three tables that the page is made from."""
    runs = epochs[[*scores.RUN, "status"]].drop_duplicates(scores.RUN)
    runs = runs.assign(parameters=1000, commit="abcdef0123", finished="2026-01-02T03:04:05+00:00")
    return {"runs": runs, "epochs": epochs, "final_epoch": scores.summarise(epochs)}


def graphs_of(config):
    """Points of every fixed activation: a line with a jump."""
    x = np.linspace(-3, 3, 601)
    points = pd.DataFrame({"x": x, "f": x + (x > 0), "df": 1.0, "piece": (x > 0).astype(int)})
    names = {run.activation for run in grid.expand(config)}
    return {"activations": pd.concat([points.assign(activation=name) for name in sorted(names)])}


def page_of(config, epochs=None, graphs=None, full=FULL):
    epochs = epochs_of(config) if epochs is None else epochs
    return explore.page(PARTS, tables_of(epochs), graphs or graphs_of(config), config, full)


def data_of(text):
    return json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', text)[1]
    )


def diverged(epochs, *run):
    """The epochs with one run (architecture, activation, seed) broken off in its second epoch."""
    of = (epochs[["architecture", "activation", "seed"]] == pd.Series(
        run, index=["architecture", "activation", "seed"])).all(axis=1)  # fmt: skip
    epochs.loc[of, "status"] = "diverged"
    epochs.loc[of & (epochs["epoch"] == 2), scores.METRICS] = [np.nan, np.inf] * 4
    return epochs[~of | (epochs["epoch"] <= 2)]


# --- the text -----------------------------------------------------------------------------------


class Elements(HTMLParser):
    """Every element with its attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_same_tables_give_the_same_bytes():
    config = small_config()
    assert page_of(config) == page_of(copy.deepcopy(config))


def test_the_page_refers_to_no_file_and_no_address():
    text = page_of(small_config())
    assert set(re.findall(r"\w+://[^\s\"'<]*", text)) == {"http://www.w3.org/2000/svg"}  # a name
    for tag, attributes in Elements(text).found:
        assert not {"src", "href", "srcset", "action", "data"} & set(attributes), tag
        assert tag not in ("link", "img", "iframe", "object", "embed", "base"), tag
        assert not [key for key in attributes if key.startswith("on")], tag
    assert "@import" not in text and "url(" not in PARTS["page.css"]
    (policy,) = [a["content"] for t, a in Elements(text).found if "http-equiv" in a]
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy


def test_every_part_is_in_the_rule_in_this_order():
    rule = (ROOT / "workflow/rules/explore.smk").read_text()
    listed = re.findall(r'"([\w.]+)"', re.search(r"EXPLORE_PARTS = \[(.*)\]", rule)[1])
    assert sorted(listed) == sorted(PARTS)
    assert [name for name in listed if ".js" in name] == [n for n in PARTS if n.endswith(".js")]


def test_a_name_cannot_end_the_data():
    config = small_config(
        **{EVIL: FULL["activations"]["relu"], "\u2028": FULL["activations"]["relu"]}
    )
    text = page_of(config)
    assert EVIL not in text and "\u2028" not in text
    assert [t for t, _ in Elements(text).found].count("script") == 2
    assert {EVIL, "\u2028"} <= {cell["activation"] for cell in data_of(text)["cells"]}


def test_cells_and_runs_have_the_numbers_of_the_tables():
    config = small_config()
    epochs = diverged(epochs_of(config), "plain", "tent", 1)
    tables = tables_of(epochs)
    data = explore.document(tables, graphs_of(config), config, FULL)
    for cell, row in zip(data["cells"], tables["final_epoch"].to_dict("records"), strict=True):
        assert (cell["n"], cell["failures"]) == (row["n"], row["failures"])
        for metric in ("test_accuracy", "test_loss", "train_accuracy"):
            expected = [row[f"{metric}_{part}"] for part in ("mean", "low", "high")]
            assert np.allclose(np.array(cell[metric]) * data["unit"], expected, atol=5.1e-5)
        assert cell["test_auc"] == [None] * 3
    broken = [run for run in data["runs"] if run["status"] == "diverged"]
    assert [data["cells"][run["cell"]]["activation"] for run in broken] == ["tent"]
    (run,) = broken
    assert run["test_accuracy"] is None and run["epochs"] == 2
    assert run["curves"]["test_loss"][1] is None and run["curves"]["test_accuracy"][0] > 0
    assert len(data["runs"]) == 18 and data["factors"][3] == pytest.approx(4.302653)


def test_the_header_says_what_is_cut():
    header = data_of(page_of(small_config()))["header"]
    assert header["grid"] == "test" and header["runs"] == 18
    assert header["full_runs"] == len(grid.expand(FULL))
    assert header["cuts"][0] == f"18 of {header['full_runs']} runs"
    config = small_config()
    assert not data_of(page_of(config, full=config))["header"]["cuts"]


def test_long_runs_keep_few_epochs_and_short_ones_all():
    config = small_config()
    epochs = epochs_of(config, lambda run: 300 if run.architecture == "plain" else 60)
    data = explore.document(tables_of(epochs), graphs_of(config), config, FULL)
    assert data["pairs"] == [list(range(1, 61)), [1, *range(5, 301, 5)]]
    long = next(run for run in data["runs"] if data["cells"][run["cell"]]["pair"] == 1)
    row = epochs[epochs["architecture"] == "plain"].iloc[299]
    assert long["curves"]["test_accuracy"][-1] == round(row["test_accuracy"] * 1e4)
    assert long["test_accuracy"] == long["curves"]["test_accuracy"][-1] and long["epochs"] == 300


def test_what_was_measured_once_in_a_run_is_no_curve():
    config = small_config()
    epochs = epochs_of(config)
    epochs.loc[epochs["epoch"] != 3, ["test_accuracy", "test_loss"]] = np.nan
    data = explore.document(tables_of(epochs), graphs_of(config), config, FULL)
    assert {name for run in data["runs"] for name in run["curves"]} == {
        "train_accuracy",
        "train_loss",
    }
    assert all(run["test_accuracy"] for run in data["runs"])


def test_a_jump_stays_a_jump_and_a_frozen_function_has_the_graph_of_the_learned_one():
    config = small_config()
    data = explore.document(tables_of(epochs_of(config)), graphs_of(config), config, FULL)
    pieces = data["graphs"]["tent"]
    assert [piece[1][-1] for piece in pieces] == [0, 30000] and pieces[1][1][0] == 100
    source = FULL["activations"]["transfer_relu_small"]["source"].split("/")
    frozen = explore.drawn_as(FULL, "transfer_relu_small", ())
    assert frozen == {"as": "learned_relu_small", "only": f"{source[1]}, seed {source[3]}"}
    assert explore.drawn_as(FULL, "tent", ["tent"]) == {"as": "tent", "only": None}


@pytest.mark.parametrize(
    ("beta", "drawn", "name"),
    [
        (2.0, ["relu", "gate_1", "gate_2"], "gate_2"),
        (2.0, ["relu", "gate_1"], None),  # that of gate_2 is not there
        (3.0, ["relu", "gate_1", "gate_2"], None),
    ],
)
def test_in_a_matched_network_stands_the_graph_of_the_same_function_and_constants(
    beta, drawn, name
):
    def gate(beta, **other):
        constants = {"expression": "x * sigmoid(beta * x)", "constants": {"beta": beta}}
        return {"function": "formula", **constants, "family": "own"} | other

    wide = gate(beta, matched_to="learned_relu_small", family="matched", published_as="Wide")
    config = small_config(gate_1=gate(1.0), gate_2=gate(2.0, studies=["handmade"]), wide=wide)
    assert explore.drawn_as(config, "wide", drawn) == {"as": name, "only": None}
    assert explore.drawn_as(config, "relu_matched_small", drawn)["as"] == "relu"


def test_no_activation_of_the_page_is_drawn_as_one_without_a_graph():
    wide = FULL["activations"]["relu_matched_small"]
    config = small_config(wide=wide, wide_tanh={**wide, "function": "tanh", "family": "own"})
    graphs = graphs_of(config)["activations"]
    kept = {"activations": graphs[graphs["activation"].isin(["relu", "tent"])]}
    data = explore.document(tables_of(epochs_of(config)), kept, config, FULL)
    assert data["activations"]["wide"]["as"] == "relu"
    assert data["activations"]["wide_tanh"]["as"] is None


def test_a_learned_activation_has_a_line_per_run():
    study = FULL["studies"]["learned"]
    config = FULL | {"studies": {"learned": study | {"seeds": [0, 1]}}}
    places = [
        (a, n) for a in study["architectures"] for n in study["activations"] if "learned" in n
    ]
    x = np.linspace(-3, 3, 601)
    curves = [
        pd.DataFrame({"x": x, "f": x, "df": 1.0, **learned.labels(FULL["activations"], *place)})
        for place in places
    ]
    curves = pd.concat([c.assign(seed=seed) for c in curves for seed in (0, 1)])
    graphs = graphs_of(config) | {"learned_curves": curves}
    data = explore.document(tables_of(epochs_of(config)), graphs, config, FULL)
    lines = data["graphs"]["learned_tanh_small"]
    wanted = [f"{a}, seed {s}" for a in study["architectures"] for s in (0, 1)]
    assert sorted(line[0] for line in lines) == sorted(wanted)


@pytest.fixture(scope="module")
def large():
    """The page of the full grid: made-up figures of all its runs, of the lengths they have."""
    lengths = {"banknote": 300, "covertype": 150}
    epochs = epochs_of(FULL, lambda run: lengths.get(run.dataset, 25))
    covertype = epochs["dataset"] == "covertype"
    for metric in ("valid_accuracy", "valid_loss", "valid_auc"):
        epochs[metric] = epochs["train_loss"].where(covertype)
    return page_of(FULL, epochs)


def test_the_full_grid_makes_a_light_page(large):
    assert len(data_of(large)["runs"]) == len(grid.expand(FULL)) > 1900
    assert len(large) < 5e6


def test_pages_of_little_or_nothing():
    config = small_config()
    one = epochs_of(config)[:1]
    data = data_of(page_of(config, one))
    assert len(data["runs"]) == 1 and data["cells"][0]["test_accuracy"][1] is None
    assert data_of(page_of(config, one[:0]))["runs"] == []
    lost = epochs_of(config, **dict.fromkeys(scores.METRICS, np.nan), status="diverged")
    assert all(run["test_loss"] is None for run in data_of(page_of(config, lost))["runs"])


# --- in a browser -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    if not browser.installed():
        pytest.skip("needs Chromium, on Debian: apt-get install chromium")
    page = browser.Browser(tmp_path_factory.mktemp("profile"))
    yield page
    page.close()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The page of the small grid, one of its runs diverged, with a name made to do harm."""
    config = small_config(**{EVIL: FULL["activations"]["relu"]})
    text = page_of(config, diverged(epochs_of(config), "plain", "tent", 1))
    path = tmp_path_factory.mktemp("page") / "explore.html"
    path.write_text(text)
    return path


@pytest.fixture
def seen(chromium, file):
    """The open page; at the end nothing was complained about and nothing else was asked for."""
    for kept in (chromium.log, chromium.asked, chromium.errors):
        kept.clear()
    chromium.url = file.as_uri()
    chromium.open(chromium.url)
    yield chromium
    assert not chromium.errors and not chromium.log
    opened = {file.as_uri(), chromium.url, "about:blank"}
    assert {url.partition("#")[0] for url in chromium.asked} <= opened


def count(page):
    return tuple(map(int, re.findall(r"\d+", page.run("$('count').textContent"))))


def body(page, column):
    """The texts of a column of the table, by its title."""
    script = f"""[...$('body').rows].map(row => row.cells[[...$('head').rows[0].cells]
        .findIndex(cell => cell.textContent === {json.dumps(column)})].textContent)"""
    return page.run(script)


def focus(page, selector):
    page.run(f"document.querySelector({json.dumps(selector)}).focus()")


def on_axis(page, key, place):
    """Where an axis is on the screen, at a height from 0 to 1."""
    script = f"""(() => {{ $('plot').scrollIntoView();
        const top = $('plot').getBoundingClientRect();
        const index = AXES.findIndex(axis => axis.key === '{key}');
        return [top.left + xOf(index), top.top + yOf({place})]; }})()"""
    return page.run(script)


def test_the_page_opens_with_all_runs_and_curves(seen):
    assert count(seen) == (24, 24, 8, 8)
    assert "Grid test · 24 of" in seen.run("$('facts').textContent")
    assert "not the full grid: 24 of" in seen.run("$('banner').textContent")
    drawn = "$('lines').getContext('2d').getImageData(0, 0, 900, 400).data.some(part => part > 0)"
    assert seen.run(drawn)
    assert seen.run("document.querySelectorAll('#curves path').length") == 2 * len(
        seen.run("[...state.chosen].map(cell => cell.index)")
    )
    assert EVIL in body(seen, "activation")  # a text, not an element


def test_words_filter_lines_and_table(seen):
    focus(seen, "#text")
    seen.type("plain TENT")
    assert count(seen)[0] == 3
    assert body(seen, "activation") == ["tent"] and body(seen, "diverged") == ["1"]
    seen.run("$('reset').click()")
    assert count(seen)[0] == 24


def test_a_header_sorts_by_enter_and_says_so(seen):
    focus(seen, "[data-key=test_accuracy] button")
    for order, sign in (("descending", -1), ("ascending", 1)):
        seen.press("Enter")
        means = [float(text) for text in body(seen, "test accuracy")]
        assert means == sorted(means, key=lambda value: sign * value) and len(set(means)) > 4
        sort = "document.querySelector('[data-key=test_accuracy]').getAttribute('aria-sort')"
        assert seen.run(sort) == order
    seen.press("Enter")
    assert body(seen, "activation")[:2] == ["relu", "tanh"]  # the order of the config again


def test_rows_that_lack_a_figure_come_last_either_way(seen):
    seen.run("document.querySelector('[name=view][value=runs]').click()")
    for _ in range(2):
        seen.run("document.querySelector('[data-key=test_accuracy] button').click()")
        assert body(seen, "test accuracy")[-1] == "–"


def test_a_brush_keeps_a_part_of_the_runs(seen):
    x, low = on_axis(seen, "test_accuracy", 0.5)
    _, high = on_axis(seen, "test_accuracy", 1)
    seen.drag((x, low), (x, low - 20), (x, high - 5))
    seen.until("Object.keys(state.ranges).length === 1 && kept.length < 24")
    bound = seen.run("state.ranges.test_accuracy[0]")
    values = seen.run("DATA.runs.map(run => run.test_accuracy)")
    assert count(seen)[0] == sum(value is not None and value >= bound for value in values) > 0
    assert seen.run("document.querySelector('[data-axis=test_accuracy][data-end=\"0\"]').value")
    seen.drag((x, low - 30), (x, low - 30))  # a click on the axis takes the brush away
    assert count(seen)[0] == 24


def test_a_finger_brushes_names(seen):
    seen.open(seen.url, width=360, height=800)
    x, top = on_axis(seen, "architecture", 1.01)
    _, low = on_axis(seen, "architecture", 0.7)
    seen.swipe((x, top), (x, top + 20), (x, low))
    seen.until("kept.length === 12")
    assert set(body(seen, "architecture")) == {"small"}


def test_a_click_on_a_name_keeps_that_one(seen):
    script = (
        "[...document.querySelectorAll('#plot .name')].find(n => n.textContent.startsWith('plain'))"
    )
    seen.run(f"{script}.dispatchEvent(new MouseEvent('click', {{bubbles: true}}))")
    assert count(seen)[0] == 12 and set(body(seen, "architecture")) == {"plain"}


def test_pointing_at_a_line_reads_its_run_and_a_click_compares_it(seen):
    seen.run("$('clear').click()")
    x, y = on_axis(seen, "activation", 1)  # relu, half way to a seed
    _, there = on_axis(seen, "seed", 0)
    step = seen.run("width")
    where = (x + step / 2, (y + there) / 2)
    seen.send("Input.dispatchMouseEvent", type="mouseMoved", x=where[0], y=where[1])
    seen.until("pointed !== null")
    assert re.search(
        r"relu, seed \d: ok · test accuracy 0\.\d{4}", seen.run("$('hover').textContent")
    )
    seen.drag(where)
    assert seen.run("[...state.chosen].map(cell => cell.activation)") == ["relu"]


def test_everything_can_be_done_by_keyboard(seen):
    visited = []
    for _ in range(60):
        seen.press("Tab")
        visited.append(
            seen.run("""(() => { const at = document.activeElement, data = at.dataset;
            return [at.id || data.axis || data.key || at.parentElement.dataset.key || at.name
                || data.cell || at.ariaLabel, getComputedStyle(at).outlineStyle]; })()""")
        )
    names = [name for name, _ in visited]
    wanted = ["text", "reset", "axes-box", "dataset", "seed", "test_loss", "status", "view"]
    wanted += ["choose", "table", "test_accuracy", "0", "metric", "lines", "clear", "at"]
    assert not set(wanted) - set(names)
    # the focus can be seen everywhere but where the browser shows it in its own way
    assert all(style != "none" for name, style in visited if name), visited
    focus(seen, "[data-axis=architecture][data-end='0']")
    seen.press("ArrowDown", 2)  # any, small, plain
    assert seen.run("state.ranges.architecture") == ["plain", "plain"] and count(seen)[0] == 12
    seen.press("ArrowUp")
    focus(seen, "[data-axis=architecture][data-end='1']")
    seen.press("ArrowDown")
    assert seen.run("state.ranges.architecture") == ["small", "plain"] and count(seen)[0] == 24
    focus(seen, "[data-axis=seed][data-end='1']")
    seen.type("1")
    seen.press("Enter")
    assert seen.run("state.ranges.seed") == [None, 1]
    before = seen.run("state.chosen.size")
    focus(seen, "#body input")
    seen.press(" ")
    assert abs(seen.run("state.chosen.size") - before) == 1
    assert seen.run("document.activeElement.type") == "checkbox"  # the focus has stayed
    focus(seen, "#at")
    seen.press("ArrowLeft", 2)
    assert seen.run("$('epoch').textContent") == "3"
    seen.press("Tab")
    seen.press("Enter")  # the cross behind a chosen cell
    assert seen.run("document.activeElement.id") == "chosen"


def test_the_curves_are_means_and_t_intervals_of_the_seeds(seen):
    seen.open(f"{seen.url}#cell=fashion_mnist/plain/tent")
    config = small_config(**{EVIL: FULL["activations"]["relu"]})
    epochs = diverged(epochs_of(config), "plain", "tent", 1)
    means = scores.epoch_means(epochs[epochs["architecture"] == "plain"])
    row = means[(means["activation"] == "tent") & (means["epoch"] == 5)].iloc[0]
    half = row["test_accuracy_high"] - row["test_accuracy_mean"]
    said = seen.run("document.querySelector('#chosen .value').textContent")
    mean, spread, n = map(float, re.fullmatch(r"(\S+) ± (\S+), n (\d)", said).groups())
    assert n == 2 and mean == pytest.approx(row["test_accuracy_mean"], abs=1.1e-4)
    assert spread == pytest.approx(half, rel=0.02)
    seen.run("document.querySelector('[name=lines][value=seeds]').click()")
    assert seen.run("document.querySelectorAll('#curves g path').length") == 3  # one is diverged
    assert seen.run("document.querySelectorAll('#graphs figure').length") == 1


def test_no_more_curves_than_can_be_told_apart(seen):
    seen.run("DATA.cells.push(...Array.from({length: 30}, () => ({...DATA.cells[0]})))")
    seen.run("for (const cell of DATA.cells) choose(cell, true); update()")
    assert seen.run("state.chosen.size") == seen.run("MOST_CHOSEN")
    assert seen.run("$('limit').textContent") == "At most 24 cells are shown together."


def test_the_address_brings_the_view_back(seen):
    seen.run("document.querySelector('[name=view][value=runs]').click()")
    focus(seen, "#text")
    seen.type("plain")
    seen.run("document.querySelector('[data-key=seed] button').click()")
    seen.run("setRange(AXES.find(axis => axis.key === 'test_accuracy'), 0.6, null); update()")
    seen.run("$('metric').value = 'train_loss'; $('metric').dispatchEvent(new Event('change'))")
    seen.run("$('clear').click(); choose(DATA.cells.at(-1), true); update()")
    state = """JSON.stringify([state.view, state.text, state.sort, state.ranges, state.metric,
        [...state.chosen].map(cellName), kept.length])"""
    before = seen.run(state)
    seen.until("location.hash.includes('cell=')")
    address = seen.run("location.href")
    seen.open(address)
    assert seen.run(state) == before and "train_loss" in before and "alert" in before
    assert seen.run("$('text').value") == "plain" and seen.run("$('metric').value") == "train_loss"
    seen.run("location.hash = '#text=small&view=pages&metric=x&seed=a~b&cell=no/such/cell'")
    seen.until("state.text === 'small'")  # what an address says wrongly is left out
    assert seen.run("[state.view, state.metric, state.chosen.size]") == [
        "cells",
        "test_accuracy",
        0,
    ]
    assert count(seen)[0] == 12


@pytest.mark.parametrize("width", [360, 768, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_no_window_scrolls_sideways(seen, width, dark):
    seen.open(seen.url, width=width, dark=dark)
    assert seen.run("document.documentElement.scrollWidth") <= width
    assert seen.run("getComputedStyle(document.body).color") is not None
    assert seen.run("getComputedStyle(document.documentElement).backgroundColor") == (
        "rgb(22, 24, 28)" if dark else "rgb(255, 255, 255)"
    )


def test_the_full_grid_stays_quick(seen, large, tmp_path):
    (tmp_path / "large.html").write_text(large)
    seen.url = (tmp_path / "large.html").as_uri()
    begun = time.monotonic()
    seen.open(seen.url)
    assert count(seen)[0] > 1900 and time.monotonic() - begun < 20
    seen.run("document.querySelector('[name=view][value=runs]').click()")
    assert len(body(seen, "activation")) == 50
    seen.run("$('next').click()")
    assert seen.run("$('pages').textContent").startswith("page 2 of ")
    spent = "(() => { const t = performance.now(); update(); return performance.now() - t; })()"
    assert min(seen.run(spent) for _ in range(3)) < 500  # milliseconds, on a busy machine


@pytest.mark.parametrize("rows", [0, 1, None])
def test_little_or_nothing_is_shown_without_complaint(seen, tmp_path, rows):
    config = small_config()
    epochs = epochs_of(config)[:rows]
    if rows is None:
        epochs = epochs.assign(**dict.fromkeys(scores.METRICS, np.nan), status="diverged")
    (tmp_path / "page.html").write_text(page_of(config, epochs))
    seen.url = (tmp_path / "page.html").as_uri()
    seen.open(seen.url)
    assert count(seen)[0] == (18 if rows is None else rows)
