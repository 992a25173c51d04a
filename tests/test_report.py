"""The report's text: its numbers are those of the tables, and it says what was cut."""

import copy
import datetime
import re
import zlib
from pathlib import Path

import jinja2
import matplotlib
import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.figure import Figure
from snakemake.utils import update_config

from actgrid import (
    aggregates,
    claims,
    comparison,
    grid,
    learned,
    markdown,
    rendering,
    report,
    scores,
    shape_claims,
    shapes,
    shorthand,
    summary,
)

ROOT = Path(__file__).parents[1]
FULL = shorthand.resolve(yaml.safe_load((ROOT / "config.yaml").read_text()))
TEMPLATES = {path.name: path.read_text() for path in (ROOT / "workflow/report").glob("*.md.j2")}
PUBLISHED = pd.read_csv(ROOT / "resources/published/custom_act_funcs_final_epoch.csv")
PUBLISHED_AUC = pd.read_csv(ROOT / "resources/published/learned_activation_auc.csv")
CLAIMS = yaml.safe_load((ROOT / "claims.yaml").read_text())
DOCUMENTS = ("report", "supplement")
START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


# --- made-up results ----------------------------------------------------------------------------


def small_config(**protocol):
    study = FULL["studies"]["handmade"] | {
        "architectures": ["small", "plain"],
        "activations": ["relu", "tent", "hill_published_0.25", "hill_0.25"],
        "seeds": [0, 1],
    }
    study["protocol"] = study["protocol"] | protocol
    return FULL | {"grid": "test", "studies": {"handmade": study}}


def two_seeds(**studies):
    """The full grid with two seeds, and some studies otherwise or (None) left out."""
    chosen = {k: v | {"seeds": [0, 1]} for k, v in FULL["studies"].items()} | studies
    return FULL | {"studies": {k: v for k, v in chosen.items() if v}}


def overlaid(name):
    config = copy.deepcopy(FULL)
    update_config(config, yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()))
    return config


def results(config, failing=()):
    """Runs and epochs of a config with made-up figures; (activation, seed) in `failing` diverge."""
    runs, epochs = [], []
    for index, run in enumerate(grid.expand(config)):
        names = {k: getattr(run, k) for k in ("study", "dataset", "architecture", "activation")}
        status = "diverged" if (run.activation, run.seed) in failing else "ok"
        names |= {"seed": run.seed, "status": status}
        failed = {"diverged_epoch": 2 if status != "ok" else None, "constant_epoch": None}
        facts = {"parameters": 1000 + index, "cpu_seconds": 36.0, "device": "cpu", "threads": 1}
        facts |= {"commit": "c0ffee", "clean": True, "processor": "P", "precision": "float32"}
        facts |= {"python": "3", "torch": "2", "numpy": "2", "data_sha256": "d" * 64}
        finished = START + datetime.timedelta(seconds=index)
        runs.append(names | facts | failed | {"finished": finished.isoformat()})
        monitored = config["studies"][run.study]["protocol"]["monitor"]
        for epoch in (1, 2):
            value = 0.5 + 0.1 * epoch + zlib.crc32(run.path.encode()) / 2**32 / 10
            epochs.append(
                names | {"epoch": epoch, "seconds": 1.5} | figures(value, epoch, monitored)
            )
    return pd.DataFrame(runs).astype(dict.fromkeys(failed, "Int64")), pd.DataFrame(epochs)


def figures(value, epoch, monitored):
    """A row of epochs.csv: where the validation is monitored, the second epoch alone is tested."""
    row = dict.fromkeys(scores.METRICS, value)
    unmeasured = [key for key in row if key.startswith("valid") or key == "test_auc"]
    if monitored:
        unmeasured = [key for key in row if key.startswith("test")] if epoch == 1 else []
    return row | dict.fromkeys(unmeasured, np.nan)


def compared_with_published(final, config):
    names = {key: entry.get("published_as") for key, entry in config["activations"].items()}
    cells = scores.compare(final, PUBLISHED, names)
    agreement = {
        "ours": scores.agreement(cells),
        "second published run": scores.replicate_agreement(PUBLISHED),
    }
    return cells, pd.concat(table.assign(compared=who) for who, table in agreement.items())


