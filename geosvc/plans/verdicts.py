"""Whether a target is met: from the value as of a day, the baseline, and what is not known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from geosvc.plans.plan import Status
from geosvc.plans.targets import Form

if TYPE_CHECKING:
    from geosvc.plans.answers import Answer
    from geosvc.plans.plan import Figure, Indicator, Statement


class Verdict(StrEnum):
    """How an indicator stands to its target."""

    MET = "met"
    ON_COURSE = "on_course"
    BEHIND = "behind"
    UNDECIDED = "undecided"            # what is not known decides
    BRANCHES = "branches"              # met or not, depending on the number of people
    NOT_COMPUTABLE = "not_computable"
    NO_FIGURE = "no_figure"            # stored and trended, and nothing was reported since the baseline
    NO_TARGET = "no_target"            # the plan sets none
    RECORDED = "recorded"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """An indicator beside its target.

    ``distance`` is what is missing, in the unit of the value: 0 where it is met. ``from_year`` is that of the value.
    ``weaker`` says that the baseline met the target already, ``provisional`` that the plan has not fixed it,
    ``overdue`` that its year is over.
    """

    verdict: Verdict
    distance: float | None = None
    expected: float | None = None
    from_year: int | None = None
    weaker: bool = False
    provisional: bool = False
    overdue: bool = False


def standing_of(statement: Statement, indicator: Indicator, answer: Answer | None, *, day: str) -> Standing:
    """Return how an indicator stands to its target on a day (ISO).

    Computed values are of the day; stored ones of the newest year until then that somebody reported.
    """
    marks = {"provisional": statement.status is Status.PROVISIONAL, "weaker": _is_weaker(indicator),
             "overdue": indicator.target is not None and int(day[:4]) > indicator.target.year}
    target = _asked(indicator)
    without = _without_value(indicator, answer, target)
    if without is not None or target is None:
        return Standing(verdict=without or Verdict.NO_TARGET, **marks)
    if answer is not None:
        year = int(day[:4])
        return _judged(indicator, target, answer.interval, year + (int(day[5:7]) - 1) / 12, year, marks)
    told = [each for each in indicator.observed if each.value is not None and each.year <= int(day[:4])]
    newest = max(told, key=lambda each: each.year, default=None)
    if newest is None:
        return Standing(verdict=Verdict.NO_FIGURE, **marks)
    return _judged(indicator, target, (newest.value, newest.value), float(newest.year), newest.year, marks)


def _without_value(
    indicator: Indicator, answer: Answer | None, target: tuple[float | None, float | None] | None
) -> Verdict | None:
    """Return the verdict where no value is held against a target; None where one is."""
    if indicator.way is None and not indicator.figures:
        return Verdict.RECORDED
    if answer is not None and not answer.is_computable:
        return Verdict.NOT_COMPUTABLE
    if indicator.way == "bands" and answer is not None:
        return _of_branches(answer)
    return Verdict.NO_TARGET if target is None else None


# Asked of every facility or area: all of them are to meet it, unless the plan names a share.
_OF_EACH = ("each_facility", "each_area", "mobile", "related")


def _asked(indicator: Indicator) -> tuple[float | None, float | None] | None:
    figure, baseline = indicator.target, indicator.baseline
    if indicator.way in _OF_EACH and (figure is None or not indicator.asks_a_share):
        return (100.0, None)
    if figure is None:
        return None
    return figure.target.bounds(
        None if baseline is None else baseline.value, years=None if baseline is None else figure.year - baseline.year, better=indicator.better)


def _judged(
    indicator: Indicator, bounds: tuple[float | None, float | None], interval: tuple[float | None, float | None], moment: float, year: int,
    marks: dict[str, bool],
) -> Standing:
    low, high = interval
    worst, best = _distance(bounds, interval)
    if worst == 0:
        return Standing(verdict=Verdict.MET, distance=0.0, from_year=year, **marks)
    if best == 0:
        return Standing(verdict=Verdict.UNDECIDED, from_year=year, **marks)
    expected = _expected(indicator, bounds, moment)
    on_course = expected is not None and low is not None and high is not None and low == high and _reaches(low, expected, bounds)
    return Standing(verdict=Verdict.ON_COURSE if on_course else Verdict.BEHIND, distance=best, expected=expected, from_year=year, **marks)


def _distance(bounds: tuple[float | None, float | None], interval: tuple[float | None, float | None]) -> tuple[float, float]:
    """Return how far the worst and the best value that an interval allows are from bounds; open ends are infinitely far."""
    def far(value: float) -> float:
        below = 0.0 if bounds[0] is None else max(0.0, bounds[0] - value)
        above = 0.0 if bounds[1] is None else max(0.0, value - bounds[1])
        return 0.0 if max(below, above) < _ROUNDED else max(below, above)

    low = float("-inf") if interval[0] is None else interval[0]
    high = float("inf") if interval[1] is None else interval[1]
    inside = (bounds[0] is None or high >= bounds[0] - _ROUNDED) and (bounds[1] is None or low <= bounds[1] + _ROUNDED)
    return max(far(low), far(high)), 0.0 if inside else min(far(low), far(high))


_ROUNDED = 1e-9


def _expected(indicator: Indicator, bounds: tuple[float | None, float | None], moment: float) -> float | None:
    """Return where the value would be on a straight line from baseline to target; None once the year of the target is over."""
    baseline, target = indicator.baseline, indicator.target
    goal = bounds[0] if bounds[0] is not None else bounds[1]
    if baseline is None or target is None or baseline.value is None or goal is None or not baseline.year < target.year:
        return None
    end = target.year + 1.0  # a target for 2025 is due at its end
    if moment >= end:
        return None
    return baseline.value + (goal - baseline.value) * max(0.0, moment - baseline.year) / (end - baseline.year)


def _reaches(value: float, expected: float, bounds: tuple[float | None, float | None]) -> bool:
    return value >= expected if bounds[0] is not None else value <= expected


def _is_weaker(indicator: Indicator) -> bool:
    baseline, target = indicator.baseline, indicator.target
    if baseline is None or target is None or baseline.value is None or target.target.form in (Form.STABLE, Form.RATIO, Form.NOT_SET):
        return False
    if indicator.way in _OF_EACH:
        return False
    bounds = target.target.bounds(baseline.value, years=target.year - baseline.year, better=indicator.better)
    return bounds is not None and not target.target.about and target.target.meets(baseline.value, bounds)


def _of_branches(answer: Answer) -> Verdict:
    """Return whether a measure meets the target of its band, with every number of people."""
    told = {_meets(branch["bounds"], answer) for branch in answer.by_people}
    if not told:
        return Verdict.NOT_COMPUTABLE
    if len(told) > 1:
        return Verdict.BRANCHES
    return {True: Verdict.MET, False: Verdict.BEHIND, None: Verdict.UNDECIDED}[told.pop()]


def _meets(bounds: tuple[float | None, float | None] | None, answer: Answer) -> bool | None:
    if bounds is None:
        return None
    worst, best = _distance(bounds, answer.interval)
    return True if worst == 0 else None if best == 0 else False


def trend_of(indicator: Indicator) -> tuple[Figure, ...]:
    """Return the figures of the years that somebody reported, without the target."""
    return tuple(each for each in indicator.figures if each is not indicator.target)
