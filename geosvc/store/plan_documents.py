"""Plan files of a workspace, and tables of figures reported for plans: each as the text that somebody sent, with those before it."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import Index, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.base import Audited, Base
from geosvc.store.two_times import believed

_BELIEVED = text("superseded_at IS NULL")


class PlanDocumentRow(Audited, Base):
    """One text about a plan: ``part`` is what it is, the plan's file or a table of reported figures.

    A text in whose place another was sent keeps its row (``superseded_at``); a row without a text says that there is none any more.
    """

    __tablename__ = "plan_document"
    subject_kind = "plan"
    subject_key: ClassVar = ("plan", "part")
    outside_content: ClassVar = Audited.outside_content | {"id", "name", "superseded_at"}
    only_added = True
    numbered = True
    __table_args__ = (
        Index("ix_plan_document_believed", "plan", "part", unique=True, sqlite_where=_BELIEVED, postgresql_where=_BELIEVED),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    plan: Mapped[str]
    part: Mapped[str]
    name: Mapped[str]  # of the file that was sent
    text: Mapped[str | None]
    recorded_at: Mapped[str]
    superseded_at: Mapped[str | None]
    replaces: Mapped[int | None]
    author: Mapped[str]

    def action(self, *, new: bool) -> str:
        """Return what was done."""
        del new
        if self.text is None:
            return "remove"
        return "create" if self.replaces is None else "change"


def select_plan_documents(session: Session, *, recorded_at: str | None = None) -> list[PlanDocumentRow]:
    """Return every text in the order of the plans' ids; those that were there at a moment."""
    row = PlanDocumentRow
    return list(session.scalars(select(row).where(*believed(row, recorded_at), row.text.is_not(None)).order_by(row.plan, row.part)))


def plan_document(session: Session, plan: str, part: str, *, recorded_at: str | None = None) -> PlanDocumentRow | None:
    """Return one text; None where there is none, or was none at a moment."""
    row = PlanDocumentRow
    return session.scalar(select(row).where(row.plan == plan, row.part == part, *believed(row, recorded_at), row.text.is_not(None)))


def newest_plan_document(session: Session, plan: str, part: str) -> PlanDocumentRow | None:
    """Return the last row of a text, also one that says that there is none any more."""
    row = PlanDocumentRow
    return session.scalar(select(row).where(row.plan == plan, row.part == part, *believed(row, None)))


def plan_document_rows(session: Session, plan: str) -> list[PlanDocumentRow]:
    """Return all that was ever sent for a plan, newest first."""
    row = PlanDocumentRow
    return list(session.scalars(select(row).where(row.plan == plan).order_by(row.recorded_at.desc(), row.id.desc())))
