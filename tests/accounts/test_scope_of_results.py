"""What an account of some areas sees of results: the numbers of these areas, and never a part shown as the whole."""

from __future__ import annotations

import io
import json
import time

import numpy as np
import pytest
import rasterio
import shapely
from fastapi.testclient import TestClient
from people import BY, headers_of
from PIL import Image
from registry.made_files import TOWNSHIP_E, TOWNSHIP_W, write_csv
from workflows.small_county import furnish

from geosvc.application import create_app
from geosvc.coverage.measure import shares
from geosvc.coverage.tree import in_metres
from geosvc.errors import GapNotFound, NotAllowed, Unsolvable
from geosvc.geo.grid import Grid
from geosvc.geo.raster import read_band
from geosvc.maps.picture import OUTSIDE
from geosvc.registry import areas, divisions, facilities
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility
from geosvc.registry.moments import AsOf
from geosvc.registry.scopes import codes_meant
from geosvc.settings import Settings
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import as_of, features, importing, map_layers, publishing, reading, uncertainty
from geosvc.workflows.measuring import PEOPLE_FILE, SURFACE_FILE, measure_service
from geosvc.workflows.scopes import as_seen_by
from geosvc.workflows.study import Study
from geosvc.workflows.workspace import init_workspace, overview

WEST, EAST, COUNTY = "990001100", "990001101", "990001"
SERVICE, SIDE_BY_SIDE = "hospital-drive", "basic-radius"
ZONE, DRAWN = "Z1", "Z2"
PAGES = ("/", "/gaps", "/about", f"/?service={SIDE_BY_SIDE}", f"/gaps?service={SIDE_BY_SIDE}")


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    """Two townships with polygons and people, a village known by its code alone, two zones; two services measured."""
    folder = tmp_path_factory.mktemp("scope")
    settings = Settings(workspace=folder / "workspace")
    store = furnish(settings, folder)
    with store.writing() as session:
        areas.save(session, Area(code=f"{EAST}201", name="无界村", level="village", parent_code=EAST), **BY)
        areas.save(session, Area(code=ZONE, name="两镇片区", level="zone", members=(WEST, EAST)), **BY)
        shape = next(each for each in areas.find(session, AreaQuery(codes=[WEST]))).geometry.buffer(-0.02)
        areas.save(session, Area(code=DRAWN, name="画出的片区", level="zone", geometry=shape), **BY)
        for each in facilities.find(session, FacilityQuery()):
            code = EAST if each.facility.name.startswith("东") else WEST
            facilities.save(session, Facility(**{**each.facility.__dict__, "area_code": code}), facility_id=each.id, **BY)
    runs = {name: measure_service(Study(store, settings), name).id for name in (SERVICE, SIDE_BY_SIDE, "township-centre-drive")}
    yield store, settings, runs
    store.close()


@pytest.fixture(scope="module")
def client(county):
    store, settings, _runs = county
    with TestClient(create_app(settings), raise_server_exceptions=False) as made:
        made.sent = {name: headers_of(store, "analyst", codes) for name, codes in
                     {"west": [WEST], "east": [EAST], "village": [f"{EAST}201"], "zone": [ZONE], "all": None}.items()}
        yield made


def _row(store, code, threshold="30min", service=SERVICE):
    table = reading.coverage_table(store, service, threshold_id=threshold)
    return next(each for each in table["rows"] if each["area_code"] == code)


def _mask(run, west=True):
    """The cells whose centre lies in the western (eastern) township, asked one by one."""
    grid = Grid(**run["inputs"]["grid"])
    x, y = grid.centres(*np.indices(grid.shape))
    found = shapely.contains_xy(in_metres(TOWNSHIP_W if west else TOWNSHIP_E, grid), x, y)
    assert 0.4 < found.sum() * grid.cell_km2 / 91 < 1.1  # half of a county of 16 x 11 km
    return found


# --- numbers


