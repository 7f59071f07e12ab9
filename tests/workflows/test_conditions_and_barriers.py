"""Rivers, floods and winters on ground that a pencil can check: files in, stored times out."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sqlalchemy import func, select
from workflows.small_ground import (
    CELL_M,
    CYCLED,
    FOOT_ROAD,
    GROUND,
    ON_AND_OFF,
    STREET,
    barrier,
    flooded,
    place,
    road,
    same,
)

from geosvc.errors import AreaNotFound, DefinitionError, InvalidParameter, Unsolvable
from geosvc.store.runs import RunRow
from geosvc.travel.conditions import conditions
from geosvc.workflows import reading
from geosvc.workflows.barriers import blocked_cells, read_barriers, roads_alongside
from geosvc.workflows.conditions import list_conditions
from geosvc.workflows.measuring import measure_service
from geosvc.workflows.study import Study

NO = math.inf
WINTER = conditions()["winter"]


def codes(answer):
    """Return the codes of a run's notes."""
    return [note["code"] for note in answer.run.notes]


def river(rows, col, **told):
    """Return a river along a column, from beyond the northern edge to beyond the southern one."""
    return barrier("river", (-1, col), (rows, col), **told)


# ---- barriers


def test_a_river_splits_a_county(drawn):
    """Five cells in a row, the river in the middle: nobody crosses it, and those who live in it stand on the bank."""
    ground = drawn(shape=(1, 5), facilities=[(0, 0)], barriers=[river(1, 2)], people=[(0, 1, 3.0), (0, 2, 5.0), (0, 4, 7.0)])
    found = ground.ask("walk")
    same(found.seconds, [0, GROUND, NO, NO, NO])
    people = found.run.summary["thresholds"]["limit"]["people"]
    assert sum(people.values()) == pytest.approx(15)
    assert found.run.summary["people_moved"] == {"people": 5.0, "farthest_m": CELL_M, "left": 0.0}
    assert "no_barriers" not in codes(found)


def test_a_road_is_the_bridge(drawn):
    """Three rows, a river between, one track across it in the south: the far side of the north goes round by it."""
    ground = drawn(shape=(3, 3), facilities=[(0, 0)], barriers=[river(3, 1)], roads=[road("track", (2, 0), (2, 2))])
    found = ground.ask("walk")
    slanting = math.sqrt(2) * (GROUND + FOOT_ROAD) / 2  # from the bank onto the bridge, and off it
    bridge = GROUND + slanting
    bank = bridge + slanting
    same(found.seconds, [[0, NO, bank + GROUND], [GROUND, NO, bank],
                         [GROUND + (GROUND + FOOT_ROAD) / 2, bridge, bridge + FOOT_ROAD]])
    assert "roads_along_barriers" not in codes(found)


def test_a_bicycle_needs_the_bridge_too(drawn):
    """By bicycle the river stops at the same place and the road crosses it at its own speed."""
    blocked = drawn(shape=(1, 4), facilities=[(0, 0)], barriers=[river(1, 2)])
    same(blocked.ask("cycle").seconds, [0, GROUND, NO, NO])
    crossed = drawn(shape=(1, 4), facilities=[(0, 0)], barriers=[river(1, 2)], roads=[road("track", (0, 0), (0, 3))])
    same(crossed.ask("cycle").seconds, np.arange(4) * CYCLED * 15 / 10)  # 10 km/h on a track


def test_a_motorway_opens_no_river_to_walkers_and_carries_cars_all_the_same(drawn):
    """Nobody walks on a motorway; the street beside it in the same cell is walked on."""
    ways = [road("motorway", (0, 0), (0, 3))]
    ground = drawn(shape=(1, 4), facilities=[(0, 0)], barriers=[river(1, 2)], roads=ways)
    same(ground.ask("walk").seconds, [0, GROUND, NO, NO])
    both = drawn(shape=(1, 4), facilities=[(0, 0)], barriers=[river(1, 2)],
                 roads=[*ways, road("footway", (0.1, 0), (0.1, 3))])
    same(both.ask("walk").seconds, np.arange(4) * FOOT_ROAD)


