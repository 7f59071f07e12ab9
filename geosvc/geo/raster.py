"""Rasters from files onto the grid and back; rasterio is used here and nowhere else."""

from __future__ import annotations

import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.errors import InvalidInput, MissingCRS, UnreadableFile
from geosvc.geo.crs import to_degrees
from geosvc.geo.files import check_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from affine import Affine
    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from geosvc.geo.crs import BBox
    from geosvc.geo.grid import Grid

RASTER_SUFFIXES = frozenset({".tif", ".tiff", ".hgt", ".zip", ".img", ".vrt", ".asc"})
_EXPECTED = "a raster (GeoTIFF, SRTM .hgt or .hgt.zip)"
# rasterio warns of its own arrays in memory. Silenced once and for all: warnings.catch_warnings
# swaps the filters of the whole process, so two threads that use it undo each other.
warnings.filterwarnings("ignore", message="Dataset has no geotransform")


@dataclass(frozen=True, kw_only=True)
class RasterHeader:
    """What a raster says of itself.

    ``bbox`` is (west, south, east, north) in degrees.
    """

    crs: str
    rows: int
    cols: int
    nodata: float | None
    bbox: BBox


def read_header(path: Path, *, max_mb: int, whole: bool = False) -> RasterHeader:
    """Return the header of a raster file.

    Parameters
    ----------
    path : Path
    max_mb : int
        Largest file, mebibytes.
    whole : bool
        Read all of it once, so that a file that was cut off is refused now and not when a run needs it.

    Raises
    ------
    UnreadableFile, MissingCRS
    """
    check_file(path, max_mb=max_mb, expected=_EXPECTED)
    with _open(path) as source:
        if source.crs is None:
            raise MissingCRS(
                f"{path.name} does not say its coordinate reference system; store it with one "
                "(gdal_edit.py -a_srs EPSG:4326 FILE)"
            )
        if whole:
            _checksum(source, path)
        return RasterHeader(
            crs=source.crs.to_string(),
            rows=source.height,
            cols=source.width,
            nodata=source.nodata,
            bbox=_bbox_of(source),
        )


def _checksum(source: Any, path: Path) -> int:
    from rasterio.errors import RasterioError  # noqa: PLC0415

    try:
        return int(source.checksum(1))
    except RasterioError as error:
        raise _cut_off(path, error) from None


def _cut_off(path: Path, error: Exception) -> UnreadableFile:
    return UnreadableFile(f"{path.name} is damaged or was cut off ({error}); expected {_EXPECTED}; copy it again")


def _bbox_of(source: Any) -> BBox:
    left, bottom, right, top = source.bounds
    xs = np.linspace(left, right, 11)
    ys = np.linspace(bottom, top, 11)
    x, y = np.meshgrid(xs, ys)
    lon, lat = to_degrees(x, y, crs=source.crs.to_wkt())
    # A global raster may reach a hair beyond the poles or the antimeridian.
    return (
        float(np.clip(lon.min(), -180, 180)), float(np.clip(lat.min(), -90, 90)),
        float(np.clip(lon.max(), -180, 180)), float(np.clip(lat.max(), -90, 90)),
    )


def _open(path: Path) -> Any:
    import rasterio  # noqa: PLC0415  slow to import, not needed to serve pages
    from rasterio.errors import RasterioIOError  # noqa: PLC0415

    try:
        return rasterio.open(_gdal_name(path))
    except RasterioIOError as error:
        raise UnreadableFile(f"{path.name} cannot be read ({error}); expected {_EXPECTED}") from None


def _gdal_name(path: Path) -> str:
    """Return the name by which GDAL opens a file; in a zip, that of the one raster inside."""
    if path.suffix.lower() != ".zip":
        return str(path)
    try:
        with zipfile.ZipFile(path) as archive:
            inside = [name for name in archive.namelist() if Path(name).suffix.lower() in RASTER_SUFFIXES - {".zip"}]
    except zipfile.BadZipFile as error:
        raise UnreadableFile(f"{path.name} is not a readable zip ({error}); expected {_EXPECTED}") from None
    if len(inside) != 1:
        found = ", ".join(inside) or "no raster"
        raise UnreadableFile(f"{path.name} must hold exactly one raster, it holds {found}; unpack it and name one")
    return f"/vsizip/{path.resolve()}/{inside[0]}"


@dataclass(frozen=True, kw_only=True)
class PeoplePoints:
    """People of a population raster, one entry per piece of a cell.

    ``lon``, ``lat`` in degrees; ``people`` sums to the raster's total. ``cell_lon`` and
    ``cell_lat`` are the centre of the raster cell that a piece was cut from.
    """

    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    people: NDArray[np.float64]
    cell_lon: NDArray[np.float64]
    cell_lat: NDArray[np.float64]


def read_people(path: Path, *, max_mb: int, pieces: int = 1) -> PeoplePoints:
    """Return the people of a population raster as points.

    Each cell is cut in ``pieces`` x ``pieces`` equal parts, so that cells of another
    size receive their fair share and the total is conserved whatever the grid.

    Raises
    ------
    InvalidInput
        If a cell that is not "no data" holds less than zero people or no number.
    """
    header = read_header(path, max_mb=max_mb)
    from rasterio.errors import RasterioError  # noqa: PLC0415

    with _open(path) as source:
        try:
            values = source.read(1).astype(np.float64)
            missing = source.read_masks(1) == 0
        except RasterioError as error:
            raise _cut_off(path, error) from None
        transform, wkt = source.transform, source.crs.to_wkt()
    _check_people(values, missing, path, header)
    row, col = np.nonzero(~missing & (values > 0))
    people = values[row, col]
    cell_lon, cell_lat = _positions(row + 0.5, col + 0.5, transform, wkt)
    offsets = (np.arange(pieces) + 0.5) / pieces
    down, right = (each.ravel() for each in np.meshgrid(offsets, offsets, indexing="ij"))
    fine_row = (row[:, None] + down[None, :]).ravel()
    fine_col = (col[:, None] + right[None, :]).ravel()
    lon, lat = _positions(fine_row, fine_col, transform, wkt)
    return PeoplePoints(
        lon=lon, lat=lat, people=np.repeat(people / pieces**2, pieces**2),
        cell_lon=np.repeat(cell_lon, pieces**2), cell_lat=np.repeat(cell_lat, pieces**2),
    )


