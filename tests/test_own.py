"""Activations of one's own: in the config, checked before training, trained and shown."""

import copy
import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from test_config import FULL, SCHEMA, message
from test_workflow import Checkout, copied, jobs

from actgrid import activations, checked, data, grid, shorthand
from actgrid.activations.checks import examine
from actgrid.config import check
from actgrid.data import banknote, prepare

ROOT = Path(__file__).parents[1]
GATE = {"formula": "x * sigmoid(beta * x)", "beta": 1.7}
TENT = {"knots": [[-1, 0], [0, 1], [1, 0]]}
SHRINK = {"import": "torch.nn:Hardshrink", "lambd": 0.3}


def added(**entries):
    """The full config with more activations."""
    return {**FULL, "activations": FULL["activations"] | entries}


# --- the config ---------------------------------------------------------------------------------


def test_short_entries_become_full_ones_and_others_stay():
    config = check(added(gate=GATE, tent_2=TENT, shrink=SHRINK), SCHEMA)
    entries = config["activations"]
    assert entries["gate"] == {
        "function": "formula", "expression": GATE["formula"], "constants": {"beta": 1.7},
        "family": "own",
    }  # fmt: skip
    assert entries["tent_2"] == {"function": "piecewise_linear", **TENT, "family": "own"}
    assert entries["shrink"] == {
        "function": "imported", "target": "torch.nn:Hardshrink", "constants": {"lambd": 0.3},
        "family": "own",
    }  # fmt: skip
    assert {name: entries[name] for name in FULL["activations"]} == FULL["activations"]
    assert shorthand.resolve(config) == config
    assert check(FULL, SCHEMA) == FULL


def test_presentation_stays_beside_a_formula():
    entry = {**GATE, "family": "smooth", "published_as": "Gate", "matched_to": "learned_tanh_small"}
    full = check(added(gate=entry), SCHEMA)["activations"]["gate"]
    assert full["constants"] == {"beta": 1.7} and full["family"] == "smooth"
    assert full["published_as"] == "Gate" and full["matched_to"] == "learned_tanh_small"


def test_an_entry_that_names_studies_is_trained_there_once_after_the_others():
    mish = {**FULL["activations"]["mish"], "studies": ["banknotes", "gradients"]}  # in the second
    config = check(added(gate={**GATE, "studies": ["handmade"]}, mish=mish), SCHEMA)
    before = {name: study["activations"] for name, study in FULL["studies"].items()}
    after = {name: study["activations"] for name, study in config["studies"].items()}
    assert after.pop("handmade") == [*before.pop("handmade"), "gate"]
    assert after.pop("banknotes") == [*before.pop("banknotes"), "mish"]
    assert after == before
    assert len(grid.expand(config)) == len(grid.expand(FULL)) + 5 * 5 + 2 * 20
    assert grid.expand(added(mish=mish))[-1] == grid.expand(FULL)[-1]  # short or full, the same
    assert len(grid.expand(added(mish=mish))) == len(grid.expand(FULL)) + 2 * 20


def test_settings_keep_the_text_of_the_formula_and_no_studies():
    config = check(added(gate={**GATE, "studies": ["handmade"]}), SCHEMA)
    assert grid.settings(config, "handmade", "gate")["activation"] == {
        "function": "formula", "expression": GATE["formula"], "constants": {"beta": 1.7},
    }  # fmt: skip


