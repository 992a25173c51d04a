"""Faults that hit a data set: bad servers, disks, files and moments. Never a silent wrong one."""

import contextlib
import errno
import gzip
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from test_data import (
    PREPARED,
    ROOT,
    Bench,
    alive,
    openml_sample,
    put,
    run_python,
    sample_csv,
    server,
    tiny_files,
    unreachable,
)

from actgrid.data import child, covertype, load, origins, prepare, process, sources
from actgrid.data.process import SourceError

LABELS = "t10k-labels-idx1-ubyte"


@pytest.fixture
def bench(monkeypatch, tmp_path):
    return Bench(monkeypatch, tmp_path)


# --------------------------------------------------------------- servers, and the child process

DOWNLOAD = """
import sys, urllib.request
from actgrid.data import child
child.SLOW_SECONDS = 2
def download(url, name):
    with urllib.request.urlopen(url) as answer, open(name, "wb") as file:
        while part := answer.read1(65536):
            file.write(part)
child.torchvision = download
sys.exit(child.main("torchvision", sys.argv[1], sys.argv[2] + ".gz"))
"""


def download(work, url):
    """A source that lacks one file, which the server at `url` has."""
    put(work, {name: content for name, content in tiny_files().items() if name != LABELS})
    process.run([sys.executable, "-c", DOWNLOAD, url, LABELS], work, 30)
    return work


def answer(request, content, length=None):
    request.send_response(200)
    request.send_header("Content-Length", str(len(content) if length is None else length))
    request.end_headers()
    request.wfile.write(content)


def short(request):
    answer(request, gzip.compress(tiny_files()[LABELS])[:-9])


def cut_off(request):
    answer(request, gzip.compress(tiny_files()[LABELS])[:-9], length=1000)


def other(request):
    answer(request, gzip.compress(tiny_files(seed=1)["train-images-idx3-ubyte"]))


def page(request):
    answer(request, b"<html>Log in to this network</html>")


def broken(request):
    request.send_error(503)


def elsewhere(request):
    request.send_response(302)
    request.send_header("Location", "/again")
    request.end_headers()


def dribble(request):
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b"x")
        request.wfile.flush()
        time.sleep(0.1)


def endless(request):
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(bytes(100_000))
        time.sleep(0.01)


SERVERS = {
    short: "damaged gzip file",
    cut_off: "damaged gzip file",
    other: "has sha256 .*, expected",
    page: "has sha256 .*, expected",
    broken: "503",
    elsewhere: "302",
    dribble: "bytes a second, too slow",
    endless: "more than 2,000,000 bytes, stopped",
}


@pytest.mark.parametrize("answers", SERVERS, ids=lambda answers: answers.__name__)
def test_whatever_a_mirror_answers_the_next_source_is_tried_and_it_is_said_why(bench, answers):
    bench.patch.setattr(process, "LARGEST", 2_000_000)
    with server(answers) as url:
        bench.sources(mirror=partial(download, url=url), good=bench.good)
        assert bench.fetch()["source"] == "the good source"
    (line,) = [line for line in bench.lines if "the mirror source: " in line]
    assert re.search(SERVERS[answers], line), line
    load(bench.prepared)


def test_a_mirror_that_is_down_is_given_up_at_once(bench):
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        with pytest.raises(SourceError, match="refused"):
            download(bench.raw / "work", url)


def test_a_source_that_takes_too_long_is_stopped_however_steady(tmp_path, monkeypatch):
    monkeypatch.setattr(process, "LONGEST", 1)
    with pytest.raises(SourceError, match="not done after 1 s"):
        process.run(["sh", "-c", "while :; do echo x; sleep 0.05; done"], tmp_path, 50)


def test_data_md_says_when_a_source_is_given_up():
    text = " ".join((Path(__file__).parents[1] / "DATA.md").read_text().split())
    stalls = [origins.STALL_SECONDS, origins.APT_STALL_SECONDS, origins.PIP_STALL_SECONDS]
    assert "for {} s (a download by Python), {} s (apt-get) or {} s (pip".format(*stalls) in text
    assert f"fewer than {child.SLOW_BYTES:,} bytes in a minute" in text
    assert child.SLOW_SECONDS == 60
    largest = f"{process.LARGEST // 10**9} GB of disk"
    assert f"more than {process.LONGEST // 60} minutes or {largest}" in text


# ---------------------------------------------------------------------------- files of the user


def test_a_damaged_file_of_the_user_is_named_and_its_good_twin_is_taken(bench):
    put(bench.user, bench.contents)
    put(bench.user, {LABELS: b"<html>"}, packed=False)
    assert bench.fetch()["source"] == f"files in {bench.user}"
    (bench.user / f"{LABELS}.gz").write_bytes(b"\x1f\x8b" + bytes(20))
    bench.sources(down=unreachable)
    with pytest.raises(sources.FetchError) as caught:
        bench.fetch()
    text = str(caught.value)
    assert f"{LABELS}: content has sha256" in text and f"{LABELS}.gz: damaged gzip" in text
    assert str(bench.user) in text.partition("by hand")[2]


