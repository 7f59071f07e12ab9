"""Roads from files of OpenStreetMap (.osm.pbf, .osm), always as degrees.

pyosmium is used here and nowhere else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from geosvc.errors import InvalidGeometry, UnreadableFile
from geosvc.geo.crs import CRS84
from geosvc.geo.files import check_file
from geosvc.geo.vector import in_degrees

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    import geopandas as gpd

OSM_SUFFIXES = frozenset({".pbf", ".osm"})
# GDAL's name for the ways of a file, which people give with --layer.
_LAYER = "lines"
_WKB_HEAD, _WKB_POINT = 9, 16


class Roads(NamedTuple):
    """The roads of a file, and what its clipping did to them."""

    frame: gpd.GeoDataFrame
    cut: int  # roads of which the file places only a part
    lost: int  # roads of which it places no two points in a row


def read_roads(
    path: Path, tags: Collection[str], *, max_mb: int, expected: str, layer: str | None = None, crs: str | None = None
) -> Roads:
    """Return the ways with a ``highway`` tag, in the order of the file, in degrees (CRS84).

    Ways that share a node share that vertex to the last bit. A closed way with ``area=yes`` is a
    square and not a road. Where the file does not place a node (it was clipped), the way ends
    there and goes on behind it: nothing is drawn that the file does not hold.

    Parameters
    ----------
    path : Path
    tags : collection of str
        A column for each of these, None where a way does not have it; ``highway`` always.
    max_mb : int
        Largest file, mebibytes.
    expected : str
        What should have come, for messages.
    layer : str, optional
        ``lines`` or nothing: the ways are all there is.
    crs : str, optional
        See :func:`geosvc.geo.vector.read_vector`.

    Raises
    ------
    UnreadableFile
        If it is not such a file, or broken, or was cut off.
    InvalidGeometry
        If it holds no road, or places none.
    MissingCRS, InvalidCoordinate
    """
    import geopandas as gpd  # noqa: PLC0415  slow to import
    import osmium  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    check_file(path, max_mb=max_mb, expected=expected)
    keys = ("highway", *sorted({*tags} - {"highway"}))
    if layer not in (None, _LAYER):
        raise UnreadableFile(f"{path.name} has no layer {layer!r}; it has: {_LAYER} (its ways); leave --layer out")
    try:
        found, shapes, cut, lost = _ways(path, keys)
    except (osmium.InvalidLocationError, RuntimeError, ValueError, OSError) as error:
        raise UnreadableFile(
            f"{path.name} cannot be read as a file of OpenStreetMap ({error}); expected {expected}; "
            "was it cut off, or does its name end with the wrong kind (.osm.pbf, .osm)?"
        ) from None
    if lost and not shapes:
        raise InvalidGeometry(
            f"{path.name} places no two points in a row of any of its {lost} roads; the nodes must stand in it, before the "
            "ways, and have positive numbers (osmium extract --strategy complete_ways; osmium sort; osmium renumber)"
        )
    if not shapes:
        raise InvalidGeometry(f"{path.name} has no roads (no ways with highway=*); expected {expected}")
    columns = dict(zip(keys, zip(*found, strict=True), strict=True))
    frame = gpd.GeoDataFrame(columns, geometry=shapely.from_wkb(shapes), crs=CRS84)
    return Roads(in_degrees(frame, path, crs), cut, lost)


def _ways(path: Path, keys: Sequence[str]) -> tuple[list[list[str | None]], list[bytes], int, int]:
    """Return for each road the values of its tags and its shape (WKB), and how many were cut and lost."""
    import osmium  # noqa: PLC0415  slow to import

    file = osmium.io.File(str(path), path.suffix.lower().removeprefix("."))
    only_ways, with_highway = osmium.filter.EntityFilter(osmium.osm.WAY), osmium.filter.KeyFilter("highway")
    ways: Any = osmium.FileProcessor(file).with_locations().with_filter(only_ways).with_filter(with_highway)
    line_of = osmium.geom.WKBFactory().create_linestring
    found: list[list[str | None]] = []
    shapes: list[bytes] = []
    nothing_else = [None] * (len(keys) - 1)
    cut = lost = 0
    for way in ways:
        tags = way.tags
        if way.is_closed() and tags.get("area") == "yes":
            continue
        shape: bytes | None
        try:
            shape = bytes.fromhex(line_of(way))  # shapely reads bytes ten times faster than the text
            whole = len(shape) == _WKB_HEAD + _WKB_POINT * len(way.nodes)
        except (osmium.InvalidLocationError, RuntimeError):  # a node without a place; fewer than two places
            shape, whole = _known_stretches(way), False
        if not whole:  # the factory leaves out doubled nodes, and places that are missing at the start
            lost += shape is None
            cut += shape is not None and not all(node.location.valid() for node in way.nodes)
        if shape is not None:
            # Most roads of the world have one tag, their class: the first of the keys.
            found.append([*map(tags.get, keys)] if len(tags) > 1 else [tags.get("highway"), *nothing_else])
            shapes.append(shape)
    return found, shapes, cut, lost


def _known_stretches(way: Any) -> bytes | None:
    """Return what is known of a way as WKB: its runs of two or more placed nodes; None without one."""
    import shapely  # noqa: PLC0415

    runs: list[list[tuple[float, float]]] = [[]]
    for node in way.nodes:
        if not node.location.valid():
            runs.append([])
        elif not runs[-1] or runs[-1][-1] != (node.lon, node.lat):
            runs[-1].append((node.lon, node.lat))
    lines = [run for run in runs if len(run) > 1]
    if not lines:
        return None
    return bytes(shapely.to_wkb(shapely.LineString(lines[0]) if len(lines) == 1 else shapely.MultiLineString(lines)))
