"""Plans against the registry and the map: every indicator as of a day, with what makes it fail and what contradicts it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from geosvc.coverage.blank_spots import find_blank_spots
from geosvc.coverage.changed import facilities_changed
from geosvc.coverage.changes import PLANNED_FROM
from geosvc.errors import DefinitionError, InvalidParameter, NoFacility, NotFound, RunNotFound, ServiceNotFound
from geosvc.language import LANGUAGES, words
from geosvc.plans.answers import Answer, Coverage, Culprit, Evidence, Why
from geosvc.plans.computing import compute
from geosvc.plans.conflicts import Conflict, Implied, find_conflicts, implied_people
from geosvc.plans.documents import read_plan, read_plan_file
from geosvc.plans.facts import facts_of
from geosvc.plans.plan import Denominator, Kind
from geosvc.plans.verdicts import Verdict, standing_of, trend_of
from geosvc.plans.vocabulary import measures
from geosvc.registry import facilities, populations
from geosvc.registry.facilities import State
from geosvc.registry.imports.headers import FACILITY_FIELDS
from geosvc.store.facilities import FacilityQuery
from geosvc.store.scope import inside, seen_of
from geosvc.workflows import reading
from geosvc.workflows.files import write_whole
from geosvc.workflows.study import tree_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from geosvc.coverage.blank_spots import Finding, Rule
    from geosvc.coverage.changes import Changes
    from geosvc.coverage.tree import AreaTree
    from geosvc.plans.plan import Figure, Indicator, Plan, Statement
    from geosvc.registry.facilities import Registered
    from geosvc.registry.moments import AsOf
    from geosvc.registry.populations import Population
    from geosvc.settings import Settings
    from geosvc.store.engine import Session, Store
    from geosvc.workflows.scenarios import Asked

FOLDER = "plans"  # of a workspace: plan files of its own
CULPRITS_SHOWN = 50
STATES = ("computed", "derived", "waiting", "stored", "recorded")
_RESIDENT = "resident"


# -- which plans there are -------------------------------------------------------------------


@cache
def shipped_plans() -> dict[str, Plan]:
    """Return the published plans that every workspace has, by id.

    Raises
    ------
    DefinitionError
    """
    folder = files("geosvc.plans").joinpath("published")
    found = [read_plan(each.read_text("utf-8"), name=each.name) for each in sorted(folder.iterdir(), key=lambda each: each.name)
             if each.name.endswith(".yaml")]
    return {each.id: each for each in found}


def plans_of(settings: Settings) -> dict[str, Plan]:
    """Return the shipped plans and those of the workspace, by id; one of the workspace takes the place of a shipped one."""
    own = {}
    for path in sorted((settings.workspace / FOLDER).glob("*.yaml")):
        plan = read_plan_file(path)
        own[plan.id] = plan
    return {**shipped_plans(), **own}


def plan_named(settings: Settings, plan_id: str) -> Plan:
    """Return one plan.

    Raises
    ------
    NotFound
    """
    known = plans_of(settings)
    if plan_id not in known:
        raise NotFound(f"no plan is called {plan_id!r}; there are: {', '.join(known)}")
    return known[plan_id]


def add_plan(settings: Settings, path: Path) -> Plan:
    """Keep a plan file in the workspace; one that has problems is refused whole.

    Raises
    ------
    DefinitionError
        With every problem, its line and its cure.
    """
    plan = read_plan_file(path)
    if plan.problems:
        raise DefinitionError("the plan file has problems:\n" + "\n".join(str(each) for each in plan.problems))
    target = settings.workspace / FOLDER / f"{plan.id}.yaml"
    target.parent.mkdir(exist_ok=True)
    content = path.read_bytes()
    write_whole(target, lambda temporary: temporary.write_bytes(content), suffix=".yaml")
    return plan


def remove_plan(settings: Settings, plan_id: str) -> None:
    """Forget a plan of the workspace; a shipped one stays.

    Raises
    ------
    NotFound
    """
    own = {read_plan_file(path).id: path for path in (settings.workspace / FOLDER).glob("*.yaml")}
    if plan_id not in own:
        raise NotFound(f"the workspace has no plan {plan_id!r} of its own" + (f"; it has: {', '.join(own)}" if own else ""))
    own[plan_id].unlink()


# -- a plan as of a day ----------------------------------------------------------------------


def plan_list(store: Store, settings: Settings, as_of: AsOf, *, under: Asked | None = None) -> list[dict[str, Any]]:
    """Return every plan with how many of its indicators have which verdict, and how many contradictions are in it."""
    return [_head(plan, board) for plan in plans_of(settings).values() for board in [_Board(store, plan, as_of, under)]]


def plan_board(
    store: Store, settings: Settings, plan_id: str, as_of: AsOf, *, kind: str | None = None, verdict: str | None = None, under: Asked | None = None
) -> dict[str, Any]:
    """Return a plan with every statement: its quote, its indicators, and how they stand as of a day.

    Parameters
    ----------
    store : Store
        One of some areas is told what is computed of them, and of no others.
    kind, verdict : str, optional
        Only statements of a kind; only those with an indicator of a verdict.
    under : Asked, optional
        A scenario: indicators are told as its changes make them, and ``registered`` tells each without it.

    Raises
    ------
    NotFound, InvalidParameter
    """
    _check(kind, Kind, "kind")
    _check(verdict, Verdict, "verdict")
    plan = plan_named(settings, plan_id)
    board = _Board(store, plan, as_of, under)
    rows = [each for each in board.rows if kind is None or each["kind"] == kind]
    if verdict is not None:
        rows = [each for each in rows if any(one["verdict"] == verdict for one in each["indicators"])]
    return {**_head(plan, board), "statements": rows, "contradictions": board.contradictions}


def plan_conflicts(store: Store, settings: Settings, plan_id: str, as_of: AsOf, *, under: Asked | None = None) -> dict[str, Any]:
    """Return the contradictions of a plan, each as a sentence with its figures, and what every number of people would give.

    A scenario changes none of them: they are of the plan's figures and the numbers of people.

    Raises
    ------
    NotFound
    """
    plan = plan_named(settings, plan_id)
    board = _Board(store, plan, as_of)
    return {"plan": plan.id, "title": plan.title, "datetime": board.day, "scenario": None if under is None else under.told,
            "people": [_denominator(each) for each in board.people], "conflicts": board.contradictions}


def plan_failing(
    store: Store, settings: Settings, plan_id: str, as_of: AsOf, *, indicator: str | None = None, under: Asked | None = None
) -> dict[str, Any]:
    """Return the facilities and areas that make indicators fail, or of which it is not known.

    Raises
    ------
    NotFound
    """
    plan = plan_named(settings, plan_id)
    board = _Board(store, plan, as_of, under)
    known = {each.id for statement in plan.statements for each in statement.indicators}
    if indicator is not None and indicator not in known:
        raise NotFound(f"plan {plan.id} has no indicator {indicator!r}")
    found = []
    for statement in plan.statements:
        for each in statement.indicators:
            answer = board.answers.get(each.id)
            if answer is None or (indicator is not None and each.id != indicator):
                continue
            found += [{"indicator": each.id, "name": each.name, "kind": one.kind, "id": one.id, "facility_or_area": one.name, "known": one.known}
                      for one in answer.culprits]
    return {"plan": plan.id, "datetime": board.day, "scenario": None if under is None else under.told, "failing": found}


def _check(value: str | None, choices: Iterable[str], name: str) -> None:
    allowed = [str(each) for each in choices]
    if value is not None and value not in allowed:
        raise InvalidParameter(f"{name} must be one of {', '.join(allowed)}; got {value!r}")


class _Board:
    """A plan beside the registry as of a day, or as a scenario makes it: made once for an answer.

    ``registered`` is the board without the scenario.
    """

    def __init__(self, store: Store, plan: Plan, as_of: AsOf, under: Asked | None = None) -> None:
        self.plan, self.day, self.under = plan, as_of.day, under
        self.registered = None if under is None else _Board(store, plan, as_of)
        self._areas = store.areas
        self._located: set[str] = set()
        self._lacking: set[str] = set()  # services of which no facility is registered
        whole = store.everywhere()
        self.why: Why | None = None
        with whole.reading() as session:
            self._tree = tree_of(session, as_of)
            self.people = _people(session, plan, as_of, self._tree)
            evidence = None
            if plan.area is None or plan.area not in self._tree.index:
                self.why = Why.NO_AREA
            elif store.areas is not None and not inside(plan.area, store.areas):
                self.why = Why.NOT_VISIBLE
            else:
                evidence = self._evidence(whole, session, as_of)
        self.conflicts = find_conflicts(plan, self.people)
        self.implied: dict[str, Implied] = {}
        for each in implied_people(facts_of(plan)):
            if not each.rate.goal:
                self.implied.setdefault(each.rate.indicator, each)
        self.answers = {each.id: self._answered(each, evidence) for statement in plan.statements for each in statement.indicators}

    def _evidence(self, whole: Store, session: Session, as_of: AsOf) -> Evidence:
        query = FacilityQuery(states=[State.OPERATING], area_prefix=self.plan.area, valid_at=as_of.valid_at, recorded_at=as_of.recorded_at)
        found = facilities.find(session, query)
        coming: list[Registered] = []
        if self.under is not None:
            found, coming = self._changed(session, found, self.under.changes)
        self._located = {str(each.id) for each in found if each.facility.located}
        return Evidence(facilities=found, people=self.people, finding=_within(self._tree, str(self.plan.area), coming),
                        coverage=_coverage_of(whole, str(self.plan.area), self.under, self._lacking))

    def _changed(self, session: Session, found: list[Registered], changes: Changes) -> tuple[list[Registered], list[Registered]]:
        """Return (the facilities of the plan's area, those elsewhere that a scenario has serve areas) as the scenario makes them."""
        known = {each.id for each in found}
        others = [number for number in changes.registered if number not in known]
        more = facilities.find(session, FacilityQuery(ids=others, states=[State.OPERATING])) if others else []
        made = facilities_changed(changes, [*found, *more], self._tree)
        altered, area = {each.facility for each in changes.move}, [str(self.plan.area)]
        here = [each for each in made if (each.id in known and each.id not in altered) or inside(each.facility.area_code, area)]
        serving, inner = {each.facility for each in changes.serve}, {each.id for each in here}
        return here, [each for each in made if each.id in serving and each.id not in inner]

    def _answered(self, indicator: Indicator, evidence: Evidence | None) -> Answer | None:
        answer = _answered(indicator, evidence, self.why)
        if answer is None or answer.why is not Why.NOT_MEASURED:
            return answer
        service = indicator.given["service"]
        if service in self._lacking:
            return replace(answer, why=Why.NO_FACILITIES, cure="geosvc import facilities FILE")
        return answer if self.under is None or service not in self.under.concerned else replace(answer, cure=f"geosvc scenarios measure {self.under.id} {service}")

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """Every statement as answers tell it."""
        return [self._row(each) for each in self.plan.statements]

    @cached_property
    def contradictions(self) -> list[dict[str, Any]]:
        """Every contradiction as answers tell it, with the quotes that it is of."""
        quotes = {each.id: each.quote for each in self.plan.statements}
        return [{**conflict_entry(each), "quotes": [{"id": name, "quote": quotes[name]} for name in each.statements]} for each in self.conflicts]

    def _row(self, statement: Statement) -> dict[str, Any]:
        told = [self._indicator(statement, each) for each in statement.indicators]
        return {
            "id": statement.id, "quote": statement.quote, "kind": statement.kind.value, "facility": statement.facility, "level": statement.level,
            "year": statement.year, "status": statement.status.value, "note": statement.note, "recorded": statement.recorded, "indicators": told,
            "conflicts": [each.check for each in self.conflicts if statement.id in each.statements],
        }

    def _indicator(self, statement: Statement, indicator: Indicator) -> dict[str, Any]:
        answer = self.answers[indicator.id]
        standing = standing_of(statement, indicator, answer, day=self.day)
        implied = self.implied.get(indicator.id)
        return {
            "id": indicator.id, "name": indicator.name, "unit": indicator.unit, "way": indicator.way, "better": indicator.better,
            "of": None if indicator.of is None else {"zh": indicator.of.zh, "en": indicator.of.en},
            "baseline": _figure(indicator.baseline), "target": _figure(indicator.target), "trend": [_figure(each) for each in trend_of(indicator)],
            "now": None if answer is None else self._told(answer), **self._without_scenario(indicator.id), "verdict": standing.verdict.value, "distance": standing.distance,
            "expected": standing.expected, "year": standing.from_year, "weaker": standing.weaker, "provisional": standing.provisional,
            "overdue": standing.overdue, "recorded": indicator.recorded,
            "needed": self._needed(indicator),
            "stated": None if implied is None else {
                "count": implied.count.value, "rate": implied.rate.text, "per": implied.rate.per, "implied_people": round(implied.middle),
                "by_people": [{**_denominator(each), "value": implied.count.value / each.people * implied.rate.per} for each in self.people]},
        }

    def _told(self, answer: Answer) -> dict[str, Any]:
        told = _answer(answer)
        return {**told, "culprits": [{**each, **self._place(each)} for each in told["culprits"]]}

    def _place(self, culprit: dict[str, Any]) -> dict[str, Any]:
        """Return where on the map a facility or an area is: ``located``; of an area also the outline that shows it, its own or one around it."""
        if culprit["kind"] == "facility":
            return {"located": culprit["id"] in self._located, "planned": int(culprit["id"]) >= PLANNED_FROM}
        outlined = seen_of(self._tree.outlined(culprit["id"]), self._areas)
        return {"located": outlined == culprit["id"], "outlined": outlined}

    def _without_scenario(self, indicator: str) -> dict[str, Any]:
        """Return, under a scenario, how an indicator stands without it."""
        if self.registered is None:
            return {}
        row = next(each for statement in self.registered.rows for each in statement["indicators"] if each["id"] == indicator)
        now = row["now"] or {}
        return {"registered": {"verdict": row["verdict"], **{name: now.get(name) for name in ("value", "low", "high", "failing", "unknown")}}}

    def _needed(self, indicator: Indicator) -> list[dict[str, Any]]:
        """Return how many a target for so many people asks for, with each registered number of residents."""
        figure, per = indicator.target, indicator.given.get("per")
        if indicator.way != "density" or figure is None or per is None or indicator.given.get("people", _RESIDENT) != _RESIDENT:
            return []
        low, high = figure.target.low, figure.target.high
        if low is None and high is None:
            return []
        return [{**_denominator(each), "low": None if low is None else low * each.people / per, "high": None if high is None else high * each.people / per}
                for each in self.people if each.kind == _RESIDENT]


def _answered(indicator: Indicator, evidence: Evidence | None, why: Why | None) -> Answer | None:
    if indicator.way is None:
        return None
    return compute(indicator, evidence) if evidence is not None else Answer(why=why, cure="geosvc import areas FILE" if why is Why.NO_AREA else "")


def _people(session: Session, plan: Plan, as_of: AsOf, tree: AreaTree) -> list[Denominator]:
    """Return every number of people of a plan's area: the one in force first, then the newest; those of the plan file last."""
    told = [] if plan.area is None else populations.find(session, plan.area, recorded_at=as_of.recorded_at)
    chosen = populations.in_force(populations.years_of(told, as_of.day)).get(str(plan.area))
    registered = [_of_registry(each) for each in sorted(told, key=lambda each: (each is not chosen and each != chosen, -each.year, each.kind != _RESIDENT))]
    known = {(each.year, each.kind, round(each.people)) for each in registered}
    del tree
    return [*registered, *(each for each in plan.denominators if (each.year, each.kind, round(each.people)) not in known)]


def _of_registry(figure: Population) -> Denominator:
    return Denominator(year=figure.year, people=figure.people, kind=figure.kind, status=figure.status, source=figure.source, groups=dict(figure.groups))


def _within(tree: AreaTree, area: str, coming: Sequence[Registered] = ()) -> Callable[[Rule, Sequence[Registered]], Finding]:
    """Return what finds the areas of a plan by a rule; ``coming`` are facilities elsewhere that serve some of them."""

    def finding(rule: Rule, found: Sequence[Registered]) -> Finding:
        whole = find_blank_spots(rule, tree, [*found, *(each for each in coming if each.facility.class_code.startswith(rule.classes))])
        return _only_inside(whole, area)

    return finding


def _only_inside(finding: Finding, area: str) -> Finding:
    return replace(finding, spots=tuple(each for each in finding.spots if area in each.within or each.area.code.startswith(area)))


def _coverage_of(whole: Store, area: str, under: Asked | None, lacking: set[str]) -> Callable[[str, str | None], Coverage | None]:
    """Return what tells the coverage of a service by its newest run; of one that a scenario concerns, by the scenario's.

    Services of which no facility is registered are noted in ``lacking``.
    """

    def coverage(service: str, threshold: str | None) -> Coverage | None:
        run = None
        if under is not None and service in under.concerned:
            run = under.runs.get(service)
            if run is None:
                return None
        try:
            table = reading.coverage_table(whole, service, run_id=run, threshold_id=threshold)
        except (RunNotFound, ServiceNotFound):
            return None
        except NoFacility:
            lacking.add(service)
            return None
        row = next((each for each in table["rows"] if each["area_code"] == area), None)
        share = None if row is None else row["share"] and row["share"]["of_people_with_data"]
        if row is None or share is None or row["people"] is None:
            return None
        beyond = tuple(
            Culprit(kind="area", id=each["area_code"], name=each["name"], value=round(100 * each["share"]["of_people_with_data"], 1))
            for each in table["rows"] if each["level"] == "township" and each["share"] and each["share"]["of_people_with_data"] is not None
            and each["share"]["of_people_with_data"] < 1)
        return Coverage(
            share=share, covered=row["people"]["covered"], people=row["people_total"] - row["people"]["no_data"], run=table["run"],
            service=table["service"], threshold=table["threshold"]["id"], schematic=table["schematic"], areas=tuple(sorted(beyond, key=lambda each: (each.value or 0.0, each.id))))

    return coverage


# -- as answers tell it ----------------------------------------------------------------------


def _head(plan: Plan, board: _Board) -> dict[str, Any]:
    told = [(statement, indicator) for statement in plan.statements for indicator in statement.indicators]
    states = Counter(state_of_row(each) for each in board.rows)
    return {
        "id": plan.id, "title": plan.title, "title_en": plan.title_en, "issuer": plan.issuer, "date": plan.date, "date_note": plan.date_note,
        "period": list(plan.period), "state": plan.state, "area": plan.area, "note": plan.note, "datetime": board.day,
        "scenario": None if board.under is None else board.under.told,
        **({} if board.registered is None else {"registered_verdicts": _verdicts_of(board.registered)}), "area_registered": board.why is not Why.NO_AREA, "people": [_denominator(each) for each in board.people],
        "counts": {"statements": len(plan.statements), "indicators": len(told), **{name: states[name] for name in STATES},
                   "verdicts": _verdicts_of(board), "conflicts": len(board.conflicts)},
        "problems": [str(each) for each in plan.problems],
    }


def _verdicts_of(board: _Board) -> dict[str, int]:
    found = Counter(each["verdict"] for row in board.rows for each in row["indicators"])
    return {each.value: found[each.value] for each in Verdict}


def state_of_row(row: dict[str, Any]) -> str:
    """Return what becomes of a statement of :func:`plan_board`: one of :data:`STATES`.

    Derived is what the plan's own count, or its target, comes to with the registered numbers of people.
    """
    told = [each["now"] for each in row["indicators"] if each["way"] is not None]
    if told:
        derived = any(each["needed"] or (each["stated"] and each["stated"]["by_people"]) for each in row["indicators"])
        return "computed" if any(each["why"] is None for each in told) else "derived" if derived else "waiting"
    return "stored" if any(each["baseline"] or each["target"] or each["trend"] for each in row["indicators"]) else "recorded"


def _figure(figure: Figure | None) -> dict[str, Any] | None:
    if figure is None:
        return None
    return {"year": figure.year, "text": figure.text, "value": figure.value, "form": figure.target.form.value, "source": figure.source}


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "value": answer.value, "low": answer.low, "high": answer.high, "why": None if answer.why is None else why_entry(answer.why, answer.cure),
        "columns": [{"field": each, "zh": FACILITY_FIELDS[each][0], "en": FACILITY_FIELDS[each][1]} for each in answer.columns if each in FACILITY_FIELDS],
        "counts": answer.counts, "by_people": [{key: value for key, value in each.items() if key != "bounds"} for each in answer.by_people],
        "beside": [{"measure": name, "value": value, **_measure_names(name)} for name, value in answer.beside],
        "failing": sum(each.known for each in answer.culprits), "unknown": sum(not each.known for each in answer.culprits),
        "culprits": [{"kind": each.kind, "id": each.id, "name": each.name, "known": each.known, "value": each.value} for each in answer.culprits[:CULPRITS_SHOWN]],
        "source": answer.source, "schematic": answer.schematic,
    }


def why_entry(why: Why, cure: str) -> dict[str, str]:
    """Return why something is not computable in the languages, and the command that would unlock it."""
    return {"code": why.value, **{language: words(language)[f"plan_why_{why.value}"] for language in LANGUAGES}, "command": cure}


def _measure_names(name: str) -> dict[str, str]:
    if name in measures():
        return {"zh": measures()[name].zh, "en": measures()[name].en}
    return {language: words(language)[f"plan_beside_{name}"] for language in LANGUAGES}


def _denominator(each: Denominator) -> dict[str, Any]:
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
    filled = {key: _said(key, value, language) for key, value in conflict.values.items()}
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
        what = text["of_what"].format(of=each[f"of_{language}"], what=getattr(measures()[each["measure"]], language)) if each["of_zh"] else getattr(
            measures()[each["measure"]], language)
        return f"{what} {each['count']:,.0f} ÷ {each['rate']} × {each['per']:,} = {each['people']:,.0f}"
    return f"{each:,.0f}" if isinstance(each, int | float) else str(each)
