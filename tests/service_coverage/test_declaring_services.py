"""Services are declared as data: what is written is what is asked."""

from __future__ import annotations

import pytest
from service_coverage.small_studies import WALK, radius

from geosvc.coverage import services
from geosvc.coverage.services import Service, service_from, services_from_toml, shipped_services
from geosvc.errors import ServiceNotFound

OWN = """
[[service]]
id = "dialysis"
zh = "血液透析"
en = "Dialysis"
facility_classes = ["A1", "A5"]
method = "travel_time"
profile = "cycle"
speed_kmh = 40
delay_minutes = 5
thresholds = [{ id = "45min", value = 45, origin = "plan", source_zh = "规划" }, { id = "90min", value = 90 }]
"""


def test_a_service_is_read_field_by_field():
    """Each line of the TOML is in the service; what is not written has its default."""
    (one,) = services_from_toml(OWN, source="own.toml")
    assert (one.id, one.zh, one.facility_classes, one.profile, one.speed_kmh) == ("dialysis", "血液透析", ("A1", "A5"), "cycle", 40)
    assert (one.delay_minutes, one.direction, one.group) == (5, "to_facility", "other")
    assert [(t.id, t.value, t.origin, t.applies_to) for t in one.thresholds] == [
        ("45min", 45, "plan", "any"), ("90min", 90, "user", "any")]


@pytest.mark.parametrize("service", [*shipped_services(), WALK, radius(5, 10)], ids=lambda each: each.id)
def test_a_service_survives_the_round_trip(service):
    """Written as JSON holds it and read again, it is the same service."""
    assert service_from(service.as_dict()) == service


def test_a_workspace_starts_with_the_shipped_services_in_their_order(store):
    """Every workspace can answer the shipped questions at once."""
    with store.reading() as session:
        assert services.find(session) == list(shipped_services())


def test_saving_says_what_changed(store):
    """New, unchanged, changed: and a changed definition replaces the old one."""
    (one,) = services_from_toml(OWN, source="own.toml")
    (other,) = services_from_toml(OWN.replace("speed_kmh = 40", "speed_kmh = 50"), source="own.toml")
    told = []
    for each in (one, one, other):
        with store.writing() as session:
            told.append(services.save(session, each, author="王"))
    with store.reading() as session:
        assert services.get(session, "dialysis").speed_kmh == 50
        assert services.find(session)[-1].id == "dialysis"
    assert told == ["new", "unchanged", "changed"]


def test_a_service_that_was_changed_here_stays_changed(settings, store):
    """Making the workspace again adds shipped services that are missing and overwrites none."""
    from geosvc.workflows.workspace import init_workspace

    own = service_from({**shipped_services()[0].as_dict(), "zh": "本县口径"})
    with store.writing() as session:
        services.save(session, own, author="王")
    again = init_workspace(settings)
    with again.reading() as session:
        assert services.get(session, own.id).zh == "本县口径"
        assert len(services.find(session)) == len(shipped_services())
    again.close()


def test_an_unknown_service_lists_the_known_ones(store):
    """The message is the way out."""
    with store.reading() as session, pytest.raises(ServiceNotFound, match=r"'nothing'.*hospital-drive"):
        services.get(session, "nothing")


def test_thresholds_by_name():
    """The first is meant when none is named; an unknown one lists those that there are."""
    assert WALK.threshold(None).id == "30min"
    assert WALK.threshold("60min").value == 60
    with pytest.raises(ServiceNotFound, match="30min, 60min"):
        WALK.threshold("5min")


def test_limits_in_the_unit_of_the_surface():
    """30 minutes are 1800 seconds, 5 km are 5000 metres."""
    assert WALK.limit_of(WALK.thresholds[0]) == 1800
    assert radius(5).limit_of(radius(5).thresholds[0]) == 5000
    assert (WALK.unit, WALK.shown_unit, radius(5).unit, radius(5).shown_unit) == ("s", "min", "m", "km")


def test_another_pace_is_another_question():
    """speed_kmh in place of the service's own; nothing else changes."""
    assert WALK.at_speed(None) is WALK
    assert WALK.at_speed(3.6).speed_kmh == 3.6
    assert WALK.at_speed(3.6).thresholds == WALK.thresholds


def test_the_issue_s_services_are_shipped():
    """Radii of 5, 10 and 20 km; fitness in 15 and 10 minutes at 5 and 3.6 km/h and by bicycle; 2 hours of emergency."""
    held: dict[str, Service] = {each.id: each for each in shipped_services()}
    assert [t.value for t in held["ems-radius"].thresholds] == [5, 10, 20]
    assert [t.applies_to for t in held["ems-radius"].thresholds] == ["urban", "rural", "rural"]
    assert {t.origin for t in held["ems-radius"].thresholds} == {"national_guidance"}
    assert (held["fitness-15-walk"].speed_kmh, held["fitness-15-walk-elderly"].speed_kmh) == (5.0, 3.6)
    assert held["fitness-10-walk"].thresholds[0].value == 10
    assert held["fitness-15-cycle"].profile == "cycle"
    emergency = held["emergency-2h"]
    assert (emergency.direction, emergency.delay_minutes, emergency.thresholds[0].value) == ("from_facility", 10, 120)
    assert emergency.thresholds[0].origin == "plan"
