"""Facilities to be located: where they may stand, how far off that could be, and placing them so that it can be undone."""

from __future__ import annotations

import pytest
from registry.made_files import WEST, write_csv
from shapely.geometry import box

from geosvc.errors import (
    Conflict,
    FacilityNotFound,
    InvalidCoordinate,
    InvalidInput,
    InvalidParameter,
    MissingPrecondition,
    NotFound,
    NotUndoable,
)
from geosvc.geo.crs import distance_m
from geosvc.geo.datums import from_wgs84
from geosvc.registry import areas, audit, facilities, history
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility
from geosvc.registry.locating import Gazetteer, Rule, codes_above, settlements_of, suggestions, village_word
from geosvc.workflows import importing, locating
from geosvc.workflows.exporting import export_facilities

TOWN = "990001100"
PLACE = (126.85, 42.35)


def to_locate(name, code=TOWN, **more):
    """A facility that nobody has found yet."""
    return Facility(name=name, class_code=more.pop("class_code", "D600"), area_code=code, **more)


@pytest.fixture
def county(store, settings, tmp_path):
    """A county with a township of three villages; people are known by point, of one village by another facility only."""
    shape = box(WEST, 42.3, 126.9, 42.4)
    with store.writing() as session:
        for code, name, level, geometry in (
            ("990001", "试验县", "county", box(WEST, 42.3, 127.0, 42.4)), (TOWN, "西镇", "township", shape),
            (TOWN + "201", "保安村民委员会", "village", None), (TOWN + "202", "永红村民委员会", "village", None),
            (TOWN + "203", "大永红村民委员会", "village", None), ("990001101", "东镇", "township", None),
        ):
            areas.save(session, Area(code=code, name=name, level=level, geometry=geometry), author="王", origin="form")
    people = [["longitude", "latitude", "people", "area_code", "datum"], ["126.81", "42.31", "90", TOWN + "201", "WGS84"],
              ["126.82", "42.31", "10", TOWN + "201", "WGS84"], ["126.87", "42.38", "50", TOWN + "203", "WGS84"]]
    importing.import_population(store, write_csv(tmp_path / "people.csv", people), settings)
    return store


def register(store, *several):
    with store.writing() as session:
        return [facilities.save(session, each, facility_id=None, author="王", origin="form")[0] for each in several]


def suggested(store, number):
    entries, _, _ = locating.worklist_page(store, limit=100)
    return {each["rule"]: each for each in next(one for one in entries if one["id"] == number)["suggestions"]}


def exported(store, folder):
    path = folder / "out.csv"
    export_facilities(store, path, with_contacts=True)
    return path.read_bytes()


def test_the_worklist_names_what_is_missing_and_counts_it(county):
    """Page by page, by area and class; whoever names no area is counted as such."""
    ids = register(county, to_locate("甲卫生室"), to_locate("乙卫生室", TOWN + "201"), to_locate("丙诊所", "990001101", class_code="D200"),
                   to_locate("丁诊所", None, class_code="D200"),
                   to_locate("在图上", lon=126.85, lat=42.35, position_method="surveyed"))
    seen, cursor = [], None
    while True:
        page, matched, cursor = locating.worklist_page(county, cursor=cursor, limit=1)
        seen += [each["id"] for each in page]
        if cursor is None:
            break
    assert (seen, matched) == (ids[:4], 4)
    assert locating.worklist_page(county, area=TOWN, limit=9)[1] == 2
    assert locating.worklist_page(county, class_prefix="d2", limit=9)[1] == 2
    told = locating.counts(county)
    assert told["total"] == 4
    assert [(each["code"], each["name"], each["count"]) for each in told["by_area"]] == [(TOWN, "西镇", 2), (None, None, 1), ("990001101", "东镇", 1)]
    assert {each["code"]: each["count"] for each in told["by_class"]} == {"D600": 2, "D200": 2}
    assert locating.counts(county, area=TOWN)["total"] == 2
    assert locating.worklist_page(county, area="8", limit=9)[:2] == ([], 0)


