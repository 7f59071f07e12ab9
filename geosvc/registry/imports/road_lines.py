"""What a road says of itself, in whichever words: class, name, bridge, tunnel, one-way, access."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geosvc.registry.road_access import BARRED, access_keys, barred_by
from geosvc.registry.road_classes import road_class_of

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from geosvc.registry.imports.report import ImportReport

# The first of these that a file has. A technical grade says more about speed than an administrative one.
_ROAD_CLASS_COLUMNS = (
    "road_class", "highway", "fclass", "技术等级", "道路等级", "公路等级", "行政等级", "道路类型", "道路类别", "等级",
    "class", "type",
)
_COLUMNS = {
    "name": ("name", "名称", "道路名称", "路名"), "bridge": ("bridge", "桥", "桥梁"), "tunnel": ("tunnel", "隧道"),
    "oneway": ("oneway", "单行", "单行线", "单向"),
}
# The tags that roads of OpenStreetMap are read with.
OSM_TAGS = tuple(dict.fromkeys(
    ["highway", "name", "bridge", "tunnel", "oneway", "junction", *(key for keys in access_keys().values() for key in keys)]
))
# A line without a class is taken for the slowest kind of public road, and counted.
UNKNOWN_ROAD_CLASS = "unclassified"
_UNKNOWN_LISTED = 20
_NO = ("", "no", "0", "false", "f", "否", "无")
_ALONG = ("yes", "true", "1", "t", "forward", "是", "正向", "单行", "顺向")
_AGAINST = ("-1", "reverse", "backward", "反向", "逆向")
# The words of Geofabrik's shapefiles: forward, towards the start, both.
_GEOFABRIK = {"f": 1, "t": -1, "b": 0}
_ONE_WAY_JUNCTIONS = ("roundabout", "circular")


def normalised_roads(frame: gpd.GeoDataFrame, report: ImportReport) -> gpd.GeoDataFrame:
    """Return the roads with the columns that a workspace stores, and say in the report what was read into them.

    ``road_class`` (OpenStreetMap's word), ``name``, ``bridge``, ``tunnel``, ``oneway`` (1 along the
    line, -1 against it, 0 both ways), ``no_motor``, ``no_foot``, ``no_bicycle``: whom the access rules
    shut out.
    """
    import geopandas as gpd  # noqa: PLC0415  slow to import

    column = next((name for name in _COLUMNS["name"] if name in frame.columns), None)
    names = "" if column is None else frame[column].fillna("").astype(str).to_numpy()
    return gpd.GeoDataFrame(
        {"road_class": _road_classes(frame, report), "name": names, "bridge": _flag(frame, "bridge"),
         "tunnel": _flag(frame, "tunnel"), "oneway": _one_way(frame, report), **_barred(frame, report)},
        geometry=frame.geometry.to_numpy(), crs=frame.crs,
    )


def _said(frame: gpd.GeoDataFrame, key: str) -> Any:
    """Return what the roads say under a key, in lower case, "" = nothing: a column, or GDAL's other_tags; None = neither."""
    name = next((each for each in _COLUMNS.get(key, (key,)) if each in frame.columns), None)
    if name is not None:
        told = frame[name]
    elif "other_tags" in frame.columns:
        told = frame["other_tags"].str.extract(rf'"{key}"=>"([^"]*)"', expand=False)
    else:
        return None
    codes, words = pd.factorize(told)
    # A whole number in a column with gaps comes as 1.0; code -1, nothing said, reads the last.
    plain = np.array([*(str(word).strip().lower().removesuffix(".0") for word in words), ""], dtype=object)
    return pd.Series(plain[codes], index=frame.index, dtype=object)


def _flag(frame: gpd.GeoDataFrame, key: str) -> Any:
    said = _said(frame, key)
    return False if said is None else ~said.isin(_NO).to_numpy()


