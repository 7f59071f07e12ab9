"""Several facilities that are one: the kept one takes what the others know, and the others go into it.

Nothing is lost: the others keep their histories and are deleted with the number of the merge, names
become aliases, identifiers are united. A merge can be taken back exactly, until somebody builds on it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from geosvc.errors import FacilityNotFound, InvalidInput, NotFound, NotUndoable
from geosvc.registry.classes import UNCLASSIFIED
from geosvc.registry.facilities import Facility, content
from geosvc.registry.moments import now, today
from geosvc.registry.revisions import (
    CONFIRM,
    MERGE,
    MERGED,
    UNDO,
    By,
    believed,
    content_of,
    expect,
    living,
    moment_after,
    supersede,
    true_on,
    write,
)
from geosvc.registry.undoing import later_changes, take_back
from geosvc.store.duplicates import MergeRow, add_decision, merge_numbered
from geosvc.store.facilities import select_revisions_by_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from geosvc.registry.undoing import Later
    from geosvc.store.engine import Session
    from geosvc.store.facilities import FacilityRevisionRow

POSITION = "position"
# What is said of a position belongs together: half of one and half of another is nowhere.
_PLACE = ("lon", "lat", "raw_x", "raw_y", "raw_datum", "position_method", "position_source", "position_date")
_UNITED = ("aliases", "identifiers")
_ALL = tuple(each.name for each in fields(Facility))
# What a person can choose field by field; names and identifiers are never lost.
CHOOSABLE = (*(name for name in _ALL if name not in (*_PLACE, *_UNITED)), POSITION)
# What is no blank to be filled from another: it is always told.
_NEVER_FILLED = ("name", "state", "illustrative")
_MOST = 50


@dataclass(frozen=True, kw_only=True)
class Merge:
    """A merge: which facility was kept, which went into it, and whether that still stands (``undone_at`` is None)."""

    id: int
    kept_id: int
    others: tuple[int, ...]
    at: str
    author: str
    reason: str | None
    origin: str
    undone_at: str | None = None
    undone_by: str | None = None
    undone_reason: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {**asdict(self), "others": list(self.others)}


@dataclass(frozen=True, kw_only=True)
class Unmerged:
    """What taking a merge back did.

    ``restored`` are there again; ``left`` were not touched: somebody had restored them already, or
    deleted them for another reason. ``edits_kept`` are the changes of the kept one that stay.
    """

    merge: Merge
    restored: tuple[int, ...]
    left: tuple[int, ...]
    edits_kept: tuple[dict[str, Any], ...] = ()


def door_of(merge_id: int) -> str:
    """Return the origin of the revisions that a merge writes."""
    return f"merge:{merge_id}"


# -- merging ---------------------------------------------------------------------------------


def merged(kept: Facility, others: Sequence[Facility], chosen: Mapping[str, int] | None = None) -> Facility:
    """Return what is believed of the one facility that several are.

    Parameters
    ----------
    kept : Facility
    others : sequence of Facility
        In the order in which they fill what the kept one does not say.
    chosen : mapping of str to int, optional
        Fields of :data:`CHOOSABLE` whose value is that of another: its place in ``others``.

    Examples
    --------
    >>> one, other = Facility(name="靖宇镇卫生院", class_code="C220"), Facility(name="靖宇镇医院", class_code="C220", level="一级")
    >>> whole = merged(one, [other])
    >>> whole.name, whole.aliases, whole.level
    ('靖宇镇卫生院', ['靖宇镇医院'], '一级')
    """
    chosen = dict(chosen or {})
    values = content(kept)
    for name in CHOOSABLE:
        if name in chosen:
            values.update(value_of(others[chosen[name]], name))
        elif name not in _NEVER_FILLED and is_blank(kept, name):
            values.update(next((value_of(each, name) for each in others if not is_blank(each, name)), {}))
    if "contact" not in chosen:
        values["contact"] = {key: value for each in (*reversed(others), kept) for key, value in each.contact.items()}
    known = [*kept.aliases, kept.name, *(name for each in others for name in (each.name, *each.aliases))]
    values["aliases"] = [name for name in dict.fromkeys(known) if name != values["name"]]
    values["identifiers"] = _united(kept.identifiers, *(each.identifiers for each in others))
    return Facility(**values)


def value_of(one: Facility, name: str) -> dict[str, Any]:
    """Return what a facility says of one of :data:`CHOOSABLE`, by field: a position has several."""
    return {each: getattr(one, each) for each in (_PLACE if name == POSITION else (name,))}


def is_blank(one: Facility, name: str) -> bool:
    """Return whether a facility says nothing of one of :data:`CHOOSABLE`: another may fill it."""
    if name == POSITION:
        return not one.located
    return getattr(one, name) in (None, "", [], {}) or (name == "class_code" and one.class_code == UNCLASSIFIED)


def _united(*identifiers: list[dict[str, str]]) -> list[dict[str, str]]:
    found: dict[tuple[str, str], dict[str, str]] = {}
    for each in (pair for some in identifiers for pair in some):
        found.setdefault((each["scheme"], each["value"].upper()), each)
    return list(found.values())


def merge(
    session: Session, keep_id: int, other_ids: Sequence[int], *, author: str, reason: str, origin: str,
    chosen: Mapping[str, int] | None = None, expected: Mapping[int, int] | None = None,
) -> Merge:
    """Say that several facilities are one.

    The kept one gets the names of the others as aliases and their identifiers, and, where it says
    nothing, what they say. The others are deleted; their addresses lead to the kept one
    (:func:`merged_into`). The valid time of the kept one stays.

    Parameters
    ----------
    session : Session
        A writing session.
    keep_id : int
    other_ids : sequence of int
    author, reason, origin : str
    chosen : mapping of str to int, optional
        Fields of :data:`CHOOSABLE`, and the id of the facility whose value is right.
    expected : mapping of int to int, optional
        The revision of each facility that the writer has seen.

    Raises
    ------
    FacilityNotFound
        If one of them is not there, or was deleted.
    InvalidInput
        If there is nothing to merge, no reason, or a choice that is none.
    Conflict
        If one of them was changed since.
    """
    others = _checked(keep_id, other_ids, reason)
    timelines = {number: living(session, number) for number in (keep_id, *others)}
    standing = {number: _standing(rows) for number, rows in timelines.items()}
    for number, revision in (expected or {}).items():
        if number not in standing:
            raise InvalidInput(f"the revision of facility {number} was told, but it is not one of those to merge: {', '.join(map(str, standing))}")
        expect(session, standing[number], revision)
    rows = [row for each in timelines.values() for row in each]
    moment = moment_after(rows, now())
    told = MergeRow(kept_id=keep_id, others=list(others), revisions=[], done_at=moment, done_by=author, done_reason=reason, origin=origin)
    add_decision(session, told)
    by = By(author=author, origin=door_of(told.id), moment=moment, reason=reason)
    whole = merged(
        Facility(**content_of(standing[keep_id])), [Facility(**content_of(standing[number])) for number in others], places_chosen(chosen, keep_id, others))
    told.revisions = _take_over(session, timelines[keep_id], standing[keep_id], content(whole), by)
    gone = By(author=author, origin=by.origin, moment=moment, reason=f"并入机构 {keep_id}：{reason}")
    for number in others:
        _again(session, timelines[number], MERGED, gone, deleted=True)
    session.flush()
    return _told(told)


def _checked(keep_id: int, other_ids: Sequence[int], reason: str) -> list[int]:
    others = list(dict.fromkeys(other_ids))
    if keep_id in others:
        raise InvalidInput(f"facility {keep_id} cannot be merged into itself; name the others only")
    if not others:
        raise InvalidInput(f"nothing is to be merged into facility {keep_id}: name at least one other")
    if len(others) > _MOST:
        raise InvalidInput(f"{len(others)} facilities to be merged into one are more than {_MOST}; is this a selection by mistake?")
    if not (reason or "").strip():
        raise InvalidInput("merging needs a reason, such as 'the same clinic, registered twice'")
    return others


def places_chosen(chosen: Mapping[str, int] | None, keep_id: int, others: Sequence[int]) -> dict[str, int]:
    """Return the places in ``others`` of the chosen facilities; what is chosen of the kept one is left out, being its own.

    Raises
    ------
    InvalidInput
        If a field cannot be chosen, or a facility is not one of these.
    """
    found = {}
    for name, number in (chosen or {}).items():
        if name not in CHOOSABLE:
            raise InvalidInput(f"field {name!r} cannot be chosen; expected one of {', '.join(CHOOSABLE)}")
        if number == keep_id:
            continue
        if number not in others:
            raise InvalidInput(f"{name} is to be that of facility {number}, which is not merged; expected one of {keep_id}, {', '.join(map(str, others))}")
        found[name] = others.index(number)
    return found


def _standing(rows: Sequence[FacilityRevisionRow]) -> FacilityRevisionRow:
    return true_on(rows, today()) or rows[-1]


def _take_over(
    session: Session, rows: Sequence[FacilityRevisionRow], standing: FacilityRevisionRow, whole: Mapping[str, Any], by: By
) -> list[int]:
    """Write what the kept one takes over; return the revisions.

    Names and identifiers are those of all its time; the rest is true from now on, and later as long as
    the later state said the same as the present one.
    """
    written = []
    before = content_of(standing)
    changed = {name: value for name, value in whole.items() if value != before[name]}
    for row in rows:
        values = content_of(row)
        if row is standing:
            values |= changed
        else:
            values["aliases"] = [name for name in dict.fromkeys([*values["aliases"], *whole["aliases"], whole["name"]]) if name != row.name]
            values["identifiers"] = _united(values["identifiers"], whole["identifiers"])
            if (row.valid_from or "") > (standing.valid_from or ""):
                values |= {name: value for name, value in changed.items() if name not in _UNITED and values[name] == before[name]}
        if values == content_of(row):
            continue
        supersede([row], by.moment)
        written.append(write(session, row.facility_id, values, kind=MERGE, span=(row.valid_from, row.valid_to), by=by, replaces=row))
    session.flush()
    return [row.id for row in written]


def _again(session: Session, rows: Sequence[FacilityRevisionRow], kind: str, by: By, *, deleted: bool) -> None:
    supersede(rows, by.moment)
    for row in rows:
        write(session, row.facility_id, content_of(row), kind=kind, span=(row.valid_from, row.valid_to), by=by, replaces=row, deleted=deleted)


# -- taking a merge back ---------------------------------------------------------------------


def unmerge(
    session: Session, merge_id: int, *, author: str, reason: str | None = None, keep_edits: bool = False
) -> Unmerged:
    """Take a merge back: everything is as it was before it.

    Parameters
    ----------
    session : Session
        A writing session.
    merge_id : int
    author, reason : str
    keep_edits : bool
        Where the kept facility was changed since: bring the others back, take from the kept one what it
        got from them, and let its later changes stand.

    Raises
    ------
    NotFound
        If there is no such merge.
    NotUndoable
        If it was taken back already; if somebody built upon it since, and ``keep_edits`` is False; also if
        the kept one itself was merged into another: that one is to be taken back first.
    """
    told = _row(session, merge_id)
    if told.undone_at is not None:
        raise NotUndoable(f"merge {merge_id} was taken back already, at {told.undone_at} by {told.undone_by}")
    later = [each for each in later_changes(session, door_of(merge_id)) if each.kind != CONFIRM]
    _refuse_merged_on(session, told, later)
    if later and not keep_edits:
        raise NotUndoable(
            f"merge {merge_id} cannot be taken back exactly: since then {_in_words(later)}; "
            "take these back first, or bring the others back and keep what was changed since (keep_edits)",
            [each.as_dict() for each in later],
        )
    door = f"un{door_of(merge_id)}"
    gone = [number for number in told.others if _went_into(session, number, merge_id)]
    moment = moment_after([row for number in told.facility_ids for row in believed(session, number)], now())
    if later:
        by = By(author=author, origin=door, moment=moment, reason=reason)
        for number in gone:
            _again(session, believed(session, number), UNDO, by, deleted=False)
        _give_back(session, told, by)
    else:
        take_back(session, door_of(merge_id), author=author, as_origin=door, reason=reason or told.done_reason or "")
    told.undone_at, told.undone_by, told.undone_reason = moment, author, reason
    session.flush()
    return Unmerged(
        merge=_told(told), restored=tuple(gone), left=tuple(number for number in told.others if number not in gone),
        edits_kept=tuple(each.as_dict() for each in later if each.facility_id == told.kept_id))


def _refuse_merged_on(session: Session, told: MergeRow, later: Sequence[Later]) -> None:
    """Refuse while the kept one is itself gone into another: its names went there, too."""
    rows = believed(session, told.kept_id)
    if rows[-1].deleted and rows[-1].kind == MERGED:
        raise NotUndoable(
            f"facility {told.kept_id}, which merge {told.id} kept, went itself into another ({rows[-1].origin}, at {rows[-1].recorded_at} "
            f"by {rows[-1].author}); take that back first", [each.as_dict() for each in later])


def _in_words(later: Sequence[Later]) -> str:
    told = [f"{each.kind} of facility {each.facility_id} at {each.at} by {each.author}" for each in later]
    return "; ".join(told[:3]) + (f"; and {len(told) - 3} more" if len(told) > 3 else "")


def _went_into(session: Session, number: int, merge_id: int) -> bool:
    last = believed(session, number)[-1]
    return last.deleted and last.kind == MERGED and last.origin == door_of(merge_id)


def _give_back(session: Session, told: MergeRow, by: By) -> None:
    """Take from the kept one what the merge gave it, wherever nobody changed that since."""
    after = select_revisions_by_id(session, told.revisions)
    before = select_revisions_by_id(session, [row.replaces for row in after.values() if row.replaces is not None])
    pairs = [(before[row.replaces], row) for row in after.values() if row.replaces is not None]
    rows = believed(session, told.kept_id)
    if not pairs or rows[-1].deleted:
        return
    for row in rows:
        old, new = _of_that_time(row, pairs)
        values = content_of(row)
        for names in (_PLACE, *((name,) for name in _ALL if name not in (*_PLACE, *_UNITED))):
            if all(values[name] == getattr(new, name) for name in names):
                values |= {name: getattr(old, name) for name in names}
        for name in _UNITED:
            given = [each for each in getattr(new, name) if each not in getattr(old, name)]
            values[name] = [each for each in values[name] if each not in given]
        values["aliases"] = [name for name in values["aliases"] if name != values["name"]]
        if values == content_of(row):
            continue
        Facility(**values)  # what cannot be true is refused here
        supersede([row], by.moment)
        write(session, row.facility_id, values, kind=UNDO, span=(row.valid_from, row.valid_to), by=by, replaces=row, again=old)


def _of_that_time(
    row: FacilityRevisionRow, pairs: Sequence[tuple[FacilityRevisionRow, FacilityRevisionRow]]
) -> tuple[FacilityRevisionRow, FacilityRevisionRow]:
    """Return the state before and after the merge that was true when a later one begins."""
    earlier = [pair for pair in pairs if (pair[1].valid_from or "") <= (row.valid_from or "")]
    return max(earlier or pairs, key=lambda pair: pair[1].valid_from or "")


# -- reading ---------------------------------------------------------------------------------


def merged_into(session: Session, facility_id: int) -> int | None:
    """Return the facility that one went into, whatever that one itself went into since; None if it did not.

    Raises
    ------
    FacilityNotFound
        If none ever had that id.
    """
    number, seen = facility_id, {facility_id}
    if not believed(session, number):
        raise FacilityNotFound(f"no facility has the id {facility_id}")
    while (rows := believed(session, number)) and rows[-1].deleted and rows[-1].kind == MERGED:
        told = merge_numbered(session, int(rows[-1].origin.partition(":")[2]))
        if told is None or told.kept_id in seen:
            break
        number = told.kept_id
        seen.add(number)
    return None if number == facility_id else number


def get(session: Session, merge_id: int) -> Merge:
    """Return a merge, taken back or not.

    Raises
    ------
    NotFound
    """
    return _told(_row(session, merge_id))


def _row(session: Session, merge_id: int) -> MergeRow:
    row = merge_numbered(session, merge_id)
    if row is None:
        raise NotFound(f"there is no merge {merge_id}")
    return row


def last_known(session: Session, facility_id: int) -> Facility | None:
    """Return what was believed of a facility last, deleted or not; None if this session may not read it."""
    rows = believed(session, facility_id)
    return Facility(**content_of(_standing(rows))) if rows else None


def concerns_unseen(session: Session, origin: str) -> bool:
    """Return whether the origin of a revision is a merge with a facility that this session may not read."""
    kind, _, number = origin.partition(":")
    row = merge_numbered(session, int(number)) if kind == "merge" and number.isdigit() else None
    return row is not None and any(last_known(session, each) is None for each in (row.kept_id, *row.others))


def merge_of(row: MergeRow) -> Merge:
    """Return a stored merge."""
    return _told(row)


def _told(row: MergeRow) -> Merge:
    return Merge(
        id=row.id, kept_id=row.kept_id, others=tuple(row.others), at=row.done_at, author=row.done_by, reason=row.done_reason,
        origin=row.origin, undone_at=row.undone_at, undone_by=row.undone_by, undone_reason=row.undone_reason,
    )
