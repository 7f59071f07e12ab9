"""The collections as OGC API - Features promises them."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi.testclient import TestClient

COLLECTIONS = ("facilities", "areas", "gaps")
GEOJSON = "application/geo+json"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EVERYWHERE = "-180,-90,180,90"


def relative(address: str) -> str:
    """Return an address of the test server without its host."""
    parts = urlsplit(address)
    assert parts.netloc == "testserver", f"{address} leads away from the server that gave it"
    return parts.path + ("?" + parts.query if parts.query else "")


def link(body: dict[str, Any], rel: str) -> dict[str, Any]:
    """Return the one link of a relation."""
    found = [each for each in body["links"] if each["rel"] == rel]
    assert len(found) == 1, f"{len(found)} links {rel!r}"
    return found[0]


def follow(client: TestClient, address: str) -> list[dict[str, Any]]:
    """Return all pages from an address to the end of its next links."""
    pages: list[dict[str, Any]] = []
    while address:
        answer = client.get(address)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
        assert len(pages) <= 500, "the next links do not end"
        following = [each["href"] for each in pages[-1]["links"] if each["rel"] == "next"]
        address = relative(following[0]) if following else ""
    return pages


def ids(pages: list[dict[str, Any]]) -> list[Any]:
    """Return the ids of the features of all pages in order."""
    return [feature["id"] for page in pages for feature in page["features"]]


def items(client: TestClient, collection: str, **query: Any) -> dict[str, Any]:
    """Return one page of a collection."""
    answer = client.get(f"/api/collections/{collection}/items", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def gappy_service(client: TestClient) -> str:
    """Return the measured service with the most gaps that somebody lives in."""
    measured = [each["id"] for each in client.get("/api/services").json()["services"] if each["run"]]
    return max(measured, key=lambda each: items(client, "gaps", service=each, min_people=1)["numberMatched"])


def test_the_landing_page_leads_everywhere(demo_client: TestClient, demo_admin: dict[str, str]):
    """Every link of the landing page resolves, and to the media type that it promises."""
    body = demo_client.get("/api").json()
    assert {each["rel"] for each in body["links"]} >= {"self", "service-desc", "conformance", "data"}
    for each in body["links"]:
        answer = demo_client.get(relative(each["href"]), headers=demo_admin)
        assert answer.status_code == 200, each
        promised = each["type"].replace(" ", "")
        assert answer.headers["content-type"].replace(" ", "").startswith(promised), each


def test_conformance_names_core_and_geojson(demo_client: TestClient):
    """A client learns that Core and GeoJSON of OGC API - Features are kept."""
    classes = demo_client.get("/api/conformance").json()["conformsTo"]
    for name in ("core", "geojson"):
        assert f"http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/{name}" in classes


def test_collections_are_the_three(demo_client: TestClient):
    """Facilities, areas and gaps are listed, each with its extent and links that resolve."""
    body = demo_client.get("/api/collections").json()
    assert tuple(each["id"] for each in body["collections"]) == COLLECTIONS
    for each in body["collections"]:
        assert each["title"]
        assert each["itemType"] == "feature"
        assert CRS84 in each["crs"]
        west, south, east, north = each["extent"]["spatial"]["bbox"][0]
        assert 126 < west < east < 128
        assert 42 < south < north < 43
        items_link = link(each, "items")
        assert items_link["type"] == GEOJSON
        assert demo_client.get(relative(items_link["href"])).headers["content-type"].startswith(GEOJSON)
        one = demo_client.get(relative(link(each, "self")["href"])).json()
        assert one == each


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_items_are_a_feature_collection(demo_client: TestClient, collection: str):
    """Items come as GeoJSON with the counts, the time and a link to themselves."""
    body = items(demo_client, collection)
    assert body["type"] == "FeatureCollection"
    assert body["timeStamp"].endswith("Z")
    assert body["numberReturned"] == len(body["features"]) > 0
    assert body["numberMatched"] >= body["numberReturned"]
    assert link(body, "self")["type"] == GEOJSON
    for feature in body["features"]:
        assert feature["type"] == "Feature"
        assert feature["id"] is not None
        assert isinstance(feature["properties"], dict)
        assert set(feature) >= {"type", "id", "geometry", "properties"}


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_one_item_is_the_same_alone(demo_client: TestClient, collection: str):
    """A feature fetched by its id equals the one in the list and leads back to its collection."""
    for feature in items(demo_client, collection, limit=7)["features"]:
        answer = demo_client.get(f"/api/collections/{collection}/items/{feature['id']}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(GEOJSON)
        alone = answer.json()
        assert relative(link(alone, "collection")["href"]) == f"/api/collections/{collection}"
        assert relative(link(alone, "self")["href"]) == f"/api/collections/{collection}/items/{feature['id']}"
        for told_of_the_list in ("links", "notes", "schematic"):
            alone.pop(told_of_the_list, None)
        assert alone == feature


def test_a_facility_to_be_located_has_no_geometry_and_no_bbox(demo_client: TestClient):
    """The four facilities without coordinates are listed with null geometry, and no bbox finds them."""
    everything = items(demo_client, "facilities", limit=10000)
    missing = [each for each in everything["features"] if each["geometry"] is None]
    assert len(missing) == 4
    assert all(each["properties"]["located"] is False for each in missing)
    assert all("geometry" in each for each in missing)
    placed = items(demo_client, "facilities", limit=10000, bbox=EVERYWHERE)
    assert placed["numberMatched"] == everything["numberMatched"] - 4
    assert all(each["geometry"] is not None for each in placed["features"])


def test_a_coded_division_has_no_geometry_and_no_bbox(demo_client: TestClient):
    """Townships and villages without a polygon are listed with null geometry, and no bbox finds them."""
    without = items(demo_client, "areas", has_polygon="false")
    assert without["numberMatched"] == 126
    assert without["features"][0]["geometry"] is None
    assert [each["id"] for each in items(demo_client, "areas", bbox=EVERYWHERE)["features"]] == ["220622"]


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_a_bbox_takes_what_it_touches(demo_client: TestClient, collection: str):
    """A box around the county finds everything that has a place; a box elsewhere finds nothing."""
    placed = items(demo_client, collection, limit=10000, bbox=EVERYWHERE)["numberMatched"]
    assert items(demo_client, collection, bbox="126,42,128,43")["numberMatched"] == placed > 0
    assert items(demo_client, collection, bbox="100,20,101,21")["numberMatched"] == 0
    assert items(demo_client, collection, bbox="100,20,101,21")["features"] == []


def test_a_bbox_splits_facilities_exactly(demo_client: TestClient):
    """A small box holds exactly the facilities whose point lies in it, edges included."""
    every = items(demo_client, "facilities", limit=10000, bbox=EVERYWHERE)["features"]
    west, south = every[0]["geometry"]["coordinates"]
    box = (west, south, west + 0.05, south + 0.05)
    expected = {
        each["id"] for each in every
        if box[0] <= each["geometry"]["coordinates"][0] <= box[2] and box[1] <= each["geometry"]["coordinates"][1] <= box[3]
    }
    found = items(demo_client, "facilities", limit=10000, bbox=",".join(map(repr, box)))
    assert {each["id"] for each in found["features"]} == expected
    assert 0 < len(expected) < len(every)
    heights = f"{box[0]!r},{box[1]!r},-100,{box[2]!r},{box[3]!r},9000"
    assert items(demo_client, "facilities", bbox=heights)["numberMatched"] == len(expected)


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_a_bbox_over_the_antimeridian(demo_client: TestClient, collection: str):
    """West east of east means over the antimeridian: from 126 round to 100 holds the county, from 128 does not."""
    placed = items(demo_client, collection, limit=10000, bbox=EVERYWHERE)["numberMatched"]
    assert items(demo_client, collection, bbox="126,42,100,43")["numberMatched"] == placed
    assert items(demo_client, collection, bbox="128,42,100,43")["numberMatched"] == 0
    assert items(demo_client, collection, bbox="150,42,128,43")["numberMatched"] == placed


@pytest.mark.parametrize("limit", [1, 3, 7, 10000])
@pytest.mark.parametrize("collection", COLLECTIONS)
def test_next_links_give_every_feature_once(demo_client: TestClient, collection: str, limit: int):
    """Following next to the end yields every feature exactly once, whatever the page size."""
    query = f"service={gappy_service(demo_client)}&" if collection == "gaps" else ""
    pages = follow(demo_client, f"/api/collections/{collection}/items?{query}limit={limit}")
    found = ids(pages)
    assert len(found) == len(set(found)) == pages[0]["numberMatched"]
    for page in pages[:-1]:
        assert page["numberReturned"] == limit
    assert {page["numberMatched"] for page in pages} == {len(found)}
    assert pages[-1]["numberReturned"] > 0


def test_next_links_keep_the_filters(demo_client: TestClient):
    """The next page answers the same question: filters, box and service travel in the link."""
    whole = items(demo_client, "facilities", limit=10000, class_code="C", bbox="126,42,128,43")
    pages = follow(demo_client, "/api/collections/facilities/items?class_code=C&bbox=126,42,128,43&limit=2")
    assert ids(pages) == [each["id"] for each in whole["features"]]
    assert len(pages) > 1
    service = gappy_service(demo_client)
    gaps = follow(demo_client, f"/api/collections/gaps/items?service={service}&min_people=1&limit=1")
    assert {each["properties"]["service"] for page in gaps for each in page["features"]} == {service}
    assert all(each["properties"]["people"] >= 1 for page in gaps for each in page["features"])


def test_a_name_in_chinese_travels_in_next_links(demo_client: TestClient):
    """A filter in Chinese is encoded in the link and means the same on the next page."""
    whole = items(demo_client, "facilities", q="卫生院", limit=10000)
    assert whole["numberMatched"] > 2
    pages = follow(demo_client, "/api/collections/facilities/items?q=卫生院&limit=2")
    assert ids(pages) == [each["id"] for each in whole["features"]]


def test_property_filters_of_facilities(demo_client: TestClient):
    """Class, state, area, position, sample data and part of the name each restrict, exactly."""
    every = items(demo_client, "facilities", limit=10000)["features"]

    def check(expected: Any, **query: Any) -> None:
        found = items(demo_client, "facilities", limit=10000, **query)["features"]
        assert [each["id"] for each in found] == [each["id"] for each in every if expected(each["properties"])], query
        assert 0 < len(found) < len(every), query

    check(lambda p: p["class_code"].startswith("A"), class_code="A")
    check(lambda p: p["class_code"] == "C220", class_code="C220")
    check(lambda p: p["area_code"].startswith("220622100"), area="220622100")
    check(lambda p: not p["located"], located="false")
    check(lambda p: p["illustrative"], illustrative="true")
    check(lambda p: "医院" in p["name"], q="医院")
    check(lambda p: p["class_code"].startswith("C") and not p["located"], class_code="C", located="false")
    assert items(demo_client, "facilities", state="closed")["numberMatched"] == 0
    assert items(demo_client, "facilities", state="operating")["numberMatched"] == len(every)


def test_a_percent_sign_is_not_a_wildcard(demo_client: TestClient):
    """Searching for % or _ finds those letters and not everything."""
    for text in ("%", "_", "%医院%", "\\"):
        assert items(demo_client, "facilities", q=text)["numberMatched"] == 0
        assert items(demo_client, "areas", q=text)["numberMatched"] == 0
        assert items(demo_client, "facilities", area=text)["numberMatched"] == 0


def test_property_filters_of_areas(demo_client: TestClient):
    """Level, parent and name restrict areas: 1 county, 8 townships, 118 villages."""
    assert items(demo_client, "areas", level="county")["numberMatched"] == 1
    townships = items(demo_client, "areas", level="township")
    assert townships["numberMatched"] == 8
    assert items(demo_client, "areas", level="village")["numberMatched"] == 118
    assert {each["properties"]["parent_code"] for each in townships["features"]} == {"220622"}
    under = sum(items(demo_client, "areas", parent=each["id"])["numberMatched"] for each in townships["features"])
    assert under == 118
    assert items(demo_client, "areas", q="靖宇镇")["numberMatched"] >= 1


def test_gaps_come_with_most_people_first(demo_client: TestClient):
    """Gaps are ranked by people; min_people cuts the list exactly there."""
    service = gappy_service(demo_client)
    found = items(demo_client, "gaps", service=service, limit=10000)["features"]
    people = [each["properties"]["people"] for each in found]
    assert people == sorted(people, reverse=True)
    assert [each["properties"]["rank"] for each in found] == list(range(1, len(found) + 1))
    middle = people[len(people) // 2]
    kept = items(demo_client, "gaps", service=service, min_people=middle, limit=10000)
    assert kept["numberMatched"] == sum(each >= middle for each in people)
    assert items(demo_client, "gaps", service=service, min_people=people[0] + 1)["numberMatched"] == 0


def test_gaps_belong_to_one_run(demo_client: TestClient):
    """Without a service the default one's newest run answers, and the answer names it."""
    services = demo_client.get("/api/services").json()["services"]
    default = next(each for each in services if each["is_default"])
    body = items(demo_client, "gaps")
    assert body["service"] == default["id"]
    assert body["run"] == default["run"]
    assert {each["properties"]["run"] for each in body["features"]} == {default["run"]}
    for each in body["features"]:
        assert each["geometry"]["type"] in ("Polygon", "MultiPolygon")
    again = items(demo_client, "gaps", run=default["run"], service=default["id"], threshold=default["thresholds"][0]["id"])
    assert [each["id"] for each in again["features"]] == [each["id"] for each in body["features"]]
    longer = items(demo_client, "gaps", threshold=default["thresholds"][1]["id"], limit=10000)
    assert sum(each["properties"]["people"] for each in longer["features"]) <= sum(
        each["properties"]["people"] for each in items(demo_client, "gaps", limit=10000)["features"])


