"""Tables of the report on trained, hand-differentiated and standard activations; free of torch."""

import pandas as pd

from actgrid.markdown import decimals, interval, number, of_rows, table

MODES = {"training": "dropout on", "evaluation": "dropout off"}


def published_report_table(
    ours: pd.DataFrame, linear: pd.DataFrame, published: pd.DataFrame
) -> str:
    """The source's classification report, ours below it, a row a report; rows of
    `classification.summarise`, of one activation in both modes, and of the logistic regression."""
    figures = ("precision", "recall", "f1")
    header = {"Report": "l"}
    header |= {f"{name.title()} {label}": "r" for label in (0, 1) for name in figures}
    rows = [
        (
            title,
            *(number(of.loc[label, name], 3) for label in (0, 1) for name in figures),
            number(of["accuracy"].iloc[0], 3),
        )
        for title, of in _reports(pd.concat([ours, linear]), published)
    ]
    return table(header | {"Accuracy": "r"}, rows)


def _reports(classes, published):
    """(title, frame of precision, recall, f1 and accuracy by class) of each report."""
    yield "published", published.set_index("class")
    means = classes.rename(columns=lambda name: name.removesuffix("_mean")).set_index("class")
    for (architecture, mode), rows in means.groupby(["architecture", "mode"], sort=False):
        linear = architecture == "logistic regression"
        yield architecture if linear else f"`{architecture}`, {MODES[mode]}", rows


def accuracy_table(classes: pd.DataFrame) -> str:
    """Test accuracy of every cell in both modes, a row a cell; classes: of `classification`."""
    keys = ["architecture", "activation"]
    one = classes[classes["class"] == classes["class"].min()]
    on, off = (one[one["mode"] == mode] for mode in MODES)
    both = off.merge(on, on=keys, how="left", suffixes=("", "_on"))
    renamed = {f"accuracy_{end}_on": f"on_{end}" for end in ("low", "high")}
    return of_rows(
        both.rename(columns=renamed),
        ("Network", "l", "architecture"),
        ("Activation", "l", "activation"),
        ("n", "r", "n"),
        ("Dropout off", "r", decimals("accuracy_mean", 3)),
        ("95 % interval", "r", interval("accuracy_", 3)),
        ("Dropout on", "r", decimals("accuracy_mean_on", 3)),
        ("95 % interval, on", "r", interval("on_", 3)),
    )


def parameter_table(tracks: pd.DataFrame) -> str:
    """Trained parameters over seeds, a row per network, activation, parameter and layer."""
    keys = ["architecture", "activation", "parameter", "layer"]
    values = tracks.groupby(keys, sort=False)["value"].agg(["count", "mean", "std", "min", "max"])
    return of_rows(
        values.reset_index(),
        ("Network", "l", "architecture"),
        ("Activation", "l", "activation"),
        ("Parameter", "l", lambda row: row["parameter"].replace("_", " ")),
        ("Layer", "r", "layer"),
        ("n", "r", "count"),
        ("Mean", "r", decimals("mean", 3)),
        ("SD", "r", decimals("std", 3)),
        ("Smallest", "r", decimals("min", 3)),
        ("Largest", "r", decimals("max", 3)),
    )


def log_table(cells: pd.DataFrame, epochs) -> str:
    """Ours / published at some epochs, a row an activation and epoch; cells: those published."""
    shown = cells[cells["epoch"].isin(epochs)]
    beside = [
        f"{number(row.ours_mean, digits)} / {number(row.published, digits)}"
        for row in shown.itertuples()
        for digits in (3 if row.metric.endswith("accuracy") else 2,)
    ]
    keys = ["activation", "epoch"]
    wide = shown.assign(beside=beside).pivot(index=keys, columns="metric", values="beside")
    wide = wide.reindex(shown.set_index(keys).index.unique()).reset_index()
    metrics = {"train": "Training", "valid": "Validation"}
    return of_rows(
        wide,
        ("Activation", "l", "activation"),
        ("Epoch", "r", "epoch"),
        *((f"{title} accuracy", "r", f"{part}_accuracy") for part, title in metrics.items()),
        *((f"{title} loss", "r", f"{part}_loss") for part, title in metrics.items()),
    )


def checkpoint_table(checkpoints: pd.DataFrame) -> str:
    """The restored epochs: which, and what they reach, a row per data set and activation."""
    return of_rows(
        checkpoints,
        ("Data set", "l", "dataset"),
        ("Activation", "l", "activation"),
        ("n", "r", "n"),
        ("Restored epochs", "l", "epochs"),
        ("Valid. loss", "r", decimals("valid_loss_mean", 3)),
        ("Valid. acc.", "r", decimals("valid_accuracy_mean", 3)),
        ("95 % interval", "r", interval("valid_accuracy_", 3)),
        ("Train acc.", "r", decimals("train_accuracy_mean", 3)),
    )


def flow_table(summary: pd.DataFrame) -> str:
    """What the layers of every cell show before and after training, a row a cell."""

    def both(measure, digits):
        return lambda row: " → ".join(
            number(row[f"{measure}_{when}"], digits) for when in ("start", "end")
        )

    return of_rows(
        summary,
        ("Network", "l", "architecture"),
        ("Activation", "l", "activation"),
        ("n", "r", "n"),
        ("Failed", "r", "failures"),
        ("First / last gradient, log10", "r", both("gradient_ratio", 1)),
        ("Mean activation", "r", both("mean", 2)),
        ("Dead", "r", both("dead", 2)),
        ("Saturated", "r", both("saturated", 2)),
        ("Test acc.", "r", decimals("test_accuracy_mean", 3)),
        ("95 % interval", "r", interval("test_accuracy_", 3)),
    )


TABLES = (
    *(published_report_table, accuracy_table, parameter_table, log_table, checkpoint_table),
    flow_table,
)
