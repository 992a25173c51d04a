"""The five architectures: parameter counts by hand, shapes, one activation module a layer."""

import pytest
import torch

from actgrid import architectures, registry
from actgrid.architectures.initialisation import initialise


def linear(inputs, outputs):
    return inputs * outputs + outputs


def conv(inputs, outputs, kernel, norm):
    return kernel * kernel * inputs * outputs + outputs + (2 * outputs if norm else 0)


def residual(norm, shortcut):
    stem = conv(1, 64, 3, norm)
    blocks64 = 3 * 2 * conv(64, 64, 3, norm)
    first128 = conv(64, 128, 3, norm) + conv(128, 128, 3, norm)
    projection = conv(64, 128, 1, norm) if shortcut else 0
    blocks128 = 3 * 2 * conv(128, 128, 3, norm)
    return stem + blocks64 + first128 + projection + blocks128 + linear(512, 10)


COUNTS = {
    "small": (linear(784, 512) + linear(512, 512) + linear(512, 10), 669_706),
    "small_conv": (
        conv(1, 64, 3, False) + linear(64 * 26 * 26, 128) + linear(128, 64) + linear(64, 10),
        5_547_466,
    ),
    "resnet_norm": (residual(True, True), 1_345_802),
    "resnet_no_norm": (residual(False, True), 1_342_602),
    "plain": (residual(False, False), 1_334_282),
}
ACTIVATIONS = {"small": 2, "small_conv": 3, "resnet_norm": 15, "resnet_no_norm": 15, "plain": 15}


def build(name, new_activation=lambda width: torch.nn.ReLU()):
    return architectures.build(name, new_activation, (1, 28, 28), 10)


def test_all_are_covered():
    assert set(COUNTS) == set(ACTIVATIONS) == set(architectures.ARCHITECTURES)


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_count_and_shape(name):
    by_layers, by_hand = COUNTS[name]
    model = build(name)
    assert architectures.parameter_count(model) == by_layers == by_hand
    assert model(torch.rand(3, 1, 28, 28)).shape == (3, 10)


@pytest.mark.parametrize("name", COUNTS)
def test_each_layer_has_its_own_activation_of_the_right_width(name):
    made, seen = [], []

    class Spy(torch.nn.ReLU):
        def __init__(self, width):
            super().__init__()
            self.width = width
            made.append(self)

        def forward(self, x):
            seen.append((id(self), x.shape[1] == self.width))
            return super().forward(x)

    build(name, Spy)(torch.rand(2, 1, 28, 28))
    assert len(made) == ACTIVATIONS[name]
    assert sorted(seen) == sorted((id(spy), True) for spy in made)


def test_norm_and_shortcuts_are_where_they_should_be():
    kinds = {name: [type(m).__name__ for m in build(name).modules()] for name in COUNTS}
    assert kinds["resnet_norm"].count("BatchNorm2d") == 1 + 7 * 2 + 1
    assert "BatchNorm2d" not in kinds["resnet_no_norm"] + kinds["plain"]
    # without its body a residual block passes its input on, a plain one does not
    x = torch.rand(1, 64, 8, 8)
    for name, passes in (("resnet_no_norm", True), ("plain", False)):
        block = build(name)[3]
        for parameter in block.body.parameters():
            torch.nn.init.zeros_(parameter)
        assert torch.equal(block(x), x if passes else torch.zeros_like(x))


def test_initialisation_is_torchs_default_and_repeats():
    def weights(seed):
        model = initialise(build("small"), torch.Generator().manual_seed(seed))
        return [p.detach() for p in model.parameters()]

    first, again, other = weights(1), weights(1), weights(2)
    assert all(map(torch.equal, first, again)) and not torch.equal(first[0], other[0])
    torch.manual_seed(0)
    for ours, torchs in zip(first, build("small").parameters(), strict=True):
        assert ours.abs().max() <= torchs.abs().max() * 1.2
        if ours.numel() > 1000:
            assert ours.std() == pytest.approx(torchs.std().item(), rel=0.02)


def test_unknown_architecture():
    with pytest.raises(registry.UnknownName, match="did you mean 'small_conv'"):
        build("smal_conv")
