"""Limiting a session to some areas: what it reads, and what it may write.

The limit stands in the session itself, not in each question: a question that forgets it cannot be
asked. A reading session sees only rows of its areas; a writing session sees all (what is believed
of a facility must be whole to be changed) and refuses, before anything is stored, every revision
that does not lie in its areas, or takes the place of one that does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, event, false, literal, or_
from sqlalchemy.orm import with_loader_criteria

from geosvc.errors import NeedsApproval, NotAllowed
from geosvc.store.accounts import AccountRow, ApiKeyRow
from geosvc.store.areas import AreaRow
from geosvc.store.base import Audited
from geosvc.store.duplicates import DuplicateAnswerRow, MergeRow
from geosvc.store.facilities import FacilityRevisionRow, select_believed
from geosvc.store.imports import MatchAnswerRow
from geosvc.store.populations import PopulationRow
from geosvc.store.proposals import ProposalRow
from geosvc.store.runs import CoverageRow, GapRow
from geosvc.store.scenarios import ScenarioRow
from geosvc.store.study import ImportRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import ORMExecuteState, Session

_LAST = "\U0010ffff"
# Tables whose rows belong to an area, by the column that says which.
_OF_AREA = ((FacilityRevisionRow, "area_code"), (PopulationRow, "area_code"), (CoverageRow, "area_code"), (GapRow, "area_code"))
# Where a session keeps what it is limited to.
_KEPT = "limited to"
# Whoever may change facilities imports them too; an account always may make itself a key; a scenario changes no facility.
_ALSO_WRITTEN = (ImportRow, MatchAnswerRow, ApiKeyRow, AccountRow, ScenarioRow)


def inside(code: str | None, areas: Sequence[str]) -> bool:
    """Return whether an area lies in one of some areas; codes of divisions begin with the code above.

    >>> inside("220622100", ["220622"]), inside(None, ["220622"]), inside("2206", ["220622"]), inside("Z10", ["Z1"])
    (True, False, False, False)
    """
    return code is not None and any(code == area or (area.isdigit() and code.startswith(area)) for area in areas)


def seen_of(code: str | None, areas: Sequence[str] | None) -> str | None:
    """Return the code of an area where an account of some areas (None: of all) may see it, else None."""
    return code if areas is None or inside(code, areas) else None


def limit_of(session: Session) -> tuple[str, ...] | None:
    """Return the codes that a reading session is limited to; None without a limit."""
    found: tuple[str, ...] | None = session.info.get(_KEPT)
    return found


def limit_reading(session: Session, areas: Sequence[str]) -> None:
    """Let a session see the rows of some areas only; of areas also those above them."""
    session.info[_KEPT] = tuple(areas)
    criteria = [
        with_loader_criteria(table, _within(getattr(table, column), areas), include_aliases=True)
        for table, column in _OF_AREA
    ]
    above = or_(*(literal(area).startswith(AreaRow.code) for area in areas)) if areas else false()
    criteria.append(with_loader_criteria(AreaRow, or_(_within(AreaRow.code, areas), above), include_aliases=True))

    @event.listens_for(session, "do_orm_execute")
    def _limit(state: ORMExecuteState) -> None:
        if state.is_select:
            state.statement = state.statement.options(*criteria)


def limit_writing(session: Session, areas: Sequence[str]) -> None:
    """Refuse what a session would write outside of some areas."""

    @event.listens_for(session, "before_flush")
    def _refuse(session: Session, _context: Any, _instances: Any) -> None:
        with session.no_autoflush:
            for row in (*session.new, *session.dirty, *session.deleted):
                if isinstance(row, Audited) and not isinstance(row, _ALSO_WRITTEN):
                    _check(session, row, areas)


def refuse_unpublished(session: Session) -> None:
    """Refuse every change of a facility: it is proposed instead, and published by an administrator."""

    @event.listens_for(session, "before_flush")
    def _refuse(session: Session, _context: Any, _instances: Any) -> None:
        if any(isinstance(row, FacilityRevisionRow | MergeRow) for row in (*session.new, *session.dirty, *session.deleted)):
            raise NeedsApproval(
                "nothing was changed: here an administrator publishes what editors propose, and this (an import, an undo, a merge, or "
                "a placing of many at once) cannot be proposed; ask an administrator to do it, or change the facilities in their forms or in the list")


def _check(session: Session, row: Audited, areas: Sequence[str]) -> None:
    if isinstance(row, ProposalRow):
        for number in row.facility_ids:
            _check_inside(select_believed(session, number), areas)
        for code in row.area_codes:
            if not inside(code, areas):
                raise NotAllowed(f"{row.subject}: the area {code or 'unknown'} is not one of this account's, {', '.join(areas)}")
        return
    if isinstance(row, MergeRow | DuplicateAnswerRow):
        for number in row.facility_ids:
            _check_inside(select_believed(session, number), areas)
        return
    if not isinstance(row, FacilityRevisionRow):
        raise NotAllowed(f"an account limited to the areas {', '.join(areas)} cannot change {row.subject}")
    # What a revision replaced when it was written is history; only one that is written now takes a place.
    replaces = row.replaces if row in session.new else None
    _check_inside([row, None if replaces is None else session.get(FacilityRevisionRow, replaces)], areas)


def _check_inside(rows: Sequence[FacilityRevisionRow | None], areas: Sequence[str]) -> None:
    for each in rows:
        if each is not None and not inside(each.area_code, areas):
            # Not a word of what it is: who may not read it must not learn it from a refusal.
            raise NotAllowed(f"this concerns a facility outside of the areas of this account ({', '.join(areas)}), or one without an area")


def _within(column: Any, areas: Sequence[str]) -> Any:
    """Say in SQL what :func:`inside` says."""
    each = [and_(column >= area, column < area + _LAST) if area.isdigit() else column == area for area in areas]
    return or_(*each) if each else false()
