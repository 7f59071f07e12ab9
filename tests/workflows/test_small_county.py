"""A small county from its own files to coverage and gaps."""

from __future__ import annotations

import json

import numpy as np
import pytest
import shapely
from registry.made_files import (
    HEADER,
    TOWNSHIP_E,
    TOWNSHIP_W,
    county_files,
    snapshot,
    write_csv,
    write_geojson,
    write_raster,
)
from sqlalchemy import func, select
from workflows.small_county import ARC3, CENTRE, HOSPITAL, NORTH, UNLOCATED, WEST, furnish, people_values, write_county

from geosvc.errors import DefinitionError, NoFacility, NoStudyArea, StoreError
from geosvc.registry import facilities
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.settings import Settings
from geosvc.store.facilities import FacilityQuery
from geosvc.store.runs import CoverageRow, GapRow, RunRow
from geosvc.workflows import features, importing, measuring, reading
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study
from geosvc.workflows.workspace import init_workspace, overview

TOTAL = float(people_values().astype(float).sum())
FIGURES = ["area_code", "year", "kind", "people", "status", "source"]


@pytest.fixture(scope="module")
def county(tmp_path_factory):
    """The county measured for two services; tests only read it."""
    folder = tmp_path_factory.mktemp("county")
    settings = Settings(workspace=folder / "workspace")
    store = furnish(settings, folder)
    study = Study(store, settings)
    runs = {name: measure_service(study, name) for name in ("hospital-drive", "basic-radius")}
    yield store, study, runs
    store.close()


@pytest.fixture
def own(settings, tmp_path):
    """The county in a workspace of one's own; nothing is measured yet."""
    made = furnish(settings, tmp_path)
    yield made
    made.close()


def by_code(store, service, **options):
    return {row["area_code"]: row for row in reading.coverage_table(store, service, **options)["rows"]}


def count(store, table):
    with store.reading() as session:
        return session.scalar(select(func.count()).select_from(table))


@pytest.mark.parametrize("service", ["hospital-drive", "basic-radius"])
def test_every_state_together_is_the_raster(county, service):
    """Total, county and the two townships: the people of all states are those of the raster, to a millionth."""
    store, _, runs = county
    assert runs[service].summary["people_total"] == pytest.approx(TOTAL, abs=1e-6)
    for threshold in runs[service].summary["thresholds"]:
        rows = by_code(store, service, threshold_id=threshold)
        outside = rows.get("*outside", {"people_total": 0.0})["people_total"]
        assert rows["*total"]["people_total"] == pytest.approx(TOTAL, abs=1e-6)
        assert rows["990001"]["people_total"] + outside == pytest.approx(TOTAL, abs=1e-6)
        towns = rows["990001100"]["people_total"] + rows["990001101"]["people_total"]
        assert towns == pytest.approx(rows["990001"]["people_total"], abs=1e-6)


def test_each_township_has_the_people_that_the_raster_puts_there(county):
    """The border runs between two columns of the raster: each half is its township's, whatever the grid."""
    store, _, _ = county
    rows = by_code(store, "hospital-drive")
    values = people_values().astype(float)
    assert rows["990001100"]["people_total"] == pytest.approx(values[:, :120].sum(), abs=1e-6)
    assert rows["990001101"]["people_total"] == pytest.approx(values[:, 120:].sum(), abs=1e-6)
    assert "*outside" not in rows


def test_the_spread_of_people_is_conserved_on_the_grid(county):
    """On the grid, off the water, and moved: the total is that of the raster."""
    _, study, _ = county
    assert study.people.total == pytest.approx(TOTAL, abs=1e-6)
    assert study.people.moved.people > 0  # some pieces of the raster fall on the river
    assert study.people.moved.left == 0
    assert np.isfinite(study.pace("walk", None)[study.people.row, study.people.col]).all()


