"""What a run leaves behind reads back as it was, and says where it comes from."""

import io
import json
import math
import os
import subprocess
from dataclasses import astuple
from types import SimpleNamespace

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

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
    "diagnostics_seconds": 0.5, "confusion": {"evaluation": [[3, 1], [0, 2]]},
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


# rows, columns that come first, text
ROWS = [
    ([], (), "\n"),
    ([], ("epoch", "part"), "epoch,part\n"),
    ([{"a": 1, "b": 2.5}, {"b": math.nan, "c": "x"}], (), "a,b,c\n1,2.5,\n,nan,x\n"),
    ([{"a": 1, "b": 2}], ("b", "z"), "b,z,a\n2,,1\n"),
]


@pytest.mark.parametrize(("rows", "columns", "text"), ROWS)
def test_what_a_row_lacks_is_empty_and_columns_come_as_they_appear(rows, columns, text):
    assert records.rows_text(rows, columns) == text


LAYERS = [
    {"epoch": 0, "part": "weights", "layer": 1, "gradient_norm": 0.25},
    {"epoch": 0, "part": "activation", "layer": 1, "parameter_alpha": -0.5},
]


def test_a_run_leaves_its_layers_and_one_that_learned_its_activation_three_files_more():
    result = SimpleNamespace(history=HISTORY, layers=[], facts=DOCUMENT, learned=None)
    facts = DOCUMENT | {"diverged_epoch": 3, "constant_epoch": None}
    assert records.files(run(), result) == {
        "epochs": records.epochs_text(HISTORY).encode(),
        "layers": b"epoch,part,layer\n",
        "run": records.run_text(run(), facts).encode(),
    }
    result.layers = LAYERS
    assert records.files(run(), result)["layers"] == (
        b"epoch,part,layer,gradient_norm,parameter_alpha\n0,weights,1,0.25,\n0,activation,1,,-0.5\n"
    )
    rows = {"graph": [{"x": 0.5, "f": 0.25}], "preactivations": [{"quantile": 0.0, "all": -1.5}]}
    result.learned = SimpleNamespace(saved=b"bytes", **rows)
    contents = records.files(run(), result)
    assert list(contents) == ["epochs", "layers", "activation", "graph", "preactivations", "run"]
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


def test_lists_of_numbers_stand_on_one_line_of_run_json():
    counts = {"evaluation": [[3, 0], [1, 2]], "training": [[2, 1], [1, 2]]}
    knots, words = [[-1, 0.5], [1e-17, -2.5e30]], ["not [1,   2] here", "nor\n[1,\n 2]"]
    facts = {"confusion": counts, "knots": knots, "words": words, "none": []}
    text = records.run_text(run(), facts)
    assert {key: json.loads(text)[key] for key in facts} == facts
    lines = [line.strip().rstrip(",") for line in text.splitlines()]
    assert lines.count("[ 3, 0 ]") == 1 and lines.count("[ 1, 2 ]") == 2
    assert "[ -1, 0.5 ]" in lines and "[ 1e-17, -2.5e+30 ]" in lines


def test_run_tables_have_a_row_a_run_and_carry_the_labels():
    runs = [run(seed=1), run(seed=0), run(activation="hill_0.25")]
    documents = [json.loads(records.run_text(r, DOCUMENT)) for r in runs]
    studies = {"hill_0.25": "second", "tent": "first", "relu": "third"}
    frame = records.runs_frame(studies, documents, [records.epochs_text(HISTORY)] * 3)
    assert list(frame[["activation", "seed"]].itertuples(index=False, name=None)) == [
        ("tent", 1), ("tent", 0), ("hill_0.25", 0),
    ]  # fmt: skip
    assert frame["study"].tolist() == ["first", "first", "second"]  # each activation has its own
    assert set(frame["precision"]) == {"float32"}
    assert set(frame["torch"]) == {"2.14.1"} and set(frame["threads"]) == {1}
    assert {*records.RUN_COLUMNS, *records.VERSIONS} <= set(frame)


def of_epochs(*accuracies, **others):
    """epochs.csv with these test accuracies; None is no test."""
    rows = [
        {"epoch": n, "train_loss": 0.5, "test_accuracy": accuracy} | others
        for n, accuracy in enumerate(accuracies, 1)
    ]
    return records.rows_text(rows)


ONE_CLASS = {"evaluation": [[0, 3], [0, 7]], "training": [[1, 2], [0, 7]]}  # 10 examples
BOTH = {"evaluation": [[0, 3], [1, 6]]}


