"""What every limit would give, over the API: the same numbers as the coverage table, and no more than one may see."""

from __future__ import annotations

import json
from itertools import accumulate

import pytest

SERVICE = "hospital-drive"


def curves(client, **query):
    answer = client.get(f"/api/services/{SERVICE}/curves", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("threshold", ["30min", "60min"])
def test_the_curve_meets_the_table_at_every_limit(demo_client, threshold):
    """Covered, beyond, unreachable and without data of every area, and the gaps, are those of the run."""
    found = curves(demo_client)
    table = demo_client.get(f"/api/services/{SERVICE}/coverage", params={"threshold": threshold}).json()
    assert found["run"] == table["run"]
    step = round(table["threshold"]["value"] / found["step"])
    assert step * found["step"] == table["threshold"]["value"]
    by_code = {each["code"]: each for each in found["areas"]}
    for row in table["rows"]:
        own = by_code[row["area_code"]]
        assert (own["name"], own["level"]) == (row["name"], row["level"])
        assert list(accumulate(own["people"]))[step] == pytest.approx(row["people"]["covered"], abs=0.01)
        assert sum(own["people"][step + 1:]) == pytest.approx(row["people"]["beyond"], abs=0.01)
        assert own["unreachable"] == pytest.approx(row["people"]["unreachable"])
    gaps = demo_client.get("/api/collections/gaps/items", params={"service": SERVICE, "threshold": threshold}).json()
    assert found["gaps"]["count"][step] == gaps["numberMatched"]
    assert found["gaps"]["largest"][step] == pytest.approx(gaps["features"][0]["properties"]["people"])


def test_the_answer_is_small_enough_to_be_asked_for_with_every_page(demo_client):
    """A county of a hundred areas: less than half a megabyte before it is compressed."""
    assert len(json.dumps(curves(demo_client))) < 500_000


def test_a_run_that_is_not_there_is_said_so(demo_client):
    answer = demo_client.get(f"/api/services/{SERVICE}/curves", params={"run": "0" * 12})
    assert answer.status_code == 404
    assert demo_client.get("/api/services/nothing/curves").status_code == 404
