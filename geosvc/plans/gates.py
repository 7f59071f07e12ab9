"""Gates: whether conditions hold that stop growth, such as no new beds where occupancy is low and stays are long."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from geosvc.plans.answers import Answer, Evidence, Why

if TYPE_CHECKING:
    from geosvc.plans.plan import Condition, Indicator

JOINS = ("or", "and")
_REPORT = "geosvc plan report PLAN FILE"
_OPEN = (float("-inf"), float("inf"))


def gate(indicator: Indicator, evidence: Evidence) -> Answer:
    """Return whether the conditions of a gate hold, by what is computed and what was reported until the day.

    Where a plan does not say whether one condition or all must hold, both readings are told.
    """
    asked = [(each, _answer_of(each, evidence)) for each in indicator.given["conditions"]]
    told = [_condition(condition, answer) for condition, answer in asked]
    holds = [each["holds"] for each in told]
    join = indicator.given.get("join")
    closed = {each: is_closed(holds, each) for each in ([join] if join else JOINS if len(holds) > 1 else JOINS[:1])}
    found = {"closed": closed, "conditions": told}
    if any(each is not None for each in holds):
        return Answer(gate=found, schematic=any(answer.schematic for _condition, answer in asked))
    silent = asked[0][1]
    return Answer(why=silent.why or Why.NO_FIGURES, cure=silent.cure, columns=silent.columns, gate=found)


def is_closed(holds: Sequence[bool | None], join: str) -> bool | None:
    """Return whether a gate stops growth: ``or`` if one condition holds, ``and`` if all do; None where that is not known."""
    if join == "or":
        return True if True in holds else None if None in holds else False
    return False if False in holds else None if None in holds else True


def _answer_of(condition: Condition, evidence: Evidence) -> Answer:
    if condition.indicator is not None:
        return evidence.answer(condition.indicator)
    told = [each for each in condition.observed if each.value is not None and each.year <= evidence.year]
    newest = max(told, key=lambda each: each.year, default=None)
    if newest is None:
        return Answer(why=Why.NOT_REPORTED, cure=_REPORT)
    return Answer(value=newest.value, source={"year": newest.year, "source": newest.source})


def _condition(condition: Condition, answer: Answer) -> dict[str, Any]:
    low, high = answer.interval
    return {"id": condition.id, "name": condition.name, "asked": condition.target.text, "indicator": condition.indicator,
            "value": answer.value, "low": low, "high": high, "year": answer.source.get("year"), "source": answer.source.get("source"),
            "holds": _holds(condition, (low, high)) if answer.is_computable else None}


def _holds(condition: Condition, interval: tuple[float | None, float | None]) -> bool | None:
    """Return whether a bound holds for every value of an interval; None where some would meet it and others not."""
    bounds = condition.target.bounds()
    if bounds is None:
        return None
    ends = {condition.target.meets(open_ if end is None else end, bounds) for end, open_ in zip(interval, _OPEN, strict=True)}
    return ends.pop() if len(ends) == 1 else None
