"""The way of somebody without a mouse: from the skip link to another language, the focus always seen and never lost."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from web.every_page import settle

# Where the focus is, whether it can be seen, and whether it is in the window.
_FOCUS = """() => {
  const node = document.activeElement;
  if (!node || node === document.body || node === document.documentElement) { return null; }
  const style = getComputedStyle(node);
  const inside = node.matches(':focus-within') && node.parentElement ? getComputedStyle(node.parentElement) : style;
  const box = node.getBoundingClientRect();
  const drawn = (one) => (one.outlineStyle !== 'none' && parseFloat(one.outlineWidth) >= 2) || one.boxShadow !== 'none';
  const stroked = node instanceof SVGElement && parseFloat(style.strokeWidth) >= 3;
  return {
    what: `${node.tagName.toLowerCase()}#${node.id}.${node.getAttribute('class') || ''} ${(node.getAttribute('aria-label') || (node.matches('a, button, summary') ? node.textContent : node.name) || '').trim().slice(0, 40)}`,
    seen: drawn(style) || drawn(inside) || stroked,
    inView: box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth && box.width > 0 && box.height > 0,
  };
}"""
MOST_STOPS = 120


def focus(page: Page) -> dict[str, object]:
    """Return where the focus is; it must be somewhere, be seen, and be in the window."""
    found: dict[str, object] | None = page.evaluate(_FOCUS)
    assert found is not None, f"the focus is lost on {page.url}"
    assert found["seen"], f"nobody sees that the focus is on {found['what']} of {page.url}"
    assert found["inView"], f"the focus is on {found['what']}, which is not in the window"
    return found


def press(page: Page, key: str) -> dict[str, object]:
    page.keyboard.press(key)
    return focus(page)


def tab_to(page: Page, selector: str, key: str = "Tab") -> list[str]:
    """Press Tab until an element has the focus; return every stop on the way."""
    stops = []
    for _ in range(MOST_STOPS):
        stops.append(str(press(page, key)["what"]))
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return stops
    pytest.fail(f"{selector} is not reached with Tab on {page.url}: {stops}")


def follow(page: Page, selector: str, url: str) -> None:
    """Go to a link with Tab and follow it with Enter."""
    tab_to(page, selector)
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(url))
    settle(page)


def test_the_whole_way_without_a_mouse(open_page, demo_server: str):
    """Skip link, service, limit, legend, gaps, a gap on the map, list and search, facility, English."""
    page = open_page(demo_server, "/", viewport={"width": 1280, "height": 720})
    settle(page)
    # The skip link is the first stop and leads past the menu.
    assert "skip" in str(press(page, "Tab")["what"])
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    # A service: the list is walked through with arrows, and asked for with its button.
    tab_to(page, "#service")
    page.keyboard.press("ArrowDown")
    chosen = page.locator("#service").input_value()
    assert chosen != "hospital-drive"
    press(page, "Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**service={chosen}*")
    page.goto("/?service=hospital-drive&threshold=30min")
    settle(page)
    # The limit: a step with an arrow; figures and map follow.
    tab_to(page, "#limit")
    press(page, "ArrowRight")
    expect(page.locator("html")).to_have_attribute("data-painted", "30.5")
    press(page, "ArrowLeft")
    expect(page.locator("html")).to_have_attribute("data-painted", "30")
    # A layer in the legend.
    tab_to(page, "#gm-gap-switch input")
    gaps = page.locator(".leaflet-gaps-pane path")
    assert gaps.count() > 0
    press(page, "Space")
    expect(gaps).to_have_count(0)
    press(page, "Space")
    expect(gaps).not_to_have_count(0)
    # The gaps; one of them on the map.
    tab_to(page, "nav a[href='/gaps']", "Shift+Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/gaps*")
    follow(page, "tbody a", r"/\?service=.*gap=")
    expect(page.locator(".leaflet-popup")).to_be_visible()
    # The list of facilities, a search, one of them.
    page.goto("/facilities")
    tab_to(page, "#q")
    page.keyboard.type("人民医院")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=*")
    follow(page, "tbody a", r"/facilities/\d+")
    expect(page.locator("h1")).to_contain_text("人民医院")
    # The other language, from here to the same page.
    follow(page, "a.language", r"lang=en")
    expect(page.locator("html")).to_have_attribute("lang", "en")


@pytest.mark.parametrize("path", ["/?service=hospital-drive", "/gaps", "/facilities", "/coverage", *(
    pytest.param(each, marks=pytest.mark.slow) for each in ("/about", "/gallery", "/scenarios", "/blank-spots", "/plans", "/sign-in"))])
@pytest.mark.slow
def test_tab_leads_through_a_page_and_out_of_it(open_page, demo_server: str, path: str):
    """Each stop is seen; the last is followed by the window's own, so nothing holds the focus; back again the same way."""
    page = open_page(demo_server, path, viewport={"width": 1280, "height": 720})
    settle(page)
    page.evaluate("""() => {
      const last = document.body.appendChild(document.createElement('button'));
      last.id = 'after-all'; last.textContent = 'x'; last.style.outline = '3px solid';
      const all = [...document.querySelectorAll('main a[href], main button')].filter(each => each.offsetParent);
      // A long list is many stops of one kind: the first few and the last few are walked through.
      all.slice(25, -10).forEach(each => { each.tabIndex = -1; });
    }""")
    forth = tab_to(page, "#after-all")
    assert len(forth) > 3
    back = [str(press(page, "Shift+Tab")["what"]) for _ in forth[:-1]]
    assert back == forth[:-1][::-1]


@pytest.mark.parametrize("style", ["*:focus { outline: none !important; box-shadow: none !important; }", ".top :focus-visible { position: fixed; left: -99rem; }"])
def test_a_focus_that_is_not_seen_is_noticed(open_page, demo_server: str, style: str):
    """The check bites: without an outline, and outside of the window."""
    page = open_page(demo_server, "/about")
    tab_to(page, "nav a")
    page.add_style_tag(content=style)
    page.keyboard.press("Tab")
    with pytest.raises(AssertionError):
        focus(page)
    page.evaluate("document.activeElement.blur()")
    with pytest.raises(AssertionError, match="lost"):
        focus(page)
