"""Rules of the house that no reader sees at a glance: who imports whom, who writes, what agrees."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from actgrid import protocol, registry, training
from actgrid.activations import ABOUT_NETWORK, ACTIVATIONS, PRESENTATION, SHARED
from actgrid.architectures import ARCHITECTURES
from actgrid.data import DATASETS
from actgrid.shorthand import SHORT

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src/actgrid"
SCRIPTS = sorted((ROOT / "workflow/scripts").glob("*.py"))
RULES = sorted((ROOT / "workflow/rules").glob("*.smk"))
SCHEMA = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REGISTRIES = {"registry", "activations", "architectures", "data"}  # names only, no numbers


def name_of(path):
    """src/actgrid/data/idx.py -> data/idx; a package by its folder's name."""
    return str(path.relative_to(PACKAGE).with_suffix("")).removesuffix("/__init__")


MODULES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}
MODULES["actgrid"] = MODULES.pop("__init__")


def imported(text):
    """Dotted names of all imports of Python text, wherever they stand in it."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(text):
    """Modules of the package that the text imports, as keys of MODULES."""
    found = set()
    for name in imported(text):
        parts = name.split(".")
        if parts[0] == "actgrid":
            deepest = [k for k in ("/".join(parts[1:]), "/".join(parts[1:-1])) if k in MODULES]
            found.add(deepest[0] if deepest else "actgrid")
    return found


def foreign(text):
    """Top-level packages, other than ours, that the text imports."""
    return {name.partition(".")[0] for name in imported(text)} - {"actgrid"}


def reached(text):
    """Modules that the text imports, and those that these import, and so on."""
    todo, seen = ours(text), set()
    while todo:
        seen |= todo
        todo = {m for name in todo for m in ours(MODULES[name].read_text())} - seen
    return seen


def layer(name):
    return name.partition("/")[0]


def test_packages_of_parts_import_only_themselves_and_the_registry():
    for name, path in MODULES.items():
        if layer(name) in ("activations", "architectures", "data", "figures"):
            allowed = {"registry", *(m for m in MODULES if layer(m) == layer(name))}
            assert ours(path.read_text()) <= allowed, name


@pytest.mark.parametrize(
    ("name", "allowed"),
    {
        "registry": set(),
        "protocol": set(),
        "metrics": set(),
        "optimizers": set(),
        "scores": set(),
        "rendering": set(),
        "provenance": {"actgrid"},
        "records": set(),
        "tables": {"scores"},
        "devices": set(),
        "steps": {"devices", "metrics"},
        "whole": set(),
        "checkpoint": {"whole"},
        "training": {"protocol", "metrics", "optimizers", "steps"},
        "diagnostics": {"training"},
        "experiment": {
            *("activations", "activations/graph", "architectures", "architectures/initialisation"),
            *("devices", "diagnostics", "kernels", "protocol", "provenance", "training"),
        },
        "learned": {"scores"},
        "classification": {"scores"},
        "published_log": {"scores"},
        "flow": {"scores"},
        "inference": {"scores"},
        "comparison": {"scores", "inference"},
        "aggregates": {"comparison", "inference"},
        "report_works": {"markdown"},
        "kernels": {"provenance"},
        "cost": {"activations", "kernels", "provenance"},
        "report_cost": {"markdown"},
        "fits": set(),
        "shapes": {"fits"},
        "markdown": set(),
        "judgement": {"markdown"},
        "evidence": {"scores"},
        "claims": {"evidence", "judgement", "grid", "activations", "markdown"},
        "claim_checks": {"config", "crosschecks"},
        "warm/client": set(),
        "warm/script": set(),
        "warm/server": {"warm/client", "warm/script", "data", "activations", "architectures"},
        "report_claims": {"judgement", "markdown"},
        "grid": {"activations", "registry"},
        "crosschecks": {"registry", "grid", "activations", "architectures", "data"},
        "shorthand": {"activations", "crosschecks", "grid"},
        "config": {
            *("registry", "crosschecks", "shorthand", "activations", "activations/expressions"),
            *("architectures", "data", "limits", "constant_types"),
        },
        "config_file": {"config"},
        "limits": set(),
        "constant_types": set(),
    }.items(),
)
def test_imports_go_one_way(name, allowed):
    assert ours(MODULES[name].read_text()) <= allowed


def test_experiment_is_imported_by_scripts_only():
    assert not [name for name, path in MODULES.items() if "experiment" in ours(path.read_text())]


LANGUAGE = {"activations/expressions", "activations/vocabulary"}  # what formulas depend on as well


def test_a_function_or_builder_stands_alone_so_that_its_own_file_is_all_it_depends_on():
    parts = [f"activations/{module}" for module in ACTIVATIONS.values()]
    parts += [f"architectures/{module}" for module in ARCHITECTURES.values()]
    text = {name: MODULES[name].read_text() for name in parts}
    assert reached(text.pop("activations/own")) - REGISTRIES == LANGUAGE
    assert reached(text.pop("activations/piecewise")) == {"activations/pieces"}
    assert not {name: found for name in text if (found := ours(text[name]))}


TRAINING = {
    *("training", "metrics", "optimizers", "diagnostics", "experiment", "provenance"),
    *("cost", "kernels", "devices", "steps", "checkpoint"),
}


@pytest.mark.parametrize(
    "name",
    sorted(
        name
        for name in MODULES.keys() - TRAINING
        if layer(name) not in ("activations", "architectures", "data") or name in REGISTRIES
    ),
)
def test_torch_is_not_needed_to_read_the_grid_or_to_show_results(name):
    needed = {name, *reached(MODULES[name].read_text())}
    torch = {"torch", "torchvision"}
    assert not [other for other in needed if foreign(MODULES[other].read_text()) & torch]


def test_the_package_never_mentions_snakemake():
    assert not [n for n, path in MODULES.items() if "snakemake" in path.read_text().lower()]


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.name)
def test_rules_import_the_grid_the_config_and_registries_only(path):
    lines = re.findall(r"^\s*(?:from|import) .*", path.read_text(), re.MULTILINE)
    text = "\n".join(line.strip() for line in lines)
    checks = {"config", "config_file", "claim_checks"}
    assert ours(text) <= {"grid", *checks, "activations", "architectures", "data"}
    standard = {"fcntl", "functools", "hashlib", "json", "os", "pathlib", "re", "sys"}
    standard |= {"gc", "importlib", "inspect", "tempfile"}
    assert foreign(text) <= standard | {"snakemake"}


# --- who writes ---------------------------------------------------------------------------------


WRITERS = {"write_text", "write_bytes", "savefig", "to_csv", "mkdir", "unlink", "print"}


def calls(path):
    """Names of what is called in a file, and "open to write" for open with a writing mode."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        yield name
        modes = [a.value for a in node.args[1:2] if isinstance(a, ast.Constant)]
        if name == "open" and set("wax+") & set("".join(map(str, modes))):
            yield "open to write"


