"""Small plans and what is registered beside them, for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from geosvc.coverage.blank_spots import Rule, find_blank_spots
from geosvc.coverage.tree import AreaTree
from geosvc.plans.answers import Answer, Coverage, Evidence, Why
from geosvc.plans.documents import read_plan
from geosvc.plans.plan import Denominator, Plan
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility, Registered

HEAD = """
plan: {id: made, title: 示例规划, issuer: 示例县, period: 2021-2025, area: "990000"}
"""
CENSUS = Denominator(year=2020, people=100_000, kind="resident", status="census", source="普查", groups={"0_14": 15_000})


def plan_of(text: str, more: str = "") -> Plan:
    """Return a plan of the statements in a text (YAML); it must hold together."""
    plan = read_plan(f"{HEAD}{more}\nstatements:\n{text}")
    assert not plan.problems, plan.problems
    return plan


def stock(name: str, measure: str, value: str, *, of: str = "all", year: int = 2020) -> str:
    """Return a statement that counts something."""
    return f"  - {{id: {name}, quote: q, kind: STOCK, year: {year}, indicator: {{compute: {{stock: {{measure: {measure}, of: {of}}}}}, baseline: '{value}'}}}}\n"


def rate(name: str, measure: str, baseline: str, target: str = "", *, of: str = "all", per: int = 1000) -> str:
    """Return a statement of something for so many people, 2020 and 2025."""
    goal = f", target: '{target}'" if target else ""
    return (f"  - {{id: {name}, quote: 每千人口{name}, kind: DENS, year: 2020->2025, indicator: {{compute: {{density: {{measure: {measure}, of: {of}, per: {per}}}}}, "
            f"baseline: '{baseline}'{goal}}}}}\n")


def evidence(
    facilities: Sequence[Facility] = (), *, people: Sequence[Denominator] = (CENSUS,), areas: Sequence[Area] = (), coverage: Coverage | None = None,
    year: int = 2025, answer: Callable[[str], Answer] = lambda _name: Answer(why=Why.NO_FIGURES)
) -> Evidence:
    """Return what is registered: facilities, people, areas, and one answer of the engine."""
    tree = AreaTree(tuple(areas))
    found = [Registered(id=n, revision=n, recorded_at="2026-01-01T00:00:00Z", valid_from=None, facility=each) for n, each in enumerate(facilities, 1)]

    def finding(rule: Rule, some: Sequence[Registered]) -> Any:
        return find_blank_spots(rule, tree, some)

    return Evidence(facilities=found, people=tuple(people), finding=finding, coverage=lambda _service, _threshold: coverage,
                    year=year, answer=answer)
