# On a cluster: what is worth a job of its own there, and no run twice. Included after all rules.
from snakemake.exceptions import WorkflowError

# Tables and figures take seconds, a job on a cluster five CPU-seconds of Snakemake; data need a network.
LONG = ("train_", "measure_cost", "measure_shapes")
workflow.localrules(*(rule.name for rule in workflow.rules if not rule.name.startswith(LONG)))


def get_leftovers():
    """Ids of Slurm's jobs that a Snakemake which was killed has left in this folder."""
    listed = shell("! command -v squeue > /dev/null || squeue --me --noheader --format='%i|%Z|%k' 2> /dev/null || true", read=True)
    jobs = [line.split("|", 2) for line in listed.splitlines()]
    return [job for job, folder, comment in jobs if folder == os.getcwd() and comment.startswith("rule_")]


# asked before it is looked which files are there: what ends in between would be run again
LEFTOVERS = get_leftovers() if workflow.is_main_process else []


def refuse_leftovers():
    """Raises WorkflowError while jobs of an earlier call are in the queue: they would run twice."""
    if LEFTOVERS:
        raise WorkflowError(
            f"{len(LEFTOVERS)} jobs of an earlier call are still in Slurm's queue and would run twice.",
            f"Let them end, what they finish counts; or end them: scancel {' '.join(LEFTOVERS)}",
        )
