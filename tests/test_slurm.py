"""A small grid through a real Slurm, with everything that goes wrong on a cluster."""

import copy
import os
import re
import subprocess
import sys

import one_host_slurm
import pytest
import yaml
from one_host_slurm import NODES, Slurm, until
from test_workflow import FULL, Checkout, copied, prepared

pytestmark = pytest.mark.skipif(bool(one_host_slurm.missing()), reason=one_host_slurm.missing())

FAULTS = '''
import sys
import time
from pathlib import Path

from torch import nn


def relu(name, wrong):
    """ReLU; in training, of the first seed, `wrong` is called until the test lets it be."""
    let = Path("let", name)
    if Path(sys.argv[0]).name == "train_run.py" and sys.argv[4] == "0" and not let.exists():
        wrong(let)
    return nn.ReLU()


def wait(let):
    let.with_suffix(".waits").touch()
    while not let.exists():
        time.sleep(0.2)


def fail(let):
    raise ValueError("broken on purpose")


def fail_once(let):
    let.touch()
    fail(let)


def broken():
    return relu("broken", fail)


def flaky():
    return relu("flaky", fail_once)


def held():
    return relu("held", wait)


def lost():
    return relu("lost", wait)


def slow():
    return relu("slow", wait)
'''
FAULTY = re.findall(r"^def (\w+)\(\):", FAULTS, re.MULTILINE)
CELL = "fashion_mnist/small"
HEALTHY = [f"banknote/banknote_mlp/{name}/{seed}" for name in ("affine", "relu") for seed in (0, 1)]
RUNS = {*HEALTHY, *(f"{CELL}/{name}/0" for name in ("relu", *FAULTY))}
LOST = "n2"  # the node of one run; that of another is the other one, so that its time goes on
SITE = {"slurm_partition": "main", "slurm_account": "project"}
FAST = ["--retries", "1", "--latency-wait", "5", "--slurm-init-seconds-before-status-checks", "2"]
FAST += ["--max-status-checks-per-second", "1"]


def small_grid():
    """The full config with two networks: healthy runs on one, runs that go wrong on the other."""
    entries = {name: {"import": f"faults:{name}"} for name in FAULTY}
    studies = copy.deepcopy(FULL["studies"])
    handmade, banknotes = studies["handmade"], studies["banknotes"]
    cut = {"epochs": 2, "train_examples": 256, "test_examples": 200}
    handmade |= {"architectures": ["small"], "activations": ["relu", *FAULTY], "seeds": [0]}
    handmade |= {"protocol": handmade["protocol"] | cut}
    banknotes |= {"architectures": ["banknote_mlp"], "activations": ["affine", "relu"]}
    banknotes |= {"seeds": [0, 1]}
    banknotes |= {"protocol": banknotes["protocol"] | {"epochs": 2}}
    studies = {"handmade": handmade, "banknotes": banknotes}
    entries |= FULL["activations"]
    return FULL | {"studies": studies, "activations": entries, "device": "cpu"}


def at_this_site(text):
    """The profile with what a site sets, and one minute for the run that overruns its time."""
    profile = yaml.safe_load(text)
    profile["default-resources"] |= SITE
    training = profile["set-resources"]["train_run"]
    assert training["runtime"] == "60 * attempt"
    training["runtime"] = "(1 if wildcards.activation == 'slow' else 60) * attempt"
    place = {"slow": "--nodelist=n1", "lost": f"--nodelist={LOST}"}
    training["slurm_extra"] = f"{place}.get(wildcards.activation, '')"
    training["gpu"] = "int(wildcards.dataset == 'fashion_mnist' and wildcards.activation == 'relu')"
    return yaml.safe_dump(profile)


class Project(Checkout):
    """A copy of the project on a cluster."""

    def __init__(self, folder, slurm):
        super().__init__(folder)
        self.slurm, self.calls = slurm, []

    def start(self, *arguments):
        """`snakemake --profile slurm`, and the file with what it says."""
        said = self / f"call_{len(self.calls)}.txt"
        command = [sys.executable, "-m", "snakemake", "--profile", "slurm", *FAST, *arguments]
        with open(said, "w") as file:
            process = subprocess.Popen(
                self.slurm.inside(*command), stdout=file, stderr=file, cwd=self.folder,
                env=os.environ | {"PYTHONPATH": str(self / "src")},
            )  # fmt: skip
        self.calls.append(process)
        return process, said

    def call(self, *arguments, code=0):
        """What it says; it must end with the exit status `code`."""
        process, said = self.start(*arguments)
        assert process.wait(240) == code, said.read_text()[-5000:]
        return said.read_text()

    def trained(self):
        """Run -> what is different when its record is written again."""
        found = {path.parent: path.stat() for path in (self / "results/runs").rglob("run.json")}
        folder = self / "results/runs"
        return {str(f.relative_to(folder)): (s.st_ino, s.st_mtime_ns) for f, s in found.items()}

    def let(self, name):
        (self / "let" / name).touch()


@pytest.fixture(scope="module")
def slurm(tmp_path_factory):
    slurm = Slurm(tmp_path_factory.mktemp("slurm"))
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()


@pytest.fixture(scope="module")
def project(tmp_path_factory, tracked, slurm):
    """The project with data, a small grid and the lines of its profile that a site sets."""
    project = Project(copied(tmp_path_factory.mktemp("cluster"), tracked).folder, slurm)
    prepared(project, "fashion_mnist", "banknote")
    (project / "config.yaml").write_text(yaml.safe_dump(small_grid(), sort_keys=False))
    (project / "faults.py").write_text(FAULTS)
    (project / "let").mkdir()
    profile = project / "slurm/config.yaml"
    profile.write_text(at_this_site(profile.read_text()))
    yield project
    for process in project.calls:
        process.kill()


