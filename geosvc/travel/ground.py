"""The ground: what it costs to cross each cell, from roads and land cover.

Here a road is part of the ground: on foot and by bicycle it may be joined anywhere. Vehicles
travel on the road graph instead (:mod:`geosvc.travel.hybrid`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.travel.profiles import GAITS, UNKNOWN_GROUND

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from geosvc.travel.conditions import Local
    from geosvc.travel.profiles import TravelProfile

WATER = "permanentwater"
_MOST_WATER_PERCENT = 50.0
NO_ROAD = -1


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What lies in each cell, whoever crosses it; every part but the shape may be missing.

    Parameters
    ----------
    shape : tuple
        (rows, cols).
    road : array of int32 or None
        Index into ``road_classes`` of the best road in the cell, -1 = none.
    road_classes : tuple of str
        OpenStreetMap words.
    cover : mapping of str to array of float32
        Percent of the cell by land-cover class; NaN = no data. Empty = land cover unknown.
    barrier : array of bool or None
        Cells that nobody crosses off a road: rivers, railways, flooded land. None = no barriers.
    conditions : tuple of Local
        What holds on top, such as winter; their factors multiply.
    """

    shape: tuple[int, int]
    road: NDArray[np.int32] | None = None
    road_classes: tuple[str, ...] = ()
    cover: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    barrier: NDArray[np.bool_] | None = None
    conditions: tuple[Local, ...] = ()

    def has_data(self) -> NDArray[np.bool_]:
        """Return the cells of which land cover or a road is known; all where no layer was given."""
        if not self.cover:
            return np.ones(self.shape, dtype=bool)
        known = np.zeros(self.shape, dtype=bool)
        for percent in self.cover.values():
            known |= ~np.isnan(percent)
        return known | (self.road >= 0) if self.road is not None else known


def pace_of(ground: Ground, profile: TravelProfile, *, speed_kmh: float | None = None) -> NDArray[np.float64]:
    """Return the pace of every cell, seconds per metre; ``inf`` = cannot be crossed.

    A cell off the roads has the mean of the paces of its land cover, weighted by their share.
    More than half permanent water cannot be crossed, nor can a barrier, nor a cell of unknown
    cover where a land-cover layer is given. A road passes over all three; where walking is
    faster than the road of a cell, the walk counts.

    Parameters
    ----------
    ground : Ground
    profile : TravelProfile
    speed_kmh : float, optional
        In place of the profile's base speed; the others change in proportion.
    """
    pace: NDArray[np.float64] = _off_road(ground, profile, speed_kmh)
    if ground.road is None:
        return pace
    best: NDArray[np.float64] = np.minimum(pace, _on_road(ground, ground.road, profile, speed_kmh))
    return best


def gait_of(ground: Ground, profile: TravelProfile, *, speed_kmh: float | None = None) -> NDArray[np.int8]:
    """Return how every cell is crossed: 0 motor, 1 on foot, 2 by bicycle; the faster of road and ground."""
    gait = np.full(ground.shape, GAITS["walk"], dtype=np.int8)
    if ground.road is not None:
        on_road = _on_road(ground, ground.road, profile, speed_kmh)
        gait[on_road <= _off_road(ground, profile, speed_kmh)] = GAITS[profile.rides]
    return gait


def _on_road(
    ground: Ground, road: NDArray[np.int32], profile: TravelProfile, speed_kmh: float | None
) -> NDArray[np.float64]:
    # One more entry than classes: index -1 (no road) reads it.
    by_class = np.array([profile.road_pace(name, speed_kmh=speed_kmh) for name in ground.road_classes] + [np.inf])
    pace: NDArray[np.float64] = by_class[road]
    for local in ground.conditions:
        if profile.rides in local.condition.touches:
            factors = np.array([local.condition.road_factor(name) for name in ground.road_classes] + [1.0])
            pace = local.slowed(pace, factors[road])
    return pace


def _off_road(ground: Ground, profile: TravelProfile, speed_kmh: float | None) -> NDArray[np.float64]:
    pace = _over_ground(ground, profile, speed_kmh)
    if ground.barrier is not None:
        pace[ground.barrier] = np.inf
    return pace


def _pace_over(cover: str, ground: Ground, profile: TravelProfile, speed_kmh: float | None) -> Any:
    """Return seconds per metre over a land cover: one number, or one for each cell."""
    pace: Any = profile.ground_pace(cover, speed_kmh=speed_kmh)
    for local in ground.conditions:
        if "walk" in local.condition.touches:  # off the roads everybody walks
            pace = local.slowed(pace, local.condition.ground_factor(cover))
    return pace


def _over_ground(ground: Ground, profile: TravelProfile, speed_kmh: float | None) -> NDArray[np.float64]:
    if not ground.cover:
        return np.full(ground.shape, _pace_over(UNKNOWN_GROUND, ground, profile, speed_kmh))
    weighted = np.zeros(ground.shape)
    total = np.zeros(ground.shape)
    water = np.zeros(ground.shape)
    for name, percent in ground.cover.items():
        share = np.nan_to_num(percent, nan=0.0).astype(np.float64)
        if name == WATER:
            water = share
            continue
        weighted += share * _pace_over(name, ground, profile, speed_kmh)
        total += share
    with np.errstate(invalid="ignore", divide="ignore"):
        pace = np.where(total > 0, weighted / total, np.inf)
    pace[water > _MOST_WATER_PERCENT] = np.inf
    return pace
