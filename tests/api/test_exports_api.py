"""The facilities as files over HTTP: what they are called, what is in them, what is refused."""

import io
import json
from dataclasses import replace

import openpyxl
import pytest
from fastapi.testclient import TestClient
from people import BY, headers_of

from geosvc.application import create_app
from geosvc.registry import facilities
from geosvc.registry.facilities import Facility

ADDRESS = "/api/collections/facilities/export"


@pytest.mark.parametrize(("kind", "media"), [
    ("csv", "text/csv; charset=utf-8"), ("geojson", "application/geo+json"), ("gpkg", "application/geopackage+sqlite3"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
])
def test_each_format_is_a_download_with_a_chinese_name(demo_client, kind, media):
    """The name says place, day and datum, in UTF-8; contacts are not in it."""
    answer = demo_client.get(ADDRESS, params={"f": kind, "datum": "GCJ02"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, media)
    name = answer.headers["content-disposition"]
    assert name.startswith("attachment; filename*=utf-8''")
    assert f"GCJ02.{kind}" in name
    assert "联系电话".encode() not in answer.content


def test_filters_and_members(demo_client):
    """Only the class asked for, and the members that say which registry, day and datum it is."""
    body = json.loads(demo_client.get(ADDRESS, params={"f": "geojson", "class_code": "A", "state": "operating"}).content)
    assert body["datum"] == "WGS84"
    assert {each["properties"]["机构类别"][0] for each in body["features"]} == {"A"}


def test_the_template_is_a_workbook(demo_client):
    """Empty it holds the header alone; else the current values."""
    for empty, rows in (("true", 1), ("false", 16)):
        answer = demo_client.get("/api/collections/facilities/template", params={"empty": empty})
        book = openpyxl.load_workbook(io.BytesIO(answer.content))
        assert book["机构"].max_row >= rows
        assert (book["机构"].max_row == 1) == (empty == "true")
        book.close()


@pytest.mark.parametrize("query", ["f=pdf", "datum=XIAN80", "datetime=gestern", "recorded=x", "state=open", "colour=red", "contacts=maybe"])
def test_what_is_not_understood_is_refused(demo_client, query):
    """A format, datum, time or state that is none, or a parameter that nobody declares: 4xx with a reason."""
    answer = demo_client.get(f"{ADDRESS}?{query}")
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_more_than_one_download_holds_is_refused(demo_client, monkeypatch):
    """The limit is said with the way round it."""
    from geosvc.api import exports

    monkeypatch.setattr(exports, "MOST_FACILITIES", 3)
    answer = demo_client.get(ADDRESS)
    assert answer.status_code == 400
    assert "choose an area" in answer.json()["detail"]


def test_the_page_offers_the_files(demo_client):
    """Buttons on the page of facilities lead to files that are there."""
    page = demo_client.get("/facilities").text
    for kind in ("csv", "xlsx", "geojson"):
        assert f"{ADDRESS}?f={kind}" in page


def test_contacts_are_for_those_who_may_see_them(settings, store):
    """Nobody gets them unasked; a viewer who asks is refused, a stranger too; an editor's list offers the file."""
    with store.writing() as session:
        facilities.save(session, Facility(name="东卫生院", class_code="C220", contact={"telephone": "0439-7221234"}), facility_id=None, **BY)
    with TestClient(create_app(replace(settings, public_read=True)), raise_server_exceptions=False) as client:
        editor, viewer = (headers_of(store, role) for role in ("editor", "viewer"))
        for kind in ("csv", "geojson"):
            asked = client.get(ADDRESS, params={"f": kind, "contacts": "true"}, headers=editor)
            assert asked.status_code == 200
            assert b"0439-7221234" in asked.content
            assert b"0439-7221234" not in client.get(ADDRESS, params={"f": kind}, headers=editor).content
            assert [client.get(ADDRESS, params={"f": kind, "contacts": "true"}, headers=each).status_code for each in (viewer, {})] == [403, 401]
        pages = [client.get("/facilities", headers={"accept": "text/html", **each}).text for each in (editor, viewer, {})]
        assert ["contacts=true" in page for page in pages] == [True, False, False]
