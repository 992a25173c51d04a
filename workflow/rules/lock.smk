# The locks of a Snakemake that was killed on this machine are removed, so that the next one just starts.
import fcntl

HOST = f"{os.uname().nodename}\n"


def take_part(file):
    """A file that this process has locked until it ends, however it ends; its lines say who took part.

    Whoever has it alone is the only Snakemake here, and locks are those of a killed one. They stay
    if it may have been on another machine, or gave its jobs to a cluster, where they may go on.
    """
    file.parent.mkdir(exist_ok=True)
    owners = open(file, "a+")
    try:
        fcntl.flock(owners, fcntl.LOCK_EX | fcntl.LOCK_NB)
        clean(owners, list(file.parent.glob("locks/*.lock")))
    except BlockingIOError:
        pass  # another one is at work
    fcntl.flock(owners, fcntl.LOCK_SH)
    note(owners, HOST)
    return owners


def clean(owners, locks):
    """Remove what a killed one has left, if that is known; then begin the file anew."""
    owners.seek(0)
    if locks and {*owners} != {HOST}:
        return note(owners, "unknown\n")
    for lock in locks:
        lock.unlink()
    owners.truncate(0)


def note(owners, line):
    """Add a line to the file."""
    print(line, end="", file=owners, flush=True)


OWNERS = None
if workflow.is_main_process:
    try:
        OWNERS = take_part(Path(".snakemake/owners"))
    except OSError:
        pass  # a folder that cannot be written to, or a file system without such locks


def note_cluster():
    """Jobs go to a cluster, and outlive this process."""
    if OWNERS and not workflow.local_exec:
        note(OWNERS, "cluster\n")
