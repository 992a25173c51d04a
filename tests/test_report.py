"""The report's text: its numbers are those of the tables, and it says what was cut."""

import re
from pathlib import Path

import jinja2
import pandas as pd
import pytest
import yaml

from actgrid import grid, report, scores, summary

FULL = yaml.safe_load(Path("config.yaml").read_text())
TEMPLATE = Path("workflow/report/report.md.j2").read_text()
PUBLISHED = pd.read_csv("resources/published/custom_act_funcs_final_epoch.csv")


def small_config(**protocol):
    study = FULL["studies"]["handmade"] | {
        "architectures": ["small", "plain"],
        "activations": ["relu", "tent", "hill_published_0.25", "hill_0.25"],
        "seeds": [0, 1],
    }
    study["protocol"] = study["protocol"] | protocol
    return FULL | {"grid": "test", "studies": {"handmade": study}}


def results(config, failing=()):
    """Runs and epochs of a config with made-up figures; runs named in `failing` diverge."""
    runs, epochs = [], []
    for index, run in enumerate(grid.expand(config)):
        names = {k: getattr(run, k) for k in ("study", "dataset", "architecture", "activation")}
        status = "diverged" if (run.activation, run.seed) in failing else "ok"
        names |= {"seed": run.seed, "status": status}
        facts = {"parameters": 1000 + index, "cpu_seconds": 36.0, "device": "cpu", "threads": 1}
        facts |= {"commit": "c0ffee", "clean": True, "processor": "P", "precision": "float32"}
        facts |= {"python": "3", "torch": "2", "numpy": "2", "data_sha256": "d" * 64}
        runs.append(names | facts | {"finished": f"2026-01-01T00:00:{index:02d}+00:00"})
        for epoch in (1, 2):
            value = 0.5 + 0.01 * index + 0.1 * epoch
            metrics = dict.fromkeys(scores.METRICS, value) | {"seconds": 1.5}
            epochs.append(names | {"epoch": epoch} | metrics)
    return pd.DataFrame(runs), pd.DataFrame(epochs)


def text(config, failing=(), compare=True):
    runs, epochs = results(config, failing)
    final = scores.summarise(epochs)
    cells = agreement = None
    if compare:
        names = {key: entry.get("published_as") for key, entry in config["activations"].items()}
        cells = scores.compare(final, PUBLISHED, names)
        yardstick = scores.replicate_agreement(PUBLISHED)
        agreement = pd.concat(
            [
                scores.agreement(cells).assign(compared="ours"),
                yardstick.assign(compared="second published run"),
            ]
        )
    trials = pd.read_csv("resources/small_conv_widths.csv")
    values = {"config": config, "full": FULL, "runs": runs, "final": final, "cells": cells}
    values |= {"agreement": agreement, "trials": trials, "figures": "../../figures"}
    filled = report.fill(TEMPLATE, **values)
    return filled, final, cells, agreement


def rows(markdown, table_id):
    """Cells of the pipe table whose caption has this id, header and rule left out."""
    before = markdown[: markdown.index(f"{{#tbl:{table_id}")].rstrip()
    block = before[: before.rindex("\n\n: ")].split("\n\n")[-1].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in block]


def test_final_table_holds_the_numbers_of_the_csv():
    markdown, final, _, _ = text(small_config(), failing={("tent", 0), ("tent", 1)})
    for architecture in ("small", "plain"):
        of_pair = final[final["architecture"] == architecture].to_dict("records")
        printed = rows(markdown, f"final_{architecture}")
        assert len(printed) == len(of_pair) == 4
        for cells, row in zip(printed, of_pair, strict=True):
            assert cells[:3] == [row["activation"], str(row["n"]), str(row["failures"])]
            if row["activation"] == "tent":
                assert cells[3:-1] == [report.ABSENT] * 6
                continue
            values = [row["train_accuracy_mean"], row["test_accuracy_mean"]]
            assert [float(cell) for cell in cells[3:5]] == pytest.approx(values, abs=5e-5)
            low, high = (float(x.replace("−", "-")) for x in cells[6].split(" to "))
            interval = [row["test_accuracy_low"], row["test_accuracy_high"]]
            assert [low, high] == pytest.approx(interval, abs=5e-5)
    assert "Failed runs: tent." in markdown


