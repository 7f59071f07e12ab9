"""Every page of the application with something to see on it, for tests that may forget none.

:func:`fill` puts content on each page of a workspace that is measured already; :func:`addresses` gives the
addresses of each route. A route that is not among them fails (:func:`missing`).
"""

from __future__ import annotations

import io
import itertools
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from people import GOOD_PASSWORD, headers_of
from playwright.sync_api import expect

from geosvc.application import create_app
from geosvc.gate.people import COOKIE
from geosvc.registry import areas, facilities
from geosvc.registry.facilities import Facility
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import (
    duplicates,
    editing,
    importing,
    jobs,
    locating,
    people,
    plan_documents,
    scenario_runs,
    scenarios,
    staging,
    webhooks,
)
from geosvc.workflows.editing import Intent
from geosvc.workflows.rules import change_rules
from geosvc.workflows.workspace import open_workspace

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from fastapi import FastAPI
    from playwright.sync_api import BrowserContext, Page

    from geosvc.accounts.people import Person
    from geosvc.settings import Settings
    from geosvc.store.engine import Store

ADMIN = "admin-of-every-page"
_LONGEST = 200  # a scenario's name


@dataclass(frozen=True)
class Filled:
    """What was put into a workspace, and how to look at it."""

    service: str
    token: str  # of the administrator's browser
    reader: str  # of a browser that may only read
    clinic: int
    deleted: int
    kept: int  # of a merge
    scenario: int
    measured: int
    job: int
    upload: str
    checked: str
    record: int
    proposal: int
    welcome: str
    plans: tuple[str, ...]
    township: str


def fill(settings: Settings, maps: Path, names: Sequence[str], *, service: str, lon: float, lat: float) -> Filled:
    """Put content with these names on every page; ``lon`` and ``lat`` lie in the study, degrees."""
    store = open_workspace(settings)
    name = itertools.cycle(names)
    by = {"author": ADMIN, "origin": "test"}
    told = lambda: next(name)  # noqa: E731  # read as a word below
    admin = _person(store, headers_of(store, "admin", name=ADMIN))
    editor = headers_of(store, "editor", name="editor-of-every-page")
    people.make_key(store, admin.account_id, told(), days=1, **by)
    welcome = people.create_account(store, "newcomer", role="viewer", areas=None, display_name=told(), **by)[1].rsplit("/", 1)[-1]
    token = _signed_in(store, admin)
    reader = _signed_in(store, _person(store, headers_of(store, "viewer", name="viewer-of-every-page")))
    numbers = _facilities(store, name, lon, lat, by)
    _placed(store, lon, lat)
    upload, checked, record = _imports(store, settings, name, lon, lat)
    webhooks.add_webhook(store, "https://data.example.gov.cn/receive", private=False, **by)
    made = [scenarios.create(store, admin, {"name": each[:_LONGEST], "notes": f"第一行\n{each}", "changes": {
        "open": [{"number": 1, "class_code": _class_of(store), "name": each[:_LONGEST], "lon": lon + 0.1, "lat": lat - 0.1}], "close": numbers["closed"]}}, origin="test")["id"]
        for each in names]
    scenario_runs.measure(store, settings, admin, made[0], service_ids=[service])
    job = jobs.submit(store, settings, admin, "measure", {"service": service})["id"]
    change_rules(store, author=ADMIN, approval=True)
    proposal = _proposed(settings, editor, numbers["clinic"], told())
    maps.mkdir(parents=True, exist_ok=True)
    for each in names:
        (maps / f"{each.replace('/', '⁄')[:80]}.html").write_text("a saved map", "utf-8")
    _plans(store, name)
    with store.reading() as session:
        township = areas.find(session, AreaQuery(levels=["township"]))[0].code
    store.close()
    return Filled(service=service, token=token, reader=reader, clinic=numbers["clinic"], deleted=numbers["deleted"], kept=numbers["kept"], scenario=made[-1], measured=made[0],
                  job=job, upload=upload, checked=checked, record=record, proposal=proposal, welcome=welcome, plans=tuple(plan_documents.plans_of(store)), township=township)


