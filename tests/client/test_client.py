"""The client for scripts, before the demo county's server: tables, pages, refusals as errors, waiting for jobs."""

from __future__ import annotations

import json

import numpy as np
import pytest
import rasterio
import requests
from requests.adapters import BaseAdapter

from geosvc import client as client_module
from geosvc import errors
from geosvc.client import Client


class InThisProcess(BaseAdapter):
    """Answers requests by a test client of the application."""

    def __init__(self, inner) -> None:
        super().__init__()
        self.inner, self.asked = inner, []

    def send(self, request, **_options):
        self.asked.append(request.url)
        told = self.inner.request(request.method, request.url, content=request.body, headers=dict(request.headers))
        return answer_of(request, told.status_code, told.content, dict(told.headers))

    def close(self) -> None:
        """Nothing to close."""


class Canned(BaseAdapter):
    """Answers with what was prepared, in order."""

    def __init__(self, *answers) -> None:
        super().__init__()
        self.answers = list(answers)

    def send(self, request, **_options):
        status, body, headers = self.answers.pop(0)
        return answer_of(request, status, body if isinstance(body, bytes) else json.dumps(body).encode(), headers)

    def close(self) -> None:
        """Nothing to close."""


def answer_of(request, status, content, headers):
    answer = requests.Response()
    answer.status_code, answer._content, answer.request, answer.url, answer.reason = status, content, request, request.url, "as told"
    answer.headers.update({name: value for name, value in headers.items() if name != "content-encoding"})
    return answer


def client_of(adapter, key=None):
    made = Client("http://testserver/", key)
    made.session.mount("http://", adapter)
    return made


@pytest.fixture
def demo(demo_client):
    adapter = InThisProcess(demo_client)
    made = client_of(adapter)
    made.adapter = adapter
    return made


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    """Whoever waits, waits no time; how long it would have been is kept."""
    slept = []
    monkeypatch.setattr(client_module.time, "sleep", slept.append)
    return slept


def test_a_table_is_what_the_api_says(demo):
    """One row for each area; states add up; what a reader must know comes along."""
    table = demo.coverage("hospital-drive", threshold="30min", level="township")
    told = demo.get("/services/hospital-drive/coverage", threshold="30min", level="township")
    assert list(table["area_code"]) == [row["area_code"] for row in told["rows"]]
    assert list(table["people_covered"]) == [row["people"]["covered"] for row in told["rows"]]
    states = [name for name in table if name.startswith("people_") and name != "people_total"]
    assert table[states].sum(axis=1).tolist() == table["people_total"].tolist()
    assert (table.attrs["run"], table.attrs["schematic"]) == (told["run"], True)
    assert not [name for name in table if name.startswith("km2_")]  # townships without outline: unknown, not 0


def test_all_pages_come(demo):
    """Every feature once, in the order of the server, those without a place too."""
    found = demo.features("facilities", limit=5)
    assert len(found) == found.attrs["numberMatched"] > 5
    assert found["id"].is_unique and found.geometry.isna().sum() == 4
    assert len([each for each in demo.adapter.asked if "cursor=" in each]) == (len(found) - 1) // 5
    assert found.crs.to_string() == "OGC:CRS84"


def test_gaps_and_none(demo):
    gaps = demo.gaps("hospital-drive", min_people=500)
    assert gaps.geometry.is_valid.all() and gaps.attrs["run"]
    nothing = demo.gaps("hospital-drive", min_people=1e9)
    assert len(nothing) == 0 and nothing.crs == gaps.crs and nothing.attrs["numberMatched"] == 0


def test_booleans_are_written_as_the_server_reads_them(demo):
    assert len(demo.features("facilities", located=False)) == 4


def test_the_surface_opens(demo):
    with rasterio.MemoryFile(demo.surface("hospital-drive")) as file, file.open() as surface:
        minutes = surface.read(1)
        assert surface.tags()["service"] == "hospital-drive"
    assert np.nanmin(minutes) >= 0


def test_what_if_and_explain(demo):
    told = demo.what_if("hospital-drive", {"conditions": ["winter"]}, parts=["figures"])
    table = demo.coverage("hospital-drive", level="total")
    assert told["thresholds"]["30min"]["people"]["covered"] < table["people_covered"].iloc[0]
    assert "areas" not in told
    assert demo.explain("hospital-drive", 126.81, 42.39)["state"] == "reached"


def test_changes_are_read_to_the_end(demo):
    found, cursor = demo.changes()
    again, same = demo.changes(cursor)
    assert len({each["line"] for each in found}) == len(found) > 100 and (again, same) == ([], cursor)


