"""Optimizers as plain updates; torch.optim imports the compiler: 2 s and 150 MB in every run."""

import torch


class SGD:
    """w <- w - learning_rate * v, with v <- momentum * v + gradient (v starts at the gradient).

    torch.optim.SGD's rule without dampening, weight decay or Nesterov (Sutskever et al. 2013).
    Without momentum a parameter has a list `factors` from `zero_grad` to `step`: pairs (a, b) that
    a layer leaves there instead of writing the gradient a^T b.
    """

    def __init__(self, parameters, learning_rate: float, momentum: float = 0.0):
        self.parameters = [p for p in parameters if p.requires_grad]
        self.learning_rate, self.momentum = learning_rate, momentum
        self.velocity = [None] * len(self.parameters)
        for parameter in self.parameters:
            parameter.factors = None

    def count_on_device(self):
        """Let nothing that changes from step to step be a number of the host's; nothing does."""

    def zero_grad(self):
        """Forget the gradients; the next backward pass writes new ones."""
        for parameter in self.parameters:
            parameter.grad, parameter.factors = None, None if self.momentum else []

    def state_dict(self):
        """What lasts from step to step."""
        return {"velocity": self.velocity}

    def load_state_dict(self, state):
        """Go on from a state; before the first step."""
        pairs = zip(state["velocity"], self.parameters, strict=True)
        self.velocity = [v if v is None else v.to(p.device) for v, p in pairs]

    @torch.no_grad()
    def step(self):
        """One update of every parameter that has a gradient."""
        for index, parameter in enumerate(self.parameters):
            if parameter.grad is not None:
                parameter.add_(self._direction(index, parameter.grad), alpha=-self.learning_rate)
            for a, b in parameter.factors or ():
                parameter.t().addmm_(b.t(), a, alpha=-self.learning_rate)
            parameter.factors = None

    def _direction(self, index, gradient):
        if not self.momentum:
            return gradient
        if self.velocity[index] is None:
            self.velocity[index] = gradient.clone()
        else:
            self.velocity[index].mul_(self.momentum).add_(gradient)
        return self.velocity[index]


class Adam:
    """w <- w - learning_rate * m / (sqrt(v) + 1e-8), m and v bias-corrected running means.

    m of the gradient (decay 0.9), v of its square (0.999): torch.optim.Adam's rule and defaults
    without weight decay (Kingma and Ba 2015, algorithm 1).
    """

    DECAY, SQUARE_DECAY, EPSILON = 0.9, 0.999, 1e-8

    def __init__(self, parameters, learning_rate: float):
        self.parameters = [p for p in parameters if p.requires_grad]
        self.learning_rate, self.steps = learning_rate, 0
        self.mean = [torch.zeros_like(p) for p in self.parameters]
        self.square = [torch.zeros_like(p) for p in self.parameters]

    def zero_grad(self):
        """Forget the gradients; the next backward pass writes new ones."""
        for parameter in self.parameters:
            parameter.grad = None

    def count_on_device(self):
        """Let nothing that changes from step to step be a number of the host's."""
        device = self.parameters[0].device
        self.steps = torch.full((), self.steps, dtype=torch.float64, device=device)

    def state_dict(self):
        """What lasts from step to step."""
        return {"mean": self.mean, "square": self.square, "steps": int(self.steps)}

    def load_state_dict(self, state):
        """Go on from a state; before the first step."""
        for name in ("mean", "square"):
            for own, saved in zip(getattr(self, name), state[name], strict=True):
                own.copy_(saved)
        self.steps += state["steps"]

    @torch.no_grad()
    def step(self):
        """One update of every parameter that has a gradient."""
        self.steps += 1
        rate, root = self._factors()
        for parameter, mean, square in zip(self.parameters, self.mean, self.square, strict=True):
            if parameter.grad is not None:
                mean.lerp_(parameter.grad, 1 - self.DECAY)
                square.mul_(self.SQUARE_DECAY)
                square.addcmul_(parameter.grad, parameter.grad, value=1 - self.SQUARE_DECAY)
                parameter.addcdiv_(mean * -rate, square.sqrt().div_(root).add_(self.EPSILON))

    def _factors(self):
        """What m is multiplied with and sqrt(v) divided by: numbers, or tensors as `steps` is."""
        rate = self.learning_rate / (1 - self.DECAY**self.steps)
        root = (1 - self.SQUARE_DECAY**self.steps) ** 0.5
        if isinstance(self.steps, torch.Tensor):  # float64 would take scalar parameters along
            return rate.to(self.mean[0].dtype), root.to(self.mean[0].dtype)
        return rate, root
