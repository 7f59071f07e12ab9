"""Plan files: YAML read into plans. What cannot be read is told with file, line and cure; the other statements still load."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NoReturn

import yaml

from geosvc.coverage.blank_spots import shipped_rules
from geosvc.errors import DefinitionError, InvalidInput
from geosvc.plans.plan import (
    BETTER,
    STATES,
    WAYS,
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
from geosvc.plans.targets import Target, target_of
from geosvc.plans.vocabulary import Group, groups, measures, read_groups
from geosvc.registry.areas import LEVELS
from geosvc.registry.exports.cells import choices
from geosvc.registry.populations import KINDS, STATUSES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

MOST_BYTES = 4_000_000
UNITS = ("", "个", "所", "家", "处", "支", "名", "人", "张", "辆", "岁", "天", "元", "%", "‰", "/10万", "个百分点", "分钟", "公里", "平方公里",
         "张/千人", "人/千人", "个/千人", "人/万人", "人/10万人", "人/千名儿童", "张/千名儿童", "种", "比")
PER = (1_000, 10_000, 100_000)
_PLAN = ("id", "title", "title_en", "issuer", "date", "date_note", "period", "state", "area", "note")
_STATEMENT = ("id", "quote", "kind", "facility", "level", "year", "status", "note", "indicator", "indicators", "recorded", "every_years")
_INDICATOR = ("name", "unit", "better", "baseline", "target", "observed", "change", "compute", "recorded")
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_YEARS = re.compile(r"(\d{4})(?:\s*(?:->|-|—)\s*(\d{4}))?")
_LINE = "\0line"  # where a mapping begins; no file can write this key
_TWICE = "\0twice"  # a key that stands twice in it, and the line of the second
_MARKS = (_LINE, _TWICE)
_FIRST_YEAR, _LAST_YEAR = 1900, 2200


class _Lines(yaml.BaseLoader):
    """Every scalar stays the text that was written (1.20 is not 1.2), and every mapping knows its line."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = True) -> dict[Any, Any]:
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep or True)
        seen: set[str] = set()
        for key, _value in node.value:
            if str(key.value) in seen:
                found[_TWICE] = (str(key.value), key.start_mark.line + 1)
            seen.add(str(key.value))
        return {**found, _LINE: node.start_mark.line + 1}


