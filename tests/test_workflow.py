"""Real Snakemake runs in a copy of the checkout, on made-up images: what runs, what reruns."""

import contextlib
import csv
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pypdf
import pytest
import yaml
from snakemake.utils import update_config

from actgrid import data, grid
from actgrid.data import fashion_mnist, prepare

ROOT = Path(__file__).parents[1]
CI = yaml.safe_load((ROOT / "config/ci.yaml").read_text())["studies"]["handmade"]
CELLS = [(a, f) for a in CI["architectures"] for f in CI["activations"]]
RUNS = {(*cell, str(seed)) for cell in CELLS for seed in CI["seeds"]}
RUN_FOLDERS = "results/ci/runs/fashion_mnist"


class Checkout:
    """A copy of the project, and Snakemake in it."""

    def __init__(self, folder):
        self.folder = folder

    def __truediv__(self, name):
        return self.folder / name

    def snakemake(self, *arguments, code=0):
        """What Snakemake says; it must end with the exit status `code`."""
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=self.folder, env=os.environ | {"PYTHONPATH": str(self / "src")},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=500,
        )  # fmt: skip
        assert done.returncode == code, done.stdout[-5000:]
        return done.stdout

    def ci(self, *arguments, overlay=None, **options):
        """Snakemake on the ci grid, with values of another overlay over it."""
        file = self / "overlay.yaml"
        file.write_text(yaml.safe_dump(overlay or {"grid": "ci"}))
        files = ("--configfile", "config/ci.yaml", file.name)
        return self.snakemake(*arguments, *files, **options)

    def plan(self, overlay=None):
        """Rule -> jobs that a dry run of the ci grid names, and the runs that it would train."""
        said = self.ci("-n", overlay=overlay)
        return jobs(said), trained(said)

    @contextlib.contextmanager
    def edited(self, name, text="\n# edited\n"):
        """A file with something appended, for as long as the block lasts."""
        file = self / name
        before, times = file.read_bytes(), file.stat()
        file.write_bytes(before + text.encode())
        yield
        file.write_bytes(before)
        os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def jobs(said):
    """Rule -> number of jobs, from the table that Snakemake prints."""
    table = said.partition("Job stats:")[2].partition("\ntotal")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def trained(said):
    """(architecture, activation, seed) of the train_run jobs that Snakemake names."""
    blocks = re.findall(r"^(?:local)?rule train_run:\n((?: .*\n)*)", said, re.MULTILINE)
    pattern = r"architecture=(\S+), activation=(\S+), seed=(\S+)"
    return {re.search(pattern, block).groups() for block in blocks}


def runs_of(*activations):
    return {run for run in RUNS if run[1] in activations}


def copied(folder, names):
    """The files copied into a folder; links stay links."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    return Checkout(folder)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory, tracked):
    """The project with prepared data: 300 and 250 made-up images that a network can tell apart."""
    checkout = copied(tmp_path_factory.mktemp("checkout"), tracked)
    rng, arrays = np.random.default_rng(0), {}
    for part, count in (("train", 300), ("test", 250)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = rng.integers(0, 100, (count, 1, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[:, 2 * label : 2 * label + 4] += 150
        arrays |= {f"{part}_x": images, f"{part}_y": labels}
    meta = {"name": "fashion_mnist", "classes": list(fashion_mnist.CLASSES), "source": "made up"}
    meta["sha256"] = data.fingerprint(arrays)
    prepare.write(checkout / "data/prepared/fashion_mnist", arrays, meta)
    return checkout


@pytest.fixture(scope="session")
def done(checkout):
    """The checkout after one run of the ci grid, on two cores."""
    checkout.said = checkout.ci("--cores", "2")
    return checkout


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def history(folder):
    """Rows of a run's epochs.csv as they stand there, without the time that they took."""
    return [
        {key: value for key, value in row.items() if key != "seconds"}
        for row in rows(folder / "epochs.csv")
    ]


# --- before anything has run --------------------------------------------------------------------


def test_the_full_grid_is_875_runs_planned_in_less_than_half_a_minute(checkout):
    start = time.monotonic()
    said = checkout.snakemake("-n")
    assert time.monotonic() - start < 30
    assert jobs(said)["train_run"] == len(trained(said)) == 875
    assert "fetch_data" not in jobs(said)  # the data are there


def test_the_data_are_fetched_first_where_there_are_none(tmp_path, tracked):
    target = "results/runs/fashion_mnist/plain/tent/4/run.json"
    assert jobs(copied(tmp_path, tracked).snakemake("-n", target)) == {
        "fetch_data": 1,
        "train_run": 1,
    }


def test_lint_has_nothing_to_say(checkout):
    assert "good condition" in checkout.snakemake("--lint")


