"""What every draw of a band needs: whose people each row of a table counts, and where facilities may stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from geosvc.coverage import uncertainty
from geosvc.coverage.measure import TOTAL_CODE, members_by_area
from geosvc.geo.crs import to_degrees, to_metres
from geosvc.registry.areas import OUTSIDE as OUTSIDE_CODE
from geosvc.registry.facilities import PositionMethod
from geosvc.workflows.surfaces import SNAP_WITHIN_M, positions_of, start_pace

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geosvc.coverage.people import People
    from geosvc.coverage.services import Service
    from geosvc.registry.facilities import Registered
    from geosvc.store.runs import CoverageRow
    from geosvc.workflows.study import Study


class Rows:
    """The areas of a coverage table: whose people and whose cells each of them counts."""

    def __init__(self, study: Study, rows: list[CoverageRow], peoples: list[People]) -> None:
        """Find the entries of each row once; sources differ in numbers, not in places."""
        self.study, self.rows, self.peoples = study, rows, peoples
        self.inside = study.area_of_cell >= 0
        self.entry = self.row_of_entry = np.zeros(0, dtype=np.intp)
        if peoples:
            base = peoples[0]
            members = members_by_area(base, study.tree, study.zones)
            everybody = {TOTAL_CODE: np.arange(len(base.count)), OUTSIDE_CODE: np.flatnonzero(base.area < 0)}
            nobody = np.zeros(0, dtype=np.intp)
            parts = [
                everybody[row.area_code] if row.area_code in everybody
                else members.get(study.tree.index.get(row.area_code, -1), nobody)
                for row in rows
            ]
            self.entry = np.concatenate(parts)
            self.row_of_entry = np.repeat(np.arange(len(rows)), [len(part) for part in parts])

    def people_in(self, cells: NDArray[np.bool_], source: int) -> NDArray[np.float64]:
        """Return the people of each row who live in some cells, by one source; added in the order of the table."""
        if not self.peoples:
            return np.zeros(len(self.rows))
        people = self.peoples[source]
        here = people.at(cells, outside=False).astype(bool)[self.entry]
        found = np.bincount(self.row_of_entry[here], weights=people.count[self.entry[here]], minlength=len(self.rows))
        return found.astype(np.float64)

    def totals(self, row: int, of_the_run: float) -> NDArray[np.float64]:
        """Return all people of one row by each source."""
        members = self.entry[self.row_of_entry == row]
        return np.array([of_the_run, *(float(each.count[members].sum()) for each in self.peoples[1:])])

    def cells_in(self, cells: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return how many of some cells lie in each area itself, then in all, then in each zone."""
        of_area = self.study.area_of_cell[cells & self.inside]
        by_area = np.bincount(of_area, minlength=len(self.study.tree.areas))
        zones = [np.count_nonzero(cells & zone) for zone in self.study.zones.values()]
        return np.array([*by_area, len(of_area), *zones], dtype=np.float64)

    def km2_of(self, cells: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the km2 of each row from what ``cells_in`` counted, shape (draws, rows)."""
        areas, zones = len(self.study.tree.areas), list(self.study.zones)
        rolled = self.study.tree.rolled_up(cells[:, :areas].T)
        for place, zone in enumerate(zones):
            rolled[zone] = cells[:, areas + 1 + place]
        by_code = {area.code: rolled[i] for i, area in enumerate(self.study.tree.areas)} | {TOTAL_CODE: cells[:, areas]}
        nothing = np.zeros(len(cells))
        return np.stack([by_code.get(row.area_code, nothing) for row in self.rows], axis=1) * self.study.grid.cell_km2


class Positions:
    """Where the facilities may stand: their registered position and a drawn error."""

    def __init__(
        self, study: Study, service: Service, located: list[Registered], *, used: set[int], sd_m: dict[str, float], seed: int
    ) -> None:
        """Keep the positions in metres; a facility that the run could not use is not moved."""
        self.grid, self.seed = study.grid, seed
        self.lon, self.lat = positions_of(located)
        self.x, self.y = to_metres(self.lon, self.lat, crs=self.grid.crs)
        self.sd_m = np.array([sd_m[each.facility.position_method] if each.id in used else 0.0 for each in located])
        self.usable = _usable_cells(study, service)
        counted = [each.facility.position_method for each in located]
        self.methods = [
            {"method": str(method), "facilities": counted.count(method), "sd_m": sd_m[method]}
            for method in PositionMethod if method in counted
        ]

    def drawn(self, number: int) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
        """Return the longitudes and latitudes of one draw, and how many drawn positions were not possible.

        A facility stands on the grid and near ground that can be crossed: where the error would
        put it elsewhere, it keeps its registered position in this draw.
        """
        error = uncertainty.position_errors(self.sd_m, seed=self.seed, number=number)
        lon, lat = to_degrees(self.x + error[:, 0], self.y + error[:, 1], crs=self.grid.crs)
        possible = np.ones(len(lon), dtype=bool)
        if self.usable is not None:
            row, col = self.grid.cells_of(lon, lat)
            possible = (row >= 0) & self.usable[row, col]
        # Not through metres and back: without an error the position is the registered one, to the bit.
        moved = possible & (self.sd_m > 0)
        return np.where(moved, lon, self.lon), np.where(moved, lat, self.lat), int((~possible & (self.sd_m > 0)).sum())


def _usable_cells(study: Study, service: Service) -> NDArray[np.bool_] | None:
    """Return the cells from which a facility is found by travellers; None where the crow flies."""
    if service.method == "straight_line":
        return None
    from scipy import ndimage  # noqa: PLC0415  slow to import

    crossable: NDArray[np.bool_] = np.isfinite(start_pace(study, service))
    if crossable.all():
        return crossable
    away_m = ndimage.distance_transform_edt(~crossable) * study.grid.cell_size_m
    return np.asarray(away_m <= SNAP_WITHIN_M, dtype=np.bool_)
