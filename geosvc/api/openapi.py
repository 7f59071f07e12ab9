"""The OpenAPI document, with what every address really answers."""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse

from geosvc.api.problems import PROBLEM_TYPE

OPENAPI_TYPE = "application/vnd.oai.openapi+json;version=3.1"
# Addresses that answer GeoJSON.
_FEATURES = ("/items", "/isochrones", "/catchments")
_NO_FEATURES = ("/versions", "/check", "/populations")
# Addresses at which facilities are changed, and those under them at which nothing is.
_EDITED, _NO_EDITS = ("/api/collections/facilities/items", "/api/locating/place", "/api/review/confirm"), ("/check",)
_GEOJSON = "application/geo+json"
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"}, "title": {"type": "string"}, "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was expected, what came, where, and the likely cure."},
    },
}
_REFUSALS = {"400": "A parameter is unknown or out of range.", "404": "Nothing has that name.",
             "409": "The question has no answer with what the workspace holds.",
             "401": "Nobody has signed in, or the key is not good.", "403": "The account may not do that.",
             "503": "The workspace cannot be read."}
# A change of facilities that an editor makes where an administrator publishes.
_WAITS = "The change is not made but proposed: an administrator publishes it; ``Location`` is the proposal's address."
# What may have become part of something else.
_MAY_BE_GONE = "/facilities/items/{facility_id}"
_GONE = {"410": "It was merged into another; ``merged_into`` says which."}
# Answers that are no JSON and that FastAPI cannot know of.
_FILES = {"/surface": "image/tiff; application=geotiff", "/picture": "image/png"}
_EXAMPLE = "From the demo county, lists cut short: "
_GEOJSON_SCHEMAS = {
    "FeatureCollection": {
        "type": "object", "required": ["type", "features"], "properties": {
            "type": {"const": "FeatureCollection"}, "features": {"type": "array", "items": {"$ref": "#/components/schemas/Feature"}},
            "numberMatched": {"type": "integer", "description": "How many the filters match, on all pages."},
            "numberReturned": {"type": "integer"}, "timeStamp": {"type": "string"}, "links": {"type": "array", "items": {"type": "object"}},
        },
    },
    "Feature": {
        "type": "object", "required": ["type", "geometry", "properties"], "properties": {
            "type": {"const": "Feature"}, "id": {"type": ["integer", "string"]}, "properties": {"type": "object"},
            "geometry": {"type": ["object", "null"], "description": "Degrees (CRS84); null where no position or outline is known."},
        },
    },
}
# What only a request that changes something can be answered.
_REFUSED_CHANGES = {"412": "Somebody else changed it meanwhile; ``changed`` says what.", "413": "More than a request may bring.",
                    "422": "What came cannot be used.", "428": "The change does not say which revision it saw (If-Match)."}


def openapi_document(app: FastAPI) -> dict[str, Any]:
    """Return the document; it is made once."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        schemas |= {"Problem": _PROBLEM, **_GEOJSON_SCHEMAS}
        examples = shown_answers()
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                _correct(path, operation["responses"], changes=method != "get")
                if (shown := examples.get(f"{method} {path}")) is not None:
                    _show(operation, shown)
        document["components"]["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer", "description": "An API key, made on the page of one's account."}}
        document["security"] = [{"key": []}, {}]
        app.openapi_schema = document
    return app.openapi_schema


def _correct(path: str, responses: dict[str, Any], *, changes: bool) -> None:
    responses.pop("422", None)  # refusals are problems, see below
    if changes and path.startswith(_EDITED) and not path.endswith(_NO_EDITS):
        responses["202"] = {"description": _WAITS, "content": {"application/json": {"schema": {"type": "object"}}}}
    good = next((responses[status] for status in ("200", "201") if status in responses), None)
    if good is not None and (path.endswith(_FEATURES) or ("/items/" in path and not path.endswith(_NO_FEATURES))):
        content = good.pop("content", {}).get("application/json", {})
        several = path.endswith(_FEATURES) and not changes
        good["content"] = {_GEOJSON: {**content, "schema": {"$ref": f"#/components/schemas/{'FeatureCollection' if several else 'Feature'}"}}
                           if not changes else content or {"schema": {"type": "object"}}}
    for ending, kind in _FILES.items():
        if good is not None and path.endswith(ending):
            good["content"] = {kind: {"schema": {"type": "string", "format": "binary"}}}
    gone = _GONE if path.endswith(_MAY_BE_GONE) and not changes else {}
    for status, description in {**_REFUSALS, **gone, **(_REFUSED_CHANGES if changes else {})}.items():
        responses[status] = {
            "description": description,
            "content": {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }


def shown_answers() -> dict[str, dict[str, Any]]:
    """Return what the document shows for ``method path``: what is asked (parameters, query, body), and what the demo county answers.

    ``docs/make_api_examples.py`` writes it; a test asks the same again.
    """
    found: dict[str, dict[str, Any]] = json.loads(resources.files("geosvc.api").joinpath("examples.json").read_text("utf-8"))
    return found


def _show(operation: dict[str, Any], shown: dict[str, Any]) -> None:
    """Put an example of question and answer into an operation; examples that a route declares itself stay."""
    good = next(operation["responses"][status] for status in ("200", "201") if status in operation["responses"])
    query = "&".join(f"{name}={value}" for name, value in shown.get("query", {}).items())
    named = ", ".join(f"{name} {value}" for name, value in shown.get("parameters", {}).items())
    asked = " ".join(part for part in (named, query and f"?{query}") if part) or "as it is"
    for content in good["content"].values():
        content.setdefault("examples", {"demo": {"summary": _EXAMPLE + asked, "value": shown["answer"]}})
    if "body" in shown:
        operation["requestBody"]["content"]["application/json"]["examples"] = {"demo": {"summary": "As in the answer's example", "value": shown["body"]}}


def add_openapi(app: FastAPI) -> None:
    """Serve the document under its own media type."""
    # FastAPI's own way to extend the document.
    app.openapi = lambda: openapi_document(app)  # type: ignore[method-assign]

    @app.get("/api/openapi.json", include_in_schema=False)
    def document(request: Request) -> JSONResponse:
        return JSONResponse(openapi_document(request.app), media_type=OPENAPI_TYPE)
