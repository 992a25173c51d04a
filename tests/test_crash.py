"""Processes killed at any moment: what a grid leaves is the same, and nothing else is left."""

import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from chaos import Grid, disturb, keep_every_epoch, results
from test_warm import wait_until
from test_workflow import PREPARED, SOURCE, copied, history

from actgrid import data
from actgrid.data import prepare

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="watches processes by /proc")
TARGETS = [
    "results/ci/covertype/mlp_48_24_16/epochs.csv",
    "results/ci/banknote/banknote_mlp/epochs.csv",
    "results/ci/fashion_mnist/mlp_deep/layers.csv",
]


@pytest.fixture(scope="module")
def checkouts(tmp_path_factory, tracked):
    """A function that gives a new checkout with prepared data, its runs keeping every epoch."""
    source = tmp_path_factory.mktemp("prepared")
    for name in ("fashion_mnist", "covertype", "banknote"):
        module, make = PREPARED[name]
        arrays, facts = make()
        meta = {"name": name, "classes": list(module.CLASSES), "source": "made up"} | facts
        meta["sha256"] = data.fingerprint(arrays)
        prepare.write(source / f"data/prepared/{name}", arrays, meta)

    def new(name):
        folder = copied(tmp_path_factory.mktemp(name), tracked).folder
        shutil.copytree(source / "data", folder / "data", dirs_exist_ok=True)
        keep_every_epoch(folder)
        return folder

    return new


@pytest.fixture(scope="module")
def calm(checkouts):
    """A grid that nothing disturbs."""
    grid = Grid(checkouts("calm"), "ci", *TARGETS)
    grid.start()
    assert grid.end() == 0, grid.said[-5000:]
    return grid


def test_a_grid_that_is_killed_again_and_again_ends_with_the_same_results(calm, checkouts):
    killed = Grid(checkouts("killed"), "ci", *TARGETS)
    kinds = ["run", "Snakemake", "client", "Ctrl-C", "warm process", "memory"]
    said = []
    disturb(killed, kinds, calm.made, random.Random(1), pause=0.1, say=said.append)
    assert len(said) == len(kinds)
    assert results(killed.folder) == results(calm.folder)


# --- a run that takes long ----------------------------------------------------------------------

LONG = "banknote/banknote_mlp/affine/0"


@pytest.fixture(scope="module")
def long(checkouts):
    """A function that gives a grid of runs on banknotes, one unless others are named, which have
    many epochs."""

    def new(name, epochs=300, runs=(LONG,)):
        folder = checkouts(name)
        config = yaml.safe_load((folder / "config/ci.yaml").read_text())
        for study in ("banknotes", "transfer_banknote"):
            config["studies"][study]["protocol"]["epochs"] = epochs
        (folder / "config/long.yaml").write_text(yaml.safe_dump(config))
        return Grid(folder, "long", *(f"results/ci/runs/{run}/run.json" for run in runs))

    return new


@pytest.fixture(scope="module")
def undisturbed(long):
    grid = long("undisturbed")
    grid.start()
    assert grid.end() == 0, grid.said[-5000:]
    return results(grid.folder)


@pytest.mark.parametrize("kind", ["run", "Snakemake"])
def test_a_long_run_goes_on_where_it_was_killed(undisturbed, long, kind):
    grid = long(kind)
    kept = grid.folder / f"results/ci/runs/{LONG}/checkpoint.pt"
    grid.start()
    wait_until(kept.exists, 60)
    assert grid.kill(kind, min)
    assert grid.end() != 0
    assert {file.name for file in kept.parent.iterdir()} <= {kept.name, f".{kept.name}.part"}
    if kind == "run":
        assert "killed by signal 9" in grid.said and f"{LONG}/run.json" in grid.said
    grid.start()
    assert grid.end() == 0, grid.said[-5000:]
    assert "goes on after epoch" in (grid.folder / f"logs/results/ci/{LONG}.log").read_text()
    assert results(grid.folder) == undisturbed


# --- stopped by hand ----------------------------------------------------------------------------

