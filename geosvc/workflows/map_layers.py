"""What the map of a run is drawn with beside its picture: its areas, and who is nearest to each facility."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geosvc.coverage.curves import NO_DATA, STEPS, UNREACHABLE, levels_of
from geosvc.geo.crs import to_degrees
from geosvc.maps.picture import step_of
from geosvc.registry import areas
from geosvc.store.areas import AreaQuery
from geosvc.workflows.features import nearest_seen
from geosvc.workflows.reading import run_of
from geosvc.workflows.run_files import areas_seen, times_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shapely.geometry.base import BaseGeometry

    from geosvc.coverage.live import Layout
    from geosvc.registry.areas import Area
    from geosvc.store.engine import Store

Place = tuple[float, float]
# Parts of the width of what is drawn that nobody sees on a screen.
_FINE = 1500
_DIGITS = 5  # about a metre


def centres_of_people(layout: Layout) -> dict[str, Place]:
    """Return where the people of each area are centred, as (longitude, latitude) in degrees, by code.

    The mean of the cells in which they live, each by its people. An area without anybody on the grid has none.
    """
    places = {}
    for i, row in enumerate(layout.rows):
        members = layout.members[layout.starts[i] : layout.starts[i + 1]]
        members = members[layout.cell_of[members] >= 0]
        weights = layout.count[members]
        if row.position < 0 or not weights.sum() > 0:
            continue
        rows, cols = np.divmod(layout.cell_of[members], layout.grid.cols)
        x, y = layout.grid.centres(rows, cols)
        lon, lat = to_degrees(np.average(x, weights=weights), np.average(y, weights=weights), crs=layout.grid.crs)
        places[row.code] = (round(float(lon), _DIGITS), round(float(lat), _DIGITS))
    return places


def areas_of_run(store: Store, service_id: str, run_id: str | None, centres: Mapping[str, Place]) -> dict[str, Any]:
    """Return the areas of a run as GeoJSON features to be drawn, outlines simplified for a screen.

    Parameters
    ----------
    store : Store
        Of some areas: those of its own only.
    service_id : str
    run_id : str or None
        None = the newest of the service.
    centres : mapping
        Where the people of areas are centred, by code (:func:`centres_of_people`).

    Raises
    ------
    ServiceNotFound, RunNotFound
    """
    with store.reading() as session:
        run = run_of(session, service_id, run_id)
        times = times_of(run)
        query = AreaQuery(valid_at=times.valid_at, recorded_at=times.recorded_at)
        found = areas.find(session, query) if store.areas is None else areas_seen(store, session, run)
    boxes = [each.bbox for each in found if each.bbox is not None]
    fine = 0.0 if not boxes else (max(box[2] for box in boxes) - min(box[0] for box in boxes)) / _FINE
    return {"type": "FeatureCollection", "service": run.service_id, "run": run.id,
            "features": [_drawn(each, fine, centres.get(each.code)) for each in found]}


def _drawn(area: Area, fine: float, centre: Place | None) -> dict[str, Any]:
    geometry = None if area.geometry is None else _simpler(area.geometry, fine)
    return {
        "type": "Feature", "id": area.code, "geometry": None if geometry is None else dict(shapely.geometry.mapping(geometry)),
        "properties": {"code": area.code, "name": area.name, "level": area.level, "parent_code": area.parent_code,
                       "centre": None if centre is None else list(centre), "schematic": area.schematic},
    }


def _simpler(shape: BaseGeometry, fine: float) -> BaseGeometry:
    """Return a shape with less detail; one that would vanish stays as it is."""
    smooth = shapely.simplify(shape, fine)
    return shapely.transform(shape if smooth.is_empty else smooth, lambda xy: xy.round(_DIGITS))


def catchment_curves(store: Store, service_id: str, run_id: str | None) -> dict[str, Any]:
    """Return for each facility of a run how far those people are to whom it is the nearest.

    ``people[k]`` are as in the curves of areas; trailing zeros are left out, so the last may be missing. ``people`` is
    None where nobody was counted. To a store of some areas the facilities of others are one, without id and name.

    Raises
    ------
    ServiceNotFound, RunNotFound
    """
    seen = nearest_seen(store, service_id, run_id)
    service, surface, people = seen.service, seen.surface, seen.people
    step = step_of(service)
    told: dict[str, Any] = {"service": service.id, "run": seen.run.id, "unit": service.shown_unit, "step": step, "steps": STEPS}
    if people is None:
        return {
            **told,
            "facilities": [
                {"id": one, "name": name, "people": None} for one, name in zip(seen.ids, seen.names, strict=True)
            ],
        }
    levels = levels_of(surface, step * service.units_per_shown)
    counted = (surface.nearest >= 0) & (people > 0) & (levels != UNREACHABLE) & (levels != NO_DATA)
    key = surface.nearest[counted].astype(np.int64) * (STEPS + 1) + levels[counted]
    sums = np.bincount(key, weights=people[counted], minlength=len(seen.ids) * (STEPS + 1)).reshape(len(seen.ids), STEPS + 1)
    return {**told, "facilities": [
        {"id": one, "name": name, "people": [round(float(each), 3) for each in np.trim_zeros(row, "b")]}
        for one, name, row in zip(seen.ids, seen.names, sums, strict=True)]}
