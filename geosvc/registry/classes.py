"""The classes of facilities: a versioned code list, kept as data."""

from __future__ import annotations

import tomllib
import unicodedata
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from geosvc.errors import InvalidInput

UNCLASSIFIED = "X999"


@dataclass(frozen=True)
class FacilityClass:
    """One class: its code, its names, and the group that decides its symbol on a map."""

    code: str
    zh: str
    en: str
    group: str


@cache
def facility_classes() -> dict[str, FacilityClass]:
    """Return the code list by code."""
    return {code: FacilityClass(code, **entry) for code, entry in _document()["classes"].items()}


@cache
def _document() -> dict[str, dict[str, dict[str, str]]]:
    text = files("geosvc.registry").joinpath("codes/facility_classes.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def _words() -> dict[str, str]:
    words = {unicodedata.normalize("NFKC", each.zh): code for code, each in facility_classes().items()}
    words |= {each.en.lower(): code for code, each in facility_classes().items()}
    return words | {unicodedata.normalize("NFKC", word): str(code) for word, code in _document()["synonyms"].items()}


@lru_cache(maxsize=4096)
def class_of(text: str) -> FacilityClass:
    """Return the class that a code or a word of a source means.

    Raises
    ------
    InvalidInput
        If the list has no such class.

    Examples
    --------
    >>> class_of("C220").zh
    '乡镇卫生院'
    >>> class_of("hospital").code
    'A100'
    """
    word = unicodedata.normalize("NFKC", text).strip()
    code = word.upper() if word.upper() in facility_classes() else _words().get(word.lower())
    if code is None:
        raise InvalidInput(
            f"class {word!r} is not in the code list (WS 218-2002 and own codes); "
            "use a code such as A100 or a name such as 综合医院; X999 is unclassified"
        )
    return facility_classes()[code]
