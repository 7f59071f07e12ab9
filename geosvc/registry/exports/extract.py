"""The facilities that an export takes: what they are in sum, and one after another, never all in memory."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import islice
from typing import TYPE_CHECKING, Any

from geosvc.registry.exports.cells import tidy
from geosvc.registry.facilities import Facility, PositionMethod, meant
from geosvc.store.facilities import select_distinct, select_shares, select_texts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from geosvc.store.engine import Session
    from geosvc.store.facilities import FacilityQuery

_AT_ONCE = 2000
_NAMES = ("facility_id", *(each.name for each in fields(Facility)))
_SCHEMATIC = (PositionMethod.SETTLEMENT_POINT, PositionMethod.AREA_CENTRE, PositionMethod.ILLUSTRATIVE)
# The fields of free text whose words a workbook offers.
_OFFERED = ("ownership", "service_mode")

# A facility as the store holds it, field by field; groups are JSON.
Row = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Extract:
    """What an export takes; its session must stay open until it is written."""

    session: Session
    query: FacilityQuery
    facilities: int
    illustrative: int
    schematic: int
    to_be_located: int
    sources: list[str]
    used: dict[str, list[str]]

    def batches(self) -> Iterator[list[Row]]:
        """Yield the facilities in the order of their id, some at a time."""
        rows = (dict(zip(_NAMES, found, strict=True)) for found in select_texts(self.session, self.query, _NAMES))
        while batch := list(islice(rows, _AT_ONCE)):
            yield batch


def extract(session: Session, query: FacilityQuery) -> Extract:
    """Return what an export of a query takes, summed up: what lists show under it, an area told as what it means on its day."""
    query = meant(session, query)
    shares = select_shares(session, query)
    return Extract(
        session=session, query=query, facilities=sum(number for *_, number in shares),
        illustrative=sum(number for _, illustrative, _, number in shares if illustrative),
        schematic=sum(number for method, _, _, number in shares if method in _SCHEMATIC),
        to_be_located=sum(number for _, _, missing, number in shares if missing),
        sources=_texts(session, query, "source"), used={name: _texts(session, query, name) for name in _OFFERED},
    )


def _texts(session: Session, query: FacilityQuery, name: str) -> list[str]:
    return sorted({tidy(each) for each in select_distinct(session, query, name)} - {""})
