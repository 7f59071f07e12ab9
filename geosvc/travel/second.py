"""The second-nearest source of every place: who is there when the nearest closes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from geosvc.travel import labels
from geosvc.travel.times import Times

if TYPE_CHECKING:
    from geosvc.travel.graph import GraphField
    from geosvc.travel.hybrid import HybridField
    from geosvc.travel.raster import Field


def second_nearest(field: Field | HybridField | GraphField) -> Times:
    """
    Return, for every place, the time to the source that is nearest when the nearest is closed.

    By definition: in the catchment of a source it is the field without that source. Each
    source in turn is closed in place and opened again, so the work is about that of solving
    every catchment twice, however many sources there are, and exact, ties included.

    Parameters
    ----------
    field : Field, HybridField or GraphField
        Edited meanwhile; afterwards it is as it was, to the bit.

    Returns
    -------
    second : Times
        ``seconds``, ``microseconds`` and ``nearest``; not reached where no second source
        can be reached (within the field's limit).

    Examples
    --------
    Two clinics at the ends of a row of five cells of 100 m, walked at a second a metre:

    >>> from geosvc.travel import solve
    >>> field = solve(np.ones((1, 5)), [(0, 0), (0, 4)])
    >>> print(field.seconds, second_nearest(field).seconds)
    [[  0. 100. 200. 100.   0.]] [[400. 300. 200. 300. 400.]]
    """
    nearest = field.nearest.ravel()
    by_source = np.argsort(nearest, kind="stable")
    sources, first = np.unique(nearest[by_source], return_index=True)
    packed = np.full(nearest.size, labels.UNREACHED, np.int64)
    for source, catchment in zip(sources.tolist(), np.split(by_source, first[1:]), strict=True):
        if source < 0:
            continue  # who reaches nobody has no second either
        with field.without(source):
            packed[catchment] = field.packed.ravel()[catchment]
    return Times(packed.reshape(field.packed.shape))
