"""Scenarios over HTTP: saved with an ETag, measured, asked of every address that answers for a service, compared, applied."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from fastapi.testclient import TestClient
from people import BY, headers_of
from workflows.small_county import furnish

from geosvc.application import create_app
from geosvc.coverage.changes import PLANNED_FROM
from geosvc.geo.raster import read_band
from geosvc.registry import facilities
from geosvc.registry.facilities import Facility
from geosvc.settings import Settings
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.rules import change_rules
from geosvc.workflows.study import Study

ONE_STORY = True
AT, DRIVE = "/api/scenarios", "hospital-drive"
WEST, EAST = "990001100", "990001101"
OPENING = {"number": 1, "class_code": "A100", "name": "东院", "lon": 126.97, "lat": 42.36}
DOCUMENT = {"name": "东镇设医院", "notes": "=1+1", "changes": {"open": [OPENING]}}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The county with its hospital measured, and who asks."""
    folder = tmp_path_factory.mktemp("scenarios")
    settings = Settings(workspace=folder / "workspace")
    store = furnish(settings, folder)
    with store.writing() as session:
        for each in facilities.find(session, FacilityQuery()):
            code = EAST if each.facility.name.startswith("东") else WEST
            facilities.save(session, Facility(**{**each.facility.__dict__, "area_code": code}), facility_id=each.id, **BY)
    measure_service(Study(store, settings), DRIVE)
    who = {name: headers_of(store, role, areas, name) for name, role, areas in (
        ("admin", "admin", None), ("analyst", "analyst", None), ("editor", "editor", None), ("viewer", "viewer", None), ("west", "editor", [WEST]))}
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client, store, who
    store.close()


@pytest.fixture(scope="module")
def made(world):
    """A scenario of the analyst, measured for the hospitals."""
    client, _store, who = world
    answer = client.post(AT, json=DOCUMENT, headers=who["analyst"])
    assert answer.status_code == 201, answer.text
    number = answer.json()["id"]
    assert answer.headers["Location"].endswith(f"{AT}/{number}")
    missing = client.get(f"/api/services/{DRIVE}/coverage", params={"scenario": number}, headers=who["viewer"])
    assert missing.status_code == 404
    assert f"POST /api/scenarios/{number}/measure?service={DRIVE}" in missing.json()["detail"]
    measured = client.post(f"{AT}/{number}/measure", params={"service": DRIVE}, headers=who["analyst"])
    assert measured.status_code == 200, measured.text
    return number, measured.json()["measured"][0]


def test_who_may_save_measure_and_apply(world, made):
    client, _store, who = world
    number, _run = made
    assert client.get(AT).status_code == 401
    for method, path, body, name in (
        ("POST", AT, DOCUMENT, "viewer"), ("POST", f"{AT}/{number}/measure", None, "viewer"), ("POST", f"{AT}/{number}/apply", None, "analyst"),
        ("POST", f"{AT}/{number}/copy", None, "viewer"), ("GET", f"{AT}/{number}/preview", None, "analyst"), ("PUT", f"{AT}/{number}", DOCUMENT, "editor"),
        ("DELETE", f"{AT}/{number}", None, "editor"),
    ):
        answer = client.request(method, path, json=body, headers={**who[name], "If-Match": '"1"'})
        assert answer.status_code == 403, (method, path, answer.text)
    told = client.get(f"{AT}/{number}", headers=who["viewer"]).json()
    assert (told["author"], told["mine"], told["changes"]["open"]) == ("analyst", False, [OPENING])


