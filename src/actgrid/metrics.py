"""Accuracy and loss, accumulated on the device without waiting for it."""

import torch


class Meter:
    """Sums of correct predictions and of losses; read once, at the end."""

    def __init__(self, device):
        self.correct = torch.zeros((), dtype=torch.int64, device=device)
        self.loss = torch.zeros((), dtype=torch.float64, device=device)
        self.count = 0

    def add(self, logits, labels, loss):
        """A batch: logits (N, classes), labels (N,), its mean loss ()."""
        self.correct += (logits.argmax(1) == labels).sum()
        self.loss += loss.double() * len(labels)
        self.count += len(labels)

    def result(self) -> tuple[float, float]:
        """Accuracy in [0, 1] and mean loss per example."""
        return self.correct.item() / self.count, self.loss.item() / self.count
