"""One line of text that somebody copied from a map, read as two coordinates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from geosvc.errors import InvalidInput
from geosvc.registry.imports.tables import plain

if TYPE_CHECKING:
    from geosvc.geo.crs import BBox

_SIGN = r"(?:东经|西经|北纬|南纬|[EWNS])"
_DEGREES = r"\d+(?:\.\d+)?\s*[°º˚度]\s*(?:\d+(?:\.\d+)?\s*['’‘′分]\s*(?:\d+(?:\.\d+)?\s*(?:[\"”“″秒]|['’′]{2})\s*)?)?"
_NUMBER = rf"(?P<number>{_DEGREES}|[-+]?\d+(?:\.\d+)?)"
# The letter stands before every number or behind every number: N42 E126, 42N 126E.
_BEFORE = re.compile(rf"(?P<letter>{_SIGN})?\s*{_NUMBER}", re.IGNORECASE)
_BEHIND = re.compile(rf"{_NUMBER}\s*(?P<letter>{_SIGN}(?![a-z]))?", re.IGNORECASE)
_NORTH, _NEGATIVE = ("北纬", "南纬", "N", "S"), ("南纬", "西经", "S", "W")
# Words that maps write before a number: 经度:126.8, lat=42.3, POINT(…).
_LABELS = re.compile(r"longitude|latitude|point|经度|纬度|坐标|lng|lon|lat|[xy]\s*[:=：]|[()（）\[\]【】&=:：]", re.IGNORECASE)
_LATITUDE_FIRST = re.compile(r"^\W*(latitude|lat|纬度)", re.IGNORECASE)
_LARGEST_LATITUDE = 90.0
_LARGEST_DEGREES = 180.0
_CHINA = (73.0, 3.0, 136.0, 54.0)


def read_pasted(text: str, study: BBox) -> tuple[str, str]:
    """Return (longitude, latitude) as they stand in a line such as "42.3891, 126.8102" or "北纬42°23′ 东经126°48′".

    Which is which is told by letters, by a word (lat, 纬度), or by the numbers: no latitude is beyond
    90 degrees. Where both could be either, the one way round that lies inside of the study, else of China, is meant.
    Metres of a zone are returned as they came.

    Parameters
    ----------
    text : str
    study : (west, south, east, north)
        Degrees.

    Raises
    ------
    InvalidInput
        If there are not two numbers, or nothing tells which is the longitude.

    Examples
    --------
    >>> read_pasted("42.3891, 126.8102", (126.0, 42.0, 128.0, 43.0))
    ('126.8102', '42.3891')
    """
    told = _narrow(text)
    bare = _LABELS.sub(" ", told).strip()
    found = list((_BEFORE if re.match(_SIGN, bare, re.IGNORECASE) else _BEHIND).finditer(bare))
    if len(found) != 2:
        raise InvalidInput(f"expected two coordinates such as 126.8102, 42.3891; got {text.strip()[:60]!r}")
    first, second = (_with_sign(each) for each in found)
    return (second, first) if _latitude_first(found, told, study) else (first, second)


def _with_sign(one: re.Match[str]) -> str:
    """Return a coordinate as a table holds it: degrees alone carry a sign, others their letter."""
    letter, number = (one["letter"] or "").upper(), one["number"].strip()
    if re.fullmatch(r"[-+]?[\d.]+", number):
        return f"-{number}" if letter in _NEGATIVE and number[0] not in "-+" else number
    return f"{letter}{number}"


def _narrow(text: str) -> str:
    """Return text with full-width letters and digits made ordinary; NFKC alone would spoil º and ″."""
    return "".join(plain(each) if "！" <= each <= "～" else each for each in text).replace("，", ",")


def _latitude_first(found: list[re.Match[str]], told: str, study: BBox) -> bool:
    letters = [(each["letter"] or "").upper() for each in found]
    if any(letters):
        north = [letter in _NORTH for letter in letters if letter]
        if len(north) == 2 and north[0] == north[1]:
            raise InvalidInput(f"both coordinates of {told.strip()[:60]!r} say {'latitude' if north[0] else 'longitude'}; one of each was expected")
        return north[0] if letters[0] else not north[0]
    if _LATITUDE_FIRST.match(told):
        return True
    first, second = (float(re.match(r"[-+]?\d+(\.\d+)?", each["number"])[0]) for each in found)  # type: ignore[index]
    if abs(first) > _LARGEST_DEGREES or abs(second) > _LARGEST_DEGREES:  # metres
        return False
    if abs(first) > _LARGEST_LATITUDE or abs(second) > _LARGEST_LATITUDE:
        return abs(second) > _LARGEST_LATITUDE
    for box in (study, _CHINA):
        here, turned = _inside(first, second, box), _inside(second, first, box)
        if here != turned:
            return turned
    raise InvalidInput(f"nothing tells which of {told.strip()[:60]!r} is the longitude; write E and N behind them")


def _inside(lon: float, lat: float, study: BBox) -> bool:
    west, south, east, north = study
    return west <= lon <= east and south <= lat <= north
