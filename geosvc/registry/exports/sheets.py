"""Exported facilities as a workbook to read and to fill: text cells, drop-downs, code lists."""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from geosvc.geo.datums import DATUMS
from geosvc.registry.classes import facility_classes
from geosvc.registry.exports import cells
from geosvc.registry.exports.cells import guarded
from geosvc.registry.exports.columns import HEADERS, About, class_cell, fields_of, lines, statements

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from geosvc.registry.exports.extract import Extract

_SHEET, _CODES, _ABOUT = "机构", "代码表", "说明"
_LAST_ROW = 1_048_576
_PLACEHOLDER = "geosvc-rows"
_WIDE = {"name": 32, "address": 32, "class_code": 22, "beds": 32, "capabilities": 32, "note": 32, "source": 32}
# The earliest moment a zip file can name: the same content gives the same bytes.
_ALWAYS = (1980, 1, 1, 0, 0, 0)
# A spreadsheet reads _x0041_ as the letter A: such text is written with its underscore escaped.
_ESCAPE_LIKE = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_HOW = (
    ("怎样填写 how to fill", "一行一个机构。有“机构编号”的行修改已登记的机构；新机构的“机构编号”留空。不要改动“登记库”列。"),
    ("删除的列 absent columns", "可以删去不需要的列：没有的列保持登记的内容不变；清空的单元格会清除该项。"),
    ("坐标 coordinates", f"“坐标系”必须写明：{', '.join(DATUMS)}（高德、腾讯为 GCJ02，百度为 BD09）。没有坐标就留空，定位方式为“待定位”。"),
    ("床位明细 beds", cells.BEDS.example), ("人员明细 staff", cells.STAFF.example), ("车辆明细 vehicles", cells.VEHICLES.example),
    ("能力明细 capabilities", cells.CAPABILITIES.example), ("关系明细 relations", cells.RELATIONS.example),
    ("其他标识 identifiers", cells.IDENTIFIERS.example), ("机构别名、服务区划 lists", "用分号隔开：县医院; 第一人民医院"),
)


def write_workbook(path: Path, found: Extract, about: About) -> None:
    """Write the workbook: sheet 机构 with the facilities, 代码表 with the code lists, 说明 with what it is.

    openpyxl makes the workbook and this module puts the rows in: 100,000 rows cell by cell through
    openpyxl take half a minute.
    """
    fields = fields_of(about, on_map=False)
    with zipfile.ZipFile(io.BytesIO(_skeleton(found, about, fields))) as made:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
            for name in made.namelist():
                entry = zipfile.ZipInfo(name, _ALWAYS)
                entry.compress_type = zipfile.ZIP_DEFLATED
                content = made.read(name)
                with target.open(entry, "w") as stream:
                    if name == "xl/worksheets/sheet1.xml":
                        for part in _with_rows(content.decode("utf-8"), found, about, fields):
                            stream.write(part.encode("utf-8"))
                    else:
                        stream.write(content)


def _with_rows(sheet: str, found: Extract, about: About, fields: list[str]) -> Iterable[str]:
    """Put the facilities where the placeholder row stands, in its style."""
    row = re.search(r'<row r="2".*?</row>', sheet, re.DOTALL)
    style = re.search(r'<c r="A2" s="(\d+)"', sheet)
    if row is None or style is None:
        raise AssertionError("the workbook has no placeholder row")
    yield re.sub(r'<dimension ref="[^"]*" ?/>', f'<dimension ref="A1:{_letter(len(fields))}{found.facilities + 1}"/>', sheet[: row.start()])
    before = [(field, f'<c r="{_letter(place)}', f'" s="{style[1]}" t="inlineStr"><is><t') for place, field in enumerate(fields, start=1)]
    batch: list[str] = []
    for number, line in enumerate(lines(found, about), start=2):
        told = line.cells
        texts = "".join([f"{cell}{number}{opened}{_xml(text)}</t></is></c>" for field, cell, opened in before if (text := told.get(field))])
        batch.append(f'<row r="{number}">{texts}</row>')
        if len(batch) == 2000:
            yield "".join(batch)
            batch.clear()
    yield "".join(batch) + sheet[row.end() :]


