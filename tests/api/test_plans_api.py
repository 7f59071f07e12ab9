"""Plans over HTTP: listed, told whole, filtered, as tables, as of a day, under a scenario, and to accounts of some areas."""

from __future__ import annotations

import csv
import io

import openpyxl
import pytest
from fastapi.testclient import TestClient
from people import BY, headers_of

from geosvc.application import create_app
from geosvc.registry import areas, facilities
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility
from geosvc.settings import Settings
from geosvc.workflows import plan_documents, planning
from geosvc.workflows.workspace import init_workspace

COUNTY, EAST, WEST = "990001", "990001100", "990001101"
V, W = [f"{EAST}20{i}" for i in range(2)], [f"{WEST}20{i}" for i in range(2)]
CLINIC = 1
PLAN = """
plan: {id: made, title: 示例规划, issuer: 试验县, period: 2021-2025, area: "990001"}
people:
  - {year: 2020, people: 10000, kind: resident, status: census, source: 普查}
statements:
  - {id: made-1, quote: 村村有卫生室, kind: UNIT, year: 2025, indicator: {unit: "%", compute: {each_area: {level: village, rule: village-clinic}}, target: ≥75%}}
  - {id: made-2, quote: "=村卫生室数", kind: FACT, year: 2025, indicator: {unit: 所, compute: {count: {of: village_clinic}}, target: 2}}
  - {id: made-3, quote: 每千人口床位, kind: DENS, year: 2020->2025,
     indicator: {unit: 张/千人, compute: {density: {measure: beds, per: 1000}}, baseline: 2.0, target: 6}}
  - {id: made-4, quote: 床位数, kind: STOCK, year: 2020, indicator: {unit: 张, compute: {stock: {measure: beds}}, baseline: 50}}
  - {id: made-5, quote: 卫生院床位, kind: UNIT, year: 2025, indicator: {unit: "%", compute: {each_facility: {of: township_centre, measure: beds}}, target: ≥20}}
  - {id: made-6, quote: 加强评估, kind: GOV, recorded: 没有数值}
  - {id: made-7, quote: 半小时到医院, kind: TIME, year: 2025, indicator: {unit: "%", compute: {coverage: {service: hospital-drive}}, target: 90%}}
"""
OF_MADE = [f"made-{n}" for n in range(1, 8)]
NAMES = ("东村卫生室", "西村卫生室", "东镇卫生院")
PATHS = ("/api/plans", "/api/plans/made", "/api/plans/made/indicators", "/api/plans/made/conflicts", "/api/plans/made/failing")


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    """Two townships of two villages; the clinic of the west opened in 2022 and is a sample."""
    folder = tmp_path_factory.mktemp("plans")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    store = init_workspace(settings)
    names = {COUNTY: "试验县", EAST: "东镇", WEST: "西镇", **{code: f"村{code[-4:]}" for code in [*V, *W]}}
    with store.writing() as session:
        for code, name in names.items():
            areas.save(session, Area(code=code, name=name, level={6: "county", 9: "township"}.get(len(code), "village")), **BY)
        for one in (
            Facility(name=NAMES[0], class_code="D600", area_code=V[0], opened_on="2020-05-01"),
            Facility(name=NAMES[1], class_code="D600", area_code=W[0], opened_on="2022-05-01", illustrative=True),
            Facility(name=NAMES[2], class_code="C220", area_code=EAST, opened_on="2020-05-01", beds=[{"kind": "authorised", "count": 10, "year": 2022}]),
        ):
            facilities.register(session, [one], **BY)
    plan_documents.add_plan(store, PLAN.encode(), "made.yaml", author="test")
    yield store, settings
    store.close()


@pytest.fixture(scope="module")
def client(county):
    with TestClient(create_app(county[1]), raise_server_exceptions=False) as made:
        yield made