WRONG = [
    ({**GATE, "formula": "x * sigmod(beta * x)"}, "mine.formula: unknown name 'sigmod' at positi"),
    ({**GATE, "formula": 3}, "mine.formula = 3: allowed is type string"),
    ({**GATE, "beta": "two"}, "activations.mine.beta = 'two': must be a finite number"),
    ({**GATE, "beta": True}, "activations.mine.beta = True: must be a finite number"),
    ({**GATE, "famly": "own"}, "activations.mine.famly = 'own': must be a finite number"),
    ({**GATE, "gamma": 1}, "constant 'gamma' does not occur in the formula"),
    ({**GATE, "function": "relu"}, "mine: function and formula: only one of them says"),
    ({**GATE, **TENT}, "mine: formula and knots: only one of them says"),
    ({**GATE, "studies": ["handmad"]}, "unknown study 'handmad'; did you mean 'handmade'? Known"),
    ({**GATE, "studies": "handmade"}, "mine.studies = 'handmade': allowed is type array"),
    ({"formulla": "x"}, "activations.mine: 'function' is a required property"),
    ({"function": "formula", "family": "own"}, "'expression' is missing"),
    ({**TENT, "left_slop": 1}, "unknown constant 'left_slop'; did you mean 'left_slope'?"),
    ({"knots": [[0, "a"]]}, "activations.mine.knots = [[0, 'a']]: must be a list of points"),
    ({"import": 5}, "mine.import = 5: allowed is type string"),
    ({**SHRINK, "lambd": [1]}, "finite number of at most 1.8e+308, a word, true or false"),
    ({**SHRINK, "a b": 1}, "constant 'a b' can be no argument's name"),
    *(
        ({"import": target}, f"mine.import = {target!r}: must be package.module:Name")
        for target in ("torch.nn", "torch.nn:", ":A", "a b:C", "../x:Y", "os:system('x')", "a:b.c")
    ),
]


@pytest.mark.parametrize(("entry", "words"), WRONG, ids=lambda value: str(value)[:40])
def test_a_mistake_is_told_with_its_key(entry, words):
    said = message(added(mine=entry))
    assert words in said and said.startswith("config not usable:\n")


def test_a_wrong_formula_is_shown_with_a_mark():
    lines = message(added(mine={"formula": "x * sigmod(x)"})).split("\n")
    assert lines[2:4] == ["      x * sigmod(x)", "          ^"]


# --- modules ------------------------------------------------------------------------------------


def test_an_imported_class_gets_its_constants_and_the_width_if_it_asks(tmp_path, monkeypatch):
    (tmp_path / "beside.py").write_text(
        "from torch import nn\n"
        "class Own(nn.PReLU):\n"
        "    def __init__(self, start=0.5, *, width):\n"
        "        super().__init__(width, start)\n"
        "def no_module(): return 3\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    entry = {"function": "imported", "target": "beside:Own", "constants": {"start": 0.3}}
    module = activations.factory(entry)(4)
    assert module.weight.tolist() == pytest.approx([0.3] * 4)
    for target, constants, words in (
        ("besides:Own", {}, "'besides' cannot be imported.*ModuleNotFoundError"),
        ("beside:Own_", {}, "no class or function 'Own_'; it has Own, no_module"),
        ("beside:Own", {"stat": 1}, "beside:Own with .*stat.*TypeError"),
        ("beside:no_module", {}, "makes a int, not a torch.nn.Module"),
    ):
        with pytest.raises(ValueError, match=words):
            activations.make("imported", target=target, constants=constants)


def facts(formula, **constants):
    return examine(lambda: activations.make("formula", expression=formula, constants=constants))


def test_what_is_found_of_a_sound_formula():
    found = facts("max(min(x, 1), -1) + where(x > 5, 2, 0)")
    assert found["kinks"] == [3, [-1.0, 1.0, 5.0]] or found["kinks"] == [2, [-1.0, 1.0]]
    assert found["jumps"] == [1, [5.0]]
    assert found["range"] == [-1, 3] and found["slopes"] == [0, 1] and found["parameters"] == 0
    assert found["far"] == {"-inf": "-1", "-10000": "-1", "10000": "3", "inf": "3", "nan": "nan"}
    assert found["half"] == {"float16": True, "bfloat16": True} and not found["overflows"]
    assert facts("exp(x)")["overflows"] and facts("exp(x)")["kinks"] == [0, []]
    assert json.loads(json.dumps(found, allow_nan=False)) == found


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("log(x)", r"f\(x\) is -inf at x = 0 .*must be finite"),
        ("sqrt(abs(x))", "gradient is nan at x = 0"),
        ("where(x > 0, log(x), 0)", "gradient is nan at x = 0 .*`where` does not help"),
        ("x * tanh(log(1 + exp(x)))", "gradient is nan at x = 88.75 .*must not be NaN"),
        ("exp(exp(exp(x)))", r"f\(x\) is inf at x = 1.505"),
        ("1 / x", r"f\(x\) is inf at x = 0"),
        ("x - x", "f.x. = 0 for all x"),
        ("where(x > 0, 1, 0)", "f' = 0 at all x"),
    ],
)
def test_a_formula_that_no_network_could_be_trained_with_is_refused(formula, words):
    with pytest.raises(ValueError, match=words):
        facts(formula)


