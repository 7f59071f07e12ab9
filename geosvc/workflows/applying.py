"""Applying a scenario: what was planned becomes what is registered, all of it or nothing.

Openings become facilities, moves, services and closings updates from a day, with the scenario as their reason. A
facility that somebody changed since the scenario was saved is a conflict and is shown. Closed roads and
conditions are no facts of the registry and are not applied. Where an administrator publishes what editors
propose, the openings become one proposal and the moves, services and closings another.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from geosvc.accounts.people import Right
from geosvc.coverage.changed import codes_at, serving_too, still_in
from geosvc.coverage.changes import Changes, changes_from, readable
from geosvc.errors import Conflict, FacilityNotFound, InvalidParameter, ScenarioNotFound
from geosvc.geo.datums import CGCS2000
from geosvc.registry import checks, facilities
from geosvc.registry.facilities import Facility, PositionMethod, State
from geosvc.registry.moments import PRESENT, day_told, now, today
from geosvc.registry.proposals import Step, What, propose
from geosvc.registry.revisions import content_of, differences, hold, living, true_on
from geosvc.store.facilities import FacilityQuery, select_by_revision
from geosvc.store.scenarios import APPLIED, scenario_numbered
from geosvc.workflows.editing import Intent, carry_out, finding_as_dict
from geosvc.workflows.scenarios import (
    expect_version,
    facilities_named,
    get_scenario,
    refuse_applied,
    said,
    seen_row,
)
from geosvc.workflows.study import tree_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from geosvc.accounts.people import Person
    from geosvc.coverage.tree import AreaTree
    from geosvc.store.engine import Session, Store
    from geosvc.store.facilities import FacilityRevisionRow
    from geosvc.store.scenarios import ScenarioRow
    from geosvc.workflows.editing import Done

ORIGIN = "scenario:"
OPENED, CLOSED, MOVED, SERVING = "open", "close", "move", "serve"
_LARGEST_NAME = 200


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What applying one change does: ``number`` is that of an opening, else None; ``step`` None changes nothing.

    ``problem`` says why it cannot be: ``unnamed``, ``gone``, ``changed`` (``changed`` has the fields as seen and as
    they are) or None.
    """

    kind: str
    step: Step | None = None
    facility_id: int | None = None
    number: int | None = None
    name: str = ""
    problem: str | None = None
    changed: dict[str, tuple[Any, Any]] = field(default_factory=dict)


def reason_of(row: ScenarioRow) -> str:
    """Return the reason that the history keeps."""
    return f"方案“{row.name}”"


def preview(
    store: Store, person: Person, number: int, *, names: Mapping[int, str] | None = None, valid_from: str | None = None, language: str = "zh"
) -> dict[str, Any]:
    """Return what applying a scenario would do: each change with what looks wrong and why it cannot be.

    Raises
    ------
    ScenarioNotFound, InvalidParameter
    """
    day = _day(valid_from)
    with store.reading() as session:
        row = seen_row(store, session, person, number)
        changes = changes_from(row.changes)
        plan = _plan(session, _tree(store), row, changes, names or {}, day, _seen_rows(session, row))
        told = [{**_entry(each), "findings": _findings(session, each, language)} for each in plan]
    return {"changes": told, "not_applied": _not_applied(changes), "possible": bool(plan) and not any(each.problem for each in plan),
            "proposes": store.proposes, "valid_from": day}


def _findings(session: Session, planned: Planned, language: str) -> list[dict[str, Any]]:
    step = planned.step
    if step is None or step.facility is None:
        return []
    return [finding_as_dict(each, language) for each in checks.check(session, step.facility, old=step.old, facility_id=step.facility_id)]


def apply(
    store: Store, person: Person, number: int, *, expected: int | None, names: Mapping[int, str] | None = None,
    valid_from: str | None = None, origin: str,
) -> dict[str, Any]:
    """Write a scenario into the registry, in one transaction.

    Parameters
    ----------
    store : Store
        As the person may change it; where changes wait for approval they are proposed.
    expected : int or None
        The version of the scenario that was looked at.
    names : mapping of int to str, optional
        Names for openings by their number, in place of those of the scenario.
    valid_from : str, optional
        The day from which it is so; today unless given.

    Returns
    -------
    outcome : dict
        ``scenario``, ``changes`` (each with its facility and whether anything changed), ``not_applied``, ``proposals``.

    Raises
    ------
    ScenarioNotFound, ScenarioClosed, MissingPrecondition, NotAllowed
    InvalidParameter
        If an opening has no name.
    Conflict
        If the scenario, or a facility that it closes, moves or has serve, was changed since; nothing is done.
    """
    person.must(Right.EDIT)
    day = _day(valid_from)
    with store.reading() as session:
        row = seen_row(store, session, person, number)
        seen = _seen_rows(session, row)
        _refuse_invisible(store, session, row)
    asked = _Asked(number=number, expected=expected, names=names or {}, day=day, tree=_tree(store), seen=seen)
    if store.proposes:
        with store.trying() as session:  # what cannot be done is not proposed
            row, changes, plan = _ready(session, asked)
            _carry_out(session, row, plan, person, day)
        with store.writing() as session:
            row, changes, plan = _ready(session, asked)
            row.outcome = {**row.outcome, "proposals": _propose(session, row, plan, person, day)}
            said(row, person, origin)
        changed = [_entry(each) for each in plan]
    else:
        with store.writing() as session:
            row, changes, plan = _ready(session, asked)
            done = _carry_out(session, row, plan, person, day)
            opened = {str(each.number): one.facility_id for each, one in done if each.kind == OPENED}
            row.outcome, row.state = {**row.outcome, "opened": opened}, APPLIED
            row.applied_at, row.applied_by = now(), person.name
            said(row, person, origin)
            changed = [{**_entry(each), "facility": one.facility_id, "changed": one.changed, "feature": one.feature} for each, one in done]
    told = get_scenario(store, person, number)
    return {"scenario": told, "changes": changed, "not_applied": _not_applied(changes), "proposals": told["proposals"]}


