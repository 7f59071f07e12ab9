"""Services and runs: what is asked of the map, the figures by area, the surface, the record."""

import csv
import io
import re
from typing import Any

import numpy as np
import pytest
import rasterio
from api.hostile_world import FORMULA
from fastapi.testclient import TestClient

from geosvc.maps import numbers

STATES = ("covered", "beyond", "unreachable", "beyond_horizon", "no_data")
CENSUS = 108_478


@pytest.fixture(scope="module")
def entries(demo_client: TestClient) -> dict[str, dict[str, Any]]:
    """The services by id."""
    return {each["id"]: each for each in demo_client.get("/api/services").json()["services"]}


@pytest.fixture(scope="module")
def measured(entries: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Every (service, threshold) that has been measured."""
    return [(name, limit["id"]) for name, each in entries.items() if each["run"] for limit in each["thresholds"]]


def coverage(client: TestClient, service: str, threshold: str, **query: str) -> dict[str, Any]:
    """Return the coverage table of a service."""
    answer = client.get(f"/api/services/{service}/coverage", params={"threshold": threshold, **query})
    assert answer.status_code == 200, answer.text
    table: dict[str, Any] = answer.json()
    return table


def test_services_say_whose_limit_it_is(entries: dict[str, dict[str, Any]]):
    """Each service carries its question, its limits with origin and source, its count of facilities."""
    assert len(entries) >= 11
    assert sum(each["is_default"] for each in entries.values()) == 1
    for each in entries.values():
        for word in ("zh", "en", "question_zh", "question_en"):
            assert each[word]
        assert each["unit"] in ("min", "km")
        for limit in each["thresholds"]:
            assert limit["origin"] in ("plan", "national_guidance", "default", "user")
            assert limit["source_zh"]
            assert limit["source_en"]


def test_what_is_not_imported_is_not_computable(entries: dict[str, dict[str, Any]]):
    """Village clinics are not in the registry: the service is not computable and has no run, rather than 0 %."""
    clinic = entries["village-clinic-walk"]
    assert clinic["facilities"] == 0
    assert clinic["computable"] is False
    assert clinic["run"] is None
    assert entries["hospital-drive"]["computable"] is True


def test_one_service_is_the_same_alone(demo_client: TestClient, entries: dict[str, dict[str, Any]]):
    """A service asked for by id equals the one in the list."""
    for name, each in entries.items():
        assert demo_client.get(f"/api/services/{name}").json() == each


def test_the_states_add_up(demo_client: TestClient, measured: list[tuple[str, str]]):
    """In every row people over all states are the row's total, and the county's total is the census."""
    for service, threshold in measured:
        rows = coverage(demo_client, service, threshold)["rows"]
        assert rows[0]["level"] == "total"
        assert rows[0]["people_total"] == pytest.approx(CENSUS, abs=1e-6)
        for row in rows:
            if row["people"] is not None:
                assert set(row["people"]) == set(STATES)
                assert sum(row["people"].values()) == pytest.approx(row["people_total"], abs=1e-6)
                assert min(row["people"].values()) >= 0


def test_the_areas_add_up(demo_client: TestClient, measured: list[tuple[str, str]]):
    """The townships and the people outside every area add up to the county, state by state."""
    for service, threshold in measured:
        rows = coverage(demo_client, service, threshold)["rows"]
        total = rows[0]["people"]
        for level in ("township", "village"):
            parts = [row for row in rows if row["level"] in (level, "outside") and row["people"]]
            for state in STATES:
                assert sum(row["people"][state] for row in parts) == pytest.approx(total[state], abs=1e-6), level


def test_the_size_of_a_coded_area_is_unknown(demo_client: TestClient, measured: list[tuple[str, str]]):
    """A township without a polygon has people and no km2: null, never 0; the county has both."""
    service, threshold = measured[0]
    rows = coverage(demo_client, service, threshold)["rows"]
    coded = [row for row in rows if row["level"] in ("township", "village")]
    assert len(coded) == 126
    assert all(row["km2"] is None for row in coded)
    county = next(row for row in rows if row["level"] == "county")
    assert sum(county["km2"].values()) > 1000
    some = next(row for row in coded if row["people"])
    assert some["people_total"] > 0


def test_shares_are_of_what_they_say(demo_client: TestClient, measured: list[tuple[str, str]]):
    """The share of all people is covered over total, exactly; it lies between 0 and 1."""
    for service, threshold in measured:
        for row in coverage(demo_client, service, threshold)["rows"]:
            share = row["share"]["of_all_people"]
            if row["people"] is None or row["people_total"] == 0:
                assert share is None
            else:
                assert share == pytest.approx(row["people"]["covered"] / row["people_total"], abs=1e-12)
                assert 0 <= share <= 1


def test_coverage_of_one_level(demo_client: TestClient):
    """The table can be cut to one level without changing a figure."""
    whole = coverage(demo_client, "hospital-drive", "30min")["rows"]
    for level in ("total", "county", "township", "village"):
        cut = coverage(demo_client, "hospital-drive", "30min", level=level)["rows"]
        assert cut == [row for row in whole if row["level"] == level]
        assert cut


def test_a_longer_limit_covers_no_fewer(demo_client: TestClient):
    """60 minutes to hospital cover at least the people of 30 minutes, in every area."""
    short, long = (coverage(demo_client, "hospital-drive", each)["rows"] for each in ("30min", "60min"))
    assert long[0]["people"]["covered"] > short[0]["people"]["covered"]
    for before, after in zip(short, long, strict=True):
        if before["people"]:
            assert after["people"]["covered"] >= before["people"]["covered"]


def test_the_spreadsheet_equals_the_json(demo_client: TestClient):
    """The CSV opens in Chinese spreadsheets (byte-order mark) and has the JSON's figures to the last digit."""
    table = coverage(demo_client, "hospital-drive", "30min")
    answer = demo_client.get("/api/services/hospital-drive/coverage", params={"threshold": "30min", "f": "csv"})
    [notes] = {row["notes_en"] for row in csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")))}
    assert "; " in notes and "；" not in notes  # each language has its own signs
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert ".csv" in answer.headers["content-disposition"]
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert len(rows) == len(table["rows"])
    for written, row in zip(rows, table["rows"], strict=True):
        assert (written["area_code"], written["name"], written["level"]) == (row["area_code"], row["name"], row["level"])
        assert (written["run"], written["service"], written["threshold"]) == (table["run"], "hospital-drive", "30min")
        for column, value in [
            ("people_total", row["people_total"]), ("share_of_all_people", row["share"]["of_all_people"]),
            ("p50_min", row["p50"]), ("p90_min", row["p90"]),
            *((f"people_{state}", (row["people"] or {}).get(state)) for state in STATES),
            *((f"km2_{state}", (row["km2"] or {}).get(state)) for state in STATES),
        ]:
            assert (float(written[column]) if written[column] else None) == value, column


def test_files_that_leave_the_house_say_that_their_data_are_schematic(demo_client: TestClient):
    """Spreadsheet and raster carry the run's notes, in both languages, wherever they are sent."""
    table = coverage(demo_client, "hospital-drive", "30min")
    assert table["schematic"]
    notes = {language: [note[language] for note in table["notes"]] for language in ("zh", "en")}
    answer = demo_client.get("/api/services/hospital-drive/coverage", params={"f": "csv"})
    for row in csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))):
        assert row["schematic"] == "true"
        assert row["notes_zh"].split("；") == notes["zh"]
        assert row["notes_en"].split("; ") == notes["en"]
    raster = demo_client.get("/api/services/hospital-drive/surface").content
    with rasterio.MemoryFile(raster) as memory, memory.open() as opened:
        tags = opened.tags()
    assert tags["schematic"] == "true"
    for language in ("zh", "en"):
        assert all(note in tags[f"notes_{language}"] for note in notes[language])


