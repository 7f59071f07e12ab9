"""Jobs: done in the background, once for all who ask, cancelled between steps, never lost without a word."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import combinations

import pytest
from people import BY
from sqlalchemy import text
from workflows.small_county import furnish

from geosvc.accounts.people import Person, Role, rights_of
from geosvc.errors import (
    Busy,
    InvalidParameter,
    JobNotFound,
    NoFacility,
    NotAllowed,
    NotSignedIn,
    ServiceNotFound,
    StoreError,
)
from geosvc.registry import facilities
from geosvc.registry.moments import now
from geosvc.settings import Settings
from geosvc.store.audit import newest_seal
from geosvc.store.jobs import JobRow, claim_job, job_numbered, waiting_in_order, write_job
from geosvc.store.runs import RunRow
from geosvc.workflows import job_runner, jobs, measuring, scenario_runs, scenarios
from geosvc.workflows.backup import restore_backup, write_backup
from geosvc.workflows.job_runner import Runner
from geosvc.workflows.workspace import open_workspace

DRIVE, CENTRES = "hospital-drive", "township-centre-drive"
ASKED = {"service": DRIVE}


def person(name="甲", role=Role.ANALYST, areas=None) -> Person:
    return Person(name=name, rights=rights_of(role), role=role, areas=areas, account_id=7)


FIRST, SECOND, ADMIN = person(), person("乙"), person("管理员", Role.ADMIN)


@pytest.fixture(scope="module")
def furnished(tmp_path_factory):
    """The small county as a backup: every test gets a workspace of its own without importing anew."""
    folder = tmp_path_factory.mktemp("county")
    store = furnish(Settings(workspace=folder / "workspace"), folder)
    write_backup(store, folder / "county.zip")
    store.close()
    return folder / "county.zip"


@pytest.fixture
def county(furnished, settings):
    restore_backup(furnished, settings.workspace)
    store = open_workspace(settings)
    yield store
    store.close()


@contextmanager
def working(store, settings, **options):
    """A runner that looks often; stopped at the end."""
    runner = Runner(lambda: store, settings, **{"every_seconds": 0.02, "lease_seconds": 5.0, "write_every_seconds": 0.0, **options})
    runner.wake()
    try:
        yield runner
    finally:
        runner.stop()


def until(done, seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def over(store, number, who=ADMIN):
    """Wait for the end of a job and return it."""
    until(lambda: jobs.get_job(store, who, number)["state"] not in ("waiting", "running"))
    return jobs.get_job(store, who, number)


def ask(store, settings, who=FIRST, kind="measure", **parameters):
    return jobs.submit(store, settings, who, kind, parameters or ASKED)


class Gate:
    """Holds every surface until it is opened: a service that takes long."""

    def __init__(self, monkeypatch):
        self.reached, self.open = threading.Event(), threading.Event()
        self.passed = 0
        real = measuring.surface_of

        def slow(*told, **named):
            self.reached.set()
            assert self.open.wait(20)
            self.passed += 1
            return real(*told, **named)

        monkeypatch.setattr(measuring, "surface_of", slow)


@pytest.fixture
def gate(monkeypatch):
    made = Gate(monkeypatch)
    yield made
    made.open.set()


def runs(store) -> set[str]:
    """Return the runs that are there, in the database and as files; nothing half stored beside them."""
    with store.reading() as session:
        known = {row.id for row in session.query(RunRow)}
    assert {each.name for each in store.runs.iterdir()} == known
    return known


# -- the way of a job --------------------------------------------------------------------------


def test_a_job_waits_runs_and_names_its_run(county, settings, gate):
    """Asked for, it waits; the runner begins it, tells how far it is, and its result is the run that is the service's answer."""
    told = ask(county, settings)
    assert (told["state"], told["before"], told["attempts"], told["result"]) == ("waiting", 0, 0, None)
    with working(county, settings):
        assert gate.reached.wait(20)
        until(lambda: jobs.get_job(county, FIRST, told["id"])["progress"] > 0)
        running = jobs.get_job(county, FIRST, told["id"])
        assert (running["state"], running["progress"], running["step"]) == ("running", 0.1, f"{DRIVE}: ground")
        assert running["started_at"] >= running["created_at"]
        gate.open.set()
        done = over(county, told["id"])
    assert (done["state"], done["progress"], done["attempts"], done["error"]) == ("done", 1.0, 1, None)
    assert done["result"]["measured"] == [{"service": DRIVE, "run": runs(county).pop()}]
    assert done["finished_at"] >= done["started_at"]