def test_gaps_by_area(demo_client: TestClient):
    """A gap of the county is found by the county's code and by its beginning; a code that no area has is refused, and never "no gap"."""
    whole = items(demo_client, "gaps")["numberMatched"]
    assert items(demo_client, "gaps", area="220622")["numberMatched"] == whole
    assert items(demo_client, "gaps", area="22")["numberMatched"] == whole
    answer = demo_client.get("/api/collections/gaps/items", params={"area": "11"})
    assert (answer.status_code, answer.json()["title"]) == (404, "AreaNotFound")


def test_an_instant_in_the_past_shows_the_registry_of_then(demo_client: TestClient):
    """As recorded in the year 2000 nothing was known yet; as of now everything is."""
    whole = items(demo_client, "facilities")["numberMatched"]
    assert items(demo_client, "facilities", recorded="2000-01-01T00:00:00Z")["numberMatched"] == 0
    assert items(demo_client, "facilities", datetime="2999-01-01")["numberMatched"] == whole
    assert items(demo_client, "facilities", datetime="..")["numberMatched"] == whole
    first = items(demo_client, "facilities", limit=1)["features"][0]
    then = demo_client.get(f"/api/collections/facilities/items/{first['id']}", params={"recorded": "2000-01-01"})
    assert then.status_code == 404


