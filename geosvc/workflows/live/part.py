"""What somebody of some areas is told of a what-if: what a stored run of the same changes would tell them, and nothing else.

Facilities of others count, for people go there; who they are and where they stand is not told. A change that lies
elsewhere is refused: closing a road or a facility of others, and seeing whether one's own times change, would tell
where they stand.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.coverage.changes import PLANNED_FROM
from geosvc.coverage.tree import AreaTree
from geosvc.errors import Busy, Unsolvable
from geosvc.geo.grid import NOT_REACHED
from geosvc.registry import areas
from geosvc.registry.moments import PRESENT
from geosvc.registry.successions import successions
from geosvc.store.areas import AreaQuery
from geosvc.store.scope import inside
from geosvc.workflows.part_of_run import NO_GAPS, Part
from geosvc.workflows.run_files import cells_within, refuse_elsewhere

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from geosvc.coverage.changes import Changes
    from geosvc.coverage.live import LiveFigures
    from geosvc.coverage.services import Service
    from geosvc.geo.grid import Surface
    from geosvc.registry.facilities import Registered
    from geosvc.store.engine import Session, Store
    from geosvc.workflows.live.explaining import Cell
    from geosvc.workflows.live.states import State


@dataclass(frozen=True)
class Own:
    """The part of a study that an account of some areas sees.

    ``tree`` holds its areas and those above; ``cells`` are true where the centre of a cell lies in one of its areas,
    shape (rows, cols); ``areas`` says by index in the study's tree which are its own.
    """

    codes: tuple[str, ...]
    tree: AreaTree
    cells: NDArray[np.bool_]
    areas: NDArray[np.bool_]

    def sees(self, one: Registered) -> bool:
        """Return whether a facility may be named; planned ones lie in one's own areas, else they are refused."""
        return one.id > PLANNED_FROM or inside(one.facility.area_code, self.codes)

    def holds(self, cell: Cell | None) -> bool:
        """Return whether a place may be asked about."""
        return cell is not None and bool(self.cells[cell])


def own_of(store: Store, state: State, changes: Changes) -> Own | None:
    """Return the part that a store of some areas sees; None for one without a limit.

    Raises
    ------
    NotAllowed
        If a change does not lie in its areas.
    """
    if store.areas is None:
        return None
    refuse_elsewhere(store, changes)
    with store.reading() as session:
        return store.recall_large(session, "own part of the study", lambda: _own(session, state, store.areas or ()))


def _own(session: Session, state: State, codes: tuple[str, ...]) -> Own:
    found = areas.find(session, AreaQuery())
    return Own(
        codes=codes, tree=AreaTree(tuple(found), successions(session, PRESENT)),
        cells=cells_within([area for area in found if inside(area.code, codes)], state.study.grid),
        areas=np.array([inside(area.code, codes) for area in state.study.tree.areas], dtype=bool))


@contextmanager
def nobody_named(own: Own | None, service_id: str) -> Iterator[None]:
    """Say of a question without an answer only that it has none: the reason may name facilities of others."""
    try:
        yield
    except Busy:
        raise
    except Unsolvable as error:
        if own is None:
            raise
        raise type(error)(f"service {service_id} has no answer under these changes: no facility that people could use is left") from None


class _LivePart(Part):
    """The figures of a surface as the part of a run tells them."""

    def __init__(self, store: Store, own: Own, service: Service, found: LiveFigures, surface: Surface) -> None:
        """Take rows and cells from figures, where :class:`Part` reads them of a run."""
        self.store, self.service, self.tree = store, service, own.tree
        self.rows = {name: {row.area_code: row for row in rows if inside(row.area_code, own.codes)} for name, rows in found.tables.items()}  # type: ignore[misc]  # the members that are read are the same
        self._gaps = found.gaps_within(surface, service, own.areas)
        self.cells = None
        if found.layout.weights is not None:
            shown = replace(
                surface, micro=np.where(own.cells, surface.micro, NOT_REACHED), nearest=np.where(own.cells, surface.nearest, np.int32(-1)),
                looked=own.cells)
            self.cells = self.cells_of(shown, np.where(own.cells, found.layout.weights, np.nan))

    def gap_figures(self, threshold: str, *, counted: bool) -> dict[str, Any]:
        """Count the gaps; they lie in divisions, so of what has no outline nobody can say."""
        if not self.divisions or self.without_outline:
            return {}
        found = self._gaps[threshold]
        return found if counted else {**found, "gaps_with_people": None, "people_in_gaps": None}


def part_told(store: Store, own: Own, service: Service, found: LiveFigures, surface: Surface) -> dict[str, Any]:
    """Return the sums by limit of what an account sees, and whom they are of."""
    part = _LivePart(store, own, service, found, surface)
    thresholds = {each.id: {**NO_GAPS, **part.figures(each.id)} for each in service.thresholds}
    return {"thresholds": {name: {"p50": None, "p90": None, **figures} for name, figures in thresholds.items()}, "part": part.whose()}
