"""Gaps over HTTP: in three orders, page by page, of a run, and as files that say the same as the list."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import sqlite3
import zipfile

import geopandas as gpd
import openpyxl
import pytest
import shapely
from fastapi.testclient import TestClient
from people import headers_of
from workflows.small_county import furnish

from geosvc import errors
from geosvc.application import create_app
from geosvc.language import words
from geosvc.registry.exports.cells import unguarded
from geosvc.settings import Settings
from geosvc.store.runs import GAP_SORTS, CoverageRow, GapQuery, GapRow, RunRow
from geosvc.workflows import features, gap_files
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study

ITEMS, EXPORT = "/api/collections/gaps/items", "/api/collections/gaps/export"
SERVICE, LIMIT = "hospital-drive", 30
EAST = "990001101"


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    """A measured county, in whose run the gaps are replaced by many: ties, unreachable ones, one with a name that would compute."""
    folder = tmp_path_factory.mktemp("gaps")
    settings = Settings(workspace=folder / "workspace", public_read=True)
    store = furnish(settings, folder)
    run = measure_service(Study(store, settings), SERVICE).id
    rng = random.Random(7)
    with store.writing() as session:
        for row in session.query(GapRow).filter_by(run_id=run, threshold="30min"):
            session.delete(row)
        for row in ({"rank": 1, "worst": None, "name": '=HYPERLINK("x")'}, *({"rank": i} for i in range(2, 41))):
            session.add(_row(run, rng, **row))
    yield store, settings, run
    store.close()


def _row(run, rng, *, rank, worst=0.0, name="村"):
    shape = shapely.MultiPolygon([shapely.box(126.81 + rank * 0.002, 42.31, 126.812 + rank * 0.002, 42.312)])
    west, south, east, north = shape.bounds
    people = float(40 - rank)
    code = rng.choice([None, "990001100", EAST])
    return GapRow(
        id=f"{run}-30min-{rank}", run_id=run, service_id=SERVICE, threshold="30min", rank=rank, area_code=code,
        people=people, km2=0.04, geometry=shapely.to_wkb(shape), west=west, south=south, east=east, north=north,
        figures={
            # Thirds have no exact end: a place read back inexactly would lose or repeat a row.
            "people_unreachable": 0.0, "worst": None if worst is None or rng.random() < 0.2 else LIMIT + rng.choice([1, 2, 100]) / 3,
            "nearest_facility": 1, "settlements": [{"code": EAST, "name": name, "people": people}], "settlement_count": 57,
        })


@pytest.fixture(scope="module")
def client(county):
    with TestClient(create_app(county[1]), raise_server_exceptions=False) as made:
        yield made


def pages(client, **asked):
    """All gaps, by following the links."""
    address, found = client.get(ITEMS, params={"service": SERVICE, **asked}).url, []
    while address:
        body = client.get(address).json()
        found += [each["properties"] for each in body["features"]]
        address = next((link["href"] for link in body["links"] if link["rel"] == "next"), None)
    return found


def in_order(gaps, sort):
    """The slow obvious order."""
    keys = {
        "people": lambda p: p["rank"],
        "worst": lambda p: (p["worst"] is not None, -(p["worst"] or 0.0), p["rank"]),
        "area": lambda p: (p["area_code"] is None, p["area_code"] or "", p["rank"]),
    }
    return sorted(gaps, key=keys[sort])


@pytest.mark.parametrize("sort", GAP_SORTS)
@pytest.mark.parametrize("limit", [1, 3, 40, 100])
def test_each_gap_stands_once_in_its_order_whatever_the_pages(client, sort, limit):
    found = pages(client, sort=sort, limit=limit)
    assert len(found) == 40
    assert found == in_order(found, sort)
    assert [each["people"] for each in pages(client, limit=limit)] == sorted((each["people"] for each in found), reverse=True)


def test_filters_and_order_hold_together(client):
    """Area, people and order at once are the list of all, filtered and sorted."""
    everything = pages(client, limit=100)
    wanted = [each for each in everything if (each["area_code"] or "").startswith(EAST) and each["people"] >= 12]
    assert 0 < len(wanted) < 20
    found = pages(client, sort="worst", area=EAST, min_people=12, limit=2)
    assert found == in_order(wanted, "worst")
    some = client.get(ITEMS, params={"sort": "area", "bbox": "126.8,42.3,126.85,42.4", "limit": 100}).json()
    assert 0 < some["numberMatched"] < 40


@pytest.mark.parametrize(("code", "status", "title", "said"), [
    ("990009", 404, "AreaNotFound", "or one that begins with it"),
    (f"{EAST}201", 409, "NoOutline", "村甲 (990001101201) has no outline"),
    ("zone-1", 409, "NoOutline", "is a zone"),
    ("outside", 404, "AreaNotFound", "no area of run"),
])
def test_an_area_of_which_no_gap_can_be_told_is_refused_and_never_an_empty_list(client, county, code, status, title, said):
    """No outline to cut gaps by is not "no gap": list, file and the typed client's errors say so."""
    store, _settings, run = county
    added = [CoverageRow(run_id=run, threshold="30min", area_code=own, position=90, name=name, level=level, people={}, figures={},
                         km2={"beyond": 1.0} if level == "zone" else {})
             for own, name, level in [(f"{EAST}201", "村甲", "village"), ("zone-1", "片区", "zone"), ("outside", "", "outside")]]
    with store.writing() as session:
        session.add_all(added)
    try:
        answers = [client.get(address, params={"service": SERVICE, "area": code}) for address in (ITEMS, EXPORT)]
    finally:
        with store.writing() as session:
            for row in session.query(CoverageRow).filter_by(run_id=run, position=90):
                session.delete(row)
    for answer in answers:
        assert (answer.status_code, answer.json()["title"]) == (status, title)
        assert said in answer.json()["detail"]
    assert hasattr(errors, title)


