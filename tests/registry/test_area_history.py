"""Areas with a history: what was true on a day and known at a moment, and divisions that become others."""

from __future__ import annotations

from dataclasses import replace

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from registry.made_files import write_csv

from geosvc.errors import AreaNotFound, InvalidInput
from geosvc.registry import areas, audit, divisions, facilities, populations
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility
from geosvc.registry.moments import AsOf, now
from geosvc.registry.populations import Population
from geosvc.registry.successions import successions
from geosvc.store.areas import AreaQuery
from geosvc.store.engine import create_store
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import importing

BY = {"author": "王", "origin": "form"}
COUNTY = Area(code="990001", name="某县", level="county", geometry=shapely.box(126, 42, 128, 43))
WEST = Area(code="990001100", name="西乡", level="township", geometry=shapely.box(126, 42, 127, 43))
EAST = Area(code="990001200", name="东乡", level="township", geometry=shapely.box(127, 42, 128, 43))
VILLAGE = Area(code="990001200201", name="东村", level="village")
CLINIC = Facility(name="东村卫生室", class_code="D600", lon=127.5, lat=42.5, position_method="surveyed", area_code="990001200")
DAY, BEFORE = "2021-01-01", "2020-12-31"


def save(store, *some, **times):
    with store.writing() as session:
        return [areas.save(session, area, **times, **BY) for area in some]


def codes(store, **times):
    with store.reading() as session:
        return [area.code for area in areas.find(session, AreaQuery(**times))]


def name_of(store, code, **times):
    with store.reading() as session:
        return areas.get(session, code, AsOf(**times)).name


def holds(store):
    with store.reading() as session:
        told = audit.verify(session)
    return told.problem


@pytest.fixture
def county(store):
    """A county of two townships, a village in the east, and a clinic there."""
    save(store, COUNTY, WEST, EAST, VILLAGE)
    with store.writing() as session:
        facilities.save(session, CLINIC, facility_id=None, **BY)
    return store


def test_a_correction_holds_for_all_time_and_the_old_belief_stays(county):
    """A name that was wrong was always wrong; asked what was known before, the registry tells the old one."""
    moment = now()
    assert save(county, replace(WEST, name="西镇")) == ["changed"]
    assert name_of(county, "990001100", valid_at="1990-01-01") == "西镇"
    assert name_of(county, "990001100", recorded_at=moment) == "西乡"
    assert holds(county) is None


def test_a_change_from_a_day_on_leaves_the_days_before(county):
    """A township that became a town on a day was a township until the day before."""
    assert save(county, replace(WEST, name="西镇"), valid_from=DAY) == ["changed"]
    assert (name_of(county, "990001100", valid_at=BEFORE), name_of(county, "990001100", valid_at=DAY)) == ("西乡", "西镇")
    assert save(county, replace(WEST, name="西镇"), valid_from=DAY) == ["unchanged"]
    with county.reading() as session:
        found = areas.versions(session, "990001100")
    assert [(each.change, each.valid_from, each.valid_to, each.changed) for each in found] == [
        ("update", DAY, None, ("name",)), ("end", None, DAY, ()), ("create", None, None, ())]
    assert holds(county) is None


def test_a_change_between_two_known_ones_lasts_until_the_later(county):
    """What is told between two changes is true until the later of them."""
    save(county, replace(WEST, name="丙"), valid_from="2022-01-01")
    save(county, replace(WEST, name="乙"), valid_from=DAY)
    assert [name_of(county, "990001100", valid_at=day) for day in (BEFORE, DAY, "2021-12-31", "2022-01-01")] == ["西乡", "乙", "乙", "丙"]


def test_the_same_file_twice_changes_nothing(store, settings, tmp_path):
    """Importing divisions again makes no revision, with a day or without; a changed name makes one."""
    def table(name):
        return write_csv(tmp_path / "a.csv", [["code", "name", "level"], ["990001", name, "county"], ["990001100", "西乡", "township"]])

    importing.import_areas(store, table("某县"), settings)
    assert importing.import_areas(store, table("某县"), settings).changes == {"unchanged": 2}
    assert importing.import_areas(store, table("某市"), settings, valid_from=DAY).changes["changed"] == 1
    assert importing.import_areas(store, table("某市"), settings, valid_from=DAY).changes == {"unchanged": 2}
    assert name_of(store, "990001", valid_at=BEFORE) == "某县"


