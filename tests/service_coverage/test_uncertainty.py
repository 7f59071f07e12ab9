"""What a band is drawn from: stated distributions, each draw by itself, and what the draws say."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from service_coverage.small_studies import county_of_two, grid_of, people_at

from geosvc.coverage import uncertainty
from geosvc.coverage.straight_line import straight_line_surface
from geosvc.coverage.uncertainty import SPEED_GROUPS, shipped_assumptions
from geosvc.errors import DefinitionError, InvalidInput
from geosvc.geo.crs import to_degrees
from geosvc.registry.facilities import PositionMethod
from geosvc.travel.profiles import travel_profiles

SHIPPED = shipped_assumptions()
TOML = files("geosvc.coverage").joinpath("uncertainty.toml").read_text("utf-8")
ONE_CLASS = [("off_road", "grass")]
# Standard errors that a checked quantity may be away: one seed in 16,000 is farther.
FAR = 4.0


def drawn_factors(classes, count, assumptions=SHIPPED, seed=1):
    """Return the factors of every class, shape (count, classes)."""
    return np.array([
        list(uncertainty.speed_factors(classes, assumptions, seed=seed, number=number).values()) for number in range(count)
    ])


@pytest.mark.parametrize("count", [100, 1000, 10_000])
def test_factors_come_closer_to_the_stated_lognormal_the_more_are_drawn(count):
    """5th, 50th and 95th percentile lie within four standard errors of exp(sigma z), which shrink with the draws."""
    factors = np.log(drawn_factors(ONE_CLASS, count)[:, 0])
    sigma = SHIPPED.sigma["off_road"]
    for percentile, found in zip((5, 50, 95), uncertainty.band(factors), strict=True):
        share, z = percentile / 100, stats.norm.ppf(percentile / 100)
        error = sigma * math.sqrt(share * (1 - share) / count) / stats.norm.pdf(z)
        assert abs(found - sigma * z) <= FAR * error


@pytest.mark.parametrize("rho", [0.0, 0.5, 1.0])
def test_classes_err_together_as_far_as_stated(rho):
    """The logarithms of two classes have the correlation rho, and each still has its own sigma."""
    classes = [("motor_road", "primary"), ("off_road", "grass")]
    logs = np.log(drawn_factors(classes, 4000, replace(SHIPPED, rho=rho)))
    error = (1 - rho**2) / math.sqrt(4000)
    assert abs(np.corrcoef(logs.T)[0, 1] - rho) <= FAR * error + 1e-9
    np.testing.assert_allclose(logs.std(axis=0), [SHIPPED.sigma["motor_road"], SHIPPED.sigma["off_road"]], rtol=0.05)


def test_position_errors_have_the_stated_deviation_in_every_direction():
    """Along each axis the standard deviation of the method; 95 % nearer than 2.45 of them; a 0 does not move."""
    errors = np.array([uncertainty.position_errors(np.array([500.0, 0.0]), seed=2, number=i) for i in range(4000)])
    np.testing.assert_allclose(errors[:, 0].std(axis=0), 500, rtol=0.05)
    assert abs(np.corrcoef(errors[:, 0].T)[0, 1]) < FAR / math.sqrt(4000)
    assert (np.hypot(*errors[:, 0].T) <= 2.45 * 500).mean() == pytest.approx(0.95, abs=FAR * math.sqrt(0.05 * 0.95 / 4000))
    assert not errors[:, 1].any()


def test_sources_are_taken_as_often_as_they_are_likely():
    """A source of weight 3 beside one of weight 1 gives three draws in four; one of weight 0 gives none."""
    taken = np.bincount([uncertainty.chosen_source([3.0, 0.0, 1.0], seed=3, number=i) for i in range(4000)], minlength=3)
    assert taken[1] == 0
    assert taken[0] / 4000 == pytest.approx(0.75, abs=FAR * math.sqrt(0.75 * 0.25 / 4000))


def test_a_draw_is_the_same_however_many_there_are():
    """The first draws of many are the draws of few; another seed draws otherwise."""
    np.testing.assert_array_equal(drawn_factors(ONE_CLASS, 20), drawn_factors(ONE_CLASS, 50)[:20])
    assert not np.isin(drawn_factors(ONE_CLASS, 20, seed=2), drawn_factors(ONE_CLASS, 20)).any()


def test_without_sigma_every_profile_is_as_declared():
    """A factor of exactly 1 leaves every speed what it is, to the bit."""
    still = replace(SHIPPED, sigma=dict.fromkeys(SPEED_GROUPS, 0.0))
    for profile in travel_profiles().values():
        factors = uncertainty.speed_factors(uncertainty.speed_classes(profile), still, seed=1, number=0)
        assert uncertainty.at_factors(profile, factors) == profile


def test_a_vehicle_and_those_who_walk_err_by_their_own_sigma():
    """A car's roads are of the first group, a walker's and a cyclist's of the second, all ground of the third."""
    profiles = travel_profiles()
    assert {group for group, _ in uncertainty.speed_classes(profiles["drive"])} == {"motor_road", "off_road"}
    for name in ("walk", "cycle"):
        assert {group for group, _ in uncertainty.speed_classes(profiles[name])} == {"foot_road", "off_road"}
    factors = uncertainty.speed_factors(uncertainty.speed_classes(profiles["drive"]), SHIPPED, seed=1, number=0)
    slower = uncertainty.at_factors(profiles["drive"], factors)
    assert slower.road_kmh["primary"] == profiles["drive"].road_kmh["primary"] * factors["motor_road", "primary"]
    assert slower.closed == profiles["drive"].closed


