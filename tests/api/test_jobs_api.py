"""Jobs over HTTP: asked for, watched, cancelled, by whom; the answer says when to look again."""

from __future__ import annotations

import time

import pytest
from fastapi.testclient import TestClient
from people import GOOD_PASSWORD, headers_of
from workflows.small_county import furnish

from geosvc.application import create_app
from geosvc.settings import Settings
from geosvc.workflows import measuring, people

DRIVE, CENTRES = "hospital-drive", "township-centre-drive"
NOBODY = "a service without facilities"
MEASURE = {"kind": "measure", "parameters": {"service": DRIVE}}


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    folder = tmp_path_factory.mktemp("county")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    store = furnish(settings, folder)
    who = {name: headers_of(store, role, name=name) for name, role in (("wang", "analyst"), ("li", "analyst"), ("chief", "admin"), ("guest", "viewer"))}
    who["limited"] = headers_of(store, "analyst", ["990001100"])
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client, who, store
    store.close()


@pytest.fixture
def client(county):
    return county[0]


@pytest.fixture
def who(county):
    return county[1]


@pytest.fixture
def stuck(monkeypatch):
    """Every surface fails for a reason of its own: what a runner would do with it is not asked here."""
    def broken(*_told, **_named):
        raise RuntimeError("inside")

    monkeypatch.setattr(measuring, "surface_of", broken)


@pytest.fixture
def idle(county, monkeypatch):
    """Nobody does the jobs: they wait."""
    runner = county[0].app.state.jobs
    monkeypatch.setattr(runner, "_round", lambda: False)
    time.sleep(0.05)


def ended(client, who, address):
    for _ in range(1000):
        answer = client.get(address, headers=who)
        assert answer.status_code == 200, answer.text
        if answer.json()["state"] not in ("waiting", "running"):
            assert "retry-after" not in answer.headers
            return answer.json()
        assert int(answer.headers["retry-after"]) in (1, 2)
        time.sleep(0.02)
    raise AssertionError("it did not end")


def test_the_way_of_a_job(client, who):
    """202 with its address; while it is open the answer says when to look again; at the end it names the run, and that can be read."""
    asked = client.post("/api/jobs", json=MEASURE, headers=who["wang"])
    assert asked.status_code == 202
    address = asked.headers["location"]
    assert address == asked.json()["href"] == f"http://testserver/api/jobs/{asked.json()['id']}"
    told = ended(client, who["wang"], address)
    assert told["state"] == "done"
    run = client.get(told["result"]["href"], headers=who["wang"])
    assert run.json()["id"] == told["result"]["run"]
    assert client.get(f"/api/services/{DRIVE}", headers=who["wang"]).json()["run"] == told["result"]["run"]
    again = client.post("/api/jobs", json=MEASURE, headers=who["li"])
    assert (again.status_code, again.json()["state"], again.json()["result"]) == (202, "done", told["result"])
    assert "retry-after" not in again.headers


def test_lists_are_of_ones_own_and_of_all_for_administrators(client, who, idle):
    mine = client.post("/api/jobs", json={"kind": "measure", "parameters": {"service": CENTRES, "conditions": ["rain"]}}, headers=who["wang"]).json()["id"]
    theirs = client.post("/api/jobs", json={"kind": "measure", "parameters": {"service": CENTRES, "conditions": ["night"]}}, headers=who["li"]).json()["id"]

    def numbers(name, **asked):
        return [each["id"] for each in client.get("/api/jobs", params=asked, headers=who[name]).json()["jobs"]]

    assert mine in numbers("wang")
    assert theirs not in numbers("wang")
    assert {mine, theirs} <= set(numbers("chief", state="open"))
    assert numbers("chief", state="done", limit=1) != numbers("chief", state="open", limit=1)
    first = client.get("/api/jobs", params={"limit": 1}, headers=who["chief"]).json()
    following = next(each["href"] for each in first["links"] if each["rel"] == "next")
    assert client.get(following, headers=who["chief"]).json()["jobs"][0]["id"] < first["jobs"][0]["id"]
    assert first["numberMatched"] > first["numberReturned"] == 1
    assert client.get(f"/api/jobs/{mine}", headers=who["li"]).status_code == 404
    assert client.get(f"/api/jobs/{mine}", headers=who["chief"]).json()["author"] == "wang"
    for number in (mine, theirs):
        assert client.delete(f"/api/jobs/{number}", headers=who["chief"]).json()["state"] == "cancelled"
        assert client.delete(f"/api/jobs/{number}", headers=who["chief"]).status_code == 200


def test_who_joins_a_job_sees_it(client, who, idle):
    body = {"kind": "measure", "parameters": {"service": CENTRES, "conditions": ["winter"]}}
    one, other = (client.post("/api/jobs", json=body, headers=who[name]).json() for name in ("wang", "li"))
    assert (one["id"], one["others"]) == (other["id"], 0)
    assert other["others"] == 1
    left = client.delete(f"/api/jobs/{one['id']}", headers=who["wang"]).json()
    assert (left["state"], left["withdrawn"]) == ("waiting", True)
    assert client.delete(f"/api/jobs/{one['id']}", headers=who["li"]).json()["state"] == "cancelled"


