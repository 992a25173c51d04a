"""The checks of the config: what passes, and what every kind of mistake is told."""

import copy
import io
import json
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas._libs.parsers import STR_NA_VALUES
from snakemake.utils import update_config

from actgrid import grid
from actgrid.config import ConfigError, check

ROOT = Path(__file__).parents[1]
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
# through JSON, so that studies with one protocol by reference have one each: a change is one change
FULL = json.loads(json.dumps(yaml.safe_load((ROOT / "config.yaml").read_text())))
OVERLAYS = sorted((ROOT / "config").glob("*.yaml"))
GONE = object()
STUDY, PROTOCOL = "studies handmade", "studies handmade protocol"
LEARNED, TRANSFER = "activations learned_tanh_small", "activations transfer_tanh_small"
NAN, INF = float("nan"), float("inf")
SOURCES = ["customactfuncs", "learnedactivation", "trainedparameters", "autogradfunctions",
           "activationzoo"]  # fmt: skip


def changed(*changes, of=FULL):
    """The full (or another) config with (path, value) changes; spaces part the keys of a path."""
    config = copy.deepcopy(of)
    for path, value in changes:
        *parents, last = path.split() if isinstance(path, str) else path
        entry = config
        for key in parents:
            entry = entry[key]
        last = int(last) if isinstance(entry, list) else last
        if value is GONE:
            del entry[last]
        else:
            entry[last] = value
    return config


def message(config):
    """What check says about a config that it must refuse."""
    with pytest.raises(ConfigError) as caught:
        check(config, SCHEMA)
    return str(caught.value)


def handmade(**other):
    """The study handmade on one network, with other values."""
    return {**FULL["studies"]["handmade"], "architectures": ["small"], **other}


def only(*studies):
    """The full config with these studies alone, named first, second, ..."""
    return changed(("studies", dict(zip(("first", "second"), studies, strict=False))))


def overlaid(path):
    """The config that Snakemake makes of config.yaml and an overlay."""
    config = copy.deepcopy(FULL)
    update_config(config, yaml.safe_load(path.read_text()))
    return config


@pytest.mark.parametrize("overlay", OVERLAYS, ids=lambda path: path.stem)
def test_overlays_pass_and_share_results_only_where_the_settings_are_the_same(overlay):
    config = overlaid(overlay)
    check(config, SCHEMA)
    folders = config["pathvars"]
    assert config["grid"] == overlay.stem and folders["report"] == f"report/{overlay.stem}"
    if folders["results"] != FULL["pathvars"]["results"]:
        assert folders["results"] == f"results/{overlay.stem}"
        assert folders["figures"] == f"figures/{overlay.stem}"
    else:
        studies = grid.cells(FULL)
        for run in grid.expand(config):
            study = studies[run.dataset, run.architecture, run.activation]
            of_full = grid.settings(FULL, study, run.activation)
            assert grid.settings(config, run.study, run.activation) == of_full


def test_full_grid_expands_to_1964_runs_in_the_order_of_the_config():
    """Networks (times data sets) x activations x seeds of each study, as they stand there."""
    check(FULL, SCHEMA)
    runs = grid.expand(FULL)
    by_hand = 5 * 35 * 5 + 3 * 21 * 5 + 3 * 9 * 2 + 11 * 5 + 11 * 5
    by_hand += 2 * 10 * 20 + 2 * 6 * 5 + 3 * 10 * 5
    assert len(runs) == len({run.path for run in runs}) == by_hand == 1964
    assert runs[0] == grid.Run("handmade", "fashion_mnist", "small", "relu", 0)
    assert runs[0].path == "fashion_mnist/small/relu/0"
    for study, entry in FULL["studies"].items():
        for key in ("dataset", "architecture", "activation", "seed"):
            values = (getattr(run, key) for run in runs if run.study == study)
            assert list(dict.fromkeys(values)) == entry[f"{key}s"]
    assert {run.activation for run in runs} <= set(FULL["activations"])


