"""Shifted datums: there and back, against an independent library, and where nothing is shifted."""

from __future__ import annotations

import coordTransform
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from geosvc.errors import InvalidCoordinate, InvalidParameter
from geosvc.geo.crs import to_metres
from geosvc.geo.datums import DATUMS, datum_named, degrees_of_zone, from_wgs84, to_wgs84

GEOD = Geod(ellps="WGS84")
# Within the boxes of both: there is no agreement where the shift ends.
LONGITUDES, LATITUDES = st.floats(73.7, 135.0), st.floats(3.9, 53.5)
SHIFTED = ["GCJ02", "BD09"]


def metres_apart(lon1, lat1, lon2, lat2):
    """Return the distance of two positions."""
    return GEOD.inv(lon1, lat1, lon2, lat2)[2]


@pytest.mark.parametrize("datum", DATUMS)
@given(lon=LONGITUDES, lat=LATITUDES)
def test_there_and_back_is_below_a_millimetre(datum, lon, lat):
    """Everywhere in China, in every datum."""
    back = to_wgs84(*from_wgs84(lon, lat, datum=datum), datum=datum)
    assert metres_apart(lon, lat, *map(float, back)) < 1e-4


@pytest.mark.parametrize(("datum", "twin"), [("GCJ02", coordTransform.wgs84_to_gcj02), ("BD09", coordTransform.wgs84_to_bd09)])
@given(lon=LONGITUDES, lat=LATITUDES)
def test_forward_agrees_with_an_independent_library(datum, twin, lon, lat):
    """Within a centimetre; their way back is off by metres, so only forward is compared."""
    assert metres_apart(*twin(lon, lat), *map(float, from_wgs84(lon, lat, datum=datum))) < 0.01


@pytest.mark.parametrize("datum", SHIFTED)
def test_in_china_the_shift_is_some_hundred_metres(datum):
    """A map that forgot to convert would be visibly wrong."""
    away = metres_apart(126.8094, 42.3892, *map(float, from_wgs84(126.8094, 42.3892, datum=datum)))
    assert 300 < away < 1500


def test_outside_china_gcj02_is_wgs84():
    """The Comoros are where they are."""
    assert [float(each) for each in from_wgs84(43.3, -11.7, datum="GCJ02")] == [43.3, -11.7]
    assert [float(each) for each in to_wgs84(43.3, -11.7, datum="GCJ02")] == [43.3, -11.7]


def test_many_positions_at_once_are_those_one_by_one():
    """Arrays in, arrays out, of the same shape."""
    rng = np.random.default_rng(3)
    lon, lat = rng.uniform(100, 120, (4, 5)), rng.uniform(25, 40, (4, 5))
    for datum in SHIFTED:
        x, y = to_wgs84(lon, lat, datum=datum)
        assert x.shape == lon.shape
        one = to_wgs84(lon[2, 3], lat[2, 3], datum=datum)
        assert (float(one[0]), float(one[1])) == pytest.approx((x[2, 3], y[2, 3]), abs=1e-12)


@pytest.mark.parametrize(("word", "datum"), [("gcj-02", "GCJ02"), ("高德", "GCJ02"), ("百度坐标", "BD09"), (" wgs 84 ", "WGS84"),
                                             ("EPSG:4490", "CGCS2000"), ("2000国家大地坐标系", "CGCS2000")])
def test_a_datum_has_several_names(word, datum):
    """As sources and people call it."""
    assert datum_named(word) == datum


def test_an_unknown_datum_is_refused_with_those_that_are_known():
    """Beijing 54 needs parameters that nobody may publish; it is not taken for something else."""
    with pytest.raises(InvalidParameter, match="BJ54.*GCJ02"):
        to_wgs84(1.0, 1.0, datum="BJ54")


@pytest.mark.parametrize(("epsg", "zone", "lon"), [(4534, 25, 75.4), (4551, 42, 126.81), (4554, 45, 135.0), (4502, 13, 74.9)])
def test_metres_with_their_zone(epsg, zone, lon):
    """The same metres without the number of the zone, by the CRS that has the same meridian."""
    x, y = to_metres(lon, 42.39, crs=f"EPSG:{epsg}")
    for pair in ((zone * 1e6 + float(x), float(y)), (float(y), zone * 1e6 + float(x))):
        assert degrees_of_zone(*pair) == pytest.approx((lon, 42.39), abs=1e-8)


def test_metres_without_a_zone_are_refused():
    """Half of China would fit."""
    with pytest.raises(InvalidCoordinate, match="zone"):
        degrees_of_zone(484300.0, 4694500.0)
