"""Bad input: one clear sentence each, and the workspace is as it was.

A case says which verb gets which file, which error it must be, and the words that the message
must hold: what was expected, what came, where, and the likely cure.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from registry.made_files import (
    BOWTIE,
    COUNTY,
    GOOD_ROW,
    HEADER,
    TOWNSHIP_E,
    TOWNSHIP_W,
    county_files,
    snapshot,
    write_csv,
    write_geojson,
    write_junk,
    write_layer,
    write_raster,
    write_sparse,
    write_xlsx,
)
from shapely.geometry import LineString, Point, Polygon, box

from geosvc.errors import (
    DefinitionError,
    GeosvcError,
    InvalidCoordinate,
    InvalidGeometry,
    InvalidInput,
    MissingCRS,
    RefusedRows,
    UnreadableFile,
)
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.settings import Settings
from geosvc.workflows import importing
from geosvc.workflows.workspace import init_workspace

VERBS: dict[str, Callable] = {
    "facilities": lambda store, path, settings: importing.import_facilities(store, path, FacilityOptions(), settings),
    "areas": importing.import_areas,
    "population": importing.import_population,
    "roads": importing.import_roads,
    "elevation": lambda store, path, settings: importing.import_elevation(
        store, path if isinstance(path, list) else [path], settings),
    "landcover": lambda store, path, settings: importing.import_landcover(
        store, path if isinstance(path, list) else [path], settings),
    "services": importing.import_services,
}
TABLES, MAPS, RASTERS = ("facilities", "areas", "population"), ("facilities", "areas", "roads"), ("population", "elevation", "landcover")
ROAD = LineString([(126.81, 42.31), (126.99, 42.39)])
PEOPLE = ["area_code", "year", "kind", "people", "status", "source"]
GOOD_PEOPLE = ["990001", "2020", "常住", "1000", "普查", "公报"]
AREAS = ["code", "name", "level"]
TEN = np.full((10, 20), 10.0, dtype="float32")


@dataclass(frozen=True)
class Case:
    """One bad file: for which verb, how it is made, and what must be said."""

    name: str
    verb: str
    make: Callable[[Path], Path | list[Path]]
    error: type[GeosvcError]
    words: tuple[str, ...]


def table(*rows, name="bad.csv"):
    return lambda folder: write_csv(folder / name, list(rows))


def shapes(*features, name="bad.geojson", **members):
    return lambda folder: write_geojson(folder / name, list(features), **members)


def layer(features, name, **options):
    return lambda folder: write_layer(folder / name, features, **options)


def raster(values, name="bad.tif", **options):
    return lambda folder: write_raster(folder / name, values, **options)


def text(content, name):
    def make(folder):
        (folder / name).write_text(content, encoding="utf-8")
        return folder / name

    return make


def with_cell(value, row=3, col=4):
    values = TEN.copy()
    values[row, col] = value
    return values


def cut_off(folder):
    rng = np.random.default_rng(1)
    whole = write_raster(folder / "cut.tif", rng.random((200, 200)) * 5, cell=0.001)
    whole.write_bytes(whole.read_bytes()[:100_000])
    return whole


def two_layers(folder):
    for name in ("a", "b"):
        write_layer(folder / "two.gpkg", [({"name": "院", "class_code": "A100", "code": "1"}, ROAD)], layer=name)
    return folder / "two.gpkg"


def fractions(*names, **options):
    return lambda folder: [write_raster(folder / f"landcover_{name}.tif", TEN, **options) for name in names]


def empty_folder(folder):
    (folder / "nothing").mkdir()
    return folder / "nothing"


def sidecar(content):
    def make(folder):
        path = write_csv(folder / "told.csv", [HEADER, GOOD_ROW])
        path.with_name("told.csv.meta.json").write_text(content, "utf-8")
        return path

    return make


SERVICE = """
[[service]]
id = "own"
zh = "自定"
en = "Own"
facility_classes = ["A"]
method = "travel_time"
profile = "walk"
thresholds = [{ id = "30min", value = 30 }]
"""


def service(old="", new=""):
    assert old in SERVICE
    return text(SERVICE.replace(old, new) if old else SERVICE + new, "own.toml")


SWAPPED = ["县人民医院", "A100", "42.35", "126.85", "WGS84"]
METRES = Point(500000, 4700000)
ELSEWHERE = {"west": 10.0, "north": 50.0}
LEVELS = "country, province, prefecture, county, township, village, zone"

CASES = [
    # tables of facilities
    Case("no coordinate columns", "facilities", table(HEADER[:2], GOOD_ROW[:2]), InvalidInput,
         ("bad.csv", "longitude and latitude", "it has: name, class_code", "经度", "--without-positions")),
    Case("no latitude column", "facilities", table(HEADER[:3], GOOD_ROW[:3]), InvalidInput,
         ("no column for latitude", "纬度")),
    Case("no name column", "facilities", table(HEADER[1:], GOOD_ROW[1:]), InvalidInput, ("name/机构名称", "it has:")),
    Case("no class column", "facilities", table(["name", *HEADER[2:]], ["院", *GOOD_ROW[2:]]), InvalidInput,
         ("class_code/机构类别", "--class")),
    Case("swapped longitude and latitude", "facilities", table(HEADER, SWAPPED), RefusedRows,
         ("row 2", "latitude 126.85", "[-90, 90]", "swapped")),
    Case("only latitude", "facilities", table(HEADER, GOOD_ROW, ["乙", "A100", "", "42.35", "WGS84"]), RefusedRows,
         ("row 3", "longitude", "empty", "126.80969")),
    Case("a row that ends after the longitude", "facilities", table(HEADER, ["乙", "A100", "126.85"]), RefusedRows,
         ("row 2", "latitude", "empty")),
    Case("words for a coordinate", "facilities", table(HEADER, ["乙", "A100", "东经126度", "42.35", "WGS84"]), RefusedRows,
         ("row 2", "longitude", "东经126度", "number of degrees")),
    Case("metres in a table", "facilities", table(HEADER, ["乙", "A100", "500000", "4700000", "WGS84"]), RefusedRows,
         ("row 2", "metres")),
    Case("infinity for a coordinate", "facilities", table(HEADER, ["乙", "A100", "inf", "42.35", "WGS84"]), RefusedRows,
         ("row 2", "inf")),
    Case("no datum", "facilities", table(HEADER[:4], GOOD_ROW[:4]), RefusedRows, ("datum", "not said", "--datum WGS84")),
    Case("metres without a zone", "facilities", table(HEADER, [*GOOD_ROW[:2], "484300", "4694500", "CGCS2000"]), RefusedRows, ("row 2", "zone", "13-23 or 25-45")),
    Case("metres as GPS degrees", "facilities", table(HEADER, [*GOOD_ROW[:2], "42484300", "4694500", "WGS84"]), RefusedRows, ("row 2", "projected")),
    Case("unknown datum", "facilities", table(HEADER, [*GOOD_ROW[:4], "北京54"]), RefusedRows, ("北京54", "WGS84, CGCS2000, GCJ02, BD09")),
    Case("unknown state", "facilities", table([*HEADER, "状态"], [*GOOD_ROW, "装修"]), RefusedRows, ("row 2", "装修", "operating")),
    Case("beds in words", "facilities", table([*HEADER, "床位"], [*GOOD_ROW, "约300"]), RefusedRows, ("row 2", "约300", "whole number")),
    Case("header without rows", "facilities", table(HEADER), UnreadableFile, ("bad.csv", "header and no rows", "expected")),
    Case("no header that is understood", "facilities", table(["甲", "乙", "丙"], ["1", "2", "3"]), UnreadableFile,
         ("no header row", "it begins: 甲, 乙, 丙", "longitude/经度")),
    Case("unknown type of file", "facilities", text("name", "list.docx"), UnreadableFile, (".docx", "expected a table of facilities")),
    Case("file that is not there", "facilities", lambda folder: folder / "gone.csv", UnreadableFile, ("gone.csv", "does not exist", "expected")),
    Case("spreadsheet without a header", "facilities", lambda f: write_xlsx(f / "bad.xlsx", [["甲"], [1]]), UnreadableFile,
         ("bad.xlsx", "no header row")),
    Case("sidecar of another file", "facilities", sidecar(json.dumps({"sha256": "0" * 64})), UnreadableFile,
         ("sha256 differs", "told.csv.meta.json", "update the sidecar")),
    Case("sidecar that is not JSON", "facilities", sidecar("{source:"), UnreadableFile, ("not JSON", "correct it or remove it")),
    Case("sidecar that is a list", "facilities", sidecar("[1]"), UnreadableFile, ("one JSON object",)),
    # map files
    *(
        Case(f"metres in GeoJSON as {verb}", verb, shapes(({"name": "院", "code": "1", "amenity": "hospital"}, shape)),
             InvalidCoordinate, ("bad.geojson", "degrees", "500", "look like metres", "--crs EPSG:4551"))
        for verb, shape in (("facilities", METRES), ("areas", box(500000, 4700000, 501000, 4701000)),
                            ("roads", LineString([(500000, 4700000), (501000, 4701000)])))
    ),
    *(
        Case(f"Shapefile without .prj as {verb}", verb,
             layer([({"name": "a", "code": "1", "class_code": "A100", "level": "county"}, shape)], "bad.shp", crs=None),
             MissingCRS, ("bad.shp", "coordinate reference system", ".prj", "--crs EPSG:4490"))
        for verb, shape in (("facilities", Point(126.85, 42.35)), ("areas", COUNTY), ("roads", ROAD))
    ),
    *(
        Case(f"two layers as {verb}", verb, two_layers, UnreadableFile, ("two.gpkg", "2 layers", "a, b", "--layer"))
        for verb in MAPS
    ),
    Case("swapped longitude and latitude in GeoJSON", "facilities",
         shapes(({"name": "院", "amenity": "hospital"}, Point(42.35, 126.85))), InvalidCoordinate, ("bad.geojson", "swapped")),
    Case("GeoJSON without features", "areas", shapes(), UnreadableFile, ("bad.geojson", "no features", "expected a boundary file")),
    Case("GeoJSON that was cut off", "areas", text('{"type": "FeatureCollection", "features": [{"ty', "cut.geojson"), UnreadableFile,
         ("cut.geojson", "expected a boundary file")),
    Case("GeoJSON that is no GeoJSON", "areas", text('{"hello": 1}', "other.geojson"), UnreadableFile, ("other.geojson", "expected a boundary file")),
    # areas
    Case("self-crossing ring", "areas", shapes(({"code": "1", "name": "a", "level": "county"}, BOWTIE)), InvalidGeometry,
         ("bad.geojson feature 1", "Self-intersection[126.9 42.35]", "must not cross", "Fix geometries")),
    Case("second ring crosses itself", "areas",
         shapes(({"code": "1", "name": "a", "level": "county"}, COUNTY), ({"code": "2", "name": "b", "level": "county"}, BOWTIE)),
         InvalidGeometry, ("feature 2",)),
    Case("lines as boundary", "areas", shapes(({"code": "1", "name": "a", "level": "county"}, ROAD)), InvalidGeometry,
         ("bad.geojson", "must be polygons", "LineString", "Lines to polygons")),
    Case("an area without a shape", "areas",
         shapes(({"code": "1", "name": "a", "level": "county"}, COUNTY), ({"code": "2", "name": "b", "level": "county"}, None)),
         InvalidGeometry, ("feature 2", "empty")),
    Case("empty polygon", "areas",
         shapes(({"code": "1", "name": "a", "level": "county"}, COUNTY), ({"code": "2", "name": "b", "level": "county"}, Polygon())),
         InvalidGeometry, ("feature 2", "empty")),
    Case("the same code twice", "areas", table(AREAS, ["1", "甲", "county"], ["2", "乙", "county"], ["1", "丙", "county"]), RefusedRows,
         ("row 4", "code is '1'", "twice")),
    Case("the same code twice below a bad row", "areas",
         table(AREAS, ["3", "丁", "planet"], ["1", "甲", "county"], ["1", "丙", "county"]), RefusedRows,
         ("row 2", "planet", "row 4, code is '1'")),
    Case("the same code twice in a map", "areas",
         shapes(({"code": "1", "name": "a", "level": "zone"}, TOWNSHIP_W), ({"code": "1", "name": "b", "level": "zone"}, TOWNSHIP_E)),
         RefusedRows, ("row 2", "twice")),
    Case("unknown level", "areas", table(AREAS, ["1", "甲", "planet"]), RefusedRows, ("row 2", LEVELS, "'planet'")),
    Case("no level at all", "areas", table(AREAS[:2], ["XY", "甲"]), RefusedRows, ("row 2", "'XY'", "--level", "township")),
    Case("no code column", "areas", table(["name", "level"], ["甲", "county"]), InvalidInput, ("column for the code", "it has: name, level", "rename")),
    Case("empty code", "areas", table(AREAS, ["", "甲", "county"]), RefusedRows, ("row 2", "needs a code")),
    Case("a code of our own", "areas", table(AREAS, ["*total", "甲", "county"]), RefusedRows, ("row 2", "star", "*total")),
    Case("square kilometres in words", "areas", table([*AREAS, "面积"], ["1", "甲", "county", "约521"]), RefusedRows,
         ("row 2", "约521", "number")),
    Case("unknown settlement class", "areas", table([*AREAS, "城乡"], ["1", "甲", "county", "镇"]), RefusedRows, ("row 2", "urban, rural or empty")),
    # figures of people
    Case("people without status", "population", table([*PEOPLE[:4], "source"], [*GOOD_PEOPLE[:4], "公报"]), InvalidInput,
         ("no column for status", "--status", "census")),
    Case("people without a source in one row", "population", table(PEOPLE, GOOD_PEOPLE, [*GOOD_PEOPLE[:5], ""]), RefusedRows,
         ("row 3", "source is empty", "area_code, year, kind, people, status, source")),
    Case("people with nothing said of them", "population", table(["area_code", "people"], ["990001", "5"]), InvalidInput,
         ("no column for year, kind, status, source", "--year, --kind, --status, --source", "raster")),
    Case("areas that lie inside each other", "areas",
         table([*AREAS, "parent_code"], ["1", "甲", "township", "2"], ["2", "乙", "township", "1"], ["3", "丙", "village", "2"]),
         InvalidInput, ("ring", "1 → 2 → 1", "parent_code")),
    Case("negative people", "population", table(PEOPLE, GOOD_PEOPLE, ["990001100", "2020", "常住", "-5", "普查", "公报"]), RefusedRows,
         ("row 3", "people must be 0 or more", "'-5'")),
    Case("people in words", "population", table(PEOPLE, ["1", "2020", "常住", "约一千", "普查", "公报"]), RefusedRows, ("row 2", "people must be a number", "约一千")),
    Case("unknown status", "population", table(PEOPLE, ["1", "2020", "常住", "5", "听说", "公报"]), RefusedRows, ("row 2", "census, survey", "听说")),
    Case("unknown kind of people", "population", table(PEOPLE, ["1", "2020", "流动", "5", "普查", "公报"]), RefusedRows, ("row 2", "resident, registered", "流动")),
    Case("year in words", "population", table(PEOPLE, ["1", "去年", "常住", "5", "普查", "公报"]), RefusedRows, ("row 2", "year must be a number", "去年")),
    Case("endless year", "population", table(PEOPLE, ["1", "inf", "常住", "5", "普查", "公报"]), RefusedRows, ("row 2", "year")),
    Case("endless people", "population", table(PEOPLE, ["1", "2020", "常住", "inf", "普查", "公报"]), RefusedRows, ("row 2", "people")),
    Case("people of no area", "population", table(PEOPLE, ["", *GOOD_PEOPLE[1:]]), RefusedRows, ("row 2", "area_code")),
    Case("a row that ends before the people", "population", table(["area_code", "year", "kind", "status", "source", "people"], ["1", "2020", "常住", "普查", "公报"]),
         RefusedRows, ("row 2", "people")),
    Case("a row that ends before the year", "population", table(["area_code", "kind", "status", "source", "people", "year"], ["1", "常住", "普查", "公报", "5"]),
         RefusedRows, ("row 2", "year")),
    Case("more old people than people", "population", table([*PEOPLE, "people_65_plus"], [*GOOD_PEOPLE, "1001"]), RefusedRows,
         ("row 2", "65_plus", "more than the 1000")),
    # points of people
    Case("points of people without datum", "population", table(["lon", "lat", "people"], ["126.85", "42.35", "5"]), InvalidInput,
         ("datum", "not said", "--datum WGS84")),
    Case("points of people in an unknown datum", "population", table(["lon", "lat", "people", "datum"], ["126.85", "42.35", "5", "MARS"]),
         RefusedRows, ("row 2", "MARS", "GCJ02, BD09")),
    Case("a point of people with latitude only", "population", table(["lon", "lat", "people", "datum"], ["", "42.35", "5", "WGS84"]), RefusedRows,
         ("row 2", "longitude", "empty")),
    Case("a point of people that ends too early", "population", table(["lon", "lat", "people"], ["126.85", "42.35"]), RefusedRows, ("row 2", "people")),
    Case("swapped points of people", "population", table(["lon", "lat", "people", "datum"], ["42.35", "126.85", "5", "WGS84"]), RefusedRows, ("row 2", "swapped")),
    Case("endless people at a point", "population", table(["lon", "lat", "people", "datum"], ["126.85", "42.35", "inf", "WGS84"]), RefusedRows, ("row 2", "people")),
    Case("points of people of another county", "population", table(["lon", "lat", "people", "datum"], ["10", "50", "5", "WGS84"]), InvalidInput,
         ("no point lies in the study area", "longitude 126.800 to 127.000", "another county")),
    Case("points without people", "population", table(["lon", "lat", "name"], ["126.85", "42.35", "甲"]), InvalidInput, ("people/人口", "expected")),
    # rasters
    Case("undeclared -99999", "population", raster(with_cell(-99999)), InvalidInput,
         ("bad.tif", "people per cell must be 0 or more", "1 cell", "row 3, column 4", "-99999", "declares no value as nodata", "-a_nodata -99999")),
    Case("another nodata than declared", "population", raster(with_cell(-99999), nodata=-1), InvalidInput, ("-99999", "declares -1")),
    Case("undeclared NaN", "population", raster(with_cell(np.nan)), InvalidInput, ("row 3, column 4", "nan")),
    Case("endless people in a cell", "population", raster(with_cell(np.inf)), InvalidInput, ("row 3, column 4", "inf")),
    *(
        Case(f"raster without CRS as {verb}", verb, raster(TEN, crs=None), MissingCRS, ("bad.tif", "coordinate reference system", "-a_srs EPSG:4326"))
        for verb in RASTERS
    ),
    Case("people of another continent", "population", raster(TEN, **ELSEWHERE), InvalidInput,
         ("no cell of people", "longitude 126.800 to 127.000", "longitude 10.000 to 10.200", "another county")),
    Case("elevation of another continent", "elevation", raster(TEN, **ELSEWHERE), InvalidInput,
         ("no cell of elevation", "126.800", "10.000", "another county")),
    Case("land cover of another continent", "landcover", raster(TEN, **ELSEWHERE), InvalidInput, ("no cell of land cover", "another county")),
    Case("people raster that was cut off", "population", cut_off, UnreadableFile, ("cut.tif", "expected a raster")),
    Case("elevation that was cut off", "elevation", cut_off, UnreadableFile, ("cut.tif", "expected a raster")),
    Case("unknown class of land cover", "landcover", fractions("Tree", "Lava"), InvalidInput, ("landcover_Lava.tif", "tree, shrub, grass", "rename")),
    Case("the same land cover twice", "landcover",
         lambda f: [write_raster(f / "a_Tree.tif", TEN), write_raster(f / "b_tree.tif", TEN)], InvalidInput, ("same land-cover class", "once")),
    Case("folder without land cover", "landcover", empty_folder, UnreadableFile, ("folder without a raster", ".tif")),
    # roads
    Case("roads outside the county", "roads", shapes(({"highway": "primary"}, LineString([(10, 50), (10.1, 50.1)]))), InvalidInput,
         ("bad.geojson", "no road lies in the study area", "longitude 126.800 to 127.000, latitude 42.300 to 42.400",
          "longitude 10.000 to 10.100", "another county")),
    Case("roads with only points", "roads", shapes(({"highway": "bus_stop"}, Point(126.85, 42.35))), InvalidGeometry, ("no roads", "no lines", "expected roads as lines")),
    Case("polygons as roads", "roads", shapes(({"highway": "primary"}, COUNTY)), InvalidGeometry, ("no lines",)),
    # services
    Case("service with an unknown field", "services", service('id = "own"', 'id = "own"\ncolour = "red"'), DefinitionError, ("service own", "unknown colour", "profile")),
    Case("service with an unknown profile", "services", service('"walk"', '"teleport"'), DefinitionError, ("service own", "walk, cycle, drive, emergency", "'teleport'")),
    Case("service without profile", "services", service('profile = "walk"'), DefinitionError, ("service own", "needs a profile", "walk")),
    Case("service without thresholds", "services", service('thresholds = [{ id = "30min", value = 30 }]'), DefinitionError, ("service own", "at least one threshold")),
    Case("service with zero speed", "services", service(new="speed_kmh = 0"), DefinitionError, ("service own", "speed_kmh", "above 0", "got 0")),
    Case("service with a speed in words", "services", service(new='speed_kmh = "fast"'), DefinitionError, ("service own", "speed_kmh")),
    Case("service of a class that is not there", "services", service('["A"]', '["A", "Q9"]'), DefinitionError, ("service own", "no class", "'Q9'")),
    Case("service without classes", "services", service('["A"]', "[]"), DefinitionError, ("service own", "facility_classes", "A100")),
    Case("service with a class instead of a list", "services", service('["A"]', '"A100"'), DefinitionError, ("service own", "facility_classes", "list")),
    Case("service without a name", "services", service('zh = "自定"'), DefinitionError, ("service own", "zh")),
    Case("service with an unknown method", "services", service('"travel_time"', '"flying"'), DefinitionError, ("straight_line, travel_time", "'flying'")),
    Case("radius with a profile", "services", service('"travel_time"', '"straight_line"'), DefinitionError, ("straight_line takes no profile",)),
    Case("negative threshold", "services", service("value = 30", "value = -30"), DefinitionError, ("threshold 30min", "0 or more", "-30")),
    Case("endless threshold", "services", service("value = 30", "value = inf"), DefinitionError, ("threshold 30min", "inf")),
    Case("threshold in words", "services", service("value = 30", 'value = "30"'), DefinitionError, ("threshold 30min", "'30'")),
    Case("threshold without value", "services", service(", value = 30"), DefinitionError, ("service own", "value")),
    Case("two thresholds of one id", "services", service("value = 30 }", 'value = 30 }, { id = "30min", value = 20 }'), DefinitionError, ("same id",)),
    Case("threshold of an unknown origin", "services", service("value = 30", 'value = 30, origin = "rumour"'), DefinitionError, ("plan, national_guidance", "rumour")),
    Case("negative delay", "services", service(new="delay_minutes = -1"), DefinitionError, ("delay_minutes", "-1")),
    Case("service id with blanks", "services", service('"own"', '"My own"'), DefinitionError, ("lower-case letters", "My own")),
    Case("two services of one id", "services", service(new=SERVICE), DefinitionError, ("own", "twice")),
    Case("TOML with a mistake", "services", text("[[service]\nid=", "own.toml"), DefinitionError, ("own.toml", "not TOML", "line 1")),
    Case("TOML without a service", "services", text("a = 1", "own.toml"), DefinitionError, ("own.toml", "[[service]]")),
    Case("services in GBK", "services", lambda f: _gbk(f / "own.toml"), GeosvcError, ("own.toml", "UTF-8")),
    Case("junk as services", "services", lambda f: write_junk(f / "junk.toml"), GeosvcError, ("junk.toml",)),
]


def _gbk(path):
    path.write_bytes(SERVICE.encode("gbk"))
    return path


KINDS = {
    **dict.fromkeys(TABLES, (".csv", ".xlsx", ".geojson", ".gpkg", ".shp")), "roads": (".geojson", ".gpkg", ".shp", ".pbf", ".osm"),
    "elevation": (".tif", ".hgt"), "landcover": (".tif",), "services": (".toml",),
}
KINDS["population"] += (".tif",)
for _verb, _suffixes in KINDS.items():
    for _suffix in _suffixes:
        CASES.append(Case(f"empty {_suffix} as {_verb}", _verb, lambda f, s=_suffix: text("", f"empty{s}")(f), UnreadableFile,
                          ("empty", "0 bytes", "expected", "cut off")))
        CASES.append(Case(f"2 GB {_suffix} as {_verb}", _verb, lambda f, s=_suffix: write_sparse(f / f"huge{s}"), UnreadableFile,
                          ("huge", "2,048 MiB", "1,024 allowed", "expected", "GEOSVC_MAX_FILE_MB")))
        if _suffix != ".toml":
            CASES.append(Case(f"junk {_suffix} as {_verb}", _verb, lambda f, s=_suffix: write_junk(f / f"junk{s}"), UnreadableFile,
                              ("junk", "expected")))
    if _verb != "landcover":
        CASES.append(Case(f"a folder as {_verb}", _verb, empty_folder, UnreadableFile, ("folder", "expected", "name the file inside")))
    CASES.append(Case(f"nothing there as {_verb}", _verb, lambda f, s=_suffixes[0]: f / f"gone{s}", UnreadableFile, ("does not exist", "expected")))


@pytest.fixture(scope="module")
def furnished(tmp_path_factory):
    """A workspace that holds the made-up county; every case must leave it as it is."""
    folder = tmp_path_factory.mktemp("furnished")
    settings = Settings(workspace=folder / "workspace")
    store = init_workspace(settings)
    made = county_files(folder)
    for verb in ("areas", "roads", "facilities"):
        VERBS[verb](store, made[verb], settings)
    yield store, settings
    store.close()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_bad_input_is_refused_in_words_and_changes_nothing(furnished, tmp_path, case):
    """Each bad file is refused with its own error; the message helps; tables and files are as before."""
    store, settings = furnished
    path = case.make(tmp_path)
    before = snapshot(settings.workspace)
    with pytest.raises(GeosvcError) as caught:
        VERBS[case.verb](store, path, settings)
    assert snapshot(settings.workspace) == before
    assert isinstance(caught.value, case.error)
    if case.error not in (GeosvcError, InvalidInput):
        assert type(caught.value) is case.error
    message = str(caught.value)
    missing = [word for word in case.words if word not in message]
    assert not missing, f"the message lacks {missing}: {message}"
    for foreign in ("Traceback", "__init__", "could not convert", "object has no attribute", "codec can't"):
        assert foreign not in message, message


def test_the_guard_can_fail(furnished, tmp_path):
    """The picture of the workspace sees one more row and one more file: a good import changes it."""
    store, settings = furnished
    before = snapshot(settings.workspace)
    VERBS["population"](store, write_raster(tmp_path / "people.tif", TEN), settings)
    after = snapshot(settings.workspace)
    assert after["tables"] != before["tables"]
    assert set(after["files"]) > set(before["files"])


def test_a_raster_with_declared_nodata_is_fine(store, settings, tmp_path):
    """-99999 that the file declares as nodata is nobody, not minus 99999 people."""
    report = VERBS["population"](store, write_raster(tmp_path / "p.tif", with_cell(-99999), nodata=-99999), settings)
    assert report.figures["people"] == 199 * 10.0


def test_a_raster_whose_nodata_is_nan_is_fine(store, settings, tmp_path):
    """NaN that is declared is nobody too."""
    report = VERBS["population"](store, write_raster(tmp_path / "p.tif", with_cell(np.nan), nodata=np.nan), settings)
    assert report.figures["people"] == 199 * 10.0


def test_a_raster_that_holds_nobody_is_taken_and_says_so(store, settings, tmp_path):
    """Nobody at all is possible, and worth a note."""
    report = VERBS["population"](store, write_raster(tmp_path / "p.tif", TEN * 0), settings)
    assert report.figures["people"] == 0
    assert any("nobody" in note for note in report.notes)


def test_a_full_disk_leaves_no_half_layer(furnished, tmp_path, monkeypatch):
    """When the files of a layer cannot be written the record and the folder are both absent."""
    from geosvc.errors import StoreError
    from geosvc.registry.imports import layers

    store, settings = furnished

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(layers.shutil, "copyfile", full)
    before = snapshot(settings.workspace)
    with pytest.raises(StoreError, match="No space left"):
        VERBS["elevation"](store, write_raster(tmp_path / "dem.tif", TEN), settings)
    assert snapshot(settings.workspace) == before


def test_a_record_that_cannot_be_written_takes_its_files_back(furnished, tmp_path, monkeypatch):
    """When the database refuses at the end of an import the new folder of the layer is gone again."""
    from geosvc.errors import StoreError
    from geosvc.registry import layers

    store, settings = furnished

    def locked(*_args, **_options):
        raise StoreError("database is locked")

    monkeypatch.setattr(layers, "save", locked)
    before = snapshot(settings.workspace)
    with pytest.raises(StoreError, match="locked"):
        VERBS["elevation"](store, write_raster(tmp_path / "dem2.tif", TEN + 1), settings)
    assert snapshot(settings.workspace) == before


def test_every_refused_row_is_kept_in_the_error(store, settings, tmp_path):
    """The message shows three rows and counts the rest; the error carries all of them."""
    rows = [[f"院{i}", "A100", "", "42.35", "WGS84"] for i in range(5)]
    with pytest.raises(RefusedRows, match="5 rows are refused and nothing was stored.*and 2 more") as caught:
        VERBS["facilities"](store, write_csv(tmp_path / "a.csv", [HEADER, *rows]), settings)
    assert [each.row for each in caught.value.refusals] == [2, 3, 4, 5, 6]
