"""Equity: the Gini coefficient against its definition, its laws, and the worst-served fifth counted person by person."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from geosvc.coverage.equity import equity_by_level, gini, gini_of_curve, people_of_worst, worst_served

LAW = settings(max_examples=80, deadline=None, derandomize=True)
SHARE = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])
AREAS = st.lists(st.tuples(SHARE, st.integers(0, 40)), min_size=1, max_size=9)


def slow_gini(values, weights):
    """Half the mean difference of two people, as a part of the mean: the definition, pair by pair."""
    total = sum(weights)
    mean = sum(w * x for x, w in zip(values, weights, strict=True)) / total
    difference = sum(w * v * abs(x - y) for x, w in zip(values, weights, strict=True) for y, v in zip(values, weights, strict=True))
    return difference / (2 * total**2 * mean)


def split(areas):
    return np.array([x for x, _w in areas]), np.array([float(w) for _x, w in areas])


def row(code, level="township", **people):
    states = dict.fromkeys(("covered", "beyond", "unreachable", "beyond_horizon", "no_data"), 0.0)
    return {"area_code": code, "level": level, "people": {**states, **people}}


@LAW
@given(AREAS)
def test_the_gini_is_the_mean_difference(areas):
    """By the Lorenz curve or pair by pair, it is the same number; and it keeps within its bounds."""
    values, weights = split(areas)
    assume(float((values * weights).sum()) > 0)
    found = gini(values, weights)
    assert found == pytest.approx(slow_gini(values, weights), abs=1e-12)
    assert 0 <= found <= 1 - weights[weights > 0].min() / weights.sum() + 1e-12


@LAW
@given(AREAS, st.sampled_from([0.25, 3.0]), st.randoms(use_true_random=False))
def test_the_gini_does_not_ask_in_which_unit_order_or_parts(areas, factor, chance):
    """Other units, another order of the areas, an area told as two with the same share: nothing changes."""
    values, weights = split(areas)
    assume(float((values * weights).sum()) > 0)
    found = pytest.approx(gini(values, weights), abs=1e-12)
    assert gini(values * factor, weights) == found
    assert gini(values, weights * factor) == found
    chance.shuffle(areas)
    assert gini(*split(areas)) == found
    assert gini(np.append(values, values[0]), np.append([weights[0] / 4, *weights[1:]], weights[0] * 3 / 4)) == found


@LAW
@given(AREAS, st.integers(0, 8), st.integers(0, 8))
def test_giving_to_who_has_less_lowers_the_gini(areas, one, other):
    """Half of the difference of two areas with as many people handed over: they are equal, and the Gini is not higher (Pigou-Dalton)."""
    values, weights = split(areas)
    one, other = one % len(areas), other % len(areas)
    weights[other] = weights[one]
    assume(float((values * weights).sum()) > 0)
    after = values.copy()
    after[[one, other]] = (values[one] + values[other]) / 2
    assert gini(after, weights) <= gini(values, weights) + 1e-12


@pytest.mark.parametrize("share", [0.3, 1.0])
def test_all_equal_is_nought(share):
    """Where every area has the same share there is no inequality, however many live in each: exactly 0."""
    assert gini(np.full(7, share), np.array([1.0, 5, 33, 0.1, 1000, 7, 3])) == pytest.approx(0, abs=1e-15)


def test_all_in_one_place_is_nearly_one():
    """One person of a thousand has all."""
    assert gini(np.array([0.0, 1.0]), np.array([999.0, 1.0])) == pytest.approx(0.999)


@pytest.mark.parametrize(("values", "weights"), [([0.0, 0.0], [3.0, 4.0]), ([0.5, 1.0], [0.0, 0.0]), ([], [])])
def test_of_nothing_there_is_no_gini(values, weights):
    """Nobody covered, or nobody there: unknown, and not 0, which would say that all is well."""
    assert gini(np.array(values), np.array(weights)) is None


@LAW
@given(AREAS)
def test_the_worst_served_fifth_is_counted_person_by_person(areas):
    """Everybody as a list, worst-served first; the first fifth of it. People are in fifths, so that the border may cut one."""
    values, weights = split(areas)
    assume(weights.sum() > 0)
    everybody = sorted(x for x, w in areas for _fifth in range(5 * w))
    fifth = everybody[: len(everybody) // 5]
    assert worst_served(values, weights) == pytest.approx(sum(fifth) / len(fifth))
    assert people_of_worst(values, weights).sum() == pytest.approx(weights.sum() / 5)
    assert worst_served(values, weights) <= (values * weights).sum() / weights.sum() + 1e-12
    assert worst_served(values, weights, 1.0) == pytest.approx((values * weights).sum() / weights.sum())


def test_nobody_has_no_worst_fifth():
    """Nobody counted: unknown."""
    assert worst_served(np.array([0.5]), np.array([0.0])) is None


def test_each_level_is_told_by_itself():
    """Counties and townships have figures of their own; totals, people outside and zones, which may overlap, have none."""
    rows = [
        row("*total", "total", covered=150.0, beyond=50.0), row("1", "county", covered=150.0, beyond=50.0),
        row("101", covered=100.0), row("102", covered=50.0, beyond=50.0),
        row("z1", "zone", covered=1.0), row("z2", "zone", beyond=1.0), row("*outside", "outside", beyond=1.0),
    ]
    found = equity_by_level(rows)
    assert set(found) == {"township"}
    assert found["township"]["gini"] == pytest.approx(1 / 6)
    assert found["township"]["worst_fifth"] == {"share": 0.5, "people": 40.0, "areas": ["102"]}
    assert (found["township"]["areas"], found["township"]["people"]) == (2, 200.0)


def test_of_whom_nothing_is_known_is_not_uncovered():
    """People without data are left out and counted; an area with no others, or of unknown people, is no area of share 0."""
    known = [row("101", covered=10.0), row("102", covered=5.0, beyond=5.0)]
    more = [row("103", no_data=90.0), {"area_code": "104", "level": "township", "people": None}, row("105"), row("106", covered=5.0, beyond=5.0, no_data=7.0)]
    found = equity_by_level([*known, *more])["township"]
    expected = equity_by_level([*known, row("106", covered=5.0, beyond=5.0)])["township"]
    assert {**found, "people_no_data": 0.0, "areas_unknown": 0} == expected
    assert (found["people_no_data"], found["areas_unknown"], found["areas"]) == (97.0, 1, 3)
    assert equity_by_level([row("101", covered=10.0), row("103", no_data=90.0), row("105")]) == {}


def test_the_gini_of_a_curve_is_that_of_its_people():
    """Steps of 10 minutes: who is in one is in its middle, who is at the facility at 0."""
    people = [10.0, 20.0, 0.0, 5.0]
    minutes = [0.0] * 10 + [5.0] * 20 + [25.0] * 5
    found = gini_of_curve([*people, 0.0], 10.0)
    assert found["gini"] == pytest.approx(slow_gini(minutes, [1.0] * 35))
    assert (found["people"], found["people_farther"], found["step"]) == (35.0, 0.0, 10.0)


def test_who_is_farther_than_the_curve_goes_leaves_it_unknown():
    """How far they are is not known, so the Gini is not; and it is none of a curve that is not there."""
    assert gini_of_curve([10.0, 20.0, 1.0], 10.0) == {"gini": None, "people": 30.0, "people_farther": 1.0, "step": 10.0}
    assert gini_of_curve(None, 10.0) is None
