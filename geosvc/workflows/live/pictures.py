"""The picture of an answer: whole, or only the part in which it differs from the picture that somebody has already.

To move one facility of many changes a small part of a map. To send only that saves packing, sending and unpacking a
million pixels for each move of the hand.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.errors import RunNotFound
from geosvc.maps.picture import OUTSIDE, painted, picture_record, png_of
from geosvc.workflows import reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geosvc.coverage.live import LiveFigures
    from geosvc.coverage.services import Service
    from geosvc.store.engine import Store
    from geosvc.workflows.live.part import Own
    from geosvc.workflows.live.states import Prepared

_QUICK_COMPRESSION = 1


def picture_told(
    store: Store, service: Service, figures: LiveFigures, prepared: Prepared, own: Own | None, since: str | None
) -> dict[str, Any]:
    """Return the picture of figures as the answer holds it.

    Where ``since`` is a run of the service whose picture means the same, only what differs from it is drawn, and ``box`` says
    where in the whole picture: [left, top, right, bottom] in pixels, from the upper left corner, right and bottom out.
    """
    levels = figures.levels if own is None else np.where(own.cells, figures.levels, np.uint8(OUTSIDE))
    numbers = painted(levels, prepared.pixels)
    record = picture_record(service, prepared.bounds, numbers.shape)
    known = None if since is None else _known(store, service, since, record)
    if known is None:
        return {"png": _inline(numbers), **record}
    left, top, right, bottom = box = box_of(numbers != known)
    return {"png": _inline(numbers[top:bottom, left:right]), **record, "since": since, "box": box}


def box_of(changed: NDArray[np.bool_]) -> list[int]:
    """Return the smallest box around what is true, as [left, top, right, bottom]; around the first pixel where nothing is."""
    rows, cols = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if len(rows) == 0:
        return [0, 0, 1, 1]
    return [int(cols[0]), int(rows[0]), int(cols[-1]) + 1, int(rows[-1]) + 1]


def _inline(numbers: NDArray[np.uint8]) -> str:
    png = png_of(np.ascontiguousarray(numbers), compress_level=_QUICK_COMPRESSION)
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _known(store: Store, service: Service, run_id: str, record: dict[str, Any]) -> NDArray[np.uint8] | None:
    """Return the numbers of a run's picture; None where it is gone, or its numbers mean something else."""
    def read() -> tuple[NDArray[np.uint8], dict[str, Any]] | None:
        from PIL import Image  # noqa: PLC0415

        try:
            png, told = reading.picture_of_run(store, service.id, run_id)
        except RunNotFound:
            return None
        with Image.open(io.BytesIO(png)) as image:
            return np.asarray(image), told

    with store.reading() as session:
        found = store.recall_large(session, ("picture", service.id, run_id), read)
    if found is None:
        return None
    numbers, told = found
    return numbers if {name: told[name] for name in record} == record else None
