"""Filling a blank spot by the form: who may, what is refused, and where it leads back to."""

from __future__ import annotations

import re

import pytest
from fastapi.testclient import TestClient
from people import BY, headers_of
from workflows.test_scenarios import ANALYST, saved

from geosvc.accounts.people import Right
from geosvc.application import create_app
from geosvc.errors import InvalidParameter
from geosvc.gate.people import COOKIE
from geosvc.language import words
from geosvc.registry import areas, facilities
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility
from geosvc.settings import Settings
from geosvc.web.fill_pages import way_back
from geosvc.web.places import place_asked
from geosvc.workflows import people
from geosvc.workflows.scopes import as_seen_by
from geosvc.workflows.workspace import init_workspace

HTML = {"accept": "text/html"}
ZH = words("zh")
COUNTY, EAST = "990001", "990001100"
V = [f"{EAST}20{i}" for i in range(3)]
FORM = {"rule": "village-clinic", "area": V[1], "facility": "1", "mode": "邻村延伸", "scenario": "new", "name": "补上", "back": "/plans/jingyu-2025?kind=UNIT#a"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A township of three villages with one clinic."""
    settings = Settings(workspace=tmp_path_factory.mktemp("fill") / "workspace", public_read=True)
    store = init_workspace(settings)
    with store.writing() as session:
        for code, name in {COUNTY: "县", EAST: "东镇", V[0]: "一村", V[1]: "<b>二村", V[2]: "三村"}.items():
            areas.save(session, Area(code=code, name=name, level={6: "county", 9: "township"}.get(len(code), "village")), **BY)
        facilities.register(session, [Facility(name='所"<i>', class_code="D600", area_code=V[0])], **BY)
    keys = {role: headers_of(store, role, None, role) for role in ("viewer", "analyst")}
    with TestClient(create_app(settings), raise_server_exceptions=False, follow_redirects=False) as client:
        def ask(method, path="/blank-spots/fill", role="analyst", **more):
            client.cookies.clear()
            return client.request(method, path, headers={**HTML, **(keys[role] if role else {})}, **more)

        yield ask, store, client
    store.close()


@pytest.mark.parametrize(("address", "where"), [
    ("/plans/a?kind=UNIT#b", "/plans/a?kind=UNIT&scenario=3#b"), ("/plans/a?scenario=2&kind=UNIT", "/plans/a?scenario=3&kind=UNIT"),
    ("/blank-spots?rule=village-clinic", "/blank-spots?rule=village-clinic&scenario=3"),
    *((each, "/blank-spots?scenario=3") for each in (
        "", "https://elsewhere.cn/plans/a", "//elsewhere.cn/plans/a", "/\\elsewhere.cn/plans/a", "javascript:alert(1)", "/accounts", "plans/a", "///x/plans/")),
])
def test_it_leads_back_to_our_own_pages_only(address, where):
    assert way_back(address, scenario="3") == where


def test_filled_it_leads_back_under_the_new_scenario(world):
    ask, _store, _client = world
    page = ask("GET", params={"rule": "village-clinic", "area": V[1]})
    assert page.status_code == 200
    assert "&lt;b&gt;二村" in page.text
    assert "<i>" not in page.text
    answer = ask("POST", data=FORM)
    assert answer.status_code == 303
    found = re.fullmatch(r"/plans/jingyu-2025\?kind=UNIT&scenario=(\d+)#a", answer.headers["location"])
    assert found
    told = ask("GET", f"/api/scenarios/{found[1]}").json()
    assert (told["name"], told["author"]) == ("补上", "analyst")
    assert told["changes"] == {"serve": [{"facility": 1, "mode": "邻村延伸", "areas": [V[1]]}]}
    assert ask("POST", data={**FORM, "area": V[2], "scenario": found[1]}).status_code == 303
    assert ask("GET", f"/api/scenarios/{found[1]}").json()["changes"]["serve"][0]["areas"] == V[1:]


@pytest.mark.parametrize(("changed", "told"), [
    ({"facility": ""}, "choose the facility"), ({"facility": "99"}, "no facility 99"), ({"mode": ""}, "must be one of 联合设置"), ({"name": " "}, "needs a name")])
def test_what_cannot_be_saved_is_said_on_the_form_and_nothing_is_lost(world, changed, told):
    ask, _store, _client = world
    answer = ask("POST", data={**FORM, **changed})
    assert answer.status_code == 422
    assert ZH["fill_problem"] in answer.text
    assert told in answer.text
    if "mode" not in changed:
        assert '<option value="邻村延伸" selected>' in answer.text


def test_rules_and_areas_that_are_none_are_refused(world):
    ask, _store, _client = world
    for changed in ({"rule": "no-such"}, {"area": EAST}, {"area": ""}, {"rule": ""}):
        for method, sent in (("GET", "params"), ("POST", "data")):
            assert ask(method, **{sent: {**FORM, **changed}}).status_code == 400
    assert ask("POST", data={**FORM, "scenario": "999"}).status_code == 404


def test_who_may_not_measure_sees_no_form_and_saves_nothing(world):
    ask, store, _client = world
    before = len(ask("GET", "/api/scenarios").json()["scenarios"])
    for role in ("viewer", None):
        assert ask("GET", role=role, params={"rule": "village-clinic", "area": V[1]}).status_code in (303, 401, 403)
        assert ask("POST", role=role, data=FORM).status_code in (303, 401, 403)
        assert ZH["fill_in_scenario"] not in ask("GET", "/blank-spots", role=role).text
    assert ZH["fill_in_scenario"] in ask("GET", "/blank-spots").text
    assert len(ask("GET", "/api/scenarios").json()["scenarios"]) == before
    other = saved(store, {"serve": [{"facility": 1, "mode": "邻村延伸", "areas": [V[2]]}]}, ANALYST)
    assert ask("POST", data={**FORM, "scenario": str(other["id"])}).status_code == 403  # another person's draft
    assert Right.MEASURE in ANALYST.rights


def test_a_form_of_another_site_is_refused(world):
    """By the session's cookie alone, without the token of the form."""
    ask, store, client = world
    person = people.person_of_key(store, headers_of(store, "analyst", None, "by-cookie")["Authorization"].removeprefix("Bearer "))
    token = people.use_link(store, people.reset_link(store, person.account_id).rsplit("/", 1)[-1], "walnut river lantern 7", name=None, hours=1).token
    before = len(ask("GET", "/api/scenarios").json()["scenarios"])
    client.cookies.set(COOKIE, token)
    page = client.get("/blank-spots/fill", params={"rule": "village-clinic", "area": V[1]}, headers=HTML)
    csrf = re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]
    assert client.post("/blank-spots/fill", data=FORM, headers=HTML).status_code == 403
    assert len(ask("GET", "/api/scenarios").json()["scenarios"]) == before
    client.cookies.set(COOKIE, token)
    assert client.post("/blank-spots/fill", data={**FORM, "csrf_token": csrf}, headers=HTML).status_code == 303


def test_a_place_on_the_map_is_one_that_is_there(world):
    """An area without any outline around it, and a facility without a position, are shown nowhere; what is not registered is refused."""
    _ask, store, _client = world
    assert place_asked(store, V[1], None, "zh") is None
    assert place_asked(store, None, "1", "zh") is None
    assert place_asked(store, None, None, "zh") is None
    for area, facility in (("no-such", None), (None, "99"), (None, "x")):
        with pytest.raises(InvalidParameter, match="registered"):
            place_asked(store, area, facility, "zh")
    village = as_seen_by(store, (V[1],))
    assert place_asked(village, V[1], None, "zh") is None
    for area, facility in ((None, "1"), (V[0], None), (EAST, None)):
        with pytest.raises(InvalidParameter):
            place_asked(village, area, facility, "zh")
