"""What is exported comes back: the same file imported again changes nothing."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from dataclasses import asdict, replace

import openpyxl
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as trying
from hypothesis import strategies as st

from geosvc.errors import InvalidInput, InvalidParameter, RefusedRows
from geosvc.geo.datums import DATUMS
from geosvc.registry import facilities
from geosvc.registry.exports import cells, columns
from geosvc.registry.facilities import Facility
from geosvc.registry.imports.facilities import FacilityOptions
from geosvc.settings import Settings
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import exporting, importing
from geosvc.workflows.workspace import init_workspace

FORMATS = ("csv", "xlsx", "geojson", "gpkg")
FULL = Facility(
    name="=SUM(A1:A9)，“县”医院\n东院 🏥", short_name="+县院", class_code="A100", level="三级", grade="甲等", ownership="公立",
    service_mode="联合设置", state="suspended", opened_on="1958-10-01", closed_on="2025-12-31", lon=126.8096912345678,
    lat=42.3873412345678, raw_x="126°48′35″", raw_y="４２.３８７３", raw_datum="GCJ02", position_method="building",
    position_source="@现场", position_date="2024-05-01", address='-靖宇大街１号; "北"', area_code="220622100000",
    areas_served=["220622100", "220622101"], aliases=["县医院; 本部", "'=旧名", "第一人民医院"],
    identifiers=[
        {"scheme": "uscc", "value": "122206224127612347"}, {"scheme": "local", "value": "0042"},
        {"scheme": "医保", "value": "220622000000000123"}, {"scheme": "local", "value": "７"},
    ],
    beds=[{"kind": "authorised", "year": None, "count": 120}, {"kind": "planned", "year": 2025, "count": 150, "ward": "ICU"}],
    staff=[{"cadre": "doctors", "year": 2024, "count": 30}, {"cadre": "护工", "count": 0}],
    vehicles=[{"kind": "救护车", "count": 2}],
    capabilities=[{"code": "发热门诊", "value": "yes", "date": "2024-05-01"}, {"code": "中医馆", "value": "unknown"}],
    relations=[{"kind": "supports", "facility_id": 2, "from": "2020-01-01", "to": None}],
    contact={"telephone": "+86 439 7222222", "officer": "王某", "opening_hours": "8:00-17:00"},
    illustrative=True, source="公报\t二〇二四", note="=1+1",
)
PLAIN = Facility(name="保安村卫生室", class_code="D600", area_code="220622101", contact={"telephone": "0439-1"})
CLINIC = Facility(
    name="东村卫生室", class_code="D600", lon=126.95, lat=42.35, raw_x="126.95", raw_y="42.35", raw_datum="WGS84",
    position_method="surveyed", beds=[{"kind": "actual", "year": None, "count": 2}], note="备注", source="卫健局",
)


def registered(store):
    with store.reading() as session:
        return facilities.find(session, FacilityQuery())


def contents(store):
    return [each.facility for each in registered(store)]


def register(store, *some):
    with store.writing() as session:
        return [facilities.save(session, each, facility_id=None, author="王", origin="test")[0] for each in some]


def take(store, settings, path):
    report = importing.import_facilities(store, path, FacilityOptions(), settings)
    return report.changes["new"], report.changes["changed"], report.changes["unchanged"]


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))


def write_rows(path, rows):
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return path


def close(one, other):
    """Return whether two facilities are the same: positions to a tenth of a millimetre, identifiers in any order."""
    told, came = asdict(one), asdict(other)
    for axis in ("lon", "lat"):
        a, b = told.pop(axis), came.pop(axis)
        assert (a is None) == (b is None)
        assert a is None or a == pytest.approx(b, abs=columns.SAME_DEGREES)
    for each in (told, came):
        each["identifiers"] = sorted(each["identifiers"], key=lambda pair: json.dumps(pair, sort_keys=True))
        each["relations"] = len(each["relations"])
    assert told == came


@pytest.fixture
def other(tmp_path):
    """Another workspace, empty."""
    made = init_workspace(Settings(workspace=tmp_path / "other"))
    yield made
    made.close()


@pytest.mark.parametrize("datum", DATUMS)
@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_imported_again_changes_nothing(store, settings, other, tmp_path, kind, datum):
    """Every format in every datum: 0 changes here, and in an empty workspace the same facilities but for their ids."""
    register(store, FULL, PLAIN, CLINIC)
    before = registered(store)
    path = tmp_path / f"out.{kind}"
    exporting.export_facilities(store, path, datum=datum, with_contacts=True)
    assert take(store, settings, path) == (0, 0, 3)
    assert registered(store) == before
    register(other, CLINIC)  # so that numbers are not the same by chance
    with other.writing() as session:
        facilities.save(session, replace(CLINIC, name="另一个", lon=100.0), facility_id=1, author="王", origin="test")
    assert take(other, settings, path) == (3, 0, 0)
    for one, came in zip(before, registered(other)[1:], strict=True):
        close(one.facility, came.facility)
    assert registered(other)[1].facility.relations[0]["facility_id"] == registered(other)[2].id  # of the new numbers
    assert take(other, settings, path) == (0, 0, 3)


HOSTILE = st.one_of(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
    st.sampled_from(["=1+1", "+86", "-", "@x", "'=1", "''", "'", "_x0041_", '"', "a,b;c", "一\n二", "１２３", "220622000000000123",
                     "\u3000全角\u3000", "🏥", "＝ＳＵＭ", "[1]", "null", "<b>&amp;", "\r\n", "0042", "1.5", "true"]),
)
TEXT = st.none() | HOSTILE
VALUE = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False) | HOSTILE


def group(label, value):
    return st.lists(
        st.fixed_dictionaries({label: HOSTILE, value: st.integers(0, 10**6) | HOSTILE}, optional={
            "year": st.integers(1900, 2100) | st.none(), "from": VALUE, "a b": VALUE}), max_size=3)


@st.composite
def hostile_facilities(draw):
    place = draw(st.none() | st.tuples(st.floats(73.0, 135.0), st.floats(3.0, 54.0)) | st.tuples(st.floats(-180, 180), st.floats(-90, 90)))
    where = {} if place is None else {
        "lon": place[0], "lat": place[1], "position_method": draw(st.sampled_from(["surveyed", "unknown", "illustrative"])),
        "raw_x": draw(TEXT), "raw_y": draw(TEXT), "raw_datum": draw(TEXT)}
    return Facility(
        name=draw(HOSTILE.filter(cells.tidy)), class_code=draw(st.sampled_from(["A100", "D600", "X999"])),
        state=draw(st.sampled_from(["operating", "suspended", "closed", "planned"])), short_name=draw(TEXT), level=draw(TEXT),
        ownership=draw(TEXT), service_mode=draw(TEXT), note=draw(TEXT), source=draw(TEXT), position_source=draw(TEXT),
        aliases=draw(st.lists(HOSTILE, max_size=3)), areas_served=draw(st.lists(HOSTILE, max_size=2)),
        identifiers=draw(st.lists(st.fixed_dictionaries({"scheme": st.sampled_from(["local", "其他"]), "value": st.sampled_from(
            ["0042", "220622000000000123", "=1", "１２", "a;b", " x ", "ＡＢ"])}), max_size=3)),
        staff=draw(group("cadre", "count")), capabilities=draw(group("code", "value")), relations=draw(group("kind", "facility")),
        contact=draw(st.dictionaries(st.sampled_from(["telephone", "officer", "x y"]), VALUE, max_size=3)),
        illustrative=draw(st.booleans()), **where)


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.slow
def test_whatever_is_registered_comes_back(tmp_path_factory, kind):
    """Formulas, quotes, line breaks, commas, emoji, full-width letters, long codes, in any datum: 0 changes."""

    @trying(max_examples=8, deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck))
    @given(some=st.lists(hostile_facilities(), min_size=1, max_size=4), datum=st.sampled_from(DATUMS))
    def round_trip(some, datum):
        folder = tmp_path_factory.mktemp("trip")
        settings = Settings(workspace=folder / "workspace")
        store = init_workspace(settings)
        try:
            register(store, *some)
            before = registered(store)
            exporting.export_facilities(store, folder / f"out.{kind}", datum=datum, with_contacts=True)
            assert take(store, settings, folder / f"out.{kind}") == (0, 0, len(some))
            assert registered(store) == before
        finally:
            store.close()

    round_trip()


@pytest.fixture
def table(store, tmp_path):
    """A CSV of three facilities, as rows, to be edited."""
    register(store, FULL, PLAIN, CLINIC)
    exporting.export_facilities(store, tmp_path / "out.csv", with_contacts=True)
    return rows_of(tmp_path / "out.csv")


CHANGES = {
    "简称": ("short_name", "新简称"), "等级": ("level", "二级"), "所有制": ("ownership", "营利性"), "服务方式": ("service_mode", "派驻"),
    "状态": ("state", "关闭"), "停业日期": ("closed_on", "2026-01-01"), "床位明细": ("beds", "编制床位:121"),
    "人员明细": ("staff", "护士:3"), "能力明细": ("capabilities", "中医馆=无"), "机构别名": ("aliases", "甲；乙"), "示例": ("illustrative", "否"),
    "备注": ("note", "新"), "联系电话": ("contact", "110"), "医疗机构登记号": ("identifiers", "PDY1"), "机构名称": ("name", "改名医院"),
    "机构类别": ("class_code", "A210 中医医院"), "地址": ("address", "新街"), "定位方式": ("position_method", "实测"),
    "定位日期": ("position_date", "2026-02-02"), "原始X": ("raw_x", "1"),
}


@pytest.mark.parametrize("header", CHANGES)
def test_a_changed_cell_changes_that_field_and_no_other(store, settings, tmp_path, table, header):
    """One cell edited by hand: one facility changed, in one field."""
    field, text = CHANGES[header]
    before = contents(store)
    table[1][table[0].index(header)] = text
    assert take(store, settings, write_rows(tmp_path / "in.csv", table)) == (0, 1, 2)
    after = contents(store)
    assert after[1:] == before[1:]
    assert {name for name, value in asdict(after[0]).items() if value != asdict(before[0])[name]} == {field}


def test_a_moved_position_takes_its_own_numbers_as_its_source(store, settings, tmp_path, table):
    """Who edits 经度 moves the facility; the old source's numbers are not its numbers any more."""
    table[3][table[0].index("经度")] = "126.96"
    assert take(store, settings, write_rows(tmp_path / "in.csv", table)) == (0, 1, 2)
    moved = contents(store)[2]
    assert (moved.lon, moved.lat, moved.raw_x, moved.raw_datum) == (126.96, 42.35, "126.96", "WGS84")


