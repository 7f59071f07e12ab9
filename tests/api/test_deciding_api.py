"""Duplicates decided and facilities placed over HTTP: who may, what is refused, and that nothing is half done."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from people import BY, headers_of

from geosvc.application import create_app
from geosvc.registry import areas, facilities
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility

HERE = {"lon": 126.8, "lat": 42.4, "position_method": "surveyed"}
POSTS = {
    "/api/duplicates/preview": {"keep": 1, "others": [2]},
    "/api/duplicates/merge": {"keep": 1, "others": [2], "reason": "同一家", "revisions": {"1": 1, "2": 2}},
    "/api/duplicates/unmerge": {"merge": 1}, "/api/duplicates/answers": {"pairs": [[1, 2]]},
    "/api/locating/place": {"facility": 4, "revision": 4, "lon": 126.8, "lat": 42.4, "method": "surveyed"},
    "/api/locating/rule": {"rule": "area_centre", "reason": "先占位"}, "/api/locating/undo": {"placing": "placing:x"},
}


@pytest.fixture
def world(settings, store):
    """Three clinics of one name, the third in another county, and one to be located."""
    with store.writing() as session:
        for code, name in (("220622", "靖宇县"), ("220624", "邻县")):
            areas.save(session, Area(code=code, name=name, level="county"), **BY)
        for code in ("220622100", "220622101", "220623100"):
            facilities.save(session, Facility(name="保安诊所", class_code="D200", area_code=code, **HERE), facility_id=None, **BY)
        facilities.save(session, Facility(name="某卫生室", class_code="D600", area_code="220622100"), facility_id=None, **BY)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client, store


def test_a_merge_from_preview_to_taking_back(world):
    """Preview gives the revisions, the merge needs them; the queue follows; a later edit is named with 409."""
    client, store = world
    client.headers.update(headers_of(store, "editor"))
    preview = client.post("/api/duplicates/preview", json={"keep": 1, "others": [2]}).json()
    assert preview["revisions"] == {"1": 1, "2": 2}
    body = {"keep": 1, "others": [2], "reason": "同一家", "fields": {"area_code": 2}}
    assert client.post("/api/duplicates/merge", json=body).status_code == 428
    done = client.post("/api/duplicates/merge", json={**body, "revisions": preview["revisions"]})
    assert (done.status_code, done.json()["author"]) == (200, "editor-all")
    again = client.post("/api/duplicates/merge", json={**body, "revisions": preview["revisions"]})
    assert again.status_code == 404
    listed = client.get("/api/duplicates", params={"queue": "merged"}).json()
    assert (listed["numberMatched"], listed["merges"][0]["id"]) == (1, done.json()["id"])
    item = client.get("/api/collections/facilities/items/1")
    assert item.json()["properties"]["area_code"] == "220622101"
    patched = client.patch("/api/collections/facilities/items/1", json={"properties": {"note": "x"}}, headers={"If-Match": item.headers["etag"]})
    assert patched.status_code == 200
    refused = client.post("/api/duplicates/unmerge", json={"merge": 1})
    assert (refused.status_code, refused.json()["later"][0]["facility_id"]) == (409, 1)
    taken = client.post("/api/duplicates/unmerge", json={"merge": 1, "keep_edits": True}).json()
    assert (taken["restored"], client.get("/api/collections/facilities/items/1").json()["properties"]["note"]) == ([2], "x")
    assert client.post("/api/duplicates/unmerge", json={"merge": 1}).status_code == 409


def test_answers_over_http(world):
    """Answered, listed, taken back."""
    client, store = world
    client.headers.update(headers_of(store, "editor"))
    assert client.get("/api/duplicates").json()["numberMatched"] == 3
    assert client.post("/api/duplicates/answers", json={"pairs": [[1, 2], [3, 1]], "reason": "两家"}).json()["answered"] == 2
    assert client.get("/api/duplicates").json()["numberMatched"] == 1
    first = client.get("/api/duplicates", params={"queue": "not_duplicate", "limit": 1}).json()
    (following,) = [link["href"] for link in first["links"] if link["rel"] == "next"]
    assert client.get(following).json()["pairs"][0]["answer"]["reason"] == "两家"
    assert client.post("/api/duplicates/answers", json={"pairs": [[1, 2]], "answer": None}).json() == {"taken_back": 1}
    assert client.get("/api/duplicates").json()["numberMatched"] == 2


def test_placing_over_http(world):
    """The worklist, its counts, and a place with its datum."""
    client, store = world
    client.headers.update(headers_of(store, "editor"))
    (entry,) = client.get("/api/locating", params={"class_code": "D6"}).json()["facilities"]
    assert client.get("/api/locating/counts").json()["total"] == 1
    assert client.post("/api/locating/place", json={**POSTS["/api/locating/place"], "revision": None}).status_code == 428
    placed = client.post("/api/locating/place", json={**POSTS["/api/locating/place"], "revision": entry["revision"], "datum": "GCJ02"})
    assert placed.status_code == 200
    assert placed.json()["feature"]["properties"]["raw_datum"] == "GCJ02"
    assert client.get("/api/locating").json()["numberMatched"] == 0
    assert client.get("/api/locating/placings").json() == {"placings": []}
    assert client.post("/api/locating/rule", json={"rule": "area_centre", "preview": True}).json()["placed"] == 0


def test_who_may_decide(world):
    """Nobody and a viewer may not, an editor of elsewhere not here; and nothing changes for those who may not."""
    client, store = world
    viewer, elsewhere, editor = headers_of(store, "viewer"), headers_of(store, "editor", ["220624"]), headers_of(store, "editor")
    for address, body in POSTS.items():
        assert client.post(address, json=body).status_code == 401, address
        assert client.post(address, json=body, headers=viewer).status_code == 403, address
        assert client.post(address, json=body, headers=elsewhere).status_code in (200, 404), address
    with store.reading() as session:
        assert facilities.get(session, 2).revision == 2
        assert not facilities.get(session, 4).facility.located
    assert client.get("/api/duplicates", headers=editor).json()["numberMatched"] == 3
    for address, body in POSTS.items():
        expected = 404 if address.endswith("undo") else 200  # no placing was made
        assert client.post(address, json=body, headers=editor).status_code == expected, address


def test_bad_bodies_are_refused(world):
    """Another member, another type, numbers that no database holds: 400, for every address."""
    client, store = world
    client.headers.update(headers_of(store, "editor"))
    for change in (
        {"colour": "red"}, {"keep": 0, "merge": "1", "pairs": [[1]], "facility": 10**30, "rule": 7, "placing": None},
        {"others": [True], "merge": -1, "pairs": [[1, 10**30]], "lon": "x", "expected_count": -1, "placing": "x" * 99},
        {"fields": [], "keep": None, "keep_edits": "maybe", "answer": "x" * 99, "lat": None, "area": "9" * 99, "reason": "x" * 999},
    ):
        for address, body in POSTS.items():
            answer = client.post(address, json={**body, **change})
            assert answer.status_code == 400, (address, change, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"


def test_an_editor_of_one_county_learns_nothing_of_another(world):
    """Another county's clinic is not there: not in the list, not in a merge, not by the words of a refusal."""
    client, store = world
    client.headers.update(headers_of(store, "editor", ["220622"]))
    listed = client.get("/api/duplicates").json()
    assert [(each["first"]["id"], each["second"]["id"]) for each in listed["pairs"]] == [(1, 2)]
    for address, body in (("preview", {"keep": 1, "others": [3]}), ("answers", {"pairs": [[1, 3]]}),
                          ("merge", {"keep": 1, "others": [3], "reason": "x", "revisions": {"1": 1, "3": 3}})):
        answer = client.post(f"/api/duplicates/{address}", json=body)
        assert answer.status_code == 404
        assert "保安" not in answer.text
