"""A browser that may talk to one server or one file only, and whose complaints fail the test."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Request, Route, expect

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]
_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
WAIT_MS = 15_000


def chromium() -> str:
    """Return the path of Chromium; skip the test where it is missing, but fail it in CI."""
    told = os.environ.get("GEOSVC_TEST_CHROMIUM")
    found = told or next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        reason = "no Chromium on this machine (apt-get install chromium, or make browser); browser tests need it"
        if os.environ.get("CI"):
            pytest.fail(f"{reason}, and in CI they may not be skipped")
        pytest.skip(reason)
    return found


def start(playwright: Playwright) -> Browser:
    """Start Chromium without a window."""
    expect.set_options(timeout=WAIT_MS)
    return playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)


@dataclass
class Guard:
    """What a page asked for that is not its own, and what it complained about."""

    allowed: str
    foreign: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def is_own(self, address: str) -> bool:
        """Return whether an address belongs to the one server or is the one file."""
        if address.startswith(("data:", "blob:", "about:blank")):
            return True
        if self.allowed.startswith("file:"):
            return address.partition("#")[0] == self.allowed
        asked, own = urlsplit(address), urlsplit(self.allowed)
        return (asked.scheme, asked.netloc) == (own.scheme, own.netloc)

    def watch(self, context: BrowserContext, page: Page) -> None:
        """Let nothing through that is not the page's own, and write down every complaint."""
        context.route("**/*", self._decide)
        context.on("request", self._asked)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"error in the page: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)
        page.on("dialog", self._dialog)
        page.on("crash", self._crashed)

    def _decide(self, route: Route) -> None:
        if self.is_own(route.request.url):
            route.continue_()
        else:
            route.abort()

    def _asked(self, request: Request) -> None:
        if not self.is_own(request.url):
            self.foreign.append(request.url)

    def _failed(self, request: Request) -> None:
        # A download, or what a page still loaded when it was left, counts as aborted and is no failure.
        if not (self.is_own(request.url) and request.failure == "net::ERR_ABORTED"):
            self.complaints.append(f"failed: {request.url} ({request.failure})")

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"console {message.type}: {message.text}")

    def _answered(self, response: Any) -> None:
        if response.status >= 400:
            self.complaints.append(f"{response.status}: {response.url}")

    def _dialog(self, dialog: Any) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def _crashed(self, page: Page) -> None:
        self.complaints.append(f"the page crashed: {page.url}")
        page.close()  # what is asked of a page that crashed is never answered: a test would wait for ever

    def check(self) -> None:
        """Fail if anything foreign was asked for or anything was complained about."""
        assert self.foreign == [], f"asked for what is not its own: {self.foreign}"
        assert self.complaints == [], f"complaints: {self.complaints}"


@contextmanager
def guarded(browser: Browser, allowed: str, *, first_visit: bool = False, **options: Any) -> Iterator[tuple[Page, Guard]]:
    """Give a page of its own profile with its guard; the caller decides whether to check.

    Unless it is a first visit the browser has been shown around the map page already.
    """
    context = browser.new_context(base_url=None if allowed.startswith("file:") else allowed, **options)
    if not first_visit:
        context.add_init_script("try { localStorage.setItem('geosvc-guide', 'seen'); } catch (error) { /* blocked */ }")
    context.set_default_timeout(WAIT_MS)
    page = context.new_page()
    guard = Guard(allowed)
    guard.watch(context, page)
    try:
        yield page, guard
    finally:
        context.close()


def wait_for_map(page: Page) -> None:
    """Wait until the map has drawn its surface."""
    expect(page.locator("html")).to_have_attribute("data-map", "ready")


_PAINTED = """() => {
  let best = 0;
  for (const canvas of document.querySelectorAll('canvas')) {
    const context = canvas.getContext('2d');
    if (!canvas.width || !canvas.height || !context) { continue; }
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
    const colours = new Set();
    let seen = 0;
    for (let i = 0; i < pixels.length; i += 4) {
      if (pixels[i + 3] > 0) { seen += 1; colours.add(pixels[i] << 16 | pixels[i + 1] << 8 | pixels[i + 2]); }
    }
    if (colours.size > 1) { best = Math.max(best, seen); }
  }
  return best;
}"""


def painted_pixels(page: Page) -> int:
    """Return how many pixels of the largest canvas of more than one colour are not transparent."""
    return int(page.evaluate(_PAINTED))
