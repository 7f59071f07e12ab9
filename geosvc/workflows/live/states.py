"""The state of a workspace that answers rest on: read once, until something changes."""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from geosvc.coverage.live import Layout
from geosvc.maps.picture import cells_of_pixels
from geosvc.registry import facilities, layers
from geosvc.registry.moments import PRESENT, today
from geosvc.store.audit import newest_seal
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import reading
from geosvc.workflows.live.crow import Crow
from geosvc.workflows.map_layers import centres_of_people
from geosvc.workflows.study import Study, marks_in_force
from geosvc.workflows.surfaces import Held, field_of, held_of, positions_of, sources_on, start_pace, starts_of, travels
from geosvc.workflows.workspace import study_settings, title_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from geosvc.coverage.services import Service
    from geosvc.geo.crs import BBox
    from geosvc.registry.facilities import Registered
    from geosvc.settings import Settings
    from geosvc.store.engine import Session, Store
    from geosvc.travel import Field, HybridField
    from geosvc.workflows.map_layers import Place
    from geosvc.workflows.surfaces import Sources, Start

_MOST_GROUNDS, _MOST_CROWS = 6, 3
# Labels twice, the pace twice, and change: bytes for each cell of a field that is edited.
_BYTES_A_CELL = 36
# A facility that is dragged leaves a trail of positions.
_MOST_STANDS = 20_000


class Prepared:
    """A study with what all answers on it share; its parts are made by one thread at a time."""

    def __init__(self, study: Study) -> None:
        """Keep the study; nothing is made yet."""
        self.study = study
        self.lock = threading.RLock()
        self._grounds: OrderedDict[tuple[Any, ...], Ground] = OrderedDict()
        self._crows: OrderedDict[str, Crow] = OrderedDict()

    @cached_property
    def layout(self) -> Layout:
        """People and areas, laid out for figures."""
        study = self.study
        return Layout(study.people, study.tree, study.area_of_cell, study.zones, study.grid)

    @cached_property
    def pixels(self) -> NDArray[np.int32]:
        """The cell under every pixel of a picture."""
        return cells_of_pixels(self.study.grid, self.study.area_of_cell >= 0)

    @cached_property
    def bounds(self) -> BBox:
        """West, south, east, north of a picture, degrees."""
        return self.study.grid.bbox_degrees()

    @cached_property
    def centres(self) -> dict[str, Place]:
        """Where the people of each area are centred, by code."""
        return centres_of_people(self.layout)

    @property
    def field_bytes(self) -> int:
        """About how many bytes a field takes."""
        return self.study.grid.rows * self.study.grid.cols * _BYTES_A_CELL

    def ground(self, service: Service) -> Ground:
        """Return the ground of a journey under its conditions; the last few are kept.

        Raises
        ------
        AreaNotFound, InvalidParameter, Unsolvable
        """
        key = (service.profile, service.speed_kmh, service.direction, service.delay_minutes, service.conditions)
        with self.lock:
            if key not in self._grounds:
                self._grounds[key] = Ground(self, key, service)
                while len(self._grounds) > _MOST_GROUNDS:
                    _, old = self._grounds.popitem(last=False)
                    if not any(each.service.conditions == old.service.conditions for each in self._grounds.values()):
                        self.study.forget_conditions(old.service.conditions)
            self._grounds.move_to_end(key)
            return self._grounds[key]

    def crow(self, service_id: str) -> Crow:
        """Return the distances of a service that is measured as the crow flies; those of the last few are kept."""
        with self.lock:
            found = self._crows.pop(service_id, None) or Crow(self.study.grid)
            self._crows[service_id] = found  # the newest last
            while len(self._crows) > _MOST_CROWS:
                self._crows.popitem(last=False)
            return found


@dataclass(frozen=True)
class Stand:
    """What became of a facility: ``used``, ``snapped`` (moved to ground that can be crossed), ``stranded`` or ``outside``.

    ``start`` is None for the last two; ``snapped_m`` is None unless it was moved.
    """

    state: str
    start: Start | None = None
    snapped_m: float | None = None


def _stands_of(service: Service, sources: Sources) -> dict[int, Stand]:
    found = {one: Stand(state) for state in ("stranded", "outside") for one in sources.report[state]}
    moved = {each["facility"]: each["distance_m"] for each in sources.report["snapped"]}
    for each, start in zip(sources.placed, starts_of(service, sources), strict=True):
        found[each.id] = Stand("snapped" if each.id in moved else "used", start, moved.get(each.id))
    return found


