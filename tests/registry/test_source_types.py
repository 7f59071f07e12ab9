"""Types of a map provider: read as classes of ours by data, animal clinics left out, all of it counted."""

from __future__ import annotations

import pytest
from registry.made_files import write_csv

from geosvc.registry import facilities
from geosvc.registry.classes import facility_classes
from geosvc.registry.imports.facilities import FacilityOptions, read_facilities
from geosvc.registry.source_types import _document, source_type_of, source_words
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import importing

HEADER = ["name", "address", "adname", "pname", "type", "lat", "lon"]
PLACE = ["凤阳路415号", "黄浦区", "上海市"]
HOSPITAL = ["长征医院", *PLACE, "医疗保健服务;综合医院;三级甲等医院", "31.234", "121.463"]
CLINIC = ["临海村卫生室", "[]", "奉贤区", "上海市", "医疗保健服务;诊所;诊所", "30.9", "121.5"]
VET = ["瑞派宠物医院", *PLACE, "医疗保健服务;动物医疗场所;宠物诊所", "31.235", "121.464"]
WGS84 = FacilityOptions(datum="WGS84")


def read(path):
    found, report = read_facilities(path, WGS84)
    return [each.facility for each in found], report


@pytest.mark.parametrize(("text", "name", "code"), [
    ("医疗保健服务;综合医院;综合医院", "徐汇区中心医院", "A100"),
    ("医疗保健服务;综合医院;综合医院", "静安区中医医院", "A210"),
    ("医疗保健服务;综合医院;卫生院", "港沿镇卫生院", "C220"),
    ("医疗保健服务;综合医院;卫生院", "航头社区卫生服务中心(总部)", "B100"),
    ("医疗保健服务;综合医院;卫生院", "徐泾镇社区卫生服务中心宅东卫生服务点", "B200"),
    ("医疗保健服务;诊所;诊所", "新月诊所", "D200"),
    ("医疗保健服务;专科医院;口腔医院", "博恒口腔门诊部", "D100"),
    ("医疗保健服务;专科医院;口腔医院", "中博口腔", "A511"),
    ("医疗保健服务;专科医院;不知道的专科", "某院", "A500"),
    ("医疗保健服务;不知道", "某处", "X999"),
    ("医疗保健服务;专科医院;整形美容", "乔丽尔", "X999"),
    ("医疗保健服务;诊所;诊所|医疗保健服务;专科医院;眼科医院", "光明", "A512"),
    ("医疗保健服务；医药保健销售店；药房", "国大", "X080"),
])
def test_the_most_specific_step_that_is_known_decides(text, name, code):
    """From the last step of a path to the first; of several paths the one that says most; wide words ask the name."""
    assert source_type_of(text, name).class_code == code


def test_a_level_is_taken_out_of_the_type():
    """三级甲等医院 says level and grade beside the class, also when it stands in the other of two paths."""
    for text in ("医疗保健服务;综合医院;三级甲等医院", "医疗保健服务;专科医院;眼科医院|医疗保健服务;综合医院;三级甲等医院"):
        told = source_type_of(text)
        assert (told.level, told.grade) == ("三级", "甲等")


@pytest.mark.parametrize("text", [
    "医疗保健服务;动物医疗场所;宠物诊所", "医疗保健服务;动物医疗场所;兽医站", "宠物诊所",
    "医疗保健服务;综合医院;综合医院|医疗保健服务;动物医疗场所;宠物诊所",
])
def test_a_vet_is_a_vet_whatever_else_it_is_listed_as(text):
    """A word that is refused refuses the row wherever it stands."""
    assert source_type_of(text, "申康宠物医疗中心").refuse == "not human health"


def test_words_of_nobody_mean_nothing():
    """A type that no taxonomy knows is left to the code list, which counts it as unclassified."""
    assert source_type_of("餐饮服务;中餐厅") is None


def test_every_entry_is_a_class_or_a_refusal():
    """The data hold together: each word has a class of the list or a reason, each ending of a name a class."""
    assert _document()["version"] == 1
    for word, entry in source_words().items():
        assert ("class" in entry) != ("refuse" in entry), word
        assert entry.get("class", "X999") in facility_classes(), word
    assert set(_document()["names"].values()) <= facility_classes().keys()


