"""Config files that nobody should write: each ends with one clear message, and nothing is made."""

import copy
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from snakemake.utils import update_config
from test_workflow import copied

from actgrid import config_file, limits
from actgrid.claim_checks import check_claims
from actgrid.config import SEE, ConfigError, check

ROOT = Path(__file__).parents[1]
SCHEMA, CLAIMS_SCHEMA = (
    yaml.safe_load((ROOT / f"workflow/schemas/{name}.schema.yaml").read_text())
    for name in ("config", "claims")
)
FULL = json.loads(json.dumps(yaml.safe_load((ROOT / "config.yaml").read_text())))
QUICK = (ROOT / "config/quick.yaml").read_text()
SECONDS = 3.0  # of the processor, for the whole way from a file to its message


def message(path):
    """What the overlay `path` of config.yaml is told; "" where it is usable."""
    start = time.process_time()
    config = copy.deepcopy(FULL)
    try:
        overlay = config_file.read(path)
        update_config(config, overlay)
        check(config, SCHEMA)
    except ConfigError as error:
        assert time.process_time() - start < SECONDS
        return str(error)
    return ""


def assert_clear(said):
    """A heading, few problems (that of a formula has three lines), where to look; fit for any
    terminal."""
    heading, *problems, see = said.split("\n")
    assert heading.endswith(" not usable:") and see == SEE and 1 <= len(problems) <= 10
    assert all(line.startswith(("  ", "... and ")) and line.isprintable() for line in problems)
    assert "Traceback" not in said and len(said) < 5000


