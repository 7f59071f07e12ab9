"""A real browser before real servers, each in its own process."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from api.hostile_world import SERVICE, make_hostile_workspace
from api.own_server import served
from playwright.sync_api import Browser, Page, sync_playwright
from web.browser_guard import chromium, guarded, start
from web.every_page import Filled, fill

from geosvc.settings import Settings
from geosvc.store.engine import Store
from geosvc.workflows import publishing
from geosvc.workflows.backup import restore_backup, write_backup
from geosvc.workflows.workspace import open_workspace

Opener = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs Chromium."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests; every test has a profile of its own in it."""
    chromium()
    with sync_playwright() as playwright:
        started = start(playwright)
        yield started
        started.close()


@pytest.fixture(scope="session")
def demo_server(browser: Browser, demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the demo county's server."""
    with served(demo_settings.workspace, tmp_path_factory.mktemp("web-server")) as address:
        yield address


@pytest.fixture(scope="session")
def hostile_settings(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A county whose names try to become programs."""
    return make_hostile_workspace(tmp_path_factory.getbasetemp() / "hostile")


@pytest.fixture(scope="session")
def hostile_server(hostile_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of that county's server."""
    with served(hostile_settings.workspace, tmp_path_factory.mktemp("hostile-server")) as address:
        yield address


@pytest.fixture(scope="session")
def demo_file(browser: Browser, demo_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo county's default map as a single file on disk."""
    target = tmp_path_factory.mktemp("file") / "靖宇 map.html"
    return publishing.write_map(demo_store, "hospital-drive", target)


@pytest.fixture(scope="session")
def hostile_file(hostile_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hostile county's map as a single file on disk."""
    store = open_workspace(hostile_settings)
    written = publishing.write_map(store, SERVICE, tmp_path_factory.mktemp("hostile-file") / "map.html")
    store.close()
    return written


@pytest.fixture(scope="session")
def full_world(browser: Browser, demo_store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Filled]]:
    """The address of a server of the demo county with something to see on every page, and what was put there."""
    folder = tmp_path_factory.mktemp("full")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    write_backup(demo_store, folder / "demo.zip")
    restore_backup(folder / "demo.zip", settings.workspace)
    one = fill(settings, folder / "maps", ["长江路社区", "东风 Clinic", "永红"], service="hospital-drive", lon=126.8, lat=42.4)
    with served(settings.workspace, folder) as address:
        yield address, one


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Opener]:
    """Open a page under guard: at the end of the test nothing foreign was asked for and nothing complained."""
    with ExitStack() as stack:
        guards = []

        def opened(address: str, path: str = "", **options: Any) -> Page:
            page, guard = stack.enter_context(guarded(browser, address, **options))
            guards.append(guard)
            answer = page.goto(address + path)
            # Said at once: a page that failed would let every expectation wait for its full time.
            assert answer is None or answer.status < 500, f"{path} answered {answer.status}"
            return page

        yield opened
        for guard in guards:
            guard.check()