def test_settings_hold_what_the_numbers_depend_on_and_no_more():
    entry = {"function": "slope_relu", "slope": 1.5}
    protocol = FULL["studies"]["handmade"]["protocol"]
    expected = {"activation": entry, "protocol": protocol, "device": "auto"}
    expected |= {"cuda_graphs": False, "diagnostics": False}
    shown = [("activations slope_relu_1.5 family", "x"), ("grid", "y"), (f"{STUDY} seeds", [7])]
    for config in (
        FULL,
        changed(*shown),
        changed(("activations slope_relu_1.5 published_as", "z")),
    ):
        assert grid.settings(config, "handmade", "slope_relu_1.5") == expected


def test_diagnostics_are_a_switch_of_a_study():
    for study, entry in FULL["studies"].items():
        switch = grid.settings(FULL, study, entry["activations"][0])["diagnostics"]
        assert switch is (study == "gradients")
    off = changed(("studies gradients diagnostics", False))
    assert grid.settings(off, "gradients", "relu")["diagnostics"] is False


def test_settings_resolve_what_an_entry_refers_to():
    matched = grid.settings(FULL, "learned", "relu_matched_small")["activation"]
    target = {"function": "learned", "base": "relu", "layers": [16, 8], "evaluation": "tabulated"}
    assert matched == {"function": "relu", "matched_to": target}
    config = changed(
        ("pathvars results", "results/x"), ("activations learned_relu_small family", "y")
    )
    assert grid.settings(config, "learned", "relu_matched_small")["activation"] == matched
    saved = "results/x/runs/covertype/mlp_48_24_16/learned_relu_small/0/activation.pt"
    transfer = grid.settings(config, "transfer_fashion", "transfer_relu_small")["activation"]
    assert transfer == {"function": "transfer", "source": saved}
    assert "matched_to" in FULL["activations"]["relu_matched_small"], "the config was changed"


def test_studies_may_share_a_pair_under_one_protocol():
    config = only(handmade(activations=["relu"]), handmade(activations=["tent", "hill_0.25"]))
    check(config, SCHEMA)
    pair = ("fashion_mnist", "small")
    assert grid.cells(config) == {
        (*pair, "relu"): "first",
        (*pair, "tent"): "second",
        (*pair, "hill_0.25"): "second",
    }
    assert grid.pairs(config) == {pair: FULL["studies"]["handmade"]["protocol"]}