class _Refused(Exception):
    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


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
        document = yaml.load(text, Loader=_Lines)  # noqa: S506 (a BaseLoader: texts, lists and mappings only)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise DefinitionError(f"{name}:{line}: not YAML: {error.problem}; quote texts that hold ': ' or begin with - [ {{ # & * !") from None
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

    def plan(self) -> Plan:
        told = self.document["plan"]
        if _TWICE in self.document:
            key, line = self.document[_TWICE]
            raise DefinitionError(f"{self.file}:{line}: {key!r} stands twice; put both parts under one")
        try:
            head = self._head(told)
        except _Refused as error:
            raise DefinitionError(f"{self.file}:{error.line}: {error}") from None
        for key in sorted(set(self.document) - {"plan", "people", "groups", "sums", "inventories", "statements", *_MARKS}):
            self._problem(1, None, f"{key!r} is no part of a plan file; expected plan, people, groups, sums, inventories, statements")
        self.known = self._groups()
        statements = self._each("statements", self._statement)
        often = Counter(each.id for each in statements)
        twice = {name for name, times in often.items() if times > 1}
        for each in statements:
            if each.id in twice:
                self._problem(each.line, each.id, "this id stands more than once; every statement has its own")
        return Plan(
            **head, statements=tuple(each for each in statements if each.id not in twice),
            denominators=tuple(self._each("people", _denominator)), sums=tuple(self._sums(statements)), inventories=tuple(self._inventories(statements)), problems=tuple(self.problems))

    def _head(self, told: dict[Any, Any]) -> dict[str, Any]:
        line = told[_LINE]
        _only(told, _PLAN, "plan")
        name = str(told.get("id", ""))
        if not _ID.fullmatch(name):
            raise _Refused(line, f"id must be lower-case letters, digits and hyphens, got {name!r}")
        first, last = _years(told, line, "period")
        if last is None:
            raise _Refused(line, "period must be two years, such as 2021-2025")
        if last < first:
            raise _Refused(line, f"period goes from {first} back to {last}; write the earlier year first")
        if not told.get("title"):
            raise _Refused(line, "the plan has no title")
        state = str(told.get("state") or "published")
        if state not in STATES:
            raise _Refused(line, f"state must be one of {', '.join(STATES)}; got {state!r}")
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
            if key in _MARKS:
                continue
            try:
                if not isinstance(value, dict):
                    _refuse(told[_LINE], f"group {key} must be a mapping such as {{zh: 县医院, classes: [A1]}}, got {str(value)[:40]!r}")
                _once(value)
                found = read_groups({key: {name: each for name, each in value.items() if name not in _MARKS}}, found)
            except _Refused as error:
                self._problem(error.line, None, str(error))
            except DefinitionError as error:
                self._problem(value[_LINE], None, str(error))
        if _TWICE in told:
            self._problem(told[_TWICE][1], None, f"the group {told[_TWICE][0]!r} stands twice; give each its own name")
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
                found.append(read(each))
            except (_Refused, InvalidInput) as error:
                line = error.line if isinstance(error, _Refused) else each[_LINE]
                self._problem(line, each.get("id"), str(error))
        return found

    def _problem(self, line: int, statement: str | None, text: str) -> None:
        self.problems.append(Problem(file=self.file, line=line, statement=statement, text=text))

    # -- statements ------------------------------------------------------------------------

    def _statement(self, told: dict[Any, Any]) -> Statement:
        line = told[_LINE]
        _only(told, _STATEMENT, "statement")
        name = str(told.get("id", ""))
        if not _ID.fullmatch(name):
            raise _Refused(line, f"a statement needs an id of lower-case letters, digits and hyphens; got {name!r}")
        for key in ("quote", "note", "recorded", "facility", "level", "year"):
            if not isinstance(told.get(key) or "", str):
                raise _Refused(line, f"{key} must be a text; put it in quotation marks if it begins with [ or {{")
        if not str(told.get("quote") or "").strip():
            raise _Refused(line, "the quote is missing; every statement has the plan's own words")
        several = told.get("indicators") or []
        if not isinstance(several, list) or (several and told.get("indicator")):
            raise _Refused(line, "give indicator with one mapping, or indicators with a list of them ('- …'); not both")
        each = several or ([told["indicator"]] if told.get("indicator") else [])
        if any(not isinstance(one, dict) for one in each):
            raise _Refused(line, "an indicator must be a mapping with compute, baseline, target …")
        indicators = tuple(self._indicator(one, told, f"{name}-{n}" if len(each) > 1 else name) for n, one in enumerate(each, 1))
        recorded = told.get("recorded") or None
        if not recorded and not indicators:
            raise _Refused(line, "nothing is said of what becomes of it: give indicator (with compute), or recorded with the reason why it is only kept")
        return Statement(
            id=name, line=line, quote=str(told["quote"]), kind=_choice(told, "kind", Kind, line), facility=str(told.get("facility") or ""),
            level=str(told.get("level") or ""), year=str(told.get("year") or ""), note=str(told.get("note") or ""),
            status=_choice(told, "status", Status, line) if told.get("status") else Status.UNSTATED, indicators=indicators, recorded=recorded,
            every_years=_number(told, "every_years", line) if told.get("every_years") else None)

    def _indicator(self, told: dict[Any, Any], statement: dict[Any, Any], name: str) -> Indicator:
        line = told[_LINE]
        _only(told, _INDICATOR, "indicator")
        unit = str(told.get("unit") or "")
        if unit not in UNITS:
            raise _Refused(line, f"there is no unit {unit!r}; expected one of {' '.join(each for each in UNITS if each)}")
        years = _YEARS.fullmatch(str(statement.get("year") or "").strip())
        first, last = (int(years[1]), int(years[2] or years[1])) if years else (None, None)
        baseline = _figure(told.get("baseline"), first, line, "baseline")
        target = _figure(told.get("target"), last, line, "target")
        if baseline and target and target.year < baseline.year:
            raise _Refused(line, f"the target is for {target.year}, before its baseline of {baseline.year}")
        way, given = self._way(told.get("compute"), line)
        better = str(told.get("better") or "higher")
        if better not in BETTER:
            raise _Refused(line, f"better must be one of {', '.join(BETTER)}; got {better!r}")
        if way is None and not told.get("recorded") and not any((baseline, target, told.get("observed"))):
            raise _Refused(line, "an indicator needs compute, a figure, or recorded with the reason")
        return Indicator(
            id=name, name=str(told.get("name") or statement["quote"]), line=line, unit=unit, way=way, given=given, better=better,
            baseline=baseline, target=target, observed=self._observed(told, line), change=_change(told.get("change"), line),
            recorded=told.get("recorded") or None)

    def _observed(self, told: dict[Any, Any], line: int) -> tuple[Figure, ...]:
        found = (_figure(each, None, line, "observed") for each in told.get("observed") or [])
        return tuple(sorted((each for each in found if each is not None), key=lambda each: each.year))

    def _way(self, told: Any, line: int) -> tuple[str | None, dict[str, Any]]:
        if told is None:
            return None, {}
        named = [key for key in told if key not in _MARKS] if isinstance(told, dict) else []
        if len(named) != 1 or named[0] not in WAYS:
            raise _Refused(line, f"compute must be one of {', '.join(WAYS)} with its fields; got {', '.join(map(str, named)) or told!r}")
        way, fields = named[0], told[named[0]] or {}
        if not isinstance(fields, dict):
            raise _Refused(line, f"compute: {way} has fields, such as {{{', '.join(sum(WAYS[way], ()))}}}; got {fields!r}")
        line = fields.get(_LINE, line)
        must, may = WAYS[way]
        _only(fields, (*must, *may), f"compute: {way}", line)
        missing = [each for each in must if not fields.get(each)]
        if missing:
            raise _Refused(line, f"compute: {way} needs {', '.join(missing)}")
        given = {key: self._given(key, value, line) for key, value in fields.items() if key not in _MARKS}
        if "of" in may:
            given.setdefault("of", self.known["all"])
        if way == "each_area" and "rule" not in given and not given["of"].classes:
            raise _Refused(line, "compute: each_area needs a rule of geosvc blank-spots, or a group with classes of its own; geosvc plan words lists them")
        if way == "each_facility" and not {"measure", "having"} & set(given):
            raise _Refused(line, "compute: each_facility needs a measure, with the number for each as target, or having")
        return way, given

    def _given(self, key: str, value: Any, line: int) -> Any:
        if key in ("of", "of_whole", "to_group", "exempt_where"):
            return self._named(value, self.known, "group", line)
        if key in ("measure", "to", "whole"):
            return self._named(value, measures(), "measure", line)
        if key == "per":
            if str(value) not in map(str, PER):
                raise _Refused(line, f"per must be one of {', '.join(map(str, PER))}; got {value!r}")
            return int(value)
        return _chosen(key, value, line) if key in _CHOSEN else _listed(key, value, line)

    def _named(self, value: Any, known: Any, what: str, line: int) -> Any:
        if not isinstance(value, str) or value not in known:
            near = max((each for each in known if str(value) and (str(value) in each or each in str(value))), key=len, default=None)
            raise _Refused(line, f"there is no {what} {value!r}{f'; {near} is near' if near else ''}; geosvc plan words lists them")
        return known[value]

    def _sums(self, statements: Sequence[Statement]) -> list[Sum]:
        def read(told: dict[Any, Any]) -> Sum:
            _only(told, ("whole", "parts", "year"), "sum")
            parts = _parts(told, statements, told.get("whole"))
            return Sum(whole=told["whole"], parts=parts, year=_year(told, told[_LINE]), line=told[_LINE])

        return self._each("sums", read)

    def _inventories(self, statements: Sequence[Statement]) -> list[Inventory]:
        def read(told: dict[Any, Any]) -> Inventory:
            _only(told, ("of", "parts", "year"), "inventory")
            group = self._named(told.get("of"), self.known, "group", told[_LINE])
            return Inventory(of=group, parts=_parts(told, statements), year=_year(told, told[_LINE]), line=told[_LINE])

        return self._each("inventories", read)


