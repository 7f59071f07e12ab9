"""Conditions of travel: declared as data, refused where they do not hold together, exact on roads and ground."""

from __future__ import annotations

import math
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from shapely import LineString

from geosvc.errors import DefinitionError, InvalidParameter
from geosvc.travel import build_network, solve_hybrid
from geosvc.travel.conditions import (
    Local,
    all_asked,
    asked_from,
    condition_from,
    condition_of,
    conditions,
    slow_network,
)
from geosvc.travel.ground import Ground, gait_of, pace_of
from geosvc.travel.profiles import profile_from

NO = math.inf
SNOW = {
    "zh": "雪", "en": "Snow", "source_zh": "假设", "source_en": "assumed", "touches": ["motor", "walk", "cycle"],
    "road": {"track": 0.25, "other": 0.5}, "ground": {"tree": 0.25, "other": 0.5}, "closed": ["steps"],
}
PLAIN = profile_from("plain", {
    "zh": "试", "en": "Plain", "rides": "walk", "base_kmh": 3.6, "road_kmh": {"other": 7.2, "track": 3.6},
    "ground_kmh": {"unknown": 3.6, "tree": 1.8},
})


def snow(**changes):
    """Return a condition whose factors are halves and quarters."""
    return condition_from("snow", {**SNOW, **changes})


def street(classes=("primary",), size=100.0):
    """Return roads of 400 m one after the other, at 36 km/h, over cells of 100 m."""
    lines = [LineString([(400 * i, 50), (400 * (i + 1), 50)]) for i in range(len(classes))]
    return build_network(
        lines, list(classes), pace_by_class=dict.fromkeys(classes, 0.1), west_m=0, north_m=100, cell_size_m=size,
        rows=1, cols=4 * len(classes))


# ---- declaring


def test_the_shipped_conditions_are_there_and_each_names_its_source():
    """Winter, night, rain, flood; where a factor is an assumption the source says so in both languages."""
    assert list(conditions()) == ["winter", "night", "rain", "flood", "road-closed"]
    for one in (each for each in conditions().values() if not each.at_points):  # a person points at the others: nothing is assumed
        assert "假设" in one.source_zh, one.id
        assert "this project's own assumption" in one.source_en.lower(), one.id
    winter = conditions()["winter"]
    assert winter.road_factor("track") < winter.road_factor("primary") < 1
    assert winter.ground_factor("grass") < 1
    assert not conditions()["flood"].changes_speeds