def test_square_kilometres_are_those_of_the_polygons(county):
    """Cells whose centre lies inside add up to the area of the boundary within a few parts in a hundred."""
    store, _, _ = county
    rows = by_code(store, "hospital-drive")
    from pyproj import Geod

    for code, shape in (("990001100", TOWNSHIP_W), ("990001101", TOWNSHIP_E)):
        real = abs(Geod(ellps="WGS84").geometry_area_perimeter(shape)[0]) / 1e6
        assert sum(rows[code]["km2"].values()) == pytest.approx(real, rel=0.02)
    # A long edge in degrees is curved in metres: a township's corner on it may win or lose a cell.
    assert sum(rows["990001"]["km2"].values()) == pytest.approx(
        sum(rows["990001100"]["km2"].values()) + sum(rows["990001101"]["km2"].values()), rel=2e-3)


def test_people_in_gaps_are_those_beyond_and_cut_off(county):
    """Gaps hold exactly the people who are beyond the limit or unreachable within the county."""
    store, _, runs = county
    for service, run in runs.items():
        for name, found in run.summary["thresholds"].items():
            people = found["people"]
            assert found["people_in_gaps"] == pytest.approx(people["beyond"] + people["unreachable"], abs=1e-6), (service, name)


def test_gaps_are_listed_most_people_first_with_their_polygon(county):
    """Rank follows people; every gap names its run and service and has a valid shape inside the county's box."""
    store, _, runs = county
    gaps, matched, _ = features.gaps_page(store, service_id="basic-radius", threshold_id="5km", limit=100)
    assert matched == len(gaps) == runs["basic-radius"].summary["thresholds"]["5km"]["gaps"] > 0
    told = [each["properties"]["people"] for each in gaps]
    assert told == sorted(told, reverse=True)
    for each in gaps:
        assert shapely.geometry.shape(each["geometry"]).is_valid
        assert each["properties"]["run"] == runs["basic-radius"].id


def test_the_bridge_carries_people_over_the_river(own, settings, tmp_path):
    """On foot the village clinic in the west is reached from the east by the bridge; without the road nobody comes."""
    clinic = write_csv(tmp_path / "clinic.csv", [HEADER, ["西村卫生室", "D600", "126.85", "42.35", "WGS84"]])
    importing.import_facilities(own, clinic, FacilityOptions(), settings)
    with_bridge = measure_service(Study(own, settings), "village-clinic-walk").summary["thresholds"]["30min"]["people"]
    assert with_bridge["unreachable"] == 0
    second = Settings(workspace=tmp_path / "second")
    (tmp_path / "again").mkdir()
    store = furnish(second, tmp_path / "again", leave_out=("roads",))
    importing.import_facilities(store, clinic, FacilityOptions(), second)
    study = Study(store, second)
    without = measure_service(study, "village-clinic-walk").summary["thresholds"]["30min"]["people"]
    east = people_values()[:, 123:].astype(float).sum()  # east of the river's last column
    assert without["unreachable"] >= east - 1e-6
    store.close()


def test_a_run_records_the_checksums_of_what_went_in(county, tmp_path):
    """Version, grid, areas, every layer and each facility's revision are in the record."""
    store, study, runs = county
    inputs = runs["hospital-drive"].inputs
    assert {"roads", "population", "landcover"} == set(inputs["layers"])
    assert all(len(each) == 64 for each in inputs["layers"].values())
    assert inputs["facilities"] == [[1, 1]]  # the only hospital
    assert len(inputs["areas"]["sha256"]) == 64
    assert inputs["areas"]["count"] == 3
    assert inputs["grid"] == study.grid.as_dict()
    record = reading.run_record(store, runs["hospital-drive"].id)
    assert record["checksum"].startswith(record["id"])


def test_measuring_twice_stores_nothing_new(own, settings):
    """The same question on the same data has the same run: no row, no file, no byte more."""
    first = measure_service(Study(own, settings), "hospital-drive").id
    before = snapshot(settings.workspace)
    assert measure_service(Study(own, settings), "hospital-drive").id == first
    assert snapshot(settings.workspace) == before


