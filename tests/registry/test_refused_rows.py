"""Refused rows come back as the user's own table: corrected, they are imported."""

from __future__ import annotations

import csv
import zipfile

import openpyxl
import pytest
from registry.made_files import GOOD_ROW, HEADER, snapshot, write_csv, write_geojson, write_xlsx
from shapely.geometry import Point

from geosvc.errors import InvalidInput, InvalidParameter, RefusedRows
from geosvc.registry.imports.codes import check_undamaged, has_check_character
from geosvc.registry.imports.facilities import FacilityOptions, read_facilities
from geosvc.registry.imports.positions import number_of
from geosvc.registry.imports.refused_rows import REASON_HEADER
from geosvc.registry.imports.tables import read_table
from geosvc.workflows import importing

NO_LONGITUDE = ["乙", "A100", "", "42.35", "WGS84"]
IN_WORDS = ["丙", "A100", "东边", "42.35", "WGS84"]
SKIP = FacilityOptions(skip_bad=True)


def csv_rows(path):
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.reader(stream))


def filled(page, row):
    return [cell.column for cell in page[row] if cell.fill.patternType == "solid"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("skip_bad", [False, True])
def test_csv_comes_back_with_the_reasons_beside(store, settings, tmp_path, encoding, skip_bad):
    """The refused rows alone, the same columns, a reason each; whatever the encoding of the original."""
    path = write_csv(tmp_path / "a.csv", [HEADER, GOOD_ROW, NO_LONGITUDE, IN_WORDS], encoding=encoding)
    target = tmp_path / "out" / "refused.csv"
    options = FacilityOptions(skip_bad=skip_bad)
    if skip_bad:
        importing.import_facilities(store, path, options, settings, refused_to=target)
    else:
        with pytest.raises(RefusedRows):
            importing.import_facilities(store, path, options, settings, refused_to=target)
    header, *rows = csv_rows(target)
    assert header == [*HEADER, REASON_HEADER]
    assert [row[:-1] for row in rows] == [NO_LONGITUDE, IN_WORDS]
    assert "empty" in rows[0][-1]
    assert "东边" in rows[1][-1]


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_corrected_rows_are_imported(store, settings, tmp_path, suffix):
    """The good row went in; the refused one is corrected where the reason says and goes in, too, its reason still beside."""
    path = write_xlsx(tmp_path / "a.xlsx", [HEADER, ["县人民医院", "A100", 126.85, 42.35, "WGS84"], NO_LONGITUDE])
    target = tmp_path / f"refused{suffix}"
    assert importing.import_facilities(store, path, SKIP, settings, refused_to=target).changes["new"] == 1
    if suffix == ".csv":
        rows = csv_rows(target)
        rows[1][2] = "126.9"
        write_csv(target, rows)
    else:
        book = openpyxl.load_workbook(target)
        book.active.cell(2, 3).value = 126.9
        book.save(target)
    assert importing.import_facilities(store, target, FacilityOptions(), settings).changes["new"] == 1
    assert importing.import_facilities(store, target, FacilityOptions(), settings).changes["unchanged"] == 1


def test_a_workbook_comes_back_with_title_headers_and_marked_cells(store, settings, tmp_path):
    """Title row, merged cells, sheet name and types of cells stay; the faulty cells are filled, the others are not."""
    rows = [["试验县医疗机构一览表", None, None, None, None, None], [*HEADER, "床位"],
            ["县人民医院", "A100", 126.85, 42.35, "WGS84", 100], ["乙", "A100", None, 42.35, "WGS84", 30],
            ["丙", "A100", 126.9, 42.35, "WGS84", "约30"], ["丁", "A100", 126.9, 42.35, "北京54", 30]]
    path = write_xlsx(tmp_path / "a.xlsx", rows, merged="A1:F1", sheet="机构")
    target = tmp_path / "refused.xlsx"
    importing.import_facilities(store, path, SKIP, settings, refused_to=target)
    page = openpyxl.load_workbook(target).active
    assert page.title == "机构"
    assert page["A1"].value == "试验县医疗机构一览表"
    assert "A1:F1" in {str(each) for each in page.merged_cells.ranges}
    assert [cell.value for cell in page[2]] == [*HEADER, "床位", REASON_HEADER]
    assert page.max_row == 5
    assert (page["D3"].value, page["D3"].data_type) == (42.35, "n")
    assert [filled(page, row) for row in (3, 4, 5)] == [[3], [6], [5]]
    assert "约30" in page["G4"].value


def test_what_looks_like_a_formula_is_written_as_text(store, settings, tmp_path):
    """A name that begins with = must not run in somebody's spreadsheet."""
    path = write_csv(tmp_path / "a.csv", [HEADER, ["=HYPERLINK(1)", *IN_WORDS[1:]]])
    importing.import_facilities(store, path, SKIP, settings, refused_to=tmp_path / "r.xlsx")
    cell = openpyxl.load_workbook(tmp_path / "r.xlsx").active["A2"]
    assert (cell.value, cell.data_type) == ("=HYPERLINK(1)", "s")


def test_the_reason_of_the_last_round_is_replaced(store, settings, tmp_path):
    """A file that was refused twice has one column of reasons."""
    path = write_csv(tmp_path / "a.csv", [[*HEADER, REASON_HEADER], [*IN_WORDS, "an old reason"]])
    target = tmp_path / "again.csv"
    importing.import_facilities(store, path, SKIP, settings, refused_to=target)
    header, row = csv_rows(target)
    assert header.count(REASON_HEADER) == 1
    assert "东边" in row[-1]


def test_a_dry_run_writes_them_too_and_a_good_file_writes_nothing(store, settings, tmp_path):
    """Refusals can be corrected before anything is stored; no refusals, no file."""
    bad, good = (write_csv(tmp_path / name, [HEADER, row]) for name, row in (("b.csv", IN_WORDS), ("g.csv", GOOD_ROW)))
    before = snapshot(settings.workspace)
    importing.preview_facilities(store, bad, FacilityOptions(), settings, refused_to=tmp_path / "r.csv")
    importing.preview_facilities(store, good, FacilityOptions(), settings, refused_to=tmp_path / "none.csv")
    assert len(csv_rows(tmp_path / "r.csv")) == 2
    assert not (tmp_path / "none.csv").exists()
    assert snapshot(settings.workspace) == before


def test_features_of_a_map_come_back_as_a_table_with_their_places(store, settings, tmp_path):
    """A refused feature has no sheet of its own: its attributes and its position are written as columns."""
    path = write_geojson(tmp_path / "a.geojson", [({"name": "院", "amenity": "hospital", "状态": "装修"}, Point(126.85, 42.35))])
    target = tmp_path / "r.csv"
    importing.import_facilities(store, path, SKIP, settings, refused_to=target)
    header, row = csv_rows(target)
    told = dict(zip(header, row, strict=True))
    assert (told["longitude"], told["latitude"], told["datum"], told["状态"]) == ("126.85", "42.35", "WGS84", "装修")


@pytest.mark.parametrize("name", ["r.txt", "a.csv"])
def test_a_target_that_cannot_be_one_is_refused_before_anything_else(store, settings, tmp_path, name):
    """Neither another type of file, nor the file that is read."""
    path = write_csv(tmp_path / "a.csv", [HEADER, IN_WORDS])
    with pytest.raises(InvalidParameter, match="--refused-to"):
        importing.import_facilities(store, path, SKIP, settings, refused_to=tmp_path / name)


# -- codes, degrees, headers -----------------------------------------------------------------


@pytest.mark.parametrize("code", ["1.23457E+17", "1.2220622412761234e+17", "122206224127612000", "2.20622E+11"])
def test_codes_that_a_spreadsheet_damaged_are_refused_with_that_explanation(code):
    """Scientific notation and an end of zeros mean that digits are lost."""
    with pytest.raises(InvalidInput, match="damaged by a spreadsheet.*as text"):
        check_undamaged(code, "identifier")


@pytest.mark.parametrize("code", ["", "91350100M000100Y43", "12220622412761234X", "220622100", "220622100000"])
def test_whole_codes_are_not(code):
    """Letters, short codes and division codes of 12 digits that end in zeros are as they should be."""
    check_undamaged(code, "identifier")


def test_a_number_typed_into_a_sheet_is_found(tmp_path):
    """An 18-digit code in a cell that is a number arrives without its last digits."""
    path = write_xlsx(tmp_path / "a.xlsx", [[*HEADER, "统一社会信用代码"], ["院", "A100", 126.85, 42.35, "WGS84", 122206224127612341]])
    with pytest.raises(RefusedRows, match="damaged by a spreadsheet"):
        read_facilities(path, FacilityOptions())


def test_the_check_character_warns_and_refuses_nothing(tmp_path):
    """A mistyped character is counted with its row; no code at all is nothing to warn of."""
    header = [*HEADER, "统一社会信用代码"]
    rows = [header, [*GOOD_ROW, "91350100M000100Y43"], [*GOOD_ROW, "91350100M000100Y44"], ["村卫生室", "D600", "126.8", "42.3", "WGS84", ""]]
    found, report = read_facilities(write_csv(tmp_path / "a.csv", rows), FacilityOptions())
    assert len(found) == 3
    assert any("1 credit codes" in note and "row 3" in note for note in report.notes)
    assert has_check_character("91350100m000100y43")


@pytest.mark.parametrize(("text", "degrees"), [
    ("126°48′35″", 126 + 48 / 60 + 35 / 3600), ("126°48'35.5\"E", 126 + 48 / 60 + 35.5 / 3600), ("东经126度48分35秒", 126 + 48 / 60 + 35 / 3600),
    ("E126º48’35”", 126 + 48 / 60 + 35 / 3600), ("１２６°４８′３５″", 126 + 48 / 60 + 35 / 3600), ("126° 48.5′", 126 + 48.5 / 60),
    ("126.85°", 126.85), ("43°15′W", -43.25), ("126°48′35′′", 126 + 48 / 60 + 35 / 3600),
])
def test_degrees_minutes_and_seconds_are_read(text, degrees):
    """As surveyors, telephones and Chinese texts write them."""
    assert number_of(text, "longitude") == pytest.approx(degrees, abs=1e-12)


@pytest.mark.parametrize(("text", "words"), [
    ("126°78′35″", "60 minutes"), ("42°20′N", "swapped"), ("东经126度", "not a number"), ("126°48′35″ 42°20′", "not a number")])
def test_degrees_that_cannot_be_meant_are_refused(text, words):
    """78 minutes, a latitude in the column of longitudes, whole degrees, two in one cell."""
    with pytest.raises(InvalidInput, match=words):
        number_of(text, "longitude")


def test_a_header_in_two_rows_with_merged_cells_is_read(tmp_path):
    """坐标 over 经度 and 纬度, 床位 over 编制 and 实有, below a title; row numbers count from the top."""
    rows = [["试验县医疗机构一览表", None, None, None, None, None, None], ["机构名称", "机构类别", "坐标", None, "坐标系", "床位", None],
            [None, None, "经度", "纬度", None, "编制", "实有"], ["县人民医院", "A100", 126.85, 42.35, "WGS84", 100, 90]]
    path = write_xlsx(tmp_path / "a.xlsx", rows, merged="C2:D2")
    (told,), _ = read_facilities(path, FacilityOptions())
    assert (told.facility.name, told.facility.lon, told.facility.lat) == ("县人民医院", 126.85, 42.35)
    assert [bed["count"] for bed in told.facility.beds] == [100, 90]
    table = read_table(path, max_mb=1, expected="")
    assert (table.rows[0].number, len(table.head)) == (4, 3)


def test_a_table_of_libreoffice_is_read(tmp_path):
    """An .ods with numbers and texts is a table like any other."""
    def cell(value):
        kind = f'office:value-type="float" office:value="{value}"' if isinstance(value, float) else 'office:value-type="string"'
        return f"<table:table-cell {kind}><text:p>{value}</text:p></table:table-cell>"

    rows = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>" for row in (HEADER, ["县人民医院", "A100", 126.85, 42.35, "WGS84"]))
    spaces = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text"))
    path = tmp_path / "a.ods"
    with zipfile.ZipFile(path, "w") as book:
        book.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        book.writestr("META-INF/manifest.xml", '<?xml version="1.0"?><m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>')
        book.writestr("content.xml", f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {spaces}><office:body><office:spreadsheet>'
                      f'<table:table table:name="机构">{rows}</table:table></office:spreadsheet></office:body></office:document-content>')
    (told,), _ = read_facilities(path, FacilityOptions())
    assert (told.facility.name, told.facility.lon, told.facility.lat) == ("县人民医院", 126.85, 42.35)


def test_a_first_row_of_data_is_not_taken_for_a_header(tmp_path):
    """A facility called 名称 with an empty header beside it stays a row."""
    path = write_csv(tmp_path / "a.csv", [[*HEADER, ""], ["名称", "A100", "126.85", "42.35", "WGS84", "x"], GOOD_ROW])
    assert [row.number for row in read_table(path, max_mb=1, expected="").rows] == [2, 3]