def test_a_new_code_keeps_everything_else(county):
    """A township with a new code: its polygon and village stay, its clinic is found under the new code from that day on."""
    with county.writing() as session:
        done = divisions.recode(session, "990001200", "990001300", on=DAY, name="东镇", note="民政部公告", **BY)
    assert (done.links, done.moved, done.facilities) == ([("990001200", "990001300")], ["990001200201"], 1)
    assert codes(county, valid_at=BEFORE) == ["990001", "990001100", "990001200", "990001200201"]
    assert codes(county, valid_at=DAY) == ["990001", "990001100", "990001200201", "990001300"]
    with county.reading() as session:
        assert areas.get(session, "990001300").geometry.equals(EAST.geometry)
        assert areas.get(session, "990001200201").parent_code == "990001300"
        assert areas.get(session, "990001200201", AsOf(valid_at=BEFORE)).parent_code is None
        with pytest.raises(AreaNotFound, match="it became 990001300"):
            areas.get(session, "990001200")
    assert [found(county, "990001300", DAY), found(county, "990001300", BEFORE), found(county, "990001200", BEFORE)] == [1, 0, 1]
    assert holds(county) is None


def found(store, area, day):
    with store.reading() as session:
        query = FacilityQuery(area_prefix=area, valid_at=day)
        counted = facilities.count(session, query)
        assert counted == len(facilities.find(session, query))
        return counted


def test_merged_divisions_are_one_with_the_polygon_of_both(county):
    """Two townships become a town: one polygon, everybody's village below it, and facilities of both found in it."""
    with county.writing() as session:
        divisions.merge_areas(session, ["990001100", "990001200"], replace(WEST, code="990001300", name="新镇", geometry=None), on=DAY, **BY)
    with county.reading() as session:
        assert areas.get(session, "990001300").geometry.equals(COUNTY.geometry)
        assert successions(session).before("990001300") == ("990001100", "990001200")
    assert found(county, "990001300", DAY) == 1
    assert found(county, "990001", DAY) == 1
    assert holds(county) is None


def test_one_may_take_the_others_in(county):
    """Merged into one that is there: it keeps code and name and grows."""
    with county.writing() as session:
        divisions.merge_areas(session, ["990001200"], "990001100", on=DAY, **BY)
    assert codes(county, valid_at=DAY) == ["990001", "990001100", "990001200201"]
    with county.reading() as session:
        grown = areas.get(session, "990001100")
    assert (grown.name, grown.geometry.equals(COUNTY.geometry)) == ("西乡", True)
    assert found(county, "990001100", DAY) == 1


def test_a_facility_that_moved_to_another_county_is_no_longer_in_the_old_one(county):
    """A township that went to the neighbour takes its facilities along, from that day on."""
    with county.writing() as session:
        divisions.recode(session, "990001200", "990002200", on=DAY, **BY)
    assert [found(county, area, DAY) for area in ("990001", "990002")] == [0, 1]
    assert [found(county, area, BEFORE) for area in ("990001", "990002")] == [1, 0]


def test_a_split_gives_each_its_own_and_lists_what_nobody_knows(county):
    """Of a split township, located facilities go to the part they stand in; the others are listed, not guessed."""
    parts = [replace(EAST, code=f"99000130{n}", name=f"东{n}镇", geometry=shapely.box(127 + n / 2, 42, 127.5 + n / 2, 43)) for n in (0, 1)]
    with county.writing() as session:
        nowhere, _ = facilities.save(session, replace(CLINIC, name="无", lon=None, lat=None, position_method="none"), facility_id=None, **BY)
        placed, _ = facilities.save(session, replace(CLINIC, name="在", lon=127.2), facility_id=None, **BY)
        done = divisions.split(session, "990001200", parts, on=DAY, **BY)
    assert (done.assigned, nowhere in done.open_facilities, done.open_areas) == ([placed], True, ["990001200201"])
    assert found(county, "990001300", DAY) == 1
    assert found(county, "990001200", BEFORE) == 3
    with county.reading() as session:
        assert successions(session).now("990001200") == ("990001300", "990001301")
        assert successions(session).before("990001300") == ()
    assert holds(county) is None


@pytest.mark.parametrize(
    ("what", "words"),
    [
        (lambda s: divisions.recode(s, "990001200", "990001100", on=DAY, **BY), "in use"),
        (lambda s: divisions.recode(s, "990001200", "990001300", on="soon", **BY), "day such as"),
        (lambda s: divisions.recode(s, "1", "2", on=DAY, **BY), "no area has the code '1'"),
        (lambda s: divisions.merge_areas(s, ["990001100"], replace(WEST, code="7"), on=DAY, **BY), "two divisions or more"),
        (lambda s: divisions.merge_areas(s, ["990001100", "990001"], "990001", on=DAY, **BY), "one level"),
        (lambda s: divisions.split(s, "990001200", [replace(EAST, code="7")], on=DAY, **BY), "two parts or more"),
        (lambda s: areas.end(s, "990001100", on="2020-01-01", **BY) and areas.save(s, WEST, **BY), "ended on 2020-01-01"),
    ],
)
def test_what_cannot_happen_to_a_division_is_refused_and_nothing_is_stored(county, what, words):
    """A code in use, no day, one alone: refused with the cure; the registry is as before."""
    before = codes(county, valid_at=DAY)
    with pytest.raises((InvalidInput, AreaNotFound), match=words), county.writing() as session:
        what(session)
    assert codes(county, valid_at=DAY) == before
    assert holds(county) is None


