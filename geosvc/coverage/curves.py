"""Curves: what every limit would give, at once.

A reader who moves a limit waits for nobody: people by how far they are, for the total and for each
area, and the gaps that each limit would leave, are worked out once for all steps of a surface.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.coverage.measure import TOTAL_CODE, members_by_area
from geosvc.coverage.people import weights_by_cell
from geosvc.geo.grid import micro_of
from geosvc.registry.areas import OUTSIDE as OUTSIDE_CODE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from geosvc.coverage.people import People
    from geosvc.coverage.services import Service
    from geosvc.coverage.tree import AreaTree
    from geosvc.geo.grid import Surface

STEPS = 250
FARTHER, UNREACHABLE, NO_DATA = STEPS, 254, 255


@dataclass(frozen=True, kw_only=True)
class AreaCurve:
    """People of one area by how far they are, in steps.

    ``people[k]`` are those farther than ``(k - 1) * step`` and at most ``k * step`` away, so the sum up to
    ``k`` is covered by a limit of ``k * step``; the last entry holds everybody farther. None = unknown.
    """

    code: str
    name: str
    level: str
    people: list[float] | None
    unreachable: float | None
    no_data: float | None


@dataclass(frozen=True, kw_only=True)
class GapCurve:
    """The gaps that each limit would leave: entry ``k`` is for a limit of ``k * step``.

    ``largest`` are the people of the gap with most, None where nobody was counted.
    """

    count: list[int]
    with_people: list[int] | None
    largest: list[float] | None


@dataclass(frozen=True, kw_only=True)
class Curves:
    """The curves of one surface; ``step`` is in the unit that a service shows, minutes or km. ``gaps`` None: not asked for."""

    step: float
    unit: str
    areas: list[AreaCurve]
    gaps: GapCurve | None

    def as_dict(self) -> dict[str, Any]:
        """Return them as JSON can hold them, people to a thousandth."""
        return {
            "step": self.step, "unit": self.unit, "steps": STEPS,
            "areas": [{"code": each.code, "name": each.name, "level": each.level, "people": _short(each.people),
                       "unreachable": each.unreachable, "no_data": each.no_data} for each in self.areas],
            "gaps": None if self.gaps is None else asdict(self.gaps),
        }


def _short(values: list[float] | None) -> list[float] | None:
    return None if values is None else [round(value, 3) for value in values]


def curves(
    surface: Surface, service: Service, *, step: float, people: People | None, tree: AreaTree,
    area_of_cell: NDArray[np.int32], zones: dict[int, NDArray[np.bool_]],
    members: dict[int, NDArray[np.intp]] | None = None,
) -> Curves:
    """Return what every limit would give.

    Parameters
    ----------
    surface : Surface
    service : Service
    step : float
        In the unit that the service shows; every threshold should be a whole number of steps.
    people : People or None
    tree : AreaTree
    area_of_cell : array of int32, shape (rows, cols)
    zones : dict
        Cells of the areas that may cross others, by area index.
    members : dict, optional
        The entries of each area, where the caller has them (:func:`members_by_area`).
    """
    levels = levels_of(surface, step * service.units_per_shown)
    if people is not None and members is None:
        members = members_by_area(people, tree, zones)
    return Curves(
        step=step, unit=service.shown_unit, areas=_by_area(levels, people, tree, members or {}),
        gaps=gap_curve(levels, area_of_cell, None if people is None else weights_by_cell(people, surface.grid)),
    )


def total_curve(areas: Sequence[dict[str, Any]], codes: Sequence[str]) -> dict[str, Any] | None:
    """Return the curve of areas taken together, as :meth:`Curves.as_dict` has it.

    None where there are none, one of them has no curve, or its people are unknown: a sum without it would seem to be of all.
    Nobody may live in two of them.
    """
    by_code = {each["code"]: each for each in areas}
    found = [by_code.get(code) for code in codes]
    if not found or not all(each is not None and each["people"] is not None for each in found):
        return None
    return {
        "code": TOTAL_CODE, "name": "", "level": "total",
        "people": [round(sum(step), 3) for step in zip(*(each["people"] for each in found if each), strict=True)],
        **{state: sum(each[state] for each in found if each) for state in ("unreachable", "no_data")},
    }


def levels_of(surface: Surface, step: float) -> NDArray[np.uint8]:
    """Return for each cell how many whole steps it needs, rounded up; what is farther, unreachable or unknown has a level of its own.

    ``step`` is in the surface's own unit, s or m.
    """
    edges = np.array([micro_of(k * step) for k in range(STEPS)])
    steps = np.searchsorted(edges, surface.micro, side="left")
    levels = np.where(surface.micro < 0, UNREACHABLE, steps).astype(np.uint8)
    if surface.looked is not None:
        levels[~surface.looked] = NO_DATA
    return levels


def _by_area(
    levels: NDArray[np.uint8], people: People | None, tree: AreaTree, members: dict[int, NDArray[np.intp]]
) -> list[AreaCurve]:
    if people is None:
        return []
    level = people.at(levels, outside=NO_DATA).astype(np.intp)
    nobody = np.array([], dtype=np.intp)

    def curve(code: str, name: str, kind: str, chosen: NDArray[np.intp] | slice | None) -> AreaCurve:
        if chosen is None:
            return AreaCurve(code=code, name=name, level=kind, people=None, unreachable=None, no_data=None)
        sums = np.bincount(level[chosen], weights=people.count[chosen], minlength=NO_DATA + 1)
        return AreaCurve(code=code, name=name, level=kind, people=[float(each) for each in sums[: STEPS + 1]],
                         unreachable=float(sums[UNREACHABLE]), no_data=float(sums[NO_DATA]))

    found = [curve(TOTAL_CODE, "", "total", slice(None))]
    for position in tree.ordered():
        area = tree.areas[position]
        unknown = position in tree.zone_parts and tree.zone_parts[position] is None
        found.append(curve(area.code, area.name, area.level, None if unknown else members.get(position, nobody)))
    outside = np.nonzero(people.area < 0)[0]
    return [*found, curve(OUTSIDE_CODE, "", "outside", outside)] if outside.size else found


def gap_curve(
    levels: NDArray[np.uint8], area_of_cell: NDArray[np.int32], weights: NDArray[np.float64] | None
) -> GapCurve:
    """Return the gaps of every limit: cells beyond it that touch, corners too, within one area.

    Parameters
    ----------
    levels : array of uint8, shape (rows, cols)
        From :func:`levels_of`.
    area_of_cell : array of int32, shape (rows, cols)
    weights : array of float64, shape (rows, cols), or None
        People of each cell; None = nobody was counted.
    """
    from geosvc.coverage.gap_kernel import sweep  # noqa: PLC0415  brings the compiled kernel

    areas = area_of_cell if (area_of_cell >= 0).any() else np.zeros_like(area_of_cell)
    people = np.zeros(levels.shape) if weights is None else weights
    count, inhabited, largest = sweep(levels, areas, people, STEPS)
    if weights is None:
        return GapCurve(count=count.tolist(), with_people=None, largest=None)
    return GapCurve(count=count.tolist(), with_people=inhabited.tolist(), largest=[float(each) for each in largest])
