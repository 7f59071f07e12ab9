"""The colours and bands of a map, as ``assets/coverage.js`` has them for the browser; a test holds the two together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

NEAR = ("#0b4f6c", "#2f7f9e", "#6fb0c4", "#b5d8e0")
FAR = ("#fdf3dc", "#fae0b3", "#f3c585", "#e5a45c")
POLICY = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 240)
UNREACHABLE, NO_DATA, EVERY_LIMIT = "#8d8496", "#e3e7e9", "#f6ecd6"
GROUPS = {
    "hospital": "#b3203a", "township": "#1f6f4a", "community": "#1f6f4a", "village": "#5b8c2a", "clinic": "#4f7f86",
    "maternal": "#a0458f", "emergency": "#c4520a", "blood": "#8e1b1b", "fitness": "#2f5fb3", "pharmacy": "#7a7a2e",
    "public_health": "#4d5f9e", "care": "#7c5c3e", "other": "#5f6b73",
}


@dataclass(frozen=True)
class Band:
    """One colour of the legend: above ``low`` and at most ``high``, in the service's shown unit."""

    low: float
    high: float
    colour: str

    @property
    def label(self) -> str:
        """The band as the legend writes it.

        Examples
        --------
        >>> Band(0, 10, "#fff").label, Band(10, 30, "#fff").label, Band(30, math.inf, "#fff").label
        ('≤ 10', '10–30', '> 30')
        """
        if math.isinf(self.high):
            return f"> {self.low:g}"
        return f"≤ {self.high:g}" if self.low == 0 else f"{self.low:g}–{self.high:g}"


def bands_for(limit: float) -> list[Band]:
    """Return the bands of a limit: they break at the values of policies and split at the limit, which is covered."""
    below = [*[value for value in POLICY if value < limit][1 - len(NEAR) :], limit]
    above = [*[value for value in POLICY if value > limit][: len(FAR) - 1], math.inf]
    colours = [*NEAR[len(NEAR) - len(below) :], *FAR[len(FAR) - len(above) :]]
    return _bands([*below, *above], colours)


def bands_beside(limits: Sequence[float]) -> list[Band]:
    """Return the bands where the limits are for different people: one hue, breaks at every limit, no colour judges."""
    return _bands([*limits, math.inf], [*(NEAR[min(i, len(NEAR) - 1)] for i in range(len(limits))), EVERY_LIMIT])


def _bands(highs: Sequence[float], colours: Sequence[str]) -> list[Band]:
    return [Band(low, high, colour) for low, high, colour in zip([0, *highs], highs, colours, strict=False)]


def bands_of(document: Mapping[str, Any]) -> list[Band]:
    """Return the bands of a map's document."""
    value = document["threshold"]["value"]
    return bands_beside(document["limits"]) if value is None else bands_for(value)


def colour_table(picture: Mapping[str, Any], bands: Sequence[Band]) -> NDArray[np.uint8]:
    """Return the colour of each number of a picture, shape (256, 4), red green blue opacity; clear where there is nothing to say."""
    table = np.zeros((256, 4), dtype=np.uint8)
    last = bands[-1].colour
    for number in range(256):
        colour = None
        if number == picture["no_data"]:
            colour = NO_DATA
        elif number == picture["unreachable"]:
            colour = UNREACHABLE
        elif number < picture["farther"]:
            value = number * picture["step"]
            colour = next((band.colour for band in bands if value <= band.high + 1e-9), last)
        elif number == picture["farther"]:
            colour = last
        if colour is not None:
            table[number] = (*rgb(colour), 255)
    return table


def rgb(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue of a colour such as ``#0b4f6c``."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
