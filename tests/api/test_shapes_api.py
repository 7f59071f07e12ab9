"""Isochrones and catchments over HTTP agree with the coverage table of the same run."""

from __future__ import annotations

import pytest
import shapely
from fastapi.testclient import TestClient


def test_an_isochrone_counts_who_is_covered(demo_client: TestClient):
    """People within 30 and 60 minutes are those that the table calls covered."""
    answer = demo_client.get("/api/services/hospital-drive/isochrones", params={"limits": "60,30"}).json()
    assert answer["schematic"] is True
    for feature, limit in zip(answer["features"], (30, 60), strict=True):
        table = demo_client.get("/api/services/hospital-drive/coverage", params={"threshold": f"{limit}min"}).json()
        assert feature["properties"]["limit"] == limit
        assert feature["properties"]["people"] == pytest.approx(table["rows"][0]["people"]["covered"])
        assert feature["properties"]["run"] == table["run"]


def test_catchments_share_out_everybody_who_is_reached(demo_client: TestClient):
    """Each person of the county is in the catchment of one health centre."""
    found = demo_client.get("/api/services/township-centre-drive/catchments").json()["features"]
    table = demo_client.get("/api/services/township-centre-drive/coverage").json()
    people = table["rows"][0]["people"]
    assert sum(each["properties"]["people"] for each in found) == pytest.approx(people["covered"] + people["beyond"])
    assert all(shapely.geometry.shape(each["geometry"]).is_valid for each in found)
    assert all(each["properties"]["name"].startswith("靖宇县") for each in found)


@pytest.mark.parametrize("limits", ["", "a", "-1", "nan", "1," * 30])
def test_bad_limits_are_refused(demo_client: TestClient, limits: str):
    """Limits that are no numbers, negative or too many are a clear 400."""
    answer = demo_client.get("/api/services/hospital-drive/isochrones", params={"limits": limits})
    assert answer.status_code == 400
    assert "limits" in answer.json()["detail"]


def test_what_cannot_be_computed_has_no_shapes(demo_client: TestClient):
    """A service without facilities answers 409, as its coverage does."""
    for address in ("isochrones?limits=15", "catchments"):
        assert demo_client.get(f"/api/services/ems-radius/{address}").status_code == 409
