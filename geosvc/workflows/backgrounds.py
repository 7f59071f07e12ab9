"""What is drawn behind a place that somebody chooses: the roads around it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import shapely

from geosvc.errors import GeosvcError
from geosvc.geo.vector import lines_in
from geosvc.registry import layers
from geosvc.registry.imports.layers import ROADS_FILE
from geosvc.registry.layers import ROADS

if TYPE_CHECKING:
    from geosvc.geo.crs import BBox
    from geosvc.store.engine import Store

_MOST_LINES = 4000
# What a screen shows as one point need not be sent as two.
_POINTS_ACROSS = 2000
_DIGITS = 5


def roads_around(store: Store, bbox: BBox) -> dict[str, Any]:
    """Return the roads in a box (west, south, east, north; degrees) as GeoJSON; none where there is no layer or it cannot be read.

    ``schematic`` says that they are drawn after a sketch.
    """
    with store.reading() as session:
        layer = next(iter(layers.find(store, session, ROADS)), None)
    features: list[dict[str, Any]] = []
    if layer is not None:
        try:
            found = lines_in(layer.folder / ROADS_FILE, bbox, column="road_class", most=_MOST_LINES)
        except GeosvcError:  # a background is no reason to refuse the form
            found = []
        fine = max(bbox[2] - bbox[0], bbox[3] - bbox[1]) / _POINTS_ACROSS
        features = [
            {"type": "Feature", "properties": {"road_class": said},
             "geometry": shapely.geometry.mapping(shapely.set_precision(line.simplify(fine), 10.0**-_DIGITS, mode="pointwise"))}
            for said, line in found
        ]
    return {"type": "FeatureCollection", "features": features, "schematic": layer is not None and layer.schematic}
