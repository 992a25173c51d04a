"""The study of hand-written derivatives: against its log, its checkpoints, its twins, by hand."""

import math
from pathlib import Path

import pandas as pd
import pytest
import yaml

from actgrid import published_log, scores

ROOT = Path(__file__).parents[1]
LOG = pd.read_csv(ROOT / "resources/published/autograd_log.csv")
CONFIG = yaml.safe_load((ROOT / "config.yaml").read_text())
ENTRIES = CONFIG["activations"]
SEEN, MNIST = published_log.DATASET, "mnist"
NAN = math.nan


# --- the published log --------------------------------------------------------------------------


def test_the_log_has_25_epochs_of_relu_and_5_of_the_others():
    assert list(LOG) == ["activation", "epoch", *published_log.METRICS] and len(LOG) == 35
    epochs = {name: rows["epoch"].tolist() for name, rows in LOG.groupby("activation")}
    assert epochs == {
        "relu": list(range(1, 26)), "tanh": list(range(1, 6)), "leaky_relu": list(range(1, 6)),
    }  # fmt: skip
    assert LOG.notna().all(axis=None)


@pytest.mark.parametrize(
    ("activation", "epoch", "figures"),
    [
        ("relu", 5, (1.444, 0.5198, 3.861, 0.1642)),
        ("relu", 25, (1.182, 0.5817, 5.460, 0.1582)),
        ("tanh", 5, (1.454, 0.5214, 3.997, 0.1710)),
        ("leaky_relu", 5, (1.461, 0.5176, 3.837, 0.1700)),
    ],
)
def test_the_log_at_single_epochs(activation, epoch, figures):
    row = LOG[(LOG["activation"] == activation) & (LOG["epoch"] == epoch)]
    assert row[list(published_log.METRICS)].to_numpy().tolist() == [list(figures)]


def test_the_config_names_the_activations_of_the_log_once_each():
    study = CONFIG["studies"]["autograd"]
    assert ROOT / study["published"] == ROOT / "resources/published/autograd_log.csv"
    assert SEEN in study["datasets"] and study["protocol"]["epochs"] == LOG["epoch"].max()
    named = [ENTRIES[name].get("published_as") for name in study["activations"]]
    assert sorted(n for n in named if n in set(LOG["activation"])) == sorted(set(LOG["activation"]))


# --- ours against it ----------------------------------------------------------------------------


def run(activation, *losses, dataset=SEEN, seed=0, status="ok", tested=None, study="autograd"):
    """Rows of epochs.csv of one run: the training loss as given; epoch `tested` was restored.

    Training accuracy loss / 10, validation loss 2 loss, validation accuracy loss / 20.
    """
    figures = {
        name: [factor * loss for loss in losses]
        for name, factor in (
            *(("train_loss", 1), ("train_accuracy", 0.1)),
            *(("valid_loss", 2), ("valid_accuracy", 0.05)),
        )
    }
    table = pd.DataFrame(figures).assign(
        study=study, dataset=dataset, architecture="mlp_128_64", activation=activation, seed=seed,
        status=status, epoch=range(1, len(losses) + 1), valid_auc=NAN, test_auc=NAN, seconds=1.0,
    )  # fmt: skip
    for name in ("loss", "accuracy"):
        table[f"test_{name}"] = table[f"valid_{name}"].where(table["epoch"] == tested)
    return table


def against_log(*runs, published=LOG, activations=ENTRIES):
    means = scores.epoch_means(pd.concat(runs))
    return published_log.against_log(means, published, activations)


def test_a_row_a_data_set_activation_epoch_and_metric_with_what_was_published_of_it():
    table = against_log(
        *(run("relu_autograd", 2.0 + s, 1.5 + s, seed=s) for s in (0, 1)),
        run("relu", 2.0, 1.5),  # torch's own: in the study, not in the log
        run("relu_autograd", 2.0, 1.5, dataset=MNIST),  # the log is of other images
    )
    assert list(table) == published_log.CELLS and len(table) == 3 * 2 * 4
    keys = ["dataset", "activation", "epoch", "metric"]
    cells = table.set_index(keys)
    assert cells.index.is_unique
    published = {
        ("train_loss", 1): 2.257, ("train_accuracy", 1): 0.1967, ("valid_loss", 1): 2.208,
        ("valid_accuracy", 1): 0.1147, ("train_loss", 2): 1.928, ("train_accuracy", 2): 0.3599,
        ("valid_loss", 2): 2.658, ("valid_accuracy", 2): 0.1509,
    }  # fmt: skip
    factors = dict(zip(published_log.METRICS, (1, 0.1, 2, 0.05), strict=True))
    for (metric, epoch), theirs in published.items():
        row = cells.loc[(SEEN, "relu_autograd", epoch, metric)]
        ours = (3.0 - 0.5 * epoch) * factors[metric]
        assert row["published"] == theirs and row["published_as"] == "relu"
        assert row["ours_n"] == 2 and row["ours_mean"] == pytest.approx(ours)
        assert row["ours_sd"] == pytest.approx(factors[metric] * math.sqrt(0.5))
        assert row["difference"] == pytest.approx(ours - theirs)
        half = 12.706205 * factors[metric] * math.sqrt(0.5) / math.sqrt(2)  # t(0.975, 1), a table
        assert row["ours_low"] == pytest.approx(ours - half, rel=1e-6)
        assert row["ours_high"] == pytest.approx(ours + half, rel=1e-6)
    others = table[(table["dataset"] == MNIST) | (table["activation"] == "relu")]
    assert len(others) == 16 and others[["published", "difference"]].isna().all(axis=None)
    assert others["ours_mean"].notna().all()


