"""Areas and divisions changed over HTTP, by administrators, with the revision that was seen."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from fastapi.testclient import TestClient
from people import headers_of

from geosvc.application import create_app
from geosvc.registry import areas, audit, facilities
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility
from geosvc.settings import Settings
from geosvc.workflows.workspace import init_workspace

ITEMS, REFORMS = "/api/collections/areas/items", "/api/divisions"
BY: dict[str, Any] = {"author": "王丽", "origin": "form"}
COUNTY, WEST, EAST = "990001", "990001100", "990001200"
SQUARE = {"type": "Polygon", "coordinates": [[[126.0, 42.0], [127.0, 42.0], [127.0, 43.0], [126.0, 43.0], [126.0, 42.0]]]}
DAY, BEFORE = "2030-01-01", "2029-12-31"


class Admin:
    """A client that sends the key of an administrator, and knows the shortest way to an ETag."""

    def __init__(self, client: TestClient, headers: dict[str, str]) -> None:
        self.client, self.headers = client, headers

    def ask(self, method: str, path: str, body: Any = None, *, seen: str | None = None, **query: str) -> Any:
        headers = self.headers | ({} if seen is None else {"If-Match": seen})
        return self.client.request(method, path, json=body, params=query, headers=headers)

    def tag(self, code: str) -> str:
        return self.ask("GET", f"{ITEMS}/{code}").headers["etag"]

    def revision(self, code: str) -> int:
        return int(self.tag(code).strip('"'))


@pytest.fixture
def county(tmp_path):
    """A county of two townships, each half of it, with a clinic in the east."""
    settings = Settings(workspace=tmp_path / "w", public_read=True)
    store = init_workspace(settings)
    with store.writing() as session:
        for area in (
            Area(code=COUNTY, name="某县", level="county"),
            Area(code=WEST, name="西乡", level="township", parent_code=COUNTY, geometry=shapely.box(126, 42, 127, 43)),
            Area(code=EAST, name="东乡", level="township", parent_code=COUNTY, geometry=shapely.box(127, 42, 128, 43)),
        ):
            areas.save(session, area, **BY)
        facilities.save(
            session, Facility(name="东村卫生室", class_code="D600", lon=127.8, lat=42.5, position_method="surveyed", area_code=EAST), facility_id=None, **BY)
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield Admin(client, headers_of(store, "admin")), store
    store.close()


def feature(code: str | None, name: str, geometry: Any = None, **more: Any) -> dict[str, Any]:
    """Return an area as a script sends it."""
    return {"type": "Feature", "geometry": geometry, "properties": {**({} if code is None else {"code": code}), "name": name, "level": "township", **more}}


def sealed(store) -> bool:
    """Return whether the audit log holds."""
    with store.reading() as session:
        return audit.verify(session).problem is None


def test_an_area_is_registered_read_and_sent_back(county):
    """What GET gives can be sent back as it is; that changes nothing and makes no revision."""
    admin, store = county
    made = admin.ask("POST", ITEMS, feature("990001300", "南乡", SQUARE, parent_code=COUNTY, settlement_class="rural", published_km2=88.5))
    assert made.status_code == 201, made.text
    assert made.headers["location"].endswith(f"{ITEMS}/990001300")
    read = admin.ask("GET", f"{ITEMS}/990001300")
    assert read.headers["etag"] == made.headers["etag"]
    assert read.json()["geometry"] == SQUARE
    back = admin.ask("PUT", f"{ITEMS}/990001300", {name: value for name, value in read.json().items() if name != "links"}, seen=read.headers["etag"])
    assert (back.status_code, back.json()["changed"], back.headers["etag"]) == (200, False, read.headers["etag"])
    assert sealed(store)


def test_a_correction_and_a_change_from_a_day_on(county):
    """A correction was always so; with valid_from the days before stay as they were."""
    admin, store = county
    corrected = admin.ask("PATCH", f"{ITEMS}/{WEST}", {"properties": {"name": "西镇"}}, seen=admin.tag(WEST), reason="名称有误")
    assert (corrected.status_code, corrected.json()["properties"]["name"]) == (200, "西镇")
    assert corrected.json()["geometry"] is not None
    later = admin.ask("PATCH", f"{ITEMS}/{WEST}", {"properties": {"name": "西街道", "settlement_class": "urban"}}, seen=admin.tag(WEST), valid_from=DAY)
    assert later.status_code == 200, later.text
    names = [admin.client.get(f"{ITEMS}/{WEST}", params={"datetime": day}).json()["properties"]["name"] for day in ("1990-01-01", BEFORE, DAY)]
    assert names == ["西镇", "西镇", "西街道"]
    versions = admin.client.get(f"{ITEMS}/{WEST}/versions").json()["versions"]
    assert [each["reason"] for each in versions if each["change"] == "correction"] == ["名称有误"]
    assert sealed(store)


def test_what_somebody_else_changed_is_not_overwritten(county):
    """Without the revision 428, with an old one 412 and the field that differs; nothing is stored."""
    admin, _store = county
    seen = admin.tag(WEST)
    admin.ask("PATCH", f"{ITEMS}/{WEST}", {"properties": {"name": "西镇"}}, seen=seen)
    late = admin.ask("PATCH", f"{ITEMS}/{WEST}", {"properties": {"source": "我"}}, seen=seen)
    assert (late.status_code, late.json()["changed"]) == (412, {"name": ["西乡", "西镇"]})
    assert admin.ask("PUT", f"{ITEMS}/{WEST}", feature(WEST, "我")).status_code == 428
    assert admin.ask("PUT", f"{ITEMS}/{WEST}", feature(WEST, "我"), seen="*").status_code == 428
    assert admin.ask("DELETE", f"{ITEMS}/{WEST}", on=DAY, reason="撤销", seen=seen).status_code == 412
    assert admin.ask("GET", f"{ITEMS}/{WEST}").json()["properties"]["name"] == "西镇"


@pytest.mark.parametrize(("document", "told"), [
    ({"type": "Feature"}, "expected a GeoJSON feature"),
    (feature(None, "无名"), "needs a code"),
    (feature("990001300", ""), "needs a name"),
    (feature("990001300", "南乡", level="镇"), "level of 990001300 must be one of"),
    (feature("990001300", "南乡", colour="red"), "unknown field colour"),
    (feature("990001300", "南乡", published_km2="88"), "published_km2 must be a number above 0"),
    (feature("990001300", "南乡", schematic="yes"), "schematic must be true or false"),
    (feature("990001300", "南乡", members=[WEST]), "only a zone has"),
    (feature("990001300", "南乡", parent_code="990001300"), "its own parent"),
    (feature("990001300", "南乡", {"type": "Point", "coordinates": [126, 42]}), "a Polygon or a MultiPolygon"),
    (feature("990001300", "南乡", {"type": "Polygon", "coordinates": [[[126, 42], [127, 42]]]}), "cannot be read"),
    (feature("990001300", "南乡", {"type": "Polygon", "coordinates": [[["a", "b"]] * 4]}), "cannot be read"),
    (feature("990001300", "南乡", {"type": "Polygon", "coordinates": [[[42, 126], [43, 126], [43, 127], [42, 126]]]}), "the other way round"),
    (feature("990001300", "南乡", {"type": "Polygon", "coordinates": [[[126, 42], [127, 43], [127, 42], [126, 43], [126, 42]]]}), "Self-intersection"),
    (feature(WEST, "西乡"), "say what it is with PUT"),
])
def test_an_area_that_cannot_be_is_refused(county, document, told):
    """Each refusal says what was expected; nothing is stored."""
    admin, _store = county
    before = admin.client.get(ITEMS).json()["numberMatched"]
    refused = admin.ask("POST", ITEMS, document)
    assert refused.status_code == 422, refused.text
    assert told in refused.json()["detail"]
    assert admin.client.get(ITEMS).json()["numberMatched"] == before


def test_a_ring_of_parents_is_refused(county):
    """The county cannot lie in its own township."""
    admin, _store = county
    refused = admin.ask("PATCH", f"{ITEMS}/{COUNTY}", {"properties": {"parent_code": WEST}}, seen=admin.tag(COUNTY))
    assert (refused.status_code, "ring" in refused.json()["detail"]) == (422, True)
    assert admin.ask("GET", f"{ITEMS}/{COUNTY}").json()["properties"]["parent_code"] is None


def test_a_zone_sent_back_still_has_no_polygon_of_its_own(county):
    """A zone is shown with the polygon of its members; a changed name must not make that its own."""
    admin, store = county
    zone = feature("Z1", "片区", level="zone", members=[WEST, EAST])
    assert admin.ask("POST", ITEMS, zone).status_code == 201
    shown = admin.ask("GET", f"{ITEMS}/Z1")
    assert shown.json()["geometry"]["type"] == "Polygon"
    for method, document in (("PUT", {**shown.json(), "properties": {**shown.json()["properties"], "name": "东西片区"}}),
                             ("PATCH", {"properties": {"members": [WEST]}})):
        changed = admin.ask(method, f"{ITEMS}/Z1", {name: value for name, value in document.items() if name != "links"}, seen=admin.tag("Z1"))
        assert changed.status_code == 200, changed.text
    with store.reading() as session:
        zone_now = areas.versions(session, "Z1")[0].area
    assert (zone_now.name, zone_now.members, zone_now.geometry) == ("东西片区", (WEST,), None)
    own = admin.ask("PATCH", f"{ITEMS}/Z1", {"geometry": SQUARE | {"coordinates": [[[1, 1], [2, 1], [2, 2], [1, 1]]]}}, seen=admin.tag("Z1"))
    assert (own.status_code, "give one of them" in own.json()["detail"]) == (422, True)


def test_an_area_ends_on_a_day_and_may_begin_again(county):
    """The day before it is there; ending needs a reason; what ended is said to be there again from a day."""
    admin, store = county
    seen = admin.tag(WEST)
    assert admin.ask("DELETE", f"{ITEMS}/{WEST}", on=DAY, seen=seen).status_code == 422
    assert admin.ask("DELETE", f"{ITEMS}/{WEST}", reason="撤销", seen=seen).status_code == 400
    assert admin.ask("DELETE", f"{ITEMS}/{WEST}", on="soon", reason="撤销", seen=seen).status_code == 422
    assert admin.ask("DELETE", f"{ITEMS}/{WEST}", on=DAY, reason="撤销", seen=seen).status_code == 204
    there = [admin.client.get(f"{ITEMS}/{WEST}", params={"datetime": day}).status_code for day in (BEFORE, DAY)]
    assert there == [200, 404]
    again = admin.ask("PUT", f"{ITEMS}/{WEST}", feature(WEST, "西乡"), valid_from="2035-01-01", seen=admin.tag(WEST))
    assert again.status_code == 200, again.text
    assert admin.client.get(f"{ITEMS}/{WEST}", params={"datetime": "2036-01-01"}).status_code == 200
    assert admin.client.get(f"{ITEMS}/{WEST}", params={"datetime": DAY}).status_code == 404
    assert sealed(store)


def test_a_division_gets_another_code(county):
    """Facilities with the old code are found under the new one from the day on."""
    admin, store = county
    told = {"old": EAST, "new": "990001205", "on": "2020-01-01", "name": "东镇", "note": "民函1号"}
    assert admin.ask("POST", f"{REFORMS}/recode", told).status_code == 428
    done = admin.ask("POST", f"{REFORMS}/recode", {**told, "revisions": {EAST: admin.revision(EAST)}})
    assert done.status_code == 200, done.text
    assert done.json()["links"] == [[EAST, "990001205"]]
    assert admin.client.get(REFORMS).json()["successions"][0]["new"] == "990001205"
    assert admin.client.get("/api/collections/facilities/items", params={"area": "990001205"}).json()["numberMatched"] == 1
    assert admin.client.get(f"{ITEMS}/{EAST}").status_code == 404
    assert sealed(store)


def test_divisions_merge_only_as_all_of_them_were_seen(county):
    """Both must be named with the revision that stands; one that was changed meanwhile stops it."""
    admin, store = county
    told = {"codes": [WEST, EAST], "into": "990001400", "name": "合镇", "on": "2020-01-01"}
    revisions = {code: admin.revision(code) for code in (WEST, EAST)}
    assert admin.ask("POST", f"{REFORMS}/merge", {**told, "revisions": {WEST: revisions[WEST]}}).status_code == 428
    assert admin.ask("POST", f"{REFORMS}/merge", {**told, "revisions": {**revisions, COUNTY: 1}}).status_code == 422
    admin.ask("PATCH", f"{ITEMS}/{EAST}", {"properties": {"name": "东镇"}}, seen=admin.tag(EAST))
    assert admin.ask("POST", f"{REFORMS}/merge", {**told, "revisions": revisions}).status_code == 412
    done = admin.ask("POST", f"{REFORMS}/merge", {**told, "revisions": {code: admin.revision(code) for code in (WEST, EAST)}})
    assert done.status_code == 200, done.text
    assert shapely.geometry.shape(admin.client.get(f"{ITEMS}/990001400").json()["geometry"]).bounds == (126, 42, 128, 43)
    assert sealed(store)


def test_one_that_takes_others_in_must_have_been_seen_too(county):
    """It becomes larger: that is a change of it."""
    admin, _store = county
    told = {"codes": [WEST], "into": EAST, "on": "2020-01-01"}
    assert admin.ask("POST", f"{REFORMS}/merge", {**told, "revisions": {WEST: admin.revision(WEST)}}).status_code == 428
    whole = {**told, "revisions": {code: admin.revision(code) for code in (WEST, EAST)}}
    assert admin.ask("POST", f"{REFORMS}/merge", whole).status_code == 200


def test_a_division_is_split_and_its_facilities_go_to_their_part(county):
    """The clinic stands in the eastern half; a part without a code, or one part alone, is refused."""
    admin, store = county
    halves = [feature("990001201", "东一乡", shapely.geometry.mapping(shapely.box(127, 42, 127.5, 43))),
              feature("990001202", "东二乡", shapely.geometry.mapping(shapely.box(127.5, 42, 128, 43)))]
    told = {"code": EAST, "parts": halves, "on": "2020-01-01", "revisions": {EAST: admin.revision(EAST)}}
    assert admin.ask("POST", f"{REFORMS}/split", {**told, "parts": halves[:1]}).status_code == 422
    assert admin.ask("POST", f"{REFORMS}/split", {**told, "revisions": {}}).status_code == 428
    done = admin.ask("POST", f"{REFORMS}/split", told)
    assert done.status_code == 200, done.text
    assert done.json()["assigned"] == [1]
    assert admin.client.get("/api/collections/facilities/items/1").json()["properties"]["area_code"] == "990001202"
    assert sealed(store)


@pytest.mark.parametrize("told", [
    None, [], {}, {"old": EAST, "new": 5, "on": DAY}, {"old": EAST, "new": "1", "on": "soon", "revisions": {}}, {"old": EAST, "new": "1", "on": DAY, "x": 1},
    {"old": EAST, "new": "1", "on": DAY, "revisions": {EAST: "1"}},
])
def test_a_reform_that_cannot_be_read_is_refused(county, told):
    """A sentence, never a 500."""
    admin, _store = county
    refused = admin.ask("POST", f"{REFORMS}/recode", told)
    assert refused.status_code in (400, 422, 428), refused.text
    assert refused.json()["detail"]


def test_a_figure_of_people_is_corrected_only_by_who_saw_it(county):
    """Another source stands beside it; the same key needs the number that was seen, and the old one stays known."""
    admin, store = county
    path, told = f"{ITEMS}/{WEST}/populations", {"year": 2024, "kind": "resident", "people": 1000, "status": "estimate", "source": "统计局"}
    assert admin.ask("POST", path, told).json()["change"] == "new"
    assert admin.ask("POST", path, told).json()["change"] == "unchanged"
    assert admin.ask("POST", path, {**told, "people": 1200, "source": "公安局"}).json()["change"] == "new"
    assert admin.ask("POST", path, {**told, "people": 1100}).status_code == 428
    late = admin.ask("POST", path, {**told, "people": 1100, "replaces": 999})
    assert (late.status_code, late.json()["changed"]) == (412, {"people": [999.0, 1000.0]})
    assert admin.ask("POST", path, {**told, "people": 1100, "replaces": 1000}).json()["change"] == "changed"
    assert sorted(each["people"] for each in admin.client.get(path).json()["figures"]) == [1100, 1200]
    assert sealed(store)


@pytest.mark.parametrize(("wrong", "told"), [
    ({"people": "many"}, "people must be a number"), ({"people": -1}, "0 or more"), ({"year": 2024.5}, "whole number"), ({"kind": "x"}, "kind must be one of"),
    ({"source": None}, "source is missing"), ({"groups": {"65_plus": 5000}}, "more than the"), ({"x": 1}, "unknown field x"), ({"replaces": 4}, "not there"),
])
def test_a_figure_that_cannot_be_is_refused(county, wrong, told):
    """Each refusal says what was expected."""
    admin, _store = county
    figure = {"year": 2024, "kind": "resident", "people": 1000, "status": "estimate", "source": "统计局", **wrong}
    refused = admin.ask("POST", f"{ITEMS}/{WEST}/populations", figure)
    assert refused.status_code == (412 if "replaces" in wrong else 422)
    assert told in refused.json()["detail"]


def test_figures_of_an_area_that_never_was_are_refused(county):
    """Nobody lives in a slip of the pen."""
    admin, _store = county
    figure = {"year": 2024, "kind": "resident", "people": 1000, "status": "estimate", "source": "统计局"}
    assert admin.ask("POST", f"{ITEMS}/998/populations", figure).status_code == 404


@pytest.mark.parametrize("role", ["viewer", "analyst", "editor", None])
def test_only_administrators_change_areas(county, role):
    """Everybody else is refused before anything is read of what they send."""
    admin, store = county
    headers = {} if role is None else headers_of(store, role)
    asked = [("POST", ITEMS), ("PUT", f"{ITEMS}/{WEST}"), ("PATCH", f"{ITEMS}/{WEST}"), ("DELETE", f"{ITEMS}/{WEST}?on={DAY}"),
             ("POST", f"{ITEMS}/{WEST}/populations"), *(("POST", f"{REFORMS}/{word}") for word in ("recode", "merge", "split"))]
    for method, path in asked:
        refused = admin.client.request(method, path, json={}, headers=headers)
        assert refused.status_code == (401 if role is None else 403), (method, path, refused.text)