def test_the_last_word_before_a_long_step_is_told(county, settings, monkeypatch):
    """Told too soon after the one before, it is written a little later: a page must not say 0 % for minutes."""
    over_now = threading.Event()

    def slow(_store, _settings, _wanted, _author, tell, outcome):
        tell(0.0, "first")
        tell(0.1, "second")
        assert over_now.wait(20)
        outcome.update({"measured": [], "not_computable": {}})

    monkeypatch.setattr(job_runner.job_kinds, "do", slow)
    with working(county, settings, write_every_seconds=0.3, lease_seconds=60.0):
        number = ask(county, settings)["id"]
        until(lambda: jobs.get_job(county, FIRST, number)["step"] == "second", 5)
        over_now.set()
        over(county, number)


def test_progress_is_written_a_few_times_a_second_at_most(county, settings, monkeypatch):
    written = []
    real = job_runner.write_job
    monkeypatch.setattr(job_runner, "write_job", lambda session, *told: written.append(time.monotonic()) or real(session, *told))

    def busy(_store, _settings, _wanted, _author, tell, outcome):
        for step in range(3000):
            tell(step / 3000, str(step))
        outcome.update({"measured": [], "not_computable": {}})

    monkeypatch.setattr(job_runner.job_kinds, "do", busy)
    with working(county, settings, write_every_seconds=0.2):
        over(county, ask(county, settings)["id"])
    assert len(written) <= 2 + 2 * (written[-1] - written[0]) / 0.2


def test_all_services_are_measured_and_those_without_an_answer_say_why(county, settings):
    told = ask(county, settings, kind="measure_all", datetime="")
    assert told["parameters"] == {}
    with working(county, settings):
        done = over(county, told["id"])
    assert done["state"] == "done"
    measured = {each["service"]: each["run"] for each in done["result"]["measured"]}
    assert {DRIVE, CENTRES} <= set(measured)
    assert done["result"]["not_computable"]
    assert not set(measured) & set(done["result"]["not_computable"])
    assert set(measured.values()) == runs(county)


def test_a_scenario_is_measured_with_its_baseline(county, settings):
    document = {"name": "关", "notes": "", "changes": {"open": [{"number": 1, "class_code": "A100", "name": "东院", "lon": 126.97, "lat": 42.36}]}}
    number = scenarios.create(county, FIRST, document, origin="test")["id"]
    told = ask(county, settings, SECOND, scenario=str(number), service=DRIVE)
    assert told["parameters"] == {"service": DRIVE, "scenario": number}
    with working(county, settings):
        one = over(county, told["id"])["result"]
    assert one["scenario"] == number
    assert {one["measured"][0]["run"], one["measured"][0]["baseline"]} == runs(county)
    assert scenario_runs.run_of(county, FIRST, str(number), DRIVE)[0] == one["measured"][0]["run"]


def test_of_another_day_and_under_conditions(county, settings):
    """What measure --datetime and --condition do is a job, too; the run of that day does not become today's answer."""
    with working(county, settings):
        done = over(county, ask(county, settings, service=DRIVE, conditions=["winter"])["id"])
        then = over(county, ask(county, settings, service=DRIVE, datetime="2040-01-01")["id"])
    with county.reading() as session:
        assert session.get(RunRow, done["result"]["measured"][0]["run"]).parameters["conditions"] == ["winter"]
        assert session.get(RunRow, then["result"]["measured"][0]["run"]).valid_at == "2040-01-01"


