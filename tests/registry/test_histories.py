"""Histories of facilities: correction apart from update, and every moment of the past kept."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from geosvc.errors import Conflict, FacilityNotFound, InvalidInput
from geosvc.registry import audit, facilities, history
from geosvc.registry.facilities import Facility
from geosvc.registry.moments import today
from geosvc.store.engine import create_store
from geosvc.store.facilities import FacilityQuery, FacilityRevisionRow

CLINIC = Facility(name="西村卫生室", class_code="D600", opened_on="2010-01-01", contact={"telephone": "13800000000"})
BY = {"author": "王", "origin": "form"}
BEYOND = "2100-01-01"


@pytest.fixture
def clinic(store):
    """The id of a clinic that opened in 2010."""
    return do(store, facilities.save, CLINIC, facility_id=None)[0]


def do(store, change, *args, **options):
    with store.writing() as session:
        return change(session, *args, **BY, **options)


def name_on(store, number, day=None, known=None):
    """Return the name of a facility on a day; None where it is not there."""
    with store.reading() as session:
        found = facilities.find(session, FacilityQuery(ids=[number], valid_at=day, recorded_at=known))
        assert len(found) <= 1, "two revisions of one facility are true at once"
        return found[0].facility.name if found else None


def kinds(store, number):
    with store.reading() as session:
        return [each.kind for each in history.versions(session, number)]


def believed(store, number):
    with store.reading() as session:
        rows = session.scalars(select(FacilityRevisionRow).where(
            FacilityRevisionRow.facility_id == number, FacilityRevisionRow.superseded_at.is_(None)))
        return sorted((row.valid_from or "", row.valid_to or "9", row.name, row.deleted) for row in rows)


def named(name):
    return replace(CLINIC, name=name)


def test_an_update_ends_what_was_true_before(store, clinic):
    """A new name from 2020 on leaves the old one true until then."""
    do(store, history.update, clinic, named("新名"), valid_from="2020-05-01")
    assert [name_on(store, clinic, day) for day in ("2009-12-31", "2010-01-01", "2020-04-30", "2020-05-01")] == [
        None, CLINIC.name, CLINIC.name, "新名"]
    assert name_on(store, clinic) == "新名"


def test_a_correction_keeps_the_valid_time(store, clinic):
    """A name that was always wrong is right from the beginning, and nowhere else changed."""
    do(store, history.update, clinic, named("新名"), valid_from="2020-05-01")
    do(store, history.correct, clinic, named("本名"), valid_at="2015-01-01", reason="登记有误")
    assert [name_on(store, clinic, day) for day in ("2010-01-01", "2020-04-30", "2020-05-01")] == ["本名", "本名", "新名"]
    assert kinds(store, clinic) == ["correction", "update", "end", "create"]


def test_an_update_is_put_in_between(store, clinic):
    """An update of 2015 told after that of 2020 is true until 2020; the later one stays."""
    do(store, history.update, clinic, named("后"), valid_from="2020-01-01")
    do(store, history.update, clinic, named("中"), valid_from="2015-01-01")
    assert [(start, end, name) for start, end, name, _ in believed(store, clinic)] == [
        ("2010-01-01", "2015-01-01", CLINIC.name), ("2015-01-01", "2020-01-01", "中"), ("2020-01-01", "9", "后")]


def test_an_update_of_the_same_day_is_a_correction(store, clinic):
    """What begins on that very day is replaced; there is no state that lasted no time."""
    do(store, history.update, clinic, named("错"), valid_from="2020-01-01")
    do(store, history.update, clinic, named("对"), valid_from="2020-01-01")
    assert kinds(store, clinic)[0] == "correction"
    assert [name for _, _, name, _ in believed(store, clinic)] == [CLINIC.name, "对"]


def test_what_was_before_all_that_is_known(store, clinic):
    """An update dated before the opening adds what was true until then."""
    do(store, history.update, clinic, named("前身"), valid_from="1990-01-01")
    assert [name_on(store, clinic, day) for day in ("1989-12-31", "1990-01-01", "2010-01-01")] == [None, "前身", CLINIC.name]


def test_a_planned_change_is_not_true_yet(store, clinic):
    """A closure in 2100 is known today and not true today."""
    do(store, history.update, clinic, replace(CLINIC, state="closed"), valid_from=BEYOND)
    with store.reading() as session:
        assert facilities.get(session, clinic).facility.state == "operating"
        assert facilities.get(session, clinic, FacilityQuery(valid_at=BEYOND)).facility.state == "closed"
        assert facilities.count(session, FacilityQuery()) == 1


def test_one_that_opens_later_is_planned(store):
    """A facility that opens in 2100 is listed as planned, not counted as operating, and operates from then on."""
    opens = replace(CLINIC, opened_on=BEYOND)
    number, _ = do(store, facilities.save, opens, facility_id=None)
    with store.reading() as session:
        assert facilities.count(session, FacilityQuery(states=["operating"])) == 0
        assert facilities.get(session, number).facility.state == "planned"
        assert facilities.get(session, number, FacilityQuery(valid_at=BEYOND)).facility == opens
    assert do(store, facilities.save, opens, facility_id=number) == (number, "unchanged")


def test_an_opening_that_is_postponed_or_done(store):
    """A later date moves the opening; one that has passed makes it operate now; nothing stays of the plan."""
    number, _ = do(store, facilities.save, replace(CLINIC, opened_on=BEYOND), facility_id=None)
    do(store, facilities.save, replace(CLINIC, opened_on="2101-01-01"), facility_id=number)
    assert [(start, end) for start, end, _, _ in believed(store, number)] == [("", "2101-01-01"), ("2101-01-01", "9")]
    assert do(store, facilities.save, replace(CLINIC, opened_on="2020-01-01"), facility_id=number)[1] == "changed"
    assert [(start, end) for start, end, _, _ in believed(store, number)] == [("2020-01-01", "9")]
    with store.reading() as session:
        assert facilities.get(session, number).facility.state == "operating"


@pytest.mark.parametrize(("told", "day"), [("1998", "1998-01-01"), ("2003年5月", "2003-05-01"), ("建国初期", None), ("", None)])
def test_a_date_of_opening_in_words(store, told, day):
    """A year, a month or no date at all: a facility is there in any case."""
    number, _ = do(store, facilities.save, replace(CLINIC, opened_on=told), facility_id=None)
    with store.reading() as session:
        assert facilities.get(session, number).valid_from == day


def test_a_wrong_opening_takes_the_beginning_along(store, clinic):
    """Correcting the day of opening corrects from when the facility is there."""
    do(store, history.correct, clinic, replace(CLINIC, opened_on="2005-06-01"))
    assert (name_on(store, clinic, "2005-05-31"), name_on(store, clinic, "2005-06-01")) == (None, CLINIC.name)
    with store.reading() as session:
        assert history.versions(session, clinic)[0].changed["valid_from"] == ("2010-01-01", "2005-06-01")


def test_deleting_and_restoring(store, clinic):
    """A deleted record is there at no time, keeps its history, and comes back as it was."""
    do(store, history.update, clinic, named("新名"), valid_from="2020-01-01")
    before = believed(store, clinic)
    do(store, history.delete, clinic, reason="重复登记")
    assert (name_on(store, clinic), name_on(store, clinic, "2015-01-01")) == (None, None)
    for change in (history.correct, history.confirm, history.delete):
        with pytest.raises(FacilityNotFound, match=r"deleted.*重复登记.*restore"):
            do(store, change, clinic, *([named("x")] if change is history.correct else []), reason="x")
    do(store, history.restore, clinic)
    assert believed(store, clinic) == before
    with pytest.raises(InvalidInput, match="nothing to restore"):
        do(store, history.restore, clinic)


def test_deleting_needs_a_reason(store, clinic):
    """Nobody deletes without saying why."""
    with pytest.raises(InvalidInput, match="needs a reason"):
        do(store, history.delete, clinic, reason=" ")


def test_confirming_is_a_revision_that_changes_no_number(store, clinic):
    """The yearly review leaves a revision; what is computed of the facility is not out of date by it."""
    with store.reading() as session:
        marks = facilities.marks(session, FacilityQuery())
    change = do(store, history.confirm, clinic, reason="年度核对")
    with store.reading() as session:
        assert facilities.marks(session, FacilityQuery()) == marks
        assert facilities.get(session, clinic).revision == change.revision != marks[0][1]
    assert kinds(store, clinic) == ["confirm", "create"]


def test_saving_what_is_there_makes_no_revision(store, clinic):
    """Neither a correction nor an update to the same leaves a trace."""
    assert not do(store, history.correct, clinic, replace(CLINIC)).changed
    assert not do(store, history.update, clinic, replace(CLINIC), valid_from="2015-01-01").changed
    assert kinds(store, clinic) == ["create"]


@pytest.mark.parametrize("day", ["2020", "2020-13-01", "tomorrow", "2020-01-01T00:00:00Z", "'; DROP TABLE facility; --"])
def test_a_day_that_is_none_is_refused(store, clinic, day):
    """Valid time is told in days, and nothing else is taken for one."""
    with pytest.raises(InvalidInput, match="must be a day"):
        do(store, history.update, clinic, named("x"), valid_from=day)


def test_the_second_writer_is_told_what_the_first_changed(store, clinic):
    """Who saves over a revision that he has not seen is refused, with the fields that differ; contacts stay hidden."""
    with store.reading() as session:
        seen = facilities.get(session, clinic).revision
    do(store, history.correct, clinic, replace(CLINIC, name="先到", contact={"telephone": "13911111111"}), expected=seen)
    for change in (history.correct, history.confirm, history.delete):
        with pytest.raises(Conflict, match="name") as caught:
            do(store, change, clinic, *([named("后到")] if change is history.correct else []), reason="x", expected=seen)
        assert caught.value.changed["name"] == (CLINIC.name, "先到")
        assert "13911111111" not in f"{caught.value}{caught.value.changed}"
    with pytest.raises(Conflict):
        do(store, history.update, clinic, named("后到"), valid_from="2020-01-01", expected=seen)
    with pytest.raises(Conflict):
        do(store, facilities.save, named("后到"), facility_id=clinic, expected=seen)
    with pytest.raises(Conflict, match="has no revision 999"):
        do(store, history.confirm, clinic, expected=999)
    assert name_on(store, clinic) == "先到"


def test_a_clock_that_was_set_back_does_not_mix_up_the_order(store, clinic, monkeypatch):
    """What is recorded later is recorded later, whatever the clock says."""
    monkeypatch.setattr(history, "now", lambda: "2001-01-01T00:00:00.000000Z")
    do(store, history.correct, clinic, named("一"))
    do(store, history.correct, clinic, named("二"))
    with store.reading() as session:
        recorded = [each.recorded_at for each in history.versions(session, clinic)]
    assert recorded == sorted(recorded, reverse=True)
    assert len(set(recorded)) == 3


def test_many_writers_lose_nothing(store, clinic):
    """Eight writers at once, each adding one bed until it succeeds: no bed is lost, and the log holds."""
    conflicts = itertools.count()

    def add_beds(times: int) -> None:
        for _ in range(times):
            while True:
                with store.reading() as session:
                    seen = facilities.get(session, clinic)
                beds = [{"kind": "actual", "year": None, "count": 1 + sum(bed["count"] for bed in seen.facility.beds)}]
                try:
                    do(store, history.correct, clinic, replace(seen.facility, beds=beds), expected=seen.revision)
                except Conflict:
                    next(conflicts)
                else:
                    break

    threads = [threading.Thread(target=add_beds, args=(3,)) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    with store.reading() as session:
        assert facilities.get(session, clinic).facility.beds[0]["count"] == 24
        assert audit.verify(session).holds
    assert len(kinds(store, clinic)) == 25


# -- laws over random histories ------------------------------------------------------------------

DAYS = [(date(2000, 1, 1) + timedelta(days=400 * number)).isoformat() for number in range(8)]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("correct"), st.sampled_from(DAYS), st.sampled_from("甲乙丙")),
        st.tuples(st.just("update"), st.sampled_from([*DAYS, BEYOND]), st.sampled_from("甲乙丙丁")),
        st.tuples(st.sampled_from(["delete", "restore", "confirm"])),
    ),
    min_size=1, max_size=9,
)


class Twin:
    """The slow obvious twin: on each day that matters the name, written out; a full copy kept at every moment."""

    def __init__(self, opened: str) -> None:
        self.days = sorted({*DAYS, BEYOND, "1999-01-01", today(), opened})
        self.starts = {opened}
        self.names = {day: CLINIC.name if day >= opened else None for day in self.days}
        self.gone = False

    def step(self, step) -> bool:
        """Take a step; False where it must be refused."""
        kind = step[0]
        if kind == "restore":
            was, self.gone = self.gone, False
            return was
        if self.gone:
            return False
        if kind == "delete":
            self.gone = True
        elif kind in ("correct", "confirm"):
            day = step[1] if kind == "correct" else today()
            if self.names[day] is None:
                return False
            if kind == "correct":
                self._fill(max(start for start in self.starts if start <= day), step[2])
        elif self.names[step[1]] != step[2]:
            self.starts.add(step[1])
            self._fill(step[1], step[2])
        return True

    def _fill(self, start: str, name: str) -> None:
        end = min((each for each in self.starts if each > start), default="9")
        for day in self.days:
            if start <= day < end:
                self.names[day] = name

    def seen(self):
        return dict.fromkeys(self.days) if self.gone else dict(self.names)


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory) -> Iterator[object]:
    """One workspace for all random histories; each has a facility of its own."""
    made = create_store(tmp_path_factory.mktemp("random") / "w")
    yield made
    made.close()


def take(session, number, step, opened):
    """Take a step whose content opened on the same day."""
    if step[0] in ("correct", "update"):
        facility = replace(CLINIC, name=step[2], opened_on=opened)
        if step[0] == "correct":
            return history.correct(session, number, facility, valid_at=step[1], **BY)
        return history.update(session, number, facility, valid_from=step[1], **BY)
    return getattr(history, step[0])(session, number, reason="试", **BY)


@given(steps=STEPS, opened=st.sampled_from(DAYS[:4]))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@pytest.mark.slow
def test_every_moment_of_the_past_stays_as_it_was(shared_store, steps, opened):
    """After any sequence of changes each past moment answers as a copy made then, and the days as the naive model says."""
    twin = Twin(opened)
    number, _ = do(shared_store, facilities.save, replace(CLINIC, opened_on=opened), facility_id=None)
    copies = []

    def remember():
        with shared_store.reading() as session:
            moment = max(each.recorded_at for each in history.versions(session, number))
        copies.append((moment, twin.seen()))

    remember()
    for step in steps:
        before = len(kinds(shared_store, number))
        expected = twin.step(step)
        try:
            with shared_store.writing() as session:
                take(session, number, step, opened)
            assert expected, f"{step} was taken"
        except (FacilityNotFound, InvalidInput):
            assert not expected, f"{step} was refused"
            assert len(kinds(shared_store, number)) == before
        remember()
        timeline = believed(shared_store, number)
        for (_, end, _, _), (start, _, _, _) in itertools.pairwise(timeline):
            assert end == start, "believed valid times overlap, or leave a hole"
        assert all(start < end for start, end, _, _ in timeline)
    with shared_store.reading() as session:
        for moment, copy in copies:
            for day, name in copy.items():
                found = facilities.find(session, FacilityQuery(ids=[number], valid_at=day, recorded_at=moment))
                assert [each.facility.name for each in found] == ([] if name is None else [name]), (moment, day)


def test_the_log_of_all_random_histories_holds(shared_store):
    """Whatever was done above, every line of the log is sealed and answers for what is there."""
    do(shared_store, facilities.save, CLINIC, facility_id=None)
    with shared_store.reading() as session:
        assert audit.verify(session).holds
