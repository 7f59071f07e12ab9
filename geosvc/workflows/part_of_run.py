"""What a run says of some areas: never a part shown as the whole, never the whole shown to who has a part.

Sums are those of the run's own table. A percentile is not a sum: where several areas are told
together it is computed from their cells and the people in them, and only if these give every sum
of the table; else it is not shown.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.coverage import services
from geosvc.coverage.changes import changes_from
from geosvc.coverage.curves import gap_curve, levels_of, total_curve
from geosvc.coverage.measure import histogram, shares, weighted_quantiles
from geosvc.coverage.people import People
from geosvc.coverage.states import CoverageState
from geosvc.coverage.tree import AreaTree
from geosvc.errors import RunNotFound
from geosvc.geo.grid import MICRO
from geosvc.registry import areas, facilities
from geosvc.registry.areas import ZONE, title_of_names
from geosvc.registry.successions import successions
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery
from geosvc.store.runs import TRIAL, GapQuery, select_coverage, select_gaps
from geosvc.store.scenarios import select_names_of_run
from geosvc.store.scope import inside
from geosvc.workflows.measuring import CURVES_FILE
from geosvc.workflows.notes import notes_for_a_part, notes_of_scenarios
from geosvc.workflows.run_files import (
    areas_seen,
    changes_seen,
    changes_within,
    counted_in,
    facilities_seen,
    file_of,
    surface_of_run,
    times_of,
)
from geosvc.workflows.surfaces import marks_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from geosvc.coverage.changes import Changes
    from geosvc.coverage.curves import GapCurve
    from geosvc.coverage.services import Service
    from geosvc.geo.grid import Surface
    from geosvc.registry.areas import Area
    from geosvc.store.engine import Session, Store
    from geosvc.store.runs import CoverageRow, GapRow, RunRow

_PERCENTILES = {"p50": 0.5, "p90": 0.9}
_STATES = tuple(state.word for state in CoverageState)


def told_of(store: Store, session: Session, run: RunRow) -> dict[str, Any]:
    """Return the inputs, notes and summary of a run as a store may tell them.

    For a store of some areas there is a ``part`` as well: ``areas`` (code and name) whom the figures
    are of, ``beside`` those that are not in the sums (zones that may overlap, divisions whose people are unknown), ``without_outline`` those of
    which no map can be drawn, ``not_shown`` the figures that cannot be told of these areas alone.
    What is given back is shared: copy it before changing it.
    """
    if store.areas is None:
        return {"inputs": run.inputs, "notes": _with_scenarios(session, run), "summary": run.summary}
    return store.recall(session, ("part of run", run.id), lambda: Part(store, session, run).told())


def curves_of(store: Store, run: RunRow) -> dict[str, Any]:
    """Return what every limit would give by a run: :class:`geosvc.coverage.curves.Curves` as JSON holds it.

    A store of some areas is told those of its areas, and as the total what its areas add up to, where they do; ``gaps``
    are those of its areas, None where one of them has no outline.

    Raises
    ------
    RunNotFound
        If the files of the run are gone, or were written before curves were.
    """
    found: dict[str, Any] = json.loads(file_of(store, run, CURVES_FILE).read_text(encoding="utf-8"))
    if store.areas is None:
        return found
    with store.reading() as session:
        told = told_of(store, session, run)
        own = areas_seen(store, session, run)
        gaps = None if gaps_untold(told["summary"]["thresholds"]) else store.recall(
            session, ("gaps of part", run.id), lambda: _gap_curve_of(store, run, own, found["step"]))
    return curves_of_part(found, {area.code for area in own}, told["part"], gaps)


def _gap_curve_of(store: Store, run: RunRow, own: Sequence[Area], step: float) -> GapCurve:
    """Return the gaps of some areas by a run; each lies in one of them, as those of the whole do."""
    surface, people, _study = surface_of_run(store, run)
    service = services.service_from(run.parameters["service"])
    return gap_curve(
        levels_of(surface, step * service.units_per_shown), AreaTree(tuple(own)).area_of_cell(surface.grid),
        None if people is None else np.nan_to_num(people))


def gaps_untold(thresholds: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether nobody can say how many gaps a part has, by its figures at each limit."""
    return any(each["gaps"] is None for each in thresholds.values())


def curves_of_part(told: dict[str, Any], seen: Container[str], part: dict[str, Any], gaps: GapCurve | None) -> dict[str, Any]:
    """Return of curves those of the areas that are seen, after what they add up to; ``part`` says which these are."""
    own = [each for each in told["areas"] if each["code"] in seen]
    total = total_curve(own, [each["code"] for each in part["areas"]])
    return {**told, "areas": own if total is None else [total, *own], "gaps": None if gaps is None else asdict(gaps)}


