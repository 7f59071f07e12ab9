"""Facilities: reading them, and registering what is believed of them.

Every write makes a revision and overwrites nothing: :func:`save` here, for imports, and the
changes of :mod:`geosvc.registry.history`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from geosvc.errors import FacilityNotFound, InvalidInput
from geosvc.geo.crs import check_position
from geosvc.registry.classes import class_of
from geosvc.registry.moments import AsOf, now, opening_day, today
from geosvc.registry.places import meaning_of
from geosvc.registry.revisions import (
    CORRECTION,
    CREATE,
    OPENING,
    By,
    content_of,
    expect,
    living,
    moment_after,
    supersede,
    true_on,
    write,
)
from geosvc.store.facilities import (
    FacilityQuery,
    FacilityRevisionRow,
    add_facilities,
    count_revisions,
    select_by_revision,
    select_class_codes,
    select_marks,
    select_revisions,
    select_values,
)
from geosvc.store.facility_lists import Order, Place, place_of, select_list

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.geo.crs import BBox
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
    if value not in choices._value2member_map_:  # as quick as a look-up; thousands are made at once
        raise InvalidInput(f"{what} must be one of {', '.join(choices)}; got {value!r}")


@dataclass(frozen=True, kw_only=True)
class Registered:
    """A facility with the identity and the revision under which it is registered.

    ``content_revision`` is the first revision that said the same: confirming a facility, or ending
    its valid time, does not change what is computed of it.
    """

    id: int
    revision: int
    recorded_at: str
    valid_from: str | None
    facility: Facility
    valid_to: str | None = None
    content_revision: int = 0


_CONTENT = tuple(each.name for each in fields(Facility))


def registered_of(row: FacilityRevisionRow) -> Registered:
    """Return a facility as a revision says it."""
    return Registered(
        id=row.facility_id,
        revision=row.id,
        recorded_at=row.recorded_at,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        content_revision=row.same_as or row.id,
        facility=Facility(**{name: getattr(row, name) for name in _CONTENT}),
    )


def meant(session: Session, query: FacilityQuery) -> FacilityQuery:
    """Return a query whose area is told as what it means on its day: a zone, or a division that others became."""
    if not query.area_prefix or query.within is not None:
        return query
    as_of = AsOf(valid_at=query.valid_at, recorded_at=query.recorded_at)

    def positions(bbox: BBox) -> list[tuple[int, float, float]]:
        found = select_values(session, FacilityQuery(bbox=bbox, valid_at=as_of.valid_at, recorded_at=as_of.recorded_at), ("facility_id", "lon", "lat"))
        return [(number, lon, lat) for number, lon, lat in found]

    within = meaning_of(session, query.area_prefix, as_of, positions)
    return query if within is None else replace(query, within=within)


def find(
    session: Session, query: FacilityQuery, *, after_id: int = 0, limit: int | None = None
) -> list[Registered]:
    """Return the facilities that a query matches, in the order of their id."""
    return [registered_of(row) for row in select_revisions(session, meant(session, query), after_id=after_id, limit=limit)]


def page(
    session: Session, query: FacilityQuery, order: Order, *, after: Place | None = None, limit: int
) -> tuple[int, list[Registered], Place | None]:
    """Return (how many a query matches, those after a place in an order, the place to go on from or None)."""
    matched, rows = select_list(session, meant(session, query), order, after=after, limit=limit + 1)
    following = place_of(rows[limit - 1], order) if len(rows) > limit else None
    return matched, [registered_of(row) for row in rows[:limit]], following


def find_many(session: Session, query: FacilityQuery) -> list[Registered]:
    """Return what :func:`find` returns, in a third of the time: 100,000 facilities for an export."""
    names = ("facility_id", "id", "recorded_at", "valid_from", *_CONTENT)
    return [
        Registered(
            id=facility_id, revision=revision, recorded_at=recorded_at, valid_from=valid_from,
            facility=Facility(**dict(zip(_CONTENT, content, strict=True))),
        )
        for facility_id, revision, recorded_at, valid_from, *content in select_values(session, meant(session, query), names)
    ]


def at_revisions(session: Session, revisions: Sequence[int]) -> list[Registered]:
    """Return facilities as they were in named revisions: what a run was computed on."""
    return [registered_of(row) for row in select_by_revision(session, revisions)]


def count(session: Session, query: FacilityQuery) -> int:
    """Return how many facilities a query matches."""
    return count_revisions(session, meant(session, query))


def marks(session: Session, query: FacilityQuery) -> list[tuple[int, int]]:
    """Return (id, revision) of the facilities that a query matches, without reading what they are."""
    return select_marks(session, meant(session, query))


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
    return registered_of(rows[0])


def save(
    session: Session, facility: Facility, *, facility_id: int | None, author: str, origin: str,
    reason: str | None = None, expected: int | None = None,
) -> tuple[int, str]:
    """Register a facility, or what is now believed of one.

    One that opens later is planned until then: its history gets both.

    Parameters
    ----------
    session : Session
        A writing session; nothing takes effect before it ends.
    facility : Facility
    facility_id : int or None
        None registers a new facility.
    author, origin : str
        Who, and through which door (``import:3``).
    reason : str or None
    expected : int or None
        The revision that the writer has seen.

    Returns
    -------
    (id, change) : tuple of int and str
        The change is ``new``, ``changed`` or ``unchanged``; the last makes no revision.

    Raises
    ------
    FacilityNotFound
        If none has that id, or it was deleted.
    Conflict
        If it stands at another revision than ``expected``.
    """
    by = By(author=author, origin=origin, moment=now(), reason=reason)
    life = life_of(facility)
    if facility_id is None:
        (facility_id,) = add_facilities(session, 1, created_at=by.moment)
        _create(session, facility_id, life, by)
        return facility_id, "new"
    return facility_id, _believe(session, facility_id, life, by, expected)


def register(session: Session, facilities: Sequence[Facility], *, author: str, origin: str, reason: str | None = None) -> list[int]:
    """Register new facilities, as :func:`save` does one by one; return their ids, in their order."""
    by = By(author=author, origin=origin, moment=now(), reason=reason)
    numbers = add_facilities(session, len(facilities), created_at=by.moment)
    for number, facility in zip(numbers, facilities, strict=True):
        _create(session, number, life_of(facility), by)
    return numbers


def _create(session: Session, facility_id: int, life: list[tuple[str | None, Facility]], by: By) -> None:
    write(session, facility_id, content(life[0][1]), kind=CREATE, span=(life[0][0], _begin(life, 1)), by=by)
    for day, opened in life[1:]:
        write(session, facility_id, content(opened), kind=OPENING, span=(day, None), by=by)


def content(facility: Facility) -> dict[str, Any]:
    """Return the values of a facility as a revision holds them."""
    values = {name: getattr(facility, name) for name in _CONTENT}
    return {**values, "lon": None if facility.lon is None else float(facility.lon),
            "lat": None if facility.lat is None else float(facility.lat)}


def life_of(facility: Facility) -> list[tuple[str | None, Facility]]:
    """Return what is true from which day: one that opens later is planned before."""
    day = opening_day(facility.opened_on)
    if facility.state == State.PLANNED:
        return [(None, facility)]
    if day is not None and day > today():
        return [(None, replace(facility, state=State.PLANNED)), (day, facility)]
    return [(day, facility)]


def _begin(life: list[tuple[str | None, Facility]], number: int) -> str | None:
    return life[number][0] if number < len(life) else None


def _believe(
    session: Session, facility_id: int, life: list[tuple[str | None, Facility]], by: By, expected: int | None
) -> str:
    """Correct what is true today, with the opening that follows from it."""
    rows, current = _standing(session, facility_id)
    expect(session, current, expected)
    old, wanted = _in_place(rows, current, life)
    if _same(old, wanted):
        return "unchanged"
    place, end = rows.index(current), old[-1].valid_to
    begin = current.valid_from if place or len(wanted) > 1 else beginning(life[0][1], current)
    by = replace(by, moment=moment_after(rows, by.moment))
    supersede(old, by.moment)
    write(session, facility_id, wanted[0][0], kind=CORRECTION, span=(begin, wanted[1][1] if len(wanted) > 1 else end),
          by=by, replaces=current)
    for values, day in wanted[1:]:
        write(session, facility_id, values, kind=OPENING, span=(day, end), by=by, replaces=old[-1])
    return "changed"


def would_change(session: Session, facility_id: int, facility: Facility) -> bool:
    """Return whether :func:`save` would find something new in what is said of a facility.

    Raises
    ------
    FacilityNotFound
    """
    rows, current = _standing(session, facility_id)
    return not _same(*_in_place(rows, current, life_of(facility)))


def _standing(session: Session, facility_id: int) -> tuple[list[FacilityRevisionRow], FacilityRevisionRow]:
    rows = living(session, facility_id)
    current = true_on(rows, today())
    if current is None:
        raise FacilityNotFound(f"facility {facility_id} is not there yet: it begins on {rows[0].valid_from}")
    return rows, current


_Wanted = list[tuple[dict[str, Any], str | None]]


def _in_place(
    rows: list[FacilityRevisionRow], current: FacilityRevisionRow, life: list[tuple[str | None, Facility]]
) -> tuple[list[FacilityRevisionRow], _Wanted]:
    """Return the revisions in whose place a life is written, and what is to stand there from which day."""
    place = rows.index(current)
    # The opening that a plan foretold belongs to the plan; what was entered by hand after it does not.
    old = rows[place : place + (2 if place + 1 < len(rows) and rows[place + 1].kind == OPENING else 1)]
    end = old[-1].valid_to
    return old, [(content(each), day) for day, each in life if day is None or end is None or day < end]


def _same(old: list[FacilityRevisionRow], wanted: _Wanted) -> bool:
    return len(old) == len(wanted) and all(
        content_of(row) == values and (number == 0 or row.valid_from == day)
        for number, (row, (values, day)) in enumerate(zip(old, wanted, strict=True))
    )


def beginning(facility: Facility, first: FacilityRevisionRow) -> str | None:
    """Return from when a facility's first revision is true, its day of opening being corrected with it."""
    day = opening_day(facility.opened_on)
    if facility.state == State.PLANNED or day is None or day == opening_day(first.opened_on):
        return first.valid_from
    return day if day <= today() and (first.valid_to is None or day < first.valid_to) else first.valid_from
