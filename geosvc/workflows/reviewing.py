"""The yearly review: which facilities nobody has changed or confirmed for long, and how far this year's review is.

A facility that is closed needs none. Who registers, changes or confirms one has looked at it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from geosvc.registry import areas, facilities
from geosvc.registry.classes import facility_classes
from geosvc.registry.facilities import State
from geosvc.registry.moments import begin_of, today
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery
from geosvc.store.facility_lists import Order, count_ages
from geosvc.workflows import finding
from geosvc.workflows.features import facility_feature
from geosvc.workflows.rules import Rules, rules_in

if TYPE_CHECKING:
    from geosvc.store.engine import Session, Store

_COUNTY_LETTERS, _TOWNSHIP_LETTERS = 6, 9
_REVIEWED = [each for each in State if each != State.CLOSED]
_OLDEST_FIRST = "updated"
_COUNTED = ("total", "due", "checked")


def stale_before(rules: Rules) -> str:
    """Return the moment before which what was recorded last is due for review: the beginning of a day in China."""
    return begin_of((date.fromisoformat(today()) - timedelta(days=rules.review_days)).isoformat())


def progress(store: Store, *, area: str | None = None, class_prefix: str | None = None, parts: bool = True) -> dict[str, Any]:
    """Return how far the review is.

    Parameters
    ----------
    store : Store
    area, class_prefix : str, optional
        Area and class code, or the beginning of it.
    parts : bool
        Whether to count by area and by class, too, which takes longer.

    Returns
    -------
    progress : dict
        ``year``, ``review_days``, ``stale_before`` (UTC), ``total`` (facilities that are not closed),
        ``checked`` (registered, changed or confirmed this year), ``due`` (neither within ``review_days``), and the
        same three ``by_area`` (county, of one county township; None: no area) and ``by_class``, the most due first.
    """
    with store.reading() as session:
        rules = rules_in(session)
        key = ("review", rules.review_days, area, class_prefix, parts)
        found: dict[str, Any] = store.recall(session, key, lambda: _progress(session, rules, _query(area, class_prefix), parts=parts))
        return found


def _query(area: str | None, class_prefix: str | None) -> FacilityQuery:
    return replace(finding.query_of(area=area, class_prefix=class_prefix), states=_REVIEWED)


def _progress(session: Session, rules: Rules, query: FacilityQuery, *, parts: bool) -> dict[str, Any]:
    year = today()[:4]
    before = stale_before(rules)
    counted = count_ages(
        session, facilities.meant(session, query), stale_before=before, checked_since=begin_of(f"{year}-01-01"),
        area_letters=_letters(session, query) if parts else None)
    told = {"year": int(year), "review_days": rules.review_days, "stale_before": before}
    if not parts:
        return {**told, **dict(zip(_COUNTED, counted[0][2:], strict=True))}
    return {**told, **_by_parts(session, counted)}


def _letters(session: Session, query: FacilityQuery) -> int:
    """Return how much of an area's code tells the parts that a reader wants: townships of one county, else counties."""
    of_one = len(query.area_prefix or "") >= _COUNTY_LETTERS or areas.count(session, AreaQuery(levels=["county"])) <= 1
    return _TOWNSHIP_LETTERS if of_one else _COUNTY_LETTERS


def _by_parts(session: Session, counted: list[tuple[str | None, str | None, int, int, int]]) -> dict[str, Any]:
    sums: dict[str, Counter[Any]] = {name: Counter() for name in _COUNTED}
    for code, klass, *numbers in counted:
        for name, number in zip(sums, numbers, strict=True):
            sums[name].update({None: number, ("area", code): number, ("class", klass): number})
    named = sorted({code for code, *_ in counted if code})
    names = dict(_names(session, named))
    classes = facility_classes()
    return {
        **_numbers(sums, None),
        "by_area": [{"code": code, "name": names.get(code or ""), **_numbers(sums, ("area", code))} for code in _most_due(sums, "area")],
        "by_class": [{"code": code, "zh": classes[code].zh, "en": classes[code].en, **_numbers(sums, ("class", code))}
                     for code in _most_due(sums, "class")],
    }


def _names(session: Session, codes: list[str]) -> list[tuple[str, str]]:
    return [(each.code, each.name) for start in range(0, len(codes), 500) for each in areas.find(session, AreaQuery(codes=codes[start : start + 500]))]


def _numbers(sums: dict[str, Counter[Any]], key: Any) -> dict[str, int]:
    return {name: counted[key] for name, counted in sums.items()}


def _most_due(sums: dict[str, Counter[Any]], part: str) -> list[Any]:
    keys = [key for key in sums["total"] if key is not None and key[0] == part]
    return [code for _, code in sorted(keys, key=lambda key: (-sums["due"][key], -sums["total"][key], key[1] or ""))]


def due_page(
    store: Store, *, area: str | None = None, class_prefix: str | None = None, cursor: str | None = None, limit: int
) -> tuple[list[dict[str, Any]], int, str | None]:
    """Return (facilities that are due as features, the longest unseen first; number matched; cursor of the next page or None).

    Raises
    ------
    InvalidParameter
    """
    order = finding.order_of(_OLDEST_FIRST)
    after = finding.place_of(order, cursor)
    with store.reading() as session:
        query = replace(_query(area, class_prefix), updated_before=stale_before(rules_in(session)))
        matched, found, following = facilities.page(session, query, Order(by=_OLDEST_FIRST), after=after, limit=limit)
    return [facility_feature(each) for each in found], matched, None if following is None else finding.cursor_of(order, following)
