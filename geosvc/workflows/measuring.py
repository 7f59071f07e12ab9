"""Answering a service: surface, coverage, gaps, and the record that names what they rest on."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geosvc import __version__
from geosvc.coverage.changes import NO_CHANGES, Changes
from geosvc.coverage.curves import curves
from geosvc.coverage.gaps import Gap, find_gaps
from geosvc.coverage.measure import CoverageFigures, histogram, measure, settlement_verdict
from geosvc.coverage.people import weights_by_cell
from geosvc.errors import NoFacility, StoreError
from geosvc.geo.grid import Surface
from geosvc.geo.raster import write_geotiff
from geosvc.maps.picture import step_of, write_picture
from geosvc.registry.facilities import Registered
from geosvc.registry.moments import now
from geosvc.store.partial import partial_folder
from geosvc.store.runs import TRIAL, CoverageRow, GapRow, RunRow, delete_run, latest_run, next_sequence
from geosvc.travel.conditions import all_asked
from geosvc.travel.profiles import travel_profiles
from geosvc.workflows.conditions import record_of
from geosvc.workflows.notes import notes_of, scenario_notes
from geosvc.workflows.surfaces import (
    NEIGHBOURS,
    RIDES,
    Held,
    Sources,
    Variation,
    all_closed,
    held_of,
    nobody,
    onward_changes,
    profiles_of,
    surface_of,
)

if TYPE_CHECKING:
    from geosvc.coverage.services import Service
    from geosvc.store.engine import Session, Store
    from geosvc.workflows.study import Study

Progress = Callable[[float, str], None]
SURFACE_FILE, PEOPLE_FILE, CURVES_FILE = "surface.tif", "people.tif", "curves.json"
_ID_LENGTH = 12
# Raise it with every change that changes a number: an old run must not answer for a new method.
METHOD = 13
# The curve of people by distance goes this far beyond the largest threshold.
_CURVE_STEPS = 240
_CURVE_TIMES_LIMIT = 2.0


def measure_service(
    study: Study, service_id: str, *, speed_kmh: float | None = None, conditions: Sequence[str] = (),
    changes: Changes = NO_CHANGES, progress: Progress | None = None,
) -> RunRow:
    """Answer one service and store the run; the same question on the same data is not asked twice.

    Parameters
    ----------
    study : Study
    service_id : str
    speed_kmh : float, optional
        In place of the service's own pace, on foot or by bicycle. The run is a trial: it is
        found by its id and never becomes the answer of the service.
    conditions : sequence of str
        Conditions of travel beside the service's own, such as ``winter`` or
        ``flood@220622100``; such a run is a trial too.
    changes : Changes
        Those of a scenario; where they concern the service, its run is a trial too.
    progress : callable, optional
        Called with the done share (0 to 1) and what is being done.

    Raises
    ------
    ServiceNotFound
    NoFacility
        If no facility of the service has a usable position.
    NoStudyArea
        If nothing says where to look.
    InvalidParameter, AreaNotFound, Unsolvable
        If a condition is unknown, names no area of the study, or would change nothing.
    """
    tell = progress or (lambda _share, _text: None)
    asked = question_of(study, service_id, speed_kmh=speed_kmh, conditions=conditions, changes=changes)
    service, located, missing, inputs = asked.service, asked.located, asked.missing, asked.inputs
    trial = asked.trial or not study.as_of.is_present
    known = _reuse(study, asked.run_id, trial=trial)
    if known is not None:
        return known
    tell(0.1, "ground")
    surface, sources = surface_of(study, service, located, Variation(changes=changes))
    tell(0.5, "people")
    people = study.people
    tables: dict[str, list[CoverageFigures]] = {}
    gaps: dict[str, list[Gap]] = {}
    for number, threshold in enumerate(service.thresholds):
        tell(0.6 + 0.3 * number / len(service.thresholds), "coverage")
        tables[threshold.id] = measure(
            surface, service, threshold, people=people, tree=study.tree, area_of_cell=study.area_of_cell,
            zones=study.zones,
        )
        gaps[threshold.id] = find_gaps(
            surface, service, threshold, people=people, tree=study.tree, area_of_cell=study.area_of_cell
        )
    tell(0.9, "store")
    run = RunRow(
        id=asked.run_id, sequence=0, service_id=service.id, created_at=now(), version=__version__,
        checksum=asked.checksum, **_times(study), marks=study.marks, parameters={
            "service": service.as_dict(), "neighbours": NEIGHBOURS, "rides": RIDES, "conditions": list(service.conditions),
            **({"changes": asked.changes.as_dict()} if asked.changes else {})},
        inputs=inputs, notes=[*scenario_notes(asked.changes, onward_changes(inputs)), *notes_of(study, service, sources)],
        summary=_summary(study, service, surface, sources, tables, gaps, missing),
    )
    _store(study, run, service, surface, sources, tables, gaps, trial=trial)
    tell(1.0, "done")
    return run


def part_of(tell: Progress, place: int, of: int, name: str = "") -> Progress:
    """Return what tells the progress of one of several pieces of work as a part of the whole; ``name`` stands before its steps."""
    return lambda share, step: tell((place + share) / of, f"{name}: {step}" if name else step)


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked of a study; ``run_id`` names the run that answers, stored or not.

    A ``trial`` differs from what its service declares.
    """

    service: Service
    located: list[Registered]
    missing: list[Registered]
    inputs: dict[str, Any]
    trial: bool
    changes: Changes = NO_CHANGES

    @property
    def checksum(self) -> str:
        """SHA-256 of everything that goes in."""
        return hashlib.sha256(json.dumps(self.inputs, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    @property
    def run_id(self) -> str:
        """The beginning of the checksum."""
        return self.checksum[:_ID_LENGTH]


def question_of(
    study: Study, service_id: str, *, speed_kmh: float | None = None, conditions: Sequence[str] = (),
    changes: Changes = NO_CHANGES, held: Held | None = None,
) -> Question:
    """Return what :func:`measure_service` would answer, without answering it.

    ``held`` is what the registry holds of the service, where the caller has read it already.

    Raises
    ------
    ServiceNotFound, NoFacility, NoStudyArea, InvalidParameter, AreaNotFound, Unsolvable
    """
    if held is None:
        with study.store.reading() as session:
            held = held_of(session, service_id, study.as_of)
    declared = held.service
    service = declared.at_speed(speed_kmh).under((*conditions, *conditions_for(declared, changes)))
    here = held.concerned(changes)
    located, missing = held.under(here)
    after = held.onward_inputs(service.conditions, changes)
    if not located:
        raise NoFacility(all_closed(service, held.located) if held.located else nobody(service, missing))
    inputs = _inputs(study, service, located, missing) | ({} if after is None else {"then": after})
    inputs |= {"changes": here.as_dict()} if here else {}
    return Question(
        service=service, located=located, missing=missing, inputs=inputs,
        trial=speed_kmh is not None or service.conditions != declared.conditions or bool(here) or "changes" in (after or {}),
        changes=here,
    )


def conditions_for(service: Service, changes: Changes) -> tuple[str, ...]:
    """Return those of a scenario's conditions that those who travel for a service feel; the others change nothing for it."""
    if service.profile is None:
        return ()
    profile = travel_profiles()[service.profile]
    feel = {profile.rides} | ({"walk"} if profile.on_foot else set())
    return tuple(str(one) for one in all_asked(changes.asked_conditions) if feel & set(one.condition.touches))


def _times(study: Study) -> dict[str, str | None]:
    """Return for when a run is asked; of the present both are None."""
    as_of = study.as_of
    return {"valid_at": None, "known_at": None} if as_of.is_present else {"valid_at": as_of.valid_at, "known_at": as_of.recorded_at}


def _inputs(study: Study, service: Service, located: list[Registered], missing: list[Registered]) -> dict[str, Any]:
    return {
        "version": __version__,
        "method": METHOD,
        "service": service.as_dict(),
        **profiles_of(service),
        "conditions": record_of(service.conditions),
        "facilities": [[each.id, each.content_revision] for each in located],
        "to_be_located": [each.id for each in missing],
        "title": study.title,
        "to_be_located_in_registry": study.to_be_located,
        "neighbours": NEIGHBOURS,
        "rides": RIDES,
        **study.inputs(),
    }


def is_stored(store: Store, run_id: str) -> bool:
    """Return whether a run is there with its files."""
    with store.reading() as session:
        return session.get(RunRow, run_id) is not None and _has_files(store, run_id)


def _has_files(store: Store, run_id: str) -> bool:
    return all((store.runs / run_id / name).is_file() for name in (SURFACE_FILE, CURVES_FILE))


def _reuse(study: Study, run_id: str, *, trial: bool) -> RunRow | None:
    """Return a run that is stored already, as the newest of its service unless it is a trial or of another day."""
    store = study.store
    with store.writing() as session:
        run = session.get(RunRow, run_id)
        if run is None or not _has_files(store, run_id):
            if run is not None:
                delete_run(session, run)  # its files were removed by hand, or are those of an older version: compute it again
            return None
        newest = latest_run(session, run.service_id)
        if not trial and (newest is None or newest.id != run.id):
            run.sequence = next_sequence(session)
        if study.as_of.is_present:
            run.valid_at = run.known_at = None
            run.marks = study.marks
        return run


def _summary(
    study: Study, service: Service, surface: Surface, sources: Sources, tables: dict[str, list[CoverageFigures]],
    gaps: dict[str, list[Gap]], missing: list[Registered],
) -> dict[str, Any]:
    largest = max(each.value for each in service.thresholds)
    step = max(largest * _CURVE_TIMES_LIMIT / _CURVE_STEPS, 1e-6)
    moved = study.people.moved if study.people is not None else None
    return {
        "title": study.title,
        "unit": service.shown_unit,
        "people_total": None if study.people is None else study.people.total,
        "people_years": [] if study.people is None else study.people_years,
        "people_moved": None if moved is None else asdict(moved),
        "facilities": {**sources.report, "to_be_located": len(missing), "to_be_located_in_registry": study.to_be_located,
                       "ids": [each.id for each in sources.placed]},
        "thresholds": {
            name: {
                "people": rows[0].people, "km2": rows[0].km2, **rows[0].figures,
                "gaps": len(gaps[name]),
                "gaps_with_people": None if study.people is None else sum((g.people or 0.0) > 0 for g in gaps[name]),
                "people_in_gaps": None if study.people is None else float(sum(g.people or 0.0 for g in gaps[name])),
                "largest_gap_people": gaps[name][0].people if gaps[name] else None,
            }
            for name, rows in tables.items()
        },
        "verdict": settlement_verdict(surface, service, study.people, study.settlement_class),
        "curve": {"step": step, "unit": service.shown_unit,
                  "people": histogram(surface, study.people, step=step * service.units_per_shown, steps=_CURVE_STEPS)},
    }


def _store(
    study: Study, run: RunRow, service: Service, surface: Surface, sources: Sources,
    tables: dict[str, list[CoverageFigures]], gaps: dict[str, list[Gap]], *, trial: bool,
) -> None:
    store = study.store
    final = store.runs / run.id
    try:
        partial = partial_folder(store.runs)
        try:
            _write_files(partial, run, service, surface, sources, study)
            with study.store.writing() as session:
                _add_rows(session, run, sources, tables, gaps, trial=trial)
                # In place before the rows are: nobody is sent to files that are not there yet.
                shutil.rmtree(final, ignore_errors=True)
                partial.rename(final)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"the run cannot be stored in the workspace: {error}") from error


def _add_rows(
    session: Session, run: RunRow, sources: Sources, tables: dict[str, list[CoverageFigures]],
    gaps: dict[str, list[Gap]], *, trial: bool,
) -> None:
    other = session.get(RunRow, run.id)
    if other is not None:  # somebody else measured the same meanwhile: it is the same answer
        delete_run(session, other)
        session.expunge(other)
    run.sequence = TRIAL if trial else next_sequence(session)
    session.add(run)
    session.flush()
    for name, rows in tables.items():
        session.add_all(_coverage_row(run, name, i, row) for i, row in enumerate(rows))
    for name, found in gaps.items():
        session.add_all(_gap_row(run, name, rank, gap, sources) for rank, gap in enumerate(found, start=1))
    session.flush()


def _write_files(
    folder: Path, run: RunRow, service: Service, surface: Surface, sources: Sources, study: Study
) -> None:
    # One more slot than facilities: index -1 (none) reads it.
    ids = np.array([each.id for each in sources.placed] + [-1], dtype=np.int64)
    write_geotiff(
        folder / SURFACE_FILE,
        [(f"millionths of {surface.unit}", surface.micro), ("facility id", ids[surface.nearest])],
        surface.grid, nodata=-1, tags={"run": run.id, "service": service.id, "unit": surface.unit},
    )
    study_cells = study.area_of_cell >= 0
    people = np.full(study.grid.shape, np.nan) if study.people is None else weights_by_cell(study.people, study.grid)
    write_geotiff(
        folder / PEOPLE_FILE, [("people", people), ("in an area", study_cells.astype(np.float64))], surface.grid,
        nodata=float("nan"), tags={"run": run.id},
    )
    write_picture(folder, surface, service, study=study_cells)
    found = curves(
        surface, service, step=step_of(service), people=study.people, tree=study.tree, area_of_cell=study.area_of_cell, zones=study.zones)
    (folder / CURVES_FILE).write_text(json.dumps(found.as_dict(), ensure_ascii=False), encoding="utf-8")


def _coverage_row(run: RunRow, threshold: str, position: int, row: CoverageFigures) -> CoverageRow:
    return CoverageRow(
        run_id=run.id, threshold=threshold, area_code=row.area_code, position=position, name=row.name,
        level=row.level, people=row.people or {}, km2=row.km2 or {}, figures=row.figures,
    )


def _gap_row(run: RunRow, threshold: str, rank: int, gap: Gap, sources: Sources) -> GapRow:
    west, south, east, north = (float(edge) for edge in gap.geometry.bounds)
    return GapRow(
        id=f"{run.id}-{threshold}-{rank}", run_id=run.id, service_id=run.service_id, threshold=threshold, rank=rank,
        area_code=gap.area_code, people=gap.people, km2=gap.km2,
        figures={
            "people_unreachable": gap.people_unreachable, "worst": gap.worst,
            "nearest_facility": sources.placed[gap.nearest].id if gap.nearest >= 0 else None,
            "settlements": gap.settlements,
            "settlement_count": gap.settlement_count,
        },
        geometry=shapely.to_wkb(gap.geometry), west=west, south=south, east=east, north=north,
    )
