"""The one training loop of all studies, over data held as tensors on the device."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from actgrid.metrics import Meter
from actgrid.optimizers import SGD
from actgrid.protocol import Protocol

LOG = logging.getLogger(__name__)
EVALUATION_BATCH = 500  # examples; a speed and memory setting, without effect on accuracy


@dataclass(frozen=True)
class Tensors:
    """Inputs (N, ...) of bytes or floats and labels (N,) on the device of the network."""

    inputs: torch.Tensor
    labels: torch.Tensor

    def __len__(self):
        return len(self.labels)


@dataclass(frozen=True)
class Epoch:
    """One row of epochs.csv: accuracies in [0, 1], mean loss per example, wall seconds.

    Training figures are accumulated while the weights change, each batch before its step; test
    figures are taken after the epoch.
    """

    epoch: int
    train_accuracy: float
    train_loss: float
    test_accuracy: float
    test_loss: float
    seconds: float

    @property
    def diverged(self) -> bool:
        """A loss became NaN or infinite."""
        return not (math.isfinite(self.train_loss) and math.isfinite(self.test_loss))


def train(
    model: nn.Module,
    training: Tensors,
    test: Tensors,
    protocol: Protocol,
    order: torch.Generator,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> list[Epoch]:
    """Train `model` in place; `order` shuffles, if the protocol does. Stops once it diverged."""
    optimizer = OPTIMIZERS[protocol.optimizer](model, protocol)
    history = []
    for number in range(1, protocol.epochs + 1):
        start = time.perf_counter()
        trained = train_epoch(model, training, protocol, optimizer, order)
        tested = evaluate(model, test, protocol)
        history.append(Epoch(number, *trained, *tested, time.perf_counter() - start))
        LOG.info("%s", history[-1])
        on_epoch(history[-1])
        if history[-1].diverged:
            break
    return history


def train_epoch(model, training, protocol, optimizer, order) -> tuple[float, float]:
    """One pass over the training examples; accuracy and mean loss accumulated on the way."""
    model.train()
    meter = Meter(training.labels.device)
    for inputs, labels in batches(training, protocol.batch_size, protocol.shuffle, order):
        logits = model(inputs)
        loss = LOSSES[protocol.loss](logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        meter.add(logits.detach(), labels, loss.detach())
    return meter.result()


@torch.inference_mode()
def evaluate(model, test: Tensors, protocol: Protocol) -> tuple[float, float]:
    """Accuracy and mean loss of the network in evaluation mode."""
    model.eval()
    meter = Meter(test.labels.device)
    for inputs, labels in batches(test, EVALUATION_BATCH):
        logits = model(inputs)
        meter.add(logits, labels, LOSSES[protocol.loss](logits, labels))
    return meter.result()


def batches(data: Tensors, size: int, shuffle: bool = False, order=None):
    """Batches (inputs, labels) in file order or, shuffled, in an order drawn from `order`."""
    if shuffle:
        permutation = torch.randperm(len(data), generator=order).to(data.labels.device)
        for chosen in permutation.split(size):
            yield as_float(data.inputs[chosen]), data.labels[chosen]
    else:
        for inputs, labels in zip(data.inputs.split(size), data.labels.split(size), strict=True):
            yield as_float(inputs), labels


def as_float(inputs: torch.Tensor) -> torch.Tensor:
    """Bytes become float32 in [0, 1]; floats stay as they are."""
    return inputs.float().div_(255) if inputs.dtype == torch.uint8 else inputs


OPTIMIZERS = {"sgd": lambda model, p: SGD(model.parameters(), p.learning_rate, p.momentum)}
LOSSES = {"cross_entropy": nn.functional.cross_entropy}