def test_the_band_is_ordered_and_by_the_rule_of_the_page():
    """Of 1 to 100 the percentile p lies at p (100 + 1/3) + 1/3: definition 8 of Hyndman and Fan."""
    found = uncertainty.band(np.random.default_rng(0).permutation(np.arange(1.0, 101.0)))
    np.testing.assert_allclose(found, [p * (100 + 1 / 3) + 1 / 3 for p in (0.05, 0.5, 0.95)])


def test_certain_and_not_certain_leave_nothing_between_them():
    """Covered for certain, not covered for certain, not certain: every cell is one of them; no data is none."""
    share = np.append(np.arange(101) / 100, np.nan)
    doubtful, covered = uncertainty.not_certain(share), uncertainty.certainly_covered(share)
    assert doubtful.sum() == 89  # 0.06 to 0.94
    assert covered.sum() == 6
    assert not (doubtful & covered).any()
    assert not doubtful[-1]
    assert not covered[-1]


def test_who_asks_for_more_certainty_is_certain_of_fewer_cells():
    """Masks nest: what is certain at 95 % is certain at 90 %."""
    share = np.random.default_rng(5).random(1000)
    for loose, strict in ((0.8, 0.9), (0.9, 0.95), (0.95, 0.99)):
        assert not (uncertainty.not_certain(share, loose) & ~uncertainty.not_certain(share, strict)).any()
        assert not (uncertainty.certainly_covered(share, strict) & ~uncertainty.certainly_covered(share, loose)).any()


# -- other figures for the same people ----------------------------------------------------------


TREE = county_of_two(grid_of(4, 8), 4)  # index 0 the county, 1 the west, 2 the east
PEOPLE = people_at([(0, 0, 10, 1), (1, 1, 30, 1), (2, 5, 60, 2), (3, 3, 5, -1)])


def test_figures_scale_their_own_area_and_nobody_moves():
    """The west has twice as many people by the other source: its cells double, the east and those outside stay."""
    found = uncertainty.recounted(PEOPLE, {1: 80.0}, TREE)
    np.testing.assert_array_equal(found.count, [20, 60, 60, 5])
    assert found.row is PEOPLE.row


def test_the_rest_of_an_outer_figure_goes_to_who_is_in_no_inner_one():
    """The county has 150, of which the west 80: the east has the other 70."""
    np.testing.assert_array_equal(uncertainty.recounted(PEOPLE, {0: 150.0, 1: 80.0}, TREE).count, [20, 60, 70, 5])


def test_figures_may_miss_their_sum_by_rounding_and_no_more():
    """Two townships that count one person more than the county pass; half as many again do not."""
    assert uncertainty.recounted(PEOPLE, {0: 100.0, 1: 40.0, 2: 60.5}, TREE).total == pytest.approx(105.5)
    with pytest.raises(InvalidInput, match="more people than the whole"):
        uncertainty.recounted(PEOPLE, {0: 100.0, 1: 90.0, 2: 60.0}, TREE)


def test_figures_of_a_place_without_people_fit_nobody():
    """Somebody counted people in the east, where the run's own people has nobody: no cell can take them."""
    west = people_at([(0, 0, 10, 1)])
    with pytest.raises(InvalidInput, match="东镇"):
        uncertainty.recounted(west, {2: 60.0}, TREE)


def test_sources_that_differ_by_rounding_say_the_same():
    """One person in a thousand is rounding; one in a hundred is another opinion."""
    assert uncertainty.same_people(PEOPLE, uncertainty.recounted(PEOPLE, {1: 40.05}, TREE))
    assert not uncertainty.same_people(PEOPLE, uncertainty.recounted(PEOPLE, {1: 41.0}, TREE))


# -- the stated distributions -------------------------------------------------------------------


