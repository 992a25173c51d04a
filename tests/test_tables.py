"""The spreadsheet holds the numbers that were handed in, styled, with the same bytes each time."""

import io
import os
import re
import subprocess
import sys
import zipfile

import numpy as np
import odf.table
import odf.text
import pandas as pd
import pytest

from actgrid import scores, tables

SAME_BYTES = """
import hashlib, sys, pandas as pd
from actgrid import scores, tables
epochs = pd.read_csv(sys.argv[1])
final = scores.summarise(epochs).assign(constant=1)
print(hashlib.sha256(tables.workbook(epochs, final, "d")).hexdigest())
"""


@pytest.fixture(scope="module")
def epochs():
    """Two architectures, three activations, two seeds, two epochs; `tent` diverges everywhere."""
    random = np.random.default_rng(0)
    rows = [
        ("s", "d", architecture, activation, seed, "diverged" if activation == "tent" else "ok")
        + (epoch, *random.uniform(0.1, 0.9, 4), 1.5)
        for architecture in ("small", "resnet_norm")
        for activation in ("relu", "tent", "hill_published_0.25")
        for seed in (0, 1)
        for epoch in (1, 2)
    ]
    columns = [*scores.RUN, "status", "epoch", "train_accuracy", "train_loss"]
    table = pd.DataFrame(rows, columns=[*columns, "test_accuracy", "test_loss", "seconds"])
    return table.assign(**dict.fromkeys(set(scores.METRICS) - set(table), np.nan))


def summarised(epochs):
    return scores.summarise(epochs).assign(constant=1)


@pytest.fixture(scope="module")
def book(epochs):
    return tables.workbook(epochs, summarised(epochs), "d")


def content(book, name="content.xml"):
    return zipfile.ZipFile(io.BytesIO(book)).read(name).decode()


def test_sheets_hold_the_numbers(epochs, book):
    sheets = pd.read_excel(io.BytesIO(book), engine="odf", sheet_name=None)
    assert list(sheets) == ["summary", "small", "resnet_norm"]
    final, means = summarised(epochs), scores.epoch_means(epochs)
    expected = {"summary": (final, tables.SUMMARY)}
    for name in ("small", "resnet_norm"):
        expected[name] = (means[means["architecture"] == name], tables.EPOCHS)
    for name, (frame, columns) in expected.items():
        picked = frame[[column for column, _ in columns.values()]].set_axis(list(columns), axis=1)
        pd.testing.assert_frame_equal(
            sheets[name], picked.reset_index(drop=True), check_dtype=False, check_exact=True
        )


def test_the_auc_stands_in_the_summary_where_it_was_measured(epochs, book):
    measured = epochs.assign(test_auc=epochs["test_loss"], valid_auc=epochs["train_loss"])
    final = summarised(measured)
    with_auc = tables.workbook(measured, final, "d")
    plain, summary = (
        pd.read_excel(io.BytesIO(one), engine="odf", sheet_name="summary")
        for one in (book, with_auc)
    )
    assert list(summary) == [*plain, *tables.AUC]
    for heading, (column, _) in tables.AUC.items():
        assert summary[heading].tolist() == pytest.approx(final[column].tolist(), nan_ok=True)


def test_layout_of_an_architecture_sheet(book):
    sheet = pd.read_excel(io.BytesIO(book), engine="odf", sheet_name="small")
    headings = "activation,epoch,training accuracy,test accuracy,training loss,test loss,seconds"
    assert list(sheet) == headings.split(",")
    assert sheet["activation"].tolist() == ["relu"] * 2 + ["hill_published_0.25"] * 2


def test_formats_bold_best_and_header(epochs, book):
    xml = content(book)
    best = summarised(epochs).groupby("architecture")["test_accuracy_mean"].max()
    assert xml.count('table:style-name="percent-bold"') == 2
    for value in best:
        assert f'office:value="{value!r}"' in xml and f"<text:p>{value:.2%}</text:p>" in xml
    assert xml.count('table:style-name="header"') == len(tables.SUMMARY) + 2 * len(tables.EPOCHS)
    used = set(part.split('"')[0] for part in xml.split('table:style-name="')[1:])
    defined = set(part.split('"')[0] for part in xml.split('style:name="')[1:])
    assert used <= defined
    assert content(book, "settings.xml").count("VerticalSplitPosition") == 3


CELLS = {  # value, kind: what odfpy is told, and what the cell shows
    ("relu < \"tanh\" & 'co'", "plain"): ({"valuetype": "string"}, "relu < \"tanh\" & 'co'"),
    (0.12345, "percent-bold"): ({"valuetype": "percentage", "value": "0.12345"}, "12.35%"),
    (1e-7, "four"): ({"valuetype": "float", "value": "1e-07"}, "0.0000"),
    (5, "plain"): ({"valuetype": "float", "value": "5.0"}, "5"),
    (float("nan"), "two"): ({}, None),
}


@pytest.mark.parametrize(("value", "kind"), CELLS)
def test_a_cell_is_written_as_by_odfpy(value, kind):
    attributes, shown = CELLS[value, kind]
    cell, written = odf.table.TableCell(**attributes, stylename=kind), io.StringIO()
    if shown is not None:
        cell.addElement(odf.text.P(text=shown))
    cell.toXml(1, written)
    assert tables._cell(value, kind) == written.getvalue()


def test_infinite_mean_is_an_empty_cell(epochs):
    infinite = summarised(epochs).assign(test_loss_mean=np.inf)
    sheet = pd.read_excel(io.BytesIO(tables.workbook(epochs, infinite, "d")), engine="odf")
    assert sheet["test loss"].isna().all()


def test_unknown_dataset_is_named(epochs):
    with pytest.raises(ValueError, match="'mnist'"):
        tables.workbook(epochs, summarised(epochs), "mnist")


def test_same_bytes_in_another_process(epochs, book, tmp_path):
    epochs.to_csv(tmp_path / "epochs.csv", index=False)
    command = [sys.executable, "-c", SAME_BYTES, str(tmp_path / "epochs.csv")]
    digests = {
        subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
        ).stdout
        for seed, zone in (("1", "UTC"), ("2", "Asia/Tokyo"))
    }
    assert len(digests) == 1
    dates = {entry.date_time for entry in zipfile.ZipFile(io.BytesIO(book)).infolist()}
    assert dates == {(1980, 1, 1, 0, 0, 0)}
    assert zipfile.ZipFile(io.BytesIO(book)).namelist()[0] == "mimetype"


def test_no_column_is_too_narrow_for_a_percentage(book):
    """Spreadsheets show ### where a number does not fit; 100.00% takes about 1.7 cm."""
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        content = archive.read("content.xml").decode()
    widths = dict(re.findall(r'name="(width\d+)"[^>]*><[^>]*column-width="([\d.]+)cm"', content))
    used = re.findall(r'<table:table-column table:style-name="(width\d+)"', content)
    assert used and all(float(widths[name]) >= 1.9 for name in used)