def made_up_shapes(config):
    """A row per learned run, as measure_shapes writes it."""
    random, rows = np.random.default_rng(0), []
    for run in grid.expand(config):
        if config["activations"][run.activation]["function"] == "learned":
            names = learned.labels(config["activations"], run.architecture, run.activation)
            values = dict(
                zip(shapes.MEASURES, random.uniform(0, 2, len(shapes.MEASURES)), strict=True)
            )
            values |= {"extrema": random.integers(0, 4), "nearest": random.choice(["gelu", "bump"])}
            place = {key: getattr(run, key) for key in ("dataset", "architecture", "activation")}
            rows.append(place | names | {"seed": run.seed, "scale": 1.0} | values)
    return pd.DataFrame(rows)


def learned_tables(config, epochs):
    """What compare_learned and measure_shapes write; None where nothing is learned."""
    measures, entries = made_up_shapes(config), config["activations"]
    if measures.empty:
        return None
    tabulated = measures[measures["evaluation"] == "tabulated"]
    spread = pd.DataFrame(
        [(base, over, 9, 0.2, 0.1, 0.3) for base in measures["base"].unique()
         for over in shape_claims.OVER],
        columns=shape_claims.SPREAD,
    )  # fmt: skip
    differences = learned.differences(epochs, entries)
    cells = learned.parity(differences)
    published = [PUBLISHED_AUC] if config["studies"]["learned"]["published"] else []
    published = pd.concat([pd.DataFrame(columns=learned.PUBLISHED), *published])
    return {
        "shapes": measures,
        "shape_spread": spread,
        "shape_claims": shape_claims.claims(tabulated, spread),
        "differences": differences,
        "parity": cells,
        "parity_overall": learned.overall(cells),
        "evaluations": learned.evaluations(epochs, entries),
        "collapsed": learned.collapsed(epochs),
        "learned_published": learned.against_published(epochs, published, entries),
    }


TRIED = [f"{way}_{figure}" for way in ("tabulated", "rounded", "exact", "other_seed")
         for figure in ("loss", "auc", "seconds", "mb")]  # fmt: skip


def made_up_trials():
    """A row per combination, as benchmarks/learned_evaluation.py writes it."""
    trials = PUBLISHED_AUC.set_axis(["base", "outer", "inner", "epochs"], axis=1).assign(epochs=1)
    trials[TRIED] = np.random.default_rng(0).uniform(0.5, 1, (len(trials), len(TRIED)))
    return trials


def compared_with_baseline(recorded, epochs):
    """The tables of all activations together, and the costs of none."""
    random, baseline = np.random.default_rng(0), "relu"
    runs = comparison.scored(epochs, FULL["comparison"]["leave_out"])
    chance = dict.fromkeys(runs["dataset"], 0.1)
    cells = comparison.cell_differences(runs, baseline)
    return {
        "cell_differences": cells,
        "comparison": comparison.overall(runs, cells, baseline, random),
        "rankings": aggregates.rankings(runs, chance, baseline, random),
        "critical_pairs": aggregates.critical_pairs(runs, chance, FULL["comparison"]["diagram"]),
        "failures": comparison.failures(recorded),
        "cost": pd.DataFrame(columns=["activation"]),
    }


MISSING = pd.DataFrame(columns=["dataset", "architecture", "activation", "seed", "why", "log"])


def text(
    config,
    failing=(),
    compare=True,
    change=lambda epochs: epochs,
    document="supplement",
    missing=MISSING,
):
    """The Markdown of a document, and the tables that it was filled with."""
    runs, epochs = results(config, failing)
    epochs = change(epochs)
    final = scores.summarise(epochs)
    cells, agreement = compared_with_published(final, config) if compare else (None, None)
    widths = pd.read_csv(ROOT / "resources/small_conv_widths.csv")
    values = {
        "runs": runs,
        "final_epoch": final,
        "reproduction": cells,
        "agreement": agreement,
        "learned": learned_tables(config, epochs),
        "trials": {"small_conv_widths": widths, "learned_evaluation": made_up_trials()},
        **compared_with_baseline(runs, epochs),
        "missing": missing,
    }
    tables = {**values, **(values["learned"] or {})}
    tables = {name: table for name, table in tables.items() if isinstance(table, pd.DataFrame)}
    values["claims"] = claims.judge(CLAIMS, tables, runs, config, FULL)
    others = {"config": config, "full": FULL, "figures": "../../figures"}
    templates = {f"{document}.md.j2": ""} | TEMPLATES  # its own first
    return report.fill(templates, **values, **others), values


