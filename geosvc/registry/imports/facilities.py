"""Facilities from a table or a map file."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from shapely import Point

from geosvc.errors import InvalidInput, Refusal, RefusedRows, TooLarge
from geosvc.geo.datums import CGCS2000, WGS84, to_wgs84
from geosvc.geo.files import sidecar_of
from geosvc.registry.classes import class_of, facility_classes
from geosvc.registry.exports import cells as written
from geosvc.registry.exports.cells import code_of, tidy, unguarded
from geosvc.registry.exports.columns import SAME_DEGREES, SCHEMES, split_contact, split_identifiers
from geosvc.registry.facilities import Facility, PositionMethod, State
from geosvc.registry.imports.codes import check_undamaged
from geosvc.registry.imports.headers import FACILITY_FIELDS, check_mapping
from geosvc.registry.imports.positions import datum_of, number_of, position_of
from geosvc.registry.imports.report import ImportReport
from geosvc.registry.imports.row_areas import with_areas
from geosvc.registry.imports.source_rows import translated
from geosvc.registry.imports.tables import Row, Table, plain, read_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from geosvc.registry.area_names import KnownAreas

EXPECTED = "a table of facilities (CSV, spreadsheet, GeoJSON, GeoPackage or Shapefile)"
UNCLASSIFIED = "X999"
NAMELESS = "（未命名）"
_STATES = {"运营": "operating", "正常": "operating", "营业": "operating", "停业": "suspended",
           "关闭": "closed", "注销": "closed", "规划": "planned", "在建": "planned"}
_TRUE = ("true", "1", "yes", "是", "示例")
_CODES = ("area_code", "identifier", "licence_number", "local_id")
_PLACE = ("longitude", "latitude")
# Columns of one figure each: which entry of the group the figure is.
_BEDS: dict[str, dict[str, Any]] = {
    "beds_authorised": {"kind": "authorised", "year": None}, "beds_actual": {"kind": "actual", "year": None},
    "beds_planned_2025": {"kind": "planned", "year": 2025},
}
_STAFF: dict[str, dict[str, Any]] = {name: {"cadre": name.removeprefix("staff_")} for name in FACILITY_FIELDS if name.startswith("staff_")}
_AMOUNT = re.compile(r"(\d+) ?[张人名]?")


@dataclass(frozen=True, kw_only=True)
class FacilityOptions:
    """How to read a file of facilities.

    ``datum`` is asked for, never guessed; ``without_positions`` says that the file is known
    to have no coordinates and that its facilities are to be located; ``skip_bad`` takes the
    good rows and reports the others, those that wait for an answer too. ``mapping`` says of a header
    which field it is ("" to leave it out), ``source_types`` of a word in the class column which class
    it means; what they do not name is guessed as ever. ``answers`` say of a row, by its number, which
    facility it is: its id, or ``new``. ``source`` names whose file it is, where several have the same headers.
    ``most_rows`` is how many rows are taken at once.
    """

    datum: str | None = None
    layer: str | None = None
    crs: str | None = None
    default_class: str | None = None
    without_positions: bool = False
    skip_bad: bool = False
    max_mb: int = 1024
    mapping: Mapping[str, str] = field(default_factory=dict)
    source_types: Mapping[str, str] = field(default_factory=dict)
    answers: Mapping[int, int | str] = field(default_factory=dict)
    source: str = ""
    most_rows: int | None = None

    def __post_init__(self) -> None:
        """Refuse a mapping or classes that cannot be."""
        check_mapping(self.mapping)
        for code in (*self.source_types.values(), *([self.default_class] if self.default_class else [])):
            class_of(code)


@dataclass(frozen=True, kw_only=True)
class Told:
    """What one row says.

    ``facility`` is what it would register as a new facility; :meth:`upon` is what it makes of
    one that is registered, where a column that the file lacks keeps what is there.
    ``facility_id`` and ``mark`` name a facility of a registry; ``complete`` is False where the
    row can only be told of one that is registered.
    """

    facility: Facility
    row: Row
    facility_id: int | None = None
    mark: str | None = None
    complete: bool = True
    read: Callable[[Row, Facility | None], Facility]

    def upon(self, current: Facility) -> Facility:
        """Return what the registered facility is after this row."""
        return self.read(self.row, current)


def read_facilities(path: Path, options: FacilityOptions, known: KnownAreas | None = None) -> tuple[list[Told], ImportReport]:
    """Return the facilities of a file and what to know about it; nothing is stored.

    Parameters
    ----------
    path : Path
    options : FacilityOptions
    known : KnownAreas, optional
        The areas that rows may name; without them codes are taken as they stand.

    Raises
    ------
    RefusedRows
        With every row that cannot be taken, unless ``skip_bad``.
    InvalidInput
        If the file as a whole cannot be used.
    """
    table = table_of(path, options)
    check_rows(path, len(table.rows), options.most_rows)
    told = sidecar_of(path)
    _check_columns(table, path, options)
    report = ImportReport(kind="facilities", file_name=path.name, headers=table.headers)
    if table.read_as:
        report.notes.append(table.read_as)
    if table.unused:
        report.notes.append(f"columns not used: {', '.join(table.unused)}")
    table = translated(table, report, options.source_types)
    if known is not None:
        table = with_areas(table, known, report)
    reader = _RowReader(table, options, told.get("crs"), told.get("source"))
    good: list[Told] = []
    for row in table.rows:
        try:
            good.append(reader.told(row))
        except InvalidInput as error:
            report.refusals.append(Refusal(row.number, None, None, str(error)))
    if report.refusals and not options.skip_bad:
        raise RefusedRows(path.name, report.refusals)
    report.notes += reader.notes()
    report.figures["to_be_located"] = sum(not each.facility.located for each in good)
    return good, report


def table_of(path: Path, options: FacilityOptions) -> Table:
    """Return the rows of a file, in the words of the file."""
    return read_table(
        path, max_mb=options.max_mb, expected=EXPECTED, layer=options.layer, crs=options.crs, mapping=options.mapping)


def check_rows(path: Path, rows: int, most: int | None) -> None:
    """Refuse a table with more rows than are taken at once.

    Raises
    ------
    TooLarge
    """
    if most is not None and rows > most:
        raise TooLarge(f"{path.name} has {rows:,} rows; at most {most:,} are taken at once; split the file, or import it on the command line")


def _check_columns(table: Table, path: Path, options: FacilityOptions) -> None:
    by_id = "facility_id" in table.columns
    has_position = table.has_geometry or {*_PLACE} <= table.columns.keys()
    known_to_lack = options.without_positions or (by_id and not {*_PLACE} & table.columns.keys())
    if not has_position and not known_to_lack:
        missing = [name for name in _PLACE if name not in table.columns]
        raise InvalidInput(
            f"{path.name} has no column for {' and '.join(missing)} (it has: "
            f"{', '.join(table.columns.values()) or 'no known column'}); expected headers such as "
            "longitude/经度 and latitude/纬度; if the positions are not known, import with "
            "--without-positions and the facilities are listed as to be located"
        )
    if "name" not in table.columns and not by_id:
        raise InvalidInput(
            f"{path.name} has no column for the name (such as name/机构名称); it has: "
            f"{', '.join(list(table.columns.values()) + table.unused)}"
        )
    if not {"class_code", "class_word"} & table.columns.keys() and not options.default_class and not by_id:
        raise InvalidInput(
            f"{path.name} has no column for the class (such as class_code/机构类别); add it, or give "
            "all rows one class with --class (for example --class D600 for village clinics)"
        )


class _Place(NamedTuple):
    """Where a row puts a facility, and how the row itself says it."""

    lon: float
    lat: float
    x: str
    y: str
    datum: str


class _RowReader:
    """Turns rows into facilities and counts what a reader should know."""

    def __init__(self, table: Table, options: FacilityOptions, told_crs: str | None, source: str | None) -> None:
        self._table = table
        self._columns = table.columns.keys()
        self._options = options
        # A map file says its system itself and arrives in degrees.
        self._datum = "WGS84" if table.has_geometry else (options.datum or told_crs)
        self._source = source
        self._unknown_words: Counter[str] = Counter()
        self._converted: Counter[str] = Counter()
        self._nameless = 0
        self._row_of_id: dict[tuple[int, str | None], int] = {}

    def told(self, row: Row) -> Told:
        """Return what a row says, or raise InvalidInput."""
        facility_id, mark = self._identity(row)
        told_class = {"class_code", "class_word"} & self._columns or self._options.default_class
        complete = "name" in self._columns and bool(told_class)
        # Of a file that lacks columns every row must name its facility; the rest of the row is checked on a stand-in.
        stand_in = None if complete else Facility(name=NAMELESS, class_code=UNCLASSIFIED)
        if not complete and facility_id is None:
            raise InvalidInput("a new facility (without 机构编号) needs a name and a class; the file has no column for them")
        facility = self._facility(row, stand_in)
        self._count(facility, row)
        return Told(
            facility=facility, row=row, facility_id=facility_id, mark=mark, complete=complete, read=self._facility
        )

    def _identity(self, row: Row) -> tuple[int | None, str | None]:
        text = plain(row.cells.get("facility_id", ""))
        mark = unguarded(row.cells.get("registry", "")).rpartition("#")[2].strip() if "registry" in self._columns else None
        if not text:
            return None, mark
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise InvalidInput(f"机构编号 must be the number that an export wrote, or empty for a new facility; got {text!r}")
        key = (int(text), mark)
        if key in self._row_of_id:
            raise InvalidInput(
                f"机构编号 {text} stands in row {self._row_of_id[key]} too; leave it empty in a row copied for a new facility"
            )
        self._row_of_id[key] = row.number
        return key

    def _facility(self, row: Row, base: Facility | None) -> Facility:
        """Return the facility of a row; what the file has no column for is taken from ``base``."""
        cells = row.cells
        for column in _CODES:
            check_undamaged(plain(unguarded(cells.get(column, ""))), column)
        klass = self._class(cells, base)
        text = partial(self._text, cells)
        facility = Facility(
            name=self._name(cells, klass, base),
            class_code=klass,
            short_name=text("short_name", base.short_name if base else None),
            level=text("level", base.level if base else None),
            grade=text("grade", base.grade if base else None),
            ownership=text("ownership", base.ownership if base else None),
            service_mode=text("service_mode", base.service_mode if base else None),
            opened_on=text("opened_on", base.opened_on if base else None),
            closed_on=text("closed_on", base.closed_on if base else None),
            address=text("address", base.address if base else None),
            note=text("note", base.note if base else None),
            state=self._state(plain(cells.get("state", "")), base),
            area_code=text("area_code", base.area_code if base else None, read=plain),
            areas_served=self._list(cells, "areas_served", base.areas_served if base else []),
            aliases=self._list(cells, "aliases", base.aliases if base else []),
            identifiers=self._identifiers(cells, base.identifiers if base else []),
            beds=self._counted(cells, written.BEDS, "beds", _BEDS, base.beds if base else []),
            staff=self._counted(cells, written.STAFF, "staff", _STAFF, base.staff if base else []),
            vehicles=self._group(cells, "vehicles", written.VEHICLES, base.vehicles if base else []),
            capabilities=self._group(cells, "capabilities", written.CAPABILITIES, base.capabilities if base else []),
            relations=self._group(cells, "relations", written.RELATIONS, base.relations if base else []),
            contact=self._contact(cells, base.contact if base else {}),
            illustrative=(
                cells.get("illustrative", "").lower() in _TRUE if "illustrative" in self._columns or base is None
                else base.illustrative
            ),
            source=text("source", base.source if base else None) or self._source or (self._options.source or None if base is None else None),
        )
        return self._located(facility, row, base)

    def _text(
        self, cells: dict[str, str], column: str, current: str | None, *, read: Callable[[str], str] = str
    ) -> str | None:
        if column not in self._columns and column not in cells:
            return current
        told = unguarded(cells.get(column, ""))
        if told == tidy(current):
            return current
        return read(told) or None

    def _name(self, cells: dict[str, str], klass: str, base: Facility | None) -> str:
        if base is not None and "name" not in self._columns:
            return base.name
        name = self._text(cells, "name", base.name if base else None)
        if name:
            return name
        if not self._table.has_geometry:
            raise InvalidInput("the name is empty; every facility needs one")
        # Map data often lacks names; the place is real, so it is kept and counted.
        return f"{NAMELESS}{facility_classes()[klass].zh}"

    def _class(self, cells: dict[str, str], base: Facility | None) -> str:
        words = [cells.get("class_code", ""), cells.get("class_word", "")]
        if base is not None and not {"class_code", "class_word"} & self._columns:
            return base.class_code
        for word in filter(None, words):
            if word in self._options.source_types:
                return class_of(self._options.source_types[word]).code
            # As exports and their drop-downs write it: D600 村卫生室.
            for part in (word, word.split(maxsplit=1)[0]):
                try:
                    return class_of(part).code
                except InvalidInput:
                    continue
        if self._options.default_class and not any(words):
            return class_of(self._options.default_class).code
        return UNCLASSIFIED

    def _state(self, text: str, base: Facility | None) -> str:
        if base is not None and "state" not in self._columns:
            return base.state
        if not text:
            return State.OPERATING
        return _STATES.get(text) or code_of("state", text.lower())

    # -- groups ------------------------------------------------------------------------------

    def _list(self, cells: dict[str, str], column: str, current: list[str]) -> list[str]:
        return written.read_list(unguarded(cells.get(column, ""))) if column in self._columns else current

    def _group(
        self, cells: dict[str, str], column: str, group: written.Group, current: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        return group.read(unguarded(cells.get(column, ""))) if column in self._columns else current

    def _identifiers(self, cells: dict[str, str], current: list[dict[str, str]]) -> list[dict[str, str]]:
        first, others = split_identifiers(current)
        told = dict(first)
        for scheme, column in SCHEMES.items():
            if column in self._columns:
                text = plain(unguarded(cells.get(column, "")))
                told.pop(scheme, None)
                if text:
                    told[scheme] = {"scheme": scheme, "value": text}
        rest = self._group(cells, "identifiers", written.IDENTIFIERS, others)
        if told == first and rest == others:
            return current  # their order carries no meaning
        return [told[scheme] for scheme in SCHEMES if scheme in told] + rest

    def _counted(
        self, cells: dict[str, str], group: written.Group, column: str, kinds: Mapping[str, dict[str, Any]], current: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Return a group whose column in detail, and whose columns of one figure each, the row has."""
        entries = list(self._group(cells, column, group, current))
        for name, of in kinds.items():
            if name not in self._columns:
                continue
            text = plain(unguarded(cells.get(name, ""))).replace(",", "")
            amount = _AMOUNT.fullmatch(text)
            if text and not amount:
                raise InvalidInput(f"{name} must be a whole number of {column}, got {text!r}")
            told = [{**of, group.value: int(amount[1])}] if amount else []
            at = next((i for i, each in enumerate(entries) if {key: each[key] for key in each if key != group.value} == of), None)
            if at is None:
                entries += told
            else:
                entries[at : at + 1] = told
        return entries

    def _contact(self, cells: dict[str, str], current: dict[str, Any]) -> dict[str, Any]:
        telephone, rest = split_contact(current)
        if "telephone" in self._columns:
            telephone = unguarded(cells.get("telephone", ""))
        if "contact" in self._columns:
            rest = written.read_contact(unguarded(cells.get("contact", "")))
        return {**rest, "telephone": telephone} if telephone else rest

    # -- position ----------------------------------------------------------------------------

    def _located(self, facility: Facility, row: Row, base: Facility | None) -> Facility:
        by_id = "facility_id" in self._columns
        method = plain(row.cells.get("coordinate_method", ""))
        method = code_of("position_method", method.lower().replace(" ", "_"))
        place = self._place(row, base)
        if place is None:
            if not by_id:
                return facility
            told = self._words_of_place(row, base) | self._raw(row, base, None, same=base is not None and not base.located)
            return replace(facility, **told)
        here = base if base is not None and _is_at(base, place.lon, place.lat) else None
        lon, lat = (place.lon, place.lat) if here is None or here.lon is None or here.lat is None else (here.lon, here.lat)
        if "coordinate_method" not in self._columns and here is not None:
            method = here.position_method
        if method == PositionMethod.NONE:
            raise InvalidInput("the position method is 待定位 (none) but there are coordinates; clear them or say how they were found")
        raw = self._raw(row, base, place, same=here is not None)
        if base is None and place.datum not in (WGS84, CGCS2000):
            lon, lat = _out_of_raw(raw) if _is_near(_out_of_raw(raw), lon, lat) else (lon, lat)
        return replace(
            facility, lon=lon, lat=lat, position_method=method or PositionMethod.UNKNOWN,
            **(raw | self._words_of_place(row, here)),
        )

    def _place(self, row: Row, base: Facility | None) -> _Place | None:
        cells = row.cells
        if row.geometry is not None:
            point = row.geometry if isinstance(row.geometry, Point) else row.geometry.representative_point()
            if point.is_empty:
                return None
            datum = datum_of(cells.get("geometry_datum") or self._datum)
            lon, lat = to_wgs84(point.x, point.y, datum=datum)
            return _Place(float(lon), float(lat), repr(point.x), repr(point.y), datum)
        if self._table.has_geometry or {*_PLACE} <= self._columns:
            position = None if self._table.has_geometry else position_of(cells, self._datum)
            if position is not None and not cells.get("facility_id") and number_of(cells["longitude"], "") == number_of(cells["latitude"], "") == 0:
                raise InvalidInput("longitude and latitude are both 0, as where nothing is known; leave both empty, and the facility is to be located")
            return position and _Place(*position[:2], cells["longitude"], cells["latitude"], position.datum)
        if base is None or base.lon is None or base.lat is None:
            return None
        return _Place(base.lon, base.lat, base.raw_x or "", base.raw_y or "", base.raw_datum or WGS84)

    def _words_of_place(self, row: Row, here: Facility | None) -> dict[str, Any]:
        """Return source and date of the position; those registered count only while it stays where it is."""
        source = self._text(row.cells, "coordinate_source", None if here is None else here.position_source)
        if row.geometry is not None:
            source = source or self._source
        date = self._text(row.cells, "position_date", None if here is None else here.position_date)
        return {"position_source": source, "position_date": date}

    def _raw(self, row: Row, base: Facility | None, place: _Place | None, *, same: bool) -> dict[str, Any]:
        """Return what the source said of the place, letter by letter."""
        names = ("raw_x", "raw_y", "raw_datum")
        current = {name: None if base is None else getattr(base, name) for name in names}
        said = {name: self._text(row.cells, name, current[name]) for name in names}
        here: dict[str, Any] = dict.fromkeys(names)
        if place is not None:
            here = {"raw_x": place.x, "raw_y": place.y, "raw_datum": place.datum}
        told = {*names} & self._columns
        if base is None:
            # A row of an export says what its source said, even that nothing is known of it.
            exported = bool(told) and bool(row.cells.get("facility_id"))
            return said if exported or any(said.values()) else here
        if told and said != current:
            return said
        by_id = "facility_id" in self._columns
        return current if same and (told or by_id or current == here) else here

    # -- what a reader should know -----------------------------------------------------------

    def _count(self, facility: Facility, row: Row) -> None:
        words = [row.cells.get("class_code", ""), row.cells.get("class_word", "")]
        if facility.class_code == UNCLASSIFIED and {"class_code", "class_word"} & self._columns:
            word = next(filter(None, words), "(empty)")
            if not word.startswith(UNCLASSIFIED) and not self._is_class(word):
                self._unknown_words[word] += 1
        if facility.name.startswith(NAMELESS) and not row.cells.get("name") and "name" in self._columns:
            self._nameless += 1
        place = self._place(row, None)
        if place is not None and row.geometry is None and (place.lon, place.lat) != (number_of(place.x, ""), number_of(place.y, "")):
            self._converted[place.datum] += 1

    def _is_class(self, word: str) -> bool:
        try:
            return bool(class_of(word))
        except InvalidInput:
            return False

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


def _is_at(facility: Facility, lon: float, lat: float) -> bool:
    return facility.lon is not None and facility.lat is not None and _is_near((facility.lon, facility.lat), lon, lat)


def _is_near(place: tuple[float, float], lon: float, lat: float) -> bool:
    return abs(place[0] - lon) <= SAME_DEGREES and abs(place[1] - lat) <= SAME_DEGREES


def _out_of_raw(raw: dict[str, Any]) -> tuple[float, float]:
    """Return the degrees that the source's own numbers mean; nowhere if they mean none."""
    try:
        found = position_of({"longitude": raw["raw_x"] or "", "latitude": raw["raw_y"] or ""}, raw["raw_datum"])
    except InvalidInput:
        found = None
    return (found.lon, found.lat) if found else (float("inf"), float("inf"))