def test_a_change_names_the_version_that_it_saw(world):
    client, _store, who = world
    own = client.post(AT, json={**DOCUMENT, "name": "改名"}, headers=who["analyst"])
    address, body = own.headers["Location"].partition("/api")[2], own.json()
    address = f"/api{address}"
    assert own.headers["ETag"] == '"1"'
    assert client.put(address, json=body, headers=who["analyst"]).status_code == 428
    changed = client.put(address, json={**body, "notes": "新"}, headers={**who["analyst"], "If-Match": '"1"'})
    assert (changed.status_code, changed.headers["ETag"], changed.json()["notes"]) == (200, '"2"', "新")
    late = client.put(address, json={**body, "notes": "晚"}, headers={**who["analyst"], "If-Match": '"1"'})
    assert late.status_code == 412
    assert late.json()["changed"] == {"version": [1, 2]}
    assert client.put(address, json={**body, "colour": "red"}, headers={**who["analyst"], "If-Match": '"2"'}).status_code == 400
    assert client.post(f"{address}/archive", headers={**who["analyst"], "If-Match": '"2"'}).json()["state"] == "archived"
    assert body["id"] not in [each["id"] for each in client.get(AT, headers=who["analyst"]).json()["scenarios"]]
    assert body["id"] in [each["id"] for each in client.get(AT, params={"state": "archived"}, headers=who["analyst"]).json()["scenarios"]]
    assert client.post(f"{address}/restore", headers={**who["analyst"], "If-Match": '"3"'}).json()["state"] == "draft"
    assert client.delete(address, headers={**who["analyst"], "If-Match": '"4"'}).status_code == 204
    assert client.get(address, headers=who["analyst"]).status_code == 404
    for number in ("0", "x", "99999"):
        assert client.get(f"{AT}/{number}", headers=who["analyst"]).status_code == 404


def test_a_page_may_send_a_body_that_is_none(world):
    client, _store, who = world
    for body in (None, [], "x", {"name": "x"}, {"name": "x", "changes": {"open": [{}]}}, {"name": "x", "changes": {"close": [10**12]}}):
        answer = client.post(AT, json=body, headers=who["analyst"])
        assert answer.status_code == 400, answer.text
        assert answer.json()["detail"]


def test_every_address_of_a_service_answers_for_a_scenario(world, made, tmp_path):
    """Coverage, gaps, surface, isochrones, catchments, curves and map are of the scenario's run, and say so."""
    client, _store, who = world
    number, run = made
    at, asked = f"/api/services/{DRIVE}", {"params": {"scenario": number}, "headers": who["viewer"]}
    table = client.get(f"{at}/coverage", **asked).json()
    assert (table["run"], table["scenario"]) == (run["run"], {"id": number, "name": "东镇设医院"})
    assert client.get(f"{at}/coverage", params={"scenario": "baseline"}, headers=who["viewer"]).json()["run"] == run["baseline"]
    gaps = client.get("/api/collections/gaps/items", params={"service": DRIVE, "scenario": number}, headers=who["viewer"]).json()
    assert gaps["run"] == run["run"]
    assert gaps["scenario"]["id"] == number
    assert {each["properties"]["nearest_name"] for each in gaps["features"]} <= {"东院", "县人民医院", None}
    (tmp_path / "s.tif").write_bytes(client.get(f"{at}/surface", **asked).content)
    assert PLANNED_FROM + 1 in np.unique(read_band(tmp_path / "s.tif", 2))
    names = {each["properties"]["name"] for each in client.get(f"{at}/catchments", **asked).json()["features"]}
    assert names == {"东院", "县人民医院"}
    assert client.get(f"{at}/isochrones", params={"scenario": number, "limits": "30"}, headers=who["viewer"]).json()["run"] == run["run"]
    assert client.get(f"{at}/curves", **asked).status_code == 200
    page = client.get(f"{at}/map", **asked).text
    assert "东院" in page
    assert "按方案“东镇设医院”计算" in page
    for more in ({"run": run["run"]}, {"datetime": "2020-01-01"}):
        assert client.get(f"{at}/coverage", params={"scenario": number, **more}, headers=who["viewer"]).status_code == 400


