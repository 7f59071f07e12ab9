"""The same file again changes nothing; a changed file changes what it says and no more."""

from __future__ import annotations

from registry.made_files import (
    GOOD_ROW,
    HEADER,
    MIDDLE,
    NORTH,
    SOUTH,
    WEST,
    county_files,
    snapshot,
    write_csv,
    write_geojson,
    write_layer,
    write_raster,
)
from shapely.geometry import LineString, Point

from geosvc.registry import facilities
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import importing

PEOPLE_HEADER = ["area_code", "year", "kind", "people", "status", "source"]


def take(store, settings, path, **options):
    report = importing.import_facilities(store, path, FacilityOptions(**options), settings)
    return report.changes["new"], report.changes["changed"], report.changes["unchanged"]


def registered(store):
    with store.reading() as session:
        return facilities.find(session, FacilityQuery())


def test_importing_every_kind_of_file_twice_changes_nothing(store, settings, tmp_path):
    """Facilities, areas, figures, roads, people, elevation, land cover: the second time the workspace is untouched."""
    made = county_files(tmp_path)
    figures = write_csv(tmp_path / "figures.csv", [PEOPLE_HEADER, ["990001", "2020", "常住", "1,200", "普查", "公报"]])
    raster = write_raster(tmp_path / "r.tif", [[10.0] * 20] * 10)

    def everything():
        return [
            importing.import_areas(store, made["areas"], settings),
            importing.import_facilities(store, made["facilities"], FacilityOptions(), settings),
            importing.import_population(store, figures, settings),
            importing.import_population(store, raster, settings),
            importing.import_roads(store, made["roads"], settings),
            importing.import_elevation(store, [raster], settings),
            importing.import_landcover(store, [raster], settings),
        ]

    assert all(report.changes["new"] > 0 for report in everything())
    before = snapshot(settings.workspace)
    for report in everything():
        assert report.changes["new"] + report.changes["changed"] == 0, report.kind
        assert report.changes["unchanged"] > 0
    assert snapshot(settings.workspace) == before


def test_a_changed_cell_changes_one_facility(store, settings, tmp_path):
    """Of two facilities one got another number of beds: one change, one unchanged, the id stays."""
    rows = [[*HEADER, "床位"], [*GOOD_ROW, "100"], ["中医院", "A210", "126.9", "42.35", "WGS84", "50"]]
    assert take(store, settings, write_csv(tmp_path / "a.csv", rows)) == (2, 0, 0)
    ids = [each.id for each in registered(store)]
    rows[1][-1] = "120"
    assert take(store, settings, write_csv(tmp_path / "a.csv", rows)) == (0, 1, 1)
    assert [each.id for each in registered(store)] == ids
    assert [each.facility.beds[0]["count"] for each in registered(store)] == [120, 50]


def test_an_identifier_decides_even_when_the_name_changed(store, settings, tmp_path):
    """A hospital that was renamed keeps its identity by its credit code."""
    header = [*HEADER, "统一社会信用代码"]
    take(store, settings, write_csv(tmp_path / "a.csv", [header, [*GOOD_ROW, "12220622412761234X"]]))
    renamed = ["县第一人民医院", *GOOD_ROW[1:], "12220622412761234X"]
    assert take(store, settings, write_csv(tmp_path / "b.csv", [header, renamed])) == (0, 1, 0)
    (one,) = registered(store)
    assert one.facility.name == "县第一人民医院"


def test_two_sites_that_share_one_identifier_stay_two(store, settings, tmp_path):
    """Two sites of a hospital carry the same credit code: importing them again is still no change."""
    header = [*HEADER, "统一社会信用代码"]
    rows = [header, ["县医院（本部）", *GOOD_ROW[1:], "12220622412761234X"],
            ["县医院（东院区）", "A100", "126.95", "42.35", "WGS84", "12220622412761234X"]]
    path = write_csv(tmp_path / "a.csv", rows)
    assert take(store, settings, path) == (2, 0, 0)
    assert take(store, settings, path) == (0, 0, 2)
    assert len(registered(store)) == 2


def test_of_several_with_the_same_name_the_nearest_is_meant(store, settings, tmp_path):
    """Three village clinics of the same name are told apart by where they stand, in whatever order they come."""
    rows = [["卫生室", "D600", str(lon), "42.35", "WGS84"] for lon in (126.82, 126.90, 126.98)]
    take(store, settings, write_csv(tmp_path / "a.csv", [HEADER, *rows]))
    before = {each.id: each.facility.lon for each in registered(store)}
    assert take(store, settings, write_csv(tmp_path / "b.csv", [HEADER, *rows[::-1]])) == (0, 0, 3)
    assert {each.id: each.facility.lon for each in registered(store)} == before


def test_two_rows_that_are_alike_are_two_facilities(store, settings, tmp_path):
    """Nothing is merged in silence: two equal rows are registered twice and are found twice again."""
    path = write_csv(tmp_path / "a.csv", [HEADER, GOOD_ROW, GOOD_ROW])
    assert take(store, settings, path) == (2, 0, 0)
    assert take(store, settings, path) == (0, 0, 2)


