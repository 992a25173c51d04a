"""The numbers that a claim rests on, taken from the tables of results: rows, and a few measures.

An entry of claims.yaml names a table and `where` its rows are. Rows with one label, which may hold
{columns}, make one part: (label, value, low, high, n). Low and high are a 95 % interval, empty
where there are too few runs for one, and equal to the value where a plain number is meant.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy import stats

from actgrid.scores import CONFIDENCE, RUN, t_factor

PARTS = ["label", "value", "low", "high", "n"]


class NoEvidence(ValueError):
    """A table, or rows in it, that this grid does not make; the message names them."""


def parts(entries: list[dict], tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """PARTS of all entries, in their order.

    Raises NoEvidence for a table that is not there, or without rows for a name in `where`.
    """
    return pd.concat([_parts(entry, tables) for entry in entries], ignore_index=True)[PARTS]


def _parts(entry, tables):
    return QUANTITIES[entry.get("quantity", "rows")](entry, tables)


def rows(entry: dict, tables: Mapping) -> pd.DataFrame:
    """A part for each row of the table: its columns `value`, `low`, `high` and `n`, less `less`."""
    chosen = _chosen(entry, tables)
    values = {end: _numbers(chosen, entry, end) for end in ("value", "low", "high")}
    n = chosen[entry["n"]] if "n" in entry else np.nan
    return chosen[["label"]].assign(**values, n=n)


def mean(entry: dict, tables: Mapping) -> pd.DataFrame:
    """Mean of `value` over the rows of each label, with its t interval."""
    chosen = _chosen(entry, tables)
    values = _numbers(chosen, entry, "value").groupby(chosen["label"], sort=False)
    middle, n = values.mean(), values.count()
    half = t_factor(n) * values.std() / np.sqrt(n)
    table = {"value": middle, "low": middle - half, "high": middle + half, "n": n}
    return pd.DataFrame(table).rename_axis("label").reset_index()


def share(entry: dict, tables: Mapping) -> pd.DataFrame:
    """Share of the rows of each label whose |value| is `at_least` so much; Wilson interval."""
    chosen = _chosen(entry, tables)
    reached = _numbers(chosen, entry, "value").abs() >= entry["at_least"]
    found = []
    for label, yes in reached.groupby(chosen["label"], sort=False):
        wilson = stats.binomtest(int(yes.sum()), len(yes)).proportion_ci(CONFIDENCE, "wilson")
        found.append((label, yes.mean(), wilson.low, wilson.high, len(yes)))
    return pd.DataFrame(found, columns=PARTS)


def difference(entry: dict, tables: Mapping) -> pd.DataFrame:
    """Each part of `of` minus the part of `minus` with its label; `label` is put before that.

    low, high: from the ends of both intervals, so that it leaves 0 out where they do not overlap;
    wider than an interval of the difference would be.
    """
    both = _parts(entry["of"], tables).merge(
        _parts(entry["minus"], tables), on="label", suffixes=("", "_less"), validate="1:1"
    )
    ends = {"low": both["low"] - both["high_less"], "high": both["high"] - both["low_less"]}
    ends |= {"value": both["value"] - both["value_less"], "n": both[["n", "n_less"]].min(axis=1)}
    label = [", ".join(filter(None, (entry["label"], own))) for own in both["label"]]
    return both.assign(label=label, **ends)[PARTS]


def largest(entry: dict, tables: Mapping) -> pd.DataFrame:
    """The one part of `of` with the largest value; what is not known may be larger."""
    found = _parts(entry["of"], tables)
    return found.loc[[found["value"].fillna(np.inf).idxmax()]].assign(label=entry["label"])


def best_epoch(entry: dict, tables: Mapping) -> pd.DataFrame:
    """Epoch with the highest `value` of each run, the first of equals; mean and t interval."""
    chosen = _chosen(entry, tables)
    chosen = chosen[chosen["status"] == "ok"]
    best = chosen.loc[chosen.groupby(RUN, sort=False)[entry["value"]].idxmax()]
    every = {"table": "best", "where": {}, "value": "epoch", "label": entry.get("label", "")}
    return mean(every, {"best": best})


QUANTITIES = {
    function.__name__: function for function in (rows, mean, share, difference, largest, best_epoch)
}


def _chosen(entry, tables):
    """The rows that an entry asks for, with their labels."""
    table = tables.get(entry["table"])
    if table is None:
        raise NoEvidence(f"no table {entry['table']}")
    for column, wanted in entry["where"].items():
        wanted = wanted if isinstance(wanted, list) else [wanted]
        lacking = [value for value in wanted if value not in set(table[column])]
        if lacking:
            raise NoEvidence(f"{entry['table']}: no {column} {', '.join(map(str, lacking))}")
        table = table[table[column].isin(wanted)]
    label = entry.get("label", "")
    return table.assign(label=[label.format(**row) for row in table.to_dict("records")])


def _numbers(chosen, entry, end):
    """A column, less the number or the column `less`; the value where there is no such end."""
    less = entry.get("less", 0.0)
    less = chosen[less] if isinstance(less, str) else less
    plain = "low" not in entry and end != "value"
    values = chosen[entry["value" if plain else end]].astype(float)
    return values - less