def test_a_barrier_does_not_slow_the_ride(drawn):
    """A street of four cells over the river: by car as if there were none, and whoever lives by the river boards there."""
    street = [road("residential", (0, 0), (0, 3))]
    plain = drawn(shape=(1, 4), facilities=[(0, 0)], roads=street)
    ground = drawn(shape=(1, 4), facilities=[(0, 0)], roads=street, barriers=[river(1, 2)])
    same(ground.ask("drive").seconds, plain.ask("drive").seconds[0])
    same(ground.ask("drive").seconds[0, 3], 3 * STREET + ON_AND_OFF)


@pytest.mark.parametrize("ends", [((-1, -1), (6, 6)), ((-1, 0.3), (6, 4.7)), ((2.2, -1), (3.9, 6)), ((-1, 2.5), (6, 3.1))])
@pytest.mark.parametrize("kind", ["river", "railway"])
def test_no_move_leaks_through_a_slanting_line(drawn, kind, ends):
    """From either side of a line drawn corner to corner or at any slant, none of the 16 moves reaches the other."""
    ground = drawn(shape=(6, 6), facilities=[(5, 0) if ends[0][0] == -1 else (5, 3)], barriers=[barrier(kind, *ends)])
    found = ground.ask("walk").seconds
    (top, left), (bottom, right) = ends
    row, col = np.mgrid[0:6, 0:6]
    side = np.sign((col - left) * (bottom - top) - (row - top) * (right - left))
    blocked = blocked_cells(ground.study.barriers, ground.study.grid)
    home = side[5, 0] if ends[0][0] == -1 else side[5, 3]
    assert np.isfinite(found[(side == home) & ~blocked]).all()
    assert np.isinf(found[(side == -home) | blocked]).all()
    assert (side == -home).any()


def test_a_lake_stops_inside_and_where_its_shore_touches(drawn):
    """A lake over the middle of a row of five: its own cell and those that its shore touches; a wall only at its line."""
    lake = flooded(-0.5, 1.4, 0.5, 2.6, barrier_class="lake", condition="")
    ground = drawn(shape=(1, 5), facilities=[(0, 0)], barriers=[({"barrier_class": "lake"}, lake[1])])
    same(ground.ask("walk").seconds, [0, NO, NO, NO, NO])
    yard = drawn(shape=(5, 5), facilities=[(2, 2)], barriers=[({"barrier_class": "wall"}, flooded(0, 0, 4, 4)[1])])
    found = yard.ask("walk").seconds
    same(found[2], [NO, GROUND, 0, GROUND, NO])


def test_a_road_that_only_runs_beside_the_river_is_counted_and_said(drawn):
    """Five cells of river with a track beside it within the same cells: open, but said with the cure; a bridge is not."""
    beside = drawn(shape=(5, 3), facilities=[(0, 0)], barriers=[river(5, 1)], roads=[road("track", (0, 1.2), (4, 1.2))])
    told = {note["code"]: note for note in beside.ask("walk").run.notes}["roads_along_barriers"]
    assert "On 5 cells" in told["en"]
    assert "cells of 200 m" in told["en"]
    assert "geosvc init --cell-size" in told["en"]
    assert "5 个格网" in told["zh"]
    assert "--cell-size" in told["zh"]
    crossing = drawn(
        shape=(5, 3), facilities=[(0, 0)], barriers=[river(5, 1)], roads=[road("track", (0, 1.2), (4, 1.2), (4, 0.7))])
    told = {note["code"]: note for note in crossing.ask("walk").run.notes}["roads_along_barriers"]
    assert "On 3 cells" in told["en"]  # the crossing opens its cell and the one beside it rightly


def test_the_count_of_roads_alongside_is_that_of_their_lines(drawn):
    """Looked at directly: a river, a road that crosses it, a road that does not."""
    ground = drawn(
        shape=(4, 4), facilities=[(0, 0)], barriers=[river(4, 1)],
        roads=[road("track", (0, 0), (0, 3)), road("path", (2, 1.3), (3, 1.3))])
    study = ground.study
    opened = study.ground.barrier & (study.ground.road >= 0)
    assert np.argwhere(opened).tolist() == [[0, 1], [2, 1], [3, 1]]
    found = roads_alongside(study.barriers, study.road_lines, opened, study.grid)
    assert np.argwhere(found).tolist() == [[2, 1], [3, 1]]


def test_without_barriers_every_run_says_so(drawn):
    """A travel time without rivers says that rivers are crossed anywhere."""
    assert "no_barriers" in codes(drawn(shape=(1, 3), facilities=[(0, 0)]).ask("walk"))


