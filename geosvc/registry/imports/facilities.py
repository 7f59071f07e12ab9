"""Facilities from a table or a map file."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shapely import Point

from geosvc.errors import InvalidInput, Refusal, RefusedRows
from geosvc.geo.crs import distance_m
from geosvc.geo.files import sidecar_of
from geosvc.registry import facilities as registry
from geosvc.registry.classes import class_of, facility_classes
from geosvc.registry.facilities import Facility, PositionMethod, State
from geosvc.registry.imports.positions import number_of, position_of
from geosvc.registry.imports.report import ImportReport
from geosvc.registry.imports.tables import Row, Table, plain, read_table
from geosvc.store.facilities import FacilityQuery

if TYPE_CHECKING:
    from pathlib import Path

    from geosvc.store.engine import Session

EXPECTED = "a table of facilities (CSV, spreadsheet, GeoJSON, GeoPackage or Shapefile)"
UNCLASSIFIED = "X999"
NAMELESS = "（未命名）"
_STATES = {"运营": "operating", "正常": "operating", "营业": "operating", "停业": "suspended",
           "关闭": "closed", "注销": "closed", "规划": "planned", "在建": "planned"}
_TRUE = ("true", "1", "yes", "是", "示例")


@dataclass(frozen=True, kw_only=True)
class FacilityOptions:
    """How to read a file of facilities.

    ``datum`` is asked for, never guessed; ``without_positions`` says that the file is known
    to have no coordinates and that its facilities are to be located; ``skip_bad`` takes the
    good rows and reports the others.
    """

    datum: str | None = None
    layer: str | None = None
    crs: str | None = None
    default_class: str | None = None
    without_positions: bool = False
    skip_bad: bool = False
    max_mb: int = 1024


def read_facilities(path: Path, options: FacilityOptions) -> tuple[list[Facility], ImportReport]:
    """Return the facilities of a file and what to know about it; nothing is stored.

    Raises
    ------
    RefusedRows
        With every row that cannot be taken, unless ``skip_bad``.
    InvalidInput
        If the file as a whole cannot be used.
    """
    table = read_table(path, max_mb=options.max_mb, expected=EXPECTED, layer=options.layer, crs=options.crs)
    told = sidecar_of(path)
    _check_columns(table, path, options)
    report = ImportReport(kind="facilities", file_name=path.name)
    if table.read_as:
        report.notes.append(table.read_as)
    if table.unused:
        report.notes.append(f"columns not used: {', '.join(table.unused)}")
    reader = _RowReader(table, options, told.get("crs"), told.get("source"))
    good: list[Facility] = []
    for row in table.rows:
        try:
            good.append(reader.facility(row))
        except InvalidInput as error:
            report.refusals.append(Refusal(row.number, None, None, str(error)))
    if report.refusals and not options.skip_bad:
        raise RefusedRows(path.name, report.refusals)
    report.notes += reader.notes()
    report.figures["to_be_located"] = sum(not each.located for each in good)
    return good, report


def _check_columns(table: Table, path: Path, options: FacilityOptions) -> None:
    has_position = table.has_geometry or {"longitude", "latitude"} <= table.columns.keys()
    if not has_position and not options.without_positions:
        missing = [name for name in ("longitude", "latitude") if name not in table.columns]
        raise InvalidInput(
            f"{path.name} has no column for {' and '.join(missing)} (it has: "
            f"{', '.join(table.columns.values()) or 'no known column'}); expected headers such as "
            "longitude/经度 and latitude/纬度; if the positions are not known, import with "
            "--without-positions and the facilities are listed as to be located"
        )
    if "name" not in table.columns:
        raise InvalidInput(
            f"{path.name} has no column for the name (such as name/机构名称); it has: "
            f"{', '.join(list(table.columns.values()) + table.unused)}"
        )
    if not {"class_code", "class_word"} & table.columns.keys() and not options.default_class:
        raise InvalidInput(
            f"{path.name} has no column for the class (such as class_code/机构类别); add it, or give "
            "all rows one class with --class (for example --class D600 for village clinics)"
        )


class _RowReader:
    """Turns rows into facilities and counts what a reader should know."""

    def __init__(self, table: Table, options: FacilityOptions, told_crs: str | None, source: str | None) -> None:
        self._table = table
        self._options = options
        # A map file says its system itself and arrives in degrees.
        self._datum = "WGS84" if table.has_geometry else (options.datum or told_crs)
        self._source = source
        self._unknown_words: Counter[str] = Counter()
        self._converted: Counter[str] = Counter()
        self._nameless = 0

    def facility(self, row: Row) -> Facility:
        """Return the facility of a row, or raise InvalidInput."""
        cells = row.cells
        klass = self._class(cells)
        name = cells.get("name", "")
        if not name:
            if not self._table.has_geometry:
                raise InvalidInput("the name is empty; every facility needs one")
            # Map data often lacks names; the place is real, so it is kept and counted.
            self._nameless += 1
            name = f"{NAMELESS}{facility_classes()[klass].zh}"
        facility = Facility(
            name=name,
            class_code=klass,
            short_name=cells.get("short_name") or None,
            level=cells.get("level") or None,
            grade=cells.get("grade") or None,
            ownership=cells.get("ownership") or None,
            state=self._state(plain(cells.get("state", ""))),
            opened_on=cells.get("opened_on") or None,
            address=cells.get("address") or None,
            area_code=plain(cells.get("area_code", "")) or None,
            identifiers=_identifiers(cells),
            beds=_beds(cells),
            contact={"telephone": cells["telephone"]} if cells.get("telephone") else {},
            illustrative=cells.get("illustrative", "").lower() in _TRUE,
            source=cells.get("source") or self._source,
            note=cells.get("note") or None,
        )
        return self._placed(facility, row)

    def _class(self, cells: dict[str, str]) -> str:
        words = [cells.get("class_code", ""), cells.get("class_word", "")]
        for word in filter(None, words):
            try:
                return class_of(word).code
            except InvalidInput:
                continue
        if self._options.default_class and not any(words):
            return class_of(self._options.default_class).code
        self._unknown_words[next(filter(None, words), "(empty)")] += 1
        return UNCLASSIFIED

    def _state(self, text: str) -> str:
        if not text:
            return State.OPERATING
        return _STATES.get(text, text.lower())

    def _placed(self, facility: Facility, row: Row) -> Facility:
        cells = row.cells
        method = plain(cells.get("coordinate_method", "")).lower().replace(" ", "_")
        if row.geometry is not None:
            point = row.geometry if isinstance(row.geometry, Point) else row.geometry.representative_point()
            return replace(
                facility, lon=float(point.x), lat=float(point.y), raw_x=repr(point.x), raw_y=repr(point.y),
                raw_datum="WGS84", position_method=method or PositionMethod.UNKNOWN,
                position_source=cells.get("coordinate_source") or self._source,
            )
        position = position_of(cells, self._datum)
        if position is None:
            return facility
        if (position.lon, position.lat) != (number_of(cells["longitude"], ""), number_of(cells["latitude"], "")):
            self._converted[position.datum] += 1
        return replace(
            facility, lon=position.lon, lat=position.lat, raw_x=cells["longitude"], raw_y=cells["latitude"],
            raw_datum=position.datum,
            position_method=method or PositionMethod.UNKNOWN,
            position_source=cells.get("coordinate_source") or None,
        )

    def notes(self) -> list[str]:
        """Return what was counted on the way, as sentences."""
        notes = [
            f"{count} positions converted from {datum} to degrees of WGS 84; the file's own numbers are kept beside them"
            for datum, count in sorted(self._converted.items())
        ]
        for word, count in sorted(self._unknown_words.items()):
            notes.append(f"{count} of class {word!r}, which the code list does not know: registered as {UNCLASSIFIED} 未分类")
        if self._nameless:
            notes.append(f"{self._nameless} without a name: registered as {NAMELESS} and their class")
        return notes


def _identifiers(cells: dict[str, str]) -> list[dict[str, str]]:
    schemes = {"identifier": "uscc", "licence_number": "licence", "local_id": "local"}
    return [
        {"scheme": scheme, "value": plain(cells[column])} for column, scheme in schemes.items() if cells.get(column)
    ]


def _beds(cells: dict[str, str]) -> list[dict[str, object]]:
    kinds = {"beds_authorised": ("authorised", None), "beds_actual": ("actual", None),
             "beds_planned_2025": ("planned", 2025)}
    beds: list[dict[str, object]] = []
    for column, (kind, year) in kinds.items():
        text = plain(cells.get(column, "")).replace(",", "")
        if not text:
            continue
        if not text.isdigit():
            raise InvalidInput(f"{column} must be a whole number of beds, got {text!r}")
        beds.append({"kind": kind, "year": year, "count": int(text)})
    return beds


def store_facilities(
    session: Session, facilities: list[Facility], report: ImportReport, *, author: str, origin: str
) -> None:
    """Register facilities, each as new or as what is now believed of one that is there."""
    existing = _Existing(session)
    for facility in facilities:
        found = existing.take(facility)
        _, change = registry.save(session, facility, facility_id=found, author=author, origin=origin)
        report.changes[change] += 1


class _Existing:
    """What is registered already, each facility to be matched once.

    An identifier decides; else name, class and area must be equal, and of several the nearest
    is taken. The same file imported again therefore meets itself.
    """

    def __init__(self, session: Session) -> None:
        self._by_identifier: defaultdict[tuple[str, str], list[registry.Registered]] = defaultdict(list)
        self._by_name: defaultdict[tuple[str, str, str | None], list[registry.Registered]] = defaultdict(list)
        self._taken: set[int] = set()
        for each in registry.find(session, FacilityQuery()):
            for pair in each.facility.identifiers:
                self._by_identifier[(pair["scheme"], pair["value"])].append(each)
            self._by_name[_name_key(each.facility)].append(each)

    def take(self, facility: Facility) -> int | None:
        # Two sites of one hospital may share its identifier: the one of the same name goes first.
        same_identifier = [
            each for pair in facility.identifiers for each in self._by_identifier[(pair["scheme"], pair["value"])]
        ]
        for candidates in (same_identifier, self._by_name[_name_key(facility)]):
            free = [each for each in candidates if each.id not in self._taken]
            if free:
                chosen = min(free, key=lambda each: (
                    _name_key(each.facility) != _name_key(facility), _apart_m(each.facility, facility), each.id))
                self._taken.add(chosen.id)
                return chosen.id
        return None


def _name_key(facility: Facility) -> tuple[str, str, str | None]:
    return (plain(facility.name), facility.class_code, facility.area_code)


def _apart_m(one: Facility, other: Facility) -> float:
    if one.lon is None or one.lat is None or other.lon is None or other.lat is None:
        return 0.0 if one.located == other.located else 1e9
    return distance_m(one.lon, one.lat, other.lon, other.lat)
