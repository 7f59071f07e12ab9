"""The pages: a map to print (A4 or A3, landscape) and one page for leaders (A4, upright), as PDF and as PNG."""

from __future__ import annotations

import io
import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import pypdfium2
from PIL.PngImagePlugin import PngInfo
from reportlab.lib.utils import TimeStamp
from reportlab.pdfgen.canvas import Canvas

from geosvc.language import words
from geosvc.maps.paper.frame import Frame, draw_legend
from geosvc.maps.paper.pen import INK, LEADING, LINE, MM, SEA, SOFT, WARN, WARN_WASH, Pen

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from geosvc.maps.paper.fonts import Fonts
    from geosvc.maps.paper.sheet import Figure, Sheet

PAPERS = ("a4", "a3")
LONG_MM, SHORT_MM = 297.0, 210.0  # A4
_A3 = 2**0.5
DOTS_PER_INCH = 150
_MARGIN = 11 * MM
_SMALL, _TEXT = 6.4, 7.5
_SMALLEST_TITLE = 10.0
# reportlab keeps its fonts, and PDFium everything, for the whole process: one page is drawn at a time.
_one_at_a_time = threading.Lock()


class Column(NamedTuple):
    """Where a column of text stands, points."""

    left: float
    width: float


def map_sheet_pdf(sheet: Sheet, fonts: Fonts, *, paper: str = "a4") -> bytes:
    """Return the map to print, landscape; the same sheet gives the same bytes.

    Raises
    ------
    FontMissing
        If a character of the sheet is in no font.
    """
    def draw(pen: Pen) -> None:
        _map_page(pen, sheet, paper)

    return _pdf(sheet, fonts, (LONG_MM, SHORT_MM), draw, enlarged=_A3 if paper == "a3" else 1.0)


def summary_pdf(sheet: Sheet, fonts: Fonts) -> bytes:
    """Return the page for leaders: the finding, three numbers, the map with its legend, the five worst places.

    Raises
    ------
    FontMissing
    """
    return _pdf(sheet, fonts, (SHORT_MM, LONG_MM), lambda pen: _summary_page(pen, sheet))


def map_picture_png(sheet: Sheet, fonts: Fonts, *, width_mm: float, height_mm: float, dots_per_inch: int = 200) -> bytes:
    """Return the map with its legend as a picture for a document that is written otherwise."""
    def draw(pen: Pen) -> None:
        _map_with_legend(pen, sheet, 0, 0, width_mm * MM, height_mm * MM)

    return png_of_pdf(_pdf(sheet, fonts, (width_mm, height_mm), draw), sheet, dots_per_inch=dots_per_inch)


def png_of_pdf(pdf: bytes, sheet: Sheet, *, dots_per_inch: int = DOTS_PER_INCH) -> bytes:
    """Return the first page of a PDF as a PNG; it names its run, and not when it was made."""
    with _one_at_a_time:
        document = pypdfium2.PdfDocument(pdf)
        try:
            image = document[0].render(scale=dots_per_inch / 72).to_pil()
        finally:
            document.close()
    told = PngInfo()
    told.add_itxt("Title", f"{sheet.title} · {sheet.subtitle}")
    told.add_text("Run", sheet.run)
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=False, compress_level=6, dpi=(dots_per_inch, dots_per_inch), pnginfo=told)
    return out.getvalue()


def _pdf(sheet: Sheet, fonts: Fonts, size_mm: tuple[float, float], draw: Callable[[Pen], None], *, enlarged: float = 1.0) -> bytes:
    width, height = (side * MM for side in size_mm)
    out = io.BytesIO()
    with _one_at_a_time:
        canvas = Canvas(
            out, pagesize=(width * enlarged, height * enlarged), invariant=1, pageCompression=1,
            # Else the page names Helvetica, which does not travel with it.
            initialFontName=fonts.first,  # type: ignore[arg-type]
        )
        _say_origin(canvas, sheet)
        canvas.scale(enlarged, enlarged)
        draw(Pen(canvas, fonts, height))
        canvas.showPage()
        canvas.save()
    return out.getvalue()


