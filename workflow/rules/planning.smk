# What a plan of thousands of jobs would pay for again and again; without it the plan is the same.
import gc
import inspect
import tempfile

from snakemake import jobs

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
    last = [(), None]  # what it was formatted of, as far as that changes, and the line

    def shellcmd(job):
        if not job.rule.shellcmd:
            return None
        parts = (job, job.params, job.resources)
        if list(map(id, parts)) != list(map(id, last[0])):
            last[:] = parts, formatted(job)
        return last[1]

    return shellcmd


# no interface of Snakemake's: where it looks different, the line is formatted each time
shellcmd = getattr(getattr(jobs, "Job", None), "shellcmd", None)
if isinstance(shellcmd, property):
    jobs.Job.shellcmd = property(format_once(shellcmd.fget))
