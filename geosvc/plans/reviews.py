"""When what a plan asks for again and again is due: monitoring every year, evaluations at the middle and at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geosvc.plans.plan import Plan, Statement

REVIEWS = ("mid", "end")
ANNUAL, CYCLE = "annual", "cycle"


@dataclass(frozen=True, kw_only=True)
class Review:
    """Something that is due in years of a plan's period: every year, every few years, at its middle or its end."""

    what: str
    years: tuple[int, ...]


def reviews_of(statement: Statement, plan: Plan) -> tuple[Review, ...]:
    """Return what a statement asks for, with the years in which it is due.

    Plans name no days: a cycle of n years ends with the n-th year of the period, the middle of 2021-2025 is 2023, the end 2025.
    """
    first, last = plan.period
    found = []
    if statement.every_years is not None:
        step = statement.every_years
        found.append(Review(what=ANNUAL if step == 1 else CYCLE, years=tuple(range(first + step - 1, last + 1, step))))
    middle = {"mid": first + (last - first) // 2, "end": last}
    return (*found, *(Review(what=each, years=(middle[each],)) for each in statement.reviews))