def _xml(text: str) -> str:
    if text.isalnum():
        return f">{text}"
    # The type of the cell says that it is text: no formula, whatever it begins with.
    return f' xml:space="preserve">{escape(_ESCAPE_LIKE.sub("_x005F_", guarded(text, computed=False)))}'


def _letter(column: int) -> str:
    from openpyxl.utils import get_column_letter  # noqa: PLC0415

    return str(get_column_letter(column))


def _skeleton(found: Extract, about: About, fields: list[str]) -> bytes:
    import openpyxl  # noqa: PLC0415  slow to import, not needed to serve pages

    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = _SHEET
    sheet.append([HEADERS[field] for field in fields])
    sheet.append([_PLACEHOLDER])
    sheet["A2"].number_format = "@"
    sheet.freeze_panes = "C2"
    for place, field in enumerate(fields, start=1):
        cell = sheet.cell(1, place)
        cell.font, cell.fill = openpyxl.styles.Font(bold=True), openpyxl.styles.PatternFill("solid", fgColor="DDE6ED")
        column = sheet.column_dimensions[_letter(place)]
        column.width, column.number_format = _WIDE.get(field, 16), "@"
    _add_codes(book, sheet, found, fields)
    _add_about(book, found, about)
    target = io.BytesIO()
    book.save(target)
    book.close()
    return target.getvalue()


def _add_codes(book: Any, sheet: Any, found: Extract, fields: list[str]) -> None:
    """Write each code list as a column, and offer it where it belongs."""
    from openpyxl.styles import Font  # noqa: PLC0415
    from openpyxl.worksheet.datavalidation import DataValidation  # noqa: PLC0415

    page = book.create_sheet(_CODES)
    page.freeze_panes = "A2"
    for place, (field, (words, strict)) in enumerate(_lists(found).items(), start=1):
        for row, word in enumerate([HEADERS[field], *words], start=1):
            cell = page.cell(row, place)
            cell.number_format = "@"
            cell.value = word
            cell.data_type = "s"
        page.cell(1, place).font = Font(bold=True)
        page.column_dimensions[_letter(place)].width = 28
        where = f"'{_CODES}'!${_letter(place)}$2:${_letter(place)}${len(words) + 1}"
        rule = DataValidation(type="list", formula1=where, allow_blank=True, showErrorMessage=strict)
        rule.errorTitle, rule.error = HEADERS[field], "请从列表中选择（见“代码表”） · choose from the list"
        column = _letter(fields.index(field) + 1)
        rule.add(f"{column}2:{column}{_LAST_ROW}")
        sheet.add_data_validation(rule)


def _lists(found: Extract) -> dict[str, tuple[list[str], bool]]:
    """Return the words of each drop-down, and whether no others may be written."""
    return {
        "class_code": ([class_cell(code) for code in facility_classes()], True),
        "state": (list(cells.choices("state").values()), True),
        "coordinate_method": (list(cells.choices("position_method").values()), True),
        "ownership": (_with_used("ownership", found), False),
        "service_mode": (_with_used("service_mode", found), False),
        "datum": (list(DATUMS), True),
        "illustrative": (["是", "否"], True),
    }


def _with_used(field: str, found: Extract) -> list[str]:
    words = cells.offered(field)
    return words + [each for each in found.used[field] if each not in words][:200]


def _add_about(book: Any, found: Extract, about: About) -> None:
    from openpyxl.styles import Alignment  # noqa: PLC0415

    page = book.create_sheet(_ABOUT)
    page.column_dimensions["A"].width, page.column_dimensions["B"].width = 30, 100
    for row, (title, text) in enumerate([*statements(found, about), *_HOW], start=1):
        for place, value in enumerate((title, text), start=1):
            cell = page.cell(row, place)
            cell.value, cell.data_type, cell.number_format = value, "s", "@"
            cell.alignment = Alignment(wrap_text=True, vertical="top")
