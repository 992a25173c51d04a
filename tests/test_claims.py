"""What the works say, judged: bounds, evidence and verdicts by hand; claims.yaml as it stands."""

import collections
import copy
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats
from snakemake.utils import update_config

from actgrid import (
    claim_checks,
    claims,
    classification,
    comparison,
    evidence,
    flow,
    grid,
    judgement,
    learned,
    published_log,
    records,
    report_claims,
    scores,
    shape_claims,
    shorthand,
    training,
)
from actgrid.config import ConfigError
from actgrid.judgement import DEFECT, FAILS, HOLDS, NOT_ENOUGH, OPEN

ROOT = Path(__file__).parents[1]
CLAIMS = yaml.safe_load((ROOT / "claims.yaml").read_text())
FULL = yaml.safe_load((ROOT / "config.yaml").read_text())
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/claims.schema.yaml").read_text())
NAN = float("nan")
pytestmark = pytest.mark.filterwarnings("error")


# --- from intervals to verdicts -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "low", "high", "verdict"),
    [
        ({"above": 1}, 1.1, 2, HOLDS),
        ({"above": 1}, 1, 2, OPEN),  # at the bound
        ({"above": 1}, 0, 1, FAILS),
        ({"at_least": 1}, 1, 2, HOLDS),
        ({"at_least": 1}, 0.9, 1, OPEN),
        ({"at_least": 1}, 0, 0.9, FAILS),
        ({"below": 1}, 0, 0.9, HOLDS),
        ({"below": 1}, 0, 1, OPEN),
        ({"below": 1}, 1, 2, FAILS),
        ({"at_most": 1}, 0, 1, HOLDS),
        ({"at_most": 1}, 1, 1.1, OPEN),
        ({"at_most": 1}, 1.1, 2, FAILS),
        ({"within": [0, 1]}, 0, 1, HOLDS),
        ({"within": [0, 1]}, -0.1, 0.5, OPEN),
        ({"within": [0, 1]}, -0.1, 1.1, OPEN),
        ({"within": [0, 1]}, -2, -1, FAILS),
        ({"within": [0, 1]}, 1.1, 2, FAILS),
        *(({kind: 1}, NAN, NAN, OPEN) for kind in judgement.BOUNDS),
        ({"within": [0, 1]}, NAN, NAN, OPEN),
    ],
)
def test_a_rule_is_kept_or_broken_by_the_whole_interval(rule, low, high, verdict):
    assert judgement.decide(rule, {"low": low, "high": high}) == verdict


def of(*intervals, label="{}"):
    """Parts with these intervals; the value is the middle."""
    rows = [(label.format(i), sum(x) / 2, *x, 5) for i, x in enumerate(intervals)]
    return pd.DataFrame(rows, columns=evidence.PARTS)


YES, NO, ACROSS = (0.1, 0.3), (-0.3, -0.1), (-0.1, 0.2)


@pytest.mark.parametrize(
    ("intervals", "every", "some"),
    [
        ([YES, YES], HOLDS, HOLDS),
        ([YES, ACROSS], OPEN, HOLDS),
        ([ACROSS, ACROSS], OPEN, OPEN),
        ([ACROSS, NO], FAILS, OPEN),
        ([YES, ACROSS, NO], FAILS, HOLDS),
        ([NO, NO], FAILS, FAILS),
    ],
)
def test_parts_together(intervals, every, some):
    for rule, verdict in (({"above": 0}, every), ({"above": 0, "of": "all"}, every),
                          ({"above": 0, "of": "any"}, some)):  # fmt: skip
        assert judgement.judge(rule, of(*intervals))[0] == verdict


@pytest.mark.parametrize(
    ("rule", "intervals", "decides"),
    [
        ({"above": 0}, [(0.2, 0.3), (0.1, 0.9), (0.3, 0.4)], "1"),  # the least to spare
        ({"above": 0, "of": "any"}, [(0.2, 0.3), (0.1, 0.9), (0.3, 0.4)], "2"),  # the most
        ({"below": 0}, [(-0.3, -0.2), (-0.9, -0.1)], "1"),
        ({"above": 0}, [(0.2, 0.3), (-0.9, -0.8), (-0.1, 0.1)], "1"),  # that which fails
        ({"above": 0}, [(0.2, 0.3), (NAN, NAN), (-0.1, 0.1)], "1"),
        ({"within": [0, 1]}, [(0.4, 0.6), (0.2, 0.6), (0.4, 0.9)], "2"),
    ],
)
def test_the_part_that_decides(rule, intervals, decides):
    assert judgement.judge(rule, of(*intervals))[1]["label"] == decides


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ({"above": 0, "of": "all"}, "share: above 0, in every part"),
        ({"at_least": 0.9}, "share: at least 0.9"),
        ({"below": -2, "of": "any"}, "share: below −2, in one part at least"),
        ({"within": [-0.02, 0.02]}, "share: within −0.02 to 0.02"),
    ],
)
def test_rules_in_words(rule, words):
    assert judgement.in_words(rule, "share") == words


def test_evidence_in_words():
    parts = pd.DataFrame(
        [("a", 0.97661, 0.974, 0.979, 20), ("b", -1.0, -1.0, -1.0, NAN), ("", 2.0, NAN, NAN, 1)],
        columns=evidence.PARTS,
    )
    expected = "a 0.977 (0.974 to 0.979), n = 20; b −1.000; 2.000, n = 1"
    assert judgement.shown(parts) == expected


# --- evidence -----------------------------------------------------------------------------------


