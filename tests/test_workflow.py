"""Real Snakemake runs in a copy of the checkout, on few data: what runs, what reruns."""

import contextlib
import copy
import csv
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pypdf
import pytest
import torch
import yaml
from snakemake.utils import update_config
from test_report import GRIDS, included

from actgrid import data, grid
from actgrid.activations import subnetwork
from actgrid.data import banknote, covertype, fashion_mnist, idx, mnist, mnist_float_bytes, prepare

ROOT = Path(__file__).parents[1]
FULL = yaml.safe_load((ROOT / "config.yaml").read_text())


def overlaid(name):
    """config.yaml with an overlay over it."""
    config = copy.deepcopy(FULL)
    update_config(config, yaml.safe_load((ROOT / f"config/{name}.yaml").read_text()))
    return config


CI = overlaid("ci")
HANDMADE = CI["studies"]["handmade"]
CELLS = [(a, f) for a in HANDMADE["architectures"] for f in HANDMADE["activations"]]
RUNS = {tuple(run.path.split("/")) for run in grid.expand(CI)}
LEARNED = {run for run in RUNS if run[2].startswith("learned_")}
MOVED = {run for run in RUNS if run[2].startswith("transfer_")}
MATCHED = {run for run in RUNS if "_matched_" in run[2]}
SOURCE = FULL["activations"]["transfer_relu_small"]["source"]  # the run whose function is moved
DIAGNOSED = {run for run in RUNS if run[1] in CI["studies"]["gradients"]["architectures"]}
RUN_FOLDERS = "results/ci/runs"
IMAGES = f"{RUN_FOLDERS}/fashion_mnist"


class Checkout:
    """A copy of the project, and Snakemake in it."""

    def __init__(self, folder):
        self.folder = folder

    def __truediv__(self, name):
        return self.folder / name

    def snakemake(self, *arguments, code=0, **environment):
        """What Snakemake says; it must end with the exit status `code`."""
        done = subprocess.run(
            [sys.executable, "-m", "snakemake", *arguments],
            cwd=self.folder, env=os.environ | {"PYTHONPATH": str(self / "src")} | environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1800,
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
        try:
            yield
        finally:
            file.write_bytes(before)
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))


def processor_seconds():
    """What the processes started so far have taken; a busy machine does not count."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def jobs(said):
    """Rule -> number of jobs, from the table that Snakemake prints."""
    table = said.partition("Job stats:")[2].partition("\ntotal")[0]
    return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, re.MULTILINE)}


def trained(said):
    """(dataset, architecture, activation, seed) of the runs that Snakemake names."""
    blocks = re.findall(r"^(?:local)?rule train_\w+:\n((?: .*\n)*)", said, re.MULTILINE)
    names = ("dataset", "architecture", "activation", "seed")
    pattern = ", ".join(rf"{name}=(\S+)" for name in names)
    return {re.search(pattern, block).groups() for block in blocks}


def runs_of(*names):
    """Runs of the ci grid that have one of the names."""
    return {run for run in RUNS if set(names) & set(run)}


def made_by(config):
    """Rule -> how many runs of a grid it trains."""
    functions = [config["activations"][run.activation]["function"] for run in grid.expand(config)]
    special = {"learned": "train_learned", "transfer": "train_after"}
    return Counter(special.get(function, "train_run") for function in functions)


def copied(folder, names):
    """The files copied into a folder; links stay links."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    return Checkout(folder)


