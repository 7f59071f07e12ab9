"""The page for leaders as a Word document, to be worked on: the same sheet as the PDF, in the reader's own fonts."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING, Any

import docx
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from geosvc.language import words
from geosvc.maps.paper.fonts import printable
from geosvc.maps.paper.pages import map_picture_png
from geosvc.maps.paper.palette import rgb
from geosvc.maps.paper.pen import INK, LINE, SEA, SOFT, WARN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.maps.paper.fonts import Fonts
    from geosvc.maps.paper.sheet import Sheet

_EAST_ASIAN, _LATIN = "微软雅黑", "Arial"
_PAGE_MM, _MARGIN_MM = (210, 297), 16
_WIDTH_MM = _PAGE_MM[0] - 2 * _MARGIN_MM
_MAP_MM = 100
_ZIP_BEGINS = (1980, 1, 1, 0, 0, 0)


def summary_docx(sheet: Sheet, fonts: Fonts) -> bytes:
    """Return the page for leaders as a document; the same sheet gives the same bytes.

    Raises
    ------
    FontMissing
        If a character of the map is in no font of this machine; the text uses the reader's own.
    """
    document = _empty(sheet)
    _write(document.add_paragraph(), sheet.title, 18, SEA, bold=True)
    _write(document.add_paragraph(), " · ".join((sheet.subtitle, sheet.day, *sheet.marks)), 9, SOFT, after=6)
    if sheet.told or sheet.verdict:
        _write(document.add_paragraph(), sheet.told or sheet.verdict, 11, INK, after=6)
    _numbers(document, sheet)
    picture = map_picture_png(sheet, fonts, width_mm=_WIDTH_MM, height_mm=_MAP_MM)
    _picture(document, sheet, picture)
    _worst(document, sheet)
    if sheet.flags:
        joined = words(sheet.language)["list_mark"].join(sheet.flags)
        _write(document.add_paragraph(), f"{sheet.flag_title}{words(sheet.language)['colon']}{joined}", 7.5, WARN, before=6)
    _facts(document, sheet)
    _write(document.add_paragraph(), sheet.credits, 7, SOFT)
    out = io.BytesIO()
    document.save(out)
    return _without_times(out.getvalue())


def _empty(sheet: Sheet) -> Any:
    document = docx.Document()
    kept = document.part.package.rels
    for name in [name for name, each in kept.items() if each.reltype.endswith("/thumbnail")]:
        del kept[name]  # the picture of an empty page that the library begins with
    section = document.sections[0]
    section.page_width, section.page_height = Mm(_PAGE_MM[0]), Mm(_PAGE_MM[1])
    section.left_margin = section.right_margin = Mm(_MARGIN_MM)
    section.top_margin = section.bottom_margin = Mm(12)
    style = document.styles["Normal"]
    style.font.name = _LATIN
    style.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), _EAST_ASIAN)
    style.paragraph_format.space_after = Pt(0)
    about, text = document.core_properties, words(sheet.language)
    about.title, about.subject = printable(sheet.title), f"{text['run']} {sheet.run}"
    about.author = about.last_modified_by = printable(dict(sheet.facts)[text["paper_makers"]])[:255]
    about.created = about.modified = datetime.fromisoformat(sheet.made_at).replace(tzinfo=None, microsecond=0)
    about.comments, about.language, about.revision = "", "zh-CN" if sheet.language == "zh" else "en", 1
    return document


def _write(paragraph: Any, text: str, size: float, colour: str, *, bold: bool = False, before: float = 0, after: float = 2, align: Any = None) -> None:
    run = paragraph.add_run(printable(text))
    run.font.size, run.font.bold, run.font.color.rgb = Pt(size), bold, RGBColor(*rgb(colour))
    paragraph.paragraph_format.space_before, paragraph.paragraph_format.space_after = Pt(before), Pt(after)
    if align is not None:
        paragraph.alignment = align


def _numbers(document: Any, sheet: Sheet) -> None:
    table = document.add_table(rows=1, cols=max(len(sheet.numbers), 1))
    table.alignment = WD_TABLE_ALIGNMENT.CENTER
    for cell, figure in zip(table.rows[0].cells, sheet.numbers, strict=False):
        _shade(cell, "f3f6f7")
        _write(cell.paragraphs[0], figure.label, 9, SOFT, before=3)
        _write(cell.add_paragraph(), figure.text, 20, SEA, bold=True, after=0)
        _write(cell.add_paragraph(), figure.beside, 8, SOFT, after=4)


def _picture(document: Any, sheet: Sheet, png: bytes) -> None:
    paragraph = document.add_paragraph()
    paragraph.paragraph_format.space_before = Pt(8)
    shape = paragraph.add_run().add_picture(io.BytesIO(png), width=Mm(_WIDTH_MM))
    # What a screen reader says of the map, and what a reader without pictures sees.
    shape._inline.docPr.set("descr", printable(f"{sheet.title}{words(sheet.language)['colon']}{sheet.told or sheet.subtitle}"))  # noqa: SLF001


def _worst(document: Any, sheet: Sheet) -> None:
    _write(document.add_paragraph(), sheet.worst.title, 10.5, SEA, bold=True, before=6)
    if sheet.worst.none:
        _write(document.add_paragraph(), sheet.worst.none, 9, SOFT)
        return
    _table(document, [sheet.worst.headers, *((f"{n}  {row[0]}", *row[1:]) for n, row in enumerate(sheet.worst.rows, start=1))])


def _table(document: Any, rows: Sequence[Sequence[str]]) -> None:
    """Add a table with a heading row: names at the left, numbers at the right, a line under each row."""
    table = document.add_table(rows=len(rows), cols=len(rows[0]))
    for number, row in enumerate(rows):
        for place, text in enumerate(row):
            cell = table.rows[number].cells[place]
            align = WD_ALIGN_PARAGRAPH.RIGHT if place else WD_ALIGN_PARAGRAPH.LEFT
            _write(cell.paragraphs[0], text, 9, INK if number else SOFT, before=1.5, after=1.5, align=align)
            _line_under(cell)
    repeated = OxmlElement("w:tblHeader")
    table.rows[0]._tr.get_or_add_trPr().append(repeated)  # noqa: SLF001  a heading to screen readers, too


def _facts(document: Any, sheet: Sheet) -> None:
    paragraph = document.add_paragraph()
    colon = words(sheet.language)["colon"]
    _write(paragraph, "    ".join(f"{label}{colon}{text}" for label, text in sheet.facts), 7, SOFT, before=4)


def _shade(cell: Any, colour: str) -> None:
    shading = OxmlElement("w:shd")
    for name, value in (("val", "clear"), ("color", "auto"), ("fill", colour)):
        shading.set(qn(f"w:{name}"), value)
    cell._tc.get_or_add_tcPr().append(shading)  # noqa: SLF001  python-docx has no other door


def _line_under(cell: Any) -> None:
    borders, line = OxmlElement("w:tcBorders"), OxmlElement("w:bottom")
    for name, value in (("val", "single"), ("sz", "4"), ("space", "0"), ("color", LINE.removeprefix("#"))):
        line.set(qn(f"w:{name}"), value)
    borders.append(line)
    cell._tc.get_or_add_tcPr().append(borders)  # noqa: SLF001


def _without_times(packed: bytes) -> bytes:
    """Return a document whose parts do not say when they were packed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(zipfile.ZipInfo(name, _ZIP_BEGINS), source.read(name), zipfile.ZIP_DEFLATED)
    return out.getvalue()
