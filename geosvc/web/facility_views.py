"""What the pages about facilities show: the list at a time, one facility, and its history."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from geosvc.language import words
from geosvc.registry.classes import facility_classes
from geosvc.registry.moments import CHINA, day_of, today
from geosvc.store.facilities import FacilityQuery
from geosvc.workflows import features, history, workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from geosvc.store.engine import Store

# How a position came to be known; the rest of a facility stands in rows of its own.
_ROWS = ("class", "state", "level", "grade", "ownership", "service_mode", "opened_on", "closed_on", "area_code", "address",
         "areas_served", "beds", "staff", "vehicles", "capabilities", "relations", "identifiers", "aliases", "source", "note")
# What the address of a page may say was done just now.
DONE = ("made", "saved", "unchanged", "confirmed", "deleted", "restored", "believed", "reason_needed", "merged", "unmerged")
# The parts of an entry of beds, staff, capabilities … in the order in which they are read.
_PARTS = ("year", "kind", "cadre", "code", "scheme", "value", "facility_id", "count")
_WORDS = {"state": "state", "position_method": "method"}


def times_of(at: str | None, recorded: str | None) -> dict[str, Any]:
    """Return what a page says of the times it is asked for: day and moment, both None for now.

    Raises
    ------
    InvalidParameter
    """
    day, known = history.day_asked(at or None), history.known_asked(recorded or None)
    other_day = day is not None and day != today()
    known_day = None if known is None else day_of(known)
    then = other_day or (known is not None and (known_day != today() or len(recorded or "") > len("2026-01-31")))
    return {"valid_at": day, "recorded_at": known, "datetime": at or "", "recorded": recorded or "", "then": then,
            "day": day or today(), "known_text": clock(known) if known and len(recorded or "") > len("2026-01-31") else known_day}


def facility_view(
    store: Store, facility_id: str, language: str, *, at: str | None, recorded: str | None, with_authors: bool = True,
    with_contact: bool = False,
) -> dict[str, Any]:
    """Return what the page of one facility shows; ``facility`` None where it is not there at that time.

    Raises
    ------
    FacilityNotFound
        If none ever had that id.
    """
    times = times_of(at, recorded)
    number = history.facility_number(facility_id)
    changes, more = history.changes_of(store, number, with_authors=with_authors)  # refuses an id that never was
    query = FacilityQuery(ids=[number], valid_at=times["valid_at"], recorded_at=times["recorded_at"])
    found, _matched, _next = features.facilities_page(store, query, cursor=None, limit=1)
    one = found[0] if found else None
    whole = features.facility_item(store, facility_id, query, with_contact=True) if one and with_contact else None
    return {
        "contact": {} if whole is None else whole["properties"]["contact"],
        "study": workspace.study_title(store), "number": number, "facility": one, "times": times, "more": more,
        "name": one["properties"]["name"] if one else changes[0]["name"], "deleted": changes[0]["deleted"],
        "rows": [] if one is None else _rows(one["properties"], language, store),
        "history": [_change(each, language) for each in changes],
    }


def _rows(properties: dict[str, Any], language: str, store: Store) -> list[tuple[str, str]]:
    shown = {**properties, "class": f"{properties[f'class_{language}']} {properties['class_code']}"}
    code = properties["area_code"]
    if name := features.names_of_areas(store, [code]).get(code):
        shown["area_code"] = f"{name} {code}"
    return [(label(name, language), value(name, shown[name], language)) for name in _ROWS if shown.get(name)]


def label(name: str, language: str) -> str:
    """Return the word for a field; its name where there is none."""
    known = words(language)
    return known.get(f"field_{name}", known.get(name, name))


def value(name: str, told: Any, language: str) -> str:
    """Return a value as a reader sees it; what is empty is said to be."""
    known = words(language)
    if told in (None, "", [], {}):
        return known["none"]
    if name == "class_code":
        klass = facility_classes().get(told)
        return told if klass is None else f"{klass.zh if language == 'zh' else klass.en} {told}"
    if name in _WORDS:
        return known.get(f"{_WORDS[name]}_{told}", str(told))
    return _text(told, known)


def _text(told: Any, known: Mapping[str, str]) -> str:
    if isinstance(told, bool):
        return known["yes"] if told else known["no"]
    if isinstance(told, float):
        return f"{told:.6f}".rstrip("0").rstrip(".")
    if isinstance(told, list):
        return known["list_comma"].join(_entry(each, known) for each in told)
    return str(told)


def _entry(entry: Any, known: Mapping[str, str]) -> str:
    if not isinstance(entry, dict):
        return str(entry)
    # Who wrote it first decides in which order its parts are kept; a reader sees one order.
    parts = sorted(entry, key=lambda name: (_PARTS.index(name) if name in _PARTS else len(_PARTS), name))
    return " ".join(known.get(f"part_{entry[name]}", str(entry[name])) for name in parts if entry[name] is not None)


def _change(version: dict[str, Any], language: str) -> dict[str, Any]:
    known = words(language)
    lines = [
        {"label": label(name, language), "from": value(name, pair["from"], language), "to": value(name, pair["to"], language)}
        for name, pair in version["changed"].items()
    ]
    return {
        **version, "word": known.get(f"change_{version['kind']}", version["kind"]), "at": clock(version["recorded_at"]),
        "lines": lines, "door": _door(version["origin"], known),
    }


def _door(origin: str, known: Mapping[str, str]) -> str:
    kind, _, number = origin.partition(":")
    word = known.get(f"door_{kind}", kind)
    if kind.endswith("placing"):  # its name is a moment, which stands there already
        return word
    return f"{word} {number}".strip()


def clock(moment: str) -> str:
    """Return a moment as the clock in China shows it, to the minute."""
    return datetime.fromisoformat(moment).astimezone(CHINA).strftime("%Y-%m-%d %H:%M")
