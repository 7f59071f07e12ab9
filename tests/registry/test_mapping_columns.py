"""Columns are guessed, shown, and read as a person says; what was said is remembered by the headers."""

from __future__ import annotations

import json

import pytest
from registry.made_files import HEADER, snapshot, write_csv, write_geojson, write_xlsx
from shapely.geometry import Point

from geosvc.errors import InvalidInput, UnreadableFile
from geosvc.registry import facilities
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import importing
from geosvc.workflows.mapping import describe_file, options_as_before

ODD = [["医疗点", "性质码", "东向", "北向", "备注", "名称"], ["康健所", "村所", "126.85", "42.35", "好", "旧名"], ["福安所", "乡院", "126.9", "42.36", "", ""]]
MAPPING = {"医疗点": "name", "性质码": "class_code", "东向": "longitude", "北向": "latitude", "名称": ""}
TYPES = {"村所": "D600", "乡院": "C220"}


def described(store, path, **options):
    return describe_file(store, path, max_mb=10, **options)


def registered(store):
    with store.reading() as session:
        return [each.facility for each in facilities.find(session, FacilityQuery())]


def test_it_shows_headers_guesses_sample_and_what_is_missing(store, tmp_path):
    """A table whose headers nobody has met: all columns are shown, the understood ones with their field."""
    told = described(store, write_csv(tmp_path / "a.csv", ODD))
    assert {each["header"]: each["field"] for each in told["headers"]} == {
        "医疗点": "", "性质码": "", "东向": "", "北向": "", "备注": "note", "名称": "name"}
    assert told["sample"] == [ODD[1], ODD[2]]
    assert told["missing"] == ["class_code", "longitude", "latitude"]
    assert told["rows"] == 2
    assert told["remembered"] is None
    assert {"field": "name", "zh": "机构名称", "en": "name"} in told["fields"]
    json.dumps(told)


def test_what_a_person_says_goes_before_the_guess(store, tmp_path):
    """With the mapping nothing is missing but the datum, and each word of the class column is counted."""
    path = write_csv(tmp_path / "a.csv", ODD)
    told = described(store, path, mapping=MAPPING)
    assert [each["field"] for each in told["headers"]] == ["name", "class_code", "longitude", "latitude", "note", ""]
    assert told["missing"] == []
    assert told["datum"]["ask"] is True
    assert {each["word"]: each["class_code"] for each in told["classes"]} == {"村所": "X999", "乡院": "X999"}


def test_a_mapped_file_is_read_as_said(store, settings, tmp_path):
    """Names, classes and places come from the columns that were named; the one left out is not read."""
    path = write_csv(tmp_path / "a.csv", ODD)
    options = FacilityOptions(mapping=MAPPING, source_types=TYPES, datum="WGS84")
    assert importing.import_facilities(store, path, options, settings).changes == {"new": 2}
    assert [(each.name, each.class_code, each.lon, each.note) for each in registered(store)] == [
        ("康健所", "D600", 126.85, "好"), ("福安所", "C220", 126.9, None)]
    assert importing.import_facilities(store, path, options, settings).changes == {"unchanged": 2}


def test_it_is_offered_again_for_the_same_headers(store, settings, tmp_path):
    """Next month's file has the same columns in another order: mapping, datum and classes are offered."""
    options = FacilityOptions(mapping=MAPPING, source_types=TYPES, datum="GCJ02")
    importing.import_facilities(store, write_csv(tmp_path / "a.csv", ODD), options, settings)
    turned = write_csv(tmp_path / "b.csv", [each[::-1] for each in ODD])
    told = described(store, turned)
    assert told["remembered"]["mapping"] == MAPPING
    assert told["remembered"]["options"] == {"datum": "GCJ02", "source_types": TYPES}
    assert (told["missing"], told["datum"]["before"]) == ([], "GCJ02")
    assert {each["word"]: each["class_code"] for each in told["classes"]} == TYPES
    again = FacilityOptions(**options_as_before(store, turned, max_mb=10))
    before = snapshot(settings.workspace)
    assert importing.import_facilities(store, turned, again, settings).changes == {"unchanged": 2}
    assert snapshot(settings.workspace) == before


def test_two_sources_with_the_same_headers_are_kept_apart(store, settings, tmp_path):
    """The health bureau's and the statistics office's tables look alike; their datums differ."""
    path = write_csv(tmp_path / "a.csv", ODD)
    for source, datum in (("卫健局", "WGS84"), ("统计局", "CGCS2000")):
        importing.import_facilities(
            store, path, FacilityOptions(mapping=MAPPING, datum=datum, source=source, default_class="D600", skip_bad=True), settings)
    assert described(store, path, source="卫健局")["remembered"]["options"]["datum"] == "WGS84"
    assert described(store, path, source="统计局")["remembered"]["options"]["datum"] == "CGCS2000"
    assert described(store, path, source="别处")["remembered"] is None
    assert described(store, path)["remembered"]["source"] == "统计局"


