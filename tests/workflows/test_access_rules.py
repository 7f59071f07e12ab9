"""Access rules of roads reach every traveller: who drives, walks, cycles, or is on duty; times that a pencil gives."""

import numpy as np
import pytest
from registry.made_files import write_osm
from workflows.small_county import CENTRE, HOSPITAL, furnish
from workflows.small_ground import CYCLED, FOOT_ROAD, GROUND, ON_AND_OFF, STREET, draw, empty_workspace, road

from geosvc.geo.vector import read_vector
from geosvc.registry.imports.layers import ROADS_FILE
from geosvc.registry.layers import ROADS
from geosvc.registry.road_access import BARRED
from geosvc.workflows import importing
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study

RIDDEN = [0, STREET + ON_AND_OFF, 2 * STREET + ON_AND_OFF]
WALKED = [0, FOOT_ROAD, 2 * FOOT_ROAD]
CYCLING = [0, CYCLED, 2 * CYCLED]
BESIDE = [0, GROUND, 2 * GROUND]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Draw grounds in workspaces of their own."""
    made = []
    empty = empty_workspace(tmp_path_factory.mktemp("empty"))

    def one(**what):
        made.append(draw(tmp_path_factory.mktemp("ground"), empty, **what))
        return made[-1]

    yield one
    for each in made:
        each.study.store.close()


def same(seconds, expected):
    np.testing.assert_allclose(np.squeeze(seconds), expected, rtol=0, atol=1e-5)


def codes(answer):
    return {note["code"]: note for note in answer.run.notes}


@pytest.mark.parametrize(("tags", "drive", "emergency", "walk", "cycle"), [
    ({}, RIDDEN, RIDDEN, WALKED, CYCLING),
    ({"access": "private"}, WALKED, RIDDEN, WALKED, CYCLING),
    ({"motor_vehicle": "no"}, WALKED, RIDDEN, WALKED, CYCLING),
    ({"access": "customers"}, RIDDEN, RIDDEN, WALKED, CYCLING),
    ({"foot": "no"}, RIDDEN, RIDDEN, BESIDE, CYCLING),
    ({"bicycle": "no"}, RIDDEN, RIDDEN, WALKED, BESIDE),
    ({"access": "no"}, BESIDE, RIDDEN, BESIDE, BESIDE),
    ({"access": "no", "foot": "yes"}, WALKED, RIDDEN, WALKED, BESIDE),
], ids=str)
def test_each_traveller_uses_the_roads_that_let_them_in(drawn, tags, drive, emergency, walk, cycle):
    """Whom the car may not carry walks along the road; whom the road shuts out goes beside it; a team on duty rides."""
    ground = drawn(shape=(1, 3), facilities=[(0, 0)], roads=[road("residential", (0, 0), (0, 2), **tags)])
    for profile, expected in {"drive": drive, "emergency": emergency, "walk": walk, "cycle": cycle}.items():
        answer = ground.ask(profile)
        same(answer.seconds, expected)
        closed = {"drive": drive is not RIDDEN, "walk": walk is BESIDE, "cycle": cycle is BESIDE}.get(profile, False)
        assert ("barred_roads" in codes(answer)) == closed, profile
    if closed:
        assert codes(answer)["barred_roads"]["en"] == "1 roads are closed to bicycles by their access rules and were not used"


def test_a_closed_stretch_parts_the_road_for_cars_only(drawn):
    """The middle is private: a car rides to it, people walk through, nobody takes a second car behind it."""
    ground = drawn(shape=(1, 6), facilities=[(0, 0)], roads=[
        road("residential", (0, 0), (0, 2)), road("residential", (0, 2), (0, 3), access="private"), road("residential", (0, 3), (0, 5))])
    end = 2 * STREET + ON_AND_OFF
    same(ground.ask("drive").seconds, [*RIDDEN, end + FOOT_ROAD, end + 2 * FOOT_ROAD, end + 3 * FOOT_ROAD])
    same(ground.ask("emergency").seconds, [0, *(STREET * col + ON_AND_OFF for col in range(1, 6))])
    assert "roads_in_parts" in codes(ground.ask("drive"))
    assert "roads_in_parts" not in codes(ground.ask("emergency"))


def test_a_road_that_shuts_walkers_out_does_not_hide_one_that_lets_them_in(drawn):
    """A fast road without walkers and a footway beside it in the same cells: people take the footway."""
    ground = drawn(shape=(1, 3), facilities=[(0, 0)], roads=[
        road("primary", (0, 0), (0, 2), foot="no", bicycle="no"), road("footway", (0, 0), (0, 2))])
    same(ground.ask("walk").seconds, WALKED)
    same(ground.ask("cycle").seconds, [0, 90, 180])  # 8 km/h on a footway


def test_a_bridge_closed_to_walkers_is_no_way_over_the_river(drawn):
    """Cars cross it, people on foot do not."""
    ground = drawn(shape=(1, 5), facilities=[(0, 0)], cover=["gg~gg"], roads=[
        road("residential", (0, 0), (0, 1)), road("residential", (0, 1), (0, 3), bridge="yes", foot="no"),
        road("residential", (0, 3), (0, 4))])
    assert np.isinf(ground.ask("walk").seconds).tolist() == [[False, False, True, True, True]]
    assert np.isinf(ground.ask("drive").seconds).tolist() == [[False, False, True, False, False]]


def test_roads_that_were_stored_before_the_rules_bar_nobody(drawn):
    """A workspace of an older version holds no such columns: it gives the numbers that it gave."""
    ground = drawn(shape=(1, 3), facilities=[(0, 0)], roads=[road("residential", (0, 0), (0, 2), access="no")])
    study = ground.study
    path = study.layers[ROADS].folder / ROADS_FILE
    old = read_vector(path, max_mb=1024, expected="roads").drop(columns=list(BARRED.values()))
    path.unlink()
    old.to_file(path, driver="FlatGeobuf", engine="pyogrio", SPATIAL_INDEX="NO")
    for profile, expected in {"drive": RIDDEN, "walk": WALKED, "cycle": CYCLING}.items():
        answer = ground.ask(profile)
        same(answer.seconds, expected)
        assert "barred_roads" not in codes(answer)


# ---- facilities that do not stand at the road network


def test_facilities_beside_a_stray_road_or_without_one_are_named(drawn):
    """Of four hospitals one stands at the network, one at a stray street, one at none, one 800 m from the network."""
    ground = drawn(shape=(1, 60), facilities=[(0, 0), (0, 40), (0, 59), (0, 34)], roads=[
        road("primary", (0, 0), (0, 30)), road("residential", (0, 40), (0, 41))])
    answer = ground.ask("drive")
    assert answer.report["off_network"] == [2, 3]
    assert codes(answer)["off_network"]["en"].startswith("2 facilities do not stand at the main road network")
    assert codes(answer)["off_network"]["zh"].startswith("2 个机构附近没有主路网")
    walk = ground.ask("walk")
    assert "off_network" not in walk.report
    assert "off_network" not in codes(walk)


def test_the_roads_of_an_island_are_a_network_of_their_own(drawn):
    """A part that does not connect but is not short beside the longest is no stray; nor is a stray in the cell next to the network."""
    ground = drawn(shape=(3, 40), facilities=[(0, 0), (0, 36), (1, 15)], roads=[
        road("primary", (0, 0), (0, 30)), road("primary", (0, 36), (0, 39)), road("service", (1, 15), (1, 15.4))])
    answer = ground.ask("drive")
    assert answer.report["off_network"] == []
    assert "off_network" not in codes(answer)


def test_where_no_road_carries_the_vehicle_everybody_is_off_the_network(drawn):
    """Only a footway, or only a private road: the run goes on, on foot, and says so."""
    for one in (road("footway", (0, 0), (0, 2)), road("residential", (0, 0), (0, 2), access="private")):
        ground = drawn(shape=(1, 3), facilities=[(0, 0)], roads=[one])
        answer = ground.ask("drive")
        same(answer.seconds, WALKED)
        assert answer.report["off_network"] == [1]


# ---- from a file of OpenStreetMap to the run


def nearest_share(settings, folder, middle):
    """Return the people within 30 minutes of either facility, the road's middle tagged so."""
    nodes = {1: (126.81, 42.35), 2: (126.88, 42.35), 3: (126.92, 42.35), 4: (126.99, 42.35)}
    store = furnish(settings, folder, leave_out=("roads",))
    path = write_osm(folder / "roads.osm.pbf", nodes, [
        ([1, 2], {"highway": "primary"}), ([2, 3], {"highway": "primary", **middle}), ([3, 4], {"highway": "primary"})])
    report = importing.import_roads(store, path, settings)
    services = folder / "own.toml"
    services.write_text("".join(
        f'[[service]]\nid = "{name}"\nzh = "问"\nen = "Asked"\nfacility_classes = ["A1"]\nmethod = "travel_time"\n'
        f'profile = "{name}"\nthresholds = [{{ id = "limit", value = 60 }}]\n' for name in ("drive", "emergency")), "utf-8")
    importing.import_services(store, services, settings)
    study = Study(store, settings)
    found = {name: measure_service(study, name).summary["thresholds"]["limit"]["people"]["covered"] for name in ("drive", "emergency")}
    store.close()
    return report.figures["barred"], found


def test_a_private_bridge_cuts_the_county_for_cars_and_not_for_the_ambulance(settings, tmp_path):
    """Hospital in the west, river in the middle: closing the bridge to cars loses people, on duty it loses none."""
    assert HOSPITAL[2] < CENTRE[2]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    settings_of = {name: settings.__class__(workspace=tmp_path / name / "workspace") for name in "ab"}
    none, free = nearest_share(settings_of["a"], tmp_path / "a", {"bridge": "yes"})
    barred, cut = nearest_share(settings_of["b"], tmp_path / "b", {"bridge": "yes", "access": "private"})
    assert (none, barred) == ({"motor": 0, "foot": 0, "bicycle": 0}, {"motor": 1, "foot": 0, "bicycle": 0})
    assert cut["emergency"] == free["emergency"]
    assert cut["drive"] < 0.9 * free["drive"]
