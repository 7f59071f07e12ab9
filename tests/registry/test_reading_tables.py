"""Files as people have them: every spelling of the same small table gives the same facilities."""

from __future__ import annotations

import json

import pytest
from registry.made_files import (
    COUNTY,
    GOOD_ROW,
    HEADER,
    write_csv,
    write_geojson,
    write_layer,
    write_xlsx,
)
from shapely.geometry import Point, box

from geosvc.errors import InvalidInput, MissingCRS, RefusedRows, UnreadableFile
from geosvc.geo.crs import to_degrees
from geosvc.geo.datums import datum_named, from_wgs84
from geosvc.geo.files import sha256_of
from geosvc.registry.imports.facilities import FacilityOptions, read_facilities
from geosvc.registry.imports.reasons import in_chinese
from geosvc.registry.imports.tables import read_table

CHINESE = ["机构名称", "机构类别", "经度", "纬度", "坐标系"]
TITLE = "试验县医疗卫生机构一览表"


def read(path, **options):
    told, report = read_facilities(path, FacilityOptions(**options))
    return [each.facility for each in told], report


def assert_the_hospital(found):
    (one,) = found
    assert (one.name, one.class_code, one.lon, one.lat, one.raw_datum) == ("县人民医院", "A100", 126.85, 42.35, "WGS84")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_encoding_and_delimiter_do_not_matter(tmp_path, encoding, delimiter):
    """UTF-8 with or without byte-order mark, GBK, GB 18030 and UTF-16 with any usual delimiter read the same."""
    found, _ = read(write_csv(tmp_path / "a.csv", [CHINESE, GOOD_ROW], encoding=encoding, delimiter=delimiter))
    assert_the_hospital(found)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("padded", [True, False])
def test_a_title_may_stand_above_the_header(tmp_path, delimiter, padded):
    """The header is the first row that is understood; row numbers still count from the top of the file."""
    title = [TITLE, "", "", "", ""] if padded else [TITLE]
    path = write_csv(tmp_path / "a.csv", [title, CHINESE, GOOD_ROW], delimiter=delimiter)
    assert_the_hospital(read(path)[0])
    assert [row.number for row in read_table(path, max_mb=1, expected="").rows] == [3]


def test_a_title_with_commas_does_not_decide_the_delimiter(tmp_path):
    """A sentence above a table delimited by semicolons may hold commas."""
    path = tmp_path / "a.csv"
    path.write_text("list of 2026, county, draft\n" + ";".join(HEADER) + "\n" + ";".join(GOOD_ROW) + "\n", "utf-8")
    assert_the_hospital(read(path)[0])


def test_full_width_digits_and_letters_are_read(tmp_path):
    """１２６．８５ typed with a Chinese input method is 126.85."""
    row = ["县人民医院", "Ａ１００", "１２６．８５", "４２．３５", "ＷＧＳ８４"]
    assert_the_hospital(read(write_csv(tmp_path / "a.csv", [CHINESE, row]))[0])


def test_the_raw_coordinate_is_kept_letter_by_letter(tmp_path):
    """Beside the number stands what the source said, full-width digits included."""
    row = ["县人民医院", "A100", "１２６．８５", "42.350", "WGS84"]
    (one,), _ = read(write_csv(tmp_path / "a.csv", [CHINESE, row]))
    assert (one.raw_x, one.raw_y) == ("１２６．８５", "42.350")


def test_blank_rows_are_no_facilities(tmp_path):
    """Rows with nothing but blanks, as spreadsheets leave them, are passed over."""
    found, report = read(write_csv(tmp_path / "a.csv", [HEADER, ["", " ", "", "", ""], GOOD_ROW, ["", "", "", "", ""]]))
    assert_the_hospital(found)
    assert report.refusals == []


def test_quoted_cells_may_hold_delimiters_and_line_breaks(tmp_path):
    """A note with a comma and a line break is one cell."""
    rows = [[*HEADER, "note"], [*GOOD_ROW, "一层,\n二层"]]
    (one,), _ = read(write_csv(tmp_path / "a.csv", rows))
    assert one.note == "一层,\n二层"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_quotation_mark_that_never_closes_swallows_no_rows(tmp_path, delimiter):
    """Read on, the name would hold the rest of the file, and its rows would be gone without a word."""
    rows = [HEADER, GOOD_ROW, ['"县中医院', *GOOD_ROW[1:]], GOOD_ROW]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(delimiter.join(map(str, row)) for row in rows), encoding="utf-8")
    with pytest.raises(UnreadableFile, match=r"^a\.csv:3: a quotation mark .* never closes; close it") as told:
        read(path)
    assert str(in_chinese(str(told.value))).startswith("a.csv 第 3 行：有一个英文双引号")


