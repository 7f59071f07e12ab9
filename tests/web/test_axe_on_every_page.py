"""axe-core finds nothing on any page, at levels A and AA of WCAG 2.2."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from api.own_server import served
from axe_playwright_python.base import AXE_SCRIPT
from fastapi.responses import HTMLResponse
from playwright.sync_api import Browser, Page, expect
from web.browser_guard import guarded, wait_for_map
from web.every_page import REFUSALS, Filled, addresses, answers, missing, page_routes, send, settle, sign_in

from geosvc.application import create_app
from geosvc.settings import Settings
from geosvc.workflows.workspace import init_workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

World = tuple[str, Filled]
LEVELS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WIDE, NARROW = {"width": 1280, "height": 720}, {"width": 640, "height": 720}  # narrow: 1280 px enlarged twice
# What a narrow page may do wrong that a wide one does not. (Sizes of targets: test_access_in_browser; axe counts pins
# of the map that are clipped away as lying over the menu.)
OF_WIDTH = ["scrollable-region-focusable"]
_RUN = """asked => axe.run(document, {...asked, resultTypes: ['violations'], elementRef: false})
  .then(told => told.violations.map(each => `${each.id} (${each.impact}): ${each.nodes.length} x ${each.nodes[0].target} `
    + `${each.nodes[0].failureSummary.replace(/\\s+/g, ' ').slice(0, 300)}`))"""
_UNFOLD = "() => document.querySelectorAll('details').forEach(each => { each.open = true; })"


def violations(page: Page, *, rules: list[str] | None = None) -> list[str]:
    """Return what axe finds on a page as it stands, with everything unfolded."""
    page.evaluate(_UNFOLD)
    settle(page)
    page.evaluate(AXE_SCRIPT)
    found: list[str] = page.evaluate(_RUN, {"runOnly": LEVELS if rules is None else {"type": "rule", "values": rules}})
    return found


def check(page: Page, *, narrow_too: bool) -> list[str]:
    """Return what axe finds at the width that the page has, and at half of it."""
    found = violations(page)
    if narrow_too:
        page.set_viewport_size(NARROW)
        found += [f"narrow: {each}" for each in violations(page, rules=OF_WIDTH)]
        page.set_viewport_size(WIDE)
    return found


@pytest.fixture
def visitor(browser: Browser, full_world: World) -> Iterator[tuple[Page, Filled]]:
    """The administrator's browser, and what there is to see."""
    address, one = full_world
    with guarded(browser, address, viewport=WIDE) as (page, guard):
        sign_in(page.context, address, one.token)
        yield page, one
        assert guard.foreign == []


def in_language(path: str, language: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}lang={language}"


def walk(page: Page, one: Filled, language: str, *, narrow_too: bool) -> dict[str, list[str]]:
    """Visit every page; return what axe finds, by address."""
    found: dict[str, list[str]] = {}
    for path in [*(each for those in addresses(one).values() for each in those), *REFUSALS]:
        answer = page.goto(in_language(path, language))
        assert answer is not None
        assert (answer.status >= 400) == (path in REFUSALS or ("nobody" in path and path.startswith("/welcome"))), (path, answer.status)
        settle(page)
        found[path] = check(page, narrow_too=narrow_too)
    return {path: each for path, each in found.items() if each}


def test_no_page_is_forgotten(full_world: World, demo_settings: Settings):
    """Each route that shows a page has an address here; one that is added is missed."""
    _address, one = full_world
    assert missing(demo_settings, addresses(one)) == set()
    app = create_app(demo_settings)
    app.get("/added", response_class=HTMLResponse)(lambda: "")
    assert page_routes(app) - set(addresses(one)) == {"/added"}


@pytest.mark.slow
def test_every_page_in_chinese(visitor: tuple[Page, Filled]):
    """With content, with everything unfolded, wide and narrow; refusals too."""
    page, one = visitor
    assert walk(page, one, "zh", narrow_too=True) == {}


@pytest.mark.slow
def test_every_page_in_english(visitor: tuple[Page, Filled]):
    """The same in the other language: labels are longer, Chinese names are marked."""
    page, one = visitor
    assert walk(page, one, "en", narrow_too=True) == {}


@pytest.mark.slow
def test_answers_to_forms(visitor: tuple[Page, Filled]):
    """What is asked back, refused, in conflict or too large: each is a page of its own."""
    page, one = visitor
    for path, status, fields in answers(one):
        page.goto(in_language("/rules", "zh"))
        assert send(page, path, fields) == status, path
        expect(page.locator("h1").first).to_be_visible()
        assert violations(page) == [], path


def test_who_may_not_is_told_so(browser: Browser, full_world: World):
    """The page of a refusal, and the sign-in that nobody in particular is led to."""
    address, one = full_world
    with guarded(browser, address) as (page, _guard):
        page.goto("/accounts")
        assert "/sign-in" in page.url
        assert violations(page) == []
        sign_in(page.context, address, one.reader)
        answer = page.goto("/accounts")
        assert answer is not None
        assert answer.status == 403
        assert violations(page) == []


@pytest.mark.parametrize("made", [True, False])
@pytest.mark.slow
def test_pages_of_an_empty_workspace(browser: Browser, tmp_path: Path, made: bool):
    """Nothing registered, nothing measured; and no workspace at all."""
    settings = Settings(workspace=tmp_path / "workspace")
    if made:
        init_workspace(settings).close()
    with served(settings.workspace, tmp_path) as address, guarded(browser, address) as (page, guard):
        for path in ("/", "/coverage", "/gaps", "/blank-spots", "/scenarios", "/scenarios/compare", "/facilities", "/gallery", "/about"):
            page.goto(path)
            expect(page.locator("h1").first).to_be_visible()
            assert violations(page) == [], path
        assert guard.foreign == []


def test_the_single_file(open_page, demo_file: Path):
    """The map that is sent by mail."""
    page = open_page(demo_file.as_uri())
    wait_for_map(page)
    assert violations(page) == []


@pytest.mark.parametrize(("fault", "rule"), [
    ("document.querySelector('h1').style.color = '#ccc'", "color-contrast"),
    ("document.body.append(document.createElement('input'))", "label"),
    ("document.querySelector('a.language').textContent = ''", "link-name"),
    ("document.documentElement.removeAttribute('lang')", "html-has-lang"),
    ("document.querySelector('main').insertAdjacentHTML('beforeend', '<div style=\"width: 200px; overflow: auto\"><table style=\"width: 90rem\"><tr><td>x<td>y</table></div>')",
     "scrollable-region-focusable"),
    ("document.querySelector('main').insertAdjacentHTML('beforeend', '<button style=\"all: unset; width: 9px; height: 9px\">a</button>'.repeat(2))",
     "target-size"),
])
@pytest.mark.slow
def test_a_planted_fault_is_found(open_page, demo_server: str, fault: str, rule: str):
    """The check bites: a pale heading, a field or link without a name, a page without language, a box out of reach of Tab, small buttons."""
    page = open_page(demo_server, "/about")
    assert violations(page) == []
    page.evaluate(fault)
    assert any(each.startswith(f"{rule} ") for each in violations(page))
