"""The one training loop of all studies, over data held as tensors on the device."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from actgrid.metrics import Meter, predicted, roc_auc
from actgrid.optimizers import SGD, Adam
from actgrid.protocol import Protocol
from actgrid.steps import Recorded, Step

LOG = logging.getLogger(__name__)
EVALUATION_BATCH = 500  # examples, at least; a speed and memory setting, without effect on accuracy


@dataclass(frozen=True)
class Tensors:
    """Inputs (N, ...) of bytes or floats and labels (N,) on the device of the network."""

    inputs: torch.Tensor
    labels: torch.Tensor

    def __len__(self):
        return len(self.labels)

    def first(self, count: int) -> "Tensors":
        """The first `count` examples, or all if there are fewer."""
        return Tensors(self.inputs[:count], self.labels[:count])


@dataclass(frozen=True)
class Parts:
    """The parts of a data set; `validation` may be empty."""

    training: Tensors
    validation: Tensors
    test: Tensors


@dataclass(frozen=True)
class Epoch:
    """One row of epochs.csv: accuracies and AUC in [0, 1], mean loss per example, wall seconds.

    Training figures are accumulated while the weights change, each batch before its step; the
    others are taken after the epoch. None is what was not measured: the AUC of more than two
    classes, validation without such a part, and the test of all epochs but the restored one, where
    the protocol monitors the validation.
    """

    epoch: int
    train_accuracy: float
    train_loss: float
    valid_accuracy: float | None = None
    valid_loss: float | None = None
    valid_auc: float | None = None
    test_accuracy: float | None = None
    test_loss: float | None = None
    test_auc: float | None = None
    seconds: float = 0.0

    @property
    def diverged(self) -> bool:
        """A figure became NaN or infinite."""
        figures = (self.train_loss, self.valid_loss, self.valid_auc, self.test_loss)
        return not all(math.isfinite(figure) for figure in figures if figure is not None)


def train(
    model: nn.Module,
    data: Parts,
    protocol: Protocol,
    order: torch.Generator,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    graphs: bool = False,
    kept=None,
) -> list[Epoch]:
    """Train `model` in place; `order` shuffles, if the protocol does. Stops once it diverged.

    With `graphs` a GPU repeats a recorded step (steps.Recorded). With a `kept`
    checkpoint.Checkpoint it goes on where it was cut off.

    With `protocol.monitor` the network ends with the weights of its best epoch, and the test set is
    touched once, with those.
    """
    optimizer = OPTIMIZERS[protocol.optimizer](model, protocol)
    step = (Recorded if graphs else Step)(model, LOSSES[protocol.loss], optimizer)
    history, best = [], Best(protocol)
    if kept:
        rows = kept.resume(model=model, optimizer=optimizer, order=order, best=best)
        history = [Epoch(**row) for row in rows]
    for number in range(len(history) + 1, protocol.epochs + 1):
        start = time.perf_counter()
        epoch = Epoch(number, *train_epoch(step, data.training, protocol, order))
        epoch = measured(epoch, "valid", model, data.validation, protocol)
        if not protocol.monitor:
            epoch = measured(epoch, "test", model, data.test, protocol)
        history.append(replace(epoch, seconds=time.perf_counter() - start))
        LOG.info("%s", history[-1])
        on_epoch(history[-1])
        if history[-1].diverged or best.over(model, history[-1]):
            break
        if kept:
            kept.save(history)
    if protocol.monitor and not history[-1].diverged:
        model.load_state_dict(best.state)
        chosen = best.epoch - 1
        history[chosen] = measured(history[chosen], "test", model, data.test, protocol)
    return history


class Best:
    """The weights of the epoch with the best `monitor` so far, and when to stop.

    The best is the highest value, of a loss the lowest; of equal ones the first.
    """

    def __init__(self, protocol: Protocol):
        self.monitor, self.patience = protocol.monitor, protocol.patience
        self.sign = -1 if protocol.monitor and protocol.monitor.endswith("loss") else 1
        self.value, self.epoch, self.state = -math.inf, 0, None

    def over(self, model, epoch: Epoch) -> bool:
        """Take note of an epoch; True when the patience is used up."""
        if not self.monitor:
            return False
        if (value := self.sign * getattr(epoch, self.monitor)) > self.value:
            self.value, self.epoch = value, epoch.epoch
            self.state = {key: tensor.clone() for key, tensor in model.state_dict().items()}
        return self.patience is not None and epoch.epoch - self.epoch >= self.patience

    def state_dict(self):
        """What lasts from epoch to epoch."""
        return {"value": self.value, "epoch": self.epoch, "state": self.state}

    def load_state_dict(self, state):
        """Go on from a state."""
        self.value, self.epoch, self.state = state["value"], state["epoch"], state["state"]


def train_epoch(step, training, protocol, order) -> tuple[float, float]:
    """One pass over the training examples; accuracy and mean loss accumulated on the way."""
    step.model.train()
    for inputs, labels in batches(training, protocol.batch_size, protocol.shuffle, order):
        step(inputs, labels)
    return step.meter.result()


def measured(epoch: Epoch, part: str, model, data: Tensors, protocol: Protocol) -> Epoch:
    """`epoch` with the figures of a part ("valid" or "test"), unless that part is empty."""
    if not len(data):
        return epoch
    accuracy, loss, auc = evaluate(model, data, protocol)
    figures = {f"{part}_accuracy": accuracy, f"{part}_loss": loss, f"{part}_auc": auc}
    return replace(epoch, **figures)


@torch.inference_mode()
def confusion(model, data: Tensors, classes: int, batch: int = EVALUATION_BATCH) -> list[list[int]]:
    """How many examples of a class (row) are taken for a class (column), (classes, classes).

    The network stays in the mode that it is in.
    """
    counts = torch.zeros(classes**2, dtype=torch.int64, device=data.labels.device)
    for inputs, labels in batches(data, batch):
        counts += torch.bincount(labels * classes + predicted(model(inputs)), minlength=classes**2)
    return counts.view(classes, classes).tolist()


@torch.inference_mode()
def evaluate(model, data: Tensors, protocol: Protocol) -> tuple[float, float, float | None]:
    """Accuracy, mean loss and (of a single logit) ROC AUC of the network in evaluation mode."""
    model.eval()
    meter = Meter()
    for inputs, labels in batches(data, max(EVALUATION_BATCH, protocol.batch_size)):
        logits = model(inputs)
        meter.add(logits, labels, LOSSES[protocol.loss](logits, labels))
    scores = [logits[:, 0] for logits, *_ in meter.batches if logits.shape[1] == 1]
    return *meter.result(), roc_auc(torch.cat(scores), data.labels) if scores else None


def batches(data: Tensors, size: int, shuffle: bool = False, order=None):
    """Batches (inputs, labels) in file order or, shuffled, in an order drawn from `order`."""
    if shuffle:
        permutation = torch.randperm(len(data), generator=order).to(data.labels.device)
        for chosen in permutation.split(size):
            yield as_float(data.inputs.index_select(0, chosen)), data.labels[chosen]
    else:
        for inputs, labels in zip(data.inputs.split(size), data.labels.split(size), strict=True):
            yield as_float(inputs), labels


def as_float(inputs: torch.Tensor) -> torch.Tensor:
    """Bytes become float32 in [0, 1]; floats stay as they are."""
    return inputs.float().div_(255) if inputs.dtype == torch.uint8 else inputs


def binary_cross_entropy(logits, labels):
    """Mean cross-entropy of one logit for class 1; (N, 1), (N,) of 0 and 1 -> ()."""
    return nn.functional.binary_cross_entropy_with_logits(logits[:, 0], labels.float())


OPTIMIZERS = {
    "sgd": lambda model, p: SGD(model.parameters(), p.learning_rate, p.momentum),
    "adam": lambda model, p: Adam(model.parameters(), p.learning_rate),
}
LOSSES = {
    "cross_entropy": nn.functional.cross_entropy,
    "binary_cross_entropy": binary_cross_entropy,
}
