"""Changing facilities over HTTP: what is sent back unchanged changes nothing, no change is lost, no right is overstepped."""

from __future__ import annotations

import copy
import threading
from typing import Any

import pytest
from fastapi.testclient import TestClient
from people import BY, headers_of

from geosvc.application import create_app
from geosvc.geo.datums import to_wgs84
from geosvc.registry import areas, audit, facilities
from geosvc.registry.facilities import Facility
from geosvc.settings import Settings
from geosvc.store.facilities import FacilityQuery

ITEMS = "/api/collections/facilities/items"
CLINIC = {
    "name": "东镇卫生院", "class_code": "C220", "area_code": "990001100", "position_method": "surveyed", "address": "街 1 号",
    "identifiers": [{"scheme": "local", "value": "0042"}], "beds": [{"kind": "authorised", "count": 20, "year": None}],
    "contact": {"telephone": "0439-1234567"},
}


def document(**changes: Any) -> dict[str, Any]:
    """Return a new facility as a script sends it."""
    geometry = changes.pop("geometry", {"type": "Point", "coordinates": [100.05, 40.05]})
    return {"type": "Feature", "geometry": geometry, "properties": {**CLINIC, **changes}}


@pytest.fixture
def world(settings: Settings, store):
    """A county of two townships, each a square."""
    import shapely

    with store.writing() as session:
        for code, name, level, parent, box in (
            ("990001", "县", "county", None, (100.0, 40.0, 100.2, 40.1)), ("990001100", "东镇", "township", "990001", (100.0, 40.0, 100.1, 40.1)),
            ("990001200", "西乡", "township", "990001", (100.1, 40.0, 100.2, 40.1)),
        ):
            areas.save(session, areas.Area(code=code, name=name, level=level, parent_code=parent, geometry=shapely.box(*box)), **BY)
    with TestClient(create_app(Settings(workspace=settings.workspace)), raise_server_exceptions=False) as client:
        yield client, store


@pytest.fixture
def editor(world):
    client, store = world
    client.headers.update(headers_of(store, "editor"))
    return client


def made(client: TestClient, **changes: Any) -> tuple[str, dict[str, Any], str]:
    """Register a facility; return (address, feature, etag)."""
    answer = client.post(ITEMS, json=document(**changes))
    assert answer.status_code == 201, answer.text
    address = answer.headers["location"].replace("http://testserver", "")
    return address, client.get(address).json(), answer.headers["etag"]


def test_a_facility_made_changed_and_deleted(editor):
    """The whole life over HTTP, with who, why and through which door in its history."""
    address, feature, etag = made(editor)
    assert feature["properties"]["raw_x"] == "100.05" and feature["properties"]["raw_datum"] == "WGS84"
    feature["properties"]["name"] = "东镇中心卫生院"
    changed = editor.put(f"{address}?reason=更名", json=feature, headers={"If-Match": etag})
    assert changed.status_code == 200 and changed.json()["changed"] is True
    assert changed.headers["etag"] != etag == editor.get(f"{address}/versions").json()["versions"][1]["revision"].__str__().join('""')
    moved = editor.patch(f"{address}?valid_from=2020-06-01", json={"properties": {"address": "新街"}}, headers={"If-Match": changed.headers["etag"]})
    assert moved.json()["properties"]["address"] == "新街"
    assert editor.get(f"{address}?datetime=2019-01-01").json()["properties"]["address"] == "街 1 号"
    told = editor.get(f"{address}/versions").json()["versions"]
    assert (told[-1]["kind"], told[0]["kind"], {each["author"] for each in told}, {each["origin"] for each in told}) == ("create", "update", {"editor-all"}, {"api"})
    assert editor.delete(address, headers={"If-Match": moved.headers["etag"]}).status_code == 422  # a reason is missing
    assert editor.delete(f"{address}?reason=重复", headers={"If-Match": moved.headers["etag"]}).status_code == 204
    assert editor.get(address).status_code == 404
    assert editor.post(f"{address}/restore").json()["properties"]["address"] == "新街"
    assert editor.get(address).status_code == 200