def test_a_quotation_mark_within_a_cell_is_a_part_of_it(tmp_path):
    """Only one at the beginning of a cell opens anything."""
    rows = [HEADER, ['县"人民"医院"', *GOOD_ROW[1:]], GOOD_ROW]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(",".join(map(str, row)) for row in rows), encoding="utf-8")
    assert [each.name for each in read(path)[0]] == ['县"人民"医院"', GOOD_ROW[0]]


def test_a_spreadsheet_with_a_merged_title_is_read(tmp_path):
    """The title above an .xlsx is merged over all columns and is not the header."""
    rows = [[TITLE, None, None, None, None], CHINESE, ["县人民医院", "A100", 126.85, 42.35, "WGS84"]]
    assert_the_hospital(read(write_xlsx(tmp_path / "a.xlsx", rows, merged="A1:E1"))[0])


def test_codes_typed_as_numbers_keep_their_digits(tmp_path):
    """A division code that the spreadsheet stores as a number does not become 220622100.0."""
    rows = [[*HEADER, "area_code", "编制床位"], ["县人民医院", "A100", 126.85, 42.35, "WGS84", 220622100, 300]]
    (one,), _ = read(write_xlsx(tmp_path / "a.xlsx", rows))
    assert one.area_code == "220622100"
    assert one.beds == [{"kind": "authorised", "year": None, "count": 300}]


def test_a_sheet_is_chosen_by_name(tmp_path):
    """--layer names the sheet of a spreadsheet; a wrong name lists the ones that are there."""
    path = write_xlsx(tmp_path / "a.xlsx", [HEADER, GOOD_ROW], sheet="机构")
    assert_the_hospital(read(path, layer="机构")[0])
    with pytest.raises(UnreadableFile, match="机构"):
        read(path, layer="别的")


def test_geojson_points_are_facilities(tmp_path):
    """A map file brings its own positions, in degrees."""
    path = write_geojson(tmp_path / "a.geojson", [({"name": "县人民医院", "amenity": "hospital"}, Point(126.85, 42.35))])
    assert_the_hospital(read(path)[0])


def test_geojson_without_crs_says_that_it_is_read_as_crs84(tmp_path):
    """RFC 7946 decides when the file does not, and the import record says so."""
    path = write_geojson(tmp_path / "a.geojson", [({"name": "县人民医院", "amenity": "hospital"}, Point(126.85, 42.35))])
    _, report = read(path)
    assert any("CRS84" in note for note in report.notes)


def test_geojson_in_another_crs_is_brought_to_degrees(tmp_path):
    """An old GeoJSON that names EPSG:4551 lies where its metres say."""
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4551"}}
    path = write_geojson(tmp_path / "a.geojson", [({"name": "院", "amenity": "hospital"}, Point(500000, 4700000))], crs=crs)
    (one,), _ = read(path)
    assert one.lon == pytest.approx(126.0, abs=1e-6)  # 500 000 m is the central meridian
    assert one.lat == pytest.approx(42.4, abs=0.1)


def test_a_building_outline_stands_at_a_point_inside_it(tmp_path):
    """A facility drawn as a polygon gets a position within the polygon."""
    outline = box(126.85, 42.35, 126.86, 42.36)
    (one,), _ = read(write_geojson(tmp_path / "a.geojson", [({"name": "院", "amenity": "clinic"}, outline)]))
    assert outline.contains(Point(one.lon, one.lat))


def test_map_features_without_a_name_are_kept_and_counted(tmp_path):
    """The place is real although nobody wrote its name: it is registered under its class, and counted."""
    path = write_geojson(
        tmp_path / "a.geojson",
        [({"name": None, "amenity": "pharmacy"}, Point(126.85, 42.35)),
         ({"name": "", "amenity": "clinic"}, Point(126.86, 42.35)),
         ({"name": "县人民医院", "amenity": "hospital"}, Point(126.87, 42.35))],
    )
    found, report = read(path)
    assert [each.name for each in found] == ["（未命名）药店", "（未命名）诊所", "县人民医院"]
    assert any(note.startswith("2 without a name") for note in report.notes)


def test_a_table_row_without_a_name_is_refused(tmp_path):
    """In a table an empty name is a fault of that row, named with its number."""
    path = write_csv(tmp_path / "a.csv", [HEADER, GOOD_ROW, ["", *GOOD_ROW[1:]]])
    with pytest.raises(RefusedRows, match="row 3.*name is empty"):
        read(path)


def test_a_map_feature_without_geometry_is_to_be_located(tmp_path):
    """A feature with null geometry is kept and placed nowhere."""
    path = write_geojson(
        tmp_path / "a.geojson",
        [({"name": "甲", "amenity": "clinic"}, None), ({"name": "乙", "amenity": "clinic"}, Point(126.85, 42.35))],
    )
    found, report = read(path)
    assert [each.located for each in found] == [False, True]
    assert report.figures["to_be_located"] == 1