@pytest.fixture(scope="module")
def killed(project, slurm):
    """After a killed Snakemake, with a run finished and others waiting, was called again."""
    slurm.set("n2", "drain")
    process, _ = project.start(*(f"results/runs/{run}/run.json" for run in HEALTHY))
    until(lambda: "RUNNING" in [job["JobState"] for job in slurm.jobs()], "a job")
    slurm.set("n1", "drain")
    until(lambda: project.trained() and len(slurm.jobs()) == len(HEALTHY), "a run")
    process.kill()
    process.wait()
    until(lambda: {*slurm("squeue", "-h", "-o%T").split()} == {"PENDING"}, "what was running")
    project.left = slurm.queued()
    project.locked = project.call(code=1)
    project.snakemake("--unlock")
    project.refused = project.call(code=1)
    for node in NODES:
        slurm.set(node, "resume")
    until(lambda: not slurm.queued(), "what waited")
    project.before = project.trained()
    return project


@pytest.fixture(scope="module")
def faulty(killed, slurm):
    """After a call in which one run fails once and one always, one is cancelled, one loses its node
    and one overruns its time."""
    process, said = killed.start()
    until(lambda: (killed / "let/lost.waits").exists(), "the run whose node is lost")
    # no other one is to be cut off by the loss of the node before it has failed by itself
    until(lambda: "FAILED" in states_of(slurm, "flaky"), "the run that fails once")
    slurm.crash(LOST)
    until(lambda: job_of(slurm, "lost")["Restarts"] == "1", "its return to the queue")
    killed.let("lost")
    slurm.mend(LOST)
    until(lambda: (killed / "let/held.waits").exists(), "the run to cancel")
    slurm("scancel", job_of(slurm, "held")["JobId"])
    killed.let("held")
    until(lambda: job_of(slurm, "slow")["JobState"] == "TIMEOUT", "the end of time", 240)
    killed.let("slow")
    assert process.wait(300) == 1, said.read_text()[-5000:]
    killed.said, killed.between = said.read_text(), killed.trained()
    return killed


@pytest.fixture(scope="module")
def finished(faulty):
    """After the run that always failed was mended."""
    faulty.let("broken")
    faulty.call()
    return faulty


def job_of(slurm, name):
    """Slurm's facts on the first job of a run that goes wrong."""
    return slurm.jobs(f"_small_{name}_0")[0]


def states_of(slurm, name):
    """The states of the jobs of a run that goes wrong, so far."""
    return [job["JobState"] for job in slurm.jobs(f"_small_{name}_0")]


def test_a_killed_snakemake_leaves_jobs_that_are_not_run_twice(killed):
    cancel = re.search(r"scancel ([\d ]+)", killed.refused)[1].split()
    assert sorted(cancel) == sorted(killed.left)
    assert f"{len(killed.left)} jobs of an earlier call" in killed.refused
    assert "Traceback" not in killed.refused and "--unlock" in killed.locked
    assert set(killed.before) == set(HEALTHY)


def test_what_failed_for_good_is_named_at_the_end_with_its_logs(faulty):
    end = faulty.said.partition("Failed: ")[2].splitlines()
    assert re.fullmatch(r"1 jobs; not run: \d+ others. The failed ones and their logs:", end[0])
    assert end[1] == "  train_after fashion_mnist/small/broken/0"
    own, slurms = (faulty / line.strip() for line in end[2:4])
    assert "broken on purpose" in own.read_text()
    assert "Error in rule train_after" in slurms.read_text()
    assert slurms.name == f"{faulty.slurm.jobs('_broken_')[1]['JobId']}.log"
    assert set(faulty.between) == RUNS - {f"{CELL}/broken/0"}
    kept = {path.parent.name for path in (faulty / "logs/slurm/rule_train_after").rglob("*.log")}
    wrong = ("broken", "flaky", "held", "slow")
    assert kept == {f"fashion_mnist_small_{name}_0" for name in wrong}


def test_nothing_finished_is_trained_again(finished):
    after = finished.trained()
    assert set(after) == RUNS and finished.before.items() <= finished.between.items()
    assert finished.between.items() <= after.items()
    assert (finished / "report/report.pdf").stat().st_size > 1000
    assert "Nothing to be done" in finished.call()


def test_every_run_is_as_many_jobs_as_its_faults_make(finished, slurm):
    twice = {"flaky": ["FAILED"], "held": ["CANCELLED"], "slow": ["TIMEOUT"]}
    twice["broken"] = ["FAILED", "FAILED"]
    for run in RUNS:
        found = slurm.jobs("_wildcards_" + run.replace("/", "_"))
        states = [job["JobState"] for job in found]
        assert states == [*twice.get(run.split("/")[2], []), "COMPLETED"], run
    assert job_of(slurm, "lost")["Restarts"] == "1"
    rules = {re.match("rule_([a-z]+_[a-z]+)", job["Comment"])[1] for job in slurm.jobs()}
    assert rules == {"train_run", "train_after", "measure_cost"}  # the others run beside Snakemake


def test_jobs_ask_for_what_the_profile_says(finished, slurm):
    for job in slurm.jobs():
        assert (job["Partition"], job["Account"]) == tuple(SITE.values())
    first, second = slurm.jobs("_small_slow_0")
    assert (first["TimeLimit"], second["TimeLimit"]) == ("00:01:00", "00:02:00")
    assert (first["MinMemoryNode"], second["MinMemoryNode"]) == ("1600M", "3200M")
    assert job_of(slurm, "relu")["TresPerJob"] == "gres:gpu:1"
    assert "TresPerJob" not in first and slurm.jobs("measure_cost")[0]["OverSubscribe"] == "NO"
