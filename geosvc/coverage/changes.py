"""Changes: what a scenario does to what is registered, and under which conditions people travel then.

A scenario never touches the registry. What it changes is a document that a person can read::

    {"open": [{"number": 1, "class_code": "C220", "name": "新卫生院", "lon": 126.8, "lat": 42.4}],
     "close": [12],
     "move": [{"facility": 7, "lon": 126.9, "lat": 42.3}],
     "serve": [{"facility": 9, "mode": "邻村延伸", "areas": ["220622102003"]}],
     "close_roads": [[126.81, 42.39]],
     "conditions": ["winter"]}
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from geosvc.coverage.blank_spots import MODES, OWN
from geosvc.errors import InvalidParameter
from geosvc.registry.classes import facility_classes
from geosvc.registry.facilities import Facility, PositionMethod, Registered
from geosvc.travel.conditions import ROAD_CLOSED, all_asked

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

# Planned facilities are numbered from here: above every registered id, so that of two facilities equally near
# the registered one stays the nearest.
PLANNED_FROM = 1_000_000_000
MOST_CHANGES = 200
_LONGEST_NAME = 200
_LARGEST_NUMBER = 1_000_000
_KEYS = ("open", "close", "move", "serve", "close_roads", "conditions")
_LONGEST_CODE = 64
# How a facility can serve an area other than its own, in the registry's words.
SERVING_MODES = tuple(word for word, mode in MODES.items() if mode != OWN)


@dataclass(frozen=True, kw_only=True)
class Opening:
    """A facility that would be opened; longitude and latitude in degrees (CGCS2000 as WGS84).

    ``number`` tells it from the scenario's other openings, whatever is added or taken out later.
    """

    number: int
    class_code: str
    lon: float
    lat: float
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Move:
    """A facility that would stand elsewhere, or at last somewhere; degrees."""

    facility: int
    lon: float
    lat: float


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A registered facility that would also serve areas, by a service mode; ``areas`` are codes in their order."""

    facility: int
    mode: str
    areas: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What differs from what is registered; ``close_roads`` are positions at the roads to close, degrees."""

    open: tuple[Opening, ...] = ()
    close: tuple[int, ...] = ()
    move: tuple[Move, ...] = ()
    serve: tuple[Serving, ...] = ()
    close_roads: tuple[tuple[float, float], ...] = ()
    conditions: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Say whether anything differs."""
        return any(getattr(self, key) for key in _KEYS)

    def as_dict(self) -> dict[str, Any]:
        """Return the document; what is empty is left out."""
        whole = {key: list(value) for key, value in asdict(self).items()}
        whole["serve"] = [{**each, "areas": list(each["areas"])} for each in whole["serve"]]
        whole["close_roads"] = [list(each) for each in self.close_roads]
        return {key: whole[key] for key in _KEYS if whole[key]}

    @property
    def count(self) -> int:
        """How many changes there are."""
        return sum(len(getattr(self, key)) for key in _KEYS)

    @property
    def asked_conditions(self) -> tuple[str, ...]:
        """The conditions of travel with the closed roads among them, as a service is asked under."""
        if not self.close_roads:
            return self.conditions
        return (*self.conditions, ROAD_CLOSED + "@" + ",".join(f"{lon};{lat}" for lon, lat in self.close_roads))

    def of_classes(self, prefixes: Sequence[str], registered: Iterable[int]) -> Changes:
        """Return what concerns the travel to facilities of some classes: those registered have these ids.

        Whom a facility serves by a mode changes no travel and is left out.
        """
        known = set(registered)
        return replace(
            self, serve=(), close_roads=(), conditions=(), open=tuple(each for each in self.open if each.class_code.startswith(tuple(prefixes))),
            close=tuple(each for each in self.close if each in known), move=tuple(each for each in self.move if each.facility in known),
        )

    def of_facilities(self, ids: Container[int]) -> Changes:
        """Return these changes without those of other registered facilities than these."""
        return replace(
            self, close=tuple(each for each in self.close if each in ids), move=tuple(each for each in self.move if each.facility in ids),
            serve=tuple(each for each in self.serve if each.facility in ids))

    @property
    def registered(self) -> list[int]:
        """The ids of the registered facilities that are changed, each once, in their order."""
        return sorted({*self.close, *(each.facility for each in self.move), *(each.facility for each in self.serve)})

    def opened(self) -> list[Registered]:
        """Return the planned facilities as if they were registered, each with its own id in every service."""
        return [_planned(each) for each in self.open]


NO_CHANGES = Changes()


