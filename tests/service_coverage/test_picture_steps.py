"""The picture that a browser colours: a limit splits the pixels exactly as it splits the cells."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from service_coverage.small_studies import WALK, grid_of, radius, surface_of

from geosvc.coverage.services import Threshold, shipped_services
from geosvc.geo.grid import Surface, micro_of
from geosvc.maps.picture import FARTHER, NO_DATA, OUTSIDE, UNREACHABLE, picture_of, step_of

LIMITS = [(30,), (30, 60), (5, 10, 20), (5, 10), (15, 30), (120,), (60,), (10,), (7, 30), (9, 25), (2.5, 7), (1, 60), (0, 30), (0.5, 45), (13, 17, 19)]


def minutes(*values):
    return replace(WALK, thresholds=tuple(Threshold(id=f"t{i}", value=v) for i, v in enumerate(values)))


def cells_around(service):
    """A surface whose cells lie a millionth below, at, and a millionth above each limit."""
    micro = [micro_of(service.limit_of(t)) + extra for t in service.thresholds for extra in (-1, 0, 1)]
    micro = np.maximum(np.array([micro], dtype=np.int64), 0)
    return Surface(grid=grid_of(*micro.shape), micro=micro, nearest=np.zeros(micro.shape, np.int32), unit=service.unit)


@pytest.mark.parametrize("make", [minutes, radius], ids=["minutes", "kilometres"])
@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_every_threshold_is_a_whole_number_of_steps(make, limits):
    """Otherwise no colour scale could split the pixels where the limit splits the cells; it fits in a byte."""
    step = step_of(make(*limits))
    for limit in limits:
        assert limit / step == pytest.approx(round(limit / step), abs=1e-9)
        assert limit / step < FARTHER


@pytest.mark.parametrize("service", shipped_services(), ids=lambda service: service.id)
def test_shipped_services_have_whole_steps(service):
    """The services that every workspace starts with can all be drawn exactly."""
    step = step_of(service)
    for threshold in service.thresholds:
        assert threshold.value / step == pytest.approx(round(threshold.value / step), abs=1e-9)


@pytest.mark.parametrize("make", [minutes, radius], ids=["minutes", "kilometres"])
@pytest.mark.parametrize("limits", LIMITS, ids=str)
def test_a_pixel_is_within_a_limit_exactly_when_its_cell_is(make, limits):
    """One millionth below, at, and one above each limit: pixel <= limit / step says what the cell says."""
    service = make(*limits)
    surface = cells_around(service)
    step = step_of(service)
    width = surface.grid.cols
    drawn, _ = picture_of(surface, step=step, service=service, study=np.ones((1, width), bool))
    values = _exact_numbers(surface, service, step)
    for threshold in service.thresholds:
        within = surface.within(service.limit_of(threshold))
        assert ((values <= round(threshold.value / step)) == within).all(), (threshold.value, step, values.tolist())
    assert set(np.unique(drawn)) <= {*np.unique(values).tolist(), OUTSIDE}


def _exact_numbers(surface, service, step):
    """Read the numbers of single cells out of pictures of one cell each."""
    found = np.empty(surface.micro.shape, dtype=int)
    for col in range(surface.grid.cols):
        one = replace(surface, grid=grid_of(1, 1), micro=surface.micro[:, col : col + 1], nearest=surface.nearest[:, col : col + 1])
        drawn, _ = picture_of(one, step=step, service=service, study=np.ones((1, 1), bool))
        found[0, col] = drawn[0, 0]
    return found


def test_no_path_and_no_data_and_outside_have_their_own_numbers():
    """States are not mixed in the picture either."""
    surface = surface_of([[60, None, 60, 60]], looked=[[True, True, False, True]])
    drawn, (west, south, east, north) = picture_of(
        surface, step=1.0, service=WALK, study=np.array([[True, True, True, False]]))
    assert {1, UNREACHABLE, NO_DATA, OUTSIDE} == set(np.unique(drawn).tolist())
    assert west < east
    assert south < north


def test_far_away_is_farther_and_never_a_state():
    """A cell days away is the largest number of steps, not taken for unreachable."""
    drawn, _ = picture_of(surface_of([[10**7]]), step=1.0, service=WALK, study=np.ones((1, 1), bool))
    assert drawn[0, 0] == FARTHER
