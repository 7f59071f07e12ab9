"""What is remembered from one import to the next: how a source is read, and which facility a row was said to be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import ForeignKey, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from geosvc.store.base import Audited, Base

if TYPE_CHECKING:
    from collections.abc import Iterable

_ASKED_AT_ONCE = 500


class ImportMappingRow(Base):
    """How files with these headers were read last: which column is which field, and the other options."""

    __tablename__ = "import_mapping"
    __table_args__ = (UniqueConstraint("kind", "headers", "source"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    headers: Mapped[str]
    source: Mapped[str] = mapped_column(default="")
    mapping: Mapped[dict[str, Any]]
    options: Mapped[dict[str, Any]]
    at: Mapped[str]
    author: Mapped[str]


class MatchAnswerRow(Audited, Base):
    """A person's answer: a row that says this is that facility, or (None) none that was registered then."""

    __tablename__ = "match_answer"
    subject_kind = "match_answer"
    subject_key: ClassVar = ("fingerprint",)
    outside_content: ClassVar = frozenset({"at", "author", "origin"})

    fingerprint: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    class_code: Mapped[str]
    area_code: Mapped[str | None]
    facility_id: Mapped[int | None] = mapped_column(ForeignKey("facility.id"))
    origin: Mapped[str] = mapped_column(index=True)
    at: Mapped[str]
    author: Mapped[str]


def select_mappings(session: Session, kind: str, headers: str) -> list[ImportMappingRow]:
    """Return how files with these headers were read, the last first."""
    row = ImportMappingRow
    return list(session.scalars(select(row).where(row.kind == kind, row.headers == headers).order_by(row.at.desc(), row.id.desc())))


def select_answers_of(session: Session, origin: str) -> list[MatchAnswerRow]:
    """Return the answers that were given with one import."""
    return list(session.scalars(select(MatchAnswerRow).where(MatchAnswerRow.origin == origin).order_by(MatchAnswerRow.fingerprint)))


def select_answers(session: Session, fingerprints: Iterable[str]) -> dict[str, MatchAnswerRow]:
    """Return the answers that are remembered of rows, by their fingerprints."""
    row, asked = MatchAnswerRow, sorted(set(fingerprints))
    return {
        each.fingerprint: each for start in range(0, len(asked), _ASKED_AT_ONCE)
        for each in session.scalars(select(row).where(row.fingerprint.in_(asked[start : start + _ASKED_AT_ONCE])))
    }
