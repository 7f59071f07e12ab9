"""A sketch of where a few facilities stand to each other: what an SVG needs, true to scale, north up."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH, HEIGHT = 220.0, 130.0
_MARGIN, _FOOT = 22.0, 22.0  # room for a point and its number, and for the scale bar
_SMALLEST_M = 40.0  # what stands nearer is drawn as one place, not as far apart as the picture is wide
_METRES_A_DEGREE = 111_195.0
_SAME_PLACE = 9.0  # points nearer than this in the picture share one mark
_BAR_AT_MOST = 80.0


@dataclass(frozen=True, kw_only=True)
class Mark:
    """One place in the picture (pixels from its upper left corner), and the numbers of those that stand there."""

    x: float
    y: float
    numbers: tuple[int, ...]

    @property
    def text(self) -> str:
        """The numbers in one line; of many the first and how many follow."""
        shown = ", ".join(map(str, self.numbers[:3]))
        return f"{shown} +{len(self.numbers) - 3}" if len(self.numbers) > 3 else shown


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """Places, and a bar of ``bar_px`` pixels that is ``bar_m`` metres long."""

    marks: tuple[Mark, ...]
    metres_a_pixel: float
    bar_m: int
    width: float = WIDTH
    height: float = HEIGHT

    @property
    def bar_px(self) -> float:
        """The length of the bar in pixels."""
        return round(self.bar_m / self.metres_a_pixel, 1)

    @property
    def bar_text(self) -> str:
        """The length of the bar in words."""
        return f"{self.bar_m:,} m" if self.bar_m < 1000 else f"{self.bar_m // 1000:,} km"


def sketch_of(places: Sequence[tuple[float, float] | None]) -> Sketch | None:
    """Return a sketch of places (longitude, latitude in degrees); None with fewer than two of them.

    Those that are to be located (None) are left out; numbers count all from 1.
    """
    known = [(number, place) for number, place in enumerate(places, start=1) if place is not None]
    if len(known) < 2:
        return None
    west, south = min(place[0] for _, place in known), min(place[1] for _, place in known)
    shrunk = math.cos(math.radians(south))
    metres = [((lon - west) * shrunk * _METRES_A_DEGREE, (lat - south) * _METRES_A_DEGREE) for _, (lon, lat) in known]
    wide, high = max(x for x, _ in metres), max(y for _, y in metres)
    inner_wide, inner_high = WIDTH - 2 * _MARGIN, HEIGHT - _MARGIN - _FOOT - _MARGIN / 2
    scale = max(wide / inner_wide, high / inner_high, _SMALLEST_M / inner_wide)
    left, top = (WIDTH - wide / scale) / 2, _MARGIN + (inner_high - high / scale) / 2
    drawn = [(number, left + x / scale, top + (high - y) / scale) for (number, _), (x, y) in zip(known, metres, strict=True)]
    return Sketch(marks=_together(drawn), metres_a_pixel=scale, bar_m=_bar_of(scale))


def _together(drawn: Sequence[tuple[int, float, float]]) -> tuple[Mark, ...]:
    """Return one mark for those that cannot be told apart."""
    marks: list[Mark] = []
    for number, x, y in drawn:
        near = next((at for at, mark in enumerate(marks) if math.hypot(mark.x - x, mark.y - y) < _SAME_PLACE), None)
        if near is None:
            marks.append(Mark(x=round(x, 1), y=round(y, 1), numbers=(number,)))
        else:
            marks[near] = Mark(x=marks[near].x, y=marks[near].y, numbers=(*marks[near].numbers, number))
    return tuple(marks)


def _bar_of(metres_a_pixel: float) -> int:
    """Return a round length in metres (1, 2 or 5 and zeros) of at most the bar's pixels."""
    most = _BAR_AT_MOST * metres_a_pixel
    ten = 10.0 ** math.floor(math.log10(most))
    return max(1, round(max(step * ten for step in (1, 2, 5) if step * ten <= most)))