def _with_scenarios(session: Session, run: RunRow) -> list[Any]:
    """Return the notes of a run; those of a trial name the scenarios that it answers, as they are called now."""
    names = select_names_of_run(session, run.id) if run.sequence == TRIAL else ()
    return notes_of_scenarios(run.notes, names) if names else run.notes


@dataclass
class Part:
    """A run as somebody of some areas may know it."""

    store: Store
    session: Session
    run: RunRow

    @cached_property
    def service(self) -> Service:
        """The service as the run asked it."""
        return services.service_from(self.run.parameters["service"])

    @cached_property
    def rows(self) -> dict[str, dict[str, CoverageRow]]:
        """The rows by threshold and code; the session leaves out those of others."""
        found: dict[str, dict[str, CoverageRow]] = {each.id: {} for each in self.service.thresholds}
        for row in select_coverage(self.session, self.run.id):
            found[row.threshold][row.area_code] = row
        return found

    @cached_property
    def first(self) -> dict[str, CoverageRow]:
        """The rows of the first limit."""
        return self.rows[self.service.thresholds[0].id]

    @cached_property
    def tree(self) -> AreaTree:
        """The areas that are seen, as they were for the run."""
        times = times_of(self.run)
        found = areas.find(self.session, AreaQuery(valid_at=times.valid_at, recorded_at=times.recorded_at))
        return AreaTree(tuple(found), successions(self.session, times))

    @cached_property
    def divisions(self) -> list[str]:
        """The highest divisions that are told: nobody lives in two of them."""
        told = {code for code, row in self.first.items() if row.level != ZONE}
        return [code for code in self.first if code in told and not told.intersection(self._above(code))]

    def _above(self, code: str) -> list[str]:
        place = self.tree.index.get(code)
        return [] if place is None else [self.tree.areas[i].code for i in self.tree.ancestors(place)[1:]]

    @cached_property
    def summed(self) -> list[str]:
        """The codes whose rows add up to all that is told; none where zones overlap as they like.

        A zone of just these divisions has a row that says it of them all.
        """
        zones = [code for code, row in self.first.items() if row.level == ZONE]
        of_them_all = [zone for zone in zones if self.divisions and self._parts(zone) == set(self.divisions)]
        if len(self.divisions) > 1 and of_them_all:
            return of_them_all[:1]
        counted = [code for code in self.divisions if code not in self.uncounted]
        return counted or (zones if len(zones) == 1 and not self.divisions else [])

    @cached_property
    def uncounted(self) -> list[str]:
        """Divisions without outline and people: nobody could be put there, so how many there are is unknown and not 0."""
        shapes = {area.code: area.geometry for area in self.tree.areas}
        people = {code: self.first[code].people for code in self.divisions}
        return [code for code in self.divisions if shapes.get(code) is None and people[code] and not sum(people[code].values())]

    def _parts(self, zone: str) -> set[str]:
        parts = self.tree.zone_parts.get(self.tree.index.get(zone, -1)) or ()
        return {self.tree.areas[part].code for part in parts}

    @cached_property
    def beside(self) -> list[str]:
        """Zones that are in the table and whose people may not all be in the sums."""
        return [code for code, row in self.first.items()
                if row.level == ZONE and code not in self.summed and not self._parts(code)]

    @cached_property
    def without_outline(self) -> list[str]:
        """Divisions of which no map can be drawn."""
        shapes = {area.code: area.geometry for area in self.tree.areas}
        return [code for code in (self.divisions or self.summed) if shapes.get(code) is None]

    @cached_property
    def cells(self) -> _Cells | None:
        """The cells and people of the part, where they give every sum of the table; else None."""
        try:
            surface, people, _study = surface_of_run(self.store, self.run)
        except RunNotFound:
            return None
        return None if people is None else self.cells_of(surface, people)

    def cells_of(self, surface: Surface, people: NDArray[np.float64]) -> _Cells | None:
        """Return the cells of a surface with the people in them (NaN outside of the part), where they give every sum of the table."""
        if not self.summed or self.beside:
            return None
        found = _Cells(surface, people, self.service)
        return found if all(found.agrees(self.service.limit_of(each), self._people(each.id)) for each in self.service.thresholds) else None

    # -- what is told ------------------------------------------------------------------------

    def told(self) -> dict[str, Any]:
        """Return inputs, notes, summary and whose they are."""
        summary, not_shown = self._summary()
        part = {**self.whose(), "not_shown": not_shown}
        return {"inputs": self._inputs(), "notes": [*self._own_notes(), *notes_for_a_part(self.run.notes, self.service, self._reaches)],
                "summary": summary, "part": part}

    def whose(self) -> dict[str, list[dict[str, str]]]:
        """Return whom the figures are of, who is beside the sums, and of whom no map can be drawn."""
        return {"areas": self._named(self.summed), "beside": self._named([*self.uncounted, *self.beside]),
                "without_outline": self._named(self.without_outline)}

    def _reaches(self, code: str) -> bool:
        return inside(code, self.store.areas or ())

    def _named(self, codes: Iterable[str]) -> list[dict[str, str]]:
        return [{"code": code, "name": self.first[code].name} for code in codes]

    @property
    def title(self) -> str:
        """The names of the areas."""
        return title_of_names([self.first[code].name for code in self.summed or self.first])

    def _own_notes(self) -> list[dict[str, str]]:
        notes = [_note("part_of_study", f"仅含{self.title}的结果，不是全部研究范围", f"Only of {self.title}, not of the whole study")
                 if self.first else
                 _note("no_part_of_study", "本次计算中没有您所辖的区域", "None of the areas of this account is in this run")]
        if self.without_outline:
            names = title_of_names([self.first[code].name for code in self.without_outline])
            notes.append(_note("areas_without_outline", f"{names}没有登记边界：不显示时间面、等时圈、服务范围和未覆盖区",
                               f"No outline of {names} is registered: no surface, isochrones, catchments and gaps are shown of it"))
        if self.uncounted:
            names = title_of_names([self.first[code].name for code in self.uncounted])
            notes.append(_note("areas_without_people", f"{names}的人口未知，不在合计中", f"The people of {names} are unknown and not in the sums"))
        if self.beside:
            names = title_of_names([self.first[code].name for code in self.beside])
            notes.append(_note("zones_beside", f"{names}可能与其他区域重叠，未计入合计", f"{names} may overlap other areas and is not in the sums"))
        return notes

    def _summary(self) -> tuple[dict[str, Any], list[str]]:
        found, not_shown = dict(self.run.summary), []
        thresholds = {each.id: self.figures(each.id) for each in self.service.thresholds}
        people = thresholds[self.service.thresholds[0].id]["people"]
        if people is None and self.run.summary["people_total"] is not None:
            not_shown.append("people")
        not_shown += [name for name in (*_PERCENTILES, "gaps") if any(name not in each for each in thresholds.values())]
        curve = None if people is None or self.cells is None else self.cells.curve(found["curve"])
        if curve is None:
            not_shown.append("curve")
        if found["verdict"] is not None:
            not_shown.append("verdict")
            found["verdict"] = {"given": False, "reason": "part_of_study", "people_of_unknown_class": None}
        return {
            **found, "title": self.title, "people_total": None if people is None else sum(people.values()), "people_moved": None,
            "facilities": self._facilities(), "curve": {**found["curve"], "people": curve},
            "thresholds": {name: {**NO_GAPS, **each} for name, each in thresholds.items()},
        }, not_shown

    def _people(self, threshold: str) -> dict[str, float] | None:
        return _added([self.rows[threshold][code].people for code in self.summed])

    def figures(self, threshold: str) -> dict[str, Any]:
        """Return people, km2, shares, percentiles and gaps of one limit; a figure that cannot be told of the part is not among them."""
        people = self._people(threshold)
        figures: dict[str, Any] = {
            "people": people, "km2": _added([self.rows[threshold][code].km2 for code in self.summed]), "share": shares(people)}
        if people is not None and len(self.summed) == 1:
            own = self.rows[threshold][self.summed[0]].figures
            figures |= {name: own[name] for name in _PERCENTILES if name in own}
        elif people is not None and self.cells is not None:
            figures |= self.cells.percentiles()
        return {**figures, **self.gap_figures(threshold, counted=people is not None)}

    def gap_figures(self, threshold: str, *, counted: bool) -> dict[str, Any]:
        """Count the gaps; they lie in divisions, so of what has no outline nobody can say."""
        if not self.divisions or self.without_outline:
            return {}
        gaps = select_gaps(self.session, GapQuery(run_id=self.run.id, threshold=threshold))
        return {
            "gaps": len(gaps),
            "gaps_with_people": sum((each.people or 0.0) > 0 for each in gaps) if counted else None,
            "people_in_gaps": float(sum(each.people or 0.0 for each in gaps)) if counted else None,
            "largest_gap_people": _largest(gaps),
        }

    # -- facilities and inputs ---------------------------------------------------------------

    @cached_property
    def seen(self) -> set[int]:
        """Ids of the facilities that counted and may be named."""
        return set(facilities_seen(self.session, self.run))

    @cached_property
    def to_be_located(self) -> set[int]:
        """Ids of those seen that have no position."""
        return {one for one, _revision in marks_of(self.session, self.service, located=False, as_of=times_of(self.run))}

    @cached_property
    def to_be_located_in_registry(self) -> int:
        """How many facilities that are seen have no position."""
        times = times_of(self.run)
        return facilities.count(self.session, FacilityQuery(located=False, valid_at=times.valid_at, recorded_at=times.recorded_at))

    @cached_property
    def seen_after(self) -> set[int]:
        """Ids of the facilities of the onward journey that may be named."""
        then = self.run.inputs.get("then")
        if not then:
            return set()
        return {each.id for each in counted_in(
            self.session, services.service_from(then["service"]), then["facilities"], self._within(then.get("changes", {})))}

    def _within(self, changes: dict[str, Any]) -> Changes:
        return changes_within(self.session, changes_from(changes), times_of(self.run))

    def _facilities(self) -> dict[str, Any]:
        told = self.run.summary["facilities"]
        found = {
            **_only(told, self.seen), "to_be_located_in_registry": self.to_be_located_in_registry,
            "to_be_located": sum(one in self.to_be_located for one in self.run.inputs["to_be_located"]),
        }
        if "then" in told:
            found["then"] = _only(told["then"], self.seen_after)
        return found

    def _inputs(self) -> dict[str, Any]:
        inputs = self.run.inputs
        found = {
            **inputs, "title": self.title, "to_be_located_in_registry": self.to_be_located_in_registry,
            "facilities": [each for each in inputs["facilities"] if each[0] in self.seen],
            "to_be_located": [one for one in inputs["to_be_located"] if one in self.to_be_located],
        }
        if "changes" in inputs:
            found["changes"] = changes_seen(self.session, self.run).as_dict()
        if inputs.get("then"):
            then = inputs["then"]
            told = {"changes": self._within(then["changes"]).as_dict()} if "changes" in then else {}
            found["then"] = {**then, **told, "facilities": [each for each in then["facilities"] if each[0] in self.seen_after]}
        if "became" in inputs:
            found["became"] = [each for each in inputs["became"] if self._reaches(each[0]) or self._reaches(each[1])]
        return found


