"""What offices write into their tables: names of townships, figures of staff by column, 0 for a place that nobody knows."""

from __future__ import annotations

import pytest
from registry.made_files import write_csv

from geosvc.errors import RefusedRows
from geosvc.geo.datums import from_wgs84
from geosvc.registry import facilities
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.registry.imports.reasons import in_chinese
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import importing
from geosvc.workflows.facility_imports import preview_facilities

AREAS = [
    ["code", "name", "level", "parent_code"], ["220622", "靖宇县", "county", ""],
    ["220622102", "龙泉镇", "township", "220622"], ["220622103", "那尔轰镇", "township", "220622"],
    ["220622102201", "东村", "village", "220622102"], ["220622103201", "东村", "village", "220622103"],
]
HEAD = ["机构名称", "机构类别", "所属乡镇", "经度", "纬度"]
WGS84 = FacilityOptions(datum="WGS84")


@pytest.fixture
def county(store, settings, tmp_path):
    """A registry that knows two townships, each with a village of the same name."""
    importing.import_areas(store, write_csv(tmp_path / "areas.csv", AREAS), settings)
    return store


def imported(store, settings, path, rows, options=WGS84):
    return importing.import_facilities(store, write_csv(path, rows), options, settings)


def registered(store):
    with store.reading() as session:
        return {each.facility.name: each.facility for each in facilities.find(session, FacilityQuery())}


def test_names_of_areas_become_codes(county, settings, tmp_path):
    """A township, one behind its county, a village behind its township, full-width blanks: each gets the one code that it means."""
    report = imported(county, settings, tmp_path / "a.csv", [
        HEAD, ["甲", "D600", "龙泉镇", "126.8", "42.4"], ["乙", "D600", "靖宇县 那尔轰镇", "126.81", "42.4"], ["丙", "D600", "龙泉镇东村", "126.82", "42.4"],
        ["丁", "D600", "220622103", "126.83", "42.4"],
    ])
    assert {name: one.area_code for name, one in registered(county).items()} == {
        "甲": "220622102", "乙": "220622103", "丙": "220622102201", "丁": "220622103"}
    assert "3 rows say the name of their area (row 2, 3, 4): its code was looked up" in report.notes
    assert not any("no area" in each for each in report.notes)


def test_a_name_that_two_areas_have_gives_no_code(county, settings, tmp_path):
    """Of two villages of one name none is taken; that is said, and so is what is not registered and what names nothing."""
    rows = [HEAD, ["甲", "D600", "东村", "126.8", "42.4"], ["乙", "D600", "西镇", "126.81", "42.4"], ["丙", "D600", "", "126.82", "42.4"]]
    path = write_csv(tmp_path / "a.csv", rows)
    dry, done = preview_facilities(county, path, WGS84, settings), importing.import_facilities(county, path, WGS84, settings)
    assert {one.area_code for one in registered(county).values()} == {None}
    for report in (dry, done):
        assert any(each.startswith("2 rows name an area that is not registered, or whose name several have (row 2, 3): 东村, 西镇") for each in report.notes)
        assert any(each.startswith("3 of 3 new facilities name no area") for each in report.notes)
        assert all(in_chinese(each) for each in report.notes if "area" in each)


def test_a_name_in_the_column_of_codes_is_looked_up_and_a_wrong_code_is_said(county, settings, tmp_path):
    """区划代码 holds 龙泉镇: its code; 999999 stays as it stands, as in the form, and is told of."""
    head = [*HEAD[:2], "区划代码", *HEAD[3:]]
    report = imported(county, settings, tmp_path / "a.csv", [head, ["甲", "D600", "龙泉镇", "126.8", "42.4"], ["乙", "D600", "999999", "126.81", "42.4"]])
    assert {name: one.area_code for name, one in registered(county).items()} == {"甲": "220622102", "乙": "999999"}
    assert any("(row 3): 999999;" in each for each in report.notes)


