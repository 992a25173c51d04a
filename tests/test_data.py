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
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from actgrid.data import child, fashion_mnist, idx, load, origins, sources
from actgrid.data.origins import SourceError

ROOT = Path(__file__).parents[1]
REAL_FILES = dict(fashion_mnist.FILES)
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
        monkeypatch.setattr(fashion_mnist, "FILES", hashes)

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


PREPARED = ["meta.json", "test_x.npy", "test_y.npy", "train_x.npy", "train_y.npy"]

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
        ("test_x", "t10k-images-idx3-ubyte", "(3, 1, 4, 4)"),
        ("test_y", "t10k-labels-idx1-ubyte", "(3,)"),
    ):
        text += f"{key} |u1 {shape}\n".encode() + c[name][16 if key.endswith("x") else 8 :]
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
    bench.patch.setitem(fashion_mnist.FILES, name, hashed)
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
        *fashion_mnist.FILES.values(),
    ):
        assert part in text  # fmt: skip
    assert bench.left() == []


def test_unknown_name_says_which_are_known(tmp_path):
    with pytest.raises(
        sources.FetchError, match="known: fashion_mnist; did you mean fashion_mnist"
    ):
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
        origins.run(["sh", "-c", "sleep 60 & echo $!; wait"], tmp_path, 1)
    assert time.monotonic() - start < 5
    sleeper = int((tmp_path / "output.txt").read_text())
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
        origins.run(["sh", "-c", script], tmp_path, 5)


def test_a_full_disk_that_loses_the_message_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(origins.shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(OSError, match="No space"):
        origins.run(["sh", "-c", "exit 2"], tmp_path, 5)


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
        origins.run([sys.executable, "-c", READ, url], slow, 2.5)  # takes 3.5 s
    assert (slow / "output.txt").read_text() == "7\n"
    with (
        server(lambda request: time.sleep(20)) as url,
        pytest.raises(SourceError, match="no progress for 1 s"),
    ):
        origins.run([sys.executable, "-c", READ, url], silent, 1)


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
    bench.patch.setattr(fashion_mnist, "SOURCES", (("openml", "40996", str(N_TRAIN)),))
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
        origins.openml(tmp_path / "work", "40996", str(N_TRAIN))
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
from types import SimpleNamespace as S
from actgrid.data import fashion_mnist, origins
fashion_mnist.SOURCES = (("only",),)
commands = dict(fail=["sh", "-c", "echo no network; exit 1"], hang=["sleep", "60"])
def origin(work):
    work.mkdir()
    origins.run(commands[sys.argv[1]], work, 50)
origins.ORIGINS["only"] = (origin, "the only source")
job = S(wildcards=S(dataset="fashion_mnist"), params=S(raw="raw"), log=["log.txt"],
        output=["prepared/fashion_mnist/train_x.npy"])
runpy.run_path(sys.argv[2], {"snakemake": job})
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
    )  # fmt: skip
    while not list(tmp_path.rglob("output.txt")):
        time.sleep(0.05)
    process.send_signal(end)
    assert process.wait(10) != 0
    assert files_under(tmp_path) == ["log.txt"]


# ----------------------------------------------------------------- the real files


def test_checksums_in_data_md_are_those_of_the_code():
    text = (ROOT / "DATA.md").read_text()
    for name, sha256 in REAL_FILES.items():
        assert f"`{name}` | `{sha256}`" in text