def test_how_far_beyond_the_limit_is_said(client):
    for each in pages(client, limit=100):
        assert each["beyond_by"] == (None if each["worst"] is None else each["worst"] - LIMIT)
        assert (each["limit"], each["unit"], each["nearest_name"], each["settlements_count"]) == (LIMIT, "min", "县人民医院", 57)


@pytest.mark.parametrize(("asked", "said"), [
    ({"sort": "size"}, "people, worst, area"), ({"sort": "worst", "cursor": "3"}, "not one that this collection gave out"),
    ({"sort": "worst", "cursor": "area-3"}, "not one that"), ({"sort": "area", "cursor": "area-9999"}, "not one that"),
    ({"sort": "worst", "cursor": "worst-²"}, "not one that"),
])
def test_an_order_or_a_place_that_there_is_not_is_refused(client, asked, said):
    answer = client.get(ITEMS, params={"service": SERVICE, **asked})
    assert answer.status_code == 400 and said in answer.json()["detail"]


def test_a_run_that_did_not_count_settlements_says_how_many_it_knows(county):
    """Fewer than twenty named are all there are; twenty may be more, and then nobody knows."""
    row = _row(county[2], random.Random(1), rank=99)
    del row.figures["settlement_count"]
    assert features.gap_feature(row, {}, "min")["properties"]["settlements_count"] == 1
    row.figures["settlements"] = row.figures["settlements"] * 20
    assert features.gap_feature(row, {}, "min")["properties"]["settlements_count"] is None


# --- files


def export(client, kind, **asked):
    answer = client.get(EXPORT, params={"service": SERVICE, "f": kind, **asked})
    assert answer.status_code == 200, answer.text
    assert f"{SERVICE}-30min" in answer.headers["content-disposition"]
    return answer.content


def csv_rows(content):
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


ASKED = {"sort": "worst", "area": EAST, "min_people": 12}