def test_reproduction_tables_and_counts():
    markdown, _, cells, agreement = text(small_config())
    test = cells[(cells["architecture"] == "small") & (cells["metric"] == "test_accuracy")]
    printed = rows(markdown, "published_small")
    assert [row[0] for row in printed] == test["activation"].tolist()
    assert [row[7] == "yes" for row in printed] == test["agrees"].tolist()
    ours = [float(row[3]) for row in printed]
    assert ours == pytest.approx(test["ours_mean"].tolist(), abs=5e-5)
    counted = agreement[agreement["compared"] == "ours"].iloc[0]
    assert f"{counted['agree']} of {counted['cells']} test accuracies agree" in markdown
    assert "20 of 20 agree" in markdown  # the author's own second run
    assert len(rows(markdown, "agreement")) == len(agreement)


def test_hills_as_meant_stand_beside_those_as_published():
    markdown, final, cells, _ = text(small_config())
    small = final[final["architecture"] == "small"].set_index("activation")["test_accuracy_mean"]
    ((architecture, name, theirs, published, meant, _),) = rows(markdown, "hills")
    assert (architecture, name) == ("small", "PosHill_0.25")
    assert float(theirs) == pytest.approx(0.8346)
    assert float(published) == pytest.approx(small["hill_published_0.25"], abs=5e-5)
    assert float(meant) == pytest.approx(small["hill_0.25"], abs=5e-5)


def test_banner_says_what_was_cut_and_the_full_grid_has_none():
    cut = summary.cuts(small_config(epochs=2, train_examples=100), FULL)
    assert cut == [
        "16 of 875 runs",
        "2 of 5 architectures",
        "4 of 35 activations",
        "2 of 5 seeds",
        "epochs 2 instead of 5",
        "train examples 100 instead of all",
    ]
    markdown, *_ = text(small_config(epochs=2, train_examples=100))
    (banner,) = re.findall(r'^banner: "(.*)"$', markdown, re.M)
    assert all(part in banner for part in cut)
    assert summary.cuts(FULL, FULL) == []


def test_a_grid_without_published_figures_says_so():
    markdown, *_ = text(small_config(epochs=2), compare=False)
    assert "not held against" in markdown and "#tbl:agreement" not in markdown


def test_every_reference_has_its_target():
    markdown, *_ = text(small_config())
    targets = set(re.findall(r"\{#((?:fig|tbl|sec):\w+)", markdown))
    assert set(re.findall(r"@((?:fig|tbl|sec):\w+)", markdown)) <= targets
    assert {t for t in targets if t.startswith(("fig", "tbl:final"))} <= set(
        re.findall(r"@((?:fig|tbl):\w+)", markdown)
    ), "a figure or table that the text never mentions"


def test_a_network_with_one_activation_has_a_table_and_no_figures():
    config = small_config()
    config["studies"]["handmade"] = config["studies"]["handmade"] | {"activations": ["relu"]}
    markdown, *_ = text(config)
    assert "relu alone was trained" in markdown and "#tbl:final_small" in markdown
    assert "fig:final_small" not in markdown and "fig:curves_small" not in markdown


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


def test_provenance_adds_up_and_the_date_is_the_last_runs():
    runs, _ = results(small_config())
    table = dict(summary.provenance(runs, small_config()))
    assert table["Runs"] == "16, of which 0 diverged" and table["Commit"] == "c0ffee"
    assert table["Processor time of all runs"] == "0.16 h"  # 16 runs of 36 s
    assert summary.timestamp(runs) == 1767225600 + 15


def test_formats():
    assert report.number(-0.12345) == "−0.1235" and report.number(float("nan")) == report.ABSENT
    assert report.percent(0.456) == "46 %" and report.listed(["a", "b", "c"]) == "a, b and c"
    with pytest.raises(jinja2.UndefinedError, match="missing"):
        report.fill("{{ missing }}")
