"""Checks of claims.yaml, before any job starts; free of pandas, so that a dry run stays fast."""

from string import Formatter

from actgrid.config import against_schema, refusal
from actgrid.crosschecks import unknown

SEE = "See claims.yaml for what each key means, workflow/schemas/claims.schema.yaml for all rules."
NUMBERS = ("value", "low", "high", "n", "parts", "smallest", "largest")  # that a `why` may hold

ROWS = ("table", "where", "value")
NEEDS = {  # quantity -> the keys that it works on
    "rows": ROWS,
    "mean": ROWS,
    "share": (*ROWS, "at_least"),
    "difference": ("of", "minus"),
    "largest": ("of",),
    "best_epoch": ROWS,
}
MAY = {"rows": ("low", "high", "n", "less"), "mean": ("less",), "share": ("less",)}  # and label
COLUMNS = {  # quantity -> columns without which there are no runs to group by
    "share": ("architecture", "activation", "seed"),
    "best_epoch": ("study", "seed", "status", "epoch"),
}
OF_RUN = ("seed", "status", "epoch")  # what the rows of one part differ in


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
    "final_epoch": f"{CELL} n failures constant {_with(INTERVAL, FIGURES)} seconds_mean",
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


def check_claims(claims: dict, schema: dict) -> None:
    """Raise ConfigError with everything that is wrong with `claims`, up to SHOWN problems.

    Names of studies, data sets and activations are no part of it: a claim on what a grid does not
    have gets no verdict, and says so.
    """
    problems = against_schema(claims, schema) or [
        problem for key, claim in claims.items() for problem in _claim(key, claim)
    ]
    if problems:
        raise refusal("claims.yaml", problems, SEE)


def _claim(key, claim):
    """Problems of one claim with names, which no schema knows."""
    for part in (key, *([f"{key}.defect"] if "defect" in claim else [])):
        entries = claim["defect"] if part != key else claim
        for index, entry in enumerate(entries["evidence"]):
            yield from _entry(f"{part}.evidence.{index}", entry)
    whys = [claim["why"]] if isinstance(claim["why"], str) else claim["why"].values()
    for why in whys:
        yield from _filled(f"{key}.why", "placeholder", why, NUMBERS)


def _entry(key, entry):
    """What its quantity needs and takes; a known table and columns of it."""
    quantity = entry.get("quantity", "rows")
    needed = NEEDS[quantity]
    if lacking := [name for name in needed if name not in entry]:
        yield f"  {key}: {', '.join(lacking)} is missing; required: {', '.join(needed)}."
        return
    takes = (*needed, *MAY.get(quantity, ()), "label")
    if idle := [name for name in entry if name not in ("quantity", *takes)]:
        said = f"{', '.join(idle)} means nothing to {quantity}"
        yield f"  {key}: {said}; allowed: {', '.join(takes)}."
    for inner in ("of", "minus"):
        if inner in entry:
            yield from _entry(f"{key}.{inner}", entry[inner])
    if "table" in entry:
        yield from _columns(key, entry, quantity)
    elif "{" in entry["label"] or "}" in entry["label"]:
        yield f"  {key}.label = {entry['label']!r}: {quantity} fills nothing in; no braces."


def _columns(key, entry, quantity):
    if found := list(unknown(f"{key}.table", "table", [entry["table"]], TABLES)):
        yield from found
        return
    columns = TABLES[entry["table"]]
    if lacking := [name for name in COLUMNS.get(quantity, ()) if name not in columns]:
        said = f"{quantity} needs a table with {', '.join(lacking)}"
        yield f"  {key}.table = {entry['table']}: {said}."
    named = [entry[end] for end in ("value", "low", "high", "n", "less") if end in entry]
    named = [name for name in named if isinstance(name, str)]
    yield from unknown(f"{key}.where", "column", entry["where"], columns)
    yield from unknown(key, "column", named, columns)
    pooled = OF_RUN if quantity != "rows" and "seed" in columns else ()
    known = [name for name in columns if name not in pooled]
    yield from _filled(f"{key}.label", "column", entry["label"], known)


def _filled(key, kind, text, known):
    """Problems of the {placeholders} of a text, which are filled as they stand."""
    try:
        fields = [field for _, *field in Formatter().parse(text) if field[0] is not None]
    except ValueError as error:
        yield f"  {key} = {text!r}: {error}; a brace that is meant is written twice."
        return
    names = [
        name + (f"!{how}" if how else "") + (f":{spec}" if spec else "")
        for name, spec, how in fields
    ]
    yield from unknown(key, kind, names, known)