TABLE = pd.DataFrame(
    {
        "net": ["x", "x", "y"],
        "act": ["relu", "tanh", "relu"],
        "mean": [0.5, 0.6, 0.9],
        "low": [0.4, 0.5, NAN],
        "high": [0.6, 0.7, NAN],
        "n": [5, 4, 1],
        "known": [0.3, 0.3, 0.5],
    }
)


def parts(*entries, **tables):
    """(label, value, low, high, n) of every part, NaN as None."""
    found = evidence.parts(list(entries), {"table": TABLE} | tables)
    return [tuple(None if x != x else x for x in row) for row in found.itertuples(index=False)]


def entry(label="", value="mean", **others):
    where = others.pop("where", {"net": "x"})
    return {"table": "table", "where": where, "value": value, "label": label, **others}


INTERVAL = {"low": "low", "high": "high", "n": "n"}


def test_rows_with_and_without_an_interval():
    assert parts(entry("{act}", where={"net": ["x", "y"]}, **INTERVAL)) == [
        ("relu", 0.5, 0.4, 0.6, 5), ("tanh", 0.6, 0.5, 0.7, 4), ("relu", 0.9, None, None, 1),
    ]  # fmt: skip
    assert parts(entry(where={"net": "y"})) == [("", 0.9, 0.9, 0.9, None)]  # a plain number
    less = parts(entry(where={"act": "tanh"}, less=0.5, **INTERVAL))[0]
    assert less[1:4] == pytest.approx((0.1, 0.0, 0.2))
    assert parts(entry(where={"net": "y"}, less="known"))[0][1:4] == pytest.approx((0.4, 0.4, 0.4))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (entry() | {"table": "other"}, "no table other"),
        (entry(where={"net": "z"}), "table: no net z"),
        (entry(where={"net": "y", "act": ["relu", "tanh"]}), "table: no act tanh"),
    ],
)
def test_absent_evidence_is_named(wrong, words):
    with pytest.raises(evidence.NoEvidence, match=f"^{words}$"):
        parts(wrong)


def test_mean_is_that_of_each_label_with_a_t_interval():
    table = pd.DataFrame({"net": list("xxxy"), "v": [1.0, 2.0, 6.0, 4.0], "w": [0.0, 1, 2, 3]})
    ask = {"quantity": "mean", "table": "t", "where": {"net": ["x", "y"]}, "value": "v"}
    first, second = parts(ask | {"label": "{net}"}, t=table)
    low, high = stats.t.interval(0.95, 2, 3, stats.sem([1, 2, 6]))
    assert first == ("x", 3, pytest.approx(low), pytest.approx(high), 3)
    assert second == ("y", 4, None, None, 1)
    paired = parts(ask | {"label": "{net}", "less": "w"}, t=table)[0]
    assert paired[1] == 2  # 1 - 0, 2 - 1, 6 - 2


def test_share_is_that_of_a_run_with_a_t_interval_over_runs():
    names = {"dataset": "d", "architecture": "net", "activation": "affine"}
    values = {0: [-0.5, 0.2, 0.001, -0.001], 1: [0.5, 0.5, 0.5, 0.0], 2: [0.01, -0.01, 1, 1]}
    rows = [names | {"seed": seed, "v": value} for seed in values for value in values[seed]]
    ask = {"quantity": "share", "table": "t", "where": {"dataset": "d"}, "value": "v", "label": ""}
    ((_, value, *ends, n),) = parts(ask | {"at_least": 0.01}, t=pd.DataFrame(rows))
    assert (value, n) == (0.75, 3)  # of 0.5, 0.75 and 1, however many layers a run has
    assert ends == pytest.approx(stats.t.interval(0.95, 2, 0.75, stats.sem([0.5, 0.75, 1])))
    assert parts(ask | {"at_least": 0.0}, t=pd.DataFrame(rows)) == [("", 1, 1, 1, 3)]


def test_difference_pairs_labels_and_reaches_from_end_to_end():
    two = TABLE.assign(low=TABLE["mean"] - 0.1, high=TABLE["mean"] + 0.2)
    ask = [entry("{net}", where={"act": act, "net": ["x"]}, **INTERVAL) for act in ("relu", "tanh")]
    both = {"quantity": "difference", "of": ask[1], "minus": ask[0], "label": "tanh"}
    ((label, value, low, high, n),) = parts(both, table=two)
    assert (label, n) == ("tanh, x", 4)
    # 0.6 (0.5 to 0.8) minus 0.5 (0.4 to 0.7)
    assert (value, low, high) == pytest.approx((0.1, 0.5 - 0.7, 0.8 - 0.4))
    other = both | {"of": entry("x", where={"act": "tanh"})}
    assert parts(other)[0][1:4] == pytest.approx((0.1, 0.0, 0.2))  # of a plain number


def test_a_part_that_one_side_of_a_difference_lacks_is_there_without_numbers():
    """In the order of the first side, then of the second."""
    table = TABLE.assign(net=["y", "x", "a"], act=["relu", "relu", "tanh"])
    of, minus = (
        entry("{net}", where={"act": act, "net": nets}, **INTERVAL)
        for act, nets in (("relu", ["x", "y"]), ("tanh", ["a"]))
    )
    both = {"quantity": "difference", "of": of, "minus": minus, "label": ""}
    found = parts(both, table=table)
    assert [part[:4] for part in found] == [(net, None, None, None) for net in ("y", "x", "a")]
    assert judgement.judge({"above": 0}, evidence.parts([both], {"table": table}))[0] == OPEN


def ended(**statuses):
    """epochs.csv: two runs of two epochs a network, but those that diverged in the first."""
    names = {"study": "s", "dataset": "d", "activation": "relu"}
    return pd.DataFrame(
        names | {"architecture": net, "seed": seed, "status": status, "epoch": epoch, "v": epoch}
        for net, status in statuses.items()
        for seed in (0, 1)
        for epoch in ((1, 2) if status == "ok" else (1,))
    )


