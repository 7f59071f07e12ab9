"""Areas: counties, townships, villages, or any zone; with or without a polygon."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

import shapely

from geosvc.errors import AreaNotFound, InvalidInput
from geosvc.registry.moments import now
from geosvc.store.areas import AreaQuery, AreaRow, count_areas, select_areas

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapely.geometry.base import BaseGeometry

    from geosvc.geo.crs import BBox
    from geosvc.store.engine import Session

LEVELS = ("country", "province", "prefecture", "county", "township", "village", "zone")
SETTLEMENT_CLASSES = ("urban", "rural")
OUTSIDE = "*outside"  # the row for people who live in no area; no code begins with a star


@dataclass(frozen=True, kw_only=True)
class Area:
    """One area.

    ``geometry`` is in degrees or None; ``settlement_class`` is ``urban``, ``rural`` or None
    (unknown, which is neither). ``published_km2`` is what a source says, not what is measured.
    """

    code: str
    name: str
    level: str
    parent_code: str | None = None
    kind: str | None = None
    settlement_class: str | None = None
    published_km2: float | None = None
    geometry: BaseGeometry | None = None
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

    @property
    def bbox(self) -> BBox | None:
        """(west, south, east, north) in degrees, None without a polygon."""
        return None if self.geometry is None else tuple(map(float, self.geometry.bounds))  # type: ignore[return-value]


_CONTENT = tuple(each.name for each in fields(Area))


def _area(row: AreaRow) -> Area:
    values = {name: getattr(row, name) for name in _CONTENT}
    values["geometry"] = None if row.geometry is None else shapely.from_wkb(row.geometry)
    return Area(**values)


def find(session: Session, query: AreaQuery, *, after_code: str = "", limit: int | None = None) -> list[Area]:
    """Return the areas that a query matches, in the order of their code."""
    return [_area(row) for row in select_areas(session, query, after_code=after_code, limit=limit)]


def count(session: Session, query: AreaQuery) -> int:
    """Return how many areas a query matches."""
    return count_areas(session, query)


def get(session: Session, code: str) -> Area:
    """Return one area.

    Raises
    ------
    AreaNotFound
    """
    rows = select_areas(session, AreaQuery(codes=[code]))
    if not rows:
        raise AreaNotFound(f"no area has the code {code!r}")
    return _area(rows[0])


def save(session: Session, area: Area, *, author: str, origin: str) -> str:
    """Register an area, or replace what was known of it.

    Returns
    -------
    change : str
        ``new``, ``changed`` or ``unchanged``.
    """
    row = session.get(AreaRow, area.code)
    change = "new"
    if row is not None:
        if _same(_area(row), area):
            return "unchanged"
        change = "changed"
    values = {name: value for name, value in asdict(area).items() if name != "geometry"}
    west, south, east, north = area.bbox or (None, None, None, None)
    session.merge(
        AreaRow(
            **values,
            geometry=None if area.geometry is None else shapely.to_wkb(area.geometry),
            west=west, south=south, east=east, north=north,
            recorded_at=now(), author=author, origin=origin,
        )
    )
    return change


def refuse_rings(session: Session) -> None:
    """Refuse areas that lie, by their parent codes, inside themselves.

    Raises
    ------
    InvalidInput
        Naming the codes of one ring in order.
    """
    above = {area.code: area.parent_code for area in find(session, AreaQuery())}
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


def checksum_of(areas: Iterable[Area]) -> str:
    """Return the SHA-256 of what computing and drawing read of areas, in their order."""
    digest = hashlib.sha256()
    for area in areas:
        shape = b"" if area.geometry is None else shapely.to_wkb(area.geometry)
        parts = (area.code, area.name, area.level, area.parent_code, area.settlement_class, area.schematic)
        digest.update(repr(parts).encode() + shape)
    return digest.hexdigest()


def _same(one: Area, other: Area) -> bool:
    plain = [name for name in _CONTENT if name != "geometry"]
    if any(getattr(one, name) != getattr(other, name) for name in plain):
        return False
    if one.geometry is None or other.geometry is None:
        return one.geometry is other.geometry
    return shapely.to_wkb(one.geometry) == shapely.to_wkb(other.geometry)