def test_absent_columns_change_nothing(store, settings, tmp_path, table):
    """Any column may be taken out, or all but the number and the registry: what is registered stays."""
    before = contents(store)
    for header in table[0]:
        if header in ("经度", "纬度", "坐标系", "登记库"):
            continue
        at = table[0].index(header)
        rows = [row[:at] + row[at + 1 :] for row in table]
        if header == "机构编号":  # found by identifier and name then; the third has its number's relation
            continue
        assert take(store, settings, write_rows(tmp_path / "in.csv", rows)) == (0, 0, 3), header
    keep = [table[0].index(header) for header in ("机构编号", "登记库", "备注")]
    rows = [[row[at] for at in keep] for row in table]
    assert take(store, settings, write_rows(tmp_path / "in.csv", rows)) == (0, 0, 3)
    assert contents(store) == before
    rows[3][2] = "只改备注"
    assert take(store, settings, write_rows(tmp_path / "in.csv", rows)) == (0, 1, 2)
    assert contents(store)[2] == replace(before[2], note="只改备注")


def test_an_emptied_cell_clears_the_field(store, settings, tmp_path, table):
    """A cell that was emptied is an answer: the text goes, the list becomes empty, the position is to be located."""
    for header in ("备注", "床位明细", "经度", "纬度", "定位方式", "原始X", "原始Y", "原始坐标系", "联系电话"):
        table[1][table[0].index(header)] = ""
    assert take(store, settings, write_rows(tmp_path / "in.csv", table)) == (0, 1, 2)
    one = contents(store)[0]
    assert (one.note, one.beds, one.lon, one.raw_x, one.position_method) == (None, [], None, None, "none")
    assert one.contact == {key: value for key, value in FULL.contact.items() if key != "telephone"}