class Wrong(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x**2

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Module(torch.nn.Module):
    """What a function does, as a module."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(self, x)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda self, x: Wrong.apply(x), "central difference .* mend its backward pass"),
        (lambda self, x: x.sum(), r"of shape \(7,\).* gives \(\)"),
        (lambda self, x: x.double(), "gives .*float64: both must stay"),
        (lambda self, x: (x,), "gives <class 'tuple'>"),
        (lambda self, x: x.mul_(2), "changed in place"),
        (lambda self, x: x[0], r"fails on shape \(\)"),
        (lambda self, x: x - x.mean(), "depends on the other values"),
        (lambda self, x: x * torch.rand_like(x), "the same x gives two values"),
    ],
)
def test_a_module_that_breaks_a_rule_is_refused(function, words):
    with pytest.raises(ValueError, match=words):
        examine(lambda: Module(function))


def test_layers_that_would_share_their_parameters_are_refused():
    module = torch.nn.PReLU()
    with pytest.raises(ValueError, match="two layers would share"):
        examine(lambda: module)
    assert examine(torch.nn.PReLU)["parameters"] == 1


@pytest.mark.parametrize("name", ["relu", "hill_published_0.25", "affine", "rrelu", "rational"])
def test_the_functions_of_the_package_pass(name):
    found = examine(lambda: activations.from_config(FULL["activations"][name]))
    kinks = {"relu": [0.0], "hill_published_0.25": [0.0, 0.75, 1.0], "affine": []}
    assert found["kinks"][1] == kinks.get(name, found["kinks"][1])
    assert found["difference"] < 1e-8


def test_many_kinks_are_counted_and_the_first_are_named():
    assert checked.breaks([0, []]) == "none"
    assert checked.breaks([3, [-1.0, 0.0]]) == "3 at -1, 0 ..."


def test_the_tests_of_all_activations_take_ones_own_from_the_config(tmp_path):
    config = copy.deepcopy(FULL)
    config["activations"] |= {"my_gate": GATE, "my_tent": TENT, "my_shrink": SHRINK}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c",
         ROOT / "pyproject.toml", ROOT / "tests/test_activations.py", "-k", "my_", "-rA"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    for name in ("my_gate", "my_tent"):
        assert f"test_values_and_gradients[{name}]" in done.stdout
    assert done.stdout.count("PASSED") >= 20


# --- the workflow -------------------------------------------------------------------------------

MODULE = '''"""An activation beside the Snakefile."""

from torch import nn


class Halved(nn.Module):
    def forward(self, x):
        return x / 2
'''


@pytest.fixture(scope="module")
def checkout(tmp_path_factory, tracked) -> Checkout:
    """The project with the banknotes and a module of one's own."""
    checkout = copied(tmp_path_factory.mktemp("own"), tracked)
    (checkout / "beside.py").write_text(MODULE)
    name = "banknote_authentication.csv"
    arrays, facts = banknote.arrays({name: (ROOT / "resources" / name).read_bytes()})
    meta = {"name": "banknote", "classes": list(banknote.CLASSES), "source": "the file"} | facts
    meta["sha256"] = data.fingerprint(arrays)
    prepare.write(checkout / "data/prepared/banknote", arrays, meta)
    return checkout


SMALL = {  # one short run of relu, and what is added to it
    "architectures": ["banknote_mlp_5"],
    "activations": ["relu"],
    "seeds": [0],
    "protocol": {"epochs": 2},
}


def asked(checkout, *targets, code=0, flag="--nocolor", studies=None, **entries):
    """What Snakemake says to a grid with these activations, each in the study on banknotes."""
    entries = {name: {"studies": ["banknotes"], **entry} for name, entry in entries.items()}
    overlay = {"activations": entries, "studies": {"banknotes": SMALL} | (studies or {})}
    (checkout / "overlay.yaml").write_text(yaml.safe_dump(overlay))
    options = ("--cores", "1", flag, "--configfile", "overlay.yaml", "--")
    return checkout.snakemake(*options, *targets, code=code)


MINE = {"my_gate": GATE, "my_tent": TENT, "beside": {"import": "beside:Halved"}}
TABLE, GRAPHS = "results/banknote/banknote_mlp_5/final_epoch.csv", "figures/activations.csv"
RUNS = "results/runs/banknote/banknote_mlp_5"


def names(path):
    with open(path, newline="") as file:
        return [row["activation"] for row in csv.DictReader(file)]


def test_ones_own_are_checked_then_trained_and_shown_like_any_other(checkout):
    said = asked(checkout, TABLE, GRAPHS, **MINE)
    assert jobs(said)["check_activation"] == jobs(said)["train_after"] == 3
    assert set(names(checkout / TABLE)) == {"relu", *MINE} < set(names(checkout / GRAPHS))
    settings = json.loads((checkout / f"{RUNS}/my_gate/0/run.json").read_text())["settings"]
    assert settings["activation"]["expression"] == GATE["formula"]
    found = json.loads((checkout / "results/checks/beside.json").read_text())
    assert found["slopes"] == [0.5, 0.5] and not found["kinks"][0]
    assert not (checkout / "results/checks/relu.json").exists()


def test_only_what_depends_on_a_change_is_trained_again(checkout):
    assert "Nothing to be done" in asked(checkout, TABLE, GRAPHS, **MINE)
    with checkout.edited("beside.py"):
        assert planned(checkout, **MINE) == {"beside"}
    other = {**MINE, "my_gate": {**GATE, "beta": 2.0}}
    assert planned(checkout, **other) == {"my_gate"}
    with checkout.edited("src/actgrid/activations/expressions.py"):
        assert planned(checkout, **MINE) == {"my_gate"}
    with checkout.edited("src/actgrid/activations/checks.py"):
        assert not planned(checkout, **MINE)


def planned(checkout, **entries):
    """The activations whose runs a dry run would train."""
    said = asked(checkout, TABLE, flag="--dry-run", **entries)
    blocks = said.split("rule train_after:")[1:]
    return {block.partition("activation=")[2].partition(",")[0] for block in blocks}


LONG = {
    "formula_2": {"function": "formula", "expression": "x / 2", "constants": {}},
    "beside_2": {"function": "imported", "target": "beside:Halved", "constants": {}},
}
LONG = {name: {**entry, "family": "own"} for name, entry in LONG.items()}


def test_the_long_form_is_checked_as_well(checkout):
    said = asked(checkout, TABLE, flag="--dry-run", **LONG)
    assert jobs(said)["check_activation"] == 2
    logarithm = {**LONG["formula_2"], "expression": "log(x)"}
    said = asked(checkout, TABLE, code=1, logarithm_2=logarithm)
    assert "activation logarithm_2 fails its check, so nothing is trained with it" in said
    assert not (checkout / f"{RUNS}/logarithm_2").exists()


COST = "results/cost.csv"
ALONE = {name: {"activations": ["relu"]} for name in FULL["studies"]}
ALONE |= {name: {"activations": ["tanh"]} for name in ("learned_exact", "transfer_fashion")}
ALONE["banknotes"] = SMALL


def test_the_cost_is_measured_after_the_check_and_not_again_where_an_entry_moves(checkout):
    entry = {"formula": "x * sigmoid(2 * x)"}
    said = asked(checkout, COST, studies=ALONE, gate_2=entry)
    assert said.index("rule check_activation:") < said.index("rule measure_cost:")
    assert set(names(checkout / COST)) == {"relu", "tanh", "gate_2"}
    moved = {**entry, "studies": ["gradients"], "published_as": "Gate"}
    assert "Nothing to be done" in asked(checkout, COST, studies=ALONE, gate_2=moved)
    with checkout.edited("src/actgrid/provenance.py"):
        said = asked(checkout, COST, flag="--dry-run", studies=ALONE, gate_2=moved)
        assert jobs(said) == {"measure_cost": 1}
    other = {"formula": "x * sigmoid(3 * x)"}
    planned = jobs(asked(checkout, COST, flag="--dry-run", studies=ALONE, gate_2=other))
    assert planned == {"check_activation": 1, "measure_cost": 1}
    said = asked(checkout, COST, code=1, studies=ALONE, gate_3={"formula": "log(x)"})
    assert "gate_3 fails its check" in said and "rule measure_cost:" not in said


def test_a_wrong_formula_stops_before_anything_starts(checkout):
    before = sorted(checkout.folder.rglob("results/**"))
    said = asked(checkout, TABLE, code=1, wrong={"formula": "x * sigmod(x)"})
    assert "      x * sigmod(x)\n          ^\n" in said and "did you mean 'sigmoid'?" in said
    assert "Traceback" not in said and sorted(checkout.folder.rglob("results/**")) == before


def test_a_formula_that_gives_nan_is_refused_and_not_trained(checkout):
    said = asked(checkout, TABLE, GRAPHS, code=1, logarithm={"formula": "log(x)"})
    words = "activation logarithm fails its check, so nothing is trained with it: f(x) is -inf at x"
    assert words in said and "Traceback" not in said
    assert not (checkout / f"{RUNS}/logarithm").exists()
    assert words in (checkout / "logs/results/checks/logarithm.log").read_text()


def test_what_make_check_shows(checkout):
    asked(checkout, "figures/checks/my_gate.txt", **MINE)
    text = (checkout / "figures/checks/my_gate.txt").read_text()
    assert "x * sigmoid(beta * x)" in text and "times relu's time" in text
    assert "\nkinks there             none\n" in text
    assert "\n       0            0          0.5\n" in text
    assert (checkout / "figures/checks/my_gate.png").stat().st_size > 5000
    said = asked(checkout, "figures/checks/my_gat.txt", code=1, **MINE)
    assert "unknown activation 'my_gat'; did you mean 'my_gate'?" in said
    assert "Traceback" not in said


# --- make check ---------------------------------------------------------------------------------


@pytest.fixture
def made(tmp_path):
    """make check in an empty folder, with a Snakemake that tells what it is given."""
    for name in ("requirements.lock", "pyproject.toml", "ready"):
        (tmp_path / name).touch()
    (tmp_path / "figures/checks").mkdir(parents=True)
    (tmp_path / "figures/checks/my_gate.txt").write_text("the gate\n")
    (tmp_path / "snakemake").write_text("#!/bin/sh\nprintf '[%s]' \"$@\"\n")
    (tmp_path / "snakemake").chmod(0o755)
    (tmp_path / "python").symlink_to("/bin/true")

    def run(*values):
        command = ["make", "-f", ROOT / "Makefile", "check", "BIN=.", "READY=ready", *values]
        around = ("ACTIVATION", "CONFIG", "MAKELEVEL", "MAKEFLAGS")  # these tests may run in a make
        environment = {k: v for k, v in os.environ.items() if k not in around}
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True
        )

    return run


def test_make_check_asks_for_the_graph_of_a_name_and_passes_the_config_whole(made):
    done = made("ACTIVATION=my_gate", "CONFIG=my own; config's.yaml")
    assert done.returncode == 0 and "the gate" in done.stdout
    assert "[--configfile][my own; config's.yaml][--][figures/checks/my_gate.txt]" in done.stdout
    assert "configfile" not in made("ACTIVATION=my_gate").stdout


@pytest.mark.parametrize("name", [None, "", "../x", ".x", "a b", "x; touch y", "x'", 'x"', "`ls`"])
def test_make_check_refuses_what_is_no_name(made, tmp_path, name):
    done = made(*([] if name is None else [f"ACTIVATION={name}"]))
    assert done.returncode and "is no activation's name; name one: make check" in done.stdout
    assert "[" not in done.stdout and not (tmp_path / "y").exists()
