"""What the report says of a grid: what was run and cut, who is above whom, what it cost."""

import datetime
import hashlib
import json

import pandas as pd

from actgrid import grid, records

NOTHING = 0.15  # test accuracy below which a network of ten classes has learned next to nothing


def of_pair(final: pd.DataFrame, dataset: str, architecture: str) -> pd.DataFrame:
    """The rows of one (data set, architecture) pair."""
    return final[(final["dataset"] == dataset) & (final["architecture"] == architecture)]


def rows(frame: pd.DataFrame, **values) -> pd.DataFrame:
    """The rows whose columns have these values."""
    return frame[(frame[list(values)] == pd.Series(values)).all(axis=1)]


def of_source(config: dict, source: str) -> list[str]:
    """The studies that reproduce a source work."""
    return [name for name, study in config["studies"].items() if study["source"] == source]


def sources(config: dict) -> list[str]:
    """The source works that a grid reproduces, in the order of its studies."""
    return list(dict.fromkeys(study["source"] for study in config["studies"].values()))


def networks(runs: pd.DataFrame) -> list[list[str]]:
    """The [data set, network] pairs of some runs, in their order."""
    return runs[["dataset", "architecture"]].drop_duplicates().values.tolist()


def monitored(config: dict, dataset: str, architecture: str) -> bool:
    """Whether the runs of a pair stop or are kept by a validation figure, and are tested once."""
    return bool(grid.pairs(config)[dataset, architecture].get("monitor"))


def checksums(runs: pd.DataFrame) -> list[list[str]]:
    """[data set, sha256 of its prepared arrays], a row each."""
    rows = runs[["dataset", "data_sha256"]].drop_duplicates()
    return [[dataset, f"`{sha256}`"] for dataset, sha256 in rows.values]


def protocol_of(config: dict, source: str) -> dict:
    """The protocol of the first study of a source work."""
    return config["studies"][of_source(config, source)[0]]["protocol"]


def transfer_source(config: dict) -> str:
    """Where the frozen functions of the grid were learned, in words."""
    entries = [config["activations"][run.activation] for run in grid.expand(config)]
    paths = [e["source"].split("/") for e in entries if e["function"] == "transfer"]
    sources = {(architecture, seed) for _, architecture, _, seed in paths}
    return "; ".join(sorted(f"learned on `{a}`, seed {seed}" for a, seed in sources))


def compared(agreement: pd.DataFrame | None, who: str) -> list[dict]:
    """Rows on test accuracy of the agreement table: "ours", or "second published run"."""
    if agreement is None:
        return []
    chosen = (agreement["metric"] == "test_accuracy") & (agreement["compared"] == who)
    return agreement[chosen].to_dict("records")


def apart(cells: pd.DataFrame) -> list[dict]:
    """The cells whose test accuracy does not agree with the published one."""
    return cells[(cells["metric"] == "test_accuracy") & ~cells["agrees"]].to_dict("records")


def corrected(cells: pd.DataFrame, final: pd.DataFrame) -> pd.DataFrame:
    """Each compared test cell of `hill_published_p` beside our cell of `hill_p`, as meant."""
    test = cells[cells["metric"] == "test_accuracy"]
    hills = test[test["activation"].str.startswith("hill_published_")]
    meant = hills["activation"].str.replace("_published", "")
    return hills.assign(activation=meant).merge(
        final[final["n"] > 0], on=["dataset", "architecture", "activation"]
    )


def of_architecture(final: pd.DataFrame) -> dict:
    """What the text says of one architecture: relu, the highest, the lowest, how many beat relu.

    Cells without a good run are left out; `above` and `below` count the activations whose whole
    95 % interval lies above or below relu's mean.
    """
    good = final[final["n"] > 0]
    ordered = good.sort_values("test_accuracy_mean", ascending=False).to_dict("records")
    relu = next((row for row in ordered if row["activation"] == "relu"), None)
    level = relu["test_accuracy_mean"] if relu else float("nan")
    return {
        "cells": len(good),
        "relu": relu,
        "best": ordered[0] if ordered else None,
        "worst": ordered[-1] if ordered else None,
        "above": int((good["test_accuracy_low"] > level).sum()),
        "below": int((good["test_accuracy_high"] < level).sum()),
        "failed": final.loc[final["failures"] > 0, "activation"].tolist(),
        "one_seed": bool((good["n"] < 2).any()),
    }


def above(classes: pd.DataFrame, architecture: str, activation: str) -> list[str]:
    """Activations whose interval of the test accuracy lies wholly above the mean of another's.

    classes: of `classification.summarise`; the network in evaluation mode.
    """
    proper = (classes["architecture"] == architecture) & (classes["mode"] == "evaluation")
    rows = classes[proper].drop_duplicates("activation").set_index("activation")
    level = rows.loc[activation, "accuracy_mean"]
    return rows.index[rows["accuracy_low"] > level].tolist()


