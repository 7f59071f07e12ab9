"""What a service declares reaches the solver: each time here is one that a pencil gives.

A link that is broken gives a plausible map with wrong minutes, so every test names a number that
only the whole way gives: file, registry, ground, pace, facility, solver, stored run.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pytest
from workflows.small_ground import CELL_M, CYCLED, FOOT_ROAD, GROUND, ON_AND_OFF, STREET, road, same

from geosvc.coverage.states import STATE_WORDS
from geosvc.errors import DefinitionError, NoFacility
from geosvc.travel import build_network, solve, solve_hybrid
from geosvc.travel.ground import Ground, gait_of, pace_of
from geosvc.travel.profiles import profile_from, profiles_from_toml, travel_profiles
from geosvc.workflows import reading
from geosvc.workflows.surfaces import NEIGHBOURS, RIDES

MOTOR, WALK, CYCLE = 0, 1, 2
NO = math.inf
# Slopes of the drawings, and what they do on foot (Tobler against the flat) and by bicycle.
STEEP, GENTLE = 0.05, 0.02
UP_ON_FOOT, DOWN_ON_FOOT = math.exp(3.5 * STEEP), math.exp(-3.5 * STEEP)


def states(answer, kind):
    """Return people or km2 of the total by state, the empty states left out."""
    told = answer.run.summary["thresholds"]["limit"][kind]
    assert set(told) == set(STATE_WORDS)
    return {name: pytest.approx(amount) for name, amount in told.items() if amount}


def street(cols, **tags):
    """Return a residential street along row 0, from column 0 through ``cols`` columns."""
    return road("residential", (0, 0), (0, cols - 1), **tags)


def rising(slope, cols):
    """Return the heights of a strip that climbs from west to east."""
    return [[slope * CELL_M * col for col in range(cols)]]


def by_street(cols, start=0.0):
    """Return the seconds to the first columns of a street from its west end."""
    return [start, *(start + STREET * col + ON_AND_OFF for col in range(1, cols))]


# ---- 1: readiness


@pytest.mark.parametrize(("profile", "direction"), [
    ("walk", "to_facility"), ("cycle", "from_facility"), ("drive", "to_facility"), ("emergency", "from_facility")])
def test_the_delay_is_in_every_time_once_over_the_ground(drawn, profile, direction):
    """Ten minutes to get ready: 600 s at the hospital itself and at everybody's, once; without roads all walk."""
    found = drawn(shape=(1, 5), facilities=[(0, 2)]).ask(profile, delay_minutes=10, direction=direction)
    same(found.seconds, [600 + GROUND * away for away in (2, 1, 0, 1, 2)])


@pytest.mark.parametrize(("profile", "direction"), [("drive", "to_facility"), ("emergency", "from_facility")])
def test_the_delay_is_in_every_time_once_by_road(drawn, profile, direction):
    """On a street the ride is added to the delay; neither the walk nor the ride brings it a second time."""
    ground = drawn(shape=(1, 5), facilities=[(0, 0)], roads=[street(3)])
    found = ground.ask(profile, delay_minutes=7.5, direction=direction)
    border = 450 + 2 * STREET + ON_AND_OFF + (FOOT_ROAD + GROUND) / 2  # off the street's end, half on road, half beside it
    same(found.seconds, [*by_street(3, 450), border, border + GROUND])


def test_no_delay_is_no_time(drawn):
    """At the hospital itself nobody waits unless the service says so, on foot or by road."""
    ground = drawn(shape=(1, 5), facilities=[(0, 0)], roads=[street(3)])
    same(ground.ask("walk").seconds[:, :3], [0, FOOT_ROAD, 2 * FOOT_ROAD])
    same(ground.ask("drive").seconds[:, :3], by_street(3))


def test_the_shipped_emergency_service_leaves_after_ten_minutes_against_the_traffic_and_uphill(drawn):
    """As declared: from the station, 10 minutes to get ready, one-way streets do not bind, the last walk is uphill."""
    heights = [[100, 100, 100, 100 + STEEP * CELL_M]]
    ground = drawn(shape=(1, 4), facilities=[(0, 0)], facility_class="X020", roads=[street(3, oneway="-1")], heights=heights)
    found = ground.measure("emergency-2h")
    same(found.seconds, [*by_street(3, 600), 600 + 2 * STREET + ON_AND_OFF + (FOOT_ROAD + GROUND) / 2 * UP_ON_FOOT])


@pytest.mark.parametrize(("service", "by_road", "by_ground"), [
    ("fitness-15-walk", 144, 180),
    ("fitness-15-walk-elderly", 200, 250),  # 1.0 m/s on a path; over the ground four fifths of it
    ("fitness-15-cycle", 48, 180),
])
def test_the_shipped_fitness_services_go_at_their_declared_pace(drawn, service, by_road, by_ground):
    """5 km/h, 3.6 km/h for the elderly, 15 km/h by bicycle: along the street, then over the ground."""
    ground = drawn(shape=(1, 5), facilities=[(0, 0)], facility_class="X030", roads=[street(3)])
    border = 2 * by_road + (by_road + by_ground) / 2
    same(ground.measure(service).seconds, [0, by_road, 2 * by_road, border, border + by_ground])


# ---- 2: the walk from a facility on ground that cannot be crossed