def test_the_middle_of_the_area_is_poor_and_says_how_far_off(county):
    """As far as the farthest corner of the township; a facility without an area gets no place at all."""
    number, nowhere = register(county, to_locate("甲诊所"), to_locate("乙诊所", None))
    found = suggested(county, number)
    assert set(found) == {"area_centre"}
    middle = found["area_centre"]
    assert (middle["poor"], middle["method"], middle["area_code"]) == (True, "area_centre", TOWN)
    assert middle["off_by_m"] == pytest.approx(distance_m(middle["lon"], middle["lat"], WEST, 42.3), rel=0.01)
    assert suggested(county, nowhere) == {}


def test_a_settlement_is_known_by_code_or_by_name(county):
    """The village's code, or its name in the facility's; where most of its people live, and how far the others do."""
    by_code, by_name, longer = register(county, to_locate("甲诊所", TOWN + "201"), to_locate("西镇保安村卫生室"), to_locate("大永红卫生室"))
    for number in (by_code, by_name):
        point = suggested(county, number)["settlement_point"]
        assert (point["lon"], point["lat"], point["poor"]) == (pytest.approx(126.811), 42.31, False)
        assert point["off_by_m"] == pytest.approx(distance_m(126.811, 42.31, 126.82, 42.31), abs=1)
    assert suggested(county, longer)["settlement_point"]["area_code"] == TOWN + "203"


def test_the_settlement_point_of_another_facility_counts(county):
    """永红 has no people by point, but a clinic stands at its settlement point."""
    other, number = register(
        county, to_locate("永红小学医务室", TOWN + "202", lon=126.83, lat=42.33, position_method="settlement_point"), to_locate("永红卫生室"))
    point = suggested(county, number)["settlement_point"]
    assert (point["lon"], point["facility_id"]) == (126.83, other)


def test_the_name_of_the_county_is_no_village(county):
    """试验县西镇卫生院 says nothing of the village 试验 in that township; 西镇试验村卫生室 does."""
    with county.writing() as session:
        areas.save(session, Area(code=TOWN + "204", name="试验村", level="village"), author="王", origin="form")
    register(county, to_locate("试验小学医务室", TOWN + "204", lon=126.83, lat=42.33, position_method="settlement_point"))
    of_county, of_village, in_county = register(
        county, to_locate("试验县西镇卫生院"), to_locate("试验县西镇试验村卫生室"), to_locate("试验县防疫站", "990001"))
    assert "settlement_point" not in suggested(county, of_county)
    assert "settlement_point" not in suggested(county, in_county)
    assert suggested(county, of_village)["settlement_point"]["area_code"] == TOWN + "204"


def test_the_same_address_is_a_place_if_it_has_a_number(county):
    """中心街1号 is one house; 中心街 is a street, and the middle of an area is no address."""
    other, _, _ = register(
        county, to_locate("甲诊所", address="中心街1号", lon=126.83, lat=42.33, position_method="surveyed"),
        to_locate("乙诊所", address="中心街", lon=126.84, lat=42.33, position_method="surveyed"),
        to_locate("丙诊所", address="河南街2号", lon=126.84, lat=42.33, position_method="area_centre"))
    one, two, three = register(county, to_locate("丁", address="中心街1号"), to_locate("戊", address="中心街"), to_locate("己", address="河南街2号"))
    found = suggested(county, one)["same_address"]
    assert (found["lon"], found["lat"], found["method"], found["facility_id"]) == (126.83, 42.33, "geocoded", other)
    assert "same_address" not in suggested(county, two)
    assert "same_address" not in suggested(county, three)


@pytest.mark.parametrize(("x", "y", "datum", "expects"), [
    ("126.85", "42.35", "WGS84", [("WGS84", 126.85, 42.35)]),
    ("42.35", "126.85", "WGS84", [("WGS84", 126.85, 42.35)]),
    ("126°51′", "42°21′", "WGS84", [("WGS84", 126.85, 42.35)]),
    ("12.7", "4.2", "WGS84", []), ("很远", "42.35", "WGS84", []), ("126.85", None, "WGS84", []), ("126.95", "42.35", "WGS84", []),
])
def test_a_raw_value_that_was_refused_is_read_once_more(county, x, y, datum, expects):
    """As it stands or swapped, if that lies in the facility's area; never otherwise."""
    (number,) = register(county, to_locate("甲", raw_x=x, raw_y=y, raw_datum=datum))
    entries, _, _ = locating.worklist_page(county, limit=9)
    assert entries[0]["id"] == number
    found = [each for each in entries[0]["suggestions"] if each["rule"] == "raw_value"]
    assert [(each["datum"], pytest.approx(each["lon"]), pytest.approx(each["lat"])) for each in found] == expects
    assert all(x in each["zh"] for each in found)