def rows(filled, table_id):
    """Cells of the pipe table whose caption has this id, header and rule left out."""
    before = filled[: re.search(rf"{{#tbl:{table_id}[ }}]", filled).start()].rstrip()
    block = before[: before.rindex("\n\n: ")].split("\n\n")[-1].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in block]


def numbers(cells):
    """The cells as numbers; a dash is NaN."""
    texts = (cell.replace("−", "-").replace(" ×", "") for cell in cells)
    return [float("nan") if cell == markdown.ABSENT else float(cell) for cell in texts]


def column(filled, table_id, place):
    return numbers(row[place] for row in rows(filled, table_id))


def close(values, digits=4):
    return pytest.approx(list(values), abs=0.51 * 10**-digits, nan_ok=True)


# --- hand-made activations ----------------------------------------------------------------------


def test_final_table_holds_the_numbers_of_the_csv():
    filled, tables = text(small_config(), failing={("tent", 0), ("tent", 1)})
    final = tables["final_epoch"]
    for architecture in ("small", "plain"):
        of_pair = final[final["architecture"] == architecture].to_dict("records")
        printed = rows(filled, f"final_{architecture}")
        assert len(printed) == len(of_pair) == 4
        for cells, row in zip(printed, of_pair, strict=True):
            assert cells[:3] == [row["activation"], str(row["n"]), str(row["failures"])]
            if row["activation"] == "tent":
                assert cells[3:-1] == [markdown.ABSENT] * 6
                continue
            values = [row["train_accuracy_mean"], row["test_accuracy_mean"]]
            assert numbers(cells[3:5]) == close(values)
            interval = [row["test_accuracy_low"], row["test_accuracy_high"]]
            assert numbers(cells[6].split(" to ")) == close(interval)
    assert "Failed runs: tent." in filled


def test_reproduction_tables_and_counts():
    filled, tables = text(small_config())
    cells, agreement = tables["reproduction"], tables["agreement"]
    test = cells[(cells["architecture"] == "small") & (cells["metric"] == "test_accuracy")]
    printed = rows(filled, "published_small")
    assert [row[0] for row in printed] == test["activation"].tolist()
    assert [row[7] == "yes" for row in printed] == test["agrees"].tolist()
    assert column(filled, "published_small", 3) == close(test["ours_mean"])
    counted = agreement[agreement["compared"] == "ours"].iloc[0]
    assert f"{counted['agree']} of {counted['cells']} test accuracies agree" in filled
    assert "20 of 20 agree" in filled  # the author's own second run
    assert len(rows(filled, "agreement")) == len(agreement)


def test_hills_as_meant_stand_beside_those_as_published():
    filled, tables = text(small_config())
    final = tables["final_epoch"]
    small = final[final["architecture"] == "small"].set_index("activation")["test_accuracy_mean"]
    ((architecture, name, theirs, published, meant, _),) = rows(filled, "hills")
    assert (architecture, name) == ("small", "PosHill_0.25")
    expected = [0.8346, small["hill_published_0.25"], small["hill_0.25"]]
    assert numbers([theirs, published, meant]) == close(expected)


def test_banner_says_what_was_cut_and_the_full_grid_has_none():
    config = small_config(epochs=2, train_examples=100)
    cut = summary.cuts(config, FULL, 16)
    assert cut == [
        "16 of 1964 runs",
        "2 of 14 architectures",
        "4 of 90 activations",
        "2 of 20 seeds",
        "fashion_mnist: epochs 2 instead of 5",
        "fashion_mnist: train examples 100 instead of all",
    ]
    (banner,) = re.findall(r'^banner: "(.*)"$', text(config)[0], re.M)
    assert all(part in banner for part in cut) and "no evidence" in banner
    (banner,) = re.findall(r'^banner: "(.*)"$', text(small_config())[0], re.M)
    assert "no evidence" not in banner  # fewer runs by the same protocol are evidence
    assert summary.cuts(FULL, FULL, 1964) == []


def test_a_grid_without_published_figures_says_so():
    filled, _ = text(small_config(epochs=2), compare=False)
    assert "not held against" in filled and "#tbl:agreement" not in filled


def test_a_network_with_one_activation_has_a_table_and_no_figures():
    config = small_config()
    config["studies"]["handmade"] = config["studies"]["handmade"] | {"activations": ["relu"]}
    filled, _ = text(config)
    assert "relu alone was trained" in filled and "#tbl:final_small" in filled
    assert "fig:final_small" not in filled and "fig:curves_small" not in filled


