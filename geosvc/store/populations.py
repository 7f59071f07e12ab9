"""Numbers of people, each with area, year, kind and source."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import Index, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.base import Audited, Base
from geosvc.store.two_times import believed

_BELIEVED = text("superseded_at IS NULL")


class PopulationRow(Audited, Base):
    """How many people an area had; several figures for one area and year are kept side by side.

    A figure that was corrected keeps its row (``superseded_at``); ``replaces`` is the one in whose
    place another stands.
    """

    __tablename__ = "population"
    subject_kind = "population"
    subject_key: ClassVar = ("area_code", "year", "kind", "status", "id")
    outside_content: ClassVar = Audited.outside_content | {"superseded_at"}
    only_added = True
    __table_args__ = (
        Index(
            "ix_population_believed", "area_code", "year", "kind", "status", "source", unique=True,
            sqlite_where=_BELIEVED, postgresql_where=_BELIEVED,
        ),
    )

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
    superseded_at: Mapped[str | None]
    replaces: Mapped[int | None]
    author: Mapped[str]
    origin: Mapped[str]

    def action(self, *, new: bool) -> str:
        """Return what was done."""
        return "change" if self.replaces is not None or not new else "create"


def select_populations(
    session: Session, area_code: str | None = None, *, recorded_at: str | None = None
) -> list[PopulationRow]:
    """Return the figures of one area, or of all, by area, year and id; as they were known at a moment."""
    # By the first row of a figure: one that was corrected stays in its place.
    order = func.coalesce(PopulationRow.replaces, PopulationRow.id)
    statement = select(PopulationRow).where(*believed(PopulationRow, recorded_at)).order_by(
        PopulationRow.area_code, PopulationRow.year, order
    )
    if area_code is not None:
        statement = statement.where(PopulationRow.area_code == area_code)
    return list(session.scalars(statement))


def select_population_marks(session: Session, *, recorded_at: str | None = None) -> list[int]:
    """Return the numbers of the figures in force, in order: enough to compare."""
    found = session.scalars(select(PopulationRow.id).where(*believed(PopulationRow, recorded_at)).order_by(PopulationRow.id))
    return [int(each) for each in found]


def select_population(
    session: Session, *, area_code: str, year: int, kind: str, status: str, source: str
) -> PopulationRow | None:
    """Return the one figure that has this key."""
    table = PopulationRow
    return session.scalar(
        select(table).where(
            table.area_code == area_code, table.year == year, table.kind == kind,
            table.status == status, table.source == source, table.superseded_at.is_(None),
        )
    )
