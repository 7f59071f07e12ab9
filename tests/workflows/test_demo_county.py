"""The demo county, 靖宇县: what it must add up to, and that a second time changes nothing."""

from __future__ import annotations

import hashlib

import pytest
from registry.made_files import snapshot
from workspaces import copy_workspace

from geosvc.coverage.services import shipped_services
from geosvc.registry import facilities, populations
from geosvc.settings import Settings
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import reading
from geosvc.workflows.demo import run_demo
from geosvc.workflows.workspace import overview

CENSUS_2020 = 108_478
COMPUTED = {"hospital-drive", "emergency-2h", "basic-radius", "township-centre-drive", "blood-drive", "fitness-15-walk",
            "fitness-15-walk-elderly", "fitness-10-walk", "fitness-15-cycle"}
NOT_COMPUTABLE = {"emergency-chain", "ems-radius", "village-clinic-walk"}


def entries(store):
    return {entry["id"]: entry for entry in reading.list_services(store)}


@pytest.mark.parametrize("service", sorted(COMPUTED))
def test_every_service_adds_up_to_the_census(demo_store, service):
    """All states of all limits together are the 108,478 people of the 2020 census, outside included."""
    for threshold in entries(demo_store)[service]["thresholds"]:
        table = reading.coverage_table(demo_store, service, threshold_id=threshold["id"])
        rows = {row["area_code"]: row for row in table["rows"]}
        assert rows["*total"]["people_total"] == pytest.approx(CENSUS_2020, abs=1e-6)
        towns = sum(row["people_total"] for row in rows.values() if row["level"] == "township")
        outside = rows["*outside"]["people_total"] if "*outside" in rows else 0.0
        assert rows["220622"]["people_total"] + outside == pytest.approx(CENSUS_2020, abs=1e-6)
        assert towns <= rows["220622"]["people_total"] + 1e-6


def test_townships_have_no_polygon_and_so_no_square_kilometres(demo_store):
    """The demo has no public township boundaries: people by code, km2 unknown and not 0."""
    table = reading.coverage_table(demo_store, "hospital-drive", level="township")
    assert len(table["rows"]) == 8
    assert {row["km2"] for row in table["rows"]} == {None}
    assert all(row["people_total"] > 0 for row in table["rows"])


def test_what_the_demo_holds(demo_store):
    """15 facilities of the plan, 4 of them to be located; a county, 8 townships, 118 villages."""
    held = overview(demo_store)
    with demo_store.reading() as session:
        real = facilities.count(session, FacilityQuery(illustrative=False))
        missing = [each.facility.name for each in facilities.find(session, FacilityQuery(located=False))]
        census = [each for each in populations.find(session, "220622") if each.status == "census"]
    assert (real, held["to_be_located"], len(missing)) == (15, 4, 4)
    assert held["areas"] == 1 + 8 + 118
    assert held["areas_without_polygon"] == 8 + 118
    assert CENSUS_2020 in {each.people for each in census}


def test_illustrative_facilities_say_so_in_their_name(demo_store):
    """Nobody can take an invented blood point for a real one."""
    with demo_store.reading() as session:
        for each in facilities.find(session, FacilityQuery(illustrative=True)):
            assert each.facility.name.endswith("（示例）")


@pytest.mark.parametrize("service", sorted(COMPUTED))
def test_facilities_to_be_located_are_counted_with_every_answer(demo_store, service):
    """Four facilities are on no map, and every answer says so."""
    assert reading.default_answer(demo_store, service)["to_be_located"] == 4


@pytest.mark.parametrize("service", sorted(COMPUTED))
def test_schematic_data_is_named_wherever_it_enters_a_number(demo_store, service):
    """The spread of people is schematic in every number; the roads too where somebody travels."""
    answer = reading.default_answer(demo_store, service)
    codes = {note["code"] for note in answer["notes"]}
    travelled = {each.id: each for each in shipped_services()}[service].method == "travel_time"
    assert "schematic_population" in codes
    assert ("schematic_roads" in codes) == travelled
    assert all(note["zh"] and note["en"] for note in answer["notes"])
    assert reading.coverage_table(demo_store, service)["schematic"] is True


