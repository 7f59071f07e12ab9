"""How a history is written: revisions in the place of revisions, and none overwritten."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from geosvc.errors import Conflict, FacilityNotFound
from geosvc.registry.moments import after
from geosvc.store.areas import AreaRow
from geosvc.store.facilities import (
    DERIVED,
    FacilityRevisionRow,
    select_believed,
    select_believed_of,
    select_revisions_by_id,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from geosvc.store.engine import Session

# Facilities and areas have their histories alike.
Row = TypeVar("Row", FacilityRevisionRow, AreaRow)
CREATE, CORRECTION, UPDATE = "create", "correction", "update"
DELETE, RESTORE, CONFIRM = "delete", "restore", "confirm"
# Follow from another change: valid time that ends where an update begins, and a planned opening.
END, OPENING = "end", "opening"
# What was believed before an import, believed again.
UNDO = "undo"
# Several facilities that were found to be one: the kept one, and those that went into it.
MERGE, MERGED = "merge", "merged"
KINDS = (CREATE, CORRECTION, UPDATE, DELETE, RESTORE, CONFIRM, END, OPENING, UNDO, MERGE, MERGED)
CONTENT = tuple(
    name for name in FacilityRevisionRow.__table__.columns.keys()  # noqa: SIM118  a collection of columns
    if name not in DERIVED | {"id", "facility_id", "valid_from", "valid_to", "recorded_at", "superseded_at", "deleted", "kind",
                              "author", "reason", "origin", "replaces", "same_as"}
)
_FEW = 20


@dataclass(frozen=True, kw_only=True)
class By:
    """Who changes something, through which door (``form``, ``import:3``, ``api``), when and why."""

    author: str
    origin: str
    moment: str
    reason: str | None = None


def content_of(row: FacilityRevisionRow) -> dict[str, Any]:
    """Return the content of a revision: all that is said of the facility."""
    return {name: getattr(row, name) for name in CONTENT}


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the fields that differ as (old, new); contacts are personal data and only said to differ."""
    changed = {name: (old[name], new[name]) for name in CONTENT if old[name] != new[name]}
    return {name: pair if name != "contact" else ("***", "***") for name, pair in changed.items()}


def believed(session: Session, facility_id: int) -> list[FacilityRevisionRow]:
    """Return the believed revisions of a facility in the order of valid time.

    A session that asks for many (an import) gets them all in one question.
    """
    held: _Held = session.info.setdefault("believed", _Held())
    return held.of(session, facility_id)


class _Held:
    """The believed revisions that a writing session has seen, kept up to date by :func:`write`."""

    def __init__(self) -> None:
        self.rows: defaultdict[int, list[FacilityRevisionRow]] = defaultdict(list)
        self._known: set[int] | None = set()  # None: all are known
        self._beforehand = 0

    def read(self, session: Session, facility_ids: Sequence[int]) -> None:
        if self._known is None:
            return
        asked = [number for number in facility_ids if number not in self._known]
        for row in select_believed_of(session, asked):
            if row not in self.rows[row.facility_id]:
                self.rows[row.facility_id].append(row)
        self._known |= set(asked)
        self._beforehand = len(self._known)

    def of(self, session: Session, facility_id: int) -> list[FacilityRevisionRow]:
        if self._known is not None and facility_id not in self._known:
            many = len(self._known) - self._beforehand >= _FEW
            for row in select_believed(session, None if many else facility_id):
                if row not in self.rows[row.facility_id]:
                    self.rows[row.facility_id].append(row)
            self._known = None if many else self._known | {facility_id}
        rows = [row for row in self.rows[facility_id] if row.superseded_at is None]
        rows.sort(key=lambda row: row.valid_from or "")
        return rows


def hold(session: Session, facility_ids: Sequence[int]) -> None:
    """Read the believed revisions of facilities that are going to be changed, all in a few questions."""
    held: _Held = session.info.setdefault("believed", _Held())
    held.read(session, facility_ids)


def true_on(rows: Sequence[Row], day: str) -> Row | None:
    """Return the revision of one timeline that is true on a day."""
    for row in rows:
        if (row.valid_from or "") <= day and (row.valid_to is None or day < row.valid_to):
            return row
    return None


def living(session: Session, facility_id: int) -> list[FacilityRevisionRow]:
    """Return the timeline of a facility that is there.

    Raises
    ------
    FacilityNotFound
        If none has that id, or it was deleted.
    """
    rows = believed(session, facility_id)
    if not rows:
        raise FacilityNotFound(f"no facility has the id {facility_id}")
    if rows[-1].deleted:
        raise FacilityNotFound(
            f"facility {facility_id} was deleted at {rows[-1].recorded_at} by {rows[-1].author} ({rows[-1].reason}); restore it first"
        )
    return rows


def expect(session: Session, row: FacilityRevisionRow, expected: int | None) -> None:
    """Refuse to replace another revision than the one that the writer has seen.

    Raises
    ------
    Conflict
        Naming the fields that somebody else changed.
    """
    if expected is None or expected == row.id:
        return
    seen = select_revisions_by_id(session, [expected]).get(expected)
    if seen is None or seen.facility_id != row.facility_id:
        raise Conflict(f"facility {row.facility_id} has no revision {expected}; it stands at revision {row.id}")
    changed = differences(content_of(seen), content_of(row))
    raise Conflict(
        f"facility {row.facility_id} was changed by {row.author} at {row.recorded_at} (revision {row.id}, you saw {expected}): "
        f"{', '.join(changed) or 'the same content, of another time'}; look at it again, then decide",
        changed,
    )


def moment_after(rows: Sequence[Row], moment: str) -> str:
    """Return a moment that no revision in ``rows`` is recorded after, should the clock have been set back."""
    newest = max((row.recorded_at for row in rows), default="")
    return moment if moment > newest else after(newest)


def supersede(rows: Sequence[Row], moment: str) -> None:
    """Stop believing revisions; the one thing that is ever changed in a row."""
    for row in rows:
        row.superseded_at = moment


def write(
    session: Session, facility_id: int, content: Mapping[str, Any], *, kind: str, span: tuple[str | None, str | None], by: By,
    replaces: FacilityRevisionRow | None = None, deleted: bool = False, again: FacilityRevisionRow | None = None,
) -> FacilityRevisionRow:
    """Add a revision that is true from the first day of ``span`` until before the second.

    ``again`` is an earlier revision that may say the same, where ``replaces`` is another.
    """
    before, same = again or replaces, None
    if before is not None and all(getattr(before, name) == content[name] for name in CONTENT):
        same = before.same_as or before.id
    row = FacilityRevisionRow(
        **content, facility_id=facility_id, recorded_at=by.moment, author=by.author, origin=by.origin, reason=by.reason,
        kind=kind, valid_from=span[0], valid_to=span[1], superseded_at=None, deleted=deleted,
        replaces=None if replaces is None else replaces.id, same_as=same,
    )
    session.add(row)
    held: _Held = session.info.setdefault("believed", _Held())
    held.rows[facility_id].append(row)
    return row
