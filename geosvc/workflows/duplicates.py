"""Suspected duplicates of the registry, and what people decide about them: two are one, or they are not."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.errors import FacilityNotFound, InvalidInput, InvalidParameter, NotFound
from geosvc.registry import answers, areas, facilities, history, merging
from geosvc.registry.answers import NOT_DUPLICATE
from geosvc.registry.classes import facility_classes
from geosvc.registry.duplicates import MIN_SCORE, Comparison, PairKind, compare, find_pairs
from geosvc.registry.merging import CHOOSABLE, merge_of, merged, merged_into
from geosvc.registry.name_parts import places_of
from geosvc.registry.suspects import LOWEST_SCORE, Known, Suspects
from geosvc.store.areas import AreaQuery
from geosvc.store.duplicates import count_answers, count_merges, select_answers, select_merges
from geosvc.store.facilities import FacilityQuery, select_values
from geosvc.workflows.finding import is_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from geosvc.registry.answers import Answered
    from geosvc.registry.facilities import Facility, Registered
    from geosvc.registry.merging import Merge
    from geosvc.store.duplicates import DuplicateAnswerRow
    from geosvc.store.engine import Session, Store

__all__ = [
    "LOWEST_SCORE", "MIN_SCORE", "Queue", "answer_pairs", "count_kinds", "count_open", "duplicates_page", "groups_page",
    "merge_facilities", "merges_of", "place_names", "preview_merge", "queue_page", "suspected_of", "take_back_answers",
    "unmerge_facilities", "where_it_went",
]

_LEVELS_IN_NAMES = ("province", "prefecture", "county")
_MOST_AT_ONCE = 500
_SCOPES_KEPT = 8
_OF_PEOPLE = frozenset({"author", "reason", "undone_by", "undone_reason"})
_Page = tuple[list[dict[str, Any]], int, str | None]
_Key = tuple[float, int, int]


class Queue(StrEnum):
    """Which pairs: those that wait for an answer, those that were said to be two, those that were merged."""

    OPEN = "open"
    NOT_DUPLICATE = "not_duplicate"
    MERGED = "merged"


# Of each workspace, as far as somebody may read it: an edit costs what it changes, not all over again.
_kept: OrderedDict[tuple[str, tuple[str, ...] | None], Suspects] = OrderedDict()
_lock = threading.Lock()


@contextmanager
def _suspects(store: Store) -> Iterator[tuple[Session, Suspects]]:
    """Give a reading session and the pairs that it may see, up to date; one at a time."""
    key = (str(store.folder.resolve()), store.areas)
    with _lock, store.reading() as session:
        kept = _kept.setdefault(key, Suspects())
        _kept.move_to_end(key)
        while len(_kept) > _SCOPES_KEPT:
            _kept.popitem(last=False)
        kept.refresh(session)
        yield session, kept


# -- reading ---------------------------------------------------------------------------------


def duplicates_page(
    store: Store, *, min_score: float = MIN_SCORE, kind: str | None = None, area: str | None = None, cursor: str | None = None,
    limit: int | None = None,
) -> _Page:
    """Return (open pairs, number matched, cursor of the next page or None), the most alike first.

    A pair that somebody said to be two is not among them (see :mod:`geosvc.registry.answers`).

    Raises
    ------
    InvalidParameter
        If the score is below 0.6 or above 1, or kind or cursor are none.
    """
    _check_asked(min_score, kind)
    after = _key_of_cursor(cursor)
    with _suspects(store) as (session, suspects):
        asked_again = answers.still_answered(session, suspects)
        matched = _open(suspects, asked_again, min_score, kind, _numbers_in(session, area))
        rest = matched if after is None else [key for key in matched if key > after]
        page = rest if limit is None else rest[:limit]
        told = [_pair(suspects, key[1:], suspects.pairs[key[1:]], asked_again.again.get(key[1:])) for key in page]
    following = _cursor_of(page[-1]) if page and len(page) < len(rest) else None
    return told, len(matched), following


def groups_page(
    store: Store, *, min_score: float = MIN_SCORE, kind: str | None = None, area: str | None = None, cursor: str | None = None, limit: int
) -> _Page:
    """Return (groups, number of open pairs, cursor of the next page or None): pairs that share facilities together.

    Each group has ``members`` (by id) and ``pairs`` (the most alike first), and the groups stand in the
    order of their first pair. A page breaks off between groups, never within one.

    Raises
    ------
    InvalidParameter
        As :func:`duplicates_page`.
    """
    _check_asked(min_score, kind)
    after = _key_of_cursor(cursor)
    with _suspects(store) as (session, suspects):
        asked_again = answers.still_answered(session, suspects)
        matched = _open(suspects, asked_again, min_score, kind, _numbers_in(session, area))
        rest = [group for group in _grouped(matched) if after is None or group[0] > after]
        told = [
            {"members": [_brief(number, suspects[number]) for number in sorted({number for key in group for number in key[1:]})],
             "pairs": [_pair(suspects, key[1:], suspects.pairs[key[1:]], asked_again.again.get(key[1:])) for key in group]}
            for group in rest[:limit]
        ]
    following = _cursor_of(rest[limit - 1][0]) if len(rest) > limit else None
    return told, len(matched), following


def _check_asked(min_score: float, kind: str | None) -> None:
    if not LOWEST_SCORE <= min_score <= 1:
        raise InvalidParameter(f"min_score must lie between {LOWEST_SCORE} and 1 (it is {min_score}); {MIN_SCORE} unless set")
    if kind is not None and kind not in set(PairKind):
        raise InvalidParameter(f"kind must be one of {', '.join(PairKind)}; got {kind!r}")


def _numbers_in(session: Session, area: str | None) -> frozenset[int] | None:
    among = _in_area(session, area)
    return None if among is None else frozenset(number for (number,) in select_values(session, among, ("facility_id",)))


def _in_area(session: Session, area: str | None) -> FacilityQuery | None:
    """Return what asks for the facilities of an area as lists take it, a zone or a division that took others in; None for all."""
    return facilities.meant(session, FacilityQuery(area_prefix=area)) if area else None


def _open(suspects: Suspects, asked_again: Answered, min_score: float, kind: str | None, inside: frozenset[int] | None) -> list[_Key]:
    """Return the pairs that wait for an answer, the most alike first; one of both ``inside`` is enough."""
    return [
        key for key in suspects.ordered
        if -key[0] >= min_score and key[1:] not in asked_again.standing
        and (kind is None or suspects.pairs[key[1:]].kind == kind)
        and (inside is None or not inside.isdisjoint(key[1:]))
    ]


def _grouped(keys: Sequence[_Key]) -> list[list[_Key]]:
    """Return pairs that share facilities together, in the order of the first pair of each group."""
    above: dict[int, int] = {}

    def top(number: int) -> int:
        while (higher := above.setdefault(number, number)) != number:
            above[number] = above[higher]
            number = higher
        return number

    for _score, first, second in keys:
        above[top(second)] = top(first)
    found: dict[int, list[_Key]] = {}
    for key in keys:
        found.setdefault(top(key[1]), []).append(key)
    return list(found.values())


def queue_page(
    store: Store, *, state: str = Queue.OPEN, min_score: float = MIN_SCORE, kind: str | None = None, area: str | None = None,
    cursor: str | None = None, limit: int, with_authors: bool = True,
) -> _Page:
    """Return (entries, number matched, cursor of the next page or None) of one of the three queues.

    Who decided and why is left out without ``with_authors``: it is told to those who signed in.

    ``open``: pairs as of :func:`duplicates_page`; one that is asked again holds its earlier answer.
    ``not_duplicate``: answered pairs, newest first, each with its ``answer`` (id, at, author, reason).
    ``merged``: merges, newest first, each with the kept facility and the others as they were.

    Raises
    ------
    InvalidParameter
    """
    if state not in set(Queue):
        raise InvalidParameter(f"state must be one of {', '.join(Queue)}; got {state!r}")
    if state == Queue.OPEN:
        page = duplicates_page(store, min_score=min_score, kind=kind, area=area, cursor=cursor, limit=limit)
    else:
        page = (_answered if state == Queue.NOT_DUPLICATE else _merges)(store, area, _before(cursor), limit)
    if not with_authors:
        for entry in page[0]:
            for told in (entry, entry.get("answer", {})):
                told.update(dict.fromkeys(_OF_PEOPLE & told.keys()))
    return page


def _answered(store: Store, area: str | None, before: int | None, limit: int) -> _Page:
    with _suspects(store) as (session, suspects):
        among = _in_area(session, area)
        matched = count_answers(session, among=among)
        rows = select_answers(session, among=among, before=before, limit=limit + 1)
        known = _known(session, {number for row in rows for number in row.facility_ids})
        told = []
        for row in rows[:limit]:
            first, second = known.get(row.first_id), known.get(row.second_id)
            if first is None or second is None:  # not there today: it begins later, or ended
                matched -= 1
                continue
            told.append({
                **_told(compare(first, second, places=suspects.places)), "first": _brief(row.first_id, first), "second": _brief(row.second_id, second),
                "answer": _answer(row),
            })
    return told, matched, str(rows[limit - 1].id) if len(rows) > limit else None


def _merges(store: Store, area: str | None, before: int | None, limit: int) -> _Page:
    with store.reading() as session:
        among = _in_area(session, area)
        matched = count_merges(session, among=among)
        rows = select_merges(session, among=among, before=before, limit=limit + 1)
        told = [_merge_entry(session, merge_of(row)) for row in rows[:limit]]
    return told, matched, str(rows[limit - 1].id) if len(rows) > limit else None


def _merge_entry(session: Session, one: Merge) -> dict[str, Any]:
    kept = _known(session, {one.kept_id}).get(one.kept_id)
    others = [_brief(number, facility) for number in one.others if (facility := merging.last_known(session, number)) is not None]
    told = {**one.as_dict(), "kept": None if kept is None else _brief(one.kept_id, kept), "others": others}
    # Of one that concerns a facility that may not be seen, the words of those who decided may tell of it.
    return told if len(others) == len(one.others) else told | {"reason": None, "undone_reason": None}


def count_open(store: Store, *, min_score: float = MIN_SCORE, area: str | None = None) -> int:
    """Return how many pairs wait for an answer."""
    return duplicates_page(store, min_score=min_score, area=area, limit=0)[1]


def count_kinds(pairs: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Return how many pairs there are of each kind."""
    return dict(Counter(each["kind"] for each in pairs))


