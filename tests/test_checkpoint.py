"""Cut off after any epoch and taken up again, a training gives the same numbers to the last bit."""

import json
import logging
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml

from actgrid import checkpoint, experiment, grid, records, whole
from actgrid.checkpoint import Checkpoint
from actgrid.data import Dataset

ROOT = Path(__file__).parents[1]
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
SGD = {
    "optimizer": "sgd", "learning_rate": 0.05, "momentum": 0.0, "batch_size": 64, "epochs": 4,
    "shuffle": True, "loss": "cross_entropy", "precision": "float32",
}  # fmt: skip
MOMENTUM = SGD | {"momentum": 0.9}
ADAM = SGD | {"optimizer": "adam", "learning_rate": 0.01, "loss": "binary_cross_entropy"}
MONITORED = ADAM | {"monitor": "valid_auc", "patience": 2, "epochs": 9}
LEARNED = {"function": "learned", "base": "tanh", "layers": [8, 4]}
AFFINE = {"function": "affine", "alpha": 0.1, "beta": 0.9}
TIMES = ("wall_seconds", "cpu_seconds", "diagnostics_seconds", "finished")


class Cut(Exception):
    """What ends a training in these tests."""


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """A checkpoint after every epoch."""
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)


@pytest.fixture
def table():
    """Two noisy classes of four features."""
    rng, arrays = np.random.default_rng(0), []
    for n in (300, 150, 150):
        x = rng.normal(size=(n, 4)).astype(np.float32)
        arrays += [x, (x[:, 0] * x[:, 1] + rng.normal(size=n) > 0).astype(np.uint8)]
    return Dataset("toy", *arrays, ("no", "yes"), "1" * 64)


def settings(protocol, activation, graphs=False, diagnostics=True):
    return {"activation": activation, "protocol": protocol, "device": "cpu",
            "cuda_graphs": graphs, "diagnostics": diagnostics}  # fmt: skip


def run(data, architecture, chosen, folder, end=None, seed=3):
    """What a run leaves; with `end` it is cut off when that epoch is done, before it is kept."""

    def on_epoch(epoch):
        if epoch.epoch == end:
            raise Cut

    kept = folder and Checkpoint(folder / "checkpoint.pt")
    cell = grid.Run("", "toy", architecture, "activation", seed)
    return left(cell, experiment.run_one(cell, chosen, data, on_epoch, kept))


def left(cell, result):
    """Contents of a run's files, without what no two runs share."""
    history = [replace(epoch, seconds=0.0) for epoch in result.history]
    files = records.files(cell, replace(result, history=history))
    facts = json.loads(files["run"])
    return files | {"run": {key: facts[key] for key in facts if key not in TIMES}}


CASES = {
    "sgd": ("mlp_512_256_256_128", settings(SGD, {"function": "relu"})),
    "momentum": ("mlp_512_256_256_128", settings(MOMENTUM, {"function": "relu"})),
    "adam, BatchNorm, dropout, trained": ("banknote_mlp", settings(ADAM, AFFINE)),
    "recorded": ("banknote_mlp", settings(ADAM, AFFINE, graphs=True)),
    "monitored": ("mlp_48_24_16", settings(MONITORED, {"function": "relu"})),
    "learned": ("mlp_48_24_16", settings(MONITORED, LEARNED, diagnostics=False)),
    "rrelu": ("mlp_48_24_16", settings(ADAM, {"function": "rrelu"})),
    "bfloat16": ("mlp_48_24_16", settings(ADAM | {"precision": "bfloat16"}, AFFINE)),
}


@pytest.mark.parametrize(("architecture", "chosen"), CASES.values(), ids=CASES)
def test_a_run_cut_off_after_any_epoch_leaves_what_an_undisturbed_one_leaves(
    table, tmp_path, architecture, chosen
):
    undisturbed = run(table, architecture, chosen, None)
    epochs = undisturbed["epochs"].count(b"\n") - 1
    for end in range(1, epochs + 1):  # each time it goes one epoch further
        with pytest.raises(Cut):
            run(table, architecture, chosen, tmp_path, end)
    assert run(table, architecture, chosen, tmp_path) == undisturbed


def test_it_goes_on_after_the_last_kept_epoch(table, tmp_path, caplog):
    architecture, chosen = CASES["adam, BatchNorm, dropout, trained"]
    with pytest.raises(Cut):
        run(table, architecture, chosen, tmp_path, 3)
    seen = []
    kept = Checkpoint(tmp_path / "checkpoint.pt")
    cell = SimpleNamespace(architecture=architecture, seed=3)
    with caplog.at_level(logging.INFO):
        result = experiment.run_one(cell, chosen, table, seen.append, kept)
    assert [epoch.epoch for epoch in seen] == [3, 4] and len(result.history) == 4
    assert "goes on after epoch 2" in caplog.text
    whole_run = experiment.run_one(cell, chosen, table, kept=kept)  # from behind the last epoch
    assert whole_run.history == result.history
    assert whole_run.facts["wall_seconds"] > result.history[-1].seconds