def test_who_may_not(client, who):
    """Nobody unknown starts work on a public server; viewers and accounts of some areas do not either."""
    for headers, status in ((None, 401), (who["guest"], 403), (who["limited"], 403)):
        for method, address in (("POST", "/api/jobs"), ("GET", "/api/jobs"), ("GET", "/api/jobs/1"), ("DELETE", "/api/jobs/1")):
            answer = client.request(method, address, headers=headers, json=MEASURE if method == "POST" else None)
            assert answer.status_code == status, (method, address)
            assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("body", "status"), [
    ({"kind": "measure", "parameters": {"service": "none"}}, 404), ({"kind": "measure", "parameters": {}}, 400), ({"kind": "dance"}, 400), ({}, 400),
    ({"kind": "measure", "parameters": {"service": DRIVE, "datetime": "soon"}}, 400), ({"kind": "measure", "parameters": []}, 400),
    ({"kind": "measure", "parameters": {"service": NOBODY}}, 409), ({"kind": "measure", "parameters": {"scenario": 99}}, 404),
    ({"kind": "measure", "parameters": {"service": DRIVE}, "priority": 1}, 400),
])
def test_refusals(client, who, body, status):
    """What cannot be done is refused at once, and says why."""
    if body.get("parameters") == {"service": NOBODY}:
        services = client.get("/api/services", headers=who["wang"]).json()["services"]
        body = {"kind": "measure", "parameters": {"service": next(each["id"] for each in services if not each["computable"])}}
    answer = client.post("/api/jobs", json=body, headers=who["wang"])
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


@pytest.mark.parametrize("number", ["0", "99999", "x", "-1", "1.5", "٣", "9" * 40])
def test_no_such_job(client, who, number):
    for method in ("GET", "DELETE"):
        assert client.request(method, f"/api/jobs/{number}", headers=who["chief"]).status_code == 404


def test_a_failure_is_a_problem_document(client, who, stuck):
    """What went wrong in the background has the same shape as a refusal, and nothing of the inside."""
    asked = client.post("/api/jobs", json={"kind": "measure", "parameters": {"service": DRIVE, "conditions": ["winter", "rain"]}}, headers=who["wang"])
    told = ended(client, who["wang"], asked.headers["location"])
    assert told["state"] == "failed"
    assert {"type", "title", "status", "detail", "instance"} == set(told["error"])
    assert told["error"]["status"] == 500
    assert "inside" not in told["error"]["detail"].split()


def test_a_page_starts_nothing_without_its_token(county):
    """A session's cookie alone starts and cancels nothing: another site could have sent it."""
    client, _who, store = county
    _account, link = people.create_account(store, "browser", role="analyst", areas=None, author="t", origin="t")
    browser = TestClient(client.app)
    people.use_link(store, link, GOOD_PASSWORD, name=None, hours=1)
    assert browser.post("/sign-in", data={"name": "browser", "password": GOOD_PASSWORD}, follow_redirects=False).status_code == 303
    assert browser.get("/api/jobs").status_code == 200
    for method, address in (("POST", "/api/jobs"), ("DELETE", "/api/jobs/1"), ("POST", "/jobs"), ("POST", "/jobs/1/cancel")):
        assert browser.request(method, address, json=MEASURE).status_code == 403, address
    assert browser.get("/api/jobs").json()["jobs"] == []


# -- how certain a figure is -------------------------------------------------------------------


def test_a_band_is_computed_in_the_background_and_is_the_one_that_is_read(client, who):
    """Asked for, watched, and then the answer of the band's own address; asked again it is there at once."""
    ended(client, who["wang"], client.post("/api/jobs", headers=who["wang"], json=MEASURE).json()["href"])
    asked = {"kind": "band", "parameters": {"service": DRIVE, "threshold": "60min", "draws": 20, "seed": 3}}
    read = f"/api/services/{DRIVE}/coverage/band?threshold=60min&draws=20&seed=3"
    assert client.get(read).status_code == 401  # not computed, and nobody in particular may start it
    told = client.post("/api/jobs", headers=who["wang"], json=asked)
    assert told.status_code == 202
    done = ended(client, who["wang"], told.json()["href"])
    assert done["state"] == "done", done
    band = done["result"]["band"]
    newest = client.get(f"/api/services/{DRIVE}").json()["run"]
    assert {name: band[name] for name in ("service", "threshold", "run", "draws", "seed")} == {
        "service": DRIVE, "threshold": "60min", "run": newest, "draws": 20, "seed": 3}
    answer = client.get(band["href"])
    assert answer.status_code == 200
    assert (answer.json()["run"], answer.json()["draws"], answer.json()["seed"]) == (newest, 20, 3)
    again = client.post("/api/jobs", headers=who["li"], json=asked).json()
    assert (again["state"], again["result"]["band"]["run"]) == ("done", newest)


@pytest.mark.parametrize(("parameters", "status", "said"), [
    ({}, 400, "band needs a service"), ({"service": DRIVE, "draws": 5}, 400, "draws must lie between"),
    ({"service": DRIVE, "draws": True}, 400, "draws must be a whole number"), ({"service": DRIVE, "seed": "1"}, 400, "seed must be a whole number"),
    ({"service": DRIVE, "conditions": ["winter"]}, 400, "nobody knows conditions"), ({"service": "nope"}, 404, "no service has the id"),
    ({"service": DRIVE, "run": "nope"}, 404, "no run has the id"), ({"service": DRIVE, "threshold": "7min"}, 404, "has no threshold"),
])
def test_a_band_that_nobody_can_compute_is_refused_at_once(client, who, parameters, status, said):
    ended(client, who["wang"], client.post("/api/jobs", headers=who["wang"], json=MEASURE).json()["href"])
    answer = client.post("/api/jobs", headers=who["wang"], json={"kind": "band", "parameters": parameters})
    assert answer.status_code == status
    assert said in answer.json()["detail"]


@pytest.mark.parametrize("sent", [b"{{", b"[1]", b""])
def test_a_body_that_is_no_object_is_refused_by_name(client, who, sent):
    answer = client.post("/api/jobs", headers={**who["wang"], "Content-Type": "application/json"}, content=sent)
    assert answer.status_code == 400
    assert not answer.json()["detail"].startswith(":"), answer.json()