def test_barriers_are_named_in_the_record_and_change_the_run(drawn):
    """The checksum of the layer stands among the inputs; another layer is another run, and the old answer says so."""
    ground = drawn(shape=(1, 6), facilities=[(0, 0)], barriers=[river(1, 4)])
    found = ground.ask("walk")
    assert len(found.run.inputs["layers"]["barriers"]) == 64
    assert read_barriers(ground.study.layers["barriers"], ground.study.grid)["barrier_class"].tolist() == ["river"]


# ---- conditions


def test_winter_slows_ground_and_roads_by_its_factors(drawn):
    """On foot over open ground and along a street, by bicycle, by car: each time is the usual one by its factor."""
    on_foot, by_road = WINTER.ground_factor("unknown"), WINTER.road_factor("residential")
    plain = drawn(shape=(1, 4), facilities=[(0, 0)])
    same(plain.ask("walk", trial_conditions=("winter",)).seconds, np.arange(4) * GROUND / on_foot)
    street = drawn(shape=(1, 4), facilities=[(0, 0)], roads=[road("residential", (0, 0), (0, 3))])
    same(street.ask("walk", trial_conditions=("冬季",)).seconds, np.arange(4) * FOOT_ROAD / by_road)
    same(street.ask("cycle", trial_conditions=("winter",)).seconds, np.arange(4) * CYCLED / by_road)
    driven = street.ask("drive", trial_conditions=("winter",)).seconds
    same(driven[0, 1:], np.arange(1, 4) * STREET / by_road + ON_AND_OFF)


def test_two_conditions_multiply(drawn):
    """A winter night: both factors, in whatever order they are asked for; it is one and the same run."""
    street = drawn(shape=(1, 4), facilities=[(0, 0)], roads=[road("residential", (0, 0), (0, 3))])
    factor = WINTER.road_factor("residential") * conditions()["night"].road_factor("residential")
    found = street.ask("drive", named="winter-night", trial_conditions=("winter", "night"))
    same(found.seconds[0, 1:], np.arange(1, 4) * STREET / factor + ON_AND_OFF)
    assert street.measure("winter-night", conditions=("夜间", "winter")).run.id == found.run.id
    assert {"condition_winter", "condition_night"} <= set(codes(found))


def test_a_condition_of_one_township_leaves_the_other_as_it_is(drawn):
    """Six cells, the border after three, the hospital in the middle: only the east is snowed in, on foot and by car."""
    plain = drawn(shape=(1, 6), facilities=[(0, 0)], split=3)
    factor = WINTER.ground_factor("unknown")
    snowy = GROUND / factor
    border = 2 * GROUND + (GROUND + snowy) / 2
    east = plain.ask("walk", trial_conditions=("winter@990001101",))
    same(east.seconds, [0, GROUND, 2 * GROUND, border, border + snowy, border + 2 * snowy])
    told = {note["code"]: note for note in east.run.notes}["condition_winter"]
    assert "东镇" in told["zh"]
    assert east.run.inputs["conditions"][0]["areas"] == ["990001101"]
    street = drawn(shape=(1, 6), facilities=[(0, 0)], split=3, roads=[road("residential", (0, 0), (0, 5))])
    slow = STREET / WINTER.road_factor("residential")
    # The edge from the third to the fourth centre has its middle on the border, which is the east's.
    same(street.ask("drive", trial_conditions=("winter@990001101",)).seconds[0, 1:],
         np.cumsum([STREET, STREET, slow, slow, slow]) + ON_AND_OFF)
    whole = street.ask("drive", trial_conditions=("winter@990001",)).seconds
    same(whole, street.ask("drive", trial_conditions=("winter",)).seconds[0])


FLOOD = flooded(-0.4, 1.6, 0.4, 2.4)  # the third cell of row 0, and no other


def street_through(col_flooded=2, **tags):
    """Return a street in three pieces, the middle one over the flooded cell."""
    first, last = col_flooded - 1, col_flooded + 1
    return [road("residential", (0, 0), (0, first)), road("residential", (0, first), (0, last), **tags),
            road("residential", (0, last), (0, 5))]


