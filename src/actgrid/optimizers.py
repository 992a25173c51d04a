"""Optimizers as plain updates; torch.optim imports the compiler: 2 s and 150 MB in every run."""

import torch


class SGD:
    """w <- w - learning_rate * v, with v <- momentum * v + gradient (v starts at the gradient).

    torch.optim.SGD's rule without dampening, weight decay or Nesterov (Sutskever et al. 2013).
    """

    def __init__(self, parameters, learning_rate: float, momentum: float = 0.0):
        self.parameters = [p for p in parameters if p.requires_grad]
        self.learning_rate, self.momentum = learning_rate, momentum
        self.velocity = [None] * len(self.parameters)

    def zero_grad(self):
        """Forget the gradients; the next backward pass writes new ones."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self):
        """One update of every parameter that has a gradient."""
        for index, parameter in enumerate(self.parameters):
            if parameter.grad is not None:
                parameter.add_(self._direction(index, parameter.grad), alpha=-self.learning_rate)

    def _direction(self, index, gradient):
        if not self.momentum:
            return gradient
        if self.velocity[index] is None:
            self.velocity[index] = gradient.clone()
        else:
            self.velocity[index].mul_(self.momentum).add_(gradient)
        return self.velocity[index]