def test_only_data_rendering_and_the_saving_of_figures_write_files():
    free = {name for name in MODULES if layer(name) == "data"} | {"rendering", "figures/style"}
    free |= {"warm/client", "warm/server"}  # a socket's folder, a lock, pipes; no results
    free |= {"whole", "checkpoint"}  # temporary names, renamed; a run's state, which is no result
    for name in MODULES.keys() - free:
        assert not {*WRITERS, "open", "open to write"} & set(calls(MODULES[name])), name


def test_only_the_child_process_of_data_prints():
    assert [name for name, path in MODULES.items() if "print" in calls(path)] == ["data/child"]


# --- what a rule depends on ---------------------------------------------------------------------

# what these say stands in a run's record or changes no number of it
RECORDS = {"actgrid", "registry", "grid", "records", "provenance", "whole", *REGISTRIES}


def rules():
    """(rule, its text) of all rules."""
    for path in RULES:
        for block in re.split(r"^(?:use )?rule ", path.read_text(), flags=re.MULTILINE)[1:]:
            if " with:" not in block.partition("\n")[0]:
                yield block.partition(":")[0], block


def variants():
    """(rule, the rule that it is a variant of, the keys that it sets anew)."""
    for path in RULES:
        text = path.read_text()
        for before, name, block in re.findall(
            r"^use rule (\w+) as (\w+) with:\n((?:(?: .*)?\n)*)", text, re.MULTILINE
        ):
            yield name, before, set(re.findall(r"^    (\w+):", block, re.MULTILINE))


