"""The columns of exported facilities: one table for every file format."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.geo.datums import DATUMS, WGS84, from_wgs84, to_wgs84
from geosvc.registry.classes import facility_classes
from geosvc.registry.exports import cells
from geosvc.registry.exports.cells import tidy
from geosvc.registry.imports.tables import plain
from geosvc.store.facilities import first_registered_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from geosvc.registry.exports.extract import Extract, Row
    from geosvc.store.engine import Session

# Positions nearer than this (a tenth of a millimetre) are the same: what a datum and back may cost.
SAME_DEGREES = 1e-9
SCHEMES = {"uscc": "identifier", "licence": "licence_number", "local": "local_id"}

# The field that the importer knows, and the header above its column.
HEADERS = {
    "facility_id": "机构编号", "name": "机构名称", "short_name": "简称", "aliases": "机构别名", "class_code": "机构类别",
    "level": "等级", "grade": "等次", "ownership": "所有制", "service_mode": "服务方式", "state": "状态",
    "opened_on": "开业日期", "closed_on": "停业日期", "area_code": "区划代码", "areas_served": "服务区划", "address": "地址",
    "longitude": "经度", "latitude": "纬度", "datum": "坐标系", "geometry_datum": "图形坐标系",
    "coordinate_method": "定位方式", "coordinate_source": "坐标来源", "position_date": "定位日期",
    "raw_x": "原始X", "raw_y": "原始Y", "raw_datum": "原始坐标系",
    "identifier": "统一社会信用代码", "licence_number": "医疗机构登记号", "local_id": "机构编码", "identifiers": "其他标识",
    "beds": "床位明细", "staff": "人员明细", "vehicles": "车辆明细", "capabilities": "能力明细", "relations": "关系明细",
    "telephone": "联系电话", "contact": "联系明细", "illustrative": "示例", "source": "来源", "note": "备注",
    "registry": "登记库", "as_of": "数据日期",
}
_CONTACTS = ("telephone", "contact")
_NOT_ON_MAPS = ("longitude", "latitude", "datum")
_ONLY_ON_MAPS = ("geometry_datum",)


@dataclass(frozen=True, kw_only=True)
class About:
    """What an export is: of which registry, as true on which day, in which datum.

    ``registry`` names it for a person; ``mark`` tells it from every other one, so that an id of
    one registry is never taken for the id of another.
    """

    registry: str
    mark: str
    as_of: str
    recorded: str | None = None
    datum: str = WGS84
    with_contacts: bool = False

    @cached_property
    def signature(self) -> str:
        """Return the registry as each row names it."""
        return f"{tidy(self.registry).replace('#', ' ')} #{self.mark}".strip()


@dataclass(frozen=True)
class Line:
    """One facility as text by field, and its position in the datum of the export."""

    cells: dict[str, str]
    lon: float | None
    lat: float | None
    illustrative: bool


def mark_of(session: Session) -> str:
    """Return what tells this registry from others: made of the moment of its first facility; "" before."""
    moment = first_registered_at(session)
    return "" if moment is None else hashlib.sha256(moment.encode()).hexdigest()[:8]


def fields_of(about: About, *, on_map: bool) -> list[str]:
    """Return the fields that an export writes, in their order."""
    left_out = {*(_NOT_ON_MAPS if on_map else _ONLY_ON_MAPS), *(() if about.with_contacts else _CONTACTS)}
    return [name for name in HEADERS if name not in left_out]


@cache
def class_cell(code: str) -> str:
    """Return a class as a table shows it: its code and its name."""
    return f"{code} {facility_classes()[code].zh}"


def lines(found: Extract, about: About) -> Iterator[Line]:
    """Yield each facility as it is written."""
    for batch in found.batches():
        for each, place in zip(batch, _placed(batch, about.datum), strict=True):
            yield _line(each, about, *place)


def _placed(found: list[Row], datum: str) -> Iterable[tuple[float | None, float | None, str]]:
    """Return longitude, latitude and datum of each facility.

    Where a shifted datum cannot give a position back (outside of China at the edge of its formula,
    at the poles) it stays in WGS 84, and its row says so.
    """
    lon = np.array([np.nan if each["lon"] is None else each["lon"] for each in found], np.float64)
    lat = np.array([np.nan if each["lat"] is None else each["lat"] for each in found], np.float64)
    x, y = from_wgs84(lon, lat, datum=datum)
    back_x, back_y = to_wgs84(x, y, datum=datum)
    kept = (np.abs(back_x - lon) < SAME_DEGREES / 2) & (np.abs(back_y - lat) < SAME_DEGREES / 2)
    kept &= (np.abs(x) <= 180.0) & (np.abs(y) <= 90.0)
    x, y = np.where(kept, x, lon), np.where(kept, y, lat)
    for at_x, at_y, same in zip(x.tolist(), y.tolist(), kept.tolist(), strict=True):
        if at_x != at_x:  # noqa: PLR0124  NaN: to be located
            yield None, None, ""
        else:
            yield at_x, at_y, datum if same else WGS84


# Fields of plain text, and groups that are written as one cell.
_PLAIN = ("name", "short_name", "level", "grade", "ownership", "service_mode", "opened_on", "closed_on", "area_code", "address",
          "position_date", "raw_x", "raw_y", "raw_datum", "source", "note")
_WRITTEN: dict[str, Callable[[Any], str]] = {
    "aliases": cells.written_list, "areas_served": cells.written_list, "beds": cells.BEDS.written, "staff": cells.STAFF.written,
    "vehicles": cells.VEHICLES.written, "capabilities": cells.CAPABILITIES.written, "relations": cells.RELATIONS.written,
}


def _line(row: Row, about: About, lon: float | None, lat: float | None, datum: str) -> Line:
    told = {name: tidy(text) for name in _PLAIN if (text := row[name])}
    told.update({name: _group(name, text) for name in _WRITTEN if (text := row[name]) != "[]"})
    told.update(
        facility_id=str(row["facility_id"]), class_code=class_cell(row["class_code"]), state=cells.choices("state")[row["state"]],
        coordinate_method=cells.choices("position_method")[row["position_method"]],
        coordinate_source=tidy(row["position_source"]), illustrative="是" if row["illustrative"] else "否",
        registry=about.signature, as_of=about.as_of, datum=datum, geometry_datum=datum,
        longitude="" if lon is None else repr(lon), latitude="" if lat is None else repr(lat),
    )
    if row["identifiers"] != "[]":
        first, others = split_identifiers(json.loads(row["identifiers"]))
        told["identifiers"] = cells.IDENTIFIERS.written(others)
        told.update({SCHEMES[scheme]: each["value"] for scheme, each in first.items()})
    if about.with_contacts:
        told["telephone"], rest = split_contact(json.loads(row["contact"]))
        told["contact"] = cells.written_contact(rest) if rest else ""
    return Line(told, lon, lat, bool(row["illustrative"]))


@lru_cache(maxsize=20_000)
def _group(name: str, text: str) -> str:
    """Return a group of entries as one cell; many facilities say the same."""
    return _WRITTEN[name](json.loads(text))


def split_identifiers(identifiers: list[dict[str, Any]]) -> tuple[dict[str, dict[str, str]], list[dict[str, Any]]]:
    """Return the first identifier of each scheme that has a column of its own, and all others."""
    first: dict[str, dict[str, str]] = {}
    others = []
    for each in identifiers:
        scheme, value = each.get("scheme"), each.get("value")
        ordinary = len(each) == 2 and scheme in SCHEMES and scheme not in first and isinstance(value, str)
        if ordinary and value and value == plain(value) == tidy(value):
            first[str(scheme)] = each
        else:
            others.append(each)
    return first, others


def split_contact(contact: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the telephone and everything else of a contact."""
    telephone = contact.get("telephone")
    if isinstance(telephone, str) and telephone and telephone == tidy(telephone):
        return telephone, {key: value for key, value in contact.items() if key != "telephone"}
    return "", contact


