"""On the first morning nothing is imported: every page says so, none fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from geosvc.application import create_app
from geosvc.settings import Settings
from geosvc.workflows.workspace import init_workspace


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(workspace=tmp_path_factory.mktemp("empty") / "workspace", public_read=True)
    init_workspace(settings).close()
    with TestClient(create_app(settings), raise_server_exceptions=False) as asked:
        yield asked


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", ["/", "/coverage", "/gaps", "/blank-spots", "/scenarios", "/plans", "/plans/jingyu-2025", "/plans/national-2025", "/facilities",
                                  "/gallery", "/about", "/sign-in", "/?service=basic-radius", "/gaps?service=hospital-drive", "/coverage?service=emergency-2h"])
def test_a_page_of_nothing_is_a_page(client: TestClient, path: str, language: str) -> None:
    answer = client.get(f"{path}{'&' if '?' in path else '?'}lang={language}", headers={"Accept": "text/html"})
    assert answer.status_code == 200, f"{path} answered {answer.status_code}"
    assert "<h1" in answer.text or "<h2" in answer.text