MEAN_OF_GOOD = {
    "quantity": "mean",
    "table": "t",
    "where": {"dataset": "d", "status": "ok", "epoch": 2},
    "value": "v",
    "label": "{architecture}",
}
BEST = MEAN_OF_GOOD | {"quantity": "best_epoch", "where": {"dataset": "d"}}
GOOD, LOST = ("a", 2, 2, 2, 2), ("b", None, None, None, 0)


@pytest.mark.parametrize("ask", [MEAN_OF_GOOD, BEST])
def test_a_network_whose_runs_all_failed_is_a_part_without_numbers(ask):
    assert parts(ask, t=ended(a="ok", b="diverged")) == [GOOD, LOST]
    assert parts(ask, t=ended(b="diverged")) == [LOST]
    with pytest.raises(evidence.NoEvidence, match="^t: no epoch 3$"):
        parts(
            MEAN_OF_GOOD | {"where": {"dataset": "d", "status": "ok", "epoch": 3}}, t=ended(a="ok")
        )


def test_no_part_at_all_is_no_evidence():
    rows = MEAN_OF_GOOD | {"quantity": "rows"}
    both = {"quantity": "difference", "of": rows, "minus": rows, "label": ""}
    for ask in (rows, both, {"quantity": "largest", "of": rows, "label": ""}):
        with pytest.raises(evidence.NoEvidence, match="^t: no rows$"):
            parts(ask, t=ended(b="diverged"))


def test_the_largest_part_is_the_unknown_one_where_there_is_one():
    rows = entry("{act}", where={"net": ["x", "y"]}, **INTERVAL)
    ask = {"quantity": "largest", "of": rows, "label": "most"}
    assert parts(ask) == [("most", 0.9, None, None, 1)]
    unknown = TABLE.assign(mean=[0.5, NAN, 0.9])
    assert parts(ask, table=unknown) == [("most", None, 0.5, 0.7, 4)]


def test_the_best_epoch_is_the_first_of_equals_and_none_of_a_failed_run():
    accuracies = {
        (0, "ok"): [0.1, 0.9, 0.9],
        (1, "ok"): [0.1, 0.2, 0.3],
        (2, "diverged"): [1, 0, 0],
    }
    names = {"study": "s", "dataset": "d", "architecture": "net", "activation": "relu"}
    rows = [
        names | {"seed": seed, "status": status, "epoch": epoch, "valid_accuracy": accuracy}
        for (seed, status), values in accuracies.items()
        for epoch, accuracy in enumerate(values, 1)
    ]
    ask = {"quantity": "best_epoch", "table": "t", "where": {"dataset": "d"}, "label": ""}
    ((_, value, _, _, n),) = parts(ask | {"value": "valid_accuracy"}, t=pd.DataFrame(rows))
    assert (value, n) == (2.5, 2)


# --- a verdict only where the runs are there ----------------------------------------------------


def claim(**others):
    return {
        "source": "activationzoo",
        "place": "somewhere",
        "claim": "It does well.",
        "needs": [
            {"study": "gradients", "architectures": ["mlp_deep"], "activations": ["relu", "silu"],
             "seeds": 3}
        ],
        "measure": "difference",
        "evidence": [
            {"table": "cells", "where": {"net": "a"}, "value": "mean", "low": "low",
             "high": "high", "n": "n", "label": "{kind}"}
        ],
        "rule": {"above": 0},
        "why": {HOLDS: "By {value}.", FAILS: "{smallest} to {largest}, {low} to {high}, {n}."},
    } | others  # fmt: skip


def cells(*intervals, net="a"):
    columns = ["net", "kind", "mean", "low", "high", "n"]
    rows = [(net, f"k{i}", sum(x) / 2, *x, 3) for i, x in enumerate(intervals)]
    return pd.DataFrame(rows, columns=columns)


def ran(config=FULL, study="gradients", seeds=(0, 1, 2), without=()):
    """Runs of a study; those of `without` (activation, seed) are not there."""
    rows = [
        (run.study, run.dataset, run.architecture, run.activation, run.seed, "diverged")
        for run in grid.expand(config)
        if run.study == study and run.seed in seeds and (run.activation, run.seed) not in without
    ]
    names = ["study", "dataset", "architecture", "activation", "seed", "status"]
    return pd.DataFrame(rows, columns=names)


def judged(one=None, tables=None, runs=None, config=FULL):
    """The row of one claim."""
    tables = {"cells": cells(YES)} if tables is None else tables
    runs = ran() if runs is None else runs
    (row,) = claims.judge({"it": one or claim()}, tables, runs, config, FULL).to_dict("records")
    return row


def test_a_claim_that_holds():
    row = judged()
    assert list(row) == claims.COLUMNS
    assert row["id"] == "it" and row["rule"] == "difference: above 0"
    assert row["verdict"] == HOLDS and row["why"] == "By 0.200."
    assert row["evidence"] == "k0 0.200 (0.100 to 0.300), n = 3"
    assert [row[key] for key in claims.NUMBERS] == [pytest.approx(0.2), 0.1, 0.3, 3]
    assert row["tables"] == "cells.csv" and pd.isna(row["missing"])


