"""An activation that is itself a small network of one input and one output, learned or frozen.

The network is applied to every scalar: Linear(1, h1), BatchNorm, base, ..., Linear(h_last, 1). It
can be evaluated exactly, or on a table of points between which it is interpolated (tabulated).
"""

from typing import Literal

import numpy as np
import torch
from torch import nn
from torch.autograd.function import once_differentiable

BASES = {"tanh": nn.Tanh, "relu": nn.ReLU, "gelu": nn.GELU}
INTERVALS = 2048  # of the table
CHUNK = 2**16  # scalars that a CPU locates at once, so that they stay in its cache
SCALE, REACH = 4.0, 1000.0  # the table's points: dense within +-SCALE, ending at +-REACH


def learned(
    base: Literal["tanh", "relu", "gelu"],
    layers: list[int],
    evaluation: Literal["tabulated", "exact"] = "tabulated",
) -> "LearnedActivation":
    """x -> Linear(h, 1)(... base(BatchNorm(Linear(1, h1)(x)))), trained with the network.

    `layers` are the hidden widths. BatchNorm's statistics are those of all scalars of the batch.
    One module serves all layers of a network (see activations.factory). Shape: (*) -> (*).
    Raises ValueError for an unknown base or evaluation, and for widths below 1.
    """
    if base not in BASES:
        raise ValueError(f"base = {base!r}: must be one of {', '.join(BASES)}")
    if evaluation not in ("tabulated", "exact"):
        raise ValueError(f"evaluation = {evaluation!r}: must be tabulated or exact")
    if not layers or any(type(width) is not int or width < 1 for width in layers):
        raise ValueError(f"layers = {layers}: must be hidden widths, whole numbers of 1 or more")
    return LearnedActivation(base, layers, evaluation)


def transfer(source: str) -> nn.Module:
    """A learned activation of a finished run, frozen; `source` is its activation.pt."""
    return Frozen(load(source))


def load(path) -> "LearnedActivation":
    """The learned activation saved in `path`, in evaluation mode, its weights trainable.

    Raises ValueError when the file is not one that `LearnedActivation.document` made.
    """
    try:
        saved = torch.load(path, map_location="cpu", weights_only=True)
        module = learned(saved["base"], saved["layers"], saved["evaluation"])
        module.load_state_dict(saved["state_dict"])
    except Exception as error:  # torch.load raises whatever it stumbles over in foreign bytes
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise ValueError(f"{path} holds no learned activation: {reason}") from error
    return module.eval()


class LearnedActivation(nn.Module):
    """The activation network; see `learned`."""

    def __init__(self, base: str, layers: list[int], evaluation: str = "tabulated"):
        super().__init__()
        self.base, self.layers, self.evaluation = base, list(layers), evaluation
        parts, before = [], 1
        for width in layers:
            parts += [nn.Linear(before, width), nn.BatchNorm1d(width), BASES[base]()]
            before = width
        self.network = nn.Sequential(*parts, nn.Linear(before, 1))
        self.register_buffer("nodes", table_nodes(), persistent=False)

    def forward(self, x):
        if self.evaluation == "exact":
            return self.exact(x)
        index, weights = locate(x, self.nodes), None
        if self.training:
            weights, x = Weights.apply(x, index, self.nodes)
        return Interpolation.apply(x, self.table(weights, x.numel()), index, self.nodes)

    def exact(self, x):
        """The network at every scalar of x, features first: (*) as (1, features, scalars)."""
        v = x.reshape(1, 1, -1)
        for layer in self.network:
            if isinstance(layer, nn.Linear):
                v = torch.baddbmm(layer.bias.view(1, -1, 1), layer.weight.unsqueeze(0), v)
            else:
                v = layer(v)
        return v.reshape(x.shape)

    def table(self, weights=None, count=0):
        """The network's values at the nodes, (nodes,); with `weights` normalised by these."""
        v = self.nodes[:, None]  # (nodes, features)
        for layer in self.network:
            if weights is not None and isinstance(layer, nn.BatchNorm1d):
                v = batch_norm(layer, v, weights, count)
            else:
                v = layer(v)
        return v.squeeze(1)

    def document(self, scores: dict) -> dict:
        """What is saved of a run: plain values and tensors, loadable with weights_only=True."""
        state = {key: value.detach().cpu() for key, value in self.state_dict().items()}
        about = {"base": self.base, "layers": self.layers, "evaluation": self.evaluation}
        return {**about, "state_dict": state, "scores": scores}


