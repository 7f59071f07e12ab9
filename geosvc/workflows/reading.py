"""Services and what their runs found, as plain data for pages, API and scripts.

Pages and scripts read the same functions, so they cannot disagree.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.coverage import services
from geosvc.coverage.changes import Changes, changes_from
from geosvc.coverage.equity import equity_by_level, gini_of_curve
from geosvc.coverage.measure import shares
from geosvc.errors import NoFacility, RunNotFound, Unsolvable
from geosvc.geo.grid import MICRO, NOT_REACHED, Grid
from geosvc.geo.raster import read_band, write_geotiff
from geosvc.registry import areas, layers, populations
from geosvc.registry.moments import AsOf
from geosvc.store.runs import TRIAL, CoverageRow, RunRow, latest_run, latest_run_id, select_coverage
from geosvc.store.scope import limit_of
from geosvc.workflows import ages, workspace
from geosvc.workflows.measuring import SURFACE_FILE
from geosvc.workflows.part_of_run import curves_of, told_of
from geosvc.workflows.run_files import cells_seen, facilities_seen, file_of, picture_of, times_of
from geosvc.workflows.study import figures_of, marks_in_force, tree_of
from geosvc.workflows.surfaces import (
    count_of,
    counted_under,
    facilities_of,
    marks_of,
    nobody,
    onward_changes,
    onward_inputs,
)

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from geosvc.coverage.services import Service
    from geosvc.store.engine import Session, Store

_EXACT_IN_32_BITS = 2**24

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
    located, missing = _marks_under(session, declared, changes_from(run.parameters.get("changes", {})), as_of)
    in_force = {layer.kind: layer.sha256 for layer in layers.find(store, session, recorded_at=as_of.recorded_at)}
    found = {
        "facilities": located != run.inputs["facilities"] or missing != run.inputs["to_be_located"]
        or onward_inputs(session, used, as_of, onward_changes(run.inputs)) != run.inputs.get("then"),
        "layers": in_force != run.inputs["layers"],
        **_ground_changed(session, run, as_of),
        # A trial differs from its service on purpose: by its pace, and by conditions on top.
        "service": (declared if run.sequence != TRIAL else declared.at_speed(used.speed_kmh).under(used.conditions)) != used,
    }
    return [name for name, changed in found.items() if changed]


def _marks_under(
    session: Session, service: Service, changes: Changes, as_of: AsOf
) -> tuple[list[list[int]], list[int]]:
    """Return (id and revision of the located facilities, ids of those to be located) as a run of these changes keeps them."""
    if changes:
        there, lost = counted_under(session, service, changes, as_of)
        return [[each.id, each.content_revision] for each in there], [each.id for each in lost]
    return ([list(each) for each in marks_of(session, service, located=True, as_of=as_of)],
            [one for one, _revision in marks_of(session, service, located=False, as_of=as_of)])


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
    located = count_of(session, service, located=True)
    missing = count_of(session, service, located=False)
    return {
        **service.as_dict(), "unit": service.shown_unit, "facilities": located, "to_be_located": missing,
        "computable": _is_computable(store, session, service), "run": None if run is None else run.id,
        "measured_at": None if run is None else run.created_at,
        "changed_since": [] if run is None else changed_since(store, session, run),
    }


def _is_computable(store: Store, session: Session, service: Service) -> bool:
    """Return whether some facility can be the nearest, wherever it stands: that of others too."""
    if store.areas is not None:
        whole = store.everywhere()
        with whole.reading() as unlimited:
            return _is_computable(whole, unlimited, service)
    after = onward_inputs(session, service)
    return count_of(session, service, located=True) > 0 and (after is None or bool(after["facilities"]))


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
        if limit_of(session) is None and not count_of(session, service, located=True):
            raise NoFacility(nobody(service, facilities_of(session, service, located=False)))
        raise RunNotFound(f"service {wanted} has not been measured yet; run: geosvc measure {wanted}")
    return newest


def run_record(store: Store, run_id: str) -> dict[str, Any]:
    """Return what one run rests on; a store of some areas is told what concerns these, and a ``part`` that says so.

    Raises
    ------
    RunNotFound
    """
    with store.reading() as session:
        run = run_of(session, None, run_id)
        told = told_of(store, session, run)
    return {
        "id": run.id, "service": run.service_id, "created_at": run.created_at, "version": run.version,
        "checksum": run.checksum, "parameters": {**run.parameters, **told_changes(told)}, **told, **times_of_run(run),
    }


def told_changes(told: dict[str, Any]) -> dict[str, Any]:
    """Return the changes of a run's scenario as a store may tell them, for its parameters."""
    return {"changes": told["inputs"]["changes"]} if "changes" in told["inputs"] else {}


def times_of_run(run: RunRow) -> dict[str, str]:
    """Return the day whose facilities and areas a run counts, and the moment at which they were so known."""
    times = times_of(run)
    return {"datetime": str(times.valid_at), "recorded": str(times.recorded_at)}


def as_of_run(run: dict[str, Any]) -> AsOf:
    """Return the times of a run, to read what it was computed on as it was then."""
    return AsOf(valid_at=run["datetime"], recorded_at=run["recorded"])


