"""Facilities: reading them, and the one way to write them.

Every write goes through :func:`save`, which makes a revision and overwrites nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from geosvc.errors import FacilityNotFound, InvalidInput
from geosvc.geo.crs import check_position
from geosvc.registry.classes import class_of
from geosvc.registry.moments import now
from geosvc.store.facilities import (
    FacilityQuery,
    FacilityRevisionRow,
    add_facility,
    count_revisions,
    select_by_revision,
    select_class_codes,
    select_marks,
    select_revisions,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.store.engine import Session


class State(StrEnum):
    """Where a facility is in its life."""

    PLANNED = "planned"
    OPERATING = "operating"
    SUSPENDED = "suspended"
    CLOSED = "closed"


class PositionMethod(StrEnum):
    """How a position was found; ``none`` is a facility to be located."""

    SURVEYED = "surveyed"
    BUILDING = "building"
    GEOCODED = "geocoded"
    SETTLEMENT_POINT = "settlement_point"
    AREA_CENTRE = "area_centre"
    ILLUSTRATIVE = "illustrative"
    UNKNOWN = "unknown"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Facility:
    """One facility as it is believed to be.

    ``lon`` and ``lat`` are degrees, both None when it is to be located. ``raw_x``, ``raw_y``
    and ``raw_datum`` keep what the source said, letter by letter.
    """

    name: str
    class_code: str
    short_name: str | None = None
    level: str | None = None
    grade: str | None = None
    ownership: str | None = None
    service_mode: str | None = None
    state: str = State.OPERATING
    opened_on: str | None = None
    closed_on: str | None = None
    lon: float | None = None
    lat: float | None = None
    raw_x: str | None = None
    raw_y: str | None = None
    raw_datum: str | None = None
    position_method: str = PositionMethod.NONE
    position_source: str | None = None
    position_date: str | None = None
    address: str | None = None
    area_code: str | None = None
    areas_served: list[str] = field(default_factory=list)
    identifiers: list[dict[str, str]] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    beds: list[dict[str, Any]] = field(default_factory=list)
    staff: list[dict[str, Any]] = field(default_factory=list)
    vehicles: list[dict[str, Any]] = field(default_factory=list)
    capabilities: list[dict[str, Any]] = field(default_factory=list)
    relations: list[dict[str, Any]] = field(default_factory=list)
    contact: dict[str, Any] = field(default_factory=dict)
    illustrative: bool = False
    source: str | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        """Refuse what can never be true."""
        if not self.name.strip():
            raise InvalidInput("a facility needs a name")
        class_of(self.class_code)
        _check_choice("state", self.state, State)
        _check_choice("position method", self.position_method, PositionMethod)
        if (self.lon is None) != (self.lat is None):
            raise InvalidInput(f"{self.name}: longitude and latitude come together; one is missing")
        if self.lon is not None and self.lat is not None:
            check_position(self.lon, self.lat)
            if self.position_method == PositionMethod.NONE:
                raise InvalidInput(f"{self.name}: a position needs the method by which it was found")
        elif self.position_method != PositionMethod.NONE:
            raise InvalidInput(
                f"{self.name}: position method {self.position_method} without a position; use none"
            )

    @property
    def located(self) -> bool:
        """Whether it can be drawn on a map."""
        return self.lon is not None


def _check_choice(what: str, value: str, choices: type[StrEnum]) -> None:
    if value not in set(choices):
        raise InvalidInput(f"{what} must be one of {', '.join(choices)}; got {value!r}")


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A facility with the identity and the revision under which it is registered."""

    id: int
    revision: int
    recorded_at: str
    valid_from: str | None
    facility: Facility


_CONTENT = tuple(each.name for each in fields(Facility))


def _registered(row: FacilityRevisionRow) -> Registered:
    return Registered(
        id=row.facility_id,
        revision=row.id,
        recorded_at=row.recorded_at,
        valid_from=row.valid_from,
        facility=Facility(**{name: getattr(row, name) for name in _CONTENT}),
    )


def find(
    session: Session, query: FacilityQuery, *, after_id: int = 0, limit: int | None = None
) -> list[Registered]:
    """Return the facilities that a query matches, in the order of their id."""
    return [_registered(row) for row in select_revisions(session, query, after_id=after_id, limit=limit)]


def at_revisions(session: Session, revisions: Sequence[int]) -> list[Registered]:
    """Return facilities as they were in named revisions: what a run was computed on."""
    return [_registered(row) for row in select_by_revision(session, revisions)]


def count(session: Session, query: FacilityQuery) -> int:
    """Return how many facilities a query matches."""
    return count_revisions(session, query)


def marks(session: Session, query: FacilityQuery) -> list[tuple[int, int]]:
    """Return (id, revision) of the facilities that a query matches, without reading what they are."""
    return select_marks(session, query)


def classes_in_use(session: Session) -> list[str]:
    """Return the class codes that some facility has, in order."""
    return select_class_codes(session, FacilityQuery())


def get(session: Session, facility_id: int, query: FacilityQuery | None = None) -> Registered:
    """Return one facility.

    Raises
    ------
    FacilityNotFound
        If none has that id (at the times of ``query``, if given).
    """
    times = query or FacilityQuery()
    wanted = FacilityQuery(ids=[facility_id], valid_at=times.valid_at, recorded_at=times.recorded_at)
    rows = select_revisions(session, wanted)
    if not rows:
        raise FacilityNotFound(f"no facility has the id {facility_id}")
    return _registered(rows[0])


def save(
    session: Session, facility: Facility, *, facility_id: int | None, author: str, origin: str,
    reason: str | None = None,
) -> tuple[int, str]:
    """Register a facility, or what is now believed of one.

    Parameters
    ----------
    session : Session
        A writing session; nothing takes effect before it ends.
    facility : Facility
    facility_id : int or None
        None registers a new facility.
    author, origin : str
        Who, and through which door (``import:3``).

    Returns
    -------
    (id, change) : tuple of int and str
        The change is ``new``, ``changed`` or ``unchanged``; the last makes no revision.
    """
    moment = now()
    if facility_id is None:
        facility_id = add_facility(session, created_at=moment)
        change = "new"
    else:
        current = get(session, facility_id)
        if current.facility == facility:
            return facility_id, "unchanged"
        # Until histories can be edited, every change is a correction of what was believed.
        _supersede(session, current.revision, moment)
        change = "changed"
    session.add(
        FacilityRevisionRow(
            **asdict(facility), facility_id=facility_id, recorded_at=moment, author=author,
            origin=origin, reason=reason, kind="create" if change == "new" else "correction",
            valid_from=facility.opened_on, valid_to=None, superseded_at=None, deleted=False,
        )
    )
    return facility_id, change


def _supersede(session: Session, revision: int, moment: str) -> None:
    row = session.get(FacilityRevisionRow, revision)
    if row is not None:
        row.superseded_at = moment
