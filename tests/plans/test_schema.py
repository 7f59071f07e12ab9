"""The schema for editors agrees with the reader."""

from __future__ import annotations

import json
from importlib.resources import files

import jsonschema_rs
import pytest
import yaml

from geosvc.plans.schema import plan_schema

PUBLISHED = sorted((each for each in files("geosvc.plans").joinpath("published").iterdir() if each.name.endswith(".yaml")), key=lambda each: each.name)
GOOD = {"plan": {"id": "a", "title": "t", "period": "2021-2025"}, "statements": [{"id": "s", "quote": "q", "kind": "GOV", "recorded": "r"}]}


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.name)
def test_the_published_plans_fit(path):
    """What is shipped is what editors would accept."""
    document = json.loads(json.dumps(yaml.safe_load(path.read_text("utf-8")), default=str))  # 0_14 as a key is a number to YAML
    document["plan"]["date"] = str(document["plan"].get("date"))  # YAML makes it a day
    errors = list(jsonschema_rs.validator_for(plan_schema()).iter_errors(document))
    assert not errors, errors[0]


@pytest.mark.parametrize(("entry", "fits"), [({"section": "一"}, True), ({"section": "一", "en": "One"}, True), ({"section": ""}, False), ({"section": "一", "kind": "GOV"}, False)])
def test_headings(entry, fits):
    """A heading is an entry of its own."""
    document = {**GOOD, "statements": [entry, *GOOD["statements"]]}
    assert jsonschema_rs.validator_for(plan_schema()).is_valid(document) is fits


@pytest.mark.parametrize("fault", [
    {"kind": "UNITS"}, {"recorded": None}, {"indicator": {"unit": "升"}}, {"indicator": {"compute": {"density": {"per": 1000}}}},
    {"indicator": {"compute": {"density": {"measure": "beds", "per": 1000}, "stock": {"measure": "beds"}}}}, {"colour": "red"}])
def test_what_the_reader_refuses_does_not_fit(fault):
    """An unknown kind, nothing said of what becomes of it, an unknown unit, a way without its fields, two ways, an unknown field."""
    validator = jsonschema_rs.validator_for(plan_schema())
    assert validator.is_valid(GOOD)
    broken = {**GOOD, "statements": [{key: value for key, value in {**GOOD["statements"][0], **fault}.items() if value is not None}]}
    assert not validator.is_valid(broken)
