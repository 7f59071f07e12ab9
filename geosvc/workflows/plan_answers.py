"""Plans as answers tell them: figures, values, reasons, contradictions, in the languages."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from geosvc.language import LANGUAGES, words
from geosvc.plans.vocabulary import measures
from geosvc.registry.imports.headers import FACILITY_FIELDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.plans.answers import Answer, Why
    from geosvc.plans.conflicts import Conflict
    from geosvc.plans.plan import Denominator, Figure
    from geosvc.plans.reviews import Review

CULPRITS_SHOWN = 50


def figure_entry(figure: Figure | None) -> dict[str, Any] | None:
    """Return a figure as it is quoted, with its number where it is one."""
    if figure is None:
        return None
    return {"year": figure.year, "text": figure.text, "value": figure.value, "form": figure.target.form.value, "source": figure.source}


def answer_entry(answer: Answer) -> dict[str, Any]:
    """Return what an indicator is now; who makes it fail is told by whoever knows what an account may read."""
    return {
        "value": answer.value, "low": answer.low, "high": answer.high, "why": None if answer.why is None else why_entry(answer.why, answer.cure),
        "columns": [{"field": each, "zh": FACILITY_FIELDS[each][0], "en": FACILITY_FIELDS[each][1]} for each in answer.columns if each in FACILITY_FIELDS],
        "counts": answer.counts, "by_people": [{key: value for key, value in each.items() if key != "bounds"} for each in answer.by_people],
        "beside": [{"measure": name, "value": value, **_measure_names(name)} for name, value in answer.beside],
        "failing": sum(each.known for each in answer.culprits), "unknown": sum(not each.known for each in answer.culprits),
        "source": answer.source, "schematic": answer.schematic,
        "gate": None if answer.gate is None else {**answer.gate, **{language: gate_said(answer.gate, language) for language in LANGUAGES}},
    }


def gate_said(gate: dict[str, Any], language: str) -> str:
    """Return whether a gate stops growth, by each reading where the plan does not say which holds."""
    text = words(language)
    told = {join: text["plan_gate_" + _YES_NO[closed]] for join, closed in gate["closed"].items()}
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return text["list_comma"].join(text[f"plan_gate_by_{join}"].format(said=said) for join, said in told.items())


_YES_NO = {True: "closed", False: "open", None: "unknown"}


def review_entry(review: Review, day: str) -> dict[str, Any]:
    """Return what is due in which years, and which of them are over on a day (ISO)."""
    return {"what": review.what, "years": list(review.years), "over": [each for each in review.years if each < int(day[:4])]}


def why_entry(why: Why, cure: str) -> dict[str, str]:
    """Return why something is not computable in the languages, and the command that would unlock it."""
    return {"code": why.value, **{language: words(language)[f"plan_why_{why.value}"] for language in LANGUAGES}, "command": cure}


def _measure_names(name: str) -> dict[str, str]:
    if name in measures():
        return {"zh": measures()[name].zh, "en": measures()[name].en}
    return {language: words(language)[f"plan_beside_{name}"] for language in LANGUAGES}


def denominator_entry(each: Denominator) -> dict[str, Any]:
    """Return a number of people with year, kind and source."""
    return {"year": each.year, "people": each.people, "kind": each.kind, "status": each.status, "source": each.source}


def conflict_entry(conflict: Conflict) -> dict[str, Any]:
    """Return a contradiction with its sentence in the languages."""
    return {
        "check": conflict.check, "severity": conflict.severity, "statements": list(conflict.statements), "values": conflict.values,
        "instead": [{"label": label, "people": people, "value": value} for label, people, value in conflict.instead],
        **{language: _sentence(conflict, language) for language in LANGUAGES},
    }


def _sentence(conflict: Conflict, language: str) -> str:
    text = words(language)
    filled = {key: _said(key, conflict.values.get(f"{key}_{language}", value), language) for key, value in conflict.values.items()}
    of_counts = "_count" if conflict.values.get("part_per") == 1 else ""
    return text[f"conflict_{conflict.check}{of_counts}"].format(**filled)


def _said(key: str, value: Any, language: str) -> str:
    text = words(language)
    if key in ("measure", "part", "whole", "listed_measure") and value in measures():
        return str(getattr(measures()[value], language))
    if isinstance(value, list):
        return text["list_comma"].join(_part_said(key, each, language) for each in value) or text["none"]
    if isinstance(value, float):
        return f"{value:,.10g}"
    return f"{value:,}" if isinstance(value, int) and "year" not in key else str(value)


def _part_said(key: str, each: Any, language: str) -> str:
    text = words(language)
    if key == "registered":
        return f"{each['year']}{text['open_bracket']}{each['source']}{text['close_bracket']} {each['people']:,.0f}"
    if key == "branches":
        return f"{each['people']:,.0f} → {each['target'] or text['none']}"
    if key == "examples":
        return f"{_measured(each['measure'], each[f'of_{language}'], language)} {each['count']:,.0f} ÷ {each['rate']} × {each['per']:,} = {each['people']:,.0f}"
    return f"{each:,.0f}" if isinstance(each, int | float) else str(each)


def _measured(measure: str, of: str, language: str) -> str:
    """Return what was counted of whom, without saying a name twice that the measure begins with already."""
    what = str(getattr(measures()[measure], language))
    return words(language)["of_what"].format(of=of, what=what) if of and not what.startswith(of) else what


def state_of_row(row: dict[str, Any]) -> str:
    """Return what becomes of a statement of :func:`plan_board`: one of :data:`STATES`.

    Derived is what the plan's own count, or its target, comes to with the registered numbers of people.
    """
    told = [each["now"] for each in row["indicators"] if each["way"] is not None]
    if told:
        derived = any(each["needed"] or (each["stated"] and each["stated"]["by_people"]) for each in row["indicators"])
        return "computed" if any(each["why"] is None for each in told) else "derived" if derived else "waiting"
    return "stored" if any(each["baseline"] or each["target"] or each["trend"] for each in row["indicators"]) else "recorded"


def lacking_of(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return why indicators in the rows of a plan are not computable: each reason with how many it holds up, the most first.

    ``columns`` are the fields of a table of facilities that would say more, each with how many indicators need it (also).
    """
    found: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        for each in row["indicators"]:
            if each["now"] and each["now"]["why"]:
                found[each["now"]["why"]["code"], each["now"]["why"]["command"]].append(each["now"])
    told = [{**same[0]["why"], "indicators": len(same), "columns": _often(same)} for same in found.values()]
    return sorted(told, key=lambda each: -int(each["indicators"]))


def _often(same: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    times = Counter(column["field"] for now in same for column in now["columns"])
    named = {column["field"]: column for now in same for column in now["columns"]}
    return [{**named[name], "indicators": number} for name, number in times.most_common()]
