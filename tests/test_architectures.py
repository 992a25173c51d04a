"""The architectures: parameter counts by hand, shapes, one activation a layer, widening."""

import itertools

import pytest
import torch

from actgrid import activations, architectures, registry
from actgrid.architectures import tabular
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


def connected(*widths):
    """Linear layers from each width to the next."""
    return sum(linear(a, b) for a, b in itertools.pairwise(widths))


def normalised(*widths):
    """BatchNorm of the inputs, then Linear and BatchNorm a layer, and the last Linear."""
    return 2 * sum(widths[:-1]) + connected(*widths)


COUNTS = {
    "small": (linear(784, 512) + linear(512, 512) + linear(512, 10), 669_706),
    "small_conv": (
        conv(1, 64, 3, False) + linear(64 * 26 * 26, 128) + linear(128, 64) + linear(64, 10),
        5_547_466,
    ),
    "resnet_norm": (residual(True, True), 1_345_802),
    "resnet_no_norm": (residual(False, True), 1_342_602),
    "plain": (residual(False, False), 1_334_282),
    "mlp_48_24": (normalised(10, 48, 24, 1), 1_893),
    "mlp_48_24_16": (normalised(10, 48, 24, 16, 1), 2_317),
    "mlp_96_48_32": (normalised(10, 96, 48, 32, 1), 7_685),
    "banknote_mlp": (connected(4, 8, 9, 5, 2) + 2 * (8 + 9 + 5), 227),
    "banknote_mlp_5": (connected(4, 8, 9, 5, 4, 2) + 2 * (8 + 9 + 5 + 4), 257),
    "mlp_128_64": (connected(784, 128, 64, 10), 109_386),
    "mlp_512_256_256_128": (connected(784, 512, 256, 256, 128, 10), 633_226),
    "mlp_deep": (connected(784, *[216] * 11, 10), 640_450),
    "mlp_deep_he": (connected(784, *[216] * 11, 10), 640_450),
}
ACTIVATIONS = {
    **{"small": 2, "small_conv": 3, "resnet_norm": 15, "resnet_no_norm": 15, "plain": 15},
    **{"mlp_48_24": 2, "mlp_48_24_16": 3, "mlp_96_48_32": 3},
    **{"banknote_mlp": 3, "banknote_mlp_5": 4},
    **{"mlp_128_64": 2, "mlp_512_256_256_128": 4, "mlp_deep": 11, "mlp_deep_he": 11},
}
TABLES = {name: ((4,), 2) for name in ("banknote_mlp", "banknote_mlp_5")} | {
    name: ((10,), 1) for name in ("mlp_48_24", "mlp_48_24_16", "mlp_96_48_32")
}


def sizes(name):
    """Shape of one example and number of outputs that the network is meant for."""
    return TABLES.get(name, ((1, 28, 28), 10))


def build(name, new_activation=lambda width: torch.nn.ReLU(), extra=0):
    return architectures.build(name, new_activation, *sizes(name), extra)


def test_all_are_covered():
    assert set(COUNTS) == set(ACTIVATIONS) == set(architectures.ARCHITECTURES)


@pytest.mark.parametrize("name", COUNTS)
def test_parameter_count_and_shape(name):
    by_layers, by_hand = COUNTS[name]
    model, (shape, outputs) = build(name), sizes(name)
    assert architectures.parameter_count(model) == by_layers == by_hand
    assert model(torch.rand(3, *shape)).shape == (3, outputs)


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

    build(name, Spy)(torch.rand(2, *sizes(name)[0]))
    assert len(made) == ACTIVATIONS[name]
    assert sorted(seen) == sorted((id(spy), True) for spy in made)


def test_norm_and_shortcuts_are_where_they_should_be():
    all_kinds = {name: [type(m).__name__ for m in build(name).modules()] for name in COUNTS}
    assert all_kinds["resnet_norm"].count("BatchNorm2d") == 1 + 7 * 2 + 1
    assert "BatchNorm2d" not in all_kinds["resnet_no_norm"] + all_kinds["plain"]
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


@pytest.mark.parametrize(
    ("name", "gain"), {"mlp_deep": 1, "mlp_deep_he": 6**0.5, "mlp_512_256_256_128": 1}.items()
)
def test_the_he_variant_has_weights_six_times_the_variance_and_the_same_biases(name, gain):
    """U(-b, b) with b = gain / sqrt(fan_in): sd b / sqrt(3); of biases b = 1 / sqrt(fan_in)."""
    model = initialise(build(name), torch.Generator().manual_seed(0))
    for layer in (layer for layer in model if isinstance(layer, torch.nn.Linear)):
        bound = layer.in_features**-0.5
        weight = layer.weight.detach()
        assert gain * bound * 0.99 < weight.abs().max() <= gain * bound * (1 + 1e-6)
        assert weight.std().item() == pytest.approx(gain * bound / 3**0.5, rel=0.05)
        assert layer.bias.abs().max() <= bound


def test_the_he_variant_differs_in_its_start_alone_and_draws_the_same_numbers():
    model, he = (
        initialise(build(name), torch.Generator().manual_seed(0))
        for name in ("mlp_deep", "mlp_deep_he")
    )
    assert str(model) == str(he)
    for (key, ours), other in zip(model.named_parameters(), he.parameters(), strict=True):
        factor = 6**0.5 if key.endswith("weight") else 1.0
        assert torch.allclose(ours * factor, other, rtol=1e-5, atol=0)


