"""What a map on paper draws, in metres of the study's own grid: a scale and a north arrow hold there."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from PIL import Image

from geosvc.geo.crs import to_degrees, to_metres, web_mercator
from geosvc.geo.grid import Grid
from geosvc.maps.paper.palette import GROUPS, bands_of, colour_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from geosvc.maps.document import MapContent

_MOST_PIXELS = 1600  # of the longer side: 200 to the inch on A4
_OUTLINE_WEIGHTS = {"village": 0.35, "township": 0.5}
_HEAVIEST_OUTLINE = 0.9
_SHORTEST_NAME = 3
_FLAT = ("Polygon", "MultiPolygon")


@dataclass(frozen=True)
class Dot:
    """One place with facilities; ``names`` of all that stand there, ``changed`` by a scenario."""

    x: float
    y: float
    colour: str
    names: tuple[str, ...]
    changed: bool


@dataclass(frozen=True, kw_only=True)
class MapDrawing:
    """A map in metres.

    Parameters
    ----------
    crs : str
    box : tuple
        (west, south, east, north) of the study, metres.
    image, image_box : Image, tuple
        The surface in its colours, row 0 north, and where it lies, metres.
    outlines : list of (weight in points, rings)
    roads : list of (rank, line)
    water : list of (whether it is a polygon, rings or lines)
    gaps : list of rings
    dots : list of Dot
    names : list of (x, y, text)
        Of the areas, where there are several, else of the places of the highest level.
    """

    crs: str
    box: tuple[float, float, float, float]
    image: Image.Image
    image_box: tuple[float, float, float, float]
    outlines: list[tuple[float, list[NDArray[np.float64]]]]
    roads: list[tuple[int, NDArray[np.float64]]]
    water: list[tuple[bool, list[NDArray[np.float64]]]]
    gaps: list[NDArray[np.float64]]
    dots: list[Dot]
    names: list[tuple[float, float, str]]


def drawing_of(content: MapContent, document: Mapping[str, Any]) -> MapDrawing:
    """Return the drawing of a map whose document holds its picture inside."""
    grid = Grid(**content.run["inputs"]["grid"])
    image, image_box = surface_image(document, grid)
    return MapDrawing(
        crs=grid.crs, box=_box(document["bounds"], grid.crs), image=image, image_box=image_box,
        outlines=_outlines(content, grid.crs),
        roads=[(each["properties"]["rank"], line) for each in _features(document["roads"]) for line in _lines(each["geometry"], grid.crs)],
        water=[(each["geometry"]["type"] in _FLAT, list(_lines(each["geometry"], grid.crs))) for each in _features(document["water"])],
        gaps=[ring for each in _features(document["gaps"]) for ring in _lines(each["geometry"], grid.crs)],
        dots=dots_of(document["facilities"], grid.crs, study=content.title), names=_names(content, grid.crs),
    )


def numbers_of(document: Mapping[str, Any]) -> NDArray[np.uint8]:
    """Return the numbers of a document's picture, shape (height, width), row 0 north, in rows of Web Mercator."""
    png = base64.b64decode(document["picture"]["source"].partition(",")[2])
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image)


def surface_image(document: Mapping[str, Any], grid: Grid) -> tuple[Image.Image, tuple[float, float, float, float]]:
    """Return the surface in its colours on the study's grid, and (west, south, east, north) of it in metres."""
    shown = numbers_on_grid(numbers_of(document), document["picture"], grid)
    table = colour_table(document["picture"], bands_of(document))
    east, south = grid.west_m + grid.cols * grid.cell_size_m, grid.north_m - grid.rows * grid.cell_size_m
    return Image.fromarray(table[shown], mode="RGBA"), (grid.west_m, south, east, grid.north_m)


def numbers_on_grid(numbers: NDArray[np.uint8], picture: Mapping[str, Any], grid: Grid) -> NDArray[np.uint8]:
    """Return the numbers of a picture at the cells of a grid; one of many cells is thinned to what paper shows.

    Parameters
    ----------
    numbers : array of uint8, shape (height, width)
        Rows of Web Mercator over ``picture["bounds"]``, degrees.
    picture : mapping
        The picture's record.
    grid : Grid

    Returns
    -------
    array of uint8
        Row 0 north; ``picture["outside"]`` where the picture does not reach.
    """
    shrink = max(1.0, max(grid.rows, grid.cols) / _MOST_PIXELS)
    rows, cols = max(1, round(grid.rows / shrink)), max(1, round(grid.cols / shrink))
    x = grid.west_m + (np.arange(cols) + 0.5) * grid.cols * grid.cell_size_m / cols
    y = grid.north_m - (np.arange(rows) + 0.5) * grid.rows * grid.cell_size_m / rows
    west, south, east, north = picture["bounds"]
    (left, right), (bottom, top) = web_mercator([west, east], [south, north])
    height, width = numbers.shape
    found = np.full((rows, cols), picture["outside"], dtype=np.uint8)
    for line in range(rows):
        easting, northing = web_mercator(*to_degrees(x, np.full(cols, y[line]), crs=grid.crs))
        col = np.floor((easting - left) / (right - left) * width).astype(int)
        row = np.floor((top - northing) / (top - bottom) * height).astype(int)
        here = (col >= 0) & (col < width) & (row >= 0) & (row < height)
        found[line, here] = numbers[row[here], col[here]]
    return found


