"""Lists over HTTP: the page, the API and the export understand the same words."""

from __future__ import annotations

import csv
import html
import io
import re

import pytest
from fastapi.testclient import TestClient

from geosvc.application import create_app
from geosvc.registry import facilities
from geosvc.registry.facilities import Facility
from geosvc.settings import Settings
from geosvc.store.pinyin import order_of
from geosvc.workflows.finding import SORT_WORDS
from geosvc.workflows.workspace import init_workspace

ITEMS = "/api/collections/facilities/items"
EXPORT = "/api/collections/facilities/export"
CLINICS = 60


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A county with two hospitals and more village clinics than a page holds; everybody may read."""
    settings = Settings(workspace=tmp_path_factory.mktemp("lists") / "w", public_read=True)
    store = init_workspace(settings, title="试验县")
    hospitals = [Facility(name=f"试验县第{n}医院", class_code="A100", area_code="220622100", aliases=["老<b>院"], source="名录") for n in "一二"]
    clinics = [Facility(name=f"第{n:02d}村卫生室", class_code="D600", area_code="220622101", lon=126.8, lat=42.4, position_method="surveyed",
                        state="closed" if n % 10 == 0 else "operating") for n in range(CLINICS)]
    with store.writing() as session:
        for each in hospitals + clinics:
            facilities.save(session, each, facility_id=None, author="王", origin="test")
    store.close()
    with TestClient(create_app(settings), raise_server_exceptions=False) as made:
        yield made


def exported(client, query):
    text = client.get(EXPORT, params={"f": "csv", **query}).content.decode("utf-8-sig")
    return [row["机构名称"] for row in csv.DictReader(io.StringIO(text))]


QUERIES = [
    {"q": "第一 医院"}, {"q": "老<b>院"}, {"class_code": "d"}, {"state": "closed"}, {"area": "220622100"}, {"located": "false"},
    {"illustrative": "false"}, {"source": "名录"}, {"updated_since": "2020-01-01"}, {"q": "卫生", "state": "closed", "area": "220622"},
]


@pytest.mark.parametrize("query", QUERIES)
def test_list_page_and_export_agree(client, query):
    """What a filter leaves is the same on the page, over the API and in the file."""
    answer = client.get(ITEMS, params={**query, "limit": 1000}).json()
    names = [each["properties"]["name"] for each in answer["features"]]
    assert 0 < answer["numberMatched"] == len(names)
    assert exported(client, query) == names
    page = client.get("/facilities", params=query).text
    assert f"共 {len(names)} 个机构" in page
    shown = re.findall(r'<th scope="row"><a href="/facilities/\d+">([^<]+)</a>', page)
    assert shown == names[:50]


@pytest.mark.parametrize("sort", SORT_WORDS)
def test_following_next_gives_every_facility_once_in_order(client, sort):
    """Links are followed as they are given, over the API and on the page."""
    address, features = f"{ITEMS}?limit=25&sort={sort}", []
    while address:
        answer = client.get(address).json()
        features += answer["features"]
        address = next((link["href"] for link in answer["links"] if link["rel"] == "next"), None)
    assert len({each["id"] for each in features}) == len(features) == CLINICS + 2 == answer["numberMatched"]
    key = {"id": lambda each: each["id"], "name": lambda each: order_of(each["properties"]["name"]),
           "class": lambda each: each["properties"]["class_code"], "updated": lambda each: each["properties"]["recorded_at"]}
    keys = [key[sort.removeprefix("-")](each) for each in features]
    assert keys == sorted(keys, reverse=sort.startswith("-"))
    first = client.get("/facilities", params={"sort": sort}).text
    following = html.unescape(re.search(r'href="([^"]*cursor=[^"]*)"', first)[1])
    second = client.get(following).text
    shown = [int(number) for page in (first, second) for number in re.findall(r'<th scope="row"><a href="/facilities/(\d+)">', page)]
    assert shown == [each["id"] for each in features]


def test_links_of_the_page_keep_search_filters_and_order(client):
    """The next page, the exports and a click on a header ask for the same facilities."""
    page = client.get("/facilities", params={"class_code": "D", "q": "村", "sort": "-name"}).text
    links = [html.unescape(each) for each in re.findall(r'href="([^"]+)"', page)]
    for wanted in ("cursor=", "f=csv", "f=xlsx", "f=geojson", "f=gpkg", "sort=class"):
        (link,) = [each for each in links if wanted in each and "lang=" not in each]
        assert {"class_code=D", "q=%E6%9D%91"} <= set(re.split("[?&]", link)), link
    assert re.search(r'aria-sort="descending"><a class="sort descending" href="[^"]*sort=name"', page)


def test_a_list_without_any_match_offers_to_drop_a_filter(client):
    """Each filter is named in words with the address that is without it."""
    page = client.get("/facilities", params={"q": "不存在的", "state": "planned"}).text
    assert "没有符合条件的记录" in page
    assert '<span class="soft">状态</span> 规划' in page
    without = [html.unescape(each) for each in re.findall(r'<li><a href="(/facilities\?[^"]*)"', page)]
    assert without == ["/facilities?state=planned", "/facilities?q=%E4%B8%8D%E5%AD%98%E5%9C%A8%E7%9A%84"]


@pytest.mark.parametrize("query", [
    {"sort": "size"}, {"cursor": "W10", "sort": "name"}, {"q": "长" * 201}, {"updated_since": "gestern"}, {"state": "open"}, {"source": "x" * 201},
])
def test_questions_that_mean_nothing_are_refused(client, query):
    """A page and the API say what was expected; neither fails."""
    assert client.get(ITEMS, params=query).status_code in (400, 422)
    assert client.get("/facilities", params=query).status_code in (400, 422)


def test_a_search_is_shown_as_text(client):
    """What was searched for stands on the page as it was typed."""
    page = client.get("/facilities", params={"q": '"><script>alert(1)</script>', "area": "'><img src=x>"}).text
    assert "<script>alert" not in page
    assert "<img" not in page
