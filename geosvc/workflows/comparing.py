"""Two scenarios side by side, or a scenario beside the baseline: people by area, totals, and the difference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geosvc.coverage import services
from geosvc.coverage.changes import Changes, changes_from
from geosvc.coverage.services import service_from
from geosvc.registry.areas import LEVELS
from geosvc.workflows import reading, workspace
from geosvc.workflows.scenario_runs import run_of
from geosvc.workflows.scenarios import BASELINE, facilities_named

if TYPE_CHECKING:
    from geosvc.accounts.people import Person
    from geosvc.store.engine import Store

_TOTALS = ("gaps", "gaps_with_people", "people_in_gaps", "largest_gap_people", "p50", "p90")
# What of a run's inputs a scenario may change; all else must be alike, or the difference is not the scenario's.
_OWN = ("changes", "conditions", "service", "facilities", "to_be_located", "then", "title", "to_be_located_in_registry")
_COMPARED = LEVELS[: LEVELS.index("township") + 1]


def compare(
    store: Store, person: Person, first: str, second: str, *, service_id: str | None = None, threshold_id: str | None = None
) -> dict[str, Any]:
    """Return coverage of two scenarios by area, and second minus first.

    Parameters
    ----------
    first, second : str
        The number of a scenario, or ``baseline``.
    service_id : str, optional
        The default service unless named.
    threshold_id : str, optional
        The first limit unless named.

    Returns
    -------
    table : dict
        ``first`` and ``second`` (scenario, run, totals, least covered division, notes), ``difference`` of the totals,
        ``rows`` by area. ``same_data`` is false where the runs rest on different roads, people, areas or registered
        facilities: the difference is then not the scenarios' alone. What is unknown in one is None in the difference.

    Raises
    ------
    ScenarioNotFound, ServiceNotFound
    RunNotFound
        If one of them is not measured.
    """
    with store.reading() as session:
        wanted = services.get(session, service_id or workspace.default_service(session)).id
    sides = [_side(store, person, each, wanted, threshold_id) for each in (first, second)]
    tables = [side.pop("table") for side in sides]
    records = [side.pop("record") for side in sides]
    before = {row["area_code"]: row for row in tables[0]["rows"]}
    return {
        **{name: tables[1][name] for name in ("service", "unit", "threshold")},
        "first": sides[0], "second": sides[1], "same_data": _same_data(*records),
        "difference": {name: _minus(sides[1]["totals"][name], sides[0]["totals"][name]) for name in sides[0]["totals"]},
        "rows": [_row(before.get(row["area_code"]), row) for row in tables[1]["rows"]],
        "schematic": any(table["schematic"] for table in tables),
    }


def _side(store: Store, person: Person, scenario: str, service_id: str, threshold_id: str | None) -> dict[str, Any]:
    run, told = run_of(store, person, scenario, service_id)
    table = reading.coverage_table(store, service_id, run_id=run, threshold_id=threshold_id)
    record = reading.run_record(store, table["run"])
    figures = record["summary"]["thresholds"][table["threshold"]["id"]]
    people = figures["people"]
    return {
        "scenario": told.get("scenario"), "run": table["run"], "measured_at": table["created_at"], "changed_since": table["changed_since"],
        "facilities": record["summary"]["facilities"]["used"], "notes": table["notes"], "schematic": table["schematic"],
        "totals": {
            "people_covered": None if people is None else people["covered"],
            "people_not_covered": None if people is None else sum(people.values()) - people["covered"],
            "share": None if figures["share"] is None else figures["share"]["of_all_people"],
            **{name: figures.get(name) for name in _TOTALS},
        },
        "least_covered": least_covered(table["rows"]), "table": table, "record": record,
    }


def least_covered(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the township with the smallest share of people covered; None where nobody can say.

    The plainest measure of fairness: how those fare who fare worst. Where there are no townships it is a division of the
    level above; villages are too small, some are always at 0.
    """
    known = [row for row in rows if row["level"] in _COMPARED and row["share"] and row["share"]["of_all_people"] is not None]
    if not known:
        return None
    lowest = max((row["level"] for row in known), key=LEVELS.index)
    worst = min((row for row in known if row["level"] == lowest), key=lambda row: (row["share"]["of_all_people"], row["area_code"]))
    return {"area_code": worst["area_code"], "name": worst["name"], "level": lowest, "share": worst["share"]["of_all_people"]}


def _row(before: dict[str, Any] | None, after: dict[str, Any]) -> dict[str, Any]:
    first, second = (None if each is None else _figures(each) for each in (before, after))
    difference = None
    if first is not None and second is not None:
        difference = {name: _minus(second[name], first[name]) for name in ("covered", "not_covered", "share", "p50", "p90")}
    return {"area_code": after["area_code"], "name": after["name"], "level": after["level"], "people_total": after["people_total"],
            "first": first, "second": second, "difference": difference}


def _figures(row: dict[str, Any]) -> dict[str, Any]:
    people = row["people"]
    return {
        "people": people, "covered": None if people is None else people["covered"],
        "not_covered": None if people is None else sum(people.values()) - people["covered"],
        "share": None if not row["share"] else row["share"]["of_all_people"], "p50": row["p50"], "p90": row["p90"],
    }


def _minus(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before


def _same_data(first: dict[str, Any], second: dict[str, Any]) -> bool:
    """Return whether two runs differ in nothing but what scenarios change."""
    if first["id"] == second["id"]:
        return True
    one, other = first["inputs"], second["inputs"]
    if any(one.get(name) != other.get(name) for name in set(one) | set(other) if name not in _OWN):
        return False
    touched = _touched(first) | _touched(second)
    same_services = _plain(first) == _plain(second)
    return same_services and _marks(one, touched) == _marks(other, touched)


def _touched(run: dict[str, Any]) -> set[int]:
    changes: Changes = changes_from(run["parameters"].get("changes", {}))
    return {*facilities_named(changes), *(each.id for each in changes.opened())}


def _marks(inputs: dict[str, Any], touched: set[int]) -> tuple[list[Any], list[Any]]:
    return ([each for each in inputs["facilities"] if each[0] not in touched], [one for one in inputs["to_be_located"] if one not in touched])


def _plain(run: dict[str, Any]) -> Any:
    """Return the service of a run without the conditions, which a scenario may add."""
    return {name: value for name, value in service_from(run["parameters"]["service"]).as_dict().items() if name != "conditions"}


__all__ = ["BASELINE", "compare", "least_covered"]
