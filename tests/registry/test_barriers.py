"""Barriers from files: classes in Chinese and of OpenStreetMap, what stops people and what does not, conditions."""

from __future__ import annotations

import pytest
from registry.made_files import EAST, MIDDLE, NORTH, SOUTH, WEST, county_files, snapshot, write_geojson, write_layer
from shapely import LineString, Point, Polygon, box

from geosvc.errors import InvalidGeometry, InvalidInput, RefusedRows, UnreadableFile
from geosvc.geo.vector import read_vector
from geosvc.registry.barrier_classes import barrier_class_of, barrier_class_of_tag, barrier_classes
from geosvc.registry.imports.barriers import BARRIERS_FILE
from geosvc.registry.layers import BARRIERS, find
from geosvc.travel.conditions import condition_words
from geosvc.workflows import importing

RIVER = LineString([(MIDDLE, SOUTH), (MIDDLE, NORTH)])
LAKE = box(126.85, 42.33, 126.86, 42.34)


def stored(store):
    """Return the barriers in force."""
    with store.reading() as session:
        (layer,) = find(store, session, BARRIERS)
    return layer, read_vector(layer.folder / BARRIERS_FILE, max_mb=100, expected="barriers")


@pytest.fixture
def take(store, settings, tmp_path):
    """Import features (attributes, shape) as barriers of the made-up county; return the report."""
    importing.import_areas(store, county_files(tmp_path)["areas"], settings)

    def one(*features, **options):
        return importing.import_barriers(store, write_geojson(tmp_path / "b.geojson", list(features)), settings, **options)

    return one


# ---- words


@pytest.mark.parametrize(("told", "meant"), [
    ("河流", "river"), ("铁路", "railway"), ("水库", "reservoir"), ("湖泊", "lake"), ("运河", "canal"), ("围墙", "wall"),
    ("围栏", "fence"), ("淹没区", "flood_area"), ("溪流", "stream"), ("沟渠", "ditch"), ("废弃铁路", "disused_railway"),
    ("River", "river"), (" ＣＡＮＡＬ ", "canal"), ("rail", "railway"), ("abandoned", "disused_railway"), ("drain", "ditch"),
    ("subway", "off_the_ground"), ("tram", "tram"),
])
def test_a_word_of_a_source_means_a_class(told, meant):
    """Chinese words, OpenStreetMap's values as GIS extracts write them, full-width letters."""
    assert barrier_class_of(told).code == meant


@pytest.mark.parametrize("told", ["航线", "", "7", "yes"])
def test_a_word_that_nobody_knows_is_no_class(told):
    """Neither guessed nor taken for the nearest word."""
    assert barrier_class_of(told) is None


def test_what_stops_people_by_default():
    """Rivers, canals, standing water, railways, walls; not what is waded, buried, torn up or passed through."""
    stops = {code for code, each in barrier_classes().items() if each.stops}
    assert stops == {"river", "canal", "lake", "reservoir", "railway", "wall", "fence", "cliff", "flood_area"}


def test_a_value_means_what_its_key_says():
    """Land under construction is no railway under construction; a pond is no lake."""
    assert barrier_class_of_tag("landuse", "construction") is None
    assert barrier_class_of_tag("railway", "construction").code == "disused_railway"
    assert barrier_class_of_tag("water", "pond").code == "pond"
    assert barrier_class_of_tag("waterway", "河流").code == "river"


def test_every_tag_and_every_default_condition_is_sound():
    """No tag belongs to two classes; a class that waits for a condition names one that exists."""
    tags = [tag for each in barrier_classes().values() for tag in each.tags]
    assert len(tags) == len(set(tags))
    assert {each.condition for each in barrier_classes().values()} - {""} <= set(condition_words().values())
    for each in barrier_classes().values():
        assert each.zh, each.code
        assert each.en, each.code


# ---- files


@pytest.mark.parametrize("column", ["barrier_class", "类型", "class", "fclass", "type"])
def test_rivers_and_railways_from_a_column_of_classes(take, store, column):
    """The column may be called as sources call it; what does not stop is counted and left out."""
    report = take(({column: "河流", "name": "头道松花江"}, RIVER), ({column: "铁路"}, RIVER), ({column: "溪流"}, RIVER))
    assert report.figures["classes"] == {"railway": 1, "river": 1}
    assert report.figures["left_out"] == {"stream": 1}
    assert any("1 features stop nobody" in note and "stream (1)" in note for note in report.notes)
    layer, frame = stored(store)
    assert frame["barrier_class"].tolist() == ["river", "railway"]
    assert frame["name"].tolist() == ["头道松花江", ""]
    assert layer.summary["length_km"] == pytest.approx(2 * 11.1, abs=0.2)


