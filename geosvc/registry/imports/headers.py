"""The words that stand above columns, and the field that each of them means."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING

from geosvc.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SYNONYMS: dict[str, tuple[str, ...]] = {
    "name": ("name", "机构名称", "单位名称", "名称", "卫生机构名称", "医疗机构名称", "机构全称", "医院名称", "设施名称", "facility_name", "name_1", "fname"),
    "short_name": ("short_name", "简称", "机构简称"),
    "aliases": ("机构别名", "曾用名"),
    "class_code": ("class_code", "机构类别代码", "类别代码", "class", "机构类别", "机构类型", "类别", "类型", "type", "amenity"),
    "class_word": ("healthcare", "class_name", "类别名称"),
    "level": ("level", "等级", "级别", "医院级别", "admin_level"),
    "grade": ("grade", "等次", "医院等次"),
    "ownership": ("ownership", "所有制", "经济类型", "举办主体"),
    "service_mode": ("service_mode", "服务方式", "设置方式"),
    "state": ("state", "状态", "机构状态", "运营状态"),
    "longitude": ("longitude", "lon", "lng", "long", "x", "经度", "东经", "坐标x", "lon_wgs84"),
    "latitude": ("latitude", "lat", "y", "纬度", "北纬", "坐标y", "lat_wgs84"),
    "datum": ("datum", "坐标系", "坐标系统"),
    "geometry_datum": ("图形坐标系",),
    "coordinate_method": ("coordinate_method", "position_method", "定位方式", "坐标获取方式"),
    "coordinate_source": ("coordinate_source", "position_source", "坐标来源"),
    "province": ("pname", "省份"),
    "county": ("adname", "区县", "县区"),
    "position_date": ("position_date", "定位日期", "坐标日期"),
    "raw_x": ("raw_x", "原始x"),
    "raw_y": ("raw_y", "原始y"),
    "raw_datum": ("raw_datum", "原始坐标系"),
    "address": ("address", "地址", "机构地址", "详细地址"),
    "area_code": ("area_code", "区划代码", "行政区划代码", "township_code", "division_code"),
    "area_name": ("area_name", "所属乡镇", "所在乡镇", "乡镇", "乡镇街道", "乡镇(街道)", "所属街道", "街道", "所属区划", "所属区域", "区划名称", "行政区划"),
    "areas_served": ("areas_served", "服务区划"),
    "identifier": ("identifier", "统一社会信用代码", "uscc", "社会信用代码"),
    "licence_number": ("licence_number", "医疗机构登记号", "登记号"),
    "local_id": ("local_id", "osm_id", "机构编码", "编码", "代码", "id", "fid_"),
    "identifiers": ("其他标识",),
    # groups of entries in one cell (registry.exports.cells): words rare enough that no other table has them
    "beds": ("床位明细",),
    "staff": ("人员明细",),
    "vehicles": ("车辆明细",),
    "capabilities": ("能力明细",),
    "relations": ("关系明细",),
    "contact": ("联系明细",),
    "beds_authorised": ("beds_authorised", "编制床位", "编制床位数", "床位", "床位数"),
    "beds_actual": ("beds_actual", "实有床位", "实有床位数"),
    "beds_planned_2025": ("beds_planned_2025",),
    "staff_doctors": ("staff_doctors", "医师", "医师数", "医生", "医生数", "执业医师", "执业(助理)医师", "执业(助理)医师数"),
    "staff_nurses": ("staff_nurses", "护士", "护士数", "注册护士", "注册护士数"),
    "staff_pharmacists": ("staff_pharmacists", "药师", "药师数", "药师(士)"),
    "staff_general_practitioners": ("staff_general_practitioners", "全科医生", "全科医生数", "全科医师"),
    "staff_tcm_doctors": ("staff_tcm_doctors", "中医师", "中医医师", "中医类别医师"),
    "staff_public_health_staff": ("staff_public_health_staff", "公共卫生人员", "公卫人员"),
    "staff_village_doctors": ("staff_village_doctors", "乡村医生", "乡村医生数", "村医", "村医数"),
    "staff_health_technicians": ("staff_health_technicians", "卫生技术人员", "卫生技术人员数", "卫技人员"),
    "staff_health_staff": ("staff_health_staff", "卫生人员", "卫生人员数", "在岗职工", "职工数"),
    "opened_on": ("opened_on", "开业日期", "成立日期", "成立时间", "开业时间", "设立日期"),
    "closed_on": ("closed_on", "停业日期", "关闭日期", "注销日期"),
    "telephone": ("telephone", "phone", "电话", "联系电话"),
    "illustrative": ("illustrative", "示例"),
    "source": ("source", "来源", "数据来源"),
    "note": ("note", "备注", "说明", "description"),
    # whose row it is, in files that this program wrote
    "facility_id": ("机构编号",),
    "registry": ("登记库",),
    "as_of": ("数据日期",),
    # areas
    "code": ("code", "adcode", "gid_1", "hasc_1", "division", "区划编码"),
    "parent_code": ("parent_code", "上级代码", "上级区划代码", "gid_0"),
    "kind": ("kind", "类", "种类", "人口口径", "口径"),
    "members": ("members", "下辖", "下辖区划", "下辖区划代码"),
    "area_km2": ("area_km2", "面积", "面积km2", "面积(平方公里)", "published_km2"),
    "settlement_class": ("settlement_class", "城乡分类", "城乡"),
    "review_number": ("review_number", "审图号"),
    "schematic": ("schematic", "示意"),
    # people
    "year": ("year", "年份", "年度"),
    "people": ("people", "人口", "人口数", "人口数_合计", "常住人口", "population", "pop"),
    "status": ("status", "数据状态", "数据性质", "性质"),
}
_FIELD_OF = {word: field for field, words in _SYNONYMS.items() for word in words}
_GROUP_PREFIX = "people_"


def field_of(header: str) -> str | None:
    """Return the field that a header means, None if it is not understood.

    Columns named ``people_...`` are parts of the people by age and keep their name.

    Examples
    --------
    >>> field_of("机构名称"), field_of("LNG"), field_of("colour")
    ('name', 'longitude', None)
    """
    word = header.strip().lower()
    if word.startswith(_GROUP_PREFIX):
        return word
    return _FIELD_OF.get(word)


# What a column of a table of facilities can be: field, and what a person calls it.
FACILITY_FIELDS: dict[str, tuple[str, str]] = {
    "name": ("机构名称", "name"), "short_name": ("简称", "short name"), "aliases": ("机构别名", "former names and aliases"),
    "class_code": ("机构类别", "class"), "class_word": ("类别名称", "class in words"), "level": ("等级", "level"), "grade": ("等次", "grade"),
    "ownership": ("所有制", "ownership"), "service_mode": ("服务方式", "service mode"), "state": ("状态", "state"),
    "opened_on": ("开业日期", "opened on"), "closed_on": ("停业日期", "closed on"),
    "longitude": ("经度 / X", "longitude / x"), "latitude": ("纬度 / Y", "latitude / y"), "datum": ("坐标系", "datum"),
    "coordinate_method": ("定位方式", "position method"), "coordinate_source": ("坐标来源", "position source"),
    "position_date": ("定位日期", "position date"), "raw_x": ("原始X", "original x"), "raw_y": ("原始Y", "original y"),
    "raw_datum": ("原始坐标系", "original datum"),
    "area_code": ("区划代码", "area code"), "area_name": ("区划名称（乡镇、村）", "name of the area (township, village)"),
    "areas_served": ("服务区划", "areas served"), "province": ("省份", "province"),
    "county": ("区县", "county"), "address": ("地址", "address"),
    "identifier": ("统一社会信用代码", "credit code"), "licence_number": ("医疗机构登记号", "licence number"),
    "local_id": ("机构编码", "local code"), "identifiers": ("其他标识", "other identifiers"),
    "beds_authorised": ("编制床位", "beds authorised"), "beds_actual": ("实有床位", "beds actual"),
    "beds_planned_2025": ("2025年规划床位", "beds planned for 2025"), "beds": ("床位明细", "beds in detail"),
    "staff_doctors": ("医师", "doctors"), "staff_nurses": ("护士", "nurses"), "staff_pharmacists": ("药师", "pharmacists"),
    "staff_general_practitioners": ("全科医生", "general practitioners"), "staff_tcm_doctors": ("中医师", "TCM doctors"),
    "staff_public_health_staff": ("公共卫生人员", "public-health staff"), "staff_village_doctors": ("乡村医生", "village doctors"),
    "staff_health_technicians": ("卫生技术人员", "health technicians"), "staff_health_staff": ("卫生人员", "health staff"),
    "staff": ("人员明细", "staff in detail"), "vehicles": ("车辆明细", "vehicles in detail"),
    "capabilities": ("能力明细", "capabilities in detail"), "relations": ("关系明细", "relations in detail"),
    "telephone": ("联系电话", "telephone"), "contact": ("联系明细", "contact in detail"), "illustrative": ("示例", "sample data"),
    "source": ("来源", "source"), "note": ("备注", "note"),
    "facility_id": ("机构编号", "number in this registry"), "registry": ("登记库", "registry"), "as_of": ("数据日期", "as of"),
    "geometry_datum": ("图形坐标系", "datum of the shapes"),
}


def check_mapping(mapping: Mapping[str, str]) -> None:
    """Refuse a mapping that names a field which there is not, or one field twice.

    Raises
    ------
    InvalidInput
    """
    first: dict[str, str] = {}
    for header, name in mapping.items():
        if not name:
            continue
        if name not in FACILITY_FIELDS:
            raise InvalidInput(f"column {header!r} cannot be read as {name!r}; a column is one of {', '.join(FACILITY_FIELDS)}, or left out")
        if name in first:
            raise InvalidInput(f"columns {first[name]!r} and {header!r} cannot both be {name}; leave one of them out")
        first[name] = header


def fingerprint_of(headers: Iterable[str], *, without: Iterable[str] = ()) -> str:
    """Return what tells a set of headers from others, whatever their order, width and case.

    >>> fingerprint_of(["经度", "NAME"]) == fingerprint_of(["name ", "经度", ""])
    True
    """
    words = {unicodedata.normalize("NFKC", each).strip().lower() for each in headers} - {"", *without}
    return hashlib.sha256("\n".join(sorted(words)).encode()).hexdigest()
