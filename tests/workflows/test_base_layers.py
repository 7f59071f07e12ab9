"""What lies beneath a map: the water that was imported, and the names of places where people live."""

from __future__ import annotations

import pytest
from shapely import Polygon
from workflows.small_ground import barrier, flooded, place

from geosvc.language import words
from geosvc.maps.paper.drawing import drawing_of
from geosvc.workflows import publishing


def lake(kind="lake"):
    """Return a lake over four cells."""
    return {"barrier_class": kind}, Polygon([place(*corner) for corner in ((0.5, 2.5), (0.5, 4.5), (2.5, 4.5), (2.5, 2.5))])


def document_of(ground, answer, **how):
    content = publishing.content_of(ground.study.store, answer.run.service_id, run_id=answer.run.id)
    return content, publishing.map_document(content, language="zh", title_block=True, **how)


def test_water_is_what_was_imported_as_water(drawn):
    """A river as a line, a lake as an area; a railway is none, and land that a flood covers is dry on other days."""
    ground = drawn(shape=(4, 6), facilities=[(0, 0)], barriers=[
        barrier("river", (-1, 1), (4, 1)), lake(), barrier("railway", (3, -1), (3, 6)), flooded(0.5, -0.5, 1.5, 0.5)])
    content, document = document_of(ground, ground.ask("walk"))
    assert sorted(each["geometry"]["type"] for each in document["water"]["features"]) == ["LineString", "Polygon"]
    drawing = drawing_of(content, document)
    assert sorted(flat for flat, _lines in drawing.water) == [False, True]
    assert document["words"]["map_layer_water"] == words("zh")["map_layer_water"]


def test_without_water_there_is_no_layer_of_it(drawn):
    ground = drawn(shape=(4, 6), facilities=[(0, 0)])
    assert document_of(ground, ground.ask("walk"))[1]["water"] is None


def test_townships_are_named_where_most_of_their_people_live(demo_store):
    """The seat of 靖宇镇 is its largest settlement; the county itself is the title; villages follow, the larger first."""
    document = publishing.map_document(publishing.content_of(demo_store, "hospital-drive"), language="zh", title_block=False)
    places = document["places"]
    levels = places["level"]
    assert levels == sorted(levels, key=["township", "village"].index)
    assert levels.count("township") == 8
    assert "靖宇县" not in places["name"]
    at = places["name"].index("靖宇镇")
    assert (places["lon"][at], places["lat"][at]) == pytest.approx((126.81, 42.38), abs=0.05)
    assert len({len(each) for each in places.values()}) == 1


def test_an_account_of_some_areas_reads_the_names_of_these(demo_store):
    """Of one township: its villages; its own name is the title, and of the others it reads nothing."""
    def names(store):
        return publishing.map_document(publishing.content_of(store, "hospital-drive"), language="zh", title_block=False)["places"]["name"]

    own, whole = names(demo_store.limited_to(["220622100"])), names(demo_store)
    assert 0 < len(own) < len(whole)
    assert set(own) < set(whole)
    assert not {"靖宇镇", "那尔轰镇", "北沟村"} & set(own)


def test_the_same_names_stand_on_the_sheet(demo_store):
    """Where only the county has an outline, its townships are named by their places."""
    content = publishing.content_of(demo_store, "hospital-drive")
    names = {name for _x, _y, name in drawing_of(content, publishing.map_document(content, language="zh", title_block=True)).names}
    assert {"靖宇镇", "那尔轰镇", "花园口镇"} <= names
    assert len(names) == 8
