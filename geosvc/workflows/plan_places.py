"""Which facilities belong to the area of a plan: by their area code; where that does not tell, by where they stand."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from geosvc.registry import facilities
from geosvc.registry.areas import ZONE
from geosvc.registry.facilities import PositionMethod, State
from geosvc.registry.locating import codes_above
from geosvc.store.facilities import FacilityQuery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.coverage.tree import AreaTree
    from geosvc.registry.facilities import Registered
    from geosvc.registry.moments import AsOf
    from geosvc.store.engine import Session


@dataclass(frozen=True, kw_only=True)
class Members:
    """The facilities that operate in an area, in the order of their id.

    ``by_position`` are the numbers of those whose code does not say so; ``unplaced`` is the number of those of which
    neither code nor position tells whether they stand in the area: they are not among ``found``.
    """

    found: list[Registered]
    by_position: frozenset[int] = field(default_factory=frozenset)
    unplaced: int = 0


def members_of(session: Session, tree: AreaTree, area: str, as_of: AsOf) -> Members:
    """Return the facilities that operated in an area on a day.

    As blank spots have it (:mod:`geosvc.coverage.blank_spots`), a position counts where the code is missing or is that
    of an area around, and never where it contradicts the code; the centre of an area is no position.
    """
    day = FacilityQuery(states=[State.OPERATING], valid_at=as_of.valid_at, recorded_at=as_of.recorded_at)
    coded = facilities.find(session, replace(day, area_prefix=area))
    known = {each.id for each in coded}
    loose = [each for each in facilities.find(session, replace(day, area_in=[None, *_around(tree, area)])) if each.id not in known]
    told = [_lies_in(tree, area, each) for each in _areas_around(tree, loose)]
    here = [one for one, inside in zip(loose, told, strict=True) if inside]
    return Members(found=sorted([*coded, *here], key=lambda each: each.id), by_position=frozenset(each.id for each in here),
                   unplaced=sum(inside is None for inside in told))


def _around(tree: AreaTree, area: str) -> list[str]:
    """Return the codes of what holds an area: a facility that has one of them may stand in it."""
    named = [tree.areas[i].code for i in tree.ancestors(tree.index[area])]
    return [code for code in dict.fromkeys([*codes_above(area), *named]) if code != area]


def _areas_around(tree: AreaTree, loose: Sequence[Registered]) -> list[int | None]:
    """Return the smallest area around each position (-1: none); None without a usable position."""
    found: list[int | None] = [None] * len(loose)
    placed = [n for n, one in enumerate(loose) if one.facility.located and one.facility.position_method != PositionMethod.AREA_CENTRE]
    lon = np.array([loose[n].facility.lon for n in placed], np.float64)
    lat = np.array([loose[n].facility.lat for n in placed], np.float64)
    for n, smallest in zip(placed, tree.areas_of_positions(lon, lat).tolist(), strict=True):
        found[n] = smallest
    return found


def _lies_in(tree: AreaTree, area: str, smallest: int | None) -> bool | None:
    """Return whether a position lies in an area; None where that is not known."""
    if smallest is None:
        return None
    own = tree.index[area]
    parts = {own, *(tree.zone_parts.get(own) or ())}
    chain = tree.ancestors(smallest) if smallest >= 0 else []
    if parts.intersection(chain):
        return True
    if tree.areas[own].level == ZONE:  # what lies in its outline is found by the query already
        return False if tree.areas[own].geometry is not None or tree.zone_parts.get(own) else None
    # Without an outline of its own it may lie anywhere in what is around it.
    outlined = tree.areas[own].geometry is not None
    return False if outlined or (smallest >= 0 and smallest not in tree.ancestors(own)) else None