def images():
    """300 and 250 made-up images that a network can tell apart; no validation part."""
    rng, arrays = np.random.default_rng(0), {}
    for part, count in (("train", 300), ("valid", 0), ("test", 250)):
        labels = (np.arange(count) % 10).astype(np.uint8)
        images = rng.integers(0, 100, (count, 1, 28, 28), dtype=np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[:, 2 * label : 2 * label + 4] += 150
        arrays |= {f"{part}_x": images, f"{part}_y": labels}
    return arrays


def patches():
    """600, 256 and 256 made-up rows like covertype's: a bowl in two of the ten features."""
    rng, arrays = np.random.default_rng(0), {}
    for part, count in (("train", 600), ("valid", 256), ("test", 256)):
        x = rng.normal(size=(count, len(covertype.FEATURES))).astype(np.float32)
        labels = (np.square(x[:, :2]).sum(axis=1) > 1.4).astype(np.uint8)
        arrays |= {f"{part}_x": x, f"{part}_y": labels}
    return arrays


def notes():
    """The real banknotes, as the files that they come from."""
    name = "banknote_authentication.csv"
    return {name: (ROOT / "resources" / name).read_bytes()}


def digits():
    """The made-up images as MNIST's four files."""
    arrays = images()
    return {file: idx.build(arrays[key].squeeze()) for key, file in idx.MNIST_FILES.items()}


PREPARED = {  # data set -> its module, its six arrays and facts for meta.json
    "fashion_mnist": (fashion_mnist, lambda: (images(), {})),
    "covertype": (covertype, lambda: (patches(), {})),
    "banknote": (banknote, lambda: banknote.arrays(notes())),
    "mnist": (mnist, lambda: mnist.arrays(digits())),
    "mnist_float_bytes": (mnist_float_bytes, lambda: mnist_float_bytes.arrays(digits())),
}


def prepared(checkout, *names):
    """Writes the prepared data sets of those names."""
    for name in names:
        module, make = PREPARED[name]
        arrays, facts = make()
        meta = {"name": name, "classes": list(module.CLASSES), "source": "made up"} | facts
        meta["sha256"] = data.fingerprint(arrays)
        prepare.write(checkout / f"data/prepared/{name}", arrays, meta)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory, tracked):
    """The project with prepared data."""
    checkout = copied(tmp_path_factory.mktemp("checkout"), tracked)
    prepared(checkout, *PREPARED)
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


def test_the_full_grid_is_1964_runs_planned_in_less_than_half_a_minute(checkout):
    start = processor_seconds()
    said = checkout.snakemake("-n")
    assert processor_seconds() - start < 30
    assert sum(made_by(FULL).values()) == 1964 and made_by(FULL)["train_learned"] == 189
    assert made_by(FULL).items() <= jobs(said).items() and len(trained(said)) == 1964
    assert "fetch_data" not in jobs(said)  # the data are there
    assert figures_of("full") <= drawn(said)


@pytest.mark.parametrize("name", ["two_cores", "quick"])
def test_every_figure_that_the_report_includes_is_drawn(checkout, name):
    assert figures_of(name) <= drawn(
        checkout.snakemake("-n", "--configfile", f"config/{name}.yaml")
    )


def figures_of(name):
    """Figures that the report of a grid includes, below its folder of figures."""
    return {path.removeprefix("../../figures/") for path in included(GRIDS[name]()[0])}


def drawn(said):
    """Figures that Snakemake names."""
    return set(re.findall(r"\bfigures/(?:quick/)?([\w./]+)\.pdf", said))


def test_the_data_are_fetched_first_where_there_are_none(tmp_path, tracked):
    target = "results/runs/fashion_mnist/plain/tent/4/run.json"
    assert jobs(copied(tmp_path, tracked).snakemake("-n", target)) == {
        "fetch_data": 1,
        "train_run": 1,
    }


def test_a_new_date_of_the_script_that_fetches_hides_no_run(checkout):
    os.utime(checkout / "workflow/scripts/fetch_data.py")
    assert made_by(FULL).items() <= jobs(checkout.snakemake("-n", "--quiet", "rules")).items()


def test_lint_has_nothing_to_say(checkout):
    assert "good condition" in checkout.snakemake("--lint")


@pytest.mark.parametrize(
    ("overlay", "words"),
    [
        ({"studys": {}}, "unknown key 'studys'; did you mean 'studies'?"),
        ({"studies": {"handmade": {"protocol": {"epochs": 0}}}}, "handmade.protocol.epochs = 0"),
        (
            {"studies": {"learned": {"seeds": [1]}}},
            f"transfer_relu_small.source = '{SOURCE}': no run",
        ),
    ],
)
def test_a_mistake_in_the_config_is_one_message_in_seconds(checkout, overlay, words):
    start = processor_seconds()
    said = checkout.ci("--cores", "1", overlay=overlay, code=1)
    assert processor_seconds() - start < 15
    assert said.count(words) == said.count("config not usable") == 1
    assert "Traceback" not in said and 'File "' not in said


