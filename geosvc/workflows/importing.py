"""Bringing files in: each import takes effect as a whole or not at all."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from geosvc.coverage import services
from geosvc.coverage.services import read_services
from geosvc.coverage.services import save as save_service
from geosvc.coverage.tree import study_bbox
from geosvc.errors import RefusedRows, UnreadableFile
from geosvc.geo.files import check_file, sha256_of
from geosvc.geo.raster import RASTER_SUFFIXES
from geosvc.registry import areas, facilities, layers
from geosvc.registry.imports import areas as area_files
from geosvc.registry.imports import layers as layer_files
from geosvc.registry.imports.areas import PeopleOptions
from geosvc.registry.imports.barriers import prepare_barriers
from geosvc.registry.imports.facilities import EXPECTED, FacilityOptions, read_facilities, store_facilities
from geosvc.registry.imports.refused_rows import check_target, write_refused
from geosvc.registry.imports.report import ImportReport
from geosvc.registry.imports.tables import read_table
from geosvc.registry.moments import now
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery
from geosvc.store.study import ImportRow
from geosvc.travel.conditions import condition_words
from geosvc.workflows.duplicates import suspected_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.errors import Refusal
    from geosvc.geo.crs import BBox
    from geosvc.registry.facilities import Facility, Registered
    from geosvc.registry.imports.facilities import Told
    from geosvc.settings import Settings
    from geosvc.store.engine import Session, Store

_DIFFERENCES_SHOWN = 20
_ASKED_AT_ONCE = 500


def import_facilities(
    store: Store, path: Path, options: FacilityOptions, settings: Settings, *, refused_to: Path | None = None
) -> ImportReport:
    """Register the facilities of a file.

    Parameters
    ----------
    store : Store
    path : Path
    options : FacilityOptions
    settings : Settings
    refused_to : Path, optional
        Where refused rows are written, in the form of the file and with their reasons (.csv, .xlsx).

    Raises
    ------
    RefusedRows
        With every row that cannot be taken, unless ``skip_bad``; nothing is stored then.
    """
    found, report = _read(path, options, refused_to)
    try:
        _refuse_unless(options.skip_bad, report)
        _note_outside([each.facility for each in found], _study_bbox(store), report)
        with store.writing() as session:
            origin = _begin(session, report, [path], settings)
            store_facilities(
                session, found, report, author=settings.author, origin=origin, skip_bad=options.skip_bad)
            _end(session, report, origin)
    except RefusedRows as error:
        _hand_back(path, error.refusals, options, refused_to)
        raise
    _hand_back(path, report.refusals, options, refused_to, report)
    return report


def _refuse_unless(skip_bad: bool, report: ImportReport) -> None:
    if report.refusals and not skip_bad:
        raise RefusedRows(report.file_name, report.refusals)


class _RehearsedError(Exception):
    """Ends a dry run: what was written goes back."""


def preview_facilities(
    store: Store, path: Path, options: FacilityOptions, settings: Settings, *, refused_to: Path | None = None
) -> ImportReport:
    """Say what :func:`import_facilities` would do, and which duplicates it would make; nothing is stored.

    The import is carried out in full and undone before it takes effect, so that it cannot say
    anything else than the import itself.
    """
    found, report = _read(path, options, refused_to)
    report.dry_run = True
    _note_outside([each.facility for each in found], _study_bbox(store), report)
    with contextlib.suppress(_RehearsedError), store.writing() as session:
        before = dict(facilities.marks(session, FacilityQuery()))
        store_facilities(session, found, report, author=settings.author, origin="dry-run", skip_bad=True)
        session.flush()
        after = dict(facilities.marks(session, FacilityQuery()))
        _tell_differences(session, before, after, report)
        report.duplicates = suspected_of(session, after.keys() - before.keys())
        raise _RehearsedError
    for where in ("file", "registry"):
        report.figures[f"suspected_duplicates_in_{where}"] = sum(each["with"] == where for each in report.duplicates)
    if report.refusals and not options.skip_bad:
        report.notes.append("rows are refused: without --skip-bad the import would store nothing")
    _hand_back(path, report.refusals, options, refused_to, report)
    return report


def _tell_differences(session: Session, before: dict[int, int], after: dict[int, int], report: ImportReport) -> None:
    """Say which fields of which facilities change; of the first ones from what to what."""
    changed = [number for number in sorted(before.keys() & after.keys()) if before[number] != after[number]]
    was = {each.id: asdict(each.facility) for each in _at(session, [before[number] for number in changed])}
    fields: Counter[str] = Counter()
    for each in _at(session, [after[number] for number in changed]):
        differing = {name: [was[each.id][name], value] for name, value in asdict(each.facility).items() if value != was[each.id][name]}
        fields.update(differing.keys())
        if len(report.differences) < _DIFFERENCES_SHOWN:
            report.differences.append({"id": each.id, "name": was[each.id]["name"], "fields": differing})
    report.figures["changed_fields"] = dict(fields.most_common())


def _at(session: Session, revisions: Sequence[int]) -> list[Registered]:
    return [
        each for start in range(0, len(revisions), _ASKED_AT_ONCE)
        for each in facilities.at_revisions(session, revisions[start : start + _ASKED_AT_ONCE])
    ]


def _read(path: Path, options: FacilityOptions, refused_to: Path | None) -> tuple[list[Told], ImportReport]:
    """Read all rows, the refused ones listed."""
    if refused_to is not None:
        check_target(refused_to, path)
    return read_facilities(path, replace(options, skip_bad=True))


def _hand_back(
    path: Path, refusals: Sequence[Refusal], options: FacilityOptions, refused_to: Path | None, report: ImportReport | None = None
) -> None:
    """Write the refused rows, if there are any and somebody wants them."""
    if refused_to is None or not refusals:
        return
    table = read_table(path, max_mb=options.max_mb, expected=EXPECTED, layer=options.layer, crs=options.crs)
    write_refused(refused_to, table, refusals, source=path, sheet=options.layer)
    if report is not None:
        report.notes.append(f"{len({each.row for each in refusals})} refused rows are in {refused_to}: correct and import them")


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
