"""The description of the API, checked against the rules of OpenAPI and against the API itself."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from geosvc.api.parameters import CRS84_URI

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}


@pytest.fixture(scope="module")
def document(demo_client: TestClient) -> dict[str, Any]:
    """The OpenAPI document as served."""
    answer = demo_client.get("/api/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def walk(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every object of a JSON document."""
    if isinstance(node, dict):
        yield node
        for each in node.values():
            yield from walk(each)
    elif isinstance(node, list):
        for each in node:
            yield from walk(each)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (path, method, operation)."""
    for path, entry in document["paths"].items():
        for method, operation in entry.items():
            if method in METHODS:
                yield path, method, operation


def faults(document: dict[str, Any]) -> list[str]:
    """Return what breaks the rules of OpenAPI that tools stumble over."""
    found = []
    if not re.fullmatch(r"3\.\d+\.\d+", document.get("openapi", "")):
        found.append("openapi: no version")
    if not {"title", "version"} <= document.get("info", {}).keys():
        found.append("info: no title or version")
    ids = [operation.get("operationId") for _, _, operation in operations(document)]
    found += [f"operationId {each} is missing or not unique" for each in ids if each is None or ids.count(each) > 1]
    for path, method, operation in operations(document):
        where = f"{method} {path}"
        if not operation.get("responses"):
            found.append(f"{where}: no responses")
        for status, response in operation.get("responses", {}).items():
            if not re.fullmatch(r"[1-5](\d\d|XX)|default", status) or "description" not in response:
                found.append(f"{where}: response {status} is not described")
        parameters = operation.get("parameters", [])
        names = [(each.get("in"), each.get("name")) for each in parameters]
        if len(set(names)) < len(names):
            found.append(f"{where}: a parameter stands twice")
        in_path = {name for place, name in names if place == "path"}
        if in_path != set(re.findall(r"{(\w+)}", path)):
            found.append(f"{where}: path parameters do not match the path")
        for each in parameters:
            if each.get("in") not in ("query", "path", "header", "cookie") or not ("schema" in each or "content" in each):
                found.append(f"{where}: parameter {each.get('name')} has no place or schema")
            if each.get("in") == "path" and each.get("required") is not True:
                found.append(f"{where}: path parameter {each['name']} is not required")
    for node in walk(document):
        target = node.get("$ref")
        if isinstance(target, str):
            place: Any = document
            for step in target.removeprefix("#/").split("/"):
                place = place.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(place, dict) else {}
            if not place:
                found.append(f"{target} leads nowhere")
    return found


def test_the_document_keeps_the_rules(document: dict[str, Any]):
    """Operations have unique ids, described answers and complete parameters; every reference resolves."""
    assert faults(document) == []


def test_the_check_of_the_rules_can_fail(document: dict[str, Any]):
    """A broken document is noticed: a dangling reference, a doubled id, a path without its parameter."""
    path = "/api/collections/facilities/items/{facility_id}"
    broken = {**document, "paths": {**document["paths"], path: {"get": {
        "operationId": next(operations(document))[2]["operationId"],
        "responses": {"200": {"description": "", "content": {"application/json": {"schema": {"$ref": "#/none"}}}}},
    }}}}
    told = " ".join(faults(broken))
    for expected in ("leads nowhere", "not unique", "do not match the path"):
        assert expected in told


def test_the_version_is_the_one_that_conformance_claims(demo_client: TestClient, document: dict[str, Any]):
    """A client that reads conformance to OpenAPI 3.0 (oas30) finds a document of OpenAPI 3.0."""
    classes = demo_client.get("/api/conformance").json()["conformsTo"]
    if any(each.endswith("/conf/oas30") for each in classes):
        assert document["openapi"].startswith("3.0.")


def test_every_path_is_described(document: dict[str, Any]):
    """The whole read side is in the document, each operation with a summary."""
    for path in (
        "/api", "/api/conformance", "/api/collections", "/api/collections/{collection_id}",
        "/api/collections/facilities/items", "/api/collections/areas/items", "/api/collections/gaps/items", "/api/collections/gaps/export", "/api/blank-spots",
        "/api/collections/facilities/items/{facility_id}/versions", "/api/audit", "/api/audit/export", "/api/changes",
        "/api/services", "/api/services/{service_id}/coverage", "/api/coverage", "/api/services/{service_id}/surface",
    ):
        assert document["paths"][path]["get"]["summary"]
    assert not [path for path in document["paths"] if not path.startswith("/api")]


@pytest.mark.slow
def test_the_described_filters_are_those_that_work(demo_client: TestClient, demo_admin: dict[str, str], document: dict[str, Any]):
    """Every query parameter of the document is accepted by its address, so the document does not lie."""
    values = {"bbox": "126,42,128,43", "limit": "5", "datetime": "2026-01-01", "recorded": "2999-01-01", "q": "医",
              "state": "operating", "located": "true", "illustrative": "true", "has_polygon": "true", "level": "county",
              "min_people": "1", "service": "hospital-drive", "threshold": "30min", "f": "csv", "language": "en",
              "limits": "15,30", "crs": CRS84_URI, "bbox-crs": CRS84_URI, "class_code": "A", "area": "22", "parent": "220622",
              "draws": "20", "seed": "2", "subject": "facility:1", "action": "create", "author": "local",
              "sort": "-updated", "source": "公报", "updated_since": "2020-01-01", "min_score": "0.9", "queue": "not_duplicate", "kind": "branch", "datum": "GCJ02", "empty": "true", "contacts": "true", "compared_with": "2026-01-01",
              "first": "baseline", "second": "baseline", "scenario": "baseline", "rule": "village-clinic", "before": "10", "services": "hospital-drive,blood-drive", "paper": "a4", "makers": "县卫生健康局"}
    own = {("/api/proposals", "state"): "open", ("/api/jobs", "state"): "open", ("/api/scenarios", "state"): "draft", ("/api/blank-spots", "state"): "blank",
           ("/api/collections/gaps/items", "sort"): "worst", ("/api/collections/gaps/export", "sort"): "area",
           ("/api/services/{service_id}/sheet", "f"): "pdf", ("/api/services/{service_id}/summary", "f"): "pdf"}  # the same name, of another thing
    tried = 0
    for path, method, operation in operations(document):
        if method != "get" or "{" in path.replace("{service_id}", ""):
            continue
        sent = {each["name"]: own.get((path, each["name"])) or values[each["name"]]
                for each in operation.get("parameters", []) if each["in"] == "query" and each["name"] not in ("run", "cursor")}
        required = {each["name"] for each in operation.get("parameters", []) if each.get("required") and each["in"] == "query"}
        # A sheet takes a while to draw: its filters are asked together, but for the one that excludes others.
        slow = [{name for name in sent if name != "scenario"}, {"scenario"}] if path.endswith(("/sheet", "/summary")) else None
        for names in slow or [{name} for name in sent]:
            asked = {name: value for name, value in sent.items() if name in names | required}
            answer = demo_client.get(path.replace("{service_id}", "hospital-drive"), params=asked, headers=demo_admin)
            assert answer.status_code == 200, (path, asked, answer.text)
            tried += len(names)
    assert tried > 20


def test_features_are_promised_as_geojson(document: dict[str, Any]):
    """The document says application/geo+json for items, and problem+json for errors, as the server answers."""
    for collection in ("facilities", "areas", "gaps"):
        responses = document["paths"][f"/api/collections/{collection}/items"]["get"]["responses"]
        assert "application/geo+json" in responses["200"]["content"]
        refused = [status for status in responses if status.startswith("4") or status == "default"]
        assert refused
        for status in refused:
            assert "application/problem+json" in responses[status]["content"]
        assert "422" not in responses, "a bad parameter answers 400, not 422"
