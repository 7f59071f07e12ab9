"""Scenarios as a reader sees them: changes in words, figures beside the baseline, two of them side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geosvc.coverage.blank_spots import MODES
from geosvc.errors import NotFound, Unsolvable
from geosvc.language import words
from geosvc.maps import numbers
from geosvc.registry.areas import LEVELS, ZONE
from geosvc.registry.classes import facility_classes
from geosvc.travel.conditions import all_asked
from geosvc.web.facility_views import clock
from geosvc.workflows import comparing, features, publishing, reading
from geosvc.workflows.scenarios import BASELINE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from geosvc.accounts.people import Person
    from geosvc.store.engine import Store

# What the table shows at once; villages are folded below it.
_SHOWN_LEVELS = ("total", "outside", *LEVELS[: LEVELS.index("village")], ZONE)
_KINDS = ("open", "move", "serve", "close", "close_roads", "conditions")
_MINUS, _UP, _DOWN = "\N{MINUS SIGN}", "\N{UPWARDS ARROW}", "\N{DOWNWARDS ARROW}"
PROPOSED = "proposed"


@dataclass(frozen=True)
class Signs:
    """Differences as a reader of one language sees them: a sign, an arrow, and for who listens a word."""

    language: str

    def of(self, value: float | None, *, digits: int = 0, good: int = 1, unit: str = "") -> dict[str, str]:
        """Return a difference in words and signs.

        Parameters
        ----------
        value : float or None
            None is unknown.
        digits : int
            Decimals that are shown.
        good : int
            1 where more is better, -1 where less is, 0 where neither.
        unit : str
            Word behind the number.

        Returns
        -------
        shown : dict
            ``text`` with its sign, ``arrow``, ``said`` (for who listens), ``unit`` and ``kind``: better, worse, other, same, unknown.
        """
        text = words(self.language)
        if value is None:
            return {"text": text["unknown"], "arrow": "", "said": "", "unit": "", "kind": "unknown"}
        shown = round(value, digits)
        if shown == 0:
            return {"text": "0", "arrow": "", "said": text["compare_no_change"], "unit": "", "kind": "same"}
        sign, arrow, said, turn = ("+", _UP, "compare_more", 1) if shown > 0 else (_MINUS, _DOWN, "compare_less", -1)
        kind = {1: "better", -1: "worse"}.get(turn * good, "other")
        return {"text": f"{sign}{abs(shown):,.{digits}f}", "arrow": arrow, "said": text[said], "unit": unit, "kind": kind}

    def points(self, value: float | None) -> dict[str, str]:
        """Return a difference of two shares covered in points of percent, with one decimal."""
        return self.of(None if value is None else value * 100, digits=1, unit=words(self.language)["scenario_points"])


def entry(told: dict[str, Any], store: Store, language: str) -> dict[str, Any]:
    """Return a scenario with what it changes in words, and the word of its state."""
    waits = told["state"] == "draft" and any(each["state"] == "open" for each in told["proposals"])
    return {
        **told, "shown_state": PROPOSED if waits else told["state"], "lines": _lines(told, store, language), "summary": summary(told["changes"], language),
        "created": clock(told["created_at"]), "changed": clock(told["changed_at"]),
        "applied": None if told["applied_at"] is None else clock(told["applied_at"]),
    }


def summary(changes: Mapping[str, Any], language: str) -> str:
    """Return what a scenario changes in one line, such as "1 opened; 2 moved"."""
    known = words(language)
    return known["list_mark"].join(known[f"scenario_count_{kind}"].format(count=len(changes[kind])) for kind in _KINDS if changes.get(kind))


def _lines(told: dict[str, Any], store: Store, language: str) -> list[dict[str, Any]]:
    changes, known = told["changes"], words(language)
    lines = [
        _line("open", each["name"] or known["scenario_unnamed"], known["scenario_at"].format(**_place(each["lon"], each["lat"])),
              class_name=class_name(each["class_code"], language), facility=told["opened"].get(str(each["number"])))
        for each in changes.get("open", ())
    ]
    lines += [_line_of(told, "move", each["facility"], language, to=(each["lon"], each["lat"])) for each in changes.get("move", ())]
    lines += _serving_lines(told, store, language)
    lines += [_line_of(told, "close", one, language) for one in changes.get("close", ())]
    lines += [_line("close_roads", "", known["scenario_at"].format(**_place(*each))) for each in changes.get("close_roads", ())]
    return [*lines, *_condition_lines(changes.get("conditions", ()), store, language)]


def _line_of(told: dict[str, Any], kind: str, number: int, language: str, to: tuple[float, float] | None = None) -> dict[str, Any]:
    """Return the line of a registered facility, or what became of it."""
    known, held = words(language), told["facilities"][str(number)]
    if held["gone"]:
        kept = held["went_into"]
        text = known["scenario_gone"].format(id=number) if kept is None else known["scenario_went_into"].format(id=number, kept=kept)
        return _line(kind, "", text, facility=kept, gone=True)
    text = known["scenario_closed_already"] if kind == "close" and held["state"] == "closed" and told["state"] != "applied" else ""
    if to is not None:
        new, old = _degrees(*to), None if held["lon"] is None else _degrees(held["lon"], held["lat"])
        text = known["scenario_located_now"].format(new=new) if old is None else known["scenario_from_to"].format(old=old, new=new)
        if told["state"] == "applied":
            text = known["scenario_at"].format(**_place(*to))
    return _line(kind, held["name"], text, class_name=class_name(held["class_code"], language), facility=number)


def _serving_lines(told: dict[str, Any], store: Store, language: str) -> list[dict[str, Any]]:
    """Return the lines of facilities that serve areas: which areas, and by which mode."""
    serving, known = told["changes"].get("serve", ()), words(language)
    names = features.names_of_areas(store, [area for each in serving for area in each["areas"]])
    lines = []
    for each in serving:
        line = _line_of(told, "serve", each["facility"], language)
        if not line["gone"]:
            served = known["list_comma"].join(names.get(area, area) for area in each["areas"])
            line["text"] = known["scenario_serves"].format(mode=known[f"blank_mode_{MODES[each['mode']]}"], areas=served)
        lines.append(line)
    return lines


def _condition_lines(asked: Sequence[str], store: Store, language: str) -> list[dict[str, Any]]:
    found = all_asked(asked)
    names = features.names_of_areas(store, [area for one in found for area in one.areas])
    known = words(language)
    return [_line("conditions", one.condition.zh if language == "zh" else one.condition.en,
                  known["list_comma"].join(names.get(area, area) for area in one.areas)) for one in found]


def _line(kind: str, name: str, text: str, *, class_name: str = "", facility: int | None = None, gone: bool = False) -> dict[str, Any]:
    return {"kind": kind, "name": name, "text": text, "class_name": class_name, "facility": facility, "gone": gone}


def class_name(code: str | None, language: str) -> str:
    """Return the name of a facility class; nothing without one."""
    known = facility_classes().get(code or "")
    return "" if known is None else str(getattr(known, language))


def _place(lon: float, lat: float) -> dict[str, str]:
    return {"lon": f"{lon:.5f}", "lat": f"{lat:.5f}"}


def _degrees(lon: float, lat: float) -> str:
    return "{lon}, {lat}".format(**_place(lon, lat))


def figures(store: Store, person: Person, told: dict[str, Any], language: str) -> list[dict[str, Any]]:
    """Return, for each service that is measured, the figures of the first limit beside those of the baseline."""
    known = {each["id"]: each for each in reading.list_services(store)}
    rows = []
    for each in told["measured"]:
        try:
            table = comparing.compare(store, person, BASELINE, str(told["id"]), service_id=each["service"])
        except (NotFound, Unsolvable):
            continue  # the service, or the baseline's run, is gone: measured again it comes back
        rows.append({**row_of_totals(table, language), "service": known[each["service"]], "at": clock(each["measured_at"]), "run": each["run"],
                     "same_data": table["same_data"], "changed_since": table["second"]["changed_since"], "threshold": table["threshold"]})
    return rows


def row_of_totals(table: dict[str, Any], language: str) -> dict[str, Any]:
    """Return the totals of a comparison in words."""
    signs, first, second = Signs(language), table["first"]["totals"], table["second"]["totals"]
    return {
        "covered": [numbers.people_text(each["people_covered"], language) for each in (first, second)],
        "share": [numbers.percent(each["share"], language) for each in (first, second)],
        "covered_difference": signs.of(table["difference"]["people_covered"]), "share_difference": signs.points(table["difference"]["share"]),
    }


# -- side by side ------------------------------------------------------------------------------


def totals_of(table: dict[str, Any], language: str) -> list[dict[str, Any]]:
    """Return the lines of the totals: label, both sides, difference."""
    signs, known, unit = Signs(language), words(language), table["unit"]
    sides, difference = [table["first"]["totals"], table["second"]["totals"]], table["difference"]

    def line(label: str, name: str, shown: Any, sign: dict[str, str]) -> dict[str, Any]:
        return {"label": known[label], "sides": [shown(each[name]) for each in sides], "difference": sign}

    def people(value: float | None) -> str:
        return numbers.people_text(value, language)

    def far(value: float | None) -> str:
        return known["unknown"] if value is None else numbers.amount(value, unit, language)

    def count(value: int | None) -> str:
        return known["unknown"] if value is None else f"{value:,}"

    lines = [
        line("scenario_covered", "people_covered", people, signs.of(difference["people_covered"])),
        line("scenario_share", "share", lambda value: numbers.percent(value, language), signs.points(difference["share"])),
        line("compare_gaps", "gaps", count, signs.of(difference["gaps"], good=0)),
        line("compare_gap_people", "people_in_gaps", people, signs.of(difference["people_in_gaps"], good=-1)),
        *(line(f"compare_{name}", name, far, signs.of(difference[name], digits=1, good=-1, unit=known[unit])) for name in ("p50", "p90")),
    ]
    used = [table[side]["facilities"] for side in ("first", "second")]
    lines.append({"label": known["compare_facilities"], "sides": [count(each) for each in used], "difference": signs.of(used[1] - used[0], good=0)})
    return [*lines, _least_line(table, language)]


def _least_line(table: dict[str, Any], language: str) -> dict[str, Any]:
    found = [table[side]["least_covered"] for side in ("first", "second")]
    shown = [words(language)["unknown"] if each is None else f"{each['name']} {numbers.percent(each['share'], language)}" for each in found]
    both = None if None in found else found[1]["share"] - found[0]["share"]
    return {"label": words(language)["compare_least"], "sides": shown, "difference": Signs(language).points(both)}


def rows_of(table: dict[str, Any], language: str) -> list[dict[str, Any]]:
    """Return the lines of the table by area."""
    signs, unit, known = Signs(language), table["unit"], words(language)
    rows = []
    for row in table["rows"]:
        if row["people_total"] is None and row["first"] is None:
            continue
        sides, difference = [row["first"] or {}, row["second"] or {}], row["difference"] or {}
        rows.append({
            "name": known["outside"] if row["level"] == "outside" else known["total"] if row["level"] == "total" else row["name"],
            "level": row["level"], "shown": row["level"] in _SHOWN_LEVELS, "people_total": numbers.people_text(row["people_total"], language),
            "covered": [numbers.people_text(each.get("covered"), language) for each in sides], "covered_difference": signs.of(difference.get("covered")),
            "share": [numbers.percent(each.get("share"), language) for each in sides], "share_difference": signs.points(difference.get("share")),
            "p90": [known["none"] if each.get("p90") is None else numbers.amount(each["p90"], unit, language) for each in sides],
        })
    return rows


def maps_of(store: Store, table: dict[str, Any], language: str) -> list[dict[str, Any]]:
    """Return the documents of both maps."""
    service = table["service"]
    return [
        publishing.map_of(
            store, service, threshold_id=table["threshold"]["id"], run_id=table[side]["run"], language=language, title_block=False,
            picture_address=f"/api/services/{service}/picture?run={table[side]['run']}")
        for side in ("first", "second")
    ]