def test_people_of_merged_divisions_are_added_up_only_if_all_are_known(county):
    """The town has the people of both townships; of a year in which one has no figure, none is told for the town."""
    with county.writing() as session:
        for code, year, people in (("990001100", 2010, 100), ("990001200", 2010, 50), ("990001100", 2015, 90), ("990001300", 2022, 130)):
            populations.save(session, Population(area_code=code, year=year, kind="resident", people=people, status="census", source="普查"), **BY)
        divisions.merge_areas(session, ["990001100", "990001200"], replace(WEST, code="990001300", name="新镇", geometry=None), on=DAY, **BY)
    with county.reading() as session:
        told = populations.in_codes_of(populations.find(session), successions(session), codes(county))
    assert sorted((each.area_code, each.year, each.people) for each in told) == [("990001300", 2010, 150), ("990001300", 2022, 130)]


def test_a_figure_that_was_corrected_is_remembered(store):
    """What was known before a correction of a figure of people can be asked for."""
    figure = Population(area_code="1", year=2020, kind="resident", people=10, status="census", source="公报")
    with store.writing() as session:
        populations.save(session, figure, **BY)
    moment = now()
    with store.writing() as session:
        populations.save(session, replace(figure, people=12), **BY)
    with store.reading() as session:
        assert [each.people for each in populations.find(session)] == [12]
        assert [each.people for each in populations.find(session, recorded_at=moment)] == [10]
    assert holds(store) is None


def test_figures_speak_for_their_year_and_later(store):
    """For 2015 the census of 2010 speaks, not that of 2020; where only 2020 is known, it stays."""
    told = [Population(area_code=code, year=year, kind="resident", people=1, status="census", source="普查")
            for code, year in (("1", 2010), ("1", 2020), ("2", 2020), ("2", 2030))]
    assert [(each.area_code, each.year) for each in populations.years_of(told, "2015-06-30")] == [("1", 2010), ("2", 2020)]
    assert populations.years_of(told, "2031-01-01") == told


# -- laws ----------------------------------------------------------------------------------------

_DAYS = st.sampled_from(["2018-01-01", "2019-01-01", "2020-01-01", "2021-01-01", "2022-01-01"])
_STEPS = st.lists(st.tuples(st.sampled_from("甲乙丙"), st.none() | _DAYS), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def one_store(tmp_path_factory):
    """A workspace for all drawn histories; each is of a code of its own."""
    made = create_store(tmp_path_factory.mktemp("law") / "workspace")
    yield made
    made.close()


@settings(max_examples=40, deadline=None)
@given(steps=_STEPS)
def test_what_is_believed_of_an_area_never_overlaps_and_nothing_is_lost(one_store, steps):
    """Any changes in any order: on each day one state is true, the one a plain calendar tells; every past belief can be asked for."""
    with one_store.reading() as session:
        code = str(len(areas.find(session, AreaQuery(valid_at="9999-01-01"))) + 1)
    calendar = ["2017-01-01", "2018-01-01", "2019-01-01", "2020-01-01", "2021-01-01", "2022-01-01"]
    expected: list[str | None] = [None] * len(calendar)
    starts: set[int] = set()
    past = []
    for name, day in steps:
        save(one_store, Area(code=code, name=name, level="county"), valid_from=day)
        _on_calendar(expected, starts, calendar, name, day)
        past.append((now(), list(expected)))
    for moment, told in past:
        assert [_name_on(one_store, code, each, moment) for each in calendar] == told


def test_the_log_holds_after_all_of_them(one_store):
    """Whatever was drawn before: the chain and all revisions fit."""
    save(one_store, Area(code="last", name="末", level="county"))
    assert holds(one_store) is None


def _on_calendar(expected, starts, calendar, name, day):
    """The slow obvious twin: one cell for each day, changed cell by cell."""
    if not starts:
        begin = 0 if day is None else calendar.index(day)
        starts.add(begin)
        expected[begin:] = [name] * (len(calendar) - begin)
        return
    if day is None:
        begin = max(starts)
    else:
        begin = calendar.index(day)
        if expected[begin] == name:
            return
    later = min((each for each in starts if each > begin), default=len(calendar))
    expected[begin:later] = [name] * (later - begin)
    starts.add(begin)


def _name_on(store, code, day, moment):
    try:
        return name_of(store, code, valid_at=day, recorded_at=moment)
    except AreaNotFound:
        return None