def test_what_is_read_and_sent_back_changes_nothing(editor):
    """No new revision, the same ETag, and the contact that a reader does not see stays."""
    address, feature, etag = made(editor)
    assert "contact" not in feature["properties"]
    answer = editor.put(address, json=feature, headers={"If-Match": etag})
    assert (answer.status_code, answer.json()["changed"], answer.headers["etag"]) == (200, False, etag)
    assert editor.patch(address, json={}, headers={"If-Match": etag}).json()["changed"] is False
    assert editor.get(f"{address}?contacts=true").json()["properties"]["contact"] == {"telephone": "0439-1234567"}


def test_every_field_survives_the_way_out_and_in(editor):
    """PUT of a feature with every field filled gives exactly that feature again."""
    full = {
        "short_name": "东院", "level": "一级", "grade": "甲等", "ownership": "公立", "service_mode": "自设", "state": "suspended",
        "opened_on": "1998", "closed_on": None, "position_source": "GPS", "position_date": "2024-05-01", "areas_served": ["990001200"],
        "aliases": ["东镇医院"], "staff": [{"cadre": "doctors", "count": 7}], "vehicles": [{"kind": "救护车", "count": 1}],
        "capabilities": [{"code": "发热门诊", "value": "unknown"}], "relations": [{"kind": "member_of", "facility_id": 1}], "source": "普查", "note": "一\n二",
    }
    address, feature, etag = made(editor)
    answer = editor.put(address, json={**feature, "properties": {**feature["properties"], **full}}, headers={"If-Match": etag})
    again = editor.get(address).json()
    for name, value in full.items():
        assert again["properties"][name] == value, name
    assert editor.put(address, json=again, headers={"If-Match": answer.headers["etag"]}).json()["changed"] is False


# --- nobody's change is lost


@pytest.mark.parametrize("verb", ["put", "patch", "delete", "confirm"])
def test_a_change_that_does_not_say_what_it_saw_is_refused(editor, verb):
    address, feature, _etag = made(editor)
    path = f"{address}/confirm?reason=x" if verb == "confirm" else f"{address}?reason=x"
    method = "post" if verb == "confirm" else verb
    body = {} if verb in ("delete", "confirm") else {"json": feature}
    for headers, status in (({}, 428), ({"If-Match": "*"}, 428), ({"If-Match": "abc"}, 400), ({"If-Match": '"1", "2"'}, 400), ({"If-Match": '"999"'}, 412)):
        answer = editor.request(method, path, headers=headers, **body)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text


def test_the_second_of_two_editors_is_told_what_the_first_changed(editor, world):
    _client, store = world
    address, feature, etag = made(editor)
    theirs = {"properties": {"name": "东镇第一卫生院", "contact": {"telephone": "110"}}}
    assert editor.patch(address, json=theirs, headers={"If-Match": etag}).status_code == 200
    answer = editor.put(address, json=feature, headers={"If-Match": etag})
    assert answer.status_code == 412
    assert answer.json()["changed"] == {"name": ["东镇卫生院", "东镇第一卫生院"], "contact": ["***", "***"]}
    assert editor.get(address).json()["properties"]["name"] == "东镇第一卫生院"


