"""Areas, their revisions, and what divisions became.

An area is known by its code. As with facilities, a revision is one whole state of it; nothing is
overwritten, and the believed revisions of a code never overlap in valid time. Between them may be
days on which there is no such area: a division that was abolished ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import JSON, Index, and_, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.base import Audited, Base
from geosvc.store.boxes import overlapping
from geosvc.store.two_times import true_and_believed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.geo.crs import BBox


class AreaRow(Audited, Base):
    """One revision of an area; its geometry is WKB in degrees, its box stands beside it.

    ``valid_from`` and ``valid_to`` are days (the second is out), ``recorded_at`` and
    ``superseded_at`` moments. ``change`` is the kind of the revision, ``replaces`` the one in whose
    place it stands, ``same_as`` the first with the same content (None: itself).
    """

    __tablename__ = "area"
    subject_kind = "area"
    subject_key: ClassVar = ("code",)
    numbered = True
    only_added = True
    outside_content: ClassVar = Audited.outside_content | {
        "id", "reason", "superseded_at", "change", "west", "south", "east", "north"}
    __table_args__ = (
        Index("ix_area_believed", "superseded_at", "code"),
        Index("ix_area_box", "west", "east", "south", "north"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(index=True)
    valid_from: Mapped[str | None]
    valid_to: Mapped[str | None]
    recorded_at: Mapped[str]
    superseded_at: Mapped[str | None]
    change: Mapped[str]
    author: Mapped[str]
    reason: Mapped[str | None]
    origin: Mapped[str]
    replaces: Mapped[int | None]
    same_as: Mapped[int | None]
    name: Mapped[str]
    level: Mapped[str] = mapped_column(index=True)
    parent_code: Mapped[str | None] = mapped_column(index=True)
    kind: Mapped[str | None]
    settlement_class: Mapped[str | None]
    published_km2: Mapped[float | None]
    geometry: Mapped[bytes | None]
    west: Mapped[float | None]
    south: Mapped[float | None]
    east: Mapped[float | None]
    north: Mapped[float | None]
    # Codes of the divisions of a zone; None for every other area, and for a zone with a polygon of its own.
    members: Mapped[list[Any] | None] = mapped_column(JSON(none_as_null=True))
    source: Mapped[str | None]
    licence: Mapped[str | None]
    review_number: Mapped[str | None]
    schematic: Mapped[bool] = mapped_column(default=False)

    def action(self, *, new: bool) -> str:
        """Return what was done: the kind of the revision."""
        return self.change if new else "change"


class SuccessionRow(Audited, Base):
    """A division became another on a day; one that was split has a row for each part."""

    __tablename__ = "area_succession"
    subject_kind = "division"
    subject_key: ClassVar = ("old_code", "new_code", "id")
    outside_content: ClassVar = Audited.outside_content | {"id"}
    only_added = True

    id: Mapped[int] = mapped_column(primary_key=True)
    old_code: Mapped[str] = mapped_column(index=True)
    new_code: Mapped[str] = mapped_column(index=True)
    day: Mapped[str]
    note: Mapped[str | None]
    recorded_at: Mapped[str]
    author: Mapped[str]
    origin: Mapped[str]

    def action(self, *, new: bool) -> str:
        """Return what was done."""
        return "became" if new else "change"


@dataclass(frozen=True, kw_only=True)
class AreaQuery:
    """Which areas; every part that is None does not restrict.

    ``valid_at`` (a day, today unless given) and ``recorded_at`` (a moment) mean "as it was true
    then" and "as it was known then". A zone of members has the polygon that they have together:
    here it passes every question about polygons, :mod:`geosvc.registry.areas` looks closer.
    """

    codes: Sequence[str] | None = None
    levels: Sequence[str] | None = None
    parent_code: str | None = None
    name_contains: str | None = None
    has_geometry: bool | None = None
    has_members: bool | None = None
    bbox: BBox | None = None
    valid_at: str | None = None
    recorded_at: str | None = None


def _clauses(query: AreaQuery) -> list[Any]:
    row = AreaRow
    clauses = true_and_believed(row, query.valid_at, query.recorded_at)
    if query.codes is not None:
        clauses.append(row.code.in_(query.codes))
    if query.levels is not None:
        clauses.append(row.level.in_(query.levels))
    if query.parent_code is not None:
        clauses.append(row.parent_code == query.parent_code)
    if query.name_contains:
        clauses.append(row.name.contains(query.name_contains, autoescape=True))
    if query.has_members is not None:
        clauses.append(row.members.is_not(None) if query.has_members else row.members.is_(None))
    if query.has_geometry is not None:
        clauses.append(
            or_(row.geometry.is_not(None), row.members.is_not(None)) if query.has_geometry else row.geometry.is_(None)
        )
    if query.bbox is not None:
        clauses.append(or_(row.members.is_not(None), and_(*overlapping(row, query.bbox))))
    return clauses


def select_areas(
    session: Session, query: AreaQuery, *, after_code: str = "", limit: int | None = None
) -> list[AreaRow]:
    """Return revisions in the order of their code, those after ``after_code`` only."""
    statement = (
        select(AreaRow).where(*_clauses(query), AreaRow.code > after_code).order_by(AreaRow.code)
    )
    return list(session.scalars(statement if limit is None else statement.limit(limit)))


def select_area_names(session: Session, query: AreaQuery, *, limit: int) -> list[tuple[str, str]]:
    """Return (code, name) of areas in the order of their code, without reading their polygons."""
    found = session.execute(select(AreaRow.code, AreaRow.name).where(*_clauses(query)).order_by(AreaRow.code).limit(limit))
    return [(str(code), str(name)) for code, name in found]


def select_parents_elsewhere(session: Session) -> list[tuple[str, str]]:
    """Return (code, code of the area above) of today's areas whose code does not tell what is above them."""
    row = AreaRow
    # Codes of digits begin with the code above; that of a zone says nothing of what lies in it.
    untold = or_(~row.code.startswith(row.parent_code), ~row.parent_code.between("0", ":"))
    found = session.execute(
        select(row.code, row.parent_code).where(*true_and_believed(row, None, None), row.parent_code.is_not(None), untold).order_by(row.code))
    return [(str(code), str(parent)) for code, parent in found]


