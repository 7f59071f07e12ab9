"""The planner's page answers at once: the limit, the curve, the table and the map move together, and nobody is asked."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

SLIDER, TYPED = "#limit", "#limit-box input[type=number]"


def ready(page: Page) -> Page:
    """Wait until the page's script has taken over."""
    expect(page.locator("html")).to_have_attribute("data-planner", "ready")
    return page


def covered(page: Page) -> int:
    """Return the covered people that the panel shows."""
    text = page.locator("#kpis dd").first.inner_text()
    return int(re.match(r"[\d,]+", text)[0].replace(",", ""))


def choose(page: Page, limit: float) -> None:
    """Move the slider; the map follows at the next frame."""
    page.locator(SLIDER).evaluate("(node, value) => { node.value = value; node.dispatchEvent(new Event('input')); }", str(limit))
    expect(page.locator("html")).to_have_attribute("data-painted", f"{limit:g}")


def test_at_its_own_limits_the_page_shows_the_numbers_of_the_run(open_page, demo_server: str):
    """What the script writes is what the server wrote, to the last digit, at each limit of the service."""
    page = ready(open_page(demo_server, "/?service=hospital-drive"))
    for threshold, limit in (("30min", 30), ("60min", 60)):
        choose(page, limit)
        row = page.request.get(f"{demo_server}/api/services/hospital-drive/coverage?threshold={threshold}&level=total").json()["rows"][0]
        assert covered(page) == round(row["people"]["covered"])
        with_script = page.locator("#headline .big").inner_text()
        plain = page.request.get(f"{demo_server}/?service=hospital-drive&threshold={threshold}").text()
        assert f'<p class="big">{with_script}</p>' in plain


def test_a_limit_of_ones_own_is_read_off_the_curve(open_page, demo_server: str):
    """Between the limits: people, curve, table, gaps and legend follow; the page says that it is no limit of a plan."""
    page = ready(open_page(demo_server, "/?service=hospital-drive&threshold=30min"))
    before = covered(page)
    choose(page, 45)
    assert before < covered(page)
    expect(page.locator(".own-limit")).to_be_visible()
    expect(page.locator("#origin")).to_be_hidden()
    expect(page.locator("#gm-legend .gm-bands")).to_contain_text("30–45")
    found = page.request.get(f"{demo_server}/api/services/hospital-drive/curves").json()
    step = round(45 / found["step"])
    total = next(each for each in found["areas"] if each["level"] == "total")
    assert covered(page) == round(sum(total["people"][: step + 1]))
    expect(page.locator("#gm-gap-switch .gm-count")).to_have_text(str(found["gaps"]["count"][step]))
    page.wait_for_url("**limit=45*")
    again = ready(open_page(demo_server, page.url.removeprefix(demo_server)))
    assert covered(again) == covered(page), "the address opens what was seen"


def test_nothing_is_asked_while_the_limit_moves(open_page, demo_server: str):
    """The slider needs no server, and a step of it is done within a frame of the screen or two."""
    page = ready(open_page(demo_server, "/?service=hospital-drive"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    for limit in range(10, 100, 10):
        choose(page, limit)
    assert asked == []


def test_by_keyboard(open_page, demo_server: str):
    """Arrows move the limit by a step; a number can be typed; what is out of range is brought into it."""
    page = ready(open_page(demo_server, "/?service=hospital-drive&threshold=30min"))
    page.locator(SLIDER).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("html")).to_have_attribute("data-painted", "30.5")
    expect(page.locator(SLIDER)).to_have_attribute("aria-valuetext", re.compile("30.5 分钟"))
    page.locator(TYPED).fill("52")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-painted", "52")
    page.locator(TYPED).fill("9999")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-painted", "120")


def test_layers_are_switched_in_the_legend(open_page, demo_server: str):
    """Gaps, facilities and roads can be taken off the map and put back, at a limit of the run and at another."""
    page = ready(open_page(demo_server, "/?service=hospital-drive&threshold=30min"))
    gaps = page.locator(".leaflet-gaps-pane path")
    assert gaps.count() > 0
    page.locator("#gm-gap-switch input").uncheck()
    expect(gaps).to_have_count(0)
    choose(page, 45)
    expect(page.locator(".leaflet-gaps-pane canvas")).to_have_count(0)
    page.locator("#gm-gap-switch input").check()
    expect(page.locator(".leaflet-gaps-pane canvas")).to_have_count(1)
    facilities = page.locator(".leaflet-facilities-pane path")
    assert facilities.count() > 0
    page.locator("#gm-legend .gm-head input").uncheck()
    expect(facilities).to_have_count(0)


def test_places_are_named_as_many_as_stand_beside_each_other(open_page, demo_server: str):
    """Townships at first, villages once one looks closer; no two names cover each other, and a switch takes them away."""
    page = ready(open_page(demo_server, "/?service=hospital-drive"))
    names = page.locator(".leaflet-places-pane .gm-place span")
    expect(page.locator(".gm-place-township")).to_have_count(8)
    expect(page.locator(".gm-place-village")).to_have_count(0)
    for _ in range(3):
        page.locator(".leaflet-control-zoom-in").click()
        page.wait_for_timeout(400)
    expect(page.locator(".gm-place-village span").first).to_be_visible()
    boxes = names.evaluate_all("all => all.map(each => { const b = each.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; })")
    apart = [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]]
    assert len(boxes) > 5
    assert apart == []
    page.get_by_label("地名").uncheck()
    expect(names).to_have_count(0)
    page.goto(f"{demo_server}/?service=hospital-drive&by=township")
    ready(page)
    expect(page.locator(".leaflet-places-pane")).to_be_hidden()  # the areas have names of their own there


@pytest.mark.parametrize("service", ["basic-radius", "emergency-2h", "fitness-15-walk"])
@pytest.mark.slow
def test_other_services_answer_at_once_too(open_page, demo_server: str, service: str):
    """Kilometres, a team that leaves its station, people on foot: each with its own steps."""
    page = open_page(demo_server, f"/?service={service}&threshold={'5km' if service == 'basic-radius' else ''}".rstrip("="))
    expect(page.locator("html")).to_have_attribute("data-planner", re.compile("ready"))
    before = covered(page)
    page.locator(SLIDER).evaluate("(node) => { node.value = node.max; node.dispatchEvent(new Event('input')); }")
    page.wait_for_timeout(100)
    assert covered(page) >= before


def test_without_curves_the_page_of_the_server_stays(open_page, demo_server: str):
    """The figures are complete without the script; it says that it did not start."""
    page = open_page(demo_server, "/about")
    page.route("**/curves?*", lambda route: route.fulfill(status=200, body="no json"))
    page.goto(demo_server + "/?service=hospital-drive")
    expect(page.locator("html")).to_have_attribute("data-planner", "failed")
    expect(page.locator("#planner-failed")).to_be_visible()
    expect(page.locator("#kpis dd").first).to_have_text("75,210")
