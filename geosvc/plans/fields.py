"""Fields of a plan file: YAML in which every scalar stays as written and every mapping knows its line."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, NoReturn

import yaml

from geosvc.errors import InvalidInput
from geosvc.plans.plan import Figure
from geosvc.plans.targets import Target, target_of

if TYPE_CHECKING:
    from collections.abc import Sequence

class _Mark:
    """A key of our own in a mapping: no file can write it, whatever texts it quotes."""


LINE = _Mark()  # where a mapping begins
TWICE = _Mark()  # a key that stands twice in it, and the line of the second
MARKS = (LINE, TWICE)
_FIRST_YEAR, _LAST_YEAR = 1900, 2200

YEARS = re.compile(r"(\d{4})(?:\s*(?:->|-|—)\s*(\d{4}))?")


class Lines(yaml.BaseLoader):
    """Every scalar stays the text that was written (1.20 is not 1.2), and every mapping knows its line."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Return a node; a copy of another one (&name, *name) is refused: a few lines of them unfold to more than any memory holds."""
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="a plan file has no aliases (*); write it out", problem_mark=self.peek_event().start_mark)  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping with its line; always whole, since the loader fills in nothing of a copy afterwards."""
        del deep
        found: dict[Any, Any] = super().construct_mapping(node, deep=True)
        seen: set[str] = set()
        for key, _value in node.value:
            if str(key.value) in seen:
                found[TWICE] = (str(key.value), key.start_mark.line + 1)
            seen.add(str(key.value))
        return {**found, LINE: node.start_mark.line + 1}


class Refused(Exception):
    """What cannot be read, with its line and the cure."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


def once(told: dict[Any, Any]) -> None:
    """Refuse a mapping in which a key stands twice."""
    if TWICE in told:
        key, line = told[TWICE]
        raise Refused(line, f"{key!r} stands twice here; keep one of them")


def only(told: dict[Any, Any], known: Sequence[str], what: str, line: int | None = None) -> None:
    """Refuse a mapping with a key that nothing reads."""
    once(told)
    unknown = [str(each) for each in told if each not in MARKS and each not in known]
    if unknown:
        raise Refused(line or told[LINE], f"{unknown[0]!r} is no field of a {what}; expected {', '.join(known)}")


def texts(told: dict[Any, Any], names: Sequence[str], line: int) -> None:
    """Refuse a list or a mapping where a text is expected."""
    for name in names:
        if not isinstance(told.get(name) or "", str):
            raise Refused(line, f"{name} must be a text; put it in quotation marks if it begins with [ or {{")


def choice(told: dict[Any, Any], name: str, choices: Any, line: int) -> Any:
    """Return one of the values of an enumeration."""
    value = str(told.get(name) or "")
    if value not in {str(each) for each in choices}:
        raise Refused(line, f"{name} must be one of {', '.join(str(each) for each in choices)}; got {value!r}")
    return choices(value)


def number(told: dict[Any, Any], name: str, line: int) -> float:
    """Return a number; never infinite, never none."""
    try:
        value = float(told.get(name, ""))
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise Refused(line, f"{name} must be a number, got {told.get(name)!r}")
    return value


def year_of(told: dict[Any, Any], line: int, name: str = "year") -> int:
    """Return a year of four digits."""
    value = number(told, name, line)
    if value != int(value) or not _FIRST_YEAR <= value <= _LAST_YEAR:
        raise Refused(line, f"{name} must be a year of four digits, got {told.get(name)!r}")
    return int(value)


def years_of(told: dict[Any, Any], line: int, name: str) -> tuple[int, int | None]:
    """Return the first year, and the last where two are given."""
    match = YEARS.fullmatch(str(told.get(name) or ""))
    if match is None:
        raise Refused(line, f"{name} must be years, such as 2021-2025; got {told.get(name)!r}")
    found = [int(each) for each in match.groups() if each]
    if not all(_FIRST_YEAR <= each <= _LAST_YEAR for each in found):
        raise Refused(line, f"{name} must be years from {_FIRST_YEAR} to {_LAST_YEAR}; got {told.get(name)!r}")
    return found[0], found[1] if len(found) > 1 else None


def target_in(text: str, line: int) -> Target:
    """Return a target as the plan writes it."""
    try:
        return target_of(text)
    except InvalidInput as error:
        refuse(line, str(error))


def refuse(line: int, text: str) -> NoReturn:
    """Say no where an expression stands; the line and the cure are told."""
    raise Refused(line, text) from None


def figure_of(told: Any, year: int | None, line: int, what: str) -> Figure | None:
    """Return a figure as quoted; its year is that of the statement where it gives none of its own."""
    if told is None:
        return None
    mapping = told if isinstance(told, dict) else {"value": told}
    text, line = str(mapping.get("value") or ""), mapping.get(LINE, line)
    if isinstance(told, dict):
        only(told, ("year", "value", "source"), what)
        texts(told, ("year", "value", "source"), line)
    given = year_of(mapping, line) if mapping.get("year") else year
    if given is None:
        raise Refused(line, f"the year of the {what} {text!r} is not known; write {{year: 2020, value: …}}")
    return Figure(year=given, text=text, target=target_in(text, line), source=mapping.get("source"))


def change_of(told: Any, line: int) -> tuple[int, float] | None:
    """Return (the year since, by how much) a value rose."""
    if told is None:
        return None
    if not isinstance(told, dict):
        refuse(line, f"change must be {{since: 2015, by: 1.57}}, got {told!r}")
    only(told, ("since", "by"), "change")
    return year_of(told, line, "since"), number(told, "by", line)
