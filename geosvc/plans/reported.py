"""Figures that were reported after a plan was written: a table beside its file, one row for a figure of a year."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from geosvc.errors import DefinitionError, InvalidInput
from geosvc.plans.plan import MOST_PROBLEMS, Condition, Figure, Indicator, Plan, Problem
from geosvc.plans.targets import Form, is_of_unit, target_of
from geosvc.registry.imports.texts import cells_of

if TYPE_CHECKING:
    from collections.abc import Iterator

# The columns by their words; the name is for the reader of the table alone.
COLUMNS = {"indicator": ("指标编号", "indicator"), "name": ("指标", "name"), "year": ("年份", "year"), "value": ("数值", "value"), "source": ("来源", "source")}
_HEADERS = frozenset(word for words in COLUMNS.values() for word in words)
_MUST = ("indicator", "year", "value", "source")
_FIRST_YEAR = 1900
_NEAR_NAMES = 20  # for so many wrong rows a name that is near is looked for


@dataclass(frozen=True, kw_only=True)
class Reported:
    """Figures by the id of their indicator, and the rows that could not be read."""

    figures: dict[str, tuple[Figure, ...]]
    problems: tuple[Problem, ...] = ()


def read_reported(text: str, plan: Plan, *, name: str, year: int) -> Reported:
    """Read a table of reported figures.

    Parameters
    ----------
    text : str
        CSV (commas, tabs or semicolons) with the columns of :data:`COLUMNS`; rows without a value are left out, as in the form that was not filled in.
    plan : Plan
    name : str
        Of the file, for the problems.
    year : int
        The year that it is: figures of later ones cannot have been measured.

    Raises
    ------
    UnreadableFile
        If it is no table.
    DefinitionError
        If the columns are not there.
    """
    rows = cells_of(text, name, lambda row: sum(cell.strip() in _HEADERS for cell in row))
    places = _places(rows[0] if rows else [], name)
    found: dict[str, list[Figure]] = defaultdict(list)
    problems: list[Problem] = []
    units = _units(plan)
    for line, row in enumerate(rows[1:], 2):
        told = {column: row[place].strip() if place < len(row) else "" for column, place in places.items()}
        if not told["value"]:
            continue
        try:
            _no_longer_than(row, len(rows[0]))
            figure = _figure(told, units, year, near=len(problems) < _NEAR_NAMES)
            _once(figure, told["indicator"], found)
        except InvalidInput as error:
            if len(problems) == MOST_PROBLEMS:
                break
            problems.append(Problem(file=name, line=line, statement=told["indicator"] or None, text=str(error)))
            continue
        found[told["indicator"]].append(figure)
    return Reported(figures={key: tuple(each) for key, each in found.items() if each}, problems=tuple(problems))


def _units(plan: Plan) -> dict[str, str]:
    """Return the units of what figures can be reported of: indicators, and conditions of gates that ask for no other indicator."""
    told = [one for statement in plan.statements for one in statement.indicators]
    return {one.id: one.unit for one in told} | {each.id: each.target.unit for one in told for each in _conditions(one)}


def _conditions(one: Indicator) -> tuple[Condition, ...]:
    return tuple(each for each in one.given["conditions"] if each.indicator is None) if one.way == "gate" else ()


def _places(header: list[str], name: str) -> dict[str, int]:
    words = [each.strip().lstrip("\ufeff") for each in header]
    places = {column: words.index(word) for column, names in COLUMNS.items() for word in names if word in words}
    missing = [COLUMNS[each] for each in _MUST if each not in places]
    if missing:
        raise DefinitionError(f"{name}:1: the first row must have the columns {', '.join(' or '.join(each) for each in missing)}; got "
                              f"{', '.join(words) or 'nothing'}. geosvc plan report PLAN without a file prints the form")
    return places


def _no_longer_than(row: list[str], columns: int) -> None:
    """Refuse a row with a cell too many: 1,200 without quotation marks would be read as 1."""
    if any(each.strip() for each in row[columns:]):
        raise InvalidInput(f"the row has {len(row)} cells, the first row {columns}; write numbers without commas, or in quotation marks")


def _figure(told: dict[str, str], units: dict[str, str], year: int, *, near: bool) -> Figure:
    name, said, value = told["indicator"], told["year"], told["value"]
    if name not in units:
        found = get_close_matches(name, units, 1) if near else []
        raise InvalidInput(f"the plan has no indicator {name!r}" + (f"; {found[0]} is near" if found else "") + "; geosvc plan report PLAN without a file lists them")
    if not (said.isascii() and said.isdigit() and _FIRST_YEAR <= int(said) <= year):
        raise InvalidInput(f"year must be {_FIRST_YEAR} to {year}, when it was measured; got {said!r}")
    target = target_of(value)
    if target.form not in (Form.VALUE, Form.RATIO) or target.number is None:
        raise InvalidInput(f"a reported value is a number, such as 37.1 or 37.1%; got {value!r}")
    if not is_of_unit(target.unit, units[name]):
        raise InvalidInput(f"{name} is counted in {units[name]}, and {value!r} is not; give the number in {units[name]}")
    if not told["source"]:
        raise InvalidInput("the source is missing; write who reported it, such as 2023年统计公报")
    return Figure(year=int(said), text=value, target=target, source=told["source"])


def _once(figure: Figure, name: str, found: dict[str, list[Figure]]) -> None:
    if any(each.year == figure.year for each in found[name]):
        raise InvalidInput(f"{name} has a second figure of {figure.year}; keep the one that holds")


def with_reported(plan: Plan, reported: Reported) -> Plan:
    """Return a plan with the figures among those observed, and the rows that could not be read among its problems."""
    def by_year(observed: tuple[Figure, ...], name: str) -> tuple[Figure, ...]:
        return tuple(sorted((*observed, *reported.figures.get(name, ())), key=lambda each: each.year))

    def more(one: Indicator) -> Indicator:
        given = one.given
        if one.way == "gate":
            given = {**given, "conditions": tuple(replace(each, observed=by_year(each.observed, each.id)) for each in given["conditions"])}
        return replace(one, given=given, observed=by_year(one.observed, one.id))

    statements = tuple(replace(each, indicators=tuple(more(one) for one in each.indicators)) for each in plan.statements)
    return replace(plan, statements=statements, problems=(*plan.problems, *reported.problems))


def form_of(plan: Plan, reported: Iterable[tuple[str, Figure]] = ()) -> list[list[str]]:
    """Return the table to fill in: what is reported already, and an empty row for every indicator that is not computed."""
    given = defaultdict(list)
    for name, figure in reported:
        given[name].append(figure)
    return [[words[0] for words in COLUMNS.values()], *_rows(plan, given)]


def _rows(plan: Plan, given: dict[str, list[Figure]]) -> Iterator[list[str]]:
    for statement in plan.statements:
        for one in statement.indicators:
            asked = [(one.id, one.name, one.way is None and one.target is not None), *((each.id, each.name, True) for each in _conditions(one))]
            for name, said, empty in asked:
                for figure in given.get(name, ()):
                    yield [name, said, str(figure.year), figure.text, figure.source or ""]
                if empty:
                    yield [name, said, "", "", ""]
