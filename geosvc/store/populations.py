"""Numbers of people, each with area, year, kind and source."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.base import Audited, Base


class PopulationRow(Audited, Base):
    """How many people an area had; several figures for one area and year are kept side by side."""

    __tablename__ = "population"
    subject_kind = "population"
    subject_key: ClassVar = ("area_code", "year", "kind", "status", "id")
    __table_args__ = (UniqueConstraint("area_code", "year", "kind", "status", "source"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    area_code: Mapped[str] = mapped_column(index=True)
    year: Mapped[int]
    kind: Mapped[str]
    people: Mapped[float]
    status: Mapped[str]
    source: Mapped[str]
    groups: Mapped[dict[str, Any]]
    note: Mapped[str | None]
    recorded_at: Mapped[str]
    author: Mapped[str]
    origin: Mapped[str]


def select_populations(session: Session, area_code: str | None = None) -> list[PopulationRow]:
    """Return the figures of one area, or of all, by area, year and id."""
    statement = select(PopulationRow).order_by(
        PopulationRow.area_code, PopulationRow.year, PopulationRow.id
    )
    if area_code is not None:
        statement = statement.where(PopulationRow.area_code == area_code)
    return list(session.scalars(statement))


def select_population(
    session: Session, *, area_code: str, year: int, kind: str, status: str, source: str
) -> PopulationRow | None:
    """Return the one figure that has this key."""
    table = PopulationRow
    return session.scalar(
        select(table).where(
            table.area_code == area_code, table.year == year, table.kind == kind,
            table.status == status, table.source == source,
        )
    )


def newest_population(session: Session) -> str:
    """Return when a figure was last recorded; "" without any."""
    return str(session.scalar(select(func.max(PopulationRow.recorded_at))) or "")
