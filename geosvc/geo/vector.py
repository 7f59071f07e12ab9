"""Shapes from files (GeoJSON, GeoPackage, Shapefile, OpenStreetMap), always as degrees.

pyogrio is used here and nowhere else.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.errors import InvalidCoordinate, InvalidGeometry, MissingCRS, UnreadableFile
from geosvc.geo.crs import CRS84, check_known, check_position, grid_crs_for, shapes_in_metres
from geosvc.geo.files import check_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    from shapely.geometry.base import BaseGeometry

    from geosvc.geo.crs import BBox

VECTOR_SUFFIXES = frozenset({".geojson", ".json", ".gpkg", ".shp", ".pbf", ".osm", ".fgb", ".parquet", ".gml", ".kml"})
_ALWAYS_DEGREES = frozenset({".geojson", ".json", ".pbf", ".osm", ".kml"})
_GEOJSON = frozenset({".geojson", ".json"})
_HEAD_BYTES = 4096
_METRES_RATHER_THAN_DEGREES = 400.0
# The frame's attribute that says how a file was read which does not say it itself.
READ_AS = "read_as"
# What is wrong with a file is told by our own checks; see geo.raster on why for the whole process.
warnings.filterwarnings("ignore", category=RuntimeWarning, module="pyogrio")


def read_vector(
    path: Path, *, max_mb: int, expected: str, layer: str | None = None, crs: str | None = None,
    placeless_with: str | None = None,
) -> gpd.GeoDataFrame:
    """Return the features of a file in degrees (CRS84).

    Parameters
    ----------
    path : Path
    max_mb : int
        Largest file, mebibytes.
    expected : str
        What should have come, for messages.
    layer : str, optional
        The layer of a file that has several; OpenStreetMap files have ``lines`` and ``points``.
    crs : str, optional
        The CRS when the file does not say; refused where the file says another.
    placeless_with : str, optional
        A file with this column may hold features of which none has a geometry.

    Raises
    ------
    UnreadableFile, MissingCRS, InvalidCoordinate
    """
    check_file(path, max_mb=max_mb, expected=expected)
    frame = _read(path, layer, expected)
    if placeless_with in frame and len(frame) and ("geometry" not in frame or frame.geometry.isna().all()):
        return _without_places(frame)
    if len(frame) == 0 or "geometry" not in frame or frame.geometry.isna().all():
        raise UnreadableFile(f"{path.name} has no features with a geometry; expected {expected}")
    told = _crs_in(path) if path.suffix in _GEOJSON and crs is None else True
    frame = in_degrees(frame, path, crs)
    frame.attrs[READ_AS] = "" if told else f"{path.name} names no CRS: read as CRS84, as RFC 7946 says"
    return frame


def _without_places(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    import geopandas as gpd  # noqa: PLC0415

    attributes = frame[[column for column in frame.columns if column != "geometry"]]
    return gpd.GeoDataFrame(attributes, geometry=gpd.GeoSeries([None] * len(frame), crs=CRS84))


def in_degrees(frame: gpd.GeoDataFrame, path: Path, crs: str | None) -> gpd.GeoDataFrame:
    """Return the features in CRS84, whatever they were in.

    Raises
    ------
    MissingCRS, InvalidCoordinate
    """
    frame = _with_crs(frame, path, crs)
    _check_numbers(frame, path)
    frame = frame.to_crs(CRS84)
    _check_on_earth(frame, path)
    return frame


def in_metres(frame: gpd.GeoDataFrame, crs: str | None = None) -> gpd.GeoDataFrame:
    """Return features in degrees as features in a metric CRS: the one that is named, else the one for where they lie."""
    crs = crs or grid_crs_for(tuple(map(float, frame.total_bounds)))  # type: ignore[arg-type]  # of four numbers
    return frame.set_geometry(shapes_in_metres(frame.geometry, crs=crs), crs=crs)


def _crs_in(path: Path) -> bool:
    """Return whether a GeoJSON file names a CRS; the member stands before the features."""
    with path.open("rb") as stream:
        return b'"crs"' in stream.read(_HEAD_BYTES)


def _read(path: Path, layer: str | None, expected: str) -> gpd.GeoDataFrame:
    import geopandas as gpd  # noqa: PLC0415  slow to import, not needed to serve pages
    import pyogrio  # noqa: PLC0415

    name = str(path)
    try:
        if path.suffix == ".parquet":
            return gpd.read_parquet(path)
        layers = [str(each) for each in pyogrio.list_layers(name)[:, 0]]
        chosen = _choose_layer(layers, layer, path)
        # A day written as text stays the text that it is.
        options = {"DATE_AS_STRING": "YES"} if path.suffix.lower() in _GEOJSON else {}
        return gpd.read_file(name, layer=chosen, engine="pyogrio", **options)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError, OSError) as error:
        if isinstance(error, UnreadableFile):
            raise
        raise UnreadableFile(
            f"{path.name} cannot be read as a map file ({_first_line(error, path)}); expected {expected}"
        ) from None


def lines_in(path: Path, bbox: BBox, *, column: str, most: int) -> list[tuple[str, BaseGeometry]]:
    """Return (what a column says, line) of the lines in a box, at most so many: to be drawn behind something else.

    Reads no more of a file with a spatial index (FlatGeobuf) than the box holds.

    Raises
    ------
    UnreadableFile
    """
    import pyogrio  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    try:
        _meta, _fids, shapes, (said,) = pyogrio.raw.read(str(path), bbox=bbox, columns=[column], max_features=most)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError) as error:
        raise UnreadableFile(f"{path.name} cannot be read ({_first_line(error, path)})") from None
    return list(zip(map(str, said), shapely.from_wkb(shapes), strict=True))


def layers_of(path: Path) -> list[str]:
    """Return the names of the layers of a map file; [] where it has none to choose from.

    Raises
    ------
    UnreadableFile
    """
    import pyogrio  # noqa: PLC0415

    if path.suffix == ".parquet":
        return []
    try:
        return [str(each) for each in pyogrio.list_layers(str(path))[:, 0]]
    except (pyogrio.errors.DataSourceError, ValueError, OSError) as error:
        raise UnreadableFile(f"{path.name} cannot be read as a map file ({_first_line(error, path)})") from None


def _choose_layer(layers: list[str], wanted: str | None, path: Path) -> str | None:
    if wanted is not None:
        if wanted not in layers:
            raise UnreadableFile(f"{path.name} has no layer {wanted!r}; it has: {', '.join(layers)}")
        return wanted
    if len(layers) > 1:
        raise UnreadableFile(
            f"{path.name} has {len(layers)} layers ({', '.join(layers[:8])}); name one with --layer"
        )
    return layers[0] if layers else None


def _with_crs(frame: gpd.GeoDataFrame, path: Path, crs: str | None) -> gpd.GeoDataFrame:
    if frame.crs is None or (crs is not None and path.suffix in _ALWAYS_DEGREES):
        if crs is None and path.suffix in _ALWAYS_DEGREES:
            crs = CRS84
        if crs is None:
            cure = "put the .prj file beside it" if path.suffix == ".shp" else "store it with its CRS"
            raise MissingCRS(
                f"{path.name} does not say its coordinate reference system; {cure}, or name it "
                "with --crs (for example --crs EPSG:4490)"
            )
        return frame.set_crs(check_known(crs), allow_override=True)
    if crs is not None and frame.crs != check_known(crs):
        raise MissingCRS(
            f"{path.name} says it is in {frame.crs.name}, --crs says {crs}; leave --crs out, or "
            "correct the file"
        )
    return frame


def _check_numbers(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Refuse metres in a file that is read as degrees, before PROJ turns them into infinity."""
    if not frame.crs.is_geographic:
        return
    bounds = frame.geometry.total_bounds
    if not np.isfinite(bounds).all():
        raise InvalidCoordinate(f"{path.name} holds a coordinate that is not a finite number")
    if np.abs(bounds).max() > _METRES_RATHER_THAN_DEGREES:
        raise InvalidCoordinate(
            f"{path.name} is read as degrees (longitude, latitude) but holds x {bounds[0]:.1f} to "
            f"{bounds[2]:.1f} and y {bounds[1]:.1f} to {bounds[3]:.1f}: these look like metres; "
            "name the projected system with --crs (for example --crs EPSG:4551)"
        )
    # GeoJSON and longitude/latitude files only: swapped columns show as a latitude beyond 90.
    check_or_name_file(path, float(bounds[0]), float(bounds[1]))
    check_or_name_file(path, float(bounds[2]), float(bounds[3]))


