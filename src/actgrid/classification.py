"""Precision, recall and F1 from counts of predicted classes, and a linear baseline for them."""

import pandas as pd

from actgrid import scores

KEYS = [*scores.RUN, "mode"]
FIGURES = ["precision", "recall", "f1", "accuracy"]


def per_class(confusion: pd.DataFrame) -> pd.DataFrame:
    """A row per run that ended well, mode and class: precision, recall, f1, accuracy, support.

    confusion: the names of the run, status, mode, actual, predicted, examples. precision =
    hits / examples predicted as the class (0 where there are none), recall = hits / support,
    f1 = 2 hits / (both together); accuracy is that of the whole run.
    """
    counts = confusion[confusion["status"] == "ok"].rename(columns={"actual": "class"})
    hits = counts[counts["class"] == counts["predicted"]].set_index([*KEYS, "class"])["examples"]
    support = counts.groupby([*KEYS, "class"], sort=False)["examples"].sum()
    claimed = counts.groupby([*KEYS, "predicted"], sort=False)["examples"].sum()
    claimed = claimed.rename_axis([*KEYS, "class"]).reindex(support.index)
    right, all_ = (s.groupby(KEYS, sort=False).transform("sum") for s in (hits, support))
    table = {
        "precision": (hits / claimed).fillna(0.0),
        "recall": hits / support,
        "f1": 2 * hits / (support + claimed),
        "accuracy": right / all_,
        "support": support,
    }
    return pd.DataFrame(table).reset_index()


def summarise(confusion: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds of `per_class`: per cell, mode and class n, and of each figure _mean, _sd,
    _low and _high (95 % t interval)."""
    keys = [*scores.CELL, "mode", "class"]
    return scores.intervals(per_class(confusion), keys, FIGURES).reset_index()


def logistic_regression(data) -> pd.DataFrame:
    """The counts of a logistic regression on a prepared data set, as rows of a run.

    Fitted to the training part by maximum likelihood, without a penalty; no randomness in it.
    """
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=float("inf"), max_iter=10_000)
    inputs = data.train_x.reshape(len(data.train_x), -1), data.test_x.reshape(len(data.test_x), -1)
    predicted = model.fit(inputs[0], data.train_y).predict(inputs[1])
    labels = range(len(data.classes))
    counts = [
        (actual, guess, int(((data.test_y == actual) & (predicted == guess)).sum()))
        for actual in labels
        for guess in labels
    ]
    names = {"study": "baseline", "dataset": data.name, "architecture": "logistic regression"}
    names |= {"activation": "none", "seed": 0, "status": "ok", "mode": "evaluation"}
    return pd.DataFrame(counts, columns=["actual", "predicted", "examples"]).assign(**names)
