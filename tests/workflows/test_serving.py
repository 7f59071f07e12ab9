"""Scenarios in which a facility serves areas: what rules and plans say under them, and applying them."""

from __future__ import annotations

import shutil

import pytest
import shapely
from people import BY
from workflows.small_county import furnish
from workflows.test_scenarios import ADMIN, ANALYST, DRIVE, EDITOR, HOSPITAL_ID, person, saved

from geosvc.accounts.people import Role
from geosvc.coverage.changes import changes_from
from geosvc.errors import Conflict, InvalidParameter, NotAllowed, ScenarioNotFound
from geosvc.registry import areas, facilities
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility
from geosvc.registry.moments import PRESENT, AsOf
from geosvc.settings import Settings
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import (
    applying,
    blank_spots,
    editing,
    filling,
    plan_documents,
    planning,
    proposing,
    scenario_runs,
    scenarios,
)
from geosvc.workflows.editing import Intent
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.scopes import as_seen_by
from geosvc.workflows.study import Study
from geosvc.workflows.workspace import init_workspace, open_workspace

COUNTY, EAST, WEST = "990001", "990001100", "990001101"
V, W = [f"{EAST}20{i}" for i in range(3)], [f"{WEST}20{i}" for i in range(2)]
CLINIC, CENTRE, CATCHMENT = 1, 2, 3
BOX = {V[0]: (126.50, 126.60), V[1]: (126.60, 126.70), V[2]: (126.70, 126.80)}
PLAN = """
plan: {id: made, title: 示例规划, issuer: 试验县, period: 2021-2025, area: "990001"}
statements:
  - {id: made-1, quote: 村卫生室, kind: UNIT, year: 2025, indicator: {unit: "%", compute: {each_area: {level: village, rule: village-clinic}}, target: ≥60%}}
  - {id: made-2, quote: 村卫生室数, kind: FACT, year: 2025, indicator: {unit: 所, compute: {count: {of: village_clinic}}, target: 2}}
"""
FILL = {"serve": [{"facility": CLINIC, "mode": "邻村延伸", "areas": [V[1]]}]}
DOCUMENTS = {
    "serving": FILL,
    "several": {"serve": [{"facility": CLINIC, "mode": "联合设置", "areas": [V[1], W[0]]}, {"facility": CENTRE, "mode": "派驻", "areas": [V[2]]}]},
    "moved and serving": {"move": [{"facility": CLINIC, "lon": 126.75, "lat": 42.1}], "serve": [{"facility": CLINIC, "mode": "邻村延伸", "areas": [V[0]]}]},
    "moved alone": {"move": [{"facility": CLINIC, "lon": 126.65, "lat": 42.1}]},
    "opened": {"open": [{"number": 1, "class_code": "D600", "name": "新所", "lon": 126.65, "lat": 42.1}]},
    "closed, another opened": {"close": [CLINIC], "open": [{"number": 1, "class_code": "D600", "name": "新所", "lon": 126.65, "lat": 42.1}]},
    "all": {**FILL, "open": [{"number": 2, "class_code": "D600", "name": "新所", "lon": 126.75, "lat": 42.1}], "close": [CENTRE]},
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Two townships; the east has three villages with outlines, a clinic in the first, a health centre; the west has nothing."""
    folder = tmp_path_factory.mktemp("serving")
    settings = Settings(workspace=folder / "workspace")
    store = init_workspace(settings)
    names = {COUNTY: "试验县", EAST: "东镇", WEST: "西镇", **{code: f"村{code[-4:]}" for code in [*V, *W]}}
    with store.writing() as session:
        for code, name in names.items():
            shape = shapely.box(BOX[code][0], 42.0, BOX[code][1], 42.2) if code in BOX else None
            areas.save(session, Area(code=code, name=name, level={6: "county", 9: "township"}.get(len(code), "village"), geometry=shape), **BY)
        facilities.register(session, [
            Facility(name="东村卫生室", class_code="D600", area_code=V[0], lon=126.55, lat=42.1, position_method="surveyed"),
            Facility(name="东镇卫生院", class_code="C220", area_code=EAST),
            Facility(name="西镇卫生院", class_code="C220", area_code=WEST, areas_served=W)], **BY)
    plan_documents.add_plan(store, PLAN.encode(), "made.yaml", author="test")
    store.close()
    return settings.workspace


@pytest.fixture
def county(base, tmp_path):
    shutil.copytree(base, tmp_path / "workspace")
    settings = Settings(workspace=tmp_path / "workspace")
    store = open_workspace(settings)
    yield store, settings
    store.close()


def asked(store, number, who=ANALYST):
    return scenario_runs.asked_changes(store, who, None if number is None else str(number), PRESENT)


def states(store, number=None, **more):
    (rule,) = blank_spots.blank_spots(store, PRESENT, rule_id="village-clinic", under=asked(store, number), **more)["rules"]
    return {each["code"]: each["state"] for each in rule["areas"]}


def board(store, settings, number=None):
    told = planning.plan_board(store, "made", PRESENT, under=asked(store, number))
    return {each["id"]: each for row in told["statements"] for each in row["indicators"]}


def verdicts(store, settings, number=None):
    return {name: (each["verdict"], each["now"]["value"], each["now"]["low"], sorted(one["name"] for one in each["now"]["culprits"]))
            for name, each in board(store, settings, number).items()}


NOW = {V[0]: "held", V[1]: "blank", V[2]: "blank", W[0]: "blank", W[1]: "blank"}


# -- the law ---------------------------------------------------------------------------------


@pytest.mark.parametrize("which", DOCUMENTS)
def test_applied_rules_and_plans_say_what_they_said_under_the_scenario(county, which):
    store, settings = county
    told = saved(store, DOCUMENTS[which])
    planned = states(store, told["id"]), verdicts(store, settings, told["id"])
    assert planned[0] != NOW
    assert (states(store), verdicts(store, settings)) != planned  # nothing is written by looking
    applying.apply(store, EDITOR, told["id"], expected=1, origin="test")
    assert (states(store), verdicts(store, settings)) == planned


def test_a_plan_tells_the_verdict_without_the_scenario_beside_it(county):
    store, settings = county
    told = saved(store, {"serve": [{"facility": CLINIC, "mode": "邻村延伸", "areas": [V[1], V[2]]}]})
    one = board(store, settings, told["id"])["made-1"]
    assert (one["verdict"], one["now"]["value"]) == ("met", 60.0)
    assert one["registered"] == {"verdict": "behind", "value": 20.0, "low": 20.0, "high": 20.0, "failing": 4, "unknown": 0, "gate": None}
    assert "registered" not in board(store, settings)["made-1"]
    (listed,) = [each for each in planning.plan_list(store, PRESENT, under=asked(store, told["id"])) if each["id"] == "made"]
    assert (listed["counts"]["verdicts"]["met"], listed["registered_verdicts"]["met"]) == (1, 0)
    failing = planning.plan_failing(store, "made", PRESENT, indicator="made-1", under=asked(store, told["id"]))["failing"]
    assert {each["id"] for each in failing} == set(W)


def test_blank_spots_tell_how_it_is_without_the_scenario(county):
    store, _settings = county
    told = saved(store, FILL)
    (rule,) = blank_spots.blank_spots(store, PRESENT, rule_id="village-clinic", states=["blank"], under=asked(store, told["id"]), changed_too=True)["rules"]
    rows = {each["code"]: (each["state"], each["registered_state"]) for each in rule["areas"]}
    assert rows == {V[1]: ("extended", "blank"), V[2]: ("blank", "blank"), W[0]: ("blank", "blank"), W[1]: ("blank", "blank")}
    assert (rule["counts"]["blank"], rule["registered_counts"]["blank"]) == (3, 4)
    assert "方案甲" in rule["notes"][0]["zh"]
    assert V[1] not in states(store, told["id"], states=["blank"])
    assert states(store) == NOW  # what is remembered of the baseline is not the scenario's


# -- travel ----------------------------------------------------------------------------------


def test_serving_changes_no_run_and_says_so(tmp_path):
    """A run of a scenario that only has facilities serve is the baseline's own; one that also moves is that of the move alone."""
    settings = Settings(workspace=tmp_path / "workspace")
    store = furnish(settings, tmp_path)
    baseline = measure_service(Study(store, settings), DRIVE).id
    serving = {"serve": [{"facility": HOSPITAL_ID, "mode": "派驻", "areas": [_some_area(store)]}]}
    alone = saved(store, serving)
    assert scenario_runs.concerned(store, changes_from(serving)) == []
    outcome = scenario_runs.measure(store, settings, ANALYST, alone["id"])
    assert (outcome["measured"], outcome["not_computable"]) == ([], {})
    assert "不影响" in outcome["notes"][0]["zh"]
    named = scenario_runs.measure(store, settings, ANALYST, alone["id"], service_ids=[DRIVE])["measured"][0]
    assert (named["run"], named["same_as_baseline"]) == (baseline, True)
    move = {"move": [{"facility": HOSPITAL_ID, "lon": 126.84, "lat": 42.31}]}
    runs = [scenario_runs.measure(store, settings, ANALYST, saved(store, each)["id"], service_ids=[DRIVE])["measured"][0]["run"]
            for each in (move, {**move, **serving})]
    assert runs[0] == runs[1] != baseline
    store.close()


def _some_area(store):
    with store.reading() as session:
        return areas.find(session, areas.AreaQuery())[0].code


# -- saving ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("serve", "told"), [
    ({"facility": 99, "mode": "派驻", "areas": [V[1]]}, "no facility 99"),
    ({"facility": CLINIC, "mode": "派驻", "areas": ["990001999"]}, "serve: no area 990001999 is registered"),
    ({"facility": CATCHMENT, "mode": "派驻", "areas": [V[1]]}, "serves 990001101200, 990001101201 already, by no registered mode"),
])
def test_what_cannot_be_is_refused(county, serve, told):
    with pytest.raises(InvalidParameter, match=told):
        saved(county[0], {"serve": [serve]})