def place_names(session: Session, registered: Sequence[Registered]) -> frozenset[str]:
    """Return the names of areas that the names of facilities may begin with."""
    above = [each.name for each in areas.find(session, AreaQuery(levels=_LEVELS_IN_NAMES))]
    return places_of((each.facility.address for each in registered), above)


def suspected_of(session: Session, new_ids: set[int], *, min_score: float = MIN_SCORE) -> list[dict[str, Any]]:
    """Return the suspected pairs of which at least one facility is new; an id that is not stored yet is still given."""
    registered = facilities.find(session, FacilityQuery())
    marked = np.array([each.id in new_ids for each in registered], bool)
    if not marked.any():
        return []
    found = find_pairs(
        [each.facility for each in registered], min_score=min_score, places=place_names(session, registered), involving=marked)
    told = []
    for pair in found:
        first, second = registered[pair.first], registered[pair.second]
        told.append({
            **_told(pair.comparison), "first": _brief(first.id, first.facility), "second": _brief(second.id, second.facility),
            "with": "file" if first.id in new_ids and second.id in new_ids else "registry",
        })
    return told


def where_it_went(store: Store, facility_id: int) -> int | None:
    """Return the id of the facility that one was merged into; None if it was not, or that one may not be seen.

    Raises
    ------
    FacilityNotFound
        If none ever had that id.
    """
    with store.reading() as session:
        number = merged_into(session, facility_id)
        return None if number is None or merging.last_known(session, number) is None else number