def _say_origin(canvas: Canvas, sheet: Sheet) -> None:
    """Put title, run and the time of the run (not that of drawing) into the file's own record."""
    text = words(sheet.language)
    canvas.setTitle(sheet.title)
    canvas.setSubject(f"{sheet.subtitle} · {text['run']} {sheet.run}")
    canvas.setAuthor(dict(sheet.facts)[text["paper_makers"]])
    canvas.setCreator("geosvc")
    stamp = TimeStamp(1)
    stamp.t = datetime.fromisoformat(sheet.made_at).timestamp()
    stamp.lt = time.gmtime(stamp.t)
    stamp.YMDhms = tuple(stamp.lt)[:6]
    canvas._doc._timeStamp = stamp  # type: ignore[attr-defined]  # noqa: SLF001  reportlab knows now or the year 2000, nothing between


# -- the map to print --------------------------------------------------------------------------


def _map_page(pen: Pen, sheet: Sheet, paper: str) -> None:
    width, height = LONG_MM * MM, SHORT_MM * MM
    inner = width - 2 * _MARGIN
    body = _header(pen, sheet, Column(_MARGIN, inner), size=16) + 4 * MM
    side = 74 * MM
    frame_width = inner - side - 6 * MM
    foot = height - _MARGIN - _foot_height(pen, sheet, inner)
    flags = _flags_height(pen, sheet, inner)
    bottom = foot - 3 * MM - (flags + 3 * MM if flags else 0)
    frame = Frame(pen, (_MARGIN, body, frame_width, bottom - body), sheet.map, enlarged=_A3 if paper == "a3" else 1.0)
    frame.draw(sheet.language)
    _side(pen, sheet, (_MARGIN + inner - side, body, side, bottom - body))
    _flags(pen, sheet, Column(_MARGIN, inner), foot - 3 * MM - flags)
    scale = words(sheet.language)["paper_scale_of"].format(scale=f"{frame.scale:,.0f}", paper=paper.upper())
    _foot(pen, sheet, foot, Column(_MARGIN, inner), extra=((words(sheet.language)["paper_scale"], scale),))


def _header(pen: Pen, sheet: Sheet, column: Column, *, size: float) -> float:
    """Write title, limit and day, with the marks framed at the right, and return where it ends."""
    top = _MARGIN
    right = column.left + column.width
    for mark in reversed(sheet.marks):
        wide = pen.fonts.width(mark, _TEXT) + 5 * MM
        pen.rectangle(right - wide, top, wide, 6.2 * MM, line=WARN, fill=WARN_WASH, weight=0.7, radius=2)
        pen.write(right - wide / 2, top + 4.2 * MM, mark, _TEXT, colour=WARN, align="centre", bold=True)
        right -= wide + 2 * MM
    room = right - column.left - 3 * MM
    # A title is read out: it becomes smaller, and only a very long one is cut.
    fitting = max(min(size, 0.995 * size * room / pen.fonts.width(sheet.title, size)), _SMALLEST_TITLE)
    pen.write(column.left, top + size * 0.92, pen.shortened(sheet.title, fitting, room), fitting, bold=True, colour=SEA)
    end = pen.paragraph(column.left, top + size * 1.32, f"{sheet.subtitle} · {sheet.day}", 8.5, column.width, colour=SOFT, most=2)
    pen.rule(column.left, end + 1.6 * MM, column.left + column.width, end + 1.6 * MM, colour=SEA, weight=1)
    return end + 1.6 * MM


def _side(pen: Pen, sheet: Sheet, box: tuple[float, float, float, float]) -> None:
    """Draw the numbers and the legend, from top to bottom."""
    left, top, width, height = box
    y = top
    for figure in sheet.numbers:
        y = _number(pen, figure, Column(left, width), y) + 2.6 * MM
    if sheet.verdict:
        y = pen.paragraph(left, y, sheet.verdict, _SMALL, width, colour=SOFT, most=4) + 2 * MM
    draw_legend(pen, (left, y, width, top + height - y), sheet)


def _number(pen: Pen, figure: Figure, column: Column, y: float) -> float:
    pen.write(column.left, y + 7, figure.label, _TEXT, colour=SOFT)
    pen.write(column.left, y + 7 + 18, pen.shortened(figure.text, 17, column.width), 17, bold=True, colour=SEA)
    end = y + 7 + 21
    if figure.beside:
        end = pen.paragraph(column.left, end, figure.beside, _SMALL + 0.4, column.width, colour=SOFT, most=2)
    pen.rule(column.left, end + 1.4 * MM, column.left + column.width, end + 1.4 * MM)
    return end + 1.4 * MM


