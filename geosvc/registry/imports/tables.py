"""Tables as people have them: CSV in several encodings, spreadsheets, map files."""

from __future__ import annotations

import csv
import io
import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from geosvc.errors import UnreadableFile
from geosvc.geo.files import check_file
from geosvc.geo.vector import READ_AS, VECTOR_SUFFIXES, read_vector
from geosvc.registry.imports.headers import field_of

if TYPE_CHECKING:
    from pathlib import Path

    from shapely.geometry.base import BaseGeometry

TEXT_SUFFIXES = frozenset({".csv", ".txt", ".tsv"})
SHEET_SUFFIXES = frozenset({".xlsx", ".xls", ".ods", ".xlsm", ".xlsb"})
_HEADER_WITHIN_ROWS = 10


@dataclass(frozen=True)
class Row:
    """One row: its number in the file as a person counts it, its cells by field name.

    Cells keep what the source says, full-width punctuation included; read numbers and codes
    through :func:`plain`.
    """

    number: int
    cells: dict[str, str]
    geometry: BaseGeometry | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    """The rows of a file. ``columns`` maps the field names found to the file's own headers.

    ``read_as`` says in which CRS a file was read that does not name one itself. ``head`` is what stands
    above the rows (title and headers), ``grid[number - 1]`` the row of that number with every cell, and
    ``column_of`` the place of each field in it.
    """

    columns: dict[str, str]
    rows: list[Row]
    has_geometry: bool = False
    read_as: str = ""
    unused: list[str] = field(default_factory=list)
    head: list[list[str]] = field(default_factory=list, repr=False)
    grid: list[list[str]] = field(default_factory=list, repr=False)
    column_of: dict[str, int] = field(default_factory=dict)


def plain(text: str) -> str:
    """Return text with full-width letters, digits and punctuation made ordinary, trimmed.

    Examples
    --------
    >>> plain(" １２６．８ ")
    '126.8'
    """
    return unicodedata.normalize("NFKC", text).strip()


def read_table(
    path: Path, *, max_mb: int, expected: str, layer: str | None = None, crs: str | None = None
) -> Table:
    """Return the rows of a CSV, a spreadsheet or a map file.

    Raises
    ------
    UnreadableFile, MissingCRS, InvalidCoordinate
    """
    check_file(path, max_mb=max_mb, expected=expected)
    suffix = path.suffix.lower()
    if suffix in VECTOR_SUFFIXES:
        return _from_vector(path, max_mb, expected, layer, crs)
    if suffix in SHEET_SUFFIXES:
        return _from_cells(_sheet_rows(path, expected, layer), path, expected)
    if suffix in TEXT_SUFFIXES:
        return _from_cells(_text_rows(path, expected), path, expected)
    raise UnreadableFile(f"{path.name} is of a type that is not read here ({suffix or 'no suffix'}); expected {expected}")


def _text_rows(path: Path, expected: str) -> list[list[str]]:
    data = path.read_bytes()
    if b"\x00" in data[:4096] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFile(f"{path.name} is not text (it holds zero bytes); expected {expected}")
    text = _decoded(data, path)
    read, faults = [], []
    for delimiter in ",\t;":
        try:
            read.append(list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)))
        except csv.Error as error:  # with the wrong delimiter quotes may never close
            faults.append(error)
    if not read:
        raise UnreadableFile(f"{path.name} cannot be read as a table ({faults[0]}); expected {expected}")
    # A title with commas may stand above a table of semicolons: the header decides, not the first line.
    return max(read, key=_understood)


def _understood(grid: list[list[str]]) -> int:
    """Return how many cells of the best row near the top are headers that we know."""
    return max((sum(field_of(plain(cell)) is not None for cell in row) for row in grid[:_HEADER_WITHIN_ROWS]), default=0)