def test_ten_editors_at_once_lose_nothing(editor):
    """Each adds its name to the aliases, again after each conflict: in the end all are there."""
    address, _feature, _etag = made(editor)
    refused = []

    def add(name: str) -> None:
        while True:
            got = editor.get(address)
            aliases = [*got.json()["properties"]["aliases"], name]
            answer = editor.patch(address, json={"properties": {"aliases": aliases}}, headers={"If-Match": got.headers["etag"]})
            if answer.status_code == 200:
                return
            assert answer.status_code == 412, answer.text
            refused.append(name)

    threads = [threading.Thread(target=add, args=(f"别名{number}",)) for number in range(10)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(editor.get(address).json()["properties"]["aliases"]) == [f"别名{number}" for number in range(10)]


def test_many_facilities_change_together_or_not_at_all(editor, world):
    _client, store = world
    etags = {}
    for number in range(3):
        address, _feature, etag = made(editor, name=f"{number}号卫生院")
        etags[address.rsplit("/", 1)[1]] = int(etag.strip('"'))
    patch = {"properties": {"ownership": "公立"}}
    stale = {**etags, "2": 1}
    assert editor.patch(ITEMS, json={"revisions": stale, "patch": patch}).status_code == 412
    with store.reading() as session:
        assert {each.facility.ownership for each in facilities.find(session, FacilityQuery())} == {None}
    answer = editor.patch(ITEMS, json={"revisions": etags, "patch": patch}).json()
    assert (answer["changed"], answer["unchanged"]) == (3, 0)
    with store.reading() as session:
        assert {each.facility.ownership for each in facilities.find(session, FacilityQuery())} == {"公立"}
        assert audit.verify(session).holds


@pytest.mark.parametrize("body", [None, [], {}, {"revisions": {}}, {"revisions": {"1": "1"}}, {"revisions": {"1": True}}, {"revisions": {"x": 1}, "patch": {}},
                                  {"revisions": {"1": 1}, "patch": []}, {"revisions": {str(n): 1 for n in range(1001)}, "patch": {}}])
def test_a_change_of_many_that_cannot_be_understood(editor, body):
    made(editor)
    assert editor.patch(ITEMS, json=body).status_code in (400, 404, 422)


# --- where it is


@pytest.mark.parametrize("datum", ["GCJ02", "BD09", "WGS84"])
def test_a_position_in_another_datum_is_converted_and_kept(editor, datum):
    """The pin of 高德 or 百度 comes as it was copied; what was copied stays beside what became of it."""
    raw = {"raw_x": "100.0561", "raw_y": "40.0512", "raw_datum": datum}
    _address, feature, _etag = made(editor, geometry=None, **raw)
    lon, lat = to_wgs84(100.0561, 40.0512, datum=datum)
    assert feature["geometry"]["coordinates"] == pytest.approx([float(lon), float(lat)], abs=1e-12)
    assert {name: feature["properties"][name] for name in raw} == raw


def test_of_geometry_and_raw_position_the_changed_one_counts(editor):
    """QGIS moves the point; a form types new numbers; both at once and apart is refused."""
    address, feature, etag = made(editor, geometry=None, raw_x="100.05", raw_y="40.05", raw_datum="GCJ02")
    moved = copy.deepcopy(feature)
    moved["geometry"]["coordinates"] = [100.06, 40.06]
    answer = editor.put(address, json=moved, headers={"If-Match": etag})
    assert (answer.json()["properties"]["raw_x"], answer.json()["properties"]["raw_datum"]) == ("100.06", "WGS84")
    typed = copy.deepcopy(answer.json())
    typed.pop("changed"), typed.pop("checks")
    typed["properties"]["raw_x"] = "100.07"
    again = editor.put(address, json=typed, headers={"If-Match": answer.headers["etag"]})
    assert again.json()["geometry"]["coordinates"] == [100.07, 40.06]
    typed["properties"]["raw_x"], typed["geometry"]["coordinates"] = "100.08", [100.01, 40.01]
    assert editor.put(address, json=typed, headers={"If-Match": again.headers["etag"]}).status_code == 422
    nowhere = editor.patch(address, json={"geometry": None}, headers={"If-Match": again.headers["etag"]})
    assert (nowhere.json()["geometry"], nowhere.json()["properties"]["position_method"]) == (None, "none")


# --- what looks wrong


@pytest.mark.parametrize(("changes", "expected"), [
    ({}, set()),
    ({"geometry": {"type": "Point", "coordinates": [100.15, 40.05]}}, {"outside_area"}),
    ({"area_code": None, "geometry": {"type": "Point", "coordinates": [10.0, 40.0]}}, {"outside_study"}),
    ({"area_code": None, "geometry": {"type": "Point", "coordinates": [40.05, 100.05 - 20]}}, {"outside_study"}),
    ({"area_code": "123"}, {"area_unknown"}),
    ({"area_code": None}, {"area_missing"}),
    ({"area_code": None, "geometry": None, "position_method": "none"}, set()),
    ({"name": "东镇村卫生室", "class_code": "A100"}, {"class_of_name"}),
    ({"name": "东镇卫生院（村卫生室）"}, set()),
    ({"name": "第一诊所", "class_code": "X999"}, set()),
    ({"identifiers": [{"scheme": "uscc", "value": "91350100M000100Y44"}]}, {"check_character"}),
    ({"identifiers": [{"scheme": "uscc", "value": "91350100M000100Y43"}]}, set()),
    ({"opened_on": "建国初期"}, {"no_day"}),
    ({"opened_on": "2020-01-01", "closed_on": "2019-01-01"}, {"closed_before_opened"}),
    ({"opened_on": "2120-01-01"}, {"opens_far_away"}),
    ({"relations": [{"kind": "hosted_by", "facility_id": 987654}]}, {"relation_unknown"}),
])
def test_what_looks_wrong_is_said_and_does_not_stop(editor, changes, expected):
    """Each finding names its field and how much it matters; the facility is saved as it was sent."""
    answer = editor.post(ITEMS, json=document(**changes))
    assert answer.status_code == 201, answer.text
    assert {each["code"] for each in answer.json()["checks"]} == expected
    assert all(each["severity"] in ("warning", "note") and each["field"] and each["detail"] for each in answer.json()["checks"])


def test_swapped_coordinates_are_recognised(settings, store):
    """A county at 40 E, 30 N: its facility at 30 E, 40 N lies inside the other way round."""
    import shapely

    from geosvc.registry import checks

    with store.writing() as session:
        areas.save(session, areas.Area(code="1", name="郡", level="county", geometry=shapely.box(40, 30, 41, 31)), **BY)
    with store.reading() as session:
        one = Facility(name="院", class_code="A100", lon=30.5, lat=40.5, position_method="surveyed")
        assert [each.code for each in checks.check(session, one)] == ["swapped"]


def test_neighbours_and_long_moves(editor):
    address, feature, etag = made(editor)
    near = editor.post(ITEMS, json=document(geometry={"type": "Point", "coordinates": [100.0503, 40.05]})).json()["checks"]
    assert [(each["code"], each["severity"]) for each in near] == [("same_name_near", "warning")]
    near = editor.post(ITEMS, json=document(name="另一卫生院", geometry={"type": "Point", "coordinates": [100.0497, 40.05]})).json()["checks"]
    assert {(each["code"], each["severity"]) for each in near} == {("same_class_near", "note")}
    on_a_shared_point = editor.post(ITEMS, json=document(name="又一卫生院", position_method="settlement_point")).json()["checks"]
    assert on_a_shared_point == []
    feature["geometry"]["coordinates"] = [100.09, 40.05]
    told = editor.put(address, json=feature, headers={"If-Match": etag}).json()["checks"]
    assert [each["code"] for each in told] == ["moved_far"]


def test_checking_saves_nothing(editor, world):
    _client, store = world
    address, feature, _etag = made(editor)
    with store.reading() as session:
        lines = audit.count(session)
    feature["properties"]["name"] = "新名"
    told = editor.post(f"{ITEMS}/check", params={"facility": address.rsplit("/", 1)[1]}, json=feature).json()
    assert told["changed"] == {"name": ["东镇卫生院", "新名"]}
    assert editor.post(f"{ITEMS}/check", json=document(geometry=None, raw_x="100.05", raw_y="40.05", raw_datum="BD09")).json()["lon"] != 100.05
    with store.reading() as session:
        assert facilities.count(session, FacilityQuery()) == 1
        assert audit.count(session) == lines


# --- bad input


@pytest.mark.parametrize("body", [
    None, [], "x", {}, {"type": "Feature"}, {"type": "Feature", "properties": None}, {"type": "Point", "coordinates": [1, 2]},
    document(name=""), document(name="  "), document(name=1), document(name="x" * 2001), document(class_code="Z1"), document(class_code=None),
    document(state="open"), document(position_method="guess"), document(illustrative="yes"), document(unknown_field=1), document(lon=1.0),
    document(beds=[{"kind": "authorised", "count": -1}]), document(beds=[{"kind": "authorised", "count": True}]), document(beds=[{"count": 1}]),
    document(beds={"kind": "x"}), document(beds=[{"kind": "a", "count": 10**30}]), document(identifiers=[{"scheme": "a"}]),
    document(aliases=[""]), document(aliases=["a"] * 201), document(aliases="a"), document(contact="110"), document(contact={"telephone": 110}),
    document(capabilities=[{"code": "x", "value": "maybe"}]), document(relations=[{"kind": "x", "facility_id": {}}]),
    document(geometry={"type": "Point", "coordinates": []}), document(geometry={"type": "Point", "coordinates": [1, "2"]}),
    document(geometry={"type": "Point", "coordinates": [200, 2]}), document(geometry={"type": "Polygon", "coordinates": []}), document(geometry="x"),
    document(geometry={"type": "Point", "coordinates": [True, 2]}), document(geometry=None, raw_x="100", raw_y="", raw_datum="WGS84"),
    document(geometry=None, raw_x="100", raw_y="40"), document(geometry=None, raw_x="100", raw_y="40", raw_datum="MARS"),
    document(geometry=None, raw_x="x", raw_y="40", raw_datum="WGS84"),
])
def test_documents_that_cannot_be_are_refused_and_nothing_is_stored(editor, world, body):
    _client, store = world
    answer = editor.post(ITEMS, json=body)
    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    with store.reading() as session:
        assert facilities.count(session, FacilityQuery(valid_at="2999-01-01")) == 0


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"type": "Feature", "geometry": {"type": "Point", "coordinates": [NaN, Infinity]}, "properties": {"name": "a", "class_code": "A100"}}'])
def test_bodies_that_are_not_json(editor, content):
    assert editor.post(ITEMS, content=content, headers={"content-type": "application/geo+json"}).status_code in (400, 422)


