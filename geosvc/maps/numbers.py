"""The figures beside a map, as a reader of one language sees them; pages and single files share them."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from geosvc.language import words
from geosvc.measures import minutes_to_show
from geosvc.registry.areas import LEVELS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from geosvc.coverage.services import Service, Threshold

# Everybody is in exactly one of these; all but the first are not covered, each for a reason of its own.
NOT_COVERED = ("beyond", "unreachable", "beyond_horizon", "no_data")
SETTLEMENTS_SHOWN = 8
_HAN = re.compile(r"[\u3400-\u9fff]")
_RIDDEN = frozenset({"other", "steps"})


# -- numbers as text -------------------------------------------------------------------------


def percent(share: float | None, language: str) -> str:
    """Return a share with one decimal, cut and not rounded, so that 99.96 % never reads 100 %.

    Examples
    --------
    >>> percent(0.9996, "en"), percent(1.0, "en")
    ('99.9 %', '100 %')
    """
    if share is None:
        return words(language)["unknown"]
    cut = math.floor(share * 1000 + 1e-9) / 10
    return f"{cut:g} %"


def people_text(value: float | None, language: str) -> str:
    """Return a whole number of people with its unit; unknown is never 0."""
    text = words(language)
    return text["unknown"] if value is None else f"{value:,.0f} {text['people']}"


def amount(value: float, unit: str, language: str) -> str:
    """Return minutes (whole, rounded up) or kilometres (one decimal, rounded up) with their unit.

    Examples
    --------
    >>> amount(13.2, "min", "en"), amount(2.31, "km", "en")
    ('14 min', '2.4 km')
    """
    number = f"{minutes_to_show(value - 1e-9):,}" if unit == "min" else f"{math.ceil(value * 10 - 1e-9) / 10:,.1f}"
    return f"{number} {words(language)[unit]}"


def foreign_language(text: str | None, language: str) -> str | None:
    """Return the language of a text of the data where it is not the reader's, for ``lang``; else None.

    Examples
    --------
    >>> foreign_language("天地图 Tianditu", "en"), foreign_language("Tianditu", "en")
    ('zh', None)
    """
    return "zh" if language != "zh" and text and _HAN.search(text) else None


# -- limits ----------------------------------------------------------------------------------


def limit_label(value: float, unit: str, applies_to: str, language: str) -> str:
    """Return a limit with its unit and whom it is for, such as "5 km (urban)"."""
    text = words(language)
    whom = "" if applies_to == "any" else f"{text['open_bracket']}{text['applies_' + applies_to]}{text['close_bracket']}"
    return f"{value:g} {text[unit]}{whom}"


def label_of(threshold: Threshold, service: Service, language: str) -> str:
    """Return the label of a threshold of a service."""
    return limit_label(threshold.value, service.shown_unit, threshold.applies_to, language)


def stands_apart(run: Mapping[str, Any]) -> bool:
    """Return whether the limits of a run are for different people, so that none of them speaks for all.

    Such limits are shown side by side: the share of everybody within the limit of townspeople
    would be a verdict that nobody can give.
    """
    return run["summary"].get("verdict") is not None


def verdict_sentence(run: Mapping[str, Any], language: str) -> str:
    """Return why there is no verdict on limits by class, or that there is one."""
    verdict = run["summary"]["verdict"]
    key = "verdict_given" if verdict["given"] else f"verdict_{verdict['reason']}"
    return words(language)[key]


def side_by_side(run: Mapping[str, Any], service: Service, language: str) -> list[dict[str, Any]]:
    """Return one tile for each limit of a run whose limits are for different people.

    With a verdict a tile counts the people whom its limit is for; without one, everybody, and
    says so.
    """
    verdict = run["summary"]["verdict"]
    if not verdict["given"]:
        return [_tile_of_everybody(run, service, each, language) for each in service.thresholds]
    by_id = {each.id: each for each in service.thresholds}
    return [_tile_of_class(by_id[each["threshold"]], each, service, language) for each in verdict["figures"]]


def _tile_of_everybody(run: Mapping[str, Any], service: Service, threshold: Threshold, language: str) -> dict[str, Any]:
    found = run["summary"]["thresholds"][threshold.id]
    text = words(language)
    people = found["people"]
    return {
        "id": threshold.id, "label": label_of(threshold, service, language),
        "people": people_text(None if people is None else people["covered"], language),
        "beyond": people_text(None if people is None else people["beyond"], language), "gaps": found["gaps"],
        "share": text["no_population"] if people is None else
        text["share_of_all"].format(share=_unbroken(percent(found["share"]["of_all_people"], language))),
    }


def _unbroken(text: str) -> str:
    """Return a number that is never parted from its unit at the end of a line."""
    return text.replace(" ", "\u00a0")


def _tile_of_class(
    threshold: Threshold, figure: Mapping[str, Any], service: Service, language: str
) -> dict[str, Any]:
    whose, covered = figure["people"], figure["people_covered"]
    share = _unbroken(percent(covered / whose if whose else None, language))
    return {
        "id": threshold.id, "label": limit_label(threshold.value, service.shown_unit, figure["applies_to"], language),
        "people": people_text(covered, language), "beyond": people_text(whose - covered, language), "gaps": None,
        "share": words(language)["of_class"].format(
            whom=words(language)["applies_" + figure["applies_to"]], people=f"{whose:,.0f}", share=share),
    }


# -- the figures of a map --------------------------------------------------------------------


def states_not_covered(people: Mapping[str, float], *, beyond: bool = True) -> list[tuple[str, float]]:
    """Return (state, people) of those not covered: beyond the limit always, the other states where there is somebody.

    Who cannot get there, who was not looked at and of whom nothing is known are never one
    figure: unknown is not "no".
    """
    shown = [(state, people[state]) for state in NOT_COVERED]
    return [pair for pair in shown if pair[1] > 0 or pair[0] == "beyond"][0 if beyond else 1 :]


def plain(value: float) -> str:
    """Return a number to a hundredth: 15 institutions are no 15.00."""
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def origin_text(threshold: Mapping[str, Any], language: str) -> str:
    """Return whose limit it is and where it is written, once where both say the same."""
    whose, source = words(language)[f"origin_{threshold['origin']}"], str(threshold[f"source_{language}"])
    return source if source.casefold() == whose.casefold() else f"{whose} · {source}"


def rows_to_rank(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows of coverage among which the worst places are looked for: of the highest level with two areas with people.

    An area whose people are unknown is not ranked: unknown is not "none".
    """
    for level in LEVELS:
        found = [row for row in rows if row["level"] == level and row["people"] is not None and row["people_total"]]
        if len(found) > 1:
            return found
    return []