def test_a_column_of_codes_goes_before_names_and_an_empty_name_keeps_the_code(county, settings, tmp_path):
    """Both columns: the code counts where it stands. Later a table with an empty name of the area: what is registered stays."""
    imported(county, settings, tmp_path / "a.csv", [[*HEAD, "区划代码"], ["甲", "D600", "龙泉镇", "126.8", "42.4", "220622103"],
                                                     ["乙", "D600", "龙泉镇", "126.81", "42.4", ""]])
    assert {name: one.area_code for name, one in registered(county).items()} == {"甲": "220622103", "乙": "220622102"}
    again = imported(county, settings, tmp_path / "b.csv", [HEAD, ["乙", "D600", "", "126.81", "42.4"]])
    assert (again.changes["unchanged"], registered(county)["乙"].area_code) == (1, "220622102")


def test_without_areas_nothing_is_said_of_them(store, settings, tmp_path):
    """A registry that knows no areas takes codes as they stand and warns of none."""
    head = [*HEAD[:2], "区划代码", *HEAD[3:]]
    report = imported(store, settings, tmp_path / "a.csv", [head, ["甲", "D600", "220622102", "126.8", "42.4"]])
    assert registered(store)["甲"].area_code == "220622102"
    assert not any("area" in each for each in report.notes)


def test_staff_by_column(store, settings, tmp_path):
    """医师数, 护士, 村医 and beds with their units: figures of their kind; the same file again changes nothing, another figure only itself."""
    head = ["机构名称", "机构类别", "经度", "纬度", "医师数", "护士", "村医", "床位数"]
    rows = [head, ["甲", "C220", "126.8", "42.4", "12", "2人", "", "30张"]]
    imported(store, settings, tmp_path / "a.csv", rows)
    assert registered(store)["甲"].staff == [{"cadre": "doctors", "count": 12}, {"cadre": "nurses", "count": 2}]
    assert registered(store)["甲"].beds == [{"kind": "authorised", "year": None, "count": 30}]
    assert imported(store, settings, tmp_path / "a.csv", rows).changes["unchanged"] == 1
    imported(store, settings, tmp_path / "b.csv", [head, ["甲", "C220", "126.8", "42.4", "12", "0", "", "30"]])
    assert registered(store)["甲"].staff == [{"cadre": "doctors", "count": 12}, {"cadre": "nurses", "count": 0}]


def test_staff_that_is_no_number_is_refused(store, settings, tmp_path):
    """两人 is not guessed; the reason names the column in both languages."""
    head = ["机构名称", "机构类别", "经度", "纬度", "护士"]
    with pytest.raises(RefusedRows, match="staff_nurses must be a whole number of staff, got '两人'") as caught:
        imported(store, settings, tmp_path / "a.csv", [head, ["甲", "C220", "126.8", "42.4", "两人"]])
    assert in_chinese(caught.value.refusals[0].reason) == "护士“两人”应是整数的人数"


@pytest.mark.parametrize("datum", ["WGS84", "GCJ02", "BD09"])
def test_nought_and_nought_is_no_place(store, settings, tmp_path, datum):
    """0, 0 stands for unknown: refused, never a facility in the sea; with both cells empty it is to be located."""
    head = ["机构名称", "机构类别", "经度", "纬度"]
    options = FacilityOptions(datum=datum)
    with pytest.raises(RefusedRows, match="both 0") as caught:
        imported(store, settings, tmp_path / "a.csv", [head, ["甲", "D600", "0", "0.000"]], options)
    assert in_chinese(caught.value.refusals[0].reason).startswith("经度和纬度都是 0")
    assert registered(store) == {}
    assert imported(store, settings, tmp_path / "b.csv", [head, ["甲", "D600", "", ""]], options).figures["to_be_located"] == 1