def test_openstreetmaps_tags(take):
    """Waterway before natural, water before natural; other land is no barrier and no unknown word."""
    report = take(
        ({"waterway": "river", "natural": "water"}, RIVER), ({"natural": "water"}, LAKE), ({"natural": "water", "water": "pond"}, LAKE),
        ({"landuse": "reservoir"}, LAKE), ({"landuse": "farmland"}, LAKE), ({"natural": "wood"}, LAKE), ({"railway": "rail"}, RIVER),
        ({"railway": "tram"}, RIVER), ({"barrier": "fence", "landuse": "education"}, LAKE))
    assert report.figures["classes"] == {"fence": 1, "lake": 1, "railway": 1, "reservoir": 1, "river": 1}
    assert report.figures["left_out"] == {"pond": 1, "tram": 1}
    assert report.figures["unknown_classes"] == {}
    assert any("2 features are no barriers" in note for note in report.notes)


def test_tags_that_gdal_puts_aside_are_read(take):
    """Railways, tunnels and bridges of an OpenStreetMap extract stand in other_tags."""
    report = take(
        ({"other_tags": '"railway"=>"rail","gauge"=>"1435"'}, RIVER), ({"other_tags": '"railway"=>"rail","tunnel"=>"yes"'}, RIVER),
        ({"other_tags": '"railway"=>"rail","bridge"=>"viaduct"'}, RIVER), ({"waterway": "river", "tunnel": "no"}, RIVER))
    assert report.figures["classes"] == {"railway": 1, "river": 1}
    assert any("2 features run in a tunnel or on a bridge" in note for note in report.notes)


def test_an_osm_file_is_read_as_lines_and_polygons(store, settings, tmp_path):
    """A river as a way and a lake as a closed way, of one .osm file; roads in it are no barriers."""
    importing.import_areas(store, county_files(tmp_path)["areas"], settings)
    nodes = [(1, 42.31, 126.9), (2, 42.39, 126.9), (3, 42.33, 126.85), (4, 42.33, 126.86), (5, 42.34, 126.86)]
    ways = [(10, [1, 2], {"waterway": "river"}), (11, [3, 4, 5, 3], {"natural": "water"}), (12, [1, 4], {"highway": "primary"}),
            (13, [2, 5], {"railway": "rail"}), (14, [1, 5], {"railway": "rail", "bridge": "yes"})]
    text = "".join(f'<node id="{i}" version="1" lat="{lat}" lon="{lon}"/>' for i, lat, lon in nodes)
    for number, refs, tags in ways:
        inner = "".join(f'<nd ref="{ref}"/>' for ref in refs) + "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())
        text += f'<way id="{number}" version="1">{inner}</way>'
    path = tmp_path / "county.osm"
    path.write_text(f'<?xml version="1.0"?><osm version="0.6" generator="test">{text}</osm>', "utf-8")
    report = importing.import_barriers(store, path, settings)
    assert report.figures["classes"] == {"lake": 1, "railway": 1, "river": 1}
    assert report.figures["area_km2"] > 0


@pytest.mark.parametrize("name", ["b.gpkg", "b.shp"])
def test_other_map_files_are_read(store, settings, tmp_path, name):
    """GeoPackage and Shapefile, the class in a column."""
    importing.import_areas(store, county_files(tmp_path)["areas"], settings)
    path = write_layer(tmp_path / name, [({"fclass": "river"}, RIVER)])
    assert importing.import_barriers(store, path, settings).figures["classes"] == {"river": 1}


def test_unknown_words_are_reported_and_kept_in_the_record(take, store):
    """The rest is taken; the words, how many, and what would be understood are said."""
    report = take(({"类型": "河流"}, RIVER), ({"类型": "航线"}, RIVER), ({"类型": "航线"}, RIVER))
    assert report.figures["unknown_classes"] == {"航线": 2}
    assert any("航线 (2)" in note and "river 河流" in note and "barrier_class" in note for note in report.notes)
    assert stored(store)[0].summary["unknown_classes"] == {"航线": 2}


def test_a_column_says_otherwise_for_single_ones(take, store):
    """A stream that stops, a railway that does not."""
    report = take(({"类型": "溪流", "stops": "是"}, RIVER), ({"类型": "铁路", "stops": "no"}, RIVER))
    assert stored(store)[1]["barrier_class"].tolist() == ["stream"]
    assert report.figures["left_out"] == {"railway": 1}


