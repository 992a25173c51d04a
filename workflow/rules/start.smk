# How the scripts of runs are started: by the client of a process that has torch loaded, or plainly.
from snakemake.settings.types import DeploymentMethod

GPUS = ["nvidiactl", "kfd", "dxg"]  # device nodes


def is_warm():
    """Whether runs are forked: on this machine, not on a cluster, nor on a GPU, which survives no fork."""
    gpu = any((Path(os.devnull).parent / name).exists() for name in GPUS)
    here = workflow.local_exec and not workflow.remote_exec and sys.platform == "linux"
    return here and not (gpu and config["device"] != "cpu")


def get_python():
    """Snakemake's own, or that of the conda environment of a job."""
    deployed = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
    return "python" if deployed else sys.executable


# no parameters of a run: changed they train nothing again; ACTGRID_WARM may come from the user
PYTHON, WARM = get_python(), int(is_warm())
shell.prefix("set -euo pipefail; export ACTGRID_PYTHON={PYTHON:q} ACTGRID_WARM=${{ACTGRID_WARM:-{WARM}}}; ")
