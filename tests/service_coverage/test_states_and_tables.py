"""Coverage tables: states are never mixed, add up, and are the sums that a pencil gives."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from service_coverage.small_studies import (
    LIMIT,
    LIMIT_S,
    WALK,
    block,
    county_of_two,
    grid_of,
    people_at,
    radius,
    surface_of,
    tree_of,
)

from geosvc.coverage.measure import histogram, measure, settlement_verdict, shares, weighted_quantiles
from geosvc.coverage.states import STATE_WORDS, CoverageState, states_of
from geosvc.geo.grid import MICRO, Surface
from geosvc.registry.areas import Area

QUICK = settings(max_examples=40, deadline=None, derandomize=True)
# Minutes: 10, 30 and 31; then no path, and ground of which nothing is known.
ROW = [600, 1800, 1860, None, 60]
LOOKED = [[True, True, True, True, False]]


def table(surface, people, tree, *, limit=LIMIT, service=WALK):
    rows = measure(
        surface, service, limit, people=people, tree=tree, area_of_cell=tree.area_of_cell(surface.grid),
        zones=tree.zones(surface.grid),
    )
    return {row.area_code: row for row in rows}


def test_each_state_is_kept_apart():
    """Covered, at the limit, beyond it, no path, no data: five cells, and the limit itself is covered."""
    states = states_of(surface_of([ROW], looked=LOOKED), LIMIT_S)
    assert [CoverageState(s).word for s in states[0]] == ["covered", "covered", "beyond", "unreachable", "no_data"]


def test_the_limit_includes_itself_and_not_a_millionth_more():
    """1800.000000 s is within 30 minutes, 1800.000001 s is not: nothing is rounded before it is compared."""
    surface = surface_of([[1800.0, 1800.000001, 1799.999999]])
    assert surface.within(LIMIT_S).tolist() == [[True, False, True]]


def test_a_limit_of_zero_covers_the_facility_itself():
    """Zero minutes is a limit too."""
    assert surface_of([[0, 0.000001, None]]).within(0).tolist() == [[True, False, False]]


def test_beyond_the_horizon_is_not_unreachable():
    """A run that stopped looking at 2 hours does not say that nobody gets there."""
    states = states_of(surface_of([[600, None]], horizon=7200), LIMIT_S)
    assert [CoverageState(s).word for s in states[0]] == ["covered", "beyond_horizon"]


def test_people_and_km2_by_state_by_hand():
    """A row of five cells of 1 km2 with 1, 2, 4, 8 and 16 people: every state has its own number."""
    surface = surface_of([ROW], looked=LOOKED)
    tree = county_of_two(surface.grid, 2)
    people = people_at([(0, c, 2**c, 1 if c < 2 else 2) for c in range(5)])
    found = table(surface, people, tree)
    assert list(found) == ["*total", "1", "11", "12"]
    expected = {"no_data": 16, "covered": 3, "beyond": 4, "unreachable": 8, "beyond_horizon": 0}
    assert found["*total"].people == found["1"].people == expected
    assert found["11"].people == {**dict.fromkeys(STATE_WORDS, 0), "covered": 3}
    assert found["*total"].km2 == found["1"].km2 == {
        "no_data": 1, "covered": 2, "beyond": 1, "unreachable": 1, "beyond_horizon": 0}
    assert found["12"].km2 == {"no_data": 1, "covered": 0, "beyond": 1, "unreachable": 1, "beyond_horizon": 0}


def test_people_outside_every_area_have_their_own_row():
    """Who lives in no area is in the total and in the row *outside, and in no area's."""
    surface = surface_of([[600, 600]])
    tree = tree_of(Area(code="1", name="县", level="county", geometry=block(surface.grid, 0, 0, 1, 1)))
    found = table(surface, people_at([(0, 0, 10, 0), (0, 1, 5, -1)]), tree)
    assert found["*outside"].people["covered"] == 5
    assert found["1"].people["covered"] == 10
    assert found["*total"].people["covered"] == 15
    assert found["*total"].km2["covered"] == 1  # km2 of the study, not of its surroundings


def test_there_is_no_outside_row_when_nobody_lives_outside():
    """An empty row would only ask questions."""
    surface = surface_of([[600]])
    tree = tree_of(Area(code="1", name="县", level="county", geometry=block(surface.grid, 0, 0, 1, 1)))
    assert "*outside" not in table(surface, people_at([(0, 0, 1, 0)]), tree)


def test_people_off_the_grid_are_no_data_and_not_lost():
    """People of an area without any cell are counted, in the only state that is honest."""
    surface = surface_of([[600]])
    tree = tree_of(Area(code="1", name="县", level="county", geometry=block(surface.grid, 0, 0, 1, 1)))
    found = table(surface, people_at([(0, 0, 1, 0), (-1, -1, 7, 0)]), tree)
    assert found["*total"].people == {**dict.fromkeys(STATE_WORDS, 0), "covered": 1, "no_data": 7}


