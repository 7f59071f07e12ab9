"""Which townships and villages lack the facility their rule asks for, as of a day, for pages, API and files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geosvc.coverage import blank_spots as found_by
from geosvc.coverage.blank_spots import SpotState, find_blank_spots, rules_named
from geosvc.errors import InvalidParameter
from geosvc.language import LANGUAGES, words
from geosvc.registry import facilities, populations
from geosvc.registry.classes import facility_classes
from geosvc.registry.facilities import State
from geosvc.registry.moments import today
from geosvc.store.facilities import FacilityQuery
from geosvc.store.scope import inside
from geosvc.workflows.exporting import write_whole
from geosvc.workflows.sheets import Page, write_book, write_table
from geosvc.workflows.study import figures_of, tree_of
from geosvc.workflows.workspace import title_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from geosvc.coverage.blank_spots import Finding, Rule, Spot
    from geosvc.registry.facilities import Registered
    from geosvc.registry.moments import AsOf
    from geosvc.registry.populations import Population
    from geosvc.store.engine import Session, Store
    from geosvc.workflows.sheets import Cell

FORMATS = ("csv", "xlsx")
_UNPLACED_SHOWN = 50
_COMMANDS = {"no_areas": "geosvc import areas FILE --level {level}", "no_facilities": "geosvc import facilities FILE"}
_COLUMNS: dict[str, tuple[float, str]] = {
    "rule": (18, "@"), "code": (15, "@"), "name": (22, "@"), "parent_code": (13, "@"), "parent_name": (16, "@"),
    "people": (10, "#,##0"), "people_year": (8, "0"), "state": (16, "@"), "state_word": (20, "@"), "facilities": (50, "@"),
    "datetime": (12, "@"), "schematic": (8, "@"), "notes": (50, "@"),
}


def blank_spots(
    store: Store, as_of: AsOf, *, rule_id: str | None = None, area: str | None = None, states: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return, for each rule, every area of its level with what is known of it, and how many are in each state.

    Parameters
    ----------
    store : Store
        One of some areas is told of these; whether a rule is computable, and who serves an area from outside,
        is found out in the whole registry.
    as_of : AsOf
        The day on which areas and facilities were so, and the moment at which it was so known.
    rule_id : str, optional
        All rules unless given.
    area : str, optional
        Code of an area, or the beginning of it; counts are of what lies in it.
    states : sequence of str, optional
        Lists only the areas in these states; counts are of all.

    Raises
    ------
    InvalidParameter
        If there is no such rule or state.
    """
    unknown = sorted(set(states or ()) - set(SpotState))
    if unknown:
        raise InvalidParameter(f"state must be one of {', '.join(SpotState)}; got {unknown[0]!r}")
    whole = store.everywhere()
    with whole.reading() as session:
        title = title_of(session)
        answers = [_answer(store, _finding(whole, session, rule, as_of), area, states) for rule in rules_named(rule_id)]
    return {"title": title, "datetime": as_of.valid_at or today(), "recorded": as_of.recorded_at, "rules": answers}


def _finding(whole: Store, session: Session, rule: Rule, as_of: AsOf) -> tuple[Finding, dict[str, Population]]:
    def work() -> tuple[Finding, dict[str, Population]]:
        tree = tree_of(session, as_of)
        query = FacilityQuery(
            class_prefixes=list(rule.classes), states=[State.OPERATING], valid_at=as_of.valid_at, recorded_at=as_of.recorded_at)
        people = populations.in_force(figures_of(session, as_of, tree))
        return find_blank_spots(rule, tree, facilities.find(session, query)), people

    # Of other days there are too many to remember.
    return whole.recall(session, ("blank spots", rule.id), work) if as_of.is_present else work()


