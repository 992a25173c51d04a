"""Files that are whole or not there, whenever the process that writes them is killed."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name in the same folder to write to: renamed to `path` once the block has ended well.

    If it has not, that file goes, and what was there before stays.
    """
    temporary = temporary_name(path)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_name(path: Path) -> Path:
    """What a file is called while it is written; a killed process may leave it."""
    return path.with_name(f".{path.name}.part")


def write(outputs: list[str], contents: dict[str, bytes]) -> None:
    """Write the contents (stem -> bytes) to those of the files `outputs` that have their names.

    All are written, then all are renamed, in their order.
    """
    files = {Path(output).stem: Path(output) for output in outputs}
    with contextlib.ExitStack() as stack:
        for stem, content in reversed(contents.items()):  # the stack ends backwards
            stack.enter_context(whole(files[stem])).write_bytes(content)
