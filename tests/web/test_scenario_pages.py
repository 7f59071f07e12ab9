"""Scenarios in pages: listed, read in words, measured, compared with two maps, applied after a look."""

from __future__ import annotations

import re

import pytest
from api.hostile_world import NAMES
from api.own_server import served
from api.test_guards import naked
from fastapi.testclient import TestClient
from people import BY, headers_of
from playwright.sync_api import expect
from workflows.small_county import furnish

from geosvc.application import create_app
from geosvc.language import words
from geosvc.registry import facilities, history
from geosvc.registry.facilities import Facility
from geosvc.settings import Settings
from geosvc.store.facilities import FacilityQuery
from geosvc.web.scenario_views import Signs
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.rules import change_rules
from geosvc.workflows.study import Study

ONE_STORY = True
HTML = {"accept": "text/html"}
ZH, DRIVE = words("zh"), "hospital-drive"
CHANGES = {
    "open": [{"number": 1, "class_code": "A100", "name": "东院", "lon": 126.97, "lat": 42.36}, {"number": 2, "class_code": "C220", "lon": 126.82, "lat": 42.37}],
    "move": [{"facility": 1, "lon": 126.84, "lat": 42.31}, {"facility": 3, "lon": 126.83, "lat": 42.34}], "close": [2],
    "close_roads": [[126.9, 42.35]], "conditions": ["winter"],
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    store = furnish(settings, folder)
    with store.writing() as session:
        for each in facilities.find(session, FacilityQuery()):
            code = "990001101" if each.facility.name.startswith("东") else "990001100"
            facilities.save(session, Facility(**{**each.facility.__dict__, "area_code": code}), facility_id=each.id, **BY)
    measure_service(Study(store, settings), DRIVE)
    keys = {role: headers_of(store, role, None, role) for role in ("viewer", "analyst", "editor", "admin")}
    with TestClient(create_app(settings), raise_server_exceptions=False, follow_redirects=False) as client:
        def ask(method, path, role="analyst", **more):
            client.cookies.clear()
            return client.request(method, path, headers={**HTML, **(keys[role] if role else {})}, **more)

        yield ask, store, settings
    store.close()


def saved(ask, name="方案甲", changes=CHANGES, role="analyst"):
    answer = ask("POST", "/api/scenarios", role, json={"name": name, "notes": "第一行\n第二行", "changes": changes})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def plain(page):
    """Return the words of a page, as they are read."""
    text = re.sub(r"<(script|style).*?</\1>", " ", page.text, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_an_empty_list_says_how_a_scenario_is_made(world):
    ask, _store, _settings = world
    page = ask("GET", "/scenarios", "viewer")
    assert page.status_code == 200
    assert ZH["scenarios_none"] in page.text
    assert ZH["scenarios_none_how"] in page.text


def test_a_scenario_is_read_in_words(world):
    """Every change with its facility's link; who may not change it sees no form."""
    ask, _store, _settings = world
    number = saved(ask)
    listed = plain(ask("GET", "/scenarios", "viewer"))
    assert "新开 2；迁移 2；关闭 1；封路 1 处；出行条件 1" in listed
    page = ask("GET", f"/scenarios/{number}")
    for told in ("新开 东院", "（未命名）", "由 126.85000, 42.35000 迁至 126.84000, 42.31000", "原无位置，定在 126.83000, 42.34000", "关闭 东镇卫生院", "冬季"):
        assert told in plain(page), told
    assert 'href="/facilities/2"' in page.text
    assert 'value="save"' in page.text
    reader = ask("GET", f"/scenarios/{number}", "viewer").text
    assert 'value="save"' not in reader
    assert 'value="measure"' not in reader
    assert "analyst 于" not in ask("GET", f"/scenarios/{number}", None).text  # nobody in particular is told no names
    assert f'href="/scenarios/{number}/apply"' not in page.text
    assert f'href="/scenarios/{number}/apply"' in ask("GET", f"/scenarios/{number}", "editor").text
    english = plain(ask("GET", f"/scenarios/{number}?lang=en"))
    assert "Move" in english
    assert "had no position" in english


def test_measured_it_stands_beside_the_baseline(world):
    ask, _store, _settings = world
    number = saved(ask, "测算", {"open": CHANGES["open"][:1]})
    missing = ask("GET", f"/scenarios/compare?second={number}&service={DRIVE}")
    assert ZH["compare_measure"] in missing.text
    answer = ask("POST", f"/scenarios/{number}", data={"what": "measure", "service": DRIVE})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/scenarios/{number}?done=measured")
    page = ask("GET", f"/scenarios/{number}")
    assert re.search(r"\+[\d,]+", plain(page))
    compared = ask("GET", f"/scenarios/compare?first=baseline&second={number}&service={DRIVE}")
    assert compared.status_code == 200
    assert compared.text.count('class="compare-map"') == 2
    assert "东院" in compared.text
    for town in ("西镇", "东镇"):
        assert town in plain(compared)
    csv = ask("GET", f"/api/scenarios/compare?first=baseline&second={number}&service={DRIVE}&threshold=30min&f=csv")
    assert csv.status_code == 200


def test_gaps_under_a_scenario_are_its_own_and_never_those_of_the_baseline(world):
    """Asked by ``scenario`` the page of gaps answers from its run, or says that it has none."""
    ask, _store, _settings = world
    number = saved(ask, "缺口方案", {"conditions": ["winter"]})
    address = f"/gaps?service={DRIVE}&scenario={number}"
    baseline = ask("GET", f"/api/services/{DRIVE}", None).json()["run"]
    before = ask("GET", address)
    assert before.status_code == 200
    assert ZH["gap_scenario_not_measured"] in before.text
    assert baseline not in before.text
    assert f'href="/scenarios/{number}"' in before.text
    assert "缺口方案" not in ask("GET", f"/gaps?service={DRIVE}").text  # not offered before it has an answer
    ask("POST", f"/scenarios/{number}", data={"what": "measure", "service": DRIVE})
    [measured] = ask("GET", f"/api/scenarios/{number}").json()["measured"]
    page = ask("GET", f"{address}&threshold=30min&sort=worst")
    assert measured["run"] in page.text
    assert baseline not in page.text
    assert ZH["gap_of_scenario"] in page.text
    listed = ask("GET", f"/api/collections/gaps/items?service={DRIVE}&scenario={number}&threshold=30min").json()
    assert f"共 {listed['numberMatched']} 条" in plain(page)
    assert f"scenario={number}" in page.text.split("<tbody>")[1]  # the links of the list lead to the scenario's map
    assert f'<option value="{number}" selected' in page.text
    assert "缺口方案" in ask("GET", f"/gaps?service={DRIVE}").text
    assert ask("GET", "/gaps?scenario=9999").status_code == 404
    assert ask("GET", f"{address}&datetime=2024-01-01").status_code == 400


def test_gaps_are_ranked_by_township_with_the_people_of_the_coverage(world):
    """The table beneath the gaps has the townships' own figures, most people first, or by code; towns where all are reached are left out."""
    ask, _store, _settings = world
    rows = ask("GET", f"/api/services/{DRIVE}/coverage?threshold=30min&level=township").json()["rows"]
    wanted = {row["name"]: f"{row['people']['beyond'] + row['people']['unreachable']:,.0f}" for row in rows}
    beyond = {name: people for name, people in wanted.items() if people != "0"}
    assert beyond

    def shown(query):
        table = ask("GET", f"/gaps?service={DRIVE}&threshold=30min&{query}").text.split('aria-labelledby="by-area"')[-1]
        return re.findall(r'<th scope="row"[^>]*>(?:<[^>]+>)?([^<]+).*?<td class="num">([\d,]+)', table, re.DOTALL)

    assert dict(shown("sort=people")) == beyond
    order = [float(people.replace(",", "")) for _name, people in shown("sort=people")]
    assert order == sorted(order, reverse=True)
    assert [name for name, _people in shown("sort=area")] == [row["name"] for row in rows if row["name"] in beyond]
    assert not shown(f"min_people={max(order) + 1:g}")
    assert ZH["gaps_by_area_text"] in ask("GET", f"/gaps?service={DRIVE}&threshold=30min").text


def test_what_has_no_answer_is_said(world):
    ask, _store, _settings = world
    number = saved(ask, "全部关闭", {"close": [1]})
    page = ask("POST", f"/scenarios/{number}", data={"what": "measure"})
    assert page.status_code == 200
    assert "按此方案无法计算" in page.text


def test_saved_meanwhile_by_another_nothing_typed_is_lost(world):
    ask, _store, _settings = world
    number = saved(ask, "先后")
    assert ask("POST", f"/scenarios/{number}", "admin", data={"what": "save", "version": "1", "name": "别人先改", "notes": ""}).status_code == 303
    page = ask("POST", f"/scenarios/{number}", data={"what": "save", "version": "1", "name": "我后改", "notes": "我的说明"})
    assert page.status_code == 412
    assert ZH["scenario_problem_conflict"] in page.text
    assert 'value="我后改"' in page.text
    assert "我的说明" in page.text
    assert "别人先改" in page.text
    empty = ask("POST", f"/scenarios/{number}", data={"what": "save", "version": "2", "name": " ", "notes": "x"})
    assert empty.status_code == 422


def test_copied_put_away_and_deleted(world):
    ask, _store, _settings = world
    number = saved(ask, "原件")
    copied = ask("POST", f"/scenarios/{number}", "editor", data={"what": "copy"}).headers["location"]
    assert "原件+" in ask("GET", copied, "editor").text
    assert ask("POST", f"/scenarios/{number}", "editor", data={"what": "delete", "version": "1"}).status_code == 403
    assert ask("POST", f"/scenarios/{number}", data={"what": "archive", "version": "1"}).status_code == 303
    assert "原件</a>" not in ask("GET", "/scenarios").text
    assert "原件</a>" in ask("GET", "/scenarios?state=archived").text
    assert ask("POST", f"/scenarios/{number}", data={"what": "delete", "version": "2"}).headers["location"] == "/scenarios?done=deleted"
    assert ask("GET", f"/scenarios/{number}").status_code == 404


def test_applied_after_a_look(world):
    """The page shows every change, asks for a missing name, shows what changed meanwhile, and writes all or nothing."""
    ask, store, _settings = world
    number = saved(ask, "应用")
    page = ask("GET", f"/scenarios/{number}/apply", "editor")
    assert page.status_code == 200
    assert 'name="name-2" required' in page.text
    assert ZH["scenario_not_applied"] in page.text
    unnamed = ask("POST", f"/scenarios/{number}/apply", "editor", data={"version": "1", "name-2": " "})
    assert unnamed.status_code == 422
    assert ZH["scenario_apply_impossible"] in unnamed.text
    with store.reading() as session:
        old = facilities.get(session, 1).facility
    with store.writing() as session:
        history.correct(session, 1, Facility(**{**old.__dict__, "name": "县第一医院"}), **BY)
    conflict = ask("POST", f"/scenarios/{number}/apply", "editor", data={"version": "1", "name-2": "西二卫生院"})
    assert conflict.status_code == 412
    assert "县人民医院" in plain(conflict)
    assert "县第一医院" in plain(conflict)
    assert 'value="西二卫生院"' in conflict.text
    assert ask("POST", f"/scenarios/{number}", data={"what": "recheck", "version": "1"}).status_code == 303
    wrong_day = ask("POST", f"/scenarios/{number}/apply", "editor", data={"version": "2", "name-2": "西二卫生院", "valid_from": "31.1.2027"})
    assert wrong_day.status_code == 422
    change_rules(store, author="test", approval=True)
    asking = ask("GET", f"/scenarios/{number}/apply", "editor").text
    change_rules(store, author="test", approval=False)
    assert ZH["scenario_apply_propose"] in asking
    done = ask("POST", f"/scenarios/{number}/apply", "editor", data={"version": "2", "name-2": "西二卫生院"})
    assert done.headers["location"] == f"/scenarios/{number}?done=applied"
    page = plain(ask("GET", f"/scenarios/{number}", "editor"))
    assert "已应用" in page
    assert ZH["scenario_opened_as"] in page
    assert ask("POST", f"/scenarios/{number}/apply", "editor", data={"version": "3"}).status_code == 409


def test_a_name_never_becomes_markup(world):
    ask, _store, _settings = world
    for name in NAMES:
        number = saved(ask, name[:200], {"open": [{**CHANGES["open"][0], "name": name[:200]}]})
        ask("POST", f"/scenarios/{number}", data={"what": "measure", "service": DRIVE})
        for path in ("/scenarios", f"/scenarios/{number}", f"/scenarios/compare?second={number}&service={DRIVE}", f"/scenarios/{number}/apply"):
            page = ask("GET", path, "editor")
            assert page.status_code == 200, path
            assert naked(page.text) == [], path


def test_a_difference_has_a_sign_an_arrow_and_a_word():
    """Less people in gaps is better, less people covered is worse; what rounds to nothing is no change; unknown is not 0."""
    signs = Signs("en")
    assert [signs.of(value)["text"] for value in (1234.4, -5.0, 0.4, None)] == ["+1,234", "\N{MINUS SIGN}5", "0", "unknown"]
    assert [signs.of(value)["kind"] for value in (1, -1, 0, None)] == ["better", "worse", "same", "unknown"]
    assert (signs.of(-1, good=-1)["kind"], signs.of(2, good=0)["kind"]) == ("better", "other")
    assert (signs.of(-1)["arrow"], signs.of(-1)["said"]) == ("\N{DOWNWARDS ARROW}", "less")
    assert signs.points(0.1234)["text"] == "+12.3"


@pytest.mark.parametrize("size", [(1280, 720), (768, 1024)])
@pytest.mark.slow
def test_two_maps_in_a_browser(world, open_page, tmp_path_factory, size):
    """Both are drawn, move together, and nothing is wider than the page."""
    ask, _store, settings = world
    number = saved(ask, f"地图{size[0]}", {"open": [{**CHANGES["open"][0], "lat": 42.33}]})
    assert ask("POST", f"/scenarios/{number}", data={"what": "measure", "service": DRIVE}).status_code == 303
    with served(settings.workspace, tmp_path_factory.mktemp("compare-server")) as address:
        page = open_page(address, f"/scenarios/compare?first=baseline&second={number}&service={DRIVE}", viewport={"width": size[0], "height": size[1]})
        expect(page.locator("html")).to_have_attribute("data-map", "ready")
        expect(page.locator("#map-second path.gm-target")).to_have_count(page.locator("#map-first path.gm-target").count() + 1)
        scales = [page.locator(f"#map-{side} .leaflet-control-scale-line") for side in ("first", "second")]
        before = scales[1].text_content()
        for _ in range(3):
            page.locator("#map-first .leaflet-control-zoom-in").click()
        expect(scales[0]).not_to_have_text(before)
        expect(scales[1]).to_have_text(scales[0].text_content())
        assert page.locator("#map-second canvas").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        page.goto(f"{address}/scenarios/{number}")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