@pytest.mark.parametrize(("ask", "kind", "told"), [
    (lambda c: c.coverage("no-such"), errors.ServiceNotFound, "no-such"),
    (lambda c: c.gaps("hospital-drive", min_peeple=1), errors.InvalidParameter, "min_peeple"),
    (lambda c: c.coverage("emergency-chain"), errors.NoFacility, "emergency"),
    (lambda c: c.save_scenario("x", {"close": [1]}), errors.NotAllowed, "sign"),
    (lambda c: c.measure(service="hospital-drive"), errors.NotSignedIn, "sign"),
    (lambda c: c.what_if("hospital-drive", {"opens": []}), errors.InvalidParameter, "opens"),
], ids=["404", "400", "409", "401", "401 job", "400 body"])
def test_a_refusal_is_the_error_that_the_server_names(demo, ask, kind, told):
    with pytest.raises(kind, match=told) as refused:
        ask(demo)
    assert type(refused.value) in (kind, errors.NotSignedIn)


def test_a_busy_server_is_asked_again_and_not_for_ever(no_waiting):
    """Retry-After is waited for; at last the error says how long it would have been."""
    busy = (503, {"title": "Busy", "detail": "too much is asked at once", "status": 503}, {"Retry-After": "2"})
    assert client_of(Canned(busy, busy, (200, {"services": []}, {}))).services() == []
    assert no_waiting == [2.0, 2.0]
    with pytest.raises(errors.Busy) as refused:
        client_of(Canned(*[busy] * 9)).services()
    assert refused.value.retry_after_seconds == 2
    broken = (503, {"title": "WorkspaceNotFound", "detail": "no workspace", "status": 503}, {})
    with pytest.raises(errors.WorkspaceNotFound):
        client_of(Canned(broken)).services()


@pytest.mark.parametrize(("answer", "kind"), [
    ((412, {"title": "Conflict", "detail": "changed", "changed": {"name": ["a", "b"]}}, {}), errors.Conflict),
    ((422, {"title": "RefusedRows", "detail": "rows"}, {}), errors.InvalidInput),
    ((502, b"<html>Bad gateway</html>", {}), errors.StoreError),
    ((404, b"[]", {}), errors.NotFound),
    ((404, {"title": "HTTP error", "detail": "Not Found"}, {}), errors.NotFound),
    ((418, {"title": "GeosvcTeapot", "detail": "?"}, {}), errors.InvalidInput),
    ((400, {"title": "dataclass", "detail": "?"}, {}), errors.InvalidParameter),
], ids=str)
def test_answers_that_are_no_problem_of_ours_have_a_family(answer, kind):
    with pytest.raises(kind) as refused:
        client_of(Canned(answer)).services()
    if isinstance(refused.value, errors.Conflict):
        assert refused.value.changed == {"name": ["a", "b"]}
    assert str(refused.value)


def test_a_job_is_waited_for(no_waiting):
    """Until it is done; one that failed raises what went wrong, a cancelled one too, and patience ends."""
    job = {"id": 3, "state": "waiting", "progress": 0.0, "result": None, "error": None}
    running, done = {**job, "state": "running"}, {**job, "state": "done", "result": {"measured": []}}
    assert client_of(Canned((200, running, {"Retry-After": "2"}), (200, done, {}))).wait(job) == done
    assert no_waiting == [2.0]
    failed = {**job, "state": "failed", "error": {"title": "NoFacility", "status": 409, "detail": "nobody is there"}}
    with pytest.raises(errors.NoFacility, match="nobody is there"):
        client_of(Canned((200, failed, {}))).wait(job)
    with pytest.raises(errors.Unsolvable, match="was cancelled"):
        client_of(Canned()).wait({**job, "state": "cancelled"})
    with pytest.raises(TimeoutError, match="job 3 is waiting"):
        client_of(Canned((200, job, {}))).wait(job, timeout_seconds=-1)


def test_the_key_is_sent_and_not_to_others():
    made = client_of(Canned(), "secret")
    assert made.session.headers["Authorization"] == "Bearer secret"
    assert "secret" not in repr(made)


def test_a_next_link_to_another_server_is_refused():
    """The key goes to the server that it was made for, and nowhere else."""
    page = {"features": [], "links": [{"rel": "next", "href": "http://elsewhere.example/api/x"}]}
    with pytest.raises(errors.InvalidInput, match="elsewhere"):
        list(client_of(Canned((200, page, {})), "secret").pages("/changes"))
