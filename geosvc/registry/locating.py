"""Where a facility without a position may stand: suggestions, each with its method and how far off it could be.

Nothing is placed here. A suggestion is never better than its source: the middle of an area is named as
poor, and a raw value that was refused is read in every datum that puts it inside of its area.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geosvc.errors import InvalidInput
from geosvc.geo.crs import GEOD, distance_m
from geosvc.geo.datums import BD09, CGCS2000, GCJ02, WGS84, datum_named
from geosvc.language import words
from geosvc.registry.areas import Area
from geosvc.registry.facilities import Facility, PositionMethod
from geosvc.registry.imports.positions import position_of
from geosvc.registry.name_parts import plain_name
from geosvc.store.locating import At

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# The lengths of Chinese division codes from a village up: what holds the facility, and what holds that.
_CODE_LENGTHS = (12, 9, 6, 4, 2)
_VILLAGE_LETTERS = 12
_OF_A_VILLAGE = re.compile(r"(?:村民委员会|居民委员会|村委会|居委会|社区|行政村|自然村|村|屯)$")
_ABOVE_TOWNSHIPS = ("country", "province", "prefecture", "county")
_SETTLEMENT_M = 250.0  # how far a house may stand from the point of its settlement, at least
_ADDRESS_M = 100.0  # buildings of one address
# A position of these says no more than where the area is.
_NO_ADDRESS = (PositionMethod.AREA_CENTRE, PositionMethod.ILLUSTRATIVE, PositionMethod.SETTLEMENT_POINT)


class Rule(StrEnum):
    """How a suggestion was found, the best first."""

    RAW_VALUE = "raw_value"
    SAME_ADDRESS = "same_address"
    SETTLEMENT_POINT = "settlement_point"
    AREA_CENTRE = "area_centre"


_METHODS = {
    Rule.RAW_VALUE: PositionMethod.UNKNOWN, Rule.SAME_ADDRESS: PositionMethod.GEOCODED,
    Rule.SETTLEMENT_POINT: PositionMethod.SETTLEMENT_POINT, Rule.AREA_CENTRE: PositionMethod.AREA_CENTRE,
}


@dataclass(frozen=True, kw_only=True)
class Suggestion:
    """A place where a facility may stand; longitude and latitude are degrees.

    ``off_by_m`` is how far off it could be in metres, None where nobody knows; ``poor`` ones are better
    than nothing and no more. ``x``, ``y``, ``datum`` are what is kept as the raw value.
    """

    rule: Rule
    lon: float
    lat: float
    off_by_m: float | None
    poor: bool
    zh: str
    en: str
    datum: str = WGS84
    x: str | None = None
    y: str | None = None
    area_code: str | None = None
    facility_id: int | None = None

    @property
    def method(self) -> PositionMethod:
        """How a position is found that takes it over."""
        return _METHODS[self.rule]

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "rule": str(self.rule), "method": str(self.method), "lon": self.lon, "lat": self.lat, "poor": self.poor,
            "off_by_m": None if self.off_by_m is None else round(self.off_by_m), "datum": self.datum, "zh": self.zh, "en": self.en,
            "area_code": self.area_code, "facility_id": self.facility_id,
        }

    def put(self, facility: Facility, *, day: str) -> Facility:
        """Return the facility at this place, found on a day."""
        return replace(
            facility, lon=self.lon, lat=self.lat, raw_x=self.x or repr(self.lon), raw_y=self.y or repr(self.lat), raw_datum=self.datum,
            position_method=self.method.value, position_source=self.zh, position_date=day)


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """The point of a settlement, in degrees, and how far from it its people live."""

    lon: float
    lat: float
    reach_m: float


@dataclass(frozen=True, kw_only=True)
class Gazetteer:
    """What is known of places: areas by code, villages by code, settlements by area code, facilities by address and by settlement."""

    areas: Mapping[str, Area]
    villages: Mapping[str, str]
    settlements: Mapping[str, Settlement]
    at_address: Mapping[str, Sequence[At]]
    at_settlement: Mapping[str, Sequence[At]]


def settlements_of(points: Iterable[tuple[str, float, float, float]]) -> dict[str, Settlement]:
    """Return the point of each area, where most of its people live, from (area code, lon, lat, people)."""
    by_code: defaultdict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for code, lon, lat, people in points:
        if code and people > 0:
            by_code[code].append((lon, lat, people))
    found = {}
    for code, entries in by_code.items():
        lon, lat, people = np.array(entries).T
        middle = (float(np.average(lon, weights=people)), float(np.average(lat, weights=people)))
        away = GEOD.inv(np.full(len(lon), middle[0]), np.full(len(lon), middle[1]), lon, lat)[2]
        found[code] = Settlement(lon=round(middle[0], 6), lat=round(middle[1], 6), reach_m=max(_SETTLEMENT_M, float(np.max(away))))
    return found


def suggestions(one: Facility, known: Gazetteer) -> list[Suggestion]:
    """Return where a facility without a position may stand, the best first."""
    return [
        *_from_raw(one, known), *_from_address(one, known), *_from_settlement(one, known), *_from_area(one, known),
    ]


def codes_above(code: str | None) -> list[str]:
    """Return the codes of the areas that hold a code, itself first.

    >>> codes_above("220622100001")
    ['220622100001', '220622100', '220622', '2206', '22']
    """
    if not code:
        return []
    above = [code[:length] for length in _CODE_LENGTHS if length < len(code)] if code.isdigit() else []
    return [code, *above]


def village_word(name: str) -> str:
    """Return the name of a village as it stands inside of other names.

    >>> village_word("保安村民委员会"), village_word("河南社区")
    ('保安', '河南')
    """
    word = _OF_A_VILLAGE.sub("", plain_name(name))
    return word if len(word) > 1 else plain_name(name)


def _said(rule: Rule, word: str, **blanks: Any) -> dict[str, Any]:
    return {"rule": rule, **{language: words(language)[f"locate_{word}"].format(**blanks) for language in ("zh", "en")}}


def _polygon_around(code: str | None, known: Gazetteer) -> Area | None:
    return next((area for each in codes_above(code) if (area := known.areas.get(each)) is not None and area.geometry is not None), None)


def _from_raw(one: Facility, known: Gazetteer) -> list[Suggestion]:
    """Read what the source said, in the datum it named, else in each; longitude and latitude may have been swapped."""
    if not one.raw_x or not one.raw_y:
        return []
    around = _polygon_around(one.area_code, known)
    datums = _told_datum(one.raw_datum) or (WGS84, GCJ02, BD09, CGCS2000)
    for x, y, swapped in ((one.raw_x, one.raw_y, False), (one.raw_y, one.raw_x, True)):
        read = dict[tuple[float, float], str]()  # two datums that give one place (WGS84, CGCS2000) are one
        for datum in datums:
            if (place := _read(x, y, datum)) is not None:
                read.setdefault(place, datum)
        inside = {place: datum for place, datum in read.items() if around is None or shapely.intersects_xy(around.geometry, *place)}
        if inside:
            off_by = max((distance_m(*first, *second) for first, second in combinations(inside, 2)), default=None)
            return [
                Suggestion(
                    **_said(Rule.RAW_VALUE, "raw_swapped" if swapped else "raw", x=one.raw_x, y=one.raw_y, datum=datum),
                    lon=place[0], lat=place[1], off_by_m=off_by, poor=around is None or len(inside) > 1, datum=datum, x=x, y=y,
                )
                for place, datum in inside.items()
            ]
    return []


def _told_datum(word: str | None) -> tuple[str, ...]:
    try:
        return (datum_named(word),) if word else ()
    except InvalidInput:
        return ()


def _read(x: str, y: str, datum: str) -> tuple[float, float] | None:
    try:
        place = position_of({"longitude": x, "latitude": y}, datum)
    except InvalidInput:
        return None
    return None if place is None else (round(place.lon, 7), round(place.lat, 7))


def _from_address(one: Facility, known: Gazetteer) -> list[Suggestion]:
    """Suggest the place of another facility of the same address; one without a number is no address."""
    if not one.address or not re.search(r"\d", plain_name(one.address)):
        return []
    others = [each for each in known.at_address.get(one.address, ()) if each.method not in _NO_ADDRESS]
    return [
        Suggestion(**_said(Rule.SAME_ADDRESS, "address", name=each.name, id=each.id), lon=each.lon, lat=each.lat, off_by_m=_ADDRESS_M, poor=False,
                   facility_id=each.id)
        for each in others[:1]
    ]


def _from_settlement(one: Facility, known: Gazetteer) -> list[Suggestion]:
    """Suggest the point of the village that the code names, else of each that the name or the address names."""
    codes = [one.area_code] if one.area_code and len(one.area_code) >= _VILLAGE_LETTERS else _named_villages(one, known)
    found = []
    for code in codes:
        name = known.villages.get(code, code)
        if (point := known.settlements.get(code)) is not None:
            found.append(Suggestion(**_said(Rule.SETTLEMENT_POINT, "settlement", name=name), lon=point.lon, lat=point.lat,
                                    off_by_m=point.reach_m, poor=False, area_code=code))
        elif other := next(iter(known.at_settlement.get(code, ())), None):
            found.append(Suggestion(**_said(Rule.SETTLEMENT_POINT, "settlement_of", name=name, other=other.name, id=other.id), lon=other.lon,
                                    lat=other.lat, off_by_m=_SETTLEMENT_M, poor=False, area_code=code, facility_id=other.id))
    return found


def _named_villages(one: Facility, known: Gazetteer) -> list[str]:
    """Return the villages of a facility's area whose names stand in its name, else in its address; a longer name wins."""
    if not one.area_code:
        return []
    inside = {code: village_word(name) for code, name in known.villages.items() if code.startswith(one.area_code)}
    # 靖宇县濛江乡卫生院 says nothing of the village 靖宇: what holds the township is no name of a village.
    above = [plain_name(known.areas[code].name) for code in codes_above(one.area_code) if code in known.areas and known.areas[code].level in _ABOVE_TOWNSHIPS]
    for text in (_without(above, plain_name(one.name)), _without(above, plain_name(one.address or ""))):
        found = {code: word for code, word in inside.items() if word in text}
        longest = max(map(len, found.values()), default=0)
        if found:
            return [code for code, word in found.items() if len(word) == longest]
    return []


def _without(names: Iterable[str], text: str) -> str:
    for name in names:
        text = text.replace(name, " ")
    return text


def _from_area(one: Facility, known: Gazetteer) -> list[Suggestion]:
    """Suggest a point in the middle of the smallest area with a polygon; it is as far off as the area is large."""
    area = _polygon_around(one.area_code, known)
    if area is None or area.geometry is None:
        return []
    middle = area.geometry.representative_point()
    corners = shapely.get_coordinates(area.geometry)
    away = GEOD.inv(np.full(len(corners), middle.x), np.full(len(corners), middle.y), corners[:, 0], corners[:, 1])[2]
    return [Suggestion(**_said(Rule.AREA_CENTRE, "area", name=area.name), lon=round(middle.x, 6), lat=round(middle.y, 6),
                       off_by_m=float(np.max(away)), poor=True, area_code=area.code)]
