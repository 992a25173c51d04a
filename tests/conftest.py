"""What several test files need."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def tracked():
    """Paths, relative to the checkout, of the files and links that git does not ignore."""
    done = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        pytest.skip("needs a git checkout")
    names = filter(None, done.stdout.split("\0"))
    return [name for name in names if (ROOT / name).is_file() or (ROOT / name).is_symlink()]
