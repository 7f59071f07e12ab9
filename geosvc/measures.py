"""Units: the only place where one unit becomes another.

Time is seconds inside and minutes in front of people; length is metres inside and
kilometres in front of people; speed is km/h in front of people and *pace*, seconds
per metre, inside (pace adds up along a way, speed does not).
"""

from __future__ import annotations

import math

SECONDS_PER_MINUTE = 60.0
METRES_PER_KILOMETRE = 1000.0
SQUARE_METRES_PER_KM2 = 1_000_000.0
MICROSECONDS_PER_SECOND = 1_000_000
# km/h * (1000 m/km) / (3600 s/h): pace is the inverse
_SECONDS_PER_METRE_AT_1_KMH = 3.6


def pace_from_kmh(speed_kmh: float) -> float:
    """Return the pace, seconds per metre, of a speed in km/h.

    Examples
    --------
    Walking at 5 km/h takes 0.72 s for a metre, 12 minutes for a kilometre:

    >>> pace_from_kmh(5.0)
    0.72
    """
    if not (math.isfinite(speed_kmh) and speed_kmh > 0):
        raise ValueError(f"speed must be a positive number of km/h, got {speed_kmh!r}")
    return _SECONDS_PER_METRE_AT_1_KMH / speed_kmh


def kmh_from_metres_per_second(speed_ms: float) -> float:
    """Return km/h; 1.0 m/s is 3.6 km/h."""
    return speed_ms * 3.6


def seconds_from_minutes(minutes: float) -> float:
    """Return seconds."""
    return minutes * SECONDS_PER_MINUTE


def minutes_from_seconds(seconds: float) -> float:
    """Return minutes."""
    return seconds / SECONDS_PER_MINUTE


def microseconds_from_seconds(seconds: float) -> int:
    """Return whole microseconds, rounded to nearest: the engine compares only these."""
    return round(seconds * MICROSECONDS_PER_SECOND)


def metres_from_km(kilometres: float) -> float:
    """Return metres."""
    return kilometres * METRES_PER_KILOMETRE


def km2_from_m2(square_metres: float) -> float:
    """Return square kilometres."""
    return square_metres / SQUARE_METRES_PER_KM2


def minutes_to_show(minutes: float) -> int:
    """Return whole minutes for a page: rounded up, so that nobody seems nearer than they are."""
    return math.ceil(minutes)