@pytest.fixture(scope="module")
def filled(client, county):
    """A scenario in which the clinic of the east serves the other eastern village, of somebody of all areas; its number."""
    answer = client.post("/api/scenarios", headers=headers_of(county[0], "analyst", name="filler"), json={
        "name": "补上", "changes": {"serve": [{"facility": CLINIC, "mode": "邻村延伸", "areas": [V[1]]}]}})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def board(client, headers=None, **asked):
    answer = client.get("/api/plans/made/indicators", params=asked, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def by_id(told):
    return {each["id"]: each for row in told["statements"] for each in row["indicators"]}


def verdicts(told):
    return {name: each["verdict"] for name, each in by_id(told).items()}


def test_the_list_counts_what_the_plans_say(client):
    found = {each["id"]: each for each in client.get("/api/plans").json()["plans"]}
    assert {"jingyu-2025", "national-2025", "made"} <= set(found)
    made, one = found["made"], client.get("/api/plans/made").json()
    assert made == one
    assert made["area_registered"] and not found["jingyu-2025"]["area_registered"]
    assert made["counts"]["statements"] == 7 == sum(made["counts"][name] for name in planning.STATES)
    assert made["counts"]["indicators"] == 6 == sum(made["counts"]["verdicts"].values())
    assert made["scenario"] is None and [each["people"] for each in made["people"]] == [10000]


def test_an_indicator_is_told_with_value_verdict_and_who_makes_it_fail(client):
    told = by_id(board(client))
    assert told["made-1"]["now"]["value"] == 50.0 and told["made-1"]["verdict"] == "behind" and told["made-1"]["now"]["schematic"]
    assert [(each["id"], each["located"], each["outlined"]) for each in told["made-1"]["now"]["culprits"]] == [(V[1], False, None), (W[1], False, None)]
    assert told["made-2"]["verdict"] == "met"
    assert [(each["name"], each["located"], each["planned"]) for each in told["made-5"]["now"]["culprits"]] == [(NAMES[2], False, False)]
    # A service without any facility is said of its indicator alone; the others are told.
    assert told["made-7"]["now"]["why"]["code"] == "no_facilities" and told["made-7"]["now"]["why"]["command"] == "geosvc import facilities FILE"


def test_filters(client):
    assert [each["id"] for each in board(client, kind="UNIT")["statements"]] == ["made-1", "made-5"]
    behind = board(client, verdict="behind")
    assert {each["id"] for each in behind["statements"]} <= set(OF_MADE) and "made-1" in verdicts(behind) and "made-2" not in verdicts(behind)
    assert behind["counts"] == board(client)["counts"]  # counts are of all
    assert board(client, kind="GOV", verdict="met")["statements"] == []


def test_what_fails_is_listed_for_all_and_for_one(client):
    told = client.get("/api/plans/made/failing").json()["failing"]
    assert {each["indicator"] for each in told} >= {"made-1", "made-5"}
    one = client.get("/api/plans/made/failing", params={"indicator": "made-1"}).json()
    assert [(each["kind"], each["id"], each["known"]) for each in one["failing"]] == [("area", V[1], True), ("area", W[1], True)]


def test_contradictions_have_a_sentence_in_both_languages(client):
    told = client.get("/api/plans/made/conflicts").json()
    assert told["plan"] == "made" and told["people"][0]["people"] == 10000
    # 50 beds at 2.0 for 1,000 are 25,000 people; 10,000 are registered.
    assert "implied_population" in {each["check"] for each in told["conflicts"]}
    assert all(each["zh"] and each["en"] and each["statements"] for each in told["conflicts"])
    assert told["conflicts"] == board(client)["contradictions"]


def test_as_of_a_day(client):
    """Before the western clinic opened one village of four had one; before any nothing can be said."""
    told = board(client, datetime="2021-06-01")
    assert told["datetime"] == "2021-06-01"
    assert by_id(told)["made-1"]["now"]["value"] == 25.0 and not by_id(told)["made-1"]["now"]["schematic"]
    before = by_id(board(client, datetime="2019-06-01"))["made-1"]
    assert (before["verdict"], before["now"]["why"]["code"], before["now"]["why"]["command"]) == ("not_computable", "no_facilities", "geosvc import facilities FILE")
    assert client.get("/api/plans", params={"datetime": "2021-06-01"}).json()["plans"][-1]["datetime"] == "2021-06-01"


def test_tables_hold_what_the_answer_holds(client, filled):
    answer = client.get("/api/plans/made/indicators", params={"f": "csv", "language": "en"})
    assert "plan-made-" in answer.headers["content-disposition"] and answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == 8 and {row[0] for row in rows[1:]} == set(OF_MADE)
    assert any("'=村卫生室数" in row for row in rows)  # no text is a formula
    content = client.get("/api/plans/made/indicators", params={"f": "xlsx", "kind": "UNIT", "scenario": filled}).content
    assert content == client.get("/api/plans/made/indicators", params={"f": "xlsx", "kind": "UNIT", "scenario": filled}).content
    book = openpyxl.load_workbook(io.BytesIO(content))
    sheet = book.worksheets[0]
    assert sheet.max_row == 3 and len(book.worksheets) == 4
    titles = [cell.value for cell in sheet[1]]
    assert [sheet[2][titles.index(each)].value for each in ("判定", "现状判定", "方案")] == ["已达到", "未达到", "补上"]
    book.close()


def test_the_table_lists_everything_that_fails(client):
    """Not the first of each as the page does: every facility and area of the list, in its order."""
    failing = client.get("/api/plans/made/failing").json()["failing"]
    content = client.get("/api/plans/made/indicators", params={"f": "xlsx", "language": "en"}).content
    rows = list(openpyxl.load_workbook(io.BytesIO(content)).worksheets[1].iter_rows(min_row=2, values_only=True))
    assert [(row[0], row[4], row[5], row[6]) for row in rows] == [
        (each["indicator"], each["id"], each["facility_or_area"], "fails" if each["known"] else "unknown") for each in failing]
    assert len(failing) > 1


@pytest.mark.parametrize(("path", "asked", "status", "told"), [
    *((f"/api/plans/nobody{rest}", {}, 404, "there are: ") for rest in ("", "/indicators", "/conflicts", "/failing")),
    ("/api/plans/made/failing", {"indicator": "made-99"}, 404, "no indicator 'made-99'"),
    ("/api/plans/made/indicators", {"kind": "NOPE"}, 400, "RADIUS"), ("/api/plans/made/indicators", {"verdict": "good"}, 400, "behind"),
    ("/api/plans/made/indicators", {"f": "pdf"}, 400, "xlsx"), ("/api/plans/made", {"datetime": "yesterday"}, 400, "datetime"),
    ("/api/plans/made", {"plan": "x"}, 400, "plan"), *((path, {"scenario": "99"}, 404, "no scenario 99") for path in PATHS),
    ("/api/plans/made", {"scenario": "x"}, 404, "no scenario"),
])
def test_what_cannot_be_asked_is_refused_with_the_cure(client, path, asked, status, told):
    answer = client.get(path, params=asked)
    assert answer.status_code in ((400, 422) if status == 400 else (status,)), answer.text
    assert told in answer.text


def test_a_scenario_is_of_today(client, filled):
    for path in PATHS:
        answer = client.get(path, params={"scenario": filled, "datetime": "2021-01-01"})
        assert answer.status_code == 400 and "without datetime" in answer.json()["detail"]


def test_under_a_scenario(client, filled):
    told = board(client, scenario=filled)
    assert told["scenario"] == {"id": filled, "name": "补上"}
    one = by_id(told)["made-1"]
    assert (one["verdict"], one["now"]["value"], one["registered"]["verdict"], one["registered"]["value"]) == ("met", 75.0, "behind", 50.0)
    assert one["now"]["counts"]["filled"] == 1
    # Serving changes no travel: the coverage is asked of the baseline.
    assert by_id(told)["made-7"]["now"]["why"] == by_id(board(client))["made-7"]["now"]["why"]
    assert [each["id"] for each in client.get("/api/plans/made/failing", params={"indicator": "made-1", "scenario": filled}).json()["failing"]] == [W[1]]
    listed = {each["id"]: each for each in client.get("/api/plans", params={"scenario": filled}).json()["plans"]}["made"]
    assert listed["counts"]["verdicts"]["met"] == listed["registered_verdicts"]["met"] + 1
    assert board(client, scenario="baseline") == board(client)
    spots = client.get("/api/blank-spots", params={"rule": "village-clinic", "scenario": filled}).json()
    assert spots["scenario"] == told["scenario"]
    assert {each["code"]: (each["state"], each["registered_state"]) for each in spots["rules"][0]["areas"]}[V[1]] == ("extended", "blank")


def test_a_scenario_that_concerns_a_service_has_its_coverage_measured_first(client, county):
    analyst = headers_of(county[0], "analyst", name="opener")
    number = client.post("/api/scenarios", headers=analyst, json={"name": "新医院", "changes": {
        "open": [{"number": 1, "class_code": "A100", "name": "新医院", "lon": 126.8, "lat": 42.4}]}}).json()["id"]
    now = by_id(board(client, scenario=number))["made-7"]["now"]
    assert (now["why"]["code"], now["why"]["command"]) == ("not_measured", f"geosvc scenarios measure {number} hospital-drive")


@pytest.mark.parametrize("area", [EAST, WEST])
def test_an_account_of_a_part_gets_words_and_contradictions_and_no_name(client, county, filled, area):
    """The plan's county is more than the account's township: what is published is told, what is registered there is not."""
    headers = headers_of(county[0], "viewer", [area])
    told = board(client, headers)
    assert [each["quote"] for each in told["statements"]] == [each["quote"] for each in board(client)["statements"]]
    assert told["contradictions"] == board(client)["contradictions"]
    computed = [each["now"] for each in by_id(told).values() if each["way"]]
    assert computed and {each["why"]["code"] for each in computed} == {"not_visible"} and not any(each["culprits"] for each in computed)
    assert client.get("/api/plans/made/failing", headers=headers).json()["failing"] == []
    for path in PATHS:
        text = client.get(path, headers=headers).text
        assert not [name for name in NAMES if name in text]
        assert client.get(path, params={"scenario": filled}, headers=headers).status_code == (404 if area != EAST else 200)


def test_an_account_of_the_county_is_told_everything(client, county, filled):
    headers = headers_of(county[0], "viewer", [COUNTY])
    assert verdicts(board(client, headers)) == verdicts(board(client))
    assert by_id(board(client, headers, scenario=filled))["made-1"]["verdict"] == "met"


# -- plan files and reported figures over the API --------------------------------------------

OWN = """plan: {id: own, title: 自己的规划, period: 2021-2025}
statements:
  - {id: own-1, quote: 床位使用率, kind: PROC, year: 2020->2025, indicator: {unit: "%", baseline: "80", target: "90"}}
"""


@pytest.fixture(scope="module")
def editor(county):
    store, settings = county
    with TestClient(create_app(settings), headers=headers_of(store, "editor", name="规划科")) as made:
        yield made


def sent(text, name="own.yaml"):
    return {"file": (name, text.encode(), "application/octet-stream")}


def test_a_plan_file_is_checked_kept_read_and_forgotten(editor):
    checked = editor.post("/api/plans?check=true", files=sent(OWN.replace("PROC", "PRUC")))
    assert checked.status_code == 200
    assert checked.json()["problems"][0].startswith("own.yaml:3: own-1: kind must be one of")
    assert editor.get("/api/plans/own").status_code == 404
    refused = editor.post("/api/plans", files=sent(OWN.replace("PROC", "PRUC")))
    assert refused.status_code == 422
    assert "own.yaml:3: own-1: kind" in refused.json()["detail"]
    (problem,) = refused.json()["problems"]
    assert (problem["file"], problem["line"], problem["statement"], problem["text"][:4]) == ("own.yaml", 3, "own-1", "kind")
    kept = editor.post("/api/plans", files=sent(OWN))
    assert kept.status_code == 201, kept.text
    assert kept.headers["Location"].endswith("/api/plans/own")
    assert editor.get("/api/plans/own").json()["title"] == "自己的规划"
    assert editor.get("/api/plans/own/file").text == OWN
    assert editor.delete("/api/plans/own").status_code == 204
    assert editor.get("/api/plans/own").status_code == 404
    assert editor.delete("/api/plans/jingyu-2025").status_code == 404  # a published one is no file of the workspace


def test_a_file_of_a_published_plan_takes_its_place_until_it_is_forgotten(editor):
    """What is downloaded can be changed and sent back."""
    text = editor.get("/api/plans/national-2025/file").text
    title = editor.get("/api/plans/national-2025").json()["title"]
    assert editor.post("/api/plans", files=sent(text.replace(f"title: {title}", "title: 修订本"), "n.yaml")).status_code == 201
    assert editor.get("/api/plans/national-2025").json()["title"] == "修订本"
    assert editor.delete("/api/plans/national-2025").status_code == 204
    assert editor.get("/api/plans/national-2025").json()["title"] == title


def test_figures_are_reported_by_the_form_that_is_downloaded(editor):
    editor.post("/api/plans", files=sent(OWN))
    address = "/api/plans/own/reported"
    form = editor.get(f"{address}?f=csv").content.decode("utf-8-sig")
    assert form.splitlines() == ["指标编号,指标,年份,数值,来源", "own-1,床位使用率,,,"]
    filled = editor.put(address, files=sent(form.replace(",,,", ",2023,85%,年报"), "表.csv"))
    assert filled.status_code == 200, filled.text
    assert [(each["indicator"], each["year"], each["value"]) for each in filled.json()["figures"]] == [("own-1", 2023, "85%")]
    assert filled.json()["sent"]["author"] == "规划科"
    refused = editor.put(address, files=sent(form.replace(",,,", ",2023,多,年报"), "表.csv"))
    assert (refused.status_code, "表.csv:2: own-1" in refused.json()["detail"]) == (422, True)
    assert editor.get(address).json() == filled.json()
    late = editor.put(f"{address}?seen=none", files=sent(form.replace(",,,", ",2023,1%,年报"), "表.csv"))
    assert (late.status_code, late.json()["title"]) == (412, "Conflict")
    assert editor.put(f"{address}?seen={filled.json()['sent']['recorded_at']}", files=sent(form.replace(",,,", ",2023,85%,年报"), "表.csv")).status_code == 200
    assert editor.delete(address).status_code == 204
    assert editor.get(address).json()["figures"] == []
    assert editor.delete(address).status_code == 404
    assert editor.delete("/api/plans/own").status_code == 204


def test_what_was_known_before_is_told(editor, client):
    """`recorded` reaches the plan's texts: each text that was sent answers for its moment, also after the plan is gone; authors are for accounts."""
    for title in ("初稿", "定稿"):
        assert editor.post("/api/plans", files=sent(OWN.replace("自己的规划", title).replace("id: own,", "id: twice,"), f"{title}.yaml")).status_code == 201
    table = "指标编号,年份,数值,来源\nown-1,2023,85%,年报\n"
    assert editor.put("/api/plans/twice/reported", files=sent(table, "表.csv")).status_code == 200
    moment = editor.get("/api/plans/twice/reported").json()["sent"]["recorded_at"]
    assert editor.delete("/api/plans/twice/reported").status_code == 204
    assert editor.delete("/api/plans/twice").status_code == 204
    told = editor.get("/api/plans/twice/texts").json()["texts"]
    assert [(each["part"], each["name"], each["taken_away"], each["until"] is None) for each in told] == [
        ("file", "定稿.yaml", True, True), ("reported", "表.csv", True, True), ("reported", "表.csv", False, False), ("file", "定稿.yaml", False, False),
        ("file", "初稿.yaml", False, False)]
    assert {each["author"] for each in told} == {"规划科"}
    assert {each["author"] for each in client.get("/api/plans/twice/texts").json()["texts"]} == {None}
    assert client.get("/api/plans/twice").status_code == 404
    first = {"recorded": told[-1]["recorded_at"]}
    assert client.get("/api/plans/twice", params=first).json()["title"] == "初稿"
    assert "title: 初稿" in client.get("/api/plans/twice/file", params=first).text
    assert "twice" in [each["id"] for each in client.get("/api/plans", params=first).json()["plans"]]
    assert client.get("/api/plans/twice/reported", params=first).json()["figures"] == []
    then = {"recorded": moment}
    assert "85%" in client.get("/api/plans/twice/reported", params={**then, "f": "csv"}).text
    (statement,) = client.get("/api/plans/twice/indicators", params=then).json()["statements"]
    assert [each["value"] for each in statement["indicators"][0]["trend"]] == [80.0, 85.0]
    assert client.get("/api/plans/nobody/texts").status_code == 404
    assert client.get("/api/plans/twice/texts?misspelt=1").status_code == 400


def test_an_id_that_is_an_address_is_refused(editor):
    answer = editor.post("/api/plans", files=sent(OWN.replace("id: own,", "id: new,")))
    assert answer.status_code == 422
    assert "address of its own" in answer.json()["detail"]


@pytest.mark.parametrize(("role", "areas", "status"), [(None, None, 401), ("viewer", None, 403), ("analyst", None, 403), ("editor", [EAST], 403), ("editor", None, 201), ("admin", None, 201)])
def test_who_may_send(county, role, areas, status):
    """Plans concern every area: an editor of some areas sends none."""
    store, settings = county
    with TestClient(create_app(settings), headers={} if role is None else headers_of(store, role, areas)) as one:
        assert one.post("/api/plans", files=sent(OWN)).status_code == status
        assert one.put("/api/plans/jingyu-2025/reported", files=sent("指标编号,年份,数值,来源\njingyu-2025-028.1,2023,71%,年报\n")).status_code == (200 if status == 201 else status)
        for address in ("/api/plans/own", "/api/plans/jingyu-2025/reported"):
            assert one.delete(address).status_code == (204 if status == 201 else status)