# (path, value, what is allowed): the message must say "key = value" and what is allowed
WRONG_VALUES = [
    ("studies", {}, "minProperties 1"),
    ("studies", None, "type object"),
    ("activations", [], "type object"),
    ("grid", "a/b", "letters, digits, underscores"),
    ("activations hill_0.25", "hill", "type object"),
    ("activations hill_0.25 peak", "0.25", "finite number"),
    ("activations hill_0.25 peak", [0.25], "finite number"),
    ("activations hill_0.25 peak", True, "finite number"),
    ("activations hill_0.25 peak", NAN, "finite number"),
    ("activations leaky_relu_0.1 negative_slope", -INF, "finite number of at most 1.8e+308"),
    ("activations leaky_relu_0.1 negative_slope", date(2024, 5, 1), "finite number"),
    ("activations tent knots", 5, "points [x, y]"),
    ("activations tent knots", [1, 2], "points [x, y]"),
    ("activations tent knots", [[0, 1, 2]], "points [x, y]"),
    ("activations tent knots", [[0, NAN]], "points [x, y]"),
    ("activations tent knots", "[[0, 1]]", "points [x, y]"),
    ("activations tent_flat at_knot", 0, "a word"),
    ("activations tent right_slope", "up", "finite number"),
    *((f"{STUDY} seeds 1", seed, "type integer") for seed in ("a", 1.0, True, None, [1])),
    (f"{STUDY} seeds 1", -1, "minimum 0"),
    (f"{STUDY} seeds 1", 2**32, "maximum 4294967295"),
    (f"{STUDY} seeds", [1, 1], "uniqueItems"),
    (f"{STUDY} seeds", 5, "type array"),
    (f"{STUDY} activations", ["relu", "relu"], "uniqueItems"),
    *((f"{STUDY} {key}s", [], "minItems 1") for key in ("seed", "activation", "architecture")),
    (f"{STUDY} architectures", "small", "type array"),
    (f"{STUDY} published", 3, "compares nothing"),
    (f"{STUDY} replicate", ["resnet_norm"], "type object"),
    *((f"{PROTOCOL} epochs", n, "minimum 1") for n in (0, -1)),
    *((f"{PROTOCOL} epochs", n, "type integer") for n in (1.5, 5.0, "5", True, None, NAN)),
    (f"{PROTOCOL} batch_size", 0, "minimum 1"),
    *((f"{PROTOCOL} learning_rate", n, "exclusiveMinimum 0") for n in (0, -1, -INF)),
    *((f"{PROTOCOL} learning_rate", n, "type number") for n in ("1e-3", True, None, [0.1])),
    (f"{PROTOCOL} learning_rate", INF, "maximum 1000"),
    (f"{PROTOCOL} learning_rate", NAN, "finite number"),
    (f"{PROTOCOL} momentum", 1, "exclusiveMaximum 1"),
    (f"{PROTOCOL} momentum", -0.1, "minimum 0"),
    (f"{PROTOCOL} momentum", NAN, "finite number"),
    (f"{PROTOCOL} shuffle", "no", "type boolean"),
    (f"{PROTOCOL} precision", "float16", "['float32', 'bfloat16']"),
    (f"{PROTOCOL} optimizer", "adagrad", "['sgd', 'adam']"),
    (f"{PROTOCOL} loss", "mse", "['cross_entropy', 'binary_cross_entropy']"),
    (f"{PROTOCOL} monitor", "test_auc", "[None, 'valid_auc', 'valid_loss']"),
    *((f"{PROTOCOL} patience", n, "minimum 1") for n in (0, -3)),
    *((f"{PROTOCOL} patience", n, "type ['integer', 'null']") for n in (1.5, "10", True)),
    *((f"{PROTOCOL} {part}_examples", 0, "minimum 1") for part in ("train", "valid", "test")),
    *(
        (f"{LEARNED} layers", widths, "whole numbers of 1 or more")
        for widths in ([], [0], [-3], [1.5], [16, "8"], [True], [[16]], "x", 16, None)
    ),
    *((f"{LEARNED} base", base, "one of tanh, relu, gelu") for base in ("sigmoid", 1, None)),
    (f"{LEARNED} evaluation", "fast", "one of tabulated, exact"),
    (f"{LEARNED} evaluation", ["exact"], "one of tabulated, exact"),
    *((f"{TRANSFER} source", value, "a word") for value in (5, None, ["a/b/c/0"])),
    *(
        ("studies learned source", value, f"enum {SOURCES} (the source work's key")
        for value in (5, None, "other", "autograd", "customActFuncs", ["activationzoo"])
    ),
    *(
        ("studies gradients diagnostics", value, "type boolean (measure gradients, dead and")
        for value in ("yes", 1, 0, None, "true", [], {"probe": 512})
    ),
    ("activations relu matched_to", 3, "type string"),
    *(("device", name, "auto is the GPU") for name in ("gpu", "cuda:", "cpu\n", "", None)),
    *(("cuda_graphs", value, "type boolean") for value in ("yes", 1, None)),
    *(
        ("pathvars results", folder, "a folder below the project")
        for folder in ("../x", "/tmp/x", "", ".", "a//b", "a/", "a/../b", "x\n", "x y", "{x}", None)
    ),
    *(("comparison baseline", name, "type string") for name in (3, None, ["relu"])),
    *(("comparison leave_out", names, "type array") for names in ("mnist", None, {})),
    ("comparison leave_out", ["mnist", "mnist"], "uniqueItems"),
    ("comparison diagram", [*"abcdefghijklm"], "maxItems 12"),
    ("pathvars figures", "results", "folder of its own"),
    ("pathvars report", "report", "folder of its own"),
]


