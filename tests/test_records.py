"""What a run leaves behind reads back as it was, and says where it comes from."""

import io
import json
import math
import os
import subprocess
import warnings
from dataclasses import astuple
from types import SimpleNamespace

import pandas as pd
import pytest
import torch

from actgrid import provenance, records
from actgrid.grid import Run
from actgrid.training import Epoch

HISTORY = [  # the validation was monitored: two epochs without a test
    Epoch(1, 0.1, 1 / 3, 0.30000000000000004, 1e-17, 0.5, seconds=2.5),
    Epoch(2, 5 / 7, math.pi * 1e30, 1.0, 5e-324, 2 / 3, 0.7, 1e-300, 0.1 + 0.2, 0.1234567890123456),
    Epoch(3, 0.0, math.nan, 0.1, math.inf, 0.25, seconds=1e-9),
]
UNMONITORED = [Epoch(1, 0.5, 1.5, test_accuracy=0.25, test_loss=2.5, seconds=3.5)]
COLUMNS = (
    "epoch,train_accuracy,train_loss,valid_accuracy,valid_loss,valid_auc,"
    "test_accuracy,test_loss,test_auc,seconds"
)
DOCUMENT = {
    "status": "diverged", "parameters": 7, "wall_seconds": 1.5, "cpu_seconds": 2.5,
    "device": "cpu", "threads": 1, "commit": None, "clean": None, "data_sha256": "ab",
    "processor": "P", "finished": "2024-05-01T10:00:00+00:00",
    "versions": {"python": "3.11.7", "torch": "2.14.1", "numpy": "2.4.6", "actgrid": "0.1.0"},
    "settings": {"protocol": {"precision": "float32"}},
}  # fmt: skip


def run(seed=0, activation="tent"):
    return Run("any", "fashion_mnist", "small", activation, seed)


def test_epochs_read_back_to_the_last_digit(tmp_path):
    file = tmp_path / "epochs.csv"
    file.write_text(records.epochs_text(HISTORY))
    table = pd.read_csv(file)  # as the rule that collects them reads them
    assert ",".join(table) == COLUMNS
    expected = pd.DataFrame([astuple(epoch) for epoch in HISTORY], columns=table.columns)
    pd.testing.assert_frame_equal(table, expected, check_exact=True)
    again = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    pd.testing.assert_frame_equal(again, expected, check_exact=True)


def test_what_was_not_measured_is_an_empty_field():
    assert records.epochs_text(UNMONITORED) == f"{COLUMNS}\n1,0.5,1.5,,,,0.25,2.5,,3.5\n"
    _, first, second, _ = records.epochs_text(HISTORY).splitlines()
    assert first == "1,0.1,0.3333333333333333,0.30000000000000004,1e-17,0.5,,,,2.5"
    assert ",," not in second and "0.30000000000000004" in second


def test_rows_become_a_table_with_floats_in_full():
    rows = [{"x": 0.1 + 0.2, "f": -1e-300}, {"x": 1 / 3, "f": math.inf}]
    assert records.rows_text(rows) == "x,f\n0.30000000000000004,-1e-300\n0.3333333333333333,inf\n"
    with pytest.raises(ValueError, match="z"):  # a row of another table
        records.rows_text([*rows, {"x": 1.0, "z": 2.0}])


def test_a_run_that_learned_its_activation_leaves_three_files_more():
    result = SimpleNamespace(history=HISTORY, facts=DOCUMENT, learned=None)
    assert records.files(run(), result) == {
        "run": records.run_text(run(), DOCUMENT).encode(),
        "epochs": records.epochs_text(HISTORY).encode(),
    }
    rows = {"graph": [{"x": 0.5, "f": 0.25}], "preactivations": [{"quantile": 0.0, "all": -1.5}]}
    result.learned = SimpleNamespace(saved=b"bytes", **rows)
    contents = records.files(run(), result)
    assert list(contents) == ["run", "epochs", "activation", "graph", "preactivations"]
    assert contents["activation"] == b"bytes" and contents["graph"] == b"x,f\n0.5,0.25\n"
    assert contents["preactivations"] == b"quantile,all\n0.0,-1.5\n"


def test_texts_are_the_same_bytes_twice_and_end_lines_with_a_newline():
    assert records.epochs_text(HISTORY) == records.epochs_text(list(HISTORY))
    assert records.run_text(run(), DOCUMENT) == records.run_text(run(), DOCUMENT)
    text = records.epochs_text(HISTORY)
    assert text.endswith("\n") and "\r" not in text and text.count("\n") == 4


