"""How evenly a service reaches people: between areas, and between people.

A share of the county hides who is left out; these figures say how unevenly it is spread. They are
computed from the rows of a coverage table, so they cannot disagree with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from geosvc.coverage.states import CoverageState
from geosvc.registry.areas import LEVELS, ZONE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

WORST_SHARE = 0.2
_FEWEST_AREAS = 2
# Levels whose areas hold nobody twice; zones may overlap as they like.
_DIVISIONS = tuple(level for level in LEVELS if level != ZONE)


def gini(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float | None:
    """Return the Gini coefficient of values of which each counts for as many people as its weight.

    With x_i the values, w_i the weights, W their sum and m the weighted mean of x,

        G = sum_i sum_j w_i w_j |x_i - x_j| / (2 W^2 m)

    half the mean difference of two people chosen at random, as a part of the mean (Gini 1912; Sen
    1973, *On Economic Inequality*, ch. 2). It is computed as one less twice the area under the Lorenz
    curve, by trapezoids, which is the same number.

    0 = everybody has the same; it stays below 1 - w/W, with w the smallest weight. It does not change
    when all values, or all weights, are multiplied by a number, nor when an area is divided into
    parts with the same value.

    Parameters
    ----------
    values : array of float, shape (n,)
        0 or more.
    weights : array of float, shape (n,)
        People; 0 or more.

    Returns
    -------
    gini : float or None
        None where nobody is counted, or nobody has anything: 0 of 0 has no inequality to speak of.

    Examples
    --------
    Two townships of 100 people; in one everybody is covered, in the other half:

    >>> round(gini(np.array([1.0, 0.5]), np.array([100.0, 100.0])), 4)
    0.1667
    """
    total, held = float(weights.sum()), float((weights * values).sum())
    if total <= 0 or held <= 0:
        return None
    order = np.argsort(values, kind="stable")
    people = weights[order] / total
    lorenz = np.concatenate(([0.0], np.cumsum(weights[order] * values[order]) / held))
    # Rounding may leave a hair below 0 where all are equal.
    return max(0.0, 1.0 - float((people * (lorenz[1:] + lorenz[:-1])).sum()))


def worst_served(shares: NDArray[np.float64], people: NDArray[np.float64], part: float = WORST_SHARE) -> float | None:
    """Return the share covered among that part of the people who live in the worst-served areas.

    The area on the border is counted in part, as if everybody in an area were covered alike: who
    within it is covered is not asked.

    Parameters
    ----------
    shares : array of float, shape (n,)
        Share of the people of each area that is covered.
    people : array of float, shape (n,)
    part : float
        Above 0, at most 1.

    Returns
    -------
    share : float or None
        None where nobody is counted.

    Examples
    --------
    The worst-served fifth of 200 people are the 10 of the first area and 30 of the second:

    >>> worst_served(np.array([0.0, 0.4, 1.0]), np.array([10.0, 90.0, 100.0]))
    0.3
    """
    wanted = part * float(people.sum())
    if wanted <= 0:
        return None
    taken = people_of_worst(shares, people, part)
    return float((taken * shares).sum() / wanted)


def people_of_worst(shares: NDArray[np.float64], people: NDArray[np.float64], part: float = WORST_SHARE) -> NDArray[np.float64]:
    """Return how many people of each area belong to the worst-served part; shape (n,)."""
    order = np.argsort(shares, kind="stable")
    before = np.cumsum(people[order]) - people[order]
    taken = np.zeros(len(people))
    taken[order] = np.clip(part * float(people.sum()) - before, 0.0, people[order])
    return taken


def equity_by_level(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the equity figures of each level with at least two areas in which somebody of a known state lives.

    Parameters
    ----------
    rows : sequence of mapping
        Rows of a coverage table: ``area_code``, ``level``, ``people`` by state (None = unknown).

    Returns
    -------
    levels : dict
        By level: ``areas`` and ``people`` that are counted, ``people_no_data`` and ``areas_unknown``
        that are not, ``gini`` of the shares covered, and ``worst_fifth`` with its ``share``, its
        ``people`` and the codes of its ``areas``, worst first. A share is that of the people whose
        state is known: of the others nobody can say that they are not covered.
    """
    found = {level: _of_level([row for row in rows if row["level"] == level]) for level in _DIVISIONS}
    return {level: told for level, told in found.items() if told is not None}


def _of_level(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    counted = [row for row in rows if row["people"] is not None]
    no_data = sum(row["people"][CoverageState.NO_DATA.word] for row in counted)
    known = [(row, sum(row["people"].values()) - row["people"][CoverageState.NO_DATA.word]) for row in counted]
    known = [(row, number) for row, number in known if number > 0]
    if len(known) < _FEWEST_AREAS:
        return None
    people = np.array([number for _row, number in known])
    shares = np.array([row["people"][CoverageState.COVERED.word] for row, _number in known]) / people
    taken = people_of_worst(shares, people)
    worst = [int(i) for i in np.argsort(shares, kind="stable") if taken[i] > 0]
    return {
        "areas": len(known), "people": float(people.sum()), "people_no_data": float(no_data), "areas_unknown": len(rows) - len(counted),
        "gini": gini(shares, people),
        "worst_fifth": {
            "share": worst_served(shares, people), "people": float(taken.sum()), "areas": [known[i][0]["area_code"] for i in worst]},
    }


def gini_of_curve(people: Sequence[float] | None, step: float) -> dict[str, Any] | None:
    """Return the Gini coefficient of how far people are, from a curve of people by steps.

    Everybody of a step is taken to be in its middle, so differences within a step are left out and
    the figure is a little too small. Who is not reached at all has no time, and is not in it.

    Parameters
    ----------
    people : sequence of float or None
        ``people[k]`` are farther than ``(k - 1) * step`` and at most ``k * step`` away, ``people[0]`` at a
        facility; the last entry holds everybody farther (:func:`geosvc.coverage.measure.histogram`).
    step : float
        In the unit of the service, minutes or km.

    Returns
    -------
    figure : dict or None
        ``gini``, the ``people`` in it, and ``people_farther`` than the curve goes. ``gini`` is None where there are
        any of those: how far they are is not known from the curve. None where people are unknown.
    """
    if not people:
        return None
    within, farther = np.array(people[:-1], dtype=np.float64), float(people[-1])
    places = np.maximum(np.arange(len(within)) - 0.5, 0.0) * step
    return {"gini": None if farther > 0 else gini(places, within), "people": float(within.sum()), "people_farther": farther, "step": step}
