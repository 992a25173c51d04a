"""What goes on inside a trained network: the pre-activations of its activation layers."""

import numpy as np
import torch

from actgrid.training import Tensors, batches

QUANTILES = 1001  # of each distribution: 0, 0.1 %, ..., 100 %


@torch.inference_mode()
def preactivations(model, module, data: Tensors, batch_size: int) -> list[dict]:
    """Quantiles of what enters `module`, which serves every layer, in evaluation mode.

    Rows quantile, all, layer_1, layer_2, ...: the values below which that share of the scalars
    lies, over all layers and in each.
    """
    calls = []
    hook = module.register_forward_pre_hook(lambda _, inputs: calls.append(inputs[0].flatten()))
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
