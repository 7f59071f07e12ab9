"""Rows of other taxonomies, put into our words before they are read: classes, levels, addresses."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from geosvc.errors import InvalidInput, Refusal
from geosvc.registry.classes import class_of
from geosvc.registry.imports.codes import has_check_character
from geosvc.registry.imports.tables import Row, Table, plain
from geosvc.registry.source_types import SourceType, source_type_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from geosvc.registry.imports.report import ImportReport

UNCLASSIFIED = "X999"
_NO_ADDRESS = ("[]", "无", "-")  # what a map provider's empty list becomes in a table
_ANIMALS = ("宠物", "动物", "兽医", "犬类")
_SHOWN = 5


def translated(table: Table, report: ImportReport, told: Mapping[str, str] | None = None) -> Table:
    """Return a table in our words, and say in the report what was read into it.

    A type of another taxonomy (``codes/source_types.toml``) becomes a class, and level and grade where
    the row has none; rows that it refuses, such as animal clinics, are left out and listed. Province and
    county that stand in columns of their own go before the address. Words in ``told`` are left as they are:
    somebody has said which class each of them means.
    """
    counts: Counter[tuple[str, str]] = Counter()
    rows = []
    for row in table.rows:
        meant = None if row.cells.get("class_code") in (told or {}) else _source_type(row)
        if meant is not None and meant.refuse:
            report.left_out.append(Refusal(row.number, table.columns["class_code"], row.cells["class_code"], meant.refuse))
            continue
        cells = dict(row.cells)
        if meant is not None:
            counts[meant.word, meant.class_code] += 1
            cells["class_code"] = meant.class_code
            cells |= {name: told for name in ("level", "grade") if (told := getattr(meant, name)) and not cells.get(name)}
        if {"address", "province", "county"} & cells.keys():
            cells["address"] = _address(cells)
        rows.append(replace(row, cells=cells))
    _tell(report, counts, rows)
    # What was read into a row is told of that row only: the columns stay those of the file.
    return replace(table, rows=rows)


def _source_type(row: Row) -> SourceType | None:
    """Return what the type of another taxonomy means; None if the cell is a class of ours or nothing known."""
    word = row.cells.get("class_code", "")
    if not word:
        return None
    try:
        class_of(word)
    except InvalidInput:
        return source_type_of(word, row.cells.get("name", ""))
    return None


def _address(cells: dict[str, str]) -> str:
    address = cells.get("address", "")
    if address in _NO_ADDRESS:
        address = ""
    for above in (cells.get("county", ""), cells.get("province", "")):
        if above and not address.startswith(above):
            address = above + address
    return address


def _tell(report: ImportReport, counts: Counter[tuple[str, str]], rows: list[Row]) -> None:
    if counts:
        told: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for (word, code), count in counts.most_common():
            told[word][code] = count
        report.figures["source_types"] = dict(told)
        report.figures["unclassified"] = sum(each.get(UNCLASSIFIED, 0) for each in told.values())
        animals = [row for row in rows if any(word in row.cells.get("name", "") for word in _ANIMALS)]
        if animals:
            report.notes.append(f"{len(animals)} names speak of animals although their type does not ({numbers_of(animals)}): taken, to be checked")
    if report.left_out:
        report.figures["rows_left_out"] = len(report.left_out)
        report.notes += [
            f"{count} rows left out, {why}: they are no facilities of ours; the other rows are taken"
            for why, count in sorted(Counter(each.reason for each in report.left_out).items())
        ]
    wrong = [row for row in rows if (code := plain(row.cells.get("identifier", ""))) and not has_check_character(code)]
    if wrong:
        report.notes.append(f"{len(wrong)} credit codes fail the check character of GB 32100 ({numbers_of(wrong)}): taken as they stand; "
                            "is a character mistyped?")


def numbers_of(rows: list[Row]) -> str:
    """Return the numbers of the first rows, as a note says them."""
    return f"row {', '.join(str(row.number) for row in rows[:_SHOWN])}{' …' if len(rows) > _SHOWN else ''}"
