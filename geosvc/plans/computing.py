"""The ways in which indicators are computed. What a facility does not say is unknown: never no, and never 0."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from geosvc.coverage.blank_spots import FILLED, Rule, SpotState, rules_named
from geosvc.plans.answers import Answer, Culprit, Evidence, Why
from geosvc.plans.facts import RESIDENT, UNSTATED
from geosvc.plans.gates import gate
from geosvc.plans.targets import Form, band_of
from geosvc.plans.vocabulary import Group, Measure, measures
from geosvc.registry.populations import KINDS

if TYPE_CHECKING:
    from geosvc.coverage.blank_spots import Finding, Spot
    from geosvc.plans.plan import Denominator, Indicator
    from geosvc.registry.facilities import Facility, Registered

_IMPORT = "geosvc import facilities FILE"
_AREAS = "geosvc import areas FILE --level {level}"
# What is asked of a facility itself, before a colon; anything else is one of its capabilities.
_OWN = ("level", "grade", "ownership", "service_mode")
_STAFF = "staff"
_YES, _NO, _UNKNOWN = "yes", "no", "unknown"


def compute(indicator: Indicator, evidence: Evidence) -> Answer | None:
    """Return what an indicator is by the registry and the map; None where the plan file gives no way to compute it.

    Raises
    ------
    InvalidParameter
        If a rule is named that does not exist.
    """
    if indicator.way is None:
        return None
    answer = _WAYS[indicator.way](indicator, evidence)
    made_up = indicator.of is not None and any(each.facility.illustrative for each, _sure in _members(indicator.of, evidence))
    silent = answer.why in (Why.NO_FIGURES, Why.NOT_RELATED) or any(not each.known and each.kind == "facility" for each in answer.culprits)
    return replace(answer, schematic=answer.is_computable and (answer.schematic or made_up), columns=answer.columns or (columns_of(indicator) if silent else ()))


def columns_of(indicator: Indicator) -> tuple[str, ...]:
    """Return the fields of a table of facilities in which that stands of which an indicator is computed."""
    given = indicator.given
    found = [_column(each) for name in ("measure", "whole", "to") if (each := given.get(name)) is not None]
    for having in given.get("having", ()):
        name = having.partition(":")[0]
        found.append(name if name in _OWN and ":" in having else "staff" if name == _STAFF else "capabilities")
    if "relation" in given:
        found.append("relations")
    group = given.get("of")
    found += [name for name, asked in (("ownership", group.ownership), ("level", group.levels)) if asked] if group is not None and not group.names else []
    return tuple(dict.fromkeys(found))


def _column(measure: Measure) -> str:
    if measure.of == "beds":
        return f"beds_{measure.kind}" if measure.use is None and measure.kind in ("actual", "authorised") else "beds"
    return measure.of


# -- sums of beds and staff ------------------------------------------------------------------


def amount(one: Facility, measure: Measure) -> float | None:
    """Return how much of a measure a facility says it has; None where it does not say."""
    if measure.of == "beds":
        told = [each for each in one.beds if each.get("kind") == measure.kind and each.get("use") == measure.use]
    elif measure.of == "staff":
        told = [each for each in one.staff if each.get("cadre") == measure.cadre]
    else:
        return None
    if not told:
        return None
    newest = max(int(each.get("year") or 0) for each in told)
    return float(sum(each["count"] for each in told if int(each.get("year") or 0) == newest))


def _sum(measure: Measure, group: Group, evidence: Evidence) -> Answer:
    """Return the sum of a measure; where some do not say, it is the least."""
    if measure.of == "none":
        return Answer(why=Why.NOT_KEPT)
    members = _members(group, evidence)
    if not members:
        return Answer(why=Why.NO_FACILITIES, cure=_IMPORT)
    told = {each.id: amount(each.facility, measure) for each, sure in members if sure}
    known = [each for each in told.values() if each is not None]
    beside = _beside(measure, members)
    counts = {"known": len(known), _UNKNOWN: len(members) - len(known)}
    if not known:
        return Answer(why=Why.NO_FIGURES, cure=_IMPORT, beside=beside, counts=counts)
    silent = tuple(_facility(each, known=False) for each, _sure in members if told.get(each.id) is None)
    total = sum(known)
    return Answer(value=None if silent else total, low=total, high=None if silent else total, counts=counts, beside=beside, culprits=silent)


def _beside(measure: Measure, members: Sequence[tuple[Registered, bool]]) -> tuple[tuple[str, float], ...]:
    if measure.instead is None:
        return ()
    told = [amount(each.facility, measures()[measure.instead]) for each, _sure in members]
    known = [each for each in told if each is not None]
    return ((measure.instead, sum(known)),) if known else ()


def _members(group: Group, evidence: Evidence) -> list[tuple[Registered, bool]]:
    """Return the facilities that belong to a group or may, each with whether that is sure."""
    told = ((each, group.holds(each.facility)) for each in evidence.facilities)
    return [(each, bool(belongs)) for each, belongs in told if belongs is not False]


def _stock(indicator: Indicator, evidence: Evidence) -> Answer:
    """A sum; where it is asked of one facility by name, that is what makes it fail."""
    group = indicator.given["of"]
    answer, members = _sum(indicator.given["measure"], group, evidence), _members(group, evidence)
    if answer.value is None or not group.names or len(members) != 1 or _is_met(indicator, answer.value):
        return answer
    return replace(answer, culprits=(_facility(members[0][0], known=True),))


def _is_met(indicator: Indicator, value: float) -> bool:
    """Return whether a value is what the target asks for; also where it asks for nothing."""
    figure, baseline = indicator.target, indicator.baseline
    if figure is None:
        return True
    since = (None, None) if baseline is None else (baseline.value, figure.year - baseline.year)
    bounds = figure.target.bounds(since[0], years=since[1], better=indicator.better)
    return bounds is None or figure.target.meets(value, bounds)


def _density(indicator: Indicator, evidence: Evidence) -> Answer:
    """A sum for so many people, with every registered number of them."""
    given = indicator.given
    total = _sum(given["measure"], given["of"], evidence)
    if not total.is_computable:
        return total
    people = _people(given.get("people", RESIDENT), evidence)
    if not people:
        return Answer(why=Why.NO_PEOPLE, cure="geosvc import population FILE", counts=total.counts, beside=total.beside)
    rates = tuple({**_named(each, number), "value": _rate(total.value, number, given["per"]), "low": _rate(total.low, number, given["per"])}
                  for each, number in people)
    first = rates[0]
    return Answer(value=first["value"], low=first["low"], high=first["value"], counts=total.counts, beside=total.beside, by_people=rates,
                  culprits=total.culprits)


def _people(which: str, evidence: Evidence) -> list[tuple[Denominator, float]]:
    """Return numbers of people: of a kind or of none that is said, or of an age group of the residents."""
    if which in KINDS:
        return [(each, each.people) for each in evidence.people if each.kind in (which, UNSTATED) and each.people > 0]
    return [(each, each.groups[which]) for each in evidence.people if each.groups.get(which)]


def _named(each: Denominator, number: float) -> dict[str, Any]:
    return {"people": number, "year": each.year, "kind": each.kind, "status": each.status, "source": each.source}


def _rate(total: float | None, people: float, per: int) -> float | None:
    return None if total is None else total / people * per


def _part(indicator: Indicator, evidence: Evidence) -> Answer:
    """A sum as a share (%) of another; both must be known whole."""
    given = indicator.given
    part = _sum(given["measure"], given["of"], evidence)
    whole = _sum(given["whole"], given.get("of_whole", given["of"]), evidence)
    return _quotient(part, whole, 100.0)


def _ratio(indicator: Indicator, evidence: Evidence) -> Answer:
    given = indicator.given
    return _quotient(_sum(given["to"], given["of"], evidence), _sum(given["measure"], given["of"], evidence), 1.0)


def _quotient(upper: Answer, lower: Answer, times: float) -> Answer:
    for each in (lower, upper):
        if not each.is_computable:
            return each
    if upper.value is None or not lower.value:
        return Answer(why=Why.NO_FIGURES, cure=_IMPORT, counts={"known": min(upper.counts["known"], lower.counts["known"]),
                                                                _UNKNOWN: max(upper.counts[_UNKNOWN], lower.counts[_UNKNOWN])},
                      culprits=upper.culprits or lower.culprits)
    return Answer(value=times * upper.value / lower.value, counts=upper.counts)


# -- facilities ------------------------------------------------------------------------------


def _has(one: Facility, having: str) -> str:
    """Return whether a facility has something: yes, no or unknown. ``a|b`` asks for one of them."""
    name, _, wanted = having.partition(":")
    if name in _OWN and wanted:
        told = getattr(one, name)
        return _UNKNOWN if not told else _YES if told in wanted.split("|") else _NO
    if name == _STAFF and wanted in measures():
        number = amount(one, measures()[wanted])
        return _UNKNOWN if number is None else _YES if number >= 1 else _NO
    told = {str(each["code"]): str(each["value"]) for each in one.capabilities}
    return _any(told.get(each, _UNKNOWN) for each in having.split("|"))


def _any(answers: Iterable[str]) -> str:
    """Return yes if one is, unknown if one may be, else no."""
    found = set(answers)
    return _YES if _YES in found else _UNKNOWN if _UNKNOWN in found else _NO


def _has_all(one: Facility, having: Sequence[str], *, sure: bool) -> str:
    told = [_has(one, each) for each in having]
    if _NO in told and sure:
        return _NO
    return _UNKNOWN if _UNKNOWN in told or not sure else _YES


def _count(indicator: Indicator, evidence: Evidence) -> Answer:
    """How many facilities are registered; beside the published inventory this says how complete the registry is."""
    having = indicator.given.get("having", ())
    members = _members(indicator.given["of"], evidence)
    if not members:
        return Answer(why=Why.NO_FACILITIES, cure=_IMPORT)
    told = [_has_all(each.facility, having, sure=sure) for each, sure in members]
    yes, unknown = told.count(_YES), told.count(_UNKNOWN)
    silent = tuple(_facility(each, known=False) for (each, _sure), word in zip(members, told, strict=True) if word == _UNKNOWN)
    return Answer(value=None if unknown else float(yes), low=float(yes), high=float(yes + unknown), culprits=silent,
                  counts={_YES: yes, _NO: told.count(_NO), _UNKNOWN: unknown})


def _share(indicator: Indicator, evidence: Evidence) -> Answer:
    """Share of a group; the least takes every unknown as no, the most as yes."""
    members = _members(indicator.given["of"], evidence)
    if not members:
        return Answer(why=Why.NO_FACILITIES, cure=_IMPORT)
    told = [(each, _has_all(each.facility, indicator.given["having"], sure=sure)) for each, sure in members]
    return _shared(told)


def _each_facility(indicator: Indicator, evidence: Evidence) -> Answer:
    """Share of facilities that themselves have as much as the target asks for."""
    given = indicator.given
    if given.get("having"):
        return _share(indicator, evidence)
    members, target = _members(given["of"], evidence), indicator.target
    if not members:
        return Answer(why=Why.NO_FACILITIES, cure=_IMPORT)
    bounds = (1.0, None) if target is None or indicator.asks_a_share else target.target.bounds() or (1.0, None)
    told: list[tuple[Registered, str]] = []
    for each, sure in members:
        number = amount(each.facility, given["measure"]) if "measure" in given else None
        enough = number is not None and number >= (bounds[0] or 0.0) and (bounds[1] is None or number <= bounds[1])
        told.append((each, _UNKNOWN if number is None or not sure else _YES if enough else _NO))
    return _shared(told)


def _related(indicator: Indicator, evidence: Evidence) -> Answer:
    """Share of a group with a relation; who says no relation of any kind may have one that nobody registered."""
    members = _members(indicator.given["of"], evidence)
    if not members:
        return Answer(why=Why.NO_FACILITIES, cure=_IMPORT)
    known = {each.id: each.facility for each in evidence.facilities}
    told = [(each, _is_related(each.facility, indicator.given["relation"], indicator.given.get("to_group"), known)) for each, _sure in members]
    if not any(word == _YES for _each, word in told):
        return Answer(why=Why.NOT_RELATED, cure=_IMPORT, counts={_YES: 0, _NO: 0, _UNKNOWN: len(told)})
    return _shared(told)


def _is_related(one: Facility, kind: str, group: Group | None, known: Mapping[int, Facility]) -> str:
    """Return yes if a relation to a facility of the group is registered; a facility elsewhere may be one of it."""
    for each in one.relations:
        if each.get("kind") != kind:
            continue
        other = known.get(each["facility_id"]) if isinstance(each.get("facility_id"), int) else None
        if group is None or (other is not None and group.holds(other)):
            return _YES
    return _UNKNOWN


def _shared(told: Sequence[tuple[Registered, str]]) -> Answer:
    words = [word for _each, word in told]
    yes, no, unknown = words.count(_YES), words.count(_NO), words.count(_UNKNOWN)
    counts = {_YES: yes, _NO: no, _UNKNOWN: unknown}
    culprits = tuple(_facility(each, known=word == _NO) for each, word in told if word != _YES)
    if not yes and not no:
        return Answer(why=Why.NO_FIGURES, cure=_IMPORT, counts=counts, culprits=culprits)
    low, high = 100 * yes / len(told), 100 * (yes + unknown) / len(told)
    return Answer(value=None if unknown else low, low=low, high=high, counts=counts, culprits=culprits)


def _facility(one: Registered, *, known: bool) -> Culprit:
    return Culprit(kind="facility", id=str(one.id), name=one.facility.name, known=known)


# -- areas -----------------------------------------------------------------------------------


def _each_area(indicator: Indicator, evidence: Evidence) -> Answer:
    """Share of areas that have as many as the target asks for; service that comes to an area counts, and is told apart."""
    return _of_spots(*_found(indicator, evidence), only=indicator.given.get("only", ()), filled=True, wanted=_wanted(indicator))


def _wanted(indicator: Indicator) -> int:
    """Return how many facilities each area is to have: 2 of 2—3所; one where the target names a share of areas, or no number."""
    target = None if indicator.target is None or indicator.asks_a_share else indicator.target.target
    if target is None or target.low is None or target.form not in (Form.VALUE, Form.AT_LEAST, Form.RANGE):
        return 1
    return max(1, math.floor(target.low) + 1 if target.strict else math.ceil(target.low))


def _mobile(indicator: Indicator, evidence: Evidence) -> Answer:
    """Share of areas that are served, with service that comes and goes; beside it the share without."""
    found = _found(indicator, evidence)
    whole, without = _of_spots(*found, filled=True), _of_spots(*found, filled=False)
    return replace(whole, beside=() if without.low is None else (("without_mobile", without.low),))


def _found(indicator: Indicator, evidence: Evidence) -> tuple[Rule, Finding, Finding]:
    """Return the rule, what is certain by it, and what there may be: with facilities that do not say whether they are what is asked for."""
    given = indicator.given
    if given.get("rule"):
        rule = rules_named(given["rule"])[0]
        finding = evidence.finding(rule, [each for each in evidence.facilities if each.facility.class_code.startswith(rule.classes)])
        return rule, finding, finding
    group, having = given["of"], given.get("having", ())
    rule = Rule(id="one-each", zh=group.zh, en=group.en, level=given["level"], facility_classes=group.classes,
                exempt_where=given["exempt_where"].classes if "exempt_where" in given else ())
    told = [(each, _has_all(each.facility, having, sure=sure)) for each, sure in _members(group, evidence)]
    certain = evidence.finding(rule, [each for each, word in told if word == _YES])
    return rule, certain, evidence.finding(rule, [each for each, word in told if word != _NO])


_HOLDS = (SpotState.HELD, SpotState.EXEMPT)
_OPEN = (SpotState.NOT_COMPUTABLE, SpotState.UNDECIDED, SpotState.MODE_UNKNOWN)


def _of_spots(rule: Rule, certain: Finding, possible: Finding, *, filled: bool, only: Sequence[str] = (), wanted: int = 1) -> Answer:
    may_be = {each.area.code: each for each in possible.spots}
    counted = [each for each in certain.spots if each.state is not SpotState.NOT_ASKED and (not only or (each.area.kind or each.area.name).endswith(tuple(only)))]
    if not counted:
        return Answer(why=Why.NO_AREAS, cure=_AREAS.format(level=rule.level))
    if all(may_be[each.area.code].state is SpotState.NOT_COMPUTABLE for each in counted):
        return Answer(why=Why.NO_FACILITIES, cure=_IMPORT, counts={_UNKNOWN: len(counted)})
    good = (*_HOLDS, *FILLED) if filled else _HOLDS
    words = [_has_enough(each, may_be[each.area.code], possible, good, wanted) for each in counted]
    yes, unknown = words.count(_YES), words.count(_UNKNOWN)
    low, high = 100 * yes / len(counted), 100 * (yes + unknown) / len(counted)
    return Answer(
        value=None if unknown else low, low=low, high=high,
        counts={_YES: yes, "filled": sum(each.state in FILLED for each in counted), _NO: words.count(_NO), _UNKNOWN: unknown},
        culprits=tuple(_area(each, known=word == _NO) for each, word in zip(counted, words, strict=True) if word != _YES),
        source={"rule": rule.id} if rule.id != "one-each" else {},
        schematic=any(one.facility.illustrative for each in possible.spots for one, _mode in each.by))


def _has_enough(certain: Spot, may_be: Spot, possible: Finding, good: Sequence[SpotState], wanted: int) -> str:
    """Return whether an area has what is asked for; beyond the first, facilities of which nobody knows where they stand may be its own."""
    if certain.state is SpotState.EXEMPT or (certain.state in good and len(certain.by) >= wanted):
        return _YES
    if may_be.state in _OPEN:
        return _UNKNOWN
    if may_be.state not in good:
        return _NO
    return _UNKNOWN if len(may_be.by) + possible.loose_at(may_be) >= wanted else _NO


def _area(spot: Spot, *, known: bool) -> Culprit:
    return Culprit(kind="area", id=spot.area.code, name=spot.area.name, known=known)


# -- people ----------------------------------------------------------------------------------


def _coverage(indicator: Indicator, evidence: Evidence) -> Answer:
    """Share of people within the limit of a service, by its newest run."""
    service, threshold = indicator.given["service"], indicator.given.get("threshold")
    found = evidence.coverage(service, threshold)
    if found is None:
        return Answer(why=Why.NOT_MEASURED, cure=f"geosvc measure {service}", source={"service": service, "threshold": threshold})
    return Answer(value=100 * found.share, culprits=found.areas, counts={"covered": round(found.covered), "people": round(found.people)}, schematic=found.schematic,
                  source={"service": found.service, "threshold": found.threshold, "run": found.run})


def _bands(indicator: Indicator, evidence: Evidence) -> Answer:
    """A measure, with the target that each number of people asks for."""
    total = _sum(indicator.given["measure"], indicator.given["of"], evidence)
    people = _people(indicator.given.get("people", RESIDENT), evidence)
    branches = tuple({**_named(each, number), **_branch_of(indicator.given["bands"], number)} for each, number in people)
    return Answer(value=total.value, low=total.low, high=total.high, why=total.why, cure=total.cure, counts=total.counts,
                  culprits=total.culprits, by_people=branches)


def _branch_of(bands: Sequence[dict[str, Any]], people: float) -> dict[str, Any]:
    band = band_of(bands, people)
    bounds = None if band is None else band["target"].bounds()
    return {"target": None if band is None else band["target"].text, "bounds": bounds}


_WAYS: dict[str, Callable[[Indicator, Evidence], Answer]] = {
    "density": _density, "stock": _stock, "count": _count, "share": _share, "part": _part, "ratio": _ratio, "each_area": _each_area,
    "each_facility": _each_facility, "coverage": _coverage, "mobile": _mobile, "related": _related, "bands": _bands, "gate": gate,
}