def merges_of(store: Store, facility_id: int, *, with_authors: bool = True) -> list[dict[str, Any]]:
    """Return the merges that stand and kept a facility, newest first, as in the queue ``merged``."""
    with store.reading() as session:
        found = [_merge_entry(session, merge_of(row)) for row in select_merges(session, kept_id=facility_id)]
    return found if with_authors else [each | dict.fromkeys(_OF_PEOPLE & each.keys()) for each in found]


# -- deciding --------------------------------------------------------------------------------


def preview_merge(
    store: Store, keep_id: int, other_ids: Sequence[int], *, fields: Mapping[str, int] | None = None
) -> dict[str, Any]:
    """Return what :func:`merge_facilities` would make, and what there is to choose; nothing is stored.

    Returns
    -------
    preview : dict
        ``facility`` as it would be, ``changed`` (field: from, to), ``choices`` (field that differs: the value of
        each id), ``revisions`` (id: revision that was seen), ``notes`` (from when the others are valid, where
        that is earlier than the kept one). Contacts are personal data and not in it.

    Raises
    ------
    FacilityNotFound, InvalidInput
    """
    others = list(dict.fromkeys(other_ids))
    with store.reading() as session:
        found = {number: facilities.get(session, number) for number in (keep_id, *others)}
    kept = found[keep_id]
    chosen = merging.places_chosen(fields, keep_id, others)
    whole = merged(kept.facility, [found[number].facility for number in others], chosen)
    before, after = asdict(kept.facility), asdict(whole)
    return {
        "facility": {name: value for name, value in after.items() if name != "contact"},
        "changed": {name: {"from": before[name], "to": value} for name, value in after.items() if value != before[name] and name != "contact"},
        "choices": _choices({number: each.facility for number, each in found.items()}),
        "revisions": {number: each.revision for number, each in found.items()},
        "notes": [
            {"code": "begins_earlier", "facility": number, "valid_from": each.valid_from, "kept_from": kept.valid_from}
            for number, each in found.items() if (each.valid_from or "") < (kept.valid_from or "")
        ],
    }


