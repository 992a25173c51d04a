"""The device that a run trains on: which one, how it repeats its numbers, when it is full."""

import contextlib
import os

import torch


def choose(name: str) -> torch.device:
    """The device of a name: "auto" is the GPU where there is one, else the CPU; "cuda" the first.

    Raises ValueError for a GPU that is not there.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == "auto" and not count):
        return torch.device("cpu")
    number = torch.device("cuda" if name == "auto" else name).index or 0
    if number >= count:
        here = f"GPUs here: {count}" if count else "no GPU here"
        raise ValueError(f"device = {name!r}: {here}; use 'auto' or 'cpu' in config.yaml")
    return torch.device("cuda", number)


def prepare(device: torch.device) -> None:
    """Let a GPU give the same numbers each time, and float32 be float32; to be called before it
    computes anything. Where PyTorch knows no such kernel it warns."""
    if device.type != "cuda":
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.cuda.set_device(device)
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # a check of PyTorch's, at a cost
    torch.backends.cudnn.allow_tf32 = False  # by default its convolutions keep 10 bits of 23


def generators(device: torch.device) -> dict[str, torch.Generator]:
    """torch's own generators, which dropout draws from: the CPU's and, by its name, the GPU's."""
    own = {"generator": torch.default_generator}
    if device.type == "cuda":
        own["cuda generator"] = torch.cuda.default_generators[device.index]
    return own


@contextlib.contextmanager
def memory_explained():
    """Within it a GPU or a machine that is out of memory is a ValueError that says what helps."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, MemoryError) or "can't allocate memory" in str(error):
            help_ = "fewer runs beside each other (--cores), or smaller batches"
            raise ValueError(f"there is no memory left; what helps: {help_}") from error
        if not out_of_memory(error):
            raise
        help_ = "fewer runs beside each other (gpu_slots), nothing else on it, or smaller batches"
        raise ValueError(f"the GPU's memory is full; what helps: {help_}") from error


def out_of_memory(error: BaseException | None) -> bool:
    """An error, or one that it came of, says so: torch's own, or CUDA's as it starts."""
    while error and "out of memory" not in str(error):
        error = error.__cause__ or error.__context__
    return error is not None
