"""What a run leaves behind: the text of its epochs.csv and run.json, and both as tables again."""

import csv
import io
import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict

RUN_COLUMNS = (
    "status",
    "parameters",
    "wall_seconds",
    "cpu_seconds",
    "diagnostics_seconds",
    "device",
    "threads",
    "commit",
    "clean",
    "data_sha256",
    "processor",
    "finished",
)
NAMES = ["study", "dataset", "architecture", "activation", "seed", "status"]
FAILED = ("diverged_epoch", "constant_epoch")
VERSIONS = ("python", "torch", "numpy")


def files(run, result) -> dict[str, bytes]:
    """Contents of the files that a run leaves: epochs, layers and, of one that learned its
    activation, activation (for torch.load), graph and preactivations; last run, which vouches for
    the others."""
    texts = {"epochs": epochs_text(result.history)}
    texts["layers"] = rows_text(result.layers, ("epoch", "part", "layer"))
    contents = {name: text.encode() for name, text in texts.items()}
    if result.learned:
        contents["activation"] = result.learned.saved
        for name in ("graph", "preactivations"):
            contents[name] = rows_text(getattr(result.learned, name)).encode()
    failed = failed_epochs(result.facts, texts["epochs"])
    return contents | {"run": run_text(run, result.facts | failed).encode()}


def failed_epochs(facts: dict, epochs: str) -> dict:
    """FAILED of a run.json document and its epochs.csv: when the run went wrong, None for not.

    diverged_epoch: a figure became NaN or infinite. constant_epoch: the first tested one since
    which the network takes every test example for the same class.
    """
    counts = facts["confusion"]["evaluation"]
    if facts["status"] != "ok":
        last, *_ = rows = list(_backwards(epochs))
        bad = (row for row in rows if {"nan", "inf", "-inf"} & set(row.values()))
        return dict(zip(FAILED, (int(next(bad, last)["epoch"]), None), strict=True))
    if sum(map(any, zip(*counts, strict=True))) != 1:
        return dict.fromkeys(FAILED)
    return dict(zip(FAILED, (None, _constant_since(counts, epochs)), strict=True))


def _constant_since(counts, epochs):
    """Since which epoch on test accuracies are equal to a class's share of the `counts`."""
    shares, since = [sum(row) / sum(map(sum, counts)) for row in counts], None
    for row in filter(lambda row: row["test_accuracy"], _backwards(epochs)):
        accuracy = float(row["test_accuracy"])
        if not any(math.isclose(accuracy, share, rel_tol=1e-6) for share in shares):
            break
        since = int(row["epoch"])
    return since


def _backwards(epochs):
    """The rows of an epochs.csv, column -> text, the last one first."""
    header, *lines = epochs.splitlines()
    return (dict(zip(header.split(","), line.split(","), strict=True)) for line in reversed(lines))


def confusion_text(document: dict) -> str:
    """A CSV file of a run.json document: mode, actual and predicted class, test examples."""
    rows = (
        f"{mode},{actual},{predicted},{examples}\n"
        for mode, matrix in document["confusion"].items()
        for actual, row in enumerate(matrix)
        for predicted, examples in enumerate(row)
    )
    return "mode,actual,predicted,examples\n" + "".join(rows)


def epochs_text(history) -> str:
    """epochs.csv of one run: a row per epoch; what was not measured is empty."""
    return rows_text([asdict(epoch) for epoch in history])


