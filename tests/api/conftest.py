"""Clients of servers in other states than the demo county."""

from collections.abc import Iterator

import pytest
from api.hostile_world import make_hostile_workspace
from fastapi.testclient import TestClient

from geosvc.application import create_app
from geosvc.settings import Settings


@pytest.fixture(scope="session")
def hostile_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A county whose names try to become programs."""
    return make_hostile_workspace(tmp_path_factory.getbasetemp() / "hostile")


@pytest.fixture(scope="session")
def hostile_client(hostile_settings: Settings) -> Iterator[TestClient]:
    """A client of that county's server."""
    with TestClient(create_app(hostile_settings), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def lost_client(settings: Settings) -> Iterator[TestClient]:
    """A client of a server whose workspace does not exist."""
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client
