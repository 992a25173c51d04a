"""Checks of claims.yaml, before any job starts; free of pandas, so that a dry run stays fast."""

from string import Formatter

from actgrid.config import ConfigError, against_schema
from actgrid.crosschecks import unknown

SEE = "See claims.yaml for what each key means, workflow/schemas/claims.schema.yaml for all rules."
SHOWN = 5  # problems named in one message
NUMBERS = ("value", "low", "high", "n", "parts", "smallest", "largest")  # that a `why` may hold

NEEDS = {  # quantity -> the keys that it works on
    "rows": ("table", "where", "value"),
    "mean": ("table", "where", "value"),
    "share": ("table", "where", "value", "at_least"),
    "difference": ("of", "minus"),
    "largest": ("of",),
    "best_epoch": ("table", "where", "value"),
}


def _with(ends, figures):
    return " ".join(f"{figure}_{end}" for figure in figures.split() for end in ends.split())


CELL = "study dataset architecture activation"
INTERVAL = "mean sd low high"
FIGURES = (
    "train_accuracy test_accuracy train_loss test_loss valid_accuracy valid_loss valid_auc test_auc"
)
STATES = "gradient_ratio mean dead saturated mean_largest dead_largest saturated_largest"
FLOW = _with("start end", STATES) + " dead_change"
DIFFERENCE = "score score_sd baseline_n baseline_score difference low high"

# table of results -> its columns; a test holds them against the tables themselves
TABLES = {
    "agreement": "architecture metric cells agree share mean_abs_difference rank_correlation "
    "compared",
    "cell_differences": f"{CELL} metric n failures {DIFFERENCE} seed_correlation outcome",
    "checkpoints": "dataset activation n epochs "
    + _with(INTERVAL, "valid_loss valid_accuracy train_accuracy"),
    "classification": f"{CELL} mode class n {_with(INTERVAL, 'precision recall f1 accuracy')}",
    "epochs": f"{CELL} seed status epoch {FIGURES} seconds",
    "final_epoch": f"{CELL} n failures {_with(INTERVAL, FIGURES)} seconds_mean",
    "flow_summary": f"{CELL} n failures {_with('mean low high', 'test_accuracy')} {FLOW} "
    + _with("low high", FLOW),
    "learned_published": f"base outer inner published n {_with(INTERVAL, 'ours')} difference",
    "parity_overall": f"dataset comparison base metric n {INTERVAL} wins losses p",
    "published_log": f"dataset activation published_as epoch metric ours_n "
    f"{_with(INTERVAL, 'ours')} published difference",
    "shape_claims": "claim statement group value low high n",
    "trained_parameters": "dataset architecture activation seed epoch layer parameter value",
    "twins": "dataset architecture twin equal difference runs",
}
TABLES = {name: columns.split() for name, columns in TABLES.items()}


def check_claims(claims: dict, schema: dict, full: dict) -> None:
    """Raise ConfigError with everything that is wrong with `claims`, up to SHOWN problems.

    full: the full grid, of which the needs of a claim are a part.
    """
    problems = against_schema(claims, schema) or [
        problem for key, claim in claims.items() for problem in _claim(key, claim, full)
    ]
    if problems:
        more = [f"... and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        raise ConfigError("\n".join(["claims.yaml not usable:", *problems[:SHOWN], *more, SEE]))


def _claim(key, claim, full):
    """Problems of one claim with names, which no schema knows."""
    for index, need in enumerate(claim["needs"]):
        yield from _need(f"{key}.needs.{index}", need, full["studies"])
    for part in (key, *([f"{key}.defect"] if "defect" in claim else [])):
        entries = claim["defect"] if part != key else claim
        for index, entry in enumerate(entries["evidence"]):
            yield from _entry(f"{part}.evidence.{index}", entry, full)
    whys = [claim["why"]] if isinstance(claim["why"], str) else claim["why"].values()
    for why in whys:
        yield from unknown(f"{key}.why", "placeholder", _placeholders(why), NUMBERS)


def _need(key, need, studies):
    """A study of the full grid, and a part of it."""
    if found := list(unknown(f"{key}.study", "study", [need["study"]], studies)):
        yield from found
        return
    study = studies[need["study"]]
    for names in ("datasets", "architectures", "activations"):
        yield from unknown(f"{key}.{names}", names[:-1], need.get(names, []), study[names])
    seeds = need.get("seeds", 1)
    if seeds > len(study["seeds"]):
        most = len(study["seeds"])
        yield f"  {key}.seeds = {seeds}: the full grid has {most}; allowed is 1 to {most}."


def _entry(key, entry, full):
    """What its quantity needs; a known table and columns of it; names of the config in `where`."""
    needed = NEEDS[entry.get("quantity", "rows")]
    if lacking := [name for name in needed if name not in entry]:
        yield f"  {key}: {', '.join(lacking)} is missing; required: {', '.join(needed)}."
        return
    for inner in ("of", "minus"):
        if inner in entry:
            yield from _entry(f"{key}.{inner}", entry[inner], full)
    if "table" in entry:
        yield from _columns(key, entry, full)


def _columns(key, entry, full):
    if found := list(unknown(f"{key}.table", "table", [entry["table"]], TABLES)):
        yield from found
        return
    columns = TABLES[entry["table"]]
    named = [entry[end] for end in ("value", "low", "high", "n", "less") if end in entry]
    named = [name for name in named if isinstance(name, str)]
    yield from unknown(f"{key}.where", "column", entry["where"], columns)
    yield from unknown(key, "column", named, columns)
    yield from unknown(f"{key}.label", "column", _placeholders(entry.get("label", "")), columns)
    for column, names in (("study", full["studies"]), ("activation", full["activations"])):
        wanted = entry["where"].get(column, [])
        wanted = wanted if isinstance(wanted, list) else [wanted]
        yield from unknown(f"{key}.where.{column}", column, wanted, names)


def _placeholders(text):
    return [name for _, name, _, _ in Formatter().parse(text) if name is not None]