@pytest.mark.parametrize("query", ["valid_from=2020-13-01", "valid_at=x", "valid_from=2020-01-01&valid_at=2020-01-01", "unknown=1", f"reason={'x' * 501}"])
def test_questions_that_cannot_be(editor, query):
    address, feature, etag = made(editor)
    assert editor.put(f"{address}?{query}", json=feature, headers={"If-Match": etag}).status_code in (400, 422)


@pytest.mark.parametrize("text", ["'; DROP TABLE facility; --", "<script>alert(1)</script>", '=HYPERLINK("x")', "${7*7}{{7*7}}", "\u202eabc", "名\u0000称"])
def test_text_stays_text(editor, text):
    """What would be a command elsewhere is a name here, in the page too."""
    address, feature, _etag = made(editor, name=text)
    assert feature["properties"]["name"] == text.replace("\u0000", "")
    page = editor.get(address.replace("/api/collections", "").replace("/items", "")).text
    assert "<script>alert(1)</script>" not in page
    assert editor.get(ITEMS).json()["numberMatched"] == 1


# --- who may


@pytest.mark.parametrize("role", [None, "viewer", "analyst"])
def test_who_may_not_edit_changes_nothing(world, role):
    client, store = world
    with store.writing() as session:
        facilities.save(session, Facility(name="东镇卫生院", class_code="C220"), facility_id=None, **BY)
    mine = {} if role is None else headers_of(store, role)
    status = 401 if role is None else 403
    for method, path in (("POST", ITEMS), ("PATCH", ITEMS), ("PUT", f"{ITEMS}/1"), ("PATCH", f"{ITEMS}/1"), ("DELETE", f"{ITEMS}/1?reason=x"),
                         ("POST", f"{ITEMS}/1/restore"), ("POST", f"{ITEMS}/1/confirm"), ("POST", f"{ITEMS}/check")):
        answer = client.request(method, path, headers={**mine, "If-Match": '"1"'}, **({} if method == "DELETE" else {"json": document()}))
        assert answer.status_code == status, (method, path, answer.text)
    if role is not None:
        assert client.get(f"{ITEMS}/1?contacts=true", headers=mine).status_code == 403