@pytest.mark.parametrize(
    ("intervals", "verdict", "why"),
    [
        ([NO], FAILS, "−0.200 to −0.200, −0.300 to −0.100, 3."),
        ([YES, NO], FAILS, "Fails in 1 of 2 parts. −0.200 to 0.200, −0.300 to −0.100, 3."),
        ([NO, NO], FAILS, "−0.200 to −0.200, −0.300 to −0.100, 3."),
        ([ACROSS], OPEN, "The interval reaches across the bound."),
        ([(NAN, NAN)], OPEN, "There is no interval."),
    ],
)
def test_a_claim_that_does_not(intervals, verdict, why):
    row = judged(tables={"cells": cells(*intervals)})
    assert (row["verdict"], row["why"]) == (verdict, why)


@pytest.mark.parametrize(
    ("own", "other", "verdict"),
    [
        (NO, NO, DEFECT),
        (ACROSS, NO, DEFECT),
        (YES, NO, HOLDS),  # what holds needs no explanation
        (NO, ACROSS, FAILS),  # it explains nothing
        (NO, YES, FAILS),
    ],
)
def test_a_defect_explains_what_does_not_hold_where_its_own_rule_does(own, other, verdict):
    defect = {"measure": "as fed", "rule": {"below": 0}, "explains": "A slip."}
    defect["evidence"] = [claim()["evidence"][0] | {"where": {"net": "b"}}]
    table = pd.concat([cells(own), cells(other, net="b")])
    row = judged(claim(defect=defect), tables={"cells": table})
    assert row["verdict"] == verdict and (row["why"] == "A slip.") == (verdict == DEFECT)
    assert row["evidence"].startswith("k0 ") and "as fed" not in row["evidence"]
    seen = [row[f"defect_{key}"] for key in ("measure", "parts", "smallest", "largest")]
    if verdict == HOLDS:
        assert pd.isna([*seen, row["defect_evidence"]]).all()
    else:
        assert seen == ["as fed", 1, *[pytest.approx(sum(other) / 2)] * 2]
        assert row["defect_evidence"].startswith("k0 ")


@pytest.mark.parametrize(
    ("status", "verdict", "missing"),
    [("ok", HOLDS, ""), ("diverged", NOT_ENOUGH, "all runs failed: b")],
)
def test_a_part_whose_runs_all_failed_leaves_no_verdict(status, verdict, missing):
    row = judged(claim(evidence=[MEAN_OF_GOOD]), tables={"t": ended(a="ok", b=status)})
    assert row["verdict"] == verdict
    assert row["missing"] == missing if missing else pd.isna(row["missing"])
    assert pd.isna(row["evidence"]) == pd.isna(row["value"]) == (verdict == NOT_ENOUGH)


def test_a_part_whose_runs_all_failed_does_not_hide_one_that_breaks_the_rule():
    broken = claim(evidence=[MEAN_OF_GOOD], rule={"below": 1})
    row = judged(broken, tables={"t": ended(a="ok", b="diverged")})
    assert row["verdict"] == FAILS and row["evidence"] == "a 2.000, n = 2; b –, n = 0"
    nameless = claim(evidence=[MEAN_OF_GOOD | {"label": ""}])
    assert judged(nameless, tables={"t": ended(b="diverged")})["missing"] == "all runs failed"


def test_runs_that_are_missing_are_counted_and_leave_no_verdict():
    runs = ran(without={("silu", 1), ("silu", 2), ("gelu", 0)})
    row = judged(runs=runs)
    assert row["verdict"] == NOT_ENOUGH
    assert row["missing"] == "fashion_mnist/mlp_deep: 4 of 6 runs"
    empty = ("evidence", "why", *claims.NUMBERS)
    assert all(pd.isna(row[key]) for key in empty)
    assert judged(runs=ran(seeds=range(5)))["verdict"] == HOLDS  # more than needed
    assert judged(runs=ran(seeds=[0]))["missing"] == "fashion_mnist/mlp_deep: 2 of 6 runs"


def test_one_cell_with_more_seeds_does_not_stand_in_for_another():
    relu = ran(seeds=range(5), without={("silu", seed) for seed in range(2, 5)})
    assert judged(runs=relu)["missing"] == "fashion_mnist/mlp_deep: 5 of 6 runs"


def test_a_need_without_names_is_the_whole_study():
    whole = claim(needs=[{"study": "gradients"}])
    said = judged(whole, runs=ran(seeds=[0]))["missing"].split("; ")
    networks = FULL["studies"]["gradients"]["architectures"]
    assert said == [f"fashion_mnist/{name}: 10 of 50 runs" for name in networks]


def overlaid(text):
    config = copy.deepcopy(FULL)
    update_config(config, yaml.safe_load(text))
    return config


def test_runs_made_otherwise_are_none():
    said = judged(config=overlaid("studies: {gradients: {protocol: {epochs: 2}}}"))["missing"]
    assert said == "fashion_mnist/mlp_deep: protocol differs: epochs 2"
    said = judged(config=overlaid("activations: {silu: {function: mish}}"))["missing"]
    assert said == "silu: constants differ"
    assert judged(config=overlaid("activations: {silu: {family: own}}"))["verdict"] == HOLDS
    assert judged(config=overlaid("studies: {autograd: {protocol: {epochs: 2}}}"))["why"]


def test_what_is_compared_otherwise_is_no_evidence():
    """Differences to another baseline, where the claim rests on them."""
    entries = [claim()["evidence"][0] | {"table": "cell_differences"}]
    tables = {"cells": cells(YES), "cell_differences": cells(YES)}
    for text, words in (
        ("baseline: silu", "comparison.baseline differs: silu instead of relu"),
        ("leave_out: []", "comparison.leave_out differs: none instead of mnist_float_bytes"),
    ):
        config = overlaid(f"comparison: {{{text}}}")
        assert judged(claim(evidence=entries), tables, config=config)["missing"] == words
        slip = {"measure": "x", "rule": {"below": 0}, "explains": "x", "evidence": entries}
        assert judged(claim(defect=slip), tables, config=config)["missing"] == words
        assert judged(tables=tables, config=config)["verdict"] == HOLDS
    diagram = overlaid("comparison: {diagram: [relu, silu]}")
    assert judged(claim(evidence=entries), tables, config=diagram)["verdict"] == HOLDS


