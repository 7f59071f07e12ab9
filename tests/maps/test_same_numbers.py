"""One run, one set of numbers: on the map, in the API, on the page, in the spreadsheet, to the last digit."""

import csv
import io
import json
import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from fastapi.testclient import TestClient

from geosvc.maps import numbers
from geosvc.maps.figure import DATA_ID
from geosvc.store.engine import Store
from geosvc.workflows import publishing

STATES = ("covered", "beyond", "unreachable", "beyond_horizon", "no_data")


@pytest.fixture(scope="module")
def measured(demo_client: TestClient) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Every measured (service, threshold)."""
    listed = demo_client.get("/api/services").json()["services"]
    return [(each, limit) for each in listed if each["run"] for limit in each["thresholds"]]


def on_page(client: TestClient, service: str, threshold: str) -> tuple[str, dict[str, Any]]:
    """Return the text of the map page and the document of the map in it."""
    page = client.get("/", params={"service": service, "threshold": threshold}).text
    block = re.search(rf'<script type="application/json" id="{DATA_ID}">(.*?)</script>', page, re.DOTALL)
    assert block is not None
    text = unescape(re.sub(r"<[^>]+>", " ", page.replace(block.group(0), "")))
    return re.sub(r"\s+", " ", text), json.loads(block.group(1))


def test_the_map_has_the_numbers_of_the_api(
    demo_client: TestClient, demo_store: Store, measured: list[tuple[dict[str, Any], dict[str, Any]]]
):
    """People in every state, and the count of gaps, are equal on the map's document and in the API."""
    assert len(measured) > 10
    for service, limit in measured:
        document = publishing.map_of(demo_store, service["id"], threshold_id=limit["id"], title_block=True)
        query = {"threshold": limit["id"]}
        table = demo_client.get(f"/api/services/{service['id']}/coverage", params=query).json()
        gaps = demo_client.get(
            "/api/collections/gaps/items", params={"service": service["id"], "limit": 10000, **query}).json()
        total = table["rows"][0]
        assert document["run"] == table["run"] == gaps["run"] == service["run"]
        assert {state: document["people"][state] for state in STATES} == total["people"]
        assert document["gap_count"] == gaps["numberMatched"] == len(document["gaps"]["features"])
        drawn = {each["properties"]["rank"]: each["properties"]["people"] for each in document["gaps"]["features"]}
        assert drawn == {each["properties"]["rank"]: each["properties"]["people"] for each in gaps["features"]}


def test_people_in_gaps_are_the_people_not_covered(
    demo_client: TestClient, measured: list[tuple[dict[str, Any], dict[str, Any]]]
):
    """Everybody beyond the limit or unreachable lives in exactly one gap."""
    for service, limit in measured:
        query = {"threshold": limit["id"]}
        table = demo_client.get(f"/api/services/{service['id']}/coverage", params=query).json()
        gaps = demo_client.get(
            "/api/collections/gaps/items", params={"service": service["id"], "limit": 10000, **query}).json()
        total = next(row for row in table["rows"] if row["level"] == "county")["people"]
        in_gaps = sum(each["properties"]["people"] for each in gaps["features"])
        assert in_gaps == pytest.approx(total["beyond"] + total["unreachable"], abs=1e-6), service["id"]


def test_the_page_shows_the_numbers_of_the_api(
    demo_client: TestClient, measured: list[tuple[dict[str, Any], dict[str, Any]]]
):
    """The page writes the API's people and gaps, only with separators, and holds the same document as the file."""
    demo_client.cookies.clear()
    for service, limit in measured:
        text, document = on_page(demo_client, service["id"], limit["id"])
        table = demo_client.get(f"/api/services/{service['id']}/coverage", params={"threshold": limit["id"]}).json()
        total = table["rows"][0]
        assert document["people"] == total["people"]
        assert document["run"] == table["run"]
        assert table["run"] in text
        apart = any(each["applies_to"] != "any" for each in service["thresholds"])
        states = [total["people"][state] for state in STATES if total["people"][state] > 0]
        for people in (*states, total["people_total"]):
            assert re.search(rf"(?<![\d,]){people:,.0f}(?![\d,])", text), (service["id"], limit["id"], people)
        # No share of everybody leads where the limit is not everybody's.
        assert (f"{numbers.percent(total['share']['of_all_people'], 'zh')} 覆盖率" in text) is not apart, service["id"]


