"""The warm process: scripts give what plain Python gives, and nothing survives what it serves."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from actgrid import data
from actgrid.data import prepare
from actgrid.figures import style
from actgrid.warm import client

ROOT = Path(__file__).parents[1]
CLIENT = ROOT / "src/actgrid/warm/client.py"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks from it on Linux only")
SAID = "in a process of its own: "


class Workflow:
    """A process that stands for a workflow, a folder for its sockets, and clients of it."""

    def __init__(self, folder, file=CLIENT, source=ROOT / "src"):
        self.folder, self.file = Path(folder), file
        self.environment = os.environ | {"XDG_RUNTIME_DIR": str(folder), "PYTHONPATH": str(source)}
        self.environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self.environment.pop("ACTGRID_WARM", None)
        self.owner = subprocess.Popen(["sleep", "1000"])

    def start(self, script, *arguments):
        """A client that runs a script."""
        command = [sys.executable, "-I", "-S", self.file, str(self.owner.pid), script, *arguments]
        return subprocess.Popen(
            command, env=self.environment, cwd=self.folder,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            # a shell that puts the tests into the background has SIGINT ignored, also in children
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip

    def run(self, script, *arguments):
        """Exit status, stdout and stderr of a client."""
        running = self.start(script, *arguments)
        return (running, *running.communicate(timeout=120))[1:] + (running.returncode,)

    @property
    def sockets(self):
        return list(self.folder.glob("actgrid-*/????????????????????????"))

    def end(self):
        self.owner.kill()
        self.owner.wait()


@pytest.fixture(scope="module")
def short():
    """A folder with a path that is short enough for a socket."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield folder


@pytest.fixture(scope="module")
def warm(short):
    workflow = Workflow(short)
    yield workflow
    workflow.end()


@pytest.fixture
def another():
    """A workflow of one's own, to be killed."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        workflow = Workflow(folder)
        yield workflow
        workflow.end()
        wait_until(lambda: not workflow.sockets or not living(server_of(workflow)))


def server_of(workflow):
    """The process that listens, by the credentials of its socket; None if none does."""
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(OSError, IndexError):
        probe.connect(str(workflow.sockets[0]))
        facts = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return int.from_bytes(facts[:4], sys.byteorder)


def living(process):
    """Whether a process is there, and no zombie that waits for its parent."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def script(folder, text, name="script.py"):
    (Path(folder) / name).write_text(text)
    return str(Path(folder) / name)


ENDINGS = {
    "nothing": "",
    "status": "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)",
    "message": "import sys; sys.exit('no such thing')",
    "error": "raise ValueError('no such thing')",
    "arguments": "import os, sys; print(sys.argv[1:], __name__, os.getcwd(), sys.path[0] == '')",
    "numbers": "import torch; torch.manual_seed(1); print(torch.rand(3), torch.randn(3).exp())",
    "threads": "import torch; print(torch.get_num_threads(), torch.get_num_interop_threads())",
}


@pytest.mark.parametrize("text", ENDINGS.values(), ids=ENDINGS)
def test_a_script_gives_what_it_gives_in_a_python_of_its_own(warm, tmp_path, text):
    arguments = ["a b", 'it\'s "quoted" $HOME; `x`', "", "ä\udcff", "x" * 100_000]
    place = tmp_path / 'a folder\'s "name"'
    place.mkdir()
    path = script(place, text)
    plain = subprocess.run(
        [sys.executable, "-P", path, *arguments], env=warm.environment, cwd=warm.folder,
        capture_output=True, text=True,
    )  # fmt: skip
    out, err, status = warm.run(path, *arguments)
    assert (out, status) == (plain.stdout, plain.returncode)
    assert err.splitlines()[-1:] == plain.stderr.splitlines()[-1:] and SAID not in err


PARENT = "import os, sys; assert 'torch' in sys.modules; print(os.getppid())"


def test_runs_come_from_one_process_and_share_nothing(warm, tmp_path):
    path = script(tmp_path, PARENT)
    assert len({warm.run(path)[0] for _ in range(2)}) == 1
    path = script(tmp_path, "import torch; print(hasattr(torch, 'mine')); torch.mine = 1")
    assert [warm.run(path)[0] for _ in range(2)] == ["False\n"] * 2
    drawn = "import numpy, random, torch; print({})"
    for draw in ("torch.rand(9)", "numpy.random.rand(9)", "random.random()"):
        path = script(tmp_path, drawn.format(draw))
        assert warm.run(path)[0] != warm.run(path)[0]  # unseeded, as in processes of their own


