"""Isochrones and catchments are read off one field."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from service_coverage.small_studies import surface_of

from geosvc.coverage.shapes import catchments, isochrones
from geosvc.errors import InvalidParameter


def field(values):
    """A surface from seconds; None = not reached."""
    return surface_of(values)


def test_isochrones_nest_and_keep_holes():
    """A hill that is farther than its surroundings is a hole of the inner isochrone and filled in the outer."""
    surface = field([[60, 60, 60], [60, 300, 60], [60, 60, 60]])
    inner, outer = isochrones(surface, [300, 60])
    assert (inner.limit, outer.limit) == (60, 300)
    (ring,) = inner.geometry.geoms
    assert len(ring.interiors) == 1
    assert outer.geometry.buffer(1e-6).contains(inner.geometry)
    assert inner.km2 == pytest.approx(8 / 9 * outer.km2)


def test_the_limit_itself_is_inside():
    """A cell exactly at the limit belongs to the isochrone."""
    (exact,) = isochrones(field([[60, 61]]), [60])
    assert exact.km2 == pytest.approx(surface_of([[1]]).grid.cell_km2)


def test_people_are_counted_from_cells():
    """Three people live within a minute, four beyond; nobody knows of people: nobody is counted."""
    surface = field([[60, 120]])
    people = np.array([[3.0, 4.0]])
    assert [each.people for each in isochrones(surface, [60, 120], people=people)] == [3.0, 7.0]
    assert isochrones(surface, [60])[0].people is None


@pytest.mark.parametrize("limits", [[], [-1.0], [float("nan")]])
def test_senseless_limits_are_refused(limits):
    """No limit, a negative one, or none that is a number: said so."""
    with pytest.raises(InvalidParameter, match="limits"):
        isochrones(field([[60]]), limits)


def test_nothing_within_is_an_empty_shape():
    """An isochrone that holds no cell is empty, with 0 km2, and not missing."""
    (none,) = isochrones(field([[60]]), [1])
    assert none.geometry.is_empty
    assert none.km2 == 0


@given(st.data())
@settings(max_examples=30, deadline=None, derandomize=True)
def test_catchments_are_the_field(data):
    """Catchments do not overlap, together fill what is reached, and agree with nearest in every cell."""
    rows, cols = data.draw(st.integers(1, 5)), data.draw(st.integers(1, 5))
    values = [[data.draw(st.sampled_from([None, 60, 120])) for _ in range(cols)] for _ in range(rows)]
    surface = field(values)
    draw = np.array([[data.draw(st.integers(0, 2)) for _ in range(cols)] for _ in range(rows)], dtype=np.int32)
    surface = type(surface)(**{**surface.__dict__, "nearest": np.where(surface.micro >= 0, draw, -1).astype(np.int32)})
    found = catchments(surface)
    assert [each.nearest for each in found] == sorted(set(surface.nearest[surface.nearest >= 0].tolist()))
    for each in found:
        assert each.geometry.is_valid
        assert each.km2 == pytest.approx((surface.nearest == each.nearest).sum() * surface.grid.cell_km2)
    assert sum(each.km2 for each in found) == pytest.approx((surface.micro >= 0).sum() * surface.grid.cell_km2)
    for one in found:
        for other in found:
            if one.nearest < other.nearest:
                assert shapely.intersection(one.geometry, other.geometry).area < 1e-12
