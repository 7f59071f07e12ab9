"""Two who change one facility at once: what each made of it, and what is to stand, field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geosvc.language import words
from geosvc.web.facility_views import clock, label, value
from geosvc.workflows import editing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from geosvc.store.engine import Store

MINE, THEIRS = "mine", "theirs"
# A position is one thing to choose, whatever it is made of.
_POSITION = ("lon", "lat", "raw_x", "raw_y", "raw_datum")
_IN_DOCUMENT = ("raw_x", "raw_y", "raw_datum")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Whose value is to stand in a field; ``whose`` empty is not chosen yet."""

    field: str
    whose: str


def left_open(choices: Sequence[Choice]) -> bool:
    """Return whether some field has no choice that can be used."""
    return any(each.whose not in (MINE, THEIRS) for each in choices)


def conflict_view(
    store: Store, number: int, base: int, mine: dict[str, Any], language: str, made: Sequence[Choice]
) -> dict[str, Any]:
    """Return what the page of a conflict shows.

    ``rows`` has, for each field that either changed, what was seen, what the others made of it, what I
    want, and whose is chosen; where both changed it nobody's is, unless somebody's was chosen before.

    Raises
    ------
    FacilityNotFound, InvalidInput
    """
    revision, differing = editing.conflict_of(store, number, base, mine)
    chosen = {each.field: each.whose for each in made}
    rows = []
    for name, pairs in _as_shown(differing).items():
        seen, theirs, wanted = ({part: pair[whose] for part, pair in pairs.items()} for whose in ("seen", "theirs", "mine"))
        if theirs == wanted:
            continue
        whose = MINE if seen == theirs else THEIRS if seen == wanted else ""
        rows.append({
            "field": name, "label": words(language)["position"] if name == "position" else label(name, language),
            **{who: _said(name, told, language) for who, told in (("seen", seen), ("theirs", theirs), ("mine", wanted))},
            "whose": chosen.get(name) or whose, "both": not whose, "theirs_changed": seen != theirs,
        })
    others = [{"author": each.author, "at": clock(each.recorded_at), "reason": each.reason}
              for each in editing.changed_since(store, number, base)]
    return {"revision": revision, "rows": sorted(rows, key=lambda each: not each["both"]), "others": others}


def _as_shown(differing: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Mapping[str, Any]]]:
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for each in differing:
        name = "position" if each["field"] in _POSITION else each["field"]
        found.setdefault(name, {})[each["field"]] = each
    return found


def _said(name: str, told: Mapping[str, Any], language: str) -> str:
    if name == "position":
        text = words(language)["list_comma"].join(f"{label(part, language)} {value(part, each, language)}" for part, each in told.items())
        return text or words(language)["none"]
    if name == "contact":
        known = words(language)
        return known["list_mark"].join(f"{known.get(f'contact_{key}', key)} {text}" for key, text in told[name].items()) or known["none"]
    return value(name, told[name], language)


def chosen_document(store: Store, number: int, mine: dict[str, Any], choices: Sequence[Choice]) -> dict[str, Any]:
    """Return my document with those fields of the others that I chose.

    Raises
    ------
    FacilityNotFound
    """
    theirs = editing.facility_feature_of(editing.seen(store, number).facility)
    properties, geometry = dict(mine["properties"]), mine["geometry"]
    for each in choices:
        if each.whose != THEIRS:
            continue
        if each.field == "position":
            geometry = theirs["geometry"]
            properties |= {name: theirs["properties"][name] for name in _IN_DOCUMENT}
        elif each.field in theirs["properties"]:
            properties[each.field] = theirs["properties"][each.field]
    return {"type": "Feature", "geometry": geometry, "properties": properties}
