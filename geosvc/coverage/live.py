"""Figures of one surface after another, over the same people and areas: what measuring gives, in a fraction of its time.

While somebody drags a facility, people and areas stay. Who belongs to which area is laid out once;
then every cell and everybody is read once for all limits. Sums are added in the order in which
:func:`geosvc.coverage.measure.measure` adds them, so they are the same to the last digit, and a
percentile is looked for among those who live at its step of the curve only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.coverage.curves import NO_DATA, STEPS, UNREACHABLE, AreaCurve, Curves, GapCurve, gap_curve
from geosvc.coverage.measure import TOTAL_CODE, CoverageFigures, members_by_area, shares, weighted_quantiles
from geosvc.coverage.people import weights_by_cell
from geosvc.coverage.states import STATE_WORDS, CoverageState
from geosvc.geo.grid import MICRO, micro_of
from geosvc.registry.areas import OUTSIDE as OUTSIDE_CODE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geosvc.coverage.people import People
    from geosvc.coverage.services import Service
    from geosvc.coverage.tree import AreaTree
    from geosvc.geo.grid import Grid, Surface

_QUANTILES = {"p50": 0.5, "p90": 0.9}
# Sums that are added in different orders differ by less than this share of the whole: there may be 2 ** 22 terms.
_ROUNDING = 1e-9
# So few are sorted sooner than their curve is looked at.
_FEW = 2000
_ORDER_OF_LEVELS = np.array([*range(STEPS + 1), UNREACHABLE])


@dataclass(frozen=True)
class _Row:
    """A row of the table: which entries it counts (None: unknown), and where its cells are counted."""

    code: str
    name: str
    level: str
    members: NDArray[np.intp] | None
    position: int = -1


class Layout:
    """People and areas of a study, laid out for figures of many surfaces.

    Parameters
    ----------
    people : People or None
    tree : AreaTree
    area_of_cell : array of int32, shape (rows, cols)
    zones : dict
        Cells of the areas that may cross others, by area index.
    grid : Grid
    """

    def __init__(
        self, people: People | None, tree: AreaTree, area_of_cell: NDArray[np.int32], zones: dict[int, NDArray[np.bool_]], grid: Grid
    ) -> None:
        """Sort everybody into lists, one for each row of a table."""
        self.tree, self.grid, self.area_of_cell = tree, grid, area_of_cell
        self.areas = np.ascontiguousarray(area_of_cell, np.int32).ravel()
        self.any_inside = bool((self.areas >= 0).any())
        self.zone_cells = {position: np.flatnonzero(cells) for position, cells in zones.items()}
        self.counted = people is not None
        self.count = np.zeros(0) if people is None else people.count
        self.cell_of = np.zeros(0, np.int64) if people is None else np.where(people.row < 0, -1, people.row * grid.cols + people.col)
        self.weights = None if people is None else weights_by_cell(people, grid)
        self.rows = _rows_of(people, tree, zones)
        lists = [np.zeros(0, np.intp) if row.members is None else row.members for row in self.rows]
        self.members = np.concatenate(lists)
        self.starts = np.cumsum([0, *(len(each) for each in lists)])

    @property
    def nbytes(self) -> int:
        """Bytes of its arrays."""
        arrays = [self.areas, self.count, self.cell_of, self.members, *self.zone_cells.values()]
        return sum(each.nbytes for each in arrays) + (0 if self.weights is None else self.weights.nbytes)


def _rows_of(people: People | None, tree: AreaTree, zones: dict[int, NDArray[np.bool_]]) -> tuple[_Row, ...]:
    members = {} if people is None else members_by_area(people, tree, zones)
    nobody = np.array([], dtype=np.intp)
    everybody = None if people is None else np.arange(len(people.count), dtype=np.intp)
    rows = [_Row(TOTAL_CODE, "", "total", everybody)]
    for position in tree.ordered():
        area = tree.areas[position]
        unknown = people is None or (position in tree.zone_parts and tree.zone_parts[position] is None)
        rows.append(_Row(area.code, area.name, area.level, None if unknown else members.get(position, nobody), position))
    if people is not None and (people.area < 0).any():
        rows.append(_Row(OUTSIDE_CODE, "", "outside", np.nonzero(people.area < 0)[0]))
    return tuple(rows)


@dataclass(frozen=True, kw_only=True)
class LiveFigures:
    """What a surface gives: the level of every cell, a table and the gaps for each limit, people by level for each row.

    ``gaps`` are, by limit, how many there are, in how many people live, how many people in all and in the largest; None
    where nobody was counted.
    """

    levels: NDArray[np.uint8]
    tables: dict[str, list[CoverageFigures]]
    gaps: dict[str, dict[str, Any]]
    step: float
    unit: str
    areas: list[AreaCurve]
    layout: Layout

    def curves(self, gaps: GapCurve | None) -> Curves:
        """Return what every limit would give, with the gaps where they are asked for (:meth:`gap_curve`)."""
        return Curves(step=self.step, unit=self.unit, areas=self.areas, gaps=gaps)

    def gaps_within(self, surface: Surface, service: Service, areas: NDArray[np.bool_]) -> dict[str, dict[str, Any]]:
        """Return the gaps of some areas, by limit; a gap lies in one area. ``areas`` says by index of the tree which."""
        own = self._cells_of(areas)
        return {each.id: _gaps_of(surface, own, self.layout.weights, micro_of(service.limit_of(each))) for each in service.thresholds}

    def gap_curve(self, areas: NDArray[np.bool_] | None = None) -> GapCurve:
        """Return the gaps that every limit would leave, of all areas or of some; it takes longer than all the rest."""
        of_cell = self.layout.area_of_cell if areas is None else self._cells_of(areas)
        return gap_curve(self.levels, of_cell, self.layout.weights)

    def _cells_of(self, areas: NDArray[np.bool_]) -> NDArray[np.int32]:
        """Return the area of each cell where it is one of some, -1 elsewhere."""
        of_cell = self.layout.area_of_cell
        return np.where((of_cell >= 0) & np.append(areas, False)[of_cell], of_cell, -1).astype(np.int32)


def live_figures(layout: Layout, surface: Surface, service: Service, *, step: float, by_area: bool = True) -> LiveFigures:
    """Return the figures of a surface; ``step`` is that of its curves, in the unit that the service shows.

    Without ``by_area`` the tables have the row of the total only: while a hand moves nobody reads the percentiles of areas.
    """
    from geosvc.coverage import live_kernels  # noqa: PLC0415  brings the compiled kernels

    micro = np.ascontiguousarray(surface.micro).ravel()
    looked = np.zeros(0, np.bool_) if surface.looked is None else np.ascontiguousarray(surface.looked).ravel()
    limits = np.array([micro_of(service.limit_of(each)) for each in service.thresholds], np.int64)
    edges = np.array([micro_of(k * step * service.units_per_shown) for k in range(STEPS)], np.int64)
    not_reached = int(CoverageState.BEYOND_HORIZON if np.isfinite(surface.horizon) else CoverageState.UNREACHABLE)
    levels, cells = live_kernels.read_cells(micro, looked, layout.areas, edges, limits, not_reached, len(layout.tree.areas))
    entry_micro, entry_level, people, curve = live_kernels.read_people(
        layout.cell_of, layout.count, layout.members, layout.starts, micro, levels, limits, not_reached)
    entries = _Entries(layout.count, entry_micro, entry_level, service.units_per_shown)
    rows = layout.rows if by_area else layout.rows[:1]
    found = [entries.quantiles(row.members, curve[i]) for i, row in enumerate(rows)]
    zones = {position: live_kernels.count_states(micro, looked, within, limits, not_reached) for position, within in layout.zone_cells.items()}
    tables = {}
    for n, threshold in enumerate(service.thresholds):
        km2 = _Km2(layout, cells[n], {position: counts[n] for position, counts in zones.items()})
        tables[threshold.id] = [_figures(row, people[i, n], found[i], km2.of(row)) for i, row in enumerate(rows)]
    return LiveFigures(
        levels=levels.reshape(surface.micro.shape), tables=tables, step=step, unit=service.shown_unit, layout=layout,
        gaps={each.id: _gaps(layout, surface, micro_of(service.limit_of(each))) for each in service.thresholds},
        areas=[_curve(row, curve[i]) for i, row in enumerate(layout.rows)] if layout.counted else [],
    )


def _gaps(layout: Layout, surface: Surface, limit: int) -> dict[str, Any]:
    """Return the gaps of one limit (whole millionths) as the summary of a run tells them."""
    areas = layout.area_of_cell if layout.any_inside else np.zeros_like(layout.area_of_cell)
    return _gaps_of(surface, areas, layout.weights, limit)


def _gaps_of(surface: Surface, areas: NDArray[np.int32], people: NDArray[np.float64] | None, limit: int) -> dict[str, Any]:
    """Return the gaps of one limit in some areas (-1: in none); ``people`` by cell, None where nobody was counted."""
    from geosvc.coverage import live_kernels  # noqa: PLC0415  brings the compiled kernels

    looked = np.zeros((0, 0), np.bool_) if surface.looked is None else surface.looked
    weights = np.zeros((0, 0)) if people is None else people
    found = live_kernels.people_of_gaps(surface.micro, looked, areas, weights, limit, not np.isfinite(surface.horizon))
    if people is None:
        return {"gaps": len(found), "gaps_with_people": None, "people_in_gaps": None, "largest_gap_people": None}
    counts = sorted(found.tolist(), reverse=True)  # added up in the order in which gaps are told
    return {"gaps": len(counts), "gaps_with_people": sum(each > 0 for each in counts), "people_in_gaps": float(sum(counts)),
            "largest_gap_people": counts[0] if counts else None}


def _figures(row: _Row, sums: NDArray[np.float64], quantiles: dict[str, float | None], km2: dict[str, float] | None) -> CoverageFigures:
    people = None if row.members is None else _by_word(sums)
    return CoverageFigures(
        area_code=row.code, name=row.name, level=row.level, people=people, km2=km2,
        figures={**quantiles, "share": shares(people)},
    )


def _curve(row: _Row, sums: NDArray[np.float64]) -> AreaCurve:
    if row.members is None:
        return AreaCurve(code=row.code, name=row.name, level=row.level, people=None, unreachable=None, no_data=None)
    return AreaCurve(code=row.code, name=row.name, level=row.level, people=sums[: STEPS + 1].tolist(),
                     unreachable=float(sums[UNREACHABLE]), no_data=float(sums[NO_DATA]))


def _by_word(amounts: NDArray[Any]) -> dict[str, float]:
    return dict(zip(STATE_WORDS, map(float, amounts), strict=True))


class _Km2:
    """Square kilometres of each row by state, for one limit."""

    def __init__(self, layout: Layout, cells: NDArray[np.int64], zones: dict[int, NDArray[np.int64]]) -> None:
        self._layout, self._zones, self._cell_km2 = layout, zones, layout.grid.cell_km2
        self._all = cells[:-1].sum(axis=0)
        self._by_area = layout.tree.rolled_up(cells[:-1].astype(float))

    def of(self, row: _Row) -> dict[str, float] | None:
        if row.level == "total":
            return _by_word(self._all * self._cell_km2) if self._layout.any_inside else None
        if row.position in self._zones:
            return _by_word(self._zones[row.position] * self._cell_km2)
        if row.position < 0 or self._layout.tree.areas[row.position].geometry is None:
            return None
        return _by_word(self._by_area[row.position] * self._cell_km2)


class _Entries:
    """Everybody with how far they are."""

    def __init__(
        self, count: NDArray[np.float64], micro: NDArray[np.int64], level: NDArray[np.uint8], units_per_shown: float
    ) -> None:
        self._count, self._micro, self._level, self._units = count, micro, level, units_per_shown

    def quantiles(self, members: NDArray[np.intp] | None, curve: NDArray[np.float64]) -> dict[str, float | None]:
        """Return the percentiles of a row as its table shows them; none where people are unknown."""
        if members is None:
            return {}
        known = members[self._level[members] != NO_DATA] if curve[NO_DATA] > 0 or len(members) <= _FEW else members
        if len(known) <= _FEW:
            values = self._sorted_out(known)
        else:
            total, running = float(self._count[known].sum()), np.cumsum(curve[_ORDER_OF_LEVELS])
            values = [self._quantile(known, running, total, q) for q in _QUANTILES.values()]
        return {name: v if v is not None and np.isfinite(v) else None for name, v in zip(_QUANTILES, values, strict=True)}

    def _shown(self, chosen: NDArray[np.intp]) -> NDArray[np.float64]:
        micro = self._micro[chosen]
        return np.where(micro >= 0, micro / (MICRO * self._units), np.inf)

    def _sorted_out(self, known: NDArray[np.intp]) -> list[float | None]:
        return weighted_quantiles(self._shown(known), self._count[known], tuple(_QUANTILES.values()))

    def _quantile(self, known: NDArray[np.intp], running: NDArray[np.float64], total: float, q: float) -> float | None:
        """Return the quantile that sorting everybody would give.

        Where rounding could make it another's, everybody is sorted.
        """
        from geosvc.coverage import live_kernels  # noqa: PLC0415  brings the compiled kernels

        if total <= 0:
            return None
        low, high = q * total - _ROUNDING * total, q * total + _ROUNDING * total
        slot = int(np.searchsorted(running, low))
        if slot < len(running) and slot == int(np.searchsorted(running, high)):
            chosen = live_kernels.of_level(known, self._level, np.uint8(_ORDER_OF_LEVELS[slot]))
            values = self._shown(chosen)
            order = np.argsort(values, kind="stable")
            sums = np.cumsum(self._count[chosen][order]) + (running[slot - 1] if slot else 0.0)
            first, last = np.minimum(np.searchsorted(sums, [low, high]), len(order) - 1)
            if values[order[first]] == values[order[last]]:
                return float(values[order[first]])
        return weighted_quantiles(self._shown(known), self._count[known], (q,))[0]