@pytest.mark.parametrize("code", [WEST, EAST, COUNTY, ZONE, DRAWN])
@pytest.mark.parametrize("threshold", ["30min", "60min"])
def test_the_headline_is_the_row_of_the_whole_run_to_the_last_digit(county, code, threshold):
    """People and square kilometres by state, shares and percentiles of one area, whoever asks for them."""
    store, _settings, runs = county
    row = _row(store, code, threshold)
    part = reading.run_record(as_seen_by(store, [code]), runs[SERVICE])
    told = part["summary"]["thresholds"][threshold]
    assert (told["people"], told["km2"], told["share"]) == (row["people"], row["km2"], row["share"])
    assert (told["p50"], told["p90"]) == (row["p50"], row["p90"])
    assert part["summary"]["people_total"] == row["people_total"]
    assert part["summary"]["title"] == row["name"] and [each["code"] for each in part["part"]["areas"]] == [code]


def test_several_areas_are_added_up_and_percentiles_are_not(county):
    """Both townships together are all people of the county: the sums are its row, and so are P50 and P90."""
    store, _settings, runs = county
    both = as_seen_by(store, [WEST, EAST])
    part, whole = reading.run_record(both, runs[SERVICE]), _row(store, COUNTY)
    told = part["summary"]["thresholds"]["30min"]
    for state, people in whole["people"].items():
        assert told["people"][state] == _row(store, WEST)["people"][state] + _row(store, EAST)["people"][state]
        assert told["people"][state] == pytest.approx(people, rel=1e-12)
    assert (told["p50"], told["p90"]) == (whole["p50"], whole["p90"])
    assert told["share"] == shares(told["people"])
    assert (part["summary"]["title"], part["part"]["not_shown"]) == ("西镇、东镇", [])


def test_the_curve_meets_the_table(county):
    """The running sum of people by distance is the people covered at each limit; the parts add up to the whole."""
    store, _settings, runs = county
    curves = []
    for code in (WEST, EAST):
        summary = reading.run_record(as_seen_by(store, [code]), runs[SERVICE])["summary"]
        curve = summary["curve"]
        for name, limit in (("30min", 30), ("60min", 60)):
            within = sum(curve["people"][: round(limit / curve["step"]) + 1])
            assert within == pytest.approx(summary["thresholds"][name]["people"]["covered"], rel=1e-9)
        curves.append(curve["people"])
    whole = reading.run_record(store, runs[SERVICE])["summary"]["curve"]["people"]
    outside = np.array(whole) - np.sum(curves, axis=0)
    assert np.abs(outside).max() < 1e-6


def test_gaps_are_counted_where_they_lie(county):
    store, _settings, runs = county
    gaps, _count, _next = features.gaps_page(store, service_id=SERVICE, threshold_id="30min", limit=1000)
    assert gaps
    for code in (WEST, EAST):
        own = [each["properties"] for each in gaps if each["properties"]["area_code"] == code]
        told = reading.run_record(as_seen_by(store, [code]), runs[SERVICE])["summary"]["thresholds"]["30min"]
        assert told["gaps"] == len(own)
        assert told["people_in_gaps"] == pytest.approx(sum(each["people"] for each in own))


def test_what_cannot_be_told_of_an_area_alone_is_said_not_to_be_shown(county):
    """Without an outline there are no gaps to count and nothing to draw: not shown is not 0."""
    store, _settings, runs = county
    part = reading.run_record(as_seen_by(store, [f"{EAST}201"]), runs[SERVICE])
    assert part["summary"]["thresholds"]["30min"]["gaps"] is None
    assert part["summary"]["thresholds"]["30min"]["people_in_gaps"] is None
    assert [each["name"] for each in part["part"]["beside"]] == ["无界村"]
    assert {"people", "p50", "gaps", "curve"} <= set(part["part"]["not_shown"])
    assert part["summary"]["people_total"] is None  # the people of a raster cannot be put into it: unknown, not 0
    assert [each["name"] for each in part["part"]["without_outline"]] == ["无界村"]
    assert "areas_without_outline" in {each["code"] for each in part["notes"]}


