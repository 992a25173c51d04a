"""Processes killed at any moment: what a grid leaves is the same, and nothing else is left."""

import fcntl
import os
import random
import shutil
import subprocess
import sys

import pytest
import yaml
from chaos import Grid, disturb, keep_every_epoch, results
from test_warm import wait_until
from test_workflow import PREPARED, copied

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
    kinds = ["run", "Snakemake", "client", "Ctrl-C", "warm process"]
    said = []
    disturb(killed, kinds, calm.made, random.Random(1), pause=0.1, say=said.append)
    assert len(said) == len(kinds)
    assert results(killed.folder) == results(calm.folder)


# --- a run that takes long ----------------------------------------------------------------------

LONG = "banknote/banknote_mlp/affine/0"


@pytest.fixture(scope="module")
def long(checkouts):
    """A function that gives a grid whose one run has many epochs."""

    def new(name):
        folder = checkouts(name)
        config = yaml.safe_load((folder / "config/ci.yaml").read_text())
        for study in ("banknotes", "transfer_banknote"):
            config["studies"][study]["protocol"]["epochs"] = 300
        (folder / "config/long.yaml").write_text(yaml.safe_dump(config))
        return Grid(folder, "long", f"results/ci/runs/{LONG}/run.json")

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
