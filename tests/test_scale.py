"""Many runs: planned beside empty rules; tables of made-up ones, whose work is linear."""

import csv
import hashlib
import io
import json
import runpy
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml
from test_workflow import Checkout, copied, jobs, prepared

from actgrid import grid, records, scores
from actgrid.training import Epoch

ROOT = Path(__file__).parents[1]
OUTPUTS = {name: f"{name}.csv" for name in ("runs", "epochs", "final", "layers", "confusion")}
INPUTS = {"epochs": "epochs.csv", "runs": "run.json", "layers": "layers.csv"}
SEEDS = 40

OPENED, LISTENING = [], []  # files opened while anything stands in the second list


def _note(event, arguments):
    if LISTENING and event == "open":
        OPENED.append(str(arguments[0]))


sys.addaudithook(_note)  # for good: a hook cannot be taken away


@pytest.fixture(scope="module")
def fake():
    """The maker of made-up results."""
    return SimpleNamespace(**runpy.run_path(str(ROOT / "benchmarks/fake_results.py")))


@pytest.fixture(scope="module")
def made(fake, tmp_path_factory):
    """(folder, runs) of one pair, SEEDS of each activation: fixed, and with trained parameters."""
    full = yaml.safe_load((ROOT / "config.yaml").read_text())
    study = full["studies"]["banknotes"]
    study |= {"activations": ["relu", "affine", "swish"], "architectures": ["banknote_mlp"]}
    study |= {"seeds": list(range(SEEDS)), "protocol": study["protocol"] | {"epochs": 3}}
    folder = tmp_path_factory.mktemp("made")
    config = full | {"pathvars": {"results": str(folder)}, "studies": {"banknotes": study}}
    assert fake.write(config) == 3 * SEEDS
    return folder, grid.expand(config)


def collect(folder, runs, out):
    """Run the script that collects a pair, as Snakemake does."""
    given = {
        name: [str(folder / "runs" / run.path / file) for run in runs]
        for name, file in INPUTS.items()
    }
    outputs = {name: str(out / file) for name, file in OUTPUTS.items()}
    job = SimpleNamespace(
        input=Named(given), output=Named(outputs),
        params=SimpleNamespace(studies=dict.fromkeys((r.activation for r in runs), "banknotes")),
    )  # fmt: skip
    script = str(ROOT / "workflow/scripts/collect_pair.py")
    runpy.run_path(script, init_globals={"snakemake": job})
    return [file for files in given.values() for file in files]


class Named(dict):
    """Files by name, as an attribute or a key."""

    __getattr__ = dict.__getitem__


def test_made_up_files_have_the_columns_and_keys_of_real_ones(fake, made):
    folder, runs = made
    place = folder / "runs" / runs[0].path
    header = records.epochs_text([Epoch(1, 0.5, 0.5)]).partition("\n")[0]
    assert (place / "epochs.csv").read_text().splitlines()[0] == header
    document = json.loads((place / "run.json").read_text())
    assert {*records.RUN_COLUMNS, "confusion", "settings", "versions"} <= set(document)
    assert document["settings"]["protocol"]["epochs"] == 3
    texts = {(folder / "runs" / run.path / "epochs.csv").read_text() for run in runs}
    assert len(texts) == len(runs)  # no two are alike


def test_the_same_grid_has_the_same_figures(fake, made):
    folder, runs = made
    first = fake.drawn(runs[0], {"epochs": 3}, Epoch(1, 0.5, 0.5, test_accuracy=0.5))
    assert first == fake.drawn(runs[0], {"epochs": 3}, Epoch(1, 0.5, 0.5, test_accuracy=0.5))
    assert [epoch.epoch for epoch in first] == [1, 2, 3]


def test_tables_hold_every_row_of_every_run(made, tmp_path):
    folder, runs = made
    collect(folder, runs, tmp_path)
    epochs = pd.read_csv(tmp_path / "epochs.csv")
    assert len(epochs) == 3 * len(runs) and len(pd.read_csv(tmp_path / "runs.csv")) == len(runs)
    layers = pd.read_csv(tmp_path / "layers.csv")
    assert set(layers["activation"]) == {"affine", "swish"}  # relu has no parameters
    final = scores.with_constant(scores.summarise(epochs), pd.read_csv(tmp_path / "runs.csv"))
    assert (tmp_path / "final.csv").read_text() == final.to_csv(index=False)
    last = folder / "runs" / runs[-1].path / "epochs.csv"
    rows = list(csv.reader(io.StringIO((tmp_path / "epochs.csv").read_text())))
    assert [row[6:] for row in rows[-3:]] == list(csv.reader(last.open()))[1:]


def test_every_file_of_a_run_is_opened_once(made, tmp_path):
    folder, runs = made
    OPENED.clear()
    LISTENING.append(True)
    try:
        files = collect(folder, runs, tmp_path)
    finally:
        LISTENING.clear()
    assert sorted(name for name in OPENED if name.startswith(str(folder))) == sorted(files)


