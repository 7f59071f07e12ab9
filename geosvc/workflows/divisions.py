"""Divisions that change code, merge or split, for pages, API and the command line."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from geosvc.errors import InvalidInput
from geosvc.registry import areas, divisions
from geosvc.registry.area_documents import check_seen
from geosvc.registry.areas import Area
from geosvc.registry.imports.areas import read_areas
from geosvc.registry.moments import AsOf, day_told
from geosvc.registry.successions import successions
from geosvc.store.areas import AreaQuery
from geosvc.store.scope import inside

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from geosvc.registry.divisions import Reform
    from geosvc.settings import Settings
    from geosvc.store.engine import Store


def recode(
    store: Store, old: str, new: str, *, on: str, author: str, origin: str = "form", name: str | None = None, note: str | None = None,
    revisions: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Give a division another code from a day on; see :func:`geosvc.registry.divisions.recode`.

    ``revisions`` says which revision of it was seen; None asks for none (the command line, where one person decides).

    Raises
    ------
    AreaNotFound, InvalidInput, MissingPrecondition, Conflict
    """
    with store.writing() as session:
        if revisions is not None:
            check_seen(session, [old], revisions, day_told(on, "on"))
        return _told(divisions.recode(session, old, new, on=on, author=author, origin=origin, name=name, note=note))


def merge(
    store: Store, codes: list[str], into: str, *, on: str, author: str, origin: str = "form", name: str | None = None,
    note: str | None = None, revisions: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Make several divisions one: ``into`` is one that is there, or a new code, whose ``name`` is needed then.

    ``revisions`` says which revision of each that is there was seen; None asks for none.

    Raises
    ------
    AreaNotFound, InvalidInput, MissingPrecondition, Conflict
    """
    day = day_told(on, "on")
    with store.writing() as session:
        there = areas.find(session, AreaQuery(codes=[into], valid_at=day))
        if revisions is not None:
            check_seen(session, [*dict.fromkeys([*codes, *(area.code for area in there)])], revisions, day)
        target: str | Area = into
        if not there or name:
            first = there[0] if there else areas.get(session, codes[0])
            if not name:
                raise InvalidInput(f"there is no division {into} on {day}; a new one needs a name")
            target = Area(code=into, name=name, level=first.level, parent_code=first.parent_code,
                          settlement_class=first.settlement_class, source=first.source, schematic=first.schematic)
        return _told(divisions.merge_areas(session, codes, target, on=on, author=author, origin=origin, note=note))


def split(
    store: Store, code: str, file: Path, settings: Settings, *, on: str, author: str, origin: str = "form", note: str | None = None
) -> dict[str, Any]:
    """Make the divisions of a file of one; see :func:`geosvc.registry.divisions.split`."""
    with store.reading() as session:
        level = areas.get(session, code).level
    parts, _report = read_areas(file, max_mb=settings.max_file_mb, level=level)
    with store.writing() as session:
        return _told(divisions.split(session, code, parts, on=on, author=author, origin=origin, note=note))


def list_successions(store: Store) -> list[dict[str, Any]]:
    """Return what divisions became, all that is known, by day; to a store of some areas what concerns these."""
    with store.reading() as session:
        links = successions(session, AsOf(valid_at="9999-12-31")).links
    own = store.areas
    return [asdict(link) for link in links if own is None or inside(link.old, own) or inside(link.new, own)]


def area_versions(store: Store, code: str) -> list[dict[str, Any]]:
    """Return the revisions of an area, newest first.

    Raises
    ------
    AreaNotFound
    """
    with store.reading() as session:
        return [
            {"revision": each.revision, "change": each.change, "name": each.area.name, "parent_code": each.area.parent_code,
             "valid_from": each.valid_from, "valid_to": each.valid_to, "recorded_at": each.recorded_at,
             "superseded_at": each.superseded_at, "author": each.author, "reason": each.reason, "origin": each.origin,
             "replaces": each.replaces, "changed": list(each.changed)}
            for each in areas.versions(session, code)
        ]


def _told(done: Reform) -> dict[str, Any]:
    return asdict(done)
