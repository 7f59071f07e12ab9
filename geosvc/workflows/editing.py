"""Changing facilities one by one or many at once, for pages, API and scripts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from geosvc.errors import Conflict, FacilityNotFound, InvalidInput, MissingPrecondition
from geosvc.language import words
from geosvc.registry import checks, facilities, history
from geosvc.registry.documents import facility_of, merged
from geosvc.registry.moments import today
from geosvc.registry.revisions import END, believed, content_of, differences, expect, living, true_on
from geosvc.store.facilities import FacilityQuery, select_revisions_by_id
from geosvc.workflows.features import facility_feature

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    with store.writing() as session:
        number, _change = facilities.save(session, facility, facility_id=None, **intent.by)
        feature = _now(session, number)
    return Edited(feature=feature, changed=True, findings=_findings(store, number, facility, None))


def replace_with(store: Store, facility_id: int, document: Any, intent: Intent, *, expected: int | None) -> Edited:
    """Say what a facility is, wholly; see :class:`Intent` for from when.

    Raises
    ------
    FacilityNotFound, Conflict, InvalidInput, MissingPrecondition, NotAllowed
    """
    _visible(store, facility_id)
    with store.writing() as session:
        old = _seen(session, facility_id, expected, intent)
        facility = facility_of(document, old=old)
        feature, changed = _change(session, facility_id, facility, intent)
    return Edited(feature=feature, changed=changed, findings=_findings(store, facility_id, facility, old))


def patch(store: Store, facility_id: int, document: Any, intent: Intent, *, expected: int | None) -> Edited:
    """Say what is different about a facility, by a merge patch.

    Raises
    ------
    FacilityNotFound, Conflict, InvalidInput, MissingPrecondition, NotAllowed
    """
    _visible(store, facility_id)
    with store.writing() as session:
        old = _seen(session, facility_id, expected, intent)
        facility = _patched(old, document)
        feature, changed = _change(session, facility_id, facility, intent)
    return Edited(feature=feature, changed=changed, findings=_findings(store, facility_id, facility, old))


def patch_many(
    store: Store, revisions: dict[int, int], document: Any, intent: Intent
) -> list[Edited]:
    """Change many facilities alike, all or none; ``revisions`` says of each which revision was seen.

    Raises
    ------
    FacilityNotFound, Conflict, InvalidInput, NotAllowed
    """
    _not_too_many(revisions)
    for number in revisions:
        _visible(store, number)
    done = []
    with store.writing() as session:
        for number, expected in revisions.items():
            old = _seen(session, number, expected, intent)
            facility = _patched(old, document)
            done.append((number, old, facility, *_change(session, number, facility, intent)))
    return [
        Edited(feature=feature, changed=changed, findings=_findings(store, number, facility, old))
        for number, old, facility, feature, changed in done
    ]


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
    _visible(store, facility_id)
    with store.writing() as session:
        _seen(session, facility_id, expected, intent)
        history.delete(session, facility_id, author=intent.author, origin=intent.origin, reason=intent.reason or "")


def restore(store: Store, facility_id: int, intent: Intent) -> Edited:
    """Take a deletion back.

    Raises
    ------
    FacilityNotFound, InvalidInput, NotAllowed
    """
    with store.reading() as session:
        history.versions(session, facility_id, limit=1)  # refuses one that may not be seen
    with store.writing() as session:
        history.restore(session, facility_id, **intent.by)
        return Edited(feature=_now(session, facility_id), changed=True, findings=[])


def confirm(store: Store, facility_id: int, intent: Intent, *, expected: int | None) -> Edited:
    """Say that somebody looked and it is still so.

    Raises
    ------
    FacilityNotFound, Conflict, MissingPrecondition, NotAllowed
    """
    _visible(store, facility_id)
    with store.writing() as session:
        _seen(session, facility_id, expected, intent)
        history.confirm(session, facility_id, **intent.by)
        return Edited(feature=_now(session, facility_id), changed=True, findings=[])


def _visible(store: Store, facility_id: int) -> None:
    """Refuse a facility that the account may not even see, before anything is said of it."""
    if store.areas is None:
        return
    with store.reading() as session:
        facilities.get(session, facility_id)


def _seen(session: Session, facility_id: int, expected: int | None, intent: Intent) -> Facility:
    """Return what is believed of a facility at the time that is to be changed; refuse if that was not seen."""
    if expected is None:
        raise MissingPrecondition(
            "say which revision you have seen: If-Match with the ETag of the facility, so that nobody else's change is lost")
    rows = living(session, facility_id)
    current = true_on(rows, intent.valid_at or today()) or rows[0]
    known = {row.id for row in rows}
    if expected not in known:
        expect(session, current, expected)
    row = next((row for row in rows if row.id == expected), current)
    return facilities.Facility(**content_of(row if intent.valid_at is None else current))


def _patched(old: Facility, document: Any) -> Facility:
    before = facility_feature_of(old)
    return facility_of(merged(before, document), old=old)


def facility_feature_of(facility: Facility) -> dict[str, Any]:
    """Return a facility as the document that an editor changes: with its contact."""
    registered = facilities.Registered(id=0, revision=0, recorded_at="", valid_from=None, facility=facility)
    feature = facility_feature(registered)
    return {**feature, "properties": {**feature["properties"], "contact": facility.contact}}


def _change(session: Session, facility_id: int, facility: Facility, intent: Intent) -> tuple[dict[str, Any], bool]:
    if intent.valid_from is not None:
        change = history.update(session, facility_id, facility, valid_from=intent.valid_from, **intent.by)
    else:
        change = history.correct(session, facility_id, facility, valid_at=intent.valid_at, **intent.by)
    return _now(session, facility_id), change.changed


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
    with store.writing() as session:
        old = _seen(session, facility_id, expected, intent)
        feature, changed = _change(session, facility_id, facility, intent)
    return Edited(feature=feature, changed=changed, findings=_findings(store, facility_id, facility, old))


def confirm_many(store: Store, revisions: dict[int, int], intent: Intent) -> int:
    """Say of many facilities that they are still so, all or none; return how many.

    Raises
    ------
    FacilityNotFound, Conflict, InvalidInput, NotAllowed
    """
    _not_too_many(revisions)
    for number in revisions:
        _visible(store, number)
    with store.writing() as session:
        for number, expected in revisions.items():
            _seen(session, number, expected, intent)
            history.confirm(session, number, **intent.by)
    return len(revisions)


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


def _not_too_many(asked: Sequence[int] | dict[int, int]) -> None:
    if not 1 <= len(asked) <= MOST_AT_ONCE:
        raise InvalidInput(f"1 to {MOST_AT_ONCE} facilities are changed at once, got {len(asked)}")
