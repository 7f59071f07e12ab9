"""What a plan states as numbers: of which measure and facilities, for which year, and how exactly it was printed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from geosvc.plans.targets import Form
from geosvc.plans.vocabulary import Group, Measure, groups, measures
from geosvc.registry.populations import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from geosvc.plans.plan import Figure, Indicator, Plan, Statement

RESIDENT = "resident"
UNSTATED = "unstated"  # a plan that does not say whether its people are residents
PEOPLE_KINDS = (*KINDS, UNSTATED)


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A figure of a plan.

    ``value`` lies between ``low`` and ``high``, the numbers that are printed so. ``per`` is 1 of a count, else the number of
    people that a rate is for; ``people`` which people these are. ``goal`` tells a target from what is so.
    ``listed`` are the statements of which the plan's own list adds up to it.
    """

    statement: str
    indicator: str
    measure: Measure
    of: Group
    year: int
    value: float
    low: float
    high: float
    text: str
    per: int = 1
    people: str = RESIDENT
    goal: bool = False
    about: bool = False
    listed: tuple[str, ...] = ()

    @property
    def is_rate(self) -> bool:
        """Whether it is for a number of people."""
        return self.per > 1

    def for_one(self) -> tuple[float, float]:
        """Return the interval for one person (of a count: for all)."""
        return self.low / self.per, self.high / self.per


def rounding(text: str, value: float) -> tuple[float, float]:
    """Return the smallest and the largest number that is printed as a text.

    Examples
    --------
    >>> rounding("2.88", 2.88)
    (2.875, 2.885)
    >>> rounding("626", 626)
    (626, 626)
    """
    decimals = re.search(r"\d+\.(\d+)", text)
    if decimals is None:
        return value, value
    half = 0.5 * 10 ** -len(decimals[1])
    return round(value - half, 9), round(value + half, 9)


def facts_of(plan: Plan) -> list[Fact]:
    """Return the counts and rates that a plan states, with those that its changes and lists imply."""
    stated = [each for statement in plan.statements for each in _of_statement(statement)]
    return [*stated, *_listed(stated), *_inventories(plan, stated)]


def _of_statement(statement: Statement) -> Iterator[Fact]:
    for indicator in statement.indicators:
        per = int(indicator.given.get("per", 1))
        measure = measures()["institutions"] if indicator.way == "count" else indicator.given.get("measure")
        if indicator.way not in ("density", "stock", "count") or measure is None or indicator.given.get("having"):
            continue
        for figure in indicator.figures:
            fact = _fact(statement, indicator, measure, figure, per)
            if fact is None:
                continue
            yield fact
            if indicator.change is not None and figure is indicator.baseline:
                since, by = indicator.change
                yield replace(fact, year=since, value=fact.value - by, low=fact.low - by, high=fact.high - by)


def _fact(statement: Statement, indicator: Indicator, measure: Measure, figure: Figure, per: int) -> Fact | None:
    if figure.target.form is not Form.VALUE or figure.value is None:
        return None
    low, high = rounding(figure.text, figure.value)
    return Fact(
        statement=statement.id, indicator=indicator.id, measure=measure, of=indicator.given["of"], year=figure.year, value=figure.value,
        low=low, high=high, text=figure.text, per=per, people=indicator.given.get("people", RESIDENT), goal=figure is indicator.target,
        about=figure.target.about)


def _listed(stated: Sequence[Fact]) -> Iterator[Fact]:
    """Yield what the facilities that a plan names one by one add up to, for each group of several that it speaks of."""
    named = [each for each in stated if each.of.names and not each.is_rate]
    # A list of facilities is not said to hold all of them, but those of a group that the plan speaks of.
    spoken_of = {each.of.id: each.of for each in stated if not each.of.names and each.of != groups()["all"]}
    for goal in (False, True):
        for measure in {each.measure.id: each.measure for each in named}.values():
            for year in sorted({each.year for each in named if each.goal == goal}):
                ours = [each for each in named if (each.goal, each.measure, each.year) == (goal, measure, year)]
                for group in spoken_of.values():
                    yield from _sum_of([each for each in ours if each.of.within(group)], group)


def _inventories(plan: Plan, stated: Sequence[Fact]) -> Iterator[Fact]:
    """Yield what the types of an inventory add up to."""
    for each in plan.inventories:
        parts = [fact for fact in stated if fact.indicator in each.parts and fact.year == each.year and not fact.is_rate]
        if len(parts) == len(each.parts):
            yield from _sum_of(parts, each.of)


def _sum_of(parts: Sequence[Fact], group: Group) -> Iterator[Fact]:
    if parts:
        total = sum(each.value for each in parts)
        yield replace(
            parts[0], of=group, value=total, low=total, high=total, text=f"{total:g}", listed=tuple(each.statement for each in parts),
            about=any(each.about for each in parts))