@pytest.mark.parametrize(("name", "low", "high"), [("mlp_deep", 0, 1e-3), ("mlp_deep_he", 0.5, 2)])
def test_signals_keep_their_size_through_layers_of_relu_from_hes_start_only(name, low, high):
    """Mean square of the last hidden layer over that of the first, bias 0, mean of 20 draws."""
    ratios = []
    for seed in range(20):
        model = initialise(build(name), generator := torch.Generator().manual_seed(seed))
        for layer in (layer for layer in model if isinstance(layer, torch.nn.Linear)):
            torch.nn.init.zeros_(layer.bias)
        sizes, x = [], torch.rand(50, 1, 28, 28, generator=generator)
        for layer in model:
            x = layer(x)
            sizes += [x.square().mean().item()] if isinstance(layer, torch.nn.ReLU) else []
        ratios.append(sizes[-1] / sizes[0])
    assert low <= sum(ratios) / len(ratios) < high


def test_the_two_networks_of_the_gradient_study_have_about_as_many_parameters():
    deep, shallow = (COUNTS[name][1] for name in ("mlp_deep", "mlp_512_256_256_128"))
    assert deep / shallow == pytest.approx(1.01, abs=0.005)


def kinds(name):
    return [type(layer).__name__ for layer in build(name).children()]


def test_layers_of_the_tabular_networks_stand_in_the_order_of_their_works():
    step = ["Linear", "BatchNorm1d", "ReLU"]
    assert kinds("mlp_48_24") == ["Flatten", "BatchNorm1d", *step, *step, "Linear"]
    step = ["Linear", "ReLU", "BatchNorm1d", "Dropout"]
    for name, layers in (("banknote_mlp", 3), ("banknote_mlp_5", 4)):
        assert kinds(name) == ["Flatten", *layers * step, "Linear"]
        assert {layer.p for layer in build(name) if hasattr(layer, "p")} == {0.4}


@pytest.mark.parametrize("name", ["mlp_128_64", "mlp_512_256_256_128", "mlp_deep", "mlp_deep_he"])
def test_layers_of_the_networks_for_images_without_convolution(name):
    assert kinds(name) == ["Flatten", *ACTIVATIONS[name] * ["Linear", "ReLU"], "Linear"]


def test_an_activation_with_weights_leaves_the_start_of_the_network_around_it_alone():
    """With `apart` the layers of an activation are neither drawn nor counted in the stream."""

    def start(function, apart):
        made, new = [], activations.factory(function)
        model = build("mlp_48_24", lambda width: made.append(new(width)) or made[-1])
        initialise(model, torch.Generator().manual_seed(3), apart=made if apart else ())
        outer = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
        return [layer.weight.detach() for layer in outer], made[0]

    learned = {"function": "learned", "base": "relu", "layers": [16, 8]}
    expected, _ = start({"function": "relu"}, apart=True)
    weights, module = start(learned, apart=True)
    assert all(map(torch.equal, weights, expected))
    assert not all(map(torch.equal, start(learned, apart=False)[0], expected))
    before = [p.clone() for p in module.parameters()]
    initialise(torch.nn.Sequential(module), torch.Generator().manual_seed(3), apart=[module])
    assert all(map(torch.equal, before, module.parameters()))


# network, its parameters, those of the learned activation: in the widened one there are
WIDENED = [
    ("mlp_48_24", 1_893, 225, 2_114),
    ("mlp_48_24", 1_893, 705, 2_615),
    ("mlp_48_24", 1_893, 849, 2_721),
    ("mlp_48_24_16", 2_317, 225, 2_527),
    ("mlp_48_24_16", 2_317, 705, 3_009),
    ("mlp_48_24_16", 2_317, 849, 3_171),
    ("mlp_96_48_32", 7_685, 225, 7_878),
    ("mlp_96_48_32", 7_685, 705, 8_370),
    ("mlp_96_48_32", 7_685, 849, 8_508),
]


@pytest.mark.parametrize(("name", "before", "extra", "after"), WIDENED)
def test_a_widened_network_has_about_so_many_parameters_more(name, before, extra, after):
    wide = build(name, extra=extra)
    assert architectures.parameter_count(build(name)) == before
    assert architectures.parameter_count(wide) == after == pytest.approx(before + extra, rel=0.01)
    widths = [layer.out_features for layer in wide if isinstance(layer, torch.nn.Linear)][:-1]
    asked = [int(width) for width in name.split("_")[1:]]
    for width, original in zip(widths, asked, strict=True):  # one factor for all, up to rounding
        assert width / original == pytest.approx(widths[0] / asked[0], abs=1 / original)
    assert tabular.widened(asked, 10, 1, 0) == asked


WIDENABLE = {name for name, *_ in WIDENED}


@pytest.mark.parametrize("name", [name for name in COUNTS if name not in WIDENABLE])
def test_a_network_that_cannot_be_widened_says_so(name):
    with pytest.raises(TypeError, match="extra_parameters"):
        build(name, extra=100)


def test_unknown_architecture():
    with pytest.raises(registry.UnknownName, match="did you mean 'small_conv'"):
        build("smal_conv")
