"""What an import is going to do, found without writing; and doing it.

The dry run and the import make the same plan, and the plan is all that is carried out: what the one
says, the other does. A plan has a seal; an import that was previewed is only carried out if its plan
still has the seal of the preview.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from geosvc.errors import InvalidInput, Refusal
from geosvc.registry import facilities as registry
from geosvc.registry.exports import cells as written
from geosvc.registry.imports.matching import How, Match, fingerprint, matched
from geosvc.registry.moments import now
from geosvc.registry.revisions import hold
from geosvc.store.facilities import FacilityQuery, newest_facility
from geosvc.store.imports import MatchAnswerRow
from geosvc.store.scope import inside

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from geosvc.registry.facilities import Facility, Registered
    from geosvc.registry.imports.facilities import Told
    from geosvc.registry.imports.matching import Standing
    from geosvc.registry.imports.report import ImportReport
    from geosvc.store.engine import Session

_MATCHES_SHOWN = 200
_ASKED_AT_ONCE = 500
UNCHANGED, CHANGED, NEW = "unchanged", "changed", "new"


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one row makes of the registry: ``believed`` in place of ``current`` (None: a new facility).

    ``provisional`` is the id that a new one would get if nobody else registered one first.
    """

    match: Match
    believed: Facility
    current: Registered | None
    provisional: int
    change: str

    @property
    def today(self) -> Facility:
        """Return what is true today after this step: one that opens later is planned until then."""
        return registry.life_of(self.believed)[0][1]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All steps of an import, the rows that are refused and those that wait for a person."""

    steps: list[Step]
    refused: list[Refusal]
    waiting: list[Match]
    registered: list[Standing] = field(repr=False)
    merged: list[Match] = field(default_factory=list)
    renumbered: int = 0
    answers: Mapping[int, int | str] = field(default_factory=dict)

    @property
    def changes(self) -> Counter[str]:
        """Return how many facilities are new, changed and unchanged."""
        return +Counter(step.change for step in self.steps)

    @property
    def seal(self) -> str:
        """Return what tells this plan from any other: which row makes what of which revision."""
        said = [
            [[step.match.told.row.number, step.change, step.current and [step.current.id, step.current.revision]] for step in self.steps],
            [[each.row, each.reason] for each in self.refused],
            [[each.told.row.number, each.into] for each in self.merged],
            [[each.told.row.number, [[one.registered.id, one.registered.revision] for one in each.candidates]] for each in self.waiting],
        ]
        return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()


def plan(
    session: Session, found: Sequence[Told], *, answers: Mapping[int, int | str], within: Sequence[str] | None = None
) -> Plan:
    """Return what an import of rows is going to do; nothing is written.

    Parameters
    ----------
    session : Session
        One that sees the whole registry.
    found : sequence of Told
    answers : mapping of int to int or str
        See :func:`~geosvc.registry.imports.matching.matched`.
    within : sequence of str, optional
        The areas of the account: rows of facilities elsewhere are refused.

    Raises
    ------
    InvalidInput
        If an answer fits no row or no facility.
    """
    refused: list[Refusal] = []
    waiting: list[Match] = []
    merged: list[Match] = []
    taken: list[_Taken] = []
    matches, registered = matched(session, found, answers)
    current = _whole(session, [match.current.id for match in matches if match.current is not None])
    for match in matches:
        if match.how == How.MERGED:
            merged.append(match)
            continue
        standing = None if match.current is None else current[match.current.id]
        try:
            facility = _after(match, standing)
            _check_within(match, facility, within)
        except InvalidInput as error:
            refused.append(_refusal(match, error))
            continue
        if match.how == How.WAITING:
            waiting.append(_seen_from(match, within))
        else:
            taken.append(_Taken(match, facility, standing))
    steps = _numbered(session, taken)
    foreign = sum(_is_foreign(each.match) for each in taken)
    return Plan(steps=steps, refused=refused, waiting=waiting, registered=registered, merged=merged, renumbered=foreign, answers=answers)


class _Taken(NamedTuple):
    match: Match
    facility: Facility
    current: Registered | None


def _whole(session: Session, ids: list[int]) -> dict[int, Registered]:
    """Return facilities with all that is known of them."""
    return {
        each.id: each for start in range(0, len(ids), _ASKED_AT_ONCE)
        for each in registry.find_many(session, FacilityQuery(ids=ids[start : start + _ASKED_AT_ONCE]))
    }


def _after(match: Match, current: Registered | None) -> Facility:
    """Return what the row makes of its facility."""
    if current is not None:
        return match.told.upon(current.facility)
    if not match.told.complete:
        raise InvalidInput("no facility of this registry has that number, and the row says too little for a new one")
    return match.told.facility


def _refusal(match: Match, error: InvalidInput) -> Refusal:
    by_number = match.current is None and not match.told.complete
    column, value = ("机构编号", str(match.told.facility_id)) if by_number else (None, None)
    return Refusal(match.told.row.number, column, value, str(error))


def _check_within(match: Match, facility: Facility, within: Sequence[str] | None) -> None:
    if within is None:
        return
    name = match.told.facility.name  # as the row calls it: what stands elsewhere is not told of
    if match.current is not None and not inside(match.current.area_code, within):
        raise InvalidInput(f"{name} is registered outside of the areas of this account, {', '.join(within)}")
    if not inside(facility.area_code, within):
        raise InvalidInput(f"{name} lies in the area {facility.area_code or 'unknown'}; this account is limited to {', '.join(within)}")


def _seen_from(match: Match, within: Sequence[str] | None) -> Match:
    """Leave out candidates that the account may not see."""
    if within is None:
        return match
    return replace(match, candidates=tuple(each for each in match.candidates if inside(each.registered.area_code, within)))


def _numbered(session: Session, taken: list[_Taken]) -> list[Step]:
    """Return the steps, in which rows of another registry name each other by the numbers that they have here."""
    following = newest_facility(session)
    numbers: list[int] = []
    ids: dict[int, int] = {}
    for match, _facility, current in taken:
        if current is None:
            following += 1
        number = following if current is None else current.id
        numbers.append(number)
        if match.told.facility_id is not None and match.told.facility_id != number:
            ids[match.told.facility_id] = number
    steps = []
    for (match, facility, current), number in zip(taken, numbers, strict=True):
        believed = _renumbered(facility, ids) if _is_foreign(match) else facility
        change = _change(session, current, believed)
        steps.append(Step(match=match, believed=believed, current=current, provisional=number, change=change))
    return steps


def _change(session: Session, current: Registered | None, believed: Facility) -> str:
    if current is None:
        return NEW
    if current.facility == believed:
        return UNCHANGED
    # One that opens later is planned until then: what is true today is not all that was said of it.
    if len(registry.life_of(believed)) > 1 and not registry.would_change(session, current.id, believed):
        return UNCHANGED
    return CHANGED


def _is_foreign(match: Match) -> bool:
    """Return whether a row carries a number that is not its facility's here."""
    number = match.told.facility_id
    return number is not None and (match.current is None or match.current.id != number)