def test_percentiles_of_several_areas_are_not_guessed_from_cells_that_miss_people(tmp_path):
    """A township known by its code alone has people and no cells of its own: sums are told, P50 and the curve are not."""
    settings = Settings(workspace=tmp_path / "workspace")
    store = furnish(settings, tmp_path, leave_out=("people", "landcover"))
    with store.writing() as session:
        areas.save(session, Area(code="990001102", name="无界镇", level="township", parent_code=COUNTY), **BY)
    rows = [["longitude", "latitude", "people", "area_code"], ["126.85", "42.35", "100", WEST], ["126.95", "42.32", "40", "990001102"]]
    importing.import_population(store, write_csv(tmp_path / "p.csv", rows), settings, datum="WGS84")
    run = measure_service(Study(store, settings), SERVICE).id
    part = reading.run_record(as_seen_by(store, [WEST, "990001102"]), run)
    told = part["summary"]["thresholds"]["30min"]
    assert part["summary"]["people_total"] == 140 == sum(told["people"].values())
    assert set(part["part"]["not_shown"]) == {"p50", "p90", "gaps", "curve"} and "p50" not in told
    alone = reading.run_record(as_seen_by(store, ["990001102"]), run)["summary"]["thresholds"]["30min"]
    assert alone["p50"] == _row(store, "990001102")["p50"] is not None
    store.close()


def test_zones_that_may_overlap_are_not_added_up(county):
    """A drawn zone lies over the townships: it stands in the table, and the sums are of the township."""
    store, _settings, runs = county
    part = reading.run_record(as_seen_by(store, [WEST, DRAWN]), runs[SERVICE])
    assert part["summary"]["thresholds"]["30min"]["people"] == _row(store, WEST)["people"]
    assert [each["code"] for each in part["part"]["beside"]] == [DRAWN]
    assert {row["area_code"] for row in reading.coverage_table(as_seen_by(store, [WEST, DRAWN]), SERVICE)["rows"]} == {WEST, DRAWN}


def test_limits_for_different_people_have_no_verdict_for_a_part(county):
    store, _settings, runs = county
    part = reading.run_record(as_seen_by(store, [WEST]), runs[SIDE_BY_SIDE])
    assert part["summary"]["verdict"] == {"given": False, "reason": "part_of_study", "people_of_unknown_class": None}
    assert "verdict" in part["part"]["not_shown"]


def test_nothing_is_told_of_areas_that_a_run_does_not_have(county):
    store, _settings, runs = county
    part = reading.run_record(store.limited_to(["880001"]), runs[SERVICE])
    assert part["summary"]["people_total"] is None and part["part"]["areas"] == []
    assert part["summary"]["thresholds"]["30min"]["people"] is None
    assert "no_part_of_study" in {each["code"] for each in part["notes"]}


def test_totals_and_people_in_no_area_are_for_who_sees_everything(county):
    store, _settings, _runs = county
    rows = reading.coverage_table(as_seen_by(store, [COUNTY]), SERVICE)["rows"]
    assert {"total", "outside"}.isdisjoint(row["level"] for row in rows) and COUNTY in {row["area_code"] for row in rows}


# --- surface, picture, shapes


@pytest.mark.parametrize("west", [True, False], ids=["west", "east"])
def test_every_cell_outside_is_no_data_and_every_cell_inside_is_as_it_was(county, tmp_path, west):
    store, _settings, runs = county
    limited = as_seen_by(store, [WEST if west else EAST])
    whole, part = tmp_path / "whole.tif", tmp_path / "part.tif"
    run = reading.surface_geotiff(store, SERVICE, None, whole)
    assert reading.surface_geotiff(limited, SERVICE, None, part) == run == runs[SERVICE]
    mask = _mask(reading.run_record(store, run), west)
    with rasterio.open(whole) as one, rasterio.open(part) as other:
        before, after, before_id, after_id = one.read(1), other.read(1), one.read(2), other.read(2)
        assert other.tags()["notes_zh"].startswith("仅含" + ("西镇" if west else "东镇"))
    assert np.isnan(after[~mask]).all() and np.isnan(after_id[~mask]).all()
    np.testing.assert_array_equal(after[mask], before[mask])
    # The hospital stands in the west: its id is no business of the east.
    seen = before_id[mask] if west else np.where(before_id[mask] == -1, -1, np.nan)
    np.testing.assert_array_equal(after_id[mask], seen)
    assert (before_id[mask] > 0).any()
    assert mask.any() and np.isfinite(after[mask]).any()
    assert (read_band(store.runs / run / SURFACE_FILE, 1) >= 0)[~mask].any()  # the stored file is the whole's


