"""Plans as tables that a leader reads: one row for an indicator, one for a contradiction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geosvc.language import words
from geosvc.workflows.sheets import TABLE_FORMATS, Page, write_tables

if TYPE_CHECKING:
    from pathlib import Path

    from geosvc.workflows.sheets import Cell

FORMATS = TABLE_FORMATS
_COLUMNS: dict[str, tuple[float, str]] = {
    "statement": (24, "@"), "section": (20, "@"), "kind": (12, "@"), "quote": (46, "@"), "indicator": (36, "@"), "status": (10, "@"), "unit": (10, "@"),
    "baseline_year": (9, "0"), "baseline": (12, "@"), "now": (12, "0.00"), "low": (10, "0.00"), "high": (10, "0.00"), "target_year": (9, "0"),
    "target": (16, "@"), "verdict": (14, "@"), "distance": (10, "0.00"), "why": (36, "@"), "cure": (34, "@"), "failing": (9, "0"),
    "not_known": (9, "0"), "schematic": (8, "@"), "conflicts": (10, "0"), "scenario": (20, "@"), "registered_verdict": (14, "@"),
}

# What makes indicators fail, one by one.
_FAILING: dict[str, tuple[float, str]] = {
    "indicator_id": (22, "@"), "indicator": (40, "@"), "verdict": (14, "@"), "what": (8, "@"), "id": (16, "@"), "name": (34, "@"), "state": (12, "@"), "value": (10, "0.0"),
}


def write_plan(told: dict[str, Any], path: Path, *, language: str = "zh") -> dict[str, Any]:
    """Write what :func:`geosvc.workflows.planning.plan_board` returned as a table (.csv, .xlsx), and return it.

    Raises
    ------
    InvalidParameter
        If the suffix names no format.
    StoreError
        If the file cannot be written.
    """
    headers = [words(language)[f"plan_column_{column}"] for column in _COLUMNS]
    rows = [row for statement in told["statements"] for row in _rows(statement, told["scenario"], language)]
    write_tables(path, lambda: (headers, rows), lambda: _pages(told, headers, rows, language))
    return told


def _pages(told: dict[str, Any], headers: list[str], rows: list[list[Cell]], language: str) -> list[Page]:
    text = words(language)
    widths, formats = zip(*_COLUMNS.values(), strict=True)
    return [
        Page(title=text["plan_indicators"], headers=headers, rows=rows, widths=widths, formats=formats),
        Page(title=text["plan_failing_page"], headers=[text[f"plan_failing_{column}"] for column in _FAILING], rows=_failing(told, language),
             widths=tuple(width for width, _format in _FAILING.values()), formats=tuple(format_ for _width, format_ in _FAILING.values())),
        Page(title=text["plan_conflicts"], headers=[text["plan_severity"], text["plan_conflict"], text["plan_column_statement"]],
             rows=[[text[f"conflict_severity_{each['severity']}"], each[language], ", ".join(each["statements"])] for each in told["contradictions"]],
             widths=(14, 100, 60), formats=("@", "@", "@")),
        Page(title=text["sheet_about"], rows=_about(told, language), widths=(28, 100)),
    ]


def _failing(told: dict[str, Any], language: str) -> list[list[Cell]]:
    """Return a row for each facility and area that makes an indicator fail, or of which it is not known; who may not be named is counted by a row too."""
    text = words(language)
    return [
        [one["id"], one["name"], text[f"plan_verdict_{one['verdict']}"], text["facility_word" if each["kind"] == "facility" else "area"], each["id"],
         each["name"] if each["id"] is not None else text["plan_unseen"], text["plan_failing_known" if each["known"] else "unknown"], each["value"]]
        for statement in told["statements"] for one in statement["indicators"] for each in (one["now"] or {}).get("culprits", ())
    ]


def name_of(told: dict[str, Any]) -> str:
    """Return a name for the file, without its suffix."""
    scenario = f"-scenario-{told['scenario']['id']}" if told["scenario"] else ""
    return f"plan-{told['id']}{scenario}-{told['datetime']}"


def _rows(statement: dict[str, Any], scenario: dict[str, Any] | None, language: str) -> list[list[Cell]]:
    text = words(language)
    shared = {"statement": statement["id"], "section": (statement["section"] or {}).get(language), "kind": text[f"plan_kind_{statement['kind']}"], "quote": statement["quote"], "status": statement["status"],
              "conflicts": len(statement["conflicts"]), "scenario": None if scenario is None else scenario["name"]}
    if not statement["indicators"]:
        given: list[dict[str, Cell]] = [{**shared, "verdict": text["plan_verdict_recorded"], "why": text["list_mark"].join([statement["recorded"], *_due(statement, language)])}]
    else:
        given = [{**shared, **_of_indicator(each, language)} for each in statement["indicators"]]
    return [[each.get(column) for column in _COLUMNS] for each in given]


def _due(statement: dict[str, Any], language: str) -> list[str]:
    """Return when what a statement asks for is due, a part for each."""
    text = words(language)
    return [f"{text['plan_review_' + each['what']]}{text['colon']}{text['list_comma'].join(map(str, each['years']))}" for each in statement["reviews"]]


def _of_indicator(each: dict[str, Any], language: str) -> dict[str, Cell]:
    text, now = words(language), each["now"] or {}
    why = now.get("why")
    baseline, target = each["baseline"] or {}, each["target"] or {}
    return {
        "indicator": each["name"], "unit": each["unit"], "baseline_year": baseline.get("year"), "baseline": baseline.get("text"),
        "now": now.get("value"), "low": now.get("low"), "high": now.get("high"), "target_year": target.get("year"), "target": target.get("text"),
        "verdict": text[f"plan_verdict_{each['verdict']}"], "distance": each["distance"], "why": why[language] if why else now["gate"][language] if now.get("gate") else each["recorded"],
        "cure": why["command"] if why else None, "failing": now.get("failing"), "not_known": now.get("unknown"),
        "schematic": text["yes"] if now.get("schematic") else text["no"] if now else None,
        "registered_verdict": text[f"plan_verdict_{each['registered']['verdict']}"] if "registered" in each else None,
    }


def _about(told: dict[str, Any], language: str) -> list[list[Cell]]:
    """Return what a reader of the tables must know."""
    text = words(language)
    rows: list[list[Cell]] = [
        [text["plan"], told["title"] if language == "zh" else told["title_en"]], [text["plan_issuer"], told["issuer"]],
        [text["plan_date"], told["date"] or told["date_note"]], [text["plan_state"], text[f"plan_state_{told['state']}"]],
        [text["plan_day"], told["datetime"]],
    ]
    if told["scenario"]:
        rows.append([text["scenario"], told["scenario"]["name"]])
    rows += [[text["plan_people"], f"{each['people']:,.0f}{text['open_bracket']}{each['year']} {each['source']}{text['close_bracket']}"] for each in told["people"]]
    if not told["area_registered"]:
        rows.append([text["plan_area"], text["plan_why_no_area"]])
    return rows
