"""Taking back what came in through one door: of every facility the timeline from before is believed again.

Nothing is removed. What was new is deleted (a revision), what was corrected gets revisions with the
content and the valid time from before. Between the two, the history shows what was believed then.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from geosvc.registry.moments import now
from geosvc.registry.revisions import CONFIRM, UNDO, By, content_of, moment_after, supersede, write
from geosvc.store.facilities import (
    select_by_origin,
    select_histories,
    select_touched_since,
    select_with_relations,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from geosvc.store.engine import Session
    from geosvc.store.facilities import FacilityRevisionRow

_AT_ONCE = 200


@dataclass(frozen=True, kw_only=True)
class Later:
    """A change after an import, on a facility that the import touched.

    ``kind`` is that of the revision, or ``relation``: another facility was said to belong to one that
    the import brought. A confirmation (``confirm``) says only that somebody looked.
    """

    facility_id: int
    name: str
    kind: str
    author: str | None = None
    at: str | None = None
    origin: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class TakenBack:
    """What an undo did: how many facilities are gone again, and of how many the state before is believed again."""

    deleted: int
    believed_again: int


def touched(session: Session, origin: str) -> set[int]:
    """Return the facilities that have revisions from one door."""
    return set(select_by_origin(session, origin))


def later_changes(session: Session, origin: str) -> Iterator[Later]:
    """Yield the changes that depend on what came in through one door, confirmations too.

    A later change that was itself undone, or corrected back by hand, does not depend: what is believed
    is what the door left.
    """
    asked = select_touched_since(session, origin)
    for start in range(0, len(asked), _AT_ONCE):
        for rows in select_histories(session, asked[start : start + _AT_ONCE]).values():
            yield from _later(rows, origin)
    yield from _relations_to_new(session, origin)


def _later(rows: Sequence[FacilityRevisionRow], origin: str) -> list[Later]:
    mine = [row for row in rows if row.origin == origin]
    since = [row for row in rows if row.id > mine[0].id and row.origin != origin]
    if _timeline(_believed_now(rows)) == _timeline(_known_at(rows, mine[-1].recorded_at)):
        since = [row for row in since if row.kind == CONFIRM and row.superseded_at is None]
    return [
        Later(facility_id=row.facility_id, name=row.name, kind=row.kind, author=row.author, at=row.recorded_at, origin=row.origin)
        for row in since
    ]


def _relations_to_new(session: Session, origin: str) -> Iterator[Later]:
    """Yield the facilities that were said, since, to belong to one that would be gone."""
    mine = select_by_origin(session, origin)
    for number, name, relations in select_with_relations(session):
        if number in mine:
            continue
        named = {int(told) for each in relations if isinstance(told := each.get("facility_id"), int)} & mine.keys()
        if named and any(_before(rows, origin) == [] for rows in select_histories(session, sorted(named)).values()):
            yield Later(facility_id=number, name=name, kind="relation")


def take_back(session: Session, origin: str, *, author: str, as_origin: str, reason: str) -> TakenBack:
    """Believe again, of every facility that came in or changed through one door, what was believed before it.

    Parameters
    ----------
    session : Session
        A writing session; that nothing depends on it (:func:`later_changes`) has been seen in it.
    origin : str
        The door, such as ``import:3``.
    author, as_origin, reason : str
        Who takes it back, through which door, and why.
    """
    moment = now()
    deleted = again = 0
    for rows in select_histories(session, sorted(touched(session, origin))).values():
        by = By(author=author, origin=as_origin, moment=moment_after(rows, moment), reason=reason)
        before = _before(rows, origin)
        if before:
            again += _believe_again(session, before, _believed_now(rows), by)
        else:
            deleted += _delete(session, _believed_now(rows), by)
    return TakenBack(deleted=deleted, believed_again=again)


def _delete(session: Session, current: Sequence[FacilityRevisionRow], by: By) -> bool:
    supersede(current, by.moment)
    for row in current:
        write(session, row.facility_id, content_of(row), kind=UNDO, span=(row.valid_from, row.valid_to), by=by,
              replaces=row, deleted=True)
    return True


def _believe_again(
    session: Session, before: Sequence[FacilityRevisionRow], current: Sequence[FacilityRevisionRow], by: By
) -> bool:
    stays = [_said(row) for row in before]
    gone = [row for row in current if _said(row) not in stays]
    held = [_said(row) for row in current]
    missing = [row for row in before if _said(row) not in held]
    supersede(gone, by.moment)
    for row in missing:
        write(session, row.facility_id, content_of(row), kind=UNDO, span=(row.valid_from, row.valid_to), by=by,
              replaces=_in_place_of(row, gone), deleted=row.deleted, again=row)
    return bool(missing)


def _in_place_of(row: FacilityRevisionRow, gone: Sequence[FacilityRevisionRow]) -> FacilityRevisionRow | None:
    """Return the revision that was true from the same day, else the first of those that go."""
    return next((each for each in gone if each.valid_from == row.valid_from), gone[0] if gone else None)


def _before(rows: Sequence[FacilityRevisionRow], origin: str) -> list[FacilityRevisionRow]:
    """Return what was believed just before the first revision through a door."""
    first = min(row.recorded_at for row in rows if row.origin == origin)
    return [row for row in rows if row.recorded_at < first and (row.superseded_at is None or row.superseded_at >= first)]


def _known_at(rows: Sequence[FacilityRevisionRow], moment: str) -> list[FacilityRevisionRow]:
    return [row for row in rows if row.recorded_at <= moment and (row.superseded_at is None or row.superseded_at > moment)]


def _believed_now(rows: Sequence[FacilityRevisionRow]) -> list[FacilityRevisionRow]:
    return [row for row in rows if row.superseded_at is None]


def _said(row: FacilityRevisionRow) -> tuple[str, str, bool, dict[str, Any]]:
    """Return what a revision says, and of which time."""
    return (row.valid_from or "", row.valid_to or "", row.deleted, content_of(row))


def _timeline(rows: Sequence[FacilityRevisionRow]) -> list[tuple[str, str, bool, dict[str, Any]]]:
    return sorted((_said(row) for row in rows), key=lambda said: said[:3])
