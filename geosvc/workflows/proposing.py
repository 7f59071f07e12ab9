"""Approval before publication: what editors proposed, and what administrators make of it."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from geosvc.accounts.people import Right
from geosvc.errors import (
    Conflict,
    FacilityNotFound,
    GeosvcError,
    InvalidInput,
    InvalidParameter,
    NotAllowed,
    ProposalClosed,
    ProposalNotFound,
)
from geosvc.registry import checks, proposals
from geosvc.registry.moments import today
from geosvc.registry.proposals import ORIGIN, What, as_dict, decide, expect_open, steps_of
from geosvc.registry.revisions import CONTENT, believed, content_of, differences, expect, living, true_on
from geosvc.store.facilities import select_revisions_by_id
from geosvc.store.proposals import (
    OPEN,
    PUBLISHED,
    REFUSED,
    STATES,
    WITHDRAWN,
    count_proposals,
    select_open_proposals,
    select_proposals,
)
from geosvc.workflows.editing import Intent, carry_out, finding_as_dict
from geosvc.workflows.finding import is_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from geosvc.accounts.people import Person
    from geosvc.registry.facilities import Facility
    from geosvc.registry.proposals import Step
    from geosvc.store.engine import Session, Store
    from geosvc.store.facilities import FacilityRevisionRow
    from geosvc.store.proposals import Place, ProposalRow

MOST_AT_ONCE = 200
_MOST_CHECKED = 20
_PROBLEMS = ((ProposalClosed, "closed"), (Conflict, "conflict"), (ProposalNotFound, "missing"), (FacilityNotFound, "gone"))


# -- reading -----------------------------------------------------------------------------------


def proposals_page(
    store: Store, person: Person, *, state: str | None = None, cursor: str | None = None, limit: int, language: str = "en", steps: int = 0
) -> tuple[list[dict[str, Any]], int, str | None]:
    """Return (proposals, the open ones first and then newest first; number matched; cursor of the next page or None).

    Parameters
    ----------
    store : Store
    person : Person
        An editor is told of their own proposals, an administrator of all.
    state : str, optional
        One of open, published, refused, withdrawn.
    cursor : str, optional
    limit : int
    language : str
        Of what the checks say.
    steps : int
        Of how many facilities of each proposal ``changes`` says what would change.

    Raises
    ------
    InvalidParameter
    """
    if state is not None and state not in STATES:
        raise InvalidParameter(f"state must be one of {', '.join(STATES)}; got {state!r}")
    by, after = _author_of(person), _place(cursor)
    with store.reading() as session:
        matched = count_proposals(session, by=by, state=state)
        found = select_proposals(session, by=by, state=state, after=after, limit=limit + 1)
        told = [{**as_dict(row), **({"changes": _changes(session, row, language, most=steps)} if steps else {})} for row in found[:limit]]
    last = found[limit - 1] if len(found) > limit else None
    return told, matched, None if last is None else f"{int(last.state != OPEN)}-{last.id}"


def _author_of(person: Person) -> str | None:
    """Return whose proposals somebody sees; None is everybody's."""
    return None if person.may(Right.ADMINISTER) else person.name