def test_two_workspaces_with_the_same_data_have_the_same_run(own, settings, tmp_path):
    """Made twice from the same files, run and surface are the same to the byte."""
    one = measure_service(Study(own, settings), "hospital-drive").id
    (tmp_path / "again").mkdir()
    second = Settings(workspace=tmp_path / "second")
    store = furnish(second, tmp_path / "again")
    assert measure_service(Study(store, second), "hospital-drive").id == one
    for name in ("surface.tif", "surface.png", "surface.json"):
        assert (own.runs / one / name).read_bytes() == (store.runs / one / name).read_bytes(), name
    store.close()


def test_a_changed_facility_makes_a_new_run(own, settings, tmp_path):
    """A hospital that moved across the river is another run; the old one stays."""
    first = measure_service(Study(own, settings), "hospital-drive")
    moved = write_csv(tmp_path / "moved.csv", [HEADER, ["县人民医院", "A100", "126.95", "42.35", "WGS84"]])
    with own.reading() as session:
        same = next(each.id for each in facilities.find(session, FacilityQuery()) if each.facility.name == "县人民医院")
    # 8 km away and without an identifier it may be another one: a person says that it is the same.
    importing.import_facilities(own, moved, FacilityOptions(answers={2: same}), settings)
    second = measure_service(Study(own, settings), "hospital-drive")
    assert second.id != first.id
    assert count(own, RunRow) == 2
    assert reading.default_answer(own, "hospital-drive")["run"] == second.id
    assert reading.run_record(own, first.id)["summary"]["people_total"] == pytest.approx(TOTAL, abs=1e-6)


ON_FOOT = """
[[service]]
id = "hospital-walk"
zh = "步行到医院"
en = "Hospital on foot"
facility_classes = ["A"]
method = "travel_time"
profile = "walk"
speed_kmh = 5.0
thresholds = [{ id = "60min", value = 60 }]
"""


def test_another_pace_is_a_trial_and_not_the_answer(own, settings, tmp_path):
    """At half the pace fewer are covered; the run has the pace in its record, and the service keeps its answer."""
    (tmp_path / "own.toml").write_text(ON_FOOT, encoding="utf-8")
    importing.import_services(own, tmp_path / "own.toml", settings)
    study = Study(own, settings)
    declared = measure_service(study, "hospital-walk")
    slow = measure_service(study, "hospital-walk", speed_kmh=2.5)
    assert slow.id != declared.id
    assert slow.parameters["service"]["speed_kmh"] == 2.5

    def covered(run):
        return run.summary["thresholds"]["60min"]["people"]["covered"]

    assert covered(slow) < covered(declared)
    assert reading.default_answer(own, "hospital-walk")["run"] == declared.id
    assert reading.default_answer(own, "hospital-walk", run_id=slow.id)["run"] == slow.id
    measure_service(study, "hospital-walk", speed_kmh=2.5)  # the stored trial is found, and still only a trial
    assert reading.default_answer(own, "hospital-walk")["run"] == declared.id


def test_the_pace_of_a_vehicle_is_that_of_the_roads(own, settings):
    """One number cannot stand for motorway and track: it is refused with the reason."""
    with pytest.raises(DefinitionError, match="roads in the profile"):
        measure_service(Study(own, settings), "hospital-drive", speed_kmh=100)


def test_a_changed_registry_is_told_beside_the_old_answer(own, settings, tmp_path):
    """A new hospital after the run: the answer says that facilities changed, until it is measured again."""
    measure_service(Study(own, settings), "hospital-drive")
    assert reading.service_entry(own, "hospital-drive")["changed_since"] == []
    table = tmp_path / "new.csv"
    table.write_text(f"name,class_code,longitude,latitude,datum\n新医院,A100,{WEST + 0.01},{NORTH - 0.01},WGS84\n", encoding="utf-8")
    importing.import_facilities(own, table, FacilityOptions(), settings)
    assert reading.service_entry(own, "hospital-drive")["changed_since"] == ["facilities"]
    assert reading.coverage_table(own, "hospital-drive")["changed_since"] == ["facilities"]
    measure_service(Study(own, settings), "hospital-drive")
    assert reading.service_entry(own, "hospital-drive")["changed_since"] == []