@pytest.mark.parametrize("letter", ["~", "?"], ids=["water", "unknown"])
@pytest.mark.parametrize("profile", ["walk", "cycle", "drive"])
def test_the_walk_to_the_shore_is_in_every_time_and_in_the_report(drawn, profile, letter):
    """A hospital drawn two cells out in the lake: 400 m at the pace of the shore, for everybody, and told."""
    ground = drawn(shape=(1, 7), facilities=[(0, 4)], cover=["ggg" + 4 * letter])
    found = ground.ask(profile)
    same(found.seconds, [4 * GROUND, 3 * GROUND, 2 * GROUND, NO, NO, NO, NO])
    assert found.report["snapped"] == [{"facility": 1, "distance_m": 400.0, "seconds": 360.0}]
    assert (found.report["used"], found.report["stranded"], found.report["outside"]) == (1, [], [])


def test_the_walk_to_the_shore_is_walked_where_people_ride(drawn):
    """With a street on the shore the lake is left on foot at 5 km/h, not at the vehicle's pace; then the ride."""
    ground = drawn(shape=(1, 7), facilities=[(0, 4)], cover=["ggg~~~~"], roads=[street(3)])
    found = ground.ask("drive", delay_minutes=10)
    shore = 600 + 2 * FOOT_ROAD
    same(found.seconds, [*(shore + STREET * col + ON_AND_OFF for col in (2, 1)), shore, NO, NO, NO, NO])
    assert found.report["snapped"] == [{"facility": 1, "distance_m": 400.0, "seconds": 288.0}]


def test_a_vehicle_alone_does_not_make_ground_for_a_facility(drawn):
    """A hospital in the lake under a motorway goes to the shore like any other: who arrives there is on foot."""
    ground = drawn(shape=(1, 5), facilities=[(0, 2)], cover=["gg~~g"], roads=[road("motorway", (0, 0), (0, 4))])
    found = ground.ask("drive")
    same(found.seconds, [2 * GROUND, GROUND, NO, NO, NO])
    assert found.report["snapped"] == [{"facility": 1, "distance_m": 200.0, "seconds": 180.0}]


def test_the_walk_to_the_shore_and_the_delay_add_up(drawn):
    """Ten minutes to get ready and 200 m to the shore: both, once each."""
    found = drawn(shape=(1, 4), facilities=[(0, 2)], cover=["gg~~"]).ask("walk", delay_minutes=10)
    same(found.seconds, [600 + 2 * GROUND, 600 + GROUND, NO, NO])


def test_a_facility_on_good_ground_is_not_told_as_moved(drawn):
    """Only the one in the water is in the report, by its own id, and each keeps its own walk."""
    ground = drawn(shape=(1, 7), facilities=[(0, 6), (0, 3)], cover=["ggg~~gg"])
    found = ground.ask("walk")
    assert found.report["snapped"] == [{"facility": 2, "distance_m": 200.0, "seconds": 180.0}]
    same(found.seconds, [3 * GROUND, 2 * GROUND, GROUND, NO, NO, GROUND, 0])
    assert found.nearest.tolist() == [[2, 2, 2, -1, -1, 1, 1]]


@pytest.mark.parametrize("roads", [None, [road("residential", (0, 0), (0, 1))]], ids=["walked", "ridden"])
def test_each_facility_keeps_its_own_place_when_others_drop_out(drawn, roads):
    """One lies off the map, one too far out in the lake: the others start where they stand, under their own id."""
    ground = drawn(
        shape=(1, 17), facilities=[(0, 40), (0, 8), (0, 0), (0, 14), (0, 16)], cover=["ggg~~~~~~~~~~~~gg"], roads=roads)
    found = ground.ask("drive")
    assert (found.report["used"], found.report["ids"]) == (3, [3, 4, 5])
    assert (found.report["stranded"], found.report["outside"]) == ([2], [1])
    assert found.report["snapped"] == [{"facility": 4, "distance_m": 200.0, "seconds": 180.0}]
    assert found.nearest[0, [0, 1, 2, 15, 16]].tolist() == [3, 3, 3, 4, 5]
    same(found.seconds[0, [0, 15, 16]], [0, GROUND, 0])


def test_a_kilometre_from_the_shore_is_near_enough_and_more_is_not(drawn):
    """1000 m count, 1200 m do not: that hospital is told as stranded and serves nobody."""
    ground = drawn(shape=(1, 14), facilities=[(0, 6), (0, 7)], cover=["gg" + 12 * "~"])
    found = ground.ask("walk")
    assert found.report["snapped"] == [{"facility": 1, "distance_m": 1000.0, "seconds": 900.0}]
    assert (found.report["used"], found.report["ids"], found.report["stranded"]) == (1, [1], [2])
    same(found.seconds[0, :2], [6 * GROUND, 5 * GROUND])
    alone = drawn(shape=(1, 14), facilities=[(0, 7)], cover=["gg" + 12 * "~"])
    with pytest.raises(NoFacility, match="farther than 1000 m from ground that can be crossed"):
        alone.ask("walk")


# ---- 3: which road of a cell counts


