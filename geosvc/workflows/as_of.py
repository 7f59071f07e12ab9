"""Services as of a day: which stored run answers for it, and what to do where none does."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from geosvc.coverage import services
from geosvc.errors import NoFacility, RunNotFound
from geosvc.registry.moments import AsOf, today
from geosvc.store.runs import RunRow
from geosvc.workflows import reading, workspace
from geosvc.workflows.history import day_asked, known_asked
from geosvc.workflows.measuring import SURFACE_FILE, question_of
from geosvc.workflows.study import Study

if TYPE_CHECKING:
    from geosvc.settings import Settings
    from geosvc.store.engine import Store


def times_asked(datetime: str | None, recorded: str | None, *, name: str = "datetime") -> AsOf:
    """Return the time that somebody asks for; today, as known now, is the present. ``name`` is the parameter that a refusal names.

    Raises
    ------
    InvalidParameter
        If ``datetime`` is neither a day, an instant nor ``..``, or ``recorded`` is none of these.
    """
    as_of = AsOf(valid_at=day_asked(datetime, name=name), recorded_at=known_asked(recorded))
    return AsOf() if as_of.is_present else as_of


def run_as_of(store: Store, settings: Settings, service_id: str | None, as_of: AsOf) -> str:
    """Return the run that answers a service for a day.

    A run is named by what went into it. Where nothing that enters had changed between two days,
    the run of one is the run of the other.

    Parameters
    ----------
    store : Store
    settings : Settings
    service_id : str or None
        None = the default service.
    as_of : AsOf

    Raises
    ------
    ServiceNotFound, NoFacility, NoStudyArea
    RunNotFound
        If that has not been measured; it says how to.
    """
    whole = store.everywhere()
    with whole.reading() as session:
        wanted = services.get(session, service_id or workspace.default_service(session)).id
    try:
        found = question_of(Study(whole, settings, as_of), wanted).run_id
    except NoFacility:
        if store.areas is None:
            raise
        # How many facilities others have is not told.
        raise NoFacility(f"service {wanted} is not computable for {_said(as_of)}: none of its facilities has a position") from None
    with whole.reading() as session:
        known = session.get(RunRow, found)
    if known is None or not (whole.runs / found / SURFACE_FILE).is_file():
        raise RunNotFound(
            f"service {wanted} has not been measured for {_said(as_of)}, and the facilities, areas or people then were others "
            f"than in any run; run: {command_for(wanted, as_of)}"
        )
    return found


def command_for(service_id: str, as_of: AsOf) -> str:
    """Return the command that measures a service for a day."""
    options = [("--datetime", as_of.valid_at), ("--recorded", as_of.recorded_at)]
    return " ".join(["geosvc measure", shlex.quote(service_id), *(f"{name} {value}" for name, value in options if value)])


def _said(as_of: AsOf) -> str:
    return as_of.day + (f" as known at {as_of.recorded_at}" if as_of.recorded_at else "")


def answering(
    store: Store, settings: Settings, service_id: str | None, run_id: str | None, as_of: AsOf
) -> tuple[str | None, dict[str, Any]]:
    """Return the run that answers (None: the newest), and what to say of the times.

    A run that is named answers for itself, whatever times are asked.

    Raises
    ------
    ServiceNotFound, RunNotFound, NoFacility, NoStudyArea
    """
    if run_id is not None or as_of.is_present:
        return run_id, {}
    found = run_as_of(store, settings, service_id, as_of)
    run = reading.run_record(store, found)
    asked = {"datetime": as_of.day, "recorded": as_of.recorded_at}
    same = as_of.valid_at in (None, run["datetime"]) and as_of.recorded_at in (None, run["recorded"])
    return found, {"as_of": {**asked, "measured_for": {"datetime": run["datetime"], "recorded": run["recorded"]},
                             "same_inputs_of_another_time": not same}}


def compared(
    store: Store, settings: Settings, service_id: str, days: tuple[AsOf, AsOf], *, threshold_id: str | None = None,
    level: str | None = None,
) -> dict[str, Any]:
    """Return the coverage of two days side by side, by the areas of the second, and the difference.

    Divisions that became others between the days are told as what they became; of one that was
    split, what its parts had before is unknown.

    Raises
    ------
    ServiceNotFound, RunNotFound, NoFacility, NoStudyArea
    """
    runs = [answering(store, settings, service_id, None, day)[0] for day in days]
    tables = [reading.coverage_table(store, service_id, run_id=run, threshold_id=threshold_id) for run in runs]
    tree = Study(store.everywhere(), settings, days[1]).tree
    before = in_codes_of(tables[0]["rows"], tree, days[0].day)
    rows = [_difference(row, before.get(row["area_code"])) for row in tables[1]["rows"]
            if level is None or row["level"] == level]
    told = ("service", "threshold", "unit")
    return {
        **{name: tables[1][name] for name in told},
        "before": {"run": tables[0]["run"], "datetime": days[0].valid_at or today(), "schematic": tables[0]["schematic"], "notes": tables[0]["notes"]},
        "after": {"run": tables[1]["run"], "datetime": days[1].valid_at or today(), "schematic": tables[1]["schematic"], "notes": tables[1]["notes"]},
        "rows": rows,
    }


def in_codes_of(rows: list[dict[str, Any]], tree: Any, day: str) -> dict[str, dict[str, float] | None]:
    """Return the people of each area by state, told in the codes of a later day; None where they are unknown."""
    by_code = {row["area_code"]: row["people"] for row in rows}
    codes = {code for code in by_code if code.startswith("*")} | set(tree.index)
    found: dict[str, dict[str, float] | None] = {}
    for code in codes:
        parts = tree.became.parts_of(code, since=day)
        known = [by_code.get(part) for part in parts]
        if parts and all(each is not None for each in known):
            found[code] = {state: sum(each[state] for each in known if each) for state in known[0] or {}}
    return found


def _difference(row: dict[str, Any], before: dict[str, float] | None) -> dict[str, Any]:
    after = row["people"]
    change = None if before is None or after is None else {state: after[state] - before.get(state, 0.0) for state in after}
    return {"area_code": row["area_code"], "name": row["name"], "level": row["level"], "before": before, "after": after,
            "difference": change}