def _answer(
    store: Store, known: tuple[Finding, dict[str, Population]], area: str | None, states: Sequence[str] | None
) -> dict[str, Any]:
    finding, people = known
    spots = [each for each in finding.spots if _shown(store, each, area)]
    wanted = [each for each in spots if states is None or each.state in states]
    why = "no_areas" if not finding.spots else finding.why_not_computable
    used = {one.id: one for spot in spots for one, _mode in spot.by}
    unplaced = [each for each in finding.unplaced if _visible(store, each)]
    # Where nothing can be judged nothing is exempt.
    exempting = 0 if why else sum(_visible(store, each) for each in finding.exempting_unplaced)
    served_unknown = list(finding.served_unknown) if store.areas is None else []
    made_up = sum(each.facility.illustrative for each in used.values())
    return {
        **found_by.as_dict(finding.rule), "computable": why is None, "why_not": None if why is None else _why(finding.rule, why),
        "counts": found_by.count(spots), "total": len(spots), "blank_at_least": finding.at_least(spots),
        "by_parent": _by_parent(spots),
        "unplaced": len(unplaced), "unplaced_facilities": [_facility(store, each, None) for each in unplaced[:_UNPLACED_SHOWN]],
        "exempting_unplaced": exempting, "served_unknown": served_unknown,
        "schematic": made_up > 0 or any(spot.area.schematic for spot in spots),
        "notes": _notes({
            "illustrative_facilities": made_up, "unplaced_facilities": len(unplaced), "exempting_unplaced": exempting,
            "served_unknown": len(served_unknown)}),
        "areas": [_row(store, each, people) for each in wanted],
    }


def _shown(store: Store, spot: Spot, area: str | None) -> bool:
    return (store.areas is None or inside(spot.area.code, store.areas)) and (not area or spot.area.code.startswith(area))


def _visible(store: Store, one: Registered) -> bool:
    return store.areas is None or inside(one.facility.area_code, store.areas)


def _why(rule: Rule, why: str) -> dict[str, str]:
    """Return why a rule is not computable, and the import that would unlock it."""
    told = {}
    for language in LANGUAGES:
        text = words(language)
        classes = [code for code in facility_classes() if code.startswith(rule.facility_classes)]
        names = text["list_comma"].join(getattr(facility_classes()[code], language) for code in classes)
        told[language] = text[f"blank_{why}"].format(level=text[f"level_{rule.level}"], classes=names)
    return {"code": why, **told, "command": _COMMANDS[why].format(level=rule.level)}


def _notes(counted: dict[str, int]) -> list[dict[str, str]]:
    return [
        {"code": code, **{language: words(language)[f"blank_note_{code}"].format(count=number) for language in LANGUAGES}}
        for code, number in counted.items() if number
    ]


def _by_parent(spots: Iterable[Spot]) -> list[dict[str, Any]]:
    """Return the areas above with the number of areas below in each state, in the order of their code."""
    groups: dict[str, list[Spot]] = {}
    for each in spots:
        groups.setdefault("" if each.parent is None else each.parent.code, []).append(each)
    return [
        {"code": code or None, "name": None if (above := group[0].parent) is None else above.name, "total": len(group),
         "counts": found_by.count(group)}
        for code, group in sorted(groups.items())
    ]


def _row(store: Store, spot: Spot, people: dict[str, Population]) -> dict[str, Any]:
    area, above, figure = spot.area, spot.parent, people.get(spot.area.code)
    return {
        "code": area.code, "name": area.name, "kind": area.kind, "parent_code": None if above is None else above.code,
        "parent_name": None if above is None else above.name, "people": None if figure is None else figure.people,
        "people_year": None if figure is None else figure.year, "state": spot.state.value,
        "facilities": [_facility(store, one, mode) for one, mode in spot.by],
    }


def _facility(store: Store, one: Registered, mode: str | None) -> dict[str, Any]:
    """Return a facility as an answer names it; of one that may not be seen only how it serves."""
    if not _visible(store, one):
        return {"id": None, "name": None, "class_code": one.facility.class_code, "mode": mode, "elsewhere": True}
    return {"id": one.id, "name": one.facility.name, "class_code": one.facility.class_code, "mode": mode, "elsewhere": False}