@pytest.mark.parametrize("order", [1, -1], ids=["as drawn", "the other way"])
def test_where_two_roads_cross_the_faster_to_drive_is_the_road_of_the_cell(drawn, order):
    """Three streets cross a track, a path and steps: the cells of the crossings are streets, whatever was drawn first."""
    slower = [road(kind, (1, 3 * i), (1, 3 * i + 2)) for i, kind in enumerate(["track", "path", "steps"])]
    streets = [road("residential", (0, col), (2, col)) for col in (1, 4, 7)]
    ground = drawn(shape=(3, 9), facilities=[(1, 1), (1, 4), (1, 7)], roads=[*slower, *streets][::order])
    known = ground.study.ground
    assert {known.road_classes[known.road[1, col]] for col in (1, 4, 7)} == {"residential"}
    by_bicycle, on_foot = ground.ask("cycle").seconds, ground.ask("walk").seconds
    same(by_bicycle[0, [1, 4, 7]], [CYCLED] * 3)
    same(on_foot[0, [1, 4, 7]], [FOOT_ROAD] * 3)
    # From the street into the slower way: the mean of 0.24 s/m and its own; steps are pushed at 0.9 s/m beside them.
    same(by_bicycle[1, [2, 5, 8]], [(0.24 + pace) / 2 * CELL_M for pace in (0.36, 0.45, 0.9)])
    same(on_foot[1, [2, 5, 8]], [FOOT_ROAD, FOOT_ROAD, (FOOT_ROAD + GROUND) / 2])


@pytest.mark.parametrize("order", [1, -1], ids=["as drawn", "the other way"])
def test_the_road_that_counts_also_says_how_people_move(drawn, order):
    """A street over steps is cycled uphill, not climbed on foot: bicycle and slope go with the road of the cell."""
    roads = [street(4), road("steps", (0, 0), (0, 3))]
    ground = drawn(shape=(1, 4), facilities=[(0, 0)], roads=roads[::order], heights=rising(GENTLE, 4))
    assert gait_of(ground.study.ground, travel_profiles()["cycle"]).tolist() == [[CYCLE] * 4]
    uphill = CYCLED / (1 - 100 * 1.44 / 21.6 * GENTLE)
    same(ground.ask("cycle", direction="from_facility").seconds, [0, uphill, 2 * uphill, 3 * uphill])


def test_where_the_ground_is_faster_than_the_road_the_cyclist_walks(drawn):
    """Steps through a town: the bicycle is pushed at 5 km/h, and the slope acts as on a walker."""
    ground = drawn(
        shape=(1, 3), facilities=[(0, 0)], roads=[road("steps", (0, 0), (0, 2))], cover=["bbb"], heights=rising(GENTLE, 3))
    assert gait_of(ground.study.ground, travel_profiles()["cycle"]).tolist() == [[WALK] * 3]
    uphill = FOOT_ROAD * math.exp(3.5 * GENTLE)
    same(ground.ask("cycle", direction="from_facility").seconds, [0, uphill, 2 * uphill])


def test_a_motorway_carries_neither_walker_nor_bicycle(drawn):
    """On grass they go beside it, over water they do not pass; a car does."""
    ground = drawn(shape=(1, 5), facilities=[(0, 0)], cover=["gg~gg"], roads=[
        road("residential", (0, 0), (0, 1)), road("motorway", (0, 1), (0, 3)), road("residential", (0, 3), (0, 4))])
    for profile in ("walk", "cycle"):
        assert np.isinf(ground.ask(profile).seconds).tolist() == [[False, False, True, True, True]]
    fast = 2 * CELL_M * 3.6 / 90
    same(ground.ask("drive").seconds[0, [3, 4]], [STREET + fast + ON_AND_OFF, 2 * STREET + fast + ON_AND_OFF])


def test_a_closed_road_on_dry_land_is_only_ground(drawn):
    """Along a motorway people walk at the pace of the grass, and a road under construction carries nobody at all."""
    motorway = drawn(shape=(1, 3), facilities=[(0, 0)], roads=[road("motorway", (0, 0), (0, 2))])
    same(motorway.ask("walk").seconds, [0, GROUND, 2 * GROUND])
    unfinished = drawn(shape=(1, 3), facilities=[(0, 0)], roads=[road("construction", (0, 0), (0, 2))])
    for profile in ("walk", "cycle", "drive", "emergency"):
        same(unfinished.ask(profile).seconds, [0, GROUND, 2 * GROUND])


@pytest.mark.parametrize("profile", ["drive", "emergency"])
def test_a_footway_carries_walkers_and_no_vehicle(drawn, profile):
    """Where only a footway leads the crew walks, at the pace of a road."""
    ground = drawn(shape=(1, 3), facilities=[(0, 0)], roads=[road("footway", (0, 0), (0, 2))])
    same(ground.ask(profile).seconds, [0, FOOT_ROAD, 2 * FOOT_ROAD])


@pytest.mark.parametrize("hiding", ["motorway", "proposed"])
@pytest.mark.parametrize("profile", ["walk", "drive"])
def test_a_closed_road_does_not_hide_an_open_one(drawn, profile, hiding):
    """A footbridge over the river crosses a road that walkers may not use: they still pass by the footbridge."""
    ground = drawn(
        shape=(3, 5), facilities=[(1, 0)], cover=["~~~~~", "gg~gg", "~~~~~"],
        roads=[road("footway", (1, 0), (1, 4)), road(hiding, (0, 2), (2, 2))])
    same(ground.ask(profile).seconds[1], [FOOT_ROAD * col for col in range(5)])


@pytest.mark.parametrize(("profile", "seconds"), [("walk", FOOT_ROAD), ("cycle", CYCLED)])
def test_a_street_that_ends_at_a_motorway_is_a_street_to_its_end(drawn, profile, seconds):
    """The last cell of the street holds the motorway too: people still come along the street."""
    ground = drawn(shape=(3, 3), facilities=[(1, 0)], roads=[road("residential", (1, 0), (1, 2)), road("motorway", (0, 2), (2, 2))])
    same(ground.ask(profile).seconds[1], [0, seconds, 2 * seconds])


