"""Approval before publication: what an editor changes waits, and the registry is what administrators published."""

from __future__ import annotations

import shutil
from typing import Any

import pytest
import shapely
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from people import BY, headers_of

from geosvc.application import create_app
from geosvc.errors import Conflict, NeedsApproval, NotFound
from geosvc.registry import areas, audit, facilities, history
from geosvc.registry.facilities import Facility
from geosvc.registry.proposals import Proposed
from geosvc.settings import Settings
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import editing, people, proposing
from geosvc.workflows.editing import Intent
from geosvc.workflows.facility_imports import FacilityOptions, import_facilities
from geosvc.workflows.rules import change_rules, rules_of
from geosvc.workflows.workspace import init_workspace, open_workspace

ITEMS = "/api/collections/facilities/items"
CLINIC = {"name": "东镇卫生院", "class_code": "C220", "area_code": "990001100", "position_method": "surveyed"}


def document(**changes: Any) -> dict[str, Any]:
    geometry = changes.pop("geometry", {"type": "Point", "coordinates": [100.05, 40.05]})
    return {"type": "Feature", "geometry": geometry, "properties": {**CLINIC, **changes}}


@pytest.fixture
def world(settings: Settings, store):
    """A county of two townships with a clinic each, an administrator, and two editors, one of the east only."""
    with store.writing() as session:
        for code, name, level, parent, box in (
            ("990001", "县", "county", None, (100.0, 40.0, 100.2, 40.1)), ("990001100", "东镇", "township", "990001", (100.0, 40.0, 100.1, 40.1)),
            ("990001200", "西乡", "township", "990001", (100.1, 40.0, 100.2, 40.1)),
        ):
            areas.save(session, areas.Area(code=code, name=name, level=level, parent_code=parent, geometry=shapely.box(*box)), **BY)
        for name, area, lon in (("东一卫生院", "990001100", 100.02), ("西一卫生院", "990001200", 100.12)):
            facilities.save(session, Facility(
                name=name, class_code="C220", area_code=area, lon=lon, lat=40.05, position_method="surveyed", contact={"telephone": "110"}), facility_id=None, **BY)
    change_rules(store, author="test", approval=True)
    with TestClient(create_app(Settings(workspace=settings.workspace)), raise_server_exceptions=False) as client:
        who = {name: headers_of(store, role, areas, name) for name, role, areas in (
            ("admin", "admin", None), ("east", "editor", ["990001100"]), ("all", "editor", None), ("viewer", "viewer", None))}
        yield client, store, who


def as_(who: dict[str, dict[str, str]], name: str, etag: str | None = None) -> dict[str, str]:
    return {**who[name], **({} if etag is None else {"If-Match": etag})}


def csv(client: TestClient, who) -> bytes:
    answer = client.get("/api/collections/facilities/export?f=csv", headers=who["admin"])
    assert answer.status_code == 200, answer.text
    return answer.content


def test_what_an_editor_changes_waits_until_an_administrator_publishes_it(world):
    """202 with the proposal's address; nothing changes; after publishing the history names both."""
    client, store, who = world
    before = csv(client, who)
    etag = client.get(f"{ITEMS}/1", headers=who["all"]).headers["etag"]
    answer = client.patch(f"{ITEMS}/1?reason=更名", json={"properties": {"name": "东镇中心卫生院"}}, headers=as_(who, "all", etag))
    assert answer.status_code == 202, answer.text
    told = answer.json()["proposal"]
    assert answer.headers["location"] == told["href"] == f"http://testserver/api/proposals/{told['id']}"
    assert (told["state"], told["what"], told["author"], told["reason"], told["facilities"]) == ("open", "change", "all", "更名", [1])
    assert csv(client, who) == before and client.get(f"{ITEMS}/1", headers=who["all"]).headers["etag"] == etag
    shown = client.get(f"/api/proposals/{told['id']}", headers=who["all"]).json()
    assert shown["changes"][0]["changed"] == {"name": ["东一卫生院", "东镇中心卫生院"]} and shown["changes"][0]["since"] == {}
    done = client.post(f"/api/proposals/{told['id']}/publish", headers=who["admin"])
    assert (done.status_code, done.json()["state"], done.json()["decided_by"]) == (200, "published", "admin")
    newest = client.get(f"{ITEMS}/1/versions", headers=who["admin"]).json()["versions"][0]
    assert (newest["name"], newest["author"], newest["reason"], newest["origin"], newest["published_by"]) == (
        "东镇中心卫生院", "all", "更名", f"proposal:{told['id']}", "admin")
    with store.reading() as session:
        assert audit.verify(session).holds
        assert [line["action"] for line in audit.lines(session, after=0, subject=f"proposal:{told['id']}", limit=9)] == ["propose", "publish"]


