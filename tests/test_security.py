"""What SECURITY.md promises: foreign bytes are read, never run, and names reach no shell."""

import ast
import io
import json
import os
import pickle
import re
import runpy
import shutil
import stat
import subprocess
import sys
import tarfile
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import yaml
from test_own import MODULE
from test_workflow import copied

from actgrid import data
from actgrid.activations import subnetwork
from actgrid.activations.expressions import ExpressionError, parse
from actgrid.activations.own import formula
from actgrid.data import banknote, https, origins, prepare
from actgrid.warm import client

ROOT = Path(__file__).parents[1]
CODE = [
    *(ROOT / "src").rglob("*.py"),
    *(ROOT / "workflow/scripts").glob("*.py"),
    *(ROOT / ".ci").glob("*.py"),
]


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


# --- no foreign code ----------------------------------------------------------------------------


def calls():
    """(file, dotted name, its call) of every call in the code."""
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield path.name, ast.unparse(node.func), node


BUILTIN = {"eval", "exec", "compile", "__import__"}
FORBIDDEN = {
    *("os.system", "os.popen", "yaml.load", "yaml.unsafe_load", "yaml.full_load", "pickle.load"),
    *("pickle.loads", "marshal.loads", "joblib.load", "shelve.open", "pd.read_pickle"),
    *("pandas.read_pickle", "torch.jit.load", "ssl._create_unverified_context", "tempfile.mktemp"),
}


def test_nothing_of_a_text_or_a_file_is_executed():
    found = list(calls())
    assert len(found) > 1000
    assert not [(file, name) for file, name, _ in found if name in BUILTIN | FORBIDDEN]
    assert not [name for _, name, _ in found if name.endswith((".extractall", ".extract"))]
    for file, name, call in found:
        given = {key.arg: ast.unparse(key.value) for key in call.keywords}
        assert given.get("shell", "False") == "False", (file, name)
        assert given.get("allow_pickle", "False") == "False", (file, name)
        if name == "torch.load":
            assert given.get("weights_only") == "True", file


def test_the_one_unpickler_knows_what_arrays_are_made_of_and_nothing_else():
    users = [path.name for path in CODE if re.search(r"^import pickle", path.read_text(), re.M)]
    assert users == ["pickles.py"]


def test_a_saved_activation_that_holds_code_is_refused_and_the_code_not_run(tmp_path):
    import torch

    torch.save({"config": Touch(tmp_path / "pwned")}, tmp_path / "activation.pt")
    with pytest.raises(ValueError, match="activation.pt"):
        subnetwork.load(tmp_path / "activation.pt")
    (tmp_path / "activation.pt").write_bytes(pickle.dumps(Touch(tmp_path / "pwned"), protocol=2))
    with pytest.raises(ValueError, match="activation.pt"):
        subnetwork.load(tmp_path / "activation.pt")
    assert not (tmp_path / "pwned").exists()


def test_prepared_arrays_that_hold_code_are_refused_and_the_code_not_run(tmp_path):
    np.save(tmp_path / "train_x.npy", np.array([Touch(tmp_path / "pwned")]), allow_pickle=True)
    (tmp_path / "meta.json").write_text(json.dumps({"name": "a", "classes": [], "sha256": ""}))
    with pytest.raises(ValueError, match="cannot be used"):
        data.load(tmp_path)
    assert not (tmp_path / "pwned").exists()


HOSTILE = (
    "x.__class__", "x.data", "__import__('os')", "().__class__", "x if x else 1", "lambda: x",
    "[x for x in (1,)]", "x; import os", "exec('x')", "eval(x)", "open('x')", "getattr(x, 'y')",
    "f'{x}'", "x @ x", "x := 1", "x['a']", "*x", "torch.load(x)", "x\n+ x", "'x'", "x#",
    "\N{FULLWIDTH LATIN SMALL LETTER X}", "x.\u200b__class__", "globals()", "where(x, x, x)",
)  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_no_formula_reaches_python(text):
    with pytest.raises(ExpressionError):
        parse(text, {})
    with pytest.raises(ValueError):
        formula(text, {})


# --- no shell -----------------------------------------------------------------------------------