def cut(what):
    """The full grid without a study, or without seeds, a network or an activation of it."""
    config = copy.deepcopy(FULL)
    study = config["studies"]["gradients"]
    if what == "study":
        del config["studies"]["gradients"]
    elif what == "seeds":
        study["seeds"] = study["seeds"][:2]
    elif what == "network":
        study["architectures"].remove("mlp_deep")
    else:
        study["activations"].remove("silu")
        del config["activations"]["silu"]
    return config


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("study", "no study gradients in the full grid"),
        ("seeds", "fashion_mnist/mlp_deep: 4 of 6 runs"),
        ("network", "fashion_mnist/mlp_deep: 0 of 6 runs"),
        ("activation", "fashion_mnist/mlp_deep: 3 of 6 runs"),
    ],
)
def test_a_claim_on_what_was_cut_from_the_full_grid_has_not_enough_runs(what, words):
    config = cut(what)
    runs = pd.concat([ran(config, study, range(20)) for study in config["studies"]])
    both = {"it": claim(), "other": claim(needs=[{"study": "autograd"}])}
    table = claims.judge(both, {"cells": cells(YES)}, runs, config, config)
    assert table["missing"].fillna("").tolist() == [words, ""]
    assert table["verdict"].tolist() == [NOT_ENOUGH, HOLDS]
    assert len(claims.judge(CLAIMS, {}, runs, config, config)) == len(CLAIMS)
    silu_back = claims.judge({"it": claim()}, {"cells": cells(YES)}, ran(), FULL, config)
    assert silu_back["verdict"].tolist() == [{"seeds": HOLDS}.get(what, NOT_ENOUGH)]


def test_entries_are_compared_as_they_are_meant_not_as_they_are_written():
    full, names = copy.deepcopy(FULL), {"family": "own", "studies": ["gradients"]}
    full["activations"]["mine"] = {"formula": "x * sigmoid(x)"} | names
    config = copy.deepcopy(full)
    needs = [{"study": "gradients", "architectures": ["mlp_deep"], "activations": ["mine"]}]
    given = {"it": claim(needs=needs)}, {"cells": cells(YES)}, ran(config, seeds=range(5))
    resolved = shorthand.resolve(config)
    for base, missing in ((shorthand.resolve(full), ""), (full, "mine: constants differ")):
        said = claims.judge(*given, resolved, base)["missing"].astype(object)
        assert said.fillna("").tolist() == [missing]


@pytest.mark.parametrize("name", ["judge_claims", "render_report", "build_explore"])
def test_a_script_resolves_the_full_grid_as_the_config_is(name):
    text = (ROOT / f"workflow/scripts/{name}.py").read_text()
    assert "shorthand.resolve(yaml.safe_load(Path(given.base)" in text


def test_runs_of_the_same_cells_in_another_study_count():
    """An overlay may spread the cells of a study over several of its own names."""
    config = overlaid("studies: {other: 0}")
    config["studies"]["other"] = config["studies"].pop("gradients")
    assert judged(runs=ran(config, "other"), config=config)["verdict"] == HOLDS


@pytest.mark.parametrize(
    ("tables", "words"),
    [({}, "no table cells"), ({"cells": cells(YES, net="b")}, "cells: no net a")],
)
def test_a_table_that_the_grid_does_not_make_leaves_no_verdict(tables, words):
    row = judged(tables=tables)
    assert (row["verdict"], row["missing"]) == (NOT_ENOUGH, words)


# --- claims.yaml as it stands -------------------------------------------------------------------


def check(changes=(), of=CLAIMS):
    """What is said of the claims with some values changed; spaces part the keys of a path."""
    changed = copy.deepcopy(of)
    for path, value in changes:
        *parents, last = (int(k) if k.isdigit() else k for k in path.split())
        inner = changed
        for key in parents:
            inner = inner[key]
        inner[last] = value
    with pytest.raises(ConfigError) as caught:
        claim_checks.check_claims(changed, SCHEMA)
    return str(caught.value)


def test_the_claims_are_valid_and_their_sources_known():
    claim_checks.check_claims(CLAIMS, SCHEMA)
    known = re.findall(r"^@\w+\{(\w+),", (ROOT / "resources/references.bib").read_text(), re.M)
    assert {one["source"] for one in CLAIMS.values()} <= set(known)
    assert {one["source"] for one in CLAIMS.values()} == {
        study["source"] for study in FULL["studies"].values()
    }


def entries_of(one):
    """All entries of a claim's evidence, inner ones too."""
    todo = one["evidence"] + one.get("defect", {}).get("evidence", [])
    while todo:
        yield (first := todo[0])
        todo = [first[key] for key in ("of", "minus") if key in first] + todo[1:]


@pytest.mark.parametrize("name", CLAIMS)
def test_what_a_claim_needs_is_planned_in_the_full_grid(name):
    runs = grid.expand(FULL)
    planned = collections.Counter((r.study, r.dataset, r.architecture, r.activation) for r in runs)
    for need in CLAIMS[name]["needs"]:
        needed = list(claims.needed_cells(need, FULL))
        assert needed and all(planned[need["study"], *cell] >= seeds for cell, seeds in needed)
    for column, known in (("study", FULL["studies"]), ("activation", FULL["activations"])):
        named = [one.get("where", {}).get(column, []) for one in entries_of(CLAIMS[name])]
        assert {*np.hstack(named)} <= set(known)


