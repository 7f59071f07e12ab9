"""Areas: coded divisions with or without a polygon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import Index, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.base import Audited, Base
from geosvc.store.boxes import overlapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.geo.crs import BBox


class AreaRow(Audited, Base):
    """One area; its geometry is WKB in degrees, its box stands beside it."""

    __tablename__ = "area"
    subject_kind = "area"
    subject_key: ClassVar = ("code",)
    outside_content: ClassVar = Audited.outside_content | {"west", "south", "east", "north"}
    __table_args__ = (Index("ix_area_box", "west", "east", "south", "north"),)

    code: Mapped[str] = mapped_column(primary_key=True)
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
    source: Mapped[str | None]
    licence: Mapped[str | None]
    review_number: Mapped[str | None]
    schematic: Mapped[bool] = mapped_column(default=False)
    recorded_at: Mapped[str]
    author: Mapped[str]
    origin: Mapped[str]


@dataclass(frozen=True, kw_only=True)
class AreaQuery:
    """Which areas; every part that is None does not restrict."""

    codes: Sequence[str] | None = None
    levels: Sequence[str] | None = None
    parent_code: str | None = None
    name_contains: str | None = None
    has_geometry: bool | None = None
    bbox: BBox | None = None


def _clauses(query: AreaQuery) -> list[Any]:
    clauses: list[Any] = []
    if query.codes is not None:
        clauses.append(AreaRow.code.in_(query.codes))
    if query.levels is not None:
        clauses.append(AreaRow.level.in_(query.levels))
    if query.parent_code is not None:
        clauses.append(AreaRow.parent_code == query.parent_code)
    if query.name_contains:
        clauses.append(AreaRow.name.contains(query.name_contains, autoescape=True))
    if query.has_geometry is not None:
        clauses.append(
            AreaRow.geometry.is_not(None) if query.has_geometry else AreaRow.geometry.is_(None)
        )
    if query.bbox is not None:
        clauses += overlapping(AreaRow, query.bbox)
    return clauses


def select_areas(
    session: Session, query: AreaQuery, *, after_code: str = "", limit: int | None = None
) -> list[AreaRow]:
    """Return areas in the order of their code, those after ``after_code`` only."""
    statement = (
        select(AreaRow).where(*_clauses(query), AreaRow.code > after_code).order_by(AreaRow.code)
    )
    return list(session.scalars(statement if limit is None else statement.limit(limit)))


def count_areas(session: Session, query: AreaQuery) -> int:
    """Return how many areas the query matches."""
    return int(session.scalar(select(func.count()).select_from(AreaRow).where(*_clauses(query))) or 0)


def newest_area(session: Session) -> str:
    """Return when an area was last recorded; "" without any."""
    return str(session.scalar(select(func.max(AreaRow.recorded_at))) or "")
