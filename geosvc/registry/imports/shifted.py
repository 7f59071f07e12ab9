"""Whether a batch stands beside what is registered as another datum would explain: the wrong one was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from geosvc.errors import InvalidInput
from geosvc.geo.crs import distance_m
from geosvc.geo.datums import BD09, CGCS2000, GCJ02, WGS84, to_wgs84
from geosvc.registry.facilities import PositionMethod
from geosvc.registry.imports.positions import number_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from geosvc.registry.facilities import Facility

_DATUMS = (WGS84, GCJ02, BD09)
# What stands at the middle of something is no measure of 500 m.
_COARSE = (PositionMethod.SETTLEMENT_POINT, PositionMethod.AREA_CENTRE, PositionMethod.ILLUSTRATIVE, PositionMethod.NONE)
_FEWEST = 3
_SHARE = 0.8
_MOVED_M = 200.0  # the three datums differ by 300 m and more, nearly everywhere in China
_NEAR_M = 100.0
_SAME_DEGREES = 0.001  # 160 m at most


class Shift(NamedTuple):
    """``agreeing`` of ``compared`` facilities would stay where they are, were the numbers in ``datum``; as told, they move by ``metres``."""

    datum: str
    agreeing: int
    compared: int
    metres: float


def shift_of(pairs: Iterable[tuple[Facility, Facility]]) -> Shift | None:
    """Return the datum that would explain why facilities of a file stand elsewhere than registered; None if none does.

    Parameters
    ----------
    pairs : iterable of (Facility, Facility)
        What a row tells, with the numbers of its source, and the facility that it was found to be.

    Notes
    -----
    Said only where at least three facilities can be compared and four of five of them move by more than 200 m as told
    and by less than 100 m as read in one other datum.
    """
    compared = 0
    moves: dict[str, list[float]] = {}
    for told, registered in pairs:
        if told.lon is None or told.lat is None or registered.lon is None or registered.lat is None or registered.position_method in _COARSE:
            continue
        compared += 1
        if abs(told.lon - registered.lon) < _SAME_DEGREES and abs(told.lat - registered.lat) < _SAME_DEGREES:
            continue  # the most, and quickly told
        moved = float(distance_m(told.lon, told.lat, registered.lon, registered.lat))
        if moved <= _MOVED_M:
            continue
        for datum, (lon, lat) in _otherwise(told).items():
            if distance_m(lon, lat, registered.lon, registered.lat) < _NEAR_M:
                moves.setdefault(datum, []).append(moved)
    if not moves:
        return None
    datum = max(moves, key=lambda each: len(moves[each]))
    found = moves[datum]
    if len(found) < max(_FEWEST, _SHARE * compared):
        return None
    return Shift(datum, len(found), compared, sorted(found)[len(found) // 2])


def _otherwise(told: Facility) -> dict[str, tuple[float, float]]:
    """Return where the numbers of a row lie in the datums that it did not name; none if they are no degrees."""
    try:
        x, y = number_of(told.raw_x or "", "longitude"), number_of(told.raw_y or "", "latitude")
    except InvalidInput:
        return {}
    if abs(x) > 180 or abs(y) > 90:
        return {}
    same = {WGS84, CGCS2000} if told.raw_datum in (WGS84, CGCS2000) else {told.raw_datum}
    return {datum: tuple(map(float, to_wgs84(x, y, datum=datum))) for datum in _DATUMS if datum not in same}  # type: ignore[misc]
