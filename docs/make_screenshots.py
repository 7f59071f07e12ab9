"""Pictures of the demo for README and docs: ``make screenshots``.

Starts the demo in a temporary folder, serves it on a free port of this machine, and takes
pictures in headless Chromium with everything but that server blocked.
"""

from __future__ import annotations

import shutil
import socket
import tempfile
import threading
import time
from pathlib import Path

import uvicorn
from playwright.sync_api import Browser, Route, sync_playwright

from geosvc.application import create_app
from geosvc.settings import Settings
from geosvc.workflows.demo import run_demo

IMAGES = Path(__file__).parent / "img"
PAGES = {
    "map-zh": "/",
    "map-emergency-zh": "/?service=emergency-2h",
    "map-radius-en": "/?service=basic-radius&threshold=10km&lang=en",
    "not-computable-zh": "/?service=village-clinic-walk",
    "gaps-zh": "/gaps?service=township-centre-drive",
    "facilities-zh": "/facilities",
    "about-zh": "/about",
}
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"]


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="geosvc-screenshots-"))
    settings = Settings(workspace=folder / "workspace", port=_free_port(), public_read=True)
    report = run_demo(settings, folder / "maps", progress=lambda _share, _text: None)
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=settings.port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
            for name, address in PAGES.items():
                take(browser, f"http://127.0.0.1:{settings.port}{address}", name, settings.port)
            take(browser, report.maps[0].resolve().as_uri(), "single-file-zh", settings.port)
            browser.close()
    finally:
        server.should_exit = True
        thread.join()
        shutil.rmtree(folder)


def take(browser: Browser, address: str, name: str, port: int) -> None:
    """Take one picture; a map is waited for."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})

    def local_only(route: Route) -> None:
        local = route.request.url.startswith((f"http://127.0.0.1:{port}/", "file:", "data:", "blob:"))
        route.continue_() if local else route.abort()

    page.route("**/*", local_only)
    page.goto(address)
    if page.locator(".leaflet-container").count():
        page.locator("html[data-map=ready]").wait_for()
    page.screenshot(path=IMAGES / f"{name}.png")
    page.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