def test_a_variant_of_a_rule_changes_its_files_only_not_what_it_runs_and_depends_on():
    assert [name for name, *_ in variants()] == ["train_after", "train_learned"]
    known = dict(rules())
    for _, before, keys in variants():
        assert before in known and keys <= {"input", "output", "wildcard_constraints"}


def test_the_cluster_profile_says_what_every_training_rule_needs():
    profile = yaml.safe_load((ROOT / "slurm/config.yaml").read_text())
    named = {*dict(rules()), *(name for name, *_ in variants())}
    wanted = {name for name in named if name.startswith("train_")}
    assert wanted | {"measure_cost"} == set(profile["set-resources"]) and wanted >= {"train_run"}
    assert all({"mem_mb", "runtime"} <= set(profile["set-resources"][name]) for name in wanted)


def test_every_rule_is_looked_at():
    named = re.findall(
        r"^rule (\w+)|^use rule \w+ as (\w+)",
        "\n".join(path.read_text() for path in RULES), re.MULTILINE,
    )  # fmt: skip
    seen = [name for name, _ in rules()] + [name for name, *_ in variants()]
    assert sorted(a or b for a, b in named) == sorted(seen) and len(seen) == len(set(seen))
    assert {path.stem for path in SCRIPTS} == {name for name, _ in rules()}


@pytest.mark.parametrize(("rule", "text"), list(rules()), ids=lambda part: part.partition(":")[0])
def test_a_rule_names_the_modules_that_its_script_reaches(rule, text):
    script = re.search(r"/scripts/(\w+)\.py", text.partition("    log:")[2])[1]
    assert script == rule
    listed = " ".join(re.findall(r"modules\((.*?)\)", text, re.DOTALL))
    functions = "\n\n\n".join(path.read_text() for path in RULES)
    called = re.findall(r"(?:source|settings)=.*?(get_\w+)", text)
    for function in called:  # grows
        body = re.search(rf"def {function}\(.*?(?=\n\n\n|\Z)", functions, re.DOTALL)[0]
        listed += body
        called += set(re.findall(r"get_\w*source", body)) - set(called)
    named = set(re.findall(r'"([a-z_/]+)"', listed)) & set(MODULES)
    needed = reached((ROOT / f"workflow/scripts/{script}.py").read_text()) - RECORDS
    if rule == "fetch_data":  # verified by content: no edit of a module makes the data old
        needed = {name for name in needed if layer(name) != "data"}
    assert needed <= named


# --- files --------------------------------------------------------------------------------------


def test_every_python_file_says_what_it_is_for_and_is_short():
    folders = [PACKAGE, ROOT / "workflow/scripts", ROOT / "tests", ROOT / "benchmarks"]
    for path in (p for folder in folders for p in folder.rglob("*.py")):
        assert ast.get_docstring(ast.parse(path.read_text())), path
    for path in [*MODULES.values(), *RULES, ROOT / "Snakefile"]:
        assert len(path.read_text().splitlines()) <= 220, path


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_are_thin(path):
    body = ast.parse(path.read_text()).body[1:]  # without the docstring
    lines = path.read_text().splitlines()
    code = {n for node in body for n in range(node.lineno - 1, node.end_lineno) if lines[n].strip()}
    assert len(code) <= 20


def test_no_file_names_this_machine_or_a_package_index(tracked):
    words = ("/wo" + "rk/", "py" + "pi", "index" + "-url", "down" + "load.pytorch", "/ro" + "ot/")
    found = []
    for path in (ROOT / name for name in tracked if (ROOT / name).is_file()):
        text = path.read_bytes().decode(errors="replace").lower()
        found += [(path.relative_to(ROOT), word) for word in words if word in text]
    assert not found


# --- what must agree ----------------------------------------------------------------------------

