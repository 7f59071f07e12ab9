"""Bringing files in: each import takes effect as a whole or not at all."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from geosvc.coverage import services
from geosvc.coverage.services import read_services
from geosvc.coverage.services import save as save_service
from geosvc.coverage.tree import study_bbox
from geosvc.errors import UnreadableFile
from geosvc.geo.files import check_file
from geosvc.geo.raster import RASTER_SUFFIXES
from geosvc.registry import areas, layers
from geosvc.registry.imports import areas as area_files
from geosvc.registry.imports import layers as layer_files
from geosvc.registry.imports.areas import PeopleOptions
from geosvc.registry.imports.barriers import prepare_barriers
from geosvc.registry.imports.report import ImportReport
from geosvc.registry.imports.tables import read_table
from geosvc.registry.layers import UNSAID, Provenance
from geosvc.registry.moments import day_told
from geosvc.store.areas import AreaQuery
from geosvc.travel.conditions import condition_words
from geosvc.workflows.batches import begin, end
from geosvc.workflows.facility_imports import import_facilities, preview_facilities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.geo.crs import BBox
    from geosvc.settings import Settings
    from geosvc.store.engine import Store

__all__ = [
    "Provenance",
    "import_areas", "import_barriers", "import_elevation", "import_facilities", "import_landcover", "import_population", "import_roads",
    "import_services", "preview_facilities",
]


_NO_SOURCE = "nobody is named who made the data, so maps cannot credit them: import again with --source (and --licence, --dated), or say it in FILE.meta.json"


def import_areas(
    store: Store, path: Path, settings: Settings, *, level: str | None = None, layer: str | None = None,
    crs: str | None = None, valid_from: str | None = None, provenance: Provenance = UNSAID,
) -> ImportReport:
    """Register the areas of a boundary file or of a table of divisions.

    ``valid_from`` is the day from which they are so; without it what is true today is corrected. ``provenance``
    holds for areas that do not say a source of their own.

    Raises
    ------
    RefusedRows, InvalidGeometry, InvalidInput, UnreadableFile, MissingCRS
    """
    from_day = None if valid_from is None else day_told(valid_from, "valid_from")
    found, report = area_files.read_areas(path, max_mb=settings.max_file_mb, level=level, layer=layer, crs=crs, provenance=provenance)
    with store.writing() as session:
        origin = begin(session, report, [path], author=settings.author)
        area_files.store_areas(session, found, report, author=settings.author, origin=origin, valid_from=from_day)
        end(session, report)
    return report


def import_population(
    store: Store, path: Path, settings: Settings, *, datum: str | None = None,
    options: PeopleOptions | None = None, provenance: Provenance = UNSAID,
) -> ImportReport:
    """Register people: a raster, a table of points, or a table of figures by area (``options`` say their source)."""
    options = options or PeopleOptions()
    check_file(path, max_mb=settings.max_file_mb, expected="people as a raster (.tif) or a table")
    if path.suffix.lower() not in RASTER_SUFFIXES and not _has_positions(path, settings):
        figures, report = area_files.read_people_table(path, options, max_mb=settings.max_file_mb)
        with store.writing() as session:
            origin = begin(session, report, [path], author=settings.author)
            area_files.store_people(session, figures, report, author=settings.author, origin=origin)
            end(session, report)
        return report
    prepared = layer_files.prepare_population(
        path, max_mb=settings.max_file_mb, study_bbox=_study_bbox(store), datum=datum, year=options.year
    )
    return _store_layer(store, prepared, [path], settings, replace(provenance, source=provenance.source or options.source))


def _has_positions(path: Path, settings: Settings) -> bool:
    table = read_table(path, max_mb=settings.max_file_mb, expected="people as a raster (.tif) or a table")
    return table.has_geometry or {"longitude", "latitude"} <= table.columns.keys()


def import_roads(
    store: Store, path: Path, settings: Settings, *, layer: str | None = None, crs: str | None = None, provenance: Provenance = UNSAID
) -> ImportReport:
    """Put a road network in force."""
    prepared = layer_files.prepare_roads(
        path, max_mb=settings.max_file_mb, study_bbox=_study_bbox(store), layer=layer, crs=crs
    )
    return _store_layer(store, prepared, [path], settings, provenance)


def import_barriers(
    store: Store, path: Path, settings: Settings, *, layer: str | None = None, crs: str | None = None,
    without: Sequence[str] = (), provenance: Provenance = UNSAID,
) -> ImportReport:
    """Put barriers in force: what stops people on foot and by bicycle."""
    prepared = prepare_barriers(
        path, max_mb=settings.max_file_mb, study_bbox=_study_bbox(store), conditions=condition_words(of_barriers=True), layer=layer,
        crs=crs, without=without,
    )
    return _store_layer(store, prepared, [path], settings, provenance)


def import_elevation(store: Store, paths: Sequence[Path], settings: Settings, *, provenance: Provenance = UNSAID) -> ImportReport:
    """Put an elevation model in force, of one or several tiles."""
    prepared = layer_files.prepare_elevation(paths, max_mb=settings.max_file_mb, study_bbox=_study_bbox(store))
    return _store_layer(store, prepared, paths, settings, provenance)


def import_landcover(store: Store, paths: Sequence[Path], settings: Settings, *, provenance: Provenance = UNSAID) -> ImportReport:
    """Put land cover in force: one raster of classes, or one of percent per class."""
    prepared = layer_files.prepare_landcover(
        _in_folders(paths), max_mb=settings.max_file_mb, study_bbox=_study_bbox(store)
    )
    return _store_layer(store, prepared, paths, settings, provenance)


def _in_folders(paths: Sequence[Path]) -> list[Path]:
    """Replace a folder by the rasters in it: fractions come as one file per class."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(each for each in path.iterdir() if each.suffix.lower() in RASTER_SUFFIXES) if path.is_dir() else [path]
        if not inside:
            raise UnreadableFile(f"{path} is a folder without a raster; expected land cover as .tif")
        found += inside
    return found


def import_services(store: Store, path: Path, settings: Settings) -> ImportReport:
    """Declare the services of a TOML file."""
    check_file(path, max_mb=settings.max_file_mb, expected="services declared in TOML ([[service]] tables)")
    declared = read_services(path)
    report = ImportReport(kind="services", file_name=path.name)
    with store.writing() as session:
        begin(session, report, [path], author=settings.author)
        for service in declared:
            report.changes[save_service(session, service, author=settings.author)] += 1
        for service in declared:
            services.following(session, service)  # refuses a journey after it that cannot be made
        end(session, report)
    return report


def _study_bbox(store: Store) -> BBox | None:
    with store.reading() as session:
        return study_bbox(areas.find(session, AreaQuery(has_geometry=True)))


def _store_layer(
    store: Store, prepared: layer_files.Prepared, paths: Sequence[Path], settings: Settings, provenance: Provenance
) -> ImportReport:
    said = {name: value for name, value in vars(provenance).items() if value}
    layer, report = replace(prepared.layer, **said), prepared.report
    if layer.source is None:
        report.notes.append(_NO_SOURCE)
    with contextlib.ExitStack() as stack:
        folder, sha256 = stack.enter_context(layers.files_of(store, prepared.kind, prepared.write))
        session = stack.enter_context(store.writing())
        kept = replace(layer, folder=folder, sha256=sha256)
        begin(session, report, _in_folders(paths), author=settings.author)
        report.changes[layers.save(session, kept, author=settings.author)] += 1
        end(session, report)
    return report
