"""Work in the background: what is asked, who asked, how far it is, and which process is at it.

Several processes may serve one workspace. Whoever claims a job holds it by a *lease* that it renews
while it works; a lease that ran out means that the process is gone. Every statement of a process at
work names itself as the owner: one that was given up for dead can write nothing any more.

Jobs are no content of the registry, so they make no line in its log. Times are texts in UTC that sort.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import JSON, CursorResult, ForeignKey, Index, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from geosvc.store.base import Base

if TYPE_CHECKING:
    from sqlalchemy import Update

WAITING, RUNNING, DONE, FAILED, CANCELLED = "waiting", "running", "done", "failed", "cancelled"
STATES = (WAITING, RUNNING, DONE, FAILED, CANCELLED)
OPEN = (WAITING, RUNNING)


class JobRow(Base):
    """One job.

    ``question`` is the checksum of all that goes in: two of the same are one job while it is open. ``progress`` is
    a share from 0 to 1 and ``step`` what is being done; ``attempts`` counts how often it was begun, ``note`` says
    why it was begun again. ``result`` and ``error`` are what came out.
    """

    __tablename__ = "job"
    __table_args__ = (Index("ix_job_state", "state", "id"), Index("ix_job_question", "question", "state"), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    question: Mapped[str]
    state: Mapped[str]
    author: Mapped[str]
    created_at: Mapped[str]
    progress: Mapped[float] = mapped_column(default=0.0)
    step: Mapped[str] = mapped_column(default="")
    attempts: Mapped[int] = mapped_column(default=0)
    note: Mapped[str | None] = mapped_column(default=None)
    started_at: Mapped[str | None] = mapped_column(default=None)
    finished_at: Mapped[str | None] = mapped_column(default=None)
    cancelling: Mapped[bool] = mapped_column(default=False)
    owner: Mapped[str | None] = mapped_column(default=None)
    lease_until: Mapped[str | None] = mapped_column(default=None)
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), default=None)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), default=None)


class JobAskerRow(Base):
    """Somebody who asked for a job; ``withdrawn`` does not want it any more, the others still do."""

    __tablename__ = "job_asker"
    __table_args__ = (Index("ix_job_asker_name", "name", "job_id"),)

    job_id: Mapped[int] = mapped_column(ForeignKey("job.id"), primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    asked_at: Mapped[str]
    withdrawn: Mapped[bool] = mapped_column(default=False)


# -- asking ------------------------------------------------------------------------------------


def open_job(session: Session, question: str) -> JobRow | None:
    """Return the job that is waiting or running for a question; one that is being cancelled is none."""
    return session.scalars(
        select(JobRow).where(JobRow.question == question, JobRow.state.in_(OPEN), JobRow.cancelling.is_(False)).order_by(JobRow.id)).first()


def add_job(session: Session, row: JobRow) -> int:
    """Add a job and return its number."""
    session.add(row)
    session.flush()
    return row.id


def note_asker(session: Session, number: int, name: str, at: str, *, withdrawn: bool = False) -> None:
    """Note that somebody wants a job, perhaps again, or does not any more."""
    asker = session.get(JobAskerRow, (number, name))
    if asker is None:
        session.add(JobAskerRow(job_id=number, name=name, asked_at=at, withdrawn=withdrawn))
    else:
        asker.withdrawn = withdrawn


def job_numbered(session: Session, number: int) -> JobRow | None:
    """Return a job as it is stored now; None where none has that number."""
    return session.get(JobRow, number, populate_existing=True)


def select_askers(session: Session, numbers: list[int]) -> dict[int, dict[str, bool]]:
    """Return who asked for jobs and whether they withdrew, by the numbers of the jobs."""
    found: dict[int, dict[str, bool]] = {number: {} for number in numbers}
    for row in session.scalars(select(JobAskerRow).where(JobAskerRow.job_id.in_(numbers))):
        found[row.job_id][row.name] = row.withdrawn
    return found


def select_jobs(
    session: Session, *, of: str | None = None, states: tuple[str, ...] | None = None, before: int | None = None, limit: int
) -> list[JobRow]:
    """Return jobs, the newest first: those that somebody asked for, in some states, before a number; None does not restrict."""
    statement = select(JobRow).where(*_clauses(of, states)).order_by(JobRow.id.desc()).limit(limit)
    return list(session.scalars(statement if before is None else statement.where(JobRow.id < before)))


def count_jobs(session: Session, *, of: str | None = None, states: tuple[str, ...] | None = None) -> int:
    """Return how many jobs there are."""
    return int(session.scalar(select(func.count()).select_from(JobRow).where(*_clauses(of, states))) or 0)


def _clauses(of: str | None, states: tuple[str, ...] | None) -> list[Any]:
    found: list[Any] = [] if states is None else [JobRow.state.in_(states)]
    if of is not None:
        found.append(JobRow.id.in_(select(JobAskerRow.job_id).where(JobAskerRow.name == of)))
    return found


def forget_old_jobs(session: Session, *, keep: int) -> None:
    """Remove the oldest jobs that are over, so that so many of these stay."""
    over = select(JobRow.id).where(JobRow.state.not_in(OPEN)).order_by(JobRow.id.desc()).offset(keep)
    old = list(session.scalars(over))
    for table, column in ((JobAskerRow, JobAskerRow.job_id), (JobRow, JobRow.id)):
        session.execute(delete(table).where(column.in_(old)), execution_options={"synchronize_session": False})


# -- working -----------------------------------------------------------------------------------


def waiting_in_order(session: Session) -> list[int]:
    """Return the jobs that wait in the order in which they are begun.

    The first of each author comes before the second of any: who asks for twenty does not make
    the others wait for all of them.
    """
    place = func.row_number().over(partition_by=JobRow.author, order_by=JobRow.id)
    return list(session.scalars(select(JobRow.id).where(JobRow.state == WAITING).order_by(place, JobRow.id)))


def claim_job(session: Session, owner: str, *, at: str, lease_until: str) -> int | None:
    """Begin the next job that waits, in one statement; None where none does."""
    waits = aliased(JobRow)
    place = func.row_number().over(partition_by=waits.author, order_by=waits.id)
    following = select(waits.id).where(waits.state == WAITING).order_by(place, waits.id).limit(1).scalar_subquery()
    claim = (
        update(JobRow).where(JobRow.id == following, JobRow.state == WAITING)
        .values(state=RUNNING, owner=owner, lease_until=lease_until, attempts=JobRow.attempts + 1, started_at=at, progress=0.0, step="")
        .returning(JobRow.id)
    )
    found = session.execute(claim, execution_options={"synchronize_session": False}).scalar()
    return None if found is None else int(found)


def write_job(session: Session, number: int, owner: str, values: dict[str, Any]) -> bool:
    """Write of a job that one is at; False where it is not one's own any more."""
    return _changed(session, update(JobRow).where(JobRow.id == number, JobRow.owner == owner, JobRow.state == RUNNING).values(values))


