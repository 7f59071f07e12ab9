"""Roads from OpenStreetMap: what its tags mean, and what happens when a file is not whole."""

import tomllib
from importlib.resources import files

import numpy as np
import pytest
from registry.made_files import LineString, write_geojson, write_layer, write_osm

from geosvc.errors import InvalidGeometry, UnreadableFile
from geosvc.geo.vector import read_vector
from geosvc.registry.imports.layers import ROADS_FILE, prepare_roads
from geosvc.registry.imports.road_lines import OSM_TAGS
from geosvc.registry.road_access import BARRED, access_keys, barred_by
from geosvc.travel import build_network

# A row of nodes, a hundredth of a degree apart, and one north of the third.
NODES = {n: (126.80 + n / 100, 42.35) for n in range(1, 8)} | {9: (126.83, 42.36)}
TOUCHED = {"highway": "residential"}
ROAD = LineString([(126.81, 42.35), (126.82, 42.35)])


def imported(path, **options):
    """Return the roads as a workspace stores them, and the report of the import."""
    prepared = prepare_roads(path, max_mb=1024, study_bbox=None, **options)
    prepared.write(path.parent)
    return read_vector(path.parent / ROADS_FILE, max_mb=1024, expected="roads"), prepared.report


def network_of(roads):
    metric = roads.to_crs("EPSG:4549")
    west, south, east, north = metric.total_bounds
    return build_network(
        list(metric.geometry), list(roads["road_class"]), pace_by_class=dict.fromkeys(roads["road_class"], 1.0),
        west_m=west - 50, north_m=north + 50, cell_size_m=100, rows=int((north - south) // 100) + 2,
        cols=int((east - west) // 100) + 2)


def one_road(folder, **tags):
    """Return the only road of a file, and the report."""
    roads, report = imported(write_osm(folder / "one.osm.pbf", NODES, [([1, 2, 3], {"highway": "residential", **tags})]))
    assert len(roads) == 1
    return roads.iloc[0], report


@pytest.mark.parametrize("name", ["roads.osm.pbf", "roads.pbf", "roads.osm", "ROADS.OSM"])
def test_a_file_of_openstreetmap_is_read_by_its_ways(tmp_path, name):
    """Ways with a highway tag are roads, in the order of the file; houses and untagged ways are not."""
    path = write_osm(tmp_path / "made.osm", NODES, [
        ([1, 2, 3], {"highway": "primary", "name": "一路"}), ([1, 2], {"building": "yes"}), ([2, 9], {}), ([3, 4], TOUCHED)])
    if name.lower().endswith("pbf"):
        path = write_osm(tmp_path / name, NODES, [
            ([1, 2, 3], {"highway": "primary", "name": "一路"}), ([1, 2], {"building": "yes"}), ([2, 9], {}), ([3, 4], TOUCHED)])
    else:
        path = path.rename(tmp_path / name)
    roads, report = imported(path)
    assert list(roads["road_class"]) == ["primary", "residential"]
    assert list(roads["name"]) == ["一路", ""]
    assert [list(line.coords) for line in roads.geometry] == [
        [pytest.approx(NODES[n], abs=1e-12) for n in refs] for refs in ([1, 2, 3], [3, 4])]
    assert not roads[["bridge", "tunnel", "oneway", *BARRED.values()]].to_numpy().any()
    assert report.figures["roads"] == 2
    assert report.figures["barred"] == {"motor": 0, "foot": 0, "bicycle": 0}
    assert report.notes == []


def test_xml_written_by_hand_is_read_too(tmp_path):
    """Without times, versions of objects or authors: what a small script writes."""
    path = tmp_path / "hand.osm"
    path.write_text(
        '<osm version="0.6"><node id="1" lat="42.35" lon="126.81"/><node id="2" lat="42.35" lon="126.82"/>'
        '<way id="1"><nd ref="1"/><nd ref="2"/><tag k="highway" v="track"/></way></osm>', "utf-8")
    roads, _ = imported(path)
    assert list(roads["road_class"]) == ["track"]
    assert list(roads.geometry[0].coords) == [(126.81, 42.35), (126.82, 42.35)]


def test_roads_join_where_they_share_a_node_and_only_there(tmp_path):
    """Two streets with a common node are one network; a street that crosses without one is another."""
    shared = write_osm(tmp_path / "shared.osm.pbf", NODES, [([1, 3, 5], TOUCHED), ([9, 3], TOUCHED)])
    assert network_of(imported(shared)[0]).components.count == 1
    across = write_osm(tmp_path / "across.osm.pbf", {**NODES, 10: (126.83, 42.34)}, [([1, 2, 4, 5], TOUCHED), ([9, 10], TOUCHED)])
    assert network_of(imported(across)[0]).components.count == 2


@pytest.mark.parametrize(("tags", "way"), [
    ({}, 0), ({"oneway": "yes"}, 1), ({"oneway": "true"}, 1), ({"oneway": "1"}, 1), ({"oneway": "-1"}, -1),
    ({"oneway": "reverse"}, -1), ({"oneway": "no"}, 0), ({"oneway": "reversible"}, 0), ({"oneway": "alternating"}, 0),
    ({"junction": "roundabout"}, 1), ({"junction": "circular"}, 1), ({"junction": "roundabout", "oneway": "-1"}, -1),
    ({"junction": "roundabout", "oneway": "no"}, 0), ({"junction": "jughandle"}, 0),
    ({"highway": "motorway"}, 1), ({"highway": "motorway", "oneway": "no"}, 0), ({"highway": "motorway_link"}, 0),
    ({"oneway:bicycle": "yes"}, 0),
], ids=str)
def test_one_way_as_openstreetmap_means_it(tmp_path, tags, way):
    """Said, or meant without a word: motorways and roundabouts; what changes with the hour binds nobody."""
    road, report = one_road(tmp_path, **tags)
    assert road["oneway"] == way
    assumed = way != 0 and "oneway" not in tags
    assert [note[:30] for note in report.notes] == (["1 motorways and roundabouts do"] if assumed else [])


def test_the_motorway_of_a_road_register_is_one_line_for_both_directions(tmp_path):
    """One-way is meant without a word only in OpenStreetMap's own classes, and where the file speaks of directions at all."""
    register = write_geojson(tmp_path / "register.geojson", [({"道路等级": "高速公路", "单行": None}, ROAD)])
    drawn = write_geojson(tmp_path / "drawn.geojson", [({"highway": "motorway"}, ROAD)])
    assert [imported(path)[0]["oneway"][0] for path in (register, drawn)] == [0, 0]


@pytest.mark.parametrize(("tags", "shut_out"), [
    ({}, ""), ({"access": "yes"}, ""), ({"access": "permissive"}, ""), ({"access": "destination"}, ""),
    ({"access": "customers"}, ""), ({"access": "no"}, "motor foot bicycle"), ({"access": "private"}, "motor"),
    ({"access": "agricultural"}, "motor"), ({"access": "forestry"}, "motor"), ({"access": "delivery"}, "motor"),
    ({"access": "permit"}, "motor"), ({"access": "agricultural;forestry"}, "motor"),
    ({"access": "agricultural; destination"}, ""), ({"access": "No"}, "motor foot bicycle"),
    ({"motor_vehicle": "no"}, "motor"), ({"motorcar": "no"}, "motor"), ({"vehicle": "no"}, "motor bicycle"),
    ({"foot": "no"}, "foot"), ({"bicycle": "no"}, "bicycle"), ({"bicycle": "dismount"}, "bicycle"),
    # the more exact decides
    ({"access": "no", "foot": "yes"}, "motor bicycle"), ({"access": "no", "motorcar": "yes"}, "foot bicycle"),
    ({"access": "private", "motor_vehicle": "yes"}, ""), ({"vehicle": "no", "bicycle": "yes"}, "motor"),
    ({"motor_vehicle": "no", "motorcar": "yes"}, ""), ({"access": "yes", "motor_vehicle": "private"}, "motor"),
], ids=str)
def test_whom_a_road_shuts_out(tmp_path, tags, shut_out):
    """The tags of OpenStreetMap, the most exact first; in the file, in the report's count, and in its note."""
    road, report = one_road(tmp_path, **tags)
    assert {who for who, column in BARRED.items() if road[column]} == set(shut_out.split())
    assert report.figures["barred"] == {who: int(who in shut_out.split()) for who in BARRED}
    assert len(report.notes) == bool(shut_out)
    if shut_out:
        assert report.notes[0].startswith("access rules close ")


def test_a_word_that_nobody_knows_closes_no_road_and_is_named(tmp_path):
    """Unknown is never "no"."""
    road, report = one_road(tmp_path, access="on_sundays")
    assert not any(road[column] for column in BARRED.values())
    assert report.notes == ["unknown words of access rules close no road: on_sundays (1)"]


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".shp"])
def test_columns_of_the_same_names_say_the_same_in_any_layer(tmp_path, suffix):
    """A GeoPackage from another tool with columns access and foot is read like the tags."""
    features = [
        ({"highway": "service", "access": "private", "foot": None}, ROAD), ({"highway": "service", "access": None, "foot": "no"}, ROAD)]
    write = write_geojson if suffix == ".geojson" else write_layer
    roads, report = imported(write(tmp_path / f"own{suffix}", features))
    assert roads["no_motor"].tolist() == [True, False]
    assert roads["no_foot"].tolist() == [False, True]
    assert report.figures["barred"] == {"motor": 1, "foot": 1, "bicycle": 0}


def test_gdal_s_other_tags_are_read_like_tags(tmp_path):
    """A GeoPackage made from OpenStreetMap by GDAL keeps most tags in one column."""
    tags = [{"highway": "motorway", "other_tags": '"bridge"=>"viaduct","oneway"=>"-1"'},
            {"highway": "residential", "other_tags": '"access"=>"private","junction"=>"roundabout","tunnel"=>"no"'},
            {"highway": "residential", "other_tags": None}]
    roads, _ = imported(write_layer(tmp_path / "gdal.gpkg", [(each, ROAD) for each in tags]))
    assert roads["oneway"].tolist() == [-1, 1, 0]
    assert roads["bridge"].tolist() == [True, False, False]
    assert not roads["tunnel"].any()
    assert roads["no_motor"].tolist() == [False, True, False]


def test_geofabrik_s_shapefiles_say_the_direction_with_letters(tmp_path):
    """F is forward, T towards the first point, B both: T is not "true"."""
    letters = [({"fclass": "residential", "oneway": letter, "bridge": "F", "tunnel": "T"}, ROAD) for letter in "FTB"]
    roads, _ = imported(write_layer(tmp_path / "gis_osm_roads_free_1.shp", letters))
    assert roads["oneway"].tolist() == [1, -1, 0]
    assert not roads["bridge"].any()
    assert roads["tunnel"].all()


def test_chinese_columns(tmp_path):
    """名称, 单行, 桥, 隧道: in words and in numbers."""
    rows = [{"道路等级": "县道", "道路名称": "一路", "单行": "是", "桥": "是", "隧道": "否"},
            {"道路等级": "乡道", "道路名称": None, "单行": "反向", "桥": "否", "隧道": "是"},
            {"道路等级": "乡道", "道路名称": "三路", "单行": "双向", "桥": None, "隧道": None}]
    roads, _ = imported(write_layer(tmp_path / "cn.gpkg", [(each, ROAD) for each in rows]))
    assert roads["name"].tolist() == ["一路", "", "三路"]
    assert roads["oneway"].tolist() == [1, -1, 0]
    assert roads["bridge"].tolist() == [True, False, False]
    assert roads["tunnel"].tolist() == [False, True, False]
    numbers = [{"等级": "县道", "单行": 1.0, "桥": 1}, {"等级": "县道", "单行": -1.0, "桥": 0}, {"等级": "县道", "单行": None, "桥": 0}]
    roads, _ = imported(write_layer(tmp_path / "numbers.gpkg", [(each, ROAD) for each in numbers]))
    assert roads["oneway"].tolist() == [1, -1, 0]
    assert roads["bridge"].tolist() == [True, False, False]


@pytest.mark.parametrize(("tags", "bridge", "tunnel"), [
    ({"bridge": "yes"}, True, False), ({"bridge": "viaduct"}, True, False), ({"bridge": "no"}, False, False),
    ({"tunnel": "yes"}, False, True), ({"tunnel": "culvert"}, False, True), ({"tunnel": "no", "bridge": "yes"}, True, False),
], ids=str)
def test_bridges_and_tunnels_keep_their_kind(tmp_path, tags, bridge, tunnel):
    """Any word but no is one."""
    road, _ = one_road(tmp_path, **tags)
    assert (road["bridge"], road["tunnel"]) == (bridge, tunnel)


def test_a_square_is_not_a_road(tmp_path):
    """A closed way with area=yes is a pedestrian square; a ring road is a road."""
    ring = [1, 2, 9, 1]
    path = write_osm(tmp_path / "square.osm.pbf", NODES, [
        (ring, {"highway": "pedestrian", "area": "yes"}), (ring, {"highway": "residential"}), ([1, 2], {"highway": "footway", "area": "yes"})])
    assert list(imported(path)[0]["road_class"]) == ["residential", "footway"]


def test_a_clipped_file_gives_what_it_places_and_says_so(tmp_path):
    """Where a node is not in the file the road ends and goes on behind: no line is drawn over the hole."""
    nodes = {number: place for number, place in NODES.items() if number != 3}
    path = write_osm(tmp_path / "clipped.osm.pbf", nodes, [
        ([1, 2, 3, 4, 5], TOUCHED), ([3, 4, 5], TOUCHED), ([2, 3], TOUCHED), ([2, 3, 9], TOUCHED), ([6, 7], TOUCHED)])
    roads, report = imported(path)
    parts = [[list(part.coords) for part in getattr(line, "geoms", [line])] for line in roads.geometry]
    places = [[[NODES[n] for n in part] for part in road] for road in ([[1, 2], [4, 5]], [[4, 5]], [[6, 7]])]
    assert [[np.array(part).tolist() for part in road] for road in parts] == [
        [[pytest.approx(list(place), abs=1e-12) for place in part] for part in road] for road in places]
    (note,) = report.notes
    assert note.startswith("2 roads are read in part and 2 not at all: the file does not place all of their nodes")


def test_a_road_of_one_place_is_none(tmp_path):
    """A way that goes from a node to itself has no length; its neighbour is read."""
    path = write_osm(tmp_path / "point.osm.pbf", NODES, [([1, 1], TOUCHED), ([1, 2, 2, 3], TOUCHED)])
    roads, report = imported(path)
    assert [len(line.coords) for line in roads.geometry] == [3]
    assert report.notes[0].startswith("0 roads are read in part and 1 not at all: ")


def whole(folder, name="whole.osm.pbf"):
    return write_osm(folder / name, NODES, [([n, n + 1], {"highway": "primary", "name": f"{n}路"}) for n in range(1, 7)])


def cut(size):
    def make(folder):
        path = whole(folder)
        path.write_bytes(path.read_bytes()[:size])
        return path

    return make


def renamed(name, old):
    return lambda folder: whole(folder, old).rename(folder / name)


def text(content, name="bad.osm"):
    def make(folder):
        (folder / name).write_text(content, "utf-8")
        return folder / name

    return make


XML = '<osm version="0.6"><node id="{0}" lat="42.35" lon="126.81"/><node id="{1}" lat="42.35" lon="{2}"/>{3}</osm>'
WAY = '<way id="1"><nd ref="{0}"/><nd ref="{1}"/><tag k="highway" v="track"/></way>'


@pytest.mark.parametrize(("make", "error", "words"), [
    (cut(-1), UnreadableFile, ("whole.osm.pbf", "OpenStreetMap", "expected roads as lines", "cut off")),
    (cut(200), UnreadableFile, ("whole.osm.pbf", "cut off")),
    (cut(3), UnreadableFile, ("whole.osm.pbf", "cut off")),
    (cut(0), UnreadableFile, ("empty (0 bytes)", "cut off")),
    (renamed("really.osm", "was.pbf"), UnreadableFile, ("really.osm", "wrong kind (.osm.pbf, .osm)")),
    (renamed("really.pbf", "was.osm"), UnreadableFile, ("really.pbf", "wrong kind (.osm.pbf, .osm)")),
    (text("<html><body>404</body></html>"), UnreadableFile, ("bad.osm", "html", "expected roads")),
    (text('<osm version="0.6"><node id="1" lat="1"'), UnreadableFile, ("bad.osm", "cut off")),
    (text(XML.format(1, 2, "far", "")), UnreadableFile, ("bad.osm", "'far'")),
    (text(XML.format(1, 2, 333, WAY.format(1, 2))), UnreadableFile, ("bad.osm", "333")),
    (text('<!DOCTYPE a [<!ENTITY b "c">]><osm version="0.6">&b;</osm>'), UnreadableFile, ("bad.osm", "entities")),
    (text('<osm version="0.6"></osm>'), InvalidGeometry, ("bad.osm", "no roads", "highway=*", "expected roads")),
    (text(XML.format(1, 2, 126.82, "")), InvalidGeometry, ("bad.osm", "no roads")),
    (text(XML.format(-1, -2, 126.82, WAY.format(-1, -2))), InvalidGeometry, ("bad.osm", "any of its 1 roads", "positive numbers")),
    (text(f'<osm version="0.6">{WAY.format(1, 2)}</osm>'), InvalidGeometry, ("bad.osm", "any of its 1 roads", "osmium sort")),
    (lambda folder: write_osm(folder / "houses.osm.pbf", NODES, [([1, 2], {"building": "yes"})]), InvalidGeometry,
     ("houses.osm.pbf", "no roads", "highway=*")),
])
def test_a_file_that_is_not_whole_is_refused_in_words(tmp_path, make, error, words):
    """Cut off, empty, of another kind, without roads, without places: each says what came and what to do."""
    with pytest.raises(error) as caught:
        imported(make(tmp_path))
    assert type(caught.value) is error
    assert not [word for word in words if word not in str(caught.value)], str(caught.value)


def test_a_file_that_is_too_large_is_not_opened(tmp_path):
    """The limit holds for these files too."""
    path = tmp_path / "planet.osm.pbf"
    with path.open("wb") as stream:
        stream.truncate(3 * 1024**2)
    with pytest.raises(UnreadableFile, match="GEOSVC_MAX_FILE_MB"):
        prepare_roads(path, max_mb=2, study_bbox=None)


def test_the_layer_of_ways_is_the_only_one(tmp_path):
    """--layer lines, as for GDAL, is accepted; points are no roads."""
    assert len(imported(whole(tmp_path), layer="lines")[0]) == 6
    with pytest.raises(UnreadableFile, match="has no layer 'points'; it has: lines"):
        imported(whole(tmp_path), layer="points")


def test_the_same_lines_as_gdal_reads(tmp_path):
    """GDAL's own driver is the slow second reading: same ways, same places, same order."""
    path = whole(tmp_path)
    ours, theirs = imported(path)[0], read_vector(path, max_mb=1, expected="roads", layer="lines")
    assert ours.geometry.to_wkb().tolist() == theirs.geometry.to_wkb().tolist()
    assert ours["name"].tolist() == theirs["name"].tolist()


# ---- the table of access rules


def test_every_word_of_the_table_stands_there_once():
    """And whom it bars are the three who travel; every tag that decides is read from the file."""
    table = tomllib.loads(files("geosvc.registry").joinpath("codes/access.toml").read_text("utf-8"))
    words = [word for rule in table["rule"] for word in rule["words"]]
    assert len(words) == len(set(words))
    assert all(word == word.lower().strip() for word in words)
    assert set(table["keys"]) == set(BARRED)
    assert all(set(rule["bars"]) <= set(BARRED) and rule["why"] for rule in table["rule"])
    assert {key for keys in access_keys().values() for key in keys} < set(OSM_TAGS)


def test_several_words_bar_only_whom_each_of_them_bars():
    """agricultural;dismount bars nobody, since each lets somebody pass; an unknown word makes all unknown."""
    assert barred_by("no;private") == {"motor"}
    assert barred_by("private;dismount") == set()
    assert barred_by("private;moon") is None
    assert barred_by(";") is None
