"""Rendering: one Markdown text gives four files that agree, with every figure, twice the same."""

import re
import shutil
import zlib
from pathlib import Path

import matplotlib
import pytest
from matplotlib.figure import Figure

from actgrid.rendering import render

ROOT = Path(__file__).parents[1]
EPOCH = 1_700_000_000
ROWS = "\n".join(
    f"| `hill_{row}` | " + " | ".join(f"0.{row:02d}{column} ± 0.002" for column in range(8)) + " |"
    for row in range(40)
)
SAMPLE = f"""---
title: Sample α ≤ β
subtitle: of a report
date: 2024-05-01
abstract: See @sec:results and [@he2016].
banner: "Quick grid: 2 seeds instead of 5."
---

# First {{#sec:first}}

As @xiao2017 says [@nair2010; @maas2013], see @fig:one, [@fig:two; @tbl:long] and @sec:inner.

# Results {{#sec:results}}

## Inner {{#sec:inner}}

![First caption, × ± −, see @tbl:text.](../figures/one){{#fig:one width=80%}}

![Second caption.](../figures/two){{#fig:two}}

| activation | a | b | c | d | e | f | g | h |
|:---|---:|---:|---:|---:|---:|---:|---:|---:|
{ROWS}

: Long caption. {{#tbl:long}}

| no | caption |
|:---|:---|
| x | y |

| what | why |
|:---|:---|
| {"words " * 20} | {"more words " * 20} |

: Text that wraps. {{#tbl:text widths="30 70"}}

It costs 5 % of $f(x) = \\max(0, x)$, see @tbl:text.
"""


def draw_figures(folder: Path) -> None:
    """Two figures of known sizes (432 x 252 and 360 x 216 points), as pdf and svg."""
    folder.mkdir(parents=True)
    for name, size in (("one", (6, 3.5)), ("two", (5, 3))):
        figure = Figure(size)
        figure.subplots().plot([0, 1])
        with matplotlib.rc_context({"svg.hashsalt": name}):
            figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None})
            figure.savefig(folder / f"{name}.svg", metadata={"Date": None})


def render_in(folder: Path, markdown: str = SAMPLE) -> dict[str, str]:
    """Render into folder/report, with figures in folder/figures."""
    if not (folder / "figures").exists():
        draw_figures(folder / "figures")
    bibliography = ROOT / "resources" / "references.bib"
    return render(markdown, folder / "report", ROOT / "workflow" / "report", bibliography, EPOCH)


def hide_tex(patch: pytest.MonkeyPatch, fake: Path | None = None) -> None:
    """Leave nothing on the PATH but the folder of a fake lualatex."""
    patch.setenv("PATH", str(fake or "/nowhere"))


@pytest.fixture(scope="module", params=["lualatex", "typst"])
def twice(request, tmp_path_factory) -> tuple[dict[str, str], Path, Path]:
    """The engine used, and two folders rendered from the same text."""
    if request.param == "lualatex" and not shutil.which("lualatex"):
        pytest.skip("lualatex is not installed")
    first, second = tmp_path_factory.mktemp("first"), tmp_path_factory.mktemp("second")
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "typst":
            hide_tex(patch)
        engine = render_in(first)
        assert render_in(second) == engine
    assert engine["engine"] == request.param
    return engine, first / "report", second / "report"


def unpacked(pdf: Path) -> bytes:
    """The bytes of a PDF with its compressed streams appended in plain."""
    raw = pdf.read_bytes()
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", raw, re.DOTALL)
    plain = [raw]
    for stream in streams:
        try:
            plain.append(zlib.decompressobj().decompress(stream))
        except zlib.error:
            continue
    return b"\n".join(plain)


def test_same_text_same_bytes(twice):
    engine, first, second = twice
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?", engine["version"])
    names = sorted(path.name for path in first.iterdir())
    assert names == ["report.html", "report.md", "report.pdf", "report.tex"]
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_pdf_holds_every_figure_and_several_pages(twice):
    pdf = unpacked(twice[1] / "report.pdf")
    boxes = {tuple(map(float, box.split())) for box in re.findall(rb"/BBox\s*\[([^]]*)\]", pdf)}
    assert {(0, 0, 432, 252), (0, 0, 360, 216)} <= boxes
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 1
    assert b"D:20231114" in pdf  # EPOCH and not today


