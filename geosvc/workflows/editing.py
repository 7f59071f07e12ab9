"""Changing facilities one by one or many at once, for pages, API and scripts.

Every change goes through one door (:func:`_changed`): where an administrator publishes what editors
propose, it becomes a proposal there, and whoever asked is told so by :class:`~geosvc.registry.proposals.Proposed`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from geosvc.errors import Conflict, FacilityNotFound, InvalidInput, MissingPrecondition
from geosvc.language import words
from geosvc.registry import checks, facilities, history
from geosvc.registry.documents import facility_of, merged
from geosvc.registry.moments import today
from geosvc.registry.proposals import Proposed, Step, What, as_dict, propose
from geosvc.registry.revisions import END, believed, content_of, differences, expect, hold, living, true_on
from geosvc.store.facilities import FacilityQuery, select_revisions_by_id
from geosvc.workflows.features import facility_feature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence, Sized

    from geosvc.registry.checks import Finding
    from geosvc.registry.facilities import Facility
    from geosvc.registry.history import Version
    from geosvc.store.engine import Session, Store

MOST_AT_ONCE = 1000
_MOST_NEWER = 50


@dataclass(frozen=True, kw_only=True)
class Intent:
    """Who changes something and how: ``valid_from`` makes it an update from a day, else it is a correction."""

    author: str
    origin: str
    reason: str | None = None
    valid_from: str | None = None
    valid_at: str | None = None

    def __post_init__(self) -> None:
        """Refuse to correct and to update at once."""
        if self.valid_from is not None and self.valid_at is not None:
            raise InvalidInput("valid_from says that something changed on a day, valid_at corrects what was true on a day; send one of them")

    @property
    def by(self) -> dict[str, Any]:
        """Who, through which door, and why."""
        return {"author": self.author, "origin": self.origin, "reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class Edited:
    """What became of a change: the facility as a feature, whether anything changed, and what looks wrong."""

    feature: dict[str, Any]
    changed: bool
    findings: list[dict[str, Any]]


def finding_as_dict(finding: Finding, language: str = "en") -> dict[str, Any]:
    """Return what looks wrong in words."""
    known = words(language)
    values = {**finding.values, "class_name": finding.values.get(f"class_{language}", "")}
    return {"code": finding.code, "severity": finding.severity.value, "field": finding.field,
            "detail": known[f"check_{finding.code}"].format(**values)}


def create(store: Store, document: Any, intent: Intent) -> Edited:
    """Register a new facility.

    Raises
    ------
    InvalidInput, NotAllowed
    """
    facility = facility_of(document)
    done = _changed(store, What.CREATE, intent, lambda _session: [Step(facility=facility)])
    return _edited(store, done[0])


def replace_with(store: Store, facility_id: int, document: Any, intent: Intent, *, expected: int | None) -> Edited:
    """Say what a facility is, wholly; see :class:`Intent` for from when.

    Raises
    ------
    FacilityNotFound, Conflict, InvalidInput, MissingPrecondition, NotAllowed
    """
    return rewrite(store, facility_id, lambda old: facility_of(document, old=old), intent, expected=expected)


def patch(store: Store, facility_id: int, document: Any, intent: Intent, *, expected: int | None) -> Edited:
    """Say what is different about a facility, by a merge patch of what was true on the day of the change.

    Raises
    ------
    FacilityNotFound, Conflict, InvalidInput, MissingPrecondition, NotAllowed
    """
    return patch_many(store, {facility_id: expected}, document, intent)[0]


def rewrite(
    store: Store, facility_id: int, change: Callable[[Facility], Facility], intent: Intent, *, expected: int | None
) -> Edited:
    """Say what a facility is, made of what it was believed to be.

    Raises
    ------
    FacilityNotFound, Conflict, InvalidInput, MissingPrecondition, NotAllowed
    """
    _visible(store, facility_id, intent, expected)
    done = _changed(store, What.CHANGE, intent, lambda session: [_step(session, facility_id, expected, intent, change)])
    return _edited(store, done[0])


def patch_many(
    store: Store, revisions: Mapping[int, int | None], document: Any, intent: Intent
) -> list[Edited]:
    """Change many facilities alike, all or none; ``revisions`` says of each which revision was seen.

    Raises
    ------
    FacilityNotFound, Conflict, InvalidInput, MissingPrecondition, NotAllowed
    """
    _not_too_many(revisions)
    for number, expected in revisions.items():
        _visible(store, number, intent, expected)

    def plan(session: Session) -> list[Step]:
        hold(session, list(revisions))
        return [
            _step(session, number, seen, intent, lambda old: _patched(old, document), of_that_day=True)
            for number, seen in revisions.items()
        ]

    return [_edited(store, each) for each in _changed(store, What.CHANGE, intent, plan)]


def preview(store: Store, facility_id: int | None, document: Any, language: str) -> dict[str, Any]:
    """Return what saving a document would say: the facility as it would be, what looks wrong, what would change.

    Raises
    ------
    FacilityNotFound, InvalidInput
    """
    with store.reading() as session:
        old = None if facility_id is None else facilities.get(session, facility_id)
        facility = facility_of(document, old=None if old is None else old.facility)
        findings = checks.check(session, facility, old=None if old is None else old.facility, facility_id=facility_id)
    changed = {} if old is None else differences(asdict(old.facility), asdict(facility))
    return {
        "lon": facility.lon, "lat": facility.lat, "raw_x": facility.raw_x, "raw_y": facility.raw_y, "raw_datum": facility.raw_datum,
        "findings": [finding_as_dict(each, language) for each in findings], "changed": {name: list(pair) for name, pair in changed.items()},
    }


def delete(store: Store, facility_id: int, intent: Intent, *, expected: int | None) -> None:
    """Say that a record should not be there; needs a reason.

    Raises
    ------
    FacilityNotFound, Conflict, InvalidInput, MissingPrecondition, NotAllowed
    """
    _visible(store, facility_id, intent, expected)
    _changed(store, What.DELETE, intent, lambda session: [_step(session, facility_id, expected, intent)])


def restore(store: Store, facility_id: int, intent: Intent) -> Edited:
    """Take a deletion back.

    Raises
    ------
    FacilityNotFound, InvalidInput, NotAllowed
    """
    with store.reading() as session:
        history.versions(session, facility_id, limit=1)  # refuses one that may not be seen
    done = _changed(store, What.RESTORE, intent, lambda session: [_standing_step(session, facility_id)])
    return _edited(store, done[0])


def confirm(store: Store, facility_id: int, intent: Intent, *, expected: int | None) -> Edited:
    """Say that somebody looked and it is still so.

    Raises
    ------
    FacilityNotFound, Conflict, MissingPrecondition, NotAllowed
    """
    _visible(store, facility_id, intent, expected)
    done = _changed(store, What.CONFIRM, intent, lambda session: [_step(session, facility_id, expected, intent)])
    return _edited(store, done[0])


# -- the one door ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Done:
    """What became of one step: the facility as a feature, and whether anything changed."""

    step: Step
    facility_id: int
    feature: dict[str, Any]
    changed: bool


def _changed(store: Store, what: What, intent: Intent, plan: Callable[[Session], list[Step]]) -> list[Done]:
    """Carry out what ``plan`` makes of the registry as it is; where changes wait for approval, propose it.

    Raises
    ------
    Proposed
    """
    if store.proposes:
        return _proposed(store, what, intent, plan)
    with store.writing() as session:
        return carry_out(session, what, plan(session), intent)


def _proposed(store: Store, what: What, intent: Intent, plan: Callable[[Session], list[Step]]) -> list[Done]:
    """Propose a change that could be made; one that changes nothing needs nobody's approval."""
    with store.trying() as session:
        steps = plan(session)
        done = carry_out(session, what, steps, intent)
    if not any(each.changed for each in done):
        return done
    changing = [each.step for each in done if each.changed]
    with store.writing() as session:
        row = propose(session, what, changing, **intent.by, valid_from=intent.valid_from, valid_at=intent.valid_at)
        told = as_dict(row)
    raise Proposed(told)