def cancel_waiting(session: Session, number: int, at: str) -> bool:
    """Cancel a job that nobody has begun; False where somebody has, or it is over."""
    return _changed(session, update(JobRow).where(JobRow.id == number, JobRow.state == WAITING).values(state=CANCELLED, finished_at=at))


def cancel_running(session: Session, number: int) -> bool:
    """Ask whoever is at a job to stop; False where nobody is."""
    return _changed(session, update(JobRow).where(JobRow.id == number, JobRow.state == RUNNING).values(cancelling=True))


def give_back(session: Session, number: int, owner: str, note: str) -> bool:
    """Let a job wait again that was begun in vain; the attempt does not count."""
    return write_job(session, number, owner, {**_WAITS_AGAIN, "note": note, "attempts": JobRow.attempts - 1})


def take_back_lost(session: Session, *, at: str, attempts: int, note: str, error: dict[str, Any]) -> int:
    """Deal with the jobs whose process is gone, and return how many these were.

    One that was to be cancelled is cancelled. One that was begun ``attempts`` times has failed; the
    others wait again.
    """
    lost = (JobRow.state == RUNNING, JobRow.lease_until < at)
    over = {"finished_at": at, "owner": None, "lease_until": None}
    each = (
        update(JobRow).where(*lost, JobRow.cancelling.is_(True)).values(state=CANCELLED, **over),
        update(JobRow).where(*lost, JobRow.attempts >= attempts).values(state=FAILED, error=error, **over),
        update(JobRow).where(*lost).values(**_WAITS_AGAIN, note=note),
    )
    return sum(_rows_changed(session, one) for one in each)


def has_lost(session: Session, at: str) -> bool:
    """Return whether a lease ran out."""
    return session.scalar(select(JobRow.id).where(JobRow.state == RUNNING, JobRow.lease_until < at).limit(1)) is not None


_WAITS_AGAIN: dict[str, Any] = {"state": WAITING, "owner": None, "lease_until": None, "progress": 0.0, "step": ""}


def _changed(session: Session, statement: Update) -> bool:
    return _rows_changed(session, statement) > 0


def _rows_changed(session: Session, statement: Update) -> int:
    return cast("CursorResult[Any]", session.execute(statement, execution_options={"synchronize_session": False})).rowcount
