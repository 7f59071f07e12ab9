"""Plan files of a workspace, and tables of figures reported for plans: each as the text that somebody sent."""

from __future__ import annotations

from typing import ClassVar

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.base import Audited, Base


class PlanDocumentRow(Audited, Base):
    """One text about a plan: ``part`` is what it is, the plan's file or a table of reported figures."""

    __tablename__ = "plan_document"
    subject_kind = "plan"
    subject_key: ClassVar = ("plan", "part")
    outside_content: ClassVar = Audited.outside_content | {"name"}

    plan: Mapped[str] = mapped_column(primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]  # of the file that was sent
    text: Mapped[str]
    recorded_at: Mapped[str]
    author: Mapped[str]


def select_plan_documents(session: Session) -> list[PlanDocumentRow]:
    """Return every text in the order of the plans' ids."""
    return list(session.scalars(select(PlanDocumentRow).order_by(PlanDocumentRow.plan, PlanDocumentRow.part)))


def plan_document(session: Session, plan: str, part: str) -> PlanDocumentRow | None:
    """Return one text; None where there is none."""
    return session.get(PlanDocumentRow, (plan, part))
