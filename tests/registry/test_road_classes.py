"""Road classes: the words of Chinese road registers mean what drivers meet there."""

from __future__ import annotations

import pytest
from registry.made_files import EAST, WEST, county_files, write_geojson
from shapely import LineString
from workflows.small_county import furnish

from geosvc.registry.road_classes import road_class_of, road_classes
from geosvc.travel.profiles import OTHER_ROAD, travel_profiles
from geosvc.workflows import importing
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study

ROAD = LineString([(WEST, 42.35), (EAST, 42.35)])


@pytest.mark.parametrize(("told", "meant"), [
    ("高速公路", "motorway"), ("国道", "trunk"), ("省道", "primary"), ("县道", "secondary"), ("乡道", "tertiary"),
    ("村道", "unclassified"), ("二级公路", "primary"), ("四级", "unclassified"), ("次干路", "secondary"),
    (" X ", "secondary"), ("ＭＯＴＯＲＷＡＹ", "motorway"), ("Trunk road", "trunk"), ("living_street", "living_street"),
])
def test_a_word_of_a_source_means_a_class(told, meant):
    """Administrative grades, technical grades, city roads, register letters, full-width letters, OSM's own words."""
    known = road_class_of(told)
    assert known is not None
    assert known.code == meant


@pytest.mark.parametrize("told", ["航线", "铁路", "", "7"])
def test_a_word_that_nobody_knows_is_no_class(told):
    """Neither guessed nor taken for the nearest word."""
    assert road_class_of(told) is None


def test_every_class_that_a_profile_gives_a_speed_to_is_in_the_code_list():
    """So that a road of that class can be imported without a word of warning."""
    for profile in travel_profiles().values():
        named = {*profile.road_kmh, *profile.closed, *profile.foot_only} - {OTHER_ROAD}
        assert named <= set(road_classes()), profile.id


def test_every_vehicle_class_of_the_code_list_has_a_speed_of_its_own_or_is_not_driven():
    """No class that the importer accepts in silence is then driven at walking speed."""
    for name in ("drive", "emergency"):
        profile = travel_profiles()[name]
        told = {*profile.road_kmh, *profile.closed, *profile.foot_only}
        assert set(road_classes()) <= told, name


def seconds_by_road(settings, folder, road_class, column="道路等级"):
    """Return the worst minutes of a drive along one road of that class."""
    store = furnish(settings, folder, leave_out=("roads", "landcover"))
    path = write_geojson(folder / "own_roads.geojson", [({column: road_class}, ROAD)])
    report = importing.import_roads(store, path, settings)
    run = measure_service(Study(store, settings), "hospital-drive")
    store.close()
    return report, run


def test_a_county_road_is_driven_like_openstreetmaps_secondary(settings, tmp_path):
    """县道 and secondary give one and the same surface, to the microsecond; the report says how it was read."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    report, run = seconds_by_road(settings, here, "县道")
    other = type(settings)(workspace=there / "workspace")
    _, same = seconds_by_road(other, there, "secondary", column="highway")
    assert run.summary["curve"] == same.summary["curve"]
    assert report.figures["classes"] == {"secondary": 1}
    assert any("县道 = secondary (1)" in note for note in report.notes)
    assert "unknown_road_classes" not in [note["code"] for note in run.notes]


def test_an_unknown_class_is_imported_counted_and_said_in_every_run(settings, tmp_path):
    """The road stays, slow; the import and the run both say so."""
    report, run = seconds_by_road(settings, tmp_path, "神秘道路")
    assert report.figures["unknown_classes"] == {"神秘道路": 1}
    assert any("神秘道路 (1)" in note and "road_class" in note for note in report.notes)
    told = {note["code"]: note for note in run.notes}["unknown_road_classes"]
    assert "神秘道路" in told["zh"]
    assert "1 roads" in told["en"]


def test_the_technical_grade_is_read_before_the_administrative_one(store, settings, tmp_path):
    """A 国道 of the third technical grade is a slow road."""
    made = county_files(tmp_path)
    importing.import_areas(store, made["areas"], settings)
    path = write_geojson(tmp_path / "r.geojson", [({"行政等级": "国道", "技术等级": "三级"}, ROAD)])
    assert importing.import_roads(store, path, settings).figures["classes"] == {"tertiary": 1}


def test_a_road_with_an_empty_class_is_a_minor_one_and_counted(store, settings, tmp_path):
    """Blank cells of a table are no class of their own."""
    made = county_files(tmp_path)
    importing.import_areas(store, made["areas"], settings)
    path = write_geojson(tmp_path / "r.geojson", [({"等级": " "}, ROAD), ({"等级": None}, ROAD), ({"等级": "乡道"}, ROAD)])
    report = importing.import_roads(store, path, settings)
    assert report.figures["classes"] == {"unclassified": 2, "tertiary": 1}
    assert any(note.startswith("2 roads without a class") for note in report.notes)


