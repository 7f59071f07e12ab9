"""Gaps: where people are beyond the limit, as polygons with the people in them.

The polygons are the exact outlines of cells; their area is the figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geosvc.coverage.people import weights_by_cell
from geosvc.coverage.shapes import outline_in_degrees
from geosvc.coverage.states import CoverageState, states_of
from geosvc.geo.grid import MICRO

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geosvc.coverage.people import People
    from geosvc.coverage.services import Service, Threshold
    from geosvc.coverage.tree import AreaTree
    from geosvc.geo.grid import Surface

_TOUCHING_AT_CORNERS = np.ones((3, 3), dtype=int)
# A gap names so many of its settlements and counts all of them.
MOST_SETTLEMENTS = 20


@dataclass(frozen=True, kw_only=True)
class Gap:
    """One gap.

    ``geometry`` is a MultiPolygon in degrees; ``people`` is None when no population is known.
    ``worst`` is the largest value reached in it (minutes or km), None if nothing in it is
    reached; ``nearest`` the index of the facility that is nearest to most of its cells, -1 = none.
    ``settlements`` are the largest of the ``settlement_count`` in it; where no population is known
    the count is None.
    """

    geometry: shapely.MultiPolygon
    area_code: str | None
    people: float | None
    people_unreachable: float | None
    km2: float
    worst: float | None
    nearest: int
    settlements: list[dict[str, Any]]
    settlement_count: int | None = None


def find_gaps(
    surface: Surface, service: Service, threshold: Threshold, *, people: People | None, tree: AreaTree,
    area_of_cell: NDArray[np.int32],
) -> list[Gap]:
    """Return the gaps of one threshold, most people first, then the largest.

    A gap is a connected set of cells (corners connect) beyond the limit or unreachable, within
    one area of the study. Cells that lie in no area are outside the question, unless the study
    has no polygons at all.
    """
    states = states_of(surface, service.limit_of(threshold))
    beyond = (states == CoverageState.BEYOND) | (states == CoverageState.UNREACHABLE)
    study = area_of_cell >= 0
    if not study.any():
        study = np.ones_like(study)
    labels, count = _connected_within_areas(beyond & study, area_of_cell)
    if count == 0:
        return []
    return _described(labels, count, states, surface, service, people, tree, area_of_cell)


def _connected_within_areas(mask: NDArray[np.bool_], area_of_cell: NDArray[np.int32]) -> tuple[NDArray[np.int32], int]:
    from scipy import ndimage  # noqa: PLC0415  slow to import

    labels = np.zeros(mask.shape, dtype=np.int32)
    count = 0
    for index in np.unique(area_of_cell[mask]):
        found, more = ndimage.label(mask & (area_of_cell == index), structure=_TOUCHING_AT_CORNERS)
        labels[found > 0] = found[found > 0] + count
        count += int(more)
    return labels, count


def _described(
    labels: NDArray[np.int32], count: int, states: NDArray[np.uint8], surface: Surface, service: Service,
    people: People | None, tree: AreaTree, area_of_cell: NDArray[np.int32],
) -> list[Gap]:
    from scipy import ndimage  # noqa: PLC0415  slow to import

    ids = np.arange(1, count + 1)
    cells = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    # A clipped reading of -1 (not reached) can never be the worst while something is reached.
    worst = ndimage.maximum(surface.micro, labels, ids)
    first = ndimage.minimum(np.arange(labels.size).reshape(labels.shape), labels, ids).astype(np.int64)
    areas = area_of_cell.ravel()[first]
    nearest = _commonest(labels, surface.nearest, count)
    shapes = outline_in_degrees(labels, surface.grid)
    counted = _people_of(labels, count, states, people, tree, surface)
    gaps = []
    for position in range(count):
        own_people, own_unreachable, settlements, settlement_count = counted(position + 1)
        gaps.append(
            Gap(
                geometry=shapes[position + 1],
                area_code=tree.areas[areas[position]].code if areas[position] >= 0 else None,
                people=own_people, people_unreachable=own_unreachable,
                km2=float(cells[position]) * surface.grid.cell_km2,
                worst=None if worst[position] < 0 else float(worst[position]) / (MICRO * service.units_per_shown),
                nearest=int(nearest[position]),
                settlements=settlements, settlement_count=settlement_count,
            )
        )
    # Ties beyond people and size go to the northernmost, westernmost gap: the order of labels.
    return sorted(gaps, key=lambda gap: (-(gap.people or 0.0), -gap.km2))


def _commonest(labels: NDArray[np.int32], nearest: NDArray[np.int32], count: int) -> NDArray[np.int64]:
    """Return for each label the facility nearest to most of its cells; ties to the smaller id."""
    here = (labels > 0) & (nearest >= 0)
    best = np.full(count, -1, dtype=np.int64)
    if not here.any():
        return best
    width = int(nearest.max()) + 1
    keys, amounts = np.unique(labels[here].astype(np.int64) * width + nearest[here], return_counts=True)
    order = np.lexsort((keys, -amounts))
    for key in keys[order][::-1]:
        best[key // width - 1] = key % width
    return best


def _people_of(
    labels: NDArray[np.int32], count: int, states: NDArray[np.uint8], people: People | None, tree: AreaTree,
    surface: Surface,
) -> Any:
    if people is None:
        return lambda _label: (None, None, [], None)
    weights = weights_by_cell(people, surface.grid)
    all_people = np.bincount(labels.ravel(), weights=weights.ravel(), minlength=count + 1)
    cut_off = np.where(states == CoverageState.UNREACHABLE, weights, 0.0)
    unreachable = np.bincount(labels.ravel(), weights=cut_off.ravel(), minlength=count + 1)
    label_of = people.at(labels, outside=0).astype(np.int64)
    order = np.argsort(label_of, kind="stable")
    bounds = np.searchsorted(label_of[order], np.arange(count + 2))

    def counted(label: int) -> tuple[float, float, list[dict[str, Any]], int]:
        entries = order[bounds[label] : bounds[label + 1]]
        return float(all_people[label]), float(unreachable[label]), *_settlements(people, entries, tree)

    return counted


def _settlements(people: People, entries: NDArray[np.intp], tree: AreaTree) -> tuple[list[dict[str, Any]], int]:
    """Return the smallest areas that people of a gap belong to, most people first, and how many there are in all."""
    inside = entries[people.area[entries] >= 0]
    if len(inside) == 0:
        return [], 0
    sums = np.bincount(people.area[inside], weights=people.count[inside], minlength=len(tree.areas))
    found = sorted(np.nonzero(sums)[0], key=lambda i: (-sums[i], tree.areas[i].code))
    listed = [
        {"code": tree.areas[i].code, "name": tree.areas[i].name, "people": float(sums[i])}
        for i in found[:MOST_SETTLEMENTS]
    ]
    return listed, len(found)
