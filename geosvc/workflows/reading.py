"""Services and what their runs found, as plain data for pages, API and scripts.

Pages and scripts read the same functions, so they cannot disagree.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.coverage import services
from geosvc.coverage.measure import shares
from geosvc.errors import NoFacility, RunNotFound
from geosvc.geo.grid import MICRO, NOT_REACHED, Grid, Surface
from geosvc.geo.raster import read_band, write_geotiff
from geosvc.maps.picture import PICTURE_FILE, PICTURE_RECORD
from geosvc.registry import areas, layers, populations
from geosvc.registry.moments import AsOf, day_of
from geosvc.store.runs import TRIAL, CoverageRow, RunRow, latest_run, latest_run_id, select_coverage
from geosvc.workflows import workspace
from geosvc.workflows.measuring import PEOPLE_FILE, SURFACE_FILE
from geosvc.workflows.study import figures_of, marks_in_force, tree_of
from geosvc.workflows.surfaces import count_of, facilities_of, marks_of, nobody, onward_inputs

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from geosvc.coverage.services import Service
    from geosvc.store.engine import Session, Store

# -- services and runs -----------------------------------------------------------------------


def list_services(store: Store) -> list[dict[str, Any]]:
    """Return the services with the state of each: measured by which run, or why not."""
    with store.reading() as session:
        default = workspace.default_service(session)
        return [_service_entry(store, session, service, default) for service in services.find(session)]


def changed_since(store: Store, session: Session, run: RunRow) -> list[str]:
    """Return what a run was computed on that is no longer so: facilities, layers, areas, population, service.

    A run of another day is compared with what is believed of that day now.
    """
    if store.areas is not None:
        whole = store.everywhere()
        with whole.reading() as unlimited:
            return changed_since(whole, unlimited, run)
    used = services.service_from(run.parameters["service"])
    declared = services.get(session, run.service_id)
    as_of = AsOf(valid_at=run.valid_at, recorded_at=run.known_at)
    located = [list(each) for each in marks_of(session, declared, located=True, as_of=as_of)]
    missing = [one for one, _revision in marks_of(session, declared, located=False, as_of=as_of)]
    in_force = {layer.kind: layer.sha256 for layer in layers.find(store, session, recorded_at=as_of.recorded_at)}
    found = {
        "facilities": located != run.inputs["facilities"] or missing != run.inputs["to_be_located"]
        or onward_inputs(session, used, as_of) != run.inputs.get("then"),
        "layers": in_force != run.inputs["layers"],
        **_ground_changed(session, run, as_of),
        # A trial differs from its service on purpose: by its pace, and by conditions on top.
        "service": (declared if run.sequence != TRIAL else declared.at_speed(used.speed_kmh).under(used.conditions)) != used,
    }
    return [name for name, changed in found.items() if changed]


def _ground_changed(session: Session, run: RunRow, as_of: AsOf) -> dict[str, bool]:
    """Compare areas and people: by which revisions are in force, and only if these differ by what they say."""
    key = ("in force", as_of)
    if key not in session.info:
        session.info[key] = marks_in_force(session, as_of)
    told = run.marks or {}
    differ = [name for name, mark in session.info[key].items() if told.get(name) != mark]
    if not differ:
        return {"areas": False, "population": False}
    key = ("checksums", as_of)
    if key not in session.info:
        tree = tree_of(session, as_of)
        session.info[key] = {
            "areas": areas.checksum_of(tree.areas),
            "populations": populations.checksum_of(figures_of(session, as_of, tree)),
            "became": [[link.old, link.new, link.day] for link in tree.became.links],
        }
    now = session.info[key]
    return {
        "areas": now["areas"] != run.inputs["areas"]["sha256"] or now["became"] != run.inputs.get("became", []),
        "population": now["populations"] != run.inputs["populations"]["sha256"],
    }


def _service_entry(store: Store, session: Session, service: Service, default: str) -> dict[str, Any]:
    """Return a service with its state; every page asks for it, so it is remembered until something changes."""
    key = ("service", service.id, latest_run_id(session, service.id))
    entry = store.recall(session, key, lambda: _state_of(store, session, service))
    return {**entry, "is_default": service.id == default}


def _state_of(store: Store, session: Session, service: Service) -> dict[str, Any]:
    run = latest_run(session, service.id)
    after = onward_inputs(session, service)
    located = count_of(session, service, located=True)
    missing = count_of(session, service, located=False)
    return {
        **service.as_dict(), "unit": service.shown_unit, "facilities": located, "to_be_located": missing,
        "computable": located > 0 and (after is None or bool(after["facilities"])), "run": None if run is None else run.id,
        "measured_at": None if run is None else run.created_at,
        "changed_since": [] if run is None else changed_since(store, session, run),
    }


def service_entry(store: Store, service_id: str) -> dict[str, Any]:
    """Return one service with its state.

    Raises
    ------
    ServiceNotFound
    """
    with store.reading() as session:
        return _service_entry(store, session, services.get(session, service_id), workspace.default_service(session))


def run_of(session: Session, service_id: str | None, run_id: str | None = None) -> RunRow:
    """Return a run: the named one, else the newest of the service, else of the default service."""
    if run_id is not None:
        run = session.get(RunRow, run_id)
        if run is None:
            raise RunNotFound(f"no run has the id {run_id!r}")
        if service_id is not None and run.service_id != service_id:
            raise RunNotFound(f"run {run_id} belongs to service {run.service_id}, not to {service_id}")
        return run
    wanted = service_id or workspace.default_service(session)
    service = services.get(session, wanted)
    newest = latest_run(session, wanted)
    if newest is None:
        if not count_of(session, service, located=True):
            raise NoFacility(nobody(service, facilities_of(session, service, located=False)))
        raise RunNotFound(f"service {wanted} has not been measured yet; run: geosvc measure {wanted}")
    return newest


def run_record(store: Store, run_id: str) -> dict[str, Any]:
    """Return what one run rests on.

    Raises
    ------
    RunNotFound
    """
    with store.reading() as session:
        run = run_of(session, None, run_id)
    return {
        "id": run.id, "service": run.service_id, "created_at": run.created_at, "version": run.version,
        "checksum": run.checksum, "parameters": run.parameters, "inputs": run.inputs, "notes": run.notes,
        "summary": run.summary, **times_of_run(run),
    }


def times_of_run(run: RunRow) -> dict[str, str]:
    """Return the day whose facilities and areas a run counts, and the moment at which they were so known."""
    known = run.known_at or run.created_at
    return {"datetime": run.valid_at or day_of(run.created_at), "recorded": known}


def as_of_run(run: dict[str, Any]) -> AsOf:
    """Return the times of a run, to read what it was computed on as it was then."""
    return AsOf(valid_at=run["datetime"], recorded_at=run["recorded"])


def coverage_table(
    store: Store, service_id: str | None, *, run_id: str | None = None, threshold_id: str | None = None,
    level: str | None = None,
) -> dict[str, Any]:
    """Return the coverage of a service by area, with the run that says so.

    Raises
    ------
    ServiceNotFound, RunNotFound
    """
    with store.reading() as session:
        run = run_of(session, service_id, run_id)
        service = services.service_from(run.parameters["service"])
        threshold = service.threshold(threshold_id)
        rows = select_coverage(session, run.id, threshold.id)
        changed = changed_since(store, session, run)
    wanted = [row for row in rows if level is None or row.level == level]
    return {
        "service": service.id, "run": run.id, "created_at": run.created_at, **times_of_run(run), "unit": service.shown_unit,
        "threshold": threshold_entry(service, threshold.id), "people_years": run.summary.get("people_years", []), "notes": run.notes,
        "schematic": is_schematic(run.notes), "changed_since": changed, "rows": [coverage_row(row) for row in wanted],
    }


def area_names(session: Session, run_id: str, threshold_id: str) -> dict[str, str]:
    """Return the names of the areas of a run by code, as they were called then."""
    return {row.area_code: row.name for row in select_coverage(session, run_id, threshold_id)}


def run_notes(store: Store, service_id: str | None, run_id: str | None) -> dict[str, Any]:
    """Return the run that answers and what a reader of its numbers must know."""
    with store.reading() as session:
        run = run_of(session, service_id, run_id)
    return {"service": run.service_id, "run": run.id, **times_of_run(run), "schematic": is_schematic(run.notes), "notes": run.notes}


def threshold_entry(service: Service, threshold_id: str) -> dict[str, Any]:
    """Return a threshold as every answer shows it: the limit, its unit, and whose it is."""
    one = service.threshold(threshold_id)
    return {"id": one.id, "value": one.value, "unit": service.shown_unit, "origin": one.origin,
            "applies_to": one.applies_to, "source_zh": one.source_zh, "source_en": one.source_en}


def is_schematic(notes: list[Any]) -> bool:
    """Return whether schematic or illustrative data entered the numbers of a run."""
    return any(note["code"].startswith(("schematic", "illustrative")) for note in notes)


def coverage_row(row: CoverageRow) -> dict[str, Any]:
    """Return one row; ``people`` and ``km2`` are None where they are unknown, never 0."""
    people = row.people or None
    return {
        "area_code": row.area_code, "name": row.name, "level": row.level, "people": people,
        "people_total": None if people is None else sum(people.values()),
        "km2": row.km2 or None, "share": row.figures.get("share") or shares(people),
        "p50": row.figures.get("p50"), "p90": row.figures.get("p90"),
    }


def default_answer(store: Store, service_id: str | None = None, *, run_id: str | None = None) -> dict[str, Any]:
    """Return the three numbers of a service: people covered, people in gaps, facilities to be located.

    They are of its first limit. Where ``verdict`` is not None the limits are for different people
    (urban, rural) and none of them speaks for all: read ``limits``, side by side.
    """
    with store.reading() as session:
        run = run_of(session, service_id, run_id)
        service = services.service_from(run.parameters["service"])
    limits = [
        {"threshold": threshold_entry(service, name),
         "people_covered": None if found["people"] is None else found["people"]["covered"],
         "people_in_gaps": found["people_in_gaps"], "gaps": found["gaps"]}
        for name, found in ((each.id, run.summary["thresholds"][each.id]) for each in service.thresholds)
    ]
    return {
        "service": service.id, "zh": service.zh, "en": service.en, "run": run.id,
        "people_total": run.summary["people_total"], **limits[0], "limits": limits, "verdict": run.summary["verdict"],
        "to_be_located": run.summary["facilities"]["to_be_located_in_registry"],
        "notes": run.notes,
    }


# -- files of a run --------------------------------------------------------------------------


def picture_files(store: Store, service_id: str | None, run_id: str | None = None) -> tuple[Path, dict[str, Any]]:
    """Return the picture of a run's surface and the record of what its numbers mean.

    Raises
    ------
    ServiceNotFound, RunNotFound
    """
    with store.reading() as session:
        run = run_of(session, service_id, run_id)
    folder = store.runs / run.id
    if not (folder / PICTURE_FILE).is_file():
        raise RunNotFound(f"the files of run {run.id} are gone; run: geosvc measure {run.service_id}")
    record = json.loads((folder / PICTURE_RECORD).read_text(encoding="utf-8"))
    return folder / PICTURE_FILE, {**record, "run": run.id}


def surface_of_run(store: Store, run: RunRow) -> tuple[Surface, NDArray[np.float64] | None, NDArray[np.bool_]]:
    """Return what a run left: its surface, people per cell (None = unknown), and the cells of the study.

    Raises
    ------
    RunNotFound
        If its files are gone.
    """
    folder = store.runs / run.id
    if not (folder / PEOPLE_FILE).is_file():
        raise RunNotFound(f"the files of run {run.id} are gone; run: geosvc measure {run.service_id}")
    ids = read_band(folder / SURFACE_FILE, 2)
    facilities = np.array(run.summary["facilities"]["ids"], dtype=np.int64)
    nearest = np.where(ids >= 0, np.searchsorted(facilities, ids), -1).astype(np.int32)
    service = services.service_from(run.parameters["service"])
    surface = Surface(
        grid=Grid(**run.inputs["grid"]), micro=read_band(folder / SURFACE_FILE, 1), nearest=nearest, unit=service.unit
    )
    people = read_band(folder / PEOPLE_FILE, 1)
    inside = read_band(folder / PEOPLE_FILE, 2) > 0
    return surface, None if np.isnan(people).any() else people, inside if inside.any() else np.ones_like(inside)


def surface_geotiff(store: Store, service_id: str | None, run_id: str | None, target: Path) -> str:
    """Write a run's surface for others: band 1 minutes (or km), band 2 the nearest facility's id.

    Returns
    -------
    run : str
        The id of the run.

    Raises
    ------
    ServiceNotFound, RunNotFound
    """
    with store.reading() as session:
        run = run_of(session, service_id, run_id)
    source = store.runs / run.id / SURFACE_FILE
    if not source.is_file():
        raise RunNotFound(f"the files of run {run.id} are gone; run: geosvc measure {run.service_id}")
    service = services.service_from(run.parameters["service"])
    micro = read_band(source, 1)
    shown = np.where(micro == NOT_REACHED, np.nan, micro / (MICRO * service.units_per_shown))
    bands = [(service.shown_unit, shown.astype(np.float32)),
             ("nearest facility id", read_band(source, 2).astype(np.float32))]
    write_geotiff(target, bands, Grid(**run.inputs["grid"]), nodata=float("nan"),
                  tags={"run": run.id, "service": service.id, "unit": service.shown_unit, **_note_tags(run)})
    return run.id


def _note_tags(run: RunRow) -> dict[str, str]:
    """Return what a reader of a run's numbers must know, as a file's tags."""
    return {"schematic": str(is_schematic(run.notes)).lower(),
            **{f"notes_{language}": "; ".join(note[language] for note in run.notes) for language in ("zh", "en")}}