def test_a_new_title_is_a_new_run(own, settings):
    """The title stands on the map of a run, so a map under another title is another run."""
    first = measure_service(Study(own, settings), "hospital-drive")
    init_workspace(settings, title="新标题县").close()
    again = measure_service(Study(own, settings), "hospital-drive")
    assert again.id != first.id
    assert again.summary["title"] == "新标题县"


def test_a_change_that_only_tells_of_schematic_data_reaches_the_notes(own, settings, tmp_path):
    """A boundary that is found to be schematic is said to be so by the next measure, whatever was measured before."""
    before = measure_service(Study(own, settings), "hospital-drive")
    assert "schematic_areas" not in {note["code"] for note in before.notes}
    areas = json.loads((tmp_path / "areas.geojson").read_text("utf-8"))
    for each in areas["features"]:
        each["properties"]["schematic"] = "true"
    path = tmp_path / "areas2.geojson"
    path.write_text(json.dumps(areas), "utf-8")
    assert importing.import_areas(own, path, settings).changes["changed"] == 3
    after = measure_service(Study(own, settings), "hospital-drive")
    assert "schematic_areas" in {note["code"] for note in after.notes}


def test_facilities_to_be_located_are_counted(own, settings):
    """The health centre without coordinates is in the summary of the service that misses it."""
    run = measure_service(Study(own, settings), "township-centre-drive")
    assert (run.summary["facilities"]["used"], run.summary["facilities"]["to_be_located"]) == (1, 1)
    assert reading.default_answer(own, "township-centre-drive")["to_be_located"] == 1


def test_no_facility_of_the_class_is_not_computable(own, settings):
    """Without a blood point the answer is not 0 %: it is refused with the classes and the cure."""
    before = snapshot(settings.workspace)
    with pytest.raises(NoFacility, match=r"blood-drive.*F, X001.*not computable.*geosvc import facilities"):
        measure_service(Study(own, settings), "blood-drive")
    assert snapshot(settings.workspace) == before


def test_all_facilities_to_be_located_is_another_answer(settings, tmp_path):
    """Where they are registered and none has a position the message says to locate them first."""
    store = furnish(settings, tmp_path, leave_out=("facilities",))
    path = write_csv(tmp_path / "f.csv", [HEADER, UNLOCATED])
    importing.import_facilities(store, path, FacilityOptions(), settings)
    with pytest.raises(NoFacility, match="none of its 1 facilities.*has a position.*located first"):
        measure_service(Study(store, settings), "township-centre-drive")
    store.close()


def test_closed_facilities_do_not_serve(settings, tmp_path):
    """A hospital that is closed or only planned reaches nobody."""
    store = furnish(settings, tmp_path, leave_out=("facilities",))
    rows = [[*HEADER, "状态"], [*HOSPITAL, "关闭"], ["新医院", *HOSPITAL[1:], "在建"]]
    importing.import_facilities(store, write_csv(tmp_path / "f.csv", rows), FacilityOptions(), settings)
    with pytest.raises(NoFacility, match="no operating facility"):
        measure_service(Study(store, settings), "hospital-drive")
    store.close()


def test_facilities_far_outside_the_study_serve_nobody_by_road(settings, tmp_path):
    """A hospital on another continent is named as outside and is no answer."""
    store = furnish(settings, tmp_path, leave_out=("facilities",))
    path = write_csv(tmp_path / "f.csv", [HEADER, ["远方医院", "A100", "10", "50", "WGS84"]])
    importing.import_facilities(store, path, FacilityOptions(), settings)
    with pytest.raises(NoFacility, match="outside the study area"):
        measure_service(Study(store, settings), "hospital-drive")
    store.close()


