"""The fields of the form: what a facility shows in them, and what they say when they come back.

Everything is text by name: ``name``, ``x``, ``beds.0.count``, ``contact.telephone``. A row that nobody
touched gives back exactly the entry that was shown, whatever else stands in it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from geosvc.errors import InvalidInput
from geosvc.geo.crs import check_position, distance_m
from geosvc.language import LANGUAGES, words
from geosvc.registry.classes import facility_classes
from geosvc.registry.exports.cells import choices, read_list, tidy, written_list
from geosvc.registry.facilities import PositionMethod, State
from geosvc.registry.imports.positions import number_of, position_of
from geosvc.registry.imports.tables import plain
from geosvc.registry.pasted_positions import read_pasted
from geosvc.workflows.editing import facility_feature_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from geosvc.geo.crs import BBox
    from geosvc.registry.facilities import Facility

LONGEST = 2000
MOST_ROWS = 200
TEXTS = ("name", "short_name", "class_code", "level", "grade", "ownership", "service_mode", "state", "opened_on", "closed_on",
         "address", "area_code", "position_method", "position_source", "position_date", "source", "note")
LISTS = ("aliases", "areas_served")
CONTACT = ("telephone", "opening_hours", "officer", "note")
_POSITION = ("raw_x", "raw_y", "raw_datum")
_ROW = re.compile(r"([a-z]+)\.(\d{1,4})\.([a-z_]+)")
_SCHEMES = ("uscc", "licence", "local")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One column of a group: ``codes`` are shown as words, ``kind`` says how it is read."""

    name: str
    kind: str = "text"  # text, count, year, answer, facility
    codes: tuple[str, ...] = ()
    needed: bool = False


@cache
def groups() -> dict[str, tuple[Part, ...]]:
    """Return the columns of each group of rows."""
    year, count = Part(name="year", kind="year"), Part(name="count", kind="count", needed=True)
    return {
        "identifiers": (Part(name="scheme", codes=_SCHEMES, needed=True), Part(name="value", needed=True)),
        "beds": (Part(name="kind", codes=tuple(choices("bed_kind")), needed=True), count, year),
        "staff": (Part(name="cadre", codes=tuple(choices("cadre")), needed=True), count, year),
        "vehicles": (Part(name="kind", needed=True), count),
        "capabilities": (Part(name="code", needed=True), Part(name="value", kind="answer", codes=tuple(choices("answer")), needed=True),
                         Part(name="date"), Part(name="source")),
        "relations": (Part(name="kind", codes=tuple(choices("relation")), needed=True), Part(name="facility_id", kind="facility", needed=True),
                      Part(name="from"), Part(name="to")),
    }


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What cannot be used in one field: ``form_<key>`` of the languages says it."""

    key: str
    values: dict[str, Any] = field(default_factory=dict)

    def text(self, language: str) -> str:
        """Return it in words."""
        return words(language)[f"form_{self.key}"].format(**self.values)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What a form says: its fields as they are shown again, the document, and what cannot be used, by field.

    ``place`` is where the position lies, told by itself: the map shows it before the rest is filled in.
    """

    values: dict[str, str]
    document: dict[str, Any]
    problems: dict[str, Problem]
    place: dict[str, Any] | None = None


# -- from a facility to the fields ------------------------------------------------------------


def values_of(facility: Facility | None, language: str) -> dict[str, str]:
    """Return the fields of a facility; of None those of an empty form."""
    if facility is None:
        return {"state": State.OPERATING.value}
    shown = {name: getattr(facility, name) or "" for name in TEXTS}
    shown |= {name: written_list(getattr(facility, name)) for name in LISTS}
    shown |= {f"contact.{key}": str(text) for key, text in facility.contact.items()}
    shown["illustrative"] = "yes" if facility.illustrative else ""
    shown["x"], shown["y"], shown["datum"] = shown_place(facility)
    for group, parts in groups().items():
        for number, entry in enumerate(getattr(facility, group)):
            shown |= {f"{group}.{number}.{part.name}": _shown(part, entry.get(part.name), language) for part in parts}
            shown[f"{group}.{number}.was"] = json.dumps(entry, ensure_ascii=False)
    return shown


def shown_place(facility: Facility) -> tuple[str, str, str]:
    """Return the coordinates and the datum that the form shows: as they were told, else as they lie."""
    if not facility.located:
        return "", "", ""
    if facility.raw_x and facility.raw_y:
        return facility.raw_x, facility.raw_y, facility.raw_datum or ""
    return repr(facility.lon), repr(facility.lat), "WGS84"