def test_zones_of_time_are_understood(demo_client: TestClient):
    """One instant written in two time zones is one instant: the answers are equal."""
    first = items(demo_client, "facilities", limit=1)["features"][0]["properties"]["recorded_at"]
    day = first[:10]
    before_utc, before_china = f"{day}T00:00:00Z", f"{day}T08:00:00+08:00"
    utc = items(demo_client, "facilities", recorded=before_utc)["numberMatched"]
    china = items(demo_client, "facilities", recorded=before_china)["numberMatched"]
    assert utc == china


def test_a_slash_at_the_end_leads_to_the_same(demo_client: TestClient):
    """/api/ is taken for /api: a redirect on the same server, not an error."""
    assert demo_client.get("/api/").json() == demo_client.get("/api").json()


def test_an_empty_registry_is_an_empty_collection(store, settings):
    """A new workspace answers with zero facilities and areas, not with an error."""
    from geosvc.application import create_app

    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        for collection in ("facilities", "areas"):
            body = items(client, collection)
            assert (body["numberMatched"], body["numberReturned"], body["features"]) == (0, 0, [])
        listed = client.get("/api/collections").json()["collections"]
        assert [each["id"] for each in listed] == list(COLLECTIONS)
        refused = client.get("/api/collections/gaps/items")
        assert refused.status_code == 409, "without a facility no service has an answer yet"
        assert "geosvc import facilities" in refused.json()["detail"]