@pytest.fixture(scope="module")
def drawing(short):
    """A workflow whose process has loaded what figures need."""
    workflow = Workflow(short)
    workflow.environment |= {"ACTGRID_LOADS": "actgrid.figures.style scipy.stats"}
    workflow.environment |= {"JE_ARROW_MALLOC_CONF": "background_thread:false"}
    yield workflow
    workflow.end()


def test_figures_come_from_a_process_of_their_own_kind_without_torch(warm, drawing, tmp_path):
    text = (
        "import sys; print([name in sys.modules for name in ('torch', 'seaborn', 'scipy.stats')])"
    )
    path = script(tmp_path, text)
    assert drawing.run(path) == ("[False, True, True]\n", "", 0)
    parents = script(tmp_path, "import os; print(os.getppid())", "parent.py")
    assert warm.run(parents)[0] != drawing.run(parents)[0] == drawing.run(parents)[0]


MIXED_UP = """
import os, warnings, matplotlib, numpy, pandas
print(matplotlib.rcParams["font.size"], pandas.options.display.width, len(warnings.filters))
print(os.path.basename(os.getcwd()), os.environ.get("MINE"), numpy.random.rand() == 0)
matplotlib.rcParams["font.size"], pandas.options.display.width = 77, 78
warnings.simplefilter("error")
os.environ["MINE"] = "1"
os.chdir("/")
"""


def test_a_figure_leaves_no_settings_to_the_next(drawing, tmp_path):
    path = script(tmp_path, MIXED_UP)
    first, second = drawing.run(path), drawing.run(path)
    assert first == second and first[1:] == ("", 0)
    path = script(tmp_path, "import numpy; print(numpy.random.rand())")
    assert drawing.run(path) != drawing.run(path)  # unseeded, as in processes of their own


def test_the_same_figure_gives_the_same_bytes_as_in_a_python_of_its_own(drawing, tmp_path):
    text = """
import sys
from pathlib import Path
from actgrid.figures import style
style.save(style.message("Iñtër $x^2$"), Path(sys.argv[1]))
"""
    path = script(tmp_path, text)
    for place in (tmp_path / "warm", tmp_path / "plain"):
        drawing.environment["ACTGRID_WARM"] = str(int(place.name == "warm"))
        assert drawing.run(path, str(place)) == ("", "", 0)
    del drawing.environment["ACTGRID_WARM"]
    for kind in style.METADATA:
        same = [(tmp_path / f"{name}.{kind}").read_bytes() for name in ("warm", "plain")]
        assert same[0] == same[1]


def test_what_cannot_be_loaded_is_named_and_the_script_runs_plainly(another, tmp_path):
    another.environment["ACTGRID_LOADS"] = "actgrid.nonsense"
    out, err, status = another.run(script(tmp_path, "print('plain')"))
    assert (out, status) == ("plain\n", 0) and not another.sockets
    assert SAID in err and "No module named 'actgrid.nonsense'" in err


def test_clients_that_come_at_once_start_one_process(another, tmp_path):
    path = script(tmp_path, PARENT)
    running = [another.start(path) for _ in range(6)]
    said = [client.communicate(timeout=120) for client in running]
    assert len({out for out, _ in said}) == 1 and not any(err for _, err in said)
    assert len(another.sockets) == 1 and int(said[0][0]) == server_of(another)


# a run that writes its process id where it is told, and goes on when it is started once more
ENDLESS = """
import os, sys, time
from pathlib import Path
started = Path(sys.argv[1]); first = not started.exists()
with open(started, "a") as file: file.write(f"{os.getpid()}\\n")
if first: time.sleep(1000)
print("done")
"""