def _day(valid_from: str | None) -> str:
    return day_told(valid_from, "valid_from") if valid_from else today()


def _tree(store: Store) -> AreaTree:
    """Return all areas: where something comes to lie is no secret, and who may not change it there is refused."""
    with store.everywhere().reading() as session:
        return tree_of(session, PRESENT)


def _not_applied(changes: Changes) -> dict[str, Any]:
    return {"close_roads": [list(each) for each in changes.close_roads], "conditions": list(changes.conditions)}


def _entry(planned: Planned) -> dict[str, Any]:
    return {"kind": planned.kind, "number": planned.number, "facility": planned.facility_id, "name": planned.name, "problem": planned.problem,
            "unchanged": planned.step is None and planned.problem is None,
            "changed_since": {name: list(pair) for name, pair in planned.changed.items()}}


# -- planning ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What is to be applied, and what whoever applies it may read of it: ``seen`` are revisions by their number."""

    number: int
    expected: int | None
    names: Mapping[int, str]
    day: str
    tree: AreaTree
    seen: Mapping[int, FacilityRevisionRow]


def _seen_rows(session: Session, row: ScenarioRow) -> dict[int, FacilityRevisionRow]:
    """Return the revisions that the scenario's author looked at, as far as a session may read them.

    What was true of a facility while it lay elsewhere is not told, not even by a conflict.
    """
    return {each.id: each for each in select_by_revision(session, sorted(set(row.seen.values())))}


def _refuse_invisible(store: Store, session: Session, row: ScenarioRow) -> None:
    """Refuse what somebody of some areas cannot see (any more), before anything is said of it.

    Raises
    ------
    Conflict
    """
    numbers = facilities_named(changes_from(row.changes))
    if store.areas is None or not numbers:
        return
    there = {each.id for each in facilities.find(session, FacilityQuery(ids=numbers))}
    gone = [str(one) for one in numbers if one not in there]
    if gone:
        raise Conflict(
            f"nothing was applied: facility {', '.join(gone)} is not registered any more, or lies outside of the areas of this account; "
            "take it out of the scenario")


def _ready(session: Session, asked: _Asked) -> tuple[ScenarioRow, Changes, list[Planned]]:
    """Return a scenario that can be applied, in a writing session.

    Raises
    ------
    ScenarioNotFound, ScenarioClosed, MissingPrecondition, InvalidParameter, Conflict
    """
    row = scenario_numbered(session, asked.number)
    if row is None:
        raise ScenarioNotFound(f"scenario {asked.number} was deleted this moment")
    expect_version(row, asked.expected)
    refuse_applied(session, row)
    changes = changes_from(row.changes)
    plan = _plan(session, asked.tree, row, changes, asked.names, asked.day, asked.seen)
    _refuse(row, plan, changes)
    return row, changes, plan


def _refuse(row: ScenarioRow, plan: list[Planned], changes: Changes) -> None:
    if not plan:
        raise InvalidParameter(
            f"scenario {row.id} opens, closes and moves no facility, and has none serve an area ({changes.count} closed roads or conditions): there is nothing to write into the registry")
    unnamed = [str(each.number) for each in plan if each.problem == "unnamed"]
    if unnamed:
        raise InvalidParameter(
            f"opening {', '.join(unnamed)} of scenario {row.id} has no name, under which it would be registered; give it one, or send it in names")
    gone = [str(each.facility_id) for each in plan if each.problem == "gone"]
    changed = [each for each in plan if each.problem == "changed"]
    if gone or changed:
        said_so = [*([f"facility {', '.join(gone)} is not registered any more"] if gone else []),
                   *(f"facility {each.facility_id} was changed" + (f" ({', '.join(each.changed)})" if each.changed else "") for each in changed)]
        raise Conflict(
            f"nothing was applied: since scenario {row.id} was saved, {'; '.join(said_so)}; look at it again and save the scenario anew",
            {f"{each.facility_id}.{name}": pair for each in changed for name, pair in each.changed.items()})