def test_saved_again_and_copied_it_is_kept_and_gone_facilities_are_left_out(county):
    store, _settings = county
    told = saved(store, DOCUMENTS["several"])
    assert told["changes"] == DOCUMENTS["several"]
    again = scenarios.save(store, ANALYST, told["id"], {**told, "notes": "改注"}, expected=1, origin="test")
    assert (again["changes"], set(again["facilities"])) == (DOCUMENTS["several"], {"1", "2"})
    editing.delete(store, CENTRE, Intent(author="test", origin="test", reason="重复"), expected=editing.seen(store, CENTRE).revision)
    assert scenarios.get_scenario(store, ANALYST, told["id"])["stale"]
    assert scenarios.copy(store, ANALYST, told["id"], origin="test")["changes"] == {"serve": DOCUMENTS["several"]["serve"][:1]}


def test_an_account_of_some_areas_is_told_of_it_whole_or_not_at_all(county):
    store, _settings = county
    own, wide = saved(store, FILL), saved(store, DOCUMENTS["several"], name="到西镇")
    someone = person("东镇", Role.ANALYST, areas=(EAST,))
    east = as_seen_by(store, (EAST,))
    assert [each["id"] for each in scenarios.list_scenarios(east, someone)] == [own["id"]]
    with pytest.raises(ScenarioNotFound):
        asked(east, wide["id"], someone)
    (rule,) = blank_spots.blank_spots(east, PRESENT, rule_id="village-clinic", under=asked(east, own["id"], someone))["rules"]
    assert {each["code"]: each["state"] for each in rule["areas"]} == {V[0]: "held", V[1]: "extended", V[2]: "blank"}


