"""Areas that rows name: by code, or by name where one area alone has it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from geosvc.registry.imports.source_rows import numbers_of
from geosvc.registry.imports.tables import plain

if TYPE_CHECKING:
    from geosvc.registry.area_names import KnownAreas
    from geosvc.registry.imports.report import ImportReport
    from geosvc.registry.imports.tables import Row, Table

_SHOWN = 3


def with_areas(table: Table, known: KnownAreas, report: ImportReport) -> Table:
    """Return a table whose rows say the code of the area that they name, and say in the report what is not known.

    What stands in the column of codes and is not known is left as it is, as in the form; a name in the column of names
    that no area has, or several have, gives no code.
    """
    if not {"area_code", "area_name"} & table.columns.keys() or not known.codes:
        return table
    rows: list[Row] = []
    looked_up: list[Row] = []
    unknown: list[tuple[Row, str]] = []
    for row in table.rows:
        told = plain(row.cells.get("area_code", "")) or plain(row.cells.get("area_name", ""))
        code = known.code_of(told) if told else None
        if told and code is None:
            unknown.append((row, told))
        if code is not None and code != told:
            looked_up.append(row)
        rows.append(row if code is None else replace(row, cells=row.cells | {"area_code": code}))
    if looked_up:
        report.notes.append(f"{len(looked_up)} rows say the name of their area ({numbers_of(looked_up)}): its code was looked up")
    if unknown:
        words = list(dict.fromkeys(word for _row, word in unknown))
        shown = ", ".join(words[:_SHOWN]) + (" …" if len(words) > _SHOWN else "")
        report.notes.append(
            f"{len(unknown)} rows name an area that is not registered, or whose name several have ({numbers_of([row for row, _word in unknown])}): "
            f"{shown}; they belong to no area until it is corrected"
        )
    return replace(table, rows=rows)