_FLAG_LINES = 9


def _flag_text(sheet: Sheet) -> str:
    text = words(sheet.language)
    return f"{sheet.flag_title}{text['colon']}{text['list_mark'].join(sheet.flags)}"


def _flags_height(pen: Pen, sheet: Sheet, width: float) -> float:
    if not sheet.flags:
        return 0.0
    lines = pen.lines(_flag_text(sheet), _SMALL, width - 5 * MM)[:_FLAG_LINES]
    return len(lines) * _SMALL * LEADING + 3.2 * MM


def _flags(pen: Pen, sheet: Sheet, column: Column, y: float) -> float:
    """Write what a reader of the numbers must know, in a box of its own, and return where it ends."""
    height = _flags_height(pen, sheet, column.width)
    if height:
        pen.rectangle(column.left, y, column.width, height, fill=WARN_WASH, radius=2)
        inside = Column(column.left + 2.5 * MM, column.width - 5 * MM)
        pen.paragraph(inside.left, y + 1.4 * MM, _flag_text(sheet), _SMALL, inside.width, colour=WARN, most=_FLAG_LINES)
    return y + height


# -- the foot: where everything comes from -------------------------------------------------------


_FACT_COLUMNS, _FACT_GAP = 3, 7 * MM
_CREDIT_LINES = 2


def _facts_in_columns(pen: Pen, sheet: Sheet, width: float, extra: Sequence[tuple[str, str]]) -> list[list[tuple[str, list[str], float]]]:
    """Return the facts in columns of about one height: (label, lines, where the text begins)."""
    column = (width - (_FACT_COLUMNS - 1) * _FACT_GAP) / _FACT_COLUMNS
    facts = [*sheet.facts, *extra]
    indent = max(pen.fonts.width(label, _SMALL) for label, _text in facts) + 3 * MM
    told = [(label, pen.lines(text, _SMALL, column - indent), indent) for label, text in facts]
    share = sum(len(lines) for _label, lines, _indent in told) / _FACT_COLUMNS
    columns: list[list[tuple[str, list[str], float]]] = [[]]
    for each in told:
        full = sum(len(lines) for _label, lines, _indent in columns[-1]) + len(each[1]) / 2 > share
        if columns[-1] and full and len(columns) < _FACT_COLUMNS:
            columns.append([])
        columns[-1].append(each)
    return columns


def _facts_height(columns: list[list[tuple[str, list[str], float]]]) -> float:
    return max(sum(len(lines) for _label, lines, _indent in column) for column in columns) * _SMALL * 1.5


_ONE_MORE = (("", " "),)  # the scale is known when the frame is


def _foot_height(pen: Pen, sheet: Sheet, width: float) -> float:
    columns = _facts_in_columns(pen, sheet, width, _ONE_MORE)
    credit = len(pen.lines(sheet.credits, _SMALL, width)[:_CREDIT_LINES])
    return _facts_height(columns) + credit * _SMALL * 1.45 + 3.5 * MM


def _foot(pen: Pen, sheet: Sheet, y: float, column: Column, *, extra: Sequence[tuple[str, str]] = ()) -> float:
    pen.rule(column.left, y, column.left + column.width, y)
    columns = _facts_in_columns(pen, sheet, column.width, extra)
    step = (column.width + _FACT_GAP) / _FACT_COLUMNS
    for number, facts in enumerate(columns):
        line = y + 1.6 * MM
        for label, lines, indent in facts:
            pen.write(column.left + number * step, line + _SMALL * 1.08, label, _SMALL, colour=SOFT)
            for text in lines:
                pen.write(column.left + number * step + indent, line + _SMALL * 1.08, text, _SMALL)
                line += _SMALL * 1.5
    end = y + 1.6 * MM + _facts_height(columns) + 0.8 * MM
    return pen.paragraph(column.left, end, sheet.credits, _SMALL, column.width, colour=SOFT, most=_CREDIT_LINES)


# -- the page for leaders -------------------------------------------------------------------------


