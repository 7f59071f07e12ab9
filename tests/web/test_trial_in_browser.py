"""Trying a scenario on the map: by pointer and by keyboard; the figures are those that measuring would give."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from web.test_planner_in_browser import covered, ready

from geosvc.coverage.changes import changes_from
from geosvc.settings import Settings
from geosvc.store.engine import open_store
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study

HOSPITALS = "/?service=hospital-drive&threshold=30min"


def trying(page: Page) -> Page:
    """Open the trial; its pins take the place of the facilities."""
    ready(page)
    page.locator("#trial > summary").click()
    expect(page.locator(".map-pin")).to_have_count(2)
    return page


def answered(page: Page) -> None:
    """Wait until the newest question is answered."""
    expect(page.locator("#trial")).to_have_attribute("aria-busy", "false")
    expect(page.locator("[data-box=status]")).to_contain_text(re.compile("已计算"))


def add_at(page: Page, x: float, y: float) -> dict[str, float]:
    """Open a facility at a share of the map's width and height; return where it stands."""
    box = page.locator(".folium-map").bounding_box()
    assert box is not None
    page.locator("[data-box=open]").click()
    with page.expect_response("**/what-if") as told:
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    answered(page)
    (opened,) = told.value.request.post_data_json["changes"]["open"]
    return {"class_code": opened["class_code"], "lon": opened["lon"], "lat": opened["lat"]}


def test_the_figures_are_those_that_measuring_would_give(open_page, demo_server: str, demo_settings: Settings):
    """A hospital is opened by a click: the panel says what a measurement of the same scenario stores, to the last digit."""
    page = trying(open_page(demo_server, HOSPITALS))
    before = covered(page)
    opened = add_at(page, 0.6, 0.7)
    store = open_store(demo_settings.workspace)
    run = measure_service(Study(store, demo_settings), "hospital-drive", changes=changes_from({"open": [opened]}))
    store.close()
    people = run.summary["thresholds"]["30min"]["people"]["covered"]
    assert covered(page) == round(people) > before
    expect(page.locator("#kpis .change").first).to_have_text(f"+{round(people) - before:,}")
    expect(page.locator("#headline .delta")).to_contain_text("百分点")
    expect(page.locator("#views")).to_be_visible()


def test_a_pin_is_dragged_and_everything_follows(open_page, demo_server: str):
    """While the pin is in the hand answers come in; let go, the step can be taken back as one."""
    page = trying(open_page(demo_server, HOSPITALS))
    before = covered(page)
    pin = page.locator(".map-pin").first.bounding_box()
    assert pin is not None
    x, y = pin["x"] + 8, pin["y"] + 8
    page.mouse.move(x, y)
    page.mouse.down()
    for i in range(1, 6):
        page.mouse.move(x + 12 * i, y - 12 * i)
        page.wait_for_timeout(80)
    expect(page.locator(".tried-changes")).to_contain_text("移动")
    page.mouse.up()
    answered(page)
    expect(page.locator(".pin-moved")).to_have_count(1)
    assert page.locator("[data-box=undo]").is_enabled()
    page.locator("[data-box=undo]").click()
    expect(page.locator(".pin-moved")).to_have_count(0)
    expect(page.locator(".tried-changes")).to_be_hidden()
    assert covered(page) == before, "what is registered was never touched"


@pytest.mark.slow
def test_by_keyboard_alone(open_page, demo_server: str):
    """A facility is opened in the middle of the map, moved with Shift and the arrows, closed with Delete; all is taken back."""
    page = trying(open_page(demo_server, HOSPITALS))
    before = covered(page)
    page.locator("[data-box=centre]").press("Enter")
    answered(page)
    planned = page.locator(".leaflet-marker-icon", has=page.locator(".pin-planned"))
    planned.focus()
    expect(planned).to_have_attribute("aria-label", re.compile("拟建"))
    where = planned.bounding_box()
    page.keyboard.press("Shift+ArrowUp")
    expect(planned).to_be_focused()
    moved = planned.bounding_box()
    assert where is not None
    assert moved is not None
    assert moved["y"] < where["y"]
    page.keyboard.press("Delete")
    expect(page.locator(".pin-planned")).to_have_count(0)
    first = page.locator(".leaflet-marker-icon", has=page.locator(".map-pin")).first
    first.focus()
    page.keyboard.press("Delete")
    expect(page.locator(".pin-closed")).to_have_count(1)
    expect(page.locator(".tried-changes")).to_contain_text("停用")
    page.locator("[data-box=clear]").press("Enter")
    expect(page.locator(".pin-closed")).to_have_count(0)
    assert covered(page) == before


def test_a_place_can_be_typed(open_page, demo_server: str):
    """Who has a coordinate on paper types it; a longitude that is none is refused by the field."""
    page = trying(open_page(demo_server, HOSPITALS))
    page.locator(".leaflet-marker-icon", has=page.locator(".map-pin")).first.press("Enter")
    form = page.locator(".pin-place")
    form.locator("input").first.fill("126.9")
    with page.expect_response("**/what-if") as told:
        form.locator("button").click()
    (moved,) = told.value.request.post_data_json["changes"]["move"]
    assert moved["lon"] == 126.9
    answered(page)


@pytest.mark.slow
def test_winter_and_a_closed_road(open_page, demo_server: str):
    """In winter fewer are covered; a click beside every road says so and asks nobody."""
    page = trying(open_page(demo_server, HOSPITALS))
    before = covered(page)
    page.locator("[data-box=conditions]").get_by_label("冬季").check()
    answered(page)
    winter = covered(page)
    assert winter < before
    page.locator("[data-box=road]").click()
    box = page.locator(".folium-map").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 30, box["y"] + box["height"] - 120)
    expect(page.locator("[data-box=hint]")).to_contain_text("没有画出的道路")
    page.keyboard.press("Escape")
    expect(page.locator("[data-box=road]")).to_have_attribute("aria-pressed", "false")


