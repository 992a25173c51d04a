"""What activations cost: hand-worked times by a clock of our own, exact memory, the table."""

import math
import re
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from scipy.stats import binom

from actgrid import cost, report_cost
from actgrid.activations import ACTIVATIONS

ROOT = Path(__file__).parents[1]
FULL = yaml.safe_load((ROOT / "config.yaml").read_text())["activations"]
RELU = {"function": "relu", "family": "rectifier"}
NEEDED = {  # constants that a function cannot do without
    **{"piecewise_linear": {"knots": [[-1, 0], [0, 1], [1, 0]]}, "slope_relu": {"slope": 0.5}},
    **{"offset_relu": {"offset": 0.5}, "hill": {"peak": 0.5}, "hill_published": {"peak": 0.5}},
    "learned": {"base": "tanh", "layers": [4]},
    "formula": {"expression": "x * sigmoid(b * x)", "constants": {"b": 2.0}},
}
ELSEWHERE = ("transfer", "imported")  # functions that come from a file or another package


class Clock:
    """Seconds that stand still unless something is said to take time."""

    now = 0.0

    def __call__(self):
        return self.now


class Fake:
    """A subject whose passes take so many seconds of a clock, times `pace` of the moment."""

    def __init__(self, clock, forward, both, pace=lambda: 1):
        self.clock, self.times, self.pace = clock, (forward, both), pace

    def forward(self):
        self.clock.now += self.times[0] * self.pace()

    def both(self):
        self.clock.now += self.times[1] * self.pace()


def subject(entry, shape=(32, 16)):
    (found,) = cost.subjects([entry], shape, cost.CPU)
    return found


def bytes_of(entry, shape=(32, 16)):
    spent = cost.memory(subject(entry, shape))
    return spent.saved_bytes, spent.held_bytes


# --- time ---------------------------------------------------------------------------------------


def test_a_round_holds_seconds_a_call_of_forward_and_of_both_passes():
    clock = Clock()
    times = cost.compare(Fake(clock, 3e-5, 8e-5), Fake(clock, 1e-5, 2e-5), 9, clock)
    assert times.shape == (9, 4)
    assert times == pytest.approx(np.tile([1e-5, 3e-5, 2e-5, 8e-5], (9, 1)))


def test_a_machine_that_becomes_slower_changes_no_ratio():
    clock = Clock()
    pace = lambda: 1 + clock.now  # noqa: E731
    fakes = (Fake(clock, 3e-4, 8e-4, pace), Fake(clock, 1e-4, 2e-4, pace))
    times = cost.compare(*fakes, 31, clock)
    assert times[-1, 0] > 1.05 * times[0, 0]
    assert times[:, 3] / times[:, 2] == pytest.approx(4, rel=0.02)


def test_the_order_turns_round_with_every_round():
    clock, said = Clock(), []

    class Heard(Fake):
        def forward(self):
            said.append(self.times[0])
            super().forward()

    cost.compare(Heard(clock, 0.02, 0.02), Heard(clock, 0.01, 0.01), 3, clock)
    order = [name for name, before in zip(said, [None, *said], strict=False) if name != before]
    assert order == [0.01, 0.02, 0.01, 0.02, 0.01, 0.02]  # to count calls, then three rounds


def test_short_calls_are_timed_in_blocks_and_each_block_after_one_call_that_is_not():
    clock, calls = Clock(), []

    def call():
        calls.append(0)
        clock.now += 5.0 if len(calls) == 1 else 2.0

    assert cost.seconds(call, 4, clock) == 2 and len(calls) == 5


@pytest.mark.parametrize(("spent", "rounds"), [(1e-5, 31), (0.5, cost.LEAST), (3.0, cost.LEAST)])
def test_slow_activations_have_fewer_rounds_but_enough_for_an_interval(spent, rounds):
    clock = Clock()
    fake = Fake(clock, spent, spent)
    assert len(cost.compare(fake, fake, 31, clock)) == rounds
    assert len(cost.compare(fake, fake, 2, clock)) == 2
    assert not math.isnan(cost.interval(range(cost.LEAST))[0])


def test_the_interval_is_the_narrowest_of_order_statistics_that_covers_the_median():
    assert cost.interval(range(1, 32)) == (10, 22)
    assert cost.interval([3, 1, 2, 7, 5, 4, 6]) == (1, 7)
    assert all(map(math.isnan, cost.interval([1, 2, 3, 4, 5])))
    for n in range(6, 80):
        k = cost.interval(range(1, n + 1))[0]
        outside = [2 * binom.cdf(rank - 1, n, 0.5) for rank in (k, k + 1)]
        assert outside[0] <= 0.05 < outside[1]


def test_a_gpu_is_waited_for_and_a_processor_is_asked_for_its_own_time(monkeypatch):
    waited = []
    monkeypatch.setattr(torch.cuda, "synchronize", waited.append)
    assert cost.clock_of(cost.CPU) is time.process_time and not waited
    device = torch.device("cuda", 1)
    first, second = (cost.clock_of(device)() for _ in range(2))
    assert first <= second and waited == [device, device]


