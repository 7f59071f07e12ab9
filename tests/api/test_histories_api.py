"""Histories, the audit log and the feed of changes, over HTTP and on the pages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from people import headers_of

from geosvc.api.problems import answer_error
from geosvc.application import create_app
from geosvc.errors import Conflict
from geosvc.registry import facilities, history
from geosvc.registry.facilities import Facility
from geosvc.settings import Settings
from geosvc.store.audit import FIRST
from geosvc.workflows.workspace import init_workspace

ITEMS = "/api/collections/facilities/items"
TELEPHONE = "13812345678"
BY: dict[str, Any] = {"author": "王丽", "origin": "form"}
CLINIC = Facility(
    name="西村卫生室", class_code="D600", opened_on="2010-01-01", lon=126.85, lat=42.35, raw_x="126.8562", raw_y="42.3521",
    raw_datum="GCJ02", position_method="building", contact={"telephone": TELEPHONE},
)


@pytest.fixture(scope="module")
def moments() -> dict[str, str]:
    """When each change was recorded."""
    return {}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, moments: dict[str, str]) -> Iterator[TestClient]:
    """A server of a registry with histories: 1 moved in 2020 and closes in 2100, 2 was deleted, 3 opens in 2100."""
    settings = Settings(workspace=tmp_path_factory.mktemp("histories") / "w", public_read=True)
    store = init_workspace(settings)
    with store.writing() as session:
        for number in range(2):
            facilities.save(session, replace(CLINIC, name=f"{CLINIC.name}{number or ''}"), facility_id=None, **BY)
        facilities.save(session, replace(CLINIC, name="新院", opened_on="2100-01-01"), facility_id=None, **BY)
    moved = replace(CLINIC, address="新街 1 号", lon=126.9, contact={"telephone": "13900000000"})
    with store.writing() as session:
        history.update(session, 1, moved, valid_from="2020-06-01", reason="迁址", **BY)
    with store.writing() as session:
        history.update(session, 1, replace(moved, state="closed"), valid_from="2100-01-01", reason="规划撤并", **BY)
        history.correct(session, 1, replace(moved, name="西村<b>新</b>室"), reason="名称有误", **BY)
        history.delete(session, 2, reason="重复登记", **BY)
    with store.reading() as session:
        for each in history.versions(session, 1):
            moments.setdefault(each.kind, each.recorded_at)
    mine = headers_of(store, "admin")
    store.close()
    with TestClient(create_app(settings), raise_server_exceptions=False, headers=mine) as made:
        yield made


def get(client: TestClient, path: str, **query: Any) -> Any:
    """Return the JSON of an address."""
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(client: TestClient, **query: Any) -> list[str]:
    """Return the names of the facilities of a time."""
    return [each["properties"]["name"] for each in get(client, ITEMS, **query)["features"]]


def test_items_on_a_day(client: TestClient):
    """The registry as it is today, was before the move, before the opening, and will be."""
    assert names(client) == ["西村<b>新</b>室", "新院"]
    assert names(client, datetime="2015-01-01") == ["西村卫生室", "新院"]
    assert names(client, datetime="2009-12-31") == ["新院"]
    assert [each["properties"]["state"] for each in get(client, ITEMS)["features"]] == ["operating", "planned"]
    assert [each["properties"]["state"] for each in get(client, ITEMS, datetime="2100-01-01")["features"]] == ["closed", "operating"]
    assert get(client, ITEMS, state="operating")["numberMatched"] == 1


def test_a_day_is_a_day_in_china(client: TestClient):
    """An instant late in the evening of Greenwich is the next day in China."""
    assert names(client, datetime="2009-12-31T15:59:59Z") == ["新院"]
    assert names(client, datetime="2009-12-31T16:00:00Z") == ["西村卫生室", "新院"]


def test_items_as_they_were_known(client: TestClient, moments: dict[str, str]):
    """As known at the moment of creation there were two clinics at their old place, to the microsecond."""
    assert names(client, recorded=moments["create"])[0] == "西村卫生室"
    assert names(client, recorded=moments["correction"])[0] == "西村<b>新</b>室"
    assert names(client, recorded="2999-01-01") == names(client)
    one = get(client, f"{ITEMS}/1", datetime="2015-01-01", recorded=moments["correction"])
    assert (one["properties"]["valid_from"], one["properties"]["valid_to"]) == ("2010-01-01", "2020-06-01")


def test_a_deleted_facility_is_gone_and_its_history_is_not(client: TestClient):
    """Its address answers 404; its versions say who deleted it and why."""
    assert client.get(f"{ITEMS}/2").status_code == 404
    newest = get(client, f"{ITEMS}/2/versions")["versions"][0]
    assert (newest["kind"], newest["deleted"], newest["reason"]) == ("delete", True, "重复登记")


def test_versions_say_what_changed(client: TestClient):
    """All revisions, newest first, with the fields from and to, both times, who, why, and through which door."""
    versions = get(client, f"{ITEMS}/1/versions")["versions"]
    assert [each["kind"] for each in versions] == ["correction", "update", "end", "update", "end", "create"]
    correction, move = versions[0], versions[3]
    assert correction["changed"] == {"name": {"from": "西村卫生室", "to": "西村<b>新</b>室"}}
    assert move["changed"]["address"] == {"from": None, "to": "新街 1 号"}
    assert (move["author"], move["origin"], move["reason"], move["valid_from"]) == ("王丽", "form", "迁址", "2020-06-01")
    assert (move["contact_changed"], correction["contact_changed"]) == (True, False)
    assert versions[-1]["superseded_at"] is not None


def test_versions_come_in_pages(client: TestClient):
    """Following next gives every revision once."""
    whole = [each["revision"] for each in get(client, f"{ITEMS}/1/versions")["versions"]]
    found, address = [], f"{ITEMS}/1/versions?limit=2"
    while address:
        body = client.get(address).json()
        found += [each["revision"] for each in body["versions"]]
        address = next((each["href"] for each in body["links"] if each["rel"] == "next"), "")
    assert found == whole


def test_contacts_leave_by_no_door(client: TestClient):
    """No telephone is in items, versions, audit log, its export or the feed; on a page only for who may see contacts."""
    assert TELEPHONE in client.get("/facilities/1").text or "13900000000" in client.get("/facilities/1").text
    anonymous = TestClient(client.app, raise_server_exceptions=False)
    for path in ("/facilities", "/facilities/1", ITEMS, f"{ITEMS}/1", f"{ITEMS}/1/versions", "/api/changes"):
        answer = anonymous.get(path)
        assert answer.status_code == 200, path
        assert TELEPHONE not in answer.text, path
        assert "13900000000" not in answer.text, path
    for path in (ITEMS, f"{ITEMS}/1", f"{ITEMS}/1/versions", "/api/audit", "/api/audit/export", "/api/changes", "/facilities"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert TELEPHONE not in answer.text, path
        assert "13900000000" not in answer.text, path


def test_the_audit_log_in_pages(client: TestClient):
    """Newest first, every line once, with filters that are kept in the links."""
    whole = get(client, "/api/audit", limit=1000)
    assert whole["numberMatched"] == len(whole["lines"])
    found, address = [], "/api/audit?limit=7"
    while address:
        body = client.get(address).json()
        found += [each["line"] for each in body["lines"]]
        address = next((each["href"] for each in body["links"] if each["rel"] == "next"), "")
    assert found == [each["line"] for each in whole["lines"]] == sorted(found, reverse=True)
    assert {each["subject"] for each in get(client, "/api/audit", subject="facility:1", limit=1000)["lines"]} == {"facility:1"}
    assert get(client, "/api/audit", action="delete")["numberMatched"] == 1
    assert get(client, "/api/audit", author="nobody")["numberMatched"] == 0


def test_the_export_can_be_checked_elsewhere(client: TestClient):
    """One JSON object a line, in order, each naming the seal of the one before."""
    answer = client.get("/api/audit/export")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    found = [json.loads(line) for line in answer.text.splitlines()]
    assert [each["line"] for each in found] == list(range(1, len(found) + 1))
    assert [each["previous"] for each in found] == [FIRST, *(each["hash"] for each in found[:-1])]


def test_the_feed_gives_everything_once(client: TestClient):
    """A reader that comes back with its cursor misses nothing and gets nothing twice; an empty answer keeps the cursor."""
    found, cursor, more = [], None, True
    while more:
        body = get(client, "/api/changes", limit=9, **({} if cursor is None else {"cursor": cursor}))
        found += [each["line"] for each in body["changes"]]
        cursor, more = body["cursor"], body["more"]
    assert found == list(range(1, len(found) + 1))
    again = get(client, "/api/changes", cursor=cursor)
    assert (again["changes"], again["cursor"], again["more"]) == ([], cursor, False)
    one = next(each for each in get(client, "/api/changes", limit=1000)["changes"] if each["subject"] == "facility:1")
    assert client.get(one["href"]).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{ITEMS}?datetime=2026-01-01' OR '1'='1", 400), (f"{ITEMS}?recorded=1); DROP TABLE audit;--", 400),
        (f"{ITEMS}?datetime=2026-13-45", 400), (f"{ITEMS}?datetime=0001-01-01T00:00:00%2B14:00", 400),
        (f"{ITEMS}?datetime=٢٠٢٦-01-01", 400),
        (f"{ITEMS}/1/versions?cursor=1 OR 1=1", 400), (f"{ITEMS}/1/versions?before=3", 400), (f"{ITEMS}/1;DROP/versions", 404),
        (f"{ITEMS}/99/versions", 404), (f"{ITEMS}/²/versions", 404), (f"{ITEMS}/1/versions?limit=0", 400),
        ("/api/audit?cursor=-1", 400), ("/api/audit?cursor=0", 400), ("/api/audit?subject=x&order=id", 400),
        ("/api/changes?cursor=' OR 1=1 --", 400), ("/api/changes?since=1", 400),
        ("/facilities?datetime=2026-01-01'--", 400), ("/facilities/1?recorded=x", 400), ("/facilities/99", 404), ("/facilities/1'--", 404),
    ],
)
def test_what_is_no_answer_is_refused(client: TestClient, path: str, status: int):
    """Parameters that are none, cursors that were not given out, ids that nobody has: refused, and nothing happens."""
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert "sqlite" not in answer.text.lower()


def test_a_filter_is_only_a_text(client: TestClient):
    """A subject that tries to be SQL is a subject that nobody has."""
    assert get(client, "/api/audit", subject="x' OR '1'='1")["numberMatched"] == 0
    assert get(client, "/api/audit")["numberMatched"] > 0


async def _answered(error: Exception) -> Any:
    return await answer_error(None, error)  # type: ignore[arg-type]


def test_a_conflict_says_what_the_other_one_changed():
    """412, with the fields that somebody else changed, for a form to show."""
    error = Conflict("changed by 李", {"name": ("旧", "新")})
    # In a thread of its own: a browser that other tests hold open keeps a loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(lambda: asyncio.run(_answered(error))).result()
    assert answer.status_code == 412
    assert json.loads(bytes(answer.body))["changed"] == {"name": ["旧", "新"]}


# -- pages ---------------------------------------------------------------------------------------


def page(client: TestClient, path: str, language: str = "zh") -> str:
    """Return a page as text."""
    answer = client.get(f"{path}{'&' if '?' in path else '?'}lang={language}", headers={"accept": "text/html"})
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_list_of_another_day_says_so(client: TestClient):
    """The list of a day says loudly that it is not today, keeps the day in its links, and leads back."""
    text = page(client, "/facilities?datetime=2015-01-01")
    assert "显示 2015-01-01 的情况，不是今天" in text
    assert 'href="/facilities/1?datetime=2015-01-01' in text
    assert "Shown as of 2015-01-01, not today" in page(client, "/facilities?datetime=2015-01-01", "en")
    assert "不是今天" not in page(client, "/facilities")


def test_the_page_of_a_facility(client: TestClient):
    """Its data, the converted position beside the raw one with datum and method, and its history as sentences."""
    text = page(client, "/facilities/1")
    for expected in ("126.900000, 42.350000", "126.8562, 42.3521", "GCJ02", "建筑位置", "迁址", "王丽", "网页填写", "更正", "规划撤并",
                     "<del>西村卫生室</del>", "西村&lt;b&gt;新&lt;/b&gt;室"):
        assert expected in text, expected
    assert "<b>新</b>" not in text
    assert "涉及个人信息，不公开" in TestClient(client.app, raise_server_exceptions=False).get("/facilities/1").text
    english = page(client, "/facilities/1", "en")
    for expected in ("Corrected", "Updated", "Registered", "Position as given", "Reason"):
        assert expected in english, expected


def test_the_page_of_a_deleted_facility(client: TestClient):
    """It says that it was deleted, by whom and why, and shows no data of today."""
    text = page(client, "/facilities/2")
    assert "已删除" in text
    assert "重复登记" in text
    assert "126.8562" not in text


def test_the_page_before_the_opening(client: TestClient):
    """On a day before all that is known the page says so, and keeps the history."""
    text = page(client, "/facilities/1?datetime=2000-01-01")
    assert "该日没有这家机构" in text
    assert "变更记录" in text