def test_every_table_of_a_claim_is_an_input_of_the_rule():
    rules = [(ROOT / f"workflow/rules/{name}.smk").read_text() for name in ("targets", "claims")]
    lists = r"def get_work_tables\(.*?\n\n\n|^CLAIM_TABLES = .*?^\]"
    given = "".join(re.findall(lists, "\n".join(rules), re.S | re.M))
    entries = [entry for one in CLAIMS.values() for entry in entries_of(one)]
    used = claims.used_tables(entries)
    assert len(used) > 10 and {name for name in used if f'"{name}"' not in given} == set()


def made_up_epochs(*activations, dataset="mnist", architecture="mlp_128_64"):
    """epochs.csv of one seed and one epoch each."""
    fields = [field for field in training.Epoch.__dataclass_fields__ if field != "epoch"]
    rows = [
        ("autograd", dataset, architecture, name, 0, "ok", 1, *np.ones(len(fields)))
        for name in activations
    ]
    return pd.DataFrame(rows, columns=[*scores.RUN, "status", "epoch", *fields])


def test_the_columns_of_tables_are_those_that_are_made():
    entries, pair = FULL["activations"], ("relu_autograd", "relu")
    epochs, layers = made_up_epochs(*pair), made_up_epochs(*pair)[[*scores.RUN, "status", "epoch"]]
    measured = [*flow.SIZES, *flow.MEASURES]
    layers = layers.assign(part="weights", layer=1, **dict.fromkeys(measured, 1.0))
    final = scores.summarise(epochs)
    learnt = made_up_epochs(
        "learned_tanh_small", "tanh", dataset="covertype", architecture="mlp_48_24"
    )
    auc = pd.read_csv(ROOT / "resources/published/learned_activation_auc.csv")
    names = dict.fromkeys(scores.RUN, "x") | {"status": "ok", "mode": "training", "examples": 1}
    counts = pd.DataFrame([names | {"actual": 0, "predicted": 0}])
    made = {
        "agreement": [*scores.AGREEMENT, "compared"],  # compare_published adds the last
        "cell_differences": comparison.DIFFERENCES,
        "checkpoints": published_log.checkpoints(epochs),
        "classification": classification.summarise(counts),
        "epochs": epochs,
        "final_epoch": [*final, "constant"],  # collect_pair adds the last
        "flow_summary": flow.flow_summary(layers, final),
        "learned_published": learned.against_published(learnt, auc, entries),
        "parity_overall": learned.overall(learned.parity(learned.differences(learnt, entries))),
        "published_log": published_log.CELLS,
        "shape_claims": shape_claims.CLAIMS,
        "trained_parameters": records.parameter_tracks(layers.assign(parameter_alpha=1.0)),
        "twins": published_log.twins(epochs, entries),
    }
    assert set(made) == set(claim_checks.TABLES)
    for name, table in made.items():
        assert sorted(table) == sorted(claim_checks.TABLES[name]), name


@pytest.mark.parametrize("name", ["ci", "quick"])
def test_a_small_grid_judges_nothing(name):
    config = overlaid((ROOT / f"config/{name}.yaml").read_text())
    runs = pd.concat([ran(config, study, range(20)) for study in config["studies"]])
    table = claims.judge(CLAIMS, {}, runs, config, FULL)
    assert table["id"].tolist() == list(CLAIMS)
    assert set(table["verdict"]) == {NOT_ENOUGH}
    assert table["missing"].str.contains(" runs|protocol differs").all()  # not for want of tables


