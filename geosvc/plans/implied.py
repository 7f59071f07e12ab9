"""The numbers of people that a plan was written with: what its counts and rates imply, each an interval."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from geosvc.plans.facts import RESIDENT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.plans.facts import Fact

# Two populations are the same if they differ by less: sources round, and count at other days of the year.
SAME_PEOPLE = 0.01


@dataclass(frozen=True, kw_only=True)
class Implied:
    """The number of people that a count and its rate imply, and between which it lies."""

    count: Fact
    rate: Fact
    low: float
    high: float

    @property
    def middle(self) -> float:
        """The count by the rate as printed."""
        return self.count.value / self.rate.value * self.rate.per


def implied_people(facts: Sequence[Fact]) -> list[Implied]:
    """Return the number of people that each count implies with the rate of the same measure, facilities and year."""
    found = []
    for rate in facts:
        if not rate.is_rate or rate.people != RESIDENT or rate.low <= 0:
            continue
        for count in facts:
            same = count.of == rate.of and count.year == rate.year and count.goal == rate.goal
            if count.is_rate or count.low <= 0 or not same or not _same_measure(count, rate):  # a count of 0 implies nobody
                continue
            found.append(Implied(count=count, rate=rate, low=count.low / rate.high * rate.per, high=count.high / rate.low * rate.per))
    return found


def _same_measure(count: Fact, rate: Fact) -> bool:
    """Whether a count is of what the rate counts; a list of planned facilities has authorised beds only."""
    return count.measure == rate.measure or (bool(count.listed) and rate.goal and count.measure.id == rate.measure.instead)


def near(one: Implied, people: float) -> bool:
    """Return whether a number of people is what a count and a rate imply, rounding and other days of counting allowed."""
    return one.low * (1 - SAME_PEOPLE) <= people <= one.high * (1 + SAME_PEOPLE)


def clusters_of(implied: Sequence[Implied]) -> list[list[Implied]]:
    """Return the fewest groups of which each has a number of people that all of its members allow."""
    found: list[tuple[float, list[Implied]]] = []
    for one in sorted(implied, key=lambda each: each.high):
        if found and near(one, found[-1][0]):
            found[-1][1].append(one)
        else:
            found.append((one.high * (1 + SAME_PEOPLE), [one]))
    return [members for _people, members in found]


def middle_of(cluster: Sequence[Implied]) -> float:
    """Return the number of people that all members of a cluster allow best."""
    low, high = max(each.low for each in cluster), min(each.high for each in cluster)
    return (low + high) / 2 if low <= high else sum(each.middle for each in cluster) / len(cluster)
