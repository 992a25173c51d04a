"""Where a result comes from: commit, versions, hardware."""

import importlib.metadata
import platform
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

from actgrid import __version__

PACKAGES = ("torch", "numpy")


class Watch:
    """Seconds of a run: of the wall and of the processor, those before it was cut off too."""

    def __init__(self):
        self.start = {"wall_seconds": time.perf_counter(), "cpu_seconds": time.process_time()}

    def state_dict(self):
        """The seconds so far."""
        now = {"wall_seconds": time.perf_counter(), "cpu_seconds": time.process_time()}
        return {name: now[name] - self.start[name] for name in now}

    def load_state_dict(self, state):
        """Count on from a state."""
        self.start = {name: start - state[name] for name, start in self.start.items()}


def provenance(device) -> dict:
    """Commit and whether it was clean (None outside a git checkout), versions, hardware, time."""
    commit, changes = _git("rev-parse", "HEAD"), _git("status", "--porcelain", "-uno")
    return {
        "commit": commit,
        "clean": None if None in (commit, changes) else not changes,
        "versions": {"python": platform.python_version(), "actgrid": __version__}
        | {name: importlib.metadata.version(name) for name in PACKAGES},
        "platform": platform.platform(),
        "processor": processor(),
        "device": device_name(device),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def device_name(device) -> str:
    """ "cpu", or the GPU's product name."""
    if device.type != "cuda":
        return str(device)
    import torch

    return torch.cuda.get_device_name(device)


def processor() -> str:
    """The processor's model name, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _git(*arguments):
    try:
        done = subprocess.run(
            ["git", *arguments], capture_output=True, text=True, check=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