def test_compared_as_json_and_for_a_spreadsheet(world, made):
    """The same numbers in both; a name that begins like a formula is a text."""
    client, _store, who = world
    number, run = made
    asked = {"params": {"second": number, "service": DRIVE, "threshold": "30min"}, "headers": who["viewer"]}
    table = client.get(f"{AT}/compare", **asked).json()
    assert (table["first"]["run"], table["second"]["run"], table["same_data"]) == (run["baseline"], run["run"], True)
    sheet = client.get(f"{AT}/compare", params={**asked["params"], "f": "csv"}, headers=who["viewer"])
    rows = list(csv.DictReader(io.StringIO(sheet.text.removeprefix("\ufeff"))))
    assert len(rows) == len(table["rows"])
    for row, told in zip(rows, table["rows"], strict=True):
        assert row["area_code"] == told["area_code"]
        assert float(row["difference_covered"]) == pytest.approx(told["difference"]["covered"])
        assert float(row["second_covered"]) - float(row["first_covered"]) == pytest.approx(told["difference"]["covered"])
    assert rows[0]["second_scenario"] == "东镇设医院"
    assert client.get(f"{AT}/compare", headers=who["viewer"]).status_code == 400
    assert client.get(f"{AT}/compare", params={"second": "77"}, headers=who["viewer"]).status_code == 404


def test_an_account_of_another_township_is_not_told(world, made):
    client, _store, who = world
    number, run = made
    assert number not in [each["id"] for each in client.get(AT, headers=who["west"]).json()["scenarios"]]
    for path in (f"{AT}/{number}", f"{AT}/compare?second={number}", f"/api/services/{DRIVE}/coverage?scenario={number}", f"{AT}/{number}/preview"):
        answer = client.get(path, headers=who["west"])
        assert answer.status_code == 404, path
        assert "东" not in answer.text
    assert client.post(f"{AT}/{number}/apply", headers={**who["west"], "If-Match": '"1"'}).status_code == 404
    record = client.get(f"/api/runs/{run['run']}", headers=who["west"])
    assert record.status_code == 200
    assert "东院" not in record.text
    assert "126.97" not in record.text


def test_applied_under_approval_it_waits_and_else_it_is_so(world, made):
    client, store, who = world
    number, _run = made
    plan = client.get(f"{AT}/{number}/preview", headers=who["editor"]).json()
    assert (plan["possible"], plan["proposes"]) == (True, False)
    change_rules(store, author="test", approval=True)
    copied = client.post(f"{AT}/{number}/copy", params={"name": "待审"}, headers=who["editor"]).json()["id"]
    assert client.post(f"{AT}/{copied}/apply", headers=who["editor"]).status_code == 428
    proposed = client.post(f"{AT}/{copied}/apply", headers={**who["editor"], "If-Match": '"1"'})
    assert proposed.status_code == 202, proposed.text
    (waits,) = proposed.json()["proposals"]
    assert client.get(f"/api/proposals/{waits['id']}", headers=who["admin"]).json()["reason"] == "方案“待审”"
    assert client.post(f"{AT}/{copied}/apply", headers={**who["admin"], "If-Match": '"2"'}).status_code == 409
    change_rules(store, author="test", approval=False)
    assert client.post(f"{AT}/{number}/apply", json={"name": "x"}, headers={**who["editor"], "If-Match": '"1"'}).status_code == 400
    assert client.post(f"{AT}/{number}/apply", params={"valid_from": "soon"}, headers={**who["editor"], "If-Match": '"1"'}).status_code == 422
    done = client.post(f"{AT}/{number}/apply", headers={**who["editor"], "If-Match": '"1"'})
    assert done.status_code == 200, done.text
    opened = done.json()["scenario"]["opened"]["1"]
    feature = client.get(f"/api/collections/facilities/items/{opened}", headers=who["viewer"]).json()
    assert (feature["properties"]["name"], feature["properties"]["area_code"]) == ("东院", EAST)
    assert client.post(f"{AT}/{number}/apply", headers={**who["editor"], "If-Match": done.headers["ETag"]}).status_code == 409
