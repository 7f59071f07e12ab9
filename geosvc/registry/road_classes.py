"""The classes of roads: the words of OpenStreetMap, and what other sources call them."""

from __future__ import annotations

import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class RoadClass:
    """One class: OpenStreetMap's word and its names."""

    code: str
    zh: str
    en: str


@cache
def road_classes() -> dict[str, RoadClass]:
    """Return the code list by OpenStreetMap's word."""
    return {code: RoadClass(code, **entry) for code, entry in _document()["classes"].items()}


def road_class_of(text: str) -> RoadClass | None:
    """Return the class that a word of a source means; None if the list does not know it.

    Examples
    --------
    >>> [road_class_of(word).code for word in ("县道", "二级公路", "motorway_link")]
    ['secondary', 'primary', 'motorway_link']
    >>> road_class_of("航线") is None
    True
    """
    code = _words().get(_plain(text))
    return None if code is None else road_classes()[code]


@cache
def _document() -> dict[str, dict[str, dict[str, str]]]:
    text = files("geosvc.registry").joinpath("codes/road_classes.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def _words() -> dict[str, str]:
    words: dict[str, str] = {}
    for code, each in road_classes().items():
        words |= {code: code, _plain(each.zh): code, _plain(each.en): code}
    return words | {_plain(word): str(code) for word, code in _document()["synonyms"].items()}


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().lower()
