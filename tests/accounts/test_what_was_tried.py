"""What somebody tried who wanted more than their account gives; each of these once worked."""

from __future__ import annotations

import json
import threading

import pytest
from fastapi.testclient import TestClient
from people import BY, GOOD_PASSWORD, headers_of

from geosvc.application import create_app
from geosvc.errors import AccountRefused, NotSignedIn, NotUndoable, TooManyAttempts
from geosvc.registry import areas, facilities, history
from geosvc.registry.facilities import Facility
from geosvc.settings import Settings
from geosvc.workflows import duplicates, locating, people

ITEMS = "/api/collections/facilities/items"
EAST, WEST = "990001100", "990001200"


@pytest.fixture
def county(settings, store):
    """Two townships; an editor of the eastern one, an administrator, and their server."""
    with store.writing() as session:
        for code, name in (("990001", "县"), (EAST, "东镇"), (WEST, "西乡")):
            areas.save(session, areas.Area(code=code, name=name, level="county" if name == "县" else "township", parent_code=None if name == "县" else "990001"), **BY)
    with TestClient(create_app(Settings(workspace=settings.workspace)), raise_server_exceptions=False) as client:
        yield client, store, headers_of(store, "editor", [EAST]), headers_of(store, "admin")


def _save(store, name, area, **more):
    with store.writing() as session:
        return facilities.save(session, Facility(name=name, class_code="C220", area_code=area, **more), facility_id=None, **BY)[0]


def _revisions(store, number):
    with store.reading() as session:
        return {each.facility.area_code: each.revision for each in history.versions(session, number) if each.superseded_at is None}


def test_a_conflict_does_not_tell_of_a_time_when_it_lay_elsewhere(county):
    """It moved into the editor's township; what was true of it before is not theirs to read, not even by an error."""
    client, store, mine, _admin = county
    number = _save(store, "院", WEST, note="外部机密")
    with store.writing() as session:
        history.update(session, number, Facility(name="院", class_code="C220", area_code=EAST, note="现在"), valid_from="2026-06-01", **BY)
    before, now = (_revisions(store, number)[code] for code in (WEST, EAST))
    for query, seen in (("?valid_at=2026-01-01", now), ("?valid_at=2026-01-01", before), ("", before)):
        answer = client.patch(f"{ITEMS}/{number}{query}", json={"properties": {"note": "x"}}, headers={**mine, "If-Match": f'"{seen}"'})
        assert answer.status_code in (404, 412), answer.text
        assert "机密" not in answer.text
        assert WEST not in answer.text
    answer = client.patch(f"{ITEMS}/{number}", json={"properties": {"note": "好"}}, headers={**mine, "If-Match": f'"{now}"'})
    assert answer.status_code == 200, answer.text


def test_a_refused_change_does_not_name_what_lies_elsewhere(county):
    client, store, mine, _admin = county
    secret = _save(store, "机密卫生院", WEST)
    own = _save(store, "院", EAST)
    with store.reading() as session:
        revision = facilities.get(session, own).revision
    answer = client.post("/api/duplicates/merge", headers=mine, json={"keep": own, "others": [secret], "reason": "x", "revisions": {str(own): revision, str(secret): 1}})
    assert answer.status_code in (400, 403, 404, 422)
    assert "机密" not in answer.text


def test_why_a_merge_was_made_is_not_told_where_one_of_it_lies_elsewhere(county):
    """The administrator's words name the other facility; and a merge that may not be seen is one that never was."""
    client, store, mine, _admin = county
    own, secret = _save(store, "东卫生院", EAST), _save(store, "机密卫生院", WEST)
    merge = duplicates.merge_facilities(store, own, [secret], author="王", reason="与机密卫生院是一家")
    for address in ("/api/duplicates?queue=merged", f"/api/collections/facilities/items/{own}/versions", f"/facilities/{own}"):
        answer = client.get(address, headers=mine)
        assert answer.status_code == 200, answer.text
        assert "是一家" not in answer.text, address  # the name itself stands among the aliases of the kept one
    refused = [client.post("/api/duplicates/unmerge", headers=mine, json={"merge": number, "reason": "x"}) for number in (merge["id"], 999)]
    assert [each.status_code for each in refused] == [404, 404]
    assert refused[0].json()["detail"] == f"there is no merge {merge['id']}"
    assert refused[1].json()["detail"] == "there is no merge 999"


def test_taking_a_placing_back_does_not_name_what_lies_elsewhere(county):
    _client, store, _mine, _admin = county
    numbers = [_save(store, name, area) for name, area in (("东院", EAST), ("机密院", WEST))]
    placing = locating.new_placing()
    for number in numbers:
        with store.reading() as session:
            revision = facilities.get(session, number).revision
        locating.place(store, number, 126.8, 42.3, method="surveyed", datum="WGS84", author="王", expected=revision, origin=placing)
    with store.writing() as session:
        one = facilities.get(session, numbers[1])
        history.correct(session, numbers[1], type(one.facility)(**{**one.facility.__dict__, "note": "改"}), **BY)
    with pytest.raises(NotUndoable) as refused:
        locating.undo_placing(store.limited_to((EAST,)), placing, author="李")
    assert "outside of your areas" in str(refused.value)
    assert "机密" not in str(refused.value) + json.dumps(refused.value.later, ensure_ascii=False)