def test_with_all_runs_and_no_tables_it_is_the_tables_that_are_missing():
    runs = pd.concat([ran(FULL, study, range(20)) for study in FULL["studies"]])
    table = claims.judge(CLAIMS, {}, runs, FULL, FULL)
    assert table["missing"].str.fullmatch(r"no table \w+").all()


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("on_par source", "someone", "on_par.source = 'someone': allowed is enum"),
        ("on_par claim", "a | b", "on_par.claim = 'a | b': allowed is pattern"),
        ("on_par rule", {"over": 0}, "unknown key 'over'"),
        ("on_par rule", {"above": 0, "below": 1}, "one bound, which the whole interval must keep"),
        ("on_par why", {"holds": "Yes."}, "'does not hold' is a required property"),
        ("on_par why", "{valeu}", "unknown placeholder 'valeu'; did you mean 'value'?"),
        ("on_par why", "a { alone", "on_par.why = 'a { alone': "),
        ("on_par why", "{value:.1f}", "on_par.why: unknown placeholder 'value:.1f'"),
        ("on_par why", "{value!r}", "on_par.why: unknown placeholder 'value!r'"),
        ("on_par evidence 0 label", "base}", "0.label = 'base}': Single '}' encountered"),
        ("on_par evidence 0 at_least", 0.5, "0: at_least means nothing to rows; allowed: table"),
        ("on_par evidence 0 of", MEAN_OF_GOOD, "of means nothing to rows"),
        ("relu_early evidence 0 of less", 1, "of: less means nothing to best_epoch; allowed: tab"),
        ("relu_early evidence 0 of n", "n", "0.of: n means nothing"),
        ("relu_early evidence 0 of label", "{seed}", "of.label: unknown column 'seed'. Known"),
        ("relu_early evidence 0 of table", "twins", "best_epoch needs a table with study, seed"),
        ("relu_early evidence 0 less", 1, "early.evidence.0: less means nothing to difference"),
        ("hills_run evidence 0 label", "{architecture}", "largest fills nothing in; no braces"),
        ("loss_falls evidence 0 of label", "{epoch}", "of.label: unknown column 'epoch'"),
        ("on_par evidence 0 table", "parity", "unknown table 'parity'; did you mean"),
        ("on_par evidence 0 value", "meen", "unknown column 'meen'; did you mean 'mean'?"),
        ("on_par evidence 0 where", {"bass": "relu"}, "unknown column 'bass'; did you mean 'base'"),
        ("on_par evidence 0 label", "{bse}", "on_par.evidence.0.label: unknown column 'bse'"),
        ("on_par evidence 0 quantity", "share", "at_least is missing; required: table, where"),
        ("best_hill evidence 0 of table", "final", "best_hill.evidence.0.of.table: unknown table"),
        ("best_hill defect evidence 0 of n", "m", "best_hill.defect.evidence.0.of: unknown column"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_key_and_what_is_allowed(path, value, words):
    said = check([(path, value)])
    assert said.startswith("claims.yaml not usable:") and said.endswith(claim_checks.SEE)
    assert words in said


def test_many_mistakes_are_counted():
    changes = [(f"{name} source", "x") for name in list(CLAIMS)[:8]]
    assert "... and 3 more" in check(changes)


# --- the rules on learned activations, with made-up numbers -------------------------------------


def verdict(name, numbers):
    """The verdict of a claim of claims.yaml on made-up rows: (names, interval)."""
    entries = CLAIMS[name]["evidence"]
    rows = [
        where | dict.fromkeys(("value", "mean"), sum(part) / 2) | {"low": part[0], "high": part[1]}
        for where, part in numbers
    ]
    tables = dict.fromkeys(claims.used_tables(entries), pd.DataFrame(rows).assign(n=9))
    found = evidence.parts(entries, tables)
    return judgement.judge(CLAIMS[name]["rule"], found)[0]


def compared(comparison, **bases):
    data = ["covertype"] if comparison == "base" else ["fashion_mnist", "banknote"]
    return [
        ({"dataset": dataset, "comparison": comparison, "base": base}, part)
        for dataset in data
        for base, part in bases.items()
    ]


PAR, UNDER, BELOW_PAR = (-0.004, 0.006), (-0.03, -0.01), (-0.02, 0.018)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ((PAR, PAR, PAR), HOLDS),
        ((PAR, (-0.005, -0.005), PAR), HOLDS),  # at the bound
        ((PAR, BELOW_PAR, PAR), OPEN),
        ((PAR, (NAN, NAN), PAR), OPEN),
        ((PAR, BELOW_PAR, UNDER), FAILS),
    ],
)
def test_on_par_with_their_bases(parts, expected):
    bases = dict(zip(("tanh", "relu", "gelu"), parts, strict=True))
    assert verdict("on_par", compared("base", **bases)) == expected


@pytest.mark.parametrize(
    ("relu", "expected"),
    [(UNDER, HOLDS), (BELOW_PAR, OPEN), ((NAN, NAN), OPEN), ((0.0, 0.04), FAILS)],
)
def test_worse_on_another_task(relu, expected):
    numbers = compared("transfer", tanh=UNDER, relu=relu, gelu=UNDER)
    assert verdict("another_task", numbers) == expected


LAYERS = [name for name, one in CLAIMS.items()
          if claims.used_tables(one["evidence"]) == ["flow_summary"]]  # fmt: skip


def flow_of(seeds):
    """The summary of networks of one layer with the same figures in every seed."""
    names = ["sigmoid", "tanh", "relu", "leaky_relu", "elu"]
    layers = [
        ("gradients", "d", "net", name, seed, "ok", 0, part, 1)
        for name in names for seed in range(seeds) for part in ("weights", "activation")
    ]  # fmt: skip
    layers = pd.DataFrame(layers, columns=[*scores.RUN, "status", "epoch", "part", "layer"])
    layers = layers.assign(**dict.fromkeys(flow.SIZES + flow.MEASURES, 0.1))
    cells = layers[scores.CELL].drop_duplicates().assign(**dict.fromkeys(flow.OUTCOME, seeds))
    return flow.flow_summary(layers, cells)


@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_one_run_decide_nothing(name):
    """Not by the value of that run; two runs that are alike do."""
    for seeds, undecided in ((1, True), (2, False)):
        parts = evidence.parts(CLAIMS[name]["evidence"], {"flow_summary": flow_of(seeds)})
        assert (judgement.judge(CLAIMS[name]["rule"], parts)[0] == OPEN) == undecided


def test_all_that_is_said_of_layers_has_an_interval():
    assert set(LAYERS) == {"relu_gradients", "sigmoid_gradients", "tanh_centred", "relu_dead",
                           "relu_dead_stay", "leaky_relu_dead", "elu_dead"}  # fmt: skip


def shape(claim, **groups):
    return [({"claim": claim, "group": group}, part) for group, part in groups.items()]


@pytest.mark.parametrize(
    ("gelu", "expected"),
    [((0.01, 0.2), HOLDS), ((0.0, 0.2), HOLDS), ((-0.01, 0.2), OPEN), ((-0.2, -0.01), FAILS)],
)
def test_the_most_alike(gelu, expected):
    numbers = shape("alike_difference", **{"relu - tanh": (0.05, 0.15), "gelu - tanh": gelu})
    assert verdict("tanh_alike", numbers) == expected


