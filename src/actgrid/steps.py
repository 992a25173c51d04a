"""A training step: as it stands, or recorded once as a CUDA graph and replayed for each batch."""

import contextlib

import torch

from actgrid.devices import out_of_memory
from actgrid.metrics import Meter

PLAIN = 3  # steps of a batch size before it is recorded, in which libraries set themselves up


class Step:
    """Forward and backward pass of a batch, update, figures; nothing waits for the device.

    What lasts from step to step stands in `model`, `optimizer`, `meter` and torch's generators.
    """

    def __init__(self, model, loss, optimizer):
        self.model, self.loss, self.optimizer, self.meter = model, loss, optimizer, Meter()

    def __call__(self, inputs, labels):
        self.meter.add(*self.make(inputs, labels))

    def make(self, inputs, labels):
        """Make the step: the logits before it, the labels, the mean loss."""
        logits = self.model(inputs)
        loss = self.loss(logits, labels)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return logits.detach(), labels, loss.detach()


class Recorded(Step):
    """The same step, recorded for each batch size that occurs and replayed by a single call.

    A CPU has no graphs: there every step is made on the same buffers as it stands, bit for bit.
    """

    def __init__(self, model, loss, optimizer):
        super().__init__(model, loss, optimizer)
        optimizer.count_on_device()
        self.recordings = {}  # batch size -> Recording

    def make(self, inputs, labels):
        if len(labels) not in self.recordings:
            self.recordings[len(labels)] = Recording(super().make, inputs, labels)
        return self.recordings[len(labels)](inputs, labels)


class Recording:
    """`step` on buffers of one batch size, which every batch is copied into; copies of its result.

    The first PLAIN steps are made as they stand. They train like all others, so that weights,
    optimizer and generators need not be put back before the next one is recorded.
    """

    def __init__(self, step, *batch):
        self.buffers = [torch.empty_like(part) for part in batch]
        self.run, self.made = lambda: step(*self.buffers), 0
        self.graphs = self.buffers[0].device.type == "cuda"

    def __call__(self, *batch):
        for buffer, part in zip(self.buffers, batch, strict=True):
            buffer.copy_(part)
        if self.graphs and self.made == PLAIN:
            self.run = recorded(self.run)
        with aside() if self.graphs and self.made < PLAIN else contextlib.nullcontext():
            result = self.run()
        self.made += 1
        return [part.clone() for part in result]


@contextlib.contextmanager
def aside():
    """Within it work goes to a stream other than the usual one, in turn with that one's."""
    usual, other = torch.cuda.current_stream(), torch.cuda.Stream()
    other.wait_stream(usual)
    with torch.cuda.stream(other):
        yield
    usual.wait_stream(other)


def recorded(work):
    """A function that repeats what `work` asks of the GPU, with its result; not done meanwhile.

    Raises ValueError where it cannot be recorded.
    """
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            result = work()
    except RuntimeError as error:
        if out_of_memory(error):
            raise
        reason = str(error).partition("\n")[0]
        raise ValueError(f"cuda_graphs = true: no graph of this network ({reason})") from error

    def replay():
        graph.replay()
        return result

    return replay
