"""Conditions of travel over HTTP."""

from fastapi.testclient import TestClient

from geosvc.travel.conditions import conditions


def test_the_conditions_are_listed_with_their_factors_and_sources(demo_client: TestClient):
    """What may be asked for: factors by class, source in both languages, and the barriers marked with each."""
    told = {each["id"]: each for each in demo_client.get("/api/conditions").json()["conditions"]}
    assert list(told) == list(conditions())
    assert told["winter"]["road"] == conditions()["winter"].road
    assert told["night"]["source_en"] == "This project's own assumption, not measured"
    assert {each["barriers"] for each in told.values()} == {0}


def test_a_service_says_its_conditions(demo_client: TestClient):
    """None of the shipped ones has any."""
    services = demo_client.get("/api/services").json()["services"]
    assert {tuple(each["conditions"]) for each in services} == {()}
