# One job a run: a cell (dataset, architecture, activation, seed) of the grid.
from snakemake.settings.types import DeploymentMethod

RUN = "{dataset}/{architecture}/{activation}/{seed}"
IS_LEARNED = "|".join(sorted({re.escape(run.activation) for run in LEARNED})) or "(?!)"
OTHERS = {re.escape(run.activation) for run in RUNS} - set(IS_LEARNED.split("|"))
GPUS = ["nvidiactl", "kfd", "dxg"]  # device nodes

def get_start():
    """What starts the script of a run: on this machine the client of a process that has torch
    loaded, on a cluster and beside a GPU, which no fork survives, Python itself."""
    in_conda = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
    python = "python" if in_conda else sys.executable
    gpu = config["device"] != "cpu" and any(Path(f"/dev/{name}").exists() for name in GPUS)
    here = workflow.local_exec and not workflow.remote_exec and sys.platform == "linux"
    if not here or gpu or os.environ.get("ACTGRID_WARM") == "0":
        return [python, "-P"]
    return [python, "-I", "-S", "src/actgrid/warm/client.py", str(os.getpid())]


START = get_start()


rule train_run:
    input:
        data=ancient(rules.fetch_data.output),  # verified by content; no younger copy matters
        before=get_learned_before,
        checked=get_checks,
        source=get_run_source,
    output:
        epochs=f"<results>/runs/{RUN}/epochs.csv",
        run=f"<results>/runs/{RUN}/run.json",
        layers=f"<results>/runs/{RUN}/layers.csv",
    wildcard_constraints:
        activation="|".join(sorted(OTHERS)) or "(?!)",
    params:
        settings=get_settings_text,
    log:
        f"logs/<results>/{RUN}.log",
    threads: 1
    conda:
        "../../environment.yml"
    shell:
        "{START:q} workflow/scripts/train_run.py"
        " {wildcards.dataset:q} {wildcards.architecture:q} {wildcards.activation:q} {wildcards.seed:q}"
        " {params.settings:q} {threads} {input.data[0]:q} {log:q} {output:q}"


# A run that learns its activation leaves that as well, for its figures and for other networks.
use rule train_run as train_learned with:
    output:
        epochs=f"<results>/runs/{RUN}/epochs.csv",
        run=f"<results>/runs/{RUN}/run.json",
        layers=f"<results>/runs/{RUN}/layers.csv",
        activation=f"<results>/runs/{RUN}/activation.pt",
        graph=f"<results>/runs/{RUN}/graph.csv",
        preactivations=f"<results>/runs/{RUN}/preactivations.csv",
    wildcard_constraints:
        activation=IS_LEARNED,
