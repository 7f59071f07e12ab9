"""The front door of the API."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from geosvc.api.openapi import OPENAPI_TYPE
from geosvc.api.parameters import StrictRoute

router = APIRouter(prefix="/api", route_class=StrictRoute, tags=["landing"])

# Not oas30: the document is OpenAPI 3.1, which that class does not know.
CONFORMANCE = (
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
)


@router.get("", summary="Landing page")
def landing(request: Request) -> dict[str, Any]:
    """Say what is here and where."""
    base = str(request.base_url).rstrip("/") + "/api"
    links = [
        ("self", "", "application/json", "This document"),
        ("service-desc", "/openapi.json", OPENAPI_TYPE, "The API in OpenAPI"),
        ("conformance", "/conformance", "application/json", "What the API conforms to"),
        ("data", "/collections", "application/json", "The collections of features"),
        ("related", "/services", "application/json", "The services and their coverage"),
        ("related", "/changes", "application/json", "What changed since"),
        ("related", "/audit", "application/json", "The audit log"),
    ]
    return {
        "title": "geosvc",
        "description": "Health facilities, areas, and the gaps in the coverage of health services.",
        "links": [{"rel": rel, "href": base + path, "type": kind, "title": title} for rel, path, kind, title in links],
    }


@router.get("/conformance", summary="Conformance")
def conformance() -> dict[str, Any]:
    """List the conformance classes."""
    return {"conformsTo": list(CONFORMANCE)}