def _choices(found: Mapping[int, Facility]) -> dict[str, dict[int, Any]]:
    told = {
        name: {number: merging.value_of(one, name) for number, one in found.items()} for name in CHOOSABLE if name != "contact"
    }
    return {name: values for name, values in told.items() if len({repr(each) for each in values.values()}) > 1}


def merge_facilities(
    store: Store, keep_id: int, other_ids: Sequence[int], *, author: str, reason: str, origin: str = "api",
    fields: Mapping[str, int] | None = None, expected: Mapping[int, int] | None = None,
) -> dict[str, Any]:
    """Merge facilities into one; see :func:`geosvc.registry.merging.merge`.

    Raises
    ------
    FacilityNotFound, InvalidInput, Conflict, NotAllowed
    """
    _refuse_unseen(store, [keep_id, *other_ids])
    with store.writing() as session:
        return merging.merge(
            session, keep_id, other_ids, author=author, reason=reason, origin=origin, chosen=fields, expected=expected).as_dict()


def unmerge_facilities(
    store: Store, merge_id: int, *, author: str, reason: str | None = None, keep_edits: bool = False
) -> dict[str, Any]:
    """Take a merge back; see :func:`geosvc.registry.merging.unmerge`.

    Raises
    ------
    NotFound, FacilityNotFound, NotUndoable
    """
    with store.reading() as session:
        told = merging.get(session, merge_id)
    try:
        _refuse_unseen(store, [told.kept_id, *told.others])
    except FacilityNotFound:  # what may not be seen is not there: the sentence is that of a merge that never was
        raise NotFound(f"there is no merge {merge_id}") from None
    with store.writing() as session:
        done = merging.unmerge(session, merge_id, author=author, reason=reason, keep_edits=keep_edits)
    return {"merge": done.merge.as_dict(), "restored": list(done.restored), "left": list(done.left), "edits_kept": list(done.edits_kept)}


def answer_pairs(
    store: Store, pairs: Sequence[Sequence[int]], *, author: str, reason: str | None = None, origin: str = "api", answer: str = NOT_DUPLICATE
) -> dict[str, Any]:
    """Remember of pairs that they are two, all of them or none; one that is answered already stays as it is.

    Raises
    ------
    FacilityNotFound, InvalidInput, NotAllowed
    """
    if answer != NOT_DUPLICATE:
        raise InvalidInput(f"answer must be {NOT_DUPLICATE}, got {answer!r}; two that are one are merged")
    asked = _checked(pairs)
    _refuse_unseen(store, [number for pair in asked for number in pair])
    with _suspects(store) as (_session, suspects):
        places = suspects.places
    with store.writing() as session:
        known = _known(session, {number for pair in asked for number in pair})
        for number in sorted({number for pair in asked for number in pair} - known.keys()):
            facilities.get(session, number)  # says what is not there
        given = answers.give(session, asked, known, places=places, author=author, reason=reason, origin=origin)
    return {"answered": len(given), "unchanged": len(asked) - len(given), "answers": given}


