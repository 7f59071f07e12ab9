"""Whatever the OpenAPI document allows to be asked: no 500, no read and no write outside of what somebody may."""

from __future__ import annotations

from contextlib import suppress

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from people import headers_of
from schemathesis.core.errors import InvalidSchema
from workspaces import copy_workspace

from geosvc.application import create_app
from geosvc.registry import areas, audit, facilities
from geosvc.registry.moments import today
from geosvc.settings import Settings
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery
from geosvc.store.scope import inside
from geosvc.workflows.workspace import open_workspace

MINE = "220622100"
ROLES = (None, "viewer", "scoped", "admin")
# Answers that carry text; pictures and grids are looked at elsewhere.
TEXT = ("json", "text", "csv")


@pytest.fixture(scope="module")
def county(demo_settings, tmp_path_factory):
    """A copy of the demo county that may be written, its server, and what each role sends."""
    folder = tmp_path_factory.mktemp("any") / "workspace"
    copy_workspace(demo_settings.workspace, folder)
    store = open_workspace(Settings(workspace=folder))
    sent = {role: {} if role is None else headers_of(store, "editor" if role == "scoped" else role, [MINE] if role == "scoped" else None,
                                                     name=f"any-{role}") for role in ROLES}
    app = create_app(Settings(workspace=folder))
    with TestClient(app, raise_server_exceptions=False) as client:
        yield app, client, store, sent
    store.close()


@pytest.fixture(scope="module")
def secrets(county):
    """Names of facilities and areas that somebody of one township must never read."""
    _app, _client, store, _sent = county
    with store.reading() as session:
        places = {each.name: each.code for each in areas.find(session, AreaQuery())}
        held = facilities.find(session, FacilityQuery())
    above = {code for code in places.values() if MINE.startswith(code)}
    mine = {each.facility.name for each in held if inside(each.facility.area_code, [MINE])} | {
        name for name, code in places.items() if inside(code, [MINE]) or code in above}
    outside = {each.facility.name for each in held} | set(places)
    outside -= mine
    # A name that is part of one's own, or of the words of the product, says nothing.
    return sorted(name for name in outside if len(name) > 3 and not any(name in own for own in mine))


def _stand(store):
    with store.reading() as session:
        return {(each.id, each.revision) for each in facilities.find(session, FacilityQuery()) if not inside(each.facility.area_code, [MINE])}


def _lines(store):
    with store.reading() as session:
        return audit.count(session)


def _ask_everything(county, role, secrets, examples):
    app, client, store, sent = county
    schema = schemathesis.openapi.from_asgi("/api/openapi.json", app)
    before, lines, asked = _stand(store), _lines(store), 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
        @given(case=operation.as_strategy())
        def ask(case):
            nonlocal asked
            with suppress(InvalidSchema):
                answer = case.call(headers={**(case.headers or {}), **sent[role]})
                asked += 1
                text = answer.text if any(each in answer.headers.get("content-type", "")[0] for each in TEXT) else ""
                assert answer.status_code < 500, (case.method, case.formatted_path, answer.text[:300])
                if role is None:
                    public = case.path in ("/api", "/api/conformance")
                    assert answer.status_code in ((200, 400) if public else (400, 401, 404, 413)), (case.method, case.path, answer.status_code)
                if role == "scoped":
                    told = [name for name in secrets if name in text and name not in str(case.body) and name not in str(case.query)]
                    assert not told, (case.method, case.path, told[:3])

        ask()
    assert asked > 40
    if role != "admin":
        assert _stand(store) == before
    if role in (None, "viewer"):
        assert _lines(store) == lines
    with store.reading() as session:
        assert audit.verify(session).holds


@pytest.mark.parametrize("role", [None, "scoped"], ids=str)
def test_whatever_is_asked(county, secrets, role):
    """A request or two of every operation; all roles and many requests are among the slow tests."""
    assert len(secrets) > 20
    _ask_everything(county, role, secrets, 2)


@pytest.mark.slow
@pytest.mark.parametrize("role", ROLES, ids=str)
def test_whatever_is_asked_often(county, secrets, role):
    _ask_everything(county, role, secrets, 60)


def test_every_plain_reading_shows_a_scoped_editor_nothing_else(county, secrets):
    """The addresses that are asked most, with the ids that are there: pages, lists, items, results, exports."""
    _app, client, store, sent = county
    with store.reading() as session:
        held = facilities.find(session, FacilityQuery())
        places = [each.code for each in areas.find(session, AreaQuery())]
    mine = [each for each in held if inside(each.facility.area_code, [MINE])]
    others = [each for each in held if not inside(each.facility.area_code, [MINE])]
    measured = [each for each in client.get("/api/services", headers=sent["admin"]).json()["services"] if each["run"]]
    service, run = measured[0]["id"], measured[0]["run"]
    items = "/api/collections/facilities/items"
    # Whole numbers of everybody and of everybody covered, as pages and files write them.
    table = client.get(f"/api/services/{service}/coverage", headers=sent["admin"]).json()["rows"][0]
    whole = [form.format(people) for people in (table["people_total"], table["people"]["covered"]) for form in ("{:,.0f}", "{:.1f}")]
    assert all(form in client.get("/", headers=sent["admin"]).text for form in whole[::2])
    assert len(mine) > 1
    assert client.get(items, headers=sent["scoped"], params={"limit": 1000}).json()["numberMatched"] == len(mine)
    for each in others:
        assert client.get(f"{items}/{each.id}", headers=sent["scoped"]).status_code == 404
    for code in places:
        status = client.get(f"/api/collections/areas/items/{code}", headers=sent["scoped"]).status_code
        assert (status == 200) == (inside(code, [MINE]) or MINE.startswith(code)), code
    for address in (
        "/", "/gaps", "/facilities", "/about", f"/facilities/{mine[0].id}", "/api/services", f"/api/services/{service}", f"/api/services/{service}/coverage",
        f"/api/services/{service}/coverage?f=csv", f"/api/services/{service}/catchments", f"/api/services/{service}/map", f"/api/runs/{run}",
        f"/api/services/{service}/isochrones?limits=30", "/api/collections/gaps/items?limit=1000", "/api/collections/areas/items?limit=1000", f"{items}?limit=1000", "/api/changes?limit=1000",
        "/api/collections/facilities/export?f=csv", "/api/collections/facilities/export?f=geojson", "/api/duplicates", "/api/locating", "/api/locating/counts",
        "/api/divisions", "/api/collections", "/api/conditions", f"/?service={service}&lang=en", f"/gaps?service={service}&min_people=1",
        f"/api/services/{service}/coverage?compared_with={today()}", f"/api/services/{service}/picture?run={run}",
        f"/api/collections/areas/items/{MINE}/versions", f"/api/collections/areas/items/{MINE}/populations",
    ):
        answer = client.get(address, headers=sent["scoped"])
        assert answer.status_code == 200, (address, answer.text[:200])
        told = [name for name in secrets if name in answer.text]
        assert not told, (address, told[:5])
        totals = [text for text in whole if text in answer.text]
        assert not totals, (address, totals)
    assert client.get(f"/api/services/{service}/surface", headers=sent["scoped"]).status_code == 409  # no outline of the township
