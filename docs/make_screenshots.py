"""Pictures of the demo for README and docs: ``make screenshots``, or this file with the names of some.

Starts the demo in a temporary folder, serves it on a free port of this machine, and takes
pictures in headless Chromium with everything but that server blocked. The pages of the registry are
taken as an administrator sees them, with a second person at work beside.
"""

from __future__ import annotations

import csv
import math
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pypdfium2
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from geosvc.application import create_app
from geosvc.gate.people import COOKIE
from geosvc.registry import facilities
from geosvc.settings import Settings
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import editing, people, scenarios, webhooks
from geosvc.workflows.demo import run_demo
from geosvc.workflows.editing import Intent
from geosvc.workflows.workspace import open_workspace

if TYPE_CHECKING:
    from geosvc.registry.facilities import Registered
    from geosvc.store.engine import Store

IMAGES = Path(__file__).parent / "img"
PAGES = {
    "map-zh": "/",
    "map-emergency-zh": "/?service=emergency-2h",
    "map-radius-en": "/?service=basic-radius&threshold=10km&lang=en",
    "not-computable-zh": "/?service=village-clinic-walk",
    "gaps-zh": "/gaps?service=township-centre-drive",
    "coverage-zh": "/coverage",
    "blank-spots-zh": "/blank-spots",
    "gallery-zh": "/gallery",
    "plans-zh": "/plans",
    "facilities-zh": "/facilities",
    "about-zh": "/about",
}
# Pages of the registry, as an administrator sees them; {number} is the facility that is worked on.
REGISTRY = {
    "facility-form-zh": "/facilities/{number}/edit",
    "history-zh": "/facilities/{number}",
    "duplicates-zh": "/duplicates",
    "locating-zh": "/locating",
    "imports-zh": "/imports",
    "webhooks-zh": "/webhooks",
}
CONFLICT, CHECK = "conflict-zh", "import-check-zh"
# The map page in other windows: a laptop and a tablet.
WINDOWS = {"map-laptop-zh": (1280, 720), "map-tablet-zh": (768, 1024)}
# What is handed over on paper, as the server gives it.
PAPER = {
    "sheet-zh": "/api/services/hospital-drive/sheet?paper=a4&f=png",
    "summary-zh": "/api/services/hospital-drive/summary?f=pdf",
}
TRIAL, COMPARED = "trial-difference-zh", "scenario-compare-zh"
SINGLE_FILE = "single-file-zh"
_BY = {"author": "王丽", "origin": "form"}
_ADMIN = "赵敏"
_TRIED = "hospital-drive"
_NEW = {"number": 1, "class_code": "A100", "name": "东部医院", "lon": 127.098, "lat": 42.249}
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def main() -> None:
    """Take all pictures, or those that were named."""
    wanted = set(sys.argv[1:]) or {*PAGES, *WINDOWS, *PAPER, *REGISTRY, TRIAL, COMPARED, CONFLICT, CHECK, SINGLE_FILE}
    IMAGES.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="geosvc-screenshots-"))
    settings = Settings(workspace=folder / "workspace", port=_free_port(), public_read=True)
    report = run_demo(settings, folder / "maps", progress=lambda _share, _text: None)
    server = uvicorn.Server(uvicorn.Config(create_app(settings, warm_up=True), port=settings.port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
            for name, address in PAGES.items():
                if name in wanted:
                    take(browser, f"http://127.0.0.1:{settings.port}{address}", name, settings.port)
            for name, size in WINDOWS.items():
                if name in wanted:
                    take(browser, f"http://127.0.0.1:{settings.port}/", name, settings.port, size)
            for name in wanted & {*PAPER}:
                take_paper(f"http://127.0.0.1:{settings.port}{PAPER[name]}", name)
            if SINGLE_FILE in wanted:
                take(browser, report.maps[0].resolve().as_uri(), SINGLE_FILE, settings.port)
            if wanted & {TRIAL, COMPARED}:
                take_scenarios(browser, settings, wanted)
            if wanted & {*REGISTRY, CONFLICT, CHECK}:
                take_registry(browser, settings, folder, wanted)
            browser.close()
    finally:
        server.should_exit = True
        thread.join()
        shutil.rmtree(folder)


def take(browser: Browser, address: str, name: str, port: int, size: tuple[int, int] = (1440, 900)) -> None:
    """Take one picture; a map is waited for."""
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, locale="zh-CN")
    page.add_init_script("localStorage.setItem('geosvc-guide', 'seen')")  # the guide would stand before the map
    _stay_local(page, port)
    page.goto(address)
    _settle(page)
    page.screenshot(path=IMAGES / f"{name}.png")
    page.close()


def _settle(page: Page) -> None:
    if page.locator(".leaflet-container").count():
        page.locator("html[data-map=ready]").wait_for()
    if page.locator("#planner-data").count():
        page.locator("html[data-planner=ready]").wait_for()
    page.evaluate("() => Promise.all([...document.images].map((each) => { each.loading = 'eager'; return each.decode(); }))")


def take_paper(address: str, name: str) -> None:
    """Keep what the server gives to print: a picture as it is, of a PDF its first page."""
    with urllib.request.urlopen(address) as answer:  # noqa: S310  # our own server
        given = answer.read()
    if not given.startswith(b"%PDF"):
        (IMAGES / f"{name}.png").write_bytes(given)
        return
    document = pypdfium2.PdfDocument(given)
    document[0].render(scale=1.5).to_pil().save(IMAGES / f"{name}.png")
    document.close()


# -- scenarios --------------------------------------------------------------------------------


def take_scenarios(browser: Browser, settings: Settings, wanted: set[str]) -> None:
    """Try a new hospital on the map; then the same as a scenario beside the baseline."""
    address, store = f"http://127.0.0.1:{settings.port}", open_workspace(settings)
    account, link = people.create_account(store, "陈工", role="analyst", areas=None, **_BY)
    token = people.use_link(store, link.rsplit("/", 1)[-1], secrets.token_urlsafe(18), name=account.name, hours=1).token
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    context.add_cookies([{"name": COOKIE, "value": token, "url": address}])
    _stay_local(context, settings.port)
    page = context.new_page()
    if TRIAL in wanted:
        _trial(page, address)
    if COMPARED in wanted:
        person = people.person_of_token(store, token)
        assert person is not None  # it was made above
        one = scenarios.create(store, person, {"name": "东部新建医院", "notes": "示例", "changes": {"open": [_NEW]}}, origin="form")
        scenarios.measure(store, settings, person, one["id"], service_ids=[_TRIED])
        page.set_viewport_size({"width": 1440, "height": 1500})  # figures and both maps
        page.goto(f"{address}/scenarios/compare?first=baseline&second={one['id']}&service={_TRIED}")
        _settle(page)
        page.wait_for_timeout(500)  # the second map
        page.screenshot(path=IMAGES / f"{COMPARED}.png")
    context.close()
    store.close()


def _trial(page: Page, address: str) -> None:
    page.goto(f"{address}/?service={_TRIED}")
    _settle(page)
    page.locator("#trial > summary").click()
    page.locator("[data-box=open]").click()
    box = page.locator(".folium-map").bounding_box()
    assert box is not None  # it was waited for
    with page.expect_response("**/what-if"):
        page.mouse.click(box["x"] + 0.56 * box["width"], box["y"] + 0.74 * box["height"])
    page.locator("#trial[aria-busy=false]").wait_for()
    page.locator("#views button[value=difference]").click()
    page.mouse.move(box["x"] + 5, box["y"] + 5)  # no tooltip in the picture
    page.wait_for_timeout(500)
    page.screenshot(path=IMAGES / f"{TRIAL}.png")


def _stay_local(page: Page | BrowserContext, port: int) -> None:
    def local_only(route: Route) -> None:
        local = route.request.url.startswith((f"http://127.0.0.1:{port}/", "file:", "data:", "blob:"))
        route.continue_() if local else route.abort()

    page.route("**/*", local_only)
    # Whoever comes again: without the first look around. (A file on disk may be refused its storage.)
    page.add_init_script("try { localStorage.setItem('geosvc-guide', 'seen'); } catch (error) { /* nothing to keep */ }")


# -- the registry -----------------------------------------------------------------------------


def take_registry(browser: Browser, settings: Settings, folder: Path, wanted: set[str]) -> None:
    """Take the pictures of the registry's pages, with something to see on each."""
    store = open_workspace(settings)
    one = _work_beside(store)
    account, link = people.create_account(store, _ADMIN, role="admin", areas=None, **_BY)
    # A password that nobody needs to know: the folder is gone in a minute.
    signed_in = people.use_link(store, link.rsplit("/", 1)[-1], secrets.token_urlsafe(18), name=account.name, hours=1)
    address = f"http://127.0.0.1:{settings.port}"
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    context.add_cookies([{"name": COOKIE, "value": signed_in.token, "url": address}])
    _stay_local(context, settings.port)
    page = context.new_page()
    if CHECK in wanted:
        _import_check(page, address, folder, one)
    for name, path in REGISTRY.items():
        if name in wanted:
            page.goto(address + path.format(number=one.id))
            page.screenshot(path=IMAGES / f"{name}.png")
    if CONFLICT in wanted:
        _conflict(page, address, store, one)
    context.close()
    store.close()


def _work_beside(store: Store) -> Registered:
    """Let a second person work: a clinic twice, one without a place, a correction, an address that is told of changes."""
    with store.reading() as session:
        one = next(each for each in facilities.find(session, FacilityQuery(class_prefixes=["C2"])) if each.facility.located)
    like = replace(one.facility, identifiers=[], aliases=[])
    lon, lat = like.lon or 0.0, like.lat or 0.0
    with store.writing() as session:
        facilities.save(session, replace(like, name=like.name.removeprefix("靖宇县"), lon=lon + 0.0006, lat=lat, level=None), facility_id=None, **_BY)
        facilities.save(session, replace(
            like, name=f"{like.name}第二卫生室", class_code="D600", lon=None, lat=None, position_method="none", raw_x=f"{lat:.4f}", raw_y=f"{lon:.4f}", raw_datum="GCJ02"),
            facility_id=None, **_BY)
    _patch(store, one.id, {"address": "靖宇大街 18 号", "note": "2026 年现场核实"}, "现场核实")
    webhooks.add_webhook(store, "https://zhyl.example.gov.cn/hooks/geosvc", private=False, **_BY)
    webhooks.add_webhook(store, "https://data.example.gov.cn/receive", private=False, **_BY)
    return editing.seen(store, one.id)


def _patch(store: Store, number: int, properties: dict[str, str], reason: str) -> None:
    editing.patch(store, number, {"properties": properties}, Intent(**_BY, reason=reason), expected=editing.seen(store, number).revision)


def _import_check(page: Page, address: str, folder: Path, one: Registered) -> None:
    """Send a list as clerks have them, up to what the import would do."""
    lon, lat = one.facility.lon or 0.0, one.facility.lat or 0.0
    rows = [
        ["单位名称", "类型", "经度", "纬度", "编制床位"], [one.facility.name, "乡卫生院", f"{lon:.5f}", f"{lat:.5f}", "24"],
        *([f"示例第{number}村卫生室", "村卫生室", f"{lon + 0.13 * math.cos(number):.5f}", f"{lat + 0.1 * math.sin(number):.5f}", ""] for number in range(1, 7)),
        ["缺纬度诊所", "诊所", f"{lon:.5f}", "", ""], ["床位写成汉字的诊所", "诊所", f"{lon + 0.02:.5f}", f"{lat:.5f}", "三张"],
    ]
    path = folder / "卫生机构名单.csv"
    with path.open("w", encoding="gb18030", newline="") as stream:
        csv.writer(stream).writerows(rows)
    page.goto(f"{address}/imports/new")
    page.set_input_files("input[type=file]", path)
    page.locator("form:has(input[type=file]) button[type=submit]").last.click()
    page.locator("input[name=datum][value=WGS84]").check()
    page.locator("input[name=source]").fill("县卫生健康局")
    page.locator("button[name=step][value=try]").last.click()
    page.wait_for_url("**/check*")
    # As high as the page: what sticks to the window's end must not cover the middle of it.
    page.set_viewport_size({"width": 1440, "height": page.evaluate("document.documentElement.scrollHeight")})
    page.screenshot(path=IMAGES / f"{CHECK}.png")
    page.set_viewport_size({"width": 1440, "height": 900})


def _conflict(page: Page, address: str, store: Store, one: Registered) -> None:
    """Open the form, let the second person save first, then save."""
    page.goto(f"{address}/facilities/{one.id}/edit")
    _patch(store, one.id, {"address": "靖宇大街 20 号", "ownership": "公立"}, "门牌更换")
    page.locator("input[name=address]").fill("靖宇大街 22 号")
    page.locator("button[name=step][value=save]").last.click()
    page.wait_for_load_state()
    page.screenshot(path=IMAGES / f"{CONFLICT}.png")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
