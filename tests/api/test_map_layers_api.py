"""What a map is drawn with beside its picture: areas with the centres of their people, and people by nearest facility."""

from __future__ import annotations

from itertools import zip_longest

import pytest
from shapely.geometry import Point, shape

SERVICE = "township-centre-drive"


def told(client, what: str, **query):
    """Return an answer of the service."""
    answer = client.get(f"/api/services/{SERVICE}/{what}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def areas(demo_client):
    """The areas of the demo county, by code."""
    return {each["id"]: each for each in told(demo_client, "areas")["features"]}


def test_areas_are_those_of_the_curves(demo_client, areas):
    """Every area with a curve can be looked up; one without an outline says so, and is not given one."""
    curves = {each["code"] for each in told(demo_client, "curves")["areas"]}
    assert curves - set(areas) == {"*total"}
    assert areas["220622"]["geometry"]["type"] == "Polygon", "which is its only part"
    assert areas["220622100"]["geometry"] is None
    assert areas["220622100"]["properties"]["level"] == "township"


def test_the_centre_of_a_township_is_the_mean_of_its_villages(demo_client, areas):
    """The slow twin: the centres of the villages, each by its people, one by one in plain Python."""
    people = {each["code"]: sum(each["people"]) + each["unreachable"] + each["no_data"] for each in told(demo_client, "curves")["areas"]}
    county = shape(areas["220622"]["geometry"]).buffer(0.01)
    for code, township in areas.items():
        if township["properties"]["level"] != "township":
            continue
        villages = [each for each in areas if each.startswith(code) and each != code and people[each] > 0]
        lon, lat = (sum(areas[each]["properties"]["centre"][i] * people[each] for each in villages) / sum(people[each] for each in villages)
                    for i in (0, 1))
        # Degrees are not metres, and a centre is rounded to a metre: half a cell is more than both.
        assert township["properties"]["centre"] == pytest.approx([lon, lat], abs=0.001)
        assert county.contains(Point(*township["properties"]["centre"]))


def test_outlines_are_light_and_in_place(demo_client, areas):
    """An outline for a screen differs from the exact one by less than a thousandth of the county."""
    exact = demo_client.get("/api/collections/areas/items/220622").json()
    whole, drawn = shape(exact["geometry"]), shape(areas["220622"]["geometry"])
    assert drawn.is_valid
    assert whole.symmetric_difference(drawn).area < 0.01 * whole.area


def test_catchments_share_out_everybody_who_is_reached(demo_client):
    """Step by step the people of all facilities are those of the whole county; each at a limit is its catchment's."""
    found = told(demo_client, "catchment-curves")
    total = next(each for each in told(demo_client, "curves")["areas"] if each["code"] == "*total")
    assert found["step"] == told(demo_client, "curves")["step"]
    sums = [sum(each) for each in zip_longest(*(each["people"] for each in found["facilities"]), fillvalue=0)]
    assert sums == pytest.approx(total["people"][: len(sums)], abs=0.01)
    assert sum(total["people"][len(sums):]) == 0
    limit = 30
    exact = {each["properties"]["facility"]: each["properties"]["people"] for each in told(demo_client, "catchments", limit=limit)["features"]}
    for each in found["facilities"]:
        assert sum(each["people"][: round(limit / found["step"]) + 1]) == pytest.approx(exact.get(each["id"], 0), abs=0.01)


@pytest.mark.parametrize("what", ["areas", "catchment-curves"])
def test_what_is_not_there_is_said_so(demo_client, what):
    assert demo_client.get(f"/api/services/{SERVICE}/{what}", params={"run": "0" * 12}).status_code == 404
    assert demo_client.get(f"/api/services/nothing/{what}").status_code == 404
