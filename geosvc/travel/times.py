"""What every field can tell: how long it takes, and to which source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from geosvc.travel import labels

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Times:
    """
    Travel times and nearest sources, read off packed labels.

    ``seconds``, ``microseconds`` and ``nearest`` are made anew, from the 8 bytes kept for
    a place, each time they are asked for: keep the array, not the field, in a loop.
    """

    def __init__(self, packed: labels.Labels) -> None:
        """Keep the labels, of any shape."""
        self._labels = packed

    @property
    def packed(self) -> labels.Labels:
        """The labels themselves; see :mod:`geosvc.travel.labels`. Not for writing."""
        return self._labels

    @property
    def seconds(self) -> npt.NDArray[np.float32]:
        """Seconds to the nearest source, ``inf`` where not reached. For maps and people.

        Compare with a limit in ``microseconds``: those are exact.
        """
        return labels.seconds_of(self._labels)

    @property
    def microseconds(self) -> npt.NDArray[np.int64]:
        """Whole microseconds to the nearest source, -1 where not reached."""
        return labels.microseconds_of(self._labels)

    @property
    def nearest(self) -> npt.NDArray[np.int32]:
        """Index of the nearest source, the smaller one on a tie; -1 where not reached."""
        return labels.nearest_of(self._labels)

    def at(self, *place: int) -> tuple[int, int]:
        """Return (index of the nearest source, whole microseconds) of one place; -1 and -1 where not reached."""
        label = self._labels[place]
        return int(labels.nearest_of(label.reshape(1))[0]), int(labels.microseconds_of(label.reshape(1))[0])
