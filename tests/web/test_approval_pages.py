"""Where changes wait for approval: pages offer only what is not refused, and say what waits."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from people import BY, headers_of

from geosvc.application import create_app
from geosvc.language import words
from geosvc.registry import areas, facilities
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility
from geosvc.workflows import duplicates, editing
from geosvc.workflows.editing import Intent
from geosvc.workflows.rules import change_rules

HTML = {"accept": "text/html"}
TOWN = "990001100"


@pytest.fixture
def world(settings, store):
    """A clinic registered twice, a merge that stands, a clinic to be located; changes wait for approval."""
    with store.writing() as session:
        areas.save(session, Area(code=TOWN, name="西镇", level="township"), **BY)
        for one in (
            *(Facility(name="永红诊所", class_code="D200", area_code=TOWN, lon=126.83 + 0.0001 * i, lat=42.39, position_method="surveyed") for i in range(4)),
            Facility(name="甲卫生室", class_code="D600", area_code=TOWN, raw_x="42.35", raw_y="126.85", raw_datum="WGS84"),
        ):
            facilities.save(session, one, facility_id=None, **BY)
    duplicates.merge_facilities(store, 1, [2], author="管", reason="重复登记")
    change_rules(store, author="管", approval=True)
    with TestClient(create_app(settings), raise_server_exceptions=False, follow_redirects=False, headers=HTML) as client:
        who = {role: headers_of(store, role, name=f"{role}某") for role in ("admin", "editor", "viewer")}
        yield client, store, who


# Each page, what would be refused on it, and the sentence that stands there instead.
REFUSED = [
    ("/duplicates", 'href="/duplicates/merge?', "merge_needs_administrator"),
    ("/duplicates?state=merged", 'action="/duplicates/unmerge"', "merge_needs_administrator"),
    ("/facilities/1", 'action="/duplicates/unmerge"', None),
    ("/locating", 'name="rule"', "locating_needs_administrator"),
]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(("path", "offered", "sentence"), REFUSED)
def test_what_would_be_refused_is_not_offered(world, path, offered, sentence, language):
    """An editor reads who does it; an administrator, and everybody once no approval is asked for, has the button."""
    client, store, who = world
    address = f"{path}{'&' if '?' in path else '?'}lang={language}"
    page = client.get(address, headers=who["editor"]).text
    assert offered not in page
    assert sentence is None or words(language)[sentence] in page
    for person in ("admin", "viewer"):
        page = client.get(address, headers=who[person]).text
        assert (offered in page) == (person == "admin")
        assert sentence is None or words(language)[sentence] not in page
    change_rules(store, author="管", approval=False)
    page = client.get(address, headers=who["editor"]).text
    assert offered in page
    assert sentence is None or words(language)[sentence] not in page


def test_the_page_of_a_merge_does_not_save(world):
    """Whoever follows an old link sees what a merge would make, and why the button does nothing."""
    client, _store, who = world
    page = client.get("/duplicates/merge?id=3&id=4", headers=who["editor"]).text
    assert 'name="step" value="save" disabled' in page
    assert words("zh")["merge_needs_administrator"] in page
    assert 'name="step" value="save" disabled' not in client.get("/duplicates/merge?id=3&id=4", headers=who["admin"]).text


def proposed(client, who, number: int, name: str) -> int:
    """Propose another name of a facility over the API; return the number of the proposal."""
    items = f"/api/collections/facilities/items/{number}"
    tag = client.get(items, headers=who["editor"]).headers["etag"]
    answer = client.patch(items, json={"properties": {"name": name}}, headers={**who["editor"], "If-Match": tag})
    assert answer.status_code == 202, answer.text
    return int(answer.json()["proposal"]["id"])


def test_a_facility_says_which_proposals_wait(world):
    """Its author and administrators read it and can open it; a viewer knows of no proposals, and what was decided waits no more."""
    client, _store, who = world
    number = proposed(client, who, 3, "永红新诊所")
    for person in ("editor", "admin"):
        page = client.get("/facilities/3", headers=who[person]).text
        assert words("zh")["proposals_about"] in page
        assert f'href="/proposals/{number}"' in page
    assert words("zh")["proposals_about"] not in client.get("/facilities/3", headers=who["viewer"]).text
    assert words("zh")["proposals_about"] not in client.get("/facilities/4", headers=who["admin"]).text
    client.post(f"/api/proposals/{number}/publish", headers=who["admin"])
    assert words("zh")["proposals_about"] not in client.get("/facilities/3", headers=who["admin"]).text


def test_what_stood_in_the_way_of_a_proposal_is_said_in_the_language_of_the_page(world):
    """A conflict names its fields, a decided one says so; no English stands in the Chinese page."""
    client, store, who = world
    numbers = [proposed(client, who, number, "新名") for number in (3, 4)]
    editing.patch(store, 3, {"properties": {"name": "管理员的名"}}, Intent(author="管", origin="form"), expected=editing.seen(store, 3).revision)
    editing.delete(store, 4, Intent(author="管", origin="form", reason="撤销"), expected=editing.seen(store, 4).revision)
    page = client.post("/proposals/decide", data={"verb": "publish", "chosen": list(map(str, numbers))}, headers=who["admin"])
    assert page.status_code == 412
    said = page.text.split('role="alert"')[1].split("</div>")[0]
    assert words("zh")["proposal_problem_conflict"] + "：" + words("zh")["name"] in said
    assert words("zh")["proposal_problem_gone"] in said
    assert 'lang="en"' not in said
    client.post(f"/api/proposals/{numbers[1]}/refuse?reason=x", headers=who["admin"])
    page = client.post("/proposals/decide", data={"verb": "withdraw", "chosen": [str(numbers[1]), "99"]}, headers=who["editor"]).text
    for problem in ("closed", "missing"):
        assert words("zh")[f"proposal_problem_{problem}"] in page