def accuracies(classes: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Mean test accuracies by network and activation, dropout off and on."""
    one = classes.drop_duplicates(["architecture", "activation", "mode"])
    table = one.pivot(index=["architecture", "activation"], columns="mode", values="accuracy_mean")
    return table["evaluation"], table["training"]


def logged(autograd: dict | None) -> pd.DataFrame:
    """The cells of the study of hand-written derivatives that have a published figure."""
    log = autograd["published_log"] if autograd else pd.DataFrame({"published": []})
    return log[log["published"].notna()]


def stuck(flow: pd.DataFrame, architecture: str) -> list[str]:
    """Activations with which a network of ten classes learned next to nothing.

    flow: of `flow.flow_summary`; cells without a good run are no case of it.
    """
    cells = rows(flow, architecture=architecture)
    return cells.loc[cells["test_accuracy_mean"] < NOTHING, "activation"].tolist()


def at(log: pd.DataFrame, metric: str) -> pd.Series:
    """The last published epoch of a metric; log: of `published_log.against_log`."""
    rows = log[log["metric"] == metric]
    return rows.loc[rows["epoch"].idxmax()]


def coverage(runs: pd.DataFrame, full: dict) -> list[list]:
    """A row per (data set, architecture) run or planned: what was run, and of how many."""
    planned = [(run.dataset, run.architecture) for run in grid.expand(full)]
    pairs = dict.fromkeys([*map(tuple, networks(runs)), *planned])
    found = ((pair, of_pair(runs, *pair)) for pair in pairs)
    return [[*pair, *_size(rows), len(rows), planned.count(pair)] for pair, rows in found]


def _size(rows):
    """Parameters, activations and seeds of the runs of one network."""
    parameters = f"{rows['parameters'].iloc[0]:,}" if len(rows) else "–"
    return parameters, rows["activation"].nunique(), rows["seed"].nunique()


def cuts(config: dict, full: dict, count: int) -> list[str]:
    """What this grid leaves out or changes against the full one, in words; empty for none.

    count: how many of its runs there are.
    """
    runs, all_runs = grid.expand(config), grid.expand(full)
    counts = [f"{count} of {len(all_runs)} runs"] if count != len(all_runs) else []
    for what in ("architecture", "activation", "seed"):
        some, every = ({getattr(run, what) for run in group} for group in (runs, all_runs))
        if some != every:
            counts.append(f"{len(some)} of {len(every)} {what}s")
    return counts + changed_protocols(config, full)


def changed_protocols(config: dict, full: dict, studies: list[str] | None = None) -> list[str]:
    """Where the protocol of some studies (None: all) differs from the full grid's, in words."""
    protocols = grid.pairs(full)
    changes = [
        f"{pair[0]}: {key.replace('_', ' ')} {in_words(value)} instead of {in_words(there)}"
        for pair, protocol in grid.pairs(config, studies).items()
        if pair in protocols
        for key, value in protocol.items()
        for there in [protocols[pair].get(key)]
        if value != there
    ]
    return list(dict.fromkeys(changes))


def provenance(runs: pd.DataFrame, config: dict) -> list[tuple[str, str]]:
    """Rows of the provenance table: what made the numbers, and what it cost."""

    def values(column):
        kept = runs[column].dropna().unique()
        return ", ".join(map(str, sorted(map(str, kept)))) or "unknown"

    text = json.dumps(config, sort_keys=True)
    return [
        ("Runs", f"{len(runs)}, of which {int((runs['status'] != 'ok').sum())} diverged"),
        ("Commit", values("commit")),
        ("Checkout without changes", values("clean")),
        ("Processor", values("processor")),
        ("Device", f"{values('device')}; threads a run: {values('threads')}"),
        *((name, values(name)) for name in records.VERSIONS),
        ("Precision", values("precision")),
        ("Config, sha256", hashlib.sha256(text.encode()).hexdigest()),
        ("Processor time of all runs", f"{runs['cpu_seconds'].sum() / 3600:.2f} h"),
        ("First and last run finished", f"{runs['finished'].min()}, {runs['finished'].max()}"),
    ]


def timestamp(runs: pd.DataFrame) -> int:
    """Seconds since 1970 at the end of the last run: the one date that the report carries."""
    return int(datetime.datetime.fromisoformat(runs["finished"].max()).timestamp())


def in_words(value) -> str:
    """A setting of the protocol as the report says it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "all" if value is None else str(value)
