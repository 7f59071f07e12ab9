"""Workbooks and tables of results: text stays text, numbers are numbers, the same content gives the same bytes."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geosvc.registry.exports.cells import guarded, tidy
from geosvc.workflows.files import format_of, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

Cell = str | float | int | bool | None
TABLE_FORMATS = ("csv", "xlsx")
# The earliest moment a zip file can name.
_ALWAYS = (1980, 1, 1, 0, 0, 0)
_MOMENT = re.compile(rb"(<dcterms:(?:created|modified)[^>]*>)[^<]*")
_LONGEST_CELL = 32_000  # a spreadsheet holds 32,767 letters
# A spreadsheet reads _x0041_ as the letter A: such text is written with its underscore escaped.
_ESCAPE_LIKE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")


@dataclass(frozen=True, kw_only=True)
class Page:
    """One sheet: its title, its headers (none for a page of statements), rows, widths and number formats of columns."""

    title: str
    headers: Sequence[str] = ()
    rows: Sequence[Sequence[Cell]] = ()
    widths: Sequence[float] = ()
    formats: Sequence[str] = ()


def write_table(path: Path, headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Write a CSV that spreadsheets open as UTF-8 (with a byte-order mark) and in which they compute nothing."""
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\r\n")
        writer.writerow(headers)
        writer.writerows([guarded(tidy(each)) if isinstance(each, str) else each for each in row] for row in rows)


def write_tables(
    path: Path, table: Callable[[], tuple[Sequence[str], Sequence[Sequence[Cell]]]], pages: Callable[[], Sequence[Page]]
) -> None:
    """Write a table (.csv: its headers and rows) or a workbook (.xlsx: its sheets), whichever the suffix names, as a whole.

    Raises
    ------
    InvalidParameter
        If the suffix names neither.
    StoreError
        If the file cannot be written.
    """
    name = format_of(path, TABLE_FORMATS)
    write_whole(
        path,
        lambda target: write_table(target, *table()) if name == "csv" else write_book(target, pages()),
        suffix=f".{name}",
    )


def write_book(path: Path, pages: Sequence[Page]) -> None:
    """Write a workbook (.xlsx) whose text cells are never formulas."""
    import openpyxl  # noqa: PLC0415  slow to import, not needed to serve pages

    book = openpyxl.Workbook()
    book.remove(book.active)
    for page in pages:
        _add(book, page)
    made = io.BytesIO()
    book.save(made)
    book.close()
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            entry = zipfile.ZipInfo(name, _ALWAYS)
            entry.compress_type = zipfile.ZIP_DEFLATED
            content = source.read(name)
            target.writestr(entry, _MOMENT.sub(rb"\g<1>1980-01-01T00:00:00Z", content) if name == "docProps/core.xml" else content)


def _add(book: Any, page: Page) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill  # noqa: PLC0415
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    sheet = book.create_sheet(page.title)
    lines = [*([page.headers] if page.headers else []), *page.rows]
    for row, line in enumerate(lines, start=1):
        for column, value in enumerate(line, start=1):
            cell = sheet.cell(row, column)
            if isinstance(value, str):
                cell.value, cell.data_type, cell.number_format = _text(value), "s", "@"
                cell.alignment = Alignment(wrap_text=not page.headers, vertical="top")
            elif value is not None:
                cell.value = value
                cell.number_format = page.formats[column - 1] if page.formats else "General"
    if page.headers:
        sheet.freeze_panes = "A2"
        for cell in sheet[1]:
            cell.font, cell.fill = Font(bold=True), PatternFill("solid", fgColor="DDE6ED")
    for column, width in enumerate(page.widths, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = width


def _text(value: str) -> str:
    """Return text as a cell can hold it; the type of the cell keeps it from being computed."""
    return _ESCAPE_LIKE.sub("_x005F_", tidy(value)[:_LONGEST_CELL])
