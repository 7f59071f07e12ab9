"""Jobs: long work that is asked for now, done in the background, and found by its number.

The same question asked twice while it is open is one job, whoever asks; it stops when nobody wants it
any more. Those who asked see it, and administrators. :mod:`geosvc.workflows.job_runner` does the work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geosvc.accounts.people import Right
from geosvc.errors import Busy, InvalidParameter, JobNotFound
from geosvc.registry.moments import now
from geosvc.store.jobs import (
    DONE,
    OPEN,
    STATES,
    WAITING,
    JobRow,
    add_job,
    cancel_running,
    cancel_waiting,
    count_jobs,
    forget_old_jobs,
    job_numbered,
    note_asker,
    open_job,
    select_askers,
    select_jobs,
    waiting_in_order,
)
from geosvc.workflows.finding import is_whole
from geosvc.workflows.job_kinds import MEASURE, question_asked, wanted_from

if TYPE_CHECKING:
    from geosvc.accounts.people import Person
    from geosvc.settings import Settings
    from geosvc.store.engine import Session, Store

MOST_OPEN = 20  # of one person: nobody looks at more at once
_MOST_KEPT = 1000
_BUSY_SECONDS = 30
LOST, STOPPED = "lost", "stopped"
# What a reader is told of a job that was begun again.
_NOTES = {
    LOST: ("上次计算时服务器中断，已重新排队", "The server was gone in the middle of it; it was put back in the queue"),
    STOPPED: ("计算时服务器停止，已重新排队", "The server was stopped in the middle of it; it was put back in the queue"),
}


def job_number(text: str) -> int:
    """Return the number of a job from an address.

    Raises
    ------
    JobNotFound
    """
    if not is_whole(text):
        raise JobNotFound(f"no job has the number {text[:40]!r}")
    return int(text)


# -- asking ------------------------------------------------------------------------------------


def submit(store: Store, settings: Settings, person: Person, kind: str, parameters: Any) -> dict[str, Any]:
    """Ask for a job and return it; one that is open for the same question is joined, a stored answer is given at once.

    Parameters
    ----------
    kind : str
        ``measure``, ``measure_all`` or ``band``.
    parameters : dict
        See :class:`geosvc.workflows.job_kinds.Wanted`.

    Raises
    ------
    NotSignedIn, NotAllowed
        A job measures for every area: an account of some areas may not.
    InvalidParameter, ServiceNotFound, ScenarioNotFound, AreaNotFound, NoFacility, NoStudyArea, Unsolvable
        What cannot be answered is refused at once.
    Busy
        If this person has too many that are open.
    """
    person.must_everywhere(Right.MEASURE)
    whole = store.everywhere()
    wanted = wanted_from(kind, parameters)
    question, known = question_asked(whole, settings, person, wanted)
    with whole.writing() as session:
        row = open_job(session, question) if known is None else None
        if row is None:
            if known is None and count_jobs(session, of=person.name, states=OPEN) >= MOST_OPEN:
                raise Busy(f"{person.name} has {MOST_OPEN} jobs that are not done; wait for one, or cancel one", _BUSY_SECONDS)
            at = now()
            row = JobRow(kind=kind, parameters=wanted.parameters, question=question, state=WAITING, author=person.name, created_at=at)
            if known is not None:
                row.state, row.result, row.progress, row.started_at, row.finished_at = DONE, known, 1.0, at, at
            add_job(session, row)
            forget_old_jobs(session, keep=_MOST_KEPT)
        note_asker(session, row.id, person.name, now())
        number = row.id
    return get_job(whole, person, number)


# -- reading -----------------------------------------------------------------------------------


def list_jobs(
    store: Store, person: Person, *, state: str | None = None, before: int | None = None, limit: int = 50
) -> tuple[list[dict[str, Any]], int]:
    """Return (jobs that somebody may see, the newest first; how many there are of them in all).

    Parameters
    ----------
    state : str, optional
        One of the states, or ``open`` for those that wait or run.
    before : int, optional
        Only those with a smaller number.

    Raises
    ------
    NotSignedIn, NotAllowed, InvalidParameter
    """
    person.must_everywhere(Right.MEASURE)
    asked = _states(state)
    of = _whose(person)
    with store.everywhere().reading() as session:
        rows = select_jobs(session, of=of, states=asked, before=before, limit=limit)
        return _told(session, person, rows), count_jobs(session, of=of, states=asked)


def _states(state: str | None) -> tuple[str, ...] | None:
    if state is None:
        return None
    if state == "open":
        return OPEN
    if state not in STATES:
        raise InvalidParameter(f"state must be open or one of {', '.join(STATES)}; got {state[:40]!r}")
    return (state,)


def _whose(person: Person) -> str | None:
    return None if person.may(Right.ADMINISTER) else person.name


def get_job(store: Store, person: Person, number: int) -> dict[str, Any]:
    """Return a job.

    Raises
    ------
    NotSignedIn, NotAllowed
    JobNotFound
        If there is none, or it is another person's.
    """
    person.must_everywhere(Right.MEASURE)
    with store.everywhere().reading() as session:
        return _told(session, person, [_seen(session, person, number)])[0]


def open_for(store: Store, person: Person, parameters: dict[str, Any], *, kind: str = MEASURE) -> dict[str, Any] | None:
    """Return the job of somebody that is open with these parameters, for a page that shows their question."""
    if not person.may(Right.MEASURE) or person.areas is not None:
        return None
    with store.everywhere().reading() as session:
        rows = select_jobs(session, of=person.name, states=OPEN, limit=MOST_OPEN)
        found = [row for row in rows if row.kind == kind and row.parameters == parameters and not row.cancelling]
        told = _told(session, person, found)
    return next((each for each in told if not each["withdrawn"]), None)


def _seen(session: Session, person: Person, number: int) -> JobRow:
    row = job_numbered(session, number)
    if row is None or not (person.may(Right.ADMINISTER) or person.name in select_askers(session, [number])[number]):
        raise JobNotFound(f"no job has the number {number}, or it is another person's")
    return row


def _told(session: Session, person: Person, rows: list[JobRow]) -> list[dict[str, Any]]:
    askers = select_askers(session, [row.id for row in rows])
    order = waiting_in_order(session) if any(row.state == WAITING for row in rows) else []
    return [_one(row, person, askers[row.id], order) for row in rows]


def _one(row: JobRow, person: Person, askers: dict[str, bool], order: list[int]) -> dict[str, Any]:
    note = _NOTES.get(row.note or "")
    others = sum(not gone for name, gone in askers.items() if name != person.name)
    goes_on = row.state in OPEN and not row.cancelling
    return {
        "id": row.id, "kind": row.kind, "parameters": row.parameters, "state": row.state, "progress": row.progress, "step": row.step,
        "before": order.index(row.id) if row.state == WAITING and row.id in order else None,
        "author": row.author, "created_at": row.created_at, "started_at": row.started_at, "finished_at": row.finished_at,
        "attempts": row.attempts, "note": None if note is None else {"code": row.note, "zh": note[0], "en": note[1]},
        "cancelling": row.cancelling and row.state in OPEN, "withdrawn": goes_on and askers.get(person.name, False),
        "others": others, "result": row.result, "error": row.error,
    }


# -- cancelling --------------------------------------------------------------------------------


def cancel(store: Store, person: Person, number: int) -> dict[str, Any]:
    """Cancel a job: one that waits at once, one that runs at its next step; one that is over stays as it is.

    Where others want it too, it goes on for them (``withdrawn``). An administrator who does not want it
    himself, or does not any more, ends it for all. What a job has stored by then stays stored: whole runs.

    Raises
    ------
    NotSignedIn, NotAllowed, JobNotFound
    """
    person.must_everywhere(Right.MEASURE)
    whole = store.everywhere()
    with whole.writing() as session:
        _seen(session, person, number)
        askers = select_askers(session, [number])[number]
        wants = askers.get(person.name) is False
        if wants:
            note_asker(session, number, person.name, now(), withdrawn=True)
        others = any(not gone for name, gone in askers.items() if name != person.name)
        ends = not others if wants else person.may(Right.ADMINISTER) or not others
        if ends and not cancel_waiting(session, number, now()):
            cancel_running(session, number)
    return get_job(whole, person, number)