def check_or_name_file(path: Path, lon: float, lat: float) -> None:
    """Check one position; on refusal say which file it came from."""
    try:
        check_position(lon, lat)
    except InvalidCoordinate as error:
        raise InvalidCoordinate(f"{path.name}: {error}") from None


def _check_on_earth(frame: gpd.GeoDataFrame, path: Path) -> None:
    if not np.isfinite(frame.geometry.total_bounds).all():
        raise InvalidCoordinate(
            f"{path.name}: some coordinates lie outside the area of the named CRS; is --crs right?"
        )


def check_valid_shapes(frame: gpd.GeoDataFrame, path: Path, *, label: str) -> None:
    """Refuse polygons that cross themselves, naming the row and the place.

    Raises
    ------
    InvalidGeometry
    """
    import shapely  # noqa: PLC0415

    for position, shape in enumerate(frame.geometry, start=1):
        if shape is None or shape.is_empty:
            raise InvalidGeometry(f"{path.name} feature {position}: the shape is empty; draw it or remove the feature")
    kinds = set(frame.geometry.geom_type.unique())
    if not kinds <= {"Polygon", "MultiPolygon"}:
        raise InvalidGeometry(
            f"{path.name}: {label} must be polygons, got {', '.join(sorted(map(str, kinds)))}; "
            "lines can be closed to polygons in QGIS (Lines to polygons)"
        )
    for position, shape in enumerate(frame.geometry, start=1):
        if not shape.is_valid:
            reason = shapely.is_valid_reason(shape)
            raise InvalidGeometry(
                f"{path.name} feature {position}: {reason}; the ring must not cross or touch itself; "
                "repair it (in QGIS: Fix geometries) and import again"
            )