def test_a_provider_s_table_is_registered_with_classes_levels_and_addresses(tmp_path):
    """name, address, adname, pname, type, lat, lon: all seven columns arrive somewhere."""
    found, report = read(write_csv(tmp_path / "a.csv", [HEADER, HOSPITAL, CLINIC]))
    hospital, clinic = found
    assert (hospital.class_code, hospital.level, hospital.grade) == ("A100", "三级", "甲等")
    assert (hospital.lon, hospital.lat, hospital.raw_datum) == (121.463, 31.234, "WGS84")
    assert (hospital.address, clinic.address) == ("上海市黄浦区凤阳路415号", "上海市奉贤区")
    assert clinic.class_code == "D600"
    assert report.figures["source_types"] == {"三级甲等医院": {"A100": 1}, "诊所": {"D600": 1}}
    assert not any("not used" in note for note in report.notes)


def test_animal_clinics_are_left_out_counted_and_listed(store, settings, tmp_path):
    """They do not fail the import, they are not registered, and the report names each with its row."""
    path = write_csv(tmp_path / "a.csv", [HEADER, VET, HOSPITAL, CLINIC])
    report = importing.import_facilities(store, path, WGS84, settings)
    told = report.as_dict()
    assert (told["new"], told["refused"], told["rows_left_out"]) == (2, [], 1)
    assert [(each["row"], each["reason"]) for each in told["left_out"]] == [(2, "not human health")]
    assert any("not human health" in note for note in report.notes)
    with store.reading() as session:
        assert facilities.count(session, FacilityQuery(name_contains="宠物")) == 0


def test_unclassified_types_are_counted(tmp_path):
    """What is unclassified on purpose is a figure of the report, not a silence."""
    rows = [["乔丽尔", *PLACE, "医疗保健服务;专科医院;整形美容", "31.2", "121.4"], HOSPITAL]
    _, report = read(write_csv(tmp_path / "a.csv", [HEADER, *rows]))
    assert report.figures["unclassified"] == 1


def test_names_of_animals_under_another_type_are_pointed_out(tmp_path):
    """A vet that the provider lists as a hospital is taken, and the report says which row to look at."""
    _, report = read(write_csv(tmp_path / "a.csv", [HEADER, HOSPITAL, ["御宠宠物诊所", *PLACE, "医疗保健服务;综合医院;综合医院", "31.2", "121.4"]]))
    assert any("1 names speak of animals" in note and "row 3" in note for note in report.notes)


def test_a_class_of_ours_is_not_touched(tmp_path):
    """A column 类型 with 口腔医院 or A511 is read by the code list as before."""
    rows = [["机构名称", "类型", "经度", "纬度"], ["甲", "口腔医院", "121.4", "31.2"], ["乙", "A511", "121.4", "31.2"]]
    found, report = read(write_csv(tmp_path / "a.csv", rows))
    assert [each.class_code for each in found] == ["A511", "A511"]
    assert "source_types" not in report.figures


def test_a_type_that_says_no_level_keeps_the_one_that_is_registered(store, settings, tmp_path):
    """One row of a provider's table names a level; the others say nothing of theirs, and nothing is cleared."""
    own = [["name", "class_code", "level", "lon", "lat", "datum"], ["乙医院", "A100", "二级", "126.85", "42.35", "WGS84"]]
    importing.import_facilities(store, write_csv(tmp_path / "own.csv", own), FacilityOptions(), settings)
    theirs = [["name", "type", "lon", "lat"],
              ["甲医院", "医疗保健服务;综合医院;三级甲等医院", "126.86", "42.36"],
              ["乙医院", "医疗保健服务;综合医院;综合医院", "126.85", "42.35"]]
    importing.import_facilities(store, write_csv(tmp_path / "theirs.csv", theirs), FacilityOptions(datum="WGS84"), settings)
    with store.reading() as session:
        found = {each.facility.name: each.facility.level for each in facilities.find(session, FacilityQuery())}
    assert found == {"甲医院": "三级", "乙医院": "二级"}
