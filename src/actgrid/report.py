"""The report's text: its template filled with the numbers of the tables; free of torch."""

from collections.abc import Iterable

import jinja2
import pandas as pd

from actgrid.summary import in_words

ABSENT = "–"


def fill(template: str, **values) -> str:
    """The Markdown of the report. Raises jinja2.UndefinedError for a value that is not given.

    Comments in the template are <# ... #>, since {# starts an identifier in Markdown.
    """
    environment = jinja2.Environment(
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        comment_start_string="<#",
        comment_end_string="#>",
    )
    environment.filters |= {"number": number, "percent": percent, "listed": listed}
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
    header = {"Activation": "l", "n": "r", "Failed": "r", "Train acc.": "r", "Test acc.": "r"}
    header |= {"SD": "r", "95 % interval": "r", "Train loss": "r", "Test loss": "r", "s/epoch": "r"}
    return table(header, (_final_row(row) for row in final.to_dict("records")))


def _final_row(row):
    low, high = number(row["test_accuracy_low"]), number(row["test_accuracy_high"])
    return [
        row["activation"],
        row["n"],
        row["failures"],
        number(row["train_accuracy_mean"]),
        number(row["test_accuracy_mean"]),
        number(row["test_accuracy_sd"]),
        ABSENT if ABSENT in (low, high) else f"{low} to {high}",
        number(row["train_loss_mean"]),
        number(row["test_loss_mean"]),
        number(row["seconds_mean"], 1),
    ]


def reproduction_table(cells: pd.DataFrame) -> str:
    """Ours against published, one architecture: test accuracy, and whether training agrees too."""
    header = {"Activation": "l", "Published as": "l", "n": "r", "Ours": "r", "Published": "r"}
    header |= {"Difference": "r", "Tolerance": "r", "Agrees": "l"}
    header |= {"Train diff.": "r", "Train agrees": "l"}
    training = cells[cells["metric"] == "train_accuracy"].set_index("activation")
    test = cells[cells["metric"] == "test_accuracy"].to_dict("records")
    return table(header, (_cell_row(row, training.loc[row["activation"]]) for row in test))


def _cell_row(row, training):
    return [
        row["activation"],
        row["published_as"],
        row["ours_n"],
        number(row["ours_mean"]),
        number(row["published_mean"]),
        number(row["difference"]),
        number(row["tolerance"]),
        "yes" if row["agrees"] else "no",
        number(training["difference"]),
        "yes" if training["agrees"] else "no",
    ]


def corrected_table(pairs: list[tuple[dict, dict]]) -> str:
    """Test accuracy of the hills: published, ours with the published slip, ours as meant."""
    header = {"Architecture": "l", "Hill": "l", "Published": "r", "Ours as published": "r"}
    header |= {"Ours as meant": "r", "SD": "r"}
    return table(
        header,
        [
            [
                row["architecture"],
                row["published_as"],
                number(row["published_mean"]),
                number(row["ours_mean"]),
                number(meant["test_accuracy_mean"]),
                number(meant["test_accuracy_sd"]),
            ]
            for row, meant in pairs
        ],
    )


def agreement_table(agreement: pd.DataFrame) -> str:
    """Share of agreeing cells per architecture and metric, the authors' second run beside it."""
    header = {"Compared": "l", "Architecture": "l", "Metric": "l", "Cells": "r", "Agree": "r"}
    header |= {"Share": "r", "Mean difference": "r", "Rank correlation": "r"}
    rows = agreement.to_dict("records")
    return table(
        header,
        [
            [
                row["compared"],
                row["architecture"],
                row["metric"].replace("_", " "),
                row["cells"],
                row["agree"],
                percent(row["share"]),
                number(row["mean_abs_difference"]),
                number(row["rank_correlation"], 2),
            ]
            for row in rows
        ],
    )


def protocol_rows(protocol: dict) -> list[tuple[str, str]]:
    """The protocol's settings in words."""
    return [(key.replace("_", " "), in_words(value)) for key, value in protocol.items()]


def trial_rows(trials: pd.DataFrame) -> list[list]:
    """Candidates for the widths of small_conv: the last epoch of each, beside the published."""
    keys = ["channels", "units", "activation"]
    last = trials.groupby(keys, sort=False).tail(1)
    return [
        [
            row["channels"],
            row["units"],
            row["activation"],
            row["epoch"],
            number(row["train_accuracy"]),
            number(row["test_accuracy"]),
            number(row["published_test_accuracy"]),
        ]
        for row in last.to_dict("records")
    ]
