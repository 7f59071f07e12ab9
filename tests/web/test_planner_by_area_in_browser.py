"""The map page by area, its lists and its equity: what they show is what the API says, at every limit, and by keyboard too."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, Route, expect
from web.browser_guard import guarded
from web.test_planner_in_browser import choose, ready

from geosvc.errors import GeosvcError
from geosvc.language import words
from geosvc.web.planner import problem_words

HOSPITALS = "/?service=hospital-drive&threshold=30min"
LABELS = """() => Object.fromEntries([...document.querySelectorAll('.area-name')].map((each) => [each.children[0].textContent, each.children[1].textContent]))"""


def by_area(page: Page, *, level: str = "township", measure: str = "share", limit: str = "30") -> None:
    """Wait until the areas are drawn."""
    expect(page.locator("html")).to_have_attribute("data-areas", f"{level} {measure} {limit}")


def shares(page: Page, server: str, threshold: str) -> dict[str, str]:
    """Return what the API says of the townships, as the page writes it."""
    rows = page.request.get(f"{server}/api/services/hospital-drive/coverage?level=township&threshold={threshold}").json()["rows"]
    return {row["name"]: f"{int(row['share']['of_all_people'] * 1000 + 1e-9) / 10:g} %" for row in rows}


def winter_is_followed(page: Page) -> None:
    """Winter is tried: areas follow, and their change is a map of its own."""
    page.locator("#trial > summary").click()
    with page.expect_response("**/what-if") as told:
        page.locator("[data-box=conditions]").get_by_label("冬季").check()
    expect(page.locator("#views")).to_be_visible()
    curve = next(each for each in told.value.json()["curve"]["areas"] if each["name"] == "花园口镇")
    winter = sum(curve["people"][:121]) / (sum(curve["people"]) + curve["unreachable"])
    expect(page.locator(".area-name", has_text="花园口镇")).to_contain_text(f"{int(winter * 1000 + 1e-9) / 10:g} %")
    expect(page.locator("#views [value=swipe]")).to_be_disabled()
    page.locator("#views [value=difference]").click()
    expect(page.locator(".gm-area-key")).to_contain_text("覆盖率的变化")
    expect(page.locator(".area-name", has_text="花园口镇")).to_contain_text("−")
    page.locator("#modes [value=surface]").click()
    expect(page.locator(".leaflet-areas-pane path")).to_have_count(0)
    expect(page.locator("#gm-legend .gm-bands")).to_be_visible()


def test_townships_are_shown_by_their_share(open_page, demo_server: str):
    """Figures are those of the API at two limits; after the first look nobody is asked; keyboard, address and what-if follow."""
    page = ready(open_page(demo_server, HOSPITALS))
    page.locator("#modes [value=areas]").press("Enter")
    by_area(page)
    assert page.evaluate(LABELS) == shares(page, demo_server, "30min")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    choose(page, 60)
    by_area(page, limit="60")
    assert asked == []
    at_60 = page.evaluate(LABELS)
    assert at_60 == shares(page, demo_server, "60min")
    legend = page.locator(".gm-area-key")
    expect(legend).to_contain_text("60 分钟以内")
    expect(legend).to_contain_text("8 个区域没有边界数据")
    counts = [int(each) for each in legend.locator(".gm-count").all_inner_texts()]
    assert sum(counts) == 8
    assert counts[-1] == 0, "no data stands apart"
    expect(page.locator("#gm-legend .gm-bands")).to_be_hidden()

    # One stop for the keyboard, arrows within it; what is focused says what it is, and Enter opens it.
    stop = page.locator(".leaflet-areas-pane [tabindex='0']")
    expect(stop).to_have_count(1)
    stop.focus()
    expect(page.locator(".leaflet-tooltip")).to_contain_text("那尔轰镇")
    expect(stop).to_have_attribute("aria-label", f"那尔轰镇：{at_60['那尔轰镇']} · 5,972 人")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    card = page.get_by_role("dialog")
    expect(card).to_contain_text("覆盖率")
    assert "area=2206221" in card.locator("a[href^='/gaps']").get_attribute("href")
    page.keyboard.press("Escape")
    expect(card).to_have_count(0)
    assert page.evaluate("document.activeElement.classList.contains('gm-area')")

    page.locator("#area-measure").select_option("beyond")
    by_area(page, measure="beyond", limit="60")
    page.wait_for_url("**by=township-beyond*")
    expect(legend).to_contain_text("未覆盖的人口")
    again = ready(open_page(demo_server, page.url.removeprefix(demo_server)))
    by_area(again, measure="beyond", limit="60")
    assert again.evaluate(LABELS) == page.evaluate(LABELS), "the address opens what was seen"

    page.locator("#area-measure").select_option("share")
    winter_is_followed(page)


def test_outlines_and_areas_of_which_nothing_is_known(open_page, demo_server: str):
    """With outlines areas are filled; unknown people are no data and never 0 %; what has no place is named, not drawn."""
    page = open_page(demo_server, "/about")

    def outlines(route: Route) -> None:
        told = route.fetch().json()
        for i, each in enumerate(one for one in told["features"] if one["properties"]["level"] == "township"):
            lon, lat = each["properties"]["centre"]
            each["geometry"] = {"type": "Polygon", "coordinates": [[[lon + x, lat + y] for x, y in
                                ((-0.04, -0.04), (0.04, -0.04), (0.04, 0.04), (-0.04, 0.04), (-0.04, -0.04))]]} if i else None
            each["properties"]["centre"] = each["properties"]["centre"] if i else None
        route.fulfill(json=told)

    def unknown(route: Route) -> None:
        told = route.fetch().json()
        three = [each for each in told["areas"] if each["level"] == "township"][1:4]
        three[0].update(people=None, unreachable=None, no_data=None)
        three[1].update(people=[0] * len(three[1]["people"]), unreachable=0, no_data=120)
        three[2].update(people=[0] * len(three[2]["people"]), unreachable=0, no_data=0)
        route.fulfill(json=told)

    page.route("**/areas?run=*", outlines)
    page.route("**/curves?run=*", unknown)
    page.goto(f"{demo_server}{HOSPITALS}&by=township")
    ready(page)
    by_area(page)
    figures = page.evaluate(LABELS)
    assert len(figures) == 7
    assert list(figures.values()).count("无数据") == 2
    assert list(figures.values()).count("无人居住") == 1
    legend = page.locator(".gm-area-key")
    expect(legend.locator(".gm-unknown .gm-count")).to_have_text("2")
    expect(legend.locator("details summary")).to_contain_text("1 个")
    expect(legend.locator("details p")).to_have_text("靖宇镇")
    fills = page.evaluate("[...document.querySelectorAll('.leaflet-areas-pane path.gm-area:not(.gm-target)')].map((each) => each.getAttribute('fill'))")
    assert len(fills) == 7
    assert fills.count("#e3e7e9") == 2, "the colour of no data"
    page.locator(".leaflet-areas-pane path.gm-area:not(.gm-target)").first.hover()
    expect(page.locator(".leaflet-tooltip")).to_be_visible()


def test_lists_and_equity_say_what_the_api_says(open_page, demo_server: str):
    """Gaps and facilities lead to the map and back; equity is that of the run at each of its limits."""
    page = ready(open_page(demo_server, HOSPITALS))
    at = f"{demo_server}/api/services/hospital-drive"
    page.locator("#equity > summary").click()
    for threshold, limit in (("60min", 60), ("30min", 30)):
        choose(page, limit)
        told = page.request.get(f"{at}/coverage?threshold={threshold}").json()["equity"]["levels"]["township"]
        shown = page.locator("#equity dd:not(.explained)").all_inner_texts()
        assert shown == [f"{int(told['worst_fifth']['share'] * 1000 + 1e-9) / 10:g} %", f"{told['gini']:.2f}"]

    page.locator("#gap-list > summary").click()
    listed = page.locator("#gap-list li")
    expect(listed).to_have_count(3)
    first = page.request.get(f"{demo_server}/api/collections/gaps/items?service=hospital-drive&limit=1").json()["features"][0]["properties"]
    expect(listed.first).to_contain_text(f"{first['people']:,.0f} 人")
    expect(listed.first).to_contain_text(f"最近：{first['nearest_name']}")
    listed.nth(1).locator("button").press("Enter")
    expect(listed.nth(1)).to_have_attribute("aria-current", "true")
    expect(page.locator(".leaflet-chosen-pane path")).to_have_count(2)
    page.locator(".leaflet-gaps-pane path").first.dispatch_event("click")
    expect(page.locator("#gap-list [aria-current]")).to_have_count(1)
    page.keyboard.press("Escape")
    choose(page, 45)
    expect(page.locator("#gap-list")).to_contain_text("自选标准")
    page.locator("#gap-list .go-to-limits button").nth(1).click()
    expect(page.locator("html")).to_have_attribute("data-painted", "60")
    expect(listed.first).to_contain_text("人")
    assert listed.count() == min(8, page.request.get(f"{demo_server}/api/collections/gaps/items?service=hospital-drive&threshold=60min").json()["numberMatched"])

    page.locator("#facility-list > summary").click()
    row = page.locator("#facility-list tbody tr").first
    people = page.request.get(f"{at}/catchments?limit=60").json()["features"][0]["properties"]["people"]
    expect(row.locator(".num")).to_have_text(f"{people:,.0f}")
    row.locator("button").press("Enter")
    expect(row).to_have_attribute("aria-current", "true")
    expect(row.locator("button")).to_be_focused()
    expect(page.locator(".leaflet-chosen-pane path")).to_have_count(2)


def test_names_of_areas_and_facilities_stay_text(open_page, hostile_server: str):
    """Names that try to become programs are read in legend, lists and cards, and nothing runs."""
    page = ready(open_page(hostile_server, "/?by=village"))
    expect(page.locator(".area-name").first).to_be_visible()
    for fold in page.locator("details.fold").all():
        if fold.is_visible():
            fold.locator("summary").first.click()
    expect(page.locator("#facility-list tbody tr").first).to_contain_text("所")
    page.locator(".leaflet-areas-pane [tabindex='0']").press("Enter")
    expect(page.get_by_role("dialog").locator("b").first).to_contain_text("村")
    assert page.evaluate("window.hostile") is None


def answering(told: dict[str, Any] | None) -> Callable[[Route], None]:
    """Return what answers so to whatever is asked; None: nothing comes back."""
    return lambda route: route.abort() if told is None else route.fulfill(**told)


def test_what_goes_wrong_is_said_in_chinese(browser, demo_server: str):
    """The server's English stands in a fold; offline, refused and broken each have a sentence of their own."""
    answers = [
        {"status": 422, "json": {"title": "InvalidInput", "status": 422, "detail": "lon must be in degrees"}},
        {"status": 503, "json": {"title": "Busy", "status": 503, "detail": "too much is asked"}},
        {"status": 500, "body": "<html>Internal Server Error"},
        None,
    ]
    with guarded(browser, demo_server) as (page, _guard):  # it complains of every 500, which are wanted here
        page.goto(demo_server + HOSPITALS)
        ready(page)
        page.locator("#trial > summary").click()
        winter, status = page.locator("[data-box=conditions]").get_by_label("冬季"), page.locator("[data-box=status]")
        for answer, sentence in zip(answers, ("提交的内容无法使用", "同时计算的人太多", "服务器出错了", "连不上服务器"), strict=True):
            page.route("**/what-if", answering(answer))
            winter.check()
            expect(status).to_contain_text(sentence)
            said = page.evaluate("[...document.querySelectorAll('[data-box=status] > span')].map((each) => each.textContent).join('')")
            assert not re.search("[A-Za-z]{3}", said), said
            page.unroute("**/what-if")
            winter.uncheck()
        page.route("**/areas?run=*", lambda route: route.fulfill(status=404, body=json.dumps({"title": "RunNotFound", "detail": "no run has the id"})))
        page.locator("#modes [value=areas]").click()
        expect(page.locator("#area-status")).to_contain_text("没有取到区域：这次计算结果已不在")
        expect(page.locator("#modes [value=surface]")).to_have_attribute("aria-pressed", "true")


def test_every_error_of_the_server_has_a_sentence():
    """Whatever class of error a problem names, the page has words for it; in Chinese ones no English word but commands."""

    def below(family: type) -> set[type]:
        return {family}.union(*(below(each) for each in family.__subclasses__()))

    for language in ("zh", "en"):
        found = problem_words(words(language))
        assert {f"problem_{each.__name__}" for each in below(GeosvcError)} <= set(found)
    plain = {name: re.sub(r"geosvc \w+|GEOSVC_\w+", "", text) for name, text in problem_words(words("zh")).items()}
    assert [name for name, text in plain.items() if re.search("[A-Za-z]{3}", text)] == []
