"""What the workspace is about: its title, its grid, its default service. And what came in."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.base import Audited, Base


class StudyRow(Base):
    """One named value of the study."""

    __tablename__ = "study"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


class ImportRow(Audited, Base):
    """One file that was imported, with the counts of what it changed."""

    __tablename__ = "import_batch"
    subject_kind = "import"
    subject_key: ClassVar = ("id",)
    outside_content: ClassVar = frozenset({"at", "author"})
    said_at_the_end = True

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    file_name: Mapped[str]
    sha256: Mapped[str]
    at: Mapped[str]
    author: Mapped[str]
    report: Mapped[dict[str, Any]]

    def action(self, *, new: bool) -> str:
        """Return what was done: a file came in, or its batch changed later."""
        return "import" if new else "change"


def read_study(session: Session) -> dict[str, Any]:
    """Return all named values."""
    return {row.name: row.value for row in session.scalars(select(StudyRow))}


def write_study(session: Session, values: dict[str, Any]) -> None:
    """Set named values; the others stay."""
    for name, value in values.items():
        session.merge(StudyRow(name=name, value=value))


def select_imports(session: Session) -> list[ImportRow]:
    """Return the imports, newest first."""
    return list(session.scalars(select(ImportRow).order_by(ImportRow.id.desc())))