def carry_out(session: Session, what: What, steps: Sequence[Step], intent: Intent) -> list[Done]:
    """Make a change, step by step, in a writing session; the steps say what was seen and hold still.

    Raises
    ------
    FacilityNotFound, Conflict, InvalidInput, NotAllowed
    """
    return [_carried_out(session, what, each, intent) for each in steps]


def _carried_out(session: Session, what: What, step: Step, intent: Intent) -> Done:
    changed = True
    if step.facility_id is None:
        assert step.facility is not None
        number, _word = facilities.save(session, step.facility, facility_id=None, **intent.by)
        return Done(step=step, facility_id=number, feature=_now(session, number), changed=True)
    if what == What.CHANGE:
        assert step.facility is not None
        changed = _change(session, step.facility_id, step.facility, intent)
    elif what == What.DELETE:
        history.delete(session, step.facility_id, author=intent.author, origin=intent.origin, reason=intent.reason or "")
    elif what == What.RESTORE:
        history.restore(session, step.facility_id, **intent.by, expected=step.revision)
    else:
        history.confirm(session, step.facility_id, **intent.by)
    return Done(step=step, facility_id=step.facility_id, feature=_now(session, step.facility_id), changed=changed)


def _step(
    session: Session, facility_id: int, expected: int | None, intent: Intent, change: Callable[[Facility], Facility] | None = None,
    *, of_that_day: bool = False,
) -> Step:
    """Return the step that changes a facility, refused if what stands there was not seen.

    A whole document was made of what was seen; what is only different is different from what was true on
    the day of the change: an update from last year must not carry this year's state back.
    """
    old = _seen(session, facility_id, expected, intent)
    rows = living(session, facility_id)
    replaced = true_on(rows, intent.valid_from or intent.valid_at or today()) or rows[0]
    if of_that_day:
        old = facilities.Facility(**content_of(replaced))
    return Step(facility_id=facility_id, revision=replaced.id, facility=None if change is None else change(old), old=old)


