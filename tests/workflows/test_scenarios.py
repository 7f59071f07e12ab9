"""Scenarios: saved without touching the registry, measured, compared, applied whole or not at all, told to who may know."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from people import BY
from registry.made_files import snapshot
from workflows.small_county import furnish

from geosvc.accounts.people import Person, Role, rights_of
from geosvc.coverage.changes import PLANNED_FROM, changes_from
from geosvc.errors import (
    ChangesElsewhere,
    Conflict,
    InvalidParameter,
    MissingPrecondition,
    NotAllowed,
    RunNotFound,
    ScenarioClosed,
    ScenarioNotFound,
)
from geosvc.geo.raster import read_band
from geosvc.registry import areas, audit, facilities, history
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility
from geosvc.registry.moments import today
from geosvc.settings import Settings
from geosvc.store.facilities import FacilityQuery
from geosvc.store.runs import RunRow
from geosvc.workflows import applying, comparing, features, proposing, publishing, reading, scenario_runs, scenarios
from geosvc.workflows.backup import restore_backup, write_backup
from geosvc.workflows.history import changes_since
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.scopes import as_seen_by
from geosvc.workflows.study import Study
from geosvc.workflows.uncertainty import coverage_band
from geosvc.workflows.workspace import open_workspace

WEST, EAST = "990001100", "990001101"
HOSPITAL_ID, CENTRE_ID, UNLOCATED_ID = 1, 2, 3
DRIVE, CENTRES, CHAIN = "hospital-drive", "township-centre-drive", "emergency-chain"
OPEN_EAST = {"number": 1, "class_code": "A100", "name": "东院", "lon": 126.97, "lat": 42.36}
DOCUMENTS = {
    "opening": {"open": [OPEN_EAST, {"number": 4, "class_code": "C220", "name": "西二卫生院", "lon": 126.82, "lat": 42.37}]},
    "closing": {"open": [OPEN_EAST], "close": [HOSPITAL_ID]},
    "move": {"move": [{"facility": HOSPITAL_ID, "lon": 126.96, "lat": 42.33}]},
    "at last somewhere": {"move": [{"facility": UNLOCATED_ID, "lon": 126.83, "lat": 42.34}]},
    "all": {"open": [OPEN_EAST], "close": [CENTRE_ID], "move": [{"facility": HOSPITAL_ID, "lon": 126.84, "lat": 42.31},
                                                                 {"facility": UNLOCATED_ID, "lon": 126.83, "lat": 42.34}]},
}


def person(name="分析员", role=Role.ANALYST, areas=None) -> Person:
    return Person(name=name, rights=rights_of(role), role=role, areas=areas, account_id=7)


ANALYST, EDITOR, ADMIN = person(), person("编辑", Role.EDITOR), person("管理员", Role.ADMIN)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """The county, each facility in its township, measured."""
    folder = tmp_path_factory.mktemp("county")
    settings = Settings(workspace=folder / "workspace")
    store = furnish(settings, folder)
    with store.writing() as session:
        for each in facilities.find(session, FacilityQuery()):
            code = EAST if each.facility.name.startswith("东") else WEST
            facilities.save(session, Facility(**{**each.facility.__dict__, "area_code": code}), facility_id=each.id, **BY)
    for name in (DRIVE, CENTRES):
        measure_service(Study(store, settings), name)
    store.close()
    return settings.workspace


@pytest.fixture
def county(base, tmp_path):
    """A copy of it, to be changed."""
    shutil.copytree(base, tmp_path / "workspace")
    settings = Settings(workspace=tmp_path / "workspace")
    store = open_workspace(settings)
    yield store, settings
    store.close()


def saved(store, changes, who=ANALYST, name="方案甲", **more):
    return scenarios.create(store, who, {"name": name, "changes": changes, **more}, origin="test")


def registry_of(store):
    with store.reading() as session:
        return facilities.find(session, FacilityQuery())


def figures(store, run, service=DRIVE):
    """Everything that a run says in numbers: by area for every limit, and the totals."""
    record = reading.run_record(store, run)
    limits = [each["id"] for each in record["parameters"]["service"]["thresholds"]]
    rows = {limit: reading.coverage_table(store, service, run_id=run, threshold_id=limit)["rows"] for limit in limits}
    return rows, record["summary"]["thresholds"], record["summary"]["curve"]


# -- the law ---------------------------------------------------------------------------------


@pytest.mark.parametrize("which", DOCUMENTS)
@pytest.mark.parametrize("service", [DRIVE, CENTRES])
def test_applied_and_measured_anew_gives_the_figures_of_the_scenario(county, which, service):
    """Openings, moves and closings: what was planned and what is registered afterwards reach the same people, cell by cell."""
    store, settings = county
    told = saved(store, DOCUMENTS[which])
    measured = scenario_runs.measure(store, settings, ANALYST, told["id"], service_ids=[service])["measured"][0]
    planned = figures(store, measured["run"], service)
    done = applying.apply(store, EDITOR, told["id"], expected=told["version"], origin="test")
    anew = measure_service(Study(store, settings), service)
    assert figures(store, anew.id, service) == planned
    opened = {PLANNED_FROM + int(number): one for number, one in done["scenario"]["opened"].items()}
    before, after = (read_band(store.runs / run / "surface.tif", 2) for run in (measured["run"], anew.id))
    assert np.array_equal(np.vectorize(lambda one: opened.get(one, one))(before), after)
    # A plan that changes nothing for a service would hold the law without testing it.
    concerned = service in scenario_runs.concerned(store, changes_from(DOCUMENTS[which]))
    assert measured["same_as_baseline"] is not concerned


def test_a_scenario_never_changes_the_registry_nor_the_answer_of_a_service(county):
    store, settings = county
    before = registry_of(store), [each["run"] for each in reading.list_services(store)]
    told = saved(store, DOCUMENTS["all"])
    outcome = scenario_runs.measure(store, settings, ANALYST, told["id"])
    assert {DRIVE, CENTRES} <= {each["service"] for each in outcome["measured"]}
    assert registry_of(store) == before[0]
    runs = {each["id"]: each["run"] for each in reading.list_services(store)}
    assert not {each["run"] for each in outcome["measured"]} & set(runs.values())
    assert reading.changed_since(store, *_run(store, outcome["measured"][0]["run"])) == []


def _run(store, number):
    with store.reading() as session:
        return session, session.get(RunRow, number)


# -- saving ----------------------------------------------------------------------------------


def test_saved_listed_read_changed_copied_put_away_and_deleted(county):
    store, _settings = county
    told = saved(store, DOCUMENTS["all"], notes="初稿")
    assert (told["name"], told["notes"], told["author"], told["version"], told["state"], told["mine"]) == ("方案甲", "初稿", "分析员", 1, "draft", True)
    assert told["changes"]["open"] == [OPEN_EAST]
    assert told["facilities"]["1"]["name"] == "县人民医院"
    assert [each["id"] for each in scenarios.list_scenarios(store, ANALYST)] == [told["id"]]
    changed = scenarios.save(store, ANALYST, told["id"], {**told, "name": "方案乙"}, expected=1, origin="test")
    assert (changed["name"], changed["version"], changed["notes"]) == ("方案乙", 2, "初稿")
    copied = scenarios.copy(store, EDITOR, told["id"], origin="test")
    assert (copied["name"], copied["author"], copied["changes"]) == ("方案乙+", "编辑", changed["changes"])
    away = scenarios.archive(store, ANALYST, told["id"], archived=True, expected=2, origin="test")
    assert away["state"] == "archived"
    assert [each["id"] for each in scenarios.list_scenarios(store, ANALYST)] == [copied["id"]]
    assert [each["id"] for each in scenarios.list_scenarios(store, ANALYST, state="archived")] == [told["id"]]
    assert scenarios.archive(store, ANALYST, told["id"], archived=False, expected=3, origin="test")["state"] == "draft"
    scenarios.delete(store, ADMIN, told["id"], expected=4, origin="test")
    with pytest.raises(ScenarioNotFound):
        scenarios.get_scenario(store, ADMIN, told["id"])
    with store.reading() as session:
        verdict = audit.verify(session)
        lines = [line["action"] for line in audit.lines(session, subject=f"scenario:{told['id']}", after=0, limit=50)]
    assert verdict.holds, verdict
    assert lines == ["create", "change", "archive", "change", "remove"]
    assert not [each for each in changes_since(store, "0", limit=5000)[0] if each["subject"].startswith("scenario")]


def test_another_s_scenario_is_copied_not_changed(county):
    store, _settings = county
    told = saved(store, DOCUMENTS["move"])
    for do in (
        lambda: scenarios.save(store, EDITOR, told["id"], told, expected=1, origin="test"),
        lambda: scenarios.archive(store, EDITOR, told["id"], archived=True, expected=1, origin="test"),
        lambda: scenarios.delete(store, EDITOR, told["id"], expected=1, origin="test"),
        lambda: saved(store, DOCUMENTS["move"], person("看客", Role.VIEWER)),
        lambda: applying.apply(store, ANALYST, told["id"], expected=1, origin="test"),
    ):
        with pytest.raises(NotAllowed):
            do()
    assert scenarios.get_scenario(store, person("看客", Role.VIEWER), told["id"])["mine"] is False


def test_who_saved_meanwhile_is_not_overwritten(county):
    store, _settings = county
    told = saved(store, DOCUMENTS["move"])
    with pytest.raises(MissingPrecondition):
        scenarios.save(store, ANALYST, told["id"], told, expected=None, origin="test")
    scenarios.save(store, ADMIN, told["id"], {**told, "notes": "先"}, expected=1, origin="test")
    with pytest.raises(Conflict, match="管理员") as raised:
        scenarios.save(store, ANALYST, told["id"], {**told, "notes": "后"}, expected=1, origin="test")
    assert raised.value.changed == {"version": (1, 2)}
    assert scenarios.get_scenario(store, ANALYST, told["id"])["notes"] == "先"


@pytest.mark.parametrize(("document", "told"), [
    ([], "must be an object"), ({"name": "x", "changes": {}}, "at least one change"), ({"changes": DOCUMENTS["move"]}, "needs a name"),
    ({"name": "x" * 201, "changes": DOCUMENTS["move"]}, "201 characters"), ({"name": 3, "changes": DOCUMENTS["move"]}, "name must be a text"),
    ({"name": "x", "changes": {"close": [99]}}, "no facility 99"), ({"name": "x", "change": {}}, "nobody knows 'change'"),
    ({"name": "\ud800", "changes": DOCUMENTS["move"]}, "name holds the character U\\+D800"), ({"name": "\u200b ", "changes": DOCUMENTS["move"]}, "needs a name"),
    ({"name": "a\nb", "changes": DOCUMENTS["move"]}, "name holds the character U\\+000A"),
    ({"name": "x", "notes": "a\n\x00", "changes": DOCUMENTS["move"]}, "notes holds the character U\\+0000"),
    ({"name": "x", "changes": {"open": [{**OPEN_EAST, "name": "\udfff"}]}}, r"open\[0\].name holds"),
    ({"name": "x", "changes": {"conditions": ["flood@123"]}}, "no area 123"),
])
def test_what_cannot_be_saved_is_said(county, document, told):
    with pytest.raises(InvalidParameter, match=told):
        scenarios.create(county[0], ANALYST, document, origin="test")


def test_other_changes_are_not_measured_other_words_are(county):
    store, settings = county
    told = saved(store, DOCUMENTS["move"])
    with pytest.raises(RunNotFound, match=f"geosvc scenarios measure {told['id']} {DRIVE}"):
        scenario_runs.run_of(store, ANALYST, str(told["id"]), DRIVE)
    run = scenario_runs.measure(store, settings, ANALYST, told["id"], service_ids=[DRIVE])["measured"][0]["run"]
    told = scenarios.save(store, ANALYST, told["id"], {**told, "notes": "改注"}, expected=1, origin="test")
    assert scenario_runs.run_of(store, ANALYST, str(told["id"]), DRIVE) == (run, {"scenario": {"id": told["id"], "name": "方案甲"}})
    scenarios.save(store, ANALYST, told["id"], {**told, "changes": DOCUMENTS["closing"]}, expected=2, origin="test")
    with pytest.raises(RunNotFound):
        scenario_runs.run_of(store, ANALYST, str(told["id"]), DRIVE)
    assert scenario_runs.run_of(store, ANALYST, "baseline", DRIVE) == (None, {})


def test_a_backup_holds_scenarios_and_their_runs(county, tmp_path):
    store, settings = county
    told = saved(store, DOCUMENTS["all"])
    scenario_runs.measure(store, settings, ANALYST, told["id"], service_ids=[DRIVE])
    made = write_backup(store, tmp_path / "county.zip")
    restore_backup(made.path, tmp_path / "again")
    assert snapshot(tmp_path / "again") == snapshot(store.folder)
    twin = open_workspace(Settings(workspace=tmp_path / "again"))
    assert scenarios.get_scenario(twin, ANALYST, told["id"]) == scenarios.get_scenario(store, ANALYST, told["id"])
    assert len(scenarios.get_scenario(twin, ANALYST, told["id"])["measured"]) == 1
    twin.close()


# -- measuring and comparing -----------------------------------------------------------------


def test_a_service_without_answer_is_said_and_the_others_are_measured(county):
    store, settings = county
    told = saved(store, {"close": [HOSPITAL_ID]})
    outcome = scenario_runs.measure(store, settings, ANALYST, told["id"])
    assert DRIVE in outcome["not_computable"]
    assert CENTRES not in outcome["not_computable"]


def test_the_difference_is_the_second_less_the_first_and_adds_up(county):
    store, settings = county
    told = saved(store, DOCUMENTS["opening"])
    scenario_runs.measure(store, settings, ANALYST, told["id"], service_ids=[DRIVE])
    table = comparing.compare(store, ANALYST, "baseline", str(told["id"]), service_id=DRIVE, threshold_id="30min")
    assert table["same_data"] is True
    assert (table["first"]["scenario"], table["second"]["scenario"]["name"]) == (None, "方案甲")
    by_code = {row["area_code"]: row for row in table["rows"]}
    total = by_code["*total"] if "*total" in by_code else next(row for row in table["rows"] if row["level"] == "total")
    assert total["difference"]["covered"] == pytest.approx(table["difference"]["people_covered"])
    assert total["difference"]["covered"] == pytest.approx(-total["difference"]["not_covered"])
    towns = [row["difference"]["covered"] for row in table["rows"] if row["level"] == "township"]
    outside = [row["difference"]["covered"] for row in table["rows"] if row["level"] == "outside"]
    assert sum(towns + outside) == pytest.approx(total["difference"]["covered"])
    assert total["difference"]["covered"] > 0
    assert table["second"]["least_covered"]["level"] == "township"
    back = comparing.compare(store, ANALYST, str(told["id"]), "baseline", service_id=DRIVE, threshold_id="30min")
    assert {name: None if value is None else -value for name, value in table["difference"].items()} == pytest.approx(back["difference"])


def test_a_difference_that_is_not_the_scenario_s_alone_is_said(county):
    """Somebody registers another hospital between the two runs: the figures differ for two reasons."""
    store, settings = county
    told = saved(store, DOCUMENTS["move"])
    scenario_runs.measure(store, settings, ANALYST, told["id"], service_ids=[DRIVE])
    with store.writing() as session:
        facilities.save(session, Facility(name="新医院", class_code="A100", lon=126.9, lat=42.34, position_method="surveyed", area_code=EAST), facility_id=None, **BY)
    measure_service(Study(store, settings), DRIVE)
    table = comparing.compare(store, ANALYST, "baseline", str(told["id"]), service_id=DRIVE)
    assert table["same_data"] is False
    assert table["second"]["changed_since"] == ["facilities"]
    scenario_runs.measure(store, settings, ANALYST, told["id"], service_ids=[DRIVE])
    assert comparing.compare(store, ANALYST, "baseline", str(told["id"]), service_id=DRIVE)["same_data"] is True


# -- readers of a run ------------------------------------------------------------------------


def test_a_run_of_a_scenario_knows_its_facilities(county, tmp_path):
    """Map, catchments, gaps, GeoTIFF and notes: planned and moved facilities have their names and stand at their new place."""
    store, settings = county
    two = [OPEN_EAST, {**OPEN_EAST, "number": 2, "name": "南院", "lat": 42.31}]
    told = saved(store, {"open": two, "move": [{"facility": HOSPITAL_ID, "lon": 126.84, "lat": 42.31}]})
    run = scenario_runs.measure(store, settings, ANALYST, told["id"], service_ids=[DRIVE])["measured"][0]["run"]
    drawn = publishing.map_of(store, DRIVE, run_id=run, title_block=True)
    places = {name: (lon, lat) for name, lon, lat in zip(*(drawn["facilities"][each] for each in ("name", "lon", "lat")), strict=True)}
    assert places == {"县人民医院": (126.84, 42.31), "东院": (126.97, 42.36), "南院": (126.97, 42.31)}
    assert drawn["facilities"]["change"] == ["moved", "planned", "planned"]
    names = {each["properties"]["name"] for each in features.catchment_features(store, DRIVE, run, None)}
    assert names == {"县人民医院", "东院", "南院"}
    gaps, _count, _next = features.gaps_page(store, service_id=DRIVE, run_id=run, threshold_id="30min", limit=100)
    assert not [each for each in gaps if each["properties"]["nearest_facility"] and not each["properties"]["nearest_name"]]
    reading.surface_geotiff(store, DRIVE, run, tmp_path / "surface.tif")
    ids = read_band(tmp_path / "surface.tif", 2)
    assert {int(each) for each in np.unique(ids[~np.isnan(ids)])} - {-1} == {HOSPITAL_ID, PLANNED_FROM + 1, PLANNED_FROM + 2}
    (note,) = [each for each in reading.run_record(store, run)["notes"] if each["code"] == "scenario"]
    assert note["zh"] == "按方案“方案甲”计算：新开 2 个机构、迁移 1 个机构；改动未写入登记"
    assert "the scenario “方案甲”: 2 opened, 1 moved" in note["en"]
    band = coverage_band(Study(store, settings), DRIVE, "30min", run_id=run, draws=20)
    assert band["run"] == run


# -- applying --------------------------------------------------------------------------------


def test_applying_writes_histories_with_the_scenario_as_their_reason(county):
    store, _settings = county
    told = saved(store, DOCUMENTS["all"])
    seen = applying.preview(store, EDITOR, told["id"])
    assert seen["possible"] is True
    assert [each["kind"] for each in seen["changes"]] == ["open", "move", "move", "close"]
    done = applying.apply(store, EDITOR, told["id"], expected=1, origin="test")
    assert done["scenario"]["state"] == "applied"
    assert done["scenario"]["applied_by"] == "编辑"
    with store.reading() as session:
        found = {each.id: each for each in facilities.find(session, FacilityQuery())}
        last = {one: history.versions(session, one, limit=1)[0] for one in found}
        before = facilities.get(session, CENTRE_ID, FacilityQuery(valid_at="2020-01-01"))
    opened = found[done["scenario"]["opened"]["1"]]
    assert (opened.facility.name, opened.facility.opened_on, opened.facility.area_code) == ("东院", today(), EAST)
    assert (found[CENTRE_ID].facility.state, found[CENTRE_ID].facility.closed_on) == ("closed", today())
    assert before.facility.state == "operating"
    assert (found[HOSPITAL_ID].facility.lon, found[HOSPITAL_ID].facility.raw_x) == (126.84, "126.84")
    for one in (opened.id, HOSPITAL_ID, CENTRE_ID, UNLOCATED_ID):
        assert (last[one].author, last[one].reason, last[one].origin) == ("编辑", "方案“方案甲”", f"scenario:{told['id']}")
    with pytest.raises(ScenarioClosed, match="was applied"):
        applying.apply(store, EDITOR, told["id"], expected=2, origin="test")
    with pytest.raises(ScenarioClosed):
        scenarios.save(store, ANALYST, told["id"], {**told, "changes": DOCUMENTS["move"]}, expected=2, origin="test")
    with store.reading() as session:
        assert audit.verify(session).holds


def test_from_a_day_ahead_it_is_planned_until_then(county):
    store, _settings = county
    told = saved(store, DOCUMENTS["closing"])
    done = applying.apply(store, EDITOR, told["id"], expected=1, valid_from="2999-01-01", origin="test")
    number = done["scenario"]["opened"]["1"]
    with store.reading() as session:
        now, then = ({each.id: each.facility.state for each in facilities.find(session, FacilityQuery(valid_at=day))} for day in (None, "2999-01-01"))
    assert (now[number], then[number]) == ("planned", "operating")
    assert (now[HOSPITAL_ID], then[HOSPITAL_ID]) == ("operating", "closed")


def test_a_facility_changed_since_is_a_conflict_and_nothing_is_done(county):
    """All or nothing: the second of three changes cannot be, so the first is not there either."""
    store, _settings = county
    told = saved(store, DOCUMENTS["all"])
    with store.reading() as session:
        old = facilities.get(session, HOSPITAL_ID).facility
    with store.writing() as session:
        history.confirm(session, CENTRE_ID, **BY)  # who only looks at it changes nothing
        history.correct(session, HOSPITAL_ID, Facility(**{**old.__dict__, "name": "县第一医院"}), **BY)
    before = registry_of(store)
    seen = applying.preview(store, EDITOR, told["id"])
    assert seen["possible"] is False
    assert [(each["facility"], each["changed_since"]) for each in seen["changes"] if each["problem"]] == [(HOSPITAL_ID, {"name": ["县人民医院", "县第一医院"]})]
    with pytest.raises(Conflict, match="facility 1 was changed") as raised:
        applying.apply(store, EDITOR, told["id"], expected=1, origin="test")
    assert raised.value.changed == {"1.name": ("县人民医院", "县第一医院")}
    assert registry_of(store) == before
    again = scenarios.save(store, ANALYST, told["id"], told, expected=1, origin="test")
    applying.apply(store, EDITOR, told["id"], expected=again["version"], origin="test")


def test_a_scenario_outlives_its_facilities(county):
    """One was deleted since: the scenario is stale, still read and renamed, not applied, and copied without it."""
    store, _settings = county
    told = saved(store, DOCUMENTS["all"])
    with store.writing() as session:
        history.delete(session, CENTRE_ID, author="test", origin="test", reason="重复")
    stale = scenarios.get_scenario(store, ANALYST, told["id"])
    assert stale["stale"] is True
    assert stale["facilities"][str(CENTRE_ID)]["gone"] is True
    with pytest.raises(Conflict, match="facility 2 is not registered any more"):
        applying.apply(store, EDITOR, told["id"], expected=1, origin="test")
    renamed = scenarios.save(store, ANALYST, told["id"], {**stale, "name": "旧方案"}, expected=1, origin="test")
    assert renamed["stale"] is True
    assert "close" not in scenarios.copy(store, ANALYST, told["id"], origin="test")["changes"]


def test_an_unnamed_opening_and_one_that_changes_no_facility_are_not_applied(county):
    store, _settings = county
    told = saved(store, {"open": [{**OPEN_EAST, "name": ""}], "conditions": ["winter"], "close_roads": [[126.9, 42.35]]})
    with pytest.raises(InvalidParameter, match="opening 1"):
        applying.apply(store, EDITOR, told["id"], expected=1, origin="test")
    done = applying.apply(store, EDITOR, told["id"], expected=1, names={1: "东院"}, origin="test")
    assert done["not_applied"] == {"close_roads": [[126.9, 42.35]], "conditions": ["winter"]}
    other = saved(store, {"conditions": ["winter"]})
    with pytest.raises(InvalidParameter, match="nothing to write"):
        applying.apply(store, EDITOR, other["id"], expected=1, origin="test")


def test_under_approval_it_is_proposed_and_becomes_so_when_published(county):
    """Openings are one proposal, moves and closings another; until they are published nothing changes."""
    store, settings = county
    told = saved(store, DOCUMENTS["all"])
    before = registry_of(store)
    done = applying.apply(store.proposing(), EDITOR, told["id"], expected=1, origin="test")
    assert [each["state"] for each in done["proposals"]] == ["open", "open"]
    assert done["scenario"]["state"] == "draft"
    assert registry_of(store) == before
    with pytest.raises(ScenarioClosed, match="wait for an administrator"):
        applying.apply(store, ADMIN, told["id"], expected=2, origin="test")
    run = scenario_runs.measure(store, settings, ANALYST, told["id"], service_ids=[DRIVE])["measured"][0]["run"]
    for each in done["proposals"]:
        proposing.publish(store, ADMIN, each["id"])
    assert scenarios.get_scenario(store, ANALYST, told["id"])["state"] == "applied"
    assert figures(store, measure_service(Study(store, settings), DRIVE).id) == figures(store, run)


# -- accounts of some areas ------------------------------------------------------------------


def test_an_account_of_one_township_is_told_what_lies_in_it(county):
    """Of another township's scenario neither names nor places nor that it is there; of its run neither."""
    store, settings = county
    east, west = (as_seen_by(store, [code]) for code in (EAST, WEST))
    one, other = (person(name, Role.EDITOR, (code,)) for name, code in (("东", EAST), ("西", WEST)))
    with store.writing() as session:
        areas.save(session, Area(code=f"{EAST}201", name="无界村", level="village", parent_code=EAST), **BY)
    in_west = {"open": [{**OPEN_EAST, "name": "秘密院", "lon": 126.82}], "move": [{"facility": HOSPITAL_ID, "lon": 126.83, "lat": 42.35}]}
    told = saved(store, in_west)
    mine = saved(east, {"open": [OPEN_EAST], "close": [CENTRE_ID]}, one)
    seasons = saved(store, {"conditions": ["winter"]})
    both = saved(store, DOCUMENTS["all"])
    assert {each["id"] for each in scenarios.list_scenarios(east, one)} == {mine["id"], seasons["id"]}
    assert {each["id"] for each in scenarios.list_scenarios(west, other)} == {told["id"], seasons["id"]}
    for hidden in (told, both):
        with pytest.raises(ScenarioNotFound):
            scenarios.get_scenario(east, one, hidden["id"])
        with pytest.raises(ScenarioNotFound):
            applying.apply(east, one, hidden["id"], expected=1, origin="test")
        with pytest.raises(ScenarioNotFound):
            comparing.compare(east, one, "baseline", str(hidden["id"]), service_id=DRIVE)
    with pytest.raises(InvalidParameter, match="outside of the areas"):
        saved(east, {"close": [HOSPITAL_ID]}, one)
    run = scenario_runs.measure(store, settings, ANALYST, told["id"], service_ids=[DRIVE])["measured"][0]["run"]
    record = str(reading.run_record(east, run)) + str(publishing.map_of(east, DRIVE, run_id=run, title_block=True))
    record += str(features.catchment_features(east, DRIVE, run, None))
    for secret in ("秘密院", "126.82", "126.83", "县人民医院", "方案甲"):
        assert secret not in record, secret
    assert "秘密院" in str(reading.run_record(west, run))