@pytest.mark.parametrize("codes", [[WEST], [EAST], [ZONE], [f"{EAST}201"]], ids=["west", "east", "zone", "no outline"])
def test_every_pixel_outside_is_clear_and_every_pixel_inside_is_as_it_was(county, codes):
    store, _settings, runs = county
    before = np.asarray(Image.open(io.BytesIO(reading.picture_of_run(store, SERVICE)[0])))
    limited, record = reading.picture_of_run(as_seen_by(store, codes), SERVICE)
    after = np.asarray(Image.open(io.BytesIO(limited)))
    run = reading.run_record(store, runs[SERVICE])
    mask = {WEST: _mask(run), EAST: _mask(run, west=False), ZONE: _mask(run) | _mask(run, west=False)}.get(codes[0], np.zeros_like(_mask(run)))
    grid = Grid(**run["inputs"]["grid"])
    west, south, east, north = record["bounds"]
    height, width = after.shape
    # In a county a line of Web Mercator is a line of latitude, evenly spaced to a fraction of a pixel.
    mercator = np.arcsinh(np.tan(np.radians([south, north])))
    lat = np.degrees(np.arctan(np.sinh(mercator[1] - (np.arange(height) + 0.5) * (mercator[1] - mercator[0]) / height)))
    lon = west + (np.arange(width) + 0.5) * (east - west) / width
    row, col = grid.cells_of(*(each.ravel() for each in np.meshgrid(lon, lat)))
    inside = ((row >= 0) & mask[row, col]).reshape(after.shape)
    assert (after[~inside] == OUTSIDE).all()
    np.testing.assert_array_equal(after[inside], before[inside])
    assert inside.any() == (codes[0] in (WEST, EAST, ZONE))
    assert record == reading.picture_of_run(store, SERVICE)[1]


def test_isochrones_and_catchments_end_at_the_border(county):
    """The parts of the townships add up to the whole within the county; nobody else's facility is named."""
    store, _settings, runs = county
    run = reading.run_record(store, runs[SERVICE])
    people, micro = read_band(store.runs / run["id"] / PEOPLE_FILE, 1), read_band(store.runs / run["id"] / SURFACE_FILE, 1)
    for west in (True, False):
        limited, mask = as_seen_by(store, [WEST if west else EAST]), _mask(run, west)
        (iso,) = features.isochrone_features(limited, SERVICE, None, [30.0])
        within = mask & (micro >= 0) & (micro <= 30 * 60 * 1_000_000)
        assert iso["properties"]["km2"] == pytest.approx(within.sum() * 0.04)
        assert iso["properties"]["people"] == pytest.approx(people[within].sum())
        found = features.catchment_features(limited, SERVICE, None, None)
        assert [(each["properties"]["facility"] is None, each["properties"]["name"]) for each in found] == [(not west, "县人民医院" if west else None)]
        assert sum(each["properties"]["people"] for each in found) == pytest.approx(people[mask & (micro >= 0)].sum())
    assert features.isochrone_features(as_seen_by(store, [f"{EAST}201"]), SERVICE, None, [30.0]) == []
    assert features.catchment_features(as_seen_by(store, [f"{EAST}201"]), SERVICE, None, None) == []


def test_what_the_map_is_drawn_with_is_of_ones_own_areas(county):
    """Areas and their centres are one's own; who is nearest to a facility of others is counted, and the facility not named."""
    store, _settings, runs = county
    centres = dict.fromkeys((WEST, EAST, COUNTY), (126.0, 42.0))
    for west in (True, False):
        limited = as_seen_by(store, [WEST if west else EAST])
        drawn = map_layers.areas_of_run(limited, SERVICE, None, centres)["features"]
        assert {each["id"] for each in drawn if each["properties"]["level"] == "township"} == {WEST if west else EAST}
        assert COUNTY not in {each["id"] for each in drawn}
        told = map_layers.catchment_curves(limited, SERVICE, None)["facilities"]
        mask, people = _mask(reading.run_record(store, runs[SERVICE]), west), read_band(store.runs / runs[SERVICE] / PEOPLE_FILE, 1)
        micro = read_band(store.runs / runs[SERVICE] / SURFACE_FILE, 1)
        assert sum(sum(each["people"]) for each in told) == pytest.approx(people[mask & (micro >= 0)].sum(), abs=0.01)
        assert {each["name"] for each in told if each["id"] is None} <= {None}
        assert ("县人民医院" in {each["name"] for each in told}) is west


