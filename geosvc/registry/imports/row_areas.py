"""Areas that rows name: by code, or by name where one area alone has it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from geosvc.registry.areas import LEVELS, ZONE
from geosvc.registry.imports.source_rows import numbers_of
from geosvc.registry.imports.tables import plain
from geosvc.registry.locating import codes_above
from geosvc.registry.successions import successions
from geosvc.store.areas import AreaQuery, select_area_names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from geosvc.registry.imports.report import ImportReport
    from geosvc.registry.imports.tables import Row, Table
    from geosvc.store.engine import Session

_LEVELS = tuple(each for each in LEVELS if each != ZONE)
_MOST_AREAS = 1_000_000
_SHOWN = 3


@dataclass(frozen=True)
class KnownAreas:
    """The areas of a registry: their codes, those of former days too, and the codes of each name."""

    codes: frozenset[str]
    by_name: Mapping[str, frozenset[str]]

    def code_of(self, text: str) -> str | None:
        """Return the code that a cell means: itself, or that of the one area of this name; None if there is not just one.

        Examples
        --------
        >>> known = known_areas_of([("220622", "靖宇县"), ("220622102", "龙泉镇"), ("220622102201", "东村"), ("220622103205", "东村")])
        >>> known.code_of("220622102"), known.code_of("龙泉镇"), known.code_of("靖宇县龙泉镇"), known.code_of("龙泉镇东村")
        ('220622102', '220622102', '220622102', '220622102201')
        >>> known.code_of("东村") is None, known.code_of("西镇") is None
        (True, True)
        """
        word = plain(text)
        if word in self.codes:
            return word
        found = self.by_name.get("".join(word.split()), frozenset())
        return next(iter(found)) if len(found) == 1 else None


def known_areas_of(areas: Iterable[tuple[str, str]], former: Iterable[str] = ()) -> KnownAreas:
    """Return what is known of areas, given as (code, name); ``former`` are codes of divisions that ended.

    A name counts alone, and behind that of each area above it: 东村, 龙泉镇东村, 靖宇县东村.
    """
    name_of = dict(areas)
    by_name: defaultdict[str, set[str]] = defaultdict(set)
    for code, name in name_of.items():
        by_name[plain(name)].add(code)
        for above in codes_above(code)[1:]:
            if above in name_of:
                by_name[plain(name_of[above]) + plain(name)].add(code)
    return KnownAreas(frozenset({*name_of, *former}), {name: frozenset(codes) for name, codes in by_name.items()})


def known_areas(session: Session) -> KnownAreas:
    """Return the areas that are registered today; zones are no area of a facility."""
    former = {link.old for link in successions(session).links}
    return known_areas_of(select_area_names(session, AreaQuery(levels=_LEVELS), limit=_MOST_AREAS), former)


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
