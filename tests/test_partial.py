"""A grid of which runs are missing: tables of those that are there, and the others named."""

import json
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml
from test_report import FULL, rows, text
from test_workflow import ROOT, copied, jobs, overlaid, trained, words

from actgrid import grid

CI = overlaid("ci")
RUNS = grid.expand(CI)
TABLES = [f"results/ci/{name}.csv" for name in ("missing", "runs", "final_epoch", "claims")]


@pytest.fixture(scope="module")
def faked(tmp_path_factory, tracked):
    """A checkout with made-up files of all runs of the ci grid and, to plan with, data."""
    checkout = copied(tmp_path_factory.mktemp("faked"), tracked)
    for dataset in {run.dataset for run in RUNS} - {"banknote"}:
        meta = checkout / f"data/prepared/{dataset}/meta.json"
        meta.parent.mkdir(parents=True)
        meta.write_text("{}")
    subprocess.run(
        [sys.executable, "benchmarks/fake_results.py", "config/ci.yaml"], cwd=checkout.folder,
        env={"PYTHONPATH": str(checkout / "src")}, check=True, capture_output=True,
    )  # fmt: skip
    return checkout


@pytest.fixture
def holed(faked, tmp_path):
    """A function: the checkout without the runs for which `lost` is true."""

    def make(lost):
        copy = copied(tmp_path / "holed", [])
        shutil.copytree(faked.folder, copy.folder, symlinks=True)
        for run in filter(lost, RUNS):
            shutil.rmtree(folder_of(copy, run))
        return copy

    return make


def folder_of(checkout, run):
    return checkout / f"results/ci/runs/{run.path}"


def partial(checkout, *arguments, **options):
    options = {"overlay": {"grid": "ci", "partial": True}} | options
    return checkout.ci("--cores", "2", *arguments, **options)


def test_tables_are_made_of_the_runs_that_are_there_and_the_others_are_named(holed):
    lost = {run: "no result" for run in RUNS[::3]}
    checkout, kept = holed(lost.__contains__), [run for run in RUNS if run not in lost]
    half, bare, changed = kept[0], kept[5], kept[10]
    document = folder_of(checkout, half) / "run.json"
    document.write_text(document.read_text()[:300])
    (folder_of(checkout, bare) / "epochs.csv").unlink()
    document = folder_of(checkout, changed) / "run.json"
    facts = json.loads(document.read_text())
    facts["settings"]["protocol"]["learning_rate"] *= 2
    document.write_text(json.dumps(facts))
    lost |= {half: "no result", bare: "no result", changed: "made with other settings"}
    said = partial(checkout, *TABLES)
    assert not trained(said) and "train_run" not in jobs(said)
    missing, runs, final, claims = (
        pd.read_csv(checkout / name, dtype=str, keep_default_na=False) for name in TABLES
    )
    names = ["dataset", "architecture", "activation", "seed"]
    found = dict(zip(map("/".join, missing[names].values.tolist()), missing["why"], strict=True))
    assert found == {run.path: why for run, why in lost.items()}
    assert missing["log"][0] == f"logs/results/ci/{next(iter(lost)).path}.log"
    there = {run.path for run in RUNS} - set(found)
    assert set(map("/".join, runs[names].values.tolist())) == there and len(runs) == len(there)
    assert final[["n", "failures"]].astype(int).to_numpy().sum() == len(there)
    assert set(claims["verdict"]) == {"not enough runs"}


HOLES = {  # what is missing -> rules that then have nothing to do
    "learned": (lambda run: "learned" in run.activation, {"tabulate_curves", "draw_learned"}),
    "relu": (lambda run: run.activation == "relu", set()),
    "mnist": (lambda run: run.dataset == "mnist", set()),
    "works": (lambda run: run.study != "handmade", {"measure_trained", "compare_log"}),
    "none": (lambda run: False, set()),
}