def thumbnail(document: Mapping[str, Any], *, width: int) -> bytes:
    """Return the surface of a map in its colours as a small PNG; ``width`` in pixels."""
    table = colour_table(document["picture"], bands_of(document))
    image = Image.fromarray(table[numbers_of(document)], mode="RGBA")
    height = max(1, round(image.height * width / image.width))
    out = io.BytesIO()
    image.resize((width, height), Image.Resampling.BOX).save(out, format="PNG", optimize=False, compress_level=9)
    return out.getvalue()


def dots_of(facilities: Mapping[str, list[Any]], crs: str, *, study: str = "") -> list[Dot]:
    """Return one dot for each place, with all that stand there: never one hidden under another.

    A name that begins with that of the study is written without it: the title says it.
    """
    places: dict[tuple[float, float], list[int]] = {}
    for i, at in enumerate(zip(facilities["lon"], facilities["lat"], strict=True)):
        places.setdefault(at, []).append(i)
    found = []
    for (lon, lat), members in places.items():
        x, y = to_metres(lon, lat, crs=crs)
        found.append(Dot(
            float(x), float(y), GROUPS.get(facilities["group"][members[0]], GROUPS["other"]),
            tuple(_without(study, facilities["name"][i]) for i in members), any(facilities["change"][i] for i in members)))
    return found


def _without(study: str, name: str) -> str:
    short = name.removeprefix(study)
    return short if len(short) >= _SHORTEST_NAME else name


def _outlines(content: MapContent, crs: str) -> list[tuple[float, list[NDArray[np.float64]]]]:
    return [
        (_OUTLINE_WEIGHTS.get(area.level, _HEAVIEST_OUTLINE), list(_lines(shapely.geometry.mapping(area.geometry), crs)))
        for area in content.areas if area.geometry is not None
    ]


def _names(content: MapContent, crs: str) -> list[tuple[float, float, str]]:
    """Return where to write names: of the areas below others where several have outlines, else of the places of the highest level."""
    outlined = [area for area in content.areas if area.geometry is not None]
    if len(outlined) < 2:
        highest = [each for each in content.places if each.level == content.places[0].level]
        x, y = to_metres([each.lon for each in highest], [each.lat for each in highest], crs=crs)
        return [(float(east), float(north), each.name) for east, north, each in zip(x, y, highest, strict=True)]
    codes = [area.code for area in outlined]
    lowest = [area for area in outlined if not any(code != area.code and code.startswith(area.code) for code in codes)]
    found = []
    for area in lowest:
        assert area.geometry is not None  # they were chosen so
        point = shapely.point_on_surface(area.geometry)
        x, y = to_metres(point.x, point.y, crs=crs)
        found.append((float(x), float(y), area.name))
    return found


def _box(bounds: list[float], crs: str) -> tuple[float, float, float, float]:
    west, south, east, north = bounds
    steps = np.linspace(0, 1, 21)
    lon, lat = west + steps * (east - west), south + steps * (north - south)
    x, y = to_metres(
        np.concatenate([lon, lon, np.full(21, west), np.full(21, east)]),
        np.concatenate([np.full(21, south), np.full(21, north), lat, lat]), crs=crs)
    return float(x.min()), float(y.min()), float(x.max()), float(y.max())


def _features(collection: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    return [] if collection is None else collection["features"]


def _lines(geometry: dict[str, Any], crs: str) -> Iterator[NDArray[np.float64]]:
    """Yield the lines or rings of a shape in degrees, in metres; holes are rings as well."""
    shape = shapely.geometry.shape(geometry)
    edges = shapely.boundary(shape) if shapely.get_dimensions(shape) == 2 else shape
    for part in shapely.get_parts(edges):
        lon, lat = shapely.get_coordinates(part).T
        yield np.column_stack(to_metres(lon, lat, crs=crs))
