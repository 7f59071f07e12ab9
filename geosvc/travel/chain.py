"""Two journeys one after the other: station to scene, scene to hospital."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from geosvc.errors import GroundError
from geosvc.measures import MICROSECONDS_PER_SECOND
from geosvc.travel import checks

if TYPE_CHECKING:
    import numpy.typing as npt

    Whole = npt.NDArray[np.int64]

    from geosvc.travel.times import Times


class Chain(NamedTuple):
    """The sum of two fields, place by place."""

    microseconds: npt.NDArray[np.int64]  # -1: one of the two cannot be done
    first: npt.NDArray[np.int32]  # index into the sources of the first field, -1 = none
    second: npt.NDArray[np.int32]  # of the second

    @property
    def seconds(self) -> npt.NDArray[np.float32]:
        """Seconds for both together, ``inf`` where one of the two cannot be done."""
        return np.where(self.microseconds < 0, np.inf, self.microseconds / MICROSECONDS_PER_SECOND).astype(np.float32)


def chain(first: Times, second: Times, *, between_seconds: float = 0.0) -> Chain:
    """
    Return how long two journeys take that meet at each place.

    The emergency chain: a team comes from its station (``direction="from_facility"``, its
    readiness as delay), works at the scene, and brings the patient to the hospital that is
    nearest from there (``direction="to_facility"``).

    Parameters
    ----------
    first, second : Field, HybridField or other Times
        On one grid.
    between_seconds : float
        Time at the place itself.

    Raises
    ------
    GroundError
        If the grids differ in shape.
    InvalidParameter
        If the time between is negative or no number.

    Examples
    --------
    A station in the west, a hospital in the east, 300 m apart, a second a metre, a minute at the scene:

    >>> from geosvc.travel import solve
    >>> pace = np.ones((1, 4))
    >>> print(chain(solve(pace, [(0, 0)]), solve(pace, [(0, 3)]), between_seconds=60).seconds)
    [[360. 360. 360. 360.]]
    """
    if first.packed.shape != second.packed.shape:
        raise GroundError(f"the two fields lie on different grids: {first.packed.shape} and {second.packed.shape}")
    whole = sum_of_journeys(first.microseconds, second.microseconds, checks.checked_delay(between_seconds))
    there = [np.where(whole >= 0, each.nearest, np.int32(-1)) for each in (first, second)]
    return Chain(whole, *there)


def sum_of_journeys(first: Whole, second: Whole, between_microseconds: int) -> Whole:
    """Return the microseconds of two journeys and the time between them; -1 where one cannot be made."""
    return np.where((first >= 0) & (second >= 0), first + between_microseconds + second, -1)