def test_without_population_people_are_unknown_everywhere(settings, tmp_path):
    """No number of people is invented: None in the summary, every row, every gap; the note says so."""
    store = furnish(settings, tmp_path, leave_out=("people",))
    run = measure_service(Study(store, settings), "basic-radius")
    assert run.summary["people_total"] is None
    assert run.summary["curve"]["people"] is None
    for found in run.summary["thresholds"].values():
        assert found["people"] is None
        assert found["people_in_gaps"] is None
        assert found["largest_gap_people"] is None
    for row in by_code(store, "basic-radius", threshold_id="5km").values():
        assert (row["people"], row["people_total"], row["p50"]) == (None, None, None)
        assert set(row["share"].values()) == {None}
        assert row["km2"]["covered"] >= 0
    gaps, matched, _ = features.gaps_page(store, service_id="basic-radius", threshold_id="5km", limit=5)
    assert matched > 0
    assert {each["properties"]["people"] for each in gaps} == {None}
    answer = reading.default_answer(store, "basic-radius")
    assert (answer["people_total"], answer["people_covered"], answer["people_in_gaps"]) == (None, None, None)
    assert "no_population" in {note["code"] for note in run.notes}
    store.close()


def test_a_study_without_areas_takes_the_extent_of_the_people(settings, tmp_path):
    """People alone say where to look; all of them are outside every area and none is lost."""
    store = furnish(settings, tmp_path, leave_out=("areas",))
    study = Study(store, settings)
    run = measure_service(study, "basic-radius")
    west, south, east, north = study.bbox
    assert (west, north) == pytest.approx((WEST, NORTH), abs=2 * ARC3)
    rows = by_code(store, "basic-radius")
    assert set(rows) == {"*total", "*outside"}
    assert rows["*total"]["people_total"] == pytest.approx(TOTAL, abs=1e-6)
    assert rows["*outside"]["people_total"] == pytest.approx(TOTAL, abs=1e-6)
    assert rows["*total"]["km2"] is None
    found = run.summary["thresholds"]["5km"]
    assert found["people_in_gaps"] == pytest.approx(found["people"]["beyond"] + found["people"]["unreachable"], abs=1e-6)
    store.close()


def test_nothing_says_where_to_look(settings, tmp_path):
    """Without areas and people there is no study, and the message names both cures."""
    store = furnish(settings, tmp_path, leave_out=("areas", "people", "roads", "landcover"))
    with pytest.raises(NoStudyArea, match=r"geosvc import areas.*geosvc import population"):
        measure_service(Study(store, settings), "hospital-drive")
    store.close()


@pytest.mark.parametrize("where", ["write_picture", "next_sequence", "_gap_row", "_write_files"])
def test_a_measure_that_breaks_off_leaves_no_trace(own, settings, monkeypatch, where):
    """Broken off while its files or its rows are written, a run leaves neither row nor folder, and works again later."""
    before = snapshot(settings.workspace)

    def power_cut(*_args, **_options):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(measuring, where, power_cut)
        with pytest.raises(KeyboardInterrupt):
            measure_service(Study(own, settings), "basic-radius")
    assert [count(own, table) for table in (RunRow, CoverageRow, GapRow)] == [0, 0, 0]
    assert snapshot(settings.workspace) == before
    assert measure_service(Study(own, settings), "basic-radius").summary["people_total"] == pytest.approx(TOTAL, abs=1e-6)


def test_a_full_disk_while_measuring_is_told_as_such(own, settings, monkeypatch):
    """An error of the disk becomes ours, in words, and leaves nothing."""
    before = snapshot(settings.workspace)

    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(measuring, "write_geotiff", full)
    with pytest.raises(StoreError, match="No space left"):
        measure_service(Study(own, settings), "basic-radius")
    assert snapshot(settings.workspace) == before