def bomb(key):
    """A list of lists of lists, each the one before ten times: a line each, 10^9 values."""
    lists = [f"&l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 9)]
    return f"{key}: [&l0 [{', '.join(['x'] * 10)}], {', '.join(lists)}]\n"


# (name, content of the file, words that the message must hold)
FILES = [
    ("empty", "", "holds nothing"),
    ("comments", "# grid: mine\n", "holds nothing"),
    ("a list", "- grid\n- studies\n", "holds a list; it must hold keys with values"),
    ("a word", "grid\n", "holds a str"),
    ("a number", "5\n", "holds a int"),
    ("a null byte", b"grid: a\0b\n", "line 1: control character 0x00"),
    ("binary", bytes(range(9, 256)), "line 2: byte 0x80; the file must be text in UTF-8."),
    ("Latin-1", "grid: a\nnote: größe\n".encode("latin-1"), "line 2: byte 0xf6"),
    ("UTF-16", "grid: a\n".encode("utf-16"), "line 1: byte 0xff"),
    ("a picture", b"\x89PNG\r\n\x1a\n" + bytes(64), "line 1: byte 0x89"),
    ("a tab", "studies:\n\thandmade: {}\n", "line 2, column 1: "),
    ("an open bracket", "grid: [a,\n", "line 2, column 1: "),
    ("an open quote", "grid: 'a\nstudies: {}\n", "found unexpected end of stream"),
    ("a colon too many", "grid: a: b\n", "line 1, column 8: mapping values are not allowed"),
    ("indentation", "studies:\n   a: {}\n  b: {}\n", "line 3, column 3: "),
    ("two documents", "grid: a\n---\ngrid: b\n", "line 2, column 1: expected a single document"),
    ("a key twice", "grid: a\ndevice: cpu\ngrid: b\n", "line 3: key 'grid' stands a second time"),
    ("a key twice inside", "studies:\n  a: {seeds: [0], seeds: [1]}\n", "line 2: key 'seeds' stan"),
    ("a quoted key twice", "grid: a\n'grid': b\n", "the first is in line 1; only the last would"),
    ("an activation twice", "activations:\n  a: {}\n  b: {}\n  a: {}\n", "line 4: key 'a' stands"),
    ("a key twice in JSON", '{"grid":\t"a", "grid": "b"}', "key 'grid' stands twice"),
    ("an unknown alias", "grid: *mine\n", "line 1, column 7: found undefined alias"),
    ("an alias of itself", "studies: &a {handmade: *a}\n", "line 1: an anchor holds an alias of"),
    ("a list of itself", "grid: &a [[*a]]\n", "line 1: an anchor holds an alias of itself"),
    ("a list as a key", "? [a, b]\n: 3\n", "line 1: a list or a mapping can be no key"),
    ("a Python object", "grid: !!python/object/apply:os.getcwd []\n", "line 1, column 7: could "),
    ("a Python name", "grid: !!python/name:os.system\n", "tag:yaml.org,2002:python/name:os.system"),
    ("a tag of one's own", "grid: !mine a\n", "could not determine a constructor for the tag '!mi"),
    ("a template", "__use_yte__: true\ngrid: a\n", "Python code in a config is refused"),
    ("no such day", "grid: 2026-13-45\n", "month must be in 1..12"),
    ("no such boolean", "grid: !!bool maybe\n", "a value that YAML cannot read: KeyError"),
    ("5,000 digits", f"grid: {'9' * 5000}\n", "a value that YAML cannot read: ValueError"),
    ("brackets", f"grid: {'[' * 5000}{']' * 5000}\n", "line 1: more than 50 lists or mappings"),
    ("dashes", f"grid:\n {'- ' * 200_000}x\n", "line 2: more than 50 lists or mappings"),
    ("steps", "".join(f"{' ' * n}a:\n" for n in range(900)), "more than 50 lists or mappings"),
    ("braces of JSON", '{"grid": ' * 40_000, "too deep within one another"),
    ("2 MB", "#" * 2_000_000, "2,000,000 bytes; allowed are 500,000."),
]  # fmt: skip


@pytest.mark.parametrize(("content", "words"), [f[1:] for f in FILES], ids=[f[0] for f in FILES])
def test_a_file_that_is_no_config_is_told_where(tmp_path, content, words):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    said = message(path)
    assert_clear(said)
    assert said.startswith(f"{path} not usable:\n") and words in said
    assert config_file.fault(ROOT / "config.yaml", path) == said


@pytest.mark.parametrize("name", ["none.yaml", ".", "a\0b", "x" * 300, "/dev/zero"])
def test_what_is_no_file_is_told(tmp_path, name):
    said = config_file.fault(tmp_path / name)
    words = ("there is no such file", "it is a folder", "cannot be read: ")
    assert any(f"\n  {word}" in said for word in words) and said.endswith(SEE)


ADDED = "activations: {mine: {%s}}"
ENTRY = "activations: {%s: {function: relu, family: own}}"
STUDY = "studies: {handmade: {%s}}"
PROTOCOL = "studies: {handmade: {protocol: {%s}}}"

# (YAML of an overlay, words that the message must hold)
OVERLAYS = [
    ("handmade: {seeds: [0]}", "(top level): unknown key 'handmade'"),
    ("3: x", "unknown key 3"),
    ("null: x", "unknown key None"),
    ("{\"a\\nb\\e[31m\": 1}", r"unknown key 'a\nb\x1b[31m'"),
    (f"? {'k' * 9000}\n: 1", "unknown key 'kkkk"),
    (f"? {'k' * 20_000}\n: 1", "more than 10,000 characters"),
    ("\n".join(f"k{n}: 1" for n in range(5000)), "... and 4995 more."),
    ("grid: ../../etc", "grid = '../../etc'"),
    ("grid: /etc/passwd", "letters, digits, underscores"),
    ("grid: '$(touch x)'", "grid = '$(touch x)'"),
    ("grid: 'a\"; touch x; \"'", "letters, digits, underscores"),
    ("grid: größe", "grid = 'größe'"),
    ("grid: \"a\\u202eb\"", r"grid = 'a\u202eb'"),
    ("grid: \"a\\ud800b\"", "not usable"),
    (f"grid: {'a' * 65}", "maxLength 64"),
    (f"grid: 0x{'f' * 5000}", "grid: a whole number of 20,000 bits"),
    ("grid: yes", "grid = True: allowed is type string"),
    ("grid: 1:30", "grid = 90"),
    ("grid: 2026-01-01", "datetime.date(2026, 1, 1)"),
    ("grid: !!binary aGk=", "grid = b'hi'"),
    ("grid: {a: b}", "grid = {'a': 'b'}"),
    ("grid:", "grid = None"),
    ("pathvars: {results: ../elsewhere}", "a folder below the project"),
    ("pathvars: {results: /tmp/elsewhere}", "a folder below the project"),
    ("pathvars: {results: 'a b'}", "a folder below the project"),
    ("pathvars: {results: \"a'b\"}", "a folder below the project"),
    ("pathvars: {results: '{dataset}'}", "a folder below the project"),
    ("pathvars: {results: src/actgrid}", "must not be in src, which is the project's own"),
    ("pathvars: {figures: data/prepared}", "must not be in data, which is the project's own"),
    ("pathvars: {report: figures}", "must be a folder of its own"),
    ("pathvars: {results: .git}", "a folder below the project"),
    ("device: 'cuda:0; touch x'", "auto is the GPU"),
    ("studies: [handmade]", "studies = ['handmade']"),
    ("studies: {handmade: null}", "studies.handmade = None"),
    ("studies: {'../x': {}}", "studies = '../x'"),
    ("studies: {\"a\\nb\": 5}", r"studies.'a\nb' = 5"),
    (bomb("studies"), "values; at most 50,000."),
    (STUDY % f"seeds: {list(range(60_000))}", "values; at most 50,000."),
    (STUDY % f"seeds: {list(range(20_000))}", " runs; at most 1,000,000."),
    (STUDY % "seeds: []", "minItems 1"),
    (STUDY % "seeds: [0, 0]", "uniqueItems"),
    (STUDY % "seeds: [-1]", "minimum 0"),
    (STUDY % "seeds: [1.0]", "type integer"),
    (STUDY % "seeds: [99999999999999999999]", "maximum 4294967295"),
    (STUDY % "datasets: [../fashion_mnist]", "letters, digits, underscores"),
    (STUDY % "datasets: [imagenet]", "unknown dataset 'imagenet'"),
    (STUDY % "architectures: [Small]", "unknown architecture 'Small'; did you mean 'small'?"),
    (STUDY % "activations: relu", "type array"),
    (STUDY % "activations: [[relu]]", "type string"),
    (STUDY % "source: customactfunc", "enum"),
    (STUDY % "published: ../../etc/passwd", "a .csv file below the project"),
    (STUDY % "published: /etc/passwd.csv", "a .csv file below the project"),
    (STUDY % "published: 'a b.csv'", "a .csv file below the project"),
    (STUDY % "published: '{seed}.csv'", "a .csv file below the project"),
    (PROTOCOL % "epochs: 1e3", "YAML takes 1e3 for a word; instead of 1e-3 write 1.0e-3."),
    (PROTOCOL % "epochs: 0", "minimum 1"),
    (PROTOCOL % f"epochs: {10**30}", "maximum 1000000"),
    (PROTOCOL % "batch_size: .inf", "type integer"),
    (PROTOCOL % "batch_size: 64.0", "type integer"),
    (PROTOCOL % f"train_examples: {10**18}", "maximum 1000000000"),
    (PROTOCOL % "learning_rate: .nan", "finite number"),
    (PROTOCOL % "learning_rate: .inf", "maximum 1000"),
    (PROTOCOL % "learning_rate: 1e-3", "YAML takes 1e-3 for a word"),
    (PROTOCOL % "momentum: '0.9'", "type number"),
    (PROTOCOL % "shuffle: 1", "type boolean"),
    (PROTOCOL % "optimizer: SGD", "['sgd', 'adam']"),
    (PROTOCOL % "epoch: 5", "unknown key 'epoch'; did you mean 'epochs'?"),
    (ENTRY % "../relu", "activations = '../relu'"),
    (ENTRY % "'a b'", "activations = 'a b'"),
    (ENTRY % "'a\"b'", "letters, digits, underscores"),
    (ENTRY % "\"a\\nb\"", r"activations = 'a\nb'"),
    (ENTRY % "ReLU", "activations.ReLU: differs from relu in its case alone"),
    (ENTRY % "NA", "read as a missing value"),
    (ADDED % "formula: ''", "a formula has 1 to 500"),
    (ADDED % "formula: 5", "type string"),
    (ADDED % "formula: 'x.__class__'", "mine.formula"),
    (ADDED % "formula: '__import__(\"os\").system(\"touch x\")'", "mine.formula"),
    (ADDED % "formula: 'x ** 99'", "exponent 99 is beyond 16"),
    (ADDED % f"formula: 'x{' + x' * 200}'", "a formula has 1 to 500"),
    (ADDED % f"formula: '{'(' * 99}x{')' * 99}'", "more than 50 parts within one another"),
    (ADDED % "formula: 'a * x', a: .nan", "mine.a = nan: must be a finite number"),
    (ADDED % "formula: 'x', \"a\\nb\": .nan", r"mine.'a\nb' = nan"),
    (ADDED % "formula: 'x', import: 'torch.nn:ReLU'", "only one of them says"),
    (ADDED % "import: '../mine:Gate'", "must be package.module:Name"),
    (ADDED % "import: 'os:system', command: [a]", "a word, true or false"),
    (ADDED % "import: 'torch.nn:ReLU', 'a-b': 1", "constant 'a-b' can be no argument's name"),
    (ADDED % "knots: [[0, .inf]]", "points [x, y]"),
    (ADDED % "knots: [[0, 1]], studies: [handmad]", "did you mean 'handmade'?"),
    (ADDED % "function: relu, family: 'a/b'", "mine.family = 'a/b'"),
    (ADDED % "function: relu, family: a, published_as: \"a\\nb\"", r"published_as = 'a\nb'"),
    (ADDED % "function: relu, family: a, \"b\\nc\": 1", r"unknown constant 'b\nc'"),
    (ADDED % "function: learned, family: a, base: relu, layers: [100000]", "at most 10,000"),
    (ADDED % f"function: apl, family: a, hinges: {10**9}", "at most 10,000"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "words"), OVERLAYS, ids=lambda text: ascii(text[:50]))
def test_a_malformed_config_is_told_in_one_clear_message(tmp_path, text, words):
    (tmp_path / "mine.yaml").write_text(text)
    said = message(tmp_path / "mine.yaml")
    assert_clear(said)
    assert words in said


def test_there_are_enough_of_them():
    assert len(FILES) + len(OVERLAYS) >= 60


@pytest.mark.parametrize("path", [ROOT / "config.yaml", *sorted((ROOT / "config").glob("*.yaml"))])
def test_the_project_s_own_files_are_fine(path):
    assert not message(path) and config_file.read(path) == yaml.safe_load(path.read_text())


def test_json_is_read_as_json(tmp_path):
    (tmp_path / "mine.json").write_text('{"grid":\t"mine",\n\t"device": "cpu"}')
    assert config_file.read(tmp_path / "mine.json") == {"grid": "mine", "device": "cpu"}


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_whatever_bytes_a_file_has_it_is_read_or_told(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "bytes.yaml"
    path.write_bytes(content)
    if said := message(path):
        assert_clear(said)


MARKS = st.sampled_from([*"[]{}:,-'\"&*!|>%@`#?\t\n\0é", "<<: *handmade", "!!set", "---", "? "])


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, len(QUICK)), cut=st.integers(0, 30), put=MARKS | st.text(max_size=5))
def test_a_slip_of_the_keyboard_passes_or_is_told(tmp_path_factory, at, cut, put):
    path = tmp_path_factory.getbasetemp() / "slip.yaml"
    path.write_text(QUICK[:at] + put + QUICK[at + cut :], errors="replace")
    if said := message(path):
        assert_clear(said)


