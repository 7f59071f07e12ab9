"""Areas from a boundary file or a table of divisions, and people from a table."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from geosvc.errors import InvalidInput, Refusal, RefusedRows
from geosvc.geo.files import sidecar_of
from geosvc.geo.vector import check_valid_shapes, read_vector
from geosvc.registry import areas as registry
from geosvc.registry import populations
from geosvc.registry.areas import Area
from geosvc.registry.imports.positions import count_of
from geosvc.registry.imports.report import ImportReport
from geosvc.registry.imports.tables import Row, plain, read_table
from geosvc.registry.layers import UNSAID, Provenance
from geosvc.registry.moments import AsOf
from geosvc.registry.populations import Population
from geosvc.store.areas import AreaQuery

if TYPE_CHECKING:
    from pathlib import Path

    from geosvc.store.engine import Session

EXPECTED_AREAS = "a boundary file (GeoJSON, GeoPackage, Shapefile) or a table of divisions (code, name, level)"
EXPECTED_PEOPLE = "a table of people by area (area_code, year, kind: resident or registered, people, status: census, survey or estimate, source)"
_LEVEL_OF_CODE_LENGTH = {2: "province", 4: "prefecture", 6: "county", 9: "township", 12: "village"}
_PEOPLE_COLUMNS = ("area_code", "year", "kind", "people", "status", "source")
_STATUS_WORDS = {"普查": "census", "推算": "estimate", "抽样": "survey", "示意": "schematic"}
_KIND_WORDS = {"常住": "resident", "户籍": "registered", "常住人口": "resident", "户籍人口": "registered"}
_SETTLEMENT_WORDS = {"城市": "urban", "城镇": "urban", "农村": "rural", "乡村": "rural"}
_REASONS_SHOWN = 3
_TRUE = ("true", "1", "yes", "是")
# Codes of the members of a zone in one cell; spreadsheets of the field use all of these.
_BETWEEN_CODES = re.compile(r"[\s,，;；、|]+")


def read_areas(
    path: Path, *, max_mb: int, level: str | None, layer: str | None = None, crs: str | None = None, provenance: Provenance = UNSAID
) -> tuple[list[Area], ImportReport]:
    """Return the areas of a file; nothing is stored. ``provenance`` holds for areas that do not say a source of their own.

    Raises
    ------
    RefusedRows, InvalidGeometry, InvalidInput, UnreadableFile, MissingCRS
    """
    table = read_table(path, max_mb=max_mb, expected=EXPECTED_AREAS, layer=layer, crs=crs)
    told = sidecar_of(path) | {name: value for name, value in vars(provenance).items() if value}
    if table.has_geometry:
        frame = read_vector(path, max_mb=max_mb, expected=EXPECTED_AREAS, layer=layer, crs=crs)
        check_valid_shapes(frame, path, label="areas")
    for needed in ("code", "name"):
        if needed not in table.columns and not (needed == "code" and "area_code" in table.columns):
            raise InvalidInput(
                f"{path.name} has no column for the {needed} of an area; it has: "
                f"{', '.join([*table.columns.values(), *table.unused])}; rename one of them to {needed!r}"
            )
    report = ImportReport(kind="areas", file_name=path.name)
    if table.read_as:
        report.notes.append(table.read_as)
    found: list[Area] = []
    seen: set[str] = set()
    for row in table.rows:
        try:
            area = _area(row, level, told)
        except InvalidInput as error:
            report.refusals.append(Refusal(row.number, None, None, str(error)))
            continue
        if area.code in seen:
            twice = "this code stands in the file twice; one area has one code"
            report.refusals.append(Refusal(row.number, "code", area.code, twice))
        seen.add(area.code)
        found.append(area)
    if report.refusals:
        raise RefusedRows(path.name, report.refusals)
    report.figures["without_polygon"] = sum(each.geometry is None for each in found)
    return found, report


def _area(row: Row, level: str | None, told: dict[str, Any]) -> Area:
    cells = row.cells
    code = plain(cells.get("code") or cells.get("area_code") or "")
    text_km2 = plain(cells.get("area_km2", ""))
    return Area(
        code=code,
        name=cells.get("name", ""),
        level=level or plain(cells.get("level", "")).lower() or _level_of(code),
        parent_code=plain(cells.get("parent_code", "")) or None,
        kind=cells.get("kind") or None,
        settlement_class=_settlement_class(plain(cells.get("settlement_class", ""))),
        published_km2=count_of(text_km2, "area_km2") if text_km2 else None,
        geometry=row.geometry,
        members=tuple(sorted({plain(each) for each in _BETWEEN_CODES.split(cells.get("members", "")) if each})),
        source=cells.get("source") or told.get("source"),
        licence=told.get("licence"),
        review_number=cells.get("review_number") or told.get("review_number") or None,
        schematic=cells.get("schematic", "").lower() in _TRUE or bool(told.get("schematic")),
    )


def _level_of(code: str) -> str:
    if code.isdigit() and len(code) in _LEVEL_OF_CODE_LENGTH:
        return _LEVEL_OF_CODE_LENGTH[len(code)]
    raise InvalidInput(
        f"the level of area {code!r} is not said; add a column level, or give one level to all with "
        f"--level ({', '.join(registry.LEVELS)})"
    )


def _settlement_class(text: str) -> str | None:
    """Return urban or rural for a word or a code of the statistical bureau (1xx town, 2xx country)."""
    if text.isdigit() and len(text) == 3 and text[0] in "12":
        return {"1": "urban", "2": "rural"}[text[0]]
    return _SETTLEMENT_WORDS.get(text, text.lower()) or None


def store_areas(
    session: Session, areas: list[Area], report: ImportReport, *, author: str, origin: str, valid_from: str | None = None
) -> None:
    """Register areas; a table without polygons leaves those that are there in place, and says so.

    Parameters
    ----------
    valid_from : str or None
        The day from which all of them are so; without it what is true today is corrected.

    Raises
    ------
    InvalidInput
        Naming all areas that cannot be taken, or that lie in a ring.
    """
    kept, refused = 0, []
    for area in areas:
        if area.geometry is None and not area.members:
            known = registry.find(session, AreaQuery(codes=[area.code], has_geometry=True, has_members=False, valid_at=valid_from))
            if known:
                kept += 1
                area = _with_polygon_of(area, known[0])  # noqa: PLW2901
        try:
            report.changes[registry.save(session, area, author=author, origin=origin, valid_from=valid_from)] += 1
        except InvalidInput as error:
            refused.append(str(error))
    if refused:
        raise InvalidInput(f"{len(refused)} areas cannot be taken, nothing was stored: {'; '.join(refused[:_REASONS_SHOWN])}")
    registry.refuse_rings(session, AsOf(valid_at=valid_from))
    _note_members(session, [area for area in areas if area.members], report, AsOf(valid_at=valid_from))
    if kept:
        report.notes.append(f"{kept} areas keep the polygon that they had: the table has none")


def _note_members(session: Session, zones: list[Area], report: ImportReport, as_of: AsOf) -> None:
    """Say which members of zones are not registered: who lives there is not counted among the people of the zone."""
    asked = registry.present_codes(session, [code for zone in zones for code in zone.members], as_of)
    known = {area.code for area in registry.find(session, AreaQuery(codes=asked, valid_at=as_of.valid_at))} if asked else set()
    if missing := [code for code in asked if code not in known]:
        report.notes.append(f"{len(missing)} members of zones are not registered as areas: {', '.join(missing[:5])}")


def _with_polygon_of(area: Area, known: Area) -> Area:
    """Return an area with the polygon that is registered, and what was said of that polygon."""
    return replace(
        area, geometry=known.geometry, schematic=known.schematic, review_number=area.review_number or known.review_number,
        source=known.source, licence=known.licence,
    )


@dataclass(frozen=True, kw_only=True)
class PeopleOptions:
    """What holds for all figures of a table that does not say it itself: year, kind, status, source."""

    year: int | None = None
    kind: str | None = None
    status: str | None = None
    source: str | None = None

    def as_cells(self) -> dict[str, str]:
        """Return what was said, by the name of its column."""
        return {name: str(value) for name, value in asdict(self).items() if value}


def read_people_table(path: Path, options: PeopleOptions, *, max_mb: int) -> tuple[list[Population], ImportReport]:
    """Return the figures of a table of people by area; nothing is stored.

    Raises
    ------
    RefusedRows, InvalidInput, UnreadableFile
    """
    table = read_table(path, max_mb=max_mb, expected=EXPECTED_PEOPLE)
    told = {name: str(value) for name, value in sidecar_of(path).items() if name in _PEOPLE_COLUMNS} | options.as_cells()
    missing = [name for name in _PEOPLE_COLUMNS if name not in table.columns and name not in told]
    if missing:
        cures = [f"--{name}" for name in missing if name in options.__dataclass_fields__]
        raise InvalidInput(
            f"{path.name} has no column for {', '.join(missing)}; expected {EXPECTED_PEOPLE}"
            + (f"; what holds for all rows can be said with {', '.join(cures)}" if cures else "")
            + "; a raster of people is a .tif, a list of points needs longitude and latitude"
        )
    report = ImportReport(kind="population", file_name=path.name)
    found = []
    for row in table.rows:
        try:
            found.append(_population({**told, **{name: text for name, text in row.cells.items() if text}}))
        except InvalidInput as error:
            report.refusals.append(Refusal(row.number, None, None, str(error)))
    if report.refusals:
        raise RefusedRows(path.name, report.refusals)
    return found, report


def _population(cells: dict[str, str]) -> Population:
    empty = [name for name in _PEOPLE_COLUMNS if not cells.get(name)]
    if empty:
        raise InvalidInput(f"{', '.join(empty)} is empty; every figure of people needs {', '.join(_PEOPLE_COLUMNS)}")
    kind, status = cells["kind"], cells["status"]
    groups = {
        name.removeprefix("people_"): count_of(text, name)
        for name, text in cells.items() if name.startswith("people_") and text
    }
    return Population(
        area_code=plain(cells["area_code"]), year=int(count_of(cells["year"], "year")),
        kind=_KIND_WORDS.get(kind, kind), people=count_of(cells["people"], "people"),
        status=_STATUS_WORDS.get(status, status), source=cells["source"], groups=groups,
        note=cells.get("note") or None,
    )


def store_people(session: Session, found: list[Population], report: ImportReport, *, author: str, origin: str) -> None:
    """Register figures of people; an area that is not registered is named in the notes."""
    known = {area.code for area in registry.find(session, AreaQuery())}
    unknown = sorted({each.area_code for each in found} - known)
    if unknown:
        report.notes.append(f"{len(unknown)} area codes are not registered as areas: {', '.join(unknown[:5])}")
    for each in found:
        report.changes[populations.save(session, each, author=author, origin=origin)] += 1

