"""Coverage by area: people and square kilometres in each state.

Every number is a sum over the cells and people of one surface, so a table, a map and a total
cannot disagree.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.coverage.states import STATE_WORDS, CoverageState, states_of
from geosvc.geo.grid import MICRO, micro_of
from geosvc.registry.areas import OUTSIDE as OUTSIDE_CODE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geosvc.coverage.people import People
    from geosvc.coverage.services import Service, Threshold
    from geosvc.coverage.tree import AreaTree
    from geosvc.geo.grid import Surface

TOTAL_CODE = "*total"
_N_STATES = len(STATE_WORDS)
_QUANTILES = (0.5, 0.9)


@dataclass(frozen=True, kw_only=True)
class CoverageFigures:
    """One row of a coverage table.

    ``people`` and ``km2`` map each state to an amount; ``km2`` is None for an area without a
    polygon (unknown, not 0), ``people`` is None where nobody was counted at all.
    """

    area_code: str
    name: str
    level: str
    people: dict[str, float] | None
    km2: dict[str, float] | None
    figures: dict[str, Any]


def shares(people: dict[str, float] | None) -> dict[str, float | None]:
    """Return the covered share by three denominators, each named; None where it is 0.

    ``of_all_people``, ``of_people_with_data`` (state known), ``of_people_who_can_reach_any``.
    """
    if people is None:
        return dict.fromkeys(("of_all_people", "of_people_with_data", "of_people_who_can_reach_any"))
    covered = people[CoverageState.COVERED.word]
    everyone = sum(people.values())
    with_data = everyone - people[CoverageState.NO_DATA.word]
    reaching = with_data - people[CoverageState.UNREACHABLE.word]
    return {
        "of_all_people": covered / everyone if everyone > 0 else None,
        "of_people_with_data": covered / with_data if with_data > 0 else None,
        "of_people_who_can_reach_any": covered / reaching if reaching > 0 else None,
    }


def measure(
    surface: Surface, service: Service, threshold: Threshold, *, people: People | None, tree: AreaTree,
    area_of_cell: NDArray[np.int32], zones: dict[int, NDArray[np.bool_]],
) -> list[CoverageFigures]:
    """Return the coverage table of one threshold: the total, each area, and who lives in none.

    Parameters
    ----------
    surface : Surface
    service : Service
    threshold : Threshold
    people : People or None
        None = no population was imported: people are unknown everywhere, not 0.
    tree : AreaTree
    area_of_cell : array of int32, shape (rows, cols)
    zones : dict
        Cells of the areas that may cross others, by area index.
    """
    states = states_of(surface, service.limit_of(threshold))
    by_area_km2 = _km2_by_area(states, area_of_cell, tree, zones, surface)
    entries = None if people is None else _Entries(people, states, surface, service)
    members = {} if people is None else members_by_area(people, tree, zones)
    nobody = np.array([], dtype=np.intp)
    rows = [_row(TOTAL_CODE, "", "total", entries, None, _sum_km2(states, area_of_cell, surface))]
    for position in tree.ordered():
        area = tree.areas[position]
        own = members.get(position, nobody)
        # Of a zone with a member that nobody registered, the people are unknown.
        known = None if position in tree.zone_parts and tree.zone_parts[position] is None else entries
        rows.append(_row(area.code, area.name, area.level, known, own, by_area_km2.get(position)))
    if people is not None and (people.area < 0).any():
        rows.append(_row(OUTSIDE_CODE, "", "outside", entries, np.nonzero(people.area < 0)[0], None))
    return rows


def members_by_area(
    people: People, tree: AreaTree, zones: dict[int, NDArray[np.bool_]]
) -> dict[int, NDArray[np.intp]]:
    """Return the entries of each area, those of the areas below it included; nobody twice, in zones neither."""
    found: defaultdict[int, list[NDArray[np.intp]]] = defaultdict(list)
    order = np.argsort(people.area, kind="stable")
    leaves, starts = np.unique(people.area[order], return_index=True)
    for leaf, entries in zip(leaves, np.split(order, starts[1:]), strict=True):
        for position in tree.ancestors(int(leaf)):
            found[position].append(entries)
    joined = {position: np.concatenate(parts) for position, parts in found.items()}
    for position, cells in zones.items():
        joined[position] = np.nonzero(people.at(cells, outside=False))[0]
    nobody = np.array([], dtype=np.intp)
    for position, parts in tree.zone_parts.items():
        # By their division, as everywhere: people on the line between two belong to one of them.
        of_parts = [joined.get(part, nobody) for part in parts or ()]
        joined[position] = np.unique(np.concatenate(of_parts)) if of_parts else nobody
    return joined


class _Entries:
    """The people of a study with the state and the travel time of each entry."""

    def __init__(self, people: People, states: NDArray[np.uint8], surface: Surface, service: Service) -> None:
        self.count = people.count
        self.state = people.at(states, outside=CoverageState.NO_DATA).astype(np.intp)
        micro = people.at(surface.micro, outside=-1).astype(np.int64)
        self.known = self.state != CoverageState.NO_DATA
        # Who cannot get there at all is farther than everybody else, and counts among the half that is.
        self.shown = np.where(micro >= 0, micro / (MICRO * service.units_per_shown), np.inf)

    def by_state(self, members: NDArray[np.intp] | None) -> dict[str, float]:
        chosen = slice(None) if members is None else members
        sums = np.bincount(self.state[chosen], weights=self.count[chosen], minlength=_N_STATES)
        return dict(zip(STATE_WORDS, map(float, sums), strict=True))

    def quantiles(self, members: NDArray[np.intp] | None) -> dict[str, float | None]:
        chosen = np.nonzero(self.known)[0] if members is None else members[self.known[members]]
        values = weighted_quantiles(self.shown[chosen], self.count[chosen], _QUANTILES)
        # None: nobody is counted, or so large a part cannot get there at all.
        finite = [v if v is not None and np.isfinite(v) else None for v in values]
        return {f"p{round(q * 100)}": v for q, v in zip(_QUANTILES, finite, strict=True)}


def weighted_quantiles(
    values: NDArray[np.float64], weights: NDArray[np.float64], quantiles: tuple[float, ...]
) -> list[float | None]:
    """Return the smallest value that at least that share of the weight does not exceed.

    Examples
    --------
    Of ten people, six live 5 minutes away and four 20 minutes:

    >>> weighted_quantiles(np.array([5.0, 20.0]), np.array([6.0, 4.0]), (0.5, 0.9))
    [5.0, 20.0]
    """
    total = float(weights.sum())
    if total <= 0:
        return [None] * len(quantiles)
    order = np.argsort(values, kind="stable")
    running = np.cumsum(weights[order])
    # The last running sum is the total by definition, whatever rounding made of it.
    running[-1] = total
    places = np.minimum(np.searchsorted(running, np.asarray(quantiles) * total), len(values) - 1)
    return [float(values[order][place]) for place in places]


def _row(
    code: str, name: str, level: str, entries: _Entries | None, members: NDArray[np.intp] | None,
    km2: dict[str, float] | None,
) -> CoverageFigures:
    people, figures = None, {}
    if entries is not None:
        people = entries.by_state(members)
        figures = entries.quantiles(members)
    return CoverageFigures(
        area_code=code, name=name, level=level, people=people, km2=km2,
        figures={**figures, "share": shares(people)},
    )


def _km2_by_area(
    states: NDArray[np.uint8], area_of_cell: NDArray[np.int32], tree: AreaTree,
    zones: dict[int, NDArray[np.bool_]], surface: Surface,
) -> dict[int, dict[str, float]]:
    inside = area_of_cell >= 0
    key = area_of_cell[inside].astype(np.int64) * _N_STATES + states[inside]
    counts = np.bincount(key, minlength=len(tree.areas) * _N_STATES).reshape(len(tree.areas), _N_STATES)
    rolled = tree.rolled_up(counts.astype(float))
    cell_km2 = surface.grid.cell_km2
    found = {
        i: _by_word(rolled[i] * cell_km2) for i, area in enumerate(tree.areas)
        if area.geometry is not None and i not in zones
    }
    for i, cells in zones.items():
        found[i] = _by_word(np.bincount(states[cells], minlength=_N_STATES) * cell_km2)
    return found


def _sum_km2(states: NDArray[np.uint8], area_of_cell: NDArray[np.int32], surface: Surface) -> dict[str, float] | None:
    inside = area_of_cell >= 0
    if not inside.any():
        return None
    return _by_word(np.bincount(states[inside], minlength=_N_STATES) * surface.grid.cell_km2)


def _by_word(amounts: NDArray[np.floating[Any]]) -> dict[str, float]:
    return dict(zip(STATE_WORDS, map(float, amounts), strict=True))


def histogram(surface: Surface, people: People | None, *, step: float, steps: int) -> list[float] | None:
    """Return people by how far they are, in steps of the surface's unit.

    Bin ``k`` counts people farther than ``(k - 1) * step`` and at most ``k * step`` away, bin 0
    those at a facility, so the running sum at ``k`` is the people covered by a limit of
    ``k * step``, exactly. The last bin holds everybody farther; who is not reached is in none.
    """
    if people is None:
        return None
    micro = people.at(surface.micro, outside=-1).astype(np.int64)
    if surface.looked is not None:
        micro = np.where(people.at(surface.looked, outside=False).astype(bool), micro, -1)
    # The edge of each bin is rounded as a limit is, so that the curve meets the table at every limit.
    edges = np.array([micro_of(k * step) for k in range(steps)])
    reached = micro >= 0
    bins = np.searchsorted(edges, micro[reached], side="left")
    return [float(v) for v in np.bincount(bins, weights=people.count[reached], minlength=steps + 1)]


def settlement_verdict(
    surface: Surface, service: Service, people: People | None, class_of_area: NDArray[np.int8]
) -> dict[str, Any] | None:
    """Judge a service whose limits differ for town and country, where it is known who is which.

    Parameters
    ----------
    surface : Surface
    service : Service
    people : People or None
    class_of_area : array of int8, shape (n_areas + 1,)
        1 = urban, 0 = rural, -1 = not known; the last entry belongs to people in no area.

    Returns
    -------
    verdict : dict or None
        None for a service with one limit for everybody. ``given`` is False, and no figures are
        there, unless the class of everybody in an area is known.
    """
    if all(each.applies_to == "any" for each in service.thresholds):
        return None
    if people is None:
        return {"given": False, "reason": "no_population", "people_of_unknown_class": None}
    klass = class_of_area[people.area]
    unknown = float(people.count[(klass < 0) & (people.area >= 0)].sum())
    if unknown > 0 or not (klass >= 0).any():
        return {"given": False, "reason": "settlement_class_unknown", "people_of_unknown_class": unknown}
    by_class = {"urban": klass == 1, "rural": klass == 0}
    found = []
    for threshold in service.thresholds:
        states = people.at(states_of(surface, service.limit_of(threshold)), outside=CoverageState.NO_DATA)
        for name, members in by_class.items():
            if threshold.applies_to in (name, "any"):
                covered = float(people.count[members & (states == CoverageState.COVERED)].sum())
                found.append({"threshold": threshold.id, "applies_to": name, "people_covered": covered,
                              "people": float(people.count[members].sum())})
    return {"given": True, "reason": None, "people_of_unknown_class": 0.0, "figures": found}