def test_a_run_of_other_settings_source_data_or_seed_starts_anew(table, tmp_path, caplog):
    architecture, chosen = CASES["adam, BatchNorm, dropout, trained"]
    others = {
        "settings": {"chosen": chosen | {"protocol": ADAM | {"learning_rate": 0.02}}},
        "source": {"chosen": chosen | {"source": "another"}},
        "data": {"data": replace(table, sha256="2" * 64)},
        "seed": {"seed": 4},
        "activation": {"chosen": chosen | {"activation": AFFINE | {"beta": 0.5}}},
    }
    for name, change in others.items():
        same = {"data": table, "architecture": architecture, "chosen": chosen}
        with pytest.raises(Cut):
            run(**same, folder=tmp_path, end=3)
        caplog.clear()
        with caplog.at_level(logging.INFO):
            disturbed = run(**same | change, folder=tmp_path)
        assert disturbed == run(**same | change, folder=None), name
        assert "is of other settings" in caplog.text, name


def test_an_initial_network_of_another_content_starts_anew(table, tmp_path):
    """A saved activation that was learned anew stands under the same settings."""
    kept = Checkpoint(tmp_path / "checkpoint.pt")
    model = torch.nn.Linear(2, 1)
    kept.resume(model=model)
    kept.save([])
    (kept_again := Checkpoint(kept.file)).resume(model=model)
    assert kept_again._read()
    with torch.no_grad():
        model.weight += 1
    (other := Checkpoint(kept.file)).resume(model=model)
    assert not other._read()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"\x80\x04nonsense."])
def test_a_broken_file_is_left_aside_with_a_word(table, tmp_path, caplog, content):
    architecture, chosen = CASES["sgd"]
    (tmp_path / "checkpoint.pt").write_bytes(content)
    assert run(table, architecture, chosen, tmp_path) == run(table, architecture, chosen, None)
    assert "cannot be read" in caplog.text and "from the beginning" in caplog.text


def test_a_file_that_would_run_code_does_not(table, tmp_path):
    class Code:
        def __reduce__(self):
            return Path.touch, (tmp_path / "was run",)

    torch.save({"key": Code()}, tmp_path / "checkpoint.pt")
    run(table, *CASES["sgd"], tmp_path)
    assert not (tmp_path / "was run").exists()


def test_a_short_run_writes_none_and_removal_needs_none(table, tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoint, "INTERVAL", 3600.0)
    run(table, *CASES["sgd"], tmp_path)
    assert not list(tmp_path.iterdir())
    Checkpoint(tmp_path / "checkpoint.pt").remove()
    for name in ("checkpoint.pt", ".checkpoint.pt.part"):  # a killed run leaves either
        (tmp_path / name).touch()
    Checkpoint(tmp_path / "checkpoint.pt").remove()
    assert not list(tmp_path.glob("*checkpoint*")) and not list(tmp_path.glob(".checkpoint*"))


def test_a_disk_that_is_full_stops_no_run(table, tmp_path, monkeypatch, caplog):
    def full(document, path):
        Path(path).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    assert run(table, *CASES["sgd"], tmp_path)["run"]["status"] == "ok"
    assert "no checkpoint: " in caplog.text and not list(tmp_path.iterdir())


# --- files that are whole -----------------------------------------------------------------------


def test_a_file_is_whole_or_what_it_was(tmp_path):
    path = tmp_path / "table.csv"
    with whole.whole(path) as temporary:
        temporary.write_text("new")
        assert not path.exists()
    with pytest.raises(Cut), whole.whole(path) as temporary:
        temporary.write_text("half")
        raise Cut
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


def test_several_files_appear_when_all_are_written_in_their_order(tmp_path, monkeypatch):
    outputs = [str(tmp_path / name) for name in ("epochs.csv", "run.json", "layers.csv")]
    seen = []
    monkeypatch.setattr(whole.os, "replace", lambda _, path: seen.append(path.name))
    whole.write(outputs, {"layers": b"1", "epochs": b"2", "run": b"3"})
    assert seen == ["layers.csv", "epochs.csv", "run.json"]
    monkeypatch.undo()
    with pytest.raises(TypeError):
        whole.write(outputs, {"epochs": None, "run": b"1"})
    assert not list(tmp_path.iterdir())
