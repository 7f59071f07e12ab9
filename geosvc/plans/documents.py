"""Plan files: YAML read into plans. What cannot be read is told with file, line and cure; the other statements still load."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import yaml

from geosvc.errors import DefinitionError, InvalidInput
from geosvc.plans.facts import PEOPLE_KINDS, UNSTATED
from geosvc.plans.fields import (
    LINE,
    MARKS,
    TWICE,
    YEARS,
    Lines,
    Refused,
    change_of,
    choice,
    figure_of,
    number,
    once,
    only,
    refuse,
    texts,
    year_of,
    years_of,
)
from geosvc.plans.plan import (
    BETTER,
    MOST_PROBLEMS,
    STATES,
    Condition,
    Denominator,
    Figure,
    Indicator,
    Inventory,
    Kind,
    Plan,
    Problem,
    Statement,
    Status,
    Sum,
)
from geosvc.plans.reviews import REVIEWS
from geosvc.plans.targets import is_of_unit
from geosvc.plans.vocabulary import Group, groups, read_groups
from geosvc.plans.ways import named_in, way_of
from geosvc.registry.populations import STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

MOST_BYTES = 1_000_000  # the longest of the published ones has 43,000
UNITS = ("", "个", "所", "家", "处", "支", "名", "人", "张", "辆", "岁", "天", "元", "%", "‰", "/10万", "个百分点", "分钟", "公里", "平方公里",
         "张/千人", "人/千人", "个/千人", "人/万人", "人/10万人", "人/千名儿童", "张/千名儿童", "种", "比")
_PLAN = ("id", "title", "title_en", "issuer", "date", "date_note", "period", "state", "area", "note")
_STATEMENT = ("id", "quote", "kind", "facility", "level", "year", "status", "note", "indicator", "indicators", "recorded", "every_years", "reviews")
_SECTION = ("section", "en")
_INDICATOR = ("name", "unit", "better", "baseline", "target", "observed", "change", "compute", "recorded")
_RESERVED = ("new",)
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


def read_plan(text: str, *, name: str = "plan.yaml") -> Plan:
    """Read a plan file.

    Parameters
    ----------
    text : str
        YAML as ``geosvc/plans/published`` shows it.
    name : str
        Of the file, for the problems.

    Raises
    ------
    DefinitionError
        If it is no plan file at all: no YAML, or without the plan itself. What is wrong with a part is in ``problems``.
    """
    if len(text) > MOST_BYTES:
        raise DefinitionError(f"{name}: a plan file has at most {MOST_BYTES:,} characters, this one has {len(text):,}")
    try:
        document = yaml.load(text, Loader=Lines)  # noqa: S506 (a BaseLoader: texts, lists and mappings only)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DefinitionError(f"{name}:{line}: not YAML: {error.problem}; quote texts that hold ': ' or begin with - [ {{ # & * ! > | %") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise DefinitionError(f"{name}: not YAML: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("plan"), dict):
        raise DefinitionError(f"{name}: a plan file begins with 'plan:' and has 'statements:'; see docs/plans.md")
    return _Reader(name, document).plan()


def read_plan_file(path: Path) -> Plan:
    """Read a plan file of a folder.

    Raises
    ------
    DefinitionError
        If it cannot be opened, or is no plan file.
    """
    try:
        return read_plan(path.read_bytes().decode("utf-8-sig"), name=path.name)
    except OSError as error:
        raise DefinitionError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise DefinitionError(f"{path.name}: a plan file is UTF-8 text; byte {error.start} is not. Save it as UTF-8") from None


@dataclass
class _Reader:
    file: str
    document: dict[Any, Any]
    problems: list[Problem] = field(default_factory=list)
    known: dict[str, Group] = field(default_factory=dict)
    section: tuple[str, str] = ("", "")  # that of the statements that follow

    def plan(self) -> Plan:
        told = self.document["plan"]
        if TWICE in self.document:
            key, line = self.document[TWICE]
            raise DefinitionError(f"{self.file}:{line}: {key!r} stands twice; put both parts under one")
        try:
            head = self._head(told)
        except Refused as error:
            raise DefinitionError(f"{self.file}:{error.line}: {error}") from None
        for key in sorted(set(self.document) - {"plan", "people", "groups", "sums", "inventories", "statements", *MARKS}):
            self._problem(1, None, f"{key!r} is no part of a plan file; expected plan, people, groups, sums, inventories, statements")
        self.known = self._groups()
        statements = self._each("statements", self._entry)
        often = Counter(each.id for each in statements)
        twice = {name for name, times in often.items() if times > 1}
        for each in statements:
            if each.id in twice:
                self._problem(each.line, each.id, "this id stands more than once; every statement has its own")
        statements = self._with_conditions([each for each in statements if each.id not in twice])
        return Plan(
            **head, statements=tuple(statements),
            denominators=tuple(self._each("people", _denominator)), sums=tuple(self._sums(statements)), inventories=tuple(self._inventories(statements)), problems=tuple(self.problems))

    def _head(self, told: dict[Any, Any]) -> dict[str, Any]:
        line = told[LINE]
        only(told, _PLAN, "plan")
        texts(told, _PLAN, line)
        name = str(told.get("id", ""))
        if not _ID.fullmatch(name):
            raise Refused(line, f"id must be lower-case letters, digits and hyphens, got {name!r}")
        if name in _RESERVED:
            raise Refused(line, f"the id {name!r} is an address of its own; choose another, such as county-2025")
        first, last = years_of(told, line, "period")
        if last is None:
            raise Refused(line, "period must be two years, such as 2021-2025")
        if last < first:
            raise Refused(line, f"period goes from {first} back to {last}; write the earlier year first")
        if not told.get("title"):
            raise Refused(line, "the plan has no title")
        state = str(told.get("state") or "unstated")
        if state not in STATES:
            raise Refused(line, f"state must be one of {', '.join(STATES)}; got {state!r}")
        return {
            "id": name, "title": str(told["title"]), "title_en": str(told.get("title_en") or told["title"]), "issuer": str(told.get("issuer") or ""),
            "date": told.get("date") or None, "date_note": str(told.get("date_note") or ""), "period": (first, last), "state": state,
            "area": told.get("area") or None, "note": str(told.get("note") or "")}

    def _groups(self) -> dict[str, Group]:
        found, told = groups(), self.document.get("groups") or {}
        if not isinstance(told, dict):
            self._problem(1, None, "groups must be a mapping, such as 'county_hospital: {zh: 县医院, classes: [A1]}'")
            return found
        for key, value in told.items():
            if key in MARKS:
                continue
            try:
                if not isinstance(value, dict):
                    refuse(told[LINE], f"group {key} must be a mapping such as {{zh: 县医院, classes: [A1]}}, got {str(value)[:40]!r}")
                once(value)
                found = read_groups({key: {name: each for name, each in value.items() if name not in MARKS}}, found)
            except Refused as error:
                self._problem(error.line, None, str(error))
            except DefinitionError as error:
                self._problem(value[LINE], None, str(error))
        if TWICE in told:
            self._problem(told[TWICE][1], None, f"the group {told[TWICE][0]!r} stands twice; give each its own name")
        return found

    def _each(self, name: str, read: Callable[[dict[Any, Any]], Any]) -> list[Any]:
        found, told = [], self.document.get(name) or []
        if not isinstance(told, list):
            self._problem(1, None, f"{name} must be a list, each entry beginning with '- '")
            return []
        for each in told:
            if not isinstance(each, dict):
                self._problem(1, None, f"an entry of {name} must be a mapping such as '- id: …', got {str(each)[:40]!r}")
                continue
            try:
                one = read(each)
                found += [] if one is None else [one]
            except (Refused, InvalidInput) as error:
                line = error.line if isinstance(error, Refused) else each[LINE]
                self._problem(line, each.get("id"), str(error))
        return found

    def _problem(self, line: int, statement: str | None, text: str) -> None:
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(file=self.file, line=line, statement=statement, text=text))

    # -- statements ------------------------------------------------------------------------

    def _entry(self, told: dict[Any, Any]) -> Statement | None:
        """Return a statement; an entry that begins a section is none."""
        if "section" not in told:
            return self._statement(told)
        only(told, _SECTION, "section")
        title, title_en = told["section"], told.get("en") or told["section"]
        if not isinstance(title, str) or not isinstance(title_en, str) or not title.strip():
            refuse(told[LINE], "a section has a title, such as '- section: 主要指标', with en where it is known in English")
        self.section = (title.strip(), title_en.strip())
        return None

    def _statement(self, told: dict[Any, Any]) -> Statement:
        line = told[LINE]
        only(told, _STATEMENT, "statement")
        name = str(told.get("id", ""))
        if not _ID.fullmatch(name):
            raise Refused(line, f"a statement needs an id of lower-case letters, digits and hyphens; got {name!r}")
        texts(told, ("quote", "note", "recorded", "facility", "level", "year", "kind", "status"), line)
        if not str(told.get("quote") or "").strip():
            raise Refused(line, "the quote is missing; every statement has the plan's own words")
        several = told.get("indicators") or []
        if not isinstance(several, list) or (several and told.get("indicator")):
            raise Refused(line, "give indicator with one mapping, or indicators with a list of them ('- …'); not both")
        each = several or ([told["indicator"]] if told.get("indicator") else [])
        if any(not isinstance(one, dict) for one in each):
            raise Refused(line, "an indicator must be a mapping with compute, baseline, target …")
        indicators = tuple(self._indicator(one, told, f"{name}-{n}" if len(each) > 1 else name) for n, one in enumerate(each, 1))
        recorded = told.get("recorded") or None
        if not recorded and not indicators:
            raise Refused(line, "nothing is said of what becomes of it: give indicator (with compute), or recorded with the reason why it is only kept")
        return Statement(
            id=name, line=line, section=self.section[0], section_en=self.section[1], quote=str(told["quote"]), kind=choice(told, "kind", Kind, line), facility=str(told.get("facility") or ""),
            level=str(told.get("level") or ""), year=str(told.get("year") or ""), note=str(told.get("note") or ""),
            status=choice(told, "status", Status, line) if told.get("status") else Status.UNSTATED, indicators=indicators, recorded=recorded,
            every_years=_cycle(told, line), reviews=_reviews(told, line))

    def _indicator(self, told: dict[Any, Any], statement: dict[Any, Any], name: str) -> Indicator:
        line = told[LINE]
        only(told, _INDICATOR, "indicator")
        texts(told, ("name", "unit", "better", "recorded"), line)
        unit = str(told.get("unit") or "")
        if unit not in UNITS:
            raise Refused(line, f"there is no unit {unit!r}; expected one of {' '.join(each for each in UNITS if each)}")
        years = YEARS.fullmatch(str(statement.get("year") or "").strip())
        first, last = (int(years[1]), int(years[2] or years[1])) if years else (None, None)
        baseline = figure_of(told.get("baseline"), first, line, "baseline")
        target = figure_of(told.get("target"), last, line, "target")
        if baseline and target and target.year < baseline.year:
            raise Refused(line, f"the target is for {target.year}, before its baseline of {baseline.year}")
        way, given = way_of(told.get("compute"), self.known, line)
        better = str(told.get("better") or "higher")
        if better not in BETTER:
            raise Refused(line, f"better must be one of {', '.join(BETTER)}; got {better!r}")
        if way is None and not told.get("recorded") and not any((baseline, target, told.get("observed"))):
            raise Refused(line, "an indicator needs compute, a figure, or recorded with the reason")
        if way == "gate":
            given["conditions"] = tuple(replace(each, id=f"{name}.{n}") for n, each in enumerate(given["conditions"], 1))
        return Indicator(
            id=name, name=str(told.get("name") or statement["quote"]), line=line, unit=unit, way=way, given=given, better=better,
            baseline=baseline, target=target, observed=self._observed(told, line), change=change_of(told.get("change"), line),
            recorded=told.get("recorded") or None)

    def _with_conditions(self, statements: list[Statement]) -> list[Statement]:
        """Return statements in which every gate that asks for another indicator found it; one that did not is left out."""
        known = {one.id: one for each in statements for one in each.indicators if one.way not in (None, "gate")}
        found = []
        for each in statements:
            try:
                found.append(replace(each, indicators=tuple(_gate_of(one, known) for one in each.indicators)))
            except Refused as error:
                self._problem(error.line, each.id, str(error))
        return found

    def _observed(self, told: dict[Any, Any], line: int) -> tuple[Figure, ...]:
        found = (figure_of(each, None, line, "observed") for each in told.get("observed") or [])
        return tuple(sorted((each for each in found if each is not None), key=lambda each: each.year))

    def _sums(self, statements: Sequence[Statement]) -> list[Sum]:
        def read(told: dict[Any, Any]) -> Sum:
            only(told, ("whole", "parts", "year"), "sum")
            parts = _parts(told, statements, told.get("whole"))
            return Sum(whole=told["whole"], parts=parts, year=year_of(told, told[LINE]), line=told[LINE])

        return self._each("sums", read)

    def _inventories(self, statements: Sequence[Statement]) -> list[Inventory]:
        def read(told: dict[Any, Any]) -> Inventory:
            only(told, ("of", "parts", "year"), "inventory")
            group = named_in(self.known, told.get("of"), "group", told[LINE])
            return Inventory(of=group, parts=_parts(told, statements), year=year_of(told, told[LINE]), line=told[LINE])

        return self._each("inventories", read)


# -- parts ---------------------------------------------------------------------------------


def _gate_of(one: Indicator, known: Mapping[str, Indicator]) -> Indicator:
    if one.way != "gate":
        return one
    asked: list[Condition] = []
    for each in one.given["conditions"]:
        if each.indicator is not None and each.indicator not in known:
            raise Refused(one.line, f"a condition asks for an indicator of this plan that is computed; there is no {each.indicator!r}")
        if each.indicator is not None and not is_of_unit(each.target.unit, known[each.indicator].unit):
            raise Refused(one.line, f"{each.indicator} is counted in {known[each.indicator].unit}, and {each.target.text!r} is not; give the bound in that unit")
        asked.append(each if each.name or each.indicator is None else replace(each, name=known[each.indicator].name))
    return replace(one, given={**one.given, "conditions": tuple(asked)})


def _cycle(told: dict[Any, Any], line: int) -> int | None:
    if not told.get("every_years"):
        return None
    years = number(told, "every_years", line)
    if years != int(years) or years < 1:
        raise Refused(line, f"every_years must be a whole number of years, got {told['every_years']!r}")
    return int(years)


def _reviews(told: dict[Any, Any], line: int) -> tuple[str, ...]:
    given = told.get("reviews") or []
    found = tuple(map(str, given)) if isinstance(given, list) else (str(given),)
    unknown = [each for each in found if each not in REVIEWS]
    if unknown:
        raise Refused(line, f"reviews are {', '.join(REVIEWS)}; got {unknown[0]!r}")
    return found


def _parts(told: dict[Any, Any], statements: Sequence[Statement], *more: Any) -> tuple[str, ...]:
    known = {indicator.id for each in statements for indicator in each.indicators}
    given = told.get("parts") or []
    parts = tuple(map(str, given)) if isinstance(given, list) else ()
    unknown = [each for each in (*map(str, more), *parts) if each not in known]
    if unknown or not parts:
        raise Refused(told[LINE], f"parts are indicators of this plan by their ids; there is no {unknown[0] if unknown else 'part'!r}")
    return parts


def _denominator(told: dict[Any, Any]) -> Denominator:
    line = told[LINE]
    only(told, ("year", "people", "kind", "status", "source", "groups"), "number of people")
    texts(told, ("kind", "status", "source"), line)
    if not told.get("year"):
        raise Refused(line, "a number of people needs its year")
    year, people, groups_told = year_of(told, line), number(told, "people", line), told.get("groups") or {}
    if people <= 0:
        raise Refused(line, f"people must be more than 0, got {told.get('people')!r}; leave the entry out where the number is not known")
    if not told.get("source"):
        raise Refused(line, "a number of people needs its source")
    if not isinstance(groups_told, dict):
        raise Refused(line, f"groups must be numbers by age, such as {{0_14: 14502}}; got {groups_told!r}")
    once(groups_told)
    parts = {key: number(groups_told, key, line) for key in groups_told if key not in MARKS}
    more = next((key for key, part in parts.items() if not 0 <= part <= people), None)
    if more is not None:
        raise Refused(line, f"{more} must be 0 to {people:g}, the people that it is a part of; got {parts[more]:g}")
    kind, status = str(told.get("kind") or UNSTATED), str(told.get("status") or "")
    if kind not in PEOPLE_KINDS or status not in STATUSES:
        raise Refused(line, f"kind must be one of {', '.join(PEOPLE_KINDS)}, status one of {', '.join(STATUSES)}; got {kind!r}, {status!r}")
    return Denominator(year=year, people=people, kind=kind, status=status, source=str(told["source"]), groups=parts)