@pytest.mark.skipif(not shutil.which("lualatex"), reason="lualatex is not installed")
def test_plainest_text_with_lualatex(tmp_path, caplog):
    assert render_in(tmp_path, "---\ntitle: T\n---\n\nα ≤ 漢\n")["engine"] == "lualatex"
    assert "no 漢" in caplog.text  # a character that no font has is told


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    """The sample rendered without TeX."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        hide_tex(patch)
        render_in(folder)
    return folder / "report"


def test_html_is_numbered_cited_and_self_contained(report):
    html = (report / "report.html").read_text(encoding="utf-8")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", html))
    for wanted in (
        "see Figure 1, Figure 2, Table 1 and Section 2.1",
        "Figure 1. First caption, × ± −, see Table 2.",
        "Table 1. Long caption.",
        "Table 2. Text that wraps.",
        "See Section 2 and (He et al. 2016)",
        "As Xiao et al. (2017) says (Nair and Hinton 2010; Maas et al. 2013)",
        "Rectified Linear Units Improve Restricted Boltzmann Machines",
    ):
        assert wanted in text
    assert '<p class="banner">Quick grid: 2 seeds instead of 5.</p>' in html
    assert html.count("data:image/svg+xml") == 2
    assert "<math" in html
    assert not re.search(r'(?:src|<link[^>]*href)="(?!data:)', html)


def test_html_links_lead_somewhere(report):
    html = (report / "report.html").read_text(encoding="utf-8")
    targets = set(re.findall(r'href="#([^"]+)"', html))
    assert {"fig:one", "tbl:long", "sec:inner", "ref-he2016"} <= targets
    assert targets <= set(re.findall(r'id="([^"]+)"', html))


def test_tex_keeps_its_own_references(report):
    tex = (report / "report.tex").read_text(encoding="utf-8")
    for identifier in ("fig:one", "fig:two", "tbl:long", "tbl:text", "sec:inner"):
        assert f"\\ref{{{identifier}}}" in tex
        assert tex.count(f"\\label{{{identifier}}}") == 1
    assert "{../figures/one.pdf}" in tex
    assert "instead of 5.}}" in tex  # the banner's box
    assert (report / "report.md").read_text(encoding="utf-8") == SAMPLE


def test_wide_table_gets_a_smaller_font(report):
    tex = (report / "report.tex").read_text(encoding="utf-8")
    sizes = re.findall(r"renewcommand{.tablesize}{(\d)}", tex)
    assert sizes == ["7", "9", "9"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("see @fig:one and @tbl:nowhere", "unresolved reference @fig:one, @tbl:nowhere"),
        ("see @nobody2000", "nobody2000"),
        ("![Caption](../figures/absent){#fig:a}", "absent.svg"),
        ("# A {#sec:a}\n\n# B {#sec:a}", "sec:a is used twice"),
        ('| a | b |\n|---|---|\n| 1 | 2 |\n\n: C {#tbl:c widths="50"}', "2 columns and 1 widths"),
    ],
)
def test_a_bad_text_names_its_fault_and_leaves_nothing(tmp_path, monkeypatch, text, complaint):
    hide_tex(monkeypatch)
    with pytest.raises(ValueError, match=re.escape(complaint)):
        render_in(tmp_path, f"---\ntitle: T\n---\n\n{text}\n")
    assert not list((tmp_path / "report").iterdir())


def test_a_figure_without_pdf_stops_typst(tmp_path, monkeypatch):
    hide_tex(monkeypatch)
    draw_figures(tmp_path / "figures")
    (tmp_path / "figures" / "two.pdf").unlink()
    with pytest.raises(ValueError, match="two.pdf"):
        render_in(tmp_path)
    assert not list((tmp_path / "report").iterdir())


def fake_lualatex(folder: Path, says: str) -> Path:
    """A lualatex that says one thing and fails."""
    folder.mkdir()
    program = folder / "lualatex"
    program.write_text(f"#!/bin/sh\necho '{says}'\nexit 1\n")
    program.chmod(0o755)
    return folder


def test_missing_package_falls_back_to_typst(tmp_path, monkeypatch, caplog):
    says = "! LaTeX Error: File `float.sty'\"'\"' not found."
    hide_tex(monkeypatch, fake_lualatex(tmp_path / "bin", says))
    assert render_in(tmp_path)["engine"] == "typst"
    assert "float.sty" in caplog.text


def test_any_other_failure_of_lualatex_is_an_error(tmp_path, monkeypatch):
    hide_tex(monkeypatch, fake_lualatex(tmp_path / "bin", "! Undefined control sequence."))
    with pytest.raises(ValueError, match="Undefined control sequence"):
        render_in(tmp_path)
    assert not list((tmp_path / "report").iterdir())
