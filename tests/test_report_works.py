"""Tables and words of the report on trained, hand-differentiated and standard activations."""

import re

import pandas as pd
import pytest

from actgrid import classification, markdown, published_log, report_works, summary

NAMES = {"study": "banknotes", "dataset": "banknote", "status": "ok"}


def lines(table):
    """The cells of a pipe table, a list a row, without the rule under its header."""
    rows = [line.strip("| ").split(" | ") for line in table.splitlines()]
    return [[cell.strip() for cell in row] for row in rows if not re.match(r":?-", row[0])]


def counted(architecture, activation, mode, seed, matrix):
    rows = [(a, p, n) for a, row in enumerate(matrix) for p, n in enumerate(row)]
    table = pd.DataFrame(rows, columns=["actual", "predicted", "examples"])
    cell = {"architecture": architecture, "activation": activation, "mode": mode, "seed": seed}
    return table.assign(**NAMES, **cell)


@pytest.fixture
def classes():
    """affine: 8 or 9 of 10 right with dropout off, 6 with it on; relu: all, and 7."""
    return classification.summarise(pd.concat([
        counted("banknote_mlp", "affine", "evaluation", 0, [[4, 1], [1, 4]]),
        counted("banknote_mlp", "affine", "evaluation", 1, [[5, 0], [1, 4]]),
        counted("banknote_mlp", "affine", "training", 0, [[3, 2], [2, 3]]),
        counted("banknote_mlp", "affine", "training", 1, [[3, 2], [2, 3]]),
        counted("banknote_mlp", "relu", "evaluation", 0, [[5, 0], [0, 5]]),
        counted("banknote_mlp", "relu", "evaluation", 1, [[5, 0], [0, 5]]),
        counted("banknote_mlp", "relu", "training", 0, [[4, 1], [2, 3]]),
        counted("banknote_mlp", "relu", "training", 1, [[4, 1], [2, 3]]),
        counted("logistic regression", "none", "evaluation", 0, [[5, 0], [1, 4]]),
    ]))  # fmt: skip


def test_the_published_report_stands_above_ours_and_the_linear_one(classes):
    published = pd.DataFrame(
        [(0, 0.95, 0.95, 0.95, 0.95), (1, 0.94, 0.93, 0.94, 0.95)],
        columns=["class", "precision", "recall", "f1", "accuracy"],
    )
    affine, linear = (summary.rows(classes, activation=name) for name in ("affine", "none"))
    header, first, off, on, last = lines(
        report_works.published_report_table(affine, linear, published)
    )
    assert header == ["Report", "Precision 0", "Recall 0", "F1 0", "Precision 1", "Recall 1",
                      "F1 1", "Accuracy"]  # fmt: skip
    assert first == ["published", "0.950", "0.950", "0.950", "0.940", "0.930", "0.940", "0.950"]
    assert off[0] == "`banknote_mlp`, dropout off" and off[-1] == "0.850"
    assert on[0] == "`banknote_mlp`, dropout on" and set(on[1:]) == {"0.600"}
    assert last == ["logistic regression", "0.833", "1.000", "0.909", "1.000", "0.800", "0.889",
                    "0.900"]  # fmt: skip


def test_accuracies_with_dropout_off_and_on(classes):
    own = summary.rows(classes, study="banknotes", architecture="banknote_mlp")
    _, affine, relu = lines(report_works.accuracy_table(own))
    assert affine[:4] == ["banknote_mlp", "affine", "2", "0.850"] and affine[5] == "0.600"
    assert relu[3:] == ["1.000", "1.000 to 1.000", "0.700", "0.700 to 0.700"]
    off, on = summary.accuracies(own)
    assert off["banknote_mlp", "relu"] == 1 and on["banknote_mlp", "relu"] == pytest.approx(0.7)
    assert summary.above(classes, "banknote_mlp", "affine") == ["relu"]


def test_the_log_has_ours_and_published_side_by_side_in_the_order_of_ours():
    rows = [
        ("mnist_float_bytes", name, "x", epoch, metric, 5, 0.5, 0.1, 0.4, 0.6, 0.25, 0.25)
        for name in ("relu_autograd", "leaky_relu_autograd")
        for epoch in (1, 2, 3)
        for metric in published_log.METRICS
    ]
    cells = pd.DataFrame(rows, columns=published_log.CELLS)
    header, *body = lines(report_works.log_table(cells, [1, 3, 5]))
    assert header[2:] == ["Training accuracy", "Validation accuracy", "Training loss",
                          "Validation loss"]  # fmt: skip
    assert [row[:2] for row in body] == [["relu_autograd", "1"], ["relu_autograd", "3"],
                                         ["leaky_relu_autograd", "1"],
                                         ["leaky_relu_autograd", "3"]]  # fmt: skip
    assert body[0][2:] == ["0.500 / 0.250", "0.500 / 0.250", "0.50 / 0.25", "0.50 / 0.25"]
    gaps = cells.assign(published=cells["published"].where(cells["epoch"] < 3))
    assert summary.at(summary.logged({"published_log": gaps}), "train_loss")["epoch"] == 2
    assert summary.logged(None).empty


def test_trained_parameters_over_seeds():
    tracks = pd.DataFrame(
        [("banknote_mlp", "affine", "beta", 1, 0.1), ("banknote_mlp", "affine", "beta", 1, -0.3)],
        columns=["architecture", "activation", "parameter", "layer", "value"],
    )
    (row,) = lines(report_works.parameter_table(tracks))[1:]
    assert row[3:] == ["1", "2", "−0.100", "0.283", "−0.300", "0.100"]


def test_what_learned_nothing_and_what_failed():
    ends = {f"{name}_{when}": -0.001 for when in ("start", "end")
            for name in ("gradient_ratio", "mean", "dead", "saturated")}  # fmt: skip
    names = {"architecture": "mlp_deep", "test_accuracy_low": 0.1, "test_accuracy_high": 0.2}
    flow = pd.DataFrame([
        {**names, **ends, "activation": "relu", "n": 5, "failures": 0, "test_accuracy_mean": 0.1},
        {**names, **ends, "activation": "selu", "n": 0, "failures": 5, "test_accuracy_mean": None},
        {**names, **ends, "activation": "tanh", "n": 4, "failures": 1, "test_accuracy_mean": 0.8},
    ])  # fmt: skip
    assert summary.stuck(flow, "mlp_deep") == ["relu"]
    relu, selu, tanh = lines(report_works.flow_table(flow))[1:]
    assert relu[4] == "0.0 → 0.0"  # no minus before nothing
    assert selu[2:4] == ["0", "5"] and selu[8] == markdown.ABSENT
    assert tanh[2:4] == ["4", "1"] and tanh[8] == "0.800"


@pytest.mark.parametrize(
    ("value", "said"),
    [(6.24, "6.2"), (123.0, "120"), (12345, "1.2 · 10^4^"), (6.6e9, "6.6 · 10^9^"), (1.0, "1"),
     (0.5, "0.5"), (float("nan"), markdown.ABSENT)],
)  # fmt: skip
def test_rounded(value, said):
    assert markdown.rounded(value) == said