# ---- 4: the pace that a service sets


def test_a_service_s_pace_by_bicycle_is_that_of_the_roads_only(drawn):
    """At 30 km/h the road takes half the time; who pushes the bicycle over the ground walks as before."""
    ground = drawn(shape=(1, 5), facilities=[(0, 0)], roads=[street(3)])
    for kmh, ridden in ((None, CYCLED), (15, CYCLED), (30, CYCLED / 2)):
        found = ground.ask("cycle", **({} if kmh is None else {"speed_kmh": kmh}))
        border = 2 * ridden + (ridden + GROUND) / 2
        same(found.seconds, [0, ridden, 2 * ridden, border, border + GROUND])


def test_a_service_s_pace_on_foot_is_that_of_roads_and_ground(drawn):
    """At 10 km/h everything takes half the time, on the road and off it."""
    ground = drawn(shape=(1, 5), facilities=[(0, 0)], roads=[street(3)])
    border = 2 * FOOT_ROAD + (FOOT_ROAD + GROUND) / 2
    usual = np.array([0, FOOT_ROAD, 2 * FOOT_ROAD, border, border + GROUND])
    same(ground.ask("walk").seconds, usual)
    same(ground.ask("walk", speed_kmh=10).seconds, usual / 2)
    same(ground.ask("walk", speed_kmh=5, trial_kmh=10).seconds, usual / 2)


def test_a_service_s_pace_also_decides_who_walks(drawn):
    """At 3 km/h the bicycle is slower than its rider: uphill the slope acts as on a walker, at a walker's pace."""
    ground = drawn(shape=(1, 3), facilities=[(0, 0)], roads=[street(3)], heights=rising(GENTLE, 3))
    uphill = GROUND * math.exp(3.5 * GENTLE)
    same(ground.ask("cycle", speed_kmh=3, direction="from_facility").seconds, [0, uphill, 2 * uphill])


def test_the_walk_to_the_shore_goes_at_the_service_s_pace(drawn):
    """Half the speed is twice the time, from the lake to the shore too, and the report says so."""
    found = drawn(shape=(1, 3), facilities=[(0, 2)], cover=["gg~"]).ask("walk", speed_kmh=2.5)
    same(found.seconds, [4 * GROUND, 2 * GROUND, NO])
    assert found.report["snapped"] == [{"facility": 1, "distance_m": 200.0, "seconds": 360.0}]


@pytest.mark.parametrize(("profile", "on_road", "on_ground"), [
    ("walk", 0.36, 0.45), ("cycle", 0.12, 0.9), ("drive", 0.072, 0.9), ("emergency", 0.072, 0.9),
])
def test_twice_the_base_speed_is_half_the_pace_where_it_applies(profile, on_road, on_ground):
    """Of the shipped profiles only walking takes the ground along; a vehicle's passengers walk at their own pace."""
    found = travel_profiles()[profile]
    assert found.road_pace("residential", speed_kmh=2 * found.base_kmh) == pytest.approx(on_road)
    assert found.ground_pace("grass", speed_kmh=2 * found.base_kmh) == pytest.approx(on_ground)


# ---- 5: water


HALF = {"grass": [[100, 50, 100, 49.99, 100]], "permanentwater": [[0, 50, 0, 50.01, 0]]}


@pytest.mark.parametrize("profile", ["walk", "cycle", "drive"])
def test_half_water_is_crossed_and_more_than_half_is_not(drawn, profile):
    """At exactly 50 % the dry half is walked at its own pace; a hundredth of a per cent more blocks the cell."""
    same(drawn(shape=(1, 5), facilities=[(0, 0)], cover=HALF).ask(profile).seconds, [0, GROUND, 2 * GROUND, NO, NO])


def test_a_road_passes_over_water(drawn):
    """A street through the same cells: on foot at the pace of the road, by car at that of the street."""
    ground = drawn(shape=(1, 5), facilities=[(0, 0)], cover=HALF, roads=[street(5)])
    same(ground.ask("walk").seconds, [FOOT_ROAD * col for col in range(5)])
    same(ground.ask("drive").seconds, by_street(5))


def test_a_slanting_road_over_water_has_no_gaps(drawn):
    """It carries walkers in every cell that it touches: they go straight along it, by one knight's move."""
    ground = drawn(shape=(2, 3), facilities=[(0, 0)], cover=["~~~", "~~~"], roads=[road("residential", (0, 0), (1, 2))])
    same(ground.ask("walk").seconds[[0, 1, 1], [1, 1, 2]], [FOOT_ROAD, FOOT_ROAD * math.sqrt(2), FOOT_ROAD * math.sqrt(5)])


def test_mixed_cover_takes_the_mean_of_the_paces(drawn):
    """Half grass (4 km/h), half forest (2.5 km/h), read from two rasters of per cent: 1.17 s for a metre."""
    cover = {"grass": [[50, 50, 50]], "tree": [[50, 50, 50]]}
    same(drawn(shape=(1, 3), facilities=[(0, 0)], cover=cover).ask("walk").seconds, [0, 234, 468])


# ---- 6: unknown ground


