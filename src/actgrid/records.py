"""What a run leaves behind: the text of its epochs.csv and run.json, and both as tables again."""

import csv
import io
import json
from dataclasses import asdict, astuple, fields

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


def epochs_text(history) -> str:
    """epochs.csv of one run: a header and a row per epoch, floats in full (repr)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(field.name for field in fields(history[0]))
    writer.writerows(astuple(epoch) for epoch in history)
    return text.getvalue()


def run_text(run, facts: dict) -> str:
    """run.json of one run: its names, then `facts` as they come."""
    names = {key: value for key, value in asdict(run).items() if key != "study"}
    return json.dumps({**names, **facts}, indent=2) + "\n"


def runs_frame(study: str, documents: list[dict]):
    """The runs table (a row per run) of run.json documents."""
    import pandas as pd

    rows = [
        {
            "study": study,
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