# -- what is asked -----------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "parameters", "error"), [
    ("dance", {}, InvalidParameter), ("measure", [], InvalidParameter), ("measure", {}, InvalidParameter), ("measure", {"service": ""}, InvalidParameter),
    ("measure", {"service": "none"}, ServiceNotFound), ("measure", {"service": 3}, InvalidParameter), ("measure", {"service": DRIVE, "limit": 3}, InvalidParameter),
    ("measure", {"service": DRIVE, "datetime": "soon"}, InvalidParameter), ("measure", {"service": DRIVE, "conditions": "winter"}, InvalidParameter),
    ("measure", {"service": DRIVE, "conditions": ["no-such"]}, InvalidParameter), ("measure", {"service": DRIVE, "speed_kmh": True}, InvalidParameter),
    ("measure", {"service": DRIVE, "speed_kmh": float("nan")}, InvalidParameter), ("measure", {"scenario": "x"}, InvalidParameter),
    ("measure", {"scenario": 1, "datetime": "2026-01-01"}, InvalidParameter), ("measure_all", {"service": DRIVE}, InvalidParameter),
    ("measure", {"service": "village-clinic-walk"}, (NoFacility, ServiceNotFound)),
])
def test_what_cannot_be_answered_is_refused_at_once(county, settings, kind, parameters, error):
    """Nobody waits in a queue for a refusal, and no job is left of it."""
    with pytest.raises(error) as refused:
        jobs.submit(county, settings, FIRST, kind, parameters)
    assert len(str(refused.value)) > 20
    assert jobs.list_jobs(county, ADMIN) == ([], 0)


def test_who_may(county, settings):
    """Measuring is for analysts of every area; nobody unknown starts anything on a public server."""
    for who, error in ((person(role=Role.VIEWER), NotAllowed), (person(areas=("990001100",)), NotAllowed),
                       (Person(name="anonymous", rights=frozenset(rights_of(Role.VIEWER))), NotSignedIn)):
        for attempt in (lambda who=who: ask(county, settings, who), lambda who=who: jobs.list_jobs(county, who),
                        lambda who=who: jobs.get_job(county, who, 1), lambda who=who: jobs.cancel(county, who, 1)):
            with pytest.raises(error):
                attempt()


def test_others_do_not_see_a_job(county, settings):
    """Who did not ask for it finds none under its number; administrators see all."""
    number = ask(county, settings)["id"]
    for attempt in (jobs.get_job, jobs.cancel):
        with pytest.raises(JobNotFound):
            attempt(county, SECOND, number)
    assert jobs.list_jobs(county, SECOND) == ([], 0)
    assert [each["id"] for each in jobs.list_jobs(county, ADMIN, state="open")[0]] == [number]


@pytest.mark.slow
def test_two_who_ask_the_same_get_the_same_job(county, settings, gate):
    """Asked at the same time by many, it is computed once; another question is another job."""
    found, crowd = [], [person(f"人{n}") for n in range(8)]
    threads = [threading.Thread(target=lambda who=who: found.append(ask(county, settings, who)["id"])) for who in crowd]
    with working(county, settings):
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert gate.reached.wait(20)
        again = ask(county, settings)
        assert set(found) == {again["id"]}
        assert (again["state"], again["others"]) == ("running", 8)
        other = ask(county, settings, service=CENTRES)["id"]
        assert other != again["id"]
        gate.open.set()
        assert {over(county, again["id"], who)["state"] for who in crowd} == {"done"}
        over(county, other)
    assert len(runs(county)) == gate.passed == 2


@pytest.mark.slow
def test_ten_different_ones_are_all_answered(county, settings):
    weather = ("winter", "rain", "night")
    tried = [(service, list(some)) for service in (DRIVE, CENTRES) for count in range(4) for some in combinations(weather, count)][:10]
    asked = [ask(county, settings, person(f"人{n}"), service=service, conditions=conditions)["id"] for n, (service, conditions) in enumerate(tried)]
    assert len(set(asked)) == 10
    with working(county, settings), working(county, settings):
        ended = [over(county, number) for number in asked]
    assert [each["state"] for each in ended] == ["done"] * 10
    assert len({each["result"]["measured"][0]["run"] for each in ended}) == len(runs(county)) == 10


