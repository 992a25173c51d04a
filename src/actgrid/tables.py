"""The results of one data set as a styled spreadsheet (ODS): summary, a sheet per architecture."""

import io
import math
import zipfile
from xml.sax.saxutils import escape

import pandas as pd
from odf import config, number, style, table
from odf.element import Element
from odf.namespaces import TABLENS
from odf.opendocument import OpenDocument, OpenDocumentSpreadsheet

from actgrid import scores

# spreadsheet heading: (column of the frame, cell style)
SUMMARY = {
    "architecture": ("architecture", "plain"),
    "activation": ("activation", "plain"),
    "runs": ("n", "plain"),
    "diverged runs": ("failures", "plain"),
    "runs of one class": ("constant", "plain"),
    "test accuracy": ("test_accuracy_mean", "percent"),
    "95 % interval from": ("test_accuracy_low", "percent"),
    "to": ("test_accuracy_high", "percent"),
    "training accuracy": ("train_accuracy_mean", "percent"),
    "training loss": ("train_loss_mean", "four"),
    "test loss": ("test_loss_mean", "four"),
    "seconds per epoch": ("seconds_mean", "two"),
}
AUC = {  # joins the summary of data sets where it was measured
    "test AUC": ("test_auc_mean", "four"),
    "validation AUC": ("valid_auc_mean", "four"),
}
EPOCHS = {
    "activation": ("activation", "plain"),
    "epoch": ("epoch", "plain"),
    "training accuracy": ("train_accuracy_mean", "percent"),
    "test accuracy": ("test_accuracy_mean", "percent"),
    "training loss": ("train_loss_mean", "four"),
    "test loss": ("test_loss_mean", "four"),
    "seconds": ("seconds_mean", "two"),
}
BOLD_COLUMN = "test accuracy"
STYLES = ("header", "plain", "two", "four", "percent", "percent-bold")  # of cells
DECIMALS = {"plain": 0, "two": 2, "four": 4, "percent": 2}
NARROWEST, WIDEST = 7, 30  # characters of a column; 100.00% must fit into the first


def workbook(epochs: pd.DataFrame, final: pd.DataFrame, dataset: str) -> bytes:
    """The ODS file of one data set: `summary`, then a sheet per architecture in config order.

    summary: the final epoch of every cell, the best mean test accuracy of each architecture bold.
    A sheet: activation, epoch, and means over the good runs of accuracies, losses and seconds.
    final: as `scores.with_constant`. The same frames give the same bytes. Raises ValueError for
    a data set without rows.
    """
    final = final[final["dataset"] == dataset]
    if final.empty:
        raise ValueError(f"no result for the data set {dataset!r} in the final table")
    means = scores.epoch_means(epochs[epochs["dataset"] == dataset])
    best = final.groupby("architecture")["test_accuracy_mean"].transform("max")
    document = OpenDocumentSpreadsheet()
    _add_styles(document)
    bold = (final["test_accuracy_mean"] == best).tolist()
    columns = SUMMARY | (AUC if final["test_auc_mean"].notna().any() else {})
    document.spreadsheet.addElement(_sheet("summary", final, columns, bold))
    architectures = list(final["architecture"].unique())
    for name in architectures:
        rows = means[means["architecture"] == name]
        document.spreadsheet.addElement(_sheet(name, rows, EPOCHS))
    _freeze_first_row(document, ["summary", *architectures])
    return _with_fixed_dates(document)


def _sheet(
    name: str, frame: pd.DataFrame, columns: dict[str, tuple[str, str]], bold: list[bool] = ()
) -> Element:
    sheet = table.Table(name=name)
    for heading, (column, _) in columns.items():
        longest = max([len(heading), *(len(str(v)) for v in frame[column] if isinstance(v, str))])
        sheet.addElement(
            table.TableColumn(stylename=f"width{max(NARROWEST, min(longest, WIDEST))}")
        )
    sheet.addElement(Rows(frame, columns, bold))
    return sheet


