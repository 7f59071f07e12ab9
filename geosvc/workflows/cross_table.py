"""Services by areas: one table of who is covered by what, for pages, API and files.

What is not known is never 0: a cell says whether its service cannot be computed, was not measured, or
whether there are no data or no people in its area.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geosvc.coverage import services as declared_services
from geosvc.coverage.measure import TOTAL_CODE, shares
from geosvc.coverage.states import CoverageState
from geosvc.errors import InvalidParameter, RunNotFound, Unsolvable
from geosvc.language import LANGUAGES, join, words
from geosvc.maps import numbers
from geosvc.registry.areas import LEVELS
from geosvc.workflows import as_of, reading
from geosvc.workflows.sheets import TABLE_FORMATS, Page, write_tables
from geosvc.workflows.study import tree_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from geosvc.coverage.services import Service, Threshold
    from geosvc.registry.moments import AsOf
    from geosvc.settings import Settings
    from geosvc.store.engine import Store
    from geosvc.workflows.sheets import Cell

DEFAULT_LEVEL = "township"
FORMATS = TABLE_FORMATS
NOT_MEASURED, NOT_COMPUTABLE = "not_measured", "not_computable"
_MEASURED, _KNOWN = "measured", "known"
_MOST_NAMED = 3
_CODE_WIDTH, _NAME_WIDTH, _CELL_WIDTH = 16, 18, 14
_PEOPLE_FORMAT, _SHARE_FORMAT = "#,##0", "0.00%"


def cross_table(
    store: Store, settings: Settings, times: AsOf, *, level: str = DEFAULT_LEVEL, service_ids: Sequence[str] = (),
    before: AsOf | None = None,
) -> dict[str, Any]:
    """Return the people covered by each service in each area of a level, as of a day, and what was so on another.

    A service has one column, of its first limit; one for each limit where these are for different people,
    so that none speaks for everybody.

    Parameters
    ----------
    store : Store
    settings : Settings
    times : AsOf
        The newest runs for the present, else those measured for that day.
    level : str
        Of the areas.
    service_ids : sequence of str
        In their order; every service unless given.
    before : AsOf, optional
        Another time, whose figures and the difference to them each cell says; divisions that became others are
        told as what they became.

    Returns
    -------
    table : dict
        ``columns``, ``rows`` with a cell for each, the ``total``, and the ``levels`` of which there are rows.
        The ``state`` of a column is measured, not_measured or not_computable; that of a cell is known, no_data,
        no_people, or that of its column. Figures of a cell that is not known are None.

    Raises
    ------
    ServiceNotFound
    InvalidParameter
        If the level is none.
    """
    if level not in LEVELS:
        raise InvalidParameter(f"level must be one of {', '.join(LEVELS)}; got {level!r}")
    entries = _entries(store, service_ids)
    columns = [column for each in entries for column in _columns(store, settings, each, times)]
    earlier = _Earlier(store, settings, before, times) if before is not None else None
    tables = [_cells_by_area(store, column, earlier) for column in columns]
    found = {row["area_code"]: row for table in tables for row in table["rows"] if row["level"] == level}
    told = {} if before is None else {"compared_with": {"datetime": before.day, "recorded": before.recorded_at}}
    return {
        "level": level, "datetime": times.day, "recorded": times.recorded_at, **told,
        "levels": [each for each in LEVELS if any(row["level"] == each for table in tables for row in table["rows"])],
        "columns": columns,
        "rows": [
            {"area_code": code, "name": found[code]["name"], "level": level, "cells": [table["cells"](code) for table in tables]}
            for code in sorted(found)
        ],
        "total": {"cells": [table["total"] for table in tables]},
        "schematic": any(column["schematic"] for column in columns), "notes": _notes(columns),
    }


def _entries(store: Store, service_ids: Sequence[str]) -> list[dict[str, Any]]:
    known = {each["id"]: each for each in reading.list_services(store)}
    for each in service_ids:
        if each not in known:
            reading.service_entry(store, each)  # refuses it with the list of those there are
    return [known[each] for each in dict.fromkeys(service_ids)] if service_ids else list(known.values())


# -- columns ---------------------------------------------------------------------------------


def _columns(store: Store, settings: Settings, entry: dict[str, Any], times: AsOf) -> list[dict[str, Any]]:
    """Return the columns of a service: one of its first limit, or all where no limit speaks for everybody."""
    found = answer_of(store, settings, entry, times)
    run = None if found["run"] is None else reading.run_record(store, found["run"])
    definition = {name: value for name, value in entry.items() if name in declared_services.Service.__dataclass_fields__}
    service = declared_services.service_from(definition if run is None else run["parameters"]["service"])
    told = {
        "service": service.id, "zh": service.zh, "en": service.en, "unit": service.shown_unit, **found,
        "measured_for": None if run is None else {"datetime": run["datetime"], "recorded": run["recorded"]},
        "schematic": run is not None and reading.is_schematic(run["notes"]), "notes": [] if run is None else run["notes"],
    }
    return [
        {**told, "threshold": reading.threshold_entry(service, each.id), "one_of_several": len(_limits(service)) > 1,
         "total": None if run is None else run["summary"]["thresholds"][each.id]["people"]}
        for each in _limits(service)
    ]


def _limits(service: Service) -> tuple[Threshold, ...]:
    # As the run's verdict says it: limits for some people only are for different people.
    return service.thresholds[:1] if all(each.applies_to == "any" for each in service.thresholds) else service.thresholds


def answer_of(store: Store, settings: Settings, entry: Mapping[str, Any], times: AsOf) -> dict[str, Any]:
    """Return the run that answers for a service, or why there is none, and the command that makes one."""
    if times.is_present:
        if entry["run"] is not None:
            return {"state": _MEASURED, "run": entry["run"], "cure": None}
        cure = as_of.command_for(entry["id"], times) if entry["computable"] else None
        return {"state": NOT_MEASURED if entry["computable"] else NOT_COMPUTABLE, "run": None, "cure": cure}
    try:
        return {"state": _MEASURED, "run": as_of.run_as_of(store, settings, entry["id"], times), "cure": None}
    except RunNotFound:
        return {"state": NOT_MEASURED, "run": None, "cure": as_of.command_for(entry["id"], times)}
    except Unsolvable:
        return {"state": NOT_COMPUTABLE, "run": None, "cure": None}


# -- cells -----------------------------------------------------------------------------------


def _cells_by_area(store: Store, column: dict[str, Any], earlier: _Earlier | None) -> dict[str, Any]:
    """Return the rows of a column's run, the cell of each area by code, and that of the total."""
    total = column.pop("total")
    if column["run"] is None:
        none = _without_figures(column["state"], compared=earlier is not None)
        return {"rows": [], "cells": lambda _code: none, "total": none}
    table = reading.coverage_table(store, column["service"], run_id=column["run"], threshold_id=column["threshold"]["id"])
    people = {row["area_code"]: row["people"] for row in table["rows"]}
    then, then_total = ({}, None) if earlier is None else earlier.people_of(column)

    def cell(code: str) -> dict[str, Any]:
        return _cell(people.get(code), then.get(code), compared=earlier is not None)

    return {"rows": table["rows"], "cells": cell, "total": _cell(total, then_total, compared=earlier is not None)}