@pytest.mark.parametrize("roads", [None, [street(2)]], ids=["walked", "ridden"])
def test_unknown_cover_is_no_data_and_a_river_is_unreachable(drawn, roads):
    """Beyond the river nobody is reached, and where no cover is known nothing is said: two states, two numbers."""
    ground = drawn(
        shape=(1, 8), facilities=[(0, 0)], cover=["gg~gg???"], roads=roads, split=5,
        people=[(0, 1, 10), (0, 4, 20), (0, 6, 40)])
    found = ground.ask("drive")
    assert np.isinf(found.seconds[0, 2:]).all()
    assert np.isfinite(found.seconds[0, :2]).all()
    assert states(found, "km2") == {"covered": 0.08, "unreachable": 0.12, "no_data": 0.12}
    assert states(found, "people") == {"covered": 10, "unreachable": 20, "no_data": 40}
    assert found.run.summary["thresholds"]["limit"]["people_in_gaps"] == 20


def test_a_road_is_known_ground_where_the_cover_is_not(drawn):
    """A footway through unknown cover is looked at and walked; the cells beside it stay without data."""
    ground = drawn(shape=(2, 4), facilities=[(1, 0)], cover=["g???", "gg??"], roads=[road("footway", (1, 0), (1, 3))])
    found = ground.ask("walk")
    same(found.seconds[1], [FOOT_ROAD * col for col in range(4)])
    assert np.isinf(found.seconds[0, 1:]).all()
    assert states(found, "km2") == {"covered": 0.2, "no_data": 0.12}


@pytest.mark.parametrize("profile", ["walk", "drive"])
@pytest.mark.parametrize("roads", [None, [street(2)]], ids=["nothing", "roads"])
def test_without_land_cover_everything_is_looked_at(drawn, profile, roads):
    """Where no land cover was given the ground is taken as even, and no cell is without data."""
    ground = drawn(shape=(2, 4), facilities=[(0, 0)], roads=roads, people=[(1, 3, 5)])
    found = ground.ask(profile)
    assert np.isfinite(found.seconds).all()
    assert states(found, "km2") == {"covered": 0.32}
    assert states(found, "people") == {"covered": 5}


@pytest.mark.parametrize("cells", ["gg?????????", "gg~gg??????"], ids=["beside", "behind the river"])
def test_people_on_unknown_ground_stay_without_data_in_a_half_known_area(drawn, cells):
    """Land cover ends in the middle of the county: of those who live more than a kilometre beyond nothing is known."""
    ground = drawn(shape=(1, 11), facilities=[(0, 0)], cover=[cells], people=[(0, 1, 10), (0, 10, 40)])
    found = ground.ask("walk")
    assert states(found, "people") == {"covered": 10, "no_data": 40}
    assert found.run.summary["people_moved"]["people"] == 0


def test_people_at_the_edge_of_what_is_known_belong_to_it(drawn):
    """Land cover that ends at the shore, or a cell before the houses do: they are put to the nearest known cell."""
    ground = drawn(shape=(1, 11), facilities=[(0, 0)], cover=["ggg????????"], people=[(0, 1, 10), (0, 7, 40)])
    found = ground.ask("walk")
    assert states(found, "people") == {"covered": 50}
    assert found.run.summary["people_moved"] == {"people": 40, "farthest_m": 1000.0, "left": 0.0}


# ---- 7: the way people travel


@pytest.mark.parametrize(("direction", "factor"), [
    (None, DOWN_ON_FOOT), ("to_facility", DOWN_ON_FOOT), ("from_facility", UP_ON_FOOT)])
def test_a_hospital_in_the_valley_is_easier_to_reach_than_to_leave(drawn, direction, factor):
    """On a slope of 5 % people come down in 0.84 of the time on the flat and go up in 1.19 of it."""
    ground = drawn(shape=(1, 4), facilities=[(0, 0)], heights=rising(STEEP, 4))
    told = {} if direction is None else {"direction": direction}
    same(ground.ask("walk", **told).seconds, [GROUND * factor * col for col in range(4)])


@pytest.mark.parametrize(("direction", "factor"), [("to_facility", DOWN_ON_FOOT), ("from_facility", UP_ON_FOOT)])
@pytest.mark.parametrize("profile", ["drive", "emergency"])
def test_after_the_ride_the_walk_is_up_or_down(drawn, profile, direction, factor):
    """The slope does not slow the vehicle; on the walk beyond the street it counts, in the direction people travel."""
    ground = drawn(shape=(1, 5), facilities=[(0, 0)], roads=[street(3)], heights=rising(STEEP, 5))
    border = 2 * STREET + ON_AND_OFF + (FOOT_ROAD + GROUND) / 2 * factor
    same(ground.ask(profile, direction=direction).seconds, [*by_street(3), border, border + GROUND * factor])


@pytest.mark.parametrize(("direction", "factor"), [
    ("to_facility", 1 / (1 + 100 * 0.86 / 21.6 * GENTLE)), ("from_facility", 1 / (1 - 100 * 1.44 / 21.6 * GENTLE))])
def test_a_bicycle_feels_the_slope_as_a_bicycle(drawn, direction, factor):
    """Up 2 % takes 1.15 of the time on the flat, down 0.93 of it; a walker's numbers would be others."""
    ground = drawn(shape=(1, 3), facilities=[(0, 0)], roads=[street(3)], heights=rising(GENTLE, 3))
    same(ground.ask("cycle", direction=direction).seconds, [0, CYCLED * factor, 2 * CYCLED * factor])