def test_an_unknown_run_is_refused(checkout):
    for run in ("fashion_mnist/small/rellu", "covertype/mlp_48_24/learned_relu_smal"):
        target = f"results/runs/{run}/0/run.json"
        assert "MissingRuleException" in checkout.snakemake("-n", target, code=1)


# --- the whole grid -----------------------------------------------------------------------------


def test_the_grid_trains_every_run_once_and_makes_every_file(done):
    assert made_by(CI).items() <= jobs(done.said).items() and trained(done.said) == RUNS
    for run in RUNS:
        folder = done / f"{RUN_FOLDERS}/{'/'.join(run)}"
        assert [row["epoch"] for row in rows(folder / "epochs.csv")] == ["1", "2"]
        facts = json.loads((folder / "run.json").read_text())
        names = ("dataset", "architecture", "activation", "seed")
        assert tuple(str(facts[name]) for name in names) == run
        assert facts["status"] == "ok" and facts["threads"] == 1 and facts["commit"] is None
        left = {"activation.pt", "graph.csv", "preactivations.csv"} if run in LEARNED else set()
        left |= {"epochs.csv", "run.json", "layers.csv"}
        assert {file.name for file in folder.iterdir()} == left
    for dataset in PREPARED:
        assert (done / f"results/ci/{dataset}.ods").read_bytes()[:2] == b"PK"
    for extension in ("md", "tex", "pdf", "html"):
        assert (done / f"report/report.{extension}").stat().st_size > 1000
    for name in ("report.pdf", "explore.html"):
        assert (done / f"report/{name}").read_bytes() == (done / f"report/ci/{name}").read_bytes()


def test_runs_come_from_the_warm_process_and_say_nothing(done):
    assert "in a process of its own" not in done.said


def test_on_a_node_of_a_cluster_no_process_is_asked_for(tmp_path, tracked):
    """Where none can be had, a job that has asked says so."""
    checkout, run = (
        copied(tmp_path, tracked),
        f"{RUN_FOLDERS}/banknote/banknote_mlp/relu/0/run.json",
    )
    prepared(checkout, "banknote")
    for mode, asked in ("default", 1), ("remote", 0):
        said = checkout.ci(
            "--cores", "1", "--force", run, "--mode", mode, XDG_RUNTIME_DIR=str(tmp_path / "no")
        )
        assert said.count("in a process of its own") == asked and (checkout / run).exists()


DRAWN = ["heatmap", "learned/overview", "fashion_mnist/small/final_epoch", "activations"]


def test_figures_come_from_a_warm_process_and_are_the_same_without_it(done):
    """Where none can be had, each job says so: it has asked."""
    targets = [f"figures/plain/{name}.pdf" for name in DRAWN]
    overlay, nowhere = {"pathvars": {"figures": "figures/plain"}}, str(done / "nowhere")
    said = done.ci("--cores", "1", *targets, overlay=overlay, XDG_RUNTIME_DIR=nowhere)
    assert said.count("in a process of its own") == sum(jobs(said).values()) > 3
    for file in [path for path in (done / "figures/plain").rglob("*") if path.is_file()]:
        warm = done / "figures/ci" / file.relative_to(done / "figures/plain")
        assert file.read_bytes() == warm.read_bytes()
    shutil.rmtree(done / "figures/plain")


