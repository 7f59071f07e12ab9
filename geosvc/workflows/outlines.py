"""The outlines of the areas, coarse enough to be drawn behind something else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geosvc.registry import areas
from geosvc.store.areas import AreaQuery

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shapely.geometry.base import BaseGeometry

    from geosvc.store.engine import Store

Ring = list[tuple[float, float]]
_LEVELS = ("county", "township")
# Parts of the width of what is drawn that nobody sees.
_FINE = 400


def outlines(store: Store) -> list[Ring]:
    """Return the rings of counties and townships (longitude, latitude in degrees), of every area where there are none of these."""
    with store.reading() as session:
        found = areas.find(session, AreaQuery(levels=_LEVELS, has_geometry=True)) or areas.find(session, AreaQuery(has_geometry=True))
    return [ring for rings in coarse_rings([each.geometry for each in found if each.geometry is not None]) for ring in rings]


def coarse_rings(shapes: Sequence[BaseGeometry]) -> list[list[Ring]]:
    """Return the rings of each shape (degrees), as coarse as nobody sees where they are drawn together."""
    if not shapes:
        return []
    west, east = min(each.bounds[0] for each in shapes), max(each.bounds[2] for each in shapes)
    return [_rings(each.simplify((east - west) / _FINE)) for each in shapes]


def _rings(shape: BaseGeometry) -> list[Ring]:
    parts = getattr(shape, "geoms", [shape])
    return [[(x, y) for x, y, *_ in each.exterior.coords] for each in parts if hasattr(each, "exterior") and not each.is_empty]