@pytest.mark.parametrize(
    ("small", "medium", "large", "expected"),
    [
        ((0.8, 1.0), (0.7, 0.9), (0.2, 0.4), HOLDS),
        ((0.8, 1.0), (0.35, 0.65), (0.2, 0.4), OPEN),
        ((0.2, 0.8), (0.2, 0.8), (0.2, 0.8), OPEN),  # as large, by few runs
        ((0.8, 1.0), (0.0, 0.2), (0.3, 0.5), FAILS),
        ((0.0, 0.2), (0.0, 0.2), (0.8, 1.0), FAILS),
    ],
)
def test_extra_extrema_by_intervals_that_do_not_overlap(small, medium, large, expected):
    sizes = {"small": small, "medium": medium, "large": large}
    shares = {f"{base}/{size}": part for base in ("relu", "gelu") for size, part in sizes.items()}
    assert verdict("extra_extrema", shape("extra_extrema", **shares)) == expected


@pytest.mark.parametrize(
    ("name", "claim", "group", "bound", "larger"),
    [
        ("extremum_near_zero", "extremum_near_zero", "all", 0.9, HOLDS),
        ("one_side_steeper", "one_side_steeper", "all", 0.9, HOLDS),
        ("tanh_limits", "levels_differ", "tanh", 0.9, HOLDS),
        ("tanh_flattens", "end_slope", "tanh", 0.05, FAILS),
        ("relu_straight", "end_curvature", "relu", 0.05, FAILS),
        ("gelu_curved", "end_curvature", "gelu", 0.05, HOLDS),
    ],
)
def test_shapes(name, claim, group, bound, larger):
    smaller = {HOLDS: FAILS, FAILS: HOLDS}[larger]
    outcomes = [
        ((bound, bound + 0.05), larger),
        ((bound - 0.02, bound - 0.001), smaller),
        ((bound - 0.02, bound + 0.01), OPEN),
        ((NAN, NAN), OPEN),
    ]
    for part, expected in outcomes:
        assert verdict(name, shape(claim, **{group: part, "other": (0, 1)})) == expected


# --- the report's table -------------------------------------------------------------------------


def test_the_table_of_the_report_says_why_or_what_is_missing():
    both = {"a": claim(), "b_c": claim(claim="It does not.", needs=[{"study": "autograd"}])}
    table = claims.judge(both, {"cells": cells(YES)}, ran(), FULL, FULL)
    lines, rule = report_claims.judged_table(table).splitlines(), table["rule"][0]
    assert lines[2:4] == [
        "| **E, standard** |  |  |  |",
        f"| It does well. | {rule} | k0 0.200 (0.100 to 0.300), n = 3 | **holds**. By 0.200. |",
    ]
    assert lines[4].startswith(f"| It does not. | {rule} | – | **not enough runs**. mnist/")
    assert len(lines) == 5
    assert len(report_claims.judged_table(table.head(0)).splitlines()) == 2


def numbers(own, other):
    """What the table shows of these parts, and of those on a defect, after claims.csv."""
    slip = {"measure": "as fed", "rule": {"above": 9}, "explains": "A slip."}
    slip["evidence"] = [claim()["evidence"][0] | {"where": {"net": "b"}}]
    tables = {"cells": pd.concat([cells(*own), cells(*other, net="b")])}
    table = claims.judge({"a": claim(defect=slip)}, tables, ran(), FULL, FULL)
    saved = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    return report_claims.judged_table(saved).splitlines()[-1].split(" | ")[2]


def test_of_many_numbers_the_table_shows_the_one_that_decides():
    up, down = ([(i + low, i + 0.3) for i in range(5)] for low in (0.1, -0.3))
    every = "; ".join(f"k{i} {i}.200 ({i}.100 to {i}.300), n = 3" for i in range(5))
    decides = "k0 0.200 (0.100 to 0.300), the deciding one of 5"
    assert numbers(up[:4], up) == every.rsplit("; ", 1)[0]
    assert numbers(up, up) == decides  # it holds: no defect
    across = numbers(down, up)
    assert across == "k0 0.000 (−0.300 to 0.300), the deciding one of 5. as fed: " + (
        "5 numbers from 0.200 to 4.200"
    )
    assert numbers(down, up[:4]).endswith(f"5. as fed: {every.rsplit('; ', 1)[0]}")
    assert numbers([(0.0, 0.0)] * 5, up).startswith("k0 0.000, the deciding one of 5. as fed: 5 ")


def test_a_number_without_a_label_has_none_in_the_table_either():
    parts = [claim()["evidence"][0] | {"label": ""}]
    table = claims.judge(
        {"a": claim(evidence=parts)}, {"cells": cells(*[YES] * 5)}, ran(), FULL, FULL
    )
    saved = pd.read_csv(io.StringIO(table.to_csv(index=False)))
    assert "| 0.200 (0.100 to 0.300), the deciding one of 5 |" in report_claims.judged_table(saved)


def test_verdicts_are_counted_by_work():
    rows = [("activationzoo", "holds")] * 2 + [("customactfuncs", "does not hold")]
    counted = report_claims.verdict_counts_table(pd.DataFrame(rows, columns=["source", "verdict"]))
    assert counted.splitlines()[2:] == [
        "| E, standard | 2 | 2 | 0 | 0 | 0 | 0 |",
        "| A, hand-made | 1 | 0 | 1 | 0 | 0 | 0 |",
        "| all | 3 | 2 | 1 | 0 | 0 | 0 |",
    ]


def test_of_much_that_is_missing_the_table_names_the_first():
    row = claims.judge({"a": claim()}, {}, ran().head(0), FULL, FULL)
    row["missing"] = "net: 0 of 3 runs; deep: 1 of 3 runs; protocol differs"
    said = "**not enough runs**. net: 0 of 3 runs, and 2 more (`claims.csv`) |"
    assert report_claims.judged_table(row).endswith(said)
