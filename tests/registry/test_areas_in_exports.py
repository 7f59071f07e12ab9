"""An export, a list and a count take an area alike: a zone, a division that took others in, the same on a day before."""

from __future__ import annotations

import csv

import pytest
from people import BY

from geosvc.registry import areas, divisions, facilities
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import duplicates, locating
from geosvc.workflows.exporting import export_facilities

WEST, EAST, OTHER, ZONE = "990001100", "990001200", "990002100", "Z1"


@pytest.fixture
def merged(store):
    """Of two townships the west took the east in this year; a zone of the west and of a township in another county."""
    with store.writing() as session:
        for code, name, level in (("990001", "甲县", "county"), ("990002", "乙县", "county"), (WEST, "西镇", "township"), (EAST, "东乡", "township"),
                                  (OTHER, "南镇", "township")):
            areas.save(session, Area(code=code, name=name, level=level, parent_code=code[:6] if len(code) > 6 else None), **BY)
        areas.save(session, Area(code=ZONE, name="山区", level="zone", members=(EAST, OTHER)), **BY)
        for name, code, place in (("西院", WEST, (1.0, 2.0)), ("东院", EAST, (None, None)), ("南院", OTHER, (None, None))):
            lon, lat = place
            facilities.save(session, Facility(name=name, class_code="C220", area_code=code, lon=lon, lat=lat,
                                              position_method="surveyed" if lon else "none"), facility_id=None, **BY)
        divisions.merge_areas(session, [EAST], WEST, on="2026-01-01", **BY)
    return store


@pytest.mark.parametrize("format_name", ["csv", "xlsx", "geojson", "gpkg"])
@pytest.mark.parametrize(("area", "day", "expected"), [
    (WEST, "2026-06-01", {"西院", "东院"}), (WEST, "2025-06-01", {"西院"}), (EAST, "2025-06-01", {"东院"}), (ZONE, "2025-06-01", {"东院", "南院"}),
    ("990001", "2026-06-01", {"西院", "东院"}),
])
def test_an_export_of_an_area_holds_what_the_list_of_it_shows(merged, tmp_path, format_name, area, day, expected):
    query = FacilityQuery(area_prefix=area)
    with merged.reading() as session:
        listed = {each.facility.name for each in facilities.find(session, FacilityQuery(area_prefix=area, valid_at=day))}
    told = export_facilities(merged, tmp_path / f"out.{format_name}", query, date=day)
    assert (listed, told["facilities"]) == (expected, len(expected))
    if format_name == "csv":
        with (tmp_path / "out.csv").open(encoding="utf-8-sig") as stream:
            assert {row["机构名称"] for row in csv.DictReader(stream)} == expected
        assert told["to_be_located"] == len(expected - {"西院"})


def test_what_is_to_be_located_is_counted_as_it_is_listed(merged):
    """The figures above the worklist are those of the list below, in a division that took another one in."""
    listed, matched, _ = locating.worklist_page(merged, area=WEST, limit=10)
    told = locating.counts(merged, area=WEST)
    assert ([each["name"] for each in listed], matched, told["total"]) == (["东院"], 1, 1)


@pytest.mark.parametrize(("area", "pairs"), [(WEST, 1), (EAST, 1), ("9900", 1), (OTHER, 0), (None, 1)])
def test_the_queue_of_duplicates_takes_an_area_as_lists_do(merged, area, pairs):
    """Two of one name in the township that was taken in: in the queue of the new one, of its own old code and of what holds both."""
    with merged.writing() as session:
        for lon in (2.0, 2.0001):
            facilities.save(session, Facility(name="东乡永红诊所", class_code="D200", area_code=EAST, lon=lon, lat=2.0, position_method="surveyed"),
                            facility_id=None, **BY)
    assert duplicates.duplicates_page(merged, area=area)[1] == pairs
    assert duplicates.groups_page(merged, area=area, limit=5)[1] == pairs


@pytest.mark.parametrize(("area", "found"), [(WEST, 1), (EAST, 1), (ZONE, 1), ("9900", 1), (OTHER, 0), (None, 1)])
def test_what_was_decided_is_found_by_area_as_the_open_queue_is(merged, area, found):
    """A pair answered and a pair merged in the township that was taken in, which a zone holds too."""
    with merged.writing() as session:
        ids = [facilities.save(session, Facility(name=name, class_code="D200", area_code=EAST, lon=lon, lat=2.0, position_method="surveyed"),
                               facility_id=None, **BY)[0]
               for name, lon in (("东乡永红诊所", 2.0), ("东乡永红诊所", 2.0001), ("东乡清泉诊所", 2.1), ("东乡清泉诊所", 2.1001))]
    duplicates.answer_pairs(merged, [(ids[0], ids[1])], author="test", reason="两家")
    duplicates.merge_facilities(merged, ids[2], [ids[3]], author="test", reason="一家")
    for state in ("not_duplicate", "merged"):
        entries, matched, _next = duplicates.queue_page(merged, state=state, area=area, limit=5)
        assert (len(entries), matched) == (found, found), state