def _road_classes(frame: gpd.GeoDataFrame, report: ImportReport) -> Any:
    """Return OpenStreetMap's word for each road; a word that nobody knows stays, and is reported."""
    column = next((name for name in _ROAD_CLASS_COLUMNS if name in frame.columns), None)
    if column is None:
        report.notes.append(f"no column for the road class: all {len(frame)} taken as {UNKNOWN_ROAD_CLASS}")
        return [UNKNOWN_ROAD_CLASS] * len(frame)
    told = frame[column].fillna("").astype(str).str.strip()
    if missing := int((told == "").sum()):
        report.notes.append(f"{missing} roads without a class: taken as {UNKNOWN_ROAD_CLASS}")
    told = told.mask(told == "", UNKNOWN_ROAD_CLASS)
    counts = told.value_counts()
    meant = {word: road_class_of(word) for word in counts.index}
    read = {word: known.code for word, known in meant.items() if known is not None and known.code != word}
    if read:
        report.notes.append("road classes read as OpenStreetMap's: " + ", ".join(
            f"{word} = {code} ({counts[word]})" for word, code in sorted(read.items())))
    if unknown := {word: int(counts[word]) for word, known in meant.items() if known is None}:
        report.notes.append(
            f"{sum(unknown.values())} roads of {len(unknown)} unknown classes are travelled at the profiles' slowest "
            f"speed, 'other': {_listed(unknown)}; name them as OpenStreetMap does (column road_class) and import again"
        )
    report.figures["unknown_classes"] = unknown
    return told.map(lambda word: read.get(word, word)).to_numpy()


def _one_way(frame: gpd.GeoDataFrame, report: ImportReport) -> Any:
    """Return 1 along the line, -1 against it, 0 both ways (also where the direction changes with the hour)."""
    said = _said(frame, "oneway")
    if said is None:
        return 0
    if "fclass" in frame.columns or (said == "b").any():
        return said.map(_GEOFABRIK).fillna(0).astype("int8").to_numpy()
    way = pd.Series(0, index=frame.index, dtype="int8")
    way[said.isin(_ALONG)], way[said.isin(_AGAINST)] = 1, -1
    implied = (said == "") & _implied_one_way(frame)
    if count := int(implied.sum()):
        way[implied] = 1
        report.notes.append(f"{count} motorways and roundabouts do not say whether they are one-way: taken as one-way "
                            "along the line, as OpenStreetMap means them")
    return way.to_numpy()


def _implied_one_way(frame: gpd.GeoDataFrame) -> Any:
    """Return the roads that OpenStreetMap means as one-way without a word.

    Only where the classes are its own (``highway``): a 高速公路 of a road register is one line for both directions.
    """
    junction = _said(frame, "junction")
    implied = frame["highway"] == "motorway" if "highway" in frame.columns else pd.Series([False] * len(frame), frame.index)
    return implied if junction is None else implied | junction.isin(_ONE_WAY_JUNCTIONS)


def _barred(frame: gpd.GeoDataFrame, report: ImportReport) -> dict[str, NDArray[np.bool_]]:
    """Return, for each kind of traveller, the roads that shut them out."""
    barred, unknown = {}, dict[str, int]()
    said = {key: _said(frame, key) for key in dict.fromkeys(key for keys in access_keys().values() for key in keys)}
    for who, keys in access_keys().items():
        word = pd.Series("", index=frame.index, dtype=object)
        for told in (said[key] for key in keys):
            if told is not None:
                word = word.mask(word == "", told)
        counts = word[word != ""].value_counts()
        meant = {each: barred_by(each) for each in counts.index}
        unknown |= {each: int(counts[each]) for each, bars in meant.items() if bars is None}
        barred[BARRED[who]] = word.isin([each for each, bars in meant.items() if bars and who in bars]).to_numpy(bool)
    counted = {who: int(barred[column].sum()) for who, column in BARRED.items()}
    report.figures["barred"] = counted
    if any(counted.values()):
        report.notes.append(
            f"access rules close {counted['motor']} roads to motor vehicles, {counted['foot']} to people on foot and "
            f"{counted['bicycle']} to bicycles; they do not bind an emergency vehicle")
    if unknown:
        report.notes.append(f"unknown words of access rules close no road: {_listed(unknown)}")
    return barred


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{word} ({count})" for word, count in sorted(counts.items())[:_UNKNOWN_LISTED])