def _plans(store: Store, names: Iterator[str]) -> None:
    """Keep a plan of the workspace's own, and report a figure of it and of a published one."""
    said = [json.dumps(next(names)[:60]) for _ in range(6)]
    plan = f"""plan: {{id: own, title: {said[0]}, title_en: {said[1]}, issuer: {said[2]}, note: {said[3]}, period: 2021-2025}}
statements:
  - {{section: {said[4]}}}
  - {{id: own-1, quote: {said[5]}, kind: PROC, year: 2020->2025, note: {said[0]}, indicator: {{unit: "%", baseline: "80", target: "90"}}}}
  - {{id: own-2, quote: {said[1]}, kind: GOV, recorded: {said[2]}, every_years: 1, reviews: [mid]}}
  - {{id: own-3, quote: {said[3]}, kind: DYN, year: 2025, indicator: {{compute: {{gate: {{conditions: [{{name: {said[4]}, value: <75%}}]}}}}}}}}
"""
    plan_documents.add_plan(store, plan.encode(), "own.yaml", author=ADMIN)
    source = next(names).replace('"', '""')
    table = f'indicator,year,value,source\nown-1,2023,85,"{source}"\nown-3.1,2023,71,"{source}"\n'
    plan_documents.report_figures(store, "own", table.encode(), next(names)[:40], author=ADMIN)


def _person(store: Store, headers: dict[str, str]) -> Person:
    found = people.person_of_key(store, headers["Authorization"].removeprefix("Bearer "))
    assert found is not None
    return found


def _signed_in(store: Store, person: Person) -> str:
    assert person.account_id is not None
    return people.use_link(store, people.reset_link(store, person.account_id).rsplit("/", 1)[-1], GOOD_PASSWORD, name=None, hours=1).token


def _class_of(store: Store) -> str:
    with store.reading() as session:
        return next(each.facility.class_code for each in facilities.find(session, FacilityQuery()) if each.facility.located)


def _facilities(store: Store, names: Iterator[str], lon: float, lat: float, by: dict[str, Any]) -> dict[str, Any]:
    """Register clinics: one with a history, one deleted, two that were merged, two alike, two to be located."""
    own = {"class_code": "D200", "lon": lon, "lat": lat, "position_method": "surveyed", "address": next(names), "source": next(names), "note": next(names)}
    with store.writing() as session:
        closed = [each.id for each in facilities.find(session, FacilityQuery()) if each.facility.located][-1:]

        def saved(one: Facility) -> int:
            return facilities.save(session, one, facility_id=None, **by)[0]

        clinic, deleted = (saved(Facility(name=f"所{next(names)}", aliases=[next(names)], contact={"officer": next(names)}, **own)) for _ in range(2))
        like = f"同{next(names)}"
        merged = [saved(Facility(name=like, **{**own, "lon": lon + 0.001})) for _ in range(2)]
        for _ in range(2):
            saved(Facility(name=f"似{like}", **{**own, "lat": lat + 0.001}))
            saved(Facility(name=f"待{next(names)}", class_code="D600", address=next(names)))
        saved(Facility(name=f"颠{next(names)}", class_code="D600", raw_x=f"{lat:.4f}", raw_y=f"{lon:.4f}", raw_datum="WGS84"))
    seen = lambda number: editing.seen(store, number).revision  # noqa: E731
    intent = Intent(author=ADMIN, origin="test", reason=next(names))
    editing.patch(store, clinic, {"properties": {"note": next(names), "address": next(names)}}, intent, expected=seen(clinic))
    editing.delete(store, deleted, intent, expected=seen(deleted))
    duplicates.merge_facilities(store, merged[0], merged[1:], author=ADMIN, reason=next(names))
    return {"clinic": clinic, "deleted": deleted, "kept": merged[0], "closed": closed}


def _placed(store: Store, lon: float, lat: float) -> None:
    """Place one of those that are to be located, so that there is something to undo."""
    waiting, _matched, _next = locating.worklist_page(store, limit=1)
    number = waiting[0]["id"]
    locating.place(store, number, lon, lat, method="surveyed", author=ADMIN, expected=editing.seen(store, number).revision)


