"""Areas, figures of people and the list of classes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import shapely
from registry.made_files import write_csv

from geosvc.errors import AreaNotFound, InvalidInput
from geosvc.registry import areas, populations
from geosvc.registry.areas import Area
from geosvc.registry.classes import class_of, facility_classes
from geosvc.registry.imports.areas import PeopleOptions
from geosvc.registry.populations import Population
from geosvc.store.areas import AreaQuery
from geosvc.workflows import importing

TOWN = Area(code="990001100", name="西镇", level="township", parent_code="990001", geometry=shapely.box(126, 42, 127, 43))
CENSUS = Population(
    area_code="990001100", year=2020, kind="resident", people=1000, status="census", source="第七次人口普查",
    groups={"65_plus": 200},
)


def save_area(store, area):
    with store.writing() as session:
        return areas.save(session, area, author="王", origin="test")


def save_people(store, figure):
    with store.writing() as session:
        return populations.save(session, figure, author="王", origin="test")


def test_an_area_is_new_then_unchanged_then_changed(store):
    """Saving tells what it did; the same polygon and words again are no change."""
    same = replace(TOWN, geometry=shapely.box(126, 42, 127, 43))
    assert [save_area(store, each) for each in (TOWN, same, replace(TOWN, name="西镇（新）"))] == [
        "new", "unchanged", "changed"]
    with store.reading() as session:
        assert areas.get(session, "990001100").name == "西镇（新）"
        assert areas.count(session, AreaQuery()) == 1


def test_another_polygon_is_a_change(store):
    """A boundary that moved is a change although every word is the same."""
    save_area(store, TOWN)
    assert save_area(store, replace(TOWN, geometry=shapely.box(126, 42, 127, 43.1))) == "changed"


def test_an_area_needs_no_polygon(store):
    """A coded division is an area: kept with geometry and box unknown."""
    save_area(store, replace(TOWN, geometry=None))
    with store.reading() as session:
        found = areas.get(session, "990001100")
        assert found.geometry is None
        assert found.bbox is None
        assert areas.count(session, AreaQuery(has_geometry=False)) == 1


def test_a_code_that_nobody_has_is_not_found(store):
    """Asking for an unknown area names the code."""
    with store.reading() as session, pytest.raises(AreaNotFound, match="123"):
        areas.get(session, "123")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"code": " "}, "needs a code"),
        ({"code": "*total"}, "star"),
        ({"name": ""}, "needs a name"),
        ({"level": "planet"}, "township"),
        ({"settlement_class": "suburb"}, "urban, rural or empty"),
        ({"parent_code": "990001100"}, "its own parent"),
    ],
)
def test_an_area_that_can_never_be_true_is_refused(changes, words):
    """An area with a bad code, level or class is refused, and the message says what is allowed."""
    with pytest.raises(InvalidInput, match=words):
        replace(TOWN, **changes)


def test_a_figure_of_another_source_stays_beside_the_first(store):
    """Two sources that differ are both kept; the same source again replaces its own figure only."""
    other = replace(CENSUS, source="统计年鉴", people=990)
    assert [save_people(store, each) for each in (CENSUS, CENSUS, other, replace(CENSUS, people=1001))] == [
        "new", "unchanged", "new", "changed"]
    with store.reading() as session:
        found = {each.source: each.people for each in populations.find(session, "990001100")}
    assert found == {"第七次人口普查": 1001, "统计年鉴": 990}


def test_parts_of_the_people_come_back(store):
    """Groups by age are stored with their figure."""
    save_people(store, CENSUS)
    with store.reading() as session:
        assert populations.find(session) == [CENSUS]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"people": -1}, "0 or more"),
        ({"people": float("nan")}, "0 or more"),
        ({"people": float("inf")}, "0 or more"),
        ({"kind": "tourist"}, "resident, registered"),
        ({"status": "rumour"}, "census"),
        ({"year": 20}, "four digits"),
        ({"groups": {"65_plus": 1001}}, "more than"),
    ],
)
def test_a_figure_that_can_never_be_true_is_refused(changes, words):
    """Fewer than zero people, an unknown status, or a part larger than its whole cannot be registered."""
    with pytest.raises(InvalidInput, match=words):
        replace(CENSUS, **changes)


def test_a_figure_belongs_to_an_area():
    """A figure without the code of an area is nobody's and is refused."""
    with pytest.raises(InvalidInput, match="area"):
        replace(CENSUS, area_code="")


def test_every_class_has_a_code_two_names_and_a_group():
    """The code list is complete: each class can be printed in both languages and drawn."""
    for code, each in facility_classes().items():
        assert each.code == code
        assert each.zh
        assert each.en
        assert each.group
    assert facility_classes()["X999"].zh == "未分类"


def test_names_of_the_list_mean_their_own_class():
    """Every code and every Chinese name is understood as itself."""
    for code, each in facility_classes().items():
        assert class_of(code).code == code
        assert class_of(each.zh).code == code
        assert class_of(each.en.upper()).code == code


@pytest.mark.parametrize(("word", "code"), [("卫生院", "C220"), (" hospital ", "A100"), ("a100", "A100"), ("中医院", "A210")])
def test_words_of_other_sources_are_understood(word, code):
    """Spreadsheets and OpenStreetMap have their own words; case and blanks do not matter."""
    assert class_of(word).code == code


def test_an_unknown_class_is_refused_with_a_way_out():
    """The list never guesses: the message gives an example and the unclassified code."""
    with pytest.raises(InvalidInput, match="X999"):
        class_of("魔法屋")


def test_what_a_table_of_people_does_not_say_can_be_said_for_all_rows(store, settings, tmp_path):
    """A plain table of code and people, and year, kind, status and source beside it; a row's own word stands."""
    path = write_csv(tmp_path / "p.csv", [["area_code", "people", "year"], ["990001", "1,200", ""], ["990002", "80", "2021"]])
    options = PeopleOptions(year=2020, kind="常住", status="普查", source="公报")
    importing.import_population(store, path, settings, options=options)
    with store.reading() as session:
        found = populations.find(session)
    assert [(each.area_code, each.people, each.year) for each in found] == [("990001", 1200.0, 2020), ("990002", 80.0, 2021)]
    assert {(each.kind, each.status, each.source) for each in found} == {("resident", "census", "公报")}


def test_parents_in_a_row_are_no_ring(store, settings, tmp_path):
    """Village, township, county, and a parent that is not registered: accepted, twice over."""
    path = write_csv(tmp_path / "a.csv", [["code", "name", "level", "parent_code"], ["3", "村", "village", "2"],
                                          ["2", "乡", "township", "1"], ["1", "县", "county", "0"], ["4", "村", "village", "2"]])
    importing.import_areas(store, path, settings)
    assert importing.import_areas(store, path, settings).changes["unchanged"] == 4


def test_a_ring_made_by_two_files_is_refused_as_a_whole(store, settings, tmp_path):
    """The second file closes the ring: nothing of it is stored."""
    header = ["code", "name", "level", "parent_code"]
    importing.import_areas(store, write_csv(tmp_path / "a.csv", [header, ["2", "乡", "township", "1"]]), settings)
    with pytest.raises(InvalidInput, match="ring"):
        importing.import_areas(store, write_csv(tmp_path / "b.csv", [header, ["1", "县", "county", "2"]]), settings)
    with store.reading() as session:
        assert [area.code for area in areas.find(session, AreaQuery())] == ["2"]