class Rows(Element):
    """All rows of a sheet, the header first, written as odfpy writes its own elements.

    An element for each of tens of thousands of cells takes odfpy twenty times as long.
    """

    qname = (TABLENS, "table-row")

    def __init__(self, frame: pd.DataFrame, columns: dict[str, tuple[str, str]], bold: list[bool]):
        super().__init__()
        kinds = [kind for _, kind in columns.values()]
        self.rows = [[_cell(heading, "header") for heading in columns]]
        fields = (frame[column].tolist() for column, _ in columns.values())
        for index, values in enumerate(zip(*fields, strict=True)):
            self.rows.append(list(map(_cell, values, kinds)))
            if index < len(bold) and bold[index]:
                marked = list(columns).index(BOLD_COLUMN)
                self.rows[-1][marked] = _cell(values[marked], f"{kinds[marked]}-bold")
        for kind in STYLES:  # by its children odfpy knows which styles are used
            self.addElement(table.TableCell(stylename=kind))

    def toXml(self, level, f):  # noqa: N802 (odfpy's name)
        """Write the rows, in the place of this element."""
        for cells in self.rows:
            f.write(f"<table:table-row>{''.join(cells)}</table:table-row>")


def _cell(value: str | float, kind: str) -> str:
    """The XML of a cell that holds the full value; what is not finite becomes an empty cell."""
    style_name = f'table:style-name="{kind}"'
    if isinstance(value, str):
        return _filled(f'office:value-type="string" {style_name}', escape(value))
    if not math.isfinite(value):
        return f"<table:table-cell {style_name}/>"
    if kind.startswith("percent"):
        shown, value_type = f"{value:.2%}", "percentage"
    else:
        shown, value_type = f"{value:.{DECIMALS[kind]}f}", "float"
    held = f'office:value="{float(value)!r}"'
    return _filled(f'office:value-type="{value_type}" {held} {style_name}', shown)


def _filled(attributes, shown):
    return f"<table:table-cell {attributes}><text:p>{shown}</text:p></table:table-cell>"


def _add_styles(document: OpenDocument) -> None:
    """Number formats, cell styles and column widths, by the names used above."""
    add = document.automaticstyles.addElement
    for kind in ("two", "four", "percent"):
        add(_number_format(kind))
        add(style.Style(name=kind, family="table-cell", datastylename=f"number-{kind}"))
    add(style.Style(name="plain", family="table-cell"))
    best = style.Style(name="percent-bold", family="table-cell", datastylename="number-percent")
    best.addElement(style.TextProperties(fontweight="bold"))
    add(best)
    header = style.Style(name="header", family="table-cell")
    header.addElement(style.TableCellProperties(backgroundcolor="#d9e2ec"))
    header.addElement(style.TextProperties(fontweight="bold"))
    add(header)
    for characters in range(NARROWEST, WIDEST + 1):
        column = style.Style(name=f"width{characters}", family="table-column")
        width = f"{0.6 + 0.2 * characters:.1f}cm"
        column.addElement(style.TableColumnProperties(columnwidth=width))
        add(column)


def _number_format(kind: str) -> Element:
    make = number.PercentageStyle if kind == "percent" else number.NumberStyle
    form = make(name=f"number-{kind}")
    form.addElement(number.Number(decimalplaces=DECIMALS[kind], minintegerdigits=1))
    if kind == "percent":
        form.addElement(number.Text(text="%"))
    return form


def _freeze_first_row(document: OpenDocument, sheets: list[str]) -> None:
    """Keep the header row in view (ODF leaves this to the application's view settings)."""
    items = config.ConfigItemSet(name="ooo:view-settings")
    views = config.ConfigItemMapIndexed(name="Views")
    view = config.ConfigItemMapEntry()
    tables = config.ConfigItemMapNamed(name="Tables")
    for name in sheets:
        entry = config.ConfigItemMapEntry(name=name)
        settings = {"VerticalSplitMode": 2, "VerticalSplitPosition": 1, "ActiveSplitRange": 2}
        for key, value in {**settings, "PositionTop": 0, "PositionBottom": 1}.items():
            kind = "int" if key.startswith(("Position", "VerticalSplitP")) else "short"
            entry.addElement(config.ConfigItem(name=key, type=kind, text=str(value)))
        tables.addElement(entry)
    view.addElement(tables)
    views.addElement(view)
    items.addElement(views)
    document.settings.addElement(items)


def _with_fixed_dates(document: OpenDocument) -> bytes:
    """The document's bytes, repacked with the zip entries dated 1980-01-01."""
    packed, repacked = io.BytesIO(), io.BytesIO()
    document.write(packed)
    with zipfile.ZipFile(packed) as source, zipfile.ZipFile(repacked, "w") as target:
        for entry in source.infolist():
            fixed = zipfile.ZipInfo(entry.filename, date_time=(1980, 1, 1, 0, 0, 0))
            fixed.compress_type = entry.compress_type
            fixed.external_attr = entry.external_attr
            target.writestr(fixed, source.read(entry))
    return repacked.getvalue()