def test_an_administrator_s_own_change_is_published_at_once(world):
    client, _store, who = world
    etag = client.get(f"{ITEMS}/1", headers=who["admin"]).headers["etag"]
    assert client.patch(f"{ITEMS}/1", json={"properties": {"note": "x"}}, headers=as_(who, "admin", etag)).status_code == 200
    assert client.get("/api/proposals", headers=who["admin"]).json()["numberMatched"] == 0


def test_without_approval_an_editor_changes_at_once(world):
    client, store, who = world
    change_rules(store, author="admin", approval=False)
    assert client.post(ITEMS, json=document(), headers=who["all"]).status_code == 201
    change_rules(store, author="admin", approval=True)
    assert client.post(ITEMS, json=document(), headers=who["all"]).status_code == 202


def test_what_changes_nothing_needs_no_approval(world):
    client, _store, who = world
    got = client.get(f"{ITEMS}/1", headers=who["all"])
    answer = client.put(f"{ITEMS}/1", json=got.json(), headers=as_(who, "all", got.headers["etag"]))
    assert (answer.status_code, answer.json()["changed"]) == (200, False)


def every_kind(client: TestClient, who, name: str) -> dict[str, int]:
    """Propose one of each kind and return their numbers."""
    etag = client.get(f"{ITEMS}/1", headers=who[name]).headers["etag"]
    revisions = {"1": int(etag.strip('"'))}
    mine = as_(who, name, etag)
    place = {"facility": 1, "revision": revisions["1"], "lon": 100.03, "lat": 40.04, "method": "surveyed"}
    answers = {
        "create": client.post(ITEMS, json=document(contact={"telephone": "120"}), headers=who[name]),
        "replace": client.put(f"{ITEMS}/1", json=document(name="东镇一院"), headers=mine),
        "patch": client.patch(f"{ITEMS}/1?valid_from=2020-01-01", json={"properties": {"note": "新"}}, headers=mine),
        "many": client.patch(ITEMS, json={"revisions": revisions, "patch": {"properties": {"ownership": "公立"}}}, headers=who[name]),
        "confirm": client.post(f"{ITEMS}/1/confirm", headers=mine),
        "place": client.post("/api/locating/place", json=place, headers=who[name]),
        "delete": client.delete(f"{ITEMS}/1?reason=重复", headers=mine),
    }
    assert {kind: each.status_code for kind, each in answers.items()} == dict.fromkeys(answers, 202)
    return {kind: each.json()["proposal"]["id"] for kind, each in answers.items()}


@pytest.mark.parametrize("end", ["refuse", "withdraw"])
def test_every_kind_of_change_leaves_the_export_as_it_was_until_published(world, end):
    client, store, who = world
    before = csv(client, who)
    for number in every_kind(client, who, "east").values():
        answer = client.post(f"/api/proposals/{number}/{end}?reason=不对", headers=who["admin" if end == "refuse" else "east"])
        assert (answer.status_code, answer.json()["state"]) == (200, {"refuse": "refused", "withdraw": "withdrawn"}[end]), answer.text
    assert csv(client, who) == before
    with store.reading() as session:
        assert audit.verify(session).holds


