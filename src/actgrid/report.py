"""The report's text: its template filled with the numbers of the tables; free of torch."""

from collections.abc import Iterable

import jinja2
import pandas as pd

from actgrid import summary
from actgrid.summary import in_words

ABSENT = "–"


def fill(template: str, **values) -> str:
    """The Markdown of the report. Raises jinja2.UndefinedError for a value that is not given.

    Comments in the template are <# ... #>, since {# starts an identifier in Markdown. It may call
    the functions of TABLES by their names, and those of `summary`.
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        comment_start_string="<#",
        comment_end_string="#>",
    )
    environment.filters |= {"number": number, "percent": percent, "listed": listed}
    environment.globals |= {"summary": summary} | {tool.__name__: tool for tool in TABLES}
    return environment.from_string(template).render(values) + "\n"


def number(value: float, digits: int = 4) -> str:
    """A number with so many decimals, a dash where there is none."""
    return ABSENT if pd.isna(value) else f"{value:.{digits}f}".replace("-", "−")


def percent(share: float) -> str:
    """A share in [0, 1] as whole percent."""
    return ABSENT if pd.isna(share) else f"{100 * share:.0f} %"


def listed(names: Iterable) -> str:
    """a, b and c."""
    *most, last = map(str, names)
    return f"{', '.join(most)} and {last}" if most else last


def table(header: dict[str, str], rows: Iterable[Iterable[str]]) -> str:
    """A pipe table; header: column title -> alignment, "l" or "r"."""
    rules = [":---" if side == "l" else "---:" for side in header.values()]
    lines = [header, rules, *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def final_table(final: pd.DataFrame) -> str:
    """Final-epoch table of one architecture: a row per activation, means over seeds."""
    return _of_rows(
        final,
        ("Activation", "l", "activation"),
        ("n", "r", "n"),
        ("Failed", "r", "failures"),
        ("Train acc.", "r", _decimals("train_accuracy_mean")),
        ("Test acc.", "r", _decimals("test_accuracy_mean")),
        ("SD", "r", _decimals("test_accuracy_sd")),
        ("95 % interval", "r", _interval),
        ("Train loss", "r", _decimals("train_loss_mean")),
        ("Test loss", "r", _decimals("test_loss_mean")),
        ("s/epoch", "r", _decimals("seconds_mean", 1)),
    )


def reproduction_table(cells: pd.DataFrame) -> str:
    """Ours against published, one architecture: test accuracy, and whether training agrees too."""
    of_metric = dict(list(cells.groupby("metric")))
    training = of_metric["train_accuracy"][["activation", "difference", "agrees"]]
    return _of_rows(
        of_metric["test_accuracy"].merge(training, on="activation", suffixes=("", "_train")),
        ("Activation", "l", "activation"),
        ("Published as", "l", "published_as"),
        ("n", "r", "ours_n"),
        ("Ours", "r", _decimals("ours_mean")),
        ("Published", "r", _decimals("published_mean")),
        ("Difference", "r", _decimals("difference")),
        ("Tolerance", "r", _decimals("tolerance")),
        ("Agrees", "l", lambda row: in_words(row["agrees"])),
        ("Train diff.", "r", _decimals("difference_train")),
        ("Train agrees", "l", lambda row: in_words(row["agrees_train"])),
    )


def corrected_table(hills: pd.DataFrame) -> str:
    """Test accuracy of the hills: published, ours with the published slip, ours as meant."""
    return _of_rows(
        hills,
        ("Architecture", "l", "architecture"),
        ("Hill", "l", "published_as"),
        ("Published", "r", _decimals("published_mean")),
        ("Ours as published", "r", _decimals("ours_mean")),
        ("Ours as meant", "r", _decimals("test_accuracy_mean")),
        ("SD", "r", _decimals("test_accuracy_sd")),
    )


def agreement_table(agreement: pd.DataFrame) -> str:
    """Share of agreeing cells per architecture and metric, the authors' second run beside it."""
    return _of_rows(
        agreement,
        ("Compared", "l", "compared"),
        ("Architecture", "l", "architecture"),
        ("Metric", "l", lambda row: row["metric"].replace("_", " ")),
        ("Cells", "r", "cells"),
        ("Agree", "r", "agree"),
        ("Share", "r", lambda row: percent(row["share"])),
        ("Mean difference", "r", _decimals("mean_abs_difference")),
        ("Rank correlation", "r", _decimals("rank_correlation", 2)),
    )


def trial_table(trials: pd.DataFrame) -> str:
    """Candidates for the widths of small_conv: the last epoch of each, beside the published."""
    return _of_rows(
        trials.groupby(["channels", "units", "activation"], sort=False).tail(1),
        ("Channels", "r", "channels"),
        ("Units", "l", "units"),
        ("Activation", "l", "activation"),
        ("Epochs", "r", "epoch"),
        ("Train acc.", "r", _decimals("train_accuracy")),
        ("Test acc.", "r", _decimals("test_accuracy")),
        ("Published test acc.", "r", _decimals("published_test_accuracy")),
    )


def protocol_table(protocol: dict) -> str:
    """The protocol's settings in words."""
    rows = [(key.replace("_", " "), in_words(value)) for key, value in protocol.items()]
    return table({"Setting": "l", "Value": "l"}, rows)


def _of_rows(frame: pd.DataFrame, *columns) -> str:
    """A table of a frame; column: (title, alignment, key of the row or function of the row)."""
    header = {title: side for title, side, _ in columns}
    values = [value for _, _, value in columns]
    rows = frame.to_dict("records")
    return table(header, ([v(r) if callable(v) else r[v] for v in values] for r in rows))


def _decimals(key: str, digits: int = 4):
    return lambda row: number(row[key], digits)


def _interval(row) -> str:
    low, high = number(row["test_accuracy_low"]), number(row["test_accuracy_high"])
    return ABSENT if ABSENT in (low, high) else f"{low} to {high}"


TABLES = (
    *(table, final_table, reproduction_table, corrected_table),
    *(agreement_table, trial_table, protocol_table),
)
