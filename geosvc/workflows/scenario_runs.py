"""What scenarios measure: their runs beside the baseline's, and what they mean for rules and plans."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geosvc.accounts.people import Right
from geosvc.coverage import services
from geosvc.coverage.changes import changes_from
from geosvc.errors import InvalidParameter, RunNotFound, Unsolvable
from geosvc.language import LANGUAGES, words
from geosvc.registry.moments import now
from geosvc.store.scenarios import note_run, run_of_scenario, scenario_numbered, select_runs
from geosvc.workflows import workspace
from geosvc.workflows.measuring import conditions_for, measure_service, part_of
from geosvc.workflows.run_files import refuse_elsewhere
from geosvc.workflows.scenarios import BASELINE, scenario_number, seen_row
from geosvc.workflows.study import Study
from geosvc.workflows.surfaces import changes_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from geosvc.accounts.people import Person
    from geosvc.coverage.changes import Changes
    from geosvc.coverage.services import Service
    from geosvc.registry.moments import AsOf
    from geosvc.settings import Settings
    from geosvc.store.engine import Session, Store

# A surface takes all cores: a second one at the same time would only make both late.
_one_at_a_time = threading.Lock()
Progress = Callable[[float, str], None]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A scenario that a rule or a plan is asked under: its runs by service, and the services that its changes concern."""

    id: int
    name: str
    changes: Changes
    runs: Mapping[str, str]
    concerned: frozenset[str]

    @property
    def told(self) -> dict[str, Any]:
        """What an answer says of it."""
        return {"id": self.id, "name": self.name}


def concerned(store: Store, changes: Changes) -> list[str]:
    """Return the ids of the services whose answer changes can alter, in the order of the services."""
    with store.everywhere().reading() as session:
        return [each.id for each in services.find(session) if _concerns(session, each, changes)]


def _concerns(session: Session, service: Service, changes: Changes) -> bool:
    if changes_for(session, service, changes) or set(conditions_for(service, changes)) - set(service.conditions):
        return True
    after = services.following(session, service)
    return after is not None and bool(changes_for(session, after, changes))


def measure(
    store: Store, settings: Settings, person: Person, number: int, *, service_ids: Sequence[str] = (), progress: Progress | None = None
) -> dict[str, Any]:
    """Measure a scenario and, on the same data, the baseline; what is measured already is read.

    Parameters
    ----------
    service_ids : sequence of str
        Those that its changes concern unless named.

    Returns
    -------
    outcome : dict
        ``measured``: service, run, run of the baseline, whether it is the same; ``not_computable``: why, by service;
        ``notes``: says so where the changes concern no service.

    Raises
    ------
    ScenarioNotFound, ServiceNotFound, InvalidParameter, NotAllowed
    Unsolvable
        If a service that was named has no answer.
    """
    person.must(Right.MEASURE)
    with store.reading() as session:
        changes = changes_from(seen_row(store, session, person, number).changes)
    refuse_elsewhere(store, changes)
    wanted = list(dict.fromkeys(service_ids)) or concerned(store, changes)
    measured: list[dict[str, Any]] = []
    failed: dict[str, str] = {}
    tell = progress or (lambda _share, _text: None)
    with _one_at_a_time:
        study = Study(store.everywhere(), settings)
        for place, name in enumerate(wanted):
            tell(place / len(wanted), name)
            try:
                measured.append(_measured_now(study, number, name, changes, part_of(tell, place, len(wanted), name)))
            except Unsolvable as error:
                if service_ids:  # asked for by name: it is the answer
                    raise
                failed[name] = str(error)
    notes = [] if wanted else [{"code": "concerns_no_service", **{each: words(each)["scenario_concerns_none"] for each in LANGUAGES}}]
    return {"scenario": number, "measured": measured, "not_computable": failed, "notes": notes}


def _measured_now(study: Study, number: int, service_id: str, changes: Changes, tell: Progress) -> dict[str, Any]:
    baseline = measure_service(study, service_id, progress=part_of(tell, 0, 2)).id
    run = measure_service(study, service_id, changes=changes, progress=part_of(tell, 1, 2)).id
    with study.store.writing() as session:
        row = scenario_numbered(session, number)
        if row is not None and changes_from(row.changes) == changes:  # else somebody changed it while it was measured
            note_run(session, number, service_id, run, now())
    return {"service": service_id, "run": run, "baseline": baseline, "same_as_baseline": run == baseline}


def run_of(store: Store, person: Person, scenario: str | None, service_id: str | None) -> tuple[str | None, dict[str, Any]]:
    """Return (the newest run of a scenario for a service, what to say of the scenario); (None, {}) for the baseline.

    Parameters
    ----------
    scenario : str or None
        A number, or ``baseline``.
    service_id : str or None
        None = the default service.

    Raises
    ------
    ScenarioNotFound, ServiceNotFound
    RunNotFound
        If it is not measured; it says how to.
    """
    if scenario is None or scenario == BASELINE:
        return None, {}
    number = scenario_number(scenario)
    with store.reading() as session:
        row = seen_row(store, session, person, number)
        wanted = services.get(session, service_id or workspace.default_service(session)).id
        run = run_of_scenario(session, number, wanted)
        if run is None:
            raise RunNotFound(
                f"scenario {number} has not been measured for service {wanted} since it was changed; "
                f"POST /api/scenarios/{number}/measure?service={wanted}, or run: geosvc scenarios measure {number} {wanted}")
        return run, {"scenario": {"id": number, "name": row.name}}


def asked_changes(store: Store, person: Person, scenario: str | None, as_of: AsOf) -> Asked | None:
    """Return what a scenario changes, for rules and plans; None for the baseline.

    Parameters
    ----------
    scenario : str or None
        A number, or ``baseline``.
    as_of : AsOf
        Must be the present: a scenario stands on what is registered today.

    Raises
    ------
    ScenarioNotFound
    InvalidParameter
        If another day is asked for as well.
    """
    if not scenario or scenario == BASELINE:
        return None
    if not as_of.is_present:
        raise InvalidParameter("scenario is of today: send it without datetime and recorded")
    number = scenario_number(scenario)
    with store.reading() as session:
        row = seen_row(store, session, person, number)
        changes = changes_from(row.changes)
        runs = {each.service_id: each.run_id for each in select_runs(session, number)}
    return Asked(id=number, name=row.name, changes=changes, runs=runs, concerned=frozenset(concerned(store, changes)))
