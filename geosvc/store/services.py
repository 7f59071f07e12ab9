"""Services as they were declared."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.base import Audited, Base


class ServiceRow(Audited, Base):
    """One declared service; ``definition`` is the table of its TOML file."""

    __tablename__ = "service"
    subject_kind = "service"
    subject_key: ClassVar = ("id",)
    outside_content: ClassVar = Audited.outside_content | {"position", "shipped"}

    id: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    definition: Mapped[dict[str, Any]]
    shipped: Mapped[bool]
    recorded_at: Mapped[str]
    author: Mapped[str]


def select_services(session: Session) -> list[ServiceRow]:
    """Return all services in the order in which they were declared."""
    return list(session.scalars(select(ServiceRow).order_by(ServiceRow.position, ServiceRow.id)))
