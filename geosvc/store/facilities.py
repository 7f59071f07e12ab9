"""Facilities and their revisions.

A revision is one whole state of a facility. Two times belong to it: *valid* (from when it is
true; in days) and *recorded* (when the registry learned it; in moments). Nothing is overwritten:
a revision that is no longer believed keeps its row and gets ``superseded_at``. The believed
revisions of a facility never overlap in valid time: ``valid_from`` is in, ``valid_to`` is not.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import JSON, ForeignKey, Index, String, and_, func, insert, or_, select, type_coerce
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.base import Audited, Base
from geosvc.store.boxes import containing
from geosvc.store.moments import today

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from geosvc.geo.crs import BBox


class FacilityRow(Base):
    """The identity of a facility; it carries no meaning and is never used again."""

    __tablename__ = "facility"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  SQLAlchemy reads it

    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[str]


class FacilityRevisionRow(Audited, Base):
    """One state of a facility; moments are ISO 8601 text, UTC, days are ISO 8601 days.

    ``replaces`` is the revision in whose place it stands, ``same_as`` the first one with the
    same content (None: it is the first itself), which runs name.
    """

    __tablename__ = "facility_revision"
    subject_kind = "facility"
    subject_key: ClassVar = ("facility_id",)
    # Contacts are personal data: not even their checksum is in the log.
    outside_content: ClassVar = frozenset({"id", "author", "reason", "origin", "superseded_at", "contact"})
    only_added = True
    __table_args__ = (
        Index("ix_facility_revision_current", "superseded_at", "facility_id"),
        Index("ix_facility_revision_class", "superseded_at", "class_code"),
        Index("ix_facility_revision_area", "superseded_at", "area_code"),
        Index("ix_facility_revision_position", "superseded_at", "lon", "lat"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    facility_id: Mapped[int] = mapped_column(ForeignKey("facility.id"), index=True)
    valid_from: Mapped[str | None]
    valid_to: Mapped[str | None]
    recorded_at: Mapped[str]
    superseded_at: Mapped[str | None]
    deleted: Mapped[bool] = mapped_column(default=False)
    kind: Mapped[str]
    author: Mapped[str]
    reason: Mapped[str | None]
    origin: Mapped[str]
    replaces: Mapped[int | None]
    same_as: Mapped[int | None]
    # what
    name: Mapped[str]
    short_name: Mapped[str | None]
    class_code: Mapped[str]
    level: Mapped[str | None]
    grade: Mapped[str | None]
    ownership: Mapped[str | None]
    service_mode: Mapped[str | None]
    # state
    state: Mapped[str]
    opened_on: Mapped[str | None]
    closed_on: Mapped[str | None]
    # where
    lon: Mapped[float | None]
    lat: Mapped[float | None]
    raw_x: Mapped[str | None]
    raw_y: Mapped[str | None]
    raw_datum: Mapped[str | None]
    position_method: Mapped[str]
    position_source: Mapped[str | None]
    position_date: Mapped[str | None]
    address: Mapped[str | None]
    area_code: Mapped[str | None]
    areas_served: Mapped[list[Any]]
    # capacity, capabilities, relations, contact: groups that vary from facility to facility
    identifiers: Mapped[list[Any]]
    aliases: Mapped[list[Any]]
    beds: Mapped[list[Any]]
    staff: Mapped[list[Any]]
    vehicles: Mapped[list[Any]]
    capabilities: Mapped[list[Any]]
    relations: Mapped[list[Any]]
    contact: Mapped[dict[str, Any]]
    illustrative: Mapped[bool] = mapped_column(default=False)
    source: Mapped[str | None]
    note: Mapped[str | None]

    def action(self, *, new: bool) -> str:
        """Return what was done: the kind of the revision."""
        return self.kind if new else "change"


@dataclass(frozen=True, kw_only=True)
class FacilityQuery:
    """Which facilities; every part that is None does not restrict.

    ``class_prefixes`` match from the left ("A" is every hospital); ``valid_at`` (a day, today
    unless given) and ``recorded_at`` (a moment) mean "as it was true then" and "as it was known then".
    """

    ids: Sequence[int] | None = None
    name_contains: str | None = None
    class_prefixes: Sequence[str] | None = None
    states: Sequence[str] | None = None
    area_prefix: str | None = None
    bbox: BBox | None = None
    located: bool | None = None
    illustrative: bool | None = None
    valid_at: str | None = None
    recorded_at: str | None = None


def _believed(query: FacilityQuery) -> list[Any]:
    """Clauses that pick, of every facility, the one revision meant by the two times."""
    row = FacilityRevisionRow
    if query.recorded_at is None:
        clauses: list[Any] = [row.superseded_at.is_(None)]
    else:
        clauses = [
            row.recorded_at <= query.recorded_at,
            or_(row.superseded_at.is_(None), row.superseded_at > query.recorded_at),
        ]
    day = query.valid_at or today()
    clauses += [
        or_(row.valid_from.is_(None), row.valid_from <= day),
        or_(row.valid_to.is_(None), row.valid_to > day),
    ]
    return [*clauses, row.deleted.is_(False)]


def like_text(text: str) -> str:
    """Return text with the wildcards of LIKE escaped by a backslash."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _begins(column: Any, prefix: str) -> Any:
    """Match a prefix as a range, which an index serves; LIKE with an escape would read every row."""
    return and_(column >= prefix, column < prefix + "\U0010ffff")