@pytest.mark.parametrize(("profile", "direction", "oneway", "rides"), [
    ("drive", "to_facility", "yes", False), ("drive", "to_facility", "-1", True), ("drive", "to_facility", "no", True),
    ("drive", "from_facility", "yes", True), ("drive", "from_facility", "-1", False),
    ("emergency", "to_facility", "yes", True), ("emergency", "to_facility", "-1", True),
    ("emergency", "from_facility", "yes", True), ("emergency", "from_facility", "-1", True),
])
def test_a_one_way_street_binds_a_car_and_not_an_ambulance(drawn, profile, direction, oneway, rides):
    """The street leads east from the hospital: to it a car would drive against the traffic, so its people walk."""
    found = drawn(shape=(1, 4), facilities=[(0, 0)], roads=[street(4, oneway=oneway)]).ask(profile, direction=direction)
    same(found.seconds, by_street(4) if rides else [FOOT_ROAD * col for col in range(4)])


HILLS = [[0, 12, 30, 22, 5], [8, 25, 41, 30, 11], [3, 18, 60, 35, 16], [0, 7, 28, 44, 21]]


@pytest.mark.parametrize("direction", ["to_facility", "from_facility"])
@pytest.mark.parametrize("profile", ["walk", "cycle"])
def test_the_hills_lie_where_they_were_drawn(drawn, profile, direction):
    """Row by row and column by column the stored times are those of the solver on the same ground."""
    ground = drawn(shape=(4, 5), facilities=[(3, 1), (0, 4)], roads=[road("track", (1, 0), (1, 4))], heights=HILLS)
    found = ground.ask(profile, direction=direction, delay_minutes=1)
    pace, gait = np.full((4, 5), 0.9), np.full((4, 5), WALK)
    pace[1], gait[1] = {"walk": (0.72, WALK), "cycle": (0.36, CYCLE)}[profile]
    expected = solve(
        pace, [(3, 1, 60.0), (0, 4, 60.0)], cell_size_m=CELL_M, direction=direction, elevation=np.array(HILLS, float), gait=gait)
    same(found.seconds, expected.microseconds / 1e6)
    assert (found.nearest == expected.nearest + 1).all()


@pytest.mark.parametrize("direction", ["to_facility", "from_facility"])
@pytest.mark.parametrize("profile", ["drive", "emergency"])
def test_hills_and_streets_lie_where_they_were_drawn(drawn, profile, direction):
    """The same with a one-way street and a bridge on it: stored times are those of the solver on the same roads."""
    lines = [((1, 0), (1, 2), (3, 2)), ((3, 2), (3, 4))]
    roads = [road("residential", *lines[0], oneway="yes"), road("track", *lines[1], bridge="yes")]
    ground = drawn(shape=(4, 5), facilities=[(1, 0), (0, 4)], roads=roads, heights=HILLS)
    found = ground.ask(profile, direction=direction)
    pace = np.full((4, 5), 0.9)
    pace[1, :3] = pace[1:, 2] = pace[3, 2:] = 0.72
    network = build_network(
        [line.__class__([((col + 0.5) * CELL_M, -(row + 0.5) * CELL_M) for row, col in cells])
         for (_, line), cells in zip(roads, lines, strict=True)],
        ["residential", "track"], pace_by_class={"residential": 0.144, "track": 0.36}, west_m=0.0, north_m=0.0,
        cell_size_m=CELL_M, rows=4, cols=5, oneway=[1, 0], bridge=[False, True],
    ).with_pace({}, one_way=profile == "drive")
    expected = solve_hybrid(pace, network, [(1, 0), (0, 4)], direction=direction, elevation=np.array(HILLS, float))
    same(found.seconds, expected.microseconds / 1e6)
    assert (found.nearest == expected.nearest + 1).all()


# ---- 8: profiles, pace and gait named directly

PLAIN = {
    "zh": "试", "en": "Plain", "rides": "cycle", "base_kmh": 3.6, "closed": ["motorway"], "foot_only": ["footway"],
    "road_kmh": {"other": 7.2, "track": 1.8}, "ground_kmh": {"unknown": 3.6, "tree": 1.8},
}


def plain(**changes):
    """Return a profile whose paces are whole numbers and halves."""
    return profile_from("plain", {**PLAIN, **changes})


@pytest.mark.parametrize(("changes", "words"), [
    ({"road_kmh": {"track": 1.8}}, "a speed for 'other' is missing"),
    ({"ground_kmh": {"tree": 1.8}}, "a speed for 'unknown' is missing"),
    ({"road_kmh": {"other": 0}}, "'other' must be above 0 km/h, got 0; .*'closed'"),
    ({"road_kmh": {"other": 5, "track": -1}}, "'track' must be above 0 km/h, got -1"),
    ({"ground_kmh": {"unknown": 4, "tree": 0.0}}, "'tree' must be above 0 km/h, got 0.0"),
    ({"ground_kmh": {"unknown": float("nan")}}, "'unknown' must be above 0 km/h, got nan"),
    ({"road_kmh": {"other": "fast"}}, "'str'"),
    ({"rides": "swim"}, "rides must be one of motor, walk, cycle; got 'swim'"),
    ({"speed_limit": 5}, "speed_limit"),
])
def test_a_profile_by_which_nobody_moves_is_refused(changes, words):
    """Each fault is named together with the profile: what is missing, what is not a speed, what is not known."""
    with pytest.raises(DefinitionError, match=f"profile plain: .*{words}"):
        plain(**changes)