@pytest.mark.parametrize(
    ("overlay", "words"),
    [
        ({"studys": {}}, "unknown key 'studys'; did you mean 'studies'?"),
        ({"studies": {"handmade": {"protocol": {"epochs": 0}}}}, "handmade.protocol.epochs = 0"),
    ],
)
def test_a_mistake_in_the_config_is_one_message_in_seconds(checkout, overlay, words):
    start = time.monotonic()
    said = checkout.ci("--cores", "1", overlay=overlay, code=1)
    assert time.monotonic() - start < 15
    assert said.count(words) == said.count("config not usable") == 1
    assert "Traceback" not in said and 'File "' not in said


def test_an_unknown_run_is_refused(checkout):
    target = "results/runs/fashion_mnist/small/rellu/0/run.json"
    assert "MissingRuleException" in checkout.snakemake("-n", target, code=1)


# --- the whole grid -----------------------------------------------------------------------------


def test_the_grid_trains_every_run_once_and_makes_every_file(done):
    assert jobs(done.said)["train_run"] == len(RUNS) == len(trained(done.said))
    for run in RUNS:
        folder = done / f"{RUN_FOLDERS}/{'/'.join(run)}"
        assert [row["epoch"] for row in rows(folder / "epochs.csv")] == ["1", "2"]
        facts = json.loads((folder / "run.json").read_text())
        assert (facts["architecture"], facts["activation"], str(facts["seed"])) == run
        assert facts["status"] == "ok" and facts["threads"] == 1 and facts["commit"] is None
    for name in ("runs", "epochs", "final_epoch", "reproduction", "agreement"):
        assert rows(done / f"results/ci/{name}.csv"), name
    for name in ("activations", "published", "fashion_mnist/small/final_epoch",
                 "fashion_mnist/resnet_norm/learning_curves"):  # fmt: skip
        for extension in ("pdf", "svg", "png", "csv"):
            assert (done / f"figures/ci/{name}.{extension}").stat().st_size > 100
    assert (done / "results/ci/fashion_mnist.ods").read_bytes()[:2] == b"PK"
    for extension in ("md", "tex", "pdf", "html"):
        assert (done / f"report/report.{extension}").stat().st_size > 1000
    assert (done / "report/report.pdf").read_bytes() == (done / "report/ci/report.pdf").read_bytes()


def test_a_second_time_there_is_nothing_to_do(done):
    assert "Nothing to be done" in done.ci("--cores", "1")


def test_the_other_grids_share_nothing_but_the_data(done):
    for folder in ("results", "figures"):
        assert os.listdir(done / folder) == ["ci"]
    assert jobs(done.snakemake("-n"))["train_run"] == 875
    quick = jobs(done.snakemake("-n", "--configfile", "config/quick.yaml"))
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    update_config(config, yaml.safe_load((ROOT / "config/quick.yaml").read_text()))
    assert quick["train_run"] == len(grid.expand(config)) and "compare_published" not in quick


def test_tables_hold_the_runs_as_they_were_written(done):
    table = rows(done / "results/ci/epochs.csv")
    assert len(table) == 2 * len(RUNS)
    for run in RUNS:
        of_run = [r for r in table if (r["architecture"], r["activation"], r["seed"]) == run]
        in_folder = history(done / f"{RUN_FOLDERS}/{'/'.join(run)}")
        for row, written in zip(of_run, in_folder, strict=True):
            assert {key: float(row[key]) for key in written} == {
                key: float(value) for key, value in written.items()
            }


def test_one_run_alone_on_one_core_gives_the_same_numbers(done):
    folders = {"results": "results/alone", "figures": "figures/alone", "report": "report/alone"}
    wanted = ["small/relu/0", "resnet_norm/slope_relu_1.0/1"]
    targets = [f"results/alone/runs/fashion_mnist/{run}/epochs.csv" for run in wanted]
    said = done.ci("--cores", "1", *targets, overlay={"pathvars": folders})
    assert jobs(said) == {"train_run": 2}
    assert not (done / "figures/alone").exists() and os.listdir(done / "results/alone") == ["runs"]
    for run in wanted:
        alone = done / f"results/alone/runs/fashion_mnist/{run}"
        assert history(alone) == history(done / f"{RUN_FOLDERS}/{run}")
    shutil.rmtree(done / "results/alone")


def test_seeds_differ_and_slope_one_is_relu(done):
    for architecture in CI["architectures"]:
        runs = done / f"{RUN_FOLDERS}/{architecture}"
        assert history(runs / "relu/0") != history(runs / "relu/1")
        for seed in "01":
            assert history(runs / f"relu/{seed}") == history(runs / f"slope_relu_1.0/{seed}")


