"""The pages of plans: the scoreboard, and one plan with its indicators, contradictions and what makes it fail."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from geosvc.accounts.people import Right
from geosvc.gate.people import person_of, store_of
from geosvc.language import words
from geosvc.maps import numbers
from geosvc.plans.plan import Kind, Status
from geosvc.plans.verdicts import Verdict
from geosvc.web import views
from geosvc.web.facility_views import times_of
from geosvc.web.plan_map import areas_of, places_of, plan_map, shown_first
from geosvc.web.plan_problems import problem_entry
from geosvc.web.render import language_of, render
from geosvc.workflows import as_of, plan_documents, planning
from geosvc.workflows.scenario_runs import asked_changes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from geosvc.accounts.people import Person
    from geosvc.plans.plan import Plan
    from geosvc.workflows.scenario_runs import Asked

router = APIRouter(include_in_schema=False)
LanguageParameter = Annotated[str | None, Query(alias="lang")]
DatetimeParameter = Annotated[str | None, Query(alias="datetime")]
# A sparkline of 2015-2020-now-2025, in units of its box.
_WIDE, _HIGH, _EDGE = 96.0, 28.0, 4.0
_CULPRITS = 12
_WORDS = 28
_RATIO = "比"  # the unit of 1:1.20, which says it itself
# Targets that are a value, not a change of one.
_POINTS = ("value", "at_least", "at_most", "ratio", "all")
_SHARES = ("share", "part", "each_area", "each_facility", "coverage", "mobile", "related")


@router.get("/plans", response_class=HTMLResponse)
def plans_page(
    request: Request, at: DatetimeParameter = None, scenario: str | None = None, lang: LanguageParameter = None
) -> HTMLResponse:
    """Show every plan and how it stands, on a day or under a scenario."""
    del lang
    store, when = store_of(request), as_of.times_asked(at or None, None)
    under = asked_changes(store, person_of(request), scenario, when)
    # Those of this workspace's areas first: of the others nothing is computed.
    found = sorted(planning.plan_list(store, when, under=under), key=lambda each: not each["area_registered"])
    return render(
        request, "plans.html", active="plans", **views.study_frame(store), plans=found, verdicts=[each.value for each in Verdict],
        problems={name: _problems(plan, language_of(request)) for name, plan in plan_documents.plans_of(store).items()},
        keeps=_keeps(person_of(request)), scenario=None if under is None else under.told, asked={"datetime": at or "", "scenario": _number(under)})


@router.get("/plans/{plan_id}", response_class=HTMLResponse)
def plan_page(
    request: Request, plan_id: str, kind: str | None = None, verdict: str | None = None, indicator: str | None = None,
    at: DatetimeParameter = None, recorded: str | None = None, scenario: str | None = None, lang: LanguageParameter = None
) -> HTMLResponse:
    """Show one plan as of a day and as it was known at a moment, or under a scenario; of one indicator everything that makes it fail."""
    del lang
    store, language = store_of(request), language_of(request)
    when, times = as_of.times_asked(at or None, recorded or None), times_of(at, recorded)
    person = person_of(request)
    under = asked_changes(store, person, scenario, when)
    told = planning.plan_board(store, plan_id, when, kind=kind or None, verdict=verdict or None, indicator=indicator or None, under=under)
    shown = [one for statement in told["statements"] for one in statement["indicators"] if not indicator or one["id"] == indicator]
    only = next((each["name"] for each in shown), "") if indicator else ""
    filtered = bool(kind or verdict or indicator)
    return render(
        request, "plan.html", active="plans", **views.study_frame(store), plan=told, problems=_problems(plan_documents.plan_named(store, plan_id, when.recorded_at), language),
        groups=_groups(told["statements"], language, _number(under)), only=only,
        conflicts=_conflicts(told["contradictions"]), kinds=[each.value for each in Kind],
        verdicts=[each.value for each in Verdict if told["counts"]["verdicts"][each.value]], kind=kind or "", verdict=verdict or "", at=at or "", times=times,
        culprits=_CULPRITS if indicator is None else None,
        unstated=Status.UNSTATED.value, scenario=told["scenario"], fills=person.may(Right.MEASURE) and not at and not recorded,
        imports=person.may(Right.EDIT), keeps=_keeps(person), sketch=plan_map(planning.plan_ground(store, plan_id, when, also=areas_of(shown)), shown), marked=shown_first(shown),
        here=f"/plans/{plan_id}" + _query(kind=kind, verdict=verdict, indicator=indicator, scenario=_number(under)),
        baseline=f"/plans/{plan_id}" + _query(kind=kind, verdict=verdict, indicator=indicator),
        kept=_query(datetime=at, recorded=recorded, scenario=_number(under)), filtered=filtered,
        downloads=_query(kind=kind, verdict=verdict, datetime=at, recorded=recorded, scenario=_number(under), language=language))


def _problems(plan: Plan, language: str) -> list[dict[str, Any]]:
    return [problem_entry(each, language) for each in plan.problems]


def _keeps(person: Person) -> bool:
    """Return whether somebody may send plan files and figures."""
    return person.may(Right.EDIT) and person.areas is None


def _groups(statements: list[dict[str, Any]], language: str, scenario: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return statements under the headings of the plan file, in its order; without headings by kind."""
    text = words(language)
    if any(each["section"] for each in statements):
        parts = groupby(statements, key=lambda each: each["section"][language] if each["section"] else text["plan_without_section"])
    else:
        parts = groupby(sorted(statements, key=_order), key=lambda each: text[f"plan_kind_{each['kind']}"])
    return [(title, [_statement(each, language, scenario) for each in members]) for title, members in parts]


