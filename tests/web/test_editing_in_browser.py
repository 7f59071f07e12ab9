"""Two people change facilities in real browsers: the pin, a pick of 高德, warnings, the list, and one form sent by both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
import shapely
from api.own_server import served
from people import BY, GOOD_PASSWORD
from playwright.sync_api import Browser, Page, expect
from web.browser_guard import Guard, guarded

from geosvc.geo.datums import to_wgs84
from geosvc.registry import areas, facilities
from geosvc.registry.facilities import Facility
from geosvc.settings import Settings
from geosvc.store.engine import Store
from geosvc.workflows import people
from geosvc.workflows.workspace import init_workspace

NAMES = ("东镇卫生院", "<img src=x onerror=alert(1)>", "西乡卫生院")
# Each test goes on where the one before it stopped.
ONE_STORY = True


@dataclass
class Office:
    """A server with two editors who are signed in, each in a browser of their own."""

    store: Store
    first: Page
    second: Page
    guards: list[Guard]


@pytest.fixture(scope="module")
def office(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    store = init_workspace(Settings(workspace=folder / "workspace"))
    _fill(store)
    with ExitStack() as stack:
        address = stack.enter_context(served(folder / "workspace", folder / "server"))
        pages, guards = [], []
        for name in ("李梅", "王强"):
            page, guard = stack.enter_context(guarded(browser, address, viewport={"width": 1280, "height": 720}))
            page.goto("/sign-in?lang=zh")
            page.fill("#name", name)
            page.fill("#password", GOOD_PASSWORD)
            page.click("main button")
            pages.append(page)
            guards.append(guard)
        yield Office(store, *pages, guards)
        store.close()


def _fill(store: Store) -> None:
    with store.writing() as session:
        for code, name, level, parent, box in (
            ("990001", "县", "county", None, (100.0, 40.0, 100.2, 40.1)), ("990001100", "东镇", "township", "990001", (100.0, 40.0, 100.2, 40.1)),
        ):
            areas.save(session, areas.Area(code=code, name=name, level=level, parent_code=parent, geometry=shapely.box(*box)), **BY)
        for number, name in enumerate(NAMES):
            facilities.save(session, Facility(
                name=name, class_code="C220", area_code="990001100", lon=100.05 + number / 50, lat=40.05, raw_x=f"{100.05 + number / 50}", raw_y="40.05",
                raw_datum="WGS84", position_method="surveyed"), facility_id=None, **BY)
    for name in ("李梅", "王强"):
        account, link = people.create_account(store, name, role="editor", areas=None, **BY)
        people.use_link(store, link.rsplit("/", 1)[-1], GOOD_PASSWORD, name=None, hours=1)
        assert account.name == name


def _form(page: Page, path: str) -> None:
    page.goto(path)
    page.locator("form[data-map=ready]").wait_for()


def _now(store: Store, number: int) -> Facility:
    with store.reading() as session:
        return facilities.get(session, number).facility


def test_a_pick_of_amap_is_pasted_and_the_pin_dragged(office: Office):
    """Raw and converted pin stand side by side with the metres between; a dragged pin is WGS 84; what is shown is saved."""
    page = office.first
    _form(page, "/facilities/1/edit")
    expect(page.locator(".raw-pin")).to_have_count(0)
    page.select_option("#datum", "GCJ02")
    page.fill("#paste", "40.0562，100.0612")
    lon, lat = to_wgs84(100.0612, 40.0562, datum="GCJ02")
    expect(page.locator("#converted-text")).to_have_text(f"{float(lon):.6f}, {float(lat):.6f}")
    assert (page.input_value("#x"), page.input_value("#y"), page.input_value("#paste")) == ("100.0612", "40.0562", "")
    expect(page.locator(".raw-pin")).to_be_visible()
    assert re.fullmatch(r"[\d,]+ m", page.locator(".leaflet-tooltip.metres").inner_text())
    pin = page.locator(".pin")
    pin.scroll_into_view_if_needed()
    box = pin.bounding_box()
    page.mouse.move(box["x"] + 11, box["y"] + 11)
    page.mouse.down()
    page.mouse.move(box["x"] + 71, box["y"] - 29, steps=5)
    page.mouse.up()
    expect(page.locator("#datum")).to_have_value("WGS84")
    x, y = float(page.input_value("#x")), float(page.input_value("#y"))
    assert x > float(lon)  # to the right is east, up is north
    assert y > float(lat)
    expect(page.locator("#converted-text")).to_have_text(f"{x:.6f}, {y:.6f}")
    expect(page.locator(".raw-pin")).to_have_count(0)
    page.click("#save")
    expect(page.locator(".verdict")).to_have_text("已保存")
    one = _now(office.store, 1)
    assert (one.lon, one.lat, one.raw_datum, one.position_method) == (x, y, "WGS84", "surveyed")


def test_what_is_pasted_while_an_answer_is_under_way_is_not_lost(office: Office):
    """An answer to the question before knows nothing of it."""
    page = office.first.context.new_page()
    _form(page, "/facilities/2/edit")
    held, holding = [], [True]
    page.route("**/check?*", lambda route: held.append(route) if holding else route.continue_())
    page.select_option("#datum", "GCJ02")
    page.wait_for_timeout(400)  # the question leaves a moment after the last change
    assert len(held) == 1
    page.fill("#paste", "40.0562，100.0612")
    held.pop().continue_()
    page.wait_for_timeout(200)
    assert page.input_value("#paste") == "40.0562，100.0612"
    holding.clear()
    while held:
        held.pop().continue_()
    expect(page.locator("#x")).to_have_value("100.0612")
    page.close()


def test_a_warning_shows_beside_its_field_before_saving(office: Office):
    """Outside of the area: the sentence stands by the map, the button says that it was looked at, and saves at once."""
    page = office.first
    _form(page, "/facilities/3/edit")
    page.fill("#x", "101.5")
    expect(page.locator("#said-position .warning").first).to_contain_text("位置不在所填区域（东镇）内")
    expect(page.locator("#save")).to_have_text("已核对，仍然保存")
    page.fill("#x", "abc")
    expect(page.locator("#said-x .wrong")).to_contain_text("abc")
    page.fill("#x", "100.19")
    expect(page.locator("#said-x .wrong")).to_have_count(0)
    expect(page.locator("#said-position .warning")).to_have_count(1)  # moved by more than 2 km
    page.click("#save")
    expect(page.locator(".verdict")).to_have_text("已保存")
    assert _now(office.store, 3).lon == 100.19


def test_rows_are_added_and_removed_in_place(office: Office):
    page = office.first
    _form(page, "/facilities/3/edit")
    page.fill("[name='beds.0.kind']", "编制")
    page.fill("[name='beds.0.count']", "12")
    page.click("button[data-more=beds]")
    expect(page.locator("[name='beds.1.kind']")).to_be_focused()
    page.keyboard.type("实有")
    page.fill("[name='beds.1.count']", "10")
    page.locator("table[data-rows=beds] tbody tr").first.get_by_role("button").click()
    page.click("#save")
    expect(page.locator(".verdict")).to_have_text("已保存")
    assert _now(office.store, 3).beds == [{"kind": "actual", "count": 10, "year": None}]


def test_a_place_that_is_missing_is_clicked_on_the_map(office: Office):
    """A new facility begins to be located; a click places it; a name that is markup stays text on the map."""
    page = office.first
    _form(page, "/facilities/new")
    expect(page.locator("#unplaced")).to_be_visible()
    page.fill("#name", "新卫生室")
    page.select_option("#class_code", "D600")
    page.locator("#pick").scroll_into_view_if_needed()
    page.locator("#pick").click(position={"x": 300, "y": 200})
    expect(page.locator("#unplaced")).to_be_hidden()
    expect(page.locator(".pin")).to_be_visible()
    expect(page.locator("#converted-text")).to_have_text(re.compile(r"100\.\d{6}, 40\.0\d{5}"))
    page.click("#save")
    expect(page.locator("h1")).to_contain_text("新卫生室")
    _form(page, "/facilities/2/edit")
    expect(page.locator("h1")).to_contain_text(NAMES[1])
    assert page.locator("img[src=x]").count() == 0


def test_two_who_save_one_form_choose_field_by_field(office: Office):
    """The second is shown what the first did, keeps what was typed, chooses, and both changes stand."""
    first, second = office.first, office.second
    for page in (first, second):
        _form(page, "/facilities/1/edit")
    first.fill("#name", "东镇中心卫生院")
    first.fill("#reason", "换牌")
    first.click("#save")
    expect(first.locator(".verdict")).to_have_text("已保存")
    second.fill("#name", "东镇医院")
    second.fill("#address", "新街 2 号")
    second.click("#save")
    expect(second.locator("h1")).to_have_text("别人先保存了，请逐项选择")
    expect(second.locator(".others")).to_contain_text("李梅")
    expect(second.locator("tr.both")).to_have_count(1)
    expect(second.locator("[name='choose.address'][value=mine]")).to_be_checked()
    second.get_by_label("东镇中心卫生院").check()
    second.get_by_role("button", name="按所选保存").click()
    expect(second.locator(".verdict")).to_have_text("已保存")
    one = _now(office.store, 1)
    assert (one.name, one.address) == ("东镇中心卫生院", "新街 2 号")


def test_the_list_ticks_a_page_and_changes_it(office: Office):
    page = office.first
    page.goto("/facilities?lang=zh")
    buttons = page.locator("[data-needs-chosen]")
    expect(buttons.first).to_be_disabled()
    page.check("#choose-all")
    whole = page.locator("input[name=chosen]").count()  # other tests of this office register and delete
    expect(page.locator("#chosen-count")).to_contain_text(f"已选 {whole} 个")
    page.locator("input[name=chosen]").nth(1).uncheck()
    expect(page.locator("#chosen-count")).to_contain_text(f"已选 {whole - 1} 个")
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name="批量修改").click()
    page.fill("#ownership", "公立")
    expect(page.locator("[name='set.ownership']")).to_be_checked()
    page.get_by_role("button", name="预览").click()
    page.get_by_role("button", name=f"保存对 {whole - 1} 个机构的修改").click()
    expect(page.locator(".verdict")).to_contain_text(f"已修改 {whole - 1} 个机构")


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (820, 1180)])
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.slow
def test_the_form_fits_its_screen(office: Office, width: int, height: int, language: str):
    """On a small laptop and a tablet nothing lies beside the page, and all can be hit and is named."""
    page = office.first
    page.set_viewport_size({"width": width, "height": height})
    _form(page, f"/facilities/1/edit?lang={language}")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    small = page.evaluate("""() => [...document.querySelectorAll('main a, main button, main select, main input:not([type=hidden]):not([type=radio]):not([type=checkbox])')]
        .filter(n => !n.classList.contains('hidden')).map(n => [n.outerHTML.slice(0, 80), n.getBoundingClientRect()]).filter(([_, b]) => b.width && (b.width < 24 || b.height < 24))""")
    assert small == []
    nameless = page.evaluate("""() => [...document.querySelectorAll('main input:not([type=hidden]), main select, main textarea')]
        .filter(n => !(n.labels && n.labels.length) && !n.getAttribute('aria-label')).map(n => n.name)""")
    assert nameless == []
    page.goto("/facilities?lang=zh")


def test_a_sign_in_that_ran_out_loses_nothing(office: Office):
    """The page stays, says so, and saves when somebody has signed in again in another window."""
    page = office.second
    _form(page, "/facilities/2/edit")
    page.fill("#note", "写了很久的备注")
    page.context.clear_cookies(name="geosvc_session")
    page.click("#save")
    expect(page.locator("#expired")).to_be_visible()
    window = page.context.new_page()
    window.goto("/sign-in")
    window.fill("#name", "王强")
    window.fill("#password", GOOD_PASSWORD)
    window.click("main button")
    window.close()
    page.click("#save")
    expect(page.locator(".verdict")).to_have_text("已保存")
    assert _now(office.store, 2).note == "写了很久的备注"


def test_nothing_left_the_server(office: Office):
    """No page asked for anything foreign, and the only refusals were the conflict and the sign-in that ran out."""
    for guard in office.guards:
        assert guard.foreign == []
        assert [each for each in guard.complaints if "412" not in each and "401" not in each] == []
    assert any("412" in each for each in office.guards[1].complaints)