def _standing_step(session: Session, facility_id: int) -> Step:
    rows = believed(session, facility_id)
    row = true_on(rows, today()) or (rows[-1] if rows else None)
    return Step(facility_id=facility_id, revision=None if row is None else row.id)


def _edited(store: Store, done: Done) -> Edited:
    step = done.step
    found = [] if step.facility is None else _findings(store, done.facility_id, step.facility, step.old)
    return Edited(feature=done.feature, changed=done.changed, findings=found)


def _visible(store: Store, facility_id: int, intent: Intent, expected: int | None = None) -> None:
    """Refuse what the account may not even see, today or at the time that is to be changed, before anything is said of it."""
    if store.areas is None:
        return
    with store.reading() as session:
        facilities.get(session, facility_id)
        if intent.valid_at is not None:
            facilities.get(session, facility_id, FacilityQuery(valid_at=intent.valid_at))
        if expected is not None and expected not in select_revisions_by_id(session, [expected]):
            raise Conflict(f"facility {facility_id} has no revision {expected} that you may see; look at it again, then decide")


def _seen(session: Session, facility_id: int, expected: int | None, intent: Intent) -> Facility:
    """Return what is believed of a facility at the time that is to be changed; refuse if that was not seen."""
    if expected is None:
        raise MissingPrecondition(
            "say which revision you have seen: If-Match with the ETag of the facility, so that nobody else's change is lost")
    rows = living(session, facility_id)
    # What stands today, or on the day that is corrected; whoever updates may have looked at the day it begins.
    current = true_on(rows, intent.valid_at or today()) or rows[0]
    begun = None if intent.valid_from is None else true_on(rows, intent.valid_from)
    row = begun if begun is not None and begun.id == expected else current
    expect(session, row, expected)
    return facilities.Facility(**content_of(row))


def _patched(old: Facility, document: Any) -> Facility:
    before = facility_feature_of(old)
    return facility_of(merged(before, document), old=old)


def facility_feature_of(facility: Facility) -> dict[str, Any]:
    """Return a facility as the document that an editor changes: with its contact."""
    registered = facilities.Registered(id=0, revision=0, recorded_at="", valid_from=None, facility=facility)
    feature = facility_feature(registered)
    return {**feature, "properties": {**feature["properties"], "contact": facility.contact}}


def _change(session: Session, facility_id: int, facility: Facility, intent: Intent) -> bool:
    if intent.valid_from is not None:
        change = history.update(session, facility_id, facility, valid_from=intent.valid_from, **intent.by)
    else:
        change = history.correct(session, facility_id, facility, valid_at=intent.valid_at, **intent.by)
    return change.changed


def _now(session: Session, facility_id: int) -> dict[str, Any]:
    """Return a facility as it is today; one that begins later as it will be then."""
    session.flush()
    rows = believed(session, facility_id)
    return facility_feature(facilities.registered_of(true_on(rows, today()) or rows[0]))


