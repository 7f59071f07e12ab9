"""Which facilities lie in an area: by their code, by what their code became, or by where they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from geosvc.registry import areas
from geosvc.registry.areas import ZONE
from geosvc.registry.moments import AsOf
from geosvc.registry.successions import Successions, successions
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import Within

if TYPE_CHECKING:
    from collections.abc import Callable

    from shapely.geometry.base import BaseGeometry

    from geosvc.geo.crs import BBox
    from geosvc.store.engine import Session

    Positions = Callable[[BBox], list[tuple[int, float, float]]]


def meaning_of(session: Session, code: str, as_of: AsOf, positions: Positions) -> Within | None:
    """Return which facilities an area code (or the beginning of one) means on a day; None: simply those whose code begins so.

    A facility with an old code is found under what that division became. Facilities of a zone are
    those of its members, and those inside of its polygon.

    Parameters
    ----------
    session : Session
    code : str
    as_of : AsOf
    positions : callable
        Returns (id, lon, lat) of the facilities inside of a box, degrees, at that time.
    """
    became = successions(session, as_of)
    zones = areas.find(session, AreaQuery(codes=[code], levels=[ZONE], valid_at=as_of.valid_at, recorded_at=as_of.recorded_at))
    if zones:
        return _of_zone(session, zones[0], as_of, became, positions)
    return _of_division(code, became) if became.links else None


def _of_division(code: str, became: Successions) -> Within | None:
    old_codes = {link.old for link in became.links}
    joined = {old for old in old_codes if not old.startswith(code) and (became.one(old) or "").startswith(code)}
    left = {old for old in old_codes if old != code and old.startswith(code)
            and not any(new.startswith(code) for new in became.now(old))}
    return Within(prefixes=(code, *sorted(joined)), but_not=tuple(sorted(left))) if joined or left else None


def _of_zone(session: Session, zone: areas.Area, as_of: AsOf, became: Successions, positions: Positions) -> Within:
    prefixes: set[str] = set()
    shapes: list[BaseGeometry] = [] if zone.geometry is None else [zone.geometry]
    waiting, seen = list(zone.members), {zone.code}
    while waiting:
        for code in became.now(waiting.pop()):
            if code in seen:
                continue
            seen.add(code)
            inner = areas.find(session, AreaQuery(codes=[code], levels=[ZONE], valid_at=as_of.valid_at, recorded_at=as_of.recorded_at))
            if inner and inner[0].geometry is not None:
                shapes.append(inner[0].geometry)
            if inner:
                waiting += inner[0].members
            else:
                prefixes.update((_of_division(code, became) or Within(prefixes=(code,))).prefixes)
    return Within(prefixes=tuple(sorted(prefixes)), ids=tuple(sorted({each for shape in shapes for each in _inside(shape, positions)})))


def _inside(shape: BaseGeometry, positions: Positions) -> list[int]:
    west, south, east, north = map(float, shape.bounds)
    found = positions((west, south, east, north))
    if not found:
        return []
    shapely.prepare(shape)
    lon, lat = np.array([each[1] for each in found]), np.array([each[2] for each in found])
    return [one for (one, _lon, _lat), here in zip(found, shapely.intersects_xy(shape, lon, lat), strict=True) if here]
