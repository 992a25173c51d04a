"""The interactive page: all runs, their curves and their activations in one HTML file; no torch."""

import base64
import hashlib
import json

import jinja2
import numpy as np
import pandas as pd

from actgrid import grid, learned, scores, summary
from actgrid.explore_runs import SHOWN, UNIT, in_units, kept_epochs, run_rows
from actgrid.figures import style

GRAPH_STEP = 3  # every so many-th point of a graph


def page(
    parts: dict[str, str],
    tables: dict[str, pd.DataFrame],
    graphs: dict[str, pd.DataFrame],
    config: dict,
    full: dict,
) -> str:
    """The text of explore.html; the same input gives the same text.

    parts: file name -> text, one .html (a Jinja2 template), one .css, any .js, joined in this
    order. tables: runs, epochs and final_epoch, as the workflow writes them. graphs: activations,
    the points of the fixed ones, and learned_curves where some are learned.
    The page may load nothing: its policy allows this style and this script alone.
    """
    (template,), (style_text,), scripts = (
        [text for name, text in parts.items() if name.endswith(suffix)]
        for suffix in (".html", ".css", ".js")
    )
    script = "".join(scripts)
    return jinja2.Template(template, undefined=jinja2.StrictUndefined).render(
        policy=policy(style_text, script),
        style=style_text,
        script=script,
        data=embedded(document(tables, graphs, config, full)),
    )


def policy(style_text: str, script: str) -> str:
    """The Content-Security-Policy: nothing is loaded, only these two texts are used."""

    def allowed(text):
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    return (
        f"default-src 'none'; style-src {allowed(style_text)}; script-src {allowed(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def embedded(value) -> str:
    """JSON that may stand in a script element: ASCII, without < > &; NaN raises ValueError."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def document(tables: dict, graphs: dict, config: dict, full: dict) -> dict:
    """What the page shows: header, colours, activations with graphs, cells, runs with curves."""
    runs, final = tables["runs"], tables["final_epoch"]
    families = {name: entry["family"] for name, entry in config["activations"].items()}
    names = list(dict.fromkeys(final["activation"]))
    drawn = fixed_graphs(graphs["activations"])
    if "learned_curves" in graphs:
        drawn |= learned_graphs(graphs["learned_curves"], runs, config["activations"])
    pairs = kept_epochs(tables["epochs"])
    most = max(map(int, final["n"]), default=0)
    return {
        "header": header(runs, config, full),
        "unit": UNIT,
        "factors": [None, None, *map(float, scores.t_factor(np.arange(2, most + 1)))],
        "families": {families[n]: colour(families[n]) for n in names},
        "activations": {n: {"family": families[n], **drawn_as(config, n, drawn)}
                        for n in names},
        "graphs": drawn,
        "pairs": [[int(epoch) for epoch in kept] for kept in pairs.values()],
        "cells": cells(final, list(pairs)),
        "runs": run_rows(tables, pairs),
    }  # fmt: skip


def header(runs: pd.DataFrame, config: dict, full: dict) -> dict:
    """The grid's name and size, what made it, and what it leaves out."""
    return {
        "grid": config["grid"],
        "runs": len(runs),
        "full_runs": len(grid.expand(full)),
        "commits": sorted(map(str, runs["commit"].dropna().unique())),
        "newest": str(runs["finished"].max()) if len(runs) else "",
        "cuts": summary.cuts(config, full, len(runs)),
    }


def colour(family: str) -> list[int]:
    """Red, green and blue of a family, 0 to 255."""
    return [round(255 * part) for part in style.family_colour(family)]


def drawn_as(config: dict, name: str, drawn) -> dict:
    """Whose graph stands for an activation: `as` of which, `only` which line of it, None all.

    A frozen one is what one run learned; one in a matched network is that of the `drawn` names
    which has its function and constants, None where there is none.
    """
    entry = config["activations"][name]
    if entry["function"] == "transfer":
        _, architecture, source, seed = entry["source"].split("/")
        return {"as": source, "only": _label(architecture, seed)}
    if "matched_to" in entry:
        plain = {k: v for k, v in grid.entry_of(config, name).items() if k != "matched_to"}
        name = next((other for other in drawn if grid.entry_of(config, other) == plain), None)
    return {"as": name, "only": None}


def fixed_graphs(points: pd.DataFrame) -> dict[str, list]:
    """activation -> its pieces, each as label, x, f and f'; a jump lies between two pieces."""
    found = {}
    for (name, _), rows in points.groupby(["activation", "piece"], sort=False):
        found.setdefault(name, []).append(_line("", rows))
    return found


def learned_graphs(curves: pd.DataFrame, runs: pd.DataFrame, activations: dict) -> dict[str, list]:
    """activation -> a line per run that learned it, as `fixed_graphs`, labelled by the run."""
    places = runs[["architecture", "activation"]].drop_duplicates().itertuples(index=False)
    named = {
        tuple(learned.labels(activations, *place).values()): place
        for place in places
        if activations[place.activation]["function"] == "learned"
    }
    found = {}
    for (*labels, seed), rows in curves.groupby([*learned.LABELS, "seed"], sort=False):
        place = named.get(tuple(labels))
        if place:
            line = _line(_label(place.architecture, seed), rows)
            found.setdefault(place.activation, []).append(line)
    return found


def cells(final: pd.DataFrame, pairs: list[tuple]) -> list[dict]:
    """A dict per cell: names, counts, seconds per epoch; per figure [mean, low, high]."""
    return [
        {
            **{key: row[key] for key in scores.CELL},
            "pair": pairs.index((row["dataset"], row["architecture"])),
            "n": row["n"],
            "failures": row["failures"],
            "seconds": in_units(row["seconds_mean"]),
            **{
                m: [in_units(row[f"{m}_{part}"]) for part in ("mean", "low", "high")] for m in SHOWN
            },
        }
        for row in final.to_dict("records")
    ]


def _label(architecture: str, seed: int | str) -> str:
    return f"{architecture}, seed {seed}"


def _line(label: str, rows: pd.DataFrame) -> list:
    """[label, x, f, f'] of every GRAPH_STEP-th point and the last one."""
    chosen = sorted({*range(0, len(rows), GRAPH_STEP), len(rows) - 1})
    return [label, *([in_units(v) for v in rows[c].iloc[chosen]] for c in ("x", "f", "df"))]
