# What Snakemake would do again and again for thousands of jobs and files; without it, plan and jobs are the same.
import gc
import importlib
import inspect
import tempfile

# Nearly all that a plan makes is kept; looking through it for garbage took a seventh of the time.
gc.freeze()
gc.set_threshold(20_000)


def get_tmpdir():
    """Snakemake's own default of the resource tmpdir, which it would evaluate for each run."""
    return {} if workflow.resource_settings.default_resources else {"tmpdir": tempfile.gettempdir()}


def signed(function):
    """The function with its signature at hand, for which Snakemake asks several times a job."""
    function.__signature__ = inspect.signature(function)
    return function


def format_once(formatted):
    """Job.shellcmd, formatted once for the three times in a row that a job is printed with it."""
    line_of = formatted.fget
    last = [(), None]  # what it was formatted of, as far as that changes, and the line

    def shellcmd(job):
        if not job.rule.shellcmd:
            return None
        parts = (job, job.params, job.resources)
        if list(map(id, parts)) != list(map(id, last[0])):
            last[:] = parts, line_of(job)
        return last[1]

    return property(shellcmd)


def no_pipes(searched):
    """Job.is_pipe_or_service_input, without a search for each input among all jobs before: no rule has either."""
    return lambda job, path: False


def sum_once(recorded):
    """PersistenceBase.finished, which takes the checksums of all inputs for each output, with a memory for one job."""

    async def finished(records, job):
        workflow = records.dag.workflow
        usual, workflow.iocache = workflow.iocache, type(workflow.iocache)(0)
        try:
            await recorded(records, job)
        finally:
            workflow.iocache = usual

    return finished


def replace(module, owner, name, make):
    """Put what `make` makes of a method of Snakemake's in its place; where there is none such, do nothing."""
    try:
        found = getattr(importlib.import_module(f"snakemake.{module}"), owner)
        setattr(found, name, make(getattr(found, name)))
    except (ImportError, AttributeError):  # none is an interface
        return


replace("jobs", "Job", "shellcmd", format_once)
replace("jobs", "Job", "is_pipe_or_service_input", no_pipes)
replace("persistence", "PersistenceBase", "finished", sum_once)
