"""An activation that is itself a small network of one input and one output, learned or frozen.

The network is applied to every scalar: Linear(1, h1), BatchNorm, base, ..., Linear(h_last, 1). It
can be evaluated exactly, or on a table of points between which it is interpolated (tabulated).
"""

from typing import Literal

import torch
from torch import nn

BASES = {"tanh": nn.Tanh, "relu": nn.ReLU, "gelu": nn.GELU}
INTERVALS = 2048  # of the table
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
        index = locate(x, self.nodes)
        return Interpolation.apply(x, self.table(x, index), index, self.nodes)

    def exact(self, x):
        """The network at every scalar of x, features first: (*) as (1, features, scalars)."""
        v = x.reshape(1, 1, -1)
        for layer in self.network:
            if isinstance(layer, nn.Linear):
                v = torch.baddbmm(layer.bias.view(1, -1, 1), layer.weight.unsqueeze(0), v)
            else:
                v = layer(v)
        return v.reshape(x.shape)

    def table(self, x=None, index=None):
        """The network's values at the nodes, (nodes,); in training normalised over all of x."""
        weights = Weights.apply(x, index, self.nodes) if self.training else None
        v = self.nodes[:, None]  # (nodes, features)
        for layer in self.network:
            if self.training and isinstance(layer, nn.BatchNorm1d):
                v = batch_norm(layer, v, weights, x.numel())
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
    """Number of the interval of each scalar, (scalars,) int32; the outer two reach to infinity."""
    steps = (len(nodes) - 1) / 2
    u = torch.div(x, x.abs().add_(SCALE)).mul_(steps * (SCALE + REACH) / REACH).add_(steps)
    return u.flatten().int().clamp_(0, len(nodes) - 2)


def spread(index, x, nodes, mass=None):
    """Each scalar's mass (None: 1), shared between the two nodes next to it; sums a node.

    The shares are those of linear interpolation, so that sums of mass and of mass * x are kept.
    """
    intervals = len(nodes) - 1
    total = summed(index, torch.ones_like(x) if mass is None else mass, intervals)
    moment = summed(index, x if mass is None else mass * x, intervals)
    right = (moment - total * nodes[:-1]) / nodes.diff()
    sums = torch.zeros_like(nodes)
    sums[:-1] += total - right
    sums[1:] += right
    return sums


def summed(index, mass, count):
    """The mass of each number below `count` in `index`, (count,)."""
    if mass.device.type == "cpu":
        return torch.bincount(index, mass, minlength=count)
    return mass.new_zeros(count).index_add_(0, index, mass)  # a GPU would wait for bincount


class Interpolation(torch.autograd.Function):
    """y = values interpolated linearly at x; gradients to x and to the values at the nodes."""

    @staticmethod
    def forward(ctx, x, values, index, nodes):
        slope = values.diff() / nodes.diff()
        offset = values[:-1] - slope * nodes[:-1]
        steep = slope.index_select(0, index)
        ctx.save_for_backward(x, index, steep, nodes)
        return offset.index_select(0, index).addcmul_(steep, x.flatten()).view(x.shape)

    @staticmethod
    def backward(ctx, gradient):
        x, index, steep, nodes = ctx.saved_tensors
        mass = gradient.flatten()
        to_values = None
        if ctx.needs_input_grad[1]:
            to_values = spread(index, x.flatten(), nodes, mass)
        return steep.mul(mass).view(x.shape), to_values, None, None


class Weights(torch.autograd.Function):
    """How many of the scalars x stand for each node, as shares; differentiable in x."""

    @staticmethod
    def forward(ctx, x, index, nodes):
        ctx.save_for_backward(index, nodes)
        ctx.shape = x.shape
        return spread(index, x.flatten(), nodes)

    @staticmethod
    def backward(ctx, gradient):
        index, nodes = ctx.saved_tensors
        slope = gradient.diff() / nodes.diff()
        return slope.index_select(0, index).view(ctx.shape), None, None


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
