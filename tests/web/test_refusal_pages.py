"""A refusal as a person reads it: first in the page's language and with what to do, then the program's own words."""

import re

import pytest
from fastapi.testclient import TestClient

from geosvc import errors
from geosvc.language import words
from geosvc.web import refusals

HTML = {"accept": "text/html"}
CASES = [
    ("/nowhere", 404, "page"), ("/?service=nope", 404, "service"), ("/?service=hospital-drive&threshold=9min", 404, "service"),
    ("/gaps?min_people=-1", 400, "parameter"), ("/gaps?min_people=viele", 400, "parameter"),
    ("/facilities?cursor=x", 400, "parameter"),
    ("/map/a-b/main.js", 404, "record"),
]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(("address", "status", "kind"), CASES)
def test_a_refusal_is_said_in_the_language_of_the_page(
    demo_client: TestClient, address: str, status: int, kind: str, language: str
):
    """Heading and advice are in the page's language; the technical text stands below, marked as English."""
    answer = demo_client.get(address + ("&" if "?" in address else "?") + f"lang={language}", headers=HTML)
    demo_client.cookies.clear()
    assert answer.status_code == status
    text = words(language)
    heading = re.search(r"<h1>(.*?)</h1>", answer.text)
    assert heading is not None
    assert heading.group(1) == text[f"error_{kind}"]
    assert text[f"error_{kind}_text"] in answer.text
    detail = re.search(r'<span lang="en">(.*?)</span>', answer.text)
    assert detail is not None
    assert answer.text.index(text[f"error_{kind}_text"]) < detail.start()


def test_a_method_that_pages_do_not_offer(demo_client: TestClient):
    """Sending something to a page is refused as such, not as a page that is missing."""
    answer = demo_client.post("/gaps", headers=HTML)
    assert answer.status_code == 405
    assert words("zh")["error_method"] in answer.text


def families(tree: type[errors.GeosvcError]) -> list[type[errors.GeosvcError]]:
    """Return a class and all below it."""
    return [tree, *(each for below in tree.__subclasses__() for each in families(below))]


@pytest.mark.parametrize("family", families(errors.GeosvcError)[1:], ids=lambda each: each.__name__)
def test_every_refusal_has_a_kind_with_words(family: type[errors.GeosvcError]):
    """No refusal falls through to "something went wrong on the server", and each kind has its words."""
    error = family.__new__(family)
    kind, status = refusals.kind_of(error)
    assert kind != "unexpected"
    assert 400 <= status < 504
    for language in ("zh", "en"):
        assert words(language)[f"error_{kind}"]
        assert words(language)[f"error_{kind}_text"]


def test_an_unexpected_error_tells_nothing_of_its_inside():
    """What is not a refusal of ours shows no text of its own."""
    assert refusals.kind_of(ZeroDivisionError("secret")) == ("unexpected", 500)
    assert refusals.detail_of(ZeroDivisionError("secret")) == ""
