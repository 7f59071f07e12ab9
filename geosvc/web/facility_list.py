"""What the list of facilities shows: filters with their words, the order, one page, and where its links lead."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from geosvc.language import words
from geosvc.registry.classes import facility_classes
from geosvc.registry.facilities import State
from geosvc.web.facility_views import times_of, value
from geosvc.workflows import features, finding, reviewing, workspace
from geosvc.workflows.rules import rules_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from geosvc.store.engine import Store

# What the address of the page can say, in the order of the form; an export takes the same.
FILTERS = ("q", "class_code", "state", "area", "located", "illustrative", "source", "updated_since", "datetime", "recorded")
# Those that most people never need are folded away.
_FOLDED = ("located", "illustrative", "source", "updated_since", "datetime", "recorded")
_TIMES = ("datetime", "recorded")
_YES_NO = {"true": True, "false": False}
# What the address may say was done just now with facilities that were ticked.
_DONE = ("none_chosen", "many_changed", "many_confirmed")
# Headers that sort, and the way round that a first click asks for.
_SORTED = {"name": "name", "class": "class", "updated": "-updated"}


def list_view(store: Store, told: Mapping[str, str], language: str, *, limit: int) -> dict[str, Any]:
    """Return what the list shows for an address.

    Raises
    ------
    InvalidParameter
    """
    asked = {name: told.get(name, "").strip() for name in FILTERS}
    sort, cursor = told.get("sort") or "", told.get("cursor") or None
    times = times_of(asked["datetime"], asked["recorded"])
    query = finding.query_of(
        text=asked["q"], class_prefix=asked["class_code"], area=asked["area"], state=asked["state"],
        located=_YES_NO.get(asked["located"]), illustrative=_YES_NO.get(asked["illustrative"]), source=asked["source"],
        updated_since=asked["updated_since"], date=asked["datetime"], recorded=asked["recorded"],
    )
    found, matched, following = features.facilities_page(store, query, cursor=cursor, limit=limit, sort=sort)
    held = workspace.overview(store) if not matched and not any(asked.values()) else None
    return {
        "study": workspace.study_title(store), "empty": held is not None and not held["facilities"], "facilities": found,
        "area_names": features.names_of_areas(store, [each["properties"]["area_code"] for each in found]),
        "matched": matched, "asked": asked, "sort": sort, "times": times, "following": following, "cursor": cursor,
        "to_be_located": None if times["then"] else features.count_to_be_located(store),
        "classes": _classes(features.classes_in_use(store), asked["class_code"]), "areas": features.areas_to_choose(store),
        "states": list(State), "folded_open": any(asked[name] for name in _FOLDED),
        "chips": _chips(asked, sort, language), "columns": _columns(asked, sort), "stale_before": reviewing.stale_before(rules_of(store)),
        "here": address(asked, sort=sort), "next": address(asked, sort=sort, cursor=following),
        "export": urlencode([(name, text) for name, text in asked.items() if text]),
    }


def done_of(told: Mapping[str, str]) -> dict[str, Any]:
    """Return what an address says was done just now, and with how many facilities."""
    done, count = told.get("done", ""), told.get("count", "")
    return {"done": done if done in _DONE else "", "done_count": int(count) if finding.is_whole(count) else 0}


def address(asked: Mapping[str, str], **more: str | None) -> str:
    """Return the address of the list for filters that say something."""
    query = urlencode([(name, text) for name, text in {**asked, **more}.items() if text])
    return f"/facilities?{query}" if query else "/facilities"


def _chips(asked: dict[str, str], sort: str, language: str) -> list[dict[str, str]]:
    """Return each filter in words, with the address that is without it; times have a banner of their own."""
    return [
        {"label": words(language)[f"filter_{name}"], "value": _said(name, text, language),
         "without": address({**asked, name: ""}, sort=sort)}
        for name, text in asked.items() if text and name not in _TIMES
    ]


def _said(name: str, text: str, language: str) -> str:
    known = words(language)
    if name == "class_code":
        return value("class_code", text.upper(), language)
    if name == "state":
        return value("state", text, language)
    if name == "located":
        return known["filter_located_yes"] if text == "true" else known["method_none"]
    if name == "illustrative":
        return known["filter_sample"] if text == "true" else known["filter_real"]
    return text


def _columns(asked: dict[str, str], sort: str) -> dict[str, dict[str, str]]:
    """Return, for each header that sorts, where a click leads and how the list stands by it now."""
    columns = {}
    for name, first in _SORTED.items():
        standing = sort.removeprefix("-") == name
        turned = (sort.removeprefix("-") if sort.startswith("-") else f"-{sort}") if standing else first
        columns[name] = {
            "href": address(asked, sort=turned),
            "standing": ("descending" if sort.startswith("-") else "ascending") if standing else "none",
        }
    return columns


def _classes(codes: list[str], chosen: str) -> list[dict[str, Any]]:
    """Return the classes in use by their first letter; the one that was chosen is among them."""
    known = facility_classes()
    listed = sorted({*codes, *([chosen.upper()] if chosen.upper() in known else [])})
    return [{"letter": letter, "members": [known[code] for code in group]} for letter, group in groupby(listed, key=lambda code: code[0])]