def test_a_raw_value_of_an_unknown_datum_is_read_in_each(county):
    """Three datums, three places within a kilometre and a half: none is chosen for anybody, and none is placed at once."""
    lon, lat = (float(each) for each in from_wgs84(*PLACE, datum="BD09"))
    register(county, to_locate("甲", raw_x=repr(lon), raw_y=repr(lat)))
    (entry,), _, _ = locating.worklist_page(county, limit=9)
    found = {each["datum"]: each for each in entry["suggestions"] if each["rule"] == "raw_value"}
    assert set(found) == {"WGS84", "GCJ02", "BD09"}
    assert (found["BD09"]["lon"], found["BD09"]["lat"]) == (pytest.approx(PLACE[0], abs=1e-6), pytest.approx(PLACE[1], abs=1e-6))
    assert all(each["poor"] and 500 < each["off_by_m"] < 2000 for each in found.values())
    told = locating.place_many(county, "raw_value", author="周", reason="x", preview=True)
    assert (told["placed"], told["ambiguous"]) == (0, 1)


def test_placing_keeps_what_was_told_and_says_what_looks_wrong(county):
    """高德's degrees are converted and kept; outside of its township is a finding, not a refusal."""
    (number,) = register(county, to_locate("甲"))
    lon, lat = (float(each) for each in from_wgs84(*PLACE, datum="GCJ02"))
    (entry,), _, _ = locating.worklist_page(county, limit=9)
    told = locating.place(county, number, lon, lat, method="building", datum="高德", author="周", expected=entry["revision"], source="高德地图")
    assert told["feature"]["geometry"]["coordinates"] == [pytest.approx(PLACE[0], abs=1e-7), pytest.approx(PLACE[1], abs=1e-7)]
    properties = told["feature"]["properties"]
    assert (properties["raw_x"], properties["raw_datum"], properties["position_method"]) == (repr(lon), "GCJ02", "building")
    assert locating.worklist_page(county, limit=9)[1] == 0
    far = locating.place(county, number, 126.99, 42.35, method="surveyed", author="周", expected=properties["revision"])
    assert far["findings"]
    with county.reading() as session:
        assert facilities.get(session, number).facility.position_source is None
        assert audit.verify(session).holds


@pytest.mark.parametrize(("change", "error"), [
    ({"method": "none"}, InvalidParameter), ({"method": "illustrative"}, InvalidParameter), ({"method": "guess"}, InvalidParameter),
    ({"datum": "北京54"}, InvalidParameter), ({"lon": 1268.0}, InvalidCoordinate), ({"lat": float("nan")}, InvalidCoordinate),
    ({"expected": None}, MissingPrecondition), ({"expected": 99}, Conflict), ({"facility_id": 99}, FacilityNotFound),
])
def test_what_is_no_place_is_refused(county, tmp_path, change, error):
    """And nothing is stored."""
    (number,) = register(county, to_locate("甲"))
    before = exported(county, tmp_path)
    told = {"facility_id": number, "lon": 126.85, "lat": 42.35, "method": "surveyed", "author": "周", "expected": 1} | change
    with pytest.raises(error):
        locating.place(county, told.pop("facility_id"), told.pop("lon"), told.pop("lat"), **told)
    assert exported(county, tmp_path) == before