def test_publishing_on_what_somebody_changed_is_refused_field_by_field(world):
    """412 says what changed, nothing is done, and the proposal is still open."""
    client, _store, who = world
    numbers = every_kind(client, who, "all")
    etag = client.get(f"{ITEMS}/1", headers=who["admin"]).headers["etag"]
    assert client.patch(f"{ITEMS}/1", json={"properties": {"name": "别的名字"}}, headers=as_(who, "admin", etag)).status_code == 200
    before = csv(client, who)
    for kind, number in numbers.items():
        if kind == "create":
            continue
        answer = client.post(f"/api/proposals/{number}/publish", headers=who["admin"])
        assert answer.status_code == 412, (kind, answer.text)
        assert answer.json()["changed"] == {"name": ["东一卫生院", "别的名字"]}
        shown = client.get(f"/api/proposals/{number}", headers=who["admin"]).json()
        assert (shown["state"], shown["changes"][0]["since"]) == ("open", {"name": ["东一卫生院", "别的名字"]})
    assert csv(client, who) == before


def test_a_confirmation_in_between_is_no_conflict(world):
    """Somebody confirmed that it is as the editor saw it: the proposal can be published."""
    client, _store, who = world
    numbers = every_kind(client, who, "all")
    etag = client.get(f"{ITEMS}/1", headers=who["admin"]).headers["etag"]
    assert client.post(f"{ITEMS}/1/confirm", headers=as_(who, "admin", etag)).status_code == 200
    assert client.post(f"/api/proposals/{numbers['replace']}/publish", headers=who["admin"]).status_code == 200
    assert client.get(f"{ITEMS}/1", headers=who["all"]).json()["properties"]["name"] == "东镇一院"


def test_of_many_facilities_in_one_proposal_all_change_or_none(world):
    client, _store, who = world
    revisions = {number: int(client.get(f"{ITEMS}/{number}", headers=who["all"]).headers["etag"].strip('"')) for number in ("1", "2")}
    answer = client.patch(ITEMS, json={"revisions": revisions, "patch": {"properties": {"note": "同"}}}, headers=who["all"])
    number = answer.json()["proposal"]["id"]
    assert answer.json()["proposal"]["facilities"] == [1, 2]
    client.patch(f"{ITEMS}/2", json={"properties": {"note": "异"}}, headers=as_(who, "admin", f'"{revisions["2"]}"'))
    assert client.post(f"/api/proposals/{number}/publish", headers=who["admin"]).status_code == 412
    assert client.get(f"{ITEMS}/1", headers=who["all"]).json()["properties"]["note"] is None


def test_a_deletion_and_its_restoration(world):
    client, _store, who = world
    etag = client.get(f"{ITEMS}/1", headers=who["all"]).headers["etag"]
    assert client.delete(f"{ITEMS}/1", headers=as_(who, "all", etag)).status_code == 422  # a reason is missing now, not later
    number = client.delete(f"{ITEMS}/1?reason=重复", headers=as_(who, "all", etag)).json()["proposal"]["id"]
    assert client.get(f"{ITEMS}/1", headers=who["all"]).status_code == 200
    assert client.post(f"/api/proposals/{number}/publish", headers=who["admin"]).status_code == 200
    assert client.get(f"{ITEMS}/1", headers=who["all"]).status_code == 404
    again = client.post(f"{ITEMS}/1/restore", headers=who["all"])
    assert again.status_code == 202, again.text
    assert client.post(f"/api/proposals/{again.json()['proposal']['id']}/publish", headers=who["admin"]).status_code == 200
    assert client.get(f"{ITEMS}/1", headers=who["all"]).status_code == 200


# --- who may what