# -- parts ---------------------------------------------------------------------------------


_CHOSEN: dict[str, Callable[[], Sequence[str]]] = {
    "level": lambda: LEVELS, "relation": lambda: tuple(choices("relation")), "join": lambda: ("or", "and"),
    "rule": lambda: tuple(each.id for each in shipped_rules()),
}


def _chosen(key: str, value: Any, line: int) -> str:
    known = _CHOSEN[key]()
    if str(value) not in known:
        raise _Refused(line, f"{key} must be one of {', '.join(known)}; got {value!r}")
    return str(value)


def _listed(key: str, value: Any, line: int) -> Any:
    """Return a field that holds several; one alone may stand without its list."""
    many = value if isinstance(value, list) else [value]
    if key in _PARTS:
        return tuple(_PARTS[key](each, line) for each in many)
    return tuple(str(each) for each in many) if key == "only" else str(value)


def _once(told: dict[Any, Any]) -> None:
    if _TWICE in told:
        key, line = told[_TWICE]
        raise _Refused(line, f"{key!r} stands twice here; keep one of them")


def _only(told: dict[Any, Any], known: Sequence[str], what: str, line: int | None = None) -> None:
    _once(told)
    unknown = [str(each) for each in told if each not in _MARKS and each not in known]
    if unknown:
        raise _Refused(line or told[_LINE], f"{unknown[0]!r} is no field of a {what}; expected {', '.join(known)}")