# --- memory -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "saved", "held"),
    [
        ({"function": "relu"}, 4, 4),  # its output, which the next layer keeps
        ({"function": "sigmoid"}, 4, 4),
        ({"function": "leaky_relu"}, 4, 8),  # its input
        ({"function": "silu"}, 4, 8),
        ({"function": "relu_autograd"}, 4, 4),  # as autograd.py promises
        ({"function": "tanh_autograd"}, 4, 4),
        ({"function": "leaky_relu_autograd"}, 4, 4),
        ({"function": "brelu_autograd"}, 4, 4),
        ({"function": "slope_relu", "slope": 0.5}, 4, 8),  # as piecewise.py promises
        (FULL["double_hill"], 4, 8),
        (FULL["tent_flat"], 4, 8),
        ({"function": "isru"}, 4, 8),  # f'(x), as formulas.py promises
        ({"function": "srelu"}, 4 + 4 / 512, 8 + 4 / 512),  # x, and t_r, one for all elements
        ({"function": "affine"}, 4, 8),
        ({"function": "prelu", "per": "channel"}, 4, 8),  # its parameters do not count
        ({"function": "swish"}, 8, 12),  # x and sigmoid(beta x)
    ],
    ids=lambda value: value["function"] if isinstance(value, dict) else "",
)
def test_bytes_an_element_that_wait_for_the_backward_pass(entry, saved, held):
    assert bytes_of(entry) == (saved, held)


def test_exact_evaluation_keeps_its_hidden_layers_and_a_table_keeps_little_of_large_inputs():
    network = {"function": "learned", "base": "relu", "layers": [16, 8]}
    shape = (500, 400)
    exact, _ = bytes_of({**network, "evaluation": "exact"}, shape)
    # x; of each hidden unit what BatchNorm and relu keep: its input and its output
    assert exact == pytest.approx(4 + 2 * 4 * (16 + 8), rel=0.01)
    tabulated, _ = bytes_of({**network, "evaluation": "tabulated"}, shape)
    assert 12 <= tabulated < 24  # x, its interval, its slope; and the table of 2,049 points


def test_all_activations_are_given_the_same_numbers_and_leave_no_gradient_behind():
    one, other = cost.subjects([RELU, {"function": "swish"}], (8, 4), cost.CPU)
    assert one.x is other.x and one.gradient is other.gradient
    assert torch.equal(one.x, subject(RELU, (8, 4)).x)
    other.both()
    assert one.x.grad is None and all(p.grad is None for p in other.module.parameters())


# --- the table ----------------------------------------------------------------------------------


def test_a_row_an_activation_and_shape():
    clock = Clock()

    def tick():
        clock.now += 1.0
        return clock.now

    entries = {"relu": RELU, "tent": FULL["tent"]}
    table = cost.measure(entries, [(8, 4), (20, 10)], rounds=9, clock=tick)
    assert list(table) == cost.COLUMNS
    assert list(table["activation"]) == ["relu", "relu", "tent", "tent"]
    assert list(table["function"].unique()) == ["relu", "piecewise_linear"]
    assert list(table["family"].unique()) == ["rectifier", "tent"]
    assert list(table["shape"]) == ["8x4", "20x10"] * 2 and list(table["elements"]) == [32, 200] * 2
    ratios = table[["forward_backward", "low", "high", "forward", "saved_ratio"]]
    assert (ratios == 1).all(axis=None)  # each call takes a second here
    assert list(table["nanoseconds"]) == [1e9 / 32, 1e9 / 200] * 2
    assert list(table["held_bytes"]) == [4, 4, 8, 8]
    assert set(table["rounds"]) == {cost.LEAST} and set(table["device"]) == {"cpu"}
    assert set(table["threads"]) == {torch.get_num_threads()} and table["processor"].all()


@pytest.mark.parametrize("function", [name for name in ACTIVATIONS if name not in ELSEWHERE])
def test_every_function_can_be_measured(function):
    entry = {"function": function, "family": "x", **NEEDED.get(function, {})}
    table = cost.measure({function: entry}, [(16, 6)], rounds=1)
    assert table["forward_backward"].item() > 0 and table["saved_bytes"].item() >= 4
    assert np.isnan(table["low"].item())  # one round tells no interval


def rows(table):
    """The cells of a pipe table, a list a row, without the rule under its header."""
    lines = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return [[cell.strip() for cell in line] for line in lines if not re.match(r":?-", line[0])]


def test_the_report_names_the_cheapest_on_the_last_shape_first():
    measured = pd.DataFrame(
        [
            ("slow", "64x512", 1.0, 0.9, 1.1, 4.0, 8.0),
            ("slow", "20000x48", 5.0, 4.5, 5.5, 4.25, 8.25),
            ("relu", "64x512", 2.0, 1.9, math.nan, 4.0, 4.0),
            ("relu", "20000x48", 1.0, 0.9, 1.1, 4.0, 4.0),
        ],
        columns=[
            *("activation", "shape", "forward_backward", "low", "high", "saved_bytes"),
            "held_bytes",
        ],
    )
    header, first, second = rows(report_cost.cost_table(measured))
    assert header[1:4] == ["Time, 64 × 512", "95 % interval, 64 × 512", "Time, 20000 × 48"]
    assert first == ["relu", "2.00", "–", "1.00", "0.90 to 1.10", "4.0", "4.0"]
    assert second == ["slow", "1.00", "0.90 to 1.10", "5.00", "4.50 to 5.50", "4.2", "8.2"]
    assert len(rows(report_cost.cost_table(measured[:0]))) == 1
