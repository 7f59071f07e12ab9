"""Services as of a day: facilities, areas and people as they were, and the run that answers for them."""

from __future__ import annotations

from dataclasses import replace

import pytest
import shapely
from fastapi.testclient import TestClient
from registry.made_files import write_csv
from workflows.small_county import furnish

from geosvc.application import create_app
from geosvc.errors import InvalidParameter, NoFacility, RunNotFound
from geosvc.registry import areas, divisions, facilities, history
from geosvc.registry.facilities import Facility
from geosvc.registry.moments import AsOf, now
from geosvc.settings import Settings
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import as_of, features, importing, publishing, reading
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study

SERVICE, OPENED, DAY = "hospital-drive", "2024-07-01", "2020-01-01"
BY = {"author": "王", "origin": "form"}

# What one test measured answers in the next.
ONE_STORY = True


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    """The small county, in which a second hospital opened in 2024; measured for today."""
    folder = tmp_path_factory.mktemp("as-of")
    settings = Settings(workspace=folder / "workspace")
    store = furnish(settings, folder)
    with store.writing() as session:
        facilities.save(session, Facility(name="东镇医院", class_code="A100", lon=126.97, lat=42.32, position_method="surveyed",
                                          opened_on=OPENED), facility_id=None, **BY)
    measure_service(Study(store, settings), SERVICE)
    yield store, settings
    store.close()


def covered(store, run):
    return reading.coverage_table(store, SERVICE, run_id=run)["rows"][0]["people"]["covered"]


def times(run):
    return (run.valid_at, run.known_at)


def test_a_day_that_nobody_measured_says_how(county):
    """Before the second hospital opened the answer is another one; asked for, the command that makes it is named."""
    store, settings = county
    with pytest.raises(RunNotFound, match=f"geosvc measure {SERVICE} --datetime 2023-01-01"):
        as_of.run_as_of(store, settings, SERVICE, AsOf(valid_at="2023-01-01"))


def test_the_answer_for_a_day_counts_the_facilities_of_that_day(county):
    """With one hospital fewer people are covered; today's answer stays today's."""
    store, settings = county
    today = reading.coverage_table(store, SERVICE)["run"]
    run = measure_service(Study(store, settings, AsOf(valid_at=DAY)), SERVICE)
    assert times(run) == (DAY, None)
    assert covered(store, run.id) < covered(store, today)
    assert reading.coverage_table(store, SERVICE)["run"] == today
    assert as_of.run_as_of(store, settings, SERVICE, AsOf(valid_at=DAY)) == run.id
    assert reading.coverage_table(store, SERVICE, run_id=run.id)["changed_since"] == []


def test_days_on_which_all_was_the_same_have_one_run(county):
    """Nothing that enters changed between the days: the run of one answers for the other, and says so."""
    store, settings = county
    run = measure_service(Study(store, settings, AsOf(valid_at=DAY)), SERVICE).id
    found, told = as_of.answering(store, settings, SERVICE, None, AsOf(valid_at="2022-05-05"))
    assert found == run
    assert told["as_of"]["datetime"] == "2022-05-05"
    assert told["as_of"]["measured_for"]["datetime"] == DAY
    assert told["as_of"]["same_inputs_of_another_time"]
    today = reading.coverage_table(store, SERVICE)["run"]
    assert as_of.run_as_of(store, settings, SERVICE, AsOf(valid_at="2025-01-01")) == today


def test_what_was_known_at_a_moment_answers_for_it(tmp_path):
    """A position corrected later does not enter the answer of what was known before."""
    settings = Settings(workspace=tmp_path / "workspace")
    store = furnish(settings, tmp_path)
    first = measure_service(Study(store, settings), SERVICE).id
    moment = now()
    with store.writing() as session:
        one = next(each for each in facilities.find(session, FacilityQuery()) if each.facility.class_code == "A100")
        history.correct(session, one.id, replace(one.facility, lon=126.95, lat=42.32), **BY)
    second = measure_service(Study(store, settings), SERVICE).id
    assert first != second
    assert as_of.run_as_of(store, settings, SERVICE, AsOf(recorded_at=moment)) == first
    store.close()


def test_a_day_without_a_facility_is_not_computable(county):
    """Of the day before the registry knows any hospital to operate there is no answer, and it says why."""
    store, settings = county
    with pytest.raises(NoFacility):
        as_of.run_as_of(store, settings, SERVICE, AsOf(recorded_at="2000-01-01T00:00:00.000000Z", valid_at="2000-01-01"))


