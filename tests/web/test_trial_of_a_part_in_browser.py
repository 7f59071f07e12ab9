"""Who sees some areas only tries changes there: figures of their own people, and a plain word where it is not theirs to ask."""

from __future__ import annotations

import math

import pytest
from api.own_server import served
from people import BY, GOOD_PASSWORD
from playwright.sync_api import Page, expect
from web.browser_guard import guarded
from web.test_planner_in_browser import choose, covered, ready
from web.test_trial_in_browser import answered
from workflows.small_county import furnish

from geosvc.settings import Settings
from geosvc.store.engine import Store
from geosvc.workflows import people
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study

SERVICE = "hospital-drive"
EAST = "990001101"
MAP = f"/?service={SERVICE}&threshold=30min"


def add_account(store: Store, name: str, code: str) -> None:
    """Make an analyst of one township who can sign in."""
    account, _link = people.create_account(store, name, role="analyst", areas=[code], **BY)
    people.use_link(store, people.reset_link(store, account.id), GOOD_PASSWORD, name=None, hours=1)


def signed_in(page: Page, server: str, name: str) -> Page:
    """Open the map as somebody; the page is any of the server."""
    page.goto(f"{server}/sign-in?next=/about")
    page.fill("[name=name]", name)
    page.fill("[name=password]", GOOD_PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url("**/about")
    page.goto(f"{server}{MAP}")
    return ready(page)


@pytest.fixture(scope="module")
def server(browser, tmp_path_factory):
    """Two townships with outlines; the hospital stands in the west."""
    folder = tmp_path_factory.mktemp("part")
    settings = Settings(workspace=folder / "workspace")
    store = furnish(settings, folder, cell_size_m=400.0)
    measure_service(Study(store, settings), SERVICE)
    add_account(store, "东镇分析员", EAST)
    store.close()
    with served(folder / "workspace", folder) as address:
        yield address


def place_of(page: Page, lon: float, lat: float) -> tuple[float, float]:
    """Bring a place to the middle of the map; return where it lies on the screen."""
    x, y = page.evaluate("""([lon, lat]) => {
        const map = window.geosvcCoverage.shown.map;
        map.setView([lat, lon], map.getZoom(), { animate: false });
        const at = map.latLngToContainerPoint([lat, lon]);
        const box = map.getContainer().getBoundingClientRect();
        return [box.left + at.x, box.top + at.y];
    }""", [lon, lat])
    return x, y


def test_one_township_is_tried_and_asked_about(open_page, server: str):
    """Any limit is of its own people; what is opened there is answered and saved."""
    page = signed_in(open_page(server, "/sign-in"), server, "东镇分析员")
    found = page.request.get(f"{server}/api/services/{SERVICE}/curves").json()
    total, own = (next(each for each in found["areas"] if each["level"] == level) for level in ("total", "township"))
    assert total["people"] == own["people"]
    choose(page, 10)
    within = sum(own["people"][: round(10 / found["step"]) + 1])
    assert covered(page) == round(within)
    share = within / (sum(own["people"]) + own["unreachable"] + own["no_data"])
    expect(page.locator("#headline .big").first).to_have_text(f"{math.floor(1000 * share) / 10:.1f} %")
    count = found["gaps"]["count"][round(10 / found["step"])]
    expect(page.locator("#kpis div", has_text="缺口数").first).to_contain_text(f"{count} 处")
    choose(page, 30)
    before = covered(page)
    page.locator("#trial > summary").click()
    page.locator("[data-box=open]").click()
    with page.expect_response("**/what-if") as told:
        page.mouse.click(*place_of(page, 126.97, 42.37))
    answered(page)
    answer = told.value.json()
    assert [each["code"] for each in answer["part"]["areas"]] == [EAST]
    assert covered(page) == round(answer["thresholds"]["30min"]["people"]["covered"]) >= before
    choose(page, 10)
    assert covered(page) > round(within), "a hospital of their own is nearer"
    page.locator("#scenario-name").fill("镇里的方案")
    with page.expect_response("**/api/scenarios") as saved:
        page.locator("[data-box=save]").click()
    assert saved.value.status == 201
    expect(page.locator("#scenario-form [role=status]")).to_contain_text("已保存")


def test_what_is_not_theirs_to_ask_is_said(browser, server: str):
    """A place of another township: the figures stay, and the next question is answered."""
    with guarded(browser, server) as (page, _guard):  # it complains of every 403, which is wanted here
        signed_in(page, server, "东镇分析员")
        before = covered(page)
        page.locator("#trial > summary").click()
        page.locator("[data-box=open]").click()
        with page.expect_response("**/what-if") as told:
            page.mouse.click(*place_of(page, 126.83, 42.32))
        assert told.value.status == 403
        expect(page.locator("[data-box=status]")).to_contain_text("只能试算和保存所辖区域之内的改动")
        assert covered(page) == before
        page.locator("[data-box=undo]").click()
        page.locator("[data-box=conditions] label", has_text="冬季").click()
        answered(page)


def test_who_is_nearest_elsewhere_is_not_named(open_page, server: str):
    """The hospital is another township's: how long it takes is told, and that it is a facility of another area."""
    page = signed_in(open_page(server, "/sign-in"), server, "东镇分析员")
    page.mouse.click(*place_of(page, 126.97, 42.37))
    expect(page.locator(".explain")).to_contain_text("其他区域的机构")
    expect(page.locator(".explain")).not_to_contain_text("县人民医院")


def test_areas_without_an_outline(open_page, demo_server: str, demo_store: Store):
    """There is no surface to show and no place to add anything at: this is said, and the rest works."""
    add_account(demo_store, "镇分析员", "220622101")
    page = signed_in(open_page(demo_server, "/sign-in"), demo_server, "镇分析员")
    before = covered(page)
    page.locator("#trial > summary").click()
    expect(page.locator("#trial")).to_contain_text("没有登记边界，不能在图上新增机构")
    expect(page.locator("[data-box=open]")).to_be_hidden()
    page.locator("[data-box=conditions] label", has_text="冬季").click()
    answered(page)
    assert covered(page) < before
