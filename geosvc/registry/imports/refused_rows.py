"""Refused rows as the user's own table: the same columns, the reason beside each, to be corrected and imported.

A spreadsheet comes back as a spreadsheet with the faulty cells filled, a text as CSV (UTF-8 with a
byte-order mark, which spreadsheets open as it is, whatever the encoding of the original was).
"""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from geosvc.errors import InvalidParameter, Refusal, StoreError
from geosvc.registry.imports.reasons import in_chinese
from geosvc.registry.imports.tables import Table, plain

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

REASON_HEADER = "拒收原因 reason"
SUFFIXES = (".csv", ".xlsx")
_FAULTY = "FFFFC7CE"  # the light red of spreadsheets' own "bad" style
_COPIED_SUFFIXES = (".xlsx", ".xlsm")
_WORDS_OF_FIELDS = {"position method": "coordinate_method", "机构编号": "facility_id"}


def check_target(path: Path, source: Path) -> None:
    """Refuse a file for refused rows that cannot be one.

    Raises
    ------
    InvalidParameter
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InvalidParameter(f"--refused-to writes {' or '.join(SUFFIXES)}, got {path.name!r}")
    if path.resolve() == source.resolve():
        raise InvalidParameter(f"--refused-to {path.name} is the file that is imported; choose another name")


def fields_at_fault(refusal: Refusal, table: Table) -> list[str]:
    """Return the fields of which the reason of a refusal speaks."""
    words = {name: name for name in table.column_of} | _WORDS_OF_FIELDS
    reason = f"{refusal.column or ''} {refusal.reason}"
    return [field for word, field in words.items() if field in table.column_of and re.search(rf"(?<![\w-]){re.escape(word)}(?!\w)", reason)]


def write_refused(path: Path, table: Table, refusals: Sequence[Refusal], *, source: Path, sheet: str | None = None) -> None:
    """Write the refused rows of a table.

    Parameters
    ----------
    path : Path
        .csv or .xlsx.
    table : Table
    refusals : sequence of Refusal
    source : Path
        The file that the table was read from: cells of an .xlsx keep their types and formats.
    sheet : str, optional
        The sheet that was read; the first unless named.

    Raises
    ------
    InvalidParameter, StoreError
    """
    check_target(path, source)
    if table.has_geometry:
        table = _with_positions(table)
    by_row: dict[int, list[Refusal]] = {}
    for each in refusals:
        by_row.setdefault(each.row, []).append(each)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".csv":
            _write_csv(path, table, by_row)
        else:
            _write_xlsx(path, table, by_row, source, sheet)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error}") from error


def _with_positions(table: Table) -> Table:
    """Return the rows of a map file with the columns that a table needs for their places."""
    places = [row.geometry.representative_point() if row.geometry is not None and not row.geometry.is_empty else None for row in table.rows]
    told = [["", "", ""] if each is None else [repr(each.x), repr(each.y), "WGS84"] for each in places]
    return replace(
        table, head=[[*table.head[0], "longitude", "latitude", "datum"]],
        grid=[[*row, *place] for row, place in zip(table.grid, told, strict=True)],
    )


def _reason(refusals: Sequence[Refusal]) -> str:
    told = [(in_chinese(each.reason), each.reason) for each in refusals]
    return "; ".join(en if zh is None else f"{zh} / {en}" for zh, en in told)


def _reason_column(table: Table) -> int:
    """Return where the reason goes: where an earlier one stands, else behind the last column."""
    for row in table.head:
        for index, cell in enumerate(row):
            if plain(cell) == REASON_HEADER:
                return index
    return max(len(row) for row in [*table.head, *table.grid])


def _with(row: list[str], at: int, text: str) -> list[str]:
    return [*row[:at], *([""] * (at - len(row))), text, *row[at + 1 :]]


def _write_csv(path: Path, table: Table, by_row: dict[int, list[Refusal]]) -> None:
    at = _reason_column(table)
    rows = [_with(row, at, REASON_HEADER if number == len(table.head) else "") for number, row in enumerate(table.head, start=1)]
    rows += [_with(table.grid[number - 1], at, _reason(by_row[number])) for number in sorted(by_row)]
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows(rows)


def _write_xlsx(path: Path, table: Table, by_row: dict[int, list[Refusal]], source: Path, sheet: str | None) -> None:
    import openpyxl  # noqa: PLC0415  slow to import
    from openpyxl.styles import Alignment, PatternFill  # noqa: PLC0415

    book = openpyxl.Workbook()
    page: Any = book.active
    original = _original(source, sheet)
    if original is not None:
        page.title = original.title
    at = _reason_column(table)
    height = len(table.head)
    fill = PatternFill("solid", start_color=_FAULTY, end_color=_FAULTY)
    for number in range(1, height + 1):
        _write_row(page, number, table.head[number - 1], original, number)
    for target, number in enumerate(sorted(by_row), start=height + 1):
        _write_row(page, target, table.grid[number - 1], original, number)
        cell = page.cell(target, at + 1, _reason(by_row[number]))
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        for field in dict.fromkeys(field for each in by_row[number] for field in fields_at_fault(each, table)):
            page.cell(target, table.column_of[field] + 1).fill = fill
    page.cell(height, at + 1, REASON_HEADER)
    page.column_dimensions[page.cell(height, at + 1).column_letter].width = 60
    if original is not None:
        _copy_layout(page, original, height)
    page.freeze_panes = page.cell(height + 1, 1)
    book.save(path)


def _original(source: Path, sheet: str | None) -> Any:
    """Return the sheet that was read, if openpyxl reads its kind of file."""
    import openpyxl  # noqa: PLC0415

    if source.suffix.lower() not in _COPIED_SUFFIXES:
        return None
    book = openpyxl.load_workbook(source, data_only=True)
    return book[sheet] if sheet else book.worksheets[0]


def _write_row(page: Any, target: int, told: list[str], original: Any, number: int) -> None:
    for index, text in enumerate(told, start=1):
        source = None if original is None else original.cell(number, index)
        value = text if source is None else source.value
        if value is None or value == "":
            continue
        cell = page.cell(target, index)
        cell.value = value
        if isinstance(value, str):
            cell.data_type = "s"  # what begins with = is text, too
            cell.number_format = "@"
        elif source is not None:
            cell.number_format = source.number_format
        if source is not None and source.has_style:
            cell.font = source.font.copy()


def _copy_layout(page: Any, original: Any, height: int) -> None:
    for name, column in original.column_dimensions.items():
        if column.width:
            page.column_dimensions[name].width = column.width
    for merged in original.merged_cells.ranges:
        if merged.max_row <= height:
            page.merge_cells(str(merged))