@pytest.mark.parametrize("changes", [
    {"open": [{**OPEN_EAST, "lon": 126.82}]}, {"close_roads": [[126.82, 42.35]]}, {"conditions": [f"winter@{WEST}"]}], ids=lambda each: next(iter(each)))
def test_what_a_change_elsewhere_would_do_is_neither_kept_nor_measured(county, changes):
    """As a what-if refuses it: whether one's own times change would tell who stands there, and which way people take."""
    store, settings = county
    east, one = as_seen_by(store, [EAST]), person("东", Role.ANALYST, (EAST,))
    with pytest.raises(ChangesElsewhere, match="must lie in the areas of this account"):
        saved(east, changes, one)
    mine = saved(east, {"open": [OPEN_EAST], "conditions": ["winter", f"night@{EAST}"]}, one)
    with pytest.raises(ChangesElsewhere):
        scenarios.save(east, one, mine["id"], {"name": "方案", "changes": changes}, expected=1, origin="test")
    assert scenarios.get_scenario(east, one, mine["id"])["changes"] == mine["changes"]
    before = saved(store, changes, one)  # while the account had no limit yet
    with pytest.raises(ChangesElsewhere):
        scenario_runs.measure(east, settings, one, before["id"], service_ids=[DRIVE])
    assert scenario_runs.measure(east, settings, one, mine["id"], service_ids=[DRIVE])["measured"]


def test_an_editor_of_one_township_applies_what_lies_in_it(county):
    store, _settings = county
    east, one = as_seen_by(store, [EAST]), person("东", Role.EDITOR, (EAST,))
    mine = saved(east, {"open": [OPEN_EAST], "close": [CENTRE_ID]}, one)
    assert applying.apply(east, one, mine["id"], expected=1, origin="test")["scenario"]["state"] == "applied"
    outside = saved(store, {"open": [{**OPEN_EAST, "lon": 126.82}]}, one)  # while the account had no limit yet
    with pytest.raises(NotAllowed):
        applying.apply(east, one, outside["id"], expected=1, origin="test")
    moved_away = saved(east, {"move": [{"facility": CENTRE_ID, "lon": 126.96, "lat": 42.33}]}, one)
    with store.reading() as session:
        old = facilities.get(session, CENTRE_ID).facility
    with store.writing() as session:
        history.correct(session, CENTRE_ID, Facility(**{**old.__dict__, "area_code": WEST, "note": "机密"}), **BY)
    with pytest.raises(Conflict) as raised:
        applying.apply(east, one, moved_away["id"], expected=1, origin="test")
    assert raised.value.changed == {}
    assert "机密" not in str(raised.value)
