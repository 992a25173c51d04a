"""Accuracy, loss and ROC AUC, computed on the device without waiting for it."""

import torch


class Meter:
    """Logits, labels and losses of the batches of a pass, left where they are; read at its end."""

    def __init__(self):
        self.batches = []

    def add(self, logits, labels, loss):
        """A batch: logits (N, classes), or (N, 1) of two classes; labels (N,); its mean loss ()."""
        self.batches.append((logits, labels, loss))

    def result(self) -> tuple[float, float]:
        """Accuracy in [0, 1] and mean loss per example; the batches are forgotten."""
        (logits, labels, losses), self.batches = zip(*self.batches, strict=True), []
        correct = (predicted(torch.cat(logits)) == torch.cat(labels)).sum().item()
        total = 0.0
        for loss, batch in zip(torch.stack(losses).tolist(), labels, strict=True):
            total += loss * len(batch)
        count = sum(map(len, labels))
        return correct / count, total / count


def predicted(logits):
    """The class of the largest logit, (N, classes) -> (N,); of a single one, 1 if it is above 0."""
    return logits[:, 0] > 0 if logits.shape[1] == 1 else logits.argmax(1)


def roc_auc(scores, labels) -> float:
    """Area under the ROC curve: P(score of a 1 > score of a 0) + P(equal) / 2; (N,), (N,) of 0, 1.

    From mean ranks, so that ties count half (Mann-Whitney's U). NaN for a score that is NaN, or
    when a class is missing.
    """
    if scores.isnan().any():
        return float("nan")
    values, inverse, counts = scores.unique(return_inverse=True, return_counts=True)
    ranks = counts.cumsum(0).double() - (counts - 1).double() / 2  # mean rank of equal scores
    positive = labels.bool()
    ones, zeros = positive.sum().item(), (~positive).sum().item()
    if not ones or not zeros:
        return float("nan")
    u = ranks[inverse[positive]].sum().item() - ones * (ones + 1) / 2
    return u / (ones * zeros)
