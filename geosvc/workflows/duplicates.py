"""Suspected duplicates of the registry: two facilities, a score, and the reasons for it."""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from geosvc.errors import InvalidParameter
from geosvc.registry import areas, facilities
from geosvc.registry.classes import facility_classes
from geosvc.registry.duplicates import MIN_SCORE, Pair, PairKind, find_pairs
from geosvc.registry.name_parts import places_of
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.registry.facilities import Facility, Registered
    from geosvc.store.engine import Session, Store

LOWEST_SCORE = 0.6  # below it almost every pair is of two neighbours
_LEVELS_IN_NAMES = ("province", "prefecture", "county")
_Page = tuple[list[dict[str, Any]], int, str | None]


class _Found:
    """The pairs of one state of a registry."""

    def __init__(self, session: Session) -> None:
        registered = facilities.find(session, FacilityQuery())
        self.pairs = [
            pair_of(pair, registered)
            for pair in find_pairs([each.facility for each in registered], min_score=LOWEST_SCORE, places=place_names(session, registered))
        ]


# Of each open workspace the pairs of its newest state: pages of one list are not computed one by one.
_found: WeakKeyDictionary[Store, tuple[int, _Found]] = WeakKeyDictionary()
_lock = threading.Lock()


def duplicates_page(
    store: Store, *, min_score: float = MIN_SCORE, kind: str | None = None, cursor: str | None = None, limit: int | None = None
) -> _Page:
    """Return (pairs, number matched, cursor of the next page or None), the most alike first.

    Raises
    ------
    InvalidParameter
        If the score is below 0.6 or above 1, or kind or cursor are none.
    """
    if not LOWEST_SCORE <= min_score <= 1:
        raise InvalidParameter(f"min_score must lie between {LOWEST_SCORE} and 1 (it is {min_score}); {MIN_SCORE} unless set")
    if kind is not None and kind not in set(PairKind):
        raise InvalidParameter(f"kind must be one of {', '.join(PairKind)}; got {kind!r}")
    after = _key_of_cursor(cursor)
    matched = [each for each in _pairs(store) if each["score"] >= min_score and (kind is None or each["kind"] == kind)]
    rest = matched if after is None else [each for each in matched if _key(each) > after]
    page = rest if limit is None else rest[:limit]
    following = _cursor_of(page[-1]) if page and len(page) < len(rest) else None
    return page, len(matched), following


def count_kinds(pairs: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Return how many pairs there are of each kind."""
    return dict(Counter(each["kind"] for each in pairs))


def _pairs(store: Store) -> list[dict[str, Any]]:
    with _lock, store.reading() as session:
        state = hash(tuple(facilities.marks(session, FacilityQuery())))
        known = _found.get(store)
        if known is None or known[0] != state:
            known = _found[store] = (state, _Found(session))
    return known[1].pairs


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
    pairs = find_pairs(
        [each.facility for each in registered], min_score=min_score, places=place_names(session, registered), involving=marked)
    told = [pair_of(pair, registered) for pair in pairs]
    for each in told:
        each["with"] = "file" if each["first"]["id"] in new_ids and each["second"]["id"] in new_ids else "registry"
    return told


def pair_of(pair: Pair, registered: Sequence[Registered]) -> dict[str, Any]:
    """Return a pair as JSON can hold it."""
    comparison = pair.comparison
    return {
        "score": comparison.score, "kind": str(comparison.kind), "distance_m": comparison.distance_m,
        "first": _brief(registered[pair.first].id, registered[pair.first].facility),
        "second": _brief(registered[pair.second].id, registered[pair.second].facility),
        "reasons": [each.as_dict() for each in comparison.reasons],
    }


def _brief(number: int, one: Facility) -> dict[str, Any]:
    klass = facility_classes()[one.class_code]
    return {"id": number, "name": one.name, "class_code": one.class_code, "class_zh": klass.zh, "class_en": klass.en,
            "address": one.address, "area_code": one.area_code, "lon": one.lon, "lat": one.lat}


def _key(pair: dict[str, Any]) -> tuple[float, int, int]:
    return (-pair["score"], pair["first"]["id"], pair["second"]["id"])


def _cursor_of(pair: dict[str, Any]) -> str:
    return f"{round(pair['score'] * 10_000)}-{pair['first']['id']}-{pair['second']['id']}"


def _key_of_cursor(cursor: str | None) -> tuple[float, int, int] | None:
    if cursor is None:
        return None
    parts = cursor.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) <= 18 for part in parts):
        raise InvalidParameter(f"cursor {cursor!r} is not one that this list gave out; follow the next link")
    return (-int(parts[0]) / 10_000, int(parts[1]), int(parts[2]))
