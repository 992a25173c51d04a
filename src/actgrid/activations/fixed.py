"""Standard activations without trained parameters, taken from torch.nn."""

from torch import nn


def tanh() -> nn.Module:
    """(e^x - e^-x) / (e^x + e^-x). Shape: (*) -> (*)."""
    return nn.Tanh()


def gelu() -> nn.Module:
    """x * Phi(x), Phi the standard normal distribution. Hendrycks and Gimpel 2016."""
    return nn.GELU()


def relu() -> nn.Module:
    """max(x, 0); gradient 0 at 0. Nair and Hinton 2010. Shape: (*) -> (*)."""
    return nn.ReLU()


def leaky_relu(negative_slope: float = 0.01) -> nn.Module:
    """x if x > 0 else negative_slope * x; gradient negative_slope at 0. Maas et al. 2013."""
    return nn.LeakyReLU(negative_slope)