def test_a_shapefile_with_prj_is_read(tmp_path):
    """The .prj says the system; metres of EPSG:4551 arrive as degrees."""
    path = write_layer(tmp_path / "a.shp", [({"name": "县人民医院", "class_code": "A100"}, Point(500000, 4700000))], crs="EPSG:4551")
    (one,), _ = read(path)
    assert one.name == "县人民医院"
    assert one.lon == pytest.approx(126.0, abs=1e-6)


def test_a_shapefile_without_prj_is_never_guessed(tmp_path):
    """Without .prj it is refused with both cures; --crs is one of them."""
    path = write_layer(tmp_path / "a.shp", [({"name": "院", "class_code": "A100"}, Point(126.85, 42.35))], crs=None)
    with pytest.raises(MissingCRS, match=r"\.prj.*--crs"):
        read(path)
    (one,), _ = read(path, crs="EPSG:4490")
    assert one.lon == pytest.approx(126.85, abs=1e-6)


def test_a_crs_that_contradicts_the_file_is_refused(tmp_path):
    """--crs is for files that do not say; where the file says another nobody is believed."""
    path = write_layer(tmp_path / "a.shp", [({"name": "院", "class_code": "A100"}, Point(500000, 4700000))], crs="EPSG:4551")
    with pytest.raises(MissingCRS, match="EPSG:4552"):
        read(path, crs="EPSG:4552")


def test_a_crs_that_nobody_knows_is_refused(tmp_path):
    """A misspelt --crs is refused in our own words."""
    path = write_layer(tmp_path / "a.shp", [({"name": "院", "class_code": "A100"}, Point(126.85, 42.35))], crs=None)
    with pytest.raises(InvalidInput, match="EPSG:99999999"):
        read(path, crs="EPSG:99999999")


def test_a_geopackage_with_two_layers_asks_which(tmp_path):
    """Two layers are not mixed: the message lists them, and --layer takes one."""
    path = tmp_path / "a.gpkg"
    write_layer(path, [({"name": "县人民医院", "class_code": "A100"}, Point(126.85, 42.35))], layer="hospitals")
    write_layer(path, [({"name": "药店", "class_code": "X080"}, Point(126.86, 42.35))], layer="shops")
    with pytest.raises(UnreadableFile, match=r"hospitals.*shops.*--layer"):
        read(path)
    assert_the_hospital(read(path, layer="hospitals")[0])
    assert [each.name for each in read(path, layer="shops")[0]] == ["药店"]
    with pytest.raises(UnreadableFile, match=r"no layer 'houses'.*hospitals"):
        read(path, layer="houses")


def test_the_datum_is_never_guessed(tmp_path):
    """Numbers without a datum are refused; a column, --datum or the sidecar may say it."""
    plain = [HEADER[:4], GOOD_ROW[:4]]
    path = write_csv(tmp_path / "a.csv", plain)
    with pytest.raises(RefusedRows, match="datum.*not said.*--datum"):
        read(path)
    assert_the_hospital(read(path, datum="WGS84")[0])
    (one,), _ = read(path, datum="CGCS2000")
    assert one.raw_datum == "CGCS2000"
    path.with_name("a.csv.meta.json").write_text(json.dumps({"crs": "EPSG:4490"}), "utf-8")
    (one,), _ = read(path)
    assert one.raw_datum == "CGCS2000"


@pytest.mark.parametrize("datum", ["GCJ02", "gcj-02", "高德", "BD09", "bd-09", "百度坐标"])
def test_shifted_datums_are_converted_and_what_the_file_said_is_kept(tmp_path, datum):
    """A pick on 高德 or 百度 stands where it was taken, not 500 metres off; its own numbers stay beside it."""
    x, y = (float(each) for each in from_wgs84(126.85, 42.35, datum=datum))
    path = write_csv(tmp_path / "a.csv", [HEADER, [*GOOD_ROW[:2], repr(x), repr(y), datum]])
    (one,), report = read(path)
    assert (one.lon, one.lat) == pytest.approx((126.85, 42.35), abs=1e-9)
    assert (one.raw_x, one.raw_y, one.raw_datum) == (repr(x), repr(y), datum_named(datum))
    assert any("1 positions converted" in note for note in report.notes)


