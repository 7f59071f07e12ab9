"""What a run counted and the files that it left, as a store may show them: outside of its areas there is no data.

What is masked is drawn when it is asked for; the files of a run stay those of the whole.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geosvc.coverage import services
from geosvc.coverage.changes import Changes, changes_from, facilities_under
from geosvc.coverage.tree import in_metres
from geosvc.errors import ChangesElsewhere, RunNotFound
from geosvc.geo.grid import NOT_REACHED, Grid, Surface
from geosvc.geo.raster import burn, read_band
from geosvc.maps.picture import PICTURE_FILE, PICTURE_RECORD, picture_within
from geosvc.registry import areas, facilities
from geosvc.registry.moments import PRESENT, AsOf, day_of
from geosvc.store.areas import AreaQuery
from geosvc.store.facilities import FacilityQuery
from geosvc.store.scope import inside, limit_of
from geosvc.travel.conditions import all_asked
from geosvc.workflows.measuring import PEOPLE_FILE, SURFACE_FILE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from geosvc.coverage.services import Service
    from geosvc.registry.areas import Area
    from geosvc.registry.facilities import Registered
    from geosvc.store.engine import Session, Store
    from geosvc.store.runs import RunRow


def times_of(run: RunRow) -> AsOf:
    """Return the day whose facilities and areas a run counts, and the moment at which they were so known."""
    return AsOf(valid_at=run.valid_at or day_of(run.created_at), recorded_at=run.known_at or run.created_at)


def areas_seen(store: Store, session: Session, run: RunRow) -> list[Area]:
    """Return the areas that a limited store holds, without those above them, as they were for a run."""
    times = times_of(run)
    found = areas.find(session, AreaQuery(valid_at=times.valid_at, recorded_at=times.recorded_at))
    return [area for area in found if inside(area.code, store.areas or ())]


def cells_seen(store: Store, run: RunRow) -> NDArray[np.bool_] | None:
    """Return the cells whose centre lies in an area of a limited store, shape (rows, cols); None without a limit."""
    if store.areas is None:
        return None
    with store.reading() as session:
        return cells_within(areas_seen(store, session, run), Grid(**run.inputs["grid"]))


def cells_within(found: Sequence[Area], grid: Grid) -> NDArray[np.bool_]:
    """Return the cells whose centre lies in one of some areas, shape (rows, cols)."""
    shapes = [(in_metres(area.geometry, grid), 1) for area in found]
    return np.asarray(burn(shapes, grid, touched=False, dtype="uint8", fill=0) == 1)


def facilities_seen(session: Session, run: RunRow) -> dict[int, str]:
    """Return the names by id of the facilities of a run that a session may see, as they were then; planned ones as well."""
    service = services.service_from(run.parameters["service"])
    return {each.id: each.facility.name for each in counted_in(session, service, run.inputs["facilities"], changes_seen(session, run))}


def changes_seen(session: Session, run: RunRow) -> Changes:
    """Return what the scenario of a run does to the facilities of its service, as far as a session may see it."""
    return changes_within(session, changes_from(run.parameters.get("changes", {})), times_of(run))


def changes_within(session: Session, changes: Changes, as_of: AsOf) -> Changes:
    """Return changes without those that lie outside of the areas of a session; all of them without a limit."""
    limit = limit_of(session)
    if limit is None or not changes:
        return changes
    found = areas.find(session, AreaQuery(has_geometry=True, valid_at=as_of.valid_at, recorded_at=as_of.recorded_at))
    own = shapely.unary_union([each.geometry for each in found if inside(each.code, limit)])
    ids = changes.registered
    seen = {each.id for each in facilities.find(session, FacilityQuery(ids=ids, valid_at=as_of.valid_at, recorded_at=as_of.recorded_at))} if ids else set()
    kept = changes.of_facilities(seen)
    return replace(
        kept, open=tuple(each for each in changes.open if shapely.intersects_xy(own, each.lon, each.lat)),
        serve=tuple(each for each in kept.serve if all(inside(code, limit) for code in each.areas)),
        close_roads=tuple(each for each in changes.close_roads if shapely.intersects_xy(own, *each)))


def refuse_elsewhere(store: Store, changes: Changes) -> None:
    """Refuse changes that do not lie in the areas of a store; one without a limit may ask for any.

    Seeing whether one's own times change when a road or a facility of others is closed would tell where they stand.

    Raises
    ------
    NotAllowed
    """
    if store.areas is None:
        return
    codes = store.areas
    named = [code for one in all_asked(changes.conditions) for code in one.areas]
    with store.reading() as session:
        own = changes_within(session, changes, PRESENT) == changes
    if not own or not all(inside(code, codes) for code in named):
        raise ChangesElsewhere(
            f"every change must lie in the areas of this account ({', '.join(codes)}): facilities that it sees, places inside its outlines, "
            "conditions everywhere or in its areas; an account without a limit can ask for the others")


def counted_in(session: Session, service: Service, marks: Sequence[Sequence[int]], changes: Changes) -> list[Registered]:
    """Return the facilities that a run counted, as they were then; those of its scenario where this puts them.

    Parameters
    ----------
    session : Session
    service : Service
    marks : sequence of (id, revision)
        As the run keeps them; planned ones have no revision.
    changes : Changes
        See :func:`changes_seen`.
    """
    found = facilities.at_revisions(session, [revision for _one, revision in marks if revision])
    located, missing = ([each for each in found if each.facility.located is there] for there in (True, False))
    return facilities_under(changes, service.facility_classes, located, missing)[0]


def file_of(store: Store, run: RunRow, name: str) -> Path:
    """Return a file of a run.

    Raises
    ------
    RunNotFound
        If it is gone.
    """
    path = store.runs / run.id / name
    if not path.is_file():
        raise RunNotFound(f"the files of run {run.id} are gone; run: geosvc measure {run.service_id}")
    return path


def picture_of(store: Store, run: RunRow) -> tuple[bytes, dict[str, Any]]:
    """Return the picture of a run's surface, a PNG, and the record of what its numbers mean.

    Raises
    ------
    RunNotFound
        If the files of the run are gone.
    """
    png = file_of(store, run, PICTURE_FILE).read_bytes()
    seen = cells_seen(store, run)
    return png if seen is None else picture_within(png, Grid(**run.inputs["grid"]), seen), picture_record_of(store, run)


def picture_record_of(store: Store, run: RunRow) -> dict[str, Any]:
    """Return what the numbers of a run's picture mean, without the picture.

    Raises
    ------
    RunNotFound
        If the files of the run are gone.
    """
    record: dict[str, Any] = json.loads(file_of(store, run, PICTURE_RECORD).read_text(encoding="utf-8"))
    return {**record, "run": run.id}


def surface_of_run(store: Store, run: RunRow) -> tuple[Surface, NDArray[np.float64] | None, NDArray[np.bool_]]:
    """Return what a run left: its surface, people per cell (None = unknown), and the cells of the study.

    For a store of some areas the study is these: elsewhere nothing is reached, and people are NaN.

    Raises
    ------
    RunNotFound
        If its files are gone.
    """
    people_file, surface_file = (file_of(store, run, name) for name in (PEOPLE_FILE, SURFACE_FILE))
    ids, micro = read_band(surface_file, 2), read_band(surface_file, 1)
    numbers = np.array(run.summary["facilities"]["ids"], dtype=np.int64)
    nearest = np.where(ids >= 0, np.searchsorted(numbers, ids), -1).astype(np.int32)
    people, in_area = read_band(people_file, 1), read_band(people_file, 2) > 0
    counted = not np.isnan(people).any()
    study = in_area if in_area.any() else np.ones_like(in_area)
    seen = cells_seen(store, run)
    if seen is not None:
        micro, nearest = np.where(seen, micro, NOT_REACHED), np.where(seen, nearest, np.int32(-1))
        people, study = np.where(seen, people, np.nan), study & seen
    service = services.service_from(run.parameters["service"])
    surface = Surface(grid=Grid(**run.inputs["grid"]), micro=micro, nearest=nearest, unit=service.unit, looked=seen)
    return surface, people if counted else None, study