@pytest.fixture
def endless(another, tmp_path):
    """A workflow, a client whose run never ends, that run's process id, and the file of starts."""
    starts = tmp_path / "starts"
    running = another.start(script(tmp_path, ENDLESS), str(starts))
    wait_until(lambda: starts.exists() and starts.read_text().endswith("\n"))
    yield another, running, int(starts.read_text()), starts
    if running.poll() is None:
        running.kill()
    running.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_killed_client_takes_its_run_with_it(endless, number):
    workflow, running, process, starts = endless
    running.send_signal(number)
    assert running.wait(60) == -number
    wait_until(lambda: not living(process))
    assert living(server_of(workflow)) and len(starts.read_text().split()) == 1


def test_a_killed_server_takes_its_run_with_it_and_the_run_is_done_plainly(endless):
    workflow, running, process, starts = endless
    os.kill(server_of(workflow), signal.SIGKILL)
    out, err = running.communicate(timeout=60)
    assert (out, running.returncode) == ("done\n", 0) and SAID in err
    assert not living(process) and len(starts.read_text().split()) == 2
    out, err, status = workflow.run(starts.with_name("script.py"), str(starts))
    assert (out, err, status) == ("done\n", "", 0)  # by a new one, in the old one's place
    assert living(server_of(workflow))


def test_a_killed_run_is_an_error_and_not_done_again(endless):
    _, running, process, starts = endless
    os.kill(process, signal.SIGKILL)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 1 and "killed by signal 9" in err
    assert len(starts.read_text().split()) == 1


def test_a_killed_workflow_leaves_no_process(endless):
    workflow, running, process, starts = endless
    server = server_of(workflow)
    workflow.end()
    _, err = running.communicate(timeout=60)
    assert running.returncode == 1 and "the workflow has ended" in err
    wait_until(lambda: not living(server) and not living(process))
    assert len(starts.read_text().split()) == 1 and not workflow.sockets


# a run that starts a program, and writes where it is told the process ids of both
WITH_CHILD = """
import os, subprocess, sys
child = subprocess.Popen(["sleep", "1000"])
for path, process in zip(sys.argv[1:], (os.getpid(), child.pid)):
    with open(path, "w") as file: file.write(f"{process}\\n")
child.wait()
"""


@pytest.mark.parametrize("end", ["client", "workflow", "run"])
def test_what_a_run_has_started_ends_with_it(another, tmp_path, end):
    started, child = tmp_path / "starts", tmp_path / "child"
    running = another.start(script(tmp_path, WITH_CHILD), str(started), str(child))
    wait_until(lambda: child.exists() and child.read_text().endswith("\n"))
    run, program = int(started.read_text()), int(child.read_text())
    {"client": running.kill, "workflow": another.end, "run": lambda: os.kill(run, 9)}[end]()
    wait_until(lambda: not living(run) and not living(program))
    running.communicate(timeout=60)


@pytest.fixture
def plain(another, tmp_path):
    """As endless, but the run is a Python of its own."""
    another.environment["ACTGRID_WARM"] = "0"
    starts = tmp_path / "starts"
    running = another.start(script(tmp_path, ENDLESS), str(starts))
    wait_until(lambda: starts.exists() and starts.read_text().endswith("\n"))
    yield another, running, int(starts.read_text())
    running.kill()
    running.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_killed_client_takes_a_plain_run_with_it(plain, number):
    _, running, process = plain
    running.send_signal(number)
    assert running.wait(60) == -number
    wait_until(lambda: not living(process))


def test_a_killed_workflow_takes_a_plain_run_with_it(plain):
    workflow, running, process = plain
    workflow.end()
    _, err = running.communicate(timeout=60)
    assert running.returncode == 1 and "the workflow has ended" in err
    wait_until(lambda: not living(process))


def test_a_plain_run_that_is_killed_is_named_as_that(plain):
    _, running, process = plain
    os.kill(process, signal.SIGKILL)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 1 and "killed by signal 9" in err and "memory" in err


def test_without_work_it_ends(another, monkeypatch):
    code = "import sys; from actgrid.warm import server; server.IDLE = 0.01; "
    code += "server.main(sys.argv[1], int(sys.argv[2]))"
    for name, value in another.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(another.folder)
    path = client.address(another.owner.pid)
    command = [sys.executable, "-P", "-c", code, path, str(another.owner.pid)]
    environment = dict(os.environ)  # not what C libraries have put into this process's own
    done = subprocess.run(command, env=environment, capture_output=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, client.READY, b"")
    assert not another.sockets


