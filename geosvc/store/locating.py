"""What helps to find a place: who stands at an address, and which placings were made at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from geosvc.store.facilities import FacilityQuery, FacilityRevisionRow, facility_clauses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.store.engine import Session

PLACING = "placing:"
_ASKED_AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class At:
    """A located facility; longitude and latitude are degrees."""

    id: int
    name: str
    lon: float
    lat: float
    method: str


def select_at_addresses(session: Session, addresses: Sequence[str]) -> dict[str, list[At]]:
    """Return the located facilities at addresses, letter by letter, in the order of their id."""
    row, found = FacilityRevisionRow, dict[str, list[At]]()
    columns = (row.address, row.facility_id, row.name, row.lon, row.lat, row.position_method)
    for start in range(0, len(addresses), _ASKED_AT_ONCE):
        asked = select(*columns).where(
            *facility_clauses(FacilityQuery(located=True)), row.address.in_(addresses[start : start + _ASKED_AT_ONCE])
        ).order_by(row.facility_id)
        for address, number, name, lon, lat, method in session.execute(asked):
            found.setdefault(str(address), []).append(At(id=number, name=name, lon=float(lon or 0.0), lat=float(lat or 0.0), method=method))
    return found


def select_at_settlements(session: Session, codes: Sequence[str], method: str) -> dict[str, list[At]]:
    """Return, by area code, the facilities that were put by a method (a settlement point) into one of these areas."""
    row, found = FacilityRevisionRow, dict[str, list[At]]()
    for start in range(0, len(codes), _ASKED_AT_ONCE):
        asked = select(row.area_code, row.facility_id, row.name, row.lon, row.lat, row.position_method).where(
            *facility_clauses(FacilityQuery(located=True)), row.area_code.in_(codes[start : start + _ASKED_AT_ONCE]),
            row.position_method == method,
        ).order_by(row.facility_id)
        for code, number, name, lon, lat, how in session.execute(asked):
            found.setdefault(str(code), []).append(At(id=number, name=name, lon=float(lon or 0.0), lat=float(lat or 0.0), method=how))
    return found


@dataclass(frozen=True, kw_only=True)
class Placing:
    """Facilities that were placed at once, by one rule."""

    origin: str
    at: str
    author: str
    reason: str | None
    facilities: int
    undone: bool


def select_placings(session: Session) -> list[Placing]:
    """Return the placings of many at once, newest first."""
    row = FacilityRevisionRow
    asked = select(row.origin, func.min(row.recorded_at), func.min(row.author), func.min(row.reason), func.count(row.facility_id.distinct()))
    begun = asked.where(row.origin >= PLACING, row.origin < PLACING + "\U0010ffff").group_by(row.origin)
    undone = set(session.scalars(select(row.origin).where(row.origin >= f"un{PLACING}", row.origin < f"un{PLACING}\U0010ffff").distinct()))
    told = [
        Placing(origin=origin, at=at, author=author, reason=reason, facilities=int(count), undone=f"un{origin}" in undone)
        for origin, at, author, reason, count in session.execute(begun)
    ]
    return sorted(told, key=lambda each: each.origin, reverse=True)