def count_areas(session: Session, query: AreaQuery) -> int:
    """Return how many areas the query matches."""
    return int(session.scalar(select(func.count()).select_from(AreaRow).where(*_clauses(query))) or 0)


def select_area_marks(session: Session, query: AreaQuery) -> list[int]:
    """Return the first revision of the content of every area that the query matches, by code: enough to compare."""
    row = AreaRow
    found = session.scalars(select(func.coalesce(row.same_as, row.id)).where(*_clauses(query)).order_by(row.code))
    return [int(each) for each in found]


def select_believed_areas(session: Session, codes: Sequence[str] | None = None) -> list[AreaRow]:
    """Return the revisions that are believed now of some areas, or of all, by code and valid time."""
    row = AreaRow
    statement = select(row).where(row.superseded_at.is_(None)).order_by(row.code, row.valid_from)
    if codes is not None:
        statement = statement.where(row.code.in_(codes))
    return list(session.scalars(statement))  # an unknown beginning (NULL) sorts first


def select_area_history(session: Session, code: str) -> list[AreaRow]:
    """Return all revisions of an area, believed still or not, newest first."""
    return list(session.scalars(select(AreaRow).where(AreaRow.code == code).order_by(AreaRow.id.desc())))


def select_successions(
    session: Session, *, until: str | None = None, recorded_at: str | None = None
) -> list[SuccessionRow]:
    """Return what divisions became, in the order of day; until a day, and as it was known at a moment."""
    row = SuccessionRow
    statement = select(row).order_by(row.day, row.id)
    if until is not None:
        statement = statement.where(row.day <= until)
    if recorded_at is not None:
        statement = statement.where(row.recorded_at <= recorded_at)
    return list(session.scalars(statement))