def test_every_way_of_finding_a_position_has_its_error():
    """No method is forgotten, and the rougher the method the larger the error."""
    assert set(SHIPPED.sd_m) == set(PositionMethod) - {PositionMethod.NONE}
    rough = [SHIPPED.sd_m[m] for m in ("surveyed", "building", "geocoded", "settlement_point", "area_centre")]
    assert rough == sorted(rough)
    assert rough[0] > 0


def test_every_number_says_where_it_comes_from():
    """Each table of the shipped file has its basis in both languages."""
    assert {"speed", "population", *(f"speed.{g}" for g in SPEED_GROUPS)} <= SHIPPED.basis.keys()
    assert all(told["zh"] and told["en"] for told in SHIPPED.basis.values())


def test_the_checksum_is_of_the_numbers_not_of_the_words():
    """Another number is another question; a better worded source is not."""
    assert uncertainty.assumptions_from_toml(TOML.replace("not measured", "guessed"), source="f").sha256 == SHIPPED.sha256
    assert uncertainty.assumptions_from_toml(TOML.replace("sigma = 0.20", "sigma = 0.21"), source="f").sha256 != SHIPPED.sha256


@pytest.mark.parametrize(("old", "new", "told"), [
    ("sigma = 0.20", "sigma = -0.2", "speed.motor_road must be a number, 0 or more"),
    ("sigma = 0.20", "sigma = inf", "speed.motor_road"),
    ("sigma = 0.20", 'sigma = "wide"', "speed.motor_road"),
    ("rho = 0.5", "rho = 1.5", "at most 1"),
    ("rho = 0.5", "", "rho"),
    ("[position.geocoded]", "[position.guessed]", "geocoded, guessed"),
    ("run = 1.0", "run = 0.0", "weight.run"),
    ("census = 1.0", "censuses = 1.0", "census"),
    ("version = 1", "version = 2", "version = 1"),
    ("[speed]", "[speed", "not TOML"),
])
def test_assumptions_that_nothing_can_be_drawn_from_are_refused(old, new, told):
    """The refusal names the number and what was expected."""
    with pytest.raises(DefinitionError, match=told):
        uncertainty.assumptions_from_toml(TOML.replace(old, new, 1), source="mine.toml")


def test_a_file_of_assumptions_that_cannot_be_read_is_refused(tmp_path):
    """Not there, not text: one sentence that names the file."""
    with pytest.raises(DefinitionError, match=r"none\.toml"):
        uncertainty.read_assumptions(tmp_path / "none.toml")
    (tmp_path / "gbk.toml").write_bytes("假设".encode("gbk"))
    with pytest.raises(DefinitionError, match="UTF-8"):
        uncertainty.read_assumptions(tmp_path / "gbk.toml")


# -- looking no further than one must -----------------------------------------------------------


@pytest.mark.parametrize("facilities", [1, 3, 40])
def test_a_bounded_look_as_the_crow_flies_is_the_unbounded_one_within_the_limit(facilities):
    """Up to the limit, itself included, distance and nearest facility are the same to the micrometre."""
    grid, rng = grid_of(40, 50, 200.0), np.random.default_rng(facilities)
    x, y = grid.centres(rng.uniform(-5, 45, facilities).round(), rng.uniform(-5, 55, facilities).round())
    lon, lat = to_degrees(x, y, crs=grid.crs)
    whole = straight_line_surface(lon, lat, grid)
    for limit_m in (0.0, 1000.0, float(np.median(whole.micro)) / 1e6):
        bounded = straight_line_surface(lon, lat, grid, limit_m=limit_m)
        within = whole.within(limit_m)
        np.testing.assert_array_equal(bounded.within(limit_m), within)
        np.testing.assert_array_equal(bounded.micro[within], whole.micro[within])
        np.testing.assert_array_equal(bounded.nearest[within], whole.nearest[within])


def test_the_page_states_the_numbers_that_are_drawn_from():
    """docs/uncertainty.md has every sigma, rho and deviation of the shipped file."""
    page = (Path(__file__).resolve().parents[2] / "docs/uncertainty.md").read_text("utf-8")
    for group, sigma in SHIPPED.sigma.items():
        (told,) = re.findall(rf"^\| `{group}`.*?\| ([\d.]+) \|", page, flags=re.MULTILINE)
        assert float(told) == sigma
    for method, sd_m in SHIPPED.sd_m.items():
        (told,) = re.findall(rf"^\| [\w, ]*{method.replace('_', ' ')}[\w, ]* \| ([\d,]+) \|", page, flags=re.MULTILINE)
        assert float(told.replace(",", "")) == sd_m
    assert f"rho = {SHIPPED.rho:g}" in page
    assert f"`within_years` = {SHIPPED.within_years:g}" in page