def test_many_are_placed_by_one_rule_and_taken_back_at_once(county, tmp_path):
    """All village clinics onto their settlements: what the preview said; then everything is as it was."""
    register(county, to_locate("保安村卫生室"), to_locate("大永红卫生室"), to_locate("某卫生室"), to_locate("甲诊所", TOWN + "201", class_code="D200"))
    before = exported(county, tmp_path)
    asked = {"rule": "settlement_point", "class_prefix": "D600", "author": "周", "reason": "卫生室在本村"}
    preview = locating.place_many(county, **asked, preview=True)
    assert (preview["placing"], preview["placed"], preview["left"]) == (None, 2, 1)
    assert exported(county, tmp_path) == before
    with pytest.raises(Conflict, match="3"):
        locating.place_many(county, **asked, expected_count=3)
    done = locating.place_many(county, **asked, expected_count=2)
    assert (done["placed"], locating.counts(county)["total"]) == (2, 2)
    with county.reading() as session:
        assert facilities.get(session, 1).facility.position_method == "settlement_point"
    (known,) = locating.placings(county)
    assert (known["placing"], known["facilities"], known["undone"]) == (done["placing"], 2, False)
    assert locating.undo_placing(county, done["placing"], author="周")["to_be_located_again"] == 2
    assert exported(county, tmp_path) == before
    assert locating.placings(county)[0]["undone"]
    with pytest.raises(NotUndoable, match="already"):
        locating.undo_placing(county, done["placing"], author="周")
    with county.reading() as session:
        assert audit.verify(session).holds


def test_a_placing_that_somebody_built_on_stays(county, tmp_path):
    """A pin that was moved since is named; nothing is taken back."""
    register(county, to_locate("保安村卫生室"), to_locate("大永红卫生室"))
    done = locating.place_many(county, "settlement_point", author="周", reason="在本村")
    with county.reading() as session:
        seen = facilities.get(session, 2)
    locating.place(county, 2, 126.86, 42.36, method="surveyed", author="李", expected=seen.revision)
    before = exported(county, tmp_path)
    with pytest.raises(NotUndoable, match="2 大永红卫生室"):
        locating.undo_placing(county, done["placing"], author="周")
    assert exported(county, tmp_path) == before
    with pytest.raises(NotFound):
        locating.undo_placing(county, "placing:never", author="周")


def test_a_rule_needs_a_reason_and_must_be_one(county):
    """No reason, no such rule: refused; nothing to do makes no placing."""
    register(county, to_locate("保安村卫生室"))
    with pytest.raises(InvalidInput, match="reason"):
        locating.place_many(county, "settlement_point", author="周", reason=" ")
    with pytest.raises(InvalidParameter, match="rule"):
        locating.place_many(county, "guess", author="周", reason="x")
    assert locating.place_many(county, "same_address", author="周", reason="x")["placing"] is None
    assert locating.placings(county) == []


def test_an_account_of_one_area_sees_and_places_its_own(county):
    """Neither worklist, counts nor placing reach beyond its areas."""
    mine, other = register(county, to_locate("保安村卫生室"), to_locate("东镇卫生室", "990001101"))
    limited = county.limited_to([TOWN])
    assert [each["id"] for each in locating.worklist_page(limited, limit=9)[0]] == [mine]
    assert locating.counts(limited)["total"] == 1
    with pytest.raises(FacilityNotFound):
        locating.place(limited, other, 126.85, 42.35, method="surveyed", author="周", expected=2)
    assert locating.place_many(limited, "area_centre", author="周", reason="先占位")["placed"] == 1


def test_codes_and_villages_are_read_as_people_write_them():
    """A village lies in its township and its county; a zone in itself."""
    assert codes_above("Z1") == ["Z1"]
    assert codes_above(None) == []
    assert village_word("三道湖镇河西村") == "三道湖镇河西"
    assert village_word("村") == "村"
    assert settlements_of([("", 1.0, 1.0, 5.0), ("1", 1.0, 1.0, 0.0)]) == {}
    empty = Gazetteer(areas={}, villages={}, settlements={}, at_address={}, at_settlement={})
    assert suggestions(Facility(name="甲", class_code="D600"), empty) == []
    (swapped,) = suggestions(to_locate("甲", raw_x="42.3", raw_y="126.8", raw_datum="WGS84"), empty)
    assert (swapped.rule, swapped.lon, swapped.poor) == (Rule.RAW_VALUE, 126.8, True)


def test_history_shows_who_placed_it(county):
    """A correction with the reason and the door of the placing."""
    register(county, to_locate("保安村卫生室"))
    done = locating.place_many(county, "settlement_point", author="周", reason="在本村")
    with county.reading() as session:
        newest = history.versions(session, 1)[0]
    assert (newest.kind, newest.author, newest.reason, newest.origin) == ("correction", "周", "在本村", done["placing"])
    assert newest.changed["position_method"] == ("none", "settlement_point")