def test_files_removed_by_hand_are_computed_again(own, settings):
    """The folder of a run that somebody deleted comes back with the same content."""
    import shutil

    run = measure_service(Study(own, settings), "basic-radius")
    before = snapshot(settings.workspace)["files"]
    shutil.rmtree(own.runs / run.id)
    assert measure_service(Study(own, settings), "basic-radius").id == run.id
    assert snapshot(settings.workspace)["files"] == before


def with_figures(settings, folder, *rows):
    """The county with counts of people by area instead of a raster."""
    store = furnish(settings, folder, leave_out=("people",))
    importing.import_population(store, write_csv(folder / "figures.csv", [FIGURES, *rows]), settings)
    return store


def figure(code, people, year="2020", status="普查"):
    return [code, year, "常住", str(people), status, "公报"]


def test_counts_by_township_are_spread_over_each(settings, tmp_path):
    """Each township has its own people, on ground that can be crossed; the note says that it is an estimate."""
    store = with_figures(settings, tmp_path, figure("990001100", 3000), figure("990001101", 1000.0))
    run = measure_service(Study(store, settings), "basic-radius")
    rows = by_code(store, "basic-radius")
    assert rows["990001100"]["people_total"] == pytest.approx(3000, abs=1e-6)
    assert rows["990001101"]["people_total"] == pytest.approx(1000, abs=1e-6)
    assert rows["*total"]["people_total"] == pytest.approx(4000, abs=1e-6)
    assert rows["990001"]["people_total"] == pytest.approx(4000, abs=1e-6)
    assert "even_population" in {note["code"] for note in run.notes}
    store.close()


def test_a_count_of_the_county_is_spread_over_its_townships(settings, tmp_path):
    """Only the county's figure is known: its people are spread over its cells, the townships' included, not lost."""
    store = with_figures(settings, tmp_path, figure("990001", 4000))
    measure_service(Study(store, settings), "basic-radius")
    total = by_code(store, "basic-radius", threshold_id="20km")["*total"]
    assert total["people_total"] == pytest.approx(4000, abs=1e-6)
    assert total["people"]["no_data"] == 0
    store.close()


def test_a_count_of_the_county_is_kept_when_one_township_has_its_own(settings, tmp_path):
    """Of 4000 people 1000 are counted in the west: the other 3000 live elsewhere in the county and are not lost."""
    store = with_figures(settings, tmp_path, figure("990001", 4000), figure("990001100", 1000))
    measure_service(Study(store, settings), "basic-radius")
    rows = by_code(store, "basic-radius")
    assert rows["990001"]["people_total"] == pytest.approx(4000, abs=1e-6)
    assert rows["990001100"]["people_total"] == pytest.approx(1000, abs=1e-6)
    store.close()


def test_the_newest_figure_counts_and_a_census_before_an_estimate(settings, tmp_path):
    """2010 is older than 2020; of one year the census is believed before the estimate."""
    store = with_figures(
        settings, tmp_path, figure("990001100", 1, year="2010"), figure("990001100", 2, status="推算"), figure("990001100", 3))
    assert {code: each.people for code, each in Study(store, settings).figures_in_force().items()} == {"990001100": 3}
    store.close()


def test_registered_people_are_not_residents(settings, tmp_path):
    """户籍 figures are kept and do not count as people who live there."""
    store = furnish(settings, tmp_path, leave_out=("people",))
    row = ["990001100", "2020", "户籍", "5000", "普查", "公报"]
    importing.import_population(store, write_csv(tmp_path / "figures.csv", [FIGURES, row]), settings)
    assert Study(store, settings).people is None
    store.close()


