"""What a run leaves behind: the text of its epochs.csv and run.json, and both as tables again."""

import csv
import io
import json
from dataclasses import asdict

RUN_COLUMNS = (
    "status",
    "parameters",
    "wall_seconds",
    "cpu_seconds",
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
    """Contents of the files that a run leaves: run, epochs and, of one that learned its activation,
    activation (for torch.load), graph and preactivations."""
    texts = {"run": run_text(run, result.facts), "epochs": epochs_text(result.history)}
    contents = {name: text.encode() for name, text in texts.items()}
    if result.learned:
        contents["activation"] = result.learned.saved
        for name in ("graph", "preactivations"):
            contents[name] = rows_text(getattr(result.learned, name)).encode()
    return contents


def epochs_text(history) -> str:
    """epochs.csv of one run: a row per epoch; what was not measured is empty."""
    return rows_text([asdict(epoch) for epoch in history])


def rows_text(rows: list[dict]) -> str:
    """A CSV file: a header and a line a row, floats in full (repr)."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def run_text(run, facts: dict) -> str:
    """run.json of one run: its names, then `facts` as they come."""
    names = {key: value for key, value in asdict(run).items() if key != "study"}
    return json.dumps({**names, **facts}, indent=2) + "\n"


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


def epochs_frame(runs, tables: list):
    """The tidy epochs table; `tables` are the epochs.csv frames of the rows of `runs`, in order."""
    import pandas as pd

    names = ["study", "dataset", "architecture", "activation", "seed", "status"]
    labelled = [
        table.assign(**run._asdict())[[*names, *table.columns]]
        for run, table in zip(runs[names].itertuples(index=False), tables, strict=True)
    ]
    return pd.concat(labelled, ignore_index=True)
