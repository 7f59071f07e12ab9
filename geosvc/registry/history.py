"""Changing what is known of a facility, and reading how it came to be.

Two things are told apart: a *correction* says that what we believed was wrong, for the same valid
time; an *update* says that something changed in the world, on a day. Nothing is overwritten.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geosvc.errors import FacilityNotFound, InvalidInput
from geosvc.registry.facilities import Facility, beginning, content
from geosvc.registry.moments import day_of, now, today
from geosvc.registry.revisions import (
    CONFIRM,
    CORRECTION,
    DELETE,
    END,
    RESTORE,
    UPDATE,
    By,
    believed,
    content_of,
    differences,
    expect,
    living,
    moment_after,
    supersede,
    true_on,
    write,
)
from geosvc.store.facilities import FacilityRevisionRow, select_history, select_revisions_by_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.store.engine import Session

_DAY_LETTERS = 10


@dataclass(frozen=True, kw_only=True)
class Change:
    """What became of a change: ``changed`` is False where it was there already."""

    id: int
    revision: int
    changed: bool


@dataclass(frozen=True, kw_only=True)
class Version:
    """One revision with what it changed: field, then (before, after); contacts are hidden.

    ``superseded_at`` None is believed still; ``content_revision`` is the first that said the same.
    """

    revision: int
    content_revision: int
    facility: Facility
    kind: str
    deleted: bool
    valid_from: str | None
    valid_to: str | None
    recorded_at: str
    superseded_at: str | None
    author: str
    reason: str | None
    origin: str
    replaces: int | None
    changed: dict[str, tuple[Any, Any]]


def correct(
    session: Session, facility_id: int, facility: Facility, *, author: str, origin: str, reason: str | None = None,
    valid_at: str | None = None, expected: int | None = None,
) -> Change:
    """Say what should have been believed of a facility at a time; its valid time stays.

    Parameters
    ----------
    session : Session
        A writing session.
    facility_id : int
    facility : Facility
        The whole state, as it is right.
    author, origin, reason : str
    valid_at : str or None
        A day in the valid time to be corrected; today unless given.
    expected : int or None
        The revision that the writer has seen.

    Raises
    ------
    FacilityNotFound
        If none has that id, it was deleted, or nothing is known of it at that time.
    Conflict
        If another revision stands there than the one expected.
    """
    rows = living(session, facility_id)
    row = _standing(rows, _day(valid_at, "valid_at"), facility_id)
    expect(session, row, expected)
    values = content(facility)
    if content_of(row) == values:
        return Change(id=facility_id, revision=row.id, changed=False)
    by = _by(rows, author, origin, reason)
    # The first valid time begins with the opening: a day of opening that was wrong takes it along.
    begin = beginning(facility, row) if row is rows[0] else row.valid_from
    supersede([row], by.moment)
    return _done(session, write(
        session, facility_id, values, kind=CORRECTION, span=(begin, row.valid_to), by=by, replaces=row))


def update(
    session: Session, facility_id: int, facility: Facility, *, valid_from: str, author: str, origin: str,
    reason: str | None = None, expected: int | None = None,
) -> Change:
    """Say that a facility changed on a day, which may lie ahead.

    What was true before stays true until that day. Where a later change is known already, the new
    state is true until then: it is put in between. A state that begins on that very day is corrected.

    Raises
    ------
    FacilityNotFound, Conflict
        As :func:`correct` does.
    InvalidInput
        If ``valid_from`` is no day.
    """
    day = _day(valid_from, "valid_from")
    rows = living(session, facility_id)
    row = true_on(rows, day)
    expect(session, row or rows[0], expected)
    values = content(facility)
    if row is not None and content_of(row) == values:
        return Change(id=facility_id, revision=row.id, changed=False)
    by = _by(rows, author, origin, reason)
    if row is None:  # before all that is known
        return _done(session, write(
            session, facility_id, values, kind=UPDATE, span=(day, rows[0].valid_from), by=by))
    supersede([row], by.moment)
    if row.valid_from == day:
        return _done(session, write(
            session, facility_id, values, kind=CORRECTION, span=(day, row.valid_to), by=by, replaces=row))
    write(session, facility_id, content_of(row), kind=END, span=(row.valid_from, day), by=by, replaces=row)
    return _done(session, write(
        session, facility_id, values, kind=UPDATE, span=(day, row.valid_to), by=by, replaces=row))


def delete(
    session: Session, facility_id: int, *, author: str, origin: str, reason: str, expected: int | None = None
) -> Change:
    """Say that a record should not be there, at no time; one that closed is updated to closed instead.

    Raises
    ------
    FacilityNotFound, Conflict
    InvalidInput
        Without a reason.
    """
    if not (reason or "").strip():
        raise InvalidInput(f"deleting facility {facility_id} needs a reason, such as 'registered twice, see 12'")
    rows = living(session, facility_id)
    row = true_on(rows, today()) or rows[-1]
    expect(session, row, expected)
    return _again(session, rows, row, DELETE, _by(rows, author, origin, reason), deleted=True)


def restore(
    session: Session, facility_id: int, *, author: str, origin: str, reason: str | None = None, expected: int | None = None
) -> Change:
    """Take a deletion back: all valid time is as it was before.

    Raises
    ------
    FacilityNotFound, Conflict
    InvalidInput
        If it is not deleted.
    """
    rows = believed(session, facility_id)
    if not rows:
        raise FacilityNotFound(f"no facility has the id {facility_id}")
    if not rows[-1].deleted:
        raise InvalidInput(f"facility {facility_id} is not deleted; there is nothing to restore")
    row = true_on(rows, today()) or rows[-1]
    expect(session, row, expected)
    return _again(session, rows, row, RESTORE, _by(rows, author, origin, reason), deleted=False)


def confirm(
    session: Session, facility_id: int, *, author: str, origin: str, reason: str | None = None, expected: int | None = None
) -> Change:
    """Say that somebody looked and it is still so; what is computed of it does not change.

    Raises
    ------
    FacilityNotFound, Conflict
    """
    rows = living(session, facility_id)
    row = _standing(rows, today(), facility_id)
    expect(session, row, expected)
    return _again(session, [row], row, CONFIRM, _by(rows, author, origin, reason), deleted=False)


def versions(
    session: Session, facility_id: int, *, before: int | None = None, limit: int | None = None
) -> list[Version]:
    """Return the revisions of a facility, newest first, those before one only; deleted ones too.

    Raises
    ------
    FacilityNotFound
        If none ever had that id.
    """
    rows = select_history(session, facility_id, before=before, limit=limit)
    if not rows and not select_history(session, facility_id, limit=1):
        raise FacilityNotFound(f"no facility has the id {facility_id}")
    old = select_revisions_by_id(session, [row.replaces for row in rows if row.replaces is not None])
    return [_version(row, None if row.replaces is None else old.get(row.replaces)) for row in rows]


def _version(row: FacilityRevisionRow, old: FacilityRevisionRow | None) -> Version:
    changed = {} if old is None else differences(content_of(old), content_of(row))
    if old is not None and row.kind == CORRECTION and old.valid_from != row.valid_from:
        changed["valid_from"] = (old.valid_from, row.valid_from)
    return Version(
        revision=row.id, content_revision=row.same_as or row.id, facility=Facility(**content_of(row)), kind=row.kind, deleted=row.deleted, valid_from=row.valid_from,
        valid_to=row.valid_to, recorded_at=row.recorded_at, superseded_at=row.superseded_at, author=row.author,
        reason=row.reason, origin=row.origin, replaces=row.replaces, changed=changed,
    )


def _standing(rows: Sequence[FacilityRevisionRow], day: str, facility_id: int) -> FacilityRevisionRow:
    row = true_on(rows, day)
    if row is None:
        raise FacilityNotFound(
            f"nothing is known of facility {facility_id} on {day}; it begins on {rows[0].valid_from} (an update can begin earlier)"
        )
    return row


def _day(text: str | None, what: str) -> str:
    if text is None:
        return today()
    try:
        if len(text) == _DAY_LETTERS:
            return day_of(text)
    except ValueError:
        pass
    raise InvalidInput(f"{what} must be a day such as 2026-01-31, got {text!r}")


def _by(rows: Sequence[FacilityRevisionRow], author: str, origin: str, reason: str | None) -> By:
    return By(author=author, origin=origin, reason=reason, moment=moment_after(rows, now()))


def _again(
    session: Session, rows: Sequence[FacilityRevisionRow], row: FacilityRevisionRow, kind: str, by: By, *, deleted: bool
) -> Change:
    """Write revisions once more with the same content and valid time; answer for ``row``."""
    supersede(rows, by.moment)
    written = {
        old.id: write(session, old.facility_id, content_of(old), kind=kind, span=(old.valid_from, old.valid_to), by=by,
                      replaces=old, deleted=deleted)
        for old in rows
    }
    return _done(session, written[row.id])


def _done(session: Session, row: FacilityRevisionRow) -> Change:
    session.flush()  # gives the revision its number
    return Change(id=row.facility_id, revision=row.id, changed=True)
