"""What the API refuses, and how it says so: one shape, one table, nothing of its inside."""

import logging
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from geosvc import errors
from geosvc.api.problems import STATUS, status_of
from geosvc.application import create_app
from geosvc.errors import GeosvcError
from geosvc.registry import facilities
from geosvc.registry.facilities import Facility
from geosvc.settings import Settings
from geosvc.store.engine import Store
from geosvc.workflows import reading

COLLECTIONS = ("facilities", "areas", "gaps")
PROBLEM = "application/problem+json"
SECRET = "SECRET-5f2c of the inside"


def check_problem(answer, status: int) -> dict:
    """Assert that an answer is a problem document of this status, and return it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith(PROBLEM), answer.headers["content-type"]
    body = answer.json()
    assert body["status"] == status
    assert isinstance(body["title"], str)
    assert body["title"]
    assert isinstance(body["detail"], str)
    assert body["detail"]
    assert "type" in body
    assert "Traceback" not in answer.text
    return body


@pytest.mark.parametrize("address", [
    "/api", "/api/conformance", "/api/collections", "/api/collections/facilities", "/api/services",
    "/api/services/hospital-drive", "/api/services/hospital-drive/coverage", "/api/services/hospital-drive/surface",
    "/api/collections/areas/items/220622", *[f"/api/collections/{each}/items" for each in COLLECTIONS],
])
def test_an_unknown_parameter_is_refused(demo_client: TestClient, address: str):
    """A misspelt filter would answer another question: 400, and the parameters that are known are named."""
    body = check_problem(demo_client.get(address, params={"min_poeple": "5"}), 400)
    assert "min_poeple" in body["detail"]
    if address.endswith("gaps/items"):
        assert "min_people" in body["detail"]


@pytest.mark.parametrize("collection", COLLECTIONS)
@pytest.mark.parametrize("bbox", [
    "", "1,2,3", "a,b,c,d", "1,2,3,4,5", "126,42,127,43,44,45,46", "126,43,127,42", "126,-91,127,43", "181,0,182,1",
    "nan,0,1,1", "0,0,inf,1", "126;42;127;43", "42.1,126.5,42.8,127.3",
])
def test_a_bad_box_is_refused(demo_client: TestClient, collection: str, bbox: str):
    """A box that is not west,south,east,north in degrees is refused and quoted back."""
    body = check_problem(demo_client.get(f"/api/collections/{collection}/items", params={"bbox": bbox}), 400)
    assert "bbox" in body["detail"]
    assert bbox in body["detail"]


@pytest.mark.parametrize("collection", COLLECTIONS)
@pytest.mark.parametrize("limit", ["0", "-1", "10001", "ten", "", "1.5", "1e3", "9" * 40])
def test_a_bad_limit_is_refused(demo_client: TestClient, collection: str, limit: str):
    """A limit below 1, above the most, or not a whole number is refused."""
    body = check_problem(demo_client.get(f"/api/collections/{collection}/items", params={"limit": limit}), 400)
    assert "limit" in body["detail"]


@pytest.mark.parametrize("collection", COLLECTIONS)
@pytest.mark.parametrize("instant", ["yesterday", "2026-13-01", "2026-02-30", "20260101", "2026-01-01T25:00:00Z", "", "2026"])
def test_a_bad_instant_is_refused(demo_client: TestClient, collection: str, instant: str):
    """An instant that is not RFC 3339, or that no calendar has, is refused."""
    body = check_problem(demo_client.get(f"/api/collections/{collection}/items", params={"datetime": instant}), 400)
    assert "datetime" in body["detail"]


@pytest.mark.parametrize(("address", "query"), [
    ("/api/collections/facilities/items", {"state": "haunted"}),
    ("/api/collections/facilities/items", {"located": "perhaps"}),
    ("/api/collections/facilities/items", {"cursor": "made-up"}),
    ("/api/collections/facilities/items", {"recorded": "when?"}),
    ("/api/collections/gaps/items", {"cursor": "-1"}),
    ("/api/collections/gaps/items", {"min_people": "-1"}),
    ("/api/collections/gaps/items", {"min_people": "many"}),
    ("/api/collections/gaps/items", {"min_people": "nan"}),
    ("/api/services/hospital-drive/coverage", {"f": "xlsx"}),
    ("/api/services/hospital-drive/map", {"language": "fr"}),
    ("/api/collections/areas/items", {"level": "galaxy"}),
    ("/api/services/hospital-drive/coverage", {"level": "galaxy"}),
])
def test_a_value_out_of_range_is_refused(demo_client: TestClient, address: str, query: dict[str, str]):
    """A value that the parameter cannot have is refused and named, not read as something else."""
    body = check_problem(demo_client.get(address, params=query), 400)
    assert next(iter(query)) in body["detail"]


@pytest.mark.parametrize("cursor", ["9" * 30, "²", "٣"])
@pytest.mark.parametrize("collection", ["facilities", "gaps"])
def test_a_cursor_that_nobody_gave_out(demo_client: TestClient, collection: str, cursor: str):
    """A cursor beyond every id, or of digits that are none, ends the list or is refused; it breaks nothing."""
    answer = demo_client.get(f"/api/collections/{collection}/items", params={"cursor": cursor})
    if answer.status_code == 200:
        assert answer.json()["features"] == []
    else:
        check_problem(answer, 400)


@pytest.mark.parametrize("address", [
    "/api/collections/rivers", "/api/collections/rivers/items", "/api/collections/facilities/items/999999",
    "/api/collections/facilities/items/nobody", "/api/collections/facilities/items/-1",
    "/api/collections/facilities/items/²", "/api/collections/facilities/items/" + "9" * 30,
    "/api/collections/areas/items/000000", "/api/collections/gaps/items/none-30min-1", "/api/services/none",
    "/api/services/none/coverage", "/api/services/none/surface", "/api/services/none/picture", "/api/services/none/map",
    "/api/services/hospital-drive/coverage?threshold=31min", "/api/services/hospital-drive/coverage?run=000000000000",
    "/api/collections/gaps/items?service=none", "/api/collections/gaps/items?run=000000000000",
    "/api/runs/000000000000", "/api/nothing", "/api/collections/facilities/items/1/more",
])
def test_what_is_not_there_is_404(demo_client: TestClient, address: str):
    """An unknown collection, feature, service, threshold, run or path is a 404 problem that says what."""
    check_problem(demo_client.get(address, follow_redirects=False), 404)


def test_a_run_of_another_service_is_not_found(demo_client: TestClient):
    """A run named with the wrong service is refused rather than answered for the other."""
    entries = {each["id"]: each for each in demo_client.get("/api/services").json()["services"]}
    other = entries["emergency-2h"]["run"]
    check_problem(demo_client.get("/api/services/hospital-drive/coverage", params={"run": other}), 404)
    check_problem(demo_client.get("/api/collections/gaps/items", params={"service": "hospital-drive", "run": other}), 404)


def test_an_unmeasured_service_says_how_to_measure(store: Store, settings: Settings):
    """A service that could be answered and was never measured is a 404 that names the command."""
    hospital = Facility(name="医院", class_code="A100", lon=126.8, lat=42.4, position_method="surveyed")
    with store.writing() as session:
        facilities.save(session, hospital, facility_id=None, author="test", origin="test")
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        body = check_problem(client.get("/api/services/hospital-drive/coverage"), 404)
    assert "geosvc measure hospital-drive" in body["detail"]


def test_a_service_that_cannot_be_computed_says_why(demo_client: TestClient):
    """A service without any facility in the registry is not computable: 409, and what to import."""
    body = check_problem(demo_client.get("/api/services/ems-radius/coverage"), 409)
    assert "not computable" in body["detail"]
    assert "geosvc import facilities" in body["detail"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("address", ["/api", "/api/collections/gaps/items", "/api/collections/gaps/items/1", "/api/services"])
def test_a_method_that_is_not_offered(demo_client: TestClient, method: str, address: str):
    """What cannot be written is answered 405, as a problem, with what is allowed."""
    answer = demo_client.request(method, address)
    check_problem(answer, 405)
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize("address", ["/api/collections/rivers", "/api/nothing", "/api/collections/facilities/items?limit=0"])
def test_a_browser_at_the_api_gets_json_too(demo_client: TestClient, address: str):
    """Under /api the answer is a problem document even when HTML is asked for."""
    answer = demo_client.get(address, headers={"accept": "text/html"})
    assert answer.headers["content-type"].startswith(PROBLEM)


def test_a_path_beside_the_api_is_a_page(demo_client: TestClient):
    """An address that merely begins with the letters api is no part of the API: a person gets a page."""
    answer = demo_client.get("/apiary", headers={"accept": "text/html"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")


# -- the table from errors to statuses --------------------------------------------------------


def leaves(tree: type[GeosvcError]) -> Iterator[type[GeosvcError]]:
    """Yield the classes of the tree that have no class below them."""
    below = tree.__subclasses__()
    if not below:
        yield tree
    for each in below:
        yield from leaves(each)


LEAVES = sorted(set(leaves(GeosvcError)), key=lambda each: each.__name__)


@pytest.mark.parametrize("error", LEAVES)
def test_every_error_has_a_status(error: type[GeosvcError]):
    """Each leaf of the error tree has its HTTP status: 4xx for what the caller can cure, 503 for the store."""
    assert error.__module__ == errors.__name__, "an error grew outside the tree"
    assert status_of(error) in {400, 401, 403, 404, 409, 412, 413, 422, 428, 429, 503}
    assert (status_of(error) == 503) == issubclass(error, (errors.StoreError, errors.Busy))
    assert (status_of(error) == 404) == issubclass(error, errors.NotFound)


def test_an_error_outside_the_table_would_be_noticed():
    """The walk above can fail: a new family without a status has none."""
    stray = type("Stray", (GeosvcError,), {})
    try:
        with pytest.raises(StopIteration):
            status_of(stray)
        assert stray in set(leaves(GeosvcError))
    finally:
        del stray
    assert all(issubclass(family, GeosvcError) for family in STATUS)


@pytest.mark.parametrize("error", LEAVES)
def test_every_error_is_answered(demo_settings: Settings, monkeypatch: pytest.MonkeyPatch, error: type[GeosvcError]):
    """Raised inside a workflow, each error arrives as a problem with its own sentence."""
    listed = {errors.RefusedRows: [errors.Refusal(1, None, None, "why")], errors.WaitingRows: [{"row": 2, "candidates": []}]}
    raised = error("north.csv", listed[error]) if error in listed else error("what came and the cure")

    def broken(*_args, **_options):
        raise raised

    monkeypatch.setattr(reading, "list_services", broken)
    with TestClient(create_app(demo_settings), raise_server_exceptions=False) as client:
        body = check_problem(client.get("/api/services"), status_of(error))
    assert body["title"] == error.__name__
    assert body["detail"] == str(raised)


# -- what nobody expected ---------------------------------------------------------------------


@pytest.fixture
def broken_client(demo_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """A server whose workflow breaks in a way that nobody foresaw."""

    def broken(*_args, **_options):
        raise ZeroDivisionError(SECRET)

    monkeypatch.setattr(reading, "list_services", broken)
    with TestClient(create_app(demo_settings), raise_server_exceptions=False) as client:
        yield client


def test_the_unexpected_answers_with_an_id_only(broken_client: TestClient, caplog: pytest.LogCaptureFixture):
    """An unexpected error answers 500 with an id; the reason stands in the log under that id and nowhere else."""
    with caplog.at_level(logging.ERROR):
        answer = broken_client.get("/api/services")
    body = check_problem(answer, 500)
    for inside in (SECRET, "ZeroDivisionError", "reading.py", "broken", "site-packages"):
        assert inside not in answer.text
    number = body["instance"].rsplit(":", 1)[-1]
    assert len(number) >= 8
    assert number in body["detail"]
    told = [each for each in caplog.records if number in each.getMessage()]
    assert len(told) == 1
    assert told[0].exc_info is not None
    assert SECRET in str(told[0].exc_info[1])


def test_two_unexpected_errors_have_two_ids(broken_client: TestClient):
    """Each failure has its own id, so that the log can be searched for it."""
    first, second = (broken_client.get("/api/services").json()["instance"] for _ in range(2))
    assert first != second


def test_the_unexpected_on_a_page_shows_no_inside(broken_client: TestClient):
    """A person sees a page that something went wrong, with nothing of the inside."""
    answer = broken_client.get("/", headers={"accept": "text/html"})
    assert answer.status_code == 500
    assert answer.headers["content-type"].startswith("text/html")
    for inside in (SECRET, "ZeroDivisionError", "Traceback", "reading.py"):
        assert inside not in answer.text


def test_a_failure_keeps_its_security_headers(broken_client: TestClient):
    """The page of an unexpected error is guarded like every other page."""
    for address in ("/api/services", "/"):
        answer = broken_client.get(address, headers={"accept": "text/html"})
        assert "default-src 'self'" in answer.headers.get("content-security-policy", "")
        assert answer.headers.get("x-content-type-options") == "nosniff"


# -- no workspace -----------------------------------------------------------------------------


@pytest.mark.parametrize("address", [
    "/api/collections", "/api/collections/facilities/items", "/api/collections/gaps/items", "/api/services", "/api/runs/1",
])
def test_without_a_workspace_the_api_says_what_to_do(lost_client: TestClient, address: str):
    """A server without its workspace answers 503 and names the command that makes one."""
    body = check_problem(lost_client.get(address), 503)
    assert body["title"] == "WorkspaceNotFound"
    assert "geosvc init" in body["detail"] or "geosvc demo" in body["detail"]


@pytest.mark.parametrize("address", ["/", "/gaps", "/facilities", "/about"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_without_a_workspace_the_pages_say_what_to_do(lost_client: TestClient, address: str, language: str):
    """A person gets a page with the cure, in either language, and no stack."""
    answer = lost_client.get(address, params={"lang": language}, headers={"accept": "text/html"})
    assert answer.status_code == 503
    assert answer.headers["content-type"].startswith("text/html")
    assert "geosvc init" in answer.text
    assert "geosvc demo" in answer.text
    assert "Traceback" not in answer.text


def test_the_front_door_opens_without_a_workspace(lost_client: TestClient):
    """What the API is and how it is described can be asked before there is any data."""
    for address in ("/api", "/api/conformance", "/api/openapi.json"):
        assert lost_client.get(address).status_code == 200


def test_a_workspace_made_later_is_found(settings: Settings):
    """A server started too early answers as soon as the workspace is there, without a restart."""
    from geosvc.workflows.workspace import init_workspace

    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        check_problem(client.get("/api/services"), 503)
        init_workspace(settings).close()
        assert client.get("/api/services").status_code == 200
