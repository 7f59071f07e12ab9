"""Names that try to become programs, in a real browser: everywhere a name is shown it stays text."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from api.hostile_world import FLAG, IMG, NAMES, SERVICE
from api.own_server import served
from playwright.sync_api import Browser, Page, expect
from web.browser_guard import Guard, guarded, wait_for_map
from web.every_page import Filled, addresses, answers, fill, send, settle, sign_in

from geosvc.language import LANGUAGES, words
from geosvc.settings import Settings
from geosvc.store.engine import Store
from geosvc.workflows.backup import restore_backup, write_backup
from geosvc.workflows.workspace import open_workspace

LOOKING = re.compile("|".join(re.escape(words(each)["asking"]) for each in LANGUAGES))


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
        expect(page.locator(".leaflet-popup-pane")).not_to_contain_text(LOOKING)  # the server is asked about a place first
        page.locator(".leaflet-popup-pane details").evaluate_all("folded => folded.forEach(each => { each.open = true; })")
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
@pytest.mark.slow
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
@pytest.mark.slow
def test_names_in_lists_stay_text(open_page, hostile_server: str, path: str):
    """Lists show every name letter by letter, and nothing runs."""
    page = open_page(hostile_server, path)
    expect(page.locator("h1").first).to_be_visible()
    check_harmless(page)
    if path == "/facilities":
        text = page.locator("tbody").inner_text()
        assert all(f"所{name}" in text for name in NAMES)
    if path == "/gaps":
        assert f"村{IMG}" in page.locator("tbody").first.inner_text()
        assert f"村{IMG}" in page.locator("table[aria-labelledby=by-area]").inner_text()  # ranked by area beneath the gaps


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


# -- every page, with names of everything that can be named ------------------------------------

# Where nothing that a person named is shown in this county; nothing is old enough to be reviewed.
WITHOUT_NAMES = {"/plans/new", "/rules", "/review", "/webhooks", "/welcome/{token}", "/imports/new", "/facilities/new"}


@pytest.fixture(scope="module")
def full(browser: Browser, hostile_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Filled]]:
    """That county again, with scenarios, imports, proposals, duplicates, saved maps and accounts of such names."""
    folder = tmp_path_factory.mktemp("full-hostile")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    store: Store = open_workspace(hostile_settings)
    write_backup(store, folder / "county.zip")
    store.close()
    restore_backup(folder / "county.zip", settings.workspace)
    one = fill(settings, folder / "maps", NAMES, service=SERVICE, lon=100.05, lat=40.03)
    with served(settings.workspace, folder) as address:
        yield address, one


@pytest.fixture
def visitor(browser: Browser, full: tuple[str, Filled]) -> Iterator[tuple[Page, Filled]]:
    """An administrator's browser: nothing foreign is asked for, nothing complains but of statuses that are expected."""
    address, one = full
    with guarded(browser, address, viewport={"width": 1280, "height": 720}) as (page, guard):
        sign_in(page.context, address, one.token)
        yield page, one
        assert complaints(guard) == []


def complaints(guard: Guard) -> list[str]:
    told = [each for each in guard.complaints if "Failed to load resource" not in each and "does not conform to the required format" not in each and not each.startswith("4")]
    return [*guard.foreign, *told]


def shown_on(page: Page) -> str:
    """Unfold a page, check it, and return all that is written on it, fields included."""
    page.evaluate("() => document.querySelectorAll('details').forEach(each => { each.open = true; })")
    settle(page)
    check_harmless(page)
    # Beside the title of the study, which stands on every page.
    text: str = page.evaluate("""() => document.querySelector('main').innerText + [...document.querySelectorAll('input, textarea')].map(each => each.value).join(' ')
      + [...document.querySelectorAll('[aria-label]')].map(each => each.getAttribute('aria-label')).join(' ')""")
    return text


@pytest.mark.slow
def test_names_on_every_page_stay_text(visitor: tuple[Page, Filled]):
    """Each page shows such names, letter by letter, and nothing runs."""
    page, one = visitor
    silent = set()
    for route, each in addresses(one).items():
        text = ""
        for path in each:
            page.goto(f"{path}{'&' if '?' in path else '?'}lang=en")
            settle(page)
            text += shown_on(page)
        if not any(name in text for name in NAMES):
            silent.add(route)
    assert silent == WITHOUT_NAMES


@pytest.mark.slow
def test_names_in_answers_to_forms_stay_text(visitor: tuple[Page, Filled]):
    """What is typed comes back in a refusal; it stays what was typed."""
    page, one = visitor
    for path, _status, fields in answers(one):
        typed = {name: IMG if name in ("name", "note", "notes", "address", "service", "reason") and len(value) < 99 else value for name, value in fields.items()}
        page.goto("/rules")
        assert send(page, path, typed) < 500, path
        shown_on(page)


@pytest.mark.slow
def test_what_is_asked_for_stays_text(visitor: tuple[Page, Filled]):
    """Each parameter of an address is told back at most as text."""
    page, one = visitor
    for name in (f"{IMG}{NAMES[1]}", NAMES[4]):
        for path in ("/?service=", f"/?service={SERVICE}&threshold=", f"/?service={SERVICE}&scenario=", "/coverage?service=", "/gaps?area=", "/blank-spots?area=",
                     "/facilities?q=", "/facilities?source=", "/scenarios/compare?second=", "/scenarios?state=", "/jobs?before=", "/proposals?state=",
                     "/duplicates?area=", "/locating?area=", "/review?area=", "/imports?cursor=", "/gallery/files/", "/welcome/", "/sign-in?to="):
            page.goto(path + quote(name))
            check_harmless(page)


def test_names_at_pins_stay_text(visitor: tuple[Page, Filled]):
    """The pins of a trial, each pointed at and opened."""
    page, one = visitor
    page.goto(f"/?service={SERVICE}&scenario={one.measured}")
    settle(page)
    shown_on(page)
    pins = page.locator(".map-pin")
    expect(pins).not_to_have_count(0)
    for index in range(pins.count()):
        for event in ("mouseover", "click", "focus", "contextmenu"):
            pins.nth(index).dispatch_event(event)
        check_harmless(page)


@pytest.mark.parametrize("path", ["/api", "/api/collections/facilities/items", "/api/scenarios", "/api/jobs", "/api/proposals", f"/api/services/{SERVICE}/coverage"])
def test_data_opened_in_a_browser_stays_data(visitor: tuple[Page, Filled], path: str):
    """Who opens the answer to a script in a tab sees text."""
    page, _one = visitor
    page.goto(path)
    check_harmless(page)


@pytest.mark.slow
def test_downloads_are_no_pages(visitor: tuple[Page, Filled]):
    """A saved map and the single file are given as files, which no page of the server opens."""
    page, _one = visitor
    page.goto("/gallery")
    addresses_ = page.locator("a[href*='/gallery/files/']").evaluate_all("links => links.map(each => each.getAttribute('href'))")
    assert len(addresses_) == len(NAMES)
    for each in (*addresses_, f"/api/services/{SERVICE}/map"):
        answer = page.request.get(each)
        assert answer.status == 200, each
        assert answer.headers["content-disposition"].startswith("attachment"), each