@pytest.mark.parametrize("hole", HOLES)
def test_whatever_is_missing_the_rest_is_planned_to_the_report_and_nothing_is_trained(holed, hole):
    lost, idle = HOLES[hole]
    said = partial(holed(lost), "-n")
    planned = jobs(said)
    there = {(run.dataset, run.architecture) for run in RUNS if not lost(run)}
    assert planned["collect_pair"] == len(there)
    assert planned["render_report"] == planned["publish_report"] == 2
    assert not {"train_run", "train_learned", *idle} & set(planned)


def test_the_report_is_rendered_and_names_what_is_missing(holed):
    """By the command line of `make partial`; most studies are missing, for a report in seconds."""
    there = {
        run
        for run in RUNS
        if run.study == "banknotes" and (run.activation, run.seed) != ("relu", 1)
    }
    checkout = holed(lambda run: run not in there)
    options = ("--config", "partial=True", "--configfile", "config/ci.yaml")
    assert not trained(checkout.snakemake("--cores", "2", *options))
    text = words(checkout / "report/report.pdf")
    banner = f"Incomplete: {len(RUNS) - len(there)} of {len(RUNS)} runs are missing (missing.csv)."
    assert banner in text
    assert "banknote banknote_mlp_5 1 1 no result" in text
    assert "mnist_float_bytes mlp_128_64 4 2 no result" in text


def test_without_any_run_there_is_one_message(holed):
    said = partial(holed(lambda run: True), "-n", code=1)
    assert "no run of the grid is there yet below results/ci/runs" in said
    assert "Traceback" not in said


def test_the_whole_grid_takes_up_where_a_partial_one_ended(holed):
    lost = RUNS[1]
    checkout = holed(lambda run: run == lost)
    partial(checkout, TABLES[1])
    said = checkout.ci("-n", TABLES[1])
    names = (lost.dataset, lost.architecture, lost.activation, str(lost.seed))
    assert names in trained(said) and jobs(said)["collect_pair"] > 0


def test_a_config_is_cut_to_the_names_that_have_runs():
    runs = [run for run in RUNS if run.study == "handmade"]
    keep = {run for run in runs if (run.architecture, run.seed) == ("small", 1)}
    cut = grid.without(CI, set(RUNS) - keep)
    assert list(cut["studies"]) == ["handmade"] and set(grid.expand(cut)) == keep
    assert cut["studies"]["handmade"]["protocol"] == CI["studies"]["handmade"]["protocol"]
    assert grid.without(CI, {})["studies"].keys() == CI["studies"].keys()
    assert grid.expand(grid.without(CI, {})) == RUNS
    assert overlaid("ci") == CI  # left as it was


LOST = pd.DataFrame(
    [
        ("fashion_mnist", "small", "tent", 0, "no result", "a.log"),
        ("fashion_mnist", "small", "tent", 1, "no result", "b.log"),
        ("mnist", "mlp_128_64", "relu", 0, "made with other settings", "c.log"),
    ],
    columns=["dataset", "architecture", "activation", "seed", "why", "log"],
)


@pytest.mark.parametrize("document", ["report", "supplement"])
def test_the_report_says_at_its_top_what_is_missing(document):
    filled, values = text(CI, document=document, missing=LOST)
    (banner,) = re.findall(r'^banner: "(.*)"$', filled, re.M)
    count = len(values["runs"])
    assert f"Incomplete: 3 of {count + 3} runs are missing (`missing.csv`)." in banner
    assert f"{count} of {len(grid.expand(FULL))} runs" in banner
    assert "Incomplete" not in text(CI, document=document)[0]
    if document == "report":
        assert rows(filled, "missing") == [
            ["fashion_mnist", "small", "2", "1", "no result"],
            ["mnist", "mlp_128_64", "1", "1", "made with other settings"],
        ]
        assert "#tbl:missing" not in text(CI, document=document)[0]


def test_the_full_grid_with_holes_has_a_banner_of_the_holes_alone():
    filled, _ = text(FULL, missing=LOST)
    (banner,) = re.findall(r'^banner: "(.*)"$', filled, re.M)
    assert banner.strip() == "Incomplete: 3 of 1,967 runs are missing (`missing.csv`)."


def test_partial_is_off_in_the_config_and_documented():
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    assert config["partial"] is False
