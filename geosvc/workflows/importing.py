"""Bringing files in: each import takes effect as a whole or not at all."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from geosvc.coverage import services
from geosvc.coverage.services import read_services
from geosvc.coverage.services import save as save_service
from geosvc.coverage.tree import study_bbox
from geosvc.errors import UnreadableFile
from geosvc.geo.files import check_file, sha256_of
from geosvc.geo.raster import RASTER_SUFFIXES
from geosvc.registry import areas, layers
from geosvc.registry.imports import areas as area_files
from geosvc.registry.imports import layers as layer_files
from geosvc.registry.imports.areas import PeopleOptions
from geosvc.registry.imports.barriers import prepare_barriers
from geosvc.registry.imports.facilities import FacilityOptions, read_facilities, store_facilities
from geosvc.registry.imports.report import ImportReport
from geosvc.registry.imports.tables import read_table
from geosvc.registry.moments import now
from geosvc.store.areas import AreaQuery
from geosvc.store.study import ImportRow
from geosvc.travel.conditions import condition_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.geo.crs import BBox
    from geosvc.registry.facilities import Facility
    from geosvc.settings import Settings
    from geosvc.store.engine import Session, Store


def import_facilities(store: Store, path: Path, options: FacilityOptions, settings: Settings) -> ImportReport:
    """Register the facilities of a file."""
    found, report = read_facilities(path, options)
    _note_outside(found, _study_bbox(store), report)
    with store.writing() as session:
        origin = _begin(session, report, [path], settings)
        store_facilities(session, found, report, author=settings.author, origin=origin)
        _end(session, report, origin)
    return report


def _note_outside(found: Sequence[Facility], study: BBox | None, report: ImportReport) -> None:
    """Say how many positions lie outside the study area; a neighbour's hospital may well do."""
    if study is None:
        return
    west, south, east, north = study
    outside = [
        each.name for each in found
        if each.lon is not None and each.lat is not None and not (west <= each.lon <= east and south <= each.lat <= north)
    ]
    if outside:
        report.notes.append(
            f"{len(outside)} of {len(found)} positions lie outside the study area, the first is {outside[0]}: "
            "right for neighbours; if not, are longitude and latitude swapped, or is the datum another?"
        )


def import_areas(
    store: Store, path: Path, settings: Settings, *, level: str | None = None, layer: str | None = None,
    crs: str | None = None,
) -> ImportReport:
    """Register the areas of a boundary file or of a table of divisions."""
    found, report = area_files.read_areas(path, max_mb=settings.max_file_mb, level=level, layer=layer, crs=crs)
    with store.writing() as session:
        origin = _begin(session, report, [path], settings)
        area_files.store_areas(session, found, report, author=settings.author, origin=origin)
        _end(session, report, origin)
    return report


def import_population(
    store: Store, path: Path, settings: Settings, *, datum: str | None = None,
    options: PeopleOptions | None = None,
) -> ImportReport:
    """Register people: a raster, a table of points, or a table of figures by area."""
    options = options or PeopleOptions()
    check_file(path, max_mb=settings.max_file_mb, expected="people as a raster (.tif) or a table")
    if path.suffix.lower() not in RASTER_SUFFIXES and not _has_positions(path, settings):
        figures, report = area_files.read_people_table(path, options, max_mb=settings.max_file_mb)
        with store.writing() as session:
            origin = _begin(session, report, [path], settings)
            area_files.store_people(session, figures, report, author=settings.author, origin=origin)
            _end(session, report, origin)
        return report
    prepared = layer_files.prepare_population(
        path, max_mb=settings.max_file_mb, study_bbox=_study_bbox(store), datum=datum, year=options.year
    )
    return _store_layer(store, prepared, [path], settings)


def _has_positions(path: Path, settings: Settings) -> bool:
    table = read_table(path, max_mb=settings.max_file_mb, expected="people as a raster (.tif) or a table")
    return table.has_geometry or {"longitude", "latitude"} <= table.columns.keys()


def import_roads(
    store: Store, path: Path, settings: Settings, *, layer: str | None = None, crs: str | None = None
) -> ImportReport:
    """Put a road network in force."""
    prepared = layer_files.prepare_roads(
        path, max_mb=settings.max_file_mb, study_bbox=_study_bbox(store), layer=layer, crs=crs
    )
    return _store_layer(store, prepared, [path], settings)


def import_barriers(
    store: Store, path: Path, settings: Settings, *, layer: str | None = None, crs: str | None = None,
    without: Sequence[str] = (),
) -> ImportReport:
    """Put barriers in force: what stops people on foot and by bicycle."""
    prepared = prepare_barriers(
        path, max_mb=settings.max_file_mb, study_bbox=_study_bbox(store), conditions=condition_words(), layer=layer,
        crs=crs, without=without,
    )
    return _store_layer(store, prepared, [path], settings)


def import_elevation(store: Store, paths: Sequence[Path], settings: Settings) -> ImportReport:
    """Put an elevation model in force, of one or several tiles."""
    prepared = layer_files.prepare_elevation(paths, max_mb=settings.max_file_mb, study_bbox=_study_bbox(store))
    return _store_layer(store, prepared, paths, settings)


def import_landcover(store: Store, paths: Sequence[Path], settings: Settings) -> ImportReport:
    """Put land cover in force: one raster of classes, or one of percent per class."""
    prepared = layer_files.prepare_landcover(
        _in_folders(paths), max_mb=settings.max_file_mb, study_bbox=_study_bbox(store)
    )
    return _store_layer(store, prepared, paths, settings)


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
        origin = _begin(session, report, [path], settings)
        for service in declared:
            report.changes[save_service(session, service, author=settings.author)] += 1
        for service in declared:
            services.following(session, service)  # refuses a journey after it that cannot be made
        _end(session, report, origin)
    return report


def _study_bbox(store: Store) -> BBox | None:
    with store.reading() as session:
        return study_bbox(areas.find(session, AreaQuery(has_geometry=True)))


def _store_layer(
    store: Store, prepared: layer_files.Prepared, paths: Sequence[Path], settings: Settings
) -> ImportReport:
    layer, report = prepared.layer, prepared.report
    with contextlib.ExitStack() as stack:
        folder, sha256 = stack.enter_context(layers.files_of(store, prepared.kind, prepared.write))
        session = stack.enter_context(store.writing())
        kept = layers.Layer(**{**layer.__dict__, "folder": folder, "sha256": sha256})
        origin = _begin(session, report, paths, settings)
        report.changes[layers.save(session, kept, author=settings.author)] += 1
        _end(session, report, origin)
    return report


def _begin(session: Session, report: ImportReport, paths: Sequence[Path], settings: Settings) -> str:
    checksums = [sha256_of(path) for path in _in_folders(paths)]
    row = ImportRow(
        kind=report.kind, file_name=report.file_name, sha256=" ".join(checksums), at=now(),
        author=settings.author, report={},
    )
    session.add(row)
    session.flush()
    return f"import:{row.id}"


def _end(session: Session, report: ImportReport, origin: str) -> None:
    row = session.get(ImportRow, int(origin.removeprefix("import:")))
    if row is None:
        return
    if not report.changes["new"] + report.changes["changed"]:
        session.delete(row)  # a file that changed nothing leaves no trace
        return
    row.report = report.as_dict()