def _parts(told: dict[Any, Any], statements: Sequence[Statement], *more: Any) -> tuple[str, ...]:
    known = {indicator.id for each in statements for indicator in each.indicators}
    given = told.get("parts") or []
    parts = tuple(map(str, given)) if isinstance(given, list) else ()
    unknown = [each for each in (*map(str, more), *parts) if each not in known]
    if unknown or not parts:
        raise _Refused(told[_LINE], f"parts are indicators of this plan by their ids; there is no {unknown[0] if unknown else 'part'!r}")
    return parts


def _choice(told: dict[Any, Any], name: str, choices: Any, line: int) -> Any:
    value = str(told.get(name) or "")
    if value not in {str(each) for each in choices}:
        raise _Refused(line, f"{name} must be one of {', '.join(str(each) for each in choices)}; got {value!r}")
    return choices(value)


def _number(told: dict[Any, Any], name: str, line: int) -> float:
    try:
        value = float(told.get(name, ""))
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise _Refused(line, f"{name} must be a number, got {told.get(name)!r}")
    return value


def _year(told: dict[Any, Any], line: int, name: str = "year") -> int:
    value = _number(told, name, line)
    if value != int(value) or not _FIRST_YEAR <= value <= _LAST_YEAR:
        raise _Refused(line, f"{name} must be a year of four digits, got {told.get(name)!r}")
    return int(value)


def _years(told: dict[Any, Any], line: int, name: str) -> tuple[int, int | None]:
    match = _YEARS.fullmatch(str(told.get(name) or ""))
    if match is None:
        raise _Refused(line, f"{name} must be years, such as 2021-2025; got {told.get(name)!r}")
    return int(match[1]), int(match[2]) if match[2] else None