@pytest.mark.parametrize(("path", "value", "allowed"), WRONG_VALUES, ids=lambda v: repr(v)[:40])
def test_a_wrong_value_is_named_with_its_key_and_what_is_allowed(path, value, allowed):
    said = message(changed((path, value)))
    assert f"\n  {path.replace(' ', '.')} = {value!r}: " in said
    assert allowed in said
    assert said.endswith("all rules.")


# (path, value, words that the message must hold)
WRONG_NAMES = [
    ("grid", GONE, "(top level): 'grid' is a required property"),
    ("studies", GONE, "(top level): 'studies' is a required property"),
    (f"{STUDY} seeds", GONE, "studies.handmade: 'seeds' is a required property"),
    (f"{PROTOCOL} epochs", GONE, "studies.handmade.protocol: 'epochs' is a required property"),
    ("comparison", GONE, "(top level): 'comparison' is a required property"),
    ("comparison diagram", GONE, "comparison: 'diagram' is a required property"),
    ("comparison base", "relu", "comparison: unknown key 'base'; did you mean 'baseline'?"),
    ("comparison baseline", "rellu", "baseline: unknown activation 'rellu'; did you mean 'relu'?"),
    ("comparison diagram", ["tahn"], "diagram: unknown activation 'tahn'; did you mean 'tanh'?"),
    ("comparison leave_out", ["mnst"], "leave_out: unknown dataset 'mnst'; did you mean 'mnist'?"),
    ("activations relu family", GONE, "activations.relu: 'family' is a required property"),
    ("activations relu function", GONE, "activations.relu: 'function' is a required property"),
    ("studys", {}, "(top level): unknown key 'studys'; did you mean 'studies'?"),
    (
        "zzz",
        1,
        "(top level): unknown key 'zzz'. Allowed: grid, pathvars, partial, device, cuda_graphs",
    ),
    (f"{STUDY} seed", [0], "studies.handmade: unknown key 'seed'; did you mean 'seeds'?"),
    (f"{PROTOCOL} epoch", 5, "protocol: unknown key 'epoch'; did you mean 'epochs'? Allowed: opt"),
    ("pathvars figure", "x", "pathvars: unknown key 'figure'; did you mean 'figures'?"),
    (f"{STUDY} architectures", ["plian"], "unknown architecture 'plian'; did you mean 'plain'?"),
    (f"{STUDY} architectures", ["zzz"], "architectures: unknown architecture 'zzz'. Known: bankn"),
    (f"{STUDY} datasets", ["fashion"], "unknown dataset 'fashion'; did you mean 'fashion_mnist'?"),
    (f"{STUDY} activations", ["hil_0.25"], "activation 'hil_0.25'; did you mean 'hill_0.25'?"),
    ("activations relu function", "rellu", "activations.relu.function: unknown activation functi"),
    ("activations relu function", "rellu", "'rellu'; did you mean 'relu'? Known: affine, apl, b"),
    ("activations relu slope", 1, "relu: unknown constant 'slope'. relu takes no constants"),
    ("activations hill_0.5 paek", 1, "unknown constant 'paek'; did you mean 'peak'? hill takes"),
    ("activations hill_0.25 peak", GONE, "hill_0.25: constant 'peak' is missing. hill takes peak."),
    (f"{LEARNED} layers", GONE, "constant 'layers' is missing. learned takes base, layers, eval"),
    (f"{LEARNED} layer", [8], "unknown constant 'layer'; did you mean 'layers'? learned takes"),
    (f"{TRANSFER} source", GONE, "constant 'source' is missing. transfer takes source."),
    (
        "activations tanh_matched_small matched_to",
        "learned_tahn_small",
        "matched_to: unknown learned activation 'learned_tahn_small'; did you mean 'learned_tanh_s",
    ),
    (
        "activations tanh_matched_small matched_to",
        "relu",
        "activations.tanh_matched_small.matched_to: unknown learned activation 'relu'",
    ),
]


