"""ResNet-style networks of custom_act_funcs, with and without BatchNorm and shortcuts.

He et al. 2016 for the residual block. Convolutions keep their bias in all three.
"""

from torch import nn


def resnet_norm(new_activation, input_shape, outputs: int) -> nn.Module:
    """Stem, 3 residual blocks of 64, 4 of 128, pooling, Linear; BatchNorm after convolutions.

    Shape: (N, C, 28, 28) -> (N, outputs).
    """
    return _network(new_activation, input_shape, outputs, nn.BatchNorm2d, shortcut=True)


def resnet_no_norm(new_activation, input_shape, outputs: int) -> nn.Module:
    """resnet_norm without any BatchNorm. Shape: (N, C, 28, 28) -> (N, outputs)."""
    return _network(new_activation, input_shape, outputs, None, shortcut=True)


def plain(new_activation, input_shape, outputs: int) -> nn.Module:
    """resnet_norm without any BatchNorm or shortcut. Shape: (N, C, 28, 28) -> (N, outputs)."""
    return _network(new_activation, input_shape, outputs, None, shortcut=False)


class Block(nn.Module):
    """act(shortcut(x) + conv3x3(act(conv3x3(x)))), with `norm` after each convolution.

    Shape: (N, inputs, H, W) -> (N, width, H/stride, W/stride). The shortcut is the identity, or a
    strided 1x1 convolution where the shape changes; shortcut=False leaves it out.
    """

    def __init__(self, new_activation, inputs, width, stride, norm, shortcut):
        super().__init__()
        self.body = nn.Sequential(
            *_convolution(inputs, width, 3, stride, 1, norm),
            new_activation(width),
            *_convolution(width, width, 3, 1, 1, norm),
        )
        self.shortcut = None
        if shortcut:
            same = stride == 1 and inputs == width
            layers = [] if same else _convolution(inputs, width, 1, stride, 0, norm)
            self.shortcut = nn.Sequential(*layers)
        self.activation = new_activation(width)

    def forward(self, x):
        y = self.body(x)
        return self.activation(y if self.shortcut is None else y + self.shortcut(x))


def _convolution(inputs, width, kernel, stride, padding, norm):
    layers = [nn.Conv2d(inputs, width, kernel, stride, padding)]
    return layers + ([norm(width)] if norm else [])


def _network(new_activation, input_shape, outputs, norm, shortcut):
    def block(inputs, width, stride=1):
        return Block(new_activation, inputs, width, stride, norm, shortcut)

    return nn.Sequential(
        *_convolution(input_shape[0], 64, 3, 2, 3, norm),  # (N, 64, 16, 16)
        new_activation(64),
        nn.MaxPool2d(3, stride=2, padding=1),  # (N, 64, 8, 8)
        *(block(64, 64) for _ in range(3)),
        block(64, 128, stride=2),  # (N, 128, 4, 4)
        *(block(128, 128) for _ in range(3)),
        nn.AvgPool2d(3, stride=1),  # (N, 128, 2, 2)
        nn.Flatten(),
        nn.Linear(512, outputs),
    )
