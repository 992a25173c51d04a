"""Standard activations without trained parameters, taken from torch.nn. Shape: (*) -> (*)."""

from torch import nn


def sigmoid() -> nn.Module:
    """1 / (1 + e^-x)."""
    return nn.Sigmoid()


def tanh() -> nn.Module:
    """(e^x - e^-x) / (e^x + e^-x). Shape: (*) -> (*)."""
    return nn.Tanh()


def softsign() -> nn.Module:
    """x / (1 + |x|); gradient 1 at 0."""
    return nn.Softsign()


def hard_tanh() -> nn.Module:
    """min(max(x, -1), 1); gradient 0 at -1 and 1."""
    return nn.Hardtanh()


def relu() -> nn.Module:
    """max(x, 0); gradient 0 at 0. Nair and Hinton 2010. Shape: (*) -> (*)."""
    return nn.ReLU()


def leaky_relu(negative_slope: float = 0.01) -> nn.Module:
    """x if x > 0 else negative_slope * x; gradient negative_slope at 0. Maas et al. 2013."""
    return nn.LeakyReLU(negative_slope)


def rrelu(lower: float = 1 / 8, upper: float = 1 / 3) -> nn.Module:
    """x if x > 0 else a * x, gradient a at 0; a a new one from U(lower, upper) each time.

    In evaluation a is the mean, (lower + upper) / 2. The numbers come from torch's own generator.
    Xu et al. 2015.
    """
    return nn.RReLU(lower, upper)


def elu(alpha: float = 1.0) -> nn.Module:
    """x if x > 0 else alpha * (e^x - 1); gradient alpha at 0. Clevert et al. 2016."""
    return nn.ELU(alpha)


def celu(alpha: float = 1.0) -> nn.Module:
    """x if x > 0 else alpha * (e^(x / alpha) - 1), alpha not 0; gradient 1 at 0. Barron 2017."""
    return nn.CELU(alpha)


def selu() -> nn.Module:
    """1.0507 * x if x > 0 else 1.0507 * 1.67326 * (e^x - 1). Klambauer et al. 2017.

    Gradient 1.75810 at 0, the left one's.
    """
    return nn.SELU()


def gelu() -> nn.Module:
    """x * Phi(x), Phi the standard normal distribution. Hendrycks and Gimpel 2016."""
    return nn.GELU()


def gelu_tanh() -> nn.Module:
    """x/2 * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3))), at most 4.8e-4 from gelu.

    Hendrycks and Gimpel 2016.
    """
    return nn.GELU(approximate="tanh")


def silu() -> nn.Module:
    """x / (1 + e^-x). Elfwing et al. 2018."""
    return nn.SiLU()


def mish() -> nn.Module:
    """x * tanh(ln(1 + e^x)). Misra 2020."""
    return nn.Mish()


def hard_swish() -> nn.Module:
    """x * min(max(x + 3, 0), 6) / 6; gradient 0 at -3, 1 at 3. Howard et al. 2019."""
    return nn.Hardswish()


def softplus(beta: float = 1.0) -> nn.Module:
    """ln(1 + e^(beta * x)) / beta, beta not 0; x itself where beta * x > 20. Dugas et al. 2001."""
    return nn.Softplus(beta)
