"""The warm process: has loaded what scripts need, and forks once for each client's script.

python -m actgrid.warm.server SOCKET OWNER

ACTGRID_LOADS names the modules to load, else it is what training needs, torch above all.
It never computes anything itself, so each run starts with the memory, threads and generators of a
fresh process. It ends with its owner, or when it was idle; its runs end with it and with their
clients. Linux only.
"""

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys

from actgrid import data
from actgrid.activations import ACTIVATIONS
from actgrid.architectures import ARCHITECTURES
from actgrid.warm.client import READY, address, end_with_parent
from actgrid.warm.script import called

IDLE = 30.0  # seconds without a run after which it ends
PATIENCE = 10.0  # seconds for a client to say what it wants
LONGEST = 1 << 24  # bytes of a request; a command line has fewer
TRAINING = (
    *("tqdm", "actgrid.experiment", "actgrid.records"),
    *sorted({f"actgrid.activations.{module}" for module in ACTIVATIONS.values()}),
    *sorted({f"actgrid.architectures.{module}" for module in ARCHITECTURES.values()}),
)
GENERATORS = ("torch", "numpy.random")  # what a script does not seed differs from run to run


def main(path: str, owner: int) -> None:
    """Load, listen at `path`, say so on stdout, and serve."""
    ending = os.pidfd_open(owner)
    for name in os.environ.get("ACTGRID_LOADS", "").split() or TRAINING:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is loaded stays shared with the runs
    threads = len(os.listdir("/proc/self/task"))
    if threads > 1:
        sys.exit(f"{threads} threads after loading: not safe to fork")
    if address(owner) != path:
        sys.exit("the source has changed while it was loaded")
    with listening(path) as listener:
        os.write(1, READY)
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        Server(listener, path, ending).serve()


def listening(path):
    """A listening socket that takes the place of what a dead process may have left there."""
    listener = socket.socket(socket.AF_UNIX)
    own = f"{path}.{os.getpid()}"
    listener.bind(own)
    listener.listen(128)
    os.rename(own, path)
    return listener


class Server:
    """The runs under way, and what is waited for: clients, their runs, the owner."""

    def __init__(self, listener, path, ending):
        self.listener, self.path, self.inode = listener, path, os.stat(path).st_ino
        self.runs = set()
        self.waiting = selectors.DefaultSelector()
        self.wait_for(listener, self.accept)
        self.wait_for(ending, self.end)

    def wait_for(self, what, action):
        self.waiting.register(what, selectors.EVENT_READ, action)

    def serve(self):
        """Until the owner has ended, or nothing was asked for some time."""
        while True:
            events = self.waiting.select(None if self.runs else IDLE)
            if not events:
                self.withdraw()
                events = self.waiting.select(0)  # who came just before
                if not events:
                    self.end()
            for key, _ in events:
                if key.fd in self.waiting.get_map():  # not dropped by the event before
                    key.data()

    def withdraw(self):
        """Take the socket's name away, unless it is another process's by now."""
        with contextlib.suppress(FileNotFoundError):
            if os.stat(self.path).st_ino == self.inode:
                os.unlink(self.path)

    def accept(self):
        """Start a client's run; one that says nothing or nonsense, or cannot be run, is dropped."""
        client, _ = self.listener.accept()
        client.settimeout(PATIENCE)
        descriptors = []
        try:
            command, descriptors = received(client)
            self.fork(client, command, descriptors)
        except (OSError, ValueError):
            client.close()
        for descriptor in descriptors:
            os.close(descriptor)

    def fork(self, client, command, descriptors):
        """The process of a run, which keeps nothing open that is not its own."""
        server, (learnt, tell) = os.getpid(), os.pipe()
        if child := os.fork():
            os.close(tell)
            with contextlib.suppress(OSError):
                os.setpgid(child, child)  # what the script starts belongs to the run
            return self.runs.add(Run(self, client, child, learnt))
        try:
            for key in self.waiting.get_map().values():
                os.close(key.fd)
            os.close(client.detach())
            run(server, command, descriptors, tell)
        finally:
            os._exit(1)  # it never goes on as a second server

    def end(self):
        """The runs end with this process; see run."""
        for run in self.runs:
            run.kill()
        self.withdraw()
        os._exit(0)


class Run:
    """A client and the process that runs its script; the one does not outlive the other."""

    def __init__(self, server, client, child, learnt):
        self.server, self.client, self.child, self.learnt = server, client, child, learnt
        self.process = os.pidfd_open(child)
        server.wait_for(client, self.cancel)
        server.wait_for(self.process, self.end)

    def cancel(self):
        """The client has gone."""
        self.server.waiting.unregister(self.client)
        self.kill()

    def kill(self):
        """Kill the process, and what its script has started."""
        signal.pidfd_send_signal(self.process, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child, signal.SIGKILL)

    def end(self):
        """The process has ended: tell the client, and keep what it learnt on the data."""
        self.server.waiting.unregister(self.process)
        self.kill()  # what it has left behind
        status = os.waitstatus_to_exitcode(os.waitpid(self.child, 0)[1])
        with contextlib.suppress(KeyError):
            self.server.waiting.unregister(self.client)
        with contextlib.suppress(OSError):
            self.client.sendall(str(status).encode())
        with open(self.learnt, "rb") as pipe:
            data.VERIFIED.update(json.loads(pipe.read() or "{}"))
        self.client.close()
        os.close(self.process)
        self.server.runs.discard(self)


def received(client):
    """A request (client.send): the script with its arguments, and three descriptors."""
    head, descriptors, *_ = socket.recv_fds(client, 4, 3)
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    length = int.from_bytes(head)
    with client.makefile("rb") as rest:
        text = rest.read(min(length, LONGEST))
    if len(descriptors) != 3 or len(text) != length:
        raise ValueError("a client's request is cut short")
    return text.decode(errors="surrogateescape").split("\0"), descriptors


def run(server, command, descriptors, tell):
    """In the forked process: the script, with the client's stdout and stderr; never returns."""
    end_with_parent(server)
    os.dup2(descriptors[0], 1)
    os.dup2(descriptors[1], 2)
    for name in sys.modules.keys() & GENERATORS:
        sys.modules[name].seed()
    sys.argv = command
    status = called(command[0])
    os.write(tell, json.dumps(data.VERIFIED).encode())
    os._exit(status)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
