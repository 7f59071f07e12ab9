"""Documents of maps, made from the demo county and from hostile names."""

from typing import Any

import pytest
from api.hostile_world import make_hostile_workspace

from geosvc.settings import Settings
from geosvc.store.engine import Store
from geosvc.workflows import publishing
from geosvc.workflows.workspace import open_workspace


@pytest.fixture(scope="session")
def hostile_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A county whose names try to become programs."""
    return make_hostile_workspace(tmp_path_factory.getbasetemp() / "hostile")


@pytest.fixture(scope="session")
def hostile_document(hostile_settings: Settings) -> dict[str, Any]:
    """The document of that county's map, to be read only."""
    store = open_workspace(hostile_settings)
    document = publishing.map_of(store, "hostile-walk", title_block=True)
    store.close()
    return document


@pytest.fixture(scope="session")
def demo_document(demo_store: Store) -> dict[str, Any]:
    """The document of the demo county's default map, to be read only."""
    return publishing.map_of(demo_store, "hospital-drive", title_block=True)