def facilities_under(
    changes: Changes, prefixes: Sequence[str], located: Sequence[Registered], missing: Sequence[Registered]
) -> tuple[list[Registered], list[Registered]]:
    """Return (located, to be located) of the facilities of some classes as changes make them, in the order of their id."""
    if not changes:
        return list(located), list(missing)
    closed = set(changes.close)
    moved = {each.facility: each for each in changes.move}
    kept = [moved_to(each, moved[each.id]) if each.id in moved else each for each in located if each.id not in closed]
    placed = [moved_to(each, moved[each.id]) for each in missing if each.id in moved and each.id not in closed]
    opened = [each for each in changes.opened() if each.facility.class_code.startswith(tuple(prefixes))]
    still = [each for each in missing if each.id not in moved and each.id not in closed]
    return sorted([*kept, *placed, *opened], key=lambda each: each.id), still


def moved_to(each: Registered, move: Move) -> Registered:
    """Return a facility at the place to which a scenario moves it."""
    method = each.facility.position_method
    method = PositionMethod.SURVEYED if method == PositionMethod.NONE else method  # somebody pointed at the place
    return replace(each, facility=replace(each.facility, lon=move.lon, lat=move.lat, position_method=method))


def _planned(opening: Opening) -> Registered:
    name = opening.name or f"＋{opening.number}"
    facility = Facility(
        name=name, class_code=opening.class_code, lon=opening.lon, lat=opening.lat, position_method=PositionMethod.SURVEYED)
    return Registered(id=PLANNED_FROM + opening.number, revision=0, recorded_at="", valid_from=None, facility=facility)


def changes_from(document: Mapping[str, Any]) -> Changes:
    """Return the changes that a document describes.

    Raises
    ------
    InvalidParameter
        If a key is unknown, a class does not exist, a position is none, or one facility is named twice.
    """
    if not isinstance(document, dict):
        raise InvalidParameter(f"changes must be an object with some of {', '.join(_KEYS)}; got {type(document).__name__}")
    unknown = sorted(set(document) - set(_KEYS))
    if unknown:
        raise InvalidParameter(f"changes hold {', '.join(_KEYS)}; nobody knows {', '.join(map(repr, unknown))}")
    found = Changes(
        open=tuple(sorted((_opening(each, i) for i, each in enumerate(_list(document, "open"))), key=lambda each: each.number)),
        close=tuple(sorted({_facility_id(each, f"close[{i}]") for i, each in enumerate(_list(document, "close"))})),
        move=tuple(sorted((_move(each, i) for i, each in enumerate(_list(document, "move"))), key=lambda each: each.facility)),
        serve=tuple(sorted((_serving(each, i) for i, each in enumerate(_list(document, "serve"))), key=lambda each: each.facility)),
        close_roads=tuple(dict.fromkeys(_position(each, f"close_roads[{i}]") for i, each in enumerate(_list(document, "close_roads")))),
        conditions=tuple(str(each) for each in all_asked(_text(each, f"conditions[{i}]") for i, each in enumerate(_list(document, "conditions")))),
    )
    _check_whole(found)
    return found


def _check_whole(changes: Changes) -> None:
    if changes.count > MOST_CHANGES:
        raise InvalidParameter(f"a scenario holds at most {MOST_CHANGES} changes; there are {changes.count}")
    numbers = [each.number for each in changes.open]
    if len(set(numbers)) < len(numbers):
        raise InvalidParameter(f"open: two openings have the number {max(numbers, key=numbers.count)}; each has its own")
    named = [each.facility for each in changes.move]
    twice = sorted({each for each in named if named.count(each) > 1} | (set(named) & set(changes.close)))
    if twice:
        raise InvalidParameter(f"facility {twice[0]} is changed twice: close it, or move it once")
    serving = [each.facility for each in changes.serve]
    again = sorted({each for each in serving if serving.count(each) > 1})
    if again:
        raise InvalidParameter(f"serve: facility {again[0]} stands there twice; a facility has one service mode: name all its areas in one entry")
    shut = sorted(set(serving) & set(changes.close))
    if shut:
        raise InvalidParameter(f"facility {shut[0]} is closed and serves areas: take it out of close, or out of serve")
    if any(each.startswith(ROAD_CLOSED) for each in changes.conditions):
        raise InvalidParameter(f"roads are closed by close_roads, not by the condition {ROAD_CLOSED}")


def _list(document: Mapping[str, Any], key: str) -> list[Any]:
    value = document.get(key, [])
    if not isinstance(value, list):
        raise InvalidParameter(f"{key} must be a list, got {type(value).__name__}")
    return value


