"""A small map of where new facilities would stand: a wrong datum or swapped columns are seen at a glance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.geo.crs import BBox
    from geosvc.workflows.outlines import Ring

WIDTH, HIGHEST, LOWEST = 460.0, 380.0, 160.0
_MARGIN = 14.0
_BESIDE = 0.5  # of the size of the areas: what stands farther out than this is counted, not drawn, if it is little
_LITTLE = 0.1
_MANY = 400


@dataclass(frozen=True, kw_only=True)
class ImportMap:
    """Paths of an SVG of ``width`` x ``height`` pixels; ``outside`` places are too far out to be drawn."""

    width: float
    height: float
    areas: str
    points: str
    drawn: int
    outside: int

    @property
    def crowded(self) -> bool:
        """Whether there are so many places that each is drawn small."""
        return self.drawn > _MANY


def import_map(rings: Sequence[Ring], places: Sequence[tuple[float, float]]) -> ImportMap | None:
    """Return the map of places (longitude, latitude in degrees) over the outlines of areas; None without any place."""
    if not places:
        return None
    near = _near(rings, places)
    shown = near if rings and near and len(places) - len(near) <= _LITTLE * len(places) else list(places)
    west, south, east, north = _box([*shown, *(point for ring in rings for point in ring)])
    shrunk = math.cos(math.radians((south + north) / 2))
    wide, high = max((east - west) * shrunk, 1e-3), max(north - south, 1e-3)
    scale = min((WIDTH - 2 * _MARGIN) / wide, (HIGHEST - 2 * _MARGIN) / high)
    height = max(high * scale + 2 * _MARGIN, LOWEST)
    left, top = (WIDTH - wide * scale) / 2, (height - high * scale) / 2

    def at(point: tuple[float, float]) -> str:
        return f"{left + (point[0] - west) * shrunk * scale:.1f} {top + (north - point[1]) * scale:.1f}"

    return ImportMap(
        width=WIDTH, height=round(height), areas="".join(f"M{'L'.join(map(at, ring))}Z" for ring in rings),
        points="".join(f"M{each}h0" for each in dict.fromkeys(map(at, shown))), drawn=len(shown), outside=len(places) - len(shown),
    )


def _near(rings: Sequence[Ring], places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the places in or beside the areas."""
    if not rings:
        return []
    west, south, east, north = _box([point for ring in rings for point in ring])
    wide, high = _BESIDE * (east - west), _BESIDE * (north - south)
    return [(lon, lat) for lon, lat in places if west - wide <= lon <= east + wide and south - high <= lat <= north + high]


def _box(points: Sequence[tuple[float, float]]) -> BBox:
    return (min(x for x, _ in points), min(y for _, y in points), max(x for x, _ in points), max(y for _, y in points))