def test_an_editor_sees_own_proposals_an_administrator_all(world):
    client, _store, who = world
    mine = every_kind(client, who, "east")
    theirs = client.post(ITEMS, json=document(), headers=who["all"]).json()["proposal"]["id"]
    listed = {name: {each["id"] for each in client.get("/api/proposals", headers=who[name]).json()["proposals"]} for name in ("east", "all", "admin")}
    assert listed == {"east": set(mine.values()), "all": {theirs}, "admin": {*mine.values(), theirs}}
    assert client.get(f"/api/proposals/{theirs}", headers=who["east"]).status_code == 404
    assert client.post(f"/api/proposals/{theirs}/withdraw", headers=who["east"]).status_code == 404
    assert client.post(f"/api/proposals/{theirs}/withdraw", headers=who["admin"]).status_code == 403  # it is not the administrator's
    for verb in ("publish", "refuse"):
        assert client.post(f"/api/proposals/{theirs}/{verb}?reason=x", headers=who["all"]).status_code == 403
    for address in ("/api/proposals", f"/api/proposals/{theirs}"):
        assert client.get(address, headers=who["viewer"]).status_code == 403
        assert client.get(address).status_code == 401


def test_nobody_proposes_outside_of_their_areas(world):
    """Neither a facility of elsewhere, nor to move one's own there."""
    client, _store, who = world
    assert client.post(ITEMS, json=document(area_code="990001200"), headers=who["east"]).status_code == 403
    assert client.patch(f"{ITEMS}/2", json={"properties": {"note": "x"}}, headers=as_(who, "east", '"2"')).status_code == 404
    etag = client.get(f"{ITEMS}/1", headers=who["east"]).headers["etag"]
    moved = client.patch(f"{ITEMS}/1", json={"properties": {"area_code": "990001200"}}, headers=as_(who, "east", etag))
    assert moved.status_code == 403
    assert client.get("/api/proposals", headers=who["admin"]).json()["numberMatched"] == 0


def test_what_cannot_be_saved_cannot_be_proposed(world):
    client, _store, who = world
    assert client.patch(f"{ITEMS}/1", json={"properties": {"note": "x"}}, headers=who["all"]).status_code == 428
    assert client.patch(f"{ITEMS}/1", json={"properties": {"note": "x"}}, headers=as_(who, "all", '"999"')).status_code == 412
    assert client.post(ITEMS, json=document(class_code="nothing"), headers=who["all"]).status_code == 422
    assert client.get("/api/proposals", headers=who["admin"]).json()["numberMatched"] == 0


@pytest.mark.parametrize(("verb", "state"), [("publish", "published"), ("refuse", "refused"), ("withdraw", "withdrawn")])
def test_a_proposal_is_decided_once(world, verb, state):
    client, _store, who = world
    number = client.post(ITEMS, json=document(), headers=who["all"]).json()["proposal"]["id"]
    decider = who["all" if verb == "withdraw" else "admin"]
    assert client.post(f"/api/proposals/{number}/refuse", headers=who["admin"]).status_code == 422  # its author must learn why
    assert client.post(f"/api/proposals/{number}/{verb}?reason=x", headers=decider).json()["state"] == state
    for again, headers in (("publish", who["admin"]), ("refuse", who["admin"]), ("withdraw", who["all"])):
        assert client.post(f"/api/proposals/{number}/{again}?reason=x", headers=headers).status_code == 409
    assert client.get("/api/proposals?state=open", headers=who["admin"]).json()["numberMatched"] == 0


@pytest.mark.parametrize("address", ["/api/proposals/0", "/api/proposals/x", "/api/proposals/999", f"/api/proposals/{'9' * 30}"])
def test_proposals_that_are_not_there(world, address):
    client, _store, who = world
    assert client.get(address, headers=who["admin"]).status_code == 404
    assert client.post(f"{address}/publish", headers=who["admin"]).status_code == 404


@pytest.mark.parametrize("query", ["state=closed", "cursor=x", "cursor=2-1", "cursor=0-", "cursor=0-²", "limit=0", "limit=201", "nothing=1"])
def test_questions_that_cannot_be_understood(world, query):
    client, _store, who = world
    assert client.get(f"/api/proposals?{query}", headers=who["admin"]).status_code == 400