def test_contacts_are_left_out_and_stay_registered(store, settings, tmp_path):
    """Without being asked no telephone leaves the registry; importing that file does not delete one."""
    register(store, FULL, PLAIN)
    for kind in FORMATS:
        path = tmp_path / f"out.{kind}"
        exporting.export_facilities(store, path)
        assert b"7222222" not in path.read_bytes()
        assert take(store, settings, path) == (0, 0, 2)
    assert contents(store)[0].contact == FULL.contact


def test_a_number_of_another_registry_is_not_ours(store, settings, other, tmp_path):
    """A file of another registry does not overwrite the facilities that happen to have the same numbers."""
    register(store, FULL, PLAIN)
    register(other, CLINIC, replace(CLINIC, name="南村卫生室", lon=126.9))
    exporting.export_facilities(other, tmp_path / "out.csv")
    before = contents(store)
    assert take(store, settings, tmp_path / "out.csv") == (2, 0, 0)
    assert contents(store)[:2] == before
    rows = rows_of(tmp_path / "out.csv")
    at = rows[0].index("登记库")
    without = write_rows(tmp_path / "in.csv", [row[:at] + row[at + 1 :] for row in rows])
    assert take(store, settings, without) == (0, 0, 2)


def test_a_copied_number_and_an_unknown_one_are_refused(store, settings, tmp_path, table):
    """A row copied with its number, or a number without a facility and without a name, is said and nothing is stored."""
    before = contents(store)
    with pytest.raises(RefusedRows, match="row 2 too"):
        take(store, settings, write_rows(tmp_path / "in.csv", [*table, table[1]]))
    mark = table[1][table[0].index("登记库")]
    with pytest.raises(RefusedRows, match="no facility of this registry"):
        take(store, settings, write_rows(tmp_path / "in.csv", [["机构编号", "登记库", "备注"], ["99", mark, "x"]]))
    table[1][table[0].index("床位明细")] = "很多"
    with pytest.raises(RefusedRows, match="编制床位:120"):
        take(store, settings, write_rows(tmp_path / "in.csv", table))
    assert contents(store) == before


