"""The study of hand-written derivatives: against its log, its checkpoints, against torch's own."""

import pandas as pd

from actgrid import scores

SUFFIX = "_autograd"
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


def checkpoints(epochs: pd.DataFrame) -> pd.DataFrame:
    """The restored epochs of monitored runs: a row per data set and activation, means over seeds.

    Columns: dataset, activation, n, epochs (those restored, in the order of the seeds), and mean,
    sd, low and high of valid_loss, valid_accuracy and train_accuracy at them.
    """
    keys = ["dataset", "activation"]
    rows = scores.final_rows(epochs)
    restored = rows.groupby(keys, sort=False)["epoch"].agg(lambda e: ", ".join(map(str, e)))
    table = scores.intervals(rows, keys, ["valid_loss", "valid_accuracy", "train_accuracy"])
    return table.assign(epochs=restored).reset_index()


def twins(epochs: pd.DataFrame, activations: dict[str, dict]) -> pd.DataFrame:
    """Activations with a hand-written derivative (x_autograd) against x: a row a cell.

    runs: pairs that share their seed; equal: those whose figures are the same in every epoch to
    the last bit; difference: the largest |difference| of a training loss.
    """
    names = {name: name.removesuffix(SUFFIX) for name in activations if name.endswith(SUFFIX)}
    keys = ["dataset", "architecture", "twin", "seed", "epoch"]
    own = epochs[epochs["activation"].isin(names)]
    own = own.assign(twin=own["activation"].map(names))
    both = own.merge(epochs.assign(twin=epochs["activation"]), on=keys, suffixes=("", "_twin"))
    figures = both[scores.METRICS], both[[f"{metric}_twin" for metric in scores.METRICS]]
    mine, theirs = (frame.fillna(-1).to_numpy() for frame in figures)
    apart = (both["train_loss"] - both["train_loss_twin"]).abs()
    both = both.assign(equal=(mine == theirs).all(axis=1), difference=apart)
    runs = both.groupby(keys[:4], sort=False).agg({"equal": "all", "difference": "max"})
    cells = runs.groupby(keys[:3], sort=False)
    table = cells.agg({"equal": "sum", "difference": "max"}).assign(runs=cells.size())
    return table.reset_index()


def _of_metric(means: pd.DataFrame, metric: str) -> pd.DataFrame:
    table = means[["dataset", "activation", "epoch"]].assign(metric=metric, ours_n=means["n"])
    return table.assign(
        **{f"ours_{part}": means[f"{metric}_{part}"] for part in ("mean", "sd", "low", "high")}
    )