def test_no_cell_of_the_spreadsheet_is_a_formula(hostile_client: TestClient):
    """A name that begins like a formula is written so that no spreadsheet computes it, and no row breaks in two."""
    answer = hostile_client.get("/api/services/hostile-walk/coverage", params={"f": "csv"})
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert any(FORMULA in row[1] for row in rows), "the test needs an area named like a formula"
    for row in rows[1:]:
        for cell in (row[0], row[1]):
            assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), cell


def test_the_surface_opens_as_a_raster(demo_client: TestClient, entries: dict[str, dict[str, Any]]):
    """The surface is a GeoTIFF of two bands in the study's CRS: minutes, and the id of the nearest facility."""
    answer = demo_client.get("/api/services/hospital-drive/surface")
    assert answer.headers["content-type"].startswith("image/tiff")
    run = demo_client.get(f"/api/runs/{entries['hospital-drive']['run']}").json()
    with rasterio.MemoryFile(answer.content) as memory, memory.open() as raster:
        assert raster.count == 2
        assert raster.crs.to_epsg() == 4551
        grid = run["inputs"]["grid"]
        assert (raster.height, raster.width) == (grid["rows"], grid["cols"])
        assert raster.res == (100.0, 100.0)
        minutes, nearest = raster.read(1), raster.read(2)
        assert raster.tags()["run"] == run["id"]
    reached = minutes[~np.isnan(minutes)]
    assert reached.min() == 0
    assert 30 < reached.max() < 24 * 60
    assert set(np.unique(nearest[~np.isnan(minutes)]).astype(int)) <= set(run["summary"]["facilities"]["ids"])


def test_the_surface_counts_the_same_km2(demo_client: TestClient):
    """Cells of the GeoTIFF within 30 minutes cover at least the km2 that the table calls covered, no stray unit."""
    answer = demo_client.get("/api/services/hospital-drive/surface")
    with rasterio.MemoryFile(answer.content) as memory, memory.open() as raster:
        within = float((raster.read(1) <= 30).sum()) * 0.01
    covered = coverage(demo_client, "hospital-drive", "30min")["rows"][0]["km2"]["covered"]
    assert covered <= within <= 1.6 * covered