def _conflicts(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return contradictions; ``anchors`` are the statements that lead to each from their rows: the first that they are in."""
    seen: set[str] = set()
    told = []
    for each in found:
        told.append({**each, "anchors": [name for name in each["statements"] if name not in seen],
                     "quotes": [{**one, "said": _said(one)} for one in each["quotes"]]})
        seen.update(each["statements"])
    return told


def _said(quote: dict[str, Any]) -> str:
    """Return the words of a statement for a link; of a figure in a table its indicator."""
    told = quote["quote"] if not quote["quote"].replace(".", "").isdigit() else f"{quote['name']} {quote['quote']}"
    return told if len(told) <= _WORDS else f"{told[:_WORDS - 1]}…"


def _number(under: Asked | None) -> str:
    return "" if under is None else str(under.id)


def _query(**asked: str | None) -> str:
    told = {name: value for name, value in asked.items() if value}
    return f"?{urlencode(told)}" if told else ""


_KINDS = [each.value for each in Kind]


def _order(statement: dict[str, Any]) -> int:
    return _KINDS.index(statement["kind"])


def _statement(told: dict[str, Any], language: str, scenario: str) -> dict[str, Any]:
    # Codes of classes and "all" are of our table of statements, not the plan's words.
    facility = "" if told["facility"].isascii() else told["facility"]
    return {**told, "facility": facility, "indicators": [_indicator(each, language, scenario) for each in told["indicators"]]}


def _indicator(told: dict[str, Any], language: str, scenario: str) -> dict[str, Any]:
    text, now = words(language), told["now"]
    # A share is in percent, whatever the target counts.
    told = {**told, "unit_now": "%" if told["way"] in _SHARES else told["unit"], "unit_beside": "" if told["unit"] == _RATIO else told["unit"]}
    return {**told, "shown": None if now is None or now["why"] else _shown(now, told["unit_now"], language), "registered_of": _registered_of(told, text), "spark": _spark(told), "link": _link(now, scenario),
            "rule": ((now or {}).get("source") or {}).get("rule"), "before": _before(told, language), "places": " ".join(places_of(told))}


def _registered_of(told: Mapping[str, Any], text: Mapping[str, str]) -> str | None:
    """Return how many facilities are registered beside how many the plan says there are; None where it is no such count."""
    now, stated = told["now"], (told["baseline"] or {}).get("value")
    if told["way"] != "count" or now is None or now["why"] or now["value"] is None or stated is None:
        return None
    return text["plan_registered_of"].format(registered=numbers.plain(now["value"]), stated=numbers.plain(stated))


def _before(told: Mapping[str, Any], language: str) -> dict[str, str] | None:
    """Return the value and the verdict without the scenario, where either is another one."""
    old, now = told.get("registered"), told["now"] or {}
    if old is None or (all(old[name] == now.get(name) for name in ("value", "low", "high", "gate")) and old["verdict"] == told["verdict"]):
        return None
    known = old["value"] is not None or old["low"] is not None or old["gate"]
    return {"shown": _shown(old, told["unit_now"], language) if known else words(language)["not_computable"], "verdict": old["verdict"]}


def _shown(now: Mapping[str, Any], unit: str, language: str) -> str:
    """Return a value as a reader sees it; where all is not known, between what it is at least and at most."""
    if now.get("gate"):
        return str(now["gate"][language])
    if now["value"] is not None:
        return f"{numbers.plain(now['value'])}{_unit(unit)}"
    if now["high"] is None:
        return words(language)["plan_at_least"].format(value=f"{numbers.plain(now['low'])}{_unit(unit)}")
    return f"{numbers.plain(now['low'])}–{numbers.plain(now['high'])}{_unit(unit)}"


def _unit(unit: str) -> str:
    return f" {unit}" if unit else ""


def _link(now: Mapping[str, Any] | None, scenario: str) -> str | None:
    """Return where the areas or the map behind a value are shown."""
    source = (now or {}).get("source") or {}
    if source.get("rule"):
        return "/blank-spots" + _query(rule=source["rule"], scenario=scenario)
    if source.get("service"):
        return "/" + _query(service=source["service"], threshold=source.get("threshold"), scenario=scenario)
    return None


def _spark(told: dict[str, Any]) -> dict[str, Any] | None:
    """Return the line of the figures by year, with the value now and the target; None of less than two."""
    points = [(each["year"], each["value"]) for each in told["trend"] if each["value"] is not None]
    if not points:  # the value now and a target alone are no line
        return None
    now, target = told["now"], told["target"]
    comparable = told["unit_now"] == told["unit"]
    if comparable and now is not None and now["value"] is not None and told["year"]:
        points.append((told["year"], now["value"]))
    goal = (target["year"], target["value"]) if target is not None and target["value"] is not None and target["form"] in _POINTS else None
    shown = [*points, *([goal] if goal else [])]
    if len(shown) < 2 or len({year for year, _value in shown}) < 2:
        return None
    years, values = [year for year, _ in shown], [value for _, value in shown]
    low, spread = min(values), (max(values) - min(values)) or 1.0

    def place(point: tuple[float, float]) -> tuple[float, float]:
        x = _EDGE + (point[0] - min(years)) / (max(years) - min(years)) * (_WIDE - 2 * _EDGE)
        return round(x, 1), round(_HIGH - _EDGE - (point[1] - low) / spread * (_HIGH - 2 * _EDGE), 1)

    ends = [place(max(points)), place(goal)] if goal is not None and goal[0] > max(points)[0] else []
    return {"line": " ".join(f"{x},{y}" for x, y in map(place, sorted(points))), "points": [place(each) for each in points],
            "promised": " ".join(f"{x},{y}" for x, y in ends),
            "goal": None if goal is None else place(goal), "said": "; ".join(f"{year}: {value:g}" for year, value in shown)}