def test_other_headers_are_another_source(store, settings, tmp_path):
    """One column more, and nothing is taken for granted."""
    importing.import_facilities(store, write_csv(tmp_path / "a.csv", ODD), FacilityOptions(mapping=MAPPING, datum="WGS84"), settings)
    wider = write_csv(tmp_path / "b.csv", [[*each, "x"] for each in ODD])
    assert described(store, wider)["remembered"] is None
    with pytest.raises(InvalidInput, match="no file with the columns of b.csv was imported before"):
        options_as_before(store, wider, max_mb=10)


@pytest.mark.parametrize(("mapping", "message"), [
    ({"医疗点": "colour"}, "column '医疗点' cannot be read as 'colour'; a column is one of name"),
    ({"医疗点": "name", "名称": "name"}, "columns '医疗点' and '名称' cannot both be name"),
    ({"没有的列": "name"}, "a.csv has no column '没有的列', which the mapping names; its columns are: 医疗点, 性质码"),
])
def test_mappings_that_cannot_be(store, settings, tmp_path, mapping, message):
    """A field that there is not, one field twice, a column that there is not."""
    path = write_csv(tmp_path / "a.csv", ODD)
    with pytest.raises(InvalidInput, match=message):
        importing.import_facilities(store, path, FacilityOptions(mapping=mapping, datum="WGS84", default_class="D600"), settings)


def test_two_columns_of_one_header_are_told_apart(store, settings, tmp_path):
    """编制 of beds and 编制 of staff: the second is 编制 (2), and can be mapped by itself."""
    rows = [[*HEADER, "数", "数"], ["县医院", "A100", "126.85", "42.35", "WGS84", "100", "7"]]
    path = write_csv(tmp_path / "a.csv", rows)
    assert [each["header"] for each in described(store, path)["headers"]][-2:] == ["数", "数 (2)"]
    importing.import_facilities(store, path, FacilityOptions(mapping={"数 (2)": "beds_actual", "数": ""}), settings)
    assert registered(store)[0].beds == [{"kind": "actual", "year": None, "count": 7}]


def test_a_second_column_for_the_same_field_is_not_dropped_in_silence(store, settings, tmp_path):
    """名称 and 单位名称 both mean the name: the first is read, the report names the other."""
    rows = [["名称", "单位名称", *HEADER[1:]], ["甲", "乙", "A100", "126.85", "42.35", "WGS84"]]
    report = importing.preview_facilities(store, write_csv(tmp_path / "a.csv", rows), FacilityOptions(), settings)
    assert "columns not used: 单位名称" in report.notes


def test_sheets_and_layers_are_listed(store, tmp_path):
    """A workbook names its sheets, a map file its layers and that its datum is told."""
    book = described(store, write_xlsx(tmp_path / "a.xlsx", [["名单"], *ODD], sheet="名单"))
    assert (book["layers"], book["layer"], book["has_geometry"]) == (["名单"], "名单", False)
    shapes = described(store, write_geojson(tmp_path / "a.geojson", [({"name": "院", "amenity": "hospital"}, Point(126.85, 42.35))]))
    assert (shapes["has_geometry"], shapes["datum"]["told"], shapes["datum"]["ask"], shapes["missing"]) == (True, "WGS84", False, [])
    assert [each["field"] for each in shapes["headers"]] == ["name", "class_code"]


def test_one_letter_in_the_last_cell_of_a_sheet_is_refused(store, tmp_path):
    """A reader would reserve half a terabyte for it: the message names the cell and the cure."""
    import openpyxl

    path = write_xlsx(tmp_path / "a.xlsx", ODD)
    book = openpyxl.load_workbook(path)
    book.active["XFD1048576"] = "x"
    book.save(path)
    with pytest.raises(UnreadableFile, match="reaches as far as cell XFD1048576.*delete the rows below"):
        described(store, path)


def test_the_command_shows_and_takes_a_mapping(store, settings, tmp_path, capsys):
    """The command import columns, then --map and --type, then --as-before."""
    from geosvc.cli import app

    path = write_csv(tmp_path / "a.csv", ODD)
    where = ["--workspace", str(settings.workspace)]
    app(["import", "columns", str(path), *where], standalone_mode=False)
    told = capsys.readouterr().out
    assert "医疗点" in told
    assert "missing: class_code, longitude, latitude" in told
    words = [f"--map={header}={name}" for header, name in MAPPING.items()] + [f"--type={word}={code}" for word, code in TYPES.items()]
    app(["import", "facilities", str(path), *where, *words, "--datum", "WGS84", "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["new"] == 2
    app(["import", "facilities", str(path), *where, "--as-before", "--json"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out)["unchanged"] == 2
    app(["imports", *where, "--json"], standalone_mode=False)
    (one,) = json.loads(capsys.readouterr().out)["imports"]
    assert (one["file_name"], one["new"], one["undoable"]) == ("a.csv", 2, True)
    app(["undo-import", "1", *where, "--reason", "试一试"], standalone_mode=False)
    assert "import 1 (a.csv) is undone: 2 deleted, 0 as before" in capsys.readouterr().out
    app(["imports", *where], standalone_mode=False)
    app(["imports", "1", *where], standalone_mode=False)
    assert "undone at" in capsys.readouterr().out