def test_every_format_holds_the_gaps_of_the_list_in_its_order(client, tmp_path):
    listed = pages(client, limit=100, **ASKED)
    ranks, people = [each["rank"] for each in listed], [each["people"] for each in listed]
    rows = csv_rows(export(client, "csv", language="en", **ASKED))
    assert [int(row["No."]) for row in rows] == ranks and [float(row["People"]) for row in rows] == people
    assert {row["Schematic"] for row in rows} <= {"yes", "no"} and all(row["Run"] for row in rows)
    book = openpyxl.load_workbook(io.BytesIO(export(client, "xlsx", **ASKED)))
    sheet = book.worksheets[0]
    assert [row[0] for row in sheet.iter_rows(min_row=2, values_only=True)] == ranks
    body = json.loads(export(client, "geojson", **ASKED))
    assert [each["properties"]["rank"] for each in body["features"]] == ranks
    (tmp_path / "g.gpkg").write_bytes(export(client, "gpkg", **ASKED))
    frame = gpd.read_file(tmp_path / "g.gpkg")
    assert frame["rank"].tolist() == ranks and frame["nearest_facility"].tolist() == [1] * len(ranks)
    assert frame.crs.to_epsg() == 4326
    assert [shapely.to_wkb(a.normalize()) for a in frame.geometry] == [
        shapely.to_wkb(shapely.geometry.shape(each["geometry"]).normalize()) for each in body["features"]]
    book.close()


def test_the_workbook_says_what_it_is(client, county):
    book = openpyxl.load_workbook(io.BytesIO(export(client, "xlsx", language="en", **ASKED)))
    told = {row[0]: str(row[1]) for row in book.worksheets[1].iter_rows(values_only=True)}
    assert told["Service"].endswith(f"({SERVICE})") and county[2] in told["Run"] and told["Limit"].startswith("30")
    assert EAST in told["Filters and order"] and "Farthest" in told["Filters and order"] and "Notes" in told
    book.close()


def test_a_name_that_would_compute_is_text(client):
    """In the table it is guarded, in the workbook the cell is of text."""
    rows = csv_rows(export(client, "csv"))
    assert not any(cell[:1] in "=+-@" for row in rows for key, cell in row.items() if cell and key != "序号")
    assert unguarded(rows[0]["涉及村（社区）及人口"]).startswith("=HYPERLINK")
    book = openpyxl.load_workbook(io.BytesIO(export(client, "xlsx")))
    assert "f" not in {cell.data_type for row in book.worksheets[0].iter_rows() for cell in row}
    book.close()


@pytest.mark.parametrize("kind", ["csv", "geojson", "xlsx"])
def test_the_same_run_gives_the_same_bytes(client, county, tmp_path, kind):
    first = export(client, kind)
    again = tmp_path / f"again.{kind}"
    gap_files.export_gaps(county[0], again, service_id=SERVICE)
    assert again.read_bytes() == first
    if kind == "xlsx":  # two files of one second are the same anyway
        with zipfile.ZipFile(again) as book:
            assert {each.date_time for each in book.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert set(re.findall(rb"\d{4}-\d\d-\d\dT", book.read("docProps/core.xml"))) == {b"1980-01-01T"}


def test_the_same_run_gives_the_same_geopackage_but_for_its_moments(client, tmp_path):
    dumps = []
    for i in range(2):
        path = tmp_path / f"{i}.gpkg"
        path.write_bytes(export(client, "gpkg"))
        connection = sqlite3.connect(path)
        dumps.append(re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "", repr([
            connection.execute(f"SELECT * FROM {table}").fetchall() for table in ("gaps", "gpkg_contents", "gpkg_metadata", "gpkg_metadata_reference")])))
        connection.close()
    assert dumps[0] == dumps[1] and "schematic" in dumps[0]


def test_nothing_to_export_is_an_empty_file(client):
    assert csv_rows(export(client, "csv", min_people=1e9)) == []
    assert json.loads(export(client, "geojson", min_people=1e9))["features"] == []
    for kind in ("xlsx", "gpkg"):
        assert export(client, kind, min_people=1e9)


