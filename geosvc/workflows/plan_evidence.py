"""What is registered of a plan's area, for its indicators: numbers of people, what rules find there, what the engine says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from geosvc.coverage.blank_spots import find_blank_spots
from geosvc.errors import NoFacility, RunNotFound, ServiceNotFound
from geosvc.plans.answers import Coverage, Culprit
from geosvc.plans.facts import RESIDENT
from geosvc.plans.plan import Denominator
from geosvc.registry import populations
from geosvc.workflows import reading

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from geosvc.coverage.blank_spots import Finding, Rule
    from geosvc.coverage.tree import AreaTree
    from geosvc.plans.plan import Plan
    from geosvc.registry.facilities import Registered
    from geosvc.registry.moments import AsOf
    from geosvc.registry.populations import Population
    from geosvc.store.engine import Session, Store
    from geosvc.workflows.scenario_runs import Asked


def finding_within(tree: AreaTree, area: str, coming: Sequence[Registered] = ()) -> Callable[[Rule, Sequence[Registered]], Finding]:
    """Return what finds the areas of a plan by a rule; ``coming`` are facilities elsewhere that serve some of them."""

    def finding(rule: Rule, found: Sequence[Registered]) -> Finding:
        whole = find_blank_spots(rule, tree, [*found, *(each for each in coming if each.facility.class_code.startswith(rule.classes))])
        return _only_inside(whole, area)

    return finding


def _only_inside(finding: Finding, area: str) -> Finding:
    return replace(finding, spots=tuple(each for each in finding.spots if area in each.within or each.area.code.startswith(area)))


def coverage_of(whole: Store, area: str, under: Asked | None, lacking: set[str]) -> Callable[[str, str | None], Coverage | None]:
    """Return what tells the coverage of a service by its newest run; of one that a scenario concerns, by the scenario's.

    Services of which no facility is registered are noted in ``lacking``.
    """

    def coverage(service: str, threshold: str | None) -> Coverage | None:
        run = None
        if under is not None and service in under.concerned:
            run = under.runs.get(service)
            if run is None:
                return None
        try:
            table = reading.coverage_table(whole, service, run_id=run, threshold_id=threshold)
        except (RunNotFound, ServiceNotFound):
            return None
        except NoFacility:
            lacking.add(service)
            return None
        row = next((each for each in table["rows"] if each["area_code"] == area), None)
        share = None if row is None else row["share"] and row["share"]["of_people_with_data"]
        if row is None or share is None or row["people"] is None:
            return None
        beyond = tuple(
            Culprit(kind="area", id=each["area_code"], name=each["name"], value=round(100 * each["share"]["of_people_with_data"], 1))
            for each in table["rows"] if each["level"] == "township" and each["share"] and each["share"]["of_people_with_data"] is not None
            and each["share"]["of_people_with_data"] < 1)
        return Coverage(
            share=share, covered=row["people"]["covered"], people=row["people_total"] - row["people"]["no_data"], run=table["run"],
            service=table["service"], threshold=table["threshold"]["id"], schematic=table["schematic"], areas=tuple(sorted(beyond, key=lambda each: (each.value or 0.0, each.id))))

    return coverage


def people_of(session: Session, plan: Plan, as_of: AsOf) -> list[Denominator]:
    """Return every number of people of a plan's area: the one in force first, then the newest; those of the plan file last."""
    told = [] if plan.area is None else populations.find(session, plan.area, recorded_at=as_of.recorded_at)
    chosen = populations.in_force(populations.years_of(told, as_of.day)).get(str(plan.area))
    registered = [_of_registry(each) for each in sorted(told, key=lambda each: (each is not chosen and each != chosen, -each.year, each.kind != RESIDENT))]
    known = {(each.year, each.kind, round(each.people)) for each in registered}
    return [*registered, *(each for each in plan.denominators if (each.year, each.kind, round(each.people)) not in known)]


def _of_registry(figure: Population) -> Denominator:
    return Denominator(year=figure.year, people=figure.people, kind=figure.kind, status=figure.status, source=figure.source, groups=dict(figure.groups))