def test_every_rule_has_run(done):
    texts = [path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk")]
    rules = re.findall(r"^rule (\w+)|^use rule \w+ as (\w+)", "\n".join(texts), re.MULTILINE)
    elsewhere = {"fetch_data", "check_activation", "show_activation"}  # test_data.py, test_own.py
    assert {a or b for a, b in rules} - elsewhere == set(jobs(done.said)) - {"all"}


TABLES = [
    *("runs", "epochs", "final_epoch", "reproduction", "agreement", "shapes", "shape_spread"),
    *("shape_claims", "differences", "parity", "parity_overall", "evaluations"),
    *("learned_published", "learned_curves", "classification", "trained_parameters"),
    *("published_log", "checkpoints", "twins", "layer_means", "flow_summary", "histograms"),
    *("banknote/logistic_regression", "banknote/banknote_mlp_5/confusion"),
    *("banknote/banknote_mlp_5/layers", "fashion_mnist/mlp_deep/layers"),
]
LEARNED_FIGURES = ("reference", "relu", "overview", "parity", "published")
FIGURES = [
    *("activations", "published", "fashion_mnist/small/final_epoch"),
    *("fashion_mnist/resnet_norm/learning_curves", "covertype/mlp_48_24_16/final_epoch"),
    *(f"learned/{name}" for name in LEARNED_FIGURES),
    *("banknote/banknote_mlp/training", "banknote/banknote_mlp_5/parameters"),
    *("autograd/published_log", "autograd/seen", "gradients/units", "gradients/depth"),
    *("fashion_mnist/mlp_deep/gradient_flow", "fashion_mnist/mlp_512_256_256_128/histograms"),
]


@pytest.mark.parametrize("name", TABLES)
def test_tables_have_rows(done, name):
    assert rows(done / f"results/ci/{name}.csv")


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_there_in_all_forms_with_their_numbers(done, name):
    for extension in ("pdf", "svg", "png", "csv"):
        assert (done / f"figures/ci/{name}.{extension}").stat().st_size > 100
    assert rows(done / f"figures/ci/{name}.csv")


def test_a_second_time_there_is_nothing_to_do(done):
    assert "Nothing to be done" in done.ci("--cores", "1")


def test_the_other_grids_share_nothing_but_the_data(done):
    for folder in ("results", "figures"):
        assert os.listdir(done / folder) == ["ci"]
    assert made_by(FULL).items() <= jobs(done.snakemake("-n")).items()
    quick = jobs(done.snakemake("-n", "--configfile", "config/quick.yaml"))
    assert made_by(overlaid("quick")).items() <= quick.items()
    assert not {"compare_published", "draw_published", "draw_learned_published"} & set(quick)


def test_tables_hold_the_runs_as_they_were_written(done):
    table = rows(done / "results/ci/epochs.csv")
    assert len(table) == 2 * len(RUNS)
    for run in RUNS:
        names = ("dataset", "architecture", "activation", "seed")
        of_run = [row for row in table if tuple(row[name] for name in names) == run]
        in_folder = history(done / f"{RUN_FOLDERS}/{'/'.join(run)}")
        for row, written in zip(of_run, in_folder, strict=True):
            assert {key: as_number(row[key]) for key in written} == {
                key: as_number(value) for key, value in written.items()
            }


def as_number(cell):
    """What a cell of a CSV file holds; None where it is empty."""
    return float(cell) if cell else None


ALONE = {"results": "results/alone", "figures": "figures/alone", "report": "report/alone"}


@pytest.fixture(scope="module")
def alone(done):
    """A few runs, made again on one core in a folder of their own, each in a process of its own
    that loads torch itself: what Snakemake said."""
    wanted = ["fashion_mnist/small/relu/0", "banknote/banknote_mlp/transfer_relu_small/1"]
    targets = [f"results/alone/runs/{run}/epochs.csv" for run in wanted]
    overlay = {"pathvars": ALONE}
    yield done.ci("--cores", "1", *targets, overlay=overlay, ACTGRID_WARM="0")
    shutil.rmtree(done / "results/alone")


def test_runs_alone_on_one_core_give_the_same_numbers(done, alone):
    wanted = {*trained(alone)}
    source = tuple(SOURCE.split("/"))
    assert source in wanted and len(wanted) == 3  # the transferred one's first
    assert jobs(alone) == {"train_run": 1, "train_after": 1, "train_learned": 1}
    assert not (done / "figures/alone").exists() and os.listdir(done / "results/alone") == ["runs"]
    for run in map("/".join, wanted):
        of_grid, on_its_own = done / f"{RUN_FOLDERS}/{run}", done / f"results/alone/runs/{run}"
        assert history(on_its_own) == history(of_grid)
    for name in ("activation.pt", "graph.csv", "preactivations.csv"):
        files = [
            done / f"{folder}/{SOURCE}/{name}" for folder in (RUN_FOLDERS, "results/alone/runs")
        ]
        assert files[0].read_bytes() == files[1].read_bytes(), name


def test_a_run_that_cannot_start_is_one_message_and_leaves_nothing(done, alone):
    saved = done / f"results/alone/runs/{SOURCE}/activation.pt"
    saved.write_text("no network")
    run = "results/alone/runs/banknote/banknote_mlp/transfer_relu_small/1"
    said = done.ci("--cores", "1", f"{run}/run.json", overlay={"pathvars": ALONE}, code=1)
    path = f"results/alone/runs/{SOURCE}/activation.pt"
    assert f"{path} holds no learned activation" in said
    assert not (done / run).exists() or not os.listdir(done / run)
    log = f"logs/{run.replace('/runs', '')}.log"
    assert "holds no learned activation" in (done / log).read_text()
    end = said.partition("Failed: 1 jobs; not run: 0 others.")[2]
    assert f"  train_after {run.partition('runs/')[2]}\n    {log}\n" in end


def test_seeds_differ_and_slope_one_is_relu(done):
    for architecture in HANDMADE["architectures"]:
        runs = done / f"{IMAGES}/{architecture}"
        assert history(runs / "relu/0") != history(runs / "relu/1")
        for seed in "01":
            assert history(runs / f"relu/{seed}") == history(runs / f"slope_relu_1.0/{seed}")


# --- layers and confusions ----------------------------------------------------------------------


def documents(done):
    """run -> its run.json."""
    return {
        run: json.loads((done / f"{RUN_FOLDERS}/{'/'.join(run)}/run.json").read_text())
        for run in RUNS
    }


def test_layers_are_measured_where_the_study_says_so_and_parameters_followed_where_trained(done):
    depth = {"mlp_512_256_256_128": 4, "mlp_deep": 11}
    for run in RUNS:
        found = rows(done / f"{RUN_FOLDERS}/{'/'.join(run)}/layers.csv")
        places = [(row["epoch"], row["part"], row["layer"]) for row in found]
        units = {"banknote_mlp": 3, "banknote_mlp_5": 4}.get(run[1], 0) * (run[2] == "affine")
        weights = depth[run[1]] + 1 if run in DIAGNOSED else 0
        units = depth[run[1]] if run in DIAGNOSED else units
        assert places == [
            (epoch, part, str(layer))
            for epoch in "012"
            for part, layers in (("weights", weights), ("activation", units))
            for layer in range(1, layers + 1)
        ]
        assert all(row["parameter_alpha"] != "" for row in found if run[2] == "affine")
    assert all(documents(done)[run]["diagnostics_seconds"] > 0 for run in DIAGNOSED)


def test_the_table_of_a_pair_holds_the_layers_of_its_runs(done):
    table = rows(done / "results/ci/banknote/banknote_mlp/layers.csv")
    assert {(row["activation"], row["study"]) for row in table} == {("affine", "banknotes")}
    for seed in "01":
        own = [row for row in table if row["seed"] == seed]
        written = rows(done / f"{RUN_FOLDERS}/banknote/banknote_mlp/affine/{seed}/layers.csv")
        assert [{key: as_number(row[key]) for key in row if key not in NAMES} for row in own] == [
            {key: as_number(row[key]) for key in row if key not in NAMES} for row in written
        ]


NAMES = ("study", "dataset", "architecture", "activation", "seed", "status", "part")


def test_confusions_hold_every_test_example_and_give_the_accuracy_of_the_table(done):
    for run, document in documents(done).items():
        counts = document["confusion"]
        assert list(counts) == ["evaluation", *["training"] * (run[0] == "banknote")]
        tests = {"banknote": 275, "covertype": 256}.get(run[0], 200)  # of images the first 200
        assert {sum(map(sum, matrix)) for matrix in counts.values()} == {tests}
    table = rows(done / "results/ci/classification.csv")
    assert len(table) == 2 * 2 * 2 * 2 + 2 * 2 + 2  # cells in both modes, moved, the baseline
    for row in (
        row for row in table if row["mode"] == "evaluation" and row["activation"] != "none"
    ):
        place = f"{RUN_FOLDERS}/banknote/{row['architecture']}/{row['activation']}"
        last = [float(history(done / f"{place}/{seed}")[-1]["test_accuracy"]) for seed in "01"]
        assert float(row["accuracy_mean"]) == pytest.approx(statistics.mean(last))


def test_a_derivative_written_by_hand_trains_bit_for_bit_as_torchs(done):
    for dataset in ("mnist", "mnist_float_bytes"):
        for seed in "01":
            runs = done / f"{RUN_FOLDERS}/{dataset}/mlp_128_64"
            assert history(runs / f"relu_autograd/{seed}") == history(runs / f"relu/{seed}")
    table = rows(done / "results/ci/twins.csv")
    assert sorted(row["dataset"] for row in table) == ["mnist", "mnist_float_bytes"]
    assert all(row["runs"] == row["equal"] == "2" for row in table)


def test_the_lowest_validation_loss_chooses_the_epoch_that_is_tested(done):
    for run in runs_of("mnist", "mnist_float_bytes"):
        epochs = history(done / f"{RUN_FOLDERS}/{'/'.join(run)}")
        best = min(epochs, key=lambda row: float(row["valid_loss"]))
        assert [row["test_loss"] != "" for row in epochs] == [row is best for row in epochs]
        assert best["test_loss"] == best["valid_loss"]  # the same images


def test_a_run_that_breaks_while_it_writes_leaves_nothing(done):
    """run.json and the tables beside it are whole, or none of them is there."""
    broken = """
written = files


def files(run, result):
    return {**written(run, result), "another file": b"that no rule asks for"}
"""
    run = "results/broken/runs/fashion_mnist/small/relu/0"
    folders = {key: f"{key}/broken" for key in ALONE}
    with done.edited("src/actgrid/records.py", broken):
        said = done.ci("--cores", "1", f"{run}/run.json", overlay={"pathvars": folders}, code=1)
    left = list((done / run).iterdir()) if (done / run).exists() else []
    shutil.rmtree(done / "results/broken", ignore_errors=True)
    assert jobs(said) == {"train_run": 1} and "another file" in said and not left


# --- learned activations ------------------------------------------------------------------------


def test_the_validation_chooses_the_epoch_that_is_tested(done):
    for run in runs_of("covertype"):
        epochs = history(done / f"{RUN_FOLDERS}/{'/'.join(run)}")
        best = max(epochs, key=lambda row: float(row["valid_auc"]))
        assert [row["test_auc"] != "" for row in epochs] == [row is best for row in epochs]


def test_what_a_run_learned_is_what_its_graph_shows_and_others_take_over(done):
    folder = done / f"{RUN_FOLDERS}/{SOURCE}"
    module = subnetwork.load(folder / "activation.pt")
    graph = rows(folder / "graph.csv")
    x, f = (torch.tensor([float(row[key]) for row in graph]) for key in ("x", "f"))
    with torch.no_grad():
        assert module.exact(x).tolist() == pytest.approx(f.tolist(), abs=1e-5)
    for run in MOVED:
        facts = json.loads((done / f"{RUN_FOLDERS}/{'/'.join(run)}/run.json").read_text())
        activation = facts["settings"]["activation"]
        assert activation["source"] == f"{RUN_FOLDERS}/{SOURCE}/activation.pt"


def test_the_comparison_pairs_the_runs_by_seed(done):
    table = rows(done / "results/ci/differences.csv")
    names = ("dataset", "comparison", "against", "seed")
    found = sorted(",".join(row[name] for name in names) for row in table)
    assert found == [
        "banknote,transfer,relu,0",
        "banknote,transfer,relu,1",
        "covertype,base,relu,0",
        "covertype,base,relu,1",
        "covertype,exact,learned_relu_small_exact,0",
        "covertype,matched,relu_matched_small,0",
        "covertype,matched,relu_matched_small,1",
        "fashion_mnist,transfer,relu,0",
        "fashion_mnist,transfer,relu,1",
    ]
    for row in table:
        place = f"{RUN_FOLDERS}/{row['dataset']}/{row['architecture']}"
        for activation, score in (("activation", "score"), ("against", "score_against")):
            epochs = history(done / f"{place}/{row[activation]}/{row['seed']}")
            tested = [epoch for epoch in epochs if epoch["test_loss"]][-1]
            assert float(row[score]) == float(tested[row["metric"]])


def test_exact_evaluation_gives_what_the_table_gives(done):
    """In the first epoch; later rounding alone, another on every processor, moves such networks."""
    (row,) = rows(done / "results/ci/evaluations.csv")
    folder = done / f"{RUN_FOLDERS}/covertype/{row['architecture']}"
    table, exact = (
        float(rows(folder / row[name] / row["seed"] / "epochs.csv")[0]["train_loss"])
        for name in ("activation", "against")
    )
    assert 0 < abs(table - exact) < 0.002 and float(row["ratio"]) > 0


def test_a_run_that_takes_over_a_lost_activation_waits_until_it_is_learned_again(done):
    moved = f"{RUN_FOLDERS}/{'/'.join(min(MOVED))}/run.json"
    lost = [done / f"{RUN_FOLDERS}/{SOURCE}/activation.pt", done / moved]
    for file in lost:
        file.rename(file.with_suffix(".away"))
    said = done.ci("-n", moved)
    for file in lost:
        file.with_suffix(".away").rename(file)
    assert trained(said) == {tuple(SOURCE.split("/")), min(MOVED)}
    assert jobs(said) == {"train_learned": 1, "train_after": 1}


def test_a_renewed_activation_trains_again_what_took_it_over(done):
    with done.edited(f"{RUN_FOLDERS}/{SOURCE}/activation.pt"):
        runs = done.plan()[1]
    assert runs == MOVED


def test_a_changed_learned_activation_trains_what_hangs_on_it(done):
    planned, runs = done.plan({"activations": {"learned_relu_small": {"layers": [8, 4]}}})
    assert runs == runs_of("learned_relu_small") | MATCHED | MOVED  # as wide as the new one
    planned, runs = done.plan({"activations": {"learned_relu_small": {"family": "matched"}}})
    assert not runs and planned["compare_learned"] == planned["tabulate_curves"] == 1


def test_a_grid_that_learns_nothing_asks_for_nothing_of_it(done):
    activations = {
        "learned": ["relu"],
        "learned_exact": ["relu_matched_small"],
        "transfer_fashion": ["tanh"],
        "transfer_banknote": ["tanh"],
    }
    studies = {study: {"activations": names} for study, names in activations.items()}
    planned, runs = done.plan({"studies": studies})
    places = (("fashion_mnist", "small"), ("banknote", "banknote_mlp"))
    assert runs == {(*place, "tanh", seed) for place in places for seed in "01"}
    learned = {"train_learned", "measure_shapes", "compare_learned", "tabulate_curves"}
    learned |= {f"draw_{name}" for name in ("learned", "overview", "reference", "parity")}
    assert not learned & set(planned) and planned["render_report"] == 2


# --- what reruns --------------------------------------------------------------------------------


def test_a_changed_constant_trains_its_activation_again_and_no_other(done):
    entry = {"activations": {"hill_published_0.25": {"peak": 0.3}}}
    assert done.plan(entry)[1] == runs_of("hill_published_0.25")


def test_presentation_trains_nothing_again(done):
    entry = {"family": "slope", "published_as": "Dslope_1.0"}
    planned, runs = done.plan({"activations": {"hill_published_0.25": entry}})
    assert not runs and planned["compare_published"] == 1


def test_a_changed_protocol_trains_all_of_its_pairs_again(done):
    changed = {"protocol": {"learning_rate": 0.002}}
    studies = {"handmade": changed, "transfer_fashion": changed}
    assert done.plan({"studies": studies})[1] == runs_of("fashion_mnist") - DIAGNOSED


def test_a_study_whose_diagnostics_are_switched_trains_again(done):
    assert done.plan({"studies": {"gradients": {"diagnostics": False}}})[1] == DIAGNOSED


def test_new_activations_and_seeds_train_themselves_only(done):
    longer = {"activations": [*HANDMADE["activations"], "tent"]}
    planned, runs = done.plan({"studies": {"handmade": longer}})
    architectures, seeds = HANDMADE["architectures"], HANDMADE["seeds"]
    assert runs == {("fashion_mnist", a, "tent", str(s)) for a in architectures for s in seeds}
    assert planned["render_report"] == 2
    runs = done.plan({"studies": {"handmade": {"seeds": [*seeds, 7]}}})[1]
    assert runs == {("fashion_mnist", *cell, "7") for cell in CELLS}


def test_fewer_activations_train_nothing(done):
    planned, runs = done.plan({"studies": {"handmade": {"activations": ["relu"]}}})
    assert not runs and planned["collect_pair"] == 2


PRESENTATION = {  # module -> the figures that it draws
    "figures/style": ("activations", "final_epoch", "learning_curves", "published", "learned",
                      "overview", "reference", "parity", "learned_published", "training",
                      "parameters", "log", "seen", "flow", "histograms", "units", "depth",
                      "forest", "heatmap", "ranks", "critical", "cost"),
    "figures/parity": ("parity", "learned_published"),
    "figures/depth": ("units", "depth"),
    "report_paper": (),
}  # fmt: skip


@pytest.mark.parametrize(
    ("module", "runs"),
    {
        "activations/piecewise": runs_of("slope_relu_1.0", "hill_published_0.25"),
        "activations/pieces": runs_of("slope_relu_1.0", "hill_published_0.25"),
        "activations/fixed": runs_of("relu", "relu_matched_small", "sigmoid"),
        "activations/autograd": runs_of("relu_autograd"),
        "activations/subnetwork": LEARNED | MATCHED | MOVED,
        "architectures/mlp": runs_of("small", "mlp_128_64") | DIAGNOSED,
        "architectures/tabular": runs_of("covertype", "banknote") | MOVED,
        "training": RUNS,
        "diagnostics": RUNS,
        "activations/__init__": set(),
        "scores": set(),
        "figures/style": set(),
        "figures/parity": set(),
        "figures/depth": set(),
        "report_paper": set(),
    }.items(),
)
def test_an_edited_module_trains_again_what_it_made(done, module, runs):
    with done.edited(f"src/actgrid/{module}.py"):
        planned, found = done.plan()
    assert found == runs
    if module in PRESENTATION:
        ending = {"all", "render_report", "publish_report"}
        ending |= {"build_explore"} if module == "figures/style" else set()  # its colours
        assert set(planned) == {f"draw_{name}" for name in PRESENTATION[module]} | ending


def test_an_edited_measure_of_a_work_is_taken_again(done):
    with contextlib.ExitStack() as stack:
        for name in ("classification", "published_log", "flow"):
            stack.enter_context(done.edited(f"src/actgrid/{name}.py"))
        planned, runs = done.plan()
    assert not runs and "collect_pair" not in planned
    assert planned["measure_trained"] == planned["compare_log"] == planned["measure_flow"] == 1
    assert planned["fit_logistic"] == 1


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
    """The text of the supplement's PDF, parts of a line joined by single spaces."""
    return words(done / "report/supplement.pdf")


def words(file):
    pages = pypdf.PdfReader(file).pages
    return re.sub(r"\s+", " ", "\n".join(page.extract_text() for page in pages))


def shown(value):
    """A number as the report shows it."""
    return f"{float(value):.4f}".replace("-", "−")


def test_the_pdf_shows_the_means_of_the_runs(done, pdf):
    for architecture, activation in CELLS:
        folder = done / f"{IMAGES}/{architecture}/{activation}"
        last = [history(folder / str(seed))[-1] for seed in HANDMADE["seeds"]]
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


def test_the_pdf_shows_the_learned_activations(done, pdf):
    for row in rows(done / "results/ci/learned_published.csv"):
        names = f"{row['base']} {row['outer']} {row['inner']} {row['n']}"
        numbers = [row[key] for key in ("ours_mean", "ours_sd", "published", "difference")]
        assert f"{names} {' '.join(map(shown, numbers))} " in pdf
    for row in rows(done / "results/ci/differences.csv"):
        if row["comparison"] == "exact":
            scores = " ".join(map(shown, (row["score"], row["score_against"], row["difference"])))
            assert f"{row['activation']} {row['seed']} {scores} " in pdf
    assert "none of it is evidence" in pdf  # of a grid with other settings


def test_the_report_says_which_grid_it_is_and_what_was_cut(done, pdf):
    for text in (pdf, words(done / "report/report.pdf")):
        assert "grid ci" in text and "not the full grid" in text


def test_a_small_grid_judges_no_claim_and_says_what_is_missing(done):
    claims = rows(done / "results/ci/claims.csv")
    assert {row["verdict"] for row in claims} == {"not enough runs"}
    assert len(claims) > 25 and all(row["missing"] for row in claims)
    assert "This grid decides none of them" in words(done / "report/report.pdf")


def test_every_figure_of_the_workflow_stands_in_the_report_or_its_supplement(done):
    drawn = {file.relative_to(done / "figures/ci") for file in (done / "figures/ci").rglob("*.pdf")}
    text = "".join((done / f"report/{name}.md").read_text() for name in ("report", "supplement"))
    shown = {Path(path + ".pdf") for path in re.findall(r"figures/ci/(\S+?)\)\{#fig:", text)}
    assert shown == drawn