NO_GAPS = {"gaps": None, "gaps_with_people": None, "people_in_gaps": None, "largest_gap_people": None}


class _Cells:
    """The people of a part by cell, with how far they are."""

    def __init__(self, surface: Surface, people: NDArray[np.float64], service: Service) -> None:
        row, col = np.nonzero(people > 0)  # NaN, which is outside of the part, is not
        self.surface, self.service = surface, service
        self.people = People(
            row=row.astype(np.int64), col=col.astype(np.int64), count=people[row, col], area=np.zeros(len(row), dtype=np.int32))
        self.micro = surface.micro[row, col]

    def agrees(self, limit: float, told: dict[str, float] | None) -> bool:
        """Return whether the cells give every sum of a row of the table."""
        if told is None:
            return False
        covered = self.surface.within(limit)[self.people.row, self.people.col]
        reached = self.micro >= 0
        found = {"covered": covered, "beyond": reached & ~covered, "unreachable": ~reached}
        sums = {state: float(self.people.count[here].sum()) for state, here in found.items()}
        return all(math.isclose(sums.get(state, 0.0), told[state], rel_tol=1e-9, abs_tol=1e-6) for state in _STATES)

    def percentiles(self) -> dict[str, float | None]:
        """Return P50 and P90 in the shown unit; None where that many cannot get there at all."""
        shown = np.where(self.micro >= 0, self.micro / (MICRO * self.service.units_per_shown), np.inf)
        found = weighted_quantiles(shown, self.people.count, tuple(_PERCENTILES.values()))
        return {name: value if value is not None and np.isfinite(value) else None for name, value in zip(_PERCENTILES, found, strict=True)}

    def curve(self, whole: dict[str, Any]) -> list[float] | None:
        """Return the people by distance, in the steps of the run's own curve."""
        if whole["people"] is None:
            return None
        step = whole["step"] * self.service.units_per_shown
        return histogram(self.surface, self.people, step=step, steps=len(whole["people"]) - 1)


def _added(amounts: Sequence[dict[str, Any]]) -> dict[str, float] | None:
    """Return amounts by state added up; None where one of them is unknown, or there are none."""
    if not amounts or not all(amounts):
        return None
    return {state: sum(each[state] for each in amounts) for state in amounts[0]}


def _only(told: dict[str, Any], seen: set[int]) -> dict[str, Any]:
    """Return what became of facilities on the grid, of those that are seen."""
    found = {name: [each for each in value if (each["facility"] if isinstance(each, dict) else each) in seen]
             if isinstance(value, list) else value for name, value in told.items()}
    return {**found, "used": len(found["ids"])}


def _largest(gaps: Sequence[GapRow]) -> float | None:
    return gaps[0].people if gaps else None


def _note(code: str, zh: str, en: str) -> dict[str, str]:
    return {"code": code, "zh": zh, "en": en}