def _clauses(query: FacilityQuery) -> list[Any]:
    row = FacilityRevisionRow
    clauses = _believed(query)
    if query.ids is not None:
        clauses.append(row.facility_id.in_(query.ids))
    if query.name_contains:
        clauses.append(row.name.like(f"%{like_text(query.name_contains)}%", escape="\\"))
    if query.class_prefixes is not None:
        clauses.append(or_(*(_begins(row.class_code, p) for p in query.class_prefixes)))
    if query.states is not None:
        clauses.append(row.state.in_(query.states))
    if query.area_prefix:
        clauses.append(_begins(row.area_code, query.area_prefix))
    if query.located is not None:
        clauses.append(row.lon.is_not(None) if query.located else row.lon.is_(None))
    if query.illustrative is not None:
        clauses.append(row.illustrative.is_(query.illustrative))
    if query.bbox is not None:
        clauses += containing(row.lon, row.lat, query.bbox)
    return clauses


def select_revisions(
    session: Session, query: FacilityQuery, *, after_id: int = 0, limit: int | None = None
) -> list[FacilityRevisionRow]:
    """Return revisions in the order of facility id, those after ``after_id`` only."""
    row = FacilityRevisionRow
    statement = (
        select(row).where(*_clauses(query), row.facility_id > after_id).order_by(row.facility_id)
    )
    if limit is not None:
        statement = statement.limit(limit)
    return list(session.scalars(statement))


def select_values(session: Session, query: FacilityQuery, names: Sequence[str]) -> Iterator[list[Any]]:
    """Return named columns of revisions in the order of facility id, without making rows of them.

    Most groups are empty, and an empty one needs no parser of JSON.
    """
    columns = [FacilityRevisionRow.__table__.c[name] for name in names]
    places = [place for place, column in enumerate(columns) if isinstance(column.type, JSON)]
    texts = [type_coerce(column, String) if isinstance(column.type, JSON) else column for column in columns]
    statement = select(*texts).where(*_clauses(query)).order_by(FacilityRevisionRow.facility_id)
    for found in session.execute(statement):
        values = list(found)
        for place in places:
            text = values[place]
            values[place] = [] if text == "[]" else json.loads(text)
        yield values


def select_by_revision(session: Session, revisions: Sequence[int]) -> list[FacilityRevisionRow]:
    """Return named revisions, believed still or not, in the order of facility id."""
    row = FacilityRevisionRow
    return list(session.scalars(select(row).where(row.id.in_(revisions)).order_by(row.facility_id)))


def count_revisions(session: Session, query: FacilityQuery) -> int:
    """Return how many facilities the query matches."""
    statement = select(func.count()).select_from(FacilityRevisionRow).where(*_clauses(query))
    return int(session.scalar(statement) or 0)


def select_marks(session: Session, query: FacilityQuery) -> list[tuple[int, int]]:
    """Return (facility id, first revision of its content) in the order of facility id: enough to compare, quick for many."""
    row = FacilityRevisionRow
    found = session.execute(select(row.facility_id, func.coalesce(row.same_as, row.id)).where(*_clauses(query)).order_by(row.facility_id))
    return [(int(one), int(revision)) for one, revision in found]


def select_class_codes(session: Session, query: FacilityQuery) -> list[str]:
    """Return the class codes of the facilities that the query matches, in order, each once."""
    code = FacilityRevisionRow.class_code
    return list(session.scalars(select(code).where(*_clauses(query)).distinct().order_by(code)))


def select_believed(session: Session, facility_id: int | None = None) -> list[FacilityRevisionRow]:
    """Return the revisions that are believed now of one facility, or of all, in the order of valid time."""
    row = FacilityRevisionRow
    statement = select(row).where(row.superseded_at.is_(None)).order_by(row.facility_id, row.valid_from)
    if facility_id is not None:
        statement = statement.where(row.facility_id == facility_id)
    return list(session.scalars(statement))  # an unknown beginning (NULL) sorts first


def select_history(
    session: Session, facility_id: int, *, before: int | None = None, limit: int | None = None
) -> list[FacilityRevisionRow]:
    """Return all revisions of a facility, believed still or not, newest first, those before one only."""
    row = FacilityRevisionRow
    statement = select(row).where(row.facility_id == facility_id).order_by(row.id.desc())
    if before is not None:
        statement = statement.where(row.id < before)
    return list(session.scalars(statement if limit is None else statement.limit(limit)))


def select_revisions_by_id(session: Session, ids: Sequence[int]) -> dict[int, FacilityRevisionRow]:
    """Return revisions by their id."""
    row = FacilityRevisionRow
    return {each.id: each for each in session.scalars(select(row).where(row.id.in_(ids)))}


def add_facility(session: Session, *, created_at: str) -> int:
    """Give out a new identity and return it."""
    # Past the session's list of new rows: revisions of an import are then written together, not one by one.
    statement = insert(FacilityRow).values(created_at=created_at).returning(FacilityRow.id)
    return int(session.connection().execute(statement).scalar_one())


def first_registered_at(session: Session) -> str | None:
    """Return the moment at which the first facility got its identity; None in an empty registry."""
    return session.scalar(select(FacilityRow.created_at).order_by(FacilityRow.id).limit(1))