def test_a_profile_without_a_needed_field_is_refused():
    """What has no default must be written."""
    for name in ("base_kmh", "road_kmh", "ground_kmh", "zh", "en"):
        with pytest.raises(DefinitionError, match=f"profile plain: .*{name}"):
            profile_from("plain", {key: value for key, value in PLAIN.items() if key != name})


@pytest.mark.parametrize("changes", [{"base_kmh": 0}, {"road_kmh": {"other": math.inf}}, {"closed": "motorway"}], ids=str)
def test_a_profile_that_breaks_later_is_refused_at_once(changes):
    """A base of 0 km/h, an endless speed, and a class without its brackets are faults of the table, not of a run."""
    with pytest.raises(DefinitionError):
        plain(**changes)


def test_a_walk_that_no_profile_describes_is_refused_at_once():
    """Who leaves the vehicle must be known to walk somehow."""
    text = '[van]\nzh = "车"\nen = "Van"\nbase_kmh = 50\nroad_kmh = { other = 50 }\nground_kmh = { unknown = 4 }\non_foot = "hike"\n'
    with pytest.raises(DefinitionError, match="on_foot.*van.*hike"):
        profiles_from_toml(text)


def test_the_shipped_profiles_are_there_with_what_they_say():
    """Four ways to travel; on foot and by bicycle over the ground, two vehicles that are left for a walk."""
    found = travel_profiles()
    assert list(found) == ["walk", "cycle", "drive", "emergency"]
    assert [each.id for each in found.values()] == list(found)
    assert [each.rides for each in found.values()] == ["walk", "cycle", "motor", "motor"]
    assert [each.on_foot for each in found.values()] == [None, None, "walk", "walk"]
    assert [each.fixed_ground for each in found.values()] == [False, True, True, True]
    assert (found["drive"].one_way, found["emergency"].one_way) == (True, False)
    for each in found.values():
        assert isinstance(each.closed, tuple)
        assert each.road_pace("construction") == each.road_pace("proposed") == NO


def test_the_pace_of_a_road_or_of_ground():
    """Named classes have their own speed, others that of 'other' or 'unknown'; closed and foot-only ways have none."""
    one = plain()
    assert (one.road_pace("track"), one.road_pace("primary"), one.road_pace("other")) == (2.0, 0.5, 0.5)
    assert (one.road_pace("motorway"), one.road_pace("footway")) == (NO, NO)
    assert (one.road_pace("motorway", speed_kmh=50), one.road_pace("footway", speed_kmh=50)) == (NO, NO)
    assert (one.ground_pace("tree"), one.ground_pace("grass"), one.ground_pace("unknown")) == (2.0, 1.0, 1.0)


def test_a_pace_changes_with_the_service_s_speed_against_the_base():
    """Twice the base speed halves every pace; with fixed ground only that of the roads."""
    assert (plain().road_pace("track", speed_kmh=7.2), plain().ground_pace("tree", speed_kmh=7.2)) == (1.0, 1.0)
    fixed = plain(fixed_ground=True)
    assert (fixed.road_pace("track", speed_kmh=7.2), fixed.ground_pace("tree", speed_kmh=7.2)) == (1.0, 2.0)
    assert plain(base_kmh=7.2).road_pace("track", speed_kmh=7.2) == 2.0


def cover(**percent):
    """Return a strip of ground with these per cents by class, None = no data."""
    made = {name: np.array([[np.nan if p is None else p for p in row]], np.float32) for name, row in percent.items()}
    return Ground(shape=next(iter(made.values())).shape, cover=made)


def test_mixed_ground_has_the_mean_pace_by_share():
    """Grass at 1 s/m, forest at 2 s/m: the means of paces, by share, whatever the shares add up to."""
    ground = cover(grass=[100, 0, 75, 30, 45, 30], tree=[0, 100, 25, 10, 15, None], permanentwater=[0, 0, 0, 0, 40, 0])
    assert pace_of(ground, plain()).tolist() == [[1.0, 2.0, 1.25, 1.25, 1.25, 1.0]]
    assert pace_of(ground, plain(), speed_kmh=7.2).tolist() == [[0.5, 1.0, 0.625, 0.625, 0.625, 0.5]]
    assert pace_of(ground, plain(fixed_ground=True), speed_kmh=7.2)[0, 2] == 1.25


def test_water_and_unknown_ground_cannot_be_crossed():
    """At 50 % water passes, above it does not; no class known, or none but water, is no way either."""
    just_above = float(np.nextafter(np.float32(50), np.float32(100)))
    ground = cover(grass=[50, 50, 20, None, 0, 0], permanentwater=[50, just_above, 80, None, 0, 30])
    assert pace_of(ground, plain()).tolist() == [[1.0, NO, NO, NO, NO, NO]]
    assert ground.has_data().tolist() == [[True, True, True, False, True, True]]
    assert cover(grass=[1, None, None], tree=[None, 1, None]).has_data().tolist() == [[True, True, False]]


def test_even_ground_where_no_cover_was_given():
    """Without land cover every cell is unknown ground, crossed at its speed, and counts as looked at."""
    bare = Ground(shape=(1, 2))
    assert pace_of(bare, plain()).tolist() == [[1.0, 1.0]]
    assert pace_of(bare, plain(), speed_kmh=1.8).tolist() == [[2.0, 2.0]]
    assert bare.has_data().all()


ROADS = ("primary", "track", "motorway", "footway")


def strip(roads, **percent):
    """Return a strip with these roads (-1 = none) over this cover."""
    under = cover(**percent).cover if percent else {}
    return Ground(shape=(1, len(roads)), road=np.array([roads], np.int32), road_classes=ROADS, cover=under)


