"""Undoing an import: the registry is again what it was before, and its history says what happened."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from geosvc.errors import ImportNotFound, NotAllowed, NotUndoable
from geosvc.registry import facilities, undoing
from geosvc.registry.moments import now
from geosvc.registry.revisions import CONFIRM
from geosvc.store.facilities import FacilityQuery
from geosvc.store.imports import select_answers_of
from geosvc.store.study import ImportRow
from geosvc.workflows.holding import holding_much

if TYPE_CHECKING:
    from geosvc.registry.undoing import Later
    from geosvc.store.engine import Session, Store

_SHOWN = 5
FACILITIES = "facilities"


@dataclass(frozen=True, kw_only=True)
class UndoReport:
    """What undoing an import did, in numbers of facilities.

    ``deleted`` were new in it, ``believed_again`` are as they were before it; ``confirmations`` are those
    that somebody confirmed since, which were taken back with it.
    """

    import_id: int
    file_name: str
    deleted: int
    believed_again: int
    confirmations: int

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)


@holding_much()
def undo_import(
    store: Store, import_id: int, *, author: str, reason: str | None = None, confirmed_too: bool = False, of: str | None = None
) -> UndoReport:
    """Take an import of facilities back as a whole: an export then is, byte for byte, the one before the import.

    What was new is deleted, what changed is believed again as it was, in all its valid times; answers that
    were given with the import are forgotten. To have it back, import the file again.

    Parameters
    ----------
    store : Store
    import_id : int
    author : str
    reason : str or None
    confirmed_too : bool
        Also where somebody has confirmed since that a facility is as the import said.
    of : str, optional
        Whose imports may be undone; everybody's unless given.

    Raises
    ------
    ImportNotFound
        If there was none.
    NotUndoable
        If it was undone already, is not of facilities, or later changes depend on it: they are named, and
        nothing is undone.
    NotAllowed
        If it is another person's, or touched facilities outside of the areas of the account.
    """
    with store.writing() as session:
        row = _row(session, import_id)
        if of is not None and row.author != of:
            raise NotAllowed(f"import {row.id} was made by {row.author}; who made it undoes it, or an administrator")
        _check_kind(row)
        origin = f"import:{row.id}"
        later = in_sight(store, list(undoing.later_changes(session, origin)), f"import {row.id} ({row.file_name})")
        confirmations = [each for each in later if each.kind == CONFIRM]
        _check_later(row, [each for each in later if each.kind != CONFIRM])
        if confirmations and not confirmed_too:
            _refuse_confirmed(row, confirmations)
        why = f"import {row.id} ({row.file_name}) undone" + (f": {reason.strip()}" if reason and reason.strip() else "")
        done = undoing.take_back(session, origin, author=author, as_origin=f"undo:{row.id}", reason=why)
        _forget_answers(session, origin, author)
        row.undone_at, row.undone_by, row.undone_reason = now(), author, reason
        return UndoReport(
            import_id=row.id, file_name=row.file_name, deleted=done.deleted, believed_again=done.believed_again,
            confirmations=len({each.facility_id for each in confirmations}),
        )


def in_sight(store: Store, later: list[Later], what: str) -> list[Later]:
    """Return later changes as they are, where the account may see all they are about.

    Raises
    ------
    NotUndoable
        If some are of facilities outside of its areas: nothing is told of them but their number.
    """
    if store.areas is None or not later:
        return later
    with store.reading() as session:
        seen = {each.id for each in facilities.find(session, FacilityQuery(ids=sorted({each.facility_id for each in later})))}
    mine = [each for each in later if each.facility_id in seen]
    hidden = len({each.facility_id for each in later} - seen)
    if hidden:
        raise NotUndoable(
            f"{what} cannot be taken back, and nothing was: {hidden} facilities outside of your areas changed since in a way that depends on it; "
            "an administrator can see them", [each.as_dict() for each in mine])
    return later


def why_not_undoable(session: Session, row: ImportRow) -> str | None:
    """Return in a word why an import cannot be undone: ``undone``, ``kind``, ``later``, ``confirmed``; None if it can."""
    if row.undone_at is not None:
        return "undone"
    if row.kind != FACILITIES:
        return "kind"
    word = None
    for each in undoing.later_changes(session, f"import:{row.id}"):
        if each.kind != CONFIRM:
            return "later"
        word = "confirmed"
    return word


def later_of(session: Session, row: ImportRow) -> list[Later]:
    """Return what depends on an import."""
    if row.undone_at is not None or row.kind != FACILITIES:
        return []
    return list(undoing.later_changes(session, f"import:{row.id}"))


def _row(session: Session, import_id: int) -> ImportRow:
    row = session.get(ImportRow, import_id)
    if row is None:
        raise ImportNotFound(f"no import has the number {import_id}; geosvc imports lists them")
    return row


def _check_kind(row: ImportRow) -> None:
    if row.undone_at is not None:
        raise NotUndoable(
            f"import {row.id} ({row.file_name}) was undone already, at {row.undone_at} by {row.undone_by}; "
            "to have it back, import the file again"
        )
    if row.kind != FACILITIES:
        raise NotUndoable(
            f"import {row.id} ({row.file_name}) is of {row.kind}; only imports of facilities can be undone; "
            "to have back what was there before, import the file before it again"
        )


def _check_later(row: ImportRow, later: list[Later]) -> None:
    if not later:
        return
    changed = list({each.facility_id: each for each in later}.values())
    counted = "1 facility has" if len(changed) == 1 else f"{len(changed)} facilities have"
    raise NotUndoable(
        f"import {row.id} ({row.file_name}) cannot be undone, and nothing was: {counted} changed since in a way that depends on it: "
        f"{_named(changed)}; take these changes back first (undo the later import, or correct the facility back), then undo",
        [each.as_dict() for each in later],
    )


def _refuse_confirmed(row: ImportRow, confirmations: list[Later]) -> None:
    looked = list({each.facility_id: each for each in confirmations}.values())
    counted = "1 facility was" if len(looked) == 1 else f"{len(looked)} facilities were"
    raise NotUndoable(
        f"import {row.id} ({row.file_name}) was not undone: {counted} confirmed since as the import said: {_named(looked)}; "
        "ask who confirmed them; to undo it all the same, say so (--confirmed-too)",
        [each.as_dict() for each in confirmations],
    )


def _named(later: list[Later]) -> str:
    told = [f"{each.facility_id} {each.name} ({_by(each)})" for each in later[:_SHOWN]]
    return "; ".join(told) + (f" and {len(later) - _SHOWN} more" if len(later) > _SHOWN else "")


def _by(each: Later) -> str:
    if each.author is None:
        return "belongs to one of the facilities that came with it"
    return f"{each.kind} by {each.author}, {each.origin}, {(each.at or '')[:19]}Z"


def _forget_answers(session: Session, origin: str, author: str) -> None:
    """Ask again: an import is often undone because an answer was wrong."""
    for answer in select_answers_of(session, origin):
        answer.author, answer.at = author, now()
        session.delete(answer)