@pytest.mark.parametrize(("path", "value", "words"), WRONG_NAMES)
def test_a_wrong_name_is_told_with_the_nearest_and_the_known_ones(path, value, words):
    said = message(changed((path, value)))
    assert words in said
    assert said.count("\n") == 2, "one line a problem between the heading and where to look"


BAD_NAMES = ("../x", "a b", "a'b", 'a"b', "größe", ".hidden", "", "a/b", "a\n", "a\\b", "{a}",
             "a..b", "a.", "-a", "a;b", "$a", "*", "x" * 65, 1, 1.5, True, None)  # fmt: skip


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_names_are_plain_parts_of_paths(name):
    entry = {"function": "relu", "family": "rectifier"}
    added = copy.deepcopy(FULL)
    added["activations"][name] = entry
    for config, key in (
        (added, "activations"),
        (changed((("studies", name), FULL["studies"]["handmade"])), "studies"),
        (changed((f"{STUDY} activations", [name])), "studies.handmade.activations.0"),
        (changed((f"{STUDY} datasets", [name])), "studies.handmade.datasets.0"),
        (changed(("activations relu family", name)), "activations.relu.family"),
    ):
        said = message(config)
        assert f"{key} = {repr(name)[:70]}" in said
        assert "letters, digits, underscores" in said


NAMES = SCHEMA["$defs"]["name"]
MISSING = sorted(name for name in STR_NA_VALUES if re.search(NAMES["pattern"], name))


def test_no_name_is_one_that_pandas_reads_as_a_missing_value():
    assert sorted(NAMES["not"]["enum"]) == MISSING
    table = pd.DataFrame({"activation": [*MISSING, "NAN", "nil", "none", "N.A"]})
    read = pd.read_csv(io.StringIO(table.to_csv(index=False)))["activation"]
    assert list(read.dropna()) == ["NAN", "nil", "none", "N.A"]


@pytest.mark.parametrize("name", MISSING)
def test_a_name_that_tables_lose_is_refused_wherever_it_stands(name):
    for config, key in (
        (changed((("activations", name), FULL["activations"]["relu"])), "activations"),
        (changed((("studies", name), FULL["studies"]["handmade"])), "studies"),
        (changed((f"{STUDY} datasets", [name])), "studies.handmade.datasets.0"),
        (changed((f"{STUDY} architectures", [name])), "studies.handmade.architectures.0"),
        (changed(("activations relu family", name)), "activations.relu.family"),
    ):
        problem = one_line(config)
        assert problem.startswith(f"  {key} = {name!r}: allowed is not ")
        assert "no word such as NA that tables read as a missing value" in problem


@pytest.mark.parametrize("value", [10**400, -(10**400)], ids=["large", "small"])
@pytest.mark.parametrize(
    ("key", "entry"),
    [
        ("a", {"formula": "a * x"}),
        ("lambd", {"import": "torch.nn:Hardshrink"}),
        ("peak", {"function": "hill", "family": "own"}),
    ],
)
def test_a_number_that_no_float_holds_is_refused(key, entry, value):
    problem = one_line(changed(("activations mine", {**entry, key: value})))
    assert problem.startswith(f"  activations.mine.{key} = {str(value)[:70]}")
    assert "... must be a finite number of at most 1.8e+308" in problem.replace("...:", "...")


def one_line(config):
    """The only problem of a config."""
    _, problem, _ = message(config).split("\n")
    return problem