def test_an_area_without_polygon_has_people_and_unknown_km2():
    """A coded township has the people that the source gives to it; its km2 are None, never 0."""
    surface = surface_of([[600, 3000]])
    tree = tree_of(
        Area(code="1", name="县", level="county", geometry=block(surface.grid, 0, 0, 1, 2)),
        Area(code="11", name="镇", level="township", parent_code="1"),
    )
    found = table(surface, people_at([(0, 0, 3, 1), (0, 1, 4, 1)]), tree)
    assert found["11"].km2 is None
    assert (found["11"].people["covered"], found["11"].people["beyond"]) == (3, 4)
    assert found["1"].people == found["11"].people
    assert found["1"].km2["covered"] == 1


def test_villages_roll_up_to_townships_and_county_by_parent_code():
    """People of three villages in two townships: each level is the sum of the one below."""
    surface = surface_of([[600, 3000, 600]])
    tree = tree_of(
        Area(code="1", name="县", level="county"),
        Area(code="11", name="西镇", level="township", parent_code="1"),
        Area(code="12", name="东镇", level="township", parent_code="1"),
        Area(code="111", name="甲村", level="village", parent_code="11"),
        Area(code="112", name="乙村", level="village", parent_code="11"),
        Area(code="121", name="丙村", level="village", parent_code="12"),
    )
    at = tree.index
    people = people_at([(0, 0, 1, at["111"]), (0, 1, 2, at["112"]), (0, 2, 4, at["121"]), (0, 2, 8, at["12"])])
    found = table(surface, people, tree)
    assert found["11"].people["covered"] == 1
    assert found["11"].people["beyond"] == 2
    assert found["12"].people["covered"] == 12
    assert (found["1"].people["covered"], found["1"].people["beyond"]) == (13, 2)
    assert list(found) == ["*total", "1", "11", "12", "111", "112", "121"]


def test_a_ring_of_parents_is_cut():
    """Two areas that name each other as parent do not count anybody for ever."""
    surface = surface_of([[600]])
    tree = tree_of(Area(code="1", name="甲", level="county", parent_code="2"), Area(code="2", name="乙", level="county", parent_code="1"))
    found = table(surface, people_at([(0, 0, 5, 0)]), tree)
    assert found["1"].people["covered"] == found["2"].people["covered"] == 5
    assert found["*total"].people["covered"] == 5


def test_a_zone_may_cross_counties():
    """A zone counts everybody on its cells, whichever county they belong to, and takes nobody from them."""
    surface = surface_of([[600, 600, 3000, 600]])
    grid = surface.grid
    tree = tree_of(
        Area(code="1", name="甲县", level="county", geometry=block(grid, 0, 0, 1, 2)),
        Area(code="2", name="乙县", level="county", geometry=block(grid, 0, 2, 1, 4)),
        Area(code="z", name="合作区", level="zone", geometry=block(grid, 0, 1, 1, 3)),
    )
    found = table(surface, people_at([(0, 0, 1, 0), (0, 1, 2, 0), (0, 2, 4, 1), (0, 3, 8, 1)]), tree)
    assert (found["z"].people["covered"], found["z"].people["beyond"]) == (2, 4)
    assert found["z"].km2 == {**dict.fromkeys(STATE_WORDS, 0), "covered": 1, "beyond": 1}
    assert found["1"].people["covered"] == 3
    assert (found["2"].people["covered"], found["2"].people["beyond"]) == (8, 4)
    assert found["*total"].people["covered"] == 11


def test_without_population_people_are_unknown_and_not_zero():
    """Nobody was counted: people and every share are None in every row; km2 are still there."""
    surface = surface_of([ROW], looked=LOOKED)
    found = table(surface, None, county_of_two(surface.grid, 2))
    for row in found.values():
        assert row.people is None
        assert set(row.figures["share"].values()) == {None}
    assert found["*total"].km2["covered"] == 2


def test_a_study_without_polygons_has_unknown_km2():
    """With areas by code only the size of the study is not known."""
    surface = surface_of([[600]])
    found = table(surface, people_at([(0, 0, 1, 0)]), tree_of(Area(code="1", name="县", level="county")))
    assert found["*total"].km2 is None
    assert found["1"].km2 is None


def test_the_three_denominators():
    """Of 100 people 20 are covered, 10 without data and 30 cut off: 20 of 100, of 90, of 60."""
    people = {"covered": 20.0, "beyond": 40.0, "unreachable": 30.0, "no_data": 10.0, "beyond_horizon": 0.0}
    assert shares(people) == {
        "of_all_people": 0.2, "of_people_with_data": 20 / 90, "of_people_who_can_reach_any": 20 / 60}


def test_a_share_of_nobody_is_unknown():
    """Zero of zero is not 0 % and not 100 %."""
    assert set(shares(dict.fromkeys(STATE_WORDS, 0.0)).values()) == {None}


@pytest.mark.parametrize(
    ("values", "weights", "expected"),
    [
        ([5, 20], [6, 4], [5, 20]),
        ([5, 20], [5, 5], [5, 20]),  # exactly half do not live farther than 5
        ([20, 5], [5, 5], [5, 20]),  # in whatever order
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [1] * 10, [5, 9]),
        ([7], [0.1], [7, 7]),
        ([7, 9], [0, 0], [None, None]),
        ([], [], [None, None]),
        ([1, 100], [0.1 + 0.2, 0.0], [1, 1]),
    ],
)
def test_weighted_quantiles_by_hand(values, weights, expected):
    """The median and the 90th percentile are the smallest time that so many people do not exceed."""
    assert weighted_quantiles(np.array(values, float), np.array(weights, float), (0.5, 0.9)) == expected