def test_whose_list_it_is_becomes_the_source_of_what_is_new(store, settings, tmp_path):
    """A source said with the import is that of new facilities without one; nobody's registered source is changed by it."""
    head = ["机构名称", "机构类别", "经度", "纬度", "来源"]
    imported(store, settings, tmp_path / "a.csv", [head[:4], ["甲", "D600", "126.8", "42.4"]], FacilityOptions(datum="WGS84", source="县名册"))
    assert registered(store)["甲"].source == "县名册"
    again = imported(store, settings, tmp_path / "a.csv", [head[:4], ["甲", "D600", "126.8", "42.4"]], FacilityOptions(datum="WGS84", source="市名册"))
    assert (again.changes["unchanged"], registered(store)["甲"].source) == (1, "县名册")
    imported(store, settings, tmp_path / "b.csv", [head, ["乙", "D600", "126.9", "42.4", "普查"]], FacilityOptions(datum="WGS84", source="市名册"))
    assert registered(store)["乙"].source == "普查"


@pytest.mark.parametrize("word", ["动物医院", "宠物医院", "动物诊所"])
def test_clinics_of_animals_are_left_out_by_their_class(store, settings, tmp_path, word):
    """Counted, listed, and said in Chinese; the other rows go in."""
    report = imported(store, settings, tmp_path / "a.csv", [HEAD, ["甲", "D600", "", "126.8", "42.4"], ["乖乖", word, "", "126.9", "42.4"]])
    assert (report.changes["new"], [each.row for each in report.left_out]) == (1, [3])
    assert in_chinese(next(each for each in report.notes if "left out" in each)).startswith("1 行是动物医院")


PLACES = [(126.80, 42.40), (126.85, 42.45), (126.90, 42.38), (126.95, 42.42)]
PLACED = ["机构名称", "机构类别", "经度", "纬度", "定位方式"]


def in_datum(datum, places=PLACES):
    """Rows of clinics at places, in the numbers of a datum."""
    at = [tuple(map(float, from_wgs84(*place, datum=datum))) for place in places]
    return [PLACED, *([f"第{i}卫生室", "D600", f"{x:.6f}", f"{y:.6f}", "实测"] for i, (x, y) in enumerate(at))]


def asked_about(store, settings, tmp_path, rows, told):
    report = preview_facilities(store, write_csv(tmp_path / "b.csv", rows), FacilityOptions(datum=told), settings)
    return [each for each in report.notes if "is the datum right" in each]


@pytest.mark.parametrize(("true", "told"), [("GCJ02", "WGS84"), ("BD09", "WGS84"), ("GCJ02", "CGCS2000"), ("WGS84", "GCJ02"), ("BD09", "GCJ02"), ("GCJ02", "BD09")])
def test_a_batch_that_is_shifted_as_another_datum_would_be_is_asked_about(store, settings, tmp_path, true, told):
    """Clinics that are registered come back in another datum than was said: the note names it; said rightly, there is none."""
    imported(store, settings, tmp_path / "a.csv", in_datum("WGS84"))
    rows = in_datum(true)
    (note,) = asked_about(store, settings, tmp_path, rows, told)
    assert note.startswith("4 of 4 facilities") and f"if the file were in {true}:" in note
    assert f"坐标系是 {true}" in in_chinese(note)
    assert asked_about(store, settings, tmp_path, rows, true) == []


def test_few_or_other_moves_are_no_shift(store, settings, tmp_path):
    """Two clinics are too few; clinics that moved some other way are no wrong datum; settlement points are no measure."""
    imported(store, settings, tmp_path / "a.csv", in_datum("WGS84"))
    assert asked_about(store, settings, tmp_path, in_datum("GCJ02")[:3], "WGS84") == []
    assert asked_about(store, settings, tmp_path, in_datum("WGS84", [(lon + 0.005, lat) for lon, lat in PLACES]), "WGS84") == []
    coarse = [[*row[:4], "居民点坐标" if i else row[4]] for i, row in enumerate(in_datum("WGS84"))]
    imported(store, settings, tmp_path / "c.csv", coarse)
    assert asked_about(store, settings, tmp_path, in_datum("GCJ02"), "WGS84") == []