@pytest.mark.parametrize(
    ("source", "hint"),
    [
        ("covertype/mlp_48_24_16/learned_tanh_small/7", "; did you mean"),  # no such seed
        ("covertype/mlp_48_24_16/learned_tahn_small/0", "; did you mean"),
        ("covertype/mlp_48_24_16/tanh/0", "; did you mean"),  # a run, but it learns nothing
        ("fashion_mnist/small/relu/0", " It must be dataset/"),
        ("nothing like a run", ". It must be dataset/"),
    ],
)
def test_a_transfer_needs_a_run_that_learns_its_activation(source, hint):
    problem = one_line(changed((f"{TRANSFER} source", source)))
    assert problem.startswith(f"  activations.transfer_tanh_small.source = {source!r}: no run of")
    assert (
        hint in problem and "covertype/mlp_48_24_16/learned_tanh_" in problem or "did" not in hint
    )
    assert problem.endswith("It must be dataset/architecture/activation/seed of such a run.")


def test_a_transfer_that_the_grid_does_not_train_needs_no_source():
    check(only(handmade()), SCHEMA)  # all sources are in a study that was left out


def test_a_network_that_cannot_be_widened_is_told_once_with_those_that_can():
    study = handmade(activations=["relu", "relu_matched_small"], architectures=["small", "plain"])
    problem = one_line(only(study))
    assert "studies.first: relu_matched_small with matched_to, but small, plain cannot" in problem
    assert problem.endswith("Those that can: mlp_48_24, mlp_48_24_16, mlp_96_48_32.")


NO_PART = "monitor = valid_loss: must be null, {} has no validation part."
# (changes of the study learned or of its protocol, what is said)
MISFITS = [
    ({"protocol": {"monitor": None}}, "patience = 10: must be null where monitor is null."),
    (
        {"datasets": ["banknote"]},
        "monitor = valid_auc: must be null, banknote has no validation part.",
    ),
    (
        {"datasets": ["fashion_mnist"], "protocol": {"monitor": None, "patience": None}},
        "loss = binary_cross_entropy: needs 2 classes, fashion_mnist has 10.",
    ),
    (
        {"protocol": {"loss": "cross_entropy"}},
        "monitor = valid_auc: needs the loss binary_cross_entropy.",
    ),
]
MISFITS = [("learned", *misfit) for misfit in MISFITS] + [
    ("handmade", {"protocol": {"monitor": "valid_loss"}}, NO_PART.format("fashion_mnist")),
    ("banknotes", {"protocol": {"monitor": "valid_loss"}}, NO_PART.format("banknote")),
    (
        "autograd",
        {"datasets": ["mnist"], "protocol": {"monitor": "valid_auc"}},
        "monitor = valid_auc: needs the loss binary_cross_entropy.",
    ),
    (
        "autograd",
        {"datasets": ["mnist"], "protocol": {"loss": "binary_cross_entropy"}},
        "loss = binary_cross_entropy: needs 2 classes, mnist has 10.",
    ),
]


@pytest.mark.parametrize(("name", "other", "said"), MISFITS)
def test_loss_and_monitor_fit_the_data(name, other, said):
    study = FULL["studies"][name]
    small = {"activations": ["relu"], "seeds": [0], "architectures": study["architectures"][:1]}
    protocol = study["protocol"] | other.get("protocol", {})
    assert one_line(only({**study, **small, **other, "protocol": protocol})) == (
        f"  studies.first.protocol.{said}"
    )


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy"])
@pytest.mark.parametrize("patience", [None, 3])
def test_a_validation_loss_may_be_monitored_whatever_the_loss(loss, patience):
    study = FULL["studies"]["learned"]
    other = {"loss": loss, "monitor": "valid_loss", "patience": patience}
    check(only({**study, "activations": ["relu"], "protocol": study["protocol"] | other}), SCHEMA)


def test_a_cell_stands_in_one_study_only():
    problem = one_line(only(handmade(), handmade(activations=["hill_0.5", "relu"])))
    assert "studies.first and studies.second both hold ('fashion_mnist', 'small', 're" in problem
    assert "cell may stand in one study only" in problem


