"""Writing on a page: one font, lines that break where Chinese may be broken, sizes in points from the top left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reportlab.pdfgen.canvas import Canvas

    from geosvc.maps.paper.fonts import Fonts

INK, SOFT, LINE, MIST, SEA, GAP, WARN, WARN_WASH = (
    "#16242e", "#4a5b66", "#d5dde1", "#f3f6f7", "#0b4f6c", "#8a2d5c", "#8a4b08", "#fdf3e3")
MM = 72 / 25.4
LEADING = 1.45
# The Chinese fonts at hand have no bold face: large letters are outlined, small ones would run together.
_BOLD_STROKE, _SMALLEST_BOLD = 0.025, 9.0
_NEVER_FIRST = "，。；：、）”’？！》】%·,.;:)]}"
_NEVER_LAST = "（“‘《【([{"


@dataclass
class Pen:
    """Writes and rules on a page of reportlab; y grows downwards, as one reads.

    Parameters
    ----------
    canvas : Canvas
    fonts : Fonts
    height : float
        Of the page, points.
    """

    canvas: Canvas
    fonts: Fonts
    height: float

    def write(self, x: float, y: float, text: str, size: float, *, colour: str = INK, bold: bool = False, align: str = "left", halo: bool = False) -> None:
        """Write one line; ``y`` is its baseline."""
        width = self.fonts.width(text, size)
        left = x - (width if align == "right" else width / 2 if align == "centre" else 0)
        if halo:  # a veil and not a second, wider text: who searches the PDF finds each name once
            self.canvas.setFillAlpha(0.72)
            self.rectangle(left - 1, y - size * 0.92, width + 2, size * 1.2, fill="#ffffff", radius=1.5)
            self.canvas.setFillAlpha(1)
        self._run(left, y, text, size, colour, stroke=size * _BOLD_STROKE if bold and size >= _SMALLEST_BOLD else 0)

    def _run(self, x: float, y: float, text: str, size: float, colour: str, *, stroke: float) -> None:
        self.canvas.saveState()  # how letters are drawn outlasts a text
        line = self.canvas.beginText(x, self.height - y)
        line.setFillColor(colour)
        if stroke:  # outlined letters are thicker ones
            self.canvas.setLineWidth(stroke)
            self.canvas.setLineJoin(1)
            line.setStrokeColor(colour)
            line.setTextRenderMode(2)
        for name, piece in self.fonts.pieces(text):
            line.setFont(name, size)
            line.textOut(piece)
        self.canvas.drawText(line)
        self.canvas.restoreState()

    def paragraph(self, x: float, y: float, text: str, size: float, width: float, *, colour: str = INK, bold: bool = False, most: int | None = None) -> float:
        """Write a text over several lines from the top ``y`` on, and return where it ends.

        At most ``most`` lines; what does not fit ends with an ellipsis.
        """
        lines = self.lines(text, size, width)
        if most is not None and len(lines) > most:
            lines = [*lines[: most - 1], self.shortened("".join(lines[most - 1 :]), size, width)]
        for number, line in enumerate(lines):
            self.write(x, y + size * (1.08 + number * LEADING), line, size, colour=colour, bold=bold)
        return y + size * LEADING * len(lines)

    def lines(self, text: str, size: float, width: float) -> list[str]:
        """Return a text broken into lines of a width."""
        found: list[str] = []
        line = ""
        for word in _words(text):
            if line and self.fonts.width(line + word.rstrip(), size) > width:
                found.append(line.rstrip())
                line = ""
            line += word if line else word.lstrip()
            while self.fonts.width(line.rstrip(), size) > width and len(line) > 1:  # one word wider than the column
                kept = next(n for n in range(len(line) - 1, 0, -1) if n == 1 or self.fonts.width(line[:n], size) <= width)
                found.append(line[:kept])
                line = line[kept:]
        return [*found, line.rstrip()] if line.strip() or not found else found

    def shortened(self, text: str, size: float, width: float) -> str:
        """Return a text cut to a width, with an ellipsis where it was cut."""
        if self.fonts.width(text, size) <= width:
            return text
        kept = next((n for n in range(len(text), 0, -1) if self.fonts.width(text[:n] + "…", size) <= width), 0)
        return text[:kept].rstrip() + "…"

    def rectangle(self, x: float, y: float, width: float, height: float, *, fill: str | None = None, line: str | None = None, weight: float = 0.5, radius: float = 0) -> None:
        """Draw a rectangle from its top left corner."""
        if fill:
            self.canvas.setFillColor(fill)
        if line:
            self.canvas.setStrokeColor(line)
            self.canvas.setLineWidth(weight)
        draw = (x, self.height - y - height, width, height)
        if radius:
            self.canvas.roundRect(*draw, radius, stroke=int(line is not None), fill=int(fill is not None))
        else:
            self.canvas.rect(*draw, stroke=int(line is not None), fill=int(fill is not None))

    def rule(self, x1: float, y1: float, x2: float, y2: float, *, colour: str = LINE, weight: float = 0.5) -> None:
        """Draw a line."""
        self.canvas.setStrokeColor(colour)
        self.canvas.setLineWidth(weight)
        self.canvas.line(x1, self.height - y1, x2, self.height - y2)

    def circle(self, x: float, y: float, radius: float, *, fill: str | None = None, line: str | None = None, weight: float = 1, dashed: bool = False) -> None:
        """Draw a circle around a point."""
        if fill:
            self.canvas.setFillColor(fill)
        if line:
            self.canvas.setStrokeColor(line)
            self.canvas.setLineWidth(weight)
        self.canvas.setDash(*([1.2, 1.2] if dashed else []))
        self.canvas.circle(x, self.height - y, radius, stroke=int(line is not None), fill=int(fill is not None))
        self.canvas.setDash()


def _words(text: str) -> list[str]:
    """Return the pieces between which a line may be broken.

    Letters of one word stay together, Chinese is broken by the character; no line begins with a closing mark or
    ends with an opening one.

    Examples
    --------
    >>> _words("共 12 人，CGCS2000（示意）")
    ['共 ', '12 ', '人，', 'CGCS2000', '（示', '意）']
    """
    found: list[str] = []
    for letter in text:
        before = found[-1] if found else ""
        joined = bool(before) and (
            letter == " " or letter in _NEVER_FIRST or before[-1] in _NEVER_LAST
            or (_of_a_word(letter) and _of_a_word(before[-1])))
        if joined:
            found[-1] += letter
        else:
            found.append(letter)
    return found


def _of_a_word(letter: str) -> bool:
    return letter != " " and ord(letter) < 0x2E80
