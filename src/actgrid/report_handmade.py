"""Tables of the report on hand-made activations, and those of all studies; free of torch."""

import pandas as pd

from actgrid.markdown import decimals, interval, of_rows, percent
from actgrid.summary import in_words


def final_table(final: pd.DataFrame) -> str:
    """Final-epoch table of one architecture: a row per activation, means over seeds."""
    return of_rows(
        final,
        ("Activation", "l", "activation"),
        ("n", "r", "n"),
        ("Failed", "r", "failures"),
        ("Train acc.", "r", decimals("train_accuracy_mean")),
        ("Test acc.", "r", decimals("test_accuracy_mean")),
        ("SD", "r", decimals("test_accuracy_sd")),
        ("95 % interval", "r", interval("test_accuracy_")),
        ("Train loss", "r", decimals("train_loss_mean")),
        ("Test loss", "r", decimals("test_loss_mean")),
        ("s/epoch", "r", decimals("seconds_mean", 1)),
    )


def reproduction_table(cells: pd.DataFrame) -> str:
    """Ours against published, one architecture: test accuracy, and whether training agrees too."""
    of_metric = dict(list(cells.groupby("metric")))
    training = of_metric["train_accuracy"][["activation", "difference", "agrees"]]
    return of_rows(
        of_metric["test_accuracy"].merge(training, on="activation", suffixes=("", "_train")),
        ("Activation", "l", "activation"),
        ("Published as", "l", "published_as"),
        ("n", "r", "ours_n"),
        ("Ours", "r", decimals("ours_mean")),
        ("Published", "r", decimals("published_mean")),
        ("Difference", "r", decimals("difference")),
        ("Tolerance", "r", decimals("tolerance")),
        ("Agrees", "l", lambda row: in_words(row["agrees"])),
        ("Train diff.", "r", decimals("difference_train")),
        ("Train agrees", "l", lambda row: in_words(row["agrees_train"])),
    )


def corrected_table(hills: pd.DataFrame) -> str:
    """Test accuracy of the hills: published, ours with the published slip, ours as meant."""
    return of_rows(
        hills,
        ("Architecture", "l", "architecture"),
        ("Hill", "l", "published_as"),
        ("Published", "r", decimals("published_mean")),
        ("Ours as published", "r", decimals("ours_mean")),
        ("Ours as meant", "r", decimals("test_accuracy_mean")),
        ("SD", "r", decimals("test_accuracy_sd")),
    )


def agreement_table(agreement: pd.DataFrame) -> str:
    """Share of agreeing cells per architecture and metric, the authors' second run beside it."""
    return of_rows(
        agreement,
        ("Compared", "l", "compared"),
        ("Architecture", "l", "architecture"),
        ("Metric", "l", lambda row: row["metric"].replace("_", " ")),
        ("Cells", "r", "cells"),
        ("Agree", "r", "agree"),
        ("Share", "r", lambda row: percent(row["share"])),
        ("Mean difference", "r", decimals("mean_abs_difference")),
        ("Rank correlation", "r", decimals("rank_correlation", 2)),
    )


def trial_table(trials: pd.DataFrame) -> str:
    """Candidates for the widths of small_conv: the last epoch of each, beside the published."""
    return of_rows(
        trials.groupby(["channels", "units", "activation"], sort=False).tail(1),
        ("Channels", "r", "channels"),
        ("Units", "l", "units"),
        ("Activation", "l", "activation"),
        ("Epochs", "r", "epoch"),
        ("Train acc.", "r", decimals("train_accuracy")),
        ("Test acc.", "r", decimals("test_accuracy")),
        ("Published test acc.", "r", decimals("published_test_accuracy")),
    )


TABLES = (
    *(final_table, reproduction_table, corrected_table),
    *(agreement_table, trial_table),
)