# --- learned activations ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def whole():
    """All of the full grid's cells with two seeds."""
    return text(two_seeds())


@pytest.fixture(scope="module")
def quick():
    return text(overlaid("quick"), compare=False)


def test_a_grid_that_learns_nothing_has_no_section_of_it():
    filled, tables = text(small_config())
    assert tables["learned"] is None
    for word in ("sec:learned", "fig:learned", "parity", "covertype", "collapsed"):
        assert word not in filled


def test_every_cell_of_the_comparison_is_shown_with_its_numbers(whole):
    filled, tables = whole
    cells = tables["learned"]["parity"]
    base, matched = (cells[cells["comparison"] == name] for name in ("base", "matched"))
    keys = ["base", "outer", "inner"]
    both = base.merge(matched, on=keys, suffixes=("", "_matched"))
    printed = rows(filled, "parity")
    assert len(printed) == len(both) == 27
    assert [row[:4] for row in printed] == both[keys].assign(n="2").values.tolist()
    assert column(filled, "parity", 4) == close(both["mean"])
    assert column(filled, "parity", 6) == close(both["mean_matched"])
    for place, suffix in ((5, ""), (7, "_matched")):
        intervals = [numbers(row[place].split(" to ")) for row in printed]
        assert [low for low, _ in intervals] == close(both[f"low{suffix}"])
        assert [high for _, high in intervals] == close(both[f"high{suffix}"])


@pytest.mark.parametrize(
    ("table", "comparisons", "count"),
    [("parity_overall", ["base", "matched"], 6), ("transfer_overall", ["transfer"], 6)],
)
def test_cells_together_are_shown_with_their_numbers(whole, table, comparisons, count):
    filled, tables = whole
    overall = tables["learned"]["parity_overall"]
    overall = overall[overall["comparison"].isin(comparisons)]
    printed = rows(filled, table)
    assert len(printed) == len(overall) == count
    assert [row[:3] for row in printed] == overall[
        ["dataset", "comparison", "base"]
    ].values.tolist()
    for place, name in ((4, "n"), (5, "mean"), (7, "wins"), (8, "losses")):
        assert column(filled, table, place) == close(overall[name])
    assert column(filled, table, 9) == close(overall["p"], 3)
    metrics = {
        "covertype": "test auc",
        "banknote": "test accuracy",
        "fashion_mnist": "test accuracy",
    }
    assert [row[3] for row in printed] == [metrics[row[0]] for row in printed]


def test_transfers_and_both_evaluations_are_shown_with_their_numbers(whole):
    filled, tables = whole
    cells, evaluations = (tables["learned"][name] for name in ("parity", "evaluations"))
    moved = cells[cells["comparison"] == "transfer"]
    assert [row[2] for row in rows(filled, "transfer")] == moved["activation"].tolist()
    assert len(moved) == 18 and column(filled, "transfer", 5) == close(moved["mean"])
    assert "learned on `mlp_48_24_16`, seed 0" in filled
    assert len(evaluations) == len(rows(filled, "evaluation")) == 54
    for place, name in ((3, "score"), (4, "score_against"), (5, "difference"), (6, "seed_sd")):
        assert column(filled, "evaluation", place) == close(evaluations[name])
    assert f"is {shown(evaluations['difference'].abs().max())};" in filled


def shown(value):
    return markdown.number(value)


def test_our_scores_stand_beside_all_published_ones(whole):
    filled, tables = whole
    cells = tables["learned"]["learned_published"]
    assert len(cells) == len(rows(filled, "learned_published")) == 27
    assert column(filled, "learned_published", 4) == close(cells["ours_mean"])
    assert column(filled, "learned_published", 5) == close(cells["ours_sd"])
    assert column(filled, "learned_published", 6) == close(PUBLISHED_AUC["validation_roc_auc"])
    assert column(filled, "learned_published", 7) == close(cells["difference"])
    plain = re.sub(r"\s+", " ", filled)
    assert f"(ours − published) is {shown(cells['difference'].mean())}, " in plain
    assert f"the mean absolute difference {shown(cells['difference'].abs().mean())}, " in plain
    for outer, of_size in cells.groupby("outer"):
        ours, theirs = (shown(of_size[name].mean()) for name in ("ours_mean", "published"))
        assert f"{outer} {ours} (published {theirs})" in plain