class Frozen(nn.Module):
    """A learned activation with fixed weights and statistics, as one table. Shape: (*) -> (*)."""

    def __init__(self, module: LearnedActivation):
        super().__init__()
        with torch.no_grad():
            self.register_buffer("values", module.eval().table())
        self.register_buffer("nodes", module.nodes)

    def forward(self, x):
        return Interpolation.apply(x, self.values, locate(x, self.nodes), self.nodes)


def table_nodes() -> torch.Tensor:
    """Ends of the table's intervals, (INTERVALS + 1,): even steps of u = x / (SCALE + |x|)."""
    end = REACH / (SCALE + REACH)
    u = torch.linspace(-end, end, INTERVALS + 1, dtype=torch.float64)
    u[INTERVALS // 2] = 0.0
    return (SCALE * u / (1 - u.abs())).float()


@torch.no_grad()
def locate(x, nodes):
    """Number of the interval of each scalar, (scalars,) int64; the outer two reach to infinity."""
    x, steps = x.flatten(), (len(nodes) - 1) / 2
    index = torch.empty(x.shape, dtype=torch.int64, device=x.device)
    size = CHUNK if x.device.type == "cpu" else max(1, len(x))
    for part, places in zip(x.split(size), index.split(size), strict=True):
        u = part.abs().add_(SCALE)
        u = torch.div(part, u, out=u).mul_(steps * (SCALE + REACH) / REACH).add_(steps)
        places.copy_(u.short().clamp_(0, len(nodes) - 2))  # by way of int16 in half the time
    return index


def spread(index, x, nodes, mass=None):
    """Each scalar's mass (None: 1), shared between the two nodes next to it; sums a node.

    The shares are those of linear interpolation, so that sums of mass and of mass * x are kept.
    """
    intervals = len(nodes) - 1
    total = summed(index, mass, intervals).to(x.dtype)
    moment = summed(index, x if mass is None else mass * x, intervals)
    right = (moment - total * nodes[:-1]) / nodes.diff()
    sums = torch.zeros_like(nodes)
    sums[:-1] += total - right
    sums[1:] += right
    return sums


def summed(index, mass, count):
    """The mass (None: 1) of each number below `count` in `index`, (count,)."""
    if mass is None and index.device.type == "cpu":  # a GPU would wait for it
        return torch.from_numpy(np.bincount(index.numpy(), minlength=count))
    mass = torch.ones_like(index) if mass is None else mass
    return mass.new_zeros(count).scatter_add_(0, index.long(), mass)


def taken(table, index):
    """table[index]; numpy's way takes a third less time than torch's."""
    if table.device.type != "cpu" or table.dtype == torch.bfloat16:  # which numpy has not
        return table.index_select(0, index)
    out = table.new_empty(len(index))
    np.take(table.numpy(), index.numpy(), out=out.numpy(), mode="wrap")
    return out


class Interpolation(torch.autograd.Function):
    """y = values interpolated linearly at x; gradients to x and to the values at the nodes."""

    @staticmethod
    def forward(ctx, x, values, index, nodes):
        slope = values.diff() / nodes.diff()
        offset = values[:-1] - slope * nodes[:-1]
        ctx.save_for_backward(x, index, slope, nodes)
        return taken(offset, index).addcmul_(taken(slope, index), x.flatten()).view(x.shape)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        x, index, slope, nodes = ctx.saved_tensors
        mass = gradient.flatten()
        wanted = ctx.needs_input_grad[1]
        to_values = spread(index, x.flatten(), nodes, mass) if wanted else None
        return taken(slope, index).mul_(mass).view(x.shape), to_values, None, None


class Weights(torch.autograd.Function):
    """How many of the scalars x stand for each node; and x, whose two gradients are added here."""

    @staticmethod
    def forward(ctx, x, index, nodes):
        ctx.save_for_backward(index, nodes)
        return spread(index, x.flatten(), nodes), x

    @staticmethod
    @once_differentiable
    def backward(ctx, to_weights, to_x):
        index, nodes = ctx.saved_tensors
        slope = to_weights.diff() / nodes.diff()
        return taken(slope, index).add_(to_x.flatten()).view(to_x.shape), None, None


def batch_norm(layer: nn.BatchNorm1d, v, weights, count: int):
    """`layer` in training at the nodes v (nodes, features), each standing for `weights` scalars."""
    mean = weights @ v / count
    centred = v - mean
    variance = weights @ centred.square() / count
    with torch.no_grad():
        layer.num_batches_tracked += 1
        layer.running_mean.lerp_(mean, layer.momentum)
        layer.running_var.lerp_(variance * count / max(count - 1, 1), layer.momentum)
    return centred * torch.rsqrt(variance + layer.eps) * layer.weight + layer.bias
