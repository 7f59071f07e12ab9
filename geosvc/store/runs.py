"""Runs and what they found: coverage rows and gaps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import JSON, ForeignKey, Index, and_, case, delete, func, or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.base import Base
from geosvc.store.boxes import overlapping

if TYPE_CHECKING:
    from geosvc.geo.crs import BBox


# The sequence of a run that was only tried: it never answers for its service.
TRIAL = 0
# Orders of gaps: most people first; farthest beyond the limit first, unreachable before all; by area.
GAP_SORTS = ("people", "worst", "area")


class RunRow(Base):
    """One computation. Its id is the beginning of the checksum of everything that went in."""

    __tablename__ = "run"
    __table_args__ = (Index("ix_run_service", "service_id", "sequence"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    sequence: Mapped[int]
    service_id: Mapped[str]
    created_at: Mapped[str]
    version: Mapped[str]
    checksum: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    inputs: Mapped[dict[str, Any]]
    notes: Mapped[list[Any]]
    summary: Mapped[dict[str, Any]]
    # The day and the moment it was asked for; None = those of the present when it was measured.
    valid_at: Mapped[str | None]
    known_at: Mapped[str | None]
    # Checksums of which revisions of areas and figures of people were in force: quick to compare.
    marks: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))


class CoverageRow(Base):
    """People and square kilometres of one area by state, for one threshold of one run."""

    __tablename__ = "coverage"

    run_id: Mapped[str] = mapped_column(ForeignKey("run.id"), primary_key=True)
    threshold: Mapped[str] = mapped_column(primary_key=True)
    area_code: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    name: Mapped[str]
    level: Mapped[str]
    people: Mapped[dict[str, Any]]
    km2: Mapped[dict[str, Any]]
    figures: Mapped[dict[str, Any]]


class GapRow(Base):
    """One gap polygon of one threshold of one run."""

    __tablename__ = "gap"
    __table_args__ = (
        Index("ix_gap_order", "run_id", "threshold", "rank"),
        Index("ix_gap_box", "run_id", "west", "east", "south", "north"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("run.id"))
    service_id: Mapped[str]
    threshold: Mapped[str]
    rank: Mapped[int]
    area_code: Mapped[str | None]
    people: Mapped[float | None]
    km2: Mapped[float]
    figures: Mapped[dict[str, Any]]
    geometry: Mapped[bytes]
    west: Mapped[float]
    south: Mapped[float]
    east: Mapped[float]
    north: Mapped[float]


@dataclass(frozen=True, kw_only=True)
class GapQuery:
    """Which gaps of one run; every other part that is None does not restrict."""

    run_id: str
    threshold: str | None = None
    area_code: str | None = None
    min_people: float | None = None
    bbox: BBox | None = None


def latest_run(session: Session, service_id: str) -> RunRow | None:
    """Return the newest run of a service; trials do not count."""
    return session.scalars(
        select(RunRow).where(RunRow.service_id == service_id, RunRow.sequence > TRIAL).order_by(RunRow.sequence.desc()).limit(1)
    ).first()


def latest_run_id(session: Session, service_id: str) -> str | None:
    """Return the id of the newest run of a service, without reading what went into it."""
    return session.scalar(
        select(RunRow.id).where(RunRow.service_id == service_id, RunRow.sequence > TRIAL).order_by(RunRow.sequence.desc()).limit(1)
    )


def next_sequence(session: Session) -> int:
    """Return the number of the next run; runs are ordered by it, not by clock."""
    return int(session.scalar(select(func.max(RunRow.sequence))) or 0) + 1


def delete_run(session: Session, run: RunRow) -> None:
    """Remove a run and all that it found."""
    for table in (GapRow, CoverageRow):
        session.execute(delete(table).where(table.run_id == run.id))
    session.delete(run)
    session.flush()


def select_coverage(session: Session, run_id: str, threshold: str | None = None) -> list[CoverageRow]:
    """Return the rows of a run by threshold and by their order in the table."""
    statement = select(CoverageRow).where(CoverageRow.run_id == run_id)
    if threshold is not None:
        statement = statement.where(CoverageRow.threshold == threshold)
    return list(session.scalars(statement.order_by(CoverageRow.threshold, CoverageRow.position)))


def _clauses(query: GapQuery) -> list[Any]:
    clauses: list[Any] = [GapRow.run_id == query.run_id]
    if query.threshold is not None:
        clauses.append(GapRow.threshold == query.threshold)
    if query.area_code is not None:
        clauses.append(
            or_(GapRow.area_code == query.area_code,
                GapRow.area_code.startswith(query.area_code, autoescape=True))
        )
    if query.min_people is not None:
        clauses.append(GapRow.people >= query.min_people)
    if query.bbox is not None:
        clauses += overlapping(GapRow, query.bbox)
    return clauses


def _sort_keys(sort: str) -> list[Any]:
    """Return what gaps of one threshold are ordered by, ascending; the rank, which is theirs alone, comes last."""
    row = GapRow
    if sort == "worst":
        worst = row.figures["worst"].as_float()
        return [case((worst.is_(None), 0), else_=1), func.coalesce(-worst, 0.0), row.rank]
    if sort == "area":
        return [case((row.area_code.is_(None), 1), else_=0), func.coalesce(row.area_code, ""), row.rank]
    return [row.rank]


def _beyond(keys: list[Any], place: list[Any]) -> Any:
    """Return a clause for the rows whose keys come after a place, compared key by key."""
    return or_(*(
        and_(*(key == at for key, at in zip(keys[:i], place[:i], strict=True)), keys[i] > place[i]) for i in range(len(keys))
    ))


def has_gap_of_rank(session: Session, query: GapQuery, rank: int) -> bool:
    """Return whether a run has a gap of a rank at the query's threshold, whatever else is asked for."""
    return _place_of_rank(session, query, rank, _sort_keys("people")) is not None


def _place_of_rank(session: Session, query: GapQuery, rank: int, keys: list[Any]) -> list[Any] | None:
    found = session.execute(
        # With the entity's own column in front the limit of the session's areas holds here too.
        select(GapRow.id, *keys).where(GapRow.run_id == query.run_id, GapRow.threshold == query.threshold, GapRow.rank == rank)
    ).first()
    return None if found is None else list(found[1:])


def select_gaps(
    session: Session, query: GapQuery, *, sort: str = "people", after_rank: int = 0, limit: int | None = None
) -> list[GapRow]:
    """Return gaps in one of the orders of ``GAP_SORTS``, those after the gap of rank ``after_rank`` only.

    Any order but that by people is one of a single threshold.
    """
    keys = _sort_keys(sort)
    statement = select(GapRow).where(*_clauses(query)).order_by(*keys, GapRow.id)
    if sort == "people":
        statement = statement.where(GapRow.rank > after_rank)
    elif after_rank:
        # The place is read by the same expression that orders the rows: it is the same number to the last bit.
        place = _place_of_rank(session, query, after_rank, keys)
        statement = statement.where(_beyond(keys, place)) if place is not None else statement
    return list(session.scalars(statement if limit is None else statement.limit(limit)))


def count_gaps(session: Session, query: GapQuery) -> int:
    """Return how many gaps the query matches."""
    return int(session.scalar(select(func.count()).select_from(GapRow).where(*_clauses(query))) or 0)
