"""Measuring from a page: by a plain form, and in place with one bar, cancel, and the percentage in the title."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import replace

import pytest
from api.own_server import served_here
from fastapi.testclient import TestClient
from people import BY, GOOD_PASSWORD, headers_of
from playwright.sync_api import expect
from workflows.small_county import furnish

from geosvc.accounts.people import Person, Role, rights_of
from geosvc.application import create_app
from geosvc.language import words
from geosvc.registry import facilities
from geosvc.settings import Settings
from geosvc.workflows import jobs, measuring, people
from geosvc.workflows.backup import restore_backup, write_backup
from geosvc.workflows.job_runner import Runner
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study
from geosvc.workflows.workspace import open_workspace

HTML = {"accept": "text/html"}
ZH, DRIVE, CENTRES = words("zh"), "hospital-drive", "township-centre-drive"
MAP, GAPS = f"/?service={DRIVE}", f"/gaps?service={DRIVE}"


@pytest.fixture(scope="module")
def furnished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("county")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    store = furnish(settings, folder)
    write_backup(store, folder / "county.zip")
    store.close()
    return folder / "county.zip"


@pytest.fixture
def world(furnished, settings):
    restore_backup(furnished, settings.workspace)
    store = open_workspace(settings)
    yield store, settings
    store.close()


@pytest.fixture
def pages(world):
    """A browser without script, signed in as an analyst; nobody does the jobs unless the test does."""
    store, settings = world
    app = create_app(settings)
    app.state.jobs.stop()
    client = TestClient(app, raise_server_exceptions=False, follow_redirects=False, headers=HTML)
    client.key = headers_of(store, "analyst", None, "analyst")
    yield client
    app.state.close_store()


def do_all(world):
    """Do the jobs that wait."""
    store, settings = world
    runner = Runner(lambda: store, settings, every_seconds=0.02)
    runner.wake()
    end = time.monotonic() + 30
    while "waiting" in (states := states_of(store)) or "running" in states:
        assert time.monotonic() < end
        time.sleep(0.02)
    runner.stop()


def states_of(store):
    return [each["state"] for each in jobs.list_jobs(store, Person(name="t", rights=rights_of(Role.ADMIN)))[0]]


def form_of(page: str) -> dict[str, str]:
    """Return the fields of the form that measures."""
    form = re.search(r'<form class="measure-now".*?</form>', page, re.DOTALL)
    assert form is not None
    return {name: value.replace("&amp;", "&") for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form.group())}


# -- without script ----------------------------------------------------------------------------


@pytest.mark.parametrize("address", [MAP, GAPS])
@pytest.mark.slow
def test_a_missing_answer_is_measured_by_a_plain_form(pages, world, address):
    """The button leads to a page that looks again by itself; at the end it leads back to the page with its answer."""
    answer = pages.post("/jobs", data=form_of(pages.get(address, headers=pages.key).text), headers=pages.key)
    assert answer.status_code == 303
    target = answer.headers["location"]
    waiting = pages.get(target, headers=pages.key)
    assert 'http-equiv="refresh"' in waiting.text
    assert ZH["job_waiting"] in waiting.text
    assert f'href="{target.split("?")[0]}' in pages.get(address, headers=pages.key).text, "whoever comes back finds it under way"
    do_all(world)
    done = pages.get(target, headers=pages.key).text
    assert "http-equiv" not in done.split("<body")[0].replace("charset", "")
    assert ZH["job_done"] in done
    assert f'class="button" href="{address}"' in done
    assert "measure-now" not in pages.get(address, headers=pages.key).text


@pytest.mark.slow
def test_a_stale_answer_and_another_day(pages, world):
    """After a change both pages offer to measure anew, over the old answer; a day that was never measured offers itself."""
    store, settings = world
    measure_service(Study(store, settings), DRIVE)
    with store.writing() as session:
        facilities.save(session, replace(facilities.get(session, 1).facility, lon=126.86), facility_id=1, **BY)
    for address in (MAP, GAPS):
        page = pages.get(address, headers=pages.key).text
        assert ZH["changed_since"] in page
        assert form_of(page)["service"] == DRIVE
        assert "datetime" not in form_of(page)
    then = f"{GAPS}&datetime=2020-01-01"
    asked = form_of(pages.get(then, headers=pages.key).text)
    assert (asked["datetime"], asked["back"]) == ("2020-01-01", then)
    pages.post("/jobs", data=asked, headers=pages.key)
    do_all(world)
    assert "measure-now" not in pages.get(then, headers=pages.key).text
    assert ZH["changed_since"] in pages.get(MAP, headers=pages.key).text, "the answer of a day is not today's"


def test_only_who_may_measure_sees_the_button(pages, world):
    store, _settings = world
    for headers in ({}, headers_of(store, "viewer"), headers_of(store, "analyst", ["990001100"])):
        for address in (MAP, GAPS):
            page = pages.get(address, headers=headers)
            assert page.status_code == 200
            assert "measure-now" not in page.text
    assert pages.get("/jobs").status_code == 303
    assert pages.post("/jobs", data={"service": DRIVE}).status_code == 401
    assert states_of(store) == []


def test_what_cannot_be_computed_has_no_button_and_is_refused(pages, world):
    page = pages.get("/?service=blood-point-drive", headers=pages.key)
    assert "measure-now" not in page.text
    for asked in ({}, {"service": "none"}, {"service": DRIVE, "datetime": "soon"}):
        answer = pages.post("/jobs", data=asked, headers=pages.key)
        assert answer.status_code == 409
        assert ZH["jobs_refused"] in answer.text


def test_the_list_and_cancelling(pages, world):
    """All services are asked for from the list; a waiting job is cancelled there; a failed one says why."""
    target = pages.post("/jobs", data={"kind": "measure_all"}, headers=pages.key).headers["location"]
    assert ZH["job_all_services"] in pages.get("/jobs", headers=pages.key).text
    pages.post("/jobs", data={"service": CENTRES}, headers=pages.key)
    cancelled = pages.post(f"{target}/cancel", data={"back": "https://elsewhere.example/"}, headers=pages.key)
    assert cancelled.headers["location"] == target, "nothing leads to another site"
    listed = pages.get("/jobs", headers=pages.key)
    assert ZH["job_cancelled"] in listed.text
    assert listed.headers["cache-control"] == "no-store"
    assert "/jobs" in pages.get("/account", headers=pages.key).text
    english = pages.get("/jobs", params={"lang": "en"}, headers=pages.key).text
    assert "Every service" in english
    assert "Waiting" in english
    assert pages.get("/jobs?before=2", headers=pages.key).text.count('<td class="num">') == 1
    for address in ("/jobs/99", "/jobs/x", "/jobs?before=x"):
        assert pages.get(address, headers=pages.key).status_code == 404


def test_another_persons_job_is_not_there(pages, world):
    target = pages.post("/jobs", data={"service": DRIVE}, headers=pages.key).headers["location"]
    assert pages.get(target, headers=headers_of(world[0], "analyst", None, "other")).status_code == 404
    assert pages.get(target, headers=headers_of(world[0], "admin")).status_code == 200


# -- in a browser ------------------------------------------------------------------------------


class Gate:
    """Holds every surface until it is opened, or breaks it."""

    def __init__(self, monkeypatch):
        self.open, self.error = threading.Event(), None
        real = measuring.surface_of

        def slow(*told, **named):
            assert self.open.wait(30)
            if self.error is not None:
                raise self.error
            return real(*told, **named)

        monkeypatch.setattr(measuring, "surface_of", slow)


@pytest.fixture
def gate(monkeypatch):
    made = Gate(monkeypatch)
    yield made
    made.open.set()


@pytest.fixture
def server(world, gate):
    """A server in this process, so that the test decides how long a surface takes."""
    store, settings = world
    _account, link = people.create_account(store, "wang", role="analyst", areas=None, **BY)
    people.use_link(store, link, GOOD_PASSWORD, name=None, hours=1)
    with served_here(create_app(settings)) as address:
        yield address
        gate.open.set()


@pytest.fixture
def signed_in(open_page, server):
    page = open_page(server, "/sign-in")
    page.fill("[name=name]", "wang")
    page.fill("[name=password]", GOOD_PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(re.compile("/$"))

    def to(path):
        page.goto(server + path)
        return page

    return to


def test_one_bar_in_place_and_the_page_anew(signed_in, world, gate):
    """The bar stands where the button stood, the title carries the percentage, and the map comes by itself; a reload in between finds it again."""
    page = signed_in(MAP)
    title = page.title()
    expect(page.locator(".map-empty")).to_be_visible()
    page.click(f"text={ZH['measure_now']}")
    bar = page.locator(".job-progress progress")
    expect(bar).to_have_attribute("value", "10")
    expect(page.locator("text=" + ZH["job_step_ground"])).to_be_visible()
    expect(page).to_have_title(f"10 % · {title}")
    expect(page.locator(".measure-now [type=submit]")).to_be_hidden()
    page.reload()
    expect(bar).to_have_attribute("value", "10")
    gate.open.set()
    expect(page.locator("html")).to_have_attribute("data-map", "ready")
    expect(page.locator(".measure-now")).to_have_count(0)
    expect(page).to_have_title(title)
    assert states_of(world[0]) == ["done"]


@pytest.mark.slow
def test_cancelled_in_the_middle_the_old_map_stays(signed_in, world, gate):
    """Stale, measured anew, cancelled: the map of before is still there, the button is back, and nothing was stored."""
    store, settings = world
    gate.open.set()
    measure_service(Study(store, settings), DRIVE)
    gate.open.clear()
    with store.writing() as session:
        facilities.save(session, replace(facilities.get(session, 1).facility, lon=126.86), facility_id=1, **BY)
    page = signed_in(MAP)
    title = page.title()
    expect(page.locator("html")).to_have_attribute("data-map", "ready")
    page.click(f"text={ZH['measure_now']}")
    expect(page.locator(".job-progress progress")).to_have_attribute("value", "10")
    page.click(".job-cancel")
    expect(page.locator(".job-said")).to_have_text(ZH["job_cancelling"])
    expect(page.locator("html")).to_have_attribute("data-map", "ready")
    gate.open.set()
    expect(page.locator(".job-problem")).to_have_text(ZH["job_cancelled"])
    expect(page.locator(".measure-now [type=submit]")).to_be_enabled()
    expect(page).to_have_title(title)
    assert len(list(store.runs.iterdir())) == 1
    page.click(f"text={ZH['measure_now']}")
    expect(page.locator(".stale")).to_have_count(0)
    expect(page.locator("html")).to_have_attribute("data-map", "ready")


def test_a_failure_is_said_and_the_old_list_stays(signed_in, world, gate):
    store, settings = world
    gate.open.set()
    measure_service(Study(store, settings), DRIVE)
    with store.writing() as session:
        facilities.save(session, replace(facilities.get(session, 1).facility, lon=126.86), facility_id=1, **BY)
    gate.error = OSError(28, "No space left on device")
    page = signed_in(GAPS)
    rows = page.locator("tbody tr").count()
    page.click(f"text={ZH['measure_now']}")
    expect(page.locator(".job-problem")).to_contain_text(ZH["job_failed_text"])
    expect(page.locator(".job-problem")).to_contain_text("the server's log knows more")
    assert page.locator("tbody tr").count() == rows > 0
    expect(page.locator(".measure-now [type=submit]")).to_be_visible()


@pytest.mark.slow
def test_by_keyboard_and_without_script(open_page, server, gate, world):
    """The form is a form: Enter sends it, and without script the job's page leads on."""
    page = open_page(server, "/sign-in", java_script_enabled=False)
    page.fill("[name=name]", "wang")
    page.fill("[name=password]", GOOD_PASSWORD)
    page.press("[name=password]", "Enter")
    page.goto(server + GAPS)
    page.focus(".measure-now [type=submit]")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/jobs/1"))
    expect(page.locator(".job-box progress")).to_have_attribute("value", "10")
    gate.open.set()
    expect(page.locator("a.button").first).to_have_text(ZH["job_back"])
    expect(page.locator(".job-box")).to_contain_text(ZH["job_done"])
