"""The map in its frame, with scale bar and north arrow, and its legend beside it: a map without its legend is a bug."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from reportlab.lib.utils import ImageReader

from geosvc.language import words
from geosvc.maps.paper.pen import GAP, INK, LEADING, MIST, MM, SEA, SOFT

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray
    from reportlab.pdfgen.pathobject import PDFPathObject

    from geosvc.maps.paper.drawing import Dot, MapDrawing
    from geosvc.maps.paper.pen import Pen
    from geosvc.maps.paper.sheet import LegendRow, Sheet

_SCALES = (1, 1.2, 1.5, 1.8, 2, 2.2, 2.5, 2.8, 3, 3.3, 3.6, 4, 4.5, 5, 5.5, 6, 6.5, 7, 7.5, 8, 9)
_BARS = (1, 2, 5)
_HATCH_MM, _HATCH_WEIGHT = 1.7, 0.28
_ROAD, _OUTLINE, _RIM = "#7d878d", "#16242e", "#16242e"
_WATER, _RIVER = "#9fcbe2", "#3f8fb8"
_LINES = {"outline": (_OUTLINE, 0.9), "road": (_ROAD, 0.75), "water": (_RIVER, 1.2)}
LEGEND_SIZE = 7.5
_MOST_NAMED_DOTS = 40
_NAME_SIZE = 6.2
_FREE_MM = 3.5  # between the study and the frame
Box = tuple[float, float, float, float]


def nice_scale(metres: float, points: float) -> float:
    """Return the scale, 1 to so many, at which so many metres fit into so many points: a round number.

    Examples
    --------
    >>> nice_scale(82_000, 400)
    600000.0
    """
    needed = metres / (points / MM / 1000)
    power = 10.0 ** math.floor(math.log10(needed))
    return next((step * power for step in _SCALES if step * power >= needed - 1e-6), 10 * power)


class Frame:
    """One map in a frame on a page.

    Parameters
    ----------
    pen : Pen
    box : tuple
        (left, top, width, height) of the frame, points.
    drawing : MapDrawing
    enlarged : float
        How many times larger than the units of the box the page is printed; ``scale`` is that of the print, a round number.
    """

    def __init__(self, pen: Pen, box: Box, drawing: MapDrawing, *, enlarged: float = 1.0) -> None:
        self.pen, self.box, self.drawing = pen, box, drawing
        left, top, width, height = box
        west, south, east, north = drawing.box
        free = _FREE_MM * MM
        self.scale = max(
            nice_scale(east - west, (width - 2 * free) * enlarged), nice_scale(north - south, (height - 2 * free) * enlarged))
        self.points_per_metre = 1000 * MM / self.scale / enlarged
        self._x0 = left + width / 2 - (west + east) / 2 * self.points_per_metre
        self._y0 = top + height / 2 + (south + north) / 2 * self.points_per_metre
        self._taken: list[Box] = []

    def at(self, x: float, y: float) -> tuple[float, float]:
        """Return where a position in metres lies on the page, from the top left."""
        return self._x0 + x * self.points_per_metre, self._y0 - y * self.points_per_metre

    def draw(self, language: str) -> None:
        """Draw everything."""
        left, top, width, height = self.box
        canvas, pen = self.pen.canvas, self.pen
        pen.rectangle(left, top, width, height, fill=MIST)
        canvas.saveState()
        canvas.clipPath(self._box_path(), stroke=0, fill=0)
        self._surface()
        self._water()
        self._roads()
        self._gaps()
        for weight, rings in self.drawing.outlines:
            self._stroke(rings, _OUTLINE, weight)
        canvas.restoreState()
        self._furniture(language)
        self._places()
        pen.rectangle(left, top, width, height, line=SOFT, weight=0.6)

    # -- ground --------------------------------------------------------------------------

    def _box_path(self) -> PDFPathObject:
        left, top, width, height = self.box
        path = self.pen.canvas.beginPath()
        path.rect(left, self.pen.height - top - height, width, height)
        return path

    def _surface(self) -> None:
        west, south, east, north = self.drawing.image_box
        left, top = self.at(west, north)
        right, bottom = self.at(east, south)
        self.pen.canvas.drawImage(
            ImageReader(self.drawing.image), left, self.pen.height - bottom, right - left, bottom - top, mask="auto")

    def _path(self, lines: Iterable[NDArray[np.float64]], *, closed: bool) -> PDFPathObject:
        path = self.pen.canvas.beginPath()
        for line in lines:
            for number, (x, y) in enumerate(line):
                px, py = self.at(x, y)
                (path.lineTo if number else path.moveTo)(round(px, 2), round(self.pen.height - py, 2))
            if closed:
                path.close()
        return path

    def _stroke(self, lines: Iterable[NDArray[np.float64]], colour: str, weight: float, *, closed: bool = False) -> None:
        canvas = self.pen.canvas
        canvas.setStrokeColor(colour)
        canvas.setLineWidth(weight)
        canvas.setLineJoin(1)
        canvas.drawPath(self._path(lines, closed=closed), stroke=1, fill=0)

    def _water(self) -> None:
        canvas = self.pen.canvas
        canvas.setFillColor(_WATER)
        for flat, lines in self.drawing.water:
            if flat:
                canvas.drawPath(self._path(lines, closed=True), stroke=0, fill=1, fillMode=0)
            else:
                self._stroke(lines, _RIVER, 0.7)

    def _roads(self) -> None:
        self._stroke([line for rank, line in self.drawing.roads if rank <= 1], _ROAD, 0.3)
        self._stroke([line for rank, line in self.drawing.roads if rank > 1], _ROAD, 0.75)

    def _gaps(self) -> None:
        """Hatch the gaps: lines at 45 degrees, cut to the shapes; holes stay free."""
        if not self.drawing.gaps:
            return
        canvas = self.pen.canvas
        canvas.saveState()
        # Even-odd: a ring within a ring is a hole, whichever way round it runs.
        canvas.clipPath(self._path(self.drawing.gaps, closed=True), stroke=0, fill=0, fillMode=0)
        canvas.setStrokeColor(GAP)
        canvas.setLineWidth(_HATCH_WEIGHT)
        hatch(self.pen, self.box)
        canvas.restoreState()
        self._stroke(self.drawing.gaps, GAP, 0.45, closed=True)

    # -- places and names --------------------------------------------------------------------

    def _places(self) -> None:
        pen = self.pen
        for dot in self.drawing.dots:
            x, y = self.at(dot.x, dot.y)
            radius = 4.6 if len(dot.names) > 1 else 3.1
            pen.circle(x, y, radius, fill=dot.colour, line=_RIM if dot.changed else "#ffffff", weight=1.6 if dot.changed else 1)
            if len(dot.names) > 1:
                pen.write(x, y + 2.1, f"{len(dot.names)}", 6, colour="#ffffff", bold=True, align="centre")
            self._taken.append((x - radius - 1, y - radius - 1, 2 * radius + 2, 2 * radius + 2))
        if len(self.drawing.dots) <= _MOST_NAMED_DOTS:
            for dot in self.drawing.dots:
                self._name_beside(dot)
        for mx, my, name in self.drawing.names:
            x, y = self.at(mx, my)
            self._name(name, [(x - pen.fonts.width(name, _NAME_SIZE) / 2, y + 2)], SOFT)

    def _name_beside(self, dot: Dot) -> None:
        x, y = self.at(dot.x, dot.y)
        name = dot.names[0] + (f" +{len(dot.names) - 1}" if len(dot.names) > 1 else "")
        width, gap = self.pen.fonts.width(name, _NAME_SIZE), 6.0
        self._name(name, [(x + gap, y + 2), (x - gap - width, y + 2), (x - width / 2, y - gap), (x - width / 2, y + gap + 5)], INK)

    def _name(self, name: str, places: list[tuple[float, float]], colour: str) -> None:
        """Write a name at the first of some places where it covers nothing; where there is none, leave it out."""
        width = self.pen.fonts.width(name, _NAME_SIZE)
        left, top, wide, high = self.box
        for x, y in places:
            mine = (x, y - _NAME_SIZE, width, _NAME_SIZE + 1.5)
            inside = left + 2 <= x and x + width <= left + wide - 2 and top + 2 <= mine[1] and y + 2 <= top + high
            if inside and not any(_overlap(mine, other) for other in self._taken):
                self._taken.append(mine)
                self.pen.write(x, y, name, _NAME_SIZE, colour=colour, halo=True)
                return

    # -- scale and north -------------------------------------------------------------------

    def _furniture(self, language: str) -> None:
        left, top, width, height = self.box
        self._scale_bar(left + 5 * MM, top + height - 6 * MM, language)
        self._north(left + width - 8 * MM, top + 5 * MM, language)

    def _scale_bar(self, x: float, y: float, language: str) -> None:
        pen = self.pen
        metres = bar_metres(self.box[2] * 0.2 / self.points_per_metre)
        length = metres * self.points_per_metre
        number, unit = (metres / 1000, words(language)["km"]) if metres >= 1000 else (metres, "m")
        far = f"{number:g} {unit}"
        behind = length + pen.fonts.width(far, 6.5) + 6 * MM
        pen.rectangle(x - 3 * MM, y - 4.5 * MM, behind, 7 * MM, fill="#ffffff", radius=2)
        self._taken.append((x - 3 * MM, y - 4.5 * MM, behind, 7 * MM))
        for part in range(4):
            pen.rectangle(x + part * length / 4, y, length / 4, 1.6, fill=INK if part % 2 == 0 else "#ffffff", line=INK, weight=0.4)
        pen.write(x, y - 2, "0", 6.5, align="centre")
        pen.write(x + length / 2, y - 2, f"{number / 2:g}", 6.5, align="centre")
        pen.write(x + length - pen.fonts.width(f"{number:g}", 6.5) / 2, y - 2, far, 6.5)

    def _north(self, x: float, y: float, language: str) -> None:
        pen, canvas = self.pen, self.pen.canvas
        pen.rectangle(x - 5.5 * MM, y - 2 * MM, 11 * MM, 15 * MM, fill="#ffffff", radius=2)
        self._taken.append((x - 5.5 * MM, y - 2 * MM, 11 * MM, 15 * MM))
        for side, colour in ((-1, INK), (1, "#ffffff")):
            path = canvas.beginPath()
            path.moveTo(x, pen.height - y)
            path.lineTo(x + side * 2.2 * MM, pen.height - y - 8 * MM)
            path.lineTo(x, pen.height - y - 6.4 * MM)
            path.close()
            canvas.setFillColor(colour)
            canvas.setStrokeColor(INK)
            canvas.setLineWidth(0.5)
            canvas.drawPath(path, stroke=1, fill=1)
        pen.write(x, y + 11.6 * MM, words(language)["paper_grid_north"], 6, align="centre", colour=SOFT)


def bar_metres(most: float) -> float:
    """Return the longest round length that is at most so many metres.

    Examples
    --------
    >>> bar_metres(17_300), bar_metres(730)
    (10000.0, 500.0)
    """
    power = 10.0 ** math.floor(math.log10(most))
    return max(step * power for step in _BARS if step * power <= most)


def hatch(pen: Pen, box: Box) -> None:
    """Draw parallel lines at 45 degrees over a box, with the colour and clip that are set."""
    left, top, width, height = box
    step = _HATCH_MM * MM * math.sqrt(2)
    path = pen.canvas.beginPath()
    for number in range(int((width + height) / step) + 1):
        x = left + number * step
        path.moveTo(x, pen.height - top)
        path.lineTo(x - height, pen.height - top - height)
    pen.canvas.drawPath(path, stroke=1, fill=0)


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[0] + other[2] and other[0] < one[0] + one[2] and one[1] < other[1] + other[3] and other[1] < one[1] + one[3]


# -- the legend -----------------------------------------------------------------------------


def draw_legend(pen: Pen, box: Box, sheet: Sheet, *, size: float = LEGEND_SIZE) -> float:
    """Draw the legend from the top of a box on, and return where it ends; rows come closer where they would not fit."""
    left, top, width, height = box
    press = min(1.0, max(height, 1.0) / legend_height(pen, sheet, width, size=size))
    y = top
    for row in sheet.legend:
        step = _height_of(pen, row, width, size) * press
        _draw_row(pen, left, y + step, width, row, size * max(press, 0.7))
        y += step
    return y


def legend_height(pen: Pen, sheet: Sheet, width: float, *, size: float = LEGEND_SIZE) -> float:
    """Return how high a legend of a width is, points."""
    return sum(_height_of(pen, row, width, size) for row in sheet.legend)


def _height_of(pen: Pen, row: LegendRow, width: float, size: float) -> float:
    if row.kind == "heading":
        return size * (LEADING * len(pen.lines(row.text, size, width)) + 0.75)
    return size * (LEADING + 0.12)


def _draw_row(pen: Pen, left: float, bottom: float, width: float, row: LegendRow, size: float) -> None:
    base = bottom - size * 0.36
    if row.kind == "heading":
        lines = pen.lines(row.text, size, width)
        for number, line in enumerate(reversed(lines)):
            pen.write(left, base - number * size * 1.3, line, size, colour=SEA)
        return
    swatch = 5.6 * MM
    _swatch(pen, left, base - size * 0.82, swatch, size * 0.95, row)
    count = pen.fonts.width(row.count, size) if row.count else 0
    text = pen.shortened(row.text, size, width - swatch - 2.4 * MM - count - 2 * MM)
    pen.write(left + swatch + 2.4 * MM, base, text, size)
    if row.count:
        pen.write(left + width, base, row.count, size, align="right", colour=SOFT)


def _swatch(pen: Pen, x: float, y: float, width: float, height: float, row: LegendRow) -> None:
    middle = (x + width / 2, y + height / 2)
    if row.kind == "band":
        pen.rectangle(x, y, width, height, fill=row.colour, line="#b9c4ca", weight=0.4)
    elif row.kind == "hatch":
        canvas = pen.canvas
        canvas.saveState()
        path = canvas.beginPath()
        path.rect(x, pen.height - y - height, width, height)
        canvas.clipPath(path, stroke=0, fill=0)
        canvas.setStrokeColor(GAP)
        canvas.setLineWidth(_HATCH_WEIGHT * 1.6)
        hatch(pen, (x, y, width, height))
        canvas.restoreState()
        pen.rectangle(x, y, width, height, line=GAP, weight=0.45)
    elif row.kind == "dot":
        pen.circle(*middle, 3.1, fill=row.colour, line="#ffffff", weight=0.8)
    elif row.kind == "ring":
        pen.circle(*middle, 2.7, line=SOFT, weight=0.9, dashed=True)
    elif row.kind == "rim":
        pen.circle(*middle, 2.7, line=_RIM, weight=1.6)
    else:
        colour, weight = _LINES[row.kind]
        pen.rule(x, middle[1], x + width, middle[1], colour=colour, weight=weight)


