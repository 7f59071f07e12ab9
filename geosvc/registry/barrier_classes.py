"""The classes of barriers: rivers, railways, walls; what stops people off the roads."""

from __future__ import annotations

import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True, kw_only=True)
class BarrierClass:
    """One class; ``codes/barrier_classes.toml`` says what each field means."""

    code: str
    zh: str
    en: str
    stops: bool
    tags: tuple[str, ...] = ()
    outline: bool = False
    water: bool = False
    condition: str = ""


@cache
def barrier_classes() -> dict[str, BarrierClass]:
    """Return the code list by code."""
    return {
        code: BarrierClass(code=code, **{**entry, "tags": tuple(entry["tags"])})
        for code, entry in _document()["classes"].items()
    }


def barrier_class_of(text: str) -> BarrierClass | None:
    """Return the class that a word of a source means; None if the list does not know it.

    Examples
    --------
    >>> [barrier_class_of(word).code for word in ("河流", "水库", "rail", "Canal")]
    ['river', 'reservoir', 'railway', 'canal']
    >>> barrier_class_of("航线") is None
    True
    """
    code = _words().get(_plain(text)) or _values().get(_plain(text))
    return None if code is None else barrier_classes()[code]


def barrier_class_of_tag(key: str, value: str) -> BarrierClass | None:
    """Return the class of an OpenStreetMap tag, or of a word of ours in a column of that name.

    The value alone says too little: ``landuse=construction`` is no railway under construction.

    Examples
    --------
    >>> barrier_class_of_tag("natural", "water").code, barrier_class_of_tag("landuse", "水库").code
    ('lake', 'reservoir')
    >>> barrier_class_of_tag("landuse", "construction") is None
    True
    """
    code = _tags().get(f"{key}={_plain(value)}") or _words().get(_plain(value))
    return None if code is None else barrier_classes()[code]


@cache
def _document() -> dict[str, dict[str, Any]]:
    text = files("geosvc.registry").joinpath("codes/barrier_classes.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def _tags() -> dict[str, str]:
    return {tag: code for code, each in barrier_classes().items() for tag in each.tags}


@cache
def _values() -> dict[str, str]:
    """Return the class of each of OpenStreetMap's values without its key, as extracts for GIS write them."""
    values: dict[str, str] = {}
    for tag, code in _tags().items():
        values.setdefault(tag.split("=")[1], code)
    return {value: code for value, code in values.items() if value != "yes"}


@cache
def _words() -> dict[str, str]:
    words: dict[str, str] = {}
    for code, each in barrier_classes().items():
        words |= {code: code, _plain(each.zh): code, _plain(each.en): code}
    return words | {_plain(word): str(code) for word, code in _document()["synonyms"].items()}


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip().lower()