def test_an_editor_of_one_township_reaches_no_other(world):
    """Neither reading nor writing, nor by what an error says."""
    client, store = world
    whole = headers_of(store, "editor", name="全县")
    mine = headers_of(store, "editor", ["990001100"], name="东镇")
    east, west = (client.post(ITEMS, json=document(area_code=code, name=name), headers=whole).json() for code, name in (("990001100", "东镇卫生院"), ("990001200", "秘密卫生院")))
    item = f"{ITEMS}/{west['id']}"
    for method, path, body in (("PUT", item, document()), ("PATCH", item, {}), ("DELETE", f"{item}?reason=x", None), ("POST", f"{item}/confirm", None),
                               ("POST", f"{item}/restore", None), ("POST", f"{ITEMS}/check?facility={west['id']}", document()),
                               ("PATCH", ITEMS, {"revisions": {str(west["id"]): 1}, "patch": {}})):
        answer = client.request(method, path, headers={**mine, "If-Match": '"1"'}, json=body)
        assert answer.status_code == 404, (method, path, answer.text)
        assert "秘密" not in answer.text
    etag = {"If-Match": f'"{east["properties"]["revision"]}"'}
    assert client.patch(f"{ITEMS}/{east['id']}", json={"properties": {"area_code": "990001200"}}, headers={**mine, **etag}).status_code == 403
    assert client.patch(f"{ITEMS}/{east['id']}", json={"properties": {"area_code": None}}, headers={**mine, **etag}).status_code == 403
    assert client.post(ITEMS, json=document(area_code="990001200"), headers=mine).status_code == 403
    near = client.post(ITEMS, json=document(name="秘密卫生院"), headers=mine)
    assert near.status_code == 201
    assert all(str(west["id"]) not in str(each) for each in near.json()["checks"] if each["code"] == "same_name_near")
    assert client.patch(f"{ITEMS}/{east['id']}", json={"properties": {"note": "好"}}, headers={**mine, **etag}).status_code == 200