def calls(work):
    """Calls of Python and C functions that `work` makes."""
    count = 0

    def profile(frame, event, argument):
        nonlocal count
        count += event.endswith("call")

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def test_twice_the_runs_are_twice_the_calls_and_no_more_tables(made, tmp_path, monkeypatch):
    """Counted, not timed: what the second half of the runs adds to the first, and what of frames
    is made, which must not depend on how many runs there are."""
    folder, runs = made
    frames, found = [], []
    original = pd.DataFrame.__init__
    monkeypatch.setattr(
        pd.DataFrame, "__init__", lambda *a, **k: (frames.append(1), original(*a, **k))[1]
    )
    collect(folder, runs, tmp_path)  # what is imported and cached once
    for share in (1, 2, 4):
        chosen = [run for run in runs if run.seed < SEEDS * share // 4]
        frames.clear()
        found.append((calls(lambda chosen=chosen: collect(folder, chosen, tmp_path)), len(frames)))
    (one, few), (two, some), (four, many) = found
    assert few == some == many
    assert 1.9 < (four - two) / (two - one) < 2.1


# --- planning -----------------------------------------------------------------------------------

COUNTED = """

import atexit, gc, os, sys
def made():
    return sum(each["collections"] for each in gc.get_stats())
count, looked = 0, made()
def profile(frame, event, argument):
    global count
    count += event.endswith("call")
def tell():
    sys.setprofile(None)
    os.write(2, f"COUNTED {count} {made() - looked}".encode())
atexit.register(tell)
sys.setprofile(profile)
"""
EMPTY = """
rule all:
    input: expand("runs/{n}/{file}", n=range(JOBS), file=list("abc"))
rule run:
    output: "runs/{n}/a", "runs/{n}/b", "runs/{n}/c"
"""


def counted(checkout, *arguments):
    """Of a call its jobs, calls once the rules are read, and how often it looks for garbage."""
    with open(checkout / "Snakefile", "a") as file:
        file.write(COUNTED)
    said = checkout.snakemake(*arguments)
    return sum(jobs(said).values()), *map(int, said.rpartition("COUNTED")[2].split())


def test_a_run_is_planned_with_few_more_calls_than_an_empty_rule(tmp_path, tracked):
    """Counted, not timed, with what is done once a plan; docs/scale.md has the seconds."""
    ours, empty = copied(tmp_path / "ours", tracked), Checkout(tmp_path / "empty")
    prepared(ours, "banknote", "covertype")
    overlay = {"studies": {"banknotes": {"seeds": list(range(20))}}}
    (ours / "more.yaml").write_text(yaml.safe_dump(overlay))
    target = "results/banknote/banknote_mlp/epochs.csv"
    planned, calls, looks = counted(ours, "-n", target, "--configfile", "more.yaml")
    shutil.copytree(ROOT / "workflow/profiles", empty / "profiles")
    (empty / "Snakefile").write_text(EMPTY.replace("JOBS", str(planned - 1)))
    as_many, calls_of_empty, looks_of_empty = counted(empty, "-n")
    assert planned == as_many > 200
    assert 0.5 < calls / calls_of_empty < 1.65 and looks < looks_of_empty / 2


GATHERED = """
include: "planning.smk"
rule gather:
    input: expand("runs/{n}", n=range(JOBS))
    output: "a", "b", "c"
    shell: "cat {input} | tee {output} > /dev/null"
rule run:
    output: "runs/{n}"
    shell: "false"
"""


def gathering(folder, runs):
    """A checkout where one table, of three files, is to be made of finished runs."""
    checkout = Checkout(folder)
    (folder / "runs").mkdir(parents=True)
    for n in range(runs):
        (folder / "runs" / str(n)).write_text(f"{n}\n")
    shutil.copy(ROOT / "workflow/rules/planning.smk", folder)
    (folder / "Snakefile").write_text(GATHERED.replace("JOBS", str(runs)))
    return checkout


def test_what_a_table_costs_snakemake_grows_with_its_runs_not_with_their_square(tmp_path):
    one, two, four = (
        counted(gathering(tmp_path / str(runs), runs), "--cores", "1", "a")[1]
        for runs in (150, 300, 600)
    )
    assert 1.9 < (four - two) / (two - one) < 2.1


def test_the_checksums_of_a_tables_runs_are_on_record_and_hold_back_what_was_only_touched(tmp_path):
    checkout, call = gathering(tmp_path, 20), ("--cores", "1", "a")
    assert jobs(checkout.snakemake(*call))["gather"] == 1
    records = [json.loads(f.read_text()) for f in (tmp_path / ".snakemake/metadata").iterdir()]
    digest = "sha256:" + hashlib.sha256(b"7\n").hexdigest()
    assert [r["input_checksums"]["runs/7"] for r in records] == [digest] * 3
    (tmp_path / "runs/7").touch()
    assert "gather" not in jobs(checkout.snakemake(*call))
    (tmp_path / "runs/7").write_text("seven\n")
    assert jobs(checkout.snakemake(*call))["gather"] == 1
    assert "seven" in (tmp_path / "c").read_text()
    assert "gather" not in jobs(checkout.snakemake(*call))