def test_a_flood_closes_the_road_and_people_walk_around(drawn):
    """Two rows, the road in the north under water in its third cell: dry it is ridden, flooded the water is walked around."""
    ground = drawn(shape=(2, 6), facilities=[(0, 0)], roads=street_through(), barriers=[FLOOD], people=[(0, 2, 4.0), (0, 5, 6.0)])
    dry = ground.ask("drive", named="flooded")
    same(dry.seconds[0, 1:], np.arange(1, 6) * STREET + ON_AND_OFF)
    wet = ground.measure("flooded", conditions=("flood",))
    assert np.isinf(wet.seconds[0, 2])
    # By car to the second cell, on foot around by the southern row, and not by car again.
    around = 2 * math.sqrt(2) * (GROUND + FOOT_ROAD) / 2
    same(wet.seconds[0, 3], STREET + ON_AND_OFF + around)
    # Farther east the ride is worth more beyond the water than before it.
    assert wet.seconds[0, 5] < STREET + around + 2 * FOOT_ROAD
    people = wet.run.summary["thresholds"]["limit"]["people"]
    assert people["unreachable"] == pytest.approx(4)  # who lives in the water stays there
    assert sum(people.values()) == pytest.approx(10)
    assert sum(dry.run.summary["thresholds"]["limit"]["people"].values()) == pytest.approx(10)


def test_a_road_is_closed_where_somebody_points_at_it(drawn):
    """The stretch nearest to the place carries no vehicle; on foot it is passed, and people walk the rest of the way."""
    ground = drawn(shape=(1, 6), facilities=[(0, 0)], roads=street_through(), people=[(0, 5, 6.0)])
    lon, lat = place(0, 2)
    closed = f"road-closed@{lon!r};{lat!r}"
    free = ground.ask("drive", named="closed").seconds[0]
    now = ground.measure("closed", conditions=(closed,)).seconds[0]
    same(now[:2], free[:2])
    assert (now[3:] > free[3:]).all()
    assert np.isfinite(now).all(), "people on foot still pass"
    same(ground.ask("walk", trial_conditions=(closed,)).seconds[0], ground.ask("walk").seconds[0])


def test_a_place_without_a_road_is_refused(drawn):
    """Nobody knows which road is meant."""
    ground = drawn(shape=(9, 6), facilities=[(0, 0)], roads=street_through(), people=[(0, 5, 6.0)])
    lon, lat = place(8, 2)
    with pytest.raises(InvalidParameter, match="no road that vehicles use lies within 300 m"):
        ground.ask("drive", trial_conditions=(f"road-closed@{lon!r};{lat!r}",))


def test_where_there_is_no_way_around_the_far_side_is_cut_off(drawn):
    """One row only: behind the flooded cell nobody is reached, on foot or by car."""
    ground = drawn(shape=(1, 6), facilities=[(0, 0)], roads=street_through(), barriers=[FLOOD])
    for profile in ("walk", "cycle", "drive"):
        found = ground.ask(profile, trial_conditions=("flood",)).seconds[0]
        assert np.isfinite(found[:2]).all(), profile
        assert np.isinf(found[2:]).all(), profile


def test_a_bridge_stays_open_in_a_flood_and_a_tunnel_does_not(drawn):
    """The same road on a bridge carries cars and walkers over the water; a tunnel is full of it."""
    bridge = drawn(shape=(1, 6), facilities=[(0, 0)], roads=street_through(bridge="yes"), barriers=[FLOOD])
    same(bridge.ask("walk", trial_conditions=("flood",)).seconds, np.arange(6) * FOOT_ROAD)
    same(bridge.ask("drive", trial_conditions=("flood",)).seconds[0, 3:], np.arange(3, 6) * STREET + ON_AND_OFF)
    tunnel = drawn(shape=(1, 6), facilities=[(0, 0)], roads=street_through(tunnel="yes"), barriers=[FLOOD])
    assert np.isinf(tunnel.ask("drive", trial_conditions=("flood",)).seconds[0, 3:]).all()
    assert np.isinf(tunnel.ask("walk", trial_conditions=("flood",)).seconds[0, 3:]).all()