@pytest.mark.parametrize("turned", [False, True])
def test_metres_of_a_zone_are_read_in_either_order(tmp_path, turned):
    """Surveyors put the northing first; the zone before the easting tells which is which."""
    pair = ["42484300.0", "4694500.0"]
    path = write_csv(tmp_path / "a.csv", [HEADER, [*GOOD_ROW[:2], *(pair[::-1] if turned else pair), "CGCS2000"]])
    (one,), _ = read(path)
    assert [one.lon, one.lat] == pytest.approx([float(each) for each in to_degrees(484300.0, 4694500.0, crs="EPSG:4551")], abs=1e-9)
    assert one.raw_datum == "CGCS2000"


def test_classes_that_the_list_does_not_know_are_unclassified_and_counted(tmp_path):
    """A word that is not in the code list becomes X999, and the report counts it by word."""
    rows = [HEADER] + [[f"机构{i}", word, "126.85", "42.35", "WGS84"] for i, word in enumerate(["魔法屋", "魔法屋", "A100"])]
    found, report = read(write_csv(tmp_path / "a.csv", rows))
    assert [each.class_code for each in found] == ["X999", "X999", "A100"]
    assert [note for note in report.notes if "X999" in note] == [
        "2 of class '魔法屋', which the code list does not know: registered as X999 未分类"]


def test_the_class_of_all_rows_is_for_rows_that_say_none(tmp_path):
    """--class D600 classifies the silent row; a row that says something unknown stays unclassified."""
    rows = [HEADER, ["甲", "", "126.85", "42.35", "WGS84"], ["乙", "A100", "126.85", "42.35", "WGS84"],
            ["丙", "魔法屋", "126.85", "42.35", "WGS84"]]
    found, _ = read(write_csv(tmp_path / "a.csv", rows), default_class="D600")
    assert [each.class_code for each in found] == ["D600", "A100", "X999"]


def test_skip_bad_takes_the_good_rows_and_reports_the_others(tmp_path):
    """With --skip-bad one bad row is listed with its number and the others are read."""
    rows = [HEADER, GOOD_ROW, ["乙", "A100", "", "42.35", "WGS84"], ["丙", "A100", "42.35", "126.85", "WGS84"]]
    path = write_csv(tmp_path / "a.csv", rows)
    found, report = read(path, skip_bad=True)
    assert_the_hospital(found)
    assert [each.row for each in report.refusals] == [3, 4]
    with pytest.raises(RefusedRows) as caught:
        read(path)
    assert [each.row for each in caught.value.refusals] == [3, 4]


def test_without_positions_lists_all_as_to_be_located(tmp_path):
    """A list without coordinates is taken when it is said to be one."""
    found, report = read(write_csv(tmp_path / "a.csv", [HEADER[:2], GOOD_ROW[:2]]), without_positions=True)
    assert [each.located for each in found] == [False]
    assert report.figures["to_be_located"] == 1


def test_columns_that_are_not_used_are_named(tmp_path):
    """Nothing is dropped in silence: the report names the columns that were not understood."""
    _, report = read(write_csv(tmp_path / "a.csv", [[*HEADER, "颜色"], [*GOOD_ROW, "红"]]))
    assert any("颜色" in note for note in report.notes)


def test_a_sidecar_with_the_right_checksum_is_believed(tmp_path):
    """The sidecar gives the source when it describes this very file."""
    path = write_csv(tmp_path / "a.csv", [HEADER, GOOD_ROW])
    path.with_name("a.csv.meta.json").write_text(json.dumps({"source": "卫健局", "sha256": sha256_of(path)}), "utf-8")
    (one,), _ = read(path)
    assert one.source == "卫健局"


def test_a_sidecar_of_another_file_is_refused(tmp_path):
    """A file that was changed after its sidecar was written is not what the sidecar describes."""
    path = write_csv(tmp_path / "a.csv", [HEADER, GOOD_ROW])
    path.with_name("a.csv.meta.json").write_text(json.dumps({"sha256": "0" * 64}), "utf-8")
    with pytest.raises(UnreadableFile, match="sha256 differs.*update the sidecar"):
        read(path)


def test_the_same_table_as_csv_spreadsheet_and_map_is_the_same_facility(tmp_path):
    """Whatever the type of file, the same facility has the same place."""
    shape = [({"name": "县人民医院", "class_code": "A100"}, Point(126.85, 42.35))]
    paths = [
        write_csv(tmp_path / "a.csv", [HEADER, GOOD_ROW]), write_xlsx(tmp_path / "a.xlsx", [HEADER, GOOD_ROW]),
        write_geojson(tmp_path / "a.geojson", shape), write_layer(tmp_path / "b.gpkg", shape, layer="a"),
        write_layer(tmp_path / "c.shp", shape),
    ]
    assert COUNTY.contains(Point(126.85, 42.35))
    for path in paths:
        (one,), _ = read(path)
        assert (one.name, one.class_code, round(one.lon, 9), round(one.lat, 9)) == ("县人民医院", "A100", 126.85, 42.35)