def coverage_table(
    store: Store, service_id: str | None, *, run_id: str | None = None, threshold_id: str | None = None,
    level: str | None = None,
) -> dict[str, Any]:
    """Return the coverage of a service by area, with the run that says so.

    ``equity`` is of all levels, whichever ``level`` is asked for. ``people_by_age`` of a row is None where no figure of the
    area tells ages: see :mod:`geosvc.workflows.ages`.

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
        told = told_of(store, session, run)
        by_age = ages.shares_of_run(store, session, run)
    notes, entries = told["notes"], ages.with_ages([coverage_row(row) for row in rows], by_age)
    return {
        "service": service.id, "run": run.id, "created_at": run.created_at, **times_of_run(run), "unit": service.shown_unit,
        "threshold": threshold_entry(service, threshold.id), "people_years": run.summary.get("people_years", []), "notes": notes,
        "schematic": is_schematic(notes), "changed_since": changed, "equity": _equity(store, told["summary"], entries),
        "rows": [row for row in entries if level is None or row["level"] == level],
    }


def _equity(store: Store, summary: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how evenly a run covers areas, by level, and how evenly far people are.

    A store of some areas is told a level where its areas of that level are all that it holds: else the
    figure would be of neither its part nor the whole.
    """
    levels = equity_by_level(rows)
    if store.areas is not None:
        whole = summary["people_total"]
        levels = {level: each for level, each in levels.items()
                  if whole is not None and math.isclose(each["people"] + each["people_no_data"], whole, rel_tol=1e-9)}
    return {"levels": levels, "travel": gini_of_curve(summary["curve"]["people"], summary["curve"]["step"])}


def area_names(session: Session, run_id: str, threshold_id: str) -> dict[str, str]:
    """Return the names of the areas of a run by code, as they were called then."""
    return {row.area_code: row.name for row in select_coverage(session, run_id, threshold_id)}


def run_notes(store: Store, service_id: str | None, run_id: str | None) -> dict[str, Any]:
    """Return the run that answers and what a reader of its numbers must know."""
    with store.reading() as session:
        run = run_of(session, service_id, run_id)
        notes = told_of(store, session, run)["notes"]
    return {"service": run.service_id, "run": run.id, **times_of_run(run), "schematic": is_schematic(notes), "notes": notes}


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
        told = told_of(store, session, run)
    summary = told["summary"]
    limits = [
        {"threshold": threshold_entry(service, name),
         "people_covered": None if found["people"] is None else found["people"]["covered"],
         "people_in_gaps": found["people_in_gaps"], "gaps": found["gaps"]}
        for name, found in ((each.id, summary["thresholds"][each.id]) for each in service.thresholds)
    ]
    return {
        "service": service.id, "zh": service.zh, "en": service.en, "run": run.id,
        "people_total": summary["people_total"], **limits[0], "limits": limits, "verdict": summary["verdict"],
        "to_be_located": summary["facilities"]["to_be_located_in_registry"],
        "notes": told["notes"],
    }


# -- files of a run --------------------------------------------------------------------------


def picture_of_run(store: Store, service_id: str | None, run_id: str | None = None) -> tuple[bytes, dict[str, Any]]:
    """Return the picture of a run's surface, a PNG, and the record of what its numbers mean.

    A store of some areas gets a picture that is clear outside of them, drawn now and not kept.

    Raises
    ------
    ServiceNotFound, RunNotFound
    """
    with store.reading() as session:
        run = run_of(session, service_id, run_id)
    return picture_of(store, run)


def curves_of_run(store: Store, service_id: str | None, run_id: str | None = None) -> dict[str, Any]:
    """Return what every limit would give by a run: people by how far they are for each area, and gaps by limit.

    Raises
    ------
    ServiceNotFound, RunNotFound
    """
    with store.reading() as session:
        run = run_of(session, service_id, run_id)
    return {"service": run.service_id, "run": run.id, **curves_of(store, run)}


def surface_geotiff(store: Store, service_id: str | None, run_id: str | None, target: Path) -> str:
    """Write a run's surface for others: band 1 minutes (or km), band 2 the nearest facility's id.

    The bands are of 32 bits; of 64 where a facility of a scenario has an id that 32 bits cannot tell from others.

    For a store of some areas both are NaN outside of them, and band 2 also where the nearest facility
    is that of others.

    Returns
    -------
    run : str
        The id of the run.

    Raises
    ------
    ServiceNotFound, RunNotFound
    Unsolvable
        If none of the areas has an outline, so that nothing can be shown.
    """
    with store.reading() as session:
        run = run_of(session, service_id, run_id)
        notes = told_of(store, session, run)["notes"]
    service = services.service_from(run.parameters["service"])
    micro, ids = _bands(store, run)
    shown = np.where(micro == NOT_REACHED, np.nan, micro / (MICRO * service.units_per_shown))
    number = np.float32 if max(run.summary["facilities"]["ids"], default=0) <= _EXACT_IN_32_BITS else np.float64
    bands = [(service.shown_unit, shown.astype(number)), ("nearest facility id", ids.astype(number))]
    write_geotiff(target, bands, Grid(**run.inputs["grid"]), nodata=float("nan"),
                  tags={"run": run.id, "service": service.id, "unit": service.shown_unit, **_note_tags(notes)})
    return run.id


def _bands(store: Store, run: RunRow) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Return the millionths of a run's unit, and the ids of the nearest facilities, as a store may show them."""
    source = file_of(store, run, SURFACE_FILE)
    micro, ids = read_band(source, 1), read_band(source, 2)
    seen = cells_seen(store, run)
    if seen is None:
        return micro, ids
    if not seen.any():
        raise Unsolvable(
            f"no outline of the areas {', '.join(store.areas or ())} is registered, so no part of the surface can be shown; "
            "an administrator imports it: geosvc import areas FILE")
    with store.reading() as session:
        own = facilities_seen(session, run)
    return np.where(seen, micro, NOT_REACHED), np.where(seen & np.isin(ids, [*own, -1]), ids, np.nan)


def _note_tags(notes: list[Any]) -> dict[str, str]:
    """Return what a reader of a run's numbers must know, as a file's tags."""
    return {"schematic": str(is_schematic(notes)).lower(),
            **{f"notes_{language}": "; ".join(note[language] for note in notes) for language in ("zh", "en")}}
