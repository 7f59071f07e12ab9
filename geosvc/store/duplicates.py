"""What people decided about facilities that may be one: merges, and answers about pairs.

Both are told to the audit log under the name of whoever did it last: the one who merged or answered,
then the one who took it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from sqlalchemy import ForeignKey, Index, and_, func, or_, select
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from geosvc.store.audit import AuditRow
from geosvc.store.base import Audited, Base
from geosvc.store.facilities import FacilityRevisionRow, facility_clauses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.store.facilities import FacilityQuery


class _Decided(Audited):
    """A decision that can be taken back; moments are ISO 8601 text, UTC."""

    outside_content: ClassVar = frozenset({"done_by", "done_reason", "undone_by", "undone_reason", "origin"})

    id: Mapped[int] = mapped_column(primary_key=True)
    done_at: Mapped[str]
    done_by: Mapped[str]
    done_reason: Mapped[str | None]
    origin: Mapped[str]
    undone_at: Mapped[str | None] = mapped_column(default=None)
    undone_by: Mapped[str | None] = mapped_column(default=None)
    undone_reason: Mapped[str | None] = mapped_column(default=None)

    @property
    def said_at(self) -> str:
        """When it was last decided on."""
        return self.undone_at or self.done_at

    @property
    def said_by(self) -> str:
        """Who last decided on it."""
        return self.undone_by or self.done_by

    @property
    def reason(self) -> str | None:
        """Why."""
        return self.undone_reason if self.undone_at else self.done_reason

    @property
    def facility_ids(self) -> tuple[int, ...]:
        """The facilities that it is about: whoever decides must be allowed to change them."""
        raise NotImplementedError


class MergeRow(_Decided, Base):
    """Several facilities that were found to be one: ``others`` went into ``kept_id``.

    ``revisions`` are those that the merge wrote for the kept one; each names the one it replaced.
    """

    __tablename__ = "facility_merge"
    subject_kind = "merge"
    subject_key: ClassVar = ("id",)
    said_at_the_end = True

    kept_id: Mapped[int] = mapped_column(ForeignKey("facility.id"), index=True)
    others: Mapped[list[Any]]
    revisions: Mapped[list[Any]]

    @property
    def facility_ids(self) -> tuple[int, ...]:
        """The kept one and the others."""
        return (self.kept_id, *self.others)

    def action(self, *, new: bool) -> str:
        """Return what was done."""
        return "merge" if new else "unmerge"


class DuplicateAnswerRow(_Decided, Base):
    """What somebody said about a pair, the smaller id first; ``judged`` is what was known of both then."""

    __tablename__ = "duplicate_answer"
    __table_args__ = (Index("ix_duplicate_answer_pair", "first_id", "second_id"),)
    subject_kind = "duplicate_answer"
    subject_key: ClassVar = ("first_id", "second_id", "id")

    first_id: Mapped[int] = mapped_column(ForeignKey("facility.id"))
    second_id: Mapped[int] = mapped_column(ForeignKey("facility.id"))
    answer: Mapped[str]
    score: Mapped[float]
    judged: Mapped[list[Any]]

    @property
    def facility_ids(self) -> tuple[int, int]:
        """Both of the pair."""
        return (self.first_id, self.second_id)

    def action(self, *, new: bool) -> str:
        """Return what was done."""
        return "answer" if new else "take back"


def add_decision(session: Session, row: MergeRow | DuplicateAnswerRow) -> None:
    """Add a decision and give it its number."""
    session.add(row)
    session.flush()


def merge_numbered(session: Session, number: int) -> MergeRow | None:
    """Return a merge; None where none has that number."""
    return session.get(MergeRow, number)


def select_merges(
    session: Session, *, kept_id: int | None = None, among: FacilityQuery | None = None, before: int | None = None, limit: int | None = None
) -> list[MergeRow]:
    """Return the merges that stand, newest first, whose kept facility this session may read."""
    statement = select(MergeRow).where(*_merges(kept_id, among)).order_by(MergeRow.id.desc())
    if before is not None:
        statement = statement.where(MergeRow.id < before)
    return list(session.scalars(statement if limit is None else statement.limit(limit)))


def count_merges(session: Session, *, kept_id: int | None = None, among: FacilityQuery | None = None) -> int:
    """Return how many merges stand."""
    return int(session.scalar(select(func.count()).select_from(MergeRow).where(*_merges(kept_id, among))) or 0)


def _merges(kept_id: int | None, among: FacilityQuery | None) -> list[Any]:
    clauses: list[Any] = [MergeRow.undone_at.is_(None), _readable(MergeRow.kept_id, among)]
    return clauses if kept_id is None else [*clauses, MergeRow.kept_id == kept_id]


def select_answers(
    session: Session, *, pairs: Sequence[tuple[int, int]] | None = None, among: FacilityQuery | None = None,
    before: int | None = None, limit: int | None = None,
) -> list[DuplicateAnswerRow]:
    """Return the answers that stand, newest first, about pairs that this session may read."""
    row = DuplicateAnswerRow
    statement = select(row).where(*_answers(among)).order_by(row.id.desc())
    if pairs is not None:
        statement = statement.where(or_(*(and_(row.first_id == one, row.second_id == other) for one, other in pairs)))
    if before is not None:
        statement = statement.where(row.id < before)
    return list(session.scalars(statement if limit is None else statement.limit(limit)))


def count_answers(session: Session, *, among: FacilityQuery | None = None) -> int:
    """Return how many answers stand."""
    return int(session.scalar(select(func.count()).select_from(DuplicateAnswerRow).where(*_answers(among))) or 0)


def _answers(among: FacilityQuery | None) -> list[Any]:
    row = DuplicateAnswerRow
    clauses: list[Any] = [row.undone_at.is_(None), _readable(row.first_id, None), _readable(row.second_id, None)]
    if among is not None:
        clauses.append(or_(_readable(row.first_id, among), _readable(row.second_id, among)))
    return clauses


def _readable(facility_id: Any, among: FacilityQuery | None) -> Any:
    """Match facilities that are there, of those that a query matches; the limit of the session applies to the revisions that are looked for."""
    row = aliased(FacilityRevisionRow)
    clauses: list[Any] = [row.facility_id == facility_id, row.superseded_at.is_(None), row.deleted.is_(False)]
    if among is not None:
        clauses.append(facility_id.in_(select(FacilityRevisionRow.facility_id).where(*facility_clauses(among))))
    return select(row.id).where(*clauses).exists()


def newest_line(session: Session) -> tuple[int, str]:
    """Return number and seal of the last line of the audit log, (0, "") while it is empty: what is known has that state."""
    found = session.execute(select(AuditRow.id, AuditRow.hash).order_by(AuditRow.id.desc()).limit(1)).first()
    return (0, "") if found is None else (int(found[0]), str(found[1]))


def subjects_since(session: Session, line: tuple[int, str], most: int) -> set[str] | None:
    """Return what lines of the log after one are about; None where that line is not in this log, or too many follow."""
    number, seal = line
    if session.scalar(select(AuditRow.hash).where(AuditRow.id == number)) != seal:
        return None
    found = set(session.scalars(select(AuditRow.subject).where(AuditRow.id > number).distinct().limit(most + 1)))
    return None if len(found) > most else found