def test_a_surface_in_kilometres(demo_client: TestClient):
    """As the crow flies the surface is in km: the farthest corner of the county lies tens of km away."""
    answer = demo_client.get("/api/services/basic-radius/surface")
    with rasterio.MemoryFile(answer.content) as memory, memory.open() as raster:
        km = raster.read(1)
        assert raster.tags()["unit"] == "km"
    assert 5 < float(np.nanmax(km)) < 100


def test_the_picture_is_a_png_that_names_its_run(demo_client: TestClient, entries: dict[str, dict[str, Any]]):
    """The picture for web maps may be kept for ever when its run is named, and not otherwise."""
    run = entries["hospital-drive"]["run"]
    named = demo_client.get("/api/services/hospital-drive/picture", params={"run": run})
    newest = demo_client.get("/api/services/hospital-drive/picture")
    assert named.content == newest.content
    assert named.content.startswith(b"\x89PNG\r\n\x1a\n")
    assert "immutable" in named.headers["cache-control"]
    assert "immutable" not in newest.headers["cache-control"]


def test_a_run_names_what_it_rests_on(demo_client: TestClient, entries: dict[str, dict[str, Any]]):
    """The record of a run carries version, parameters, and a checksum of every input."""
    run = demo_client.get(f"/api/runs/{entries['hospital-drive']['run']}").json()
    sha256 = re.compile(r"[0-9a-f]{64}")
    assert sha256.fullmatch(run["checksum"])
    assert run["checksum"].startswith(run["id"])
    assert run["version"]
    assert run["service"] == "hospital-drive"
    assert {"roads", "population"} <= set(run["inputs"]["layers"])
    for checksum in (*run["inputs"]["layers"].values(), run["inputs"]["areas"]["sha256"], run["inputs"]["populations"]["sha256"]):
        assert sha256.fullmatch(checksum)
    assert run["inputs"]["facilities"]
    assert run["parameters"]["service"]["profile"] == "drive"
    assert run["inputs"]["grid"]["crs"] == "EPSG:4551"


def test_schematic_data_is_announced_wherever_a_number_is(demo_client: TestClient, entries: dict[str, dict[str, Any]]):
    """Coverage, gaps and run of the demo say in both languages that roads, people and boundary are schematic."""
    run = entries["hospital-drive"]["run"]
    answers = [
        coverage(demo_client, "hospital-drive", "30min"),
        demo_client.get("/api/collections/gaps/items").json(),
        demo_client.get(f"/api/runs/{run}").json(),
    ]
    for body in answers:
        codes = {note["code"] for note in body["notes"]}
        assert {"schematic_roads", "schematic_population", "schematic_areas"} <= codes
        for note in body["notes"]:
            assert note["zh"]
            assert note["en"]
    assert all(body["schematic"] is True for body in answers[:2])


def test_illustrative_facilities_are_announced(demo_client: TestClient):
    """Blood points of the demo are illustrative: their coverage says so, and so does each facility."""
    for service in ("blood-drive", "fitness-15-walk", "emergency-2h"):
        table = coverage(demo_client, service, demo_client.get(f"/api/services/{service}").json()["thresholds"][0]["id"])
        assert "illustrative_facilities" in {note["code"] for note in table["notes"]}
    blood = demo_client.get("/api/collections/facilities/items", params={"class_code": "X00"}).json()["features"]
    assert blood
    assert all(each["properties"]["illustrative"] for each in blood)


def test_one_gap_alone_says_that_it_is_schematic(demo_client: TestClient):
    """A single gap, fetched by its id, carries the same warning as the list it comes from."""
    gap = demo_client.get("/api/collections/gaps/items", params={"limit": 1}).json()["features"][0]
    alone = demo_client.get(f"/api/collections/gaps/items/{gap['id']}").json()
    assert alone.get("schematic") is True
    assert "schematic_roads" in {note["code"] for note in alone.get("notes", [])}


def test_a_refusal_names_what_was_sent_and_not_all_of_it(demo_client):
    """A long value is told in its beginning; a second day by its own name."""
    answer = demo_client.get("/api/services/hospital-drive/sheet", params={"makers": "甲" * 5000})
    assert answer.status_code == 400
    assert "makers" in answer.json()["detail"] and len(answer.json()["detail"]) < 300
    answer = demo_client.get("/api/services/hospital-drive/coverage", params={"compared_with": "once"})
    assert answer.status_code == 400 and answer.json()["detail"].startswith("compared_with: ")


@pytest.mark.parametrize(("source", "said"), [("Default of the system, not a target of a plan", "Default of the system, not a target of a plan"),
                                              ("Plan of 2021", "default of the system, not a target of a plan · Plan of 2021")])
def test_whose_limit_it_is_is_said_once(source, said):
    assert numbers.origin_text({"origin": "default", "source_en": source}, "en") == said
