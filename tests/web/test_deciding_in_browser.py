"""Deciding on duplicates and placing facilities in a real browser: at once where a script helps, and large enough to hit."""

from __future__ import annotations

import pytest
from api.own_server import served
from people import BY, GOOD_PASSWORD
from playwright.sync_api import expect
from shapely.geometry import box
from web.test_access_in_browser import TARGETS

from geosvc.registry import areas, facilities
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility
from geosvc.settings import Settings
from geosvc.workflows import people
from geosvc.workflows.workspace import init_workspace

PLACE = {"position_method": "surveyed", "lat": 42.39}
TOWN = "220622100"


@pytest.fixture(scope="module")
def server(browser, tmp_path_factory):
    """A township with a health centre that is registered twice, two clinics, and one to be located."""
    folder = tmp_path_factory.mktemp("deciding")
    store = init_workspace(Settings(workspace=folder / "workspace"))
    with store.writing() as session:
        areas.save(session, Area(code=TOWN, name="靖宇镇", level="township", geometry=box(126.7, 42.3, 126.9, 42.5)), **BY)
        for one in (
            Facility(name="靖宇镇卫生院", class_code="C220", area_code=TOWN, level="一级", lon=126.8051, address="大街1号", **PLACE),
            Facility(name="靖宇县靖宇镇卫生院", class_code="C220", area_code=TOWN, lon=126.8055, **PLACE),
            *(Facility(name="永红诊所", class_code="D200", area_code=TOWN, lon=lon, **PLACE) for lon in (126.83, 126.8305)),
            Facility(name="保安村卫生室", class_code="D600", area_code=TOWN),
        ):
            facilities.save(session, one, facility_id=None, **BY)
    account, _link = people.create_account(store, "李编辑", role="editor", areas=None, **BY)
    people.use_link(store, people.reset_link(store, account.id), GOOD_PASSWORD, name=None, hours=1)
    store.close()
    with served(folder / "workspace", folder) as address:
        yield address


@pytest.fixture
def page(open_page, server):
    """A page of somebody who is signed in as an editor."""
    opened = open_page(server, "/sign-in?next=/duplicates")
    opened.fill("[name=name]", "李编辑")
    opened.fill("[name=password]", GOOD_PASSWORD)
    opened.click("main button[type=submit]")
    expect(opened.locator("article.suspect").first).to_be_visible()
    opened.wait_for_load_state()
    return opened


def test_what_is_put_off_is_folded_until_it_is_asked_for(page):
    """Later folds a pair in this tab and goes on to the next; ticks are counted; all of it is large enough to hit."""
    assert page.evaluate(TARGETS) == []
    first, second = page.locator("article.suspect").first, page.locator("article.suspect").nth(1)
    second.locator("input[name=pair]").check()
    expect(page.locator("#chosen")).to_have_text("已选 1 处")
    first.get_by_role("link", name="稍后").click()
    expect(first).to_be_hidden()
    expect(second).to_be_focused()
    page.reload()
    expect(page.locator("article.suspect").first).to_be_hidden()
    page.locator("#skipped button").click()
    expect(page.locator("article.suspect").first).to_be_visible()


def test_each_choice_of_a_merge_is_seen_at_once(page):
    """Keeping the other one changes what it becomes without leaving the page; what was typed and the focus stay."""
    page.locator("article.suspect", has_text="卫生院").get_by_role("link", name="合并").click()
    expect(page.locator("#result")).to_contain_text("靖宇县靖宇镇卫生院")
    page.fill("#reason", "同一家")
    page.get_by_role("radio", name="保留这一个").nth(1).check()
    expect(page.locator("#result p").first).to_contain_text("靖宇县靖宇镇卫生院 2")
    expect(page.locator("#result")).to_contain_text("无 → 一级")
    expect(page.get_by_role("radio", name="保留这一个").nth(1)).to_be_focused()
    expect(page.locator("#reason")).to_have_value("同一家")
    assert page.evaluate(TARGETS) == []
    page.get_by_role("button", name="合并", exact=True).click()
    expect(page.locator("main")).to_contain_text("已合并")
    assert page.url.endswith("/facilities/2?done=merged")
    page.get_by_text("撤销合并", exact=True).first.click()
    page.get_by_role("button", name="撤销合并").click()
    expect(page.locator("main")).to_contain_text("已撤销合并")


def test_placing_is_one_click_and_so_is_undoing_it(page):
    """From the worklist, and on a tablet nothing is wider than the screen."""
    page.set_viewport_size({"width": 820, "height": 1180})
    for path in ("/duplicates", "/duplicates/merge?id=1&id=2", "/locating"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), path
    assert page.evaluate(TARGETS) == []
    page.get_by_role("button", name="采用：保安村卫生室").click()
    expect(page.get_by_role("heading", name="全部机构都有坐标")).to_be_visible()
    page.get_by_role("button", name="撤销这次定位", exact=True).click()
    expect(page.get_by_role("heading", name="保安村卫生室")).to_be_visible()
