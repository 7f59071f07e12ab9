"""The states of a place; they are never mixed and add up to the total."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geosvc.geo.grid import Surface


class CoverageState(IntEnum):
    """What is known of a cell for one threshold."""

    NO_DATA = 0
    COVERED = 1
    BEYOND = 2
    UNREACHABLE = 3
    BEYOND_HORIZON = 4

    @property
    def word(self) -> str:
        """The name used in the API and in files."""
        return self.name.lower()


STATE_WORDS = tuple(state.word for state in CoverageState)


def states_of(surface: Surface, limit: float) -> NDArray[np.uint8]:
    """Return the state of every cell.

    Parameters
    ----------
    surface : Surface
    limit : float
        In the surface's unit; the limit itself is covered.

    Returns
    -------
    states : array of uint8, shape (rows, cols)
        Values of :class:`CoverageState`.
    """
    reached = surface.micro >= 0
    states = np.full(surface.grid.shape, CoverageState.UNREACHABLE, dtype=np.uint8)
    if np.isfinite(surface.horizon):
        states[:] = CoverageState.BEYOND_HORIZON
    states[reached] = CoverageState.BEYOND
    states[surface.within(limit)] = CoverageState.COVERED
    if surface.looked is not None:
        states[~surface.looked] = CoverageState.NO_DATA
    return states