def test_today_asked_by_its_day_is_the_present(county):
    """The day of today, or none, is now; an interval is not served."""
    assert as_of.times_asked(AsOf().day, None).is_present
    assert as_of.times_asked("..", None).is_present
    with pytest.raises(InvalidParameter):
        as_of.times_asked("2019-01-01/2020-01-01", None)


def test_people_are_those_of_the_day(tmp_path):
    """The census of 2010 speaks for 2015, that of 2020 for today."""
    settings = Settings(workspace=tmp_path / "workspace")
    store = furnish(settings, tmp_path, leave_out=("people",))
    header = ["area_code", "year", "kind", "people", "status", "source"]
    rows = [["990001", str(year), "resident", str(people), "census", "普查"] for year, people in ((2010, 500), (2020, 700))]
    importing.import_population(store, write_csv(tmp_path / "p.csv", [header, *rows]), settings)
    found = {}
    for day in ("2015-01-01", None):
        run = reading.run_record(store, measure_service(Study(store, settings, AsOf(valid_at=day)), SERVICE).id)
        found[day] = (round(run["summary"]["people_total"]), run["summary"]["people_years"], publishing.people_source(store, run)["year"])
    assert found == {"2015-01-01": (500, [2010], 2010), None: (700, [2020], 2020)}
    told = features.populations_of_area(store, "990001", AsOf(valid_at="2015-01-01"))
    assert ([each["year"] for each in told["figures"]], told["in_force"]["year"]) == ([2010, 2020], 2010)
    store.close()


def test_the_map_of_a_run_draws_the_boundary_of_its_day(tmp_path):
    """A township that was moved after the run keeps, on the map of that run, the outline it had; merged ones stay two."""
    settings = Settings(workspace=tmp_path / "workspace")
    store = furnish(settings, tmp_path)
    run = measure_service(Study(store, settings), SERVICE).id

    def drawn(which):
        return publishing.map_of(store, SERVICE, run_id=which, title_block=False)["boundary"]

    before = drawn(run)
    with store.reading() as session:
        towns = areas.find(session, AreaQuery(levels=["township"]))
    with store.writing() as session:
        divisions.merge_areas(session, [town.code for town in towns], replace(towns[0], code="990001900", name="新镇", geometry=None), on=DAY, **BY)
    assert drawn(run) == before
    assert reading.coverage_table(store, SERVICE)["changed_since"] == ["areas"]
    later = measure_service(Study(store, settings), SERVICE).id
    assert later != run
    assert drawn(later) != before
    rows = {row["area_code"]: row for row in reading.coverage_table(store, SERVICE)["rows"]}
    old = {row["area_code"]: row for row in reading.coverage_table(store, SERVICE, run_id=run)["rows"]}
    assert rows["990001900"]["people_total"] == pytest.approx(sum(old[town.code]["people_total"] for town in towns), abs=1e-6)
    measure_service(Study(store, settings, AsOf(valid_at="2019-12-31")), SERVICE)
    both = as_of.compared(store, settings, SERVICE, (AsOf(valid_at="2019-12-31"), AsOf(valid_at=DAY)))
    merged = next(row for row in both["rows"] if row["area_code"] == "990001900")
    assert sum(merged["before"].values()) == pytest.approx(rows["990001900"]["people_total"], abs=1e-6)
    assert all(abs(value) < 1e-6 for value in merged["difference"].values())
    store.close()


def test_a_change_undone_is_no_change(tmp_path):
    """An area renamed and renamed back: the run of before answers again and is not called outdated."""
    settings = Settings(workspace=tmp_path / "workspace")
    store = furnish(settings, tmp_path)
    run = measure_service(Study(store, settings), SERVICE).id
    for name in ("别名", None):
        with store.writing() as session:
            one = areas.find(session, AreaQuery(levels=["county"]))[0]
            known = areas.versions(session, one.code)[-1].area.name
            areas.save(session, replace(one, name=name or known), **BY)
    assert reading.coverage_table(store, SERVICE, run_id=run)["changed_since"] == []
    store.close()


# -- zones ---------------------------------------------------------------------------------------