def _summary_page(pen: Pen, sheet: Sheet) -> None:
    column = Column(_MARGIN + 3 * MM, SHORT_MM * MM - 2 * (_MARGIN + 3 * MM))
    y = _header(pen, sheet, column, size=16) + 5 * MM
    if sheet.told or sheet.verdict:
        y = pen.paragraph(column.left, y, sheet.told or sheet.verdict, 10.5 if sheet.told else 8.5, column.width, most=4) + 4 * MM
    y = _numbers_across(pen, sheet, column, y) + 5 * MM
    foot = _foot_height(pen, sheet, column.width)
    flags = _flags_height(pen, sheet, column.width)
    bottom = LONG_MM * MM - _MARGIN - foot
    table = _worst_height(pen, sheet, column.width)
    room = bottom - 3 * MM - flags - 4 * MM - table - 5 * MM - y
    _map_with_legend(pen, sheet, column.left, y, column.width, room)
    y = _worst(pen, sheet, column, y + room + 5 * MM) + 4 * MM
    _flags(pen, sheet, column, y)
    _foot(pen, sheet, bottom, column)


def _numbers_across(pen: Pen, sheet: Sheet, column: Column, y: float) -> float:
    gap = 4 * MM
    count = max(len(sheet.numbers), 1)
    width = (column.width - (count - 1) * gap) / count
    inside = width - 7 * MM
    beside = [pen.lines(each.beside, _TEXT, inside)[:3] if each.beside else [] for each in sheet.numbers]
    height = 20 * MM + max((len(lines) for lines in beside), default=0) * _TEXT * 1.4
    for number, (figure, lines) in enumerate(zip(sheet.numbers, beside, strict=True)):
        left = column.left + number * (width + gap)
        pen.rectangle(left, y, width, height, fill="#f6f9fa", radius=3)
        pen.rectangle(left, y, 1.2 * MM, height, fill=SEA)
        pen.write(left + 4.5 * MM, y + 6 * MM, pen.shortened(figure.label, 8.5, inside), 8.5, colour=SOFT)
        pen.write(left + 4.5 * MM, y + 15 * MM, pen.shortened(figure.text, 20, inside), 20, bold=True, colour=SEA)
        for n, line in enumerate(lines):
            pen.write(left + 4.5 * MM, y + 20 * MM + n * _TEXT * 1.4, line, _TEXT, colour=SOFT)
    return y + height


def _map_with_legend(pen: Pen, sheet: Sheet, left: float, top: float, width: float, height: float) -> None:
    legend = 52 * MM
    Frame(pen, (left + 0.5, top + 0.5, width - legend - 5 * MM, height - 1), sheet.map).draw(sheet.language)
    draw_legend(pen, (left + width - legend, top, legend, height), sheet)


_ROW = 5.4 * MM


def _worst_height(pen: Pen, sheet: Sheet, width: float) -> float:
    if sheet.worst.none:
        return 7 * MM + len(pen.lines(sheet.worst.none, 8, width)) * 8 * 1.45
    return 7 * MM + (len(sheet.worst.rows) + 1) * _ROW


def _worst(pen: Pen, sheet: Sheet, column: Column, y: float) -> float:
    """Write the worst places as a table: names at the left, numbers under one another at the right."""
    worst = sheet.worst
    pen.write(column.left, y + 9.5, worst.title, 9.5, bold=True, colour=SEA)
    y += 7 * MM
    if worst.none:
        return pen.paragraph(column.left, y, worst.none, 8, column.width, colour=SOFT)
    first = column.width * 0.36
    step = (column.width - first) / (len(worst.headers) - 1)
    for number, row in enumerate((worst.headers, *worst.rows)):
        base, heading = y + 3.7 * MM, number == 0
        name = row[0] if heading else f"{number}  {row[0]}"
        pen.write(column.left, base, pen.shortened(name, 8.5, first), 8.5, colour=SOFT if heading else INK)
        for place, cell in enumerate(row[1:], start=1):
            pen.write(column.left + first + place * step, base, pen.shortened(cell, 8.5, step), 8.5, align="right", colour=SOFT if heading else INK)
        pen.rule(column.left, y + _ROW, column.left + column.width, y + _ROW, colour=SOFT if heading else LINE)
        y += _ROW
    return y
