"""What the planner's script is told: the service, its limits, its words, and what the reader may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geosvc.accounts.people import Right
from geosvc.coverage.blank_spots import MODES
from geosvc.coverage.changes import SERVING_MODES
from geosvc.errors import GeosvcError
from geosvc.language import words
from geosvc.registry.areas import LEVELS
from geosvc.registry.classes import facility_classes
from geosvc.travel.conditions import conditions
from geosvc.travel.profiles import travel_profiles
from geosvc.web.refusals import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from geosvc.accounts.people import Person

# The script writes these; each is a key of the words of a language.
_WORDS = (
    "all_facilities", "all_gaps", "and_others", "answered_in", "area", "areas_as_circles", "areas_failed",
    "areas_not_drawn", "asking", "at_worst", "baseline", "best_area", "beyond", "beyond_by_amount", "change", "change_close",
    "change_move", "change_of_share", "change_open", "change_road", "change_serve", "circle_beyond", "circle_people",
    "click_to_close_road", "click_to_open", "close_bracket", "close_facility", "colon", "covered", "curve",
    "equity_gini", "equity_gini_nobody", "equity_gini_text", "equity_more_areas", "equity_none", "equity_worst",
    "equity_worst_text", "error_detail", "facilities_shown", "facility_class", "facility_page", "facility_word",
    "gap", "gap_count", "gaps_of_area", "gaps_of_baseline", "gaps_of_own_limits", "guide_areas", "guide_areas_text",
    "guide_back", "guide_count", "guide_done", "guide_limit", "guide_limit_text", "guide_map", "guide_map_text",
    "guide_next", "guide_service", "guide_service_text", "guide_skip", "guide_trial", "guide_trial_text", "inhabited",
    "largest_gap", "lat", "leg_between", "leg_cycle", "leg_delay", "leg_foot", "leg_km", "leg_m", "leg_minutes", "leg_ride",
    "list_comma", "lon", "mode_areas", "move_back", "move_here", "name", "nearest", "nearest_elsewhere", "nearest_is",
    "newly_beyond", "newly_covered", "no_change", "no_data", "no_gaps", "no_outline", "no_people", "no_road_here", "nobody_beyond",
    "nobody_left", "none", "open_bracket", "outside", "p50", "p90", "people", "people_beyond",
    "people_beyond_horizon", "people_covered", "people_here", "people_no_data", "people_not_covered",
    "people_unreachable", "pin_closed", "pin_moved", "pin_planned", "place_no_data", "place_outside",
    "place_unreachable", "places_beyond", "planned_name", "points", "points_0", "points_1", "points_2", "points_3",
    "points_4", "quicker", "remove_planned", "reopen_facility", "road_closed_here", "saved", "saving", "scenario",
    "second_nearest", "served_note", "served_of_baseline", "served_within", "share_covered", "slower", "swipe",
    "take_back", "then_nearest", "trial_failed", "trial_hint", "try_here", "try_without", "unknown", "unreachable", "within", "within_limit",
    "worst_area", "would_change",
)


def planner_data(page: Mapping[str, Any], person: Person, language: str, *, scenario: dict[str, Any] | None, limit: float | None) -> dict[str, Any]:
    """Return what the script of the map page needs, as JSON can hold it; ``page`` is that of the map view."""
    text, run, service = words(language), page["run"], page["service"]
    measured = run["parameters"]["service"]
    values = [each["value"] for each in measured["thresholds"]]
    shown = page["threshold"]["value"] if page["threshold"] is not None else values[0]
    return {
        "service": service["id"], "run": run["id"], "language": language, "unit": service["unit"],
        "limit": limit if limit is not None and 0 < limit <= 2 * max(values) else shown,
        "thresholds": [
            {"id": each["id"], "value": each["value"], **_figures(run["summary"]["thresholds"][each["id"]])} for each in measured["thresholds"]],
        "levels": sorted({row["level"] for row in page["rows"]}),
        "by_age": [{"ages": each["ages"], "shares": each["shares"]} for each in page["by_age"]],
        "group": _group(measured["facility_classes"]),
        "conditions": _conditions(measured, language),
        "closes_roads": _rides(measured),
        "modes": {mode: text[f"blank_mode_{MODES[mode]}"] for mode in SERVING_MODES},
        "classes": [{"code": code, "name": getattr(each, language)} for code, each in facility_classes().items()
                    if code.startswith(tuple(measured["facility_classes"]))],
        # Of another day nothing is tried: the answer would be of today. Who sees no area of the run could change nothing in it.
        "may_try": (today := not page["times"]["then"]) and bool(page["rows"]),
        "may_explain": today,
        "may_place": _has_outline(page["part"]),
        "may_save": person.may(Right.MEASURE), "csrf": person.csrf_token,
        "scenario": scenario,
        "whole": page["part"] is None,
        "words": {name: text[name] for name in _WORDS} | {"unit": text[service["unit"]]} | _levels(text) | problem_words(text),
    }


def _has_outline(part: Mapping[str, Any] | None) -> bool:
    """Return whether there is a place at which something may be tried: an account of some areas has none outside of their outlines."""
    return part is None or any(each not in part["without_outline"] for each in part["areas"])


def _levels(text: Mapping[str, str]) -> dict[str, str]:
    return {f"level_{level}": text[f"level_{level}"] for level in LEVELS}


def problem_words(text: Mapping[str, str]) -> dict[str, str]:
    """Return a sentence for each error that an answer may name (``title`` of its problem), as the script looks them up.

    An error that needs other words on the map than on a page of its own has them as ``problem_<name>``.
    """
    found = {f"problem_{each.__name__}": _sentence(each, text) for each in _errors_below(GeosvcError)}
    return found | {name: value for name, value in text.items() if name.startswith("problem_")}


def _sentence(error: type[GeosvcError], text: Mapping[str, str]) -> str:
    kind, _status = kind_of(error.__new__(error))
    return f"{text[f'error_{kind}']}{text['colon']}{text[f'error_{kind}_text']}"


def _errors_below(family: type[GeosvcError]) -> Iterator[type[GeosvcError]]:
    yield family
    for each in family.__subclasses__():
        yield from _errors_below(each)


def _figures(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: found[name] for name in ("people", "p50", "p90", "gaps", "gaps_with_people", "largest_gap_people") if name in found}


def _group(prefixes: list[str]) -> str:
    """Return the group whose colour a planned facility of these classes has."""
    return next((each.group for code, each in facility_classes().items() if code.startswith(tuple(prefixes))), "other")


def _rides(service: Mapping[str, Any]) -> bool:
    return service["profile"] is not None and travel_profiles()[service["profile"]].rides == "motor"


def _conditions(service: Mapping[str, Any], language: str) -> list[dict[str, str]]:
    """Return the conditions that can be tried: those that change speeds for whoever travels, and hold not already."""
    if service["profile"] is None:
        return []
    return [{"id": each.id, "name": getattr(each, language)} for each in conditions().values()
            if (each.road or each.ground or each.closed) and each.id not in service["conditions"]]