def test_a_scenario_is_of_today(county):
    store, _settings = county
    told = saved(store, FILL)
    with pytest.raises(InvalidParameter, match="scenario is of today"):
        scenario_runs.asked_changes(store, ANALYST, str(told["id"]), AsOf(valid_at="2020-01-01"))
    assert asked(store, "baseline") is None


# -- applying --------------------------------------------------------------------------------


def test_what_moves_and_serves_is_one_update(county):
    store, _settings = county
    told = saved(store, DOCUMENTS["moved and serving"])
    assert [each["kind"] for each in applying.preview(store, EDITOR, told["id"])["changes"]] == ["move"]
    applying.apply(store, EDITOR, told["id"], expected=1, origin="test")
    with store.reading() as session:
        (one,) = facilities.find(session, FacilityQuery(ids=[CLINIC]))
    assert (one.facility.area_code, one.facility.service_mode, one.facility.areas_served) == (V[2], "邻村延伸", [V[0]])


def test_served_already_is_left_as_it_is_and_changed_since_is_a_conflict(county):
    store, _settings = county
    first, second = saved(store, FILL), saved(store, FILL)
    applying.apply(store, EDITOR, first["id"], expected=1, origin="test")
    with pytest.raises(Conflict, match="service_mode"):
        applying.apply(store, EDITOR, second["id"], expected=1, origin="test")
    again = scenarios.save(store, ANALYST, second["id"], second, expected=1, origin="test")
    (line,) = applying.preview(store, EDITOR, second["id"])["changes"]
    assert (line["kind"], line["unchanged"], line["problem"]) == ("serve", True, None)
    assert applying.apply(store, EDITOR, second["id"], expected=again["version"], origin="test")["changes"] == []


