"""What looks wrong about a facility that somebody is going to save: shown before it is, never silently put right.

What can never be true is refused by the facility itself; what stands here may be right after
all, and a person decides.
"""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import shapely

from geosvc.errors import AreaNotFound
from geosvc.geo.crs import distance_m
from geosvc.registry import areas, facilities
from geosvc.registry.areas import LEVELS, ZONE
from geosvc.registry.classes import facility_classes
from geosvc.registry.facilities import PositionMethod
from geosvc.registry.imports.codes import has_check_character
from geosvc.registry.moments import now, opening_day
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from geosvc.registry.areas import Area
    from geosvc.registry.facilities import Facility, Registered
    from geosvc.store.engine import Session

MOVED_M = 2000.0
NEAR_M = 50.0
# What opens later than this is more likely a slip of the pen than a plan: five-year plans look two periods ahead.
PLANNED_YEARS = 10
_METRES_OF_A_DEGREE = 111_000.0
_BRACKETS = re.compile(r"[(（\[【][^)）\]】]*[)）\]】]")
# Many facilities share such a point: to lie on one says nothing.
_SHARED = (PositionMethod.SETTLEMENT_POINT, PositionMethod.AREA_CENTRE)


class Severity(StrEnum):
    """How much a finding matters."""

    WARNING = "warning"  # is probably a mistake: a form asks before it saves
    NOTE = "note"  # worth a look


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that looks wrong: ``check_<code>`` of the languages says it, with ``values`` put in."""

    code: str
    severity: Severity
    field: str
    values: dict[str, Any] = dataclasses.field(default_factory=dict)


def check(session: Session, facility: Facility, *, old: Facility | None = None, facility_id: int | None = None) -> list[Finding]:
    """Return what looks wrong about a facility, the weightiest first.

    Parameters
    ----------
    session : Session
    facility : Facility
        As it is going to be saved.
    old : Facility or None
        As it was believed before.
    facility_id : int or None
        None for a new one.
    """
    found = [
        *_where(session, facility, old), *_beside(session, facility, facility_id), *_class_of_name(facility),
        *_identifiers(facility), *_dates(facility), *_relations(session, facility),
    ]
    return sorted(found, key=lambda each: each.severity != Severity.WARNING)


def _where(session: Session, one: Facility, old: Facility | None) -> Iterator[Finding]:
    declared = _declared_area(session, one)
    if one.area_code and declared is None:
        yield Finding(code="area_unknown", severity=Severity.WARNING, field="area_code", values={"code": one.area_code})
    if one.lon is None or one.lat is None:
        return
    point = shapely.Point(one.lon, one.lat)
    if declared is not None and declared.geometry is not None and not declared.geometry.covers(point):
        yield Finding(code="outside_area", severity=Severity.WARNING, field="position", values={"area": declared.name})
    elif declared is None or declared.geometry is None:
        yield from _outside_study(session, one)
    if not one.area_code:
        yield from _area_missing(session, point)
    if old is not None and old.lon is not None and old.lat is not None:
        moved = distance_m(old.lon, old.lat, one.lon, one.lat)
        if moved > MOVED_M:
            yield Finding(code="moved_far", severity=Severity.WARNING, field="position", values={"km": round(moved / 1000, 1)})


def _declared_area(session: Session, one: Facility) -> Area | None:
    try:
        return areas.get(session, one.area_code) if one.area_code else None
    except AreaNotFound:
        return None


def _outside_study(session: Session, one: Facility) -> Iterator[Finding]:
    """Tell a place outside of everything; where the swapped place lies inside, say that too."""
    assert one.lon is not None and one.lat is not None  # noqa: PT018  for the type checker
    if not areas.count(session, AreaQuery(has_geometry=True)) or _any_area(session, one.lon, one.lat):
        return
    swapped = abs(one.lon) <= 90 and _any_area(session, one.lat, one.lon)
    yield Finding(code="swapped" if swapped else "outside_study", severity=Severity.WARNING, field="position")


def _area_missing(session: Session, point: shapely.Point) -> Iterator[Finding]:
    """Name the smallest area around a place without a code: accounts that are limited to areas see by the code."""
    around = [each for each in _areas_around(session, point) if each.level != ZONE]
    if around:
        smallest = max(around, key=lambda each: LEVELS.index(each.level))
        yield Finding(code="area_missing", severity=Severity.NOTE, field="area_code", values={"area": smallest.name, "code": smallest.code})


def _any_area(session: Session, lon: float, lat: float) -> bool:
    return bool(_areas_around(session, shapely.Point(lon, lat)))


def _areas_around(session: Session, point: shapely.Point) -> list[Area]:
    near = areas.find(session, AreaQuery(has_geometry=True, bbox=(point.x, point.y, point.x, point.y)))
    return [each for each in near if each.geometry is not None and each.geometry.covers(point)]


def _beside(session: Session, one: Facility, facility_id: int | None) -> Iterator[Finding]:
    for other in _near(session, one, facility_id):
        same_name, same_class = other.facility.name == one.name, other.facility.class_code == one.class_code
        if same_name or same_class:
            yield Finding(
                code="same_name_near" if same_name else "same_class_near", field="position",
                severity=Severity.WARNING if same_name else Severity.NOTE, values={"name": other.facility.name, "id": other.id})


def _near(session: Session, one: Facility, facility_id: int | None) -> list[Registered]:
    if one.lon is None or one.lat is None or one.position_method in _SHARED:
        return []
    dlat = NEAR_M / _METRES_OF_A_DEGREE
    dlon = min(dlat / max(math.cos(math.radians(one.lat)), 0.01), 180.0)
    box = (max(one.lon - dlon, -180.0), max(one.lat - dlat, -90.0), min(one.lon + dlon, 180.0), min(one.lat + dlat, 90.0))
    return [
        each for each in facilities.find(session, FacilityQuery(bbox=box))
        if each.id != facility_id and each.facility.position_method not in _SHARED and each.facility.lon is not None
        and each.facility.lat is not None and distance_m(one.lon, one.lat, each.facility.lon, each.facility.lat) <= NEAR_M
    ]


def _class_of_name(one: Facility) -> Iterator[Finding]:
    name = _BRACKETS.sub("", one.name).strip()
    word = max((each for each in _name_classes() if name.endswith(each)), key=len, default=None)
    if word is not None and not one.class_code.startswith(_name_classes()[word]) and one.class_code != "X999":
        klass = facility_classes()[one.class_code]
        yield Finding(code="class_of_name", severity=Severity.WARNING, field="class_code",
                      values={"word": word, "class_zh": klass.zh, "class_en": klass.en, "code": klass.code})


@cache
def _name_classes() -> dict[str, tuple[str, ...]]:
    text = files("geosvc.registry").joinpath("codes/name_classes.toml").read_text("utf-8")
    return {word: tuple(codes) for word, codes in tomllib.loads(text)["words"].items()}


def _identifiers(one: Facility) -> Iterator[Finding]:
    for each in one.identifiers:
        if each.get("scheme") == "uscc" and not has_check_character(str(each.get("value", ""))):
            yield Finding(code="check_character", severity=Severity.WARNING, field="identifiers", values={"value": each.get("value")})


def _dates(one: Facility) -> Iterator[Finding]:
    for name in ("opened_on", "closed_on"):
        told = getattr(one, name)
        if told and opening_day(told) is None:
            yield Finding(code="no_day", severity=Severity.NOTE, field=name, values={"text": told})
    opened, closed = opening_day(one.opened_on), opening_day(one.closed_on)
    if opened and int(opened[:4]) > int(now()[:4]) + PLANNED_YEARS:
        yield Finding(code="opens_far_away", severity=Severity.WARNING, field="opened_on", values={"opened": opened, "years": PLANNED_YEARS})
    if opened and closed and closed < opened:
        yield Finding(code="closed_before_opened", severity=Severity.WARNING, field="closed_on", values={"opened": opened, "closed": closed})


def _relations(session: Session, one: Facility) -> Iterator[Finding]:
    """Tell a relation to a facility that is not registered; one outside of the account's areas looks the same."""
    named = sorted({told for each in one.relations if isinstance(told := each.get("facility_id"), int)})
    known = {number for number, _ in facilities.marks(session, FacilityQuery(ids=named))} if named else set()
    for number in named:
        if number not in known:
            yield Finding(code="relation_unknown", severity=Severity.WARNING, field="relations", values={"id": number})