def test_a_surface_of_no_outline_is_refused_with_the_reason(county, tmp_path):
    store, _settings, _runs = county
    with pytest.raises(Unsolvable, match="no outline"):
        reading.surface_geotiff(as_seen_by(store, [f"{EAST}201"]), SERVICE, None, tmp_path / "x.tif")
    assert not (tmp_path / "x.tif").exists()


def test_gaps_name_no_settlement_and_no_facility_of_others(county):
    store, _settings, runs = county
    limited = as_seen_by(store, [EAST])
    gaps, count, _next = features.gaps_page(limited, service_id=SERVICE, threshold_id="30min", limit=1000)
    assert count == len(gaps) > 0
    for gap in gaps:
        assert {each["code"][:9] for each in gap["properties"]["settlements"]} <= {EAST}
        assert gap["properties"]["nearest_facility"] is None
    assert any(each["properties"]["nearest_elsewhere"] for each in gaps)
    other = features.gaps_page(as_seen_by(store, [WEST]), service_id=SERVICE, threshold_id="30min", limit=1)[0]
    for gap in other:
        with pytest.raises(GapNotFound):
            features.gap_item(limited, gap["id"])


# --- the record, the band, two days


def test_the_record_of_a_run_lists_the_facilities_that_one_may_see(county):
    store, _settings, runs = county
    for name, run_id in runs.items():
        whole = reading.run_record(store, run_id)
        parts = {code: reading.run_record(as_seen_by(store, [code]), run_id) for code in (WEST, EAST)}
        for what in ("facilities", "to_be_located"):
            listed = [parts[code]["inputs"][what] for code in (WEST, EAST)]
            assert sorted(listed[0] + listed[1]) == whole["inputs"][what] or name == SIDE_BY_SIDE
        for part in parts.values():
            assert part["checksum"] == whole["checksum"] and part["parameters"] == whole["parameters"]
            assert part["summary"]["facilities"]["ids"] == [one for one, _revision in part["inputs"]["facilities"]]
            assert len(part["summary"]["facilities"]["ids"]) == part["summary"]["facilities"]["used"]
    assert reading.run_record(as_seen_by(store, [EAST]), runs[SERVICE])["inputs"]["facilities"] == []


def test_a_band_is_read_in_part_and_started_by_nobody_of_some_areas(county, client):
    store, settings, runs = county
    limited = as_seen_by(store, [WEST])
    address, asked = f"/api/services/{SERVICE}/coverage/band", {"draws": 20}
    assert uncertainty.known_band(limited, SERVICE, None, draws=20, seed=1) is None
    refused = client.get(address, params=asked, headers=client.sent["west"])
    assert refused.status_code == 403, refused.text
    with pytest.raises(NotAllowed):
        uncertainty.band_while_waiting(limited, settings, SERVICE, None, draws=20, seed=1)
    whole = client.get(address, params=asked, headers=client.sent["all"]).json()
    part = client.get(address, params=asked, headers=client.sent["west"]).json()
    assert part["rows"] == [row for row in whole["rows"] if row["area_code"] == WEST] and part["rows"]
    assert all("people" not in each for each in part["people_sources"]) and all(each["facilities"] is None for each in part["positions"])
    assert part["notes"][0]["code"] == "part_of_study"


def test_two_days_are_compared_in_one_s_own_areas(county):
    store, settings, _runs = county
    limited = as_seen_by(store, [WEST])
    found = as_of.compared(limited, settings, SERVICE, (AsOf(), AsOf()))
    assert {row["area_code"] for row in found["rows"]} == {WEST}
    whole = as_of.compared(store, settings, SERVICE, (AsOf(), AsOf()))
    assert found["rows"] == [row for row in whole["rows"] if row["area_code"] == WEST]


