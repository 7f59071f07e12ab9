"""The form of a merge: which facilities, which of them is kept, and whose value is right, field by field."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from geosvc.errors import FacilityNotFound, InvalidInput
from geosvc.language import words
from geosvc.registry.merging import CHOOSABLE, POSITION, is_blank, value_of
from geosvc.registry.revisions import differences
from geosvc.web.facility_views import clock, label, value
from geosvc.workflows import duplicates, editing, features

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from geosvc.registry.facilities import Registered
    from geosvc.store.engine import Store

_WHOLE = re.compile(r"[0-9]{1,18}")
MOST_COLUMNS = 51
_PLACE = frozenset({"lon", "lat", "raw_x", "raw_y", "raw_datum", "position_method", "position_source", "position_date"})
_UNITED = ("aliases", "identifiers")
# Personal data: joined, never shown here.
_HIDDEN = "contact"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a person wants to merge.

    ``ids`` are the columns of the page, ``others`` those that go into ``keep``; ``chosen`` says whose value
    is right where that is not what happens by itself; ``revisions`` are those that were seen.
    """

    ids: tuple[int, ...]
    keep: int | None
    others: tuple[int, ...]
    chosen: dict[str, int]
    revisions: dict[int, int]
    reason: str


def read_wanted(ids: Sequence[str], told: Mapping[str, str], together: Sequence[str]) -> Wanted:
    """Return what the form of a merge says; a form that was not sent yet merges all of ``ids``.

    Raises
    ------
    InvalidInput
        If an id is none, or there are fewer than two or too many.
    """
    numbers = tuple(dict.fromkeys(_number(each) for each in ids))
    if not 2 <= len(numbers) <= MOST_COLUMNS:
        raise InvalidInput(f"2 to {MOST_COLUMNS} facilities are merged at once, got {len(numbers)}; choose them from the list of suspected duplicates")
    keep = _number(told["keep"]) if told.get("keep") else None
    if keep is not None and keep not in numbers:
        raise InvalidInput(f"facility {keep} is to be kept, but it is not one of {', '.join(map(str, numbers))}")
    if told and keep is None:
        raise InvalidInput("say which of the facilities is kept; load the page again")
    ticked = {_number(each) for each in together} if told else set(numbers)
    others = tuple(number for number in numbers if number in ticked and number != keep)
    chosen = {name: _number(told[f"field.{name}"]) for name in CHOOSABLE if told.get(f"field.{name}")}
    chosen = {name: number for name, number in chosen.items()
              if str(number) != told.get(f"default.{name}") and number in (keep, *others)}
    revisions = {number: _number(told[f"revision.{number}"]) for number in (keep, *others) if number is not None and told.get(f"revision.{number}")}
    return Wanted(ids=numbers, keep=keep, others=others, chosen=chosen, revisions=revisions, reason=told.get("reason", "").strip()[:500])