@pytest.mark.parametrize("kind", ["folder", "dangling link", "pipe", "unreadable"])
def test_what_is_no_file_under_a_right_name_leads_to_the_next_source(bench, kind):
    put(bench.user, bench.contents, packed=False)
    path = bench.user / LABELS
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "dangling link":
        path.symlink_to("nowhere")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        read = Path.read_bytes
        path.write_bytes(b"")

        def refused(self):
            if self == path:
                raise PermissionError(errno.EACCES, "Permission denied", str(self))
            return read(self)

        bench.patch.setattr(Path, "read_bytes", refused)
    bench.sources(good=bench.good)
    assert bench.fetch()["source"] == "the good source"
    load(bench.prepared)


@pytest.fixture
def sample(bench):
    """Covertype as OpenML's sample, which is known by its structure only; as small as the bench."""
    csv = sample_csv(*openml_sample())
    bench.patch.setattr(covertype, "FILES", covertype.FILES[:1])
    bench.patch.setattr(covertype, "SOURCES", (("openml",),))
    bench.patch.setattr(covertype, "sampled", partial(covertype.sampled, per_class=20))
    bench.patch.setattr(covertype, "arrays", partial(covertype.arrays, held_out=8))
    served = {"openml_44121.csv": csv}
    origins = {"openml": (lambda work: put(work, served, packed=False), "OpenML")}
    bench.patch.setattr(sources, "ORIGINS", origins)
    folder = bench.prepared.parent / "covertype"
    fetch = partial(sources.fetch, "covertype", bench.raw, folder, bench.lines.append)
    return fetch, bench.raw / "covertype/openml_44121.csv", origins


def test_a_number_that_changes_in_a_kept_file_of_unknown_hash_is_noticed(sample):
    fetch, kept, origins = sample
    first = fetch()
    assert fetch()["source"] == f"files in {kept.parent}"
    kept.write_text(kept.read_text().replace("7", "8", 1))  # the structure is as good as before
    assert fetch()["source"] == "OpenML" and fetch()["sha256"] == first["sha256"]
    origins.clear()
    origins["openml"] = (unreachable, "OpenML")
    with pytest.raises(sources.FetchError, match="openml_44121.csv: content has sha256"):
        fetch()


# ------------------------------------------------------------------------------ disks


@pytest.mark.parametrize("name", [*PREPARED, *tiny_files()])
def test_a_disk_that_fills_up_while_renaming_leaves_no_set_that_is_accepted(bench, name):
    replace = os.replace

    def full(source, target):
        if Path(target).name == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
        replace(source, target)

    bench.sources(good=bench.good)
    bench.patch.setattr(os, "replace", full)
    with pytest.raises(sources.FetchError, match="the disk is full"):
        bench.fetch()
    with pytest.raises(ValueError, match="cannot be used"):
        load(bench.prepared)
    bench.patch.setattr(os, "replace", replace)
    bench.fetch()
    load(bench.prepared)


def test_a_disk_that_fills_up_while_downloading_is_said(bench):
    """The limit of a file's size stands in for the disk: the write fails in the middle."""
    limited = "ulimit -f 1; trap '' XFSZ; head -c 5000000 /dev/zero > big || exit 28"
    bench.sources(only=lambda work: process.run(["sh", "-c", limited], put(work, {}), 9))
    with pytest.raises(sources.FetchError, match="the disk is full.*Free about"):
        bench.fetch()
    assert bench.left() == []


def read_only(folder, code, *arguments):
    """Run Python code with `folder` mounted read-only; skips where that cannot be done."""
    if os.getuid() or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        pytest.skip("needs root, to make a folder read-only")
    command = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
    shell = ["unshare", "-m", "sh", "-c", command, folder, sys.executable, "-c", code, *arguments]
    return run_python(list(map(str, shell)))


FETCH = """
import hashlib, shutil, sys
from pathlib import Path
from actgrid.data import fashion_mnist, load, sources
served = sorted(Path(sys.argv[1]).iterdir())
fashion_mnist.FILES = ({p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in served},)
fashion_mnist.SOURCES = (("only",),)
sources.ORIGINS["only"] = (lambda work: shutil.copytree(served[0].parent, work), "the only source")
try:
    print(sources.fetch("fashion_mnist", sys.argv[2], sys.argv[3], print)["source"])
    print(load(sys.argv[3]).name)
except sources.FetchError as error:
    print(error)
"""


def served(bench):
    return put(bench.raw.parent / "served", bench.contents, packed=False)


@pytest.mark.parametrize("there", [True, False])
def test_a_read_only_cache_serves_what_it_has_and_stops_no_source(bench, there):
    if there:
        put(bench.user, bench.contents)
    bench.user.mkdir(parents=True, exist_ok=True)
    done = read_only(bench.raw, FETCH, served(bench), bench.raw, bench.prepared)
    *_, source, name = done.stdout.splitlines()
    expected = f"files in {bench.user}" if there else "the only source"
    assert (source, name) == (expected, "fashion_mnist"), done.stderr
    assert sorted(os.listdir(bench.prepared)) == sorted(PREPARED)