class Ground:
    """What people travel over on one kind of journey, and where facilities stand on it."""

    def __init__(self, prepared: Prepared, key: tuple[Any, ...], service: Service) -> None:
        """Make the pace of every cell."""
        study = prepared.study
        self._prepared, self.key, self.service = prepared, key, service
        self.pace = start_pace(study, service)
        profile, walk = travels(study, service)
        self.rides = walk is not None
        self.looked = study.ground_of(walk or profile).has_data()
        self._stands: dict[tuple[float | None, float | None], Stand] = {}

    def stands(self, located: Sequence[Registered]) -> dict[int, Stand]:
        """Return what becomes of each facility on this ground, by its id; each position is looked at once."""
        places = {each.id: (each.facility.lon, each.facility.lat) for each in located}
        known = self._stands
        if len(known) > _MOST_STANDS:
            known = self._stands = {}
        new = [each for each in located if places[each.id] not in known]
        if new:  # facilities do not get in each other's way: those that are new are looked at by themselves
            sources = sources_on(self._prepared.study, new, *positions_of(new), self.pace)
            known.update({places[one]: stand for one, stand in _stands_of(self.service, sources).items()})
        return {one: known[place] for one, place in places.items()}

    def solve(self, starts: list[Start | None]) -> Field | HybridField:
        """Settle a field for these starts."""
        with self._prepared.lock:  # what a study makes when it is asked is made once
            return field_of(self._prepared.study, self.service, self.pace, starts)


class State:
    """The workspace as it is at one moment."""

    def __init__(self, store: Store, prepared: Prepared, study: Study) -> None:
        """Keep them; ``study`` is that of ``prepared`` with the facilities of this moment."""
        self.store, self.prepared, self.study = store, prepared, study
        self._held: dict[str, Held] = {}
        self._lock = threading.RLock()

    def held(self, service_id: str) -> Held:
        """Return what the registry holds of a service.

        Raises
        ------
        ServiceNotFound, DefinitionError
        """
        with self._lock:
            if service_id not in self._held:
                with self.store.reading() as session:
                    self._held[service_id] = held_of(session, service_id)
            return self._held[service_id]

    def baseline(self, service_id: str) -> str | None:
        """Return the newest run of a service if nothing it rests on has changed since."""
        entry = reading.service_entry(self.store, service_id)  # the store remembers it until something changes
        return entry["run"] if entry["run"] is not None and not entry["changed_since"] else None


class States:
    """Tells the state of a workspace: what is kept answers until a change is recorded.

    Every change makes a line of the audit log, and the seal of the last line is read for each question. Where
    only facilities have changed, the ground, the people and the areas stay.
    """

    def __init__(self, settings: Settings, changed: Callable[[Prepared], None]) -> None:
        """``changed`` is told of a study that takes the place of another."""
        self._settings, self._changed = settings, changed
        self._lock = threading.Lock()
        self._state: tuple[Any, State] | None = None
        self._prepared: tuple[Any, Prepared] | None = None

    def is_present(self, prepared: Prepared) -> bool:
        """Return whether no other study has taken the place of this one."""
        known = self._prepared
        return known is not None and known[1] is prepared

    def now(self, store: Store) -> State:
        """Return the state of the workspace."""
        with store.reading() as session:
            seal = (newest_seal(session), today())
            known = self._state
            if known is not None and known[0] == seal:
                return known[1]
            with self._lock:
                known = self._state
                if known is None or known[0] != seal:
                    self._state = known = seal, self._read(store, session)
                return known[1]

    def _read(self, store: Store, session: Session) -> State:
        mark = _mark_of_study(store, session)
        known = self._prepared
        if known is None or known[0] != mark:
            study = Study(store, self._settings)
            study.inputs()  # what all copies share is made before they are
            self._prepared = known = mark, Prepared(study)
            self._changed(known[1])
        prepared = known[1]
        study = copy.copy(prepared.study)  # shares all that was made of ground, people and areas
        study.to_be_located = facilities.count(session, FacilityQuery(located=False))
        return State(store, prepared, study)


def _mark_of_study(store: Store, session: Session) -> Any:
    """Return what a study rests on beside facilities: areas, people, layers, its grid."""
    held = sorted((each.kind, each.sha256, str(each.folder)) for each in layers.find(store, session))
    return (marks_in_force(session, PRESENT), held, study_settings(session), title_of(session), today())
