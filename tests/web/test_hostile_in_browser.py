"""Names that try to become programs, in a real browser: everywhere a name is shown it stays text."""

from pathlib import Path

import pytest
from api.hostile_world import FLAG, IMG, NAMES
from playwright.sync_api import Browser, Page, expect
from web.browser_guard import guarded, wait_for_map


def check_harmless(page: Page) -> None:
    """Assert that nothing ran and that no payload became an element."""
    assert page.evaluate(f"() => typeof window.{FLAG}") == "undefined"
    for selector in ('img[src="x"]', "svg[onload]", "[onerror]", "iframe"):
        assert page.locator(selector).count() == 0, selector


def open_everything(page: Page) -> str:
    """Point at and click every facility and every gap of a map; return all that was shown."""
    shown = ""
    markers = page.locator("path.leaflet-interactive")
    assert markers.count() > len(NAMES)
    for index in range(markers.count()):
        marker = markers.nth(index)
        marker.dispatch_event("mouseover", {"bubbles": True})
        marker.dispatch_event("click", {"bubbles": True, "clientX": 400, "clientY": 300})
        shown += page.locator(".leaflet-tooltip-pane").inner_text() + page.locator(".leaflet-popup-pane").inner_text()
        check_harmless(page)
        marker.dispatch_event("mouseout", {"bubbles": True})
    return shown


def test_the_payloads_do_run_where_nobody_guards(browser: Browser, tmp_path: Path):
    """The check bites: the same names written into a page as they are do run."""
    target = tmp_path / "careless.html"
    target.write_text(f"<!doctype html><meta charset=utf-8><title>x</title><p>{'</p><p>'.join(NAMES[:2])}</p>", encoding="utf-8")
    with guarded(browser, target.as_uri()) as (page, guard):
        page.goto(target.as_uri(), wait_until="load")
        assert page.evaluate(f"() => typeof window.{FLAG}") == "number"
        with pytest.raises(AssertionError):
            check_harmless(page)
        assert guard.foreign


@pytest.mark.parametrize("language", ["zh", "en"])
def test_names_on_the_map_stay_text(open_page, hostile_server: str, language: str):
    """Tooltips and popups of facilities and gaps show the names with their brackets; nothing runs."""
    page = open_page(hostile_server, f"/?lang={language}")
    wait_for_map(page)
    check_harmless(page)
    shown = open_everything(page)
    for name in NAMES:
        assert f"所{name}" in shown
        assert f"村{name}" in shown
    expect(page.locator("#service option").first).to_be_attached()
    check_harmless(page)


@pytest.mark.parametrize("path", ["/gaps", "/facilities", "/about", "/gaps?area=990000", "/facilities?q=<img src=x onerror=window.hostile=9>"])
def test_names_in_lists_stay_text(open_page, hostile_server: str, path: str):
    """Lists show every name letter by letter, and nothing runs."""
    page = open_page(hostile_server, path)
    expect(page.locator("h1").first).to_be_visible()
    check_harmless(page)
    if path == "/facilities":
        text = page.locator("tbody").inner_text()
        assert all(f"所{name}" in text for name in NAMES)
    if path == "/gaps":
        assert f"村{IMG}" in page.locator("tbody").inner_text()


def test_names_in_the_single_file_stay_text(open_page, hostile_file: Path):
    """In the file, whose own scripts must be allowed, no name runs either: title, popups, legend, credits."""
    page = open_page(hostile_file.as_uri())
    wait_for_map(page)
    check_harmless(page)
    shown = open_everything(page)
    for name in NAMES:
        assert f"所{name}" in shown
    expect(page.locator("#gm-title")).to_contain_text(IMG)
    check_harmless(page)