def _opening(entry: Any, number: int) -> Opening:
    where = f"open[{number}]"
    held = _held(entry, where, ("class_code", "lon", "lat"), ("name", "number"))
    code = _text(held["class_code"], f"{where}.class_code")
    if code not in facility_classes():
        raise InvalidParameter(f"{where}.class_code: no facility class has the code {code!r}; GET /api/classes lists them")
    name = _text(held.get("name") or "", f"{where}.name").strip()
    if len(name) > _LONGEST_NAME:
        raise InvalidParameter(f"{where}.name has {len(name)} characters; at most {_LONGEST_NAME} are kept")
    lon, lat = _position([held["lon"], held["lat"]], where)
    of_its_own = held.get("number", number + 1)
    if isinstance(of_its_own, bool) or not isinstance(of_its_own, int) or not 0 < of_its_own <= _LARGEST_NUMBER:
        raise InvalidParameter(f"{where}.number must be a whole number from 1 to {_LARGEST_NUMBER}, got {of_its_own!r}")
    return Opening(number=of_its_own, class_code=code, lon=lon, lat=lat, name=name)


def _move(entry: Any, number: int) -> Move:
    where = f"move[{number}]"
    held = _held(entry, where, ("facility", "lon", "lat"), ())
    lon, lat = _position([held["lon"], held["lat"]], where)
    return Move(facility=_facility_id(held["facility"], f"{where}.facility"), lon=lon, lat=lat)


def _serving(entry: Any, number: int) -> Serving:
    where = f"serve[{number}]"
    held = _held(entry, where, ("facility", "mode", "areas"), ())
    mode = held["mode"]
    if mode not in SERVING_MODES:
        raise InvalidParameter(f"{where}.mode must be one of {', '.join(SERVING_MODES)}; got {mode!r}")
    codes = held["areas"]
    if not isinstance(codes, list) or not codes:
        raise InvalidParameter(f"{where}.areas must be a list of one or more codes of areas, got {codes!r}")
    told = tuple(sorted({_code(each, f"{where}.areas[{i}]") for i, each in enumerate(codes)}))
    return Serving(facility=_facility_id(held["facility"], f"{where}.facility"), mode=mode, areas=told)


def _code(value: Any, where: str) -> str:
    code = _text(value, where).strip()
    if not 0 < len(code) <= _LONGEST_CODE:
        raise InvalidParameter(f"{where} must be the code of an area, such as 220622102003; got {value!r}")
    return code


def _held(entry: Any, where: str, needed: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(entry, dict):
        raise InvalidParameter(f"{where} must be an object with {', '.join(needed)}; got {type(entry).__name__}")
    missing, unknown = sorted(set(needed) - set(entry)), sorted(set(entry) - {*needed, *optional})
    if missing or unknown:
        told = f"lacks {', '.join(missing)}" if missing else f"holds {', '.join(unknown)}, which nobody knows"
        raise InvalidParameter(f"{where} {told}; expected {', '.join((*needed, *optional))}")
    return entry


def _facility_id(value: Any, where: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < PLANNED_FROM:
        raise InvalidParameter(f"{where} must be the id of a registered facility, got {value!r}")
    return value


def _text(value: Any, where: str) -> str:
    return readable(value, where)


def readable(value: Any, where: str, *, lines: bool = False) -> str:
    """Return a text that can be written, read and sent; ``lines``: it may have several.

    Raises
    ------
    InvalidParameter
        If it is none, or holds control characters or half of a letter.
    """
    if not isinstance(value, str):
        raise InvalidParameter(f"{where} must be a text, got {value!r}")
    bad = next((each for each in value if unicodedata.category(each) in ("Cc", "Cs") and not (lines and each in "\r\n\t")), None)
    if bad is not None:
        raise InvalidParameter(f"{where} holds the character U+{ord(bad):04X}, which nobody can read; take it out")
    return value


def _position(value: Any, where: str) -> tuple[float, float]:
    numbers = value if isinstance(value, list | tuple) else ()
    whole = [float(each) for each in numbers if isinstance(each, int | float) and not isinstance(each, bool) and math.isfinite(each)]
    if len(numbers) != 2 or len(whole) != 2:
        raise InvalidParameter(f"{where} must be [longitude, latitude] in degrees, got {value!r}")
    lon, lat = (round(each, 6) for each in whole)  # a decimetre: finer than any cell, and the same text everywhere
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        hint = "; the first is the longitude" if -90 <= lon <= 90 and abs(lat) > 90 else ""
        raise InvalidParameter(f"{where}: {lon:g}, {lat:g} is no position in degrees{hint}")
    return lon, lat
