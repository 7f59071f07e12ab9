"""The guard of the browser tests is itself tested: it must notice what it is there to notice."""

from pathlib import Path

import folium
import pytest
from playwright.sync_api import Browser, Error, expect
from web.browser_guard import Guard, guarded


def test_a_plain_folium_map_is_caught(browser: Browser, tmp_path: Path):
    """A map as Folium writes it asks public servers and is a blank page without them: the guard says both."""
    target = tmp_path / "plain.html"
    folium.Map(location=[42.4, 126.8]).save(str(target))
    with guarded(browser, target.as_uri()) as (page, guard):
        page.goto(target.as_uri())
        expect(page.locator("body")).to_be_attached()
        assert any("leaflet" in address for address in guard.foreign)
        assert len(guard.foreign) >= 5
        assert any("L is not defined" in each for each in guard.complaints)
        with pytest.raises(AssertionError, match="not its own"):
            guard.check()


@pytest.mark.parametrize(("body", "expected"), [
    ("<script>console.error('broken')</script>", "broken"),
    ("<script>console.warn('careful')</script>", "careful"),
    ("<script>nothing.here()</script>", "nothing is not defined"),
    ("<script>alert('hello')</script>", "dialog: hello"),
])
def test_each_complaint_is_heard(browser: Browser, tmp_path: Path, body: str, expected: str):
    """An error or warning in the console, an error in a script, a dialog: each is heard."""
    target = tmp_path / "page.html"
    target.write_text(f"<!doctype html><title>x</title>{body}", encoding="utf-8")
    with guarded(browser, target.as_uri()) as (page, guard):
        page.goto(target.as_uri())
        assert any(expected in each for each in guard.complaints)
        with pytest.raises(AssertionError, match="complaints"):
            guard.check()


@pytest.mark.parametrize("markup", [
    "<img src='http://example.org/a.png'>", "<link rel=stylesheet href='https://example.org/a.css'>",
    "<img src='neighbour.png'>", "<iframe src='https://example.org/'></iframe>",
    "<script>fetch('https://example.org/x').catch(() => 0)</script>",
    "<div style='background: url(https://example.org/b.png); width: 9px; height: 9px'></div>",
])
def test_each_request_is_caught(browser: Browser, tmp_path: Path, markup: str):
    """A picture, style, frame, request or neighbouring file that a page asks for is caught."""
    target = tmp_path / "page.html"
    target.write_text(f"<!doctype html><title>x</title>{markup}", encoding="utf-8")
    with guarded(browser, target.as_uri()) as (page, guard):
        with page.expect_event("requestfailed"):
            page.goto(target.as_uri())
        assert len(guard.foreign) == 1


def test_a_page_that_crashes_ends_what_was_asked_of_it(browser: Browser, tmp_path: Path):
    """What is asked of it fails at once, where Chromium would never answer and the test would wait for ever."""
    target = tmp_path / "page.html"
    target.write_text("<!doctype html><title>x</title>", encoding="utf-8")
    with guarded(browser, target.as_uri()) as (page, guard):
        page.goto(target.as_uri())
        with pytest.raises(Error):
            page.context.new_cdp_session(page).send("Page.crash")
        with pytest.raises(Error, match="closed"):
            page.evaluate("() => document.title")
        assert any("crashed" in each for each in guard.complaints)


def test_another_port_is_another_server():
    """Only the one address is the page's own: neither another port nor another host of this machine."""
    guard = Guard("http://127.0.0.1:8000")
    assert guard.is_own("http://127.0.0.1:8000/api?x=1")
    for foreign in ("http://127.0.0.1:8001/", "http://localhost:8000/", "https://127.0.0.1:8000/", "file:///etc/hosts"):
        assert not guard.is_own(foreign)
