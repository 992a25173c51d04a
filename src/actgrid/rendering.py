"""From one pandoc-Markdown text to its .md, .tex, .pdf and .html."""

import contextlib
import datetime
import logging
import os
import re
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pypandoc
import typst

LOG = logging.getLogger(__name__)
WRITERS = {"html": "html5", "tex": "latex", "typ": "typst"}  # suffix: pandoc's name for it
LATEX_PASSES = 5  # longtable settles its column widths in two to four
# What LuaLaTeX says when a package, a font or its format file is not installed.
NOT_INSTALLED = re.compile(
    r"File `[^']+\.(?:sty|cls|def|tex|lua)' not found|font \"[^\"]+\" cannot be found"
    r"|can't find the format file|module '[^']+' not found"
)


class MissingPackagesError(Exception):
    """LuaLaTeX is there, but something that the report needs is not installed."""


def render(
    markdown: str,
    out_dir: Path,
    templates: Path,
    bibliography: Path,
    epoch: int,
    name: str = "report",
) -> dict[str, str]:
    """Write {name}.md, .tex, .pdf and .html into out_dir; return the PDF's engine and version.

    Figures are named in the text relative to out_dir and without extension: NAME.pdf goes into
    the PDF, NAME.svg into the html. `templates` holds xref.lua and template.{tex,typ,html};
    `epoch` (seconds since 1970) is the only time that the files carry, so that the same inputs
    give the same bytes. The four files appear together or not at all.
    Raises ValueError when pandoc, LuaLaTeX or Typst refuses the text: an unresolved reference,
    an unknown citation, a figure that is not there.
    """
    out_dir.mkdir(parents=True, exist_ok=True)
    out_dir, templates = out_dir.resolve(), templates.resolve()
    with _work(out_dir / f".rendering-{name}") as work:
        source = work / f"{name}.md"
        source.write_text(markdown, encoding="utf-8")
        for suffix in WRITERS:
            _pandoc(source, suffix, out_dir, templates, bibliography.resolve())
        engine = _pdf(source, out_dir, epoch)
        for suffix in (".md", ".tex", ".pdf", ".html"):
            os.replace(source.with_suffix(suffix), out_dir / f"{name}{suffix}")
    return engine


@contextlib.contextmanager
def _work(folder: Path):
    """A new folder that goes in the end; a killed process may have left one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _pandoc(source: Path, name: str, out_dir: Path, templates: Path, bibliography: Path) -> None:
    """Convert `source` to the file beside it with the suffix `name`: html, tex or typ."""
    html = name == "html"
    command = [
        pypandoc.get_pandoc_path(),
        str(source),
        f"--output={source.with_suffix('.' + name)}",
        f"--to={WRITERS[name]}",
        f"--template={templates / f'template.{name}'}",
        f"--lua-filter={templates / 'xref.lua'}",  # before citeproc
        "--citeproc",
        f"--bibliography={bibliography}",
        "--metadata=link-citations",
        "--metadata=reference-section-title:References",
        "--number-sections",
        "--columns=300",  # columns as wide as their text
        "--syntax-highlighting=none",
        f"--default-image-extension={'svg' if html else 'pdf'}",
        f"--resource-path={out_dir}",
        "--fail-if-warnings",
        *(["--mathml", "--embed-resources"] if html else []),
    ]
    done = subprocess.run(command, cwd=out_dir, capture_output=True, text=True, check=False)
    if done.returncode:
        complaint = done.stderr.split("stack traceback")[0].strip()
        raise ValueError(f"pandoc cannot make {source.stem}.{name}: {complaint}")


def _pdf(source: Path, out_dir: Path, epoch: int) -> dict[str, str]:
    """Make report.pdf beside `source`: by LuaLaTeX where it works, otherwise by Typst."""
    if shutil.which("lualatex"):
        try:
            return _lualatex(source.with_suffix(".tex"), out_dir, epoch)
        except MissingPackagesError as error:
            LOG.warning("LuaLaTeX lacks something (%s): the PDF is made by Typst", error)
    return _typst(source.with_suffix(".typ"), out_dir, epoch)


def _lualatex(tex: Path, out_dir: Path, epoch: int) -> dict[str, str]:
    """Run LuaLaTeX until its auxiliary files no longer change."""
    before = None
    for _ in range(LATEX_PASSES):
        _lualatex_pass(tex, out_dir, epoch)
        after = tex.with_suffix(".aux").read_bytes()
        if after == before:
            break
        before = after
    log = tex.with_suffix(".log").read_text(encoding="utf-8", errors="replace")
    for line in re.findall(r"Overfull \\hbox .* in alignment.*|Missing character: .*", log):
        LOG.warning("%s.pdf: %s", tex.stem, line)
    return {"engine": "lualatex", "version": re.search(r"Version (\S+)", log)[1]}


def _lualatex_pass(tex: Path, out_dir: Path, epoch: int) -> None:
    """Run LuaLaTeX once, in out_dir because the figures' paths start there."""
    done = subprocess.run(
        [
            "lualatex",
            "--interaction=nonstopmode",
            "--halt-on-error",
            "--no-shell-escape",
            f"--output-directory={tex.parent}",
            str(tex),
        ],
        cwd=out_dir,
        env=os.environ
        | {"SOURCE_DATE_EPOCH": str(epoch), "FORCE_SOURCE_DATE": "1", "max_print_line": "1000"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode == 0:
        return
    missing = NOT_INSTALLED.search(done.stdout + done.stderr)
    if missing:
        raise MissingPackagesError(missing[0])
    complaint = re.search(r"^!.*(?:\n.*){0,2}", done.stdout, re.MULTILINE)
    raise ValueError(f"LuaLaTeX cannot make {tex.stem}.pdf: {complaint[0] if complaint else done}")


def _typst(typ: Path, out_dir: Path, epoch: int) -> dict[str, str]:
    """Compile in out_dir, where the figures' paths start, with the fonts bundled with Typst."""
    beside = out_dir / f".rendering-{typ.name}"
    beside.write_bytes(typ.read_bytes())
    try:
        typst.compile(
            str(beside),
            output=str(typ.with_suffix(".pdf")),
            root=out_dir.anchor,
            ignore_system_fonts=True,
            timestamp=datetime.datetime.fromtimestamp(epoch, datetime.UTC),
        )
    except typst.TypstError as error:
        raise ValueError(f"Typst cannot make {typ.stem}.pdf: {error}") from error
    finally:
        beside.unlink()
    return {"engine": "typst", "version": version("typst")}
