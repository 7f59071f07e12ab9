"""Sheets and summaries over HTTP: every form, every run, part of a study, no font, no right."""

from __future__ import annotations

import io
import re

import docx
import numpy as np
import pypdfium2
import pytest
from fastapi.testclient import TestClient
from people import headers_of
from PIL import Image
from workflows.small_county import furnish

from geosvc.application import create_app
from geosvc.language import words
from geosvc.maps.paper import fonts
from geosvc.settings import Settings
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study

ZH = words("zh")
SHEET, SUMMARY = "/api/services/hospital-drive/sheet", "/api/services/hospital-drive/summary"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
needs_font = pytest.mark.skipif(not fonts.has_fonts(), reason="this machine has no Chinese TrueType font (fonts-wqy-microhei)")


def text_of(answer) -> str:
    """Return the text of a PDF without spaces."""
    assert answer.status_code == 200, answer.text
    document = pypdfium2.PdfDocument(answer.content)
    found = re.sub(r"\s+", "", document[0].get_textpage().get_text_bounded())
    document.close()
    return found


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    """A server of the small county, measured, and its store."""
    folder = tmp_path_factory.mktemp("county")
    settings = Settings(workspace=folder / "workspace")
    store = furnish(settings, folder, cell_size_m=400.0)
    measure_service(Study(store, settings), "hospital-drive")
    with TestClient(create_app(settings), raise_server_exceptions=False) as client:
        yield client, store
    store.close()


@needs_font
@pytest.mark.parametrize(("path", "kind", "begins", "ending"), [
    (SHEET, "application/pdf", b"%PDF-", "-a4.pdf"), (f"{SHEET}?f=png", "image/png", b"\x89PNG", "-a4.png"),
    (f"{SHEET}?paper=a3", "application/pdf", b"%PDF-", "-a3.pdf"), (SUMMARY, "application/pdf", b"%PDF-", "-summary.pdf"),
    (f"{SUMMARY}?f=docx", DOCX, b"PK", "-summary.docx"),
])
def test_every_form_is_a_file_that_names_its_run(demo_client, path, kind, begins, ending):
    """A download with a name of service and run, of the right kind."""
    run = demo_client.get("/api/services/hospital-drive").json()["run"]
    answer = demo_client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.content.startswith(begins)
    assert answer.headers["content-disposition"] == f'attachment; filename="hospital-drive-{run}{ending}"'


@needs_font
def test_the_sheet_is_of_the_run_limit_and_language_asked(demo_client):
    """Another limit has other numbers; English is English; who hands it over stands in the title block."""
    run = demo_client.get("/api/services/hospital-drive").json()["run"]
    for limit in ("30min", "60min"):
        people = demo_client.get("/api/services/hospital-drive/coverage", params={"threshold": limit}).json()["rows"][0]["people"]
        found = text_of(demo_client.get(SHEET, params={"threshold": limit, "run": run, "makers": "靖宇县卫健局"}))
        assert f"{people['covered']:,.0f}人在{limit[:2]}分钟以内" in found
        assert run in found
        assert "靖宇县卫健局·geosvc" in found
    assert "Sharecovered" in text_of(demo_client.get(SUMMARY, params={"language": "en"}))


@needs_font
def test_another_day_says_so(demo_client):
    """Asked for a day with the same inputs the sheet is of that day; one that was not measured is 404 with the command."""
    today = demo_client.get("/api/services/hospital-drive/coverage").json()["datetime"][:10]
    assert f"情况截至{today}" in text_of(demo_client.get(SHEET, params={"datetime": today}))
    answer = demo_client.get(SHEET, params={"datetime": "1999-01-01"})
    assert answer.status_code in (404, 409)
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(("query", "status"), [
    ("f=svg", 400), ("paper=a5", 400), ("run=nope", 404), ("threshold=99min", 404), ("language=fr", 400), ("makers=" + "x" * 81, 400), ("colour=1", 400),
])
def test_what_cannot_be_made_is_refused(demo_client, query, status):
    """With a sentence, never an empty page."""
    for path in (SHEET, SUMMARY):
        if path == SUMMARY and query.startswith("paper"):
            continue
        answer = demo_client.get(f"{path}?{query}")
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_service_without_a_run_has_no_sheet(demo_client):
    """Not computable is said, as everywhere."""
    assert demo_client.get("/api/services/village-clinic-walk/sheet").status_code == 409


def test_without_a_font_the_answer_says_what_to_install(demo_client, monkeypatch, tmp_path):
    """409 with the package, and not a page of boxes."""
    monkeypatch.setattr(fonts, "folders", lambda: (tmp_path,))
    for path in (SHEET, f"{SHEET}?f=png", SUMMARY, f"{SUMMARY}?f=docx"):
        answer = demo_client.get(path)
        assert (answer.status_code, answer.json()["title"]) == (409, "FontMissing")
        assert "fonts-wqy-microhei" in answer.json()["detail"]


@needs_font
def test_an_account_of_some_areas_gets_its_part_and_is_told(county):
    """The sheet of a township has its people only, is called by its name, and says that it is a part; nothing is kept by others."""
    client, store = county
    for number, code in enumerate(("990001100", "990001101")):
        key = headers_of(store, "viewer", [code], name=f"v{number}")
        table = client.get("/api/services/hospital-drive/coverage", headers=key).json()
        mine = next(row for row in table["rows"] if row["area_code"] == code)
        whole = client.get("/api/services/hospital-drive/coverage", headers=headers_of(store, "viewer", None, f"w{number}")).json()["rows"][0]
        answer = client.get(SHEET, headers=key)
        found = text_of(answer)
        assert f"{mine['people']['covered']:,.0f}人在" in found
        assert f"{whole['people_total']:,.0f}" not in found
        assert mine["name"] in found and "不是全部研究范围" in found
        assert answer.headers["cache-control"] == "private, no-store"
        words_of = " ".join(each.text for each in docx.Document(io.BytesIO(client.get(f"{SUMMARY}?f=docx", headers=key).content)).paragraphs)
        assert "不是全部研究范围" in words_of
        assert f"{whole['people_total']:,.0f}" not in words_of


@needs_font
def test_the_map_of_a_part_is_clear_elsewhere(county):
    """The surface of others is not on the picture: fewer pixels of the bands' colours than on that of the whole."""
    client, store = county

    def coloured(headers) -> int:
        run = client.get("/api/services/hospital-drive", headers=headers).json()["run"]
        answer = client.get(f"/gallery/hospital-drive/{run}.png", headers=headers)
        assert answer.status_code == 200
        with Image.open(io.BytesIO(answer.content)) as picture:
            return int((np.asarray(picture.getchannel("A")) > 0).sum())

    whole, part = coloured(headers_of(store, "viewer", None, "all")), coloured(headers_of(store, "viewer", ["990001100"], "one"))
    assert 0 < part < 0.9 * whole


def test_who_may_not_read_gets_nothing(county):
    """Nobody signed in, no public reading: 401."""
    client, _store = county
    for path in (SHEET, SUMMARY, "/gallery/files/x.html"):
        assert client.get(path).status_code == 401