def rows_text(rows: list[dict], columns=()) -> str:
    """A CSV file: a header and a line a row, floats in full (repr); what a row lacks is empty.

    The header has `columns`, then the rows' own keys as they appear.
    """
    text = io.StringIO()
    header = dict.fromkeys([*columns, *(key for row in rows for key in row)])
    writer = csv.DictWriter(text, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def run_text(run, facts: dict) -> str:
    """run.json of one run: its names, then `facts` as they come, lists of numbers on one line."""
    names = {key: value for key, value in asdict(run).items() if key != "study"}
    text = json.dumps({**names, **facts}, indent=2) + "\n"
    return re.sub(r"\[\n[\d\s,.e+-]*\]", lambda numbers: " ".join(numbers[0].split()), text)


def runs_frame(studies: dict[str, str], documents: list[dict], epochs: Sequence[str]):
    """The runs table (a row per run) of run.json documents and the texts of their epochs.csv.

    studies: activation -> study. Raises ValueError where the runs saw data of different content.
    """
    import pandas as pd

    _require_one_content(documents)
    rows = [
        {
            "study": studies[d["activation"]],
            **{key: d[key] for key in ("dataset", "architecture", "activation", "seed")},
            **{key: d[key] for key in RUN_COLUMNS},
            **failed_epochs(d, text),
            **{key: d["versions"][key] for key in VERSIONS},
            "precision": d["settings"]["protocol"]["precision"],
        }
        for d, text in zip(documents, epochs, strict=True)
    ]
    return pd.DataFrame(rows).astype(dict.fromkeys(FAILED, "Int64"))


def _require_one_content(documents):
    """Raise ValueError naming a run of each content where data_sha256 is not the same for all."""
    first = {}
    for d in documents:
        first.setdefault(d["data_sha256"], f"{d['activation']}/{d['seed']}")
    if len(first) > 1:
        seen = ", ".join(f"{sha256} by {run}" for sha256, run in first.items())
        raise ValueError(
            f"the runs saw different content under the name {documents[0]['dataset']} "
            f"(data_sha256: {seen}). Remove the run.json of those with the wrong one, run again."
        )


def tidy(runs, texts: Sequence[str]) -> Iterator[str]:
    """One CSV file, piece by piece, of those of the rows of `runs`, in order: the run's names, then
    the columns as they appear.

    What a file lacks, and what is not a number, is empty. Rows are joined as text: parsed and
    printed again, thousands of small files take many times as long. No field may hold a comma.
    Raises ValueError where files and runs are not as many.
    """
    headers = [text.partition("\n")[0] for text in texts]
    columns = list(dict.fromkeys(",".join(dict.fromkeys(headers)).split(",")))
    yield ",".join([*NAMES, *columns]) + "\n"
    for names, text in zip(runs[NAMES].values.tolist(), texts, strict=True):
        label = ",".join(map(str, names))
        yield "".join(f"{label},{row}\n" for row in _rows(text, columns))


def stacked(tables: Iterable[Iterable[bytes]]) -> Iterator[bytes]:
    """The lines of one CSV file of several with the same header; ValueError for another one."""
    first = None
    for lines in map(iter, tables):
        header = next(lines)
        if first is None:
            yield (first := header)
        if header != first:
            raise ValueError(f"tables with the columns {first!r} and {header!r}")
        yield from lines


def parameter_tracks(layers):
    """The trained parameters of activations, a row each: names of the run, epoch, layer, parameter,
    value; layers: `tidy` rows of layers.csv of runs, of which those that ended well count."""
    names = ["dataset", "architecture", "activation", "seed", "epoch", "layer"]
    columns = {c: c.removeprefix("parameter_") for c in layers if c.startswith("parameter_")}
    good = layers[layers["status"] == "ok"].rename(columns=columns)
    return good.melt(names, list(columns.values()), "parameter").dropna(subset="value")


def _rows(text, columns):
    """The lines after the header of a CSV file, each with the fields of `columns`."""
    header, _, body = text.partition("\n")
    lines = re.sub(r",nan\b", ",", body).splitlines()
    if (own := header.split(",")) == columns:
        return lines
    rows = [line.split(",") for line in lines]
    if any(len(row) != len(own) for row in rows):
        raise ValueError(f"a line with more or fewer fields than its header: {header}")
    places = [own.index(name) if name in own else len(own) for name in columns]
    return [",".join(map([*row, ""].__getitem__, places)) for row in rows]