def word_of(code: str, language: str) -> str:
    """Return the word for a code in a group."""
    return words(language).get(f"part_{code}", code)


def _shown(part: Part, value: Any, language: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value if part.kind == "answer" or value not in part.codes else word_of(value, language)
    return json.dumps(value, ensure_ascii=False)


def rows_of(values: Mapping[str, str], group: str) -> list[int]:
    """Return the numbers of the rows that some fields have for a group."""
    return sorted({int(found[2]) for name in values if (found := _ROW.fullmatch(name)) and found[1] == group})


def pins(lon: float | None, lat: float | None, raw_x: str | None, raw_y: str | None) -> dict[str, Any] | None:
    """Return where a position lies, where its raw numbers would lie if they were WGS 84, and the metres between."""
    if lon is None or lat is None:
        return None
    try:
        raw = check_position(number_of(raw_x or "", "longitude"), number_of(raw_y or "", "latitude"))
    except InvalidInput:  # metres of a zone lie nowhere on a map in degrees
        return {"lon": lon, "lat": lat, "raw": None, "metres": None}
    return {"lon": lon, "lat": lat, "raw": list(raw), "metres": round(distance_m(lon, lat, *raw), 1)}


# -- from the fields to a document ------------------------------------------------------------


def read_form(
    values: Mapping[str, str], *, old: Facility | None, language: str, study: BBox, with_contact: bool = True
) -> Draft:
    """Return what the fields of a form say.

    Parameters
    ----------
    values : dict
    old : Facility or None
        As the form showed it; None for a new one. A position and rows that were not touched stay as they are.
    language : str
        In which the form was shown.
    study : (west, south, east, north)
        Degrees; tells longitude from latitude where a pasted line does not.
    with_contact : bool
        False leaves the contact as it is registered.
    """
    told = {name: text.strip() for name, text in values.items()}
    problems = {name: Problem(key="too_long", values={"most": LONGEST, "count": len(text)})
                for name, text in told.items() if len(text) > LONGEST and not name.endswith(".was")}
    properties: dict[str, Any] = {name: tidy(told.get(name)) or None for name in TEXTS}
    properties["illustrative"] = bool(told.get("illustrative"))
    for name in LISTS:
        properties[name] = _texts(name, told.get(name, ""), problems)
    for group, parts in groups().items():
        properties[group] = _entries(group, parts, told, language, problems)
    if with_contact:
        properties["contact"] = {key: text for name, text in told.items() if (key := name.removeprefix("contact.")) != name and text}
    _check(properties, problems)
    told, place = _place(told, old, study, problems)
    properties |= {name: place[name] for name in _POSITION}
    if not place["placed"]:
        properties["position_method"] = PositionMethod.NONE.value  # nowhere: found by no method
    document = {"type": "Feature", "geometry": place["geometry"], "properties": properties}
    lon, lat = place["at"]
    return Draft(values=told, document=document, problems=problems, place=pins(lon, lat, place["raw_x"], place["raw_y"]))


def _check(properties: dict[str, Any], problems: dict[str, Problem]) -> None:
    if not properties["name"]:
        problems["name"] = Problem(key="name_needed")
    if properties["class_code"] not in facility_classes():
        problems["class_code"] = Problem(key="class_needed")
    for name, codes in (("state", set(State)), ("position_method", set(PositionMethod))):
        properties[name] = properties[name] or (State.OPERATING.value if name == "state" else PositionMethod.NONE.value)
        if properties[name] not in codes:
            problems[name] = Problem(key="choose", values={"text": properties[name]})


def _texts(name: str, text: str, problems: dict[str, Problem]) -> list[str]:
    try:
        found = read_list(text)
    except InvalidInput:
        found = []
        problems[name] = Problem(key="list_unclear")
    if len(found) > MOST_ROWS:
        problems[name] = Problem(key="too_many", values={"most": MOST_ROWS})
    return found


def _entries(
    group: str, parts: Iterable[Part], told: Mapping[str, str], language: str, problems: dict[str, Problem]
) -> list[dict[str, Any]]:
    found = []
    for number in rows_of(told, group):
        texts = {part.name: told.get(f"{group}.{number}.{part.name}", "") for part in parts}
        if any(texts.values()):
            found.append(_entry(f"{group}.{number}", parts, texts, _was(told.get(f"{group}.{number}.was")), language, problems))
    if len(found) > MOST_ROWS:
        problems[f"{group}.0.{next(iter(parts)).name}"] = Problem(key="too_many", values={"most": MOST_ROWS})
    return found


def _entry(
    row: str, parts: Iterable[Part], texts: dict[str, str], was: dict[str, Any], language: str, problems: dict[str, Problem]
) -> dict[str, Any]:
    entry = dict(was)
    for part in parts:
        text = texts[part.name]
        if part.name in was and text == _shown(part, was[part.name], language).strip():
            continue
        entry.pop(part.name, None)
        if not text:
            if part.needed:
                problems[f"{row}.{part.name}"] = Problem(key="row_incomplete")
            continue
        entry[part.name] = _read(part, text, f"{row}.{part.name}", problems)
    return entry


def _was(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _read(part: Part, text: str, name: str, problems: dict[str, Problem]) -> Any:
    number = plain(text).replace(",", "")
    whole = int(number) if number.isascii() and number.isdigit() and len(number) <= 18 else None
    if part.kind in ("count", "year"):
        if whole is None or (part.kind == "year" and not 1800 <= whole <= 2200) or whole > 10_000_000:
            problems[name] = Problem(key=f"{part.kind}_wrong", values={"text": text[:40]})
        return whole
    if part.kind == "facility":
        return text if whole is None else whole
    if part.kind == "answer" and text not in part.codes:
        problems[name] = Problem(key="choose", values={"text": text[:40]})
    return _codes(part.codes).get(text, tidy(text))


@cache
def _codes(codes: tuple[str, ...]) -> dict[str, str]:
    """Return codes by each of their words: of every language, and of exported tables."""
    found = {word_of(code, language): code for language in LANGUAGES for code in codes}
    for name in ("bed_kind", "cadre", "relation"):
        found |= {word: code for code, word in choices(name).items() if code in codes}
    return found


def _place(
    told: dict[str, str], old: Facility | None, study: BBox, problems: dict[str, Problem]
) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the fields with what was pasted put into them, and the position that they say."""
    nowhere: dict[str, Any] = {"geometry": None, "placed": False, "at": (None, None), **dict.fromkeys(_POSITION)}
    if told.get("paste"):
        try:
            x, y = read_pasted(told["paste"], study)
        except InvalidInput:
            problems["paste"] = Problem(key="paste_unclear", values={"text": told["paste"][:60]})
            return told, nowhere
        told = {**told, "x": x, "y": y, "paste": ""}
    x, y, datum = (told.get(name, "") for name in ("x", "y", "datum"))
    if old is not None and old.located and (x, y, datum) == tuple(text.strip() for text in shown_place(old)):
        feature = facility_feature_of(old)
        return told, {"geometry": feature["geometry"], "placed": True, "at": (old.lon, old.lat), **{name: getattr(old, name) for name in _POSITION}}
    if not x and not y:
        # What a source told and nobody could use stays beside the empty place; what was placed and is taken away goes.
        kept = {} if old is None or old.located else {name: getattr(old, name) for name in _POSITION}
        return told, {**nowhere, **kept}
    if _unclear(x, y, datum, problems):
        return told, nowhere
    try:
        found = position_of({"longitude": x, "latitude": y}, datum)
    except InvalidInput:
        problems["x"] = Problem(key="not_on_earth", values={"x": x[:30], "y": y[:30]})
        return told, nowhere
    assert found is not None  # neither is empty
    geometry = None
    if old is not None and not old.located and (x, y, datum) == (old.raw_x, old.raw_y, old.raw_datum):
        geometry = {"type": "Point", "coordinates": [found.lon, found.lat]}
    return told, {"geometry": geometry, "placed": True, "at": (found.lon, found.lat), "raw_x": x, "raw_y": y, "raw_datum": datum}


def _unclear(x: str, y: str, datum: str, problems: dict[str, Problem]) -> bool:
    """Write down which of the fields of a position cannot be used; return whether one cannot."""
    before = len(problems)
    for name, text, what in (("x", x, "longitude"), ("y", y, "latitude")):
        if not text:
            problems[name] = Problem(key="one_coordinate")
            continue
        try:
            number_of(text, what)
        except InvalidInput:
            problems[name] = Problem(key="bad_number", values={"text": text[:40]})
    if not datum:
        problems["datum"] = Problem(key="datum_needed")
    return len(problems) > before
