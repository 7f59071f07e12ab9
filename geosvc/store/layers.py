"""Layers: files that a run computes on (roads, people on a grid, elevation, land cover)."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import or_, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.base import Audited, Base


class LayerRow(Audited, Base):
    """One layer; its file lies in the workspace under a name made of its checksum.

    A newer layer of the same kind replaces the older one, which keeps its row (``replaced_at``)
    so that old runs still name what they were computed on.
    """

    __tablename__ = "layer"
    subject_kind = "layer"
    subject_key: ClassVar = ("kind", "id")
    outside_content: ClassVar = Audited.outside_content | {"replaced_at"}
    only_added = True

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(index=True)
    title: Mapped[str]
    file_name: Mapped[str]
    path: Mapped[str]
    sha256: Mapped[str]
    source: Mapped[str | None]
    licence: Mapped[str | None]
    dated: Mapped[str | None]
    schematic: Mapped[bool] = mapped_column(default=False)
    summary: Mapped[dict[str, Any]]
    recorded_at: Mapped[str]
    replaced_at: Mapped[str | None]
    author: Mapped[str]


def select_layers(session: Session, kind: str | None = None, *, recorded_at: str | None = None) -> list[LayerRow]:
    """Return the layers in force, of one kind or of all; those that were in force at a moment."""
    statement = select(LayerRow).order_by(LayerRow.id)
    if recorded_at is None:
        statement = statement.where(LayerRow.replaced_at.is_(None))
    else:
        statement = statement.where(
            LayerRow.recorded_at <= recorded_at, or_(LayerRow.replaced_at.is_(None), LayerRow.replaced_at > recorded_at))
    if kind is not None:
        statement = statement.where(LayerRow.kind == kind)
    return list(session.scalars(statement))