def _cell(people: dict[str, float] | None, then: dict[str, float] | None, *, compared: bool) -> dict[str, Any]:
    found = {**_figures(people), "people_total": None if people is None else sum(people.values())}
    if not compared:
        return found
    before = _figures(then)
    known = found["state"] == before["state"] == _KNOWN
    return {**found, "before": before, "difference": {
        name: found[name] - before[name] if known else None for name in ("people_covered", "share")}}


def _figures(people: dict[str, float] | None) -> dict[str, Any]:
    state = _state_of(people)
    if people is None or state != _KNOWN:
        return {"state": state, "people_covered": None, "share": None}
    return {"state": state, "people_covered": people[CoverageState.COVERED.word], "share": shares(people)["of_all_people"]}


def _state_of(people: dict[str, float] | None) -> str:
    if people is None:
        return CoverageState.NO_DATA.word
    if not sum(people.values()):
        return "no_people"
    return _KNOWN if shares(people)["of_people_with_data"] is not None else CoverageState.NO_DATA.word


def _without_figures(state: str, *, compared: bool) -> dict[str, Any]:
    none = {"people_covered": None, "share": None}
    more = {"before": {"state": state, **none}, "difference": none} if compared else {}
    return {"state": state, **none, "people_total": None, **more}


class _Earlier:
    """What was so at another time, in the codes of the areas of the table."""

    def __init__(self, store: Store, settings: Settings, before: AsOf, times: AsOf) -> None:
        self.store, self.settings, self.before = store, settings, before
        with store.everywhere().reading() as session:
            self.tree = tree_of(session, times)
        self.entries = {each["id"]: each for each in reading.list_services(store)}
        self.runs: dict[str, dict[str, Any]] = {}

    def people_of(self, column: dict[str, Any]) -> tuple[dict[str, dict[str, float] | None], dict[str, float] | None]:
        """Return the people by state of each area and of the total; none where that time has no run, or another limit."""
        name, limit = column["service"], column["threshold"]
        if name not in self.runs:
            self.runs[name] = answer_of(self.store, self.settings, self.entries[name], self.before)
        run_id = column["run_before"] = self.runs[name]["run"]
        column["state_before"], column["cure_before"] = self.runs[name]["state"], self.runs[name]["cure"]
        if run_id is None:
            return {}, None
        run = reading.run_record(self.store, run_id)
        limits = {each["id"]: each["value"] for each in run["parameters"]["service"]["thresholds"]}
        if limits.get(limit["id"]) != limit["value"]:
            column["state_before"] = NOT_MEASURED
            return {}, None
        table = reading.coverage_table(self.store, name, run_id=run_id, threshold_id=limit["id"])
        rows = [row for row in table["rows"] if row["area_code"] != TOTAL_CODE]
        return as_of.in_codes_of(rows, self.tree, self.before.day), run["summary"]["thresholds"][limit["id"]]["people"]