def test_who_asks_for_many_does_not_hold_up_the_others(county, settings):
    """The first job of each is begun before the second of any."""
    mine = [ask(county, settings, service=DRIVE, conditions=[each])["id"] for each in ("winter", "rain", "night")]
    yours = ask(county, settings, SECOND)["id"]
    with county.reading() as session:
        assert waiting_in_order(session) == [mine[0], yours, *mine[1:]]
    assert jobs.get_job(county, SECOND, yours)["before"] == 1


def test_one_person_cannot_fill_the_queue(county, settings, monkeypatch):
    monkeypatch.setattr(jobs, "MOST_OPEN", 2)
    kept = [ask(county, settings, service=DRIVE, conditions=[each])["id"] for each in ("winter", "rain")]
    with pytest.raises(Busy, match="cancel one"):
        ask(county, settings)
    assert ask(county, settings, service=DRIVE, conditions=["rain"])["id"] == kept[1]
    assert ask(county, settings, SECOND)["state"] == "waiting"
    jobs.cancel(county, FIRST, kept[0])
    assert ask(county, settings)["state"] == "waiting"


# -- cached by what goes in --------------------------------------------------------------------


def test_the_same_inputs_are_answered_at_once_and_others_are_not(county, settings):
    """A stored run is the answer of its inputs and of no others; inputs of before find their run of before."""
    with working(county, settings):
        first = over(county, ask(county, settings)["id"])
    again = ask(county, settings, SECOND)
    assert (again["state"], again["result"], again["attempts"]) == ("done", first["result"], 0)
    with county.writing() as session:
        facilities.save(session, _moved(facilities.get(session, 1).facility), facility_id=1, **BY)
    other = ask(county, settings)
    assert other["state"] == "waiting"
    with working(county, settings):
        moved = over(county, other["id"])
    assert moved["result"] != first["result"]
    assert len(runs(county)) == 2


def _moved(held):
    return replace(held, lon=126.86)


def test_a_run_whose_files_are_gone_is_computed_again(county, settings):
    with working(county, settings):
        first = over(county, ask(county, settings)["id"])["result"]
        run = first["measured"][0]["run"]
        (county.runs / run / "surface.tif").unlink()
        again = ask(county, settings)
        assert again["state"] in ("waiting", "running")
        assert over(county, again["id"])["result"] == first
    assert (county.runs / run / "surface.tif").is_file()


def test_a_change_while_it_runs_makes_another_job(county, settings, gate):
    """Who asks after a change must not be given what was computed on the data of before."""
    with working(county, settings):
        before = ask(county, settings)["id"]
        assert gate.reached.wait(20)
        with county.writing() as session:
            facilities.save(session, _moved(facilities.get(session, 1).facility), facility_id=1, **BY)
        after = ask(county, settings)["id"]
        assert after != before
        gate.open.set()
        ended = [over(county, number)["result"]["measured"][0]["run"] for number in (before, after)]
    assert ended[0] != ended[1]


# -- cancelling --------------------------------------------------------------------------------


def test_a_waiting_job_is_cancelled_at_once(county, settings):
    number = ask(county, settings)["id"]
    assert jobs.cancel(county, FIRST, number)["state"] == "cancelled"
    assert jobs.cancel(county, FIRST, number)["state"] == "cancelled"
    with working(county, settings):
        other = over(county, ask(county, settings, service=CENTRES)["id"])
    assert other["state"] == "done"
    assert len(runs(county)) == 1