def test_a_csv_opens_in_a_spreadsheet_as_text(store, tmp_path):
    """UTF-8 with a byte-order mark; nothing begins like a formula; long codes keep all their digits."""
    register(store, FULL)
    exporting.export_facilities(store, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    head, row = rows_of(tmp_path / "out.csv")
    assert not [cell for cell in row if cell[:1] in tuple("=+-@")]
    assert row[head.index("统一社会信用代码")] == "'122206224127612347"
    assert row[head.index("示例")] == "是"
    assert (row[head.index("坐标系")], row[head.index("登记库")][-9]) == ("WGS84", "#")


def test_the_workbook_has_text_cells_and_drop_downs(store, tmp_path):
    """Read back by another program: frozen header, every cell text, lists where codes are asked for, what it is."""
    register(store, FULL, PLAIN)
    exporting.export_facilities(store, tmp_path / "a.xlsx", datum="GCJ02")
    exporting.export_facilities(store, tmp_path / "b.xlsx", datum="GCJ02")
    book, again = (openpyxl.load_workbook(tmp_path / name) for name in ("a.xlsx", "b.xlsx"))
    sheet = book["机构"]
    assert (book.sheetnames, sheet.freeze_panes, sheet.max_row) == (["机构", "代码表", "说明"], "C2", 3)
    head = [cell.value for cell in sheet[1]]
    filled = [cell for row in sheet.iter_rows(min_row=2) for cell in row if cell.value is not None]
    assert {(cell.data_type, cell.number_format) for cell in filled} == {("s", "@")}
    assert sheet["B2"].value.startswith("=SUM(A1:A9)")
    assert sheet.cell(2, head.index("统一社会信用代码") + 1).value == "122206224127612347"
    offered = {}
    for rule in sheet.data_validations.dataValidation:
        column = sheet[str(rule.sqref).split(":")[0]].column
        offered[head[column - 1]] = [cell[0].value for cell in book["代码表"][rule.formula1.partition("!")[2].replace("$", "")]]
    assert set(offered) == {"机构类别", "状态", "定位方式", "所有制", "服务方式", "坐标系", "示例"}
    assert "D600 村卫生室" in offered["机构类别"]
    told = {row[0].value: row[1].value for row in book["说明"].iter_rows()}
    assert told["坐标系 datum"].startswith("GCJ02")
    assert told["示例 illustrative"].startswith("1 ")
    assert [[c.value for c in row] for row in sheet.iter_rows()] == [[c.value for c in row] for row in again["机构"].iter_rows()]
    for each in (book, again):
        each.close()


def without_times(path):
    """Return the parts of a workbook by name, without the moment at which it was made."""
    with zipfile.ZipFile(path) as book:
        parts = {name: book.read(name) for name in book.namelist()}
    parts["docProps/core.xml"] = re.sub(rb"<dcterms:(created|modified)[^>]*>[^<]*<", b"<", parts["docProps/core.xml"])
    return parts


def test_exports_of_the_same_registry_are_the_same_bytes(store, tmp_path):
    """CSV and GeoJSON byte for byte, a workbook apart from the moment it was made; a change shows."""
    number, *_ = register(store, FULL, PLAIN, *(replace(PLAIN, name=f"第{n}卫生室") for n in range(30)))

    def made(name):
        for kind in ("csv", "geojson", "xlsx"):
            exporting.export_facilities(store, tmp_path / f"{name}.{kind}", datum="GCJ02", date="2999-01-01")
        return {"csv": (tmp_path / f"{name}.csv").read_bytes(), "geojson": (tmp_path / f"{name}.geojson").read_bytes(),
                **without_times(tmp_path / f"{name}.xlsx")}

    first = made("one")
    assert made("two") == first
    with store.writing() as session:
        facilities.save(session, replace(FULL, beds=[]), facility_id=number, author="王", origin="test")
    changed = {name for name, content in made("three").items() if content != first[name]}
    assert changed == {"csv", "geojson", "xl/worksheets/sheet1.xml"}


def test_an_export_is_counted_as_it_is_written(store, tmp_path):
    """What is said of an export (sample data, schematic positions, to be located, sources) is counted from its own rows."""
    some = [
        CLINIC, replace(CLINIC, name="二", illustrative=True, source="乙"), replace(PLAIN, name="三", source=" 甲 "),
        replace(CLINIC, name="四", position_method="illustrative", illustrative=True),
        replace(CLINIC, name="五", position_method="area_centre"),
    ]
    register(store, *some)
    told = exporting.export_facilities(store, tmp_path / "a.geojson")
    assert (told["facilities"], told["illustrative"], told["to_be_located"]) == (5, 2, 1)
    document = json.loads((tmp_path / "a.geojson").read_text("utf-8"))
    notes = dict(note.split(": ", 1) for note in document["notes"])
    assert document["illustrative"] == 2
    assert notes["示意位置 schematic positions"].startswith("2 ")
    assert notes["待定位 to be located"].startswith("1 ")
    sources = sorted({each.source.strip() for each in some if each.source})
    assert notes["来源 sources"] == "；".join(sources)


def test_a_template_is_filled_in_by_hand(store, settings, tmp_path):
    """The empty template has headers and drop-downs; a row typed into it is a new facility with its own numbers kept."""
    register(store, PLAIN)
    assert exporting.write_template(store, tmp_path / "t.xlsx", empty=True)["facilities"] == 0
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    sheet = book["机构"]
    head = {cell.value: cell.column for cell in sheet[1]}
    typed = {"机构名称": "新村卫生室", "机构类别": "D600 村卫生室", "经度": "126.9", "纬度": "42.3", "坐标系": "GCJ02", "状态": "规划"}
    for header, text in typed.items():
        sheet.cell(2, head[header]).value = text
    book.save(tmp_path / "t.xlsx")
    book.close()
    assert take(store, settings, tmp_path / "t.xlsx") == (1, 0, 0)
    new = contents(store)[1]
    assert (new.class_code, new.state, new.raw_x, new.raw_datum, new.position_method) == ("D600", "planned", "126.9", "GCJ02", "unknown")
    with pytest.raises(InvalidParameter, match="workbook"):
        exporting.write_template(store, tmp_path / "t.csv")


def test_map_files_say_what_they_are(store, tmp_path):
    """GeoJSON says it in its members, a GeoPackage in its metadata; a shifted datum is not called WGS 84."""
    import pyogrio

    register(store, FULL, CLINIC)
    told = exporting.export_facilities(store, tmp_path / "o.geojson", datum="BD09")
    body = json.loads((tmp_path / "o.geojson").read_text("utf-8"))
    assert (body["registry"], body["datum"], body["illustrative"], body["as_of"]) == (told["registry"], "BD09", 1, told["as_of"])
    exporting.export_facilities(store, tmp_path / "o.gpkg", datum="BD09")
    info = pyogrio.read_info(tmp_path / "o.gpkg")
    assert info["layer_metadata"]["坐标系 datum"].startswith("BD09")
    assert "BD09" in info["crs"]
    assert "4326" not in info["crs"]


def test_an_export_of_a_date_is_the_registry_of_that_date(store, tmp_path, monkeypatch):
    """As it was known before a change the old name leaves; filters choose by class, area and state."""
    ids = register(store, PLAIN, CLINIC)
    known = registered(store)[0].recorded_at
    with store.writing() as session:
        facilities.save(session, replace(PLAIN, name="保安新卫生室", opened_on="2020-01-01"), facility_id=ids[0], author="王", origin="test")

    def names(query=None, **times):
        exporting.export_facilities(store, tmp_path / "o.csv", query, **times)
        rows = rows_of(tmp_path / "o.csv")
        return [row[1] for row in rows[1:]]

    assert names() == ["保安新卫生室", "东村卫生室"]
    assert "保安卫生室" not in names(recorded=known)
    assert "保安村卫生室" in names(recorded=known)
    assert names(date="2019-12-31") == ["东村卫生室"]
    assert names(exporting.query_of(area="220622")) == ["保安新卫生室"]
    assert names(exporting.query_of(class_prefix="a")) == []
    for wrong in ({"date": "gestern"}, {"recorded": "2026-13-01"}):
        with pytest.raises(InvalidParameter, match="expected|month"):
            names(**wrong)
    with pytest.raises(InvalidParameter, match="operating"):
        exporting.query_of(state="open")
    with pytest.raises(InvalidInput, match="suffix"):
        exporting.export_facilities(store, tmp_path / "o.pdf")


@pytest.mark.parametrize("kind", FORMATS)
def test_the_demo_county_comes_back(demo_store, other, tmp_path, kind):
    """The demo county's facilities, illustrative ones and those to be located too, come back as they are."""
    settings = Settings(workspace=tmp_path / "other")
    path = tmp_path / f"demo.{kind}"
    told = exporting.export_facilities(demo_store, path, datum="BD09")
    assert told["facilities"] >= 15
    assert told["illustrative"] > 0
    assert take(other, settings, path) == (told["facilities"], 0, 0)
    for one, came in zip(contents(demo_store), contents(other), strict=True):
        close(one, came)


def test_groups_are_read_as_people_write_them():
    """Full-width punctuation and line breaks are understood; what is not says how it is written."""
    assert cells.BEDS.read("编制床位：120；2025年规划床位：150") == [
        {"kind": "authorised", "year": None, "count": 120}, {"kind": "planned", "year": 2025, "count": 150}]
    assert cells.CAPABILITIES.read("发热门诊=有\n中医馆＝未知（date＝2024）") == [
        {"code": "发热门诊", "value": "yes"}, {"code": "中医馆", "value": "unknown", "date": 2024}]
    assert cells.read_list("甲；乙\n丙") == ["甲", "乙", "丙"]
    for wrong in ("120", "编制床位:-1", "编制床位:x", '编制床位:"1', "编制床位:1 (a)", "[1]"):
        with pytest.raises(InvalidInput):
            cells.BEDS.read(wrong)
