"""Tables as people have them: CSV in several encodings, spreadsheets, map files."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from geosvc.errors import InvalidInput, UnreadableFile
from geosvc.geo.files import check_file, check_kind
from geosvc.geo.sheets import check_reach
from geosvc.geo.vector import READ_AS, VECTOR_SUFFIXES, layers_of, read_vector
from geosvc.registry.imports.headers import field_of
from geosvc.registry.imports.texts import cells_of, decoded

if TYPE_CHECKING:
    from collections.abc import Mapping
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
    ``column_of`` the place of each field in it. ``headers`` are those of all columns, each told from the others.
    """

    columns: dict[str, str]
    rows: list[Row]
    has_geometry: bool = False
    read_as: str = ""
    unused: list[str] = field(default_factory=list)
    head: list[list[str]] = field(default_factory=list, repr=False)
    grid: list[list[str]] = field(default_factory=list, repr=False)
    column_of: dict[str, int] = field(default_factory=dict)
    headers: list[str] = field(default_factory=list, repr=False)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The columns of a file before anything is decided: headers with the field guessed for each, and its first rows.

    ``layers`` are the sheets or layers of the file, ``layer`` the one that was read.
    """

    headers: list[str]
    guesses: list[str | None]
    rows: list[list[str]]
    has_geometry: bool
    layers: list[str]
    layer: str | None


def plain(text: str) -> str:
    """Return text with full-width letters, digits and punctuation made ordinary, trimmed.

    Examples
    --------
    >>> plain(" １２６．８ ")
    '126.8'
    """
    return unicodedata.normalize("NFKC", text).strip()


def read_table(
    path: Path, *, max_mb: int, expected: str, layer: str | None = None, crs: str | None = None,
    mapping: Mapping[str, str] | None = None,
) -> Table:
    """Return the rows of a CSV, a spreadsheet or a map file.

    Parameters
    ----------
    path : Path
    max_mb : int
        Largest file, mebibytes.
    expected : str
        What should have come, for messages.
    layer, crs : str, optional
        The sheet or layer, the first unless named; the CRS of a map file that does not say it.
    mapping : mapping of str to str, optional
        The field of a header, "" to leave its column out; headers that are not in it are guessed.

    Raises
    ------
    UnreadableFile, MissingCRS, InvalidCoordinate
    InvalidInput
        If the mapping names a header that the file does not have.
    """
    check_file(path, max_mb=max_mb, expected=expected)
    check_kind(path, expected=expected)
    if path.suffix.lower() in VECTOR_SUFFIXES:
        return _from_vector(path, max_mb, expected, layer, crs, mapping or {})
    return _from_cells(_grid(path, expected, layer, mapping or {}), path, expected, mapping or {})


def layout_of(path: Path, *, max_mb: int, expected: str, layer: str | None = None, crs: str | None = None) -> Layout:
    """Return the columns of a file as a person is to map them; headers of which none is understood are found, too.

    Raises
    ------
    UnreadableFile, MissingCRS, InvalidCoordinate
    """
    check_file(path, max_mb=max_mb, expected=expected)
    check_kind(path, expected=expected)
    if path.suffix.lower() in VECTOR_SUFFIXES:
        table = _from_vector(path, max_mb, expected, layer, crs, {})
        layers = layers_of(path)
        return Layout(
            headers=table.headers, guesses=[field_of(plain(each)) for each in table.headers], rows=table.grid,
            has_geometry=True, layers=layers, layer=layer or (layers[0] if layers else None),
        )
    grid = _grid(path, expected, layer, {})
    top = _header_row(grid, {})
    headers, guesses, ends = _headers(grid, _likely_header(grid) if top is None else top, {})
    rows = [row for row in grid[ends:] if any(cell.strip() for cell in row)]
    if not any(headers):
        raise UnreadableFile(f"{path.name} has no row of headers; expected {expected}")
    layers = _sheet_names(path, expected) if path.suffix.lower() in SHEET_SUFFIXES else []
    return Layout(
        headers=headers, guesses=guesses, rows=rows, has_geometry=False,
        layers=layers, layer=layer or (layers[0] if layers else None),
    )


def _likely_header(grid: list[list[str]]) -> int:
    """Return the row near the top with the most words in it: nothing is understood, a person will say what it means."""
    def words(row: list[str]) -> int:
        return sum(bool(cell.strip()) and not cell.strip().replace(".", "", 1).isdigit() for cell in row)

    return max(range(min(len(grid), _HEADER_WITHIN_ROWS)), key=lambda index: (words(grid[index]), -index), default=0)


def _grid(path: Path, expected: str, layer: str | None, mapping: Mapping[str, str]) -> list[list[str]]:
    suffix = path.suffix.lower()
    if suffix in SHEET_SUFFIXES:
        check_reach(path)
        return _sheet_rows(path, expected, layer)
    if suffix in TEXT_SUFFIXES:
        return _text_rows(path, expected, mapping)
    raise UnreadableFile(f"{path.name} is of a type that is not read here ({suffix or 'no suffix'}); expected {expected}")


def _text_rows(path: Path, expected: str, mapping: Mapping[str, str]) -> list[list[str]]:
    data = path.read_bytes()
    if b"\x00" in data[:4096] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableFile(f"{path.name} is not text (it holds zero bytes); expected {expected}")
    return cells_of(decoded(data, path.name), path.name, lambda row: _known(row, mapping))


def _known(row: list[str], mapping: Mapping[str, str]) -> int:
    return sum(plain(cell) in mapping or field_of(plain(cell)) is not None for cell in row)


def _sheet_rows(path: Path, expected: str, sheet: str | None) -> list[list[str]]:
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415

    try:
        workbook = CalamineWorkbook.from_path(str(path))
        names = workbook.sheet_names
        if not names:
            raise UnreadableFile(f"{path.name} has no sheet; expected {expected}")
        if sheet is not None and sheet not in names:
            raise UnreadableFile(f"{path.name} has no sheet {sheet!r}; it has: {', '.join(names)}")
        grid = workbook.get_sheet_by_name(sheet or names[0]).to_python(skip_empty_area=False)
    except (CalamineError, OSError, IndexError) as error:
        raise UnreadableFile(f"{path.name} cannot be read as a spreadsheet ({error}); expected {expected}") from None
    return [[_cell_text(cell) for cell in row] for row in grid]


def _sheet_names(path: Path, expected: str) -> list[str]:
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415

    try:
        return list(CalamineWorkbook.from_path(str(path)).sheet_names)
    except (CalamineError, OSError) as error:
        raise UnreadableFile(f"{path.name} cannot be read as a spreadsheet ({error}); expected {expected}") from None


def _cell_text(cell: object) -> str:
    # A spreadsheet keeps 126 as 126.0.
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return "" if cell is None else str(cell)


def _from_cells(grid: list[list[str]], path: Path, expected: str, mapping: Mapping[str, str]) -> Table:
    top = _header_row(grid, mapping)
    if top is None:
        seen = next((row for row in grid if any(cell.strip() for cell in row)), [])
        raise UnreadableFile(
            f"{path.name} has no header row that is understood in its first {_HEADER_WITHIN_ROWS} rows "
            f"(it begins: {', '.join(seen[:6]) or 'nothing'}); expected {expected}, with headers such as "
            "name/机构名称, longitude/经度, latitude/纬度"
        )
    headers, names, ends = _headers(grid, top, mapping)
    _check_headers(mapping, headers, path)
    columns = _columns(headers, names, mapping)
    kept = [index for index, name in enumerate(names) if name and columns[name] == headers[index]]
    rows = []
    for number, cells in enumerate(grid[ends:], start=ends + 1):
        if any(cell.strip() for cell in cells):
            rows.append(Row(number, {str(names[i]): cells[i].strip() for i in kept if i < len(cells)}))
    if not rows:
        raise UnreadableFile(f"{path.name} has a header and no rows; expected {expected}")
    return Table(
        columns=columns, rows=rows, unused=_unused(headers, names, columns, mapping), head=grid[:ends], grid=grid,
        column_of={str(names[index]): index for index in reversed(kept)}, headers=headers,
    )


def _columns(headers: list[str], names: list[str | None], mapping: Mapping[str, str]) -> dict[str, str]:
    """Return the header of each field: of several, the one that a person named, else the first."""
    columns: dict[str, str] = {}
    for told in (True, False):
        for name, header in zip(names, headers, strict=True):
            if name is not None and (header in mapping) is told:
                columns.setdefault(name, header)
    return columns


def _unused(headers: list[str], names: list[str | None], columns: Mapping[str, str], mapping: Mapping[str, str]) -> list[str]:
    """Return the columns that nobody asked to leave out, and that are not read: another may stand for their field already."""
    return [
        header for header, name in zip(headers, names, strict=True)
        if header and header not in mapping and (name is None or columns[name] != header)
    ]


def _check_headers(mapping: Mapping[str, str], headers: list[str], path: Path) -> None:
    missing = [header for header in mapping if header not in headers]
    if missing:
        raise InvalidInput(
            f"{path.name} has no column {', '.join(map(repr, missing))}, which the mapping names; its columns are: "
            f"{', '.join(filter(None, headers))}"
        )


def _told_apart(headers: list[str]) -> list[str]:
    """Return headers of which each stands once: 编制, 编制 (2)."""
    seen: dict[str, int] = {}
    told = []
    for header in headers:
        seen[header] = seen.get(header, 0) + 1
        told.append(header if not header or seen[header] == 1 else f"{header} ({seen[header]})")
    return told


def _headers(grid: list[list[str]], top: int, mapping: Mapping[str, str]) -> tuple[list[str], list[str | None], int]:
    """Return headers, the field that each means, and how many rows stand above the data.

    Of a header in two rows (坐标 merged over 经度 and 纬度; 床位 over 编制 and 实有) both are read.
    """
    headers, guesses, ends = _guessed(grid, top)
    told = _told_apart(headers)
    names = [mapping[header] or None if header in mapping else guess for header, guess in zip(told, guesses, strict=True)]
    return told, names, ends


def _guessed(grid: list[list[str]], top: int) -> tuple[list[str], list[str | None], int]:
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


def _header_row(grid: list[list[str]], mapping: Mapping[str, str]) -> int | None:
    # A title may stand above the header: the header is the first row in which two cells are understood.
    for index, row in enumerate(grid[:_HEADER_WITHIN_ROWS]):
        understood = _known(row, mapping)
        if understood and understood >= min(2, len(row), max(1, len(mapping) or 2)):
            return index
    return None


def _from_vector(
    path: Path, max_mb: int, expected: str, layer: str | None, crs: str | None, mapping: Mapping[str, str]
) -> Table:
    # An export may hold nothing but facilities to be located.
    frame = read_vector(path, max_mb=max_mb, expected=expected, layer=layer, crs=crs, placeless_with="机构编号")
    attributes = [column for column in frame.columns if column != frame.geometry.name]
    headers = [str(column) for column in attributes]
    _check_headers(mapping, headers, path)
    names = [mapping[header] or None if header in mapping else field_of(plain(header)) for header in headers]
    columns = _columns(headers, names, mapping)
    rows, grid = [], []
    for number, (record, shape) in enumerate(
        zip(frame[attributes].to_dict("records"), frame.geometry, strict=True), start=1
    ):
        cells = {name: _attribute_text(record[column]) for name, column in columns.items()}
        rows.append(Row(number, cells, shape))
        grid.append([_attribute_text(record[column]) for column in attributes])
    return Table(
        columns=columns, rows=rows, has_geometry=True, unused=_unused(headers, names, columns, mapping), headers=headers, read_as=frame.attrs.get(READ_AS, ""),
        head=[headers], grid=grid,
        column_of={name: headers.index(column) for name, column in columns.items()},
    )


def _attribute_text(value: object) -> str:
    import pandas as pd  # noqa: PLC0415

    return "" if value is None or value is pd.NA or value != value else _cell_text(value).strip()  # noqa: PLR0124  NaN