def not_reached(row: Mapping[str, Any]) -> float:
    """Return the people of a row who are beyond the limit or cannot get there at all."""
    return float(row["people"]["beyond"] + row["people"]["unreachable"])


def kpis(run: Mapping[str, Any], service: Service, threshold: Threshold | None, language: str) -> list[dict[str, str]]:
    """Return the figures of a map beside its limit: people by state, P50 and P90, area.

    ``threshold`` None leaves out what depends on one limit; of a part of the study, what cannot be told of it alone.
    """
    text = words(language)
    found = run["summary"]["thresholds"][(threshold or service.thresholds[0]).id]
    people, total = found["people"], run["summary"]["people_total"]
    if people is None or total is None:
        return [{"label": text["people_covered"], "text": _why_nobody(run, language)}]
    rows = []
    if threshold is not None and not stands_apart(run):
        rows += [
            {"label": text["share_covered"], "text": percent(found["share"]["of_all_people"], language)},
            {"label": text["people_covered"], "text": f"{people['covered']:,.0f}"},
        ]
    rows += [
        {"label": _state_label(state, threshold, service, run, language), "text": f"{count:,.0f}"}
        for state, count in states_not_covered(people, beyond=threshold is not None)
    ]
    rows += [{"label": text[name], "text": within(found.get(name), service, language)} for name in ("p50", "p90") if total > 0 and name in found]
    if found["km2"] and threshold is not None and not stands_apart(run):
        covered = percent(found["km2"]["covered"] / sum(found["km2"].values()), language)
        rows.append({"label": text["area_covered"], "text": covered})
    return rows