def test_a_flood_of_another_township_is_no_flood_here(drawn):
    """Water in both townships, asked for in the east only: the west is driven through as ever."""
    ground = drawn(shape=(1, 6), facilities=[(0, 0)], split=3, roads=[road("residential", (0, 0), (0, 5))],
                   barriers=[flooded(-0.4, 0.6, 0.4, 1.4), flooded(-0.4, 3.6, 0.4, 4.4)])
    found = ground.ask("walk", trial_conditions=("flood@990001101",)).seconds[0]
    same(found, [0, FOOT_ROAD, 2 * FOOT_ROAD, 3 * FOOT_ROAD, NO, NO])
    assert np.isinf(ground.ask("walk", trial_conditions=("flood",)).seconds[0, 1:]).all()


def test_a_river_that_stops_in_a_flood_only(drawn):
    """A stream marked flood is waded as a rule; in a flood the road is the only way over it."""
    ground = drawn(shape=(2, 3), facilities=[(0, 0)], barriers=[barrier("stream", (-1, 1), (2, 1), condition="洪水")],
                   roads=[road("track", (1, 0), (1, 2))])
    usual, wet = (ground.ask("walk", trial_conditions=asked).seconds for asked in ((), ("flood",)))
    assert np.isfinite(usual).all()
    assert np.isinf(wet[0, 1])
    same(usual[0, 2], 2 * GROUND)
    same(wet[0, 2], 2 * math.sqrt(2) * (GROUND + FOOT_ROAD) / 2)  # down to the track and up again


def test_a_hospital_in_the_water_is_said(drawn):
    """It is taken to be reached from the shore, and the run says that somebody has to look."""
    ground = drawn(shape=(1, 6), facilities=[(0, 2)], barriers=[FLOOD])
    found = ground.ask("walk", trial_conditions=("flood",))
    assert "facilities_closed_in" in codes(found)
    assert len(found.report["snapped"]) == 1


def test_a_flood_without_flooded_land_is_refused(drawn):
    """The numbers would be those of any other day: the cure is named. Winter needs no barriers."""
    dry = drawn(shape=(1, 4), facilities=[(0, 0)])
    with pytest.raises(Unsolvable, match="flood changes no speed.*geosvc import barriers.*column condition"):
        dry.ask("walk", trial_conditions=("flood",))
    west = drawn(shape=(1, 6), facilities=[(0, 0)], split=3, barriers=[flooded(-0.4, 0.6, 0.4, 1.4)])
    with pytest.raises(Unsolvable, match="none is registered in the areas that were named"):
        west.ask("walk", trial_conditions=("flood@990001101",))


@pytest.mark.parametrize(("asked", "error", "words"), [
    ("fog", InvalidParameter, "'fog'; there are: winter, night, rain, flood"),
    ("winter@123", AreaNotFound, "'123', but no area has that code; the first are 990001"),
])
def test_what_nobody_knows_is_refused(drawn, asked, error, words):
    """An unknown condition with those that are known, an unknown area with the first that are."""
    with pytest.raises(error, match=words):
        drawn(shape=(1, 4), facilities=[(0, 0)]).ask("walk", trial_conditions=(asked,))


# ---- runs


def test_a_condition_that_is_tried_never_becomes_the_answer(drawn):
    """Found by its id, with its conditions in record and notes; the service keeps its answer, and nothing has changed since."""
    ground = drawn(shape=(1, 5), facilities=[(0, 0)])
    declared = ground.ask("walk", named="tried")
    tried = ground.measure("tried", conditions=("winter",))
    store = ground.study.store
    assert tried.run.id != declared.run.id
    assert reading.default_answer(store, "tried")["run"] == declared.run.id
    assert reading.coverage_table(store, "tried", run_id=tried.run.id)["changed_since"] == []
    record = reading.run_record(store, tried.run.id)
    assert record["parameters"]["conditions"] == ["winter"]
    assert record["inputs"]["conditions"][0]["road"] == WINTER.road
    assert record["inputs"]["conditions"][0]["source_en"] == WINTER.source_en
    assert WINTER.source_zh in {n["code"]: n for n in record["notes"]}["condition_winter"]["zh"]
    assert ground.measure("tried", conditions=("winter",)).run.id == tried.run.id
    assert reading.default_answer(store, "tried")["run"] == declared.run.id