@pytest.mark.parametrize("view", ["difference", "swipe"])
@pytest.mark.slow
def test_baseline_and_scenario_beside_each_other(open_page, demo_server: str, view: str):
    """The map of differences names what it shows; the line between the two is moved by keyboard."""
    page = trying(open_page(demo_server, HOSPITALS))
    add_at(page, 0.5, 0.4)
    page.locator(f"#views button[value={view}]").click()
    if view == "difference":
        expect(page.locator("#gm-legend .gm-bands")).to_contain_text("新覆盖")
        return
    handle, line = page.locator("input.swipe"), page.locator(".swipe-line")
    expect(handle).to_be_visible()
    handle.press("ArrowLeft")
    expect(handle).to_have_value("49")
    width = page.locator(".folium-map").bounding_box()["width"]
    expect(line).to_have_css("left", re.compile(rf"^{int(0.49 * width)}\b"))


@pytest.mark.slow
def test_closing_every_facility_is_said(open_page, demo_server: str):
    """Nobody is left when every hospital is closed: the sentence stands in the panel, and the last good map stays."""
    page = trying(open_page(demo_server, HOSPITALS))
    for left in (1, 0):
        page.locator(".leaflet-marker-icon", has=page.locator(".map-pin:not(.pin-closed)")).first.focus()
        page.keyboard.press("Delete")
        expect(page.locator(".map-pin:not(.pin-closed)")).to_have_count(left)
        if left:
            answered(page)
            last = covered(page)
    expect(page.locator("[data-box=status]")).to_contain_text("机构已全部停用")
    assert covered(page) == last


def test_a_place_is_explained(open_page, demo_server: str):
    """A click says how long by which legs to whom, who is the second nearest, and draws the way."""
    page = ready(open_page(demo_server, HOSPITALS))
    box = page.locator(".folium-map").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 0.62 * box["height"])
    told = page.locator(".explain")
    expect(told).to_contain_text("最近机构")
    expect(told).to_contain_text("步行")
    expect(told).to_contain_text("其次")
    assert page.locator(".leaflet-boundary-pane path").count() >= 2, "the outline, and the way"
    page.keyboard.press("Escape")
    expect(told).to_have_count(0)


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (768, 1024)])
def test_the_map_stays_while_a_place_is_explained(open_page, demo_server: str, width: int, height: int):
    """In the upper half the words open below the place, else above it, clear of the legend; unfolded, too. The reading beside says the same."""
    page = ready(open_page(demo_server, HOSPITALS, viewport={"width": width, "height": height}))
    box, legend = page.locator(".folium-map").bounding_box(), page.locator(".gm-legend").bounding_box()
    assert box is not None
    assert legend is not None
    seat = page.locator(".gm-place", has_text="那尔轰镇").bounding_box()
    assert seat is not None
    page.mouse.click(seat["x"], seat["y"])
    told = page.locator(".explain")
    expect(told).to_contain_text("其次")
    for unfold in (False, True):
        if unfold:
            told.locator(".explain-gap summary").click()
            expect(told.locator(".explain-gap")).to_have_attribute("open", "")
            page.wait_for_timeout(400)  # the map may move a little to make room
        words = page.locator(".leaflet-popup-content-wrapper").bounding_box()
        assert words is not None
        assert words["x"] + words["width"] <= legend["x"]
        if not unfold:
            assert 0 < words["y"] - seat["y"] < 40
            assert page.locator(".gm-place", has_text="那尔轰镇").bounding_box() == seat, "the map moved"
    minutes = told.locator(".explain-head b").inner_text()
    expect(page.locator(".gm-readout b")).to_have_text(minutes)


def test_a_place_in_no_area_is_neither_covered_nor_beyond(open_page, demo_server: str):
    """Its time is told; the limit is for those who live in the county."""
    page = ready(open_page(demo_server, HOSPITALS))
    box = page.locator(".folium-map").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.64 * box["width"], box["y"] + 0.3 * box["height"])
    told = page.locator(".explain")
    expect(told).to_contain_text("不属于任何区域")
    expect(told.locator(".explain-head b")).to_contain_text("分钟")
    expect(told.locator(".tag-near, .tag-far")).to_have_count(0)
    expect(told).not_to_contain_text("此格人口")


def test_what_would_change_a_place_is_tried_from_its_explanation(open_page, demo_server: str):
    """How far beyond the limit it is; a facility right there, and the loss of the nearest one: each begins a trial."""
    page = ready(open_page(demo_server, HOSPITALS))
    box = page.locator(".folium-map").bounding_box()
    assert box is not None
    seat = page.locator(".gm-place", has_text="花园口镇").bounding_box()
    assert seat is not None
    page.mouse.click(seat["x"], seat["y"])
    told = page.locator(".explain")
    expect(told).to_contain_text("超出标准")
    gap = told.locator(".explain-gap")
    assert gap.get_attribute("open") is None
    before = covered(page)
    with page.expect_response("**/what-if") as asked:
        told.get_by_role("button", name="在这里试设机构").click()
    answered(page)
    assert len(asked.value.request.post_data_json["changes"]["open"]) == 1
    expect(page.locator("#trial")).to_have_attribute("open", "")
    expect(page.locator(".explain")).to_have_count(0)
    assert covered(page) > before
    page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + 0.85 * box["height"])
    expect(page.locator(".explain")).to_contain_text("最近机构")
    with page.expect_response("**/what-if") as asked:
        page.get_by_role("button", name=re.compile("^试算停用")).click()
    answered(page)
    assert len(asked.value.request.post_data_json["changes"]["close"]) == 1