def test_the_same_name_of_another_class_is_another_facility(store, settings, tmp_path):
    """A pharmacy named like the clinic next door does not become the clinic."""
    take(store, settings, write_csv(tmp_path / "a.csv", [HEADER, ["保安", "D200", *GOOD_ROW[2:]]]))
    assert take(store, settings, write_csv(tmp_path / "b.csv", [HEADER, ["保安", "X080", *GOOD_ROW[2:]]])) == (1, 0, 0)


def test_a_facility_that_was_to_be_located_gets_its_position(store, settings, tmp_path):
    """The list first came without coordinates; with them the same facility is located, not doubled."""
    take(store, settings, write_csv(tmp_path / "a.csv", [HEADER[:2], GOOD_ROW[:2]]), without_positions=True)
    assert take(store, settings, write_csv(tmp_path / "b.csv", [HEADER, GOOD_ROW])) == (0, 1, 0)
    (one,) = registered(store)
    assert one.facility.located


def test_skip_bad_stores_the_good_rows_and_keeps_the_reasons(store, settings, tmp_path):
    """One bad row of three: two are registered, and the import record lists the refused one."""
    rows = [HEADER, GOOD_ROW, ["乙", "A100", "", "42.35", "WGS84"], ["丙", "A100", "126.9", "42.35", "WGS84"]]
    report = importing.import_facilities(
        store, write_csv(tmp_path / "a.csv", rows), FacilityOptions(skip_bad=True), settings)
    assert [each.facility.name for each in registered(store)] == ["县人民医院", "丙"]
    told = report.as_dict()
    assert (told["new"], [each["row"] for each in told["refused"]]) == (2, [3])


def test_an_area_keeps_its_polygon_when_a_table_has_none(store, settings, tmp_path):
    """A table of divisions imported after the boundary must not take the polygon away."""
    from geosvc.registry import areas

    importing.import_areas(store, county_files(tmp_path)["areas"], settings)
    table = write_csv(tmp_path / "t.csv", [["code", "name", "level"], ["990001", "试验县", "county"]])
    report = importing.import_areas(store, table, settings)
    assert any("keep the polygon" in note for note in report.notes)
    with store.reading() as session:
        assert areas.get(session, "990001").geometry is not None


def test_another_layer_of_the_same_file_replaces_the_roads(store, settings, tmp_path):
    """A GeoPackage with this year's and last year's roads: the layer that is named is the one in force."""
    from geosvc.workflows.study import Study

    importing.import_areas(store, county_files(tmp_path)["areas"], settings)
    path = tmp_path / "roads.gpkg"
    old, new = (LineString([(WEST, y), (MIDDLE, y)]) for y in (SOUTH + 0.02, NORTH - 0.02))
    write_layer(path, [({"highway": "track"}, old)], layer="y2024")
    write_layer(path, [({"highway": "primary"}, new)], layer="y2025")
    importing.import_roads(store, path, settings, layer="y2024")
    first = Study(store, settings).inputs()["layers"]["roads"]
    assert importing.import_roads(store, path, settings, layer="y2025").changes["changed"] == 1
    study = Study(store, settings)
    assert study.ground.road_classes == ("primary",)
    assert study.inputs()["layers"]["roads"] != first


def test_corrected_attributes_of_a_shapefile_come_into_force(store, settings, tmp_path):
    """Road classes stand in the .dbf: a corrected one counts although the .shp is the same."""
    from geosvc.workflows.study import Study

    importing.import_areas(store, county_files(tmp_path)["areas"], settings)
    line = LineString([(WEST, 42.35), (MIDDLE, 42.35)])
    path = write_layer(tmp_path / "roads.shp", [({"highway": "track"}, line)])
    importing.import_roads(store, path, settings)
    write_layer(path, [({"highway": "primary"}, line)])
    importing.import_roads(store, path, settings)
    assert Study(store, settings).ground.road_classes == ("primary",)


def test_the_import_record_names_file_checksum_and_counts(store, settings, tmp_path):
    """Each import that changed something leaves who, when, which file and what it did."""
    from geosvc.geo.files import sha256_of
    from geosvc.store.study import select_imports

    path = write_geojson(tmp_path / "a.geojson", [({"name": "院", "amenity": "hospital"}, Point(126.85, 42.35))])
    take(store, settings, path)
    with store.reading() as session:
        (row,) = select_imports(session)
    assert (row.kind, row.file_name, row.sha256, row.author) == ("facilities", "a.geojson", sha256_of(path), "local")
    assert row.report["new"] == 1
    assert registered(store)[0].facility.source is None


def test_a_table_on_top_of_a_boundary_is_no_change_the_second_time(store, settings, tmp_path):
    """Boundary, then divisions, then both again: what the first round settled stays as it is."""
    boundary = county_files(tmp_path)["areas"]
    table = write_csv(tmp_path / "t.csv", [
        ["code", "name", "level", "parent_code"], ["990001100", "西镇", "township", "990001"], ["990001102", "新镇", "township", "990001"]])
    for path in (boundary, table):
        importing.import_areas(store, path, settings)
    before = snapshot(settings.workspace)
    for path in (table, boundary):
        importing.import_areas(store, path, settings)
    assert snapshot(settings.workspace) == before
