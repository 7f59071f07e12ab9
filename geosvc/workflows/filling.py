"""Filling a blank spot in a scenario: which facilities could serve an area, and having one serve it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geosvc.coverage.blank_spots import rules_named
from geosvc.errors import InvalidParameter
from geosvc.registry import facilities
from geosvc.registry.facilities import State
from geosvc.registry.moments import PRESENT
from geosvc.store.facilities import FacilityQuery
from geosvc.store.scenarios import DRAFT
from geosvc.store.scope import inside
from geosvc.workflows import scenarios
from geosvc.workflows.study import tree_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from geosvc.accounts.people import Person
    from geosvc.coverage.blank_spots import Rule
    from geosvc.coverage.tree import AreaTree
    from geosvc.registry.facilities import Registered
    from geosvc.store.engine import Store

SHOWN = 30
_TOWNSHIP, _COUNTY = "township", "county"


def spot_to_fill(store: Store, rule_id: str, area: str) -> dict[str, Any]:
    """Return a rule and one of its areas, with the names of what lies above it.

    Raises
    ------
    InvalidParameter
        If there is no such rule, or no such area of its level.
    """
    rule = rules_named(rule_id)[0]
    with store.everywhere().reading() as session:
        tree = tree_of(session, PRESENT)
    if store.areas is not None and not inside(area, store.areas):
        raise InvalidParameter(f"area {area!r} lies outside of the areas of this account")
    if area not in tree.index or tree.areas[tree.index[area]].level != rule.level:
        raise InvalidParameter(f"area must be the code of a registered {rule.level}, for which rule {rule.id} asks; got {area!r}")
    chain = [tree.areas[i] for i in tree.ancestors(tree.index[area])]
    return {"rule": rule, "code": area, "name": chain[0].name, "parent": chain[1].name if len(chain) > 1 else "", "tree": tree}


def candidates(store: Store, spot: dict[str, Any], *, search: str = "") -> tuple[list[dict[str, Any]], int]:
    """Return (facilities that could serve an area by a mode, how many there are): those of its township first, then of its county.

    Parameters
    ----------
    store : Store
        One of some areas is told of the facilities in these only.
    spot : dict
        As :func:`spot_to_fill` returns it.
    search : str
        Only those of whose name this is a part; at most :data:`SHOWN` are returned.
    """
    rule, tree = spot["rule"], spot["tree"]
    with store.reading() as session:
        found = facilities.find(session, FacilityQuery(class_prefixes=[*rule.facility_classes, *rule.filling_classes], states=[State.OPERATING]))
    named = [each for each in found if search.casefold() in each.facility.name.casefold()]
    around = {level: _around(tree, spot["code"], level) for level in (_TOWNSHIP, _COUNTY)}
    ordered = sorted(((_nearness(each, tree, around), not _is_of(rule, each), each.facility.name, each.id, each) for each in named), key=lambda each: each[:4])
    return [_entry(each, nearness, tree) for nearness, _other, _name, _id, each in ordered[:SHOWN]], len(ordered)


def _is_of(rule: Rule, one: Registered) -> bool:
    return one.facility.class_code.startswith(rule.facility_classes)


def _around(tree: AreaTree, code: str, level: str) -> str | None:
    return next((tree.areas[i].code for i in tree.ancestors(tree.index[code]) if tree.areas[i].level == level), None)


def _nearness(one: Registered, tree: AreaTree, around: dict[str, str | None]) -> int:
    """Return 0 for a facility of the same township, 1 of the same county, 2 elsewhere or where that is not told."""
    code = tree.code_of(one.facility.area_code) if one.facility.area_code else None
    above = [tree.areas[i].code for i in tree.ancestors(tree.index[code])] if code in tree.index else [code] if code else []
    return next((place for place, level in enumerate((_TOWNSHIP, _COUNTY)) if around[level] is not None
                 and any(each.startswith(str(around[level])) for each in above)), 2)


def _entry(one: Registered, nearness: int, tree: AreaTree) -> dict[str, Any]:
    held = one.facility
    code = tree.code_of(held.area_code) if held.area_code else ""
    return {"id": one.id, "name": held.name, "class_code": held.class_code, "nearness": nearness, "mode": held.service_mode,
            "area_name": tree.areas[tree.index[code]].name if code in tree.index else "", "serves": len(held.areas_served)}


def drafts_of(store: Store, person: Person) -> list[dict[str, Any]]:
    """Return the scenarios that somebody may change and that were neither applied nor proposed nor put away."""
    found = scenarios.list_scenarios(store, person, state=DRAFT)
    return [each for each in found if each["mine"] and not any(one["state"] in ("open", "published") for one in each["proposals"])]


def fill(store: Store, person: Person, spot: dict[str, Any], *, facility: int, mode: str, scenario: int | None, name: str, origin: str) -> dict[str, Any]:
    """Have a facility serve an area in a scenario, a new one or one that is there, and return it.

    Parameters
    ----------
    scenario : int or None
        A draft to which this is added; None makes a new one under ``name``.

    Raises
    ------
    ScenarioNotFound, ScenarioClosed, InvalidParameter, Conflict, NotAllowed
    """
    serving = {"facility": facility, "mode": mode, "areas": [spot["code"]]}
    if scenario is None:
        return scenarios.create(store, person, {"name": name, "notes": "", "changes": {"serve": [serving]}}, origin=origin)
    told = scenarios.get_scenario(store, person, scenario)
    changes = {**told["changes"], "serve": _with(told["changes"].get("serve", ()), serving)}
    document = {"name": told["name"], "notes": told["notes"], "changes": changes}
    return scenarios.save(store, person, scenario, document, expected=told["version"], origin=origin)


def _with(serving: Sequence[dict[str, Any]], wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Return who serves which areas, with one more; a facility has one mode."""
    same = next((each for each in serving if each["facility"] == wanted["facility"]), None)
    if same is None:
        return [*serving, wanted]
    if same["mode"] != wanted["mode"]:
        raise InvalidParameter(f"facility {wanted['facility']} serves by {same['mode']} in this scenario already; a facility has one service mode: "
                               f"choose {same['mode']}, or another facility")
    return [{**same, "areas": sorted({*same["areas"], *wanted["areas"]})} if each is same else each for each in serving]