def _notes(columns: list[dict[str, Any]]) -> list[dict[str, str]]:
    """Return the notes of all runs, each once; one that is not of every service says of which it is."""
    services = {column["service"]: column for column in columns if column["run"] is not None}
    told: dict[tuple[tuple[str, str], ...], list[str]] = {}
    for service, column in services.items():
        for note in column["notes"]:
            told.setdefault(tuple(sorted(note.items())), []).append(service)
    return [_note_of(dict(note), [services[each] for each in whose], of_all=len(whose) == len(services)) for note, whose in told.items()]


def _note_of(note: dict[str, str], whose: list[dict[str, Any]], *, of_all: bool) -> dict[str, str]:
    if of_all:
        return note
    return {**note, **{
        language: f"{_named([each[language] for each in whose], language)}{words(language)['colon']}{note[language]}" for language in LANGUAGES}}


def _named(names: list[str], language: str) -> str:
    return join(names, language) if len(names) <= _MOST_NAMED else words(language)["cross_services"].format(count=len(names))


# -- files -----------------------------------------------------------------------------------


def write_cross_table(told: dict[str, Any], path: Path, *, language: str = "zh") -> dict[str, Any]:
    """Write what :func:`cross_table` returned as a table (.csv, .xlsx), and return it.

    Raises
    ------
    InvalidParameter
        If the suffix names no format.
    StoreError
        If the file cannot be written.
    """
    write_tables(path, lambda: _csv(told, language), lambda: _pages(told, language))
    return told


def name_of(told: dict[str, Any]) -> str:
    """Return a name for the file, without its suffix."""
    since = f"{told['compared_with']['datetime']}-" if "compared_with" in told else ""
    return f"coverage-{told['level']}-{since}{told['datetime']}"