def test_a_file_holds_nothing_of_others(client, county):
    """An account of the east gets the gaps of the east, without the hospital of the west."""
    sent = headers_of(county[0], "analyst", [EAST])
    listed = client.get(ITEMS, params={"service": SERVICE, "limit": 100, "sort": "worst"}, headers=sent).json()
    assert 0 < listed["numberMatched"] < 40
    assert {each["properties"]["area_code"] for each in listed["features"]} == {EAST}
    for kind in ("csv", "geojson", "xlsx", "gpkg"):
        answer = client.get(EXPORT, params={"service": SERVICE, "f": kind}, headers=sent)
        content = b"".join(_unpacked(answer.content)) if kind == "xlsx" else answer.content
        assert "县人民医院".encode() not in content and f'{county[2]}-30min-1"'.encode() not in content
        assert "西镇".encode() not in content
    rows = csv_rows(client.get(EXPORT, params={"service": SERVICE, "language": "zh"}, headers=sent).content)
    assert len(rows) == listed["numberMatched"] and {row["最近机构"] for row in rows} == {"其他区域的机构"}
    # A place in the list that only others see is none.
    elsewhere = next(each["rank"] for each in pages(client, limit=100) if each["area_code"] != EAST)
    refused = client.get(ITEMS, params={"service": SERVICE, "sort": "worst", "cursor": f"worst-{elsewhere}"}, headers=sent)
    assert refused.status_code == 400


def _unpacked(content):
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return [book.read(name) for name in book.namelist()]


def test_too_many_gaps_for_one_file_are_refused(county, tmp_path):
    with pytest.raises(Exception, match="40 gaps are more than the 5"):
        gap_files.export_gaps(county[0], tmp_path / "x.csv", service_id=SERVICE, most=5)


# --- the page


def test_the_page_sorts_filters_and_exports_what_it_shows(client, county):
    text = client.get("/gaps", params={"service": SERVICE, **ASKED, "lang": "en"}).text
    listed = pages(client, limit=100, **ASKED)
    shown = re.findall(r'gap=([\w-]+)"', text)
    assert shown == [f"{county[2]}-30min-{each['rank']}" for each in listed]
    for kind in ("xlsx", "csv", "geojson", "gpkg"):
        address = re.search(rf'href="([^"]*f={kind}[^"]*)"', text)[1].replace("&amp;", "&")
        assert client.get(address).status_code == 200
        if kind == "csv":
            assert [int(row["No."]) for row in csv_rows(client.get(address).content)] == [each["rank"] for each in listed]
    assert 'aria-sort="descending"' in text
    rows = re.findall(r"<tr><td.*?</tr>", client.get("/gaps", params={"service": SERVICE, "sort": "worst", "lang": "en"}).text, re.DOTALL)
    cut_off = sum(each["worst"] is None for each in pages(client, limit=100))
    assert [words("en")["unreachable"] in row for row in rows] == [True] * cut_off + [False] * (40 - cut_off) and 0 < cut_off < 40


def test_a_trial_is_shown_as_one_and_every_link_stays_with_it(client, county):
    """A run of other conditions is found by its id, on the page and in the API; it is not called the present result."""
    store, settings, newest = county
    trial = measure_service(Study(store, settings), SERVICE, conditions=["winter"]).id
    assert trial != newest
    body = client.get(ITEMS, params={"run": trial, "sort": "worst"}).json()
    assert body["run"] == trial
    text = client.get("/gaps", params={"run": trial, "lang": "en"}).text
    assert "This is a named run" in text and f'name="run" value="{trial}"' in text and f"run={trial}" in text
    assert 'name="datetime"' not in text
    assert "This is a named run" not in client.get("/gaps", params={"run": newest, "lang": "en"}).text
    assert client.get("/gaps", params={"run": trial, "service": "basic-radius"}).status_code == 404
    assert client.get("/gaps", params={"run": "nothing"}).status_code == 404


def test_the_empty_page_offers_the_way_back(client):
    text = client.get("/gaps", params={"service": SERVICE, "min_people": 99999999, "lang": "en"}).text
    assert 'value="99999999"' in text and f"/gaps?service={SERVICE}&amp;threshold=30min" in text


def test_rows_of_another_threshold_do_not_mix(county):
    """The place of a cursor is looked up within the threshold."""
    store, _settings, run = county
    from geosvc.store.runs import has_gap_of_rank

    with store.reading() as session:
        assert session.get(RunRow, run) is not None
        assert has_gap_of_rank(session, GapQuery(run_id=run, threshold="30min"), 40)
        assert not has_gap_of_rank(session, GapQuery(run_id=run, threshold="60min"), 40)
