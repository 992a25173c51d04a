"""The numbers that a claim rests on, taken from the tables of results: rows, and a few measures.

An entry of claims.yaml names a table and `where` its rows are. Rows with one label, which may hold
{columns}, make one part: (label, value, low, high, n). Low and high are a 95 % interval, empty
where there are too few runs for one, and equal to the value where a plain number is meant.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from actgrid.scores import RUN, t_factor

PARTS = ["label", "value", "low", "high", "n"]


class NoEvidence(ValueError):
    """A table, rows in it, or good runs that this grid does not have; the message names them."""


def parts(entries: list[dict], tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """PARTS of all entries, in their order.

    Raises NoEvidence for a table that is not there, or without rows for a name in `where`.
    """
    return pd.concat([_parts(entry, tables) for entry in entries], ignore_index=True)[PARTS]


def _parts(entry, tables):
    found = QUANTITIES[entry.get("quantity", "rows")](entry, tables)
    if found.empty:
        raise NoEvidence(f"{entry['table']}: no rows")
    return found


def rows(entry: dict, tables: Mapping) -> pd.DataFrame:
    """A part for each row of the table: its columns `value`, `low`, `high` and `n`, less `less`."""
    chosen = _chosen(entry, tables)
    values = {end: _numbers(chosen, entry, end) for end in ("value", "low", "high")}
    n = chosen[entry["n"]] if "n" in entry else np.nan
    return chosen[["label"]].assign(**values, n=n)


def mean(entry: dict, tables: Mapping) -> pd.DataFrame:
    """Mean of `value` over the rows of each label, with its t interval."""
    chosen = _chosen(entry, tables)
    return _means(_numbers(chosen, entry, "value"), chosen["label"], _labels(entry, tables))


def share(entry: dict, tables: Mapping) -> pd.DataFrame:
    """Share of a run's rows whose |value| is `at_least` so much; mean and t interval over runs."""
    chosen = _chosen(entry, tables)
    reached = _numbers(chosen, entry, "value").abs() >= entry["at_least"]
    runs = reached.groupby([chosen[key] for key in ("label", *RUN[1:])], sort=False).mean()
    return _means(runs, runs.index.get_level_values("label"), _labels(entry, tables))


def difference(entry: dict, tables: Mapping) -> pd.DataFrame:
    """Each part of `of` minus the part of `minus` with its label; `label` is put before that.

    low, high: from the ends of both intervals, so that it leaves 0 out where they do not overlap;
    wider than an interval of the difference would be. A part that one side lacks has no numbers.
    """
    of, minus = (_parts(entry[key], tables) for key in ("of", "minus"))
    order = list(dict.fromkeys([*of["label"], *minus["label"]]))
    both = of.merge(minus, "outer", on="label", suffixes=("", "_less"), validate="1:1")
    both = both.set_index("label").loc[order].reset_index()
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
    good = chosen[chosen["status"] == "ok"]
    best = good.loc[good.groupby(RUN, sort=False)[entry["value"]].idxmax()]
    return _means(best["epoch"].astype(float), best["label"], chosen["label"].unique())


QUANTITIES = {
    function.__name__: function for function in (rows, mean, share, difference, largest, best_epoch)
}


def _means(values, labels, every):
    """Mean, t interval and n of the values of each label; n = 0 for those of `every` without."""
    groups = values.groupby(labels, sort=False)
    middle, n = groups.mean(), groups.count()
    half = t_factor(n) * groups.std() / np.sqrt(n)
    table = pd.DataFrame({"value": middle, "low": middle - half, "high": middle + half, "n": n})
    return table.reindex(every).fillna({"n": 0}).rename_axis("label").reset_index()


def _labels(entry, tables):
    """The labels that an entry asks for, those of cells too whose runs all failed."""
    lost = ("status", "epoch") if "status" in entry["where"] else ()  # a failed run ends early
    where = {column: wanted for column, wanted in entry["where"].items() if column not in lost}
    return _chosen(entry | {"where": where}, tables)["label"].unique()


def _chosen(entry, tables):
    """The rows that an entry asks for, with their labels; none where no run has that `status`."""
    table = tables.get(entry["table"])
    if table is None:
        raise NoEvidence(f"no table {entry['table']}")
    for column, wanted in entry["where"].items():
        wanted = wanted if isinstance(wanted, list) else [wanted]
        lacking = [value for value in wanted if value not in set(table[column])]
        if lacking and column != "status" and len(table):
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
