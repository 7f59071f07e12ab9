"""The live what-if by HTTP: who may ask, how, and what is refused."""

from __future__ import annotations

import json

import pytest
from fastapi.testclient import TestClient
from people import headers_of
from workflows.small_county import furnish

from geosvc.application import create_app
from geosvc.errors import Busy
from geosvc.settings import Settings

WHAT_IF = "/api/services/hospital-drive/what-if"
OPENED = {"open": [{"number": 1, "class_code": "A100", "name": "新医院", "lon": 126.95, "lat": 42.32}]}


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    """A server of the small county that anybody may read."""
    folder = tmp_path_factory.mktemp("county")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    furnish(settings, folder, cell_size_m=400.0).close()
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client


def ask(client, changes, **more):
    """Ask what would be."""
    return client.post(WHAT_IF, json={"changes": changes}, **more)


def test_anybody_who_may_read_may_ask(county):
    """Without a token, from our own page; the registry is as it was, and nothing was stored."""
    before = county.get("/api/services/hospital-drive").json()
    answer = ask(county, OPENED, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert [(each["name"], each["planned"], each["state"]) for each in told["facilities"]][-1] == ("新医院", True, "used")
    assert told["thresholds"]["30min"]["people"]["covered"] > ask(county, {}).json()["thresholds"]["30min"]["people"]["covered"]
    assert county.get("/api/services/hospital-drive").json() == before
    assert county.get(f"/api/runs/{told['run']}").status_code == 404


def test_the_answer_is_packed_once(county):
    """Compressed where the client takes it, and the same either way."""
    plain = county.post(WHAT_IF, json={"changes": OPENED}, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    packed = ask(county, OPENED)
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == plain.json()
    assert int(packed.headers["content-length"]) < len(plain.content) / 2


def test_another_site_may_not_ask_in_a_readers_name(county):
    """A page elsewhere cannot make the server work."""
    assert ask(county, {}, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert ask(county, {}, headers={"Origin": "https://elsewhere.example"}).status_code == 403


@pytest.mark.parametrize(("body", "status", "told"), [
    ({"changes": {"opens": []}}, 400, "nobody knows 'opens'"),
    ({"changes": []}, 400, "changes"),
    ({"change": {}}, 400, "change"),
    ({"changes": {"close": [1]}}, 409, "these changes close every one of its 1 facilities"),
    ({"changes": {"close": list(range(1, 300))}}, 400, "at most 200 changes"),
    ({"changes": {"conditions": ["flood"]}}, 409, "flood"),
    ({"changes": {"close_roads": [[126.99, 42.399]]}}, 400, "no road that vehicles use lies within"),
    ({"changes": {}, "parts": ["maps"]}, 400, "parts must be some of"),
])
def test_what_is_wrong_is_said(county, body, status, told):
    answer = county.post(WHAT_IF, json=body)
    assert (answer.status_code, told in answer.json()["detail"]) == (status, True), answer.text


def test_an_unknown_service_and_a_body_that_is_too_large(county):
    assert county.post("/api/services/nothing/what-if", json={}).status_code == 404
    large = json.dumps({"changes": {}, "parts": ["x" * 5_000_000]})
    assert county.post(WHAT_IF, content=large, headers={"Content-Type": "application/json"}).status_code == 413


def test_who_may_not_read_may_not_ask(tmp_path):
    """A server that is not public tells nobody who has not signed in; a reader with a key may ask."""
    settings = Settings(workspace=tmp_path / "workspace")
    store = furnish(settings, tmp_path, cell_size_m=400.0)
    key = headers_of(store, "viewer")
    store.close()
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        assert ask(client, {}).status_code == 401
        assert ask(client, {}, headers=key).status_code == 200


def test_a_place_is_explained(county):
    """The way from a place, leg by leg; a place outside of the study."""
    told = county.post("/api/services/hospital-drive/explain", json={"lon": 126.95, "lat": 42.33, "changes": OPENED}).json()
    assert (told["state"], told["nearest"]["name"]) == ("reached", "新医院")
    assert {leg["mode"] for leg in told["legs"]} <= {"foot", "ride", "delay"}
    assert told["legs"][0]["line"][0] == pytest.approx([126.95, 42.33], abs=0.01)
    assert told["second"]["facility"]["name"] == "县人民医院"
    outside = county.post("/api/services/hospital-drive/explain", json={"lon": 100, "lat": 30}).json()
    assert (outside["state"], outside["legs"]) == ("outside", None)
    assert county.post("/api/services/hospital-drive/explain", json={"lon": 200, "lat": 30}).status_code == 400


def test_an_account_of_some_areas_asks_about_these(county):
    """It is told its own part; a change that lies elsewhere is refused with a sentence that names nothing."""
    key = headers_of(county.app.state.store(), "viewer", areas=["990001101"])
    told = ask(county, OPENED, headers=key)
    assert told.status_code == 200
    assert [area["code"] for area in told.json()["areas"]] == ["990001101"]
    assert "县人民医院" not in told.text
    refused = ask(county, {"close": [1]}, headers=key)
    assert (refused.status_code, "must lie in the areas of this account" in refused.json()["detail"], "县人民医院" in refused.text) == (403, True, False)
    assert county.post("/api/services/hospital-drive/explain", json={"lon": 126.95, "lat": 42.33}, headers=key).json()["elsewhere"] is True


def test_too_many_are_told_when_to_come_back(county, monkeypatch):
    """503 with Retry-After; the page asks again."""
    def busy(*_args, **_named):
        raise Busy("too much is asked at once", 2)

    monkeypatch.setattr(county.app.state.live, "what_if", busy)
    answer = ask(county, {})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
