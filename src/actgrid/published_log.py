"""Ours against a log of training that a source work published, epoch by epoch."""

import pandas as pd

DATASET = "mnist_float_bytes"  # what the published runs were fed
METRICS = ("train_loss", "train_accuracy", "valid_loss", "valid_accuracy")
CELLS = [
    *("dataset", "activation", "published_as", "epoch", "metric"),
    *("ours_n", "ours_mean", "ours_sd", "ours_low", "ours_high", "published", "difference"),
]


def against_log(
    means: pd.DataFrame, published: pd.DataFrame, activations: dict[str, dict]
) -> pd.DataFrame:
    """A row per data set, activation, epoch and metric: ours over seeds, and what was published.

    means: rows of scores.epoch_means. published: activation, epoch and METRICS, of runs on DATASET.
    activations: the config's entries; `published_as` names them in that log. `published` and
    `difference` (ours - published) are empty where there is nothing published.
    """
    names = {name: entry.get("published_as") for name, entry in activations.items()}
    tables = [_of_metric(means, metric) for metric in METRICS]
    cells = pd.concat(tables, ignore_index=True)
    cells["published_as"] = cells["activation"].map(names)
    log = published.rename(columns={"activation": "published_as"}).assign(dataset=DATASET)
    log = log.melt(["dataset", "published_as", "epoch"], list(METRICS), "metric", "published")
    cells = cells.merge(log, how="left", on=["dataset", "published_as", "epoch", "metric"])
    return cells.assign(difference=cells["ours_mean"] - cells["published"])[CELLS]


def _of_metric(means: pd.DataFrame, metric: str) -> pd.DataFrame:
    table = means[["dataset", "activation", "epoch"]].assign(metric=metric, ours_n=means["n"])
    return table.assign(
        **{f"ours_{part}": means[f"{metric}_{part}"] for part in ("mean", "sd", "low", "high")}
    )
