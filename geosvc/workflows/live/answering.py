"""What a service would answer under changes, at once."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from geosvc.coverage.changes import NO_CHANGES, PLANNED_FROM
from geosvc.coverage.live import live_figures
from geosvc.errors import InvalidParameter
from geosvc.maps.picture import step_of
from geosvc.store.scope import inside
from geosvc.workflows import reading
from geosvc.workflows.live.explaining import answer_at, cell_at, place_told
from geosvc.workflows.live.fields import MB, Fields
from geosvc.workflows.live.journeys import journeys_of
from geosvc.workflows.live.lanes import Lanes
from geosvc.workflows.live.part import nobody_named, own_of, part_told
from geosvc.workflows.live.pictures import picture_told
from geosvc.workflows.live.states import States
from geosvc.workflows.measuring import question_of
from geosvc.workflows.part_of_run import curves_of_part, gaps_untold

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from geosvc.coverage.changes import Changes
    from geosvc.coverage.curves import GapCurve
    from geosvc.coverage.live import LiveFigures
    from geosvc.coverage.measure import CoverageFigures
    from geosvc.settings import Settings
    from geosvc.store.engine import Store
    from geosvc.workflows.live.journeys import Journey
    from geosvc.workflows.live.part import Own
    from geosvc.workflows.live.states import Prepared, State
    from geosvc.workflows.map_layers import Place
    from geosvc.workflows.measuring import Question

PARTS = ("figures", "areas", "curve", "gaps", "picture")
_MOST_WAITING, _WAIT_SECONDS = 32, 10.0


class Live:
    """The live what-if of one server: what it keeps between questions, and how many it works on at once."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is read before the first question."""
        at_once = max(2, os.cpu_count() or 1)
        self._beside = ThreadPoolExecutor(at_once, thread_name_prefix="what-if")
        self._lanes = Lanes(at_once, waiting=_MOST_WAITING, seconds=_WAIT_SECONDS)
        self.fields = Fields(settings.what_if_mb * MB)
        self._states = States(settings, self._forget_others)

    def _forget_others(self, prepared: Prepared) -> None:
        self.fields.keep_only(lambda key: key[0] is prepared)  # type: ignore[index]  # as journeys make it

    @contextmanager
    def _at_work(self, store: Store) -> Iterator[State]:
        """Wait for a turn, and give the state of the workspace; what was kept of one that is gone meanwhile goes too."""
        with self._lanes.turn():
            state = self.state(store)
            try:
                yield state
            finally:
                if not self._states.is_present(state.prepared):
                    self.fields.keep_only(lambda key: key[0] is not state.prepared)  # type: ignore[index]

    def state(self, store: Store) -> State:
        """Return the workspace as it is now, with all that is made of it once."""
        return self._states.now(store.everywhere())

    def centres(self, store: Store) -> dict[str, Place]:
        """Return where the people of each area are centred now, by code: (longitude, latitude) in degrees.

        Raises
        ------
        NoStudyArea
        Busy
            If too much is asked at once.
        """
        with self._at_work(store) as state:
            return state.prepared.centres

    def what_if(
        self, store: Store, service_id: str, changes: Changes, parts: Collection[str] = PARTS, *, since: str | None = None
    ) -> dict[str, Any]:
        """Return what a service would answer under changes, as plain data; nothing is stored.

        Parameters
        ----------
        store : Store
            As the person who asks may see it.
        service_id : str
        changes : Changes
        parts : collection of str
            Which of :data:`PARTS` are wanted beside the facilities and the runs. ``gaps`` are those of every limit,
            told in the curve; they take as long as all the rest. Those of the service's own limits are figures.
        since : str, optional
            A run whose picture is known: only what differs from it is drawn, and ``box`` says where.

        Raises
        ------
        ServiceNotFound, NoFacility, NoStudyArea, InvalidParameter, AreaNotFound, Unsolvable
        NotAllowed
            If an account of some areas asks for changes elsewhere. It is told what it may see, and ``part`` says so.
        Busy
            If too much is asked at once.
        """
        unknown = sorted(set(parts) - set(PARTS))
        if unknown:
            raise InvalidParameter(f"parts must be some of {', '.join(PARTS)}; got {', '.join(map(repr, unknown))}")
        with self._at_work(store) as state:
            own = own_of(store, state, changes)
            with nobody_named(own, service_id):
                asked = question_of(state.study, service_id, changes=changes, held=state.held(service_id))
                return self._answer(store, state, asked, changes, set(parts), own, since)

    def explain(self, store: Store, service_id: str, lon: float, lat: float, changes: Changes = NO_CHANGES) -> dict[str, Any]:
        """Return why a place has the time it has under changes: nearest facility, legs, the second nearest, who lives there.

        Parameters
        ----------
        store : Store
            As the person who asks may see it.
        service_id : str
        lon, lat : float
            Degrees.
        changes : Changes

        Raises
        ------
        ServiceNotFound, NoFacility, NoStudyArea, InvalidParameter, AreaNotFound, Unsolvable
        NotAllowed
            If an account of some areas asks for changes elsewhere; a place elsewhere is ``outside``.
        Busy
            If too much is asked at once.
        """
        with self._at_work(store) as state, nobody_named(own := own_of(store, state, changes), service_id):
            cell = cell_at(state.study.grid, lon, lat)
            if own is not None and not own.holds(cell):
                cell = None
            asked = question_of(state.study, service_id, changes=changes, held=state.held(service_id))
            service = asked.service
            with ExitStack() as used:
                surface, journeys = journeys_of(self.fields, state, asked, changes, used)
                told = answer_at(surface, journeys, service, cell, state.prepared, None if own is None else own.sees)
            return {"service": service.id, "unit": service.shown_unit, "conditions": list(service.conditions), "run": asked.run_id,
                    "lon": lon, "lat": lat, **place_told(state, cell), **told}

    def _answer(
        self, store: Store, state: State, asked: Question, changes: Changes, parts: set[str], own: Own | None, since: str | None
    ) -> dict[str, Any]:
        service = asked.service
        with ExitStack() as used:
            surface, journeys = journeys_of(self.fields, state, asked, changes, used)
            # What is kept is edited by the next question: all that is read of it is read here.
            answer = {
                "service": service.id, "unit": service.shown_unit, "changes": changes.as_dict(),
                "limits": [reading.threshold_entry(service, each.id) for each in service.thresholds],
                "conditions": list(service.conditions), "baseline_run": state.baseline(service.id), "run": asked.run_id,
                "facilities": _told(journeys[0], own),
                "to_be_located": [each.id for each in asked.missing if own is None or own.sees(each)],
                "then": None if len(journeys) == 1 else {
                    "service": journeys[1].service.id, "facilities": _told(journeys[1], own)},
            }
        if parts:
            by_area = "areas" in parts or own is not None
            figures = live_figures(state.prepared.layout, surface, service, step=step_of(service), by_area=by_area)
            # The gaps of every limit take as long as all the rest, and leave Python's lock alone.
            gaps = self._beside.submit(figures.gap_curve, None if own is None else own.areas) if "gaps" in parts else None
            answer |= _figures_told(figures, parts)
            if "picture" in parts:
                answer["picture"] = picture_told(store, service, figures, state.prepared, own, since)
            found = None if gaps is None else gaps.result()
            if parts & {"curve", "gaps"}:
                answer["curve"] = figures.curves(found).as_dict()
            if own is not None:
                answer |= _limited(answer, own, part_told(store, own, service, figures, surface), found)
        return answer


