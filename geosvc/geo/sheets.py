"""How far the sheets of a workbook reach, seen before a reader reserves memory for them.

A reader makes room for all cells between the first and the last. One letter in the last cell of a sheet
(XFD1048576) asks for half a terabyte, and the process ends without a word.
"""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING

from geosvc.errors import UnreadableFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_CELLS = 20_000_000
_CHUNK, _OVERLAP = 1 << 20, 512
# A cell with something in it; one that only has a format ends at once (/>).
_CELL = re.compile(rb'<(?:\w+:)?c\s(?:[^>]*?\s)?r="([A-Z]{1,3})(\d{1,7})"[^>]*[^/]>')
_FILLED = re.compile(rb"<table:table-cell[^>]*office:value-type[^>]*>")
_COLUMNS = re.compile(rb'table:number-columns-repeated="(\d+)"')
_ROWS = re.compile(rb'<table:table-row[^>]*table:number-rows-repeated="(\d+)"[^>]*>(.*?)</table:table-row>', re.DOTALL)
_MOST_REPEATED = 10_000


def check_reach(path: Path) -> None:
    """Refuse a workbook (.xlsx, .xlsm, .ods) one of whose sheets reaches too far.

    Raises
    ------
    UnreadableFile
    """
    suffix = path.suffix.lower()
    try:
        if suffix in (".xlsx", ".xlsm"):
            _check_sheets(path)
        elif suffix == ".ods":
            _check_repeated(path)
    except (zipfile.BadZipFile, OSError, EOFError) as error:
        raise UnreadableFile(f"{path.name} is damaged ({error}); open it, save it again, and try that") from None


def _check_sheets(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.startswith("xl/worksheets/") and name.endswith(".xml"):
                rows, columns, last = _reach(_parts(archive, name))
                if rows * columns > MOST_CELLS:
                    raise UnreadableFile(
                        f"{path.name}: a sheet reaches as far as cell {last}, {rows * columns:,} cells; at most {MOST_CELLS:,} are read; "
                        "something stands far away from the table: delete the rows below it and the columns beside it, and save"
                    )


def _parts(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    with archive.open(name) as stream:
        rest = b""
        while part := stream.read(_CHUNK):
            yield rest + part
            rest = part[-_OVERLAP:]


def _reach(parts: Iterator[bytes]) -> tuple[int, int, str]:
    """Return how many rows and columns a sheet has up to its last filled cells, and the name of that corner."""
    rows, columns = 0, b""
    for part in parts:
        for letters, number in _CELL.findall(part):
            rows = max(rows, int(number))
            if (len(letters), letters) > (len(columns), columns):
                columns = letters
    width = 0
    for letter in columns:
        width = width * 26 + letter - 64
    return rows, width, f"{columns.decode()}{rows}"


def _check_repeated(path: Path) -> None:
    """Refuse a filled cell, or a row with one, that is said to be there very often."""
    with zipfile.ZipFile(path) as archive:
        content = archive.read("content.xml") if "content.xml" in archive.namelist() else b""
    cells = [int(found[1]) for cell in _FILLED.findall(content) if (found := _COLUMNS.search(cell))]
    rows = [int(count) for count, inside in _ROWS.findall(content) if _FILLED.search(inside)]
    most = max([*cells, *rows], default=0)
    if most > _MOST_REPEATED:
        raise UnreadableFile(f"{path.name}: a filled cell is repeated {most:,} times; at most {_MOST_REPEATED:,} are read; delete what is not the table, and save")