def test_the_road_or_the_ground_whichever_is_faster():
    """Road at 0.5 s/m, track at 2 s/m, closed and foot-only roads at none; beside them the ground at 1 s/m."""
    ground = strip([0, 1, 2, 3, -1])
    assert pace_of(ground, plain()).tolist() == [[0.5, 1.0, 1.0, 1.0, 1.0]]
    assert gait_of(ground, plain()).tolist() == [[CYCLE, WALK, WALK, WALK, WALK]]


def test_a_road_passes_over_water_and_unknown_ground_and_a_closed_one_does_not():
    """Primary and track over water and over no data: their own pace; the motorway leaves the water as it is."""
    ground = strip([0, 1, 1, 2, -1, -1], grass=[0, 0, None, 0, None, 100], permanentwater=[100, 100, None, 100, None, 0])
    assert pace_of(ground, plain()).tolist() == [[0.5, 2.0, 2.0, NO, NO, 1.0]]
    assert gait_of(ground, plain())[0, :3].tolist() == [CYCLE] * 3
    assert gait_of(ground, plain())[0, 5] == WALK
    assert ground.has_data().tolist() == [[True, True, True, True, False, True]]


def test_gait_follows_the_profile_and_the_speed():
    """The road's gait is the profile's; as fast as the ground is still the road; at another speed it may change."""
    ground = strip([0, 1, -1], grass=[0, 0, 0], tree=[100, 100, 100])  # forest: 2 s/m, as slow as the track
    assert gait_of(ground, plain()).tolist() == [[CYCLE, CYCLE, WALK]]
    assert gait_of(ground, plain(rides="walk")).tolist() == [[WALK, WALK, WALK]]
    assert gait_of(ground, plain(rides="motor")).tolist() == [[MOTOR, MOTOR, WALK]]
    slow = plain(fixed_ground=True)
    assert gait_of(ground, slow, speed_kmh=1.8).tolist() == [[CYCLE, WALK, WALK]]
    assert gait_of(Ground(shape=(1, 2)), plain()).tolist() == [[WALK, WALK]]


# ---- 9: the record


def record_of(ground, answer):
    """Return parameters and inputs of a run as its record gives them."""
    told = reading.run_record(ground.study.store, answer.run.id)
    return told["parameters"], told["inputs"]


@pytest.mark.parametrize("roads", [None, [road("residential", (0, 0), (0, 1))]], ids=["walked", "ridden"])
def test_the_moves_are_those_of_the_record(drawn, roads):
    """Two cells along and one across is one move among 16 and two among 8: the time tells which were made."""
    ground = drawn(shape=(3, 4), facilities=[(2, 1)], roads=roads)
    found = ground.ask("drive")
    parameters, inputs = record_of(ground, found)
    assert parameters["neighbours"] == inputs["neighbours"] == NEIGHBOURS
    same(found.seconds[1, 3], {16: GROUND * math.sqrt(5), 8: GROUND * (1 + math.sqrt(2))}[parameters["neighbours"]])


def test_the_rides_are_those_of_the_record(drawn):
    """Two streets with 400 m between them: one ride and a walk, or a second ride; the time tells which was taken."""
    ground = drawn(
        shape=(1, 7), facilities=[(0, 0)],
        roads=[road("residential", (0, 0), (0, 2)), road("residential", (0, 4), (0, 6))])
    found = ground.ask("drive")
    parameters, inputs = record_of(ground, found)
    assert parameters["rides"] == inputs["rides"] == RIDES
    beyond = 2 * STREET + (FOOT_ROAD + GROUND)  # by street, then across the gap
    last = {"one": beyond + 2 * FOOT_ROAD + ON_AND_OFF, "any": beyond + 2 * STREET + 2 * ON_AND_OFF}
    same(found.seconds[0, 6], last[parameters["rides"]])


def test_the_record_names_the_profile_and_the_service_as_used(drawn):
    """The speeds of the vehicle and of those who leave it, and the service with its delay and direction."""
    ground = drawn(shape=(1, 5), facilities=[(0, 0)], roads=[street(3)])
    parameters, inputs = record_of(ground, ground.ask("emergency", delay_minutes=3, direction="from_facility"))
    for name, used in (("profile", "emergency"), ("on_foot", "walk")):
        assert json.loads(json.dumps(inputs[name])) == json.loads(json.dumps(asdict(travel_profiles()[used])))
    assert parameters["service"] == inputs["service"]
    assert (inputs["service"]["delay_minutes"], inputs["service"]["direction"]) == (3, "from_facility")
    _, on_foot = record_of(ground, ground.ask("walk", speed_kmh=4))
    assert (on_foot["profile"]["id"], on_foot["on_foot"], on_foot["service"]["speed_kmh"]) == ("walk", None, 4)


@pytest.mark.parametrize("change", [
    {"delay_minutes": 1}, {"direction": "from_facility"}, {"speed_kmh": 4}, {"profile": "cycle"}], ids=str)
def test_what_changes_the_times_changes_the_run(drawn, change):
    """A service that is declared anew is measured anew: a run never answers for another declaration than its own."""
    ground = drawn(shape=(1, 5), facilities=[(0, 0)], roads=[street(3)], heights=rising(STEEP, 5))
    one, other = (ground.ask(**{"profile": "walk", **told}, named="redeclared") for told in ({}, change))
    assert one.run.id != other.run.id
    assert (one.seconds != other.seconds).any()
