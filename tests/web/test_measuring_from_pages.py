"""Pages of coverage and of scenarios offer measuring as a job where an answer is missing; to whom it may be offered."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from people import headers_of
from workflows.small_county import furnish

from geosvc.application import create_app
from geosvc.settings import Settings

SERVICE = "hospital-drive"
CHANGES = {"open": [{"number": 1, "class_code": "A100", "name": "东医院", "lon": 126.95, "lat": 42.32}]}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A county in which nothing is measured, and who asks."""
    folder = tmp_path_factory.mktemp("offers")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    store = furnish(settings, folder, cell_size_m=400.0)
    who = {"nobody": {}, "analyst": headers_of(store, "analyst"), "west": headers_of(store, "analyst", ["990001100"])}
    store.close()
    with TestClient(create_app(settings), raise_server_exceptions=False, follow_redirects=False) as client:
        made = client.post("/api/scenarios", json={"name": "东", "changes": CHANGES}, headers=who["analyst"]).json()["id"]
        copied = client.post("/api/scenarios", json={"name": "西", "changes": {"conditions": ["winter"]}}, headers=who["west"]).json()["id"]
        yield client, who, made, copied


def offers(page):
    """What each offer of a page asks for."""
    forms = re.findall(r'<form class="measure-now".*?</form>', page.text, flags=re.DOTALL)
    return [dict(re.findall(r'name="(service|scenario|datetime|recorded|threshold|back)" value="([^"]*)"', form)) for form in forms]


def test_coverage_offers_what_is_not_measured_and_nothing_that_cannot_be(world):
    client, who, _number, _copied = world
    everything = offers(client.get("/coverage", headers=who["analyst"]))
    asked = [each for each in everything if "threshold" not in each]
    services = client.get("/api/services").json()["services"]
    measured, computable = ({each["id"] for each in services if each["computable"] and (each["run"] is None) == unmeasured} for unmeasured in (False, True))
    # The service that is looked at offers its band, once it is measured (by another test of this county, or not yet).
    assert len(everything) - len(asked) == bool(measured) and {each["service"] for each in everything if "threshold" in each} <= measured
    assert {each["service"] for each in asked} == computable
    assert {each["back"] for each in asked} == {"/coverage"}
    assert len(asked) == len(computable) >= 1
    then = offers(client.get("/coverage?datetime=2024-01-01", headers=who["analyst"]))
    assert {each["datetime"] for each in then if "threshold" not in each} == {"2024-01-01"}
    assert not offers(client.get("/coverage", headers=who["west"])) and not offers(client.get("/coverage"))


def test_a_scenario_is_measured_as_a_job(world):
    """Without script: the form leads to the job, the job leads back, and the page shows the figures."""
    client, who, number, _copied = world
    page = client.get(f"/scenarios/{number}", headers=who["analyst"])
    assert offers(page) == [{"back": f"/scenarios/{number}", "scenario": str(number)}]
    assert "/static/jobs.js" in page.text
    missing = client.get(f"/scenarios/compare?second={number}&service={SERVICE}", headers=who["analyst"])
    assert (SERVICE, str(number)) in [(each["service"], each.get("scenario")) for each in offers(missing)]
    told = client.post("/api/jobs", json={"kind": "measure", "parameters": {"scenario": number, "service": SERVICE}}, headers=who["analyst"]).json()
    while told["state"] in ("waiting", "running"):
        told = client.get(f"/api/jobs/{told['id']}", headers=who["analyst"]).json()
    assert told["state"] == "done"
    back = client.get(f"/jobs/{told['id']}?back=/scenarios/{number}", headers=who["analyst"])
    assert f'href="/scenarios/{number}"' in back.text
    compared = client.get(f"/scenarios/compare?second={number}&service={SERVICE}", headers=who["analyst"])
    assert compared.text.count('class="compare-map"') == 2


def test_the_page_says_what_the_job_could_not_answer(world):
    """A scenario that closes the only hospital: the job is done, and the page names the services without an answer, until it is changed."""
    client, who, _number, _copied = world
    made = client.post("/api/scenarios", json={"name": "关", "changes": {"close": [1]}}, headers=who["analyst"]).json()
    told = client.post("/api/jobs", json={"kind": "measure", "parameters": {"scenario": made["id"]}}, headers=who["analyst"]).json()
    while told["state"] in ("waiting", "running"):
        told = client.get(f"/api/jobs/{told['id']}", headers=who["analyst"]).json()
    assert SERVICE in told["result"]["not_computable"]
    address = f"/scenarios/{made['id']}"
    assert "到最近医院的时间：按此方案无法计算" in client.get(address, headers=who["analyst"]).text
    assert "按此方案无法计算" not in client.get(address).text
    changed = {"name": "关", "changes": {"close": [1], "conditions": ["winter"]}}
    client.put(f"/api{address}", json=changed, headers={**who["analyst"], "If-Match": f'"{made["version"]}"'}).raise_for_status()
    assert "按此方案无法计算" not in client.get(address, headers=who["analyst"]).text


def test_an_account_of_some_areas_measures_as_before(world):
    """Jobs are for who may measure everywhere; its own scenario it measures while it waits."""
    client, who, _number, copied = world
    page = client.get(f"/scenarios/{copied}", headers=who["west"])
    assert not offers(page) and 'value="measure"' in page.text


@pytest.mark.parametrize("back", ["//elsewhere.example", "/scenarios/3/../../x", "/scenarios/3?x=1", "https://elsewhere.example/coverage"])
def test_a_job_leads_back_to_pages_of_this_server_alone(back):
    from geosvc.web.job_pages import _back_of

    assert _back_of(back) == ""
    assert _back_of("/scenarios/3") == "/scenarios/3"