def _why_nobody(run: Mapping[str, Any], language: str) -> str:
    """Return why no people are told: they are unknown, or not told of a part of the study alone."""
    part = run.get("part")
    return words(language)["not_shown" if part is not None and "people" in part["not_shown"] else "no_population"]


def _state_label(
    state: str, threshold: Threshold | None, service: Service, run: Mapping[str, Any], language: str
) -> str:
    """Return the label of a state; where a limit is not everybody's it is named."""
    if state == "beyond" and threshold is not None and stands_apart(run):
        return words(language)["people_beyond_limit"].format(limit=label_of(threshold, service, language))
    return words(language)[f"people_{state}"]


def within(value: float | None, service: Service, language: str) -> str:
    """Return "within 14 min" as the language says it; a percentile of people who cannot get there is unreachable."""
    text = words(language)
    return text["unreachable"] if value is None else f"{amount(value, service.shown_unit, language)}{text['within']}"


def travel_text(run: Mapping[str, Any], service: Service, language: str) -> str:
    """Return how people or a team move, and how fast."""
    text = words(language)
    if service.profile is None:
        return text["straight_line"]
    parts = [text[service.profile], _speed(run["inputs"], service, text)]
    if service.delay_minutes:
        parts.append(f"{text['delay']} {service.delay_minutes:g} {text['min']}")
    return " · ".join(part for part in parts if part)


def _speed(inputs: Mapping[str, Any], service: Service, text: Mapping[str, str]) -> str:
    if service.speed_kmh is not None:
        return f"{service.speed_kmh:g} km/h"
    profile = inputs.get("profile")
    if profile is None:
        return ""
    if profile["rides"] != "motor":
        return f"{profile['base_kmh']:g} km/h"
    speeds = [kmh for name, kmh in profile["road_kmh"].items() if name not in _RIDDEN]
    return text["speed_by_road"].format(slowest=f"{min(speeds):g}", fastest=f"{max(speeds):g}")


def denominator(run: Mapping[str, Any], people_source: Mapping[str, Any], language: str) -> str:
    """Return whose people are the whole, of which year and kind; what is not known is said to be so."""
    text = words(language)
    total = run["summary"]["people_total"]
    if total is None:
        return _why_nobody(run, language)
    known = [
        text[f"kind_{people_source['kind']}"] if people_source["kind"] else "",
        text["of_year"].format(year=people_source["year"]) if people_source["year"] else "",
        text[f"status_{people_source['status']}"] if people_source["status"] else "",
    ]
    whose = text["comma"].join(part for part in known if part) or text["whose_unknown"]
    return text["denominator"].format(people=f"{total:,.0f}", whose=whose)


def settlements_shown(gap: Mapping[str, Any], language: str) -> tuple[list[dict[str, Any]], str]:
    """Return the settlements of a gap that are listed, and what to say of those that are not ("" = all are listed).

    A gap keeps its largest settlements only; where their people do not add up to the gap's,
    there are more than it names.
    """
    named = list(gap["settlements"])
    listed = named[:SETTLEMENTS_SHOWN]
    left = (gap["people"] or 0.0) - sum(each["people"] for each in listed)
    if left < 0.5 and len(named) == len(listed):
        return listed, ""
    counted = gap.get("settlements_count")
    all_named = counted is not None or (gap["people"] or 0.0) - sum(each["people"] for each in named) < 0.5
    key = "settlements_more" if all_named else "settlements_many_more"
    return listed, words(language)[key].format(total=len(named) if counted is None else counted, people=f"{left:,.0f}")
