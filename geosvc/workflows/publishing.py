"""Maps to hand over: gathered here, drawn by :mod:`geosvc.maps`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geosvc import __version__
from geosvc.coverage import services
from geosvc.coverage.changes import changes_from
from geosvc.errors import StoreError
from geosvc.maps.document import MapContent, assets_checksum, data_url, map_document
from geosvc.maps.numbers import stands_apart
from geosvc.registry import areas, layers, populations
from geosvc.registry.layers import POPULATION
from geosvc.registry.moments import day_of
from geosvc.store.areas import AreaQuery
from geosvc.store.runs import GapQuery, select_gaps
from geosvc.store.scope import inside
from geosvc.workflows import features, reading
from geosvc.workflows.base_layers import places_of, roads_of, water_of
from geosvc.workflows.run_files import counted_in, picture_of, picture_record_of
from geosvc.workflows.workspace import title_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.coverage.services import Service, Threshold
    from geosvc.registry.areas import Area
    from geosvc.registry.facilities import Registered
    from geosvc.registry.layers import Layer
    from geosvc.registry.populations import Population
    from geosvc.store.engine import Session, Store

_MOST_GAPS_DRAWN = 2000
# Raise it when a map of the same run says something else than before: a file that is there is drawn again.
_DRAWING = 3
# The fingerprint stands in the first lines of a map.
_HEAD = 2000


def map_of(
    store: Store, service_id: str | None, *, threshold_id: str | None = None, run_id: str | None = None,
    language: str = "zh", picture_address: str | None = None, title_block: bool,
) -> dict[str, Any]:
    """Return the document of a map.

    Parameters
    ----------
    threshold_id : str, optional
        The first limit unless named; where limits are for different people, none unless named.
    picture_address : str, optional
        Where a page finds the surface's picture; None puts it inside.

    Raises
    ------
    ServiceNotFound, RunNotFound
    """
    content = content_of(store, service_id, threshold_id=threshold_id, run_id=run_id, picture_address=picture_address)
    return map_document(content, language=language, title_block=title_block)


def content_of(
    store: Store, service_id: str | None, *, threshold_id: str | None = None, run_id: str | None = None,
    picture_address: str | None = None,
) -> MapContent:
    """Return everything that a map draws, whoever draws it: the browser (:func:`map_of`) or a sheet of paper.

    Raises
    ------
    ServiceNotFound, RunNotFound
    """
    with store.reading() as session:
        found = reading.run_of(session, service_id, run_id)
    record = picture_record_of(store, found)
    run = reading.run_record(store, found.id)
    service = services.service_from(run["parameters"]["service"])
    threshold = chosen_threshold(run, service, threshold_id)
    source = picture_address or data_url(picture_of(store, found)[0])
    with store.reading() as session:
        used, outlines = _facilities(session, run, service), _outlines(store, session, run)
        return MapContent(
            title=run["summary"]["title"] or title_of(session), service=service, threshold=threshold, run=run,
            areas=outlines, roads=roads_of(store, run), water=water_of(store, run), places=places_of(store, session, run, outlines),
            facilities=used,
            gaps=[] if threshold is None else _gaps(store, session, run["id"], threshold.id, service.shown_unit),
            picture={**record, "source": source},
            to_be_located=run["summary"]["facilities"]["to_be_located_in_registry"],
            sources=_sources(store, session, run, outlines), schematic=reading.is_schematic(run["notes"]),
            people_source=_people_source(store, session, run), data_dates=_data_dates(store, session, run, used),
        )


def chosen_threshold(run: dict[str, Any], service: Service, threshold_id: str | None) -> Threshold | None:
    """Return the limit that a map shows: the named one, else the first; None where no limit speaks for everybody.

    Raises
    ------
    ServiceNotFound
    """
    if threshold_id is None and stands_apart(run):
        return None
    return service.threshold(threshold_id)


def people_source(store: Store, run: dict[str, Any]) -> dict[str, Any]:
    """Return whose people a run counted: year, kind, status and source, None where that is not known."""
    with store.reading() as session:
        return _people_source(store, session, run)


def _people_source(store: Store, session: Session, run: dict[str, Any]) -> dict[str, Any]:
    layer = _layers_of_run(store, session, run).get(POPULATION)
    figure = _figure_of_everybody(session, run)
    told: dict[str, Any] = {"year": None, "kind": None, "status": None, "source": None}
    if figure is not None:
        told |= {"year": figure.year, "kind": figure.kind, "status": figure.status, "source": figure.source}
    if layer is not None:
        told |= {"year": layer.summary.get("year") or told["year"], "source": layer.source or told["source"]}
    return told


def _figure_of_everybody(session: Session, run: dict[str, Any]) -> Population | None:
    """Return the registered figure that is the total of a run, as it was known then; None if none is."""
    total = run["summary"]["people_total"]
    if total is None:
        return None
    known = populations.find(session, recorded_at=run["recorded"])
    same = [each for each in known if each.kind == "resident" and abs(each.people - total) < 0.5]
    return max(same, key=lambda each: each.year, default=None)


def _layers_of_run(store: Store, session: Session, run: dict[str, Any]) -> dict[str, Layer]:
    """Return the layers that a run was computed on, with what is said of them today; else as they were then."""
    used, then = run["inputs"]["layers"], run["recorded"] or run["created_at"]
    known = (*layers.find(store, session, recorded_at=then), *layers.find(store, session))
    return {layer.kind: layer for layer in known if used.get(layer.kind) == layer.sha256}


def _outlines(store: Store, session: Session, run: dict[str, Any]) -> list[Area]:
    """Return the areas with a polygon as they were for a run: its map never changes.

    A store of some areas shows these; where none of them has a polygon, what is above them.
    """
    times = reading.as_of_run(run)
    found = areas.find(session, AreaQuery(has_geometry=True, valid_at=times.valid_at, recorded_at=times.recorded_at))
    own = [area for area in found if inside(area.code, store.areas or ())]
    return own or found


def _data_dates(
    store: Store, session: Session, run: dict[str, Any], used: list[Registered]
) -> list[tuple[str, str]]:
    """Return (word, date) of the layers and the registry that a run rests on, by the day."""
    found = _layers_of_run(store, session, run)
    dates = [(f"layer_{kind}", layer.dated) for kind, layer in sorted(found.items()) if layer.dated]
    newest = max((each.recorded_at for each in used), default="")
    return [*dates, ("registry", day_of(newest))] if newest else dates


def _facilities(session: Session, run: dict[str, Any], service: Service) -> list[Registered]:
    """Return the facilities of a run as they were then, those of its scenario at their new place: the map of a run never changes."""
    used = set(run["summary"]["facilities"]["ids"])
    changes = changes_from(run["parameters"].get("changes", {}))
    return [each for each in counted_in(session, service, run["inputs"]["facilities"], changes) if each.id in used]


def _gaps(store: Store, session: Session, run_id: str, threshold_id: str, unit: str) -> list[dict[str, Any]]:
    rows = select_gaps(session, GapQuery(run_id=run_id, threshold=threshold_id), limit=_MOST_GAPS_DRAWN)
    names = reading.area_names(session, run_id, threshold_id)
    reader = features.reader_of(store, session, reading.run_of(session, None, run_id))
    return [features.gap_feature(row, names, unit, reader) for row in rows]


def _sources(store: Store, session: Session, run: dict[str, Any], outlines: Sequence[Area]) -> list[str]:
    """Return who made the outlines and the layers of a run, drawn or not, each once."""
    used = _layers_of_run(store, session, run)
    found = [*(area.source for area in outlines), *(used[kind].source for kind in layers.KINDS if kind in used)]
    return list(dict.fromkeys(source for source in found if source))


def write_map(
    store: Store, service_id: str, target: Path, *, threshold_id: str | None = None, run_id: str | None = None,
    language: str = "zh",
) -> Path:
    """Write a map as one file; a file that is already the same is left alone.

    Raises
    ------
    ServiceNotFound, RunNotFound
    StoreError
        If the file cannot be written.
    """
    mark = _fingerprint(store, service_id, threshold_id, run_id, language)
    try:
        if target.is_file() and mark in target.read_text(encoding="utf-8")[:_HEAD]:
            return target
        from geosvc.maps.figure import single_file  # noqa: PLC0415  Folium is slow to import

        document = map_of(
            store, service_id, threshold_id=threshold_id, run_id=run_id, language=language, title_block=True
        )
        text = single_file({**document, "fingerprint": mark})
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.partial")
        try:
            partial.write_text(text, encoding="utf-8")
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"the map cannot be written to {target}: {error}") from error
    return target


def _fingerprint(
    store: Store, service_id: str, threshold_id: str | None, run_id: str | None, language: str
) -> str:
    """Return what decides every byte of a map: its run, and the version and scripts that draw it."""
    with store.reading() as session:
        # A run found again for another time of the same inputs draws the same outlines; names and sources may differ.
        run = reading.run_record(store, reading.run_of(session, service_id, run_id).id)
        drawn = _outlines(store, session, run)
        outlines = areas.checksum_of(drawn)
        people = populations.checksum_of(populations.find(session, recorded_at=run["recorded"]))
        sources = _sources(store, session, run, drawn)
    named = [note["zh"] for note in run["notes"] if note["code"] == "scenario"]  # a scenario may be called otherwise tomorrow
    parts = [run["id"], threshold_id or "", language, __version__, str(_DRAWING), assets_checksum(), outlines, people, *sources, *named, *(store.areas or ())]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()