def test_the_numbers_behind_the_verdicts_are_shown(whole):
    filled, tables = whole
    assert column(filled, "learned_claims", 2) == close(
        tables["learned"]["shape_claims"]["value"], 3
    )


def test_shapes_are_summed_up_per_base_and_outer_network(whole):
    filled, tables = whole
    measures = tables["learned"]["shapes"].query("evaluation == 'tabulated'")
    groups = measures.groupby(["base", "outer"], sort=False)
    assert [row[:3] for row in rows(filled, "shapes")] == [
        [*key, str(len(group))] for key, group in groups
    ]
    assert column(filled, "shapes", 3) == close(groups["extrema"].mean(), 1)
    assert column(filled, "shapes", 4) == close(groups["asymmetry"].median(), 1)
    assert len(rows(filled, "spread")) == 3 * len(shape_claims.OVER)


def test_a_grid_with_another_protocol_shows_its_numbers_and_decides_nothing(quick):
    filled, tables = quick
    assert "none of it is evidence" in filled
    assert tables["learned"]["learned_published"].empty
    assert "learned_published" not in filled and "not held against the published ones" in filled
    assert "20,000 of the training examples" in filled


def test_without_exact_runs_there_is_no_table_of_them():
    filled, tables = text(two_seeds(learned_exact=None))
    assert tables["learned"]["evaluations"].empty
    assert "tbl:evaluation}" not in filled and "@tbl:evaluation " not in filled
    assert "tbl:evaluation_trials" in filled


def test_collapsed_and_diverged_runs_are_shown_by_name():
    def collapse(epochs):
        chosen = (epochs["activation"] == "learned_relu_small") & (epochs["seed"] == 1)
        epochs.loc[chosen & (epochs["architecture"] == "mlp_48_24"), "valid_auc"] = 0.5
        return epochs

    failing = {("tent", 0), ("gelu_matched_large", 1)}
    filled, tables = text(two_seeds(), failing, change=collapse)
    plain = re.sub(r"\s+", " ", filled)
    assert "`learned_relu_small` on `mlp_48_24`, seed 1 (ok, best validation AUC 0.5000)" in plain
    assert plain.count("`gelu_matched_large` on `mlp_") == 3 and "seed 1 (diverged, best" in plain
    assert "`tent` on" not in plain  # of another section
    assert "No run diverged" not in plain


def test_no_collapsed_run_is_said_too(whole):
    assert "No run diverged" in whole[0]


def test_a_grid_that_moves_nothing_says_nothing_of_other_tasks():
    filled, _ = text(two_seeds(transfer_fashion=None, transfer_banknote=None))
    assert "tbl:transfer" not in filled and " 0 functions" not in filled


def test_both_evaluations_of_every_combination_are_shown(whole):
    filled, tables = whole
    trials = tables["trials"]["learned_evaluation"]
    assert column(filled, "evaluation_trials", 3) == close(trials["tabulated_loss"])
    assert column(filled, "evaluation_trials", 5) == close(trials["exact_loss"])
    for other in ("exact", "rounded", "other_seed"):
        apart = (trials["tabulated_loss"] - trials[f"{other}_loss"]).abs()
        assert (
            markdown.number(apart.mean(), 5) in filled and markdown.number(apart.max(), 5) in filled
        )


def test_the_trials_of_both_evaluations_are_of_every_combination():
    trials = pd.read_csv(ROOT / "resources/learned_evaluation.csv")
    keys = ["base", "outer", "inner"]
    assert list(trials) == [*keys, "epochs", *TRIED]
    expected = made_up_trials()
    assert sorted(trials[keys].values.tolist()) == sorted(expected[keys].values.tolist())


# --- all grids ----------------------------------------------------------------------------------

GRIDS = {
    "hand-made": lambda **how: text(small_config(), **how),
    "full": lambda **how: text(two_seeds(), **how),
    "two_cores": lambda **how: text(overlaid("two_cores"), **how),
    "quick": lambda **how: text(overlaid("quick"), compare=False, **how),
    "ci": lambda **how: text(overlaid("ci"), **how),
    "nothing moved": lambda **how: text(
        two_seeds(transfer_fashion=None, transfer_banknote=None), **how
    ),
    "learned only": lambda **how: text(two_seeds(handmade=None), compare=False, **how),
}


