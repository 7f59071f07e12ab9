"""A band over HTTP: computed where it takes seconds, read where it was computed, else a refusal with the command."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient
from people import headers_of
from workflows.small_county import furnish

from geosvc.application import create_app
from geosvc.settings import Settings
from geosvc.workflows import uncertainty
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study

BAND = "/api/services/hospital-drive/coverage/band"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    """A client of the small county's server; one service is measured."""
    folder = tmp_path_factory.mktemp("county")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    store = furnish(settings, folder, cell_size_m=400.0)
    measure_service(Study(store, settings), "hospital-drive")
    analyst = headers_of(store, "analyst")
    store.close()
    with TestClient(create_app(settings), raise_server_exceptions=False, headers=analyst) as made:
        yield made


def test_a_band_is_the_same_however_often_it_is_asked_for(client):
    """Computed the first time, read the second; its run is that of the coverage table, and so are its figures."""
    first = client.get(BAND, params={"draws": 20, "threshold": "60min"})
    assert first.status_code == 200, first.text
    assert client.get(BAND, params={"draws": 20, "threshold": "60min"}).json() == first.json()
    table = client.get("/api/services/hospital-drive/coverage", params={"threshold": "60min"}).json()
    answer = first.json()
    assert (answer["run"], answer["draws"], answer["seed"]) == (table["run"], 20, 1)
    assert [row["area_code"] for row in answer["rows"]] == [row["area_code"] for row in table["rows"]]
    for row, told in zip(answer["rows"], table["rows"], strict=True):
        assert row["people_covered"]["run"] == told["people"]["covered"]
        assert row["people_covered"]["p5"] <= row["people_covered"]["p95"] <= told["people_total"] + 1e-6


def test_who_may_not_measure_reads_a_band_and_starts_none(client):
    """A band that is there is read by everybody; what is computed is for those who may measure, everywhere."""
    asked = {"draws": 20, "threshold": "60min"}
    stored = client.get(BAND, params=asked).json()
    with TestClient(client.app, raise_server_exceptions=False) as nobody:
        assert nobody.get(BAND, params=asked).json() == stored
        assert nobody.get(BAND, params={**asked, "seed": 5}).status_code == 401


def test_what_takes_too_long_to_wait_for_is_refused_with_the_command(client, monkeypatch):
    """409, and the sentence can be pasted into a shell."""
    monkeypatch.setattr(uncertainty, "LARGEST_WHILE_WAITING", 1000)
    answer = client.get(BAND, params={"draws": 40, "seed": 7})
    assert answer.status_code == 409
    assert "geosvc band hospital-drive --threshold 30min --draws 40 --seed 7" in answer.json()["detail"]


@pytest.mark.parametrize(("path", "params", "status", "told"), [
    (BAND, {"draws": 0}, 400, "draws"),
    (BAND, {"draws": 5000}, 400, "draws"),
    (BAND, {"draws": "many"}, 400, "draws"),
    (BAND, {"seed": -1}, 400, "seed"),
    (BAND, {"drawn": 20}, 400, "drawn"),
    (BAND, {"threshold": "45min"}, 404, "30min, 60min"),
    (BAND.replace("drive", "fly"), {}, 404, "hospital-drive"),
    (BAND.replace("hospital", "township-centre"), {}, 404, "geosvc measure township-centre-drive"),
])
def test_a_band_that_cannot_be_given_is_refused(client, path, params, status, told):
    """One sentence, as problem+json: what was expected, or which command comes first."""
    answer = client.get(path, params=params)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert told in answer.json()["detail"]
