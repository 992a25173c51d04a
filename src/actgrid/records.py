"""What a run leaves behind: the text of its epochs.csv and run.json, and both as tables again."""

import csv
import io
import json
import re
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
VERSIONS = ("python", "torch", "numpy")


def files(run, result) -> dict[str, bytes]:
    """Contents of the files that a run leaves: run, epochs, layers and, of one that learned its
    activation, activation (for torch.load), graph and preactivations."""
    texts = {"run": run_text(run, result.facts), "epochs": epochs_text(result.history)}
    texts["layers"] = rows_text(result.layers, ("epoch", "part", "layer"))
    contents = {name: text.encode() for name, text in texts.items()}
    if result.learned:
        contents["activation"] = result.learned.saved
        for name in ("graph", "preactivations"):
            contents[name] = rows_text(getattr(result.learned, name)).encode()
    return contents


def confusion_frames(documents: list[dict]) -> list:
    """A frame per run.json document: mode, actual and predicted class, test examples."""
    import pandas as pd

    rows = (
        [
            (mode, actual, predicted, examples)
            for mode, matrix in document["confusion"].items()
            for actual, row in enumerate(matrix)
            for predicted, examples in enumerate(row)
        ]
        for document in documents
    )
    return [pd.DataFrame(r, columns=["mode", "actual", "predicted", "examples"]) for r in rows]


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


def runs_frame(studies: dict[str, str], documents: list[dict]):
    """The runs table (a row per run) of run.json documents; studies: activation -> study."""
    import pandas as pd

    rows = [
        {
            "study": studies[d["activation"]],
            **{key: d[key] for key in ("dataset", "architecture", "activation", "seed")},
            **{key: d[key] for key in RUN_COLUMNS},
            **{key: d["versions"][key] for key in VERSIONS},
            "precision": d["settings"]["protocol"]["precision"],
        }
        for d in documents
    ]
    return pd.DataFrame(rows)


def tidy(runs, tables: list):
    """One table with each run's names; `tables` are frames of the rows of `runs`, in order."""
    import pandas as pd

    names = ["study", "dataset", "architecture", "activation", "seed", "status"]
    labelled = [
        table.assign(**run._asdict())[[*names, *table.columns]]
        for run, table in zip(runs[names].itertuples(index=False), tables, strict=True)
    ]
    return pd.concat(labelled, ignore_index=True)


def parameter_tracks(layers):
    """The trained parameters of activations, a row each: names of the run, epoch, layer, parameter,
    value; layers: `tidy` rows of layers.csv of runs, of which those that ended well count."""
    names = ["dataset", "architecture", "activation", "seed", "epoch", "layer"]
    columns = {c: c.removeprefix("parameter_") for c in layers if c.startswith("parameter_")}
    good = layers[layers["status"] == "ok"].rename(columns=columns)
    return good.melt(names, list(columns.values()), "parameter").dropna(subset="value")
