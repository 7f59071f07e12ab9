"""More than a request may bring: a person reads why on a page, a script as JSON."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from geosvc.language import words

MB = 1024 * 1024
FORM = {"content-type": "application/x-www-form-urlencoded"}


def drops():
    """Yield a body whose length nobody is told."""
    for _each in range(6):
        yield b"x" * MB


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("told", [True, False])
def test_a_person_reads_why_in_the_language_of_the_page(demo_client: TestClient, language: str, told: bool):
    """Told how large it is or not: heading, cure and the program's words, as for every other refusal."""
    answer = demo_client.post(f"/sign-in?lang={language}", content=b"x" * 6 * MB if told else drops(), headers={"accept": "text/html", **FORM})
    demo_client.cookies.clear()
    assert answer.status_code == 413
    assert f"<h1>{words(language)['error_too_large']}</h1>" in answer.text
    assert words(language)["error_too_large_text"] in answer.text
    assert "brings at most 4 MB" in answer.text
    assert answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/api/duplicates/merge", "/sign-in"])
def test_a_script_reads_it_as_a_problem(demo_client: TestClient, path: str):
    """Under /api always, elsewhere for whoever asks for no page; at an address that takes files more may come."""
    answer = demo_client.post(path, content=b"x" * 6 * MB, headers={"accept": "text/html" if path.startswith("/api") else "*/*", **FORM})
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert (answer.json()["title"], answer.json()["status"]) == ("TooLarge", 413)
    assert answer.headers["connection"] == "close"
    assert demo_client.post("/api/imports", content=b"x" * 6 * MB).status_code != 413


@pytest.mark.slow
def test_a_browser_shows_the_page(browser, demo_server: str):
    """A browser that is cut off while it sends shows nothing at all: the whole form is received before it is refused."""
    page = browser.new_page()  # no guard: it would complain of the 413 that is wanted here
    page.goto(f"{demo_server}/sign-in")
    with page.expect_navigation():
        page.evaluate("""() => {
            const form = document.createElement('form'), field = document.createElement('textarea');
            form.method = 'post'; form.action = '/sign-in'; field.name = 'name'; field.value = 'x'.repeat(12 * 1024 * 1024);
            form.append(field); document.body.append(form); form.submit();
        }""")
    assert page.locator("h1").inner_text() == words("zh")["error_too_large"]
    page.close()