def test_every_value_in_a_shell_line_is_quoted():
    """Numbers of Snakemake's own aside."""
    rules = {path.name: path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk")}
    lines = {name: re.findall(r"^    shell:\n((?:        .*\n)+)", text, re.M)
             for name, text in rules.items()}  # fmt: skip
    texts = [text for blocks in lines.values() for text in blocks]
    texts += re.findall(r"shell\.prefix\((.*)\)", "".join(rules.values()))
    fields = [field for text in texts for field in re.findall(r"(?<!\{)\{([^{}]+)\}", text)]
    assert len(texts) >= 2 and len(fields) > 8
    assert {field for field in fields if not field.endswith(":q")} <= {"threads", "WARM"}
    assert not [name for name, text in rules.items() if re.search(r"\b(run|cmd):\n", text)]


EVIL = "'; touch pwned; $(touch pwned) `touch pwned` \" {dataset} \\ | & > pwned #"


def test_a_hostile_folder_and_a_hostile_constant_are_just_text(tmp_path, tracked):
    folder = tmp_path / "a b'$(touch pwned)`touch pwned`;&"
    checkout = copied(folder, tracked)
    name = "banknote_authentication.csv"
    arrays, facts = banknote.arrays({name: (ROOT / "resources" / name).read_bytes()})
    meta = {"name": "banknote", "classes": list(banknote.CLASSES), "source": "the file"} | facts
    meta["sha256"] = data.fingerprint(arrays)
    prepare.write(checkout / "data/prepared/banknote", arrays, meta)
    (checkout / "beside.py").write_text(
        MODULE.replace("    def forward", "    def __init__(self, note):\n"
                       "        super().__init__()\n\n    def forward")
    )  # fmt: skip
    entry = {"import": "beside:Halved", "note": EVIL, "published_as": EVIL.replace("|", "")[:64]}
    study = {"architectures": ["banknote_mlp_5"], "activations": ["relu"], "seeds": [0]}
    overlay = {
        "activations": {"evil": {**entry, "studies": ["banknotes"]}},
        "studies": {"banknotes": {**study, "protocol": {"epochs": 1}}},
    }
    (checkout / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    target = "results/runs/banknote/banknote_mlp_5/evil/0/run.json"
    checkout.snakemake("--cores", "1", "--configfile", "overlay.yaml", "--", target)
    facts = json.loads((checkout / target).read_text())
    note = facts["settings"]["activation"]["constants"]["note"]
    assert facts["status"] == "ok" and note == EVIL
    assert not list(tmp_path.rglob("pwned"))


# --- downloads and archives ---------------------------------------------------------------------


class Moved(BaseHTTPRequestHandler):
    """Sends everyone to a place without TLS."""

    def do_GET(self):
        self.send_response(302)
        self.send_header("Location", "http://example.invalid/file")
        self.end_headers()

    def log_message(self, *_):
        pass


ASKED = """
import sys, urllib.request, requests
from actgrid.data import https
https.only()
for opened in (urllib.request.urlopen, requests.get):
    try:
        opened(sys.argv[1], timeout=3)
    except Exception as error:
        print(error)
"""


@pytest.mark.parametrize("redirected", [False, True])
def test_no_download_goes_without_tls(redirected):
    server = HTTPServer(("127.0.0.1", 0), Moved)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ours = f"http://127.0.0.1:{server.server_port}/"
    address = ours if redirected else "http://example.invalid/file"
    done = subprocess.run([sys.executable, "-c", ASKED, address], capture_output=True, text=True)
    server.shutdown()
    assert done.stdout.count("plain http is not used") == 2, done.stderr


def test_the_downloading_process_refuses_http_before_anything_else(monkeypatch):
    """And the mirrors that torchvision knows by http are asked by https."""
    text = (ROOT / "src/actgrid/data/child.py").read_text()
    body = text.partition("def main(")[2]
    assert 0 < body.index("https.only()") < body.index("[origin](")
    assert "map(https.instead, kind.mirrors)" in text
    assert https.instead("http://a.example/b") == "https://a.example/b"
    assert https.instead("http://b.s3-website.eu.example/") == "https://b.s3.eu.example/"
    assert https.instead("http://127.0.0.1:9/") == "http://127.0.0.1:9/"


def test_an_opener_that_allows_ourselves_still_asks_ourselves():
    opener = urllib.request.build_opener(https._NoHttp)
    with pytest.raises(urllib.error.URLError, match="refused"):
        opener.open("http://127.0.0.1:9/", timeout=3)


def test_no_address_in_the_code_is_plain_http():
    for path in CODE:
        found = re.findall(r"http://[\w.]+", path.read_text())
        assert not found, path


def hostile_tar(path):
    """An archive whose members lie outside, and one that is wanted."""
    with tarfile.open(path, "w:gz") as archive:
        for name in ("../outside", "/tmp/outside-of-actgrid", "tiny-1.0/a.csv"):
            member = tarfile.TarInfo(name)
            member.size = 4
            archive.addfile(member, io.BytesIO(b"h\n1\n"))
        link = tarfile.TarInfo("tiny-1.0/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)


def test_of_an_archive_one_named_member_is_read_and_nothing_unpacked(tmp_path, monkeypatch):
    work = tmp_path / "work"
    work.mkdir()
    hostile_tar(tmp_path / "tiny.tar.gz")
    monkeypatch.setattr(origins, "_pip_download", lambda *_: tmp_path / "tiny.tar.gz")
    origins.pip(work, "tiny==1.0", "0" * 64, "tiny-1.0/a.csv", "a.data")
    assert (work / "a.data").read_bytes() == b"1\n"
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.data", "tiny.tar.gz", "work"]


def ar(members):
    """An archive in the format of Debian packages."""
    parts = [f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode() + content
             + b"\n" * (len(content) % 2) for name, content in members]  # fmt: skip
    return b"!<arch>\n" + b"".join(parts)


def gzipped_tar(**contents):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="needs dpkg")
def test_a_debian_package_writes_nothing_outside_its_folder(tmp_path, monkeypatch):
    control = gzipped_tar(control=b"Package: evil\nVersion: 1\nArchitecture: all\n")
    content = gzipped_tar(**{"../outside": b"x", "usr/inside": b"x"})
    package = ar([("debian-binary", b"2.0\n"), ("control.tar.gz", control),
                  ("data.tar.gz", content)])  # fmt: skip
    monkeypatch.setattr(origins, "_apt", lambda work, *_: (work / "e.deb").write_bytes(package))
    monkeypatch.setattr(origins.shutil, "which", lambda tool: tool)
    with pytest.raises(origins.SourceError):
        origins.debian(tmp_path / "work", "evil", "usr")
    assert not [path for path in tmp_path.rglob("outside")]


# --- the socket, the audit ----------------------------------------------------------------------


def test_the_folder_of_the_socket_is_made_for_its_user_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    before = os.umask(0)
    try:
        folder = Path(client.private_folder())
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o770)
    with pytest.raises(PermissionError, match="permissions 700"):
        client.private_folder()


def audited(answer, tmp_path):
    """What the audit says of pip-audit's answer, and its exit status."""
    (tmp_path / "answer").write_text(answer)
    done = subprocess.run(
        [sys.executable, ROOT / ".ci/audit.py", sys.executable, "-c",
         f"print(open({str(tmp_path / 'answer')!r}).read())"],
        capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.strip(), done.returncode


SKIPPED = {"name": "a", "skip_reason": "not found"}
FINE = {"name": "b", "version": "1", "vulns": []}
KNOWN = {"name": "c", "version": "1", "vulns": [{"id": "X-1", "fix_versions": ["2"]}]}
AUDITS = [
    ([SKIPPED], "nothing was audited", 0),  # pip-audit itself calls that no vulnerability
    ([FINE], "1 packages audited, 0 known vulnerabilities", 0),
    ([FINE, SKIPPED], "not in the database: a", 0),
    ([FINE, KNOWN], "c 1: X-1, mended in 2", 3),
    ([KNOWN, SKIPPED], "not in the database: a", 3),
    ([KNOWN | {"vulns": [{"id": "X-2"}]}], "c 1: X-2, mended in no version yet", 3),
]


@pytest.mark.parametrize(("packages", "words", "status"), AUDITS, ids=str)
def test_an_audit_that_could_look_nothing_up_does_not_say_that_all_is_well(
    tmp_path, packages, words, status
):
    said, code = audited(json.dumps({"dependencies": packages}), tmp_path)
    assert words in said and code == status
    assert runpy.run_path(str(ROOT / ".ci/audit.py"))["verdict"](packages)[1] == status


def test_an_audit_without_an_answer_is_skipped_with_a_word(tmp_path):
    said, code = audited("Traceback", tmp_path)
    assert said.startswith("the database of vulnerabilities cannot be reached") and code == 0


def test_an_audit_that_is_not_there_or_has_no_end_is_skipped_with_a_word(tmp_path, capsys):
    main = runpy.run_path(str(ROOT / ".ci/audit.py"))["main"]
    main.__globals__["SECONDS"] = 0.2
    endless = [sys.executable, "-c", "import time; time.sleep(600)"]
    for command, words in (([str(tmp_path / "none")], "No such file"), (endless, "timed out")):
        assert main(command) == 0
        said = capsys.readouterr().out
        assert said.startswith("the database of vulnerabilities cannot be reached")
        assert words in said


@pytest.fixture
def ci(tmp_path):
    """.ci/run, a user without root or packages, and a make and an audit that only pretend."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    programs = {"make": "mkdir -p report; echo made | tee report/report.pdf",
                "id": "echo 1000", "python3": "exit $AUDITED"}  # fmt: skip
    (tmp_path / "bin").mkdir()
    for name, text in programs.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    for name in ("bash", "dirname", "mkdir", "tail", "tee", "timeout"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    return tmp_path


@pytest.mark.parametrize("status", [0, 1, 3])
def test_ci_ends_with_the_status_of_the_audit_and_says_what_is_not_tested(ci, status):
    done = subprocess.run(
        [ci / "bin/bash", ci / ".ci/run"], env={"PATH": str(ci / "bin"), "AUDITED": str(status)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == status, done.stderr
    assert ("FAILED: the audit" in done.stdout) == bool(status)
    untested = [line for line in done.stdout.splitlines() if line.startswith("NOT TESTED: ")]
    assert len(untested) == 2 and all("that needs root" in line for line in untested)
    assert "the grid on a Slurm. slurmctld is not here" in untested[1]


def test_security_md_says_what_is_trusted():
    text = (ROOT / "SECURITY.md").read_text()
    for word in ("import:", "__use_yte__", "weights_only", "setup.py", "make audit", "700"):
        assert word in text, word