@pytest.mark.parametrize(
    ("confusion", "accuracies", "since"),
    [
        (ONE_CLASS, (0.7, 0.7), 1),
        (ONE_CLASS, (0.7, 0.6, 0.3, 0.7), 3),  # of one class, then of the other
        (ONE_CLASS, (None, None, 0.7, None), 3),  # the one that was restored
        (ONE_CLASS, (0.7 + 1e-9, 7 / 10), 1),
        (BOTH, (0.7, 0.7), None),
    ],
)
def test_a_network_that_names_one_class_is_told_with_the_epoch(confusion, accuracies, since):
    facts = {"status": "ok", "confusion": confusion}
    found = records.failed_epochs(facts, of_epochs(*accuracies))
    assert found == {"diverged_epoch": None, "constant_epoch": since}


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_diverged_run_is_told_with_the_epoch_and_is_none_of_one_class(value):
    facts = {"status": "diverged", "confusion": ONE_CLASS}
    last = of_epochs(0.7).splitlines()[1].replace("1,", "2,").replace("0.5", str(value))
    found = records.failed_epochs(facts, f"{of_epochs(0.7)}{last}\n")
    assert found == {"diverged_epoch": 2, "constant_epoch": None}
    restored = of_epochs(0.7, 0.7, 0.7).replace("2,0.5", f"2,{value}")  # not the last one
    assert records.failed_epochs(facts, restored)["diverged_epoch"] == 2


def test_failed_epochs_are_whole_numbers_or_empty_in_the_table():
    facts = DOCUMENT | {"status": "ok", "confusion": ONE_CLASS}
    documents = [json.loads(records.run_text(run(s), facts)) for s in (0, 1)]
    texts = [of_epochs(0.7), of_epochs(0.7, 0.5)]
    frame = records.runs_frame({"tent": "handmade"}, documents, texts)
    written = frame[list(records.FAILED)].to_csv(index=False)
    assert written == "diverged_epoch,constant_epoch\n,1\n,\n"


def test_runs_that_saw_other_data_are_in_no_table():
    documents = [DOCUMENT | {"data_sha256": sha256} for sha256 in ("ab", "ab", "cd")]
    documents = [json.loads(records.run_text(run(s), d)) for s, d in enumerate(documents)]
    with pytest.raises(ValueError, match="fashion_mnist.*ab by tent/0, cd by tent/2.*run again"):
        records.runs_frame({"tent": "handmade"}, documents, [records.epochs_text(HISTORY)] * 3)


def test_epochs_of_all_runs_stand_under_one_another():
    documents = [json.loads(records.run_text(run(seed=s), DOCUMENT)) for s in (4, 2)]
    # as the rule reads them; the second one was not monitored: some of its columns are all empty
    texts = [records.epochs_text(history) for history in (HISTORY, UNMONITORED)]
    runs = records.runs_frame({"tent": "handmade"}, documents, texts)
    frame = pd.read_csv(io.StringIO("".join(records.tidy(runs, texts))))
    names = ["study", "dataset", "architecture", "activation", "seed", "status"]
    assert list(frame) == [*names, *COLUMNS.split(",")]
    assert list(frame["seed"]) == [4, 4, 4, 2] and list(frame["epoch"]) == [1, 2, 3, 1]
    assert list(frame.index) == [0, 1, 2, 3] and set(frame["status"]) == {"diverged"}
    assert frame["train_loss"].isna().tolist() == [False, False, True, False]
    assert frame["test_loss"].notna().tolist() == [False, True, False, True]
    assert set(map(str, frame.dtypes[COLUMNS.split(",")[1:]])) == {"float64"}
    with pytest.raises(ValueError):  # a table too few
        list(records.tidy(runs, texts[:1]))


def through_frames(runs, texts):
    """What `tidy` writes, made by pandas, which parses and prints every number."""
    rows = zip(runs[records.NAMES].to_dict("records"), texts, strict=True)
    tables = [pd.read_csv(io.StringIO(text)).assign(**names) for names, text in rows]
    table = pd.concat(tables, ignore_index=True)
    return table[list(dict.fromkeys([*records.NAMES, *table]))].to_csv(index=False)


NUMBERS = st.floats() | st.none()


@settings(deadline=None)
@given(st.lists(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=4), max_size=4))
def test_joined_as_text_files_are_what_they_are_parsed_and_printed(runs):
    """Of runs with other columns in another order; without rows; NaN, infinite, tiny, missing."""
    keys = (("a", "nan"), ("nan", "b"), ("a",), ("c", "a"))
    rows = [
        [{"epoch": n} | dict(zip(keys[k], pair, strict=False)) for n, pair in enumerate(pairs)]
        for k, pairs in enumerate([[(0.5, 1.5)], *runs][:4])
    ]
    texts = [layers_text(table) for table in rows]
    cells = [(f"tent_{number}", number) for number in range(len(rows))]
    assert "".join(records.tidy(runs_of(*cells), texts)) == through_frames(runs_of(*cells), texts)


