"""Which townships and villages lack the facility their rule asks for, as of a day, for pages, API and files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from geosvc.coverage import blank_spots as found_by
from geosvc.coverage.blank_spots import SpotState, find_blank_spots, rules_named
from geosvc.coverage.changed import facilities_changed
from geosvc.coverage.changes import PLANNED_FROM
from geosvc.errors import AreaNotFound, InvalidParameter
from geosvc.language import LANGUAGES, words
from geosvc.registry import facilities, populations
from geosvc.registry.classes import facility_classes
from geosvc.registry.facilities import State
from geosvc.registry.moments import today
from geosvc.store.facilities import FacilityQuery
from geosvc.store.scope import inside, seen_of
from geosvc.workflows.sheets import TABLE_FORMATS, Page, write_tables
from geosvc.workflows.study import figures_of, tree_of
from geosvc.workflows.workspace import title_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from pathlib import Path

    from geosvc.coverage.blank_spots import Finding, Rule, Spot
    from geosvc.coverage.tree import AreaTree
    from geosvc.registry.facilities import Registered
    from geosvc.registry.moments import AsOf
    from geosvc.registry.populations import Population
    from geosvc.store.engine import Session, Store
    from geosvc.workflows.scenario_runs import Asked
    from geosvc.workflows.sheets import Cell

FORMATS = TABLE_FORMATS
_UNPLACED_SHOWN = 50
_COMMANDS = {"no_areas": "geosvc import areas FILE --level {level}", "no_facilities": "geosvc import facilities FILE"}
_COLUMNS: dict[str, tuple[float, str]] = {
    "rule": (18, "@"), "code": (15, "@"), "name": (22, "@"), "parent_code": (13, "@"), "parent_name": (16, "@"),
    "people": (10, "#,##0"), "people_year": (8, "0"), "state": (16, "@"), "state_word": (20, "@"), "facilities": (50, "@"),
    "datetime": (12, "@"), "schematic": (8, "@"), "notes": (50, "@"),
}


def blank_spots(
    store: Store, as_of: AsOf, *, rule_id: str | None = None, area: str | None = None, states: Sequence[str] | None = None,
    under: Asked | None = None, changed_too: bool = False
) -> dict[str, Any]:
    """Return, for each rule, every area of its level with what is known of it, and how many are in each state.

    Under a scenario, ``registered_state`` of an area and ``registered_counts`` of a rule tell how it is without it.

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
    under : Asked, optional
        A scenario: its changes are asked about, not what is registered.
    changed_too : bool
        Under a scenario also lists the areas whose state it changes, whatever state that is.

    Raises
    ------
    InvalidParameter
        If there is no such rule or state.
    AreaNotFound
        If no area has a code that begins with ``area``.
    """
    unknown = sorted(set(states or ()) - set(SpotState))
    if unknown:
        raise InvalidParameter(f"state must be one of {', '.join(SpotState)}; got {unknown[0]!r}")
    whole = store.everywhere()
    with whole.reading() as session:
        title = title_of(session)
        answers = [_asked(store, session, rule, as_of, area, states, under, changed_too=changed_too) for rule in rules_named(rule_id)]
    return {"title": title, "datetime": as_of.valid_at or today(), "recorded": as_of.recorded_at, "scenario": None if under is None else under.told,
            "rules": answers}


def _asked(
    store: Store, session: Session, rule: Rule, as_of: AsOf, area: str | None, states: Sequence[str] | None, under: Asked | None, *, changed_too: bool
) -> dict[str, Any]:
    """Return one rule as an answer tells it; under a scenario beside what is registered."""
    known = _finding(store.everywhere(), session, rule, as_of)
    _refuse_unknown_area(store, known.tree, area)
    if under is None:
        return _answer(store, known, area, states)
    before = {each.area.code: each.state for each in known.finding.spots}
    tried = replace(known, finding=find_blank_spots(rule, known.tree, _under(session, rule, under, known.tree)))
    changed = {each.area.code for each in tried.finding.spots if each.state is not before[each.area.code]} if changed_too else set()
    told = _answer(store, tried, area, states, also=changed)
    notes = [{"code": "scenario", **{language: words(language)["blank_note_scenario"].format(name=under.name) for language in LANGUAGES}}, *told["notes"]]
    return {**told, "notes": notes, "registered_counts": found_by.count(each for each in known.finding.spots if _shown(store, each, area)),
            "areas": [{**row, "registered_state": before[row["code"]].value} for row in told["areas"]]}


def _refuse_unknown_area(store: Store, tree: AreaTree, area: str | None) -> None:
    """Refuse a code that no area has: that nothing of it is blank would read as if all of it were served."""
    seen = [each.code for each in tree.areas if store.areas is None or inside(each.code, store.areas)]
    if area and seen and not any(code.startswith(area) for code in seen):
        raise AreaNotFound(f"no area has the code {area!r} or one that begins with it; GET /api/collections/areas/items lists them")


def _under(session: Session, rule: Rule, under: Asked, tree: AreaTree) -> list[Registered]:
    """Return the facilities of a rule's classes as a scenario makes them."""
    found = facilities.find(session, FacilityQuery(class_prefixes=list(rule.classes), states=[State.OPERATING]))
    return [each for each in facilities_changed(under.changes, found, tree) if each.facility.class_code.startswith(rule.classes)]


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What a rule finds in the areas of a day, with the number of people of each."""

    finding: Finding
    people: dict[str, Population]
    tree: AreaTree


def _finding(whole: Store, session: Session, rule: Rule, as_of: AsOf) -> _Known:
    def work() -> _Known:
        tree = tree_of(session, as_of)
        query = FacilityQuery(
            class_prefixes=list(rule.classes), states=[State.OPERATING], valid_at=as_of.valid_at, recorded_at=as_of.recorded_at)
        people = populations.in_force(figures_of(session, as_of, tree))
        return _Known(finding=find_blank_spots(rule, tree, facilities.find(session, query)), people=people, tree=tree)

    # Of other days there are too many to remember.
    return whole.recall(session, ("blank spots", rule.id), work) if as_of.is_present else work()


def _answer(
    store: Store, known: _Known, area: str | None, states: Sequence[str] | None, also: Collection[str] = ()
) -> dict[str, Any]:
    finding = known.finding
    spots = [each for each in finding.spots if _shown(store, each, area)]
    wanted = [each for each in spots if states is None or each.state in states or each.area.code in also]
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
        "areas": [_row(store, each, known) for each in wanted],
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


def _row(store: Store, spot: Spot, known: _Known) -> dict[str, Any]:
    area, above, figure = spot.area, spot.parent, known.people.get(spot.area.code)
    return {
        "code": area.code, "name": area.name, "kind": area.kind, "parent_code": None if above is None else above.code,
        "parent_name": None if above is None else above.name, "people": None if figure is None else figure.people,
        "people_year": None if figure is None else figure.year, "state": spot.state.value, "outlined": seen_of(known.tree.outlined(area.code), store.areas),
        "facilities": [_facility(store, one, mode) for one, mode in spot.by],
    }


def _facility(store: Store, one: Registered, mode: str | None) -> dict[str, Any]:
    """Return a facility as an answer names it; of one that may not be seen only how it serves. ``planned``: a scenario opens it."""
    shown = _visible(store, one)
    return {"id": one.id if shown else None, "name": one.facility.name if shown else None, "class_code": one.facility.class_code, "mode": mode,
            "elsewhere": not shown, "planned": one.id >= PLANNED_FROM, "located": shown and one.facility.located}


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
    headers = [words(language)[f"blank_column_{column}"] for column in _COLUMNS]
    write_tables(
        path,
        lambda: (headers, [row for rule in told["rules"] for row in _table(rule, told, language)]),
        lambda: _pages(told, headers, language),
    )
    return told


def _pages(told: dict[str, Any], headers: list[str], language: str) -> list[Page]:
    """Return a sheet for each rule, and one that says what they are."""
    text = words(language)
    widths, formats = zip(*_COLUMNS.values(), strict=True)
    pages = [Page(title=text[f"level_{rule['level']}"], headers=headers, rows=_table(rule, told, language), widths=widths, formats=formats)
             for rule in told["rules"]]
    return [*pages, Page(title=text["sheet_about"], rows=_statements(told, language), widths=(28, 100))]


def name_of(told: dict[str, Any]) -> str:
    """Return a name for the file, without its suffix."""
    scenario = [f"scenario-{told['scenario']['id']}"] if told["scenario"] else []
    return "-".join(["blank-spots", *scenario, *([told["rules"][0]["id"]] if len(told["rules"]) == 1 else []), told["datetime"]])


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