# -- files -----------------------------------------------------------------------------------


def write_blank_spots(told: dict[str, Any], path: Path, *, language: str = "zh") -> dict[str, Any]:
    """Write what :func:`blank_spots` returned as a table (.csv, .xlsx), and return it.

    Raises
    ------
    InvalidParameter
        If the suffix names no format.
    StoreError
        If the file cannot be written.
    """
    name = path.suffix.lower().removeprefix(".")
    if name not in FORMATS:
        raise InvalidParameter(f"{path.name}: the suffix says the format; expected one of .{', .'.join(FORMATS)}")
    text = words(language)
    headers = [text[f"blank_column_{column}"] for column in _COLUMNS]
    if name == "csv":
        rows = [row for rule in told["rules"] for row in _table(rule, told, language)]
        write_whole(path, lambda target: write_table(target, headers, rows), suffix=".csv")
        return told
    widths, formats = zip(*_COLUMNS.values(), strict=True)
    pages = [Page(title=text[f"level_{rule['level']}"], headers=headers, rows=_table(rule, told, language), widths=widths, formats=formats)
             for rule in told["rules"]]
    pages.append(Page(title=text["sheet_about"], rows=_statements(told, language), widths=(28, 100)))
    write_whole(path, lambda target: write_book(target, pages), suffix=".xlsx")
    return told


def name_of(told: dict[str, Any]) -> str:
    """Return a name for the file, without its suffix."""
    return "-".join(["blank-spots", *([told["rules"][0]["id"]] if len(told["rules"]) == 1 else []), told["datetime"]])


def _table(rule: dict[str, Any], told: dict[str, Any], language: str) -> list[list[Cell]]:
    text = words(language)
    shared = {"rule": rule["id"], "datetime": told["datetime"], "schematic": text["yes" if rule["schematic"] else "no"],
              "notes": "; ".join([*([rule["why_not"][language]] if rule["why_not"] else []), *(note[language] for note in rule["notes"])])}
    return [[_cell(column, each, shared, language) for column in _COLUMNS] for each in rule["areas"]]


def _cell(column: str, row: dict[str, Any], shared: dict[str, Cell], language: str) -> Cell:
    text = words(language)
    if column == "state_word":
        return text[f"blank_state_{row['state']}"]
    if column == "facilities":
        return text["list_comma"].join(said_of(each, language) for each in row["facilities"])
    found: Cell = shared[column] if column in shared else row[column]
    return found


def said_of(facility: dict[str, Any], language: str) -> str:
    """Return a facility of an answer in one phrase: its name and how it serves."""
    text = words(language)
    name = text["nearest_elsewhere"] if facility["elsewhere"] else facility["name"]
    mode = facility["mode"]
    return f"{name}{text['open_bracket']}{text['blank_mode_' + mode]}{text['close_bracket']}" if mode and mode != found_by.OWN else str(name)


def _statements(told: dict[str, Any], language: str) -> list[list[Cell]]:
    """Return what a reader of the tables must know."""
    text = words(language)
    rows: list[list[Cell]] = [[text["study"], told["title"]], [text["blank_day"], told["datetime"]]]
    for rule in told["rules"]:
        rows += [[text["blank_rule"], rule[language]], [text["sheet_origin"], text[f"origin_{rule['origin']}"]]]
        rows += [["", source[language]] for source in rule["sources"]]
        rows += [[text["blank_exempt_rule"], rule[f"exempt_{language}"]]] if rule[f"exempt_{language}"] else []
        rows += [[text["not_computable"], f"{rule['why_not'][language]} {rule['why_not']['command']}"]] if rule["why_not"] else []
        rows += [[text[f"blank_state_{state}"], number] for state, number in rule["counts"].items() if number]
        rows += [[text["notes"], note[language]] for note in rule["notes"]]
        rows += [[text["sheet_schematic"], text["schematic_banner"]]] if rule["schematic"] else []
    return rows
