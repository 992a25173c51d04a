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
    *("id", "source", "place", "claim", "rule", "evidence"),
    *("parts", "label", "value", "low", "high", "n"),
    *("defect_measure", "defect_evidence", "defect_parts", "defect_smallest", "defect_largest"),
    *("verdict", "why", "missing", "tables"),
]
NUMBERS = ["value", "low", "high", "n"]
COMPARED = ("baseline", "leave_out")  # keys of `comparison` that cell_differences follow


def judge(
    claims: Mapping[str, dict],
    tables: Mapping[str, pd.DataFrame],
    runs: pd.DataFrame,
    config: dict,
    full: dict,
) -> pd.DataFrame:
    """A row per claim, in their order: COLUMNS.

    tables: by name; one that the grid does not make is absent. runs: a row a run (runs.csv), of the
    grid `config`; full: the full grid; both resolved. `evidence` has all of its `parts`; label and
    NUMBERS are those of the part that decides. defect_*: the evidence on a defect, where it is
    looked at. All of them and `why` are empty where `missing` says what is.
    """
    counts = runs.groupby(["dataset", "architecture", "activation"])["seed"].nunique().to_dict()
    found = [
        {"id": key, **_judged(claim, tables, missing(claim, counts, config, full))}
        for key, claim in claims.items()
    ]
    return pd.DataFrame(found, columns=COLUMNS)


def missing(claim: dict, counts: dict, config: dict, full: dict) -> list[str]:
    """What the runs of a grid lack to bear on a claim, in words; empty where nothing is lacking.

    counts: (data set, architecture, activation) -> seeds run. A run counts whatever its outcome.
    """
    studies = dict.fromkeys(need["study"] for need in claim["needs"])
    if absent := [name for name in studies if name not in full["studies"]]:
        return [f"no study {name} in the full grid" for name in absent]
    needed = dict(pair for need in claim["needs"] for pair in needed_cells(need, full))
    return [
        *_too_few(needed, counts),
        *_made_otherwise(needed, config, full),
        *_compared_otherwise(claim, config, full),
    ]


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


def _entries(claim):
    """All that a claim, and its defect, take as evidence."""
    return claim["evidence"] + claim.get("defect", {}).get("evidence", [])


def _judged(claim, tables, lacking):
    row = {key: claim[key] for key in ("source", "place", "claim")}
    row["tables"] = ", ".join(f"{name}.csv" for name in used_tables(_entries(claim)))
    row["rule"] = judgement.in_words(claim["rule"], claim["measure"])
    try:
        if not lacking:
            parts = evidence.parts(claim["evidence"], tables)
            slip = claim.get("defect")
            other = evidence.parts(slip["evidence"], tables) if slip else None
            return row | _verdict(claim, parts, other)
    except evidence.NoEvidence as error:
        lacking = [str(error)]
    return row | {"verdict": judgement.NOT_ENOUGH, "missing": "; ".join(lacking)}


def _verdict(claim, parts, other):
    """Verdict, evidence, the deciding numbers, and why."""
    verdict, part = judgement.judge(claim["rule"], parts)
    if verdict == judgement.OPEN:
        _require_runs(parts)
    row = {"evidence": judgement.shown(parts), "parts": len(parts)}
    row |= {key: part[key] for key in ("label", *NUMBERS)}
    if other is not None and verdict != judgement.HOLDS:
        row |= _on_defect(claim["defect"]["measure"], other)
        if judgement.judge(claim["defect"]["rule"], other)[0] == judgement.HOLDS:
            return row | {"verdict": judgement.DEFECT, "why": claim["defect"]["explains"]}
    return row | {"verdict": verdict, "why": _why(claim, verdict, part, parts)}


def _require_runs(parts):
    """Raise NoEvidence where all runs of a part failed."""
    lost = parts[parts["value"].isna() & (parts["n"] == 0)]
    if len(lost):
        names = ", ".join(filter(None, lost["label"]))
        raise evidence.NoEvidence(f"all runs failed: {names}" if names else "all runs failed")


def _on_defect(measure, parts):
    row = {"measure": measure, "evidence": judgement.shown(parts), "parts": len(parts)}
    row |= {"smallest": parts["value"].min(), "largest": parts["value"].max()}
    return {f"defect_{key}": value for key, value in row.items()}


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
            if value != theirs.get(pair, {}).get(key)
        ]
        if changed:
            yield f"{'/'.join(pair)}: protocol differs: {', '.join(changed)}"
    for name in dict.fromkeys(cell[2] for cell in needed):
        if _constants(config, name) != _constants(full, name):
            yield f"{name}: constants differ"


def _compared_otherwise(claim, config, full):
    """Keys of the comparison that are not the full grid's, where a claim rests on it."""
    if "cell_differences" in used_tables(_entries(claim)):
        for key in COMPARED:
            ours, theirs = config["comparison"][key], full["comparison"][key]
            if ours != theirs:
                yield f"comparison.{key} differs: {_listed(ours)} instead of {_listed(theirs)}"


def _listed(value):
    return ", ".join(value) or "none" if isinstance(value, list) else value


def _constants(config, activation):
    entry = config["activations"].get(activation, {})
    return {key: value for key, value in entry.items() if key not in PRESENTATION}
