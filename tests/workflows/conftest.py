"""What the tests of workflows share."""

from __future__ import annotations

import json

import pytest
from workflows.small_ground import draw, empty_workspace


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Draw grounds in workspaces of their own; the same drawing is made once, and every test asks services of its own."""
    made = {}
    empty = empty_workspace(tmp_path_factory.mktemp("empty"))

    def one(**what):
        key = json.dumps(what, sort_keys=True, default=lambda shape: shape.wkt)
        if key not in made:
            made[key] = draw(tmp_path_factory.mktemp("ground"), empty, **what)
        return made[key]

    yield one
    for each in made.values():
        each.study.store.close()