def test_epochs_that_were_not_published_are_empty():
    table = against_log(run("tanh_autograd", *range(1, 9)))
    known = table[table["published"].notna()]
    assert set(known["epoch"]) == {1, 2, 3, 4, 5} and len(known) == 20 and len(table) == 32


def test_without_a_log_all_cells_are_ours_alone():
    nothing = pd.DataFrame(columns=["activation", "epoch", *published_log.METRICS])
    table = against_log(run("relu_autograd", 2.0), published=nothing)
    assert list(table) == published_log.CELLS and len(table) == 4
    assert table["published"].isna().all() and table["difference"].isna().all()
    both = against_log(run("relu_autograd", 2.0), published=pd.concat([nothing, LOG]))
    assert both["published"].tolist() == [2.257, 0.1967, 2.208, 0.1147]


def test_runs_that_diverged_do_not_count():
    table = against_log(
        run("relu_autograd", 2.0), run("relu_autograd", 9.0, NAN, seed=1, status="diverged")
    )
    assert set(table["ours_n"]) == {1} and set(table["epoch"]) == {1}


# --- checkpoints --------------------------------------------------------------------------------


def test_the_restored_epochs_and_what_they_reach():
    epochs = pd.concat(
        [
            run("relu", 3.0, 1.0, 2.0, tested=2),
            run("relu", 1.0, 5.0, 7.0, tested=1, seed=4),
            run("relu", 4.0, NAN, seed=5, status="diverged"),
            run("tanh", 9.0, 8.0, 7.0, tested=3, dataset=MNIST),
        ]
    )
    table = published_log.checkpoints(epochs)
    relu, tanh = table.to_dict("records")
    names = ("dataset", "activation", "n", "epochs")
    assert [relu[name] for name in names] == [SEEN, "relu", 2, "2, 1"]
    assert [tanh[name] for name in names] == [MNIST, "tanh", 1, "3"]
    for metric, factor in (("valid_loss", 2), ("valid_accuracy", 0.05), ("train_accuracy", 0.1)):
        assert relu[f"{metric}_mean"] == pytest.approx(factor)
        assert relu[f"{metric}_low"] == relu[f"{metric}_high"] == relu[f"{metric}_mean"]
        assert tanh[f"{metric}_mean"] == pytest.approx(7 * factor)
        assert math.isnan(tanh[f"{metric}_low"]) and math.isnan(tanh[f"{metric}_sd"])


# --- twins --------------------------------------------------------------------------------------


def twins(*runs):
    return published_log.twins(pd.concat(runs), ENTRIES).to_dict("records")


def test_a_twin_that_trains_bit_for_bit_alike_is_equal():
    (row,) = twins(run("relu_autograd", 2.0, 1 / 3, tested=2), run("relu", 2.0, 1 / 3, tested=2))
    assert row == {"dataset": SEEN, "architecture": "mlp_128_64", "twin": "relu", "runs": 1,
                   "equal": 1, "difference": 0}  # fmt: skip


def test_one_bit_of_one_figure_in_one_epoch_makes_a_difference():
    last = math.nextafter(1 / 3, 1)
    (row,) = twins(
        *(run(name, 2.0, 1 / 3, seed=s) for s in (0, 1) for name in ("tanh_autograd", "tanh")),
        *(run("tanh_autograd", 2.0, 1 / 3, seed=2), run("tanh", 2.0, last, seed=2)),
    )
    assert (row["runs"], row["equal"]) == (3, 2) and row["difference"] == last - 1 / 3
    own, other = run("relu_autograd", 2.0, 1.0, tested=1), run("relu", 2.0, 1.0, tested=2)
    (row,) = twins(own, other)  # the same losses, but another epoch was restored
    assert (row["runs"], row["equal"], row["difference"]) == (1, 0, 0)


def test_twins_are_of_one_data_set_and_seed():
    rows = twins(
        run("relu_autograd", 2.0), run("relu", 2.0), run("relu", 3.0, seed=1),
        run("relu_autograd", 2.0, dataset=MNIST), run("relu", 2.5, dataset=MNIST),
        run("relu", 9.0, dataset="fashion_mnist", study="handmade"),
        run("brelu_autograd", 5.0, study="banknotes"), run("brelu", 4.0, study="banknotes"),
        run("tanh_autograd", 1.0), run("leaky_relu", 1.0),  # without a twin
    )  # fmt: skip
    found = {(row["dataset"], row["twin"]): (row["runs"], row["difference"]) for row in rows}
    assert found == {(SEEN, "relu"): (1, 0), (MNIST, "relu"): (1, 0.5), (SEEN, "brelu"): (1, 1)}


def test_without_twins_there_are_no_rows():
    assert twins(run("relu", 2.0), run("tanh_autograd", 2.0)) == []
