"""What a scenario changes: read from a document, applied to the facilities of a service."""

from __future__ import annotations

import pytest

from geosvc.coverage.changes import MOST_CHANGES, PLANNED_FROM, changes_from, facilities_under
from geosvc.errors import InvalidParameter
from geosvc.registry.facilities import Facility, Registered

WHOLE = {
    "open": [{"number": 3, "class_code": "C220", "name": "新卫生院", "lon": 126.8, "lat": 42.4},
             {"number": 1, "class_code": "A100", "lon": 126.7, "lat": 42.3}],
    "close": [12, 12, 5],
    "move": [{"facility": 7, "lon": 126.9, "lat": 42.3}],
    "serve": [{"facility": 9, "mode": "邻村延伸", "areas": ["220622102003", "220622102001", "220622102003"]}, {"facility": 7, "mode": "派驻", "areas": ["a"]}],
    "close_roads": [[126.81, 42.39]],
    "conditions": ["冬季"],
}


def test_read_and_written_again_is_the_same():
    changes = changes_from(WHOLE)
    assert changes_from(changes.as_dict()) == changes
    assert [each.number for each in changes.open] == [1, 3]
    assert changes.close == (5, 12)
    assert [(each.facility, each.areas) for each in changes.serve] == [(7, ("a",)), (9, ("220622102001", "220622102003"))]
    assert changes.registered == [5, 7, 9, 12]
    assert changes.count == 9
    assert changes.asked_conditions == ("winter", "road-closed@126.81;42.39")
    assert not changes_from({})
    assert changes_from({}).as_dict() == {}


@pytest.mark.parametrize(("document", "told"), [
    ([], "must be an object"),
    ({"opens": []}, "nobody knows 'opens'"),
    ({"open": {}}, "open must be a list"),
    ({"open": [{"class_code": "C220", "lon": 126.8}]}, r"open\[0\] lacks lat"),
    ({"open": [{"class_code": "Z9", "lon": 126.8, "lat": 42.4}]}, "no facility class has the code 'Z9'"),
    ({"open": [{"class_code": "C220", "lon": 42.4, "lat": 126.8}]}, "the first is the longitude"),
    ({"open": [{"class_code": "C220", "lon": True, "lat": 42.4}]}, "must be .longitude, latitude."),
    ({"open": [{"class_code": "C220", "lon": 1, "lat": 2, "number": 4}] * 2}, "two openings have the number 4"),
    ({"open": [{"class_code": "C220", "lon": 1, "lat": 2, "name": "x" * 201}]}, "201 characters"),
    ({"close": ["12"]}, r"close\[0\] must be the id"),
    ({"close": [PLANNED_FROM + 1]}, "id of a registered facility"),
    ({"move": [{"facility": 7, "lon": 1, "lat": 2}], "close": [7]}, "facility 7 is changed twice"),
    ({"serve": [{"facility": 7, "mode": "自设", "areas": ["1"]}]}, "must be one of 联合设置, 邻村延伸, 派驻, 流动巡诊; got '自设'"),
    ({"serve": [{"facility": 7, "mode": ["派驻"], "areas": ["1"]}]}, r"serve\[0\].mode must be one of"),
    ({"serve": [{"facility": 7, "mode": "派驻", "areas": []}]}, r"serve\[0\].areas must be a list of one or more"),
    ({"serve": [{"facility": 7, "mode": "派驻", "areas": [220622102003]}]}, r"serve\[0\].areas\[0\] must be a text"),
    ({"serve": [{"facility": 7, "mode": "派驻", "areas": [" "]}]}, r"serve\[0\].areas\[0\] must be the code"),
    ({"serve": [{"facility": 7, "mode": "派驻"}]}, r"serve\[0\] lacks areas"),
    ({"serve": [{"facility": 7, "mode": "派驻", "areas": ["1"]}, {"facility": 7, "mode": "派驻", "areas": ["2"]}]}, "facility 7 stands there twice"),
    ({"serve": [{"facility": 7, "mode": "派驻", "areas": ["1"]}], "close": [7]}, "facility 7 is closed and serves"),
    ({"close_roads": [[float("nan"), 1]]}, r"close_roads\[0\] must be"),
    ({"conditions": ["road-closed@1;2"]}, "roads are closed by close_roads"),
    ({"conditions": ["summer"]}, "no condition is called 'summer'"),
    ({"close": list(range(1, MOST_CHANGES + 2))}, "at most 200 changes"),
])
def test_what_is_wrong_is_said_with_its_place(document, told):
    with pytest.raises(InvalidParameter, match=told):
        changes_from(document)


def registered(number: int, code: str = "C220", lon: float | None = 126.5) -> Registered:
    place = {} if lon is None else {"lon": lon, "lat": 42.0, "position_method": "surveyed"}
    return Registered(id=number, revision=number, recorded_at="", valid_from=None, facility=Facility(name=f"{number}", class_code=code, **place))


def test_facilities_of_a_service_as_the_changes_make_them():
    located, missing = [registered(5), registered(6), registered(7)], [registered(8, lon=None), registered(9, lon=None)]
    changes = changes_from(WHOLE | {"move": [{"facility": 7, "lon": 126.9, "lat": 42.3}, {"facility": 9, "lon": 126.1, "lat": 42.2}]})
    now, still = facilities_under(changes, ["C2"], located, missing)
    assert [(each.id, each.facility.lon) for each in now] == [(6, 126.5), (7, 126.9), (9, 126.1), (PLANNED_FROM + 3, 126.8)]
    assert [each.id for each in still] == [8]
    assert located[2].facility.lon == 126.5, "what is registered is not touched"


def test_a_service_takes_only_what_concerns_it_and_keeps_the_numbers():
    here = changes_from(WHOLE).of_classes(["C2"], [5, 6])
    assert here.as_dict() == {"open": [WHOLE["open"][0]], "close": [5]}
    assert not changes_from({"close": [99], "conditions": ["winter"]}).of_classes(["C2"], [5, 6])


def test_whom_a_facility_serves_is_nothing_that_travel_feels():
    """Runs and their checksums are of what ``of_classes`` leaves: with and without serving that is the same."""
    serving = {"serve": [{"facility": 7, "mode": "派驻", "areas": ["a"]}]}
    assert not changes_from(serving).of_classes(["C"], [7])
    without = {key: each for key, each in WHOLE.items() if key != "serve"}
    assert changes_from(WHOLE).of_classes(["C", "A"], [5, 7, 12]) == changes_from(without).of_classes(["C", "A"], [5, 7, 12])
    assert changes_from(WHOLE).asked_conditions == changes_from(without).asked_conditions