def _number(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise InvalidInput(f"expected the number of a facility, got {text[:40]!r}")
    return int(text)


def merge_view(store: Store, wanted: Wanted, language: str) -> dict[str, Any]:
    """Return what the page of a merge shows.

    ``columns`` are the facilities, ``rows`` the fields that differ with whose value is taken, ``same`` those
    that do not, ``result`` what the kept one becomes; ``gone`` are those that are not there any more, ``moved``
    those that somebody changed since they were seen, field by field.

    Raises
    ------
    InvalidInput
    """
    found, gone = _seen(store, wanted.ids)
    keep = wanted.keep if wanted.keep in found else _fullest(found)
    others = [number for number in found if number != keep and (wanted.keep is None or number in wanted.others)]
    chosen = {name: number for name, number in wanted.chosen.items() if number in (keep, *others)}
    view: dict[str, Any] = {"keep": keep, "gone": gone, "reason": wanted.reason, "moved": _moved(store, wanted, found, language), "rows": [], "same": [],
                            "result": None, "columns": [_column(each, keep, others) for each in found.values()]}
    if keep is None or len(found) < 2:
        return view
    if others:
        preview = duplicates.preview_merge(store, keep, others, fields=chosen)
        by_itself = duplicates.preview_merge(store, keep, others)["facility"]
        view["rows"] = [_row(name, preview, by_itself, found, keep, others, language) for name in CHOOSABLE if name in preview["choices"]]
        view["result"] = _result(preview, language)
    differing = {row["field"] for row in view["rows"]}
    view["same"] = [(label(name, language), text) for name in CHOOSABLE if name not in differing and name != _HIDDEN
                    and (text := _said(name, found[keep], language)) and not is_blank(found[keep].facility, name)]
    named = features.names_of_areas(store, [each.facility.area_code for each in found.values()])
    return {**view, "area_names": named}


def _seen(store: Store, ids: Sequence[int]) -> tuple[dict[int, Registered], list[int]]:
    found, gone = {}, []
    for number in ids:
        try:
            found[number] = editing.seen(store, number)
        except FacilityNotFound:
            gone.append(number)
    return found, gone


def _fullest(found: Mapping[int, Registered]) -> int | None:
    """Return the facility that says most; of several the one that was there first."""
    def says(number: int) -> int:
        return sum(not is_blank(found[number].facility, name) for name in CHOOSABLE)

    return max(found, key=lambda number: (says(number), -number), default=None)


def _column(each: Registered, keep: int | None, others: Sequence[int]) -> dict[str, Any]:
    return {"id": each.id, "name": each.facility.name, "revision": each.revision, "kept": each.id == keep, "together": each.id == keep or each.id in others}


def _row(
    name: str, preview: dict[str, Any], by_itself: dict[str, Any], found: Mapping[int, Registered], keep: int, others: Sequence[int], language: str
) -> dict[str, Any]:
    """Return one field: what each says of it, whose value is taken, and whose it would be by itself."""
    said = preview["choices"][name]

    def whose(whole: dict[str, Any]) -> int:
        return next((number for number in (keep, *others) if all(whole[part] == each for part, each in said[number].items())), keep)

    cells = [
        {"id": number, "text": _said(name, one, language), "blank": is_blank(one.facility, name), "apart": number != keep and number not in others}
        for number, one in found.items()
    ]
    return {"field": name, "label": _label(name, language), "cells": cells, "taken": whose(preview["facility"]), "default": whose(by_itself)}


def _label(name: str, language: str) -> str:
    return words(language)["position"] if name == POSITION else label(name, language)


def _said(name: str, one: Registered, language: str) -> str:
    told = value_of(one.facility, name)
    return _place(told, language) if name == POSITION else value(name, told[name], language)


def _place(told: Mapping[str, Any], language: str) -> str:
    """Return a position in one line: degrees, how it was found, and what its source told."""
    known = words(language)
    if told.get("lon") is None:
        return known["method_none"]
    parts = [f"{told['lon']:.5f}, {told['lat']:.5f}", known.get(f"method_{told['position_method']}", "")]
    if told.get("raw_datum") not in (None, "WGS84"):
        parts.append(f"{told['raw_datum']} {told['raw_x']}, {told['raw_y']}")
    if told.get("position_source"):
        parts.append(str(told["position_source"]))
    return known["list_mark"].join(part for part in parts if part)


def _result(preview: dict[str, Any], language: str) -> dict[str, Any]:
    """Return what the kept one becomes: its names and identifiers, and what changes of it."""
    whole, changed = preview["facility"], preview["changed"]
    lines = [
        {"label": label(name, language), "from": value(name, pair["from"], language), "to": value(name, pair["to"], language)}
        for name, pair in changed.items() if name not in _PLACE and name not in _UNITED
    ]
    if _PLACE & changed.keys():
        before = {**whole, **{name: pair["from"] for name, pair in changed.items()}}
        lines.append({"label": words(language)["position"], "from": _place(before, language), "to": _place(whole, language)})
    return {
        "name": whole["name"], "lines": lines, "aliases": whole["aliases"], "identifiers": [value("identifiers", [each], language) for each in whole["identifiers"]],
        "earlier": [{**note, "valid_from": note["valid_from"] or words(language)["since_unknown"], "kept_from": note["kept_from"] or words(language)["since_unknown"]}
                    for note in preview["notes"]],
    }


def _moved(store: Store, wanted: Wanted, found: Mapping[int, Registered], language: str) -> list[dict[str, Any]]:
    """Return the facilities that somebody changed since they were seen: who, when, and field by field what."""
    told = []
    for number, revision in wanted.revisions.items():
        if number not in found or found[number].revision == revision:
            continue
        try:
            before = asdict(editing.seen(store, number, revision).facility)
        except FacilityNotFound:  # a number that is none of its revisions
            before = asdict(found[number].facility)
        pairs = differences(before, asdict(found[number].facility))
        told.append({
            "id": number, "name": found[number].facility.name,
            "by": [{"author": each.author, "at": clock(each.recorded_at)} for each in editing.changed_since(store, number, revision)],
            "lines": [{"label": label(name, language), "from": value(name, old, language), "to": value(name, new, language)}
                      for name, (old, new) in pairs.items() if name != _HIDDEN],
            "contact_changed": _HIDDEN in pairs,
        })
    return told
