"""A picture of every page, taken by a target from the demo, and shown in docs/pages.md."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from PIL import Image
from web.every_page import page_routes

from geosvc.application import create_app
from geosvc.settings import Settings

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def pictures():
    """What the target of the pictures takes."""
    sys.path.insert(0, str(DOCS))
    try:
        import make_screenshots
    finally:
        sys.path.remove(str(DOCS))
    return make_screenshots


def test_no_page_is_forgotten(pictures, tmp_path):
    """The application itself says which pages there are."""
    taken = [each.path.partition("?")[0] for each in pictures.PAGES.values()]
    routes = page_routes(create_app(Settings(workspace=tmp_path)))
    assert len(routes) > 30
    # A number of the demo stands in braces, as does that of a route.
    missing = {route for route in routes if not any(re.fullmatch(re.sub(r"\{[^}]*\}", r"[^/]+", route), each) for each in taken)}
    assert missing == set()


def test_every_picture_is_there_and_shown(pictures):
    """None is left over either."""
    kept = {each.stem for each in (DOCS / "img").glob("*.png")}
    shown = re.findall(r"\]\(img/([\w-]+)\.png\)", (DOCS / "pages.md").read_text("utf-8"))
    assert kept == set(pictures.NAMES) == set(shown)
    assert len(shown) == len(set(shown))
    for name in kept:
        with Image.open(DOCS / "img" / f"{name}.png") as image:
            assert image.width >= 700, name
