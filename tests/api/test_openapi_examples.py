"""The examples of the API's description are true: asked again, the demo county answers what they say."""

from __future__ import annotations

import importlib.util
import json
import re
from dataclasses import replace
from pathlib import Path

import jsonschema_rs
import pytest
from fastapi.testclient import TestClient
from people import headers_of
from workspaces import copy_workspace

from geosvc.api.openapi import shown_answers
from geosvc.application import create_app
from geosvc.workflows.workspace import open_workspace

_SCRIPT = Path(__file__).resolve().parents[2] / "docs" / "make_api_examples.py"
# Moments, days of today, runs and revisions of a fresh demo, its version: they differ each time.
_PASSING = re.compile(r"\d{4}-\d\d-\d\d(T[\d:.]+Z)?|\b(?=[0-9a-f]*\d)[0-9a-f]{12,64}\b|^\d+\.\d+\.\d+$")


@pytest.fixture(scope="module")
def script():
    """The script that writes the examples."""
    spec = importlib.util.spec_from_file_location("make_api_examples", _SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def asked(demo_settings, tmp_path_factory):
    """A client of a copy of the demo county, for a scenario is saved, and what an analyst sends."""
    settings = replace(demo_settings, workspace=tmp_path_factory.mktemp("examples") / "workspace")
    copy_workspace(demo_settings.workspace, settings.workspace)
    store = open_workspace(settings)
    headers = headers_of(store, "analyst", name="wang")
    store.close()
    with TestClient(create_app(settings)) as client:
        yield client, headers


def lasting(value):
    """JSON without what differs each time, and numbers as close as two computers agree."""
    if isinstance(value, dict):
        return {name: lasting(each) for name, each in value.items()}
    if isinstance(value, list):
        return [lasting(each) for each in value]
    if isinstance(value, str):
        return _PASSING.sub("*", value)
    return pytest.approx(value, rel=1e-6) if isinstance(value, float) else value


def test_the_demo_answers_what_the_examples_say(script, asked):
    """Every member of every example, in order: nothing is invented, nothing is missing."""
    client, headers = asked
    for entry, example in shown_answers().items():
        assert lasting(script.asked_again(client, headers, entry, example)) == lasting(example["answer"]), f"{entry}: if meant, run docs/make_api_examples.py"


def test_examples_fit_their_schemas(demo_client):
    """Each stands in the document at the address that it was asked at, and its schema takes it."""
    document = demo_client.get("/api/openapi.json").json()
    for entry, example in shown_answers().items():
        method, path = entry.split()
        operation = document["paths"][path][method]
        shown = [content for status in ("200", "201") for content in operation["responses"].get(status, {}).get("content", {}).values()]
        (content,) = shown
        assert content["examples"]["demo"]["value"] == example["answer"]
        assert jsonschema_rs.is_valid({**content["schema"], "components": document["components"]}, example["answer"]), entry
        if "body" in example:
            body = operation["requestBody"]["content"]["application/json"]
            assert body["examples"]["demo"]["value"] == example["body"]
            assert jsonschema_rs.is_valid({**body["schema"], "components": document["components"]}, example["body"]), entry
    assert not jsonschema_rs.is_valid(document["components"]["schemas"]["Feature"], {"type": "Feature"})


def test_what_analysts_read_has_an_example(demo_client):
    """Every address of services, features and scenarios that answers JSON and reads has one; jobs declare their own."""
    document = demo_client.get("/api/openapi.json").json()
    missing = []
    for path, operations in document["paths"].items():
        if "get" not in operations or not {"services", "features", "scenarios", "jobs"} & set(operations["get"]["tags"]):
            continue
        content = operations["get"]["responses"]["200"].get("content", {})
        missing += [path for kind, each in content.items() if kind.endswith("json") and kind != "application/geo+json" and not {"example", "examples"} & set(each)]
    # Of these the page of the map is the reader.
    of_pages = {"/api/divisions", "/api/scenarios/{number}/preview", "/api/services/{service_id}/areas", "/api/services/{service_id}/catchment-curves"}
    assert set(missing) - of_pages == set(), "ask it in geosvc/api/examples.json, then run docs/make_api_examples.py"


def test_the_check_can_fail(script, asked):
    """A member more, or another number, is noticed."""
    client, headers = asked
    entry, example = next((entry, each) for entry, each in shown_answers().items() if entry.endswith("/coverage") and "services/" in entry)
    told = script.asked_again(client, headers, entry, example)
    assert lasting({**told, "more": 1}) != lasting(example["answer"])
    changed = json.loads(json.dumps(told).replace(json.dumps(told["rows"][0]["people_total"]), "1.0"))
    assert lasting(changed) != lasting(example["answer"])