def test_a_zone_of_members_counts_their_people_once_and_no_total_changes(tmp_path):
    """A zone over two townships (one named twice, by itself and by its county) has their people; totals stay."""
    settings = Settings(workspace=tmp_path / "workspace")
    store = furnish(settings, tmp_path)
    before = reading.coverage_table(store, SERVICE, run_id=measure_service(Study(store, settings), SERVICE).id)["rows"]
    header = ["code", "name", "level", "下辖"]
    path = write_csv(tmp_path / "z.csv", [header, ["Z1", "西区", "zone", "990001100"], ["Z2", "全区", "zone", "990001;990001100、990001101"],
                                          ["Z3", "未知区", "zone", "990001100 990009"], ["Z4", "区中区", "zone", "Z1"]])
    report = importing.import_areas(store, path, settings)
    assert any("990009" in note for note in report.notes)
    assert importing.import_areas(store, path, settings).changes == {"unchanged": 4}
    measure_service(Study(store, settings), SERVICE)
    after = {row["area_code"]: row for row in reading.coverage_table(store, SERVICE)["rows"]}
    for row in before:
        assert after[row["area_code"]] == row
    assert after["Z1"]["people"] == after["990001100"]["people"] == after["Z4"]["people"]
    assert after["Z2"]["people"] == pytest.approx(after["990001"]["people"])
    assert after["Z3"]["people"] is None
    assert after["Z1"]["km2"] == pytest.approx(after["990001100"]["km2"])
    store.close()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([["990001100", "西镇", "township", "990001"]], "only a zone"),
        ([["Z1", "甲", "zone", "Z2"], ["Z2", "乙", "zone", "Z1"]], "ring"),
        ([["Z1", "甲", "zone", "Z1"]], "member of itself"),
    ],
)
def test_a_zone_that_cannot_be_is_refused(store, settings, tmp_path, rows, words):
    """Members of a division, zones in a ring: refused as a whole."""
    path = write_csv(tmp_path / "z.csv", [["code", "name", "level", "members"], *rows])
    with pytest.raises(ValueError, match=words):
        importing.import_areas(store, path, settings)


def test_facilities_of_a_zone_are_those_of_its_members_or_inside_its_polygon(store):
    """By the code of a member, by the polygon of the members, or by a polygon of the zone's own; others are not in it."""
    town = areas.Area(code="990001100", name="西乡", level="township", geometry=shapely.box(126, 42, 127, 43))
    clinic = Facility(name="甲", class_code="D600", position_method="none", area_code="990001100201")
    standing = replace(clinic, name="乙", area_code=None, lon=126.5, lat=42.5, position_method="surveyed")
    with store.writing() as session:
        for area in (town, replace(town, code="Z1", level="zone", geometry=None, members=("990001100",)),
                     replace(town, code="Z2", level="zone", geometry=shapely.box(126.4, 42.4, 126.6, 42.6)),
                     replace(town, code="Z3", level="zone", geometry=None, members=("990001100", "990001200"))):
            areas.save(session, area, **BY)
        for one in (clinic, standing, replace(standing, name="丙", lon=128.5), replace(clinic, name="丁", area_code="990002")):
            facilities.save(session, one, facility_id=None, **BY)
    with store.reading() as session:
        def names(code):
            return [each.facility.name for each in facilities.find(session, FacilityQuery(area_prefix=code))]

        assert [names(code) for code in ("Z1", "Z2", "Z3", "990001100")] == [["甲", "乙"], ["乙"], ["甲"], ["甲"]]
        assert facilities.count(session, FacilityQuery(area_prefix="Z1")) == 2
        zones = areas.find(session, AreaQuery(levels=["zone"], has_geometry=True))
        assert [zone.code for zone in zones] == ["Z1", "Z2"]  # Z3 has a member without a polygon
        assert areas.count(session, AreaQuery(has_geometry=True)) == 3
        assert areas.count(session, AreaQuery(has_geometry=False)) == 1
        assert [each.code for each in areas.find(session, AreaQuery(bbox=(126.0, 42.0, 126.1, 42.1)), limit=2)] == ["990001100", "Z1"]


# -- API and pages -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def client(county):
    store, settings = county
    measure_service(Study(store, settings, AsOf(valid_at=DAY)), SERVICE)
    with TestClient(create_app(replace(settings, public_read=True)), raise_server_exceptions=False) as made:
        yield made


