"""A real Slurm of two pretended nodes on this machine: no systemd, as root, gone after the tests.

Programs are Debian's (munge slurmctld slurmd slurm-client). The jobs' own Snakemake drops every
SLURM_* variable, so that the configuration must be at its compiled-in path: it is mounted there in
a mount namespace of every process that is started here, and nothing outside the folder changes.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "squeue", "unshare")
NODES = ("n1", "n2")
INSIDE = 'mount --bind "$0" /etc/slurm && exec "$@"'
CONF = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=2
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
MpiDefault=none
MailProg=/bin/true
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,bf_interval=2
ReturnToService=0
SlurmdParameters=config_overrides
KillWait=2
MinJobAge=3600
EnforcePartLimits=ALL
GresTypes=gpu
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2 RealMemory=8000 Gres=gpu:1
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2 RealMemory=8000 Gres=gpu:1
PartitionName=idle Nodes=ALL Default=YES State=DOWN
PartitionName=main Nodes=ALL State=UP
"""


def missing():
    """Why there can be no Slurm here, or nothing."""
    absent = [name for name in PROGRAMS if not shutil.which(name)]
    if absent:
        return f"Slurm is not installed: no {', '.join(absent)}"
    if os.getuid():
        return "a Slurm of one's own needs root"
    if subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        return "a Slurm of one's own needs mount namespaces"
    return ""


def free_ports(count):
    """Ports of the loopback interface that nobody listens at."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [one.getsockname()[1] for one in sockets]


def until(true, what, seconds=120):
    """The first value of `true()` that is one; AssertionError after so many seconds."""
    end = time.monotonic() + seconds
    while not (value := true()):
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.3)
    return value


def processes():
    """(id, command line, environment) of all processes that are still there."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            texts = [(folder / name).read_bytes().decode() for name in ("cmdline", "environ")]
            yield int(folder.name), *texts


class Slurm:
    """The daemons, in a folder with a short name; jobs are asked for by `scontrol`, whole."""

    def __init__(self, folder):
        self.folder, self.etc, self.daemons = folder, folder / "etc", {}
        for name in ("etc", "state", "munge", *(f"spool.{node}" for node in NODES)):
            (folder / name).mkdir(mode=0o755)
        host = socket.gethostname().partition(".")[0]
        conf = CONF.format(folder=folder, host=host, ports=free_ports(3))
        (self.etc / "slurm.conf").write_text(conf)
        (self.etc / "gres.conf").write_text("Name=gpu File=/dev/null\n")
        (folder / "munge/key").write_bytes(os.urandom(1024))
        (folder / "munge/key").chmod(0o400)
        os.makedirs("/etc/slurm", exist_ok=True)

    def inside(self, *command):
        """The command where the configuration is this cluster's."""
        return ["unshare", "-m", "--propagation", "private", "sh", "-c", INSIDE, self.etc, *command]

    def start(self):
        munge = self.folder / "munge"
        files = {
            "socket": "socket",
            **{f"{name}-file": name for name in ("key", "log", "seed", "pid")},
        }
        options = [f"--{option}={munge / name}" for option, name in files.items()]
        self.daemon("munged", "--foreground", "--force", *options)
        until((munge / "socket").exists, "munge", 20)
        self.daemon("slurmctld", "-D")
        for node in NODES:
            self.daemon("slurmd", "-D", "-N", node)
        until(lambda: self("sinfo", "-hN", "-o%t").split() == 4 * ["idle"], "idle nodes", 30)

    def daemon(self, *command):
        with open(self.folder / f"{command[0]}{len(self.daemons)}.log", "w") as log:
            daemon = subprocess.Popen(self.inside(*command), stdout=log, stderr=log)
        self.daemons[command] = daemon

    def __call__(self, *command):
        """What a command of Slurm says; nothing if it fails."""
        done = subprocess.run(self.inside(*command), capture_output=True, text=True, timeout=60)
        return done.stdout

    def jobs(self, words=""):
        """Slurm's facts on all jobs whose comment has the words, oldest first."""
        lines = self("scontrol", "--oneliner", "show", "job").splitlines()
        jobs = [dict(part.split("=", 1) for part in line.split() if "=" in part) for line in lines]
        found = [job for job in jobs if "JobId" in job and words in job["Comment"]]
        return sorted(found, key=lambda job: int(job["JobId"]))

    def queued(self):
        return self("squeue", "-h", "-o%i").split()

    def crash(self, node):
        """The node as after a loss of power: slurmd and all processes of its jobs end at once."""
        ids = "|".join(job["JobId"] for job in self.jobs() if job["NodeList"] == node)
        self.daemons.pop(("slurmd", "-D", "-N", node)).kill()
        for pattern, place in (
            (rf"slurmstepd: \[({ids})\.", 1),
            (rf"(^|\0)SLURM_JOB_ID=({ids})\0", 2),
        ):
            for process in processes():  # the job's keepers first: they would report its end
                if re.search(pattern, process[place]):
                    with suppress(ProcessLookupError):
                        os.kill(process[0], signal.SIGKILL)
        self.set(node, "down")

    def mend(self, node):
        self.daemon("slurmd", "-D", "-N", node)
        self.set(node, "resume")

    def set(self, node, state):
        self("scontrol", "update", f"nodename={node}", f"state={state}", "reason=tests")

    def stop(self):
        self("scancel", "--user=root")
        with ExitStack() as stack:
            stack.callback(self.kill)
            until(lambda: not self.queued(), "the end of all jobs", 30)

    def kill(self):
        for daemon in self.daemons.values():
            daemon.terminate()
        for daemon in self.daemons.values():
            try:
                daemon.wait(15)
            except subprocess.TimeoutExpired:
                daemon.kill()
