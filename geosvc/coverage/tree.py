"""The areas of a study as a tree, and which of them every cell lies in."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import shapely

from geosvc.geo.crs import shapes_in_metres
from geosvc.geo.raster import burn
from geosvc.registry.areas import LEVELS
from geosvc.registry.areas import ZONE as _ZONE
from geosvc.registry.successions import Successions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from shapely.geometry.base import BaseGeometry

    from geosvc.geo.grid import Grid
    from geosvc.registry.areas import Area

# Lengths of Chinese division codes: province, prefecture, county, township, village.
_CODE_LENGTHS = (2, 4, 6, 9, 12)


@dataclass(frozen=True)
class AreaTree:
    """Areas in the order of their code; an area's place in it is its index.

    Zones stand beside the tree: they may cross counties, and nobody in them is counted in a total.
    ``became`` tells which division an old code means.
    """

    areas: tuple[Area, ...]
    became: Successions = field(default_factory=Successions)

    @cached_property
    def index(self) -> dict[str, int]:
        """Index of each code."""
        return {area.code: position for position, area in enumerate(self.areas)}

    @cached_property
    def parents(self) -> NDArray[np.int32]:
        """Index of each area's parent, -1 = none that is registered.

        Where an area does not name one, its code tells (220622100 lies in 220622), else the
        smallest polygon of a higher level around it. Zones have no parent.
        """
        return np.array([self._parent_of(area) for area in self.areas], dtype=np.int32)

    def _parent_of(self, area: Area) -> int:
        if area.level == _ZONE:
            return -1
        if area.parent_code is not None:
            return self.index.get(area.parent_code, -1)
        by_code = [area.code[:length] for length in _CODE_LENGTHS if length < len(area.code)] if area.code.isdigit() else []
        for code in reversed(by_code):
            if code in self.index:
                return self.index[code]
        if area.geometry is None:
            return -1
        inside = area.geometry.representative_point()
        around = [
            i for i in self.ordered()
            if (other := self.areas[i]).geometry is not None and LEVELS.index(other.level) < LEVELS.index(area.level)
            and other.geometry.intersects(inside)
        ]
        return around[-1] if around else -1

    def ancestors(self, position: int) -> list[int]:
        """Return an area and everything above it; a ring of parents is cut where it closes."""
        chain: list[int] = []
        while position >= 0 and position not in chain:
            chain.append(position)
            position = int(self.parents[position])
        return chain

    def ordered(self) -> list[int]:
        """Return the indices from the highest level to the lowest, by code within a level."""
        return sorted(range(len(self.areas)), key=lambda i: (LEVELS.index(self.areas[i].level), self.areas[i].code))

    def area_of_cell(self, grid: Grid) -> NDArray[np.int32]:
        """Return the index of the smallest area whose polygon holds each cell's centre, -1 = none.

        Zones that users draw may cross counties: they are counted by themselves, see ``zones``.
        """
        lower_last = [i for i in self.ordered() if self.areas[i].geometry is not None and self.areas[i].level != _ZONE]
        shapes = [(in_metres(self.areas[i].geometry, grid), i) for i in lower_last]
        return burn(shapes, grid, touched=False)

    def areas_of_positions(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int32]:
        """Return the index of the smallest area whose polygon holds each position, -1 = none.

        People belong to an area by where their source puts them, not by the cell that they fall
        into: the totals of areas do not depend on the grid. On a border the later code has them.
        """
        found = np.full(len(lon), -1, dtype=np.int32)
        for i in self.ordered():
            area = self.areas[i]
            if area.geometry is None or area.bbox is None or area.level == _ZONE:
                continue
            west, south, east, north = area.bbox
            near = np.nonzero((lon >= west) & (lon <= east) & (lat >= south) & (lat <= north))[0]
            shapely.prepare(area.geometry)
            found[near[shapely.intersects_xy(area.geometry, lon[near], lat[near])]] = i
        return found

    def zones(self, grid: Grid) -> dict[int, NDArray[np.bool_]]:
        """Return, for each zone with a polygon, the cells in it."""
        return {
            i: burn([(in_metres(area.geometry, grid), 1)], grid, touched=False, dtype="uint8", fill=0) == 1
            for i, area in enumerate(self.areas) if area.level == _ZONE and area.geometry is not None
        }

    @cached_property
    def zone_parts(self) -> dict[int, tuple[int, ...] | None]:
        """For each zone of members, its parts: divisions, and zones with a polygon of their own.

        None where a member is not registered: who lives in the zone is then unknown.
        """
        return {i: self._parts_of(i, ()) for i, area in enumerate(self.areas) if area.members}

    def _parts_of(self, zone: int, inside_of: tuple[int, ...]) -> tuple[int, ...] | None:
        found: set[int] = set()
        for code in sorted({new for old in self.areas[zone].members for new in self.became.now(old)}):
            part = self.index.get(code)
            if part is None:
                return None
            if not self.areas[part].members:
                found.add(part)
            elif part not in inside_of:  # a ring of zones is cut where it closes
                deeper = self._parts_of(part, (*inside_of, zone))
                if deeper is None:
                    return None
                found.update(deeper)
        return tuple(sorted(found))

    def code_of(self, code: str) -> str:
        """Return the code that a division has in this tree: an old one is told as what it became, where that is one."""
        return code if code in self.index else self.became.one(code) or code

    def outlined(self, code: str) -> str | None:
        """Return the code of an area if it has an outline, else of the nearest above it that has; None where there is none."""
        chain = [self.areas[i] for i in self.ancestors(self.index[code])] if code in self.index else []
        return next((area.code for area in chain if area.geometry is not None), None)

    def homes(self, area_of_cell: NDArray[np.int32]) -> tuple[NDArray[np.int32], dict[int, list[int]]]:
        """Return on whose cells the people of each area stand, and which cells those are.

        Returns
        -------
        home : array of int32, shape (n_areas,)
            The area itself where it or an area below it has cells, else the nearest area above
            that has; -1 = none.
        members : dict
            For each area that has cells: the indices under which its cells are marked, its own
            and those of the areas below it.
        """
        marked = [int(i) for i in np.unique(area_of_cell) if i >= 0]
        members: dict[int, list[int]] = {}
        for index in marked:
            for ancestor in self.ancestors(index):
                members.setdefault(ancestor, []).append(index)
        home = [next((a for a in self.ancestors(i) if a in members), -1) for i in range(len(self.areas))]
        return np.array(home, dtype=np.int32), members

    def rolled_up(self, by_leaf: NDArray[np.float64]) -> NDArray[np.float64]:
        """Add each area's own numbers to everything above it.

        Parameters
        ----------
        by_leaf : array of float64, shape (n_areas, ...)
        """
        total = np.zeros_like(by_leaf)
        for position in range(len(self.areas)):
            for ancestor in self.ancestors(position):
                total[ancestor] += by_leaf[position]
        return total


def in_metres(shape: BaseGeometry | None, grid: Grid) -> BaseGeometry:
    """Return a shape in degrees as one in the grid's CRS; None as an empty one."""
    return shapely.GeometryCollection() if shape is None else shapes_in_metres(shape, crs=grid.crs).item()


def study_bbox(areas: Sequence[Area]) -> tuple[float, float, float, float] | None:
    """Return the box around all polygons, (west, south, east, north) in degrees; None without any."""
    boxes = [area.bbox for area in areas if area.bbox is not None]
    if not boxes:
        return None
    corners = np.asarray(boxes)
    return (*corners[:, :2].min(axis=0).tolist(), *corners[:, 2:].max(axis=0).tolist())


