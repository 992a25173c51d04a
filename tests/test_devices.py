"""The choice of a device, what is set on a GPU, and the message when its memory is full."""

import os

import pytest
import torch
from test_experiment import run

from actgrid import devices, experiment

CPU = torch.device("cpu")


@pytest.fixture
def gpus(monkeypatch):
    """Makes torch say that there are so many."""

    def there_are(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return there_are


def test_a_gpu_is_taken_where_there_is_one_by_its_number(gpus):
    gpus(2)
    names = {"auto": 0, "cuda": 0, "cuda:0": 0, "cuda:1": 1}
    assert {name: devices.choose(name) for name in names} == {
        name: torch.device("cuda", number) for name, number in names.items()
    }
    assert devices.choose("cpu") == CPU
    with pytest.raises(ValueError, match="device = 'cuda:2': GPUs here: 2; use 'auto' or 'cpu'"):
        devices.choose("cuda:2")


def test_a_gpu_that_is_not_there_is_refused_and_auto_falls_back(gpus):
    gpus(0)
    assert devices.choose("auto") == devices.choose("cpu") == CPU
    for name in ("cuda", "cuda:1"):
        with pytest.raises(
            ValueError, match=f"device = '{name}': no GPU here; use 'auto' or 'cpu'"
        ):
            devices.choose(name)


def settings():
    """What `prepare` may set."""
    return (
        torch.are_deterministic_algorithms_enabled(), torch.backends.cudnn.allow_tf32,
        torch.utils.deterministic.fill_uninitialized_memory,
        os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
    )  # fmt: skip


def test_a_gpu_is_set_to_give_the_same_numbers_again_a_cpu_is_left_alone(monkeypatch):
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    before, current = settings(), []
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    try:
        devices.prepare(CPU)
        assert settings() == before and not current
        devices.prepare(torch.device("cuda", 1))
        assert settings() == (True, False, False, ":4096:8")
        assert torch.is_deterministic_algorithms_warn_only_enabled()
        assert current == [torch.device("cuda", 1)]
    finally:
        torch.use_deterministic_algorithms(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]
        torch.utils.deterministic.fill_uninitialized_memory = before[2]
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


def ended_by(error):
    raise error


FULL = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has ..."),
    RuntimeError("CUDA error: out of memory"),  # as the process starts to use the GPU
]


@pytest.mark.parametrize("error", FULL, ids=["torch", "cuda"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_full_gpu_ends_a_run_with_one_message(error, wrapped, images, monkeypatch):
    def train(*_):
        try:
            raise error
        finally:
            if wrapped:  # as a recording that is cut off does
                raise RuntimeError("operation failed due to a previous error")

    monkeypatch.setattr(experiment, "train", train)
    with pytest.raises(ValueError, match="the GPU's memory is full; what helps: .*gpu_slots"):
        run(images, {"function": "relu"})


def test_other_errors_stay_what_they_are(images, monkeypatch):
    monkeypatch.setattr(experiment, "train", lambda *_: ended_by(RuntimeError("shapes differ")))
    with pytest.raises(RuntimeError, match="shapes differ"):
        run(images, {"function": "relu"})