def included(filled):
    """Figures that the text includes, without extension."""
    return set(re.findall(r"^!\[.*\]\((\S+)\)\{#", filled, re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("name", GRIDS)
def test_every_reference_has_its_target(name, document):
    filled, _ = GRIDS[name](document=document)
    targets = re.findall(r"\{#((?:fig|tbl|sec):\w+)", filled)
    assert len(targets) == len(set(targets))
    referred = set(re.findall(r"@((?:fig|tbl|sec):\w+)", filled))
    assert referred <= set(targets)
    unsaid = {t for t in set(targets) - referred if t.startswith(("fig", "tbl"))}
    shown_whole = (
        "tbl:(published_|provenance|protocols|comparison|rankings|cost)|fig:(final|sorted|curves)_"
    )
    assert all(re.match(shown_whole, target) for target in unsaid), unsaid
    assert len(included(filled)) == len([t for t in targets if t.startswith("fig")])


@pytest.mark.parametrize("document", DOCUMENTS)
@pytest.mark.parametrize("name", ["full", "quick"])
def test_the_text_renders(tmp_path, monkeypatch, name, document):
    """Pandoc refuses unresolved references and citations; Typst a figure that is not there."""
    monkeypatch.setenv("PATH", "/nowhere")  # no TeX
    filled, tables = GRIDS[name](document=document)
    out, figure = tmp_path / "report/grid", Figure((6, 3))
    figure.subplots().plot([0, 1])
    for path in included(filled):
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        for extension in ("pdf", "svg"):
            with matplotlib.rc_context({"svg.hashsalt": "s"}):
                figure.savefig((out / path).resolve().with_suffix(f".{extension}"))
    epoch = summary.timestamp(tables["runs"])
    bibliography = ROOT / "resources/references.bib"
    rendering.render(filled, out, ROOT / "workflow/report", bibliography, epoch, document)
    html = (out / f"{document}.html").read_text()
    assert html.count("data:image/svg+xml") == len(included(filled))


# --- what the text is told ----------------------------------------------------------------------


def test_summary_counts_against_relu():
    columns = ["activation", "n", "failures", "test_accuracy_mean"]
    columns += ["test_accuracy_low", "test_accuracy_high"]
    final = pd.DataFrame(
        [
            ["relu", 5, 0, 0.60, 0.59, 0.61],
            ["up", 5, 0, 0.70, 0.69, 0.71],
            ["same", 5, 0, 0.61, 0.58, 0.64],
            ["down", 4, 1, 0.50, 0.49, 0.51],
            ["lost", 0, 5, None, None, None],
        ],
        columns=columns,
    )
    found = summary.of_architecture(final)
    assert (found["above"], found["below"], found["cells"]) == (1, 1, 4)
    assert found["best"]["activation"] == "up" and found["worst"]["activation"] == "down"
    assert found["failed"] == ["down", "lost"] and found["relu"]["activation"] == "relu"


def test_changed_protocols_are_those_of_the_asked_studies():
    quick = overlaid("quick")
    learned_studies = summary.of_source(quick, "learnedactivation")
    assert learned_studies == ["learned", "learned_exact", "transfer_fashion", "transfer_banknote"]
    changed = summary.changed_protocols(quick, FULL, learned_studies)
    assert "covertype: patience 5 instead of 10" in changed
    assert summary.changed_protocols(quick, FULL, ["transfer_banknote"]) == []
    assert not summary.changed_protocols(overlaid("two_cores"), FULL)
    assert summary.changed_protocols(quick, FULL, []) == []


def test_provenance_adds_up_and_the_date_is_the_last_runs():
    runs, _ = results(small_config())
    table = dict(summary.provenance(runs, small_config()))
    assert table["Runs"] == "16, of which 0 diverged" and table["Commit"] == "c0ffee"
    assert table["Processor time of all runs"] == "0.16 h"  # 16 runs of 36 s
    assert summary.timestamp(runs) == 1767225600 + 15


def test_formats():
    assert markdown.number(-0.12345) == "−0.1235"
    assert markdown.number(float("nan")) == markdown.ABSENT
    assert markdown.percent(0.456) == "46 %" and markdown.listed(["a", "b", "c"]) == "a, b and c"
    with pytest.raises(jinja2.UndefinedError, match="missing"):
        report.fill({"main.md.j2": "{{ missing }}"})