def test_the_factors_of_the_page_are_those_of_the_program():
    """The table of docs/conditions.md has a row for each condition with its factors; the example on it is a condition."""
    page = (Path(__file__).resolve().parents[2] / "docs/conditions.md").read_text("utf-8")
    rows = {name: cells for name, *cells in re.findall(r"^\| ([\w-]+) [^|]*\| ([^|]+) \| ([^|]+) \|$", page, flags=re.MULTILINE)}

    def written(factors):
        return ", ".join(f"{name} {factor:g}" for name, factor in factors.items()) or "as ever"

    for one in conditions().values():
        assert rows[one.id] == [written(one.road), written(one.ground)], one.id
    (example,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    ((name, entry),) = tomllib.loads(example).items()
    assert condition_from(name, entry).road_factor("motorway_link") == 0


@pytest.mark.parametrize("factor", [0, -0.5, 1.6, math.nan, math.inf, True, "half"], ids=str)
@pytest.mark.parametrize(("table", "cure"), [("road", "belongs under 'closed'"), ("ground", "geosvc import barriers")])
def test_a_factor_by_which_nobody_moves_is_refused_with_the_cure(table, cure, factor):
    """Nought, negative, not a number, or faster than one and a half: the table, the class and what to do instead."""
    with pytest.raises(DefinitionError, match=f"condition snow: the {table} factor of 'other' must be above 0 and at most 1.5.*{cure}"):
        snow(**{table: {"other": factor}})


@pytest.mark.parametrize(("changes", "words"), [
    ({"road": {"track": 0.5}}, "needs a factor for 'other'"),
    ({"road": {"tracks": 0.5, "other": 1}}, "road names 'tracks', which no travel profile knows; known are .*track"),
    ({"ground": {"forest": 0.5, "other": 1}}, "ground names 'forest'.*tree"),
    ({"closed": ["stairs"]}, "closed names 'stairs'"), ({"closed": "steps"}, "closed must be a list"),
    ({"touches": []}, "touches must name some of motor, walk, cycle"), ({"touches": ["swim"]}, "swim"),
    ({"speed": 0.5}, "unknown speed; known are .*road"), ({"road": 0.5}, "road must be a table"),
])
def test_a_condition_that_does_not_hold_together_is_refused(changes, words):
    """A slip of the pen would be a factor that never applies, so words that nobody knows are refused."""
    with pytest.raises(DefinitionError, match=f"condition snow: .*{words}"):
        snow(**changes)


def test_a_condition_without_a_needed_field_is_refused():
    """Names and sources must be written."""
    for name in ("zh", "en", "source_zh", "source_en", "touches"):
        with pytest.raises(DefinitionError, match=f"condition snow: .*{name}"):
            condition_from("snow", {key: value for key, value in SNOW.items() if key != name})


# ---- asking


def test_a_condition_is_asked_for_by_id_or_by_name_everywhere_or_in_areas():
    """Chinese, English, full-width letters; areas are put in order, so that the same question is one question."""
    assert condition_of("冬季") is condition_of("ＷＩＮＴＥＲ") is conditions()["winter"]
    assert condition_of("fog") is None
    assert str(asked_from(" 洪水@2, 1,2")) == "flood@1,2"
    assert [str(each) for each in all_asked(["winter", "夜", "winter"])] == ["night", "winter"]


@pytest.mark.parametrize(("asked", "words"), [
    (["road-closed"], "must name the places of the roads after the @ as longitude;latitude"),
    (["road-closed@42.39"], "got '42.39'"),
    (["road-closed@126;99"], "got '126;99'"),
    (["fog"], "no condition is called 'fog'; there are: winter, night, rain, flood, road-closed"),
    (["winter@"], "names no area after the @"), (["winter", "winter@1"], "winter is asked for twice.*winter@CODE,CODE"),
])
def test_what_cannot_be_asked_is_refused(asked, words):
    """Unknown names are refused with those that are known."""
    with pytest.raises(InvalidParameter, match=words):
        all_asked(asked)


# ---- ground


def ground(*locals_, **parts):
    """Return five cells: a primary road, a track, steps, forest, grass."""
    share = {"tree": [0, 0, 0, 100, 0], "grass": [100, 100, 100, 0, 100]}
    return Ground(
        shape=(1, 5), road=np.array([[0, 1, 2, -1, -1]], np.int32), road_classes=("primary", "track", "steps"),
        cover={name: np.array([row], np.float32) for name, row in share.items()}, conditions=locals_, **parts)


def test_ground_and_roads_are_slower_by_their_factors():
    """Road 0.5 s/m at half, track 1 at a quarter, closed steps leave the grass, forest 2 at a quarter, grass 1 at half."""
    assert pace_of(ground(), PLAIN).tolist() == [[0.5, 1, 0.5, 2, 1]]
    assert pace_of(ground(Local(condition=snow())), PLAIN).tolist() == [[1, 2, 2, 8, 2]]


def test_two_conditions_multiply():
    """Snow twice is a quarter of the speed, on the road and beside it."""
    twice = (Local(condition=snow()), Local(condition=snow()))
    assert pace_of(ground(*twice), PLAIN).tolist() == [[2, 4, 4, 32, 4]]


def test_a_condition_holds_only_where_it_was_asked_for():
    """Snow on the first and the fourth cell leaves the others as they are."""
    here = Local(condition=snow(), cells=np.array([[True, False, False, True, False]]))
    assert pace_of(ground(here), PLAIN).tolist() == [[1, 1, 0.5, 8, 1]]


def test_a_condition_touches_only_whom_it_names():
    """Snow for vehicles does not slow walkers; snow for walkers slows the ground under a cyclist, not the road."""
    assert pace_of(ground(Local(condition=snow(touches=["motor"]))), PLAIN).tolist() == [[0.5, 1, 0.5, 2, 1]]
    cyclist = profile_from("bike", {
        "zh": "骑", "en": "Bike", "rides": "cycle", "base_kmh": 3.6, "road_kmh": {"other": 7.2, "track": 3.6},
        "ground_kmh": {"unknown": 3.6, "tree": 1.8}})
    slow = ground(Local(condition=snow(touches=["walk"])))
    assert pace_of(slow, cyclist).tolist() == [[0.5, 1, 0.5, 8, 2]]
    assert gait_of(slow, cyclist).tolist() == [[2, 2, 2, 1, 1]]


def test_a_barrier_stops_off_the_roads_and_a_road_opens_it():
    """Barriers on all cells: the three roads pass, forest and grass do not; with the steps closed neither do they."""
    blocked = np.ones((1, 5), bool)
    assert pace_of(ground(barrier=blocked), PLAIN).tolist() == [[0.5, 1, 0.5, NO, NO]]
    assert pace_of(ground(Local(condition=snow()), barrier=blocked), PLAIN).tolist() == [[1, 4, NO, NO, NO]]


def test_even_ground_of_unknown_cover_feels_a_condition_too():
    """Without land cover the factor of 'other' counts, where the condition holds."""
    here = Local(condition=snow(), cells=np.array([[True, False]]))
    assert pace_of(Ground(shape=(1, 2), conditions=(here,)), PLAIN).tolist() == [[2, 1]]


# ---- roads as a graph


def test_half_the_speed_is_twice_the_time_of_an_edge_to_the_microsecond():
    """Exactly twice where the time is even anyway, within a microsecond per edge everywhere."""
    network = street()
    assert (network.slowed(range(network.n_edges), 0.5).edge_microseconds == 2 * network.edge_microseconds).all()
    odd = network.with_pace({"primary": 0.1234567})
    slow = odd.slowed(range(odd.n_edges), 0.5)
    assert np.abs(slow.edge_microseconds - 2 * odd.edge_microseconds).max() <= 1
    assert abs(int(slow.edge_microseconds.sum()) - 98_765_360) <= odd.n_edges  # 400 m at 0.2469134 s/m


def test_slowing_is_another_network_and_multiplies():
    """The first network keeps its times; 0.5 and 0.5 are 0.25; another pace of the class keeps the factors."""
    network = street()
    before = network.edge_microseconds.tolist()
    twice = network.slowed([0], 0.5).slowed([0, 1], [0.5, 0.25])
    assert network.edge_microseconds.tolist() == before
    assert (twice.edge_microseconds[:3] / network.edge_microseconds[:3]).tolist() == [4, 4, 1]
    assert (twice.with_pace({"primary": 0.2}).edge_microseconds == 2 * twice.edge_microseconds).all()


@pytest.mark.parametrize("factor", [0, -1, math.nan, math.inf])
def test_a_factor_of_an_edge_that_is_no_speed_is_refused(factor):
    """An edge without speed is closed, not slowed."""
    with pytest.raises(InvalidParameter, match="above 0.*closed"):
        street().slowed([0], factor)
    with pytest.raises(InvalidParameter, match="no edge 99"):
        street().slowed([99], 0.5)


def test_a_condition_slows_and_closes_the_edges_where_it_holds():
    """A primary road, a track, steps; snow in the cells of the first two only leaves the steps open."""
    network = street(("primary", "track", "steps"))
    cells = np.zeros((1, 12), bool)
    everywhere, here = Local(condition=snow()), Local(condition=snow(), cells=np.arange(12)[None] < 8)
    assert not Local(condition=snow(), cells=cells).on_edges(network).any()
    by_class = {}
    for name, local in (("everywhere", everywhere), ("here", here)):
        slow = slow_network(network, local.condition, local.on_edges(network), rides="motor")
        by_class[name] = [
            round(float(np.median(slow.edge_microseconds[slow.edge_class == i] / network.edge_microseconds[network.edge_class == i])), 9)
            if slow.edge_usable[slow.edge_class == i].all() else None
            for i in (network.classes.index(each) for each in ("primary", "track", "steps"))]
    assert by_class == {"everywhere": [2, 4, None], "here": [2, 4, 1]}
    unfelt = slow_network(network, snow(touches=["walk"]), everywhere.on_edges(network), rides="motor")
    assert unfelt is network


def test_the_middle_of_an_edge_says_in_which_cell_it_lies():
    """Edges from one centre to the next have their middle on the border, which belongs to the cell east of it; off the grid is -1."""
    network = street()
    middles = [line.interpolate(0.5, normalized=True).x for line in network.edge_lines]
    assert network.edge_cell.tolist() == [int(x // 100) for x in middles]
    beyond = build_network(
        [LineString([(0, 500), (100, 500)])], ["primary"], pace_by_class={"primary": 1}, west_m=0, north_m=100,
        cell_size_m=100, rows=1, cols=1)
    assert (beyond.edge_cell == -1).all()


def test_a_ride_under_a_condition_takes_as_long_as_its_factor_says():
    """Four cells by car at 36 km/h are 30 s from the first centre to the last; at a factor of 0.5 they are 60 s."""
    network = street()
    slow = slow_network(network, snow(), np.ones(network.n_edges, bool), rides="motor")
    usual, snowy = (solve_hybrid(np.full((1, 4), 2.0), each, [(0, 0)]).seconds[0, 3] for each in (network, slow))
    assert (usual, snowy) == (pytest.approx(30, abs=1e-4), pytest.approx(60, abs=1e-4))