def test_the_api_answers_for_a_day(client):
    """Coverage, gaps and surface of a day come from the run of that day; without one the answer is 404 with the command."""
    table = client.get(f"/api/services/{SERVICE}/coverage", params={"datetime": DAY}).json()
    today = client.get(f"/api/services/{SERVICE}/coverage").json()
    assert table["run"] != today["run"]
    assert table["as_of"]["datetime"] == table["datetime"] == DAY
    gaps = client.get("/api/collections/gaps/items", params={"service": SERVICE, "datetime": DAY}).json()
    assert gaps["run"] == table["run"]
    assert client.get(f"/api/services/{SERVICE}/surface", params={"datetime": DAY}).headers["etag"] == f'"{table["run"]}"'
    missing = client.get(f"/api/services/{SERVICE}/coverage", params={"datetime": DAY, "recorded": "2000-01-01"})
    assert missing.status_code == 409
    both = client.get(f"/api/services/{SERVICE}/coverage", params={"datetime": DAY, "compared_with": "2025-01-01"}).json()
    total = both["rows"][0]
    assert total["difference"]["covered"] > 0
    assert sum(total["difference"].values()) == pytest.approx(0, abs=1e-6)
    assert client.get(f"/api/services/{SERVICE}/coverage", params={"datetime": "soon"}).status_code == 400


def test_areas_of_a_day(client):
    """The collection of areas knows days; an area has its history."""
    day = client.get("/api/collections/areas/items", params={"datetime": "2019-01-01"}).json()
    assert day["numberMatched"] == client.get("/api/collections/areas/items").json()["numberMatched"] > 0
    assert client.get("/api/collections/areas/items", params={"recorded": "2000-01-01"}).json()["numberMatched"] == 0
    code = day["features"][0]["id"]
    assert client.get(f"/api/collections/areas/items/{code}/versions").json()["versions"][0]["change"] == "create"
    assert client.get(f"/api/collections/areas/items/{code}", params={"recorded": "2000-01-01"}).status_code == 404
    assert client.get("/api/divisions").json() == {"successions": []}


def test_pages_say_of_which_day_they_are(client):
    """The map and the gaps of a day say so and carry it on; a day that was not measured shows the command."""
    table = client.get(f"/api/services/{SERVICE}/coverage", params={"datetime": DAY}).json()
    for path in ("/", "/gaps"):
        page = client.get(path, params={"service": SERVICE, "datetime": DAY, "lang": "en"})
        assert page.status_code == 200
        assert f"Shown as of {DAY}, not today." in page.text
        assert table["run"] in page.text
        assert f"datetime={DAY}" in page.text or f'value="{DAY}"' in page.text
        today = client.get(path, params={"service": SERVICE, "lang": "en"}).text
        assert "not today" not in today
        missing = client.get(path, params={"service": "basic-radius", "datetime": DAY, "lang": "en"})
        assert missing.status_code == 200
        assert f"geosvc measure basic-radius --datetime {DAY}" in missing.text


def test_who_sees_some_areas_gets_the_answer_of_the_whole(county):
    """An account of one township is answered from the run of the whole county, and that run is not called outdated for it."""
    store, settings = county
    run = measure_service(Study(store, settings, AsOf(valid_at=DAY)), SERVICE).id
    limited = store.limited_to(["990001100"])
    assert as_of.run_as_of(limited, settings, SERVICE, AsOf(valid_at=DAY)) == run
    assert reading.coverage_table(limited, SERVICE, run_id=run)["changed_since"] == []


def test_people_counted_by_an_old_code_belong_to_what_it_became(tmp_path):
    """Points of people that name a township by its old code stay in it after it got a new one; the totals are the same."""
    settings = Settings(workspace=tmp_path / "workspace")
    store = furnish(settings, tmp_path, leave_out=("people",))
    rows = [["longitude", "latitude", "people", "area_code"], ["126.85", "42.35", "100", "990001100"], ["126.95", "42.35", "40", "990001101"],
            ["126.951", "42.35", "7", "990001100"]]  # stands in the east, counted with the west
    importing.import_population(store, write_csv(tmp_path / "p.csv", rows), settings, datum="WGS84")
    before = measure_service(Study(store, settings), SERVICE).id
    with store.writing() as session:
        divisions.recode(session, "990001100", "990001300", on=DAY, **BY)
    after = measure_service(Study(store, settings), SERVICE).id
    people = [{row["area_code"]: row["people_total"] for row in reading.coverage_table(store, SERVICE, run_id=run)["rows"]}
              for run in (before, after)]
    assert people[0]["990001100"] == people[1]["990001300"] == 107
    assert people[0]["*total"] == people[1]["*total"] == 147
    store.close()