def test_the_revision_of_another_time_is_not_the_one_that_is_changed(editor):
    """Who saw what will be true in 2100 has not seen today's state, and the other way round."""
    address, _feature, etag = made(editor)
    later = editor.patch(f"{address}?valid_from=2100-01-01", json={"properties": {"state": "closed"}}, headers={"If-Match": etag})
    today, then = editor.get(address).headers["etag"], editor.get(f"{address}?datetime=2100-06-01").headers["etag"]
    assert later.status_code == 200 and today != then
    patch = {"properties": {"note": "看过"}}
    assert editor.patch(address, json=patch, headers={"If-Match": then}).status_code == 412
    assert editor.patch(f"{address}?valid_at=2100-06-01", json=patch, headers={"If-Match": today}).status_code == 412
    assert editor.patch(f"{address}?valid_at=2100-06-01", json=patch, headers={"If-Match": then}).status_code == 200
    assert editor.get(f"{address}?datetime=2100-06-01").json()["properties"]["state"] == "closed"
    assert editor.get(address).json()["properties"]["note"] is None
    assert editor.patch(address, json=patch, headers={"If-Match": today}).status_code == 200


def test_a_patch_from_a_past_day_does_not_carry_todays_state_back(editor):
    """It was renamed in 2023; that it was non-profit since 2020 says nothing about its name then."""
    address, _feature, etag = made(editor)
    renamed = editor.patch(f"{address}?valid_from=2023-01-01", json={"properties": {"name": "新名卫生院"}}, headers={"If-Match": etag})
    editor.patch(f"{address}?valid_from=2020-01-01", json={"properties": {"ownership": "公立"}}, headers={"If-Match": renamed.headers["etag"]})
    told = {day: editor.get(f"{address}?datetime={day}").json()["properties"] for day in ("2019-06-01", "2021-06-01", "2024-06-01")}
    assert [(each["name"], each["ownership"]) for each in told.values()] == [("东镇卫生院", None), ("东镇卫生院", "公立"), ("新名卫生院", None)]