def statements(found: Extract, about: About) -> list[tuple[str, str]]:
    """Return what a reader must know of an export, as pairs of a title and a sentence."""
    return [
        ("登记库 registry", about.signature),
        ("数据日期 as of", about.as_of),
        *([("当时已知 as known on", about.recorded)] if about.recorded else []),
        ("坐标系 datum", f"{about.datum}（可用：{', '.join(DATUMS)}）"),
        ("机构数 facilities", str(found.facilities)),
        ("示例 illustrative", f"{found.illustrative} 个机构为示例数据，不是真实机构（“示例”列为“是”） · {found.illustrative} are sample data, not real"),
        ("示意位置 schematic positions", f"{found.schematic} 个机构的坐标是居民点、区域中心或示例位置，不是建筑物位置（见“定位方式”列） · {found.schematic} positions are not those of buildings"),
        ("待定位 to be located", f"{found.to_be_located} 个机构没有坐标 · {found.to_be_located} have no position"),
        ("联系方式 contacts", "包含（个人信息，请妥善保管） · included: personal data" if about.with_contacts else "不包含；再次导入不会删除已登记的联系方式 · left out; importing this file again keeps those registered"),
        ("来源 sources", "；".join(found.sources[:50]) + (f" … ({len(found.sources)})" if len(found.sources) > 50 else "") or "未说明 not said"),
    ]