@pytest.mark.parametrize("format_", ["csv", "geojson"])
def test_people_at_points_keep_their_total_and_their_area(settings, tmp_path, format_):
    """Settlement points with a code belong to that area even where the polygon says otherwise."""
    store = furnish(settings, tmp_path, leave_out=("people",))
    points = [(126.85, 42.35, 100.5, "990001101"), (126.95, 42.35, 50.25, ""), (126.96, 42.35, 25, "000")]
    if format_ == "csv":
        path = write_csv(tmp_path / "p.csv", [["longitude", "latitude", "people", "area_code"], *map(list, points)])
    else:
        path = write_geojson(tmp_path / "p.geojson", [
            ({"people": n, "area_code": code}, shapely.Point(x, y)) for x, y, n, code in points])
    report = importing.import_population(store, path, settings, datum="WGS84")
    assert report.figures["people"] == pytest.approx(175.75)
    measure_service(Study(store, settings), "basic-radius")
    rows = by_code(store, "basic-radius")
    assert rows["990001101"]["people_total"] == pytest.approx(175.75, abs=1e-6)
    assert rows["990001100"]["people_total"] == 0
    store.close()


def test_a_raster_larger_than_the_county_keeps_its_people_outside(settings, tmp_path):
    """People beyond the boundary are in the total and outside every area, wherever they are."""
    store = furnish(settings, tmp_path, leave_out=("people",))
    values = np.full((30, 60), 2.0)
    path = write_raster(tmp_path / "big.tif", values, west=126.7, north=42.5, cell=0.01)
    importing.import_population(store, path, settings)
    measure_service(Study(store, settings), "basic-radius")
    rows = by_code(store, "basic-radius")
    assert rows["*total"]["people_total"] == pytest.approx(3600, abs=1e-6)
    assert rows["990001"]["people_total"] == pytest.approx(400, abs=1e-6)  # 20 x 10 cells
    assert rows["*outside"]["people_total"] == pytest.approx(3200, abs=1e-6)
    store.close()


def test_the_same_people_on_a_coarse_and_a_fine_grid(settings, tmp_path):
    """The people of an area do not depend on the size of the cells."""
    totals = []
    for cell in (150.0, 700.0):
        folder = tmp_path / str(cell)
        folder.mkdir()
        own = Settings(workspace=folder / "workspace")
        store = furnish(own, folder, cell_size_m=cell)
        measure_service(Study(store, own), "basic-radius")
        totals.append({code: row["people_total"] for code, row in by_code(store, "basic-radius").items()})
        store.close()
    assert totals[0] == pytest.approx(totals[1], abs=1e-6)


def test_an_overview_counts_what_is_there(county):
    """Three facilities, one of them to be located; three areas; three layers with their checksums."""
    store, _, _ = county
    held = overview(store)
    assert (held["facilities"], held["to_be_located"], held["areas"]) == (3, 1, 3)
    assert held["title"] == "试验县"
    assert held["layers"]["population"]["people"] == pytest.approx(TOTAL, abs=1e-6)


def test_a_grid_that_is_too_large_is_refused_with_a_size_that_fits(settings, tmp_path):
    """Cells of 1 m over a county are refused before memory is; the message names a size that works."""
    from geosvc.errors import InvalidParameter

    small = Settings(workspace=settings.workspace, max_cells=10_000)
    store = init_workspace(small, cell_size_m=10.0)
    importing.import_areas(store, county_files(tmp_path)["areas"], small)
    importing.import_facilities(store, write_csv(tmp_path / "f.csv", [HEADER, HOSPITAL, CENTRE]), FacilityOptions(), small)
    with pytest.raises(InvalidParameter, match=r"use cells of at least \d+ m.*GEOSVC_MAX_CELLS") as caught:
        measure_service(Study(store, small), "basic-radius")
    fitting = float(str(caught.value).split("at least ")[1].split(" m")[0])
    init_workspace(small, cell_size_m=fitting * 1.1).close()
    assert measure_service(Study(store, small), "basic-radius").summary["people_total"] is None
    store.close()


def test_write_county_writes_what_it_says(tmp_path):
    """The files that the other tests rest on are there and hold the people that they expect."""
    files = write_county(tmp_path)
    assert set(files) == {"areas", "roads", "facilities", "people", "landcover"}
    assert TOTAL > 10_000
