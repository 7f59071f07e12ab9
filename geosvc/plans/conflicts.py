"""Contradictions between the figures of a plan, and between them and the numbers of people that are registered.

A check states what does not fit and what each denominator would give. It never says why: that is not known.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

from geosvc.plans.facts import RESIDENT, UNSTATED, Fact, facts_of, rounding
from geosvc.plans.implied import SAME_PEOPLE, Implied, clusters_of, implied_people, middle_of, near
from geosvc.plans.targets import Form, band_of
from geosvc.plans.vocabulary import is_part, measures

if TYPE_CHECKING:
    from geosvc.plans.plan import Denominator, Figure, Indicator, Plan

_YEARS_NEAR = 5 - 1  # a census stands for the years of the plan after it, not for those of the plan before
_CLEARLY = 1.05  # where a figure is about so much
_TABLE = 3  # statements that stand so near are of one table
_DECADES = (-3, -2, -1, 1, 2, 3)
HIGH, MEDIUM, LOW = "high", "medium", "low"


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """One contradiction: which check found it, in which statements, and the figures that do not fit.

    ``values`` fill the sentence ``conflict_<check>`` of the languages. ``instead`` are the values of a rate with every
    number of people that is known: (label, people, value).
    """

    check: str
    severity: str
    statements: tuple[str, ...]
    values: dict[str, Any] = field(default_factory=dict)
    instead: tuple[tuple[str, float, float], ...] = ()


def find_conflicts(plan: Plan, denominators: Sequence[Denominator]) -> list[Conflict]:
    """Return the contradictions that the figures show, the gravest first.

    Parameters
    ----------
    plan : Plan
    denominators : sequence of Denominator
        Every number of people that is registered for the plan's area, of any year.
    """
    facts = facts_of(plan)
    case = _Case(plan, facts, tuple(denominators), implied_people(facts))
    found = [each for check in CHECKS for each in check(case)]  # what explains most comes first
    return sorted(found, key=lambda each: (HIGH, MEDIUM, LOW).index(each.severity))


@dataclass(frozen=True)
class _Case:
    plan: Plan
    facts: list[Fact]
    denominators: tuple[Denominator, ...]
    implied: list[Implied]

    def fits(self, one: Implied) -> bool:
        """Whether some registered number of people is what a count and a rate imply."""
        return any(near(one, each.people) for each in self.denominators)

    def factor(self, one: Implied) -> int | None:
        """Return the power of ten that brings what is implied to what is registered, or to what others imply nearer to that."""
        if self.fits(one):
            return None
        others = [each.middle for each in self.implied if each.count.year == one.count.year and self._far(each.middle) < self._far(one.middle)]
        people = [each.people for each in self.denominators]
        return next((decade for decade in _DECADES for each in (*people, *others) if near(one, each / 10**decade)), None)

    def _far(self, people: float) -> float:
        """Return how far a number of people is from the nearest that is registered, in powers of ten."""
        return min((abs(math.log10(people / each.people)) for each in self.denominators), default=math.inf)

    def instead(self, count: Fact, per: int) -> tuple[tuple[str, float, float], ...]:
        """Return a count for so many people, with each registered number of them."""
        return tuple((f"{each.year} {each.source}", each.people, count.value / each.people * per) for each in self.denominators)


# -- counts and rates ------------------------------------------------------------------------


def _implied_population(case: _Case) -> Iterator[Conflict]:
    """A count and its rate imply a number of people that nobody registered."""
    usual = [each for each in case.implied if case.factor(each) is None]
    for year in sorted({each.count.year for each in usual}):
        for goal in (False, True):
            ours = [each for each in usual if (each.count.year, each.count.goal) == (year, goal) and not case.fits(each)]
            for cluster in sorted(clusters_of(ours), key=len, reverse=True):
                if case.denominators and not _back_cast(case, cluster):
                    yield _implied_conflict(case, cluster, year)


def _back_cast(case: _Case, cluster: Sequence[Implied]) -> bool:
    """Whether a cluster is of a year for which no number of people is registered near it."""
    years = [each.year for each in case.denominators]
    return not any(abs(year - cluster[0].count.year) <= _YEARS_NEAR for year in years)


def _implied_conflict(case: _Case, cluster: Sequence[Implied], year: int) -> Conflict:
    first = min(cluster, key=lambda each: each.high - each.low)
    return Conflict(
        check="implied_population", severity=HIGH, statements=_statements(each for one in cluster for each in (one.count, one.rate)),
        values={
            "year": year, "implied": round(middle_of(cluster)), "low": round(max(each.low for each in cluster)), "high": round(min(each.high for each in cluster)),
            "registered": [{"year": each.year, "people": each.people, "source": each.source} for each in case.denominators],
            "count": first.count.value, "rate": first.rate.text, "per": first.rate.per, "measure": first.rate.measure.id, "of": first.rate.of.id,
            "examples": _examples(cluster)},
        instead=case.instead(first.count, first.rate.per))


def _examples(cluster: Sequence[Implied]) -> list[dict[str, Any]]:
    """Return the divisions of a cluster, each once."""
    found = {}
    for one in cluster:
        whole = one.rate.of.id == "all"
        found[one.rate.measure.id, one.rate.of.id, one.count.value, one.rate.text] = {
            "measure": one.rate.measure.id, "of_zh": "" if whole else one.rate.of.zh, "of_en": "" if whole else one.rate.of.en,
            "count": one.count.value, "rate": one.rate.text, "per": one.rate.per, "people": round(one.middle), "low": round(one.low), "high": round(one.high)}
    return list(found.values())


def _populations_differ(case: _Case) -> Iterator[Conflict]:
    """Figures of one year imply several numbers of people."""
    usual = [each for each in case.implied if case.factor(each) is None and not each.count.goal]
    for year in sorted({each.count.year for each in usual}):
        clusters = clusters_of([each for each in usual if each.count.year == year])
        if len(clusters) > 1:
            yield Conflict(
                check="populations_differ", severity=HIGH,
                statements=_statements(each for cluster in clusters for one in cluster for each in (one.count, one.rate)),
                values={"year": year, "people": [round(middle_of(cluster)) for cluster in clusters],
                        "examples": [_examples(cluster)[0] for cluster in clusters]})


def _denominator_changes(case: _Case) -> Iterator[Conflict]:
    """Baseline and target of an indicator were divided by different numbers of people: they cannot be compared."""
    for statement in case.plan.statements:
        for indicator in statement.indicators:
            now = [each for each in case.implied if each.rate.indicator == indicator.id and not each.rate.goal]
            then = [each for each in case.implied if each.rate.indicator == indicator.id and each.rate.goal]
            if now and then and not any(near(a, b.middle) or near(b, a.middle) for a in now for b in then):
                yield Conflict(
                    check="denominator_changes", severity=HIGH, statements=_statements([*(each.count for each in (*now, *then)), now[0].rate]),
                    values={"indicator": indicator.name, "baseline": now[0].rate.text, "target": then[0].rate.text,
                            "baseline_people": round(now[0].middle), "target_people": round(then[0].middle)})


def _unit_factor(case: _Case) -> Iterator[Conflict]:
    """A rate fits the people of the others only if it is for ten (hundred …) times as many."""
    for one in case.implied:
        decade = case.factor(one)
        if decade is not None:
            yield Conflict(
                check="unit_factor", severity=HIGH, statements=_statements([one.count, one.rate]),
                values={"rate": one.rate.text, "per": one.rate.per, "fits_per": one.rate.per * 10**decade if decade > 0 else one.rate.per / 10**-decade,
                        "count": one.count.value, "measure": one.rate.measure.id, "of": one.rate.of.zh, "of_en": one.rate.of.en, "year": one.rate.year,
                        "implied": round(one.middle)},
                instead=case.instead(one.count, one.rate.per))


def _part_over_whole(case: _Case) -> Iterator[Conflict]:
    """A part is greater than what it is a part of."""
    for part in case.facts:
        wholes = [each for each in case.facts if _is_part(part, each) and part.for_one()[0] > each.for_one()[1] * (1 + 1e-9)]
        wholes = [each for each in wholes if not (each.about or part.about) or part.for_one()[0] > each.for_one()[1] * _CLEARLY]
        if wholes:
            whole = min(wholes, key=lambda each: each.for_one()[1])
            yield Conflict(
                check="part_over_whole", severity=HIGH, statements=_statements([part, *wholes]),
                values={"part": part.measure.id, "part_of": part.of.zh, "part_of_en": part.of.en, "part_text": part.text, "part_per": part.per, "year": part.year,
                        "whole": whole.measure.id, "whole_of": whole.of.zh, "whole_of_en": whole.of.en, "whole_text": whole.text, "whole_per": whole.per})


def _is_part(part: Fact, whole: Fact) -> bool:
    if (part.year, part.goal, part.people, part.is_rate) != (whole.year, whole.goal, whole.people, whole.is_rate):
        return False
    smaller = is_part(part.measure.id, whole.measure.id) and part.of.within(whole.of)
    return smaller and (part.measure, part.of) != (whole.measure, whole.of)


def _two_values(case: _Case) -> Iterator[Conflict]:
    """Several values of one indicator and year."""
    for key, given in _by_indicator(case.plan).items():
        values = _distinct(given)
        if len(values) < 2 or len({indicator.id for indicator, _figure in given}) < 2:
            continue
        (first, one), (second, other) = values[0], values[1]
        factor = _power_between(one, other, first, second) if len(values) == 2 else None
        yield Conflict(
            check="two_values" if factor is None else "two_values_factor", severity=HIGH,
            statements=tuple(dict.fromkeys(_statement_of(case.plan, indicator) for indicator, _figure in given)),
            values={"indicator": first.name, "year": one.year, "texts": [figure.text for _indicator, figure in values], "goal": key[-1], "factor": factor})


def _distinct(given: Sequence[tuple[Indicator, Figure]]) -> list[tuple[Indicator, Figure]]:
    """Return the first of each value that differs from those before it."""
    found: list[tuple[Indicator, Figure]] = []
    for indicator, figure in given:
        if not any(_agree(known, one, indicator, figure) for known, one in found):
            found.append((indicator, figure))
    return found


def _by_indicator(plan: Plan) -> dict[tuple[Any, ...], list[tuple[Indicator, Figure]]]:
    found: dict[tuple[Any, ...], list[tuple[Indicator, Figure]]] = defaultdict(list)
    for statement in plan.statements:
        for indicator in statement.indicators:
            for figure in indicator.figures:
                if figure.target.form is not Form.NOT_SET:
                    found[*_same(indicator, statement.level), figure.year, figure is indicator.target].append((indicator, figure))
    return found


def _same(indicator: Indicator, level: str) -> tuple[Any, ...]:
    """Return what two indicators that ask the same have in common."""
    given = indicator.given
    if indicator.way in ("density", "stock", "count"):
        measure = given["measure"].id if "measure" in given else "institutions"
        return (indicator.way, measure, given["of"], given.get("people", RESIDENT), given.get("having"))
    if indicator.way == "ratio":
        return ("ratio", given["measure"].id, given["to"].id, given["of"])
    if indicator.way == "share":
        return ("share", given["having"], given["of"].classes, given["of"].ownership)
    return (indicator.way or "stored", re.sub(r"[（(].*?[)）]|\s", "", indicator.name), level)


def _agree(first: Indicator, one: Figure, second: Indicator, other: Figure) -> bool:
    if one.target.form is Form.VALUE and other.target.form is Form.VALUE:
        ours, theirs = _scaled(first, one), _scaled(second, other)
        return ours[0] <= theirs[1] + 1e-9 and theirs[0] <= ours[1] + 1e-9
    return _bounds(first, one) == _bounds(second, other)


def _bounds(indicator: Indicator, figure: Figure) -> tuple[float | None, float | None] | None:
    found, per = figure.target.bounds(better=indicator.better), indicator.given.get("per", 1)
    if found is None:
        return None
    low, high = (None if each is None else round(each / per, 12) for each in found)
    return low, high


def _scaled(indicator: Indicator, figure: Figure) -> tuple[float, float]:
    low, high = rounding(figure.text, figure.value or 0.0)
    per = indicator.given.get("per", 1)
    return low / per, high / per


def _power_between(one: Figure, other: Figure, first: Indicator, second: Indicator) -> int | None:
    """Return the power of ten between two values, where it is one."""
    if one.value is None or other.value is None or one.value <= 0 or other.value <= 0:
        return None
    times = one.value / first.given.get("per", 1) / (other.value / second.given.get("per", 1))
    power = math.log10(times)
    return round(power) if round(power) and abs(power - round(power)) < math.log10(1 + SAME_PEOPLE) else None


# -- ratios, sums, bands, targets ------------------------------------------------------------


def _ratio(case: _Case) -> Iterator[Conflict]:
    """A ratio is not that of the two figures that it relates."""
    for statement, indicator in _indicators(case.plan):
        if indicator.way != "ratio":
            continue
        for figure in indicator.figures:
            if figure.target.number is None:
                continue
            low, high = rounding(figure.text, figure.target.number)
            pairs = {(one.text, two.text): (one, two) for one, two in _pairs(case, indicator, figure.year, goal=figure is indicator.target)}
            for one, two in pairs.values():
                if one.low <= 0:
                    continue
                least, most = two.for_one()[0] / one.for_one()[1], two.for_one()[1] / one.for_one()[0]
                if most < low - 1e-9 or least > high + 1e-9:
                    yield Conflict(
                        check="ratio", severity=MEDIUM, statements=tuple(dict.fromkeys((statement, one.statement, two.statement))),
                        values={"indicator": indicator.name, "text": figure.text, "year": figure.year, "first": one.text, "second": two.text,
                                "ratio": round(two.value / two.per / (one.value / one.per), 3)})


def _pairs(case: _Case, indicator: Indicator, year: int, *, goal: bool) -> Iterator[tuple[Fact, Fact]]:
    def of(measure: str) -> list[Fact]:
        return [each for each in case.facts if each.measure.id == measure and each.of == indicator.given["of"] and each.year == year
                and each.goal == goal and not each.listed]

    for one in of(indicator.given["measure"].id):
        for two in of(indicator.given["to"].id):
            if (one.is_rate, one.people) == (two.is_rate, two.people) and one.low > 0 and _one_source(case.plan, one, two):
                yield one, two


def _one_source(plan: Plan, one: Fact, two: Fact) -> bool:
    """Of several values take those that stand nearest in the plan: the tables of a plan are of one time."""
    order = {each.id: number for number, each in enumerate(plan.statements)}
    return abs(order[one.statement] - order[two.statement]) <= _TABLE


def _sums(case: _Case) -> Iterator[Conflict]:
    """Parts do not add up to their whole."""
    known = {indicator.id: (statement, indicator) for statement, indicator in _indicators(case.plan)}
    for each in case.plan.sums:
        told = [_valued(known[name][1], each.year) for name in (each.whole, *each.parts)]
        figures = [one for one in told if one is not None]
        if len(figures) < len(told):
            continue
        (whole, total), parts = figures[0], figures[1:]
        low, high = rounding(whole.text, total)
        intervals = [rounding(figure.text, value) for figure, value in parts]
        least, most = sum(one for one, _ in intervals), sum(one for _, one in intervals)
        if least > high + 1e-9 or most < low - 1e-9:
            added = sum(value for _figure, value in parts)
            about = any(figure.target.about for figure, _value in figures)
            yield Conflict(
                check="sum", severity=LOW if about else MEDIUM, statements=tuple(dict.fromkeys(known[name][0] for name in (each.whole, *each.parts))),
                values={"whole": whole.text, "parts": [figure.text for figure, _value in parts], "sum": round(added, 6), "year": each.year,
                        "difference": round(total - added, 6)})


def _valued(indicator: Indicator, year: int) -> tuple[Figure, float] | None:
    """Return the figure of a year with its number; None where there is none."""
    return next(((each, each.value) for each in indicator.figures if each.year == year and each.value is not None), None)


def _list_differs(case: _Case) -> Iterator[Conflict]:
    """The facilities that a plan names one by one do not add up to the stock that it states."""
    for listed in case.facts:
        for stock in case.facts:
            same = listed.listed and not stock.listed and not stock.is_rate and listed.of == stock.of and not stock.of.names
            if not same or (listed.year, listed.goal) != (stock.year, stock.goal) or listed.value == stock.value:
                continue
            if listed.measure == stock.measure or listed.measure.id == stock.measure.instead:
                yield Conflict(
                    check="list_differs", severity=MEDIUM, statements=tuple(dict.fromkeys((stock.statement, *listed.listed))),
                    values={"of": stock.of.zh, "of_en": stock.of.en, "stock": stock.text, "listed": listed.text, "measure": stock.measure.id, "listed_measure": listed.measure.id,
                            "year": stock.year})


def _branch(case: _Case) -> Iterator[Conflict]:
    """Which band a rule falls in depends on which number of people is taken."""
    people = {round(each.people): f"{each.year} {each.source}" for each in case.denominators}
    for cluster in clusters_of([each for each in case.implied if case.factor(each) is None]):
        people.setdefault(round(middle_of(cluster)), "")
    for statement, indicator in _indicators(case.plan):
        if indicator.way != "bands":
            continue
        told = {number: band_of(indicator.given["bands"], number) for number in sorted(people)}
        if len({None if each is None else each["target"].text for each in told.values()}) > 1:
            yield Conflict(
                check="branch", severity=HIGH, statements=(statement,),
                values={"indicator": indicator.name, "branches": [
                    {"people": number, "source": people[number], "target": None if band is None else band["target"].text} for number, band in told.items()]})


def _weaker(case: _Case) -> Iterator[Conflict]:
    """A target that the baseline meets already, or is better than."""
    for statement, indicator in _indicators(case.plan):
        baseline, target = indicator.baseline, indicator.target
        if baseline is None or target is None or baseline.value is None or target.target.form in (Form.STABLE, Form.NOT_SET, Form.RATIO):
            continue
        bounds = target.target.bounds(baseline.value, years=target.year - baseline.year, better=indicator.better)
        if bounds is None or target.target.about or not target.target.meets(baseline.value, bounds) or indicator.way in ("stock", "count"):
            continue
        edge = bounds[0] if indicator.better == "higher" else bounds[1]
        yield Conflict(
            check="already_met" if edge is not None and math.isclose(edge, baseline.value) else "weaker", severity=MEDIUM, statements=(statement,),
            values={"indicator": indicator.name, "baseline": baseline.text, "target": target.text, "year": baseline.year, "target_year": target.year})


def _implausible(case: _Case) -> Iterator[Conflict]:
    """A rate above what is known anywhere, or a share above 100 %."""
    for fact in case.facts:
        most = measures()[fact.measure.id].most
        if fact.is_rate and most is not None and fact.people == RESIDENT and fact.value / fact.per * 1000 > most:
            yield Conflict(
                check="implausible", severity=HIGH, statements=(fact.statement,),
                values={"text": fact.text, "per": fact.per, "measure": fact.measure.id, "most": most * fact.per / 1000, "year": fact.year,
                        "percent": round(100 * fact.value / fact.per, 2)})


def _unit_mismatch(case: _Case) -> Iterator[Conflict]:
    """The quote's unit is a number of something, and the figure is a share."""
    for statement in case.plan.statements:
        unit = re.findall(r"[（(]\s*(人|个|张|名|所|家)\s*[)）]", statement.quote)
        for indicator in statement.indicators:
            for figure in indicator.figures:
                if unit and "%" in figure.text.replace("％", "%"):
                    yield Conflict(
                        check="unit_mismatch", severity=MEDIUM, statements=(statement.id,),
                        values={"indicator": indicator.name, "unit": unit[-1], "text": figure.text, "year": figure.year})


def _people_differ(case: _Case) -> Iterator[Conflict]:
    """Two sources of the number of people of one year."""
    for one, other in combinations(case.denominators, 2):
        if one.year == other.year and (one.kind == other.kind or UNSTATED in (one.kind, other.kind)) and abs(one.people / other.people - 1) > SAME_PEOPLE:
            yield Conflict(
                check="people_differ", severity=MEDIUM, statements=(),
                values={"year": one.year, "first": one.people, "first_source": one.source, "second": other.people, "second_source": other.source})


CHECKS: tuple[Callable[[_Case], Iterator[Conflict]], ...] = (
    _implied_population, _populations_differ, _denominator_changes, _unit_factor, _part_over_whole, _two_values, _ratio, _sums, _list_differs,
    _branch, _weaker, _implausible, _unit_mismatch, _people_differ,
)


def _indicators(plan: Plan) -> Iterator[tuple[str, Indicator]]:
    for statement in plan.statements:
        for indicator in statement.indicators:
            yield statement.id, indicator


def _statement_of(plan: Plan, indicator: Indicator) -> str:
    return next(statement for statement, each in _indicators(plan) if each is indicator)


def _statements(facts: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for each in facts for name in (each.listed or (each.statement,))))
