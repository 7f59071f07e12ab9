"""What all tests share: workspaces, the demo county, data sets that are not part of the project."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from people import headers_of
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy import Engine, inspect

from geosvc.accounts import passwords
from geosvc.application import create_app
from geosvc.settings import Settings
from geosvc.store import migrate
from geosvc.store.engine import Store
from geosvc.workflows.demo import run_demo
from geosvc.workflows.workspace import init_workspace, open_workspace

ROOT = Path(__file__).resolve().parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests run in any order, but for a file that tells one story: it is told from its beginning."""
    stories: dict[Path, list[int]] = {}
    for place, item in enumerate(items):
        if getattr(getattr(item, "module", None), "ONE_STORY", False):
            stories.setdefault(item.path, []).append(place)
    for places in stories.values():
        told = sorted((items[place] for place in places), key=lambda item: (item.function.__code__.co_firstlineno, item.name))
        for place, item in zip(places, told, strict=True):
            items[place] = item


_ended: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note a test whose process ended under it: it hung, or took the process with it."""
    if report.failed and report.when not in ("setup", "call", "teardown"):
        _ended.append(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Count such a test among those that failed last, though the next process may have run it again and well."""
    cache = getattr(session.config, "cache", None)
    if _ended and cache is not None and not hasattr(session.config, "workerinput"):
        cache.set("cache/lastfailed", {**cache.get("cache/lastfailed", {}), **dict.fromkeys(_ended, True)})


@pytest.fixture(scope="session", autouse=True)
def migrated_once() -> Iterator[None]:
    """Every new workspace of this process gets a copy of one that was migrated: hundreds are made, and each would wait for all migrations."""
    real, made, lock = migrate.upgrade, sqlite3.connect(":memory:", check_same_thread=False), threading.Lock()

    def upgrade(engine: Engine, to: str = "head") -> None:
        with engine.connect() as connection:
            old = inspect(connection).has_table("alembic_version")
        if old or to != "head":
            real(engine, to)
            return
        with lock:
            given = engine.raw_connection()
            try:
                if made.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                    real(engine)
                    given.driver_connection.backup(made)
                else:
                    made.backup(given.driver_connection)
            finally:
                given.close()

    migrate.upgrade = upgrade
    yield
    migrate.upgrade = real
    made.close()


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[Callable[[], PasswordHash]]:
    """Passwords are hashed by the same method with little work, since hundreds are; the real hasher is handed on."""
    real = passwords._hasher
    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=64, parallelism=1),))
    passwords._hasher = lambda: quick
    yield real
    passwords._hasher = real


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a workspace that does not exist yet."""
    return Settings(workspace=tmp_path / "workspace", public_read=True)


@pytest.fixture(scope="session")
def empty_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with nothing but the shipped services, which nobody opens."""
    folder = tmp_path_factory.mktemp("empty") / "workspace"
    init_workspace(Settings(workspace=folder)).close()
    return folder


@pytest.fixture
def store(settings: Settings, empty_workspace: Path) -> Iterator[Store]:
    """An empty workspace."""
    shutil.copytree(empty_workspace, settings.workspace)
    made = open_workspace(settings)
    yield made
    made.close()


@pytest.fixture(scope="session")
def demo_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The demo county, measured once for the whole session; tests only read it."""
    folder = tmp_path_factory.mktemp("demo")
    made = Settings(workspace=folder / "workspace", public_read=True)
    run_demo(made, folder / "maps", progress=lambda _share, _text: None)
    return made


@pytest.fixture(scope="session")
def demo_store(demo_settings: Settings) -> Iterator[Store]:
    """The demo county's workspace, to be read only."""
    opened = open_workspace(demo_settings)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def demo_client(demo_settings: Settings) -> Iterator[TestClient]:
    """A client of the demo county's server; errors come as answers, as they would to a browser."""
    with TestClient(create_app(demo_settings), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def demo_admin(demo_store: Store) -> dict[str, str]:
    """What a request of an administrator of the demo county carries."""
    return headers_of(demo_store, "admin")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real data sets beside the project; tests that need them skip where they are absent."""
    folder = Path(os.environ.get("GEOSVC_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "comoros").is_dir():
        pytest.skip(f"the real data sets are not at {folder}; set GEOSVC_TEST_DATA to run this test")
    return folder
