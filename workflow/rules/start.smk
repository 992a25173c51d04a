# How scripts are started: by the client of a process that has loaded what they need, or plainly.
from snakemake import script as scripts
from snakemake.settings.types import DeploymentMethod

GPUS = ["nvidiactl", "kfd", "dxg"]  # device nodes


def is_warm():
    """Whether runs are forked: not on a node of a cluster, nor on a GPU, which survives no fork.

    Beside a call that gives jobs to a cluster, rules that stay on this machine are forked too.
    """
    gpu = any((Path(os.devnull).parent / name).exists() for name in GPUS)
    forks = not workflow.remote_exec and sys.platform == "linux"
    return forks and not (gpu and config["device"] != "cpu")


def get_python():
    """Snakemake's own, or that of the conda environment of a job."""
    deployed = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
    return "python" if deployed else sys.executable


# no parameters of a run: changed they train nothing again; ACTGRID_WARM may come from the user
PYTHON, WARM = get_python(), int(is_warm())
shell.prefix("set -euo pipefail; export ACTGRID_PYTHON={PYTHON:q} ACTGRID_WARM=${{ACTGRID_WARM:-{WARM}}}; ")


def get_loaded():
    """Modules that a process for tables and figures loads; few scripts need torch, and load it themselves."""
    figures = sorted(file.stem for file in Path("src/actgrid/figures").glob("*.py"))
    others = ["aggregates", "claims", "explore", "report", "shapes", "shape_claims", "summary", "tables"]
    package = [*others, *(f"figures.{name}" for name in figures if name != "__init__")]
    formats = [f"matplotlib.backends.backend_{name}" for name in ("agg", "pdf", "svg")]
    return ["snakemake.iocontainers", "snakemake.logging", *formats, *(f"actgrid.{name}" for name in package)]


def start_script(plainly):
    """PythonScript.execute_script, by the client; without a fork with several threads, which survive none."""
    variables = {"ACTGRID_LOADS": " ".join(get_loaded())}
    variables["JE_ARROW_MALLOC_CONF"] = "background_thread:false"  # pyarrow's allocator starts one

    def execute_script(self, fname, edit=False):
        if self.conda_env or self.container_img or self.env_modules:
            return plainly(self, fname, edit)
        alone = {"ACTGRID_WARM": "0"} if self.threads > 1 else {}
        command = '"$ACTGRID_PYTHON" -I -S src/actgrid/warm/client.py $PPID {fname:q}'
        self._execute_cmd(command, fname=fname, additional_envvars=variables | alone)

    return execute_script


# no interface of Snakemake's: where it looks different, scripts are started plainly
PythonScript = getattr(scripts, "PythonScript", None)
if hasattr(PythonScript, "execute_script") and hasattr(PythonScript, "_execute_cmd"):
    PythonScript.execute_script = start_script(PythonScript.execute_script)