def _findings(store: Store, facility_id: int | None, facility: Facility, old: Facility | None) -> list[dict[str, Any]]:
    """Return what looks wrong, as far as the account may see what it is compared with."""
    with store.reading() as session:
        return [finding_as_dict(each) for each in checks.check(session, facility, old=old, facility_id=facility_id)]


def conflict_of(store: Store, facility_id: int, expected: int, mine: Any) -> tuple[int, list[dict[str, Any]]]:
    """Return (the revision that stands, field by field what was seen, what the other made of it, and what I want).

    Raises
    ------
    FacilityNotFound, InvalidInput
    """
    with store.reading() as session:
        theirs = facilities.get(session, facility_id, FacilityQuery())
        seen_row = select_revisions_by_id(session, [expected]).get(expected)
        if seen_row is None or seen_row.facility_id != facility_id:
            raise Conflict(f"facility {facility_id} has no revision {expected}")
        seen = content_of(seen_row)
    wanted = asdict(facility_of(mine, old=facilities.Facility(**seen)))
    other = asdict(theirs.facility)
    names = [name for name in seen if seen[name] != wanted[name] or seen[name] != other[name]]
    rows = [
        {"field": name, "seen": seen[name], "theirs": other[name], "mine": wanted[name],
         "both": seen[name] != wanted[name] and seen[name] != other[name] and wanted[name] != other[name]}
        for name in names
    ]
    return theirs.revision, rows


# -- what forms need besides -------------------------------------------------------------------


def seen(store: Store, facility_id: int, revision: int | None = None) -> facilities.Registered:
    """Return a facility as a form shows it: as it is today, or as one of its revisions said.

    Raises
    ------
    FacilityNotFound
        If it is not there (any more), or the revision is not one of its own.
    """
    with store.reading() as session:
        if revision is None:
            return facilities.get(session, facility_id)
        found = [each for each in facilities.at_revisions(session, [revision]) if each.id == facility_id]
    if not found:
        raise FacilityNotFound(f"facility {facility_id} has no revision {revision}")
    return found[0]


def changed_since(store: Store, facility_id: int, revision: int) -> list[Version]:
    """Return what others did to a facility after a revision, the newest first."""
    with store.reading() as session:
        newer = history.versions(session, facility_id, limit=_MOST_NEWER)
    return [each for each in newer if each.revision > revision and each.kind != END]


def believe_again(store: Store, facility_id: int, revision: int, intent: Intent, *, expected: int | None) -> Edited:
    """Say again what an earlier revision said; valid time stays as it is.

    Raises
    ------
    FacilityNotFound, Conflict, MissingPrecondition, NotAllowed
    """
    facility = seen(store, facility_id, revision).facility
    return rewrite(store, facility_id, lambda _old: facility, intent, expected=expected)


def confirm_many(store: Store, revisions: dict[int, int], intent: Intent) -> int:
    """Say of many facilities that they are still so, all or none; return how many.

    Raises
    ------
    FacilityNotFound, Conflict, InvalidInput, NotAllowed
    """
    _not_too_many(revisions)
    for number, expected in revisions.items():
        _visible(store, number, intent, expected)

    def plan(session: Session) -> list[Step]:
        hold(session, list(revisions))
        return [_step(session, number, expected, intent) for number, expected in revisions.items()]

    return len(_changed(store, What.CONFIRM, intent, plan))


def preview_many(store: Store, numbers: Sequence[int], document: Any, language: str) -> list[dict[str, Any]]:
    """Return, for each of many facilities, what a merge patch would change and what would look wrong then.

    Raises
    ------
    FacilityNotFound, InvalidInput
    """
    _not_too_many(numbers)
    told = []
    with store.reading() as session:
        for number in numbers:
            old = facilities.get(session, number)
            facility = _patched(old.facility, document)
            changed = differences(asdict(old.facility), asdict(facility))
            findings = checks.check(session, facility, old=old.facility, facility_id=number) if changed else []
            told.append({"id": number, "revision": old.revision, "name": old.facility.name, "class_code": old.facility.class_code, "changed": changed,
                         "findings": [finding_as_dict(each, language) for each in findings]})
    return told


def _not_too_many(asked: Sized) -> None:
    if not 1 <= len(asked) <= MOST_AT_ONCE:
        raise InvalidInput(f"1 to {MOST_AT_ONCE} facilities are changed at once, got {len(asked)}")