def _renumbered(facility: Facility, ids: Mapping[int, int]) -> Facility:
    """Return a facility whose relations name others by the numbers of this registry."""
    key = written.RELATIONS.value
    if not any(each.get(key) in ids for each in facility.relations if isinstance(each.get(key), int)):
        return facility
    relations = [{**each, key: ids.get(each[key], each[key])} if isinstance(each.get(key), int) else each for each in facility.relations]
    return replace(facility, relations=relations)


def tell(made: Plan, report: ImportReport) -> None:
    """Say in a report what a plan is."""
    report.changes = made.changes
    report.refusals += made.refused
    report.waiting = [each.as_dict() for each in made.waiting]
    for each in made.merged:
        report.left_out.append(Refusal(each.told.row.number, None, None, f"was merged into facility {each.into}, whose own row counts"))
    if made.merged:
        report.figures["rows_left_out"] = len(report.left_out)
        report.notes.append(f"{len(made.merged)} rows left out: their facilities were merged into others; to have one back, undo its merge")
    counted = Counter(str(step.match.how) for step in made.steps if step.current is not None)
    if counted:
        report.figures["matched_by"] = dict(sorted(counted.items()))
    scored = [step.match for step in made.steps if step.match.how == How.SCORE]
    report.matches = [each.as_dict() for each in scored[:_MATCHES_SHOWN]]
    if made.renumbered:
        report.notes.append(
            f"{made.renumbered} rows carry a 机构编号 that is not theirs here: found by identifier or name, or registered as new")


def carry_out(session: Session, made: Plan, *, author: str, origin: str) -> None:
    """Write what a plan says, in the session that it was made in, and remember the answers that were given for it."""
    hold(session, [step.current.id for step in made.steps if step.current is not None and step.change == CHANGED])
    new = [step for step in made.steps if step.current is None]
    numbers = registry.register(session, [step.believed for step in new], author=author, origin=origin)
    given = {step.provisional: number for step, number in zip(new, numbers, strict=True)}
    # Another one may have got the number that was foreseen: relations to new facilities are told the right one.
    moved = {was: got for was, got in given.items() if was != got}
    for step in made.steps:
        believed = _renumbered(step.believed, moved) if _is_foreign(step.match) else step.believed
        if step.change == CHANGED and step.current is not None:
            registry.save(session, believed, facility_id=step.current.id, author=author, origin=origin)
        elif step.current is None and believed != step.believed:
            registry.save(session, believed, facility_id=given[step.provisional], author=author, origin=origin)
    # Who changes nothing leaves no record of an import that the answers could be taken back with.
    _remember(session, made, author=author, origin=origin if made.changes[NEW] + made.changes[CHANGED] else "import")


def _remember(session: Session, made: Plan, *, author: str, origin: str) -> None:
    """Keep the answers, so that nobody is asked again; of namesakes in one file nobody could say which was meant."""
    often = Counter(fingerprint(step.match.told.facility) for step in made.steps)
    for step in made.steps:
        if step.match.told.row.number not in made.answers:
            continue
        one, mark = step.match.told.facility, fingerprint(step.match.told.facility)
        number = None if step.current is None else step.current.id
        known = session.get(MatchAnswerRow, mark)
        if often[mark] > 1 or (known is not None and known.facility_id == number):
            continue
        session.merge(MatchAnswerRow(
            fingerprint=mark, name=one.name, class_code=one.class_code, area_code=one.area_code, facility_id=number,
            origin=origin, at=now(), author=author,
        ))
