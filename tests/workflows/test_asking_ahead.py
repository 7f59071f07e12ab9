"""The what-if is asked ahead in the background: nobody waits for it, and the first planner finds it made."""

from __future__ import annotations

import threading
import time

import pytest
from fastapi.testclient import TestClient
from people import BY
from workflows.small_county import furnish

from geosvc.application import create_app
from geosvc.coverage.changes import changes_from
from geosvc.registry import areas
from geosvc.registry.areas import Area
from geosvc.settings import Settings
from geosvc.workflows.live import Live, Warming
from geosvc.workflows.live.fields import Kept
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study

DRIVE = "hospital-drive"


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    folder = tmp_path_factory.mktemp("county")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    store = furnish(settings, folder, cell_size_m=400.0)
    measure_service(Study(store, settings), DRIVE)
    yield store, settings
    store.close()


class Counted(Live):
    """Counts the questions, and holds them until it is let go."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.asked: list[str] = []
        self.go = threading.Event()
        self.go.set()

    def what_if(self, store, service_id, *told):
        self.asked.append(service_id)
        assert self.go.wait(30)
        return super().what_if(store, service_id, *told)


def done(warming: Warming) -> None:
    end = time.monotonic() + 60
    while warming._thread is not None:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_the_first_question_finds_its_field_settled(county, monkeypatch):
    """After asking ahead a move edits what is there; without, a field is settled first."""
    store, settings = county
    settled = []
    real = Kept.fresh.__func__
    monkeypatch.setattr(Kept, "fresh", classmethod(lambda cls, *told: settled.append(1) or real(cls, *told)))
    move = changes_from({"move": [{"facility": 1, "lon": 126.86, "lat": 42.34}]})
    for warm in (True, False):
        live = Live(settings)
        if warm:
            warming = Warming(live, lambda: store, enabled=True)
            warming.soon(DRIVE)
            done(warming)
        before = len(settled)
        live.what_if(store, DRIVE, move)
        assert (len(settled) == before) == warm


def test_nobody_waits_and_nothing_is_asked_twice(county):
    store, settings = county
    live = Counted(settings)
    warming = Warming(live, lambda: store, enabled=True)
    live.go.clear()
    began = time.monotonic()
    warming.soon(DRIVE)
    warming.soon(DRIVE)
    assert time.monotonic() - began < 1
    live.go.set()
    done(warming)
    warming.soon(DRIVE)
    done(warming)
    assert live.asked == [DRIVE]
    warming.soon()  # the default service, whichever it is
    done(warming)
    assert live.asked in ([DRIVE], [DRIVE, live.asked[-1]])


def test_another_ground_is_asked_about_anew(county):
    """Facilities change often and the field is edited; areas, layers and people make another study."""
    store, settings = county
    live = Counted(settings)
    warming = Warming(live, lambda: store, enabled=True)
    for asked in (1, 2):
        warming.soon(DRIVE)
        done(warming)
        assert len(live.asked) == asked
        with store.writing() as session:
            areas.save(session, Area(code=f"99000190{asked}", name="新镇", level="township"), **BY)


def test_what_cannot_be_answered_is_left_to_who_asks(county, caplog):
    """No facility, no such service, no room: asking ahead is quiet, and goes on with the next."""
    store, settings = county
    live = Counted(settings)
    warming = Warming(live, lambda: store, enabled=True)
    for service in ("blood-point-drive", "no-such-service", DRIVE):
        warming.soon(service)
    done(warming)
    assert live.asked == ["blood-point-drive", "no-such-service", DRIVE]
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []
    small = Live(Settings(workspace=settings.workspace, what_if_mb=1))
    tight = Warming(small, lambda: store, enabled=True)
    tight.soon(DRIVE)
    done(tight)
    assert small.fields.nbytes <= 1024 * 1024


@pytest.mark.parametrize("warm_up", [True, False])
def test_a_server_asks_ahead_only_where_it_is_told_to(county, warm_up):
    """As it starts, and when a map is opened; tests and other programs that make an application do not."""
    _store, settings = county
    app = create_app(settings, warm_up=warm_up)
    asked = []
    app.state.warming._ask = asked.append
    with TestClient(app) as client:
        done(app.state.warming)
        assert client.get(f"/?service={DRIVE}").status_code == 200
        done(app.state.warming)
        assert client.get("/gaps").status_code == 200
        assert client.get(f"/?service={DRIVE}&datetime=2020-01-01").status_code == 200
        done(app.state.warming)
    assert asked == ([None, DRIVE] if warm_up else [])
    app.state.warming.soon(DRIVE)  # after its end nothing begins
    assert app.state.warming._thread is None