def test_a_declared_condition_is_the_answer(drawn):
    """A service that says winter has a winter run as its answer; asking for winter once more is the same run and no trial."""
    ground = drawn(shape=(1, 5), facilities=[(0, 0)])
    found = ground.ask("walk", named="always-winter", conditions=["winter"])
    same(found.seconds, np.arange(5) * GROUND / WINTER.ground_factor("unknown"))
    store = ground.study.store
    assert reading.default_answer(store, "always-winter")["run"] == found.run.id
    assert ground.measure("always-winter", conditions=("winter",)).run.id == found.run.id
    assert reading.default_answer(store, "always-winter")["run"] == found.run.id
    both = ground.measure("always-winter", conditions=("night",)).run
    assert both.parameters["conditions"] == ["night", "winter"]
    assert reading.default_answer(store, "always-winter")["run"] == found.run.id
    assert reading.service_entry(store, "always-winter")["conditions"] == ["winter"]


def test_a_service_that_lost_its_condition_is_said_to_have_changed(drawn):
    """Its old winter answer is no answer to what is declared now."""
    ground = drawn(shape=(1, 5), facilities=[(0, 0)])
    winter = ground.ask("walk", named="thawed", conditions=["winter"])
    (ground.folder / "thawed.toml").write_text(
        (ground.folder / "thawed.toml").read_text("utf-8").replace('conditions = ["winter"]\n', ""), "utf-8")
    from geosvc.workflows import importing

    importing.import_services(ground.study.store, ground.folder / "thawed.toml", ground.settings)
    entry = reading.service_entry(ground.study.store, "thawed")
    assert (entry["run"], entry["changed_since"]) == (winter.run.id, ["service"])


@pytest.mark.parametrize(("fields", "words"), [
    ({"conditions": ["fog"]}, "service asked.*conditions: no condition is called 'fog'"),
    ({"conditions": "winter"}, "conditions must be a list"),
])
def test_a_service_with_an_unknown_condition_is_refused(drawn, fields, words):
    """When it is declared, not when somebody measures it."""
    with pytest.raises(DefinitionError, match=words):
        drawn(shape=(1, 4), facilities=[(0, 0)]).ask("walk", **fields)


def test_the_crow_knows_no_winter(drawn):
    """A straight line takes no condition."""
    ground = drawn(shape=(1, 4), facilities=[(0, 0)])
    with pytest.raises(DefinitionError, match="straight_line takes no .* conditions"):
        measure_service(ground.study, "basic-radius", conditions=("winter",))


def test_a_run_without_conditions_keeps_no_trace_of_them(drawn):
    """No condition in the record, no note; asking under one changes nothing of what is answered without."""
    ground = drawn(shape=(2, 6), facilities=[(0, 0)], roads=street_through(), barriers=[FLOOD], people=[(0, 2, 4.0), (0, 5, 6.0)])
    before = ground.ask("drive", named="untouched")
    ground.measure("untouched", conditions=("flood", "winter"))
    with ground.study.store.reading() as session:
        runs = session.scalar(select(func.count()).select_from(RunRow))
    after = Study(ground.study.store, ground.settings)
    again = measure_service(after, "untouched")
    assert again.id == before.run.id
    assert (before.run.parameters["conditions"], before.run.inputs["conditions"]) == ([], [])
    assert not [code for code in codes(before) if code.startswith("condition_")]
    with ground.study.store.reading() as session:
        assert session.scalar(select(func.count()).select_from(RunRow)) == runs


def test_the_list_of_conditions_counts_their_barriers(drawn):
    """What measure --condition knows, as scripts read it: factors, sources, and barriers marked with each."""
    ground = drawn(shape=(1, 6), facilities=[(0, 0)], roads=street_through(), barriers=[FLOOD])
    told = {each["id"]: each for each in list_conditions(ground.study.store)}
    assert list(told) == ["winter", "night", "rain", "flood", "road-closed"]
    assert (told["flood"]["barriers"], told["winter"]["barriers"]) == (1, 0)
    assert told["winter"]["road"]["other"] == WINTER.road["other"]
    assert json.loads(json.dumps(told))


def test_a_river_falls_where_it_was_drawn(drawn):
    """The barrier's cell is that of its place: the drawing and the grid agree."""
    ground = drawn(shape=(2, 5), facilities=[(0, 0)], barriers=[barrier("railway", (-1, 3), (2, 3))])
    assert np.argwhere(ground.study.ground.barrier).tolist() == [[0, 3], [1, 3]]
    assert place(0, 3)[0] > place(0, 2)[0]
