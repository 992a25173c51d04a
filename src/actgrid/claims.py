"""Every statement of the source works judged by the runs: tables in, one table out.

claims: claims.yaml, an ordered mapping. A statement gets a verdict only where the runs that it
needs are there, made as the full grid makes them.
"""

from collections.abc import Iterator, Mapping
from itertools import product

import pandas as pd

from actgrid import evidence, grid, judgement
from actgrid.activations import PRESENTATION
from actgrid.markdown import number

COLUMNS = [
    *("id", "source", "place", "claim", "rule", "evidence", "value", "low", "high", "n"),
    *("verdict", "why", "missing", "tables"),
]
NUMBERS = ["value", "low", "high", "n"]


def judge(
    claims: Mapping[str, dict],
    tables: Mapping[str, pd.DataFrame],
    runs: pd.DataFrame,
    config: dict,
    full: dict,
) -> pd.DataFrame:
    """A row per claim, in their order: COLUMNS.

    tables: by name; one that the grid does not make is absent. runs: a row a run (runs.csv), of the
    grid `config`; full: the full grid. value, low, high and n are those of the part that decides;
    all of NUMBERS, `evidence` and `why` are empty where `missing` says what is.
    """
    counts = runs.groupby(["dataset", "architecture", "activation"])["seed"].nunique().to_dict()
    found = [
        {"id": key, **_judged(claim, tables, missing(claim["needs"], counts, config, full))}
        for key, claim in claims.items()
    ]
    return pd.DataFrame(found, columns=COLUMNS)


def missing(needs: list[dict], counts: dict, config: dict, full: dict) -> list[str]:
    """What the runs of a grid lack to bear on a claim, in words; empty where nothing is lacking.

    counts: (data set, architecture, activation) -> seeds run. A run counts whatever its outcome.
    """
    needed = dict(pair for need in needs for pair in needed_cells(need, full))
    return [*_too_few(needed, counts), *_made_otherwise(needed, config, full)]


def needed_cells(need: dict, full: dict) -> Iterator[tuple[tuple, int]]:
    """((data set, architecture, activation), seeds) of a need; a list left out is the study's."""
    study = full["studies"][need["study"]]
    names = [need.get(key, study[key]) for key in ("datasets", "architectures", "activations")]
    seeds = need.get("seeds", len(study["seeds"]))
    yield from ((cell, seeds) for cell in product(*names))


def used_tables(entries: list[dict]) -> list[str]:
    """The tables that evidence is taken from, in their order."""
    inner = [entry[key] for entry in entries for key in ("of", "minus") if key in entry]
    names = [entry["table"] for entry in entries if "table" in entry]
    return list(dict.fromkeys(names + (used_tables(inner) if inner else [])))


def _judged(claim, tables, lacking):
    defect = claim.get("defect", {})
    row = {key: claim[key] for key in ("source", "place", "claim")}
    used = used_tables(claim["evidence"] + defect.get("evidence", []))
    row["tables"] = ", ".join(f"{name}.csv" for name in used)
    row["rule"] = judgement.in_words(claim["rule"], claim["measure"])
    try:
        if not lacking:
            parts = evidence.parts(claim["evidence"], tables)
            other = evidence.parts(defect["evidence"], tables) if defect else None
            return row | _verdict(claim, parts, other)
    except evidence.NoEvidence as error:
        lacking = [str(error)]
    return row | {"verdict": judgement.NOT_ENOUGH, "missing": "; ".join(lacking)}


def _verdict(claim, parts, other):
    """Verdict, evidence, the deciding numbers, and why."""
    verdict, part = judgement.judge(claim["rule"], parts)
    row = {"evidence": judgement.shown(parts)} | {key: part[key] for key in NUMBERS}
    if other is not None and verdict != judgement.HOLDS:
        row["evidence"] += f". {claim['defect']['measure']}: {judgement.shown(other)}"
        if judgement.judge(claim["defect"]["rule"], other)[0] == judgement.HOLDS:
            return row | {"verdict": judgement.DEFECT, "why": claim["defect"]["explains"]}
    return row | {"verdict": verdict, "why": _why(claim, verdict, part, parts)}


def _why(claim, verdict, part, parts):
    """The claim's own line for a verdict, its placeholders filled; one of ours for open ones."""
    if verdict == judgement.OPEN:
        known = not pd.isna(part["low"])
        return "The interval reaches across the bound." if known else "There is no interval."
    why = claim["why"] if isinstance(claim["why"], str) else claim["why"][verdict]
    values = {key: number(part[key], 3) for key in NUMBERS[:3]} | {"n": number(part["n"], 0)}
    extremes = {"smallest": parts["value"].min(), "largest": parts["value"].max()}
    shown = {key: number(value, 3) for key, value in extremes.items()}
    said = why.format(parts=len(parts), **values, **shown)
    failed = [judgement.decide(claim["rule"], row) for row in parts.to_dict("records")]
    count = failed.count(judgement.FAILS)
    if verdict == judgement.FAILS and count < len(parts):
        return f"Fails in {count} of {len(parts)} parts. {said}"
    return said


def _too_few(needed, counts):
    """Runs there are and runs needed, a line per data set and architecture that lacks some."""
    pairs: dict[tuple, list] = {}
    for cell, seeds in needed.items():
        pairs.setdefault(cell[:2], []).append((min(counts.get(cell, 0), seeds), seeds))
    for pair, found in pairs.items():
        there, asked = map(sum, zip(*found, strict=True))
        if there < asked:
            yield f"{'/'.join(pair)}: {there} of {asked} runs"


def _made_otherwise(needed, config, full):
    """Protocols of the pairs and entries of the activations that are not the full grid's."""
    ours, theirs = grid.pairs(config), grid.pairs(full)
    for pair in dict.fromkeys(cell[:2] for cell in needed):
        changed = [
            f"{key} {value}"
            for key, value in ours.get(pair, {}).items()
            if value != theirs[pair].get(key)
        ]
        if changed:
            yield f"{'/'.join(pair)}: protocol differs: {', '.join(changed)}"
    for name in dict.fromkeys(cell[2] for cell in needed):
        if _constants(config, name) != _constants(full, name):
            yield f"{name}: constants differ"


def _constants(config, activation):
    entry = config["activations"].get(activation, {})
    return {key: value for key, value in entry.items() if key not in PRESENTATION}