def test_run_json_holds_the_four_names_and_the_facts_as_they_come():
    document = json.loads(records.run_text(run(seed=3), DOCUMENT))
    names = {"dataset": "fashion_mnist", "architecture": "small", "activation": "tent"}
    assert document == {**names, "seed": 3, **DOCUMENT}  # and no study: those may be renamed


def test_run_tables_have_a_row_a_run_and_carry_the_labels():
    runs = [run(seed=1), run(seed=0), run(activation="hill_0.25")]
    documents = [json.loads(records.run_text(r, DOCUMENT)) for r in runs]
    studies = {"hill_0.25": "second", "tent": "first", "relu": "third"}
    frame = records.runs_frame(studies, documents)
    assert list(frame[["activation", "seed"]].itertuples(index=False, name=None)) == [
        ("tent", 1), ("tent", 0), ("hill_0.25", 0),
    ]  # fmt: skip
    assert frame["study"].tolist() == ["first", "first", "second"]  # each activation has its own
    assert set(frame["precision"]) == {"float32"}
    assert set(frame["torch"]) == {"2.14.1"} and set(frame["threads"]) == {1}
    assert {*records.RUN_COLUMNS, *records.VERSIONS} <= set(frame)


def test_epochs_of_all_runs_stand_under_one_another():
    documents = [json.loads(records.run_text(run(seed=s), DOCUMENT)) for s in (4, 2)]
    runs = records.runs_frame({"tent": "handmade"}, documents)
    # as the rule reads them; the second one was not monitored: some of its columns are all empty
    texts = [records.epochs_text(history) for history in (HISTORY, UNMONITORED)]
    tables = [pd.read_csv(io.StringIO(text)) for text in texts]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frame = records.tidy(runs, tables)
    names = ["study", "dataset", "architecture", "activation", "seed", "status"]
    assert list(frame) == [*names, *tables[0]]
    assert list(frame["seed"]) == [4, 4, 4, 2] and list(frame["epoch"]) == [1, 2, 3, 1]
    assert list(frame.index) == [0, 1, 2, 3] and set(frame["status"]) == {"diverged"}
    assert frame["train_loss"].isna().tolist() == [False, False, True, False]
    assert frame["test_loss"].notna().tolist() == [False, True, False, True]
    assert set(map(str, frame.dtypes[tables[0].columns[1:]])) == {"float64"}
    with pytest.raises(ValueError):  # a table too few
        records.tidy(runs, tables[:1])


def git(*arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=m"]
    subprocess.run(["git", *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder that belongs to no git checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name in [n for n in os.environ if n.startswith("GIT_") and n != "GIT_CEILING_DIRECTORIES"]:
        monkeypatch.delenv(name)
    return tmp_path


def commit_and_clean():
    where = provenance.provenance(torch.device("cpu"))
    return where["commit"], where["clean"]


def test_commit_is_none_outside_a_checkout_before_a_commit_and_without_git(folder, monkeypatch):
    assert commit_and_clean() == (None, None)
    git("init")
    assert commit_and_clean() == (None, None)
    git("commit", "--allow-empty", "-m", "x")
    assert commit_and_clean()[1] is True
    monkeypatch.setenv("PATH", str(folder))
    assert commit_and_clean() == (None, None)


def test_clean_means_that_no_tracked_file_was_changed(folder):
    (folder / "code.py").write_text("1\n")
    git("init")
    git("add", "code.py")
    git("commit", "-m", "x")
    commit, clean = commit_and_clean()
    head = (folder / ".git/refs/heads/m").read_text().strip()
    assert (commit, clean) == (head, True)
    (folder / "notes.txt").write_text("untracked files do not count")
    assert commit_and_clean() == (head, True)
    (folder / "code.py").write_text("2\n")
    assert commit_and_clean() == (head, False)
    git("add", "code.py")
    assert commit_and_clean() == (head, False)


def test_clean_is_unknown_when_git_cannot_tell(monkeypatch):
    answers = {"rev-parse": "abc", "status": None}
    monkeypatch.setattr(provenance, "_git", lambda command, *_: answers[command])
    assert commit_and_clean() == ("abc", None)


def test_provenance_names_versions_and_hardware_and_is_json():
    where = provenance.provenance(torch.device("cpu"))
    assert where["versions"]["torch"] == torch.__version__.partition("+")[0]
    assert where["device"] == "cpu" and where["processor"]
    assert json.loads(json.dumps(where)) == where