def test_quantiles_are_of_all_whose_state_is_known():
    """Who is cut off is farther than everybody else; of who has no data nothing is said."""
    surface = surface_of([ROW], looked=LOOKED)
    found = table(surface, people_at([(0, c, 10, 2) for c in range(5)]), county_of_two(surface.grid, 2))
    assert found["*total"].figures["p50"] == 30
    assert found["*total"].figures["p90"] is None  # a quarter of the forty cannot get there


@QUICK
@given(st.data())
def test_states_always_add_up_to_everybody(data):
    """Whatever the surface, the people of all states are all people, in the total and in each level."""
    rows, cols = data.draw(st.integers(1, 5)), data.draw(st.integers(2, 5))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    micro = rng.integers(-1, 4000, (rows, cols)).astype(np.int64)
    micro = np.where(micro < 0, -1, micro * MICRO)
    surface = Surface(grid=grid_of(rows, cols), micro=micro, nearest=np.zeros_like(micro, dtype=np.int32), unit="s",
                      looked=rng.random((rows, cols)) > 0.2)
    entries = [(int(r), int(c), float(n), int(a)) for r, c, n, a in zip(
        rng.integers(-1, rows, 30), rng.integers(0, cols, 30), rng.random(30) * 100, rng.integers(-1, 3, 30), strict=True)]
    people = people_at(entries)
    found = table(surface, people, county_of_two(surface.grid, 1))
    everyone = sum(n for _, _, n, _ in entries)
    assert sum(found["*total"].people.values()) == pytest.approx(everyone, abs=1e-9)
    inside = sum(sum(found[code].people.values()) for code in ("1",))
    outside = sum(found["*outside"].people.values()) if "*outside" in found else 0.0
    assert inside + outside == pytest.approx(everyone, abs=1e-9)
    assert sum(found["*total"].km2.values()) == pytest.approx(rows * cols)


@pytest.mark.parametrize("limit", [1800, 600, 5000, 10_000, 7 * 60, 100 / 3])
@pytest.mark.parametrize("steps", [240, 7])
def test_the_running_sum_of_the_curve_is_the_coverage(limit, steps):
    """Up to bin k live exactly the people within k steps, those exactly at the limit included."""
    step = 2 * limit / steps
    at_limits = [[round(k * step * MICRO) / MICRO + extra for k in range(steps + 1)] for extra in (0.0, 1e-6)]
    surface = surface_of(at_limits)
    people = people_at([(r, c, 1 + c, -1) for r in range(2) for c in range(steps + 1)])
    bins = histogram(surface, people, step=step, steps=steps)
    running = np.cumsum(bins)
    weights = np.zeros(surface.grid.shape)
    weights[people.row, people.col] = people.count
    for k in range(steps):  # the last bin holds everybody farther
        assert running[k] == weights[surface.within(k * step)].sum(), k
    assert running[-1] == people.total


def test_who_is_not_reached_is_in_no_bin():
    """The curve counts who arrives; no path and no data are told elsewhere."""
    surface = surface_of([ROW], looked=LOOKED)
    bins = histogram(surface, people_at([(0, c, 2**c, -1) for c in range(5)]), step=600, steps=10)
    assert bins == [0, 1, 0, 2, 4, 0, 0, 0, 0, 0, 0]
    assert histogram(surface, None, step=600, steps=10) is None


URBAN, RURAL, UNKNOWN = 1, 0, -1


def verdict(classes, *, service=None, people=True):
    surface = surface_of([[4000, 8000]], unit="m")
    service = service or radius(5, applies_to="urban")
    who = people_at([(0, 0, 3, 0), (0, 1, 4, 1)]) if people else None
    return settlement_verdict(surface, service, who, np.array([*classes, UNKNOWN], dtype=np.int8))


def test_a_verdict_needs_to_know_everybodys_class():
    """Urban and rural limits judge nobody while the class of one township is not known."""
    assert verdict([URBAN, UNKNOWN]) == {
        "given": False, "reason": "settlement_class_unknown", "people_of_unknown_class": 4}
    assert verdict([UNKNOWN, UNKNOWN])["given"] is False


def test_a_verdict_counts_only_whom_the_limit_is_for():
    """With every class known the urban limit of 5 km judges the 3 townspeople and not the 4 villagers."""
    found = verdict([URBAN, RURAL])
    assert found["given"] is True
    assert found["figures"] == [{"threshold": "t0", "applies_to": "urban", "people_covered": 3, "people": 3}]


def test_one_limit_for_everybody_needs_no_verdict():
    """A service whose limits are for any place has none to give."""
    assert verdict([URBAN, RURAL], service=radius(5)) is None


def test_no_verdict_without_people():
    """Without population nobody can be judged."""
    assert verdict([URBAN, RURAL], people=False)["reason"] == "no_population"
