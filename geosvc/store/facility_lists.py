"""Lists of facilities, cut into pages: sorted, searched and counted quickly also where there are 100,000.

A page follows a place in the order, not a number of rows: what did not change between two pages
stands in exactly one of them, whatever else was added, changed or deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, case, func, literal, select, tuple_

from geosvc.store.facilities import (
    FacilityQuery,
    FacilityRevisionRow,
    count_revisions,
    facility_clauses,
    knows_all,
    select_revisions_by_id,
    through,
    through_index,
)
from geosvc.store.scope import limit_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

# What a list can be sorted by; ties go by the id.
SORTS: Mapping[str, Any] = {
    "id": FacilityRevisionRow.facility_id, "name": FacilityRevisionRow.name_order, "class": FacilityRevisionRow.class_code,
    "updated": FacilityRevisionRow.recorded_at,
}
# The index that stands in the order: where nothing narrows a list, it gives a page at once.
_WALKS = {"id": "current", "name": "names", "class": "class", "updated": "updated"}
_MANY = 2000
# A word that many names hold fills a page from the first rows of the order. So many are looked at first: a sixtieth of what a search
# through all takes; fewer where the index in that order does not know the texts, and each row must be fetched (3 microseconds).
_SOUGHT_FIRST, _FETCHED_FIRST = 1_500, 400
# Fewer than so many among those, and few are expected in all: the key of each is fetched. Else the names are walked through in order.
_FEW = 5

Place = tuple[str | int, int]


@dataclass(frozen=True, kw_only=True)
class Order:
    """The order of a list: by one of :data:`SORTS` and then by id, the smallest first unless ``descending``.

    Names are in the order of their pinyin (:func:`geosvc.store.pinyin.order_of`), classes in that of their codes.
    """

    by: str = "id"
    descending: bool = False


def place_of(row: FacilityRevisionRow, order: Order) -> Place:
    """Return where a revision stands in an order: the next page begins after it."""
    return (getattr(row, SORTS[order.by].key), row.facility_id)


def select_list(
    session: Session, query: FacilityQuery, order: Order, *, after: Place | None = None, limit: int
) -> tuple[int, list[FacilityRevisionRow]]:
    """Return how many facilities a query matches, and those of them that follow a place in an order.

    Two steps: which, from an index alone; then the whole rows of these few.
    """
    if query.text or query.name_contains or query.source_contains:
        soon = _soon(session, query, order, after, limit)
        if soon is not None and len(soon) == limit:
            matched, ids = count_revisions(session, query), soon
        else:
            # Names begin with the county: those of one area stand together, and few or none of them among the first.
            few = soon is not None and len(soon) < _FEW and not query.area_prefix
            matched, ids = _searched(session, query, order, after, limit, few=few)
    else:
        matched = count_revisions(session, query)
        ids = _cut(session, query, order, after, limit, many=matched > _MANY) if matched else []
    found = select_revisions_by_id(session, ids)
    return matched, [found[each] for each in ids]


def _soon(session: Session, query: FacilityQuery, order: Order, after: Place | None, limit: int) -> list[int] | None:
    """Return what a search finds among the first rows in order, a page of it at most; None where it did not look."""
    if query.recorded_at is not None or query.ids is not None or limit_of(session) is not None:
        return None  # no index in the order, or few of its rows are seen
    row, key = FacilityRevisionRow, SORTS[order.by]
    index = "texts" if order.by == "id" else _WALKS[order.by]
    looked_at = _SOUGHT_FIRST if knows_all(index, query) else _FETCHED_FIRST
    first = through(select(row.id, row.facility_id, key.label("key"), and_(*facility_clauses(query)).label("fits")).where(row.superseded_at.is_(None)), index)
    looked = _in_order(first, key, row.facility_id, order, after).limit(looked_at).subquery()
    fitting = _in_order(select(looked.c.id), looked.c.key, looked.c.facility_id, order, None)
    return list(session.scalars(fitting.where(looked.c.fits).limit(limit)))


def _searched(
    session: Session, query: FacilityQuery, order: Order, after: Place | None, limit: int, *, few: bool
) -> tuple[int, list[int]]:
    """Count and cut in one statement: to look for a word in every text is what takes the time.

    The index of the texts does not know the order of names: beside them it would slow every search.
    """
    row, key = FacilityRevisionRow, SORTS[order.by]
    by_walk = order.by == "name" and not few and query.recorded_at is None and query.ids is None
    wanted = [row.id] if by_walk else [row.id, row.facility_id, key.label("key")]
    everything = through_index(select(*wanted), query, *(() if order.by == "name" else (key.key,)))
    matching = everything.where(*facility_clauses(query)).cte("matching").prefix_with("MATERIALIZED")
    total = select(func.count()).select_from(matching).scalar_subquery()
    if by_walk:
        names = through(select(total, row.id), _WALKS["name"]).where(row.superseded_at.is_(None), row.id.in_(select(matching.c.id)))
        cut = _in_order(names, key, row.facility_id, order, after)
    else:
        cut = _in_order(select(total, matching.c.id), matching.c.key, matching.c.facility_id, order, after)
    found = session.execute(cut.limit(limit)).all()
    if not found:  # no row, no total: nothing matches, or all of it stands before the place
        return (0 if after is None else count_revisions(session, query)), []
    return int(found[0][0]), [int(each[1]) for each in found]


def _cut(
    session: Session, query: FacilityQuery, order: Order, after: Place | None, limit: int, *, many: bool
) -> list[int]:
    row, key = FacilityRevisionRow, SORTS[order.by]
    statement = through_index(select(row.id), query, key.key, order=_WALKS[order.by], many=many)
    statement = _in_order(statement, key, row.facility_id, order, after)
    return list(session.scalars(statement.where(*facility_clauses(query)).limit(limit)))


def _in_order(statement: Any, key: Any, facility_id: Any, order: Order, after: Place | None) -> Any:
    if after is not None:
        here, there = tuple_(key, facility_id), tuple_(literal(after[0]), literal(after[1]))
        statement = statement.where(here < there if order.descending else here > there)
    columns = (facility_id,) if order.by == "id" else (key, facility_id)
    return statement.order_by(*(each.desc() if order.descending else each for each in columns))


def count_ages(
    session: Session, query: FacilityQuery, *, stale_before: str, checked_since: str, area_letters: int | None = None
) -> list[tuple[str | None, str | None, int, int, int]]:
    """Return (area, class, how many, of them recorded before a moment, of them recorded since another) of what a query matches.

    The area is the beginning of its code, of so many letters; None counts all together, which is much quicker.
    Moments are ISO 8601 text, UTC.
    """
    row = FacilityRevisionRow
    parts = (literal(None), literal(None)) if area_letters is None else (func.substr(row.area_code, 1, area_letters), row.class_code)
    counted = select(
        *parts, func.count(), func.sum(case((row.recorded_at < stale_before, 1), else_=0)),
        func.sum(case((row.recorded_at >= checked_since, 1), else_=0)))
    statement = through_index(counted, query, "recorded_at", order="updated").where(*facility_clauses(query))
    if area_letters is not None:
        statement = statement.group_by(*parts)
    return [(None if area is None else str(area), None if klass is None else str(klass), int(number), int(stale or 0), int(checked or 0))
            for area, klass, number, stale, checked in session.execute(statement)]
