"""No page hides its own end: a box that cuts off what overflows it must have room for all of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from web.browser_guard import guarded
from web.every_page import Filled, addresses, settle, sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WINDOW = {"width": 1280, "height": 720}
# What may be cut: maps are larger than their window, names of one line end in an ellipsis, and what only a screen reader is told is a point.
_CUT = """() => [...document.querySelectorAll('body, body *')].filter(each => {
    const style = getComputedStyle(each);
    return ['hidden', 'clip'].includes(style.overflowY) && each.scrollHeight > each.clientHeight + 4 && each.clientHeight > 4
      && style.textOverflow !== 'ellipsis' && !each.closest('.leaflet-container, svg, select, .visually-hidden')
      && !each.querySelector('.leaflet-container');
  }).map(each => `${each.tagName.toLowerCase()}.${each.className}: ${each.scrollHeight} px in ${each.clientHeight}`)"""


def cut_off(page: Page) -> list[str]:
    """Return the boxes of a page that hide a part of what they hold."""
    found: list[str] = page.evaluate(_CUT)
    return found


def test_every_page_shows_all_of_itself(browser: Browser, full_world: tuple[str, Filled]):
    address, one = full_world
    found = {}
    with guarded(browser, address, viewport=WINDOW) as (page, _guard):
        sign_in(page.context, address, one.token)
        for path in (each for those in addresses(one).values() for each in those):
            page.goto(path)
            settle(page)
            found[path] = cut_off(page)
        page.goto("/about")
        page.evaluate("document.querySelector('.page').style.cssText = 'height: 300px; overflow: hidden'")
        assert cut_off(page)  # the check bites
    assert {path: each for path, each in found.items() if each} == {}
