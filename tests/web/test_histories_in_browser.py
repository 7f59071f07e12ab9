"""The registry of another day, and the history of a facility, as a person meets them."""

import pytest
from playwright.sync_api import expect
from web.conftest import Opener


@pytest.mark.parametrize(("language", "banner", "back"), [("zh", "不是今天", "回到今天"), ("en", "not today", "Back to today")])
@pytest.mark.slow
def test_looking_at_another_day(open_page: Opener, demo_server: str, language: str, banner: str, back: str):
    """A day is chosen in the form; the list says that it is not today, and leads back."""
    page = open_page(demo_server, f"/facilities?lang={language}")
    expect(page.locator(".then")).to_have_count(0)
    page.click(".filters summary")  # days are among the filters that are folded away
    page.fill("#datetime", "2030-05-01")
    page.click(".filters button[type=submit]")
    expect(page.locator(".then")).to_contain_text(banner)
    expect(page.locator(".then")).to_contain_text("2030-05-01")
    page.get_by_role("link", name=back).click()
    expect(page.locator(".then")).to_have_count(0)


def test_a_facility_opens_from_the_list(open_page: Opener, demo_server: str):
    """Its name leads to its page: position raw beside converted, and the history with its first entry."""
    page = open_page(demo_server, "/facilities?lang=zh")
    link = page.locator("tbody th a").first
    name = link.inner_text()
    link.click()
    expect(page.locator("h1")).to_contain_text(name)
    expect(page.get_by_text("原始坐标", exact=True)).to_be_visible()
    expect(page.locator(".history li")).to_have_count(1)
    expect(page.locator(".history")).to_contain_text("首次登记")


def test_a_facility_on_a_phone(open_page: Opener, demo_server: str):
    """On a narrow screen nothing lies beside the page."""
    page = open_page(demo_server, "/facilities/1?lang=zh")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