def _plan(
    session: Session, tree: AreaTree, row: ScenarioRow, changes: Changes, names: Mapping[int, str], day: str,
    seen: Mapping[int, FacilityRevisionRow],
) -> list[Planned]:
    """Return what applying does, in the order opened, moved, serving, closed; what moves and serves is one update, as moved."""
    hold(session, facilities_named(changes))
    places = [*((each.lon, each.lat) for each in changes.open), *((each.lon, each.lat) for each in changes.move)]
    codes = codes_at(tree, places)
    reason, planned = reason_of(row), []
    for place, opening in enumerate(changes.open):
        name = readable(names.get(opening.number) or opening.name, f"names.{opening.number}").strip()[:_LARGEST_NAME]
        planned.append(Planned(
            kind=OPENED, number=opening.number, name=name, problem=None if name else "unnamed",
            step=None if not name else Step(facility=_at(Facility(
                name=name, class_code=opening.class_code, state=State.OPERATING, opened_on=day, area_code=codes[place], source=reason,
            ), opening.lon, opening.lat, reason))))
    serving = {each.facility: each for each in changes.serve}
    for place, move in enumerate(changes.move, start=len(changes.open)):

        def moved(old: Facility, move: Any = move, code: str | None = codes[place]) -> Facility:
            here = _at(old, move.lon, move.lat, reason)
            there = here if still_in(tree, old.area_code, code, move.lon, move.lat) else replace(here, area_code=code)
            return serving_too(there, serving[move.facility]) if move.facility in serving else there

        planned.append(_of_facility(session, row, seen, MOVED, move.facility, day, moved))
    moving = {each.facility for each in changes.move}
    planned += [_of_facility(session, row, seen, SERVING, each.facility, day, partial(serving_too, serving=each))
                for each in changes.serve if each.facility not in moving]
    planned += [_of_facility(session, row, seen, CLOSED, one, day, lambda old: replace(old, state=State.CLOSED, closed_on=day))
                for one in changes.close]
    return planned


def _of_facility(
    session: Session, row: ScenarioRow, seen: Mapping[int, FacilityRevisionRow], kind: str, number: int, day: str, change: Any
) -> Planned:
    try:
        rows = living(session, number)
    except FacilityNotFound:
        return Planned(kind=kind, facility_id=number, problem="gone")
    current = true_on(rows, day) or rows[0]
    told = row.seen.get(str(number))
    before = None if told is None else seen.get(told)
    same = told == (current.same_as or current.id)
    changed = {} if before is None or same else differences(content_of(before), content_of(current))
    old = Facility(**content_of(current))
    if changed or (before is None and not same):
        return Planned(kind=kind, facility_id=number, name=old.name, problem="changed", changed=changed)
    new = change(old)
    if (kind == CLOSED and old.state == State.CLOSED) or (kind == SERVING and new == old):
        return Planned(kind=kind, facility_id=number, name=old.name)
    return Planned(kind=kind, facility_id=number, name=old.name, step=Step(facility_id=number, revision=current.id, facility=new, old=old))


def _at(facility: Facility, lon: float, lat: float, reason: str) -> Facility:
    """Return a facility at the place to which somebody pointed."""
    return replace(
        facility, lon=lon, lat=lat, raw_x=repr(lon), raw_y=repr(lat), raw_datum=CGCS2000, position_method=PositionMethod.SURVEYED,
        position_source=reason, position_date=today())


# -- doing -------------------------------------------------------------------------------------


def _steps(plan: list[Planned]) -> tuple[list[tuple[Planned, Step]], list[tuple[Planned, Step]]]:
    """Return (openings; moves, services and closings) with their steps."""
    both = [(each, each.step) for each in plan if each.step is not None]
    return [each for each in both if each[0].kind == OPENED], [each for each in both if each[0].kind != OPENED]


def _intent(row: ScenarioRow, person: Person, valid_from: str | None = None) -> Intent:
    return Intent(author=person.name, origin=f"{ORIGIN}{row.id}", reason=reason_of(row), valid_from=valid_from)


def _carry_out(session: Session, row: ScenarioRow, plan: list[Planned], person: Person, day: str) -> list[tuple[Planned, Done]]:
    found = []
    for what, several, valid_from in zip((What.CREATE, What.CHANGE), _steps(plan), (None, day), strict=True):
        done = carry_out(session, what, [step for _, step in several], _intent(row, person, valid_from))
        found += [(planned, each) for (planned, _), each in zip(several, done, strict=True)]
    return found


def _propose(session: Session, row: ScenarioRow, plan: list[Planned], person: Person, day: str) -> list[int]:
    made = []
    for what, several, valid_from in zip((What.CREATE, What.CHANGE), _steps(plan), (None, day), strict=True):
        if several:
            intent = _intent(row, person, valid_from)
            made.append(propose(session, what, [step for _, step in several], **intent.by, valid_from=valid_from).id)
    return made
