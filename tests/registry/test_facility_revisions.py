"""A facility is never overwritten: what is now believed of it is another revision."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import select

from geosvc.errors import FacilityNotFound, InvalidCoordinate, InvalidInput
from geosvc.registry import facilities
from geosvc.registry.facilities import Facility
from geosvc.store.facilities import FacilityQuery, FacilityRevisionRow

CLINIC = Facility(
    name="西村卫生室", class_code="D600", lon=126.85, lat=42.35, raw_x="126.85", raw_y="42.35", raw_datum="WGS84",
    position_method="building", area_code="990001100", beds=[{"kind": "actual", "year": None, "count": 2}],
)


def saved(store, facility, facility_id=None, reason=None):
    with store.writing() as session:
        return facilities.save(
            session, facility, facility_id=facility_id, author="王", origin="test", reason=reason
        )


def revisions(store):
    with store.reading() as session:
        return list(session.scalars(select(FacilityRevisionRow).order_by(FacilityRevisionRow.id)))


@pytest.fixture
def clock(monkeypatch):
    """A clock that is one minute further each time it is looked at."""
    ticks = iter(f"2026-01-01T00:{minute:02d}:00.000000Z" for minute in range(60))
    monkeypatch.setattr(facilities, "now", lambda: next(ticks))


def test_a_new_facility_gets_an_id_and_one_revision(store):
    """Registering a facility makes one revision of kind "create" that says who and how."""
    facility_id, change = saved(store, CLINIC)
    (row,) = revisions(store)
    assert (change, row.kind, row.facility_id) == ("new", "create", facility_id)
    assert (row.author, row.origin, row.superseded_at) == ("王", "test", None)


def test_what_was_registered_comes_back_as_it_went_in(store):
    """Every field of a facility survives the store, the raw coordinate included."""
    facility_id, _ = saved(store, CLINIC)
    with store.reading() as session:
        assert facilities.get(session, facility_id).facility == CLINIC


def test_an_unchanged_facility_makes_no_revision(store):
    """Saving the same content again leaves the history as it is."""
    facility_id, _ = saved(store, CLINIC)
    assert saved(store, replace(CLINIC), facility_id) == (facility_id, "unchanged")
    assert len(revisions(store)) == 1


def test_a_change_supersedes_and_overwrites_nothing(store, clock):
    """After a change both revisions are there; the old one keeps its content and says until when it was believed."""
    facility_id, _ = saved(store, CLINIC)
    assert saved(store, replace(CLINIC, name="西村中心卫生室"), facility_id, "改名") == (facility_id, "changed")
    old, new = revisions(store)
    assert (old.name, new.name) == ("西村卫生室", "西村中心卫生室")
    assert old.superseded_at == new.recorded_at > old.recorded_at
    assert (new.kind, new.reason, new.superseded_at) == ("correction", "改名", None)


def test_recorded_answers_as_it_was_known_then(store, clock):
    """Asked as known at 00:00 the registry gives the old name, at 00:01 the new one, before neither."""
    facility_id, _ = saved(store, CLINIC)  # recorded at 00:00
    saved(store, replace(CLINIC, name="新名"), facility_id)  # recorded at 00:01
    with store.reading() as session:
        def name_at(moment):
            return [r.facility.name for r in facilities.find(session, FacilityQuery(recorded_at=moment))]

        assert name_at("2025-12-31T23:59:59.000000Z") == []
        assert name_at("2026-01-01T00:00:00.000000Z") == ["西村卫生室"]
        assert name_at("2026-01-01T00:00:59.999999Z") == ["西村卫生室"]
        assert name_at("2026-01-01T00:01:00.000000Z") == ["新名"]
        assert facilities.get(session, facility_id).facility.name == "新名"
        with pytest.raises(FacilityNotFound, match=str(facility_id)):
            facilities.get(session, facility_id, FacilityQuery(recorded_at="2025-12-31T00:00:00Z"))


def test_a_failed_write_leaves_no_half_facility(store):
    """When anything fails before the end of a writing session nothing of it is registered."""
    with pytest.raises(RuntimeError, match="power cut"), store.writing() as session:
        facilities.save(session, CLINIC, facility_id=None, author="王", origin="test")
        raise RuntimeError("power cut")
    assert revisions(store) == []


def test_an_identity_is_never_used_again(store):
    """The second facility has another id than the first, and an id that nobody has is not found."""
    first, _ = saved(store, CLINIC)
    second, _ = saved(store, CLINIC)
    assert second > first
    with store.reading() as session, pytest.raises(FacilityNotFound):
        facilities.get(session, second + 1)


def test_a_facility_without_position_is_to_be_located(store):
    """No coordinate is a state of its own: counted, found by located=False, placed nowhere."""
    saved(store, CLINIC)
    saved(store, Facility(name="保安卫生院", class_code="C220"))
    with store.reading() as session:
        (missing,) = facilities.find(session, FacilityQuery(located=False))
        assert facilities.count(session, FacilityQuery(located=False)) == 1
    assert (missing.facility.name, missing.facility.located, missing.facility.lon) == ("保安卫生院", False, None)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"name": " "}, InvalidInput, "name"),
        ({"class_code": "Q123"}, InvalidInput, "code list"),
        ({"state": "open"}, InvalidInput, "operating"),
        ({"position_method": "guess"}, InvalidInput, "surveyed"),
        ({"lat": None}, InvalidInput, "come together"),
        ({"lon": 42.35, "lat": 126.85}, InvalidCoordinate, "swapped"),
        ({"lon": float("nan")}, InvalidCoordinate, "pair of numbers"),
        ({"position_method": "none"}, InvalidInput, "method"),
        ({"lon": None, "lat": None}, InvalidInput, "without a position"),
    ],
)
def test_a_facility_that_can_never_be_true_is_refused(changes, error, words):
    """A facility contradicting itself cannot even be made, whoever asks."""
    with pytest.raises(error, match=words):
        replace(CLINIC, **changes)


def test_prefixes_find_classes_from_the_left(store):
    """ "A" is every hospital and "A1" every general one; "D6" is the village clinic alone."""
    for name, code in (("综合", "A100"), ("中医", "A210"), ("村", "D600")):
        saved(store, Facility(name=name, class_code=code))
    with store.reading() as session:
        def names(*prefixes):
            return [r.facility.name for r in facilities.find(session, FacilityQuery(class_prefixes=prefixes))]

        assert names("A") == ["综合", "中医"]
        assert names("A1") == ["综合"]
        assert names("A1", "D6") == ["综合", "村"]
        assert names("E") == []