@pytest.mark.parametrize("name", ["preview.geojson", "preview.json", "report.json", "about.json"])
def test_no_file_is_taken_for_one_of_our_own(county, name):
    """Whatever an upload is called, it is not the preview that a commit asks for."""
    client, _store, _mine, admin = county
    body = {"type": "FeatureCollection", "seal": None, "id": "y", "options": {"answers": {}, "skip_bad": True}, "features": [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [126.8, 42.3]}, "properties": {"name": "院", "class_code": "A100"}}]}
    sent = client.post("/api/imports", headers=admin, files={"file": (name, json.dumps(body).encode())})
    assert sent.status_code in (200, 201), sent.text
    number = sent.json().get("id") or sent.json()["upload"]["id"]
    answer = client.post(f"/api/imports/uploads/{number}/commit", headers=admin, json={"preview": "y"})
    assert answer.status_code in (409, 412, 422), answer.text
    assert client.get(ITEMS, headers=admin).json()["numberMatched"] == 0


def test_an_unreadable_map_file_does_not_tell_where_it_lies(county):
    client, store, _mine, admin = county
    answer = client.post("/api/imports", headers=admin, files={"file": ("a.geojson", b'{"type": "nothing"}')})
    assert answer.status_code == 422
    assert str(store.folder) not in answer.text


def test_an_administrator_without_a_password_is_not_the_one_who_is_left(store):
    """Locked would be everybody who can sign in."""
    first = people.use_link(store, people.first_link(store), GOOD_PASSWORD, name="王", hours=1).account
    people.create_account(store, "未设密码", role="admin", areas=None, **BY)
    with pytest.raises(AccountRefused, match="last administrator"):
        people.change_account(store, first.id, locked=True, **BY)


def test_many_attempts_at_once_are_no_way_around_the_limit(store):
    """All of them are counted before any password is looked at."""
    people.use_link(store, people.first_link(store), GOOD_PASSWORD, name="王", hours=1)
    said = []

    def attempt():
        try:
            people.sign_in(store, "王", "not this one", address="10.0.0.7", hours=1)
        except (NotSignedIn, TooManyAttempts) as error:
            said.append(type(error))

    threads = [threading.Thread(target=attempt) for _each in range(12)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert (said.count(NotSignedIn), said.count(TooManyAttempts)) == (5, 7)


def test_who_signs_in_often_is_not_kept_waiting(store):
    """A right password is no failed attempt."""
    people.use_link(store, people.first_link(store), GOOD_PASSWORD, name="王", hours=1)
    for _each in range(7):
        assert people.sign_in(store, "王", GOOD_PASSWORD, address="10.0.0.7", hours=1)


def test_an_emptied_field_does_not_lift_a_limit(county, settings):
    """All areas are meant only if somebody says so."""
    _client, store, _mine, _headers = county
    account, _link = people.create_account(store, "李", role="editor", areas=[EAST], **BY)
    boss, link = people.create_account(store, "王", role="admin", areas=None, **BY)
    with TestClient(create_app(Settings(workspace=settings.workspace)), follow_redirects=False) as client:
        client.post(f"/welcome/{link}", data={"password": GOOD_PASSWORD, "again": GOOD_PASSWORD})
        token = client.get("/accounts").text.split('name="csrf_token" value="')[1].split('"')[0]
        form = {"csrf_token": token, "what": "change", "role": "editor"}
        for emptied in ("", "，", "  "):
            answer = client.post(f"/accounts/{account.id}", data={**form, "areas": emptied})
            assert answer.status_code == 422
            assert "全部区域" in answer.text
        assert people.account_of(store, account.id).areas == (EAST,)
        assert client.post(f"/accounts/{account.id}", data={**form, "areas": "", "everywhere": "true"}).status_code == 303
    assert people.account_of(store, account.id).areas is None
    assert boss


def test_a_key_of_a_locked_account_is_good_for_nothing_again(store):
    account, _link = people.create_account(store, "李", role="editor", areas=None, **BY)
    key = people.make_key(store, account.id, "x", days=1, **BY)
    people.change_account(store, account.id, locked=True, **BY)
    people.change_account(store, account.id, locked=False, **BY)
    assert people.person_of_key(store, key) is None


@pytest.mark.parametrize("revisions", [{"1": 10**30}, {"1": 1, "01": 1}, {"1": 0}, {"1": -1}, {str(10**30): 1}])
def test_numbers_that_no_facility_has(county, revisions):
    client, store, _mine, admin = county
    _save(store, "院", EAST)
    assert client.patch(ITEMS, headers=admin, json={"revisions": revisions, "patch": {"properties": {"note": "x"}}}).status_code in (400, 404)


def test_an_old_form_says_that_it_is_old(county):
    """Not that somebody has no right."""
    _client, store, _mine, _admin = county
    _account, link = people.create_account(store, "王", role="admin", areas=None, **BY)
    with TestClient(_client.app, follow_redirects=False) as client:
        client.post(f"/welcome/{link}", data={"password": GOOD_PASSWORD, "again": GOOD_PASSWORD})
        answer = client.post("/accounts", data={"name": "x", "role": "viewer", "csrf_token": "old"}, headers={"accept": "text/html"})
    assert answer.status_code == 403
    assert "页面已过期" in answer.text
