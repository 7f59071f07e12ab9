"""What the workspace is about: its title, its grid, its default service. And what came in."""

from __future__ import annotations

from typing import Any, ClassVar

from sqlalchemy import JSON, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.base import Audited, Base


class StudyRow(Base):
    """One named value of the study."""

    __tablename__ = "study"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


class RuleRow(Audited, Base):
    """One rule by which the registry is kept, and who made it."""

    __tablename__ = "rule"
    subject_kind = "rule"
    subject_key: ClassVar = ("name",)
    outside_content: ClassVar = frozenset({"at", "author"})

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)
    at: Mapped[str]
    author: Mapped[str]


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
    # When, by whom and why all that came in with it was taken back; the row stays.
    undone_at: Mapped[str | None] = mapped_column(default=None)
    undone_by: Mapped[str | None] = mapped_column(default=None)
    undone_reason: Mapped[str | None] = mapped_column(default=None)

    @property
    def said_by(self) -> str:
        """Return who did the last thing to it."""
        return self.undone_by or self.author

    @property
    def said_at(self) -> str:
        """Return when the last thing was done to it."""
        return self.undone_at or self.at

    def action(self, *, new: bool) -> str:
        """Return what was done: a file came in, its batch was undone, or changed later."""
        if self.undone_at is not None:
            return "undo"
        return "import" if new else "change"


def read_study(session: Session) -> dict[str, Any]:
    """Return all named values."""
    return {row.name: row.value for row in session.scalars(select(StudyRow))}


def write_study(session: Session, values: dict[str, Any]) -> None:
    """Set named values; the others stay."""
    for name, value in values.items():
        session.merge(StudyRow(name=name, value=value))


def read_rules(session: Session) -> dict[str, Any]:
    """Return the rules that somebody made, by name."""
    return {row.name: row.value for row in session.scalars(select(RuleRow))}


def write_rules(session: Session, values: dict[str, Any], *, at: str, author: str) -> None:
    """Make rules; one that says the same already stays as it is."""
    standing = read_rules(session)
    for name, value in values.items():
        if name not in standing or standing[name] != value:
            session.merge(RuleRow(name=name, value=value, at=at, author=author))


def select_imports(
    session: Session, *, before: int | None = None, author: str | None = None, limit: int | None = None
) -> list[ImportRow]:
    """Return the imports, newest first, those before one only, or of one author only."""
    statement = select(ImportRow).order_by(ImportRow.id.desc())
    if author is not None:
        statement = statement.where(ImportRow.author == author)
    if before is not None:
        statement = statement.where(ImportRow.id < before)
    return list(session.scalars(statement if limit is None else statement.limit(limit)))


def count_imports(session: Session, *, author: str | None = None) -> int:
    """Return how many imports there were, of one author or of all."""
    statement = select(func.count()).select_from(ImportRow)
    return int(session.scalar(statement if author is None else statement.where(ImportRow.author == author)) or 0)