def _imports(store: Store, settings: Settings, names: Iterator[str], lon: float, lat: float) -> tuple[str, str, int]:
    """Send one file, look through another, import a third; each with rows that are refused."""

    def rows(first: int) -> bytes:
        lines = [["单位名称", "类型", "经度", "纬度", "编制床位", next(names)]]
        lines += [[f"导{number}{next(names)}", "诊所", f"{lon:.4f}", f"{lat + number / 1000:.4f}", "", next(names)] for number in range(first, first + 3)]
        lines += [["", "诊所", f"{lon:.4f}", f"{lat:.4f}", "", ""], [f"缺{next(names)}", "诊所", f"{lon:.4f}", "", next(names), ""]]
        quoted = ("\r\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines))
        return quoted.encode("utf-8-sig")

    def sent(first: int) -> str:
        return staging.stage(store, f"{next(names).replace('/', '⁄')[:60]}.csv", io.BytesIO(rows(first)), author=ADMIN, max_mb=1).id

    options = FacilityOptions(datum="WGS84", source=next(names))
    upload, checked = sent(0), sent(10)
    staging.preview(store, checked, options, author=ADMIN, settings=settings)
    path = store.folder.parent / f"{next(names).replace('/', '⁄')[:60]}.csv"
    path.write_bytes(rows(20))
    report = importing.import_facilities(store, path, replace(options, skip_bad=True), settings, author=ADMIN)
    return upload, checked, report.import_id


def _proposed(settings: Settings, key: dict[str, str], number: int, name: str) -> int:
    """Let an editor propose a change; return the number of the proposal."""
    with TestClient(create_app(settings)) as client:
        item = f"/api/collections/facilities/items/{number}"
        tag = client.get(item, headers=key).headers["etag"]
        answer = client.patch(item, json={"properties": {"name": name, "note": name}}, headers={**key, "If-Match": tag, "X-Reason": "test"})
        assert answer.status_code == 202, answer.text
        return int(answer.json()["proposal"]["id"])


# -- the pages ---------------------------------------------------------------------------------


def page_routes(app: FastAPI) -> set[str]:
    """Return the routes that show a page, asked of the application itself; what is under ``/api`` is a file to keep."""

    def walk(routes: Iterable[Any]) -> Iterator[APIRoute]:
        for each in routes:
            inner = getattr(each, "original_router", None)  # how FastAPI keeps what was included
            if inner is not None:
                yield from walk(inner.routes)
            elif isinstance(each, APIRoute):
                yield each

    return {each.path for each in walk(app.routes) if each.response_class is HTMLResponse and "GET" in each.methods and not each.path.startswith("/api/")}


def addresses(one: Filled) -> dict[str, list[str]]:
    """Return the addresses of each route, with what there is to see on it."""
    by_service = f"service={one.service}"
    return {
        "/": [f"/?{by_service}", f"/?{by_service}&scenario={one.measured}", f"/?{by_service}&datetime=2020-01-01"],
        "/about": ["/about"], "/coverage": ["/coverage", f"/coverage?{by_service}"], "/gaps": [f"/gaps?{by_service}"],
        "/blank-spots": ["/blank-spots", f"/blank-spots?scenario={one.measured}"],
        "/blank-spots/fill": [f"/blank-spots/fill?rule=township-centre&area={one.township}"], "/gallery": ["/gallery"], "/account": ["/account"], "/accounts": ["/accounts"],
        "/rules": ["/rules"], "/plans": ["/plans"], "/plans/new": ["/plans/new"], "/plans/{plan_id}/figures": [f"/plans/{each}/figures" for each in ("own", one.plans[0])], "/plans/{plan_id}": [f"/plans/{each}" for each in one.plans], "/review": ["/review"], "/webhooks": ["/webhooks"], "/sign-in": ["/sign-in"],
        "/welcome/{token}": [f"/welcome/{one.welcome}", "/welcome/nobody-has-this"],
        "/facilities": ["/facilities", "/facilities?located=false", "/facilities?q=nobody%20is%20called%20that", "/facilities?datetime=2020-01-01"],
        "/facilities/new": ["/facilities/new"], "/facilities/{facility_id}": [f"/facilities/{each}" for each in (one.clinic, one.deleted, one.kept)],
        "/facilities/{facility_id}/edit": [f"/facilities/{one.clinic}/edit"],
        "/duplicates": ["/duplicates", "/duplicates?state=merged", "/duplicates?state=not_duplicate"],
        "/duplicates/merge": [f"/duplicates/merge?id={one.clinic}&id={one.kept}"],
        "/locating": ["/locating"], "/imports": ["/imports"], "/imports/new": ["/imports/new"],
        "/imports/uploads/{upload_id}": [f"/imports/uploads/{one.upload}"], "/imports/uploads/{upload_id}/check": [f"/imports/uploads/{one.checked}/check"],
        "/imports/{import_id:int}": [f"/imports/{one.record}"],
        "/proposals": ["/proposals", "/proposals?state=published"], "/proposals/{number}": [f"/proposals/{one.proposal}"],
        "/jobs": ["/jobs"], "/jobs/{number}": [f"/jobs/{one.job}"],
        "/scenarios": ["/scenarios", "/scenarios?state=archived"], "/scenarios/{number}": [f"/scenarios/{one.scenario}", f"/scenarios/{one.measured}"],
        "/scenarios/{number}/apply": [f"/scenarios/{one.scenario}/apply"],
        "/scenarios/compare": [f"/scenarios/compare?first=baseline&second={one.measured}&{by_service}", f"/scenarios/compare?second={one.scenario}&{by_service}"],
    }


REFUSALS = ["/nowhere", "/?service=nope", "/gaps?min_people=-1", "/scenarios/99999", "/jobs/x"]


def missing(settings: Settings, known: Iterable[str]) -> set[str]:
    """Return the routes of pages that are not among the known ones."""
    return page_routes(create_app(settings)) - set(known)


def sign_in(context: BrowserContext, address: str, token: str) -> None:
    """Let a browser be the administrator's."""
    context.add_cookies([{"name": COOKIE, "value": token, "url": address}])


def settle(page: Page) -> None:
    """Wait until a page has done what it does by itself."""
    if page.locator(".leaflet-container:not(#pick)").count():
        expect(page.locator("html")).to_have_attribute("data-map", "ready")
    if page.locator("#planner-data").count():
        expect(page.locator("html")).to_have_attribute("data-planner", "ready")
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


# -- answers to forms --------------------------------------------------------------------------


def answers(one: Filled) -> list[tuple[str, int, dict[str, str]]]:
    """Return (path, status, fields) of forms whose answer is a page of its own: what is asked back, refused or in conflict."""
    chosen = {"chosen": f"{one.clinic}:99"}
    return [
        ("/facilities/new", 422, {"step": "save", "name": "", "class_code": "D200", "x": "200", "y": "x", "datum": "WGS84"}),
        (f"/facilities/{one.clinic}/edit", 412, {"step": "save", "revision": "1", "name": "另存", "class_code": "D200", "change": "correction"}),
        ("/facilities/many", 200, {**chosen, "step": "change"}), ("/facilities/many", 200, {**chosen, "step": "preview", "set.note": "yes", "note": "x"}),
        (f"/scenarios/{one.scenario}", 412, {"what": "save", "version": "0", "name": "另存", "notes": "x"}),
        (f"/scenarios/{one.scenario}/apply", 422, {"version": "1", "name-1": " ", "valid_from": "31.1.2027"}),
        ("/accounts", 422, {"name": "", "role": "viewer"}), ("/rules", 422, {"review_days": "0"}),
        ("/imports/new", 400, {}), ("/jobs", 409, {"service": "none"}), ("/webhooks", 422, {"address": "no address"}),
        ("/account/password", 422, {"old": "x", "new": "y", "again": "z"}), ("/gaps", 405, {}),
        ("/facilities/new", 413, {"note": "x" * 6_000_000}),
    ]


def send(page: Page, path: str, fields: dict[str, str]) -> int:
    """Send a form with the token of the page that is open; return the status of the page that comes."""
    with page.expect_navigation() as coming:
        page.evaluate("""([path, fields]) => {
          const token = document.querySelector('input[name=csrf_token]');
          const form = document.createElement('form');
          form.method = 'post'; form.action = path;
          for (const [name, value] of Object.entries(token ? { ...fields, csrf_token: token.value } : fields)) {
            const field = document.createElement('textarea');
            field.name = name; field.value = value;
            form.append(field);
          }
          document.body.append(form); form.submit();
        }""", [path, fields])
    return coming.value.status if coming.value else 0