def test_a_running_job_ends_at_its_next_step_and_leaves_nothing_half_stored(county, settings, gate):
    with working(county, settings):
        number = ask(county, settings)["id"]
        assert gate.reached.wait(20)
        told = jobs.cancel(county, FIRST, number)
        assert (told["state"], told["cancelling"]) == ("running", True)
        assert ask(county, settings)["id"] != number, "what is being cancelled is joined by nobody"
        gate.open.set()
        ended = over(county, number)
        assert (ended["state"], ended["result"], ended["error"], ended["cancelling"]) == ("cancelled", None, None, False)
        assert over(county, number + 1)["state"] == "done"
    assert len(runs(county)) == 1


def test_what_was_measured_before_the_end_is_told(county, settings, gate, monkeypatch):
    """All services, cancelled in the middle: whole runs stay and are named."""
    with working(county, settings):
        number = ask(county, settings, kind="measure_all", datetime="")["id"]
        real = measuring._store

        def store_then_cancel(*told, **named):
            real(*told, **named)
            jobs.cancel(county, FIRST, number)

        monkeypatch.setattr(measuring, "_store", store_then_cancel)
        gate.open.set()
        ended = over(county, number)
    assert ended["state"] == "cancelled"
    assert len(runs(county)) == 1


def test_it_goes_on_for_the_others(county, settings, gate):
    """Cancelling a job that others wait for takes oneself out of it; the last one ends it, and so does an administrator."""
    with working(county, settings):
        number = ask(county, settings)["id"]
        ask(county, settings, SECOND)
        assert gate.reached.wait(20)
        told = jobs.cancel(county, FIRST, number)
        assert (told["state"], told["cancelling"], told["withdrawn"], told["others"]) == ("running", False, True, 1)
        assert not jobs.cancel(county, FIRST, number)["cancelling"]
        assert not ask(county, settings)["withdrawn"], "asking again joins again"
        jobs.cancel(county, FIRST, number)
        assert jobs.cancel(county, SECOND, number)["cancelling"]
        gate.open.set()
        assert over(county, number)["state"] == "cancelled"


def test_an_administrator_ends_it_for_all(county, settings):
    number = ask(county, settings)["id"]
    ask(county, settings, SECOND)
    ask(county, settings, ADMIN)
    assert jobs.cancel(county, ADMIN, number)["withdrawn"]
    assert jobs.cancel(county, ADMIN, number)["state"] == "cancelled"


# -- what fails --------------------------------------------------------------------------------


def test_a_refusal_on_the_way_is_told(county, settings, monkeypatch):
    """The disk is full while the run is stored: the job failed and says why, nothing is half stored, and the next one is done."""
    def full(*_told):
        raise OSError(28, "No space left on device")

    number = ask(county, settings)["id"]
    with monkeypatch.context() as broken:
        broken.setattr(measuring, "_write_files", full)
        with working(county, settings):
            ended = over(county, number)
    assert (ended["state"], ended["error"]["title"]) == ("failed", "StoreError")
    assert "No space left" in ended["error"]["detail"]
    assert runs(county) == set()
    with working(county, settings):
        assert over(county, ask(county, settings)["id"])["state"] == "done"


def test_an_unexpected_error_is_told_without_its_text_and_logged(county, settings, monkeypatch, caplog):
    def broken(*_told, **_named):
        raise ZeroDivisionError("secret of the inside")

    monkeypatch.setattr(measuring, "surface_of", broken)
    with working(county, settings):
        ended = over(county, ask(county, settings)["id"])
    assert ended["state"] == "failed"
    assert "secret" not in str(ended)
    assert "secret of the inside" in caplog.text
    assert ended["error"]["instance"].removeprefix("urn:geosvc:") in caplog.text


def test_an_end_that_cannot_be_written_is_written_later(county, settings, monkeypatch):
    """Somebody else writes for long, or the disk is full: the end of a job is not given up, its progress is."""
    real, failed = job_runner.write_job, []

    def often_full(session, number, owner, values):
        if len(failed) < 8:
            failed.append(values)
            raise StoreError("the workspace cannot be written: database or disk is full")
        return real(session, number, owner, values)

    monkeypatch.setattr(job_runner, "write_job", often_full)
    monkeypatch.setattr(job_runner, "_AGAIN_SECONDS", 0.01)
    with working(county, settings):
        assert over(county, ask(county, settings)["id"])["state"] == "done"
    assert "finished_at" in failed[-1]