def test_the_single_file_is_that_of_the_page(demo_client: TestClient):
    """The file downloaded from the page has the page's run, people, gaps and limits of colour."""
    _, document = on_page(demo_client, "hospital-drive", "60min")
    answer = demo_client.get("/api/services/hospital-drive/map", params={"threshold": "60min"})
    block = re.search(rf'id="{DATA_ID}">(.*?)</script>', answer.text, re.DOTALL)
    assert block is not None
    saved = json.loads(block.group(1))
    for key in ("run", "people", "gap_count", "gaps", "threshold", "to_be_located", "facilities", "boundary", "title"):
        assert saved[key] == document[key], key
    assert {**saved["picture"], "source": ""} == {**document["picture"], "source": ""}
    assert saved["picture"]["source"].startswith("data:image/png;base64,")
    assert document["picture"]["source"].startswith("/api/")


def test_facilities_to_be_located_are_counted_on_every_map(
    demo_client: TestClient, demo_store: Store, measured: list[tuple[dict[str, Any], dict[str, Any]]]
):
    """Each map counts the four facilities that it cannot show, as the registry does."""
    missing = demo_client.get("/api/collections/facilities/items", params={"located": "false"}).json()["numberMatched"]
    assert missing == 4
    for service, limit in measured:
        document = publishing.map_of(demo_store, service["id"], threshold_id=limit["id"], title_block=True)
        assert document["to_be_located"] == missing


def test_the_map_draws_the_facilities_that_were_used(demo_client: TestClient, demo_store: Store):
    """The dots are the facilities that the run started from, where the registry says they stand."""
    document = publishing.map_of(demo_store, "hospital-drive", title_block=True)
    run = demo_client.get(f"/api/runs/{document['run']}").json()
    assert document["facilities"]["id"] == run["summary"]["facilities"]["ids"]
    for index, one in enumerate(document["facilities"]["id"]):
        feature = demo_client.get(f"/api/collections/facilities/items/{one}").json()
        assert feature["geometry"]["coordinates"] == [document["facilities"]["lon"][index], document["facilities"]["lat"][index]]
        assert feature["properties"]["name"] == document["facilities"]["name"][index]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_schematic_data_is_announced_on_the_map(demo_store: Store, language: str):
    """The map itself says that roads, people and boundary are schematic: in its flags and its credits."""
    document = publishing.map_of(demo_store, "hospital-drive", language=language, title_block=True)
    word = "示意" if language == "zh" else "schematic"
    assert sum(word in flag for flag in document["flags"]) >= 3
    assert word in " ".join(document["attribution"]).lower()


def test_the_map_names_run_date_and_crs(demo_store: Store, demo_client: TestClient):
    """Title block: run, date (that of the clock in China), coordinate system, and whose limit it is."""
    document = publishing.map_of(demo_store, "hospital-drive", title_block=True)
    run = demo_client.get(f"/api/runs/{document['run']}").json()
    told = {each["label"]: each["text"] for each in document["facts"]}
    in_china = datetime.fromisoformat(run["created_at"]) + timedelta(hours=8)
    assert told["计算记录"] == f"{run['id']} · 计算于 {in_china:%Y-%m-%d}"
    assert "CGCS2000" in told["坐标系"]
    assert "30" in document["subtitle"]
    assert "非规划目标" in document["subtitle"]
    assert "靖宇县" in document["title"]


def test_the_picture_splits_at_the_limit_as_the_cells_do(demo_client: TestClient, demo_store: Store):
    """The limit is a whole number of the picture's steps, so that colour and figure change at the same place."""
    import numpy as np
    from PIL import Image

    for service, threshold in (("hospital-drive", None), ("basic-radius", "10km"), ("fitness-15-walk", None)):
        document = publishing.map_of(demo_store, service, threshold_id=threshold, title_block=True)
        step = document["picture"]["step"]
        for limit in demo_client.get(f"/api/services/{service}").json()["thresholds"]:
            assert limit["value"] / step == pytest.approx(round(limit["value"] / step), abs=1e-9)
        png = demo_client.get(f"/api/services/{service}/picture").content
        numbers = np.asarray(Image.open(io.BytesIO(png)))
        assert numbers.shape == (document["picture"]["height"], document["picture"]["width"])
        inside = numbers[numbers != document["picture"]["outside"]]
        share = float((inside <= round(document["threshold"]["value"] / step)).mean())
        rows = demo_client.get(f"/api/services/{service}/coverage", params={"level": "county", "threshold": document["threshold"]["id"]}).json()["rows"]
        km2 = rows[0]["km2"]
        assert share == pytest.approx(km2["covered"] / sum(km2.values()), abs=0.01)