LOCK = {
    canonicalize_name(name): version
    for name, version in re.findall(
        r"^([\w.-]+)==(\S+)$", (ROOT / "requirements.lock").read_text(), re.MULTILINE
    )
}
DIRECT = [Requirement(r) for r in PROJECT["dependencies"]]
TEST = [Requirement(r) for r in PROJECT["optional-dependencies"]["test"]]


def test_the_lock_pins_every_direct_dependency_within_its_range():
    for requirement in DIRECT + TEST:
        version = LOCK[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version), requirement


def test_the_lock_holds_nothing_but_pins_sorted_once_each():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert len(pins) == len(LOCK)
    assert pins == sorted(pins, key=lambda pin: pin.partition("==")[0].lower())


def test_the_conda_environment_names_the_direct_dependencies_as_locked():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = (entry["pip"] for entry in environment if isinstance(entry, dict))
    pins = [Requirement(line) for line in pip if not line.startswith("--")]
    found = {canonicalize_name(pin.name): str(pin.specifier) for pin in pins}
    names = {canonicalize_name(requirement.name) for requirement in DIRECT + TEST}
    assert found == {name: f"=={LOCK[name]}" for name in names}
    python = next(entry for entry in environment if str(entry).startswith("python="))
    assert python.partition("=")[2] in PROJECT["requires-python"]


def imports_of(folder):
    return {package for path in folder.rglob("*.py") for package in foreign(path.read_text())}


def test_what_is_imported_is_a_direct_dependency_and_the_other_way_round():
    modules = {"yaml": "pyyaml", "pypandoc": "pypandoc-binary", "odf": "odfpy",
               "sklearn": "scikit-learn"}  # fmt: skip
    standard = __import__("sys").stdlib_module_names
    shipped = imports_of(PACKAGE) | imports_of(ROOT / "workflow")
    shipped |= {"snakemake", "snakemake-executor-plugin-slurm"}  # which the profile `slurm` names
    shipped = {modules.get(name, name) for name in shipped - standard}
    assert shipped == {canonicalize_name(r.name) for r in DIRECT}


def test_the_schema_allows_what_the_code_knows():
    allowed = SCHEMA["$defs"]["protocol"]["properties"]
    for key, functions in (("optimizer", training.OPTIMIZERS), ("loss", training.LOSSES)):
        assert allowed[key]["enum"] == list(functions)
    assert allowed["precision"]["enum"] == ["float32", "bfloat16"]  # kernels.prepare knows both
    study = SCHEMA["$defs"]["study"]["properties"]
    works = re.findall(
        r"^@\w+\{(\w+),", (ROOT / "resources/references.bib").read_text(), re.MULTILINE
    )
    assert set(study["source"]["enum"]) <= set(works)
    assert study["diagnostics"]["type"] == "boolean"
    figures = training.Epoch.__dataclass_fields__
    monitors = [name for name in allowed["monitor"]["enum"] if name]
    assert None in allowed["monitor"]["enum"] and set(monitors) <= set(figures)
    assert all(name.startswith("valid_") for name in monitors)  # the test set is not watched
    entry = SCHEMA["$defs"]["activation"]["properties"]
    assert list(entry) == ["function", *SHORT, *PRESENTATION, *ABOUT_NETWORK]
    fields = protocol.Protocol.__dataclass_fields__
    assert list(allowed) == list(fields)
    needed = [key for key, field in fields.items() if field.default is field.default_factory]
    assert SCHEMA["$defs"]["protocol"]["required"] == needed


def test_what_is_shared_and_every_key_that_is_no_constant_is_known():
    assert set(SHARED) <= set(ACTIVATIONS)
    aside = {"function", *PRESENTATION, *ABOUT_NETWORK}
    for name in ACTIVATIONS:
        assert not aside & set(registry.signature(name, ACTIVATIONS, "actgrid.activations")), name


def test_registries_name_modules_that_define_what_they_name():
    for known, package in ((ACTIVATIONS, "activations"), (ARCHITECTURES, "architectures")):
        for name, module in known.items():
            tree = ast.parse(MODULES[f"{package}/{module}"].read_text())
            assert name in [n.name for n in tree.body if isinstance(n, ast.FunctionDef)]
    assert all(module.removeprefix("actgrid.").replace(".", "/") in MODULES
               for module in DATASETS.values())  # fmt: skip
