"""Pictures of every page of the demo for README and docs: ``make screenshots``, or this file with the names of some.

Starts the demo in a temporary folder, lets people work in it (demo_at_work.py), serves it on a free port of this machine, and
takes pictures in headless Chromium with everything but that server blocked. A test asks that no page is forgotten.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import threading
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import demo_at_work
import pypdfium2
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Route, sync_playwright

from geosvc.application import create_app
from geosvc.gate.people import COOKIE
from geosvc.settings import Settings
from geosvc.workflows.demo import run_demo
from geosvc.workflows.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from geosvc.store.engine import Store

IMAGES = Path(__file__).parent / "img"
WINDOW = (1440, 900)
LAPTOP, TABLET = (1280, 720), (768, 1024)
_SERVICE = demo_at_work.SERVICE


@dataclass(frozen=True)
class Picture:
    """A page as somebody sees it: ``who`` is a role, None for whoever passes by; ``tall`` takes all of it."""

    path: str
    who: str | None = None
    size: tuple[int, int] = WINDOW
    tall: bool = False


AS_IT_IS = {
    "map-zh": Picture("/"),
    "map-emergency-zh": Picture("/?service=emergency-2h"),
    "map-radius-en": Picture("/?service=basic-radius&threshold=10km&lang=en"),
    "map-by-area-zh": Picture(f"/?service={_SERVICE}&by=township"),
    "map-laptop-zh": Picture("/", size=LAPTOP),
    "map-tablet-zh": Picture("/", size=TABLET),
    "not-computable-zh": Picture("/?service=village-clinic-walk"),
    "gaps-zh": Picture("/gaps?service=township-centre-drive"),
    "blank-spots-zh": Picture("/blank-spots"),
    "coverage-zh": Picture("/coverage"),
    "plans-zh": Picture("/plans"),
    "plan-zh": Picture("/plans/jingyu-2025"),
    "plan-en": Picture("/plans/xinxiang-2025?lang=en"),
    "gallery-zh": Picture("/gallery"),
    "about-zh": Picture("/about"),
    "facilities-zh": Picture("/facilities"),
    "sign-in-zh": Picture("/sign-in"),
}
# What stands in braces is a number of demo_at_work.Work.
AT_WORK = {
    "blank-spots-fill-zh": Picture("/blank-spots/fill?rule=township-centre&area=220622106", "analyst"),
    "scenarios-zh": Picture("/scenarios", "analyst"),
    "scenario-zh": Picture("/scenarios/{scenario}", "analyst"),
    "scenario-compare-zh": Picture(f"/scenarios/compare?first=baseline&second={{scenario}}&service={_SERVICE}", "analyst", tall=True),
    "scenario-apply-zh": Picture("/scenarios/{scenario}/apply", "admin"),
    "jobs-zh": Picture("/jobs", "analyst"),
    "job-zh": Picture("/jobs/{job}", "analyst"),
    "facility-new-zh": Picture("/facilities/new", "admin"),
    "facility-form-zh": Picture("/facilities/{one}/edit", "admin"),
    "history-zh": Picture("/facilities/{one}", "admin"),
    "duplicates-zh": Picture("/duplicates", "admin"),
    "merge-zh": Picture("/duplicates/merge?id={one}&id={twin}", "admin", tall=True),
    "locating-zh": Picture("/locating", "admin"),
    "imports-zh": Picture("/imports", "admin"),
    "import-file-zh": Picture("/imports/new", "admin"),
    "import-columns-zh": Picture("/imports/uploads/{upload}", "admin", tall=True),
    "import-check-zh": Picture("/imports/uploads/{checked}/check", "admin", tall=True),
    "import-record-zh": Picture("/imports/{record}", "admin"),
    "review-zh": Picture("/review", "admin"),
    "welcome-zh": Picture("/welcome/{welcome}"),
    "account-zh": Picture("/account", "analyst"),
    "accounts-zh": Picture("/accounts", "admin"),
    "plan-file-zh": Picture("/plans/new", "admin"),
    "plan-figures-zh": Picture("/plans/jingyu-2025/figures", "admin"),
    "rules-zh": Picture("/rules", "admin"),
    "webhooks-zh": Picture("/webhooks", "admin"),
}
APPROVAL = {
    "proposals-zh": Picture("/proposals", "admin"),
    "proposal-zh": Picture("/proposals/{proposal}", "admin"),
}
# What is handed over on paper, as the server gives it.
PAPER = {
    "sheet-zh": f"/api/services/{_SERVICE}/sheet?paper=a4&f=png",
    "summary-zh": f"/api/services/{_SERVICE}/summary?f=pdf",
}
TRIAL, CONFLICT, MANY, SINGLE_FILE, PLACE = "trial-difference-zh", "conflict-zh", "facilities-many-zh", "single-file-zh", "map-place-zh"
PAGES = {**AS_IT_IS, **AT_WORK, **APPROVAL}
NAMES = (*PAGES, *PAPER, TRIAL, CONFLICT, MANY, SINGLE_FILE, PLACE)
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]
_COLOURS = 256


class Camera:
    """Browsers in front of one server, each of its own visitor; what people did there is known once they worked."""

    def __init__(self, browser: Browser, port: int) -> None:
        """Open nothing yet."""
        self._browser, self.port, self.address = browser, port, f"http://127.0.0.1:{port}"
        self.tokens: dict[str, str] = {}
        self.numbers: dict[str, object] = {}

    @contextmanager
    def page(self, who: str | None, size: tuple[int, int] = WINDOW) -> Iterator[Page]:
        """Give a page to somebody of a role, or to whoever passes by."""
        context = self._browser.new_context(locale="zh-CN", viewport={"width": size[0], "height": size[1]})
        if who is not None:
            context.add_cookies([{"name": COOKIE, "value": self.tokens[who], "url": self.address}])
        _stay_local(context, self.port)
        yield context.new_page()
        context.close()

    def take(self, name: str, picture: Picture) -> None:
        """Take one picture; a map is waited for."""
        with self.page(picture.who, picture.size) as page:
            page.goto(self.address + picture.path.format_map(self.numbers))
            _settle(page)
            if picture.tall:
                _stretch(page, picture.size[0])
            keep(name, page.screenshot())


def _stretch(page: Page, width: int) -> None:
    """Make the window as high as the page: what sticks to its end must not cover the middle of it."""
    page.set_viewport_size({"width": width, "height": page.evaluate("document.documentElement.scrollHeight")})
    page.wait_for_timeout(500)  # maps follow the window


def main() -> None:
    """Take all pictures, or those that were named."""
    wanted = sys.argv[1:] or NAMES
    unknown = sorted({*wanted} - {*NAMES})
    if unknown:
        raise SystemExit(f"no picture is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    IMAGES.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="geosvc-screenshots-"))
    settings = Settings(workspace=folder / "workspace", maps=folder / "maps", port=_free_port(), public_read=True)
    report = run_demo(settings, folder / "maps", progress=lambda _share, _text: None)
    store = open_workspace(settings)
    try:
        with _serving(settings), sync_playwright() as playwright:
            # What the browser itself writes, in fields for days and files, is Chinese too where it has the words (chromium-l10n).
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS, env={**os.environ, "LANGUAGE": "zh_CN"})
            for name, take in _steps(Camera(browser, settings.port), store, settings, folder, report.maps[0]):
                if name in wanted:
                    take()
            browser.close()
    finally:
        store.close()
        shutil.rmtree(folder)


def _steps(camera: Camera, store: Store, settings: Settings, folder: Path, single_file: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield each picture by name with how it is taken: the demo as it is, then people work in it, then changes wait for approval."""
    yield from _as_they_are(camera, AS_IT_IS)
    for name, path in PAPER.items():
        yield name, partial(take_paper, camera.address + path, name)
    yield SINGLE_FILE, partial(take_file, camera, single_file)
    yield PLACE, partial(take_place, camera)
    work = demo_at_work.fill(store, settings, folder)
    camera.tokens |= work.tokens
    camera.numbers |= work.numbers
    yield from _as_they_are(camera, AT_WORK)
    yield TRIAL, partial(take_trial, camera)
    yield MANY, partial(take_many, camera)
    yield CONFLICT, partial(take_conflict, camera, store, work)
    camera.numbers["proposal"] = demo_at_work.ask_for_approval(store, work.one)
    yield from _as_they_are(camera, APPROVAL)


