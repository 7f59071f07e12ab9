"""Tables as text: encodings as offices save them, whichever delimiter, and quotation marks that must close."""

from __future__ import annotations

import csv
import io
from itertools import chain
from typing import TYPE_CHECKING

from geosvc.errors import UnreadableFile

if TYPE_CHECKING:
    from collections.abc import Callable

_DELIMITERS = ",\t;"
_NEAR_THE_TOP = 10  # rows: a title may stand above the header
_END = "\0end"  # a line of our own after the last: a quotation mark that is still open would swallow it


def decoded(data: bytes, name: str) -> str:
    """Return the text of a table as offices save it.

    Raises
    ------
    UnreadableFile
    """
    # A byte-order mark decides; else strict UTF-8; else GB 18030, which holds GBK and GB 2312.
    for encoding in ("utf-8-sig", "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableFile(f"{name} is neither UTF-8 nor GB 18030 text; save it as CSV UTF-8 and try again")


def cells_of(text: str, name: str, understood: Callable[[list[str]], int]) -> list[list[str]]:
    """Return the cells of a table of commas, tabs or semicolons, a list for each row.

    Parameters
    ----------
    text : str
    name : str
        Of the file, for messages.
    understood : callable
        How many cells of a row are headers that are known. The delimiter is the one under which most are:
        a title with commas may stand above a table of semicolons.

    Raises
    ------
    UnreadableFile
        If a quotation mark opens that never closes, or a cell is longer than any text: the rows after it
        would be taken for a part of it.
    """
    def likely(tried: tuple[list[list[str]], str]) -> tuple[int, int]:
        top = tried[0][:_NEAR_THE_TOP]
        return max(map(understood, top), default=0), max(map(len, top), default=0)

    rows, fault = max((_split(text, each) for each in _DELIMITERS), key=likely)
    if fault:
        raise UnreadableFile(f"{name}{fault}")
    return rows


def _split(text: str, delimiter: str) -> tuple[list[list[str]], str]:
    """Return the rows under a delimiter, as far as they can be read, and what is wrong after them."""
    reader = csv.reader(chain(io.StringIO(text, newline=""), [_END]), delimiter=delimiter)
    rows: list[list[str]] = []
    line = begun = 1
    try:
        for row in reader:
            rows.append(row)
            begun, line = line, reader.line_num + 1
    except csv.Error as error:
        return rows, f":{line}: cannot be read as a table ({error})"
    if rows.pop() == [_END]:
        return rows, ""
    return rows, f':{begun}: a quotation mark (") opens in this row and never closes; close it, or take it away'