def _first_line(error: Exception, path: Path) -> str:
    """Return the driver's words; where on this machine the file lies is nobody's business."""
    said = str(error).replace(str(path), path.name).strip()
    return said.splitlines()[0] if said else type(error).__name__


# A shifted datum has no code: its own name keeps any program from taking it for WGS 84.
_SHIFTED_CRS = (
    'GEOGCS["{name}",DATUM["{name} (shifted, not surveyed)",SPHEROID["WGS 84",6378137,298.257223563]],'
    'PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],AXIS["Longitude",EAST],AXIS["Latitude",NORTH]]'
)
_CRS_OF_DATUM = {"WGS84": "EPSG:4326", "CGCS2000": "EPSG:4490"}


def write_points(
    path: Path, columns: Sequence[str], rows: Sequence[Sequence[str | None]], places: Sequence[tuple[float, float] | None],
    *, layer: str, datum: str, told: dict[str, str],
) -> None:
    """Write a GeoPackage with one layer of points, text attributes and metadata.

    Parameters
    ----------
    path : Path
    columns, rows
        Names and values of the attributes, row by row.
    places : sequence of (lon, lat) or None
        Degrees in ``datum``; None has no geometry.
    layer, datum : str
    told : dict
        What a reader must know, as metadata of the layer.
    """
    import geopandas as gpd  # noqa: PLC0415
    import pandas as pd  # noqa: PLC0415
    import pyogrio  # noqa: PLC0415
    import shapely  # noqa: PLC0415

    frame = pd.DataFrame(list(rows), columns=list(columns), dtype="object")
    made: Any = shapely.points(np.array([place or (0.0, 0.0) for place in places], np.float64).reshape(-1, 2))
    shapes = [None if place is None else point for place, point in zip(places, made, strict=True)]
    crs = _CRS_OF_DATUM.get(datum) or _SHIFTED_CRS.format(name=datum)
    points = gpd.GeoDataFrame(frame, geometry=gpd.GeoSeries(shapes, crs=crs), crs=crs)
    pyogrio.write_dataframe(
        points, path, layer=layer, driver="GPKG", geometry_type="Point", layer_metadata=told,
    )


def write_polygons(
    path: Path, columns: dict[str, list[Any]], shapes: Sequence[BaseGeometry], *, layer: str, told: dict[str, str]
) -> None:
    """Write a GeoPackage with one layer of multipolygons in degrees (WGS 84), attributes and metadata.

    Parameters
    ----------
    path : Path
    columns : dict
        Values of each attribute, one for each shape; None is empty.
    shapes : sequence of MultiPolygon
    layer : str
    told : dict
        What a reader must know, as metadata of the layer.
    """
    import geopandas as gpd  # noqa: PLC0415
    import pyogrio  # noqa: PLC0415

    frame = gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries(list(shapes), crs="EPSG:4326"), crs="EPSG:4326")
    pyogrio.write_dataframe(frame, path, layer=layer, driver="GPKG", geometry_type="MultiPolygon", layer_metadata=told)