def _figure(told: Any, year: int | None, line: int, what: str) -> Figure | None:
    if told is None:
        return None
    mapping = told if isinstance(told, dict) else {"value": told}
    text, line = str(mapping.get("value") or ""), mapping.get(_LINE, line)
    if isinstance(told, dict):
        _only(told, ("year", "value", "source"), what)
    given = _year(mapping, line) if mapping.get("year") else year
    if given is None:
        raise _Refused(line, f"the year of the {what} {text!r} is not known; write {{year: 2020, value: …}}")
    return Figure(year=given, text=text, target=_target(text, line), source=mapping.get("source"))


def _target(text: str, line: int) -> Target:
    try:
        return target_of(text)
    except InvalidInput as error:
        _refuse(line, str(error))


def _refuse(line: int, text: str) -> NoReturn:
    raise _Refused(line, text) from None


def _change(told: Any, line: int) -> tuple[int, float] | None:
    if told is None:
        return None
    if not isinstance(told, dict):
        _refuse(line, f"change must be {{since: 2015, by: 1.57}}, got {told!r}")
    _only(told, ("since", "by"), "change")
    return _year(told, line, "since"), _number(told, "by", line)


def _having(told: Any, line: int) -> str:
    """Return what is asked of a facility; a measure that does not exist would never be known, and nobody would be told."""
    if not isinstance(told, str) or not told.strip():
        _refuse(line, f"having is a list of capabilities such as [感染性疾病科, level:二级, staff:tcm_doctors]; got {told!r}")
    name, _, wanted = told.partition(":")
    if name == "staff" and wanted not in measures():
        _refuse(line, f"there is no measure {wanted!r} in {told!r}; geosvc plan words lists them")
    return told


def _band(told: Any, line: int) -> dict[str, Any]:
    if not isinstance(told, dict):
        _refuse(line, "bands are {below: 100000, target: ≥10}; the last has no below")
    _only(told, ("below", "target"), "band")
    return {"below": _number(told, "below", line) if told.get("below") else None, "target": _target(str(told.get("target") or ""), line)}


def _condition(told: Any, line: int) -> dict[str, Any]:
    if not isinstance(told, dict):
        _refuse(line, "conditions are {name: 床位使用率, value: <75%}")
    _only(told, ("name", "value"), "condition")
    return {"name": str(told.get("name") or ""), "target": _target(str(told.get("value") or ""), line)}


def _denominator(told: dict[Any, Any]) -> Denominator:
    line = told[_LINE]
    _only(told, ("year", "people", "kind", "status", "source", "groups"), "number of people")
    if not told.get("year"):
        raise _Refused(line, "a number of people needs its year")
    year, people, groups_told = _year(told, line), _number(told, "people", line), told.get("groups") or {}
    if people <= 0:
        raise _Refused(line, f"people must be more than 0, got {told.get('people')!r}; leave the entry out where the number is not known")
    if not told.get("source"):
        raise _Refused(line, "a number of people needs its source")
    if not isinstance(groups_told, dict):
        raise _Refused(line, f"groups must be numbers by age, such as {{0_14: 14502}}; got {groups_told!r}")
    _once(groups_told)
    parts = {key: _number(groups_told, key, line) for key in groups_told if key not in _MARKS}
    more = next((key for key, part in parts.items() if not 0 <= part <= people), None)
    if more is not None:
        raise _Refused(line, f"{more} must be 0 to {people:g}, the people that it is a part of; got {parts[more]:g}")
    kind, status = str(told.get("kind") or "resident"), str(told.get("status") or "")
    if kind not in KINDS or status not in STATUSES:
        raise _Refused(line, f"kind must be one of {', '.join(KINDS)}, status one of {', '.join(STATUSES)}; got {kind!r}, {status!r}")
    return Denominator(year=year, people=people, kind=kind, status=status, source=str(told["source"]), groups=parts)


_PARTS: dict[str, Callable[[Any, int], Any]] = {"bands": _band, "conditions": _condition, "having": _having}
