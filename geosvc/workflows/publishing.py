"""Maps to hand over: gathered here, drawn by :mod:`geosvc.maps`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from geosvc.coverage import services
from geosvc.errors import StoreError
from geosvc.geo.vector import read_vector
from geosvc.maps.document import MapContent, map_document
from geosvc.maps.figure import data_url, page_parts, single_file
from geosvc.registry import areas, facilities, layers
from geosvc.registry.imports.layers import ROADS_FILE
from geosvc.registry.layers import POPULATION, ROADS
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery
from geosvc.store.runs import GapQuery, select_gaps
from geosvc.workflows import reading
from geosvc.workflows.workspace import title_of

if TYPE_CHECKING:
    import shapely

    from geosvc.store.engine import Session, Store

_MOST_GAPS_DRAWN = 2000


def map_of(
    store: Store, service_id: str | None, *, threshold_id: str | None = None, run_id: str | None = None,
    language: str = "zh", picture_address: str | None = None, title_block: bool,
) -> dict[str, Any]:
    """Return the document of a map.

    Parameters
    ----------
    picture_address : str, optional
        Where a page finds the surface's picture; None puts it inside.

    Raises
    ------
    ServiceNotFound, RunNotFound
    """
    path, record = reading.picture_files(store, service_id, run_id)
    run = reading.run_record(store, record["run"])
    service = services.service_from(run["parameters"]["service"])
    threshold = service.threshold(threshold_id)
    source = picture_address or data_url(path.read_bytes())
    with store.reading() as session:
        content = MapContent(
            title=run["summary"]["title"] or title_of(session), service=service, threshold=threshold, run=run,
            areas=[area for area in areas.find(session, AreaQuery(has_geometry=True))],
            roads=_roads(store, session),
            facilities=facilities.find(session, FacilityQuery(ids=run["summary"]["facilities"]["ids"])),
            gaps=_gaps(session, run["id"], threshold.id, service.shown_unit),
            picture={**record, "source": source},
            to_be_located=run["summary"]["facilities"]["to_be_located_in_registry"],
            sources=_sources(store, session), schematic=reading.is_schematic(run["notes"]),
        )
    return map_document(content, language=language, title_block=title_block)


def _roads(store: Store, session: Session) -> list[tuple[str, shapely.Geometry]]:
    found = layers.find(store, session, ROADS)
    if not found:
        return []
    frame = read_vector(found[0].folder / ROADS_FILE, max_mb=2**20, expected="roads")
    return list(zip(frame["road_class"], frame.geometry, strict=True))


def _gaps(session: Session, run_id: str, threshold_id: str, unit: str) -> list[dict[str, Any]]:
    rows = select_gaps(session, GapQuery(run_id=run_id, threshold=threshold_id), limit=_MOST_GAPS_DRAWN)
    codes = sorted({row.area_code for row in rows if row.area_code})
    names = {area.code: area.name for area in areas.find(session, AreaQuery(codes=codes))}
    return [reading.gap_feature(row, names, unit) for row in rows]


def _sources(store: Store, session: Session) -> list[str]:
    found = [area.source for area in areas.find(session, AreaQuery(has_geometry=True), limit=1)]
    found += [layer.source for kind in (ROADS, POPULATION) for layer in layers.find(store, session, kind)]
    return [source for source in found if source]


def write_map(
    store: Store, service_id: str, target: Path, *, threshold_id: str | None = None, language: str = "zh"
) -> Path:
    """Write a map as one file; a file that is already the same is left alone.

    Raises
    ------
    ServiceNotFound, RunNotFound
    StoreError
        If the file cannot be written.
    """
    text = single_file(map_of(store, service_id, threshold_id=threshold_id, language=language, title_block=True))
    try:
        if target.is_file() and target.read_text(encoding="utf-8") == text:
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(target)
    except OSError as error:
        raise StoreError(f"the map cannot be written to {target}: {error}") from error
    return target


__all__ = ["map_of", "page_parts", "write_map"]
