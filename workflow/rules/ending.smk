# What failed is named once more at the end, where nothing else follows it.
def get_logs(job):
    """The logs that a failed job left: its own and, on a cluster, Slurm's of the last attempt."""
    settings = workflow.executor_settings
    logs = [log for log in job.log if os.path.exists(log)]
    if job.is_local or not getattr(settings, "logdir", None):
        return logs
    folder = settings.logdir / f"rule_{job.name}" / "_".join(job.wildcards).replace(os.sep, "_")
    return logs + sorted(map(str, folder.glob("*.log")), key=os.path.getmtime)[-1:]


def get_failures():
    """A job that failed for good and its logs, a line each."""
    failed = sorted(workflow.scheduler.failed, key=lambda job: (job.name, *job.wildcards))
    for job in failed:
        yield f"  {job.name} {os.path.join('', *job.wildcards)}".rstrip()
        yield from (f"    {log}" for log in get_logs(job) or ["it left no log"])


onerror:
    if workflow.scheduler.failed:
        rest = len(workflow.scheduler.remaining_jobs)
        head = f"Failed: {len(workflow.scheduler.failed)} jobs; not run: {rest} others. The failed ones and their logs:"
        logger.error("\n".join([head, *get_failures()]))
