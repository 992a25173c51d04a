"""A grid whose processes are killed at random moments, against one that nothing disturbs.

python tests/chaos.py [GRID [TIMES [SEED]]]: config/GRID.yaml (quick), killed TIMES (20) times.
"""

import csv
import io
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = ("run", "client", "warm process", "Snakemake", "Ctrl-C", "memory")
PATIENCE = 20.0  # seconds after which a process whose workflow has ended is called an orphan
TIMES = ("seconds", "finished")  # in the names of what holds them
MADE = ("results", "figures", "report")
MEASURED = ("cost", "evaluations")  # tables of times, and figures of those


class Grid:
    """A checkout in which Snakemake is started, killed and started again."""

    def __init__(self, folder, name, *targets):
        self.folder, self.name, self.targets = Path(folder), name, targets
        self.process, self.said = None, ""

    def start(self):
        """Snakemake, as the leader of a group, as a shell starts it."""
        command = [sys.executable, "-m", "snakemake", "--cores", "2"]
        command += ["--configfile", f"config/{self.name}.yaml", "--", *self.targets]
        environment = os.environ | {"PYTHONPATH": str(self.folder / "src")}
        with open(self.folder / "said.txt", "w") as said:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdout=said, stderr=said,
                stdin=subprocess.DEVNULL, start_new_session=True,
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            )  # fmt: skip

    def end(self):
        """Wait for Snakemake, and then for all others; its exit status."""
        status = self.process.wait()
        self.said = (self.folder / "said.txt").read_text()
        assert "cannot be locked" not in self.said, self.said
        end = time.monotonic() + PATIENCE
        while left := self.processes():
            assert time.monotonic() < end, f"left behind: {left}"
            time.sleep(0.05)
        return status

    def processes(self):
        """Process id -> command line, of all that work in the checkout."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                place = os.readlink(entry / "cwd")
                words = (entry / "cmdline").read_bytes().decode(errors="replace").split("\0")
            except OSError:  # it has ended, or is another user's
                continue
            if Path(place).is_relative_to(self.folder) and any(words):
                found[int(entry.name)] = " ".join(words)
        return found

    def victims(self, kind):
        """Process ids of a kind that work now."""
        if kind in ("Snakemake", "Ctrl-C"):
            return [self.process.pid]
        found = self.processes()
        if kind == "client":
            return [p for p, words in found.items() if "client.py" in words and "bash" not in words]
        warm = [p for p, words in found.items() if "actgrid.warm.server" in words]
        return [p for p in warm if (parent(p) in warm) == (kind in ("run", "memory"))]

    def kill(self, kind, choose):
        """Kill one process of a kind, of "memory" a run by want of it; whether there was one."""
        victims = self.victims(kind)
        if self.process.poll() is not None or not victims:
            return False
        if kind == "Ctrl-C":
            os.killpg(self.process.pid, signal.SIGINT)
        else:
            try:
                starve(choose(victims)) if kind == "memory" else os.kill(choose(victims), 9)
            except (FileNotFoundError, ProcessLookupError):
                return False
        return True

    @property
    def made(self):
        """How many files there are so far."""
        return sum(len(list((self.folder / made).rglob("*.*"))) for made in MADE)


def starve(process):
    """Let a process get no more memory than it has."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[0])
    resource.prlimit(process, resource.RLIMIT_AS, (pages * resource.getpagesize(),) * 2)


def parent(process):
    """The id of a process's parent, None if it has ended."""
    try:
        return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return None


def disturb(grid, kinds, files, chance, pause=1.0, say=print):
    """Kill one process for each of the kinds, at moments spread over the files that the grid makes
    and up to `pause` seconds later; then let it end. Snakemake is started again whenever it ends.
    """
    step = files / (len(kinds) + 1)
    for number, kind in enumerate(kinds):
        revive(grid)
        due = (number + chance.random()) * step
        while grid.made < due and grid.process.poll() is None:
            time.sleep(0.02)
        time.sleep(pause * chance.random())
        while not grid.kill(kind, chance.choice):
            revive(grid)
            time.sleep(0.02)
        say(f"{kind} killed after {grid.made} of {files} files")
        if kind in ("Snakemake", "Ctrl-C"):
            grid.end()
    for _ in range(3):  # a run that was killed is an error of this call; the next one makes it
        if grid.process.poll() is not None:
            grid.start()
        if not grid.end():
            return
    raise AssertionError(grid.said[-5000:])


def revive(grid):
    """Start Snakemake if it has ended; where all was done, all is made once more."""
    if grid.process and grid.process.poll() is None:
        return
    if grid.process and not grid.end():
        for made in MADE:
            shutil.rmtree(grid.folder / made, ignore_errors=True)
    grid.start()


def results(folder):
    """Name -> content of all that a grid leaves, without what no two calls share."""
    files = [f for kind in MADE for f in sorted((folder / kind).rglob("*"))]
    names = {str(file.relative_to(folder)): file for file in files if file.is_file()}
    return {
        name: content(file)
        for name, file in names.items()
        if not any(word in name for word in MEASURED) and file.suffix != ".ods"
    }


def content(file):
    """What is in a file, without times."""
    if "report" in file.parts:
        return None  # it tells times
    if file.name == "run.json":
        return timeless(json.loads(file.read_text()))
    if file.suffix == ".csv":
        rows = csv.DictReader(io.StringIO(file.read_text()))
        return [timeless(row) for row in rows]
    return file.read_bytes()


def timeless(row):
    """A row without times."""
    return {key: value for key, value in row.items() if not any(word in key for word in TIMES)}


def copy(folder, data):
    """A checkout of the tracked files in a new folder; every epoch of a run leaves a checkpoint."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    for name in filter(None, listed.stdout.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    (folder / "data").symlink_to(data)
    keep_every_epoch(folder)
    return folder


def keep_every_epoch(folder):
    """Let a checkout's runs leave a checkpoint after every epoch."""
    file = folder / "src/actgrid/checkpoint.py"
    text = file.read_text()
    assert "\nINTERVAL = 60.0 " in text
    file.write_text(text.replace("\nINTERVAL = 60.0 ", "\nINTERVAL = 0.0 "))


def main(name="quick", times="20", seed="0"):
    """Both grids; says what was killed, and what differs."""
    chance = random.Random(int(seed))
    kinds = [KINDS[i % len(KINDS)] for i in range(int(times))]
    chance.shuffle(kinds)
    with tempfile.TemporaryDirectory(prefix="chaos-") as place:
        folders = [
            copy(Path(place, kind), (ROOT / "data").resolve()) for kind in ("calm", "killed")
        ]
        calm = Grid(folders[0], name)
        calm.start()
        assert not calm.end(), calm.said[-5000:]
        print(f"undisturbed: {calm.made} files", flush=True)
        disturb(Grid(folders[1], name), kinds, calm.made, chance)
        first, second = map(results, folders)
    different = [name for name in first | second if first.get(name) != second.get(name)]
    print(f"{len(first)} files compared, {len(different)} differ", *different, sep="\n")
    return bool(different)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