def _positions(
    row: NDArray[np.floating[Any]], col: NDArray[np.floating[Any]], transform: Affine, wkt: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x = transform.a * col + transform.b * row + transform.c
    y = transform.d * col + transform.e * row + transform.f
    return to_degrees(x, y, crs=wkt)


def _check_people(
    values: NDArray[np.float64], missing: NDArray[np.bool_], path: Path, header: RasterHeader
) -> None:
    bad = ~missing & ~((values >= 0) & np.isfinite(values))
    if bad.any():
        row, col = (int(each[0]) for each in np.nonzero(bad))
        count = int(bad.sum())
        declared = "no value" if header.nodata is None else f"{header.nodata:g}"
        raise InvalidInput(
            f"{path.name}: people per cell must be 0 or more, but {count:,} cells are not, the first "
            f"at row {row}, column {col}: {values[row, col]:g}; the file declares {declared} as nodata: "
            f"declare it (gdal_edit.py -a_nodata {values[row, col]:g} FILE) and import again"
        )


def codes_of(path: Path) -> list[float]:
    """Return the different values of a raster of classes, nodata left out."""
    with _open(path) as source:
        return [float(code) for code in np.unique(source.read(1)[source.read_masks(1) > 0])]


def resample(paths: Sequence[Path], grid: Grid, *, method: str) -> NDArray[np.float32]:
    """Return one band of one or several adjoining rasters on the grid.

    Parameters
    ----------
    paths : sequence of Path
        Rasters of one theme; where two overlap the first with data wins.
    grid : Grid
    method : str
        A rasterio resampling: ``average``, ``bilinear``, ``nearest``.

    Returns
    -------
    values : array of float32, shape (rows, cols)
        NaN where no raster has data.
    """
    from rasterio.enums import Resampling  # noqa: PLC0415
    from rasterio.warp import reproject  # noqa: PLC0415

    result = np.full(grid.shape, np.nan, dtype=np.float32)
    for path in paths:
        part = np.full(grid.shape, np.nan, dtype=np.float32)
        with _open(path) as source:
            import rasterio  # noqa: PLC0415

            reproject(
                rasterio.band(source, 1), part,
                dst_transform=grid.transform, dst_crs=grid.crs, dst_nodata=np.nan,
                src_nodata=source.nodata, resampling=Resampling[method], num_threads=2,
            )
        result = np.where(np.isnan(result), part, result)
    return result


def burn(
    shapes: Iterable[tuple[BaseGeometry, int]], grid: Grid, *, touched: bool, dtype: str = "int32", fill: int = -1
) -> NDArray[Any]:
    """Return the grid with each shape's number in its cells; the last shape wins.

    Parameters
    ----------
    shapes : iterable of (geometry, int)
        Geometries in the grid's CRS.
    grid : Grid
    touched : bool
        True: every cell that is touched (lines stay connected edge to edge);
        False: cells whose centre lies inside.
    """
    from rasterio.features import rasterize  # noqa: PLC0415

    pairs = [(shape, value) for shape, value in shapes if not shape.is_empty]
    if not pairs:
        return np.full(grid.shape, fill, dtype=dtype)
    return np.asarray(
        rasterize(pairs, out_shape=grid.shape, transform=grid.transform, fill=fill,
                  all_touched=touched, dtype=dtype)
    )


def outlines(labels: NDArray[np.int32], grid: Grid) -> dict[int, list[BaseGeometry]]:
    """Return, for each label above 0, the exact outlines of its cells in the grid's CRS.

    Cells that meet only at a corner become separate polygons, so that every polygon is valid.
    """
    from rasterio.features import shapes  # noqa: PLC0415
    from shapely.geometry import shape  # noqa: PLC0415

    found: dict[int, list[BaseGeometry]] = {}
    for geometry, value in shapes(labels, mask=labels > 0, connectivity=4, transform=grid.transform):
        found.setdefault(int(value), []).append(shape(geometry))
    return found


def write_geotiff(
    path: Path, bands: Sequence[tuple[str, NDArray[Any]]], grid: Grid, *, nodata: float, tags: dict[str, str]
) -> None:
    """Write bands of one type as a compressed GeoTIFF; the same arrays give the same bytes."""
    import rasterio  # noqa: PLC0415

    dtype = bands[0][1].dtype.name
    with rasterio.open(
        path, "w", driver="GTiff", width=grid.cols, height=grid.rows, count=len(bands), dtype=dtype,
        crs=grid.crs, transform=grid.transform, nodata=nodata, compress="deflate", zlevel=6,
        tiled=True, blockxsize=256, blockysize=256, predictor=1,
    ) as target:
        target.update_tags(**tags)
        for index, (description, band) in enumerate(bands, start=1):
            target.write(band, index)
            target.set_band_description(index, description)


def read_band(path: Path, band: int = 1) -> NDArray[Any]:
    """Return one band of a GeoTIFF that geosvc wrote."""
    with _open(path) as source:
        return np.asarray(source.read(band))


__all__ = [
    "PeoplePoints", "RasterHeader", "burn", "outlines", "read_band", "read_header",
    "read_people", "resample", "write_geotiff",
]