def test_tables_are_stacked_with_one_header():
    tables = [[b"a,b\n", b"1,x\n"], [b"a,b\n"], iter([b"a,b\n", b'2,"y, z"\n'])]
    assert b"".join(records.stacked(tables)) == b'a,b\n1,x\n2,"y, z"\n'
    assert list(records.stacked([])) == []
    with pytest.raises(ValueError, match="b,a"):
        list(records.stacked([[b"a,b\n"], [b"b,a\n"]]))


# --- layers and confusions ----------------------------------------------------------------------


def runs_of(*cells, status="ok"):
    """The runs table of (activation, seed) pairs."""
    made = [run(seed=seed, activation=activation) for activation, seed in cells]
    documents = [json.loads(records.run_text(r, {**DOCUMENT, "status": status})) for r in made]
    studies = dict.fromkeys([r.activation for r in made], "banknotes")
    return records.runs_frame(studies, documents, [records.epochs_text(UNMONITORED)] * len(made))


def tracked(texts, runs):
    """The tracks of layers.csv files, by way of the table of their pair as a rule writes it."""
    again = pd.read_csv(io.StringIO("".join(records.tidy(runs, texts))))
    return again, records.parameter_tracks(again)


def layers_text(rows):
    return records.rows_text(rows, ("epoch", "part", "layer"))


def activation_row(epoch, layer, **parameters):
    named = {f"parameter_{name}": value for name, value in parameters.items()}
    return {"epoch": epoch, "part": "activation", "layer": layer, **named}


def test_tracks_have_a_row_a_parameter_and_moment():
    """Of runs with other parameters, without any and with none of them in one table."""
    affine = [activation_row(e, n, alpha=e / 2, beta=-float(n)) for e in (0, 1) for n in (1, 2)]
    other = [{"epoch": 0, "part": "weights", "layer": 1, "gradient_norm": 0.5}]
    other.append(activation_row(0, 1, slopes_1=0.1, slopes_2=math.nan))
    runs = runs_of(("affine", 3), ("relu", 3), ("apl", 4))
    layers, tracks = tracked([layers_text(rows) for rows in (affine, [], other)], runs)
    assert list(layers)[:9] == [
        *("study", "dataset", "architecture", "activation", "seed", "status"),
        *("epoch", "part", "layer"),
    ]
    assert len(layers) == 6 and set(layers["activation"]) == {"affine", "apl"}
    names = ["activation", "seed", "epoch", "layer", "parameter", "value"]
    assert set(names) <= set(tracks)
    found = sorted(tracks[names].itertuples(index=False, name=None))
    assert found == sorted(
        [("affine", 3, e, n, "alpha", e / 2) for e in (0, 1) for n in (1, 2)]
        + [("affine", 3, e, n, "beta", -float(n)) for e in (0, 1) for n in (1, 2)]
        + [("apl", 4, 0, 1, "slopes_1", 0.1)]
    )
    assert set(tracks["dataset"]) == {"fashion_mnist"} and set(tracks["architecture"]) == {"small"}


def test_runs_that_diverged_have_no_tracks():
    texts = [layers_text([activation_row(0, 1, alpha=value)]) for value in (1.5, 2.5)]
    runs = runs_of(("affine", 0), ("affine", 1))
    runs.loc[1, "status"] = "diverged"
    assert tracked(texts, runs)[1]["value"].tolist() == [1.5]


@pytest.mark.parametrize("rows", [[], [{"epoch": 0, "part": "weights", "layer": 1, "x": 0.5}]])
def test_where_nothing_is_trained_there_are_no_tracks(rows):
    _, tracks = tracked([layers_text(rows)] * 2, runs_of(("relu", 0), ("relu", 1)))
    assert tracks.empty and {"activation", "seed", "parameter", "value"} <= set(tracks)


def test_confusions_become_rows_with_the_names_of_their_run():
    documents = [
        {"confusion": {"evaluation": [[3, 1], [0, 2]], "training": [[2, 2], [1, 1]]}},
        {"confusion": {"evaluation": [[4]]}},
    ]
    texts = [records.confusion_text(document) for document in documents]
    frames = [pd.read_csv(io.StringIO(text)) for text in texts]
    assert [list(frame) for frame in frames] == [["mode", "actual", "predicted", "examples"]] * 2
    assert frames[0].to_numpy().tolist() == [
        *(["evaluation", 0, 0, 3], ["evaluation", 0, 1, 1]),
        *(["evaluation", 1, 0, 0], ["evaluation", 1, 1, 2]),
        *(["training", 0, 0, 2], ["training", 0, 1, 2]),
        *(["training", 1, 0, 1], ["training", 1, 1, 1]),
    ]
    joined = "".join(records.tidy(runs_of(("tent", 5), ("relu", 6)), texts))
    table = pd.read_csv(io.StringIO(joined))
    assert table["seed"].tolist() == [5] * 8 + [6] and table["examples"].sum() == 12 + 4


# --- where a run was made -----------------------------------------------------------------------


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
