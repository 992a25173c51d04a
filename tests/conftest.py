"""What several test files need."""

import subprocess
from pathlib import Path

import matplotlib
import numpy as np
import pytest

from actgrid.data import Dataset, banknote
from actgrid.figures import style

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


@pytest.fixture
def images():
    """200 + 70 images of four bright quadrants: learnable, and no multiple of the batch size."""
    rng = np.random.default_rng(0)

    def drawn(n):
        labels = rng.integers(0, 4, n).astype(np.uint8)
        x = rng.integers(0, 60, (n, 1, 28, 28)).astype(np.uint8)
        for image, label in zip(x, labels, strict=True):
            image[0, 14 * (label // 2) :, 14 * (label % 2) :] += 120
        return x, labels

    return Dataset("toy", *drawn(200), *drawn(0), *drawn(70), tuple("abcd"), "0" * 64)


@pytest.fixture(scope="session")
def banknotes():
    """The real data, from the file in the repository."""
    (name,) = banknote.FILES[0]
    arrays, _ = banknote.arrays({name: (ROOT / "resources" / name).read_bytes()})
    return Dataset("banknote", **arrays, classes=banknote.CLASSES, sha256="2" * 64)


@pytest.fixture
def fit():
    """Asserts that figures (name -> figure, from a function) fit the page, whole, and that drawing
    them leaves matplotlib's own settings alone."""

    def check(draw):
        settings = dict(matplotlib.rcParams)
        for name, figure in draw().items():
            with matplotlib.rc_context(style.RC):
                figure.draw_without_rendering()
                box = figure.get_tightbbox()
            width, height = figure.get_size_inches()
            assert width <= style.WIDTH + 1e-9 and height <= style.MAX_HEIGHT + 1e-9, name
            assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height, name
        assert dict(matplotlib.rcParams) == settings

    return check
