"""The JSON Schema of plan files, for editors: what may stand where, with the words that are known."""

from __future__ import annotations

from typing import Any

from geosvc.plans.documents import UNITS
from geosvc.plans.facts import PEOPLE_KINDS
from geosvc.plans.plan import BETTER, STATES, WAYS, Kind, Status
from geosvc.plans.reviews import REVIEWS
from geosvc.plans.vocabulary import groups, measures
from geosvc.plans.ways import PER
from geosvc.registry.areas import LEVELS
from geosvc.registry.populations import STATUSES

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TEXT: dict[str, Any] = {"type": ["string", "number", "null"]}
_YEAR = {"type": ["integer", "string"], "pattern": r"^\d{4}$"}
_LIST = {"type": ["array", "string"], "items": {"type": "string"}}
_FIGURE = {"oneOf": [{"type": ["string", "number"]}, {
    "type": "object", "required": ["value"], "additionalProperties": False,
    "properties": {"year": _YEAR, "value": {"type": ["string", "number"]}, "source": {"type": "string"}}}]}


def plan_schema() -> dict[str, Any]:
    """Return the schema. Groups of the plan's own make every name of a group possible: only ``geosvc plan check`` knows them all."""
    return {
        "$schema": DRAFT, "title": "geosvc plan file", "type": "object", "required": ["plan", "statements"], "additionalProperties": False,
        "properties": {
            "plan": _object({
                "id": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,63}$"}, "title": {"type": "string"}, "title_en": {"type": "string"},
                "issuer": {"type": "string"}, "date": _TEXT, "date_note": {"type": "string"}, "period": {"type": "string", "pattern": r"^\d{4}-\d{4}$"},
                "state": {"enum": list(STATES)}, "area": {"type": ["string", "null"]}, "note": {"type": "string"}}, ["id", "title", "period"]),
            "people": {"type": "array", "items": _object({
                "year": _YEAR, "people": {"type": "number"}, "kind": {"enum": list(PEOPLE_KINDS)}, "status": {"enum": list(STATUSES)},
                "source": {"type": "string"}, "groups": {"type": "object", "additionalProperties": {"type": "number"}}}, ["year", "people", "status", "source"])},
            "groups": {"type": "object", "additionalProperties": _object({
                "zh": {"type": "string"}, "en": {"type": "string"}, "classes": _LIST, "ownership": _LIST, "levels": _LIST, "names": _LIST, "any": _LIST}, [])},
            "sums": {"type": "array", "items": _object({"whole": {"type": "string"}, "parts": _LIST, "year": _YEAR}, ["whole", "parts", "year"])},
            "inventories": {"type": "array", "items": _object({"of": {"type": "string"}, "parts": _LIST, "year": _YEAR}, ["of", "parts", "year"])},
            "statements": {"type": "array", "items": {"oneOf": [_statement(), _object({"section": {"type": "string", "minLength": 1}, "en": {"type": "string"}}, ["section"])]}},
        },
    }


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _statement() -> dict[str, Any]:
    return {**_object({
        "id": {"type": "string"}, "quote": {"type": "string", "minLength": 1}, "kind": {"enum": [each.value for each in Kind]}, "facility": _TEXT,
        "level": _TEXT, "year": _TEXT, "status": {"enum": [each.value for each in Status]}, "note": _TEXT, "every_years": {"type": "integer", "minimum": 1}, "reviews": {"type": "array", "items": {"enum": list(REVIEWS)}},
        "indicator": _indicator(), "indicators": {"type": "array", "minItems": 1, "items": _indicator()}, "recorded": {"type": "string"},
    }, ["id", "quote", "kind"]), "anyOf": [{"required": [each]} for each in ("indicator", "indicators", "recorded")]}


def _indicator() -> dict[str, Any]:
    return _object({
        "name": {"type": "string"}, "unit": {"enum": [each for each in UNITS if each]}, "better": {"enum": list(BETTER)}, "baseline": _FIGURE, "target": _FIGURE,
        "observed": {"type": "array", "items": _FIGURE}, "change": _object({"since": _YEAR, "by": {"type": "number"}}, ["since", "by"]),
        "recorded": {"type": "string"},
        "compute": {"oneOf": [_object({way: _way(must, may)}, [way]) for way, (must, may) in WAYS.items()]},
    }, [])


def _way(must: tuple[str, ...], may: tuple[str, ...]) -> dict[str, Any]:
    return _object({name: _field(name) for name in (*must, *may)}, list(must))


def _field(name: str) -> dict[str, Any]:
    known: dict[str, dict[str, Any]] = {
        **{each: {"enum": list(measures())} for each in ("measure", "to", "whole")},
        **{each: {"type": "string", "examples": list(groups())} for each in ("of", "of_whole", "to_group", "exempt_where")},
        "having": _LIST, "only": _LIST,
        "per": {"enum": list(PER)}, "level": {"enum": list(LEVELS)},
        "bands": {"type": "array", "items": _object({"below": {"type": "number"}, "target": {"type": ["string", "number"]}}, ["target"])},
        "conditions": {"type": "array", "items": _object({
            "name": {"type": "string"}, "value": {"type": "string"}, "indicator": {"type": "string"}, "observed": {"type": "array", "items": _FIGURE}}, ["value"])},
    }
    return known.get(name, {"type": ["string", "number"]})