def _place(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    closed, _, number = cursor.partition("-")
    if closed not in ("0", "1") or not is_whole(number):
        raise InvalidParameter(f"cursor {cursor!r} is not one that this list gave out; follow the next link")
    return (closed == "1", int(number))


def proposal_number(text: str) -> int:
    """Return the number of a proposal from an address.

    Raises
    ------
    ProposalNotFound
    """
    if not is_whole(text):
        raise ProposalNotFound(f"no proposal has the number {text[:40]!r}")
    return int(text)


def proposal(store: Store, person: Person, number: int, *, language: str = "en", most: int = MOST_AT_ONCE) -> dict[str, Any]:
    """Return one proposal, with what it would change of each facility (``changes``), at most of ``most`` of them.

    Of each: ``facility`` (None: a new one), ``name``, ``changed`` (field: [as it was seen, as proposed];
    contacts only said to differ), ``contact`` ([seen, proposed] where it differs; for who may see
    contacts), ``since`` (field: [as it was seen, as it is now], if somebody changed it
    meanwhile), ``findings``; ``gone`` where it cannot be seen any more.

    Raises
    ------
    ProposalNotFound
    """
    with store.reading() as session:
        row = proposals.get(session, number, by=_author_of(person))
        return {**as_dict(row), "changes": _changes(session, row, language, most=most)}


def _changes(session: Session, row: ProposalRow, language: str, *, most: int) -> list[dict[str, Any]]:
    steps = steps_of(row)[:most]
    seen = select_revisions_by_id(session, [each.revision for each in steps if each.revision is not None])
    return [
        _change(session, row, step, None if step.revision is None else seen.get(step.revision), language, checked=place < _MOST_CHECKED)
        for place, step in enumerate(steps)
    ]


def _change(
    session: Session, row: ProposalRow, step: Step, seen: FacilityRevisionRow | None, language: str, *, checked: bool
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "facility": step.facility_id, "revision": step.revision, "name": None, "class_code": None, "changed": {}, "contact": None, "since": {},
        "findings": [], "gone": False}
    if step.revision is not None and seen is None:
        return {**told, "gone": True}
    old = None if seen is None else content_of(seen)
    new = asdict(step.facility) if step.facility is not None else old
    assert new is not None  # a step without a facility is about one that is there
    told |= {"name": new["name"], "class_code": new["class_code"]}
    if step.facility is not None:
        empty = dict.fromkeys(CONTENT)
        told["changed"] = _told(differences(old or {**empty, "contact": {}}, new), new=old is None)
        if "contact" in told["changed"]:
            told["contact"] = [(old or {}).get("contact") or {}, new["contact"]]
    if row.state == OPEN:
        told |= _now(session, row, step, seen)
        if step.facility is not None and checked:
            told["findings"] = _findings(session, step, old, language)
    return told


def _told(changed: dict[str, tuple[Any, Any]], *, new: bool = False) -> dict[str, list[Any]]:
    """Return what differs; of a new facility only what is said of it."""
    return {name: list(pair) for name, pair in changed.items() if not new or pair[1] not in (None, [], {}, False, "")}


def _now(session: Session, row: ProposalRow, step: Step, seen: FacilityRevisionRow | None) -> dict[str, Any]:
    """Return what stands now where something else was seen."""
    if step.facility_id is None or seen is None:
        return {}
    rows = believed(session, step.facility_id)
    if not rows or (rows[-1].deleted and row.what != What.RESTORE):
        return {"gone": True}
    current = _true_then(rows, row)
    return {} if _same(current, seen) else {"since": _told(differences(content_of(seen), content_of(current)))}


def _findings(session: Session, step: Step, old: dict[str, Any] | None, language: str) -> list[dict[str, Any]]:
    assert step.facility is not None
    before: Facility | None = None if old is None else type(step.facility)(**old)
    return [finding_as_dict(each, language) for each in checks.check(session, step.facility, old=before, facility_id=step.facility_id)]


def open_count(store: Store, person: Person) -> int:
    """Return how many proposals wait: one's own, for an administrator all."""
    with store.reading() as session:
        return count_proposals(session, by=_author_of(person), state=OPEN)


def open_of_facility(store: Store, person: Person, facility_id: int) -> list[dict[str, Any]]:
    """Return the open proposals about a facility that somebody may see, in the order in which they came."""
    with store.reading() as session:
        return [as_dict(row) for row in select_open_proposals(session, by=_author_of(person)) if facility_id in row.facility_ids]


# -- deciding ----------------------------------------------------------------------------------


def publish(store: Store, person: Person, number: int, *, reason: str | None = None) -> dict[str, Any]:
    """Do what was proposed; the history names its author, and the proposal says who published it.

    Nothing is done where somebody changed a facility since its author saw it, unless it says the same again.

    Raises
    ------
    ProposalNotFound, ProposalClosed, Conflict, FacilityNotFound, NotAllowed
    """
    person.must_everywhere(Right.ADMINISTER)
    with store.writing() as session:
        row = proposals.get(session, number)
        expect_open(row)
        intent = Intent(author=row.made_by, origin=f"{ORIGIN}{row.id}", reason=row.made_reason, valid_from=row.valid_from, valid_at=row.valid_at)
        done = carry_out(session, What(row.what), [_standing(session, row, step) for step in steps_of(row)], intent)
        row.steps = [{**step, "facility": each.facility_id} for step, each in zip(row.steps, done, strict=True)]
        decide(row, PUBLISHED, author=person.name, reason=_reason(reason))
        return as_dict(row)


def _standing(session: Session, row: ProposalRow, step: Step) -> Step:
    """Return a step on the revision that stands now, which must say what its author saw.

    Raises
    ------
    Conflict
        Field by field, where somebody else changed it.
    """
    if step.facility_id is None or step.revision is None:
        return step
    rows = believed(session, step.facility_id) if row.what == What.RESTORE else living(session, step.facility_id)
    current, seen = _true_then(rows, row), select_revisions_by_id(session, [step.revision]).get(step.revision)
    if seen is None or not _same(current, seen):
        expect(session, current, step.revision)
    return replace(step, revision=current.id)


def _true_then(rows: Sequence[FacilityRevisionRow], row: ProposalRow) -> FacilityRevisionRow:
    return true_on(rows, row.valid_from or row.valid_at or today()) or rows[0]


def _same(current: FacilityRevisionRow, seen: FacilityRevisionRow) -> bool:
    """Return whether a revision is the one that was seen, or says the same from the same day on: it was confirmed since."""
    return current.id == seen.id or (
        current.valid_from == seen.valid_from and current.deleted == seen.deleted and content_of(current) == content_of(seen))


def refuse(store: Store, person: Person, number: int, *, reason: str | None) -> dict[str, Any]:
    """Say that a proposal is not published; its author reads why.

    Raises
    ------
    ProposalNotFound, ProposalClosed, InvalidInput, NotAllowed
    """
    person.must_everywhere(Right.ADMINISTER)
    if _reason(reason) is None:
        raise InvalidInput(f"refusing proposal {number} needs a reason, which its author will read, such as 'please check the position'")
    with store.writing() as session:
        row = proposals.get(session, number)
        decide(row, REFUSED, author=person.name, reason=_reason(reason))
        return as_dict(row)


def withdraw(store: Store, person: Person, number: int, *, reason: str | None = None) -> dict[str, Any]:
    """Take one's own proposal back.

    Raises
    ------
    ProposalNotFound, ProposalClosed, NotAllowed
    """
    person.must(Right.EDIT)
    # Whatever became of the facilities or of the author's areas: this changes the proposal alone.
    with store.everywhere().writing() as session:
        row = proposals.get(session, number, by=_author_of(person))
        if row.made_by != person.name:
            raise NotAllowed(f"proposal {number} is {row.made_by}'s; only they withdraw it, an administrator refuses it")
        decide(row, WITHDRAWN, author=person.name, reason=_reason(reason))
        return as_dict(row)


def decide_many(store: Store, person: Person, numbers: Sequence[int], verb: str, *, reason: str | None = None) -> list[dict[str, Any]]:
    """Publish, refuse or withdraw several proposals, in the order in which they came, each by itself.

    Returns
    -------
    outcomes : list of dict
        ``id``, ``done``; where not, ``problem`` (``conflict``, ``closed``, ``gone``, ``missing`` or ``other``),
        ``detail`` in English, and ``changed``: the fields that somebody else changed.

    Raises
    ------
    InvalidInput, NotAllowed
    """
    verbs: dict[str, Callable[..., dict[str, Any]]] = {"publish": publish, "refuse": refuse, "withdraw": withdraw}
    if verb not in verbs or not 1 <= len(numbers) <= MOST_AT_ONCE:
        raise InvalidInput(f"expected one of {', '.join(verbs)} and 1 to {MOST_AT_ONCE} proposals, got {verb[:20]!r} and {len(numbers)}")
    if verb == "refuse" and _reason(reason) is None:
        raise InvalidInput("refusing proposals needs a reason, which their authors will read")
    return [_outcome(store, person, number, verbs[verb], reason) for number in sorted(set(numbers))]


def _outcome(store: Store, person: Person, number: int, do: Callable[..., dict[str, Any]], reason: str | None) -> dict[str, Any]:
    try:
        do(store, person, number, reason=reason)
    except GeosvcError as error:
        if isinstance(error, NotAllowed):
            raise
        changed = list(error.changed) if isinstance(error, Conflict) else []
        return {"id": number, "done": False, "problem": _problem_of(error), "detail": str(error), "changed": changed}
    return {"id": number, "done": True, "problem": None, "detail": None, "changed": []}


def _problem_of(error: GeosvcError) -> str:
    """Return why a proposal was not decided on, as a word for which pages have sentences."""
    return next((word for family, word in _PROBLEMS if isinstance(error, family)), "other")


def _reason(text: str | None) -> str | None:
    return (text or "").strip() or None
