"""Facilities as a scenario makes them, for rules and plans: closed, moved, opened, serving."""

from __future__ import annotations

import shapely

from geosvc.coverage.blank_spots import SpotState, find_blank_spots, rules_named
from geosvc.coverage.changed import facilities_changed
from geosvc.coverage.changes import NO_CHANGES, PLANNED_FROM, changes_from
from geosvc.coverage.tree import AreaTree
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility, Registered

EAST, WEST = "990001100", "990001101"
# Two villages with an outline in the east, two without in the west.
V = [f"{EAST}200", f"{EAST}201"]
W = [f"{WEST}200", f"{WEST}201"]
TREE = AreaTree((
    Area(code="990001", name="县", level="county"),
    Area(code=EAST, name="东镇", level="township", geometry=shapely.box(126.5, 42.0, 127.0, 42.5)),
    Area(code=V[0], name="东一村", level="village", geometry=shapely.box(126.5, 42.0, 126.75, 42.5)),
    Area(code=V[1], name="东二村", level="village", geometry=shapely.box(126.75, 42.0, 127.0, 42.5)),
    Area(code=WEST, name="西镇", level="township"), Area(code=W[0], name="西一村", level="village"), Area(code=W[1], name="西二村", level="village"),
))


def registered(number: int, area: str | None, code: str = "D600", **more) -> Registered:
    return Registered(id=number, revision=number, recorded_at="", valid_from=None, facility=Facility(name=f"所{number}", class_code=code, area_code=area, **more))


CLINICS = [registered(1, V[0], lon=126.6, lat=42.1, position_method="surveyed"), registered(2, W[0])]


def states(document) -> dict[str, str]:
    found = facilities_changed(changes_from(document), CLINICS, TREE)
    return {each.area.code: each.state.value for each in find_blank_spots(rules_named("village-clinic")[0], TREE, found).spots}


NOW = {V[0]: "held", V[1]: "blank", W[0]: "held", W[1]: "blank"}


def test_without_changes_nothing_changes():
    assert facilities_changed(NO_CHANGES, CLINICS, TREE) == CLINICS
    assert states({}) == NOW


def test_one_village_is_filled_by_each_mode():
    for mode, state in (("联合设置", "joint"), ("邻村延伸", "extended"), ("派驻", "posted"), ("流动巡诊", "mobile")):
        told = states({"serve": [{"facility": 1, "mode": mode, "areas": [V[1]]}]})
        assert told[V[1]] == state
        # Staff that is posted or comes by is no facility of its own village either: the registry keeps one mode.
        assert told[V[0]] == ("held" if mode in ("联合设置", "邻村延伸") else state)
        assert {code: told[code] for code in W} == {code: NOW[code] for code in W}


def test_who_serves_already_goes_on_serving():
    old = [registered(1, V[0], service_mode="邻村延伸", areas_served=[W[1]])]
    (new,) = facilities_changed(changes_from({"serve": [{"facility": 1, "mode": "邻村延伸", "areas": [V[1], W[1]]}]}), old, TREE)
    assert new.facility.areas_served == [W[1], V[1]]
    assert old[0].facility.areas_served == [W[1]]


def test_closed_moved_and_opened_lie_in_the_area_of_their_new_place():
    assert states({"close": [1]}) == {**NOW, V[0]: "blank"}
    assert states({"move": [{"facility": 1, "lon": 126.9, "lat": 42.1}]}) == {**NOW, V[0]: "blank", V[1]: "held"}
    assert states({"open": [{"class_code": "D600", "name": "新所", "lon": 126.9, "lat": 42.1}]}) == {**NOW, V[1]: "held"}
    (one,) = list(facilities_changed(changes_from({"open": [{"class_code": "D600", "lon": 1.0, "lat": 2.0}]}), [], TREE))
    assert (one.id, one.facility.area_code) == (PLANNED_FROM + 1, None)
    # A village without an outline keeps its facility while the township does not speak against it.
    moved = facilities_changed(changes_from({"move": [{"facility": 2, "lon": 120.0, "lat": 40.0}]}), CLINICS, TREE)
    assert {each.id: each.facility.area_code for each in moved} == {1: V[0], 2: W[0]}


def test_moved_and_serving_is_both():
    told = states({"move": [{"facility": 1, "lon": 126.9, "lat": 42.1}], "serve": [{"facility": 1, "mode": "邻村延伸", "areas": [V[0]]}]})
    assert told == {**NOW, V[0]: SpotState.EXTENDED, V[1]: "held"}