def test_a_service_stays_computable_whose_facilities_are_of_others(county):
    """The hospital stands in the west: the east is answered from the same run, and counts no hospital."""
    store, _settings, runs = county
    entry = reading.service_entry(as_seen_by(store, [EAST]), SERVICE)
    assert (entry["computable"], entry["run"], entry["facilities"], entry["changed_since"]) == (True, runs[SERVICE], 0, [])


# --- over HTTP


def test_pages_say_whose_figures_they_show(client):
    """The title names the township; the names and totals of the other one are on no page."""
    for path in PAGES:
        page = client.get(path, headers=client.sent["east"])
        assert page.status_code == 200, (path, page.text[:300])
        assert "西镇" not in page.text and "县人民医院" not in page.text, path
        assert "<strong>东镇</strong>" in page.text, path
    assert "仅含东镇的结果" in client.get("/", headers=client.sent["east"]).text
    page = client.get("/", headers=client.sent["village"]).text
    assert "没有登记边界" in page and "缺少人口数据" not in page
    assert "没有登记您所辖区域的边界" in client.get("/gaps", headers=client.sent["village"]).text
    page = client.get("/?lang=en", headers=client.sent["zone"]).text
    assert "Only of 两镇片区" in page


def test_a_map_to_hand_over_says_that_it_is_a_part(county, client):
    store, _settings, runs = county
    text = client.get(f"/api/services/{SERVICE}/map", headers=client.sent["east"]).text
    document = json.loads(text.partition('id="geosvc-coverage">')[2].partition("</script>")[0])
    assert document["title"].startswith("东镇 · ") and document["flags"][0].startswith("仅含东镇")
    assert document["people"] == _row(store, EAST)["people"] and document["facilities"]["name"] == []
    assert len(document["boundary"]["features"]) == 1
    whole = publishing.map_of(store, SERVICE, title_block=True)
    assert whole["title"].startswith("试验县") and whole["run"] == document["run"] == runs[SERVICE]


def test_no_browser_keeps_a_picture_for_the_next_person(county, client):
    _store, _settings, runs = county
    address = f"/api/services/{SERVICE}/picture?run={runs[SERVICE]}"
    seen = {who: client.get(address, headers=client.sent[who]) for who in ("west", "east", "all")}
    assert len({answer.content for answer in seen.values()}) == 3
    for who, answer in seen.items():
        assert answer.headers["vary"] == "Cookie, Authorization"
        assert answer.headers["cache-control"].startswith("private, no-store" if who != "all" else "private, max-age")


def test_what_is_remembered_for_one_person_is_told_to_no_other(county):
    """Asked in any order, each gets what a store that remembers nothing tells."""
    store, settings, runs = county
    with store.reading() as session:
        meant = {code: codes_meant(session, [code]) for code in (WEST, EAST, ZONE)}
    fresh = {}
    for code, codes in meant.items():
        alone = init_workspace(settings)
        own = alone.limited_to(codes)
        fresh[code] = (reading.run_record(own, runs[SERVICE]), overview(own), features.areas_to_choose(own))
        alone.close()
    for code in (WEST, EAST, ZONE, WEST, EAST, ZONE):
        seen = as_seen_by(store, [code])
        assert seen.areas == meant[code]
        assert (reading.run_record(seen, runs[SERVICE]), overview(seen), features.areas_to_choose(seen)) == fresh[code]
    assert fresh[WEST][1]["title"] == "西镇" and fresh[ZONE][1]["title"] == "两镇片区"
    assert "people" not in fresh[WEST][1]["layers"]["population"]


def test_it_is_found_out_quickly_what_an_account_may_see(county):
    store, _settings, _runs = county
    as_seen_by(store, [WEST])
    took = []
    for _each in range(20):
        start = time.perf_counter()
        as_seen_by(store, [WEST])
        took.append(time.perf_counter() - start)
    assert min(took) < 0.002


# --- which codes an account means