KEYS = st.one_of(st.text(max_size=6), st.integers(), st.floats(), st.none(), st.binary(max_size=3))
NESTED = st.recursive(
    KEYS,
    lambda part: st.lists(part) | st.dictionaries(KEYS, part) | st.tuples(part, part),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(NESTED)
def test_the_size_of_anything_is_found(value):
    assert limits.excess(value) == []


def test_what_holds_itself_is_too_deep():
    endless = {}
    endless["a"] = [endless]
    (problem,) = limits.excess({"grid": endless})
    assert problem.startswith("  grid.a.0.a.0 ...: more than 50 levels deep")


# --- claims.yaml --------------------------------------------------------------------------------

CLAIMS = [
    ("", "holds nothing"),
    ("a: {}\nb: {}\na: {}\n", "line 3: key 'a' stands a second time"),
    ("a: [\n", "line 2, column 1: "),
    ("../a: {}\n", "'../a'"),
    ("a: 5\n", "a = 5: allowed is type object"),
    ("a: {why: 5, wy: 3}\n", "unknown key 'wy'; did you mean 'why'?"),
    (bomb("a"), "values; at most 50,000."),
    (f"a: {{why: 0x{'f' * 5000}}}\n", "a.why: a whole number of 20,000 bits"),
]


@pytest.mark.parametrize(("text", "words"), CLAIMS, ids=lambda text: ascii(text[:30]))
def test_malformed_claims_are_told(tmp_path, text, words):
    (tmp_path / "claims.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        check_claims(config_file.read(tmp_path / "claims.yaml"), CLAIMS_SCHEMA)
    said = str(caught.value)
    assert words in said and "claims.yaml not usable:" in said and len(said) < 5000


# --- the command line ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def checkout(tmp_path_factory, tracked):
    return copied(tmp_path_factory.mktemp("bad"), tracked)


def files(folder):
    """What lies there, Snakemake's own notes and Python's aside."""
    aside = {".snakemake", "__pycache__"}
    return {path for path in folder.rglob("*") if not aside & set(path.relative_to(folder).parts)}


CHOSEN = ("grid: a\ngrid: b\n", "grid: '$(touch pwned)'\n", bomb("grid"), STUDY % "seeds: []",
          STUDY % f"seeds: {list(range(20_000))}", "pathvars: {results: ../x}",
          "3: x", "device: 'cuda:0; touch x'", "{\"a\\nb\\e[31m\": 1}",
          STUDY % "datasets: [../fashion_mnist]", PROTOCOL % "learning_rate: .nan",
          ADDED % "formula: 'x.__class__'", ADDED % "import: '../mine:Gate'")  # fmt: skip


@pytest.mark.parametrize("text", CHOSEN, ids=lambda text: text[:30])
def test_the_command_line_says_it_once_and_makes_nothing(checkout, text):
    (checkout / "mine.yaml").write_text(text)
    before = files(checkout.folder)
    said = checkout.snakemake("--cores", "1", "--configfile", "mine.yaml", code=1)
    assert said.count("not usable:") == said.count(SEE) == 1
    assert "Traceback" not in said and 'File "' not in said
    assert files(checkout.folder) == before


@pytest.mark.parametrize("name", ["config.yaml", "claims.yaml"])
def test_a_broken_file_of_the_project_is_told_with_its_line(checkout, name):
    with checkout.edited(name, "\ngrid: [a,\n"):
        said = checkout.snakemake("-n", code=1)
    assert re.search(rf"{name} not usable:\n  line \d+, column \d+: ", said)
    assert "Traceback" not in said and 'File "' not in said


def test_python_code_in_the_project_s_config_is_not_run(checkout):
    with checkout.edited("config.yaml", "\n__use_yte__: true\nzzz: ?open('pwned', 'w').name\n"):
        said = checkout.snakemake("-n", code=1)
    assert "Python code in a config is refused" in said and not (checkout / "pwned").exists()


# of FILES, one of each kind
KINDS = {"empty", "a list", "a null byte", "Latin-1", "an open bracket", "two documents",
         "a key twice", "an alias of itself", "a list as a key", "a Python object", "a template",
         "no such day", "5,000 digits", "brackets", "2 MB"}  # fmt: skip
SHOWN = [file for file in FILES if file[0] in KINDS]


@pytest.mark.parametrize("target", ["check", "partial"])
@pytest.mark.parametrize(("content", "words"), [f[1:] for f in SHOWN], ids=[f[0] for f in SHOWN])
def test_make_reads_the_config_before_anything_else_does(
    checkout, tmp_path, target, content, words
):
    """Snakemake's own words for some of these files are a traceback: OPAQUE."""
    file = checkout / "mine.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = files(checkout.folder)
    (tmp_path / "ready").touch()
    (tmp_path / "python").symlink_to(sys.executable)
    command = ["make", target, f"BIN={tmp_path}", f"READY={tmp_path / 'ready'}"]
    done = subprocess.run(
        [*command, "ACTIVATION=relu", "CONFIG=mine.yaml"],
        cwd=checkout.folder, env=os.environ | {"PYTHONPATH": str(checkout / "src")},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode and done.stderr.startswith("mine.yaml not usable:\n")
    assert words in done.stderr and "Traceback" not in done.stderr
    assert files(checkout.folder) == before


OPAQUE = {"Latin-1", "an alias of itself", "no such day", "5,000 digits", "brackets"}


@pytest.mark.parametrize(("name", "content"), [f[:2] for f in SHOWN], ids=[f[0] for f in SHOWN])
def test_the_command_line_makes_nothing_of_a_file_that_is_no_config(checkout, name, content):
    """Snakemake, which reads the file first, tells some of them by itself."""
    file = checkout / "mine.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = files(checkout.folder)
    said = checkout.snakemake("--cores", "1", "--configfile", "mine.yaml", code=1)
    told = ("mine.yaml not usable:", "Config file is not valid", "Config file must be given")
    assert name in OPAQUE or (any(words in said for words in told) and "Traceback" not in said)
    assert files(checkout.folder) == before


def test_there_is_one_of_each_kind():
    assert len(SHOWN) == len(KINDS) and OPAQUE < KINDS


def test_names_on_the_command_line_reach_no_shell_and_no_other_folder(checkout):
    before = files(checkout.folder)
    for name in ("$(touch pwned)", "../../src"):
        target = f"results/runs/banknote/banknote_mlp/{name}/0/run.json"
        assert "MissingRuleException" in checkout.snakemake("-n", "--", target, code=1)
    assert files(checkout.folder) == before