def test_a_pair_has_one_protocol():
    protocol = FULL["studies"]["handmade"]["protocol"] | {"epochs": 6}
    first, second = handmade(activations=["relu"]), handmade(activations=["tent"])
    problem = one_line(only(first, {**second, "protocol": protocol}))
    assert "studies.first and studies.second both hold ('fashion_mnist', 'small') with" in problem
    assert "a (dataset, architecture) pair has one protocol" in problem
    check(only(first, {**second, "protocol": protocol, "architectures": ["plain"]}), SCHEMA)


def test_many_mistakes_make_one_message_that_says_how_many():
    said = message(changed((f"{STUDY} seeds", ["a", "b", "c", "d", "e", "f", "g"])))
    assert said.count("type integer") == 5
    assert "... and 2 more" in said


def test_each_mistake_is_said_once_even_when_two_are_made():
    said = message(changed((f"{PROTOCOL} epochs", 0), (f"{PROTOCOL} momentum", 1)))
    assert said.count("epochs = 0") == said.count("momentum = 1") == 1


def paths(entry, path=()):
    """Every path of a nested config, with one step more below each for a key that is new."""
    pairs = entry.items() if isinstance(entry, dict) else enumerate(entry)
    for key, value in pairs:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from paths(value, (*path, key))
    if isinstance(entry, dict):
        yield (*path, "new key")


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.dates(),
    st.just(10**400), st.binary(max_size=4),
    st.sampled_from(["relu", "small", "hill", "plain", "fashion_mnist", "tent", 0, 1, 0.5,
                     "learned", "transfer", "covertype", "binary_cross_entropy", "valid_auc",
                     "valid_loss", "x", "x * x", "x ** 99", "torch.nn:ReLU", "handmade"]),
)  # fmt: skip
KEYS = st.one_of(st.text(max_size=8), st.integers(), st.none(), st.booleans(),
                 st.sampled_from(["function", "family", "protocol", "seeds", "knots",
                                  "layers", "source", "matched_to", "monitor",
                                  "diagnostics", "formula", "import", "studies"]))  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


def few():
    """A config of few cells, checked in no time, that holds every kind of entry."""
    names = "relu", "tent", "tanh_matched_small", "learned_tanh_small", "transfer_tanh_small"
    cells = {
        "handmade": (["small", "plain"], [*names[:2], names[4]]),
        "learned": (["mlp_48_24", "mlp_48_24_16"], names[2:4]),
    }
    studies = {
        name: {**FULL["studies"][name], "architectures": networks, "activations": list(used)}
        for name, (networks, used) in cells.items()
    }
    entries = {name: FULL["activations"][name] for name in names}
    comparison = {**FULL["comparison"], "diagram": list(names)}
    return {**FULL, "studies": studies, "activations": entries, "comparison": comparison}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(paths(few()))), VALUES), min_size=1, max_size=3))
def test_whatever_stands_in_the_config_it_passes_or_is_told_so(changes):
    try:
        config = changed(*changes, of=few())
    except (TypeError, KeyError, IndexError, ValueError):  # no place is left for the second one
        config = changed(changes[0], of=few())
    try:
        check(config, SCHEMA)
    except ConfigError as error:
        assert str(error).startswith("config not usable:\n  ")
    else:
        assert len({run.path for run in grid.expand(config)}) == len(grid.expand(config))


def test_the_small_config_is_fine():
    check(few(), SCHEMA)


@pytest.mark.parametrize("config", [None, [], "x", 3, {}], ids=repr)
def test_a_config_that_is_no_config_is_refused(config):
    assert "(top level)" in message(config)


def test_reading_the_grid_imports_neither_torch_nor_pandas():
    code = (
        "import sys, yaml; from actgrid import config, grid; "
        "read = lambda path: yaml.safe_load(open(path)); "
        "config.check(read('config.yaml'), read('workflow/schemas/config.schema.yaml')); "
        "print(*sorted({'torch', 'pandas', 'scipy', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
