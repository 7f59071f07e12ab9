"""The yearly review: what is due, how far it is, confirming; and the pages of review, proposals and rules."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from people import BY, GOOD_PASSWORD, headers_of
from sqlalchemy import text
from typer.testing import CliRunner

from geosvc.application import create_app
from geosvc.cli import app as command_line
from geosvc.registry import areas, facilities, history
from geosvc.registry.facilities import Facility
from geosvc.registry.moments import today
from geosvc.settings import Settings
from geosvc.workflows import people, reviewing
from geosvc.workflows.rules import change_rules, rules_of

ITEMS = "/api/collections/facilities/items"
HTML = {"accept": "text/html"}
# (name, class, area, state, days since somebody looked)
KNOWN = (
    ("东一", "C220", "990001100", "operating", 400), ("东二", "D600", "990001100", "operating", 800), ("东三", "D600", "990001100", "closed", 900),
    ("西一", "D600", "990001200", "suspended", 366), ("西二", "D600", "990001200", "operating", 364), ("无区", "D600", None, "planned", 0),
)


def aged(store, days_by_id: dict[int, int]) -> None:
    """Have facilities been looked at last so many days ago, at noon in China."""
    with store._engine.begin() as connection:
        for number, days in days_by_id.items():
            moment = f"{(date.fromisoformat(today()) - timedelta(days=days)).isoformat()}T04:00:00.000000Z"
            connection.execute(text("UPDATE facility_revision SET recorded_at = :moment WHERE id = :id"), {"moment": moment, "id": number})


@pytest.fixture
def world(settings: Settings, store):
    """Two townships, six facilities of different age; a limited and an unlimited editor, an administrator."""
    with store.writing() as session:
        for code, name, level, parent in (("990001", "县", "county", None), ("990001100", "东镇", "township", "990001"), ("990001200", "西乡", "township", "990001")):
            areas.save(session, areas.Area(code=code, name=name, level=level, parent_code=parent), **BY)
        for name, klass, area, state, _days in KNOWN:
            facilities.save(session, Facility(name=name, class_code=klass, area_code=area, state=state), facility_id=None, **BY)
    aged(store, {number: each[-1] for number, each in enumerate(KNOWN, start=1)})
    with TestClient(create_app(Settings(workspace=settings.workspace)), raise_server_exceptions=False, follow_redirects=False) as client:
        who = {name: headers_of(store, role, codes, name) for name, role, codes in (
            ("admin", "admin", None), ("east", "editor", ["990001100"]), ("viewer", "viewer", None))}
        yield SimpleNamespace(client=client, store=store, who=who)


def due(world, name: str = "viewer", query: str = "") -> list[str]:
    answer = world.client.get(f"/api/review/due{query}", headers=world.who[name])
    assert answer.status_code == 200, answer.text
    assert answer.json()["numberMatched"] == len(answer.json()["features"])
    return [each["properties"]["name"] for each in answer.json()["features"]]


def test_due_is_what_nobody_looked_at_for_a_year_the_longest_unseen_first(world):
    """Closed ones need no review; 365 days is a setting."""
    assert due(world) == ["东二", "东一", "西一"]
    assert due(world, query="?class_code=D600") == ["东二", "西一"] and due(world, query="?area=990001200") == ["西一"]
    change_rules(world.store, author="admin", review_days=363)
    assert due(world) == ["东二", "东一", "西一", "西二"]
    change_rules(world.store, author="admin", review_days=799)
    assert due(world) == ["东二"]


def test_an_account_of_some_areas_reviews_those(world):
    assert due(world, "east") == ["东二", "东一"]
    assert world.client.get("/api/review", headers=world.who["east"]).json()["total"] == 2


def test_the_counts_are_those_of_the_list(world):
    told = world.client.get("/api/review", headers=world.who["viewer"]).json()
    checked = [each for each in KNOWN if each[3] != "closed" and (date.fromisoformat(today()) - timedelta(days=each[-1])).year == int(today()[:4])]
    assert (told["year"], told["total"], told["due"], told["checked"]) == (int(today()[:4]), 5, 3, len(checked))
    assert {each["code"]: (each["name"], each["total"], each["due"]) for each in told["by_area"]} == {
        "990001100": ("东镇", 2, 2), "990001200": ("西乡", 2, 1), None: (None, 1, 0)}
    assert {each["code"]: (each["total"], each["due"]) for each in told["by_class"]} == {"C220": (1, 1), "D600": (4, 2)}
    for name in ("total", "due", "checked"):
        assert told[name] == sum(each[name] for each in told["by_area"]) == sum(each[name] for each in told["by_class"])


def test_confirming_changing_and_restoring_count_as_looking(world):
    client, headers = world.client, world.who["admin"]
    etags = {number: client.get(f"{ITEMS}/{number}", headers=headers).headers["etag"] for number in (1, 2, 4)}
    assert client.post(f"{ITEMS}/1/confirm", headers={**headers, "If-Match": etags[1]}).status_code == 200
    assert due(world) == ["东二", "西一"]
    assert client.patch(f"{ITEMS}/2", json={"properties": {"note": "x"}}, headers={**headers, "If-Match": etags[2]}).status_code == 200
    assert due(world) == ["西一"]
    assert client.delete(f"{ITEMS}/4?reason=x", headers={**headers, "If-Match": etags[4]}).status_code == 204
    assert due(world) == []
    client.post(f"{ITEMS}/4/restore", headers=headers)
    assert due(world) == []


def test_many_are_confirmed_at_once_or_none(world):
    client = world.client
    answer = client.post("/api/review/confirm?reason=电话核实", json={"revisions": {"1": 1, "2": 999}}, headers=world.who["admin"])
    assert answer.status_code == 412 and due(world) == ["东二", "东一", "西一"]
    answer = client.post("/api/review/confirm?reason=电话核实", json={"revisions": {"1": 1, "2": 2}}, headers=world.who["admin"])
    assert answer.json() == {"confirmed": 2} and due(world) == ["西一"]
    with world.store.reading() as session:
        newest = history.versions(session, 1)[0]
        assert (newest.kind, newest.author, newest.reason, newest.changed) == ("confirm", "admin", "电话核实", {})
    assert client.post("/api/review/confirm", json={"revisions": {"4": 4}}, headers=world.who["east"]).status_code == 404
    assert client.post("/api/review/confirm", json={"revisions": {"1": 1}}, headers=world.who["viewer"]).status_code == 403


def test_confirmations_that_cannot_be_understood(world):
    for body in (None, [], {}, {"revisions": {}}, {"revisions": {"1": "1"}}, {"revisions": {"1": True}}, {"revisions": {"x": 1}},
                 {"revisions": {"1": 1}, "more": 1}, {"revisions": {str(n): 1 for n in range(1, 1002)}}):
        assert world.client.post("/api/review/confirm", json=body, headers=world.who["admin"]).status_code in (400, 404, 422), body
    assert due(world) == ["东二", "东一", "西一"]


def test_under_approval_a_confirmation_waits(world):
    change_rules(world.store, author="admin", approval=True)
    answer = world.client.post("/api/review/confirm", json={"revisions": {"1": 1, "2": 2}}, headers=world.who["east"])
    assert answer.status_code == 202 and due(world) == ["东二", "东一", "西一"]
    number = answer.json()["proposal"]["id"]
    assert world.client.post(f"/api/proposals/{number}/publish", headers=world.who["admin"]).status_code == 200
    assert due(world) == ["西一"]


def test_pages_of_the_list_leave_out_none(world):
    change_rules(world.store, author="admin", review_days=1)
    seen, address = [], "/api/review/due?limit=1"
    while address:
        told = world.client.get(address, headers=world.who["viewer"]).json()
        seen += [each["properties"]["name"] for each in told["features"]]
        address = next((link["href"] for link in told["links"] if link["rel"] == "next"), None)
    assert seen == ["东二", "东一", "西一", "西二"]


def test_the_command_line_counts_for_a_reminder(world):
    told = CliRunner().invoke(command_line, ["review", "--workspace", str(world.store.folder)])
    assert told.exit_code == 0 and "3 not for more than 365 days" in told.output and "东镇" in told.output
    as_json = CliRunner().invoke(command_line, ["review", "--json", "--area", "990001200", "--workspace", str(world.store.folder)])
    assert json.loads(as_json.output)["due"] == 1


@examples(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.lists(st.integers(0, 1000), min_size=6, max_size=6), within=st.integers(1, 1000))
def test_who_is_due_follows_from_the_days_alone(world, days, within):
    """Slow twin: a facility that is not closed is due when its last day lies more than the days of the rule back."""
    aged(world.store, dict(enumerate(days, start=1)))
    change_rules(world.store, author=f"{days}{within}", review_days=within)
    with world.store.writing() as session:  # a line of the log, so that nothing is remembered
        areas.save(session, areas.Area(code="990001", name=f"{days}{within}", level="county"), **BY)
    expected = sorted(
        (-days[place], place + 1) for place, each in enumerate(KNOWN) if each[3] != "closed" and days[place] > within)
    found, matched, _next = reviewing.due_page(world.store, limit=100)
    assert [each["id"] for each in found] == [number for _, number in expected]
    assert matched == len(expected) == reviewing.progress(world.store)["due"] == reviewing.progress(world.store, parts=False)["due"]


# --- pages


@pytest.fixture
def signed_in(world):
    """Browsers of an administrator and an editor."""
    opened = []
    for name, role in (("王管理", "admin"), ("李编辑", "editor")):
        _account, link = people.create_account(world.store, name, role=role, areas=None, **BY)
        people.use_link(world.store, link, GOOD_PASSWORD, name=None, hours=1)
        browser = TestClient(create_app(Settings(workspace=world.store.folder)), follow_redirects=False)
        browser.__enter__()
        assert browser.post("/sign-in", data={"name": name, "password": GOOD_PASSWORD}).status_code == 303
        opened.append(browser)
    yield opened
    for each in opened:
        each.__exit__(None, None, None)


def csrf(page: str) -> str:
    return re.search(r'name="csrf_token" value="([^"]+)"', page).group(1)


def send(browser: TestClient, address: str, page: str, **told):
    return browser.post(address, data={"csrf_token": csrf(browser.get(page, headers=HTML).text), **told}, headers=HTML)


def test_confirming_in_the_page(world, signed_in):
    admin, _editor = signed_in
    page = admin.get("/review").text
    assert page.index("东二") < page.index("东一") < page.index("西一") and "东三" not in page
    answer = send(admin, "/review/confirm", "/review", chosen=["1:1", "2:2"], area="990001100")
    assert (answer.status_code, answer.headers["location"]) == (303, "/review?area=990001100&done=confirmed&count=2")
    assert "已确认 2 个机构情况未变" in admin.get(answer.headers["location"]).text and due(world) == ["西一"]
    assert send(admin, "/review/confirm", "/review").headers["location"] == "/review?done=none"
    stale = send(admin, "/review/confirm", "/review", chosen=["4:999"])
    assert stale.status_code == 412 and "刚被别人修改" in stale.text and due(world) == ["西一"]
    assert admin.post("/review/confirm", data={"chosen": "4:4"}).status_code == 403  # no token


def test_a_form_becomes_a_proposal_and_is_published_in_the_page(world, signed_in):
    """The editor is led to the proposal, the administrator sees old and new, publishes, and the history says so."""
    admin, editor = signed_in
    assert send(admin, "/rules", "/rules", approval="yes", review_days="365").headers["location"] == "/rules?done=saved"
    sent = send(editor, "/facilities/1/delete", "/facilities/1", revision="1", reason="重复登记")
    assert (sent.status_code, sent.headers["location"]) == (303, "/proposals/1?done=proposed")
    assert "已提交申请" in editor.get(sent.headers["location"]).text
    assert send(editor, "/review/confirm", "/review", chosen=["2:2"]).headers["location"] == "/proposals/2?done=proposed"
    shown = admin.get("/proposals").text
    assert "重复登记" in shown and "李编辑" in shown and 'value="publish"' in shown and 'value="publish"' not in editor.get("/proposals").text
    assert editor.post("/proposals/decide", data={"verb": "publish", "chosen": "1", "csrf_token": csrf(editor.get("/proposals").text)}).status_code == 403
    assert send(admin, "/proposals/decide", "/proposals", verb="publish", chosen=["1", "2"]).headers["location"] == "/proposals?done=publish&count=2"
    assert editor.get(f"{ITEMS}/1").status_code == 404
    assert "王管理 发布" in admin.get("/facilities/1").text


def test_several_are_refused_with_a_reason_and_one_conflict_stops_no_other(world, signed_in):
    admin, editor = signed_in
    change_rules(world.store, author="王管理", approval=True)
    for number in (1, 2, 4):
        send(editor, "/review/confirm", "/review", chosen=[f"{number}:{number}"])
    without = send(admin, "/proposals/decide", "/proposals", verb="refuse", chosen=["1"])
    assert without.status_code == 422 and "请写明原因" in without.text
    etag = admin.get(f"{ITEMS}/1").headers["etag"]
    assert world.client.patch(f"{ITEMS}/1", json={"properties": {"note": "别人"}}, headers={**world.who["admin"], "If-Match": etag}).status_code == 200
    both = send(admin, "/proposals/decide", "/proposals", verb="publish", chosen=["1", "2"])
    assert both.status_code == 412 and "1 件没有处理，1 件已处理" in both.text and "别人" in both.text
    assert send(admin, "/proposals/decide", "/proposals", verb="refuse", chosen=["1", "3"], reason="再核实").status_code == 303
    assert "再核实" in editor.get("/proposals?state=refused").text
    for told, done in (({"verb": "publish"}, "none"), ({"verb": "", "chosen": "1"}, "verb")):
        assert send(admin, "/proposals/decide", "/proposals", **told).headers["location"] == f"/proposals?done={done}"


def test_rules_that_cannot_be_kept_are_refused_in_the_page(world):
    for days in ("", "0", "-1", "3661", "x", "1.5", "²"):
        answer = world.client.post("/rules", data={"approval": "yes", "review_days": days}, headers={**HTML, **world.who["admin"]})
        assert answer.status_code == 422 and "没有保存" in answer.text, days
        assert rules_of(world.store).review_days == 365 and not rules_of(world.store).approval
    for name in ("east", "viewer"):
        assert world.client.get("/rules", headers=world.who[name]).status_code == 403
        assert world.client.post("/rules", data={"review_days": "9"}, headers=world.who[name]).status_code == 403


def test_empty_states(settings, store):
    """An empty registry, nothing due, no proposals: each says so, in both languages."""
    with TestClient(create_app(Settings(workspace=settings.workspace))) as client:
        headers = headers_of(store, "admin")
        for address in ("/review", "/proposals", "/proposals?state=refused", "/rules", "/review?by=yes", "/review?lang=en", "/proposals?lang=en"):
            answer = client.get(address, headers=headers)
            assert answer.status_code == 200
            assert address == "/rules" or 'class="empty' in answer.text
        with store.writing() as session:
            facilities.save(session, Facility(name="院", class_code="A100"), facility_id=None, **BY)
        assert "all-well" in client.get("/review", headers=headers).text