def test_an_edited_source_is_never_trained_by_what_was_loaded_before(tmp_path, another):
    shutil.copytree(ROOT / "src", tmp_path / "src")
    package = tmp_path / "src/actgrid"
    another.file = package / "warm/client.py"
    another.environment["PYTHONPATH"] = str(tmp_path / "src")
    path = script(tmp_path, "from actgrid import metrics; print(hasattr(metrics, 'NEW'))")
    assert another.run(path) == ("False\n", "", 0)
    with open(package / "metrics.py", "a") as file:
        file.write("NEW = 1\n")
    assert another.run(path) == ("True\n", "", 0)
    assert len(another.sockets) == 2


def test_a_process_that_loaded_another_source_does_not_serve(another, tmp_path):
    shutil.copytree(ROOT / "src", tmp_path / "src")
    another.file = tmp_path / "src/actgrid/warm/client.py"  # but Python finds the package in ROOT
    out, err, status = another.run(script(tmp_path, "print('plain')"))
    assert (out, status) == ("plain\n", 0) and not another.sockets
    assert SAID in err and "the source has changed" in err


@pytest.mark.parametrize("kind", ["open", "link", "file"])
def test_a_folder_that_others_could_enter_is_not_used(another, tmp_path, kind):
    place = another.folder / f"actgrid-{os.getuid()}"
    if kind == "open":
        place.mkdir()
        place.chmod(0o755)
    elif kind == "link":
        place.symlink_to(tmp_path)
    else:
        place.touch()
    out, err, status = another.run(script(tmp_path, "print('plain')"))
    assert (out, status) == ("plain\n", 0) and not list(tmp_path.glob("*.lock"))
    assert f"{SAID}{place} must be a folder that is yours, with permissions 700" in err


def test_it_can_be_switched_off(another, tmp_path):
    another.environment["ACTGRID_WARM"] = "0"
    path = script(tmp_path, "import sys; print('torch' in sys.modules)")
    assert another.run(path) == ("False\n", "", 0) and not list(another.folder.iterdir())


def test_nonsense_on_the_socket_harms_nobody(warm, tmp_path):
    path = script(tmp_path, PARENT)
    parent = warm.run(path)[0]
    for text in (b"", b"x", b"\xff\xff\xff\xffx", b"\0\0\0\1x"):
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(str(warm.sockets[0]))
            stranger.sendall(text)
    assert warm.run(path) == (parent, "", 0)


# --- the data -----------------------------------------------------------------------------------

COUNTED = """
import sys
from actgrid import data
counted, fingerprint = [], data.fingerprint
data.fingerprint = lambda arrays: counted.append(1) or fingerprint(arrays)
data.load(sys.argv[1])
print(len(counted))
"""


@pytest.fixture
def prepared(images, tmp_path, monkeypatch):
    """A prepared folder; its files count as old at once."""
    monkeypatch.setattr(data, "VERIFIED", {})
    arrays = {key: getattr(images, key) for key in data.ARRAYS}
    meta = {"name": "toy", "classes": list("abcd"), "sha256": data.fingerprint(arrays)}
    prepare.write(tmp_path / "toy", arrays, meta)
    return tmp_path / "toy"


def test_what_one_run_has_verified_the_next_ones_trust_until_it_is_written_to(warm, prepared):
    path = script(prepared.parent, COUNTED)
    time.sleep(data.SETTLED + 0.1)
    assert [warm.run(path, str(prepared))[0] for _ in range(3)] == ["1\n", "0\n", "0\n"]
    file = prepared / "test_y.npy"
    content, times = bytearray(file.read_bytes()), file.stat()
    content[-1] ^= 1
    file.write_bytes(content)
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    _, err, status = warm.run(path, str(prepared))
    assert status == 1 and "the arrays have sha256" in err


def test_files_written_just_now_are_read_again(prepared, monkeypatch):
    monkeypatch.setattr(data, "SETTLED", 1000.0)
    data.load(prepared)
    assert not data.VERIFIED
    monkeypatch.setattr(data, "SETTLED", -1000.0)
    data.load(prepared)
    assert list(data.VERIFIED.values()) == [data.load(prepared).sha256]
