"""Addresses that are told of changes, and how far each has been told.

The secret stands here as it is, since every message is signed with it: whoever has the database has it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.audit import AuditRow
from geosvc.store.base import Audited, Base


class WebhookRow(Audited, Base):
    """One address; ``cursor`` is the last line of the log that it is done with."""

    __tablename__ = "webhook"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012  SQLAlchemy reads it
    subject_kind = "webhook"
    subject_key: ClassVar = ("id",)
    outside_content: ClassVar = Audited.outside_content | {"secret", "cursor", "delivered_at", "failed_at", "error"}

    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str]
    secret: Mapped[str]
    cursor: Mapped[int]
    paused: Mapped[bool] = mapped_column(default=False)
    recorded_at: Mapped[str]
    author: Mapped[str]
    origin: Mapped[str]
    delivered_at: Mapped[str | None] = mapped_column(default=None)
    failed_at: Mapped[str | None] = mapped_column(default=None)
    error: Mapped[str | None] = mapped_column(default=None)


def select_webhooks(session: Session) -> list[WebhookRow]:
    """Return all addresses in the order in which they came."""
    return list(session.scalars(select(WebhookRow).order_by(WebhookRow.id)))


def webhook_by_id(session: Session, number: int) -> WebhookRow | None:
    """Return an address."""
    return session.get(WebhookRow, number)


def newest_line(session: Session) -> int:
    """Return the number of the last line of the log; 0 if it is empty."""
    return int(session.scalar(select(func.max(AuditRow.id))) or 0)


def note_delivery(session: Session, number: int, values: dict[str, Any]) -> None:
    """Write down how a delivery went, past the log: a line for each would have to be delivered, too."""
    session.execute(update(WebhookRow).where(WebhookRow.id == number).values(values), execution_options={"synchronize_session": False})
