"""Scenarios at the command line: saved from a file, measured, compared, applied only when told so."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from people import BY
from typer.testing import CliRunner
from workflows.small_county import furnish

from geosvc.cli import app
from geosvc.errors import InvalidParameter, RunNotFound, UnreadableFile
from geosvc.registry import facilities
from geosvc.settings import Settings
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows.workspace import open_workspace

DRIVE = "hospital-drive"
DOCUMENT = {"name": "东院", "notes": "", "changes": {"open": [{"class_code": "A100", "lon": 126.97, "lat": 42.36}], "close": [2]}}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a command on the small county and return what it printed."""
    settings = Settings(workspace=tmp_path / "workspace")
    furnish(settings, tmp_path).close()
    monkeypatch.setenv("GEOSVC_WORKSPACE", str(settings.workspace))

    def told(*arguments, as_json=False):
        answer = CliRunner().invoke(app, [*map(str, arguments), *(["--json"] if as_json else [])], catch_exceptions=True)
        if answer.exception is not None and not isinstance(answer.exception, SystemExit):
            raise answer.exception
        return json.loads(answer.stdout) if as_json else answer.stdout

    told.folder, told.settings = tmp_path, settings
    return told


def test_the_whole_way(run):
    """A file becomes a scenario; exported it is the file again; without --yes nothing is written."""
    file = run.folder / "plan.json"
    assert "no scenario" in run("scenarios", "list")
    file.write_text(json.dumps(DOCUMENT), encoding="utf-8")
    number = run("scenarios", "import", file, as_json=True)["id"]
    run("scenarios", "export", number, "-o", run.folder / "again.json")
    again = json.loads((run.folder / "again.json").read_text("utf-8"))
    assert again == {**DOCUMENT, "changes": {"open": [{"number": 1, "name": "", **DOCUMENT["changes"]["open"][0]}], "close": [2]}}
    assert "东院" in run("scenarios", "list")
    shown = run("scenarios", "show", number)
    assert "(no name)" in shown
    assert "close  2 东镇卫生院" in shown
    with pytest.raises(RunNotFound, match="geosvc measure hospital-drive"):
        run("scenarios", "compare", "baseline", number, "--service", DRIVE)
    measured = run("scenarios", "measure", number, DRIVE, as_json=True)["measured"][0]
    assert measured["run"] in run("scenarios", "measure", number, DRIVE)
    table = run("scenarios", "compare", "baseline", number, "--service", DRIVE, as_json=True)
    assert table["second"]["run"] == measured["run"]
    assert "+" in run("scenarios", "compare", "baseline", number, "--service", DRIVE)
    assert "cannot be applied" in run("scenarios", "apply", number)
    with pytest.raises(InvalidParameter, match="no name"):
        run("scenarios", "apply", number, "--yes")
    assert "--yes does it" in run("scenarios", "apply", number, "--name", "1=东院")
    assert states(run) == {"县人民医院": "operating", "东镇卫生院": "operating", "西镇卫生院": "operating"}
    assert "Applied." in run("scenarios", "apply", number, "--name", "1=东院", "--yes")
    assert states(run) == {"县人民医院": "operating", "东镇卫生院": "closed", "西镇卫生院": "operating", "东院": "operating"}


def states(run):
    store = open_workspace(run.settings)
    with store.reading() as session:
        found = {each.facility.name: str(each.facility.state) for each in facilities.find(session, FacilityQuery())}
    store.close()
    return found


def test_a_file_that_is_none_is_refused(run):
    file = run.folder / "plan.json"
    for text in ("{", ""):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(UnreadableFile, match="no JSON"):
            run("scenarios", "import", file)
    assert "expected NUMBER=NAME" in CliRunner().invoke(app, ["scenarios", "apply", "1", "--name", "x"]).output


PLAN = """
plan: {id: made, title: 示例, issuer: 试验县, period: 2021-2025, area: "990001"}
statements:
  - {id: made-1, quote: 每镇一所卫生院, kind: UNIT, year: 2025, indicator: {unit: "%", compute: {each_area: {level: township, rule: township-centre}}, target: 100%}}
"""


def test_a_plan_under_a_scenario_in_which_a_facility_serves(run):
    """The verdict under the scenario, with that of the registry beside it; measuring a scenario that alters no travel says so."""
    plan, scenario = run.folder / "plan.yaml", run.folder / "serve.json"
    plan.write_text(PLAN, encoding="utf-8")
    run("plan", "add", plan)
    store = open_workspace(run.settings)
    with store.writing() as session:  # the centre of the east in its township, the other one elsewhere
        for number, code in ((2, "990001101"), (3, "880000")):
            held = next(each.facility for each in facilities.find(session, FacilityQuery(ids=[number])))
            facilities.save(session, replace(held, area_code=code), facility_id=number, **BY)
    store.close()
    before = run("plan", "show", "made", as_json=True)["statements"][0]["indicators"][0]
    assert before["verdict"] == "behind"
    serve = [{"facility": 2, "mode": "派驻", "areas": sorted(each["id"] for each in before["now"]["culprits"])}]
    scenario.write_text(json.dumps({"name": "驻点", "changes": {"serve": serve}}), encoding="utf-8")
    number = run("scenarios", "import", scenario, as_json=True)["id"]
    assert f"serves {', '.join(serve[0]['areas'])} by 派驻" in run("scenarios", "show", number)
    assert "concern no service" in run("scenarios", "measure", number)
    told = run("plan", "show", "made", "--scenario", number, as_json=True)
    after = told["statements"][0]["indicators"][0]
    assert (told["scenario"]["name"], after["verdict"], after["registered"]["verdict"]) == ("驻点", "met", "behind")
    assert "registered: behind" in run("plan", "show", "made", "--scenario", number).replace("\n", " ")
    assert run("scenarios", "apply", number, "--yes").count("serve") == 1
    assert run("plan", "show", "made", as_json=True)["statements"][0]["indicators"][0]["verdict"] == "met"
