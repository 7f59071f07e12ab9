"""Scenarios: saved, listed, copied and put away; nothing here changes the registry.

Whoever may measure saves scenarios; their author and administrators change them, everybody else copies
them. An account of some areas sees its own, and those of which every change lies in its areas: a
scenario is told whole or not at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geosvc.accounts.people import Right
from geosvc.coverage.changes import NO_CHANGES, SERVING_MODES, Changes, changes_from, readable
from geosvc.errors import (
    Conflict,
    FacilityNotFound,
    InvalidParameter,
    MissingPrecondition,
    NotAllowed,
    ScenarioClosed,
    ScenarioNotFound,
)
from geosvc.registry import areas, facilities, merging
from geosvc.registry.moments import PRESENT, now
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery
from geosvc.store.proposals import OPEN, PUBLISHED, proposal_numbered
from geosvc.store.scenarios import (
    APPLIED,
    ARCHIVED,
    DRAFT,
    STATES,
    ScenarioRow,
    add_scenario,
    delete_scenario,
    forget_runs,
    scenario_numbered,
    select_runs,
    select_scenarios,
)
from geosvc.travel.conditions import all_asked
from geosvc.workflows.finding import is_whole
from geosvc.workflows.run_files import changes_within, refuse_elsewhere

if TYPE_CHECKING:
    from collections.abc import Mapping

    from geosvc.accounts.people import Person
    from geosvc.coverage.changes import Serving
    from geosvc.registry.facilities import Facility
    from geosvc.store.engine import Session, Store

BASELINE = "baseline"  # in place of a scenario's number: what is registered
LONGEST_NAME, LONGEST_NOTES = 200, 5000
_WRITTEN = ("name", "notes", "changes")
# What a reader is told besides: a document that was read can be sent back as it is.
_TOLD = ("id", "author", "created_at", "changed_at", "changed_by", "version", "state", "facilities", "stale", "measured", "mine",
         "applied_at", "applied_by", "opened", "proposals", "href", "links")


@dataclass(frozen=True, kw_only=True)
class Written:
    """What somebody writes of a scenario."""

    name: str
    notes: str
    changes: Changes


def scenario_number(text: str) -> int:
    """Return the number of a scenario from an address.

    Raises
    ------
    ScenarioNotFound
    """
    if not is_whole(text):
        raise ScenarioNotFound(f"no scenario has the number {text[:40]!r}")
    return int(text)


def written_from(document: Any) -> Written:
    """Return what a document says of a scenario; what a reader is told besides may stand in it and is not looked at.

    Raises
    ------
    InvalidParameter
        If it is no object, a key is unknown, the name is empty or too long, or the changes are none.
    """
    if not isinstance(document, dict):
        raise InvalidParameter(f"a scenario must be an object with name, notes and changes; got {type(document).__name__}")
    unknown = sorted(set(document) - {*_WRITTEN, *_TOLD})
    if unknown:
        raise InvalidParameter(f"a scenario holds {', '.join(_WRITTEN)}; nobody knows {', '.join(map(repr, unknown))}")
    name, notes = (_text(document, key, most) for key, most in (("name", LONGEST_NAME), ("notes", LONGEST_NOTES)))
    if not any(each.isprintable() and not each.isspace() for each in name):
        raise InvalidParameter("a scenario needs a name, by which others find it")
    changes = changes_from(document.get("changes", {}))
    if not changes:
        raise InvalidParameter("changes: a scenario needs at least one change (open, close, move, serve, close_roads or conditions)")
    return Written(name=name, notes=notes, changes=changes)


def _text(document: Mapping[str, Any], key: str, most: int) -> str:
    text = readable(document.get(key) or "", key, lines=key == "notes").strip()
    if len(text) > most:
        raise InvalidParameter(f"{key} has {len(text)} characters; at most {most} are kept")
    return text


# -- reading -----------------------------------------------------------------------------------


def list_scenarios(store: Store, person: Person, *, state: str | None = None) -> list[dict[str, Any]]:
    """Return the scenarios that somebody may see, the one changed last first; without ``state`` those not put away.

    Raises
    ------
    InvalidParameter
    """
    if state is not None and state not in STATES:
        raise InvalidParameter(f"state must be one of {', '.join(STATES)}; got {state!r}")
    with store.reading() as session:
        rows = [row for row in select_scenarios(session) if _sees(store, session, person, row)]
        told = [_told(session, person, row) for row in rows]
    return [each for each in told if (each["state"] != ARCHIVED if state is None else each["state"] == state)]


def get_scenario(store: Store, person: Person, number: int) -> dict[str, Any]:
    """Return one scenario.

    ``facilities`` says of each that is closed, moved or serves what stands today (``name``, ``class_code``, ``lon``, ``lat``,
    ``state``), None where it was deleted or merged (``went_into``); ``stale`` whether one is gone. ``measured`` are the
    runs of it as it is now, by service.

    Raises
    ------
    ScenarioNotFound
    """
    with store.reading() as session:
        return _told(session, person, seen_row(store, session, person, number))


def seen_row(store: Store, session: Session, person: Person, number: int) -> ScenarioRow:
    """Return the row of a scenario that somebody may see, in a reading session of their store.

    Raises
    ------
    ScenarioNotFound
        The same whether there is none or it is not told.
    """
    row = scenario_numbered(session, number)
    if row is None or not _sees(store, session, person, row):
        raise ScenarioNotFound(f"no scenario {number} is there for you to see; /api/scenarios lists them")
    return row


def _sees(store: Store, session: Session, person: Person, row: ScenarioRow) -> bool:
    if store.areas is None or is_own(person, row):
        return True
    changes = changes_from(row.changes)
    return changes_within(session, changes, PRESENT) == changes


def is_own(person: Person, row: ScenarioRow) -> bool:
    """Return whether somebody made a scenario."""
    return person.may(Right.MEASURE) and row.author == person.name


def _told(session: Session, person: Person, row: ScenarioRow) -> dict[str, Any]:
    changes = changes_from(row.changes)
    named = _facilities(session, changes)
    proposals = [{"id": number, "state": found.state} for number in row.outcome.get("proposals", ())
                 if (found := proposal_numbered(session, number)) is not None]
    published = bool(proposals) and all(each["state"] == PUBLISHED for each in proposals)
    known = person.signed_in or person.may(Right.ADMINISTER)  # the command line has no account
    return {
        "id": row.id, "name": row.name, "notes": row.notes, "author": row.author if known else None, "created_at": row.created_at,
        "changed_at": row.changed_at, "changed_by": row.changed_by if known else None, "version": row.version,
        "state": APPLIED if published and row.state == DRAFT else row.state, "changes": row.changes, "facilities": named,
        "stale": any(each["gone"] for each in named.values()), "measured": _measured(session, row), "mine": may_change(person, row),
        "applied_at": row.applied_at, "applied_by": row.applied_by if known else None, "opened": row.outcome.get("opened", {}),
        "proposals": proposals,
    }


def _measured(session: Session, row: ScenarioRow) -> list[dict[str, str]]:
    return [{"service": each.service_id, "run": each.run_id, "measured_at": each.measured_at} for each in select_runs(session, row.id)]


def _facilities(session: Session, changes: Changes) -> dict[str, dict[str, Any]]:
    """Return what stands today of the facilities that are named, by id as a text."""
    numbers = facilities_named(changes)
    found = {each.id: each for each in facilities.find(session, FacilityQuery(ids=numbers))} if numbers else {}
    told: dict[str, dict[str, Any]] = {}
    for one in numbers:
        each = found.get(one)
        if each is None:
            told[str(one)] = {"gone": True, "went_into": _went_into(session, one), "name": None, "class_code": None, "lon": None, "lat": None, "state": None}
        else:
            held = each.facility
            told[str(one)] = {"gone": False, "went_into": None, "name": held.name, "class_code": held.class_code, "lon": held.lon,
                              "lat": held.lat, "state": str(held.state)}
    return told


def _went_into(session: Session, number: int) -> int | None:
    """Return the facility that one was merged into, as far as a session may see both."""
    try:
        kept = merging.merged_into(session, number)
    except FacilityNotFound:
        return None
    return None if kept is None or merging.last_known(session, kept) is None else kept


def facilities_named(changes: Changes) -> list[int]:
    """Return the ids of the registered facilities that changes concern, in their order."""
    return changes.registered


# -- writing -----------------------------------------------------------------------------------


def may_change(person: Person, row: ScenarioRow) -> bool:
    """Return whether somebody may change a scenario or take it away: its author, or an administrator."""
    return person.may(Right.MEASURE) and (is_own(person, row) or person.may(Right.ADMINISTER))


def create(store: Store, person: Person, document: Any, *, origin: str) -> dict[str, Any]:
    """Save a new scenario.

    Raises
    ------
    InvalidParameter
        If the document is none, or names a facility that is not there.
    NotAllowed
    """
    person.must(Right.MEASURE)
    wanted = written_from(document)
    seen = _seen(store, wanted.changes)
    at = now()
    row = ScenarioRow(
        name=wanted.name, notes=wanted.notes, author=person.name, created_at=at, changed_at=at, changed_by=person.name, origin=origin,
        version=1, state=DRAFT, changes=wanted.changes.as_dict(), seen=seen, outcome={})
    with store.writing() as session:
        number = add_scenario(session, row)
    return get_scenario(store, person, number)


def save(
    store: Store, person: Person, number: int, document: Any, *, expected: int | None, origin: str
) -> dict[str, Any]:
    """Say what a scenario is, wholly: it counts as looked at anew. Other changes are not measured yet.

    Parameters
    ----------
    expected : int or None
        The version that the writer has seen.

    Raises
    ------
    ScenarioNotFound, InvalidParameter, MissingPrecondition, NotAllowed
    Conflict
        If somebody saved it meanwhile.
    ScenarioClosed
        If its changes were applied, or wait to be: then only name and notes can be changed.
    """
    wanted = written_from(document)
    with store.reading() as session:
        old = changes_from(seen_row(store, session, person, number).changes)
    seen = _seen(store, wanted.changes, old=old)
    with store.writing() as session:
        row = row_to_change(store, session, person, number, expected=expected)
        if wanted.changes != old:
            refuse_applied(session, row)
            forget_runs(session, row.id)
        row.name, row.notes, row.changes = wanted.name, wanted.notes, wanted.changes.as_dict()
        row.seen = {**{one: revision for one, revision in row.seen.items() if int(one) in facilities_named(wanted.changes)}, **seen}
        said(row, person, origin)
    return get_scenario(store, person, number)


def row_to_change(store: Store, session: Session, person: Person, number: int, *, expected: int | None) -> ScenarioRow:
    """Return the row of a scenario in a writing session, refused to who may not change it or saw another version.

    Raises
    ------
    ScenarioNotFound, NotAllowed, MissingPrecondition, Conflict
    """
    person.must(Right.MEASURE)
    with store.reading() as seen:
        seen_row(store, seen, person, number)
    row = scenario_numbered(session, number)
    if row is None:
        raise ScenarioNotFound(f"scenario {number} was deleted this moment")
    if not may_change(person, row):
        raise NotAllowed(f"scenario {number} is another person's; copy it and change the copy")
    expect_version(row, expected)
    return row


def expect_version(row: ScenarioRow, expected: int | None) -> None:
    """Refuse who has seen another version of a scenario, or none.

    Raises
    ------
    MissingPrecondition, Conflict
    """
    if expected is None:
        raise MissingPrecondition("say which version you have seen: If-Match with the ETag of the scenario, so that nobody else's change is lost")
    if expected != row.version:
        raise Conflict(
            f"scenario {row.id} was changed by {row.changed_by} at {row.changed_at} (version {row.version}, you saw {expected}); "
            "look at it again, then decide", {"version": (expected, row.version)})


def said(row: ScenarioRow, person: Person, origin: str) -> None:
    """Note who changed a scenario; its version is another now."""
    row.version, row.changed_at, row.changed_by, row.origin = row.version + 1, now(), person.name, origin


def refuse_applied(session: Session, row: ScenarioRow) -> None:
    """Refuse what was applied already, or waits for approval.

    Raises
    ------
    ScenarioClosed
    """
    if row.applied_at is not None:
        raise ScenarioClosed(f"scenario {row.id} was applied at {row.applied_at} by {row.applied_by}; copy it to go on from here")
    states = {number: proposal_numbered(session, number) for number in row.outcome.get("proposals", ())}
    waiting = [str(number) for number, found in states.items() if found is not None and found.state == OPEN]
    published = [str(number) for number, found in states.items() if found is not None and found.state == PUBLISHED]
    if waiting or published:
        raise ScenarioClosed(
            f"the changes of scenario {row.id} are proposals: "
            + "; ".join([*([f"{', '.join(waiting)} wait for an administrator"] if waiting else []),
                         *([f"{', '.join(published)} were published"] if published else [])])
            + "; copy the scenario to go on from here")


def copy(store: Store, person: Person, number: int, *, name: str | None = None, origin: str) -> dict[str, Any]:
    """Save a scenario again as one's own draft; facilities that are gone are left out of it.

    Raises
    ------
    ScenarioNotFound, InvalidParameter, NotAllowed
    """
    told = get_scenario(store, person, number)
    changes = changes_from(told["changes"]).of_facilities({int(one) for one, each in told["facilities"].items() if not each["gone"]})
    wanted = (name or "").strip() or f"{told['name'][:LONGEST_NAME - 2]}+"
    return create(store, person, {"name": wanted, "notes": told["notes"], "changes": changes.as_dict()}, origin=origin)


def archive(store: Store, person: Person, number: int, *, archived: bool, expected: int | None, origin: str) -> dict[str, Any]:
    """Put a scenario away, or take it out again.

    Raises
    ------
    ScenarioNotFound, NotAllowed, MissingPrecondition, Conflict
    """
    with store.writing() as session:
        row = row_to_change(store, session, person, number, expected=expected)
        state = ARCHIVED if archived else (DRAFT if row.applied_at is None else APPLIED)
        if row.state != state:
            row.state = state
            said(row, person, origin)
    return get_scenario(store, person, number)


def delete(store: Store, person: Person, number: int, *, expected: int | None, origin: str) -> None:
    """Remove a scenario; what applying it did stays.

    Raises
    ------
    ScenarioNotFound, NotAllowed, MissingPrecondition, Conflict
    """
    with store.writing() as session:
        row = row_to_change(store, session, person, number, expected=expected)
        forget_runs(session, number)
        said(row, person, origin)
        delete_scenario(session, row)


def _seen(store: Store, changes: Changes, *, old: Changes = NO_CHANGES) -> dict[str, int]:
    """Return what stands today of the facilities that are named: the revision that first said it, by id.

    Those that the changes named before (``old``) may be gone: a scenario outlives them.
    """
    numbers, known = facilities_named(changes), facilities_named(old)
    _refuse_unknown_areas(store, changes)
    with store.reading() as session:
        found = {each.id: each for each in facilities.find(session, FacilityQuery(ids=numbers))} if numbers else {}
    missing = [str(one) for one in numbers if one not in found and one not in known]
    if missing:
        raise InvalidParameter(
            f"changes: no facility {', '.join(missing)} is registered (any more), or it lies outside of the areas of this account; "
            "take it out of close, move and serve")
    refuse_elsewhere(store, changes.of_facilities(found))
    for each in changes.serve:
        if each not in old.serve and each.facility in found:
            _refuse_another_mode(each, found[each.facility].facility)
    return {str(one): each.content_revision for one, each in found.items()}


def _refuse_another_mode(serving: Serving, held: Facility) -> None:
    """Refuse a mode that would also become that of areas which a facility serves otherwise: the registry keeps one for all."""
    others = sorted(set(held.areas_served) - {held.area_code, *serving.areas})
    if others and held.service_mode != serving.mode:
        raise InvalidParameter(
            f"serve: facility {serving.facility} serves {', '.join(others[:3])}{' and others' if len(others) > 3 else ''} already, "
            f"{'by ' + held.service_mode if held.service_mode else 'by no registered mode'}; a facility has one mode for all its areas, and they would "
            f"count as served by {serving.mode} too: choose another facility" + (f", or {held.service_mode}" if held.service_mode in SERVING_MODES else ""))


def _refuse_unknown_areas(store: Store, changes: Changes) -> None:
    asked = {
        "conditions": sorted({area for one in all_asked(changes.conditions) for area in one.areas}),
        "serve": sorted({area for each in changes.serve for area in each.areas})}
    if not any(asked.values()):
        return
    with store.everywhere().reading() as session:
        known = {each.code for each in areas.find(session, AreaQuery(codes=sorted({*asked["conditions"], *asked["serve"]})))}
    for kind, codes in asked.items():
        missing = [area for area in codes if area not in known]
        if missing:
            raise InvalidParameter(f"{kind}: no area {', '.join(missing)} is registered; GET /api/collections/areas/items lists the codes")