def take_back_answers(store: Store, pairs: Sequence[Sequence[int]], *, author: str, reason: str | None = None) -> dict[str, Any]:
    """Take answers back, all of them or none: the pairs are asked about again.

    Raises
    ------
    InvalidInput
        If one of the pairs has no answer.
    NotAllowed
    """
    asked = _checked(pairs)
    _refuse_unseen(store, [number for pair in asked for number in pair])
    with store.writing() as session:
        answers.take_back(session, asked, author=author, reason=reason)
    return {"taken_back": len(asked)}


def _refuse_unseen(store: Store, numbers: Sequence[int]) -> None:
    """Refuse facilities that the account may not even see, before anything is said of them."""
    if store.areas is None:
        return
    with store.reading() as session:
        for number in numbers:
            history.versions(session, number, limit=1)


def _checked(pairs: Sequence[Sequence[int]]) -> list[tuple[int, int]]:
    if not pairs:
        raise InvalidInput("no pair was named; expected pairs of ids such as [[12, 15]]")
    if len(pairs) > _MOST_AT_ONCE:
        raise InvalidInput(f"{len(pairs)} pairs are more than the {_MOST_AT_ONCE} of one request; send them in several")
    found: dict[tuple[int, int], None] = {}
    for pair in pairs:
        if len(pair) != 2 or pair[0] == pair[1]:
            raise InvalidInput(f"a pair is two different facilities, such as [12, 15]; got {list(pair)}")
        found[min(pair), max(pair)] = None
    return list(found)


# -- in JSON ---------------------------------------------------------------------------------


def _known(session: Session, numbers: set[int]) -> dict[int, Known]:
    return {each.id: answers.known_of(each.facility) for each in facilities.find(session, FacilityQuery(ids=sorted(numbers)))}


def _pair(suspects: Suspects, pair: tuple[int, int], comparison: Comparison, earlier: DuplicateAnswerRow | None) -> dict[str, Any]:
    told = {**_told(comparison), "first": _brief(pair[0], suspects[pair[0]]), "second": _brief(pair[1], suspects[pair[1]])}
    return told if earlier is None else {**told, "answer": _answer(earlier)}


def _told(comparison: Comparison) -> dict[str, Any]:
    return {
        "score": comparison.score, "kind": str(comparison.kind), "distance_m": comparison.distance_m,
        "reasons": [each.as_dict() for each in comparison.reasons],
    }


def _answer(row: DuplicateAnswerRow) -> dict[str, Any]:
    return {"id": row.id, "answer": row.answer, "at": row.done_at, "author": row.done_by, "reason": row.done_reason, "judged": row.judged}


def _brief(number: int, one: Facility | Known) -> dict[str, Any]:
    klass = facility_classes()[one.class_code]
    return {"id": number, "name": one.name, "class_code": one.class_code, "class_zh": klass.zh, "class_en": klass.en,
            "address": one.address, "area_code": one.area_code, "lon": one.lon, "lat": one.lat, "identifiers": one.identifiers}


def _cursor_of(key: _Key) -> str:
    return f"{round(-key[0] * 10_000)}-{key[1]}-{key[2]}"


def _key_of_cursor(cursor: str | None) -> _Key | None:
    if cursor is None:
        return None
    parts = cursor.split("-")
    if len(parts) != 3 or not all(is_whole(part) for part in parts):
        raise _no_cursor(cursor)
    return (-int(parts[0]) / 10_000, int(parts[1]), int(parts[2]))


def _before(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    if not is_whole(cursor):
        raise _no_cursor(cursor)
    return int(cursor)


def _no_cursor(cursor: str) -> InvalidParameter:
    return InvalidParameter(f"cursor {cursor!r} is not one that this list gave out; follow the next link")