# -- processes that end ------------------------------------------------------------------------


def test_a_server_that_is_stopped_puts_its_job_back(county, settings, gate):
    """Stopped in the middle it waits again, the attempt does not count, and the next start does it."""
    number = ask(county, settings)["id"]
    with working(county, settings):
        assert gate.reached.wait(20)
        threading.Timer(0.1, gate.open.set).start()
    told = jobs.get_job(county, FIRST, number)
    assert (told["state"], told["attempts"], told["note"]["code"], told["progress"]) == ("waiting", 0, "stopped", 0.0)
    with working(county, settings):
        assert over(county, number)["state"] == "done"


def test_a_server_that_cannot_wait_for_its_step_puts_its_job_back(county, settings, gate, monkeypatch):
    """A step longer than the patience of a stop is lost: what it writes afterwards is not taken."""
    monkeypatch.setattr(job_runner, "_STOP_SECONDS", 0.1)
    number = ask(county, settings)["id"]
    with working(county, settings) as runner:
        assert gate.reached.wait(20)
    assert runner._thread.is_alive()
    assert jobs.get_job(county, FIRST, number)["state"] == "waiting"
    gate.open.set()
    runner._thread.join()
    assert jobs.get_job(county, FIRST, number)["state"] == "waiting"


def lose(store, number):
    """Claim a job as a process that then ends without a word."""
    with store.writing() as session:
        assert claim_job(session, "gone", at=now(), lease_until=now()) == number


def test_a_lost_job_is_begun_again_and_given_up_after_three_times(county, settings):
    number = ask(county, settings)["id"]
    lose(county, number)
    with working(county, settings):
        ended = over(county, number)
    assert (ended["state"], ended["attempts"], ended["note"]["code"]) == ("done", 2, "lost")
    other = ask(county, settings, service=CENTRES)["id"]
    for attempt in range(1, 4):
        lose(county, other)
        assert jobs.get_job(county, FIRST, other)["attempts"] == attempt
        with county.writing() as session:
            job_runner.take_back_lost(session, at=now(), attempts=job_runner.MOST_ATTEMPTS, note="lost", error=job_runner._INTERRUPTED)
    told = jobs.get_job(county, FIRST, other)
    assert (told["state"], told["error"]["title"]) == ("failed", "Interrupted")
    assert "3 times" in told["error"]["detail"]


def test_a_lost_job_that_was_to_be_cancelled_is_cancelled(county, settings):
    number = ask(county, settings)["id"]
    lose(county, number)
    jobs.cancel(county, FIRST, number)
    with working(county, settings):
        assert over(county, number)["state"] == "cancelled"


def test_who_was_given_up_for_dead_writes_nothing_any_more(county, settings, gate):
    """A process that slept too long finds its job with another owner, and stops; the other one's end stands."""
    with working(county, settings, lease_seconds=60.0):
        number = ask(county, settings)["id"]
        assert gate.reached.wait(20)
        with county.writing() as session:
            job = job_numbered(session, number)
            job.owner = "another"
            assert not write_job(session, number, "gone", {"progress": 0.9})
        gate.open.set()
        until(lambda: gate.passed == 1)
        other = over(county, ask(county, settings, service=CENTRES)["id"])
        assert other["state"] == "done"
    told = jobs.get_job(county, FIRST, number)
    assert (told["state"], told["progress"]) == ("running", 0.1)
    assert runs(county) == {other["result"]["measured"][0]["run"]}, "it did not go on with what is another's"