def test_where_changes_wait_for_approval_it_is_proposed(county):
    store, _settings = county
    told = saved(store, FILL)
    done = applying.apply(store.proposing(), EDITOR, told["id"], expected=1, origin="test")
    (proposal,) = done["proposals"]
    assert states(store) == NOW
    proposing.publish(store, ADMIN, proposal["id"])
    assert states(store)[V[1]] == "extended"


# -- filling ---------------------------------------------------------------------------------


def test_candidates_of_the_same_township_first(county):
    store, _settings = county
    spot = filling.spot_to_fill(store, "village-clinic", V[1])
    found, number = filling.candidates(store, spot)
    assert ([(each["name"], each["nearness"]) for each in found], number) == ([("东村卫生室", 0), ("东镇卫生院", 0), ("西镇卫生院", 1)], 3)
    assert [each["name"] for each in filling.candidates(store, spot, search="西")[0]] == ["西镇卫生院"]
    east = as_seen_by(store, (EAST,))
    assert {each["name"] for each in filling.candidates(east, spot)[0]} == {"东村卫生室", "东镇卫生院"}
    with pytest.raises(InvalidParameter, match="outside of the areas"):
        filling.spot_to_fill(east, "village-clinic", W[0])
    for rule, area, told in (("no-such", V[1], "no rule"), ("village-clinic", EAST, "registered village")):
        with pytest.raises(InvalidParameter, match=told):
            filling.spot_to_fill(store, rule, area)


def test_filled_in_a_new_scenario_and_in_a_draft(county):
    store, _settings = county

    def filled(area, mode="邻村延伸", scenario=None, who=ANALYST, facility=CLINIC):
        return filling.fill(store, who, filling.spot_to_fill(store, "village-clinic", area), facility=facility, mode=mode, scenario=scenario, name="补上",
                            origin="test")

    first = filled(V[1])
    assert (first["name"], first["changes"]) == ("补上", FILL)
    assert [each["id"] for each in filling.drafts_of(store, ANALYST)] == [first["id"]]
    second = filled(V[2], scenario=first["id"])
    assert second["changes"] == {"serve": [{"facility": CLINIC, "mode": "邻村延伸", "areas": [V[1], V[2]]}]}
    with pytest.raises(InvalidParameter, match="serves by 邻村延伸 in this scenario already"):
        filled(W[0], "派驻", scenario=first["id"])
    with pytest.raises(NotAllowed):
        filled(W[0], scenario=first["id"], who=EDITOR, facility=CENTRE)
    assert filling.drafts_of(store, EDITOR) == []