ENDLESS = 10**6  # epochs
MOVED = [f"banknote/banknote_mlp/transfer_relu_small/{seed}" for seed in (0, 1)]  # of SOURCE
NOTES = [f"banknote/banknote_mlp/{name}/{seed}" for name in ("affine", "relu") for seed in (0, 1)]
RESULTS = {"epochs.csv", "layers.csv", "run.json"}
LEARNT = {"activation.pt", "graph.csv", "preactivations.csv"}
STATE = {"checkpoint.pt", ".checkpoint.pt.part"}  # of a run that was cut off, maybe while it wrote


def files(grid):
    """Run -> names of the files that it has."""
    folder, found = grid.folder / "results/ci/runs", {}
    for file in filter(Path.is_file, folder.rglob("*")):
        found.setdefault(str(file.parent.relative_to(folder)), set()).add(file.name)
    return found


def left_by(grid, number, send):
    """What `files` says after a signal to Snakemake with two runs under way, and then its end: of
    no process and of no lock is anything left."""
    grid.start()
    wait_until(lambda: sum("checkpoint.pt" in names for names in files(grid).values()) == 2, 120)
    before = files(grid)
    send(grid.process.pid, number)
    try:
        grid.process.wait(120)
    except subprocess.TimeoutExpired:
        os.killpg(grid.process.pid, signal.SIGKILL)
        raise
    assert grid.end() != 0 and not list(grid.folder.glob(".snakemake/locks/*"))
    return before, files(grid)


def test_ctrl_c_ends_all_at_once_and_leaves_whole_results_alone(long):
    grid = long("Ctrl-C", ENDLESS, MOVED)
    _, after = left_by(grid, signal.SIGINT, os.killpg)
    assert after.pop(SOURCE) == RESULTS | LEARNT and set(after) == set(MOVED)
    assert all(names <= STATE for names in after.values())
    folder = grid.folder / "results/ci/runs" / SOURCE
    assert json.loads((folder / "run.json").read_text())["status"] == "ok"
    assert [row["epoch"] for row in history(folder)] == ["1", "2"]


def test_kill_lets_the_runs_under_way_end_and_starts_no_other(long):
    grid = long("TERM", runs=NOTES)
    before, after = left_by(grid, signal.SIGTERM, os.kill)
    assert after == dict.fromkeys(before, RESULTS) and len(after) < len(NOTES)
    for folder in (grid.folder / "results/ci/runs" / run for run in after):
        assert json.loads((folder / "run.json").read_text())["status"] == "ok"
        assert len(history(folder)) == 300


# --- locks --------------------------------------------------------------------------------------


@pytest.fixture
def locked(long):
    """A grid whose folder a Snakemake has locked that is no more."""
    grid = long("locked")
    locks = grid.folder / ".snakemake/locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text(f"{grid.targets[0]}\n")
    return grid, grid.folder / ".snakemake/owners"


def said_by(grid):
    """What Snakemake says on a folder that is locked, and its exit status."""
    grid.start()
    status = grid.process.wait()
    return (grid.folder / "said.txt").read_text(), status


HERE = f"{os.uname().nodename}\n"


@pytest.mark.parametrize("owners", ["", f"elsewhere\n{HERE}", f"{HERE}cluster\n"])
def test_locks_of_another_machine_or_of_jobs_on_a_cluster_stay(locked, owners):
    grid, file = locked
    file.write_text(owners)
    for _ in range(2):  # the first one's failure changes nothing
        said, status = said_by(grid)
        assert status == 1 and "cannot be locked" in said


def test_locks_stay_while_another_snakemake_lives_and_then_go(locked):
    grid, file = locked
    file.write_text(HERE)
    with open(file) as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        said, status = said_by(grid)
        assert status == 1 and "cannot be locked" in said
    grid.start()
    assert grid.end() == 0, grid.said[-5000:]
    assert file.read_text() == HERE and not list(file.parent.glob("locks/*"))


# --- memory -------------------------------------------------------------------------------------

FULL = """
import resource
from actgrid.devices import memory_explained
import torch
pages = int(open("/proc/self/statm").read().split()[0])
resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + 10**8,) * 2)
with memory_explained():
    {}
"""


@pytest.mark.parametrize("work", ["torch.empty(10**9)", "bytearray(10**9)"])
def test_a_run_that_gets_no_memory_says_what_helps(work):
    command = [sys.executable, "-c", FULL.format(work)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.splitlines()[-1].startswith("ValueError: there is")
    assert "--cores" in done.stderr