def label_of(column: Mapping[str, Any], language: str) -> str:
    """Return a column's service and limit, such as "Hospital by car · 30 min"."""
    limit = column["threshold"]
    return f"{column[language]} · {numbers.limit_label(limit['value'], limit['unit'], limit['applies_to'], language)}"


def _figures_told(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Return (the figure's place in a cell, its number format) of every figure that a file has."""
    now = [("people_covered", _PEOPLE_FORMAT), ("share", _SHARE_FORMAT)]
    if "compared_with" not in told:
        return now
    return [*now, *((f"{part}.{name}", form) for part in ("before", "difference") for name, form in now)]


def _value(cell: Mapping[str, Any], figure: str, language: str) -> Cell:
    """Return a figure of a cell; in words where it is not known."""
    part, _dot, name = figure.rpartition(".")
    holder = cell[part] if part else cell
    if holder[name] is not None:
        return float(holder[name])
    text = words(language)
    state = cell["state"] if part != "before" else cell["before"]["state"]
    return text["unknown"] if part == "difference" or state == _KNOWN else text[f"cross_{state}"]


def _area_rows(told: dict[str, Any], language: str) -> list[tuple[list[Cell], list[dict[str, Any]]]]:
    whole: list[Cell] = ["", words(language)["level_total"]]
    return [(whole, told["total"]["cells"]), *(([row["area_code"], row["name"]], row["cells"]) for row in told["rows"])]


def _csv(told: dict[str, Any], language: str) -> tuple[list[str], list[list[Cell]]]:
    text = words(language)
    figures = [figure for figure, _form in _figures_told(told)]
    headers = [text["cross_column_code"], text["area"], *(
        f"{label_of(column, language)} · {text['cross_figure_' + figure.replace('.', '_')]}" for column in told["columns"] for figure in figures),
        text["cross_column_schematic"], text["notes"]]
    # In every row, so that no row is parted from what its reader must know.
    shared: list[Cell] = [text["yes" if told["schematic"] else "no"], "; ".join(note[language] for note in told["notes"])]
    rows = [[*area, *(_value(cell, figure, language) for cell in cells for figure in figures), *shared]
            for area, cells in _area_rows(told, language)]
    return headers, rows


def _pages(told: dict[str, Any], language: str) -> list[Page]:
    """Return a sheet for each figure, and one that says what they are."""
    text = words(language)
    headers = [text["cross_column_code"], text["area"], *(label_of(column, language) for column in told["columns"])]
    widths = [_CODE_WIDTH, _NAME_WIDTH, *([_CELL_WIDTH] * len(told["columns"]))]
    sheets = [
        Page(title=text[f"cross_figure_{figure.replace('.', '_')}"], headers=headers, widths=widths,
             formats=["@", "@", *([form] * len(told["columns"]))],
             rows=[[*area, *(_value(cell, figure, language) for cell in cells)] for area, cells in _area_rows(told, language)])
        for figure, form in _figures_told(told)
    ]
    return [*sheets, Page(title=text["sheet_about"], rows=_statements(told, language), widths=(28, 100))]


def _statements(told: dict[str, Any], language: str) -> list[list[Cell]]:
    text = words(language)
    rows: list[list[Cell]] = [[text["level"], text[f"level_{told['level']}"]], [text["by_date"], told["datetime"]]]
    if told["recorded"]:
        rows.append([text["sheet_recorded"], told["recorded"]])
    if "compared_with" in told:
        rows.append([text["cross_second_day"], told["compared_with"]["datetime"]])
    for column in told["columns"]:
        limit = column["threshold"]
        what = f"{text['run']} {column['run']}" if column["run"] else text[f"cross_{column['state']}"]
        rows.append([label_of(column, language), f"{what} · {numbers.origin_text(limit, language)}"])
    if told["schematic"]:
        rows.append([text["sheet_schematic"], text["schematic_banner"]])
    return [*rows, *([text["notes"], note[language]] for note in told["notes"])]
