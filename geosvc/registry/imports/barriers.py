"""Barriers from files: rivers, canals, railways, lakes, walls; what stops people off the roads."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geosvc.errors import InvalidGeometry, InvalidInput, Refusal, RefusedRows, UnreadableFile
from geosvc.geo.files import sidecar_of
from geosvc.geo.osm import OSM_SUFFIXES
from geosvc.geo.vector import READ_AS, in_metres, read_vector
from geosvc.registry.barrier_classes import BarrierClass, barrier_class_of, barrier_class_of_tag, barrier_classes
from geosvc.registry.imports.layers import Prepared, _outside, _prepared
from geosvc.registry.imports.report import ImportReport
from geosvc.registry.imports.tables import plain
from geosvc.registry.layers import BARRIERS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import geopandas as gpd

    from geosvc.geo.crs import BBox

EXPECTED_BARRIERS = "barriers as lines or polygons (.osm.pbf, GeoPackage, Shapefile, GeoJSON)"
BARRIERS_FILE = "barriers.fgb"
# Columns of OpenStreetMap, the one that says most first; then those in which others write a class.
_TAG_COLUMNS = ("waterway", "water", "railway", "natural", "landuse", "barrier")
# All kinds of land stand in these: what is no barrier there is no unknown word.
_OF_ANY_LAND = frozenset({"natural", "landuse"})
_CLASS_COLUMNS = ("barrier_class", "fclass", "class", "类型", "类别", "要素类型", "要素类别", "种类", "type")
_CONDITION_COLUMNS, _STOPS_COLUMNS = ("condition", "条件", "生效条件"), ("stops", "阻隔", "是否阻隔")
_YES_OR_NO = {"yes": True, "true": True, "1": True, "是": True, "no": False, "false": False, "0": False, "否": False}
_OSM_LAYERS = ("lines", "multipolygons")
_LINES, _POLYGONS = ("LineString", "MultiLineString"), ("Polygon", "MultiPolygon")
_LISTED = 20


@dataclass(frozen=True, kw_only=True)
class _Read:
    """What the attributes of every feature say; one entry for each."""

    classes: list[BarrierClass | None]  # None = no barrier, or a word that nobody knows
    conditions: list[str]  # "" = always
    stops: list[bool]


def prepare_barriers(
    path: Path, *, max_mb: int, study_bbox: BBox | None, conditions: Mapping[str, str], layer: str | None = None,
    crs: str | None = None, without: Sequence[str] = (),
) -> Prepared:
    """Read what stops people on foot and by bicycle.

    Parameters
    ----------
    path : Path
    max_mb : int
    study_bbox : tuple or None
    conditions : mapping of str to str
        The id of each word for a condition of travel.
    layer, crs : str, optional
        See :func:`geosvc.geo.vector.read_vector`; of an OpenStreetMap file lines and polygons are read.
    without : sequence of str
        Classes to leave out, such as ``fence``.

    Raises
    ------
    UnreadableFile, MissingCRS, InvalidCoordinate, InvalidGeometry
    RefusedRows
        If a condition is unknown, or a column ``stops`` holds neither yes nor no.
    InvalidInput
        If nothing in the file stops anyone, or nothing lies in the study area.
    """
    left_out = _classes_named(without)
    report = ImportReport(kind=BARRIERS, file_name=path.name)
    frame = _frame_of(path, max_mb, layer, crs, report)
    osm = path.suffix.lower() in OSM_SUFFIXES
    told = _read_attributes(frame, path, conditions, report, osm=osm)
    barriers = _kept(frame, told, left_out, path, report)
    _check_place(barriers, path, study_bbox, report)
    metric = in_metres(barriers)
    areas = metric.geometry.geom_type.isin(_POLYGONS)
    report.figures |= {
        "barriers": len(barriers),
        "length_km": round(float(metric[~areas].length.sum()) / 1000, 1),
        "area_km2": round(float(metric[areas].area.sum()) / 1e6, 3),
        "classes": _counted(barriers["barrier_class"]),
        "conditions": _counted(barriers.loc[barriers["condition"] != "", "condition"]),
    }

    def write(folder: Path) -> None:
        barriers.to_file(folder / BARRIERS_FILE, driver="FlatGeobuf", engine="pyogrio", SPATIAL_INDEX="NO")

    return _prepared(BARRIERS, path, sidecar_of(path), report, write)


def _classes_named(words: Sequence[str]) -> set[str]:
    found = {word: barrier_class_of(word) for word in words}
    if unknown := [word for word, known in found.items() if known is None]:
        raise InvalidInput(f"no class of barriers is called {unknown[0]!r}; there are: {_every_class()}")
    return {known.code for known in found.values() if known is not None}


def _every_class() -> str:
    return ", ".join(f"{code} {each.zh}" for code, each in barrier_classes().items())


def _frame_of(path: Path, max_mb: int, layer: str | None, crs: str | None, report: ImportReport) -> gpd.GeoDataFrame:
    """Return lines and polygons of a file, numbered from 0, those without a usable shape left out and counted."""
    import pandas as pd  # noqa: PLC0415

    wanted = _OSM_LAYERS if layer is None and path.suffix.lower() in OSM_SUFFIXES else (layer,)
    frames = []
    for name in wanted:
        with contextlib.suppress(UnreadableFile) if len(wanted) > 1 else contextlib.nullcontext():
            frames.append(read_vector(path, max_mb=max_mb, expected=EXPECTED_BARRIERS, layer=name, crs=crs))
    if not frames:
        raise UnreadableFile(f"{path.name} has neither lines nor polygons that can be read; expected {EXPECTED_BARRIERS}")
    if frames[0].attrs.get(READ_AS):
        report.notes.append(frames[0].attrs[READ_AS])
    frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    usable = frame.geometry.geom_type.isin([*_LINES, *_POLYGONS]) & ~frame.geometry.is_empty
    if not usable.any():
        raise InvalidGeometry(f"{path.name} has no lines and no polygons; expected {EXPECTED_BARRIERS}")
    if not usable.all():
        report.notes.append(f"{int((~usable).sum())} of {len(frame)} features are neither lines nor polygons and play no part")
    # The row of the file stays in the index, so that a refusal can name it.
    return frame[usable]


def _read_attributes(
    frame: gpd.GeoDataFrame, path: Path, conditions: Mapping[str, str], report: ImportReport, *, osm: bool
) -> _Read:
    classes, unknown = _classes_of(frame, osm=osm)
    known = [each for each in classes if each is not None]
    if not known:
        _refuse_no_class(path, frame, unknown)
    if others := len(classes) - len(known) - sum(unknown.values()):
        report.notes.append(f"{others} features are no barriers (other land, roads …) and play no part")
    if unknown:
        report.notes.append(
            f"{sum(unknown.values())} features of {len(unknown)} unknown classes are left out: {_listed(unknown)}; known are "
            f"{_every_class()}: name them so in a column barrier_class and import again"
        )
    report.figures["unknown_classes"] = unknown
    refusals: list[Refusal] = []
    told = _column(frame, _CONDITION_COLUMNS)
    found = [_condition_of(word, row, conditions, refusals) for word, row in zip(told, frame.index, strict=True)]
    own = _column(frame, _STOPS_COLUMNS)
    stops = [
        _stops(word, row, each, condition, refusals)
        for word, row, each, condition in zip(own, frame.index, classes, found, strict=True)
    ]
    if refusals:
        raise RefusedRows(path.name, refusals)
    by_class = [each.condition if each is not None else "" for each in classes]
    taken = [mine or default for mine, default in zip(found, by_class, strict=True)]
    return _Read(classes=classes, conditions=taken, stops=stops)


def _classes_of(frame: gpd.GeoDataFrame, *, osm: bool) -> tuple[list[BarrierClass | None], dict[str, int]]:
    """Return the class of each feature, and how often each word stands there that is no class."""
    found: list[BarrierClass | None] = [None] * len(frame)
    unread = [""] * len(frame)
    columns = [(name, True) for name in _TAG_COLUMNS] + [(name, False) for name in _CLASS_COLUMNS if not osm]
    for name, is_tag in columns:
        words = _tag(frame, name) if is_tag else _column(frame, (name,))
        meant = {word: (barrier_class_of_tag(name, word) if is_tag else barrier_class_of(word)) for word in set(words)}
        for i, word in enumerate(words):
            if not word or found[i] is not None:
                continue
            found[i] = meant[word]
            if found[i] is None and name not in _OF_ANY_LAND:
                unread[i] = unread[i] or word
    words_left = [word for word, known in zip(unread, found, strict=True) if word and known is None]
    return found, {word: words_left.count(word) for word in sorted(set(words_left))}


def _column(frame: gpd.GeoDataFrame, names: Sequence[str]) -> list[str]:
    """Return the words of the first of these columns that a frame has, empty ones where it has none."""
    name = next((each for each in names if each in frame.columns), None)
    if name is None:
        return [""] * len(frame)
    return [plain(str(each)) for each in frame[name].fillna("").to_numpy()]


def _tag(frame: gpd.GeoDataFrame, key: str) -> list[str]:
    """Return a tag of OpenStreetMap from its column, else from the column in which GDAL keeps the rest."""
    own = _column(frame, (key,))
    if "other_tags" not in frame.columns:
        return own
    rest = frame["other_tags"].fillna("").str.extract(f'"{key}"=>"([^"]*)"', expand=False).fillna("").to_numpy()
    return [mine or other for mine, other in zip(own, rest, strict=True)]


def _refuse_no_class(path: Path, frame: gpd.GeoDataFrame, unknown: dict[str, int]) -> None:
    columns = ", ".join(str(each) for each in frame.columns if each != "geometry") or "none"
    words = f"; their words are {_listed(unknown)}" if unknown else ""
    raise InvalidInput(
        f"{path.name}: none of its {len(frame)} features has a class of barriers{words}; expected a column barrier_class "
        f"(or waterway, railway, natural, landuse, barrier, 类型) with one of {_every_class()}; its columns are {columns}"
    )


def _listed(words: Mapping[str, int]) -> str:
    more = f" and {len(words) - _LISTED} more" if len(words) > _LISTED else ""
    return ", ".join(f"{word} ({count})" for word, count in sorted(words.items())[:_LISTED]) + more


def _condition_of(word: str, row: int, conditions: Mapping[str, str], refusals: list[Refusal]) -> str:
    if not word:
        return ""
    known = conditions.get(word.lower())
    if known is None:
        named = ", ".join(sorted(set(conditions.values())))
        refusals.append(Refusal(row + 1, "condition", word, f"no such condition; there are {named}; empty means always"))
    return known or ""


def _stops(word: str, row: int, each: BarrierClass | None, condition: str, refusals: list[Refusal]) -> bool:
    """Return whether a feature stops people: as it says itself, else as its class does.

    A stream for which a condition is told is a barrier under that condition.
    """
    if word:
        if word.lower() not in _YES_OR_NO:
            refusals.append(Refusal(row + 1, "stops", word, "expected yes or no (是, 否); empty means as its class does"))
        return _YES_OR_NO.get(word.lower(), False)
    return each is not None and (each.stops or bool(condition))


def _kept(
    frame: gpd.GeoDataFrame, told: _Read, without: set[str], path: Path, report: ImportReport
) -> gpd.GeoDataFrame:
    """Return the features that stop people; the others are counted by class."""
    import geopandas as gpd  # noqa: PLC0415

    codes = np.array(["" if each is None else each.code for each in told.classes], dtype=object)
    under = _runs_under(frame)
    keep = np.array(told.stops) & (codes != "") & ~np.isin(codes, sorted(without)) & ~under
    dropped = {str(code): int(np.sum((codes == code) & ~keep & ~under)) for code in sorted(set(codes) - {""})}
    report.figures["left_out"] = {code: count for code, count in dropped.items() if count}
    if report.figures["left_out"]:
        report.notes.append(
            f"{sum(dropped.values())} features stop nobody and are left out: {_listed(report.figures['left_out'])}; "
            "a column stops (yes/no) says otherwise for single ones"
        )
    if beneath := int(np.sum((codes != "") & under)):
        report.notes.append(f"{beneath} features run in a tunnel or on a bridge and stop nobody")
    if not keep.any():
        raise InvalidInput(
            f"{path.name}: none of its {len(frame)} features stops anyone ({_listed(_counted(codes[codes != '']))}); "
            "a column stops (yes) says so for single ones"
        )
    kept_classes = [each for each, one in zip(told.classes, keep, strict=True) if one and each is not None]
    shapes = _shapes_of(frame.geometry.to_numpy()[keep], kept_classes, report)
    names = np.array(_column(frame, ("name", "名称")), dtype=object)[keep]
    marked = np.array(told.conditions, dtype=object)[keep]
    if count := int(np.sum(marked != "")):
        report.notes.append(f"{count} features count only under their condition: {_listed(_counted(marked[marked != '']))}")
    return gpd.GeoDataFrame({"barrier_class": codes[keep], "condition": marked, "name": names}, geometry=shapes, crs=frame.crs)


def _runs_under(frame: gpd.GeoDataFrame) -> Any:
    """Return what lies in a tunnel (a culvert) or on a bridge (a viaduct, an aqueduct): people pass over or under it."""
    no = ("", "no", "0", "false", "f", "否")
    flags = [[word.lower() not in no for word in _tag(frame, name)] for name in ("tunnel", "bridge")]
    return np.array(flags).any(axis=0)


def _shapes_of(shapes: Any, classes: Sequence[BarrierClass], report: ImportReport) -> Any:
    """Return shapes that can be drawn on a grid: polygons whole, or their outline where the class stops only there."""
    shapes = shapely.force_2d(shapes)
    broken = ~shapely.is_valid(shapes)
    if broken.any():
        report.notes.append(f"{int(broken.sum())} shapes cross themselves and were repaired")
        shapes = np.where(broken, shapely.make_valid(shapes), shapes)
    outline = np.array([each.outline for each in classes]) & (shapely.get_dimensions(shapes) == 2)
    return np.where(outline, shapely.boundary(shapes), shapes)


def _check_place(barriers: gpd.GeoDataFrame, path: Path, study: BBox | None, report: ImportReport) -> None:
    if study is None:
        return
    inside = len(barriers.cx[study[0] : study[2], study[1] : study[3]])
    if inside == 0:
        raise InvalidInput(_outside(path, tuple(barriers.total_bounds), study, "no barrier"))
    if inside < len(barriers):
        report.notes.append(
            f"{len(barriers) - inside} of {len(barriers)} barriers lie outside the study area; those in its margin count"
        )


def _counted(words: Any) -> dict[str, int]:
    found, counts = np.unique(np.asarray(words, dtype=str), return_counts=True)
    return {str(word): int(count) for word, count in zip(found, counts, strict=True)}