def _as_they_are(camera: Camera, pictures: Mapping[str, Picture]) -> Iterator[tuple[str, Callable[[], None]]]:
    for name, picture in pictures.items():
        yield name, partial(camera.take, name, picture)


@contextmanager
def _serving(settings: Settings) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(create_app(settings, warm_up=True), port=settings.port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def keep(name: str, png: bytes) -> None:
    """Write a picture with as few colours as nobody misses: a third of its size."""
    with Image.open(BytesIO(png)) as image:
        small = image.convert("RGB").quantize(_COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=2, dither=Image.Dither.NONE)
    small.save(IMAGES / f"{name}.png", optimize=True)


def _settle(page: Page) -> None:
    if page.locator(".leaflet-container:not(#pick)").count():
        page.locator("html[data-map=ready]").wait_for()
    if page.locator("#planner-data").count():
        page.locator("html[data-planner=ready]").wait_for()
    page.locator("[aria-busy=true]").first.wait_for(state="detached")
    page.evaluate("() => Promise.all([...document.images].map((each) => { each.loading = 'eager'; return each.decode(); }))")
    page.wait_for_timeout(300)  # what is painted at the next frames


def take_paper(address: str, name: str) -> None:
    """Keep what the server gives to print: a picture as it is, of a PDF its first page."""
    with urllib.request.urlopen(address) as answer:  # noqa: S310  # our own server
        given = answer.read()
    if not given.startswith(b"%PDF"):
        keep(name, given)
        return
    document, drawn = pypdfium2.PdfDocument(given), BytesIO()
    document[0].render(scale=1.5).to_pil().save(drawn, format="PNG")
    document.close()
    keep(name, drawn.getvalue())


def take_file(camera: Camera, path: Path) -> None:
    """Open the map that is a single file, from the disk."""
    with camera.page(None) as page:
        page.goto(path.resolve().as_uri())
        _settle(page)
        keep(SINGLE_FILE, page.screenshot())


def take_place(camera: Camera) -> None:
    """Ask how long it takes from a township in the north, and by which way."""
    with camera.page(None) as page:
        page.goto(f"{camera.address}/?service={_SERVICE}")
        _settle(page)
        seat = page.locator(".gm-place", has_text="那尔轰镇").bounding_box()
        assert seat is not None  # the map is settled
        page.mouse.click(seat["x"], seat["y"])
        page.locator(".explain-head").wait_for()
        page.wait_for_timeout(500)
        keep(PLACE, page.screenshot())


def take_trial(camera: Camera) -> None:
    """Try a new hospital on the map, and look at what it changes."""
    with camera.page("analyst") as page:
        page.goto(f"{camera.address}/?service={_SERVICE}")
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
        keep(TRIAL, page.screenshot())


def take_many(camera: Camera) -> None:
    """Tick some facilities of the list, and change them together."""
    with camera.page("admin") as page:
        page.goto(f"{camera.address}/facilities?class_code=C")
        for place in range(3):
            page.locator("input[name=chosen]").nth(place).check()
        with page.expect_navigation():
            page.locator("button[name=step][value=change]").click()
        _stretch(page, WINDOW[0])
        keep(MANY, page.screenshot())


def take_conflict(camera: Camera, store: Store, work: demo_at_work.Work) -> None:
    """Open the form, let a second person save first, then save."""
    with camera.page("admin") as page:
        page.goto(f"{camera.address}/facilities/{work.one.id}/edit")
        demo_at_work.change_meanwhile(store, work.one)
        page.locator("input[name=address]").fill("靖宇大街 22 号")
        with page.expect_navigation():
            page.locator("button[name=step][value=save]").last.click()
        keep(CONFLICT, page.screenshot())


def _stay_local(context: BrowserContext, port: int) -> None:
    def local_only(route: Route) -> None:
        local = route.request.url.startswith((f"http://127.0.0.1:{port}/", "file:", "data:", "blob:"))
        route.continue_() if local else route.abort()

    context.route("**/*", local_only)
    # Whoever comes again: without the first look around. (A file on disk may be refused its storage.)
    context.add_init_script("try { localStorage.setItem('geosvc-guide', 'seen'); } catch (error) { /* nothing to keep */ }")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
