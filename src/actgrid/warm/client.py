"""Runs a script in a process forked from the workflow's warm one, or else in a plain Python.

python -I -S client.py OWNER SCRIPT [ARGUMENT...]

OWNER is the process id of the workflow: with it the warm process and all its runs end. The first
client starts the warm process. Where that cannot be had, or dies, the script runs plainly, and one
line on stderr says why; with ACTGRID_WARM=0 it always does. A killed client takes its run with it,
and so does a killed workflow.
This file is started once a run, so it imports little; it knows nothing of what the scripts do.
"""

import contextlib
import fcntl
import hashlib
import os
import select
import signal
import socket
import stat
import sys

PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
SHELLS_OWN = {"_", "OLDPWD", "PWD", "SHLVL"}  # variables that differ from job to job
READY = b"ready"
PR_SET_PDEATHSIG = 1  # of Linux's prctl.h


class NotWarm(Exception):
    """The run was not done by a warm process, and is not being done by one."""


def main(owner: int, command: list[str]) -> int | str:
    """Run the command (a script and its arguments); the exit status, or what to say on failure."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # end at once; the run's process follows
    plain = [sys.executable, "-P", "-m", "actgrid.warm.script", *command]
    if os.environ.get("ACTGRID_WARM") == "0":
        return ending(guarded(owner, plain))
    try:
        status = run(owner, command)
    except (OSError, NotWarm) as error:
        if gone(owner):
            return "the workflow has ended"
        sys.stderr.write(f"in a process of its own: {error}\n")
        sys.stderr.flush()
        status = guarded(owner, plain)
    return ending(status)


def ending(status: int) -> int | str:
    """What a status means to who started the run: a process that was killed says nothing itself."""
    if status != -signal.SIGKILL:
        return status if status >= 0 else f"the process was killed by signal {-status}"
    return "the process was killed by signal 9: by hand, or because the memory was full"


def run(owner: int, command: list[str]) -> int:
    """The exit status of the command in a warm process, minus the signal where one killed it.

    Raises NotWarm or OSError when there is no status, and then no process works on it any more.
    """
    alive, held = os.pipe()  # the run's process holds `held`: while it lives, `alive` has no end
    with connected(address(owner), owner) as server:
        try:
            send(server, "\0".join(command).encode(errors="surrogateescape"), [1, 2, held])
            status = server.recv(16)
        except ConnectionError:
            status = b""
    os.close(held)
    if not status:
        os.read(alive, 1)
        raise NotWarm("the warm process has ended")
    return int(status)


def guarded(owner: int, command: list[str]) -> int:
    """The exit status of a program that ends with this process and with its owner.

    Only Linux can watch an owner; elsewhere the program takes this process's place.
    """
    if not hasattr(os, "pidfd_open"):
        os.execv(command[0], command)
    try:
        guard, workflow = os.getpid(), os.pidfd_open(owner)
    except ProcessLookupError:
        sys.exit("the workflow has ended")
    if not (child := os.fork()):
        end_with_parent(guard)
        os.execv(command[0], command)
    ended, *_ = select.select([workflow, os.pidfd_open(child)], [], [])
    if workflow in ended:
        sys.exit("the workflow has ended")
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def end_with_parent(parent: int) -> None:
    """Let the kernel kill this process as soon as its parent has ended."""
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before
        os._exit(1)


def send(server, text: bytes, descriptors: list[int]) -> None:
    """A request: its length in four bytes, which carry the descriptors, and its text."""
    socket.send_fds(server, [len(text).to_bytes(4)], descriptors)
    server.sendall(text)


def address(owner: int) -> str:
    """The socket of the warm process for this workflow, Python, environment and source.

    Raises PermissionError where its folder is open to others.
    """
    python = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = os.path.join(os.path.dirname(sys.executable), "..", "lib", python, "site-packages")
    installed = os.stat(packages).st_mtime_ns if os.path.isdir(packages) else 0
    environment = sorted(item for item in os.environ.items() if item[0] not in SHELLS_OWN)
    parts = (owner, sys.executable, sys.version, installed, os.getcwd(), PACKAGE, environment)
    digest = hashlib.sha256(repr(parts).encode(errors="surrogateescape"))
    for file in sources(PACKAGE):
        with open(file, "rb") as source:
            digest.update(f"\0{file}\0".encode() + source.read())
    return os.path.join(private_folder(), digest.hexdigest()[:24])


def sources(folder: str) -> list[str]:
    """All Python files below a folder, in order."""
    found = (os.path.join(place, name) for place, _, names in os.walk(folder) for name in names)
    return sorted(file for file in found if file.endswith(".py"))


def private_folder() -> str:
    """A folder that nobody else can enter; whoever reaches a socket in it is this user."""
    base = os.environ.get("XDG_RUNTIME_DIR") or "/tmp"  # short: a socket's path has 107 bytes
    path = os.path.join(base, f"actgrid-{os.getuid()}")
    with contextlib.suppress(FileExistsError):
        os.mkdir(path, 0o700)
    facts = os.lstat(path)
    ours = stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid()
    if not ours or facts.st_mode & 0o077:
        raise PermissionError(f"{path} must be a folder that is yours, with permissions 700")
    return path


def connected(path: str, owner: int) -> socket.socket:
    """A connection to the warm process, which is started if it is not there; one client does it."""
    with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
        return connection(path)
    with open(os.path.join(os.path.dirname(path), "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError, ConnectionRefusedError):
            return connection(path)
        start(path, owner)
        return connection(path)


def connection(path: str) -> socket.socket:
    """A connection to the process that listens there."""
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(path)
    except OSError:
        server.close()
        raise
    return server


def start(path: str, owner: int) -> None:
    """Start the warm process, and wait until it listens.

    Raises NotWarm with its last words if it does not.
    """
    import subprocess

    server = subprocess.Popen(
        [sys.executable, "-P", "-m", "actgrid.warm.server", path, str(owner)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    with server.stdout:
        said = server.stdout.read()
    if said != READY:
        words = said.decode(errors="replace").split("\n")
        raise NotWarm("; ".join(["the warm process did not start", *filter(None, words[-2:])]))


def gone(process: int) -> bool:
    """Whether a process has ended."""
    try:
        descriptor = os.pidfd_open(process)
    except ProcessLookupError:
        return True
    return bool(select.select([descriptor], [], [], 0)[0])


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