def test_a_long_step_keeps_its_lease(county, settings, gate):
    """A step longer than the lease does not make anybody else begin the same job."""
    with working(county, settings, lease_seconds=0.4), working(county, settings, lease_seconds=0.4):
        number = ask(county, settings)["id"]
        assert gate.reached.wait(20)
        time.sleep(1.2)
        assert jobs.get_job(county, FIRST, number)["attempts"] == 1
        gate.open.set()
        assert over(county, number)["attempts"] == 1


def test_many_processes_claim_each_job_once(county, settings):
    """Twenty jobs, six claimers at once: every job has one owner."""
    for each in range(20):
        with county.writing() as session:
            session.add(JobRow(kind="measure", parameters={}, question=str(each), state="waiting", author=f"人{each % 3}", created_at=now()))
    claimed, lock = [], threading.Lock()

    def claim(name):
        store = open_workspace(settings)
        while True:
            with store.writing() as session:
                number = claim_job(session, name, at=now(), lease_until="9")
            if number is None:
                break
            with lock:
                claimed.append((number, name))
        store.close()

    threads = [threading.Thread(target=claim, args=(f"p{n}",)) for n in range(6)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sorted(number for number, _ in claimed) == list(range(1, 21))


SERVER = """
import sys
from pathlib import Path
import uvicorn
from geosvc.application import create_app
from geosvc.settings import Settings
from geosvc.workflows.job_runner import Runner
settings = Settings(workspace=Path(sys.argv[1]))
app = create_app(settings)
app.state.jobs = Runner(app.state.store, settings, every_seconds=0.1, lease_seconds=2.0)
uvicorn.run(app, host="127.0.0.1", port=0, log_level="warning")
"""


def serve(store):
    return subprocess.Popen([sys.executable, "-c", SERVER, str(store.folder)], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})


@pytest.mark.slow
def test_a_server_that_is_killed_in_the_middle_loses_nothing(settings, tmp_path):
    """Kill -9 while a surface of a million cells is computed: after a restart the job is done, with one whole run."""
    store = furnish(settings, tmp_path, cell_size_m=13.0)
    number = ask(store, settings)["id"]
    first = serve(store)
    try:
        until(lambda: jobs.get_job(store, FIRST, number)["progress"] > 0, 60)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert jobs.get_job(store, FIRST, number)["state"] == "running", "the test came too late: it was done already"
    assert runs_without_partial(store) == set()
    second = serve(store)
    try:
        until(lambda: jobs.get_job(store, FIRST, number)["state"] not in ("waiting", "running"), 90)
    finally:
        second.terminate()
        second.wait(30)
    done = jobs.get_job(store, FIRST, number)
    assert (done["state"], done["attempts"], done["note"]["code"]) == ("done", 2, "lost")
    assert runs_without_partial(store) == {done["result"]["measured"][0]["run"]}
    with store.reading() as session:
        assert session.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    store.close()


def runs_without_partial(store):
    """Return the runs; a killed process may leave a folder that begins with a point, which nobody reads."""
    with store.reading() as session:
        known = {row.id for row in session.query(RunRow)}
    assert {each.name for each in store.runs.iterdir() if not each.name.startswith(".")} == known
    return known


def test_old_jobs_are_forgotten_and_open_ones_are_not(county, settings, monkeypatch):
    monkeypatch.setattr(jobs, "_MOST_KEPT", 3)
    waits = ask(county, settings, service=CENTRES)["id"]
    with working(county, settings):
        over(county, waits)
    keeps = ask(county, settings, conditions=["winter"], service=DRIVE)["id"]
    for _ in range(6):
        ask(county, settings, service=CENTRES)
    found, matched = jobs.list_jobs(county, FIRST)
    assert matched == len(found) == 4
    assert found[-1]["id"] == keeps


def test_jobs_make_no_line_in_the_log_and_wake_no_page(county, settings):
    """The registry has not changed because somebody measured: what pages remember of it stays good."""
    with county.reading() as session:
        before = newest_seal(session)
    with working(county, settings):
        over(county, ask(county, settings)["id"])
    with county.reading() as session:
        assert newest_seal(session) == before