def test_the_gaps_page_lists_what_the_api_lists(demo_client: TestClient):
    """Each gap of the API stands on the page with its people, in the same order."""
    gaps = demo_client.get("/api/collections/gaps/items", params={"service": "hospital-drive", "limit": 50}).json()
    text = unescape(re.sub(r"<[^>]+>", " ", demo_client.get("/gaps", params={"service": "hospital-drive"}).text))
    place = 0
    for each in gaps["features"]:
        place = text.find(f"{each['properties']['people']:,.0f}", place + 1)
        assert place > 0


def test_the_spreadsheet_has_the_numbers_of_the_map(demo_client: TestClient, demo_document: dict[str, Any]):
    """The CSV's first row is the map's own people, to the last digit."""
    answer = demo_client.get("/api/services/hospital-drive/coverage", params={"f": "csv"})
    first = next(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert {state: float(first[f"people_{state}"]) for state in STATES} == demo_document["people"]


def test_sheet_and_summary_have_the_numbers_of_the_api(
    demo_client: TestClient, demo_store: Store, measured: list[tuple[dict[str, Any], dict[str, Any]]]
):
    """Share, people beyond, P90, gaps, legend and places on paper are those of the tables, for every service and limit."""
    from geosvc.language import words
    from geosvc.workflows import handing_over

    text = words("zh")
    for service, limit in measured:
        told = handing_over.sheet_of(demo_store, service["id"], threshold_id=limit["id"])
        table = demo_client.get(f"/api/services/{service['id']}/coverage", params={"threshold": limit["id"]}).json()
        total, rows = table["rows"][0], {row["name"]: row for row in table["rows"] if row["level"] == "township"}
        assert told.run == table["run"]
        if not told.verdict:
            share, beyond, far = told.numbers
            assert share.text == numbers.percent(total["share"]["of_all_people"], "zh")
            assert share.beside == text["paper_within"].format(
                people=f"{total['people']['covered']:,.0f}", limit=numbers.limit_label(limit["value"], service["unit"], "any", "zh"))
            assert beyond.text == f"{total['people']['beyond']:,.0f}"
            assert far.text == f"{numbers.amount(total['p90'], service['unit'], 'zh')}以内"
        counts = {row.text: row.count for row in told.legend}
        for state in ("unreachable", "no_data"):
            assert counts[text[state]] == f"{total['people'][state]:,.0f} 人"
        gaps = demo_client.get("/api/collections/gaps/items", params={"service": service["id"], "threshold": limit["id"], "limit": 1}).json()
        assert next(row.count for row in told.legend if row.kind == "hatch") == f"{gaps['numberMatched']:,}"
        for name, beyond, *_middle, share, far in told.worst.rows:
            row = rows[name]
            assert (beyond, share) == (f"{row['people']['beyond']:,.0f}", numbers.percent(row["share"]["of_all_people"], "zh"))
            assert far == numbers.amount(row["p90"], service["unit"], "zh")


def test_paper_has_the_numbers_of_the_page(demo_client: TestClient):
    """What leads the sheet stands on the map page, letter by letter."""
    import pypdfium2

    from geosvc.maps.paper.fonts import has_fonts

    if not has_fonts():
        pytest.skip("this machine has no Chinese TrueType font (fonts-wqy-microhei)")
    text, document = on_page(demo_client, "hospital-drive", "30min")
    pdf = pypdfium2.PdfDocument(demo_client.get("/api/services/hospital-drive/sheet", params={"threshold": "30min"}).content)
    paper = re.sub(r"\s+", "", pdf[0].get_textpage().get_text_bounded())
    pdf.close()
    for each in document["kpis"][:5]:
        assert each["text"] in text
        assert re.sub(r"\s+", "", each["text"]) in paper, each
    assert document["run"] in paper