def test_classes_can_be_left_out(take, store):
    """Fences of gardens, for a county where they only have gates."""
    report = take(({"class": "river"}, RIVER), ({"class": "fence"}, RIVER), without=["围栏"])
    assert stored(store)[1]["barrier_class"].tolist() == ["river"]
    assert report.figures["left_out"] == {"fence": 1}
    with pytest.raises(InvalidInput, match="no class of barriers is called 'hedgehog'; there are: river 河流"):
        take(({"class": "river"}, RIVER), without=["hedgehog"])


def test_conditions_by_column_and_by_class(take, store):
    """Empty counts always; 洪水 and flood are one; land under water waits for the flood without a word; a stream so marked stops."""
    report = take(
        ({"class": "river", "condition": ""}, RIVER), ({"class": "railway", "condition": "flood"}, RIVER),
        ({"class": "stream", "condition": " 洪水 "}, RIVER), ({"class": "淹没区", "condition": None}, LAKE))
    assert stored(store)[1]["condition"].fillna("").tolist() == ["", "flood", "flood", "flood"]
    assert report.figures["conditions"] == {"flood": 3}
    assert any("3 features count only under their condition: flood (3)" in note for note in report.notes)


def test_a_wall_around_a_yard_is_its_outline(take, store):
    """People inside are not in the wall; a lake is whole."""
    take(({"class": "wall"}, LAKE), ({"class": "lake"}, LAKE))
    assert stored(store)[1].geometry.geom_type.tolist() == ["LineString", "Polygon"]


def test_points_are_left_out_and_crossed_shapes_repaired(take, store):
    """Both are said; neither stops the import."""
    bow = Polygon([(126.85, 42.33), (126.86, 42.34), (126.86, 42.33), (126.85, 42.34)])
    report = take(({"class": "lake"}, bow), ({"class": "river"}, Point(126.9, 42.35)))
    assert any("1 of 2 features are neither lines nor polygons" in note for note in report.notes)
    assert any("1 shapes cross themselves and were repaired" in note for note in report.notes)
    assert stored(store)[1].geometry.is_valid.all()


def test_the_same_file_again_changes_nothing(take, store, settings):
    """No row, no file; another file replaces the layer."""
    take(({"class": "river"}, RIVER))
    before = snapshot(settings.workspace)
    assert take(({"class": "river"}, RIVER)).changes["unchanged"] == 1
    assert snapshot(settings.workspace) == before
    assert take(({"class": "canal"}, RIVER)).changes["changed"] == 1
    assert stored(store)[1]["barrier_class"].tolist() == ["canal"]


# ---- refusals


@pytest.mark.parametrize(("features", "error", "words"), [
    ([({"类型": "航线"}, RIVER)], InvalidInput, "none of its 1 features has a class.*航线 \\(1\\).*river 河流.*columns are 类型"),
    ([({"colour": "blue"}, RIVER)], InvalidInput, "has a class of barriers; expected a column barrier_class.*colour"),
    ([({"class": "stream"}, RIVER)], InvalidInput, "stops anyone.*stream \\(1\\).*a column stops"),
    ([({"class": "river"}, Point(126.9, 42.35))], InvalidGeometry, "no lines and no polygons"),
    ([({"class": "river"}, LineString([(10, 50), (11, 51)]))], InvalidInput, "no barrier lies in the study area.*another county"),
    ([({"class": "river", "condition": "monsoon"}, RIVER)], RefusedRows, "row 1, condition is 'monsoon'.*flood, night, rain, winter"),
    ([({"class": "river"}, RIVER), ({"class": "river", "stops": "maybe"}, RIVER)], RefusedRows, "row 2, stops is 'maybe'.*yes or no"),
])
def test_what_cannot_be_used_is_refused_with_the_cure(take, settings, features, error, words):
    """What was expected, what came, where; and nothing is stored."""
    before = snapshot(settings.workspace)
    with pytest.raises(error, match=words):
        take(*features)
    assert snapshot(settings.workspace) == before


def test_a_file_that_is_no_map_is_refused(store, settings, tmp_path):
    """Junk by the name of an extract says what was expected."""
    path = tmp_path / "county.osm"
    path.write_bytes(b"\x00\xffjunk" * 100)
    with pytest.raises(UnreadableFile, match="barriers as lines or polygons|neither lines nor polygons"):
        importing.import_barriers(store, path, settings)


def test_barriers_beside_the_study_are_said(take):
    """Those in the margin count; the far one plays no part, and the report says how many lie outside."""
    report = take(({"class": "river"}, RIVER), ({"class": "river"}, LineString([(EAST + 1, SOUTH), (EAST + 2, NORTH)])))
    assert any("1 of 2 barriers lie outside the study area" in note for note in report.notes)
    assert WEST < MIDDLE < EAST