def test_open_ones_come_first_and_pages_leave_out_none(world):
    client, _store, who = world
    numbers = [client.post(ITEMS, json=document(name=f"{each}号"), headers=who["all"]).json()["proposal"]["id"] for each in range(7)]
    for number in numbers[3:6]:
        client.post(f"/api/proposals/{number}/refuse?reason=x", headers=who["admin"])
    seen, address = [], "/api/proposals?limit=2"
    while address:
        told = client.get(address, headers=who["admin"]).json()
        seen += [each["id"] for each in told["proposals"]]
        address = next((link["href"] for link in told["links"] if link["rel"] == "next"), None)
    assert seen == [*sorted({*numbers[:3], numbers[6]}, reverse=True), *sorted(numbers[3:6], reverse=True)]


def test_contacts_of_proposals_are_told_to_nobody_over_the_api_and_not_to_the_log(world):
    client, store, who = world
    number = client.post(ITEMS, json=document(contact={"telephone": "0439-7654321"}), headers=who["all"]).json()["proposal"]["id"]
    answer = client.get(f"/api/proposals/{number}", headers=who["admin"])
    assert "0439-7654321" not in answer.text and answer.json()["changes"][0]["changed"]["contact"] == ["***", "***"]
    assert client.post(f"/api/proposals/{number}/publish", headers=who["admin"]).json()["facilities"] == [3]
    with store.reading() as session:
        assert facilities.get(session, 3).facility.contact == {"telephone": "0439-7654321"}
    assert b"7654321" not in client.get("/api/audit/export", headers=who["admin"]).content


def test_the_feed_of_changes_tells_of_publications_only(world):
    """Proposals are the business of editors and administrators: who follows the registry hears what was published."""
    client, _store, who = world
    cursor = client.get("/api/changes?limit=10000", headers=who["viewer"]).json()["cursor"]
    number = client.post(ITEMS, json=document(), headers=who["all"]).json()["proposal"]["id"]
    assert client.get(f"/api/changes?cursor={cursor}", headers=who["viewer"]).json()["changes"] == []
    client.post(f"/api/proposals/{number}/publish", headers=who["admin"])
    assert [each["subject"] for each in client.get(f"/api/changes?cursor={cursor}", headers=who["viewer"]).json()["changes"]] == ["facility:3"]


def test_what_cannot_be_proposed_says_so_and_stores_nothing(world, tmp_path):
    """An import, a merge, and placing many wait for an administrator: no way leads past approval."""
    client, store, who = world
    before = csv(client, who)
    table = tmp_path / "clinics.csv"
    table.write_text("name,class_code,area_code\n新诊所,D600,990001100\n", encoding="utf-8")
    waiting = store.proposing()
    with pytest.raises(NeedsApproval, match="administrator"):
        import_facilities(waiting, table, FacilityOptions(without_positions=True), Settings(workspace=store.folder), author="all")
    with pytest.raises(NeedsApproval):
        with waiting.writing() as session:
            history.confirm(session, 1, author="all", origin="x")
    assert csv(client, who) == before


# --- laws

CHANGES = st.lists(st.tuples(
    st.sampled_from(["create", "patch", "update", "confirm", "delete", "restore", "many"]), st.integers(1, 3),
    st.sampled_from(["甲", "乙", "丙"]), st.sampled_from(["2019-01-01", "2023-05-05", "2030-01-01"])), min_size=1, max_size=6)


def do(store, kind: str, number: int, text: str, day: str) -> None:
    """Make one change as an editor, on what is there now."""
    with store.reading() as session:
        revision = {each.id: each.revision for each in facilities.find(session, FacilityQuery(ids=[1, 2, 3]))}
    intent = Intent(author="all", origin="api", reason=text, valid_from=day if kind == "update" else None)
    patch = {"properties": {"note": text}}
    if kind == "create":
        editing.create(store, document(name=text), intent)
    elif kind in ("patch", "update"):
        editing.patch(store, number, patch, intent, expected=revision.get(number))
    elif kind == "confirm":
        editing.confirm(store, number, intent, expected=revision.get(number))
    elif kind == "delete":
        editing.delete(store, number, intent, expected=revision.get(number))
    elif kind == "restore":
        editing.restore(store, number, intent)
    else:
        editing.patch_many(store, revision, patch, intent)