# --- what reruns --------------------------------------------------------------------------------


def test_a_changed_constant_trains_its_activation_again_and_no_other(done):
    entry = {"activations": {"hill_published_0.25": {"peak": 0.3}}}
    assert done.plan(entry)[1] == runs_of("hill_published_0.25")


def test_presentation_trains_nothing_again(done):
    entry = {"family": "slope", "published_as": "Dslope_1.0"}
    planned, runs = done.plan({"activations": {"hill_published_0.25": entry}})
    assert not runs and planned["compare_published"] == 1


def test_a_changed_protocol_trains_all_again(done):
    assert done.plan({"studies": {"handmade": {"protocol": {"learning_rate": 0.002}}}})[1] == RUNS


def test_new_activations_and_seeds_train_themselves_only(done):
    longer = {"activations": [*CI["activations"], "tent"]}
    planned, runs = done.plan({"studies": {"handmade": longer}})
    assert runs == {(a, "tent", str(s)) for a in CI["architectures"] for s in CI["seeds"]}
    assert planned["render_report"] == 1
    runs = done.plan({"studies": {"handmade": {"seeds": [*CI["seeds"], 7]}}})[1]
    assert runs == {(*cell, "7") for cell in CELLS}


def test_fewer_activations_train_nothing(done):
    planned, runs = done.plan({"studies": {"handmade": {"activations": ["relu"]}}})
    assert not runs and planned["collect_pair"] == 2


@pytest.mark.parametrize(
    ("module", "runs"),
    {
        "activations/piecewise": runs_of("slope_relu_1.0", "hill_published_0.25"),
        "activations/fixed": runs_of("relu"),
        "architectures/mlp": {run for run in RUNS if run[0] == "small"},
        "training": RUNS,
        "activations/__init__": set(),
        "scores": set(),
        "figures/style": set(),
    }.items(),
)
def test_an_edited_module_trains_again_what_it_made(done, module, runs):
    with done.edited(f"src/actgrid/{module}.py"):
        planned, found = done.plan()
    assert found == runs
    if module == "figures/style":
        assert set(planned) == {
            "all", "draw_activations", "draw_final_epoch", "draw_learning_curves",
            "draw_published", "render_report", "publish_report",
        }  # fmt: skip


def test_a_file_with_a_new_date_and_the_old_content_reruns_nothing(done):
    with done.edited("src/actgrid/training.py", ""):
        assert "Nothing to be done" in done.ci("-n")


def test_a_lost_table_is_made_again_from_the_runs(done):
    file = done / "results/ci/final_epoch.csv"
    file.rename(file.with_suffix(".away"))
    planned, runs = done.plan()
    file.with_suffix(".away").rename(file)
    assert not runs and planned["collect_results"] == 1


# --- the report ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def pdf(done):
    """The text of the report's PDF, parts of a line joined by single spaces."""
    pages = pypdf.PdfReader(done / "report/report.pdf").pages
    return re.sub(r"\s+", " ", "\n".join(page.extract_text() for page in pages))


def shown(value):
    """A number as the report shows it."""
    return f"{float(value):.4f}".replace("-", "−")


def test_the_pdf_shows_the_means_of_the_runs(done, pdf):
    for architecture, activation in CELLS:
        folder = done / f"{RUN_FOLDERS}/{architecture}/{activation}"
        last = [history(folder / str(seed))[-1] for seed in CI["seeds"]]
        train, test = (
            [float(row[key]) for row in last] for key in ("train_accuracy", "test_accuracy")
        )
        numbers = (statistics.mean(train), statistics.mean(test), statistics.stdev(test))
        assert f"{activation} 2 0 {' '.join(map(shown, numbers))} " in pdf


def test_the_pdf_shows_the_comparison_with_the_published_table(done, pdf):
    published = {
        (row["architecture"], row["activation"]): row
        for row in rows(ROOT / "resources/published/custom_act_funcs_final_epoch.csv")
    }
    cells = rows(done / "results/ci/reproduction.csv")
    cells = [row for row in cells if row["metric"] == "test_accuracy"]
    assert len(cells) == len(CELLS)
    for row in cells:
        theirs = published[row["architecture"], row["published_as"]]["test_accuracy_mean"]
        assert float(theirs) == float(row["published_mean"])
        numbers = [row[k] for k in ("ours_mean", "published_mean", "difference", "tolerance")]
        line = f"{row['activation']} {row['published_as']} 2 {' '.join(map(shown, numbers))} "
        assert line + ("yes" if row["agrees"] == "True" else "no") in pdf


def test_the_report_says_which_grid_it_is_and_what_was_cut(pdf):
    assert "grid ci" in pdf and "not the full grid" in pdf