def _limited(answer: dict[str, Any], own: Own, told: dict[str, Any], gaps: GapCurve | None) -> dict[str, Any]:
    """Return those members of an answer that are of the whole study, as an account of some areas may see them."""
    found = {"part": told["part"]}
    if "thresholds" in answer:
        found["thresholds"] = told["thresholds"]
    if "areas" in answer:
        found["areas"] = [each for each in answer["areas"] if inside(each["code"], own.codes)]
    if "curve" in answer:
        curve = answer["curve"]
        seen = {each["code"] for each in curve["areas"] if inside(each["code"], own.codes)}
        found["curve"] = curves_of_part(curve, seen, told["part"], None if gaps_untold(told["thresholds"]) else gaps)
    return found


def _told(journey: Journey, own: Own | None) -> list[dict[str, Any]]:
    """Return the facilities of a journey and what became of each; to an account of some areas those that it sees."""
    moved = {each.facility for each in journey.changes.move}
    return [
        {"id": each.id, "name": each.facility.name, "lon": each.facility.lon, "lat": each.facility.lat,
         "class_code": each.facility.class_code, "planned": each.id > PLANNED_FROM, "moved": each.id in moved,
         "state": journey.stands[each.id].state, "snapped_m": journey.stands[each.id].snapped_m}
        for each in journey.located if own is None or own.sees(each)
    ]


def _figures_told(figures: LiveFigures, parts: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    tables = figures.tables
    if "figures" in parts:
        found["thresholds"] = {name: {"people": rows[0].people, "km2": rows[0].km2, **rows[0].figures, **figures.gaps[name]} for name, rows in tables.items()}
    if "areas" in parts:
        found["areas"] = [_area(dict(zip(tables, rows, strict=True))) for rows in zip(*tables.values(), strict=True)]
    return found


def _area(rows: dict[str, CoverageFigures]) -> dict[str, Any]:
    """Return the rows of one area, by limit, as one; percentiles are of no limit."""
    first = next(iter(rows.values()))
    return {
        "code": first.area_code, "name": first.name, "level": first.level,
        "people_total": None if first.people is None else sum(first.people.values()),
        "p50": first.figures.get("p50"), "p90": first.figures.get("p90"),
        "thresholds": {name: {"people": row.people, "km2": row.km2, "share": row.figures["share"]} for name, row in rows.items()},
    }