def _decoded(data: bytes, path: Path) -> str:
    # A byte-order mark decides; else strict UTF-8; else GB 18030, which holds GBK and GB 2312.
    for encoding in ("utf-8-sig", "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableFile(f"{path.name} is neither UTF-8 nor GB 18030 text; save it as CSV UTF-8 and try again")


def _sheet_rows(path: Path, expected: str, sheet: str | None) -> list[list[str]]:
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415

    try:
        workbook = CalamineWorkbook.from_path(str(path))
        names = workbook.sheet_names
        if sheet is not None and sheet not in names:
            raise UnreadableFile(f"{path.name} has no sheet {sheet!r}; it has: {', '.join(names)}")
        grid = workbook.get_sheet_by_name(sheet or names[0]).to_python(skip_empty_area=False)
    except (CalamineError, OSError, IndexError) as error:
        raise UnreadableFile(f"{path.name} cannot be read as a spreadsheet ({error}); expected {expected}") from None
    return [[_cell_text(cell) for cell in row] for row in grid]


def _cell_text(cell: object) -> str:
    # A spreadsheet keeps 126 as 126.0.
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return "" if cell is None else str(cell)


def _from_cells(grid: list[list[str]], path: Path, expected: str) -> Table:
    top = _header_row(grid)
    if top is None:
        seen = next((row for row in grid if any(cell.strip() for cell in row)), [])
        raise UnreadableFile(
            f"{path.name} has no header row that is understood in its first {_HEADER_WITHIN_ROWS} rows "
            f"(it begins: {', '.join(seen[:6]) or 'nothing'}); expected {expected}, with headers such as "
            "name/机构名称, longitude/经度, latitude/纬度"
        )
    headers, names, ends = _headers(grid, top)
    columns: dict[str, str] = {}
    for name, header in zip(names, headers, strict=True):
        if name is not None:
            columns.setdefault(name, header)
    kept = [index for index, name in enumerate(names) if name and columns[name] == headers[index]]
    rows = []
    for number, cells in enumerate(grid[ends:], start=ends + 1):
        if any(cell.strip() for cell in cells):
            rows.append(Row(number, {str(names[i]): cells[i].strip() for i in kept if i < len(cells)}))
    if not rows:
        raise UnreadableFile(f"{path.name} has a header and no rows; expected {expected}")
    unused = [header for header, name in zip(headers, names, strict=True) if header and name is None]
    return Table(
        columns=columns, rows=rows, unused=unused, head=grid[:ends], grid=grid,
        column_of={str(names[index]): index for index in reversed(kept)},
    )


def _headers(grid: list[list[str]], top: int) -> tuple[list[str], list[str | None], int]:
    """Return headers, the field that each means, and how many rows stand above the data.

    Of a header in two rows (坐标 merged over 经度 and 纬度; 床位 over 编制 and 实有) both are read.
    """
    for upper in (top, top - 1):
        if upper >= 0 and upper + 1 < len(grid) and _is_second_row(grid[upper], grid[upper + 1]):
            pairs = _pairs(grid[upper], grid[upper + 1])
            headers = [below or above for above, below, _ in pairs]
            return headers, [_field_of_two(*pair) for pair in pairs], upper + 2
    headers = [plain(cell) for cell in grid[top]]
    return headers, [field_of(header) for header in headers], top + 1


def _pairs(upper: list[str], lower: list[str]) -> list[tuple[str, str, str]]:
    """Return for every column the upper header, the lower one, and the upper one that is merged over it."""
    width = max(len(upper), len(lower))
    above, below = ([plain(cell) for cell in row] + [""] * (width - len(row)) for row in (upper, lower))
    pairs, over = [], ""
    for one, other in zip(above, below, strict=True):
        over = one or over
        pairs.append((one, other, over if other else ""))
    return pairs


def _field_of_two(above: str, below: str, over: str) -> str | None:
    words = (below, below + over, over + below) if below else (above,)
    return next((name for word in words if (name := field_of(word))), None)


def _is_second_row(upper: list[str], lower: list[str]) -> bool:
    """Return whether two rows are one header: under a merged cell stand words that are headers, and no number."""
    pairs = _pairs(upper, lower)
    if any(each.replace(".", "", 1).isdigit() for _, each, _ in pairs):
        return False
    merged = [pair for pair in pairs if pair[1] and not pair[0]]
    known_above = sum(field_of(above) is not None for above, below, _ in pairs if above and not below)
    return known_above > 0 and any(_field_of_two(*pair) for pair in merged)


def _header_row(grid: list[list[str]]) -> int | None:
    # A title may stand above the header: the header is the first row in which two cells are understood.
    for index, row in enumerate(grid[:_HEADER_WITHIN_ROWS]):
        understood = sum(field_of(plain(cell)) is not None for cell in row)
        if understood and understood >= min(2, len(row)):
            return index
    return None


def _from_vector(path: Path, max_mb: int, expected: str, layer: str | None, crs: str | None) -> Table:
    # An export may hold nothing but facilities to be located.
    frame = read_vector(path, max_mb=max_mb, expected=expected, layer=layer, crs=crs, placeless_with="机构编号")
    attributes = [column for column in frame.columns if column != frame.geometry.name]
    columns: dict[str, str] = {}
    for column in attributes:
        name = field_of(plain(str(column)))
        if name is not None:
            columns.setdefault(name, str(column))
    rows, grid = [], []
    for number, (record, shape) in enumerate(
        zip(frame[attributes].to_dict("records"), frame.geometry, strict=True), start=1
    ):
        cells = {name: _attribute_text(record[column]) for name, column in columns.items()}
        rows.append(Row(number, cells, shape))
        grid.append([_attribute_text(record[column]) for column in attributes])
    unused = [str(column) for column in attributes if str(column) not in columns.values()]
    return Table(
        columns=columns, rows=rows, has_geometry=True, unused=unused, read_as=frame.attrs.get(READ_AS, ""),
        head=[[str(column) for column in attributes]], grid=grid,
        column_of={name: attributes.index(column) for name, column in columns.items()},
    )


def _attribute_text(value: object) -> str:
    import pandas as pd  # noqa: PLC0415

    return "" if value is None or value is pd.NA or value != value else _cell_text(value).strip()  # noqa: PLR0124  NaN
