"""Plans against the registry and the map: every indicator as of a day, with what makes it fail and what contradicts it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from geosvc.coverage.changed import facilities_changed
from geosvc.coverage.changes import PLANNED_FROM
from geosvc.errors import InvalidParameter, NotFound
from geosvc.plans.answers import Answer, Evidence, Why
from geosvc.plans.computing import compute
from geosvc.plans.conflicts import find_conflicts
from geosvc.plans.facts import RESIDENT, UNSTATED, facts_of
from geosvc.plans.implied import Implied, implied_people
from geosvc.plans.plan import Kind
from geosvc.plans.reviews import reviews_of
from geosvc.plans.verdicts import Verdict, standing_of, trend_of
from geosvc.registry import facilities
from geosvc.registry.facilities import State
from geosvc.store.facilities import FacilityQuery
from geosvc.store.scope import inside, seen_of
from geosvc.workflows.outlines import coarse_rings
from geosvc.workflows.plan_answers import (
    CULPRITS_SHOWN,
    answer_entry,
    conflict_entry,
    denominator_entry,
    figure_entry,
    lacking_of,
    review_entry,
    state_of_row,
)
from geosvc.workflows.plan_documents import plan_named, plans_of
from geosvc.workflows.plan_evidence import coverage_of, finding_within, people_of
from geosvc.workflows.plan_places import Members, members_of
from geosvc.workflows.study import tree_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from geosvc.coverage.changes import Changes
    from geosvc.plans.answers import Culprit
    from geosvc.plans.plan import Indicator, Plan, Statement
    from geosvc.registry.facilities import Registered
    from geosvc.registry.moments import AsOf
    from geosvc.store.engine import Session, Store
    from geosvc.workflows.scenario_runs import Asked

DRAWN = ("prefecture", "county", "township")  # levels that the small map of a plan shows
STATES = ("computed", "derived", "waiting", "stored", "recorded")


# -- a plan as of a day ----------------------------------------------------------------------


def plan_list(store: Store, as_of: AsOf, *, under: Asked | None = None) -> list[dict[str, Any]]:
    """Return every plan with how many of its indicators have which verdict, and how many contradictions are in it."""
    return [_head(plan, board) for plan in plans_of(store, as_of.recorded_at).values() for board in [_Board(store, plan, as_of, under)]]


def plan_board(
    store: Store, plan_id: str, as_of: AsOf, *, kind: str | None = None, verdict: str | None = None,
    indicator: str | None = None, everything: bool = False, under: Asked | None = None
) -> dict[str, Any]:
    """Return a plan with every statement: its quote, its indicators, and how they stand as of a day.

    Parameters
    ----------
    store : Store
        One of some areas is told what is computed of them, and of no others.
    kind, verdict : str, optional
        Only statements of a kind; only those with an indicator of a verdict.
    indicator : str, optional
        Only the statement of an indicator, with everything that makes it fail; else the first 50 of each are told.
    everything : bool
        Tell all that makes each indicator fail: for tables, that are not read at a glance.
    under : Asked, optional
        A scenario: indicators are told as its changes make them, and ``registered`` tells each without it.

    Raises
    ------
    NotFound, InvalidParameter
    """
    _check(kind, Kind, "kind")
    _check(verdict, Verdict, "verdict")
    plan = plan_named(store, plan_id, as_of.recorded_at)
    _check_indicator(plan, indicator)
    board = _Board(store, plan, as_of, under, shown=None if everything or indicator is not None else CULPRITS_SHOWN)
    rows = [each for each in board.rows if indicator is None or any(one["id"] == indicator for one in each["indicators"])]
    rows = [each for each in rows if kind is None or each["kind"] == kind]
    if verdict is not None:
        rows = [each for each in rows if any(one["verdict"] == verdict for one in each["indicators"])]
    return {**_head(plan, board), "statements": rows, "contradictions": board.contradictions}


def plan_conflicts(store: Store, plan_id: str, as_of: AsOf, *, under: Asked | None = None) -> dict[str, Any]:
    """Return the contradictions of a plan, each as a sentence with its figures, and what every number of people would give.

    A scenario changes none of them: they are of the plan's figures and the numbers of people.

    Raises
    ------
    NotFound
    """
    plan = plan_named(store, plan_id, as_of.recorded_at)
    board = _Board(store, plan, as_of)
    return {"plan": plan.id, "title": plan.title, "datetime": board.day, "scenario": None if under is None else under.told,
            "people": [denominator_entry(each) for each in board.people], "conflicts": board.contradictions}


def plan_failing(
    store: Store, plan_id: str, as_of: AsOf, *, indicator: str | None = None, under: Asked | None = None
) -> dict[str, Any]:
    """Return the facilities and areas that make indicators fail, or of which it is not known.

    Raises
    ------
    NotFound
    """
    plan = plan_named(store, plan_id, as_of.recorded_at)
    board = _Board(store, plan, as_of, under)
    _check_indicator(plan, indicator)
    found = []
    for statement in plan.statements:
        for each in statement.indicators:
            answer = board.answers.get(each.id)
            if answer is None or (indicator is not None and each.id != indicator):
                continue
            for one in answer.culprits:
                seen = board.sees(one)
                found.append({"indicator": each.id, "name": each.name, "kind": one.kind, "id": one.id if seen else None,
                              "facility_or_area": one.name if seen else None, "known": one.known})
    return {"plan": plan.id, "datetime": board.day, "scenario": None if under is None else under.told, "failing": found}


def plan_ground(store: Store, plan_id: str, as_of: AsOf, *, also: Container[str] = ()) -> list[dict[str, Any]]:
    """Return the counties and townships of a plan's area that an account sees and that have an outline, the larger first.

    ``also`` are codes of other areas to show, such as villages that fail. Each has code, name, level and ``rings`` of (longitude, latitude) in degrees, coarse enough for a small map.

    Raises
    ------
    NotFound
    """
    plan = plan_named(store, plan_id, as_of.recorded_at)
    with store.everywhere().reading() as session:
        tree = tree_of(session, as_of)
    if plan.area is None or plan.area not in tree.index:
        return []
    own = tree.index[plan.area]
    within = {own, *(tree.zone_parts.get(own) or ())}
    found = [tree.areas[i] for i in tree.ordered() if (tree.areas[i].level in DRAWN or tree.areas[i].code in also) and within.intersection(tree.ancestors(i))]
    seen = [each for each in found if each.geometry is not None and seen_of(each.code, store.areas)]
    rings = coarse_rings([each.geometry for each in seen if each.geometry is not None])
    return [{"code": each.code, "name": each.name, "level": each.level, "rings": drawn} for each, drawn in zip(seen, rings, strict=True)]


def _check_indicator(plan: Plan, indicator: str | None) -> None:
    if indicator is not None and not any(each.id == indicator for statement in plan.statements for each in statement.indicators):
        raise NotFound(f"plan {plan.id} has no indicator {indicator!r}")


def _check(value: str | None, choices: Iterable[str], name: str) -> None:
    allowed = [str(each) for each in choices]
    if value is not None and value not in allowed:
        raise InvalidParameter(f"{name} must be one of {', '.join(allowed)}; got {value!r}")


class _Board:
    """A plan beside the registry as of a day, or as a scenario makes it: made once for an answer.

    ``registered`` is the board without the scenario. ``members`` are the facilities of the plan's area as registered, None where
    nothing is computed from them. ``shown`` limits what is told of those that make an indicator fail.
    """

    def __init__(self, store: Store, plan: Plan, as_of: AsOf, under: Asked | None = None, *, shown: int | None = CULPRITS_SHOWN) -> None:
        self.plan, self.day, self.under = plan, as_of.day, under
        self.members: Members | None = None
        self._shown = shown
        self.registered = None if under is None else _Board(store, plan, as_of)
        self._areas = store.areas
        self._located: dict[str, tuple[float | None, float | None]] = {}
        self._lacking: set[str] = set()  # services of which no facility is registered
        whole = store.everywhere()
        self.why: Why | None = None
        with whole.reading() as session:
            self._tree = tree_of(session, as_of)
            self.people = people_of(session, plan, as_of)
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
        self.answers: dict[str, Answer | None] = {}
        # Gates last: they ask for other indicators.
        for one in sorted((one for statement in plan.statements for one in statement.indicators), key=lambda one: one.way == "gate"):
            self.answers[one.id] = self._answered(one, evidence)

    def _evidence(self, whole: Store, session: Session, as_of: AsOf) -> Evidence:
        self.members = members_of(session, self._tree, str(self.plan.area), as_of)
        found = self.members.found
        coming: list[Registered] = []
        if self.under is not None:
            found, coming = self._changed(session, found, self.under.changes)
        self._located = {str(each.id): (each.facility.lon, each.facility.lat) for each in found if each.facility.located}
        return Evidence(facilities=found, people=self.people, finding=finding_within(self._tree, str(self.plan.area), coming),
                        coverage=coverage_of(whole, str(self.plan.area), self.under, self._lacking),
                        year=int(self.day[:4]), answer=lambda name: self.answers[name] or Answer(why=Why.NO_FIGURES))

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
        quotes = {each.id: each for each in self.plan.statements}
        return [{**conflict_entry(each), "quotes": [{"id": name, "quote": quotes[name].quote, "name": next((one.name for one in quotes[name].indicators), quotes[name].quote)} for name in each.statements]} for each in self.conflicts]

    def _row(self, statement: Statement) -> dict[str, Any]:
        told = [self._indicator(statement, each) for each in statement.indicators]
        return {
            "id": statement.id, "quote": statement.quote, "section": {"zh": statement.section, "en": statement.section_en} if statement.section else None,
            "kind": statement.kind.value, "facility": statement.facility, "level": statement.level,
            "year": statement.year, "status": statement.status.value, "note": statement.note, "recorded": statement.recorded, "indicators": told,
            "conflicts": [each.check for each in self.conflicts if statement.id in each.statements],
            "reviews": [review_entry(each, self.day) for each in reviews_of(statement, self.plan)],
        }

    def _indicator(self, statement: Statement, indicator: Indicator) -> dict[str, Any]:
        answer = self.answers[indicator.id]
        standing = standing_of(statement, indicator, answer, day=self.day)
        implied = self.implied.get(indicator.id)
        return {
            "id": indicator.id, "name": indicator.name, "unit": indicator.unit, "way": indicator.way, "better": indicator.better,
            "of": None if indicator.of is None else {"zh": indicator.of.zh, "en": indicator.of.en},
            "baseline": figure_entry(indicator.baseline), "target": figure_entry(indicator.target), "trend": [figure_entry(each) for each in trend_of(indicator)],
            "now": None if answer is None else self._told(answer), **self._without_scenario(indicator.id), "verdict": standing.verdict.value, "distance": standing.distance,
            "expected": standing.expected, "year": standing.from_year, "weaker": standing.weaker, "provisional": standing.provisional,
            "overdue": standing.overdue, "recorded": indicator.recorded,
            "needed": self._needed(indicator),
            "stated": None if implied is None else {
                "count": implied.count.value, "rate": implied.rate.text, "per": implied.rate.per, "implied_people": round(implied.middle),
                "by_people": [{**denominator_entry(each), "value": implied.count.value / each.people * implied.rate.per} for each in self.people]},
        }

    def _told(self, answer: Answer) -> dict[str, Any]:
        told = answer_entry(answer)
        return {**told, "culprits": [self._culprit(each) for each in answer.culprits[:self._shown]]}

    def sees(self, culprit: Culprit) -> bool:
        """Return whether an account may read of a facility or an area; of some areas it reads of no facility without a code."""
        by_position = frozenset() if self.members is None else self.members.by_position
        return self._areas is None or culprit.kind != "facility" or int(culprit.id) not in by_position

    def _culprit(self, one: Culprit) -> dict[str, Any]:
        told = {"kind": one.kind, "id": one.id, "name": one.name, "known": one.known, "value": one.value}
        return {**told, **self._place(told)} if self.sees(one) else {**told, "id": None, "name": None, "located": False, "planned": False, "lon": None, "lat": None}

    def _place(self, culprit: dict[str, Any]) -> dict[str, Any]:
        """Return where on the map a facility or an area is: ``located``, with degrees for a facility; of an area also the outline that shows it, its own or one around it."""
        if culprit["kind"] == "facility":
            lon, lat = self._located.get(culprit["id"], (None, None))
            return {"located": culprit["id"] in self._located, "planned": int(culprit["id"]) >= PLANNED_FROM, "lon": lon, "lat": lat}
        outlined = seen_of(self._tree.outlined(culprit["id"]), self._areas)
        return {"located": outlined == culprit["id"], "outlined": outlined}

    def _without_scenario(self, indicator: str) -> dict[str, Any]:
        """Return, under a scenario, how an indicator stands without it."""
        if self.registered is None:
            return {}
        row = next(each for statement in self.registered.rows for each in statement["indicators"] if each["id"] == indicator)
        now = row["now"] or {}
        return {"registered": {"verdict": row["verdict"], **{name: now.get(name) for name in ("value", "low", "high", "failing", "unknown", "gate")}}}

    def _needed(self, indicator: Indicator) -> list[dict[str, Any]]:
        """Return how many a target for so many people asks for, with each registered number of residents."""
        figure, per = indicator.target, indicator.given.get("per")
        if indicator.way != "density" or figure is None or per is None or indicator.given.get("people", RESIDENT) != RESIDENT:
            return []
        low, high = figure.target.low, figure.target.high
        if low is None and high is None:
            return []
        return [{**denominator_entry(each), "low": None if low is None else low * each.people / per, "high": None if high is None else high * each.people / per}
                for each in self.people if each.kind in (RESIDENT, UNSTATED)]


def _answered(indicator: Indicator, evidence: Evidence | None, why: Why | None) -> Answer | None:
    if indicator.way is None:
        return None
    return compute(indicator, evidence) if evidence is not None else Answer(why=why, cure="geosvc import areas FILE" if why is Why.NO_AREA else "")


# -- as answers tell it ----------------------------------------------------------------------


def _head(plan: Plan, board: _Board) -> dict[str, Any]:
    told = [(statement, indicator) for statement in plan.statements for indicator in statement.indicators]
    states = Counter(state_of_row(each) for each in board.rows)
    return {
        "id": plan.id, "title": plan.title, "title_en": plan.title_en, "issuer": plan.issuer, "date": plan.date, "date_note": plan.date_note,
        "period": list(plan.period), "state": plan.state, "area": plan.area, "note": plan.note, "datetime": board.day,
        "scenario": None if board.under is None else board.under.told,
        **({} if board.registered is None else {"registered_verdicts": _verdicts_of(board.registered)}),
        "area_registered": board.why is not Why.NO_AREA,
        "by_position": None if board.members is None else len(board.members.by_position),
        "unplaced": None if board.members is None else board.members.unplaced,
        "lacking": lacking_of(board.rows),
        "people": [denominator_entry(each) for each in board.people],
        "counts": {"statements": len(plan.statements), "indicators": len(told), **{name: states[name] for name in STATES},
                   "verdicts": _verdicts_of(board), "conflicts": len(board.conflicts)},
        "problems": [str(each) for each in plan.problems],
    }


def _verdicts_of(board: _Board) -> dict[str, int]:
    found = Counter(each["verdict"] for row in board.rows for each in row["indicators"])
    return {each.value: found[each.value] for each in Verdict}