def test_a_read_only_prepared_folder_is_one_clear_line_and_its_good_set_can_be_read(bench):
    put(bench.user, bench.contents)
    bench.prepared.mkdir(parents=True)
    done = read_only(bench.prepared, FETCH, served(bench), bench.raw, bench.prepared)
    last = done.stdout.splitlines()[-1]
    assert last.startswith("fashion_mnist: ") and "Read-only file system" in last
    assert str(bench.prepared) in last and not done.stderr
    bench.fetch()
    code = "import sys; from actgrid.data import load; print(load(sys.argv[1]).name)"
    assert read_only(bench.prepared, code, bench.prepared).stdout == "fashion_mnist\n"


# ----------------------------------------------------------------------------- moments


def test_two_processes_that_prepare_one_set_end_with_one_good_result(bench):
    command = [sys.executable, "-c", FETCH, served(bench), bench.raw, bench.prepared]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        for _ in range(4)
    ]
    ends = [process.communicate(timeout=60)[0].splitlines()[-2:] for process in processes]
    kept = [f"files in {bench.user}", "fashion_mnist"]
    assert sorted(ends) == sorted([*[kept] * 3, ["the only source", "fashion_mnist"]])
    assert bench.left() == sorted(PREPARED + list(bench.contents))


@pytest.mark.parametrize("after", range(len(PREPARED)))
def test_killed_while_preparing_anew_nothing_half_written_is_accepted(bench, after):
    """An older set is there; the n-th file of the new one is the last that is renamed."""
    put(bench.user, bench.contents)
    before = bench.fetch()["sha256"]
    new = dict.fromkeys(("train_x", "valid_x", "test_x"), np.ones((2, 1, 4, 4), np.uint8))
    new |= dict.fromkeys(("train_y", "valid_y", "test_y"), np.ones(2, np.uint8))
    if (process_id := os.fork()) == 0:
        count, replace = iter(range(99)), os.replace

        def until_killed(source, target):
            if next(count) == after:
                os.kill(os.getpid(), signal.SIGKILL)
            replace(source, target)

        os.replace = until_killed
        prepare.write(bench.prepared, new, {"name": "fashion_mnist", "classes": [], "sha256": ""})
    assert os.waitstatus_to_exitcode(os.waitpid(process_id, 0)[1]) == -signal.SIGKILL
    with pytest.raises(ValueError, match="cannot be used") if after else contextlib.nullcontext():
        assert load(bench.prepared).sha256 == before  # or the older one, whole
    bench.fetch()
    assert load(bench.prepared).sha256 == before
    assert bench.left() == sorted(PREPARED + [f"{name}.gz" for name in bench.contents])


KILLED = """
import sys
from pathlib import Path
from actgrid.data import process
process.run(["sh", "-c", "echo $$; exec sleep 60"], Path(sys.argv[1]), 50)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems let children live on")
def test_a_download_ends_with_a_fetch_that_is_killed(tmp_path):
    fetch = subprocess.Popen(
        [sys.executable, "-c", KILLED, tmp_path],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
    )
    output, deadline = tmp_path / "output.txt", time.monotonic() + 30
    while not (output.exists() and output.read_text().endswith("\n")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    sleeper = int(output.read_text())
    assert alive(sleeper)
    fetch.kill()
    fetch.wait()
    while alive(sleeper) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(sleeper)


# ------------------------------------------------------------- a prepared folder, afterwards


@pytest.fixture
def prepared(bench):
    put(bench.user, bench.contents)
    bench.fetch()
    return bench.prepared


NPY_HEAD = 128  # bytes before the values


@pytest.mark.parametrize("name", ["train_x", "train_y", "test_x", "test_y"])
def test_one_changed_byte_of_any_value_is_noticed(prepared, name):
    load(prepared)
    path = prepared / f"{name}.npy"
    content = path.read_bytes()
    for place in range(NPY_HEAD, len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(ValueError, match="cannot be used: the arrays have sha256"):
            load(prepared)


@pytest.mark.parametrize(
    "change",
    [
        lambda meta: [meta],
        lambda meta: {key: value for key, value in meta.items() if key != "sha256"},
        lambda meta: meta | {"classes": 3},
        lambda meta: meta | {"sha256": "0" * 64},
        lambda meta: meta | {"name": "mnist"},
        lambda meta: None,
    ],
)
def test_a_meta_json_of_another_version_or_set_is_refused(prepared, change):
    meta = json.loads((prepared / "meta.json").read_text())
    (prepared / "meta.json").write_text(json.dumps(change(meta)))
    with pytest.raises(ValueError, match="prepared data in .*cannot be used.*Remove that folder"):
        load(prepared)


def test_a_whole_set_under_the_name_of_another_is_refused(prepared):
    shutil.copytree(prepared, other := prepared.parent / "mnist")
    with pytest.raises(ValueError, match="mnist cannot be used: it holds .* 'fashion_mnist'"):
        load(other)
    assert load(prepared).name == "fashion_mnist"


def test_arrays_of_objects_are_never_unpickled(prepared):
    np.save(prepared / "train_y.npy", np.array([{}, []], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="cannot be used"):
        load(prepared)