@pytest.fixture
def reformed(store):
    """A county whose divisions were reformed: 东镇 got another code, two townships became one, one was split."""
    with store.writing() as session:
        for code, name, level in (("990001", "县", "county"), ("990002", "邻县", "county"),
                                  *((f"9900011{i:02}", f"{i}镇", "township") for i in range(7))):
            parent = "990001" if level == "township" else None
            areas.save(session, Area(code=code, name=name, level=level, parent_code=parent), valid_from="2000-01-01", **BY)
            facilities.save(session, Facility(name=f"{name}卫生院", class_code="C220", area_code=code), facility_id=None, **BY)
        areas.save(session, Area(code="Z9", name="片区", level="zone", members=("990001100", "990001106")), **BY)
        areas.save(session, Area(code="Z8", name="大片区", level="zone", members=("Z9", "990002")), **BY)
        divisions.recode(session, "990001100", "990002300", on="2019-01-01", **BY)
        divisions.merge_areas(session, ["990001101", "990001102"], Area(code="990001150", name="合镇", level="township", parent_code="990001"),
                              on="2020-01-01", **BY)
        divisions.merge_areas(session, ["990001103"], "990001104", on="2020-01-01", **BY)
        divisions.split(session, "990001105", [Area(code="990001160", name="左", level="township", parent_code="990001"),
                                               Area(code="990001161", name="右", level="township", parent_code="990001")],
                        on="2021-01-01", **BY)
    return store


@pytest.mark.parametrize(("account", "seen"), [
    (["990002300"], ["0镇"]),  # its facilities still carry the old code
    (["990001100"], ["0镇"]),  # an account made before the reform goes on
    (["990001150"], ["1镇", "2镇"]),
    (["990001101"], ["1镇"]),  # of two that were merged one does not get the other
    (["990001101", "990001102"], ["1镇", "2镇"]),
    (["990001104"], ["3镇", "4镇"]),
    (["990001103"], ["3镇"]),
    (["990001160"], []),  # of one that was split nobody knows whose a facility is
    (["990001160", "990001161"], ["5镇"]),
    (["990001105"], ["5镇"]),
    (["Z9"], ["0镇", "6镇"]),
    (["Z8"], ["邻县", "0镇", "6镇"]),
    (["990002"], ["邻县", "0镇"]),
    (["880001"], []),
    ([], []),
], ids=str)
def test_an_account_sees_the_facilities_of_all_codes_that_its_areas_mean(reformed, account, seen):
    with as_seen_by(reformed, account).reading() as session:
        assert [each.facility.name.removesuffix("卫生院") for each in facilities.find(session, FacilityQuery())] == seen


def test_an_account_of_a_new_code_changes_what_carries_the_old_one(reformed):
    limited = as_seen_by(reformed, ["990002300"])
    with limited.reading() as session:
        (own,) = facilities.find(session, FacilityQuery())
    with limited.writing() as session:
        facilities.save(session, Facility(**{**own.facility.__dict__, "name": "中心卫生院"}), facility_id=own.id, **BY)
    with pytest.raises(NotAllowed), limited.writing() as session:
        facilities.save(session, Facility(name="别处", class_code="C220", area_code="990001106"), facility_id=None, **BY)


def test_townships_that_name_their_county_lie_in_it_whatever_their_code(reformed):
    """A county that was made of parts of others: its townships keep the codes of where they were."""
    with reformed.writing() as session:
        areas.save(session, Area(code="990003", name="新县", level="county"), **BY)
        areas.save(session, Area(code="990001106", name="6镇", level="township", parent_code="990003"), **BY)
    with as_seen_by(reformed, ["990003"]).reading() as session:
        assert [each.facility.name for each in facilities.find(session, FacilityQuery())] == ["6镇卫生院"]


def test_a_code_that_was_given_to_another_division_means_that_one(reformed):
    """The code of 0镇 is free since 2019; a new township gets it, and its account sees nothing of the old one's heir."""
    with reformed.writing() as session:
        areas.save(session, Area(code="990001100", name="新镇", level="township", parent_code="990001"), valid_from="2022-01-01", **BY)
        meant = {code: codes_meant(session, [code]) for code in ("990001100", "990002300")}
    assert meant == {"990001100": ("990001100",), "990002300": ("990002300",)}


def test_a_reform_is_seen_at_the_next_question(reformed):
    before = as_seen_by(reformed, ["990001170"]).areas
    with reformed.writing() as session:
        divisions.recode(session, "990001106", "990001170", on="2023-01-01", **BY)
    assert (before, as_seen_by(reformed, ["990001170"]).areas) == (("990001170",), ("990001106", "990001170"))
