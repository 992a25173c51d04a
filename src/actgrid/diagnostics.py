"""What goes on inside a network: its layers' gradients and activations, and what enters them."""

import time

import numpy as np
import torch
from torch import nn

from actgrid.training import LOSSES, Tensors, as_float, batches

QUANTILES = 1001  # of each distribution: 0, 0.1 %, ..., 100 %
PROBE = 512  # training examples, the first ones, that layers are measured on
SHARES = (0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1)  # quantiles of a layer's distributions
BINS = 30  # of the histogram of a layer's activations
SATURATED = 0.005  # |f'| below that: the unit passes on next to no gradient


class Layers:
    """Rows on every layer of a network, taken between its epochs; they change nothing in it.

    A row has epoch (0: before training), part ("weights" or "activation"), layer (from 1 on, in
    the order of the forward pass) and its measures: trained parameters of activations always, and
    with a `probe` also `distribution` of the weights' gradient and `activation_measures`, in
    evaluation mode. `seconds`: wall time that all this took.
    """

    def __init__(self, model, modules, probe: Tensors | None, loss: str):
        self.model, self.modules = model, list(dict.fromkeys(modules))
        self.probe, self.loss, self.rows, self.seconds = probe, LOSSES[loss], [], 0.0

    def take(self, epoch: int) -> None:
        """Add the rows of this moment."""
        start, training = time.perf_counter(), self.model.training
        measures = self._probed() if self.probe else {}
        self.model.train(training)
        for place, module in enumerate(self.modules, 1):
            if own := parameters(module):
                measures.setdefault(("activation", place), {}).update(own)
        for (part, layer), values in measures.items():
            self.rows.append({"epoch": epoch, "part": part, "layer": layer} | values)
        self.seconds += time.perf_counter() - start

    def state_dict(self):
        """All rows so far, and their seconds."""
        return {"rows": self.rows, "seconds": self.seconds}

    def load_state_dict(self, state):
        """Go on from a state."""
        self.rows, self.seconds = state["rows"], state["seconds"]

    def _probed(self):
        self.model.eval()
        inside = {inner for module in self.modules for inner in module.modules()}
        layers = [m for m in self.model.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
        weights = [layer.weight for layer in layers if layer not in inside]
        calls, loss = self._passed()
        gradients = torch.autograd.grad(loss, [*weights, *(x for _, x, _ in calls)])
        measures = {
            ("weights", number): distribution(gradient, "gradient")
            for number, gradient in enumerate(gradients[: len(weights)], 1)
        }
        for number, call in enumerate(calls, 1):
            gradient = gradients[len(weights) + number - 1]
            measures["activation", number] = activation_measures(*call, gradient)
        return measures

    def _passed(self):
        """[(activation module, what entered, what left)] of the probe, in order; the mean loss."""
        calls = []
        hooks = [
            module.register_forward_hook(lambda m, inputs, y: calls.append((m, *inputs, y)))
            for module in self.modules
        ]
        logits = self.model(as_float(self.probe.inputs))
        for hook in hooks:
            hook.remove()
        return calls, self.loss(logits, self.probe.labels)


def parameters(module) -> dict[str, float]:
    """Trained parameters of an activation: parameter_{name} -> value; of several values in one
    parameter parameter_{name}_1, parameter_{name}_2, ... None of one that is a network itself."""
    own = module.named_parameters() if not list(module.children()) else ()
    values = {name: p.detach().flatten().tolist() for name, p in own}
    return {
        f"parameter_{name}" + (f"_{number}" if len(several) > 1 else ""): value
        for name, several in values.items()
        for number, value in enumerate(several, 1)
    }


def activation_measures(module, x, y, gradient) -> dict[str, float]:
    """Of the pre-activations x (N, units, ...), their gradient, and the activations y = f(x).

    Distributions of x and of its gradient, mean and variance of y, `dead` (share of the units
    whose y is 0 everywhere), `saturated` (share of scalars with |f'(x)| < SATURATED), and a
    histogram of y: BINS shares, of even width from `low` to `high`; NaN where y, or the distance
    between the two, is not finite.
    """
    leaf = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(module(leaf).sum(), leaf)
    y = y.detach().float()  # of a network in bfloat16
    low, high = y.aminmax()
    bins = torch.full((BINS,), torch.nan)
    if (high - low).isfinite():
        bins = torch.histc(y, BINS) / y.numel()
    return {
        **distribution(gradient, "gradient"),
        **distribution(x.detach(), "preactivation"),
        "mean": y.mean().item(),
        "variance": y.var().item(),
        "dead": (y == 0).transpose(0, 1).flatten(1).all(1).float().mean().item(),
        "saturated": (slope.abs() < SATURATED).float().mean().item(),
        "low": low.item(),
        "high": high.item(),
        **{f"bin_{number}": share for number, share in enumerate(bins.tolist(), 1)},
    }


def distribution(values, name: str) -> dict[str, float]:
    """Norm, root mean square and quantiles (SHARES): {name}_norm, _rms, _q00, ..., _q100."""
    values = values.float()  # of a network in bfloat16
    with np.errstate(invalid="ignore", over="ignore"):  # between infinite values there is none
        quantiles = np.quantile(values.numpy(force=True), SHARES).tolist()
    named = {f"{name}_q{100 * share:02.0f}": q for share, q in zip(SHARES, quantiles, strict=True)}
    norm = values.norm().item()
    return {f"{name}_norm": norm, f"{name}_rms": norm / values.numel() ** 0.5} | named


@torch.inference_mode()
def preactivations(model, module, data: Tensors, batch_size: int) -> list[dict]:
    """Quantiles of what enters `module`, which serves every layer, in evaluation mode.

    Rows quantile, all, layer_1, layer_2, ...: the values below which that share of the scalars
    lies, over all layers and in each.
    """
    calls = []
    hook = module.register_forward_pre_hook(
        lambda _, inputs: calls.append(inputs[0].float().flatten())
    )
    model.eval()
    passes = [model(inputs) for inputs, _ in batches(data, batch_size)]
    hook.remove()
    layers = [torch.cat(calls[first :: len(calls) // len(passes)]) for first in
              range(len(calls) // len(passes))]  # fmt: skip
    named = {"all": torch.cat(layers)} | {f"layer_{n}": v for n, v in enumerate(layers, 1)}
    columns = [quantiles(values.numpy(force=True)).tolist() for values in named.values()]
    shares = torch.linspace(0, 1, QUANTILES, dtype=torch.float64).tolist()
    return [
        dict(zip(("quantile", *named), row, strict=True))
        for row in zip(shares, *columns, strict=True)
    ]


def quantiles(values) -> np.ndarray:
    """QUANTILES evenly spaced order statistics of values (N,), the nearest below each.

    Sorted by numpy: torch would also make the indices, twice the memory of the values.
    """
    places = torch.linspace(0, len(values) - 1, QUANTILES, dtype=torch.float64).long()
    return np.sort(values)[places.numpy()].astype(float)