def test_what_cannot_be_computed_is_said_and_not_zero(demo_store):
    """No emergency station and no village clinic is registered: not computable, no run, never "0 %"."""
    found = entries(demo_store)
    assert {name for name, entry in found.items() if not entry["computable"]} == NOT_COMPUTABLE
    assert {name for name, entry in found.items() if entry["run"] is not None} == COMPUTED


def test_no_verdict_while_nobody_knows_who_is_urban(demo_store):
    """The radii are shown, all three, and none is judged: the settlement class is not known."""
    run = reading.default_answer(demo_store, "basic-radius")["run"]
    verdict = reading.run_record(demo_store, run)["summary"]["verdict"]
    assert verdict["given"] is False
    assert verdict["reason"] == "settlement_class_unknown"


def test_a_longer_limit_never_covers_fewer(demo_store):
    """5, 10, 20 km; 30, 60 minutes: the covered people grow with the limit."""
    for service in COMPUTED:
        thresholds = entries(demo_store)[service]["thresholds"]
        covered = [
            reading.coverage_table(demo_store, service, threshold_id=each["id"])["rows"][0]["people"]["covered"]
            for each in sorted(thresholds, key=lambda each: each["value"])
        ]
        assert covered == sorted(covered)


def test_slower_people_reach_no_more(demo_store):
    """At 3.6 km/h fewer people are within 15 minutes than at 5; by bicycle more; in 10 minutes fewer."""
    covered = {name: reading.default_answer(demo_store, name)["people_covered"] for name in COMPUTED}
    assert covered["fitness-15-walk-elderly"] <= covered["fitness-15-walk"] <= covered["fitness-15-cycle"]
    assert covered["fitness-10-walk"] <= covered["fitness-15-walk"]


def test_covered_and_in_gaps_leave_only_who_is_without_data(demo_store):
    """The two numbers of the first page and the people that no state can be given to are everybody."""
    for service in COMPUTED:
        answer = reading.default_answer(demo_store, service)
        rows = {row["area_code"]: row for row in reading.coverage_table(demo_store, service)["rows"]}
        unknown = rows["*total"]["people"]["no_data"]
        assert answer["people_covered"] + answer["people_in_gaps"] + unknown == pytest.approx(CENSUS_2020, abs=1e-6), service


@pytest.mark.slow
def test_a_second_demo_changes_nothing(demo_settings, demo_store, tmp_path):
    """Run again: the same run ids, the same maps to the byte, not one row or file more."""
    workspace = tmp_path / "workspace"
    copy_workspace(demo_settings.workspace, workspace)
    settings = Settings(workspace=workspace)
    first_maps = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (demo_settings.workspace.parent / "maps").glob("*.html")
    }
    before = snapshot(workspace)
    said = []
    report = run_demo(settings, tmp_path / "maps", progress=lambda share, text: said.append((share, text)))
    assert snapshot(workspace) == before
    assert set(report.measured) == COMPUTED
    assert set(report.not_computable) == NOT_COMPUTABLE
    assert all("not computable" in reason for reason in report.not_computable.values())
    assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in report.maps} == first_maps
    assert report.answer["run"] == reading.default_answer(demo_store, "hospital-drive")["run"]
    shares = [share for share, _ in said]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.slow
def test_a_demo_made_twice_from_nothing_is_the_same_to_the_byte(demo_settings, tmp_path):
    """Another machine with the same data has the same run ids and the same maps."""
    settings = Settings(workspace=tmp_path / "workspace")
    report = run_demo(settings, tmp_path / "maps", progress=lambda _share, _text: None)
    for path in report.maps:
        assert path.read_bytes() == (demo_settings.workspace.parent / "maps" / path.name).read_bytes(), path.name
    ones, others = (sorted(each.name for each in (s.workspace / "runs").iterdir()) for s in (settings, demo_settings))
    assert ones == others