def told(store, number: int) -> list[Any]:
    """Return a history without its moments and doors."""
    with store.reading() as session:
        return [(each.kind, each.deleted, each.facility, each.valid_from, each.valid_to, each.author, each.reason, each.changed)
                for each in history.versions(session, number)]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A registry of three clinics to be copied; an administrator and an editor of it."""
    folder = tmp_path_factory.mktemp("small") / "workspace"
    store = init_workspace(Settings(workspace=folder))
    admin, editor = (people.person_of_key(store, headers_of(store, role, None, name)["Authorization"].removeprefix("Bearer "))
                     for role, name in (("admin", "admin"), ("editor", "all")))
    with store.writing() as session:
        for name in ("东", "西", "南"):
            facilities.save(session, Facility(name=name, class_code="C220", area_code="990001100"), facility_id=None, **BY)
    store.close()
    return folder, admin, editor


def copy_of(folder, parent, name: str):
    """Return a copy of a workspace, opened."""
    shutil.rmtree(parent / name, ignore_errors=True)
    shutil.copytree(folder, parent / name)
    return open_workspace(Settings(workspace=parent / name))


LAW = examples(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck))


@LAW
@given(changes=CHANGES)
@pytest.mark.slow
def test_published_proposals_make_the_history_that_direct_editing_makes(tmp_path, small, changes):
    """The same changes, once at once and once proposed and published: the same revisions, refused alike; and the log holds."""
    folder, admin, _editor = small
    direct, waiting = (copy_of(folder, tmp_path, name) for name in ("direct", "waiting"))
    for change in changes:
        refused = []
        for store in (direct, waiting.proposing()):
            try:
                do(store, *change)
                refused.append(None)
            except Proposed as proposed:
                before = told(waiting, 1)
                number = proposed.told["id"]
                assert told(waiting, 1) == before
                proposing.publish(waiting, admin, number)
                refused.append(None)
            except (NotFound, ValueError, Conflict) as error:
                refused.append(type(error))
        assert refused[0] == refused[1]
    for number in (1, 2, 3):
        assert told(direct, number) == told(waiting, number)
    with waiting.reading() as session:
        assert audit.verify(session).holds
    direct.close()
    waiting.close()


@LAW
@given(changes=CHANGES, ends=st.lists(st.sampled_from(["refuse", "withdraw"]), min_size=6, max_size=6))
def test_refused_and_withdrawn_proposals_leave_the_export_byte_for_byte(tmp_path, small, changes, ends):
    from geosvc.workflows.exporting import export_facilities

    def exported(store) -> bytes:
        target = tmp_path / "out.csv"
        export_facilities(store, target, with_contacts=True)
        return target.read_bytes()

    folder, admin, editor = small
    store = copy_of(folder, tmp_path, "waiting")
    before = exported(store)
    for change, end in zip(changes, ends, strict=False):
        try:
            do(store.proposing(), *change)
        except Proposed as proposed:
            outcome = proposing.decide_many(store, admin if end == "refuse" else editor, [proposed.told["id"]], end, reason="x")
            assert outcome[0]["done"]
        except (NotFound, ValueError):
            pass
    assert exported(store) == before
    with store.reading() as session:
        assert audit.verify(session).holds
    store.close()


def test_rules_are_kept_with_who_made_them(store):
    assert not rules_of(store).approval and rules_of(store).review_days == 365
    change_rules(store, author="王", approval=True, review_days=None)
    change_rules(store, author="李", approval=True)  # says the same: no line
    with store.reading() as session:
        lines = audit.lines(session, after=0, subject="rule:approval", limit=9)
        assert [(each["author"], each["action"]) for each in lines] == [("王", "create")]
        assert audit.verify(session).holds
    for days in (0, -1, 3661):
        with pytest.raises(ValueError):
            change_rules(store, author="王", review_days=days)
