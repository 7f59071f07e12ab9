"""QGIS and GDAL read the API: the OAPIF driver against a real server in its own process."""

from collections.abc import Iterator

import httpx2 as httpx
import pyogrio
import pytest
from api.own_server import served

from geosvc.settings import Settings


@pytest.fixture(scope="module")
def server(demo_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the demo county's server."""
    with served(demo_settings.workspace, tmp_path_factory.mktemp("gdal-server")) as address:
        yield address


@pytest.fixture(scope="module", autouse=True)
def only_this_machine() -> Iterator[None]:
    """GDAL keeps nothing between tests and goes through no proxy."""
    pyogrio.set_gdal_config_options({"GDAL_HTTP_PROXY": "", "NO_PROXY": "127.0.0.1", "CPL_VSIL_CURL_NON_CACHED": "/vsicurl/"})
    yield
    pyogrio.set_gdal_config_options({"GDAL_HTTP_PROXY": None, "NO_PROXY": None, "CPL_VSIL_CURL_NON_CACHED": None})


def matched(server: str, collection: str) -> int:
    """Return how many features the server says there are."""
    body = httpx.get(f"{server}/api/collections/{collection}/items?limit=1", trust_env=False).json()
    return int(body["numberMatched"])


def test_gdal_lists_the_collections(server: str):
    """Ogrinfo sees facilities, areas and gaps."""
    if "OAPIF" not in pyogrio.list_drivers():
        pytest.skip("this GDAL has no OAPIF driver")
    layers = pyogrio.list_layers(f"OAPIF:{server}/api")
    assert [name for name, _ in layers] == ["facilities", "areas", "gaps"]


@pytest.mark.parametrize("page_size", [None, 2, 1000])
@pytest.mark.parametrize("collection", ["facilities", "areas", "gaps"])
def test_gdal_reads_every_feature(server: str, collection: str, page_size: int | None):
    """Every feature arrives, also when a page is smaller than the collection, those without geometry included."""
    if page_size == 2:
        page_size = {"areas": 50, "gaps": 1}.get(collection, page_size)
    options = {} if page_size is None else {"PAGE_SIZE": str(page_size)}
    frame = pyogrio.read_dataframe(f"OAPIF:{server}/api", layer=collection, **options)
    expected = matched(server, collection)
    assert len(frame) == expected
    assert page_size is None or page_size > 100 or expected > page_size
    assert frame.crs is not None
    assert frame.crs.to_epsg() == 4326 or "CRS84" in frame.crs.to_string()
    key = "name" if collection == "facilities" else "code" if collection == "areas" else "rank"
    assert frame[key].notna().all()
    if collection == "facilities":
        assert frame.geometry.isna().sum() + frame.geometry.is_empty.sum() == 4
        placed = frame[frame.geometry.notna()]
        assert placed.total_bounds[0] > 126
        assert placed.total_bounds[3] < 43
    if collection == "gaps":
        assert frame.geometry.is_valid.all()
        assert frame["people"].is_monotonic_decreasing


def test_gdal_asks_for_a_box(server: str):
    """A box from QGIS is answered by the server: outside the county there is nothing."""
    inside = pyogrio.read_dataframe(f"OAPIF:{server}/api", layer="facilities", bbox=(126, 42, 128, 43))
    assert len(inside) == matched(server, "facilities") - 4
    assert len(pyogrio.read_dataframe(f"OAPIF:{server}/api", layer="facilities", bbox=(10, 42, 11, 43))) == 0
