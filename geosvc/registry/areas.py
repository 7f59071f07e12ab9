"""Areas: counties, townships, villages, or any zone; with or without a polygon, and with a history."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import shapely

from geosvc.errors import AreaNotFound, InvalidInput
from geosvc.registry.moments import PRESENT, AsOf, now, today
from geosvc.registry.revisions import CORRECTION, CREATE, END, UPDATE, By, moment_after, supersede, true_on
from geosvc.registry.successions import Successions, successions
from geosvc.store.areas import (
    AreaQuery,
    AreaRow,
    count_areas,
    select_area_history,
    select_area_marks,
    select_areas,
    select_believed_areas,
)
from geosvc.store.scope import inside

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from shapely.geometry.base import BaseGeometry

    from geosvc.geo.crs import BBox
    from geosvc.store.engine import Session

ZONE = "zone"
LEVELS = ("country", "province", "prefecture", "county", "township", "village", ZONE)
SETTLEMENT_CLASSES = ("urban", "rural")
OUTSIDE = "*outside"  # the row for people who live in no area; no code begins with a star


@dataclass(frozen=True, kw_only=True)
class Area:
    """One area.

    ``geometry`` is in degrees or None; ``settlement_class`` is ``urban``, ``rural`` or None
    (unknown, which is neither). ``published_km2`` is what a source says, not what is measured.
    ``members`` are the codes of the divisions that make up a zone: such a zone has no polygon of its
    own; read from the registry it has that of its members together, where all of them have one.
    """

    code: str
    name: str
    level: str
    parent_code: str | None = None
    kind: str | None = None
    settlement_class: str | None = None
    published_km2: float | None = None
    geometry: BaseGeometry | None = None
    members: tuple[str, ...] = ()
    source: str | None = None
    licence: str | None = None
    review_number: str | None = None
    schematic: bool = False

    def __post_init__(self) -> None:
        """Refuse what can never be true."""
        if not self.code.strip() or self.code.startswith("*"):
            raise InvalidInput(f"an area needs a code that does not begin with a star, got {self.code!r}")
        if not self.name.strip():
            raise InvalidInput(f"area {self.code} needs a name")
        if self.level not in LEVELS:
            raise InvalidInput(f"level of {self.code} must be one of {', '.join(LEVELS)}; got {self.level!r}")
        if self.settlement_class not in (None, *SETTLEMENT_CLASSES):
            raise InvalidInput(
                f"settlement class of {self.code} must be urban, rural or empty (unknown); "
                f"got {self.settlement_class!r}"
            )
        if self.parent_code == self.code:
            raise InvalidInput(f"area {self.code} is its own parent")
        if self.members and self.level != ZONE:
            raise InvalidInput(
                f"area {self.code} is a {self.level} and cannot have members: only a zone has; what lies in a division "
                "names it as its parent_code"
            )
        if self.code in self.members:
            raise InvalidInput(f"zone {self.code} is a member of itself")

    @property
    def bbox(self) -> BBox | None:
        """(west, south, east, north) in degrees, None without a polygon."""
        return None if self.geometry is None else tuple(map(float, self.geometry.bounds))  # type: ignore[return-value]


_CONTENT = tuple(each.name for each in fields(Area))
_NAMES_IN_A_TITLE = 3


@dataclass(frozen=True, kw_only=True)
class AreaVersion:
    """One revision of an area; ``superseded_at`` None is believed still, ``changed`` names the fields it changed."""

    revision: int
    area: Area
    change: str
    valid_from: str | None
    valid_to: str | None
    recorded_at: str
    superseded_at: str | None
    author: str
    reason: str | None
    origin: str
    replaces: int | None
    changed: tuple[str, ...]


def _area(row: AreaRow) -> Area:
    values = {name: getattr(row, name) for name in _CONTENT}
    values["geometry"] = None if row.geometry is None else shapely.from_wkb(row.geometry)
    values["members"] = tuple(row.members or ())
    return Area(**values)


def find(session: Session, query: AreaQuery, *, after_code: str = "", limit: int | None = None) -> list[Area]:
    """Return the areas that a query matches, in the order of their code."""
    found: list[Area] = []
    while True:
        asked = None if limit is None else limit - len(found)
        rows = select_areas(session, query, after_code=after_code, limit=asked)
        found += [area for row in rows if _fits(area := _whole(session, row, query), query)]
        if asked is None or len(rows) < asked or len(found) == limit:
            return found
        after_code = rows[-1].code


def count(session: Session, query: AreaQuery) -> int:
    """Return how many areas a query matches."""
    matched = count_areas(session, query)
    if query.has_geometry is None and query.bbox is None:
        return matched
    zones = select_areas(session, replace(query, has_members=True))
    return matched - sum(not _fits(_whole(session, row, query), query) for row in zones)


def marks(session: Session, as_of: AsOf = PRESENT) -> list[int]:
    """Return the first revisions of the content of all areas, by code: enough to compare, quick for many."""
    return select_area_marks(session, AreaQuery(valid_at=as_of.valid_at, recorded_at=as_of.recorded_at))


def get(session: Session, code: str, as_of: AsOf = PRESENT) -> Area:
    """Return one area.

    Raises
    ------
    AreaNotFound
        If none has that code on that day; what it has become is named.
    """
    rows = select_areas(session, AreaQuery(codes=[code], valid_at=as_of.valid_at, recorded_at=as_of.recorded_at))
    if rows:
        return _whole(session, rows[0], AreaQuery(valid_at=as_of.valid_at, recorded_at=as_of.recorded_at))
    became = [each for each in successions(session, as_of).now(code) if each != code]
    raise AreaNotFound(
        f"no area has the code {code!r}" + ("" if as_of.is_present else f" on {as_of.day}")
        + (f"; it became {', '.join(became)}" if became else "")
    )


def revision_of(session: Session, code: str, as_of: AsOf = PRESENT) -> int:
    """Return the number of the revision of an area that is true on a day.

    Raises
    ------
    AreaNotFound
    """
    rows = select_areas(session, AreaQuery(codes=[code], valid_at=as_of.valid_at, recorded_at=as_of.recorded_at))
    if not rows:
        raise AreaNotFound(f"no area has the code {code!r} on {as_of.day}")
    return rows[0].id


def versions(session: Session, code: str) -> list[AreaVersion]:
    """Return the revisions of an area, newest first.

    Raises
    ------
    AreaNotFound
        If no area ever had that code.
    """
    rows = select_area_history(session, code)
    if not rows:
        raise AreaNotFound(f"no area ever had the code {code!r}")
    by_id = {row.id: row for row in rows}
    return [_version(row, by_id.get(row.replaces or 0)) for row in rows]


def _version(row: AreaRow, old: AreaRow | None) -> AreaVersion:
    area = _area(row)
    changed = () if old is None else tuple(name for name in _CONTENT if not _same_field(name, _area(old), area))
    return AreaVersion(
        revision=row.id, area=area, change=row.change, valid_from=row.valid_from, valid_to=row.valid_to,
        recorded_at=row.recorded_at, superseded_at=row.superseded_at, author=row.author, reason=row.reason,
        origin=row.origin, replaces=row.replaces, changed=changed,
    )


# -- zones ---------------------------------------------------------------------------------------


def _whole(session: Session, row: AreaRow, query: AreaQuery) -> Area:
    """Return an area; a zone of members with the polygon that they have together."""
    area = _area(row)
    return area if not area.members else replace(area, geometry=_joined(session, area.members, query, (area.code,)))


def _joined(session: Session, codes: Sequence[str], query: AreaQuery, inside_of: tuple[str, ...]) -> BaseGeometry | None:
    """Return the union of the polygons of areas; None where one has no polygon, or is not registered."""
    as_of = AsOf(valid_at=query.valid_at, recorded_at=query.recorded_at)
    codes = present_codes(session, codes, as_of)
    rows = select_areas(session, AreaQuery(codes=codes, valid_at=query.valid_at, recorded_at=query.recorded_at))
    if len(rows) < len(codes):
        return None
    shapes = []
    for row in rows:
        if row.members and row.code not in inside_of:
            shapes.append(_joined(session, row.members, query, (*inside_of, row.code)))
        else:
            shapes.append(None if row.geometry is None else shapely.from_wkb(row.geometry))
    return None if any(shape is None for shape in shapes) else shapely.union_all(shapes)


def present_codes(session: Session, codes: Iterable[str], as_of: AsOf = PRESENT) -> list[str]:
    """Return codes as the divisions are called on a day, each once, in order."""
    became: Successions = successions(session, as_of)
    return sorted({each for code in codes for each in became.now(code)})


def highest_names(session: Session, codes: Sequence[str]) -> list[str]:
    """Return the names of areas by code, without those that lie in another one of them."""
    rows = select_areas(session, AreaQuery(codes=codes))
    of_zones = {str(member) for row in rows for member in row.members or ()}
    return [row.name for row in rows if row.code not in of_zones and not inside(row.parent_code, codes)]


def title_of_names(names: Sequence[str]) -> str:
    """Return the names of areas as a title: the first three, and that there are more.

    >>> title_of_names(["东镇"]), title_of_names(["东镇", "西乡", "南乡", "北乡"])
    ('东镇', '东镇、西乡、南乡 …')
    """
    return "、".join(names[:_NAMES_IN_A_TITLE]) + (" …" if len(names) > _NAMES_IN_A_TITLE else "")


def _fits(area: Area, query: AreaQuery) -> bool:
    """Return whether a zone of members fits what is asked of polygons; all others were asked already."""
    if not area.members:
        return True
    box = area.bbox
    if query.has_geometry is not None and query.has_geometry != (box is not None):
        return False
    return query.bbox is None or (box is not None and _overlap(box, query.bbox))


def _overlap(one: BBox, other: BBox) -> bool:
    west, south, east, north = other
    beside = one[0] <= east or one[2] >= west if west > east else one[0] <= east and one[2] >= west
    return beside and one[1] <= north and one[3] >= south


# -- writing -------------------------------------------------------------------------------------


def save(
    session: Session, area: Area, *, author: str, origin: str, valid_from: str | None = None, reason: str | None = None
) -> str:
    """Register an area, or what is now believed of it.

    Parameters
    ----------
    session : Session
        A writing session.
    area : Area
    author, origin, reason : str
    valid_from : str or None
        A day: from then on the area is so, before it is as it was. Without it what is true today is
        corrected, for all of its valid time.

    Returns
    -------
    change : str
        ``new``, ``changed`` or ``unchanged``; the last makes no revision.

    Raises
    ------
    InvalidInput
        If the area has ended and no day is given, or a zone has both members and a polygon.
    """
    if area.members and area.geometry is not None:
        raise InvalidInput(
            f"zone {area.code} has both members and a polygon of its own; give one of them: with members the polygon is theirs together"
        )
    rows = select_believed_areas(session, [area.code])
    by = By(author=author, origin=origin, moment=moment_after(rows, now()), reason=reason)
    if not rows:
        _write(session, area, change=CREATE, span=(valid_from, None), by=by)
        return "new"
    row = _standing(session, rows, area.code) if valid_from is None else true_on(rows, valid_from)
    if row is not None and same(_area(row), area):
        return "unchanged"
    if row is None:  # before all that is known, or after the area had ended
        following = min((each.valid_from for each in rows if each.valid_from and each.valid_from > str(valid_from)), default=None)
        _write(session, area, change=UPDATE, span=(valid_from, following), by=by)
        return "changed"
    supersede([row], by.moment)
    if valid_from is None or row.valid_from == valid_from:
        _write(session, area, change=CORRECTION, span=(row.valid_from, row.valid_to), by=by, replaces=row)
        return "changed"
    _write(session, _area(row), change=END, span=(row.valid_from, valid_from), by=by, replaces=row)
    _write(session, area, change=UPDATE, span=(valid_from, row.valid_to), by=by, replaces=row)
    return "changed"


def _standing(session: Session, rows: Sequence[AreaRow], code: str) -> AreaRow:
    """Return the revision that is true today, else the next one that will be."""
    row = true_on(rows, today())
    if row is not None:
        return row
    ahead = [each for each in rows if (each.valid_from or "") > today()]
    if ahead:
        return ahead[0]
    became = [each for each in successions(session).now(code) if each != code]
    raise InvalidInput(
        f"area {code} ended on {rows[-1].valid_to}" + (f" and became {', '.join(became)}" if became else "")
        + "; leave it out, or say from which day it is there again (valid_from)"
    )


def end(session: Session, code: str, *, on: str, author: str, origin: str, reason: str | None = None) -> Area:
    """Say that there is no such area from a day on, and return it as it was last.

    Raises
    ------
    AreaNotFound
        If it is not there on the day before.
    InvalidInput
        If it begins on that very day, or a later change of it is known already.
    """
    rows = select_believed_areas(session, [code])
    row = true_on(rows, on)
    if row is None:
        raise AreaNotFound(f"there is no area {code!r} on {on}, so it cannot end then")
    if row.valid_from == on:
        raise InvalidInput(f"area {code} begins on {on}: it cannot end on the same day; give a later day")
    if row.valid_to is not None:
        raise InvalidInput(f"a later change of area {code} is known already (on {row.valid_to}); give a day after it")
    by = By(author=author, origin=origin, moment=moment_after(rows, now()), reason=reason)
    supersede([row], by.moment)
    _write(session, _area(row), change=END, span=(row.valid_from, on), by=by, replaces=row)
    return _area(row)


def _write(
    session: Session, area: Area, *, change: str, span: tuple[str | None, str | None], by: By, replaces: AreaRow | None = None
) -> None:
    values: dict[str, Any] = {name: getattr(area, name) for name in _CONTENT if name not in ("geometry", "members")}
    west, south, east, north = area.bbox or (None, None, None, None)
    unchanged = replaces is not None and same(_area(replaces), area)
    session.add(AreaRow(
        **values, geometry=None if area.geometry is None else shapely.to_wkb(area.geometry),
        members=list(area.members) or None, west=west, south=south, east=east, north=north,
        valid_from=span[0], valid_to=span[1], recorded_at=by.moment, superseded_at=None, change=change,
        author=by.author, reason=by.reason, origin=by.origin,
        replaces=None if replaces is None else replaces.id,
        same_as=(replaces.same_as or replaces.id) if unchanged and replaces is not None else None,
    ))
    session.flush()  # gives the revision its number


def refuse_rings(session: Session, as_of: AsOf = PRESENT) -> None:
    """Refuse areas that lie, by their parent codes or as members of zones, inside themselves.

    Raises
    ------
    InvalidInput
        Naming the codes of one ring in order.
    """
    query = AreaQuery(valid_at=as_of.valid_at, recorded_at=as_of.recorded_at)
    rows = select_areas(session, query)
    _refuse_zone_rings({row.code: row.members or [] for row in rows if row.level == ZONE})
    above = {row.code: row.parent_code for row in rows}
    cleared: set[str] = set()
    for start in above:
        way: list[str] = []
        code: str | None = start
        while code in above and code not in cleared:
            if code in way:
                ring = [*way[way.index(code) :], code]
                raise InvalidInput(
                    f"the parent codes go round in a ring: {' → '.join(map(str, ring))}; an area cannot lie inside itself, "
                    "correct parent_code of one of them"
                )
            way.append(str(code))
            code = above[str(code)]
        cleared.update(way)


def _refuse_zone_rings(members: dict[str, list[str]]) -> None:
    def walk(code: str, way: tuple[str, ...]) -> None:
        if code in way:
            raise InvalidInput(
                f"zones go round in a ring: {' → '.join((*way[way.index(code):], code))}; a zone cannot be part of itself, "
                "correct the members of one of them"
            )
        for each in members.get(code, ()):
            walk(each, (*way, code))

    for code in members:
        walk(code, ())


def checksum_of(areas: Iterable[Area]) -> str:
    """Return the SHA-256 of what computing and drawing read of areas, in their order."""
    digest = hashlib.sha256()
    for area in areas:
        shape = b"" if area.geometry is None else shapely.to_wkb(area.geometry)
        parts: tuple[Any, ...] = (area.code, area.name, area.level, area.parent_code, area.settlement_class, area.schematic)
        parts = (*parts, area.members) if area.members else parts
        digest.update(repr(parts).encode() + shape)
    return digest.hexdigest()


def same(one: Area, other: Area) -> bool:
    """Return whether all that is said of two areas is the same."""
    return all(_same_field(name, one, other) for name in _CONTENT)


def _same_field(name: str, one: Area, other: Area) -> bool:
    mine, theirs = getattr(one, name), getattr(other, name)
    if name != "geometry" or mine is None or theirs is None:
        return bool(mine is theirs or mine == theirs)
    return bool(shapely.to_wkb(mine) == shapely.to_wkb(theirs))
